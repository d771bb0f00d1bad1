/* figures.c - a run's figures by vLLM 0.13's definitions
 *
 * What a request is to it comes from metric/compat.h; here are the sums, the statistics (NumPy's,
 * bit for bit) and the two peaks, which it takes over buckets of a second.
 *
 * Two things that it does not know: a request that tokmark itself gave up counts among its
 * failures; where the server counts no tokens it would count them with a tokenizer, here the
 * events with tokens stand in, and n_uncounted says of how many.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "dialect/vllm/probe.h"
#include "dialect/vllm/vllm.h"
#include "metric/compat.h"
#include "metric/sample.h"
#include "metric/series.h"
#include "report/report.h"
#include "run/sink.h"

#define MAX_TEXT_BYTES ((size_t)64 << 30)

struct making {
    const struct tk_vllm_form *form;
    struct tk_vllm_figures *f;
    const struct tk_compat_tool *tool;
    struct tk_sample sample;
    struct tk_compat compat;
    tk_ns first_start_at; /* the origin of the requests' start */
    size_t cap_requests, cap_itls, cap_probes;
    double *probes; /* latencies of the probe's that succeeded, s */
    size_t n_probes;
    uint64_t n_good;
};

/* --- one request --- */

static int grow_requests(struct making *m)
{
    if (m->f->n_requests < m->cap_requests)
        return 0;
    size_t more = m->cap_requests * 2 + 1024;
    struct tk_vllm_request *p = reallocarray(m->f->requests, more, sizeof(*p));
    if (!p)
        return -ENOMEM;
    m->f->requests = p;
    m->cap_requests = more;
    return 0;
}

static int grow_itls(struct making *m, size_t n)
{
    size_t need = m->f->n_itls + n;

    if (need <= m->cap_itls)
        return 0;
    size_t more = TK_MAX(need, m->cap_itls * 2);
    double *p = reallocarray(m->f->itls, more, sizeof(*p));
    if (!p)
        return -ENOMEM;
    m->f->itls = p;
    m->cap_itls = more;
    return 0;
}

static int keep_itls(struct making *m, struct tk_vllm_request *q)
{
    size_t n = m->compat.n_itl;
    int rc = grow_itls(m, n);

    if (rc != 0)
        return rc;
    q->itl_at = m->f->n_itls;
    q->n_itl = n;
    if (n > 0)
        memcpy(m->f->itls + m->f->n_itls, m->compat.itl, n * sizeof(double));
    m->f->n_itls += n;
    return 0;
}

static int keep_text(struct making *m, struct tk_str text, size_t *at, size_t *n)
{
    *at = m->f->texts.n;
    *n = text.n;
    return tk_buf_add_str(&m->f->texts, text);
}

void tk_vllm_put_error(const struct tk_record *rec, struct tk_buf *out)
{
    if (rec->end == TK_END_OK) { /* a whole reply with another status, which is a failure there */
        tk_buf_addf(out, "%s %d: only 200 is a success", tk_end_word(TK_END_HTTP_STATUS),
                    (int)rec->status);
        return;
    }
    tk_buf_add_z(out, tk_end_word((enum tk_end)rec->end));
    if (rec->status != 0 && rec->status != 200)
        tk_buf_addf(out, " %d", (int)rec->status);
    tk_buf_addf(out, ": %s", rec->detail[0] ? rec->detail : tk_end_text((enum tk_end)rec->end));
}

static int keep_error(struct making *m, struct tk_vllm_request *q, const struct tk_record *rec)
{
    struct tk_buf *out = &m->f->texts;

    q->error_at = out->n;
    if (q->is_success)
        return 0;
    if (m->compat.error)
        tk_buf_add_z(out, m->compat.error);
    else
        tk_vllm_put_error(rec, out);
    q->n_error = out->n - q->error_at;
    return out->failed;
}

