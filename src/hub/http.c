/* http.c - one exchange with the hub, redirects followed by hand
 *
 *   HEAD endpoint/…/resolve/main/x ──► 307, Location: /api/…     same origin: followed, with the token
 *                                 ──► 302, Location: https://cdn another origin: this reply is the answer
 *                                                                 (commit, etag and size are in it)
 *   GET  …                        ──► 302, Location: https://cdn followed, without the token
 *
 * libcurl could follow them, but then its rules would say who gets the token. The rule here is one
 * comparison: scheme, host and port are those of the endpoint, or of the viewer where that is asked. From
 * https nothing leads to http, this machine excepted. Messages name a host, never a URL: the CDN's are
 * signed, which makes them secrets.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/num.h"
#include "base/str.h"
#include "hub/inside.h"

#define MAX_HOPS 8
#define MAX_REFUSAL ((int64_t)1 << 20) /* bytes of the body of an error that are read */
#define MAX_RETRY_AFTER_S 30
#define PROTOCOLS "http,https"

struct origin {
    char scheme[8];
    char host[256];
    char port[8];
};

struct tk__hub_http {
    const struct tk_hub_conf *conf;
    CURL *curl;
    struct curl_slist *plain;      /* headers of each request */
    struct curl_slist *secret;     /* the same with the token; NULL: there is none */
    struct origin home;            /* who gets the token: the endpoint, or the viewer */
    bool is_in_clear;              /* … unless all could read it on its way there */
    char where[300];               /* of the home, for messages */
    char problem[CURL_ERROR_SIZE]; /* libcurl's words about the last failure */

    /* of the exchange under way */
    struct tk__hub_reply *reply;
    struct tk__hub_sink *sink;
    int64_t last;   /* last byte wanted, -1: all */
    int64_t n_body; /* bytes of the body of this reply */
    int sink_rc;    /* what the sink ended it with */
    bool has_begun; /* the sink's `begin` was called */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- URLs ---- */

static bool part(CURLU *u, CURLUPart what, unsigned flags, char *out, size_t size)
{
    char *text = NULL;
    bool ok = curl_url_get(u, what, &text, flags) == CURLUE_OK && strlen(text) < size;

    if (ok)
        memcpy(out, text, strlen(text) + 1);
    curl_free(text);
    return ok;
}

/* False when it is no http or https URL. */
static bool origin_of(const char *url, struct origin *ret)
{
    CURLU *u = curl_url();
    bool ok = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              part(u, CURLUPART_SCHEME, 0, ret->scheme, sizeof(ret->scheme)) &&
              part(u, CURLUPART_HOST, 0, ret->host, sizeof(ret->host)) &&
              part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, ret->port, sizeof(ret->port)) &&
              strncasecmp(ret->scheme, "http", 4) == 0;

    curl_url_cleanup(u);
    return ok;
}

static bool same_origin(const struct origin *a, const struct origin *b)
{
    return strcasecmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 &&
           strcmp(a->port, b->port) == 0;
}

/* By an address, not by a name that only begins like one: "127.0.0.1.example" is anybody's. */
static bool is_loopback(const struct origin *o)
{
    struct in_addr v4;
    bool is_v4 = strncmp(o->host, "127.", 4) == 0 && inet_pton(AF_INET, o->host, &v4) == 1;

    return is_v4 || strcasecmp(o->host, "localhost") == 0 || strcmp(o->host, "[::1]") == 0;
}

/* `location` as seen from `url`: a string from malloc, or NULL. */
static char *resolve(const char *url, const char *location)
{
    CURLU *u = curl_url();
    char *text = NULL, *out = NULL;

    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, location, CURLU_URLENCODE) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
        out = strdup(text);
    curl_free(text);
    curl_url_cleanup(u);
    return out;
}

/* ---- headers ---- */

static void keep(char *out, size_t size, struct tk_str value)
{
    size_t n = value.n < size ? value.n : 0; /* too long: as if it were not there */

    memcpy(out, value.p, n);
    out[n] = '\0';
}

