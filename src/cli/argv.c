/* argv.c - a header that is given on the command line may hold a key
 *
 * The words are copied before anything looks at them, and what stands behind the name of a secret is
 * overwritten in the original: `-H 'Authorization: …'`, `--header api-key=…`, `http://h/v1?key=…`.
 * Between the start of the program and here it could be read; a key in a file or in the environment
 * never can. docs/commands.md says so.
 */
#include "cli/argv.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "run/plan.h"

/* Behind the first "NAME:" or "NAME=" whose name is a secret's, to the end of the word. */
static void mask(char *word)
{
    char *name = word;

    for (char *p = word; *p; p++) {
        if (*p != ':' && *p != '=')
            continue;
        if (tk_plan_is_secret(tk_str_trim((struct tk_str){ name, (size_t)(p - name) }))) {
            memset(p + 1, '*', strlen(p + 1));
            return;
        }
        name = p + 1;
    }
}

static char **taken; /* for life: a leak checker finds it here */

char **tk_argv_take(int argc, char **argv)
{
    taken = calloc((size_t)argc + 1, sizeof(*taken));
    if (!taken)
        return NULL;
    for (int i = 0; i < argc; i++) {
        taken[i] = strdup(argv[i]);
        if (!taken[i])
            return NULL;
    }
    for (int i = 0; i < argc; i++)
        mask(argv[i]);
    return taken;
}
