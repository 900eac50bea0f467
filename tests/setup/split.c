/* A rebuild that is too large for one request, spread over several, while another program goes on writing to the table:
   undisturbed, cut off at every request, with a fault at every request. "local" is its only argument;
   ONLY=name_of_the_test runs one.

   What the other program does it does to table `o` as well, which nobody migrates: in the end table `t` has to hold the
   rows of `o`, converted. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"
#include <stdlib.h>

#define LATER_MS 120000u /* by then everything late has landed */

typedef enum death { LIVES, DIES_BEFORE, DIES_AFTER, DIES_LATE } death;

/* A table before and after, what another program does to it (# is the table, ?1 a number that grows), and what its rows
   are to be: expressions over `o`, in the order of the columns `have` of t. */
typedef struct kind {
    const char *title, *create, *fill;
    const char *writes[6];
    const char *want, *have;
    const d1t_table *to;
    d1t_effect allow;
} kind;

#define COLUMNS(t) t, sizeof(t) / sizeof((t)[0])
#define ROWS       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<?1) INSERT INTO # "

static const d1t_column int_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("n", D1T_INTEGER, 0),
    D1T_COLUMN("mail", D1T_TEXT, 0),
};
static const char *const int_mail[] = {"mail"};
static const d1t_index int_indexes[] = {D1T_UNIQUE_INDEX("t_mail", int_mail)};
static const d1t_table int_table = {"t", COLUMNS(int_columns), int_indexes, 1, NULL, 0, NULL,
                                    0,   D1T_AUTOINCREMENT,    NULL,        0, NULL};

static const d1t_column text_columns[] = {
    D1T_COLUMN("name", D1T_TEXT, D1T_KEY),
    D1T_COLUMN_DEFAULT("n", D1T_TEXT, D1T_NOT_NULL, "'none'"),
};
static const d1t_table text_table = D1T_TABLE("t", text_columns);

static const d1t_column blob_columns[] = {
    D1T_COLUMN("k", D1T_BLOB, D1T_KEY),
    D1T_COLUMN("n", D1T_TEXT, 0),
};
static const d1t_table blob_table = D1T_TABLE_FLAGS("t", blob_columns, D1T_WITHOUT_ROWID);

static const d1t_column pair_columns[] = {
    D1T_COLUMN("a", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("b", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("n", D1T_REAL, 0),
    D1T_COLUMN_GENERATED("twice", D1T_INTEGER, D1T_STORED, "b * 2"),
};
static const d1t_table pair_table = D1T_TABLE("t", pair_columns);

static const d1t_column lossy_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN_DEFAULT("n", D1T_INTEGER, D1T_NOT_NULL, "-1"),
};
static const d1t_table lossy_table = D1T_TABLE("t", lossy_columns);

static const d1t_column child_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("p", D1T_INTEGER, 0),
    D1T_COLUMN("n", D1T_TEXT, D1T_NOT_NULL),
};
static const char *const child_p[] = {"p"}, *const child_n[] = {"n"};
static const d1t_foreign_key child_keys[] = {D1T_REFERENCES(child_p, "p", D1T_CASCADE)};
static const d1t_index child_indexes[] = {D1T_FTS5_INDEX("t_words", child_n)};
static const d1t_table child_table = {"t", COLUMNS(child_columns), child_indexes, 1, child_keys, 1, NULL, 0, 0, NULL, 0,
                                      NULL};

