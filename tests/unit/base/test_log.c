/* test_log.c - base/log.h */
#include "lib/tap.h"

#include <unistd.h>

#include "base/log.h"

static void is_on(const char *component, enum tk_log_level loudest)
{
    for (int level = TK_LOG_INFO; level <= TK_LOG_TRACE; level++)
        T_EQ_I(tk_log_is_on(component, (enum tk_log_level)level), level <= (int)loudest, "%s at %d",
               component, level);
    T_OK(!tk_log_is_on(component, TK_LOG_OFF), "%s: nothing is ever written at off", component);
}

/* What the call in `writes` puts to standard error. */
static const char *captured(void (*writes)(void))
{
    static char text[4096];
    int fds[2];
    int old = dup(STDERR_FILENO);
    if (old < 0 || pipe(fds) < 0)
        return "no pipe";
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    writes();
    dup2(old, STDERR_FILENO);
    close(old);
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    return text;
}

static void two_lines(void)
{
    TK_LOG("tls", TK_LOG_DEBUG, "shook hands after=%d", 5);
    TK_LOG("tls", TK_LOG_TRACE, "not wanted");
    TK_LOG("net", TK_LOG_INFO, "not wanted");
    tk_log_write("net", TK_LOG_INFO, "whatever the level");
}

static void long_line(void)
{
    char x[3000];
    memset(x, 'x', sizeof(x) - 1);
    x[sizeof(x) - 1] = '\0';
    tk_log_write("a", TK_LOG_TRACE, "%s", x);
}

int main(void)
{
    is_on("tls", TK_LOG_OFF);
    tk_log_init("tls:debug,load:trace,net:info, h2 ,bad:loud,off:off,,:debug,"
                "a-name-that-is-much-too-long-to-be-kept:debug");
    is_on("tls", TK_LOG_DEBUG);
    is_on("load", TK_LOG_TRACE);
    is_on("net", TK_LOG_INFO);
    is_on("h2", TK_LOG_DEBUG);
    is_on("bad", TK_LOG_OFF);
    is_on("off", TK_LOG_OFF);
    is_on("other", TK_LOG_OFF);
    tk_log_init("all:info,tls:trace,net:off");
    is_on("tls", TK_LOG_TRACE);
    is_on("net", TK_LOG_OFF);
    is_on("other", TK_LOG_INFO);
    tk_log_init(NULL);
    is_on("tls", TK_LOG_OFF);
    tk_log_init("tls:debug");
    T_EQ_S(captured(two_lines), "debug tls shook hands after=5\ninfo net whatever the level\n",
           "lines as they are written");
    const char *line = captured(long_line);
    T_EQ_U(strlen(line), 1024, "a long line is cut");
    T_OK(line[1023] == '\n', "and ends all the same");
    return T_DONE();
}
