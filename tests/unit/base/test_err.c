/* test_err.c - base/err.h */
#include "lib/tap.h"

#include <errno.h>

#include "base/err.h"

static void names_and_texts(void)
{
#define X(name, num, text)                                  \
    T_EQ_S(tk_err_name(TK_E_##name), #name, "name " #name); \
    T_EQ_S(tk_err_text(TK_E_##name), text, "text of " #name);
    TK_ERR_MAP(X)
#undef X
    T_EQ_S(tk_err_name(-EAGAIN), "EAGAIN", "an errno value has its name");
    T_OK(strlen(tk_err_text(-ENOENT)) > 0, "an errno value has a text");
    T_EQ_S(tk_err_name(0), "OK", "0 is OK");
    T_EQ_S(tk_err_text(0), "success", "text of 0");
    T_EQ_S(tk_err_name(-4000), "UNKNOWN", "an errno value that nobody has");
    T_EQ_S(tk_err_name(-9999), "UNKNOWN", "below the list");
    T_EQ_S(tk_err_name(5), "UNKNOWN", "positive");
    T_EQ_S(tk_err_text(-9999), "unknown error", "text of an unknown one");
}

static void details(void)
{
    struct tk_err e = { .line = 3, .column = 4 };
    char longer[2000];

    T_EQ_I(tk_err_set(&e, TK_E_RANGE, "rate must be above 0, got '%s'", "-1"), TK_E_RANGE,
           "tk_err_set returns the code");
    T_EQ_I(e.code, TK_E_RANGE, "and keeps it");
    T_EQ_I(e.line + e.column, 0, "and forgets the old place");
    T_EQ_S(e.msg, "rate must be above 0, got '-1'", "the message");
    tk_err_set(&e, TK_E_FORMAT, "in '%s': %s", "x.json", e.msg);
    T_EQ_S(e.msg, "in 'x.json': rate must be above 0, got '-1'", "a message wraps itself");
    T_EQ_I(tk_err_set(NULL, -EINVAL, "nobody reads %d", 1), -EINVAL, "no detail wanted");
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    tk_err_set(&e, -EINVAL, "%s", longer);
    T_EQ_I(strlen(e.msg), sizeof(e.msg) - 1, "a long message is cut");
}

int main(void)
{
    names_and_texts();
    details();
    return T_DONE();
}
