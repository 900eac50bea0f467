/*
 * mirror_dir - a directory tree and a table of D1, either made as the other.
 *
 *     cc -O2 -o mirror_dir mirror_dir.c -lsqlite3 -lcurl
 *     mirror_dir out DIR      make the files in DIR what table files(path, content) holds   (>>connect)
 *     mirror_dir in DIR       make the table hold the files in DIR                          (>>sync)
 *
 *     --database FILE         D1 is local_d1.h over this SQLite file. Without it, it is the real one if
 *                             CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_DATABASE_ID and CLOUDFLARE_API_TOKEN are set, and
 *                             else mirror_dir.sqlite in the current directory
 *     --dry-run               say what would be done, and do nothing
 *     --full                  trust nothing that is tracked: look at every file, or send every row. `out` then also
 *                             overwrites what others have put in the place of a file of the table
 *     --max-delete PERCENT    refuse to delete more of what there is (50)
 *
 * `out` is a connector: a run of >>connect declares a tree of directories and files, and the handler below knows how to
 * make them. What was made is tracked by fingerprint in a file_store, so that a second run does nothing, a file that
 * leaves the table is deleted, and a run may be killed anywhere. What others put into DIR was never tracked: it is left
 * alone, and where it is in the way of a file of the table the run says so and ends. A directory goes when its last
 * file has gone and it is empty.
 *
 * A file is written to a temporary one, which then takes its name: whoever reads it sees the old or the new content.
 * Nothing outside DIR is touched: a row whose path is absolute, or has an empty, "." or ".." part, ends the run before
 * it does anything, and no symbolic link is ever followed below DIR. DIR/.mirror_dir is the program's own: two stores
 * (`in` has one too, so that of a changed bucket only the changed rows are sent) and the temporary file.
 *
 * `in` takes plain files. It leaves out symbolic links, devices and names that are not UTF-8, and says so. Both keep
 * contents of files in memory, `out` those of all, `in` of one. A row of D1 has at most 2 MB.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define D1TARGET_IMPLEMENTATION
#include "../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "local_d1.h"
#define FILE_STORE_IMPLEMENTATION
#include "file_store.h"

static const d1t_column file_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("content", D1T_BLOB, D1T_NOT_NULL),
};
static const d1t_table files = D1T_TABLE_FLAGS("files", file_columns, D1T_STRICT | D1T_WITHOUT_ROWID);
static const d1t_table *const tables[] = {&files};

#define OURS ".mirror_dir"
enum { PATH_BYTES = 4096, NAME_BYTES = 256, PARTS = PATH_BYTES / 2 };

typedef struct mirror {
    const char *dir;
    int root, ours; /* DIR, and DIR/.mirror_dir; -1: it is not there */
    bool dry, full;
    uint32_t max_delete;
    d1t_client db;
    d1t_connect run; /* of `out` */
    uint64_t deletes;
    d1t_sync sync; /* of `in` */
    const char **paths;
    size_t count, cap;
    d1t_arena arena;
    d1t_memory_store memory;
    file_store file;
    d1t_store store;
} mirror;

static void die(const char *what, const char *why) {
    fprintf(stderr, "mirror_dir: %s: %s\n", what, why);
    exit(1);
}

/* ---- paths */

/* The parts of a path; 0: it is none that we take. */
static size_t split(d1t_str path, d1t_str *parts) {
    size_t count = 0, from = 0, i;
    if (path.n >= PATH_BYTES || memchr(path.p, 0, path.n)) return 0;
    for (i = 0; i <= path.n; i++) {
        d1t_str part = d1t_bytes(path.p + from, i - from);
        if (i < path.n && path.p[i] != '/') continue;
        if (part.n == 0 || part.n >= NAME_BYTES || d1t_str_equal(part, d1t_cstr(".")) ||
            d1t_str_equal(part, d1t_cstr("..")))
            return 0;
        parts[count++] = part;
        from = i + 1;
    }
    return d1t_str_equal(parts[0], d1t_cstr(OURS)) ? 0 : count;
}

