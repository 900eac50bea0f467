/* Bad input gets a clear error that names what is wrong and where, with the documented code, and nothing is sent. */
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/script.h"
#include "../support/test.h"

static script wire;     /* counts what is sent */
static d1t_client db;
static unsigned inputs;

/* ---- what every bad input must get */

/* words: parts that the text must have, separated by '|'. */
static bool has_words(const char *text, const char *words)
{
    char part[80];
    size_t n;

    for (; *words; words += n + (words[n] == '|')) {
        n = strcspn(words, "|");
        snprintf(part, sizeof part, "%.*s", (int)n, words);
        if (!strstr(text, part))
            return false;
    }
    return true;
}

static void check_error(int line, const d1t_error *e, d1t_result got, d1t_result code, const char *words)
{
    inputs++;
    if (got == code && e->code == code && has_words(e->text, words) && e->outcome == D1T_NOT_APPLIED &&
        !e->http_status && wire.sent == 0)
        return;
    test_check(0, __FILE__, line, "no clear error");
    printf("  line %d: wanted %s |%s|\n  got %s, outcome %d, %d sent: %s\n", line, d1t_result_name(code), words,
           d1t_result_name(got), (int)e->outcome, (int)wire.sent, e->text);
}

#define REFUSED(call, code, words) check_error(__LINE__, &db.error, (call), (code), (words)), go_on()
/* The same for a row: the error's fields name it too. */
#define ROW_REFUSED(call, code, its_column, words)                                              \
    do {                                                                                        \
        const d1t_result got_ = (call);                                                         \
        const char *column_ = its_column;                                                       \
        CHECK_STR(db.error.table ? db.error.table : "(none)", "things");                        \
        if (column_)                                                                            \
            CHECK_STR(db.error.column ? db.error.column : "(none)", column_);                   \
        CHECK_INT(db.error.row, 1);                                                             \
        check_error(__LINE__, &db.error, got_, (code), (words));                                \
        go_on();                                                                                \
    } while (0)

static void open_client(d1t_setup_mode setup)
{
    d1t_config c;

    memset(&wire, 0, sizeof wire);
    c = script_config(&wire);
    c.setup = setup;
    CHECK_INT(d1t_open(&db, &c), D1T_OK);
}

/* The error stands until it is taken back; it leaves nothing behind. */
static void go_on(void)
{
    d1t_result code = db.error.code;

    if (code != D1T_OK)
        CHECK_INT(d1t_flush(&db), code);
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
}

static void close_client(void)
{
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(wire.sent, 0);
    script_free(&wire);
}

/* Runs a call that might crash in a process of its own; true if it came back with the right answer. */
static bool survives(bool (*call)(void))
{
    int status = 0;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        test_checks_failed = 0;
        status = call() && test_checks_failed == 0;
        fflush(NULL);
        _exit(status ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- declarations */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static d1t_result declare(const char *name, const d1t_column *columns, size_t count)
{
    static d1t_table t;
    const d1t_table *list[1];

    memset(&t, 0, sizeof t);
    t.name = name;
    t.columns = columns;
    t.column_count = count;
    list[0] = &t;
    return d1t_setup(&db, list, 1);
}

static d1t_result declare_named(const char *table, const char *column)
{
    d1t_column columns[1] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};

    columns[0].name = column;
    return declare(table, columns, 1);
}

static void test_key_columns_must_be_there_and_once(void)
{
    const d1t_column twice[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("id", D1T_TEXT, D1T_KEY)};
    const d1t_column cases[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("ID", D1T_TEXT, 0)};
    const d1t_column none[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_NOT_NULL)};
    d1t_column key[] = {D1T_COLUMN("id", D1T_TEXT, D1T_KEY)};

    open_client(D1T_SETUP_APPLY);
    REFUSED(declare("things", twice, 2), D1T_ERR_TABLE, "things|id|twice");
    REFUSED(declare("things", cases, 2), D1T_ERR_TABLE, "things|ID|twice");
    REFUSED(declare("things", none, 1), D1T_ERR_TABLE, "things|key|D1T_KEY");
    REFUSED(declare("things", NULL, 0), D1T_ERR_TABLE, "things|columns");
    REFUSED(declare("things", NULL, 1), D1T_ERR_TABLE, "things|columns");
    key[0].collation = "NOCASE";
    REFUSED(declare("things", key, 1), D1T_ERR_TABLE, "things|id|key|BINARY");
    key[0].collation = NULL;
    key[0].generated_sql = "1";
    REFUSED(declare("things", key, 1), D1T_ERR_TABLE, "things|id|key|generated");
    key[0].generated_sql = NULL;
    key[0].type = D1T_REAL;
    REFUSED(declare("things", key, 1), D1T_ERR_TABLE, "things|id|key|REAL");
    key[0].type = (d1t_type)99;
    REFUSED(declare("things", key, 1), D1T_ERR_TABLE, "things|id|type");
    close_client();
}

static void test_too_many_columns(void)
{
    static char names[101][8];
    d1t_column columns[101];
    int i;

    for (i = 0; i < 101; i++) {
        const d1t_column c = D1T_COLUMN(names[i], D1T_INTEGER, 0);
        sprintf(names[i], "c%d", i);
        columns[i] = c;
    }
    columns[0].flags = D1T_KEY;
    open_client(D1T_SETUP_APPLY);
    REFUSED(declare("things", columns, 101), D1T_ERR_LIMIT, "things|101|100");
    close_client();
}

