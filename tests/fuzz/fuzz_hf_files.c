/* fuzz_hf_files.c - whatever a README and the names of files are, choosing ends, with files or with words
 *
 * The input is a README up to the first NUL byte, then names of files, a NUL byte behind each.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/hf_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_NAMES 30
#define MAX_NAME 60

static void choose(const struct tk__hf_folder *folder, const char *subset, const char *split)
{
    struct tk__names got;
    struct tk_err err = { .msg = "" };
    int rc = tk__hf_choose(folder, subset, split, &got, &err);

    if ((rc == 0) != (got.n > 0) || (rc != 0 && err.msg[0] == '\0'))
        abort();
    tk__names_release(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tk__hf_folder folder = { .what = "x" };
    size_t n = size > 0 ? strnlen((const char *)data, size) : 0;

    folder.readme = (struct tk_str){ (const char *)data, n };
    for (size_t at = n + 1; at < size && folder.all.n < MAX_NAMES;) {
        size_t k = strnlen((const char *)data + at, size - at);
        if (k > 0 && tk__names_add(&folder.all, (struct tk_str){ (const char *)data + at,
                                                                 TK_MIN(k, MAX_NAME) }) != 0)
            break;
        at += k + 1;
    }
    tk__names_sort(&folder.all);
    for (int i = 0; i < 2; i++) {
        folder.is_converted = i == 1;
        choose(&folder, NULL, NULL);
        choose(&folder, NULL, "train");
        choose(&folder, "a", "test");
    }
    tk__names_release(&folder.all);
    return 0;
}
