/* Room wire, >>request: user statements rewritten by the kinds of their arguments, and bodies that are pulled. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"
#include "../support/script.h"

static char text[200000];
static d1t_error error;

/* The rewritten SQL, or the name of the refusal. */
static const char *rewritten(const char *sql, const d1t_value *args, size_t count)
{
    d1t_statement s = {sql, args, count};
    d1t_writer w;
    d1t_result result;

    memset(&error, 0, sizeof error);
    d1t_writer_fixed(&w, text, sizeof text - 1);
    result = d1t_write_statement_sql(&w, &s, &error);
    text[w.n] = 0;
    if (result == D1T_OK && w.error != D1T_OK)
        result = w.error;
    if (result != error.code)
        return "result and error.code differ";
    return result == D1T_OK ? text : d1t_result_name(result);
}

static const char *with_one(const char *sql, d1t_value v)
{
    return rewritten(sql, &v, 1);
}

static void test_a_parameter_is_rewritten_by_its_kind(void)
{
    static const uint8_t uuid[16] = {0};
    static const float floats[2] = {1, 2};

    CHECK_STR(with_one("SELECT ?1", d1t_int(1)), "SELECT CAST(?1 AS INTEGER)");
    CHECK_STR(with_one("SELECT ?1", d1t_bool(true)), "SELECT CAST(?1 AS INTEGER)");
    CHECK_STR(with_one("SELECT ?1", d1t_double(1)), "SELECT CAST(?1 AS REAL)");
    CHECK_STR(with_one("SELECT ?1", d1t_blob("x", 1)), "SELECT unhex(?1)");
    CHECK_STR(with_one("SELECT ?1", d1t_vector(floats, 2)), "SELECT unhex(?1)");
    CHECK_STR(with_one("SELECT ?1", d1t_null()), "SELECT nullif(?1,?1)");
    CHECK_STR(with_one("SELECT ?1", d1t_text(NULL)), "SELECT nullif(?1,?1)");
    CHECK_STR(with_one("SELECT ?1", d1t_text("x")), "SELECT ?1");
    CHECK_STR(with_one("SELECT ?1", d1t_json("[]", 2)), "SELECT ?1");
    CHECK_STR(with_one("SELECT ?1", d1t_uuid(uuid)), "SELECT ?1");
    CHECK_STR(with_one("SELECT ?1", d1t_date(2026, 1, 2)), "SELECT ?1");
    CHECK_STR(with_one("SELECT ?1", d1t_time(1, 2, 3, 4)), "SELECT ?1");
    CHECK_STR(with_one("SELECT ?1", d1t_timestamp(0)), "SELECT ?1");
    CHECK_STR(with_one("SELECT ?1", d1t_timestamptz(0, 60)), "SELECT ?1");
}

static void test_bare_and_repeated_parameters_keep_their_numbers(void)
{
    d1t_value args[3] = {d1t_int(1), d1t_text("b"), d1t_double(3)};

    CHECK_STR(rewritten("SELECT ?,?,?", args, 3), "SELECT CAST(?1 AS INTEGER),?2,CAST(?3 AS REAL)");
    CHECK_STR(rewritten("SELECT ?2,?1,?3", args, 3), "SELECT ?2,CAST(?1 AS INTEGER),CAST(?3 AS REAL)");
    CHECK_STR(rewritten("SELECT ?1+?1+?2", args, 2), "SELECT CAST(?1 AS INTEGER)+CAST(?1 AS INTEGER)+?2");
    CHECK_STR(rewritten("SELECT ?2,?,?1", args, 3),
              "SELECT ?2,CAST(?3 AS REAL),CAST(?1 AS INTEGER)"); /* as SQLite counts */
    CHECK_STR(with_one("SELECT 1+6=?1", d1t_int(7)), "SELECT 1+6=CAST(?1 AS INTEGER)");
    CHECK_STR(with_one("SELECT ?01", d1t_text("x")), "SELECT ?1");
}

