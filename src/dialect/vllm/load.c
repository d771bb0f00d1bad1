/* load.c - from the data set to bodies, an order and a plan
 *
 *   rows ─ random.seed, random.shuffle ─► samples ─ seed again, random.choice ─► requests
 *
 * custom: rows of a JSON Lines file; its seed is 0 whatever --seed says, as in 0.13. sharegpt: the
 * reader shuffles and filters (data/sharegpt.c). Requests that repeat a sample share its body. The
 * other sets come as they are to be sent (data/random.c and so on).
 *
 * Without a tokenizer the lengths of prompts are not known: custom counts 1 for each, as newer
 * versions do under --skip-tokenizer-init, until the server's usage says better; sharegpt's are
 * estimated.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/rand.h"
#include "base/str.h"
#include "dialect/vllm/backends.h"
#include "dialect/vllm/probe.h"
#include "dialect/vllm/sets.h"
#include "dialect/vllm/vllm.h"

#define MAX_BODY_BYTES ((size_t)64 << 30)
#define SESSION_TIMEOUT (6 * 3600 * TK_NS_PER_S) /* aiohttp's session in the tool */

static int read_items(struct tk_vllm *v, struct tk_err *reterr)
{
    struct tk_data_conf conf = {
        .path = v->data_path,
        .seed = (uint64_t)v->o->seed,
        .output_tokens = -1,
        .tokenizer = v->tokenizer,
        .chat = v->chat,
        .numpy = &v->numpy,
        .python = &v->python,
        .ret_n_surplus = &v->n_surplus,
        .ret_n_short = &v->n_short,
        .ret_n_plain = &v->n_plain,
    };

    v->hf.hub = v->hub;
    v->set->fill(v, &conf);
    int rc = v->set->ops->load(&conf, &v->items, reterr);
    v->has_items = rc == 0;
    return rc;
}

/* The samples, as indices of items: sample[i] is the item of sample i. The other sets come in their
 * order. */
static uint32_t *sample_order(struct tk_vllm *v)
{
    uint32_t *sample = tk_arena_alloc(&v->arena, v->items.n * sizeof(*sample));

    if (!sample)
        return NULL;
    if (v->set->is_shuffled && !v->o->disable_shuffle) {
        tk_mt_shuffle(&v->python, sample, v->items.n);
        return sample;
    }
    for (size_t i = 0; i < v->items.n; i++)
        sample[i] = (uint32_t)i;
    return sample;
}

/* Requests 0 … n_samples-1 are the samples; further ones are drawn from them. */
static int order_requests(struct tk_vllm *v, uint64_t n_samples)
{
    v->order = tk_arena_alloc(&v->arena, v->n_requests * sizeof(*v->order));
    if (!v->order)
        return -ENOMEM;
    for (uint64_t i = 0; i < v->n_requests && i < n_samples; i++)
        v->order[i] = (uint32_t)i;
    v->n_repeated = v->n_requests - TK_MIN(n_samples, v->n_requests);
    if (v->n_repeated > 0)
        tk_mt_seed_python(&v->python, v->set->has_fixed_seed ? 0 : (uint64_t)v->o->seed);
    for (uint64_t i = n_samples; i < v->n_requests; i++)
        v->order[i] = (uint32_t)tk_mt_below(&v->python, n_samples);
    return 0;
}

static uint64_t n_samples_of(const struct tk_vllm *v)
{
    if (v->o->num_prompts <= 0 || !v->set->is_sampled)
        return v->items.n;
    return TK_MIN(v->items.n, (uint64_t)v->o->num_prompts);
}

static uint64_t n_requests_of(const struct tk_vllm *v, uint64_t n_samples)
{
    if (v->o->num_prompts <= 0 || v->o->no_oversample || !v->set->is_sampled)
        return n_samples;
    return (uint64_t)v->o->num_prompts;
}

/* --- bodies --- */

