/* wav.c - sound as a WAV file of 16-bit samples, by libsndfile
 *
 * The library reads and writes what looks like a file to it and is memory: the bytes that there are, or the
 * end of a buffer. Samples that leave the range from -1 to 1 are cut to it, as Python's soundfile has it.
 */
#include "media/wav.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sndfile.h>

#define MAX_RATE 10000000
#define CHUNK 8192 /* samples on the way from one file to the other */

/* A file in memory: `in` to read, or what `out` has behind `begin` to write. */
struct memory {
    struct tk_str in;
    struct tk_buf *out;
    size_t begin, at; /* `at` counts from the file's begin */
};

static size_t size_of(const struct memory *m)
{
    return m->out ? m->out->n - m->begin : m->in.n;
}

static sf_count_t on_size(void *owner)
{
    return (sf_count_t)size_of(owner);
}

static sf_count_t on_seek(sf_count_t offset, int whence, void *owner)
{
    struct memory *m = owner;
    sf_count_t from = whence == SEEK_CUR   ? (sf_count_t)m->at
                      : whence == SEEK_END ? (sf_count_t)size_of(m)
                                           : 0;

    if (offset < -from || offset > (sf_count_t)size_of(m) - from) /* it comes from the file, too */
        return -1;
    m->at = (size_t)(from + offset);
    return (sf_count_t)m->at;
}

static sf_count_t on_read(void *to, sf_count_t n, void *owner)
{
    struct memory *m = owner;
    const char *from = m->out ? m->out->p + m->begin : m->in.p;
    size_t some = TK_MIN((size_t)TK_MAX(n, 0), size_of(m) - m->at);

    if (some > 0)
        memcpy(to, from + m->at, some);
    m->at += some;
    return (sf_count_t)some;
}

static sf_count_t on_write(const void *from, sf_count_t n, void *owner)
{
    struct memory *m = owner;
    size_t over = TK_MIN((size_t)n, size_of(m) - m->at); /* bytes that stand there already */

    if (over > 0)
        memcpy(m->out->p + m->begin + m->at, from, over);
    if (tk_buf_add(m->out, (const char *)from + over, (size_t)n - over) != 0)
        return 0;
    m->at += (size_t)n;
    return n;
}

static sf_count_t on_tell(void *owner)
{
    return (sf_count_t)((const struct memory *)owner)->at;
}

static SNDFILE *open_memory(struct memory *m, int mode, SF_INFO *info)
{
    SF_VIRTUAL_IO io = {
        .get_filelen = on_size, .seek = on_seek, .read = on_read, .write = on_write, .tell = on_tell
    };
    SNDFILE *f = sf_open_virtual(&io, mode, info, m);

    if (f)
        (void)sf_command(f, SFC_SET_CLIPPING, NULL, SF_TRUE);
    return f;
}

static int fail(const struct memory *m, SNDFILE *f, struct tk_err *reterr)
{
    if (m->out && m->out->failed)
        return tk_err_set(reterr, m->out->failed, "the sound is too long: %s",
                          tk_err_text(m->out->failed));
    return tk_err_set(reterr, TK_E_UNSUPPORTED, "the sound cannot be used: %s", sf_strerror(f));
}

/* The end of the file that was written, or the buffer as it was. */
static int finish(struct memory *m, SNDFILE *f, int rc, struct tk_err *reterr)
{
    if (f && sf_close(f) != 0 && rc == 0)
        rc = fail(m, NULL, reterr);
    if (rc == 0 && m->out->failed)
        rc = fail(m, NULL, reterr);
    if (rc != 0) {
        m->out->n = m->begin;
        if (m->out->p)
            m->out->p[m->begin] = '\0';
    }
    return rc;
}

static SNDFILE *begin_wav(struct memory *m, struct tk_buf *out, int channels, int rate)
{
    SF_INFO info = { .samplerate = rate,
                     .channels = channels,
                     .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16 };

    *m = (struct memory){ .out = out, .begin = out->n };
    return open_memory(m, SFM_WRITE, &info);
}

static int copy_frames(SNDFILE *from, SNDFILE *to, int channels)
{
    double samples[CHUNK];
    sf_count_t n, most = CHUNK / channels;

    while ((n = sf_readf_double(from, samples, most)) > 0) {
        if (sf_writef_double(to, samples, n) != n)
            return TK_E_UNSUPPORTED;
    }
    return 0;
}

