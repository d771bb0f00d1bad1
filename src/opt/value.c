/* value.c - one value: from its text into the struct, its range, and what is said when it is wrong
 *
 * Every complaint has one form, so that people learn it once:
 *
 *   option '--concurrency' must be a whole number from 1 to 100000, got '0'
 *   |__ subject: option, environment variable      |__ range         |__ not for secrets
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"
#include "opt/inside.h"

/* --- ranges --- */

bool tk__opt_has_range(const struct tk_opt *o)
{
    return o->min != 0 || o->max != 0;
}

/* A bound in the form of the option's type, without the locale's decimal point. */
static int add_bound(const struct tk_opt *o, double bound, struct tk_buf *out)
{
    char text[32];
    if (o->type == TK_OPT_DUR)
        return tk_buf_add_z(out, tk_num_format_dur((tk_ns)llround(bound * 1e9), text));
    if (bound == floor(bound) && fabs(bound) < 1e18)
        return tk_buf_addf(out, "%" PRId64, (int64_t)bound);
    return tk_buf_add(out, text, tk_num_shortest(bound, text));
}

int tk__opt_add_range(const struct tk_opt *o, struct tk_buf *out)
{
    if (isinf(o->max)) {
        tk_buf_add_z(out, "at least ");
        return add_bound(o, o->min, out);
    }
    if (isinf(o->min)) {
        tk_buf_add_z(out, "at most ");
        return add_bound(o, o->max, out);
    }
    tk_buf_add_z(out, "from ");
    add_bound(o, o->min, out);
    tk_buf_add_z(out, " to ");
    return add_bound(o, o->max, out);
}

int tk__opt_add_choices(const char *choices, struct tk_buf *out)
{
    struct tk_str rest = tk_str_of(choices), choice;
    bool is_first = true;
    while (tk_str_split(&rest, ' ', &choice)) {
        if (choice.n == 0)
            continue;
        if (!is_first)
            tk_buf_add_z(out, ", ");
        tk_buf_add_str(out, choice);
        is_first = false;
    }
    return out->failed;
}

/* --- complaints --- */

static void add_expected(const struct tk_opt *o, struct tk_buf *out)
{
    static const char *const kinds[] = {
        [TK_OPT_FLAG] = "true or false",
        [TK_OPT_STR] = "text",
        [TK_OPT_INT] = "a whole number",
        [TK_OPT_DOUBLE] = "a number",
        [TK_OPT_DUR] = "a duration such as 250ms, 30s or 1m30s",
        [TK_OPT_RATE] = "a rate such as 10, 0.5 or 600/m",
        [TK_OPT_CHOICE] = "one of ",
        [TK_OPT_LIST] = "text",
    };
    tk_buf_add_z(out, kinds[o->type]);
    if (o->type == TK_OPT_CHOICE)
        tk__opt_add_choices(o->choices, out);
    else if (tk__opt_has_range(o)) {
        tk_buf_add_z(out, o->type == TK_OPT_DUR || o->type == TK_OPT_RATE ? ", " : " ");
        tk__opt_add_range(o, out);
    }
    if (o->unit)
        tk_buf_addf(out, " (%s)", o->unit);
}

static void add_meant_choice(const struct tk_opt *o, const char *text, struct tk_buf *out)
{
    struct tk_str rest = tk_str_of(o->choices), choice, closest = { NULL, 0 };
    struct tk_str word = tk_str_of(text);
    unsigned least = 0;
    while (tk_str_split(&rest, ' ', &choice)) {
        unsigned d = tk__opt_distance(word, choice);
        if (choice.n > 0 && tk__opt_is_close(word, d) && (!closest.p || d < least)) {
            closest = choice;
            least = d;
        }
    }
    if (closest.p)
        tk_buf_addf(out, "; did you mean '%.*s'?", TK_STR_ARG(closest));
}

static int complain(const struct tk_opt *o, enum tk__opt_source source, const char *text, int code,
                    struct tk_err *reterr)
{
    struct tk_buf b = TK_BUF_INIT(1000);
    if (source == TK__OPT_ENV)
        tk_buf_addf(&b, "environment variable '%s' must be ", o->env);
    else
        tk_buf_addf(&b, "%soption '--%s' must be ",
                    source == TK__OPT_DEFAULT ? "the default of " : "", o->name);
    add_expected(o, &b);
    if (!o->is_secret)
        tk_buf_addf(&b, ", got '%.100s'", text);
    if (!o->is_secret && o->type == TK_OPT_CHOICE)
        add_meant_choice(o, text, &b);
    code = tk_err_set(reterr, code, "%s", b.p ? b.p : "out of memory");
    tk_buf_release(&b);
    return code;
}

/* --- the types; each returns 0, TK_E_FORMAT or TK_E_RANGE --- */

