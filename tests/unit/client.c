/* Room client, >>client: opening, closing, sticky errors, re-entry, configuration, events, figures. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"
#include "../support/script.h"

static const d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
static const d1t_table table = D1T_TABLE("t", columns), stranger = D1T_TABLE("u", columns);
static const d1t_table *const tables[] = {&table};

static d1t_client db;
static script s;

static void start(d1t_config *config)
{
    config->setup = D1T_SETUP_TRUST;
    CHECK_INT(d1t_open(&db, config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
}

static d1t_config fresh(void)
{
    script_free(&s);
    memset(&s, 0, sizeof s);
    return script_config(&s);
}

static void start_plain(void)
{
    d1t_config config = fresh();

    start(&config);
}

static d1t_result put(int64_t k)
{
    d1t_value row[2];

    row[0] = d1t_int(k);
    row[1] = d1t_text("x");
    return d1t_upsert(&db, &table, row, 2);
}

static int on_row(void *ctx, const d1t_row *row)
{
    (void)ctx;
    (void)row;
    return 0;
}

/* ---- rows from structs */

typedef struct item {
    int64_t k;
    char a[8];
} item;

static void test_a_row_may_come_straight_from_a_struct(void)
{
    static const d1t_member members[] = {D1T_MEMBER(item, k, D1T_AS_INT), D1T_MEMBER(item, a, D1T_AS_CHARS)};
    item one = {5, "five"};

    start_plain();
    CHECK_INT(d1t_upsert_struct(&db, &table, members, 2, &one), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK(strstr(s.requests[0].body, "[[5,\\\"five\\\"]]") != NULL);
    CHECK_INT(d1t_upsert_struct(&db, &table, members, 1, &one), D1T_ERR_VALUE);
    CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK);
    CHECK_INT(d1t_upsert_struct(&db, &table, members, 2, NULL), D1T_ERR_ARG);
    d1t_clear(&db, D1T_DROP_ROWS);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

/* ---- allocation, counted */

static size_t held, blocks, token_seen;

static void *counted(void *ctx, void *p, size_t old, size_t size)
{
    const char *bytes = (const char *)p;
    void *q = NULL;
    size_t i;

    for (i = 0; ctx && p && i + 11 <= old; i++) /* what is given back must not hold the token */
        token_seen += memcmp(bytes + i, "secrettoken", 11) == 0;
    if (size)
        q = calloc(1, size); /* what nobody wrote is looked at too */
    if (q && p)
        memcpy(q, p, old < size ? old : size);
    if (size && !q)
        return NULL;
    free(p);
    held = held + size - old;
    blocks = blocks + (size != 0) - (p != NULL);
    return q;
}

static void test_open_does_no_io_and_close_gives_everything_back(void)
{
    d1t_config config = fresh();

    config.allocator.fn = counted;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(s.sent, 0);
    CHECK(held > 0);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(held, 0);
    CHECK_INT(blocks, 0);
    CHECK_INT(s.sent, 0);
    CHECK_INT(s.closed, 1);
}

static void test_close_flushes_and_may_be_called_twice(void)
{
    d1t_config config = fresh();

    config.allocator.fn = counted;
    start(&config);
    CHECK_INT(put(1), D1T_OK);
    CHECK_INT(s.sent, 0);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(s.sent, 1);
    CHECK_INT(held, 0);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(s.sent, 1);
    CHECK_INT(s.closed, 1);
    CHECK_INT(db.stats.rows_sent, 1); /* stays readable */
    CHECK_INT(put(2), D1T_ERR_STATE);
    CHECK_INT(d1t_flush(&db), D1T_ERR_STATE);
    CHECK_INT(d1t_close(NULL), D1T_ERR_ARG);
}

static void test_close_after_a_failed_open_returns_its_error(void)
{
    d1t_config config = fresh();

    config.token = NULL;
    CHECK_INT(d1t_open(&db, &config), D1T_ERR_CONFIG);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_ERR_CONFIG);
    CHECK_INT(put(1), D1T_ERR_CONFIG);
    CHECK_INT(d1t_query(&db, "SELECT 1", NULL, 0, on_row, NULL), D1T_ERR_CONFIG);
    CHECK_INT(d1t_close(&db), D1T_ERR_CONFIG);
    CHECK(strstr(db.error.text, "token") != NULL);
    CHECK_INT(s.sent, 0);
}

