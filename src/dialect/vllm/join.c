/* join.c - words of the command line that only this tool knows
 *
 * Dotted options: `--extra-body.a.b 1 --extra-body.c+ x,y` is `--extra-body
 * {"a":{"b":1},"c":["x","y"]}`, put at the end, so that it replaces a plain one. A value is JSON
 * if it can be read as such, else a string. A key that ends in + takes a list of strings, split at
 * commas; several are put together.
 *
 * List options: what is given last replaces what came before, so earlier ones are left out.
 */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "dialect/vllm/vllm.h"

#define MAX_JSON_BYTES ((size_t)16 << 20)

/* Options of type JSON; others with a point in them are values or mistakes. */
static const char *const json_options[] = {
    "extra-body",
    "chat-template-kwargs",
    "random-mm-limit-mm-per-prompt",
    "random-mm-bucket-config",
};

/* A member under construction: an object of further ones, a list of strings, or JSON text. */
struct node {
    struct tk_str key;
    struct node *child; /* first member of an object */
    struct node *next;  /* sibling */
    struct tk_str json; /* a leaf's text */
    bool is_list;       /* the children are its items, their json the strings */
};

/* The name of the option that a word is: "--a_b.c=d" has "a_b". Empty when it is none. */
static struct tk_str option_name(const char *word, const char *ends)
{
    if (strncmp(word, "--", 2) != 0)
        return (struct tk_str){ NULL, 0 };
    return (struct tk_str){ word + 2, strcspn(word + 2, ends) };
}

/* Which of the JSON options a name is, short or whole; -1: none. */
static int find_json(struct tk_str name)
{
    const struct tk_opt *o = tk_opt_find(&tk_vllm_command, name);

    for (size_t i = 0; o && i < TK_ARRAY_LEN(json_options); i++) {
        if (strcmp(o->name, json_options[i]) == 0)
            return (int)i;
    }
    return -1;
}

/* The list option that a word is; NULL: none. */
static const struct tk_opt *list_of(const char *word)
{
    struct tk_str name = option_name(word, "=");
    const struct tk_opt *o = name.n > 0 ? tk_opt_find(&tk_vllm_command, name) : NULL;

    return o && o->is_many ? o : NULL;
}

/* The child of that key, made when it is not there; NULL: no memory. */
static struct node *child_of(struct node *parent, struct tk_str key, struct tk_arena *arena)
{
    struct node **at = &parent->child;

    for (; *at; at = &(*at)->next) {
        if (tk_str_eq((*at)->key, key))
            return *at;
    }
    *at = tk_arena_alloc(arena, sizeof(**at));
    if (*at)
        (*at)->key = key;
    return *at;
}

static int add_items(struct node *list, struct tk_str value, struct tk_arena *arena)
{
    struct node **at = &list->child;
    struct tk_str part;

    while (*at)
        at = &(*at)->next;
    list->is_list = true;
    while (tk_str_split(&value, ',', &part)) {
        struct node *item = tk_arena_alloc(arena, sizeof(*item));
        if (!item)
            return -ENOMEM;
        item->json = part;
        *at = item;
        at = &item->next;
    }
    return 0;
}

static int set_leaf(struct node *leaf, struct tk_str value, struct tk_arena *arena)
{
    struct tk_buf text = TK_BUF_INIT(MAX_JSON_BYTES);
    int rc = tk_vllm_redump(value, &text);

    if (rc == TK_E_FORMAT || rc == TK_E_RANGE) {
        struct tk_jsonw w;
        tk_buf_reset(&text);
        tk_jsonw_init(&w, &text, TK_JSONW_PYTHON);
        tk_jsonw_str(&w, value);
        rc = text.failed;
    }
    if (rc == 0) {
        leaf->child = NULL;
        leaf->is_list = false;
        leaf->json = tk_arena_dup_str(arena, tk_buf_str(&text));
        rc = leaf->json.p ? 0 : -ENOMEM;
    }
    tk_buf_release(&text);
    return rc;
}

/* "a.b+" and its value into the tree. */
static int add_path(struct node *root, struct tk_str path, struct tk_str value,
                    struct tk_arena *arena)
{
    struct node *at = root;
    struct tk_str key;
    bool is_list = path.n > 0 && path.p[path.n - 1] == '+';

    if (is_list)
        path.n--;
    while (tk_str_split(&path, '.', &key)) {
        at->json = (struct tk_str){ NULL, 0 };
        at = child_of(at, key, arena);
        if (!at)
            return -ENOMEM;
    }
    return is_list ? add_items(at, value, arena) : set_leaf(at, value, arena);
}

