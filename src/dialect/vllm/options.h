/* options.h - what the files of the dialect share about the option table */
#ifndef TK_DIALECT_VLLM_OPTIONS_H
#define TK_DIALECT_VLLM_OPTIONS_H

#include "base/def.h"

/* Options of the page: the first entries of the table, in the order of the tool. */
#define TK_VLLM_N_PAGE 80

/* Index in the table; the table's length when there is no such option. */
size_t tk__vllm_find(const char *name);

#endif
