/* A device: client, core memory and transport window in 8,192 bytes together, no heap, no libcurl, no stdio in the
   header. 10,000 shuffled symbol rows, 5 % of them a key that came before, arrive whole.

   Compile with -fno-builtin (so that no call is optimised away) and link with
   -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free: every call of these from this file (the header, this
   test, and local_d1.h, which takes its memory from SQLite) then lands in the traps below. */
#define D1T_NO_MALLOC
#define D1T_NO_CURL
#define D1T_NO_STDIO
#define D1T_NO_ENV
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"

#define TOTAL 8192u
#define WINDOW 384u
#define MEMORY ((TOTAL - WINDOW - sizeof(d1t_client)) & ~(size_t)7)
#define KEYS 9500u
#define ROWS 10000u
#define MAX_REQUESTS 300u

/* ---- the traps */

static int expected_calls; /* how many calls the test makes on purpose */

static void trap(const char *what)
{
    if (expected_calls-- > 0)
        return;
    fprintf(stderr, "device: the header called %s\n", what);
    abort();
}

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

void *__wrap_malloc(size_t size)
{
    return (void)size, trap("malloc"), NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return (void)count, (void)size, trap("calloc"), NULL;
}

void *__wrap_realloc(void *p, size_t size)
{
    return (void)p, (void)size, trap("realloc"), NULL;
}

void __wrap_free(void *p)
{
    (void)p;
    trap("free");
}

static void test_the_traps_bite(void)
{
    void *p;

    expected_calls = 4;
    p = malloc(1);
    CHECK(p == NULL);
    p = calloc(1, 1);
    CHECK(p == NULL);
    p = realloc(NULL, 1);
    CHECK(p == NULL);
    free(p);
    CHECK_INT(expected_calls, 0);
}

/* ---- the device's memory, all of it */

static d1t_client client;
static union {
    uint64_t align;
    uint8_t bytes[TOTAL];
} memory;
static uint8_t window[WINDOW];

/* ---- the transport: the request leaves and the answer arrives through the window */

typedef struct wire {
    local_d1 *d;
    uint64_t requests, most, bytes; /* bytes: of the largest body, of all */
} wire;

static d1t_result perform(void *ctx, d1t_request *req, d1t_op *op)
{
    wire *l = ctx;
    sqlite3_str *body = sqlite3_str_new(NULL); /* the server's memory from here */
    char *url = sqlite3_mprintf("%.*s", (int)req->url.n, req->url.p);
    char *bearer = sqlite3_mprintf("Bearer %.*s", (int)req->token.n, req->token.p);
    d1t_result result = D1T_OK;
    local_d1_answer answer;
    size_t n, at;

    while ((n = d1t_request_read(req, window, sizeof window)) > 0)
        sqlite3_str_append(body, (const char *)window, (int)n);
    CHECK_INT(sqlite3_str_length(body), req->body_size);
    l->requests++;
    l->bytes += req->body_size;
    l->most = req->body_size > l->most ? req->body_size : l->most;
    local_d1_exchange(l->d, "POST", url, bearer, sqlite3_str_value(body), (size_t)sqlite3_str_length(body),
                      local_d1_now(l->d), &answer);
    d1t_op_on_status(op, answer.status);
    for (at = 0; at < answer.size && result == D1T_OK; at += n) {
        n = answer.size - at < sizeof window ? answer.size - at : sizeof window;
        memcpy(window, answer.body + at, n);
        result = d1t_op_on_body(op, window, n);
    }
    sqlite3_free(bearer);
    sqlite3_free(url);
    sqlite3_free(sqlite3_str_finish(body));
    return result;
}

static uint64_t now(void *ctx)
{
    return local_d1_now(((wire *)ctx)->d);
}

static void sleep_for(void *ctx, uint64_t ms)
{
    local_d1_sleep(((wire *)ctx)->d, ms);
}

/* ---- rows of about 130 bytes, and the model of what the table has to hold */

