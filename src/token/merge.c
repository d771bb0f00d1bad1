/* merge.c - merging by rank
 *
 *   up to SMALL symbols     ranks of all pairs in an array, the lowest searched anew after each merge
 *   up to ONE_HEAP          a heap of (rank, place) over a linked list: n log n
 *   more                    windows of WINDOW symbols, each by the heap, and joined
 *
 * Windows: let a window A reach up to somewhere in the text, and B begin at one of A's tokens and reach
 * further. If both contain the same token t at the same place, then A's tokens before t, and B's from t
 * on, are the tokens of the whole. For think of the whole's merging up to the first merge that crosses
 * an end of t. Until then what is left of t, t, and what is right of t are merged independently, in
 * the same order as in A and in B. A merge that crosses t's left end would have been taken in A too,
 * at the same state of the left part and t (what is right of t does not matter, as nothing crossed t's
 * right end in A); one that crosses t's right end, in B. Neither did. So nothing crosses, for any list
 * of merges whatever.
 *
 * Where windows disagree, B begins further back; when that does not help, the whole goes by one heap.
 * That makes a long word linear, and keeps its heap in the first cache. By one heap a megabyte took 150
 * times as long as ten kilobytes, by windows 40 to 80 times.
 */
#include "token/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "token/internal.h"

#define SMALL 48
#define ONE_HEAP 16384 /* symbols */
#define WINDOW \
    256        /* symbols of a window beyond the one before: its heap stays in the first cache */
#define BACK 4 /* tokens that a window goes back, at first */
#define MAX_BACK 2048
#define NO_RANK UINT32_MAX

int tk__merges_init(struct tk__merges *m, size_t n, struct tk_err *reterr)
{
    size_t slots = 16;
    while (slots * 5 < n * 8)
        slots *= 2;
    if (slots > (size_t)1 << 28)
        return tk_err_set(reterr, TK_E_LIMIT, "%zu merges", n);
    m->v = tk__large_alloc(slots * sizeof(*m->v));
    if (!m->v)
        return tk_err_set(reterr, -ENOMEM, "out of memory for the merges");
    memset(m->v, 0xFF, slots * sizeof(*m->v));
    m->mask = (uint32_t)slots - 1;
    return 0;
}

void tk__merges_release(struct tk__merges *m)
{
    free(m->v);
    m->v = NULL;
}

static void insert(struct tk__merges *m, const struct tk__merge *merge)
{
    uint32_t i = tk__merges_slot(merge->pair, m->mask);
    while (m->v[i].pair != UINT64_MAX && m->v[i].pair != merge->pair)
        i = (i + 1) & m->mask;
    m->v[i] = *merge;
}

void tk__merges_add(struct tk__merges *m, uint32_t left, uint32_t right, uint32_t rank, uint32_t id)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    struct tk__merge *waiting = &m->waiting[m->n_added % TK__MERGES_WAITING];
    if (m->n_added >= TK__MERGES_WAITING)
        insert(m, waiting);
    __builtin_prefetch(&m->v[tk__merges_slot(pair, m->mask)], 1);
    *waiting = (struct tk__merge){ pair, rank, id };
    m->n_added++;
}

void tk__merges_done(struct tk__merges *m)
{
    uint32_t n = TK_MIN(m->n_added, TK__MERGES_WAITING);
    for (uint32_t i = m->n_added - n; i < m->n_added; i++)
        insert(m, &m->waiting[i % TK__MERGES_WAITING]);
    m->n_added = 0;
}

/* ---- few symbols ---- */

static inline uint32_t rank_of(const struct tk__merges *m, uint32_t left, uint32_t right,
                               uint32_t *ret_id)
{
    const struct tk__merge *merge = tk__merges_find(m, left, right);
    *ret_id = merge ? merge->id : 0;
    return merge ? merge->rank : NO_RANK;
}

