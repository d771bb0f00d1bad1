/* test_vectors.c - small tokenizers of every kind, against what Hugging Face made of the same texts */
#include "vectors.h"

static void replay_case(struct replay *r, struct tk_json_val *one)
{
    struct tk_json_val m;
    struct tk_str name = { 0 };
    struct tk_str json = { 0 };
    struct tk_err err = { 0 };
    struct tk_tokenizer *t = NULL;
    int rc = tk_json_find(one, "name", &m);
    rc = rc < 0 ? rc : tk_json_get_str(&m, &name);
    rc = rc < 0 ? rc : tk_json_find(one, "tokenizer", &m);
    rc = rc < 0 ? rc : tk_json_get_raw(&m, &json);
    rc = rc < 0 ? rc : tk_tokenizer_load_json(json, "vector", NULL, &t, &err);
    if (!T_OK(rc == 0, "%.*s: loads %s", TK_STR_ARG(name), err.msg))
        return;
    r->t = t;
    replay_all(r, one, "encode", replay_encode, name);
    replay_all(r, one, "decode", replay_decode, name);
    tk_tokenizer_free(t);
}

static void replay_file(const char *file)
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
        replay_case(&r, &one);
        rc = 0;
    }
    T_EQ_I(rc, 0, "%s is whole", file);
    replay_release(&r);
    vectors_close(&v);
}

int main(void)
{
    replay_file("bpe");
    replay_file("unigram");
    replay_file("words");
    replay_file("normalizers");
    replay_file("pre_tokenizers");
    replay_file("decoders");
    replay_file("added");
    return T_DONE();
}
