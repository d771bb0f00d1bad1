/* faults.c - which requests get a fault at random, and what a client should find
 *
 *   status=503:5%,reset_at=3+head_gap=1ms:2%
 *   '--knobs-' '-share'
 *
 * Each request for tokens draws a number from [0, 1); the shares lie one behind the other from 0 on,
 * and where the number falls decides. Numbers are drawn so that the mix is known: of each hundred
 * requests each hundredth of [0, 1) gets exactly one, in an order shuffled by the seed. So shares in
 * whole per cent are exact in every hundred, counted from the first request.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "sim/internal.h"

#define MAX_FAULTS 64
#define WINDOW 100

struct fault {
    char *knobs;  /* "reset_at=3,head_gap=1ms"; owned */
    double below; /* it is this one for numbers below, and not below the one before */
};

struct tk__faults {
    struct fault v[MAX_FAULTS];
    size_t n;
    uint64_t seed;
};

static int add_fault(struct tk__faults *f, struct tk_str part, struct tk_err *reterr)
{
    struct tk_sim_knobs knobs = TK_SIM_KNOBS_DEFAULT;
    struct tk_str share = part, words;
    double p, before = f->n > 0 ? f->v[f->n - 1].below : 0;
    char *copy;
    int rc;

    tk_str_split(&share, ':', &words);
    if (!share.p || tk_num_parse_share(tk_str_trim(share), &p) < 0)
        return tk_err_set(reterr, TK_E_FORMAT, "'%.*s' has no share, as in 'status=503:5%%'",
                          TK_STR_ARG(part));
    if (f->n == MAX_FAULTS || before + p > 1 + 1e-9)
        return tk_err_set(reterr, TK_E_RANGE, "the shares of the faults are more than 100 %%");
    copy = tk_str_dup(tk_str_trim(words));
    if (!copy)
        return tk_err_set(reterr, -ENOMEM, "no memory for the faults");
    for (char *c = copy; *c; c++)
        *c = *c == '+' ? ',' : *c;
    f->v[f->n++] = (struct fault){ .knobs = copy, .below = before + p };
    rc = tk__knobs_parse(&knobs, tk_str_of(copy), reterr);
    return rc;
}

int tk__faults_new(const char *spec, uint64_t seed, struct tk__faults **ret, struct tk_err *reterr)
{
    struct tk__faults *f = calloc(1, sizeof(*f));
    struct tk_str rest = tk_str_of(spec), part;
    int rc = 0;

    if (!f)
        return tk_err_set(reterr, -ENOMEM, "no memory for the faults");
    f->seed = seed;
    while (rc == 0 && tk_str_split(&rest, ',', &part)) {
        if (tk_str_trim(part).n > 0)
            rc = add_fault(f, tk_str_trim(part), reterr);
    }
    if (rc < 0) {
        tk__faults_free(f);
        return rc;
    }
    *ret = f;
    return 0;
}

struct tk__faults *tk__faults_free(struct tk__faults *f)
{
    if (!f)
        return NULL;
    for (size_t i = 0; i < f->n; i++)
        free(f->v[i].knobs);
    free(f);
    return NULL;
}

/* The number of the n-th request. */
static double draw(uint64_t seed, uint64_t n)
{
    uint64_t rng = seed ^ (n / WINDOW + 1) * UINT64_C(0xa0761d6478bd642f);
    unsigned char order[WINDOW];

    tk_splitmix_order(&rng, order, WINDOW);
    rng ^= n;
    return (order[n % WINDOW] + tk__rng_double(&rng)) / WINDOW;
}

void tk__faults_apply(const struct tk__faults *f, uint64_t n, struct tk_sim_knobs *k)
{
    double number = draw(f->seed, n);

    for (size_t i = 0; i < f->n; i++) {
        if (number < f->v[i].below) {
            (void)tk__knobs_parse(k, tk_str_of(f->v[i].knobs), NULL); /* it was tried before */
            return;
        }
    }
}

/* --- what a client should find --- */

static const char *expect_of_client_gone(const struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;

    if (st->n_head > 0) /* of a slow head is left */
        return "timeout-first";
    if (k->is_endless)
        return "timeout-total";
    if (k->stall_at < 0 && k->stall_byte < 0)
        return "cancelled";
    /* Of a whole reply no token is known before it is whole. */
    return st->call.is_streamed && st->sent.n > 0 ? "timeout-idle" : "timeout-first";
}

const char *tk__faults_expect(const struct tk__stream *st)
{
    const struct tk_sim_knobs *k = &st->call.knobs;
    bool has_body = st->status == 200 && st->call.n_choices > 0;

    if (st->end != TK__END_RESET && has_body && (st->is_spoiled || k->is_gzip_garbage))
        return "protocol";
    if (st->end != TK__END_RESET && has_body && k->length == TK_SIM_LENGTH_SHORT)
        return st->call.is_streamed ? "truncated" : "protocol"; /* within an event; no JSON */
    if (st->has_error)
        return "api-error";
    switch (st->end) {
    case TK__END_FINISHED:
        if (st->status < 200 || st->status > 299)
            return "http-status";
        return has_body && k->length == TK_SIM_LENGTH_LONG ? "truncated" : "ok";
    case TK__END_ERROR:
        return "api-error";
    case TK__END_CLOSED:
        return st->head_at > 0 && (!st->is_raw || st->n_wire > 0) ? "truncated" : "reset";
    case TK__END_ABANDONED:
        return st->head_at > 0 ? "truncated" : "reset";
    case TK__END_RESET:
        return "reset";
    case TK__END_MALFORMED:
        return "protocol";
    case TK__END_BROKEN:
    case TK__END_N_:
        break;
    }
    return expect_of_client_gone(st);
}