static void test_what_only_looks_like_a_parameter_stays(void)
{
    static const char *const kept[] = {
        "SELECT '?1', ?1",
        "SELECT 'it''s ?2', ?1",
        "SELECT \"?2\", ?1",
        "SELECT `?2``?3`, ?1",
        "SELECT [?2], ?1",
        "SELECT 1 -- ?2 :a 'open\n, ?1",
        "SELECT /* ?2 ' */ ?1",
        "SELECT 'a;b', ?1",
        "SELECT x'00', ?1 /*;*/ + 1",
        "SELECT '\xC3\xA9 :x @y $z', ?1",
    };
    size_t i;

    for (i = 0; i < sizeof kept / sizeof *kept; i++)
        CHECK_STR(with_one(kept[i], d1t_text("x")), kept[i]);
    CHECK_STR(rewritten("SELECT '', \"\", ``, []", NULL, 0), "SELECT '', \"\", ``, []");
    CHECK_STR(rewritten("SELECT a->>'$.x', 1.5e-3, 0x10", NULL, 0), "SELECT a->>'$.x', 1.5e-3, 0x10");
}

static void test_the_end_of_a_statement_is_tidied_for_d1(void)
{
    CHECK_STR(rewritten("SELECT 1;", NULL, 0), "SELECT 1");
    CHECK_STR(rewritten("SELECT 1 ; \n -- done\n /* really */ ", NULL, 0), "SELECT 1");
    CHECK_STR(with_one("SELECT ?1; ", d1t_int(1)), "SELECT CAST(?1 AS INTEGER)");
}

static void test_a_trigger_keeps_its_semicolons(void)
{
    static const char trigger[] = "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET n=1; DELETE FROM u; END";
    static const char cased[] =
        "create trigger if not exists a after insert on t begin select case when 1 then 2 end; end";

    CHECK_STR(rewritten(trigger, NULL, 0), trigger);
    CHECK_STR(rewritten(cased, NULL, 0), cased);
    CHECK_STR(rewritten("CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; DROP TABLE t", NULL, 0),
              "D1T_ERR_SQL");
}

static void test_what_d1_cannot_take_is_refused(void)
{
    d1t_value one = d1t_int(1), two[2], many[101];
    size_t i;
    static const char *const wrong[] = {
        "SELECT :a",
        "SELECT @a",
        "SELECT $a",
        "SELECT ?0",
        "SELECT ?101",
        "SELECT ?2",
        "SELECT ?1,?2",
        "SELECT ?99999999999999999999",
        "SELECT ?1; SELECT 2",
        "SELECT ?1;;SELECT 2",
        "",
        " ",
        ";",
        "-- x",
        "SELECT 1",
        "SELECT ?1, 'open",
        "SELECT ?1, \"open",
        "SELECT ?1, `open",
        "SELECT ?1, [open",
        "SELECT ?1 /* open",
        "SELECT ?1, '\xFF'",
    };

    for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_STR(rewritten(wrong[i], &one, 1), "D1T_ERR_SQL");
        CHECK(error.text[0] != 0);
    }
    CHECK_STR(rewritten("SELECT ?1", NULL, 0), "D1T_ERR_SQL");
    CHECK_STR(rewritten(NULL, NULL, 0), "D1T_ERR_SQL");
    two[0] = two[1] = d1t_int(1);
    CHECK_STR(rewritten("SELECT ?2", two, 2), "D1T_ERR_SQL"); /* ?1 is never used */
    for (i = 0; i < 101; i++)
        many[i] = d1t_int(1);
    CHECK_STR(rewritten("SELECT 1", many, 101), "D1T_ERR_LIMIT");
}

static void test_all_hundred_parameters_are_usable(void)
{
    d1t_value args[100];
    char sql[1000] = "SELECT ?";
    size_t i;

    for (i = 0; i < 100; i++)
        args[i] = d1t_text("x");
    for (i = 1; i < 100; i++)
        strcat(sql, ",?");
    rewritten(sql, args, 100);
    CHECK(strstr(text, "?99,?100") != NULL);
    CHECK_STR(rewritten(sql, args, 99), "D1T_ERR_SQL");
}