static const char *name_of(d1t_str part, char name[NAME_BYTES]) {
    memcpy(name, part.p, part.n);
    name[part.n] = 0;
    return name;
}

/* The directory that these names lead to, down from the root, not through links. -1: see errno. */
static int open_directory(const mirror *m, const d1t_str *parts, size_t count) {
    char name[NAME_BYTES];
    int fd = openat(m->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), below;
    for (; fd >= 0 && count > 0; count--, fd = below) {
        below = openat(fd, name_of(*parts++, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0) {
            int error = errno;
            close(fd);
            errno = error;
        } else close(fd);
    }
    return fd;
}

/* All of a plain file. False: see errno. */
static bool read_file(int dir, const char *name, d1t_buffer *out) {
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), error = 0;
    struct stat st;
    ssize_t n = fd < 0 ? -1 : 1;
    out->n = 0;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) n = -1, errno = EINVAL;
    while (n > 0) {
        if (d1t_buffer_reserve(out, 65536) != D1T_OK) die("memory", "none left");
        n = read(fd, out->p + out->n, out->cap - out->n);
        if (n > 0) out->n += (size_t)n;
    }
    error = errno;
    if (fd >= 0) close(fd);
    errno = error;
    return n == 0;
}

/* ---- out: the handler. A key is 'd' or 'f' and the name, so that a file that becomes a directory is another item. The
   value of a file is its content, that of a directory "d". */

static const uint8_t print_key[16] = "mirror_dir hash"; /* fixed, so that runs agree */

static d1t_result entry_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                  d1t_error *error) {
    static uint8_t key[16];
    (void)self;
    memcpy(key, print_key, sizeof key);
    if (item->key.n && item->key.p[0] == 'f') return d1t_fingerprint_reconcile(key, item, arena, out, error);
    *out = d1t_reconcile(item);
    return D1T_OK;
}

static const d1t_handler *entries(void);

static d1t_result entry_child(void *self, const d1t_item *item, d1t_arena *arena, const d1t_handler **out) {
    (void)self, (void)arena;
    *out = item->key.n && item->key.p[0] == 'd' ? entries() : NULL;
    return D1T_OK;
}

/* An act as apply carries it out. */
typedef struct job {
    mirror *m;
    const d1t_act *act;
    d1t_error *error;
    int dir; /* of the item */
    char name[NAME_BYTES];
    d1t_buffer content;
} job;

static d1t_result failed(job *j, const char *why) {
    size_t i;
    fputs("mirror_dir: ", stderr);
    for (i = 1; i < j->act->depth; i++)
        fprintf(stderr, "%s%.*s", i > 1 ? "/" : "", (int)j->act->path[i].n - 1, j->act->path[i].p + 1);
    fprintf(stderr, ": %s\n", why);
    j->error->code = D1T_ERR_STATE;
    snprintf(j->error->text, sizeof j->error->text, "the tree is not complete; the next run goes on from here");
    return j->error->code;
}

/* Is what stands there something that we wrote, by its fingerprint? */
static bool is_ours(job *j, const struct stat *st) {
    const d1t_item *item = &j->act->item;
    uint8_t print[16];
    size_t i;
    if (!S_ISREG(st->st_mode) || !read_file(j->dir, j->name, &j->content)) return false;
    d1t_fingerprint(print_key, d1t_bytes(j->content.p, j->content.n), print);
    for (i = 0; i < item->prev_count; i++)
        if (d1t_str_equal(item->prev[i], d1t_bytes(print, sizeof print))) return true;
    return item->desired.p && d1t_str_equal(item->desired, d1t_bytes(j->content.p, j->content.n));
}

