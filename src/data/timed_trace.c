/* timed_trace.c - requests of a trace with their instants, as the newer `vllm bench serve` replays them
 *
 *   {"timestamp": 27.5, "input_length": 40, "output_length": 9, "hash_ids": [46, 47, 48]}
 *
 * A prompt is token ids, not text: each hash stands for `chunk` of them, the last one for what is left, so
 * that requests with the same hashes share a prefix. Where a row has too few hashes the prompt is shorter
 * than it says, as there; how many are is told.
 *
 * The ids of a hash are drawn by random.Random(hash("46:16") & 0xffffffff), and Python salts its hashes:
 * there they are other ones in each process. Here the salt is none, which is what the tool does under
 * PYTHONHASHSEED=0.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "data/inside.h"
#include "data/runs.h"

#define MAX_KEY 1100 /* bytes of "hash:size"; a hash has at most 1,024 */
#define MAX_PROMPT ((size_t)1 << 30)

struct timed_trace {
    const struct tk_data_conf *conf;
    const struct tk_data_trace *trace;
    struct tk__adder adder;
    uint32_t *ids; /* owned; n_ids without a role, ascending */
    size_t n_ids;
    struct tk_buf prompt; /* ids as a JSON list, not ended */
    int64_t n_short;      /* prompts that are shorter than their rows say */
};

/* --- Python's hash of a text --- */

