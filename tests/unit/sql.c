/* >>sql: names and strings judged by real SQLite, the tokenizer against SQLite's own. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/random.h"
#include "../support/test.h"
#include "../support/utf8.h"

#include <sqlite3.h>
#include <stdlib.h>

static sqlite3 *db;

/* Prepares the whole text as one statement; NULL if SQLite refuses it or leaves something over. */
static sqlite3_stmt *prepare(const char *sql, size_t n)
{
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;

    if (sqlite3_prepare_v2(db, sql, (int)n, &stmt, &tail) != SQLITE_OK || tail != sql + n) {
        sqlite3_finalize(stmt);
        return NULL;
    }
    return stmt;
}

/* A table and a column of that name can be made and read, and SQLite calls them by it. */
static void check_name_in_sqlite(const char *name)
{
    char sql[1000];
    sqlite3_stmt *stmt;
    d1t_writer w;

    d1t_writer_fixed(&w, sql, sizeof sql);
    d1t_write_text(&w, "CREATE TABLE ");
    d1t_write_name(&w, name);
    d1t_write_text(&w, "(");
    d1t_write_name(&w, name);
    d1t_write_text(&w, " INTEGER)");
    sqlite3_exec(db, "SAVEPOINT clean", NULL, NULL, NULL);
    stmt = prepare(sql, w.n);
    CHECK(stmt && sqlite3_step(stmt) == SQLITE_DONE);
    sqlite3_finalize(stmt);
    d1t_writer_fixed(&w, sql, sizeof sql);
    d1t_write_text(&w, "SELECT count(*), ");
    d1t_write_name(&w, name);
    d1t_write_text(&w, " FROM ");
    d1t_write_name(&w, name);
    stmt = prepare(sql, w.n);
    CHECK_STR(stmt ? sqlite3_column_name(stmt, 1) : sqlite3_errmsg(db), name);
    sqlite3_finalize(stmt);
    sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema", -1, &stmt, NULL);
    CHECK(stmt && sqlite3_step(stmt) == SQLITE_ROW);
    CHECK_STR((const char *)sqlite3_column_text(stmt, 0), name);
    sqlite3_finalize(stmt);
    sqlite3_exec(db, "ROLLBACK TO clean; RELEASE clean", NULL, NULL, NULL);
}

static void test_keywords_and_odd_names_are_names_in_sqlite(void)
{
    static const char *const names[] = {"a", "two words", "`", "``", "a`b", "`a`", "\"", "a\"b", "'", "it's", "[", "]",
        "[a]", "--", "/*", "*/", ";", "a;b", "?1", ":a", "@a", "$a", "1", "1a", "a.b", "%s", "\\", "\xc3\xa4",
        "\xf0\x9f\x98\x80", "\xe2\x82\xac`", " ", " a ", "rowid", "oid", "true", "null", "_d1", "cf_", "sqlite",
        "SELECT"};
    size_t i;
    int k, length;

    for (i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK_INT(d1t_check_name(names[i]), D1T_OK);
        check_name_in_sqlite(names[i]);
    }
    for (k = 0; k < sqlite3_keyword_count(); k++) {
        const char *word;
        char name[64];

        sqlite3_keyword_name(k, &word, &length);
        snprintf(name, sizeof name, "%.*s", length, word);
        CHECK_INT(d1t_check_name(name), D1T_OK);
        check_name_in_sqlite(name);
    }
}

/* A random text of at most `most` bytes, ended by 0; no NUL in it. */
static size_t random_text(char *out, size_t most)
{
    static const char often[] = "`'\"[]; -/*?\\\n\t";
    size_t n = 0;

    while (n + 4 <= most && random_below(24) > 0) {
        const uint32_t code = 1 + (uint32_t)random_below(random_below(3) ? 0x7f : 0x10ffff);

        if (random_below(2))
            out[n++] = often[random_below(sizeof often - 1)];
        else if (code >> 11 != 0x1b)
            n += utf8_put((unsigned char *)out + n, code);
    }
    out[n] = 0;
    return n;
}

static void test_every_name_that_is_accepted_works_in_sqlite(void)
{
    char name[132];
    int i, accepted = 0;

    for (i = 0; i < 4000; i++) {
        random_text(name, 128);
        if (d1t_check_name(name) == D1T_OK) {
            accepted++;
            check_name_in_sqlite(name);
        }
    }
    CHECK(accepted > 500);
}

