/* test_vllm_bodies.c - request bodies of every backend, byte for byte
 *
 * tests/golden/vllm/bodies.jsonl has items made by hand (texts, token ids, batches, images, audio)
 * and what the real programs post for them: tests/parity/vllm/run --write asks them. What they refuse
 * is below, with what is said here.
 */
#include "dialect/vllm/vllm.h"

#include <stdlib.h>

#include "base/jsondoc.h"
#include "base/num.h"
#include "base/str.h"
#include "dialect/vllm/backends.h"
#include "tap.h"

#define MAX_WORDS 80
#define MAX_ITEMS 16
#define MAX_TEXT (1 << 20)

/* A command line on its way through join, parse and check; its words live in `arena`. */
struct line {
    struct tk_arena arena;
    struct tk_vllm_opts o;
    struct tk_opt_result res;
    struct tk_vllm v;
    struct tk_err err;
    char *argv[MAX_WORDS];
    int argc;
    int rc;
};

static void begin(struct line *l)
{
    memset(l, 0, sizeof(*l));
    tk_arena_init(&l->arena, 0);
    l->argv[l->argc++] = tk_arena_dup(&l->arena, TK_STR("serve"));
}

static void add_word(struct line *l, struct tk_str word)
{
    if (l->argc < MAX_WORDS)
        l->argv[l->argc++] = tk_arena_dup(&l->arena, word);
}

/* The words are there: the command line is understood. */
static void check(struct line *l)
{
    char **joined;
    int argc = l->argc;

    l->rc = tk_vllm_join(argc, l->argv, &l->arena, &argc, &joined, &l->err);
    if (l->rc == 0)
        l->rc = tk_opt_parse(&tk_vllm_command, argc - 1, joined + 1, &l->o, &l->res, &l->err);
    if (l->rc == 0)
        l->rc = tk_vllm_check(&l->v, &l->o, l->res.is_given, NULL, &l->err);
}

static void end(struct line *l)
{
    tk_vllm_release(&l->v);
    tk_opt_release(&tk_vllm_command, &l->o, &l->res);
    tk_arena_release(&l->arena);
}

/* --- vectors --- */

struct vector {
    struct line l;
    struct tk_item items[MAX_ITEMS];
    size_t n_items;
};

static struct tk_str copy(struct vector *c, struct tk_str s)
{
    return tk_arena_dup_str(&c->l.arena, s);
}

/* The value of a member as it stands in the file, which is as it is sent; empty: there is none. */
static struct tk_str raw_of(struct vector *c, struct tk_json_val *object, const char *key)
{
    struct tk_json_val v;
    struct tk_str raw = { NULL, 0 };

    if (tk_json_find(object, key, &v) == 0 && tk_json_get_raw(&v, &raw) == 0)
        raw = copy(c, raw);
    return raw;
}

static struct tk_str text_of(struct vector *c, struct tk_json_val *object, const char *key)
{
    struct tk_json_val v;
    struct tk_str s = { NULL, 0 };

    if (tk_json_find(object, key, &v) == 0 && tk_json_get_str(&v, &s) == 0)
        s = copy(c, s);
    return s;
}

/* Media are the items' own, to be freed. */
static struct tk_str own(struct tk_str s)
{
    char *p = s.n > 0 ? malloc(s.n) : NULL;

    if (p)
        memcpy(p, s.p, s.n);
    return (struct tk_str){ p, p ? s.n : 0 };
}

static void read_item(struct vector *c, struct tk_json_val *v)
{
    struct tk_item *item = &c->items[c->n_items++];
    struct tk_str prompt = raw_of(c, v, "prompt"), media = raw_of(c, v, "media");
    struct tk_json_val len;

    *item = (struct tk_item){ .output_tokens = 5, .row = (uint32_t)c->n_items - 1 };
    if (prompt.n > 0 && prompt.p[0] == '[')
        item->prompt_json = prompt;
    else
        item->prompt = text_of(c, v, "prompt");
    if (media.n > 0 && media.p[0] == '[')
        media = (struct tk_str){ media.p + 1, media.n - 2 };
    item->media = own(media);
    item->audio = own(text_of(c, v, "audio"));
    if (tk_json_find(v, "output_len", &len) == 0)
        (void)tk_json_get_i64(&len, &item->output_tokens);
}

