/* A migration that is cut off at every point of its exchange with D1, and the run after it.

   crash [COUNT]: so many migrations of shop.h, 200 unless said otherwise; each by d1t_plan_read and d1t_plan_apply, and
   by d1t_setup. First without a fault: what the database then holds is compared with what each column shall hold. Then
   once more for every request of it:
     before     the program dies before it sends the request (from the second on: between the requests)
     after      D1 has executed the request, the program dies without the answer
     late       the connection breaks, the program dies, D1 executes the request 29 s later, after the next run
     faults     the program lives: every fault that passes
   A program that has died is a client that is never called again. The next run has to end where the first one did, to
   the last byte, and in between the database is as it was before or after one of the batches. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"
#include <stdlib.h>
#include "shop.h"

#define MOST_REQUESTS 12
#define LATER_MS      120000u /* by then everything late has landed */

typedef enum death { LIVES, DIES_BEFORE, DIES_AFTER, DIES_LATE } death;
typedef enum way { BY_PLAN, BY_SETUP } way;

static shop before, after;
static char title[256];
static sqlite3 *start;                                  /* the database before the migration */
static uint64_t states[MOST_REQUESTS + 1], state_count; /* digests between the batches of an undisturbed run */
static local_d1 *d;
static unsigned migrations, crash_points, fault_points, failures_shown;

static void complain(const char *what, const char *more)
{
    test_checks_failed++;
    if (failures_shown++ < 5) printf("%s: %s%s%s\n", title, what, more ? ": " : "", more ? more : "");
}

/* ---- databases */

static void copy_database(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    if (!backup || sqlite3_backup_step(backup, -1) != SQLITE_DONE || sqlite3_backup_finish(backup) != SQLITE_OK)
        complain("copy", sqlite3_errmsg(to));
}

static void open_database(void)
{
    d = lab_open();
    copy_database(local_d1_sqlite(d), start);
}

