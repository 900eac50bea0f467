/* The token and the values of rows come out nowhere but where they are documented to: d1t_server_text,
   d1t_error_key and on_poison's key. Everything else that comes out is collected (events, errors, plans, what is
   printed) and searched for any 8-byte piece of them, in five encodings.

   After d1t_close no block of memory holds the token: each block that the header gives back is searched. With
   -DWRAPPED_BY_LINKER -Xlinker --wrap=free -Xlinker --wrap=realloc the compiler does not know of that, and may leave
   out a wipe that it thinks nobody sees. (libcurl's own buffers are not the header's: libcurl does not wipe the
   request that it sent.) */
#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void give_back(void *p);
static void *give_back_for(void *p, size_t n);
#ifndef WRAPPED_BY_LINKER
#define free(p) give_back(p)
#define realloc(p, n) give_back_for(p, n)
#define malloc(n) calloc(1, n)
#endif

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/script.h"
#include "../support/test.h"

#define PIECE 8

/* Each has bytes that every encoding but hex changes; none has a piece in common with anything else here. */
#define TOKEN "tK\"9z\\Qp%7+Lm/4xW~b2Yd#Rv&6Hj"
#define TEXT "vT\"8q\\\n\tXc/3+Nf%w\xE2\x98\x83Gy5?Uz&"
#define KEY "kE'4r\"Pb\\2+Sg/7%hMt<9>Aw&Oi"
#define BLOB "bL\x01\xff\x80Z6\"\\s+J/\x7f\xe0m3%V&d\x05\xc3n"
#define NUMBER 7263548190263517
#define NUMBER_TEXT "7263548190263517"

static const char *const canaries[] = {TOKEN, TEXT, KEY, BLOB, NUMBER_TEXT};
#define CANARIES (sizeof canaries / sizeof canaries[0])

/* ---- everything that came out */

static char *heard;
static size_t heard_n, heard_cap;

static void hear(const void *p, size_t n)
{
    if (heard_n + n > heard_cap) {
        heard_cap = (heard_n + n) * 2;
        heard = (char *)realloc(heard, heard_cap);
    }
    memcpy(heard + heard_n, p, n);
    heard_n += n;
}

static const char *find(const char *in, size_t n, const char *what, size_t length)
{
    const char *at = in, *end = in + n;

    while (length && (size_t)(end - at) >= length) {
        at = (const char *)memchr(at, what[0], (size_t)(end - at) - length + 1);
        if (!at)
            return NULL;
        if (memcmp(at, what, length) == 0)
            return at;
        at++;
    }
    return NULL;
}

/* ---- the five encodings of a piece */

typedef enum encoding { RAW, JSON, URL, BASE64, HEX, HEX_UPPER, ENCODINGS } encoding;

static size_t put_json(char *out, unsigned char c)
{
    static const char special[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *at = c ? strchr(special, c) : NULL;

    if (at)
        return (size_t)sprintf(out, "\\%c", names[at - special]);
    return (size_t)(c < 0x20 ? sprintf(out, "\\u%04x", c) : sprintf(out, "%c", c));
}

static size_t put_url(char *out, unsigned char c)
{
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || strchr("-._~", c);

    return (size_t)sprintf(out, plain && c ? "%c" : "%%%02X", c);
}

static size_t put_base64(char *out, const unsigned char *p)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned long v = (unsigned long)p[0] << 16 | (unsigned long)p[1] << 8 | p[2];
    int i;

    for (i = 0; i < 4; i++)
        out[i] = digits[v >> (18 - 6 * i) & 63];
    return 4;
}

/* Of base64 the 6 bytes that are whole groups whatever comes before the piece: there are three such windows in it, and
   each of them is the start of another piece or of the next one. */
static size_t encode(char out[PIECE * 6 + 1], const char *piece, encoding how)
{
    const unsigned char *p = (const unsigned char *)piece;
    size_t n = 0, i;

    for (i = 0; i < (how == BASE64 ? 2 : PIECE); i++)
        switch (how) {
        case JSON: n += put_json(out + n, p[i]); break;
        case URL: n += put_url(out + n, p[i]); break;
        case BASE64: n += put_base64(out + n, p + 3 * i); break;
        case HEX: n += (size_t)sprintf(out + n, "%02x", p[i]); break;
        case HEX_UPPER: n += (size_t)sprintf(out + n, "%02X", p[i]); break;
        case RAW: case ENCODINGS: out[n++] = piece[i];
        }
    return n;
}

