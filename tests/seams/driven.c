/* The two forms of every verb are one: a workload run by the blocking verbs over local_d1's transport, and driven from
   outside with a clock of its own and answers in pieces of one byte, sends the same bodies at the same virtual times.

   local_d1 takes no virtual time for an answer; time passes only in a sleep (backoff, quiet time) and when nothing ever
   comes (until the deadline). The driver here does the same with a plain number. */
#include <stdlib.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"

#define START_MS 1000000u

typedef struct fault_at {
    uint64_t request; /* 1 is the first */
    local_d1_fault fault;
} fault_at;

typedef struct schedule {
    const fault_at *list;
    size_t count;
    local_d1_fault every_third; /* LOCAL_D1_OK: only the list */
} schedule;

typedef struct run {
    d1t_client db;
    local_d1 *d;
    d1t_transport inner; /* blocking: local_d1's own */
    const schedule *faults;
    bool driven;
    uint64_t now; /* driven: the clock */
    uint64_t requests, errors;
    sqlite3_str *log; /* everything that can be seen from outside */
} run;

static const d1t_column file_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("hash", D1T_TEXT, 0),
    D1T_COLUMN("bytes", D1T_INTEGER, 0),
};
static const d1t_column symbol_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),      D1T_COLUMN("line", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL), D1T_COLUMN("weight", D1T_REAL, 0),
    D1T_COLUMN("slot", D1T_INTEGER, 0),
};
static const char *const path_of[] = {"path"};
static const char *const slot_of[] = {"slot"};
static const d1t_index symbol_indexes[] = {D1T_UNIQUE_INDEX("symbols_slot", slot_of)};
static const d1t_foreign_key symbol_parents[] = {D1T_REFERENCES(path_of, "files", D1T_CASCADE)};
static const d1t_table files = D1T_TABLE_FLAGS("files", file_columns, D1T_WITHOUT_ROWID);
static const d1t_table symbols =
    D1T_TABLE_FULL("symbols", symbol_columns, symbol_indexes, symbol_parents, D1T_WITHOUT_ROWID);
static const d1t_table *const tables[] = {&files, &symbols};

/* ---- what both forms record */

static void arm(run *r)
{
    local_d1_fault fault = LOCAL_D1_OK;
    size_t i;

    r->requests++;
    if (r->faults->every_third && r->requests % 3 == 0)
        fault = r->faults->every_third;
    for (i = 0; i < r->faults->count; i++)
        if (r->faults->list[i].request == r->requests)
            fault = r->faults->list[i].fault;
    local_d1_set_fault(r->d, fault, 1, 1);
}

static char *pull(d1t_request *req, size_t piece)
{
    char *body = malloc((size_t)req->body_size + 1);
    size_t n = 0, got;

    if (!body)
        abort();
    while ((got = d1t_request_read(req, body + n, req->body_size - n < piece ? (size_t)req->body_size - n : piece)) > 0)
        n += got;
    CHECK_INT(n, req->body_size);
    body[n] = 0;
    return body;
}

static void record(run *r, uint64_t now, const d1t_request *req, const char *body)
{
    sqlite3_str_appendf(r->log, "\n#%llu at %llu, %llu bytes, until %llu: ", r->requests, now, req->body_size,
                        req->deadline_ms);
    sqlite3_str_append(r->log, body, (int)req->body_size);
}

static int on_row(void *ctx, const d1t_row *row)
{
    run *r = ctx;
    size_t i;

    for (i = 0; i < row->count; i++) {
        const d1t_value *v = &row->values[i];
        sqlite3_str_appendf(r->log, "%s%.*s=%d:", i ? " " : "\n  row ", (int)row->names[i].n, row->names[i].p, v->kind);
        if (v->kind == D1T_KIND_TEXT)
            sqlite3_str_append(r->log, v->u.s.p, (int)v->u.s.n);
        else
            sqlite3_str_appendf(r->log, "%lld", v->u.i);
    }
    return 0;
}

static void on_event(void *ctx, const d1t_event *e)
{
    run *r = ctx;

    sqlite3_str_appendf(r->log, "\n  event %d %s rows %llu row %llu bytes %llu ms %llu attempt %u http %d result %d",
                        e->what, e->table ? e->table : "-", e->rows, e->row, e->bytes, e->ms, e->attempt,
                        e->http_status, e->result);
}

