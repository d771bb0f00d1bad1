/* Sounds, byte for byte those of Python's soundfile (tests/golden/media). */
#include "media/wav.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failmalloc.h"
#include "tap.h"

static struct tk_err err;

static struct tk_str golden(const char *name, char *out, size_t cap)
{
    char path[600];

    snprintf(path, sizeof(path), "%s/golden/media/%s", getenv("TK_TESTS_DIR"), name);
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(out, 1, cap, f) : 0;
    if (f)
        fclose(f);
    return (struct tk_str){ out, n };
}

static void file(const char *name)
{
    char in[8192], want[8192], sent[100];
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    snprintf(sent, sizeof(sent), "%s.sent.wav", name);
    struct tk_str w = golden(sent, want, sizeof(want));
    tk_buf_add_z(&out, "before");
    T_EQ_I(tk_wav_of_file(&out, golden(name, in, sizeof(in)), &err), 0, "%s: read", name);
    T_EQ_N(out.p, out.n - w.n, "before", 6, "%s: what stood there", name);
    T_OK(out.n == 6 + w.n && memcmp(out.p + 6, w.p, w.n) == 0, "%s: the same bytes", name);
    T_EQ_I(tk_wav_of_file(&out, w, &err), 0, "%s: and again", name);
    tk_buf_release(&out);
}

static void samples(void)
{
    static const unsigned char want[] = { 'd', 'a', 't',  'a',  8, 0,    0, 0,
                                          0,   0,   0xff, 0x7f, 0, 0x80, 0, 0x20 };
    static const double some[] = { 0, 1.5, -2, 0.25 };
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    T_EQ_I(tk_wav_of_samples(&out, some, 4, 44100, &err), 0, "four samples");
    T_OK(out.n == 52 && memcmp(out.p + 36, want, 16) == 0, "cut to the range, in sixteen bits");
    T_EQ_I(tk_wav_of_samples(&out, NULL, 0, 44100, &err), 0, "none");
    T_EQ_U(out.n, 52 + 44, "a head alone");
    T_EQ_I(tk_wav_of_samples(&out, some, 4, 0, &err), TK_E_RANGE, "no rate: %s", err.msg);
    T_EQ_I(tk_wav_of_samples(&out, some, 4, 1 << 30, &err), TK_E_RANGE, "too high: %s", err.msg);
    T_EQ_U(out.n, 52 + 44, "nothing was added");
    tk_buf_release(&out);
}

/* Clips of speech: tests/golden/media/sounds/make.py. */
static void clip(const char *name)
{
    char in[16384], want[8192], path[100], sent[110];
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    double seconds = 0;

    snprintf(path, sizeof(path), "sounds/%s", name);
    snprintf(sent, sizeof(sent), "%s.sent", path);
    struct tk_str w = golden(sent, want, sizeof(want));
    struct tk_str f = golden(path, in, sizeof(in));
    tk_buf_add_z(&out, "before");
    T_EQ_I(tk_wav_of_clip(&out, f, false, 30, &seconds, &err), 0, "%s: read", name);
    T_OK(w.n > 44 && out.n == 6 + w.n && memcmp(out.p + 6, w.p, w.n) == 0, "%s: the same bytes",
         name);
    T_NEAR(seconds, (double)(w.n - 44) / 2 / 8000, 1e-9, "%s: seconds", name);
    T_EQ_I(tk_wav_of_clip(&out, f, false, seconds / 2, &seconds, &err), 0, "%s: too long", name);
    T_OK(seconds > 0.09 && out.n == 6 + w.n, "%s: nothing was added", name);
    tk_buf_reset(&out);
    for (size_t n = 0; n < f.n; n += 1 + f.n / 100) { /* an error or not, never a crash */
        (void)tk_wav_of_clip(&out, (struct tk_str){ f.p, n }, false, 30, &seconds, &err);
        in[n] = (char)(in[n] ^ 0x55);
        (void)tk_wav_of_clip(&out, f, false, 30, &seconds, &err);
        in[n] = (char)(in[n] ^ 0x55);
        tk_buf_reset(&out);
    }
    tk_buf_release(&out);
}

static void clips(void)
{
    static const char *const names[] = { "mono.wav", "stereo.wav", "float.wav", "mono.flac",
                                         "stereo.flac" };
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    double seconds;

    for (size_t i = 0; i < TK_ARRAY_LEN(names); i++)
        clip(names[i]);
    T_EQ_I(tk_wav_of_clip(&out, TK_STR("no sound at all"), false, 30, &seconds, &err),
           TK_E_UNSUPPORTED, "a clip that is a text: %s", err.msg);
    T_EQ_U(out.n, 0, "nothing was added");
    tk_buf_release(&out);
}

static void damaged(void)
{
    char in[8192];
    struct tk_buf out = TK_BUF_INIT(1 << 20);
    struct tk_str flac = golden("tone.flac", in, sizeof(in));

    T_EQ_I(tk_wav_of_file(&out, (struct tk_str){ "", 0 }, &err), TK_E_UNSUPPORTED, "empty: %s",
           err.msg);
    T_EQ_I(tk_wav_of_file(&out, (struct tk_str){ "no sound at all", 15 }, &err), TK_E_UNSUPPORTED,
           "a text: %s", err.msg);
    for (size_t n = 0; n < flac.n; n += 7) {
        int rc = tk_wav_of_file(&out, (struct tk_str){ flac.p, n }, &err);
        if (rc != 0 && rc != TK_E_UNSUPPORTED)
            T_OK(false, "cut at %zu: %d", n, rc);
        tk_buf_reset(&out);
    }
    out.max = 200;
    T_EQ_I(tk_wav_of_file(&out, flac, &err), TK_E_LIMIT, "longer than the buffer may be: %s",
           err.msg);
    T_EQ_U(out.n, 0, "nothing was added");
    tk_buf_release(&out);
    tk_buf_init(&out, 1 << 20);
    tk_failmalloc_at(1);
    T_EQ_I(tk_wav_of_file(&out, flac, &err), -ENOMEM, "no memory: %s", err.msg);
    tk_failmalloc_off();
    tk_buf_release(&out);
}

int main(void)
{
    file("tone.flac");
    file("loud.wav");
    samples();
    clips();
    damaged();
    return T_DONE();
}