static void test_the_token_is_copied_and_wiped(void)
{
    d1t_config config = fresh();
    char token[] = "secrettoken";
    int marker = 0;

    config.token = token;
    config.allocator.fn = counted;
    config.allocator.ctx = &marker;
    start(&config);
    memset(token, 'x', sizeof token - 1);
    put(1);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(s.requests[0].token, "secrettoken");
    CHECK(strstr(s.requests[0].url, "secret") == NULL);
    CHECK_INT(token_seen, 0);
    CHECK_INT(held, 0);
}

static void test_a_version_or_size_that_differs_is_refused(void)
{
    d1t_config config = fresh();
    d1t_transport t = config.transport;

    CHECK_INT(d1t_open_(&db, &config, D1T_VERSION_NUM + 1, sizeof db), D1T_ERR_VERSION);
    CHECK_INT(d1t_open_(&db, &config, D1T_VERSION_NUM, sizeof db + 8), D1T_ERR_VERSION);
    CHECK_INT(d1t_open(NULL, &config), D1T_ERR_ARG);
    CHECK_INT(d1t_open(&db, NULL), D1T_ERR_ARG);
    t.version = D1T_TRANSPORT_VERSION + 1;
    config.transport = t;
    CHECK_INT(d1t_open(&db, &config), D1T_ERR_UNSUPPORTED);
    d1t_close(&db);
}

/* ---- memory */

static void test_too_small_a_block_says_what_would_do(void)
{
    static uint64_t memory[8192];
    d1t_config config = fresh();
    size_t size = 64;
    d1t_result result;
    int rounds = 0;

    do {
        config = fresh();
        config.memory = memory;
        config.memory_size = size;
        config.setup = D1T_SETUP_TRUST;
        result = d1t_open(&db, &config);
        if (result == D1T_OK)
            result = d1t_setup(&db, tables, 1);
        if (result == D1T_OK)
            result = put(1);
        if (result != D1T_OK) {
            CHECK_INT(result, D1T_ERR_SPACE);
            CHECK(db.error.need > size && db.error.need < sizeof memory);
            size = (size_t)db.error.need;
        }
        d1t_close(&db);
    } while (result != D1T_OK && ++rounds < 4);
    CHECK_INT(result, D1T_OK);
    CHECK(rounds <= 2);
    CHECK_INT(db.stats.rows_sent, 1);
}

/* ---- configuration */

static d1t_result opened(const d1t_config *config)
{
    d1t_result result = d1t_open(&db, config);

    CHECK_INT(d1t_close(&db), result);
    return result;
}

static void test_incomplete_or_malformed_configurations_are_refused(void)
{
    static const char *const bad_urls[] = {
        "",
        "api.cloudflare.com",
        "ftp://x.com",
        "https://",
        "https:///x",
        "https://:80",
        "http://example.com",
        "http://127.0.0.1.evil.com",
        "http://127.evil.com",
        "http://localhost.evil.com",
        "https://user:pw@x.com",
        "https://x.com/?a=b",
        "https://x.com/#f",
        "https://x.com/a b",
        "https://x.com/\n",
        "https://x.com\\@y",
        "https://x.com/%0a",
        "HTTPS",
        "http://[::1].evil.com",
    };
    static const char *const good_urls[] = {
        "https://api.cloudflare.com/client/v4", "http://127.0.0.1:8787/x", "http://localhost", "http://localhost:1/",
        "http://[::1]:8787/client/v4",          "https://x.com:8443"};
    static const char *const bad_tokens[] = {"", "a b", "a\nb", "a\tb", "\x7f", "t\xC3\xA9", " x", "canary\r\nHost: y"};
    static const char *const bad_ids[] = {"", "a/b", "a?b", "..", "a b", "a#b", "%2e", "\xC3\xA9"};
    d1t_config config = fresh();
    size_t i;

    for (i = 0; i < sizeof bad_urls / sizeof *bad_urls; i++) {
        config = fresh();
        config.base_url = bad_urls[i];
        if (opened(&config) != D1T_ERR_CONFIG)
            printf("accepted: %s\n", bad_urls[i]);
        CHECK_INT(db.error.code, D1T_ERR_CONFIG);
        config = fresh();
        config.database_url = bad_urls[i];
        CHECK_INT(opened(&config), D1T_ERR_CONFIG);
    }
    for (i = 0; i < sizeof good_urls / sizeof *good_urls; i++) {
        config = fresh();
        config.base_url = good_urls[i];
        CHECK_INT(opened(&config), D1T_OK);
    }
    for (i = 0; i < sizeof bad_tokens / sizeof *bad_tokens; i++) {
        config = fresh();
        config.token = bad_tokens[i];
        CHECK_INT(opened(&config), D1T_ERR_CONFIG);
        CHECK(strstr(db.error.text, "canary") == NULL);
    }
    for (i = 0; i < 2 * (sizeof bad_ids / sizeof *bad_ids); i++) {
        config = fresh();
        *(i % 2 ? &config.account : &config.database) = bad_ids[i / 2];
        CHECK_INT(opened(&config), D1T_ERR_CONFIG);
    }
    config = fresh();
    config.account = NULL;
    CHECK_INT(opened(&config), D1T_ERR_CONFIG);
    CHECK(strstr(db.error.text, "CLOUDFLARE_ACCOUNT_ID") != NULL);
}

