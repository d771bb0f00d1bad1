/* config.c - the files beside tokenizer.json, with transformers' meaning
 *
 *   tokenizer_config.json     roles of special tokens, added tokens, BOS and EOS, clean-up, templates
 *   special_tokens_map.json   roles, when the configuration has no added_tokens_decoder (old folders)
 *   added_tokens.json         added tokens, likewise
 *   config.json               the model's type, when the configuration names no class
 *   chat_template.jinja, additional_chat_templates/NAME.jinja, chat_template.json
 *
 * What changes ids, in transformers' order (4.57): added tokens of the configuration that differ from
 * those of tokenizer.json, then special tokens that are not known yet; a ByteLevel at the top gets
 * the configuration's add_prefix_space; then what the class does: Llama, Gemma, Cohere and GPT-NeoX
 * make the post-processor anew from add_bos_token and add_eos_token, BERT's and its
 * like make the normalizer anew from do_lower_case and its kin. A class that does more than that is refused.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "token/config_classes.h"
#include "token/internal.h"
#include "token/jsonu.h"

#define MAX_CONFIG ((size_t)32 << 20) /* bytes of one of these files */
#define MAX_TEMPLATE ((size_t)4 << 20)
#define MAX_TEMPLATES 64

static const char *const roles[TK__N_ROLES] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
};
static const char additional[] = "additional_special_tokens";

/* A special token of the configuration. */
struct special {
    struct tk_str role; /* "additional_special_tokens" for those without one */
    struct tk__added token;
    bool has_flags;  /* it was written as an AddedToken */
    bool is_default; /* the class's own */
};

struct config {
    struct tk_tokenizer *t;
    struct tk_err *err;
    const struct tk__class *class; /* NULL: one that does nothing of its own */
    struct special *specials;      /* owned */
    size_t n_specials, cap_specials;
    struct tk__added *decoder; /* added_tokens_decoder; owned; the id is the key */
    size_t n_decoder, cap_decoder;
    bool has_class;      /* the configuration names one: config.json does not count */
    bool has_additional; /* a file has additional_special_tokens */
    bool has_decoder;    /* the configuration has one: the old files do not count */
    bool seen[TK__N_ROLES];
    bool add_bos, add_eos, has_add_bos, has_add_eos;
    size_t n_extra; /* T5's sentinels */
    bool prefix_space, lowercase, chinese;
    bool forces_cleanup; /* transformers 5: clean up spaces of BPE too */
    bool keeps_space;    /* add_prefix_space is null: what tokenizer.json has stays */
    bool strips_set, strips;
};

static enum tk__family family(const struct config *c)
{
    return c->class ? c->class->family : TK__FAMILY_PLAIN;
}

/* ---- files ---- */

/* A file of the folder: 1 when it was read, 0 when it is not there. */
static int open_file(const struct config *c, const char *folder, const char *name,
                     struct tk_str *ret, struct tk_str *ret_map)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return tk_err_set(c->err, -ENAMETOOLONG, "'%s': the name is too long", folder);
    if (access(path, F_OK) < 0)
        return 0;
    int rc = tk__map(path, MAX_CONFIG, ret, ret_map, c->err);
    return rc < 0 ? rc : 1;
}

typedef int (*config_fn)(struct config *c, struct tk_json_val *root);

/* Read a JSON file, if it is there, by `fn`. */
static int read_json(struct config *c, const char *folder, const char *name, config_fn fn)
{
    struct tk_str text = { 0 };
    struct tk_str map = { 0 };
    struct tk_json_val root;
    int rc = open_file(c, folder, name, &text, &map);
    if (rc <= 0)
        return rc;
    struct tk_json *j = tk_json_new(text.n);
    rc = j ? tk_json_parse(j, text.p, text.n, &root) : -ENOMEM;
    if (rc < 0 || tk_json_type(&root) != TK_JSON_OBJECT)
        rc = tk_err_set(c->err, rc < 0 ? rc : TK_E_FORMAT, "'%s/%s': this is no JSON object",
                        folder, name);
    else
        rc = fn(c, &root);
    (void)tk_json_free(j);
    tk__unmap(map);
    return rc;
}

/* ---- special tokens ---- */

static void *room(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    *cap = *cap ? *cap * 2 : 32;
    return realloc(p, *cap * size);
}