static size_t merge_small(const struct tk__merges *m, uint32_t *ids, size_t n)
{
    uint32_t ranks[SMALL];  /* of the pair that begins here */
    uint32_t merged[SMALL]; /* what it becomes */
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(m, ids[i], ids[i + 1], &merged[i]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            best = ranks[i] < ranks[best] ? i : best;
        if (ranks[best] == NO_RANK)
            break;
        ids[best] = merged[best];
        n--;
        size_t tail = n - best - 1;
        memmove(ids + best + 1, ids + best + 2, tail * sizeof(*ids));
        if (tail > 0) {
            memmove(ranks + best, ranks + best + 1, tail * sizeof(*ranks));
            memmove(merged + best, merged + best + 1, tail * sizeof(*merged));
            ranks[best] = rank_of(m, ids[best], ids[best + 1], &merged[best]);
        }
        if (best > 0)
            ranks[best - 1] = rank_of(m, ids[best - 1], ids[best], &merged[best - 1]);
    }
    return n;
}

/* ---- by a heap ---- */

/* Of rank << 32 | place: the lowest rank first, the leftmost of one rank. */
static void heap_push(uint64_t *heap, size_t *n, uint64_t key)
{
    size_t i = (*n)++;
    while (i > 0 && heap[(i - 1) / 4] > key) {
        heap[i] = heap[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    heap[i] = key;
}

static uint64_t heap_pop(uint64_t *heap, size_t *n)
{
    uint64_t top = heap[0];
    uint64_t key = heap[--*n];
    size_t i = 0;
    for (;;) {
        size_t child = i * 4 + 1;
        size_t best = child;
        if (child >= *n)
            break;
        for (size_t k = child + 1; k < child + 4 && k < *n; k++)
            best = heap[k] < heap[best] ? k : best;
        if (heap[best] >= key)
            break;
        heap[i] = heap[best];
        i = best;
    }
    heap[i] = key;
    return top;
}

struct link {
    uint32_t prev; /* UINT32_MAX: none */
    uint32_t next; /* n: none; 0: merged into one before */
};

static void offer(const struct tk__merges *m, const uint32_t *ids, uint32_t left, uint32_t right,
                  uint64_t *heap, size_t *n_heap)
{
    const struct tk__merge *merge = tk__merges_find(m, ids[left], ids[right]);
    if (merge)
        heap_push(heap, n_heap, (uint64_t)merge->rank << 32 | left);
}

/* Merge ids[0, n); those that are left stand where they began, linked from 0 on. 0 or -ENOMEM. */
static int link_merged(const struct tk__merges *m, struct tk_tok_scratch *s, uint32_t *ids,
                       uint32_t n, const struct link **ret_links)
{
    /* Each merge takes one pair away and offers two: never more than 3 n in the heap. */
    uint64_t *heap = tk__work(s, ((size_t)n * 3 + 4) * sizeof(*heap));
    struct link *links = tk__more(s, (size_t)n * sizeof(*links));
    size_t n_heap = 0;
    if (!heap || !links)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        links[i] = (struct link){ i - 1, i + 1 };
        if (i + 1 < n)
            offer(m, ids, i, i + 1, heap, &n_heap);
    }
    while (n_heap > 0) {
        uint64_t key = heap_pop(heap, &n_heap);
        uint32_t left = (uint32_t)key;
        uint32_t right = links[left].next;
        if (right == 0 || right == n)
            continue;
        const struct tk__merge *merge = tk__merges_find(m, ids[left], ids[right]);
        if (!merge || merge->rank != key >> 32)
            continue; /* one of the two was merged since */
        ids[left] = merge->id;
        uint32_t next = links[right].next;
        links[left].next = next;
        links[right].next = 0;
        if (next < n) {
            links[next].prev = left;
            offer(m, ids, left, next, heap, &n_heap);
        }
        if (links[left].prev != UINT32_MAX)
            offer(m, ids, links[left].prev, left, heap, &n_heap);
    }
    *ret_links = links;
    return 0;
}

int64_t tk__merge_by_heap(const struct tk__merges *m, struct tk_tok_scratch *s, uint32_t *ids,
                          size_t n)
{
    const struct link *links;
    size_t out = 0;
    int rc = link_merged(m, s, ids, (uint32_t)n, &links);
    for (uint32_t i = 0; rc == 0 && i < n; i = links[i].next)
        ids[out++] = ids[i];
    return rc < 0 ? rc : (int64_t)out;
}

/* ---- by windows ---- */

struct token {
    uint32_t at; /* first symbol */
    uint32_t id;
};

struct windows {
    const struct tk__merges *m;
    struct tk_tok_scratch *s;
    const uint32_t *symbols; /* all of them */
    uint32_t n;
    struct token *out; /* tokens so far; in one piece of memory with the next two */
    struct token *new; /* of the window */
    uint32_t *ids;     /* the window's symbols */
    size_t n_out;
    size_t n_new;
    uint32_t end; /* symbols that the tokens so far cover */
};

/* The tokens of symbols [from, to) into w->new. */
static int run_window(struct windows *w, uint32_t from, uint32_t to)
{
    const struct link *links;
    uint32_t n = to - from;
    memcpy(w->ids, w->symbols + from, n * sizeof(*w->ids));
    int rc = link_merged(w->m, w->s, w->ids, n, &links);
    w->n_new = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i = links[i].next)
        w->new[w->n_new++] = (struct token){ from + i, w->ids[i] };
    return rc;
}

