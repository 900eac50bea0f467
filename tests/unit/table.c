/* >>table: what a declaration may be, CREATE texts judged by real SQLite, canonical JSON out and in. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/checked_alloc.h"
#include "../support/random.h"
#include "../support/test.h"
#include "../support/utf8.h"

#include <sqlite3.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const d1t_allocator standard;
static sqlite3 *db;

/* ---- a declaration with everything -------------------------------------------------------------------------- */

static const d1t_column all_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("select", D1T_TEXT, D1T_KEY | D1T_NOT_NULL),
    D1T_COLUMN("real", D1T_REAL, 0),
    D1T_COLUMN("`blob`", D1T_BLOB, D1T_NOT_NULL),
    D1T_COLUMN("any", D1T_ANY, 0),
    D1T_COLUMN_DEFAULT("bool", D1T_BOOL, D1T_NOT_NULL, "0"),
    D1T_COLUMN("json", D1T_JSON, 0),
    D1T_COLUMN("uuid", D1T_UUID, 0),
    D1T_COLUMN("date", D1T_DATE, 0),
    D1T_COLUMN("time", D1T_TIME, 0),
    D1T_COLUMN("local time", D1T_TIMESTAMP, 0),
    D1T_COLUMN("\xf0\x9f\x98\x80", D1T_TIMESTAMPTZ, 0),
    D1T_COLUMN("vector", D1T_VECTOR, 0),
    {"nocase", D1T_TEXT, 0, "'it''s;'", NULL, NULL, "NOCASE", NULL, NULL},
    {"rtrim", D1T_TEXT, 0, NULL, NULL, NULL, "RTRIM", NULL, NULL},
    D1T_COLUMN_GENERATED("virtual", D1T_INTEGER, 0, "`id` + 1"),
    D1T_COLUMN_GENERATED("stored", D1T_TEXT, D1T_STORED, "upper(`select`)"),
    D1T_COLUMN_ON_WRITE("at", D1T_TEXT, 0, "CURRENT_TIMESTAMP"),
};
static const char *const by_json[] = {"json", "`blob`"}, *const by_uuid[] = {"uuid"};
static const d1t_index all_indexes[] = {
    D1T_INDEX("index", by_json),
    {"unique \"some\"", by_uuid, 1, D1T_UNIQUE, "`real` > 0", NULL, NULL},
};
static const char *const two[] = {"id", "select"}, *const parent_two[] = {"a", "`b"};
static const d1t_foreign_key all_keys[] = {
    D1T_REFERENCES(by_uuid, "parent", D1T_CASCADE),
    {two, 2, "order", parent_two, D1T_SET_NULL, D1T_RESTRICT, false},
    {by_json, 2, "third", NULL, D1T_NO_ACTION, D1T_SET_DEFAULT, false},
};
static const d1t_check all_checks[] = {{"it's positive", "`id` >= 0"}, {"short", "length(`json`) < 10"}};
static const d1t_table everything = {"every thing", all_columns, COUNT(all_columns), all_indexes, COUNT(all_indexes),
    all_keys, COUNT(all_keys), all_checks, COUNT(all_checks), 0, NULL, 0, NULL};

static const d1t_column plain_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0)};
static const d1t_table plain = D1T_TABLE("plain", plain_columns);

/* ---- checks ------------------------------------------------------------------------------------------------- */

static void check_line(const char *text)
{
    const size_t n = strlen(text);

    CHECK(n > 0 && n < D1T_ERROR_TEXT && utf8_prefix((const unsigned char *)text, n) == n);
    for (; *text; text++)
        CHECK((unsigned char)*text >= 0x20 && *text != 0x7f);
}

/* The table is refused with this code; the error names table, column (if any) and what is wrong or the cure. */
static void refused(const d1t_table *t, d1t_result code, const char *column, const char *word, int line)
{
    d1t_error e;

    memset(&e, 0, sizeof e);
    test_int(d1t_table_check(t, NULL, &e), code, __FILE__, line, "d1t_table_check");
    test_int(d1t_table_check(t, NULL, NULL), code, __FILE__, line, "d1t_table_check without an error");
    test_check(e.code == code && e.outcome == D1T_NOT_APPLIED, __FILE__, line, "code and outcome");
    check_line(e.text);
    test_check(strstr(e.text, word) != NULL, __FILE__, line, word);
    if (t->name && d1t_check_name(t->name) == D1T_OK) {
        test_str(e.table, t->name, __FILE__, line, "table");
        test_check(strstr(e.text, t->name) != NULL, __FILE__, line, "the text names the table");
    }
    if (column) {
        test_str(e.column, column, __FILE__, line, "column");
        test_check(strstr(e.text, column) != NULL, __FILE__, line, "the text names the column");
    }
    if (test_checks_failed && strstr(e.text, word) == NULL)
        printf("  the text was: %s\n", e.text);
}

#define REFUSED(t, code, column, word) refused(&(t), code, column, word, __LINE__)

static void accepted(const d1t_table *t, int line)
{
    d1t_error e;

    memset(&e, 0, sizeof e);
    test_int(d1t_table_check(t, NULL, &e), D1T_OK, __FILE__, line, "d1t_table_check");
    test_check(e.code == D1T_OK && e.text[0] == 0, __FILE__, line, "no error");
}

#define ACCEPTED(t) accepted(&(t), __LINE__)

static void test_a_good_table_is_accepted(void)
{
    d1t_limits limits = d1t_limits_default();

    ACCEPTED(everything);
    ACCEPTED(plain);
    CHECK_INT(d1t_table_check(&everything, &limits, NULL), D1T_OK);
}

static void test_the_default_limits_are_those_of_d1(void)
{
    const d1t_limits l = d1t_limits_default();

    CHECK(l.columns == 100 && l.parameters == 100 && l.sql == 100000);
    CHECK(l.parameter == 2000000 && l.row == 2000000 && l.body == 1000000 && l.like_pattern == 50);
}

static void test_no_table_and_no_columns_are_refused(void)
{
    d1t_table t = plain;
    d1t_error e;

    memset(&e, 0, sizeof e);
    CHECK_INT(d1t_table_check(NULL, NULL, &e), D1T_ERR_ARG);
    check_line(e.text);
    t.column_count = 0;
    REFUSED(t, D1T_ERR_TABLE, NULL, "no columns");
    t = plain;
    t.columns = NULL;
    REFUSED(t, D1T_ERR_TABLE, NULL, "no columns");
    t = plain;
    t.columns++;
    t.column_count--;
    REFUSED(t, D1T_ERR_TABLE, NULL, "D1T_KEY");
}

static const struct {
    const char *name;
    d1t_result code;
    const char *word;
} bad_names[] = {
    {NULL, D1T_ERR_NAME, "1 to 128"}, {"", D1T_ERR_NAME, "1 to 128"}, {"sqlite_x", D1T_ERR_NAME, "sqlite_"},
    {"_CF_x", D1T_ERR_NAME, "_cf_"}, {"_D1t_x", D1T_ERR_NAME, "_d1t_"}, {"a\nb", D1T_ERR_NAME, "control"},
    {"\x1b[31m", D1T_ERR_NAME, "control"}, {"a\xff", D1T_ERR_UTF8, "UTF-8"}, {"\xed\xa0\x80", D1T_ERR_UTF8, "UTF-8"},
};

static void test_a_bad_name_is_refused_wherever_it_stands(void)
{
    size_t i;

    for (i = 0; i < COUNT(bad_names); i++) {
        const char *const name = bad_names[i].name;
        d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN(NULL, D1T_TEXT, 0)};
        const char *const list[] = {"id"}, *const parents[] = {name};
        d1t_index index = {name, list, 1, 0, NULL, NULL, NULL};
        d1t_foreign_key key = {list, 1, name, NULL, D1T_NO_ACTION, D1T_NO_ACTION, false};
        d1t_check check = {name, "1"};
        d1t_command command = {name, "SELECT 1", NULL};
        d1t_table t = plain;

        t.name = name;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        t = plain;
        columns[1].name = name;
        t.columns = columns;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        t = plain;
        t.indexes = &index;
        t.index_count = 1;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        t = plain;
        t.foreign_keys = &key;
        t.foreign_key_count = 1;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        key.parent = "parent";
        key.parent_columns = parents;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        t = plain;
        t.checks = &check;
        t.check_count = 1;
        if (name) /* a check without a name is one of a table made by others */
            REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        t = plain;
        t.commands = &command;
        t.command_count = 1;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        if (!name)
            continue;
        t = plain;
        t.was = name;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
        t = plain;
        columns[1].name = "name";
        columns[1].was = name;
        t.columns = columns;
        REFUSED(t, bad_names[i].code, NULL, bad_names[i].word);
    }
}

