/* summary.c - all figures of a run, in one pass over its records
 *
 *   record -> sample -> totals, classes          counters
 *                    -> values per metric        a series each, successes only; failures counted
 *                    -> objectives, concurrency, the client's own delays
 *   end:       series -> statistics over successes, and over all with the failures as infinite
 *
 * Records come in the order of (phase, index), so "first" and every list are the same whatever the
 * number of workers was; sums of series are exact integers (series.h).
 *
 * Gaps between tokens are mostly the gaps between chunks once more, as many as all other values
 * together. As long as every chunk so far carried one token the second series is not kept: it starts as
 * a copy of the first with the request where they part.
 */
#include "metric/summary.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metric/certify.h"

#define LATE_NS TK_NS_PER_MS /* a delay of the client past which it is counted as late */

static const double default_percentiles[] = { 50, 90, 95, 99, 99.9 };

struct pass {
    struct tk_summary sum; /* first: what the caller holds */
    const struct tk_summary_conf *conf;
    const double *percentiles;
    size_t n_percentiles;

    struct tk_sample sample;
    struct tk_series series[TK_METRIC_N_];
    bool is_gap_shared; /* the gaps between tokens are those between chunks, so far */
    struct tk_series wait, send_delay, send_late, read_delay, cancelled_age;
    struct tk_series begins, ends; /* of requests, from base_at */
    struct tk_late late;
    struct tk_series lateness;
    struct tk_series apart; /* gaps above 0, counted only, where the metrics per gap are left out */
    tk_ns base_at;
    size_t cap_cancelled;
    struct tk_stages *stages;             /* NULL: the load has none */
    struct tk_recovery_data around_spike; /* of a load with a spike */
};

static struct pass *pass_of(struct tk_summary *s)
{
    return TK_CONTAINER_OF(s, struct pass, sum);
}

/* --- statistics --- */

static void fill_percentiles(struct pass *p, struct tk_series *s, struct tk_stats *ret)
{
    ret->n_percentiles = p->n_percentiles;
    for (size_t i = 0; i < p->n_percentiles; i++) {
        struct tk_stats_percentile *q = &ret->percentiles[i];
        q->p = p->percentiles[i];
        q->floor = tk_certify_floor(q->p);
        size_t rank = tk_certify_rank(ret->n, q->p);
        q->is_certified = rank > 0;
        q->bound = tk_series_largest(s, rank, ret->n_infinite);
        q->value = ret->n_infinite > 0 ? tk_series_percentile_all(s, q->p, ret->n_infinite)
                                       : tk_series_percentile(s, q->p);
    }
}

static void fill_stats(struct pass *p, struct tk_series *s, size_t n_infinite, struct tk_stats *ret)
{
    bool has_infinite = n_infinite > 0;

    tk_series_sort(s);
    *ret = (struct tk_stats){
        .n = s->n + n_infinite,
        .n_infinite = n_infinite,
        .is_exact = tk_series_is_exact(s),
        .mean = has_infinite ? (double)INFINITY : tk_series_mean(s),
        .std = has_infinite ? (double)INFINITY : tk_series_std(s),
        .min = s->n > 0       ? (double)s->min
               : has_infinite ? (double)INFINITY
                              : (double)NAN,
        .max = has_infinite ? (double)INFINITY
               : s->n > 0   ? (double)s->max
                            : (double)NAN,
    };
    fill_percentiles(p, s, ret);
}

/* Over all, the nearest rank also where nothing failed: one definition for one column. */
static void fill_all(struct pass *p, struct tk_series *s, size_t n_failed, struct tk_stats *ret)
{
    fill_stats(p, s, n_failed, ret);
    for (size_t i = 0; i < ret->n_percentiles; i++)
        ret->percentiles[i].value = tk_series_percentile_all(s, ret->percentiles[i].p, n_failed);
}

/* --- one request --- */