/* Tokens of an answer when the server did not count them. */
static int64_t own_tokens(struct making *m, const struct tk_record *rec)
{
    if (rec->count_source == TK_COUNT_EVENTS && rec->output_tokens > 0)
        return rec->output_tokens;
    return m->sample.n_token_events > 0 ? (int64_t)m->sample.n_token_events : 1;
}

static bool is_good(const struct making *m)
{
    const double *limit = m->form->goodput_ms;
    const struct tk_compat *c = &m->compat;
    double tpot = isnan(c->tpot) ? 0 : c->tpot;

    return !(c->ttft > limit[TK_VLLM_TTFT] / 1000) && !(tpot > limit[TK_VLLM_TPOT] / 1000) &&
           !(c->latency > limit[TK_VLLM_E2EL] / 1000);
}

static void count_success(struct making *m, const struct tk_vllm_request *q)
{
    m->f->completed++;
    m->f->total_input += q->input_len;
    m->f->total_output += q->output_len;
    m->n_good += m->form->has_goodput && is_good(m);
}

static int64_t input_len(const struct making *m, const struct tk_record *rec)
{
    if (m->form->is_pooling && !m->form->has_no_usage) /* the server's count, else none */
        return m->compat.is_success ? TK_MAX(rec->prompt_tokens, 0) : 0;
    if (rec->prompt_tokens >= 0 && !m->form->has_prompt_len)
        return rec->prompt_tokens;
    return rec->asked_prompt_tokens >= 0 ? rec->asked_prompt_tokens : 1;
}

/* From when it was due to when it went out. */
static double queue_of(const struct making *m, const struct tk_record *rec)
{
    tk_ns due_at = m->form->all_due_at ? m->form->all_due_at : rec->due_at;

    return TK_MAX((double)(m->compat.start_at - due_at) / 1e9, 0);
}

/* Whether the server left out the count that the figures want of it. */
static bool is_uncounted(const struct tk_vllm_form *form, const struct tk_record *rec)
{
    return form->is_pooling ? !form->has_no_usage && rec->prompt_tokens < 0
                            : rec->count_source != TK_COUNT_USAGE;
}

const char *tk_vllm_instead_of_counts(const struct tk_vllm_form *form)
{
    return form->is_pooling ? "they are none in the result" : "chunks are counted";
}

static int add_request(struct making *m, const struct tk_record_view *view)
{
    const struct tk_record *rec = &view->rec;
    int rc = grow_requests(m);

    if (rc == 0)
        rc = tk_compat_apply(m->tool, &m->sample, own_tokens(m, rec), &m->compat);
    if (rc != 0)
        return rc;
    if (m->f->n_requests == 0)
        m->first_start_at = m->compat.start_at;
    struct tk_vllm_request *q = &m->f->requests[m->f->n_requests++];
    *q = (struct tk_vllm_request){
        .is_success = m->compat.is_success,
        .input_len = input_len(m, rec),
        .start = (double)(m->compat.start_at - m->first_start_at) / 1e9,
        .ttft = m->compat.ttft,
        .latency = m->compat.latency,
        .queue = queue_of(m, rec),
        .tpot = m->compat.tpot,
    };
    if (q->is_success) {
        q->output_len = TK_MAX(m->compat.output_tokens, 0);
        m->f->n_uncounted += is_uncounted(m->form, rec);
        count_success(m, q);
    } else {
        m->f->failed++;
        m->f->n_cancelled += tk_end_is_cancelled((enum tk_end)rec->end);
    }
    if (q->is_success || m->form->is_detailed)
        rc = keep_itls(m, q);
    if (rc == 0 && q->is_success && m->form->is_detailed) /* a failure has no text there */
        rc = keep_text(m, view->text, &q->text_at, &q->n_text);
    return rc == 0 && m->form->is_detailed ? keep_error(m, q, rec) : rc;
}

