/* The two forms of a run of declared state are one: driven from outside, with a clock of its own and answers in pieces
   of one byte, it sends byte for byte the requests of the blocking form, at the same virtual times. Errors, reports and
   what is in D1 afterwards are the same too. */
#include <stdlib.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"

#define START_MS 1000000u

typedef struct way {
    d1t_client db;
    local_d1 *d;
    d1t_transport inner; /* blocking: local_d1's own */
    bool driven;
    local_d1_fault every_fourth; /* a fault for each fourth request */
    uint64_t now;                /* driven: the clock */
    uint64_t requests, full, random;
    sqlite3_str *log; /* everything that can be seen from outside */
} way;

static const d1t_column file_columns[] = {D1T_COLUMN("path", D1T_TEXT, D1T_KEY), D1T_COLUMN("slot", D1T_INTEGER, 0)};
static const char *const slot_of[] = {"slot"}, *const path_of[] = {"path"};
static const d1t_index file_indexes[] = {D1T_UNIQUE_INDEX("files_slot", slot_of)};
static const d1t_table files = {"files", file_columns, 2, file_indexes, 1, NULL, 0, NULL, 0, D1T_WITHOUT_ROWID, NULL,
                                0, NULL};
static const d1t_column symbol_columns[] = {D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
                                            D1T_COLUMN("line", D1T_INTEGER, D1T_KEY),
                                            D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_foreign_key symbol_parents[] = {D1T_REFERENCES(path_of, "files", D1T_CASCADE)};
static const d1t_table symbols = {"symbols", symbol_columns, 3, NULL, 0, symbol_parents, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table *const tables[] = {&files, &symbols};

/* ---- what both forms record */

static void arm(way *w)
{
    bool fails = w->every_fourth && ++w->requests % 4 == 0;

    if (!w->every_fourth) w->requests++;
    local_d1_set_fault(w->d, fails ? w->every_fourth : LOCAL_D1_OK, 1, 1);
}

static char *pull(d1t_request *req, size_t piece)
{
    char *body = malloc((size_t)req->body_size + 1);
    size_t n = 0, got;

    if (!body) abort();
    while ((got = d1t_request_read(req, body + n, req->body_size - n < piece ? (size_t)req->body_size - n : piece)) > 0)
        n += got;
    CHECK_INT(n, req->body_size);
    body[n] = 0;
    return body;
}

static void record(way *w, uint64_t now, const d1t_request *req, const char *body)
{
    sqlite3_str_appendf(w->log, "\n#%llu at %llu, %llu bytes, until %llu: ", w->requests, now, req->body_size,
                        req->deadline_ms);
    sqlite3_str_append(w->log, body, (int)req->body_size);
}

static void on_difference(void *ctx, const d1t_table *table, d1t_difference what, d1t_str key)
{
    sqlite3_str_appendf(((way *)ctx)->log, "\n  %s %d %.*s", table->name, what, (int)key.n, key.p);
}

/* Owners and secrets have to be the same in both. */
static void not_random(sqlite3_context *context, int count, sqlite3_value **args)
{
    static const uint8_t key[16] = "not random";
    way *w = sqlite3_user_data(context);
    uint8_t blob[16];

    (void)count, (void)args;
    w->random++;
    d1t_fingerprint(key, d1t_bytes((const char *)&w->random, sizeof w->random), blob);
    sqlite3_result_blob(context, blob, sizeof blob, SQLITE_TRANSIENT);
}

/* ---- blocking: local_d1's transport, with an ear at it */

static d1t_result heard_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    way *w = ctx;
    char *body = pull(req, 4096);

    arm(w);
    record(w, local_d1_now(w->d), req, body);
    free(body);
    d1t_request_rewind(req);
    return w->inner.perform(w->inner.ctx, req, op);
}

static uint64_t heard_now(void *ctx)
{
    return local_d1_now(((way *)ctx)->d);
}

static void heard_sleep(void *ctx, uint64_t ms)
{
    local_d1_sleep(((way *)ctx)->d, ms);
}

/* ---- driven: a loop of our own */

static d1t_result must_not_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    (void)ctx, (void)req, (void)op;
    printf("%s:%d: in driven form a verb sent by itself\n0 passed, 1 failed\n", __FILE__, __LINE__);
    exit(1);
}

