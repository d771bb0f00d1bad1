/* files.h - small files for tests, gone when the program ends */
#ifndef TK_TESTS_UNIT_DATA_FILES_H
#define TK_TESTS_UNIT_DATA_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char test_dir[256];

static inline void remove_test_dir(void)
{
    char command[sizeof(test_dir) + 16];
    snprintf(command, sizeof(command), "rm -rf '%s'", test_dir);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", test_dir);
}

/* A folder of this program's own. */
static inline void make_test_dir(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(test_dir, sizeof(test_dir), "%s/tk-data-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(test_dir)) {
        perror(test_dir);
        exit(77);
    }
    atexit(remove_test_dir);
}

/* The path of `name` in it; valid until the next call. */
static inline const char *test_path(const char *name)
{
    static char path[sizeof(test_dir) + 64];
    snprintf(path, sizeof(path), "%s/%s", test_dir, name);
    return path;
}

/* Write the file and return its path. */
static inline const char *test_file(const char *name, const char *bytes, size_t n)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0) {
        perror(path);
        exit(77);
    }
    return path;
}

static inline const char *test_text(const char *name, const char *text)
{
    return test_file(name, text, strlen(text));
}

#endif
