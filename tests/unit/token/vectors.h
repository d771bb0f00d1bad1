/* vectors.h - reading the files of tests/data/token, for the tests that replay them */
#ifndef TK_TESTS_UNIT_TOKEN_VECTORS_H
#define TK_TESTS_UNIT_TOKEN_VECTORS_H

#include "lib/tap.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "token/tokenizer.h"

/* A file of vectors, parsed. */
struct vectors {
    struct tk_buf text;
    struct tk_json *j;
    struct tk_json_val root;
};

static T_UNUSED int vectors_open(struct vectors *v, const char *name)
{
    char path[4096];
    char chunk[65536];
    size_t n;
    snprintf(path, sizeof(path), "%s/data/token/%s.json", getenv("TK_TESTS_DIR"), name);
    tk_buf_init(&v->text, (size_t)64 << 20);
    FILE *f = fopen(path, "rb");
    if (!f)
        return -1;
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        tk_buf_add(&v->text, chunk, n);
    fclose(f);
    n = v->text.n;
    tk_buf_reserve(&v->text, TK_JSON_PADDING);
    v->j = tk_json_new((size_t)64 << 20);
    return tk_json_parse(v->j, v->text.p, n, &v->root);
}

static T_UNUSED void vectors_close(struct vectors *v)
{
    tk_json_free(v->j);
    tk_buf_release(&v->text);
}

/* A list of ids. */
static T_UNUSED int read_ids(struct tk_json_val *v, struct tk_tok_ids *ids)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int64_t id = 0;
    int rc = tk_json_arr(v, &it);
    ids->n = 0;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        rc = tk_json_get_i64(&item, &id);
        rc = rc < 0 ? rc : tk_tok_ids_add(ids, (uint32_t)id);
    }
    return rc;
}

/* Three values of an array. */
static T_UNUSED int read_three(struct tk_json_val *v, struct tk_json_val *ret)
{
    struct tk_json_iter it;
    int rc = tk_json_arr(v, &it);
    for (int i = 0; rc == 0 && i < 3; i++)
        rc = tk_json_arr_next(&it, &ret[i]) == 1 ? 0 : TK_E_FORMAT;
    return rc;
}

static T_UNUSED void show_ids(const char *label, const struct tk_tok_ids *ids)
{
    fprintf(stderr, "    %s", label);
    for (size_t i = 0; i < ids->n && i < 200; i++)
        fprintf(stderr, " %u", ids->p[i]);
    fputc('\n', stderr);
}

static T_UNUSED bool same_ids(const struct tk_tok_ids *got, const struct tk_tok_ids *want)
{
    bool same = got->n == want->n && (got->n == 0 || memcmp(got->p, want->p, got->n * 4) == 0);
    if (!same) {
        show_ids("got ", got);
        show_ids("want", want);
    }
    return same;
}

/* The working memory of a replay. */
struct replay {
    const struct tk_tokenizer *t;
    struct tk_tok_scratch *s;
    struct tk_tok_ids got, want;
    struct tk_buf text;
    unsigned n_bad;
};

static T_UNUSED void replay_init(struct replay *r)
{
    *r = (struct replay){ .s = tk_tok_scratch_new(), .text = TK_BUF_INIT((size_t)1 << 24) };
}

static T_UNUSED void replay_release(struct replay *r)
{
    tk_tok_scratch_free(r->s);
    tk_tok_ids_release(&r->got);
    tk_tok_ids_release(&r->want);
    tk_buf_release(&r->text);
}

/* [text, flags, ids] */
static T_UNUSED bool replay_encode(struct replay *r, struct tk_json_val *v)
{
    struct tk_json_val part[3];
    struct tk_str text = { 0 };
    int64_t flags = 0;
    if (read_three(v, part) < 0 || tk_json_get_str(&part[0], &text) < 0 ||
        tk_json_get_i64(&part[1], &flags) < 0 || read_ids(&part[2], &r->want) < 0)
        return false;
    r->got.n = 0;
    int rc = tk_tokenizer_encode(r->t, r->s, text, (unsigned)flags, &r->got);
    int64_t n = tk_tokenizer_count(r->t, r->s, text, (unsigned)flags);
    if (rc == 0 && same_ids(&r->got, &r->want) && n == (int64_t)r->want.n)
        return true;
    t_bytes("text", text.p, text.n);
    return false;
}

/* [ids, flags, text] */
static T_UNUSED bool replay_decode(struct replay *r, struct tk_json_val *v)
{
    struct tk_json_val part[3];
    struct tk_str text = { 0 };
    int64_t flags = 0;
    if (read_three(v, part) < 0 || read_ids(&part[0], &r->want) < 0 ||
        tk_json_get_i64(&part[1], &flags) < 0 || tk_json_get_str(&part[2], &text) < 0)
        return false;
    tk_buf_reset(&r->text);
    tk_buf_add(&r->text, "", 0);
    int rc = tk_tokenizer_decode(r->t, r->s, r->want.p, r->want.n, (unsigned)flags, &r->text);
    if (rc == 0 && r->text.n == text.n && (text.n == 0 || memcmp(r->text.p, text.p, text.n) == 0))
        return true;
    show_ids("ids ", &r->want);
    t_bytes("got ", r->text.p, r->text.n);
    t_bytes("want", text.p, text.n);
    return false;
}

/* All of a case's "encode" or "decode": one check. */
static T_UNUSED void replay_all(struct replay *r, struct tk_json_val *one, const char *key,
                                bool (*fn)(struct replay *, struct tk_json_val *),
                                struct tk_str name)
{
    struct tk_json_val list, item;
    struct tk_json_iter it;
    unsigned n = 0;
    unsigned bad = 0;
    int rc = tk_json_find(one, key, &list);
    rc = rc < 0 ? rc : tk_json_arr(&list, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0) {
        n++;
        bad += !fn(r, &item);
        rc = 0;
    }
    T_OK(rc == 0 && bad == 0, "%.*s: %s, %u of %u differ", TK_STR_ARG(name), key, bad, n);
}

/* Each case of a file, by `fn`. */
static T_UNUSED void replay_file(const char *file,
                                 void (*fn)(struct replay *, struct tk_json_val *))
{
    struct vectors v;
    struct replay r;
    struct tk_json_iter it;
    struct tk_json_val one;
    if (!T_OK(vectors_open(&v, file) == 0, "%s is there", file))
        return;
    replay_init(&r);
    int rc = tk_json_arr(&v.root, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &one)) > 0) {
        fn(&r, &one);
        rc = 0;
    }
    T_EQ_I(rc, 0, "%s is whole", file);
    replay_release(&r);
    vectors_close(&v);
}

#endif
