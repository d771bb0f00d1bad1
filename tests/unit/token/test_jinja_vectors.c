/* test_jinja_vectors.c - the template engine against jinja2's own output
 *
 * tests/data/token/templates/vectors.json, made by make_vectors.py beside it with the real jinja2: each vector
 * is a template of ours with its text, or with the exception that it must raise.
 */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/str.h"
#include "token/template.h"

static char *file_text; /* followed by padding */
static size_t file_n;

static bool read_file(void)
{
    char path[1024];
    const char *dir = getenv("TK_TESTS_DIR");
    snprintf(path, sizeof(path), "%s/data/token/templates/vectors.json", dir ? dir : "tests");
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    file_text = calloc(1, 1 << 20);
    file_n = file_text ? fread(file_text, 1, (1 << 20) - TK_JSON_PADDING, f) : 0;
    fclose(f);
    return file_n > 0;
}

static struct tk_str raw_of(struct tk_json_val *root, const char *key)
{
    struct tk_json_val v;
    struct tk_str s = { NULL, 0 };
    if (tk_json_find(root, key, &v) == 0)
        (void)tk_json_get_raw(&v, &s);
    return s;
}

static bool str_of(struct tk_json_val *root, const char *key, struct tk_str *ret)
{
    struct tk_json_val v;
    return tk_json_find(root, key, &v) == 0 && tk_json_get_str(&v, ret) == 0;
}

static void replay(struct tk_json_val *vector, unsigned number, struct tk_template_opts opts,
                   struct tk_template_scratch *scratch)
{
    struct tk_str text = { NULL, 0 }, want = { NULL, 0 }, group = { NULL, 0 }, raises = { NULL, 0 };
    struct tk_json_val v;
    struct tk_err err = { 0 };
    struct tk_template *t = NULL;
    struct tk_buf out = TK_BUF_INIT(1 << 24);

    T_OK(str_of(vector, "template", &text) && str_of(vector, "group", &group), "vector %u", number);
    bool must_raise = str_of(vector, "raises", &raises);
    bool has_text = str_of(vector, "text", &want);
    if (tk_str_is(group, "chat"))
        opts.kwargs = raw_of(vector, "kwargs");
    opts.tools = raw_of(vector, "tools");
    opts.documents = raw_of(vector, "documents");
    opts.special_tokens = raw_of(vector, "special_tokens");
    if (tk_json_find(vector, "add_generation_prompt", &v) == 0)
        (void)tk_json_get_bool(&v, &opts.add_generation_prompt);

    int rc = tk_template_new(text, &t, &err);
    if (rc == 0)
        rc = tk_template_render(t, raw_of(vector, "messages"), &opts, scratch, &out, &err);
    if (must_raise) {
        T_OK(rc == TK_E_FORMAT || rc == TK_E_LIMIT ||
                 (rc == -EINVAL && tk_str_is(raises, "TemplateError")) || rc == TK_E_UNSUPPORTED,
             "vector %u raises: %d, %.*s", number, rc, TK_STR_ARG(text));
        T_OK(out.n == 0 && err.msg[0] && err.line > 0, "and says where: line %u", err.line);
    } else {
        struct tk_str got = tk_buf_str(&out);
        bool is_equal = has_text && rc == 0 && tk_str_eq(got, want);
        T_OK(is_equal, "vector %u: %.*s", number, TK_STR_ARG(text));
        if (!is_equal)
            fprintf(stderr, "    got  %d '%.*s' %s\n    want '%.*s'\n", rc, TK_STR_ARG(got),
                    err.msg, TK_STR_ARG(want));
    }
    tk_buf_release(&out);
    tk_template_free(t);
}

int main(void)
{
    struct tk_json *j = tk_json_new(1 << 20);
    struct tk_template_scratch *scratch = tk_template_scratch_new();
    struct tk_template_opts opts = { 0 };
    struct tk_json_val root, v, vector;
    struct tk_json_iter it;
    int64_t now = 0;
    unsigned n = 0;

    setenv("TZ", "UTC", 1);
    tzset();
    if (!T_OK(read_file() && j && scratch && tk_json_parse(j, file_text, file_n, &root) == 0,
              "the vectors are read"))
        return T_DONE();
    T_OK(tk_json_find(&root, "now", &v) == 0 && tk_json_get_i64(&v, &now) == 0, "the time");
    opts.now_wall = now * TK_NS_PER_S;
    opts.kwargs = raw_of(&root, "variables");
    T_OK(tk_json_find(&root, "vectors", &v) == 0 && tk_json_arr(&v, &it) == 0, "an array");
    while (tk_json_arr_next(&it, &vector) > 0)
        replay(&vector, n++, opts, scratch);
    T_OK(n > 350, "all of them: %u", n);
    tk_template_scratch_free(scratch);
    tk_json_free(j);
    free(file_text);
    return T_DONE();
}