/* ---- blocking: local_d1's transport, with an ear at it */

static d1t_result heard_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    run *r = ctx;
    char *body = pull(req, 4096);

    arm(r);
    record(r, local_d1_now(r->d), req, body);
    free(body);
    d1t_request_rewind(req);
    return r->inner.perform(r->inner.ctx, req, op);
}

static uint64_t heard_now(void *ctx)
{
    return local_d1_now(((run *)ctx)->d);
}

static void heard_sleep(void *ctx, uint64_t ms)
{
    local_d1_sleep(((run *)ctx)->d, ms);
}

/* ---- driven: a loop of our own */

static d1t_result must_not_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    (void)ctx, (void)req, (void)op;
    printf("%s:%d: in driven form a verb sent by itself\n0 passed, 1 failed\n", __FILE__, __LINE__);
    exit(1);
}

static void feed_by_bytes(run *r, const local_d1_answer *a, d1t_op *op)
{
    d1t_todo todo;
    size_t i;

    if (a->status)
        d1t_op_on_status(op, a->status);
    if (a->retry_after[0])
        d1t_op_on_header(op, "RETRY-AFTER", a->retry_after);
    for (i = 0; i < a->size; i++) {
        if (i % 97 == 0) /* an op in flight: there is nothing to do, and asking changes nothing */
            CHECK_INT(d1t_next(&r->db, r->now, &todo), D1T_WAIT);
        if (d1t_op_on_body(op, a->body + i, 1))
            break;
    }
}

static void start(run *r, d1t_todo *todo)
{
    char *body = pull(todo->request, 61);
    char *url = sqlite3_mprintf("%.*s", (int)todo->request->url.n, todo->request->url.p);
    char *bearer = sqlite3_mprintf("Bearer %.*s", (int)todo->request->token.n, todo->request->token.p);
    local_d1_answer answer;

    arm(r);
    record(r, r->now, todo->request, body);
    local_d1_exchange(r->d, "POST", url, bearer, body, (size_t)todo->request->body_size, r->now, &answer);
    feed_by_bytes(r, &answer, todo->op);
    if (answer.failure != LOCAL_D1_TIMEOUT) /* else nothing ever comes, and d1t_next cancels it */
        d1t_op_on_end(todo->op, r->now,
                      answer.failure == LOCAL_D1_ANSWERED  ? D1T_OK
                      : answer.failure == LOCAL_D1_REFUSED ? D1T_ERR_CONNECT
                                                           : D1T_ERR_TRANSPORT, 0);
    sqlite3_free(bearer);
    sqlite3_free(url);
    free(body);
}

static d1t_result drive(run *r, d1t_result started)
{
    d1t_todo todo;
    d1t_step step;

    if (started != D1T_OK)
        return started;
    while ((step = d1t_next(&r->db, r->now, &todo)) != D1T_DONE && step != D1T_FAIL) {
        if (step == D1T_SEND)
            start(r, &todo);
        if (step == D1T_WAIT) {
            CHECK(todo.wake_ms > r->now);
            r->now = todo.wake_ms;
            local_d1_advance(r->d, r->now);
        }
    }
    return r->db.error.code;
}

/* ---- the verbs in both forms */

/* After an error the workload takes it back and goes on, so that what follows an error is compared too: at first
   with the rows kept, later without them, or a fault that always comes back would never let it end. */
static void done(run *r, const char *verb, d1t_result result)
{
    sqlite3_str_appendf(r->log, "\n%s: %s %s", verb, d1t_result_name(result), r->db.error.text);
    if (result != D1T_OK)
        CHECK_INT(d1t_clear(&r->db, r->errors++ < 20 ? D1T_KEEP_ROWS : D1T_DROP_ROWS), D1T_OK);
}

static void flush(run *r)
{
    done(r, "flush", r->driven ? drive(r, d1t_flush_start(&r->db)) : d1t_flush(&r->db));
}

typedef enum verb { UPSERT, UPDATE, DELETE, UPSERT_WHERE, DELETE_WHERE, GROUP } verb;