static void test_values_that_cannot_travel_are_refused(void)
{
    static const uint8_t uuid[16] = {0};
    d1t_value nan = d1t_double(0), kind = d1t_int(0);
    double zero = 0;

    nan.u.d = zero / zero;
    kind.kind = (d1t_kind)99;
    CHECK_STR(with_one("SELECT ?1", d1t_absent()), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", nan), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", kind), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", d1t_text("\xC0\x80")), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", d1t_text_n("a\0b", 3)), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", d1t_json("{", 1)), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", d1t_date(10000, 1, 1)), "D1T_ERR_VALUE");
    CHECK_STR(with_one("SELECT ?1", d1t_uuid(uuid)), "SELECT ?1");
    CHECK(strstr(error.text, "canary") == NULL);
    with_one("SELECT ?1", d1t_text("canary\xFF"));
    CHECK(strstr(error.text, "canary") == NULL);
}

static const char *body_of(const char *sql, const d1t_value *args, size_t count)
{
    d1t_statement s = {sql, args, count};
    d1t_writer w;

    d1t_writer_fixed(&w, text, sizeof text - 1);
    CHECK_INT(d1t_write_statement(&w, &s, NULL), D1T_OK);
    text[w.n] = 0;
    return text;
}

static void test_a_statement_becomes_json_with_string_parameters(void)
{
    static const uint8_t uuid[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 2, 3, 4, 5, 6, 7, 8};
    d1t_value args[6];

    CHECK_STR(body_of("SELECT 1", NULL, 0), "{\"sql\":\"SELECT 1\"}");
    args[0] = d1t_int(INT64_MIN);
    args[1] = d1t_double(-0.1);
    args[2] = d1t_text("a\"\\\n\x01\xC3\xA9");
    args[3] = d1t_blob("\x00\xFF", 2);
    args[4] = d1t_null();
    args[5] = d1t_uuid(uuid);
    CHECK_STR(body_of("SELECT ?,?,?,?,?,? AS \"q\"", args, 6),
              "{\"sql\":\"SELECT CAST(?1 AS INTEGER),CAST(?2 AS REAL),?3,unhex(?4),nullif(?5,?5),?6 AS \\\"q\\\"\","
              "\"params\":[\"-9223372036854775808\",\"-0.1\",\"a\\\"\\\\\\n\\u0001\xC3\xA9\",\"00ff\",\"\","
              "\"01234567-89ab-cdef-0102-030405060708\"]}");
    args[0] = d1t_timestamptz(0, 90);
    args[1] = d1t_date(2026, 2, 3);
    CHECK_STR(body_of("SELECT ?,?", args, 2),
              "{\"sql\":\"SELECT ?1,?2\",\"params\":[\"1970-01-01T01:30:00.000000+01:30\",\"2026-02-03\"]}");
}

/* ---- bodies that are pulled */

static const char *const parts[] = {"first,", "", "a \"quoted\" one,", "x", "", "the last"};
static size_t part, rewinds;

static void write_part(void *ctx, d1t_writer *w)
{
    (void)ctx;
    w->level = (uint8_t)(part == 2);
    d1t_write_text(w, parts[part]);
    w->level = 0;
}

static bool next_part(void *ctx)
{
    (void)ctx;
    return ++part < sizeof parts / sizeof *parts;
}

static void first_part(void *ctx)
{
    (void)ctx;
    part = 0;
    rewinds++;
}

static size_t pull(d1t_request *req, char *to, size_t window)
{
    size_t n, all = 0;

    while ((n = d1t_request_read(req, to + all, window)) > 0) {
        CHECK(n <= window);
        all += n;
    }
    CHECK_INT(d1t_request_read(req, to + all, window), 0); /* the end stays the end */
    return all;
}

