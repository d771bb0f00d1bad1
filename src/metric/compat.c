/* compat.c - the definitions of other clients
 *
 *                      starts            first token          gaps between        stops at
 *   vllm 0.13          before connect    first choice         choices             completions: last choice
 *                                                                                 chat: last message, but [DONE]
 *   vllm 0.32          before connect    first choice         choices             last choice
 *   vllm 0.13 pooling  before connect    the head             none                the head
 *   max 25.6           before connect    first answer text    texts (completions) last line, [DONE] too
 *                                                             text and the chunk
 *                                                             before it (chat)
 *   max 26.6           before connect    first text of any    texts               last event, [DONE] too
 *                                        channel
 *   genai-bench 0.0.5  before connect    first text or        none                usage after a finish, else
 *                                        reasoning                                [DONE] or the end
 *
 * "Choice" is an event with a non-empty `choices`, with or without text. Whether a reply was a success is
 * theirs too: an error object in the stream is nothing to vllm, and a usage object without choices breaks
 * max 25.6. Where the reply did not come whole (cut, reset, timed out, another status) all of them fail.
 */
#include "metric/compat.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"

void tk_compat_init(struct tk_compat *c)
{
    *c = (struct tk_compat){ 0 };
}

void tk_compat_release(struct tk_compat *c)
{
    free(c->itl);
    free(c->step);
    tk_compat_init(c);
}

static void reset(struct tk_compat *c)
{
    *c = (struct tk_compat){
        .tpot = (double)NAN,
        .output_tokens = -1,
        .itl = c->itl,
        .cap_itl = c->cap_itl,
        .step = c->step,
        .cap_step = c->cap_step,
    };
}

static int push(double **v, size_t *n, size_t *cap, double value)
{
    if (*n == *cap) {
        size_t more = *cap ? 2 * *cap : 64;
        double *p = reallocarray(*v, more, sizeof(*p));
        if (!p)
            return -ENOMEM;
        *v = p;
        *cap = more;
    }
    (*v)[(*n)++] = value;
    return 0;
}

static int push_itl(struct tk_compat *c, tk_ns from, tk_ns to)
{
    return push(&c->itl, &c->n_itl, &c->cap_itl, (double)(to - from) / 1e9);
}

static double since_start(const struct tk_compat *c, tk_ns at)
{
    return (double)(at - c->start_at) / 1e9;
}

/* A failure, with what had been measured until then: these programs throw their latency away. */
static int fail(struct tk_compat *c, const char *error)
{
    c->is_success = false;
    c->error = error;
    c->latency = 0;
    return 0;
}

/* Their clocks start before the connection is made, when it is made for the request. */
static tk_ns start_of(const struct tk_record *r)
{
    if (r->connect_begin_at && r->connect_begin_at >= r->released_at)
        return r->connect_begin_at;
    return r->sent_first_at ? r->sent_first_at : r->released_at;
}

/* The bytes of a reply came whole with status 200: what is in it is for the program to judge. */
static bool is_whole(const struct tk_record *r)
{
    return r->status == 200 &&
           (r->end == TK_END_OK || r->end == TK_END_API_ERROR || r->end == TK_END_EMPTY);
}

static void divide(struct tk_compat *c)
{
    if (c->is_success && c->output_tokens > 1)
        c->tpot = (c->latency - c->ttft) / (double)(c->output_tokens - 1);
}

/* --- vllm --- */

struct vllm {
    bool counts_all;  /* any message but [DONE] moves the end (and the base of the next gap) */
    bool needs_token; /* a reply without a choice is a failure */
};

static int vllm(const struct tk_sample *s, int64_t own_tokens, struct tk_compat *c,
                struct vllm rules)
{
    tk_ns last_at = c->start_at;
    bool has_token = false;
    bool has_usage = false;
    int rc = 0;

