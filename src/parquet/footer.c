/* footer.c - the description at the end of a Parquet file: its schema and where its columns lie
 *
 *   list of schema elements, depth first     ──► nodes, with their levels
 *   list of row groups, each with its chunks ──► groups, chunks in the order of the leaves
 *
 * Levels: a node that is optional or repeated adds one to the definition level, one that is repeated one
 * to the repetition level, of everything below it. Lists and maps are groups with a mark; older writers
 * left out a level of the three that a list has, which is what is_element() finds.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "parquet/inside.h"
#include "parquet/thrift.h"

/* ConvertedType and the fields of LogicalType, as the format numbers them. */
enum {
    CONVERTED_UTF8 = 0,
    CONVERTED_MAP = 1,
    CONVERTED_MAP_KEY_VALUE = 2,
    CONVERTED_LIST = 3,
    CONVERTED_ENUM = 4,
    CONVERTED_UINT_8 = 11,
    CONVERTED_UINT_64 = 14,
    CONVERTED_JSON = 19,
    LOGICAL_STRING = 1,
    LOGICAL_MAP = 2,
    LOGICAL_LIST = 3,
    LOGICAL_ENUM = 4,
    LOGICAL_INTEGER = 10,
    LOGICAL_JSON = 12,
};

/* One element of the schema as it stands in the file. */
struct element {
    int64_t type, type_bytes, repetition, n_children;
    int64_t converted, logical; /* -1: none */
    bool has_type, is_signed;
    struct tk_str name;
};

static int64_t read_logical(struct tk__thrift *t, bool *is_signed)
{
    struct tk__thrift_field f = { 0, 0 }, g;
    int64_t kind = -1;

    while (tk__thrift_field(t, &f)) {
        kind = f.id;
        if (!tk__thrift_is_struct(t, &f))
            continue;
        g = (struct tk__thrift_field){ 0, 0 };
        while (tk__thrift_field(t, &g)) {
            if (kind == LOGICAL_INTEGER && g.id == 2)
                *is_signed = tk__thrift_bool(t, &g);
            else
                tk__thrift_skip(t, &g);
        }
    }
    return kind;
}

static struct element read_element(struct tk__thrift *t)
{
    struct element e = { .converted = -1, .logical = -1, .is_signed = true };
    struct tk__thrift_field f = { 0, 0 };

    while (tk__thrift_field(t, &f)) {
        if (f.id == 1) {
            e.type = tk__thrift_int(t, &f);
            e.has_type = true;
        } else if (f.id == 2) {
            e.type_bytes = tk__thrift_int(t, &f);
        } else if (f.id == 3) {
            e.repetition = tk__thrift_int(t, &f);
        } else if (f.id == 4) {
            e.name = tk__thrift_bytes(t, &f);
        } else if (f.id == 5) {
            e.n_children = tk__thrift_int(t, &f);
        } else if (f.id == 6) {
            e.converted = tk__thrift_int(t, &f);
        } else if (f.id == 10 && tk__thrift_is_struct(t, &f)) {
            e.logical = read_logical(t, &e.is_signed);
        } else if (f.id != 10) {
            tk__thrift_skip(t, &f);
        }
    }
    return e;
}

/* ---- schema ---- */

struct walk {
    struct tk_parquet *p;
    struct tk__thrift *t;
    struct tk_err *reterr;
    uint32_t n_listed; /* elements of the schema's list */
};

static int bad_schema(const struct walk *w, const char *what)
{
    return tk__pq_fail(w->p, TK_E_FORMAT, w->reterr, "the schema is damaged: %s", what);
}

static bool is_text(const struct element *e)
{
    return e->converted == CONVERTED_UTF8 || e->converted == CONVERTED_ENUM ||
           e->converted == CONVERTED_JSON || e->logical == LOGICAL_STRING ||
           e->logical == LOGICAL_ENUM || e->logical == LOGICAL_JSON;
}

static int fill_leaf(struct walk *w, struct tk__pq_node *n, const struct element *e)
{
    if (e->type < 0 || e->type >= TK__PQ_TYPE_N_)
        return bad_schema(w, "a column of a type that there is not");
    if (e->type == TK__PQ_FIXED && (e->type_bytes < 1 || e->type_bytes > INT32_MAX))
        return bad_schema(w, "values of fixed length without a length");
    n->shape = TK__PQ_LEAF;
    n->type = (enum tk__pq_type)e->type;
    n->type_bytes = e->type == TK__PQ_FIXED ? (uint32_t)e->type_bytes : 0;
    n->is_text = is_text(e);
    n->is_unsigned = (e->converted >= CONVERTED_UINT_8 && e->converted <= CONVERTED_UINT_64) ||
                     (e->logical == LOGICAL_INTEGER && !e->is_signed);
    return 0;
}

