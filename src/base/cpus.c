/* cpus.c - how many processors there are for this process */
#include "base/cpus.h"

#include <sched.h>

#include "base/def.h"

unsigned tk_cpus_usable(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return (unsigned)TK_MAX(CPU_COUNT(&set), 1);
}
