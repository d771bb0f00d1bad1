/* thrift.h - Thrift's compact protocol, as far as Parquet uses it: reading, in place, with bounds
 *
 * A cursor with a failure that sticks: after it every read gives 0 or nothing, so that a caller looks
 * once at the end. Strings are slices of the bytes that are read.
 */
#ifndef TK_PARQUET_THRIFT_H
#define TK_PARQUET_THRIFT_H

#include "base/def.h"

enum tk__thrift_type {
    TK__THRIFT_TRUE = 1, /* as a field: a bool that is true */
    TK__THRIFT_FALSE = 2,
    TK__THRIFT_BYTE = 3,
    TK__THRIFT_I16 = 4,
    TK__THRIFT_I32 = 5,
    TK__THRIFT_I64 = 6,
    TK__THRIFT_DOUBLE = 7,
    TK__THRIFT_BYTES = 8,
    TK__THRIFT_LIST = 9,
    TK__THRIFT_SET = 10,
    TK__THRIFT_MAP = 11,
    TK__THRIFT_STRUCT = 12,
};

struct tk__thrift {
    const uint8_t *p, *end; /* what is left */
    bool failed;
    bool is_short; /* it failed because the bytes ended */
};

struct tk__thrift_field {
    int64_t id; /* 0 before the first one of a struct */
    unsigned type;
};

/* The next field of the struct: false at its end and after a failure. */
bool tk__thrift_field(struct tk__thrift *t, struct tk__thrift_field *f);

/* What the field holds. Of another type: 0, false, nothing, and the value is skipped. */
int64_t tk__thrift_int(struct tk__thrift *t, const struct tk__thrift_field *f);
bool tk__thrift_bool(struct tk__thrift *t, const struct tk__thrift_field *f);
struct tk_str tk__thrift_bytes(struct tk__thrift *t, const struct tk__thrift_field *f);
bool tk__thrift_is_struct(struct tk__thrift *t, const struct tk__thrift_field *f);

/* How many structs follow, each to be read by fields. */
size_t tk__thrift_structs(struct tk__thrift *t, const struct tk__thrift_field *f);

/* Pass over the field. */
void tk__thrift_skip(struct tk__thrift *t, const struct tk__thrift_field *f);

uint64_t tk__thrift_varint(struct tk__thrift *t);

#endif