static void test_a_bad_column_name_is_named_as_the_column(void)
{
    d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("_cf_x", D1T_TEXT, 0)};
    d1t_table t = plain;

    t.columns = columns;
    REFUSED(t, D1T_ERR_NAME, "_cf_x", "_cf_");
}

static void test_no_name_may_appear_twice(void)
{
    d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("ID", D1T_TEXT, 0)};
    const char *const list[] = {"name"}, *const other[] = {"id"};
    d1t_index indexes[2] = {D1T_INDEX("by", list), D1T_INDEX("By", other)};
    d1t_check checks[2] = {{"good", "1"}, {"GOOD", "2"}};
    d1t_table t = plain;

    t.columns = columns;
    REFUSED(t, D1T_ERR_TABLE, "ID", "twice");
    t = plain;
    t.indexes = indexes;
    t.index_count = 2; /* CREATE INDEX IF NOT EXISTS would leave out the second without a word */
    REFUSED(t, D1T_ERR_TABLE, NULL, "By");
    t.index_count = 1;
    indexes[0].name = "Plain"; /* SQLite has one space for names of tables and indexes */
    REFUSED(t, D1T_ERR_TABLE, NULL, "Plain");
    t = plain;
    t.checks = checks;
    t.check_count = 2;
    REFUSED(t, D1T_ERR_TABLE, NULL, "GOOD");
}

static void test_a_hundred_columns_and_not_one_more(void)
{
    static d1t_column columns[101];
    static char names[101][8];
    d1t_limits limits = d1t_limits_default(), zero;
    d1t_table t = plain;
    size_t i;

    for (i = 0; i < 101; i++) {
        snprintf(names[i], sizeof names[i], "c%u", (unsigned)i);
        columns[i].name = names[i];
        columns[i].type = D1T_INTEGER;
        columns[i].flags = i == 99 ? D1T_KEY : 0;
    }
    t.columns = columns;
    t.column_count = 100;
    ACCEPTED(t);
    memset(&zero, 0, sizeof zero);
    CHECK_INT(d1t_table_check(&t, &zero, NULL), D1T_OK); /* "zero members take the defaults" */
    t.column_count = 101;
    REFUSED(t, D1T_ERR_LIMIT, NULL, "101 columns");
    REFUSED(t, D1T_ERR_LIMIT, NULL, "100");
    CHECK_INT(d1t_table_check(&t, &zero, NULL), D1T_ERR_LIMIT);
    limits.columns = 101;
    CHECK_INT(d1t_table_check(&t, &limits, NULL), D1T_OK);
    limits.columns = 1;
    CHECK_INT(d1t_table_check(&plain, &limits, NULL), D1T_ERR_LIMIT);
}

static void test_a_column_is_what_a_column_can_be(void)
{
    static const struct {
        d1t_column column;
        const char *word;
    } bad[] = {
        {{"k", D1T_TEXT, D1T_KEY, NULL, NULL, NULL, "NOCASE", NULL, NULL}, "BINARY"},
        {{"k", D1T_TEXT, D1T_KEY, NULL, NULL, NULL, "RTRIM", NULL, NULL}, "BINARY"},
        {{"k", D1T_INTEGER, D1T_KEY, NULL, "1", NULL, NULL, NULL, NULL}, "generated"},
        {{"k", D1T_INTEGER, D1T_KEY, NULL, NULL, "1", NULL, NULL, NULL}, "write"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, "GERMAN", NULL, NULL}, "NOCASE"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, "NOCASE, x", NULL, NULL}, "NOCASE"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, "", NULL, NULL}, "NOCASE"},
        {{"c", (d1t_type)0, 0, NULL, NULL, NULL, NULL, NULL, NULL}, "type"},
        {{"c", (d1t_type)15, 0, NULL, NULL, NULL, NULL, NULL, NULL}, "type"},
        {{"k", D1T_NUMERIC, D1T_KEY, NULL, NULL, NULL, NULL, NULL, NULL}, "NUMERIC"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "TEXT, d TEXT", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "TEXT NOT NULL", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "TEXT(1", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "TEXT(1,2,3)", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "TEXT -- x", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, " TEXT", NULL}, "one type"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, "'TEXT'", NULL}, "one type"},
        {{"c", D1T_INTEGER, 0, NULL, NULL, NULL, NULL, "TEXT GENERATED ALWAYS", NULL}, "one type"},
        {{"c", D1T_JSON, 0, NULL, NULL, NULL, NULL, "JSON", NULL}, "affinity"},
        {{"c", D1T_ANY, 0, NULL, NULL, NULL, NULL, "ANY", NULL}, "affinity"},
        {{"c", D1T_REAL, 0, NULL, NULL, NULL, NULL, "FLOATING POINT", NULL}, "affinity"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, NULL, "ID"}, "name of another column"},
        {{"c", D1T_TEXT, 0, NULL, NULL, NULL, NULL, NULL, "C"}, "name of another column"},
        {{"c", D1T_TEXT, 0, "1", "1", NULL, NULL, NULL, NULL}, "generated"},
        {{"c", D1T_TEXT, 0, NULL, "1", "1", NULL, NULL, NULL}, "generated"},
    };
    size_t i;

    for (i = 0; i < COUNT(bad); i++) {
        d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};
        d1t_table t = plain;

        columns[1] = bad[i].column;
        t.columns = columns;
        REFUSED(t, D1T_ERR_TABLE, bad[i].column.name, bad[i].word);
    }
}

/* In every place where an expression may stand. */
static void check_expression(const char *sql, bool good, int line)
{
    d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0)};
    const char *const list[] = {"name"};
    d1t_index index = {"i", list, 1, 0, NULL, NULL, NULL};
    d1t_check check = {"c", NULL};
    d1t_table t = plain;
    int place;

    t.columns = columns;
    for (place = 0; place < 5; place++) {
        columns[1].default_sql = place == 0 ? sql : NULL;
        columns[1].generated_sql = place == 1 ? sql : NULL;
        columns[1].on_write_sql = place == 2 ? sql : NULL;
        index.where_sql = sql;
        t.indexes = place == 3 ? &index : NULL;
        t.index_count = place == 3;
        check.sql = sql;
        t.checks = place == 4 ? &check : NULL;
        t.check_count = place == 4;
        if (good)
            accepted(&t, line);
        else
            refused(&t, D1T_ERR_TABLE, place < 3 ? "name" : NULL, "expression", line);
    }
}

static void test_an_expression_is_one_whole_expression(void)
{
    static const char *const good[] = {"0", "'x'", "CURRENT_TIMESTAMP", "';'", "(1)", "\";\" || `;` || [;]",
        "1 /* one */ + 1", "abs(-1) + (2 * (3))", "'unbalanced ) in a string'", "/* ) */ 1"};
    static const char *const bad[] = {"", " ", "/* nothing */", "1;", "1; DROP TABLE t", ";", "(1", "1)", "1) OR (1",
        "'open", "\"open", "`open", "[open", "1 /* open", "?", "?1", ":name", "@a", "$a"};
    size_t i;

    for (i = 0; i < COUNT(good); i++)
        check_expression(good[i], true, __LINE__);
    for (i = 0; i < COUNT(bad); i++)
        check_expression(bad[i], false, __LINE__);
}

static void test_indexes_and_foreign_keys_are_over_declared_columns(void)
{
    const char *const wrong[] = {"id", "nmae"}, *const none[] = {NULL}, *const right[] = {"NAME"};
    d1t_index index = {"by_name", wrong, 2, 0, NULL, NULL, NULL};
    d1t_foreign_key key = {wrong, 2, "parent", NULL, D1T_NO_ACTION, D1T_NO_ACTION, false};
    d1t_table t = plain, u = plain;

    t.indexes = &index;
    t.index_count = 1;
    u.foreign_keys = &key;
    u.foreign_key_count = 1;
    REFUSED(t, D1T_ERR_TABLE, NULL, "by_name");
    REFUSED(t, D1T_ERR_TABLE, NULL, "nmae");
    REFUSED(u, D1T_ERR_TABLE, NULL, "nmae");
    index.column_count = key.column_count = 0;
    REFUSED(t, D1T_ERR_TABLE, NULL, "no columns");
    REFUSED(u, D1T_ERR_TABLE, NULL, "no columns");
    index.column_count = key.column_count = 1;
    index.columns = key.columns = NULL;
    REFUSED(t, D1T_ERR_TABLE, NULL, "no columns");
    REFUSED(u, D1T_ERR_TABLE, NULL, "no columns");
    index.columns = key.columns = none;
    REFUSED(t, D1T_ERR_TABLE, NULL, "no such column");
    REFUSED(u, D1T_ERR_TABLE, NULL, "no such column");
    index.columns = key.columns = right;
    ACCEPTED(t);
    ACCEPTED(u);
}

