/* json.h - reading JSON, one live document per parser, on demand
 *
 * A thin C face of simdjson (the one C++ file of the project, json_simdjson.cpp). Values are best
 * read in the order of the text: what is not read is skipped, and going back is allowed but walks
 * anew. UTF-8, quotes and control characters are checked in the whole text at once; the rest of a
 * document is checked as far as it is walked: an unbalanced or cut one is found when an iteration
 * reaches the damage.
 *
 *   struct tk_json_val root, v;
 *   struct tk_json_iter it;
 *   struct tk_str key;
 *   int rc = tk_json_parse(j, p, n, &root);
 *   if (rc == 0) rc = tk_json_obj(&root, &it);
 *   while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) { … rc = 0; }
 */
#ifndef TK_BASE_JSON_H
#define TK_BASE_JSON_H

#include "base/def.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Readable bytes that must stand behind every text given to tk_json_parse(). */
#define TK_JSON_PADDING 64

/* Depth of nesting past which a walk is refused: TK_E_FORMAT from the call that gets there. */
#define TK_JSON_MAX_DEPTH 256

enum tk_json_type {
    TK_JSON_NULL,
    TK_JSON_BOOL,
    TK_JSON_NUMBER,
    TK_JSON_STRING,
    TK_JSON_ARRAY,
    TK_JSON_OBJECT,
    TK_JSON_INVALID, /* the text is damaged here */
};

struct tk_json; /* a parser with its buffers; one thread */

/* A value and an iteration of the live document. Copies are as good as the original; both are void
 * after the next tk_json_parse(). Private: read by json_simdjson.cpp only. */
struct tk_json_val {
    struct tk_json *j;
    uint32_t at;    /* index of the value's first token */
    uint32_t depth; /* arrays and objects around it */
};
struct tk_json_iter {
    struct tk_json *j;
    uint32_t start; /* index of the opening bracket */
    uint32_t at;    /* index of the value given last, or of the first token inside */
    uint32_t depth; /* arrays and objects open here, this one too */
    uint32_t state; /* what comes next: enum walk in json_simdjson.cpp */
};

/* `max_bytes`: the longest document. Its buffers grow to the longest that was seen and are kept,
 * so that parsing does not allocate once warm. NULL when memory is out. */
struct tk_json *tk_json_new(size_t max_bytes);
struct tk_json *tk_json_free(struct tk_json *j);

/* Make [p, p+n) the live document; TK_JSON_PADDING readable bytes must follow. It must stay
 * unchanged while values of it, strings too, are used. 0; TK_E_FORMAT (empty, not UTF-8, an open
 * string, or the last token does not close the first); TK_E_LIMIT (longer than max_bytes);
 * -ENOMEM. */
int tk_json_parse(struct tk_json *j, const char *p, size_t n, struct tk_json_val *ret_root);

/* By the first character of an array, object, string or number; the words are checked whole. */
enum tk_json_type tk_json_type(struct tk_json_val *v);

/* Start to walk an object or an array. 0 or TK_E_FORMAT (also when it is another type). */
int tk_json_obj(struct tk_json_val *v, struct tk_json_iter *ret_it);
int tk_json_arr(struct tk_json_val *v, struct tk_json_iter *ret_it);

/* 1 with the next member or element, 0 at the end (and again after it), TK_E_FORMAT (and again
 * after it). The key is raw: escapes are not resolved. Members of one name all appear. */
int tk_json_obj_next(struct tk_json_iter *it, struct tk_str *ret_key, struct tk_json_val *ret_val);
int tk_json_arr_next(struct tk_json_iter *it, struct tk_json_val *ret_val);

/* Scalars; 0 or TK_E_FORMAT when it is something else. A string lives until the next
 * tk_json_parse() and may hold NUL bytes; it is valid UTF-8 (lone surrogates become U+FFFD). One
 * without escapes is a slice of the text itself. */
int tk_json_get_str(struct tk_json_val *v, struct tk_str *ret);
int tk_json_get_i64(struct tk_json_val *v, int64_t *ret);   /* 3.0 counts as 3; TK_E_RANGE */
int tk_json_get_double(struct tk_json_val *v, double *ret); /* TK_E_RANGE past the largest */
int tk_json_get_bool(struct tk_json_val *v, bool *ret);

/* The value's own text, for instance an object whole, without white space around it. 0, or
 * TK_E_FORMAT when its end is missing. */
int tk_json_get_raw(struct tk_json_val *v, struct tk_str *ret);

/* 1 when nothing but white space follows the root value, which was walked to its end; 0 if not. */
int tk_json_at_end(struct tk_json *j);

/* The value of the first member `key` (as its escapes read) of the object `v`. 0, TK_E_NOT_FOUND,
 * TK_E_FORMAT. For cold paths. */
int tk_json_find(struct tk_json_val *v, const char *key, struct tk_json_val *ret_val);

/* simdjson looks once, at its first use, which of its kernels suits the processor, and allocates a little
 * then, in a way that ends the program when there is no memory: by `cb`, if one was set, which must not
 * return. */
void tk_json_on_no_memory(void (*cb)(void));

/* Write the shortest decimal that reads back as `d` to `out` (32 bytes are enough), as Python's
 * repr does: "1.0", "0.1", "1e-07", "inf", "nan". Returns its length, not NUL-terminated. */
size_t tk_num_shortest(double d, char *out);

/* The double that the whole of `s` spells (decimal or exponent form, sign, "inf", "infinity", "nan"
 * in any case), correctly rounded and free of the locale; what is too small for a double is a zero.
 * 0, TK_E_FORMAT, TK_E_RANGE (too large). */
int tk_num_parse_double(struct tk_str s, double *ret);

#ifdef __cplusplus
}
#endif

#endif
