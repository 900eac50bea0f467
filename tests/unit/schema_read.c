/* Room drivers, d1t_schema_read: what D1 has, as tables, with what was recorded about them. */
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
static d1t_arena arena;
static d1t_schema schema;

static const d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("at", D1T_TIMESTAMP, 0)};
static const d1t_table table = D1T_TABLE("t", columns);
static const d1t_table *const tables[] = {&table};

static void start(const char *sql)
{
    d1t_config config;

    memset(&s, 0, sizeof s);
    d1 = local_d1_open(NULL, NULL);
    s.decide = script_from_local;
    s.ctx = d1;
    config = script_config(&s);
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(sqlite3_exec(local_d1_sqlite(d1), sql, NULL, NULL, NULL), SQLITE_OK);
    memset(&schema, 0, sizeof schema);
    schema.arena = &arena;
}

static void stop(void)
{
    d1t_arena_free(&arena);
    memset(&arena, 0, sizeof arena);
    d1t_close(&db);
    script_free(&s);
    local_d1_close(d1);
}

static void test_an_empty_database_has_nothing_and_no_record(void)
{
    start("");
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
    CHECK(!schema.objects && !schema.records);
    CHECK_INT(schema.version, 0);
    stop();
}

static void test_tables_come_with_their_indexes(void)
{
    const d1t_schema_object *o;

    start("CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL, b VARCHAR(9)); CREATE UNIQUE INDEX t_b ON t(b);"
          "CREATE VIEW v AS SELECT b FROM t");
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
    o = d1t_schema_find(&schema, "t");
    CHECK(o && o->table);
    if (o && o->table) {
        CHECK_INT(o->table->column_count, 2);
        CHECK_STR(o->table->columns[1].sql_type, "VARCHAR(9)");
        CHECK_INT(o->table->index_count, 1);
        CHECK_STR(o->table->indexes[0].name, "t_b");
    }
    o = d1t_schema_find(&schema, "v");
    CHECK(o && o->kind == D1T_OBJECT_VIEW);
    stop();
}

/* SQLite reports the default as it is spelt. */
static void test_a_default_that_is_a_word_is_a_text_like_one_in_quotes(void)
{
    static const char *const spelt[] = {"open", "\"open\"", "[open]", "`open`", "'open'"};
    char sql[100];
    size_t i;

    for (i = 0; i < sizeof spelt / sizeof *spelt; i++) {
        const d1t_schema_object *o;

        snprintf(sql, sizeof sql, "CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL, b TEXT DEFAULT %s)", spelt[i]);
        start(sql);
        CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
        o = d1t_schema_find(&schema, "t");
        CHECK(o && o->table);
        if (o && o->table) CHECK_STR(o->table->columns[1].default_sql, "'open'");
        stop();
    }
}

static void test_a_record_keeps_what_sql_cannot_say(void)
{
    const d1t_schema_record *r;

    start("");
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
    r = d1t_schema_recorded(&schema, "t");
    CHECK(r && r->state->columns[1].type == D1T_TIMESTAMP);
    CHECK_INT(schema.version, 1);
    stop();
}

static void test_what_was_read_is_enough_to_plan(void)
{
    d1t_plan plan;
    d1t_plan_desc desc;
    d1t_error error;

    start("CREATE TABLE t(k INTEGER PRIMARY KEY NOT NULL)");
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
    memset(&plan, 0, sizeof plan);
    memset(&desc, 0, sizeof desc);
    memset(&error, 0, sizeof error);
    desc.tables = tables;
    desc.count = 1;
    CHECK_INT(d1t_plan_diff(&plan, &schema, &desc, &error), D1T_OK);
    CHECK_INT(plan.step_count, 1);
    CHECK_STR(plan.steps ? plan.steps->text : "", "+ column t.at TEXT");
    d1t_plan_free(&plan);
    stop();
}