static void test_a_misspelt_name_is_an_error_and_no_string(void)
{
    char sql[200];
    d1t_writer w;

    CHECK_INT(sqlite3_exec(db, "CREATE TABLE t(kind TEXT)", NULL, NULL, NULL), SQLITE_OK);
    d1t_writer_fixed(&w, sql, sizeof sql);
    d1t_write_text(&w, "DELETE FROM t WHERE ");
    d1t_write_name(&w, "knid");
    d1t_write_text(&w, " = 'x'");
    CHECK(prepare(sql, w.n) == NULL);
    CHECK(strstr(sqlite3_errmsg(db), "knid") != NULL);
    sqlite3_exec(db, "DROP TABLE t", NULL, NULL, NULL);
}

static void check_string_in_sqlite(const char *text, size_t n)
{
    char sql[1000];
    sqlite3_stmt *stmt;
    d1t_writer w;

    d1t_writer_fixed(&w, sql, sizeof sql);
    d1t_write_text(&w, "SELECT ");
    d1t_write_sql_string(&w, d1t_bytes(text, n));
    d1t_write_text(&w, " AS v");
    stmt = prepare(sql, w.n);
    CHECK(stmt && sqlite3_step(stmt) == SQLITE_ROW);
    CHECK_INT(sqlite3_column_type(stmt, 0), SQLITE_TEXT);
    CHECK_INT(sqlite3_column_bytes(stmt, 0), n);
    CHECK(n == 0 || memcmp(sqlite3_column_blob(stmt, 0), text, n) == 0);
    sqlite3_finalize(stmt);
}

static void test_strings_come_back_from_sqlite(void)
{
    char text[300];
    int i;

    check_string_in_sqlite(NULL, 0);
    check_string_in_sqlite("", 0);
    check_string_in_sqlite("'", 1);
    check_string_in_sqlite("''x'';DROP TABLE t;--", 21);
    for (i = 0; i < 10000; i++)
        check_string_in_sqlite(text, random_text(text, 250));
}

static void test_names_and_strings_are_escaped_for_their_place(void)
{
    char out[64] = "";
    d1t_writer w;

    d1t_writer_fixed(&w, out, sizeof out - 1);
    w.level = 1;
    d1t_write_name(&w, "a\"`\n");
    d1t_write_sql_string(&w, d1t_cstr("\\'"));
    CHECK_STR(out, "`a\\\"``\\n`'\\\\'''");
}

static void test_a_name_has_1_to_128_bytes(void)
{
    char name[140];
    size_t n;

    CHECK_INT(d1t_check_name(NULL), D1T_ERR_NAME);
    for (n = 0; n < 135; n++) {
        memset(name, 'n', n);
        name[n] = 0;
        CHECK_INT(d1t_check_name(name), n >= 1 && n <= 128 ? D1T_OK : D1T_ERR_NAME);
    }
}

static void test_a_name_is_utf8_without_control_characters(void)
{
    int c;

    for (c = 1; c < 128; c++) {
        const char name[4] = {'a', (char)c, 'b', 0};

        CHECK_INT(d1t_check_name(name), c < 0x20 || c == 0x7f ? D1T_ERR_NAME : D1T_OK);
    }
    for (c = 128; c < 256; c++) {
        const char name[4] = {'a', (char)c, 'b', 0};

        CHECK_INT(d1t_check_name(name), D1T_ERR_UTF8);
    }
    CHECK_INT(d1t_check_name("\xed\xa0\x80"), D1T_ERR_UTF8);
    CHECK_INT(d1t_check_name("a\xe2\x82"), D1T_ERR_UTF8);
}

static void test_reserved_names_are_refused_in_any_case(void)
{
    static const char *const bad[] = {"sqlite_", "sqlite_x", "SQLITE_X", "Sqlite_sequence", "_cf_", "_CF_KV", "_cf_x",
        "_d1t_", "_D1T_meta", "_d1T_x"};
    static const char *const good[] = {"sqlite", "sqlitex", "_cf", "cf_", "_d1t", "d1t_", "_d1_x", "a_sqlite_",
        "x_cf_"};
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_INT(d1t_check_name(bad[i]), D1T_ERR_NAME);
    for (i = 0; i < sizeof good / sizeof *good; i++)
        CHECK_INT(d1t_check_name(good[i]), D1T_OK);
}