static int add_cancelled(struct pass *p)
{
    struct tk_summary *sum = &p->sum;
    const struct tk_sample *s = &p->sample;
    tk_ns age = s->sent_at ? s->end_at - s->sent_at : 0;

    if (sum->n_cancelled_list < TK_SUMMARY_MAX_CANCELLED) {
        if (sum->n_cancelled_list == p->cap_cancelled) {
            size_t cap = p->cap_cancelled ? 2 * p->cap_cancelled : 64;
            void *list = reallocarray(sum->cancelled_list, cap, sizeof(*sum->cancelled_list));
            if (!list)
                return -ENOMEM;
            sum->cancelled_list = list;
            p->cap_cancelled = cap;
        }
        sum->cancelled_list[sum->n_cancelled_list++] = (struct tk_summary_cancelled){
            .index = s->rec->index, .age = age, .n_token_events = s->n_token_events
        };
    }
    return tk_series_add(&p->cancelled_age, age);
}

static int count_end(struct pass *p)
{
    const struct tk_record *r = p->sample.rec;
    unsigned end = r->end < TK_END_N_ ? r->end : TK_END_CLIENT; /* a class of a newer version */
    struct tk_summary_end *e = &p->sum.ends[end];

    if (e->n++ == 0) {
        e->first_index = r->index;
        e->first_status = r->status;
        e->first_code = r->code;
        memcpy(e->first_detail, r->detail, sizeof(e->first_detail));
    }
    p->sum.sent++;
    p->sum.succeeded += end == TK_END_OK;
    p->sum.cancelled += tk_end_is_cancelled((enum tk_end)end);
    p->sum.cancelled_by_plan += end == TK_END_CANCELLED_BY_PLAN;
    p->sum.outlived_plan += end == TK_END_OK && (r->flags & TK_REC_CANCEL_DUE);
    p->sum.failed += tk_end_is_failure((enum tk_end)end);
    p->sum.resends += r->resends;
    p->sum.reused += (r->flags & TK_REC_REUSED) != 0;
    return end == TK_END_CANCELLED ? add_cancelled(p) : 0;
}

static void count_tokens(struct pass *p)
{
    const struct tk_record *r = p->sample.rec;
    struct tk_summary *sum = &p->sum;

    sum->n_prompt_unknown += r->prompt_tokens < 0;
    sum->prompt_tokens += TK_MAX(r->prompt_tokens, 0);
    sum->output_tokens += TK_MAX(p->sample.output_tokens, 0);
    if (p->sample.output_tokens < 0)
        sum->n_tokens_unknown++;
    else if (r->count_source == TK_COUNT_USAGE)
        sum->n_tokens_usage++;
    else
        sum->n_tokens_events++;
    sum->n_answer_later += p->sample.is_streamed &&
                           p->sample.first_answer_at > p->sample.first_token_at;
    if (p->sample.is_streamed && p->sample.n_token_events > 0)
        sum->n_gap_method[p->sample.gap_method]++;
}

/* Whether each gap between chunks of this request is a gap between tokens as it stands. */
static bool is_token_each(const struct tk_sample *s)
{
    if (s->gap_method == TK_GAP_SINGLE || s->n_gaps == 0)
        return true;
    for (size_t i = 0; i < s->n_gaps; i++) {
        if (s->gaps[i].tokens != 1)
            return false;
    }
    return s->gap_method == TK_GAP_SERVER;
}

/* The gap of a chunk of k tokens as k gaps whose sum is the same. */
static int add_spread(struct tk_series *s, tk_ns gap, uint32_t k)
{
    uint32_t n_longer = gap > 0 ? (uint32_t)(gap % k) : 0;
    int rc = tk_series_add_n(s, gap / k, k - n_longer);
    return rc == 0 ? tk_series_add_n(s, gap / k + 1, n_longer) : rc;
}

static int add_gaps(struct pass *p)
{
    const struct tk_sample *s = &p->sample;
    struct tk_series *chunks = &p->series[TK_METRIC_CHUNK_GAP];
    struct tk_series *tokens = &p->series[TK_METRIC_TOKEN_GAP];
    int rc = 0;

    if (p->is_gap_shared && !is_token_each(s)) {
        p->is_gap_shared = false;
        rc = tk_series_add_all(tokens, chunks);
    }
    for (size_t i = 0; i < s->n_gaps && rc == 0; i++) {
        rc = tk_series_add(chunks, s->gaps[i].gap);
        if (rc == 0 && !p->is_gap_shared && s->gap_method != TK_GAP_UNKNOWN)
            rc = add_spread(tokens, s->gaps[i].gap,
                            s->gap_method == TK_GAP_SERVER ? s->gaps[i].tokens : 1);
    }
    return rc;
}