/* Written beside it, synced, then renamed: there is no moment at which half of it is there. */
static d1t_result write_file(job *j, mode_t mode) {
    d1t_str content = j->act->item.desired;
    size_t at = 0;
    int fd;
    bool good;
    unlinkat(j->m->ours, "tmp", 0);
    fd = openat(j->m->ours, "tmp", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0) return failed(j, strerror(errno));
    while (at < content.n) {
        ssize_t done = pwrite(fd, content.p + at, content.n - at, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) break;
        at += (size_t)done;
    }
    good = at == content.n && (!mode || fchmod(fd, mode & 0777) == 0) && fsync(fd) == 0;
    if (close(fd) != 0 || !good || renameat(j->m->ours, "tmp", j->dir, j->name) != 0 || fsync(j->dir) != 0)
        return failed(j, strerror(errno));
    return D1T_OK;
}

static d1t_result put_file(job *j) {
    struct stat st;
    bool there = fstatat(j->dir, j->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there && errno != ENOENT) return failed(j, strerror(errno));
    if (there && !S_ISREG(st.st_mode)) return failed(j, "something that is no file is in its place");
    if (there && j->act->item.missing) { /* perhaps it is not the one that we wrote */
        if (is_ours(j, &st)) {
            if (d1t_str_equal(j->act->item.desired, d1t_bytes(j->content.p, j->content.n))) return D1T_OK;
        } else if (!j->m->full) return failed(j, "a file of others is in its place; move it away, or use --full");
    }
    return write_file(j, there ? st.st_mode : 0);
}

