/* What declared state costs when there is much of it, on local_d1: written rows, requests, bytes, memory.

   large store ROWS       tracking, an unchanged run, rows changed at random; with a store on the client's side
   large stateless ROWS   the same without one: finding one row in ten thousand that changed
   large memory ROWS...   the peak of memory for each number of rows, in key order
   large spill ROWS...    the same in any order, with a temporary file

   Prints figures and fails where one is beyond what is promised. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/random.h"
#include "../support/test.h"
#include <stdlib.h>

static local_d1 *d;
static d1t_client db;
static d1t_sync_report report;
static unsigned char *changed; /* a version for each row */

/* ---- memory of the client, counted */

static size_t live, peak;

static void *counted(void *ctx, void *p, size_t old, size_t size)
{
    void *q = NULL;

    (void)ctx;
    if (size == 0) free(p);
    else q = realloc(p, size);
    if (size == 0 || q) live = live - old + size;
    if (live > peak) peak = live;
    return q;
}

/* ---- symbols of files, as the demo has them */

static const d1t_column symbol_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),   D1T_COLUMN("name", D1T_TEXT, D1T_KEY), D1T_COLUMN("kind", D1T_TEXT, 0),
    D1T_COLUMN("scope", D1T_TEXT, 0),        D1T_COLUMN("line", D1T_INTEGER, 0),    D1T_COLUMN("text", D1T_TEXT, 0),
};
static const d1t_table symbols = D1T_TABLE_FLAGS("symbols", symbol_columns, D1T_WITHOUT_ROWID);
static const d1t_column number_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                            D1T_COLUMN("v", D1T_INTEGER, 0)};
static const d1t_table numbers = D1T_TABLE("numbers", number_columns);

static d1t_result symbol(d1t_sync *sync, unsigned i)
{
    char path[64], name[64], text[96];
    d1t_value row[6];

    snprintf(path, sizeof path, "include/library/part_%04u/file_%02u.h", i / 2000, i / 100 % 20);
    snprintf(name, sizeof name, "library_function_%02u", i % 100);
    snprintf(text, sizeof text, "int library_function_%u(struct thing *, size_t, unsigned) /* %u */", i, changed[i]);
    row[0] = d1t_text(path);
    row[1] = d1t_text(name);
    row[2] = d1t_text("function");
    row[3] = d1t_null();
    row[4] = d1t_int((int64_t)(i % 100) * 12);
    row[5] = d1t_text(text);
    return d1t_sync_row(sync, &symbols, row, 6);
}

static void open_client(const d1t_table *table)
{
    d1t_config config = lab_config(d);

    config.allocator.fn = counted;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, &table, 1), D1T_OK);
}

/* ---- runs */

static FILE *spill_file;

static d1t_result spill_write(void *ctx, uint64_t at, const void *p, size_t n)
{
    (void)ctx;
    return fseek(spill_file, (long)at, SEEK_SET) == 0 && fwrite(p, 1, n, spill_file) == n ? D1T_OK : D1T_ERR_SPACE;
}

static d1t_result spill_read(void *ctx, uint64_t at, void *p, size_t n)
{
    (void)ctx;
    return fseek(spill_file, (long)at, SEEK_SET) == 0 && fread(p, 1, n, spill_file) == n ? D1T_OK : D1T_ERR_SPACE;
}

