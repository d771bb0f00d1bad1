/* replay_main.c - run a fuzz target over its corpus, as a normal test
 *
 * Takes the place of libFuzzer's main() in every build without the option `fuzz`. Arguments are files and
 * folders; each file is one input and one TAP line. The line comes after the call, so a crash leaves the
 * plan missing, and the last name on stderr is the file. The empty input is always tried too.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* the target's; libFuzzer's name */

static int n_checks, n_failures;

static void result(bool ok, const char *name)
{
    n_checks++;
    n_failures += !ok;
    printf("%s %d - %s\n", ok ? "ok" : "not ok", n_checks, name);
    fflush(stdout);
}

/* An exact heap copy, so that a read past the end is seen. */
static uint8_t *read_whole(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = NULL;
    struct stat st;

    if (!f)
        return NULL;
    if (fstat(fileno(f), &st) == 0) {
        size_t n = (size_t)st.st_size;
        bytes = malloc(n > 0 ? n : 1);
        if (bytes && fread(bytes, 1, n, f) != n) {
            free(bytes);
            bytes = NULL;
        }
        *ret_n = n;
    }
    fclose(f);
    return bytes;
}

static void replay_file(const char *path, const char *name)
{
    size_t n = 0;
    uint8_t *bytes = read_whole(path, &n);

    if (!bytes) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        result(false, name);
        return;
    }
    fprintf(stderr, "%s, %zu bytes\n", name, n);
    LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    result(true, name);
}

static int is_visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void replay_folder(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_visible, alphasort);

    if (n <= 0) {
        fprintf(stderr, "%s: %s\n", folder, n < 0 ? strerror(errno) : "an empty corpus");
        result(false, "corpus");
        if (n == 0)
            free(entries);
        return;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        replay_file(path, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    uint8_t *nothing = calloc(1, 1);

    if (!nothing)
        return 1;
    LLVMFuzzerTestOneInput(nothing, 0);
    free(nothing);
    result(true, "empty input");
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) == 0 && !S_ISDIR(st.st_mode))
            replay_file(argv[i], argv[i]);
        else
            replay_folder(argv[i]);
    }
    printf("1..%d\n", n_checks);
    return n_failures > 0;
}
