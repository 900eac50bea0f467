/* What examples/local_d1.h promises: D1's REST API, its limits and refusals, its figures, and every fault. */
#include <stdlib.h>

#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"

#define BASE "https://api.cloudflare.com/client/v4/accounts/a/d1/database/i"
#define REFUSED "not authorized: SQLITE_AUTH"

static char answer_text[1 << 20];

/* "STATUS BODY" of one POST */
static const char *post(local_d1 *d, const char *url, const char *body)
{
    local_d1_answer a;

    local_d1_exchange(d, "POST", url, "Bearer t", body, strlen(body), 0, &a);
    snprintf(answer_text, sizeof answer_text, "%d %.*s", a.status, (int)a.size, a.body ? a.body : "");
    return answer_text;
}

static const char *raw(local_d1 *d, const char *body)
{
    return post(d, BASE "/raw", body);
}

static const char *sql(local_d1 *d, const char *text)
{
    static char body[400000];

    snprintf(body, sizeof body, "{\"sql\":\"%s\"}", text);
    return raw(d, body);
}

/* The rows of the last result, or the error's message. */
static const char *got(const char *answer)
{
    static char copy[1 << 20];
    const char *at = strstr(answer, "\"message\":\""), *from = strstr(answer, "\"rows\":"), *end;

    if (at) {
        at += 11;
        end = strstr(at, "\"}]");
    } else {
        for (at = from; at && strstr(at + 1, "\"rows\":"); at = strstr(at + 1, "\"rows\":"))
            ;
        at = at ? at + 7 : answer;
        end = strstr(at, "},\"meta\"");
    }
    snprintf(copy, sizeof copy, "%.*s", end ? (int)(end - at) : (int)strlen(at), at);
    return copy;
}

static const char *rows(local_d1 *d, const char *text)
{
    return got(sql(d, text));
}

static long long meta(const char *answer, const char *name)
{
    char key[40];
    const char *at = NULL, *next = answer;

    snprintf(key, sizeof key, "\"%s\":", name);
    while ((next = strstr(next, key)) != NULL)
        at = next += strlen(key);
    return at ? atoll(at) : -1;
}

static long long written(local_d1 *d, const char *text)
{
    const char *answer = sql(d, text);
    return strncmp(answer, "200", 3) ? -1 : meta(answer, "rows_written");
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        printf("wanted %s\nin     %.400s\n", part, text);
    CHECK(strstr(text, part) != NULL);
}

static local_d1 *fresh(void)
{
    local_d1 *d = local_d1_open(NULL, NULL);

    if (!d) {
        puts("cannot open");
        exit(2);
    }
    return d;
}

/* ---- routes and bodies ---- */

static void test_query_answers_objects_and_raw_answers_arrays(void)
{
    local_d1 *d = fresh();
    has(post(d, BASE "/query", "{\"sql\":\"SELECT 1 AS a, NULL AS b\"}"),
        "200 {\"result\":[{\"success\":true,\"results\":[{\"a\":1,\"b\":null}],\"meta\":{");
    has(post(d, BASE "/raw", "{\"sql\":\"SELECT 1 AS a, 'x' AS a\"}"),
        "{\"columns\":[\"a\",\"a\"],\"rows\":[[1,\"x\"]]}");
    has(answer_text, "}],\"success\":true,\"errors\":[],\"messages\":[]}");
    has(post(d, BASE "/query", "{\"sql\":\"SELECT 1 AS a, 2 AS b, 3 AS a\"}"), "[{\"a\":3,\"b\":2}]");
    local_d1_close(d);
}

static void test_raw_lists_columns_of_no_rows_and_nothing_of_no_result(void)
{
    local_d1 *d = fresh();
    has(sql(d, "SELECT 1 AS a WHERE 0"), "{\"columns\":[\"a\"],\"rows\":[]}");
    has(sql(d, "CREATE TABLE t(a)"), "{\"columns\":[],\"rows\":[]}");
    has(post(d, BASE "/query", "{\"sql\":\"INSERT INTO t VALUES(1)\"}"), "\"results\":[],\"meta\"");
    local_d1_close(d);
}

static void test_any_prefix_leads_to_the_database(void)
{
    local_d1 *d = fresh();
    has(post(d, "http://127.0.0.1:1/cdn-cgi/local/explorer/api/d1/database/x/raw", "{\"sql\":\"SELECT 7\"}"), "[[7]]");
    has(post(d, "/d1/database/x/raw?y=1", "{\"sql\":\"SELECT 7\"}"), "[[7]]");
    local_d1_close(d);
}

static void test_unknown_routes_are_404(void)
{
    static const char *const urls[] = {"/", BASE, BASE "/rawx", BASE "/raw/x", BASE "/import", "/d1/database/",
                                       "/d1/database//raw"};
    local_d1 *d = fresh();
    local_d1_answer a;
    size_t i;

    for (i = 0; i < sizeof urls / sizeof *urls; i++)
        has(post(d, urls[i], "{}"), "404 {\"result\":[],\"success\":false,\"errors\":[{\"code\":7003,");
    local_d1_exchange(d, "GET", BASE "/raw", "Bearer t", "", 0, 0, &a);
    CHECK_INT(a.status, 404);
    local_d1_exchange(d, "DELETE", BASE, "Bearer t", NULL, 0, 0, &a);
    CHECK_INT(a.status, 404);
    local_d1_close(d);
}

static void test_get_answers_metadata(void)
{
    local_d1 *d = fresh();
    local_d1_answer a;

    sql(d, "CREATE TABLE t(a)");
    local_d1_exchange(d, "GET", BASE "?fields=uuid", "Bearer t", NULL, 0, 5, &a);
    CHECK_INT(a.status, 200);
    CHECK_INT(a.at_ms, 5);
    CHECK_STR(a.content_type, "application/json");
    has(a.body, "{\"result\":{\"uuid\":\"i\",");
    has(a.body, "\"num_tables\":1,");
    local_d1_close(d);
}

