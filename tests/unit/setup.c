/* Rooms planning and client, >>plan and >>setup: what is missing is made, what differs is changed without loss. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/script.h"
#include "../support/script_local.h"

static d1t_client db;
static script s;
static local_d1 *d1;

/* A client over an empty database. */
static void start(d1t_setup_mode mode)
{
    d1t_config config;

    script_free(&s);
    memset(&s, 0, sizeof s);
    local_d1_close(d1);
    d1 = local_d1_open(NULL, NULL);
    s.decide = script_from_local;
    s.ctx = d1;
    config = script_config(&s);
    config.setup = mode;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
}

static void have(const char *sql)
{
    char *message = NULL;

    if (sql && sqlite3_exec(local_d1_sqlite(d1), sql, NULL, NULL, &message) != SQLITE_OK) printf("%s\n", message);
    CHECK(!message);
    sqlite3_free(message);
}

static const char *schema(void)
{
    return local_ask(
        d1, "SELECT group_concat(sql, '; ') FROM (SELECT sql FROM sqlite_schema WHERE name NOT LIKE '\\_%' ESCAPE '\\' "
            "ORDER BY name)");
}

/* ---- one declared table, and databases that lack something of it */

static const char *const on_a[] = {"a"}, *const on_ab[] = {"a", "b"};
static const d1t_column columns[] = {
    D1T_COLUMN("k", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("a", D1T_TEXT, 0),
    D1T_COLUMN_DEFAULT("b", D1T_INTEGER, D1T_NOT_NULL, "0"),
    D1T_COLUMN_GENERATED("g", D1T_TEXT, 0, "a || b"),
};
static const d1t_index indexes[] = {
    D1T_INDEX("t_a", on_a), D1T_UNIQUE_INDEX("t_ab", on_ab), {"t_part", on_a, 1, 0, "b > 3", NULL, NULL}};
static const d1t_table table = {"t", columns, 4, indexes, 3, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table *const tables[] = {&table};

#define K  "`k` INTEGER NOT NULL"
#define A  "`a` TEXT"
#define B  "`b` INTEGER NOT NULL DEFAULT 0"
#define G  "`g` TEXT GENERATED ALWAYS AS (a || b)"
#define PK "PRIMARY KEY(`k`)"
#define INDEXES                                                                                                        \
    "CREATE INDEX t_a ON t(a); CREATE UNIQUE INDEX t_ab ON t(a,b); CREATE INDEX `t_part` ON `t`(`a`) WHERE b > 3"

typedef struct cell {
    const char *sql; /* what D1 has */
    uint32_t steps;
    const char *text; /* of the first step */
} cell;

static char printed[4000];

static void put_line(void *ctx, const char *line)
{
    CHECK(ctx == printed);
    strcat(strcat(printed, line), "\n");
}

/* Plans the table against a database: the first step's text, "" if there is none. */
static const char *planned(const char *sql, const d1t_table *t, d1t_plan *plan)
{
    const d1t_table *list[1];

    list[0] = t;
    start(D1T_SETUP_APPLY);
    have(sql);
    CHECK_INT(d1t_plan_read(plan, &db, list, 1), D1T_OK);
    CHECK(s.sent <= 3); /* the records that are not there yet, the schema, and counts */
    return plan->steps ? plan->steps->text : "";
}

static void test_what_is_missing_is_made_and_then_nothing_is_left_to_do(void)
{
    static const cell cells[] = {
        {NULL, 4, "+ table t"},
        {"CREATE TABLE other(x)", 4, "+ table t"},
        {"CREATE TABLE t(" K "," A "," B "," PK ");" INDEXES, 1, "+ column t.g TEXT"},
        {"CREATE TABLE t(" K "," A "," PK ")", 5, "+ column t.b INTEGER"},
        {"CREATE TABLE t(" K "," B "," PK ")", 5, "+ column t.a TEXT"},
        {"CREATE TABLE t(" K "," A "," B "," G "," PK ")", 3, "+ index t_a on t"},
        {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_a ON t(a)", 2, "+ index t_ab on t"},
        {"CREATE TABLE T(K INTEGER PRIMARY KEY NOT NULL, A TEXT, B INTEGER DEFAULT 0 NOT NULL, " G
         "); CREATE INDEX T_A ON t(A)",
         2, "+ index t_ab on t"},
        {"CREATE TABLE t(" K "," A "," B "," G "," PK ");" INDEXES "; CREATE INDEX more ON t(b)", 1,
         "- index more on t"},
    };
    d1t_plan plan;
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) {
        CHECK_STR(planned(cells[i].sql, &table, &plan), cells[i].text);
        CHECK_INT(plan.step_count, cells[i].steps);
        CHECK_INT(plan.refused, 0);
        printed[0] = 0;
        d1t_plan_print(&plan, put_line, printed);
        CHECK(strncmp(printed, cells[i].text, strlen(cells[i].text)) == 0);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_NONE), D1T_OK);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_plan_read(&plan, &db, tables, 1), D1T_OK);
        CHECK_INT(plan.step_count, 0);
        d1t_plan_free(&plan);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_close(&db), D1T_OK);
        CHECK_STR(local_ask(d1, "SELECT count(*) FROM pragma_table_xinfo('t') WHERE lower(name) IN ('k','a','b','g')"),
                  "4");
        CHECK_STR(
            local_ask(d1, "SELECT count(*) FROM pragma_index_list('t') WHERE lower(name) IN ('t_a','t_ab','t_part')"),
            "3");
    }
}

/* ---- what differs, the step that says so, and its effect while the table is empty of rows that would suffer */

static const struct {
    const char *sql, *text;
    d1t_effect effect;
    bool rebuilt;
} different[] = {
    {"CREATE TABLE t(" K ", `a` BLOB," B "," G "," PK ")", "~ column t.a type BLOB -> TEXT", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A "," B "," G ", PRIMARY KEY(k,b))", "~ key of t -> k", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A "," B "," G ", PRIMARY KEY(a))", "~ key of t -> k", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" A "," B "," G ")", "~ key of t -> k", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A "," B "," G ", z INTEGER NOT NULL, PRIMARY KEY(k,z))", "- column t.z",
     D1T_EFFECT_DESTRUCTIVE, true},
    {"CREATE TABLE t(" K "," A " NOT NULL," B "," G "," PK ")", "~ column t.a nullable", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A ", `b` INTEGER DEFAULT 0," G "," PK ")", "~ column t.b NOT NULL", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A ", `b` INTEGER NOT NULL DEFAULT 1," G "," PK ")", "~ column t.b default 1 -> 0",
     D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A ", `b` INTEGER NOT NULL," G "," PK ")", "~ column t.b default none -> 0",
     D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K ", `a` TEXT DEFAULT 'x'," B "," G "," PK ")", "~ column t.a default 'x' -> none",
     D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A "," B ", `g` TEXT," PK ")", "~ column t.g generated no -> a || b",
     D1T_EFFECT_DESTRUCTIVE, true},
    {"CREATE TABLE t(" K "," A "," B ", `g` TEXT AS (a || 'x' || b)," PK ")", "~ column t.g generated", D1T_EFFECT_NONE,
     true},
    {"CREATE TABLE t(" K "," A "," B ", `g` TEXT AS (a || b) STORED," PK ")", "~ column t.g generated", D1T_EFFECT_NONE,
     true},
    {"CREATE TABLE t(" K ", `a` TEXT COLLATE NOCASE," B "," G "," PK ")", "~ column t.a collation NOCASE -> BINARY",
     D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A "," B "," G ", z TEXT NOT NULL," PK ")", "- column t.z", D1T_EFFECT_DESTRUCTIVE, false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK ") STRICT", "~ table t - STRICT", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK ") WITHOUT ROWID", "~ table t - WITHOUT ROWID", D1T_EFFECT_NONE,
     true},
    {"CREATE TABLE p(x PRIMARY KEY); CREATE TABLE t(" K ", `a` TEXT REFERENCES p," B "," G "," PK ")",
     "- constraint of t foreign key (a) to p", D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K ", `a` TEXT CHECK(a <> 'x')," B "," G "," PK ")", "- constraint of t check a <> 'x'",
     D1T_EFFECT_NONE, true},
    {"CREATE TABLE t(" K ", `a` TEXT UNIQUE," B "," G "," PK ")", "- constraint of t UNIQUE (a)", D1T_EFFECT_NONE,
     true},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_a ON t(b)", "~ index t_a on t", D1T_EFFECT_NONE,
     false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_a ON t(a, b)", "~ index t_a on t", D1T_EFFECT_NONE,
     false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_a ON t(lower(a))", "~ index t_a on t",
     D1T_EFFECT_NONE, false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE UNIQUE INDEX t_a ON t(a)", "~ index t_a on t",
     D1T_EFFECT_NONE, false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_a ON t(a) WHERE b", "~ index t_a on t",
     D1T_EFFECT_NONE, false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_part ON t(a) WHERE b > 4", "~ index t_part on t",
     D1T_EFFECT_NONE, false},
    {"CREATE TABLE t(" K "," A "," B "," G "," PK "); CREATE INDEX t_part ON t(a)", "~ index t_part on t",
     D1T_EFFECT_NONE, false},
    {"CREATE TABLE t(" K "," A "," B "," G ", extra BLOB," PK ")", "- column t.extra", D1T_EFFECT_DESTRUCTIVE, false},
};

