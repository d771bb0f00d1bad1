/* rows.c - rows put together from their columns, as JSON
 *
 *   put_node     null, a value, an object, a list or a map
 *   put_repeated the elements of what repeats: as many as the first column below says
 *
 * The first leaf below a node speaks for it: where its definition level is lower than the node's, the
 * node is not there, and all leaves below have one entry that says so. Columns that disagree are a damage
 * and are found: a value where another column said null, or a row that does not end in all of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsonw.h"
#include "parquet/inside.h"

struct rows {
    struct tk_parquet *p;
    struct tk_jsonw w;
    struct tk_err *reterr;
};

static struct tk__pq_column *first_column(const struct rows *r, const struct tk__pq_node *n)
{
    return r->p->columns[n->first_leaf];
}

static int disagree(const struct tk__pq_column *c, struct tk_err *reterr)
{
    return tk__pq_column_fail(c, TK_E_FORMAT, reterr,
                              "it does not go with the other columns: the file is damaged");
}

/* As peek, where an entry has to be. */
static int must_peek(struct rows *r, struct tk__pq_column *c)
{
    int rc = tk__pq_column_peek(c, r->reterr);

    if (rc == 0)
        return tk__pq_column_fail(c, TK_E_FORMAT, r->reterr,
                                  "it has fewer values than rows: the file is damaged");
    return TK_MIN(rc, 0);
}

/* The node is not there: take the entry of each leaf below that says so. */
static int pass_over(struct rows *r, const struct tk__pq_node *n)
{
    int rc = 0;

    for (uint32_t i = n->first_leaf; rc == 0 && i < n->first_leaf + n->n_leaves; i++) {
        struct tk__pq_column *c = r->p->columns[i];
        rc = must_peek(r, c);
        if (rc == 0 && c->def >= n->max_def)
            rc = disagree(c, r->reterr);
        c->has_entry = false;
    }
    return rc;
}

static void put_bytes(struct tk_jsonw *w, struct tk_str s, bool is_text)
{
    if (is_text) {
        tk_jsonw_str(w, s);
        return;
    }
    struct tk_buf text = TK_BUF_INIT(w->out->max);
    if (tk_base64_add(&text, s) == 0)
        tk_jsonw_str(w, tk_buf_str(&text));
    else
        w->out->failed = text.failed;
    tk_buf_release(&text);
}

static void put_unsigned(struct tk_jsonw *w, const struct tk__pq_node *n, int64_t i)
{
    char digits[24];
    struct tk_buf text = TK_BUF_INIT(sizeof(digits));
    uint64_t v = n->type == TK__PQ_INT32 ? (uint32_t)i : (uint64_t)i;

    (void)tk_buf_addf(&text, "%llu", (unsigned long long)v);
    tk_jsonw_raw(w, tk_buf_str(&text));
    tk_buf_release(&text);
}

static int put_leaf(struct rows *r, const struct tk__pq_node *n)
{
    struct tk__pq_column *c = first_column(r, n);
    struct tk__pq_value v = { 0 };

    if (c->def < n->max_def) /* it is required, and what is above it is there */
        return disagree(c, r->reterr);
    int rc = tk__pq_column_take(c, &v, r->reterr);
    if (rc != 0)
        return rc;
    if (n->type == TK__PQ_BOOLEAN)
        tk_jsonw_bool(&r->w, v.i != 0);
    else if (n->type == TK__PQ_FLOAT || n->type == TK__PQ_DOUBLE)
        tk_jsonw_double(&r->w, v.d);
    else if (n->type != TK__PQ_INT32 && n->type != TK__PQ_INT64)
        put_bytes(&r->w, v.s, n->is_text);
    else if (n->is_unsigned && v.i < 0)
        put_unsigned(&r->w, n, v.i);
    else
        tk_jsonw_i64(&r->w, v.i);
    return 0;
}

static int put_node(struct rows *r, uint32_t i);

static int put_object(struct rows *r, uint32_t i)
{
    const struct tk__pq_node *nodes = r->p->nodes;
    int rc = 0;

    tk_jsonw_obj(&r->w);
    for (uint32_t k = i + 1; rc == 0 && k < nodes[i].end; k = nodes[k].end) {
        if (!nodes[k].is_wanted)
            continue;
        tk_jsonw_key_str(&r->w, nodes[k].name);
        rc = put_node(r, k);
    }
    tk_jsonw_obj_end(&r->w);
    return rc;
}

static int put_pair(struct rows *r, uint32_t i)
{
    const struct tk__pq_node *nodes = r->p->nodes;
    int rc;

    tk_jsonw_arr(&r->w);
    rc = put_node(r, i + 1);
    if (rc == 0)
        rc = put_node(r, nodes[i + 1].end);
    tk_jsonw_arr_end(&r->w);
    return rc;
}

enum element {
    ELEMENT_SELF,  /* the repeated node */
    ELEMENT_CHILD, /* its only child */
    ELEMENT_PAIR,  /* its key and its value */
};

static int put_there(struct rows *r, uint32_t i);

/* One element of the repeated node `i`, which is there. */
static int put_element(struct rows *r, uint32_t i, enum element kind)
{
    if (kind == ELEMENT_PAIR)
        return put_pair(r, i);
    return kind == ELEMENT_CHILD ? put_node(r, i + 1) : put_there(r, i);
}

