/* open.c - which loader for what there is
 *
 *   folder, auto      tokenizer.json, tokenizer.model, spiece.model, sentencepiece.bpe.model,
 *                     tiktoken.model, *.tiktoken, tekken.json
 *   folder, Mistral   tekken.json, tokenizer.model.v…, tokenizer.model
 *   file              by its name, then by its first bytes
 *
 * tokenizer.json gives way to a tokenizer.model where transformers converts that anew (spm.h).
 *
 * Llama 3's tokenizer.model is a rank file of tiktoken, all others are sentencepiece's: the first byte
 * of the latter is the key of a field.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "token/internal.h"
#include "token/loaders.h"
#include "token/spm.h"

#define N_KINDS 7  /* of files that a folder may have */
#define N_LISTED 5 /* of another folder's */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* A rank file begins with base64, a space and a number. */
static bool looks_like_ranks(const char *path)
{
    char text[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    if (fd >= 0)
        (void)close(fd);
    struct tk_str line = { text, n > 0 ? (size_t)n : 0 };
    ptrdiff_t end = tk_str_find(line, '\n');
    line.n = end > 0 ? (size_t)end : 0;
    ptrdiff_t space = tk_str_find(line, ' ');
    for (ptrdiff_t i = 0; i < space; i++) {
        if (line.p[i] <= ' ' || line.p[i] > '~')
            return false;
    }
    return space > 0;
}

/* The version in "….model.v3" or "….model.v7m1", 0 when there is none. */
static unsigned mistral_version(const char *path)
{
    struct tk_str name = tk_str_of(base_name(path));
    const char *found = memmem(name.p, name.n, ".model.v", 8);
    int64_t version = 0;

    if (!found)
        return tk_str_ends(name, TK_STR(".model")) ? 1 : 0;
    struct tk_str rest = { found + 8, name.n - (size_t)(found + 8 - name.p) };
    while (rest.n > 0 &&
           (rest.p[rest.n - 1] < '0' || rest.p[rest.n - 1] > '9' || tk_str_find(rest, 'm') >= 0))
        rest.n--;
    return tk_num_parse_i64(rest, 1, 1000, &version) == 0 ? (unsigned)version : 0;
}

/* mistral-common's reading of a sentencepiece model: nothing beside it counts, BOS comes first. */
static int load_mistral(const char *path, const struct tk_tokenizer_conf *conf,
                        struct tk_tokenizer **ret, struct tk_err *reterr)
{
    struct tk_tokenizer_conf alone = conf ? *conf : (struct tk_tokenizer_conf){ 0 };
    struct tk_tokenizer *t;
    unsigned version = mistral_version(path);

    alone.ignores_config = true;
    if (version == 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "'%s': the version is not known", path);
    int rc = tk_tokenizer_load_sentencepiece(path, &alone, &t, reterr);
    if (rc < 0)
        return rc;
    if (tk_tokenizer_bos(t) == TK_TOKENIZER_NO_ID) {
        (void)tk_tokenizer_free(t);
        return tk_err_set(reterr, TK_E_FORMAT, "'%s': there is no '<s>' in it", path);
    }
    t->mistral_version = version;
    t->splits_special = true;
    t->post.before[0] = tk_tokenizer_bos(t);
    t->post.n_before = 1;
    *ret = t;
    return 0;
}

static int open_file(const char *path, enum tk_tok_mode mode, const struct tk_tokenizer_conf *conf,
                     struct tk_tokenizer **ret, struct tk_err *reterr)
{
    struct tk_str name = tk_str_of(base_name(path));
    bool is_json = tk_str_ends(name, TK_STR(".json"));
    bool is_model = memmem(name.p, name.n, ".model", 6) != NULL;

    if (is_json && memmem(name.p, name.n, "tekken", 6))
        return tk_tokenizer_load_tekken(path, conf, ret, reterr);
    if (is_json)
        return tk_tokenizer_load(path, conf, ret, reterr);
    if (tk_str_ends(name, TK_STR(".tiktoken")) || (is_model && looks_like_ranks(path)))
        return tk_tokenizer_load_tiktoken(path, NULL, conf, ret, reterr);
    if (is_model && mode == TK_TOK_MODE_MISTRAL)
        return load_mistral(path, conf, ret, reterr);
    if (is_model)
        return tk_tokenizer_load_sentencepiece(path, conf, ret, reterr);
    return tk_err_set(reterr, TK_E_UNSUPPORTED,
                      "'%s': which kind of tokenizer this is cannot be told from its name; it ends "
                      "in .json, .model or .tiktoken",
                      path);
}

/* The last name of the folder (in the order of names) that begins and ends so; false: there is none. */
static bool find_file(const char *folder, const char *begin, const char *end, char *out,
                      size_t size)
{
    char best[256] = "";
    DIR *d = opendir(folder);
    const struct dirent *e;

    while (d && (e = readdir(d)) != NULL) {
        struct tk_str name = tk_str_of(e->d_name);
        if (tk_str_starts(name, tk_str_of(begin)) && tk_str_ends(name, tk_str_of(end)) &&
            name.n < sizeof(best) && strcmp(e->d_name, best) > 0)
            memcpy(best, e->d_name, name.n + 1);
    }
    if (d)
        (void)closedir(d);
    int n = snprintf(out, size, "%s/%s", folder, best);
    return best[0] && n >= 0 && (size_t)n < size;
}

/* Some of what is in the folder, for who took it for another one. */
static void list_folder(const char *folder, struct tk_buf *out)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    unsigned n = 0;

    while (d && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.' && n++ < N_LISTED)
            tk_buf_addf(out, "%s'%s'", n > 1 ? ", " : "", e->d_name);
    }
    if (n > N_LISTED)
        tk_buf_addf(out, " and %u more", n - N_LISTED);
    if (n == 0)
        tk_buf_add_z(out, "nothing");
    if (d)
        (void)closedir(d);
}

