/* guard.c - a buffer that ends where an unmapped page begins */
#include "lib/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

char *tk_guard_init(struct tk_guard *g, const void *bytes, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = (n / page + 1) * page;
    char *map = mmap(NULL, usable + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED || mprotect(map + page, usable, PROT_READ | PROT_WRITE) < 0) {
        printf("Bail out! no memory for a guarded buffer of %zu bytes\n", n);
        exit(1);
    }
    g->map = map;
    g->map_bytes = usable + 2 * page;
    g->n = n;
    g->p = map + page + usable - n;
    if (bytes && n > 0)
        memcpy(g->p, bytes, n);
    return g->p;
}

void tk_guard_release(struct tk_guard *g)
{
    if (g->map)
        munmap(g->map, g->map_bytes);
    *g = (struct tk_guard){ 0 };
}