static void read_items(struct vector *c, struct tk_json_val *root)
{
    struct tk_json_val list, v;
    struct tk_json_iter it;
    struct tk_str word;

    T_EQ_I(tk_json_find(root, "words", &list), 0, "words");
    (void)tk_json_arr(&list, &it);
    while (tk_json_arr_next(&it, &v) > 0 && tk_json_get_str(&v, &word) == 0)
        add_word(&c->l, word);
    T_EQ_I(tk_json_find(root, "items", &list), 0, "items");
    (void)tk_json_arr(&list, &it);
    while (c->n_items < MAX_ITEMS && tk_json_arr_next(&it, &v) > 0)
        read_item(c, &v);
}

/* Fill the load with the vector's items, as a data set would have. */
static void load(struct vector *c)
{
    struct tk_vllm *v = &c->l.v;

    v->items.v = c->items;
    v->items.n = c->n_items;
    v->has_items = true;
    tk_arena_init(&v->items.arena, 0);
    c->l.rc = c->l.rc == 0 ? tk_vllm_load_items(v, &c->l.err) : c->l.rc;
}

/* The words of a body with the boundary's place in them. */
static void unmark(struct vector *c, struct tk_str body, struct tk_buf *out)
{
    const char *boundary = c->l.v.boundary;
    size_t n = boundary ? strlen(boundary) : 0;

    tk_buf_reset(out);
    for (size_t i = 0; i < body.n;) {
        if (n > 0 && body.n - i >= n && memcmp(body.p + i, boundary, n) == 0) {
            tk_buf_add_z(out, "{boundary}");
            i += n;
        } else {
            tk_buf_add_c(out, body.p[i++]);
        }
    }
}

/* What tokmark would post where the program posted to this path with this id ("x-3", or none). */
static struct tk_str ours(struct vector *c, struct tk_str path, struct tk_str id,
                          struct tk_buf *stop)
{
    struct tk_vllm *v = &c->l.v;
    int64_t number = 0;

    if (tk_str_ends(path, TK_STR("stop_profile"))) {
        T_EQ_I(tk_vllm_stop_body(v, stop, &c->l.err), 0, "stop: %s", c->l.err.msg);
        return tk_buf_str(stop);
    }
    if (id.n == 0)
        return v->bodies[v->check_body].json;
    T_EQ_I(tk_num_parse_i64((struct tk_str){ id.p + 2, id.n - 2 }, 0, MAX_ITEMS, &number), 0, "id");
    return v->bodies[v->order[number]].json;
}

static void compare(struct vector *c, size_t line, struct tk_json_val *sent)
{
    struct tk_buf stop = TK_BUF_INIT(MAX_TEXT), words = TK_BUF_INIT(MAX_TEXT);
    struct tk_str path = text_of(c, sent, "path"), want = text_of(c, sent, "body");
    struct tk_json_val headers;
    struct tk_str id = { NULL, 0 };

    if (tk_json_find(sent, "headers", &headers) == 0)
        id = text_of(c, &headers, "x-request-id");
    unmark(c, ours(c, path, id, &stop), &words);
    T_OK(tk_str_eq(tk_buf_str(&words), want), "line %zu, %.*s %.*s\n# there: %.*s\n# here:  %s",
         line, TK_STR_ARG(path), TK_STR_ARG(id), TK_STR_ARG(want), words.n > 0 ? words.p : "");
    tk_buf_release(&stop);
    tk_buf_release(&words);
}

static void check_vector(size_t line, struct tk_str text)
{
    static struct vector c;
    struct tk_jsondoc d;
    struct tk_json_val list, v;
    struct tk_json_iter it;

    c.n_items = 0;
    begin(&c.l);
    T_EQ_I(tk_jsondoc_init(&d, text), 0, "line %zu", line);
    read_items(&c, &d.root);
    check(&c.l);
    load(&c);
    T_EQ_I(c.l.rc, 0, "line %zu: %s", line, c.l.err.msg);
    if (c.l.rc == 0 && tk_json_find(&d.root, "sent", &list) == 0 && tk_json_arr(&list, &it) == 0) {
        while (tk_json_arr_next(&it, &v) > 0)
            compare(&c, line, &v);
    }
    tk_jsondoc_release(&d);
    end(&c.l);
}

