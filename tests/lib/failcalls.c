/* failcalls.c - a preloaded library that lets the n-th call of a kind fail, in a whole program
 *
 *   LD_PRELOAD=libfailcalls.so TK_FAIL=write:17:ENOSPC TK_FAIL_MARK=/path tokmark …
 *
 *   kind     read write sync open   calls on regular files, by this program and the libraries that it links
 *            malloc                 every allocation, those inside libraries too
 *   n        the n-th fails, counted from 1 over all threads; "17+": it and all that follow
 *   error    EIO, ENOSPC or ENOMEM
 *
 * TK_FAIL_MARK is made when the first call fails: without it the program got through with fewer calls, and
 * the loop over n is over. Calls that the C library makes inside itself pass by.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Our definitions of the C library's functions: under names of our own here, theirs for the linker. */
#define IN_PLACE_OF(name) __asm__(name)
ssize_t fail_read(int fd, void *p, size_t n) IN_PLACE_OF("read");
ssize_t fail_read_chk(int fd, void *p, size_t n, size_t room) IN_PLACE_OF("__read_chk");
ssize_t fail_pread(int fd, void *p, size_t n, off64_t at) IN_PLACE_OF("pread");
ssize_t fail_pread64(int fd, void *p, size_t n, off64_t at) IN_PLACE_OF("pread64");
ssize_t fail_pread64_chk(int fd, void *p, size_t n, off64_t at, size_t room)
    IN_PLACE_OF("__pread64_chk");
ssize_t fail_write(int fd, const void *p, size_t n) IN_PLACE_OF("write");
ssize_t fail_pwrite(int fd, const void *p, size_t n, off64_t at) IN_PLACE_OF("pwrite");
ssize_t fail_pwrite64(int fd, const void *p, size_t n, off64_t at) IN_PLACE_OF("pwrite64");
int fail_ftruncate(int fd, off64_t n) IN_PLACE_OF("ftruncate");
int fail_ftruncate64(int fd, off64_t n) IN_PLACE_OF("ftruncate64");
int fail_fallocate64(int fd, off64_t at, off64_t n) IN_PLACE_OF("posix_fallocate64");
int fail_fsync(int fd) IN_PLACE_OF("fsync");
int fail_fdatasync(int fd) IN_PLACE_OF("fdatasync");
int fail_open(const char *path, int flags, ...) IN_PLACE_OF("open");
int fail_open64(const char *path, int flags, ...) IN_PLACE_OF("open64");
void *fail_malloc(size_t n) IN_PLACE_OF("malloc");
void *fail_calloc(size_t count, size_t n) IN_PLACE_OF("calloc");
void *fail_realloc(void *p, size_t n) IN_PLACE_OF("realloc");
void *fail_reallocarray(void *p, size_t count, size_t n) IN_PLACE_OF("reallocarray");
void *fail_aligned_alloc(size_t align, size_t n) IN_PLACE_OF("aligned_alloc");
int fail_posix_memalign(void **ret_p, size_t align, size_t n) IN_PLACE_OF("posix_memalign");

/* The true allocator, by other names of the C library: dlsym() itself allocates. */
void *true_malloc(size_t n) IN_PLACE_OF("__libc_malloc");
void *true_calloc(size_t count, size_t n) IN_PLACE_OF("__libc_calloc");
void *true_realloc(void *p, size_t n) IN_PLACE_OF("__libc_realloc");
void *true_memalign(size_t align, size_t n) IN_PLACE_OF("__libc_memalign");

enum kind { NONE, READ, WRITE, SYNC, OPEN, MALLOC };

static enum kind kind;
static long first;
static bool goes_on;
static int error;
static _Atomic long n_calls;
static _Atomic bool is_marked;

static void mark(void)
{
    const char *path = getenv("TK_FAIL_MARK");

    if (path && !atomic_exchange(&is_marked, true))
        (void)syscall(SYS_close,
                      (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600));
}

/* Whether this call is one that fails; errno is set then. */
static bool fails(enum kind k)
{
    if (k != kind)
        return false;
    long n = atomic_fetch_add(&n_calls, 1) + 1;
    if (n != first && !(goes_on && n > first))
        return false;
    mark();
    errno = error;
    return true;
}

/* Sockets, pipes and terminals have tests of their own; /proc is read in passing. */
static bool is_file(int fd)
{
    struct stat st;

    return syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 0 &&
           st.st_blksize != 1024;
}

static int error_of(const char *name)
{
    return strcmp(name, "ENOSPC") == 0 ? ENOSPC : strcmp(name, "ENOMEM") == 0 ? ENOMEM : EIO;
}