/* A run of its own client; the figures of the client are of this run only. */
static void run(const d1t_table *table, unsigned rows, const d1t_store *store)
{
    d1t_sync_desc desc;
    d1t_sync sync;
    d1t_value row[2];
    unsigned i;

    memset(&desc, 0, sizeof desc);
    desc.scope = d1t_scope_table(table);
    desc.sorted = !spill_file;
    if (spill_file) {
        desc.spill.write = spill_write;
        desc.spill.read = spill_read;
    }
    desc.store = store;
    open_client(table);
    peak = live;
    memset(&db.stats, 0, sizeof db.stats);
    CHECK_INT(d1t_sync_begin(&sync, &db, &desc), D1T_OK);
    for (i = 0; i < rows && db.error.code == D1T_OK; i++) {
        unsigned k = i;
        if (table == &symbols) {
            symbol(&sync, i);
            continue;
        }
        if (desc.spill.write) k = (unsigned)((uint64_t)i * 7919 % rows);    /* each once: 7,919 is prime */
        row[0] = d1t_int((int64_t)k * 3);
        row[1] = d1t_int(k);
        d1t_sync_row(&sync, table, row, 2);
    }
    CHECK_INT(d1t_sync_commit(&sync, &report), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(db.error.text, "");
    CHECK_INT(live, 0);
}

static void figure(const char *name, double value)
{
    printf("figure: %s %.0f\n", name, value);
}

static void figures_of_a_run(const char *name)
{
    char text[64];

    snprintf(text, sizeof text, "%s_requests", name);
    figure(text, (double)db.stats.requests);
    snprintf(text, sizeof text, "%s_rows_written", name);
    figure(text, (double)db.stats.rows_written);
    snprintf(text, sizeof text, "%s_bytes_sent", name);
    figure(text, (double)db.stats.bytes_sent);
    snprintf(text, sizeof text, "%s_bytes_received", name);
    figure(text, (double)db.stats.bytes_received);
}

static void change(unsigned rows, unsigned count)
{
    unsigned n = 0;

    while (n < count) {
        size_t i = random_below(rows);
        if (changed[i] & 1) continue;
        changed[i]++;
        n++;
    }
}

/* A first run, an unchanged one, and one with a row in a hundred changed; with a store on this side. */
static void test_with_a_store(unsigned rows)
{
    d1t_memory_store memory;
    d1t_allocator usual;
    d1t_store store;
    uint64_t first, full;

    memset(&usual, 0, sizeof usual);
    store = d1t_memory_store_init(&memory, usual);
    changed = (unsigned char *)calloc(rows, 1);
    d = lab_open();
    run(&symbols, rows, &store);
    figures_of_a_run("first");
    first = db.stats.rows_written;
    full = db.stats.bytes_sent;
    printf("figure: first_tracking_percent %.2f\n", 100.0 * (double)(first - rows) / rows);
    CHECK((double)(first - rows) <= 0.02 * rows);
    CHECK_INT(report.inserted, rows);
    run(&symbols, rows, &store);
    figures_of_a_run("unchanged");
    CHECK_INT(db.stats.rows_written, 0);
    CHECK(db.stats.requests <= 10);
    change(rows, rows / 1000);
    run(&symbols, rows, &store);
    figures_of_a_run("changed_1_of_1000");
    CHECK_INT(report.updated, rows / 1000);
    CHECK(db.stats.rows_written <= 2 * rows / 1000 + 1);
    change(rows, rows / 100);
    run(&symbols, rows, &store);
    figures_of_a_run("changed_1_of_100");
    printf("figure: changed_1_of_100_bytes_percent %.2f\n", 100.0 * (double)db.stats.bytes_sent / (double)full);
    CHECK_INT(report.updated, rows / 100);
    CHECK(db.stats.rows_written <= 2 * rows / 100 + 1);
    CHECK((double)db.stats.bytes_sent <= 0.05 * (double)full);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM symbols"), rows);
    local_d1_close(d);
    d1t_memory_store_free(&memory);
    free(changed);
}

/* A client that knows nothing finds a hundred changed rows of a million. */
static void test_without_a_store(unsigned rows)
{
    uint64_t full;

    changed = (unsigned char *)calloc(rows, 1);
    d = lab_open();
    run(&symbols, rows, NULL);
    full = db.stats.bytes_sent;
    run(&symbols, rows, NULL);
    figures_of_a_run("stateless_unchanged");
    CHECK_INT(db.stats.rows_written, 0);
    change(rows, rows / 10000);
    run(&symbols, rows, NULL);
    figures_of_a_run("stateless_changed_1_of_10000");
    CHECK_INT(report.updated, rows / 10000);
    printf("figure: stateless_bytes_percent %.2f\n",
           100.0 * (double)(db.stats.bytes_sent + db.stats.bytes_received) / (double)full);
    CHECK((double)(db.stats.bytes_sent + db.stats.bytes_received) <= 0.05 * (double)full);
    local_d1_close(d);
    free(changed);
}

/* ---- memory */

static void test_memory(unsigned rows, bool spill)
{
    char name[64];

    d = lab_open();
    if (spill) spill_file = tmpfile();
    run(&numbers, rows, NULL);
    if (spill_file) fclose(spill_file);
    spill_file = NULL;
    snprintf(name, sizeof name, "%s_peak_bytes_of_%u_rows", spill ? "shuffled" : "sorted", rows);
    figure(name, (double)peak);
    CHECK(peak < (spill ? 80u << 20 : 4u << 20));
    CHECK_INT(lab_int(d, "SELECT count(*) FROM numbers"), rows);
    local_d1_close(d);
}

int main(int argc, char **argv)
{
    const char *what = argc > 2 ? argv[1] : "";
    int i;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (i = 2; i < argc; i++) {
        unsigned rows = (unsigned)atoi(argv[i]);
        if (strcmp(what, "store") == 0) test_with_a_store(rows);
        else if (strcmp(what, "stateless") == 0) test_without_a_store(rows);
        else if (strcmp(what, "memory") == 0) test_memory(rows, false);
        else if (strcmp(what, "spill") == 0) test_memory(rows, true);
        else CHECK(!"a mode that is known");
    }
    if (test_checks_failed == 0 && i > 2) test_passed++;
    else test_failed++;
    TEST_MAIN_END;
}
