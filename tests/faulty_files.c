/* A file layer that fails: preloaded before libc, it counts the calls that change files below one folder and lets the
   k-th of them fail, or end the process, or set the clock. Everything that writes passes here: Python, HDF5, Matplotlib,
   Zarr. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_JUMPS 100000 /* no errno: from the call on, the time of day goes 60 years forth and back at each look */

static char folder[4096];
static long count, at; /* at: number of the call that fails, from 1; 0: none */
static int kind;       /* > 0: errno or CLOCK_JUMPS; < 0: the signal -kind is sent to this process */
static int sticky;     /* all later calls fail too, as on a full disk */
static long jumps;     /* looks at a clock that jumps; 0: it does not */

void fault_arm(const char *below, long call, int what, int stays)
{
    strncpy(folder, below, sizeof folder - 1);
    count = 0, at = call, kind = what, sticky = stays, jumps = 0;
}

long fault_count(void) { return count; }

/* How far off the time of day is at this look, in seconds. */
static long offset(void) { return jumps ? (jumps++ % 2 ? 1 : -1) * 60L * 31557600L : 0; }

static int below(const char *path)
{
    return folder[0] && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int fd_below(int fd)
{
    char link[64] = "/proc/self/fd/", path[4096];
    char *end = link + strlen(link), digits[16];
    int n = 0;
    do digits[n++] = '0' + fd % 10; while (fd /= 10);
    while (n) *end++ = digits[--n];
    *end = 0;
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

/* Whether this call fails; the process may end here. */
static int fails(int watched)
{
    if (!watched) return 0;
    count++;
    if (at == 0 || count < at || (count > at && !sticky)) return 0;
    if (kind < 0) { kill(getpid(), -kind); return 0; }
    if (kind == CLOCK_JUMPS) { jumps = 1; return 0; }
    errno = kind;
    return 1;
}

#define NEXT(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *data, size_t n)
{
    if (fails(fd > 2 && fd_below(fd))) return -1;
    return NEXT(ssize_t, "write", int, const void *, size_t)(fd, data, n);
}
ssize_t writev(int fd, const struct iovec *v, int n)
{
    if (fails(fd > 2 && fd_below(fd))) return -1;
    return NEXT(ssize_t, "writev", int, const struct iovec *, int)(fd, v, n);
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t where)
{
    if (fails(fd_below(fd))) return -1;
    return NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t)(fd, data, n, where);
}
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t where)
{
    if (fails(fd_below(fd))) return -1;
    return NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t)(fd, data, n, where);
}
int ftruncate(int fd, off_t n) { return fails(fd_below(fd)) ? -1 : NEXT(int, "ftruncate", int, off_t)(fd, n); }
int ftruncate64(int fd, off64_t n) { return fails(fd_below(fd)) ? -1 : NEXT(int, "ftruncate64", int, off64_t)(fd, n); }
int fsync(int fd) { return fails(fd_below(fd)) ? -1 : NEXT(int, "fsync", int)(fd); }
int fdatasync(int fd) { return fails(fd_below(fd)) ? -1 : NEXT(int, "fdatasync", int)(fd); }
int rename(const char *a, const char *b) { return fails(below(a)) ? -1 : NEXT(int, "rename", const char *, const char *)(a, b); }
int renameat(int c, const char *a, int d, const char *b)
{
    return fails(below(a)) ? -1 : NEXT(int, "renameat", int, const char *, int, const char *)(c, a, d, b);
}
int chmod(const char *p, mode_t m) { return fails(below(p)) ? -1 : NEXT(int, "chmod", const char *, mode_t)(p, m); }
int fchmodat(int d, const char *p, mode_t m, int f)
{
    return fails(below(p)) ? -1 : NEXT(int, "fchmodat", int, const char *, mode_t, int)(d, p, m, f);
}
int mkdir(const char *p, mode_t m) { return fails(below(p)) ? -1 : NEXT(int, "mkdir", const char *, mode_t)(p, m); }

#define OPEN(name, params, args, path, flags) \
    int name params                                                                     \
    {                                                                                    \
        mode_t mode = 0;                                                                 \
        if (flags & (O_CREAT | O_TMPFILE)) {                                             \
            va_list more;                                                                \
            va_start(more, flags);                                                       \
            mode = va_arg(more, mode_t);                                                 \
            va_end(more);                                                                \
        }                                                                                \
        if ((flags & (O_WRONLY | O_RDWR)) && fails(below(path))) return -1;              \
        return ((int(*) params)dlsym(RTLD_NEXT, #name)) args;                            \
    }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode), path, flags)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), path, flags)
OPEN(openat, (int d, const char *path, int flags, ...), (d, path, flags, mode), path, flags)
OPEN(openat64, (int d, const char *path, int flags, ...), (d, path, flags, mode), path, flags)

int clock_gettime(clockid_t clock, struct timespec *t)
{
    int status = NEXT(int, "clock_gettime", clockid_t, struct timespec *)(clock, t);
    if (clock == CLOCK_REALTIME) t->tv_sec += offset();
    return status;
}
int gettimeofday(struct timeval *t, void *zone)
{
    int status = NEXT(int, "gettimeofday", struct timeval *, void *)(t, zone);
    t->tv_sec += offset();
    return status;
}
time_t time(time_t *t)
{
    time_t now = NEXT(time_t, "time", time_t *)(NULL) + offset();
    if (t) *t = now;
    return now;
}