static void check_url(const d1t_config *given, const char *url)
{
    d1t_config config = *given;

    start(&config);
    put(1);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK(s.kept == 1);
    CHECK_STR(s.kept ? s.requests[0].url : "", url);
}

static void test_the_url_is_made_of_base_account_and_database(void)
{
    d1t_config config = fresh();

    config.account = "acc";
    config.database = "d-b";
    check_url(&config, "https://api.cloudflare.com/client/v4/accounts/acc/d1/database/d-b/raw");
    config = fresh();
    config.account = "acc";
    config.database = "d-b";
    config.base_url = "http://127.0.0.1:9/v4/";
    check_url(&config, "http://127.0.0.1:9/v4/accounts/acc/d1/database/d-b/raw");
    config = fresh();
    config.account = config.database = NULL;
    config.database_url = "http://localhost:8787/cdn-cgi/local/explorer/api/d1/database/x";
    check_url(&config, "http://localhost:8787/cdn-cgi/local/explorer/api/d1/database/x/raw");
}

static void test_the_environment_is_a_configuration(void)
{
    d1t_config config;

    unsetenv("CLOUDFLARE_ACCOUNT_ID");
    unsetenv("CLOUDFLARE_DATABASE_ID");
    unsetenv("CLOUDFLARE_API_TOKEN");
    unsetenv("CLOUDFLARE_API_BASE_URL");
    config = d1t_config_from_env();
    CHECK(!config.account && !config.database && !config.token && !config.base_url && !config.database_url);
    setenv("CLOUDFLARE_ACCOUNT_ID", "acc", 1);
    setenv("CLOUDFLARE_DATABASE_ID", "db", 1);
    setenv("CLOUDFLARE_API_TOKEN", "tok", 1);
    config = d1t_config_from_env();
    CHECK_STR(config.account, "acc");
    CHECK_STR(config.database, "db");
    CHECK_STR(config.token, "tok");
    CHECK(!config.base_url);
    fresh();
    config.transport = script_transport(&s);
    check_url(&config, "https://api.cloudflare.com/client/v4/accounts/acc/d1/database/db/raw");
    setenv("CLOUDFLARE_API_BASE_URL", "", 1);
    CHECK(!d1t_config_from_env().base_url);
    setenv("CLOUDFLARE_API_BASE_URL", "http://127.0.0.1:8787/client/v4", 1);
    fresh();
    config = d1t_config_from_env();
    config.transport = script_transport(&s);
    check_url(&config, "http://127.0.0.1:8787/client/v4/accounts/acc/d1/database/db/raw");
    setenv("CLOUDFLARE_API_BASE_URL", "http://127.0.0.1:8787/api/d1/database/xyz", 1); /* a whole database URL */
    unsetenv("CLOUDFLARE_ACCOUNT_ID");
    unsetenv("CLOUDFLARE_DATABASE_ID");
    fresh();
    config = d1t_config_from_env();
    config.transport = script_transport(&s);
    check_url(&config, "http://127.0.0.1:8787/api/d1/database/xyz/raw");
    unsetenv("CLOUDFLARE_API_TOKEN");
    config = d1t_config_from_env();
    config.transport = script_transport(&s);
    CHECK_INT(opened(&config), D1T_ERR_CONFIG);
}

