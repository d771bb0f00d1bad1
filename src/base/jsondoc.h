/* jsondoc.h - a short JSON text with a parser of its own, for what is read once: plans, facts, options
 *
 * The text is copied, because the parser reads beyond its end; a loop over many texts has a parser and a
 * padded buffer that it keeps instead (json.h).
 *
 *   struct tk_jsondoc d;
 *   int rc = tk_jsondoc_init(&d, text);
 *   if (rc == 0) rc = tk_json_obj(&d.root, &it);
 *   …
 *   tk_jsondoc_release(&d);
 */
#ifndef TK_BASE_JSONDOC_H
#define TK_BASE_JSONDOC_H

#include "base/def.h"
#include "base/json.h"

struct tk_jsondoc {
    struct tk_json *json;
    char *text; /* the copy, which strings and raw values may point into */
    struct tk_json_val root;
};

/* Parse a copy of `text` as tk_json_parse() does: 0 and the root is there, TK_E_FORMAT or -ENOMEM.
 * Release it in any case. */
int tk_jsondoc_init(struct tk_jsondoc *d, struct tk_str text);

void tk_jsondoc_release(struct tk_jsondoc *d); /* values of it are void then; may be called twice */

#endif