static void feed_by_bytes(d1t_sync *run, way *w, const local_d1_answer *a, d1t_op *op)
{
    d1t_todo todo;
    size_t i;

    if (a->status) d1t_op_on_status(op, a->status);
    if (a->retry_after[0]) d1t_op_on_header(op, "RETRY-AFTER", a->retry_after);
    for (i = 0; i < a->size; i++) {
        if (i % 97 == 0) /* an op in flight: there is nothing to do, and asking changes nothing */
            CHECK_INT(run ? d1t_sync_next(run, w->now, &todo) : d1t_next(&w->db, w->now, &todo), D1T_WAIT);
        if (d1t_op_on_body(op, a->body + i, 1)) break;
    }
}

static void start(d1t_sync *run, way *w, d1t_todo *todo)
{
    char *body = pull(todo->request, 61);
    char *url = sqlite3_mprintf("%.*s", (int)todo->request->url.n, todo->request->url.p);
    char *bearer = sqlite3_mprintf("Bearer %.*s", (int)todo->request->token.n, todo->request->token.p);
    local_d1_answer answer;

    arm(w);
    record(w, w->now, todo->request, body);
    local_d1_exchange(w->d, "POST", url, bearer, body, (size_t)todo->request->body_size, w->now, &answer);
    feed_by_bytes(run, w, &answer, todo->op);
    if (answer.failure != LOCAL_D1_TIMEOUT) /* else nothing ever comes, and the op is canceled */
        d1t_op_on_end(todo->op, w->now,
                      answer.failure == LOCAL_D1_ANSWERED  ? D1T_OK
                      : answer.failure == LOCAL_D1_REFUSED ? D1T_ERR_CONNECT
                                                           : D1T_ERR_TRANSPORT,
                      0);
    sqlite3_free(bearer);
    sqlite3_free(url);
    free(body);
}

/* run NULL: a task of the client's own. */
static d1t_result drive(d1t_sync *run, way *w, d1t_result started)
{
    d1t_todo todo;
    d1t_step step;

    if (started != D1T_OK) return started;
    for (;;) {
        step = run ? d1t_sync_next(run, w->now, &todo) : d1t_next(&w->db, w->now, &todo);
        if (step == D1T_DONE || step == D1T_FAIL) return w->db.error.code;
        if (step == D1T_SEND) start(run, w, &todo);
        if (step == D1T_WAIT) {
            CHECK(todo.wake_ms > w->now);
            w->now = todo.wake_ms;
            local_d1_advance(w->d, w->now);
        }
    }
}

/* ---- a run in both forms */

static d1t_result offer(d1t_sync *run, way *w, const d1t_table *table, const d1t_value *values, size_t count)
{
    d1t_result result;

    while ((result = d1t_sync_row(run, table, values, count)) == D1T_FULL) {
        CHECK(w->driven);
        w->full++;
        result = drive(run, w, D1T_OK);
        if (result != D1T_OK) break;
    }
    return result;
}

/* Files `from` to `to`, some with a slot, shifted; of each a few symbols. */
typedef struct plan {
    bool sorted;
    d1t_sync_mode mode;
    int from, to, shift;
    uint32_t max_delete;
} plan;

static d1t_result declare(d1t_sync *run, way *w, const plan *p, bool children)
{
    char path[32], name[32];
    d1t_value row[3];
    d1t_result result = D1T_OK;
    int i, k, nth;

    for (i = 0; i < p->to - p->from && result == D1T_OK; i++) {
        nth = p->sorted ? p->from + i : p->to - 1 - i;
        snprintf(path, sizeof path, "src/%05d.c", nth);
        row[0] = d1t_text(path);
        row[1] = nth % 20 ? d1t_null() : d1t_int(nth + p->shift);
        if (!children) result = offer(run, w, &files, row, 2);
        for (k = 0; children && k < 2 && result == D1T_OK; k++) {
            snprintf(name, sizeof name, "\"%d\xC3\xA9\\", nth * 3 + k);
            row[1] = d1t_int(k);
            row[2] = d1t_text(name);
            result = offer(run, w, &symbols, row, 3);
        }
    }
    return result;
}