    if (s->rec->status != 200)
        return fail(c, NULL);
    for (size_t i = 0; i < s->n_events && rc == 0; i++) {
        const struct tk_sample_event *e = &s->events[i];
        if ((e->channels & TK_CH_DONE) && !(e->channels & TK_CH_USAGE))
            continue; /* of the Responses API it is the end that has the usage */
        if (e->channels & TK_CH_CHOICES) {
            if (has_token)
                rc = push_itl(c, last_at, e->arrived_at);
            else
                c->ttft = since_start(c, e->arrived_at);
            has_token = true;
            c->n_chunks++;
        } else if (e->channels & TK_CH_USAGE) {
            has_usage = true; /* usage beside choices is not looked at */
        }
        if (rules.counts_all || (e->channels & TK_CH_CHOICES))
            last_at = e->arrived_at;
    }
    if (rc != 0 || !is_whole(s->rec))
        return rc != 0 ? rc : fail(c, NULL);
    if (rules.needs_token && !has_token)
        return fail(c, "Never received a valid chunk to calculate TTFT."
                       "This response will be marked as failed!");
    c->is_success = true;
    c->latency = since_start(c, last_at);
    bool says_tokens = has_usage && s->rec->count_source == TK_COUNT_USAGE &&
                       s->rec->output_tokens > 0;
    c->output_tokens = says_tokens ? s->rec->output_tokens : own_tokens;
    divide(c);
    return rc;
}

static int vllm_0_13_completions(const struct tk_sample *s, int64_t own, struct tk_compat *c)
{
    return vllm(s, own, c, (struct vllm){ .needs_token = true });
}

static int vllm_0_13_chat(const struct tk_sample *s, int64_t own, struct tk_compat *c)
{
    return vllm(s, own, c, (struct vllm){ .counts_all = true });
}

static int vllm_0_32(const struct tk_sample *s, int64_t own, struct tk_compat *c)
{
    return vllm(s, own, c, (struct vllm){ .needs_token = true });
}

/* Vectors and scores come whole; its clock is read when the head is there. */
static int vllm_0_13_pooling(const struct tk_sample *s, int64_t own, struct tk_compat *c)
{
    (void)own;
    if (!is_whole(s->rec))
        return fail(c, NULL);
    c->is_success = true;
    c->ttft = c->latency = since_start(c, s->rec->head_at);
    c->output_tokens = 0;
    return 0;
}

/* --- max --- */

static int max_25_6(const struct tk_sample *s, int64_t own_tokens, struct tk_compat *c,
                    bool is_chat)
{
    tk_ns last_at = c->start_at;
    int rc = 0;

    if (!is_whole(s->rec))
        return fail(c, NULL);
    for (size_t i = 0; i < s->n_events && rc == 0; i++) {
        const struct tk_sample_event *e = &s->events[i];
        c->latency = since_start(c, e->arrived_at);
        if (e->channels & TK_CH_DONE)
            continue;
        if (!(e->channels & TK_CH_CHOICES))
            return fail(c, e->channels & TK_CH_USAGE ? "IndexError: list index out of range"
                                                     : "KeyError: 'choices'");
        bool has_text = e->channels & TK_CH_CONTENT;
        if (has_text && c->n_chunks++ == 0)
            c->ttft = since_start(c, e->arrived_at);
        else if (has_text)
            rc = push_itl(c, last_at, e->arrived_at);
        if (has_text || is_chat)
            last_at = e->arrived_at;
    }
    if (c->n_chunks == 0)
        return fail(c, "No content returned, there could be an issue with accuracy");
    c->is_success = true;
    c->output_tokens = own_tokens;
    divide(c);
    return rc;
}

static int max_25_6_completions(const struct tk_sample *s, int64_t own, struct tk_compat *c)
{
    return max_25_6(s, own, c, false);
}

static int max_25_6_chat(const struct tk_sample *s, int64_t own, struct tk_compat *c)
{
    return max_25_6(s, own, c, true);
}

