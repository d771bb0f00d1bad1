/* words.h - an event as one line of words, for tests that compare it whole */
#ifndef TK_TESTS_UNIT_API_WORDS_H
#define TK_TESTS_UNIT_API_WORDS_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "lib/guard.h"

/* "choices role content | text reasoning bytes finish | prompt output reasoning cached | error" */
static inline const char *event_words(const struct tk_api_event *ev)
{
    static const char *const channels[] = {
        "choices", "content", "reasoning", "role", "tool",  "refusal",
        "usage",   "error",   "finish",    "done", "other", "body",
    };
    static const char *const finishes[] = { "-", "stop", "length", "tool_calls", "filter", "else" };
    static char line[2048];
    char *p = line, *end = line + sizeof(line);

    *p = '\0';
    for (size_t i = 0; i < TK_ARRAY_LEN(channels); i++) {
        if (ev->channels & (1u << i))
            p += snprintf(p, (size_t)(end - p), "%s ", channels[i]);
    }
    p += snprintf(p, (size_t)(end - p), "| '%.*s' '%.*s' %" PRIu32 " %s |", TK_STR_ARG(ev->text),
                  TK_STR_ARG(ev->reasoning), ev->text_bytes, finishes[ev->finish]);
    if (ev->channels & TK_CH_USAGE)
        p += snprintf(p, (size_t)(end - p), " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                      ev->prompt_tokens, ev->output_tokens, ev->reasoning_tokens,
                      ev->cached_tokens);
    snprintf(p, (size_t)(end - p), " | %.*s", TK_STR_ARG(ev->error));
    return line;
}

/* The text with the padding that parsers need and an unmapped page behind it. */
static inline struct tk_str guarded(struct tk_guard *g, const char *text)
{
    size_t n = strlen(text);
    char *p = tk_guard_init(g, NULL, n + TK_JSON_PADDING);
    memcpy(p, text, n);
    memset(p + n, 0xA5, TK_JSON_PADDING); /* nobody may rely on what is there */
    return (struct tk_str){ p, n };
}

#endif
