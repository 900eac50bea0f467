/* One database behind any back end: local_d1 in the process (virtual clock), or databases at URLs over libcurl.
   Needs d1target.h, local_d1.h and test.h before it. The program is started as

       PROGRAM local
       PROGRAM url DATABASE_URL...      everything before "/raw"; used in turn, emptied before each test

   and runs one test only with ONLY=name_of_the_test in the environment.

   Each test begins with an empty database and an open client `db`, and ends with a close that has to succeed: a test
   that provokes an error ends with d1t_clear. */
#ifndef BACK_END_H
#define BACK_END_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static d1t_client db;
static local_d1 *local; /* NULL: urls */
static char **urls;
static int url_count, url_turn;

#define I(v) d1t_int(v)
#define T(s) d1t_text(s)
#define COUNT(array) (sizeof(array) / sizeof *(array))
/* Two arguments: values and how many. */
#define ROW(...) (d1t_value[]){__VA_ARGS__}, sizeof((d1t_value[]){__VA_ARGS__}) / sizeof(d1t_value)
#define OK(...) result_is(__VA_ARGS__, D1T_OK, __FILE__, __LINE__, #__VA_ARGS__)
/* The call fails like that, and the error stands. */
#define FAILS(code, ...) result_is(__VA_ARGS__, code, __FILE__, __LINE__, #__VA_ARGS__)
/* And nothing was sent. */
#define REFUSED(code, ...)                              \
    do {                                                \
        uint64_t requests_before_ = db.stats.requests;  \
        FAILS(code, __VA_ARGS__);                       \
        CHECK_INT(db.stats.requests, requests_before_); \
    } while (0)
#define CLEAR() OK(d1t_clear(&db, D1T_DROP_ROWS))
#define DECLARE(...)                                          \
    do {                                                      \
        const d1t_table *const tables_[] = {__VA_ARGS__};     \
        OK(d1t_setup(&db, tables_, COUNT(tables_)));          \
    } while (0)
#define EXEC(...)                                             \
    do {                                                      \
        const d1t_statement statement_ = {__VA_ARGS__};       \
        OK(d1t_exec(&db, &statement_, 1));                    \
    } while (0)
#define SAYS(part) text_has(db.error.text, part, __FILE__, __LINE__)

static int errors_shown; /* in this test: an error stands, and every later call repeats it */

static inline void result_is(d1t_result got, d1t_result want, const char *file, int line, const char *what)
{
    if (got == want && (want == D1T_OK || db.error.code == want))
        return;
    test_checks_failed++;
    if (errors_shown++ > 3)
        return;
    printf("%s:%d: %.80s is %s, not %s: %s\n", file, line, what, d1t_result_name(got), d1t_result_name(want),
           db.error.text);
}

static inline void text_has(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part))
        return;
    test_checks_failed++;
    printf("%s:%d: no \"%s\" in \"%s\"\n", file, line, part, text);
}

/* ---- rows as text: 1, 'a', NULL; 2, 'b', 0.5 */

static char rows_text[1 << 16];
static size_t rows_n;

static inline void put(const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(rows_text + rows_n, sizeof rows_text - rows_n, format, args);
    va_end(args);
    rows_n += (size_t)n < sizeof rows_text - rows_n ? (size_t)n : 0; /* what does not fit is missing and shows */
}

static inline void put_hex(d1t_str s)
{
    size_t i;

    put("x'");
    for (i = 0; i < s.n; i++)
        put("%02x", (unsigned)(unsigned char)s.p[i]);
    put("'");
}

static inline void put_value(const d1t_value *v)
{
    static const char *const names[] = {"ABSENT", "NULL", "", "", "", "", "", "json", "uuid ", "date ", "time ",
                                        "timestamp ", "timestamptz ", "vector "};
    char number[32];
    float f;
    size_t i;

    put("%s", (size_t)v->kind < COUNT(names) ? names[v->kind] : "?");
    switch (v->kind) {
    case D1T_KIND_ABSENT: case D1T_KIND_NULL: break;
    case D1T_KIND_BOOL: put(v->u.i ? "true" : "false"); break;
    case D1T_KIND_DOUBLE: put("%.*s", (int)d1t_format_double(number, v->u.d), number); break;
    case D1T_KIND_TEXT: case D1T_KIND_JSON:
        if (v->u.s.n > 200) put("text of %lu bytes", (unsigned long)v->u.s.n);
        else put("'%.*s'", (int)v->u.s.n, v->u.s.p);
        break;
    case D1T_KIND_BLOB: case D1T_KIND_UUID: put_hex(v->u.s); break;
    case D1T_KIND_VECTOR:
        for (i = 0; i + 4 <= v->u.s.n; i += 4) {
            memcpy(&f, v->u.s.p + i, 4);
            put("%s%.9g", i ? " " : "", (double)f);
        }
        break;
    case D1T_KIND_TIMESTAMPTZ: put("%lld%+d", (long long)v->u.i, (int)v->offset); break;
    case D1T_KIND_INT: case D1T_KIND_DATE: case D1T_KIND_TIME: case D1T_KIND_TIMESTAMP:
        put("%lld", (long long)v->u.i);
        break;
    }
}