/* Only the median of those that came apart is needed. */
static int count_gaps(struct pass *p)
{
    const struct tk_sample *s = &p->sample;
    int rc = 0;

    for (size_t i = 0; i < s->n_gaps && rc == 0; i++) {
        if (s->gaps[i].gap > 0)
            rc = tk_series_add(&p->apart, s->gaps[i].gap);
    }
    return rc;
}

static int add_values(struct pass *p)
{
    int64_t value;
    int rc = 0;

    if (p->sample.is_success)
        rc = p->conf->leaves_gaps_out ? count_gaps(p) : add_gaps(p);
    for (int m = 0; m < TK_METRIC_N_ && rc == 0; m++) {
        if (!tk_metric_def((enum tk_metric)m)->is_per_gap &&
            tk_metric_counts((enum tk_metric)m, &p->sample, &value))
            rc = tk_series_add(&p->series[m], value);
    }
    return rc;
}

/* What a load with stages has beside. */
static int add_to_stages(struct pass *p)
{
    tk_ns begin = p->conf->begin_at ? p->conf->begin_at : p->base_at;
    int rc = p->stages ? tk_stages_add(p->stages, &p->sample) : 0;

    if (rc == 0 && p->stages && p->conf->shape->kind == TK_SHAPE_SPIKE)
        rc = tk_recovery_add(&p->around_spike, begin, &p->sample);
    return rc;
}

static bool meets(const struct tk_sample *s, const struct tk_slo *slo)
{
    const struct tk_metric_def *def = tk_metric_def(slo->metric);
    int64_t value = 0;

    if (!def->is_per_gap)
        return !def->value(s, &value) || value <= slo->limit;
    for (size_t i = 0; i < s->n_gaps; i++) {
        tk_ns gap = s->gaps[i].gap;
        if (slo->metric == TK_METRIC_TOKEN_GAP && s->gaps[i].tokens > 1)
            gap /= s->gaps[i].tokens;
        if (gap > slo->limit)
            return false;
    }
    return true;
}

static bool is_good(const struct pass *p)
{
    for (size_t i = 0; i < p->conf->n_slos; i++) {
        if (!meets(&p->sample, &p->conf->slos[i]))
            return false;
    }
    return true;
}

/* The stretch in which the request was out. */
static int add_stretch(struct pass *p)
{
    const struct tk_record *r = p->sample.rec;
    struct tk_summary *sum = &p->sum;
    tk_ns begin = r->sent_first_at ? r->sent_first_at : r->released_at;
    tk_ns due = r->due_at ? r->due_at : begin;
    int rc = 0;

    if (sum->sent == 1)
        p->base_at = due;
    if (sum->sent == 1 || due < sum->begin_at)
        sum->begin_at = due;
    sum->end_at = sum->sent == 1 ? r->end_at : TK_MAX(sum->end_at, r->end_at);
    if (begin && p->sample.end_at >= begin) {
        rc = tk_series_add(&p->begins, begin - p->base_at);
        if (rc == 0)
            rc = tk_series_add(&p->ends, p->sample.end_at - p->base_at);
    }
    return rc;
}

/* The client's delays in sending. */
static int add_delays(struct pass *p)
{
    const struct tk_record *r = p->sample.rec;
    int rc = tk_late_add(&p->late, r);

    if (rc == 0 && r->due_at && r->released_at)
        rc = tk_series_add(&p->wait, r->released_at - r->due_at);
    if (rc < 0 || !r->sent_first_at || !r->released_at)
        return rc;

    tk_ns delay = r->sent_first_at - r->released_at - tk_late_connecting(r);
    p->sum.n_late_sends += delay > LATE_NS;
    rc = tk_series_add(&p->send_delay, delay);
    return rc == 0 && r->due_at ? tk_series_add(&p->send_late, r->sent_first_at - r->due_at) : rc;
}

