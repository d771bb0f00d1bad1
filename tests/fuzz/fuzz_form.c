/* fuzz_form.c - a form: its head's line, a line end, its body
 *
 * Whatever the bytes: parts are slices of the body, in order, and come to an end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer's name */

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void require_inside(struct tk_str part, struct tk_str whole)
{
    require(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size +
                        1); /* of its own size, so that a sanitizer sees what is read behind it */
    struct tk__form f;
    struct tk_str name, value;
    const char *before;
    int rc;

    require(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    char *line_end = size > 0 ? memchr(copy, '\n', size) : NULL;
    size_t n = line_end ? (size_t)(line_end - copy) : size;
    struct tk_str type = { copy, n };
    struct tk_str body = { copy + n, size - n };
    before = body.p;
    rc = tk__form_open(&f, type, body);
    require(rc == 0 || rc == TK_E_FORMAT);
    while (rc == 0 && (rc = tk__form_next(&f, &name, &value)) > 0) {
        require_inside(name, body);
        require_inside(value, body);
        require(value.p > before);
        before = value.p;
        rc = 0;
    }
    require(rc == 0 || rc == TK_E_FORMAT);
    free(copy);
    return 0;
}
