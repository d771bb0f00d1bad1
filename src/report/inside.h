/* inside.h - what the files of the report take from each other */
#ifndef TK_REPORT_INSIDE_H
#define TK_REPORT_INSIDE_H

#include "report/report.h"
#include "report/text.h"

struct tk_jsonw;

/* In place: bytes by which a text could command the terminal that shows it become spaces. What a server or a
 * file says may hold them. */
void tk__report_plain(char *z);

/* "open load, 10 requests/s, poisson, 600 requests, for 60 s" */
void tk__report_load(const struct tk_report_plan *p, struct tk_buf *out);

/* A table with a line for each stage, and a line about the recovery from a spike; nothing where the
 * load had none. */
void tk__report_stages(struct tk__text *t);
void tk__report_recovery(struct tk__text *t);

/* A member of the result that may be infinite ("inf") or not known (null). */
void tk__report_number(struct tk_jsonw *w, const char *key, double d);

/* The members "stages" and "recovery" of the result. */
void tk__report_loads_json(const struct tk_report *r, struct tk_jsonw *w);

#endif