static int max_26_6(const struct tk_sample *s, int64_t own_tokens, struct tk_compat *c)
{
    tk_ns last_at = 0;
    int rc = 0;

    if (!is_whole(s->rec))
        return fail(c, NULL);
    for (size_t i = 0; i < s->n_events && rc == 0; i++) {
        const struct tk_sample_event *e = &s->events[i];
        c->latency = since_start(c, e->arrived_at);
        if (e->channels & TK_CH_ERROR)
            return fail(c, NULL);
        if (!(e->channels & TK_CH_CHOICES) ||
            !(e->channels & (TK_CH_CONTENT | TK_CH_REASONING | TK_CH_TOOL)))
            continue;
        if (c->n_chunks++ == 0) {
            c->ttft = since_start(c, e->arrived_at);
        } else {
            rc = push_itl(c, last_at, e->arrived_at);
            if (rc == 0 && e->tokens > 0)
                rc = push(&c->step, &c->n_step, &c->cap_step,
                          c->itl[c->n_itl - 1] / (double)e->tokens);
        }
        last_at = e->arrived_at;
    }
    if (c->n_chunks == 0)
        return fail(c, "No text content captured from the response");
    c->is_success = true;
    c->output_tokens = own_tokens;
    divide(c);
    return rc;
}

/* --- genai-bench --- */

static int genai_0_0_5(const struct tk_sample *s, int64_t own_tokens, struct tk_compat *c)
{
    bool has_finish = false;
    bool has_usage = false;

    if (!is_whole(s->rec))
        return fail(c, NULL);
    tk_ns end_at = s->last_byte_at;
    for (size_t i = 0; i < s->n_events; i++) {
        const struct tk_sample_event *e = &s->events[i];
        bool has_choices = e->channels & TK_CH_CHOICES;
        end_at = e->arrived_at;
        if (e->channels & TK_CH_DONE)
            break;
        if (e->channels & TK_CH_ERROR)
            return fail(c, NULL);
        if (has_choices) {
            if ((e->channels & (TK_CH_CONTENT | TK_CH_REASONING)) && c->n_chunks++ == 0)
                c->ttft = since_start(c, e->arrived_at);
            has_finish = e->channels & TK_CH_FINISH;
        }
        has_usage = has_finish && (e->channels & TK_CH_USAGE);
        if (has_usage)
            break;
        end_at = s->last_byte_at; /* unless another one ends it, the loop ends with the reply */
    }
    if (c->n_chunks == 0)
        return fail(c, "Invalid streaming response");
    c->is_success = true;
    c->latency = since_start(c, end_at);
    c->output_tokens = has_usage ? s->rec->output_tokens : own_tokens;
    divide(c);
    return 0;
}

/* --- the table --- */

static const struct tk_compat_tool tools[] = {
    { "vllm-0.13-completions", "first event with choices; stops at the last one",
      vllm_0_13_completions },
    { "vllm-0.13-chat", "first event with choices; the usage event moves the end", vllm_0_13_chat },
    { "vllm-0.32", "first event with choices; stops at the last one", vllm_0_32 },
    { "vllm-0.13-pooling", "no tokens; stops at the reply's head", vllm_0_13_pooling },
    { "max-25.6-completions", "first text; stops at the end mark; own tokenizer",
      max_25_6_completions },
    { "max-25.6-chat", "the same; a gap counts from the chunk before, text or not", max_25_6_chat },
    { "max-26.6", "first text of any channel; stops at the end mark; own tokenizer", max_26_6 },
    { "genai-bench-0.0.5", "first text or reasoning; stops at the usage event", genai_0_0_5 },
};

const struct tk_compat_tool *const tk_compat_tools[] = {
    &tools[0], &tools[1], &tools[2], &tools[3], &tools[4], &tools[5], &tools[6], &tools[7], NULL,
};

const struct tk_compat_tool *tk_compat_find(struct tk_str name)
{
    for (unsigned i = 0; tk_compat_tools[i]; i++) {
        if (tk_str_is(name, tk_compat_tools[i]->name))
            return tk_compat_tools[i];
    }
    return NULL;
}

int tk_compat_apply(const struct tk_compat_tool *tool, const struct tk_sample *s,
                    int64_t own_tokens, struct tk_compat *ret)
{
    reset(ret);
    ret->start_at = start_of(s->rec);
    if (!s->has_events && s->rec->n_events > 0)
        return TK_E_NOT_FOUND;
    return tool->apply(s, own_tokens, ret);
}