static const kind kinds[] = {
    {"a foreign key, a view, a full-text index",
     "CREATE TABLE IF NOT EXISTS p(id INTEGER PRIMARY KEY);"
     "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<99) INSERT OR IGNORE INTO p SELECT i FROM n;"
     "CREATE TABLE #(id INTEGER PRIMARY KEY,p INTEGER REFERENCES p(id) ON DELETE CASCADE,n TEXT);"
     "CREATE VIEW v# AS SELECT id,n FROM #",
     ROWS "SELECT i*3,CASE WHEN i%9 THEN i%100 END,'word'||i FROM n",
     {"INSERT INTO #(p,n) VALUES(NULL,'new'||?1)", "DELETE FROM p WHERE id=?1*3%100",
      "UPDATE # SET n='changed',p=(SELECT min(id) FROM p) WHERE id%17=?1%17", "DELETE FROM # WHERE id%31=?1%31",
      "REPLACE INTO # VALUES(?1*9,NULL,'replaced')", "UPDATE # SET id=-id WHERE id%29=?1%29"},
     "id,p,n",
     "id,p,n",
     &child_table,
     D1T_EFFECT_NONE},
    {"an INTEGER key, AUTOINCREMENT and a unique index",
     "CREATE TABLE #(id INTEGER PRIMARY KEY AUTOINCREMENT,n TEXT,mail TEXT);CREATE UNIQUE INDEX #_mail ON #(mail);"
     "CREATE TRIGGER #_more AFTER INSERT ON # BEGIN UPDATE # SET n=n+1 WHERE id=NEW.id; END",
     ROWS "SELECT i*3,i,'m'||i FROM n",
     {"INSERT INTO #(n,mail) VALUES(?1,'new'||?1)", "UPDATE # SET n=?1 WHERE id%17=?1%17",
      "DELETE FROM # WHERE id%31=?1%31",
      "INSERT OR REPLACE INTO # VALUES(?1*9,?1,(SELECT mail FROM # WHERE id>?1*40 ORDER BY id LIMIT 1))",
      "UPDATE # SET id=-id WHERE id%29=?1%29", "INSERT INTO # VALUES(?1*3,?1,NULL) ON CONFLICT DO UPDATE SET n=?1+1"},
     "id,CAST(n AS INTEGER),mail",
     "id,n,mail",
     &int_table,
     D1T_EFFECT_NONE},
    {"a text key, rowids",
     "CREATE TABLE #(name TEXT NOT NULL PRIMARY KEY,n TEXT)",
     ROWS "SELECT 'n'||(i*3),i FROM n",
     {"INSERT INTO # VALUES('n'||(?1*3+1),?1)", "UPDATE # SET n=?1 WHERE rowid%17=?1%17",
      "DELETE FROM # WHERE rowid%31=?1%31", "REPLACE INTO # VALUES('n'||(?1*9),'replaced')",
      "UPDATE # SET name=name||'x'||?1 WHERE rowid%29=?1%29", "UPDATE # SET rowid=rowid+100000 WHERE rowid=?1*5"},
     "rowid,name,n",
     "rowid,name,n",
     &text_table,
     D1T_EFFECT_NONE},
    {"a blob key, WITHOUT ROWID",
     "CREATE TABLE #(k BLOB NOT NULL PRIMARY KEY,n INTEGER) WITHOUT ROWID",
     ROWS "SELECT CASE i%3 WHEN 0 THEN x'00' WHEN 1 THEN x'ff00' ELSE x'27' END||CAST(i AS BLOB),i FROM n",
     {"INSERT INTO # VALUES(CAST(?1||char(0)||'x' AS BLOB),?1)", "UPDATE # SET n=?1 WHERE n%17=?1%17",
      "DELETE FROM # WHERE n%31=?1%31", "REPLACE INTO # SELECT k,-n FROM # WHERE n%41=?1%41",
      "UPDATE # SET k=x'00'||k WHERE n%29=?1%29", "INSERT OR IGNORE INTO # SELECT k,5 FROM # WHERE n%7=1"},
     "k,CAST(n AS TEXT)",
     "k,n",
     &blob_table,
     D1T_EFFECT_NONE},
    {"a key of two columns, a generated column",
     "CREATE TABLE #(a TEXT NOT NULL,b INTEGER NOT NULL,n INTEGER,PRIMARY KEY(a,b)) WITHOUT ROWID",
     ROWS "SELECT 'a'||(i%5),i*1801439850948199,i FROM n",
     {"INSERT INTO # VALUES('a'||(?1%7),?1,?1)", "UPDATE # SET n=?1 WHERE b%17=?1%17", "DELETE FROM # WHERE b%31=?1%31",
      "REPLACE INTO # SELECT a,b,-n FROM # WHERE n%41=?1%41", "UPDATE # SET a='b' WHERE b%29=?1%29",
      "UPDATE # SET b=b+1 WHERE a='a1' AND b%29=?1%13"},
     "a,b,CAST(n AS REAL),b*2",
     "a,b,n,twice",
     &pair_table,
     D1T_EFFECT_NONE},
    {"values that do not survive",
     "CREATE TABLE #(id INTEGER PRIMARY KEY,n TEXT)",
     ROWS "SELECT i,CASE WHEN i%7=0 THEN 'many' WHEN i%7>1 THEN i END FROM n",
     {"INSERT INTO #(n) VALUES('some')", "UPDATE # SET n='most' WHERE id%17=?1%17", "DELETE FROM # WHERE id%31=?1%31",
      "UPDATE # SET n=?1 WHERE id%19=?1%19", "UPDATE # SET n=NULL WHERE id%29=?1%29",
      "REPLACE INTO # VALUES(?1*5,'all')"},
     "id,CASE WHEN CAST(CAST(n AS INTEGER) AS TEXT)=n THEN CAST(n AS INTEGER) ELSE -1 END",
     "id,n",
     &lossy_table,
     D1T_EFFECT_LOSSY},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static const kind *k;
static local_d1 *d;
static unsigned writes_done, points;

/* ---- the database */

/* SQL of the kind for one table; ?1 is bound to n. */
static void do_sql(const char *sql, const char *table, long long n)
{
    char text[600], *out = text;
    const char *rest = text;
    sqlite3_stmt *stmt;

    for (; *sql; sql++)
        if (*sql == '#') *out++ = *table;
        else *out++ = *sql;
    *out = 0;
    while (*rest) {
        int result = sqlite3_prepare_v2(local_d1_sqlite(d), rest, -1, &stmt, &rest);

        if (result == SQLITE_OK && sqlite3_bind_parameter_count(stmt)) sqlite3_bind_int64(stmt, 1, n);
        if (result != SQLITE_OK || sqlite3_step(stmt) != SQLITE_DONE) {
            printf("%s: %s\n", text, sqlite3_errmsg(local_d1_sqlite(d)));
            test_checks_failed++;
            rest = "";
        }
        sqlite3_finalize(stmt);
    }
}

static void open_database(unsigned rows)
{
    static const char *const tables[] = {"t", "o"};
    int i;

    d = lab_open();
    writes_done = 0;
    for (i = 0; i < 2; i++) {
        do_sql(k->create, tables[i], 0);
        do_sql(k->fill, tables[i], rows);
    }
}

/* The other program, as long as the table is the old one: one statement, to both tables. */
static void write_something(void)
{
    const char *sql = k->writes[writes_done % 6];

    if (lab_int(d, "SELECT sql NOT GLOB 'CREATE TABLE t(*' FROM sqlite_schema WHERE name='t'"))
        return; /* it does not know the new table */
    writes_done++;
    do_sql(sql, "t", writes_done);
    do_sql(sql, "o", writes_done);
}

/* ---- the program that migrates */

typedef struct program {
    d1t_client db;
    d1t_transport transport;
    d1t_plan plan;
    char line[400]; /* of the rebuild */
    death death;
    unsigned at, sent; /* the request it dies at; requests so far */
    uint32_t estimated;
    bool alone;     /* nobody else writes */
    bool forgetful; /* the answer to every second batch is lost */
    unsigned batches;
    const char *surprise; /* what somebody does just before the last batch */
} program;

static bool dies(program *p, death how)
{
    return p->death == how && p->sent == p->at;
}

/* What happens around a batch that writes. */
static void disturb_batch(program *p, d1t_request *req)
{
    static char body[65536];
    size_t n = d1t_request_read(req, body, sizeof body - 1);

    body[n] = 0;
    d1t_request_rewind(req);
    if (!strstr(body, "PRAGMA defer_foreign_keys")) return;
    if (p->forgetful && p->batches++ % 2) local_d1_set_fault(d, LOCAL_D1_LOSE_AFTER, 1, 1);
    if (p->surprise && strstr(body, "DROP TABLE `t`")) CHECK(lab_exec(d, p->surprise));
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
            if (!p->alone) write_something();
            disturb_batch(p, todo.request);
            if (dies(p, DIES_BEFORE)) return false;
            if (dies(p, DIES_LATE)) local_d1_set_fault(d, LOCAL_D1_ZOMBIE, 1, 1);
            result = p->transport.perform(p->transport.ctx, todo.request, todo.op);
            if (dies(p, DIES_AFTER) || dies(p, DIES_LATE)) return false;
        }
        if (step == D1T_SEND || step == D1T_CANCEL) d1t_op_on_end(todo.op, local_d1_now(d), result, 0);
    }
    return true;
}