static d1t_result offer(run *r, verb v, const d1t_table *t, const d1t_value *values, size_t n, const d1t_condition *c)
{
    switch (v) {
    case UPSERT: return d1t_upsert(&r->db, t, values, n);
    case UPDATE: return d1t_update(&r->db, t, values, n);
    case DELETE: return d1t_delete(&r->db, t, values, n);
    case UPSERT_WHERE: return d1t_upsert_where(&r->db, t, values, n, c);
    case DELETE_WHERE: return d1t_delete_where(&r->db, t, values, n, c);
    default: return d1t_group_begin(&r->db);
    }
}

/* A full batch: the blocking verb flushes and repeats; so does this in driven form. After an error (taken back, the
   rows kept) the row is offered once more, in both. */
static void row(run *r, verb v, const d1t_table *t, const d1t_value *values, size_t n, const d1t_condition *c)
{
    d1t_result result;
    int tries;

    for (tries = 0; tries < 3; tries++) {
        while ((result = offer(r, v, t, values, n, c)) == D1T_FULL) {
            CHECK(r->driven);
            result = drive(r, d1t_flush_start(&r->db));
            if (result != D1T_OK)
                break;
        }
        if (result == D1T_OK)
            return;
        done(r, "row", result);
    }
}

static void query(run *r, const char *sql, const d1t_value *args, size_t n)
{
    done(r, "query", r->driven ? drive(r, d1t_query_start(&r->db, sql, args, n, on_row, r))
                               : d1t_query(&r->db, sql, args, n, on_row, r));
}

static void read_rows(run *r, const d1t_table *t, const char *where, const d1t_value *args, size_t n)
{
    done(r, "read", r->driven ? drive(r, d1t_read_start(&r->db, t, where, args, n, on_row, r))
                              : d1t_read(&r->db, t, where, args, n, on_row, r));
}

static void exec(run *r, const d1t_statement *s, size_t n)
{
    done(r, "exec", r->driven ? drive(r, d1t_exec_start(&r->db, s, n)) : d1t_exec(&r->db, s, n));
}

/* ---- the workload */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void file_row(run *r, uint32_t i)
{
    char path[32], hash[32];
    d1t_value values[3];

    snprintf(path, sizeof path, "src/f%03u.c", i);
    snprintf(hash, sizeof hash, "%08x\"\\\t\xC3\xA9", i * 2654435761u);
    values[0] = d1t_text(path);
    values[1] = d1t_text(hash);
    values[2] = d1t_int((int64_t)i << 40);
    row(r, UPSERT, &files, values, 3, NULL);
}

/* The slot is the row's own, but for every 97th, which takes its neighbour's: parked, or refused and found. */
static void symbol_row(run *r, verb v, uint32_t file, uint32_t line, uint32_t number)
{
    const d1t_condition differs = {"name", false, d1t_absent()}, equals = {"weight", true, d1t_null()};
    char path[32], name[48];
    d1t_value values[5];

    snprintf(path, sizeof path, "src/f%03u.c", file);
    snprintf(name, sizeof name, "symbol_%u_of_%u", number, file);
    values[0] = d1t_text(path);
    values[1] = d1t_int(line);
    values[2] = v == UPDATE ? d1t_absent() : d1t_text(name);
    values[3] = number % 5 ? d1t_double(number / 7.0) : d1t_null();
    values[4] = d1t_int((int64_t)file * 10000 + line + (number % 97 == 96));
    row(r, v, &symbols, values, v == DELETE || v == DELETE_WHERE ? 2 : 5, v == UPSERT_WHERE ? &differs : &equals);
}

static void write_rows(run *r, uint32_t rows)
{
    uint32_t i, random = 7, parents = rows / 40 + 1;

    for (i = 0; i < parents; i++)
        file_row(r, i);
    for (i = 0; i < rows; i++) {
        symbol_row(r, UPSERT, next_random(&random) % parents, next_random(&random) % 200, i);
        if (i % (rows / 2 + 1) == rows / 3)
            symbol_row(r, UPSERT, 999, i, rows + i); /* no such parent: found by probing, the others are written */
    }
    flush(r);
    for (i = 0; i < rows / 4; i++)
        symbol_row(r, UPDATE, next_random(&random) % parents, next_random(&random) % 200, 2 * rows + i);
    for (i = 0; i < rows / 8; i++)
        symbol_row(r, DELETE, next_random(&random) % parents, next_random(&random) % 200, 0);
    for (i = 0; i < rows / 8; i++)
        symbol_row(r, i % 2 ? UPSERT_WHERE : DELETE_WHERE, next_random(&random) % parents, next_random(&random) % 200,
                   3 * rows + i);
    row(r, GROUP, NULL, NULL, 0, NULL);
    for (i = 0; i < 10; i++)
        symbol_row(r, UPSERT, 0, 1000 + i, 4 * rows + i);
    done(r, "group", d1t_group_end(&r->db));
}