__attribute__((constructor)) static void begin(void)
{
    static const char *const kinds[] = { "none", "read", "write", "sync", "open", "malloc" };
    const char *text = getenv("TK_FAIL");
    enum kind found = NONE;

    for (int i = READ; text && i <= MALLOC; i++) {
        size_t n = strlen(kinds[i]);
        if (strncmp(text, kinds[i], n) == 0 && text[n] == ':') {
            found = (enum kind)i;
            text += n + 1;
        }
    }
    if (found == NONE)
        return;
    for (; *text >= '0' && *text <= '9'; text++) /* nothing of ours is linked here */
        first = 10 * first + (*text - '0');
    goes_on = *text == '+';
    text = strchr(text, ':');
    error = error_of(text ? text + 1 : "");
    kind = found; /* from here on they count */
}

/* The next definition of a name, the C library's. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses here */
#define NEXT(type, name, params) \
    static type(*next) params;   \
    if (!next)                   \
    *(void **)(&next) = dlsym(RTLD_NEXT, name)
/* NOLINTEND(bugprone-macro-parentheses) */

ssize_t fail_read(int fd, void *p, size_t n)
{
    NEXT(ssize_t, "read", (int, void *, size_t));
    return is_file(fd) && fails(READ) ? -1 : next(fd, p, n);
}

ssize_t fail_read_chk(int fd, void *p, size_t n, size_t room)
{
    (void)room;
    return fail_read(fd, p, n);
}

ssize_t fail_pread64(int fd, void *p, size_t n, off64_t at)
{
    NEXT(ssize_t, "pread64", (int, void *, size_t, off64_t));
    return is_file(fd) && fails(READ) ? -1 : next(fd, p, n, at);
}

ssize_t fail_pread64_chk(int fd, void *p, size_t n, off64_t at, size_t room)
{
    (void)room;
    return fail_pread64(fd, p, n, at);
}

ssize_t fail_pread(int fd, void *p, size_t n, off64_t at)
{
    return fail_pread64(fd, p, n, at);
}

ssize_t fail_write(int fd, const void *p, size_t n)
{
    NEXT(ssize_t, "write", (int, const void *, size_t));
    return is_file(fd) && fails(WRITE) ? -1 : next(fd, p, n);
}

ssize_t fail_pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    NEXT(ssize_t, "pwrite64", (int, const void *, size_t, off64_t));
    return is_file(fd) && fails(WRITE) ? -1 : next(fd, p, n, at);
}

ssize_t fail_pwrite(int fd, const void *p, size_t n, off64_t at)
{
    return fail_pwrite64(fd, p, n, at);
}

int fail_ftruncate64(int fd, off64_t n)
{
    NEXT(int, "ftruncate64", (int, off64_t));
    return is_file(fd) && fails(WRITE) ? -1 : next(fd, n);
}

int fail_ftruncate(int fd, off64_t n)
{
    return fail_ftruncate64(fd, n);
}

int fail_fallocate64(int fd, off64_t at, off64_t n)
{
    NEXT(int, "posix_fallocate64", (int, off64_t, off64_t));
    return is_file(fd) && fails(WRITE) ? error : next(fd, at, n);
}

int fail_fsync(int fd)
{
    NEXT(int, "fsync", (int));
    return fails(SYNC) ? -1 : next(fd);
}

int fail_fdatasync(int fd)
{
    NEXT(int, "fdatasync", (int));
    return fails(SYNC) ? -1 : next(fd);
}

int fail_open64(const char *path, int flags, ...)
{
    NEXT(int, "open64", (const char *, int, ...));
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return strncmp(path, "/proc/", 6) != 0 && fails(OPEN) ? -1 : next(path, flags, mode);
}

int fail_open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return fail_open64(path, flags, mode);
}

/* --- memory --- */

void *fail_malloc(size_t n)
{
    return fails(MALLOC) ? NULL : true_malloc(n);
}

void *fail_calloc(size_t count, size_t n)
{
    return fails(MALLOC) ? NULL : true_calloc(count, n);
}

void *fail_realloc(void *p, size_t n)
{
    return fails(MALLOC) ? NULL : true_realloc(p, n);
}

void *fail_reallocarray(void *p, size_t count, size_t n)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, n, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return fail_realloc(p, bytes);
}

void *fail_aligned_alloc(size_t align, size_t n)
{
    return fails(MALLOC) ? NULL : true_memalign(align, n);
}

int fail_posix_memalign(void **ret_p, size_t align, size_t n)
{
    *ret_p = fails(MALLOC) ? NULL : true_memalign(align, n);
    return *ret_p ? 0 : ENOMEM;
}