/* The first canary of which `in` has a piece, or -1. */
static int canary_in(const char *in, size_t n)
{
    char needle[PIECE * 6 + 1];
    size_t c, at;
    int how;

    for (c = 0; c < CANARIES; c++)
        for (at = 0; at + PIECE <= strlen(canaries[c]); at++)
            for (how = RAW; how < ENCODINGS; how++)
                if (find(in, n, needle, encode(needle, canaries[c] + at, (encoding)how)))
                    return (int)c;
    return -1;
}

static bool has_token(const void *p, size_t n)
{
    size_t at;

    for (at = 0; at + PIECE <= strlen(TOKEN); at++)
        if (find((const char *)p, n, &TOKEN[at], PIECE))
            return true;
    return false;
}

static bool view_has(d1t_str s, const char *what)
{
    return s.p && find(s.p, s.n, what, strlen(what));
}

static void check_silence(void)
{
    int found = canary_in(heard, heard_n);

    CHECK(heard_n > 0);
    CHECK_INT(found, -1);
    heard_n = 0;
}

static void test_the_search_finds_every_encoding(void)
{
    char text[PIECE * 6 + 8] = "before";
    size_t c, n;
    int how;

    CHECK_INT(canary_in("nothing to see here, honestly", 29), -1);
    for (c = 0; c < CANARIES; c++)
        for (how = RAW; how < ENCODINGS; how++) {
            n = 6 + encode(text + 6, canaries[c] + 3, (encoding)how);
            CHECK_INT(canary_in(text, n), c);
            CHECK_INT(canary_in(text, n - 1), -1);
        }
}

/* ---- blocks that are given back */

static unsigned blocks_given_back, dirty_blocks;

static void look_at_block(const void *p, size_t n)
{
    blocks_given_back++;
    dirty_blocks += has_token(p, n);
}

#ifdef WRAPPED_BY_LINKER
extern void __real_free(void *p);
void __wrap_free(void *p);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);

/* gcc makes a malloc of a realloc of nothing; what others left in the memory is not the header's. */
void *__wrap_malloc(size_t n)
{
    return calloc(1, n);
}

void __wrap_free(void *p)
{
    give_back(p);
}

void *__wrap_realloc(void *p, size_t n)
{
    return give_back_for(p, n);
}
#define really_free __real_free
#else
#define really_free (free)
#endif

static void give_back(void *p)
{
    if (p && p != (void *)heard)
        look_at_block(p, malloc_usable_size(p));
    really_free(p);
}

/* A resize always moves, and no byte of a block is undefined. */
static void *give_back_for(void *p, size_t n)
{
    size_t old = p ? malloc_usable_size(p) : 0;
    void *moved = calloc(1, n);

    if (moved && p)
        memcpy(moved, p, old < n ? old : n);
    if (moved)
        give_back(p);
    return moved;
}

/* ---- a client that is listened to */

static const d1t_column secret_columns[] = {
    D1T_COLUMN("key", D1T_TEXT, D1T_KEY), D1T_COLUMN("text", D1T_TEXT, 0),    D1T_COLUMN("blob", D1T_BLOB, 0),
    D1T_COLUMN("n", D1T_INTEGER, 0),      D1T_COLUMN("number", D1T_REAL, 0)};
static const char *const text_column[] = {"text"};
static const d1t_index secret_indexes[] = {D1T_UNIQUE_INDEX("secrets_text", text_column)};
static const d1t_check secret_checks[] = {{"n_is_large", "n > 100"}};
static const d1t_table secrets = {"secrets", secret_columns, 5, secret_indexes, 1, NULL, 0, secret_checks, 1, 0, NULL,
    0, NULL};
static const d1t_table *const tables[] = {&secrets};

static d1t_client db;
static script wire;
static local_d1 *d;
static d1t_value row[5];
static unsigned poison_keys;

