/*
 * file_store.h - a d1t_store in one file, for d1t_sync_desc.store and d1t_connect_desc.store. In the STB style:
 *
 *     #define FILE_STORE_IMPLEMENTATION          in exactly one C file, after d1target.h
 *     #include "file_store.h"
 *
 *     file_store file;
 *     d1t_store store;
 *     if (file_store_open(&file, "state", NULL, &store)) ...     file.what says why
 *     desc.store = &store; ...
 *     file_store_close(&file);
 *
 * The file is a log: a line that names the format, then one record for each commit. All of it is kept in memory (a
 * d1t_memory_store, read at open); the file is only for the next process. POSIX; one process at a time, which a lock on
 * the file sees to. Nothing is written before the first commit.
 *
 * A commit is one write and one fsync. A record has a checksum of itself and of its place, so that one that was torn is
 * seen: it is cut off, and the store is as after the last whole commit. A damaged record with a whole one behind it was
 * not torn, and is an error. A file that does not begin as ours does is refused and never written to; an empty one is
 * an empty store.
 *
 * When more than half of the log is dead, what lives is written to a new file beside it ("state.new"), which then takes
 * its place. If that fails, the log just stays longer.
 *
 * After a commit that failed, this process goes on as if nothing of it had happened. The file may have all of it until
 * the next commit, if it could not be cut back: a d1t_store may do that.
 */
#ifndef FILE_STORE_H
#define FILE_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the store does to files, so that tests can let it fail; as the POSIX functions. NULL: these. */
typedef struct file_store_io {
    void *ctx;
    ssize_t (*write)(void *ctx, int fd, const void *p, size_t n, off_t at);
    int (*fsync)(void *ctx, int fd);
    int (*rename)(void *ctx, const char *from, const char *to);
} file_store_io;

/* Caller-owned, not to be moved. Read what and count; the rest is private. */
typedef struct file_store {
    const char *what;        /* of the last error: what could not be done; errno may tell more */
    d1t_memory_store memory; /* memory.count: entries */
    d1t_store index;         /* over it */
    file_store_io io;
    char *path, *spare, *directory; /* spare: the new file's */
    d1t_buffer log;                 /* the commit that is being made, as it will be written */
    uint64_t end;                   /* of the last whole commit in the file */
    int fd;                         /* -1: there is no file yet */
    bool longer;                    /* there may be something behind the end */
    bool renamed;                   /* the directory is still to be synced */
} file_store;

/* D1T_OK, D1T_ERR_ARG, D1T_ERR_NOMEM, D1T_ERR_BUSY (another process has it open), D1T_ERR_STATE (not such a file,
   damaged, or it cannot be read). After an error there is nothing to close. io: NULL, or hooks, which are copied.

   Errors of the store's calls: D1T_ERR_NOMEM, D1T_ERR_LIMIT (a key or value of 4 GB), D1T_ERR_SPACE (the disk is full),
   D1T_ERR_STATE (another I/O error, or the file is no longer the one that was opened). */
d1t_result file_store_open(file_store *s, const char *path, const file_store_io *io, d1t_store *store);
void file_store_close(file_store *s);

#ifdef __cplusplus
}
#endif
#endif /* FILE_STORE_H */

#ifdef FILE_STORE_IMPLEMENTATION

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef FILE_STORE_SMALL
#define FILE_STORE_SMALL 4096 /* a log that is not longer is not worth compacting */
#endif

/* The file: FILE_STORE__NAME, then records: length of the entries (8 bytes, little-endian), checksum (16), entries. An
   entry: '+' (or '-', without a value), sizes of key and value (4 bytes each), key, value. */
#define FILE_STORE__NAME "d1t_file_store\n1"
enum { FILE_STORE__START = 16, FILE_STORE__HEAD = 24, FILE_STORE__ENTRY = 9 };

static void file_store__number(char *out, uint64_t n, int size) {
    for (; size-- > 0; n >>= 8) *out++ = (char)(n & 0xFF);
}

static uint64_t file_store__number_at(const char *p, int size) {
    uint64_t n = 0;
    while (size-- > 0) n = n << 8 | (unsigned char)p[size];
    return n;
}

