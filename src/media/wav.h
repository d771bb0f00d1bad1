/* wav.h - sound as a WAV file of 16-bit samples, by libsndfile
 *
 * What Python's soundfile.write(file, samples, rate, format='WAV') makes of floating-point samples, which is
 * what vLLM sends: byte for byte, as it is the same library.
 */
#ifndef TK_MEDIA_WAV_H
#define TK_MEDIA_WAV_H

#include "base/buf.h"
#include "base/err.h"

/* Append a WAV file of what the bytes of another file sound like (WAV, FLAC, Ogg, MP3, …: what libsndfile
 * reads), samples and rate as they are. 0; TK_E_UNSUPPORTED (no such file, in the library's words),
 * TK_E_LIMIT, -ENOMEM, with words: `out` is as before then. Any thread. */
int tk_wav_of_file(struct tk_buf *out, struct tk_str file, struct tk_err *reterr);

/* The same of a clip of speech, as `datasets` 4 hands it on: in single precision on the way, which decides
 * how the last bit is rounded, and the mean of its channels, unless it `keeps_channels`. *ret_seconds is how long it is; of one that is longer
 * than `max_seconds` nothing is appended, and *ret_seconds is above that. Codes as above. */
int tk_wav_of_clip(struct tk_buf *out, struct tk_str file, bool keeps_channels, double max_seconds,
                   double *ret_seconds, struct tk_err *reterr);

/* How long the file sounds, by its head. 0 or TK_E_UNSUPPORTED, with words. */
int tk_wav_seconds(struct tk_str file, double *ret, struct tk_err *reterr);

/* Append a WAV file of `n` samples, from -1 to 1, of one channel. 0; TK_E_RANGE (a rate that is none),
 * TK_E_LIMIT, -ENOMEM likewise. */
int tk_wav_of_samples(struct tk_buf *out, const double *samples, size_t n, int64_t rate,
                      struct tk_err *reterr);

#endif