static void keep_line(void *ctx, const char *line)
{
    program *p = (program *)ctx;

    if (strstr(line, " rebuild ")) snprintf(p->line, sizeof p->line, "%s", line);
}

/* Opens, plans, applies, closes. False: it has died. */
static bool migrate(program *p, const d1t_table *to, bool split, uint32_t limit)
{
    d1t_config config = lab_config(d);
    d1t_plan_desc desc = {0};
    bool lives = true;

    p->transport = config.transport;
    config.limits.rebuild = limit;
    CHECK_INT(d1t_open(&p->db, &config), D1T_OK);
    desc.tables = &to;
    desc.count = 1;
    desc.split = split;
    if (d1t_plan_read_start(&p->plan, &p->db, &desc) == D1T_OK && (lives = drive(p)) && p->db.error.code == D1T_OK) {
        d1t_plan_print(&p->plan, keep_line, p);
        p->estimated = p->plan.estimate.requests;
        if (d1t_plan_apply_start(&p->plan, k->allow) == D1T_OK) lives = drive(p);
    }
    d1t_plan_free(&p->plan);
    d1t_close(&p->db);
    return lives;
}

static void finish(uint32_t limit)
{
    program p;

    memset(&p, 0, sizeof p);
    if (!migrate(&p, k->to, true, limit) || p.db.error.code != D1T_OK) {
        printf("%s: %s\n", k->title, p.db.error.text);
        test_checks_failed++;
    }
}

