/* Room wire, >>reply: events from any pieces of any body. */
#include <sys/resource.h>

#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"
#include "../support/script.h"

#define META                                                                                                           \
    "{\"served_by\":\"v3-prod\",\"served_by_region\":\"WEUR\",\"served_by_colo\":\"AMS\",\"served_by_primary\":true,"  \
    "\"timings\":{\"sql_duration_ms\":0.1234},\"duration\":1.5,\"changes\":7,\"last_row_id\":-3,\"changed_db\":true,"  \
    "\"size_after\":40960,\"rows_read\":1e3,\"rows_written\":12.0,\"total_attempts\":2}"
#define RESULT(columns, rows)                                                                                          \
    "{\"results\":{\"columns\":" columns ",\"rows\":" rows "},\"success\":true,\"meta\":" META "}"
#define BODY(result) "{\"result\":" result ",\"success\":true,\"errors\":[],\"messages\":[]}"

/* Events as text, pieces of one text put together. */
static char seen[8192];
static size_t seen_n;
static bool open_text;

static void put(const char *p, size_t n)
{
    if (seen_n + n < sizeof seen) {
        memcpy(seen + seen_n, p, n);
        seen_n += n;
        seen[seen_n] = 0;
    }
}

static d1t_result on_event(void *ctx, const d1t_reply_event *e)
{
    static const char *const kinds[] = {"{", "}", "[", "]", "k", "s", "n", "true", "false", "null"};
    char head[64];

    if (e->kind == D1T_REPLY_CELL || e->kind == D1T_REPLY_COLUMN) {
        CHECK(e->first != open_text);
        if (e->first) {
            sprintf(head, "%s%u.%u%s:", e->kind == D1T_REPLY_CELL ? " " : " col", e->statement, e->column,
                    kinds[e->json]);
            put(head, strlen(head));
        }
        put(e->text.p ? e->text.p : "", e->text.n);
        open_text = !e->last;
    } else {
        CHECK(!open_text);
        sprintf(head, e->kind == D1T_REPLY_ROW ? " row%u" : " end%u", e->statement);
        put(head, strlen(head));
    }
    if (e->kind == D1T_REPLY_STATEMENT)
        CHECK(e->meta != NULL);
    return ctx ? *(const d1t_result *)ctx : D1T_OK;
}

static d1t_result read_pieces(d1t_reply *r, const char *body, size_t size, size_t piece)
{
    size_t at, n;

    seen_n = 0;
    seen[0] = 0;
    open_text = false;
    d1t_reply_init(r, on_event, NULL);
    for (at = 0; at < size; at += n) {
        n = piece < size - at ? piece : size - at;
        (void)d1t_reply_feed(r, body + at, n);
    }
    return d1t_reply_end(r);
}

static d1t_result read_whole(d1t_reply *r, const char *body)
{
    return read_pieces(r, body, strlen(body), (size_t)-1);
}

/* The same events, figures and words by pieces of every size. */
static void check_pieces(const char *body)
{
    d1t_reply whole, r;
    char events[sizeof seen];
    size_t piece;
    d1t_result result = read_whole(&whole, body);
    bool same = true;

    memcpy(events, seen, sizeof seen);
    for (piece = 1; piece < strlen(body) && same; piece++) {
        same = read_pieces(&r, body, strlen(body), piece) == result && strcmp(seen, events) == 0 &&
               r.text_n == whole.text_n && strcmp(r.text, whole.text) == 0 && r.d1_code == whole.d1_code &&
               r.success == whole.success && r.statements == whole.statements &&
               memcmp(&r.total, &whole.total, sizeof r.total) == 0 && memcmp(&r.meta, &whole.meta, sizeof r.meta) == 0;
        if (!same)
            printf("pieces of %lu bytes differ from the whole of %.60s\n", (unsigned long)piece, body);
    }
    CHECK(same);
}

