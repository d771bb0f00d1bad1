/* engine.c - when the steps of an answer are due: an engine with continuous batching, on paper
 *
 *   begin --> [waiting] --blocks, room in the batch--> [running] --all tokens made--> (delivery)
 *                 ^                                        |
 *                 '---------- preempted: no block ---------'
 *
 *   step:  |-- composed at t --|------- costs d -------|-- composed at t + d --| …
 *                                                      tokens of the step go out
 *
 * One timer for all requests. A step is composed as vLLM's scheduler does, within `step_tokens`:
 * first the running ones, oldest first, each one token (and its drafts) or the next piece of its
 * prefill; where one finds no block the youngest running request loses all of its own and goes to
 * the head of the queue, to be computed again. Then, if nobody was preempted, the waiting ones in
 * their order, while there is room in the batch and blocks for all of their prompt. What a prompt
 * shares with the prefix of earlier ones is not computed, but for its last token.
 *
 * Ends of steps are absolute: each is the one before plus its cost, whatever the clock said, so
 * that lateness never adds up. An idle engine begins at the arrival of the request that wakes it.
 *
 * The choices of a request go in lockstep: one prompt, and a sequence for each.
 *
 * What is made is delivered by tk__stream_step(); where an answer's writes are cut, what the engine
 * makes meanwhile waits for its turn. The engine never waits for a delivery.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "sim/internal.h"

enum { AWAY, WAITING, RUNNING }; /* tk__seq.place */

struct tk__engine {
    struct tk_sim *sim;
    struct tk_sim_engine conf;
    struct tk__cache *cache;
    struct tk_link waiting, running; /* struct tk__seq; running: oldest first */
    size_t n_waiting, n_running;     /* requests */
    int64_t n_seqs;                  /* sequences of the running ones */
    struct tk_timer timer;           /* set: a step is under way */
    tk_ns due_at;                    /* its end; of the last one, when none is */
    bool is_ending;                  /* its tokens are being handed out */
    struct tk__engine_counts counts;
};

/* A step under construction. */
struct step {
    int64_t budget; /* tokens that it may still take */
    int64_t n_prefill, n_decode, n_read;
    int64_t n_drafts; /* most of any sequence */
    bool was_preempted;
};

static struct tk__stream *stream_of(struct tk__seq *q)
{
    return TK_CONTAINER_OF(q, struct tk__stream, seq);
}

static struct tk__seq *seq_of(struct tk_link *l)
{
    return TK_CONTAINER_OF(l, struct tk__seq, link);
}

static int64_t n_choices(struct tk__seq *q)
{
    return stream_of(q)->call.n_choices;
}

static int64_t n_prompt(struct tk__seq *q)
{
    return TK_MAX(stream_of(q)->call.prompt_tokens, 1);
}

/* Tokens that its next one is made from. */
static int64_t n_context(struct tk__seq *q)
{
    return n_prompt(q) + n_choices(q) * q->n_made;
}

static bool is_made(struct tk__seq *q)
{
    return q->n_made > 0 && q->n_made >= stream_of(q)->call.n_tokens;
}

/* Blocks for so many tokens; an endless answer makes do with what there is. */
static size_t blocks_for(const struct tk__engine *e, int64_t n_tokens)
{
    int64_t n = (n_tokens + e->conf.block_tokens - 1) / e->conf.block_tokens;

    return (size_t)TK_MIN(n, e->conf.n_blocks);
}

/* --- places --- */

static void go_away(struct tk__engine *e, struct tk__seq *q)
{
    if (q->place == AWAY)
        return;
    tk_list_remove(&q->link);
    if (q->place == WAITING) {
        e->n_waiting--;
    } else {
        e->n_running--;
        e->n_seqs -= n_choices(q);
        tk__cache_release(e->cache, &q->table);
    }
    q->place = AWAY;
    q->step_prefill = q->step_decode = 0;
}

static void run_next(struct tk__engine *e, struct tk__seq *q)
{
    tk_list_remove(&q->link);
    tk_list_push(&e->running, &q->link);
    e->n_waiting--;
    e->n_running++;
    e->n_seqs += n_choices(q);
    q->place = RUNNING;
}

