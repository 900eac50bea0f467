/* examples/file_store.h: what is left of its file after torn writes, failures and damage. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define FILE_STORE_SMALL 256
#define FILE_STORE_IMPLEMENTATION
#include "../../examples/file_store.h"
#include "../support/random.h"
#include "../support/test.h"
#include <sys/wait.h>

static const d1t_str none = {NULL, 0};
static char place[64], path[80], spare[88];

/* ---- files */

static size_t load(const char *name, char *out, size_t room)
{
    FILE *f = fopen(name, "rb");
    size_t n = f ? fread(out, 1, room, f) : 0;

    if (f) fclose(f);
    return n;
}

static void save(const char *name, const char *p, size_t n)
{
    FILE *f = fopen(name, "wb");

    CHECK(f && fwrite(p, 1, n, f) == n);
    if (f) fclose(f);
}

static void begin(void)
{
    unlink(path);
    unlink(spare);
}

/* ---- a disk that fails: at a call, or from there on; writes leave some bytes behind */

static struct disk {
    size_t calls, fail_at;      /* from 1; 0: never */
    size_t bytes, tear_at;      /* of all writes; the byte that is not written any more; 0: no such */
    bool for_ever, dead;
    bool done;                  /* renames that fail are done all the same */
    size_t writes, syncs, renames;
} disk;

static bool fails(void)
{
    errno = EIO;
    disk.calls++;
    return disk.dead = disk.dead || (disk.fail_at && (disk.calls == disk.fail_at ||
                                                      (disk.for_ever && disk.calls > disk.fail_at)));
}

static ssize_t disk_write(void *ctx, int fd, const void *p, size_t n, off_t at)
{
    size_t most = n;
    bool bad = fails();

    (void)ctx;
    disk.writes++;
    if (disk.dead && disk.tear_at == 1) return -1;
    if (disk.tear_at && disk.bytes + n >= disk.tear_at) {
        most = disk.tear_at - 1 - disk.bytes;
        bad = disk.dead = true;
    } else if (bad) {
        most = n / 2;
    }
    disk.bytes += most;
    if (most && pwrite(fd, p, most, at) != (ssize_t)most) abort();
    if (disk.dead && disk.tear_at) disk.tear_at = 1;
    disk.dead = disk.dead && (disk.for_ever || disk.tear_at);
    errno = ENOSPC;
    return bad ? -1 : (ssize_t)n;
}

static int disk_fsync(void *ctx, int fd)
{
    bool bad = fails();

    (void)ctx;
    disk.syncs++;
    disk.dead = disk.dead && (disk.for_ever || disk.tear_at);
    return bad ? -1 : fsync(fd);
}

static int disk_rename(void *ctx, const char *from, const char *to)
{
    bool bad = fails();

    (void)ctx;
    disk.renames++;
    disk.dead = disk.dead && (disk.for_ever || disk.tear_at);
    if (bad && !disk.done) return -1;
    return rename(from, to) == 0 && !bad ? 0 : -1;
}

static const file_store_io hooks = {NULL, disk_write, disk_fsync, disk_rename};

/* ---- stores as text: "a=1 b=2 ", in order */

static void text_of(const d1t_store *s, char *out)
{
    d1t_str key = none, value;

    *out = 0;
    while (s->next(s->ctx, key, &key, &value) == D1T_OK)
        out += sprintf(out, "%.*s=%.*s ", (int)key.n, key.p, (int)value.n, value.p);
}

static void put(const d1t_store *s, const char *key, const char *value)
{
    CHECK_INT(s->put(s->ctx, d1t_cstr(key), d1t_cstr(value)), D1T_OK);
}

static d1t_result open_file(file_store *f, d1t_store *s)
{
    return file_store_open(f, path, &hooks, s);
}

/* What a new process finds. */
static const char *reopened(void)
{
    static char text[4096];
    file_store f;
    d1t_store s;

    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    text_of(&s, text);
    file_store_close(&f);
    return text;
}

/* ---- tests */

