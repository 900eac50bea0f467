/* examples/mirror_dir.c, which is gone, as if killed, at the n-th call that changes a file or syncs it: DIE_AT=n. A
   write leaves half of its bytes then. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int dies(void)
{
    static int calls;
    const char *at = getenv("DIE_AT");

    return at && ++calls == atoi(at);
}

static int killed_fsync(int fd)
{
    return dies() ? _exit(137), 0 : fsync(fd);
}

static int killed_unlinkat(int dir, const char *name, int flags)
{
    return dies() ? _exit(137), 0 : unlinkat(dir, name, flags);
}

static int killed_mkdirat(int dir, const char *name, mode_t mode)
{
    return dies() ? _exit(137), 0 : mkdirat(dir, name, mode);
}

static int killed_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return dies() ? _exit(137), 0 : renameat(from_dir, from, to_dir, to);
}

static ssize_t killed_pwrite(int fd, const void *p, size_t n, off_t at)
{
    bool now = dies();
    ssize_t done = pwrite(fd, p, now ? n / 2 : n, at);

    return now ? _exit(137), 0 : done;
}

#define fsync killed_fsync
#define unlinkat killed_unlinkat
#define mkdirat killed_mkdirat
#define renameat killed_renameat
#define pwrite killed_pwrite
#include "../../examples/mirror_dir.c"