static void on_event(void *ctx, const d1t_event *event)
{
    (void)ctx;
    hear(event, sizeof *event);
    if (event->table)
        hear(event->table, strlen(event->table));
}

static void on_poison(void *ctx, const d1t_error *error, d1t_str key)
{
    (void)ctx;
    hear(error, sizeof *error);
    poison_keys += view_has(key, "4r\\\"Pb\\\\2");      /* the one place for it */
}

static void hear_line(void *ctx, const char *line)
{
    (void)ctx;
    hear(line, strlen(line));
}

static void hear_error(void)
{
    hear(&db.error, sizeof db.error);
    hear(&db.stats, sizeof db.stats);
}

static d1t_config listening(d1t_config c)
{
    c.token = TOKEN;
    c.on_event = on_event;
    c.on_poison = on_poison;
    return c;
}

static void open_local(bool isolate)
{
    d1t_config c;

    d = local_d1_open(NULL, TOKEN);
    local_d1_virtual_clock(d, 1000000);
    c = listening(lab_config(d));
    c.isolate = isolate;
    poison_keys = 0;
    CHECK_INT(d1t_open(&db, &c), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
}

static void close_local(void)
{
    (void)d1t_close(&db);
    hear_error();
    CHECK(!has_token(&db, sizeof db));
    local_d1_close(d);
    check_silence();
}

static void fill_row(int64_t n)
{
    row[0] = d1t_text(KEY);
    row[1] = d1t_text(TEXT);
    row[2] = d1t_blob(BLOB, sizeof BLOB - 1);
    row[3] = d1t_int(n);
    row[4] = d1t_double(1.5);
}

static int see_row(void *ctx, const d1t_row *r)
{
    *(unsigned *)ctx += r->count == 5 && view_has(r->values[1].u.s, TEXT);
    return 0;
}

/* ---- what is said */

static void test_a_run_that_succeeds(void)
{
    unsigned seen = 0;
    d1t_value arg[2];
    d1t_statement s = {"UPDATE secrets SET number = 2 WHERE key = ?1 AND text = ?2", NULL, 2};
    d1t_plan plan;

    open_local(false);
    fill_row(NUMBER);
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    arg[0] = d1t_text(KEY);
    arg[1] = d1t_text(TEXT);
    s.args = arg;
    CHECK_INT(d1t_exec(&db, &s, 1), D1T_OK);
    CHECK_INT(d1t_query(&db, "SELECT key, text, blob, 1, 2 FROM secrets WHERE key = ?1", arg, 1, see_row, &seen),
              D1T_OK);
    CHECK_INT(d1t_read(&db, &secrets, "key = ?1", arg, 1, see_row, &seen), D1T_OK);
    CHECK_INT(seen, 2);
    CHECK_INT(d1t_plan_read(&plan, &db, tables, 1), D1T_OK);
    d1t_plan_print(&plan, hear_line, NULL);
    d1t_plan_free(&plan);
    CHECK_INT(d1t_delete(&db, &secrets, row, 1), D1T_OK);
    close_local();
}

static void test_a_poison_row(void)
{
    open_local(false);
    fill_row(5);
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_ERR_CONSTRAINT);
    hear_error();
    CHECK(view_has(d1t_error_key(&db), "4r\\\"Pb\\\\2"));    /* here it may be, as JSON */
    close_local();
}

static void test_poison_rows_set_aside(void)
{
    open_local(true);
    fill_row(5);
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    row[0] = d1t_text("another");
    row[3] = d1t_int(NUMBER);
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(poison_keys, 1);
    fill_row(NUMBER);       /* the same text under another key: UNIQUE, parked first */
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(poison_keys, 2);
    close_local();
}

