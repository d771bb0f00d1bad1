/* pooling.c - replies that are no text: vectors and scores
 *
 * Their values say nothing: each vector is the same few numbers, documents score less and less. What
 * is known of them is how many there are, when they come, and the usage.
 */
#include <stdio.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "sim/internal.h"

#define N_VALUES 8
#define MAX_META_BYTES ((size_t)32 << 10) /* a head has no more room */

static void put_vector(struct tk_jsonw *w)
{
    tk_jsonw_arr(w);
    for (int i = 0; i < N_VALUES; i++)
        tk_jsonw_double(w, (double)i / N_VALUES);
    tk_jsonw_arr_end(w);
}

static void put_result(struct tk_jsonw *w, enum tk__kind kind, int64_t index, int64_t n)
{
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "index", index);
    if (kind == TK__KIND_RERANK) {
        tk_jsonw_put_double(w, "relevance_score", (double)(n - index) / (double)(n + 1));
    } else {
        tk_jsonw_put_z(w, "object", kind == TK__KIND_POOLING ? "pooling" : "embedding");
        tk_jsonw_key(w, kind == TK__KIND_POOLING ? "data" : "embedding");
        put_vector(w);
    }
    tk_jsonw_obj_end(w);
}

static void put_usage(struct tk_jsonw *w, const struct tk__call *c)
{
    tk_jsonw_key(w, "usage");
    tk_jsonw_obj(w);
    tk_jsonw_put_i64(w, "prompt_tokens", c->prompt_tokens);
    tk_jsonw_put_i64(w, "total_tokens", c->prompt_tokens);
    tk_jsonw_put_i64(w, "completion_tokens", 0);
    tk_jsonw_obj_end(w);
}

/* Of a reply in bytes only what is beside the vectors. */
static void put_reply(struct tk_jsonw *w, const struct tk__stream *st, bool has_results)
{
    const struct tk__call *c = &st->call;

    char id[32];

    (void)snprintf(id, sizeof(id), "pool-%llu", (unsigned long long)st->serial);
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "id", id);
    if (c->kind != TK__KIND_RERANK) {
        tk_jsonw_put_z(w, "object", "list");
        tk_jsonw_put_i64(w, "created", st->sim->created);
    }
    tk_jsonw_put_z(w, "model", st->sim->conf.model);
    tk_jsonw_key(w, c->kind == TK__KIND_RERANK ? "results" : "data");
    tk_jsonw_arr(w);
    for (int64_t i = 0; has_results && i < c->n_inputs; i++)
        put_result(w, c->kind, i, c->n_inputs);
    if (!has_results) {
        tk_jsonw_obj(w);
        tk_jsonw_put_i64(w, "index", 0);
        tk_jsonw_put_i64(w, "start", 0);
        tk_jsonw_put_i64(w, "end", c->n_inputs * N_VALUES * 4);
        tk_jsonw_obj_end(w);
    }
    tk_jsonw_arr_end(w);
    if (c->wants_usage)
        put_usage(w, c);
    tk_jsonw_obj_end(w);
}

int tk__pooling_body(struct tk_buf *b, const struct tk__stream *st)
{
    struct tk_jsonw w;

    tk_buf_reset(b);
    if (st->call.bytes != TK__BYTES_NO) {
        for (int64_t i = 0; i < st->call.n_inputs * N_VALUES; i++)
            tk_buf_add(b, "\0\0\0\x3f", 4); /* 0.5 */
        return b->failed;
    }
    tk_jsonw_init(&w, b, TK_JSONW_COMPACT);
    put_reply(&w, st, true);
    return b->failed;
}

int tk__pooling_headers(struct tk_buf *b, const struct tk__stream *st)
{
    struct tk_jsonw w;

    tk_buf_reset(b);
    tk_buf_add_z(b, tk__reply_headers(st));
    if (st->call.bytes == TK__BYTES_WITH_META) {
        tk_buf_add_z(b, "metadata: ");
        tk_jsonw_init(&w, b, TK_JSONW_PYTHON); /* ASCII alone */
        put_reply(&w, st, false);
        tk_buf_add_z(b, "\r\n");
    }
    return b->failed ? b->failed : b->n > MAX_META_BYTES ? TK_E_LIMIT : 0;
}