static void sip_round(uint64_t v[4])
{
#define TURN(x, n) ((x) << (n) | (x) >> (64 - (n)))
    v[0] += v[1];
    v[2] += v[3];
    v[1] = TURN(v[1], 13) ^ v[0];
    v[3] = TURN(v[3], 16) ^ v[2];
    v[0] = TURN(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = TURN(v[1], 17) ^ v[2];
    v[3] = TURN(v[3], 21) ^ v[0];
    v[2] = TURN(v[2], 32);
#undef TURN
}

static uint64_t word_of(const char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return word;
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3 (Aumasson, Bernstein 2012) with a key of zeros: hash() of ASCII text in CPython 3.11. */
static uint64_t hash_of(struct tk_str s)
{
    uint64_t v[4] = { UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
                      UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573) };
    size_t at = 0;

    for (; at + 8 <= s.n; at += 8)
        sip_word(v, word_of(s.p + at, 8));
    sip_word(v, (uint64_t)s.n << 56 | word_of(s.p + at, s.n - at));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return hash == UINT64_MAX ? hash - 1 : hash; /* -1 means an error there */
}

/* --- prompts --- */

/* transformers' vocabulary without its all_special_ids. */
static int list_ids(struct timed_trace *d, struct tk_err *reterr)
{
    const struct tk_tokenizer *t = d->conf->tokenizer;
    uint32_t end = tk_tokenizer_id_end(t);
    bool goes_by_role = tk__has_roles(t);
    struct tk_buf piece = TK_BUF_INIT(1 << 20);
    int rc = 0;

    d->ids = reallocarray(NULL, (size_t)end + 1, sizeof(*d->ids));
    if (!d->ids)
        return tk_err_set(reterr, -ENOMEM, "no memory for the vocabulary");
    for (uint32_t id = 0; rc != -ENOMEM && id < end; id++) {
        tk_buf_reset(&piece);
        rc = tk_tokenizer_piece(t, id, &piece);
        if (rc == 0 &&
            !(goes_by_role ? tk_tokenizer_has_role(t, id) : tk_tokenizer_is_special(t, id)))
            d->ids[d->n_ids++] = id;
    }
    tk_buf_release(&piece);
    if (rc == -ENOMEM)
        return tk_err_set(reterr, rc, "no memory for the vocabulary");
    return d->n_ids > 0 ? 0
                        : tk_err_set(reterr, TK_E_UNSUPPORTED,
                                     "the tokenizer has no token that is not special");
}

/* Append the ids of a hash. */
static void add_chunk(struct timed_trace *d, struct tk_str hash, int64_t n)
{
    char key[MAX_KEY];
    struct tk_mt mt;
    int len = snprintf(key, sizeof(key), "%.*s:%" PRId64, TK_STR_ARG(hash), n);

    tk_mt_seed_python(&mt, hash_of((struct tk_str){ key, (size_t)len }) & UINT32_MAX);
    for (int64_t i = 0; i < n; i++) {
        size_t at = (size_t)(tk_mt_double(&mt) * (double)d->n_ids);
        tk_buf_addf(&d->prompt, "%s%" PRIu32, d->prompt.n > 1 ? ", " : "", d->ids[at]);
    }
}

/* A hash as Python writes it: a whole number, or a text. */
static bool read_hash(struct tk_json_val *v, struct tk_str *ret)
{
    if (tk_json_type(v) == TK_JSON_STRING) {
        if (tk_json_get_str(v, ret) != 0)
            return false;
    } else if (tk_json_type(v) != TK_JSON_NUMBER || tk_json_get_raw(v, ret) != 0) {
        return false;
    }
    bool is_number = tk_json_type(v) == TK_JSON_NUMBER;
    for (size_t i = 0; i < ret->n; i++) {
        char c = ret->p[i];
        if ((unsigned char)c >= 128 || (is_number && c != '-' && (c < '0' || c > '9')))
            return false;
    }
    return ret->n <= 1024;
}

/* The ids of a row's hashes into d->prompt: how many, or a code with words. */
static int64_t expand(struct timed_trace *d, const struct tk__row *row, struct tk_json_val *root,
                      int64_t n_wanted, struct tk_err *reterr)
{
    struct tk_json_val list, val;
    struct tk_json_iter it;
    struct tk_str hash;
    int64_t left = n_wanted;
    int rc = tk_json_find(root, d->trace->hash_ids, &list);

    tk_buf_reset(&d->prompt);
    tk_buf_add_c(&d->prompt, '[');
    if (rc == 0)
        rc = tk_json_arr(&list, &it);
    while (rc == 0 && left > 0 && (rc = tk_json_arr_next(&it, &val)) > 0) {
        int64_t n = TK_MIN(left, d->trace->chunk);
        rc = read_hash(&val, &hash) ? d->prompt.failed : TK_E_FORMAT;
        if (rc == 0)
            add_chunk(d, hash, n);
        left -= n;
    }
    tk_buf_add_c(&d->prompt, ']');
    if (rc != 0 && rc != TK_E_NOT_FOUND)
        return tk__row_fail(row, rc, reterr,
                            "'%s' must be a list of whole numbers, or of texts in ASCII",
                            d->trace->hash_ids);
    if (d->prompt.failed)
        return tk__row_fail(row, d->prompt.failed, reterr,
                            "no memory for a prompt of %" PRId64 " tokens", n_wanted);
    return n_wanted - left;
}

/* --- rows --- */

static int fail_missing(const struct tk__row *row, struct tk_json_val *root, const char *what,
                        const char *option, const char *label, struct tk_err *reterr)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    char keys[100] = "";
    size_t n = 0;

    if (tk_json_obj(root, &it) == 0) {
        while (tk_json_obj_next(&it, &key, &val) > 0 && n + key.n + 5 < sizeof(keys))
            n += (size_t)snprintf(keys + n, sizeof(keys) - n, "%s'%.*s'", n > 0 ? ", " : "",
                                  TK_STR_ARG(key));
    }
    return tk__row_fail(row, TK_E_FORMAT, reterr,
                        "%s field '%s' not found in trace entry. Available fields: [%s]; "
                        "--timed-trace-label-%s names it",
                        what, label, keys, option);
}

static bool has_field(struct tk_json_val *root, const char *label, struct tk_json_val *ret)
{
    return tk_json_type(root) == TK_JSON_OBJECT && tk_json_find(root, label, ret) == 0 &&
           tk_json_type(ret) != TK_JSON_NULL;
}

