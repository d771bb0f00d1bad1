/* log.h - diagnostics for those who debug tokmark; never the result, never a secret
 *
 * TK_LOG=tls:debug,load:trace turns components up, `all` those that are not named, and a name alone
 * is at debug; the default is nothing. Lines go to standard error as `level component message`, one
 * write each, cut at 1 KiB.
 */
#ifndef TK_BASE_LOG_H
#define TK_BASE_LOG_H

#include "base/def.h"

enum tk_log_level { TK_LOG_OFF, TK_LOG_INFO, TK_LOG_DEBUG, TK_LOG_TRACE };

/* Read TK_LOG's value (NULL: off); what it cannot make sense of is passed over, so are components
 * after the 32nd. Before threads start; a second call replaces the first. */
void tk_log_init(const char *spec);

/* Any thread, as is tk_log_write(), which writes whatever the level. */
bool tk_log_is_on(const char *component, enum tk_log_level level);
void tk_log_write(const char *component, enum tk_log_level level, const char *fmt, ...)
    TK_PRINTF(3, 4);

#define TK_LOG(component, level, ...)                    \
    do {                                                 \
        if (tk_log_is_on(component, level))              \
            tk_log_write(component, level, __VA_ARGS__); \
    } while (0)

#endif