/* The tokens as one text: a letter for the kind, then the text. */
static const char *tokens(const char *sql)
{
    static const char letters[] = "ewnsdpyB";
    static char out[1000];
    size_t pos = 0, n = 0;
    d1t_sql_token t;

    do {
        t = d1t_sql_next(d1t_cstr(sql), &pos);
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%c(%.*s)", n ? " " : "", letters[t.kind], (int)t.text.n,
                              t.text.p);
    } while (t.kind != D1T_SQL_END && t.kind != D1T_SQL_BAD);
    return out;
}

static void test_tokens_are_what_they_look_like(void)
{
    CHECK_STR(tokens(""), "e()");
    CHECK_STR(tokens(" \t\r\n\f-- all\n/* of *it */ -- gone"), "e()");
    CHECK_STR(tokens("SELECT a_1,\xc3\xa4$ FROM t;"), "w(SELECT) w(a_1) y(,) w(\xc3\xa4$) w(FROM) w(t) y(;) e()");
    CHECK_STR(tokens("'it''s' \"a\"\"b\" `a``b` [a]]"),
              "s('it''s') n(\"a\"\"b\") n(`a``b`) n([a]) y(]) e()");
    CHECK_STR(tokens("?,?12,:a,@b_1,$c"), "p(?) y(,) p(?12) y(,) p(:a) y(,) p(@b_1) y(,) p($c) e()");
    CHECK_STR(tokens("1 2.5 0x1F"), "d(1) d(2.5) d(0x1F) e()");
    CHECK_STR(tokens("a-b/c"), "w(a) y(-) w(b) y(/) w(c) e()");
    CHECK_STR(tokens("'?1 -- /*'--?2\n/*?3'*/?4"), "s('?1 -- /*') p(?4) e()");
    CHECK_STR(tokens("x/**/y"), "w(x) w(y) e()");
    CHECK_STR(tokens("x\xe2\x82\x80\xef\xbf\xbf,"), "w(x\xe2\x82\x80\xef\xbf\xbf) y(,) e()");
}