/* ---- what has to be there */

/* A number that a query over `want` and `have`, the rows as they should be and as they are, answers. */
static long long compare(const char *query)
{
    char sql[800];

    snprintf(sql, sizeof sql, "WITH want AS (SELECT %s FROM o), have AS (SELECT %s FROM t) SELECT %s", k->want, k->have,
             query);
    return lab_int(d, sql);
}

static void check_rows(void)
{
    CHECK_INT(compare("count(*) FROM (SELECT * FROM want EXCEPT SELECT * FROM have)"), 0);
    CHECK_INT(compare("count(*) FROM (SELECT * FROM have EXCEPT SELECT * FROM want)"), 0);
    CHECK_INT(compare("(SELECT count(*) FROM have)-(SELECT count(*) FROM want)"), 0);
    CHECK(compare("count(*) FROM have") > 100);
}

static void check_nothing_half_done(void)
{
    CHECK_INT(lab_int(d, "SELECT count(*) FROM sqlite_schema WHERE name GLOB '_d1t_*' AND name<>'_d1t_setup'"), 0);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%_d1t_new%'"), 0);
}

static uint32_t steps(const d1t_table *to)
{
    d1t_config config = lab_config(d);
    d1t_plan_desc desc = {0};
    d1t_client db;
    d1t_plan plan;
    uint32_t n;

    desc.tables = &to;
    desc.count = to != NULL;
    desc.drift = !to;
    d1t_open(&db, &config);
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    n = plan.step_count;
    d1t_plan_free(&plan);
    d1t_close(&db);
    return n;
}

