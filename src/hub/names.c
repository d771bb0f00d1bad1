/* names.c - what may be the name of a repository, a revision or a file, and the URLs made of them
 *
 * Names end up in paths and in URLs, and some come from a server. So nothing is let through that could
 * lead out of its folder: no empty part, no "." or "..", no backslash, no control characters.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "hub/inside.h"

#define MAX_ID 96 /* as huggingface_hub has it */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

const char *tk__hub_revision(const struct tk_hub_repo *repo)
{
    return repo->revision && repo->revision[0] ? repo->revision : "main";
}

const char *tk__hub_type_name(enum tk_hub_type type)
{
    return type == TK_HUB_DATASET ? "dataset" : "model";
}

bool tk__hub_is_commit(const char *revision)
{
    return strlen(revision) == 40 && strspn(revision, "0123456789abcdef") == 40;
}

bool tk__hub_is_safe_part(struct tk_str s)
{
    if (s.n == 0 || s.n > 128 || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_word(s.p[i]) && s.p[i] != '-' && s.p[i] != '.')
            return false;
    }
    return true;
}

static bool is_path_part(struct tk_str s)
{
    if (s.n == 0 || s.n > 255 || tk_str_is(s, ".") || tk_str_is(s, ".."))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7F || s.p[i] == '\\')
            return false;
    }
    return true;
}

bool tk__hub_is_safe_path(const char *path)
{
    struct tk_str rest = tk_str_of(path), part;

    if (rest.n == 0 || rest.n > TK_HUB_MAX_NAME)
        return false;
    while (tk_str_split(&rest, '/', &part)) {
        if (!is_path_part(part))
            return false;
    }
    return true;
}

/* "name" or "org/name" of letters, digits, '-', '_', '.'; no "--" (the cache's separator), no "..". */
static bool is_id(const char *id)
{
    size_t n = strlen(id);
    unsigned slashes = 0;

    if (n == 0 || n > MAX_ID || strstr(id, "--") || strstr(id, ".."))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool is_edge = i == 0 || i + 1 == n || id[i - 1] == '/' || id[i + 1] == '/';
        if (id[i] == '/' ? is_edge : !is_word(id[i]) && (is_edge || !strchr("-.", id[i])))
            return false;
        slashes += id[i] == '/';
    }
    return slashes <= 1 && (n < 4 || strcmp(id + n - 4, ".git") != 0);
}

static bool looks_like_path(const char *id)
{
    return id[0] == '/' || id[0] == '~' || strncmp(id, "./", 2) == 0 || strncmp(id, "../", 3) == 0;
}

bool tk_hub_is_name(const char *name)
{
    return tk__hub_is_safe_path(name);
}

int tk__hub_check(const struct tk_hub_repo *repo, const char *name, struct tk_err *reterr)
{
    if (looks_like_path(repo->id))
        return tk_err_set(reterr, TK_E_NOT_FOUND, "there is no file or folder '%s'", repo->id);
    if (!is_id(repo->id))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "'%s' is neither a folder here nor the name of a %s: org/name", repo->id,
                          tk__hub_type_name(repo->type));
    if (!tk__hub_is_safe_path(tk__hub_revision(repo)))
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' cannot be a revision of '%s'",
                          tk__hub_revision(repo), repo->id);
    if (name && !tk__hub_is_safe_path(name))
        return tk_err_set(reterr, TK_E_FORMAT, "'%s' cannot be a file of '%s'", name, repo->id);
    return 0;
}

char *tk__hub_text(const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *out = n >= 0 && n < TK__HUB_MAX_PATH ? malloc((size_t)n + 1) : NULL;
    if (out)
        (void)vsnprintf(out, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return out;
}

/* Everything but letters, digits and _.-~ as %XX; slashes stay where `keeps_slashes`. */
static int add_quoted(struct tk_buf *b, const char *s, bool keeps_slashes)
{
    int rc = 0;

    for (; *s && rc == 0; s++) {
        if (is_word(*s) || strchr(".-~", *s) || (*s == '/' && keeps_slashes))
            rc = tk_buf_add_c(b, *s);
        else
            rc = tk_buf_addf(b, "%%%02X", (unsigned char)*s);
    }
    return rc;
}

static const char *folder_of(enum tk_hub_type type)
{
    return type == TK_HUB_DATASET ? "datasets/" : "";
}

/* The buffer's string, which is the caller's then; NULL after a failure. */
static char *take(struct tk_buf *b)
{
    if (b->failed)
        tk_buf_release(b);
    return b->p;
}

char *tk__hub_file_url(const struct tk_hub_conf *c, const struct tk_hub_repo *repo,
                       const char *revision, const char *name)
{
    struct tk_buf b = TK_BUF_INIT(TK__HUB_MAX_PATH);

    tk_buf_addf(&b, "%s/%s%s/resolve/", c->endpoint, folder_of(repo->type), repo->id);
    add_quoted(&b, revision, false);
    tk_buf_add_c(&b, '/');
    add_quoted(&b, name, true);
    return take(&b);
}

char *tk__hub_list_url(const struct tk_hub_conf *c, const struct tk_hub_repo *repo)
{
    struct tk_buf b = TK_BUF_INIT(TK__HUB_MAX_PATH);

    tk_buf_addf(&b, "%s/api/%ss/%s/revision/", c->endpoint, tk__hub_type_name(repo->type),
                repo->id);
    add_quoted(&b, tk__hub_revision(repo), false);
    return take(&b);
}

char *tk_hub_quote(const char *text)
{
    struct tk_buf b = TK_BUF_INIT(TK__HUB_MAX_PATH);

    add_quoted(&b, text, false);
    (void)tk_buf_add(&b, "", 0);
    return take(&b);
}

int tk_hub_split(const char *text, char **ret_id, char **ret_revision)
{
    const char *at = strrchr(text, '@');
    bool is_split = at && at != text && at[1] && access(text, F_OK) != 0 && !looks_like_path(text);
    char *id = is_split ? strndup(text, (size_t)(at - text)) : strdup(text);
    char *revision = is_split ? strdup(at + 1) : NULL;

    if (!id || (is_split && !revision)) {
        free(id);
        free(revision);
        return -ENOMEM;
    }
    *ret_id = id;
    *ret_revision = revision;
    return 0;
}
