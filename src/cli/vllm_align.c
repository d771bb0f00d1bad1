/* vllm_align.c - prompts as long as the server counts them (newer than the page)
 *
 *   POST /tokenize   {"model", "prompt", "add_special_tokens": false}   {"tokens": [ids]}
 *   POST /detokenize {"model", "tokens": [the first so many ids]}       {"prompt": text}
 *
 * Each call is a request of its own that blocks, so a few threads make them.
 */
#include "cli/vllm_align.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/jsondoc.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "cli/probe.h"
#include "cli/session.h"
#include "cli/vllm_server.h"

#define N_THREADS 16
#define TIMEOUT (60 * TK_NS_PER_S)
#define MAX_REQUEST ((size_t)256 << 20)
#define MAX_TOKENS ((size_t)16 << 20) /* of one prompt */
/* Bytes of the text of a prompt's first tokens, of those of the prompt: normalized, it may be longer than it
 * was, but a server does not fill the memory. */
#define MAX_CUT_BYTES(n) (4 * (n) + 64)

/* What the threads share. */
struct aligning {
    struct tk_vllm_align *a;
    struct tk_items *items;
    struct tk_probe probe;
    struct tk_url tokenize, detokenize;
    _Atomic size_t next;
    _Atomic uint64_t n_failed;
    pthread_mutex_t lock; /* of the arena */
};

/* The ids of a reply as the text of a JSON array, cut after `n` of them, and how many there are. */
static int read_ids(struct tk_str reply, int64_t n, struct tk_buf *ret_first, uint64_t *ret_n)
{
    struct tk_jsondoc d;
    struct tk_json_val list, value;
    struct tk_json_iter it;
    struct tk_jsonw w;
    int64_t id;
    int rc = tk_jsondoc_init(&d, reply);

    *ret_n = 0;
    tk_jsonw_init(&w, ret_first, TK_JSONW_COMPACT);
    tk_jsonw_arr(&w);
    if (rc == 0)
        rc = tk_json_find(&d.root, "tokens", &list);
    if (rc == 0)
        rc = tk_json_arr(&list, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &value)) > 0) {
        rc = tk_json_get_i64(&value, &id);
        if (rc == 0 && (int64_t)*ret_n < n)
            tk_jsonw_i64(&w, id);
        if (rc == 0 && ++*ret_n > MAX_TOKENS)
            rc = TK_E_LIMIT;
    }
    tk_jsonw_arr_end(&w);
    tk_jsondoc_release(&d);
    return rc == 0 ? ret_first->failed : rc;
}

static int tokenize(const struct aligning *g, const struct tk_item *item, struct tk_buf *ret_first,
                    uint64_t *ret_n)
{
    struct tk_buf body = TK_BUF_INIT(MAX_REQUEST), reply = TK_BUF_INIT(TK_PROBE_MAX_BODY);
    struct tk_jsonw w;

    tk_jsonw_init(&w, &body, TK_JSONW_PYTHON);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "model", g->a->v->o->model);
    tk_jsonw_key(&w, "prompt");
    tk_jsonw_str(&w, item->prompt);
    tk_jsonw_put_bool(&w, "add_special_tokens", false);
    tk_jsonw_obj_end(&w);
    int rc = body.failed;
    if (rc == 0)
        rc = tk_probe_post(&g->probe, g->tokenize.path, tk_buf_str(&body), &reply, NULL);
    if (rc == 0)
        rc = read_ids(tk_buf_str(&reply), item->prompt_tokens, ret_first, ret_n);
    tk_buf_release(&body);
    tk_buf_release(&reply);
    return rc;
}

static int take_text(struct aligning *g, struct tk_str reply, struct tk_item *item)
{
    struct tk_jsondoc d;
    struct tk_json_val value;
    struct tk_str text;
    int rc = tk_jsondoc_init(&d, reply);

    if (rc == 0)
        rc = tk_json_find(&d.root, "prompt", &value);
    if (rc == 0)
        rc = tk_json_get_str(&value, &text);
    if (rc == 0 && text.n > MAX_CUT_BYTES(item->prompt.n))
        rc = TK_E_LIMIT;
    if (rc == 0) {
        pthread_mutex_lock(&g->lock);
        text = tk_arena_dup_str(g->a->arena, text);
        pthread_mutex_unlock(&g->lock);
        rc = text.p ? 0 : -ENOMEM;
    }
    if (rc == 0)
        item->prompt = text;
    tk_jsondoc_release(&d);
    return rc;
}

