/* random_mm.c - random prompts with pictures of noise, as the `random-mm` of `vllm bench serve`
 *
 *   texts               runs.c
 *   behind each text    how many items; of which bucket each one is; its pixels, byte by byte: all from
 *                       the one generator, so a text that wants ids draws them behind the pixels of the
 *                       request before
 *   an item             JPEG in base64 in a data URL, a content part of a chat
 *
 * Pixels are most of what is drawn, and a picture costs 15 ms to compress. While the texts are made the
 * generator only jumps over the pixels; a copy of it from before is kept for each picture, and all
 * threads draw and compress them afterwards.
 *
 * Videos are refused: the tool's page says that they are not supported yet.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/parts.h"
#include "data/pipe.h"
#include "data/runs.h"
#include "media/jpeg.h"

#define MAX_MEDIA ((size_t)4 << 30) /* bytes of one request's pictures */

struct picture {
    const struct tk_data_bucket *bucket;
    struct tk_pcg pcg; /* as it was before its pixels */
};

struct mm {
    struct tk__runs runs; /* must be first */
    struct tk__adder adder;
    const struct tk_data_mm *conf;
    struct tk_data_bucket
        *buckets; /* owned; those with a share, which stands for the sum up to it */
    size_t n_buckets;
    int64_t n_least, n_most;  /* items of a request */
    struct picture *pictures; /* owned; of all requests */
    size_t n_pictures, cap;
    size_t *first; /* owned; first picture of each request, and their end */
};

struct slot {
    struct tk_buf jpeg, media;
    int rc;
};

/* --- what may come --- */

static int check_bucket(const struct mm *d, const struct tk_data_bucket *b)
{
    if (b->frames > 1)
        return tk_err_set(
            d->runs.reterr, TK_E_UNSUPPORTED,
            "the bucket (%" PRId64 ", %" PRId64 ", %" PRId64
            ") is a video, and videos cannot be made yet: images have 1 as third number",
            b->height, b->width, b->frames);
    if (b->height < 1 || b->width < 1 || b->height > TK_JPEG_MAX_SIDE ||
        b->width > TK_JPEG_MAX_SIDE)
        return tk_err_set(d->runs.reterr, TK_E_RANGE,
                          "an image has from 1 to %d pixels a side, not %" PRId64 " x %" PRId64,
                          TK_JPEG_MAX_SIDE, b->height, b->width);
    return 0;
}

/* The buckets with a share; it becomes the sum of the shares up to it, of 1. */
static int fill_buckets(struct mm *d)
{
    const struct tk_data_mm *conf = d->conf;
    double total = 0, sum = 0;

    for (size_t i = 0; i < conf->n_buckets; i++) {
        if (conf->buckets[i].share < 0)
            return tk_err_set(d->runs.reterr, TK_E_RANGE,
                              "Bucket config values must be non-negative.");
        total += conf->buckets[i].share;
    }
    if (!(total > 0 && isfinite(total)))
        return tk_err_set(d->runs.reterr, TK_E_RANGE,
                          "Got invalid bucket config. Bucket config values must be non-zero.");
    d->buckets = reallocarray(NULL, conf->n_buckets, sizeof(*d->buckets));
    if (!d->buckets)
        return tk_err_set(d->runs.reterr, -ENOMEM, "no memory for the buckets");
    for (size_t i = 0; i < conf->n_buckets; i++) {
        if (conf->buckets[i].share == 0)
            continue;
        sum += conf->buckets[i].share / total;
        d->buckets[d->n_buckets] = conf->buckets[i];
        d->buckets[d->n_buckets++].share = sum;
    }
    for (size_t i = 0; i < d->n_buckets; i++)
        d->buckets[i].share /= sum; /* as NumPy does it */
    return 0;
}

static int check(struct mm *d)
{
    const struct tk_data_mm *conf = d->conf;
    struct tk_err *reterr = d->runs.reterr;

    if (!(conf->ratio >= 0 && conf->ratio <= 1))
        return tk_err_set(reterr, TK_E_RANGE, "num_mm_items_range_ratio must be in [0, 1].");
    int rc = fill_buckets(d);
    for (size_t i = 0; rc == 0 && i < d->n_buckets; i++)
        rc = check_bucket(d, &d->buckets[i]);
    if (rc != 0)
        return rc;
    double most = ceil((double)conf->n_base * (1 + conf->ratio));
    double least = fmax(0, floor((double)conf->n_base * (1 - conf->ratio)));
    d->n_most = (int64_t)fmin((double)conf->max_images, most);
    if (least > (double)d->n_most)
        return tk_err_set(reterr, TK_E_RANGE,
                          "Min num mm items is greater than max mm items: %.0f > %" PRId64, least,
                          d->n_most);
    d->n_least = (int64_t)least;
    return 0;
}

/* --- texts, and what is drawn for the pictures --- */

static const struct tk_data_bucket *draw_bucket(struct mm *d)
{
    double u = tk_pcg_double(&d->runs.pcg);
    size_t i = 0;

    while (i + 1 < d->n_buckets && d->buckets[i].share <= u)
        i++;
    return &d->buckets[i];
}

static int add_picture(struct mm *d)
{
    if (d->n_pictures == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 64;
        struct picture *v = reallocarray(d->pictures, cap, sizeof(*v));
        if (!v)
            return tk_err_set(d->runs.reterr, -ENOMEM, "no memory for %zu images", cap);
        d->pictures = v;
        d->cap = cap;
    }
    const struct tk_data_bucket *b = draw_bucket(d);
    d->pictures[d->n_pictures++] = (struct picture){ .bucket = b, .pcg = d->runs.pcg };
    tk_pcg_skip_bytes(&d->runs.pcg, (size_t)(b->height * b->width * 3));
    return 0;
}

