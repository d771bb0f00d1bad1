/* poem.h - lines for the sonnet data set where no file is given */
#ifndef TK_DATA_POEM_H
#define TK_DATA_POEM_H

/* Sixteen of Shakespeare's sonnets (first printed in 1609, in the public domain), in modern spelling:
 * without line ends. */
#define TK__POEM_LINES 224
extern const char *const tk__poem[TK__POEM_LINES];

#endif
