/* Room contracts, >>sync: what a run leaves in D1, what it sends, and what it refuses. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/checked_alloc.h"
#include "../support/test.h"
#include "../support/lab.h"
#include "../support/random.h"
#include "../support/script.h"
#include "../support/script_local.h"
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define I(v) d1t_int(v)
#define T(s) d1t_text(s)
/* Two arguments: values and how many. */
#define ROW(...) (d1t_value[]){__VA_ARGS__}, sizeof((d1t_value[]){__VA_ARGS__}) / sizeof(d1t_value)

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
static const d1t_foreign_key symbol_guards[] = {D1T_REFERENCES(symbol_path, "files", D1T_RESTRICT)};
static const d1t_table symbols = {"symbols", symbol_columns, COUNT(symbol_columns), NULL, 0, symbol_parents, 1, NULL,
                                  0, D1T_WITHOUT_ROWID, NULL, 0, NULL};
static const d1t_table held_symbols = {"symbols", symbol_columns, COUNT(symbol_columns), NULL, 0, symbol_guards, 1,
                                       NULL, 0, D1T_WITHOUT_ROWID, NULL, 0, NULL};

static const d1t_column item_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, 0),
};
static const d1t_table items = D1T_TABLE("items", item_columns);
static const char *const item_name[] = {"name"};
static const d1t_index unique_name[] = {D1T_UNIQUE_INDEX("by_name", item_name)};
static const d1t_foreign_key no_keys[] = {{NULL, 0, NULL, NULL, D1T_NO_ACTION, D1T_NO_ACTION, false}};
static const d1t_table slugs = {"slugs", item_columns, 2, unique_name, 1, no_keys, 0, NULL, 0, 0, NULL, 0, NULL};

static const d1t_column owned_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("owner", D1T_TEXT, 0),
    D1T_COLUMN("name", D1T_TEXT, 0),
};
static const d1t_table owned = D1T_TABLE("owned", owned_columns);

static const d1t_column node_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("parent", D1T_INTEGER, 0),
};
static const char *const node_parent[] = {"parent"};
static const d1t_foreign_key node_cascades[] = {D1T_REFERENCES(node_parent, "nodes", D1T_CASCADE)};
static const d1t_foreign_key node_holds[] = {D1T_REFERENCES(node_parent, "nodes", D1T_RESTRICT)};
static const d1t_foreign_key node_leaves[] = {D1T_REFERENCES(node_parent, "nodes", D1T_NO_ACTION)};
static const d1t_table nodes = {"nodes", node_columns, 2, NULL, 0, node_cascades, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table held_nodes = {"nodes", node_columns, 2, NULL, 0, node_holds, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table free_nodes = {"nodes", node_columns, 2, NULL, 0, node_leaves, 1, NULL, 0, 0, NULL, 0, NULL};

/* ---- the frame: a database, a client, a run */

static local_d1 *d;
static d1t_config config;
static d1t_client db;
static d1t_sync sync_;
static d1t_sync_report report;
static checked_alloc heap;
static size_t peak; /* of heap.live */
static const d1t_table *used[8];
static size_t used_count;

static void *measured(void *ctx, void *p, size_t old, size_t size)
{
    void *moved = checked_alloc_fn(ctx, p, old, size);

    if (heap.live > peak)
        peak = heap.live;
    return moved;
}

/* The seeds of fingerprints and the names of runs are random on D1's side: here the same in every run of the tests. */
static void randomblob(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    uint64_t bytes[2];

    (void)argc;
    (void)argv;
    bytes[0] = random64();
    bytes[1] = random64();
    sqlite3_result_blob(context, bytes, sizeof bytes, SQLITE_TRANSIENT);
}

static local_d1 *open_database_of(const char *token)
{
    local_d1 *database = local_d1_open(NULL, token);

    local_d1_virtual_clock(database, 1000000);
    CHECK_INT(sqlite3_create_function(local_d1_sqlite(database), "randomblob", 1, SQLITE_UTF8, NULL, randomblob, NULL,
        NULL), SQLITE_OK);
    return database;
}

static void open_lab(void)
{
    d = open_database_of(LAB_TOKEN);
    config = lab_config(d);
    memset(&heap, 0, sizeof heap);
    config.allocator = checked_allocator(&heap);
    config.allocator.fn = measured;
    peak = 0;
}

static void open_client(void)
{
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, used, used_count), D1T_OK);
    CHECK_STR(db.error.text, "");
}

static void use(const d1t_table *const *list, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++)
        used[i] = list[i];
    used_count = count;
}

#define USE(...) use((const d1t_table *const[]){__VA_ARGS__}, \
    sizeof((const d1t_table *[]){__VA_ARGS__}) / sizeof(void *))
#define BEGIN(...)        \
    do {                  \
        open_lab();       \
        USE(__VA_ARGS__); \
        open_client();    \
    } while (0)

static void begin(void)
{
    BEGIN(&files, &symbols);
}

static void close_client(void)
{
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(db.error.text, "");
    CHECK_INT(heap.live, 0);
}

static void end(void)
{
    close_client();
    local_d1_close(d);
}

/* The program is started again. */
static void again(void)
{
    close_client();
    open_client();
}

static d1t_sync_desc desc_of(d1t_scope scope)
{
    d1t_sync_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.scope = scope;
    desc.max_delete = 100;
    return desc;
}

static d1t_sync_desc desc_of_two(d1t_scope a, d1t_scope b)
{
    static d1t_scope scopes[2];
    d1t_sync_desc desc = desc_of(d1t_scope_table(NULL));

    scopes[0] = a;
    scopes[1] = b;
    desc.scopes = scopes;
    desc.scope_count = 2;
    return desc;
}

static d1t_sync_desc both(void)
{
    return desc_of_two(d1t_scope_table(&symbols), d1t_scope_table(&files));
}

static void start(d1t_scope scope)
{
    d1t_sync_desc desc = desc_of(scope);

    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
}

#define PUT(table, ...) CHECK_INT(d1t_sync_row(&sync_, &(table), ROW(__VA_ARGS__)), D1T_OK)

static void commit(void)
{
    CHECK_INT(d1t_sync_commit(&sync_, &report), D1T_OK);
    CHECK_STR(db.error.text, "");
}

/* Rows as text: "1,a 2,b"; "-" is NULL. The first result that is not D1T_OK. */
static d1t_result declare_in(d1t_sync *sync, const d1t_table *table, const char *rows)
{
    d1t_result result = D1T_OK;
    d1t_value values[8];
    char text[256];
    size_t n = 0, used_text = 0, length;

    while (*rows && result == D1T_OK) {
        length = strcspn(rows, ", ");
        memcpy(text + used_text, rows, length);
        text[used_text + length] = 0;
        if (strcmp(text + used_text, "-") == 0)
            values[n] = d1t_null();
        else if (table->columns[n].type == D1T_INTEGER)
            values[n] = I(strtoll(text + used_text, NULL, 10));
        else
            values[n] = T(text + used_text);
        used_text += length + 1;
        n++;
        rows += length;
        if (*rows != ',') {
            result = d1t_sync_row(sync, table, values, n);
            n = used_text = 0;
        }
        rows += *rows != 0;
    }
    return result;
}

static d1t_result declare(const d1t_table *table, const char *rows)
{
    return declare_in(&sync_, table, rows);
}

/* A whole run over one scope. */
static d1t_result run_desc(const d1t_sync_desc *desc, const char *rows)
{
    d1t_result result = d1t_sync_begin(&sync_, &db, desc);

    if (result == D1T_OK)
        result = declare(desc->scope.table, rows);
    if (result != D1T_OK) {
        d1t_sync_abort(&sync_);
        return result;
    }
    return d1t_sync_commit(&sync_, &report);
}

static d1t_result run(d1t_scope scope, const char *rows)
{
    d1t_sync_desc desc = desc_of(scope);

    return run_desc(&desc, rows);
}

/* A run that succeeds, and the same once more writes and sends nothing. The report is that of the first. */
static void become(d1t_scope scope, const char *rows)
{
    d1t_sync_report first;
    uint64_t written;

    CHECK_INT(run(scope, rows), D1T_OK);
    CHECK_STR(db.error.text, "");
    first = report;
    written = db.stats.rows_written;
    CHECK_INT(run(scope, rows), D1T_OK);
    CHECK_STR(db.error.text, "");
    CHECK_INT(db.stats.rows_written, written);
    CHECK_INT(report.sent, 0);
    CHECK_INT(report.unchanged, first.declared);
    report = first;
}

static void report_is(uint64_t inserted, uint64_t updated, uint64_t unchanged, uint64_t deleted)
{
    CHECK_INT(report.inserted, inserted);
    CHECK_INT(report.updated, updated);
    CHECK_INT(report.unchanged, unchanged);
    CHECK_INT(report.deleted, deleted);
}

/* What a query answers: "1,a 2,b"; NULL is "-". */
static const char *all(const char *sql)
{
    static char text[1 << 17];
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    int i;

    text[0] = 0;
    if (sqlite3_prepare_v2(local_d1_sqlite(d), sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite3_errmsg(local_d1_sqlite(d));
    while (sqlite3_step(stmt) == SQLITE_ROW && n < sizeof text - 4096)
        for (i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *value = (const char *)sqlite3_column_text(stmt, i);
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "," : n ? " " : "", value ? value : "-");
        }
    sqlite3_finalize(stmt);
    return text;
}

static const char *rows_of(const d1t_table *table)
{
    char sql[64];

    snprintf(sql, sizeof sql, "SELECT * FROM `%s` ORDER BY 1, 2", table->name);
    return all(sql);
}

#define HOLDS(table, rows) CHECK_STR(rows_of(&(table)), rows)

/* The error that stands, taken back. */
static void fails(d1t_result got, d1t_result want, const char *table, const char *part, int line)
{
    if (got != want || db.error.code != want || (table && (!db.error.table || strcmp(db.error.table, table) != 0)) ||
        !strstr(db.error.text, part)) {
        test_checks_failed++;
        printf("%s:%d: %s, not %s; error %s of table %s: %s\n", __FILE__, line, d1t_result_name(got),
               d1t_result_name(want), d1t_result_name(db.error.code), db.error.table ? db.error.table : "(none)",
               db.error.text);
    }
    if (db.error.code != D1T_OK)
        CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
}

#define FAILS(call, code, table, part) fails(call, code, table, part, __LINE__)

/* ---- files by number: src/000001.c */

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
    commit();
}

static void test_declared_rows_are_there_and_a_second_run_writes_nothing(void)
{
    uint64_t written;

    begin();
    sync_files(5000, -1, -1);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 5000);
    CHECK_INT(report.declared, 5000);
    report_is(5000, 0, 0, 0);
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

static void test_a_bucket_has_about_64_rows_and_one_record(void)
{
    begin();
    sync_files(6400, -1, -1);
    CHECK(report.buckets > 50 && report.buckets < 200);
    CHECK_INT(report.buckets_sent, report.buckets);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM sqlite_schema WHERE name GLOB '_d1t_sync_files_*' AND type='table'"), 1);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM _d1t_sync"), 1);
    end();
}

static void test_buckets_stay_where_they_are_when_rows_come_and_go(void)
{
    uint64_t buckets;
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");
    int i;

    begin();
    sync_files(5000, -1, -1);
    buckets = report.buckets;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 5001; i++)
        if (i != 1200 && i != 3600) CHECK_INT(file(i, i), D1T_OK);
    commit();
    report_is(1, 0, 4998, 2);
    CHECK(report.buckets_sent <= 5); /* three places; an end that goes joins two buckets */
    CHECK(report.buckets + 2 >= buckets && report.buckets <= buckets + 1);
    end();
}

/* ---- order */

static void test_rows_may_come_in_any_order_and_it_makes_no_difference(void)
{
    d1t_sync_desc desc = both(), sorted = both();
    uint64_t written;
    char path[32];
    int i;

    begin();
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 700; i++) { /* 331 and 700 have no common divisor: each once */
        int n = i * 331 % 700;
        snprintf(path, sizeof path, "p%03d", n / 2);
        PUT(symbols, T(path), I(n % 2), T("s"));
        if (n % 2) PUT(files, T(path), I(n));
    }
    commit();
    CHECK_INT(report.declared, 1050);
    report_is(1050, 0, 0, 0);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM symbols JOIN files USING(path)"), 700);
    written = db.stats.rows_written;
    sorted.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &sorted), D1T_OK);
    for (i = 0; i < 350; i++) {
        snprintf(path, sizeof path, "p%03d", i);
        PUT(files, T(path), I(2 * i + 1));
    }
    for (i = 0; i < 700; i++) {
        snprintf(path, sizeof path, "p%03d", i / 2);
        PUT(symbols, T(path), I(i % 2), T("s"));
    }
    commit();
    CHECK_INT(db.stats.rows_written, written);
    CHECK_INT(report.sent, 0);
    CHECK_INT(report.unchanged, 1050);
    end();
}