static int on_text(struct tk__runs *r, size_t i, const struct tk__fit *fit)
{
    struct mm *d = TK_CONTAINER_OF(r, struct mm, runs);
    const struct tk_item item = {
        .prompt = tk_buf_str(&fit->text),
        .prompt_tokens = (int64_t)fit->ids.n,
        .output_tokens = r->shapes[i].output,
        .row = (uint32_t)i,
    };
    int rc = tk__adder_add(&d->adder, &item, r->reterr);
    int64_t n = tk_pcg_integers(&r->pcg, d->n_least, d->n_most + 1);

    for (int64_t k = 0; rc == 0 && k < n; k++)
        rc = add_picture(d);
    d->first[i + 1] = d->n_pictures;
    return rc;
}

/* --- pictures --- */

/* Append the picture's content part. */
static int make_picture(const struct picture *p, struct slot *slot)
{
    size_t n = (size_t)(p->bucket->height * p->bucket->width * 3);
    uint8_t *rgb = malloc(n);
    struct tk_pcg pcg = p->pcg;

    if (!rgb)
        return -ENOMEM;
    tk_pcg_bytes(&pcg, rgb, n);
    tk_buf_reset(&slot->jpeg);
    int rc = tk_jpeg_add(&slot->jpeg, rgb, (uint32_t)p->bucket->width, (uint32_t)p->bucket->height);
    free(rgb);
    if (rc == 0)
        rc = tk__add_data_part(&slot->media, "image", "image/jpeg", tk_buf_str(&slot->jpeg));
    return rc;
}

static void make(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    const struct mm *d = owner;
    struct slot *slot = at;

    (void)s;
    if (slot->media.max == 0) {
        tk_buf_init(&slot->jpeg, MAX_MEDIA);
        tk_buf_init(&slot->media, MAX_MEDIA);
    }
    tk_buf_reset(&slot->media);
    slot->rc = 0;
    for (size_t k = d->first[i]; slot->rc == 0 && k < d->first[i + 1]; k++) {
        if (k > d->first[i])
            tk_buf_add_z(&slot->media, ", ");
        slot->rc = make_picture(&d->pictures[k], slot);
    }
}

static int take(void *owner, struct tk_tok_scratch *s, size_t i, void *at)
{
    struct mm *d = owner;
    struct slot *slot = at;

    (void)s;
    if (slot->rc != 0)
        return tk_err_set(d->runs.reterr, slot->rc, "the images of prompt %zu cannot be made: %s",
                          i, tk_err_text(slot->rc));
    const struct tk_data_conf *conf = d->runs.conf;
    if (!conf->each)
        return tk__adder_give_media(&d->adder, i, &slot->media, d->runs.reterr);
    struct tk_item item = d->adder.v[i];
    item.media = tk_buf_str(&slot->media);
    return conf->each(conf->each_owner, &item);
}

static void release(void *at)
{
    struct slot *slot = at;
    tk_buf_release(&slot->jpeg);
    tk_buf_release(&slot->media);
}

static int make_pictures(struct mm *d)
{
    const struct tk__pipe pipe = {
        .n = d->adder.n,
        .n_threads = d->runs.conf->n_threads,
        .is_beside = d->runs.conf->is_beside,
        .slot_bytes = sizeof(struct slot),
        .owner = d,
        .make = make,
        .take = take,
        .release = release,
    };
    int rc = tk__pipe_run(&pipe);
    if (rc == -ENOMEM)
        (void)tk_err_set(d->runs.reterr, rc,
                         "no memory for the images; ask for fewer or smaller ones");
    return rc;
}

static int make_all(struct mm *d)
{
    struct tk__runs *r = &d->runs;
    size_t n = r->conf->n_wanted;
    int rc = n > 0 && n <= UINT32_MAX ? 0
                                      : tk_err_set(r->reterr, TK_E_RANGE, "No requests provided.");

    if (rc == 0)
        rc = tk__runs_draw(r, n, r->conf->input_tokens, r->conf->output_tokens);
    if (rc == 0)
        rc = check(d);
    if (rc == 0)
        rc = tk__runs_allow(r, true);
    if (rc == 0)
        rc = tk__runs_draw_prefix(r);
    if (rc != 0)
        return rc;
    d->first = calloc(n + 1, sizeof(*d->first));
    if (!d->first)
        return tk_err_set(r->reterr, -ENOMEM, "no memory for %zu prompts", n);
    rc = tk__runs_make(r);
    return rc ? rc : make_pictures(d);
}

static int mm_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct mm d = { .conf = conf->mm };

    tk__adder_init(&d.adder, ret);
    int rc = tk__runs_init(&d.runs, conf, reterr);
    d.runs.on_text = on_text;
    if (rc == 0)
        rc = make_all(&d);
    tk__runs_release(&d.runs);
    free(d.buckets);
    free(d.pictures);
    free(d.first);
    return tk__adder_finish(&d.adder, rc, reterr);
}

const struct tk_data_ops tk_data_random_mm = {
    .name = "random-mm",
    .help = "runs of the vocabulary, with pictures of noise",
    .needs_path = false,
    .load = mm_load,
};