/* Requests of one sample have one body, unless something of the request itself is in it. */
bool tk__vllm_has_own_bodies(const struct tk_vllm *v)
{
    return v->o->lora_modules.n > 0 || v->backend->counts_requests;
}

/* An adapter for each request, by the tool's global generator or in turn; NULL: none were asked for. */
static const char *const *choose_adapters(struct tk_vllm *v)
{
    const struct tk_opt_list *list = &v->o->lora_modules;
    bool is_random = strcmp(v->o->lora_assignment, "random") == 0;
    const char **chosen = tk_arena_alloc(&v->arena, v->n_requests * sizeof(*chosen));

    for (uint64_t i = 0; chosen && i < v->n_requests; i++)
        chosen[i] = list->v[is_random ? tk_mt_below(&v->python, list->n) : i % list->n];
    return chosen;
}

static int add_body(struct tk_vllm *v, const struct tk_vllm_template *t,
                    const struct tk_vllm_send *s, struct tk_err *reterr)
{
    struct tk_load_body *body = &v->bodies[v->n_bodies++];
    size_t begin = v->body_text.n;
    int rc = tk_vllm_template_write(t, s, &v->body_text, reterr);

    body->json.n = v->body_text.n - begin;
    body->asked_prompt_tokens = s->item->prompt_tokens < 0 ? 1 : s->item->prompt_tokens;
    body->asked_output_tokens = s->item->output_tokens;
    return rc;
}

/* What was encoded is large, and not wanted again; but for the first one's, by check and profiler. */
static void drop_media(struct tk_vllm *v, uint32_t i)
{
    if (i != v->first_item)
        tk_items_drop_media(&v->items, i);
}

/* A body for each sample, which all of its requests send. */
static int add_shared(struct tk_vllm *v, const struct tk_vllm_template *t, const uint32_t *sample,
                      uint64_t n_samples, struct tk_err *reterr)
{
    int rc = 0;

    for (uint64_t i = 0; rc == 0 && i < n_samples; i++) {
        struct tk_vllm_send s = { .item = &v->items.v[sample[i]], .number = -1 };
        rc = add_body(v, t, &s, reterr);
        drop_media(v, sample[i]);
    }
    return rc;
}

/* A body for each request; and one for the check, which has neither adapter nor number. */
static int add_own(struct tk_vllm *v, const struct tk_vllm_template *t, const uint32_t *sample,
                   uint64_t n_samples, struct tk_err *reterr)
{
    const char *const *adapters = v->o->lora_modules.n > 0 ? choose_adapters(v) : NULL;
    struct tk_vllm_send check = { .item = &v->items.v[v->first_item], .number = -1 };
    int rc = v->o->lora_modules.n > 0 && !adapters ? -ENOMEM : 0;

    if (rc != 0)
        return tk_err_set(reterr, rc, "no memory for %llu adapters",
                          (unsigned long long)v->n_requests);
    for (uint64_t i = 0; rc == 0 && i < v->n_requests; i++) {
        struct tk_vllm_send s = { .item = &v->items.v[sample[v->order[i]]],
                                  .model = adapters ? adapters[i] : NULL,
                                  .number = v->id_prefix ? (int64_t)i : -1 };
        rc = add_body(v, t, &s, reterr);
        if (v->n_requests <= n_samples) /* none is sent twice */
            drop_media(v, sample[v->order[i]]);
        v->order[i] = (uint32_t)i;
    }
    v->check_body = (uint32_t)v->n_bodies;
    return rc == 0 ? add_body(v, t, &check, reterr) : rc;
}

/* All of them behind each other in one buffer, which moves while it grows. */
static int encode(struct tk_vllm *v, const uint32_t *sample, uint64_t n_samples,
                  struct tk_err *reterr)
{
    struct tk_vllm_template *t = NULL;
    bool is_own = tk__vllm_has_own_bodies(v);
    uint64_t n = is_own ? v->n_requests + 1 : n_samples;
    int rc = tk_vllm_template_new(v, TK_VLLM_BODY_REQUEST, &t, reterr);

