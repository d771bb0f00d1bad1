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

int main(void)
{
    replay_file("bpe", replay_case);
    replay_file("unigram", replay_case);
    replay_file("words", replay_case);
    replay_file("normalizers", replay_case);
    replay_file("pre_tokenizers", replay_case);
    replay_file("decoders", replay_case);
    replay_file("added", replay_case);
    return T_DONE();
}
