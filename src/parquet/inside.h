/* inside.h - what the files of the Parquet reader share; for src/parquet alone */
#ifndef TK_PARQUET_INSIDE_H
#define TK_PARQUET_INSIDE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"
#include "parquet/parquet.h"

/* The numbers of these three are the format's. */
enum tk__pq_type {
    TK__PQ_BOOLEAN,
    TK__PQ_INT32,
    TK__PQ_INT64,
    TK__PQ_INT96,
    TK__PQ_FLOAT,
    TK__PQ_DOUBLE,
    TK__PQ_BYTES,
    TK__PQ_FIXED,
    TK__PQ_TYPE_N_,
};

enum tk__pq_codec {
    TK__PQ_UNCOMPRESSED,
    TK__PQ_SNAPPY,
    TK__PQ_GZIP,
    TK__PQ_LZO,
    TK__PQ_BROTLI,
    TK__PQ_LZ4, /* Hadoop's framing, or none, as the writer had it */
    TK__PQ_ZSTD,
    TK__PQ_LZ4_RAW,
};

enum tk__pq_encoding {
    TK__PQ_PLAIN = 0,
    TK__PQ_PLAIN_DICTIONARY = 2,
    TK__PQ_RLE = 3,
    TK__PQ_BIT_PACKED = 4,
    TK__PQ_DELTA_BINARY_PACKED = 5,
    TK__PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
    TK__PQ_DELTA_BYTE_ARRAY = 7,
    TK__PQ_RLE_DICTIONARY = 8,
    TK__PQ_BYTE_STREAM_SPLIT = 9,
};

/* ---- footer.c: schema and row groups ---- */

enum tk__pq_repetition {
    TK__PQ_REQUIRED,
    TK__PQ_OPTIONAL,
    TK__PQ_REPEATED,
};

enum tk__pq_shape {
    TK__PQ_LEAF,
    TK__PQ_GROUP,
    TK__PQ_LIST, /* a group whose one child is repeated and holds the elements */
    TK__PQ_MAP,  /* the same with key and value */
};

/* A column or a group of columns. Nodes lie in the order of a walk from the root, which is node 0: the
 * children of node i are i+1, nodes[i+1].end, and so on below nodes[i].end. */
struct tk__pq_node {
    struct tk_str name; /* in the arena */
    enum tk__pq_repetition repetition;
    enum tk__pq_shape shape;
    enum tk__pq_type type;     /* LEAF */
    uint32_t type_bytes;       /* LEAF of type FIXED: of a value */
    bool is_text;              /* LEAF: bytes are UTF-8 */
    bool is_unsigned;          /* LEAF: integers are */
    bool is_element;           /* a repeated group that is itself the element of its list */
    bool is_wanted;            /* child of the root: selected */
    uint16_t max_def, max_rep; /* levels where the node is there, and where it repeats */
    uint32_t end;              /* first node that is not below this one */
    uint32_t first_leaf, n_leaves;
};

struct tk__pq_chunk {
    int64_t at, bytes; /* where its pages lie */
    int64_t n_values;  /* with nulls */
    enum tk__pq_codec codec;
};

struct tk__pq_group {
    int64_t n_rows;
    struct tk__pq_chunk *chunks; /* one per leaf, in the arena */
};

struct tk__pq_column;

struct tk_parquet {
    struct tk_parquet_source source;
    int fd; /* of tk_parquet_open_file(), -1 */
    struct tk_arena arena;
    struct tk__pq_node *nodes;
    uint32_t n_nodes, n_leaves;
    uint32_t *leaves; /* their nodes */
    struct tk__pq_group *groups;
    size_t n_groups;
    int64_t n_rows;
    struct tk_str features; /* what `datasets` says of the columns, in the arena; empty: nothing */
    /* the rows under way */
    struct tk__pq_column **columns; /* one per leaf, NULL: not read */
    size_t group;                   /* the one under way, or the next */
    bool is_open;                   /* the columns stand in it */
    int64_t n_left;                 /* rows of the group */
};

/* Fill nodes, groups and so on from the file's description. 0 or a code, with words. */
int tk__pq_footer(struct tk_parquet *p, struct tk_str text, struct tk_err *reterr);

/* Fill `reterr` with the file and the words; returns `code`. */
int tk__pq_fail(const struct tk_parquet *p, int code, struct tk_err *reterr, const char *fmt, ...)
    TK_PRINTF(4, 5);

/* ---- codec.c ---- */

/* Unpack `in` into out->p[0 … n-1], the length that the page's head gives. Memory grows with what comes out, not with
 * the number alone. 0; TK_E_FORMAT (damaged, or of another length); TK_E_UNSUPPORTED; -ENOMEM. */
int tk__pq_unpack(enum tk__pq_codec codec, struct tk_str in, size_t n, struct tk_buf *out);

/* "zstd". */
const char *tk__pq_codec_name(enum tk__pq_codec codec);

/* ---- bits.c: runs and packed integers ---- */

/* Bits `at` … of the bytes, low bits first; width up to 64. The caller knows that they are there. */
uint64_t tk__pq_bits(const uint8_t *p, uint64_t at, unsigned width);

