/* test_template.c - token/template.h: what callers see; the language itself is in test_jinja_vectors.c */
#include "lib/tap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/str.h"
#include "lib/failmalloc.h"
#include "token/template.h"

static struct tk_template_scratch *scratch;

static int render_with(const char *text, const char *messages, const struct tk_template_opts *opts,
                       struct tk_buf *out, struct tk_err *err)
{
    struct tk_template *t = NULL;
    int rc = tk_template_new(tk_str_of(text), &t, err);
    if (rc == 0)
        rc = tk_template_render(t, tk_str_of(messages), opts, scratch, out, err);
    tk_template_free(t);
    return rc;
}

static void gives(const char *text, const struct tk_template_opts *opts, const char *want)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_err err = { 0 };
    T_EQ_I(render_with(text, "[{\"role\": \"user\", \"content\": \"hi\"}]", opts, &out, &err), 0,
           "renders: %s %s", text, err.msg);
    T_EQ_S(out.p ? out.p : "", want, "as wanted: %s", text);
    tk_buf_release(&out);
}

static void fails(const char *text, const char *messages, const struct tk_template_opts *opts,
                  int want, unsigned line, const char *part)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_err err = { 0 };
    tk_buf_add_z(&out, "before");
    T_EQ_I(render_with(text, messages, opts, &out, &err), want, "fails: %.80s", text);
    T_OK(strstr(err.msg, part) != NULL, "says '%s': %s", part, err.msg);
    T_EQ_I(err.line, line, "line");
    T_EQ_S(out.p, "before", "nothing is added");
    tk_buf_release(&out);
}

/* A message that is to be continued: what transformers makes of the same. */
static void continued(void)
{
    static const struct {
        const char *text, *messages, *want; /* want NULL: refused */
    } cases[] = {
        { "{{ messages[0].content }}<end>", "[{\"content\": \"so  \"}]", "so  " },
        { "{{ messages[0].content|trim }}<end>", "[{\"content\": \" so  \"}]", "so" },
        { "a {{ messages[0].content|trim }}<end>", "[{\"content\": \" \"}]", "a" },
        { "{{ messages[0].content[1].text }}.",
          "[{\"content\": [{\"text\": \"x\"}, {\"text\": \"y\"}, {\"image\": 1}]}]", "y" },
        { "{{ messages[0].content[0] }}", "[{\"content\": [\"the text\"]}]", NULL },
        { "{{ messages[0].content }}", "[{\"content\": [{\"image\": 1}]}]", NULL },
        { "{{ messages[0].content }}", "[{\"content\": [null]}]", NULL },
        { "{{ messages[0].content }}", "[{\"content\": null}]", NULL },
        { "{{ messages[0].content }}", "[{\"role\": \"user\"}]", NULL },
        { "{{ messages[0].content }}", "[]", NULL },
        { "{{ messages[0].content[1:] }}", "[{\"content\": \"so\"}]", NULL },
        { "{{ messages[0].content[:2] }}", "[{\"content\": \"so\"}]", NULL },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++) {
        struct tk_template_opts o = { .continues_final = true };
        struct tk_buf out = TK_BUF_INIT(1 << 20);
        struct tk_err err = { 0 };
        int rc = render_with(cases[i].text, cases[i].messages, &o, &out, &err);
        T_EQ_I(rc, cases[i].want ? 0 : TK_E_FORMAT, "continued %zu: %s", i, err.msg);
        T_EQ_S(out.p ? out.p : "", cases[i].want ? cases[i].want : "", "up to its end");
        tk_buf_release(&out);
    }
    struct tk_template_opts both = { .continues_final = true, .add_generation_prompt = true };
    fails("x", "[{\"content\": \"a\"}]", &both, -EINVAL, 0, "exclude each other");
}