int tk_wav_of_file(struct tk_buf *out, struct tk_str file, struct tk_err *reterr)
{
    struct memory from = { .in = file }, to;
    SF_INFO info = { 0 };
    SNDFILE *in = open_memory(&from, SFM_READ, &info);

    if (!in)
        return fail(&from, NULL, reterr);
    if (info.channels < 1 || info.channels > CHUNK) {
        (void)sf_close(in);
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "a sound of %d channels", info.channels);
    }
    SNDFILE *f = begin_wav(&to, out, info.channels, info.samplerate);
    int rc = f ? copy_frames(in, f, info.channels) : TK_E_UNSUPPORTED;
    if (rc != 0)
        rc = fail(&to, f, reterr);
    (void)sf_close(in);
    return finish(&to, f, rc, reterr);
}

/* The mean of the channels of each frame, in place. */
static void mix(float *frames, sf_count_t n, int channels)
{
    for (sf_count_t i = 0; i < n; i++) {
        float sum = frames[i * channels];
        for (int k = 1; k < channels; k++)
            sum += frames[i * channels + k];
        frames[i] = sum / (float)channels;
    }
}

/* Up to `most` frames and a little more; *ret_n is how many there were. */
static int copy_floats(SNDFILE *from, SNDFILE *to, int channels, bool keeps_channels, double most,
                       int64_t *ret_n)
{
    float frames[CHUNK];
    sf_count_t n;

    *ret_n = 0;
    while ((double)*ret_n <= most && (n = sf_readf_float(from, frames, CHUNK / channels)) > 0) {
        if (!keeps_channels)
            mix(frames, n, channels);
        if (sf_writef_float(to, frames, n) != n)
            return TK_E_UNSUPPORTED;
        *ret_n += n;
    }
    return 0;
}

int tk_wav_of_clip(struct tk_buf *out, struct tk_str file, bool keeps_channels, double max_seconds,
                   double *ret_seconds, struct tk_err *reterr)
{
    struct memory from = { .in = file }, to;
    SF_INFO info = { 0 };
    int64_t n = 0;
    SNDFILE *in = open_memory(&from, SFM_READ, &info);

    if (!in)
        return fail(&from, NULL, reterr);
    if (info.channels < 1 || info.channels > CHUNK || info.samplerate < 1) {
        (void)sf_close(in);
        return tk_err_set(reterr, TK_E_UNSUPPORTED, "a sound of %d channels", info.channels);
    }
    SNDFILE *f = begin_wav(&to, out, keeps_channels ? info.channels : 1, info.samplerate);
    int rc = f ? copy_floats(in, f, info.channels, keeps_channels, max_seconds * info.samplerate,
                             &n)
               : TK_E_UNSUPPORTED;
    if (rc != 0)
        rc = fail(&to, f, reterr);
    (void)sf_close(in);
    rc = finish(&to, f, rc, reterr);
    *ret_seconds = (double)n / info.samplerate;
    if (rc == 0 && *ret_seconds > max_seconds) {
        out->n = to.begin;
        out->p[out->n] = '\0';
    }
    return rc;
}

int tk_wav_seconds(struct tk_str file, double *ret, struct tk_err *reterr)
{
    struct memory from = { .in = file };
    SF_INFO info = { 0 };
    SNDFILE *in = open_memory(&from, SFM_READ, &info);

    if (!in)
        return fail(&from, NULL, reterr);
    (void)sf_close(in);
    *ret = info.samplerate > 0 ? (double)info.frames / info.samplerate : 0;
    return 0;
}

int tk_wav_of_samples(struct tk_buf *out, const double *samples, size_t n, int64_t rate,
                      struct tk_err *reterr)
{
    struct memory to;

    if (rate < 1 || rate > MAX_RATE)
        return tk_err_set(reterr, TK_E_RANGE, "a sampling rate is from 1 to %d, not %" PRId64,
                          MAX_RATE, rate);
    SNDFILE *f = begin_wav(&to, out, 1, (int)rate);
    int rc = f && sf_writef_double(f, samples, (sf_count_t)n) == (sf_count_t)n
                 ? 0
                 : fail(&to, f, reterr);
    return finish(&to, f, rc, reterr);
}