static bool is_late(const struct tk_sample_read *r)
{
    return r->seen_at - r->arrived_at > LATE_NS;
}

/* The stamp of a read is that of its last segment: a first token with others behind it in a late
 * read may have come earlier. */
static void count_first(struct pass *p)
{
    const struct tk_sample *s = &p->sample;
    size_t i = 0;

    while (i < s->n_events && !(s->events[i].channels & TK_CH_TOKENS))
        i++;
    if (i == s->n_events)
        return;
    bool is_followed = i + 1 < s->n_events && s->events[i + 1].read == s->events[i].read;
    p->sum.own.n_firsts++;
    p->sum.own.n_firsts_late += is_followed && is_late(&s->reads[s->events[i].read]);
}

static void count_events(struct tk_summary_own *own, const struct tk_sample_read *r)
{
    own->n_event_reads += r->n_events > 0;
    own->n_events += r->n_events;
    own->max_events = TK_MAX(own->max_events, r->n_events);
    own->n_events_late += r->n_events > 1 && is_late(r) ? r->n_events : 0;
}

static int add_reads(struct pass *p)
{
    const struct tk_sample *s = &p->sample;
    struct tk_summary *sum = &p->sum;
    int rc = 0;

    count_first(p);

    sum->n_no_trace += !s->has_events && s->rec->n_events > 0;
    sum->n_truncated += s->has_events && s->is_truncated;
    sum->n_reads += s->n_reads;
    for (size_t i = 0; i < s->n_reads && rc == 0; i++) {
        const struct tk_sample_read *r = &s->reads[i];
        count_events(&sum->own, r);
        sum->n_reads_several += r->n_events > 1;
        sum->n_reads_several_late += r->n_events > 1 && is_late(r);
        if (!r->is_kernel)
            continue;
        sum->n_reads_kernel++;
        rc = tk_series_add(&p->read_delay, r->seen_at - r->arrived_at);
    }
    return rc;
}

static int add_record(struct pass *p, const struct tk_record_view *v,
                      const struct tk_clock_steps *steps)
{
    int rc = tk_sample_load(&p->sample, v, steps);
    if (rc == -ENOMEM)
        return rc;
    p->sum.n_damaged += rc < 0;
    rc = count_end(p);
    if (rc == 0)
        rc = add_stretch(p);
    if (rc == 0)
        rc = add_delays(p);
    if (rc == 0)
        rc = add_reads(p);
    if (rc == 0)
        rc = add_to_stages(p);
    if (rc < 0)
        return rc;
    if (p->sample.is_success) {
        count_tokens(p);
        p->sum.n_good += p->conf->n_slos > 0 && is_good(p);
    }
    return add_values(p);
}

/* --- the end --- */

/* Walk over begins and ends in order; where both fall on one instant, the end comes first. */
static void find_concurrency(struct pass *p)
{
    struct tk_series *b = &p->begins;
    struct tk_series *e = &p->ends;
    uint64_t now = 0;
    size_t at_end = 0;

    tk_series_sort(b);
    tk_series_sort(e);
    for (size_t i = 0; i < b->n; i++) {
        for (; at_end < e->n && e->v[at_end] <= b->v[i] && now > 0; at_end++)
            now--;
        now++;
        p->sum.peak_concurrency = TK_MAX(p->sum.peak_concurrency, now);
    }
    if (p->sum.duration > 0)
        p->sum.mean_concurrency = (double)(e->sum - b->sum) / 1e9 / p->sum.duration;
}

/* What no reply says is not known: that is no 0. */
static void find_tokens(struct tk_summary *s)
{
    if (s->succeeded > 0 && s->n_prompt_unknown == s->succeeded)
        s->prompt_tokens = -1;
    if (s->succeeded > 0 && s->n_tokens_unknown == s->succeeded)
        s->output_tokens = -1;
}