static void test_a_wrong_token_is_refused(void)
{
    local_d1 *d = local_d1_open(NULL, "t");
    local_d1_answer a;

    has(sql(d, "SELECT 1"), "200 ");
    local_d1_exchange(d, "POST", BASE "/raw", "Bearer tt", "{}", 2, 0, &a);
    CHECK_INT(a.status, 403);
    has(a.body, "\"code\":10000");
    local_d1_exchange(d, "POST", BASE "/raw", NULL, "{}", 2, 0, &a);
    CHECK_INT(a.status, 401);
    local_d1_exchange(d, "POST", BASE "/raw", "t", "{}", 2, 0, &a);
    CHECK_INT(a.status, 401);
    local_d1_close(d);
}

static void test_bodies_that_are_no_requests_are_400(void)
{
    static const char *const bodies[] = {
        "", "{\"sql\":", "[]", "3", "{}", "{\"sql\":3}", "{\"sql\":\"SELECT 1\",\"params\":3}", "{\"batch\":3}",
        "{\"batch\":[3]}", "{\"batch\":[{\"sql\":1}]}", "{\"sql\":\"SELECT ?1\",\"params\":[{}]}",
        "{\"sql\":\"SELECT ?1\",\"params\":[[256]]}", "{\"sql\":\"SELECT ?1\",\"params\":[[-1]]}",
        "{\"sql\":\"SELECT ?1\",\"params\":[[1.5]]}", "{\"sql\":\"SELECT ?1\",\"params\":[[\"x\"]]}",
        "{\"sql\":\"SELECT ?1\",\"params\":[[[1]]]}", "{\"sql\":\"SELECT ?1\",\"params\":[[null]]}"};
    local_d1 *d = fresh();
    size_t i;

    for (i = 0; i < sizeof bodies / sizeof *bodies; i++)
        has(raw(d, bodies[i]), "400 {\"result\":[],\"success\":false,\"errors\":[{\"code\":7400,");
    local_d1_close(d);
}

static void test_every_statement_of_a_text_gives_a_result(void)
{
    local_d1 *d = fresh();
    has(sql(d, "SELECT 1; SELECT 2;"), "\"rows\":[[1]]}");
    has(answer_text, "\"rows\":[[2]]}");
    has(raw(d, "{\"batch\":[{\"sql\":\"SELECT 1\"},{\"sql\":\"SELECT ?1\",\"params\":[\"x\"]}]}"), "\"rows\":[[1]]}");
    has(answer_text, "\"rows\":[[\"x\"]]}");
    has(raw(d, "{\"sql\":\"SELECT 1; SELECT ?1\",\"params\":[\"x\"]}"), "\"rows\":[[\"x\"]]}");
    CHECK_STR(got(raw(d, "{\"sql\":\"SELECT ?1; SELECT ?1\",\"params\":[\"x\"]}")),
              "When executing multiple SQL statements in a single call, only the last statement can have parameters.");
    local_d1_close(d);
}

static void test_a_failed_batch_leaves_nothing(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(k INTEGER PRIMARY KEY)");
    has(raw(d, "{\"batch\":[{\"sql\":\"INSERT INTO t VALUES(1)\"},{\"sql\":\"INSERT INTO t VALUES(2),(2)\"}]}"),
        "400 ");
    has(sql(d, "INSERT INTO t VALUES(3); INSERT INTO nope VALUES(1)"), "400 ");
    has(sql(d, "INSERT INTO t VALUES(4); SELECT 1; -- x"), "400 ");
    has(sql(d, "CREATE TABLE u(a); SELEC"), "400 ");
    has(sql(d, "INSERT INTO t VALUES(5); INSERT OR ROLLBACK INTO t VALUES(5)"), "500 ");
    CHECK_STR(rows(d, "SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM sqlite_schema WHERE name='u')"),
              "[[0,0]]");
    local_d1_close(d);
}

static void test_texts_without_statements_have_d1s_errors(void)
{
    local_d1 *d = fresh();
    CHECK_STR(rows(d, ""), "No SQL statements detected.");
    CHECK_STR(rows(d, " -- x"), "No SQL statements detected.");
    CHECK_STR(rows(d, "/* x */"), "No SQL statements detected.");
    CHECK_STR(got(raw(d, "{\"batch\":[]}")), "No SQL statements detected.");
    CHECK_STR(rows(d, "SELECT 1; -- x"), "SQL code did not contain a statement.");
    CHECK_STR(rows(d, ";"), "SQL code did not contain a statement.");
    CHECK_STR(rows(d, "SELECT 1;;"), "SQL code did not contain a statement.");
    CHECK_STR(rows(d, "SELECT 1 -- x"), "[[1]]");
    CHECK_STR(rows(d, "/* x */ SELECT 1; "), "[[1]]");
    CHECK_STR(rows(d, "; SELECT 1"), "[[1]]");
    local_d1_close(d);
}

/* ---- values ---- */

static void test_parameters_of_every_json_type(void)
{
    local_d1 *d = fresh();
    has(raw(d, "{\"sql\":\"SELECT typeof(?1),typeof(?2),typeof(?3),typeof(?4),hex(?4),?5,?6,typeof(?7),?7\",\"params\":"
               "[\"1\",1,null,[0,127,255],true,false,[]]}"),
        "[[\"text\",\"real\",\"null\",\"blob\",\"007FFF\",1,0,\"blob\",[]]]");
    has(raw(d, "{\"sql\":\"SELECT ?1, hex(?2)\",\"params\":[9007199254740993,\"\\u00e9\\ud83d\\ude00\\ud800x\\n\"]}"),
        "[[9007199254740992,\"C3A9F09F9880EDA080780A\"]]");
    has(raw(d, "{\"sql\":\"SELECT ?1 AS a, ?1\",\"params\":[\"q\\\"\\\\'\"]}"), "[[\"q\\\"\\\\'\",\"q\\\"\\\\'\"]]");
    local_d1_close(d);
}

static void test_numbers_reach_columns_as_doubles(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(i INTEGER, x TEXT, b BLOB)");
    raw(d, "{\"sql\":\"INSERT INTO t VALUES(?1,?1,?1)\",\"params\":[7]}");
    CHECK_STR(rows(d, "SELECT typeof(i),x,typeof(b) FROM t"), "[[\"integer\",\"7.0\",\"real\"]]");
    local_d1_close(d);
}