static void test_what_differs_is_changed_and_the_plan_says_what_that_does(void)
{
    const d1t_plan_step *step, *found;
    d1t_plan plan;
    bool rebuilt;
    size_t i;

    for (i = 0; i < sizeof different / sizeof *different; i++) {
        planned(different[i].sql, &table, &plan);
        for (step = plan.steps, found = NULL, rebuilt = false; step; step = step->next) {
            rebuilt = rebuilt || step->kind == D1T_REBUILD_TABLE;
            if (strncmp(step->text, different[i].text, strlen(different[i].text)) == 0) found = step;
        }
        if (!found) printf("no step \"%s\" for %s\n", different[i].text, different[i].sql);
        CHECK(found != NULL);
        if (found) CHECK_INT(found->effect, different[i].effect);
        CHECK_INT(rebuilt, different[i].rebuilt);
        CHECK_INT(plan.refused, 0);
        if (d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE) != D1T_OK)
            printf("%s: %s\n", different[i].sql, db.error.text);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_plan_read(&plan, &db, tables, 1), D1T_OK);
        CHECK_INT(plan.step_count, 0);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_close(&db), D1T_OK);
    }
    printf("figure: plan_changes %lu\n", (unsigned long)(sizeof different / sizeof *different));
}

/* What cannot be: a name that something else has. In setup also a column that rows could not leave empty. */
static void test_what_cannot_be_changed_is_refused_by_name_with_the_cure(void)
{
    static const char *const cells[][2] = {
        {"CREATE TABLE o(a); CREATE INDEX t_a ON o(a)", "t_a: another table in D1 has an index of this name"},
        {"CREATE TABLE o(a); CREATE VIEW t AS SELECT a FROM o", "t: D1 has a view"},
        {"CREATE TABLE t(" K "," A "," B "," G ", PRIMARY KEY(k) ON CONFLICT REPLACE)", "cannot say ON CONFLICT"},
    };
    d1t_plan plan;
    char before[4000];
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) {
        planned(cells[i][0], &table, &plan);
        CHECK(plan.refused > 0);
        CHECK_INT(plan.statement_count, 0);
        sprintf(before, "%.3999s", schema());
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_ERR_SCHEMA);
        d1t_plan_free(&plan);
        d1t_clear(&db, D1T_KEEP_ROWS);
        CHECK_INT(d1t_setup(&db, tables, 1), D1T_ERR_SCHEMA);
        CHECK_STR(db.error.table, "t");
        if (!strstr(db.error.text, cells[i][1])) printf("%s\n", db.error.text);
        CHECK(strstr(db.error.text, cells[i][1]) != NULL);
        CHECK_INT(d1t_close(&db), D1T_ERR_SCHEMA);
        CHECK_STR(schema(), before); /* nothing of a refused plan is done */
    }
    start(D1T_SETUP_APPLY);
    have("CREATE TABLE t(" K "," A "," B "," G ", z TEXT NOT NULL," PK ")");
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_ERR_SCHEMA);
    CHECK(strstr(db.error.text, "t.z: it is NOT NULL without a default in D1 and not declared") != NULL);
    d1t_close(&db);
}

/* Setup adds and changes, but what is not declared stays. */
static void test_setup_never_drops(void)
{
    start(D1T_SETUP_APPLY);
    have("CREATE TABLE t(" K ", `a` BLOB," B "," G ", extra BLOB," PK "); CREATE INDEX more ON t(extra);"
         "INSERT INTO t(k, extra) VALUES(1, 'kept')");
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK); /* a rebuild, because of the type of a */
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(local_ask(d1, "SELECT extra FROM t INDEXED BY more WHERE extra > ''"), "kept");
    CHECK_STR(local_ask(d1, "SELECT type FROM pragma_table_xinfo('t') WHERE name='a'"), "TEXT");
}

/* Values that the new type cannot hold are counted before anything is done; setup loses none unless told. */
static void test_setup_loses_no_value_unless_it_may(void)
{
    d1t_config config;
    d1t_effect allow;

    for (allow = D1T_EFFECT_NONE; allow <= D1T_EFFECT_LOSSY; allow = (d1t_effect)(allow + 1)) {
        start(D1T_SETUP_APPLY);
        d1t_close(&db);
        config = script_config(&s);
        config.allow = allow;
        CHECK_INT(d1t_open(&db, &config), D1T_OK);
        have("CREATE TABLE t(" K "," A ",`b` TEXT NOT NULL DEFAULT 0," G "," PK ");"
             "INSERT INTO t(k, a, b) VALUES(1, 'x', 'seven'), (2, 'y', '7')");
        CHECK_INT(d1t_setup(&db, tables, 1), allow ? D1T_OK : D1T_ERR_SCHEMA);
        d1t_close(&db);
        CHECK_STR(local_ask(d1, "SELECT group_concat(b || typeof(b)) FROM t"),
                  allow ? "0integer,7integer" : "seventext,7text");
    }
}

/* Rows that a new constraint forbids: the error names it, and nothing is done. */
static void test_rows_that_a_new_constraint_forbids_are_told_by_table_and_column(void)
{
    static const d1t_column two[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
    static const d1t_index unique[] = {D1T_UNIQUE_INDEX("t_a", on_a)};
    static const d1t_index unnamed[] = {D1T_UNIQUE_INDEX(NULL, on_a)};
    static const d1t_check check[] = {{"short_a", "length(a) < 3"}};
    static const d1t_table declared[] = {
        {"t", two, 2, unique, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL},
        {"t", two, 2, unnamed, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL},
        {"t", two, 2, NULL, 0, NULL, 0, check, 1, 0, NULL, 0, NULL},
    };
    static const char *const said[] = {"UNIQUE constraint failed: t.a", "UNIQUE constraint failed: t.a",
                                       "CHECK constraint failed: short_a"};
    d1t_plan plan;
    char before[4000];
    size_t i;

    for (i = 0; i < sizeof declared / sizeof *declared; i++) {
        planned("CREATE TABLE t(" K "," A "," PK "); INSERT INTO t VALUES(1, 'same'), (2, 'same')", &declared[i],
                &plan);
        CHECK_INT(plan.refused, 0);
        sprintf(before, "%.3999s", schema());
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_ERR_CONSTRAINT);
        if (!strstr(db.error.text, said[i])) printf("%s\n", db.error.text);
        CHECK(strstr(db.error.text, said[i]) && strstr(db.error.text, "nothing was applied"));
        CHECK(strstr(db.error.text, "same") == NULL);
        if (i < 2) CHECK_STR(db.error.table, "t");
        if (i < 2) CHECK_STR(db.error.column, "a");
        CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
        d1t_plan_free(&plan);
        d1t_close(&db);
        CHECK_STR(schema(), before);
    }
}

/* SQLite looks at all views and triggers when something is renamed. */
static void test_a_broken_view_or_trigger_that_stops_a_rename_is_named(void)
{
    static const char *const broken[][2] = {
        {"CREATE VIEW lost AS SELECT * FROM gone", "error in view lost: drop it"},
        {"CREATE TRIGGER late AFTER INSERT ON t BEGIN DELETE FROM gone; END", "error in trigger late: drop it"},
    };
    d1t_column two[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("b", D1T_TEXT, 0)};
    d1t_table renamed = D1T_TABLE("t", two);
    char sql[300];
    d1t_plan plan;
    size_t i;

    two[1].was = "a";
    for (i = 0; i < sizeof broken / sizeof *broken; i++) {
        sprintf(sql, "CREATE TABLE t(" K "," A "," PK "); %s", broken[i][0]);
        planned(sql, &renamed, &plan);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_NONE), D1T_ERR_SQL);
        if (!strstr(db.error.text, broken[i][1])) printf("%s\n", db.error.text);
        CHECK(strstr(db.error.text, broken[i][1]) != NULL);
        d1t_plan_free(&plan);
        d1t_close(&db);
    }
}