static d1t_sync_report perform(way *w, const plan *p, const d1t_store *store)
{
    static d1t_sync run;
    static d1t_sync_desc desc;
    static d1t_scope scopes[2];
    d1t_result result;

    memset(&desc, 0, sizeof desc);
    scopes[0] = d1t_scope_table(&files);
    scopes[1] = d1t_scope_prefix(&symbols, "path", "src/");
    desc.scopes = scopes;
    desc.scope_count = 2;
    desc.sorted = p->sorted;
    desc.mode = p->mode;
    desc.max_delete = p->max_delete;
    desc.store = store;
    desc.on_difference = on_difference;
    desc.ctx = w;
    result = w->driven ? drive(&run, w, d1t_sync_begin_start(&run, &w->db, &desc))
                       : d1t_sync_begin(&run, &w->db, &desc);
    if (result == D1T_OK) result = declare(&run, w, p, false);
    if (result == D1T_OK) result = declare(&run, w, p, true);
    if (result == D1T_OK)
        result = w->driven ? drive(&run, w, d1t_sync_commit_start(&run)) : d1t_sync_commit(&run, NULL);
    else d1t_sync_abort(&run);
    sqlite3_str_appendf(w->log, "\nrun: %s %s", d1t_result_name(result), w->db.error.text);
    sqlite3_str_appendf(w->log, "\n  declared %llu inserted %llu updated %llu unchanged %llu deleted %llu sent %llu "
                        "requests %llu cost %llu", run.report.declared, run.report.inserted, run.report.updated,
                        run.report.unchanged, run.report.deleted, run.report.sent, run.report.requests,
                        run.report.cost);
    if (result != D1T_OK) CHECK_INT(d1t_clear(&w->db, D1T_DROP_ROWS), D1T_OK);
    return run.report;
}

/* Rows come, change, go, and give their unique values to others; one run may not delete as much as it would. */
static void work(way *w)
{
    static const plan plans[] = {
        {true, D1T_SYNC_DRY_RUN, 0, 50, 0, 0},
        {true, D1T_SYNC_APPLY, 0, 200, 0, 0},
        {true, D1T_SYNC_APPLY, 0, 200, 0, 0},
        {false, D1T_SYNC_APPLY, 40, 240, 5000, 0},
        {false, D1T_SYNC_DRY_RUN, 100, 250, 0, 0},
        {true, D1T_SYNC_APPLY, 200, 240, 0, 0}, /* would delete too much */
        {false, D1T_SYNC_APPLY, 120, 320, 4920, 100},
        {false, D1T_SYNC_VERIFY, 120, 321, 4920, 0},
        {true, D1T_SYNC_APPLY, 0, 0, 0, 100},
    };
    d1t_memory_store kept;
    d1t_allocator heap = {NULL, NULL};
    d1t_store store = d1t_memory_store_init(&kept, heap);
    size_t i;

    for (i = 0; i < sizeof plans / sizeof *plans; i++) perform(w, &plans[i], i % 2 ? &store : NULL);
    d1t_memory_store_free(&kept);
}