static void test_a_wrong_number_of_parameters_is_an_error(void)
{
    local_d1 *d = fresh();
    const char *wrong = "Wrong number of parameter bindings for SQL query.";
    CHECK_STR(rows(d, "SELECT ?1"), wrong);
    CHECK_STR(got(raw(d, "{\"sql\":\"SELECT ?1\",\"params\":[]}")), wrong);
    CHECK_STR(got(raw(d, "{\"sql\":\"SELECT ?1\",\"params\":[\"a\",\"b\"]}")), wrong);
    CHECK_STR(got(raw(d, "{\"sql\":\"SELECT 1\",\"params\":[\"a\"]}")), wrong);
    CHECK_STR(got(raw(d, "{\"sql\":\"SELECT 1\",\"params\":null}")), "[[1]]");
    local_d1_close(d);
}

static void test_numbers_are_answered_as_javascript_writes_them(void)
{
    local_d1 *d = fresh();
    CHECK_STR(rows(d, "SELECT 9e999,-9e999,9223372036854775807,-9223372036854775808,9007199254740993,9007199254740991"),
              "[[null,null,9223372036854776000,-9223372036854776000,9007199254740992,9007199254740991]]");
    CHECK_STR(rows(d, "SELECT 1e15,1e20,1e21,1.5e300,0.1,1.5e-7,0.000001,1e-7,1.0,-0.0,-2.5,123456789012345680000"),
              "[[1000000000000000,100000000000000000000,1e+21,1.5e+300,0.1,1.5e-7,0.000001,1e-7,1,0,-2.5,"
              "123456789012345680000]]");
    CHECK_STR(rows(d, "SELECT 1.7976931348623157e308,5e-324,2.2250738585072014e-308,0.30000000000000004,1.0/3"),
              "[[1.7976931348623157e+308,5e-324,2.2250738585072014e-308,0.30000000000000004,0.3333333333333333]]");
    local_d1_close(d);
}

static void test_texts_and_blobs_are_answered_as_json(void)
{
    local_d1 *d = fresh();
    CHECK_STR(rows(d, "SELECT char(1,8,9,10,12,13,34,92,127,233), x'', x'00ff64', char(97,0,98)"),
              "[[\"\\u0001\\b\\t\\n\\f\\r\\\"\\\\\x7f\xC3\xA9\",[],[0,255,100],\"a\\u0000b\"]]");
    CHECK_STR(rows(d, "SELECT CAST(x'61ff62c3' AS TEXT), CAST(x'eda080' AS TEXT), CAST(x'f09f98' AS TEXT)"),
              "[[\"a\xEF\xBF\xBD" "b\xEF\xBF\xBD\",\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"\xEF\xBF\xBD\"]]");
    local_d1_close(d);
}

static void test_the_bulk_shape_keeps_every_value(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, r REAL, s TEXT, b BLOB)");
    raw(d, "{\"sql\":\"WITH r(v) AS MATERIALIZED (SELECT value FROM json_each(?1)) INSERT INTO t SELECT v->>0, v->>1, "
           "v->>2, v->>3, unhex(v->>4) FROM r WHERE true ON CONFLICT(id) DO UPDATE SET i=excluded.i\",\"params\":"
           "[\"[[1,9223372036854775807,0.1,\\\"\\u00e9\\\",\\\"00ff\\\"],"
           "[2,-9223372036854775808,1e400,null,null]]\"]}");
    CHECK_STR(rows(d, "SELECT CAST(i AS TEXT),r,s,b,typeof(r) FROM t"),
              "[[\"9223372036854775807\",0.1,\"\xC3\xA9\",[0,255],\"real\"],"
              "[\"-9223372036854775808\",null,null,null,\"real\"]]");
    local_d1_close(d);
}

static void test_unhex_is_there(void)
{
    local_d1 *d = fresh();
    CHECK_STR(rows(d, "SELECT unhex(NULL),unhex(''),unhex('0aF0'),unhex('zz'),unhex('0'),unhex('0 A'),unhex(12)"),
              "[[null,[],[10,240],null,null,null,[18]]]");
    local_d1_close(d);
}

static void test_big_bodies_are_linear(void)
{
    local_d1 *d = fresh();
    size_t size = 16u << 20, at, i;
    char *body = malloc(size + 100);
    local_d1_answer a;

    if (!body)
        exit(2);
    at = (size_t)sprintf(body, "{\"sql\":\"SELECT length(?1)\",\"params\":[\"");
    for (i = 0; i < 1000000; i++, at += 2)
        memcpy(body + at, "\\\"", 2);
    at += (size_t)sprintf(body + at, "\"]}");
    local_d1_exchange(d, "POST", BASE "/raw", "Bearer t", body, at, 0, &a);
    has(a.body, "[[1000000]]");
    at = (size_t)sprintf(body, "{\"batch\":[");
    for (i = 0; at < size - 1000; i++)
        at += (size_t)sprintf(body + at, "%s{\"sql\":\"SELECT length(?1)\",\"params\":[\"%0900d\"]}", i ? "," : "", 1);
    at += (size_t)sprintf(body + at, "]}");
    local_d1_exchange(d, "POST", BASE "/raw", "Bearer t", body, at, 0, &a);
    CHECK_INT(a.status, 200);
    free(body);
    local_d1_close(d);
}

/* ---- meta ---- */

static void test_rows_written_counts_rows_and_index_entries(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE a(k INTEGER PRIMARY KEY, v, n); CREATE INDEX ai ON a(v)");
    sql(d, "CREATE TABLE b(k TEXT PRIMARY KEY, v, n); CREATE TABLE c(k TEXT PRIMARY KEY, v, n) WITHOUT ROWID");
    CHECK_INT(written(d, "INSERT INTO a VALUES(1,'x',1)"), 2);
    CHECK_INT(written(d, "INSERT INTO b VALUES(1,'x',1)"), 2);
    CHECK_INT(written(d, "INSERT INTO c VALUES(1,'x',1)"), 1);
    CHECK_INT(written(d, "INSERT INTO a VALUES(1,'x',1) ON CONFLICT(k) DO UPDATE SET v=excluded.v"), 2);
    CHECK_INT(written(d, "INSERT INTO b VALUES(1,'x',1) ON CONFLICT(k) DO UPDATE SET v=excluded.v"), 1);
    CHECK_INT(written(d, "INSERT OR REPLACE INTO a VALUES(1,'x',1)"), 2);
    CHECK_INT(written(d, "INSERT OR REPLACE INTO b VALUES(1,'x',1)"), 2);
    CHECK_INT(written(d, "INSERT OR REPLACE INTO c VALUES(1,'x',1)"), 1);
    CHECK_INT(written(d, "INSERT INTO a VALUES(1,'x',1) ON CONFLICT DO NOTHING"), 0);
    CHECK_INT(written(d, "UPDATE a SET v=v"), 2);
    CHECK_INT(written(d, "UPDATE a SET n=n"), 1);
    CHECK_INT(written(d, "UPDATE a SET k=k+1"), 2);
    CHECK_INT(written(d, "DELETE FROM a WHERE k=2"), 1);
    CHECK_INT(written(d, "DELETE FROM a WHERE k=2"), 0);
    CHECK_INT(written(d, "INSERT INTO a SELECT value,value,1 FROM json_each('[1,2,3,4]')"), 8);
    CHECK_INT(written(d, "DELETE FROM a"), 4);
    CHECK_INT(written(d, "SELECT * FROM b"), 0);
    local_d1_close(d);
}