static void keep_printable(char *out, size_t size, struct tk_str value)
{
    size_t n = 0;

    for (size_t i = 0; i < value.n && n + 1 < size; i++)
        out[n++] = value.p[i] >= ' ' && value.p[i] < 0x7F ? value.p[i] : '?';
    out[n] = '\0';
}

static void keep_etag(struct tk__hub_reply *r, struct tk_str value, bool is_linked)
{
    if (r->is_etag_linked && !is_linked)
        return;
    while (value.n > 0 && (value.p[0] == 'W' || value.p[0] == '/')) {
        value.p++;
        value.n--;
    }
    while (value.n > 0 && value.p[0] == '"') {
        value.p++;
        value.n--;
    }
    while (value.n > 0 && value.p[value.n - 1] == '"')
        value.n--;
    keep(r->etag, sizeof(r->etag), value);
    r->is_etag_linked = is_linked;
}

static int64_t number(struct tk_str value)
{
    int64_t n;

    return tk_num_parse_i64(value, 0, INT64_MAX / 2, &n) == 0 ? n : -1;
}

/* "bytes 100-199/200", also with "*" for the length. */
static void keep_range(struct tk__hub_reply *r, struct tk_str value)
{
    struct tk_str first;

    if (!tk_str_split(&value, ' ', &first) || !tk_str_split(&value, '-', &first))
        return;
    r->range_start = number(first);
    if (tk_str_split(&value, '/', &first))
        r->range_total = number(value);
}

static void keep_header(struct tk__hub_reply *r, struct tk_str name, struct tk_str value)
{
    if (tk_str_eq_nocase(name, TK_STR("X-Repo-Commit")) && !r->commit[0])
        keep(r->commit, sizeof(r->commit), value);
    else if (tk_str_eq_nocase(name, TK_STR("X-Linked-Etag")))
        keep_etag(r, value, true);
    else if (tk_str_eq_nocase(name, TK_STR("ETag")))
        keep_etag(r, value, false);
    else if (tk_str_eq_nocase(name, TK_STR("X-Linked-Size")))
        r->linked_size = number(value);
    else if (tk_str_eq_nocase(name, TK_STR("Content-Length")))
        r->length = number(value);
    else if (tk_str_eq_nocase(name, TK_STR("Content-Range")))
        keep_range(r, value);
    else if (tk_str_eq_nocase(name, TK_STR("Location")))
        keep(r->location, sizeof(r->location), value);
    else if (tk_str_eq_nocase(name, TK_STR("X-Error-Code")))
        keep_printable(r->error_code, sizeof(r->error_code), value);
    else if (tk_str_eq_nocase(name, TK_STR("X-Error-Message")))
        keep_printable(r->error_text, sizeof(r->error_text), value);
}

/* A new reply; commit, etag and linked size of the one that led here stay. */
static void forget(struct tk__hub_reply *r)
{
    r->status = 0;
    r->is_elsewhere = false;
    r->length = r->range_start = r->range_total = r->retry_after_s = -1;
    r->error_code[0] = r->error_text[0] = r->location[0] = '\0';
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct tk__hub_http *h = arg;
    struct tk_str line = { p, size * n }, name;

    if (tk_str_starts(line, TK_STR("HTTP/"))) {
        forget(h->reply);
        h->n_body = 0;
    } else if (tk_str_find(line, ':') > 0 && tk_str_split(&line, ':', &name)) {
        keep_header(h->reply, name, tk_str_trim(line));
    }
    return size * n;
}

/* ---- one request ---- */

static bool is_good(int status)
{
    return status >= 200 && status < 300;
}

static int status_now(struct tk__hub_http *h)
{
    long status = 0;

    (void)curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
    return (int)status;
}