static double rate_of(int64_t n, double seconds)
{
    return n < 0 ? (double)NAN : seconds > 0 ? (double)n / seconds : 0;
}

/* An objective that says nothing of one request is met; one that says nothing of any is not judged. */
static void find_goodput(struct pass *p)
{
    struct tk_summary *s = &p->sum;

    s->has_goodput = p->conf->n_slos > 0;
    s->no_figure = TK_METRIC_N_;
    for (size_t i = 0; i < p->conf->n_slos && s->succeeded > 0; i++) {
        enum tk_metric m = p->conf->slos[i].metric;
        if (tk_summary_series(s, m)->n == 0 && s->no_figure == TK_METRIC_N_)
            s->no_figure = m;
    }
    if (s->succeeded + s->failed > 0)
        s->good_share = (double)s->n_good / (double)(s->succeeded + s->failed);
    if (s->duration > 0)
        s->goodput = (double)s->n_good / s->duration;
    if (s->no_figure != TK_METRIC_N_)
        s->goodput = s->good_share = (double)NAN;
}

static void find_rates(struct pass *p)
{
    struct tk_summary *s = &p->sum;

    find_tokens(s);
    s->begin_at = p->conf->begin_at ? p->conf->begin_at : s->begin_at;
    s->end_at = p->conf->end_at ? p->conf->end_at : s->end_at;
    s->duration = s->end_at > s->begin_at ? (double)(s->end_at - s->begin_at) / 1e9 : 0;
    s->request_throughput = rate_of((int64_t)s->succeeded, s->duration);
    s->input_throughput = rate_of(s->prompt_tokens, s->duration);
    s->output_throughput = rate_of(s->output_tokens, s->duration);
    s->total_throughput = s->prompt_tokens < 0 || s->output_tokens < 0
                              ? (double)NAN
                              : rate_of(s->prompt_tokens + s->output_tokens, s->duration);
    find_goodput(p);
}

static struct tk_delay delay_of(struct tk_series *s)
{
    return (struct tk_delay){
        .n = s->n,
        .mean = tk_series_mean(s),
        .p50 = tk_series_percentile(s, 50),
        .p99 = tk_series_percentile(s, 99),
        .max = s->n > 0 ? (double)s->max : (double)NAN,
    };
}

/* The median of the values above 0: chunks that came together are no measure of how far apart they
 * come. */
static double median_apart(struct tk_series *s)
{
    size_t n_zero = tk_series_count_up_to(s, 0);

    if (n_zero == s->n)
        return (double)NAN;
    double rank = (double)n_zero + (double)(s->n - n_zero - 1) / 2;
    return tk_series_percentile(s, s->n > 1 ? 100 * rank / (double)(s->n - 1) : 50);
}

/* After a failure to connect a closed loop pauses before the next release, as it should. */
static bool has_paused(const struct tk_summary *s)
{
    return s->ends[TK_END_CONNECT].n + s->ends[TK_END_TLS].n + s->ends[TK_END_TIMEOUT_CONNECT].n >
           0;
}

/* How the client itself did. */
static int find_own(struct pass *p)
{
    struct tk_summary *s = &p->sum;
    struct tk_series *first = &p->series[TK_METRIC_TTFT];
    struct tk_series *whole = &p->series[TK_METRIC_E2EL];
    struct tk_late_conf conf = {
        .asked = p->conf->asked,
        .ends = p->ends.v,
        .n_ends = p->ends.n,
        .base_at = p->base_at,
        .begin_at = s->begin_at,
        .not_sent = s->not_sent,
    };
    if (!conf.asked.is_scheduled && has_paused(s))
        conf.asked.permits = 0; /* what it paused is not lateness: from release on, then */
    if (s->is_damaged)
        conf.asked.is_resumed = true; /* ends are missing, and who was sent is not known */
    int rc = tk_late_find(&p->late, &conf, &p->lateness, &s->own.pace);

    s->own.lateness = delay_of(&p->lateness);
    s->own.reading = delay_of(&p->read_delay);
    s->own.median_gap = p->conf->leaves_gaps_out ? tk_series_percentile(&p->apart, 50)
                                                 : median_apart(&p->series[TK_METRIC_CHUNK_GAP]);
    s->own.median_first = tk_series_percentile(first->n > 0 ? first : whole, 50);
    return rc;
}