static void test_reserved_and_impossible_names(void)
{
    static const char *const reserved[] = {"_cf_x", "_CF_x", "_Cf_", "_d1t_x", "_D1T_x", "_d1T_", "sqlite_x",
                                           "SQLITE_X", "Sqlite_"};
    static const char *const index_columns[] = {"id"};
    char longest[130];
    size_t i;

    open_client(D1T_SETUP_APPLY);
    for (i = 0; i < COUNT(reserved); i++) {
        const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};
        const d1t_index index = D1T_INDEX(reserved[i], index_columns);
        const d1t_table t = {"things", columns, 1, &index, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL}, *list[1];
        list[0] = &t;
        REFUSED(declare_named(reserved[i], "id"), D1T_ERR_NAME, reserved[i]);
        REFUSED(declare_named(reserved[i], "id"), D1T_ERR_NAME, "sqlite_|_cf_|_d1t_");
        REFUSED(declare_named("things", reserved[i]), D1T_ERR_NAME, reserved[i]);
        REFUSED(d1t_setup(&db, list, 1), D1T_ERR_NAME, reserved[i]);
    }
    memset(longest, 'n', 129);
    longest[129] = 0;
    REFUSED(declare_named(longest, "id"), D1T_ERR_NAME, "128");
    REFUSED(declare_named("things", longest), D1T_ERR_NAME, "things|128");
    REFUSED(declare_named("", "id"), D1T_ERR_NAME, "table|name");
    REFUSED(declare_named(NULL, "id"), D1T_ERR_NAME, "table|name");
    REFUSED(declare_named("things", ""), D1T_ERR_NAME, "things|column name");
    REFUSED(declare_named("things", NULL), D1T_ERR_NAME, "things|column name");
    REFUSED(declare_named("a\nb", "id"), D1T_ERR_NAME, "control");
    REFUSED(declare_named("things", "a\x7f"), D1T_ERR_NAME, "things|control");
    REFUSED(declare_named("a\xff", "id"), D1T_ERR_UTF8, "UTF-8");
    REFUSED(declare_named("things", "\xed\xa0\x80"), D1T_ERR_UTF8, "things|UTF-8");
    close_client();
}

static void test_lists_of_tables(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};
    static const d1t_table one = D1T_TABLE("things", columns), two = D1T_TABLE("Things", columns);
    static const d1t_table *const both[] = {&one, &two}, *const hole[] = {&one, NULL};
    d1t_plan plan;

    open_client(D1T_SETUP_APPLY);
    REFUSED(d1t_setup(&db, both, 0), D1T_ERR_ARG, "list of tables|empty");
    REFUSED(d1t_setup(&db, NULL, 0), D1T_ERR_ARG, "list of tables|empty");
    REFUSED(d1t_setup(&db, NULL, 1), D1T_ERR_ARG, "tables");
    REFUSED(d1t_setup(&db, hole, 2), D1T_ERR_ARG, "table|NULL");
    REFUSED(d1t_setup(&db, both, 2), D1T_ERR_TABLE, "Things|declarations");
    REFUSED(d1t_plan_read(&plan, &db, both, 0), D1T_ERR_ARG, "table");
    REFUSED(d1t_plan_read(&plan, &db, NULL, 1), D1T_ERR_ARG, "table");
    REFUSED(d1t_plan_read(NULL, &db, both, 1), D1T_ERR_ARG, "plan");
    REFUSED(d1t_plan_read(&plan, &db, hole, 2), D1T_ERR_ARG, "table|NULL");
    REFUSED(d1t_plan_read(&plan, &db, both, 2), D1T_ERR_TABLE, "Things|declarations");
    d1t_plan_free(&plan);
    close_client();
}

static d1t_result declare_parts(const d1t_index *x, const d1t_foreign_key *f, const d1t_check *k, const char *sql)
{
    static d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("n", D1T_INTEGER, 0)};
    static d1t_table t;
    const d1t_table *list[1];

    columns[1].default_sql = sql;
    t.name = "things";
    t.columns = columns;
    t.column_count = 2;
    t.indexes = x;
    t.index_count = x != NULL;
    t.foreign_keys = f;
    t.foreign_key_count = f != NULL;
    t.checks = k;
    t.check_count = k != NULL;
    list[0] = &t;
    return d1t_setup(&db, list, 1);
}

static void test_indexes_foreign_keys_and_expressions(void)
{
    static const char *const wrong[] = {"m"}, *const right[] = {"n"};
    d1t_index index = D1T_INDEX("by_m", wrong);
    d1t_foreign_key key = D1T_REFERENCES(wrong, "parents", D1T_CASCADE);
    d1t_check check = {"small", "n < 9; DROP TABLE things"};

    open_client(D1T_SETUP_APPLY);
    REFUSED(declare_parts(&index, NULL, NULL, NULL), D1T_ERR_TABLE, "things|by_m|column|m");
    index.columns = right;
    index.where_sql = "n > 0) --";
    REFUSED(declare_parts(&index, NULL, NULL, NULL), D1T_ERR_TABLE, "things|by_m|expression");
    index.column_count = 0;
    REFUSED(declare_parts(&index, NULL, NULL, NULL), D1T_ERR_TABLE, "things|by_m|column");
    REFUSED(declare_parts(NULL, &key, NULL, NULL), D1T_ERR_TABLE, "things|foreign key|m");
    key.columns = right;
    key.parent = NULL;
    REFUSED(declare_parts(NULL, &key, NULL, NULL), D1T_ERR_NAME, "things|name");
    REFUSED(declare_parts(NULL, NULL, &check, NULL), D1T_ERR_TABLE, "things|small|expression");
    check.sql = NULL;
    REFUSED(declare_parts(NULL, NULL, &check, NULL), D1T_ERR_TABLE, "things|small");
    REFUSED(declare_parts(NULL, NULL, NULL, "0); DROP TABLE things"), D1T_ERR_TABLE, "things|n|expression");
    REFUSED(declare_parts(NULL, NULL, NULL, "'open"), D1T_ERR_TABLE, "things|n|expression");
    close_client();
}

/* ---- rows */

static const d1t_column thing_columns[] = {
    D1T_COLUMN("id", D1T_TEXT, D1T_KEY),     D1T_COLUMN("whole", D1T_INTEGER, 0), D1T_COLUMN("real", D1T_REAL, 0),
    D1T_COLUMN("note", D1T_TEXT, 0),         D1T_COLUMN("bytes", D1T_BLOB, 0),    D1T_COLUMN("flag", D1T_BOOL, 0),
    D1T_COLUMN("doc", D1T_JSON, 0),          D1T_COLUMN("uuid", D1T_UUID, 0),     D1T_COLUMN("day", D1T_DATE, 0),
    D1T_COLUMN("hour", D1T_TIME, 0),         D1T_COLUMN("at", D1T_TIMESTAMP, 0),
    D1T_COLUMN("zoned", D1T_TIMESTAMPTZ, 0), D1T_COLUMN("vector", D1T_VECTOR, 0),
    D1T_COLUMN("must", D1T_INTEGER, D1T_NOT_NULL)};
static const d1t_table things = D1T_TABLE("things", thing_columns), undeclared = D1T_TABLE("others", thing_columns);
static const d1t_table *const thing_list[] = {&things};
#define WIDTH 14

static d1t_value row[WIDTH];