static void test_retry_defaults_are_the_documented_ones(void)
{
    static const script_answer refused = {.result = D1T_ERR_CONNECT, .times = UINT32_MAX};
    size_t i;

    start_plain();
    s.answers = &refused;
    s.count = 1;
    put(1);
    CHECK_INT(d1t_flush(&db), D1T_ERR_CONNECT);
    CHECK_INT(s.kept, 5);
    for (i = 0; i + 1 < s.kept; i++)
        CHECK(s.requests[i + 1].at_ms - s.requests[i].at_ms <= (250u << i));
    CHECK_INT(s.requests[0].deadline_ms, 35000);
    d1t_close(&db);
}

/* ---- sticky errors */

static void test_the_first_error_stands_and_later_calls_do_nothing(void)
{
    static const d1t_statement statement = {"SELECT 1", NULL, 0};
    d1t_value row[2];
    d1t_error first;

    start_plain();
    put(1);
    row[0] = d1t_null();
    row[1] = d1t_text("x");
    CHECK_INT(d1t_upsert(&db, &table, row, 2), D1T_ERR_VALUE);
    first = db.error;
    CHECK_STR(first.table, "t");
    CHECK_STR(first.column, "k");
    CHECK_INT(first.row, 2);
    CHECK_INT(first.outcome, D1T_NOT_APPLIED);
    CHECK_INT(put(2), D1T_ERR_VALUE);
    CHECK_INT(d1t_delete(&db, &table, row, 1), D1T_ERR_VALUE);
    CHECK_INT(d1t_flush(&db), D1T_ERR_VALUE);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_ERR_VALUE);
    CHECK_INT(d1t_exec(&db, &statement, 1), D1T_ERR_VALUE);
    CHECK_INT(d1t_query(&db, "x", NULL, 0, on_row, NULL), D1T_ERR_VALUE);
    CHECK_INT(d1t_read(&db, &table, NULL, NULL, 0, on_row, NULL), D1T_ERR_VALUE);
    CHECK_INT(d1t_group_begin(&db), D1T_ERR_VALUE);
    CHECK_INT(d1t_group_end(&db), D1T_ERR_VALUE);
    CHECK_INT(d1t_around(&db, &statement, 1, NULL, 0), D1T_ERR_VALUE);
    CHECK_INT(d1t_flush_start(&db), D1T_ERR_VALUE);
    CHECK(memcmp(&first, &db.error, sizeof first) == 0);
    CHECK_INT(d1t_close(&db), D1T_ERR_VALUE); /* and the pending row is not sent */
    CHECK_INT(s.sent, 0);
    CHECK_STR(db.error.text, first.text);
}

static void test_bad_rows_are_refused_by_name_and_nothing_is_sent(void)
{
    d1t_value row[3];
    double zero = 0;
    size_t i;
    struct {
        d1t_value k, a;
        size_t count;
        d1t_result result;
        const char *column;
    } cells[8];

    memset(cells, 0, sizeof cells);
    for (i = 0; i < 8; i++) {
        cells[i].k = d1t_int(1);
        cells[i].a = d1t_text("x");
        cells[i].count = 2;
        cells[i].result = D1T_ERR_VALUE;
    }
    cells[0].count = 1;
    cells[1].count = 3;
    cells[2].k = d1t_null();
    cells[2].column = "k";
    cells[3].k = d1t_double(1.5);
    cells[3].column = "k";
    cells[4].k = d1t_double(zero / zero);
    cells[4].column = "k";
    cells[5].a = d1t_int(1);
    cells[5].column = "a";
    cells[6].a = d1t_text("\xFF");
    cells[6].result = D1T_ERR_UTF8;
    cells[6].column = "a";
    cells[7].a = d1t_absent();
    cells[7].column = "a";
    for (i = 0; i < 8; i++) {
        start_plain();
        row[0] = cells[i].k;
        row[1] = cells[i].a;
        row[2] = d1t_int(0);
        CHECK_INT(d1t_upsert(&db, &table, row, cells[i].count), cells[i].result);
        CHECK_STR(db.error.table, "t");
        if (cells[i].column)
            CHECK_STR(db.error.column, cells[i].column);
        CHECK_INT(db.error.row, 1);
        d1t_close(&db);
        CHECK_INT(s.sent, 0);
    }
    start_plain();
    CHECK_INT(d1t_upsert(&db, &stranger, row, 2), D1T_ERR_STATE);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_upsert(&db, NULL, row, 2), D1T_ERR_STATE);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_setup(&db, NULL, 0), D1T_ERR_ARG);
    d1t_close(&db);
    CHECK_INT(s.sent, 0);
}