static bool is_in_range(const struct tk_opt *o, double d)
{
    if (isnan(d) || (isinf(d) && !isinf(o->max) && !isinf(o->min)))
        return false;
    return !tk__opt_has_range(o) || (d >= o->min && d <= o->max);
}

static int set_flag(const char *text, bool *ret)
{
    static const char *const yes[] = { "1", "true", "yes", "on" };
    static const char *const no[] = { "0", "false", "no", "off" };
    struct tk_str s = tk_str_of(text);
    for (size_t i = 0; i < TK_ARRAY_LEN(yes); i++) {
        if (tk_str_eq_nocase(s, tk_str_of(yes[i])) || tk_str_eq_nocase(s, tk_str_of(no[i]))) {
            *ret = tk_str_eq_nocase(s, tk_str_of(yes[i]));
            return 0;
        }
    }
    return TK_E_FORMAT;
}

static int set_int(const struct tk_opt *o, struct tk_str s, int64_t *ret)
{
    int64_t i;
    int rc = o->is_plain ? tk_num_parse_i64(s, INT64_MIN, INT64_MAX, &i)
                         : tk_num_parse_count(s, INT64_MIN, INT64_MAX, &i);
    if (rc)
        return rc;
    if (!is_in_range(o, (double)i))
        return TK_E_RANGE;
    *ret = i;
    return 0;
}

static int set_double(const struct tk_opt *o, struct tk_str s, double *ret)
{
    double d;
    int rc = o->type == TK_OPT_RATE ? tk_num_parse_rate(s, &d) : tk_num_parse_double(s, &d);
    if (rc)
        return rc;
    bool is_free = o->type == TK_OPT_RATE && !tk__opt_has_range(o);
    if (!is_free && !is_in_range(o, d))
        return TK_E_RANGE;
    *ret = d;
    return 0;
}

static int set_dur(const struct tk_opt *o, struct tk_str s, tk_ns *ret)
{
    tk_ns dur;
    int rc = tk_num_parse_dur(s, &dur);
    if (rc)
        return rc;
    if (!is_in_range(o, (double)dur / 1e9))
        return TK_E_RANGE;
    *ret = dur;
    return 0;
}

static int set_choice(const struct tk_opt *o, const char *text, const char **ret)
{
    struct tk_str rest = tk_str_of(o->choices), choice;
    while (tk_str_split(&rest, ' ', &choice)) {
        if (choice.n > 0 && tk_str_is(choice, text)) {
            *ret = text;
            return 0;
        }
    }
    return TK_E_FORMAT;
}

/* --- lists --- */

int tk__opt_list_add(struct tk_opt_list *list, const char *word)
{
    const char **v = reallocarray(list->v, list->n + 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    list->v = v;
    list->v[list->n++] = word;
    return 0;
}

/* Array and words are one block, so that the array alone is to be freed. */
int tk__opt_set_words(const struct tk_opt *o, const char *text, void *values, struct tk_err *reterr)
{
    struct tk_opt_list *list = tk__opt_at(o, values);
    size_t text_n = strlen(text), n = 0;
    size_t array_bytes = (text_n / 2 + 1) * sizeof(const char *); /* most words that fit */
    const char **v = malloc(array_bytes + text_n + 1);
    if (!v)
        return tk_err_set(reterr, -ENOMEM, "no memory for the words of option '--%s'", o->name);
    char *p = (char *)v + array_bytes;
    memcpy(p, text, text_n + 1);
    while (*(p += strspn(p, " ")) != '\0') {
        v[n++] = p;
        p += strcspn(p, " ");
        if (*p != '\0')
            *p++ = '\0';
    }
    free(list->v);
    *list = (struct tk_opt_list){ v, n };
    return 0;
}

int tk__opt_set(const struct tk_opt *o, enum tk__opt_source source, const char *text, void *values,
                struct tk_err *reterr)
{
    void *at = tk__opt_at(o, values);
    struct tk_str s = tk_str_of(text);
    int rc = 0;
    switch (o->type) {
    case TK_OPT_FLAG:
        rc = set_flag(text, at);
        break;
    case TK_OPT_STR:
        *(const char **)at = text;
        break;
    case TK_OPT_INT:
        rc = set_int(o, s, at);
        break;
    case TK_OPT_DOUBLE:
    case TK_OPT_RATE:
        rc = set_double(o, s, at);
        break;
    case TK_OPT_DUR:
        rc = set_dur(o, s, at);
        break;
    case TK_OPT_CHOICE:
        rc = set_choice(o, text, at);
        break;
    case TK_OPT_LIST:
        rc = tk__opt_list_add(at, text);
        break;
    }
    if (rc == -ENOMEM)
        return tk_err_set(reterr, rc, "no memory for the values of option '--%s'", o->name);
    return rc ? complain(o, source, text, rc, reterr) : 0;
}