static void test_what_was_committed_is_there_and_nothing_else(void)
{
    file_store f;
    d1t_store s;
    char text[256];

    begin();
    memset(&disk, 0, sizeof disk);
    CHECK_INT(open_file(&f, &s), D1T_OK);
    CHECK(access(path, F_OK) != 0);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK(access(path, F_OK) != 0);
    put(&s, "b", "1");
    put(&s, "a", "2");
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK_INT(disk.writes, 1);
    CHECK_INT(disk.syncs, 2); /* the directory's too, once */
    put(&s, "b", "");
    CHECK_INT(s.remove(s.ctx, d1t_cstr("a")), D1T_OK);
    CHECK_INT(s.remove(s.ctx, d1t_cstr("x")), D1T_OK);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK_INT(disk.writes, 2);
    CHECK_INT(disk.syncs, 3);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK_INT(disk.writes, 2);
    put(&s, "c", "rolled back");
    s.rollback(s.ctx);
    put(&s, "d", "4");
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    put(&s, "e", "never committed");
    text_of(&s, text);
    CHECK_STR(text, "b= d=4 ");
    CHECK_INT(f.memory.count, 2);
    file_store_close(&f);
    CHECK_STR(reopened(), "b= d=4 ");
}

static void test_keys_and_values_are_any_bytes(void)
{
    file_store f;
    d1t_store s;
    d1t_str key = none, value;
    char bytes[70000];
    int i;

    begin();
    memset(bytes, 0xFF, sizeof bytes);
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    CHECK_INT(s.put(s.ctx, d1t_bytes("", 0), d1t_bytes("\0\n", 2)), D1T_OK);
    CHECK_INT(s.put(s.ctx, d1t_bytes("\0", 1), none), D1T_OK);
    CHECK_INT(s.put(s.ctx, d1t_bytes(bytes, sizeof bytes), d1t_bytes(bytes, sizeof bytes)), D1T_OK);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    file_store_close(&f);
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    for (i = 0; i < 3; i++) {
        CHECK_INT(s.next(s.ctx, key, &key, &value), D1T_OK);
        CHECK_INT(key.n, i < 2 ? (size_t)i : sizeof bytes);
        CHECK_INT(value.n, i == 0 ? 2 : i == 1 ? 0 : sizeof bytes);
    }
    CHECK_INT(s.next(s.ctx, key, &key, &value), D1T_EOF);
    file_store_close(&f);
}

/* A log of several commits, and what there is after each. */
enum { COMMITS = 6 };
static char whole[4096], after[COMMITS + 1][128];
static size_t ends[COMMITS + 1];

static void write_log(void)
{
    file_store f;
    d1t_store s;
    int i;

    begin();
    memset(ends, 0, sizeof ends);
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    *after[0] = 0;
    for (i = 1; i <= COMMITS; i++) {
        char key[2] = {(char)('a' + i % 4), 0};

        put(&s, key, i % 2 ? "odd" : "");
        if (i % 3 == 0) CHECK_INT(s.remove(s.ctx, d1t_cstr("b")), D1T_OK);
        CHECK_INT(s.commit(s.ctx), D1T_OK);
        ends[i] = load(path, whole, sizeof whole);
        text_of(&s, after[i]);
    }
    CHECK(ends[COMMITS] < FILE_STORE_SMALL + 64);
    file_store_close(&f);
}

static void test_a_log_that_is_cut_at_any_byte_is_as_after_its_last_whole_commit(void)
{
    size_t n, i;

    write_log();
    for (n = 0; n <= ends[COMMITS]; n++) {
        file_store f;
        d1t_store s;
        char expected[160];

        for (i = COMMITS; ends[i] > n; i--) {}
        save(path, whole, n);
        CHECK_STR(reopened(), after[i]);
        CHECK_INT(load(path, expected, sizeof expected), n < sizeof expected ? n : sizeof expected); /* not written */
        CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
        put(&s, "z", "next");
        CHECK_INT(s.commit(s.ctx), D1T_OK);
        file_store_close(&f);
        snprintf(expected, sizeof expected, "%sz=next ", after[i]);
        CHECK_STR(reopened(), expected);
    }
}

static void test_zeros_and_rubbish_behind_the_last_commit_are_cut_off(void)
{
    size_t n, i;
    char log[4096];

    write_log();
    for (n = 1; n < 200; n++) {
        memcpy(log, whole, ends[3]);
        for (i = 0; i < n; i++) log[ends[3] + i] = n % 2 ? 0 : (char)random_below(256);
        save(path, log, ends[3] + n);
        CHECK_STR(reopened(), after[3]);
    }
    memcpy(log, whole, ends[3]);
    memcpy(log + ends[3], whole + ends[1], ends[2] - ends[1]); /* a record from elsewhere */
    save(path, log, ends[3] + ends[2] - ends[1]);
    CHECK_STR(reopened(), after[3]);
}