/* Messages of SQLite that quote what it was given. */
static void test_statements_that_fail(void)
{
    static const char *const sql[] = {
        "SELECT json_extract('{}', ?1)", "INSERT INTO secrets(key, n) VALUES(?1, 1)",
        "INSERT INTO secrets(key, n) VALUES('kE''4r\"Pb\\2+Sg/7%hMt<9>Aw&Oi', length(?1))",
        "SELECT ?1 FROM [kE'4r\"Pb\\2+Sg/7%hMt<9>Aw&Oi]", "SELECT ?1, `vT\"8q\\Nf%wGy5?Uz&`",
        "SELECT ?1 kE'4r\"Pb\\2+Sg/7%hMt<9>Aw&Oi '", "SELECT CAST(?1 AS TEXT) REGEXP 'bL6s+J/m3%V&dn'"};
    d1t_value arg[1];
    d1t_statement s;
    size_t i;

    open_local(false);
    arg[0] = d1t_text(KEY);
    s.args = arg;
    s.arg_count = 1;
    for (i = 0; i < sizeof sql / sizeof sql[0]; i++) {
        s.sql = sql[i];
        CHECK(d1t_exec(&db, &s, 1) < 0);
        hear_error();
        CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    }
    s.sql = "SELECT json_extract('{}', ?1)";
    CHECK(d1t_exec(&db, &s, 1) < 0);
    CHECK(view_has(d1t_server_text(&db), "Sg/7%hMt"));      /* here it may be */
    close_local();
}

static void test_values_that_are_refused(void)
{
    const d1t_condition c = {"nothing", true, d1t_text(TEXT)}, kind = {"n", true, d1t_text(TEXT)};
    static const char bad_text[] = TEXT "\xff", nul_text[] = TEXT "\0x";
    d1t_value wrong[8];
    unsigned seen = 0;
    int i;

    wrong[0] = d1t_text(bad_text);
    wrong[1] = d1t_text_n(nul_text, sizeof nul_text - 1);
    wrong[2] = d1t_int(NUMBER);
    wrong[3] = d1t_blob(BLOB, sizeof BLOB - 1);
    wrong[4] = d1t_json(TEXT, sizeof TEXT - 1);
    open_local(false);
    for (i = 0; i < 5; i++) {
        fill_row(NUMBER);
        row[1] = wrong[i];
        CHECK(d1t_upsert(&db, &secrets, row, 5) < 0);
        hear_error();
        CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    }
    fill_row(NUMBER);
    CHECK(d1t_upsert_where(&db, &secrets, row, 5, &c) < 0);
    hear_error();
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    CHECK(d1t_delete_where(&db, &secrets, row, 1, &kind) < 0);
    hear_error();
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    CHECK(d1t_query(&db, "SELECT ?1", wrong, 1, see_row, &seen) < 0);
    hear_error();
    CHECK_INT(d1t_clear(&db, D1T_DROP_ROWS), D1T_OK);
    CHECK_INT(d1t_query(&db, "SELECT 9223372036854775807 AS \"" "kE'4r" "Pb2+Sg/7%hMt<9>Aw&Oi" "\"", NULL, 0, see_row,
                        &seen), D1T_ERR_INEXACT);
    close_local();
}

static void test_every_fault(void)
{
    int fault;

    for (fault = LOCAL_D1_OK + 1; fault < LOCAL_D1_FAULT_COUNT; fault++) {
        open_local(false);
        fill_row(NUMBER);
        CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
        local_d1_set_fault(d, (local_d1_fault)fault, 1, UINT64_MAX);
        (void)d1t_flush(&db);
        hear_error();
        close_local();
    }
}

static void test_configurations_that_are_refused(void)
{
    static const char *const urls[] = {"https://" KEY "@host", "https://host/" KEY, "http://" KEY, KEY};
    d1t_config c;
    size_t i;

    for (i = 0; i < 4; i++) {
        memset(&wire, 0, sizeof wire);
        c = listening(script_config(&wire));
        c.base_url = urls[i];
        CHECK_INT(d1t_open(&db, &c), D1T_ERR_CONFIG);
        hear_error();
        CHECK(!has_token(&db, sizeof db));
        CHECK_INT(d1t_close(&db), D1T_ERR_CONFIG);
    }
    c = listening(script_config(&wire));
    c.token = TOKEN "\n";
    CHECK_INT(d1t_open(&db, &c), D1T_ERR_CONFIG);
    hear_error();
    CHECK(!has_token(&db, sizeof db));
    (void)d1t_close(&db);
    check_silence();
}

/* ---- a server that gives back what it was told */