static void preempt(struct tk__engine *e, struct tk__seq *q)
{
    go_away(e, q);
    q->place = WAITING;
    q->link.prev = &e->waiting;
    q->link.next = e->waiting.next;
    e->waiting.next->prev = &q->link;
    e->waiting.next = &q->link;
    e->n_waiting++;
    q->n_computed = 0;
    q->n_preempted++;
    e->counts.n_preemptions++;
}

/* No memory for it. */
static void drop(struct tk__engine *e, struct tk__seq *q)
{
    go_away(e, q);
    tk_http_peer_close(stream_of(q)->peer, true);
}

/* --- composing a step --- */

static void add_prefill(struct step *s, struct tk__seq *q)
{
    q->step_prefill = TK_MIN(n_context(q) - q->n_computed, s->budget);
    s->budget -= q->step_prefill;
    s->n_prefill += q->step_prefill;
}

static void add_decode(struct step *s, struct tk__seq *q, int64_t n_drafts)
{
    int64_t n = n_choices(q);

    q->step_decode = 1 + n_drafts;
    s->budget -= n * q->step_decode;
    s->n_decode += n;
    s->n_read += n_context(q);
    s->n_drafts = TK_MAX(s->n_drafts, n_drafts);
}

/* Find the blocks for one more token of a running request, at the cost of the youngest. False when
 * it was preempted itself. */
static bool make_room(struct tk__engine *e, struct step *s, struct tk__seq *q, int64_t n_drafts)
{
    size_t n = blocks_for(e, n_context(q) + n_choices(q) * n_drafts);
    int rc;

    while ((rc = tk__cache_grow(e->cache, &q->table, n)) == TK_E_LIMIT) {
        struct tk__seq *youngest = seq_of(e->running.prev);

        preempt(e, youngest);
        s->was_preempted = true;
        if (youngest == q)
            return false;
    }
    if (rc < 0)
        drop(e, q);
    return rc == 0;
}

static void compose_running(struct tk__engine *e, struct step *s)
{
    struct tk_link *l = e->running.next, *next;

    for (; l != &e->running && s->budget > 0; l = next) {
        struct tk_link *before = l->prev; /* stays: who goes is the youngest, or this one */
        struct tk__seq *q = seq_of(l);
        int64_t n_left = stream_of(q)->call.n_tokens - q->n_made;
        int64_t n_drafts = TK_MAX(TK_MIN(e->conf.n_drafts, n_left - 1), 0);

        if (q->is_prefilling)
            add_prefill(s, q);
        else if (make_room(e, s, q, n_drafts))
            add_decode(s, q, n_drafts);
        next = before->next == l ? l->next : before->next;
    }
}

/* Take in the first that waits, if it finds room. */
static bool admit(struct tk__engine *e, struct step *s, tk_ns at)
{
    struct tk__seq *q = seq_of(e->waiting.next);
    size_t n_blocks = blocks_for(e, n_context(q)), n_idle, n_hit;
    size_t most = (size_t)(n_context(q) - 1) / (size_t)e->conf.block_tokens;

    if (e->n_seqs > 0 && e->n_seqs + n_choices(q) > e->conf.max_batch)
        return false;
    n_hit = tk__cache_match(e->cache, &q->hashes, most, &n_idle);
    if (n_blocks - n_hit + n_idle > tk__cache_n_free(e->cache))
        return false;
    run_next(e, q);
    if (tk__cache_share(e->cache, &q->table, &q->hashes, n_hit) < 0 ||
        tk__cache_grow(e->cache, &q->table, n_blocks) < 0) {
        drop(e, q);
        return true;
    }
    q->n_computed = (int64_t)n_hit * e->conf.block_tokens;
    q->is_prefilling = true;
    if (q->scheduled_at == 0) {
        q->scheduled_at = at;
        q->n_cached = q->n_computed;
        e->counts.n_asked += (uint64_t)n_prompt(q);
        e->counts.n_hit += (uint64_t)q->n_cached;
    }
    add_prefill(s, q);
    return true;
}

static tk_ns cost_of(const struct tk_sim_engine *c, const struct step *s)
{
    return c->base_dur + s->n_decode * c->seq_dur + s->n_read * c->token_dur +
           s->n_drafts * c->draft_dur +
           (tk_ns)llround((double)s->n_prefill * (double)TK_NS_PER_S / c->prefill_rate);
}