static void test_a_changed_byte_is_never_believed(void)
{
    size_t n, i;
    file_store f;
    d1t_store s;
    char text[256], now[4096];

    write_log();
    for (n = 0; n < ends[COMMITS]; n++) {
        whole[n] = (char)(whole[n] ^ 0x40);
        save(path, whole, ends[COMMITS]);
        whole[n] = (char)(whole[n] ^ 0x40);
        for (i = 0; i < COMMITS && ends[i + 1] <= n; i++) {}
        if (file_store_open(&f, path, NULL, &s) == D1T_OK) { /* the size of a record is wrong, or it is the last one */
            text_of(&s, text);
            CHECK(n >= FILE_STORE__START);
            CHECK(n >= ends[COMMITS - 1] || n - (i ? ends[i] : FILE_STORE__START) < 8);
            CHECK_STR(text, after[i]);
            file_store_close(&f);
        } else {
            CHECK(*f.what);
            CHECK_INT(load(path, now, sizeof now), ends[COMMITS]);
        }
    }
}

static void test_files_of_others_are_refused_and_left_alone(void)
{
    static const char *const texts[] = {"x", "d1t_file_store\n2and more", "a text longer than a header\n", "d1x"};
    file_store f;
    d1t_store s;
    char now[64];
    size_t i;

    for (i = 0; i < sizeof texts / sizeof *texts; i++) {
        begin();
        save(path, texts[i], strlen(texts[i]));
        CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_ERR_STATE);
        CHECK_INT(load(path, now, sizeof now), strlen(texts[i]));
        CHECK(memcmp(now, texts[i], strlen(texts[i])) == 0);
    }
    begin();
    CHECK_INT(file_store_open(&f, place, NULL, &s), D1T_ERR_STATE); /* a directory */
    CHECK_INT(file_store_open(&f, "", NULL, &s), D1T_ERR_ARG);
    CHECK_INT(symlink("/dev/null", path), 0);
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_ERR_STATE);
    begin();
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK); /* it comes while we are at it */
    save(path, "x", 1);
    put(&s, "a", "1");
    CHECK_INT(s.commit(s.ctx), D1T_ERR_STATE);
    CHECK_INT(load(path, now, sizeof now), 1);
    file_store_close(&f);
}

static void test_a_file_that_was_replaced_is_not_written_to(void)
{
    file_store f;
    d1t_store s;

    write_log();
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    unlink(path);
    put(&s, "z", "1");
    CHECK_INT(s.commit(s.ctx), D1T_ERR_STATE);
    save(path, whole, ends[2]);
    CHECK_INT(s.commit(s.ctx), D1T_ERR_STATE);
    file_store_close(&f);
    CHECK_STR(reopened(), after[2]);
}

static void test_another_process_cannot_open_it(void)
{
    file_store f;
    d1t_store s;
    pid_t child;
    int status = 0;

    write_log();
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    child = fork();
    if (child == 0) _exit(file_store_open(&f, path, NULL, &s) == D1T_ERR_BUSY ? 7 : 1);
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    file_store_close(&f);
}

static void test_a_write_torn_at_any_byte_leaves_whole_commits(void)
{
    size_t at, total = 0;

    for (at = 1; at == 1 || at <= total + 1; at++) { /* the last one is not torn */
        file_store f;
        d1t_store s;
        char kept[4096] = "", text[4096], key[8], value[32];
        int i;
        bool torn = false;

        begin();
        memset(&disk, 0, sizeof disk);
        disk.tear_at = at == 1 && !total ? 0 : at; /* the first one only counts */
        if (!total) at = 0;
        CHECK_INT(open_file(&f, &s), D1T_OK);
        for (i = 0; i < 30 && !torn; i++) { /* long enough for some compactions */
            d1t_result result;

            sprintf(key, "%d", i % 3);
            sprintf(value, "value %d", i);
            put(&s, key, value);
            result = s.commit(s.ctx);
            torn = result != D1T_OK;
            if (torn) CHECK(result == D1T_ERR_SPACE || result == D1T_ERR_STATE); /* after a torn compaction */
            text_of(&s, text);
            if (torn) CHECK_STR(text, kept);
            strcpy(kept, text);
        }
        file_store_close(&f);
        CHECK_STR(reopened(), kept);
        if (!total) {
            total = disk.bytes;
            CHECK(disk.renames > 2);
        }
    }
}