static void check_end(void)
{
    check_rows();
    check_nothing_half_done();
    CHECK_INT(lab_int(d, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM _d1t_setup WHERE name GLOB '_d1t_*'"), 0);
    CHECK_INT(steps(k->to), 0);
    CHECK_INT(steps(NULL), 0);
}

/* ---- tests */

static void a_rebuild_above_the_limit_is_refused_with_its_estimate(void)
{
    program p;

    open_database(5000);
    memset(&p, 0, sizeof p);
    CHECK(migrate(&p, k->to, false, 1000));
    CHECK_INT(p.db.error.code, D1T_ERR_SCHEMA);
    CHECK(strstr(p.line, "rows written, about $0.") != NULL && strstr(p.line, "plan with split") != NULL);
    check_nothing_half_done();
    local_d1_close(d);
}

static void split_it_is_done_in_as_many_requests_as_estimated(void)
{
    char sql[100];
    program p;

    open_database(5000);
    memset(&p, 0, sizeof p);
    p.alone = true;
    CHECK(migrate(&p, k->to, true, 1000));
    CHECK_STR(p.db.error.text, "");
    snprintf(sql, sizeof sql, ", in about %u requests", p.estimated);
    CHECK(strstr(p.line, sql) != NULL);
    CHECK_INT(p.sent, 3 * p.estimated + 1); /* read, count, apply; there is no record at first */
    check_end();
    local_d1_close(d);
}

static void every_row_is_kept_though_another_program_goes_on_writing(void)
{
    open_database(5000);
    finish(1000);
    CHECK(writes_done > 40);
    check_end();
    local_d1_close(d);
}

static void crash_at(death dying, unsigned at)
{
    program p;

    open_database(600);
    memset(&p, 0, sizeof p);
    p.death = dying;
    p.at = at;
    CHECK(!migrate(&p, k->to, true, 500));
    finish(500);
    check_end();
    local_d1_advance(d, local_d1_now(d) + LATER_MS);
    check_end();
    local_d1_close(d);
    points++;
}

static void fault_at(local_d1_fault fault, unsigned at)
{
    open_database(600);
    local_d1_set_fault(d, fault, at, 1);
    finish(500);
    local_d1_advance(d, local_d1_now(d) + LATER_MS);
    check_end();
    local_d1_close(d);
    points++;
}

static void a_split_that_is_cut_off_anywhere_is_finished_by_the_next_run(void)
{
    static const local_d1_fault faults[] = {LOCAL_D1_LOSE_BEFORE, LOCAL_D1_LOSE_AFTER, LOCAL_D1_CUT_ANSWER,
                                            LOCAL_D1_LATE,        LOCAL_D1_ZOMBIE,     LOCAL_D1_TWICE,
                                            LOCAL_D1_500_AFTER};
    program p;
    unsigned at;
    size_t i;

    open_database(600);
    memset(&p, 0, sizeof p);
    CHECK(migrate(&p, k->to, true, 500));
    local_d1_close(d);
    for (at = 1; at <= p.sent; at++) {
        crash_at(DIES_BEFORE, at);
        crash_at(DIES_AFTER, at);
        crash_at(DIES_LATE, at);
        for (i = 0; i < sizeof faults / sizeof faults[0]; i++) fault_at(faults[i], at);
    }
}

/* A split of int_table that stops after its third batch. */
static void abandon(void)
{
    program p;

    k = &kinds[1];
    open_database(600);
    memset(&p, 0, sizeof p);
    p.death = DIES_AFTER;
    p.at = 10;
    CHECK(!migrate(&p, k->to, true, 500));
    CHECK_INT(lab_int(d, "SELECT count(*) FROM sqlite_schema WHERE name GLOB '_d1t_copy_*'"), 3);
}

static void run_whole(const d1t_table *to, const d1t_table *prune_for)
{
    d1t_config config = lab_config(d);
    d1t_plan_desc desc = {0};
    d1t_client db;
    d1t_plan plan;

    desc.tables = prune_for ? &prune_for : &to;
    desc.count = 1;
    desc.prune = prune_for != NULL;
    d1t_open(&db, &config);
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
    CHECK_STR(db.error.text, "");
    d1t_plan_free(&plan);
    d1t_close(&db);
}

static void an_abandoned_copy_goes_with_the_next_plan_without_split(void)
{
    abandon();
    run_whole(k->to, NULL);
    check_end();
    local_d1_close(d);
}

static const d1t_column as_before_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("n", D1T_TEXT, 0),
    D1T_COLUMN("mail", D1T_TEXT, 0),
};
static const d1t_table as_before = {"t", COLUMNS(as_before_columns), int_indexes, 1, NULL, 0, NULL,
                                    0,   D1T_AUTOINCREMENT,          NULL,        0, NULL};

static void an_abandoned_copy_goes_if_the_table_is_declared_as_it_is(void)
{
    abandon();
    CHECK_INT(steps(&as_before), 1);
    run_whole(&as_before, NULL);
    check_nothing_half_done();
    CHECK_INT(steps(&as_before), 0);
    write_something();
    CHECK_INT(lab_int(d, "SELECT count(*) FROM (SELECT * FROM o EXCEPT SELECT * FROM t)"), 0);
    local_d1_close(d);
}

static void setup_of_the_table_as_it_is_leaves_another_programs_copy_alone(void)
{
    const d1t_table *list = &as_before;
    d1t_config config;
    d1t_client db;

    abandon();
    config = lab_config(d);
    config.setup = D1T_SETUP_VERIFY;
    d1t_open(&db, &config);
    CHECK_INT(d1t_setup(&db, &list, 1), D1T_OK);
    d1t_close(&db);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM sqlite_schema WHERE name GLOB '_d1t_copy_*'"), 3);
    finish(500);
    check_end();
    local_d1_close(d);
}

static void an_abandoned_copy_goes_if_its_table_is_gone(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};
    static const d1t_table other = D1T_TABLE("other", columns);

    abandon();
    CHECK(lab_exec(d, "DROP TABLE t"));
    run_whole(&other, NULL);
    check_nothing_half_done();
    local_d1_close(d);
}

