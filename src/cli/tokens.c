/* tokens.c - where the tokens of a model come from
 *
 * A name that exists as a path is one; everything else is a model of the hub. Of that, a tokenizer.json
 * and the configuration are fetched first; other kinds of files only where there is none, because they
 * say the same and are as large.
 */
#include "cli/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/hub.h"
#include "token/loaders.h"

#define MAX_TEMPLATE ((size_t)4 << 20)

static const char *const usual[] = {
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
    "chat_template.jinja",
    "chat_template.json",
    "additional_chat_templates/*.jinja",
};
static const char *const other[] = { "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
                                     "tiktoken.model",  "*.tiktoken",   "tekken.json" };
static const char *const mistral[] = { "tekken.json", "tokenizer.model.v*", "tokenizer.model" };

/* ---- the hub ---- */

static bool has_file(const char *folder, const char *name)
{
    struct tk_buf path = TK_BUF_INIT(8192);
    bool is_there = tk_buf_addf(&path, "%s/%s", folder, name) == 0 && access(path.p, F_OK) == 0;

    tk_buf_release(&path);
    return is_there;
}

/* May other kinds of files be there, or in the cache? */
static bool may_have_others(int rc)
{
    return rc == -ENOENT || rc == -ENETDOWN || rc == TK_E_RESOLVE || rc == -ECONNREFUSED;
}

static int fetch(const struct tk_hub_conf *hub, const struct tk_hub_repo *repo,
                 enum tk_tokens_mode mode, char **ret, struct tk_err *reterr)
{
    struct tk_err err = { 0 };
    char *folder = NULL;
    int rc;

    if (mode == TK_TOKENS_MISTRAL)
        return tk_hub_snapshot(hub, repo, mistral, TK_ARRAY_LEN(mistral), ret, reterr);
    rc = tk_hub_snapshot(hub, repo, usual, TK_ARRAY_LEN(usual), &folder, &err);
    if (rc == 0 && has_file(folder, usual[0])) {
        *ret = folder;
        return 0;
    }
    free(folder);
    if (rc == 0 || may_have_others(rc)) {
        int rc2 = tk_hub_snapshot(hub, repo, other, TK_ARRAY_LEN(other), ret, reterr);
        if (rc2 == 0 || (rc == 0 && rc2 != -ENOENT && rc2 != -ENETDOWN))
            return rc2;
        if (rc == 0 || rc == -ENOENT)
            return tk_err_set(reterr, -ENOENT,
                              "'%s' has none of tokenizer.json, tokenizer.model, tiktoken.model, "
                              "tekken.json",
                              repo->id);
    }
    return tk_err_set(reterr, rc, "%s", err.msg);
}

/* transformers keeps the files of models where its own, older variable says, if there is one. */
static int use_older_cache(struct tk_hub_conf *hub, struct tk_err *reterr)
{
    const char *given = getenv("TRANSFORMERS_CACHE");
    char *copy = given && given[0] ? strdup(given) : NULL;

    if (!given || !given[0])
        return 0;
    if (!copy)
        return tk_err_set(reterr, -ENOMEM, "no memory for the hub's settings");
    free(hub->cache);
    hub->cache = copy;
    return 0;
}

static int from_hub(const struct tk_tokens_conf *conf, char **ret, struct tk_err *reterr)
{
    struct tk_cli_hub hub;
    struct tk_hub_repo repo = { 0 };
    char *id = NULL, *revision = NULL;
    int rc = tk_cli_hub_init(&hub, conf->program, reterr);

    if (rc == 0)
        rc = use_older_cache(&hub.conf, reterr);
    if (rc == 0 && tk_hub_split(conf->name, &id, &revision) != 0)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->name);
    repo.id = id;
    repo.revision = conf->revision ? conf->revision : revision;
    if (rc == 0)
        rc = fetch(&hub.conf, &repo, conf->mode, ret, reterr);
    free(id);
    free(revision);
    tk_cli_hub_release(&hub);
    return rc;
}