    v->bodies = tk_arena_alloc(&v->arena, n * sizeof(*v->bodies));
    if (rc == 0 && !v->bodies)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for %llu requests", (unsigned long long)n);
    tk_buf_init(&v->body_text, MAX_BODY_BYTES);
    v->first_item = n_samples > 0 ? sample[0] : 0;
    if (rc == 0)
        rc = is_own ? add_own(v, t, sample, n_samples, reterr)
                    : add_shared(v, t, sample, n_samples, reterr);
    const char *at = v->body_text.p;
    for (uint64_t i = 0; rc == 0 && i < v->n_bodies; at += v->bodies[i++].json.n)
        v->bodies[i].json.p = at;
    tk_vllm_template_free(t);
    return rc;
}

int tk_vllm_stop_body(const struct tk_vllm *v, struct tk_buf *out, struct tk_err *reterr)
{
    struct tk_vllm_template *t = NULL;
    struct tk_item item = v->items.v[v->first_item];
    int rc = tk_vllm_template_new(v, TK_VLLM_BODY_STOP, &t, reterr);

    if ((item.prompt.n > 0 || item.prompt_json.n > 0) && !tk__vllm_makes_message(v))
        item.media = (struct tk_str){ 0 }; /* the tool stumbles where there is nothing else */
    if (rc == 0)
        rc = tk_vllm_template_write(t, &(struct tk_vllm_send){ .item = &item, .number = -1 }, out,
                                    reterr);
    tk_vllm_template_free(t);
    return rc;
}

/* --- the whole --- */

static int check_items(struct tk_vllm *v, struct tk_err *reterr)
{
    for (size_t i = 0; i < v->items.n; i++) {
        const struct tk_item *item = &v->items.v[i];
        if (item->messages.n > 0 && !v->backend->is_chat)
            return tk_err_set(reterr, TK_E_UNSUPPORTED,
                              "row %u of '%s' has messages, and backend '%s' takes prompts",
                              item->row + 1, v->o->dataset_path, v->o->backend);
        if (item->output_tokens < 0)
            return tk_err_set(reterr, TK_E_FORMAT,
                              "If no output length is provided the custom dataset must contain an "
                              "'output_tokens' field.");
    }
    return 0;
}

/* Prompts that come from a file as they are: their template, their lengths. */
static int measure(struct tk_vllm *v, const uint32_t *sample, uint64_t n_samples,
                   struct tk_err *reterr)
{
    const struct tk_data_conf conf = {
        .tokenizer = v->tokenizer,
        .chat = v->chat,
        .template_kwargs = tk_str_of(v->template_kwargs ? v->template_kwargs : ""),
    };

    if (!v->tokenizer || !v->set->is_measured)
        return 0;
    return tk_items_measure(&v->items, sample, n_samples, &conf, reterr);
}

bool tk_vllm_aligns(const struct tk_vllm *v)
{
    return v->o->align_tokens &&
           (strcmp(v->set->name, "random") == 0 || strcmp(v->set->name, "prefix_repetition") == 0);
}

int tk_vllm_load(struct tk_vllm *v, struct tk_err *reterr)
{
    v->exit_status = 1;
    if (v->set->has_fixed_seed)
        tk_mt_seed_python(&v->python, 0);
    bool is_late = tk__vllm_has_functions(v); /* the probe has those of the first item */
    int rc = is_late ? 0 : tk__vllm_make_probe(v, reterr);
    if (rc != 0 || tk__vllm_can_make(v))
        return rc ? rc : tk__vllm_maker_new(v, reterr);
    rc = read_items(v, reterr);
    if (rc == 0 && is_late)
        rc = tk__vllm_make_probe(v, reterr);
    if (rc == 0 && v->on_items)
        rc = v->on_items(v->on_items_owner, &v->items, reterr);
    return rc == 0 ? tk_vllm_load_items(v, reterr) : rc;
}