static void test_an_unchanged_guarded_upsert_writes_nothing(void)
{
    static const char *const tables[] = {"a(k INTEGER PRIMARY KEY, v)", "b(k TEXT PRIMARY KEY, v)",
                                         "c(k TEXT PRIMARY KEY, v) WITHOUT ROWID"};
    local_d1 *d = fresh();
    char create[80], upsert[300];
    int i;

    for (i = 0; i < 3; i++) {
        snprintf(create, sizeof create, "CREATE TABLE %s", tables[i]);
        snprintf(upsert, sizeof upsert,
                 "WITH r(v) AS MATERIALIZED (SELECT value FROM json_each('[[1,5],[2,6]]')) INSERT INTO %c "
                 "SELECT v->>0,v->>1 FROM r WHERE true ON CONFLICT(k) DO UPDATE SET v=excluded.v "
                 "WHERE (%c.v) IS NOT (excluded.v)",
                 tables[i][0], tables[i][0]);
        sql(d, create);
        CHECK(written(d, upsert) >= 2);
        CHECK_INT(written(d, upsert), 0);
        has(answer_text, "\"changes\":0,");
        has(answer_text, "\"changed_db\":false,");
    }
    local_d1_close(d);
}

static void test_meta_tells_what_a_statement_did(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(k INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE l(v)");
    CHECK_INT(written(d, "INSERT INTO t(v) VALUES(1),(2)"), 3);
    CHECK_INT(meta(answer_text, "changes"), 2);
    CHECK_INT(meta(answer_text, "last_row_id"), 2);
    CHECK(meta(answer_text, "size_after") > 4096);
    has(answer_text, "\"changed_db\":true");
    has(answer_text, "\"served_by\":\"local\"");
    has(answer_text, "\"timings\":{\"sql_duration_ms\":");
    sql(d, "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO l VALUES(new.v); END");
    CHECK_INT(written(d, "INSERT INTO t(v) VALUES(3)"), 3);
    CHECK_INT(meta(answer_text, "changes"), 2);
    CHECK_STR(rows(d, "INSERT INTO t(v) VALUES(3); SELECT changes(), last_insert_rowid()"), "[[1,4]]");
    CHECK_INT(written(d, "CREATE INDEX i ON t(v)"), 5);
    CHECK_INT(written(d, "CREATE TABLE u AS SELECT 1 AS a UNION ALL SELECT 2"), 4);
    CHECK_INT(written(d, "CREATE TABLE IF NOT EXISTS u(a)"), 0);
    CHECK_INT(written(d, "CREATE INDEX IF NOT EXISTS i ON t(v)"), 0);
    CHECK(meta(sql(d, "SELECT * FROM t NOT INDEXED WHERE v=1"), "rows_read") >= 4);
    CHECK_INT(meta(sql(d, "SELECT * FROM t WHERE k=1"), "rows_read"), 1);
    CHECK_INT(meta(sql(d, "SELECT 1"), "rows_read"), 0);
    local_d1_close(d);
}

static void test_returning_names_the_written_rows(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(k INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1,1),(2,2)");
    CHECK_STR(rows(d, "INSERT INTO t VALUES(1,1),(2,3) ON CONFLICT(k) DO UPDATE SET v=excluded.v "
                      "WHERE t.v IS NOT excluded.v RETURNING k"), "[[2]]");
    local_d1_close(d);
}

/* ---- errors, limits, refusals ---- */

static void test_errors_have_d1s_texts(void)
{
    static const char *const cases[][2] = {
        {"SELEC", "near \\\"SELEC\\\": syntax error at offset 0: SQLITE_ERROR"},
        {"SELECT * FROM nope", "no such table: nope: SQLITE_ERROR"},
        {"SELECT nope", "no such column: nope at offset 7: SQLITE_ERROR"},
        {"SELECT (1", "incomplete input: SQLITE_ERROR"},
        {"SELECT json('{')", "malformed JSON: SQLITE_ERROR"},
        {"SELECT abs(-9223372036854775808)", "integer overflow: SQLITE_ERROR"},
        {"INSERT INTO t(u) VALUES(1),(1)",
         "UNIQUE constraint failed: t.u: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)"},
        {"INSERT INTO t(k) VALUES(1),(1)",
         "UNIQUE constraint failed: t.k: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)"},
        {"INSERT INTO t(n) VALUES(NULL)",
         "NOT NULL constraint failed: t.n: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)"},
        {"INSERT INTO t(c) VALUES(-1)",
         "CHECK constraint failed: c>0: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)"},
        {"INSERT INTO t(p) VALUES(9)",
         "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)"},
        {"INSERT INTO s VALUES('x')",
         "cannot store TEXT value in INTEGER column s.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_DATATYPE)"},
        {"VACUUM", "cannot VACUUM from within a transaction: SQLITE_ERROR"}};
    local_d1 *d = fresh();
    size_t i;

    sql(d, "CREATE TABLE t(k INTEGER PRIMARY KEY, u UNIQUE, c CHECK(c>0), n NOT NULL DEFAULT 1, p REFERENCES t);"
           "CREATE TABLE s(a INTEGER) STRICT");
    for (i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_STR(rows(d, cases[i][0]), cases[i][1]);
    has(sql(d, "SELEC"), "400 {\"result\":[],\"success\":false,\"errors\":[{\"code\":7500,\"message\":\"");
    local_d1_close(d);
}

static void test_the_abort_guard_carries_its_text(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(k)");
    CHECK_STR(got(raw(d, "{\"batch\":[{\"sql\":\"INSERT INTO t VALUES(1)\"},{\"sql\":\"SELECT json_extract('{}',"
                         "'d1t '||json_group_array(k)) FROM t\"}]}")), "bad JSON path: 'd1t [1]': SQLITE_ERROR");
    CHECK_STR(rows(d, "SELECT json_extract('{}','d1t it''s') WHERE 1"), "bad JSON path: 'd1t it''s': SQLITE_ERROR");
    CHECK_STR(rows(d, "SELECT json_extract('{}','d1t x') WHERE 0"), "[]");
    CHECK_STR(rows(d, "SELECT count(*) FROM t"), "[[0]]");
    local_d1_close(d);
}

static void check_length(local_d1 *d, size_t length, const char *tail, const char *wanted)
{
    char *text = malloc(length + 1);

    if (!text)
        exit(2);
    memset(text, ' ', length);
    memcpy(text, "SELECT 1", 8);
    memcpy(text + length - strlen(tail), tail, strlen(tail));
    text[length] = 0;
    CHECK_STR(rows(d, text), wanted);
    free(text);
}

static void repeat(char *out, const char *first, const char *again, int count)
{
    out += sprintf(out, "%s", first);
    while (--count > 0)
        out += sprintf(out, "%s", again);
}

static void test_limits_are_d1s(void)
{
    static char text[4000], last[8000];
    local_d1 *d = fresh();

    check_length(d, 100000, " ", "[[1]]");
    check_length(d, 100001, " ", "statement too long: SQLITE_TOOBIG");
    check_length(d, 150000, ";SELECT 2", "statement too long: SQLITE_TOOBIG");
    repeat(text, "SELECT 1", ",1", 101);
    CHECK_STR(rows(d, text), "too many columns in result set: SQLITE_ERROR");
    repeat(text, "SELECT 1", ",1", 100);
    has(sql(d, text), "200 ");
    has(post(d, BASE "/query", "{\"sql\":\"SELECT 1\"}"), "200 ");
    repeat(text, "SELECT 1", "+1", 102);
    CHECK_STR(rows(d, text), "Expression tree is too large (maximum depth 100): SQLITE_ERROR");
    repeat(text, "SELECT 1", " UNION ALL SELECT 1", 6);
    CHECK_STR(rows(d, text), "too many terms in compound SELECT: SQLITE_ERROR");
    repeat(text, "SELECT 1", " UNION ALL SELECT 1", 5);
    has(sql(d, text), "200 ");
    repeat(text, "1", ",1", 128);
    snprintf(last, sizeof last, "SELECT max(%s)", text);
    has(rows(d, last), "too many arguments on function max");
    CHECK_STR(rows(d, "SELECT ?101"), "variable number must be between ?1 and ?100 at offset 7: SQLITE_ERROR");
    repeat(text, "SELECT coalesce(?", ",?", 101);
    strcat(text, ")");
    has(rows(d, text), "too many SQL variables");
    CHECK_STR(rows(d, "SELECT 'a' LIKE '012345678901234567890123456789012345678901234567890'"),
              "LIKE or GLOB pattern too complex: SQLITE_ERROR");
    CHECK_STR(rows(d, "SELECT 'a' LIKE '01234567890123456789012345678901234567890123456789'"), "[[0]]");
    sql(d, "CREATE TABLE n(k PRIMARY KEY, p REFERENCES n ON DELETE CASCADE)");
    sql(d, "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i<11) "
           "INSERT INTO n SELECT i, nullif(i-1,-1) FROM c");
    has(rows(d, "DELETE FROM n WHERE k=0"), "too many levels of trigger recursion");
    has(sql(d, "DELETE FROM n WHERE k=2"), "200 ");
    local_d1_close(d);
}

static void test_a_value_above_the_length_limit_is_refused(void)
{
    const char *big = "string or blob too big: SQLITE_TOOBIG";
    local_d1 *d = fresh();
    local_d1_answer a;
    static char body[3000000];
    size_t at = (size_t)sprintf(body, "{\"sql\":\"SELECT length(?1)\",\"params\":[\"");

    CHECK_STR(rows(d, "SELECT length(zeroblob(2200000))"), "[[2200000]]");
    CHECK_STR(rows(d, "SELECT zeroblob(2200001)"), big);
    memset(body + at, 'x', 2200001);
    strcpy(body + at + 2200001, "\"]}");
    local_d1_exchange(d, "POST", BASE "/raw", "Bearer t", body, strlen(body), 0, &a);
    has(a.body, big);
    strcpy(body + at + 2200000, "\"]}");
    local_d1_exchange(d, "POST", BASE "/raw", "Bearer t", body, strlen(body), 0, &a);
    has(a.body, "[[2200000]]");
    sql(d, "CREATE TABLE t(a,b)");
    CHECK_STR(rows(d, "INSERT INTO t VALUES(zeroblob(1200000),zeroblob(1200000))"), big);
    local_d1_set_length_limit(d, 1000);
    CHECK_STR(rows(d, "SELECT zeroblob(1001)"), big);
    local_d1_close(d);
}

static void test_what_d1_refuses_is_refused(void)
{
    static const char *const refused[] = {
        "ATTACH 'x' AS y", "DETACH y", "CREATE TEMP TABLE x(a)", "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE TABLE _cf_x(a)", "CREATE TABLE _CF_x(a)", "CREATE VIEW _cf_x AS SELECT 1", "CREATE INDEX _cf_x ON t(a)",
        "CREATE TRIGGER _cf_x AFTER INSERT ON t BEGIN SELECT 1; END", "ALTER TABLE t RENAME TO _cf_x",
        "DROP TABLE _cf_METADATA", "CREATE VIRTUAL TABLE x USING fts4(a)", "CREATE VIRTUAL TABLE x USING dbstat",
        "PRAGMA user_version", "PRAGMA user_version=1", "PRAGMA journal_mode", "PRAGMA writable_schema=1",
        "PRAGMA page_size=512", "PRAGMA page_count", "PRAGMA integrity_check", "PRAGMA nope", "PRAGMA database_list",
        "PRAGMA table_info(_cf_METADATA)", "PRAGMA foreign_keys=maybe", "PRAGMA schema_version"};
    static const char *const functions[] = {"sqlite_version()", "sqlite_source_id()", "load_extension('x')",
                                            "power(2,3)", "log10(1)", "ceiling(1)"};
    local_d1 *d = fresh();
    char text[100];
    size_t i;

    sql(d, "CREATE TABLE t(a)");
    for (i = 0; i < sizeof refused / sizeof *refused; i++)
        CHECK_STR(rows(d, refused[i]), REFUSED);
    for (i = 0; i < sizeof functions / sizeof *functions; i++) {
        snprintf(text, sizeof text, "SELECT %s", functions[i]);
        has(rows(d, text), "not authorized to use function: ");
    }
    has(rows(d, "INSERT INTO sqlite_schema VALUES(1,2,3,4,5)"), "may not be modified");
    local_d1_close(d);
}

static void test_transactions_are_refused_in_d1s_words(void)
{
    static const char *const texts[] = {"BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT x", "RELEASE x",
                                        "ROLLBACK TO x"};
    local_d1 *d = fresh();
    size_t i;

    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        has(sql(d, texts[i]), "400 {\"result\":[],\"success\":false,\"errors\":[{\"code\":7500,\"message\":"
                              "\"To execute a transaction, please use the state.storage.transaction() or ");
    local_d1_close(d);
}

static void test_what_d1_allows_works(void)
{
    static const char *const allowed[] = {
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c TEXT AS (b||'x')) STRICT",
        "CREATE INDEX i ON t(b) WHERE b IS NOT NULL",
        "CREATE VIEW v AS SELECT * FROM t", "CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a<0; END",
        "INSERT INTO t(b) VALUES('x')", "UPDATE t SET b='y' FROM (SELECT 1) WHERE a=1",
        "DELETE FROM t ORDER BY a LIMIT 1",
        "CREATE VIRTUAL TABLE f USING fts5(a)", "INSERT INTO f VALUES('hello world')", "SELECT * FROM f('world')",
        "CREATE VIRTUAL TABLE g USING fts5vocab(f,row)", "CREATE VIRTUAL TABLE h USING rtree(i,a,b)", "DROP TABLE f",
        "ALTER TABLE t ADD COLUMN d TEXT", "ALTER TABLE t RENAME COLUMN d TO e", "ALTER TABLE t DROP COLUMN e",
        "ANALYZE", "REINDEX", "EXPLAIN QUERY PLAN SELECT * FROM t", "WITH RECURSIVE c(i) AS (SELECT 1) SELECT * FROM c",
        "PRAGMA table_list", "PRAGMA table_info(t)", "PRAGMA table_xinfo('t')", "PRAGMA index_list(t)",
        "PRAGMA index_info(i)",
        "PRAGMA index_xinfo(i)", "PRAGMA foreign_key_list(t)", "PRAGMA foreign_key_check",
        "PRAGMA foreign_key_check(t)",
        "PRAGMA quick_check", "PRAGMA quick_check(1)", "PRAGMA optimize", "PRAGMA optimize(2)", "PRAGMA data_version",
        "PRAGMA page_size", "PRAGMA foreign_keys", "PRAGMA foreign_keys='off'", "SELECT * FROM pragma_table_info('t')",
        "SELECT * FROM pragma_table_list", "SELECT \\\"no such column\\\"",
        "SELECT pow(2,3), iif(1,2,3), datetime(), sum(1)",
        "DROP VIEW v; ALTER TABLE t RENAME TO u"};
    local_d1 *d = fresh();
    size_t i;

    for (i = 0; i < sizeof allowed / sizeof *allowed; i++)
        has(sql(d, allowed[i]), "200 ");
    local_d1_close(d);
}

static void test_the_system_table_is_listed_but_closed(void)
{
    const char *join = "SELECT m.name AS tbl, p.name FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) p "
                       "WHERE m.type='table'";
    local_d1 *d = fresh();
    char filtered[300];

    CHECK_STR(rows(d, "SELECT name FROM sqlite_schema"), "[[\"_cf_METADATA\"]]");
    has(sql(d, "SELECT * FROM _cf_METADATA"), "400 ");
    has(sql(d, "INSERT INTO _cf_METADATA VALUES(1,1)"), "400 ");
    CHECK_STR(rows(d, join), REFUSED);
    sql(d, "CREATE TABLE t(a)");
    snprintf(filtered, sizeof filtered, "%s AND substr(m.name,1,4)<>'_cf_'", join);
    CHECK_STR(rows(d, filtered), "[[\"t\",\"a\"]]");
    local_d1_close(d);
}

static void test_foreign_keys_cannot_be_switched_off(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE p(k PRIMARY KEY); CREATE TABLE c(k REFERENCES p)");
    has(sql(d, "PRAGMA foreign_keys=off; INSERT INTO c VALUES(1)"), "FOREIGN KEY constraint failed");
    sql(d, "PRAGMA foreign_keys=off");
    CHECK_STR(rows(d, "PRAGMA foreign_keys"), "[[1]]");
    local_d1_close(d);
}

static void test_a_deferred_violation_at_commit_resets_the_object(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE p(k PRIMARY KEY); CREATE TABLE c(k REFERENCES p DEFERRABLE INITIALLY DEFERRED);"
           "CREATE TABLE e(k REFERENCES p)");
    has(sql(d, "INSERT INTO c VALUES(1)"),
        "500 {\"result\":[],\"success\":false,\"errors\":[{\"code\":7500,\"message\":\"Durable Object was reset and "
        "rolled back to its last known good state because the application left the database in a state where "
        "constraints were violated: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT (extended: "
        "SQLITE_CONSTRAINT_FOREIGNKEY)\"}]");
    has(sql(d, "PRAGMA defer_foreign_keys=on; INSERT INTO e VALUES(1)"), "500 ");
    CHECK_STR(rows(d, "SELECT (SELECT count(*) FROM c)+(SELECT count(*) FROM e)"), "[[0]]");
    has(sql(d, "PRAGMA defer_foreign_keys=on; INSERT INTO e VALUES(1); INSERT INTO p VALUES(1)"), "200 ");
    local_d1_close(d);
}