/* Is the repeated child of a list itself the element, not a wrapper around it? The rules are those that
 * the format gives for files of older writers. */
static bool is_element(const struct tk__pq_node *nodes, uint32_t list, uint32_t child)
{
    const struct tk__pq_node *c = &nodes[child];

    if (c->shape != TK__PQ_GROUP || nodes[child + 1].end != c->end)
        return true; /* a leaf, or with several fields */
    return tk_str_is(c->name, "array") ||
           (c->name.n == nodes[list].name.n + 6 && tk_str_starts(c->name, nodes[list].name) &&
            tk_str_ends(c->name, TK_STR("_tuple")));
}

/* Lists and maps, once their children are known; what is not built like one stays a group. */
static void find_shape(struct tk__pq_node *nodes, uint32_t i, const struct element *e)
{
    struct tk__pq_node *n = &nodes[i];
    uint32_t child = i + 1;
    bool is_list = e->converted == CONVERTED_LIST || e->logical == LOGICAL_LIST;
    bool is_map = e->converted == CONVERTED_MAP || e->converted == CONVERTED_MAP_KEY_VALUE ||
                  e->logical == LOGICAL_MAP;

    if (nodes[child].repetition != TK__PQ_REPEATED || nodes[child].end != n->end)
        return;
    if (is_list) {
        n->shape = TK__PQ_LIST;
        nodes[child].is_element = is_element(nodes, i, child);
    } else if (is_map && nodes[child].shape == TK__PQ_GROUP && nodes[child + 1].end < n->end &&
               nodes[nodes[child + 1].end].end == n->end) {
        n->shape = TK__PQ_MAP;
    }
}

static int read_node(struct walk *w, uint32_t parent, unsigned depth);

static int read_children(struct walk *w, uint32_t i, const struct element *e, unsigned depth)
{
    int rc = 0;

    if (e->n_children < 1)
        return bad_schema(w, "a group without columns");
    w->p->nodes[i].shape = TK__PQ_GROUP;
    for (int64_t k = 0; rc == 0 && k < e->n_children; k++)
        rc = read_node(w, i, depth + 1);
    return rc;
}

static int read_node(struct walk *w, uint32_t parent, unsigned depth)
{
    struct tk_parquet *p = w->p;

    if (p->n_nodes == w->n_listed)
        return bad_schema(w, "columns are missing");
    if (depth > TK_PARQUET_MAX_DEPTH)
        return tk__pq_fail(p, TK_E_LIMIT, w->reterr, "columns are nested deeper than %d",
                           TK_PARQUET_MAX_DEPTH);
    uint32_t i = p->n_nodes++;
    struct tk__pq_node *n = &p->nodes[i];
    const struct element e = read_element(w->t);
    if (w->t->failed || e.repetition < 0 || e.repetition > TK__PQ_REPEATED)
        return bad_schema(w, "it cannot be read");
    n->name = tk_arena_dup_str(&p->arena, e.name);
    if (e.name.n > 0 && !n->name.p)
        return tk__pq_fail(p, -ENOMEM, w->reterr, "no memory for its schema");
    n->repetition = depth > 0 ? (enum tk__pq_repetition)e.repetition : TK__PQ_REQUIRED;
    n->max_def = (uint16_t)(p->nodes[parent].max_def + (n->repetition != TK__PQ_REQUIRED));
    n->max_rep = (uint16_t)(p->nodes[parent].max_rep + (n->repetition == TK__PQ_REPEATED));
    n->first_leaf = p->n_leaves;
    n->is_wanted = true;
    bool is_leaf = depth > 0 && e.has_type && e.n_children == 0;
    int rc = is_leaf ? fill_leaf(w, n, &e) : read_children(w, i, &e, depth);
    if (is_leaf && rc == 0)
        p->leaves[p->n_leaves++] = i;
    n->end = p->n_nodes;
    n->n_leaves = p->n_leaves - n->first_leaf;
    if (rc == 0 && !is_leaf)
        find_shape(p->nodes, i, &e);
    return rc;
}