/* Who meant a path should learn first that there is none. */
static int as_model(const struct tk_tokens_conf *conf, char **ret, struct tk_err *reterr)
{
    struct tk_err err = { 0 };

    if (conf->name[0] == '/' || conf->name[0] == '.' || conf->name[0] == '~')
        return tk_err_set(reterr, TK_E_NOT_FOUND,
                          "there is no file or folder '%s'; a tokenizer is a folder with "
                          "tokenizer.json, tokenizer.model, tiktoken.model or tekken.json, one of "
                          "these files, or the name of a model of the hub",
                          conf->name);
    int rc = from_hub(conf, ret, &err);

    if (rc == 0 || strstr(err.msg, " here "))
        return rc == 0 ? 0 : tk_err_set(reterr, rc, "%s", err.msg);
    return tk_err_set(reterr, rc, "'%s' is no file or folder here; as a model of the hub: %s",
                      conf->name, err.msg);
}

/* ---- opening ---- */

int tk_tokens_open(const struct tk_tokens_conf *conf, struct tk_tokens *ret, struct tk_err *reterr)
{
    const struct tk_tokenizer_conf how = { .cleanup = conf->cleanup };
    enum tk_tok_mode mode = conf->mode == TK_TOKENS_MISTRAL ? TK_TOK_MODE_MISTRAL
                                                            : TK_TOK_MODE_AUTO;
    struct tk_tokenizer *t = NULL;
    char *path = NULL;
    struct stat st;
    int rc = 0;

    if (stat(conf->name, &st) != 0)
        rc = as_model(conf, &path, reterr);
    else if (!(path = strdup(conf->name)))
        rc = tk_err_set(reterr, -ENOMEM, "no memory for '%s'", conf->name);
    if (rc == 0)
        rc = tk_tokenizer_open(path, mode, &how, &t, reterr);
    if (rc != 0) {
        free(path);
        return rc;
    }
    *ret = (struct tk_tokens){ .tokenizer = t, .path = path, .mode = conf->mode };
    return 0;
}

void tk_tokens_release(struct tk_tokens *t)
{
    t->tokenizer = tk_tokenizer_free(t->tokenizer);
    free(t->path);
    t->path = NULL;
}

int tk_tokens_chat(const struct tk_tokens *t, const char *template_file, struct tk_chat **ret,
                   struct tk_err *reterr)
{
    static const enum tk_chat_kind kinds[] = {
        [TK_TOKENS_AUTO] = TK_CHAT_AUTO,
        [TK_TOKENS_MISTRAL] = TK_CHAT_MISTRAL,
        [TK_TOKENS_DEEPSEEK_V32] = TK_CHAT_DEEPSEEK_V32,
    };
    struct tk_buf text = TK_BUF_INIT(MAX_TEMPLATE);
    struct tk_chat_conf conf = { .tokenizer = t->tokenizer, .kind = kinds[t->mode] };
    int rc = template_file ? tk_read_whole(template_file, &text, reterr) : 0;

    if (template_file) {
        conf.kind = TK_CHAT_TEMPLATE;
        conf.template_text = (struct tk_str){ text.p ? text.p : "", text.n };
    }
    if (rc == 0)
        rc = tk_chat_new(&conf, ret, reterr);
    tk_buf_release(&text);
    return rc;
}

/* ---- files ---- */

static int read_all(int fd, struct tk_buf *out)
{
    for (;;) {
        size_t room = TK_MIN((size_t)64 << 10, out->max - out->n);
        int rc = room > 0 ? tk_buf_reserve(out, room) : TK_E_LIMIT;
        if (rc != 0)
            return rc;
        ssize_t n = read(fd, out->p + out->n, room);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
        out->n += n > 0 ? (size_t)n : 0;
    }
    return tk_buf_add(out, "", 0);
}

int tk_read_whole(const char *path, struct tk_buf *out, struct tk_err *reterr)
{
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? -errno : read_all(fd, out);

    if (fd >= 0 && !is_input)
        (void)close(fd);
    if (rc == 0)
        return 0;
    return tk_err_set(reterr, rc, "'%s' cannot be read: %s", is_input ? "standard input" : path,
                      rc > -4096 ? strerror(-rc) : tk_err_text(rc));
}