static void test_sorted_rows_out_of_order_are_refused_by_table_and_row(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "1,a 2,b 3,c");
    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "-5,x 7,y"), D1T_OK);
    CHECK_INT(declare(&items, "6,z"), D1T_ERR_VALUE);
    CHECK_STR(db.error.table, "items");
    CHECK_INT(db.error.row, 9); /* six in two runs, and the third of this one */
    CHECK_INT(declare(&items, "8,z"), D1T_ERR_VALUE); /* it stands */
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_VALUE, "items", "");
    CHECK_INT(lab_int(d, "SELECT count(*) FROM items WHERE id IN(1,2,3)"), 3); /* nothing was deleted */
    become(desc.scope, "1,a 2,b");
    HOLDS(items, "1,a 2,b");
    end();
}

static void test_sorted_parents_come_before_children(void)
{
    d1t_sync_desc desc = both();

    begin();
    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&files, "a,1 b,2"), D1T_OK);
    CHECK_INT(declare(&symbols, "a,1,x"), D1T_OK);
    CHECK_INT(declare(&files, "c,3"), D1T_ERR_VALUE);
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_VALUE, "files", "");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&files, "a,1 b,2"), D1T_OK);
    CHECK_INT(declare(&symbols, "a,-1,w a,1,x b,0,y"), D1T_OK);
    commit();
    HOLDS(symbols, "a,-1,w a,1,x b,0,y");
    end();
}

static void test_the_same_row_twice_counts_once(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "2,b 1,a 2,b 1,a 1,a");
    CHECK_INT(report.declared, 2);
    report_is(2, 0, 0, 0);
    desc.sorted = true;
    CHECK_INT(run_desc(&desc, "1,a 1,a 2,c 2,c 2,c"), D1T_OK);
    CHECK_INT(report.declared, 2);
    report_is(0, 1, 1, 0);
    HOLDS(items, "1,a 2,c");
    end();
}

static void test_a_key_with_two_values_is_refused_and_nothing_is_deleted(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "1,a 2,b 3,c");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    declare(&items, "1,a 2,x 1,y");
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_VALUE, "items", "");
    CHECK_INT(lab_int(d, "SELECT count(*) FROM items"), 3);
    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "1,a"), D1T_OK);
    CHECK_INT(declare(&items, "1,y"), D1T_ERR_VALUE);
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_VALUE, "items", "");
    CHECK_INT(lab_int(d, "SELECT count(*) FROM items"), 3);
    become(desc.scope, "1,z");
    HOLDS(items, "1,z");
    end();
}

/* ---- scopes */

static void out_of_scope(d1t_scope scope, const char *inside, const char *outside)
{
    d1t_sync_desc desc = desc_of(scope);

    CHECK_INT(run(scope, inside), D1T_OK);
    FAILS(run(scope, outside), D1T_ERR_VALUE, scope.table->name, "");
    desc.sorted = true;
    CHECK_INT(run_desc(&desc, inside), D1T_OK);
    FAILS(run_desc(&desc, outside), D1T_ERR_VALUE, scope.table->name, "");
    CHECK_INT(run(scope, ""), D1T_OK);
}

static void test_a_row_out_of_scope_is_refused(void)
{
    BEGIN(&files, &owned);
    out_of_scope(d1t_scope_prefix(&files, "path", "src/"), "src/,1 src/a,2 src/~,3", "src,1");
    out_of_scope(d1t_scope_prefix(&files, "path", "src/"), "", "src0,1");
    out_of_scope(d1t_scope_prefix(&files, "path", "src/"), "", "Src/a,1");
    out_of_scope(d1t_scope_equals(&files, "path", T("a")), "a,1", "ab,1");
    out_of_scope(d1t_scope_equals(&files, "size", I(7)), "a,7 b,7", "c,8");
    out_of_scope(d1t_scope_equals(&files, "size", I(7)), "", "c,-");
    out_of_scope(d1t_scope_range(&files, "path", T("b"), T("d")), "b,1 c,2 czz,3", "d,1");
    out_of_scope(d1t_scope_range(&files, "path", T("b"), T("d")), "", "azzz,1");
    out_of_scope(d1t_scope_range(&owned, "id", I(-10), I(10)), "-10,x,y 9,x,y", "10,x,y");
    out_of_scope(d1t_scope_range(&owned, "id", I(-10), I(10)), "", "-11,x,y");
    out_of_scope(d1t_scope_range(&owned, "id", d1t_absent(), I(0)), "-9223372036854775808,x,y -1,x,y", "0,x,y");
    out_of_scope(d1t_scope_range(&owned, "id", I(0), d1t_absent()), "0,x,y 9223372036854775807,x,y", "-1,x,y");
    out_of_scope(d1t_scope_equals(&owned, "owner", T("me")), "1,me,x", "2,you,x");
    out_of_scope(d1t_scope_equals(&owned, "owner", T("me")), "", "2,-,x");
    out_of_scope(d1t_scope_prefix(&owned, "owner", "m"), "1,me,x 2,m,y", "3,-,x");
    end();
}

static void test_the_whole_table_may_be_a_scope(void)
{
    BEGIN(&items);
    CHECK(lab_exec(d, "INSERT INTO items VALUES(-1,'old'),(2,'b'),(9,'old')"));
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    report_is(2, 0, 1, 2);
    HOLDS(items, "1,a 2,b 3,c");
    become(d1t_scope_table(&items), "2,b");
    HOLDS(items, "2,b");
    become(d1t_scope_table(&items), "");
    HOLDS(items, "");
    end();
}

/* Texts around every end of a prefix: itself, longer ones, its neighbours. */
static const char *const words[] = {
    "", "\x01", " ", "'", "\"", "`", "\\", "%", "_", "a", "a'", "a'b", "a\"", "a\"b", "a\\", "a\\b", "a%", "a_", "aa",
    "ab", "b", "A", "a\n", "a\nb", "[", "]", "z", "~", "\x7F", "\177a", "\x7F\x7F", "\xC2\x80", "\xC2\x80z",
        "\xC3\xBF",
    "\xDF\xBF", "\xE0\xA0\x80", "\xE0\xA0\x80q", "\xED\x9F\xBF", "\xED\x9F\xBF!", "\xED\x9F\xBF\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEE\x80\x80!",
    "\xEF\xBF\xBF", "\xEF\xBF\xBF!", "\xF0\x90\x80\x80", "\xF0\x90\x80\x80z", "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF!",
    "\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBF", "x\xF4\x8F\xBF\xBF", "x\xF4\x8F\xBF\xBFz",
        "x\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBF", "y", "x",
    "z\xED\x9F\xBF", "z\xEE\x80\x80", "z\x7F", "z\xC2\x80", "z\x7Fz"};

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The table has all words; the program holds those within its scope, then half of them, then none. Whatever is within
   decides `within`. */
static void scope_of_words(d1t_scope scope, bool (*within)(const char *word, const d1t_scope *scope))
{
    static const char insert[] = "INSERT OR IGNORE INTO files VALUES(?1,?2)";
    const char *sorted[COUNT(words)];
    sqlite3_stmt *stmt = NULL;
    d1t_sync_desc desc = desc_of(scope);
    size_t i, round, inside = 0;

    memcpy(sorted, words, sizeof sorted);
    qsort(sorted, COUNT(words), sizeof *sorted, by_bytes);
    CHECK_INT(sqlite3_prepare_v2(local_d1_sqlite(d), insert, -1, &stmt, NULL), SQLITE_OK);
    for (i = 0; i < COUNT(words); i++) {
        sqlite3_bind_text(stmt, 1, words[i], -1, SQLITE_STATIC);
        sqlite3_bind_int64(stmt, 2, (sqlite3_int64)i);
        sqlite3_step(stmt);
        sqlite3_reset(stmt);
        inside += within(words[i], &scope);
    }
    sqlite3_finalize(stmt);
    desc.sorted = true;
    for (round = 0; round < 4; round++) { /* half, all, half, none */
        size_t declared = 0, nth = 0;
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < COUNT(words); i++)
            if (within(sorted[i], &scope) && (round == 1 || (round != 3 && nth++ % 2))) {
                CHECK_INT(d1t_sync_row(&sync_, &files, ROW(T(sorted[i]), I(5))), D1T_OK);
                declared++;
            }
        commit();
        CHECK_INT(report.declared, declared);
        CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), COUNT(words) - inside + declared);
    }
}

static bool begins(const char *word, const d1t_scope *scope)
{
    return strncmp(word, scope->prefix, strlen(scope->prefix)) == 0;
}

static void test_any_text_may_be_a_prefix(void)
{
    size_t i;

    begin();
    for (i = 0; i < COUNT(words); i++)
        scope_of_words(d1t_scope_prefix(&files, "path", words[i]), begins);
    end();
}

static bool between(const char *word, const d1t_scope *scope)
{
    if (scope->from.kind != D1T_KIND_ABSENT && strcmp(word, scope->from.u.s.p) < 0)
        return false;
    return scope->to.kind == D1T_KIND_ABSENT || strcmp(word, scope->to.u.s.p) < 0;
}

static void test_ranges_of_texts_have_their_lower_bound_and_not_the_upper_one(void)
{
    size_t i;

    begin();
    for (i = 0; i + 7 < COUNT(words); i++) {
        const char *a = words[i], *b = words[i + 7];
        if (strcmp(a, b) < 0) scope_of_words(d1t_scope_range(&files, "path", T(a), T(b)), between);
        else scope_of_words(d1t_scope_range(&files, "path", T(b), T(a)), between);
        if (i % 8 == 0) {
            scope_of_words(d1t_scope_range(&files, "path", T(a), d1t_absent()), between);
            scope_of_words(d1t_scope_range(&files, "path", d1t_absent(), T(a)), between);
        }
    }
    end();
}

static bool equal(const char *word, const d1t_scope *scope)
{
    return strcmp(word, scope->equals.u.s.p) == 0;
}

static void test_a_scope_may_be_one_text(void)
{
    size_t i;

    begin();
    for (i = 0; i < COUNT(words); i++)
        scope_of_words(d1t_scope_equals(&files, "path", T(words[i])), equal);
    end();
}

static void scope_of_numbers(bool has_from, int64_t from, bool has_to, int64_t to)
{
    static const int64_t numbers[] = {INT64_MIN, INT64_MIN + 1, -9007199254740993, -1000, -100, -10, -9, -2, -1, 0, 1,
        2, 9,
                                      10, 99, 100, 1000, 9007199254740993, INT64_MAX - 1, INT64_MAX};
    d1t_scope scope = d1t_scope_range(&items, "id", has_from ? I(from) : d1t_absent(), has_to ? I(to) : d1t_absent());
    d1t_sync_desc desc = desc_of(scope);
    size_t i, round, inside = 0;
    char sql[100];

    for (i = 0; i < COUNT(numbers); i++) {
        snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO items VALUES(%s%lld%s,'x')", numbers[i] == INT64_MIN
            ? "-1-" : "",
                 (long long)(numbers[i] == INT64_MIN ? INT64_MAX : numbers[i]), "");
        CHECK(lab_exec(d, sql));
        inside += (!has_from || numbers[i] >= from) && (!has_to || numbers[i] < to);
    }
    desc.sorted = true;
    for (round = 0; round < 4; round++) { /* half, all, half, none */
        size_t declared = 0, nth = 0;
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < COUNT(numbers); i++)
            if ((!has_from || numbers[i] >= from) && (!has_to || numbers[i] < to) &&
                (round == 1 || (round != 3 && nth++ % 2))) {
                PUT(items, I(numbers[i]), T("y"));
                declared++;
            }
        commit();
        CHECK_INT(report.declared, declared);
        CHECK_INT(lab_int(d, "SELECT count(*) FROM items"), COUNT(numbers) - inside + declared);
    }
}

static void test_ranges_of_integers_may_be_negative_extreme_and_open(void)
{
    static const int64_t bounds[] = {INT64_MIN, INT64_MIN + 1, -100, -10, -1, 0, 1, 10, 1000, INT64_MAX - 1, INT64_MAX};
    size_t i, j;

    BEGIN(&items);
    for (i = 0; i < COUNT(bounds); i++) {
        for (j = i + 1; j < COUNT(bounds); j += 1 + i % 2)
            scope_of_numbers(true, bounds[i], true, bounds[j]);
        scope_of_numbers(true, bounds[i], false, 0);
        scope_of_numbers(false, 0, true, bounds[i]);
    }
    end();
}

