/* mm.c - the sizes of random-mm's pictures, as the command line has them
 *
 *   --random-mm-bucket-config         {(256, 256, 1): 0.5, (720, 1280, 1): 0.5}     Python's literal
 *   --random-mm-limit-mm-per-prompt   {"image": 255, "video": 1}                    JSON
 *
 * The parser of the tool makes both into values before it looks at anything else, so what it cannot
 * read is a usage error; that a bucket's kind has no limit is found with the data set.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/jsondoc.h"
#include "base/num.h"
#include "base/str.h"
#include "dialect/vllm/sets.h"

#define MAX_BUCKETS 256
#define MAX_LIMIT 1000000 /* items of a request; sums stay far from the end of 64 bits */

static const struct tk_data_bucket default_buckets[] = {
    { 256, 256, 1, 0.5 },
    { 720, 1280, 1, 0.5 },
    { 720, 1280, 16, 0.0 },
};

enum kind {
    KIND_IMAGE,
    KIND_VIDEO,
    KIND_N_,
};

static const char *const kinds[] = { [KIND_IMAGE] = "image", [KIND_VIDEO] = "video" };

/* --- Python's literal --- */

static void skip_space(struct tk_str *s)
{
    while (s->n > 0 && strchr(" \t\r\n", s->p[0]))
        *s = (struct tk_str){ s->p + 1, s->n - 1 };
}

/* Whether `c` comes next; it is taken then. */
static bool take(struct tk_str *s, char c)
{
    skip_space(s);
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = (struct tk_str){ s->p + 1, s->n - 1 };
    return true;
}

/* What stands there up to white space or one of the signs of the literal. */
static struct tk_str take_word(struct tk_str *s)
{
    size_t n = 0;

    skip_space(s);
    while (n < s->n && !strchr(" \t\r\n,:(){}'\"", s->p[n]))
        n++;
    struct tk_str word = { s->p, n };
    *s = (struct tk_str){ s->p + n, s->n - n };
    return word;
}

/* "(1, 2, 3)": its numbers, at most three of them. How many; -1: it is no tuple, or not of whole ones. */
static int take_tuple(struct tk_str *s, int64_t ret[3])
{
    int64_t number;
    int n = 0;

    if (!take(s, '('))
        return -1;
    while (!take(s, ')')) {
        if (n > 0 && !take(s, ','))
            return -1;
        if (n > 0 && take(s, ')'))
            return n;
        if (tk_num_parse_i64(take_word(s), INT32_MIN, INT32_MAX, &number) != 0)
            return -1;
        if (n < 3)
            ret[n] = number;
        n++;
    }
    return n;
}

/* A key: a tuple of three, or a text of one. */
static bool take_key(struct tk_str *s, struct tk_data_bucket *b)
{
    int64_t size[3] = { 0 };

    skip_space(s);
    char quote = s->n > 0 ? s->p[0] : '\0';
    bool is_quoted = quote == '\'' || quote == '"';
    if (is_quoted)
        (void)take(s, quote);
    bool is_good = take_tuple(s, size) == 3 && (!is_quoted || take(s, quote));
    *b = (struct tk_data_bucket){ size[0], size[1], size[2], 0 };
    return is_good;
}

/* The same size again has the later share, in its first place. */
static bool put_bucket(struct tk_data_bucket *v, size_t *n, struct tk_data_bucket b)
{
    size_t i = 0;

    while (i < *n && (v[i].height != b.height || v[i].width != b.width || v[i].frames != b.frames))
        i++;
    if (i == MAX_BUCKETS)
        return false;
    v[i] = b;
    *n += i == *n;
    return true;
}

static bool read_buckets(struct tk_str s, struct tk_data_bucket *v, size_t *n)
{
    struct tk_data_bucket b;

    if (!take(&s, '{'))
        return false;
    while (!take(&s, '}')) {
        if (*n > 0 && !take(&s, ','))
            return false;
        if (*n > 0 && take(&s, '}'))
            break;
        if (!take_key(&s, &b) || !take(&s, ':') ||
            tk_num_parse_double(take_word(&s), &b.share) != 0)
            return false;
        if (!put_bucket(v, n, b))
            return false;
    }
    skip_space(&s);
    return s.n == 0;
}