static d1t_result put_directory(job *j) {
    struct stat st;
    if (mkdirat(j->dir, j->name, 0777) == 0) return fsync(j->dir) == 0 ? D1T_OK : failed(j, strerror(errno));
    if (errno != EEXIST) return failed(j, strerror(errno));
    if (fstatat(j->dir, j->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) return D1T_OK;
    return failed(j, "something that is no directory is in its place");
}

/* What is not ours, or not any more, stays. */
static d1t_result delete_entry(job *j) {
    bool directory = j->act->item.key.p[0] == 'd';
    struct stat st;
    if (fstatat(j->dir, j->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? D1T_OK : failed(j, strerror(errno));
    if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) return D1T_OK;
    if (!directory && j->act->item.missing && !is_ours(j, &st)) return D1T_OK;
    if (unlinkat(j->dir, j->name, directory ? AT_REMOVEDIR : 0) != 0 &&
        !(directory && (errno == ENOTEMPTY || errno == EEXIST)))
        return failed(j, strerror(errno));
    return fsync(j->dir) == 0 ? D1T_OK : failed(j, strerror(errno));
}

static d1t_result apply_act(job *j, const d1t_act *act) {
    bool deletes = act->decision.action == D1T_ITEM_DELETE;
    const size_t above = act->depth - 2; /* path: the root's name, directories, the item */
    d1t_str parts[PARTS];
    d1t_result result;
    size_t i;
    j->act = act;
    for (i = 0; i < above; i++) parts[i] = d1t_bytes(act->path[i + 1].p + 1, act->path[i + 1].n - 1);
    j->dir = open_directory(j->m, parts, above);
    if (j->dir < 0 && deletes && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return D1T_OK;
    if (j->dir < 0) return failed(j, "its directory is gone, or something else is there; --full makes it again");
    name_of(d1t_bytes(act->item.key.p + 1, act->item.key.n - 1), j->name);
    if (deletes) result = delete_entry(j);
    else result = act->item.key.p[0] == 'd' ? put_directory(j) : put_file(j);
    close(j->dir);
    return result;
}

/* Deletes come first: a file may take the name of a directory that goes. */
static d1t_result entry_apply(void *sink, const d1t_act *acts, size_t count, d1t_error *error) {
    const d1t_allocator standard = {NULL, NULL};
    d1t_result result = D1T_OK;
    job j;
    size_t i;
    j.m = sink;
    j.error = error;
    d1t_buffer_init(&j.content, standard, SIZE_MAX);
    for (i = 0; i < count && result == D1T_OK; i++)
        if (acts[i].decision.action == D1T_ITEM_DELETE) result = apply_act(&j, &acts[i]);
    for (i = 0; i < count && result == D1T_OK; i++)
        if (acts[i].decision.action == D1T_ITEM_UPSERT) result = apply_act(&j, &acts[i]);
    d1t_buffer_free(&j.content);
    return result;
}

static mirror the;

static const d1t_handler *entries(void) {
    static const d1t_handler handler = {NULL, &the, entry_reconcile, entry_apply, entry_child, NULL};
    return &handler;
}

/* ---- out: the run */

/* Declares the file of a row, and the directories above it. */
static int on_row(void *ctx, const d1t_row *row) {
    mirror *m = ctx;
    d1t_str path[PARTS + 1], parts[PARTS], content = row->values[1].u.s;
    size_t count = split(row->values[0].u.s, parts), i;
    d1t_result result = D1T_OK;
    if (!count) {
        fprintf(stderr, "mirror_dir: %.*s: not a path that this program takes\n", (int)row->values[0].u.s.n,
                row->values[0].u.s.p);
        return 1;
    }
    path[0] = d1t_cstr("tree");
    for (i = 0; i < count && result == D1T_OK; i++) {
        char *key = d1t_arena_take(&m->arena, parts[i].n + 1);
        if (!key) die("memory", "none left");
        key[0] = i + 1 < count ? 'd' : 'f';
        memcpy(key + 1, parts[i].p, parts[i].n);
        path[i + 1] = d1t_bytes(key, parts[i].n + 1);
        if (i + 1 < count) result = d1t_connect_declare(&m->run, path, i + 2, d1t_cstr("d"));
    }
    if (result == D1T_OK) result = d1t_connect_declare(&m->run, path, count + 1, d1t_bytes(content.n ? content.p : "",
                                                                                           content.n));
    d1t_arena_free(&m->arena);
    return result != D1T_OK;
}

static void on_act(void *ctx, const d1t_act *act) {
    mirror *m = ctx;
    bool deletes = act->decision.action == D1T_ITEM_DELETE;
    size_t i;
    m->deletes += deletes;
    if (!m->dry) return;
    fputs(deletes ? "- " : act->item.prev_count ? "~ " : "+ ", stdout);
    for (i = 1; i < act->depth; i++) printf("%.*s%s", (int)act->path[i].n - 1, act->path[i].p + 1,
                                            i + 1 < act->depth || act->item.key.p[0] == 'd' ? "/" : "");
    puts("");
}

static bool out(mirror *m) {
    const size_t tracked = m->ours < 0 ? 0 : m->file.memory.count;
    const d1t_connect_report *r = &m->run.report;
    d1t_connect_desc desc = {0};
    d1t_root list[1];
    d1t_roots roots;
    d1t_roots_init(&roots, list, 1);
    d1t_roots_add(&roots, "tree", entries());
    desc.store = &m->store;
    desc.roots = &roots;
    desc.full = m->full;
    d1t_connect_begin(&m->run, &desc);
    d1t_setup(&m->db, tables, 1);
    if (d1t_read(&m->db, &files, NULL, NULL, 0, on_row, m) != D1T_OK ||
        d1t_connect_preview(&m->run, on_act, m) != D1T_OK) {
        d1t_connect_abort(&m->run); /* the table is not known as a whole */
    } else if (m->dry || (m->deletes > 0 && m->deletes > tracked * (uint64_t)m->max_delete / 100)) {
        if (!m->dry) fprintf(stderr, "mirror_dir: %" PRIu64 " of %zu entries would be deleted (see --max-delete)\n",
                             m->deletes, tracked);
        d1t_connect_abort(&m->run);
        return m->dry;
    } else d1t_connect_commit(&m->run);
    if (m->run.error.code != D1T_OK) fprintf(stderr, "mirror_dir: %s\n", m->run.error.text);
    if (m->run.error.code != D1T_OK || m->db.error.code != D1T_OK) return false;
    printf("out: %" PRIu64 " entries, %" PRIu64 " written, %" PRIu64 " deleted, %" PRIu64 " unchanged\n", r->declared,
           r->upserts, r->deletes, r->unchanged);
    return true;
}

/* ---- in */

static void left_out(const char *path, const char *why) {
    fprintf(stderr, "mirror_dir: %s is left out: %s\n", path, why);
}

static void add_path(mirror *m, const char *path) {
    d1t_str s = d1t_cstr(path), parts[PARTS];
    if (d1t_utf8_valid(s) != s.n || !split(s, parts)) {
        left_out(path, "its name");
        return;
    }
    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->paths = realloc(m->paths, m->cap * sizeof *m->paths);
    }
    if (!m->paths || (m->paths[m->count++] = d1t_arena_text(&m->arena, s)) == NULL) die("memory", "none left");
}

/* Takes fd. What cannot be read ends the program, before a row is written or deleted. */
static void walk(mirror *m, int fd, char *path, size_t n) {
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    struct stat st;
    if (!dir) die(n ? path : m->dir, strerror(errno));
    while ((errno = 0, e = readdir(dir)) != NULL) {
        size_t size = strlen(e->d_name);
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || (n == 0 && !strcmp(e->d_name, OURS))) continue;
        if (n + size + 2 > PATH_BYTES) die(path, "its paths are too long");
        memcpy(path + n, e->d_name, size + 1);
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) die(path, strerror(errno));
        if (S_ISREG(st.st_mode)) add_path(m, path);
        else if (S_ISDIR(st.st_mode)) {
            memcpy(path + n + size, "/", 2);
            fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            walk(m, fd, path, n + size + 1);
        } else left_out(path, "no plain file");
        path[n] = 0;
    }
    if (errno) die(n ? path : m->dir, strerror(errno));
    closedir(dir);
}

