/* added.c - tokens beside the model's own, looked for in the text before anything else
 *
 * Two sets: tokens with "normalized" are looked for in normalized text, by their normalized spelling,
 * the others in the text as it came. The leftmost longest one counts. A trie is walked from each byte
 * that some token begins with; the bytes in between are skipped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "token/internal.h"
#include "token/trie.h"

struct tk__matcher {
    struct tk__trie trie; /* values are indices of added tokens */
    int only;             /* the one first byte of all tokens, or -1 */
};

struct tk__matcher *tk__matcher_free(struct tk__matcher *m)
{
    if (m)
        tk__trie_release(&m->trie);
    free(m);
    return NULL;
}

/* The next byte from `at` on that a token begins with; text.n when there is none. */
static size_t candidate(const struct tk__matcher *m, struct tk_str text, size_t at)
{
    if (m->only >= 0) {
        const char *found = at < text.n ? memchr(text.p + at, m->only, text.n - at) : NULL;
        return found ? (size_t)(found - text.p) : text.n;
    }
    while (at < text.n && m->trie.root[(unsigned char)text.p[at]] == TK__TRIE_NONE)
        at++;
    return at;
}

bool tk__matcher_find(const struct tk__matcher *m, struct tk_str text, size_t from,
                      uint32_t *ret_index, size_t *ret_at, size_t *ret_end)
{
    for (size_t at = candidate(m, text, from); at < text.n; at = candidate(m, text, at + 1)) {
        uint32_t node = 0;
        bool found = false;
        for (size_t i = at; i < text.n; i++) {
            node = tk__trie_next(&m->trie, node, (unsigned char)text.p[i]);
            if (node == TK__TRIE_NONE)
                break;
            if (m->trie.values[node] != TK__TRIE_NONE) {
                *ret_index = m->trie.values[node];
                *ret_end = i + 1;
                found = true;
            }
        }
        *ret_at = at;
        if (found)
            return true;
    }
    return false;
}

/* ---- building ---- */

void tk__added_begin(struct tk_tokenizer *t)
{
    uint32_t size = t->vocab.n_pieces;
    t->next_id = size;
    for (uint32_t i = 0; i < t->n_added; i++) {
        if (t->added[i].id >= t->next_id)
            t->next_id = t->added[i].id + 1;
    }
}

/* The index of an added token, or TK__TRIE_NONE. */
static uint32_t index_of(const struct tk_tokenizer *t, struct tk_str content)
{
    uint32_t node = 0;
    if (!t->added)
        return TK__TRIE_NONE;
    for (size_t i = 0; i < content.n && node != TK__TRIE_NONE; i++)
        node = tk__trie_next(&t->names, node, (unsigned char)content.p[i]);
    return node == TK__TRIE_NONE || node == 0 ? TK__TRIE_NONE : t->names.values[node];
}

const struct tk__added *tk__added_find(const struct tk_tokenizer *t, struct tk_str text)
{
    uint32_t i = index_of(t, text);
    return i != TK__TRIE_NONE ? &t->added[i] : NULL;
}

static int room(struct tk_tokenizer *t, struct tk_err *reterr)
{
    if (t->n_added < t->cap_added)
        return 0;
    if (!t->added && tk__trie_init(&t->names) < 0)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the added tokens");
    uint32_t cap = t->cap_added ? t->cap_added * 2 : 64;
    if (cap > TK__MAX_ADDED)
        return tk_err_set(reterr, TK_E_LIMIT, "more than %u added tokens", t->n_added);
    struct tk__added *grown = realloc(t->added, cap * sizeof(*grown));
    if (!grown)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the added tokens");
    t->added = grown;
    t->cap_added = cap;
    return 0;
}

int tk__added_add(struct tk_tokenizer *t, const struct tk__added *token, struct tk_err *reterr)
{
    struct tk__added copy = *token;
    if (token->content.n == 0)
        return 0;
    uint32_t at = index_of(t, token->content);
    if (at != TK__TRIE_NONE) {
        struct tk__added *old = &t->added[at];
        copy.content = old->content;
        copy.id = old->id;
        copy.was_special = old->was_special || token->special;
        copy.has_role = old->has_role;
        copy.as_is = old->as_is || (!old->was_special && !token->normalized);
        copy.in_normal = old->in_normal || (!old->was_special && token->normalized);
        *old = copy;
        return 0;
    }
    int rc = room(t, reterr);
    if (rc < 0)
        return rc;
    copy.content = tk_arena_dup_str(&t->arena, token->content);
    if (!copy.content.p)
        return tk_err_set(reterr, -ENOMEM, "out of memory for an added token");
    copy.id = tk__vocab_find_text(&t->vocab, token->content);
    if (copy.id == TK__NO_ID)
        copy.id = t->next_id++;
    if (copy.id > TK_TOKENIZER_MAX_ID)
        return tk_err_set(reterr, TK_E_LIMIT, "too many ids");
    copy.was_special = token->special;
    copy.as_is = !token->normalized;
    copy.in_normal = token->normalized;
    rc = tk__trie_add(&t->names, copy.content, t->n_added);
    if (rc < 0)
        return tk_err_set(reterr, rc, "the added tokens: %s", tk_err_text(rc));
    t->added[t->n_added++] = copy;
    return 0;
}

static int add_to(struct tk__matcher **m, struct tk_str text, uint32_t index)
{
    uint32_t node = 0;
    if (!*m) {
        *m = calloc(1, sizeof(**m));
        if (!*m)
            return -ENOMEM;
        int rc = tk__trie_init(&(*m)->trie);
        if (rc < 0)
            return rc;
    }
    for (size_t i = 0; i < text.n && node != TK__TRIE_NONE; i++)
        node = tk__trie_next(&(*m)->trie, node, (unsigned char)text.p[i]);
    if (node != TK__TRIE_NONE && (*m)->trie.values[node] != TK__TRIE_NONE)
        return 0; /* of two tokens with one spelling the first counts */
    return tk__trie_add(&(*m)->trie, text, index);
}

/* Into the matchers: the one of normalized text gets the normalized spelling. */
static int add_places(struct tk_tokenizer *t, struct tk_tok_scratch *s, uint32_t i)
{
    const struct tk__added *a = &t->added[i];
    struct tk_str text = a->content;
    uint32_t origin;
    int rc = a->as_is ? add_to(&t->as_is, text, i) : 0;
    if (rc == 0 && a->in_normal)
        rc = tk__normalize(t, s, a->content, 0, &text, &origin);
    return rc == 0 && a->in_normal && text.n > 0 ? add_to(&t->normalized, text, i) : rc;
}

static void find_only(struct tk__matcher *m)
{
    unsigned n = 0;
    for (int b = 0; m && b < 256; b++) {
        if (m->trie.root[b] != TK__TRIE_NONE) {
            m->only = b;
            n++;
        }
    }
    if (m && n != 1)
        m->only = -1;
}

int tk__added_finish(struct tk_tokenizer *t, struct tk_err *reterr)
{
    struct tk_tok_scratch *s = tk_tok_scratch_new();
    int rc = s ? 0 : -ENOMEM;
    for (unsigned pass = 0; pass < 2; pass++) { /* special tokens first, as `tokenizers` has them */
        for (uint32_t i = 0; rc == 0 && i < t->n_added; i++) {
            if (t->added[i].was_special == (pass == 0))
                rc = add_places(t, s, i);
        }
    }
    (void)tk_tok_scratch_free(s);
    find_only(t->as_is);
    find_only(t->normalized);
    return rc < 0 ? tk_err_set(reterr, rc, "the added tokens: %s", tk_err_text(rc)) : 0;
}
