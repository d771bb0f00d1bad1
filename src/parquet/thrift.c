/* thrift.c - Thrift's compact protocol
 *
 * A struct is a row of fields, each with the distance of its number from the one before and a type in
 * one byte, a zero byte at its end. Integers are zigzag varints. Nothing is allocated; the nesting of
 * what is skipped is bounded, and a list cannot have more elements than bytes are left, as each takes
 * one at least.
 */
#include "parquet/thrift.h"

#include "base/err.h"
#include "base/varint.h"

#define MAX_DEPTH 64

static void fail(struct tk__thrift *t, bool is_short)
{
    t->is_short = t->is_short || (is_short && !t->failed);
    t->failed = true;
    t->p = t->end;
}

static uint8_t byte(struct tk__thrift *t)
{
    if (t->p == t->end) {
        fail(t, true);
        return 0;
    }
    return *t->p++;
}

static void pass(struct tk__thrift *t, uint64_t n)
{
    if (n > (uint64_t)(t->end - t->p))
        fail(t, true);
    else
        t->p += n;
}

uint64_t tk__thrift_varint(struct tk__thrift *t)
{
    uint64_t v = 0;
    int rc = tk_varint_get(&t->p, t->end, &v);

    if (rc != 0)
        fail(t, rc == TK_E_MORE);
    return v;
}

static int64_t zigzag(struct tk__thrift *t)
{
    return tk_unzigzag(tk__thrift_varint(t));
}

bool tk__thrift_field(struct tk__thrift *t, struct tk__thrift_field *f)
{
    uint8_t b = byte(t);

    if (b == 0)
        return false; /* the end, or a failure */
    f->type = b & 0x0F;
    int64_t id = b >> 4 ? f->id + (b >> 4) : zigzag(t);
    if (id < INT16_MIN || id > INT16_MAX || f->type == 0 || f->type > TK__THRIFT_STRUCT)
        fail(t, false);
    f->id = id;
    return !t->failed;
}

static bool is_int(unsigned type)
{
    return type >= TK__THRIFT_I16 && type <= TK__THRIFT_I64;
}

int64_t tk__thrift_int(struct tk__thrift *t, const struct tk__thrift_field *f)
{
    if (f->type == TK__THRIFT_BYTE)
        return (int8_t)byte(t);
    if (is_int(f->type))
        return zigzag(t);
    tk__thrift_skip(t, f);
    return 0;
}

bool tk__thrift_bool(struct tk__thrift *t, const struct tk__thrift_field *f)
{
    tk__thrift_skip(t, f);
    return f->type == TK__THRIFT_TRUE;
}

struct tk_str tk__thrift_bytes(struct tk__thrift *t, const struct tk__thrift_field *f)
{
    struct tk_str s = { NULL, 0 };

    if (f->type != TK__THRIFT_BYTES) {
        tk__thrift_skip(t, f);
        return s;
    }
    uint64_t n = tk__thrift_varint(t);
    s.p = (const char *)t->p;
    pass(t, n);
    s.n = t->failed ? 0 : n;
    return s;
}

bool tk__thrift_is_struct(struct tk__thrift *t, const struct tk__thrift_field *f)
{
    if (f->type == TK__THRIFT_STRUCT)
        return true;
    tk__thrift_skip(t, f);
    return false;
}

/* The head of a list: how many, of what type. */
static uint64_t list_head(struct tk__thrift *t, unsigned *ret_type)
{
    uint8_t b = byte(t);
    uint64_t n = b >> 4 == 15 ? tk__thrift_varint(t) : b >> 4;

    *ret_type = b & 0x0F;
    if (n > (uint64_t)(t->end - t->p))
        fail(t, true);
    return t->failed ? 0 : n;
}

size_t tk__thrift_structs(struct tk__thrift *t, const struct tk__thrift_field *f)
{
    unsigned type;

    if (f->type != TK__THRIFT_LIST) {
        tk__thrift_skip(t, f);
        return 0;
    }
    uint64_t n = list_head(t, &type);
    if (n > 0 && type != TK__THRIFT_STRUCT)
        fail(t, false);
    return t->failed ? 0 : n;
}

static void skip(struct tk__thrift *t, unsigned type, bool is_element, unsigned depth);

static void skip_struct(struct tk__thrift *t, unsigned depth)
{
    struct tk__thrift_field f = { 0, 0 };

    while (tk__thrift_field(t, &f))
        skip(t, f.type, false, depth + 1);
}

static void skip_list(struct tk__thrift *t, unsigned depth)
{
    unsigned type;

    for (uint64_t n = list_head(t, &type); n > 0 && !t->failed; n--)
        skip(t, type, true, depth + 1);
}

static void skip_map(struct tk__thrift *t, unsigned depth)
{
    uint64_t n = tk__thrift_varint(t);
    uint8_t types = n > 0 ? byte(t) : 0;

    for (; n > 0 && !t->failed; n--) {
        skip(t, types >> 4, true, depth + 1);
        skip(t, types & 0x0F, true, depth + 1);
    }
}

/* A bool is in its field's type, and a byte of its own as an element. */
static void skip(struct tk__thrift *t, unsigned type, bool is_element, unsigned depth)
{
    if (depth > MAX_DEPTH)
        fail(t, false);
    else if (type == TK__THRIFT_TRUE || type == TK__THRIFT_FALSE)
        pass(t, is_element);
    else if (type == TK__THRIFT_BYTE)
        pass(t, 1);
    else if (is_int(type))
        (void)tk__thrift_varint(t);
    else if (type == TK__THRIFT_DOUBLE)
        pass(t, 8);
    else if (type == TK__THRIFT_BYTES)
        pass(t, tk__thrift_varint(t));
    else if (type == TK__THRIFT_LIST || type == TK__THRIFT_SET)
        skip_list(t, depth);
    else if (type == TK__THRIFT_MAP)
        skip_map(t, depth);
    else if (type == TK__THRIFT_STRUCT)
        skip_struct(t, depth);
    else
        fail(t, false);
}

void tk__thrift_skip(struct tk__thrift *t, const struct tk__thrift_field *f)
{
    skip(t, f->type, false, 0);
}