static void test_vectors(void)
{
    const char *dir = getenv("TK_TESTS_DIR");
    char path[4096];
    char *text = NULL;
    size_t cap = 0, line = 0;

    snprintf(path, sizeof(path), "%s/golden/vllm/bodies.jsonl", dir ? dir : "tests");
    FILE *f = fopen(path, "r");
    T_OK(f != NULL, "%s is there", path);
    for (ssize_t n; f && (n = getline(&text, &cap, f)) > 0;)
        check_vector(++line, (struct tk_str){ text, (size_t)n });
    T_OK(line >= 80, "%zu vectors", line);
    free(text);
    if (f)
        fclose(f);
}

/* --- what cannot be sent --- */

#define IMAGE "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:x\"}}"

static void test_refusals(void)
{
    static const struct {
        const char *backend, *endpoint;
        struct tk_item item;
        const char *message;
    } cases[] = {
        { "vllm-rerank", "/rerank", { .prompt = TK_STR_INIT("a") }, "a query and documents" },
        { "vllm-rerank", "/rerank", { .prompt_json = TK_STR_INIT("[\"a, b\"]") }, "row 1" },
        { "openai-audio", "/v1/audio/transcriptions", { .prompt = TK_STR_INIT("a") }, "no audio" },
        { "infinity-embeddings", "/embeddings", { .row = 6 }, "row 7" },
        { "infinity-embeddings", "/embeddings", { .media = TK_STR_INIT(IMAGE ", " IMAGE) }, "one" },
        { "infinity-embeddings", "/embeddings", { .media = TK_STR_INIT("{\"type\": 3}") }, "one" },
        { "openai-embeddings-vlm2vec",
          "/v1/embeddings",
          { .prompt_json = TK_STR_INIT("[\"a\"]"), .media = TK_STR_INIT(IMAGE) },
          "one text" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct tk_vllm_template *t = NULL;
        struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
        struct tk_vllm_send s = { .item = &cases[i].item, .number = 1 };
        struct line l;
        begin(&l);
        add_word(&l, TK_STR("--model=m"));
        add_word(&l, TK_STR("--backend"));
        add_word(&l, tk_str_of(cases[i].backend));
        add_word(&l, TK_STR("--endpoint"));
        add_word(&l, tk_str_of(cases[i].endpoint));
        check(&l);
        T_EQ_I(tk_vllm_template_new(&l.v, TK_VLLM_BODY_REQUEST, &t, &l.err), 0, "template");
        T_EQ_I(tk_vllm_template_write(t, &s, &out, &l.err), TK_E_UNSUPPORTED, "%s",
               cases[i].backend);
        T_OK(strstr(l.err.msg, cases[i].message), "says: %s", l.err.msg);
        tk_vllm_template_free(t);
        tk_buf_release(&out);
        end(&l);
    }
}

/* A file that has the line between the parts in it would be read as another form. */
static void test_boundary(void)
{
    struct tk_vllm_template *t = NULL;
    struct tk_buf out = TK_BUF_INIT(MAX_TEXT);
    struct line l;

    begin(&l);
    add_word(&l, TK_STR("--model=m"));
    add_word(&l, TK_STR("--backend=openai-audio"));
    add_word(&l, TK_STR("--endpoint=/v1/audio/transcriptions"));
    check(&l);
    struct tk_item item = { .audio = tk_str_of(l.v.boundary) };
    struct tk_vllm_send s = { .item = &item, .number = -1 };
    T_EQ_I(tk_vllm_template_new(&l.v, TK_VLLM_BODY_REQUEST, &t, &l.err), 0, "template");
    T_EQ_I(tk_vllm_template_write(t, &s, &out, &l.err), TK_E_UNSUPPORTED, "boundary in the file");
    tk_vllm_template_free(t);
    tk_buf_release(&out);
    end(&l);
}

int main(void)
{
    test_vectors();
    test_refusals();
    test_boundary();
    return T_DONE();
}