/* TOKEN, KEY and TEXT as they stand inside a JSON string. */
#define TOKEN_JSON "tK\\\"9z\\\\Qp%7+Lm/4xW~b2Yd#Rv&6Hj"
#define KEY_JSON "kE'4r\\\"Pb\\\\2+Sg/7%hMt<9>Aw&Oi"
#define TEXT_JSON "vT\\\"8q\\\\\\n\\tXc/3+Nf%w\xE2\x98\x83Gy5?Uz&"
#define ECHO TOKEN_JSON " " KEY_JSON " " TEXT_JSON
#define MESSAGE(text) "{\"success\":false,\"errors\":[{\"code\":7500,\"message\":\"" text "\"}],\"result\":[]}"

static const script_answer echoes[] = {
    {.status = 403, .body = "<html><body>403: Bearer " TOKEN " may not write " KEY ", " TEXT "</body></html>"},
    {.status = 503, .body = TOKEN KEY TEXT, .times = 9},
    {.status = 200, .body = TOKEN, .times = 9},
    {.status = 200, .body = "{\"" TOKEN_JSON "\":{\"" KEY_JSON "\":\"" TEXT_JSON "\"}}", .times = 9},
    {.status = 400, .body = MESSAGE("UNIQUE constraint failed: secrets." ECHO ": SQLITE_CONSTRAINT"), .times = 99},
    {.status = 400, .body = MESSAGE("UNIQUE constraint failed: " ECHO), .times = 99},
    {.status = 400, .body = MESSAGE("NOT NULL constraint failed: secrets.text" ECHO), .times = 99},
    {.status = 400, .body = MESSAGE("near \\\"" ECHO "\\\": syntax error at offset 7: SQLITE_ERROR")},
    {.status = 400, .body = MESSAGE("no such column: " ECHO)},
    {.status = 400, .body = MESSAGE("bad JSON path: 'd1t " ECHO "'")},
    {.status = 401, .body = MESSAGE(ECHO)},
    {.status = 429, .name = "Retry-After", .value = TOKEN, .body = MESSAGE(ECHO), .times = 9},
    {.status = 429, .name = "Ratelimit", .value = "\"" TOKEN "\";r=0;t=5", .body = MESSAGE(ECHO), .times = 9},
    {.status = 200, .body = "{\"success\":true,\"errors\":[],\"result\":[{\"success\":true,\"results\":{\"columns\":[\""
                            KEY_JSON "\"],\"rows\":[[\"" TEXT_JSON "\"]]},\"meta\":{\"served_by\":\"" TOKEN_JSON
                            "\",\"served_by_region\":\"" TOKEN_JSON "\",\"duration\":\"" TOKEN_JSON "\"}}]}",
     .times = 9}};
#define ECHO_COUNT (sizeof echoes / sizeof echoes[0])

/* Flush, query and setup against one echo; afterwards the client has nothing of the token in it. */
static void run_echo(const script_answer *echo, int verb)
{
    unsigned seen = 0;
    d1t_config c;

    memset(&wire, 0, sizeof wire);
    wire.answers = echo;
    wire.count = 1;
    c = listening(script_config(&wire));
    c.setup = verb == 2 ? D1T_SETUP_APPLY : D1T_SETUP_TRUST;
    CHECK_INT(d1t_open(&db, &c), D1T_OK);
    (void)d1t_setup(&db, tables, 1);
    fill_row(NUMBER);
    if (verb == 0)
        (void)d1t_upsert(&db, &secrets, row, 5);
    if (verb == 0)
        (void)d1t_flush(&db);
    if (verb == 1)
        (void)d1t_query(&db, "SELECT ?1", row, 1, see_row, &seen);
    CHECK(wire.sent > 0);
    hear_error();
    if (echo->status == 403)
        CHECK(view_has(d1t_server_text(&db), TOKEN));       /* the one place for it */
    (void)d1t_close(&db);
    hear_error();
    CHECK(!has_token(&db, sizeof db));
    script_free(&wire);
    check_silence();
}

static void test_a_server_that_echoes(void)
{
    size_t i;
    int verb, before;

    for (i = 0; i < ECHO_COUNT; i++)
        for (verb = 0; verb < 3; verb++) {
            before = test_checks_failed;
            run_echo(&echoes[i], verb);
            if (before != test_checks_failed)
                printf("  echo %d, verb %d\n", (int)i, verb);
        }
}