static int add_special(struct config *c, const char *role, struct tk_json_val *v)
{
    struct special s = { .role = tk_str_of(role) };
    int rc;
    s.has_flags = tk_json_type(v) == TK_JSON_OBJECT;
    if (s.has_flags)
        rc = tk__added_read(c->t, v, &s.token, c->err);
    else
        rc = tk__ju_copy(v, role, &c->t->arena, &s.token.content, c->err);
    if (rc < 0)
        return rc;
    struct special *grown = room(c->specials, c->n_specials, &c->cap_specials, sizeof(*grown));
    if (!grown)
        return tk_err_set(c->err, -ENOMEM, "out of memory for the special tokens");
    c->specials = grown;
    c->specials[c->n_specials++] = s;
    return 0;
}

/* A later file replaces what an earlier one gave the role. */
static void forget_role(struct config *c, const char *role)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_specials; i++) {
        if (!tk_str_is(c->specials[i].role, role))
            c->specials[n++] = c->specials[i];
    }
    c->n_specials = n;
}

static int read_roles(struct config *c, struct tk_json_val *root)
{
    struct tk_json_val m;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < TK__N_ROLES; i++) {
        if (tk_json_find(root, roles[i], &m) < 0)
            continue;
        c->seen[i] = true;
        forget_role(c, roles[i]);
        if (tk_json_type(&m) != TK_JSON_NULL)
            rc = add_special(c, roles[i], &m);
    }
    return rc;
}

static int read_additional(struct config *c, struct tk_json_val *root)
{
    struct tk_json_val m, item;
    struct tk_json_iter it;
    int rc = tk__ju_member(root, additional, &m);
    if (rc <= 0 || tk_json_type(&m) != TK_JSON_ARRAY)
        return rc;
    c->has_additional = true;
    rc = tk_json_arr(&m, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = add_special(c, additional, &item);
    return rc;
}

/* {"image_token": "<image>"}: roles of a model's own. */
static int read_extra(struct config *c, struct tk_json_val *root)
{
    struct tk_json_val m, item;
    struct tk_json_iter it;
    struct tk_str key;
    int rc = tk__ju_member(root, "extra_special_tokens", &m);
    if (rc <= 0 || tk_json_type(&m) != TK_JSON_OBJECT)
        return rc;
    rc = tk_json_obj(&m, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        char *role = tk_arena_dup(&c->t->arena, key);
        rc = role ? add_special(c, role, &item) : -ENOMEM;
    }
    return rc;
}

static int add_decoder(struct config *c, const struct tk__added *token)
{
    struct tk__added *grown = room(c->decoder, c->n_decoder, &c->cap_decoder, sizeof(*grown));
    if (!grown)
        return tk_err_set(c->err, -ENOMEM, "out of memory for the added tokens");
    c->decoder = grown;
    c->decoder[c->n_decoder++] = *token;
    return 0;
}

static int read_decoder(struct config *c, struct tk_json_val *root)
{
    struct tk_json_val m, item;
    struct tk_json_iter it;
    struct tk_str key;
    struct tk__added token;
    int64_t id = 0;
    int rc = tk__ju_member(root, "added_tokens_decoder", &m);
    c->has_decoder = rc > 0;
    if (rc > 0)
        rc = tk_json_obj(&m, &it);
    else
        return rc;
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        rc = tk__added_read(c->t, &item, &token, c->err);
        if (rc == 0 && tk_num_parse_i64(key, 0, TK_TOKENIZER_MAX_ID, &id) < 0)
            rc = tk_err_set(c->err, TK_E_FORMAT, "added_tokens_decoder: '%.*s' is no id",
                            TK_STR_ARG(key));
        token.id = (uint32_t)id;
        rc = rc < 0 ? rc : add_decoder(c, &token);
    }
    return rc;
}

/* ---- tokenizer_config.json ---- */

const struct tk__class *tk__class_find(struct tk_str name)
{
    if (tk_str_ends(name, TK_STR("Fast")))
        name.n -= 4;
    for (const struct tk__class *k = tk__classes; k->name; k++) {
        if (tk_str_is(name, k->name))
            return k;
    }
    return NULL;
}