/* ADD COLUMN where SQLite takes it; else the table is made anew. Only what no row could hold is refused. */
static void test_columns_are_added_one_way_or_the_other(void)
{
    static const struct {
        d1t_column column;
        const char *text;
    } cells[] = {
        {D1T_COLUMN("n", D1T_TEXT, D1T_NOT_NULL), "NOT NULL without a default"},
        {D1T_COLUMN_DEFAULT("n", D1T_TEXT, 0, "CURRENT_TIMESTAMP"), NULL},
        {D1T_COLUMN_DEFAULT("n", D1T_TEXT, 0, "(1+1)"), NULL},
        {D1T_COLUMN_GENERATED("n", D1T_TEXT, D1T_STORED, "k"), NULL},
        {D1T_COLUMN_DEFAULT("n", D1T_TEXT, D1T_KEY, "'x'"), NULL},
    };
    static const d1t_column addable[] = {
        D1T_COLUMN("n", D1T_TEXT, 0),
        D1T_COLUMN_DEFAULT("n", D1T_INTEGER, D1T_NOT_NULL, "-7"),
        D1T_COLUMN_DEFAULT("n", D1T_TEXT, 0, "'it''s'"),
        D1T_COLUMN_DEFAULT("n", D1T_REAL, 0, "1.5e3"),
        D1T_COLUMN_DEFAULT("n", D1T_BLOB, 0, "x'00'"),
        D1T_COLUMN_DEFAULT("n", D1T_BOOL, 0, "TRUE"),
        D1T_COLUMN_GENERATED("n", D1T_INTEGER, 0, "k + 1"),
        D1T_COLUMN_ON_WRITE("n", D1T_TEXT, 0, "CURRENT_TIMESTAMP"),
    };
    d1t_column two[2] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("n", D1T_TEXT, 0)};
    d1t_table t = D1T_TABLE("t", two);
    d1t_plan plan;
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) {
        two[1] = cells[i].column;
        planned("CREATE TABLE t(" K "," PK "); INSERT INTO t VALUES(1)", &t, &plan);
        CHECK_INT(plan.refused, cells[i].text != NULL);
        CHECK(!cells[i].text || strstr(plan.steps->text, cells[i].text) != NULL);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_NONE), cells[i].text ? D1T_ERR_SCHEMA : D1T_OK);
        d1t_plan_free(&plan);
        d1t_close(&db);
        CHECK_STR(local_ask(d1, "SELECT count(*) FROM t"), "1");
        CHECK_STR(local_ask(d1, "SELECT count(*) FROM pragma_table_xinfo('t')"), cells[i].text ? "1" : "2");
    }
    for (i = 0; i < sizeof addable / sizeof *addable; i++) {
        two[1] = addable[i];
        planned("CREATE TABLE t(" K "," PK "); INSERT INTO t VALUES(1)", &t, &plan);
        if (!plan.steps || plan.steps->kind != D1T_ADD_COLUMN)
            printf("not added: DEFAULT %s\n", addable[i].default_sql ? addable[i].default_sql : "(none)");
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_NONE), D1T_OK);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_close(&db), D1T_OK);
    }
}

static void test_foreign_keys_and_checks_are_compared(void)
{
    static const d1t_foreign_key to_p[] = {D1T_REFERENCES(on_a, "p", D1T_CASCADE)};
    static const d1t_check checks[] = {{"positive", "k > 0"}};
    static const d1t_column two[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
    static const d1t_table t = {"t", two, 2, NULL, 0, to_p, 1, checks, 1, 0, NULL, 0, NULL};
    static const char *const others[] = {
        "CREATE TABLE t(" K "," A
        ",FOREIGN KEY(`a`) REFERENCES q ON DELETE CASCADE,CONSTRAINT `positive` CHECK(k > 0)," PK ")",
        "CREATE TABLE t(" K "," A ",FOREIGN KEY(`a`) REFERENCES p,CONSTRAINT `positive` CHECK(k > 0)," PK ")",
        "CREATE TABLE t(" K "," A
        ",FOREIGN KEY(`k`) REFERENCES p ON DELETE CASCADE,CONSTRAINT `positive` CHECK(k > 0)," PK ")",
        "CREATE TABLE t(" K "," A ",FOREIGN KEY(`a`) REFERENCES p ON DELETE CASCADE," PK ")",
        "CREATE TABLE t(" K "," A
        ",FOREIGN KEY(`a`) REFERENCES p ON DELETE CASCADE,CONSTRAINT `positive` CHECK(k > 1)," PK ")",
    };
    const d1t_table *list[1] = {&t};
    d1t_plan plan;
    size_t i;

    for (i = 0; i < sizeof others / sizeof *others; i++) {
        planned(others[i], &t, &plan);
        if (plan.step_count < 2 || plan.refused) printf("not changed: %s\n", others[i]);
        CHECK(plan.step_count >= 2); /* the constraint, and the rebuild that it needs */
        CHECK_INT(plan.refused, 0);
        d1t_plan_free(&plan);
        d1t_close(&db);
    }
    start(D1T_SETUP_APPLY);
    have("CREATE TABLE p(x TEXT PRIMARY KEY)");
    CHECK_INT(d1t_setup(&db, list, 1), D1T_OK);
    CHECK_INT(d1t_setup(&db, list, 1), D1T_OK);
    CHECK_INT(s.sent, 4); /* records that are not there yet, read, create, read */
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_every_kind_of_table_is_found_unchanged_after_it_was_made(void)
{
    static const char *const odd_columns_of_index[] = {"a`b"};
    static const d1t_column odd[] = {
        D1T_COLUMN("select", D1T_UUID, D1T_KEY),
        D1T_COLUMN("a`b", D1T_ANY, 0),
        D1T_COLUMN("\"q\" ' ; --", D1T_JSON, D1T_NOT_NULL),
        {"c", D1T_TEXT, 0, "'x'", NULL, NULL, "NOCASE", NULL, NULL},
        D1T_COLUMN("\xF0\x9F\x98\x80", D1T_VECTOR, 0),
        D1T_COLUMN("o", D1T_BOOL, 0),
        D1T_COLUMN_GENERATED("g", D1T_INTEGER, D1T_STORED, "length(c)"),
        D1T_COLUMN_ON_WRITE("w", D1T_TEXT, 0, "CURRENT_TIMESTAMP"),
        D1T_COLUMN_DEFAULT("d", D1T_REAL, D1T_NOT_NULL, "-1.5"),
        D1T_COLUMN("k2", D1T_DATE, D1T_KEY),
    };
    static const d1t_index odd_indexes[] = {
        {"i`x", odd_columns_of_index, 1, D1T_UNIQUE, "`a``b` IS NOT NULL", NULL, NULL}};
    static const d1t_check odd_checks[] = {{"che`ck", "length(c) < 9"}};
    d1t_table t = {"group`by", odd, 10, odd_indexes, 1, NULL, 0, odd_checks, 1, 0, NULL, 0, NULL};
    const d1t_table *list[1];

    list[0] = &t;
    for (t.flags = 0; t.flags < 4; t.flags++) {
        start(D1T_SETUP_APPLY);
        CHECK_INT(d1t_setup(&db, list, 1), D1T_OK);
        CHECK_INT(s.sent, 3);
        CHECK_INT(d1t_setup(&db, list, 1), D1T_OK);
        CHECK_INT(s.sent, 4);
        CHECK_INT(d1t_close(&db), D1T_OK);
        if (db.error.code) printf("%s\n", db.error.text);
    }
}

/* ---- what becomes of the rows */

/* From what D1 has to the declaration that the SQL stands for: the plan's effect or the words of its refusal, and the
   answer to a question afterwards. */
typedef struct becoming {
    const char *have, *sql;
    d1t_effect effect;
    const char *refused, *question, *answer;
} becoming;

static void become(const becoming *b)
{
    d1t_arena arena;
    d1t_table *t = NULL;
    d1t_plan plan;
    const d1t_plan_step *step;

    d1t_arena_init(&arena, (d1t_allocator){NULL, NULL}, 0);
    CHECK_INT(d1t_table_from_sql(d1t_cstr(b->sql), &arena, &t, NULL), D1T_OK);
    planned(b->have, t, &plan);
    CHECK_INT(plan.effect, b->effect);
    CHECK_INT(plan.refused, b->refused != NULL);
    for (step = plan.steps; step && step->kind != D1T_REFUSED; step = step->next) {}
    if (step) CHECK(b->refused && strstr(step->text, b->refused) != NULL);
    if (step && !b->refused) printf("%s\n", step->text);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), b->refused ? D1T_ERR_SCHEMA : D1T_OK);
    if (db.error.code && !b->refused) printf("%s: %s\n", b->sql, db.error.text);
    d1t_plan_free(&plan);
    d1t_close(&db);
    CHECK_STR(local_ask(d1, b->question), b->answer);
    CHECK_STR(local_ask(d1, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
    d1t_arena_free(&arena);
}

/* A value changes only if the new column takes none like it, and then it is counted before. */
static void test_values_stay_as_they_are_where_the_new_column_takes_them(void)
{
    static const becoming cells[] = {
        {"CREATE TABLE t(k TEXT NOT NULL PRIMARY KEY); INSERT INTO t VALUES(x'00')",
         "CREATE TABLE t(k VARCHAR(9) NOT NULL PRIMARY KEY)", D1T_EFFECT_NONE, NULL, "SELECT typeof(k) FROM t", "blob"},
        {"CREATE TABLE t(" K ", a INT," PK "); INSERT INTO t VALUES(1,'x')",
         "CREATE TABLE t(" K ", a INTEGER," PK ", CHECK(k))", D1T_EFFECT_NONE, NULL, "SELECT a FROM t", "x"},
        {"CREATE TABLE t(" K "," PK ") WITHOUT ROWID; INSERT INTO t VALUES('x'),(2)", "CREATE TABLE t(" K "," PK ")",
         D1T_EFFECT_NONE, "t.k only INTEGER: values are not of the new type", "SELECT group_concat(k) FROM t", "2,x"},
        {"CREATE TABLE t(" K "," PK ") WITHOUT ROWID; INSERT INTO t VALUES(2)", "CREATE TABLE t(" K "," PK ")",
         D1T_EFFECT_NONE, NULL, "SELECT group_concat(rowid) FROM t", "2"},
        {"CREATE TABLE t(" K "," A ", g TEXT AS (a || '')," PK "); INSERT INTO t VALUES(1,'007'),(2,'7')",
         "CREATE TABLE t(" K "," A ", g INTEGER," PK ")", D1T_EFFECT_LOSSY, NULL,
         "SELECT group_concat(quote(g)) FROM t", "NULL,7"},
    };
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) become(&cells[i]);
}

/* A new key: what goes is counted by the values that the key gets, and what goes stands against nothing. */
static void test_rows_go_only_if_the_new_key_cannot_hold_them(void)
{
    static const becoming cells[] = {
        {"CREATE TABLE t(" K ", a," PK "); INSERT INTO t VALUES(1,1),(2,'1'),(3,2)",
         "CREATE TABLE t(`k` INTEGER, a TEXT NOT NULL PRIMARY KEY)", D1T_EFFECT_DESTRUCTIVE, NULL,
         "SELECT group_concat(a) FROM t", "1,2"},
        {"CREATE TABLE t(" K ", a TEXT COLLATE NOCASE," PK "); INSERT INTO t VALUES(1,'x'),(2,'X')",
         "CREATE TABLE t(`k` INTEGER, a TEXT NOT NULL PRIMARY KEY)", D1T_EFFECT_NONE, NULL,
         "SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY k)", "x,X"},
        {"CREATE TABLE t(" K ", a TEXT, b TEXT NOT NULL," PK "); INSERT INTO t VALUES(1,NULL,'x'),(2,'m','7')",
         "CREATE TABLE t(`k` INTEGER, a TEXT NOT NULL PRIMARY KEY, b INTEGER NOT NULL)", D1T_EFFECT_DESTRUCTIVE, NULL,
         "SELECT group_concat(a || b) FROM t", "m7"},
        {"CREATE TABLE t(" K ", a TEXT," PK "); INSERT INTO t VALUES(1,NULL)",
         "CREATE TABLE t(`k` INTEGER, a TEXT NOT NULL PRIMARY KEY, b INTEGER NOT NULL)", D1T_EFFECT_DESTRUCTIVE, NULL,
         "SELECT count(*) FROM t", "0"},
    };
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) become(&cells[i]);
}