static void test_clear_takes_the_error_back_and_keeps_or_drops_rows(void)
{
    static const script_answer denied = {.status = 403, .body = SCRIPT_FAIL(10000, "Authentication error")};

    start_plain();
    s.answers = &denied;
    s.count = 1;
    put(1);
    put(2);
    CHECK_INT(d1t_flush(&db), D1T_ERR_AUTH);
    CHECK_INT(db.error.http_status, 403);
    CHECK_INT(db.error.d1_code, 10000);
    CHECK_INT(db.error.outcome, D1T_PERMANENT);
    CHECK(!db.error.retryable);
    CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK);
    CHECK_INT(db.error.code, D1T_OK);
    put(3);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK(strstr(s.requests[1].body, "[[1,\\\"x\\\"],[2,\\\"x\\\"],[3,\\\"x\\\"]]") != NULL);
    put(4);
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    put(5);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK(strstr(s.requests[2].body, "[[5,\\\"x\\\"]]") != NULL);
    CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_ERR_STATE);
    CHECK_INT(d1t_clear(NULL, D1T_KEEP_ROWS), D1T_ERR_ARG);
}

static void test_texts_of_errors_hold_no_words_of_the_server_or_of_rows(void)
{
    static const script_answer wrong = {.status = 400,
                                        .body = SCRIPT_FAIL(7500, "no such table: canary: SQLITE_ERROR")};

    start_plain();
    s.answers = &wrong;
    s.count = 1;
    put(1);
    CHECK_INT(d1t_flush(&db), D1T_ERR_SQL);
    CHECK(strstr(db.error.text, "canary") == NULL);
    CHECK(strstr(db.error.text, "no such table") != NULL);
    CHECK(d1t_str_equal(d1t_server_text(&db), d1t_cstr("no such table: canary: SQLITE_ERROR")));
    d1t_close(&db);
}

static void test_an_unknown_outcome_stands_in_the_error_and_is_safe_to_send_again(void)
{
    static const script_answer lost = {.result = D1T_ERR_TRANSPORT, .times = 5};

    start_plain();
    s.answers = &lost;
    s.count = 1;
    put(1);
    CHECK_INT(d1t_flush(&db), D1T_ERR_TRANSPORT);
    CHECK_INT(db.error.outcome, D1T_UNKNOWN);
    CHECK(db.error.retryable);
    CHECK_INT(s.kept, 5);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_STR(s.requests[5].body, s.requests[0].body);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(db.stats.rows_sent, 1);
    CHECK_INT(db.stats.unknown, 1);
}

static void test_an_exec_of_unknown_outcome_is_not_sent_again(void)
{
    static const d1t_statement statement = {"UPDATE t SET k=k+1", NULL, 0};
    static const script_answer lost[] = {{.result = D1T_ERR_TRANSPORT}, {.result = D1T_ERR_CONNECT, .times = 2}};

    start_plain();
    s.answers = lost;
    s.count = 2;
    CHECK_INT(d1t_exec(&db, &statement, 1), D1T_ERR_TRANSPORT);
    CHECK_INT(db.error.outcome, D1T_UNKNOWN);
    CHECK_INT(s.kept, 1);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_exec(&db, &statement, 1), D1T_OK); /* surely not applied twice, then applied */
    CHECK_INT(s.kept, 4);
    CHECK(s.requests[1].at_ms >= 35000); /* the lost one may have landed until then */
    CHECK_INT(d1t_close(&db), D1T_OK);
}

/* ---- re-entry */

static uint32_t entered, calls;

static void enter_again(void)
{
    static const d1t_statement statement = {"SELECT 1", NULL, 0};
    d1t_value key = d1t_int(9);
    d1t_plan plan;
    d1t_todo todo;
    size_t i;
    d1t_schema schema = {0};
    d1t_result results[13];

    calls++;
    results[0] = put(9);
    results[1] = d1t_delete(&db, &table, &key, 1);
    results[2] = d1t_flush(&db);
    results[3] = d1t_setup(&db, tables, 1);
    results[4] = d1t_exec(&db, &statement, 1);
    results[5] = d1t_query(&db, "SELECT 1", NULL, 0, on_row, NULL);
    results[6] = d1t_read(&db, &table, NULL, NULL, 0, on_row, NULL);
    results[7] = d1t_clear(&db, D1T_KEEP_ROWS);
    results[8] = d1t_close(&db);
    results[9] = d1t_run(&db, NULL);
    results[10] = d1t_plan_read(&plan, &db, tables, 1);
    results[11] = d1t_flush_start(&db);
    results[12] = d1t_schema_read(&schema, &db);
    for (i = 0; i < 13; i++)
        entered += results[i] != D1T_ERR_BUSY;
    entered += d1t_next(&db, 0, &todo) != D1T_FAIL;
}