static void perform_all(way *w, bool driven, local_d1_fault every_fourth, uint64_t seed)
{
    d1t_config config;

    memset(w, 0, sizeof *w);
    w->d = lab_open();
    w->log = sqlite3_str_new(NULL);
    w->driven = driven;
    w->every_fourth = every_fourth;
    w->now = START_MS;
    local_d1_virtual_clock(w->d, START_MS);
    CHECK_INT(sqlite3_create_function(local_d1_sqlite(w->d), "randomblob", 1, SQLITE_UTF8, w, not_random, NULL, NULL),
              SQLITE_OK);
    config = lab_config(w->d);
    w->inner = config.transport;
    config.seed = seed;
    config.max_body = 12000;
    config.driven = driven;
    config.transport.perform = must_not_perform;
    if (!driven) {
        config.transport.ctx = w;
        config.transport.perform = heard_perform;
        config.transport.now_ms = heard_now;
        config.transport.sleep_ms = heard_sleep;
    }
    CHECK_INT(d1t_open(&w->db, &config), D1T_OK);
    if (driven) drive(NULL, w, d1t_setup_start(&w->db, tables, 2));
    else d1t_setup(&w->db, tables, 2);
    CHECK_STR(w->db.error.text, "");
    work(w);
    sqlite3_str_appendf(w->log, "\nclose: %s, waited %llu, retries %llu, in D1 %llx",
                        d1t_result_name(d1t_close(&w->db)), w->db.stats.waited_ms, w->db.stats.retries,
                        lab_digest(w->d));
    local_d1_close(w->d);
}

static bool same_log(way *a, way *b, bool show)
{
    const char *p = sqlite3_str_value(a->log), *q = sqlite3_str_value(b->log);
    size_t i, from = 0;

    for (i = 0; p[i] && p[i] == q[i]; i++)
        if (p[i] == '\n') from = i + 1;
    if (p[i] != q[i] && show)
        printf("the first difference:\n  blocking: %.300s\n  driven:   %.300s\n", p + from, q + from);
    return p[i] == q[i];
}

static void forget(way *w)
{
    sqlite3_free(sqlite3_str_finish(w->log));
}

static uint64_t compare(local_d1_fault every_fourth, uint64_t seed)
{
    static way blocking, driven;
    uint64_t requests;

    perform_all(&blocking, false, every_fourth, seed);
    perform_all(&driven, true, every_fourth, seed);
    CHECK_INT(sqlite3_str_errcode(blocking.log), SQLITE_OK);
    CHECK(same_log(&blocking, &driven, true));
    CHECK_INT(driven.requests, blocking.requests);
    if (!every_fourth) { /* the work is what it is said to be */
        const char *log = sqlite3_str_value(driven.log);
        CHECK(driven.full > 2);
        CHECK(strstr(log, "D1T_ERR_DELETES") != NULL);
        CHECK(strstr(log, "UPDATE `files` SET `slot`=") != NULL); /* a value is taken from a row that goes */
        CHECK(strstr(log, "\n  files 3 [\"src/") != NULL);
    }
    requests = driven.requests;
    forget(&blocking);
    forget(&driven);
    return requests;
}

/* ---- the tests */

static void test_both_forms_of_a_run_send_the_same_at_the_same_times(void)
{
    uint64_t requests = compare(LOCAL_D1_OK, 1);

    CHECK(requests > 50);
    printf("figure: driven_sync_requests %llu\n", (unsigned long long)requests);
}

static void test_with_faults_both_forms_send_the_same_at_the_same_times(void)
{
    static const local_d1_fault faults[] = {
        LOCAL_D1_REFUSE,     LOCAL_D1_503_HTML, LOCAL_D1_LOSE_AFTER, LOCAL_D1_SILENT,
        LOCAL_D1_CUT_ANSWER, LOCAL_D1_429_API,  LOCAL_D1_500_AFTER,  LOCAL_D1_LATE,
    };
    size_t i;

    for (i = 0; i < sizeof faults / sizeof *faults; i++) compare(faults[i], 7 + i);
}

static void test_the_comparison_can_fail(void)
{
    static way a, b;

    perform_all(&a, false, LOCAL_D1_503_HTML, 1);
    perform_all(&b, true, LOCAL_D1_503_HTML, 2);
    CHECK(!same_log(&a, &b, false)); /* another seed moves the times */
    forget(&a);
    forget(&b);
}

int main(void)
{
    RUN(test_both_forms_of_a_run_send_the_same_at_the_same_times);
    RUN(test_with_faults_both_forms_send_the_same_at_the_same_times);
    RUN(test_the_comparison_can_fail);
    TEST_MAIN_END;
}
