/* Room client, >>query: typed results, exact reads, caps, retries, atomic statements. */
#include <math.h>

#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/script.h"
#include "../support/script_local.h"

static d1t_client db;
static script s;
static local_d1 *d1;

static d1t_config fresh(void)
{
    script_free(&s);
    memset(&s, 0, sizeof s);
    local_d1_close(d1);
    d1 = local_d1_open(NULL, NULL);
    s.decide = script_from_local;
    s.ctx = d1;
    return script_config(&s);
}

static void start(const d1t_table *table)
{
    d1t_config config = fresh();

    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    if (table)
        CHECK_INT(d1t_setup(&db, &table, 1), D1T_OK);
}

static void start_scripted(const script_answer *answers, size_t count, d1t_config config)
{
    s.decide = NULL;
    s.answers = answers;
    s.count = count;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
}

/* Rows as text: kind letter and value. */
static char got[20000];
static int rows_seen, stop_after;

static int note_row(void *ctx, const d1t_row *row)
{
    size_t i, k;

    CHECK(ctx == got);
    for (i = 0; i < row->count; i++) {
        const d1t_value *v = &row->values[i];
        char *to = got + strlen(got);
        CHECK(row->names[i].n > 0);
        switch (v->kind) {
        case D1T_KIND_NULL: strcpy(to, "null"); break;
        case D1T_KIND_BOOL: sprintf(to, "bool %lld", (long long)v->u.i); break;
        case D1T_KIND_INT: sprintf(to, "int %lld", (long long)v->u.i); break;
        case D1T_KIND_DOUBLE: sprintf(to, "double %.17g", v->u.d); break;
        case D1T_KIND_TEXT: sprintf(to, "text %.*s", (int)v->u.s.n, v->u.s.p); break;
        case D1T_KIND_BLOB:
            strcpy(to, "blob ");
            for (k = 0; k < v->u.s.n; k++)
                sprintf(to + strlen(to), "%02x", (unsigned char)v->u.s.p[k]);
            break;
        default: sprintf(to, "kind %d", (int)v->kind);
        }
        strcat(got, i + 1 < row->count ? "," : ";");
    }
    return ++rows_seen == stop_after;
}

static const char *result_of(const char *sql, const d1t_value *args, size_t count)
{
    got[0] = 0;
    rows_seen = stop_after = 0;
    if (d1t_query(&db, sql, args, count, note_row, got) != D1T_OK)
        return d1t_result_name(db.error.code);
    return got;
}

static const char *just(const char *sql)
{
    const char *result = result_of(sql, NULL, 0);

    d1t_clear(&db, D1T_KEEP_ROWS);
    return result;
}

