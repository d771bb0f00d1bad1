/* headers.c - the headers of every request: the user's, and the key's
 *
 * A key comes from a file or from the environment: what stands on a command line can be read by
 * everybody on the machine (/proc/PID/cmdline), and ends in the shell's history.
 */
#include "cli/headers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "http/headers.h"

#define MAX_KEY_BYTES 4096

/* The first line of a file; `what` is "key" or "passphrase". */
static int read_line(const char *what, const char *path, char *out, size_t cap, struct tk_str *ret,
                     struct tk_err *reterr)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tk_err_set(reterr, -errno, "%s file '%s' cannot be read: %s", what, path,
                          strerror(errno));
    ssize_t n = read(fd, out, cap);
    int rc = n < 0 ? -errno : 0;
    (void)close(fd);
    if (rc != 0)
        return tk_err_set(reterr, rc, "%s file '%s' cannot be read: %s", what, path, strerror(-rc));
    if ((size_t)n == cap && !memchr(out, '\n', cap))
        return tk_err_set(reterr, TK_E_LIMIT, "%s file '%s' has a first line of %zu bytes or more",
                          what, path, cap);
    struct tk_str all = { out, (size_t)n };
    *ret = (struct tk_str){ NULL, 0 };
    (void)tk_str_split(&all, '\n', ret);
    return 0;
}

/* The file's first line, without white space around it. */
static int read_key_file(const char *path, char *out, size_t cap, struct tk_str *ret,
                         struct tk_err *reterr)
{
    int rc = read_line("key", path, out, cap, ret, reterr);

    *ret = tk_str_trim(*ret);
    if (rc == 0 && ret->n == 0)
        return tk_err_set(reterr, TK_E_FORMAT, "key file '%s' has no key in its first line", path);
    return rc;
}

int tk_passphrase_read(const char *path, struct tk_arena *arena, const char **ret,
                       struct tk_err *reterr)
{
    char text[MAX_KEY_BYTES];
    struct tk_str line = { NULL, 0 };

    *ret = NULL;
    if (!path)
        return 0;
    int rc = read_line("passphrase", path, text, sizeof(text), &line, reterr);
    if (rc != 0)
        return rc;
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    *ret = tk_arena_dup(arena, line);
    explicit_bzero(text, sizeof(text));
    return *ret ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for the passphrase");
}

int tk_key_read(const char *key_file, struct tk_arena *arena, const char **ret,
                struct tk_err *reterr)
{
    char text[MAX_KEY_BYTES];
    struct tk_str key = { NULL, 0 };

    *ret = NULL;
    if (key_file) {
        int rc = read_key_file(key_file, text, sizeof(text), &key, reterr);
        if (rc != 0)
            return rc;
    } else {
        key = tk_str_trim(tk_str_of(getenv("OPENAI_API_KEY")));
    }
    if (key.n == 0)
        return 0;
    if (!tk_header_is_valid(TK_STR("Authorization"), key))
        return tk_err_set(reterr, TK_E_FORMAT, "the API key holds bytes that cannot be sent");
    *ret = tk_arena_dup(arena, key);
    explicit_bzero(text, sizeof(text));
    return *ret ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for the key");
}

static int parse_header(const char *word, struct tk_arena *arena, struct tk_plan_header *ret,
                        struct tk_err *reterr)
{
    struct tk_str text = tk_str_of(word);
    ptrdiff_t colon = tk_str_find(text, ':');

    if (colon <= 0)
        return tk_err_set(reterr, TK_E_FORMAT, "a header is 'Name: value'; the colon is missing");
    struct tk_str name = tk_str_trim((struct tk_str){ text.p, (size_t)colon });
    struct tk_str value = { text.p + colon + 1, text.n - (size_t)colon - 1 };
    value = tk_str_trim(value);
    if (!tk_header_is_valid(name, value))
        return tk_err_set(reterr, TK_E_FORMAT, "header '%.*s' cannot be sent as it is",
                          TK_STR_ARG(name));
    ret->name = tk_arena_dup(arena, name);
    ret->value = tk_arena_dup(arena, value);
    ret->is_secret = tk_plan_is_secret(name);
    return ret->name && ret->value ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for headers");
}

static bool has_authorization(const struct tk_plan_header *h, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tk_str_eq_nocase(tk_str_of(h[i].name), TK_STR("Authorization")))
            return true;
    }
    return false;
}

int tk_headers_make(const struct tk_opt_list *given, const char *key, struct tk_arena *arena,
                    struct tk_plan_header **ret, size_t *ret_n, struct tk_err *reterr)
{
    struct tk_plan_header *h = tk_arena_alloc(arena, (given->n + 1) * sizeof(*h));
    struct tk_buf bearer = TK_BUF_INIT(MAX_KEY_BYTES + 64);
    int rc = 0;

    *ret = h;
    *ret_n = 0;
    if (!h)
        return tk_err_set(reterr, -ENOMEM, "no memory for headers");
    for (size_t i = 0; rc == 0 && i < given->n; i++)
        rc = parse_header(given->v[i], arena, &h[(*ret_n)++], reterr);
    if (rc != 0 || !key || has_authorization(h, *ret_n))
        return rc;
    tk_buf_addf(&bearer, "Bearer %s", key);
    h[*ret_n] = (struct tk_plan_header){
        .name = "Authorization",
        .value = bearer.failed ? NULL : tk_arena_dup(arena, tk_buf_str(&bearer)),
        .is_secret = true,
    };
    tk_buf_release(&bearer);
    return h[(*ret_n)++].value ? 0 : tk_err_set(reterr, -ENOMEM, "no memory for headers");
}
