/* slow_disk.c - a slow disk for one program: LD_PRELOAD=slow_disk.so TK_SLOW_DISK_US=5000 program …
 *
 * Every write and sync to a file whose name holds ".tokmark" (a run file and what SQLite lays beside it)
 * takes that much longer. Sockets and all other files are left alone.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

static void slow_down(int fd)
{
    char link[64], path[1024];
    const char *us = getenv("TK_SLOW_DISK_US");
    long wait = 0;

    for (; us && *us >= '0' && *us <= '9' && wait < 100000000; us++)
        wait = 10 * wait + (*us - '0');

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = wait > 0 ? readlink(link, path, sizeof(path) - 1) : -1;
    if (n <= 0)
        return;
    path[n] = '\0';
    struct timespec t = { wait / 1000000, wait % 1000000 * 1000 };
    if (path[0] == '/' && strstr(path, ".tokmark"))
        (void)nanosleep(&t, NULL);
}

/* The C library's own names of parameters are reserved.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

ssize_t write(int fd, const void *buf, size_t n)
{
    slow_down(fd);
    return REAL(write)(fd, buf, n);
}

/* With large files as the default this is the symbol pwrite64, which is what SQLite calls. */
ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
    slow_down(fd);
    return REAL(pwrite)(fd, buf, n, at);
}

int fsync(int fd)
{
    slow_down(fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    slow_down(fd);
    return REAL(fdatasync)(fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