/* ---- memory */

static void *scanned(void *ctx, void *p, size_t old, size_t size)
{
    (void)ctx;
    if (p)
        look_at_block(p, old);
    if (size)
        return give_back_for(p, size);
    give_back(p);
    return NULL;
}

/* A whole run: a retry, a poison row, a query, an error. */
static void run_in(d1t_config c)
{
    unsigned seen = 0;

    c = listening(c);
    c.isolate = true;
    blocks_given_back = dirty_blocks = 0;
    CHECK_INT(d1t_open(&db, &c), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    fill_row(NUMBER);
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    local_d1_set_fault(d, LOCAL_D1_LOSE_AFTER, 1, 1);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(d1t_query(&db, "SELECT key, text, blob, 1, 2 FROM secrets", NULL, 0, see_row, &seen), D1T_OK);
    CHECK(d1t_query(&db, "SELECT nothing FROM nowhere", NULL, 0, see_row, &seen) < 0);
    CHECK(!c.memory || has_token(c.memory, c.memory_size));     /* the search works */
    (void)d1t_close(&db);
    CHECK(!has_token(&db, sizeof db));
    CHECK_INT(dirty_blocks, 0);
    heard_n = 0;
}

static void test_no_block_of_malloc_keeps_the_token(void)
{
    d = local_d1_open(NULL, TOKEN);
    local_d1_virtual_clock(d, 1000000);
    run_in(lab_config(d));
    CHECK(blocks_given_back > 3);
    local_d1_close(d);
}

static void test_no_block_of_an_allocator_keeps_the_token(void)
{
    d1t_config c;

    d = local_d1_open(NULL, TOKEN);
    local_d1_virtual_clock(d, 1000000);
    c = lab_config(d);
    c.allocator.fn = scanned;
    run_in(c);
    CHECK(blocks_given_back > 6);
    local_d1_close(d);
}

static void test_the_one_block_does_not_keep_the_token(void)
{
    static uint64_t memory[8192];
    d1t_config c;

    d = local_d1_open(NULL, TOKEN);
    local_d1_virtual_clock(d, 1000000);
    c = lab_config(d);
    c.memory = memory;
    c.memory_size = sizeof memory;
    run_in(c);
    CHECK(!has_token(memory, sizeof memory));
    local_d1_close(d);
}

/* Wherever the memory ends: at open, at setup, at the first row, or not at all. */
static void test_too_small_a_block_does_not_keep_the_token(void)
{
    static uint64_t memory[1024];
    d1t_config c;
    size_t size;

    for (size = 64; size <= sizeof memory; size += 64) {
        memset(&wire, 0, sizeof wire);
        c = listening(script_config(&wire));
        c.setup = D1T_SETUP_TRUST;
        c.memory = memory;
        c.memory_size = size;
        (void)d1t_open(&db, &c);
        (void)d1t_setup(&db, tables, 1);
        fill_row(NUMBER);
        (void)d1t_upsert(&db, &secrets, row, 5);
        hear_error();
        (void)d1t_close(&db);
        CHECK(!has_token(memory, sizeof memory));
        CHECK(!has_token(&db, sizeof db));
        script_free(&wire);
    }
    check_silence();
}

/* ---- libcurl over loopback */

/* Takes one request, tells it to `out`, and answers with all of it inside HTML. */
static void serve_once(int listener, int out)
{
    static char request[65536], answer[65536 + 200];
    size_t n = 0, want = sizeof request - 1;
    int client = accept(listener, NULL, NULL), size;
    ssize_t got;
    const char *end, *length;

    while (n < want && (got = read(client, request + n, sizeof request - 1 - n)) > 0) {
        n += (size_t)got;
        request[n] = 0;
        end = strstr(request, "\r\n\r\n");
        length = strstr(request, "Content-Length: ");
        if (end && length)
            want = (size_t)(end + 4 - request) + strtoul(length + 16, NULL, 10);
    }
    size = snprintf(answer, sizeof answer, "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n"
                    "Connection: close\r\n\r\n<html>%s</html>", request);
    if (write(client, answer, (size_t)size) != size || write(out, request, n) != (ssize_t)n)
        _exit(1);
    _exit(0);
}

static int listen_on_loopback(int *port)
{
    struct sockaddr_in a;
    socklen_t size = sizeof a;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    memset(&a, 0, sizeof a);
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(s >= 0 && bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 1) == 0);
    CHECK(getsockname(s, (struct sockaddr *)&a, &size) == 0);
    *port = ntohs(a.sin_port);
    return s;
}

