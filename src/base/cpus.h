/* cpus.h - how many processors there are for this process */
#ifndef TK_BASE_CPUS_H
#define TK_BASE_CPUS_H

/* Those that its threads may run on (sched_getaffinity), at least 1: under `taskset`, in a container
 * with a set of its own or a batch job fewer than the machine has. */
unsigned tk_cpus_usable(void);

#endif