static int find_stages(struct pass *p)
{
    struct tk_summary *s = &p->sum;
    tk_ns begin = p->conf->begin_at ? p->conf->begin_at : p->base_at;

    if (!p->stages)
        return 0;
    s->stages = tk_stages_figures(p->stages, s->end_at, p->conf->asked.is_resumed || s->is_damaged,
                                  &s->n_stages);
    if (p->conf->shape->kind != TK_SHAPE_SPIKE)
        return 0;
    if (p->conf->asked.is_resumed) {
        tk_recovery_of_resumed(p->conf->shape, &s->recovery);
        return 0;
    }
    return tk_recovery_find(&p->around_spike, p->conf->shape, s->end_at - begin, &s->recovery);
}

static int finish(struct pass *p)
{
    struct tk_summary *s = &p->sum;

    if (p->conf->planned >= 0)
        s->planned = (uint64_t)p->conf->planned;
    else
        s->planned = TK_MAX(s->sent, (uint64_t)TK_MAX(p->conf->plan_requests, INT64_C(0)));
    s->not_sent = s->planned >= s->sent ? s->planned - s->sent : 0;
    find_rates(p);
    find_concurrency(p);
    int rc = find_own(p);
    if (rc == 0)
        rc = find_stages(p);
    for (int m = 0; m < TK_METRIC_N_; m++) {
        struct tk_series *series = tk_summary_series(s, (enum tk_metric)m);
        fill_stats(p, series, 0, &s->metrics[m].ok);
        fill_all(p, series, s->failed, &s->metrics[m].all);
    }
    fill_stats(p, &p->wait, 0, &s->wait);
    fill_stats(p, &p->send_delay, 0, &s->send_delay);
    fill_stats(p, &p->send_late, 0, &s->send_late);
    fill_stats(p, &p->read_delay, 0, &s->read_delay);
    fill_stats(p, &p->cancelled_age, 0, &s->cancelled_age);
    tk_series_release(&p->begins);
    tk_series_release(&p->ends);
    tk_late_release(&p->late);
    tk_series_release(&p->lateness);
    tk_series_release(&p->apart);
    tk_sample_release(&p->sample);
    tk_recovery_release(&p->around_spike);
    p->conf = NULL;
    return rc;
}

int tk_summary_check(const struct tk_summary *s, struct tk_err *reterr)
{
    uint64_t by_class = 0;

    for (int i = 0; i < TK_END_N_; i++)
        by_class += s->ends[i].n;
    if (s->planned != s->sent + s->not_sent)
        return tk_err_set(reterr, TK_E_RANGE,
                          "the totals do not add up: %llu planned, %llu sent and %llu not",
                          (unsigned long long)s->planned, (unsigned long long)s->sent,
                          (unsigned long long)s->not_sent);
    if (s->sent != s->succeeded + s->failed + s->cancelled || s->sent != by_class)
        return tk_err_set(reterr, TK_E_RANGE,
                          "the totals do not add up: %llu sent, %llu succeeded, %llu failed and "
                          "%llu were cancelled, %llu in classes",
                          (unsigned long long)s->sent, (unsigned long long)s->succeeded,
                          (unsigned long long)s->failed, (unsigned long long)s->cancelled,
                          (unsigned long long)by_class);
    return 0;
}

/* --- life --- */

static int check_conf(const struct tk_summary_conf *conf, struct tk_err *reterr)
{
    if (conf->n_percentiles > TK_SUMMARY_MAX_PERCENTILES)
        return tk_err_set(reterr, -EINVAL, "at most %d percentiles, got %zu",
                          TK_SUMMARY_MAX_PERCENTILES, conf->n_percentiles);
    for (size_t i = 0; conf->percentiles && i < conf->n_percentiles; i++) {
        if (!(conf->percentiles[i] >= 0 && conf->percentiles[i] <= 100))
            return tk_err_set(reterr, -EINVAL, "a percentile is from 0 to 100, got %g",
                              conf->percentiles[i]);
    }
    for (size_t i = 0; i < conf->n_slos; i++) {
        if ((unsigned)conf->slos[i].metric >= TK_METRIC_N_)
            return tk_err_set(reterr, -EINVAL, "objective %zu is on no metric", i + 1);
    }
    return 0;
}

