#include "run/record.h"

static const struct {
    const char *word, *text;
} ends[TK_END_N_] = {
#define X(name, word, text) [TK_END_##name] = { word, text },
    TK_END_MAP(X)
#undef X
};

static const char *const finishes[] = {
    [TK_FINISH_NONE] = "",
    [TK_FINISH_STOP] = "stop",
    [TK_FINISH_LENGTH] = "length",
    [TK_FINISH_TOOL_CALLS] = "tool_calls",
    [TK_FINISH_CONTENT_FILTER] = "content_filter",
    [TK_FINISH_OTHER] = "other",
};

const char *tk_end_word(enum tk_end e)
{
    return (unsigned)e < TK_END_N_ ? ends[e].word : "unknown";
}

const char *tk_end_text(enum tk_end e)
{
    return (unsigned)e < TK_END_N_ ? ends[e].text : "a class that this version does not know";
}

bool tk_end_is_cancelled(enum tk_end e)
{
    return e == TK_END_CANCELLED || e == TK_END_CANCELLED_BY_PLAN;
}

bool tk_end_is_failure(enum tk_end e)
{
    return e != TK_END_OK && !tk_end_is_cancelled(e);
}

const char *tk_finish_word(enum tk_finish f)
{
    return (unsigned)f < TK_ARRAY_LEN(finishes) ? finishes[f] : "other";
}