static void test_a_scope_may_be_one_value_of_any_kind(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("flag", D1T_BOOL, 0), D1T_COLUMN("day", D1T_DATE, 0),
        D1T_COLUMN("at", D1T_TIMESTAMP, 0),     D1T_COLUMN("u", D1T_UUID, 0),   D1T_COLUMN("z", D1T_TIMESTAMPTZ, 0)};
    static const d1t_table kinds = D1T_TABLE("kinds", columns);
    static const uint8_t u[2][16] = {{1}, {255}};
    d1t_scope scopes[6];
    int i, j;

    BEGIN(&kinds);
    scopes[0] = d1t_scope_equals(&kinds, "flag", d1t_bool(true));
    scopes[1] = d1t_scope_equals(&kinds, "day", d1t_date(2024, 2, 29));
    scopes[2] = d1t_scope_equals(&kinds, "at", d1t_timestamp(1));
    scopes[3] = d1t_scope_equals(&kinds, "u", d1t_uuid(u[1]));
    scopes[4] = d1t_scope_range(&kinds, "day", d1t_date(2024, 2, 1), d1t_date(2024, 3, 1));
    scopes[5] = d1t_scope_range(&kinds, "at", d1t_timestamp(-1), d1t_timestamp(2));
    for (i = 0; i < 6; i++) {
        CHECK(lab_exec(d, "DELETE FROM kinds; INSERT INTO kinds VALUES(100,0,'2024-03-01','2024-03-01T00:00:00.000000',"
                          "'01000000-0000-0000-0000-000000000000',NULL),(101,NULL,NULL,NULL,NULL,NULL)"));
        for (j = 2; j >= 0; j--) {
            int k;
            start(scopes[i]);
            for (k = 0; k < j; k++)
                PUT(kinds, I(k), d1t_bool(true), d1t_date(2024, 2, 29), d1t_timestamp(1), d1t_uuid(u[1]),
                    d1t_timestamptz(0, 60));
            commit();
            CHECK_INT(lab_int(d, "SELECT count(*) FROM kinds"), 2 + j);
        }
        start(scopes[i]);
        FAILS(d1t_sync_row(&sync_, &kinds, ROW(I(1), d1t_bool(false), d1t_date(2024, 3, 1), d1t_timestamp(2),
                                               d1t_uuid(u[0]), d1t_null())), D1T_ERR_VALUE, "kinds", "");
        d1t_sync_abort(&sync_);
    }
    end();
}

/* ---- two producers */

static void test_producers_of_other_scopes_never_delete_each_others_rows(void)
{
    begin();
    become(d1t_scope_prefix(&files, "path", "a/"), "a/1,1 a/2,2 a/3,3");
    become(d1t_scope_prefix(&files, "path", "b/"), "b/1,1 b/2,2");
    become(d1t_scope_equals(&files, "path", T("c")), "c,9");
    report_is(1, 0, 0, 0);
    HOLDS(files, "a/1,1 a/2,2 a/3,3 b/1,1 b/2,2 c,9");
    become(d1t_scope_prefix(&files, "path", "a/"), "a/2,2");
    report_is(0, 0, 1, 2);
    become(d1t_scope_prefix(&files, "path", "b/"), "");
    HOLDS(files, "a/2,2 c,9");
    become(d1t_scope_prefix(&files, "path", "a/"), "");
    HOLDS(files, "c,9");
    end();
}

static void test_producers_may_be_told_apart_by_a_column_that_is_no_key(void)
{
    d1t_scope me = d1t_scope_equals(&owned, "owner", T("me")), you = d1t_scope_equals(&owned, "owner", T("you"));

    BEGIN(&owned);
    CHECK(lab_exec(d, "INSERT INTO owned VALUES(50,NULL,'nobody'),(51,'ME','other')"));
    become(me, "1,me,a 3,me,c 5,me,e");
    become(you, "2,you,b 4,you,d");
    report_is(2, 0, 0, 0);
    HOLDS(owned, "1,me,a 2,you,b 3,me,c 4,you,d 5,me,e 50,-,nobody 51,ME,other");
    become(me, "3,me,C");
    report_is(0, 1, 0, 2);
    become(you, "");
    HOLDS(owned, "3,me,C 50,-,nobody 51,ME,other");
    end();
}

static void test_a_row_may_move_from_one_producer_to_another(void)
{
    d1t_scope me = d1t_scope_equals(&owned, "owner", T("me")), you = d1t_scope_equals(&owned, "owner", T("you"));

    BEGIN(&owned);
    become(me, "1,me,a 2,me,b");
    become(you, "9,you,z");
    become(you, "1,you,a 9,you,z"); /* takes it before it is given up */
    become(me, "2,me,b");
    HOLDS(owned, "1,you,a 2,me,b 9,you,z");
    become(me, "");
    become(you, "9,you,z");
    become(me, "1,me,a"); /* given up before it is taken */
    HOLDS(owned, "1,me,a 9,you,z");
    end();
}

static void test_producers_of_many_rows_between_each_other(void)
{
    d1t_scope scopes[2];
    int round, i, who;

    BEGIN(&owned);
    scopes[0] = d1t_scope_equals(&owned, "owner", T("0"));
    scopes[1] = d1t_scope_equals(&owned, "owner", T("1"));
    for (round = 0; round < 4; round++)
        for (who = 0; who < 2; who++) {
            int want = 0;
            start(scopes[who]);
            for (i = 0; i < 1000; i++)
                if (i % 2 == who && i % 10 != round * 2 + who) {
                    PUT(owned, I(i), T(who ? "1" : "0"), T(i % 100 == round ? "x" : "y"));
                    want++;
                }
            commit();
            CHECK_INT(lab_int(d, who ? "SELECT count(*) FROM owned WHERE owner='1'"
                                     : "SELECT count(*) FROM owned WHERE owner='0'"), want);
            if (round) CHECK_INT(lab_int(d, "SELECT count(*) FROM owned"), 800);
        }
    end();
}

/* ---- two runs of one scope at a time */

static d1t_client other;
static d1t_sync other_sync;

static void open_other(void)
{
    CHECK_INT(d1t_open(&other, &config), D1T_OK);
    CHECK_INT(d1t_setup(&other, used, used_count), D1T_OK);
}

static void close_other(void)
{
    CHECK_INT(d1t_close(&other), D1T_OK);
}

static void test_the_second_one_to_write_a_scope_has_a_conflict_and_can_run_again(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    open_other();
    become(desc.scope, "1,a 2,b");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(d1t_sync_begin(&other_sync, &other, &desc), D1T_OK);
    CHECK_INT(declare_in(&other_sync, &items, "1,other 3,other"), D1T_OK);
    CHECK_INT(d1t_sync_commit(&other_sync, NULL), D1T_OK);
    CHECK_INT(declare(&items, "1,mine 2,mine"), D1T_OK);
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_CONFLICT, NULL, "");
    HOLDS(items, "1,other 3,other");
    become(desc.scope, "1,mine 2,mine");
    HOLDS(items, "1,mine 2,mine");
    close_other();
    end();
}

static void test_the_first_one_to_write_a_scope_goes_on_after_the_other_had_a_conflict(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    int i;

    begin();
    open_other();
    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&other_sync, &other, &desc), D1T_OK);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 60000 && db.stats.rows_sent == 0; i++) CHECK_INT(file(i, i), D1T_OK); /* until something was sent */
    CHECK(db.stats.rows_sent > 0);
    declare_in(&other_sync, &files, "src/x,1");
    CHECK_INT(d1t_sync_commit(&other_sync, NULL), D1T_ERR_CONFLICT);
    CHECK_INT(d1t_clear(&other, D1T_DROP_ROWS), D1T_OK);
    commit();
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), i);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files WHERE path='src/x'"), 0);
    CHECK_INT(d1t_sync_begin(&other_sync, &other, &desc), D1T_OK);
    declare_in(&other_sync, &files, "src/x,1");
    CHECK_INT(d1t_sync_commit(&other_sync, NULL), D1T_OK);
    HOLDS(files, "src/x,1");
    close_other();
    end();
}

static void test_only_deletes_conflict_too(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    open_other();
    become(desc.scope, "1,a 2,b");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(d1t_sync_begin(&other_sync, &other, &desc), D1T_OK);
    CHECK_INT(declare_in(&other_sync, &items, "1,a 2,b 3,new"), D1T_OK);
    CHECK_INT(d1t_sync_commit(&other_sync, NULL), D1T_OK);
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_CONFLICT, NULL, "");
    HOLDS(items, "1,a 2,b 3,new");
    close_other();
    end();
}

static void test_runs_of_different_scopes_do_not_conflict(void)
{
    d1t_sync_desc a = desc_of(d1t_scope_prefix(&files, "path", "a/")), b = desc_of(d1t_scope_prefix(&files, "path",
        "b/"));

    begin();
    open_other();
    CHECK_INT(d1t_sync_begin(&sync_, &db, &a), D1T_OK);
    CHECK_INT(d1t_sync_begin(&other_sync, &other, &b), D1T_OK);
    CHECK_INT(declare(&files, "a/1,1"), D1T_OK);
    CHECK_INT(declare_in(&other_sync, &files, "b/1,1"), D1T_OK);
    CHECK_INT(d1t_sync_commit(&other_sync, NULL), D1T_OK);
    CHECK_INT(d1t_sync_commit(&sync_, NULL), D1T_OK);
    HOLDS(files, "a/1,1 b/1,1");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &a), D1T_OK);
    CHECK_INT(d1t_sync_begin(&other_sync, &other, &b), D1T_OK);
    CHECK_INT(d1t_sync_commit(&other_sync, NULL), D1T_OK);
    CHECK_INT(declare(&files, "a/2,2"), D1T_OK);
    CHECK_INT(d1t_sync_commit(&sync_, NULL), D1T_OK);
    HOLDS(files, "a/2,2");
    close_other();
    end();
}

/* ---- references */

static void family(const d1t_table *children, const char *parents_text, const char *children_text)
{
    d1t_sync_desc desc = desc_of_two(d1t_scope_table(children), d1t_scope_table(&files));

    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(children, children_text), D1T_OK); /* in the wrong order */
    CHECK_INT(declare(&files, parents_text), D1T_OK);
    commit();
    CHECK_STR(rows_of(children), children_text);
    HOLDS(files, parents_text);
}

static void parents_and_children(const d1t_table *children)
{
    uint64_t written;

    BEGIN(&files, children);
    family(children, "a,1 b,2 c,3", "a,1,x b,1,y b,2,z");
    report_is(6, 0, 0, 0);
    family(children, "a,1 d,4", "a,1,x d,1,w d,2,v");
    report_is(3, 0, 2, 4);
    written = db.stats.rows_written;
    family(children, "a,1 d,4", "a,1,x d,1,w d,2,v");
    CHECK_INT(db.stats.rows_written, written);
    family(children, "a,9", "");
    report_is(0, 1, 0, 4);
    family(children, "", "");
    family(children, "a,1 b,2 c,3", "a,1,x b,1,y b,2,z");
    report_is(6, 0, 0, 0);
    end();
}

static void test_parents_are_written_before_children_and_children_deleted_before_parents(void)
{
    parents_and_children(&symbols);
    parents_and_children(&held_symbols);
}

static void test_many_parents_and_children_come_and_go_in_several_requests(void)
{
    d1t_sync_desc desc = desc_of_two(d1t_scope_table(&files), d1t_scope_table(&held_symbols));
    int round, i;
    char path[32];

    open_lab();
    config.max_body = 20000;
    USE(&held_symbols, &files);
    open_client();
    for (round = 0; round < 3; round++) {
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < 3000; i++) {
            snprintf(path, sizeof path, "p%05d", (i + round * 700) / 2);
            PUT(held_symbols, T(path), I(i), T("a name of some length"));
            PUT(files, T(path), I(7));
        }
        commit();
        CHECK_INT(lab_int(d, "SELECT count(*) FROM symbols JOIN files USING(path)"), 3000);
        CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 1500);
        CHECK_INT(lab_int(d, "SELECT count(*) FROM symbols"), 3000);
    }
    CHECK(db.stats.requests > 10);
    end();
}

static void test_a_child_without_its_parent_is_a_constraint_error(void)
{
    d1t_sync_desc desc = both();

    begin();
    family(&symbols, "a,1", "a,1,x");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    declare(&files, "a,1");
    declare(&symbols, "a,1,x b,1,y");
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_CONSTRAINT, "symbols", "");
    HOLDS(symbols, "a,1,x");
    family(&symbols, "a,1 b,1", "a,1,x b,1,y");
    end();
}