static const char *const bodies[] = {
    BODY("[" RESULT("[\"a\",\"b\"]", "[[1,\"x\"],[null,\"\xC3\xA9\\u00e9\\n\"]]") "]"),
    BODY("[" RESULT("[\"a\",\"a\"]", "[[true,false],[-1.5e300,9007199254740993]]") "," RESULT("[]", "[]") "]"),
    BODY("[" RESULT("[\"b\"]", "[[[]],[[0,127,255]],[\"\"]]") "]"),
    BODY("[]"),
    BODY("null"),
    BODY("{}"),
    BODY("1"),
    "{\"success\":true}",
    "[]",
    "null",
    "\"x\"",
    "7",
    "{}",
    "{\"result\":[],\"success\":false,\"errors\":[{\"code\":7500,\"message\":\"near \\\"x\\\": syntax "
    "error\"}],\"messages\":[]}",
    "{\"errors\":[{\"message\":\"first\",\"code\":1234},{\"code\":9,\"message\":\"second\"}],\"success\":false,"
    "\"result\":null}",
    "{\"success\":false,\"errors\":[],\"result\":[]}",
    "{\"success\":false,\"errors\":null,\"result\":null}",
    "{\"success\":true,\"result\":[{\"success\":true,\"results\":[{\"a\":1,\"b\":\"x\"}],\"meta\":" META
    "}]}", /* /query */
    "{\"success\":true,\"result\":[{\"success\":false,\"error\":\"no such table: t\",\"meta\":{}}]}",
    "{\"success\":true,\"result\":[{\"results\":{\"rows\":[[1,2]],\"columns\":[\"a\",\"b\"]}}]}",
    "<html><head><title>504 Gateway Time-out</title></head></html>",
    "",
    " ",
    "error code: 1015",
    "upstream \xFF\xFE",
    "504 Gateway Time-out",
    "true story",
    "\n <!doctype html>",
    "{\"success\":false,\"errors\":[{\"code\":1,\"message\":\"its words\"}]} and more",
    "{\"errors\":[{\"code\":1,\"message\":\"its words\"}],\"result\":oops",
};

/* One op over a scripted answer. */
static d1t_op settled(script_answer a, uint32_t expect)
{
    static const d1t_body empty = {NULL, NULL, NULL, NULL};
    d1t_exchange x;
    d1t_op_desc desc;
    d1t_op op;
    script s = {0};

    s.answers = &a;
    s.count = 1;
    memset(&x, 0, sizeof x);
    memset(&desc, 0, sizeof desc);
    x.retry.attempts = 1;
    x.retry.deadline_ms = 35000;
    x.max_reply = 1u << 30;
    desc.body = empty;
    desc.expect = expect;
    d1t_op_init(&op, &x, &desc);
    (void)script_run_op(&s, &op);
    script_free(&s);
    op.exchange = NULL;
    return op;
}

static script_answer answer(int32_t status, const char *body, size_t size)
{
    script_answer a = {0};

    a.status = status;
    a.body = body;
    a.size = size;
    return a;
}

static void test_any_pieces_give_the_same_events_figures_and_words(void)
{
    size_t i;

    for (i = 0; i < sizeof bodies / sizeof *bodies; i++)
        check_pieces(bodies[i]);
}

static void test_rows_become_events_in_order(void)
{
    d1t_reply r;

    CHECK_INT(read_whole(&r, bodies[0]), D1T_OK);
    CHECK_STR(seen, " col0.0s:a col0.1s:b 0.0n:1 0.1s:x row0 0.0null: 0.1s:\xC3\xA9\xC3\xA9\n row0 end0");
    CHECK_INT(read_whole(&r, bodies[1]), D1T_OK);
    CHECK_STR(seen, " col0.0s:a col0.1s:a 0.0true: 0.1false: row0 0.0n:-1.5e300 0.1n:9007199254740993 row0 end0 end1");
    CHECK_INT(r.statements, 2);
    CHECK_INT(read_whole(&r, bodies[2]), D1T_OK);
    CHECK_STR(seen, " col0.0s:b 0.0[: 0.0]: row0 0.0[: 0.0n:0 0.0n:127 0.0n:255 0.0]: row0 0.0s: row0 end0");
}

static void test_shapes_that_hold_no_rows_give_none(void)
{
    size_t i;
    d1t_reply r;

    for (i = 3; i < 13; i++) {
        CHECK_INT(read_whole(&r, bodies[i]), D1T_OK);
        CHECK_STR(seen, "");
        CHECK_INT(r.statements, 0);
    }
    CHECK_INT(read_whole(&r, bodies[17]), D1T_OK);
    CHECK_STR(seen, " end0");
    CHECK_INT(r.total.rows_read, 1000);
}