static int parse_buckets(struct tk_vllm *v, struct tk_err *reterr)
{
    const char *text = v->o->mm_buckets;
    size_t n = 0;

    v->mm.buckets = default_buckets;
    v->mm.n_buckets = TK_ARRAY_LEN(default_buckets);
    if (!tk_vllm_given(v, "random-mm-bucket-config"))
        return 0;
    struct tk_data_bucket *buckets = tk_arena_alloc(&v->arena, MAX_BUCKETS * sizeof(*buckets));
    if (!buckets)
        return tk_err_set(reterr, -ENOMEM, "no memory for the bucket config");
    v->exit_status = 2;
    if (!read_buckets(tk_str_of(text), buckets, &n))
        return tk_err_set(reterr, TK_E_FORMAT,
                          "argument --random-mm-bucket-config: invalid _parse_mm_bucket_config "
                          "value: '%.200s'; at most %d sizes, such as {(256, 256, 1): 0.5, (720, "
                          "1280, 1): 0.5}",
                          text, MAX_BUCKETS);
    v->mm.buckets = buckets;
    v->mm.n_buckets = n;
    return 0;
}

/* --- limits --- */

/* The limit of each kind, -1: it has none; and the keys, as Python prints them. */
struct limits {
    int64_t of[KIND_N_];
    struct tk_buf keys;
};

static int read_limits(struct limits *l, struct tk_json_val *root)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int64_t limit;
    int rc = tk_json_obj(root, &it);

    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = tk_json_get_i64(&val, &limit);
        if (rc == 0 && (limit < -MAX_LIMIT || limit > MAX_LIMIT))
            rc = TK_E_RANGE;
        for (size_t k = 0; k < KIND_N_; k++) {
            if (tk_str_eq(key, tk_str_of(kinds[k])))
                l->of[k] = limit;
        }
        tk_buf_addf(&l->keys, "%s'%.*s'", l->keys.n > 0 ? ", " : "", TK_STR_ARG(key));
    }
    return rc;
}

static int parse_limits(struct tk_vllm *v, struct limits *l, struct tk_err *reterr)
{
    struct tk_jsondoc doc;

    if (!tk_vllm_given(v, "random-mm-limit-mm-per-prompt"))
        return 0;
    *l = (struct limits){ { -1, -1 }, l->keys };
    int rc = tk_jsondoc_init(&doc, tk_str_of(v->o->mm_limit));
    if (rc == 0)
        rc = read_limits(l, &doc.root);
    tk_jsondoc_release(&doc);
    if (rc == 0)
        return 0;
    v->exit_status = 2;
    return tk_err_set(reterr, rc,
                      "argument --random-mm-limit-mm-per-prompt: invalid loads value: '%.200s'; it "
                      "takes an object of numbers such as {\"image\": 3, \"video\": 0}",
                      v->o->mm_limit);
}

/* Every bucket must be of a kind that has a limit, also one without a share. */
static int check_kinds(struct tk_vllm *v, const struct limits *l, struct tk_err *reterr)
{
    for (size_t i = 0; i < v->mm.n_buckets; i++) {
        const struct tk_data_bucket *b = &v->mm.buckets[i];
        enum kind kind = b->frames == 1 ? KIND_IMAGE : KIND_VIDEO;
        if (b->frames < 1)
            return tk_err_set(reterr, TK_E_RANGE,
                              "Invalid multimodal item configuration: (%" PRId64 ", %" PRId64
                              ", %" PRId64 ")",
                              b->height, b->width, b->frames);
        if (l->of[kind] == -1)
            return tk_err_set(reterr, TK_E_RANGE,
                              "Modality %s is not in limit_mm_per_prompt: dict_keys([%s])",
                              kinds[kind], l->keys.p ? l->keys.p : "");
    }
    return 0;
}

int tk__vllm_mm(struct tk_vllm *v, struct tk_err *reterr)
{
    struct limits l = { { 255, 1 }, TK_BUF_INIT(4096) };
    int rc = parse_buckets(v, reterr);

    if (rc == 0)
        rc = parse_limits(v, &l, reterr);
    if (rc == 0 && strcmp(v->o->dataset_name, "random-mm") == 0) {
        v->exit_status = 1;
        rc = check_kinds(v, &l, reterr);
    }
    tk_buf_release(&l.keys);
    v->mm.n_base = v->o->mm_base_items;
    v->mm.ratio = v->o->mm_items_range_ratio;
    v->mm.max_images = l.of[KIND_IMAGE];
    return rc;
}
