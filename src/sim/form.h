/* form.h - a body of multipart/form-data, part by part; of the simulator's own files only */
#ifndef TK_SIM_FORM_H
#define TK_SIM_FORM_H

#include "base/def.h"

/* Private: read by form.c only. */
struct tk__form {
    struct tk_str rest;        /* behind the last line between parts that was read */
    char boundary[2 + 70 + 1]; /* "--" and what the head says, 70 bytes at most */
    bool has_begun;
};

/* `type` is the Content-Type. 0, or TK_E_FORMAT: there is no boundary in it. */
int tk__form_open(struct tk__form *f, struct tk_str type, struct tk_str body);

/* 1 with the next part, its name empty where it has none; 0 behind the last; TK_E_FORMAT. */
int tk__form_next(struct tk__form *f, struct tk_str *ret_name, struct tk_str *ret_value);

#endif