static void variables(void)
{
    struct tk_template_opts o = { .add_generation_prompt = true };
    gives("{{ messages[0].content }}{{ tools }}{{ documents }}{{ add_generation_prompt }}", &o,
          "hiNoneNoneTrue");
    gives("{{ add_generation_prompt }}{{ bos_token is defined }}", NULL, "FalseFalse");
    o.tools = TK_STR("[{\"a\\u0301\\n\": 1.50}]");
    o.documents = TK_STR("[]");
    o.special_tokens = TK_STR("{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
    o.kwargs = TK_STR("{\"eos_token\": \"E\", \"x\": null}");
    gives("{{ tools|tojson }}{{ documents }}{{ bos_token }}{{ eos_token }}{{ x }}", &o,
          "[{\"a\xCC\x81\\n\": 1.5}][]<s>ENone");
}

static void errors(void)
{
    struct tk_template_opts o = { 0 };
    const char *m = "[]";
    fails("a\n{% if %}", m, NULL, TK_E_FORMAT, 2, "expected an expression");
    fails("a\n\n{{ x.y.z }}", m, NULL, TK_E_FORMAT, 3, "'x' is undefined");
    fails("{{ raise_exception('no ' ~ 1) }}", m, NULL, -EINVAL, 1, "no 1");
    fails("{{ messages[0].x.y }}", "[{}]", NULL, TK_E_FORMAT, 1,
          "'dict object' has no attribute 'x'");
    fails("\n{% include 'x' %}", m, NULL, TK_E_UNSUPPORTED, 2, "include");
    fails("{{ 1 }}", "[", NULL, TK_E_FORMAT, 0, "messages");
    fails("{{ 1 }}", "[1] 2", NULL, TK_E_FORMAT, 0, "JSON");
    fails("\xFF", m, NULL, TK_E_FORMAT, 1, "UTF-8");
    o.kwargs = TK_STR("[]");
    fails("{{ 1 }}", m, &o, TK_E_FORMAT, 0, "kwargs: not an object");
    o = (struct tk_template_opts){ .tools = TK_STR("{\"a\"}") };
    fails("{{ 1 }}", m, &o, TK_E_FORMAT, 0, "JSON");
}

/* Each stops by its own bound, and soon. */
static void limits(void)
{
    struct tk_template_opts o = { .max_steps = 100000 };
    const char *m = "[]";
    fails("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", m, &o,
          TK_E_LIMIT, 1, "steps");
    fails("\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", m, NULL, TK_E_LIMIT, 2, "deeper");
    fails("{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", m, NULL, TK_E_LIMIT, 1,
          "deeper");
    fails(
        "{% set n = namespace(a=[]) %}{% for i in range(99999) %}{% set n.a = [n.a] %}{% endfor %}{{ n.a }}",
        m, NULL, TK_E_LIMIT, 1, "deeper");
    fails("{% set n = namespace() %}{% set n.n = n %}{{ n }}", m, NULL, TK_E_LIMIT, 1, "deeper");
    fails("{{ range(100001) }}", m, NULL, TK_E_LIMIT, 1, "range");
    fails("{{ 'a' * 999999999 }}", m, NULL, TK_E_LIMIT, 1, "bytes");
    fails("{{ [1] * 999999999 }}", m, NULL, TK_E_LIMIT, 1, "bytes");
    fails("{{ 'a'.center(9999999999) }}", m, NULL, TK_E_LIMIT, 1, "bytes");
    fails("{{ '%9999999999d' % 1 }}", m, NULL, TK_E_LIMIT, 1, "bytes");
    fails("{{ '{:9999999999}'.format(1) }}", m, NULL, TK_E_LIMIT, 1, "bytes");
    fails("{{ [1]|tojson(indent=9999999999) }}", m, NULL, TK_E_LIMIT, 1, "");
    o = (struct tk_template_opts){ .max_bytes = 1000 };
    fails("{% for a in range(999) %}aa{% endfor %}", m, &o, TK_E_LIMIT, 1, "more than 1000 bytes");
    fails(
        "{% set n = namespace(s='x') %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
        m, &o, TK_E_LIMIT, 1, "more than 1000 bytes");
    o = (struct tk_template_opts){ .max_memory_bytes = 1 << 20 };
    fails(
        "{% set n = namespace(l=[]) %}{% for a in range(9999) %}{% set n.l = n.l + [a] %}{% endfor %}",
        m, &o, TK_E_LIMIT, 1, "of memory");
}

/* A template that is itself too deep is refused when compiled. */
static void compile_limits(void)
{
    struct tk_buf b = TK_BUF_INIT(1 << 20);
    struct tk_template *t = NULL;
    struct tk_err err;
    static const char *const repeated[][3] = {
        { "{{ ", "(", " }}" },     { "{{ ", "[", " }}" },
        { "{{ 1", " + 1", " }}" }, { "{{ x", ".a", " }}" },
        { "", "{% if 1 %}", "" },  { "{{ ", "not ", "1 }}" },
        { "{{ ", "- ", "1 }}" },   { "{{ 1", " if 1 else 1", " }}" },
        { "{{ x", "|d", " }}" },
    };
    for (unsigned i = 0; i < TK_ARRAY_LEN(repeated); i++) {
        tk_buf_reset(&b);
        tk_buf_add_z(&b, repeated[i][0]);
        for (unsigned k = 0; k < 3000; k++)
            tk_buf_add_z(&b, repeated[i][1]);
        tk_buf_add_z(&b, repeated[i][2]);
        T_EQ_I(tk_template_new(tk_buf_str(&b), &t, &err), TK_E_LIMIT, "too deep: %s: %s",
               repeated[i][1], err.msg);
    }
    tk_buf_reset(&b);
    for (unsigned k = 0; k < 5000; k++)
        tk_buf_addf(&b, "{{ a%u }}", k);
    T_EQ_I(tk_template_new(tk_buf_str(&b), &t, &err), TK_E_LIMIT, "too many names: %s", err.msg);
    tk_buf_release(&b);
    char *big = calloc(1, 5 << 20);
    T_EQ_I(tk_template_new((struct tk_str){ big, 5 << 20 }, &t, &err), TK_E_LIMIT, "too long");
    free(big);
}

static void choose(void)
{
    const struct tk_str names[] = { TK_STR("default"), TK_STR("tool_use"), TK_STR("rag") };
    struct tk_err err;
    T_EQ_I(tk_template_choose(names, 3, TK_STR(""), false, &err), 0, "default");
    T_EQ_I(tk_template_choose(names, 3, TK_STR(""), true, &err), 1, "with tools");
    T_EQ_I(tk_template_choose(names, 1, TK_STR(""), true, &err), 0,
           "tools, but no template for them");
    T_EQ_I(tk_template_choose(names, 3, TK_STR("rag"), true, &err), 2, "by name");
    T_EQ_I(tk_template_choose(names, 3, TK_STR("x"), true, &err), TK_E_NOT_FOUND, "no such name");
    T_EQ_I(tk_template_choose(names + 1, 2, TK_STR(""), false, &err), TK_E_NOT_FOUND, "no default");
}

/* Something of everything that allocates. */
static const char rich[] =
    "{% macro m(a, b=[1]) %}{{ a }}{{ kwargs }}{{ caller() if caller is defined }}{% endmacro %}"
    "{% set ns = namespace(l=[]) %}{% for x in range(20) if x is odd %}{% set ns.l = ns.l + [x] %}"
    "{{ loop.length }}{% endfor %}{{ ns.l|sort|map('string')|join(',') }}{{ m(1, z={'k': 'v' * 9}) }}"
    "{% call m('q'|upper) %}x{% endcall %}{% filter trim %} {{ messages|tojson(indent=2) }} "
    "{% endfilter %}{% set t %}{{ '%05d|%s' % (7, 'y') }}{{ '{:>4}'.format(3) }}{% endset %}{{ t }}"
    "{{ 'a b'.split()|batch(1)|list }}{{ {'b': 1, 'a': 2}|dictsort }}{{ '<b>x</b>'|striptags }}"
    "{{ 2.345|round(1) }}{{ '%.2f' % 1.5 }}{{ '{:{}}'.format('a', 5) }}{{ 'a-b'.title() }}"
    "{{ {1: 2}|tojson(sort_keys=true) }}{{ strftime_now('%Y')|length }}{{ 1e30|int }}"
    "{{ {'a b': 1}|urlencode }}";

static void out_of_memory(void)
{
    struct tk_template *t;
    struct tk_err err;
    struct tk_str messages = TK_STR("[{\"role\": \"user\", \"content\": [\"x\", 1.5, null]}]");
    for (int n = 1;; n++) {
        t = NULL;
        tk_failmalloc_at(n);
        int rc = tk_template_new(tk_str_of(rich), &t, &err);
        bool reached = tk_failmalloc_off();
        if (!reached) {
            T_EQ_I(rc, 0, "compiled: %s", err.msg);
            break;
        }
        T_EQ_I(rc, -ENOMEM, "compiling: allocation %d fails", n);
    }
    for (int n = 1; t; n++) {
        struct tk_buf out = TK_BUF_INIT(1 << 20);
        tk_failmalloc_at(n);
        int rc = tk_template_render(t, messages, NULL, scratch, &out, &err);
        bool reached = tk_failmalloc_off();
        if (reached)
            T_EQ_I(rc, -ENOMEM, "rendering: allocation %d fails: %s", n, err.msg);
        tk_buf_release(&out);
        if (!reached) {
            T_EQ_I(rc, 0, "rendered: %s", err.msg);
            break;
        }
    }
    tk_template_free(t);
    for (int n = 1; n <= 2; n++) {
        tk_failmalloc_at(n);
        struct tk_template_scratch *s = tk_template_scratch_new();
        bool reached = tk_failmalloc_off();
        T_OK(!s || !reached, "scratch: allocation %d fails", n);
        tk_template_scratch_free(s);
    }
}

static void *render_often(void *arg)
{
    const struct tk_template *t = arg;
    struct tk_template_scratch *mine = tk_template_scratch_new();
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    uintptr_t sum = 0;
    for (unsigned i = 0; mine && i < 50; i++) {
        tk_buf_reset(&out);
        sum += (uintptr_t)tk_template_render(t, TK_STR("[{\"a\": [1, 2]}]"), NULL, mine, &out,
                                             NULL);
        sum += out.n;
    }
    tk_buf_release(&out);
    tk_template_scratch_free(mine);
    return (void *)sum;
}

static void threads(void)
{
    struct tk_template *t = NULL;
    pthread_t ids[4];
    void *sums[4];
    T_EQ_I(tk_template_new(tk_str_of(rich), &t, NULL), 0, "compiled once");
    for (unsigned i = 0; i < 4; i++)
        T_EQ_I(pthread_create(&ids[i], NULL, render_often, t), 0, "thread %u", i);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(ids[i], &sums[i]);
    for (unsigned i = 1; i < 4; i++)
        T_OK(sums[i] == sums[0], "thread %u has the same", i);
    tk_template_free(t);
}

int main(void)
{
    scratch = tk_template_scratch_new();
    variables();
    continued();
    errors();
    limits();
    compile_limits();
    choose();
    threads();
    out_of_memory();
    tk_template_scratch_free(scratch);
    return T_DONE();
}
