/* Room contracts, >>sync: what a run leaves in D1, what it sends, and what it refuses. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/checked_alloc.h"
#include "../support/test.h"
#include "../support/lab.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define I(v) d1t_int(v)
#define T(s) d1t_text(s)

static const d1t_column file_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("size", D1T_INTEGER, 0),
};
static const d1t_table files = D1T_TABLE_FLAGS("files", file_columns, D1T_WITHOUT_ROWID);

static const d1t_column symbol_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
};
static const char *const symbol_path[] = {"path"};
static const d1t_foreign_key symbol_parents[] = {D1T_REFERENCES(symbol_path, "files", D1T_CASCADE)};
static const d1t_table symbols = {"symbols", symbol_columns, COUNT(symbol_columns), NULL, 0, symbol_parents, 1, NULL,
                                  0, D1T_WITHOUT_ROWID, NULL, 0, NULL};
static const d1t_table *const tables[] = {&files, &symbols};

static local_d1 *d;
static d1t_client db;
static d1t_sync sync_;
static d1t_sync_report report;
static checked_alloc heap;

static void begin_client(void)
{
    d1t_config config = lab_config(d);

    config.allocator = checked_allocator(&heap);
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 2), D1T_OK);
}

static void begin(void)
{
    d = lab_open();
    begin_client();
}

static void end(void)
{
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(db.error.text, "");
    CHECK_INT(heap.live, 0);
    local_d1_close(d);
}

static d1t_sync_desc both(void)
{
    static d1t_scope scopes[2];
    d1t_sync_desc desc;

    memset(&desc, 0, sizeof desc);
    scopes[0] = d1t_scope_table(&symbols);
    scopes[1] = d1t_scope_table(&files);
    desc.scopes = scopes;
    desc.scope_count = 2;
    return desc;
}

/* A number a row: the n-th file, of a size. */
static d1t_result file(int n, int size)
{
    char path[32];
    d1t_value row[2];

    snprintf(path, sizeof path, "src/%06d.c", n);
    row[0] = T(path);
    row[1] = I(size);
    return d1t_sync_row(&sync_, &files, row, 2);
}

static void sync_files(int count, int changed, int left_out)
{
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");
    int i;

    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < count; i++)
        if (i != left_out) CHECK_INT(file(i, i == changed ? 1000000 : i), D1T_OK);
    CHECK_INT(d1t_sync_commit(&sync_, &report), D1T_OK);
    CHECK_STR(db.error.text, "");
}

static void test_declared_rows_are_there_and_a_second_run_writes_nothing(void)
{
    uint64_t written;

    begin();
    sync_files(5000, -1, -1);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 5000);
    CHECK_INT(report.declared, 5000);
    CHECK_INT(report.inserted, 5000);
    CHECK_INT(report.updated + report.deleted + report.unchanged, 0);
    CHECK_INT(report.sent, 5000);
    written = db.stats.rows_written;
    sync_files(5000, -1, -1);
    CHECK_INT(db.stats.rows_written, written);
    CHECK_INT(report.sent, 0);
    CHECK_INT(report.unchanged, 5000);
    end();
}

static void test_a_changed_row_costs_itself_and_one_record(void)
{
    uint64_t written;

    begin();
    sync_files(5000, -1, -1);
    written = db.stats.rows_written;
    sync_files(5000, 2500, -1);
    CHECK_INT(db.stats.rows_written - written, 3);
    CHECK_INT(report.updated, 1);
    CHECK_INT(report.buckets_sent, 1);
    CHECK_INT(lab_int(d, "SELECT size FROM files WHERE path='src/002500.c'"), 1000000);
    end();
}

static void test_an_undeclared_row_goes(void)
{
    begin();
    sync_files(5000, -1, -1);
    sync_files(5000, -1, 77);
    CHECK_INT(report.deleted, 1);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 4999);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files WHERE path='src/000077.c'"), 0);
    sync_files(4000, -1, -1);
    CHECK_INT(report.deleted, 1000);
    CHECK_INT(report.inserted, 1);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 4000);
    sync_files(4000, -1, -1);
    CHECK_INT(report.sent, 0);
    end();
}

int main(void)
{
    RUN(test_declared_rows_are_there_and_a_second_run_writes_nothing);
    RUN(test_a_changed_row_costs_itself_and_one_record);
    RUN(test_an_undeclared_row_goes);
    (void)both;
    TEST_MAIN_END;
}
