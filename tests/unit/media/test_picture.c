/* Pictures of all kinds: what becomes of them is what vLLM sends (tests/golden/media/pictures/make.py). */
#include "media/picture.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "failmalloc.h"
#include "tap.h"

#define MAX_FILE ((size_t)1 << 20)

static char folder[512];
static struct tk_err err;

static size_t slurp(const char *name, char *out)
{
    char path[900];
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rbe");
    n = f ? fread(out, 1, MAX_FILE, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static int read_bytes(const char *p, size_t n)
{
    struct tk_picture picture;
    int rc = tk_picture_read((struct tk_str){ p, n }, &picture, &err);

    tk_picture_release(&picture);
    return rc;
}

static void compare(const char *name)
{
    static char bytes[MAX_FILE], want[MAX_FILE];
    struct tk_buf out = TK_BUF_INIT(MAX_FILE);
    struct tk_picture picture;
    char sent[300];
    size_t n = slurp(name, bytes), n_silent = 0;

    snprintf(sent, sizeof(sent), "%s.sent", name);
    size_t n_want = slurp(sent, want);
    err.msg[0] = '\0';
    T_EQ_I(tk_picture_read((struct tk_str){ bytes, n }, &picture, &err), 0, "%s: read %s", name,
           err.msg);
    T_EQ_U(picture.width, 37, "%s: width", name);
    T_EQ_U(picture.height, 29, "%s: height", name);
    T_EQ_I(tk_picture_to_jpeg(&picture, &out), 0, "%s: written", name);
    T_OK(n_want > 0 && out.n == n_want && memcmp(out.p, want, n_want) == 0,
         "%s: the bytes are vLLM's (%zu, want %zu)", name, out.n, n_want);
    tk_picture_release(&picture);
    tk_buf_release(&out);
    for (size_t k = 0; k + 12 < n; k++) { /* of PNG the last chunk's sum may be missing */
        char *copy = malloc(k + 1);
        memcpy(copy, bytes, k);
        n_silent += read_bytes(copy, k) == 0;
        free(copy);
    }
    T_OK(n_silent <= 2, "%s: a file that is cut is an error (%zu are not)", name, n_silent);
    for (size_t k = 0; k < n; k++) { /* an error or not, never a crash */
        char *copy = malloc(n);
        memcpy(copy, bytes, n);
        copy[k] = (char)(copy[k] ^ (k % 2 ? 0xFF : 0x11));
        (void)read_bytes(copy, n);
        free(copy);
    }
}

static void test_files(void)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, NULL, alphasort), n_files = 0;

    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name, *dot = strrchr(name, '.');
        if (dot && (strcmp(dot, ".png") == 0 || strcmp(dot, ".jpg") == 0)) {
            compare(name);
            n_files++;
        }
        free(entries[i]);
    }
    free(entries);
    T_OK(n_files > 10, "there are pictures");
}

static void test_refused(void)
{
    static char bytes[MAX_FILE];
    size_t n = slurp("rgb.png", bytes);

    T_EQ_I(read_bytes("GIF89a", 6), TK_E_UNSUPPORTED, "another kind: %s", err.msg);
    T_EQ_I(read_bytes(NULL, 0), TK_E_UNSUPPORTED, "nothing");
    T_EQ_I(read_bytes(bytes, n / 2), TK_E_FORMAT, "half of one: %s", err.msg);
    memcpy(bytes + 16, "\0\1\0\0\0\1\0\0",
           8); /* 65,536 x 65,536; the sum of the chunk is wrong then */
    T_OK(read_bytes(bytes, n) < 0, "a bomb: %s", err.msg);
}

static void turned(const char *p, size_t n, const char *name)
{
    static char want[MAX_FILE];
    struct tk_buf out = TK_BUF_INIT(MAX_FILE);
    struct tk_picture picture;
    size_t n_want = slurp(name, want);

    T_EQ_I(tk_picture_read((struct tk_str){ p, n }, &picture, &err), 0, "%s: read", name);
    T_EQ_I(tk_picture_turn(&picture), 0, "%s: turned", name);
    T_EQ_I(tk_picture_turn(&picture), 0, "%s: once", name);
    T_EQ_I(tk_picture_to_jpeg(&picture, &out), 0, "%s: written", name);
    T_OK(n_want > 0 && out.n == n_want && memcmp(out.p, want, n_want) == 0,
         "%s: the bytes are those of `datasets` and vLLM (%zu, want %zu)", name, out.n, n_want);
    tk_picture_release(&picture);
    tk_buf_release(&out);
}