static int begin(struct tk__hub_http *h)
{
    if (!h->sink || h->has_begun || h->sink_rc != 0)
        return h->sink_rc;
    h->has_begun = true;
    h->reply->status = status_now(h);
    h->sink_rc = h->sink->begin(h->sink, h->reply);
    return h->sink_rc;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct tk__hub_http *h = arg;

    h->n_body += (int64_t)(size * n);
    if (!is_good(status_now(h)))
        return h->n_body <= MAX_REFUSAL ? size * n : 0;
    if (begin(h) == 0)
        h->sink_rc = h->sink->bytes(h->sink, p, size * n);
    return h->sink_rc == 0 ? size * n : 0;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct tk__hub_http *h = arg;

    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return h->sink && h->sink->goes_on && !h->sink->goes_on(h->sink);
}

static int code_of(const struct tk__hub_http *h, CURLcode rc)
{
    switch (rc) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return TK_E_RESOLVE;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_OPERATION_TIMEDOUT:
        return TK_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return TK_E_CERT;
    case CURLE_SSL_CONNECT_ERROR:
        return TK_E_TLS;
    case CURLE_WRITE_ERROR:
        return h->sink_rc; /* 0: an error page that was too long, of which enough is known */
    case CURLE_ABORTED_BY_CALLBACK:
        return TK_E_CANCELLED;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return TK_E_FORMAT;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return -ECONNRESET;
    default:
        return TK_E_PROTO;
    }
}

static void set_request(struct tk__hub_http *h, const char *url, int64_t from, bool has_token)
{
    CURL *c = h->curl;
    char range[64];

    if (h->last >= 0)
        (void)snprintf(range, sizeof(range), "%lld-%lld", (long long)from, (long long)h->last);
    else
        (void)snprintf(range, sizeof(range), "%lld-", (long long)from);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, has_token && h->secret ? h->secret : h->plain);
    if (h->sink)
        (void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOBODY, h->sink ? 0L : 1L);
    (void)curl_easy_setopt(c, CURLOPT_RANGE, from > 0 || h->last >= 0 ? range : NULL);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS,
                           h->sink ? 0L : (long)(h->conf->ask_timeout / TK_NS_PER_MS));
}

/* One request and its reply, whatever it is. */
static int request(struct tk__hub_http *h, const char *url, int64_t from, bool has_token)
{
    curl_off_t retry_after = 0;

    forget(h->reply);
    h->has_begun = false;
    h->sink_rc = 0;
    h->n_body = 0;
    h->problem[0] = '\0';
    set_request(h, url, from, has_token);
    CURLcode crc = curl_easy_perform(h->curl);
    h->reply->status = status_now(h);
    if (curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
        retry_after > 0)
        h->reply->retry_after_s = retry_after;
    int rc = code_of(h, crc);
    if (rc == 0 && is_good(h->reply->status))
        rc = begin(h);
    if (rc != 0 && !h->problem[0] && h->sink_rc == 0)
        (void)snprintf(h->problem, sizeof(h->problem), "%s", curl_easy_strerror(crc));
    return rc;
}

/* ---- the exchange ---- */

static bool is_redirect(const struct tk__hub_reply *r)
{
    return r->status >= 300 && r->status < 400 && r->status != 304 && r->location[0];
}

/* Where the redirect leads; NULL with *ret_rc when it must not be followed. */
static char *next_hop(struct tk__hub_http *h, const char *url, struct origin *o, int *ret_rc,
                      struct tk_err *reterr)
{
    char *next = resolve(url, h->reply->location);
    struct origin to;

    if (!next || !origin_of(next, &to)) {
        *ret_rc = tk_err_set(reterr, TK_E_PROTO, "'%s' redirects to what is no URL", o->host);
    } else if (strcasecmp(o->scheme, "https") == 0 && strcasecmp(to.scheme, "http") == 0 &&
               !is_loopback(&to)) {
        *ret_rc = tk_err_set(reterr, TK_E_PROTO,
                             "'%s' redirects from https to http at '%s', which is not followed",
                             o->host, to.host);
    } else if (!h->sink && h->reply->commit[0] && h->reply->etag[0] && !same_origin(o, &to)) {
        *ret_rc = 0; /* it is known what lies there */
    } else {
        *o = to;
        return next;
    }
    free(next);
    return NULL;
}

