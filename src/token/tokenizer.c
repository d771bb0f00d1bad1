/* tokenizer.c - what a tokenizer is as a whole: made, asked, freed
 *
 * Loading: a loader reads its file into the parts, the configuration changes some of them, and
 * tk__tokenizer_finish() derives the rest: flags by id, the matchers of added tokens, and whether the
 * short way of encode.c may be taken.
 */
#include "token/tokenizer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/unicode.h"

struct tk_tokenizer *tk__tokenizer_new(const struct tk_tokenizer_conf *conf, struct tk_err *reterr)
{
    static atomic_uint_fast64_t next_serial = 1;
    struct tk_tokenizer *t = tk__uni_init() == 0 ? calloc(1, sizeof(*t)) : NULL;
    if (!t) {
        (void)tk_err_set(reterr, -ENOMEM, "out of memory for a tokenizer");
        return NULL;
    }
    t->serial = atomic_fetch_add(&next_serial, 1);
    if (conf)
        t->conf = *conf;
    if (t->conf.max_file_bytes == 0)
        t->conf.max_file_bytes = TK_TOKENIZER_MAX_FILE;
    tk_arena_init(&t->arena, TK__MAX_ARENA);
    t->max_length = INT64_MAX;
    return t;
}

struct tk_tokenizer *tk_tokenizer_free(struct tk_tokenizer *t)
{
    if (!t)
        return NULL;
    if (t->model)
        t->model->ops->free(t->model);
    tk__vocab_release(&t->vocab);
    tk__normal_release(&t->normal);
    tk__pre_release(&t->pre);
    tk__decode_release(&t->decode);
    (void)tk__matcher_free(t->as_is);
    (void)tk__matcher_free(t->normalized);
    tk__trie_release(&t->names);
    free(t->added);
    free(t->id_flags);
    free(t->id_added);
    tk_arena_release(&t->arena);
    free(t);
    return NULL;
}

int tk__named_add(struct tk_tokenizer *t, struct tk__nameds *list, struct tk_str name,
                  struct tk_str text)
{
    struct tk__named one = { tk_arena_dup_str(&t->arena, name), tk_arena_dup_str(&t->arena, text) };
    if (!one.name.p || !one.text.p)
        return -ENOMEM;
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        struct tk__named *grown = tk_arena_alloc(&t->arena, cap * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        if (list->n > 0)
            memcpy(grown, list->v, list->n * sizeof(*grown));
        list->v = grown;
        list->cap = cap;
    }
    list->v[list->n++] = one;
    return 0;
}

/* ---- finishing ---- */

/* A token is special by its text: of two pieces with one text both are. */
static void mark_twins(struct tk_tokenizer *t)
{
    enum tk__form form;
    if (strcmp(t->model->ops->name, "Unigram") != 0)
        return;
    for (uint32_t id = 0; id < t->vocab.n_ids; id++) {
        struct tk_str piece = tk__vocab_piece(&t->vocab, id, &form);
        const struct tk__added *a = piece.p ? tk__added_find(t, piece) : NULL;
        if (a && a->was_special)
            t->id_flags[id] |= TK__ID_SPECIAL;
    }
}

/* Flags and added tokens by id. */
static int index_ids(struct tk_tokenizer *t)
{
    t->id_end = t->vocab.n_ids;
    for (uint32_t i = 0; i < t->n_added; i++)
        t->id_end = TK_MAX(t->id_end, t->added[i].id + 1);
    t->id_flags = calloc((size_t)t->id_end + 1, sizeof(*t->id_flags));
    t->id_added = malloc(((size_t)t->id_end + 1) * sizeof(*t->id_added));
    if (!t->id_flags || !t->id_added)
        return -ENOMEM;
    memset(t->id_added, 0xFF, ((size_t)t->id_end + 1) * sizeof(*t->id_added));
    for (uint32_t i = 0; i < t->n_added; i++) {
        uint32_t id = t->added[i].id;
        t->id_added[id] = i;
        t->id_flags[id] |= TK__ID_ADDED;
        if (t->added[i].was_special)
            t->id_flags[id] |= TK__ID_SPECIAL;
        if (t->added[i].has_role)
            t->id_flags[id] |= TK__ID_ROLE;
    }
    mark_twins(t);
    return 0;
}