static inline int put_row(void *ctx, const d1t_row *row)
{
    size_t i;

    (void)ctx;
    put(rows_n ? "; " : "");
    for (i = 0; i < row->count; i++) {
        put(i ? ", " : "");
        put_value(&row->values[i]);
    }
    return 0;
}

static inline const char *rows_or_error(d1t_result result)
{
    if (result != D1T_OK)
        snprintf(rows_text, sizeof rows_text, "%s: %s", d1t_result_name(result), db.error.text);
    return rows_text;
}

/* What d1t_read, or d1t_query, answers now. */
static inline const char *stored(const d1t_table *table)
{
    rows_text[rows_n = 0] = 0;
    return rows_or_error(d1t_read(&db, table, NULL, NULL, 0, put_row, NULL));
}

static inline const char *query(const char *sql, const d1t_value *args, size_t count)
{
    rows_text[rows_n = 0] = 0;
    return rows_or_error(d1t_query(&db, sql, args, count, put_row, NULL));
}

static inline const char *ask(const char *sql)
{
    return query(sql, NULL, 0);
}

/* ---- databases and clients */

static inline d1t_config back_end_config(void)
{
    d1t_config config = {0};

    config.token = "t";
    config.seed = 1;
    config.database_url = local ? "http://127.0.0.1/client/v4/accounts/a/d1/database/d" : urls[url_turn % url_count];
    if (local)
        config.transport = local_d1_transport(local);
    return config;
}

/* The next run: closes the client and opens another one on the same database. */
static inline void reopen(const d1t_config *config)
{
    d1t_config usual = back_end_config();

    OK(d1t_close(&db));
    OK(d1t_open(&db, config ? config : &usual));
}

static inline int drop_table(void *ctx, const d1t_row *row)
{
    char *at = (char *)ctx + strlen((char *)ctx);

    snprintf(at, 4096 - (size_t)(at - (char *)ctx), "%.*s%c", (int)row->values[0].u.s.n, row->values[0].u.s.p, '\n');
    return 0;
}

/* Drops every table of the database, the newest first, in one batch. */
static inline void empty_database(void)
{
    static char drops[4096];
    d1t_statement statements[64] = {{"PRAGMA defer_foreign_keys=on", NULL, 0}};
    size_t n = 1;
    char *at;

    drops[0] = 0;
    OK(d1t_query(&db,
                 "SELECT 'DROP TABLE `'||replace(name,'`','``')||'`' FROM sqlite_schema WHERE type='table' AND "
                 "substr(name,1,4)<>'_cf_' AND substr(name,1,7)<>'sqlite_' ORDER BY rowid DESC",
                 NULL, 0, drop_table, drops));
    for (at = strtok(drops, "\n"); at && n < COUNT(statements); at = strtok(NULL, "\n"))
        statements[n++].sql = at;
    OK(d1t_exec(&db, statements, n));
}

typedef struct back_end_case {
    const char *name;
    void (*test)(void);
} back_end_case;

#define TEST(test) {#test, test}

static void (*back_end_test)(void); /* the one that runs */

static inline void back_end_fresh_test(void)
{
    d1t_config config;

    errors_shown = 0;
    if (urls) {
        config = back_end_config();
        OK(d1t_open(&db, &config));
        empty_database();
        reopen(NULL);
    } else {
        local = local_d1_open(NULL, NULL);
        CHECK(local != NULL);
        local_d1_virtual_clock(local, 1000000);
        config = back_end_config();
        OK(d1t_open(&db, &config));
    }
    back_end_test();
    OK(d1t_close(&db));
    local_d1_close(local);
    local = NULL;
    url_turn++;
}

/* Runs the cases, or the one that ONLY names, on the back end that the arguments name. */
static inline int back_end_main(int argc, char **argv, const back_end_case *cases, size_t count)
{
    const char *only = getenv("ONLY");
    size_t i;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && strcmp(argv[1], "url") == 0) {
        urls = argv + 2;
        url_count = argc - 2;
    } else if (argc != 2 || strcmp(argv[1], "local") != 0) {
        fprintf(stderr, "usage: %s local | %s url DATABASE_URL...\n", argv[0], argv[0]);
        return 2;
    }
    for (i = 0; i < count; i++) {
        int failed_before = test_failed;

        if (only && strcmp(only, cases[i].name) != 0)
            continue;
        back_end_test = cases[i].test;
        RUN(back_end_fresh_test);
        if (test_failed != failed_before)
            printf("FAILED: %s\n", cases[i].name);
    }
    if (test_passed + test_failed == 0) {
        printf("no such test: %s\n", only);
        return 2;
    }
    TEST_MAIN_END;
}

#endif