#define UP(of) "CREATE TABLE t(k INTEGER PRIMARY KEY NOT NULL, up " of ")"

/* Whatever the constraints of the old tables say about rows that let go of each other. */
static void test_tables_that_reference_themselves_or_each_other_are_made_anew_with_all_rows(void)
{
    static const char many[] = "SELECT count(*) FROM t";
    static const becoming cells[] = {
        {"CREATE TABLE t(k BLOB NOT NULL PRIMARY KEY, n INTEGER UNIQUE, up INTEGER NOT NULL REFERENCES t(n)) STRICT;"
         "INSERT INTO t VALUES(x'01',1,1),(x'02',2,1)",
         "CREATE TABLE t(k BLOB NOT NULL PRIMARY KEY, n INTEGER UNIQUE, up INTEGER NOT NULL REFERENCES t(n), CHECK(n))"
         " STRICT", D1T_EFFECT_NONE, NULL, many, "2"},
        {"CREATE TABLE t(a INTEGER NOT NULL, b INTEGER NOT NULL, up INTEGER NOT NULL, PRIMARY KEY(a,b), FOREIGN "
         "KEY(a,up) REFERENCES t(a,b) ON DELETE SET DEFAULT); INSERT INTO t VALUES(1,1,1),(1,2,1)",
         "CREATE TABLE t(a INTEGER NOT NULL, b INTEGER NOT NULL, up INTEGER NOT NULL, PRIMARY KEY(a,b), FOREIGN "
         "KEY(a,up) REFERENCES t(a,b) ON DELETE SET DEFAULT, CHECK(a))", D1T_EFFECT_NONE, NULL, many, "2"},
        {UP("INTEGER REFERENCES t CHECK(up IS NOT NULL OR k = 1)") "; INSERT INTO t VALUES(1,NULL),(2,1),(3,2)",
         UP("INTEGER REFERENCES t"), D1T_EFFECT_NONE, NULL, many, "3"},
        {UP("INTEGER NOT NULL UNIQUE REFERENCES t") "; INSERT INTO t VALUES(1,3),(2,1),(3,2)",
         UP("INTEGER NOT NULL REFERENCES t"), D1T_EFFECT_NONE, NULL, many, "3"},
        {UP("INTEGER REFERENCES t") "; INSERT INTO t VALUES(5,5)", UP("TEXT REFERENCES t"), D1T_EFFECT_NONE, NULL, many,
         "1"},
        {"CREATE TABLE o(k INTEGER PRIMARY KEY, t INTEGER NOT NULL REFERENCES t ON DELETE SET NULL);"
         UP("INTEGER REFERENCES o") "; INSERT INTO t VALUES(1,NULL); INSERT INTO o VALUES(1,1); UPDATE t SET up=1",
         UP("INTEGER REFERENCES o CHECK(up > 0)"), D1T_EFFECT_NONE, NULL, many, "1"},
        {"CREATE TABLE o(k INTEGER PRIMARY KEY, t INTEGER REFERENCES t);"
         UP("INTEGER NOT NULL REFERENCES o ON DELETE SET NULL") "; INSERT INTO o VALUES(1,NULL);"
         "INSERT INTO t VALUES(1,1); UPDATE o SET t=1",
         UP("INTEGER NOT NULL REFERENCES o"), D1T_EFFECT_NONE, NULL, many, "1"},
    };
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) become(&cells[i]);
}

/* Old tables may reference what others lose in the same plan. */
static void test_what_a_foreign_key_leads_to_goes_after_the_table_that_lets_go_of_it(void)
{
    static const char *const n[] = {"n"}, *const on_b[] = {"b"};
    static const d1t_column parent_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("n", D1T_INTEGER, 0)};
    static const d1t_index by_n[] = {D1T_UNIQUE_INDEX("p_n", n)};
    static const d1t_foreign_key keys[] = {{on_a, 1, "p", n, D1T_CASCADE, D1T_NO_ACTION, false},
                                           {on_b, 1, "c", NULL, D1T_CASCADE, D1T_NO_ACTION, false}};
    static const d1t_column child_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_INTEGER, 0),
                                               D1T_COLUMN("b", D1T_INTEGER, 0)};
    static const d1t_table parent = {"p", parent_columns, 2, by_n, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table child = {"c", child_columns, 3, NULL, 0, keys, 2, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table child_after = D1T_TABLE("c", child_columns);
    d1t_table parent_after = D1T_TABLE("p", parent_columns);
    const d1t_table *before[2] = {&parent, &child}, *after[2] = {&parent_after, &child_after};
    d1t_plan plan;

    for (; parent_after.column_count; parent_after.column_count--) { /* without the index; without the column, too */
        start(D1T_SETUP_APPLY);
        CHECK_INT(d1t_setup(&db, before, 2), D1T_OK);
        have("INSERT INTO p VALUES(1, 7); INSERT INTO c VALUES(1, 7, 1)");
        CHECK_INT(d1t_plan_read(&plan, &db, after, 2), D1T_OK);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
        if (db.error.code) printf("%s\n", db.error.text);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_close(&db), D1T_OK);
        CHECK_STR(local_ask(d1, "SELECT a FROM c"), "7");
    }
}

