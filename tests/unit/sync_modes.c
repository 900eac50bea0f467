/* Room contracts, >>sync: dry runs, verification, and rows that do not fit memory. */
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

/* ---- what would a run do, and does D1 hold what is declared? */

static char told[4096];

static void tell(void *ctx, const d1t_table *table, d1t_difference what, d1t_str key)
{
    static const char *const names[] = {"?", "missing", "different", "extra"};
    size_t n = strlen(told);

    (void)ctx;
    snprintf(told + n, sizeof told - n, "%s %s %.*s; ", table->name, names[what], (int)key.n, key.p);
}

static void ask_about_files(d1t_sync_mode mode, int count, int changed, int left_out)
{
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");
    int i;

    told[0] = 0;
    desc.mode = mode;
    desc.on_difference = tell;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < count; i++)
        if (i != left_out) CHECK_INT(file(i, i == changed ? 1000000 : i), D1T_OK);
    CHECK_INT(d1t_sync_commit(&sync_, &report), D1T_OK);
    CHECK_STR(db.error.text, "");
}

static void test_a_dry_run_says_what_would_be_done_and_writes_nothing(void)
{
    uint64_t before, written;

    begin();
    before = lab_digest(d);
    ask_about_files(D1T_SYNC_DRY_RUN, 3, -1, -1);
    CHECK_STR(told, "files missing [\"src/000000.c\"]; files missing [\"src/000001.c\"]; files missing "
                    "[\"src/000002.c\"]; ");
    CHECK_INT(report.inserted, 3);
    CHECK_INT(report.requests, 1);
    CHECK(report.bytes > 60 && report.rows_written >= 3 && report.cost >= 3000);
    CHECK_INT(lab_digest(d) == before, 1);
    sync_files(1000, -1, -1);
    written = db.stats.rows_written;
    ask_about_files(D1T_SYNC_DRY_RUN, 1000, 500, 700);
    CHECK_STR(told, "files different [\"src/000500.c\"]; files extra [\"src/000700.c\"]; ");
    CHECK_INT(report.inserted, 0);
    CHECK_INT(report.updated, 1);
    CHECK_INT(report.deleted, 1);
    CHECK_INT(report.unchanged, 998);
    CHECK(report.sent < 1000);
    ask_about_files(D1T_SYNC_DRY_RUN, 1000, -1, -1);
    CHECK_INT(report.sent + report.requests + report.bytes + report.rows_written, 0);
    CHECK_INT(db.stats.rows_written, written);
    end();
}

static void test_a_verification_finds_what_others_changed_and_a_full_run_repairs_it(void)
{
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");
    int i;

    begin();
    sync_files(1000, -1, -1);
    ask_about_files(D1T_SYNC_VERIFY, 1000, -1, -1);
    CHECK_STR(told, "");
    CHECK_INT(report.unchanged, 1000);
    lab_exec(d, "UPDATE files SET size=-1 WHERE path='src/000010.c'; DELETE FROM files WHERE path='src/000020.c'; "
                "INSERT INTO files VALUES('src/a',1),('other',1)");
    sync_files(1000, -1, -1);
    CHECK_INT(report.sent, 0);
    ask_about_files(D1T_SYNC_VERIFY, 1000, -1, -1);
    CHECK_STR(told, "files different [\"src/000010.c\"]; files missing [\"src/000020.c\"]; files extra [\"src/a\"]; ");
    CHECK_INT(report.updated, 1);
    CHECK_INT(report.inserted, 1);
    CHECK_INT(report.deleted, 1);
    desc.full = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 1000; i++) CHECK_INT(file(i, i), D1T_OK);
    CHECK_INT(d1t_sync_commit(&sync_, &report), D1T_OK);
    CHECK_INT(report.deleted, 1);
    ask_about_files(D1T_SYNC_VERIFY, 1000, -1, -1);
    CHECK_STR(told, "");
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files WHERE path='other'"), 1);
    end();
}

/* ---- more rows than memory */

static unsigned char spilled[1 << 20];
static size_t spill_most;

static d1t_result spill_write(void *ctx, uint64_t at, const void *p, size_t n)
{
    if (ctx || at + n > sizeof spilled) return D1T_ERR_SPACE;
    memcpy(spilled + at, p, n);
    if (at + n > spill_most) spill_most = (size_t)at + n;
    return D1T_OK;
}

