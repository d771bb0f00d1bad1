/* fuzz_json.c - walk whatever text whole, and again in part
 *
 * The text stands in memory of its own size and padding, so that AddressSanitizer sees a read past
 * it. A document that was walked to its end without an error must give the same again, and raw texts
 * that parse on their own.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t n_values;
    uint64_t n_bytes; /* of strings and keys */
};

static int walk(struct tk_json_val *v, struct sum *sum);

static int walk_object(struct tk_json_val *v, struct sum *sum)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    struct tk_str key;
    int rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &item)) > 0) {
        sum->n_bytes += key.n;
        rc = walk(&item, sum);
    }
    return rc;
}

static int walk_array(struct tk_json_val *v, struct sum *sum)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_arr(v, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = walk(&item, sum);
    return rc;
}

static bool is_utf8_lead_sane(struct tk_str s)
{
    return s.n == 0 || ((unsigned char)s.p[0] & 0xC0) != 0x80;
}

static int walk(struct tk_json_val *v, struct sum *sum)
{
    struct tk_str s;
    double d;
    int64_t i;
    bool b;
    int rc;
    sum->n_values++;
    switch (tk_json_type(v)) {
    case TK_JSON_OBJECT:
        return walk_object(v, sum);
    case TK_JSON_ARRAY:
        return walk_array(v, sum);
    case TK_JSON_STRING:
        rc = tk_json_get_str(v, &s);
        if (rc == 0 && !is_utf8_lead_sane(s))
            abort();
        sum->n_bytes += rc == 0 ? s.n : 0;
        return rc;
    case TK_JSON_NUMBER:
        (void)tk_json_get_i64(v, &i);
        return tk_json_get_double(v, &d);
    case TK_JSON_BOOL:
        return tk_json_get_bool(v, &b);
    case TK_JSON_NULL:
        return 0;
    default:
        return -1;
    }
}

/* What the walk leaves out: find, raw texts, iterations left early. */
static void poke(struct tk_json_val root)
{
    struct tk_json_iter it;
    struct tk_json_val v, found;
    struct tk_str key, raw;
    if (tk_json_get_raw(&root, &raw) == 0 && raw.n == 0)
        abort();
    (void)tk_json_find(&root, "choices", &found);
    if (tk_json_obj(&root, &it) == 0) {
        while (tk_json_obj_next(&it, &key, &v) > 0)
            poke(v);
    } else if (tk_json_arr(&root, &it) == 0) {
        while (tk_json_arr_next(&it, &v) > 0)
            (void)tk_json_get_raw(&v, &raw);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tk_json *j;
    struct tk_json_val root;
    struct sum first = { 0 };
    struct sum second = { 0 };
    if (!j)
        j = tk_json_new(1 << 20);
    char *text = malloc(size + TK_JSON_PADDING);
    if (!j || !text)
        abort();
    if (size)
        memcpy(text, data, size);
    memset(text + size, '"', TK_JSON_PADDING);
    if (tk_json_parse(j, text, size, &root) == 0) {
        int rc = walk(&root, &first);
        if (rc == 0 && !tk_json_at_end(j) && tk_json_type(&root) != TK_JSON_OBJECT &&
            tk_json_type(&root) != TK_JSON_ARRAY)
            abort();
        poke(root);
        if (walk(&root, &second) != rc || first.n_values != second.n_values ||
            first.n_bytes != second.n_bytes)
            abort();
    }
    free(text);
    return 0;
}