static void work(run *r, uint32_t rows)
{
    const d1t_value args[] = {d1t_text("src/f000.c"), d1t_int(150)};
    const d1t_statement statements[] = {
        {"UPDATE files SET bytes = bytes + ?1 WHERE path = ?2", NULL, 2},
        {"DELETE FROM symbols WHERE line > ?1", args + 1, 1},
    };
    d1t_value bump[2];
    d1t_statement batch[2];

    bump[0] = args[1];
    bump[1] = args[0];
    memcpy(batch, statements, sizeof batch);
    batch[0].args = bump;
    done(r, "setup", r->driven ? drive(r, d1t_setup_start(&r->db, tables, 2)) : d1t_setup(&r->db, tables, 2));
    write_rows(r, rows);
    query(r, "SELECT path, count(*) AS n, max(name) AS last FROM symbols GROUP BY path ORDER BY path", NULL, 0);
    read_rows(r, &symbols, "`path` = ?1 AND `line` < ?2", args, 2);
    exec(r, batch, 2);
    query(r, "SELECT bytes FROM files WHERE path = ?1", args, 1);
    read_rows(r, &files, NULL, NULL, 0);
    query(r, "SELECT misspelt FROM files", NULL, 0);
    exec(r, batch, 1);
    write_rows(r, rows / 4); /* mostly the same again */
    flush(r);
    CHECK_INT(d1t_clear(&r->db, D1T_DROP_ROWS), D1T_OK); /* what stayed behind after an error: close would try again */
}

static void record_end(run *r, d1t_result closed)
{
    const d1t_stats *s = &r->db.stats;

    sqlite3_str_appendf(r->log, "\nclose: %s; sent %llu upserted %llu updated %llu deleted %llu changed %llu "
                        "merged %llu poisoned %llu", d1t_result_name(closed), s->rows_sent, s->rows_upserted,
                        s->rows_updated, s->rows_deleted, s->rows_changed, s->rows_merged, s->rows_poisoned);
    sqlite3_str_appendf(r->log, " read %llu written %llu requests %llu retries %llu flushes %llu unknown %llu "
                        "billed %llu bytes %llu received %llu waited %llu", s->rows_read, s->rows_written,
                        s->requests, s->retries, s->flushes, s->unknown,
                        s->maybe_billed, s->bytes_sent, s->bytes_received, s->waited_ms);
}

static void perform_run(run *r, bool driven, const schedule *faults, uint64_t seed, uint32_t rows)
{
    d1t_config config;

    memset(r, 0, sizeof *r);
    memset(&config, 0, sizeof config);
    r->d = local_d1_open(NULL, "secret");
    r->log = sqlite3_str_new(NULL);
    r->driven = driven;
    r->faults = faults;
    r->now = START_MS;
    local_d1_virtual_clock(r->d, START_MS);
    r->inner = local_d1_transport(r->d);
    config.account = "account";
    config.database = "database";
    config.token = "secret";
    config.seed = seed;
    config.max_body = 12000;
    config.isolate = true;
    config.driven = driven;
    config.on_event = on_event;
    config.ctx = r;
    config.transport = r->inner;
    config.transport.perform = must_not_perform;
    if (!driven) {
        config.transport.ctx = r;
        config.transport.perform = heard_perform;
        config.transport.now_ms = heard_now;
        config.transport.sleep_ms = heard_sleep;
    }
    CHECK_INT(d1t_open(&r->db, &config), D1T_OK);
    work(r, rows);
    record_end(r, d1t_close(&r->db));
    local_d1_close(r->d);
}

static bool same_log(run *a, run *b)
{
    int n = sqlite3_str_length(a->log), m = sqlite3_str_length(b->log), i;
    const char *p = sqlite3_str_value(a->log), *q = sqlite3_str_value(b->log);

    for (i = 0; i < n && i < m && p[i] == q[i]; i++) {}
    return i == n && n == m;
}

