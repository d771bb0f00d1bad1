/* counters.c - what a server counted of speculative decoding and of diffusion (newer than the page)
 *
 *   vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 41.0
 *
 * Read from its /metrics before and after the load, summed over labels; what counts is the difference. A
 * name says what it is by a part of it, in the order of the tables below.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "base/str.h"
#include "dialect/vllm/vllm.h"
#include "run/segment.h"
#include "run/sink.h"

#define MAX_COUNT 9e15 /* held exactly by a double */

/* --- reading --- */

struct line {
    struct tk_str name, labels;
    int64_t value;
};

/* Where the labels end: behind a '}' that is in no quotes. */
static size_t labels_end(struct tk_str s)
{
    bool is_quoted = false;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && is_quoted)
            i++;
        else if (s.p[i] == '"')
            is_quoted = !is_quoted;
        else if (s.p[i] == '}' && !is_quoted)
            return i + 1;
    }
    return s.n;
}

/* False when it is no counter of the kind whose names begin so. */
static bool read_line(struct tk_str text, const char *prefix, struct line *ret)
{
    size_t n = 0;
    double value;

    if (!tk_str_starts(text, tk_str_of(prefix)))
        return false;
    while (n < text.n && text.p[n] != '{' && text.p[n] != ' ' && text.p[n] != '\t')
        n++;
    ret->name = (struct tk_str){ text.p, n };
    struct tk_str rest = { text.p + n, text.n - n };
    ret->labels = (struct tk_str){ rest.p, rest.n > 0 && rest.p[0] == '{' ? labels_end(rest) : 0 };
    rest = tk_str_trim((struct tk_str){ rest.p + ret->labels.n, rest.n - ret->labels.n });
    n = 0; /* a time of day may follow */
    while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\t')
        n++;
    ret->value = 0;
    if (tk_num_parse_double((struct tk_str){ rest.p, n }, &value) == 0 && isfinite(value))
        ret->value = (int64_t)TK_MIN(TK_MAX(value, -MAX_COUNT), MAX_COUNT);
    return tk_str_ends(ret->name, TK_STR("_total"));
}

/* Where `part` is in `s`; -1: nowhere. */
static ptrdiff_t find_part(struct tk_str s, const char *part)
{
    const char *at = s.n > 0 ? memmem(s.p, s.n, part, strlen(part)) : NULL;

    return at ? at - s.p : -1;
}

static void add(int64_t *sum, int64_t value)
{
    *sum = TK_MIN(TK_MAX(*sum + value, -(int64_t)MAX_COUNT), (int64_t)MAX_COUNT);
}

static void add_position(struct tk_vllm_counters *c, const struct line *line)
{
    static const char label[] = "position=\"";
    ptrdiff_t at = find_part(line->labels, label);
    int64_t position;

    if (at < 0)
        return;
    struct tk_str rest = { line->labels.p + at + sizeof(label) - 1,
                           line->labels.n - (size_t)at - (sizeof(label) - 1) };
    ptrdiff_t end = tk_str_find(rest, '"');
    if (end < 0 || tk_num_parse_i64((struct tk_str){ rest.p, (size_t)end }, 0,
                                    TK_VLLM_MAX_POSITIONS - 1, &position) != 0)
        return;
    c->n_positions = TK_MAX(c->n_positions, (size_t)position + 1);
    c->has_position[position] = true;
    add(&c->accepted_at[position], line->value);
}

static void add_draft(struct tk_vllm_counters *c, const struct line *line)
{
    c->has_drafts = true;
    if (find_part(line->name, "num_drafts") >= 0)
        add(&c->drafts, line->value);
    else if (find_part(line->name, "num_draft_tokens") >= 0)
        add(&c->draft_tokens, line->value);
    else if (find_part(line->name, "num_accepted_tokens_per_pos") >= 0)
        add_position(c, line);
    else if (find_part(line->name, "num_accepted_tokens") >= 0)
        add(&c->accepted, line->value);
}