static void tree(const d1t_table *table)
{
    BEGIN(table);
    become(d1t_scope_table(table), "1,5 2,1 3,1 4,2 5,-");
    CHECK_STR(rows_of(table), "1,5 2,1 3,1 4,2 5,-");
    become(d1t_scope_table(table), "1,5 3,4 4,1 5,-"); /* 4 moves away from 2, which goes */
    CHECK_STR(rows_of(table), "1,5 3,4 4,1 5,-");
    report_is(0, 2, 2, 1);
    become(d1t_scope_table(table), "5,-");
    CHECK_STR(rows_of(table), "5,-");
    become(d1t_scope_table(table), "1,1 5,1 9,-"); /* its own parent */
    become(d1t_scope_table(table), "1,9 2,1 5,2 9,-"); /* the other way round */
    become(d1t_scope_table(table), "");
    CHECK_STR(rows_of(table), "");
    end();
}

static void test_a_table_may_reference_itself(void)
{
    tree(&nodes);
    tree(&held_nodes);
    tree(&free_nodes);
}

static void long_tree(const d1t_table *table)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(table));
    int round, i;

    open_lab();
    config.max_body = 8000;
    use(&table, 1);
    open_client();
    for (round = 0; round < 4; round++) { /* a chain upwards, downwards, half of it, none */
        int count = round == 3 ? 0 : round == 2 ? 1000 : 2000;
        desc.sorted = round % 2 == 0;
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < count; i++)
            CHECK_INT(d1t_sync_row(&sync_, table, ROW(I(i), round == 1 ? i ? I(i - 1) : d1t_null()
                                                             : i + 1 < count ? I(i + 1) : d1t_null())), D1T_OK);
        commit();
        CHECK_INT(lab_int(d, "SELECT count(*) FROM nodes"), count);
        CHECK_INT(lab_int(d, "SELECT count(*) FROM nodes WHERE parent IS NOT NULL"), count ? count - 1 : 0);
    }
    end();
}

static void test_a_long_tree_comes_turns_round_and_goes_in_several_requests(void)
{
    long_tree(&nodes);
    long_tree(&held_nodes);
    long_tree(&free_nodes);
}

/* ---- unique values */

static void test_a_unique_value_moves_between_rows_of_a_bucket(void)
{
    BEGIN(&slugs);
    become(d1t_scope_table(&slugs), "1,a 2,b 3,c");
    become(d1t_scope_table(&slugs), "1,b 2,a 3,c");
    report_is(0, 2, 1, 0);
    become(d1t_scope_table(&slugs), "1,c 2,b 3,a 4,d");
    become(d1t_scope_table(&slugs), "1,d 2,c 3,b 4,a");
    HOLDS(slugs, "1,d 2,c 3,b 4,a");
    end();
}

/* Rows 0 .. most - 1, named after another number; -1: not declared. */
static int most;

static int same(int i) { return i; }
static int swapped_ends(int i) { return i == 3 ? most - 9 : i == most - 9 ? 3 : i; }
static int swapped_while_a_neighbour_goes(int i) { return i == 2 || i == 4 || i == most - 8 ? -1 : swapped_ends(i); }
static int without_the_fourth(int i) { return i == 3 ? -1 : i; }
static int swapped_with_a_new_row_while_a_neighbour_goes(int i) { return i == 2 || i == 4 ? -1 : swapped_ends(i); }
static int turned(int i) { return most - 1 - i; }
static int shifted(int i) { return (i + 1) % most; }

static d1t_result name_rows(int (*name_of)(int), bool sorted)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&slugs));
    d1t_result result;
    char name[32];
    int i;

    desc.sorted = sorted;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < most; i++) {
        if (name_of(i) < 0) continue;
        snprintf(name, sizeof name, "a name that is the %d-th", name_of(i));
        result = d1t_sync_row(&sync_, &slugs, ROW(I(i), T(name)));
        if (result != D1T_OK) {
            d1t_sync_abort(&sync_);
            return result;
        }
    }
    return d1t_sync_commit(&sync_, &report);
}

/* One move after the other, and each once more writes nothing. */
static void unique_values_move(size_t max_body, bool sorted, int (*const *moves)(int), size_t count)
{
    size_t i;
    int k, declared;
    char sql[128];

    open_lab();
    config.max_body = max_body;
    USE(&slugs);
    open_client();
    for (i = 0; i < count; i++) {
        d1t_result result = name_rows(moves[i], sorted);
        uint64_t written = db.stats.rows_written;
        if (result != D1T_OK) {
            test_checks_failed++;
            printf("body %zu, sorted %d, move %zu: %s: %s\n", max_body, sorted, i, d1t_result_name(result),
                db.error.text);
            d1t_clear(&db, D1T_DROP_ROWS);
            continue;
        }
        for (k = declared = 0; k < most; k++) {
            declared += moves[i](k) >= 0;
            if (k > 10 && k < most - 20) continue;
            snprintf(sql, sizeof sql, "SELECT count(*) FROM slugs WHERE id=%d AND name='a name that is the %d-th'", k,
                     moves[i](k));
            CHECK_INT(lab_int(d, sql), moves[i](k) >= 0);
        }
        CHECK_INT(lab_int(d, "SELECT count(*) FROM slugs"), declared);
        CHECK_INT(name_rows(moves[i], sorted), D1T_OK);
        CHECK_INT(db.stats.rows_written, written);
        CHECK_INT(report.sent, 0);
    }
    end();
}

static int (*const moves[])(int) = {same, swapped_ends, same, swapped_while_a_neighbour_goes, same,
                                     without_the_fourth, swapped_with_a_new_row_while_a_neighbour_goes, same, shifted,
                                         turned, same};

static void test_a_unique_value_moves_between_rows_of_different_buckets(void)
{
    most = 2000;
    unique_values_move(0, false, moves, COUNT(moves));
    unique_values_move(0, true, moves, COUNT(moves));
}

static void test_a_unique_value_moves_between_rows_of_different_requests(void)
{
    most = 1200; /* but for the last ones: a row that waits costs several requests */
    unique_values_move(16000, false, moves, COUNT(moves) - 3);
    unique_values_move(16000, true, moves, COUNT(moves) - 3);
    CHECK(peak < 2000000);
    unique_values_move(10000, true, moves, COUNT(moves) - 3);
    CHECK(peak < 2000000);
}

/* ---- keys of every kind */

/* All rows of the table, values[count][columns], in key order: a sorted run, the same backwards and unsorted, half of
   them, all of them. */
static void keys_hold(const d1t_table *table, d1t_value *values, size_t count)
{
    size_t columns = table->column_count, i, round;
    d1t_sync_desc desc = desc_of(d1t_scope_table(table));
    uint64_t written = 0;
    char sql[64];

    BEGIN(table);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM `%s`", table->name);
    for (round = 0; round < 7; round++) {
        uint64_t declared = 0;
        desc.sorted = round % 2 == 0;
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < count; i++) { /* 0 sorted, 1 backwards, 2 the even ones, 3 these backwards, 4 all,
            5 the odd ones */
            size_t at = desc.sorted ? i : count - 1 - i;
            if ((round == 2 || round == 3) && at % 2) continue;
            if ((round == 5 || round == 6) && at % 2 == 0) continue;
            if (d1t_sync_row(&sync_, table, values + at * columns, columns) != D1T_OK) {
                printf("table %s, round %d, row %d: %s\n", table->name, (int)round, (int)at, db.error.text);
                test_checks_failed++;
                break;
            }
            declared++;
        }
        commit();
        CHECK_INT(report.declared, declared);
        CHECK_INT(lab_int(d, sql), declared);
        if (round == 0) report_is(count, 0, 0, 0);
        if (round == 1 || round == 3 || round == 6) CHECK_INT(db.stats.rows_written, written);
        if (round == 2) report_is(0, 0, declared, count - declared);
        if (round == 4) report_is(count / 2, 0, count - count / 2, 0);
        written = db.stats.rows_written;
    }
    end();
}

static void test_keys_may_be_integers(void)
{
    static const int64_t ids[] = {INT64_MIN, INT64_MIN + 1, -9007199254740993, -9007199254740992, -256, -255, -10, -9,
        -1, 0,
                                  1, 9, 10, 255, 256, 4294967296, 9007199254740992, 9007199254740993, INT64_MAX - 1,
                                      INT64_MAX};
    d1t_value values[COUNT(ids) * 2];
    size_t i;

    for (i = 0; i < COUNT(ids); i++) {
        values[2 * i] = I(ids[i]);
        values[2 * i + 1] = T("x");
    }
    keys_hold(&items, values, COUNT(ids));
}

static void test_many_integers_from_below_zero_to_above_are_keys(void)
{
    static d1t_value values[2 * 4000];
    int i;

    for (i = 0; i < 4000; i++) {
        values[2 * i] = I(((int64_t)i - 2000) * 4611686018427387ll);
        values[2 * i + 1] = T("x");
    }
    keys_hold(&items, values, 4000);
}

static void test_keys_may_be_any_text(void)
{
    static const char *const pieces[] = {"", "\x01", "\t", "\n", "\r\n", "\x1F", " ", "\"", "'", "''", "\\",
        "\\u0000", "\\n", "A",
                                         "a", "b", "\x7F", "\xC2\x80", "\xC3\xA9", "\xED\x9F\xBF", "\xEE\x80\x80",
                                         "\xEF\xBF\xBF", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF", "[", "]", ",",
                                             "null", "0", "1e5"};
    enum { N = sizeof pieces / sizeof *pieces };
    static char texts[N * N][16];
    static const char *sorted[N * N];
    static d1t_value values[2 * N * N];
    size_t i, n = 0;

    for (i = 0; i < N * N; i++) {
        snprintf(texts[i], sizeof texts[i], "%s%s", pieces[i / N], pieces[i % N]);
        sorted[i] = texts[i];
    }
    qsort(sorted, N * N, sizeof *sorted, by_bytes);
    for (i = 0; i < N * N; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0) {
            values[2 * n] = T(sorted[i]);
            values[2 * n++ + 1] = I(1);
        }
    keys_hold(&files, values, n);
}

static void test_keys_may_be_any_bytes(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("k", D1T_BLOB, D1T_KEY), D1T_COLUMN("v", D1T_INTEGER, 0)};
    static const d1t_table blobs = D1T_TABLE("blobs", columns);
    static unsigned char bytes[1 + 256 + 256 * 8][2];
    static d1t_value values[2 * (1 + 256 + 256 * 8)];
    static const unsigned char second[] = {0, 1, 0x22, 0x27, 0x5C, 0x7F, 0x80, 0xFF};
    size_t i, j, n = 1;

    values[0] = d1t_blob("", 0);
    for (i = 0; i < 256; i++) {
        bytes[n][0] = (unsigned char)i;
        values[2 * n] = d1t_blob(bytes[n], 1);
        n++;
        for (j = 0; j < sizeof second; j++) {
            bytes[n][0] = (unsigned char)i;
            bytes[n][1] = second[j];
            values[2 * n] = d1t_blob(bytes[n], 2);
            n++;
        }
    }
    for (i = 0; i < n; i++) values[2 * i + 1] = I((int)i);
    keys_hold(&blobs, values, n);
}

static void test_keys_may_be_uuids_dates_and_times(void)
{
    static const d1t_column uuid_columns[] = {D1T_COLUMN("k", D1T_UUID, D1T_KEY), D1T_COLUMN("v", D1T_REAL, 0)};
    static const d1t_column date_columns[] = {D1T_COLUMN("k", D1T_DATE, D1T_KEY), D1T_COLUMN("v", D1T_REAL, 0)};
    static const d1t_column time_columns[] = {D1T_COLUMN("k", D1T_TIME, D1T_KEY), D1T_COLUMN("v", D1T_REAL, 0)};
    static const d1t_column at_columns[] = {D1T_COLUMN("k", D1T_TIMESTAMP, D1T_KEY), D1T_COLUMN("v", D1T_REAL, 0)};
    static const d1t_column zone_columns[] = {D1T_COLUMN("k", D1T_TIMESTAMPTZ, D1T_KEY), D1T_COLUMN("v", D1T_REAL, 0)};
    static const d1t_table uuids = D1T_TABLE("uuids", uuid_columns), dates = D1T_TABLE("dates", date_columns);
    static const d1t_table times = D1T_TABLE("times", time_columns), ats = D1T_TABLE("ats", at_columns);
    static const d1t_table zones = D1T_TABLE_FLAGS("zones", zone_columns, D1T_WITHOUT_ROWID);
    static uint8_t u[256][16];
    static d1t_value values[2 * 300];
    int i;

    for (i = 0; i < 300; i++) values[2 * i + 1] = d1t_double(i / 4.0);
    for (i = 0; i < 256; i++) {
        memset(u[i], 255 - i, 16);
        u[i][0] = (uint8_t)i;
        values[2 * i] = d1t_uuid(u[i]);
    }
    keys_hold(&uuids, values, 256);
    for (i = 0; i < 300; i++) values[2 * i] = d1t_date(i < 150 ? i : 9700 + i, 1 + i % 12, 28);
    keys_hold(&dates, values, 300);
    for (i = 0; i < 300; i++) values[2 * i] = d1t_time(i / 13, i % 13 * 4, 59, 999999);
    keys_hold(&times, values, 300);
    for (i = 0; i < 300; i++) values[2 * i] = d1t_timestamp(((int64_t)i - 150) * 200000000000001ll);
    keys_hold(&ats, values, 300);
    for (i = 0; i < 300; i++) values[2 * i] = d1t_timestamptz(((int64_t)i - 150) * 1000000, i % 2 ? 330 : -480);
    keys_hold(&zones, values, 300);
}