/* No memory for the timer: nothing would ever move again. */
static void drop_all(struct tk__engine *e)
{
    while (!tk_list_is_empty(&e->running))
        drop(e, seq_of(e->running.next));
    while (!tk_list_is_empty(&e->waiting))
        drop(e, seq_of(e->waiting.next));
}

/* Begin the next step at this instant; none when there is nothing to do. */
static void compose(struct tk__engine *e, tk_ns at)
{
    struct step s = { .budget = e->conf.step_tokens };

    compose_running(e, &s);
    while (!s.was_preempted && s.budget > 0 && !tk_list_is_empty(&e->waiting)) {
        if (!admit(e, &s, at))
            break;
    }
    if (e->n_running == 0)
        return;
    e->counts.n_steps++;
    tk__stats_step(e->sim, s.n_prefill + s.n_decode);
    e->due_at = at + cost_of(&e->conf, &s);
    if (tk_timer_set(e->sim->loop, &e->timer, e->due_at) < 0)
        drop_all(e);
}

/* --- handing out --- */

static void step_stream(struct tk__stream *st, struct tk__engine *e);

/* Is there something to hand out now? Tokens wait until there are `chunk` of them, but for the first
 * and the last. */
static bool wants_step(struct tk__stream *st)
{
    struct tk__seq *q = &st->seq;

    if (q->is_slicing || !st->is_scheduled)
        return false;
    if (is_made(q))
        return st->stage == TK__STAGE_TOKENS;
    return st->call.is_streamed && q->n_made > st->n_sent &&
           (st->n_sent == 0 || q->n_made - st->n_sent >= st->call.knobs.chunk);
}

static void deliver(struct tk__stream *st, struct tk__engine *e)
{
    uint64_t serial = st->serial;

    while (st->serial == serial && wants_step(st))
        step_stream(st, e);
}

static void on_slice(struct tk_timer *t)
{
    struct tk__stream *st = t->owner;

    st->seq.is_slicing = false;
    step_stream(st, st->sim->engine);
    deliver(st, st->sim->engine);
}

static void step_stream(struct tk__stream *st, struct tk__engine *e)
{
    uint64_t serial = st->serial;

    st->n_ready = st->seq.n_made - st->n_sent;
    switch (tk__stream_step(st)) {
    case TK__STEP_NEXT:
        break;
    case TK__STEP_AGAIN:
        st->seq.is_slicing = true;
        if (tk_timer_set(st->sim->loop, &st->timer, st->again_at) < 0)
            drop(e, &st->seq);
        break;
    case TK__STEP_OVER:
        if (st->serial == serial && st->is_scheduled) { /* it stalls, or its connection is gone */
            go_away(e, &st->seq);
            st->seq.is_slicing = true;
        }
        break;
    }
}

/* So many drafts were right, in a row. */
static int64_t draw_accepted(struct tk__engine *e, struct tk__seq *q)
{
    struct tk__stream *st = stream_of(q);
    uint64_t n = (uint64_t)n_choices(q);
    int64_t n_drafts = q->step_decode - 1, n_right = 0;

    while (n_right < n_drafts && tk__rng_double(&st->rng) < e->conf.acceptance) {
        if (n_right < TK__MAX_DRAFTS)
            e->counts.n_accepted_at[n_right] += n;
        n_right++;
    }
    if (n_drafts > 0) {
        e->counts.n_drafts += n;
        e->counts.n_draft_tokens += n * (uint64_t)n_drafts;
        e->counts.n_accepted += n * (uint64_t)n_right;
    }
    return n_right;
}

/* Its whole blocks of the prompt that are computed may be found by others. */
static void name_blocks(struct tk__engine *e, struct tk__seq *q)
{
    size_t n = (size_t)(q->n_computed / e->conf.block_tokens);

    for (size_t i = 0; i < TK_MIN(n, q->hashes.n); i++)
        tk__cache_name(e->cache, q->table.v[i], q->hashes.v[i]);
}

