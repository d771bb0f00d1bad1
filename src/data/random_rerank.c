/* random_rerank.c - a query with random documents, as the `random-rerank` of `vllm bench serve`
 *
 *   reranker         query (half the length, less the separator) and `batch` documents to a request,
 *                    each as long as what the query leaves; a separator in each pair
 *   no reranker      the query is one of `batch` texts of full length, and of all prompts
 *
 * Query and documents are runs of the vocabulary (runs.c): the query is prompt 0, the documents follow;
 * every request has the same query.
 */
#include <errno.h>

#include "base/str.h"
#include "data/batch.h"
#include "data/runs.h"

struct rerank {
    struct tk__runs runs; /* must be first */
    struct tk__adder adder;
    struct tk__batch batch;
    size_t n_documents, n_each; /* all of them, and of a request */
    struct tk_buf query;
    int64_t n_query_tokens;
};

static int check(struct rerank *d)
{
    const struct tk_data_conf *conf = d->runs.conf;
    size_t n_least = conf->is_reranker ? 1 : 2;

    if (conf->n_wanted < n_least || conf->n_wanted > UINT32_MAX)
        return tk_err_set(d->runs.reterr, TK_E_RANGE,
                          conf->is_reranker ? "No requests provided."
                                            : "without a reranker there must be two prompts at "
                                              "least, the query and a document");
    if (conf->batch < (int64_t)n_least || conf->batch > (int64_t)UINT32_MAX)
        return tk_err_set(d->runs.reterr, TK_E_RANGE,
                          "--random-batch-size must be at least %zu with data set random-rerank%s",
                          n_least, conf->is_reranker ? "" : " and --no-reranker");
    d->n_documents = conf->n_wanted - (n_least - 1);
    d->n_each = (size_t)conf->batch - (n_least - 1);
    return 0;
}

static int draw(struct rerank *d)
{
    struct tk__runs *r = &d->runs;
    int64_t n = r->conf->input_tokens, n_separators = r->conf->is_reranker;
    /* n / 2 rounded down, also below 0 */
    int64_t n_query = r->conf->is_reranker ? (n - (n & 1)) / 2 - n_separators : n;
    int rc = tk__runs_draw(r, 1, n_query, 0);

    if (rc == 0 && r->conf->is_reranker)
        n -= r->shapes[0].length + n_separators;
    return rc ? rc : tk__runs_draw(r, d->n_documents, n, 0);
}

static void add_query(struct rerank *d)
{
    tk__batch_add(&d->batch, tk_buf_str(&d->query),
                  d->runs.conf->is_reranker ? 0 : d->n_query_tokens);
}

/* A document; to a reranker each one comes with the query and a separator. */
static int add_document(struct rerank *d, size_t i, const struct tk__fit *fit)
{
    int64_t n_pair = d->runs.conf->is_reranker ? d->n_query_tokens + 1 : 0;

    if (d->batch.n == 0)
        add_query(d);
    tk__batch_add(&d->batch, tk_buf_str(&fit->text), (int64_t)fit->ids.n + n_pair);
    bool is_last = i == d->n_documents || d->batch.n == d->n_each + 1;
    return is_last ? tk__batch_finish(&d->batch, &d->adder, d->runs.reterr) : 0;
}

static int on_text(struct tk__runs *r, size_t i, const struct tk__fit *fit)
{
    struct rerank *d = TK_CONTAINER_OF(r, struct rerank, runs);

    if (i > 0)
        return add_document(d, i, fit);
    d->n_query_tokens = (int64_t)fit->ids.n;
    if (tk_buf_add_str(&d->query, tk_buf_str(&fit->text)) != 0)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for the query");
    return 0;
}

static int rerank_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct rerank d = { .query = TK_BUF_INIT(TK_TOKENIZER_MAX_TEXT) };

    tk__adder_init(&d.adder, ret);
    tk__batch_init(&d.batch);
    int rc = tk__runs_init(&d.runs, conf, reterr);
    d.runs.on_text = on_text;
    if (rc == 0)
        rc = check(&d);
    if (rc == 0)
        rc = draw(&d);
    if (rc == 0)
        rc = tk__runs_allow(&d.runs, false);
    if (rc == 0)
        rc = tk__runs_make(&d.runs);
    tk__runs_release(&d.runs);
    tk__batch_release(&d.batch);
    tk_buf_release(&d.query);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_random_rerank = {
    .name = "random-rerank",
    .help = "a query with random documents, of an exact number of tokens",
    .needs_path = false,
    .load = rerank_load,
};