static void test_windows_of_every_size_give_the_same_body(void)
{
    static const char whole[] = "first,a \\\"quoted\\\" one,xthe last";
    d1t_body body = {write_part, next_part, first_part, NULL};
    d1t_request req;
    char got[100];
    size_t window;

    memset(&req, 0, sizeof req);
    d1t_request_set_body(&req, body);
    CHECK_INT(req.body_size, sizeof whole - 1);
    for (window = 1; window <= sizeof whole + 2; window++) {
        d1t_request_rewind(&req);
        memset(got, 0, sizeof got);
        CHECK_INT(pull(&req, got, window), sizeof whole - 1);
        CHECK_STR(got, whole);
    }
    CHECK(rewinds > sizeof whole);
    CHECK_INT(d1t_request_read(&req, got, 0), 0);
}

static void test_rewind_in_the_middle_starts_again(void)
{
    d1t_body body = {write_part, next_part, first_part, NULL};
    d1t_request req;
    char got[100], again[100];
    size_t n;

    memset(&req, 0, sizeof req);
    d1t_request_set_body(&req, body);
    pull(&req, got, 100);
    for (n = 1; n < req.body_size; n++) {
        d1t_request_rewind(&req);
        memset(again, 0, sizeof again);
        d1t_request_read(&req, again, n);
        CHECK(memcmp(again, got, n) == 0);
        d1t_request_rewind(&req);
        CHECK_INT(pull(&req, again, 7), req.body_size);
        CHECK(memcmp(again, got, (size_t)req.body_size) == 0);
    }
}

static const d1t_column columns[] = {
    D1T_COLUMN("k", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("s", D1T_TEXT, 0),
    D1T_COLUMN("b", D1T_BLOB, 0),
};
static const d1t_table table = D1T_TABLE("t", columns);
static const d1t_table *const tables[] = {&table};

/* A whole flush, with statements before and after, pulled by `window` bytes. */
static void flush_by(size_t window, script *s)
{
    static const d1t_statement before = {"SELECT 'before'", NULL, 0}, after = {"SELECT \"after\"", NULL, 0};
    d1t_config config = script_config(s);
    d1t_client db;
    d1t_value row[3];
    int i;

    s->window = window;
    config.setup = D1T_SETUP_TRUST;
    d1t_open(&db, &config);
    d1t_setup(&db, tables, 1);
    d1t_around(&db, &before, 1, &after, 1);
    for (i = 0; i < 20; i++) {
        row[0] = d1t_int((i * 7) % 20);
        row[1] = d1t_text("a \"b\" \\ \n");
        row[2] = d1t_blob("\0\1\2", (size_t)(i % 4));
        d1t_upsert(&db, &table, row, 3);
    }
    row[0] = d1t_int(99);
    d1t_delete(&db, &table, row, 1);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_a_batch_is_the_same_by_any_window(void)
{
    script whole = {0};
    size_t window;

    flush_by(100000, &whole);
    CHECK_INT(whole.kept, 1);
    CHECK_INT(whole.requests[0].statements, 6);
    for (window = 1; window < 200; window++) {
        script s = {0};
        flush_by(window, &s);
        CHECK_STR(s.requests[0].body, whole.requests[0].body);
        script_free(&s);
    }
    script_free(&whole);
}

int main(void)
{
    RUN(test_a_parameter_is_rewritten_by_its_kind);
    RUN(test_bare_and_repeated_parameters_keep_their_numbers);
    RUN(test_what_only_looks_like_a_parameter_stays);
    RUN(test_the_end_of_a_statement_is_tidied_for_d1);
    RUN(test_a_trigger_keeps_its_semicolons);
    RUN(test_what_d1_cannot_take_is_refused);
    RUN(test_all_hundred_parameters_are_usable);
    RUN(test_values_that_cannot_travel_are_refused);
    RUN(test_a_statement_becomes_json_with_string_parameters);
    RUN(test_windows_of_every_size_give_the_same_body);
    RUN(test_rewind_in_the_middle_starts_again);
    RUN(test_a_batch_is_the_same_by_any_window);
    TEST_MAIN_END;
}