/* A good row, but for one value. */
static d1t_result upsert_with(const char *column, d1t_value v)
{
    size_t i;

    for (i = 0; i < WIDTH; i++)
        row[i] = d1t_null();
    row[0] = d1t_text("key");
    row[WIDTH - 1] = d1t_int(1);
    row[d1t_table_column(&things, d1t_cstr(column))] = v;
    return d1t_upsert(&db, &things, row, WIDTH);
}

static void open_things(void)
{
    open_client(D1T_SETUP_TRUST);
    CHECK_INT(d1t_setup(&db, thing_list, 1), D1T_OK);
}

static void bad_value(const char *column, d1t_value v, d1t_result code, const char *words)
{
    int before = test_checks_failed;

    ROW_REFUSED(upsert_with(column, v), code, column, words);
    if (test_checks_failed == before)
        return;
    (void)d1t_close(&db);       /* a row that was taken would have counted */
    open_things();
}

static void test_the_number_of_values(void)
{
    open_things();
    (void)upsert_with("note", d1t_text("n"));
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    close_client();
    open_things();
    ROW_REFUSED(d1t_upsert(&db, &things, row, WIDTH - 1), D1T_ERR_VALUE, NULL, "things|row 1|13 values|14 wanted");
    ROW_REFUSED(d1t_upsert(&db, &things, row, WIDTH + 1), D1T_ERR_VALUE, NULL, "things|row 1|15 values|14 wanted");
    ROW_REFUSED(d1t_upsert(&db, &things, row, 0), D1T_ERR_VALUE, NULL, "things|row 1|0 values|14 wanted");
    ROW_REFUSED(d1t_update(&db, &things, row, 2), D1T_ERR_VALUE, NULL, "things|row 1|2 values|14 wanted");
    ROW_REFUSED(d1t_delete(&db, &things, row, 2), D1T_ERR_VALUE, NULL, "things|row 1|2 values|1 wanted|key");
    ROW_REFUSED(d1t_delete(&db, &things, row, 0), D1T_ERR_VALUE, NULL, "things|row 1|0 values|1 wanted|key");
    close_client();
}

static void test_nulls_where_none_may_be(void)
{
    d1t_value key[1];

    open_things();
    bad_value("id", d1t_null(), D1T_ERR_VALUE, "things|id|row 1|key|NULL");
    bad_value("id", d1t_text(NULL), D1T_ERR_VALUE, "things|id|row 1|key|NULL");
    bad_value("id", d1t_absent(), D1T_ERR_VALUE, "things|id|row 1");
    bad_value("must", d1t_null(), D1T_ERR_VALUE, "things|must|row 1|NOT NULL");
    bad_value("note", d1t_absent(), D1T_ERR_VALUE, "things|note|row 1");
    key[0] = d1t_null();
    ROW_REFUSED(d1t_delete(&db, &things, key, 1), D1T_ERR_VALUE, "id", "things|id|row 1|key|NULL");
    key[0] = d1t_absent();
    ROW_REFUSED(d1t_delete(&db, &things, key, 1), D1T_ERR_VALUE, "id", "things|id|row 1");
    close_client();
}

static void test_kinds_that_do_not_fit(void)
{
    static const struct { const char *column; d1t_kind kinds[7]; } wrong[] = {
        {"id", {D1T_KIND_INT, D1T_KIND_DOUBLE, D1T_KIND_BLOB, D1T_KIND_BOOL, D1T_KIND_VECTOR}},
        {"whole", {D1T_KIND_TEXT, D1T_KIND_BLOB, D1T_KIND_JSON, D1T_KIND_UUID, D1T_KIND_DATE, D1T_KIND_VECTOR}},
        {"real", {D1T_KIND_TEXT, D1T_KIND_BLOB, D1T_KIND_JSON, D1T_KIND_UUID, D1T_KIND_TIME}},
        {"note", {D1T_KIND_INT, D1T_KIND_DOUBLE, D1T_KIND_BLOB, D1T_KIND_BOOL, D1T_KIND_VECTOR}},
        {"bytes", {D1T_KIND_TEXT, D1T_KIND_INT, D1T_KIND_DOUBLE, D1T_KIND_JSON, D1T_KIND_DATE}},
        {"flag", {D1T_KIND_TEXT, D1T_KIND_BLOB, D1T_KIND_DATE}},
        {"doc", {D1T_KIND_INT, D1T_KIND_BLOB, D1T_KIND_UUID, D1T_KIND_DATE}},
        {"uuid", {D1T_KIND_INT, D1T_KIND_BLOB, D1T_KIND_JSON, D1T_KIND_DATE}},
        {"day", {D1T_KIND_TEXT, D1T_KIND_INT, D1T_KIND_TIMESTAMP, D1T_KIND_TIME}},
        {"hour", {D1T_KIND_TEXT, D1T_KIND_INT, D1T_KIND_DATE, D1T_KIND_TIMESTAMP}},
        {"at", {D1T_KIND_TEXT, D1T_KIND_INT, D1T_KIND_DATE, D1T_KIND_TIMESTAMPTZ}},
        {"zoned", {D1T_KIND_TEXT, D1T_KIND_INT, D1T_KIND_DATE, D1T_KIND_TIMESTAMP}},
        {"vector", {D1T_KIND_TEXT, D1T_KIND_BLOB, D1T_KIND_INT, D1T_KIND_UUID}}};
    const float floats[1] = {1};
    const uint8_t bytes[16] = {0};
    d1t_value of[D1T_KIND_VECTOR + 1];
    char words[80];
    size_t i, k;

    of[D1T_KIND_BOOL] = d1t_bool(true);
    of[D1T_KIND_INT] = d1t_int(1);
    of[D1T_KIND_DOUBLE] = d1t_double(1.5);
    of[D1T_KIND_TEXT] = d1t_text("text");
    of[D1T_KIND_BLOB] = d1t_blob("b", 1);
    of[D1T_KIND_JSON] = d1t_json("{}", 2);
    of[D1T_KIND_UUID] = d1t_uuid(bytes);
    of[D1T_KIND_DATE] = d1t_date(2026, 1, 2);
    of[D1T_KIND_TIME] = d1t_time(1, 2, 3, 4);
    of[D1T_KIND_TIMESTAMP] = d1t_timestamp(5);
    of[D1T_KIND_TIMESTAMPTZ] = d1t_timestamptz(5, 60);
    of[D1T_KIND_VECTOR] = d1t_vector(floats, 1);
    open_things();
    for (i = 0; i < COUNT(wrong); i++) {
        sprintf(words, "things|%s|row 1|kind", wrong[i].column);
        for (k = 0; k < 7 && wrong[i].kinds[k]; k++)
            bad_value(wrong[i].column, of[wrong[i].kinds[k]], D1T_ERR_VALUE, words);
    }
    of[0] = d1t_int(1);
    of[0].kind = (d1t_kind)99;
    bad_value("whole", of[0], D1T_ERR_VALUE, "things|whole|row 1");
    close_client();
}

