/* measure.c - the chat template around prompts, and their lengths
 *
 * What `vllm bench serve` does with each prompt of a file: a message of the user, rendered with the
 * prompt for the answer, and counted with what the tokenizer adds by itself, so often with two BOS.
 * Rows that are messages already are rendered to be counted, and stay as they are.
 */
#include <errno.h>

#include "base/jsonw.h"
#include "data/inside.h"
#include "data/pipe.h"
#include "token/chat.h"

#define MAX_TEXT ((size_t)256 << 20)

struct measure {
    const struct tk_data_conf *conf;
    struct tk_items *items;
    const uint32_t *which;
    struct tk_err *reterr;
};

int64_t tk__measure_prompt(struct tk__measured *m, const struct tk_data_conf *conf,
                           struct tk_tok_scratch *s, const struct tk_item *item)
{
    struct tk_jsonw w;

    if (!conf->chat)
        return tk_tokenizer_count(conf->tokenizer, s, item->prompt, TK_TOK_DEFAULT);
    if (!m->ts) {
        tk_buf_init(&m->messages, MAX_TEXT);
        tk_buf_init(&m->text, MAX_TEXT);
        m->ts = tk_template_scratch_new();
    }
    if (!m->ts)
        return tk_err_set(&m->err, -ENOMEM, "no memory for the chat template");
    tk_buf_reset(&m->messages);
    tk_buf_reset(&m->text);
    if (item->messages.n > 0) {
        tk_buf_add_str(&m->messages, item->messages);
    } else {
        tk_buf_add_z(&m->messages, "[{\"role\":\"user\",\"content\":");
        tk_jsonw_init(&w, &m->messages, TK_JSONW_COMPACT);
        tk_jsonw_str(&w, item->prompt);
        tk_buf_add_z(&m->messages, "}]");
    }
    const struct tk_chat_input in = {
        .messages = tk_buf_str(&m->messages),
        .tools = m->tools,
        .kwargs = conf->template_kwargs,
        .add_generation_prompt = true,
    };
    int rc = m->messages.failed;
    if (rc == 0)
        rc = tk_chat_encode(conf->chat, &in, m->ts, s, &m->text, NULL, &m->err);
    if (rc != 0)
        return rc;
    return tk_tokenizer_count(conf->tokenizer, s, tk_buf_str(&m->text), TK_TOK_DEFAULT);
}

void tk__measured_release(struct tk__measured *m)
{
    m->ts = tk_template_scratch_free(m->ts);
    tk_buf_release(&m->messages);
    tk_buf_release(&m->text);
}

static void make(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    const struct measure *me = owner;
    struct tk__measured *m = at;

    m->n_tokens = tk__measure_prompt(m, me->conf, s, &me->items->v[me->which[i]]);
}

static int take(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct measure *me = owner;
    struct tk__measured *m = at;
    struct tk_item *item = &me->items->v[me->which[i]];

    (void)s;
    if (m->n_tokens < 0)
        return tk_err_set(me->reterr, (int)m->n_tokens, "row %u from 0: %s", item->row,
                          m->err.msg[0] ? m->err.msg : tk_err_text((int)m->n_tokens));
    item->prompt_tokens = m->n_tokens;
    if (!me->conf->chat || item->messages.n > 0)
        return 0;
    item->prompt = tk_arena_dup_str(&me->items->arena, tk_buf_str(&m->text));
    return item->prompt.p ? 0 : tk_err_set(me->reterr, -ENOMEM, "no memory for the prompts");
}

static void release(void *at)
{
    tk__measured_release(at);
}

int tk_items_measure(struct tk_items *items, const uint32_t *which, size_t n,
                     const struct tk_data_conf *conf, struct tk_err *reterr)
{
    struct measure me = { .conf = conf, .items = items, .which = which, .reterr = reterr };
    const struct tk__pipe pipe = {
        .n = n,
        .n_threads = conf->n_threads,
        .slot_bytes = sizeof(struct tk__measured),
        .owner = &me,
        .make = make,
        .take = take,
        .release = release,
    };
    int rc = tk__pipe_run(&pipe);
    if (rc == -ENOMEM)
        (void)tk_err_set(reterr, rc, "no memory for the prompts");
    return rc;
}
