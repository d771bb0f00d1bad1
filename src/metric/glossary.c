/* glossary.c - docs/glossary.md, from the tables */
#include "metric/def.h"
#include "metric/verdict.h"

static const char head[] =
    "# Glossary\n"
    "\n"
    "Every figure that tokmark shows, with its formula. Generated from `src/metric/def.c`,\n"
    "`src/metric/verdict.c` and `src/run/record.h`; `make golden` writes it anew.\n"
    "\n"
    "## Instants of a request\n"
    "\n"
    "All are nanoseconds of CLOCK_MONOTONIC. Those of received bytes are the kernel's stamp of their\n"
    "arrival, taken off the wall clock's offset; without one, the clock right after the read.\n"
    "\n"
    "| instant | what happens then |\n"
    "|---|---|\n"
    "| due | the plan wants it sent; in a closed loop: its permit is free |\n"
    "| released | it has a permit and is taken up |\n"
    "| sent | just before the first write, of the first try |\n"
    "| first_byte | the first byte of the reply arrives |\n"
    "| first_event | the first event arrives, of any kind: a role, an empty text |\n"
    "| first_token, last_token | the first and last event arrives that carries generated tokens |\n"
    "| first_answer | the first event with answer text arrives: no reasoning, no tool call |\n"
    "| finish | the last event with a finish reason arrives |\n"
    "| last_byte | the last byte of the reply arrives |\n"
    "\n"
    "A **read** is what one call took from the socket, an **event** one message of the stream, a\n"
    "**chunk** an event with tokens. A chunk is not a token, and a read is not a chunk.\n";

static const char statistics[] =
    "\n"
    "## Statistics\n"
    "\n"
    "- **Over successes**: mean, standard deviation of the population, smallest, largest, and percentiles\n"
    "  by linear interpolation between neighbours (rank (n - 1) p / 100), as NumPy and the tools built on\n"
    "  it compute them.\n"
    "- **Over all requests**: each failure stands as an infinite value, for a gap as one infinite gap.\n"
    "  The percentile is the smallest value that at least p % do not exceed (nearest rank), so that\n"
    "  nothing is interpolated with infinity; mean and deviation are infinite as soon as one failed.\n"
    "- **Certified**: a percentile is an estimate. The certified bound is a value that the true\n"
    "  percentile does not exceed, with 99 % confidence: the k-th largest sample, k being the most\n"
    "  exceedances that would still be a rare accident (binomial, independent samples; the rule of\n"
    "  MLPerf's LoadGen). Below a floor there is none, and the percentile is marked as not certified:\n"
    "  11 samples for p50, 24 for p75, 64 for p90, 130 for p95, 219 for p97, 662 for p99, 6,636 for\n"
    "  p99.9, 66,381 for p99.99.\n"
    "- No value is ever dropped as an outlier. Percentiles are exact up to 50 million values; past that\n"
    "  they come from a histogram and are within 0.05 %, and the report says so.\n";

static const char verdict[] =
    "\n"
    "## Was the client the limit?\n"
    "\n"
    "Every result says so, by this rule and no other. One value past its limit is enough; the figures\n"
    "that it touches are marked then, and `--strict` ends with status 4. What is behind others stands\n"
    "first. What cannot be measured in a run (gaps where there are none, reads that were not recorded, the\n"
    "processors of a run that was killed) is not judged, and the result says so. `rates` are throughput,\n"
    "goodput and concurrency; latencies from due are touched where there was a schedule. Where no read\n"
    "has the kernel's stamp (a Unix socket), every delay of the client is in every figure: reading is not\n"
    "judged, a wait for a processor counts by itself, from 10 % on, and each cause touches everything.\n"
    "\n";

static void row(struct tk_buf *out, const char *a, const char *b, const char *c)
{
    tk_buf_addf(out, "| %s | %s | %s |\n", a, b, c);
}

static void metric(struct tk_buf *out, const struct tk_metric_def *d)
{
    tk_buf_addf(out, "\n### %s: %s\n\n", d->name, d->label);
    tk_buf_addf(out, "- unit: %s\n- formula: `%s`\n", tk_unit_word(d->unit), d->formula);
    if (d->from[0])
        tk_buf_addf(out, "- counts from: %s\n", d->from);
    if (d->channel[0])
        tk_buf_addf(out, "- events: %s\n", d->channel);
    tk_buf_addf(out, "- source: %s\n", d->source);
    if (d->note[0])
        tk_buf_addf(out, "\n%s\n", d->note);
}

int tk_glossary_write(struct tk_buf *out)
{
    tk_buf_add_z(out, head);
    tk_buf_add_z(out, "\n## Metrics of requests and gaps\n");
    for (int i = 0; i < TK_METRIC_N_; i++)
        metric(out, tk_metric_def((enum tk_metric)i));

    tk_buf_add_z(out, "\nHow many tokens a chunk carries is known in one of these ways:\n\n");
    for (int i = 0; i < TK_GAP_N_; i++)
        tk_buf_addf(out, "- %s\n", tk_gap_method_text((enum tk_gap_method)i));

    tk_buf_add_z(out, "\n## Figures of a run\n\n| name | unit | formula |\n|---|---|---|\n");
    for (size_t i = 0; i < tk_n_figures; i++)
        row(out, tk_figures[i].name, tk_figures[i].unit, tk_figures[i].formula);
    tk_buf_add_c(out, '\n');
    for (size_t i = 0; i < tk_n_figures; i++) {
        if (tk_figures[i].note[0])
            tk_buf_addf(out, "- **%s** (%s): %s\n", tk_figures[i].label, tk_figures[i].name,
                        tk_figures[i].note);
    }
    tk_buf_add_z(out, verdict);
    tk_verdict_write(out);
    tk_buf_add_z(out, statistics);

    tk_buf_add_z(out,
                 "\n## How a request ends\n\n| class | meaning | counts as |\n|---|---|---|\n");
    for (int i = 0; i < TK_END_N_; i++)
        row(out, tk_end_word((enum tk_end)i), tk_end_text((enum tk_end)i),
            i == TK_END_OK                        ? "succeeded"
            : tk_end_is_cancelled((enum tk_end)i) ? "cancelled"
                                                  : "failed");
    return out->failed;
}