static void test_defer_foreign_keys_resets_and_the_other_pragmas_leak(void)
{
    local_d1 *d = fresh();
    sql(d, "PRAGMA defer_foreign_keys=on; PRAGMA ignore_check_constraints=on; PRAGMA recursive_triggers=on");
    CHECK_STR(rows(d, "PRAGMA defer_foreign_keys"), "[[0]]");
    CHECK_STR(rows(d, "PRAGMA ignore_check_constraints"), "[[1]]");
    CHECK_STR(rows(d, "PRAGMA recursive_triggers"), "[[1]]");
    sql(d, "PRAGMA legacy_alter_table=on; SELEC");
    CHECK_STR(rows(d, "PRAGMA legacy_alter_table"), "[[1]]");
    local_d1_close(d);
}

static void test_a_file_keeps_its_rows(void)
{
    const char *path = "local_d1_test.db";
    local_d1 *d;

    remove(path);
    d = local_d1_open(path, NULL);
    CHECK(d != NULL);
    if (!d)
        return;
    has(sql(d, "CREATE TABLE t(a); INSERT INTO t VALUES(5)"), "200 ");
    local_d1_close(d);
    d = local_d1_open(path, NULL);
    CHECK_STR(d ? rows(d, "SELECT a FROM t") : "", "[[5]]");
    local_d1_close(d);
    remove(path);
    CHECK(local_d1_open("/nonexistent/x.db", NULL) == NULL);
}

