/* knobs.c - the knobs that ride in a request
 *
 *   x-sim: ttft=20ms, tokens=3          header
 *   POST /v1/completions?sim=reset_at=2 query, percent-decoded
 *   {…, "sim": {"status": 503}}         body, read in request.c
 *
 * One table gives each knob its name, its kind and its range. A knob that nobody knows is an
 * error, so that a test cannot believe in a fault that never came.
 */
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "sim/internal.h"

#define QUERY_MAX 2048 /* bytes of the knobs in a query, decoded */

enum kind { KIND_DUR, KIND_INT, KIND_FLAG, KIND_CHOICE };

struct knob {
    const char *name;
    enum kind kind;
    size_t at;           /* offsetof() in struct tk_sim_knobs */
    int64_t min, max;    /* KIND_INT */
    const char *choices; /* KIND_CHOICE: words in the order of the enum */
    bool is_fault;       /* named in the log as one when it is not as it comes */
};

#define AT(member) offsetof(struct tk_sim_knobs, member)

static const struct knob knobs[] = {
    { "ttft", KIND_DUR, AT(ttft_dur), 0, 0, NULL, false },
    { "itl", KIND_DUR, AT(itl_dur), 0, 0, NULL, false },
    { "jitter", KIND_CHOICE, AT(jitter), 0, 0, "none exponential uniform", false },
    { "tokens", KIND_INT, AT(n_tokens), 0, TK__MAX_TOKENS, NULL, false },
    { "chunk", KIND_INT, AT(chunk), 1, 4096, NULL, false },
    { "role", KIND_CHOICE, AT(role), 0, 0, "none at-once first", false },
    { "reasoning", KIND_INT, AT(n_reasoning), 0, TK__MAX_TOKENS, NULL, false },
    { "tool", KIND_FLAG, AT(is_tool), 0, 0, NULL, false },
    { "usage", KIND_CHOICE, AT(usage), 0, 0, "asked final continuous none", false },
    { "events_per_write", KIND_INT, AT(events_per_write), 1, 4096, NULL, false },
    { "cut_every", KIND_INT, AT(cut_every), 0, 1 << 20, NULL, false },
    { "cut_gap", KIND_DUR, AT(cut_gap), 0, 0, NULL, false },
    { "cut_random", KIND_FLAG, AT(is_cut_random), 0, 0, NULL, false },
    { "status", KIND_INT, AT(status), 300, 599, NULL, true },
    { "retry_after", KIND_INT, AT(retry_after), 0, 86400, NULL, true },
    { "error_at", KIND_INT, AT(error_at), 0, TK__MAX_TOKENS, NULL, true },
    { "reset_at", KIND_INT, AT(reset_at), 0, TK__MAX_TOKENS, NULL, true },
    { "close_at", KIND_INT, AT(close_at), 0, TK__MAX_TOKENS, NULL, true },
    { "stall_at", KIND_INT, AT(stall_at), 0, TK__MAX_TOKENS, NULL, true },
    { "malformed", KIND_CHOICE, AT(malformed), 0, 0, "no json chunk head", true },
    { "malformed_at", KIND_INT, AT(malformed_at), 0, TK__MAX_TOKENS, NULL, true },
    { "nodone", KIND_FLAG, AT(has_no_done), 0, 0, NULL, true },
    { "cut_at", KIND_INT, AT(cut_at), 0, TK__MAX_TOKENS, NULL, true },
    { "reset_byte", KIND_INT, AT(reset_byte), 0, INT32_MAX, NULL, true },
    { "close_byte", KIND_INT, AT(close_byte), 0, INT32_MAX, NULL, true },
    { "stall_byte", KIND_INT, AT(stall_byte), 0, INT32_MAX, NULL, true },
    { "head_gap", KIND_DUR, AT(head_gap), 0, 0, NULL, true },
    { "length", KIND_CHOICE, AT(length), 0, 0, "true short long", true },
    { "endless", KIND_FLAG, AT(is_endless), 0, 0, NULL, true },
    { "gzip", KIND_FLAG, AT(is_gzip), 0, 0, NULL, false },
    { "gzip_garbage", KIND_FLAG, AT(is_gzip_garbage), 0, 0, NULL, true },
    { "idle_close", KIND_DUR, AT(idle_close), 0, 0, NULL, true },
    { "close", KIND_FLAG, AT(is_close), 0, 0, NULL, false },
};

/* Index of the word in "a b c", or -1. */
static int64_t choice_of(const char *choices, struct tk_str value)
{
    struct tk_str rest = tk_str_of(choices), word;

    for (int64_t i = 0; tk_str_split(&rest, ' ', &word); i++) {
        if (tk_str_eq(word, value))
            return i;
    }
    return -1;
}

static int parse_flag(struct tk_str value, bool *ret)
{
    if (value.n == 0 || tk_str_is(value, "1") || tk_str_is(value, "true"))
        *ret = true;
    else if (tk_str_is(value, "0") || tk_str_is(value, "false"))
        *ret = false;
    else
        return TK_E_FORMAT;
    return 0;
}

static int parse_dur(struct tk_str value, tk_ns *ret)
{
    tk_ns dur;
    int rc = tk_num_parse_dur(value, &dur);

    if (rc < 0)
        return rc;
    if (dur < 0 || dur > TK__MAX_DUR)
        return TK_E_RANGE;
    *ret = dur;
    return 0;
}