static uint32_t end_of(const struct token *tokens, size_t n, size_t i, uint32_t end)
{
    return i + 1 < n ? tokens[i + 1].at : end;
}

/* Join the window, which reaches to `to`, from the first token that both have. */
static bool join(struct windows *w, size_t from, uint32_t to)
{
    size_t i = from;
    size_t k = 0;
    while (i < w->n_out && k < w->n_new) {
        const struct token *a = &w->out[i];
        const struct token *b = &w->new[k];
        if (a->at == b->at && a->id == b->id &&
            end_of(w->out, w->n_out, i, w->end) == end_of(w->new, w->n_new, k, to)) {
            memcpy(w->out + i, w->new + k, (w->n_new - k) * sizeof(*w->out));
            w->n_out = i + w->n_new - k;
            w->end = to;
            return true;
        }
        if (a->at <= b->at)
            i++;
        else
            k++;
    }
    return false;
}

/* One window more: 1, 0 when the windows never agree, -ENOMEM. */
static int advance(struct windows *w)
{
    uint32_t to = w->n - w->end < WINDOW ? w->n : w->end + WINDOW;
    for (size_t back = BACK; back <= MAX_BACK && back <= w->n_out; back *= 4) {
        size_t from = w->n_out - back;
        if (to - w->out[from].at > ONE_HEAP)
            return 0;
        int rc = run_window(w, w->out[from].at, to);
        if (rc < 0)
            return rc;
        if (join(w, from, to))
            return 1;
    }
    return 0;
}

static int64_t merge_windows(struct windows *w, uint32_t *ids)
{
    int rc = run_window(w, 0, WINDOW);
    if (rc < 0)
        return rc;
    memcpy(w->out, w->new, w->n_new * sizeof(*w->out));
    w->n_out = w->n_new;
    w->end = WINDOW;
    while (w->end < w->n) {
        rc = advance(w);
        if (rc < 0)
            return rc;
        if (rc == 0)
            return tk__merge_by_heap(w->m, w->s, ids, w->n);
    }
    for (size_t i = 0; i < w->n_out; i++)
        ids[i] = w->out[i].id;
    return (int64_t)w->n_out;
}

int64_t tk__merge_all(const struct tk__merges *m, struct tk_tok_scratch *s, uint32_t *ids, size_t n)
{
    if (n <= SMALL)
        return (int64_t)merge_small(m, ids, n);
    if (n <= ONE_HEAP)
        return tk__merge_by_heap(m, s, ids, n);
    struct token *out = tk__third(s, (n + ONE_HEAP) * sizeof(*out) + ONE_HEAP * sizeof(*ids));
    if (!out)
        return -ENOMEM;
    struct windows w = {
        .m = m,
        .s = s,
        .symbols = ids,
        .n = (uint32_t)n,
        .out = out,
        .new = out + n,
        .ids = (uint32_t *)(void *)(out + n + ONE_HEAP),
    };
    return merge_windows(&w, ids);
}