static void test_meta_has_every_field(void)
{
    d1t_reply r;

    CHECK_INT(read_whole(&r, BODY("[" RESULT("[]", "[]") "]")), D1T_OK);
    CHECK_INT(r.meta.duration_us, 1500);
    CHECK_INT(r.meta.sql_duration_us, 123);
    CHECK_INT(r.meta.changes, 7);
    CHECK_INT(r.meta.last_row_id, -3);
    CHECK_INT(r.meta.size_after, 40960);
    CHECK_INT(r.meta.rows_read, 1000);
    CHECK_INT(r.meta.rows_written, 12);
    CHECK_INT(r.meta.total_attempts, 2);
    CHECK(r.meta.changed_db && r.meta.served_by_primary);
    CHECK_STR(r.meta.served_by, "v3-prod");
    CHECK_STR(r.meta.region, "WEUR");
    CHECK_STR(r.meta.colo, "AMS");
}

static void test_meta_is_summed_over_statements_and_absent_members_are_0(void)
{
    d1t_reply r;
    d1t_meta none;

    memset(&none, 0, sizeof none);
    CHECK_INT(read_whole(&r, BODY("[" RESULT("[]", "[]") "," RESULT("[]", "[]") ",{\"success\":true,\"meta\":{}}]")),
              D1T_OK);
    CHECK_INT(r.statements, 3);
    CHECK_INT(r.total.rows_read, 2000);
    CHECK_INT(r.total.rows_written, 24);
    CHECK_INT(r.total.sql_us, 246);
    CHECK(memcmp(&r.meta, &none, sizeof none) == 0);
    CHECK_INT(read_whole(&r, BODY("[{\"success\":true}]")), D1T_OK);
    CHECK(memcmp(&r.meta, &none, sizeof none) == 0);
    CHECK_INT(r.total.rows_read + r.total.rows_written + r.total.sql_us, 0);
}

static uint64_t rows_read(const char *number)
{
    char body[200];
    d1t_reply r;

    sprintf(body, BODY("[{\"meta\":{\"rows_read\":%s}}]"), number);
    CHECK_INT(read_whole(&r, body), D1T_OK);
    return r.total.rows_read;
}

static void test_counters_are_read_however_they_are_written(void)
{
    CHECK_INT(rows_read("0"), 0);
    CHECK_INT(rows_read("1e3"), 1000);
    CHECK_INT(rows_read("1E+3"), 1000);
    CHECK_INT(rows_read("1.5e3"), 1500);
    CHECK_INT(rows_read("7.0"), 7);
    CHECK_INT(rows_read("12345e-2"), 123);
    CHECK_INT(rows_read("-1"), 0);
    CHECK_INT(rows_read("9007199254740991"), 9007199254740991);
    CHECK_INT(rows_read("\"12\""), 0);
    CHECK_INT(rows_read("null"), 0);
    CHECK_INT(rows_read("[5]"), 0);
}

static void test_the_first_errors_code_and_message_are_kept(void)
{
    d1t_reply r;

    CHECK_INT(read_whole(&r, bodies[13]), D1T_OK);
    CHECK_INT(r.success, 2);
    CHECK_INT(r.d1_code, 7500);
    CHECK_STR(r.text, "near \"x\": syntax error");
    CHECK_INT(read_whole(&r, bodies[14]), D1T_OK);
    CHECK_INT(r.d1_code, 1234);
    CHECK_STR(r.text, "first");
    CHECK_INT(read_whole(&r, bodies[18]), D1T_OK);
    CHECK(r.failed_statement);
    CHECK_STR(r.text, "no such table: t");
}

static void test_a_body_that_is_not_json_shows_its_first_bytes(void)
{
    d1t_reply r;
    char big[5000];

    CHECK_INT(read_whole(&r, "<html>504</html>"), D1T_ERR_JSON);
    CHECK_STR(r.text, "<html>504</html>");
    CHECK_INT(read_pieces(&r, "<html>504</html>", 16, 1), D1T_ERR_JSON);
    CHECK_STR(r.text, "<html>504</html>");
    memset(big, '<', sizeof big);
    CHECK_INT(read_pieces(&r, big, sizeof big, 999), D1T_ERR_JSON);
    CHECK_INT(r.text_n, D1T_SERVER_TEXT - 1);
    CHECK_INT(strlen(r.text), D1T_SERVER_TEXT - 1);
}