static void a_copy_of_a_table_that_changed_since_is_begun_again(void)
{
    abandon();
    CHECK(lab_exec(d, "ALTER TABLE t ADD COLUMN extra TEXT AS (n)"));
    finish(500);
    check_end();
    local_d1_close(d);
}

static void a_copy_for_another_declaration_is_begun_again(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("n", D1T_BLOB, 0),
                                         D1T_COLUMN("mail", D1T_TEXT, 0)};
    static const d1t_table other = {"t", COLUMNS(columns),  int_indexes, 1, NULL, 0, NULL,
                                    0,   D1T_AUTOINCREMENT, NULL,        0, NULL};
    kind changed = kinds[1];

    abandon();
    changed.to = &other;
    changed.want = "id,n,mail";
    k = &changed;
    finish(500);
    check_end();
    local_d1_close(d);
}

/* It came after it was planned what may be lost. */
static void a_value_that_does_not_survive_is_not_lost_unless_that_is_allowed(void)
{
    program p;

    abandon();
    CHECK(lab_exec(d, "UPDATE t SET n='many' WHERE id=6;UPDATE o SET n='many' WHERE id=6"));
    memset(&p, 0, sizeof p);
    CHECK(migrate(&p, k->to, true, 500));
    CHECK_INT(p.db.error.code, D1T_ERR_SCHEMA);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM t WHERE n='many'"), 1);
    CHECK(lab_exec(d, "UPDATE t SET n=7 WHERE id=6;UPDATE o SET n=7 WHERE id=6"));
    finish(500);
    check_end();
    local_d1_close(d);
}

static void a_value_that_comes_just_before_the_end_is_a_conflict(void)
{
    program p;

    k = &kinds[1];
    open_database(600);
    memset(&p, 0, sizeof p);
    p.alone = true;
    p.surprise = "UPDATE t SET n='many' WHERE id=6";
    CHECK(migrate(&p, k->to, true, 500));
    CHECK_INT(p.db.error.code, D1T_ERR_CONFLICT);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM t WHERE n='many'"), 1);
    local_d1_close(d);
}

static void a_split_may_lose_more_answers_than_one_batch(void)
{
    program p;

    k = &kinds[1];
    open_database(5000);
    memset(&p, 0, sizeof p);
    p.forgetful = true;
    CHECK(migrate(&p, k->to, true, 2000));
    CHECK_STR(p.db.error.text, "");
    check_end();
    local_d1_close(d);
}

static void what_only_the_new_table_forbids_others_may_write_until_the_end(void)
{
    static const char *const n_unique[] = {"n"};
    static const d1t_index uniques[] = {{"t_mail", int_mail, 1, D1T_UNIQUE, NULL, NULL, NULL},
                                        {NULL, n_unique, 1, D1T_UNIQUE, NULL, NULL, NULL}};
    static const d1t_table unique = {"t", COLUMNS(int_columns), uniques, 2, NULL, 0, NULL,
                                     0,   D1T_AUTOINCREMENT,    NULL,    0, NULL};
    kind changed = kinds[1];
    program p;

    changed.to = &unique;
    k = &changed;
    open_database(600);
    memset(&p, 0, sizeof p);
    p.alone = true;
    p.death = DIES_AFTER;
    p.at = 10;
    CHECK(!migrate(&p, k->to, true, 500));
    CHECK(lab_exec(d, "INSERT INTO t VALUES(5000,10,'twice'),(5001,10,'thrice');DELETE FROM o WHERE id=27"));
    memset(&p, 0, sizeof p);
    p.alone = true;
    CHECK(migrate(&p, k->to, true, 500));
    CHECK_INT(p.db.error.code, D1T_ERR_CONSTRAINT);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM t WHERE n IN (10,11)"), 4);
    CHECK(lab_exec(d, "DELETE FROM t WHERE id IN (5000,5001,27)"));
    memset(&p, 0, sizeof p);
    p.alone = true;
    CHECK(migrate(&p, k->to, true, 500));
    CHECK_STR(p.db.error.text, "");
    check_end();
    local_d1_close(d);
}

