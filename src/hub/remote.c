/* remote.c - a file of the hub by ranges, for what is larger than what is wanted of it
 *
 * A HEAD says how long it is, and of which commit: from then on that commit is read, so that the parts go
 * together. Each range is a request of its own, with redirects, the token and the tries of every other one
 * (http.c); what was cut is asked for from where it was cut.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "hub/inside.h"

#define TRIES 5
#define TRIES_TOTAL 100 /* of one part, however many bytes each brought */

struct tk_hub_remote {
    struct tk__hub_session s;
    char *name, *url;
    int64_t size;
};

struct range_sink {
    struct tk__hub_sink sink; /* first */
    char *out;
    size_t n, done;
    int64_t at;
};

static int on_begin(struct tk__hub_sink *k, const struct tk__hub_reply *r)
{
    const struct range_sink *g = (struct range_sink *)(void *)k;

    if (r->status == 206)
        return r->range_start == g->at + (int64_t)g->done ? 0 : TK_E_PROTO;
    return TK_E_UNSUPPORTED;
}

static int on_bytes(struct tk__hub_sink *k, const char *p, size_t n)
{
    struct range_sink *g = (struct range_sink *)(void *)k;

    if (n > g->n - g->done)
        return TK_E_PROTO;
    memcpy(g->out + g->done, p, n);
    g->done += n;
    return 0;
}

static int64_t size_of(const struct tk__hub_reply *r)
{
    if (r->linked_size >= 0)
        return r->linked_size;
    return r->status < 300 ? r->length : -1;
}

/* Ask how long the file is; the URL becomes that of the commit. */
static int ask(struct tk_hub_remote *r, struct tk_err *reterr)
{
    struct tk__hub_reply reply;
    struct tk__hub_session *s = &r->s;
    int rc = tk__hub_http_try(s->http, r->url, NULL, TRIES, &reply, reterr);

    if (rc == 0 && reply.status >= 400)
        rc = tk__hub_http_refused(s->http, s->repo, r->name, &reply, reterr);
    if (rc != 0)
        return rc;
    r->size = size_of(&reply);
    if (r->size < 0 || !tk__hub_is_safe_part(tk_str_of(reply.commit)))
        return tk_err_set(reterr, TK_E_PROTO,
                          "'%s' does not answer as a hub does (no length or commit of '%s'); see "
                          "HF_ENDPOINT",
                          tk__hub_http_where(s->http), r->name);
    free(r->url);
    r->url = tk__hub_file_url(s->conf, s->repo, reply.commit, r->name);
    return r->url ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for '%s'", r->name);
}

int tk_hub_remote_open(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                       const char *name, struct tk_hub_remote **ret, struct tk_err *reterr)
{
    struct tk_hub_remote *r;
    int rc = tk__hub_check(repo, name, reterr);

    if (rc != 0)
        return rc;
    r = calloc(1, sizeof(*r));
    if (!r)
        return tk_err_set(reterr, -ENOMEM, "no memory for '%s'", name);
    rc = tk__hub_session_init(&r->s, c, repo, reterr);
    if (rc != 0) {
        free(r);
        return rc;
    }
    r->name = strdup(name);
    r->url = tk__hub_file_url(c, repo, tk__hub_revision(repo), name);
    if (!r->name || !r->url)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for '%s'", name);
    if (rc == 0)
        rc = tk__hub_session_connect(&r->s, reterr);
    if (rc == 0)
        rc = ask(r, reterr);
    if (rc != 0)
        tk_hub_remote_free(r);
    else
        *ret = r;
    return tk__hub_mask(c, rc, reterr);
}

struct tk_hub_remote *tk_hub_remote_free(struct tk_hub_remote *r)
{
    if (r) {
        tk__hub_session_release(&r->s);
        free(r->name);
        free(r->url);
        free(r);
    }
    return NULL;
}

int64_t tk_hub_remote_size(const struct tk_hub_remote *r)
{
    return r->size;
}

/* Why the range did not come. */
static int give_up(struct tk_hub_remote *r, const struct range_sink *g, int rc,
                   const struct tk__hub_reply *reply, struct tk_err *err, struct tk_err *reterr)
{
    if (rc == TK_E_UNSUPPORTED)
        return tk_err_set(reterr, rc, "'%s' gives no parts of files",
                          tk__hub_http_where(r->s.http));
    if (rc == 0 && reply->status >= 300)
        return tk__hub_http_refused(r->s.http, r->s.repo, r->name, reply, reterr);
    if (rc == 0 || rc == TK_E_PROTO)
        return tk_err_set(reterr, -EBADMSG, "'%s' of '%s' does not come as it was asked for",
                          r->name, r->s.repo->id);
    return tk_err_set(reterr, rc, "'%s' of '%s' does not come whole (bytes %lld to %lld): %s",
                      r->name, r->s.repo->id, (long long)g->at, (long long)g->at + (long long)g->n,
                      err->msg);
}

static int read_range(struct tk_hub_remote *r, struct range_sink *g, struct tk_err *reterr)
{
    struct tk__hub_reply reply;
    struct tk_err err = { 0 };

    for (unsigned i = 1, n = 1; g->done < g->n; i++, n++) {
        size_t before = g->done;
        int rc = tk__hub_http_ask_range(r->s.http, r->url, g->at + (int64_t)g->done,
                                        (int64_t)(g->n - g->done), &g->sink, &reply, &err);
        if (g->done == g->n)
            return 0;
        if (g->done > before)
            i = 1; /* it came some way */
        if (i >= TRIES || n >= TRIES_TOTAL || (rc != 0 && !tk__hub_http_may_pass(rc, &reply)) ||
            (rc == 0 && reply.status != 206 && !tk__hub_http_may_pass(rc, &reply)))
            return give_up(r, g, rc, &reply, &err, reterr);
        tk__hub_note(r->s.conf, "'%s' of '%s': trying again from byte %lld", r->name, r->s.repo->id,
                     (long long)g->at + (long long)g->done);
        tk__hub_http_wait(r->s.conf, i, &reply);
    }
    return 0;
}

int tk_hub_remote_read(struct tk_hub_remote *r, int64_t at, void *out, size_t n,
                       struct tk_err *reterr)
{
    struct range_sink g = {
        .sink = { on_begin, on_bytes, NULL },
        .out = out,
        .n = n,
        .at = at,
    };

    return tk__hub_mask(r->s.conf, read_range(r, &g, reterr), reterr);
}