static void test_a_check_has_its_expression(void)
{
    d1t_check check = {"positive", NULL};
    d1t_table t = plain;

    t.checks = &check;
    t.check_count = 1;
    REFUSED(t, D1T_ERR_TABLE, NULL, "positive");
}

/* n bytes or a little less of three-byte characters behind `shift` others. */
static const char *long_name(char *out, size_t n, size_t shift)
{
    memset(out, 'n', shift);
    for (out[shift] = 0; strlen(out) + 3 <= n;)
        strcat(out, "\xe2\x82\xac");
    return out;
}

/* "cut at a character if too long": as much of the text as fits, and no half of a character. */
static void test_a_long_text_is_cut_at_a_character(void)
{
    static char name[400];
    const char *const list[] = {name};
    const d1t_index index = D1T_INDEX("i", list);
    d1t_table t = plain;
    size_t shift;
    d1t_error e;

    t.indexes = &index;
    t.index_count = 1;
    for (shift = 0; shift < 3; shift++) {
        long_name(name, 399, shift);
        memset(&e, 0, sizeof e);
        CHECK_INT(d1t_table_check(&t, NULL, &e), D1T_ERR_TABLE);
        check_line(e.text);
        CHECK(strlen(e.text) >= D1T_ERROR_TEXT - 4);
    }
}

static void test_the_longest_names_are_in_the_error(void)
{
    static char name[2][140];
    d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), {NULL, D1T_TEXT, 0, "(", NULL, NULL, NULL, NULL,
        NULL}};
    d1t_table t = plain;
    d1t_error e;

    t.name = long_name(name[0], 128, 2);
    t.columns = columns;
    columns[1].name = long_name(name[1], 128, 1);
    memset(&e, 0, sizeof e);
    CHECK_INT(d1t_table_check(&t, NULL, &e), D1T_ERR_TABLE);
    check_line(e.text);
    CHECK_STR(e.table, name[0]);
    CHECK_STR(e.column, name[1]);
}

static void test_the_first_error_of_an_object_stays(void)
{
    d1t_table first = plain, second = plain;
    d1t_error e, before;

    first.name = "_cf_first";
    second.column_count = 0;
    memset(&e, 0, sizeof e);
    CHECK_INT(d1t_table_check(&first, NULL, &e), D1T_ERR_NAME);
    before = e;
    CHECK_INT(d1t_table_check(&second, NULL, &e), D1T_ERR_TABLE);
    CHECK_INT(e.code, D1T_ERR_NAME);
    CHECK_STR(e.text, before.text);
    CHECK_STR(e.table, before.table);
}

static void test_columns_are_found_by_name_as_sqlite_does(void)
{
    CHECK_INT(d1t_table_column(&everything, d1t_cstr("id")), 0);
    CHECK_INT(d1t_table_column(&everything, d1t_cstr("SELECT")), 1);
    CHECK_INT(d1t_table_column(&everything, d1t_bytes("atx", 2)), COUNT(all_columns) - 1);
    CHECK_INT(d1t_table_column(&everything, d1t_cstr("a")), COUNT(all_columns));
    CHECK_INT(d1t_table_column(&everything, d1t_cstr("")), COUNT(all_columns));
    CHECK_INT(d1t_table_column(&everything, d1t_cstr(NULL)), COUNT(all_columns));
}

static void test_six_sql_types_none_for_any_and_those_of_others(void)
{
    static const char *const types[] = {"INTEGER", "REAL", "TEXT", "BLOB", "", "INTEGER", "TEXT", "TEXT", "TEXT",
        "TEXT", "TEXT", "TEXT", "BLOB", "NUMERIC"};
    d1t_table strict = plain;
    d1t_column c = D1T_COLUMN("c", D1T_TEXT, 0);
    int i;

    strict.flags = D1T_STRICT;
    for (i = 0; i < (int)COUNT(types); i++) {
        c.type = (d1t_type)(i + 1);
        CHECK_STR(d1t_sql_type(&plain, &c), types[i]);
        CHECK_STR(d1t_sql_type(&strict, &c), c.type == D1T_ANY ? "ANY" : types[i]);
    }
    c.sql_type = "VARCHAR(20)";
    CHECK_STR(d1t_sql_type(&plain, &c), "VARCHAR(20)");
}

/* ---- CREATE texts in SQLite --------------------------------------------------------------------------------- */

/* Runs what a writer wrote: the whole text is one statement. */
static bool run(const char *sql, size_t n)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    const bool good = sqlite3_prepare_v2(db, sql, (int)n, &stmt, &tail) == SQLITE_OK && tail == sql + n &&
                      sqlite3_step(stmt) == SQLITE_DONE;

    if (!good)
        printf("%s:\n  %.*s\n", sqlite3_errmsg(db), (int)n, sql);
    sqlite3_finalize(stmt);
    return good;
}

static bool create(const d1t_table *t)
{
    static char sql[20000];
    d1t_writer w;
    bool good;
    size_t i;

    d1t_writer_fixed(&w, sql, sizeof sql);
    d1t_write_create_table(&w, t);
    good = w.error == D1T_OK && run(sql, w.n);
    for (i = 0; i < t->index_count; i++) {
        d1t_writer_fixed(&w, sql, sizeof sql);
        d1t_write_create_index(&w, t, &t->indexes[i]);
        good = w.error == D1T_OK && run(sql, w.n) && good;
    }
    return good;
}

/* The rows of a query with one argument: cells end with '|', rows with a line. */
static const char *answer(const char *sql, const char *arg)
{
    static char text[20000];
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    int i;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite3_errmsg(db);
    if (arg)
        sqlite3_bind_text(stmt, 1, arg, -1, SQLITE_TRANSIENT);
    text[0] = 0;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *cell = (const char *)sqlite3_column_text(stmt, i);

            n += (size_t)snprintf(text + n, sizeof text - n, "%s|", cell ? cell : "");
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "\n");
    }
    sqlite3_finalize(stmt);
    return text;
}

static void forget(void)
{
    sqlite3_close(db);
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA foreign_keys=ON", NULL, NULL, NULL);
}

/* What SQLite has of the columns, against the declaration. */
static void check_columns_in_sqlite(const d1t_table *t)
{
    char expect[20000];
    size_t i, n = 0, key = 0;

    for (i = 0; i < t->column_count; i++) {
        const d1t_column *c = &t->columns[i];
        const bool is_key = (c->flags & D1T_KEY) != 0;

        key += is_key;
        n += (size_t)snprintf(expect + n, sizeof expect - n, "%s|%s|%d|%s|%d|%d|\n", c->name, d1t_sql_type(t, c),
                              (c->flags & (D1T_KEY | D1T_NOT_NULL)) != 0, c->default_sql ? c->default_sql : "",
                              is_key ? (int)key : 0, !c->generated_sql ? 0 : c->flags & D1T_STORED ? 3 : 2);
    }
    CHECK_STR(answer("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)", t->name),
              expect);
    snprintf(expect, sizeof expect, "%d|%d|\n", (t->flags & D1T_WITHOUT_ROWID) != 0, (t->flags & D1T_STRICT) != 0);
    CHECK_STR(answer("SELECT wr, strict FROM pragma_table_list(?1) WHERE schema = 'main'", t->name), expect);
}

static void check_indexes_in_sqlite(const d1t_table *t)
{
    char expect[4000];
    size_t i, k, n;

    for (i = 0; i < t->index_count; i++) {
        const d1t_index *x = &t->indexes[i];

        snprintf(expect, sizeof expect, "%s|%d|%d|\n", t->name, (x->flags & D1T_UNIQUE) != 0, x->where_sql != NULL);
        CHECK_STR(answer("SELECT t.name, l.\"unique\", l.partial FROM sqlite_schema t, pragma_index_list(t.name) l "
                         "WHERE t.type = 'table' AND l.name = ?1", x->name), expect);
        for (k = 0, n = 0; k < x->column_count; k++)
            n += (size_t)snprintf(expect + n, sizeof expect - n, "%s|\n",
                                  t->columns[d1t_table_column(t, d1t_cstr(x->columns[k]))].name);
        CHECK_STR(answer("SELECT name FROM pragma_index_info(?1) ORDER BY seqno", x->name), expect);
    }
}