/* Such a row would fail the commit, and others with it (D1T_ERR_RESET). */
static void test_a_row_that_sqlite_would_not_take_for_its_own_parent_fails_the_batch_alone(void)
{
    d1t_arena arena;
    d1t_table *t = NULL;
    d1t_plan plan;

    d1t_arena_init(&arena, (d1t_allocator){NULL, NULL}, 0);
    CHECK_INT(d1t_table_from_sql(d1t_cstr("CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL, up INTEGER REFERENCES t)"),
                                 &arena, &t, NULL),
              D1T_OK);
    planned(UP("INTEGER REFERENCES t") "; INSERT INTO t VALUES(5,5)", t, &plan);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_ERR_CONSTRAINT);
    CHECK(strstr(db.error.text, "without their parent") != NULL);
    CHECK_STR(db.error.table, "t");
    d1t_plan_free(&plan);
    d1t_close(&db);
    CHECK_STR(local_ask(d1, "SELECT typeof(k) FROM t"), "integer");
    d1t_arena_free(&arena);
}

static void test_the_integer_key_of_a_table_without_rowid_and_with_a_unique_constraint_keeps_its_name(void)
{
    static const d1t_column renamed[] = {D1T_COLUMN_RENAMED("id", D1T_INTEGER, D1T_KEY, "k"),
                                         D1T_COLUMN("a", D1T_TEXT, 0)};
    static const char *const on_id[] = {"a", "id"};
    static const d1t_index constraint[] = {D1T_UNIQUE_INDEX(NULL, on_id)}, index[] = {D1T_UNIQUE_INDEX("t_u", on_id)};
    d1t_table t = D1T_TABLE_FLAGS("t", renamed, D1T_WITHOUT_ROWID);
    d1t_plan plan;

    t.index_count = 1;
    for (t.indexes = constraint; t.indexes; t.indexes = t.indexes == constraint ? index : NULL) {
        planned(t.indexes == constraint ? "CREATE TABLE t(" K "," A "," PK ", UNIQUE(a, k)) WITHOUT ROWID" :
                                          "CREATE TABLE t(" K "," A "," PK ") WITHOUT ROWID;"
                                          "CREATE UNIQUE INDEX t_u ON t(a, k)",
                &t, &plan);
        CHECK_INT(plan.refused, t.indexes == constraint);
        CHECK(!plan.refused || strstr(plan.steps->text, "rename column t.k: SQLite cannot") != NULL);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_NONE), plan.refused ? D1T_ERR_SCHEMA : D1T_OK);
        d1t_plan_free(&plan);
        d1t_close(&db);
    }
}

/* ---- full text */

static const d1t_index words[] = {D1T_FTS5_INDEX("words", on_a)};

/* Sets up the first table, gives it rows, and makes it the second. */
static void remake(const d1t_table *from, const char *rows, const d1t_table *to, d1t_plan *plan)
{
    start(D1T_SETUP_APPLY);
    CHECK_INT(d1t_setup(&db, &from, 1), D1T_OK);
    have(rows);
    CHECK_INT(d1t_plan_read(plan, &db, &to, 1), D1T_OK);
    CHECK_INT(d1t_plan_apply(plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
    if (db.error.code) printf("%s\n", db.error.text);
}

static const char *found(const char *word)
{
    char sql[200];

    sprintf(sql, "SELECT group_concat(a) FROM t WHERE rowid IN (SELECT rowid FROM words('%s'))", word);
    return local_ask(d1, sql);
}

/* Rows that go, values that change: an index that knew them would be corrupt. */
static void test_a_full_text_index_knows_what_the_table_has_after_a_rebuild(void)
{
    enum { KEY, NULLS, TYPE, COMPUTED, NOTHING, CASES };
    d1t_column from_columns[2] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
    d1t_column to_columns[2];
    d1t_table from = D1T_TABLE("t", from_columns), to;
    d1t_plan plan;
    size_t i, n;
    int which;

    from.indexes = words;
    from.index_count = 1;
    for (which = KEY; which < CASES; which++) {
        from_columns[1].generated_sql = which == COMPUTED ? "k || 'x'" : NULL;
        to = from;
        memcpy(to_columns, from_columns, sizeof to_columns);
        to.columns = to_columns;
        if (which == KEY) to_columns[0].flags = 0;
        if (which == KEY) to_columns[1].flags = D1T_KEY;
        if (which == NULLS) to_columns[1].flags = D1T_NOT_NULL;
        if (which == NULLS || which == TYPE) to_columns[1].default_sql = "'none'";
        if (which == COMPUTED) to_columns[1].generated_sql = "k || 'y'";
        if (which == TYPE || which == NOTHING) to.flags = D1T_STRICT;
        remake(&from,
               which == COMPUTED  ? "INSERT INTO t(k) VALUES('p'), ('q')" :
               which == NOTHING ? "INSERT INTO t VALUES('p', 'one'), ('q', NULL)" :
                                  "INSERT INTO t VALUES('p', 'one'), ('q', NULL), ('r', 'one'), ('s', x'7a')",
               &to, &plan);
        for (i = n = 0; i < plan.statement_count; i++) n += strstr(plan.statements[i].sql, "'rebuild'") != NULL;
        CHECK_INT(n, which != NOTHING);
        d1t_plan_free(&plan);
        have("INSERT INTO words(words, rank) VALUES('integrity-check', 1)");
        CHECK_STR(found(which == COMPUTED ? "py" : which == NULLS || which == TYPE ? "none" : "one"),
                  which == COMPUTED ? "py" : which == NULLS || which == TYPE ? "none" : "one");
        CHECK_INT(d1t_close(&db), D1T_OK);
    }
}

/* Text of its own, or the index of a table that keeps it: neither is ours to drop. One whose table is gone is. */
static void test_a_virtual_table_of_somebody_else_is_not_replaced_by_a_full_text_index(void)
{
    static const struct {
        const char *have;
        bool taken;
    } cells[] = {
        {"CREATE VIRTUAL TABLE words USING fts5(body)", true},
        {"CREATE VIRTUAL TABLE words USING fts5(body, content='')", true},
        {"CREATE TABLE o(body); CREATE VIRTUAL TABLE words USING fts5(body, content=[O])", true},
        {"CREATE VIRTUAL TABLE words USING fts5(a, content=\"t\")", false},
        {"CREATE VIRTUAL TABLE words USING fts5(a, content=gone)", false},
    };
    static const d1t_column two[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
    static const d1t_table plain = D1T_TABLE("t", two);
    d1t_table t = plain;
    const d1t_table *list[1];
    size_t i;

    list[0] = &t;
    t.indexes = words;
    t.index_count = 1;
    for (i = 0; i < 2 * sizeof cells / sizeof *cells; i++) { /* with a new table, and with one that is there */
        start(D1T_SETUP_APPLY);
        have(cells[i / 2].have);
        if (i % 2) have("CREATE TABLE t(k INTEGER PRIMARY KEY NOT NULL, a TEXT)");
        CHECK_INT(d1t_setup(&db, list, 1), cells[i / 2].taken ? D1T_ERR_SCHEMA : D1T_OK);
        if (cells[i / 2].taken) CHECK(strstr(db.error.text, "index on t.words: ") != NULL);
        if (cells[i / 2].taken) CHECK(strstr(db.error.text, "give the index another name") != NULL);
        d1t_close(&db);
        CHECK_STR(local_ask(d1, "SELECT count(*) FROM sqlite_schema WHERE name='words' AND sql LIKE '%body%'"),
                  cells[i / 2].taken ? "1" : "0");
    }
}

/* An index that moved to another table is not dropped with the first one. */
static void test_a_full_text_index_belongs_to_the_table_that_has_it_now(void)
{
    static const d1t_column two[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
    static const d1t_table t = {"t", two, 2, words, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table u = {"u", two, 2, words, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table t_alone = D1T_TABLE("t", two);
    const d1t_table *both[2] = {&u, &t_alone}, *first[1] = {&t}, *second[1] = {&u};
    d1t_plan_desc desc = {second, 1, false, true, false, false, false};
    d1t_plan plan;

    start(D1T_SETUP_APPLY);
    CHECK_INT(d1t_setup(&db, first, 1), D1T_OK);
    CHECK_INT(d1t_plan_read(&plan, &db, second, 1), D1T_OK);
    CHECK_INT(plan.refused, 1); /* t still has it */
    d1t_plan_free(&plan);
    CHECK_INT(d1t_plan_read(&plan, &db, both, 2), D1T_OK);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
    if (db.error.code) printf("%s\n", db.error.text);
    d1t_plan_free(&plan);
    have("DELETE FROM _d1t_setup WHERE name='t';"
         "INSERT INTO _d1t_setup SELECT 't',version,replace(state,'\"u\"','\"t\"')"
         " FROM _d1t_setup WHERE name='u'");  /* as if t had been forgotten when the index moved */
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
    d1t_plan_free(&plan);
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK_INT(plan.step_count, 0);
    d1t_plan_free(&plan);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(local_ask(d1, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE name IN "
                            "('t','u','words','words_ai','words_ad','words_au') ORDER BY 1)"),
              "u,words,words_ad,words_ai,words_au");
}

/* ---- tables that nobody declares any more */

static void test_what_is_not_declared_any_more_goes_with_all_that_belonged_to_it(void)
{
    static const char *const up[] = {"up"};
    static const d1t_column old_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0),
                                             D1T_COLUMN("up", D1T_INTEGER, 0)};
    static const d1t_column renamed_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};
    static const d1t_foreign_key to_itself[] = {D1T_REFERENCES(up, "old", D1T_CASCADE)};
    static const d1t_table old = D1T_TABLE_FULL("old", old_columns, words, to_itself, 0);
    static const d1t_table plain = D1T_TABLE("plain", renamed_columns);
    d1t_column to_columns[1] = {D1T_COLUMN_RENAMED("k", D1T_INTEGER, D1T_KEY, "id")};
    d1t_table to = D1T_TABLE("plain", to_columns);
    const d1t_table *before[2] = {&old, &plain}, *after[1] = {&to};
    d1t_plan_desc desc = {after, 1, false, true, false, false, false};
    d1t_plan plan;

    for (to.flags = 0; to.flags <= D1T_STRICT; to.flags += D1T_STRICT) { /* the second time it is made anew, too */
        start(D1T_SETUP_APPLY);
        CHECK_INT(d1t_setup(&db, before, 2), D1T_OK);
        have("CREATE TABLE log(x); CREATE TRIGGER told AFTER UPDATE ON old BEGIN INSERT INTO log SELECT 1 FROM plain;"
             "END; INSERT INTO plain VALUES(1); INSERT INTO old VALUES(1, 'one', 1)");
        CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
        if (db.error.code) printf("%s\n", db.error.text);
        d1t_plan_free(&plan);
        CHECK_INT(d1t_close(&db), D1T_OK);
        CHECK_STR(local_ask(d1, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type<>'index' "
                                "ORDER BY name)"),
                  "_cf_METADATA,_d1t_setup,log,plain");
        CHECK_STR(local_ask(d1, "SELECT count(*) FROM log"), "0"); /* no trigger saw its rows go */
        CHECK_STR(local_ask(d1, "SELECT k FROM plain"), "1");
    }
}

/* ---- from one declaration to another: what a plan promises about what is there */

static d1t_plan_desc described(const d1t_table *const *list, size_t count)
{
    d1t_plan_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.tables = list;
    desc.count = count;
    return desc;
}

/* Reads the plan and applies it, whatever it does. */
static d1t_result remade(const d1t_plan_desc *desc)
{
    d1t_plan plan;

    CHECK_INT(d1t_plan_read_desc(&plan, &db, desc), D1T_OK);
    d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE);
    d1t_plan_free(&plan);
    return db.error.code;
}

static d1t_result remade_as(const d1t_table *t)
{
    d1t_plan_desc desc = described(&t, 1);

    return remade(&desc);
}

static const d1t_column text_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0),
                                          D1T_COLUMN("p", D1T_INTEGER, 0)};