/* As a kill would: nothing is cut back. */
static void test_a_process_killed_at_any_byte_leaves_whole_commits(void)
{
    size_t at;

    for (at = 1; at < 700; at += 3) {
        char expected[2][4096], key[8], value[32];
        const char *found;
        d1t_memory_store m;
        d1t_allocator a = {NULL, NULL};
        d1t_store s = d1t_memory_store_init(&m, a);
        pid_t child;
        int i, status = 0;
        bool like_one = false;

        begin();
        fflush(stdout);
        child = fork();
        if (child == 0) {
            file_store f;
            memset(&disk, 0, sizeof disk);
            disk.tear_at = at;
            if (open_file(&f, &s) != D1T_OK) _exit(100);
            for (i = 0; i < 12; i++) {
                sprintf(key, "%d", i % 3);
                sprintf(value, "value %d", i);
                put(&s, key, value);
                f.longer = false; /* so that it is not cut */
                if (s.commit(s.ctx) != D1T_OK) _exit(i);
            }
            _exit(i);
        }
        waitpid(child, &status, 0);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 12);
        for (i = 0; i < WEXITSTATUS(status); i++) {
            sprintf(key, "%d", i % 3);
            sprintf(value, "value %d", i);
            put(&s, key, value);
        }
        s.commit(s.ctx);
        text_of(&s, expected[0]);
        found = reopened();
        like_one = strcmp(found, expected[0]) == 0;
        CHECK(like_one);
        d1t_memory_store_free(&m);
    }
}

static void test_any_call_that_fails_leaves_all_or_nothing_of_a_commit(void)
{
    size_t at, total = 0;
    int kind;

    for (kind = 0; kind < 4; kind++) /* for ever; a rename that is done though it fails */
        for (at = 0; at <= total; at++) {
            file_store f;
            d1t_store s;
            char before[4096] = "", text[4096], key[8], value[32];
            int i;

            begin();
            memset(&disk, 0, sizeof disk);
            disk.fail_at = at;
            disk.for_ever = kind & 1;
            disk.done = kind & 2;
            CHECK_INT(open_file(&f, &s), D1T_OK);
            for (i = 0; i < 30; i++) {
                d1t_result result;

                sprintf(key, "%d", i % 3);
                sprintf(value, "value %d", i);
                put(&s, key, value);
                result = s.commit(s.ctx);
                text_of(&s, text);
                if (result != D1T_OK) {
                    CHECK(result == D1T_ERR_SPACE || result == D1T_ERR_STATE);
                    CHECK(*f.what);
                    CHECK_STR(text, before);
                    if (i % 2) s.rollback(s.ctx); /* else it goes with the next one */
                }
                strcpy(before, text);
                if (disk.done && result == D1T_ERR_STATE) break; /* it is no longer our file: a new process */
            }
            file_store_close(&f);
            CHECK_STR(reopened(), before);
            if (at == 0) total = disk.calls;
        }
}

static void test_dead_entries_are_compacted_away(void)
{
    file_store f;
    d1t_store s;
    char value[100], key[16], now[100000];
    int i;

    begin();
    memset(&disk, 0, sizeof disk);
    memset(value, 'v', sizeof value);
    CHECK_INT(open_file(&f, &s), D1T_OK);
    for (i = 0; i < 1000; i++) {
        size_t size;

        sprintf(key, "%d", i % 5);
        CHECK_INT(s.put(s.ctx, d1t_cstr(key), d1t_bytes(value, sizeof value)), D1T_OK);
        CHECK_INT(s.commit(s.ctx), D1T_OK);
        size = load(path, now, sizeof now);
        CHECK_INT(size, f.end);
        CHECK(size <= 2 * (40 + 5 * 110) + 1);
    }
    CHECK(disk.renames > 100 && disk.renames < 500);
    CHECK(access(spare, F_OK) != 0);
    file_store_close(&f);
    CHECK_INT(file_store_open(&f, path, NULL, &s), D1T_OK);
    CHECK_INT(f.memory.count, 5);
    for (i = 0; i < 5; i++) {
        sprintf(key, "%d", i);
        CHECK_INT(s.remove(s.ctx, d1t_cstr(key)), D1T_OK);
    }
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    file_store_close(&f);
    CHECK_STR(reopened(), "");
}

