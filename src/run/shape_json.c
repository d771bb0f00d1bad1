/* shape_json.c - a shape in the plan's JSON, both ways: a later report needs the stages */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "base/str.h"
#include "run/shape.h"

#define MAX_STAGES (TK_SHAPE_MAX_STAGES + 1) /* and one in which the last level is held */

/* Of all of them: what is before a spike, the spike and what is after it are bounded one by one. */
#define MAX_DURATION (3 * TK_SHAPE_MAX_DURATION)

static void put_stage(struct tk_jsonw *w, const struct tk_stage *s)
{
    tk_jsonw_obj(w);
    tk_jsonw_put_double(w, "from", s->from);
    tk_jsonw_put_double(w, "to", s->to);
    tk_jsonw_put_double(w, "duration_s", s->duration > 0 ? (double)s->duration / 1e9 : (double)NAN);
    tk_jsonw_put_z(w, "curve", tk_curve_word(s->curve));
    tk_jsonw_put_i64(w, "due", (int64_t)s->n_due);
    tk_jsonw_obj_end(w);
}

void tk_shape_put_json(const struct tk_shape *s, struct tk_jsonw *w)
{
    if (s->of == TK_SHAPE_NONE) {
        tk_jsonw_null(w);
        return;
    }
    tk_jsonw_obj(w);
    tk_jsonw_put_z(w, "of", tk_shape_of_word(s->of));
    tk_jsonw_put_z(w, "kind", tk_shape_kind_word(s->kind));
    tk_jsonw_key(w, "stages");
    tk_jsonw_arr(w);
    for (size_t i = 0; i < s->n; i++)
        put_stage(w, &s->stages[i]);
    tk_jsonw_arr_end(w);
    tk_jsonw_obj_end(w);
}

/* --- reading --- */

/* Index of the word among n; TK_E_FORMAT when it is none of them. */
static int find_word(struct tk_json_val *v, const char *(*word)(int i), int n, int *ret)
{
    struct tk_str s;

    if (tk_json_get_str(v, &s) != 0)
        return TK_E_FORMAT;
    for (*ret = 0; *ret < n; (*ret)++) {
        if (tk_str_is(s, word(*ret)))
            return 0;
    }
    return TK_E_FORMAT;
}

static const char *of_word(int i)
{
    return tk_shape_of_word((enum tk_shape_of)i);
}

static const char *kind_word(int i)
{
    return tk_shape_kind_word((enum tk_shape_kind)i);
}

static const char *curve_word(int i)
{
    return tk_curve_word((enum tk_curve)i);
}

static int get_curve(struct tk_json_val *v, struct tk_stage *s)
{
    int i = 0;
    int rc = find_word(v, curve_word, TK_CURVE_N_, &i);

    if (rc == 0)
        s->curve = (enum tk_curve)i;
    return rc;
}

static int get_due(struct tk_json_val *v, struct tk_stage *s)
{
    int64_t n = 0;
    int rc = tk_json_get_i64(v, &n);

    s->n_due = (uint64_t)TK_MAX(n, 0);
    return rc;
}

static int get_duration(struct tk_json_val *v, struct tk_stage *s)
{
    double d = 0;
    int rc = tk_json_type(v) == TK_JSON_NULL ? 0 : tk_json_get_double(v, &d);

    if (rc == 0 && !(d >= 0 && d <= (double)MAX_DURATION / 1e9))
        rc = TK_E_RANGE;
    if (rc == 0)
        s->duration = (tk_ns)llround(d * 1e9);
    return rc;
}

static int get_member(struct tk_str key, struct tk_json_val *v, struct tk_stage *s)
{
    if (tk_str_is(key, "from"))
        return tk_json_get_double(v, &s->from);
    if (tk_str_is(key, "to"))
        return tk_json_get_double(v, &s->to);
    if (tk_str_is(key, "duration_s"))
        return get_duration(v, s);
    if (tk_str_is(key, "curve"))
        return get_curve(v, s);
    return tk_str_is(key, "due") ? get_due(v, s) : 0;
}

static int get_stage(struct tk_json_val *v, struct tk_stage *ret)
{
    struct tk_json_iter it;
    struct tk_json_val member;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);

    *ret = (struct tk_stage){ 0 };
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &member)) > 0)
        rc = get_member(key, &member, ret);
    return rc;
}

static int get_stages(struct tk_json_val *v, struct tk_arena *arena, struct tk_shape *s)
{
    struct tk_json_iter it;
    struct tk_json_val stage;
    tk_ns sum = 0;
    int rc = tk_json_arr(v, &it);

    s->stages = tk_arena_alloc(arena, MAX_STAGES * sizeof(*s->stages));
    if (!s->stages)
        return -ENOMEM;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &stage)) > 0) {
        if (s->n == MAX_STAGES)
            return TK_E_LIMIT;
        rc = get_stage(&stage, &s->stages[s->n]);
        sum += s->stages[s->n++].duration;
        if (rc == 0 && sum > MAX_DURATION)
            rc = TK_E_RANGE;
    }
    return rc;
}

static int get_part(struct tk_str key, struct tk_json_val *v, struct tk_arena *arena,
                    struct tk_shape *s)
{
    int i = 0;
    int rc = 0;

    if (tk_str_is(key, "of")) {
        rc = find_word(v, of_word, TK_SHAPE_OF_N_, &i);
        s->of = (enum tk_shape_of)i;
    } else if (tk_str_is(key, "kind")) {
        rc = find_word(v, kind_word, TK_SHAPE_KIND_N_, &i);
        s->kind = (enum tk_shape_kind)i;
    } else if (tk_str_is(key, "stages")) {
        rc = get_stages(v, arena, s);
    }
    return rc;
}

int tk_shape_get_json(struct tk_json_val *v, struct tk_arena *arena, struct tk_shape *ret)
{
    struct tk_json_iter it;
    struct tk_json_val part;
    struct tk_str key;

    *ret = (struct tk_shape){ 0 };
    if (tk_json_type(v) == TK_JSON_NULL)
        return 0;
    int rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &part)) > 0)
        rc = get_part(key, &part, arena, ret);
    if (rc == 0 && (ret->of == TK_SHAPE_NONE || ret->n == 0))
        rc = TK_E_FORMAT;
    if (rc != 0)
        *ret = (struct tk_shape){ 0 };
    return rc;
}