static struct pass *pass_new(const struct tk_summary_conf *conf)
{
    struct pass *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->conf = conf;
    p->percentiles = conf->percentiles ? conf->percentiles : default_percentiles;
    p->n_percentiles = conf->percentiles ? conf->n_percentiles : TK_ARRAY_LEN(default_percentiles);
    p->is_gap_shared = true;
    tk_sample_init(&p->sample);
    for (int m = 0; m < TK_METRIC_N_; m++)
        tk_series_init(&p->series[m], 0);
    tk_series_init(&p->wait, 0);
    tk_series_init(&p->send_delay, 0);
    tk_series_init(&p->send_late, 0);
    tk_series_init(&p->read_delay, conf->leaves_gaps_out ? 1 : 0); /* 1: a histogram, as below */
    tk_series_init(&p->cancelled_age, 0);
    tk_late_init(&p->late);
    tk_series_init(&p->lateness, 0);
    tk_series_init(&p->apart, 1);              /* a histogram from the second value on */
    tk_series_init(&p->begins, SIZE_MAX / 16); /* needed one by one */
    tk_series_init(&p->ends, SIZE_MAX / 16);
    return p;
}

static struct pass *pass_free(struct pass *p)
{
    for (int m = 0; m < TK_METRIC_N_; m++)
        tk_series_release(&p->series[m]);
    tk_series_release(&p->wait);
    tk_series_release(&p->send_delay);
    tk_series_release(&p->send_late);
    tk_series_release(&p->read_delay);
    tk_series_release(&p->cancelled_age);
    tk_series_release(&p->begins);
    tk_series_release(&p->ends);
    tk_late_release(&p->late);
    tk_series_release(&p->lateness);
    tk_series_release(&p->apart);
    tk_sample_release(&p->sample);
    tk_stages_free(p->stages);
    tk_recovery_release(&p->around_spike);
    free(p->sum.cancelled_list);
    free(p);
    return NULL;
}

int tk_summary_new(struct tk_records *r, const struct tk_summary_conf *conf,
                   struct tk_summary **ret, struct tk_err *reterr)
{
    struct tk_record_view v;
    int rc = check_conf(conf, reterr);
    if (rc < 0)
        return rc;
    struct pass *p = pass_new(conf);
    if (p && conf->shape && conf->shape->n > 0) {
        p->stages = tk_stages_new(conf->shape, conf->begin_at);
        if (!p->stages)
            p = pass_free(p);
    }
    if (!p)
        return tk_err_set(reterr, -ENOMEM, "no memory for the figures");

    while ((rc = tk_records_next(r, &v, reterr)) > 0) {
        if (v.rec.phase != conf->phase)
            continue;
        rc = add_record(p, &v, tk_records_steps(r));
        if (rc < 0) {
            tk_err_set(reterr, rc, "no memory for the figures");
            break;
        }
    }
    p->sum.is_damaged = tk_records_is_damaged(r);
    if (rc == 0 && (rc = finish(p)) < 0)
        tk_err_set(reterr, rc, "no memory for the figures");
    if (rc == 0)
        rc = tk_summary_check(&p->sum, reterr);
    if (rc < 0) {
        tk_summary_free(&p->sum);
        return rc;
    }
    *ret = &p->sum;
    return 0;
}

struct tk_series *tk_summary_series(struct tk_summary *s, enum tk_metric m)
{
    struct pass *p = pass_of(s);
    if (m == TK_METRIC_TOKEN_GAP && p->is_gap_shared)
        m = TK_METRIC_CHUNK_GAP;
    return &p->series[m];
}

struct tk_summary *tk_summary_free(struct tk_summary *s)
{
    if (s)
        pass_free(pass_of(s));
    return NULL;
}