/* Of a record that stands at `at` of the file: its place counts, so that no old one is taken for one that follows. */
static void file_store__checksum(const char *record, uint64_t n, uint64_t at, uint8_t out[16]) {
    static const uint8_t key[16] = "file_store hash"; /* no secret: it guards against accidents */
    d1t_hash hash;
    char place[8];
    file_store__number(place, at, 8);
    d1t_hash_init(&hash, key);
    d1t_hash_add(&hash, place, sizeof place);
    d1t_hash_add(&hash, record, 8);
    d1t_hash_add(&hash, record + FILE_STORE__HEAD, (size_t)n);
    d1t_hash_end(&hash, out);
}

static d1t_result file_store__fault(file_store *s, const char *what) {
    s->what = what;
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? D1T_ERR_SPACE : D1T_ERR_STATE;
}

static d1t_result file_store__says(file_store *s, d1t_result result, const char *what) {
    s->what = what;
    return result;
}

static d1t_result file_store__write(file_store *s, int fd, const char *p, size_t n, uint64_t at) {
    while (n > 0) { /* once, unless the system takes less */
        ssize_t done = s->io.write ? s->io.write(s->io.ctx, fd, p, n, (off_t)at) : pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = ENOSPC;
        if (done <= 0) return file_store__fault(s, "the file cannot be written");
        p += done;
        n -= (size_t)done;
        at += (uint64_t)done;
    }
    return D1T_OK;
}

static d1t_result file_store__sync(file_store *s, int fd) {
    if ((s->io.fsync ? s->io.fsync(s->io.ctx, fd) : fsync(fd)) == 0) return D1T_OK;
    return file_store__fault(s, "the file cannot be synced");
}

/* A file that is new is there for sure when its directory is synced. */
static d1t_result file_store__sync_name(file_store *s) {
    int fd;
    d1t_result result;
    if (!s->renamed) return D1T_OK;
    fd = open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return file_store__fault(s, "the directory cannot be opened");
    result = file_store__sync(s, fd);
    close(fd);
    s->renamed = result != D1T_OK;
    return result;
}

/* The lock ends with the process, also with one that is killed. */
static d1t_result file_store__lock(file_store *s, int fd) {
    struct flock lock;
    memset(&lock, 0, sizeof lock);
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (fcntl(fd, F_SETLK, &lock) == 0 || (errno != EACCES && errno != EAGAIN)) return D1T_OK;
    return file_store__says(s, D1T_ERR_BUSY, "another process has the file open");
}

/* Is what we have open still what has the name? Else commits would go to a file that nobody finds again. */
static d1t_result file_store__still(file_store *s) {
    struct stat opened, named;
    if (fstat(s->fd, &opened) == 0 && lstat(s->path, &named) == 0 && opened.st_dev == named.st_dev &&
        opened.st_ino == named.st_ino)
        return D1T_OK;
    return file_store__says(s, D1T_ERR_STATE, "the file was replaced or removed while it was open");
}

/* Begins a record in an empty buffer: room for the file's name and the head. */
static d1t_result file_store__begin(d1t_buffer *log) {
    static const char head[FILE_STORE__HEAD] = {0};
    d1t_result result;
    log->n = 0;
    result = d1t_buffer_add(log, FILE_STORE__NAME, FILE_STORE__START);
    return result == D1T_OK ? d1t_buffer_add(log, head, sizeof head) : result;
}

static void file_store__seal(d1t_buffer *log, uint64_t at) {
    char *record = log->p + FILE_STORE__START;
    uint64_t n = log->n - FILE_STORE__START - FILE_STORE__HEAD;
    file_store__number(record, n, 8);
    file_store__checksum(record, n, at, (uint8_t *)record + 8);
}

static d1t_result file_store__reserve(d1t_buffer *log, d1t_str key, d1t_str value) {
    if (key.n > UINT32_MAX || value.n > UINT32_MAX) return D1T_ERR_LIMIT;
    if (key.n + value.n > SIZE_MAX / 4) return D1T_ERR_NOMEM;
    return d1t_buffer_reserve(log, FILE_STORE__ENTRY + key.n + value.n) == D1T_OK ? D1T_OK : D1T_ERR_NOMEM;
}