static int cut(struct aligning *g, struct tk_str ids, struct tk_item *item)
{
    struct tk_buf body = TK_BUF_INIT(MAX_REQUEST), reply = TK_BUF_INIT(TK_PROBE_MAX_BODY);
    struct tk_jsonw w;

    tk_jsonw_init(&w, &body, TK_JSONW_PYTHON);
    tk_jsonw_obj(&w);
    tk_jsonw_put_z(&w, "model", g->a->v->o->model);
    tk_jsonw_key(&w, "tokens");
    tk_jsonw_raw(&w, ids);
    tk_jsonw_obj_end(&w);
    int rc = body.failed;
    if (rc == 0)
        rc = tk_probe_post(&g->probe, g->detokenize.path, tk_buf_str(&body), &reply, NULL);
    if (rc == 0)
        rc = take_text(g, tk_buf_str(&reply), item);
    tk_buf_release(&body);
    tk_buf_release(&reply);
    return rc;
}

static void align_one(struct aligning *g, struct tk_item *item)
{
    struct tk_buf first = TK_BUF_INIT(MAX_REQUEST);
    uint64_t n = 0;

    int rc = tokenize(g, item, &first, &n);
    if (rc == 0 && (int64_t)n > item->prompt_tokens)
        rc = cut(g, tk_buf_str(&first), item);
    atomic_fetch_add(&g->n_failed, rc != 0);
    tk_buf_release(&first);
}

static void *run(void *owner)
{
    struct aligning *g = owner;
    size_t i;

    while ((i = atomic_fetch_add(&g->next, 1)) < g->items->n)
        align_one(g, &g->items->v[i]);
    return NULL;
}

/* With fewer threads than wanted it takes longer; this one is one of them. */
static void align_all(struct aligning *g)
{
    pthread_t threads[N_THREADS];
    size_t n = 0;

    while (n < N_THREADS - 1 && n + 1 < g->items->n &&
           pthread_create(&threads[n], NULL, run, g) == 0)
        n++;
    (void)run(g);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    g->a->n_failed = atomic_load(&g->n_failed);
}

static void align(struct aligning *g)
{
    struct tk_buf first = TK_BUF_INIT(MAX_REQUEST);
    struct tk_vllm_align *a = g->a;

    a->was_asked = true;
    a->n_expected = (uint64_t)TK_MAX(g->items->v[0].prompt_tokens, 0);
    a->is_unavailable = tokenize(g, &g->items->v[0], &first, &a->n_server) != 0;
    a->is_mismatch = !a->is_unavailable && a->n_server != a->n_expected;
    tk_buf_release(&first);
    if (a->is_mismatch)
        align_all(g);
}

int tk_vllm_align_items(struct tk_vllm_align *a, struct tk_items *items, struct tk_err *reterr)
{
    struct aligning g = { .a = a, .items = items, .lock = PTHREAD_MUTEX_INITIALIZER };
    struct tk_session session;

    if (items->n == 0 || items->v[0].prompt.n == 0)
        return 0; /* none of texts */
    int rc = tk_session_init(&session, a->plan, reterr);
    if (rc == 0)
        rc = tk_vllm_server_url(a->v->base, "/tokenize", &g.tokenize, reterr);
    if (rc == 0)
        rc = tk_vllm_server_url(a->v->base, "/detokenize", &g.detokenize, reterr);
    g.probe = (struct tk_probe){
        .plan = a->plan,
        .addrs = &session.addrs,
        .sources = &session.sources,
        .tls = session.tls,
        .timeout = TIMEOUT,
    };
    if (rc == 0)
        align(&g);
    tk_url_release(&g.tokenize);
    tk_url_release(&g.detokenize);
    tk_session_release(&session);
    return rc;
}