static void test_keys_may_be_booleans_and_have_several_columns(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("v", D1T_TEXT, 0),       D1T_COLUMN("b", D1T_BOOL, D1T_KEY), D1T_COLUMN("s", D1T_TEXT, D1T_KEY),
        D1T_COLUMN("w", D1T_BLOB, 0),       D1T_COLUMN("x", D1T_BLOB, D1T_KEY), D1T_COLUMN("i", D1T_INTEGER, D1T_KEY)};
    static const d1t_table mixed = D1T_TABLE_FLAGS("mixed", columns, D1T_WITHOUT_ROWID);
    static const char *const texts[] = {"", "\x01", "\"", "\\", "a", "a\x01", "ab", "\xF4\x8F\xBF\xBF"};
    static const unsigned char bytes[][2] = {{0, 0}, {0, 0}, {0, 0xFF}, {1, 0}, {0xFF, 0xFF}};
    static const size_t lengths[] = {0, 1, 2, 1, 2};
    static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    static d1t_value values[6 * 2 * 8 * 5 * 5];
    size_t b, s, x, i;
    d1t_value *v = values;

    for (b = 0; b < 2; b++)
        for (s = 0; s < COUNT(texts); s++)
            for (x = 0; x < COUNT(lengths); x++)
                for (i = 0; i < COUNT(numbers); i++) {
                    v[0] = T("value");
                    v[1] = d1t_bool(b != 0);
                    v[2] = T(texts[s]);
                    v[3] = d1t_null();
                    v[4] = d1t_blob(bytes[x], lengths[x]);
                    v[5] = I(numbers[i]);
                    v += 6;
                }
    keys_hold(&mixed, values, COUNT(values) / 6);
}

static void test_tables_may_have_only_keys(void)
{
    static const d1t_column one[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY)};
    static const d1t_column two[] = {D1T_COLUMN("a", D1T_INTEGER, D1T_KEY), D1T_COLUMN("b", D1T_TEXT, D1T_KEY)};
    static const d1t_table tags = D1T_TABLE_FLAGS("tags", one, D1T_WITHOUT_ROWID), links = D1T_TABLE("links", two);
    static char texts[1000][8];
    static d1t_value values[2000];
    size_t i;

    for (i = 0; i < 1000; i++) {
        snprintf(texts[i], sizeof texts[i], "t%03d", (int)i);
        values[i] = T(texts[i]);
    }
    keys_hold(&tags, values, 1000);
    for (i = 0; i < 1000; i++) {
        values[2 * i] = I((int64_t)(i / 10) - 50);
        values[2 * i + 1] = T(texts[i]);
    }
    keys_hold(&links, values, 1000);
}

/* ---- the table changes between runs */

static const d1t_column wider_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, 0),
    D1T_COLUMN("extra", D1T_TEXT, 0),
};
static const d1t_table wider = D1T_TABLE("items", wider_columns);

/* The next run of the program, with another declaration of its table. */
static void become_table(const d1t_table *table)
{
    d1t_plan plan;
    d1t_plan_desc desc;

    close_client();
    use(&table, 1);
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    memset(&plan, 0, sizeof plan);
    memset(&desc, 0, sizeof desc);
    desc.tables = used;
    desc.count = used_count;
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
    CHECK_STR(db.error.text, "");
    d1t_plan_free(&plan);
    CHECK_INT(d1t_setup(&db, used, used_count), D1T_OK);
}

static void test_a_column_that_comes_sends_every_row_again_and_loses_none(void)
{
    BEGIN(&items);
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    become_table(&wider);
    become(d1t_scope_table(&wider), "1,a,- 2,b,x 3,c,-");
    CHECK_INT(report.sent, 3);
    report_is(0, 1, 2, 0);
    HOLDS(wider, "1,a,- 2,b,x 3,c,-");
    become_table(&items); /* and goes */
    become(d1t_scope_table(&items), "1,a 2,b 4,d");
    CHECK_INT(report.sent, 3);
    report_is(1, 0, 2, 1);
    HOLDS(items, "1,a 2,b 4,d");
    end();
}

static void test_another_key_begins_anew(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, 0), D1T_COLUMN("name", D1T_TEXT, D1T_KEY)};
    static const d1t_table by_name = D1T_TABLE("items", columns);

    BEGIN(&items);
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    become_table(&by_name);
    become(d1t_scope_table(&by_name), "1,a 5,b");
    HOLDS(by_name, "1,a 5,b");
    become_table(&items);
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    HOLDS(items, "1,a 2,b 3,c");
    become_table(&by_name);
    become(d1t_scope_table(&by_name), "1,a 5,b");
    HOLDS(by_name, "1,a 5,b");
    become_table(&items);
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    HOLDS(items, "1,a 2,b 3,c");
    end();
}

static void test_a_table_that_others_dropped_is_filled_again(void)
{
    BEGIN(&items);
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    CHECK(lab_exec(d, "DROP TABLE items"));
    again();
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    HOLDS(items, "1,a 2,b 3,c");
    report_is(3, 0, 0, 0);
    end();
}

static void test_a_table_that_others_emptied_is_filled_again(void)
{
    BEGIN(&items);
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    CHECK(lab_exec(d, "DELETE FROM items"));
    become(d1t_scope_table(&items), "1,a 2,b 3,c");
    HOLDS(items, "1,a 2,b 3,c");
    end();
}

static void test_a_scope_that_others_emptied_is_filled_again(void)
{
    begin();
    become(d1t_scope_prefix(&files, "path", "a/"), "a/1,1 a/2,2");
    become(d1t_scope_prefix(&files, "path", "b/"), "b/1,1");
    CHECK(lab_exec(d, "DELETE FROM files WHERE path<'b'"));
    become(d1t_scope_prefix(&files, "path", "a/"), "a/1,1 a/2,2");
    HOLDS(files, "a/1,1 a/2,2 b/1,1");
    end();
}

static void test_a_table_that_was_emptied_and_filled_by_others_is_declared_again_in_full(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "1,a 2,b 3,c");
    CHECK(lab_exec(d, "DELETE FROM items; INSERT INTO items VALUES(1,'z'),(9,'y')"));
    desc.full = true;
    CHECK_INT(run_desc(&desc, "1,a 2,b 3,c"), D1T_OK);
    HOLDS(items, "1,a 2,b 3,c");
    end();
}

static void test_records_that_others_dropped_are_made_again(void)
{
    static const char *const tables[] = {"SELECT 'DROP TABLE \"'||name||'\"' FROM sqlite_schema WHERE name GLOB "
        "'_d1t_sync_*'",
                                         "SELECT 'DROP TABLE \"'||name||'\"' FROM sqlite_schema WHERE "
                                             "name='_d1t_sync'"};
    char sql[200];
    int i;

    BEGIN(&items);
    for (i = 0; i < 4; i++) { /* each alone, and both */
        become(d1t_scope_table(&items), "1,a 2,b 3,c");
        if (i == 0 || i > 1) {
            snprintf(sql, sizeof sql, "%s", all(tables[0]));
            CHECK(lab_exec(d, sql));
        }
        if (i > 0) {
            snprintf(sql, sizeof sql, "%s", all(tables[1]));
            CHECK(lab_exec(d, sql));
        }
        become(d1t_scope_table(&items), "1,a 3,C 4,d");
        HOLDS(items, "1,a 3,C 4,d");
    }
    end();
}

static void test_rows_that_others_took_or_added_are_put_right_where_a_bucket_changes(void)
{
    BEGIN(&items);
    become(d1t_scope_table(&items), "1,a 5,b 7,c");
    CHECK(lab_exec(d, "DELETE FROM items WHERE id=5; INSERT INTO items VALUES(3,'x'),(6,'y'),(-9,'z'),(100,'z');"
                      "UPDATE items SET name='w' WHERE id=7"));
    become(d1t_scope_table(&items), "1,A 5,b 7,c");
    HOLDS(items, "1,A 5,b 7,c");
    CHECK(lab_exec(d, "INSERT INTO items VALUES(4,'x')"));
    become(d1t_scope_table(&items), "5,b 7,c");
    HOLDS(items, "5,b 7,c");
    end();
}

static void test_full_trusts_no_record_and_costs_reads_only(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    uint64_t written;
    int i;

    begin();
    sync_files(2000, -1, -1);
    CHECK(lab_exec(d, "UPDATE files SET size=-1 WHERE path='src/000777.c'; DELETE FROM files WHERE path='src/000001.c';"
                      "INSERT INTO files VALUES('src/0',5),('src/~',6),('x',7)"));
    sync_files(2000, -1, -1); /* unseen */
    CHECK_INT(report.sent, 0);
    desc.full = true;
    written = db.stats.rows_written;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 2000; i++) CHECK_INT(file(i, i), D1T_OK);
    commit();
    CHECK_INT(report.sent, 2000);
    CHECK_INT(report.deleted, 2);
    CHECK_INT(report.declared, 2000);
    CHECK(db.stats.rows_written - written < 40);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 2001);
    CHECK_INT(lab_int(d, "SELECT size FROM files WHERE path='src/000777.c'"), 777);
    end();
}

static void test_columns_that_take_no_value_are_left_to_d1(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0),
        D1T_COLUMN_GENERATED("twice", D1T_TEXT, 0, "`name`||`name`"),
        D1T_COLUMN_ON_WRITE("writes", D1T_INTEGER, 0, "1")};
    static const d1t_table made = D1T_TABLE("made", columns);

    BEGIN(&made);
    become(d1t_scope_table(&made), "1,a 2,b");
    HOLDS(made, "1,a,aa,1 2,b,bb,1");
    CHECK(lab_exec(d, "UPDATE made SET writes=0"));
    become(d1t_scope_table(&made), "1,a 2,B");
    HOLDS(made, "1,a,aa,0 2,B,BB,1");
    end();
}

/* ---- how many rows may go */

static void test_more_than_half_of_the_rows_do_not_go_unless_allowed(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    desc.max_delete = 0;
    CHECK_INT(run_desc(&desc, ""), D1T_OK); /* an empty run on an empty table */
    CHECK_INT(run_desc(&desc, "1,a 2,b 3,c 4,d 5,e 6,f"), D1T_OK);
    FAILS(run_desc(&desc, ""), D1T_ERR_DELETES, "items", "");
    FAILS(run_desc(&desc, "1,A 2,b 7,g"), D1T_ERR_DELETES, "items", "");
    HOLDS(items, "1,A 2,b 3,c 4,d 5,e 6,f 7,g"); /* written, and nothing deleted */
    CHECK_INT(run_desc(&desc, "1,A 2,b 3,c 7,g"), D1T_OK); /* three of seven */
    HOLDS(items, "1,A 2,b 3,c 7,g");
    CHECK_INT(run_desc(&desc, "1,A 2,b"), D1T_OK); /* a half */
    HOLDS(items, "1,A 2,b");
    CHECK_INT(run_desc(&desc, "1,A 2,b 3,c 4,d 5,e 6,f"), D1T_OK);
    FAILS(run_desc(&desc, "1,A 2,b"), D1T_ERR_DELETES, "items", "");
    become(desc.scope, "1,A 2,b"); /* allowed */
    HOLDS(items, "1,A 2,b");
    FAILS(run_desc(&desc, ""), D1T_ERR_DELETES, "items", "");
    become(desc.scope, "");
    HOLDS(items, "");
    end();
}

