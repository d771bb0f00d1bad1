/* test_cpus.c - base/cpus.h */
#include "lib/tap.h"

#include <sched.h>

#include "base/cpus.h"

int main(void)
{
    cpu_set_t all, one;
    int first = 0;

    T_EQ_I(sched_getaffinity(0, sizeof(all), &all), 0, "the set of this process");
    T_EQ_U(tk_cpus_usable(), (unsigned)CPU_COUNT(&all), "all of it");
    while (first < CPU_SETSIZE - 1 && !CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    T_EQ_I(sched_setaffinity(0, sizeof(one), &one), 0, "bound to one");
    T_EQ_U(tk_cpus_usable(), 1, "so it has one");
    return T_DONE();
}
