/* The fault run: every fault of local_d1 × every operation × {first, last request} × {once, for ever}.

   In each cell the outcome is compared with what the database really holds: what the failed request would have done
   is found by giving its body to a copy of the database. Then the fault is switched off and the program goes on in
   each way that is documented; in the end the table must be what the program asked for, also after late requests have
   landed. Every operation has two steps, and the second writes newer values to the same keys, at once. */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"

#define STEPS 2
#define MANY 2000
#define LATER_MS 120000u    /* by then everything late has landed */
#define RESTART_MS 35000u   /* what a restarted program has to wait */

static const d1t_column item_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("n", D1T_INTEGER, D1T_NOT_NULL), D1T_COLUMN("hash", D1T_TEXT, 0)};
static const d1t_column wider_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("n", D1T_INTEGER, D1T_NOT_NULL), D1T_COLUMN("hash", D1T_TEXT, 0), D1T_COLUMN("extra", D1T_TEXT, 0)};
static const d1t_column note_columns[] = {D1T_COLUMN("item", D1T_INTEGER, D1T_KEY), D1T_COLUMN("text", D1T_TEXT, 0)};
static const char *const n_column[] = {"n"}, *const item_column[] = {"item"}, *const text_column[] = {"text"};
static const d1t_index item_indexes[] = {D1T_INDEX("items_n", n_column)};
static const d1t_index note_indexes[] = {D1T_INDEX("notes_text", text_column)};
static const d1t_foreign_key note_parents[] = {D1T_REFERENCES(item_column, "items", D1T_CASCADE)};
static const d1t_table items = {"items", item_columns, 4, item_indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table wider = {"items", wider_columns, 5, item_indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table notes = D1T_TABLE_FULL("notes", note_columns, note_indexes, note_parents, 0);
static const d1t_table *const item_list[] = {&items}, *const wider_list[] = {&wider}, *const note_list[] = {&notes};

typedef enum way { FLUSH_AGAIN, GO_ON, DROP_AND_REPEAT, START_AFRESH, WAYS } way;

typedef struct world world;
typedef struct operation {
    const char *name;
    bool rows;                                  /* rows of `items` may be pending */
    bool newer;                                 /* the second step makes up for a lost first one */
    void (*prepare)(world *w);                  /* before the fault */
    d1t_result (*step)(world *w, int version);  /* as a program would do it; again after an error, where it stopped */
    const char *holds[STEPS];                   /* SQL: 1 if the database is as after that step */
} operation;

struct world {
    local_d1 *d;
    d1t_transport inner;
    d1t_client db;
    d1t_plan plan;
    const operation *op;
    int at;             /* rows of this step that were taken */
    bool again;         /* this step may have been done already */
    bool repeated;      /* the input is given a second time */
    bool failing;       /* since `before` no request has been answered with success */
    uint64_t before, all;   /* digests: without the failing request, and with all of it */
    long long rows, sum;    /* of the answer to a query */
};

static local_d1 *copy;  /* of the database, to see what a request does */
static unsigned cells, histories, unknown_outcomes, complaints;
static char last_error[D1T_ERROR_TEXT];

/* ---- watching requests */

static uint64_t digest_with(world *w, d1t_request *req)
{
    sqlite3_backup *backup = sqlite3_backup_init(local_d1_sqlite(copy), "main", local_d1_sqlite(w->d), "main");
    size_t size = 0, got;
    char *body = (char *)sqlite3_malloc64(req->body_size + 1);
    local_d1_answer answer;

    CHECK(backup && sqlite3_backup_step(backup, -1) == SQLITE_DONE && sqlite3_backup_finish(backup) == SQLITE_OK);
    while ((got = d1t_request_read(req, body + size, (size_t)req->body_size + 1 - size)) > 0)
        size += got;
    CHECK_INT(size, req->body_size);
    d1t_request_rewind(req);
    local_d1_exchange(copy, "POST", LAB_URL "/raw", "Bearer " LAB_TOKEN, body, size, 0, &answer);
    body[size] = 0;
    if (!strstr(body, "FROM `_d1t_setup`\"")) /* the records, which are not there before the first setup */
        CHECK_INT(answer.status, 200);
    sqlite3_free(body);
    return lab_digest(copy);
}

static d1t_result watch(void *ctx, d1t_request *req, d1t_op *op)
{
    world *w = (world *)ctx;
    d1t_result result;

    if (!w->failing && local_d1_next_fault(w->d) != LOCAL_D1_OK) {
        w->failing = true;
        w->before = lab_digest(w->d);
        w->all = digest_with(w, req);
    }
    result = w->inner.perform(w->inner.ctx, req, op);
    if (result == D1T_OK && op->http_status == 200)
        w->failing = false;
    return result;
}

static uint64_t watch_now(void *ctx)
{
    world *w = (world *)ctx;

    return w->inner.now_ms(w->inner.ctx);
}

static void watch_sleep(void *ctx, uint64_t ms)
{
    world *w = (world *)ctx;

    w->inner.sleep_ms(w->inner.ctx, ms);
}

static void open_client(world *w)
{
    d1t_config c = lab_config(w->d);

    w->inner = c.transport;
    c.transport.ctx = w;
    c.transport.perform = watch;
    c.transport.now_ms = watch_now;
    c.transport.sleep_ms = watch_sleep;
    c.max_body = 32768;
    CHECK_INT(d1t_open(&w->db, &c), D1T_OK);
}

/* ---- the operations */

static d1t_value small_row[4];

static const d1t_value *row_of(int id, int version)
{
    static char name[32], hash[8];

    sprintf(name, "row %d", id);
    sprintf(hash, "h%d", version);
    small_row[0] = d1t_int(id);
    small_row[1] = d1t_text(name);
    small_row[2] = d1t_int(id * 10 + version);
    small_row[3] = d1t_text(hash);
    return small_row;
}

static d1t_result upserts(world *w, int count, int version)
{
    d1t_result result = D1T_OK;

    for (; result == D1T_OK && w->at < count; w->at += result == D1T_OK)
        result = d1t_upsert(&w->db, &items, row_of(w->at + 1, version), 4);
    return result;
}

static void prepare_items(world *w)
{
    CHECK_INT(d1t_setup(&w->db, item_list, 1), D1T_OK);
}

static void prepare_rows(world *w)
{
    prepare_items(w);
    CHECK_INT(upserts(w, 6, 0), D1T_OK);
    CHECK_INT(d1t_flush(&w->db), D1T_OK);
}

static d1t_result flush_behind(world *w, d1t_result result)
{
    return result == D1T_OK ? d1t_flush(&w->db) : result;
}

static d1t_result step_upsert_few(world *w, int version)
{
    return flush_behind(w, upserts(w, 5, version));
}

static d1t_result step_upsert_many(world *w, int version)
{
    return flush_behind(w, upserts(w, MANY, version));
}

static d1t_result step_update(world *w, int version)
{
    d1t_result result = D1T_OK;

    for (; result == D1T_OK && w->at < 5; w->at += result == D1T_OK) {
        row_of(w->at + 1, version);
        small_row[1] = d1t_absent();
        result = d1t_update(&w->db, &items, small_row, 4);
    }
    return flush_behind(w, result);
}

/* First 1 to 3 go; then 2 comes back and 4 goes. */
static d1t_result step_delete(world *w, int version)
{
    d1t_result result = D1T_OK;
    d1t_value key[1];

    for (; result == D1T_OK && w->at < (version == 1 ? 3 : 2); w->at += result == D1T_OK) {
        key[0] = d1t_int(version == 1 ? w->at + 1 : 4);
        result = version == 2 && w->at == 0 ? d1t_upsert(&w->db, &items, row_of(2, 2), 4)
                                            : d1t_delete(&w->db, &items, key, 1);
    }
    return flush_behind(w, result);
}

/* Rows 1 to 3 where their hash differs. First 4 goes because its hash is h0, and 5 stays because its is not; then 4 is
   written again. */
static d1t_result step_conditional(world *w, int version)
{
    const d1t_condition differs = {"hash", false, d1t_absent()};
    d1t_condition equals = {"hash", true, d1t_text("h0")};
    d1t_result result = D1T_OK;
    d1t_value key[1];

    for (; result == D1T_OK && w->at < 5; w->at += result == D1T_OK) {
        if (w->at == 4)
            equals.value = d1t_text("other");
        key[0] = d1t_int(w->at + 1);
        if (w->at >= 3 && (version == 1 || w->at == 4))
            result = d1t_delete_where(&w->db, &items, key, 1, &equals);
        else
            result = d1t_upsert_where(&w->db, &items, row_of(w->at + 1, version), 4, &differs);
    }
    return flush_behind(w, result);
}

static int count_row(void *ctx, const d1t_row *row)
{
    world *w = (world *)ctx;

    w->rows++;
    w->sum += row->values[row->count == 4 ? 2 : 1].u.i;
    return 0;
}

/* Rows, then a question about them: its answer has every row once. */
static d1t_result step_ask(world *w, int version, bool query)
{
    d1t_value least[1];
    d1t_result result = upserts(w, 40, version);

    if (result != D1T_OK)
        return result;
    least[0] = d1t_int(0);
    w->rows = w->sum = 0;
    if (query)
        result = d1t_query(&w->db, "SELECT id, n FROM items WHERE n > ?1 ORDER BY id", least, 1, count_row, w);
    else
        result = d1t_read(&w->db, &items, "`n` > ?1", least, 1, count_row, w);
    if (result == D1T_OK) {
        CHECK_INT(w->rows, 40);
        CHECK_INT(w->sum, 8200 + 40 * version);
    }
    return result;
}

static d1t_result step_query(world *w, int version)
{
    return step_ask(w, version, true);
}

static d1t_result step_read(world *w, int version)
{
    return step_ask(w, version, false);
}

static void prepare_exec(world *w)
{
    static const d1t_statement make[] = {{"CREATE TABLE done(id INTEGER PRIMARY KEY)", NULL, 0},
                                         {"CREATE TABLE state(newest INTEGER, times INTEGER)", NULL, 0},
                                         {"INSERT INTO state VALUES(0, 0)", NULL, 0}};

    CHECK_INT(d1t_exec(&w->db, make, 3), D1T_OK);
}

static int found_row(void *ctx, const d1t_row *row)
{
    *(long long *)ctx += row->values[0].u.i;
    return 0;
}

/* Not idempotent: after an error the program looks first. */
static d1t_result step_exec(world *w, int version)
{
    d1t_value id[1];
    d1t_statement add[2] = {{"INSERT INTO done(id) VALUES(?1)", NULL, 1},
                            {"UPDATE state SET newest = ?1, times = times + 1", NULL, 1}};
    long long found = 0;
    d1t_result result = D1T_OK;

    id[0] = d1t_int(version);
    add[0].args = add[1].args = id;
    if (w->again)
        result = d1t_query(&w->db, "SELECT count(*) FROM done WHERE id = ?1", id, 1, found_row, &found);
    return result == D1T_OK && !found ? d1t_exec(&w->db, add, 2) : result;
}

static d1t_result step_setup(world *w, int version)
{
    return d1t_setup(&w->db, version == 1 ? item_list : note_list, 1);
}

static void prepare_plan(world *w)
{
    CHECK_INT(d1t_plan_read(&w->plan, &w->db, item_list, 1), D1T_OK);
}

static d1t_result step_plan_apply(world *w, int version)
{
    d1t_result result = D1T_OK;

    if (w->again || version == 2) {
        d1t_plan_free(&w->plan);
        result = d1t_plan_read(&w->plan, &w->db, version == 1 ? item_list : wider_list, 1);
    }
    return result == D1T_OK ? d1t_plan_apply(&w->plan, D1T_EFFECT_NONE) : result;
}

#define ROWS(count, version)                                                                        \
    "SELECT count(*)=" #count " AND sum(id<=" #count " AND n=id*10+" #version " AND name='row '||id AND hash='h" \
    #version "')=" #count " FROM items"
#define STATE(rows) "SELECT group_concat(id||':'||n) = '" rows "' AND sum(name='row '||id)=count(*) FROM " \
                    "(SELECT * FROM items ORDER BY id)"
#define DONE(id) "SELECT max(id)=" #id " AND (SELECT newest||','||times FROM state)='" #id ",'||count(*) FROM done"

static const operation operations[] = {
    {"setup", false, false, NULL, step_setup,
     {"SELECT group_concat(name)='items,items_n' FROM (SELECT name FROM sqlite_schema WHERE substr(name,1,1)<>'_')",
      "SELECT count(*)=4 FROM sqlite_schema WHERE name IN ('items','items_n','notes','notes_text')"}},
    {"upsert of a small batch", true, true, prepare_items, step_upsert_few, {ROWS(5, 1), ROWS(5, 2)}},
    {"upsert of 2000 rows", true, true, prepare_items, step_upsert_many, {ROWS(2000, 1), ROWS(2000, 2)}},
    {"update", true, true, prepare_rows, step_update,
     {STATE("1:11,2:21,3:31,4:41,5:51,6:60"), STATE("1:12,2:22,3:32,4:42,5:52,6:60")}},
    {"delete", true, true, prepare_rows, step_delete, {STATE("4:40,5:50,6:60"), STATE("2:22,5:50,6:60")}},
    {"conditional upsert and delete", true, true, prepare_rows, step_conditional,
     {STATE("1:11,2:21,3:31,5:50,6:60"), STATE("1:12,2:22,3:32,4:42,5:50,6:60")}},
    {"query", true, true, prepare_items, step_query, {ROWS(40, 1), ROWS(40, 2)}},
    {"read", true, true, prepare_items, step_read, {ROWS(40, 1), ROWS(40, 2)}},
    {"exec", false, true, prepare_exec, step_exec, {DONE(1), DONE(2)}},
    {"plan apply", false, false, prepare_plan, step_plan_apply,
     {"SELECT count(*)=2 FROM sqlite_schema WHERE name IN ('items','items_n')",
      "SELECT count(*)=1 FROM sqlite_schema WHERE name='items' AND instr(sql,'extra')>0"}}};

/* ---- one history */

/* What can be known of a request that would have written something, when it met the fault every time. */
static d1t_outcome knowable(local_d1_fault fault, bool writes)
{
    switch (fault) {
    case LOCAL_D1_REFUSE: case LOCAL_D1_429_API: case LOCAL_D1_429_BUSY:
        return D1T_NOT_APPLIED;
    case LOCAL_D1_DB_FULL: case LOCAL_D1_DAY_LIMIT:
        return D1T_PERMANENT;
    default:
        return writes ? D1T_UNKNOWN : D1T_NOT_APPLIED;
    }
}

/* The outcome is one of the four, as exact as can be known, and true. */
static void check_outcome(world *w, d1t_result result, local_d1_fault fault)
{
    const d1t_error *e = &w->db.error;
    uint64_t now = lab_digest(w->d);

    CHECK_INT(e->code, result);
    CHECK(result < 0);
    CHECK(e->text[0] != 0);
    CHECK(w->failing);
    CHECK_INT(e->outcome, knowable(fault, w->all != w->before));
    if (e->outcome == D1T_UNKNOWN)
        CHECK(now == w->before || now == w->all);
    else
        CHECK(now == w->before);
    CHECK(e->outcome != D1T_PERMANENT || !e->retryable);
    unknown_outcomes += e->outcome == D1T_UNKNOWN;
    memcpy(last_error, e->text, sizeof last_error);
}

static void open_world(world *w, const operation *op)
{
    memset(w, 0, sizeof *w);
    w->op = op;
    w->d = lab_open();
    open_client(w);
    if (op->prepare)
        op->prepare(w);
    w->at = 0;
}

static void close_world(world *w)
{
    d1t_plan_free(&w->plan);
    CHECK_INT(d1t_close(&w->db), D1T_OK);
    local_d1_close(w->d);
}

/* Steps from `step` on; returns the step that failed, or STEPS. */
static int run_steps(world *w, int step, d1t_result *result)
{
    for (; step < STEPS; step++) {
        *result = w->op->step(w, step + 1);
        if (*result != D1T_OK)
            return step;
        if (step + 1 == STEPS || !w->repeated)  /* a repeated first step does not undo the second */
            CHECK_INT(lab_int(w->d, w->op->holds[step]), 1);
        w->at = 0;
        w->again = false;
    }
    return STEPS;
}

/* The program forgets everything, waits as a restarted one has to, and repeats its input. */
static void start_afresh(world *w)
{
    d1t_outcome outcome = w->db.error.outcome;
    uint64_t now;

    d1t_plan_free(&w->plan);
    CHECK(d1t_close(&w->db) != D1T_OK);
    local_d1_sleep(w->d, RESTART_MS);
    now = lab_digest(w->d);
    CHECK(now == w->before || (outcome == D1T_UNKNOWN && now == w->all));
    open_client(w);
    if (w->op->rows)
        CHECK_INT(d1t_setup(&w->db, item_list, 1), D1T_OK);
}

/* After the error of `step`: the way back to work. Returns the step to go on with. */
static int recover(world *w, int step, way how)
{
    w->again = true;
    if (how == START_AFRESH) {
        start_afresh(w);
    } else {
        CHECK_INT(d1t_clear(&w->db, how == DROP_AND_REPEAT ? D1T_DROP_ROWS : D1T_KEEP_ROWS), D1T_OK);
        if (how == FLUSH_AGAIN)
            CHECK_INT(d1t_flush(&w->db), D1T_OK);
    }
    if (how == FLUSH_AGAIN || (how != GO_ON && !w->op->rows) || (how == GO_ON && step + 1 == STEPS))
        return step;                /* with the rows that were not taken yet */
    w->at = 0;
    w->again = w->repeated = how != GO_ON;
    return how == GO_ON ? step + 1 : 0;
}

/* Returns false if the fault made no error, so that there is but one way to go on. */
static bool run_history(const operation *op, local_d1_fault fault, uint64_t first, uint64_t count, way how)
{
    world w;
    d1t_result result = D1T_OK;
    int step;

    last_error[0] = 0;
    open_world(&w, op);
    local_d1_set_fault(w.d, fault, first, count);
    step = run_steps(&w, 0, &result);
    local_d1_set_fault(w.d, LOCAL_D1_OK, 1, 0);
    if (step < STEPS) {
        check_outcome(&w, result, fault);
        CHECK_INT(run_steps(&w, recover(&w, step, how), &result), STEPS);
        CHECK_INT(result, D1T_OK);
    }
    local_d1_sleep(w.d, LATER_MS);
    CHECK_INT(lab_int(w.d, op->holds[STEPS - 1]), 1);
    close_world(&w);
    histories++;
    return step < STEPS;
}

static uint64_t count_requests(const operation *op)
{
    world w;
    d1t_result result = D1T_OK;
    uint64_t before;

    open_world(&w, op);
    before = local_d1_requests(w.d);
    CHECK_INT(run_steps(&w, 0, &result), STEPS);
    before = local_d1_requests(w.d) - before;
    close_world(&w);
    return before;
}

static void run_cell(const operation *op, local_d1_fault fault, uint64_t first, uint64_t count)
{
    int before = test_checks_failed, how;
    bool error = true;

    for (how = 0; how < WAYS && error && test_checks_failed == before; how++) {
        if (how == GO_ON && !op->newer)
            continue;
        error = run_history(op, fault, first, count, (way)how);
        if (test_checks_failed != before && ++complaints <= 20)
            printf("  in: %s, fault %d, request %d, %s, way %d: %s\n", op->name, (int)fault, (int)first,
                   count == 1 ? "once" : "for ever", how, last_error);
    }
    cells++;
}

static void run_operation(const char *name)
{
    const operation *op = operations;
    uint64_t last;
    int fault;

    while (strcmp(op->name, name) != 0)
        op++;
    last = count_requests(op);
    CHECK(last >= 2);
    for (fault = LOCAL_D1_OK + 1; fault < LOCAL_D1_FAULT_COUNT; fault++) {
        run_cell(op, (local_d1_fault)fault, 1, 1);
        run_cell(op, (local_d1_fault)fault, 1, UINT64_MAX);
        run_cell(op, (local_d1_fault)fault, last, 1);
        run_cell(op, (local_d1_fault)fault, last, UINT64_MAX);
    }
}

static void test_setup(void) { run_operation("setup"); }
static void test_upsert_of_a_small_batch(void) { run_operation("upsert of a small batch"); }
static void test_upsert_over_several_requests(void) { run_operation("upsert of 2000 rows"); }
static void test_update(void) { run_operation("update"); }
static void test_delete(void) { run_operation("delete"); }
static void test_conditional_writes(void) { run_operation("conditional upsert and delete"); }
static void test_query(void) { run_operation("query"); }
static void test_read(void) { run_operation("read"); }
static void test_exec(void) { run_operation("exec"); }
static void test_plan_apply(void) { run_operation("plan apply"); }

int main(void)
{
    copy = local_d1_open(NULL, LAB_TOKEN);
    RUN(test_setup);
    RUN(test_upsert_of_a_small_batch);
    RUN(test_upsert_over_several_requests);
    RUN(test_update);
    RUN(test_delete);
    RUN(test_conditional_writes);
    RUN(test_query);
    RUN(test_read);
    RUN(test_exec);
    RUN(test_plan_apply);
    local_d1_close(copy);
    CHECK_INT(cells, 10 * (LOCAL_D1_FAULT_COUNT - 1) * 2 * 2);
    printf("figure: fault_cells %u\n", cells);
    printf("figure: fault_histories %u\n", histories);
    printf("figure: fault_unknown_outcomes %u\n", unknown_outcomes);
    TEST_MAIN_END;
}