static const d1t_column number_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0),
                                            D1T_COLUMN("p", D1T_TEXT, 0)};
static const char *const on_p[] = {"p"};

static void test_ids_of_deleted_rows_are_not_given_again_after_a_rebuild(void)
{
    static const d1t_table was = D1T_TABLE_FLAGS("t", text_columns, D1T_AUTOINCREMENT),
                           is = D1T_TABLE_FLAGS("t", number_columns, D1T_AUTOINCREMENT);

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade_as(&was), D1T_OK);
    have("INSERT INTO t(k) VALUES(7), (9); DELETE FROM t WHERE k = 9");
    CHECK_INT(remade_as(&is), D1T_OK);
    have("INSERT INTO t(a) VALUES('new')");
    CHECK_STR(local_ask(d1, "SELECT group_concat(k) FROM t"), "7,10");
    d1t_close(&db);
}

static void test_a_full_text_index_is_kept_up_to_date_after_a_rebuild(void)
{
    static const d1t_table was = {"t", text_columns, 3, words, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL},
                           is = {"t", number_columns, 3, words, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade_as(&was), D1T_OK);
    have("INSERT INTO t(k, a) VALUES(1, 'old word')");
    CHECK_INT(remade_as(&is), D1T_OK);
    have("INSERT INTO t(k, a) VALUES(2, 'new word'); UPDATE t SET a = 'other' WHERE k = 1");
    CHECK_STR(local_ask(d1, "SELECT group_concat(rowid) FROM words('word')"), "2");
    d1t_close(&db);
}

static void test_views_and_triggers_are_there_after_a_rebuild_word_for_word(void)
{
    static const d1t_table was = D1T_TABLE("t", text_columns), is = D1T_TABLE("t", number_columns);

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade_as(&was), D1T_OK);
    have("CREATE VIEW v AS SELECT k FROM t; CREATE VIEW w AS SELECT k FROM v;"
         "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 'seen' WHERE k = NEW.k; END");
    CHECK_INT(remade_as(&is), D1T_OK);
    CHECK_STR(db.error.text, "");
    have("INSERT INTO t(k) VALUES(1)");
    CHECK_STR(local_ask(d1, "SELECT a||(SELECT count(*) FROM w) FROM t"), "seen1");
    CHECK_STR(local_ask(d1, "SELECT sql FROM sqlite_schema WHERE name='v'"), "CREATE VIEW v AS SELECT k FROM t");
    d1t_close(&db);
}

static size_t statement_of(const d1t_plan *plan, const char *sql)
{
    size_t i;

    for (i = 0; i < plan->statement_count && strcmp(plan->statements[i].sql, sql) != 0; i++) {}
    CHECK(i < plan->statement_count);
    return i;
}

/* The other way round the foreign key would have every row of the parent looked for in the child. */
static void test_pruned_tables_go_children_first_and_tables_of_others_stay(void)
{
    static const d1t_table stays = D1T_TABLE("stays", text_columns), parent = D1T_TABLE("parent", text_columns);
    static const d1t_foreign_key keys[] = {D1T_REFERENCES(on_p, "parent", D1T_RESTRICT)};
    static const d1t_table child = {"child", text_columns, 3, NULL, 0, keys, 1, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table *const all[] = {&stays, &child, &parent};
    d1t_plan_desc desc = described(all, 3);
    d1t_plan plan;

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade(&desc), D1T_OK);
    have("INSERT INTO parent(k) VALUES(1); INSERT INTO child(k, p) VALUES(1, 1); CREATE TABLE theirs(x)");
    desc.count = 1;
    desc.prune = true;
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK(statement_of(&plan, "DROP TABLE `child`") < statement_of(&plan, "DROP TABLE `parent`"));
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_OK);
    d1t_plan_free(&plan);
    CHECK_STR(local_ask(d1, "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE type='table' AND "
                            "name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY 1)"),
              "stays,theirs");
    d1t_close(&db);
}

static void test_rows_without_a_parent_are_refused_by_the_name_of_their_table(void)
{
    static const d1t_foreign_key keys[] = {D1T_REFERENCES(on_p, "parent", D1T_CASCADE)};
    static const d1t_table parent = D1T_TABLE("parent", text_columns), was = D1T_TABLE("child", text_columns),
                           is = {"child", text_columns, 3, NULL, 0, keys, 1, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table *const before[] = {&parent, &was}, *const after[] = {&parent, &is};
    d1t_plan_desc desc = described(before, 2);

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade(&desc), D1T_OK);
    have("INSERT INTO parent(k) VALUES(1); INSERT INTO child(k, p) VALUES(1, 1), (2, 5)");
    desc.tables = after;
    CHECK_INT(remade(&desc), D1T_ERR_CONSTRAINT);
    CHECK_STR(db.error.table ? db.error.table : "", "child");
    CHECK_STR(local_ask(d1, "SELECT count(*)||(SELECT count(*) FROM pragma_foreign_key_list('child')) FROM child"),
              "20");
    d1t_close(&db);
}