static void test_a_run_that_was_refused_its_deletes_is_healed_by_the_next(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    desc.max_delete = 0;
    become(desc.scope, "1,a 2,b 3,c 4,d 5,e 6,f");
    FAILS(run_desc(&desc, "1,a"), D1T_ERR_DELETES, "items", "");
    become(desc.scope, "1,a 2,b 3,c 4,d 5,e 6,f");
    HOLDS(items, "1,a 2,b 3,c 4,d 5,e 6,f");
    FAILS(run_desc(&desc, ""), D1T_ERR_DELETES, "items", "");
    become(desc.scope, "1,a 2,b 3,c 4,d 5,e 6,f");
    FAILS(run_desc(&desc, "1,a"), D1T_ERR_DELETES, "items", "");
    FAILS(run_desc(&desc, "1,a"), D1T_ERR_DELETES, "items", ""); /* asked once more: still */
    become(desc.scope, "1,a");
    HOLDS(items, "1,a");
    end();
}

static void test_max_delete_is_a_percentage_of_the_scope(void)
{
    d1t_sync_desc desc = d1t_sync_scope_prefix(&files, "path", "src/");
    int gone, i, step;

    begin();
    CHECK(lab_exec(d, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 900) INSERT INTO files SELECT "
        "'x'||i,i FROM n"));
    sync_files(400, -1, -1);
    desc.max_delete = 10;
    for (step = 0; step < 3; step++) { /* 41 of 400 are too many, 40 are not; whole tails go with their buckets */
        gone = step ? 40 : 41;
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < 400 - gone; i++) CHECK_INT(file(i, i), D1T_OK);
        if (step == 0) FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_DELETES, "files", "41");
        else commit();
    }
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 1260);
    end();
}

static void test_a_scope_that_may_not_delete_keeps_the_others_from_deleting(void)
{
    d1t_sync_desc desc = both();

    begin();
    desc.max_delete = 0;
    family(&symbols, "a,1 b,2 c,3 d,4", "a,1,x a,2,y b,1,z");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    declare(&files, "a,1 b,2 c,3"); /* a quarter goes */
    declare(&symbols, "a,1,x"); /* two thirds */
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_DELETES, "symbols", "");
    HOLDS(files, "a,1 b,2 c,3 d,4");
    HOLDS(symbols, "a,1,x a,2,y b,1,z");
    end();
}

static void test_rows_that_were_there_before_the_first_run_count_too(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    CHECK(lab_exec(d, "INSERT INTO items VALUES(1,'a'),(2,'b'),(3,'c'),(4,'d')"));
    desc.max_delete = 0;
    FAILS(run_desc(&desc, "1,a"), D1T_ERR_DELETES, "items", "");
    HOLDS(items, "1,a 2,b 3,c 4,d");
    FAILS(run_desc(&desc, ""), D1T_ERR_DELETES, "items", "");
    CHECK_INT(run_desc(&desc, "1,a 2,B"), D1T_OK);
    HOLDS(items, "1,a 2,B");
    end();
}

/* ---- how a run ends */

static void test_abort_deletes_nothing_and_leaves_the_client_free(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "1,a 2,b 3,c");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(d1t_sync_abort(&sync_), D1T_OK);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "1,z 9,y"), D1T_OK);
    CHECK_INT(d1t_sync_abort(&sync_), D1T_OK);
    CHECK_INT(d1t_sync_abort(&sync_), D1T_OK);
    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "1,z 9,y"), D1T_OK);
    CHECK_INT(d1t_sync_abort(&sync_), D1T_OK);
    CHECK_INT(d1t_upsert(&db, &items, ROW(I(50), T("mine"))), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    HOLDS(items, "1,a 2,b 3,c 50,mine");
    become(desc.scope, "1,a 2,b 4,d");
    HOLDS(items, "1,a 2,b 4,d");
    end();
}

static void test_what_was_sent_before_an_abort_stays_and_the_next_run_goes_on(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    uint64_t sent;
    int i;

    open_lab();
    config.max_body = 50000;
    USE(&files);
    open_client();
    sync_files(5000, -1, -1);
    desc.sorted = true;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 1; i < 4000; i++) CHECK_INT(file(i, -i), D1T_OK); /* every row differs, the first is gone */
    CHECK_INT(d1t_sync_abort(&sync_), D1T_OK);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 5000);
    sent = (uint64_t)lab_int(d, "SELECT count(*) FROM files WHERE size<0");
    CHECK(sent > 1000);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 1; i < 5000; i++) CHECK_INT(file(i, i < 4000 ? -i : i), D1T_OK);
    commit();
    CHECK_INT(report.updated + report.inserted, 3999 - sent); /* a run that was interrupted blurs which is which */
    CHECK_INT(report.deleted, 1);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files WHERE size<0"), 3999);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 4999);
    end();
}

static void test_a_run_that_has_ended_takes_no_more(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "1,a");
    FAILS(d1t_sync_commit(&sync_, NULL), D1T_ERR_STATE, NULL, "");
    FAILS(d1t_sync_row(&sync_, &items, ROW(I(2), T("b"))), D1T_ERR_STATE, NULL, "");
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(d1t_sync_abort(&sync_), D1T_OK);
    FAILS(d1t_sync_row(&sync_, &items, ROW(I(2), T("b"))), D1T_ERR_STATE, NULL, "");
    FAILS(d1t_sync_commit(&sync_, NULL), D1T_ERR_STATE, NULL, "");
    become(desc.scope, "1,a 2,b");
    end();
}

static void test_a_client_closed_during_a_run_gives_everything_back_with_abort(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "1,a 2,b"), D1T_OK);
    d1t_sync_abort(&sync_);
    d1t_close(&db);
    CHECK_INT(heap.live, 0);
    HOLDS(items, "");
    open_client();
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "1,a 2,b"), D1T_OK);
    d1t_close(&db);
    d1t_sync_abort(&sync_);
    CHECK_INT(heap.live, 0);
    HOLDS(items, "");
    open_client();
    end();
}

static void test_a_begin_that_failed_fails_rows_and_commit_alike(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_equals(&items, "no_such", I(1)));

    BEGIN(&items);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_ERR_ARG);
    CHECK_INT(declare(&items, "1,a"), D1T_ERR_ARG);
    CHECK_INT(d1t_sync_commit(&sync_, &report), D1T_ERR_ARG);
    CHECK_INT(d1t_sync_abort(&sync_), D1T_ERR_ARG);
    FAILS(db.error.code, D1T_ERR_ARG, "items", "no_such");
    HOLDS(items, "");
    end();
}

/* ---- what is refused */

static d1t_result begins_with(d1t_scope scope)
{
    d1t_sync_desc desc = desc_of(scope);
    d1t_result result = d1t_sync_begin(&sync_, &db, &desc);

    if (result == D1T_OK)
        d1t_sync_abort(&sync_);
    return result;
}

static void test_scopes_that_make_no_sense_are_refused_before_anything_is_sent(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("real", D1T_REAL, 0), D1T_COLUMN("blob", D1T_BLOB, 0),
        D1T_COLUMN("json", D1T_JSON, 0),        D1T_COLUMN("any", D1T_ANY, 0),
        D1T_COLUMN("text", D1T_TEXT, 0),        {"nocase", D1T_TEXT, 0, NULL, NULL, NULL, "NOCASE", NULL, NULL},
        D1T_COLUMN_GENERATED("made", D1T_TEXT, 0, "`text`")};
    static const d1t_table odd = D1T_TABLE("odd", columns), unknown = D1T_TABLE("unknown", item_columns);
    d1t_scope two = d1t_scope_prefix(&odd, "text", "a");
    d1t_sync_desc desc = both(), none;
    uint64_t requests;

    open_lab();
    USE(&odd, &files, &symbols);
    open_client();
    requests = db.stats.requests;
    FAILS(begins_with(d1t_scope_table(NULL)), D1T_ERR_ARG, NULL, "");
    FAILS(begins_with(d1t_scope_table(&unknown)), D1T_ERR_STATE, NULL, "unknown");
    FAILS(begins_with(d1t_scope_equals(&odd, "real", d1t_double(1))), D1T_ERR_UNSUPPORTED, "odd", "real");
    FAILS(begins_with(d1t_scope_equals(&odd, "blob", d1t_blob("a", 1))), D1T_ERR_UNSUPPORTED, "odd", "blob");
    FAILS(begins_with(d1t_scope_equals(&odd, "json", d1t_json("1", 1))), D1T_ERR_UNSUPPORTED, "odd", "json");
    FAILS(begins_with(d1t_scope_equals(&odd, "any", I(1))), D1T_ERR_UNSUPPORTED, "odd", "any");
    FAILS(begins_with(d1t_scope_equals(&odd, "nocase", T("a"))), D1T_ERR_UNSUPPORTED, "odd", "nocase");
    FAILS(begins_with(d1t_scope_equals(&odd, "made", T("a"))), D1T_ERR_UNSUPPORTED, "odd", "made");
    FAILS(begins_with(d1t_scope_equals(&odd, "missing", T("a"))), D1T_ERR_ARG, "odd", "missing");
    FAILS(begins_with(d1t_scope_equals(&odd, NULL, T("a"))), D1T_ERR_ARG, "odd", "");
    FAILS(begins_with(d1t_scope_equals(&odd, "text", d1t_absent())), D1T_ERR_ARG, "odd", "text");
    FAILS(begins_with(d1t_scope_equals(&odd, "text", d1t_null())), D1T_ERR_VALUE, "odd", "text");
    FAILS(begins_with(d1t_scope_equals(&odd, "text", I(1))), D1T_ERR_VALUE, "odd", "text");
    FAILS(begins_with(d1t_scope_equals(&odd, "text", T("\xFF"))), D1T_ERR_UTF8, "odd", "text");
    FAILS(begins_with(d1t_scope_equals(&odd, "id", T("1"))), D1T_ERR_VALUE, "odd", "id");
    FAILS(begins_with(d1t_scope_range(&odd, "id", T("1"), d1t_absent())), D1T_ERR_VALUE, "odd", "id");
    FAILS(begins_with(d1t_scope_prefix(&odd, "id", "1")), D1T_ERR_ARG, "odd", "id");
    FAILS(begins_with(d1t_scope_prefix(&odd, "text", "\xC3")), D1T_ERR_UTF8, "odd", "text");
    two.equals = T("a");
    FAILS(begins_with(two), D1T_ERR_ARG, "odd", "text");
    desc = desc_of_two(d1t_scope_prefix(&files, "path", "a"), d1t_scope_prefix(&files, "path", "b"));
    FAILS(d1t_sync_begin(&sync_, &db, &desc), D1T_ERR_ARG, "files", "");
    memset(&none, 0, sizeof none);
    FAILS(d1t_sync_begin(&sync_, &db, &none), D1T_ERR_ARG, NULL, "");
    desc.scope_count = 0;
    FAILS(d1t_sync_begin(&sync_, &db, &desc), D1T_ERR_ARG, NULL, "");
    CHECK_INT(d1t_sync_begin(&sync_, &db, NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_sync_begin(NULL, &db, &desc), D1T_ERR_ARG);
    CHECK_INT(d1t_sync_begin(&sync_, NULL, &desc), D1T_ERR_ARG);
    CHECK_INT(db.stats.requests, requests);
    end();
}

static void test_a_run_does_not_begin_while_rows_are_pending(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    CHECK_INT(d1t_upsert(&db, &items, ROW(I(1), T("a"))), D1T_OK);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_ERR_STATE);
    CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    become(desc.scope, "1,a");
    end();
}

static void test_rows_that_are_wrong_are_refused_as_by_upsert(void)
{
    static const d1t_table elsewhere = D1T_TABLE("files", item_columns);
    d1t_sync_desc desc = desc_of(d1t_scope_table(&symbols));

    begin();
    become(d1t_scope_table(&files), "a,1");
    become(desc.scope, "a,1,x");
#define REFUSES(code, table_, ...)                                                    \
    do {                                                                              \
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);                        \
        CHECK_INT(d1t_sync_row(&sync_, &(table_), ROW(__VA_ARGS__)), code);           \
        FAILS(d1t_sync_commit(&sync_, &report), code, NULL, "");                      \
    } while (0)
    REFUSES(D1T_ERR_VALUE, symbols, T("a"), I(1));
    REFUSES(D1T_ERR_VALUE, symbols, T("a"), I(1), T("x"), I(1));
    REFUSES(D1T_ERR_VALUE, symbols, T("a"), I(1), d1t_null());
    REFUSES(D1T_ERR_VALUE, symbols, d1t_null(), I(1), T("x"));
    REFUSES(D1T_ERR_VALUE, symbols, T("a"), T("1"), T("x"));
    REFUSES(D1T_ERR_VALUE, symbols, T("a"), I(1), d1t_absent());
    REFUSES(D1T_ERR_UTF8, symbols, T("a"), I(1), T("\xC0"));
    REFUSES(D1T_ERR_ARG, files, T("a"), I(1)); /* declared, but not in the run */
    REFUSES(D1T_ERR_ARG, elsewhere, I(1), T("x"));
    HOLDS(symbols, "a,1,x");
    CHECK_INT(d1t_sync_row(NULL, &symbols, ROW(T("a"), I(1), T("x"))), D1T_ERR_ARG);
    CHECK_INT(d1t_sync_abort(NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_sync_commit(NULL, &report), D1T_ERR_ARG);
    end();
}