/* There is room. */
static void file_store__entry(d1t_buffer *log, char what, d1t_str key, d1t_str value) {
    char head[FILE_STORE__ENTRY];
    head[0] = what;
    file_store__number(head + 1, key.n, 4);
    file_store__number(head + 5, value.n, 4);
    d1t_buffer_add(log, head, sizeof head);
    d1t_buffer_add(log, key.p, key.n);
    d1t_buffer_add(log, value.p, value.n);
}

/* ---- compaction */

static bool file_store__is_ours(const char *p, size_t n) {
    return memcmp(p, FILE_STORE__NAME, n < FILE_STORE__START ? n : (size_t)FILE_STORE__START) == 0;
}

/* A new file beside ours. One that a killed process left behind is removed, another one is not. */
static int file_store__open_spare(file_store *s) {
    const int how = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    char begin[FILE_STORE__START];
    int fd = open(s->spare, how, 0666);
    ssize_t n;
    if (fd >= 0 || errno != EEXIST) return fd;
    fd = open(s->spare, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -1;
    n = read(fd, begin, sizeof begin);
    close(fd);
    if (n < 0 || !file_store__is_ours(begin, (size_t)n) || unlink(s->spare) != 0) return -1;
    return open(s->spare, how, 0666);
}

static d1t_result file_store__live(const file_store *s, d1t_buffer *log) {
    d1t_str key = {NULL, 0}, value;
    d1t_result result = file_store__begin(log);
    while (result == D1T_OK && s->index.next(s->index.ctx, key, &key, &value) == D1T_OK) {
        result = file_store__reserve(log, key, value);
        if (result == D1T_OK) file_store__entry(log, '+', key, value);
    }
    if (result == D1T_OK) file_store__seal(log, FILE_STORE__START);
    return result;
}

/* Nothing is lost if it fails: the log is whole, and stays. */
static void file_store__compact(file_store *s) {
    d1t_str key = {NULL, 0}, value;
    uint64_t live = FILE_STORE__START + FILE_STORE__HEAD;
    const char *what = s->what;
    d1t_buffer log;
    int fd = -1;
    if (s->end <= FILE_STORE_SMALL) return;
    while (s->index.next(s->index.ctx, key, &key, &value) == D1T_OK) live += FILE_STORE__ENTRY + key.n + value.n;
    if (live >= s->end / 2) return;
    d1t_buffer_init(&log, s->log.allocator, SIZE_MAX);
    if (file_store__live(s, &log) == D1T_OK) fd = file_store__open_spare(s);
    if (fd >= 0) {
        if (file_store__lock(s, fd) == D1T_OK && file_store__write(s, fd, log.p, log.n, 0) == D1T_OK &&
            file_store__sync(s, fd) == D1T_OK &&
            (s->io.rename ? s->io.rename(s->io.ctx, s->spare, s->path) : rename(s->spare, s->path)) == 0) {
            close(s->fd);
            s->fd = fd;
            s->end = log.n;
            s->longer = false;
            s->renamed = true; /* if the sync fails here, the next commit does it */
            file_store__sync_name(s);
        } else {
            close(fd);
            unlink(s->spare);
        }
    }
    d1t_buffer_free(&log);
    s->what = what;
}

/* ---- the calls of a d1t_store */

static d1t_result file_store__next(void *ctx, d1t_str after, d1t_str *key, d1t_str *value) {
    file_store *s = (file_store *)ctx;
    return s->index.next(s->index.ctx, after, key, value);
}

static d1t_result file_store__put(void *ctx, d1t_str key, d1t_str value) {
    file_store *s = (file_store *)ctx;
    d1t_result result = file_store__reserve(&s->log, key, value);
    if (result == D1T_OK) result = s->index.put(s->index.ctx, key, value);
    if (result == D1T_OK) file_store__entry(&s->log, '+', key, value);
    return result;
}

static d1t_result file_store__remove(void *ctx, d1t_str key) {
    file_store *s = (file_store *)ctx;
    const d1t_str none = {NULL, 0};
    d1t_result result = file_store__reserve(&s->log, key, none);
    if (result == D1T_OK) result = s->index.remove(s->index.ctx, key);
    if (result == D1T_OK) file_store__entry(&s->log, '-', key, none);
    return result;
}

static void file_store__rollback(void *ctx) {
    file_store *s = (file_store *)ctx;
    s->log.n = FILE_STORE__START + FILE_STORE__HEAD;
    s->index.rollback(s->index.ctx);
}

/* A file to write to, which ends at s->end. */
static d1t_result file_store__ready(file_store *s) {
    d1t_result result;
    if (s->fd < 0) {
        s->fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (s->fd < 0) return file_store__fault(s, "the file cannot be made");
        s->renamed = true;
        result = file_store__lock(s, s->fd);
        if (result != D1T_OK) {
            close(s->fd);
            s->fd = -1;
            return result;
        }
    }
    result = file_store__still(s);
    if (result != D1T_OK) return result;
    if (s->longer && ftruncate(s->fd, (off_t)s->end) != 0) return file_store__fault(s, "the file cannot be cut");
    s->longer = true;
    return D1T_OK;
}

static d1t_result file_store__commit(void *ctx) {
    file_store *s = (file_store *)ctx;
    size_t from = s->end ? FILE_STORE__START : 0;
    d1t_result result;
    if (s->log.n == FILE_STORE__START + FILE_STORE__HEAD) return D1T_OK;
    file_store__seal(&s->log, s->end ? s->end : (uint64_t)FILE_STORE__START);
    result = file_store__ready(s);
    if (result == D1T_OK) result = file_store__write(s, s->fd, s->log.p + from, s->log.n - from, s->end);
    if (result == D1T_OK) result = file_store__sync(s, s->fd);
    if (result == D1T_OK) result = file_store__sync_name(s);
    if (result == D1T_OK) result = s->index.commit(s->index.ctx);
    if (result != D1T_OK) { /* as far as it can be undone at once; else the next commit does */
        int error = errno;
        if (s->fd >= 0 && s->longer) s->longer = ftruncate(s->fd, (off_t)s->end) != 0;
        errno = error;
        return result;
    }
    s->end += s->log.n - from;
    s->longer = false;
    s->log.n = FILE_STORE__START + FILE_STORE__HEAD;
    file_store__compact(s);
    return D1T_OK;
}

/* ---- opening */

/* The end of the record at `at`; 0: it is not whole. */
static uint64_t file_store__record_end(const d1t_buffer *file, uint64_t at, bool whole) {
    uint64_t n;
    uint8_t sum[16];
    if (file->n - at < FILE_STORE__HEAD) return 0;
    n = file_store__number_at(file->p + at, 8);
    if (n > file->n - at - FILE_STORE__HEAD) return 0;
    if (whole) {
        file_store__checksum(file->p + at, n, at, sum);
        if (memcmp(sum, file->p + at + 8, sizeof sum) != 0) return 0;
    }
    return at + FILE_STORE__HEAD + n;
}

/* The entries of a record, into the index. */
static d1t_result file_store__replay(file_store *s, const char *p, uint64_t n) {
    d1t_result result = D1T_OK;
    while (n > 0 && result == D1T_OK) {
        uint64_t key = n < FILE_STORE__ENTRY ? n : file_store__number_at(p + 1, 4);
        uint64_t value = n < FILE_STORE__ENTRY ? n : file_store__number_at(p + 5, 4);
        uint64_t size = FILE_STORE__ENTRY + key + value;
        d1t_str k = {p + FILE_STORE__ENTRY, (size_t)key};
        if (size > n || (*p != '+' && *p != '-'))
            return file_store__says(s, D1T_ERR_STATE, "a record of the file was not written by this program");
        if (*p == '-') result = s->index.remove(s->index.ctx, k);
        else result = s->index.put(s->index.ctx, k, d1t_bytes(k.p + key, (size_t)value));
        p += size;
        n -= size;
    }
    return result;
}

static d1t_result file_store__load(file_store *s, d1t_buffer *file) {
    d1t_result result = D1T_OK;
    struct stat st;
    ssize_t n;
    uint64_t at = FILE_STORE__START, end;
    if (fstat(s->fd, &st) != 0 || !S_ISREG(st.st_mode)) return file_store__says(s, D1T_ERR_STATE, "not a plain file");
    for (;;) {
        if (d1t_buffer_reserve(file, 65536) != D1T_OK) return D1T_ERR_NOMEM;
        n = read(s->fd, file->p + file->n, file->cap - file->n);
        if (n < 0) return file_store__fault(s, "the file cannot be read");
        if (n == 0) break;
        file->n += (size_t)n;
        if (!file_store__is_ours(file->p, file->n))
            return file_store__says(s, D1T_ERR_STATE, "the file is not such a store, and is left as it is");
    }
    s->longer = file->n > 0;
    if (file->n <= FILE_STORE__START) return D1T_OK; /* torn when it was made */
    for (; (end = file_store__record_end(file, at, true)) != 0; at = end) {
        result = file_store__replay(s, file->p + at + FILE_STORE__HEAD, end - at - FILE_STORE__HEAD);
        if (result != D1T_OK) return result;
    }
    end = file_store__record_end(file, at, false);
    if (end && file_store__record_end(file, end, true))
        return file_store__says(s, D1T_ERR_STATE, "the file is damaged, and not just at its end");
    s->end = at > FILE_STORE__START ? at : 0;
    s->longer = file->n > s->end;
    return s->index.commit(s->index.ctx);
}

d1t_result file_store_open(file_store *s, const char *path, const file_store_io *io, d1t_store *store) {
    const d1t_allocator standard = {NULL, NULL};
    const char *slash = path ? strrchr(path, '/') : NULL;
    size_t n = path ? strlen(path) : 0;
    d1t_result result;
    d1t_buffer file;
    memset(s, 0, sizeof *s);
    s->fd = -1;
    if (!n) return file_store__says(s, D1T_ERR_ARG, "a path is needed");
    if (io) s->io = *io;
    s->what = "memory";
    s->index = d1t_memory_store_init(&s->memory, standard);
    d1t_buffer_init(&s->log, standard, SIZE_MAX);
    d1t_buffer_init(&file, standard, SIZE_MAX);
    s->path = (char *)malloc(n + 1);
    s->spare = (char *)malloc(n + 5);
    s->directory = (char *)malloc(n + 2);
    result = s->path && s->spare && s->directory ? file_store__begin(&s->log) : D1T_ERR_NOMEM;
    if (result == D1T_OK) {
        memcpy(s->path, path, n + 1);
        snprintf(s->spare, n + 5, "%s.new", path);
        snprintf(s->directory, n + 2, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
        s->renamed = true; /* the process before may not have come to it */
        s->fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (s->fd < 0 && errno != ENOENT) result = file_store__fault(s, "the file cannot be opened");
        if (s->fd >= 0) result = file_store__lock(s, s->fd);
        if (s->fd >= 0 && result == D1T_OK) result = file_store__still(s); /* it may have been compacted meanwhile */
        if (s->fd >= 0 && result == D1T_OK) result = file_store__load(s, &file);
    }
    d1t_buffer_free(&file);
    store->ctx = s;
    store->next = file_store__next;
    store->put = file_store__put;
    store->remove = file_store__remove;
    store->commit = file_store__commit;
    store->rollback = file_store__rollback;
    if (result == D1T_OK) s->what = "";
    else file_store_close(s);
    return result;
}

void file_store_close(file_store *s) {
    if (s->fd >= 0) close(s->fd);
    s->fd = -1;
    d1t_memory_store_free(&s->memory);
    d1t_buffer_free(&s->log);
    free(s->path);
    free(s->spare);
    free(s->directory);
    s->path = s->spare = s->directory = NULL;
}

#endif /* FILE_STORE_IMPLEMENTATION */
