/* test_simlog.c - the simulator's log: which lines are taken, what is damaged */
#include "cli/simlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static char path[] = "/tmp/tk-simlog-XXXXXX";

static void put(const char *text)
{
    FILE *f = fopen(path, "w");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0)
        exit(1);
}

static void test_lines(void)
{
    struct tk_simlog log;
    struct tk_err err = { 0 };

    put("{\"kind\":\"request\",\"serial\":1,\"method\":\"GET\",\"arrived_at\":1}\n"
        "{\"kind\":\"request\",\"id\":\"a-1\",\"method\":\"POST\",\"arrived_at\":5,\"sent_at\":[7,9]}\n"
        "{\"kind\":\"request\",\"id\":\"a-0\",\"method\":\"POST\",\"arrived_at\":6,\"sent_at\":[]}\n"
        "{\"kind\":\"request\",\"id\":\"a-1\",\"method\":\"POST\",\"arrived_at\":8,\"sent_at\":[8]}\n"
        "{\"kind\":\"request\",\"id\":\"a-3\",\"method\":\"POST\",\"arrived_at\":8,\"sent_at\":[8]}\n"
        "{\"kind\":\"request\",\"id\":\"b-0\",\"method\":\"POST\",\"arrived_at\":8,\"sent_at\":[8]}\n"
        "{\"kind\":\"request\",\"method\":\"POST\",\"arrived_at\":8,\"sent_at\":[8]}\n"
        "{\"kind\":\"summary\",\"n_requests\":7}\n");
    T_EQ_I(tk_simlog_read(path, "a-", 3, &log, &err), 0, "a log is read");
    T_EQ_I(log.v[0].arrived_at, 6, "request 0: arrival");
    T_EQ_I(log.v[0].n_sent, 0, "request 0: no event");
    T_EQ_I(log.v[1].arrived_at, 5, "request 1: arrival");
    T_EQ_I(log.v[1].n_sent, 2, "request 1: two events");
    T_EQ_I(log.v[1].sent_at[0], 7, "its first");
    T_EQ_I(log.v[1].sent_at[1], 9, "its second");
    T_EQ_I(log.v[2].arrived_at, 0, "request 2 is not there");
    T_EQ_I(log.n_unknown, 4, "twice, past the end, of others: unknown");
    tk_simlog_release(&log);
}

static void test_damage(void)
{
    struct tk_simlog log;
    struct tk_err err = { 0 };

    put("{\"kind\":\"request\",\"id\":\"a-0\",\"method\":\"POST\",\"arrived_at\":5,\"sent_at\":[7,\"x\"]}\n");
    T_OK(tk_simlog_read(path, "a-", 1, &log, &err) < 0, "an instant that is none");
    T_OK(strstr(err.msg, "line 1"), "the line is named: %s", err.msg);
    tk_simlog_release(&log);
    put("{\"kind\":\"request\",\"id\":\"a-0\",\"method\":\"POST\",\"sent_at\":[7]}\n");
    T_OK(tk_simlog_read(path, "a-", 1, &log, &err) < 0, "no arrival");
    tk_simlog_release(&log);
    T_EQ_I(tk_simlog_read("/no/such/file", "a-", 1, &log, &err), -2, "no such file");
    T_OK(strstr(err.msg, "/no/such/file"), "the file is named: %s", err.msg);
    tk_simlog_release(&log);
}

int main(void)
{
    int fd = mkstemp(path);

    if (fd < 0)
        return 1;
    close(fd);
    test_lines();
    test_damage();
    unlink(path);
    return T_DONE();
}