/* The hybrid of runs and packed groups (RLE), packed alone (the old BIT_PACKED, high bits first), or always 0. */
struct tk__pq_runs {
    const uint8_t *p, *end; /* what is left */
    unsigned width;         /* bits of a value, up to 32 */
    bool is_old;            /* BIT_PACKED */
    bool is_run;            /* the part under way is a run */
    uint64_t n_left;        /* values of the part under way */
    uint32_t value;         /* of the run */
    const uint8_t *packed;  /* of the packed part */
    uint64_t bit;           /* in it */
};

void tk__pq_runs_init(struct tk__pq_runs *r, const uint8_t *p, size_t n, unsigned width);
/* 0 or TK_E_FORMAT when the bytes are at their end. */
int tk__pq_runs_next(struct tk__pq_runs *r, uint32_t *ret);

/* DELTA_BINARY_PACKED */
struct tk__pq_delta {
    const uint8_t *p, *end;
    uint64_t n_left;       /* values to come */
    bool is_first;         /* the next one is in `value` already */
    uint64_t value;        /* last one; arithmetic wraps */
    uint64_t min;          /* of the block's differences */
    const uint8_t *widths; /* of the block's miniblocks */
    uint64_t n_minis;      /* in a block */
    uint64_t mini_values;  /* in a miniblock */
    uint64_t mini;         /* the next one of the block */
    uint64_t at;           /* value of the miniblock under way */
    const uint8_t *packed;
    unsigned width;
};

/* 0 or TK_E_FORMAT. */
int tk__pq_delta_init(struct tk__pq_delta *d, const uint8_t *p, const uint8_t *end);
int tk__pq_delta_next(struct tk__pq_delta *d, int64_t *ret);
/* Where the bytes behind the last value begin, without moving; NULL: damaged. */
const uint8_t *tk__pq_delta_end(const struct tk__pq_delta *d);

/* ---- values.c ---- */

struct tk__pq_value {
    int64_t i;       /* BOOLEAN, INT32, INT64 */
    double d;        /* FLOAT, DOUBLE */
    struct tk_str s; /* the others; until the next value */
};

struct tk__pq_dictionary {
    struct tk_buf bytes;  /* the page, unpacked */
    size_t n;             /* entries */
    struct tk_str *texts; /* of BYTES: one per entry; owned */
};

struct tk__pq_decoder {
    enum tk__pq_encoding encoding;
    enum tk__pq_type type;
    size_t width; /* bytes of a value of fixed length */
    const uint8_t *p, *end;
    uint64_t n,
        at; /* BYTE_STREAM_SPLIT: values, the next one; PLAIN booleans: bits, the next one */
    struct tk_buf joined;    /* a value put together: DELTA_BYTE_ARRAY, BYTE_STREAM_SPLIT */
    struct tk__pq_runs runs; /* indices, booleans */
    struct tk__pq_delta delta, prefix;
    const struct tk__pq_dictionary *dictionary;
};

/* Begin a page's values. 0, TK_E_FORMAT, TK_E_UNSUPPORTED. */
int tk__pq_decoder_init(struct tk__pq_decoder *d, const struct tk__pq_node *leaf,
                        enum tk__pq_encoding encoding, struct tk_str bytes,
                        const struct tk__pq_dictionary *dictionary);
/* 0, TK_E_FORMAT (no more, or damaged), TK_E_LIMIT, -ENOMEM. */
int tk__pq_decoder_next(struct tk__pq_decoder *d, struct tk__pq_value *ret);
void tk__pq_decoder_release(struct tk__pq_decoder *d);

/* Make `bytes` (filled) a dictionary of `n` entries. 0, TK_E_FORMAT, -ENOMEM. */
int tk__pq_dictionary_index(struct tk__pq_dictionary *d, const struct tk__pq_node *leaf, size_t n);
void tk__pq_dictionary_release(struct tk__pq_dictionary *d);

/* "DELTA_BYTE_ARRAY". */
const char *tk__pq_encoding_name(int64_t encoding);

/* ---- column.c: one leaf of a row group, entry by entry ---- */

struct tk__pq_column {
    const struct tk_parquet *file;
    const struct tk__pq_node *leaf;
    uint32_t index; /* of the leaf */
    /* the chunk */
    const struct tk__pq_chunk *chunk;
    int64_t at, end; /* of the file: what was not read yet */
    int64_t n_left;  /* entries that were not in a page yet */
    uint8_t *window; /* bytes that were read ahead; owned */
    size_t window_at, window_n, window_cap;
    /* the page */
    struct tk_buf page; /* unpacked */
    struct tk__pq_dictionary dictionary;
    bool has_dictionary;
    int64_t page_left; /* entries */
    struct tk__pq_runs reps, defs;
    struct tk__pq_decoder decoder;
    /* the entry */
    bool has_entry;
    uint32_t rep, def; /* its levels */
};

/* Stand before the first entry of a row group's chunk. */
void tk__pq_column_begin(struct tk__pq_column *c, size_t group);
void tk__pq_column_release(struct tk__pq_column *c);

/* See the levels of the next entry: 1 and c->rep, c->def; 0 at the end; or a code, with words. */
int tk__pq_column_peek(struct tk__pq_column *c, struct tk_err *reterr);

/* Take the entry that was seen and give its value, which there is when c->def is the leaf's largest. */
int tk__pq_column_take(struct tk__pq_column *c, struct tk__pq_value *ret, struct tk_err *reterr);

/* As tk__pq_fail(), with row group and column. */
int tk__pq_column_fail(const struct tk__pq_column *c, int code, struct tk_err *reterr,
                       const char *fmt, ...) TK_PRINTF(4, 5);

#endif
