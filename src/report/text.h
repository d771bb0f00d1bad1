/* text.h - what the files of the text report share */
#ifndef TK_REPORT_TEXT_H
#define TK_REPORT_TEXT_H

#include "base/buf.h"
#include "base/def.h"
#include "report/report.h"

#define TK__TEXT_LABEL_COLUMNS 12 /* of the lines */

struct tk__text {
    const struct tk_report *r;
    struct tk_buf *out;
    bool is_marked[TK_SUMMARY_MAX_PERCENTILES]; /* a '~' was written for this percentile */
    bool has_mark;
    bool has_star; /* a row was marked as touched by the client's own limit */
};

/* Words, in bold on a terminal, and blanks up to `columns`; a heading is as wide as a line's label. */
void tk__text_bold(struct tk__text *t, const char *words, int columns);
void tk__text_heading(struct tk__text *t, const char *word);
void tk__text_indent(struct tk__text *t);

/* Nanoseconds as tk_report_ms() writes them. */
const char *tk__text_ms(double ns, char out[32]);

/* The client's health and the verdict on it. `names_touched`: say which figures are touched, for
 * those that another tool's block shows without a mark. */
void tk__text_client(struct tk__text *t, bool names_touched);

#endif
