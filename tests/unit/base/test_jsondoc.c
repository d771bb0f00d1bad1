/* test_jsondoc.c - base/jsondoc.h */
#include "lib/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/jsondoc.h"
#include "base/str.h"
#include "lib/failmalloc.h"
#include "lib/guard.h"

static void texts(void)
{
    struct tk_json_val v;
    struct tk_jsondoc d;
    struct tk_guard guard;
    int64_t n = 0;
    char *p = tk_guard_init(&guard, NULL, 7);

    memcpy(p, "{\"a\":7}", 7); /* nothing that could be read stands behind it */
    T_EQ_I(tk_jsondoc_init(&d, (struct tk_str){ p, 7 }), 0, "a text without padding");
    tk_guard_release(&guard);
    T_EQ_I(tk_json_find(&d.root, "a", &v), 0, "its member, when the text is gone");
    T_EQ_I(tk_json_get_i64(&v, &n), 0, "a number");
    T_EQ_I(n, 7, "its value");
    tk_jsondoc_release(&d);
    tk_jsondoc_release(&d);
    T_EQ_I(tk_jsondoc_init(&d, TK_STR("\"open")), TK_E_FORMAT, "damage");
    tk_jsondoc_release(&d);
    T_EQ_I(tk_jsondoc_init(&d, (struct tk_str){ NULL, 0 }), TK_E_FORMAT, "nothing");
    tk_jsondoc_release(&d);
}

static void no_memory(void)
{
    for (int n = 1;; n++) {
        struct tk_jsondoc d;
        tk_failmalloc_at(n);
        int rc = tk_jsondoc_init(&d, TK_STR("[1]"));
        bool failed = tk_failmalloc_off();
        tk_jsondoc_release(&d);
        T_EQ_I(rc, failed ? -ENOMEM : 0, "allocation %d", n);
        if (!failed)
            break;
    }
}

int main(void)
{
    texts();
    no_memory();
    return T_DONE();
}