int tk_vllm_load_items(struct tk_vllm *v, struct tk_err *reterr)
{
    int rc = check_items(v, reterr);
    if (rc != 0)
        return rc;
    uint64_t n_samples = n_samples_of(v);
    v->n_requests = n_requests_of(v, n_samples);
    const uint32_t *sample = sample_order(v);
    if (!sample || v->n_requests > UINT32_MAX || order_requests(v, n_samples) != 0)
        return tk_err_set(reterr, -ENOMEM, "no memory for %llu requests",
                          (unsigned long long)v->n_requests);
    rc = measure(v, sample, n_samples, reterr);
    return rc == 0 ? encode(v, sample, n_samples, reterr) : rc;
}

void tk_vllm_suppose(struct tk_vllm *v)
{
    v->n_requests = (uint64_t)v->o->num_prompts;
}

static struct tk_plan_phase measured(const struct tk_vllm *v)
{
    bool is_closed = !v->due && v->o->max_concurrency > 0;

    return (struct tk_plan_phase){
        .n_requests = v->n_requests,
        .concurrency = (uint32_t)v->o->max_concurrency,
        .arrival = is_closed ? TK_ARRIVAL_CLOSED : TK_ARRIVAL_GIVEN, /* without due: all at once */
        .rate = v->o->request_rate,
        .due_offset = v->due,
        .n_due = v->due ? v->n_requests : 0,
    };
}

/* One after the other the same request: the check, the warm-ups. */
static struct tk_plan_phase repeated(const struct tk_vllm *v, int64_t n)
{
    return (struct tk_plan_phase){
        .n_requests = (uint64_t)n,
        .concurrency = (uint32_t)v->o->max_concurrency,
        .arrival = TK_ARRIVAL_CLOSED,
        .rate = INFINITY,
        .is_first_item_only = true,
    };
}

void tk_vllm_plan(const struct tk_vllm *v, struct tk_plan *p)
{
    const struct tk_vllm_opts *o = v->o;

    memset(p, 0, sizeof(*p));
    p->tool = "tokmark vllm";
    p->url = v->url;
    p->api = v->backend->api;
    p->model = v->served_model;
    p->adapters = (const char *const *)o->lora_modules.v;
    p->n_adapters = o->lora_modules.n;
    p->adapter_choice = o->lora_modules.n > 0 ? o->lora_assignment : NULL;
    p->sampling = v->sampling;
    p->is_streamed = !v->backend->is_pooling;
    p->headers = v->headers;
    p->n_headers = v->n_headers;
    p->request_id_prefix = v->id_prefix;
    if (o->ready_check_timeout_sec > 0)
        p->phase[TK_PHASE_CHECK] = repeated(v, 1);
    p->phase[TK_PHASE_WARMUP] = repeated(v, o->num_warmups);
    p->phase[TK_PHASE_MEASURE] = measured(v);
    p->phase[TK_PHASE_PROBE] = tk__vllm_probe_phase(v);
    p->timeouts.total = SESSION_TIMEOUT;
    p->seed = (uint64_t)o->seed;
    p->n_workers = (uint32_t)o->workers;
    p->level = TK_RECORD_ALL;
    p->is_realtime = o->realtime;
    p->keeps_text = o->save_detailed;
    p->accepts_no_end = strcmp(v->backend->api, "responses") != 0; /* that one has to say it */
    p->max_trace_bytes = 16 << 20;
    p->max_record_bytes = (uint64_t)1 << 30;
    p->opens_ahead = true;
    p->data = o->dataset_name;
    p->n_items = v->maker ? v->n_bodies : v->items.n;
}

void tk_vllm_release(struct tk_vllm *v)
{
    tk__vllm_maker_free(v->maker);
    v->maker = NULL;
    if (v->has_items)
        tk_items_release(&v->items);
    v->has_items = false;
    tk_buf_release(&v->body_text);
    tk_arena_release(&v->arena);
}