static void test_values_that_cannot_be_kept(void)
{
    static const char *const not_utf8[] = {"\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"};
    size_t i;

    open_things();
    bad_value("real", d1t_double((double)NAN), D1T_ERR_VALUE, "things|real|row 1|NaN|nan_policy");
    bad_value("note", d1t_text_n("a\0b", 3), D1T_ERR_VALUE, "things|note|row 1|NUL|nul_policy");
    bad_value("id", d1t_text_n("a\0b", 3), D1T_ERR_VALUE, "things|id|row 1|NUL");
    for (i = 0; i < COUNT(not_utf8); i++) {
        bad_value("note", d1t_text(not_utf8[i]), D1T_ERR_UTF8, "things|note|row 1|UTF-8");
        bad_value("id", d1t_text(not_utf8[i]), D1T_ERR_UTF8, "things|id|row 1|UTF-8");
    }
    bad_value("whole", d1t_double(1.5), D1T_ERR_VALUE, "things|whole|row 1|integer");
    bad_value("whole", d1t_double(9.3e18), D1T_ERR_VALUE, "things|whole|row 1|integer");
    bad_value("whole", d1t_double((double)INFINITY), D1T_ERR_VALUE, "things|whole|row 1|integer");
    bad_value("real", d1t_int(INT64_C(9007199254740993)), D1T_ERR_VALUE, "things|real|row 1|2^53");
    bad_value("flag", d1t_int(2), D1T_ERR_VALUE, "things|flag|row 1|0 or 1");
    close_client();
}

