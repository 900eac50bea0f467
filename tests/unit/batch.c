/* Room planning, >>batch: order, dedupe, merge, cut, groups; seen in the requests that a client makes of rows. */
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
static sqlite3 *json; /* reads bodies */

static void start(const d1t_table *const *tables, size_t count, d1t_config *config)
{
    script_free(&s);
    memset(&s, 0, sizeof s);
    config->setup = D1T_SETUP_TRUST;
    CHECK_INT(d1t_open(&db, config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, count), D1T_OK);
}

static void start_plain(const d1t_table *table)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1];

    tables[0] = table;
    start(tables, 1, &config);
}

static void finish(void)
{
    CHECK_INT(d1t_close(&db), D1T_OK);
    if (db.error.code != D1T_OK) printf("%s\n", db.error.text);
}

/* One text out of a body; ?1 is the body. */
static const char *in_body(const char *body, const char *query)
{
    static char answer[1 << 16];
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(json, query, -1, &stmt, NULL) != SQLITE_OK) return sqlite3_errmsg(json);
    sqlite3_bind_text(stmt, 1, body, -1, SQLITE_STATIC);
    answer[0] = 0;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(answer, sizeof answer, "%s", text ? text : "NULL");
    }
    sqlite3_finalize(stmt);
    return answer;
}

/* The rows of the n-th statement of a request. */
static const char *rows_of(size_t request, int statement)
{
    char query[100];

    if (request >= s.kept) return "(no such request)";
    sprintf(query, "SELECT json_extract(?1,'$.batch[%d].params[0]')", statement);
    return in_body(s.requests[request].body, query);
}

static const char *sql_of(size_t request, int statement)
{
    char query[100];

    sprintf(query, "SELECT json_extract(?1,'$.batch[%d].sql')", statement);
    return in_body(s.requests[request].body, query);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ---- tables */

static const d1t_column number_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0),
                                            D1T_COLUMN("b", D1T_INTEGER, 0), D1T_COLUMN("c", D1T_BLOB, 0)};