static void write_node(const struct node *n, struct tk_jsonw *w)
{
    if (n->json.p) {
        tk_jsonw_raw(w, n->json);
        return;
    }
    if (n->is_list)
        tk_jsonw_arr(w);
    else
        tk_jsonw_obj(w);
    for (const struct node *c = n->child; c; c = c->next) {
        if (n->is_list) {
            tk_jsonw_str(w, c->json);
            continue;
        }
        tk_jsonw_key_str(w, c->key);
        write_node(c, w);
    }
    if (n->is_list)
        tk_jsonw_arr_end(w);
    else
        tk_jsonw_obj_end(w);
}

/* --- the words --- */

struct joining {
    char **in;
    int n_in;
    char **out;
    int n_out;
    struct tk_arena *arena;
    struct node roots[TK_ARRAY_LEN(json_options)];
    bool has_root[TK_ARRAY_LEN(json_options)];
};

/* Take a dotted option and its value; *i is left at the last word taken. 1: it was one; 0: it was
 * none; negative: an error. */
static int take_dotted(struct joining *j, int *i, struct tk_err *reterr)
{
    char *word = j->in[*i];
    struct tk_str name = option_name(word, ".=");
    int which = name.p && name.p[name.n] == '.' ? find_json(name) : -1;
    if (which < 0)
        return 0;
    struct tk_str path = { name.p + name.n + 1, strcspn(name.p + name.n + 1, "=") };
    const char *value = path.p[path.n] == '=' ? path.p + path.n + 1 : NULL;
    if (!value && *i + 1 >= j->n_in)
        return tk_err_set(reterr, TK_E_FORMAT, "argument %s: expected one argument", word);
    if (!value)
        value = j->in[++*i];
    int rc = add_path(&j->roots[which], path, tk_str_of(value), j->arena);
    j->has_root[which] = true;
    return rc == 0 ? 1 : tk_err_set(reterr, rc, "'%s': %s", word, tk_err_text(rc));
}

static bool comes_again(const struct joining *j, const struct tk_opt *list, int after)
{
    for (int i = after + 1; i < j->n_in; i++) {
        if (list_of(j->in[i]) == list)
            return true;
    }
    return false;
}

/* Skip a list option that is given again further on. */
static bool skip_list(struct joining *j, int *i)
{
    const struct tk_opt *list = list_of(j->in[*i]);

    if (!list || !comes_again(j, list, *i))
        return false;
    while (*i + 1 < j->n_in && strncmp(j->in[*i + 1], "--", 2) != 0)
        ++*i;
    return true;
}

static int put_roots(struct joining *j)
{
    for (size_t i = 0; i < TK_ARRAY_LEN(json_options); i++) {
        struct tk_buf text = TK_BUF_INIT(MAX_JSON_BYTES);
        struct tk_jsonw w;
        if (!j->has_root[i])
            continue;
        tk_buf_addf(&text, "--%s=", json_options[i]);
        tk_jsonw_init(&w, &text, TK_JSONW_PYTHON);
        write_node(&j->roots[i], &w);
        j->out[j->n_out++] = text.failed ? NULL : tk_arena_dup(j->arena, tk_buf_str(&text));
        tk_buf_release(&text);
        if (!j->out[j->n_out - 1])
            return -ENOMEM;
    }
    j->out[j->n_out] = NULL;
    return 0;
}

int tk_vllm_join(int argc, char **argv, struct tk_arena *arena, int *ret_argc, char ***ret_argv,
                 struct tk_err *reterr)
{
    struct joining j = { .in = argv, .n_in = argc, .arena = arena };
    int rc = 0;

    j.out = tk_arena_alloc(arena,
                           (size_t)(argc + (int)TK_ARRAY_LEN(json_options) + 1) * sizeof(*j.out));
    if (!j.out)
        return tk_err_set(reterr, -ENOMEM, "no memory for the command line");
    for (int i = 0; rc >= 0 && i < argc; i++) {
        rc = take_dotted(&j, &i, reterr);
        if (rc == 0 && !skip_list(&j, &i))
            j.out[j.n_out++] = j.in[i];
    }
    if (rc >= 0)
        rc = put_roots(&j);
    if (rc < 0)
        return reterr && reterr->code ? rc
                                      : tk_err_set(reterr, rc, "no memory for the command line");
    *ret_argc = j.n_out;
    *ret_argv = j.out;
    return 0;
}