/* All ways up, and what says none; what test_files() reads is not turned. */
static void test_turned(void)
{
    static const char entry[] = "\x01\x12\0\x03\0\0\0\x01\0\x06";
    static char bytes[MAX_FILE];
    size_t n = slurp("exif.jpg", bytes);
    char *at = memmem(bytes, n, entry, sizeof(entry) - 1);

    if (!T_OK(at, "there is an orientation"))
        return;
    for (char way = 1; way <= 8; way++) {
        char name[50];
        at[9] = way;
        snprintf(name, sizeof(name), "exif.turned%d", way);
        turned(bytes, n, name);
    }
    at[9] = 9;
    turned(bytes, n, "exif.turned1");
    memcpy(at + 2, "\0\4\0\0\0\1\0\0\0\6", 10); /* 32 bits; the list ends behind it */
    turned(bytes, n, "exif.turned6");
    at[7] = 2;
    turned(bytes, n, "exif.turned1");
    turned(bytes, slurp("exif.png", bytes), "exif.png.turned");
    turned(bytes, slurp("xmp.jpg", bytes), "xmp.jpg.turned");
}

/* Directories that are not what they say: an answer, whatever it is. */
static void test_hostile_exif(void)
{
    static const char tiff[] = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0";

    T_EQ_I(tk__picture_orientation((struct tk_str){ tiff, sizeof(tiff) - 1 }), 6,
           "as it should be");
    for (size_t n = 0; n < sizeof(tiff) - 1; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, tiff, n);
        T_EQ_I(tk__picture_orientation((struct tk_str){ copy, n }), 0, "cut after %zu bytes", n);
        free(copy);
    }
    for (size_t i = 0; i < sizeof(tiff) - 1; i++) {
        char copy[sizeof(tiff)];
        memcpy(copy, tiff, sizeof(tiff));
        copy[i] = (char)0xFF;
        (void)tk__picture_orientation((struct tk_str){ copy, sizeof(tiff) - 1 });
    }
}

/* Where the last scan begins, and how many there are. */
static size_t last_scan(const char *bytes, size_t n, unsigned *ret_n)
{
    size_t at = 0;

    *ret_n = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        if (memcmp(bytes + i, "\xff\xda", 2) == 0) {
            at = i;
            (*ret_n)++;
        }
    }
    return at;
}

/* A scan that is there again and again. */
static void test_scans(void)
{
    static char bytes[MAX_FILE];
    struct tk_buf many = TK_BUF_INIT(MAX_FILE);
    size_t n = slurp("progressive.jpg", bytes);
    unsigned n_scans;
    size_t at = last_scan(bytes, n, &n_scans);

    T_OK(n_scans > 5, "a progressive picture has %u scans", n_scans);
    (void)tk_buf_add(&many, bytes, n - 2);
    while (n_scans++ < TK_PICTURE_MAX_SCANS)
        (void)tk_buf_add(&many, bytes + at, n - 2 - at);
    (void)tk_buf_add_z(&many, "\xff\xd9");
    T_EQ_I(read_bytes(many.p, many.n), 0, "as many scans as may be: %s", err.msg);
    many.n -= 2;
    (void)tk_buf_add(&many, bytes + at, n - at);
    T_EQ_I(many.failed, 0, "%zu bytes", many.n);
    T_EQ_I(read_bytes(many.p, many.n), TK_E_LIMIT, "one more");
    T_EQ_S(err.msg, "a JPEG of more than 500 scans", "words");
    tk_buf_release(&many);
}

static void test_no_memory(void)
{
    static char bytes[MAX_FILE];
    static const char *const names[] = { "rgba.png", "progressive.jpg" };

    for (size_t i = 0; i < 2; i++) {
        size_t size = slurp(names[i], bytes);
        for (int n = 1;; n++) {
            tk_failmalloc_at(n);
            int rc = read_bytes(bytes, size);
            if (!tk_failmalloc_off())
                break;
            T_EQ_I(rc, -ENOMEM, "%s: allocation %d fails", names[i], n);
        }
    }
    struct tk_picture picture;
    size_t size = slurp("exif.jpg", bytes);
    T_EQ_I(tk_picture_read((struct tk_str){ bytes, size }, &picture, &err), 0, "read");
    tk_failmalloc_at(1);
    T_EQ_I(tk_picture_turn(&picture), -ENOMEM, "no memory to turn it");
    (void)tk_failmalloc_off();
    T_EQ_U(picture.width, 37, "it is as before");
    tk_picture_release(&picture);
}

int main(void)
{
    snprintf(folder, sizeof(folder), "%s/golden/media/pictures", getenv("TK_TESTS_DIR"));
    test_files();
    test_refused();
    test_turned();
    test_hostile_exif();
    test_scans();
    test_no_memory();
    return T_DONE();
}
