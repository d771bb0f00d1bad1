/* block.c - the result block: fifty columns, labels in forty, values in ten */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dialect/vllm/vllm.h"

#define WIDTH 50

/* Centred; an odd padding has its extra character on the right. */
static void title(struct tk_buf *out, const char *text, char fill)
{
    size_t n = strlen(text);
    size_t left = n < WIDTH ? (WIDTH - n) / 2 : 0;
    size_t right = n < WIDTH ? WIDTH - n - left : 0;

    for (size_t i = 0; i < left; i++)
        tk_buf_add_c(out, fill);
    tk_buf_add(out, text, n);
    for (size_t i = 0; i < right; i++)
        tk_buf_add_c(out, fill);
    tk_buf_add_c(out, '\n');
}

static void count(struct tk_buf *out, const char *label, int64_t value)
{
    tk_buf_addf(out, "%-40s %-10" PRId64 "\n", label, value);
}

static void number(struct tk_buf *out, const char *label, double value)
{
    tk_buf_addf(out, "%-40s %-10.2f\n", label, value);
}

static const struct {
    const char *title, *name;
} sections[TK_VLLM_METRIC_N_] = {
    [TK_VLLM_TTFT] = { "Time to First Token", "TTFT" },
    [TK_VLLM_TPOT] = { "Time per Output Token (excl. 1st token)", "TPOT" },
    [TK_VLLM_ITL] = { "Inter-token Latency", "ITL" },
    [TK_VLLM_E2EL] = { "End-to-end Latency", "E2EL" },
    [TK_VLLM_QUEUE] = { "Client-side Queueing", "Client Queue Time" },
    [TK_VLLM_QUEUE_E2EL] = { "Queue-inclusive End-to-end Latency", "E2EL incl. Client Queue" },
};

static void label_of(struct tk_buf *label, const char *what, const char *name)
{
    tk_buf_reset(label);
    tk_buf_addf(label, "%s %s (ms):", what, name);
}

/* "P99", "P99.9" */
static void percentile_word(double p, struct tk_buf *out)
{
    tk_buf_reset(out);
    tk_buf_add_c(out, 'P');
    if (p == floor(p))
        tk_buf_addf(out, "%.0f", p);
    else
        tk_vllm_float(p, out);
}

static void section(struct tk_buf *out, const struct tk_vllm_form *form, enum tk_vllm_metric m,
                    const struct tk_vllm_stats *s)
{
    struct tk_buf label = TK_BUF_INIT(200);
    struct tk_buf word = TK_BUF_INIT(64);

    title(out, sections[m].title, '-');
    label_of(&label, "Mean", sections[m].name);
    number(out, label.p, s->mean);
    label_of(&label, "Median", sections[m].name);
    number(out, label.p, s->median);
    for (size_t i = 0; i < form->n_percentiles; i++) {
        percentile_word(form->percentiles[i], &word);
        label_of(&label, word.p, sections[m].name);
        number(out, label.p, s->percentiles[i]);
    }
    tk_buf_release(&label);
    tk_buf_release(&word);
}

static void head(struct tk_buf *out, const struct tk_vllm_form *form,
                 const struct tk_vllm_figures *f)
{
    title(out, " Serving Benchmark Result ", '=');
    count(out, "Successful requests:", (int64_t)f->completed);
    count(out, "Failed requests:", (int64_t)f->failed);
    if (form->max_concurrency >= 0)
        count(out, "Maximum request concurrency:", form->max_concurrency);
    if (!isinf(form->request_rate))
        number(out, "Request rate configured (RPS):", form->request_rate);
    number(out, "Benchmark duration (s):", form->duration_s);
    count(out, "Total input tokens:", f->total_input);
    if (!form->is_pooling)
        count(out, "Total generated tokens:", f->total_output);
    number(out, "Request throughput (req/s):", f->request_throughput);
    if (form->has_goodput)
        number(out, "Request goodput (req/s):", f->request_goodput);
    if (!form->is_pooling) {
        number(out, "Output token throughput (tok/s):", f->output_throughput);
        number(out, "Peak output token throughput (tok/s):", f->max_output_tokens_per_s);
        number(out, "Peak concurrent requests:", (double)f->max_concurrent_requests);
    }
    number(out, "Total token throughput (tok/s):", f->total_throughput);
}

static void probes(struct tk_buf *out, const struct tk_vllm_probes *p)
{
    if (p->completed == 0)
        return;
    title(out, "Probe Requests", '-');
    count(out, "Probe requests completed:", (int64_t)p->completed);
    count(out, "Probe requests failed:", (int64_t)p->failed);
    number(out, "Median probe E2EL (ms):", p->median_ms);
    number(out, "P99 probe E2EL (ms):", p->p99_ms);
    number(out, "Max probe E2EL (ms):", p->max_ms);
}

static void diffusion(struct tk_buf *out, const struct tk_vllm_decoding *d)
{
    title(out, "Diffusion Decoding", '-');
    number(out, "Committed throughput (tok/s):", d->committed_throughput);
    number(out, "Denoising steps per canvas:", d->steps_per_canvas);
    number(out, "Committed per denoising step:", d->committed_per_step);
    count(out, "Committed tokens:", d->committed);
    count(out, "Denoising steps:", d->steps);
    count(out, "Canvas positions evaluated:", d->canvas_positions);
}

static void speculation(struct tk_buf *out, const struct tk_vllm_decoding *d)
{
    title(out, "Speculative Decoding", '-');
    number(out, "Acceptance rate (%):", d->acceptance_rate);
    number(out, "Acceptance length:", d->acceptance_length);
    count(out, "Drafts:", d->drafts);
    count(out, "Draft tokens:", d->draft_tokens);
    count(out, "Accepted tokens:", d->accepted);
    if (d->n_rates > 0)
        tk_buf_add_z(out, "Per-position acceptance (%):\n");
    for (size_t i = 0; i < d->n_rates; i++) {
        char label[64];
        (void)snprintf(label, sizeof(label), "  Position %zu:", i);
        number(out, label, d->rates[i] * 100);
    }
}

int tk_vllm_block(const struct tk_vllm_form *form, const struct tk_vllm_figures *f,
                  struct tk_buf *out)
{
    head(out, form, f);
    probes(out, &f->probes);
    for (int m = 0; m < TK_VLLM_METRIC_N_; m++) {
        if (tk_vllm_reports(form, (enum tk_vllm_metric)m))
            section(out, form, (enum tk_vllm_metric)m, &f->stats[m]);
    }
    if (form->decoding && form->decoding->has_diffusion)
        diffusion(out, form->decoding);
    else if (form->decoding && form->decoding->has_drafts)
        speculation(out, form->decoding);
    title(out, "", '=');
    return out->failed;
}