static void show_difference(run *a, run *b)
{
    int i, from = 0;
    const char *p = sqlite3_str_value(a->log), *q = sqlite3_str_value(b->log);

    for (i = 0; p[i] && p[i] == q[i]; i++)
        from = p[i] == '\n' ? i + 1 : from;
    printf("the first difference:\n  blocking: %.300s\n  driven:   %.300s\n", p + from, q + from);
}

static void forget(run *r)
{
    sqlite3_free(sqlite3_str_finish(r->log));
}

static uint64_t compare(const schedule *faults, uint64_t seed, uint32_t rows)
{
    static run blocking, driven;
    uint64_t requests;

    perform_run(&blocking, false, faults, seed, rows);
    perform_run(&driven, true, faults, seed, rows);
    CHECK_INT(sqlite3_str_errcode(blocking.log), SQLITE_OK);
    CHECK(same_log(&blocking, &driven));
    if (!same_log(&blocking, &driven))
        show_difference(&blocking, &driven);
    CHECK_INT(driven.requests, blocking.requests);
    requests = driven.requests;
    forget(&blocking);
    forget(&driven);
    return requests;
}

/* ---- the tests */

static const fault_at mixed[] = {
    {1, LOCAL_D1_REFUSE},       {3, LOCAL_D1_503_HTML},    {6, LOCAL_D1_LOSE_AFTER}, {8, LOCAL_D1_LATE},
    {9, LOCAL_D1_CUT_ANSWER},   {11, LOCAL_D1_429_API},    {13, LOCAL_D1_ZOMBIE},    {14, LOCAL_D1_ZOMBIE},
    {17, LOCAL_D1_CUT_REQUEST}, {19, LOCAL_D1_500_AFTER},  {22, LOCAL_D1_SILENT},    {23, LOCAL_D1_429_BUSY},
    {26, LOCAL_D1_TWICE},       {28, LOCAL_D1_LOSE_BEFORE},{31, LOCAL_D1_500},       {40, LOCAL_D1_DB_FULL},
    {55, LOCAL_D1_LATE},        {60, LOCAL_D1_DAY_LIMIT},  {70, LOCAL_D1_SILENT},    {71, LOCAL_D1_LATE},
    {90, LOCAL_D1_LOSE_AFTER},  {91, LOCAL_D1_CUT_ANSWER}, {92, LOCAL_D1_LOSE_AFTER},
};
static const schedule no_faults = {NULL, 0, LOCAL_D1_OK};
static const schedule mixed_faults = {mixed, sizeof mixed / sizeof *mixed, LOCAL_D1_OK};

static void test_without_faults_both_forms_send_the_same_at_the_same_times(void)
{
    CHECK(compare(&no_faults, 1, 4000) > 20);
}

static void test_with_mixed_faults_both_forms_send_the_same_at_the_same_times(void)
{
    uint64_t requests = compare(&mixed_faults, 20240229, 4000);

    CHECK(requests > 92); /* else a part of the schedule was not met */
    printf("figure: driven_requests %llu\n", (unsigned long long)requests);
}

static void test_with_every_fault_alone_both_forms_send_the_same_at_the_same_times(void)
{
    int fault;

    for (fault = LOCAL_D1_REFUSE; fault < LOCAL_D1_FAULT_COUNT; fault++) {
        schedule every_third = {NULL, 0, LOCAL_D1_OK};
        every_third.every_third = (local_d1_fault)fault;
        compare(&every_third, 99 + (uint64_t)fault, 300);
    }
}

/* The comparison sees what it has to see: another seed moves the times, a missing fault the requests. */
static void test_the_comparison_can_fail(void)
{
    static run a, b;

    perform_run(&a, false, &mixed_faults, 1, 300);
    perform_run(&b, true, &mixed_faults, 2, 300);
    CHECK(!same_log(&a, &b));
    forget(&b);
    perform_run(&b, true, &no_faults, 1, 300);
    CHECK(!same_log(&a, &b));
    forget(&a);
    forget(&b);
}

int main(void)
{
    RUN(test_without_faults_both_forms_send_the_same_at_the_same_times);
    RUN(test_with_mixed_faults_both_forms_send_the_same_at_the_same_times);
    RUN(test_with_every_fault_alone_both_forms_send_the_same_at_the_same_times);
    RUN(test_the_comparison_can_fail);
    TEST_MAIN_END;
}
