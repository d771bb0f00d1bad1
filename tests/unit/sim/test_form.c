/* test_form.c - forms: parts, names, what is damaged */
#include "sim/form.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "tap.h"

#define HEAD "Content-Disposition: form-data; name=\"a\"\r\n\r\n"

/* The parts as "name=value|…" and the code in the end. */
static const char *parts(const char *type, const char *body)
{
    static char line[512];
    struct tk__form f;
    struct tk_str name, value;
    size_t n = 0;
    int rc = tk__form_open(&f, tk_str_of(type), tk_str_of(body));

    line[0] = '\0';
    while (rc == 0 && (rc = tk__form_next(&f, &name, &value)) > 0) {
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%.*s=%.*s|", TK_STR_ARG(name),
                              TK_STR_ARG(value));
        rc = 0;
        if (n > 400)
            break;
    }
    snprintf(line + n, sizeof(line) - n, "%s", rc == 0 ? "end" : "damaged");
    return line;
}

static void test_parts(void)
{
    static const char type[] = "multipart/form-data; boundary=b";

    T_EQ_S(parts(type, "--b\r\n" HEAD "1\r\n--b\r\nX: y\r\nContent-Disposition: form-data; "
                       "filename=\"f\"; name=\"file\"\r\n\r\n\r\n2\r\n\r\n--b--\r\n"),
           "a=1|file=\r\n2\r\n|end", "two, one with line ends in it");
    T_EQ_S(parts("multipart/form-data; boundary=\"b\"; x", "--b\r\n" HEAD "1\r\n--b--"), "a=1|end",
           "a boundary in quotes");
    T_EQ_S(parts(type, "before\r\n--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b--"),
           "a=|end", "words before it, a name without quotes, no value");
    T_EQ_S(parts(type, "--b\r\n\r\n\r\n1\r\n--b--"), "=\r\n1|end", "no head");
    T_EQ_S(parts(type, "--b--"), "end", "none");
}

static void test_damage(void)
{
    static const char *const types[] = { "", "multipart/form-data", "boundary=", "boundary=;" };
    static const char *const bodies[] = { "",
                                          "--c--",
                                          "--b\r\n" HEAD "1",
                                          "--b\r\nno end of the head\r\n--b--",
                                          "--b\r\n" HEAD "--b--",
                                          "--b" };
    char type[200] = "boundary=";

    for (size_t i = 0; i < TK_ARRAY_LEN(types); i++)
        T_EQ_S(parts(types[i], "--b--"), "damaged", "type '%s'", types[i]);
    for (size_t i = 0; i < TK_ARRAY_LEN(bodies); i++)
        T_EQ_S(parts("boundary=b", bodies[i]), "damaged", "body %zu", i);
    memset(type + 9, 'x', 71);
    T_EQ_S(parts(type, "--b--"), "damaged", "a boundary of 71 bytes");
}

int main(void)
{
    test_parts();
    test_damage();
    return T_DONE();
}