static d1t_sync nested;
static d1t_result from_callback[3];

static void call_back(void *ctx, const d1t_event *event)
{
    static const d1t_scope scope;
    d1t_sync_desc desc = desc_of(scope);

    (void)ctx;
    if (event->what != D1T_EVENT_SEND)
        return;
    from_callback[0] = d1t_sync_row(&sync_, &items, ROW(I(77), T("x")));
    from_callback[1] = d1t_sync_commit(&sync_, NULL);
    from_callback[2] = d1t_sync_begin(&nested, &db, &desc);
}

static void test_callbacks_may_not_call_into_the_run(void)
{
    open_lab();
    config.on_event = call_back;
    USE(&items);
    open_client();
    become(d1t_scope_table(&items), "1,a 2,b");
    CHECK_INT(from_callback[0], D1T_ERR_BUSY);
    CHECK_INT(from_callback[1], D1T_ERR_BUSY);
    CHECK_INT(from_callback[2], D1T_ERR_BUSY);
    HOLDS(items, "1,a 2,b");
    end();
}

/* ---- the report */

static void test_the_report_counts_what_was_done(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_table(&items));

    BEGIN(&items);
    become(desc.scope, "1,a 2,b 3,c 4,d");
    CHECK_INT(report.declared, 4);
    report_is(4, 0, 0, 0);
    CHECK_INT(report.sent, 4);
    CHECK_INT(report.buckets_sent, report.buckets);
    become(desc.scope, "1,a 2,B 4,d 5,e 6,f");
    CHECK_INT(report.declared, 5);
    report_is(2, 1, 2, 1);
    become(desc.scope, "1,a 2,B 4,d 5,e 6,f");
    report_is(0, 0, 5, 0);
    CHECK_INT(report.buckets_sent, 0);
    become(desc.scope, "");
    CHECK_INT(report.declared, 0);
    report_is(0, 0, 0, 5);
    CHECK_INT(report.buckets, 0);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    CHECK_INT(declare(&items, "1,a"), D1T_OK);
    CHECK_INT(d1t_sync_commit(&sync_, NULL), D1T_OK); /* it is in the run as well */
    CHECK_INT(sync_.report.inserted, 1);
    CHECK_INT(sync_.report.declared, 1);
    end();
}

/* ---- driven from outside */

/* Every request of a run, one behind the other. */
static void run_scripted(script *s, bool driven, int round, bool sorted)
{
    d1t_sync_desc desc = both();
    d1t_client client;
    d1t_sync sync;
    d1t_todo todo;
    d1t_step step;
    d1t_result result;
    d1t_config c = script_config(s);
    char path[32];
    int i, full = 0;

#define DRIVE(call_next)                                                                          \
    while ((step = (call_next)) == D1T_SEND || step == D1T_WAIT) {                                \
        if (step == D1T_SEND) script_send(s, todo.request, todo.op);                              \
        else script_sleep(s, todo.wake_ms - s->now_ms);                                           \
    }                                                                                             \
    CHECK_INT(step, D1T_DONE)
    c.driven = driven;
    c.max_body = 30000;
    c.allocator.fn = measured;
    c.allocator.ctx = &heap;
    desc.sorted = sorted;
    CHECK_INT(d1t_open(&client, &c), D1T_OK);
    CHECK_INT(driven ? d1t_setup_start(&client, used, used_count) : d1t_setup(&client, used, used_count), D1T_OK);
    if (driven) { DRIVE(d1t_next(&client, s->now_ms, &todo)); }
    CHECK_INT(driven ? d1t_sync_begin_start(&sync, &client, &desc) : d1t_sync_begin(&sync, &client, &desc), D1T_OK);
    if (driven) { DRIVE(d1t_sync_next(&sync, s->now_ms, &todo)); }
    for (i = 0; i < 3000; i++) {
        const d1t_table *table = i < 1000 ? &files : &symbols;
        d1t_value row[3];

        if (i % 100 == round && i >= 1000) continue;
        snprintf(path, sizeof path, "p%05d", i < 1000 ? i : (i - 1000) / 2);
        row[0] = T(path);
        row[1] = i < 1000 ? I(round == 2 ? -i : i) : I(i % 2);
        row[2] = T("a symbol");
        while ((result = d1t_sync_row(&sync, table, row, i < 1000 ? 2 : 3)) == D1T_FULL) {
            full++;
            DRIVE(d1t_sync_next(&sync, s->now_ms, &todo));
        }
        CHECK_INT(result, D1T_OK);
    }
    if (driven) {
        CHECK_INT(d1t_sync_commit_start(&sync), D1T_OK);
        DRIVE(d1t_sync_next(&sync, s->now_ms, &todo));
        report = sync.report;
        if (sorted && round != 3) CHECK(full > 0);
    } else {
        CHECK_INT(d1t_sync_commit(&sync, &report), D1T_OK);
    }
    CHECK_INT(d1t_close(&client), D1T_OK);
    CHECK_STR(client.error.text, "");
}

static void test_the_driven_form_sends_what_the_blocking_one_does(void)
{
    int sorted, round;
    size_t i;
    script s[2];

    USE(&files, &symbols);
    memset(&heap, 0, sizeof heap);
    for (sorted = 0; sorted < 2; sorted++) {
        d1t_sync_report reports[2];
        int form;
        memset(s, 0, sizeof s);
        for (form = 0; form < 2; form++) {
            random_state = 42; /* the same buckets */
            d = open_database_of("token");
            s[form].decide = script_from_local;
            s[form].ctx = d;
            for (round = 0; round < 4; round++) {
                run_scripted(&s[form], form == 1, round == 3 ? 2 : round, sorted != 0);
                reports[form] = report;
                CHECK_INT(report.declared, 2980);
            }
            CHECK_INT(lab_int(d, "SELECT count(*) FROM symbols"), 1980);
            CHECK_INT(lab_int(d, "SELECT count(*) FROM files WHERE size<=0"), 1000);
            local_d1_close(d);
        }
        CHECK_INT(reports[0].unchanged, reports[1].unchanged);
        CHECK_INT(reports[1].unchanged, 2980);
        CHECK_INT(s[0].kept, s[1].kept);
        CHECK(s[0].kept > 20);
        for (i = 0; i < s[0].kept && i < s[1].kept; i++) CHECK(strcmp(s[0].requests[i].body,
            s[1].requests[i].body) == 0);
        script_free(&s[0]);
        script_free(&s[1]);
    }
    CHECK_INT(heap.live, 0);
}

/* ---- memory */

static void test_one_block_of_memory_is_enough_for_a_sorted_run(void)
{
    static uint64_t block[64 * 1024]; /* 512 KiB */
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    size_t free_before = 0;
    int round, i;

    open_lab();
    memset(&config.allocator, 0, sizeof config.allocator);
    config.memory = block;
    config.memory_size = sizeof block;
    config.max_kept = sizeof block / 4 * 3;
    USE(&files);
    open_client();
    desc.sorted = true;
    for (round = 0; round < 3; round++) {
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 0; i < 5000; i++)
            if (i % 1000 != round && db.error.code == D1T_OK) CHECK_INT(file(i, round), D1T_OK);
        commit();
        CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 4995);
        CHECK_INT(lab_int(d, "SELECT sum(size) FROM files"), 4995 * round);
        if (round == 0) free_before = db.block.used;
        CHECK_INT(db.block.used, free_before); /* nothing stays behind */
    }
    desc.sorted = false;
    for (round = 0; round < 2; round++) {
        CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
        for (i = 200; i-- > 0; ) CHECK_INT(file(i, i + round), D1T_OK);
        commit();
        CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 200);
    }
    CHECK_INT(heap.live, 0);
    end();
}

static void test_a_block_that_is_too_small_says_so_and_the_client_goes_on(void)
{
    static uint64_t block[512 * 1024];
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    size_t kib, fine = 0;
    int i;

    for (kib = 4; kib <= 4096; kib *= 2) {
        d1t_result result;
        open_lab();
        memset(&config.allocator, 0, sizeof config.allocator);
        config.memory = block;
        config.memory_size = kib * 1024;
        USE(&files);
        result = d1t_open(&db, &config);
        if (result == D1T_OK) result = d1t_setup(&db, used, used_count);
        desc.sorted = true;
        if (result == D1T_OK) result = d1t_sync_begin(&sync_, &db, &desc);
        for (i = 0; i < 1000 && result == D1T_OK; i++) result = file(i, i);
        if (db.open && result == D1T_OK) result = d1t_sync_commit(&sync_, &report);
        else if (db.open) d1t_sync_abort(&sync_);
        if (result == D1T_OK) fine++;
        else CHECK(result == D1T_ERR_SPACE || result == D1T_ERR_LIMIT);
        if (result == D1T_OK) CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 1000);
        d1t_close(&db);
        local_d1_close(d);
    }
    CHECK(fine >= 2); /* from 2 MiB on; less with config.max_kept, see above */
}

static void test_rows_that_wait_for_commit_are_limited_by_max_memory(void)
{
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    d1t_result result = D1T_OK;
    int i;

    begin();
    sync_files(100, -1, -1);
    desc.max_memory = 100000;
    peak = heap.live;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 100000 && result == D1T_OK; i++) result = file(i, i);
    CHECK(i > 200 && i < 5000);
    CHECK_STR(db.error.table, "files");
    CHECK(peak < 3000000);
    FAILS(d1t_sync_commit(&sync_, &report), D1T_ERR_LIMIT, "files", "max_memory");
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 100);
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 200; i++) CHECK_INT(file(i, i), D1T_OK);
    commit();
    desc.sorted = true; /* keeps nothing */
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = 0; i < 5000; i++) CHECK_INT(file(i, i), D1T_OK);
    commit();
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 5000);
    end();
}

static void test_100000_rows_in_a_run_take_flat_memory_when_sorted(void)
{
#ifdef __SANITIZE_ADDRESS__
    const int count = 20000;
#else
    const int count = 100000;
#endif
    d1t_sync_desc desc = desc_of(d1t_scope_prefix(&files, "path", "src/"));
    size_t small;
    uint64_t requests;
    int i;

    begin();
    sync_files(2000, -1, -1);
    again();
    peak = 0;
    sync_files(count, -1, -1);
    small = peak;
    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), count);
    requests = db.stats.requests;
    sync_files(count, count / 2, count / 3);
    CHECK_INT(report.updated, 1);
    CHECK_INT(report.deleted, 1);
    printf("figure: sync_sorted_rows %d, heap_peak %zu, second_run_requests %llu\n", count, peak,
           (unsigned long long)(db.stats.requests - requests));
    CHECK(small < 6000000);
    CHECK(peak < 6000000);
    peak = 0;
    CHECK_INT(d1t_sync_begin(&sync_, &db, &desc), D1T_OK);
    for (i = count; i-- > 0; ) CHECK_INT(file(i, i), D1T_OK);
    commit();
    CHECK_INT(report.unchanged, count - 2);
    printf("figure: sync_unsorted_rows %d, heap_peak %zu\n", count, peak);
    end();
}

/* ---- rows that D1 refuses */

static const d1t_check small_size[] = {{"small", "size < 100000"}};
static const d1t_table checked_files = {"files", file_columns, 2, NULL, 0, NULL, 0, small_size, 1, D1T_WITHOUT_ROWID,
                                        NULL, 0, NULL};

static void test_a_row_that_d1_refuses_is_named_and_nothing_is_deleted(void)
{
    BEGIN(&checked_files);
    become(d1t_scope_table(&checked_files), "a,1 b,2 c,3");
    FAILS(run(d1t_scope_table(&checked_files), "a,1 d,200000 e,5"), D1T_ERR_CONSTRAINT, "files", "");
    CHECK_STR(rows_of(&checked_files), "a,1 b,2 c,3");
    become(d1t_scope_table(&checked_files), "a,1 d,2 e,5");
    CHECK_STR(rows_of(&checked_files), "a,1 d,2 e,5");
    end();
}

static uint64_t poisons;