static void test_what_has_no_end_is_bad(void)
{
    static const char *const bad[] = {"'a", "'", "'a''", "\"a", "`a", "[a", "/* a", "/*", "/*/", "a 'b", "1 /* * /"};
    static const char *const good[] = {"''", "'a'''", "\"\"", "``", "[]", "/**/", "/* ' */", "-- '", "-", "/"};
    size_t i;

    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(strchr(tokens(bad[i]), 'B') != NULL);
    for (i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(strchr(tokens(good[i]), 'B') == NULL);
}

/* Things that may stand in a list of results; each has at most one parameter that counts. */
static const char *const items[] = {"1", "2.5", "'a?1;'", "'it''s :x'", "x'3f3b'", "?", "?7", ":name", "@at", "$dollar",
    "1 AS \"b?2;\"", "2 AS `c?3``;`", "3 AS [d:x;]", "4 AS ?_", "NULL -- ?4 ; '\n", "/* ?5 ; ' */ 5", "(?9)", "-?8",
    "'\xc3\xa4\xf0\x9f\x98\x80'", "6/*'*/", "7 AS \xc3\xa4", "'--'", "\"'\"||1", "1;SELECT 2", "8;", "';"};

/* SELECT of random items, which SQLite may or may not take. Names get numbers from 51, which no ?N has. */
static size_t random_select(char *sql)
{
    size_t n = (size_t)sprintf(sql, "SELECT ?50, "), k;

    for (k = 1 + random_below(8); k > 0; k--)
        n += (size_t)sprintf(sql + n, "%s%s", items[random_below(sizeof items / sizeof *items)], k > 1 ? ", " : " ");
    return n;
}

/* How many different parameters the first statement has by our tokens (a bare ? counts as one each), where it ends. */
static int count_parameters(d1t_str sql, size_t *end)
{
    size_t pos = 0, seen = 0, i;
    d1t_str names[16];
    d1t_sql_token t;

    while ((t = d1t_sql_next(sql, &pos)).kind != D1T_SQL_END && !(t.kind == D1T_SQL_SYMBOL && t.text.p[0] == ';')) {
        CHECK(t.kind != D1T_SQL_BAD);
        if (t.kind != D1T_SQL_PARAMETER)
            continue;
        for (i = 0; i < seen && !(t.text.n > 1 && d1t_str_equal(names[i], t.text)); i++) {}
        if (i == seen)
            names[seen++] = t.text;
    }
    *end = pos;
    return (int)seen;
}

/* Parameters that SQLite has bound a place for; ?7 makes places that nobody named. */
static int sqlite_parameters(sqlite3_stmt *stmt)
{
    int i, count = 0;

    for (i = 1; i <= sqlite3_bind_parameter_count(stmt); i++)
        count += sqlite3_bind_parameter_name(stmt, i) != NULL;
    return count;
}

static void test_parameters_and_ends_are_where_sqlite_sees_them(void)
{
    char sql[1000];
    int i, judged = 0;

    for (i = 0; i < 40000; i++) {
        const size_t n = random_select(sql);
        sqlite3_stmt *stmt = NULL;
        const char *tail = NULL;
        size_t end = 0;

        if (strstr(sql, "?,") || strstr(sql, "? "))
            continue; /* a bare ? has no name to be counted by */
        if (sqlite3_prepare_v2(db, sql, (int)n, &stmt, &tail) == SQLITE_OK && stmt) {
            judged++;
            CHECK_INT(count_parameters(d1t_bytes(sql, n), &end), sqlite_parameters(stmt));
            CHECK_INT(end, tail - sql);
        }
        sqlite3_finalize(stmt);
    }
    CHECK(judged > 5000);
}

/* Any text, in a copy of its size: tokens follow each other, nothing but space and comments is between them. */
static void check_walk(const char *text, size_t n)
{
    char *copy = (char *)malloc(n ? n : 1);
    size_t pos = 0, before, rounds = 0;
    d1t_sql_token t;

    memcpy(copy, text, n);
    do {
        before = pos;
        t = d1t_sql_next(d1t_bytes(copy, n), &pos);
        CHECK(pos <= n && pos >= before && rounds++ <= n);
        if (t.kind == D1T_SQL_END || t.text.n == 0)
            break;
        CHECK(t.text.p >= copy + before && t.text.p + t.text.n == copy + pos);
        for (; copy + before < t.text.p; before++) {
            if (strchr(" \t\n\v\f\r", copy[before]))
                continue;
            CHECK(copy[before] == '-' || copy[before] == '/');
            break;
        }
    } while (t.kind != D1T_SQL_BAD);
    CHECK(t.kind == D1T_SQL_BAD || (t.kind == D1T_SQL_END && pos == n));
    CHECK(t.kind == D1T_SQL_BAD || d1t_sql_next(d1t_bytes(copy, n), &pos).kind == D1T_SQL_END);
    free(copy);
}

static void test_any_text_cut_anywhere_is_walked_to_its_end(void)
{
    char text[300];
    size_t n, cut, pos = 0;
    int i;

    for (i = 0; i < 1500; i++) {
        n = i % 2 ? random_text(text, 250) : random_select(text);
        for (cut = 0; cut <= n; cut++)
            check_walk(text, cut);
    }
    CHECK_INT(d1t_sql_next(d1t_cstr(NULL), &pos).kind, D1T_SQL_END);
}

int main(void)
{
    CHECK_INT(sqlite3_open(":memory:", &db), SQLITE_OK);
    RUN(test_keywords_and_odd_names_are_names_in_sqlite);
    RUN(test_every_name_that_is_accepted_works_in_sqlite);
    RUN(test_a_misspelt_name_is_an_error_and_no_string);
    RUN(test_strings_come_back_from_sqlite);
    RUN(test_names_and_strings_are_escaped_for_their_place);
    RUN(test_a_name_has_1_to_128_bytes);
    RUN(test_a_name_is_utf8_without_control_characters);
    RUN(test_reserved_names_are_refused_in_any_case);
    RUN(test_tokens_are_what_they_look_like);
    RUN(test_what_has_no_end_is_bad);
    RUN(test_parameters_and_ends_are_where_sqlite_sees_them);
    RUN(test_any_text_cut_anywhere_is_walked_to_its_end);
    sqlite3_close(db);
    TEST_MAIN_END;
}
