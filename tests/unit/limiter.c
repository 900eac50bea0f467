/* Room exchange, >>limiter: the rate of an account. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"
#include "../support/script.h"

#define WINDOW 300000u

/* The most requests that any 300 s hold. */
static uint32_t busiest(const uint64_t *at, uint32_t n)
{
    uint32_t i, first = 0, most = 0;

    for (i = 0; i < n; i++) {
        while (at[i] - at[first] >= WINDOW)
            first++;
        most = i - first + 1 > most ? i - first + 1 : most;
    }
    return most;
}

/* Sends n requests, each after a random gap of up to `gap` ms; *end is when the last one went out. */
static uint32_t busiest_of_schedule(uint64_t seed, uint32_t limit, uint64_t start, uint64_t gap, uint64_t *end)
{
    enum { N = 5000 };
    static uint64_t at[N];
    d1t_limiter l;
    uint64_t now = start, may;
    uint32_t i;

    memset(&l, 0, sizeof l);
    l.requests = limit;
    for (i = 0; i < N; i++) {
        now += gap ? script_random(&seed) % gap : 0;
        if (script_random(&seed) % 500 == 0)
            now += script_random(&seed) % 1000000;
        may = d1t_limiter_wait(&l, now);
        CHECK(may >= now);
        CHECK_INT(d1t_limiter_wait(&l, may), may); /* its word holds */
        now = may;
        d1t_limiter_count(&l, now);
        at[i] = now;
    }
    *end = now;
    return busiest(at, N);
}

static void test_never_more_than_1200_in_any_300_s(void)
{
    static const uint64_t gaps[] = {0, 1, 10, 200, 400, 600, 5000};
    uint64_t seed, end;
    uint32_t most = 0, n;
    size_t i;

    for (seed = 0; seed < 10; seed++)
        for (i = 0; i < sizeof gaps / sizeof *gaps; i++) {
            n = busiest_of_schedule(seed, 0, seed * 12345, gaps[i], &end);
            CHECK(n <= 1200);
            most = n > most ? n : most;
        }
    CHECK_INT(most, 1200); /* and it is not stricter than it has to be */
    printf("figure: limiter_most_in_300_s %u\n", most);
}

static void test_other_limits_hold_too(void)
{
    static const uint32_t limits[] = {1, 2, 7, 100, 1000};
    uint64_t end;
    size_t i;

    for (i = 0; i < sizeof limits / sizeof *limits; i++)
        CHECK_INT(busiest_of_schedule(i, limits[i], UINT64_C(1) << 44, 3, &end), limits[i]);
}

static void test_a_zeroed_struct_lets_1200_pass_at_once_and_then_waits(void)
{
    d1t_limiter l = {0};
    int i;

    for (i = 0; i < 1200; i++) {
        CHECK_INT(d1t_limiter_wait(&l, 5000), 5000);
        d1t_limiter_count(&l, 5000);
    }
    CHECK(d1t_limiter_wait(&l, 5000) >= 305000);
    CHECK(d1t_limiter_wait(&l, 5000) <= 315000);
    CHECK_INT(d1t_limiter_wait(&l, 1000000), 1000000);
}

static void test_a_block_by_the_server_is_kept(void)
{
    d1t_limiter l = {0};

    l.blocked_until = 60000;
    CHECK_INT(d1t_limiter_wait(&l, 1000), 60000);
    CHECK_INT(d1t_limiter_wait(&l, 60000), 60000);
    CHECK_INT(d1t_limiter_wait(&l, 60001), 60001);
}

/* ---- through clients */

static int on_row(void *ctx, const d1t_row *row)
{
    (void)ctx;
    (void)row;
    return 0;
}

static void open_client(d1t_client *db, script *s, d1t_limiter *l)
{
    d1t_config config = script_config(s);

    config.limiter = l;
    config.setup = D1T_SETUP_TRUST;
    CHECK_INT(d1t_open(db, &config), D1T_OK);
}

static void query(d1t_client *db)
{
    CHECK_INT(d1t_query(db, "SELECT 1", NULL, 0, on_row, NULL), D1T_OK);
}

static void test_two_clients_share_one_rate(void)
{
    d1t_limiter l = {0};
    script s = {0};
    d1t_client a, b;
    uint64_t at[200], seed = 5;
    uint32_t i;

    open_client(&a, &s, &l);
    open_client(&b, &s, &l);
    l.requests = 20;
    for (i = 0; i < 200; i++) {
        s.now_ms += script_random(&seed) % 20000;
        query(script_random(&seed) % 2 ? &a : &b);
        at[i] = s.requests[i].at_ms;
    }
    CHECK_INT(busiest(at, 200), 20);
    CHECK_INT(a.stats.waited_ms + b.stats.waited_ms, s.slept_ms);
    CHECK(s.slept_ms > 0);
    d1t_close(&a);
    d1t_close(&b);
    script_free(&s);
}

