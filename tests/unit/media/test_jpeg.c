/* Images of noise, byte for byte those of PIL (tests/golden/media). */
#include "media/jpeg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/pcg.h"
#include "failmalloc.h"
#include "tap.h"

static size_t golden(unsigned seed, unsigned width, unsigned height, char *out, size_t cap)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/golden/media/noise-%u-%ux%u.jpg", getenv("TK_TESTS_DIR"), seed,
             width, height);
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(out, 1, cap, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void noise(unsigned seed, unsigned width, unsigned height)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_pcg pcg;
    char want[4096];
    uint8_t rgb[16 * 16 * 3];
    size_t n = golden(seed, width, height, want, sizeof(want));

    tk_pcg_seed(&pcg, seed);
    tk_pcg_bytes(&pcg, rgb, (size_t)width * height * 3);
    tk_buf_add_z(&out, "before");
    T_EQ_I(tk_jpeg_add(&out, rgb, width, height), 0, "%u x %u: made", width, height);
    T_EQ_U(out.n, 6 + n, "%u x %u: as long as PIL's", width, height);
    T_OK(out.n == 6 + n && memcmp(out.p + 6, want, n) == 0, "%u x %u: the same bytes", width,
         height);
    T_OK(out.p[out.n] == '\0' && memcmp(out.p, "before", 6) == 0, "%u x %u: what stood there",
         width, height);
    tk_buf_release(&out);
}

/* A large one goes through the buffer's growth. */
static void large(void)
{
    enum { SIDE = 700 };
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    uint8_t *rgb = malloc((size_t)SIDE * SIDE * 3);
    struct tk_pcg pcg;

    tk_pcg_seed(&pcg, 1);
    tk_pcg_bytes(&pcg, rgb, (size_t)SIDE * SIDE * 3);
    T_EQ_I(tk_jpeg_add(&out, rgb, SIDE, SIDE), 0, "a large one");
    T_OK(out.n > 200000 && memcmp(out.p + out.n - 2, "\xff\xd9", 2) == 0, "has its end: %zu bytes",
         out.n);
    tk_buf_release(&out);
    for (int n = 1; n <= 3; n++) {
        tk_failmalloc_at(n);
        T_EQ_I(tk_jpeg_add(&out, rgb, SIDE, SIDE), -ENOMEM, "allocation %d fails", n);
        tk_failmalloc_off();
        T_EQ_U(out.n, 0, "nothing was added");
        tk_buf_release(&out);
        tk_buf_init(&out, 1 << 20);
    }
    out.max = 100000;
    T_EQ_I(tk_jpeg_add(&out, rgb, SIDE, SIDE), TK_E_LIMIT, "longer than the buffer may be");
    T_EQ_U(out.n, 0, "nothing was added");
    tk_buf_release(&out);
    free(rgb);
}

int main(void)
{
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    const uint8_t rgb[3] = { 0 };

    noise(0, 16, 16);
    noise(2, 5, 7);
    large();
    T_EQ_I(tk_jpeg_add(&out, rgb, 0, 1), TK_E_RANGE, "no width");
    T_EQ_I(tk_jpeg_add(&out, rgb, 1, 0), TK_E_RANGE, "no height");
    T_EQ_I(tk_jpeg_add(&out, rgb, 65501, 1), TK_E_RANGE, "too wide");
    T_EQ_I(tk_jpeg_add(&out, rgb, 1, 65501), TK_E_RANGE, "too high");
    tk_buf_release(&out);
    return T_DONE();
}
