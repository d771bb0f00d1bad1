/* hot_path.c - what is done for each event of a stream, one part at a time, N times
 *
 *   hot_path PART N      sse, decode or trace; prints N
 *
 * For bench/instructions, which counts the instructions of two values of N under callgrind: what the
 * larger one has more is the cost of the events alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/num.h"
#include "base/str.h"
#include "http/sse.h"
#include "run/record.h"

/* As vLLM sends them, and the padding that parsers want behind. */
static const char event[] =
    "data: {\"id\":\"chatcmpl-0123456789abcdef0123456789abcdef\",\"object\":"
    "\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"a-model-of-8b\",\"choices\":"
    "[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null,"
    "\"token_ids\":null}]}\n\n"
    "                                                                ";

static int count_event(void *owner, const struct tk_sse_event *ev)
{
    *(size_t *)owner += ev->data.n;
    return 0;
}

static int run_sse(int64_t n)
{
    struct tk_sse sse;
    size_t bytes = 0;
    int rc = 0;

    tk_sse_init(&sse, TK_SSE_LIMITS_DEFAULT);
    for (int64_t i = 0; rc == 0 && i < n; i++)
        rc = tk_sse_feed(&sse, event, sizeof(event) - 1 - TK_JSON_PADDING, count_event, &bytes);
    tk_sse_release(&sse);
    return rc;
}

static int run_decode(int64_t n)
{
    struct tk_json *json = tk_json_new(1 << 20);
    struct tk_str data = { event + 6, sizeof(event) - 1 - TK_JSON_PADDING - 8 };
    int rc = json ? 0 : -1;

    for (int64_t i = 0; rc == 0 && i < n; i++) {
        struct tk_api_event e;
        rc = tk_api_chat.decode_event(json, TK_STR(""), data, &e);
        if (rc == 0 && e.text.n != 6)
            rc = -1;
    }
    tk_json_free(json);
    return rc;
}

/* A read and its event, in replies of a thousand. */
static int run_trace(int64_t n)
{
    struct tk_blocks *pool;
    struct tk_trace trace = { 0 };
    tk_ns now = 1000 * TK_NS_PER_S, offset = 7 * TK_NS_PER_S;

    if (tk_blocks_new(1 << 20, &pool) != 0)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        if (i % 1000 == 0) {
            tk_chain_release(&trace.bytes, pool);
            tk_trace_begin(&trace, pool, now, 1 << 20);
        }
        now += 10 * TK_NS_PER_MS + i % 7 * 1000;
        (void)tk_trace_read(&trace, now + offset, now + 4000, offset, 262);
        tk_trace_event(&trace, TK_CH_CONTENT | TK_CH_CHOICES, -1, 6);
    }
    tk_chain_release(&trace.bytes, pool);
    tk_blocks_free(pool);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int64_t n);
    } parts[] = { { "sse", run_sse }, { "decode", run_decode }, { "trace", run_trace } };
    int64_t n;

    for (size_t i = 0; argc == 3 && i < TK_ARRAY_LEN(parts); i++) {
        if (strcmp(parts[i].name, argv[1]) != 0 ||
            tk_num_parse_i64(tk_str_of(argv[2]), 0, INT64_C(1) << 40, &n) != 0)
            continue;
        if (parts[i].run(n) != 0)
            break;
        printf("%lld\n", (long long)n);
        return 0;
    }
    fprintf(stderr, "usage: hot_path sse|decode|trace N\n");
    return 1;
}