/* May the words of one scanner go straight to the model? Its pattern must match every character. */
static enum tk__scan_kind direct_scan(const struct tk_tokenizer *t)
{
    const struct tk__pre *step = &t->pre.v[0];
    if (!t->vocab.is_raw || t->pre.n != 2 || step->kind != TK__PRE_SPLIT_SCAN)
        return TK__SCAN_NONE;
    bool keeps = (step->behavior == TK__ISOLATED) ||
                 (step->behavior == TK__REMOVED && step->is_inverted);
    bool covers = step->scan >= TK__SCAN_GPT2 && step->scan <= TK__SCAN_TEKKEN;
    return keeps && covers ? step->scan : TK__SCAN_NONE;
}

int tk__tokenizer_finish(struct tk_tokenizer *t, struct tk_err *reterr)
{
    int rc = index_ids(t);
    if (rc < 0)
        return tk_err_set(reterr, rc, "out of memory for a tokenizer");
    rc = tk__added_finish(t, reterr);
    t->direct = direct_scan(t);
    return rc;
}

/* ---- files ---- */

void tk__unmap(struct tk_str map)
{
    if (map.p)
        (void)munmap((void *)(uintptr_t)map.p, map.n);
}

static int map_fd(int fd, size_t n, struct tk_str *ret, struct tk_str *ret_map)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (n + TK_JSON_PADDING + page - 1) / page * page;
    /* Zeroes first, then the file over them: what is behind its end can be read. */
    char *p = mmap(NULL, whole, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    *ret_map = (struct tk_str){ p, whole };
    if (n > 0 &&
        mmap(p, n, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED) {
        int rc = -errno;
        tk__unmap(*ret_map);
        return rc;
    }
    *ret = (struct tk_str){ p, n };
    return 0;
}

int tk__map(const char *path, size_t max_bytes, struct tk_str *ret, struct tk_str *ret_map,
            struct tk_err *reterr)
{
    struct stat st = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
    if (rc == 0 && !S_ISREG(st.st_mode))
        rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
    if (rc == 0 && (uint64_t)st.st_size > max_bytes)
        rc = TK_E_LIMIT;
    if (rc == 0)
        rc = map_fd(fd, (size_t)st.st_size, ret, ret_map);
    if (fd >= 0)
        (void)close(fd);
    return rc < 0 ? tk_err_set(reterr, rc, "'%s': %s", path,
                               rc > -4096 ? strerrordesc_np(-rc) : tk_err_text(rc))
                  : 0;
}

/* Read `file` and, when it is not NULL, the configuration in `folder`. */
static int load(const char *file, const char *folder, const struct tk_tokenizer_conf *conf,
                struct tk_tokenizer **ret, struct tk_err *reterr)
{
    struct tk_str text = { 0 };
    struct tk_str map = { 0 };
    struct tk_tokenizer *t = tk__tokenizer_new(conf, reterr);
    if (!t)
        return -ENOMEM;
    int rc = tk__map(file, t->conf.max_file_bytes, &text, &map, reterr);
    if (rc == 0) {
        rc = tk__json_load(t, text, file, reterr);
        tk__unmap(map);
    }
    if (rc == 0 && folder && !t->conf.ignores_config)
        rc = tk__config_load(t, folder, reterr);
    if (rc == 0)
        rc = tk__tokenizer_finish(t, reterr);
    if (rc < 0) {
        (void)tk_tokenizer_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

int tk_tokenizer_load(const char *path, const struct tk_tokenizer_conf *conf,
                      struct tk_tokenizer **ret, struct tk_err *reterr)
{
    char file[4096];
    struct stat st;
    if (stat(path, &st) < 0)
        return tk_err_set(reterr, -errno, "'%s': %s", path, strerrordesc_np(errno));
    if (!S_ISDIR(st.st_mode))
        return load(path, NULL, conf, ret, reterr);
    int n = snprintf(file, sizeof(file), "%s/tokenizer.json", path);
    if (n < 0 || (size_t)n >= sizeof(file))
        return tk_err_set(reterr, -ENAMETOOLONG, "'%s': the name is too long", path);
    if (access(file, F_OK) < 0)
        return tk_err_set(reterr, -ENOENT, "'%s': there is no tokenizer.json in it", path);
    return load(file, path, conf, ret, reterr);
}

int tk_tokenizer_load_json(struct tk_str json, const char *name,
                           const struct tk_tokenizer_conf *conf, struct tk_tokenizer **ret,
                           struct tk_err *reterr)
{
    struct tk_tokenizer *t = tk__tokenizer_new(conf, reterr);
    if (!t)
        return -ENOMEM;
    if (json.n > t->conf.max_file_bytes) {
        (void)tk_tokenizer_free(t);
        return tk_err_set(reterr, TK_E_LIMIT, "'%s': %s", name, tk_err_text(TK_E_LIMIT));
    }
    char *padded = malloc(json.n + TK_JSON_PADDING);
    int rc = -ENOMEM;
    if (!padded) {
        (void)tk_err_set(reterr, rc, "out of memory for a tokenizer");
    } else {
        if (json.n > 0)
            memcpy(padded, json.p, json.n);
        memset(padded + json.n, 0, TK_JSON_PADDING);
        rc = tk__json_load(t, (struct tk_str){ padded, json.n }, name, reterr);
    }
    free(padded);
    if (rc == 0)
        rc = tk__tokenizer_finish(t, reterr);
    if (rc < 0) {
        (void)tk_tokenizer_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

/* ---- asking ---- */

uint32_t tk_tokenizer_vocab_size(const struct tk_tokenizer *t, bool with_added)
{
    uint32_t n = t->vocab.n_pieces;
    for (uint32_t i = 0; with_added && i < t->n_added; i++)
        n += tk__vocab_find_text(&t->vocab, t->added[i].content) == TK__NO_ID;
    return n;
}

uint32_t tk_tokenizer_id_end(const struct tk_tokenizer *t)
{
    return t->id_end;
}

uint32_t tk_tokenizer_id(const struct tk_tokenizer *t, struct tk_str piece)
{
    const struct tk__added *a = tk__added_find(t, piece);
    return a ? a->id : tk__vocab_find_text(&t->vocab, piece);
}

bool tk_tokenizer_is_special(const struct tk_tokenizer *t, uint32_t id)
{
    return id < t->id_end && (t->id_flags[id] & TK__ID_SPECIAL);
}

bool tk_tokenizer_is_added(const struct tk_tokenizer *t, uint32_t id)
{
    return id < t->id_end && (t->id_flags[id] & TK__ID_ADDED);
}

bool tk_tokenizer_has_role(const struct tk_tokenizer *t, uint32_t id)
{
    return id < t->id_end && (t->id_flags[id] & TK__ID_ROLE);
}

const char *tk_tokenizer_model(const struct tk_tokenizer *t)
{
    return t->model->ops->name;
}

static bool named_at(const struct tk__nameds *list, size_t i, struct tk_str *ret_name,
                     struct tk_str *ret_text)
{
    if (i >= list->n)
        return false;
    *ret_name = list->v[i].name;
    *ret_text = list->v[i].text;
    return true;
}

bool tk_tokenizer_special_at(const struct tk_tokenizer *t, size_t i, struct tk_str *ret_role,
                             struct tk_str *ret_text)
{
    return named_at(&t->specials, i, ret_role, ret_text);
}

struct tk_str tk_tokenizer_special(const struct tk_tokenizer *t, const char *role)
{
    for (size_t i = 0; i < t->specials.n; i++) {
        if (tk_str_is(t->specials.v[i].name, role))
            return t->specials.v[i].text;
    }
    return (struct tk_str){ 0 };
}

static uint32_t id_of_role(const struct tk_tokenizer *t, const char *role)
{
    struct tk_str text = tk_tokenizer_special(t, role);
    return text.p ? tk_tokenizer_id(t, text) : TK__NO_ID;
}

uint32_t tk_tokenizer_bos(const struct tk_tokenizer *t)
{
    return id_of_role(t, "bos_token");
}

uint32_t tk_tokenizer_eos(const struct tk_tokenizer *t)
{
    return id_of_role(t, "eos_token");
}

int64_t tk_tokenizer_max_length(const struct tk_tokenizer *t)
{
    return t->max_length;
}

bool tk_tokenizer_chat_template(const struct tk_tokenizer *t, size_t i, struct tk_str *ret_name,
                                struct tk_str *ret_text)
{
    return named_at(&t->templates, i, ret_name, ret_text);
}