const struct tk__class *tk__class_find_type(struct tk_str model_type)
{
    for (size_t i = 0; tk__class_of_type[i][0]; i++) {
        if (tk_str_is(model_type, tk__class_of_type[i][0]))
            return tk__class_find(tk_str_of(tk__class_of_type[i][1]));
    }
    return NULL;
}

static int read_class(struct config *c, struct tk_json_val *root)
{
    struct tk_str name = { 0 };
    int rc = tk__ju_str(root, "tokenizer_class", "configuration", &c->t->arena, &name, c->err);
    c->has_class = name.p != NULL;
    if (rc < 0 || !name.p)
        return rc;
    c->class = tk__class_find(name);
    if (family(c) == TK__FAMILY_REFUSED)
        return tk_err_set(c->err, TK_E_UNSUPPORTED, "the tokenizer class '%.*s' is not supported",
                          TK_STR_ARG(name));
    return 0;
}

static int read_model_type(struct config *c, struct tk_json_val *root)
{
    struct tk_str name = { 0 };
    int rc = read_class(c, root);
    if (rc < 0 || c->has_class)
        return rc;
    rc = tk__ju_str(root, "model_type", "configuration", &c->t->arena, &name, c->err);
    if (rc == 0)
        c->class = tk__class_find_type(name);
    if (rc == 0 && family(c) == TK__FAMILY_REFUSED)
        return tk_err_set(c->err, TK_E_UNSUPPORTED, "the tokenizer class '%s' is not supported",
                          c->class->name);
    return rc;
}

/* A member that is true or false; null and other things count as Python has them. */
static void truth(struct tk_json_val *root, const char *key, bool *ret, bool *ret_there)
{
    struct tk_json_val m;
    bool b = false;
    if (tk_json_find(root, key, &m) < 0)
        return;
    if (ret_there)
        *ret_there = true;
    if (tk_json_get_bool(&m, &b) == 0 || tk_json_type(&m) == TK_JSON_NULL)
        *ret = b;
}

static void read_max_length(struct tk_tokenizer *t, struct tk_json_val *root)
{
    struct tk_json_val m;
    double d = 0;
    if (tk__ju_member(root, "model_max_length", &m) <= 0 && tk__ju_member(root, "max_len", &m) <= 0)
        return;
    if (tk_json_get_double(&m, &d) == 0 && d >= 1 && d < 1e15)
        t->max_length = (int64_t)d;
}

static int add_template(struct config *c, struct tk_str name, struct tk_str text)
{
    if (text.n > MAX_TEMPLATE || c->t->templates.n >= MAX_TEMPLATES)
        return tk_err_set(c->err, TK_E_LIMIT, "a chat template too long, or too many");
    if (tk__named_add(c->t, &c->t->templates, name, text) < 0)
        return tk_err_set(c->err, -ENOMEM, "out of memory for the chat templates");
    return 0;
}

/* A text, or [{"name": …, "template": …}, …]. */
static int read_templates(struct config *c, struct tk_json_val *root)
{
    struct tk_json_val m, item;
    struct tk_json_iter it;
    struct tk_str text;
    int rc = tk__ju_member(root, "chat_template", &m);
    if (rc <= 0)
        return rc;
    if (tk_json_get_str(&m, &text) == 0)
        return add_template(c, TK_STR("default"), text);
    rc = tk_json_arr(&m, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        struct tk_str name = { 0 };
        rc = tk__ju_need_str(&item, "name", "chat template", &c->t->arena, &name, c->err);
        if (rc == 0)
            rc = tk__ju_need_str(&item, "template", "chat template", &c->t->arena, &text, c->err);
        if (rc == 0)
            rc = add_template(c, name, text);
    }
    return rc;
}