static int fail(struct tk__hub_http *h, int rc, const struct origin *o, struct tk_err *reterr)
{
    if (h->sink_rc != 0)
        return tk_err_set(reterr, rc, "%s", tk_err_text(rc)); /* the sink's owner knows better */
    if (rc == TK_E_CANCELLED)
        return tk_err_set(reterr, rc, "stopped");
    return tk_err_set(reterr, rc, "'%s' could not be asked: %s", o->host, h->problem);
}

int tk__hub_http_ask(struct tk__hub_http *h, const char *url, int64_t from,
                     struct tk__hub_sink *sink, struct tk__hub_reply *ret, struct tk_err *reterr)
{
    char *at = strdup(url);
    struct origin o;
    int rc = -ENOMEM, hops = 0;

    *ret = (struct tk__hub_reply){ .linked_size = -1 };
    h->reply = ret;
    h->sink = sink;
    if (at && !origin_of(at, &o))
        rc = tk_err_set(reterr, TK_E_FORMAT, "no URL can be made for '%s'", h->where);
    while (at && rc != TK_E_FORMAT) {
        rc = request(h, at, from, same_origin(&o, &h->home) && !h->is_in_clear);
        ret->is_elsewhere = !same_origin(&o, &h->home);
        if (rc != 0)
            rc = fail(h, rc, &o, reterr);
        if (rc != 0 || !is_redirect(ret))
            break;
        char *next = hops++ < MAX_HOPS ? next_hop(h, at, &o, &rc, reterr) : NULL;
        if (hops > MAX_HOPS)
            rc = tk_err_set(reterr, TK_E_PROTO, "'%s' redirects without end", h->where);
        free(at);
        at = next;
    }
    if (rc == -ENOMEM)
        (void)tk_err_set(reterr, rc, "no memory to ask '%s'", h->where);
    free(at);
    return rc;
}

int tk__hub_http_ask_range(struct tk__hub_http *h, const char *url, int64_t from, int64_t n,
                           struct tk__hub_sink *sink, struct tk__hub_reply *ret,
                           struct tk_err *reterr)
{
    h->last = from + n - 1;
    int rc = tk__hub_http_ask(h, url, from, sink, ret, reterr);
    h->last = -1;
    return rc;
}

bool tk__hub_http_may_pass(int rc, const struct tk__hub_reply *r)
{
    if (rc != 0)
        return rc == -ECONNRESET || rc == -ECONNREFUSED || rc == TK_E_TIMEOUT;
    return (r->status == 408 || r->status == 429 || r->status >= 500) &&
           r->retry_after_s <= MAX_RETRY_AFTER_S;
}

void tk__hub_http_wait(const struct tk_hub_conf *c, unsigned i, const struct tk__hub_reply *r)
{
    tk_ns dur = c->backoff << TK_MIN(i - 1, 4U);

    if (r->status != 0 && r->retry_after_s > 0)
        dur = r->retry_after_s * TK_NS_PER_S;
    struct timespec t = { .tv_sec = dur / TK_NS_PER_S, .tv_nsec = (long)(dur % TK_NS_PER_S) };
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        continue;
}

int tk__hub_http_try(struct tk__hub_http *h, const char *url, struct tk__hub_sink *sink,
                     unsigned n_tries, struct tk__hub_reply *ret, struct tk_err *reterr)
{
    unsigned cost = 0;

    for (unsigned i = 1;; i++) {
        int rc = tk__hub_http_ask(h, url, 0, sink, ret, reterr);
        cost += rc == 0 ? 1 : 2; /* no reply at all is slow to find out, and passes seldom */
        if (cost >= n_tries || !tk__hub_http_may_pass(rc, ret))
            return rc;
        tk__hub_http_wait(h->conf, i, ret);
    }
}

/* ---- the handle ---- */

/* False when memory is out. */
static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);

    if (grown)
        *list = grown;
    return grown != NULL;
}