static void test_a_schema_that_is_cut_is_read_again_and_nothing_is_there_twice(void)
{
    static const local_d1_fault faults[] = {LOCAL_D1_CUT_ANSWER, LOCAL_D1_LOSE_AFTER, LOCAL_D1_503_HTML};
    size_t i;

    for (i = 0; i < sizeof faults / sizeof *faults; i++) {
        start("CREATE TABLE t(a PRIMARY KEY); CREATE TABLE u(a PRIMARY KEY)");
        local_d1_set_fault(d1, faults[i], 1, 1);
        CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
        CHECK(schema.objects && schema.objects->next && !schema.objects->next->next);
        stop();
    }
}

static void test_errors_are_those_of_any_verb(void)
{
    start("");
    schema.arena = NULL;
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_ERR_ARG);
    CHECK(strstr(db.error.text, "arena") != NULL);
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_schema_read(NULL, &db), D1T_ERR_ARG);
    CHECK_INT(d1t_schema_read(&schema, NULL), D1T_ERR_ARG);
    d1t_clear(&db, D1T_KEEP_ROWS);
    schema.arena = &arena;
    local_d1_set_fault(d1, LOCAL_D1_REFUSE, 1, UINT64_MAX);
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_ERR_CONNECT);
    CHECK(!schema.objects);
    stop();
}

/* The records are gone when the plan is applied: under ASan this is where it shows. */
static void test_a_plan_of_drift_can_be_applied(void)
{
    d1t_plan plan;
    d1t_plan_desc desc;

    start("");
    CHECK_INT(d1t_setup(&db, tables, 1), D1T_OK);
    CHECK_INT(sqlite3_exec(local_d1_sqlite(d1), "DROP TABLE t", NULL, NULL, NULL), SQLITE_OK);
    memset(&desc, 0, sizeof desc);
    desc.drift = true;
    CHECK_INT(d1t_plan_read_desc(&plan, &db, &desc), D1T_OK);
    CHECK_STR(plan.steps ? plan.steps->table : "", "t");
    CHECK_INT(d1t_plan_apply(&plan, D1T_EFFECT_NONE), D1T_OK);
    d1t_plan_free(&plan);
    CHECK_STR(local_ask(d1, "SELECT count(*) FROM pragma_table_info('t')"), "2");
    stop();
}

/* SQLite takes a word, or a text in the quotes of a name, for a text. */
static void test_a_default_that_is_a_word_is_a_text(void)
{
    const d1t_table *t;

    start("CREATE TABLE t(k INTEGER PRIMARY KEY, a TEXT DEFAULT \"foo bar\", b DEFAULT baz)");
    CHECK_INT(d1t_schema_read(&schema, &db), D1T_OK);
    t = schema.objects->table;
    CHECK(t != NULL);
    CHECK_STR(t ? t->columns[1].default_sql : NULL, "'foo bar'");
    CHECK_STR(t ? t->columns[2].default_sql : NULL, "'baz'");
    stop();
}

/* As a broken or hostile server might send it. */
static void test_an_object_that_tells_things_in_another_order_is_refused(void)
{
    static const char *const objects[] = {
        "{\"name\":\"t\",\"owner\":\"t\",\"sql\":\"CREATE TABLE t(a)\",\"type\":\"table\"}",
        "{\"type\":\"table\",\"name\":\"t\",\"owner\":\"t\",\"sql\":\"CREATE TABLE t(a)\",\"columns\":"
        "{\"x\":{\"y\":1}}}",
    };
    size_t i;

    start("");
    for (i = 0; i < sizeof objects / sizeof *objects; i++)
        CHECK_INT(d1t_schema_add(&schema, d1t_cstr(objects[i])), D1T_ERR_PROTOCOL);
    stop();
}

int main(void)
{
    RUN(test_an_empty_database_has_nothing_and_no_record);
    RUN(test_tables_come_with_their_indexes);
    RUN(test_a_default_that_is_a_word_is_a_text_like_one_in_quotes);
    RUN(test_a_record_keeps_what_sql_cannot_say);
    RUN(test_what_was_read_is_enough_to_plan);
    RUN(test_a_schema_that_is_cut_is_read_again_and_nothing_is_there_twice);
    RUN(test_errors_are_those_of_any_verb);
    RUN(test_a_plan_of_drift_can_be_applied);
    RUN(test_a_default_that_is_a_word_is_a_text);
    RUN(test_an_object_that_tells_things_in_another_order_is_refused);
    TEST_MAIN_END;
}