static void check_keys_in_sqlite(const d1t_table *t)
{
    static const char *const actions[] = {"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"};
    char expect[4000];
    size_t i, k, n = 0;

    expect[0] = 0;
    for (i = t->foreign_key_count; i-- > 0;) { /* SQLite lists the last one first */
        const d1t_foreign_key *f = &t->foreign_keys[i];

        for (k = 0; k < f->column_count; k++)
            n += (size_t)snprintf(expect + n, sizeof expect - n, "%s|%s|%s|%s|%s|\n", f->parent,
                                  t->columns[d1t_table_column(t, d1t_cstr(f->columns[k]))].name,
                                  f->parent_columns ? f->parent_columns[k] : "", actions[f->on_update],
                                  actions[f->on_delete]);
    }
    CHECK_STR(answer("SELECT \"table\", \"from\", \"to\", on_update, on_delete FROM pragma_foreign_key_list(?1) "
                     "ORDER BY id, seq", t->name), expect);
}

static void check_in_sqlite(const d1t_table *t)
{
    CHECK(create(t));
    CHECK(create(t)); /* IF NOT EXISTS */
    check_columns_in_sqlite(t);
    check_indexes_in_sqlite(t);
    check_keys_in_sqlite(t);
}

static void test_sqlite_makes_of_a_table_what_was_declared(void)
{
    d1t_table t = everything;
    uint32_t flags;

    for (flags = 0; flags <= (D1T_STRICT | D1T_WITHOUT_ROWID); flags++) {
        forget();
        t.flags = flags;
        check_in_sqlite(&t);
    }
    forget();
    check_in_sqlite(&plain);
}

static void test_the_texts_are_these(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("a", D1T_INTEGER, D1T_KEY),
        {"b", D1T_ANY, D1T_NOT_NULL, "0", NULL, NULL, "NOCASE", NULL, NULL},
        D1T_COLUMN_GENERATED("c`", D1T_TEXT, 0, "a"),
    };
    static const char *const list[] = {"b", "a"};
    static const d1t_index index = {"i", list, 2, D1T_UNIQUE, "b > 0", NULL, NULL};
    static const d1t_foreign_key keys[] = {D1T_REFERENCES(list, "p", D1T_CASCADE)};
    static const d1t_check checks[] = {{"k", "a > 0"}};
    d1t_table t = D1T_TABLE_FLAGS("t", columns, D1T_STRICT | D1T_WITHOUT_ROWID);
    char out[1000] = "";
    d1t_writer w;

    t.foreign_keys = keys;
    t.foreign_key_count = 1;
    t.checks = checks;
    t.check_count = 1;
    d1t_writer_fixed(&w, out, sizeof out - 1);
    d1t_write_create_table(&w, &t);
    CHECK_STR(out, "CREATE TABLE IF NOT EXISTS `t`(`a` INTEGER NOT NULL,`b` ANY COLLATE NOCASE NOT NULL DEFAULT (0),"
        "`c``` TEXT GENERATED ALWAYS AS (a) VIRTUAL,PRIMARY KEY(`a`),FOREIGN KEY(`b`,`a`) REFERENCES `p` ON DELETE "
        "CASCADE,CONSTRAINT `k` CHECK(a > 0)) WITHOUT ROWID,STRICT");
    memset(out, 0, sizeof out);
    d1t_writer_fixed(&w, out, sizeof out - 1);
    d1t_write_create_index(&w, &t, &index);
    CHECK_STR(out, "CREATE UNIQUE INDEX IF NOT EXISTS `i` ON `t`(`b`,`a`) WHERE b > 0");
}

static void test_defaults_checks_collations_and_keys_work(void)
{
    static const char insert[] = "INSERT INTO `every thing`(id, `select`, \"`blob`\", nocase, rtrim, json) VALUES ";
    char sql[300];

    forget();
    CHECK(create(&everything));
    sqlite3_exec(db, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL);
    snprintf(sql, sizeof sql, "%s(7, 'a', x'00', 'Abc', 'x', '{}')", insert);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_STR(answer("SELECT bool, virtual, stored, at, nocase = 'aBC', rtrim = 'x  ', typeof(\"any\") "
                     "FROM `every thing`", NULL), "0|8|A||1|1|null|\n");
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT);
    CHECK(strstr(sqlite3_errmsg(db), "UNIQUE constraint failed: every thing.id, every thing.select") != NULL);
    snprintf(sql, sizeof sql, "%s(-1, 'b', x'00', '', '', '')", insert);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT);
    CHECK_STR(sqlite3_errmsg(db), "CHECK constraint failed: it's positive");
    snprintf(sql, sizeof sql, "%s(NULL, 'b', x'00', '', '', '')", insert);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT);
    CHECK(strstr(sqlite3_errmsg(db), "NOT NULL constraint failed: every thing.id") != NULL);
    snprintf(sql, sizeof sql, "INSERT INTO `every thing`(id, `select`, \"`blob`\") VALUES (8, 'b', x'')");
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_STR(answer("SELECT nocase FROM `every thing` WHERE id = 8", NULL), "it's;|\n");
}

static void test_any_keeps_a_value_as_it_is(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("v", D1T_ANY, 0)};
    d1t_table t = D1T_TABLE("t", columns);

    for (t.flags = 0; t.flags <= D1T_STRICT; t.flags++) {
        forget();
        CHECK(create(&t));
        CHECK_INT(sqlite3_exec(db, "INSERT INTO t VALUES (1,'007'),(2,7),(3,7.0)", NULL, NULL, NULL), SQLITE_OK);
        CHECK_STR(answer("SELECT v, typeof(v) FROM t", NULL), "007|text|\n7|integer|\n7.0|real|\n");
    }
}

static void test_a_column_can_be_added_with_its_text(void)
{
    static const d1t_column added[] = {
        D1T_COLUMN("n", D1T_TEXT, 0), D1T_COLUMN_DEFAULT("d", D1T_INTEGER, D1T_NOT_NULL, "5"),
        D1T_COLUMN_GENERATED("g", D1T_INTEGER, 0, "id * 2"), {"c", D1T_TEXT, 0, "'x'", NULL, NULL, "NOCASE", NULL,
            NULL},
        D1T_COLUMN("a", D1T_ANY, 0),
    };
    char sql[300];
    size_t i;

    forget();
    CHECK(create(&plain));
    CHECK_INT(sqlite3_exec(db, "INSERT INTO plain VALUES (1, 'one')", NULL, NULL, NULL), SQLITE_OK);
    for (i = 0; i < COUNT(added); i++) {
        d1t_writer w;

        d1t_writer_fixed(&w, sql, sizeof sql);
        d1t_write_text(&w, "ALTER TABLE plain ADD COLUMN ");
        d1t_write_column(&w, &plain, &added[i]);
        CHECK(run(sql, w.n));
    }
    CHECK_STR(answer("SELECT n, d, g, c = 'X', a FROM plain", NULL), "|5|2|1||\n");
}

/* A comment at the end of an expression must not swallow what the header writes behind it. */
static void test_an_accepted_expression_never_breaks_the_statement(void)
{
    static const char *const odd[] = {"0 -- zero", "0 -- zero\n", "0 /* zero */", "-- zero\n 0"};
    size_t i;

    for (i = 0; i < COUNT(odd); i++) {
        d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
            D1T_COLUMN_DEFAULT("a", D1T_TEXT, 0, odd[i]), D1T_COLUMN_GENERATED("g", D1T_TEXT, 0, odd[i])};
        const d1t_check checks[] = {{"c", odd[i]}};
        d1t_table t = D1T_TABLE("t", columns);

        t.checks = checks;
        t.check_count = 1;
        forget();
        if (d1t_table_check(&t, NULL, NULL) == D1T_OK)
            CHECK(create(&t));
    }
}

/* ---- what tables made by others have, commands, full text ------------------------------------------------------ */

