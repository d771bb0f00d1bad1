/* jsonscan.h - the elements of a JSON file that is larger than memory, one at a time
 *
 * Cuts the elements of an outer array, or the lines of JSONL, out of a stream, through a window that
 * is no larger than the longest element needs. An element is cut out, not checked: give it to
 * tk_json_parse(), which finds what is wrong inside.
 *
 *   struct tk_jsonscan s;
 *   struct tk_str element;
 *   int rc = tk_jsonscan_init_fd(&s, fd, TK_JSONSCAN_AUTO, 0);
 *   while (rc == 0 && (rc = tk_jsonscan_next(&s, &element, &err)) > 0) { … rc = 0; }
 *   tk_jsonscan_release(&s);
 */
#ifndef TK_BASE_JSONSCAN_H
#define TK_BASE_JSONSCAN_H

#include "base/def.h"

struct tk_err;

#define TK_JSONSCAN_MAX_ELEMENT ((size_t)16 << 20) /* the longest element, unless said otherwise */

enum tk_jsonscan_kind {
    TK_JSONSCAN_AUTO,  /* an array when the first character is '[', lines otherwise */
    TK_JSONSCAN_ARRAY, /* the elements of one array; nothing may follow it */
    TK_JSONSCAN_LINES, /* each line that is not blank, without the white space around it */
};

/* Read up to `cap` bytes (at least 1) to `buf`: how many, 0 at the end, or a negative code. */
typedef int64_t (*tk_jsonscan_read)(void *arg, void *buf, size_t cap);

/* Private: read by jsonscan.c only. May be moved while no element is in use. */
struct tk_jsonscan {
    tk_jsonscan_read read;
    void *arg; /* for `read`; not owned */
    enum tk_jsonscan_kind kind;
    size_t max_element; /* longest element in bytes */

    char *window;   /* owned: `cap` bytes and the padding behind them */
    size_t cap;     /* bytes that the window holds */
    size_t n;       /* bytes in it */
    size_t at;      /* scanned up to here */
    size_t element; /* where the element under way, or given last, begins */

    int state;             /* what may come next: enum state in jsonscan.c */
    bool in_element;       /* an element is under way: the window must keep it */
    bool in_string;        /* inside a string of the element */
    bool is_escaped;       /* the next character is the one after a backslash */
    unsigned depth;        /* brackets open inside the element */
    uint64_t is_object[4]; /* bit d: the bracket open at depth d is a brace */

    uint64_t base;      /* bytes of the stream before the window */
    size_t counted;     /* bytes of the window whose line ends are in `line` */
    uint64_t line;      /* line ends before the window, and in those bytes */
    uint64_t line_base; /* offset in the stream of the first byte of that line */
    int failed;         /* the code of the failure, which sticks */
};

/* Start on a source; 0 or -ENOMEM. `max_element` 0 is TK_JSONSCAN_MAX_ELEMENT. `arg` and `fd` stay
 * the caller's; a byte order mark at the front is skipped. */
int tk_jsonscan_init(struct tk_jsonscan *s, tk_jsonscan_read read, void *arg,
                     enum tk_jsonscan_kind kind, size_t max_element);
int tk_jsonscan_init_fd(struct tk_jsonscan *s, int fd, enum tk_jsonscan_kind kind,
                        size_t max_element);
void tk_jsonscan_release(struct tk_jsonscan *s); /* may be called twice */

/* 1 with the next element, valid until the next call, TK_JSON_PADDING readable bytes behind it; 0 at
 * the end. TK_E_FORMAT (not an array, a bracket missing or wrong, something between elements or
 * after the array), TK_E_LIMIT (element too long or nested deeper than TK_JSON_MAX_DEPTH), -ENOMEM,
 * or what `read` returned; then *reterr (may be NULL) has the line and the column, and each further
 * call returns the same code. */
int tk_jsonscan_next(struct tk_jsonscan *s, struct tk_str *ret_element, struct tk_err *reterr);

/* Line (from 1) and byte offset (from 0) of the element given last, for messages about it. */
uint64_t tk_jsonscan_line(struct tk_jsonscan *s);
uint64_t tk_jsonscan_offset(const struct tk_jsonscan *s);

#endif
