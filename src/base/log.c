#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define MAX_COMPONENTS 32
#define MAX_LINE_BYTES 1024

struct component {
    char name[24];
    enum tk_log_level level;
};

static struct component components[MAX_COMPONENTS];
static size_t n_components;
static enum tk_log_level loudest; /* of all components: most calls end on a look at it */

static const char *const level_names[] = { "off", "info", "debug", "trace" };

/* A component without a level is at debug; an unknown level is off. */
static enum tk_log_level parse_level(struct tk_str s)
{
    if (!s.p)
        return TK_LOG_DEBUG;
    for (size_t i = 0; i < TK_ARRAY_LEN(level_names); i++) {
        if (tk_str_is(s, level_names[i]))
            return (enum tk_log_level)i;
    }
    return TK_LOG_OFF;
}

void tk_log_init(const char *spec)
{
    struct tk_str rest = tk_str_of(spec);
    struct tk_str item;
    n_components = 0;
    loudest = TK_LOG_OFF;
    while (n_components < MAX_COMPONENTS && tk_str_split(&rest, ',', &item)) {
        struct component *c = &components[n_components];
        struct tk_str name;
        if (!tk_str_split(&item, ':', &name))
            continue;
        name = tk_str_trim(name);
        if (name.n == 0 || name.n >= sizeof(c->name))
            continue;
        memcpy(c->name, name.p, name.n);
        c->name[name.n] = '\0';
        c->level = parse_level(item.p ? tk_str_trim(item) : item);
        loudest = TK_MAX(loudest, c->level);
        n_components++;
    }
}

bool tk_log_is_on(const char *component, enum tk_log_level level)
{
    if (TK_LIKELY(level > loudest) || level == TK_LOG_OFF)
        return false;
    enum tk_log_level set = TK_LOG_OFF;
    for (size_t i = 0; i < n_components; i++) {
        /* "all" stands for those that have no entry of their own. */
        if (strcmp(components[i].name, component) == 0)
            return level <= components[i].level;
        if (strcmp(components[i].name, "all") == 0)
            set = components[i].level;
    }
    return level <= set;
}

void tk_log_write(const char *component, enum tk_log_level level, const char *fmt, ...)
{
    char line[MAX_LINE_BYTES];
    const char *name = (size_t)level < TK_ARRAY_LEN(level_names) ? level_names[level] : "?";
    int n = snprintf(line, sizeof(line), "%s %s ", name, component);
    size_t used = TK_MIN((size_t)TK_MAX(n, 0), sizeof(line) - 1);
    va_list ap;
    va_start(ap, fmt);
    n = vsnprintf(line + used, sizeof(line) - used, fmt, ap);
    va_end(ap);
    used = TK_MIN(used + (size_t)TK_MAX(n, 0), sizeof(line) - 1);
    line[used++] = '\n'; /* in place of the NUL */
    /* One write, so that lines of several threads do not mix; a log that cannot be written is lost. */
    ssize_t written = write(STDERR_FILENO, line, used);
    (void)written;
}