static void test_values_arrive_by_their_json(void)
{
    start(NULL);
    CHECK_STR(just("SELECT 1, -7, 'x', NULL, x'00ff', x'', '', 1.5, -0.25"),
              "int 1,int -7,text x,null,blob 00ff,blob ,text ,double 1.5,double -0.25;");
    CHECK_STR(just("SELECT 2.0, 1e3"), "int 2,int 1000;"); /* a REAL without fraction */
    CHECK_STR(just("SELECT 1e300, 5e-324"), "double 1.0000000000000001e+300,double 4.9406564584124654e-324;");
    CHECK_STR(just("SELECT 9e999, -9e999"), "null,null;");
    CHECK_STR(just("SELECT 9007199254740991, -9007199254740991"), "int 9007199254740991,int -9007199254740991;");
    CHECK_STR(just("SELECT 'a' || char(10) || '\"\\' || '\xC3\xA9\xF0\x9F\x98\x80'"),
              "text a\n\"\\\xC3\xA9\xF0\x9F\x98\x80;");
    CHECK_STR(just("SELECT value FROM json_each('[1,2,3]')"), "int 1;int 2;int 3;");
    CHECK_STR(just("SELECT 1 WHERE 0"), "");
    CHECK_STR(just("VALUES(1),(2)"), "int 1;int 2;");
    CHECK_STR(just("WITH r(x) AS (SELECT 5) SELECT x FROM r;"), "int 5;");
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_integers_that_may_have_been_rounded_are_inexact(void)
{
    static const char *const wrong[] = {"SELECT 9007199254740992", "SELECT -9007199254740992",
                                        "SELECT 9223372036854775807", "SELECT -9223372036854775807 - 1"};
    size_t i;

    start(NULL);
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_STR(result_of(wrong[i], NULL, 0), "D1T_ERR_INEXACT");
        CHECK_INT(rows_seen, 0);
        CHECK(strstr(db.error.text, "CAST") != NULL); /* the cure */
        CHECK(strstr(db.error.text, "90071992") == NULL);
        d1t_clear(&db, D1T_KEEP_ROWS);
    }
    CHECK_STR(just("SELECT CAST(9223372036854775807 AS TEXT)"), "text 9223372036854775807;");
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_names_of_columns_come_with_the_row_even_twice(void)
{
    start(NULL);
    CHECK_STR(just("SELECT 1 AS a, 2 AS a, 3 AS \"odd \"\"name\"\"\""), "int 1,int 2,int 3;");
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_parameters_are_typed(void)
{
    d1t_value args[5];

    start(NULL);
    args[0] = d1t_int(7);
    CHECK_STR(result_of("SELECT 1+6 = ?1, typeof(?1)", args, 1), "int 1,text integer;");
    args[0] = d1t_int(INT64_MIN);
    CHECK_STR(result_of("SELECT ?1 = -9223372036854775807 - 1", args, 1), "int 1;");
    args[0] = d1t_double(0.1);
    args[1] = d1t_blob("\0\xFF", 2);
    args[2] = d1t_null();
    args[3] = d1t_text("7");
    args[4] = d1t_bool(true);
    CHECK_STR(result_of("SELECT typeof(?1), ?1 = 0.1, typeof(?2), hex(?2), ?3 IS NULL, typeof(?4), ?5", args, 5),
              "text real,int 1,text blob,text 00FF,int 1,text text,int 1;");
    CHECK_STR(result_of("SELECT ?", args, 2), "D1T_ERR_SQL");
    CHECK_INT(s.kept, 3); /* refused before sending */
    d1t_close(&db);
}

static void test_a_query_that_writes_is_refused_before_sending(void)
{
    static const char *const writes[] = {"INSERT INTO t VALUES(1)",
                                         "DELETE FROM t",
                                         "UPDATE t SET a=1",
                                         "CREATE TABLE x(a)",
                                         "DROP TABLE t",
                                         "REPLACE INTO t VALUES(1)",
                                         "WITH r AS (SELECT 1) INSERT INTO t SELECT * FROM r",
                                         "WITH r AS (SELECT 1) DELETE FROM t",
                                         "/* SELECT */ delete from t"};
    static const char *const reads[] = {"SELECT replace('aXb','X','-')",
                                        "SELECT 'insert into' AS \"delete\"",
                                        "SELECT 1 AS `update`",
                                        "-- insert\nSELECT 1",
                                        "EXPLAIN SELECT 1",
                                        "PRAGMA table_list"};
    size_t i;

    start(NULL);
    for (i = 0; i < sizeof writes / sizeof *writes; i++) {
        CHECK_STR(just(writes[i]), "D1T_ERR_SQL");
        CHECK_INT(s.sent, 0);
    }
    for (i = 0; i < sizeof reads / sizeof *reads; i++) {
        if (just(reads[i])[0] == 'D')
            printf("refused: %s\n", reads[i]);
        CHECK_INT(s.sent, i + 1);
    }
    CHECK_STR(result_of("SELECT 1", NULL, 0), "int 1;");
    CHECK_INT(d1t_query(&db, "SELECT 1", NULL, 0, NULL, NULL), D1T_ERR_ARG);
    d1t_close(&db);
}

static void test_the_callback_can_stop(void)
{
    start(NULL);
    got[0] = 0;
    rows_seen = 0;
    stop_after = 2;
    CHECK_INT(d1t_query(&db, "SELECT value FROM json_each('[1,2,3]')", NULL, 0, note_row, got), D1T_ERR_CANCELED);
    CHECK_STR(got, "int 1;int 2;");
    CHECK_INT(s.sent, 1);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_STR(just("SELECT 4"), "int 4;");
    CHECK_INT(d1t_close(&db), D1T_OK);
}

/* ---- caps */

static void test_a_row_larger_than_max_kept_is_refused_and_many_small_ones_are_not(void)
{
    d1t_config config = fresh();

    config.max_kept = 2000;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_STR(result_of("SELECT hex(zeroblob(1500))", NULL, 0), "D1T_ERR_TOO_BIG");
    CHECK_INT(rows_seen, 0);
    d1t_clear(&db, D1T_KEEP_ROWS);
    got[0] = 0;
    CHECK_STR(result_of("SELECT length(hex(zeroblob(500))) FROM json_each('[1,2,3]')", NULL, 0),
              "int 1000;int 1000;int 1000;");
    stop_after = rows_seen = 0;
    got[0] = 0;
    CHECK_INT(d1t_query(&db,
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) SELECT i FROM n",
                        NULL, 0, note_row, got),
              D1T_OK);
    CHECK_INT(rows_seen, 1000);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_a_reply_larger_than_max_reply_is_refused(void)
{
    d1t_config config = fresh();

    config.max_reply = 10000;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_STR(result_of("SELECT hex(zeroblob(10000))", NULL, 0), "D1T_ERR_TOO_BIG");
    CHECK_INT(s.sent, 1);
    d1t_close(&db);
}

/* ---- retries */

#define HEAD "{\"success\":true,\"result\":[{\"success\":true,\"results\":{\"columns\":[\"a\"],\"rows\":["
#define TAIL "]}}]}"

static void test_a_query_is_sent_again_only_before_its_first_row(void)
{
    static const script_answer before[] = {{.status = 200, .body = HEAD "[1", .result = D1T_ERR_TRANSPORT},
                                           {.status = 503, .body = "<html>"},
                                           {.result = D1T_ERR_CONNECT},
                                           {.status = 200, .body = HEAD "[1],[2]" TAIL}};
    static const script_answer after[] = {{.status = 200, .body = HEAD "[1],[2", .result = D1T_ERR_TRANSPORT},
                                          {.status = 200, .body = HEAD "[1],[2]" TAIL}};

    start_scripted(before, 4, fresh());
    CHECK_STR(result_of("SELECT a", NULL, 0), "int 1;int 2;");
    CHECK_INT(s.kept, 4);
    CHECK_INT(d1t_close(&db), D1T_OK);
    start_scripted(after, 2, fresh());
    CHECK_STR(result_of("SELECT a", NULL, 0), "D1T_ERR_TRANSPORT");
    CHECK_STR(got, "int 1;");
    CHECK_INT(s.kept, 1);
    CHECK_INT(db.error.outcome, D1T_NOT_APPLIED); /* a read leaves nothing behind */
    d1t_close(&db);
}

static void test_replies_of_another_shape_are_protocol_errors(void)
{
    static const char *const bodies[] = {
        HEAD "[1,2]" TAIL,
        HEAD "[]" TAIL,
        HEAD "[[256]]" TAIL,
        HEAD "[[-1]]" TAIL,
        HEAD "[[1.5]]" TAIL,
        HEAD "[[\"x\"]]" TAIL,
        HEAD "[[null]]" TAIL,
        HEAD "[[[1]]]" TAIL,
        HEAD "[{\"a\":1}]" TAIL,
        "{\"success\":true,\"result\":[]}",
        "{\"success\":true,\"result\":null}",
        "{\"success\":true}",
        "{\"success\":true,\"result\":[{\"success\":true,\"results\":[{\"a\":1}]}]}",
    };
    script_answer a = {.status = 200, .times = UINT32_MAX};
    size_t i;

    for (i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        a.body = bodies[i];
        start_scripted(&a, 1, fresh());
        if (strcmp(result_of("SELECT a", NULL, 0), "D1T_ERR_PROTOCOL") != 0)
            printf("%s\n", bodies[i]);
        CHECK_INT(db.error.code, D1T_ERR_PROTOCOL);
        CHECK_STR(got, "");
        d1t_close(&db);
    }
}

static void test_a_query_in_1_byte_pieces_is_the_same(void)
{
    static const script_answer a = {
        .status = 200, .piece = 1, .body = HEAD "[\"x\\u00e9\\n\"],[null],[-1.5e3],[[0,127,255]],[[]],[true]" TAIL};

    start_scripted(&a, 1, fresh());
    CHECK_STR(result_of("SELECT a", NULL, 0), "text x\xC3\xA9\n;null;double -1500;blob 007fff;blob ;bool 1;");
    CHECK_INT(d1t_close(&db), D1T_OK);
}

/* ---- d1t_read */

static const d1t_column every_columns[] = {
    D1T_COLUMN("i", D1T_INTEGER, 0),     D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("r", D1T_REAL, 0),
    D1T_COLUMN("t", D1T_TEXT, 0),        D1T_COLUMN("x", D1T_BLOB, 0),       D1T_COLUMN("y", D1T_ANY, 0),
    D1T_COLUMN("o", D1T_BOOL, 0),        D1T_COLUMN("j", D1T_JSON, 0),       D1T_COLUMN("u", D1T_UUID, 0),
    D1T_COLUMN("d", D1T_DATE, 0),        D1T_COLUMN("m", D1T_TIME, 0),       D1T_COLUMN("s", D1T_TIMESTAMP, 0),
    D1T_COLUMN("z", D1T_TIMESTAMPTZ, 0), D1T_COLUMN("v", D1T_VECTOR, 0),     D1T_COLUMN("k2", D1T_INTEGER, D1T_KEY),
};
static const d1t_table every = D1T_TABLE_FLAGS("every`kind", every_columns, D1T_STRICT);
enum { COLUMNS = 15, EVERY_ROWS = 40 };

/* Row n of the table: extremes first, then anything. */
static void make_row(uint64_t n, d1t_value *v, char *room)
{
    static const int64_t ints[] = {INT64_MIN, INT64_MAX, 0, -1, 9007199254740993};
    static float floats[3] = {1.5f, -0.0f, 3e38f};
    uint64_t seed = n, bits = script_random(&seed);
    int64_t i = n < 5 ? ints[n] : (int64_t)bits;

    memset(room, 0, 64);
    v[0] = d1t_int(i);
    v[1] = d1t_text(n % 2 ? "b\n\"" : "a");
    memcpy(&v[2].u.d, &bits, sizeof bits);
    v[2] = d1t_double(n == 0 ? HUGE_VAL : n == 1 ? -HUGE_VAL : n == 2 ? 5e-324 : n == 3 ? 2 : (double)i / 3);
    v[3] = d1t_text_n("\xF0\x9F\x98\x80 \x01\x7f'\"\\", n % 3 == 0 ? 10 : n % 3 == 1 ? 4 : 0);
    memcpy(room, &bits, 8);
    v[4] = d1t_blob(room, n % 9);
    v[5] = n % 6 == 0   ? d1t_int(i)
           : n % 6 == 1 ? d1t_double((double)i)
           : n % 6 == 2 ? d1t_text("007")
           : n % 6 == 3 ? d1t_blob(room, 3)
           : n % 6 == 4 ? d1t_null()
                        : d1t_double(HUGE_VAL);
    v[6] = d1t_bool(n % 2);
    v[7] = d1t_json("{\"a\": [1e5, null]}", 18);
    memcpy(room + 16, &bits, 8);
    v[8] = d1t_uuid((const uint8_t *)room + 16);
    v[9] = d1t_date((int32_t)(bits % 9999), 1 + (int32_t)(bits % 12), 1 + (int32_t)(bits % 28));
    v[10] = d1t_time((int32_t)(bits % 24), 59, 59, (int32_t)(bits % 1000000));
    v[11] = d1t_timestamp((int64_t)(bits % 200000000000000) - 100000000000000);
    v[12] = d1t_timestamptz((int64_t)(bits % 200000000000000) - 100000000000000, (int32_t)(bits % 1440) - 720);
    v[13] = d1t_vector(floats, n % 4);
    v[14] = d1t_int((int64_t)n);
    for (i = 2; i < 14 && n % 7 == 6; i++)
        v[i] = d1t_null();
}

static bool same_value(const d1t_value *a, const d1t_value *b)
{
    if (a->kind != b->kind || a->offset != b->offset)
        return false;
    switch (a->kind) {
    case D1T_KIND_NULL: return true;
    case D1T_KIND_DOUBLE: return memcmp(&a->u.d, &b->u.d, sizeof a->u.d) == 0;
    case D1T_KIND_TEXT:
    case D1T_KIND_BLOB:
    case D1T_KIND_JSON:
    case D1T_KIND_UUID:
    case D1T_KIND_VECTOR: return d1t_str_equal(a->u.s, b->u.s);
    default: return a->u.i == b->u.i;
    }
}

static int check_row(void *ctx, const d1t_row *row)
{
    uint32_t *n = (uint32_t *)ctx,
             number = *n < EVERY_ROWS / 2 ? *n * 2 : (*n - EVERY_ROWS / 2) * 2 + 1; /* key order */
    d1t_value want[COLUMNS];
    char room[64];
    size_t i;

    make_row(number, want, room);
    CHECK_INT(row->count, COLUMNS);
    for (i = 0; i < COLUMNS && i < row->count; i++) {
        CHECK(d1t_str_equal(row->names[i], d1t_cstr(every_columns[i].name)));
        if (!same_value(&row->values[i], &want[i]))
            printf("row %u, column %s: kind %d, not %d\n", number, every_columns[i].name, (int)row->values[i].kind,
                   (int)want[i].kind);
        CHECK(same_value(&row->values[i], &want[i]));
    }
    ++*n;
    return 0;
}

static void test_a_declared_table_is_read_exactly_and_in_key_order(void)
{
    d1t_value row[COLUMNS];
    char room[64];
    uint32_t n;

    start(&every);
    for (n = EVERY_ROWS; n-- > 0;) {
        make_row(n, row, room);
        CHECK_INT(d1t_upsert(&db, &every, row, COLUMNS), D1T_OK);
    }
    n = 0;
    CHECK_INT(d1t_read(&db, &every, NULL, NULL, 0, check_row, &n), D1T_OK); /* pending rows are sent first */
    if (db.error.code)
        printf("%s\n", db.error.text);
    CHECK_INT(n, EVERY_ROWS);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static int count_row(void *ctx, const d1t_row *row)
{
    (void)row;
    ++*(int *)ctx;
    return 0;
}

static int read_where(const char *where, const d1t_value *args, size_t count)
{
    int n = 0;
    d1t_result result = d1t_read(&db, &every, where, args, count, count_row, &n);

    if (result == D1T_OK)
        return n;
    d1t_clear(&db, D1T_KEEP_ROWS);
    return (int)result;
}

static void test_read_takes_a_condition_with_parameters(void)
{
    d1t_value row[COLUMNS], args[2];
    char room[64];
    uint32_t n;
    uint64_t sent;

    start(&every);
    for (n = 0; n < EVERY_ROWS; n++) {
        make_row(n, row, room);
        d1t_upsert(&db, &every, row, COLUMNS);
    }
    args[0] = d1t_int(10);
    args[1] = d1t_text("a");
    CHECK_INT(read_where("`k2` < ?1", args, 1), 10);
    CHECK_INT(read_where("k2 < ?1 AND `k` = ?2", args, 2), 5);
    CHECK_INT(read_where("k2 = 1 OR k2 = 2", NULL, 0), 2);
    args[0] = d1t_int(INT64_MIN);
    CHECK_INT(read_where("`i` = ?1", args, 1), 1);
    CHECK_INT(read_where("k2 < -5", NULL, 0), 0);
    CHECK_INT(read_where("`misspelt` = 1", NULL, 0), D1T_ERR_SQL);
    sent = s.sent;
    CHECK_INT(read_where("1) OR (1", NULL, 0), D1T_ERR_SQL); /* not one whole expression */
    CHECK_INT(read_where("1; DELETE FROM x", NULL, 0), D1T_ERR_SQL);
    CHECK_INT(read_where("1 -- )", NULL, 0) == EVERY_ROWS || s.sent == sent,
              1); /* all rows, or refused: never half a statement */
    CHECK_INT(read_where("k2 < ?1", NULL, 0), D1T_ERR_SQL);
    d1t_close(&db);
}

static void test_a_stored_value_of_another_kind_is_an_error_not_a_guess(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("u", D1T_UUID, 0),
                                         D1T_COLUMN("d", D1T_DATE, 0), D1T_COLUMN("i", D1T_INTEGER, 0),
                                         D1T_COLUMN("r", D1T_REAL, 0)};
    static const d1t_table t = D1T_TABLE("t", columns);
    static const char *const changes[] = {"UPDATE t SET u='no uuid'", "UPDATE t SET d='yesterday'",
                                          "UPDATE t SET i='x'", "UPDATE t SET r='x'", "UPDATE t SET d='2026-1-1'"};
    d1t_value row[5];
    d1t_statement change = {NULL, NULL, 0};
    size_t i;
    int n;

    for (i = 0; i < sizeof changes / sizeof *changes; i++) {
        start(&t);
        row[0] = d1t_int(1);
        row[1] = row[2] = row[3] = row[4] = d1t_null();
        d1t_upsert(&db, &t, row, 5);
        change.sql = changes[i];
        CHECK_INT(d1t_exec(&db, &change, 1), D1T_OK);
        n = 0;
        CHECK_INT(d1t_read(&db, &t, NULL, NULL, 0, count_row, &n), D1T_ERR_VALUE);
        CHECK_INT(n, 0);
        CHECK(strstr(db.error.text, "uuid") == NULL && strstr(db.error.text, "yesterday") == NULL);
        d1t_close(&db);
    }
}

static void test_read_of_an_undeclared_table_is_refused(void)
{
    start(NULL);
    CHECK_INT(read_where(NULL, NULL, 0), D1T_ERR_STATE);
    d1t_close(&db);
}

/* ---- d1t_exec */

static void test_exec_is_one_atomic_batch(void)
{
    d1t_value args[2];
    d1t_statement good[3] = {{"CREATE TABLE e(a, b)", NULL, 0},
                             {"INSERT INTO e VALUES(?1, ?2)", NULL, 2},
                             {"UPDATE e SET b = b + 1", NULL, 0}};
    d1t_statement bad[2] = {{"DELETE FROM e", NULL, 0}, {"INSERT INTO nowhere VALUES(1)", NULL, 0}};

    args[0] = d1t_text("x");
    args[1] = d1t_int(41);
    good[1].args = args;
    start(NULL);
    CHECK_INT(d1t_exec(&db, good, 3), D1T_OK);
    CHECK_STR(just("SELECT a, b FROM e"), "text x,int 42;");
    CHECK_INT(d1t_exec(&db, bad, 2), D1T_ERR_SQL);
    CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_STR(just("SELECT count(*) FROM e"), "int 1;");
    CHECK_INT(s.requests[0].statements, 3);
    CHECK_INT(d1t_exec(&db, good, 0), D1T_ERR_ARG);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_exec(&db, NULL, 1), D1T_ERR_ARG);
    d1t_close(&db);
}

static void test_pending_rows_are_sent_before_a_query_or_an_exec(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY)};
    static const d1t_table t = D1T_TABLE("t", columns);
    static const d1t_statement clear = {"DELETE FROM t", NULL, 0};
    d1t_value key = d1t_int(1);

    start(&t);
    d1t_upsert(&db, &t, &key, 1);
    CHECK_STR(result_of("SELECT count(*) FROM t", NULL, 0), "int 1;");
    key = d1t_int(2);
    d1t_upsert(&db, &t, &key, 1);
    CHECK_INT(d1t_exec(&db, &clear, 1), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(local_ask(d1, "SELECT count(*) FROM t"), "0");
}

int main(void)
{
    RUN(test_values_arrive_by_their_json);
    RUN(test_integers_that_may_have_been_rounded_are_inexact);
    RUN(test_names_of_columns_come_with_the_row_even_twice);
    RUN(test_parameters_are_typed);
    RUN(test_a_query_that_writes_is_refused_before_sending);
    RUN(test_the_callback_can_stop);
    RUN(test_a_row_larger_than_max_kept_is_refused_and_many_small_ones_are_not);
    RUN(test_a_reply_larger_than_max_reply_is_refused);
    RUN(test_a_query_is_sent_again_only_before_its_first_row);
    RUN(test_replies_of_another_shape_are_protocol_errors);
    RUN(test_a_query_in_1_byte_pieces_is_the_same);
    RUN(test_a_declared_table_is_read_exactly_and_in_key_order);
    RUN(test_read_takes_a_condition_with_parameters);
    RUN(test_a_stored_value_of_another_kind_is_an_error_not_a_guess);
    RUN(test_read_of_an_undeclared_table_is_refused);
    RUN(test_exec_is_one_atomic_batch);
    RUN(test_pending_rows_are_sent_before_a_query_or_an_exec);
    script_free(&s);
    local_d1_close(d1);
    TEST_MAIN_END;
}