static void event_enters(void *ctx, const d1t_event *event)
{
    (void)ctx;
    (void)event;
    enter_again();
}

static void poison_enters(void *ctx, const d1t_error *error, d1t_str key)
{
    (void)ctx;
    (void)error;
    (void)key;
    enter_again();
}

static int row_enters(void *ctx, const d1t_row *row)
{
    (void)ctx;
    (void)row;
    enter_again();
    return 0;
}

static void test_callbacks_that_re_enter_are_told_busy_and_harm_nothing(void)
{
    static const char rows[] =
        "{\"success\":true,\"result\":[{\"success\":true,\"results\":{\"columns\":[\"a\"],\"rows\":[[1],[2]]}}]}";
    static const script_answer answers[] = {
        SCRIPT_OK,
        {.status = 200, .body = rows},
        {.status = 400, .body = SCRIPT_FAIL(7500, "NOT NULL constraint failed: t.a: SQLITE_CONSTRAINT")}};
    d1t_config config = fresh();

    config.on_event = event_enters;
    config.on_poison = poison_enters;
    config.isolate = true;
    start(&config);
    s.answers = answers;
    s.count = 3;
    put(1);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK(calls >= 3);
    CHECK_INT(d1t_query(&db, "SELECT a", NULL, 0, row_enters, NULL), D1T_OK);
    put(2);
    CHECK_INT(d1t_flush(&db), D1T_OK); /* the row is poison and isolated */
    CHECK_INT(db.stats.rows_poisoned, 1);
    CHECK_INT(entered, 0);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(db.stats.rows_sent, 1);
}

static d1t_result perform_enters(void *ctx, d1t_request *req, d1t_op *op)
{
    enter_again();
    return script_perform(ctx, req, op);
}

static void test_a_transport_that_re_enters_is_told_busy(void)
{
    d1t_config config = fresh();

    entered = 0;
    config.transport.perform = perform_enters;
    start(&config);
    put(1);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(entered, 0);
    CHECK_INT(db.stats.rows_sent, 1);
}