static void test_indexes_are_of_one_kind_each(void)
{
    static const char *const list[] = {"name"}, *const id[] = {"id"};
    static const struct {
        d1t_index index;
        const char *word;
    } bad[] = {
        {{"i", NULL, 0, 0, NULL, NULL, NULL}, "no columns"}, {{"i", list, 1, 0, NULL, "name", NULL}, "both"},
        {{"i", NULL, 0, 0, NULL, "name)", NULL}, "terms"}, {{"i", list, 1, 0, NULL, NULL, "x"}, "FTS5"},
        {{NULL, list, 1, D1T_UNIQUE, "1", NULL, NULL}, "only columns"},
        {{NULL, NULL, 0, D1T_UNIQUE, NULL, "name", NULL}, "only columns"},
        {{NULL, NULL, 0, D1T_UNIQUE, NULL, NULL, NULL}, "no columns"},
        {{"f", list, 1, D1T_FTS5 | D1T_UNIQUE, NULL, NULL, NULL}, "UNIQUE"},
        {{"f", list, 1, D1T_FTS5, "1", NULL, NULL}, "condition"}, {{"f", id, 1, D1T_FTS5, NULL, NULL, NULL}, "text"},
        {{"f", list, 1, D1T_FTS5, NULL, NULL, "x)"}, "options"}, {{"name", list, 1, D1T_FTS5, NULL, NULL, NULL},
        "named"},
    };
    const d1t_index good[] = {{NULL, list, 1, D1T_UNIQUE, NULL, NULL, NULL},
        {NULL, id, 1, D1T_UNIQUE, NULL, NULL, NULL}, {"t", NULL, 0, 0, "1", "lower(name), id DESC", NULL},
        {"f", list, 1, D1T_FTS5, NULL, NULL, "tokenize='porter'"}};
    d1t_index pair[] = {D1T_FTS5_INDEX("f", list), D1T_INDEX("F_AU", list)};
    d1t_table t = plain;
    size_t i;

    for (i = 0; i < COUNT(bad); i++) {
        t.indexes = &bad[i].index;
        t.index_count = 1;
        REFUSED(t, D1T_ERR_TABLE, NULL, bad[i].word);
    }
    t.indexes = pair;
    t.index_count = 2;
    REFUSED(t, D1T_ERR_TABLE, NULL, "trigger");
    t.indexes = good;
    t.index_count = COUNT(good);
    ACCEPTED(t);
    t.flags = D1T_WITHOUT_ROWID;
    REFUSED(t, D1T_ERR_TABLE, NULL, "WITHOUT ROWID");
}

static void test_autoincrement_needs_the_rowid(void)
{
    d1t_column columns[] = {{"id", D1T_INTEGER, D1T_KEY, NULL, NULL, NULL, NULL, NULL, NULL},
        D1T_COLUMN("b", D1T_INTEGER, 0)};
    d1t_table t = D1T_TABLE_FLAGS("t", columns, D1T_AUTOINCREMENT);
    char out[300] = "";
    d1t_writer w;

    ACCEPTED(t);
    d1t_writer_fixed(&w, out, sizeof out - 1);
    d1t_write_create_table(&w, &t);
    CHECK_STR(out, "CREATE TABLE IF NOT EXISTS `t`(`id` INTEGER PRIMARY KEY AUTOINCREMENT,`b` INTEGER)");
    t.flags |= D1T_WITHOUT_ROWID;
    REFUSED(t, D1T_ERR_TABLE, NULL, "AUTOINCREMENT");
    t.flags = D1T_AUTOINCREMENT | D1T_STRICT | D1T_BY_USER;
    ACCEPTED(t);
    columns[1].flags = D1T_KEY;
    REFUSED(t, D1T_ERR_TABLE, NULL, "AUTOINCREMENT");
    columns[1].flags = 0;
    columns[0].sql_type = "INT"; /* not the rowid: SQLite wants the very word */
    REFUSED(t, D1T_ERR_TABLE, NULL, "AUTOINCREMENT");
    columns[0].sql_type = "integer";
    ACCEPTED(t);
}

static void test_a_strict_table_has_its_six_types(void)
{
    static const char *const types[] = {"INT", "int", "INTEGER", "BIGINT", "INTEGER(2)"};
    d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("c", D1T_NUMERIC, 0)};
    d1t_table t = D1T_TABLE_FLAGS("t", columns, D1T_STRICT);
    size_t i;

    REFUSED(t, D1T_ERR_TABLE, "c", "STRICT");
    columns[1].type = D1T_INTEGER;
    for (i = 0; i < COUNT(types); i++) {
        columns[1].sql_type = types[i];
        if (i < 3)
            ACCEPTED(t);
        else
            REFUSED(t, D1T_ERR_TABLE, "c", "STRICT");
    }
}

static void test_renames_and_own_parents_are_checked(void)
{
    static const char *const list[] = {"name"}, *const nowhere[] = {"nowhere"};
    d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN_RENAMED("a", D1T_TEXT, 0, "x"),
        D1T_COLUMN_RENAMED("b", D1T_TEXT, 0, "X")};
    d1t_foreign_key key = {list, 1, "PLAIN", nowhere, D1T_NO_ACTION, D1T_NO_ACTION, true};
    d1t_table t = D1T_TABLE("t", columns);

    REFUSED(t, D1T_ERR_TABLE, "b", "the name that it had");
    columns[2].was = "y";
    ACCEPTED(t);
    t.was = "T";
    REFUSED(t, D1T_ERR_TABLE, NULL, "still");
    t = plain;
    t.foreign_keys = &key;
    t.foreign_key_count = 1;
    REFUSED(t, D1T_ERR_TABLE, NULL, "nowhere");
    key.parent = "other";
    ACCEPTED(t);
}

static void test_a_command_is_one_statement(void)
{
    static const struct {
        const char *sql;
        bool good;
    } list[] = {
        {"CREATE VIEW v AS SELECT 1", true}, {"SELECT 1;", false}, {"SELECT 1; SELECT 2", false}, {NULL, false},
        {"SELECT ?1", false}, {"", false}, {"SELECT (1", false}, {"SELECT 1 -- x", false},
        {"CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT CASE 1 WHEN 2 THEN 3 END; END", true},
        {"CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; DROP TABLE t", false},
        {"CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1;", false}, {"CREATE TRIGGER r; END x", false}};
    d1t_command commands[2] = {{"one", "SELECT 1", "SELECT 2"}, {"two", NULL, NULL}};
    d1t_table t = plain;
    size_t i;

    t.commands = commands;
    t.command_count = 2;
    for (i = 0; i < COUNT(list); i++) {
        commands[1].setup_sql = list[i].sql;
        commands[1].teardown_sql = NULL;
        if (list[i].good)
            ACCEPTED(t);
        else
            REFUSED(t, D1T_ERR_TABLE, NULL, "two");
        commands[1].setup_sql = "SELECT 1";
        commands[1].teardown_sql = list[i].sql;
        if (list[i].good || !list[i].sql)
            ACCEPTED(t);
        else
            REFUSED(t, D1T_ERR_TABLE, NULL, "teardown");
    }
    commands[1].teardown_sql = NULL;
    commands[1].name = "ONE";
    REFUSED(t, D1T_ERR_TABLE, NULL, "two commands");
}

/* The table, its FTS5 index and the triggers in SQLite; then rows come, change and go. */
static void check_full_text(const d1t_table *t, const char *match)
{
    char sql[1000];
    unsigned which;
    d1t_writer w;

    forget();
    ACCEPTED(*t);
    CHECK(create(t));
    CHECK(create(t)); /* IF NOT EXISTS */
    for (which = 0; which < D1T__FTS_TRIGGERS; which++) {
        d1t_writer_fixed(&w, sql, sizeof sql);
        d1t__write_fts_trigger(&w, t, &t->indexes[0], which);
        CHECK(run(sql, w.n));
        memset(sql, 0, sizeof sql);
        d1t_writer_fixed(&w, sql, sizeof sql);
        d1t__fts_trigger_name(&w, &t->indexes[0], which);
        CHECK_STR(answer("SELECT count(*) FROM sqlite_schema WHERE type='trigger' AND name=?1", sql), "1|\n");
    }
    snprintf(sql, sizeof sql, "INSERT INTO \"%s\" VALUES (5, 'red fox', 'x'), (7, 'blue whale', 'fox')", t->name);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_STR(answer(match, "red"), "5|\n");
    CHECK_STR(answer(match, "fox"), "5|\n7|\n");
    snprintf(sql, sizeof sql, "UPDATE \"%s\" SET \"a`\"='green' WHERE id=5", t->name);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    snprintf(sql, sizeof sql, "DELETE FROM \"%s\" WHERE id=7", t->name);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_STR(answer(match, "fox"), "");
    CHECK_STR(answer(match, "green"), "5|\n");
    snprintf(sql, sizeof sql, "INSERT INTO `%s`(`%s`, rank) VALUES ('integrity-check', 1)", t->indexes[0].name,
             t->indexes[0].name);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void test_a_full_text_index_follows_its_table(void)
{
    static const char *const list[] = {"a`", "b"};
    static const d1t_index indexes[] = {{"full text", list, 2, D1T_FTS5, NULL, NULL, "tokenize='porter'"}};
    d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a`", D1T_TEXT, 0),
        D1T_COLUMN("b", D1T_TEXT, 0), D1T_COLUMN("rowid", D1T_TEXT, 0)};
    d1t_table t = {"it's", columns, 3, indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};

    check_full_text(&t, "SELECT rowid FROM `full text` WHERE `full text` MATCH ?1 ORDER BY 1");
    columns[0].type = D1T_TEXT; /* its rows are found by a rowid without a name */
    check_full_text(&t, "SELECT id FROM `it's` WHERE rowid IN (SELECT rowid FROM `full text` WHERE `full text` "
        "MATCH ?1) "
                        "ORDER BY 1");
    t.column_count = 4;
    REFUSED(t, D1T_ERR_TABLE, NULL, "rowid");
}