static void test_a_value_in_a_broken_reply_is_not_taken_for_the_servers_words(void)
{
    static const char body[] =
        "{\"result\":[{\"results\":{\"columns\":[\"a\"],\"rows\":[[\"UNIQUE constraint failed: t.a\"oops";
    d1t_reply r;

    CHECK_INT(read_whole(&r, body), D1T_ERR_JSON);
    CHECK_STR(r.text, "");
    CHECK_INT(settled(answer(200, body, 0), 1).code, D1T_ERR_PROTOCOL);
}

static void test_a_long_message_is_cut_not_overrun(void)
{
    char body[2000];
    d1t_reply r;

    sprintf(body, "{\"success\":false,\"errors\":[{\"code\":99999999999999999999,\"message\":\"%0900d\"}]}", 1);
    check_pieces(body);
    CHECK_INT(read_whole(&r, body), D1T_OK);
    CHECK_INT(r.text_n, D1T_SERVER_TEXT - 1);
    CHECK_INT(r.d1_code, 0);
    sprintf(body, BODY("[{\"meta\":{\"served_by\":\"%0900d\",\"served_by_colo\":\"%0900d\"}}]"), 1, 2);
    CHECK_INT(read_whole(&r, body), D1T_OK);
    CHECK_INT(strlen(r.meta.served_by), sizeof r.meta.served_by - 1);
    CHECK_INT(strlen(r.meta.colo), sizeof r.meta.colo - 1);
}

static void test_a_body_cut_anywhere_is_never_ok(void)
{
    static const char body[] = BODY("[" RESULT("[\"a\"]", "[[1],[[1,2]],[\"x\\u00e9\"]]") "," RESULT("[]", "[]") "]");
    size_t n;
    d1t_op op;

    op = settled(answer(200, body, sizeof body - 1), 2);
    CHECK_INT(op.code, D1T_OK);
    CHECK_INT(op.outcome, D1T_APPLIED);
    for (n = 1; n < sizeof body - 1; n++) {
        script_answer a = answer(200, body, n);
        op = settled(a, 2);
        CHECK(op.code != D1T_OK);
        CHECK_INT(op.outcome, D1T_UNKNOWN);
        a.result = D1T_ERR_TRANSPORT;
        op = settled(a, 2);
        CHECK_INT(op.code, D1T_ERR_TRANSPORT);
        CHECK_INT(op.outcome, D1T_UNKNOWN);
    }
}

static void test_a_success_that_is_not_whole_is_never_ok(void)
{
    static const char *const wrong[] = {
        BODY("[" RESULT("[]", "[]") "]"),
        BODY("[]"),
        BODY("null"),
        "{\"success\":true}",
        "null",
        "[]",
        "{}",
        "\"OK\"",
        " ",
        BODY("[" RESULT("[]", "[]") "," RESULT("[]", "[]") "," RESULT("[]", "[]") "]"),
        BODY("[" RESULT("[]", "[]") ",{\"success\":false}]"),
        "{\"result\":[{\"success\":true},{\"success\":true}]}",
        "{\"result\":[{\"success\":true},{\"success\":true}],\"success\":false}",
        "{\"result\":[{\"success\":true},{\"success\":true}],\"success\":\"true\"}",
        BODY("[{\"success\":true},{\"success\":true}]") "x",
        BODY("[{\"success\":true},{\"success\":true}]") "{}",
    };
    static const char good[] = BODY("[{\"success\":true},{\"success\":true}]");
    static const int32_t statuses[] = {101, 300, 302, 400, 404, 500, 503};
    size_t i;

    CHECK_INT(settled(answer(200, good, 0), 2).code, D1T_OK);
    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        d1t_op op = settled(answer(200, wrong[i], 0), 2);
        CHECK_INT(op.code, D1T_ERR_PROTOCOL);
        CHECK_INT(op.outcome, D1T_UNKNOWN);
    }
    for (i = 0; i < sizeof statuses / sizeof *statuses; i++)
        CHECK(settled(answer(statuses[i], good, 0), 2).code != D1T_OK);
}

