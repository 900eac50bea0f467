/* Two programs that declare rows of one table at once: when the one is about to send some request, the other does
   all of
   its own run first.

   producers        on local_d1, at every request of the first one

   With scopes of their own (ranges of the key, or a column that is no part of it) both end well, and neither deletes or
   changes a row of the other's. With the same scope the second one to write wins or loses as a whole: one of them gets
   D1T_ERR_CONFLICT, D1 holds what the other declared, and the loser runs again. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"

#define ROWS 1500

static const d1t_column row_columns[] = {D1T_COLUMN("path", D1T_TEXT, D1T_KEY), D1T_COLUMN("owner", D1T_TEXT, 0),
                                         D1T_COLUMN("n", D1T_INTEGER, 0)};
static const d1t_table rows = D1T_TABLE_FLAGS("rows", row_columns, D1T_WITHOUT_ROWID);
static const d1t_table *const tables[] = {&rows};

typedef struct producer {
    const char *name;
    d1t_scope scope;
    int from, to, step; /* the rows that it declares */
    int n;              /* and their value */
    struct producer *other;
    uint64_t at, count; /* at which request the other one runs, and how many there were */
    d1t_result result;
    d1t_sync_report report;
    d1t_transport inner;
} producer;

static local_d1 *d;
static unsigned meetings, conflicts;

static void produce(producer *p);

static d1t_result perform(void *ctx, d1t_request *req, d1t_op *op)
{
    producer *p = (producer *)ctx;

    if (++p->count == p->at && p->other) {
        meetings++;
        produce(p->other);
    }
    return p->inner.perform(p->inner.ctx, req, op);
}

static uint64_t now_ms(void *ctx)
{
    return ((producer *)ctx)->inner.now_ms(((producer *)ctx)->inner.ctx);
}

static void sleep_ms(void *ctx, uint64_t ms)
{
    ((producer *)ctx)->inner.sleep_ms(((producer *)ctx)->inner.ctx, ms);
}

static void produce(producer *p)
{
    d1t_config config = lab_config(d);
    d1t_sync_desc desc;
    d1t_client db;
    d1t_sync sync;
    d1t_value row[3];
    char path[32];
    int i;

    p->inner = config.transport;
    config.transport.ctx = p;
    config.transport.perform = perform;
    config.transport.now_ms = now_ms;
    config.transport.sleep_ms = sleep_ms;
    config.transport.close = NULL;
    config.max_body = 20000;
    memset(&desc, 0, sizeof desc);
    desc.scope = p->scope;
    desc.max_delete = 100;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    p->count = 0;
    if (d1t_sync_begin(&sync, &db, &desc) == D1T_OK) {
        for (i = p->from; i < p->to; i += p->step) {
            snprintf(path, sizeof path, "%05d", i);
            row[0] = d1t_text(path);
            row[1] = d1t_text(p->name);
            row[2] = d1t_int(p->n);
            if (d1t_sync_row(&sync, &rows, row, 3) != D1T_OK) break;
        }
        (void)d1t_sync_commit(&sync, &p->report);
    }
    p->result = d1t_close(&db);
}

static long long rows_of(const char *owner, int n)
{
    char sql[128];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM rows WHERE owner='%s' AND n=%d", owner, n);
    return lab_int(d, sql);
}

/* Both have declared half of the rows before; now each changes and leaves out some of its own. */
static void meet(producer *a, producer *b)
{
    uint64_t at, requests = 1;

    for (at = 1; at <= requests; at++) {
        d = lab_open();
        a->other = NULL;
        a->n = b->n = 1;
        produce(a);
        produce(b);
        a->n = b->n = 2;
        a->from += 10;
        b->to -= 10;
        a->other = b;
        a->at = at;
        produce(a);
        if (a->count > requests) requests = a->count;
        CHECK_INT(a->result, D1T_OK);
        CHECK_INT(b->result, D1T_OK);
        CHECK_INT(rows_of(a->name, 2), (a->to - a->from + a->step - 1) / a->step);
        CHECK_INT(rows_of(b->name, 2), (b->to - b->from + b->step - 1) / b->step);
        CHECK_INT(lab_int(d, "SELECT count(*) FROM rows WHERE n<>2"), 0);
        a->other = NULL;
        produce(a);
        produce(b);
        CHECK_INT(a->report.sent + b->report.sent, 0);
        a->from -= 10;
        b->to += 10;
        local_d1_close(d);
        if (test_checks_failed) break;
    }
    CHECK(requests > 3);
}

static void test_ranges_of_the_key_keep_apart(void)
{
    producer a, b;

    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.name = "a";
    b.name = "b";
    a.scope = d1t_scope_range(&rows, "path", d1t_absent(), d1t_text("00800"));
    b.scope = d1t_scope_range(&rows, "path", d1t_text("00800"), d1t_absent());
    a.to = b.from = 800;
    b.to = ROWS;
    a.step = b.step = 1;
    meet(&a, &b);
}

static void test_partitions_by_a_column_keep_apart_though_their_keys_alternate(void)
{
    producer a, b;

    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.name = "a";
    b.name = "b";
    a.scope = d1t_scope_equals(&rows, "owner", d1t_text("a"));
    b.scope = d1t_scope_equals(&rows, "owner", d1t_text("b"));
    a.to = b.to = ROWS;
    b.from = 1;
    a.step = b.step = 2;
    meet(&a, &b);
}

static void test_two_runs_of_the_same_scope_do_not_mix(void)
{
    producer a, b;
    uint64_t at, requests = 1, seen = 0;

    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.name = "a";
    b.name = "b";
    a.scope = b.scope = d1t_scope_table(&rows);
    a.to = b.to = ROWS;
    a.step = 2;
    b.step = 3;
    for (at = 1; at <= requests; at++) {
        d = lab_open();
        a.other = NULL;
        a.n = b.n = 1;
        produce(&a);
        a.n = 2;
        b.n = 3;
        a.other = &b;
        a.at = at;
        produce(&a);
        if (a.count > requests) requests = a.count;
        CHECK_INT(b.result, D1T_OK);
        if (a.result == D1T_OK) { /* it had not begun when the other one was done, or had no more to write */
            CHECK(rows_of("a", 2) == ROWS / 2 || rows_of("b", 3) == ROWS / 3);
            CHECK_INT(lab_int(d, "SELECT count(*) FROM rows"), rows_of("a", 2) ? ROWS / 2 : ROWS / 3);
        } else {
            CHECK_INT(a.result, D1T_ERR_CONFLICT);
            CHECK_INT(rows_of("b", 3), ROWS / 3);
            CHECK_INT(lab_int(d, "SELECT count(*) FROM rows"), ROWS / 3);
            conflicts++;
            a.other = NULL;
            produce(&a); /* and again */
            CHECK_INT(a.result, D1T_OK);
            CHECK_INT(rows_of("a", 2), ROWS / 2);
            CHECK_INT(lab_int(d, "SELECT count(*) FROM rows"), ROWS / 2);
        }
        seen++;
        local_d1_close(d);
        if (test_checks_failed) break;
    }
    CHECK(conflicts > 0 && conflicts < seen);
}

int main(void)
{
    RUN(test_ranges_of_the_key_keep_apart);
    RUN(test_partitions_by_a_column_keep_apart_though_their_keys_alternate);
    RUN(test_two_runs_of_the_same_scope_do_not_mix);
    printf("figure: meetings %u\nfigure: conflicts %u\n", meetings, conflicts);
    TEST_MAIN_END;
}