static void test_a_command_that_changes_is_undone_as_it_was_recorded(void)
{
    static const d1t_command old[] = {{"c", "CREATE VIEW v AS SELECT k FROM t", "DROP VIEW v"}},
                             new_one[] = {{"c", "CREATE VIEW v2 AS SELECT k FROM t", "DROP VIEW v2"}};
    static const d1t_table was = {"t", text_columns, 3, NULL, 0, NULL, 0, NULL, 0, 0, old, 1, NULL},
                           is = {"t", text_columns, 3, NULL, 0, NULL, 0, NULL, 0, 0, new_one, 1, NULL};

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade_as(&was), D1T_OK);
    CHECK_INT(remade_as(&is), D1T_OK);
    CHECK_STR(db.error.text, "");
    CHECK_STR(local_ask(d1, "SELECT group_concat(name) FROM sqlite_schema WHERE type='view'"), "v2");
    d1t_close(&db);
}

/* The two declarations have the same SQL: only the record tells them apart. */
static void test_a_plan_is_refused_after_another_one_that_changed_only_what_is_recorded(void)
{
    static const d1t_column json_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_JSON, 0),
                                              D1T_COLUMN("p", D1T_INTEGER, 0)};
    static const d1t_table text = D1T_TABLE("t", text_columns), json = D1T_TABLE("t", json_columns),
                           number = D1T_TABLE("t", number_columns);
    const d1t_table *list[] = {&number};
    d1t_plan plan;

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade_as(&text), D1T_OK);
    CHECK_INT(d1t_plan_read(&plan, &db, list, 1), D1T_OK);
    CHECK_INT(remade_as(&json), D1T_OK);
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), D1T_ERR_CONFLICT);
    d1t_plan_free(&plan);
    d1t_close(&db);
}

static void test_a_table_that_is_there_as_declared_is_recorded_if_that_is_asked_for(void)
{
    static const d1t_table t = D1T_TABLE("t", text_columns);
    const d1t_table *list[] = {&t};
    d1t_plan_desc desc = described(list, 1);
    int adopt;

    for (adopt = 0; adopt < 2; adopt++) {
        start(D1T_SETUP_APPLY);
        have("CREATE TABLE t(k INTEGER NOT NULL PRIMARY KEY, a TEXT, p INTEGER)");
        desc.adopt = adopt;
        CHECK_INT(remade(&desc), D1T_OK);
        CHECK_STR(local_ask(d1, "SELECT count(*) FROM sqlite_schema WHERE name='_d1t_setup'"), adopt ? "1" : "0");
        if (adopt) CHECK_STR(local_ask(d1, "SELECT count(*) FROM _d1t_setup WHERE name='t'"), "1");
        d1t_close(&db);
    }
}

static void test_parents_that_are_implied_are_those_that_are_named(void)
{
    static const char *const on_k[] = {"k"};
    static const d1t_foreign_key implied[] = {D1T_REFERENCES(on_p, "parent", D1T_CASCADE)},
                                 named[] = {{on_p, 1, "parent", on_k, D1T_CASCADE, D1T_NO_ACTION, false}};
    static const d1t_table parent = D1T_TABLE("parent", text_columns);
    d1t_table t = {"child", text_columns, 3, NULL, 0, implied, 1, NULL, 0, 0, NULL, 0, NULL};
    const d1t_table *list[] = {&parent, &t};
    d1t_plan_desc desc = described(list, 2);
    d1t_plan plan;

    start(D1T_SETUP_APPLY);
    CHECK_INT(remade(&desc), D1T_OK);
    t.foreign_keys = named;
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK_STR(plan.steps ? plan.steps->text : "", "= record of child");
    d1t_plan_free(&plan);
    d1t_close(&db);
}

/* The view uses the table, as the one of somebody else would that stands in the way of its drop. */
static void test_a_view_that_a_command_made_goes_with_its_table_and_with_a_column(void)
{
    static const d1t_command view = {"v", "CREATE VIEW v AS SELECT a FROM t", "DROP VIEW v"};
    static const d1t_table other = D1T_TABLE_FLAGS("other", columns, 0),
                           bare = {"t", columns, 1, NULL, 0, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    const d1t_table *list[] = {NULL};
    d1t_table t = table;
    d1t_plan_desc desc;
    d1t_plan plan;
    int i;

    t.commands = &view;
    t.command_count = 1;
    for (i = 0; i < 4; i++) { /* the column, the table; with a view of somebody else on top, both are refused */
        start(D1T_SETUP_APPLY);
        list[0] = &t;
        CHECK_INT(d1t_setup(&db, list, 1), D1T_OK);
        have(i < 2 ? NULL : "CREATE VIEW other_v AS SELECT a FROM t");
        memset(&desc, 0, sizeof desc);
        list[0] = i % 2 ? &other : &bare;
        desc.tables = list;
        desc.count = 1;
        desc.prune = true;
        CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
        CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE), i < 2 ? D1T_OK : D1T_ERR_SCHEMA);
        d1t_plan_free(&plan);
        if (i < 2) CHECK_STR(local_ask(d1, "SELECT group_concat(name) FROM sqlite_schema WHERE name='v'"), "NULL");
        d1t_close(&db);
    }
}

/* ---- modes */

static void test_verify_changes_nothing_and_says_what_differs(void)
{
    start(D1T_SETUP_VERIFY);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_ERR_SCHEMA);
    CHECK(strstr(db.error.text, "table t") != NULL);
    CHECK_INT(d1t_close(&db), D1T_ERR_SCHEMA);
    CHECK_INT(s.sent, 2);
    CHECK_STR(local_ask(d1, "SELECT count(*) FROM sqlite_schema WHERE name IN ('t', '_d1t_setup')"), "0");
    start(D1T_SETUP_VERIFY);
    have("CREATE TABLE t(" K "," A "," B "," G "," PK ");" INDEXES);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_INT(s.sent, 2);
}

/* A column that somebody added stays, and is no difference, though the record does not know it. */
static void test_verify_is_content_with_what_only_the_record_does_not_say(void)
{
    d1t_config config;

    start(D1T_SETUP_APPLY);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
    have("ALTER TABLE t ADD COLUMN by_hand");
    config = script_config(&s);
    config.setup = D1T_SETUP_VERIFY;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_trust_sends_nothing(void)
{
    d1t_value key = d1t_int(1);

    start(D1T_SETUP_TRUST);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    CHECK_INT(s.sent, 0);
    CHECK_INT(d1t_delete(&db, &table, &key, 1), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_ERR_SQL); /* there is no such table */
}

static void test_bad_declarations_send_nothing(void)
{
    static const d1t_column none[] = {D1T_COLUMN("a", D1T_TEXT, 0)},
                            twice[] = {D1T_COLUMN("a", D1T_TEXT, D1T_KEY), D1T_COLUMN("A", D1T_TEXT, 0)};
    static const d1t_table no_key = D1T_TABLE("t", none), double_name = D1T_TABLE("t", twice),
                           reserved = D1T_TABLE("_cf_t", columns), own = D1T_TABLE("_d1t_t", columns),
                           sqlite = D1T_TABLE("SQLite_t", columns), same = D1T_TABLE("T", columns);
    static const struct {
        const d1t_table *t;
        d1t_result result;
    } cells[] = {
        {&no_key, D1T_ERR_TABLE}, {&double_name, D1T_ERR_TABLE}, {&reserved, D1T_ERR_NAME},
        {&own, D1T_ERR_NAME},     {&sqlite, D1T_ERR_NAME},
    };
    const d1t_table *two[2] = {&table, &same};
    size_t i;

    for (i = 0; i < sizeof cells / sizeof *cells; i++) {
        start(D1T_SETUP_APPLY);
        CHECK_INT(d1t_setup(&db, &cells[i].t, 1), cells[i].result);
        CHECK(db.error.text[0] != 0);
        d1t_close(&db);
        CHECK_INT(s.sent, 0);
    }
    start(D1T_SETUP_APPLY);
    CHECK_INT(d1t_setup(&db, two, 2), D1T_ERR_TABLE); /* one name, two declarations */
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_setup(&db, tables, 0), D1T_ERR_ARG);
    d1t_close(&db);
    CHECK_INT(s.sent, 0);
}