static void add_diffusion(struct tk_vllm_counters *c, const struct line *line)
{
    c->has_diffusion = true;
    if (find_part(line->name, "num_denoising_steps") >= 0)
        add(&c->steps, line->value);
    else if (find_part(line->name, "num_canvas_positions") >= 0)
        add(&c->canvas_positions, line->value);
    else if (find_part(line->name, "num_committed_tokens") >= 0)
        add(&c->committed, line->value);
}

void tk_vllm_counters_read(struct tk_str text, struct tk_vllm_counters *ret)
{
    struct tk_str part;
    struct line line;

    memset(ret, 0, sizeof(*ret));
    while (tk_str_split(&text, '\n', &part)) {
        part = tk_str_trim(part);
        if (read_line(part, "vllm:spec_decode", &line))
            add_draft(ret, &line);
        else if (read_line(part, "vllm:diffusion", &line))
            add_diffusion(ret, &line);
    }
}

/* --- in the run file --- */

#define COUNTER(member)                                    \
    {                                                      \
#member, offsetof(struct tk_vllm_counters, member) \
    }
static const struct {
    const char *name;
    size_t at; /* an int64_t */
} members[] = {
    COUNTER(drafts), COUNTER(draft_tokens),     COUNTER(accepted),
    COUNTER(steps),  COUNTER(canvas_positions), COUNTER(committed),
};