static bool set_headers(struct tk__hub_http *h)
{
    static const char *const lines[] = { "User-Agent: tokmark", "Accept-Encoding: identity",
                                         "Accept: */*" };
    bool ok = true;

    for (size_t i = 0; i < TK_ARRAY_LEN(lines); i++)
        ok = ok && add_header(&h->plain, lines[i]) &&
             (!h->conf->token || add_header(&h->secret, lines[i]));
    if (ok && h->conf->token) {
        char *line = tk__hub_text("Authorization: Bearer %s", h->conf->token);
        ok = line && add_header(&h->secret, line);
        free(line);
    }
    return ok;
}

static void set_options(struct tk__hub_http *h)
{
    CURL *c = h->curl;
    long stall_s = (long)((h->conf->stall_timeout + TK_NS_PER_S - 1) / TK_NS_PER_S);

    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, PROTOCOLS);
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    (void)curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->problem);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)(h->conf->ask_timeout / TK_NS_PER_MS));
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, TK_MAX(stall_s, 1L));
    if (h->conf->ca_file)
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, h->conf->ca_file);
}

static void set_where(struct tk__hub_http *h)
{
    const struct origin *o = &h->home;
    bool is_usual = strcmp(o->port, strcasecmp(o->scheme, "https") == 0 ? "443" : "80") == 0;

    (void)snprintf(h->where, sizeof(h->where), "%s%s%s", o->host, is_usual ? "" : ":",
                   is_usual ? "" : o->port);
}

int tk__hub_http_new(const struct tk_hub_conf *c, struct tk__hub_http **ret, struct tk_err *reterr)
{
    struct tk__hub_http *h;

    (void)pthread_once(&once, init_curl);
    h = calloc(1, sizeof(*h));
    if (!h)
        return tk_err_set(reterr, -ENOMEM, "no memory for a client of the hub");
    h->conf = c;
    h->last = -1;
    if (!origin_of(c->endpoint, &h->home)) {
        tk__hub_http_free(h);
        return tk_err_set(reterr, TK_E_FORMAT, "HF_ENDPOINT is no URL of a server");
    }
    set_where(h);
    h->curl = curl_easy_init();
    if (!h->curl || !set_headers(h)) {
        tk__hub_http_free(h);
        return tk_err_set(reterr, -ENOMEM, "no memory for a client of the hub");
    }
    set_options(h);
    *ret = h;
    return 0;
}

int tk__hub_http_settle(struct tk__hub_http *h, const char *url, struct tk_err *reterr)
{
    if (!origin_of(url, &h->home))
        return tk_err_set(reterr, TK_E_FORMAT, "no URL can be made for '%s'", h->where);
    h->is_in_clear = strcasecmp(h->home.scheme, "https") != 0 && !is_loopback(&h->home);
    set_where(h);
    return 0;
}

struct tk__hub_http *tk__hub_http_free(struct tk__hub_http *h)
{
    if (h) {
        curl_easy_cleanup(h->curl);
        curl_slist_free_all(h->plain);
        curl_slist_free_all(h->secret);
        free(h);
    }
    return NULL;
}

const char *tk__hub_http_where(const struct tk__hub_http *h)
{
    return h->where;
}

/* ---- what a refusal means ---- */

static int gated(const struct tk__hub_http *h, const struct tk_hub_repo *repo,
                 struct tk_err *reterr)
{
    const char *folder = repo->type == TK_HUB_DATASET ? "datasets/" : "";

    return tk_err_set(
        reterr, -EACCES,
        h->conf->token ? "'%s' is gated, and the token in use has no access to it: ask for access "
                         "at %s/%s%s"
                       : "'%s' is gated: ask for access at %s/%s%s, then set HF_TOKEN",
        repo->id, h->conf->endpoint, folder, repo->id);
}