static int read_schema(struct tk_parquet *p, struct tk__thrift *t, size_t n, struct tk_err *reterr)
{
    struct walk w = { .p = p, .t = t, .reterr = reterr, .n_listed = (uint32_t)n };

    if (p->nodes)
        return bad_schema(&w, "there are two");
    if (n > TK_PARQUET_MAX_NODES)
        return tk__pq_fail(p, TK_E_LIMIT, reterr, "it has more than %d columns",
                           TK_PARQUET_MAX_NODES);
    if (n == 0)
        return bad_schema(&w, "it is empty");
    p->nodes = tk_arena_alloc(&p->arena, (n + 1) * sizeof(*p->nodes));
    p->leaves = tk_arena_alloc(&p->arena, n * sizeof(*p->leaves));
    if (!p->nodes || !p->leaves)
        return tk__pq_fail(p, -ENOMEM, reterr, "no memory for its schema");
    int rc = read_node(&w, 0, 0);
    if (rc == 0 && p->n_nodes != n)
        rc = bad_schema(&w, "it has columns outside of it");
    return rc;
}

/* ---- row groups ---- */

struct chunk {
    int64_t type, codec, n_values, bytes, data_at, dictionary_at;
    bool is_elsewhere, is_encrypted;
};

static void read_chunk_meta(struct tk__thrift *t, struct chunk *c)
{
    struct tk__thrift_field f = { 0, 0 };

    while (tk__thrift_field(t, &f)) {
        switch (f.id) {
        case 1:
            c->type = tk__thrift_int(t, &f);
            break;
        case 4:
            c->codec = tk__thrift_int(t, &f);
            break;
        case 5:
            c->n_values = tk__thrift_int(t, &f);
            break;
        case 7:
            c->bytes = tk__thrift_int(t, &f);
            break;
        case 9:
            c->data_at = tk__thrift_int(t, &f);
            break;
        case 11:
            c->dictionary_at = tk__thrift_int(t, &f);
            break;
        default:
            tk__thrift_skip(t, &f);
        }
    }
}

static struct chunk read_chunk(struct tk__thrift *t)
{
    struct chunk c = { .type = -1, .codec = -1, .n_values = -1, .bytes = -1, .data_at = -1 };
    struct tk__thrift_field f = { 0, 0 };

    while (tk__thrift_field(t, &f)) {
        c.is_encrypted = c.is_encrypted || f.id == 8;
        if (f.id == 1)
            c.is_elsewhere = tk__thrift_bytes(t, &f).n > 0;
        else if (f.id == 3 && tk__thrift_is_struct(t, &f))
            read_chunk_meta(t, &c);
        else if (f.id != 3)
            tk__thrift_skip(t, &f);
    }
    return c;
}

/* "row group 3, column 7 of it"; its name may be what is damaged. */
static int take_chunk(struct tk_parquet *p, size_t group, uint32_t leaf, const struct chunk *c,
                      struct tk_err *reterr)
{
    struct tk__pq_chunk *out = &p->groups[group].chunks[leaf];
    int64_t at = c->dictionary_at > 0 && c->dictionary_at < c->data_at ? c->dictionary_at
                                                                       : c->data_at;

    if (c->is_encrypted)
        return tk__pq_fail(p, TK_E_UNSUPPORTED, reterr, "it is encrypted");
    if (c->is_elsewhere)
        return tk__pq_fail(p, TK_E_UNSUPPORTED, reterr, "its columns are in other files");
    if (c->n_values == 0) /* a row group without rows has no place for it */
        return 0;
    if (c->type != (int64_t)p->nodes[p->leaves[leaf]].type || c->n_values < 0 || c->codec < 0 ||
        at < 4 || c->bytes < 0 || at > p->source.size || c->bytes > p->source.size - at)
        return tk__pq_fail(p, TK_E_FORMAT, reterr,
                           "the place of column %u of row group %zu is damaged, or the file is cut",
                           leaf, group);
    if (c->codec > TK__PQ_LZ4_RAW || c->codec == TK__PQ_LZO)
        return tk__pq_fail(p, TK_E_UNSUPPORTED, reterr,
                           "column %u of row group %zu is packed in a way that tokmark does not "
                           "know (codec %lld)",
                           leaf, group, (long long)c->codec);
    *out = (struct tk__pq_chunk){
        .at = at,
        .bytes = c->bytes,
        .n_values = c->n_values,
        .codec = (enum tk__pq_codec)c->codec,
    };
    return 0;
}

static int read_chunks(struct tk_parquet *p, struct tk__thrift *t, size_t group, size_t n,
                       struct tk_err *reterr)
{
    int rc = 0;

