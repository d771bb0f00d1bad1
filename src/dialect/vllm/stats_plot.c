/* stats_plot.c - the lengths of prompts and answers as a picture: words for gnuplot
 *
 *   prompts │ answers       histograms of thirty bins
 *   both    │ per request   bars, one on the other
 *
 * The bins are NumPy's: equal ones from the least to the largest, the last with its upper edge; where
 * all are equal, half a token to each side.
 */
#include <math.h>
#include <string.h>

#include "dialect/vllm/vllm.h"

#define N_BINS 30

enum length {
    LENGTH_PROMPT,
    LENGTH_OUTPUT,
    LENGTH_TOTAL,
    LENGTH_N_,
};

static const struct {
    const char *title, *axis, *colour;
} histograms[LENGTH_N_] = {
    [LENGTH_PROMPT] = { "Prompt Tokens Distribution", "Prompt Tokens", "#4682b4" },
    [LENGTH_OUTPUT] = { "Output Tokens Distribution", "Output Tokens", "#ff7f50" },
    [LENGTH_TOTAL] = { "Total Tokens Distribution", "Total Tokens (Prompt + Output)", "#3cb371" },
};

static double length_of(const struct tk_vllm_request *q, enum length what)
{
    double prompt = (double)q->input_len, output = (double)q->output_len;

    return what == LENGTH_PROMPT ? prompt : what == LENGTH_OUTPUT ? output : prompt + output;
}

struct bins {
    double low, high;
    uint64_t n[N_BINS];
};

static void count(const struct tk_vllm_figures *f, enum length what, struct bins *ret)
{
    *ret = (struct bins){ .low = INFINITY, .high = -INFINITY };
    for (size_t i = 0; i < f->n_requests; i++) {
        double v = length_of(&f->requests[i], what);
        ret->low = TK_MIN(ret->low, v);
        ret->high = TK_MAX(ret->high, v);
    }
    if (ret->low == ret->high) {
        ret->low -= 0.5;
        ret->high += 0.5;
    }
    for (size_t i = 0; i < f->n_requests; i++) {
        double v = length_of(&f->requests[i], what);
        double at = (v - ret->low) / (ret->high - ret->low) * N_BINS;
        ret->n[(size_t)TK_MIN(at, N_BINS - 1.0)]++;
    }
}

/* Named blocks of data, which the plots below refer to. */
static void put_data(const struct tk_vllm_figures *f, struct tk_buf *out)
{
    struct bins b;

    for (int what = 0; what < LENGTH_N_; what++) {
        count(f, (enum length)what, &b);
        double width = (b.high - b.low) / N_BINS;
        tk_buf_addf(out, "$bins%d << EOD\n", what);
        for (int i = 0; i < N_BINS; i++)
            tk_buf_addf(out, "%.6f %llu %.6f\n", b.low + (i + 0.5) * width,
                        (unsigned long long)b.n[i], width);
        tk_buf_add_z(out, "EOD\n");
    }
    tk_buf_add_z(out, "$requests << EOD\n");
    for (size_t i = 0; i < f->n_requests; i++) {
        const struct tk_vllm_request *q = &f->requests[i];
        tk_buf_addf(out, "%zu %lld %lld\n", i, (long long)q->input_len,
                    (long long)q->input_len + (long long)q->output_len);
    }
    tk_buf_add_z(out, "EOD\n");
}

static void put_plots(size_t n_requests, struct tk_buf *out)
{
    for (int what = 0; what < LENGTH_N_; what++)
        tk_buf_addf(out,
                    "set title '%s'\nset xlabel '%s'\nset ylabel 'Frequency'\nunset key\n"
                    "set yrange [0:*]\n"
                    "plot $bins%d using 1:2:3 with boxes linecolor rgb '%s' "
                    "fillstyle solid 0.7 border linecolor rgb 'black'\n",
                    histograms[what].title, histograms[what].axis, what, histograms[what].colour);
    tk_buf_addf(
        out,
        "set title 'Tokens per Request (Stacked)'\nset xlabel 'Request ID'\n"
        "set ylabel 'Tokens'\nset key top right\nset boxwidth 0.8\n"
        "set xrange [-0.9:%zu]\n"
        "plot $requests using 1:3 with boxes fillstyle solid 0.7 noborder linecolor rgb '%s' "
        "title 'Output Tokens', "
        "$requests using 1:2 with boxes fillstyle solid 1.0 noborder linecolor rgb '%s' "
        "title 'Prompt Tokens'\n",
        n_requests, histograms[LENGTH_OUTPUT].colour, histograms[LENGTH_PROMPT].colour);
}

int tk_vllm_stats_plot(const struct tk_vllm_figures *f, struct tk_buf *out)
{
    tk_buf_add_z(out, "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
                      "set terminal pngcairo size 2100,1500 fontscale 1.6\n"
                      "} else {\nset terminal png size 2100,1500\n}\n");
    put_data(f, out);
    tk_buf_add_z(out, "set grid linecolor rgb '#cccccc'\nset multiplot layout 2,2\n");
    put_plots(f->n_requests, out);
    tk_buf_add_z(out, "unset multiplot\n");
    return out->failed;
}