/* The first value of the answer as text. */
static const char *ask(sqlite3 *on, const char *sql)
{
    static char answer[2][1 << 15];
    static int turn;
    char *out = answer[turn ^= 1];
    sqlite3_stmt *stmt = NULL;

    out[0] = 0;
    if (sqlite3_prepare_v2(on, sql, -1, &stmt, NULL) != SQLITE_OK || sqlite3_step(stmt) != SQLITE_ROW)
        snprintf(out, sizeof answer[0], "%s", sqlite3_errmsg(on));
    else if (sqlite3_column_text(stmt, 0))
        snprintf(out, sizeof answer[0], "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return out;
}

/* ---- a program that migrates */

typedef struct program {
    d1t_client db;
    d1t_transport transport;
    d1t_plan plan;
    bool watch; /* note the states between the batches */
    death death;
    unsigned at, sent; /* the request it dies at; requests so far */
} program;

static bool dies(program *p, death how)
{
    return p->death == how && p->sent == p->at;
}

static void note_state(void)
{
    uint64_t digest = lab_digest(d);

    if (state_count == 0 || states[state_count - 1] != digest) states[state_count++ % MOST_REQUESTS] = digest;
}

/* The loop of d1t_run. False: the program has died. */
static bool drive(program *p)
{
    d1t_step step;
    d1t_todo todo;

    while ((step = d1t_next(&p->db, local_d1_now(d), &todo)) != D1T_DONE && step != D1T_FAIL) {
        d1t_result result = D1T_ERR_TIMEOUT;

        if (step == D1T_WAIT) local_d1_sleep(d, todo.wake_ms - local_d1_now(d));
        if (step == D1T_SEND) {
            p->sent++;
            if (dies(p, DIES_BEFORE)) return false;
            if (dies(p, DIES_LATE)) local_d1_set_fault(d, LOCAL_D1_ZOMBIE, 1, 1);
            result = p->transport.perform(p->transport.ctx, todo.request, todo.op);
            if (dies(p, DIES_AFTER) || dies(p, DIES_LATE)) return false;
        }
        if (step == D1T_SEND || step == D1T_CANCEL) d1t_op_on_end(todo.op, local_d1_now(d), result, 0);
        if (step == D1T_SEND && p->watch) note_state();
    }
    return true;
}

static bool run_plan(program *p, const d1t_table *const *list, size_t count)
{
    d1t_plan_desc desc = {0};

    desc.tables = list;
    desc.count = count;
    desc.prune = true;
    if (d1t_plan_read_start(&p->plan, &p->db, &desc) != D1T_OK || !drive(p)) return p->db.error.code != D1T_OK;
    if (p->db.error.code == D1T_OK && d1t_plan_apply_start(&p->plan, D1T_EFFECT_DESTRUCTIVE) == D1T_OK) return drive(p);
    return true;
}

/* Opens, migrates, closes. False: it has died. Its error is in p->db.error. */
static bool migrate(program *p, way how, const shop *to)
{
    d1t_config config = lab_config(d);
    bool lives;

    p->transport = config.transport;
    config.allow = D1T_EFFECT_DESTRUCTIVE;
    if (d1t_open(&p->db, &config) != D1T_OK) return true;
    if (how == BY_PLAN) lives = run_plan(p, to->list, to->count);
    else lives = d1t_setup_start(&p->db, to->list, to->count) != D1T_OK || drive(p);
    d1t_plan_free(&p->plan);
    d1t_close(&p->db);
    return lives;
}

static unsigned run(way how, const shop *to, bool watch)
{
    program p;

    memset(&p, 0, sizeof p);
    p.watch = watch;
    if (!migrate(&p, how, to) || p.db.error.code != D1T_OK) complain("an undisturbed run", p.db.error.text);
    return p.sent;
}

/* ---- what has to be there */

/* Rows of a table as one text, each a JSON array of what its columns shall hold. */
static void rows_sql(char *sql, size_t room, const shop_table *t, bool as_it_was)
{
    size_t n = (size_t)snprintf(sql, room, "SELECT group_concat(r,';') FROM (SELECT json_array("), i;

    for (i = 0; i < t->t.column_count; i++)
        n += (size_t)snprintf(sql + n, room - n, as_it_was ? "%squote(%s)" : "%squote(`%s`)", i ? "," : "",
                              as_it_was ? t->holds[i] : t->columns[i].name);
    snprintf(sql + n, room - n, ") AS r FROM `%s` ORDER BY r)", as_it_was ? t->was : t->t.name);
}

static void check_rows(void)
{
    char sql[4096];
    const char *want, *have;
    size_t i;

    for (i = 0; i < SHOP_TABLES; i++) {
        const shop_table *t = &after.tables[i];

        if (!t->declared) continue;
        rows_sql(sql, sizeof sql, t, true);
        want = t->was ? ask(start, sql) : "";
        rows_sql(sql, sizeof sql, t, false);
        have = ask(local_d1_sqlite(d), sql);
        if (strcmp(want, have) != 0) {
            complain("rows differ in", t->t.name);
            complain(want, have);
        }
    }
}

static void print_step(void *ctx, const char *line)
{
    complain((const char *)ctx, line);
}

/* The record says what is there. */
static void check_drift(void)
{
    d1t_config config = lab_config(d);
    d1t_plan_desc desc = {0};
    d1t_client db;
    d1t_plan plan;

    desc.drift = true;
    d1t_open(&db, &config);
    if (d1t_plan_read_desc(&plan, &db, &desc) != D1T_OK) complain("drift", db.error.text);
    if (plan.step_count) d1t_plan_print(&plan, print_step, (void *)(uintptr_t) "the record is not what is there");
    d1t_plan_free(&plan);
    d1t_close(&db);
}

static void check_nothing_half_done(void)
{
    const char *left =
        ask(local_d1_sqlite(d), "SELECT group_concat(name) FROM sqlite_schema WHERE name GLOB '_d1t_*' AND "
                                "name<>'_d1t_setup' AND name NOT GLOB 'sqlite_*'");
    if (left[0]) complain("left over", left);
}

/* Foreign keys hold, views and triggers work, FTS5 indexes agree with their tables, given ids are not given again. It
   writes: the database is of no use afterwards. */
static void check_all_works(void)
{
    sqlite3 *s = local_d1_sqlite(d);
    const char *one;

    if (before.tables[CUSTOMERS].t.flags & after.tables[CUSTOMERS].t.flags & D1T_AUTOINCREMENT) {
        one = ask(s, "SELECT seq FROM sqlite_sequence WHERE name='customers'");
        if (strcmp(one, "9") != 0) complain("the sequence is", one);
    }
    if (strcmp(ask(s, "SELECT count(*) FROM sqlite_schema WHERE name='products_words'"), "1") == 0 &&
        sqlite3_exec(s, "INSERT INTO products_words(products_words,rank) VALUES('integrity-check',1)", NULL, NULL,
                     NULL))
        complain("FTS5", sqlite3_errmsg(s));
    if (sqlite3_exec(s, "PRAGMA foreign_keys=on", NULL, NULL, NULL) || sqlite3_exec(s, shop_moves, NULL, NULL, NULL))
        complain("views and triggers", sqlite3_errmsg(s));
    one = ask(s, shop_works);
    if (strcmp(one, "1") != 0) complain("views and triggers do not all work", one);
}

/* ---- the disturbances */

static void check_state_between(void)
{
    uint64_t digest = lab_digest(d), i;

    for (i = 0; i < state_count && states[i] != digest; i++) {}
    if (i == state_count) complain("half done", NULL);
}

static void check_end(const char *what)
{
    if (lab_digest(d) != states[state_count - 1]) complain("the next run does not end where it should", what);
    check_nothing_half_done();
    check_drift();
}

/* The program dies at a request of the migration; `next` runs after it. */
static void crash_at(way how, death dying, unsigned at, way next)
{
    program p;

    open_database();
    memset(&p, 0, sizeof p);
    p.death = dying;
    p.at = at;
    if (migrate(&p, how, &after)) complain("it did not die", p.db.error.text);
    check_state_between();
    run(next, &after, false);
    if (next == how) check_end("after a crash");
    else check_rows();
    local_d1_advance(d, local_d1_now(d) + LATER_MS);
    if (next == how) check_end("after what was late");
    local_d1_close(d);
    crash_points++;
}

/* The same program goes on after a fault. */
static void fault_at(way how, local_d1_fault fault, unsigned at)
{
    program p;

    open_database();
    memset(&p, 0, sizeof p);
    local_d1_set_fault(d, fault, at, 1);
    if (!migrate(&p, how, &after) || p.db.error.code != D1T_OK) complain("a fault that passes", p.db.error.text);
    local_d1_advance(d, local_d1_now(d) + LATER_MS);
    check_end("after a fault");
    local_d1_close(d);
    fault_points++;
}

static void disturb(way how)
{
    unsigned requests, at;
    int fault;

    open_database();
    state_count = 0;
    note_state();
    requests = run(how, &after, true);
    if (state_count > MOST_REQUESTS) complain("more batches than expected", NULL);
    check_rows();
    check_end("undisturbed");
    check_all_works();
    local_d1_close(d);
    for (at = 1; at <= requests; at++) {
        crash_at(how, DIES_BEFORE, at, how);
        crash_at(how, DIES_AFTER, at, how);
        crash_at(how, DIES_LATE, at, how);
        if (how == BY_PLAN) crash_at(how, DIES_AFTER, at, BY_SETUP);
        for (fault = 1; fault < LOCAL_D1_FAULT_COUNT; fault++)
            if (fault != LOCAL_D1_DB_FULL && fault != LOCAL_D1_DAY_LIMIT) /* these do not pass */
                fault_at(how, (local_d1_fault)fault, at);
    }
}

/* The shop before the migration: set up by the header, or by hand, so that nothing is recorded yet. */
static void prepare(unsigned number)
{
    size_t i;

    failures_shown = 0;
    shop_migration(&before, &after, number, title, sizeof title);
    sqlite3_open(":memory:", &start);
    d = lab_open();
    run(BY_PLAN, &before, false);
    for (i = 0; i < SHOP_ROWS + SHOP_BY_HAND; i++)
        if (!lab_exec(d, i < SHOP_ROWS ? shop_rows[i] : shop_by_hand[i - SHOP_ROWS]))
            complain("preparing", sqlite3_errmsg(local_d1_sqlite(d)));
    copy_database(start, local_d1_sqlite(d));
    local_d1_close(d);
}

static unsigned number;

static void a_migration_that_is_cut_off_is_finished_by_the_next_run(void)
{
    prepare(number);
    disturb(BY_PLAN);
    disturb(BY_SETUP);
    sqlite3_close(start);
    migrations++;
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 200;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (number = argc > 2 ? count - 1 : 0; number < count; number++)
        RUN(a_migration_that_is_cut_off_is_finished_by_the_next_run);
    printf("figure: migrations %u\nfigure: crash_points %u\nfigure: faults_survived %u\n", migrations, crash_points,
           fault_points);
    TEST_MAIN_END;
}
