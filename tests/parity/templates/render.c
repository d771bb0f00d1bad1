/* render.c - the C half of the parity tests: one JSON request a line in, one reply a line out
 *
 *   {"template": "…", "messages": […], "tools": […], "documents": […], "add_generation_prompt": true,
 *    "continue_final_message": false, "special_tokens": {…}, "kwargs": {…}, "now": 1700000000}
 *   {"rc": 0, "text": "…"}   or   {"rc": -4106, "error": "…"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "token/template.h"

static struct tk_str raw_of(struct tk_json_val *root, const char *key)
{
    struct tk_json_val v;
    struct tk_str s = { NULL, 0 };
    if (tk_json_find(root, key, &v) || tk_json_type(&v) == TK_JSON_NULL || tk_json_get_raw(&v, &s))
        return (struct tk_str){ NULL, 0 };
    return s;
}

static void reply(int rc, struct tk_str text, const char *error)
{
    struct tk_buf b = TK_BUF_INIT(1 << 30);
    struct tk_jsonw w;
    tk_jsonw_init(&w, &b, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w);
    tk_jsonw_key(&w, "rc");
    tk_jsonw_i64(&w, rc);
    tk_jsonw_key(&w, rc ? "error" : "text");
    if (rc)
        tk_jsonw_z(&w, error);
    else
        tk_jsonw_str(&w, text);
    tk_jsonw_obj_end(&w);
    printf("%.*s\n", (int)b.n, b.p);
    fflush(stdout);
    tk_buf_release(&b);
}

static void answer(struct tk_json *j, struct tk_template_scratch *scratch, const char *line,
                   size_t n)
{
    static struct tk_template *t;
    static char *last; /* the template that t is */
    static size_t last_n;
    struct tk_json_val root, v;
    struct tk_str text;
    struct tk_err err = { 0 };
    struct tk_template_opts opts = { 0 };
    int64_t now = 0;
    int rc = tk_json_parse(j, line, n, &root);
    if (rc == 0)
        rc = tk_json_find(&root, "template", &v);
    if (rc == 0)
        rc = tk_json_get_str(&v, &text);
    if (rc) {
        reply(rc, TK_STR(""), "a damaged request");
        return;
    }
    if (!t || !last || last_n != text.n || memcmp(last, text.p, text.n) != 0) {
        t = tk_template_free(t);
        rc = tk_template_new(text, &t, &err);
        if (rc) {
            reply(rc, TK_STR(""), err.msg);
            return;
        }
        free(last);
        last = malloc(text.n + 1);
        if (!last)
            return;
        memcpy(last, text.p, text.n);
        last_n = text.n;
    }
    if (tk_json_find(&root, "add_generation_prompt", &v) == 0)
        (void)tk_json_get_bool(&v, &opts.add_generation_prompt);
    if (tk_json_find(&root, "continue_final_message", &v) == 0)
        (void)tk_json_get_bool(&v, &opts.continues_final);
    if (tk_json_find(&root, "now", &v) == 0 && tk_json_get_i64(&v, &now) == 0)
        opts.now_wall = now * TK_NS_PER_S;
    opts.tools = raw_of(&root, "tools");
    opts.documents = raw_of(&root, "documents");
    opts.special_tokens = raw_of(&root, "special_tokens");
    opts.kwargs = raw_of(&root, "kwargs");
    struct tk_str messages = raw_of(&root, "messages");
    struct tk_buf out = TK_BUF_INIT(1 << 28);
    rc = tk_template_render(t, messages, &opts, scratch, &out, &err);
    reply(rc, tk_buf_str(&out), err.msg);
    tk_buf_release(&out);
}

int main(void)
{
    struct tk_json *j = tk_json_new((size_t)256 << 20);
    struct tk_template_scratch *scratch = tk_template_scratch_new();
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while (j && scratch && (n = getline(&line, &cap, stdin)) > 0) {
        char *padded = realloc(line, (size_t)n + TK_JSON_PADDING);
        if (!padded)
            return 1;
        line = padded;
        cap = (size_t)n + TK_JSON_PADDING;
        answer(j, scratch, line, (size_t)n);
    }
    free(line);
    tk_template_scratch_free(scratch);
    tk_json_free(j);
    return 0;
}