static void on_poison(void *ctx, const d1t_error *error, d1t_str key)
{
    (void)ctx;
    CHECK(error->code == D1T_ERR_CONSTRAINT);
    CHECK(key.n > 0);
    poisons++;
}

static void test_isolate_writes_every_row_but_the_refused_and_the_next_run_tries_it_again(void)
{
    int sorted;

    for (sorted = 0; sorted < 2; sorted++) {
        d1t_sync_desc desc = desc_of(d1t_scope_table(&checked_files));
        open_lab();
        config.isolate = true;
        config.on_poison = on_poison;
        USE(&checked_files);
        open_client();
        poisons = 0;
        desc.sorted = sorted != 0;
        become(desc.scope, "a,1 b,2 c,3");
        CHECK_INT(run_desc(&desc, "a,1 b,999999 c,4 d,5"), D1T_OK);
        CHECK_INT(poisons, 1);
        CHECK_STR(rows_of(&checked_files), "a,1 b,2 c,4 d,5"); /* b is declared: it does not go */
        CHECK_INT(run_desc(&desc, "a,1 b,999999 c,4 d,5"), D1T_OK);
        CHECK_INT(poisons, 2); /* its record does not say that it is there */
        CHECK_INT(run_desc(&desc, "a,1 c,4 d,5 e,999999"), D1T_OK);
        CHECK_STR(rows_of(&checked_files), "a,1 c,4 d,5");
        CHECK_INT(poisons, 3);
        become(desc.scope, "a,1 c,4 d,5 e,9");
        CHECK_STR(rows_of(&checked_files), "a,1 c,4 d,5 e,9");
        end();
    }
}

/* ---- interruptions: one of each kind at each request, then all is as declared */

static void two_tables(d1t_result *result, int variant)
{
    d1t_sync_desc desc = both();
    d1t_sync_report *r = &report;
    char path[32];
    int i;

    *result = d1t_sync_begin(&sync_, &db, &desc);
    for (i = 0; i < 60 && *result == D1T_OK; i++) {
        if (i % 10 == variant) continue;
        snprintf(path, sizeof path, "p%03d", i);
        *result = d1t_sync_row(&sync_, &symbols, ROW(T(path), I(variant), T("s")));
        if (*result == D1T_OK) *result = d1t_sync_row(&sync_, &files, ROW(T(path), I(variant)));
    }
    if (*result == D1T_OK) *result = d1t_sync_commit(&sync_, r);
    else d1t_sync_abort(&sync_);
}

static void is_variant(int variant)
{
    char sql[128];

    CHECK_INT(lab_int(d, "SELECT count(*) FROM files"), 54);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM symbols"), 54);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM files JOIN symbols USING(path) WHERE size=%d AND nth=%d", variant,
        variant);
    CHECK_INT(lab_int(d, sql), 54);
}

/* Whatever was interrupted: the next run ends right, and one more writes nothing. */
static void heals(int variant)
{
    d1t_result result;
    uint64_t written;

    two_tables(&result, variant);
    CHECK_INT(result, D1T_OK);
    CHECK_STR(db.error.text, "");
    is_variant(variant);
    written = db.stats.rows_written;
    two_tables(&result, variant);
    CHECK_INT(result, D1T_OK);
    CHECK_INT(db.stats.rows_written, written);
    is_variant(variant);
}

static void test_faults_that_can_be_retried_are_not_seen(void)
{
    static const local_d1_fault faults[] = {
        LOCAL_D1_REFUSE, LOCAL_D1_CUT_REQUEST, LOCAL_D1_LOSE_BEFORE, LOCAL_D1_LOSE_AFTER, LOCAL_D1_CUT_ANSWER,
            LOCAL_D1_LATE,
        LOCAL_D1_ZOMBIE, LOCAL_D1_TWICE, LOCAL_D1_SILENT, LOCAL_D1_429_API, LOCAL_D1_429_BUSY, LOCAL_D1_500,
            LOCAL_D1_500_AFTER,
        LOCAL_D1_503_HTML};
    uint64_t first, before;
    size_t f;
    d1t_result result;

    for (f = 0; f < COUNT(faults); f++)
        for (first = 1; first < 12; first++) {
            begin();
            two_tables(&result, 1);
            before = local_d1_requests(d);
            local_d1_set_fault(d, faults[f], first, 1);
            two_tables(&result, 2);
            if (result != D1T_OK) printf("fault %d at request %d: %s\n", (int)faults[f], (int)first, db.error.text);
            CHECK_INT(result, D1T_OK);
            is_variant(2);
            before = local_d1_requests(d) - before;
            local_d1_set_fault(d, LOCAL_D1_OK, 1, 0);
            if (result != D1T_OK) d1t_clear(&db, D1T_DROP_ROWS);
            heals(2);
            end();
            if (before < first) break;
        }
}

static void test_faults_that_last_are_an_error_and_the_next_run_ends_right(void)
{
    static const local_d1_fault faults[] = {LOCAL_D1_REFUSE, LOCAL_D1_LOSE_AFTER, LOCAL_D1_500, LOCAL_D1_DB_FULL,
        LOCAL_D1_DAY_LIMIT,
                                            LOCAL_D1_SILENT};
    uint64_t first;
    size_t f;
    d1t_result result;

    for (f = 0; f < COUNT(faults); f++)
        for (first = 1; first < 12; first++) {
            begin();
            two_tables(&result, 1);
            local_d1_set_fault(d, faults[f], first, UINT64_MAX);
            two_tables(&result, 2);
            local_d1_set_fault(d, LOCAL_D1_OK, 1, 0);
            if (result != D1T_OK) CHECK_INT(db.error.code, result);
            d1t_close(&db);
            CHECK_INT(heap.live, 0);
            open_client();
            heals(3);
            end();
            if (result == D1T_OK) break;
        }
}

static void test_no_memory_at_any_allocation_is_an_error_and_the_next_run_ends_right(void)
{
    size_t at, calls = 1;
    int for_ever;
    d1t_result result;

    for (for_ever = 0; for_ever < 2; for_ever++)
        for (at = 1; at <= calls; at++) {
            begin();
            two_tables(&result, 1);
            calls = heap.calls;
            if (at == 1) { /* how many are there? */
                two_tables(&result, 2);
                calls = heap.calls - calls;
                two_tables(&result, 1);
            } else {
                calls = 0;
            }
            {
                static size_t of_a_run;
                if (calls) of_a_run = calls;
                calls = of_a_run;
            }
            heap.fail_at = heap.calls + at;
            heap.for_ever = for_ever;
            two_tables(&result, 2);
            if (heap.calls >= heap.fail_at) {
                if (result != D1T_ERR_NOMEM) printf("allocation %d, for ever %d\n", (int)at, for_ever);
                CHECK_INT(result, D1T_ERR_NOMEM);
                CHECK_INT(db.error.code, D1T_ERR_NOMEM);
            }
            heap.fail_at = 0;
            if (result != D1T_OK) CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
            if (at % 2) { /* the same client, or another one */
                heals(3);
            } else {
                d1t_close(&db);
                CHECK_INT(heap.live, 0);
                open_client();
                heals(3);
            }
            end();
        }
    CHECK(calls > 10);
}

static void run_the_first(void)
{
    RUN(test_declared_rows_are_there_and_a_second_run_writes_nothing);
    RUN(test_a_changed_row_costs_itself_and_one_record);
    RUN(test_an_undeclared_row_goes);
    RUN(test_a_bucket_has_about_64_rows_and_one_record);
    RUN(test_buckets_stay_where_they_are_when_rows_come_and_go);
    RUN(test_rows_may_come_in_any_order_and_it_makes_no_difference);
    RUN(test_sorted_rows_out_of_order_are_refused_by_table_and_row);
    RUN(test_sorted_parents_come_before_children);
    RUN(test_the_same_row_twice_counts_once);
    RUN(test_a_key_with_two_values_is_refused_and_nothing_is_deleted);
    RUN(test_a_row_out_of_scope_is_refused);
    RUN(test_the_whole_table_may_be_a_scope);
    RUN(test_any_text_may_be_a_prefix);
    RUN(test_ranges_of_texts_have_their_lower_bound_and_not_the_upper_one);
    RUN(test_a_scope_may_be_one_text);
    RUN(test_ranges_of_integers_may_be_negative_extreme_and_open);
    RUN(test_a_scope_may_be_one_value_of_any_kind);
    RUN(test_producers_of_other_scopes_never_delete_each_others_rows);
    RUN(test_producers_may_be_told_apart_by_a_column_that_is_no_key);
    RUN(test_a_row_may_move_from_one_producer_to_another);
    RUN(test_producers_of_many_rows_between_each_other);
    RUN(test_the_second_one_to_write_a_scope_has_a_conflict_and_can_run_again);
    RUN(test_the_first_one_to_write_a_scope_goes_on_after_the_other_had_a_conflict);
    RUN(test_only_deletes_conflict_too);
    RUN(test_runs_of_different_scopes_do_not_conflict);
    RUN(test_parents_are_written_before_children_and_children_deleted_before_parents);
    RUN(test_many_parents_and_children_come_and_go_in_several_requests);
    RUN(test_a_child_without_its_parent_is_a_constraint_error);
    RUN(test_a_table_may_reference_itself);
    RUN(test_a_long_tree_comes_turns_round_and_goes_in_several_requests);
    RUN(test_a_unique_value_moves_between_rows_of_a_bucket);
    RUN(test_a_unique_value_moves_between_rows_of_different_buckets);
    RUN(test_a_unique_value_moves_between_rows_of_different_requests);
    RUN(test_keys_may_be_integers);
    RUN(test_many_integers_from_below_zero_to_above_are_keys);
    RUN(test_keys_may_be_any_text);
    RUN(test_keys_may_be_any_bytes);
    RUN(test_keys_may_be_uuids_dates_and_times);
    RUN(test_keys_may_be_booleans_and_have_several_columns);
    RUN(test_tables_may_have_only_keys);
}

int main(void)
{
    run_the_first();
    RUN(test_a_column_that_comes_sends_every_row_again_and_loses_none);
    RUN(test_another_key_begins_anew);
    RUN(test_a_table_that_others_dropped_is_filled_again);
    RUN(test_a_table_that_others_emptied_is_filled_again);
    RUN(test_a_scope_that_others_emptied_is_filled_again);
    RUN(test_a_table_that_was_emptied_and_filled_by_others_is_declared_again_in_full);
    RUN(test_records_that_others_dropped_are_made_again);
    RUN(test_rows_that_others_took_or_added_are_put_right_where_a_bucket_changes);
    RUN(test_full_trusts_no_record_and_costs_reads_only);
    RUN(test_columns_that_take_no_value_are_left_to_d1);
    RUN(test_more_than_half_of_the_rows_do_not_go_unless_allowed);
    RUN(test_a_run_that_was_refused_its_deletes_is_healed_by_the_next);
    RUN(test_max_delete_is_a_percentage_of_the_scope);
    RUN(test_a_scope_that_may_not_delete_keeps_the_others_from_deleting);
    RUN(test_rows_that_were_there_before_the_first_run_count_too);
    RUN(test_abort_deletes_nothing_and_leaves_the_client_free);
    RUN(test_what_was_sent_before_an_abort_stays_and_the_next_run_goes_on);
    RUN(test_a_run_that_has_ended_takes_no_more);
    RUN(test_a_client_closed_during_a_run_gives_everything_back_with_abort);
    RUN(test_a_begin_that_failed_fails_rows_and_commit_alike);
    RUN(test_scopes_that_make_no_sense_are_refused_before_anything_is_sent);
    RUN(test_a_run_does_not_begin_while_rows_are_pending);
    RUN(test_rows_that_are_wrong_are_refused_as_by_upsert);
    RUN(test_callbacks_may_not_call_into_the_run);
    RUN(test_the_report_counts_what_was_done);
    RUN(test_the_driven_form_sends_what_the_blocking_one_does);
    RUN(test_one_block_of_memory_is_enough_for_a_sorted_run);
    RUN(test_a_block_that_is_too_small_says_so_and_the_client_goes_on);
    RUN(test_rows_that_wait_for_commit_are_limited_by_max_memory);
    RUN(test_100000_rows_in_a_run_take_flat_memory_when_sorted);
    RUN(test_a_row_that_d1_refuses_is_named_and_nothing_is_deleted);
    RUN(test_isolate_writes_every_row_but_the_refused_and_the_next_run_tries_it_again);
    RUN(test_faults_that_can_be_retried_are_not_seen);
    RUN(test_faults_that_last_are_an_error_and_the_next_run_ends_right);
    RUN(test_no_memory_at_any_allocation_is_an_error_and_the_next_run_ends_right);
    TEST_MAIN_END;
}