static void test_json_uuids_dates_and_times(void)
{
    static const char *const not_json[] = {"", "{", "[1,]", "{a:1}", "'x'", "NaN", "1 2", "\"\xff\"", "[\"\\ud800\"]"};
    static const char *const not_uuids[] = {"", "no", "00112233-4455-6677-8899-aabbccddeef",
                                            "g0112233445566778899aabbccddeeff",
                                            "00112233-4455-6677-8899-aabbccddeeff0"};
    size_t i;

    open_things();
    for (i = 0; i < COUNT(not_json); i++)
        bad_value("doc", d1t_json(not_json[i], strlen(not_json[i])), D1T_ERR_JSON, "things|doc|row 1|JSON");
    bad_value("doc", d1t_text("{"), D1T_ERR_JSON, "things|doc|row 1|JSON");
    for (i = 0; i < COUNT(not_uuids); i++)
        bad_value("uuid", d1t_text(not_uuids[i]), D1T_ERR_VALUE, "things|uuid|row 1|UUID|hex");
    bad_value("day", d1t_date(2023, 2, 29), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("day", d1t_date(1900, 2, 29), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("day", d1t_date(2023, 13, 1), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("day", d1t_date(2023, 0, 1), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("day", d1t_date(2023, 1, 0), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("day", d1t_date(10000, 1, 1), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("day", d1t_date(-1, 1, 1), D1T_ERR_VALUE, "things|day|row 1|range");
    bad_value("hour", d1t_time(24, 0, 0, 0), D1T_ERR_VALUE, "things|hour|row 1|range");
    bad_value("hour", d1t_time(1, 60, 0, 0), D1T_ERR_VALUE, "things|hour|row 1|range");
    bad_value("hour", d1t_time(1, 0, 0, 1000000), D1T_ERR_VALUE, "things|hour|row 1|range");
    bad_value("hour", d1t_time(-1, 0, 0, 0), D1T_ERR_VALUE, "things|hour|row 1|range");
    bad_value("at", d1t_timestamp(INT64_MAX), D1T_ERR_VALUE, "things|at|row 1|range");
    bad_value("at", d1t_timestamp(INT64_MIN), D1T_ERR_VALUE, "things|at|row 1|range");
    bad_value("zoned", d1t_timestamptz(0, 24 * 60), D1T_ERR_VALUE, "things|zoned|row 1|offset");
    bad_value("zoned", d1t_timestamptz(0, INT32_MIN), D1T_ERR_VALUE, "things|zoned|row 1|offset");
    bad_value("zoned", d1t_timestamptz(INT64_MAX, 0), D1T_ERR_VALUE, "things|zoned|row 1|range");
    close_client();
}

static void test_rows_over_a_limit(void)
{
    const size_t n = 2000001;
    char *big = (char *)malloc(n);

    memset(big, 'b', n);
    open_things();
    ROW_REFUSED(upsert_with("note", d1t_text_n(big, n)), D1T_ERR_LIMIT, NULL, "things|row 1|limit|2000");
    ROW_REFUSED(upsert_with("bytes", d1t_blob(big, n)), D1T_ERR_LIMIT, NULL, "things|row 1|limit|2000");
    ROW_REFUSED(upsert_with("id", d1t_text_n(big, n)), D1T_ERR_LIMIT, NULL, "things|row 1|limit");
    (void)upsert_with("note", d1t_text_n(big, 1200000));
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    close_client();
    open_things();
    (void)upsert_with("note", d1t_null());
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    row[3] = d1t_text_n(big, 1200000);
    row[4] = d1t_blob(big, 900000);
    check_error(__LINE__, &db.error, d1t_upsert(&db, &things, row, WIDTH), D1T_ERR_LIMIT, "things|row|limit|2000");
    go_on();
    close_client();
    free(big);
}

static void test_conditions_and_empty_updates(void)
{
    d1t_condition c = {"colour", false, d1t_null()};
    size_t i;

    open_things();
    (void)upsert_with("note", d1t_null());
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    close_client();
    open_things();
    ROW_REFUSED(d1t_upsert_where(&db, &things, row, WIDTH, &c), D1T_ERR_VALUE, NULL, "things|row 1|condition|colour");
    ROW_REFUSED(d1t_delete_where(&db, &things, row, 1, &c), D1T_ERR_VALUE, NULL, "things|row 1|condition|colour");
    c.column = NULL;
    ROW_REFUSED(d1t_delete_where(&db, &things, row, 1, &c), D1T_ERR_VALUE, NULL, "things|row 1|condition");
    c.column = "note";
    c.value = d1t_absent();
    ROW_REFUSED(d1t_delete_where(&db, &things, row, 1, &c), D1T_ERR_VALUE, "note", "things|note|row 1|condition|value");
    c.equals = true;
    ROW_REFUSED(d1t_upsert_where(&db, &things, row, WIDTH, &c), D1T_ERR_VALUE, "note", "things|row 1|condition|value");
    c.value = d1t_int(5);
    ROW_REFUSED(d1t_upsert_where(&db, &things, row, WIDTH, &c), D1T_ERR_VALUE, "note", "things|note|row 1|kind");
    for (i = 1; i < WIDTH; i++)
        row[i] = d1t_absent();
    ROW_REFUSED(d1t_update(&db, &things, row, WIDTH), D1T_ERR_VALUE, NULL, "things|row 1|update|no column to set");
    row[WIDTH - 1] = d1t_null();
    ROW_REFUSED(d1t_update(&db, &things, row, WIDTH), D1T_ERR_VALUE, "must", "things|must|row 1|NOT NULL");
    close_client();
}

static d1t_result upsert_undeclared(void)
{
    return d1t_upsert(&db, &undeclared, row, WIDTH);
}

static int take_row(void *ctx, const d1t_row *r)
{
    (void)ctx;
    (void)r;
    return 0;
}

static void test_tables_not_given_to_setup_and_groups(void)
{
    open_things();
    REFUSED(upsert_undeclared(), D1T_ERR_STATE, "others|d1t_setup");
    REFUSED(d1t_update(&db, &undeclared, row, WIDTH), D1T_ERR_STATE, "others|d1t_setup");
    REFUSED(d1t_delete(&db, &undeclared, row, 1), D1T_ERR_STATE, "others|d1t_setup");
    REFUSED(d1t_read(&db, &undeclared, NULL, NULL, 0, take_row, NULL), D1T_ERR_STATE, "others|d1t_setup");
    REFUSED(d1t_group_end(&db), D1T_ERR_STATE, "group");
    CHECK_INT(d1t_group_begin(&db), D1T_OK);
    REFUSED(d1t_group_begin(&db), D1T_ERR_STATE, "group|open");
    close_client();
}

/* ---- statements */

static d1t_result exec(const char *sql, const d1t_value *args, size_t count)
{
    d1t_statement s;

    s.sql = sql;
    s.args = args;
    s.arg_count = count;
    return d1t_exec(&db, &s, 1);
}

static d1t_result query(const char *sql, const d1t_value *args, size_t count)
{
    return d1t_query(&db, sql, args, count, take_row, NULL);
}

static void test_statements(void)
{
    static const struct { const char *sql; size_t args; const char *words; } wrong[] = {
        {"", 0, "statement|empty"},          {" -- nothing\n", 0, "statement|empty"},
        {";", 0, "statement|empty"},         {"SELECT 1; SELECT 2", 0, "more than one statement|d1t_exec"},
        {"SELECT 'open", 0, "no end"},       {"SELECT `open", 0, "no end"},
        {"SELECT 1 /* open", 0, "no end"},   {"SELECT ?1", 0, "parameter without an argument"},
        {"SELECT ?2", 1, "parameter without an argument"}, {"SELECT 1", 1, "argument is never used"},
        {"SELECT ?1, ?3", 3, "argument is never used"},    {"SELECT :name", 1, "named"},
        {"SELECT @name", 1, "named"},        {"SELECT $name", 1, "named"},
        {"SELECT ?0", 1, "?1 to ?100"},      {"SELECT ?101", 1, "?1 to ?100"},
        {"SELECT '\xff'", 0, "UTF-8"}};
    d1t_value args[101], one[1];
    char *sql = (char *)malloc(100002);
    size_t i;

    for (i = 0; i < 101; i++)
        args[i] = d1t_int(1);
    open_things();
    for (i = 0; i < COUNT(wrong); i++) {
        REFUSED(exec(wrong[i].sql, args, wrong[i].args), D1T_ERR_SQL, wrong[i].words);
        REFUSED(query(wrong[i].sql, args, wrong[i].args), D1T_ERR_SQL, wrong[i].words);
    }
    REFUSED(exec("SELECT ?1", args, 101), D1T_ERR_LIMIT, "100 parameters");
    memset(sql, ' ', 100001);
    memcpy(sql, "SELECT '", 8);
    strcpy(sql + 100000, "'");
    REFUSED(exec(sql, NULL, 0), D1T_ERR_LIMIT, "statement|limit");
    REFUSED(query(sql, NULL, 0), D1T_ERR_LIMIT, "statement|limit");
    one[0] = d1t_text("\xff");
    REFUSED(exec("SELECT ?1", one, 1), D1T_ERR_VALUE, "argument 1|UTF-8");
    one[0] = d1t_double((double)NAN);
    REFUSED(query("SELECT ?1", one, 1), D1T_ERR_VALUE, "argument 1|NaN");
    one[0] = d1t_json("{", 1);
    REFUSED(query("SELECT ?1", one, 1), D1T_ERR_VALUE, "argument 1|JSON");
    one[0] = d1t_absent();
    REFUSED(query("SELECT ?1", one, 1), D1T_ERR_VALUE, "argument 1|absent");
    REFUSED(query("DELETE FROM things", NULL, 0), D1T_ERR_SQL, "d1t_query|d1t_exec");
    REFUSED(query("WITH r AS (SELECT 1) INSERT INTO things SELECT * FROM r", NULL, 0), D1T_ERR_SQL, "d1t_exec");
    REFUSED(d1t_exec(&db, NULL, 1), D1T_ERR_ARG, "d1t_exec|statement");
    REFUSED(d1t_read(&db, &things, "1) OR (1", NULL, 0, take_row, NULL), D1T_ERR_SQL, "condition|expression");
    REFUSED(d1t_read(&db, &things, "id = ?1", NULL, 0, take_row, NULL), D1T_ERR_SQL, "parameter without an argument");
    REFUSED(d1t_read(&db, &things, "'", NULL, 0, take_row, NULL), D1T_ERR_SQL, "condition|expression");
    close_client();
    free(sql);
}

/* ---- configuration */

static void bad_config(int line, const d1t_config *c, d1t_result code, const char *words)
{
    int before = test_checks_failed;

    check_error(line, &db.error, d1t_open(&db, c), code, words);
    if (test_checks_failed == before)
        CHECK_INT(d1t_flush(&db), code);
    else
        printf("  for %s %s %s\n", c->base_url ? c->base_url : "-", c->database_url ? c->database_url : "-",
               c->account ? c->account : "-");
    (void)d1t_close(&db);
}

static void test_base_urls(void)
{
    static const char *const wrong[] = {
        "", "/", "x", "api.cloudflare.com", "//api.cloudflare.com", "https:", "https:/", "https://", "https:///",
        "https:///client/v4", "https://:443", "https//host", "https:/host/client", "ftp://host", "file:///etc/passwd",
        "javascript:alert(1)", "http://example.com", "http://10.0.0.1", "http://127.0.0.1.example.com/client",
        "http://127.example.com", "http://localhost.example.com", "http://localhost@example.com", "http://localhostx",
        "http://[::1].example.com", "http://[::1]x", "https://user@host", "https://user:word@host/client",
        "https://host?query=1", "https://host/client?x", "https://host#part", "https://host/%2e%2e", "https://ho st",
        " https://host", "https://host ", "https://host\n", "https://host\r\nX-Header: 1", "https://host\t",
        "https://host\x7f", "https://host\\path", "https://h\xc3\xb6st", "https://host:port", "https://host:99999",
        "https://host:", "https://host:1:2", "https://[::1", "https://]", "https://host\"", "https://<host>",
        "https://ho'st", "https://host;x", "https://host/a|b", "https://{host}"};
    d1t_config c;
    size_t i;

    memset(&wire, 0, sizeof wire);
    for (i = 0; i < COUNT(wrong); i++) {
        c = script_config(&wire);
        c.base_url = wrong[i];
        bad_config(__LINE__, &c, D1T_ERR_CONFIG, "base URL|malformed");
        c.base_url = NULL;
        c.database_url = wrong[i];
        bad_config(__LINE__, &c, D1T_ERR_CONFIG, "URL|malformed");
    }
    for (i = 0; i < 2; i++) {   /* and what must pass */
        static const char *const right[] = {"http://127.0.0.1:8080/client/v4/", "http://[::1]:9/x"};
        c = script_config(&wire);
        c.base_url = right[i];
        CHECK_INT(d1t_open(&db, &c), D1T_OK);
        CHECK_INT(d1t_close(&db), D1T_OK);
    }
}

static void test_accounts_and_databases(void)
{
    static const char *const wrong[] = {"", "a/b", "..", "a b", "a?b", "a#b", "a%2fb", "a\n", "\xc3\xa9"};
    d1t_config c;
    size_t i;

    memset(&wire, 0, sizeof wire);
    for (i = 0; i < COUNT(wrong); i++) {
        c = script_config(&wire);
        c.account = wrong[i];
        bad_config(__LINE__, &c, D1T_ERR_CONFIG, "account");
        c = script_config(&wire);
        c.database = wrong[i];
        bad_config(__LINE__, &c, D1T_ERR_CONFIG, "database");
    }
    c = script_config(&wire);
    c.account = NULL;
    bad_config(__LINE__, &c, D1T_ERR_CONFIG, "account|missing|CLOUDFLARE_ACCOUNT_ID");
    c = script_config(&wire);
    c.database = NULL;
    bad_config(__LINE__, &c, D1T_ERR_CONFIG, "database|missing|CLOUDFLARE_DATABASE_ID");
    c = script_config(&wire);
    c.transport.version = 9;
    bad_config(__LINE__, &c, D1T_ERR_UNSUPPORTED, "transport.version|D1T_TRANSPORT_VERSION");
}

static void test_tokens(void)
{
    static const size_t places[] = {0, 6, 12};
    char token[16];
    d1t_config c;
    size_t i;
    int byte;

    memset(&wire, 0, sizeof wire);
    for (i = 0; i < COUNT(places); i++)
        for (byte = 0; byte < 256; byte++) {
            bool good = byte > 0x20 && byte < 0x7F;
            strcpy(token, "Secret7Secret");
            token[places[i]] = (char)byte;
            c = script_config(&wire);
            c.token = token;
            if (byte == 0 && places[i] > 0)
                continue;       /* a shorter token */
            if (good) {
                CHECK_INT(d1t_open(&db, &c), D1T_OK);
                CHECK_INT(d1t_close(&db), D1T_OK);
            } else {
                bad_config(__LINE__, &c, D1T_ERR_CONFIG, byte ? "token|control" : "token|missing|CLOUDFLARE_API_TOKEN");
                CHECK(!strstr(db.error.text, "ecret"));
            }
        }
    c.token = NULL;
    bad_config(__LINE__, &c, D1T_ERR_CONFIG, "token|missing|CLOUDFLARE_API_TOKEN");
    c.token = "";
    bad_config(__LINE__, &c, D1T_ERR_CONFIG, "token|missing|CLOUDFLARE_API_TOKEN");
    CHECK_INT(wire.sent, 0);
}

/* ---- NULL */

static void test_null_arguments(void)
{
    static const d1t_statement no_sql[] = {{NULL, NULL, 0}}, no_args[] = {{"SELECT ?1", NULL, 1}};
    d1t_config c;

    memset(&wire, 0, sizeof wire);
    c = script_config(&wire);
    CHECK_INT(d1t_open(NULL, &c), D1T_ERR_ARG);
    CHECK_INT(d1t_open(&db, NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_setup(NULL, thing_list, 1), D1T_ERR_ARG);
    CHECK_INT(d1t_upsert(NULL, &things, row, WIDTH), D1T_ERR_ARG);
    CHECK_INT(d1t_update(NULL, &things, row, WIDTH), D1T_ERR_ARG);
    CHECK_INT(d1t_delete(NULL, &things, row, 1), D1T_ERR_ARG);
    CHECK_INT(d1t_flush(NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_flush_start(NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_group_begin(NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_group_end(NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_around(NULL, NULL, 0, NULL, 0), D1T_ERR_ARG);
    CHECK_INT(d1t_query(NULL, "SELECT 1", NULL, 0, take_row, NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_read(NULL, &things, NULL, NULL, 0, take_row, NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_exec(NULL, no_sql, 1), D1T_ERR_ARG);
    CHECK_INT(d1t_plan_apply(NULL, D1T_EFFECT_NONE), D1T_ERR_ARG);
    CHECK_INT(d1t_run(NULL, NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_clear(NULL, D1T_KEEP_ROWS), D1T_ERR_ARG);
    CHECK_INT(d1t_close(NULL), D1T_ERR_ARG);
    open_things();
    REFUSED(d1t_query(&db, NULL, NULL, 0, take_row, NULL), D1T_ERR_ARG, "statement|NULL");
    REFUSED(d1t_query(&db, "SELECT 1", NULL, 0, NULL, NULL), D1T_ERR_ARG, "d1t_query|callback");
    REFUSED(d1t_query(&db, "SELECT ?1", NULL, 1, take_row, NULL), D1T_ERR_ARG, "arguments|NULL");
    REFUSED(d1t_read(&db, &things, NULL, NULL, 0, NULL, NULL), D1T_ERR_ARG, "d1t_read|callback");
    REFUSED(d1t_read(&db, &things, "id = ?1", NULL, 1, take_row, NULL), D1T_ERR_ARG, "arguments|NULL");
    REFUSED(d1t_read(&db, NULL, NULL, NULL, 0, take_row, NULL), D1T_ERR_STATE, "table|NULL|d1t_setup");
    REFUSED(d1t_upsert(&db, NULL, row, WIDTH), D1T_ERR_STATE, "table|NULL|d1t_setup");
    REFUSED(d1t_exec(&db, no_sql, 1), D1T_ERR_ARG, "statement|NULL");
    REFUSED(d1t_exec(&db, no_args, 1), D1T_ERR_ARG, "arguments|NULL");
    REFUSED(d1t_exec(&db, no_args, 0), D1T_ERR_ARG, "d1t_exec|statement");
    ROW_REFUSED(d1t_upsert(&db, &things, NULL, WIDTH), D1T_ERR_VALUE, NULL, "things|row 1|values");
    ROW_REFUSED(d1t_delete(&db, &things, NULL, 1), D1T_ERR_VALUE, NULL, "things|row 1|values");
    close_client();
}

/* A forgotten condition must not become an unconditional delete. */
static void test_a_missing_condition_is_not_no_condition(void)
{
    open_things();
    (void)upsert_with("note", d1t_null());
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    REFUSED(d1t_delete_where(&db, &things, row, 1, NULL), D1T_ERR_ARG, "condition");
    REFUSED(d1t_upsert_where(&db, &things, row, WIDTH, NULL), D1T_ERR_ARG, "condition");
    close_client();
}

static bool around_null(void)
{
    static const d1t_statement no_sql[] = {{NULL, NULL, 0}}, no_args[] = {{"SELECT ?1", NULL, 1}};

    open_things();
    REFUSED(d1t_around(&db, NULL, 1, NULL, 0), D1T_ERR_ARG, "statement");
    REFUSED(d1t_around(&db, NULL, 0, NULL, 2), D1T_ERR_ARG, "statement");
    REFUSED(d1t_around(&db, no_sql, 1, NULL, 0), D1T_ERR_ARG, "statement");
    REFUSED(d1t_around(&db, NULL, 0, no_args, 1), D1T_ERR_ARG, "arguments");
    return true;
}

static bool next_null(void)
{
    d1t_todo todo;

    open_things();
    return d1t_next(NULL, 0, &todo) == D1T_FAIL && d1t_next(&db, 0, NULL) == D1T_FAIL;
}

static bool accessors_null(void)
{
    d1t_plan_free(NULL);
    return d1t_error_key(NULL).n == 0 && d1t_server_text(NULL).n == 0;
}

static bool zeroed_objects(void)
{
    static d1t_client never;
    static d1t_plan empty;

    d1t_plan_free(&empty);
    return d1t_upsert(&never, &things, row, WIDTH) == D1T_ERR_STATE && d1t_flush(&never) == D1T_ERR_STATE &&
           d1t_clear(&never, D1T_KEEP_ROWS) == D1T_ERR_STATE &&
           d1t_plan_apply(&empty, D1T_EFFECT_NONE) == D1T_ERR_ARG && d1t_close(&never) == D1T_OK &&
           d1t_close(&never) == D1T_OK;
}

static void test_null_and_zeroed_where_a_crash_would_be_near(void)
{
    CHECK(survives(around_null));
    CHECK(survives(next_null));
    CHECK(survives(accessors_null));
    CHECK(survives(zeroed_objects));
}

/* ---- callbacks that re-enter */

static d1t_plan plan;
static unsigned entered, not_busy;
static bool armed;

static d1t_result verb(int i)
{
    static const d1t_statement select[] = {{"SELECT 1", NULL, 0}};
    static d1t_plan own;
    d1t_todo todo;

    switch (i) {
    case 0: return upsert_with("note", d1t_null());
    case 1: return d1t_update(&db, &things, row, WIDTH);
    case 2: return d1t_delete(&db, &things, row, 1);
    case 3: return d1t_flush(&db);
    case 4: return d1t_flush_start(&db);
    case 5: return d1t_query(&db, "SELECT 1", NULL, 0, take_row, NULL);
    case 6: return d1t_read(&db, &things, NULL, NULL, 0, take_row, NULL);
    case 7: return d1t_exec(&db, select, 1);
    case 8: return d1t_setup(&db, thing_list, 1);
    case 9: return d1t_plan_read(&own, &db, thing_list, 1);
    case 10: return d1t_plan_apply(&plan, D1T_EFFECT_NONE);
    case 11: return d1t_group_begin(&db);
    case 12: return d1t_group_end(&db);
    case 13: return d1t_around(&db, NULL, 0, NULL, 0);
    case 14: return d1t_clear(&db, D1T_DROP_ROWS);
    case 15: return d1t_run(&db, NULL);
    case 16: return d1t_close(&db);
    default: return d1t_next(&db, 0, &todo) == D1T_FAIL ? D1T_ERR_BUSY : D1T_OK;
    }
}

#define VERBS 18

static void reenter(void)
{
    static d1t_value kept[WIDTH];
    int i;

    if (!armed)
        return;
    armed = false;      /* one level is enough */
    memcpy(kept, row, sizeof row);
    for (i = 0; i < VERBS; i++)
        if (verb(i) != D1T_ERR_BUSY) {
            printf("verb %d was let in\n", i);
            not_busy++;
        }
    memcpy(row, kept, sizeof row);
    entered++;
    armed = true;
}

static int reenter_row(void *ctx, const d1t_row *r)
{
    (void)ctx;
    (void)r;
    reenter();
    return 0;
}

static void reenter_event(void *ctx, const d1t_event *event)
{
    (void)ctx;
    (void)event;
    reenter();
}

static void reenter_poison(void *ctx, const d1t_error *error, d1t_str key)
{
    (void)ctx;
    (void)error;
    (void)key;
    reenter();
}

typedef enum caller { NOBODY, EVENT, POISON, ROW, PERFORM, NOW, SLEEP } caller;

static caller calls;
static d1t_transport inner;

static d1t_result reenter_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    d1t_result result;

    if (calls == PERFORM)
        reenter();
    result = inner.perform(ctx, req, op);
    if (calls == PERFORM)
        reenter();      /* also once rows have been handed on */
    return result;
}

static uint64_t reenter_now(void *ctx)
{
    if (calls == NOW)
        reenter();
    return inner.now_ms(ctx);
}

static void reenter_sleep(void *ctx, uint64_t ms)
{
    if (calls == SLEEP)
        reenter();
    inner.sleep_ms(ctx, ms);
}

/* A run in which every callback is called; returns how many requests it took. */
static uint64_t run_with(caller c)
{
    local_d1 *d = lab_open();
    d1t_config config = lab_config(d);
    uint64_t requests;
    int i;

    calls = c;
    inner = config.transport;
    config.transport.perform = reenter_perform;
    config.transport.now_ms = reenter_now;
    config.transport.sleep_ms = reenter_sleep;
    config.isolate = true;
    config.on_event = c == EVENT ? reenter_event : NULL;
    config.on_poison = c == POISON ? reenter_poison : NULL;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    entered = not_busy = 0;
    CHECK_INT(d1t_setup(&db, thing_list, 1), D1T_OK);
    CHECK(lab_exec(d, "CREATE TRIGGER no BEFORE INSERT ON things WHEN NEW.whole=13 "
                      "BEGIN SELECT RAISE(ABORT,'no'); END"));
    CHECK_INT(d1t_plan_read(&plan, &db, thing_list, 1), D1T_OK);
    armed = c != NOBODY;
    CHECK_INT(d1t_setup(&db, thing_list, 1), D1T_OK);
    local_d1_set_fault(d, LOCAL_D1_LOSE_BEFORE, 1, 1);
    for (i = 12; i < 15; i++) {
        char key[16];
        sprintf(key, "%d", i);
        (void)upsert_with("whole", d1t_int(i));
        row[0] = d1t_text(key);
        CHECK_INT(d1t_upsert(&db, &things, row, WIDTH), D1T_OK);
    }
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(d1t_query(&db, "SELECT 1", NULL, 0, c == ROW ? reenter_row : take_row, NULL), D1T_OK);
    CHECK_INT(d1t_read(&db, &things, NULL, NULL, 0, c == ROW ? reenter_row : take_row, NULL), D1T_OK);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM things"), 3);
    armed = false;
    requests = local_d1_requests(d);
    d1t_plan_free(&plan);
    CHECK_INT(d1t_close(&db), D1T_OK);
    local_d1_close(d);
    return requests;
}

static bool reenters(caller c)
{
    uint64_t alone = run_with(NOBODY), with = run_with(c);

    CHECK(entered > 0);
    CHECK_INT(not_busy, 0);
    CHECK_INT(with, alone);
    return true;
}

static bool from_event(void) { return reenters(EVENT); }
static bool from_poison(void) { return reenters(POISON); }
static bool from_row(void) { return reenters(ROW); }
static bool from_perform(void) { return reenters(PERFORM); }
static bool from_now(void) { return reenters(NOW); }
static bool from_sleep(void) { return reenters(SLEEP); }

static void test_on_event_may_not_reenter(void) { CHECK(survives(from_event)); }
static void test_on_poison_may_not_reenter(void) { CHECK(survives(from_poison)); }
static void test_row_callbacks_may_not_reenter(void) { CHECK(survives(from_row)); }
static void test_perform_may_not_reenter(void) { CHECK(survives(from_perform)); }
static void test_now_may_not_reenter(void) { CHECK(survives(from_now)); }
static void test_sleep_may_not_reenter(void) { CHECK(survives(from_sleep)); }

/* While a task is active, every verb but d1t_next and d1t_run is refused. */
static void test_a_task_of_the_driven_form_keeps_others_out(void)
{
    d1t_todo todo;
    int i;

    open_things();
    CHECK_INT(upsert_with("note", d1t_null()), D1T_OK);
    CHECK_INT(d1t_flush_start(&db), D1T_OK);
    CHECK_INT(d1t_next(&db, 1000, &todo), D1T_SEND);
    for (i = 0; i < 15; i++)
        if (i != 10)    /* there is no plan */
            CHECK_INT(verb(i), D1T_ERR_BUSY);
    CHECK_INT(db.error.code, D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
    script_free(&wire);
}

int main(void)
{
    RUN(test_key_columns_must_be_there_and_once);
    RUN(test_too_many_columns);
    RUN(test_reserved_and_impossible_names);
    RUN(test_lists_of_tables);
    RUN(test_indexes_foreign_keys_and_expressions);
    RUN(test_the_number_of_values);
    RUN(test_nulls_where_none_may_be);
    RUN(test_kinds_that_do_not_fit);
    RUN(test_values_that_cannot_be_kept);
    RUN(test_json_uuids_dates_and_times);
    RUN(test_rows_over_a_limit);
    RUN(test_conditions_and_empty_updates);
    RUN(test_tables_not_given_to_setup_and_groups);
    RUN(test_statements);
    RUN(test_base_urls);
    RUN(test_accounts_and_databases);
    RUN(test_tokens);
    RUN(test_null_arguments);
    RUN(test_a_missing_condition_is_not_no_condition);
    RUN(test_null_and_zeroed_where_a_crash_would_be_near);
    RUN(test_on_event_may_not_reenter);
    RUN(test_on_poison_may_not_reenter);
    RUN(test_row_callbacks_may_not_reenter);
    RUN(test_perform_may_not_reenter);
    RUN(test_now_may_not_reenter);
    RUN(test_sleep_may_not_reenter);
    RUN(test_a_task_of_the_driven_form_keeps_others_out);
    printf("figure: bad_inputs %u\n", inputs);
    TEST_MAIN_END;
}