/* ---- random declarations ------------------------------------------------------------------------------------ */

enum { RANDOM_COLUMNS = 8, RANDOM_NAMES = 40 };

/* A declaration and what it points to. */
typedef struct random_table {
    d1t_table       table;
    d1t_column      columns[RANDOM_COLUMNS];
    d1t_index       indexes[3];
    d1t_foreign_key keys[3];
    d1t_check       checks[3];
    const char     *lists[12][2];
    char            names[RANDOM_NAMES][40];
    size_t          name_count, list_count;
} random_table;

static const char *random_name(random_table *r)
{
    static const char *const odd[] = {"a", "SELECT", "two words", "`", "\"", "'", "[", "]", ";", "--", "/*", "\\",
        "\xc3\xa4", "\xf0\x9f\x98\x80", "?1", "%s", "x.y"};
    char *name = r->names[r->name_count];

    snprintf(name, sizeof r->names[0], "%s%u", odd[random_below(COUNT(odd))], (unsigned)r->name_count++);
    return name;
}

static const char *random_sql(void)
{
    static const char *const sql[] = {"1", "'x;'", "(2) + 3", "NULL", "'it''s \"quoted\" \\ `'", "x'00ff'", "-1.5e3",
        "abs(-1)", "'\xe2\x82\xac\n'"};

    return sql[random_below(COUNT(sql))];
}

static void random_column(random_table *r, d1t_column *c, bool key)
{
    static const d1t_type key_types[] = {D1T_INTEGER, D1T_TEXT, D1T_BLOB, D1T_UUID, D1T_DATE, D1T_TIMESTAMPTZ,
        D1T_BOOL};
    static const char *const collations[] = {NULL, "NOCASE", "RTRIM"};

    memset(c, 0, sizeof *c);
    c->name = random_name(r);
    c->type = key ? key_types[random_below(COUNT(key_types))] : (d1t_type)(1 + random_below(13));
    c->flags = key ? D1T_KEY : random_below(2) ? D1T_NOT_NULL : 0;
    if (random_below(4) == 0)
        c->default_sql = random_sql();
    if (key)
        return;
    c->collation = collations[random_below(3)];
    if (random_below(5) == 0) {
        c->default_sql = NULL;
        c->generated_sql = random_sql();
        c->flags |= random_below(2) ? D1T_STORED : 0;
    } else if (random_below(5) == 0) {
        c->on_write_sql = random_sql();
    }
}

/* Two different columns of the table. */
static const char *const *random_list(random_table *r)
{
    const char **list = r->lists[r->list_count++];
    const size_t first = random_below(r->table.column_count);

    list[0] = r->columns[first].name;
    list[1] = r->columns[(first + 1) % r->table.column_count].name;
    return list;
}

static void random_declaration(random_table *r)
{
    d1t_table *t = &r->table;
    size_t i;

    memset(r, 0, sizeof *r);
    t->name = random_name(r);
    t->columns = r->columns;
    t->column_count = 2 + random_below(RANDOM_COLUMNS - 1);
    for (i = 0; i < t->column_count; i++)
        random_column(r, &r->columns[i], i == 1 || random_below(5) == 0);
    t->indexes = r->indexes;
    t->index_count = random_below(4);
    t->foreign_keys = r->keys;
    t->foreign_key_count = random_below(4);
    t->checks = r->checks;
    t->check_count = random_below(4);
    for (i = 0; i < 3; i++) {
        r->indexes[i].name = random_name(r);
        r->indexes[i].column_count = 1 + random_below(2);
        r->indexes[i].columns = random_list(r);
        r->indexes[i].flags = random_below(2) ? D1T_UNIQUE : 0;
        r->indexes[i].where_sql = random_below(2) ? "1 > 0" : NULL;
        r->keys[i].parent = random_name(r);
        r->keys[i].column_count = 1 + random_below(2);
        r->keys[i].columns = random_list(r);
        r->keys[i].parent_columns = random_below(2) ? random_list(r) : NULL;
        r->keys[i].on_delete = (d1t_action)random_below(5);
        r->keys[i].on_update = (d1t_action)random_below(5);
        r->checks[i].name = random_name(r);
        r->checks[i].sql = random_sql();
    }
    t->flags = (uint32_t)random_below(4);
}

static void test_sqlite_takes_every_table_that_is_accepted(void)
{
    static random_table r;
    int i;

    for (i = 0; i < 400; i++) {
        random_declaration(&r);
        ACCEPTED(r.table);
        forget();
        check_in_sqlite(&r.table);
    }
}

/* ---- JSON --------------------------------------------------------------------------------------------------- */

/* The canonical JSON of a table, NUL-terminated; to be freed. */
static char *json_of(const d1t_table *t)
{
    d1t_buffer b;
    d1t_writer w;

    d1t_buffer_init(&b, standard, 1 << 20);
    d1t_writer_growing(&w, &b);
    d1t_table_to_json(t, &w);
    CHECK_INT(w.error, D1T_OK);
    CHECK_INT(d1t_buffer_add(&b, "", 1), D1T_OK);
    return b.p;
}

/* Reads a copy that ends where the text does and is gone afterwards. */
static d1t_result from_json(const char *json, size_t n, d1t_arena *arena, const d1t_table **t, d1t_error *e)
{
    char *copy = (char *)malloc(n ? n : 1);
    d1t_result result;

    memcpy(copy, json, n);
    memset(e, 0, sizeof *e);
    result = d1t_table_from_json(d1t_bytes(copy, n), arena, t, e);
    CHECK_INT(e->code, result);
    free(copy);
    return result;
}

static void test_the_canonical_json_is_this(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("id", D1T_UUID, D1T_KEY | D1T_NOT_NULL),
        {"n\"", D1T_TEXT, D1T_NOT_NULL, "'x'", NULL, NULL, "NOCASE", NULL, NULL},
        D1T_COLUMN_GENERATED("g", D1T_INTEGER, D1T_STORED, "1"),
        D1T_COLUMN_ON_WRITE("w", D1T_TEXT, 0, "CURRENT_TIMESTAMP"),
    };
    static const char *const list[] = {"g", "w"};
    static const d1t_index indexes[] = {{"i", list, 2, D1T_UNIQUE, "g > 0", NULL, NULL}, {"j", list, 1, 0, NULL, NULL,
        NULL}};
    static const d1t_foreign_key keys[] = {{list, 2, "p", list, D1T_SET_NULL, D1T_RESTRICT, false}};
    static const d1t_check checks[] = {{"c", "g"}};
    const d1t_table t = {"t", columns, 4, indexes, 2, keys, 1, checks, 1, D1T_STRICT | D1T_WITHOUT_ROWID, NULL, 0,
        NULL};
    char *json = json_of(&t);

    CHECK_STR(json, "{\"version\":1,\"name\":\"t\",\"columns\":[{\"name\":\"id\",\"type\":\"uuid\",\"key\":true},"
        "{\"name\":\"n\\\"\",\"type\":\"text\",\"not_null\":true,\"default\":\"'x'\",\"collation\":\"NOCASE\"},"
        "{\"name\":\"g\",\"type\":\"integer\",\"generated\":\"1\",\"stored\":true},"
        "{\"name\":\"w\",\"type\":\"text\",\"on_write\":\"CURRENT_TIMESTAMP\"}],"
        "\"indexes\":[{\"name\":\"i\",\"columns\":[\"g\",\"w\"],\"unique\":true,\"where\":\"g > 0\"},"
        "{\"name\":\"j\",\"columns\":[\"g\"]}],"
        "\"foreign_keys\":[{\"parent\":\"p\",\"columns\":[\"g\",\"w\"],\"parent_columns\":[\"g\",\"w\"],"
        "\"on_delete\":\"set null\",\"on_update\":\"restrict\"}],"
        "\"checks\":[{\"name\":\"c\",\"sql\":\"g\"}],\"strict\":true,\"without_rowid\":true}");
    free(json);
    json = json_of(&plain);
    CHECK_STR(json, "{\"version\":1,\"name\":\"plain\",\"columns\":[{\"name\":\"id\",\"type\":\"integer\","
        "\"key\":true},{\"name\":\"name\",\"type\":\"text\"}]}");
    free(json);
}