static void write_counters(struct tk_jsonw *w, const char *key, const struct tk_vllm_counters *c)
{
    tk_jsonw_key(w, key);
    tk_jsonw_obj(w);
    tk_jsonw_put_bool(w, "has_drafts", c->has_drafts);
    tk_jsonw_put_bool(w, "has_diffusion", c->has_diffusion);
    for (size_t i = 0; i < TK_ARRAY_LEN(members); i++)
        tk_jsonw_put_i64(w, members[i].name,
                         *(const int64_t *)(const void *)((const char *)c + members[i].at));
    tk_jsonw_key(w, "accepted_at"); /* null: no counter of that position */
    tk_jsonw_arr(w);
    for (size_t i = 0; i < c->n_positions; i++) {
        if (c->has_position[i])
            tk_jsonw_i64(w, c->accepted_at[i]);
        else
            tk_jsonw_null(w);
    }
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

int tk_vllm_counters_write(const struct tk_vllm_counters *before,
                           const struct tk_vllm_counters *after, struct tk_buf *out)
{
    struct tk_jsonw w;

    tk_jsonw_init(&w, out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    write_counters(&w, "before", before);
    write_counters(&w, "after", after);
    tk_jsonw_obj_end(&w);
    return out->failed;
}

static int get_count(struct tk_json_val *v, int64_t *ret)
{
    int64_t n;
    int rc = tk_json_get_i64(v, &n);

    if (rc == 0)
        *ret = TK_MIN(TK_MAX(n, -(int64_t)MAX_COUNT), (int64_t)MAX_COUNT);
    return rc;
}

static int get_positions(struct tk_json_val *v, struct tk_vllm_counters *c)
{
    struct tk_json_iter it;
    struct tk_json_val x;
    int rc = tk_json_arr(v, &it);

    while (rc == 0 && (rc = tk_json_arr_next(&it, &x)) > 0) {
        if (c->n_positions == TK_VLLM_MAX_POSITIONS)
            return TK_E_FORMAT;
        size_t i = c->n_positions++;
        c->has_position[i] = tk_json_type(&x) != TK_JSON_NULL;
        rc = c->has_position[i] ? get_count(&x, &c->accepted_at[i]) : 0;
    }
    return rc;
}

static int get_flag(struct tk_json_val *obj, const char *key, bool *ret)
{
    struct tk_json_val v;
    int rc = tk_json_find(obj, key, &v);

    return rc == 0 ? tk_json_get_bool(&v, ret) : rc;
}

static int get_counters(struct tk_json_val *root, const char *key, struct tk_vllm_counters *c)
{
    struct tk_json_val obj, v;
    int rc = tk_json_find(root, key, &obj);

    memset(c, 0, sizeof(*c));
    if (rc == 0)
        rc = get_flag(&obj, "has_drafts", &c->has_drafts);
    if (rc == 0)
        rc = get_flag(&obj, "has_diffusion", &c->has_diffusion);
    for (size_t i = 0; rc == 0 && i < TK_ARRAY_LEN(members); i++) {
        rc = tk_json_find(&obj, members[i].name, &v);
        if (rc == 0)
            rc = get_count(&v, (void *)((char *)c + members[i].at));
    }
    if (rc == 0)
        rc = tk_json_find(&obj, "accepted_at", &v);
    return rc == 0 ? get_positions(&v, c) : rc;
}

int tk_vllm_counters_of(struct tk_str json, struct tk_vllm_counters *ret_before,
                        struct tk_vllm_counters *ret_after)
{
    struct tk_jsondoc d;
    int rc = tk_jsondoc_init(&d, json);

    if (rc == 0)
        rc = get_counters(&d.root, "before", ret_before);
    if (rc == 0)
        rc = get_counters(&d.root, "after", ret_after);
    tk_jsondoc_release(&d);
    return rc == 0 || rc == -ENOMEM ? rc : TK_E_FORMAT;
}

/* --- the difference --- */

static void difference(const struct tk_vllm_counters *a, const struct tk_vllm_counters *b,
                       struct tk_vllm_decoding *ret)
{
    size_t n = TK_MAX(a->n_positions, b->n_positions);

    ret->drafts = b->drafts - a->drafts;
    ret->draft_tokens = b->draft_tokens - a->draft_tokens;
    ret->accepted = b->accepted - a->accepted;
    ret->has_drafts = a->has_drafts && b->has_drafts && ret->draft_tokens > 0;
    if (!ret->has_drafts)
        return;
    ret->acceptance_rate = (double)ret->accepted / (double)ret->draft_tokens * 100;
    if (ret->drafts <= 0)
        return;
    ret->acceptance_length = 1 + (double)ret->accepted / (double)ret->drafts;
    for (size_t i = 0; i < n; i++) {
        int64_t moved = b->has_position[i] ? b->accepted_at[i] - a->accepted_at[i] : 0;
        if (a->has_position[i] || b->has_position[i])
            ret->rates[ret->n_rates++] = (double)moved / (double)ret->drafts;
    }
}

/* A step that commits a canvas is none of denoising: canvases = committed tokens / length of a canvas. */
static void diffusion(const struct tk_vllm_counters *a, const struct tk_vllm_counters *b,
                      double duration_s, struct tk_vllm_decoding *ret)
{
    double steps = (double)(b->steps - a->steps);
    double positions = (double)(b->canvas_positions - a->canvas_positions);
    double committed = (double)(b->committed - a->committed);

    if (!a->has_diffusion || !b->has_diffusion || !(steps > 0 && committed > 0 && positions > 0))
        return;
    double canvases = committed / (positions / steps);
    double denoising = steps - canvases;
    ret->has_diffusion = denoising > 0 && duration_s > 0;
    if (!ret->has_diffusion)
        return;
    ret->committed = (int64_t)committed;
    ret->steps = (int64_t)denoising;
    ret->canvas_positions = (int64_t)positions;
    ret->committed_throughput = committed / duration_s;
    ret->steps_per_canvas = denoising / canvases;
    ret->committed_per_step = committed / denoising;
}

void tk_vllm_decoding_of(const struct tk_vllm_counters *before,
                         const struct tk_vllm_counters *after, double duration_s,
                         struct tk_vllm_decoding *ret)
{
    memset(ret, 0, sizeof(*ret));
    difference(before, after, ret);
    diffusion(before, after, duration_s, ret);
}

int tk_vllm_decoding_read(struct tk_records *r, double duration_s, struct tk_vllm_decoding *ret)
{
    struct tk_str fact = tk_records_fact(r, TK_VLLM_FACT_COUNTERS);
    struct tk_vllm_counters before, after;
    size_t n;
    const struct tk_segment *segments = tk_records_segments(r, &n);

    if (fact.n == 0 || tk_segments_begun(segments, n) > 1)
        return 0;
    int rc = tk_vllm_counters_of(fact, &before, &after);
    if (rc == 0)
        tk_vllm_decoding_of(&before, &after, duration_s, ret);
    return rc == 0 ? 1 : rc;
}