/* ---- faults ---- */

static local_d1 *with_counter(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE n(i)");
    return d;
}

static void add_one(local_d1 *d, uint64_t now_ms, local_d1_answer *a)
{
    static const char body[] = "{\"sql\":\"INSERT INTO n VALUES(1)\"}";
    local_d1_exchange(d, "POST", BASE "/raw", "Bearer t", body, sizeof body - 1, now_ms, a);
}

static int counted(local_d1 *d)
{
    sqlite3_stmt *stmt = NULL;
    int n = -1;

    /* Not a request, so that it meets no fault. */
    if (sqlite3_prepare_v2(local_d1_sqlite(d), "SELECT total(i) FROM n", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

static void test_each_fault_does_what_it_says(void)
{
    static const struct {
        local_d1_fault fault;
        int failure, status, executed;
    } cases[] = {
        {LOCAL_D1_OK, LOCAL_D1_ANSWERED, 200, 1},          {LOCAL_D1_REFUSE, LOCAL_D1_REFUSED, 0, 0},
        {LOCAL_D1_CUT_REQUEST, LOCAL_D1_BROKEN, 0, 0},     {LOCAL_D1_LOSE_BEFORE, LOCAL_D1_BROKEN, 0, 0},
        {LOCAL_D1_LOSE_AFTER, LOCAL_D1_BROKEN, 0, 1},      {LOCAL_D1_CUT_ANSWER, LOCAL_D1_BROKEN, 200, 1},
        {LOCAL_D1_LATE, LOCAL_D1_TIMEOUT, 0, 0},           {LOCAL_D1_ZOMBIE, LOCAL_D1_BROKEN, 0, 0},
        {LOCAL_D1_TWICE, LOCAL_D1_ANSWERED, 200, 2},       {LOCAL_D1_SILENT, LOCAL_D1_TIMEOUT, 0, 0},
        {LOCAL_D1_429_API, LOCAL_D1_ANSWERED, 429, 0},     {LOCAL_D1_429_BUSY, LOCAL_D1_ANSWERED, 429, 0},
        {LOCAL_D1_500, LOCAL_D1_ANSWERED, 500, 0},         {LOCAL_D1_500_AFTER, LOCAL_D1_ANSWERED, 500, 1},
        {LOCAL_D1_503_HTML, LOCAL_D1_ANSWERED, 503, 0},    {LOCAL_D1_DB_FULL, LOCAL_D1_ANSWERED, 400, 0},
        {LOCAL_D1_DAY_LIMIT, LOCAL_D1_ANSWERED, 429, 0}};
    size_t i;

    CHECK_INT(sizeof cases / sizeof *cases, LOCAL_D1_FAULT_COUNT);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        local_d1 *d = with_counter();
        local_d1_answer a;
        local_d1_set_fault(d, cases[i].fault, 1, 1);
        CHECK_INT(local_d1_next_fault(d), cases[i].fault);
        add_one(d, 1000, &a);
        CHECK_INT(a.failure, cases[i].failure);
        CHECK_INT(a.status, cases[i].status);
        CHECK_INT(counted(d), cases[i].executed);
        CHECK_INT(local_d1_requests(d), 2);
        add_one(d, 1000, &a);
        CHECK_INT(a.status, 200);
        CHECK_INT(counted(d), cases[i].executed + 1);
        local_d1_close(d);
    }
}

static void test_a_late_request_lands_after_30_s_and_a_zombie_after_29(void)
{
    local_d1 *d = with_counter();
    local_d1_answer a;

    local_d1_set_fault(d, LOCAL_D1_LATE, 1, 1);
    add_one(d, 1000, &a);
    CHECK(a.at_ms == UINT64_MAX);
    local_d1_advance(d, 30999);
    CHECK_INT(counted(d), 0);
    local_d1_advance(d, 31000);
    CHECK_INT(counted(d), 1);
    local_d1_set_fault(d, LOCAL_D1_ZOMBIE, 1, 2);
    add_one(d, 50000, &a);
    CHECK_INT(a.at_ms, 50000);
    add_one(d, 50001, &a);
    local_d1_advance(d, 79000);
    CHECK_INT(counted(d), 2);
    add_one(d, 79001, &a); /* an exchange lets what is due land first */
    CHECK_INT(counted(d), 4);
    local_d1_close(d);
}

static void test_a_cut_answer_is_the_start_of_the_answer(void)
{
    local_d1 *d = with_counter();
    local_d1_answer a;

    local_d1_set_fault(d, LOCAL_D1_CUT_ANSWER, 1, 1);
    add_one(d, 0, &a);
    CHECK(a.size > 20 && memcmp(a.body, "{\"result\":[{", 12) == 0 && a.body[a.size - 1] != ']');
    local_d1_close(d);
}

static void test_the_answers_of_faults_are_d1s(void)
{
    local_d1 *d = with_counter();
    local_d1_answer a;

    local_d1_set_fault(d, LOCAL_D1_429_API, 1, 1);
    add_one(d, 0, &a);
    CHECK_STR(a.retry_after, "2");
    has(a.body, "{\"code\":971,\"message\":\"Please wait and consider throttling your request speed\"}");
    local_d1_set_fault(d, LOCAL_D1_429_BUSY, 1, 1);
    add_one(d, 0, &a);
    CHECK_STR(a.retry_after, "");
    has(a.body, "{\"code\":7500,\"message\":\"D1 DB is overloaded. Too many requests queued.\"}");
    local_d1_set_fault(d, LOCAL_D1_500, 1, 1);
    add_one(d, 0, &a);
    has(a.body, "{\"code\":7500,\"message\":\"Internal error in D1 DB storage caused object to be reset.\"}");
    local_d1_set_fault(d, LOCAL_D1_503_HTML, 1, 1);
    add_one(d, 0, &a);
    CHECK_STR(a.content_type, "text/html; charset=UTF-8");
    has(a.body, "<html>");
    local_d1_set_fault(d, LOCAL_D1_DB_FULL, 1, 1);
    add_one(d, 0, &a);
    has(a.body, "\"Exceeded maximum DB size\"");
    local_d1_set_fault(d, LOCAL_D1_DAY_LIMIT, 1, 1);
    add_one(d, 0, &a);
    has(a.body, "Your account has exceeded D1's free tier daily row write limit.");
    local_d1_close(d);
}

static void test_the_answer_of_a_twice_delivered_request_is_the_first(void)
{
    local_d1 *d = fresh();
    sql(d, "CREATE TABLE t(k PRIMARY KEY)");
    local_d1_set_fault(d, LOCAL_D1_TWICE, 1, 1);
    has(sql(d, "INSERT INTO t VALUES(1)"), "200 ");
    local_d1_close(d);
}

static void test_a_fault_meets_the_requests_it_is_set_for(void)
{
    local_d1 *d = with_counter();
    local_d1_answer a;
    int i;

    local_d1_set_fault(d, LOCAL_D1_REFUSE, 2, 2);
    for (i = 1; i <= 4; i++) {
        add_one(d, 0, &a);
        CHECK_INT(a.failure, i == 2 || i == 3 ? LOCAL_D1_REFUSED : LOCAL_D1_ANSWERED);
    }
    local_d1_set_fault(d, LOCAL_D1_REFUSE, 1, UINT64_MAX);
    for (i = 1; i <= 4; i++) {
        add_one(d, 0, &a);
        CHECK_INT(a.failure, LOCAL_D1_REFUSED);
    }
    local_d1_set_fault(d, LOCAL_D1_OK, 1, 0);
    add_one(d, 0, &a);
    CHECK_INT(a.failure, LOCAL_D1_ANSWERED);
    local_d1_close(d);
}

static void test_a_virtual_clock_moves_only_by_sleeping(void)
{
    local_d1 *d = with_counter();
    local_d1_answer a;
    uint64_t start;

    start = local_d1_now(d);
    local_d1_sleep(d, 3);
    CHECK(local_d1_now(d) >= start + 3);
    local_d1_virtual_clock(d, 500);
    CHECK_INT(local_d1_now(d), 500);
    local_d1_set_fault(d, LOCAL_D1_LATE, 1, 1);
    add_one(d, local_d1_now(d), &a);
    local_d1_sleep(d, 29999);
    CHECK_INT(counted(d), 0);
    local_d1_sleep(d, 1);
    CHECK_INT(counted(d), 1);
    CHECK_INT(local_d1_now(d), 30500);
    local_d1_close(d);
}

int main(void)
{
    RUN(test_query_answers_objects_and_raw_answers_arrays);
    RUN(test_raw_lists_columns_of_no_rows_and_nothing_of_no_result);
    RUN(test_any_prefix_leads_to_the_database);
    RUN(test_unknown_routes_are_404);
    RUN(test_get_answers_metadata);
    RUN(test_a_wrong_token_is_refused);
    RUN(test_bodies_that_are_no_requests_are_400);
    RUN(test_every_statement_of_a_text_gives_a_result);
    RUN(test_a_failed_batch_leaves_nothing);
    RUN(test_texts_without_statements_have_d1s_errors);
    RUN(test_parameters_of_every_json_type);
    RUN(test_numbers_reach_columns_as_doubles);
    RUN(test_a_wrong_number_of_parameters_is_an_error);
    RUN(test_numbers_are_answered_as_javascript_writes_them);
    RUN(test_texts_and_blobs_are_answered_as_json);
    RUN(test_the_bulk_shape_keeps_every_value);
    RUN(test_unhex_is_there);
    RUN(test_big_bodies_are_linear);
    RUN(test_rows_written_counts_rows_and_index_entries);
    RUN(test_an_unchanged_guarded_upsert_writes_nothing);
    RUN(test_meta_tells_what_a_statement_did);
    RUN(test_returning_names_the_written_rows);
    RUN(test_errors_have_d1s_texts);
    RUN(test_the_abort_guard_carries_its_text);
    RUN(test_limits_are_d1s);
    RUN(test_a_value_above_the_length_limit_is_refused);
    RUN(test_what_d1_refuses_is_refused);
    RUN(test_transactions_are_refused_in_d1s_words);
    RUN(test_what_d1_allows_works);
    RUN(test_the_system_table_is_listed_but_closed);
    RUN(test_foreign_keys_cannot_be_switched_off);
    RUN(test_a_deferred_violation_at_commit_resets_the_object);
    RUN(test_defer_foreign_keys_resets_and_the_other_pragmas_leak);
    RUN(test_a_file_keeps_its_rows);
    RUN(test_each_fault_does_what_it_says);
    RUN(test_a_late_request_lands_after_30_s_and_a_zombie_after_29);
    RUN(test_a_cut_answer_is_the_start_of_the_answer);
    RUN(test_the_answers_of_faults_are_d1s);
    RUN(test_the_answer_of_a_twice_delivered_request_is_the_first);
    RUN(test_a_fault_meets_the_requests_it_is_set_for);
    RUN(test_a_virtual_clock_moves_only_by_sleeping);
    TEST_MAIN_END;
}
