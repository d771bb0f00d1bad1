/* conf.c - the hub's settings, from the environment as huggingface_hub reads it */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "hub/inside.h"

#define MAX_TOKEN 4096

static const char *env(const char *name)
{
    return getenv(name);
}

static bool is_true(const char *value)
{
    return value && (strcmp(value, "1") == 0 || strcasecmp(value, "on") == 0 ||
                     strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0);
}

static const char *home(void)
{
    const char *h = env("HOME");
    const struct passwd *pw = h ? NULL : getpwuid(getuid());

    return h ? h : pw ? pw->pw_dir : "/";
}

/* Length of the variable's name at `s`, which stands behind a '$': "{NAME}" or "NAME"; 0: none. */
static size_t variable(const char *s, struct tk_str *ret_name)
{
    const char *word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

    if (s[0] == '{') {
        size_t n = strcspn(s, "}");
        *ret_name = (struct tk_str){ s + 1, n - 1 };
        return s[n] ? n + 1 : 0;
    }
    *ret_name = (struct tk_str){ s, strspn(s, word) };
    return ret_name->n;
}

/* Python's expanduser() and expandvars(): ~ at the front, $NAME and ${NAME}; what is not set stays. */
static char *expand(const char *path)
{
    struct tk_buf b = TK_BUF_INIT(TK__HUB_MAX_PATH);

    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        tk_buf_add_z(&b, home());
        path++;
    }
    while (*path) {
        struct tk_str name;
        size_t n = *path == '$' ? variable(path + 1, &name) : 0;
        char *key = n > 0 ? tk_str_dup(name) : NULL;
        const char *value = key ? env(key) : NULL;
        free(key);
        if (value)
            tk_buf_add_z(&b, value);
        else
            tk_buf_add(&b, path, n + 1);
        path += n + 1;
    }
    tk_buf_add(&b, "", 0); /* for the NUL, where nothing was added */
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

/* The variable's value expanded, or the default by printf. */
static char *path_from(const char *name, const char *folder, const char *rest)
{
    const char *value = env(name);
    char *text = value ? strdup(value) : tk__hub_text("%s/%s", folder, rest);
    char *out = text ? expand(text) : NULL;

    free(text);
    return out;
}

/* $HF_HOME, $XDG_CACHE_HOME/huggingface, ~/.cache/huggingface */
static char *hf_home(void)
{
    const char *xdg = env("XDG_CACHE_HOME");
    char *cache = xdg ? strdup(xdg) : tk__hub_text("%s/.cache", home());
    char *out = cache ? path_from("HF_HOME", cache, "huggingface") : NULL;

    free(cache);
    return out;
}

/* A token as it may stand in a file: without line ends and blanks around. NULL where nothing is left
 * or memory is out; a token with bytes that no header may hold is none. */
static char *clean_token(struct tk_str s)
{
    struct tk_buf b = TK_BUF_INIT(MAX_TOKEN);

    s = tk_str_trim(s);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\r' || s.p[i] == '\n')
            continue;
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F)
            b.failed = TK_E_FORMAT;
        tk_buf_add_c(&b, s.p[i]);
    }
    if (b.failed)
        tk_buf_release(&b);
    return b.p;
}

static char *token_of_file(const char *path)
{
    char text[MAX_TOKEN];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    if (fd >= 0)
        close(fd);
    char *token = n > 0 ? clean_token((struct tk_str){ text, (size_t)n }) : NULL;
    explicit_bzero(text, sizeof(text));
    return token;
}

static char *find_token(const char *hf)
{
    const char *given = env("HF_TOKEN");
    char *path, *token;

    if (is_true(env("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
        return NULL;
    if (!given || !given[0])
        given = env("HUGGING_FACE_HUB_TOKEN");
    if (given && given[0] && (token = clean_token(tk_str_of(given))) != NULL)
        return token;
    path = path_from("HF_TOKEN_PATH", hf, "token");
    token = path ? token_of_file(path) : NULL;
    free(path);
    return token;
}

/* A time-out in whole seconds, 10 by default; 0 counts as not given, as Python's `or` has it. */
static int seconds(const char *name, tk_ns *ret, struct tk_err *reterr)
{
    const char *value = env(name);
    int64_t s = 10;

    if (value && tk_num_parse_i64(tk_str_trim(tk_str_of(value)), 0, 86400, &s) != 0)
        return tk_err_set(reterr, TK_E_FORMAT, "%s has '%s', which is no number of seconds", name,
                          value);
    *ret = (s ? s : 10) * TK_NS_PER_S;
    return 0;
}

static int find_endpoint(struct tk_hub_conf *c, struct tk_err *reterr)
{
    const char *given = env("HF_ENDPOINT");

    c->endpoint = strdup(given && given[0] ? given : "https://huggingface.co");
    if (!c->endpoint)
        return -ENOMEM;
    for (size_t n = strlen(c->endpoint); n > 0 && c->endpoint[n - 1] == '/'; n--)
        c->endpoint[n - 1] = '\0';
    if (strncasecmp(c->endpoint, "https://", 8) == 0 || strncasecmp(c->endpoint, "http://", 7) == 0)
        return 0;
    return tk_err_set(reterr, TK_E_FORMAT,
                      "HF_ENDPOINT is no URL; it begins with https:// or http://");
}

static int find_paths(struct tk_hub_conf *c)
{
    static const char *const authorities[] = { "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                                               "SSL_CERT_FILE" };
    char *hf = hf_home();
    int rc = hf ? 0 : -ENOMEM;

    if (rc == 0) {
        c->cache = path_from(env("HF_HUB_CACHE") ? "HF_HUB_CACHE" : "HUGGINGFACE_HUB_CACHE", hf,
                             "hub");
        c->token = find_token(hf);
        rc = c->cache ? 0 : -ENOMEM;
    }
    for (size_t i = 0; rc == 0 && !c->ca_file && i < TK_ARRAY_LEN(authorities); i++) {
        const char *value = env(authorities[i]);
        if (value && value[0] && !(c->ca_file = strdup(value)))
            rc = -ENOMEM;
    }
    free(hf);
    return rc;
}

int tk_hub_conf_init(struct tk_hub_conf *c, struct tk_err *reterr)
{
    int rc;

    *c = (struct tk_hub_conf){
        .max_file_bytes = TK_HUB_MAX_FILE,
        .backoff = TK_NS_PER_S / 2,
    };
    c->is_offline = is_true(env("HF_HUB_OFFLINE")) ||
                    ((!env("HF_HUB_OFFLINE") || !env("HF_HUB_OFFLINE")[0]) &&
                     is_true(env("TRANSFORMERS_OFFLINE")));
    rc = find_endpoint(c, reterr);
    if (rc == 0)
        rc = find_paths(c);
    if (rc == 0)
        rc = seconds("HF_HUB_ETAG_TIMEOUT", &c->ask_timeout, reterr);
    if (rc == 0)
        rc = seconds("HF_HUB_DOWNLOAD_TIMEOUT", &c->stall_timeout, reterr);
    if (rc == -ENOMEM)
        (void)tk_err_set(reterr, rc, "no memory for the hub's settings");
    return rc;
}

void tk_hub_conf_release(struct tk_hub_conf *c)
{
    if (c->token)
        explicit_bzero(c->token, strlen(c->token));
    free(c->endpoint);
    free(c->cache);
    free(c->token);
    free(c->ca_file);
    c->endpoint = c->cache = c->token = c->ca_file = NULL;
}