static void run_over_curl(int port)
{
    static const d1t_curl_options no_proxy = {"", NULL, 0};
    char url[80];
    d1t_config c;

    memset(&wire, 0, sizeof wire);
    sprintf(url, "http://127.0.0.1:%d/client/v4", port);
    c = listening(script_config(&wire));
    c.base_url = url;
    c.setup = D1T_SETUP_TRUST;
    c.transport = d1t_curl_transport(&no_proxy);
    blocks_given_back = dirty_blocks = 0;
    CHECK_INT(d1t_open(&db, &c), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    fill_row(NUMBER);
    CHECK_INT(d1t_upsert(&db, &secrets, row, 5), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_ERR_AUTH);
    hear_error();
    (void)d1t_close(&db);
    hear_error();
    CHECK(!has_token(&db, sizeof db));
    CHECK_INT(dirty_blocks, 0);
}

static void test_over_libcurl_the_token_is_in_one_header_only(void)
{
    static char request[65536];
    const char *at, *line = "\r\nAuthorization: Bearer " TOKEN "\r\n";
    int port = 0, listener = listen_on_loopback(&port), ends[2], status = 1;
    size_t n = 0;
    ssize_t got;
    pid_t child;

    CHECK(pipe(ends) == 0);
    fflush(NULL);
    child = fork();
    if (child == 0)
        serve_once(listener, ends[1]);
    close(ends[1]);
    run_over_curl(port);
    while ((got = read(ends[0], request + n, sizeof request - 1 - n)) > 0)
        n += (size_t)got;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    at = find(request, n, line, strlen(line));
    CHECK(at != NULL);
    if (at) {
        CHECK(!has_token(request, (size_t)(at - request)));
        CHECK(!has_token(at + strlen(line), n - (size_t)(at - request) - strlen(line)));
    }
    close(ends[0]);
    close(listener);
    check_silence();
}

/* ---- what the program itself prints meanwhile is heard too */

static FILE *printed;
static int terminal[2];

static void redirect(void)
{
    int i;

    fflush(NULL);
    printed = tmpfile();
    for (i = 0; i < 2; i++) {
        terminal[i] = dup(i + 1);
        if (dup2(fileno(printed), i + 1) < 0)
            exit(1);
    }
}

/* Back to the terminal; what was printed meanwhile is shown there, and must hold no canary. */
static void test_nothing_is_printed(void)
{
    char text[4096];
    size_t n;
    int i;

    fflush(NULL);
    for (i = 0; i < 2; i++) {
        if (dup2(terminal[i], i + 1) < 0)
            exit(1);
        close(terminal[i]);
    }
    rewind(printed);
    heard_n = 0;
    hear("", 1);
    while ((n = fread(text, 1, sizeof text, printed)) > 0) {
        hear(text, n);
        fwrite(text, 1, n, stdout);
    }
    fclose(printed);
    check_silence();
}

int main(void)
{
    RUN(test_the_search_finds_every_encoding);
    redirect();
    RUN(test_a_run_that_succeeds);
    RUN(test_a_poison_row);
    RUN(test_poison_rows_set_aside);
    RUN(test_statements_that_fail);
    RUN(test_values_that_are_refused);
    RUN(test_every_fault);
    RUN(test_configurations_that_are_refused);
    RUN(test_a_server_that_echoes);
    RUN(test_no_block_of_malloc_keeps_the_token);
    RUN(test_no_block_of_an_allocator_keeps_the_token);
    RUN(test_the_one_block_does_not_keep_the_token);
    RUN(test_too_small_a_block_does_not_keep_the_token);
    RUN(test_over_libcurl_the_token_is_in_one_header_only);
    RUN(test_nothing_is_printed);
    free(heard);
    TEST_MAIN_END;
}