static const d1t_column foreign_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), {"n", D1T_NUMERIC, 0, NULL, NULL, NULL, NULL, "DECIMAL(5)", "m"},
    D1T_COLUMN("t", D1T_TEXT, 0),
};
static const char *const foreign_list[] = {"t"};
static const d1t_index foreign_indexes[] = {
    {NULL, foreign_list, 1, D1T_UNIQUE, NULL, NULL, NULL}, {"x", NULL, 0, D1T_UNIQUE, "n", "n DESC", NULL},
    {"f", foreign_list, 1, D1T_FTS5, NULL, NULL, "prefix='2'"},
};
static const d1t_foreign_key foreign_keys[] = {{foreign_list, 1, "p", NULL, D1T_NO_ACTION, D1T_NO_ACTION, true}};
static const d1t_check foreign_checks[] = {{NULL, "n > 0"}, {"c", "n < 9"}};
static const d1t_command foreign_commands[] = {{"v", "CREATE VIEW v AS SELECT 1", "DROP VIEW v"}, {"w", "SELECT 1",
    NULL}};
static const d1t_table foreign = {"new", foreign_columns, 3, foreign_indexes, 3, foreign_keys, 1, foreign_checks, 2,
    D1T_AUTOINCREMENT | D1T_BY_USER, foreign_commands, 2, "old"};

static void test_the_canonical_json_of_all_else_is_this(void)
{
    char *json = json_of(&foreign);

    ACCEPTED(foreign);
    CHECK_STR(json,
        "{\"version\":1,\"name\":\"new\",\"was\":\"old\",\"columns\":[{\"name\":\"id\",\"type\":\"integer\","
        "\"key\":true},{\"name\":\"n\",\"type\":\"numeric\",\"sql_type\":\"DECIMAL(5)\",\"was\":\"m\"},"
        "{\"name\":\"t\",\"type\":\"text\"}],\"indexes\":[{\"unique\":true,\"columns\":[\"t\"]},"
        "{\"name\":\"x\",\"unique\":true,\"where\":\"n\",\"terms\":\"n DESC\"},"
        "{\"name\":\"f\",\"columns\":[\"t\"],\"fts5\":true,\"fts\":\"prefix='2'\"}],"
        "\"foreign_keys\":[{\"parent\":\"p\",\"columns\":[\"t\"],\"deferred\":true}],"
        "\"checks\":[{\"sql\":\"n > 0\"},{\"name\":\"c\",\"sql\":\"n < 9\"}],"
        "\"commands\":[{\"name\":\"v\",\"setup\":\"CREATE VIEW v AS SELECT 1\",\"teardown\":\"DROP VIEW v\"},"
        "{\"name\":\"w\",\"setup\":\"SELECT 1\"}],\"autoincrement\":true,\"managed_by\":\"user\"}");
    free(json);
}

/* "the same table always gives the same bytes": BINARY is the default. */
static void test_a_default_said_aloud_is_left_out(void)
{
    d1t_column columns[2] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0)};
    d1t_table t = plain;
    char *json, *expect = json_of(&plain);

    columns[1].collation = "BINARY";
    t.columns = columns;
    json = json_of(&t);
    CHECK_STR(json, expect);
    free(json);
    free(expect);
}

static void test_table_json_that_is_refused_says_how_far_it_was_read(void)
{
    static const char json[] = "{\"version\":1,\"name\":\"t\",\n\"columns\":[{\"name\":\"a\",\"type\":\"strng\"}]}";
    const d1t_table *t = NULL;
    d1t_arena arena;
    d1t_error e;

    d1t_arena_init(&arena, standard, 0);
    CHECK_INT(from_json(json, strlen(json), &arena, &t, &e), D1T_ERR_TABLE);
    CHECK(e.need >= (uint64_t)(strstr(json, "strng") - json) && e.need <= (uint64_t)(strstr(json, "}]") - json));
    d1t_arena_free(&arena);
}

static void write_create(const d1t_table *t, char *out, size_t cap)
{
    d1t_writer w;
    size_t i;

    d1t_writer_fixed(&w, out, cap - 1);
    d1t_write_create_table(&w, t);
    for (i = 0; i < t->index_count; i++)
        d1t_write_create_index(&w, t, &t->indexes[i]);
    CHECK_INT(w.error, D1T_OK);
    out[w.n] = 0;
}

/* Out, in and out again: the same bytes, and the same statements. */
static void check_round_trip(const d1t_table *t)
{
    static char sql[2][20000];
    const d1t_table *back = NULL;
    char *json = json_of(t), *again;
    d1t_arena arena;
    d1t_error e;

    d1t_arena_init(&arena, standard, 0);
    CHECK_INT(from_json(json, strlen(json), &arena, &back, &e), D1T_OK);
    if (back) {
        again = json_of(back);
        CHECK_STR(again, json);
        free(again);
        write_create(t, sql[0], sizeof sql[0]);
        write_create(back, sql[1], sizeof sql[1]);
        CHECK_STR(sql[1], sql[0]);
        CHECK_INT(d1t_table_check(back, NULL, NULL), D1T_OK);
    }
    d1t_arena_free(&arena);
    free(json);
}

static void test_json_out_in_and_out_is_the_same(void)
{
    static random_table r;
    d1t_table t = everything;
    int i;

    for (t.flags = 0; t.flags < 4; t.flags++)
        check_round_trip(&t);
    check_round_trip(&plain);
    check_round_trip(&foreign);
    for (i = 0; i < 1000; i++) {
        random_declaration(&r);
        check_round_trip(&r.table);
    }
}

static void test_order_and_white_space_do_not_matter(void)
{
    static const char json[] = " { \"columns\" : [ { \"type\":\"integer\", \"key\" : true, \"n\\u0061me\":\"id\" } ,\n"
        "{\"name\":\"name\",\"type\":\"text\"}],\r\n\"name\":\"pl\\u0061in\",\t\"version\":1}\n";
    char *expect = json_of(&plain), *got;
    const d1t_table *t = NULL;
    d1t_arena arena;
    d1t_error e;

    d1t_arena_init(&arena, standard, 0);
    CHECK_INT(from_json(json, strlen(json), &arena, &t, &e), D1T_OK);
    if (t) {
        got = json_of(t);
        CHECK_STR(got, expect);
        free(got);
    }
    d1t_arena_free(&arena);
    free(expect);
}

#define START "{\"version\":1,\"name\":\"t\""

static const struct {
    const char *json, *word;
} unknown[] = {
    {START ",\"colour\":\"red\"}", "colour"}, {START ",\"colour\":7}", "colour"},
    {START ",\"colour\":true}", "colour"}, {START ",\"colour\":false}", "colour"},
    {START ",\"colour\":null}", "colour"}, {START ",\"colour\":[]}", "colour"}, {START ",\"colour\":{}}", "colour"},
    {START ",\"colour\":[{}]}", "colour"}, {START ",\"colour\":[\"red\"]}", "colour"},
    {START ",\"a_name_longer_than_any_other\":1}", "a_name_longer"}, {START ",\"key\":true}", "key"},
    {START ",\"name\\u0000\":\"x\"}", ""}, {START ",\"\":\"x\"}", ""},
    {START ",\"columns\":[{\"name\":\"a\",\"size\":\"9\"}]}", "size"}, {START ",\"columns\":[{\"size\":9}]}", "size"},
    {START ",\"columns\":[{\"unique\":true}]}", "unique"}, {START ",\"columns\":[{\"where\":\"1\"}]}", "where"},
    {START ",\"columns\":[{\"type\":\"varchar\"}]}", "varchar"},
    {START ",\"columns\":[{\"type\":\"TEXT\"}]}", "TEXT"}, {START ",\"columns\":[{\"type\":\"\"}]}", ""},
    {START ",\"columns\":[{\"columns\":[\"a\"]}]}", "columns"}, {START ",\"indexes\":[{\"key\":true}]}", "key"},
    {START ",\"indexes\":[{\"sql\":\"1\"}]}", "sql"},
    {START ",\"indexes\":[{\"parent_columns\":[\"a\"]}]}", "parent_columns"},
    {START ",\"foreign_keys\":[{\"name\":\"a\"}]}", "name"},
    {START ",\"foreign_keys\":[{\"unique\":true}]}", "unique"},
    {START ",\"foreign_keys\":[{\"on_delete\":\"explode\"}]}", "explode"},
    {START ",\"foreign_keys\":[{\"on_update\":\"CASCADE\"}]}", "CASCADE"},
    {START ",\"checks\":[{\"where\":\"1\"}]}", "where"}, {START ",\"checks\":[{\"columns\":[]}]}", "columns"},
    {"{\"version\":2,\"name\":\"t\"}", "version"}, {"{\"version\":\"1\",\"name\":\"t\"}", "version"},
    {"{\"version\":1.0,\"name\":\"t\"}", "version"}, {"{\"name\":\"t\"}", "version"}, {"{\"version\":1}", "name"},
    {"{\"version\":1,\"name\":null}", "name"}, {"{\"version\":1,\"name\":[\"t\"]}", "name"},
    {START ",\"managed_by\":\"me\"}", "managed_by"}, {START ",\"commands\":[{\"sql\":\"1\"}]}", "sql"},
    {START ",\"columns\":[{\"deferred\":true}]}", "deferred"}, {START ",\"indexes\":[{\"was\":\"x\"}]}", "was"},
    {START ",\"strict\":[]}", "strict"}, {START ",\"strict\":\"yes\"}", "strict"}, {START ",\"strict\":1}", "strict"},
    {START ",\"columns\":\"id\"}", "columns"}, {START ",\"columns\":{}}", ""},
    {START ",\"columns\":[\"id\"]}", "columns"}, {START ",\"columns\":[[]]}", ""},
    {START ",\"columns\":[{\"name\":{}}]}", ""}, {START ",\"columns\":true}", "columns"},
    {START ",\"columns\":[{\"key\":\"yes\"}]}", "key"}, {START ",\"columns\":[{\"name\":true}]}", "name"},
    {START ",\"indexes\":[{\"columns\":\"a\"}]}", "columns"}, {START ",\"indexes\":[{\"columns\":[1]}]}", "columns"},
    {START ",\"columns\":[{\"name\":\"a\\u0000b\",\"type\":\"text\"}]}", ""},
    {"{\"version\":1,\"name\":\"t\\u0000x\"}", ""},
    {START ",\"foreign_keys\":[{\"parent\":\"p\",\"columns\":[\"a\",\"b\"],\"parent_columns\":[\"x\"]}]}", ""},
    {START ",\"foreign_keys\":[{\"parent\":\"p\",\"parent_columns\":[\"x\",\"y\"],\"columns\":[\"a\"]}]}", ""},
    {START ",\"foreign_keys\":[{\"parent\":\"p\",\"parent_columns\":[\"x\"]}]}", ""}, {"[]", ""},
    {"[" START "}]", ""}, {"\"t\"", ""}, {"1", ""}, {"true", ""}, {"null", ""}, {"{}", "version"},
};