static d1t_result spill_read(void *ctx, uint64_t at, void *p, size_t n)
{
    (void)ctx;
    CHECK(at + n <= spill_most);
    memcpy(p, spilled + at, n);
    return D1T_OK;
}

static d1t_result shuffled_files(d1t_sync_desc *desc)
{
    int i;

    desc->max_memory = 20000;
    CHECK_INT(d1t_sync_begin(&sync_, &db, desc), D1T_OK);
    for (i = 0; i < 3000; i++) (void)file(i * 7919 % 3000, i * 7919 % 3000);
    return d1t_sync_commit(&sync_, &report);
}

static void test_rows_in_any_order_that_exceed_memory_go_through_the_spill(void)
{
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");

    begin();
    desc.spill.write = spill_write;
    desc.spill.read = spill_read;
    CHECK_INT(shuffled_files(&desc), D1T_OK);
    CHECK(spill_most > 100000);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files WHERE size=CAST(substr(path,5,6) AS INTEGER)"), 3000);
    sync_files(3000, -1, -1);
    CHECK_INT(report.sent, 0);
    end();
}

static void test_without_a_spill_too_many_rows_are_an_error_that_names_the_cure(void)
{
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");

    begin();
    CHECK_INT(shuffled_files(&desc), D1T_ERR_LIMIT);
    CHECK(strstr(db.error.text, "desc.spill") != NULL);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 0);
    d1t_clear(&db, D1T_DROP_ROWS);
    desc.spill.write = spill_write;
    desc.spill.read = spill_read;
    desc.spill.ctx = &desc;
    CHECK_INT(shuffled_files(&desc), D1T_ERR_SPACE);
    d1t_clear(&db, D1T_DROP_ROWS);
    end();
}

/* ---- unique values that move */

static const d1t_column place_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("slot", D1T_INTEGER, 0)};
static const char *const on_slot[] = {"slot"};
static const d1t_index place_indexes[] = {D1T_UNIQUE_INDEX("places_slot", on_slot)};
static const d1t_table places = {"places", place_columns, 2, place_indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table *const place_tables[] = {&places};

/* `count` rows from id `from` on, with the slots from 0 on; and others, which stay as they are. */
static void sync_places(int from, int count, int others)
{
    d1t_sync_desc desc;
    d1t_value row[2];
    int i;

    memset(&desc, 0, sizeof desc);
    desc.scope = d1t_scope_table(&places);
    desc.max_delete = 100;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < count + others; i++) {
        row[0] = I(i < count ? from + i : 1000 + i);
        row[1] = I(i < count ? i : 1000 + i);
        CHECK_INT(d1t_sync_row(&sync_, &places, row, 2), D1T_OK);
    }
    CHECK_INT(d1t_sync_commit(&sync_, &report), D1T_OK);
    CHECK_STR(db.error.text, "");
}

/* All rows of a request wait for values of rows that are to go: their records have to be written nevertheless, or it is
   not known which rows are to go. */
static void test_every_row_of_a_request_may_wait_for_a_value(void)
{
    int count, others;

    for (count = 1; count <= 9; count += 2)
        for (others = 0; others <= 300; others += 300) {
            begin();
            CHECK_INT(d1t_setup(&db, place_tables, 1), D1T_OK);
            sync_places(0, count, others);
            sync_places(500, count, others);
            CHECK_INT(report.deleted, count);
            CHECK_INT(report.inserted, count);
            CHECK_INT(lab_int(d, "SELECT count(*) FROM places"), count + others);
            CHECK_INT(lab_int(d, "SELECT count(*) FROM places WHERE slot=id OR slot=id-500"), count + others);
            sync_places(500, count, others);
            CHECK_INT(report.sent, 0);
            end();
        }
}

int main(void)
{
    RUN(test_a_dry_run_says_what_would_be_done_and_writes_nothing);
    RUN(test_a_verification_finds_what_others_changed_and_a_full_run_repairs_it);
    RUN(test_rows_in_any_order_that_exceed_memory_go_through_the_spill);
    RUN(test_without_a_spill_too_many_rows_are_an_error_that_names_the_cure);
    RUN(test_every_row_of_a_request_may_wait_for_a_value);
    TEST_MAIN_END;
}
