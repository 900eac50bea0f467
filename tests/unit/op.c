/* Room exchange, >>op: one request until it is settled. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"
#include "../support/script.h"

#define ERROR(code, text) "{\"result\":[],\"success\":false,\"errors\":[{\"code\":" #code ",\"message\":\"" text "\"}]}"
#define HTML "<html><head><title>504 Gateway Time-out</title></head></html>"

enum { ONCE = 0, AGAIN = 1, SMALLER = 2 }; /* sent again as it is; only in smaller pieces */

/* What D1 says, what became of the request, and whether it is sent again. */
typedef struct cell {
    int32_t status;
    const char *body;
    d1t_result code;
    d1t_outcome outcome;
    int again;
} cell;

static const cell cells[] = {
    /* messages that Cloudflare documents */
    {500, ERROR(7500, "D1 DB reset because its code was updated."), D1T_ERR_RESET, D1T_UNKNOWN, AGAIN},
    {500, ERROR(7500, "Internal error while starting up D1 DB storage caused object to be reset."), D1T_ERR_RESET,
     D1T_UNKNOWN, AGAIN},
    {500, ERROR(7500, "Network connection lost."), D1T_ERR_RESET, D1T_UNKNOWN, AGAIN},
    {500, ERROR(7500, "Internal error in D1 DB storage caused object to be reset."), D1T_ERR_RESET, D1T_UNKNOWN, AGAIN},
    {500, ERROR(7500, "Cannot resolve D1 DB due to transient issue on remote node."), D1T_ERR_RESET, D1T_UNKNOWN,
     AGAIN},
    {500, ERROR(7500, "Can't read from request stream because client disconnected."), D1T_ERR_RESET, D1T_UNKNOWN,
     AGAIN},
    {500, ERROR(7500, "D1 DB storage operation exceeded timeout which caused object to be reset."), D1T_ERR_TOO_HEAVY,
     D1T_UNKNOWN, AGAIN | SMALLER},
    {429, ERROR(7500, "D1 DB is overloaded. Requests queued for too long."), D1T_ERR_OVERLOADED, D1T_NOT_APPLIED,
     AGAIN},
    {429, ERROR(7500, "D1 DB is overloaded. Too many requests queued."), D1T_ERR_OVERLOADED, D1T_NOT_APPLIED, AGAIN},
    {500, ERROR(7500, "D1 DB's isolate exceeded its memory limit and was reset."), D1T_ERR_TOO_HEAVY, D1T_UNKNOWN,
     SMALLER},
    {500, ERROR(7500, "D1 DB exceeded its CPU time limit and was reset."), D1T_ERR_TOO_HEAVY, D1T_UNKNOWN, SMALLER},
    {400, ERROR(7500, "Your account has exceeded D1's free tier daily row read limit."), D1T_ERR_QUOTA, D1T_PERMANENT,
     ONCE},
    {429, ERROR(7500, "Your account has exceeded D1's free tier daily row write limit."), D1T_ERR_QUOTA, D1T_PERMANENT,
     ONCE},
    /* messages that were seen */
    {400, ERROR(7500, "Exceeded maximum DB size"), D1T_ERR_DB_FULL, D1T_PERMANENT, ONCE},
    {500, ERROR(7500, "database or disk is full: SQLITE_FULL"), D1T_ERR_DB_FULL, D1T_PERMANENT, ONCE},
    {500, ERROR(7500, "D1_ERROR: Currently processing a long-running export."), D1T_ERR_OVERLOADED, D1T_NOT_APPLIED,
     AGAIN},
    {500, ERROR(7500, "internal error; reference = e_0123456789"), D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {400, ERROR(7500, "statement too long: SQLITE_TOOBIG"), D1T_ERR_LIMIT, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "string or blob too big: SQLITE_TOOBIG"), D1T_ERR_LIMIT, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "incomplete input: SQLITE_ERROR"), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "not authorized: SQLITE_AUTH"), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "not authorized to use function: X at offset 7: SQLITE_ERROR"), D1T_ERR_SQL, D1T_NOT_APPLIED,
     ONCE},
    {400, ERROR(7500, "no such table: t: SQLITE_ERROR"), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "too many SQL variables at offset 434: SQLITE_ERROR"), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "No SQL statements detected."), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "SQL code did not contain a statement."), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "Wrong number of parameter bindings for SQL query."), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)"),
     D1T_ERR_CONSTRAINT, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "FOREIGN KEY constraint failed: SQLITE_CONSTRAINT"), D1T_ERR_CONSTRAINT, D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "bad JSON path: 'd1t conflict: expected 1 found 2': SQLITE_ERROR"), D1T_ERR_PRECONDITION,
     D1T_NOT_APPLIED, ONCE},
    {400, ERROR(7500, "JSON path error near 'd1t conflict': SQLITE_ERROR"), D1T_ERR_PRECONDITION, D1T_NOT_APPLIED,
     ONCE},
    /* the local explorer's statuses: the message decides */
    {500, ERROR(10001, "D1_ERROR: UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT"), D1T_ERR_CONSTRAINT,
     D1T_NOT_APPLIED, ONCE},
    {500, ERROR(10001, "near \\\"x\\\": syntax error at offset 0: SQLITE_ERROR"), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    /* statuses and codes */
    {400, ERROR(7500, "something new"), D1T_ERR_SQL, D1T_NOT_APPLIED, ONCE},
    {500, ERROR(7500, "something new"), D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {429, ERROR(7500, "something new"), D1T_ERR_OVERLOADED, D1T_NOT_APPLIED, AGAIN},
    {429, NULL, D1T_ERR_OVERLOADED, D1T_NOT_APPLIED, AGAIN},
    {429, ERROR(971, "Please wait and consider throttling your request speed"), D1T_ERR_THROTTLED, D1T_NOT_APPLIED,
     AGAIN},
    {404, ERROR(7404, "The database X could not be found"), D1T_ERR_NOT_FOUND, D1T_PERMANENT, ONCE},
    {404, ERROR(7003, "Could not route to /x, perhaps your object identifier is invalid?"), D1T_ERR_NOT_FOUND,
     D1T_PERMANENT, ONCE},
    {400, ERROR(7003, "Could not route to /x, perhaps your object identifier is invalid?"), D1T_ERR_NOT_FOUND,
     D1T_PERMANENT, ONCE},
    {404, HTML, D1T_ERR_NOT_FOUND, D1T_PERMANENT, ONCE},
    {504, ERROR(7009, "timed out"), D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {504, HTML, D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {503, HTML, D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {500, NULL, D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {522, "error code: 522", D1T_ERR_SERVER, D1T_UNKNOWN, AGAIN},
    {401, ERROR(10000, "Authentication error"), D1T_ERR_AUTH, D1T_PERMANENT, ONCE},
    {403, ERROR(10000, "Authentication error"), D1T_ERR_AUTH, D1T_PERMANENT, ONCE},
    {400, ERROR(10000, "Authentication error"), D1T_ERR_AUTH, D1T_PERMANENT, ONCE},
    {403, HTML, D1T_ERR_AUTH, D1T_PERMANENT, ONCE},
    {413, HTML, D1T_ERR_LIMIT, D1T_NOT_APPLIED, SMALLER},
    {400, ERROR(7400, "invalid request body"), D1T_ERR_HTTP, D1T_PERMANENT, ONCE},
    {301, HTML, D1T_ERR_HTTP, D1T_PERMANENT, ONCE},
    {200, HTML, D1T_ERR_PROTOCOL, D1T_UNKNOWN, AGAIN},
    {200, ERROR(7500, "UNIQUE constraint failed: t.id"), D1T_ERR_CONSTRAINT, D1T_NOT_APPLIED, ONCE},
    {200, "{\"success\":true,\"result\":null}", D1T_ERR_PROTOCOL, D1T_UNKNOWN, AGAIN},
};

static const script_answer transports[] = {
    {.result = D1T_ERR_CONNECT},
    {.result = D1T_ERR_TLS},
    {.result = D1T_ERR_TRANSPORT},
    {.result = D1T_ERR_TIMEOUT},
    {.result = D1T_ERR_TRANSPORT, .status = 200, .body = "{\"success\":true,\"result\":[{"},
};

static const cell transport_cells[] = {
    {0, NULL, D1T_ERR_CONNECT, D1T_NOT_APPLIED, AGAIN}, {0, NULL, D1T_ERR_TLS, D1T_PERMANENT, ONCE},
    {0, NULL, D1T_ERR_TRANSPORT, D1T_UNKNOWN, AGAIN},   {0, NULL, D1T_ERR_TIMEOUT, D1T_UNKNOWN, AGAIN},
    {0, NULL, D1T_ERR_TRANSPORT, D1T_UNKNOWN, AGAIN},
};

/* ---- one op */

static void write_body(void *ctx, d1t_writer *w)
{
    (void)ctx;
    d1t_write_text(w, "{\"sql\":\"SELECT 1\"}");
}

static bool no_more(void *ctx)
{
    (void)ctx;
    return false;
}

static d1t_exchange exchange(void)
{
    d1t_exchange x;

    memset(&x, 0, sizeof x);
    x.retry.attempts = 5;
    x.retry.base_ms = 250;
    x.retry.cap_ms = 20000;
    x.retry.retry_after_ms = 300000;
    x.retry.deadline_ms = 35000;
    x.retry.budget = x.budget = 500;
    x.random = 42;
    x.max_reply = 16u << 20;
    return x;
}

static d1t_op_desc described(bool idempotent)
{
    d1t_op_desc d;

    memset(&d, 0, sizeof d);
    d.url = d1t_cstr("https://example.com/raw");
    d.token = d1t_cstr("token");
    d.body.write = write_body;
    d.body.advance = no_more;
    d.expect = 1;
    d.idempotent = idempotent;
    return d;
}

static d1t_op run(d1t_exchange *x, script *s, bool idempotent)
{
    d1t_op_desc d = described(idempotent);
    d1t_op op;

    d1t_op_init(&op, x, &d);
    (void)script_run_op(s, &op);
    return op;
}

/* One answer for ever. */
static d1t_op always(d1t_exchange *x, script *s, const script_answer *a, bool idempotent)
{
    s->answers = a;
    s->count = 1;
    s->next = 0;
    return run(x, s, idempotent);
}

static script_answer answer_of(const cell *c)
{
    script_answer a = {0};

    a.status = c->status;
    a.body = c->body;
    a.times = UINT32_MAX;
    return a;
}

static void check_cell(const cell *c, const script_answer *a, bool idempotent)
{
    d1t_exchange x = exchange();
    script s = {0};
    d1t_op op = always(&x, &s, a, idempotent);
    bool again = (c->again & AGAIN) && (idempotent || c->outcome != D1T_UNKNOWN);

    if (op.code != c->code || op.outcome != c->outcome || s.sent != (again ? 5u : 1u))
        printf("%d %.80s\n", c->status, c->body ? c->body : d1t_result_name(c->code));
    CHECK_STR(d1t_result_name(op.code), d1t_result_name(c->code));
    CHECK_INT(op.outcome, c->outcome);
    CHECK_INT(op.retryable, (c->again & AGAIN) != 0);
    CHECK_INT(op.shrink, (c->again & SMALLER) != 0);
    CHECK_INT(op.http_status, a->status);
    CHECK_INT(s.sent, again ? 5 : 1);
    CHECK_INT(op.attempt, s.sent);
    script_free(&s);
}

static void test_every_row_of_the_table_gives_its_code_outcome_and_retries(void)
{
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) {
        script_answer a = answer_of(&cells[i]);
        check_cell(&cells[i], &a, true);
        check_cell(&cells[i], &a, false);
    }
    for (i = 0; i < sizeof transports / sizeof *transports; i++) {
        script_answer a = transports[i];
        a.times = UINT32_MAX;
        check_cell(&transport_cells[i], &a, true);
        check_cell(&transport_cells[i], &a, false);
    }
    printf("figure: classification_cells %lu\n",
           (unsigned long)(sizeof cells / sizeof *cells + sizeof transports / sizeof *transports));
}

static void test_the_table_is_callable_alone(void)
{
    d1t_verdict v = d1t_classify(D1T_OK, 500, 10001, d1t_cstr("UNIQUE constraint failed: t.k: SQLITE_CONSTRAINT"));

    CHECK_INT(v.code, D1T_ERR_CONSTRAINT);
    CHECK_INT(v.outcome, D1T_NOT_APPLIED);
    v = d1t_classify(D1T_OK, 429, 971, d1t_bytes(NULL, 0));
    CHECK_INT(v.code, D1T_ERR_THROTTLED);
    CHECK(v.retryable && !v.lands_late);
    v = d1t_classify(D1T_ERR_TIMEOUT, 0, 0, d1t_bytes(NULL, 0));
    CHECK(v.retryable && v.lands_late);
    v = d1t_classify(D1T_OK, 0, 0, d1t_bytes(NULL, 0));
    CHECK_INT(v.outcome, D1T_UNKNOWN);
}

static void test_a_reset_by_a_deferred_violation_is_unknown_first_and_permanent_if_it_repeats(void)
{
    static const char text[] =
        ERROR(7500, "Durable Object was reset and rolled back to its last known good state because the application "
                    "left the database in a state where constraints were violated: FOREIGN KEY constraint failed: "
                    "SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)");
    script_answer once = {.status = 500, .body = text}, ever = {.status = 500, .body = text, .times = UINT32_MAX};
    d1t_exchange x = exchange();
    script s = {0};
    d1t_op op = always(&x, &s, &once, true);

    CHECK_INT(op.code, D1T_OK);
    CHECK_INT(s.sent, 2);
    op = always(&x, &s, &once, false);
    CHECK_INT(op.code, D1T_ERR_RESET);
    CHECK_INT(op.outcome, D1T_UNKNOWN);
    op = always(&x, &s, &ever, true);
    CHECK_INT(op.outcome, D1T_PERMANENT);
    CHECK(s.sent > 4 && s.sent <= 8);
    script_free(&s);
}

static void test_a_success_is_sent_once(void)
{
    d1t_exchange x = exchange();
    script s = {0};
    d1t_op op = run(&x, &s, false);

    CHECK_INT(op.code, D1T_OK);
    CHECK_INT(op.outcome, D1T_APPLIED);
    CHECK_INT(s.sent, 1);
    CHECK_STR(s.requests[0].body, "{\"sql\":\"SELECT 1\"}");
    CHECK_STR(s.requests[0].url, "https://example.com/raw");
    CHECK_STR(s.requests[0].token, "token");
    script_free(&s);
}

static void test_one_bad_moment_is_survived(void)
{
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) {
        d1t_exchange x = exchange();
        script s = {0};
        script_answer a = answer_of(&cells[i]);
        d1t_op op;
        a.times = 1;
        op = always(&x, &s, &a, true);
        CHECK_INT(op.code, cells[i].again & AGAIN ? D1T_OK : cells[i].code);
        if (s.kept == 2)
            CHECK_STR(s.requests[1].body, s.requests[0].body);
        script_free(&s);
    }
}

static void test_an_earlier_unknown_outcome_is_not_undone_by_a_later_refusal(void)
{
    static const script_answer answers[] = {{.result = D1T_ERR_TRANSPORT},
                                            {.result = D1T_ERR_CONNECT, .times = UINT32_MAX}};
    static const script_answer denied[] = {{.result = D1T_ERR_TIMEOUT},
                                           {.status = 403, .body = ERROR(10000, "Authentication error")}};
    d1t_exchange x = exchange();
    script s = {.answers = answers, .count = 2}, t = {.answers = denied, .count = 2};
    d1t_op op = run(&x, &s, true);

    CHECK_INT(op.code, D1T_ERR_CONNECT);
    CHECK_INT(op.outcome, D1T_UNKNOWN);
    op = run(&x, &t, true);
    CHECK_INT(op.code, D1T_ERR_AUTH);
    CHECK_INT(op.outcome, D1T_UNKNOWN);
    script_free(&s);
    script_free(&t);
}

static void test_an_error_answer_that_is_cut_is_asked_for_again(void)
{
    static const char body[] =
        ERROR(7500, "UNIQUE constraint failed: t.k: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)");
    script_answer answers[2] = {{.status = 400}, {.status = 400}};
    int noticed;

    answers[0].body = answers[1].body = body;
    for (noticed = 0; noticed < 2; noticed++) {
        answers[0].result = noticed ? D1T_ERR_TRANSPORT : D1T_OK;
        for (answers[0].size = 1; answers[0].size < sizeof body - 1; answers[0].size++) {
            d1t_exchange x = exchange();
            script s = {.answers = answers, .count = 2};
            d1t_op op = run(&x, &s, true);
            if (op.code != D1T_ERR_CONSTRAINT)
                printf("cut after %lu bytes: %s\n", (unsigned long)answers[0].size, d1t_result_name(op.code));
            CHECK_INT(op.code, D1T_ERR_CONSTRAINT);
            script_free(&s);
        }
    }
}

/* ---- backoff */

static void test_backoff_is_full_jitter_within_its_bounds(void)
{
    static const script_answer refused = {.result = D1T_ERR_CONNECT, .times = UINT32_MAX};
    uint64_t high[9] = {0}, low[9], sum[9] = {0}, bound, wait;
    int round, i;

    memset(low, 0xFF, sizeof low);
    for (round = 0; round < 400; round++) {
        d1t_exchange x = exchange();
        script s = {0};
        x.random = (uint64_t)round;
        x.retry.attempts = 10;
        (void)always(&x, &s, &refused, true);
        CHECK_INT(s.kept, 10);
        for (i = 0; i < 9; i++) {
            wait = s.requests[i + 1].at_ms - s.requests[i].at_ms;
            high[i] = wait > high[i] ? wait : high[i];
            low[i] = wait < low[i] ? wait : low[i];
            sum[i] += wait;
        }
        script_free(&s);
    }
    for (i = 0; i < 9; i++) {
        bound = (uint64_t)250 << i < 20000 ? (uint64_t)250 << i : 20000;
        CHECK(high[i] <= bound && high[i] > bound * 95 / 100);
        CHECK(low[i] < bound * 5 / 100);
        CHECK(sum[i] / 400 > bound * 45 / 100 && sum[i] / 400 < bound * 55 / 100);
    }
}

static void test_100000_draws_of_jitter_are_uniform(void)
{
    enum { DRAWS = 100000, BINS = 50 };
    uint32_t bins[BINS] = {0}, i;
    d1t_exchange x = exchange();
    d1t_op_desc d = described(true);
    d1t_op op;
    uint64_t wake, now = 0;
    double chi2 = 0, expected = (double)DRAWS / BINS;

    x.retry.base_ms = x.retry.cap_ms = 19999; /* 20,000 values, 400 a bin */
    x.retry.attempts = UINT32_MAX;
    x.retry.budget = x.budget = 5 * DRAWS + 100;
    d1t_op_init(&op, &x, &d);
    for (i = 0; i < DRAWS; i++) {
        CHECK_INT(d1t_op_next(&op, now, &wake), D1T_SEND);
        d1t_op_on_end(&op, now, D1T_ERR_CONNECT, 0);
        bins[(op.wake_ms - now) / 400]++;
        now = op.wake_ms;
    }
    for (i = 0; i < BINS; i++)
        chi2 += ((double)bins[i] - expected) * ((double)bins[i] - expected) / expected;
    CHECK(chi2 < 90); /* 49 degrees of freedom: p = 0.0003 */
    printf("figure: jitter_chi2_49dof %.1f\n", chi2);
}

static uint64_t wait_after(const char *name, const char *value, uint32_t clamp_ms)
{
    script_answer a = {.status = 429, .body = ERROR(971, "slow down")};
    d1t_exchange x = exchange();
    script s = {0};
    uint64_t wait;

    a.name = name;
    a.value = value;
    if (clamp_ms)
        x.retry.retry_after_ms = clamp_ms;
    (void)always(&x, &s, &a, false);
    CHECK_INT(s.kept, 2);
    wait = s.requests[1].at_ms - s.requests[0].at_ms;
    script_free(&s);
    return wait;
}

static void test_retry_after_is_obeyed_and_clamped(void)
{
    CHECK_INT(wait_after("Retry-After", "7", 0), 7000);
    CHECK_INT(wait_after("RETRY-AFTER", "7", 0), 7000);
    CHECK_INT(wait_after("retry-after", "300", 0), 300000);
    CHECK_INT(wait_after("retry-after", "301", 0), 300000);
    CHECK_INT(wait_after("retry-after", "99999999999", 0), 300000);
    CHECK_INT(wait_after("retry-after", "60", 10000), 10000);
    CHECK(wait_after("retry-after", "0", 0) <= 250);
    CHECK(wait_after("retry-after", "-7", 0) <= 250);
    CHECK(wait_after("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT", 0) <= 250);
    CHECK(wait_after("retry-after", "", 0) <= 250);
    CHECK(wait_after("x-retry-after", "7", 0) <= 250);
}

static void test_retry_after_belongs_to_its_own_attempt(void)
{
    static const script_answer answers[] = {
        {.status = 503, .name = "retry-after", .value = "9"}, {.status = 503}, SCRIPT_OK};
    d1t_exchange x = exchange();
    script s = {.answers = answers, .count = 3};

    CHECK_INT(run(&x, &s, true).code, D1T_OK);
    CHECK_INT(s.requests[1].at_ms, 9000);
    CHECK(s.requests[2].at_ms <= 9500);
    script_free(&s);
}

/* ---- attempts and budget */

static void test_attempts_count_the_first_one(void)
{
    static const script_answer refused = {.result = D1T_ERR_CONNECT, .times = UINT32_MAX};
    uint32_t attempts;

    for (attempts = 1; attempts < 8; attempts++) {
        d1t_exchange x = exchange();
        script s = {0};
        x.retry.attempts = attempts;
        CHECK_INT(always(&x, &s, &refused, false).attempt, attempts);
        CHECK_INT(s.sent, attempts);
        script_free(&s);
    }
}

static void test_the_retry_budget_runs_out_and_refills(void)
{
    static const script_answer refused = {.result = D1T_ERR_CONNECT, .times = UINT32_MAX};
    static const script_answer silent = {.result = D1T_ERR_TIMEOUT, .times = UINT32_MAX};
    d1t_exchange x = exchange();
    script s = {0}, ok = {0};
    int i;

    x.retry.attempts = 100;
    x.retry.budget = x.budget = 20;
    CHECK_INT(always(&x, &s, &refused, true).attempt, 5); /* 4 retries of 5 tokens */
    CHECK_INT(x.budget, 0);
    CHECK_INT(always(&x, &s, &refused, true).attempt, 1);
    for (i = 0; i < 5; i++)
        CHECK_INT(run(&x, &ok, true).code, D1T_OK);
    CHECK_INT(always(&x, &s, &refused, true).attempt, 2);
    for (i = 0; i < 100; i++)
        CHECK_INT(run(&x, &ok, true).code, D1T_OK);
    CHECK_INT(x.budget, 20); /* not more than it began with */
    CHECK_INT(always(&x, &s, &silent, true).attempt, 3); /* a timeout takes 10 */
    script_free(&s);
    script_free(&ok);
}

static int restarts;
static bool allowed;

static void restarted(void *ctx)
{
    (void)ctx;
    restarts++;
}

static bool may_retry(void *ctx)
{
    (void)ctx;
    return allowed;
}

static void test_callbacks_are_asked_before_a_retry(void)
{
    static const script_answer refused = {.result = D1T_ERR_CONNECT, .times = 2};
    d1t_op_desc d = described(true);
    d1t_exchange x = exchange();
    script s = {.answers = &refused, .count = 1};
    d1t_op op;

    d.before_retry = restarted;
    d.may_retry = may_retry;
    allowed = true;
    d1t_op_init(&op, &x, &d);
    CHECK_INT(script_run_op(&s, &op), D1T_DONE);
    CHECK_INT(restarts, 2);
    allowed = false;
    s.next = 0;
    d1t_op_init(&op, &x, &d);
    CHECK_INT(script_run_op(&s, &op), D1T_FAIL);
    CHECK_INT(op.attempt, 1);
    CHECK_INT(restarts, 2);
    script_free(&s);
}

/* ---- time */

static void test_past_its_deadline_a_request_is_cancelled(void)
{
    d1t_exchange x = exchange();
    d1t_op_desc d = described(true);
    d1t_op op;
    uint64_t wake;

    d1t_op_init(&op, &x, &d);
    CHECK_INT(d1t_op_next(&op, 1000, &wake), D1T_SEND);
    CHECK_INT(op.request.deadline_ms, 36000);
    CHECK_INT(d1t_op_next(&op, 1000, &wake), D1T_WAIT);
    CHECK_INT(wake, 36000);
    CHECK_INT(d1t_op_next(&op, 35999, &wake), D1T_WAIT);
    CHECK_INT(d1t_op_next(&op, 36000, &wake), D1T_CANCEL);
    d1t_op_on_end(&op, 36000, D1T_ERR_TIMEOUT, 28);
    CHECK_INT(op.transport_code, 28);
    CHECK(op.unknown);
    CHECK(d1t_op_next(&op, 36250, &wake) == D1T_SEND); /* the same request need not be quiet */
    CHECK_INT(op.request.deadline_ms, 36250 + 35000);
}

static void test_late_feeding_is_ignored(void)
{
    d1t_exchange x = exchange();
    d1t_op_desc d = described(true);
    d1t_op op;
    char *success = script_success(1);
    uint64_t wake;

    d1t_op_init(&op, &x, &d);
    d1t_op_on_status(&op, 200);
    CHECK_INT(d1t_op_on_body(&op, success, strlen(success)), D1T_ERR_STATE); /* never sent */
    d1t_op_on_end(&op, 0, D1T_OK, 0);
    CHECK_INT(d1t_op_next(&op, 0, &wake), D1T_SEND);
    d1t_op_on_end(&op, 0, D1T_ERR_TRANSPORT, 0);
    d1t_op_on_status(&op, 200); /* between two attempts */
    d1t_op_on_header(&op, "retry-after", "300");
    CHECK_INT(d1t_op_on_body(&op, success, strlen(success)), D1T_ERR_STATE);
    d1t_op_on_end(&op, 0, D1T_OK, 0);
    CHECK_INT(op.http_status, 0);
    CHECK_INT(d1t_op_next(&op, 250, &wake), D1T_SEND);
    d1t_op_on_status(&op, 200);
    CHECK_INT(d1t_op_on_body(&op, success, strlen(success)), D1T_OK);
    d1t_op_on_end(&op, 300, D1T_OK, 0);
    CHECK_INT(d1t_op_next(&op, 300, &wake), D1T_DONE);
    d1t_op_on_status(&op, 500); /* after the end */
    CHECK_INT(d1t_op_on_body(&op, "<", 1), D1T_ERR_STATE);
    d1t_op_on_end(&op, 400, D1T_ERR_TIMEOUT, 7);
    CHECK_INT(d1t_op_next(&op, 400, &wake), D1T_DONE);
    CHECK_INT(op.http_status, 200);
    CHECK_INT(op.outcome, D1T_APPLIED);
    CHECK_INT(op.transport_code, 0);
    free(success);
}

/* After a request that may still land, other requests wait until 35 s after it was sent. */
static void test_quiet_time_after_an_unknown_outcome(void)
{
    static const script_answer lost[] = {{.result = D1T_ERR_TRANSPORT, .delay_ms = 100},
                                         {.result = D1T_ERR_TIMEOUT, .delay_ms = 34000},
                                         {.delay_ms = 99000},
                                         {.status = 504, .body = HTML, .delay_ms = 10},
                                         {.status = 500, .body = ERROR(7500, "Network connection lost.")}};
    size_t i;

    for (i = 0; i < sizeof lost / sizeof *lost; i++) {
        d1t_exchange x = exchange();
        script s = {.now_ms = 5000};
        x.retry.attempts = 1;
        CHECK_INT(always(&x, &s, &lost[i], true).outcome, D1T_UNKNOWN);
        CHECK_INT(run(&x, &s, true).code, D1T_OK);
        CHECK_INT(s.requests[0].at_ms, 5000);
        CHECK_INT(s.requests[1].at_ms, 40000);
        CHECK_INT(run(&x, &s, true).code, D1T_OK);
        CHECK_INT(s.requests[2].at_ms, 40000);
        script_free(&s);
    }
}

static void test_the_same_request_goes_out_in_quiet_time_and_others_wait_for_its_last_attempt(void)
{
    static const script_answer lost = {.result = D1T_ERR_TRANSPORT, .times = 3};
    d1t_exchange x = exchange();
    script s = {.now_ms = 5000, .answers = &lost, .count = 1};
    uint64_t last;

    CHECK_INT(run(&x, &s, true).code, D1T_OK);
    CHECK_INT(s.kept, 4);
    CHECK(s.requests[3].at_ms <= 5000 + 250 + 500 + 1000);
    last = s.requests[2].at_ms;
    CHECK_INT(run(&x, &s, true).code, D1T_OK);
    CHECK_INT(s.requests[4].at_ms, last + 35000); /* the third was lost then and may still land */
    script_free(&s);
}

static void test_a_lost_read_needs_no_quiet_time(void)
{
    static const script_answer lost = {.result = D1T_ERR_TRANSPORT};
    d1t_exchange x = exchange();
    script s = {.answers = &lost, .count = 1};
    d1t_op_desc d = described(false);
    d1t_op op;

    d.read_only = true;
    d1t_op_init(&op, &x, &d);
    CHECK_INT(script_run_op(&s, &op), D1T_DONE); /* a read is sent again */
    CHECK_INT(s.kept, 2);
    CHECK_INT(run(&x, &s, true).code, D1T_OK);
    CHECK(s.requests[2].at_ms <= 250);
    script_free(&s);
}

/* Random faults over many ops: what was lost is followed by nothing but itself for 35 s. */
static void test_quiet_time_holds_over_random_faults(void)
{
    static const script_answer faults[] = {SCRIPT_OK,
                                           {.result = D1T_ERR_TRANSPORT, .delay_ms = 900},
                                           {.delay_ms = 99999},
                                           {.result = D1T_ERR_CONNECT},
                                           {.status = 503, .body = HTML},
                                           {.status = 429, .name = "retry-after", .value = "3"}};
    uint64_t random = 3, seen, lost_at;
    d1t_exchange x = exchange();
    script s = {0};
    int i;

    x.retry.budget = x.budget = 1000000;
    for (i = 0; i < 2000; i++) {
        script_answer list[4];
        size_t k;
        for (k = 0; k < 4; k++)
            list[k] = faults[script_random(&random) % 6];
        s.answers = list;
        s.count = 4;
        s.next = 0;
        seen = s.kept;
        lost_at = x.quiet_until;
        (void)run(&x, &s, script_random(&random) % 2 == 0);
        CHECK(s.requests[seen].at_ms >= lost_at);
        for (k = 0; k < s.kept - seen && k < 4; k++)
            if (list[k].delay_ms || list[k].status == 503)
                CHECK(x.quiet_until >= s.requests[seen + k].at_ms + 35000);
    }
    script_free(&s);
}

/* ---- caps */

static void test_a_reply_over_the_cap_stops_and_is_not_asked_for_again(void)
{
    char *success = script_success(1);
    size_t n = strlen(success), piece;
    script_answer a = {.status = 200, .times = UINT32_MAX};

    a.body = success;
    for (piece = 1; piece <= n; piece += 13) {
        d1t_exchange x = exchange();
        script s = {0};
        a.piece = piece;
        x.max_reply = n;
        CHECK_INT(always(&x, &s, &a, true).code, D1T_OK);
        x.max_reply = n - 1;
        CHECK_INT(always(&x, &s, &a, true).code, D1T_ERR_TOO_BIG);
        CHECK_INT(s.sent, 2);
        script_free(&s);
    }
    free(success);
}

static void test_an_endless_page_is_cut_at_the_cap(void)
{
    d1t_exchange x = exchange();
    d1t_op_desc d = described(true);
    char page[1000];
    uint64_t wake;
    d1t_op op;
    int i;

    memset(page, '<', sizeof page);
    x.max_reply = 50000;
    d1t_op_init(&op, &x, &d);
    d1t_op_next(&op, 0, &wake);
    d1t_op_on_status(&op, 200);
    for (i = 0; i < 50; i++)
        CHECK_INT(d1t_op_on_body(&op, page, sizeof page), D1T_OK);
    CHECK_INT(d1t_op_on_body(&op, page, 1), D1T_ERR_TOO_BIG);
    d1t_op_on_end(&op, 0, D1T_ERR_TRANSPORT, 23);
    CHECK_INT(op.code, D1T_ERR_TOO_BIG);
    CHECK_INT(op.outcome, D1T_UNKNOWN);
}

static d1t_result refuse_row(void *ctx, const d1t_reply_event *e)
{
    (void)ctx;
    return e->kind == D1T_REPLY_STATEMENT ? D1T_ERR_CANCELED : D1T_OK;
}

static void test_a_handler_that_stops_ends_the_op(void)
{
    d1t_exchange x = exchange();
    d1t_op_desc d = described(true);
    script s = {0};
    d1t_op op;

    d.handler = refuse_row;
    d1t_op_init(&op, &x, &d);
    CHECK_INT(script_run_op(&s, &op), D1T_FAIL);
    CHECK_INT(op.code, D1T_ERR_CANCELED);
    CHECK_INT(s.sent, 1);
    script_free(&s);
}

int main(void)
{
    RUN(test_every_row_of_the_table_gives_its_code_outcome_and_retries);
    RUN(test_the_table_is_callable_alone);
    RUN(test_a_reset_by_a_deferred_violation_is_unknown_first_and_permanent_if_it_repeats);
    RUN(test_a_success_is_sent_once);
    RUN(test_one_bad_moment_is_survived);
    RUN(test_an_earlier_unknown_outcome_is_not_undone_by_a_later_refusal);
    RUN(test_an_error_answer_that_is_cut_is_asked_for_again);
    RUN(test_backoff_is_full_jitter_within_its_bounds);
    RUN(test_100000_draws_of_jitter_are_uniform);
    RUN(test_retry_after_is_obeyed_and_clamped);
    RUN(test_retry_after_belongs_to_its_own_attempt);
    RUN(test_attempts_count_the_first_one);
    RUN(test_the_retry_budget_runs_out_and_refills);
    RUN(test_callbacks_are_asked_before_a_retry);
    RUN(test_past_its_deadline_a_request_is_cancelled);
    RUN(test_late_feeding_is_ignored);
    RUN(test_quiet_time_after_an_unknown_outcome);
    RUN(test_the_same_request_goes_out_in_quiet_time_and_others_wait_for_its_last_attempt);
    RUN(test_a_lost_read_needs_no_quiet_time);
    RUN(test_quiet_time_holds_over_random_faults);
    RUN(test_a_reply_over_the_cap_stops_and_is_not_asked_for_again);
    RUN(test_an_endless_page_is_cut_at_the_cap);
    RUN(test_a_handler_that_stops_ends_the_op);
    TEST_MAIN_END;
}