static const d1t_column columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),     D1T_COLUMN("name", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("kind", D1T_TEXT, D1T_NOT_NULL), D1T_COLUMN("scope", D1T_TEXT, 0),
    D1T_COLUMN("line", D1T_INTEGER, 0),        D1T_COLUMN("signature", D1T_TEXT, 0),
};
static const d1t_table symbols = D1T_TABLE_FLAGS("symbols", columns, D1T_WITHOUT_ROWID);
static const d1t_table *const tables[] = {&symbols};
static uint32_t keys[ROWS];     /* in the order in which the rows come */
static uint32_t latest[KEYS];   /* the model: the row that was the last to write a key */
static char text[6][64];

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void make_order(void)
{
    uint32_t i, k, swap, random = 2024;

    for (i = 0; i < ROWS; i++)
        keys[i] = i < KEYS ? i : next_random(&random) % KEYS;
    for (i = ROWS - 1; i > 0; i--) {
        k = next_random(&random) % (i + 1);
        swap = keys[i];
        keys[i] = keys[k];
        keys[k] = swap;
    }
    for (i = 0; i < ROWS; i++)
        latest[keys[i]] = i;
}

static void make_row(uint32_t key, uint32_t i, d1t_value values[6])
{
    snprintf(text[0], sizeof text[0], "src/net/http/part_%03u.c", key / 40);
    snprintf(text[1], sizeof text[1], "connection_read_%05u", key);
    snprintf(text[3], sizeof text[3], "connection_%02u", key % 100);
    snprintf(text[5], sizeof text[5], "(connection *c, const char *name, size_t n%u)", i);
    values[0] = d1t_text(text[0]);
    values[1] = d1t_text(text[1]);
    values[2] = d1t_text(key % 3 ? "function" : "prototype");
    values[3] = key % 7 ? d1t_text(text[3]) : d1t_null();
    values[4] = d1t_int(i);
    values[5] = d1t_text(text[5]);
}

static void check_table(local_d1 *d)
{
    sqlite3_stmt *stmt = NULL;
    uint32_t key = 0, wrong = 0;
    d1t_value v[6];

    CHECK_INT(sqlite3_prepare_v2(local_d1_sqlite(d), "SELECT path, name, kind, ifnull(scope,''), line, signature FROM "
                                 "symbols ORDER BY name", -1, &stmt, NULL), SQLITE_OK);
    for (; sqlite3_step(stmt) == SQLITE_ROW; key++) {
        if (key >= KEYS)
            continue;
        make_row(key, latest[key], v);
        wrong += strcmp((const char *)sqlite3_column_text(stmt, 0), text[0]) != 0;
        wrong += strcmp((const char *)sqlite3_column_text(stmt, 1), text[1]) != 0;
        wrong += strcmp((const char *)sqlite3_column_text(stmt, 2), v[2].u.s.p) != 0;
        wrong += strcmp((const char *)sqlite3_column_text(stmt, 3), key % 7 ? text[3] : "") != 0;
        wrong += sqlite3_column_int64(stmt, 4) != v[4].u.i;
        wrong += strcmp((const char *)sqlite3_column_text(stmt, 5), text[5]) != 0;
    }
    sqlite3_finalize(stmt);
    CHECK_INT(key, KEYS);
    CHECK_INT(wrong, 0);
}

static d1t_config make_config(wire *l)
{
    d1t_config config;

    memset(&config, 0, sizeof config);
    config.account = "0123456789abcdef0123456789abcdef";
    config.database = "01234567-89ab-cdef-0123-456789abcdef";
    config.token = "a-token-of-the-forty-bytes-that-they-have";
    config.memory = memory.bytes;
    config.memory_size = MEMORY;
    config.setup = D1T_SETUP_TRUST;
    config.max_groups = 1; /* upserts into one table are all that it sends */
    config.max_kept = 8;   /* and it asks nothing */
    config.transport.version = D1T_TRANSPORT_VERSION;
    config.transport.ctx = l;
    config.transport.perform = perform;
    config.transport.now_ms = now;
    config.transport.sleep_ms = sleep_for;
    config.seed = 1;
    return config;
}

