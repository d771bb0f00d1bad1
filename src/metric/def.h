/* def.h - the one table of what is measured: name, unit, formula, where it comes from
 *
 * Every figure that tokmark shows is here or, for other tools' own definitions, in compat.h.
 * docs/glossary.md is generated from these tables.
 */
#ifndef TK_METRIC_DEF_H
#define TK_METRIC_DEF_H

#include "base/buf.h"
#include "base/def.h"
#include "metric/sample.h"

/* Measured per request or per gap; the order is the order in which they are shown. */
enum tk_metric {
    TK_METRIC_TTFB,
    TK_METRIC_TTFE,
    TK_METRIC_TTFT,
    TK_METRIC_TTAT,
    TK_METRIC_TPOT,
    TK_METRIC_CHUNK_GAP,
    TK_METRIC_TOKEN_GAP,
    TK_METRIC_E2EL,
    TK_METRIC_TOTAL,
    TK_METRIC_TTFB_DUE,
    TK_METRIC_TTFE_DUE,
    TK_METRIC_TTFT_DUE,
    TK_METRIC_TTAT_DUE,
    TK_METRIC_E2EL_DUE,
    TK_METRIC_TOTAL_DUE,
    TK_METRIC_CONNECT,
    TK_METRIC_TLS,
    TK_METRIC_PROMPT_TOKENS,
    TK_METRIC_OUTPUT_TOKENS,
    TK_METRIC_REASONING_TOKENS,
    TK_METRIC_CACHED_TOKENS,
    TK_METRIC_N_,
};

enum tk_unit {
    TK_UNIT_NS, /* kept in nanoseconds, shown in milliseconds */
    TK_UNIT_TOKENS,
};

struct tk_metric_def {
    const char *name;  /* "ttft"; in options, files and objectives */
    const char *label; /* "Time to first token" */
    enum tk_unit unit;
    bool is_per_gap;     /* a value per gap, not per request: value is NULL */
    const char *from;    /* the instant it counts from: "sent", "due", "the chunk before", "" */
    const char *formula; /* in the words of the glossary */
    const char *channel; /* which events count */
    const char *source;  /* where the instants and counts come from */
    const char *note;    /* why so; "" when there is nothing to say */
    /* The value for one request; false: it has none (a reply of one token has no tpot). */
    bool (*value)(const struct tk_sample *s, int64_t *ret);
    bool is_of_start; /* of the start of a reply: counts for what was given up after it, too */
};

const struct tk_metric_def *tk_metric_def(enum tk_metric m);

/* The value of a metric per request, where it counts among those of the successes. */
bool tk_metric_counts(enum tk_metric m, const struct tk_sample *s, int64_t *ret);

/* Whether only the reply of a stream can have a value. */
bool tk_metric_is_of_stream(enum tk_metric m);

/* The metric of that name, or TK_METRIC_N_. */
enum tk_metric tk_metric_find(struct tk_str name);

/* "shown as ms" and the factor from the kept unit to it: 1e-6, or 1 for tokens. */
const char *tk_unit_word(enum tk_unit u);
double tk_unit_scale(enum tk_unit u);

/* Figures of a whole run, for the glossary and for reports' labels. */
struct tk_figure_def {
    const char *name, *label, *unit, *formula, *note;
};
extern const struct tk_figure_def tk_figures[];
extern const size_t tk_n_figures;

const char *tk_gap_method_text(enum tk_gap_method m); /* how tokens per chunk were known */

/* docs/glossary.md. 0 or the buffer's failure. */
int tk_glossary_write(struct tk_buf *out);

#endif