/* SQLite lets keys be NULL where NOT NULL is not said; a new key is never NULL. */
static void rows_whose_key_is_null_are_not_lost(void)
{
    static const kind nulls = {"a key that may be NULL",
                               "CREATE TABLE #(a TEXT,b INTEGER,n INTEGER,PRIMARY KEY(a,b))",
                               ROWS "SELECT 'a',CASE WHEN i<>300 THEN i END,i FROM n",
                               {NULL, NULL, NULL, NULL, NULL, NULL},
                               NULL,
                               NULL,
                               &pair_table,
                               D1T_EFFECT_DESTRUCTIVE};
    program p;

    k = &nulls;
    open_database(600);
    memset(&p, 0, sizeof p);
    p.alone = true;
    CHECK(migrate(&p, k->to, true, 500));
    CHECK_INT(p.db.error.code, D1T_ERR_CONSTRAINT);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM t"), 600);
    local_d1_close(d);
}

static void what_cannot_be_split_is_refused_and_says_why(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("mail", D1T_TEXT, D1T_KEY), D1T_COLUMN("id", D1T_INTEGER, 0),
                                         D1T_COLUMN("n", D1T_TEXT, 0)};
    static const d1t_table keyed = D1T_TABLE("t", columns);
    program p;

    k = &kinds[1];
    open_database(600);
    memset(&p, 0, sizeof p);
    p.alone = true;
    CHECK(migrate(&p, &keyed, true, 500));
    CHECK(strstr(p.line, "cannot be split: its key changes") != NULL);
    CHECK(lab_exec(d, "CREATE TABLE child(id INTEGER PRIMARY KEY,t INTEGER REFERENCES t(id))"));
    memset(&p, 0, sizeof p);
    p.alone = true;
    CHECK(migrate(&p, k->to, true, 500));
    CHECK(strstr(p.line, "cannot be split: a foreign key leads to it") != NULL);
    check_nothing_half_done();
    local_d1_close(d);
}

/* ONLY=name_of_the_test runs one. */
static void run_named(void (*test)(void), const char *name)
{
    const char *only = getenv("ONLY");

    if (!only || strcmp(only, name) == 0) RUN(test);
}

#define TEST(test) run_named(test, #test)

int main(void)
{
    size_t i;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (i = 0; i < KINDS; i++) {
        k = &kinds[i];
        TEST(a_rebuild_above_the_limit_is_refused_with_its_estimate);
        TEST(split_it_is_done_in_as_many_requests_as_estimated);
        TEST(every_row_is_kept_though_another_program_goes_on_writing);
        TEST(a_split_that_is_cut_off_anywhere_is_finished_by_the_next_run);
    }
    TEST(an_abandoned_copy_goes_with_the_next_plan_without_split);
    TEST(an_abandoned_copy_goes_if_the_table_is_declared_as_it_is);
    TEST(setup_of_the_table_as_it_is_leaves_another_programs_copy_alone);
    TEST(an_abandoned_copy_goes_if_its_table_is_gone);
    TEST(a_copy_of_a_table_that_changed_since_is_begun_again);
    TEST(a_copy_for_another_declaration_is_begun_again);
    TEST(a_value_that_does_not_survive_is_not_lost_unless_that_is_allowed);
    TEST(a_value_that_comes_just_before_the_end_is_a_conflict);
    TEST(a_split_may_lose_more_answers_than_one_batch);
    TEST(what_only_the_new_table_forbids_others_may_write_until_the_end);
    TEST(rows_whose_key_is_null_are_not_lost);
    TEST(what_cannot_be_split_is_refused_and_says_why);
    printf("figure: split_points %u\n", points);
    if (test_passed + test_failed == 0) return 2; /* no such test */
    TEST_MAIN_END;
}
