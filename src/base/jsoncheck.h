/* jsoncheck.h - is a value JSON down to its leaves?
 *
 * Reading on demand checks only what is read. Where a value is handed on as text (a member of a
 * request body, a list of messages), it must be whole first.
 */
#ifndef TK_BASE_JSONCHECK_H
#define TK_BASE_JSONCHECK_H

#include "base/json.h"

/* Walks everything; false when something is damaged or nested deeper than TK_JSON_MAX_DEPTH. For
 * cold paths. Escapes of keys are not looked at. */
bool tk_json_is_whole(struct tk_json_val *v);

#endif