static int add_probe(struct making *m, const struct tk_record_view *view)
{
    int rc = tk_compat_apply(m->tool, &m->sample, own_tokens(m, &view->rec), &m->compat);

    if (rc == 0 && !m->compat.is_success) {
        m->f->probes.failed++;
        return 0;
    }
    if (rc == 0 && m->n_probes == m->cap_probes) {
        size_t more = m->cap_probes * 2 + 256;
        double *p = reallocarray(m->probes, more, sizeof(*p));
        if (!p)
            return -ENOMEM;
        m->probes = p;
        m->cap_probes = more;
    }
    if (rc == 0)
        m->probes[m->n_probes++] = m->compat.latency;
    return rc;
}

/* --- peaks, over buckets of a second --- */

struct span {
    double first_s, last_s;
};

static struct span span_of(const struct making *m)
{
    struct span s = { INFINITY, -INFINITY };

    for (size_t i = 0; i < m->f->n_requests; i++) {
        const struct tk_vllm_request *q = &m->f->requests[i];
        if (!q->is_success)
            continue;
        s.first_s = TK_MIN(s.first_s, q->start);
        s.last_s = TK_MAX(s.last_s, q->start + q->latency);
    }
    return s;
}

static size_t bucket(double at_s, struct span s, size_t n)
{
    double b = at_s - s.first_s;

    if (!(b > 0))
        return 0;
    return b < (double)n ? (size_t)b : n - 1;
}

static void fill_buckets(const struct making *m, struct span s, uint64_t *tokens,
                         int64_t *concurrent, size_t n)
{
    for (size_t i = 0; i < m->f->n_requests; i++) {
        const struct tk_vllm_request *q = &m->f->requests[i];
        if (!q->is_success)
            continue;
        double at = q->start + q->ttft;
        tokens[bucket(at, s, n)]++;
        for (size_t k = 0; k < q->n_itl; k++) {
            at += m->f->itls[q->itl_at + k];
            tokens[bucket(at, s, n)]++;
        }
        concurrent[bucket(q->start, s, n)]++; /* differences, summed up later */
        concurrent[bucket(q->start + q->latency, s, n) + 1]--;
    }
}

static int find_peaks(struct making *m)
{
    struct span s = span_of(m);
    int64_t now = 0;
    uint64_t most_tokens = 0;

    if (m->f->completed == 0)
        return 0;
    size_t n = (size_t)ceil(s.last_s - s.first_s) + 1;
    uint64_t *tokens = calloc(n, sizeof(*tokens));
    int64_t *concurrent = calloc(n + 1, sizeof(*concurrent));
    if (tokens && concurrent) {
        fill_buckets(m, s, tokens, concurrent, n);
        for (size_t i = 0; i < n; i++) {
            now += concurrent[i];
            most_tokens = TK_MAX(most_tokens, tokens[i]);
            m->f->max_concurrent_requests = TK_MAX(m->f->max_concurrent_requests, now);
        }
        m->f->max_output_tokens_per_s = (double)most_tokens;
    }
    int rc = tokens && concurrent ? 0 : -ENOMEM;
    free(tokens);
    free(concurrent);
    return rc;
}

/* --- statistics --- */

/* An empty list counts as one 0. */
static void make_stats(const struct tk_vllm_form *form, double *v, size_t n,
                       struct tk_vllm_stats *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (n == 0)
        return;
    ret->mean = tk_numpy_mean(v, n) *
                1000; /* before the sort: a pairwise sum depends on the order */
    ret->std = tk_numpy_std(v, n) * 1000;
    tk_numpy_sort(v, n);
    ret->median = tk_numpy_percentile(v, n, 50) * 1000;
    for (size_t i = 0; i < form->n_percentiles; i++)
        ret->percentiles[i] = tk_numpy_percentile(v, n, form->percentiles[i]) * 1000;
}