static void test_a_task_under_way_makes_other_calls_busy(void)
{
    d1t_todo todo;

    start_plain();
    put(1);
    CHECK_INT(d1t_flush_start(&db), D1T_OK);
    CHECK_INT(d1t_next(&db, 0, &todo), D1T_SEND);
    CHECK_INT(put(2), D1T_ERR_BUSY);
    CHECK_INT(d1t_flush_start(&db), D1T_ERR_BUSY);
    CHECK_INT(d1t_query_start(&db, "SELECT 1", NULL, 0, on_row, NULL), D1T_ERR_BUSY);
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_ERR_BUSY);
    CHECK_INT(db.error.code, D1T_OK);
    script_send(&s, todo.request, todo.op);
    CHECK_INT(d1t_next(&db, 0, &todo), D1T_DONE);
    CHECK_INT(put(2), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

/* ---- driven */

/* Fifty rows over every kind of trouble, in the blocking form or driven from outside. */
static void write_fifty(bool driven, script *to)
{
    static const script_answer answers[] = {{.status = 503},
                                            {.result = D1T_ERR_TRANSPORT, .delay_ms = 70},
                                            {.delay_ms = 99999},
                                            {.status = 429, .name = "retry-after", .value = "2"},
                                            {.status = 200, .piece = 1}};
    d1t_config config = fresh();
    d1t_step step = D1T_DONE;
    d1t_todo todo;
    int64_t k;

    config.transport = script_transport(to);
    config.driven = driven;
    start(&config);
    to->answers = answers;
    to->count = 5;
    for (k = 0; k < 50; k++)
        put(k);
    CHECK_INT(driven ? d1t_flush_start(&db) : d1t_flush(&db), D1T_OK);
    while (driven && (step = d1t_next(&db, to->now_ms, &todo)) != D1T_DONE && step != D1T_FAIL) {
        if (step == D1T_SEND)
            script_send(to, todo.request, todo.op);
        else if (step == D1T_WAIT)
            to->now_ms = todo.wake_ms;
    }
    CHECK_INT(step, D1T_DONE);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_driven_from_outside_it_sends_the_same_at_the_same_times(void)
{
    script blocking = {0}, driven = {0};
    size_t i;

    write_fifty(false, &blocking);
    write_fifty(true, &driven);
    CHECK_INT(blocking.kept, 5);
    CHECK_INT(driven.kept, 5);
    for (i = 0; i < driven.kept && i < blocking.kept; i++) {
        CHECK_STR(driven.requests[i].body, blocking.requests[i].body);
        CHECK_INT(driven.requests[i].at_ms, blocking.requests[i].at_ms);
    }
    script_free(&blocking);
    script_free(&driven);
}

static void test_a_driven_client_does_not_flush_at_close(void)
{
    d1t_config config = fresh();

    config.driven = true;
    start(&config);
    put(1);
    CHECK_INT(d1t_close(&db), D1T_ERR_STATE);
    CHECK_INT(s.sent, 0);
}

static void test_a_request_past_its_deadline_is_cancelled_and_fed_no_more(void)
{
    d1t_config config = fresh();
    d1t_todo todo;
    char *success = script_success(2);
    d1t_op *op;

    config.driven = true;
    start(&config);
    put(1);
    d1t_flush_start(&db);
    CHECK_INT(d1t_next(&db, 100, &todo), D1T_SEND);
    op = todo.op;
    CHECK_INT(d1t_next(&db, 100, &todo), D1T_WAIT);
    CHECK_INT(todo.wake_ms, 35100);
    CHECK_INT(d1t_next(&db, 35100, &todo), D1T_CANCEL);
    CHECK(todo.op == op);
    d1t_op_on_status(op, 200); /* too late */
    d1t_op_on_body(op, success, strlen(success));
    d1t_op_on_end(op, 35100, D1T_OK, 0);
    CHECK_INT(d1t_next(&db, 35100 + 250, &todo), D1T_SEND);
    CHECK_INT(db.stats.requests, 2);
    CHECK_INT(db.stats.retries, 1);
    d1t_op_on_status(op, 200);
    d1t_op_on_body(op, success, strlen(success));
    d1t_op_on_end(op, 35400, D1T_OK, 0);
    CHECK_INT(d1t_next(&db, 35400, &todo), D1T_DONE);
    CHECK_INT(d1t_close(&db), D1T_OK);
    free(success);
}

/* ---- events and figures */

static char events[2000];

static void note_event(void *ctx, const d1t_event *e)
{
    static const char *const names[] = {"?", "send", "reply", "retry", "flush", "setup", "poison"};
    char line[120];

    CHECK(ctx == &s);
    sprintf(line, "%s", names[e->what]);
    if (e->what == D1T_EVENT_SEND)
        sprintf(line + strlen(line), "#%u", e->attempt);
    if (e->what == D1T_EVENT_REPLY)
        sprintf(line + strlen(line), "=%s/%d", d1t_result_name(e->result), e->http_status);
    if (e->what == D1T_EVENT_FLUSH)
        sprintf(line + strlen(line), "(%llu)", (unsigned long long)e->rows);
    if (e->what == D1T_EVENT_SEND || e->what == D1T_EVENT_FLUSH)
        CHECK_INT(e->bytes, s.requests ? s.requests[0].size : e->bytes);
    if (e->what == D1T_EVENT_RETRY)
        CHECK(e->ms <= 2000);
    strcat(strcat(events, line), " ");
}

static void test_events_tell_what_happens(void)
{
    static const script_answer answers[] = {
        {.status = 503}, {.status = 429, .name = "retry-after", .value = "2"}, SCRIPT_OK};
    d1t_config config = fresh();

    config.on_event = note_event;
    config.ctx = &s;
    start(&config);
    s.answers = answers;
    s.count = 3;
    put(1);
    put(2);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(events, "send#1 retry send#2 retry send#3 reply=D1T_OK/200 flush(2) ");
}

static void test_figures_add_up(void)
{
    static const script_answer answers[] = {{.status = 503, .body = "<html>"}, {.status = 200, .delay_ms = 40}};
    d1t_value key = d1t_int(3);
    d1t_value row[2];

    start_plain();
    s.answers = answers;
    s.count = 2;
    put(1);
    put(1);
    put(2);
    d1t_delete(&db, &table, &key, 1);
    row[0] = d1t_int(4);
    row[1] = d1t_text("x");
    d1t_update(&db, &table, row, 2);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    put(9);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(db.stats.rows_sent, 5);
    CHECK_INT(db.stats.rows_upserted, 3);
    CHECK_INT(db.stats.rows_updated, 1);
    CHECK_INT(db.stats.rows_deleted, 1);
    CHECK_INT(db.stats.rows_merged, 1);
    CHECK_INT(db.stats.requests, 3);
    CHECK_INT(db.stats.retries, 1);
    CHECK_INT(db.stats.flushes, 2);
    CHECK_INT(db.stats.unknown, 1);
    CHECK_INT(db.stats.rows_read, s.requests[1].statements + s.requests[2].statements); /* one for each statement */
    CHECK_INT(db.stats.rows_written, db.stats.rows_read);
    CHECK_INT(db.stats.sql_us, 500 * db.stats.rows_read);
    CHECK_INT(db.stats.bytes_sent, s.requests[0].size + s.requests[1].size + s.requests[2].size);
    CHECK_INT(db.stats.waited_ms, s.slept_ms);
    CHECK(db.stats.bytes_received > 400);
}

static void test_cost_is_nano_dollars(void)
{
    d1t_stats stats;

    memset(&stats, 0, sizeof stats);
    CHECK_INT(d1t_stats_cost(&stats), 0);
    stats.rows_written = 1000000; /* $1.00 */
    CHECK_INT(d1t_stats_cost(&stats), 1000000000);
    stats.rows_read = 1000000; /* $0.001 */
    CHECK_INT(d1t_stats_cost(&stats), 1001000000);
    stats.rows_sent = stats.requests = 99;
    CHECK_INT(d1t_stats_cost(&stats), 1001000000);
}

static void test_an_open_group_is_an_error_at_close(void)
{
    start_plain();
    CHECK_INT(d1t_group_begin(&db), D1T_OK);
    put(1);
    CHECK_INT(d1t_close(&db), D1T_ERR_STATE);
    CHECK_INT(s.sent, 0);
}

static void test_without_a_transport_the_blocking_form_says_so(void)
{
    d1t_config config = fresh();

    memset(&config.transport, 0, sizeof config.transport);
    config.setup = D1T_SETUP_TRUST;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_ERR_UNSUPPORTED);
    CHECK_INT(d1t_close(&db), D1T_ERR_UNSUPPORTED);
}

int main(void)
{
    RUN(test_a_row_may_come_straight_from_a_struct);
    RUN(test_open_does_no_io_and_close_gives_everything_back);
    RUN(test_close_flushes_and_may_be_called_twice);
    RUN(test_close_after_a_failed_open_returns_its_error);
    RUN(test_the_token_is_copied_and_wiped);
    RUN(test_a_version_or_size_that_differs_is_refused);
    RUN(test_too_small_a_block_says_what_would_do);
    RUN(test_incomplete_or_malformed_configurations_are_refused);
    RUN(test_the_url_is_made_of_base_account_and_database);
    RUN(test_the_environment_is_a_configuration);
    RUN(test_retry_defaults_are_the_documented_ones);
    RUN(test_the_first_error_stands_and_later_calls_do_nothing);
    RUN(test_bad_rows_are_refused_by_name_and_nothing_is_sent);
    RUN(test_clear_takes_the_error_back_and_keeps_or_drops_rows);
    RUN(test_texts_of_errors_hold_no_words_of_the_server_or_of_rows);
    RUN(test_an_unknown_outcome_stands_in_the_error_and_is_safe_to_send_again);
    RUN(test_an_exec_of_unknown_outcome_is_not_sent_again);
    RUN(test_callbacks_that_re_enter_are_told_busy_and_harm_nothing);
    RUN(test_a_transport_that_re_enters_is_told_busy);
    RUN(test_a_task_under_way_makes_other_calls_busy);
    RUN(test_driven_from_outside_it_sends_the_same_at_the_same_times);
    RUN(test_a_driven_client_does_not_flush_at_close);
    RUN(test_a_request_past_its_deadline_is_cancelled_and_fed_no_more);
    RUN(test_events_tell_what_happens);
    RUN(test_figures_add_up);
    RUN(test_cost_is_nano_dollars);
    RUN(test_an_open_group_is_an_error_at_close);
    RUN(test_without_a_transport_the_blocking_form_says_so);
    script_free(&s);
    TEST_MAIN_END;
}