static void test_without_one_each_client_has_its_own(void)
{
    script s = {0};
    d1t_client a, b;
    uint32_t i;

    open_client(&a, &s, NULL);
    open_client(&b, &s, NULL);
    for (i = 0; i < 1200; i++) {
        query(&a);
        query(&b);
    }
    CHECK_INT(s.slept_ms, 0);
    query(&a);
    CHECK(s.slept_ms >= 290000);
    d1t_close(&a);
    d1t_close(&b);
    script_free(&s);
}

/* When the other client of the limiter may send, after this client got this header with a success at 7,000 ms. */
static uint64_t other_may_send(const char *name, const char *value)
{
    script_answer a = SCRIPT_OK;
    script s = {.answers = &a, .count = 1, .now_ms = 7000};
    d1t_limiter l = {0};
    d1t_client first, second;
    uint64_t at;

    open_client(&first, &s, &l);
    open_client(&second, &s, &l);
    a.name = name;
    a.value = value;
    query(&first);
    query(&second);
    at = s.requests[1].at_ms;
    d1t_close(&first);
    d1t_close(&second);
    script_free(&s);
    return at;
}

static void test_a_ratelimit_header_with_nothing_left_blocks_all_clients_of_the_account(void)
{
    CHECK_INT(other_may_send("Ratelimit", "\"default\";r=0;t=30"), 37000);
    CHECK_INT(other_may_send("ratelimit", "\"default\";r=0;t=300"), 307000);
    CHECK_INT(other_may_send("ratelimit", "\"default\";t=30;r=0"), 37000);
    CHECK_INT(other_may_send("ratelimit", "\"default\"; r=0; t=30"), 37000); /* RFC 9651 allows blanks */
    CHECK_INT(other_may_send("ratelimit", "\"default\";r=1;t=30"), 7000);
    CHECK_INT(other_may_send("ratelimit", "\"default\";r=50;t=30"), 7000);
    CHECK_INT(other_may_send("ratelimit", "\"default\";r=00"), 7000);
    CHECK_INT(other_may_send("ratelimit", "nonsense"), 7000);
    CHECK_INT(other_may_send("ratelimit", ""), 7000);
    CHECK_INT(other_may_send("ratelimit-policy", "\"burst\";q=100;r=0;t=60"), 7000);
}

static void test_a_429_of_the_account_blocks_all_its_clients(void)
{
    static const char body[] =
        "{\"success\":false,\"errors\":[{\"code\":971,\"message\":\"slow down\"}],\"result\":null}";
    script_answer a = {.status = 429, .name = "retry-after", .value = "60", .body = body};
    script s = {.answers = &a, .count = 1, .now_ms = 7000};
    d1t_limiter l = {0};
    d1t_client first, second;
    d1t_todo todo;

    open_client(&first, &s, &l);
    open_client(&second, &s, &l);
    CHECK_INT(d1t_query_start(&first, "SELECT 1", NULL, 0, on_row, NULL), D1T_OK);
    CHECK_INT(d1t_next(&first, s.now_ms, &todo), D1T_SEND);
    script_send(&s, todo.request, todo.op);
    query(&second);
    CHECK_INT(s.requests[1].at_ms, 67000);
    CHECK_INT(d1t_run(&first, NULL), D1T_OK);
    d1t_close(&first);
    d1t_close(&second);
    script_free(&s);
}

static void test_a_429_of_one_database_leaves_the_others_alone(void)
{
    static const char body[] =
        "{\"success\":false,\"errors\":[{\"code\":7500,\"message\":\"D1 DB is overloaded. Too many requests "
        "queued.\"}],\"result\":null}";
    script_answer a = {.status = 429, .body = body};
    script s = {.answers = &a, .count = 1, .now_ms = 7000};
    d1t_limiter l = {0};
    d1t_client first, second;
    d1t_todo todo;

    open_client(&first, &s, &l);
    open_client(&second, &s, &l);
    CHECK_INT(d1t_query_start(&first, "SELECT 1", NULL, 0, on_row, NULL), D1T_OK);
    CHECK_INT(d1t_next(&first, s.now_ms, &todo), D1T_SEND);
    script_send(&s, todo.request, todo.op);
    query(&second);
    CHECK_INT(s.requests[1].at_ms, 7000);
    CHECK_INT(d1t_run(&first, NULL), D1T_OK);
    d1t_close(&first);
    d1t_close(&second);
    script_free(&s);
}

int main(void)
{
    RUN(test_never_more_than_1200_in_any_300_s);
    RUN(test_other_limits_hold_too);
    RUN(test_a_zeroed_struct_lets_1200_pass_at_once_and_then_waits);
    RUN(test_a_block_by_the_server_is_kept);
    RUN(test_two_clients_share_one_rate);
    RUN(test_without_one_each_client_has_its_own);
    RUN(test_a_ratelimit_header_with_nothing_left_blocks_all_clients_of_the_account);
    RUN(test_a_429_of_the_account_blocks_all_its_clients);
    RUN(test_a_429_of_one_database_leaves_the_others_alone);
    TEST_MAIN_END;
}