/* The values of one kind, of the successes, in their order; how many. `out` has room for all. */
static size_t collect(const struct making *m, enum tk_vllm_metric kind, double *out)
{
    size_t n = 0;

    for (size_t i = 0; i < m->f->n_requests; i++) {
        const struct tk_vllm_request *q = &m->f->requests[i];
        if (!q->is_success)
            continue;
        if (kind == TK_VLLM_ITL && q->n_itl > 0) {
            memcpy(out + n, m->f->itls + q->itl_at, q->n_itl * sizeof(*out));
            n += q->n_itl;
        } else if (kind == TK_VLLM_TTFT) {
            out[n++] = q->ttft;
        } else if (kind == TK_VLLM_E2EL) {
            out[n++] = q->latency;
        } else if (kind == TK_VLLM_QUEUE) {
            out[n++] = q->queue;
        } else if (kind == TK_VLLM_QUEUE_E2EL) {
            out[n++] = q->latency + q->queue;
        } else if (kind == TK_VLLM_TPOT && !isnan(q->tpot)) {
            out[n++] = q->tpot;
        }
    }
    return n;
}

static int finish(struct making *m)
{
    double d = m->form->duration_s > 0 ? m->form->duration_s : INFINITY;
    double *v = malloc((TK_MAX(m->f->n_itls, m->f->n_requests) + 1) * sizeof(*v));

    if (!v)
        return -ENOMEM;
    m->f->request_throughput = (double)m->f->completed / d;
    m->f->request_goodput = (double)m->n_good / d;
    m->f->output_throughput = (double)m->f->total_output / d;
    m->f->total_throughput = (double)(m->f->total_input + m->f->total_output) / d;
    for (int k = 0; k < TK_VLLM_METRIC_N_; k++)
        make_stats(m->form, v, collect(m, (enum tk_vllm_metric)k, v), &m->f->stats[k]);
    free(v);
    tk__vllm_probe_stats(&m->f->probes, m->probes, m->n_probes);
    return find_peaks(m);
}

static int read_all(struct making *m, struct tk_records *r, struct tk_err *reterr)
{
    struct tk_record_view view;
    int rc;

    tk_records_rewind(r);
    while ((rc = tk_records_next(r, &view, reterr)) > 0) {
        bool is_probe = view.rec.phase == TK_PHASE_PROBE;
        if (view.rec.phase != TK_PHASE_MEASURE && !is_probe)
            continue;
        rc = tk_sample_load(&m->sample, &view, tk_records_steps(r));
        if (rc == -ENOMEM)
            break;
        rc = is_probe ? add_probe(m, &view) : add_request(m, &view);
        if (rc != 0)
            break;
    }
    return rc;
}

int tk_vllm_figures(struct tk_records *r, const struct tk_vllm_form *form,
                    struct tk_vllm_figures *ret, struct tk_err *reterr)
{
    struct making m = { .form = form, .f = ret };

    memset(ret, 0, sizeof(*ret));
    tk_buf_init(&ret->texts, MAX_TEXT_BYTES);
    m.tool = tk_compat_find(tk_str_of(form->tool));
    tk_sample_init(&m.sample);
    tk_compat_init(&m.compat);
    int rc = m.tool ? read_all(&m, r, reterr) : TK_E_NOT_FOUND;
    if (rc == 0)
        rc = finish(&m);
    if (rc == TK_E_NOT_FOUND)
        (void)tk_err_set(reterr, rc,
                         "the run file has no events: it was made with --record requests");
    else if (rc != 0 && reterr && reterr->code == 0)
        (void)tk_err_set(reterr, rc, "the figures could not be made: %s", tk_err_text(rc));
    free(m.probes);
    tk_sample_release(&m.sample);
    tk_compat_release(&m.compat);
    if (rc != 0)
        tk_vllm_figures_release(ret);
    return rc;
}

void tk_vllm_figures_release(struct tk_vllm_figures *f)
{
    free(f->requests);
    free(f->itls);
    f->requests = NULL;
    f->itls = NULL;
    tk_buf_release(&f->texts);
}
