/* golden.h - compare bytes with a file under tests/golden, or write it when TK_GOLDEN_UPDATE is set
 *
 * `make golden` sets it; look at git diff afterwards. Needs $TK_TESTS_DIR. Include after tap.h.
 */
#ifndef TK_TESTS_GOLDEN_H
#define TK_TESTS_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* Where the texts begin to differ, one line of each. */
static T_UNUSED void t_golden_show(const char *got, const char *want)
{
    size_t line = 1, begin = 0, i = 0;

    for (; got[i] && got[i] == want[i]; i++) {
        if (got[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    fprintf(stderr, "    line %zu\n    got  %.*s\n    want %.*s\n", line,
            (int)strcspn(got + begin, "\n"), got + begin, (int)strcspn(want + begin, "\n"),
            want + begin);
}

/* `got` is NUL-terminated; `name` is the file's path below tests/golden. */
static T_UNUSED bool t_golden(const char *got, const char *name)
{
    char path[1024];
    const char *folder = getenv("TK_TESTS_DIR");
    bool is_update = getenv("TK_GOLDEN_UPDATE") != NULL;

    snprintf(path, sizeof(path), "%s/golden/%s", folder ? folder : "tests", name);
    FILE *f = fopen(path, is_update ? "w" : "r");
    if (!f)
        return T_OK(false, "golden %s: cannot be opened (%s)", name, path);
    if (is_update) {
        fputs(got, f);
        fclose(f);
        return T_OK(true, "golden %s: written", name);
    }
    size_t cap = strlen(got) + 4096;
    char *want = calloc(1, cap + 1);
    if (want && fread(want, 1, cap, f) == 0)
        want[0] = '\0';
    fclose(f);
    bool ok = T_OK(want && strcmp(got, want) == 0, "golden %s", name);
    if (!ok && want)
        t_golden_show(got, want);
    free(want);
    return ok;
}

#define T_GOLDEN(got, name) t_golden((got), (name))

#endif
