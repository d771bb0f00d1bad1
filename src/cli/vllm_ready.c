/* vllm_ready.c - why the endpoint is not ready, for people who wait
 *
 * The tool tries again whatever the server says, and so does tokmark: a gateway may say 404 until the server
 * behind it is up. But most of those who wait for a 404 wait in vain.
 */
#include "cli/vllm_ready.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "run/plan.h"
#include "run/record.h"

#define SAID_EACH (60 * TK_NS_PER_S)
#define MAX_TEXT 8192

/* What may be wrong where waiting does not mend it; nothing for what may pass by itself. */
static void add_hint(const struct tk_vllm_ready *r, int status, struct tk_buf *out)
{
    const struct tk_vllm_opts *o = r->v->o;

    if (status < 300 || status >= 500 || status == 408 || status == 425 || status == 429)
        return;
    tk_buf_add_z(out, ". Waiting hardly mends this: ");
    if (status == 401 || status == 403) {
        tk_buf_add_z(out, "is the key in OPENAI_API_KEY, or in a --header, right?");
    } else if (status == 404) {
        tk_buf_add_z(out, "is '--endpoint ");
        (void)tk_plan_mask_url(o->endpoint, out);
        tk_buf_addf(out,
                    "' where the server has what '--backend %s' asks for, and has it model '%s'?",
                    o->backend, r->v->served_model);
    } else if (status == 400 || status == 422) {
        tk_buf_addf(
            out,
            "has the server model '%s', and does it take what '--backend %s' and the options "
            "ask for?",
            r->v->served_model, o->backend);
    } else {
        tk_buf_add_z(out, "is '");
        (void)tk_plan_mask_url(r->v->url, out);
        tk_buf_addf(out, "' right, and '--backend %s'?", o->backend);
    }
}

static bool is_said(const struct tk_vllm_ready *r, const struct tk_record *why, tk_ns now)
{
    bool is_same = why && r->said_end == why->end && r->said_status == why->status;

    return r->said_at != 0 && is_same && now - r->said_at < SAID_EACH;
}

void tk_vllm_ready_tell(struct tk_vllm_ready *r, const struct tk_record *why, tk_ns dur)
{
    struct tk_buf text = TK_BUF_INIT(MAX_TEXT);
    long long seconds = (long long)((dur + TK_NS_PER_S - 1) / TK_NS_PER_S);
    tk_ns now = tk_clock_now();

    if (!why) {
        tk_say(r->program, "the ready check has no reply yet, after %lld s; Ctrl-C ends it",
               seconds);
        return;
    }
    if (is_said(r, why, now))
        return;
    r->said_at = now;
    r->said_end = why->end;
    r->said_status = why->status;
    tk_vllm_put_error(why, &text);
    tk_buf_addf(&text, "; tried again for %lld s more", seconds);
    add_hint(r, why->status, &text);
    tk_say(r->program, "the endpoint is not ready: %s", text.p ? text.p : "");
    tk_buf_release(&text);
}