static void test_more_tables_may_be_set_up_later(void)
{
    static const d1t_table second = D1T_TABLE("second", columns);
    const d1t_table *later[1] = {&second};
    d1t_value row[3];

    start(D1T_SETUP_APPLY);
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    row[0] = d1t_int(1);
    row[1] = d1t_null();
    row[2] = d1t_int(2);
    CHECK_INT(d1t_upsert(&db, &table, row, 3), D1T_OK);
    CHECK_INT(d1t_setup(&db, later, 1), D1T_OK);
    CHECK_INT(d1t_upsert(&db, &second, row, 3), D1T_OK);
    CHECK_INT(d1t_upsert(&db, &table, row, 3), D1T_OK);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(local_ask(d1, "SELECT (SELECT count(*) FROM t)||(SELECT count(*) FROM second)"), "11");
}

/* ---- faults */

static uint32_t ddl_requests(void)
{
    uint32_t n = 0;
    size_t i;

    for (i = 0; i < s.kept; i++)
        n += strstr(s.requests[i].body, "CREATE TABLE IF NOT EXISTS") != NULL ||
             strstr(s.requests[i].body, "ADD COLUMN") != NULL;
    return n;
}

/* The statements are lost on their way there or back: the schema is read again instead of sending them blindly. */
static void test_statements_of_unknown_outcome_are_followed_by_a_look_at_the_schema(void)
{
    static const struct {
        local_d1_fault fault;
        uint32_t ddl;
    } cells[] = {
        {LOCAL_D1_LOSE_AFTER, 1}, {LOCAL_D1_CUT_ANSWER, 1},  {LOCAL_D1_ZOMBIE, 1},  {LOCAL_D1_500_AFTER, 1},
        {LOCAL_D1_LATE, 1},       {LOCAL_D1_LOSE_BEFORE, 2}, {LOCAL_D1_500, 2},     {LOCAL_D1_503_HTML, 2},
        {LOCAL_D1_SILENT, 2},     {LOCAL_D1_REFUSE, 2},      {LOCAL_D1_429_API, 2}, {LOCAL_D1_429_BUSY, 2},
    };
    size_t i;
    int added;

    for (i = 0; i < sizeof cells / sizeof *cells; i++)
        for (added = 0; added < 2; added++) {
            start(D1T_SETUP_APPLY);
            have(added ? "CREATE TABLE t(" K "," B "," PK ")" : NULL);
            local_d1_set_fault(d1, cells[i].fault, 3, 1);
            CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
            if (ddl_requests() != cells[i].ddl) printf("fault %d: %u\n", (int)cells[i].fault, ddl_requests());
            CHECK_INT(ddl_requests(), cells[i].ddl);
            if (cells[i].fault == LOCAL_D1_ZOMBIE || cells[i].fault == LOCAL_D1_LOSE_AFTER)
                CHECK(s.requests[3].at_ms >= s.requests[2].at_ms + 35000);
            CHECK_INT(d1t_close(&db), D1T_OK);
            CHECK_STR(local_ask(d1, "SELECT count(*) FROM pragma_table_xinfo('t')"), "4");
            CHECK_STR(local_ask(d1, "SELECT count(*) FROM pragma_index_list('t')"), "3");
        }
}

static void test_a_schema_that_is_cut_while_it_is_read_is_read_again(void)
{
    static const local_d1_fault faults[] = {LOCAL_D1_CUT_ANSWER, LOCAL_D1_LOSE_AFTER, LOCAL_D1_503_HTML,
                                            LOCAL_D1_SILENT};
    size_t i;

    for (i = 0; i < sizeof faults / sizeof *faults; i++) {
        start(D1T_SETUP_VERIFY);
        have("CREATE TABLE o1(a); CREATE TABLE o2(a); CREATE TABLE t(" K "," A "," B "," G "," PK ");" INDEXES);
        local_d1_set_fault(d1, faults[i], 2, 1);
        CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
        CHECK_INT(s.sent, 3);
        d1t_close(&db);
    }
}

static void test_a_fault_that_stays_ends_the_setup_with_its_error(void)
{
    static const struct {
        local_d1_fault fault;
        d1t_result result;
    } cells[] = {
        {LOCAL_D1_REFUSE, D1T_ERR_CONNECT},  {LOCAL_D1_LOSE_BEFORE, D1T_ERR_TRANSPORT},
        {LOCAL_D1_503_HTML, D1T_ERR_SERVER}, {LOCAL_D1_DB_FULL, D1T_ERR_DB_FULL},
        {LOCAL_D1_DAY_LIMIT, D1T_ERR_QUOTA}, {LOCAL_D1_SILENT, D1T_ERR_TIMEOUT},
    };
    size_t i;
    uint64_t first;

    for (i = 0; i < sizeof cells / sizeof *cells; i++)
        for (first = 1; first < 4; first++) { /* from the reads on, from the statements on */
            start(D1T_SETUP_APPLY);
            local_d1_set_fault(d1, cells[i].fault, first, UINT64_MAX);
            CHECK_INT(d1t_setup(&db, tables, 1), cells[i].result);
            CHECK(s.sent < 30);
            CHECK_INT(d1t_close(&db), cells[i].result);
        }
}

int main(void)
{
    RUN(test_what_is_missing_is_made_and_then_nothing_is_left_to_do);
    RUN(test_what_differs_is_changed_and_the_plan_says_what_that_does);
    RUN(test_what_cannot_be_changed_is_refused_by_name_with_the_cure);
    RUN(test_setup_never_drops);
    RUN(test_setup_loses_no_value_unless_it_may);
    RUN(test_rows_that_a_new_constraint_forbids_are_told_by_table_and_column);
    RUN(test_a_broken_view_or_trigger_that_stops_a_rename_is_named);
    RUN(test_columns_are_added_one_way_or_the_other);
    RUN(test_foreign_keys_and_checks_are_compared);
    RUN(test_every_kind_of_table_is_found_unchanged_after_it_was_made);
    RUN(test_values_stay_as_they_are_where_the_new_column_takes_them);
    RUN(test_rows_go_only_if_the_new_key_cannot_hold_them);
    RUN(test_tables_that_reference_themselves_or_each_other_are_made_anew_with_all_rows);
    RUN(test_what_a_foreign_key_leads_to_goes_after_the_table_that_lets_go_of_it);
    RUN(test_a_row_that_sqlite_would_not_take_for_its_own_parent_fails_the_batch_alone);
    RUN(test_the_integer_key_of_a_table_without_rowid_and_with_a_unique_constraint_keeps_its_name);
    RUN(test_a_full_text_index_knows_what_the_table_has_after_a_rebuild);
    RUN(test_a_virtual_table_of_somebody_else_is_not_replaced_by_a_full_text_index);
    RUN(test_a_full_text_index_belongs_to_the_table_that_has_it_now);
    RUN(test_what_is_not_declared_any_more_goes_with_all_that_belonged_to_it);
    RUN(test_a_view_that_a_command_made_goes_with_its_table_and_with_a_column);
    RUN(test_ids_of_deleted_rows_are_not_given_again_after_a_rebuild);
    RUN(test_a_full_text_index_is_kept_up_to_date_after_a_rebuild);
    RUN(test_views_and_triggers_are_there_after_a_rebuild_word_for_word);
    RUN(test_pruned_tables_go_children_first_and_tables_of_others_stay);
    RUN(test_rows_without_a_parent_are_refused_by_the_name_of_their_table);
    RUN(test_a_command_that_changes_is_undone_as_it_was_recorded);
    RUN(test_a_plan_is_refused_after_another_one_that_changed_only_what_is_recorded);
    RUN(test_a_table_that_is_there_as_declared_is_recorded_if_that_is_asked_for);
    RUN(test_parents_that_are_implied_are_those_that_are_named);
    RUN(test_verify_changes_nothing_and_says_what_differs);
    RUN(test_verify_is_content_with_what_only_the_record_does_not_say);
    RUN(test_trust_sends_nothing);
    RUN(test_bad_declarations_send_nothing);
    RUN(test_more_tables_may_be_set_up_later);
    RUN(test_statements_of_unknown_outcome_are_followed_by_a_look_at_the_schema);
    RUN(test_a_schema_that_is_cut_while_it_is_read_is_read_again);
    RUN(test_a_fault_that_stays_ends_the_setup_with_its_error);
    script_free(&s);
    local_d1_close(d1);
    TEST_MAIN_END;
}