static void test_unknown_members_and_words_are_refused_by_name(void)
{
    size_t i;

    for (i = 0; i < COUNT(unknown); i++) {
        const d1t_table *t = NULL;
        d1t_arena arena;
        d1t_error e;

        d1t_arena_init(&arena, standard, 0);
        if (from_json(unknown[i].json, strlen(unknown[i].json), &arena, &t, &e) != D1T_ERR_TABLE ||
            !strstr(e.text, unknown[i].word))
            printf("%s\n  gave %s: %s\n", unknown[i].json, d1t_result_name(e.code), e.text);
        CHECK_INT(e.code, D1T_ERR_TABLE);
        CHECK(strstr(e.text, unknown[i].word) != NULL && t == NULL);
        check_line(e.text);
        d1t_arena_free(&arena);
    }
}

static void test_json_cut_anywhere_is_no_json(void)
{
    char *json = json_of(&everything);
    const size_t n = strlen(json);
    size_t cut;

    for (cut = 0; cut < n; cut++) {
        const d1t_table *t = NULL;
        d1t_arena arena;
        d1t_error e;

        d1t_arena_init(&arena, standard, 0);
        CHECK_INT(from_json(json, cut, &arena, &t, &e), D1T_ERR_JSON);
        CHECK(t == NULL);
        check_line(e.text);
        d1t_arena_free(&arena);
    }
    free(json);
}

/* Whatever still reads as a table can be checked and written. */
static void test_damaged_json_does_no_damage(void)
{
    static const char bytes[] = "\"\\{}[],:x01ntf \xff\x01";
    char *json = json_of(&everything);
    const size_t n = strlen(json);
    int i;

    for (i = 0; i < 20000; i++) {
        const size_t at = random_below(n), other = random_below(n);
        const char kept = json[at], kept_other = json[other];
        const d1t_table *t = NULL;
        d1t_arena arena;
        d1t_error e;

        json[at] = i % 2 ? json[other] : bytes[random_below(sizeof bytes - 1)];
        json[other] = i % 2 ? kept : json[other];
        d1t_arena_init(&arena, standard, 0);
        if (from_json(json, n, &arena, &t, &e) == D1T_OK) {
            free(json_of(t));
            if (d1t_table_check(t, NULL, &e) == D1T_OK)
                check_round_trip(t);
        }
        d1t_arena_free(&arena);
        json[other] = kept_other;
        json[at] = kept;
    }
    free(json);
}

static void test_json_without_memory_is_an_error_and_no_leak(void)
{
    char *json = json_of(&everything);
    int for_ever;
    size_t i;

    for (for_ever = 0; for_ever <= 1; for_ever++) {
        d1t_result result = D1T_ERR_NOMEM;

        for (i = 1; result != D1T_OK && i < 1000; i++) {
            checked_alloc memory = {0, 0, 0, 0};
            const d1t_table *t = NULL;
            d1t_arena arena;
            d1t_error e;

            memory.fail_at = i;
            memory.for_ever = for_ever;
            d1t_arena_init(&arena, checked_allocator(&memory), 0);
            result = from_json(json, strlen(json), &arena, &t, &e);
            CHECK(memory.calls < i ? result == D1T_OK && t : result == D1T_ERR_NOMEM && !t);
            d1t_arena_free(&arena);
            CHECK_INT(memory.live, 0);
        }
        CHECK(i > 3 && result == D1T_OK);
    }
    free(json);
}

static void test_the_cap_of_the_arena_holds(void)
{
    char *json = json_of(&everything);
    d1t_result result = D1T_ERR_NOMEM;
    size_t max;

    for (max = 1; result != D1T_OK && max < 200000; max += 500) {
        checked_alloc memory = {0, 0, 0, 0};
        const d1t_table *t = NULL;
        d1t_arena arena;
        d1t_error e;

        d1t_arena_init(&arena, checked_allocator(&memory), max);
        result = from_json(json, strlen(json), &arena, &t, &e);
        CHECK(result == D1T_OK || result == D1T_ERR_NOMEM);
        CHECK(memory.live <= max);
        d1t_arena_free(&arena);
        CHECK_INT(memory.live, 0);
    }
    CHECK(result == D1T_OK && max > 1000);
    free(json);
}

int main(void)
{
    forget();
    RUN(test_a_good_table_is_accepted);
    RUN(test_the_default_limits_are_those_of_d1);
    RUN(test_no_table_and_no_columns_are_refused);
    RUN(test_a_bad_name_is_refused_wherever_it_stands);
    RUN(test_a_bad_column_name_is_named_as_the_column);
    RUN(test_no_name_may_appear_twice);
    RUN(test_a_hundred_columns_and_not_one_more);
    RUN(test_a_column_is_what_a_column_can_be);
    RUN(test_an_expression_is_one_whole_expression);
    RUN(test_indexes_and_foreign_keys_are_over_declared_columns);
    RUN(test_a_check_has_its_expression);
    RUN(test_a_long_text_is_cut_at_a_character);
    RUN(test_the_longest_names_are_in_the_error);
    RUN(test_the_first_error_of_an_object_stays);
    RUN(test_columns_are_found_by_name_as_sqlite_does);
    RUN(test_six_sql_types_none_for_any_and_those_of_others);
    RUN(test_sqlite_makes_of_a_table_what_was_declared);
    RUN(test_the_texts_are_these);
    RUN(test_defaults_checks_collations_and_keys_work);
    RUN(test_any_keeps_a_value_as_it_is);
    RUN(test_a_column_can_be_added_with_its_text);
    RUN(test_an_accepted_expression_never_breaks_the_statement);
    RUN(test_indexes_are_of_one_kind_each);
    RUN(test_autoincrement_needs_the_rowid);
    RUN(test_a_strict_table_has_its_six_types);
    RUN(test_renames_and_own_parents_are_checked);
    RUN(test_a_command_is_one_statement);
    RUN(test_a_full_text_index_follows_its_table);
    RUN(test_sqlite_takes_every_table_that_is_accepted);
    RUN(test_the_canonical_json_is_this);
    RUN(test_the_canonical_json_of_all_else_is_this);
    RUN(test_table_json_that_is_refused_says_how_far_it_was_read);
    RUN(test_a_default_said_aloud_is_left_out);
    RUN(test_json_out_in_and_out_is_the_same);
    RUN(test_order_and_white_space_do_not_matter);
    RUN(test_unknown_members_and_words_are_refused_by_name);
    RUN(test_json_cut_anywhere_is_no_json);
    RUN(test_damaged_json_does_no_damage);
    RUN(test_json_without_memory_is_an_error_and_no_leak);
    RUN(test_the_cap_of_the_arena_holds);
    sqlite3_close(db);
    TEST_MAIN_END;
}