static int read_length(const struct tk__row *row, struct tk_json_val *root, const char *what,
                       const char *option, const char *label, int64_t *ret, struct tk_err *reterr)
{
    struct tk_json_val val;

    if (!has_field(root, label, &val))
        return fail_missing(row, root, what, option, label, reterr);
    if (tk_json_get_i64(&val, ret) != 0 || *ret < 0 || *ret > TK_DATA_MAX_WORDS)
        return tk__row_fail(row, TK_E_RANGE, reterr, "'%s' must be a whole number from 0 to %d",
                            label, TK_DATA_MAX_WORDS);
    return 0;
}

/* A number, or one in a text, as Python's float() takes it. */
static int read_instant(const struct timed_trace *d, const struct tk__row *row,
                        struct tk_json_val *root, tk_ns *ret, struct tk_err *reterr)
{
    const char *label = d->trace->timestamp;
    struct tk_json_val val;
    struct tk_str text;
    double at;

    if (!has_field(root, label, &val))
        return fail_missing(row, root, "Timestamp", "timestamp", label, reterr);
    int rc = tk_json_get_double(&val, &at);
    if (rc != 0 && tk_json_get_str(&val, &text) == 0)
        rc = tk_num_parse_double(tk_str_trim(text), &at);
    if (rc != 0 || !(fabs(at * d->trace->multiplier) < 9e9))
        return tk__row_fail(row, TK_E_RANGE, reterr,
                            "'%s' must be a number whose instant is within 9e9 seconds", label);
    *ret = (tk_ns)llround(at * d->trace->multiplier * 1e9);
    return 0;
}

static int trace_check(void *owner, const struct tk__row *row, struct tk_json_val *root,
                       struct tk_err *reterr)
{
    (void)owner;
    (void)row;
    (void)root;
    (void)reterr;
    return 1;
}

static int trace_take(void *owner, const struct tk__row *row, struct tk_json_val *root,
                      struct tk_err *reterr)
{
    struct timed_trace *d = owner;
    struct tk_item item = { .row = row->index };
    int64_t n = 0;
    int rc = read_length(row, root, "Input length", "input-length", d->trace->input_length, &n,
                         reterr);

    if (rc == 0)
        rc = read_length(row, root, "Output length", "output-length", d->trace->output_length,
                         &item.output_tokens, reterr);
    if (rc != 0)
        return rc;
    item.prompt_tokens = expand(d, row, root, n, reterr);
    if (item.prompt_tokens < 0)
        return (int)item.prompt_tokens;
    item.prompt_json = tk_buf_str(&d->prompt);
    d->n_short += item.prompt_tokens < n;
    rc = read_instant(d, row, root, &item.due, reterr);
    if (rc == 0)
        rc = tk__adder_add(&d->adder, &item, reterr);
    return rc ? rc : 1;
}

static int load_all(struct timed_trace *d, struct tk_err *reterr)
{
    static const struct tk__rows_ops ops = { .check = trace_check, .take = trace_take };

    if (d->trace->chunk < 1)
        return tk_err_set(reterr, TK_E_RANGE, "a hash stands for 1 token at least, not %" PRId64,
                          d->trace->chunk);
    if (d->conf->n_wanted == 0)
        return tk_err_set(reterr, TK_E_RANGE, "No requests provided.");
    int rc = list_ids(d, reterr);
    if (rc == 0)
        rc = tk__rows_load(d->conf, &ops, d, reterr);
    if (rc == 0 && d->adder.n == 0)
        rc = tk_err_set(reterr, TK_E_NOT_FOUND, "'%s' has no rows", d->conf->path);
    return rc;
}

static int trace_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct timed_trace d = { .conf = conf,
                             .trace = conf->trace,
                             .prompt = TK_BUF_INIT(MAX_PROMPT) };

    tk__adder_init(&d.adder, ret);
    if (conf->numpy)
        tk_mt_seed_numpy(conf->numpy, 0); /* as there, whatever the seed */
    int rc = load_all(&d, reterr);
    if (rc == 0 && conf->ret_n_short)
        *conf->ret_n_short = d.n_short;
    tk_buf_release(&d.prompt);
    free(d.ids);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_timed_trace = {
    .name = "timed_trace",
    .help = "a trace of lengths, hashes and instants, one request a line",
    .needs_path = true,
    .load = trace_load,
};
