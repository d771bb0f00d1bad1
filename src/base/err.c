#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *tk_err_name(int code)
{
    switch (code) {
#define X(name, num, text) \
    case num:              \
        return #name;
        TK_ERR_MAP(X)
#undef X
    default:
        break;
    }
    const char *name = code < 0 && code > -4096 ? strerrorname_np(-code) : NULL;
    return name ? name : code ? "UNKNOWN" : "OK";
}

const char *tk_err_text(int code)
{
    switch (code) {
#define X(name, num, text) \
    case num:              \
        return text;
        TK_ERR_MAP(X)
#undef X
    default:
        break;
    }
    const char *text = code < 0 && code > -4096 ? strerrordesc_np(-code) : NULL;
    return text ? text : code ? "unknown error" : "success";
}

int tk_err_set(struct tk_err *e, int code, const char *fmt, ...)
{
    if (e) {
        char msg[sizeof(e->msg)] = { 0 }; /* the arguments may point into e->msg */
        va_list ap;
        va_start(ap, fmt);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): wrong about a correct va_start */
        (void)vsnprintf(msg, sizeof(msg), fmt, ap);
        va_end(ap);
        memcpy(e->msg, msg, sizeof(msg));
        e->code = code;
        e->line = e->column = 0;
    }
    return code;
}