/* What the step did for one request. */
static void end_step_of(struct tk__engine *e, struct tk__seq *q)
{
    struct tk__stream *st = stream_of(q);
    int64_t n_new = 1;

    if (q->is_prefilling) {
        q->n_computed += q->step_prefill;
        q->is_prefilling = q->n_computed < n_context(q);
        name_blocks(e, q);
    } else {
        n_new += draw_accepted(e, q);
        q->n_computed += n_choices(q) * n_new;
    }
    q->step_prefill = q->step_decode = 0;
    if (q->is_prefilling)
        return;
    q->n_made += n_new;
    if (is_made(q))
        go_away(e, q);
    st->due_at = e->due_at;
    deliver(st, e);
}

static void on_step_end(struct tk_timer *t)
{
    struct tk__engine *e = t->owner;
    struct tk_link *next;

    e->is_ending = true;
    for (struct tk_link *l = e->running.next; l != &e->running; l = next) {
        struct tk__seq *q = seq_of(l);

        next = l->next;
        if (q->step_prefill > 0 || q->step_decode > 0)
            end_step_of(e, q);
    }
    e->is_ending = false;
    compose(e, e->due_at);
}

/* --- the schedule --- */

static void batching_begin(struct tk__stream *st)
{
    struct tk__engine *e = st->sim->engine;
    struct tk__seq *q = &st->seq;

    tk_timer_init(&st->timer, on_slice, st);
    q->n_computed = q->n_made = q->step_prefill = q->step_decode = q->n_cached = 0;
    q->n_preempted = 0;
    q->scheduled_at = 0;
    q->is_prefilling = q->is_slicing = false;
    q->place = WAITING;
    tk_list_push(&e->waiting, &q->link);
    e->n_waiting++;
    if (!tk_timer_is_set(&e->timer) && !e->is_ending)
        compose(e, TK_MAX(st->arrived_at, e->due_at));
}

static void batching_end(struct tk__stream *st)
{
    tk_timer_stop(&st->timer);
    go_away(st->sim->engine, &st->seq);
}

const struct tk__schedule_ops tk__schedule_batching = {
    .name = "batching",
    .begin = batching_begin,
    .end = batching_end,
};

int tk__engine_check(const struct tk__engine *e, const struct tk__call *c, struct tk_err *reterr)
{
    int64_t room = e->conf.n_blocks * e->conf.block_tokens;
    int64_t n_answer = c->knobs.is_endless ? 1 : c->n_tokens * c->n_choices;

    if (c->n_choices > e->conf.max_batch)
        return tk_err_set(reterr, TK_E_RANGE, "n is %u, and a batch has room for %lld sequences",
                          c->n_choices, (long long)e->conf.max_batch);
    int64_t need = c->prompt_tokens + n_answer;
    if (need > room)
        return tk_err_set(reterr, TK_E_RANGE,
                          "prompt and answer need %lld tokens of cache, and there are %lld",
                          (long long)need, (long long)room);
    return 0;
}

void tk__engine_counts(const struct tk__engine *e, struct tk__engine_counts *ret)
{
    *ret = e->counts;
    ret->n_waiting = e->n_waiting;
    ret->n_running = e->n_running;
    ret->used = 1 - (double)tk__cache_n_free(e->cache) / (double)e->conf.n_blocks;
}

int tk__engine_new(struct tk_sim *s, const struct tk_sim_engine *conf, struct tk__engine **ret)
{
    struct tk__engine *e;

    if (conf->base_dur < TK_NS_PER_US || conf->seq_dur < 0 || conf->token_dur < 0 ||
        conf->draft_dur < 0 || !(conf->prefill_rate > 0) || conf->max_batch < 1 ||
        conf->step_tokens < 1 || conf->n_blocks < 1 || conf->n_blocks > TK__MAX_BLOCKS ||
        conf->block_tokens < 1 || conf->n_drafts < 0 || conf->n_drafts > TK__MAX_DRAFTS)
        return -EINVAL;
    e = calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->sim = s;
    e->conf = *conf;
    tk_list_init(&e->waiting);
    tk_list_init(&e->running);
    tk_timer_init(&e->timer, on_step_end, e);
    e->cache = tk__cache_new((uint32_t)conf->n_blocks);
    if (!e->cache) {
        free(e);
        return -ENOMEM;
    }
    *ret = e;
    return 0;
}

struct tk__engine *tk__engine_free(struct tk__engine *e)
{
    if (!e)
        return NULL;
    tk_timer_stop(&e->timer);
    tk__cache_free(e->cache);
    free(e);
    return NULL;
}
