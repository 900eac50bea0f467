/* The build of a device that only writes rows: the flags of the write path in tests/seams/freestanding.sh. What is left
   works as in a full build, what is left out is refused. */
#define D1T_NO_CURL
#define D1T_NO_STDIO
#define D1T_NO_ENV
#define D1T_NO_PLAN
#define D1T_NO_QUERY
#define D1T_NO_TABLE_JSON
#define D1T_NO_PROBE
#define D1T_NO_ERRSTR
#define D1T_NO_FLOAT
#define D1T_NO_CHECK
#define D1T_NO_TIME
#define D1T_NO_WIDE
#define D1T_NO_PARK
#define D1T_NO_AROUND
#define D1T_NO_META
#define D1T_NO_UPDATE
#define D1T_NO_TYPES
#define D1T_NO_FAST_TEXT
#define D1T_NO_EVENT
#define D1T_NO_RUN
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"

#include <inttypes.h>

enum { KEYS = 700, ROWS = 2000 };

static const d1t_column columns[] = {
    D1T_COLUMN("name", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("n", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("reading", D1T_INTEGER, 0),
    D1T_COLUMN("note", D1T_TEXT, 0),
};
static const d1t_table readings = D1T_TABLE("readings", columns);
static const d1t_table *const tables[] = {&readings};
static uint64_t memory[1500];

static d1t_config device_config(void)
{
    d1t_config config;

    memset(&config, 0, sizeof config);
    config.account = "account";
    config.database = "database";
    config.token = "token";
    config.memory = memory;
    config.memory_size = sizeof memory;
    config.setup = D1T_SETUP_TRUST;
    config.driven = true;
    return config;
}

/* The request leaves and the answer arrives in pieces. */
static void perform(local_d1 *d, d1t_todo *todo)
{
    static char body[20000];
    size_t n = 0, got, at;
    local_d1_answer answer;

    while ((got = d1t_request_read(todo->request, body + n, 100)) > 0) n += got;
    CHECK_INT(n, todo->request->body_size);
    local_d1_exchange(d, "POST", "/accounts/a/d1/database/d/raw", "Bearer token", body, n, local_d1_now(d), &answer);
    d1t_op_on_status(todo->op, answer.status);
    for (at = 0; at < answer.size; at += got) {
        got = answer.size - at < 64 ? answer.size - at : 64;
        CHECK_INT(d1t_op_on_body(todo->op, answer.body + at, got), D1T_OK);
    }
    d1t_op_on_end(todo->op, local_d1_now(d), D1T_OK, 0);
}

static void drive(d1t_client *db, local_d1 *d, d1t_result started)
{
    d1t_step step = started == D1T_OK ? D1T_WAIT : D1T_FAIL;
    d1t_todo todo;

    while (step < D1T_DONE) {
        step = d1t_next(db, local_d1_now(d), &todo);
        if (step == D1T_SEND) perform(d, &todo);
        if (step == D1T_WAIT) local_d1_sleep(d, 100);
    }
    CHECK_INT(db->error.code, D1T_OK);
}

static const int64_t numbers[] = {0, 9, 10, -1, 99999, -4294967295, 4294967296, 10000000000, INT64_MAX, INT64_MIN};
static const char *const notes[] = {"",     "plain",       "a longer plain text", "\"quoted\" \\ and\ttab",
                                    "\x01", "na\xC3\xAFve"};

static void make_row(uint32_t key, uint32_t i, char name[40], d1t_value row[4])
{
    snprintf(name, 40, key % 3 ? "sensor %u" : "s\"%u\n", key / 7);
    row[0] = d1t_text(name);
    row[1] = d1t_int((int64_t)key - 350);
    row[2] = d1t_int(numbers[i % 10]);
    row[3] = d1t_text(notes[i % 6]);
}

static uint32_t key_of(uint32_t i)
{
    return i * 7919u % ROWS % KEYS;
}

static void check_table(local_d1 *d, const uint32_t latest[KEYS])
{
    sqlite3_stmt *stmt = NULL;
    uint32_t seen = 0;
    char name[40];
    d1t_value row[4];

    CHECK_INT(sqlite3_prepare_v2(local_d1_sqlite(d), "SELECT name, n, reading, note FROM readings", -1, &stmt, NULL),
              SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; seen++) {
        uint32_t key = (uint32_t)(sqlite3_column_int64(stmt, 1) + 350);

        make_row(key, latest[key % KEYS], name, row);
        CHECK_STR((const char *)sqlite3_column_text(stmt, 0), name);
        CHECK_INT(sqlite3_column_int64(stmt, 2), row[2].u.i);
        CHECK_STR((const char *)sqlite3_column_text(stmt, 3), row[3].u.s.p);
    }
    CHECK_INT(seen, KEYS);
    sqlite3_finalize(stmt);
}

static void test_rows_arrive_whole_and_the_last_of_a_key_stays(void)
{
    static uint32_t latest[KEYS];
    local_d1 *d = local_d1_open(NULL, NULL);
    d1t_config config = device_config();
    d1t_client db;
    char name[40];
    d1t_value row[4];
    uint32_t i;

    sqlite3_exec(local_d1_sqlite(d),
                 "CREATE TABLE readings(name TEXT, n INTEGER, reading INTEGER, note TEXT, "
                 "PRIMARY KEY(name, n))",
                 NULL, NULL, NULL);
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    drive(&db, d, d1t_setup_start(&db, tables, 1));
    for (i = 0; i < ROWS; i++) {
        make_row(key_of(i), i, name, row);
        latest[key_of(i)] = i;
        while (d1t_upsert(&db, &readings, row, 4) == D1T_FULL) drive(&db, d, d1t_flush_start(&db));
    }
    drive(&db, d, d1t_flush_start(&db));
    CHECK(db.stats.requests > 1);
    check_table(d, latest);
    CHECK_INT(d1t_close(&db), D1T_OK);
    local_d1_close(d);
}

/* A refusal of one row; nothing has been sent. */
static void refused(d1t_result code, int what)
{
    const d1t_condition differs = {"reading", false, d1t_absent()};
    d1t_config config = device_config();
    d1t_todo todo;
    d1t_client db;
    char name[40];
    d1t_value row[4];

    make_row(1, 1, name, row);
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup_start(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_next(&db, 0, &todo), D1T_DONE);
    if (what == 3) row[3] = d1t_json("{}", 2);
    CHECK_INT(what == 0   ? d1t_update(&db, &readings, row, 4)
              : what == 1 ? d1t_delete(&db, &readings, row, 2)
              : what == 2 ? d1t_upsert_where(&db, &readings, row, 4, &differs)
                          : d1t_upsert(&db, &readings, row, 4),
              code);
    CHECK_INT(db.error.code, code);
    CHECK_INT(db.stats.requests, 0);
    d1t_close(&db);
}

static void test_updates_deletes_and_conditions_are_refused(void)
{
    refused(D1T_ERR_UNSUPPORTED, 0);
    refused(D1T_ERR_UNSUPPORTED, 1);
    refused(D1T_ERR_UNSUPPORTED, 2);
}

static void test_values_of_other_kinds_are_refused(void)
{
    refused(D1T_ERR_VALUE, 3);
}

static void test_a_row_too_long_for_the_limit_is_refused(void)
{
    static char note[200];
    d1t_config config = device_config();
    d1t_todo todo;
    d1t_client db;
    d1t_value row[4];

    memset(note, 'x', sizeof note - 1);
    config.limits.row = 150;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup_start(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_next(&db, 0, &todo), D1T_DONE);
    row[0] = d1t_text("sensor");
    row[1] = row[2] = d1t_int(1);
    row[3] = d1t_text_n(note, 50);
    CHECK_INT(d1t_upsert(&db, &readings, row, 4), D1T_OK);
    row[3] = d1t_text(note);
    CHECK_INT(d1t_upsert(&db, &readings, row, 4), D1T_ERR_LIMIT);
    CHECK_INT(db.error.row, 2);
    d1t_close(&db);
}

static void ignore(void *ctx, const d1t_event *event)
{
    (void)ctx, (void)event;
}

static void test_a_configuration_that_needs_what_is_left_out_is_refused(void)
{
    d1t_config blocking = device_config(), events = device_config();
    d1t_client db;

    blocking.driven = false;
    CHECK_INT(d1t_open(&db, &blocking), D1T_ERR_UNSUPPORTED);
    CHECK_INT(d1t_close(&db), D1T_ERR_UNSUPPORTED);
    events.on_event = ignore;
    CHECK_INT(d1t_open(&db, &events), D1T_ERR_UNSUPPORTED);
    CHECK_INT(d1t_close(&db), D1T_ERR_UNSUPPORTED);
}

static void test_integers_are_written_as_in_a_full_build(void)
{
    char text[24], want[24];
    int64_t v = 1;
    size_t i;

    for (i = 0; i < 2000; i++, v = (int64_t)((uint64_t)v * 6364136223846793005u + 1u) >> i % 60) {
        text[d1t_format_int(text, v)] = 0;
        snprintf(want, sizeof want, "%" PRId64, v);
        CHECK_STR(text, want);
    }
}

int main(void)
{
    RUN(test_rows_arrive_whole_and_the_last_of_a_key_stays);
    RUN(test_updates_deletes_and_conditions_are_refused);
    RUN(test_values_of_other_kinds_are_refused);
    RUN(test_a_row_too_long_for_the_limit_is_refused);
    RUN(test_a_configuration_that_needs_what_is_left_out_is_refused);
    RUN(test_integers_are_written_as_in_a_full_build);
    TEST_MAIN_END;
}