static int read_config(struct config *c, struct tk_json_val *root)
{
    struct tk_json_val m;
    int rc = read_class(c, root);
    if (rc == 0)
        rc = read_roles(c, root);
    if (rc == 0)
        rc = read_additional(c, root);
    if (rc == 0)
        rc = read_extra(c, root);
    if (rc == 0)
        rc = read_decoder(c, root);
    if (rc == 0)
        rc = read_templates(c, root);
    if (rc < 0)
        return rc;
    truth(root, "add_bos_token", &c->add_bos, &c->has_add_bos);
    truth(root, "add_eos_token", &c->add_eos, &c->has_add_eos);
    truth(root, "add_prefix_space", &c->prefix_space, NULL);
    c->keeps_space = tk_json_find(root, "add_prefix_space", &m) == 0 &&
                     tk_json_type(&m) == TK_JSON_NULL;
    truth(root, "do_lower_case", &c->lowercase, NULL);
    truth(root, "tokenize_chinese_chars", &c->chinese, NULL);
    truth(root, "strip_accents", &c->strips, NULL);
    c->strips_set = tk__ju_member(root, "strip_accents", &m) > 0;
    truth(root, "clean_up_tokenization_spaces", &c->t->cleans_up, NULL);
    truth(root, "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
          &c->forces_cleanup, NULL);
    truth(root, "split_special_tokens", &c->t->splits_special, NULL);
    read_max_length(c->t, root);
    return tk__ju_size(root, "extra_ids", "configuration", &c->n_extra, c->err);
}

/* ---- the old files ---- */

static int read_map(struct config *c, struct tk_json_val *root)
{
    int rc = read_roles(c, root);
    return rc == 0 ? read_additional(c, root) : rc;
}

static bool is_special(const struct config *c, struct tk_str text)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        if (tk_str_eq(c->specials[i].token.content, text))
            return true;
    }
    return false;
}

static bool is_taken(const struct tk_tokenizer *t, uint32_t id)
{
    bool is = false;
    for (uint32_t i = 0; i < t->n_added; i++)
        is |= t->added[i].id == id;
    return is;
}

static int read_added(struct config *c, struct tk_json_val *root)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    struct tk_str key;
    int64_t id = 0;
    int rc = tk_json_obj(root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        struct tk__added token = { .content = tk_arena_dup_str(&c->t->arena, key) };
        if (key.n > 0 && memchr(key.p, '\\', key.n))
            return tk_err_set(c->err, TK_E_UNSUPPORTED, "added_tokens.json: escapes in '%.*s'",
                              TK_STR_ARG(key));
        if (tk_json_get_i64(&v, &id) < 0 || id < 0 || id > TK_TOKENIZER_MAX_ID)
            return tk_err_set(c->err, TK_E_FORMAT, "added_tokens.json: '%.*s' has no id",
                              TK_STR_ARG(key));
        token.special = is_special(c, token.content);
        token.normalized = !token.special;
        token.id = (uint32_t)id;
        rc = token.content.p ? 0 : -ENOMEM;
        if (rc == 0 && !is_taken(c->t, token.id)) /* those of tokenizer.json win */
            rc = add_decoder(c, &token);
    }
    return rc;
}

/* ---- templates in files ---- */

static int read_jinja(struct config *c, const char *folder, const char *file, struct tk_str name)
{
    struct tk_str text = { 0 };
    struct tk_str map = { 0 };
    int rc = open_file(c, folder, file, &text, &map);
    if (rc <= 0)
        return rc;
    rc = add_template(c, name, text);
    tk__unmap(map);
    return rc < 0 ? rc : 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_jinja_folder(struct config *c, const char *folder)
{
    static const char sub[] = "additional_chat_templates";
    char path[4096];
    char *names[MAX_TEMPLATES];
    size_t n = 0;
    int rc = 0;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, sub) >= sizeof(path))
        return 0;
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL && n < MAX_TEMPLATES;) {
        struct tk_str name = tk_str_of(e->d_name);
        if (tk_str_ends(name, TK_STR(".jinja")) && (names[n] = tk_str_dup(name)) != NULL)
            n++;
    }
    if (dir)
        (void)closedir(dir);
    qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++) {
        struct tk_str name = tk_str_of(names[i]);
        name.n -= strlen(".jinja");
        rc = rc < 0 ? rc : read_jinja(c, path, names[i], name);
        free(names[i]);
    }
    return rc;
}

static int read_template_files(struct config *c, const char *folder)
{
    struct tk__nameds before = c->t->templates;
    c->t->templates.n = c->t->templates.cap = 0; /* files take the place of the configuration's */
    int rc = read_jinja(c, folder, "chat_template.jinja", TK_STR("default"));
    if (rc >= 0)
        rc = read_jinja_folder(c, folder);
    if (rc < 0 || c->t->templates.n > 0)
        return rc;
    c->t->templates = before;
    return before.n > 0 ? 0 : read_json(c, folder, "chat_template.json", read_templates);
}