    if (n != p->n_leaves)
        return tk__pq_fail(p, TK_E_FORMAT, reterr, "row group %zu has %zu columns, the schema %u",
                           group, n, p->n_leaves);
    p->groups[group].chunks = tk_arena_alloc(&p->arena, n * sizeof(struct tk__pq_chunk));
    if (!p->groups[group].chunks)
        return tk__pq_fail(p, -ENOMEM, reterr, "no memory for its row groups");
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        const struct chunk c = read_chunk(t);
        if (t->failed)
            return 0; /* the caller says so */
        rc = take_chunk(p, group, i, &c, reterr);
    }
    return rc;
}

static int read_group(struct tk_parquet *p, struct tk__thrift *t, size_t group,
                      struct tk_err *reterr)
{
    struct tk__thrift_field f = { 0, 0 };
    struct tk__pq_group *g = &p->groups[group];
    int rc = 0;

    g->n_rows = -1;
    while (rc == 0 && tk__thrift_field(t, &f)) {
        if (f.id == 1 && !g->chunks) {
            size_t n = tk__thrift_structs(t, &f);
            rc = t->failed ? 0 : read_chunks(p, t, group, n, reterr);
        } else if (f.id == 3) {
            g->n_rows = tk__thrift_int(t, &f);
        } else {
            tk__thrift_skip(t, &f);
        }
    }
    if (rc == 0 && !t->failed && (!g->chunks || g->n_rows < 0 || g->n_rows > INT64_MAX - p->n_rows))
        rc = tk__pq_fail(p, TK_E_FORMAT, reterr, "row group %zu is damaged", group);
    p->n_rows += rc == 0 && !t->failed ? g->n_rows : 0;
    return rc;
}

static int read_groups(struct tk_parquet *p, struct tk__thrift *t, size_t n, struct tk_err *reterr)
{
    int rc = 0;

    if (!p->nodes || p->groups)
        return tk__pq_fail(p, TK_E_FORMAT, reterr, "its description is damaged");
    p->groups = tk_arena_alloc(&p->arena, (n + 1) * sizeof(*p->groups));
    if (!p->groups)
        return tk__pq_fail(p, -ENOMEM, reterr, "no memory for its row groups");
    for (p->n_groups = 0; rc == 0 && p->n_groups < n && !t->failed; p->n_groups++)
        rc = read_group(p, t, p->n_groups, reterr);
    return rc;
}

/* Of the pairs of key and value that writers leave the one that matters here; the first, were there two. */
static int read_pairs(struct tk_parquet *p, struct tk__thrift *t, size_t n, struct tk_err *reterr)
{
    for (size_t i = 0; i < n && !t->failed; i++) {
        struct tk__thrift_field f = { 0, 0 };
        struct tk_str pair[2] = { { NULL, 0 }, { NULL, 0 } };
        while (tk__thrift_field(t, &f)) {
            if (f.id == 1 || f.id == 2)
                pair[f.id - 1] = tk__thrift_bytes(t, &f);
            else
                tk__thrift_skip(t, &f);
        }
        if (p->features.n > 0 || pair[1].n == 0 || !tk_str_is(pair[0], "huggingface"))
            continue;
        p->features = tk_arena_dup_str(&p->arena, pair[1]);
        if (!p->features.p)
            return tk__pq_fail(p, -ENOMEM, reterr, "no memory for its description");
    }
    return 0;
}

int tk__pq_footer(struct tk_parquet *p, struct tk_str text, struct tk_err *reterr)
{
    struct tk__thrift t = { .p = (const uint8_t *)text.p, .end = (const uint8_t *)text.p + text.n };
    struct tk__thrift_field f = { 0, 0 };
    int rc = 0;

    while (rc == 0 && tk__thrift_field(&t, &f)) {
        if (f.id == 2 || f.id == 4) {
            size_t n = tk__thrift_structs(&t, &f);
            if (!t.failed)
                rc = f.id == 2 ? read_schema(p, &t, n, reterr) : read_groups(p, &t, n, reterr);
        } else if (f.id == 5) {
            size_t n = tk__thrift_structs(&t, &f);
            if (!t.failed)
                rc = read_pairs(p, &t, n, reterr);
        } else if (f.id == 8) {
            rc = tk__pq_fail(p, TK_E_UNSUPPORTED, reterr, "it is encrypted");
        } else {
            tk__thrift_skip(&t, &f);
        }
    }
    if (rc == 0 && (t.failed || !p->nodes))
        rc = tk__pq_fail(p, TK_E_FORMAT, reterr, "its description is damaged");
    return rc;
}