static int hidden(const struct tk__hub_http *h, const struct tk_hub_repo *repo,
                  struct tk_err *reterr)
{
    return tk_err_set(reterr, TK_E_NOT_FOUND, "there is no %s '%s' at '%s', or it is private%s",
                      tk__hub_type_name(repo->type), repo->id, h->where,
                      h->conf->token ? " and the token in use does not open it"
                                     : "; a private one needs HF_TOKEN");
}

static int out_of_order(const struct tk__hub_http *h, const struct tk__hub_reply *r,
                        struct tk_err *reterr)
{
    if (r->status == 429 && r->retry_after_s > 0)
        return tk_err_set(reterr, TK_E_LIMIT,
                          "'%s' was asked too often (429): try again in %lld s%s", h->where,
                          (long long)r->retry_after_s,
                          h->conf->token ? "" : ", or set HF_TOKEN, which raises the limit");
    if (r->status == 429)
        return tk_err_set(reterr, TK_E_LIMIT, "'%s' was asked too often (429): try again later%s",
                          h->where,
                          h->conf->token ? "" : ", or set HF_TOKEN, which raises the limit");
    return tk_err_set(reterr, -EREMOTEIO, "'%s' is out of order (status %d)%s%s", h->where,
                      r->status, r->error_text[0] ? ": " : "", r->error_text);
}

int tk__hub_http_not_shown(const struct tk__hub_http *h, const struct tk_hub_repo *repo,
                           const struct tk__hub_reply *r, struct tk_err *reterr)
{
    bool is_locked = r->status == 401 || r->status == 403 ||
                     strcmp(r->error_code, "ExternalAuthenticatedError") == 0; /* a 404 */

    if (!is_locked)
        return tk__hub_http_refused(h, repo, NULL, r, reterr);
    if (h->conf->token && h->is_in_clear)
        return tk_err_set(reterr, -EACCES,
                          "the viewer at '%s' does not show '%s' (%d) without a token, which is "
                          "sent over https alone",
                          h->where, repo->id, r->status);
    return tk_err_set(
        reterr, -EACCES,
        h->conf->token
            ? "the viewer at '%s' does not show '%s' (%d) to the token in use: it is gated or "
              "private, ask for access at %s/datasets/%s"
            : "the viewer at '%s' does not show '%s' (%d) without a token: it is gated or "
              "private, ask for access at %s/datasets/%s, then set HF_TOKEN",
        h->where, repo->id, r->status, h->conf->endpoint, repo->id);
}

int tk__hub_http_refused(const struct tk__hub_http *h, const struct tk_hub_repo *repo,
                         const char *name, const struct tk__hub_reply *r, struct tk_err *reterr)
{
    if (strcmp(r->error_code, "RevisionNotFound") == 0)
        return tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no revision '%s'", repo->id,
                          tk__hub_revision(repo));
    if (strcmp(r->error_code, "EntryNotFound") == 0 || (r->status == 404 && r->commit[0]))
        return tk_err_set(reterr, -ENOENT, "'%s' has no file '%s'", repo->id, name ? name : "");
    if (strcmp(r->error_code, "GatedRepo") == 0)
        return gated(h, repo, reterr);
    if (r->status == 401 && strstr(r->error_text, "Invalid credentials"))
        return tk_err_set(reterr, -EACCES, "'%s' refused the token (HF_TOKEN, or the stored one)",
                          h->where);
    if (strcmp(r->error_code, "RepoNotFound") == 0 || r->status == 401)
        return hidden(h, repo, reterr);
    if (r->status == 403)
        return tk_err_set(reterr, -EACCES, "'%s' refuses access to '%s' (403)%s%s", h->where,
                          repo->id, r->error_text[0] ? ": " : "", r->error_text);
    if (r->status == 429 || r->status >= 500)
        return out_of_order(h, r, reterr);
    if (r->status == 404)
        return tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' knows no %s%s%s%s of '%s' (404)", h->where,
                          name ? "file '" : "list", name ? name : "", name ? "'" : "",
                          name ? "" : " of files", repo->id);
    return tk_err_set(reterr, TK_E_PROTO, "'%s' answered with status %d", h->where, r->status);
}