static int set_value(const struct knob *knob, struct tk_str value, void *at)
{
    int64_t choice;

    switch (knob->kind) {
    case KIND_DUR:
        return parse_dur(value, at);
    case KIND_INT:
        return tk_num_parse_i64(value, knob->min, knob->max, at);
    case KIND_FLAG:
        return parse_flag(value, at);
    case KIND_CHOICE:
        choice = choice_of(knob->choices, value);
        if (choice < 0)
            return TK_E_FORMAT;
        memcpy(at, &choice, sizeof(choice));
        return 0;
    }
    return TK_E_UNSUPPORTED;
}

int tk__knobs_set(struct tk_sim_knobs *k, struct tk_str name, struct tk_str value,
                  struct tk_err *reterr)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(knobs); i++) {
        int rc;

        if (!tk_str_is(name, knobs[i].name))
            continue;
        rc = set_value(&knobs[i], value, (char *)k + knobs[i].at);
        if (rc < 0)
            return tk_err_set(reterr, rc, "sim: '%.*s' is no value for %s", TK_STR_ARG(value),
                              knobs[i].name);
        return 0;
    }
    return tk_err_set(reterr, TK_E_NOT_FOUND, "sim: no knob is named '%.*s'", TK_STR_ARG(name));
}

int tk__knobs_parse(struct tk_sim_knobs *k, struct tk_str text, struct tk_err *reterr)
{
    struct tk_str part;
    int rc = 0;

    while (rc == 0 && tk_str_split(&text, ',', &part)) {
        struct tk_str name, value = part;

        if (tk_str_trim(part).n == 0)
            continue;
        tk_str_split(&value, '=', &name);
        rc = tk__knobs_set(k, tk_str_trim(name), tk_str_trim(value), reterr);
    }
    return rc;
}

static struct tk_str nth_word(const char *words, int64_t n)
{
    struct tk_str rest = tk_str_of(words), word = { NULL, 0 };

    while (n-- >= 0 && tk_str_split(&rest, ' ', &word))
        continue;
    return word;
}

static void put_dur(struct tk_buf *b, tk_ns dur)
{
    bool is_ms = dur % TK_NS_PER_MS == 0;

    tk__put_i64(b, is_ms ? dur / TK_NS_PER_MS : dur);
    tk_buf_add_z(b, is_ms ? "ms" : "ns");
}

static void put_value(struct tk_buf *b, const struct knob *knob, const void *at)
{
    int64_t i;

    switch (knob->kind) {
    case KIND_DUR:
        memcpy(&i, at, sizeof(i));
        put_dur(b, i);
        break;
    case KIND_INT:
        memcpy(&i, at, sizeof(i));
        tk__put_i64(b, i);
        break;
    case KIND_CHOICE:
        memcpy(&i, at, sizeof(i));
        tk_buf_add_str(b, nth_word(knob->choices, i));
        break;
    case KIND_FLAG:
        tk_buf_add_c(b, *(const bool *)at ? '1' : '0');
        break;
    }
}

void tk__knobs_put_faults(struct tk_buf *b, const struct tk_sim_knobs *k)
{
    const struct tk_sim_knobs plain = TK_SIM_KNOBS_DEFAULT;
    size_t from = b->n;

    for (size_t i = 0; i < TK_ARRAY_LEN(knobs); i++) {
        const struct knob *knob = &knobs[i];
        const char *at = (const char *)k + knob->at, *usual = (const char *)&plain + knob->at;

        if (!knob->is_fault ||
            memcmp(at, usual, knob->kind == KIND_FLAG ? sizeof(bool) : sizeof(int64_t)) == 0)
            continue;
        if (b->n > from)
            tk_buf_add_c(b, ',');
        tk_buf_add_z(b, knob->name);
        tk_buf_add_c(b, '=');
        put_value(b, knob, at);
    }
}

/* Undo %XX and '+'. What is no escape stays as it is. Returns the length, or TK_E_LIMIT. */
static int64_t percent_decode(struct tk_str in, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        uint64_t code;
        char c = in.p[i] == '+' ? ' ' : in.p[i];

        if (c == '%' && i + 2 < in.n &&
            tk_num_parse_hex((struct tk_str){ in.p + i + 1, 2 }, &code) == 0) {
            c = (char)(unsigned char)code;
            i += 2;
        }
        if (n == cap)
            return TK_E_LIMIT;
        out[n++] = c;
    }
    return (int64_t)n;
}

static int parse_query(struct tk_sim_knobs *k, struct tk_str query, struct tk_err *reterr)
{
    struct tk_str part;
    char text[QUERY_MAX];

    while (tk_str_split(&query, '&', &part)) {
        int64_t n;
        int rc;

        if (!tk_str_starts(part, TK_STR("sim=")))
            continue;
        n = percent_decode((struct tk_str){ part.p + 4, part.n - 4 }, text, sizeof(text));
        if (n < 0)
            return tk_err_set(reterr, (int)n, "sim: the query is too long");
        rc = tk__knobs_parse(k, (struct tk_str){ text, (size_t)n }, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int tk__knobs_of_head(struct tk_sim_knobs *k, const struct tk_http_request *r,
                      struct tk_err *reterr)
{
    const struct tk_str *field = tk_headers_get(&r->headers, "x-sim");
    ptrdiff_t at = tk_str_find(r->target, '?');
    int rc = 0;

    if (at >= 0) {
        struct tk_str query = { r->target.p + at + 1, r->target.n - (size_t)at - 1 };
        rc = parse_query(k, query, reterr);
    }
    if (rc == 0 && field)
        rc = tk__knobs_parse(k, *field, reterr);
    return rc;
}