/* What is behind the memory given belongs to somebody else. */
static bool untouched_behind_the_memory(void)
{
    size_t i;

    for (i = MEMORY; i < sizeof memory; i++)
        if (memory.bytes[i] != 0xA5)
            return false;
    return true;
}

static void test_ten_thousand_rows_pass_through_8192_bytes(void)
{
    wire l = {local_d1_open(NULL, NULL), 0, 0, 0};
    d1t_config config = make_config(&l);
    d1t_value values[6];
    uint32_t i;

    memset(&memory, 0xA5, sizeof memory);
    make_order();
    CHECK_INT(sqlite3_exec(local_d1_sqlite(l.d), "CREATE TABLE symbols (path TEXT NOT NULL, name TEXT NOT NULL, "
                           "kind TEXT NOT NULL, scope TEXT, line INTEGER, signature TEXT, PRIMARY KEY (path, name)) "
                           "WITHOUT ROWID", NULL, NULL, NULL), SQLITE_OK);
    CHECK(sizeof client + MEMORY + sizeof window <= TOTAL);
    CHECK_INT(d1t_open(&client, &config), D1T_OK);
    CHECK_INT(d1t_setup(&client, tables, 1), D1T_OK);
    for (i = 0; i < ROWS; i++) {
        make_row(keys[i], i, values);
        if (d1t_upsert(&client, &symbols, values, 6) != D1T_OK)
            break;
    }
    CHECK_INT(i, ROWS);
    CHECK_INT(d1t_close(&client), D1T_OK);
    CHECK_STR(client.error.text, "");
    CHECK(l.requests <= MAX_REQUESTS);
    CHECK_INT(client.stats.rows_sent + client.stats.rows_merged, ROWS);
    CHECK(untouched_behind_the_memory());
    check_table(l.d);
    printf("figure: device_requests %llu\n", (unsigned long long)l.requests);
    printf("figure: device_client_bytes %zu\n", sizeof client);
    printf("figure: device_bytes %zu\n", sizeof client + MEMORY + sizeof window);
    printf("largest body %llu, mean %llu bytes\n", (unsigned long long)l.most,
           (unsigned long long)(l.bytes / (l.requests ? l.requests : 1)));
    local_d1_close(l.d);
}

/* "too small: D1T_ERR_SPACE and how much it needs": what it asks for is enough to go on, at most a few rounds later. */
static void test_too_little_memory_is_an_error_that_says_how_much_is_needed(void)
{
    wire l = {local_d1_open(NULL, NULL), 0, 0, 0};
    d1t_config config = make_config(&l);
    d1t_result result = D1T_ERR_SPACE;
    d1t_value values[6];
    int rounds;

    config.memory_size = 64;
    make_row(1, 1, values);
    for (rounds = 0; rounds < 4 && result == D1T_ERR_SPACE; rounds++) {
        result = d1t_open(&client, &config);
        if (result == D1T_OK)
            result = d1t_setup(&client, tables, 1);
        if (result == D1T_OK)
            result = d1t_upsert(&client, &symbols, values, 6);
        if (result == D1T_ERR_SPACE) {
            CHECK(client.error.need > config.memory_size && client.error.need <= TOTAL);
            config.memory_size = client.error.need <= TOTAL ? (size_t)client.error.need : 0;
        }
        if (result == D1T_OK)
            CHECK_INT(d1t_clear(&client, D1T_DROP_ROWS), D1T_OK);
        d1t_close(&client);
    }
    CHECK_INT(result, D1T_OK);
    CHECK(rounds > 1);
    local_d1_close(l.d);
}

int main(void)
{
    RUN(test_the_traps_bite);
    RUN(test_ten_thousand_rows_pass_through_8192_bytes);
    RUN(test_too_little_memory_is_an_error_that_says_how_much_is_needed);
    TEST_MAIN_END;
}