/* Overwrites one key until the log is compacted, or would be. */
static void write_much(int times)
{
    file_store f;
    d1t_store s;
    char value[16];
    int i;

    CHECK_INT(open_file(&f, &s), D1T_OK);
    for (i = 0; i < times; i++) {
        sprintf(value, "%d", i);
        put(&s, "a", value);
        CHECK_INT(s.commit(s.ctx), D1T_OK);
    }
    file_store_close(&f);
}

static void test_a_spare_file_of_others_is_left_alone_and_one_of_ours_replaced(void)
{
    char now[256];

    begin();
    memset(&disk, 0, sizeof disk);
    save(spare, "mine", 4);
    write_much(50);
    CHECK_STR(reopened(), "a=49 ");
    CHECK_INT(load(spare, now, sizeof now), 4);
    CHECK_INT(disk.renames, 0);
    save(spare, FILE_STORE__NAME "torn", 20);
    write_much(50);
    CHECK_STR(reopened(), "a=49 ");
    CHECK(access(spare, F_OK) != 0);
    CHECK(disk.renames > 0);
}

/* Random histories, with failures and new processes, beside a store in memory. */
static void test_any_history_ends_as_in_memory(void)
{
    int history, step;

    for (history = 0; history < 3000; history++) {
        d1t_memory_store m;
        d1t_allocator a = {NULL, NULL};
        d1t_store memory = d1t_memory_store_init(&m, a), s;
        file_store f;
        char one[4096], two[4096];
        int steps = 10 + (int)random_below(40);
        bool failing = history % 2, same = true;

        begin();
        memset(&disk, 0, sizeof disk);
        CHECK_INT(open_file(&f, &s), D1T_OK);
        for (step = 0; step < steps && same; step++) {
            size_t what = random_below(20);
            char key[4], value[32];
            d1t_result result;

            sprintf(key, "%d", (int)random_below(12));
            sprintf(value, "%.*s%d", (int)random_below(20), "____________________", step);
            if (what < 8) {
                put(&s, key, value);
                put(&memory, key, value);
            } else if (what < 12) {
                CHECK_INT(s.remove(s.ctx, d1t_cstr(key)), D1T_OK);
                memory.remove(memory.ctx, d1t_cstr(key));
            } else if (what < 17) {
                disk.fail_at = failing && random_below(3) == 0 ? disk.calls + 1 + random_below(4) : 0;
                result = s.commit(s.ctx);
                if (result == D1T_OK) memory.commit(memory.ctx);
                else CHECK(failing);
                if (result != D1T_OK && random_below(2)) {
                    s.rollback(s.ctx);
                    memory.rollback(memory.ctx);
                }
            } else if (what < 18) {
                s.rollback(s.ctx);
                memory.rollback(memory.ctx);
            } else {
                file_store_close(&f);
                CHECK_INT(open_file(&f, &s), D1T_OK);
                memory.rollback(memory.ctx);
            }
            text_of(&s, one);
            text_of(&memory, two);
            same = strcmp(one, two) == 0;
            if (!same) printf("history %d, step %d\n", history, step);
            CHECK_STR(one, two);
        }
        file_store_close(&f);
        CHECK_STR(reopened(), two);
        d1t_memory_store_free(&m);
    }
}

int main(void)
{
    /* in memory where that is possible: there are many fsyncs */
    snprintf(place, sizeof place, "%s/file_store.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(place)) return 1;
    snprintf(path, sizeof path, "%s/log", place);
    snprintf(spare, sizeof spare, "%s.new", path);
    RUN(test_what_was_committed_is_there_and_nothing_else);
    RUN(test_keys_and_values_are_any_bytes);
    RUN(test_a_log_that_is_cut_at_any_byte_is_as_after_its_last_whole_commit);
    RUN(test_zeros_and_rubbish_behind_the_last_commit_are_cut_off);
    RUN(test_a_changed_byte_is_never_believed);
    RUN(test_files_of_others_are_refused_and_left_alone);
    RUN(test_a_file_that_was_replaced_is_not_written_to);
    RUN(test_another_process_cannot_open_it);
    RUN(test_a_write_torn_at_any_byte_leaves_whole_commits);
    RUN(test_a_process_killed_at_any_byte_leaves_whole_commits);
    RUN(test_any_call_that_fails_leaves_all_or_nothing_of_a_commit);
    RUN(test_dead_entries_are_compacted_away);
    RUN(test_a_spare_file_of_others_is_left_alone_and_one_of_ours_replaced);
    RUN(test_any_history_ends_as_in_memory);
    begin();
    rmdir(place);
    TEST_MAIN_END;
}
