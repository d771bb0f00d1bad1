/* jsondoc.c - a short JSON text with a parser of its own */
#include "base/jsondoc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tk_jsondoc_init(struct tk_jsondoc *d, struct tk_str text)
{
    *d = (struct tk_jsondoc){ .text = calloc(1, text.n + TK_JSON_PADDING) };
    d->json = d->text ? tk_json_new(text.n + 1) : NULL;
    if (!d->json)
        return -ENOMEM;
    if (text.n > 0)
        memcpy(d->text, text.p, text.n);
    return tk_json_parse(d->json, d->text, text.n, &d->root);
}

void tk_jsondoc_release(struct tk_jsondoc *d)
{
    d->json = tk_json_free(d->json);
    free(d->text);
    d->text = NULL;
}