/* ---- applying ---- */

static bool same_flags(const struct tk__added *a, const struct tk__added *b)
{
    return a->single_word == b->single_word && a->lstrip == b->lstrip && a->rstrip == b->rstrip &&
           a->normalized == b->normalized && a->special == b->special;
}

static int by_id(const void *a, const void *b)
{
    const struct tk__added *x = a;
    const struct tk__added *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int apply_decoder(struct config *c)
{
    int rc = 0;
    if (c->n_decoder > 0)
        qsort(c->decoder, c->n_decoder, sizeof(*c->decoder), by_id);
    for (size_t i = 0; rc == 0 && i < c->n_decoder; i++) {
        struct tk__added token = c->decoder[i];
        const struct tk__added *known = tk__added_find(c->t, token.content);
        if (known && same_flags(known, &token))
            continue;
        token.special |= is_special(c, token.content);
        rc = tk__added_add(c->t, &token, c->err);
    }
    return rc;
}

/* Its place among the roles; TK__N_ROLES: it is none. */
static unsigned role_index(struct tk_str role)
{
    unsigned i = 0;
    while (i < TK__N_ROLES && !tk_str_is(role, roles[i]))
        i++;
    return i;
}

/* Add a special token. The text of a role gets the flags of an added token that the configuration, or
 * else tokenizer.json, has, or those that the class gives it; a plain string that is known already stays
 * as it is. */
static int apply_special(struct config *c, const struct special *s)
{
    const struct tk__added *known = tk__added_find(c->t, s->token.content);
    struct tk__added token = s->token;
    unsigned role = role_index(s->role);
    bool is_mapped = !c->has_decoder && known;
    bool has_flags = s->has_flags;
    for (size_t i = 0; i < c->n_decoder; i++)
        is_mapped |= tk_str_eq(c->decoder[i].content, token.content);
    is_mapped = is_mapped && known && role < TK__N_ROLES && !s->is_default;
    if (!is_mapped && !has_flags && c->class && (c->class->wraps >> role & 1)) {
        has_flags = true;
        token.lstrip = role == TK__ROLE_MASK;
        token.normalized = c->class->normalizes;
    }
    if (!is_mapped && !has_flags && known)
        return 0;
    if (is_mapped)
        token = *known;
    token.content = s->token.content;
    token.special = true;
    return tk__added_add(c->t, &token, c->err);
}

static int add_text(struct config *c, const char *role, struct tk_str text, bool is_default)
{
    struct special s = { .role = tk_str_of(role), .is_default = is_default };
    s.token.content = tk_arena_dup_str(&c->t->arena, text);
    struct special *grown = room(c->specials, c->n_specials, &c->cap_specials, sizeof(*grown));
    if (grown) /* the old one is gone, whatever became of the text */
        c->specials = grown;
    if (!s.token.content.p || !grown)
        return tk_err_set(c->err, -ENOMEM, "out of memory for the special tokens");
    c->specials[c->n_specials++] = s;
    return 0;
}

/* T5's sentinels, unless the configuration names some. */
static int add_extra(struct config *c)
{
    char text[32];
    int rc = 0;
    for (size_t i = 0; i < c->n_specials; i++) {
        if (tk_str_is(c->specials[i].role, additional) &&
            memmem(c->specials[i].token.content.p, c->specials[i].token.content.n, "<extra_id_",
                   10))
            return 0;
    }
    if (c->n_extra > TK__MAX_EXTRA)
        return tk_err_set(c->err, TK_E_LIMIT, "more than %d 'extra_ids'", TK__MAX_EXTRA);
    for (size_t i = 0; rc == 0 && i < c->n_extra; i++) {
        int n = snprintf(text, sizeof(text), "<extra_id_%zu>", i);
        rc = add_text(c, additional, (struct tk_str){ text, (size_t)n }, true);
    }
    return rc;
}

/* The class's own without a role. */
static int add_additional(struct config *c)
{
    int rc = 0;
    if (!c->class || (c->has_additional && family(c) != TK__FAMILY_LLAMA))
        return 0;
    for (unsigned i = 0; rc == 0 && i < TK__N_ADDITIONAL && c->class->additional[i]; i++)
        rc = add_text(c, additional, tk_str_of(c->class->additional[i]), true);
    return rc;
}

static int apply_defaults(struct config *c)
{
    int rc = family(c) == TK__FAMILY_T5 ? add_extra(c) : add_additional(c);
    for (unsigned i = 0; rc == 0 && c->class && i < TK__N_ROLES; i++) {
        const char *text = c->class->defaults[i];
        if (text && !c->seen[i])
            rc = add_text(c, roles[i], tk_str_of(text), true);
    }
    return rc;
}

/* The place of a role in transformers' order; those of a model's own come last. */
static unsigned role_order(struct tk_str role)
{
    unsigned i = role_index(role);
    if (i == TK__N_ROLES && !tk_str_is(role, additional))
        i++;
    return i;
}

/* New tokens get their ids in that order, wherever they were read. */
static void sort_specials(struct config *c)
{
    for (size_t i = 1; i < c->n_specials; i++) {
        struct special s = c->specials[i];
        size_t k = i;
        for (; k > 0 && role_order(c->specials[k - 1].role) > role_order(s.role); k--)
            c->specials[k] = c->specials[k - 1];
        c->specials[k] = s;
    }
}

/* After all of them: adding one again replaces what was known of it. */
static void mark_roles(struct config *c)
{
    for (size_t i = 0; i < c->n_specials; i++) {
        for (uint32_t k = 0; k < c->t->n_added; k++)
            c->t->added[k].has_role |= tk_str_eq(c->t->added[k].content,
                                                 c->specials[i].token.content);
    }
}

/* Of two roles with one text the first says what it is; within a list both do. */
static bool is_repeated(const struct config *c, size_t i)
{
    const struct special *s = &c->specials[i];
    for (size_t k = 0; k < i; k++) {
        const struct special *before = &c->specials[k];
        if (tk_str_eq(before->token.content, s->token.content) &&
            !(tk_str_is(before->role, additional) && tk_str_is(s->role, additional)))
            return true;
    }
    return false;
}

static int apply_tokens(struct config *c)
{
    int rc = apply_defaults(c);
    sort_specials(c);
    tk__added_begin(c->t);
    if (rc == 0)
        rc = apply_decoder(c);
    for (size_t i = 0; rc == 0 && i < c->n_specials; i++) {
        const struct special *s = &c->specials[i];
        rc = is_repeated(c, i) ? 0 : apply_special(c, s);
        if (rc == 0 && !tk_str_is(s->role, additional) &&
            tk__named_add(c->t, &c->t->specials, s->role, s->token.content) < 0)
            rc = tk_err_set(c->err, -ENOMEM, "out of memory for the special tokens");
    }
    if (rc == 0)
        mark_roles(c);
    return rc;
}

static int add_role(struct config *c, const char *role, uint32_t *to, unsigned *n)
{
    struct tk_str text = tk_tokenizer_special(c->t, role);
    if (!text.p)
        return tk_err_set(c->err, TK_E_FORMAT, "the configuration adds the %s but has none", role);
    to[*n] = tk_tokenizer_id(c->t, text);
    *n += 1;
    return 0;
}

/* The post-processor that Llama's class and its like make. */
static int apply_post(struct config *c)
{
    struct tk__post *post = &c->t->post;
    bool adds_bos = c->has_add_bos ? c->add_bos : family(c) != TK__FAMILY_NEOX;
    bool adds_eos = c->has_add_eos && c->add_eos;
    int rc = 0;
    if (family(c) != TK__FAMILY_LLAMA && family(c) != TK__FAMILY_GEMMA &&
        family(c) != TK__FAMILY_COHERE && family(c) != TK__FAMILY_NEOX)
        return 0;
    post->n_before = post->n_after = 0;
    if (adds_bos)
        rc = add_role(c, "bos_token", post->before, &post->n_before);
    if (rc == 0 && adds_eos)
        rc = add_role(c, "eos_token", post->after, &post->n_after);
    return rc;
}

static int apply_bert(struct config *c)
{
    struct tk__bert bert = c->t->normal.bert;
    bool is_like = family(c) == TK__FAMILY_BERT || family(c) == TK__FAMILY_MPNET;
    if (family(c) == TK__FAMILY_MPNET) /* its class leaves this one alone */
        c->chinese = bert.chinese;
    bool same = bert.lowercase == c->lowercase && bert.chinese == c->chinese &&
                bert.strips_set == c->strips_set && (!bert.strips_set || bert.strips == c->strips);
    if (!is_like || !bert.is_top || same)
        return 0;
    bert.lowercase = c->lowercase;
    bert.chinese = c->chinese;
    bert.strips_set = c->strips_set;
    bert.strips = c->strips;
    tk__normal_release(&c->t->normal);
    return tk__normal_bert(&c->t->normal, &bert, c->err);
}

/* Cohere's and Bloom's classes reach into sequences. */
static int check_nested_space(struct config *c)
{
    const struct tk__pres *pre = &c->t->pre;
    bool has_space = false;
    bool has_bytes = false;
    for (unsigned i = 0; i < pre->n; i++) {
        has_space |= pre->v[i].kind == TK__PRE_SPACE;
        has_bytes |= pre->v[i].kind == TK__PRE_BYTES;
    }
    if ((family(c) != TK__FAMILY_COHERE && family(c) != TK__FAMILY_BLOOM) || !c->prefix_space ||
        !has_bytes || has_space)
        return 0;
    return tk_err_set(c->err, TK_E_UNSUPPORTED,
                      "'add_prefix_space' over a ByteLevel inside a Sequence is not supported");
}

static int apply_prefix_space(struct config *c)
{
    struct tk__pres *pre = &c->t->pre;
    bool has = pre->n > 0 && pre->v[0].kind == TK__PRE_SPACE;
    if (!pre->top_is_byte_level)
        return check_nested_space(c);
    /* Llama's and T5's classes say nothing of it; Code Llama's, which has tokens of its own, does. */
    bool is_silent = (family(c) == TK__FAMILY_LLAMA && !c->class->additional[0]) ||
                     family(c) == TK__FAMILY_T5;
    if (c->keeps_space || has == c->prefix_space || is_silent)
        return 0;
    if (has) {
        memmove(&pre->v[0], &pre->v[1], (pre->n - 1) * sizeof(pre->v[0]));
        pre->n--;
    } else if (pre->n < TK__MAX_STEPS) {
        memmove(&pre->v[1], &pre->v[0], pre->n * sizeof(pre->v[0]));
        pre->v[0] = (struct tk__pre){ .kind = TK__PRE_SPACE };
        pre->n++;
    }
    return 0;
}

static void apply_cleanup(const struct config *c)
{
    struct tk_tokenizer *t = c->t;
    bool is_spared = strcmp(t->model->ops->name, "BPE") == 0 && !c->forces_cleanup;
    if (t->conf.cleanup == TK_TOK_CLEANUP_NEVER ||
        (t->conf.cleanup == TK_TOK_CLEANUP_5 && is_spared))
        t->cleans_up = false;
}

static int read_all(struct config *c, const char *folder)
{
    int rc = read_json(c, folder, "tokenizer_config.json", read_config);
    if (rc == 0 && !c->has_class)
        rc = read_json(c, folder, "config.json", read_model_type);
    if (rc == 0 && !c->has_decoder)
        rc = read_json(c, folder, "special_tokens_map.json", read_map);
    if (rc == 0 && !c->has_decoder)
        rc = read_json(c, folder, "added_tokens.json", read_added);
    return rc == 0 ? read_template_files(c, folder) : rc;
}

int tk__config_load(struct tk_tokenizer *t, const char *folder, struct tk_err *reterr)
{
    struct tk_err detail = { 0 };
    struct config c = {
        .t = t, .err = &detail, .lowercase = true, .chinese = true, .n_extra = 100
    };
    int rc = read_all(&c, folder);
    if (rc >= 0)
        rc = apply_tokens(&c);
    if (rc == 0)
        rc = apply_post(&c);
    if (rc == 0)
        rc = apply_bert(&c);
    if (rc == 0)
        rc = apply_prefix_space(&c);
    if (rc == 0)
        apply_cleanup(&c);
    free(c.specials);
    free(c.decoder);
    return rc < 0 ? tk_err_set(reterr, rc, "'%s': %s", folder,
                               detail.msg[0] ? detail.msg : tk_err_text(rc))
                  : 0;
}
