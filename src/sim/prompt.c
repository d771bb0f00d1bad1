/* prompt.c - a prompt goes by: how many tokens, and the hashes of its blocks
 *
 * The simulator's tokens are bytes: `bytes_per_token` of them, over all texts of the prompt as if
 * they were one, the last token what is left. Ids count as one token each. A block is so many
 * tokens; its hash (FNV-1a) goes over all bytes from the prompt's beginning to the block's end, so
 * two blocks of one hash have the same prefix. A last block that is not whole has no hash.
 */
#include <errno.h>
#include <stdlib.h>

#include "sim/internal.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

void tk__prompt_init(struct tk__prompt *p, int64_t bytes_per_token)
{
    *p = (struct tk__prompt){ .bytes_per_token = bytes_per_token, .hash = FNV_BASIS };
}

static void add_hash(struct tk__prompt *p)
{
    struct tk__hashes *h = p->hashes;

    if (h->n == h->cap) {
        size_t cap = h->cap ? h->cap * 2 : 64;
        uint64_t *v = realloc(h->v, cap * sizeof(*v));

        if (!v) {
            p->failed = -ENOMEM;
            return;
        }
        h->v = v;
        h->cap = cap;
    }
    h->v[h->n++] = p->hash;
}

static void end_token(struct tk__prompt *p)
{
    if (++p->n_block < p->block_tokens)
        return;
    p->n_block = 0;
    add_hash(p);
}

void tk__prompt_text(struct tk__prompt *p, struct tk_str text)
{
    p->n_bytes += (int64_t)text.n;
    if (p->text)
        tk_buf_add_str(p->text, text);
    for (size_t i = 0; p->hashes && i < text.n; i++) {
        p->hash = (p->hash ^ (unsigned char)text.p[i]) * FNV_PRIME;
        if (++p->n_rest == p->bytes_per_token) {
            p->n_rest = 0;
            end_token(p);
        }
    }
}

void tk__prompt_id(struct tk__prompt *p, int64_t id)
{
    p->n_ids++;
    if (!p->hashes)
        return;
    for (unsigned i = 0; i < 64; i += 8)
        p->hash = (p->hash ^ ((uint64_t)id >> i & 255)) * FNV_PRIME;
    end_token(p);
}

int64_t tk__prompt_tokens(const struct tk__prompt *p)
{
    return p->n_ids + (p->n_bytes + p->bytes_per_token - 1) / p->bytes_per_token;
}