static int by_path(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void on_difference(void *ctx, const d1t_table *table, d1t_difference what, d1t_str key) {
    (void)ctx, (void)table;
    printf("%c %.*s\n", what == D1T_MISSING ? '+' : what == D1T_EXTRA ? '-' : '~', (int)key.n, key.p);
}

static bool in(mirror *m) {
    const d1t_sync_report *r = &m->sync.report;
    d1t_sync_desc desc = {0};
    char path[PATH_BYTES] = "", name[NAME_BYTES];
    d1t_str parts[PARTS];
    d1t_buffer content;
    d1t_value row[2];
    size_t i;
    walk(m, open_directory(m, NULL, 0), path, 0);
    if (m->count) qsort(m->paths, m->count, sizeof *m->paths, by_path);
    d1t_buffer_init(&content, m->arena.allocator, SIZE_MAX);
    desc.scope = d1t_scope_table(&files);
    desc.sorted = true; /* nothing is kept until commit */
    desc.full = m->full;
    desc.max_delete = m->max_delete;
    desc.store = &m->store;
    desc.mode = m->dry ? D1T_SYNC_DRY_RUN : D1T_SYNC_APPLY;
    desc.on_difference = on_difference;
    d1t_setup(&m->db, tables, 1);
    d1t_sync_begin(&m->sync, &m->db, &desc);
    for (i = 0; i < m->count && m->db.error.code == D1T_OK; i++) {
        size_t count = split(d1t_cstr(m->paths[i]), parts);
        int dir = open_directory(m, parts, count - 1);
        if (dir < 0 || !read_file(dir, name_of(parts[count - 1], name), &content)) die(m->paths[i], strerror(errno));
        close(dir);
        row[0] = d1t_text(m->paths[i]);
        row[1] = d1t_blob(content.n ? content.p : "", content.n);
        if (d1t_sync_row(&m->sync, &files, row, 2) != D1T_OK) fprintf(stderr, "mirror_dir: at %s\n", m->paths[i]);
    }
    d1t_buffer_free(&content);
    if (d1t_sync_commit(&m->sync, NULL) != D1T_OK) return false;
    printf("%s: %zu files, %" PRIu64 " inserted, %" PRIu64 " updated, %" PRIu64 " deleted, %" PRIu64 " unchanged\n",
           m->dry ? "in, if it were done" : "in", m->count, r->inserted, r->updated, r->deleted, r->unchanged);
    return true;
}

/* ---- the program */

/* A dry run neither makes nor changes anything: without a store it takes an empty one in memory. */
static void open_store(mirror *m, const char *which) {
    const d1t_allocator standard = {NULL, NULL};
    char path[PATH_BYTES];
    m->root = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->root < 0) die(m->dir, strerror(errno));
    if (!m->dry && mkdirat(m->root, OURS, 0777) != 0 && errno != EEXIST) die(OURS, strerror(errno));
    m->ours = openat(m->root, OURS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (m->ours < 0 && !(m->dry && errno == ENOENT)) die(OURS, strerror(errno));
    if (snprintf(path, sizeof path, "%s/" OURS "/%s", m->dir, which) >= (int)sizeof path) die(m->dir, "too long");
    if (m->ours < 0) m->store = d1t_memory_store_init(&m->memory, standard);
    else if (file_store_open(&m->file, path, NULL, &m->store) != D1T_OK) die(path, m->file.what);
}

static local_d1 *open_database(mirror *m, const char *path, bool makes_table) {
    d1t_config config = d1t_config_from_env();
    local_d1 *local = NULL;
    if (!path && !config.token) path = "mirror_dir.sqlite";
    if (path) local = local_d1_open(path, NULL);
    if (path && !local) die(path, "cannot be opened as a database");
    if (local) {
        config.database_url = "http://127.0.0.1/client/v4/accounts/local/d1/database/local";
        config.token = "local";
        config.transport = local_d1_transport(local);
    }
    config.setup = makes_table ? D1T_SETUP_APPLY : D1T_SETUP_VERIFY;
    d1t_open(&m->db, &config);
    return local;
}

int main(int argc, char **argv) {
    const char *database = NULL, *word[2] = {NULL, NULL}, *percent = "50";
    mirror *m = &the;
    local_d1 *local;
    int64_t most;
    int i, n = 0;
    bool good;
    for (i = 1; i < argc; i++) {
        bool value = !strcmp(argv[i], "--database") || !strcmp(argv[i], "--max-delete");
        if (value && i + 1 == argc) die(argv[i], "a value is missing");
        if (value) *(argv[i][2] == 'd' ? &database : &percent) = argv[i + 1], i++;
        else if (!strcmp(argv[i], "--dry-run")) m->dry = true;
        else if (!strcmp(argv[i], "--full")) m->full = true;
        else if (argv[i][0] == '-' || n == 2) die(argv[i], "not understood");
        else word[n++] = argv[i];
    }
    if (n != 2 || (strcmp(word[0], "in") != 0 && strcmp(word[0], "out") != 0))
        die("usage", "mirror_dir in|out DIR [--database FILE] [--dry-run] [--full] [--max-delete PERCENT]");
    if (!d1t_parse_int(d1t_cstr(percent), &most) || most < 1 || most > 100) die("--max-delete", "from 1 to 100");
    m->max_delete = (uint32_t)most;
    m->dir = word[1];
    open_store(m, word[0]);
    local = open_database(m, database, word[0][0] == 'i' && !m->dry);
    good = word[0][0] == 'i' ? in(m) : out(m);
    if (d1t_close(&m->db) != D1T_OK) fprintf(stderr, "mirror_dir: %s\n", m->db.error.text);
    local_d1_close(local);
    if (m->ours >= 0) file_store_close(&m->file), close(m->ours);
    else d1t_memory_store_free(&m->memory);
    close(m->root);
    free(m->paths);
    d1t_arena_free(&m->arena);
    return !good || m->db.error.code != D1T_OK;
}
