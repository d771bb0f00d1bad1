#include "cli/hub.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

#define SAY_FROM ((int64_t)1 << 20) /* a download as large as this is worth a line */

static void on_note(void *arg, const char *text)
{
    const struct tk_cli_hub *h = arg;

    tk_say(h->program, "%s", text);
}

static bool on_progress(void *arg, const char *name, int64_t done, int64_t total)
{
    struct tk_cli_hub *h = arg;

    (void)done;
    if (total >= SAY_FROM && strncmp(h->last, name, sizeof(h->last) - 1) != 0) {
        tk_say(h->program, "downloading '%s', %lld MB", name,
               (long long)(total + 500000) / 1000000);
        (void)snprintf(h->last, sizeof(h->last), "%s", name);
    }
    return true;
}

int tk_cli_hub_init(struct tk_cli_hub *h, const char *program, struct tk_err *reterr)
{
    int rc = tk_hub_conf_init(&h->conf, reterr);

    h->program = program;
    h->last[0] = '\0';
    if (program) {
        h->conf.note = on_note;
        h->conf.progress = on_progress;
        h->conf.arg = h;
    }
    return rc;
}

void tk_cli_hub_release(struct tk_cli_hub *h)
{
    tk_hub_conf_release(&h->conf);
}