static const d1t_table numbers = D1T_TABLE("numbers", number_columns);
static const d1t_column text_columns[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("n", D1T_INTEGER, D1T_KEY)};
static const d1t_table texts = D1T_TABLE("texts", text_columns);
static const char *const parent_column[] = {"k"};
static const d1t_foreign_key to_numbers[] = {D1T_REFERENCES(parent_column, "numbers", D1T_CASCADE)};
static const d1t_table children = {"children", number_columns, 4, NULL, 0, to_numbers, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table others = D1T_TABLE("others", number_columns);

static d1t_result put(const d1t_table *t, int64_t k, const char *a, int64_t b)
{
    d1t_value row[4];

    row[0] = d1t_int(k);
    row[1] = d1t_text(a);
    row[2] = d1t_int(b);
    row[3] = d1t_null();
    return d1t_upsert(&db, t, row, 4);
}

static d1t_result change(int64_t k, const char *a, int64_t b)
{
    d1t_value row[4];

    row[0] = d1t_int(k);
    row[1] = a ? d1t_text(a) : d1t_absent();
    row[2] = b ? d1t_int(b) : d1t_absent();
    row[3] = d1t_absent();
    return d1t_update(&db, &numbers, row, 4);
}

static d1t_result drop(const d1t_table *t, int64_t k)
{
    d1t_value key = d1t_int(k);

    return d1t_delete(&db, t, &key, 1);
}

/* ---- order */

static void test_integers_are_sent_in_numeric_order(void)
{
    static const int64_t keys[] = {
        10, 9, -1, 100, 0, INT64_MIN, 99, INT64_MAX, -10, -9, 1, INT64_MAX - 1, INT64_MIN + 1, -100};
    size_t i;

    start_plain(&numbers);
    for (i = 0; i < sizeof keys / sizeof *keys; i++) put(&numbers, keys[i], "x", 1);
    finish();
    CHECK_STR(in_body(s.requests[0].body,
                      "SELECT group_concat(value->>0) FROM json_each(json_extract(?1,'$.batch[0].params[0]'))"),
              "-9223372036854775808,-9223372036854775807,-100,-10,-9,-1,0,1,9,10,99,100,9223372036854775806,"
              "9223372036854775807");
}

static size_t random_text(uint64_t *seed, char *out)
{
    static const char *const bits[] = {"\x01",
                                       "\x1f",
                                       "\n",
                                       "\t",
                                       "\b",
                                       "\f",
                                       "\r",
                                       "\"",
                                       "\\",
                                       "/",
                                       " ",
                                       "!",
                                       "#",
                                       "[",
                                       "]",
                                       "^",
                                       "u",
                                       "0",
                                       "a",
                                       "ab",
                                       "prefix of eight or more",
                                       "\x7f",
                                       "\xC3\xA9",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x9F\x98\x80",
                                       "\xED\x9F\xBF",
                                       "n",
                                       "t"};
    size_t n = script_random(seed) % 7;

    out[0] = 0;
    while (n--) strcat(out, bits[script_random(seed) % (sizeof bits / sizeof *bits)]);
    return strlen(out);
}

/* Rows of the first statement that do not come after the one before. */
static const char *misplaced(void)
{
    return in_body(s.requests[0].body,
                   "SELECT count(*) FROM (SELECT value->>0 k, value->>1 n, lag(value->>0) OVER w pk, lag(value->>1) "
                   "OVER w pn FROM json_each(json_extract(?1,'$.batch[0].params[0]')) WINDOW w AS (ORDER BY key)) "
                   "WHERE (pk,coalesce(pn,0))>=(k,coalesce(n,0))");
}

static void test_texts_are_sent_as_sqlite_orders_them(void)
{
    uint64_t seed = 11;
    char text[200];
    d1t_value row[2];
    int round, i;

    for (round = 0; round < 20; round++) {
        start_plain(&texts);
        for (i = 0; i < 1500; i++) {
            row[0] = d1t_text_n(text, random_text(&seed, text));
            row[1] = d1t_int((int64_t)(script_random(&seed) % 3) - 1);
            d1t_upsert(&db, &texts, row, 2);
        }
        finish();
        CHECK_INT(s.kept, 1);
        CHECK_STR(
            in_body(s.requests[0].body, "SELECT count(*)>700 FROM json_each(json_extract(?1,'$.batch[0].params[0]'))"),
            "1");
        CHECK_STR(misplaced(), "0");
    }
}

static void test_many_integers_of_all_sizes_are_sent_in_order(void)
{
    uint64_t seed = 5, bits;
    size_t round, i;
    int64_t key;

    for (round = 0; round < 6; round++) {
        start_plain(&numbers);
        for (i = 0; i < 60u << round; i++) {
            bits = script_random(&seed) << 32 ^ script_random(&seed);
            key = (int64_t)(bits >> script_random(&seed) % 64);
            CHECK_INT(put(&numbers, script_random(&seed) % 2 ? key : -1 - key, NULL, 1), D1T_OK);
        }
        CHECK_INT(put(&numbers, INT64_MAX, NULL, 1), D1T_OK);
        CHECK_INT(put(&numbers, INT64_MIN, NULL, 1), D1T_OK);
        finish();
        CHECK_INT(s.kept, 1);
        CHECK_STR(misplaced(), "0");
    }
}

/* Differences at the start of the keys, behind a long beginning that all share, in their length, in the last column. */
static void test_many_texts_with_a_common_beginning_are_sent_in_order(void)
{
    static const char common[] = "/a/path/that/all/of/the/keys/have/in/front/of/what/makes/them/different/from/others/";
    static const struct {
        int shared;
        const char *before, *behind;
    } shapes[] = {{0, "", ""},  {80, "", ""}, {80, "", "\"x\""}, {30, "", "/"},       {60, "", ""},   {61, "", ""},
                  {62, "", ""}, {63, "", ""}, {64, "\\", "\\"},  {8, "\xC3\xA9", ""}, {0, "", common}};
    uint64_t seed = 6;
    size_t shape;
    char text[200];
    d1t_value row[2];
    int i;

    for (shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
        start_plain(&texts);
        for (i = 0; i < 800; i++) {
            snprintf(text, sizeof text, "%.*s%s%u%s", shapes[shape].shared, common, shapes[shape].before,
                     (unsigned)(script_random(&seed) % 5000), shapes[shape].behind);
            row[0] = d1t_text(text);
            row[1] = d1t_int((int64_t)(script_random(&seed) % 2000) - 1000);
            CHECK_INT(d1t_upsert(&db, &texts, row, 2), D1T_OK);
        }
        finish();
        CHECK_INT(s.kept, 1);
        CHECK_STR(misplaced(), "0");
    }
}

static void test_all_key_types_are_sent_in_order(void)
{
    static const d1t_type types[] = {D1T_BLOB, D1T_UUID, D1T_DATE, D1T_TIME, D1T_TIMESTAMP, D1T_TIMESTAMPTZ, D1T_BOOL};
    d1t_column columns[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("n", D1T_INTEGER, D1T_KEY)};
    d1t_table t = {"t", columns, 2, NULL, 0, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    uint64_t seed = 5, bits[2];
    size_t i, k;

    for (i = 0; i < sizeof types / sizeof *types; i++) {
        columns[0].type = types[i];
        start_plain(&t);
        for (k = 0; k < 500; k++) {
            d1t_value row[2];
            bits[0] = script_random(&seed);
            bits[1] = script_random(&seed);
            row[1] = d1t_int((int64_t)(bits[1] % 5));
            row[0] = d1t_blob(bits, bits[0] % 17);
            if (types[i] == D1T_UUID) row[0] = d1t_uuid((const uint8_t *)bits);
            if (types[i] == D1T_DATE) row[0] = d1t_date((int32_t)(bits[0] % 9999), 1 + (int32_t)(bits[1] % 12), 1);
            if (types[i] == D1T_TIME) row[0] = d1t_time((int32_t)(bits[0] % 24), 1, 1, (int32_t)(bits[1] % 1000000));
            if (types[i] == D1T_TIMESTAMP) row[0] = d1t_timestamp((int64_t)(bits[0] % 1000000000000000));
            if (types[i] == D1T_TIMESTAMPTZ)
                row[0] = d1t_timestamptz((int64_t)(bits[0] % 100000000000000), (int32_t)(bits[1] % 600));
            if (types[i] == D1T_BOOL) row[0] = d1t_bool(bits[0] % 2);
            CHECK_INT(d1t_upsert(&db, &t, row, 2), D1T_OK);
        }
        finish();
        CHECK_STR(in_body(s.requests[0].body, "SELECT count(*) FROM (SELECT value->>0 k, value->>1 n, lag(value->>0) "
                                              "OVER w pk, lag(value->>1) OVER w pn "
                                              "FROM json_each(json_extract(?1,'$.batch[0].params[0]')) WINDOW w AS "
                                              "(ORDER BY key)) WHERE (pk,pn)>=(k,n)"),
                  "0");
    }
}

static void test_equal_keys_of_other_kinds_are_one_row(void)
{
    static const uint8_t uuid[16] = {0xAB};
    static const d1t_column columns[] = {D1T_COLUMN("i", D1T_INTEGER, D1T_KEY), D1T_COLUMN("u", D1T_UUID, D1T_KEY),
                                         D1T_COLUMN("z", D1T_TIMESTAMPTZ, D1T_KEY), D1T_COLUMN("v", D1T_INTEGER, 0)};
    static const d1t_table t = D1T_TABLE("t", columns);
    d1t_value row[4];

    start_plain(&t);
    row[0] = d1t_int(7);
    row[1] = d1t_uuid(uuid);
    row[2] = d1t_timestamptz(0, 0);
    row[3] = d1t_int(1);
    CHECK_INT(d1t_upsert(&db, &t, row, 4), D1T_OK);
    row[0] = d1t_double(7.0);
    row[1] = d1t_text("AB000000-0000-0000-0000-000000000000");
    row[2] = d1t_timestamptz(0, 90);
    row[3] = d1t_int(2);
    CHECK_INT(d1t_upsert(&db, &t, row, 4), D1T_OK);
    finish();
    CHECK_STR(rows_of(0, 0), "[[7,\"ab000000-0000-0000-0000-000000000000\",\"1970-01-01T00:00:00.000000Z\",2]]");
}

/* ---- dedupe and merge */

static void test_the_last_operation_on_a_key_wins(void)
{
    start_plain(&numbers);
    put(&numbers, 1, "first", 1);
    put(&numbers, 2, "only", 1);
    put(&numbers, 1, "second", 2);
    put(&numbers, 3, "gone", 1);
    drop(&numbers, 3);
    drop(&numbers, 4);
    put(&numbers, 4, "back", 4);
    finish();
    CHECK_INT(s.kept, 1);
    CHECK_STR(rows_of(0, 0), "[[1,\"second\",2,null],[2,\"only\",1,null],[4,\"back\",4,null]]");
    CHECK(starts(sql_of(0, 2), "WITH"));
    CHECK_STR(rows_of(0, 2), "[[3]]");
    CHECK_INT(db.stats.rows_merged, 3);
    CHECK_INT(db.stats.rows_sent, 4);
    CHECK_INT(db.stats.rows_upserted, 3);
    CHECK_INT(db.stats.rows_deleted, 1);
}

static void test_partial_rows_complete_pending_ones(void)
{
    start_plain(&numbers);
    put(&numbers, 1, "one", 1);
    change(1, NULL, 11); /* into the pending upsert */
    change(2, "two", 0);
    change(2, NULL, 22); /* two updates become one of both columns */
    change(3, "x", 0);
    change(3, "three", 0);
    change(4, "lost", 0);
    put(&numbers, 4, "full", 4); /* a full row replaces it */
    finish();
    CHECK_INT(s.kept, 1);
    CHECK_STR(rows_of(0, 0), "[[1,\"one\",11,null],[4,\"full\",4,null]]");
    CHECK_STR(in_body(s.requests[0].body,
                      "SELECT group_concat(json_extract(value,'$.params[0]'),' ') FROM "
                      "json_each(?1,'$.batch') WHERE json_extract(value,'$.sql') LIKE '%UPDATE `numbers`%'"),
              "[[3,\"three\"]] [[2,\"two\",22]]");
    CHECK_INT(db.stats.rows_updated, 2);
}

static void test_an_update_after_a_delete_is_dropped(void)
{
    start_plain(&numbers);
    drop(&numbers, 1);
    change(1, "x", 0);
    change(2, "y", 0);
    drop(&numbers, 2);
    finish();
    CHECK_INT(s.requests[0].statements, 2);
    CHECK_STR(rows_of(0, 0), "[[1],[2]]");
}

static void test_a_condition_on_a_pending_key_closes_the_batch(void)
{
    d1t_condition differs = {"a", false, {D1T_KIND_ABSENT, 0, {0}}};
    d1t_value row[4];

    row[0] = d1t_int(1);
    row[1] = d1t_text("hash");
    row[2] = row[3] = d1t_null();
    start_plain(&numbers);
    put(&numbers, 2, "other", 1);
    CHECK_INT(d1t_upsert_where(&db, &numbers, row, 4, &differs), D1T_OK);
    CHECK_INT(s.kept, 0);
    CHECK_INT(d1t_upsert_where(&db, &numbers, row, 4, &differs), D1T_OK); /* the pending one has a condition */
    CHECK_INT(s.kept, 1);
    CHECK_INT(put(&numbers, 1, "plain", 1), D1T_OK);
    CHECK_INT(s.kept, 2);
    CHECK_INT(d1t_delete_where(&db, &numbers, row, 1, &differs), D1T_ERR_VALUE); /* no value to compare with */
    d1t_clear(&db, D1T_KEEP_ROWS);
    differs.value = d1t_text("h2");
    CHECK_INT(d1t_delete_where(&db, &numbers, row, 1, &differs), D1T_OK);
    CHECK_INT(s.kept, 3);
    finish();
    CHECK_INT(s.kept, 4);
    CHECK_STR(rows_of(1, 0), "[[1,\"hash\",null,null,\"hash\"]]");
    CHECK_STR(rows_of(3, 0), "[[1,\"h2\"]]");
}

/* ---- cut */

static void test_a_full_batch_is_offered_back_when_driven(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    char text[100];
    uint32_t i, full = 0;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    config.driven = true;
    config.max_body = 5000;
    start(tables, 1, &config);
    for (i = 0; i < 500; i++) {
        d1t_result result = put(&numbers, i, text, i);
        if (result == D1T_FULL) {
            CHECK_INT(put(&numbers, i, text, i), D1T_FULL); /* still */
            CHECK_INT(db.error.code, D1T_OK);
            CHECK_INT(d1t_flush_start(&db), D1T_OK);
            CHECK_INT(put(&numbers, i, text, i), D1T_ERR_BUSY);
            CHECK_INT(d1t_run(&db, NULL), D1T_OK);
            result = put(&numbers, i, text, i);
            full++;
        }
        CHECK_INT(result, D1T_OK);
    }
    CHECK(full > 10);
    CHECK_INT(s.kept, full);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    finish();
    CHECK_INT(db.stats.rows_sent, 500);
    CHECK_INT(s.kept, full + 1);
    for (i = 0; i <= full; i++) CHECK(s.requests[i].size <= 5000);
}

/* Writes rows of random sizes up to `most` bytes; the largest body of a request with more than one row. */
static size_t largest_body(size_t max_body, size_t most, bool around, uint64_t seed)
{
    static char text[200000];
    d1t_statement before[2], after = {"SELECT 'after'", NULL, 0};
    d1t_config config = script_config(&s);
    const d1t_table *tables[3] = {&numbers, &children, &others};
    d1t_value row[4], arg;
    size_t i, largest = 0, total = 0;
    const d1t_table *t;

    memset(text, '"', sizeof text);
    arg = d1t_text_n(text, 300);
    before[0].sql = "SELECT ?1";
    before[0].args = &arg;
    before[0].arg_count = 1;
    before[1] = after;
    config.max_body = max_body;
    start(tables, 3, &config);
    if (around) CHECK_INT(d1t_around(&db, before, 2, &after, 1), D1T_OK);
    for (i = 0; i < 300 && total < 3000000; i++) {
        size_t n = script_random(&seed) % (most + 1);
        memset(text, script_random(&seed) % 2 ? 'x' : '"', n);
        total += n;
        row[0] = d1t_int((int64_t)(script_random(&seed) % 100000));
        row[1] = script_random(&seed) % 2 ? d1t_text_n(text, n) : d1t_null();
        row[2] = d1t_int((int64_t)i);
        row[3] = row[1].kind == D1T_KIND_NULL ? d1t_blob(text, n) : d1t_null();
        t = tables[script_random(&seed) % 3];
        CHECK_INT(script_random(&seed) % 4 ? d1t_upsert(&db, t, row, 4) : d1t_delete(&db, t, row, 1), D1T_OK);
    }
    finish();
    for (i = 0; i < s.kept; i++) {
        CHECK(s.requests[i].statements > 0);
        if (strcmp(
                in_body(s.requests[i].body,
                        "SELECT sum(json_array_length(json_extract(value,'$.params[0]'))) FROM json_each(?1,'$.batch') "
                        "WHERE json_extract(value,'$.sql') LIKE 'WITH%'"),
                "1") != 0 &&
            s.requests[i].size > largest)
            largest = s.requests[i].size;
    }
    return largest;
}

static void test_no_request_of_several_rows_is_larger_than_max_body(void)
{
    static const size_t bodies[] = {3000, 10000, 65536, 300000, 1000000}, most[] = {0, 10, 100, 1000, 5000, 100000};
    size_t i, k, around, n;

    for (i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (k = 0; k < sizeof most / sizeof *most; k++)
            for (around = 0; around < 2; around++) {
                n = largest_body(bodies[i], most[k], around && i, i * 10 + k);
                CHECK(n <= bodies[i]);
                if (n > bodies[i])
                    printf("body of %lu bytes, max_body %lu, rows up to %lu, prologue %d\n", (unsigned long)n,
                           (unsigned long)bodies[i], (unsigned long)most[k], around && i);
            }
}

static void test_parking_does_not_make_a_request_larger_than_max_body(void)
{
    static const char *const a_only[] = {"a"};
    static const d1t_index unique_a[] = {D1T_UNIQUE_INDEX("unique_a", a_only)};
    static const d1t_table t = {"parked", number_columns, 4, unique_a, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    static const script_answer clash = {
        .status = 400, .body = SCRIPT_FAIL(7500, "UNIQUE constraint failed: parked.a: SQLITE_CONSTRAINT")};
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&t};
    char text[120];
    size_t i;
    int k;

    config.max_body = 20000;
    start(tables, 1, &config);
    s.answers = &clash;
    s.count = 1;
    for (k = 0; k < 400; k++) {
        sprintf(text, "%0100d", k);
        CHECK_INT(put(&t, k, text, k), D1T_OK);
    }
    finish();
    CHECK(strstr(s.requests[1].body, "json_each(?2)") != NULL);
    for (i = 0; i < s.kept; i++)
        CHECK(s.requests[i].size <= 2 * 20000); /* rows whose unique values are parked travel once more for the index */
}

static void test_rows_of_a_statement_are_cut_at_the_size_of_a_parameter(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    char text[200];
    int i;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    config.limits.parameter = 1000;
    start(tables, 1, &config);
    for (i = 0; i < 50; i++) put(&numbers, i, text, i);
    finish();
    CHECK_INT(s.kept, 1);
    CHECK_STR(in_body(s.requests[0].body,
                      "SELECT max(length(json_extract(value,'$.params[0]')))<=1000 FROM json_each(?1,'$.batch')"),
              "1");
    CHECK_STR(in_body(s.requests[0].body,
                      "SELECT sum(json_array_length(json_extract(value,'$.params[0]'))) FROM json_each(?1,'$.batch')"),
              "50");
}

/* Row texts from half a parameter to twice of it: each travels whole, in its own parameters where it must. */
static void test_a_row_larger_than_a_parameter_travels_alone_or_is_refused(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    static char text[60000];
    d1t_value row[4];
    size_t n, i;

    memset(text, 'x', sizeof text);
    config.limits.parameter = 30000;
    start(tables, 1, &config);
    for (n = 15000; n <= 30000; n += 1000) {
        row[0] = d1t_int((int64_t)n);
        row[1] = d1t_text_n(text, n);
        row[2] = d1t_int(1);
        row[3] = d1t_null();
        CHECK_INT(d1t_upsert(&db, &numbers, row, 4), D1T_OK);
    }
    CHECK_INT(d1t_flush(&db), D1T_OK);
    for (i = 0; i < s.kept; i++)
        CHECK_STR(in_body(s.requests[i].body, "SELECT max(length(p.value))<=30000 FROM json_each(?1,'$.batch') b, "
                                              "json_each(b.value,'$.params') p"),
                  "1");
    row[1] = d1t_text_n(text, 30001);
    CHECK_INT(d1t_upsert(&db, &numbers, row, 4), D1T_ERR_LIMIT);
    CHECK(db.error.need >= 30001);
    d1t_close(&db);
}

static void test_rows_and_keys_over_a_limit_are_refused_before_sending(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[2] = {&numbers, &texts};
    static char text[5000];
    d1t_value row[2];

    memset(text, 'x', sizeof text - 1);
    config.limits.row = 4000;
    start(tables, 2, &config);
    CHECK_INT(put(&numbers, 1, text, 1), D1T_ERR_LIMIT);
    CHECK_INT(db.error.row, 1);
    CHECK(db.error.table && strcmp(db.error.table, "numbers") == 0);
    CHECK(db.error.need > 4999 && db.error.need < 5100);
    CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
    d1t_clear(&db, D1T_KEEP_ROWS);
    finish();
    CHECK_INT(s.kept, 0);
    config = script_config(&s);
    config.max_body = 2000;
    start(tables, 2, &config);
    row[0] = d1t_text(text);
    row[1] = d1t_int(1);
    CHECK_INT(d1t_delete(&db, &texts, row, 2), D1T_ERR_LIMIT);
    d1t_close(&db);
    CHECK_INT(s.kept, 0);
}

/* What d1t_upsert says of a row under a limit of bytes; *need: what the row would need, 0 if it was taken. */
static d1t_result under_limit(const d1t_value *row, uint32_t limit, uint64_t *need)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    d1t_result result;

    config.limits.row = limit;
    start(tables, 1, &config);
    result = d1t_upsert(&db, &numbers, row, 4);
    *need = db.error.need;
    (void)d1t_close(&db);
    return result;
}

static void test_a_row_is_refused_from_the_first_byte_over_the_limit(void)
{
    static const int64_t integers[] = {0, 1, 127, -129, 40000, -9000000, INT64_C(4000000000), INT64_MAX, INT64_MIN};
    static const size_t lengths[] = {0, 1, 57, 58, 59, 200, 8185, 8190};
    static char text[8200];
    uint64_t size, need;
    uint32_t least;
    size_t i, k, wrong = 0;
    d1t_value row[4];

    memset(text, '"', sizeof text / 2); /* half of it is longer in the body, half of it is not */
    memset(text + sizeof text / 2, 'x', sizeof text / 2);
    for (i = 0; i < sizeof integers / sizeof *integers; i++)
        for (k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            row[0] = d1t_int(i % 2 ? 1 : INT64_MIN);
            row[1] = d1t_text_n(text + sizeof text - lengths[k], lengths[k]);
            row[2] = d1t_int(integers[i]);
            row[3] = i % 3 ? d1t_null() : d1t_blob(text, lengths[k]);
            wrong += under_limit(row, 1, &size) != D1T_ERR_LIMIT;
            least = (uint32_t)size;
            wrong += under_limit(row, least - 1, &need) != D1T_ERR_LIMIT || need != size;
            wrong += under_limit(row, least, &need) != D1T_OK;
        }
    CHECK_INT(wrong, 0);
}

static void test_a_statement_over_the_sql_limit_is_refused_before_sending(void)
{
    static char names[40][129];
    static d1t_column columns[40];
    static d1t_table t = {"t", columns, 40, NULL, 0, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    const d1t_table *tables[1] = {&t};
    d1t_config config = script_config(&s);
    d1t_value row[40];
    d1t_result result;
    size_t i;

    script_free(&s);
    memset(&s, 0, sizeof s);
    for (i = 0; i < 40; i++) {
        memset(names[i], 'n', 128);
        names[i][0] = (char)('a' + i / 10);
        names[i][1] = (char)('0' + i % 10);
        columns[i].name = names[i];
        columns[i].type = D1T_INTEGER;
        columns[i].flags = i ? 0 : D1T_KEY;
        row[i] = d1t_int(1);
    }
    config.limits.sql = 20000; /* enough to create it, not for the upsert */
    config.setup = D1T_SETUP_TRUST;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    result = d1t_setup(&db, tables, 1);
    if (result == D1T_OK) result = d1t_upsert(&db, &t, row, 40);
    CHECK_INT(result, D1T_ERR_LIMIT);
    CHECK_INT(d1t_close(&db), D1T_ERR_LIMIT);
    CHECK_INT(s.kept, 0);
}

/* ---- groups, prologue, epilogue */

/* A group's rows carry its number in column b: one request holds them all, or none. */
static void test_a_group_is_never_split(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[2] = {&numbers, &children};
    uint64_t seed = 21;
    int64_t group, k = 0;
    size_t i;

    config.max_body = 6000;
    start(tables, 2, &config);
    for (group = 1; group < 200; group++) {
        uint64_t rows = 1 + script_random(&seed) % 30;
        CHECK_INT(d1t_group_begin(&db), D1T_OK);
        CHECK_INT(d1t_group_begin(&db), D1T_ERR_STATE);
        d1t_clear(&db, D1T_KEEP_ROWS);
        while (rows--) {
            CHECK_INT(put(tables[rows % 2], ++k, "some text of a row in a group", group), D1T_OK);
            if (script_random(&seed) % 50 == 0) CHECK_INT(d1t_flush(&db), D1T_OK); /* sends what is before the group */
        }
        CHECK_INT(d1t_group_end(&db), D1T_OK);
        for (rows = script_random(&seed) % 20; rows; rows--) put(&numbers, ++k, "between groups", 0);
    }
    CHECK_INT(d1t_group_end(&db), D1T_ERR_STATE);
    d1t_clear(&db, D1T_KEEP_ROWS);
    finish();
    CHECK(s.kept > 20);
    CHECK_INT(db.stats.rows_sent, k);
    sqlite3_exec(json, "DROP TABLE IF EXISTS seen; CREATE TABLE seen(request, grp)", NULL, NULL, NULL);
    for (i = 0; i < s.kept; i++) {
        CHECK(s.requests[i].size <= 6000);
        in_body(s.requests[i].body,
                "INSERT INTO seen SELECT (SELECT count(*) FROM (SELECT DISTINCT request FROM seen)), r.value->>2 "
                "FROM json_each(?1,'$.batch') b, json_each(json_extract(b.value,'$.params[0]')) r");
    }
    CHECK_STR(
        in_body(
            "",
            "SELECT count(*) FROM (SELECT grp FROM seen WHERE grp>0 GROUP BY grp HAVING count(DISTINCT request)>1)"),
        "0");
    CHECK_STR(in_body("", "SELECT count(DISTINCT grp) FROM seen WHERE grp>0"), "199");
}

static void test_a_group_larger_than_a_request_is_refused(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    d1t_result result = D1T_OK;
    int64_t k;

    config.max_body = 4000;
    start(tables, 1, &config);
    put(&numbers, 0, "before", 0);
    d1t_group_begin(&db);
    for (k = 1; k < 1000 && result == D1T_OK; k++) result = put(&numbers, k, "a row of a group that never ends", k);
    CHECK_INT(result, D1T_ERR_LIMIT);
    d1t_close(&db);
    CHECK(s.kept <= 1); /* at most what came before it */
    CHECK(s.kept == 0 || strstr(s.requests[0].body, "never ends") == NULL);
}

static void test_a_wide_row_does_not_split_its_group(void)
{
    static char big[10000];
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    d1t_result result;

    memset(big, 'x', sizeof big - 1);
    config.max_body = 4000;
    start(tables, 1, &config);
    d1t_group_begin(&db);
    result = put(&numbers, 1, big, 1);
    if (result == D1T_OK) result = put(&numbers, 2, "small", 1);
    CHECK_INT(result, D1T_ERR_LIMIT);
    d1t_close(&db);
    CHECK_INT(s.kept, 0);
}

static void test_a_group_is_not_halved_when_the_server_wants_less(void)
{
    static const script_answer too_big = {.status = 413, .body = "<html>413 Payload Too Large</html>"};
    int64_t k;

    start_plain(&numbers);
    s.answers = &too_big;
    s.count = 1;
    d1t_group_begin(&db);
    for (k = 0; k < 100; k++) put(&numbers, k, "x", k);
    d1t_group_end(&db);
    CHECK_INT(d1t_flush(&db), D1T_ERR_LIMIT);
    CHECK_INT(s.kept, 1);
    d1t_close(&db);
}

static void test_rows_without_a_group_are_halved_until_they_pass(void)
{
    static const script_answer too_big = {.status = 413, .times = 3};
    int64_t k;
    size_t i, rows = 0;

    start_plain(&numbers);
    s.answers = &too_big;
    s.count = 1;
    for (k = 0; k < 100; k++) put(&numbers, k, "x", k);
    finish();
    CHECK(s.kept >= 5);
    for (i = 3; i < s.kept; i++)
        rows += (size_t)atoi(
            in_body(s.requests[i].body, "SELECT json_array_length(json_extract(?1,'$.batch[0].params[0]'))"));
    CHECK_INT(rows, 100);
    CHECK_INT(db.stats.rows_sent, 100);
}

static void test_prologue_and_epilogue_stand_around_every_request(void)
{
    d1t_value arg = d1t_int(7);
    d1t_statement before[2] = {{"SELECT 'fence'", NULL, 0}, {"SELECT ?1", NULL, 1}}, after = {"SELECT 'mark'", NULL, 0};
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    static char big[30000];
    char query[200];
    int64_t k;
    size_t i;

    before[1].args = &arg;
    memset(big, 'x', sizeof big - 1);
    config.max_body = 5000;
    start(tables, 1, &config);
    CHECK_INT(d1t_around(&db, before, 2, &after, 1), D1T_OK);
    for (k = 0; k < 100; k++) put(&numbers, k, k == 50 ? big : "a text that fills the request", k);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK(s.kept >= 3);
    for (i = 0; i < s.kept; i++) {
        CHECK_STR(sql_of(i, 0), "SELECT 'fence'");
        CHECK_STR(sql_of(i, 1), "SELECT CAST(?1 AS INTEGER)");
        sprintf(query, "SELECT json_extract(?1,'$.batch[#-1].sql')");
        CHECK_STR(in_body(s.requests[i].body, query), "SELECT 'mark'");
    }
    i = s.kept;
    CHECK_INT(d1t_flush(&db), D1T_OK); /* nothing pending: nothing around it either */
    CHECK_INT(s.kept, i);
    CHECK_INT(d1t_around(&db, NULL, 0, NULL, 0), D1T_OK);
    put(&numbers, 1, "x", 1);
    finish();
    CHECK_INT(s.requests[i].statements, 2);
}

static void test_a_precondition_that_fails_leaves_nothing_and_stops_the_client(void)
{
    static const d1t_statement fence = {"SELECT json_extract('{}','d1t '||'stale') WHERE 1", NULL, 0};
    static const script_answer stale = {
        .status = 400, .body = SCRIPT_FAIL(7500, "bad JSON path: 'd1t stale': SQLITE_ERROR"), .times = 9};

    start_plain(&numbers);
    s.answers = &stale;
    s.count = 1;
    d1t_around(&db, &fence, 1, NULL, 0);
    put(&numbers, 1, "x", 1);
    CHECK_INT(d1t_flush(&db), D1T_ERR_PRECONDITION);
    CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
    CHECK_INT(put(&numbers, 2, "x", 1), D1T_ERR_PRECONDITION);
    CHECK_INT(d1t_close(&db), D1T_ERR_PRECONDITION);
    CHECK_INT(s.kept, 1);
}

static void test_parents_come_first_and_deletes_last_children_first(void)
{
    const d1t_table *tables[2] = {&children, &numbers}; /* declared in the wrong order */
    d1t_config config = script_config(&s);

    start(tables, 2, &config);
    drop(&numbers, 1);
    drop(&children, 1);
    put(&children, 2, "c", 1);
    change(5, "n", 0);
    put(&numbers, 2, "n", 1);
    finish();
    CHECK_INT(s.requests[0].statements, 10);
    CHECK(strstr(sql_of(0, 0), "INSERT INTO `numbers`") != NULL);
    CHECK(strstr(sql_of(0, 2), "INSERT INTO `children`") != NULL);
    CHECK(strstr(sql_of(0, 4), "UPDATE `numbers`") != NULL);
    CHECK(strstr(sql_of(0, 6), "DELETE FROM `children`") != NULL);
    CHECK(strstr(sql_of(0, 8), "DELETE FROM `numbers`") != NULL);
    CHECK_STR(sql_of(0, 1), "SELECT changes()");
    CHECK_STR(sql_of(0, 9), "SELECT changes()");
}

/* The body that these operations make in the order given by `seed`. */
static char *shuffled_body(uint64_t seed, int operations)
{
    const d1t_table *tables[3] = {&numbers, &others, &texts};
    d1t_config config = script_config(&s);
    int order[300], i, k, swap;
    d1t_value row[2];
    char *body;

    for (i = 0; i < operations; i++) order[i] = i;
    for (i = operations - 1; i > 0; i--) {
        k = (int)(script_random(&seed) % (uint64_t)(i + 1));
        swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    start(tables, 3, &config);
    for (i = 0; i < operations; i++) {
        k = order[i];
        row[0] = d1t_text(k % 2 ? "odd\n" : "even");
        row[1] = d1t_int(k);
        if (k % 7 == 0) put(&others, k, "x", k);
        else if (k % 7 == 1) drop(&others, k);
        else if (k % 7 == 2) drop(&numbers, k);
        else if (k % 7 == 3) change(k, "x", 0);
        else if (k % 7 == 4) change(k, NULL, k);
        else if (k % 7 == 5) d1t_upsert(&db, &texts, row, 2);
        else put(&numbers, k, "x", k);
    }
    finish();
    CHECK_INT(s.kept, 1);
    body = (char *)malloc(s.requests[0].size + 1);
    memcpy(body, s.requests[0].body, s.requests[0].size + 1);
    return body;
}

static void test_the_same_rows_in_any_order_make_the_same_bytes(void)
{
    char *first = shuffled_body(1, 300), *again;
    uint64_t seed;
    bool same = true;

    for (seed = 2; seed < 30 && same; seed++) {
        again = shuffled_body(seed, 300);
        same = strcmp(first, again) == 0;
        free(again);
    }
    CHECK(same);
    free(first);
}

/* ---- texts on their way into rows and rows on their way into windows */

/* Lengths around two blocks of sixteen bytes. */
enum { LENGTHS = 36, ODD_ONES = 10 };

/* A text of that length, to the byte, with an odd character at that place. NULL: it does not fit there. */
static char *odd_text(size_t odd, size_t length, size_t place, size_t *n)
{
    static const char *const odds[ODD_ONES] = {
        "\"", "\\", "\n", "\x01", "\x1f", "\x7f", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", " "};
    const size_t width = strlen(odds[odd]);
    char *text;
    size_t i;

    if (place + width > length) return NULL;
    text = (char *)malloc(length);
    for (i = 0; i < length; i++) text[i] = (char)('#' + (i * 7 + length) % 57); /* to '[' */
    memcpy(text + place, odds[odd], width);
    *n = length;
    return text;
}

static void test_an_odd_character_at_any_place_of_a_text_arrives(void)
{
    sqlite3_stmt *stmt = NULL;
    size_t odd, length, place, n, wrong = 0;
    int64_t key = 0;
    char *text;
    d1t_value row[4];

    start_plain(&numbers);
    row[2] = row[3] = d1t_null();
    for (odd = 0; odd < ODD_ONES; odd++)
        for (length = 0; length < LENGTHS; length++)
            for (place = 0; (text = odd_text(odd, length, place, &n)) != NULL; place++) {
                row[0] = d1t_int(key++);
                row[1] = d1t_text_n(text, n);
                CHECK_INT(d1t_upsert(&db, &numbers, row, 4), D1T_OK);
                free(text);
            }
    finish();
    CHECK_INT(s.kept, 1);
    CHECK_INT(sqlite3_prepare_v2(json,
                                 "SELECT value->>1 FROM json_each(json_extract(?1,'$.batch[0].params[0]')) "
                                 "ORDER BY value->>0",
                                 -1, &stmt, NULL),
              SQLITE_OK);
    sqlite3_bind_text(stmt, 1, s.requests[0].body, -1, SQLITE_STATIC);
    for (odd = 0; odd < ODD_ONES; odd++)
        for (length = 0; length < LENGTHS; length++)
            for (place = 0; (text = odd_text(odd, length, place, &n)) != NULL; place++, key--) {
                wrong += sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_bytes(stmt, 0) != (int)n ||
                         memcmp(sqlite3_column_text(stmt, 0), text, n) != 0;
                free(text);
            }
    sqlite3_finalize(stmt);
    CHECK_INT(wrong, 0);
    CHECK_INT(key, 0);
}

static void test_a_bad_byte_at_any_place_of_a_text_is_refused(void)
{
    static const char *const bad[] = {"\x80", "\xBF", "\xC3", "\xFF", "\xED\xA0\x80", "\xE2\x82", "\xF0\x9F\x98", ""};
    size_t kind, length, place, taken = 0;
    d1t_value row[4];

    start_plain(&numbers);
    row[0] = d1t_int(1);
    row[2] = row[3] = d1t_null();
    for (kind = 0; kind < sizeof bad / sizeof *bad; kind++)
        for (length = 1; length < LENGTHS; length++)
            for (place = 0; place < length; place++) {
                size_t width = bad[kind][0] ? strlen(bad[kind]) : 1; /* "": a NUL character */
                char *text = (char *)malloc(length);

                memset(text, 'x', length);
                memcpy(text + place, bad[kind], width < length - place ? width : length - place);
                row[1] = d1t_text_n(text, length);
                taken += d1t_upsert(&db, &numbers, row, 4) != (bad[kind][0] ? D1T_ERR_UTF8 : D1T_ERR_VALUE);
                d1t_clear(&db, D1T_KEEP_ROWS);
                free(text);
            }
    CHECK_INT(taken, 0);
    finish();
    CHECK_INT(s.sent, 0);
}

/* Blocks of every size around the row: a text is never written beyond its end. */
static void test_a_row_that_just_fits_or_just_does_not_is_the_same_row(void)
{
    static char memory[1 << 16];
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    char text[100];
    size_t n, full = 0;

    memset(text, 'y', sizeof text);
    for (n = 0; n < sizeof text; n++) {
        d1t_value row[4];
        int64_t key = 0;
        d1t_result result;

        config.driven = true;
        config.memory = memory;
        config.memory_size = 24576;
        start(tables, 1, &config);
        row[1] = d1t_text_n(text, n);
        row[2] = row[3] = d1t_null();
        do {
            row[0] = d1t_int(key++);
            result = d1t_upsert(&db, &numbers, row, 4);
        } while (result == D1T_OK);
        CHECK_INT(result, D1T_FULL);
        full += result == D1T_FULL;
        CHECK_INT(d1t_flush_start(&db), D1T_OK);
        CHECK_INT(d1t_run(&db, NULL), D1T_OK);
        CHECK_INT(db.stats.rows_sent, key - 1);
        finish();
        CHECK_INT(strtol(in_body(s.requests[0].body, "SELECT min(length(value->>1))*1000+max(length(value->>1)) FROM "
                                                     "json_each(json_extract(?1,'$.batch[0].params[0]'))"),
                         NULL, 10),
                  n * 1001);
    }
    CHECK_INT(full, sizeof text);
}

/* A driver that pulls the body in windows of every size, and gets the same bytes each time. */
static void test_a_body_pulled_in_windows_of_any_size_is_the_same_body(void)
{
    d1t_config config = script_config(&s);
    const d1t_table *tables[1] = {&numbers};
    d1t_todo todo;
    char whole[4096], *pulled;
    size_t n, cap, at, got, wrong = 0;
    int i;

    config.driven = true;
    start(tables, 1, &config);
    for (i = 20; i-- > 0;)
        CHECK_INT(put(&numbers, i, i % 3 ? "a text\nof some length, \"plain\" for sixteen bytes and more" : "", i),
                  D1T_OK);
    CHECK_INT(d1t_flush_start(&db), D1T_OK);
    CHECK_INT(d1t_next(&db, 0, &todo), D1T_SEND);
    n = d1t_request_read(todo.request, whole, sizeof whole);
    CHECK(n > 1000 && n < sizeof whole && n == todo.request->body_size);
    for (cap = 1; cap <= n + 1; cap++) {
        pulled = (char *)malloc(cap);
        d1t_request_rewind(todo.request);
        for (at = 0; (got = d1t_request_read(todo.request, pulled, cap)) > 0; at += got)
            wrong += got != (n - at < cap ? n - at : cap) || memcmp(pulled, whole + at, got) != 0;
        wrong += at != n;
        free(pulled);
    }
    CHECK_INT(wrong, 0);
    d1t_clear(&db, D1T_DROP_ROWS);
    (void)d1t_close(&db);
}

/* ---- 100,000 random operations against a map */

enum { KEYS = 300 };

typedef struct model_row {
    bool there;
    int a, b, h; /* -1: NULL */
} model_row;

static const d1t_column model_columns[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("a", D1T_INTEGER, 0),
                                           D1T_COLUMN("b", D1T_INTEGER, 0), D1T_COLUMN("h", D1T_TEXT, 0)};
static const d1t_table model_table = D1T_TABLE_FLAGS("model", model_columns, D1T_WITHOUT_ROWID);
static model_row model[KEYS];

static d1t_value number_or_null(int n)
{
    return n < 0 ? d1t_null() : d1t_int(n);
}

static d1t_value text_or_null(int n)
{
    static const char *const texts_of[] = {"h0", "h1", "h2"};

    return n < 0 ? d1t_null() : d1t_text(texts_of[n]);
}

static d1t_value model_key(int k, char *text)
{
    static const char *const odd[] = {"", "\n", "\"", "\\", "\x01", "\xC3\xA9"};

    sprintf(text, "%s%d", odd[k % 6], k / 6);
    return d1t_text(text);
}

/* The operation on the model, and the same through the client. */
static d1t_result model_step(uint64_t *seed)
{
    int k = (int)(script_random(seed) % KEYS), pick = (int)(script_random(seed) % 20);
    int a = (int)(script_random(seed) % 4) - 1, b = (int)(script_random(seed) % 1000),
        h = (int)(script_random(seed) % 4) - 1;
    bool equals = script_random(seed) % 2 == 0, own = script_random(seed) % 2 == 0;
    int against = own && !equals ? h : (int)(script_random(seed) % 4) - 1;
    d1t_condition condition = {"h", false, {D1T_KIND_ABSENT, 0, {0}}};
    model_row *m = &model[k];
    d1t_value row[4];
    char text[20];

    row[0] = model_key(k, text);
    row[1] = number_or_null(a);
    row[2] = number_or_null(b);
    row[3] = text_or_null(h);
    condition.equals = equals;
    if (!(own && !equals)) condition.value = text_or_null(against);
    if (pick < 8 || (pick < 10 && (!m->there || (m->h == against) == equals))) {
        m->there = true;
        m->a = a;
        m->b = b;
        m->h = h;
    } else if (pick >= 10 && pick < 15 && m->there) {
        m->a = pick & 1 ? a : m->a;
        m->b = b;
    } else if (pick >= 15 && (pick < 18 || (m->h == against) == equals)) {
        m->there = false;
    }
    if (pick < 8) return d1t_upsert(&db, &model_table, row, 4);
    if (pick < 10) return d1t_upsert_where(&db, &model_table, row, 4, &condition);
    row[1] = pick & 1 ? row[1] : d1t_absent();
    row[3] = d1t_absent();
    if (pick < 15) return d1t_update(&db, &model_table, row, 4);
    if (pick < 18) return d1t_delete(&db, &model_table, row, 1);
    condition.value = text_or_null(against);
    return d1t_delete_where(&db, &model_table, row, 1, &condition);
}

static int compare_row(void *ctx, const d1t_row *row)
{
    int *found = (int *)ctx, k, i;
    char text[20];

    for (k = 0; k < KEYS; k++) {
        d1t_value key = model_key(k, text);
        if (!d1t_str_equal(key.u.s, row->values[0].u.s)) continue;
        ++*found;
        CHECK(model[k].there);
        for (i = 1; i < 3; i++)
            CHECK_INT(row->values[i].kind == D1T_KIND_NULL ? -1 : row->values[i].u.i, i == 1 ? model[k].a : model[k].b);
        CHECK_INT(row->values[3].kind == D1T_KIND_NULL ? -1 : row->values[3].u.s.p[1] - '0', model[k].h);
        return 0;
    }
    test_check(false, __FILE__, __LINE__, "a row that is not in the model");
    return 0;
}

static void compare_with_model(void)
{
    int k, there = 0, found = 0;

    CHECK_INT(d1t_read(&db, &model_table, NULL, NULL, 0, compare_row, &found), D1T_OK);
    for (k = 0; k < KEYS; k++) there += model[k].there;
    CHECK_INT(found, there);
}

static void test_100000_random_operations_end_as_the_model_says(void)
{
    static const size_t bodies[] = {4000, 20000, 1000000};
    const d1t_table *tables[1] = {&model_table};
    d1t_config config = script_config(&s);
    uint64_t seed = 99, operations = 0, requests = 0;
    local_d1 *d1 = local_d1_open(NULL, NULL);
    size_t i;
    int n;

    for (i = 0; i < 3; i++) {
        config.max_body = bodies[i];
        start(tables, 1, &config);
        s.decide = script_from_local;
        s.ctx = d1;
        s.forget = true;
        db.setup = D1T_SETUP_APPLY;
        CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
        for (n = 0; n < 33400 && db.error.code == D1T_OK; n++) {
            CHECK_INT(model_step(&seed), D1T_OK);
            if (script_random(&seed) % 3000 == 0) compare_with_model();
            operations++;
        }
        compare_with_model();
        finish();
        requests += s.sent;
    }
    local_d1_close(d1);
    CHECK(operations >= 100000);
    printf("figure: batch_random_operations %llu\n", (unsigned long long)operations);
    printf("figure: batch_random_requests %llu\n", (unsigned long long)requests);
}

int main(void)
{
    sqlite3_open(":memory:", &json);
    RUN(test_integers_are_sent_in_numeric_order);
    RUN(test_texts_are_sent_as_sqlite_orders_them);
    RUN(test_many_integers_of_all_sizes_are_sent_in_order);
    RUN(test_many_texts_with_a_common_beginning_are_sent_in_order);
    RUN(test_all_key_types_are_sent_in_order);
    RUN(test_equal_keys_of_other_kinds_are_one_row);
    RUN(test_the_last_operation_on_a_key_wins);
    RUN(test_partial_rows_complete_pending_ones);
    RUN(test_an_update_after_a_delete_is_dropped);
    RUN(test_a_condition_on_a_pending_key_closes_the_batch);
    RUN(test_a_full_batch_is_offered_back_when_driven);
    RUN(test_no_request_of_several_rows_is_larger_than_max_body);
    RUN(test_parking_does_not_make_a_request_larger_than_max_body);
    RUN(test_rows_of_a_statement_are_cut_at_the_size_of_a_parameter);
    RUN(test_a_row_larger_than_a_parameter_travels_alone_or_is_refused);
    RUN(test_rows_and_keys_over_a_limit_are_refused_before_sending);
    RUN(test_a_row_is_refused_from_the_first_byte_over_the_limit);
    RUN(test_a_statement_over_the_sql_limit_is_refused_before_sending);
    RUN(test_a_group_is_never_split);
    RUN(test_a_group_larger_than_a_request_is_refused);
    RUN(test_a_wide_row_does_not_split_its_group);
    RUN(test_a_group_is_not_halved_when_the_server_wants_less);
    RUN(test_rows_without_a_group_are_halved_until_they_pass);
    RUN(test_prologue_and_epilogue_stand_around_every_request);
    RUN(test_a_precondition_that_fails_leaves_nothing_and_stops_the_client);
    RUN(test_parents_come_first_and_deletes_last_children_first);
    RUN(test_the_same_rows_in_any_order_make_the_same_bytes);
    RUN(test_an_odd_character_at_any_place_of_a_text_arrives);
    RUN(test_a_bad_byte_at_any_place_of_a_text_is_refused);
    RUN(test_a_row_that_just_fits_or_just_does_not_is_the_same_row);
    RUN(test_a_body_pulled_in_windows_of_any_size_is_the_same_body);
    RUN(test_100000_random_operations_end_as_the_model_says);
    script_free(&s);
    sqlite3_close(json);
    TEST_MAIN_END;
}