static long max_kb(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static d1t_result count_rows(void *ctx, const d1t_reply_event *e)
{
    *(uint64_t *)ctx += e->kind == D1T_REPLY_ROW;
    return D1T_OK;
}

static void test_100_mb_of_rows_take_no_memory(void)
{
    static const char head[] =
        "{\"success\":true,\"result\":[{\"results\":{\"columns\":[\"a\",\"b\"],\"rows\":[[0,\"\"]";
    static const char row[] = ",[123456,\"a text of some length that stands for the usual column of a row\"]";
    static const char tail[] = "]},\"success\":true,\"meta\":{\"rows_read\":5}}]}";
    static char piece[(sizeof row - 1) * 800];
    uint64_t rows = 0, bytes = 0;
    long before;
    d1t_reply r;
    size_t i;

    for (i = 0; i < 800; i++)
        memcpy(piece + i * (sizeof row - 1), row, sizeof row - 1);
    d1t_reply_init(&r, count_rows, &rows);
    d1t_reply_feed(&r, head, sizeof head - 1);
    before = max_kb();
    for (; bytes < 100000000; bytes += sizeof piece)
        CHECK_INT(d1t_reply_feed(&r, piece, sizeof piece), D1T_OK);
    CHECK(max_kb() - before < 1024);
    d1t_reply_feed(&r, tail, sizeof tail - 1);
    CHECK_INT(d1t_reply_end(&r), D1T_OK);
    CHECK_INT(rows, bytes / (sizeof row - 1) + 1);
    CHECK_INT(r.total.rows_read, 5);
    printf("figure: reply_bytes_read %llu\n", (unsigned long long)bytes);
}

static void test_the_handlers_refusal_stops_the_reply(void)
{
    d1t_result stop = D1T_ERR_CANCELED;
    d1t_reply r;

    seen_n = 0;
    open_text = false;
    d1t_reply_init(&r, on_event, &stop);
    CHECK_INT(d1t_reply_feed(&r, bodies[0], strlen(bodies[0])), D1T_ERR_CANCELED);
    CHECK_STR(seen, " col0.0s:a");
    CHECK_INT(d1t_reply_feed(&r, "x", 1), D1T_ERR_CANCELED);
    CHECK_INT(d1t_reply_end(&r), D1T_ERR_CANCELED);
}

static void test_deep_nesting_is_an_error_not_a_crash(void)
{
    static char deep[100000];
    d1t_reply r;

    memset(deep, '[', sizeof deep);
    CHECK_INT(read_pieces(&r, deep, sizeof deep, (size_t)-1), D1T_ERR_DEPTH);
    check_pieces("{\"result\":[{\"results\":{\"rows\":[[[[[[[[[[[[1]]]]]]]]]]],[{\"a\":[{}]}]]}}],\"success\":true}");
}

/* Random changes of good bodies: no crash, no overrun, and the same by bytes as at once. */
static void test_damaged_bodies_are_survived(void)
{
    uint64_t random = 7;
    char body[1500], events[sizeof seen];
    int round;

    for (round = 0; round < 20000; round++) {
        const char *from = bodies[script_random(&random) % (sizeof bodies / sizeof *bodies)];
        size_t n = strlen(from), changes = script_random(&random) % 4;
        d1t_reply whole, r;
        d1t_result result;

        memcpy(body, from, n + 1);
        while (n && changes--)
            body[script_random(&random) % n] = "{}[]\",:0\\e\xC3n"[script_random(&random) % 12];
        result = read_pieces(&whole, body, n, (size_t)-1);
        memcpy(events, seen, sizeof seen);
        CHECK_INT(read_pieces(&r, body, n, 1 + script_random(&random) % 9), result);
        if (result == D1T_OK)
            CHECK_STR(seen, events);
    }
}

int main(void)
{
    RUN(test_any_pieces_give_the_same_events_figures_and_words);
    RUN(test_rows_become_events_in_order);
    RUN(test_shapes_that_hold_no_rows_give_none);
    RUN(test_meta_has_every_field);
    RUN(test_meta_is_summed_over_statements_and_absent_members_are_0);
    RUN(test_counters_are_read_however_they_are_written);
    RUN(test_the_first_errors_code_and_message_are_kept);
    RUN(test_a_body_that_is_not_json_shows_its_first_bytes);
    RUN(test_a_value_in_a_broken_reply_is_not_taken_for_the_servers_words);
    RUN(test_a_long_message_is_cut_not_overrun);
    RUN(test_a_body_cut_anywhere_is_never_ok);
    RUN(test_a_success_that_is_not_whole_is_never_ok);
    RUN(test_100_mb_of_rows_take_no_memory);
    RUN(test_the_handlers_refusal_stops_the_reply);
    RUN(test_deep_nesting_is_an_error_not_a_crash);
    RUN(test_damaged_bodies_are_survived);
    TEST_MAIN_END;
}