static int no_tokenizer(const char *folder, enum tk_tok_mode mode, struct tk_err *reterr)
{
    struct tk_buf found = TK_BUF_INIT(8192);

    list_folder(folder, &found);
    int rc = tk_err_set(reterr, -ENOENT, "the folder '%s' has no %s; it has %s", folder,
                        mode == TK_TOK_MODE_MISTRAL
                            ? "tekken.json and no tokenizer.model"
                            : "tokenizer.json, tokenizer.model, tiktoken.model or tekken.json",
                        found.p ? found.p : "");
    tk_buf_release(&found);
    return rc;
}

int tk_tokenizer_open(const char *path, enum tk_tok_mode mode, const struct tk_tokenizer_conf *conf,
                      struct tk_tokenizer **ret, struct tk_err *reterr)
{
    static const char *const by_mode[2][N_KINDS][2] = {
        [TK_TOK_MODE_AUTO] = { { "tokenizer.json", "tokenizer.json" },
                               { "tokenizer.model", "tokenizer.model" },
                               { "spiece.model", "spiece.model" },
                               { "sentencepiece.bpe.model", "sentencepiece.bpe.model" },
                               { "tiktoken.model", "tiktoken.model" },
                               { "", ".tiktoken" },
                               { "tekken.json", "tekken.json" } },
        [TK_TOK_MODE_MISTRAL] = { { "tekken", ".json" },
                                  { "tokenizer.model.v", "" },
                                  { "tokenizer.model", "tokenizer.model" } },
    };
    char file[4096];
    struct stat st;

    if (stat(path, &st) < 0)
        return tk_err_set(reterr, -errno, "'%s': %s", path, strerrordesc_np(errno));
    if (!S_ISDIR(st.st_mode))
        return open_file(path, mode, conf, ret, reterr);
    for (size_t i = 0; i < N_KINDS; i++) {
        const char *const *name = by_mode[mode][i];
        if (!name[0] || !find_file(path, name[0], name[1], file, sizeof(file)))
            continue;
        if (mode == TK_TOK_MODE_AUTO && i == 0 && tk__spm_is_converted(path, file, sizeof(file)))
            return tk_tokenizer_load_sentencepiece(file, conf, ret, reterr);
        if (mode == TK_TOK_MODE_AUTO && i == 0)
            return tk_tokenizer_load(path, conf, ret, reterr);
        return open_file(file, mode, conf, ret, reterr);
    }
    return no_tokenizer(path, mode, reterr);
}