static int put_repeated(struct rows *r, uint32_t i, enum element kind)
{
    const struct tk__pq_node *n = &r->p->nodes[i];
    struct tk__pq_column *c = first_column(r, n);
    int rc = must_peek(r, c);

    tk_jsonw_arr(&r->w);
    if (rc == 0 && c->def < n->max_def) {
        rc = pass_over(r, n);
    } else if (rc == 0) {
        do {
            rc = c->def < n->max_def ? disagree(c, r->reterr) : put_element(r, i, kind);
            if (rc == 0 && r->w.out->failed)
                rc = r->w.out->failed; /* a list without end fills the buffer, and stops */
            rc = rc == 0 ? tk__pq_column_peek(c, r->reterr) : rc;
        } while (rc > 0 && c->rep == n->max_rep);
    }
    tk_jsonw_arr_end(&r->w);
    return TK_MIN(rc, 0);
}

/* A node that is there, once. */
static int put_there(struct rows *r, uint32_t i)
{
    const struct tk__pq_node *n = &r->p->nodes[i];

    switch (n->shape) {
    case TK__PQ_LEAF:
        return put_leaf(r, n);
    case TK__PQ_LIST:
        return put_repeated(r, i + 1, r->p->nodes[i + 1].is_element ? ELEMENT_SELF : ELEMENT_CHILD);
    case TK__PQ_MAP:
        return put_repeated(r, i + 1, ELEMENT_PAIR);
    default:
        return put_object(r, i);
    }
}

/* A node below an object, with whatever repetition it has. */
static int put_node(struct rows *r, uint32_t i)
{
    const struct tk__pq_node *n = &r->p->nodes[i];
    struct tk__pq_column *c = first_column(r, n);

    if (n->repetition == TK__PQ_REPEATED)
        return put_repeated(r, i, ELEMENT_SELF);
    int rc = must_peek(r, c);
    if (rc != 0)
        return rc;
    if (n->repetition == TK__PQ_OPTIONAL && c->def < n->max_def) {
        tk_jsonw_null(&r->w);
        return pass_over(r, n);
    }
    return put_there(r, i);
}

/* ---- the row groups ---- */

static int open_column(struct tk_parquet *p, uint32_t leaf)
{
    if (!p->columns[leaf])
        p->columns[leaf] = calloc(1, sizeof(*p->columns[leaf]));
    if (!p->columns[leaf])
        return -ENOMEM;
    p->columns[leaf]->file = p;
    p->columns[leaf]->leaf = &p->nodes[p->leaves[leaf]];
    p->columns[leaf]->index = leaf;
    tk__pq_column_begin(p->columns[leaf], p->group);
    return 0;
}

/* Stand before the first row of p->group, in all columns that are wanted. */
static int open_group(struct tk_parquet *p, struct tk_err *reterr)
{
    int rc = 0;

    for (uint32_t i = 1; i < p->n_nodes; i = p->nodes[i].end) {
        const struct tk__pq_node *n = &p->nodes[i];
        for (uint32_t k = 0; rc == 0 && n->is_wanted && k < n->n_leaves; k++)
            rc = open_column(p, n->first_leaf + k);
    }
    if (rc != 0)
        return tk__pq_fail(p, rc, reterr, "no memory for its columns");
    p->is_open = true;
    p->n_left = p->groups[p->group].n_rows;
    return 0;
}

/* Every column must stand at the begin of a row, or at its end, which it must do behind the last one. */
static int check_row(struct rows *r, bool is_behind_last)
{
    for (uint32_t i = 0; i < r->p->n_leaves; i++) {
        struct tk__pq_column *c = r->p->columns[i];
        if (!c || (c->leaf->max_rep == 0 && !is_behind_last))
            continue;
        int rc = tk__pq_column_peek(c, r->reterr);
        if (rc < 0)
            return rc;
        if (rc > 0 && (is_behind_last || c->rep != 0))
            return disagree(c, r->reterr);
    }
    return 0;
}

static int put_row(struct tk_parquet *p, struct tk_buf *out, struct tk_err *reterr)
{
    struct rows r = { .p = p, .reterr = reterr };

    tk_jsonw_init(&r.w, out, TK_JSONW_COMPACT);
    int rc = check_row(&r, false);
    if (rc == 0)
        rc = put_object(&r, 0);
    if (rc == 0)
        rc = check_row(&r, p->n_left == 0);
    if (rc == 0 && out->failed)
        rc = out->failed;
    if (out->failed)
        (void)tk__pq_fail(p, rc, reterr,
                          "a row is too long (%zu bytes at most), or there is no memory for it",
                          out->max);
    return rc < 0 ? rc : 1;
}

int tk_parquet_next(struct tk_parquet *p, struct tk_buf *out, struct tk_err *reterr)
{
    while (p->group < p->n_groups) {
        int rc = p->is_open ? 0 : open_group(p, reterr);
        if (rc != 0)
            return rc;
        if (p->n_left > 0) {
            p->n_left--;
            return put_row(p, out, reterr);
        }
        p->group++;
        p->is_open = false;
    }
    return 0;
}
