/* What systems that do the same promise of setup, row by row: numbers are those of their test suites.

     4a   target connector for SQLite (27 tests)         4b   the one for Postgres (16)
     4c   its SDK: 8 tests, 8 of SQL texts, 17 of state differences
     4e   D1 target of a code indexer: 66 units, 9 over a local SQLite
     4f   names, and the table of differences of the reference target

   acceptance local | acceptance url DATABASE_URL...   runs them; ONLY=name_of_the_test runs one
   acceptance --table                                  prints the table

   Each row has one test function here, or names the one that shows it in another test program, or says why it is not
   about setup. */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/back_end.h"
#include "fresh.h"

/* ---- declarations */

static const d1t_column person_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                            D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
                                            D1T_COLUMN("age", D1T_INTEGER, 0)};
static const d1t_column wider_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                           D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
                                           D1T_COLUMN("age", D1T_INTEGER, 0), D1T_COLUMN("extra", D1T_TEXT, 0)};
static const d1t_column strict_extra_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("age", D1T_INTEGER, 0), D1T_COLUMN("extra", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column narrow_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                            D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column text_age_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0),
                                              D1T_COLUMN("age", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column integer_name_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_INTEGER, 0), D1T_COLUMN("age", D1T_INTEGER, 0)};
static const d1t_column other_columns[] = {D1T_COLUMN("sku", D1T_TEXT, D1T_KEY), D1T_COLUMN("price", D1T_REAL, 0)};
static const d1t_column pair_columns[] = {D1T_COLUMN("a", D1T_TEXT, D1T_KEY), D1T_COLUMN("b", D1T_INTEGER, D1T_KEY),
                                          D1T_COLUMN("v", D1T_TEXT, 0)};
static const d1t_column child_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                           D1T_COLUMN("person", D1T_INTEGER, D1T_NOT_NULL)};

static const char *const on_name[] = {"name"}, *const on_age[] = {"age"}, *const on_both[] = {"name", "age"};
static const char *const on_person[] = {"person"};
static const d1t_index name_index[] = {D1T_INDEX("people_name", on_name)};
static const d1t_index unique_index[] = {D1T_UNIQUE_INDEX("people_name", on_name)};
static const d1t_index wide_index[] = {D1T_INDEX("people_name", on_both)};
static const d1t_index age_index[] = {D1T_INDEX("people_age", on_age)};
static const d1t_index words_index[] = {D1T_FTS5_INDEX("people_words", on_name)};
static const d1t_foreign_key child_keys[] = {D1T_REFERENCES(on_person, "people", D1T_CASCADE)};
static const d1t_index child_index[] = {D1T_INDEX("children_person", on_person)};
static const d1t_command seniors[] = {
    {"seniors", "CREATE VIEW seniors AS SELECT id FROM people WHERE age > 65", "DROP VIEW seniors"}};
static const d1t_command older_seniors[] = {
    {"seniors", "CREATE VIEW seniors AS SELECT id FROM people WHERE age > 70", "DROP VIEW seniors"}};
static const d1t_command own_index[] = {
    {"own_index", "CREATE INDEX people_lower ON people(lower(name))", "DROP INDEX people_lower"}};
static const d1t_command stays[] = {{"stays", "CREATE VIEW stays AS SELECT id FROM people", NULL}};

static const d1t_table people = D1T_TABLE("people", person_columns), wider = D1T_TABLE("people", wider_columns);
static const d1t_table strict_extra = D1T_TABLE("people", strict_extra_columns);
static const d1t_table narrow = D1T_TABLE("people", narrow_columns);
static const d1t_table text_age = D1T_TABLE("people", text_age_columns);
static const d1t_table integer_name = D1T_TABLE("people", integer_name_columns);
static const d1t_table products = D1T_TABLE("products", other_columns), pairs = D1T_TABLE("pairs", pair_columns);
static const d1t_table odd_name = D1T_TABLE("shop.people", person_columns);
static const d1t_table people_by_user = D1T_TABLE_FLAGS("people", person_columns, D1T_BY_USER);
static const d1t_table wider_by_user = D1T_TABLE_FLAGS("people", wider_columns, D1T_BY_USER);
static const d1t_table children = D1T_TABLE_FULL("children", child_columns, child_index, child_keys, 0);

static d1t_table with_indexes(const d1t_index *indexes, size_t count)
{
    d1t_table t = people;

    t.indexes = indexes;
    t.index_count = count;
    return t;
}

static d1t_table with_command(const d1t_command *command)
{
    d1t_table t = people;

    t.commands = command;
    t.command_count = command ? 1 : 0;
    return t;
}

/* ---- what a test does: the next run of the program, with other declarations */

static d1t_plan plan; /* the last one, applied or not; freed by the next */

#define PLAN(prune_, ...)                                                                                              \
    do {                                                                                                               \
        const d1t_table *const tables_[] = {__VA_ARGS__};                                                              \
        read_plan(tables_, sizeof tables_ / sizeof *tables_, prune_);                                                  \
    } while (0)
/* Exactly these tables, whatever it takes. */
#define BECOME(...)                                                                                                    \
    do {                                                                                                               \
        PLAN(true, __VA_ARGS__);                                                                                       \
        OK(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));                                                             \
    } while (0)

static void read_plan(const d1t_table *const *tables, size_t count, bool prune)
{
    d1t_plan_desc desc;

    d1t_plan_free(&plan);
    reopen(NULL);
    memset(&desc, 0, sizeof desc);
    desc.tables = tables;
    desc.count = count;
    desc.prune = prune;
    OK(d1t_plan_read_desc(&plan, &db, &desc));
}

/* "+ column people.extra TEXT; ..." */
static const char *steps(void)
{
    static char text[2000];
    const d1t_plan_step *s;

    text[0] = 0;
    for (s = plan.steps; s; s = s->next)
        if (s->kind != D1T_NOTE)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? "; " : "", s->text);
    return text;
}

static const d1t_plan_step *step_of(d1t_step_kind kind)
{
    const d1t_plan_step *s = plan.steps;

    while (s && s->kind != kind) s = s->next;
    return s;
}

#define HAS(part) text_has(steps(), part, __FILE__, __LINE__)

static void run_sql(const char *sql)
{
    d1t_statement s = {0};

    s.sql = sql;
    OK(d1t_exec(&db, &s, 1));
}

static const char *names(void)
{
    return ask(
        "SELECT name FROM sqlite_schema WHERE substr(name,1,1)<>'_' AND substr(name,1,7)<>'sqlite_' ORDER BY name");
}

static const char *columns_of(const char *table)
{
    d1t_value arg[1];

    arg[0] = d1t_text(table);
    return query("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1) ORDER BY cid", arg, 1);
}

/* Every row, in the order of the first column. */
static const char *rows_in(const char *table)
{
    char sql[100];

    snprintf(sql, sizeof sql, "SELECT * FROM `%s` ORDER BY 1", table);
    return ask(sql);
}

static void two_people(void)
{
    BECOME(&people);
    run_sql("INSERT INTO people VALUES(1,'Ada',36),(2,'Bob',70)");
}

/* ---- 4a */

static void a_table_is_created_and_takes_rows_in_this_run_and_the_next(void)
{
    DECLARE(&people);
    OK(d1t_upsert(&db, &people, ROW(I(1), T("Ada"), I(36))));
    OK(d1t_upsert(&db, &people, ROW(I(2), T("Bob"), d1t_null())));
    reopen(NULL);
    DECLARE(&people);
    OK(d1t_upsert(&db, &people, ROW(I(3), T("Cy"), I(5))));
    OK(d1t_flush(&db));
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', NULL; 3, 'Cy', 5");
}

static void another_declaration_adds_its_column_and_rows_fill_it(void)
{
    two_people();
    reopen(NULL);
    DECLARE(&wider);
    OK(d1t_upsert(&db, &wider, ROW(I(2), T("Bob"), I(71), T("x"))));
    OK(d1t_flush(&db));
    CHECK_STR(rows_in("people"), "1, 'Ada', 36, NULL; 2, 'Bob', 71, 'x'");
}

static void a_table_that_is_no_longer_declared_is_dropped(void)
{
    BECOME(&people, &products);
    run_sql("CREATE TABLE by_hand(x)");
    PLAN(true, &products);
    CHECK_STR(steps(), "- table people");
    FAILS(D1T_ERR_SCHEMA, d1t_plan_apply(&plan, D1T_EFFECT_LOSSY)); /* it has to be allowed */
    CLEAR();
    BECOME(&products);
    CHECK_STR(names(), "'by_hand'; 'products'");
}

static void a_second_run_reads_once_writes_nothing_and_leaves_the_rows(void)
{
    uint64_t written;

    two_people();
    reopen(NULL);
    written = db.stats.rows_written;
    DECLARE(&people);
    CHECK_INT(db.stats.requests, 1);
    CHECK_INT(db.stats.rows_written, written);
    CHECK_STR(rows_in("people"), "1, 'Ada', 36; 2, 'Bob', 70");
}

static void several_tables_of_one_database_are_set_up_together(void)
{
    DECLARE(&people, &products, &pairs);
    CHECK_STR(names(), "'pairs'; 'people'; 'products'");
    CHECK_STR(columns_of("products"), "'sku', 'TEXT', 1, 1; 'price', 'REAL', 0, 0");
}

static void the_columns_are_exactly_those_declared(void)
{
    DECLARE(&people);
    CHECK_STR(columns_of("people"), "'id', 'INTEGER', 1, 1; 'name', 'TEXT', 1, 0; 'age', 'INTEGER', 0, 0");
}

static void a_table_of_the_user_is_written_verified_never_altered_and_never_dropped(void)
{
    run_sql("CREATE TABLE people(id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, age INTEGER)");
    DECLARE(&people_by_user);
    OK(d1t_upsert(&db, &people_by_user, ROW(I(1), T("Ada"), I(36))));
    OK(d1t_flush(&db));
    OK(d1t_delete(&db, &people_by_user, ROW(I(1))));
    OK(d1t_flush(&db));
    BECOME(&products); /* not declared any more, and empty */
    CHECK_STR(names(), "'people'; 'products'");
    PLAN(true, &wider_by_user);
    CHECK_INT(plan.change, D1T_CHANGE_INVALID);
    HAS("the table's setup is the user's");
    CHECK_STR(columns_of("people"), "'id', 'INTEGER', 1, 1; 'name', 'TEXT', 1, 0; 'age', 'INTEGER', 0, 0");
    CHECK_STR(rows_in("people"), "");
}

/* Its place in D1 may be taken by a virtual table: this is not replaced without a word either. */
static void vectors_are_blobs_and_a_vector_index_is_refused_because_d1_has_no_sqlite_vec(void)
{
    static const d1t_field keys[] = {{"id", D1T_INTEGER, false}}, values[] = {{"embedding", D1T_VECTOR, true}};
    static const d1t_vector_index index[] = {{"embedding"}};
    const d1t_target *target = d1t_d1_target();
    d1t_target_spec spec = {0};
    d1t_target_resource resource;
    d1t_error error = {0};
    d1t_arena arena;
    float vector[2] = {0.5f, -1.0f};

    spec.database = "d";
    spec.table = "pages";
    spec.keys = keys;
    spec.values = values;
    spec.key_count = spec.value_count = 1;
    d1t_arena_init(&arena, db.allocator, 0);
    CHECK_INT(target->build(target->self, &spec, 1, &arena, &resource, &error), D1T_OK);
    DECLARE(resource.state);
    OK(d1t_upsert(&db, resource.state, ROW(I(1), d1t_vector(vector, 2))));
    OK(d1t_flush(&db));
    CHECK_STR(stored(resource.state), "1, vector 0.5 -1");
    spec.vector_indexes = index;
    spec.vector_index_count = 1;
    CHECK_INT(target->build(target->self, &spec, 1, &arena, &resource, &error), D1T_ERR_UNSUPPORTED);
    text_has(error.text, "D1 has no sqlite-vec", __FILE__, __LINE__);
    run_sql("CREATE VIRTUAL TABLE people USING fts5(name)");
    PLAN(false, &people);
    HAS("D1 has a view or virtual table of this name");
    reopen(NULL);
    d1t_arena_free(&arena);
}

static void a_not_null_column_on_a_table_with_rows_is_refused_by_name_and_nothing_is_altered(void)
{
    const d1t_table *const tables[] = {&strict_extra};

    two_people();
    PLAN(true, &strict_extra);
    HAS("people.extra");
    HAS("the table has rows, and the column is NOT NULL without a default");
    FAILS(D1T_ERR_SCHEMA, d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    CLEAR();
    FAILS(D1T_ERR_SCHEMA, d1t_setup(&db, tables, 1));
    SAYS("people.extra");
    CLEAR();
    CHECK_STR(columns_of("people"), "'id', 'INTEGER', 1, 1; 'name', 'TEXT', 1, 0; 'age', 'INTEGER', 0, 0");
    CHECK_STR(rows_in("people"), "1, 'Ada', 36; 2, 'Bob', 70");
    run_sql("DELETE FROM people");
    BECOME(&strict_extra); /* an empty table takes it */
    HAS("+ column people.extra TEXT");
}

static void a_column_that_is_there_already_when_the_run_is_repeated_does_no_harm(void)
{
    two_people();
    BECOME(&wider);
    run_sql("DELETE FROM _d1t_setup"); /* the run before left no record */
    reopen(NULL);
    DECLARE(&wider);
    PLAN(true, &wider);
    CHECK_STR(steps(), "");
    CHECK_STR(rows_in("people"), "1, 'Ada', 36, NULL; 2, 'Bob', 70, NULL");
}

/* ---- 4b */

/* D1 has one schema: a dot is part of the name. */
static void a_table_with_a_dot_in_its_name_is_dropped_and_created_again(void)
{
    BECOME(&odd_name, &products);
    CHECK_STR(names(), "'products'; 'shop.people'");
    BECOME(&products);
    CHECK_STR(names(), "'products'");
    BECOME(&odd_name, &products);
    CHECK_STR(names(), "'products'; 'shop.people'");
}

static const char *place_of_index(void)
{
    return ask("SELECT rowid FROM sqlite_schema WHERE name='people_name' AND type='index'");
}

static void an_index_is_made_again_only_if_it_changed(void)
{
    d1t_table a = with_indexes(name_index, 1), b = with_indexes(unique_index, 1), c = with_indexes(wide_index, 1);
    char place[32];

    BECOME(&a);
    run_sql("INSERT INTO people VALUES(1,'Ada',36)");
    snprintf(place, sizeof place, "%s", place_of_index());
    BECOME(&a);
    CHECK_STR(steps(), "");
    CHECK_STR(place_of_index(), place);
    BECOME(&b);
    CHECK_STR(steps(), "~ index people_name on people");
    CHECK_STR(ask("SELECT \"unique\" FROM pragma_index_list('people') WHERE name='people_name'"), "1");
    BECOME(&c);
    CHECK_STR(steps(), "~ index people_name on people");
    CHECK_STR(ask("SELECT name FROM pragma_index_info('people_name') ORDER BY seqno"), "'name'; 'age'");
    BECOME(&people);
    CHECK_STR(names(), "'people'");
    CHECK_STR(rows_in("people"), "1, 'Ada', 36");
}

static void a_command_that_changes_is_torn_down_and_set_up_and_one_that_goes_is_torn_down(void)
{
    d1t_table v1 = with_command(seniors), v2 = with_command(older_seniors);

    BECOME(&v1);
    run_sql("INSERT INTO people VALUES(1,'Ada',66),(2,'Bob',71)");
    CHECK_STR(ask("SELECT id FROM seniors ORDER BY id"), "1; 2");
    BECOME(&v1);
    CHECK_STR(steps(), "");
    BECOME(&v2);
    CHECK_STR(steps(), "~ command seniors of people");
    CHECK_STR(ask("SELECT id FROM seniors ORDER BY id"), "2");
    BECOME(&people);
    CHECK_STR(steps(), "- command seniors of people");
    CHECK_STR(names(), "'people'");
    CHECK_STR(ask("SELECT count(*) FROM people"), "2");
}

/* The view uses the table that is made anew; the teardown is the one that was recorded. */
static void a_command_changes_while_its_table_is_rebuilt(void)
{
    d1t_table v1 = with_command(seniors), v2 = text_age;

    v2.commands = older_seniors;
    v2.command_count = 1;
    BECOME(&v1);
    run_sql("INSERT INTO people VALUES(1,'Ada',66),(2,'Bob',71)");
    BECOME(&v2);
    CHECK_STR(names(), "'people'; 'seniors'");
    CHECK_STR(ask("SELECT sql FROM sqlite_schema WHERE name='seniors'"),
              "'CREATE VIEW seniors AS SELECT id FROM people WHERE age > 70'");
}

/* The renames are a batch of their own; what the record alone knows gets through it. */
static void commands_and_fts_survive_a_rename_that_is_followed_by_a_rebuild(void)
{
    static const d1t_column renamed_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                                 D1T_COLUMN("name", D1T_TEXT, 0),
                                                 D1T_COLUMN_RENAMED("years", D1T_INTEGER, 0, "age")};
    d1t_table before = with_indexes(words_index, 1), after = D1T_TABLE("people", renamed_columns);

    before.commands = after.commands = seniors;
    before.command_count = after.command_count = 1;
    BECOME(&before);
    run_sql("INSERT INTO people VALUES(1,'Ada',66),(2,'Bob',30)");
    PLAN(true, &after);
    CHECK(plan.more);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    CHECK_STR(names(), "'people'; 'seniors'");
    CHECK_STR(ask("SELECT id FROM seniors"), "1");
    BECOME(&after);
    CHECK_STR(steps(), "");
}

/* What a command made belongs to it: it is no index that nobody declared, and a rebuild brings it back. */
static void an_index_that_a_command_made_is_left_alone_and_survives_a_rebuild(void)
{
    d1t_table t = with_command(own_index), retyped = text_age;

    retyped.commands = own_index;
    retyped.command_count = 1;
    BECOME(&t);
    BECOME(&t);
    CHECK_STR(steps(), "");
    BECOME(&retyped);
    CHECK_STR(names(), "'people'; 'people_lower'");
    BECOME(&text_age);
    CHECK_STR(names(), "'people'");
}

static void without_a_teardown_what_a_command_made_stays(void)
{
    d1t_table with = with_command(stays);

    BECOME(&with);
    BECOME(&people);
    CHECK_STR(names(), "'people'; 'stays'");
}

static void rows_and_indexes_change_independently(void)
{
    d1t_table indexed = with_indexes(name_index, 1), other = with_indexes(age_index, 1);

    BECOME(&indexed);
    DECLARE(&indexed);
    OK(d1t_upsert(&db, &indexed, ROW(I(1), T("Ada"), I(36)))); /* rows only */
    OK(d1t_flush(&db));
    CHECK_STR(names(), "'people'; 'people_name'");
    BECOME(&other); /* the index only */
    CHECK_STR(steps(), "+ index people_age on people; - index people_name on people");
    CHECK_STR(names(), "'people'; 'people_age'");
    CHECK_STR(rows_in("people"), "1, 'Ada', 36");
}

static void a_column_drop_that_a_view_blocks_fails_and_the_next_run_really_drops_it(void)
{
    two_people();
    run_sql("CREATE VIEW ages AS SELECT age FROM people");
    PLAN(true, &narrow);
    CHECK_INT(plan.refused, 1);
    HAS("people.age");
    HAS("ages");
    FAILS(D1T_ERR_SCHEMA, d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    CLEAR();
    CHECK_STR(rows_in("people"), "1, 'Ada', 36; 2, 'Bob', 70");
    run_sql("DROP VIEW ages");
    BECOME(&narrow);
    CHECK_STR(columns_of("people"), "'id', 'INTEGER', 1, 1; 'name', 'TEXT', 1, 0");
    CHECK_STR(rows_in("people"), "1, 'Ada'; 2, 'Bob'");
}

static void a_compatible_retype_and_nullability_both_ways_keep_every_value(void)
{
    two_people();
    PLAN(true, &text_age); /* age INTEGER -> TEXT NOT NULL, name nullable */
    CHECK_INT(plan.effect, D1T_EFFECT_NONE);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_NONE));
    CHECK_STR(columns_of("people"), "'id', 'INTEGER', 1, 1; 'name', 'TEXT', 0, 0; 'age', 'TEXT', 1, 0");
    CHECK_STR(rows_in("people"), "1, 'Ada', '36'; 2, 'Bob', '70'");
    PLAN(true, &people);
    CHECK_INT(plan.effect, D1T_EFFECT_NONE);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_NONE));
    CHECK_STR(rows_in("people"), "1, 'Ada', 36; 2, 'Bob', 70");
}

static void values_that_a_retype_loses_are_counted_and_told_before_and_have_to_be_allowed(void)
{
    two_people();
    run_sql("INSERT INTO people VALUES(3,'33',1)");
    PLAN(true, &integer_name);
    CHECK_INT(plan.effect, D1T_EFFECT_LOSSY);
    CHECK(step_of(D1T_CHANGE_COLUMN) && step_of(D1T_CHANGE_COLUMN)->rows == 2);
    FAILS(D1T_ERR_SCHEMA, d1t_plan_apply(&plan, D1T_EFFECT_NONE));
    CLEAR();
    CHECK_STR(rows_in("people"), "1, 'Ada', 36; 2, 'Bob', 70; 3, '33', 1");
    PLAN(true, &integer_name);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_LOSSY));
    CHECK_STR(rows_in("people"), "1, NULL, 36; 2, NULL, 70; 3, 33, 1");
}

static void a_retype_is_applied_although_every_row_is_written_again(void)
{
    two_people();
    reopen(NULL);
    DECLARE(&text_age);
    OK(d1t_upsert(&db, &text_age, ROW(I(1), T("Ada"), T("thirty-six"))));
    OK(d1t_flush(&db));
    CHECK_STR(rows_in("people"), "1, 'Ada', 'thirty-six'; 2, 'Bob', '70'");
}

/* ---- 4c */

static void a_column_that_comes_leaves_the_rows_and_is_null_in_them(void)
{
    two_people();
    BECOME(&wider);
    CHECK_STR(steps(), "+ column people.extra TEXT");
    CHECK_INT(plan.effect, D1T_EFFECT_NONE);
    CHECK_STR(rows_in("people"), "1, 'Ada', 36, NULL; 2, 'Bob', 70, NULL");
}

static void a_column_that_goes_leaves_the_rows(void)
{
    two_people();
    PLAN(true, &narrow);
    CHECK_STR(steps(), "- column people.age");
    CHECK_INT(plan.effect, D1T_EFFECT_DESTRUCTIVE);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    CHECK_STR(rows_in("people"), "1, 'Ada'; 2, 'Bob'");
}

/* Other tables still find them by their keys. */
static void a_retype_keeps_the_identity_of_rows_and_their_children(void)
{
    BECOME(&people, &children);
    run_sql("INSERT INTO people VALUES(1,'Ada',36),(2,'Bob',70)");
    run_sql("INSERT INTO children VALUES(10,1),(11,2),(12,2)");
    BECOME(&text_age, &children);
    CHECK_STR(rows_in("children"), "10, 1; 11, 2; 12, 2");
    CHECK_STR(rows_in("people"), "1, 'Ada', '36'; 2, 'Bob', '70'");
    CHECK_STR(ask("SELECT \"table\", \"from\", on_delete FROM pragma_foreign_key_list('children')"),
              "'people', 'person', 'CASCADE'");
    run_sql("DELETE FROM people WHERE id=2");
    CHECK_STR(rows_in("children"), "10, 1");
}

static void the_create_statement_is_exact(void)
{
    DECLARE(&people);
    CHECK_STR(ask("SELECT sql FROM sqlite_schema WHERE name='people'"),
              "'CREATE TABLE `people`(`id` INTEGER NOT NULL,`name` TEXT NOT NULL,`age` INTEGER,PRIMARY KEY(`id`))'");
}

/* ---- 4e */

static void every_type_has_its_sql_type(void)
{
    static const d1t_column all[] = {
        D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("b", D1T_BOOL, 0), D1T_COLUMN("i", D1T_INTEGER, 0),
        D1T_COLUMN("r", D1T_REAL, 0),       D1T_COLUMN("x", D1T_BLOB, 0), D1T_COLUMN("j", D1T_JSON, 0),
        D1T_COLUMN("u", D1T_UUID, 0),       D1T_COLUMN("d", D1T_DATE, 0), D1T_COLUMN("t", D1T_TIMESTAMPTZ, 0),
        D1T_COLUMN("v", D1T_VECTOR, 0),     D1T_COLUMN("a", D1T_ANY, 0)};
    static const d1t_table t = D1T_TABLE("t", all);

    DECLARE(&t);
    CHECK_STR(ask("SELECT name, type FROM pragma_table_xinfo('t') ORDER BY cid"),
              "'k', 'TEXT'; 'b', 'INTEGER'; 'i', 'INTEGER'; 'r', 'REAL'; 'x', 'BLOB'; 'j', 'TEXT'; 'u', 'TEXT'; "
              "'d', 'TEXT'; 't', 'TEXT'; 'v', 'BLOB'; 'a', ''");
}

static void a_composite_key_is_created_and_kept(void)
{
    DECLARE(&pairs);
    CHECK_STR(columns_of("pairs"), "'a', 'TEXT', 1, 1; 'b', 'INTEGER', 1, 2; 'v', 'TEXT', 0, 0");
    PLAN(true, &pairs);
    CHECK_STR(steps(), "");
}

static void a_table_without_a_key_is_refused_before_anything_is_sent(void)
{
    static const d1t_column keyless_columns[] = {D1T_COLUMN("a", D1T_TEXT, 0)};
    static const d1t_table keyless = D1T_TABLE("keyless", keyless_columns);
    const d1t_table *const tables[] = {&keyless};

    REFUSED(D1T_ERR_TABLE, d1t_setup(&db, tables, 1));
    SAYS("keyless");
    CLEAR();
}

static void plain_unique_composite_and_full_text_indexes_are_made(void)
{
    static const d1t_index all[] = {D1T_INDEX("people_name", on_name), D1T_UNIQUE_INDEX("people_both", on_both),
                                    D1T_FTS5_INDEX("people_words", on_name)};
    d1t_table t = with_indexes(all, 3);

    DECLARE(&t);
    CHECK_STR(ask("SELECT name, \"unique\" FROM pragma_index_list('people') ORDER BY name"),
              "'people_both', 1; 'people_name', 0");
    OK(d1t_upsert(&db, &t, ROW(I(1), T("Ada Lovelace"), I(36))));
    OK(d1t_flush(&db));
    CHECK_STR(ask("SELECT rowid FROM people_words WHERE people_words MATCH 'lovelace'"), "1");
}

static void a_full_text_index_comes_to_a_table_with_rows_changes_with_it_and_goes(void)
{
    d1t_index porter[] = {words_index[0]};
    d1t_table t = with_indexes(words_index, 1), stemmed = with_indexes(porter, 1);

    porter[0].fts_sql = "tokenize='porter'";
    two_people();
    BECOME(&t);
    CHECK_STR(steps(), "+ index people_words on people (FTS5)");
    CHECK_STR(ask("SELECT rowid FROM people_words WHERE people_words MATCH 'bob'"), "2");
    BECOME(&t);
    CHECK_STR(steps(), "");
    run_sql("UPDATE people SET name='Eve' WHERE id=2");
    CHECK_STR(ask("SELECT rowid FROM people_words WHERE people_words MATCH 'eve OR bob'"), "2");
    BECOME(&stemmed);
    CHECK_STR(steps(), "~ index people_words on people (FTS5)");
    run_sql("UPDATE people SET name='running' WHERE id=2");
    CHECK_STR(ask("SELECT rowid FROM people_words WHERE people_words MATCH 'runs'"), "2");
    BECOME(&people);
    CHECK_STR(names(), "'people'");
    run_sql("UPDATE people SET name='Bob' WHERE id=2"); /* no trigger is left */
}

static void an_empty_name_is_refused_before_anything_is_sent(void)
{
    static const d1t_table empty = D1T_TABLE("", person_columns);
    const d1t_table *const tables[] = {&empty};

    REFUSED(D1T_ERR_NAME, d1t_setup(&db, tables, 1));
    CLEAR();
}

static void names_may_be_any_unicode(void)
{
    static const d1t_column emoji[] = {D1T_COLUMN("schl\xc3\xbcssel", D1T_TEXT, D1T_KEY),
                                       D1T_COLUMN("\xf0\x9f\x98\x80", D1T_TEXT, 0)};
    static const d1t_table t = D1T_TABLE("t\xc3\xa4"
                                         "belle",
                                         emoji);

    DECLARE(&t);
    OK(d1t_upsert(&db, &t, ROW(T("a"), T("b"))));
    OK(d1t_flush(&db));
    CHECK_STR(stored(&t), "'a', 'b'");
    PLAN(true, &t);
    CHECK_STR(steps(), "");
}

static void a_plan_says_create_update_or_nothing_and_describes_its_steps(void)
{
    PLAN(true, &people);
    CHECK_INT(plan.change, D1T_CHANGE_CREATE);
    CHECK_STR(steps(), "+ table people");
    BECOME(&people);
    PLAN(true, &people);
    CHECK_INT(plan.change, D1T_CHANGE_NONE);
    PLAN(true, &wider);
    CHECK_INT(plan.change, D1T_CHANGE_UPDATE);
    CHECK_STR(steps(), "+ column people.extra TEXT");
    PLAN(true, &products);
    CHECK_INT(plan.change, D1T_CHANGE_UPDATE); /* one comes, one goes */
    HAS("+ table products");
    HAS("- table people");
}

static void what_is_no_longer_desired_is_a_drop_and_no_error(void)
{
    BECOME(&people, &products);
    PLAN(true, &people);
    CHECK_INT(plan.change, D1T_CHANGE_DELETE);
    CHECK_INT(plan.effect, D1T_EFFECT_DESTRUCTIVE);
    CHECK_STR(steps(), "- table products");
}

static void setup_is_really_executed(void)
{
    DECLARE(&people, &children);
    CHECK_STR(names(), "'children'; 'children_person'; 'people'");
    CHECK_STR(ask("SELECT name FROM _d1t_setup WHERE name<>'' ORDER BY name"), "'children'; 'people'");
}

static void parents_and_children_are_created_in_order_and_dropped_in_order(void)
{
    DECLARE(&children, &people);
    run_sql("INSERT INTO people VALUES(1,'Ada',36)");
    run_sql("INSERT INTO children VALUES(10,1),(11,1)");
    BECOME(&products);
    CHECK_STR(names(), "'products'");
}

/* ---- the table */

typedef struct entry {
    const char *row;
    void (*test)(void);
    const char *name;  /* of the test; NULL: the row is not about setup */
    const char *where; /* test NULL: the program that has the test, or the reason */
    const char *what;  /* is promised */
} entry;

#define SHOWS(row, test, what)                                                                                         \
    {                                                                                                                  \
        row, test, #test, NULL, what                                                                                   \
    }
#define SHOWN_BY(row, program, test, what)                                                                             \
    {                                                                                                                  \
        row, NULL, #test, program, what                                                                                \
    }
#define NOT_SETUP(row, what, reason)                                                                                   \
    {                                                                                                                  \
        row, NULL, NULL, reason, what                                                                                  \
    }

static const char rows_are_later[] = "rows of a declared state belong to sync; the write itself is in tests/behaviour";
static const char values_are_rows[] = "a value of a row; tests/faults/bad_input and tests/behaviour";
static const char writes_are_rows[] = "the SQL of writing rows; tests/unit/write";

static const entry entries[] = {
    SHOWS("4a.1", a_table_is_created_and_takes_rows_in_this_run_and_the_next, "create table and insert rows"),
    NOT_SETUP("4a.2", "update row", rows_are_later),
    NOT_SETUP("4a.3", "delete row that is not declared", rows_are_later),
    NOT_SETUP("4a.4", "NULL in the primary key", values_are_rows),
    SHOWS("4a.5", another_declaration_adds_its_column_and_rows_fill_it, "different schema, extra column filled"),
    SHOWS("4a.6", a_table_that_is_no_longer_declared_is_dropped, "drop table"),
    SHOWS("4a.7", a_second_run_reads_once_writes_nothing_and_leaves_the_rows, "no change, nothing written"),
    SHOWS("4a.8", several_tables_of_one_database_are_set_up_together, "multiple tables"),
    SHOWS("4a.9", the_columns_are_exactly_those_declared, "explicit column definitions"),
    NOT_SETUP("4a.10-12", "rows from dictionaries: missing or NULL members", values_are_rows),
    SHOWS("4a.13", a_table_of_the_user_is_written_verified_never_altered_and_never_dropped, "user-managed table"),
    SHOWS("4a.14-25", vectors_are_blobs_and_a_vector_index_is_refused_because_d1_has_no_sqlite_vec,
          "vec0 tables, their columns, errors and switches: D1 has no sqlite-vec"),
    SHOWS("4a.26", a_not_null_column_on_a_table_with_rows_is_refused_by_name_and_nothing_is_altered,
          "unsupported migration raises, schema unaltered"),
    SHOWS("4a.27", a_column_that_is_there_already_when_the_run_is_repeated_does_no_harm, "duplicate column on re-run"),

    SHOWS("4b.1", vectors_are_blobs_and_a_vector_index_is_refused_because_d1_has_no_sqlite_vec,
          "vector index changes its method: D1 has none"),
    SHOWS("4b.2", a_table_with_a_dot_in_its_name_is_dropped_and_created_again, "recreate under a qualified name"),
    SHOWS("4b.3", an_index_is_made_again_only_if_it_changed, "same index, not recreated"),
    SHOWS("4b.4", vectors_are_blobs_and_a_vector_index_is_refused_because_d1_has_no_sqlite_vec,
          "half-precision operator class: D1 has none"),
    SHOWS("4b.5", a_command_that_changes_is_torn_down_and_set_up_and_one_that_goes_is_torn_down,
          "SQL command: created, changed, removed"),
    SHOWS("4b.6", without_a_teardown_what_a_command_made_stays, "SQL command without a teardown"),
    SHOWS("4b.7", rows_and_indexes_change_independently, "rows only, index only"),
    NOT_SETUP("4b.8", "NUL in texts", values_are_rows),
    SHOWS("4b.9", a_column_drop_that_a_view_blocks_fails_and_the_next_run_really_drops_it, "drop blocked by a view"),
    SHOWS("4b.10", a_compatible_retype_and_nullability_both_ways_keep_every_value, "compatible retype keeps data"),
    SHOWS("4b.11", values_that_a_retype_loses_are_counted_and_told_before_and_have_to_be_allowed,
          "incompatible cast is told before"),
    NOT_SETUP("4b.12-15", "NUL in arrays; the sanitiser keeps types", values_are_rows),
    SHOWS("4b.16", a_retype_is_applied_although_every_row_is_written_again, "retype under full reprocessing"),

    NOT_SETUP("4c.1", "insert, update, delete, no change", rows_are_later),
    SHOWS("4c.2", a_table_that_is_no_longer_declared_is_dropped, "dropped when undeclared"),
    SHOWS("4c.3", a_table_of_the_user_is_written_verified_never_altered_and_never_dropped, "user-managed kept"),
    SHOWS("4c.4", several_tables_of_one_database_are_set_up_together, "two tables"),
    SHOWS("4c.5", a_column_that_comes_leaves_the_rows_and_is_null_in_them, "add column preserves rows"),
    SHOWS("4c.6", a_column_that_goes_leaves_the_rows, "drop column preserves rows"),
    SHOWS("4c.7", a_retype_keeps_the_identity_of_rows_and_their_children, "retype, key identity kept"),
    NOT_SETUP("4c.8", "rows item by item", rows_are_later),
    SHOWS("4c.9", the_create_statement_is_exact, "exact CREATE text"),
    NOT_SETUP("4c.10", "exact upsert text", writes_are_rows),
    SHOWS("4c.11", vectors_are_blobs_and_a_vector_index_is_refused_because_d1_has_no_sqlite_vec,
          "vec0 in two statements"),
    NOT_SETUP("4c.12", "delete text", writes_are_rows),
    NOT_SETUP("4c.13", "an INTEGER column rejects 1.5", values_are_rows),
    NOT_SETUP("4c.14", "key-only table does nothing on conflict", writes_are_rows),
    SHOWS("4c.15-16", vectors_are_blobs_and_a_vector_index_is_refused_because_d1_has_no_sqlite_vec,
          "vec0 DDL and its validation"),
    SHOWN_BY("4c.17", "unit/state", test_a_table_that_the_user_wants_to_manage_is_left_alone,
             "user desired suppresses"),
    SHOWN_BY("4c.18", "unit/state", test_a_table_that_the_user_manages_or_managed_is_never_deleted,
             "user before suppresses delete"),
    SHOWN_BY("4c.19", "unit/state", test_states_of_the_users_do_not_count_as_the_programs, "user before is filtered"),
    SHOWN_BY("4c.20-23", "unit/state", test_an_action_follows_from_what_is_desired_and_what_may_be_there,
             "insert, upsert, replace, delete"),
    SHOWN_BY("4c.24", "unit/state", test_a_table_that_is_as_desired_needs_nothing, "composite: nothing"),
    SHOWN_BY("4c.25", "unit/state", test_a_new_table_is_inserted_with_its_columns, "composite: new"),
    SHOWN_BY("4c.26", "unit/state", test_a_table_that_may_be_missing_is_upserted_with_its_columns,
             "composite: missing"),
    SHOWN_BY("4c.27", "unit/state", test_a_table_that_is_no_longer_desired_is_deleted_and_its_columns_are_not_told,
             "composite: deleted"),
    SHOWN_BY("4c.28", "unit/state", test_a_new_column_is_inserted, "composite: new part"),
    SHOWN_BY("4c.29", "unit/state", test_a_column_that_is_no_longer_desired_is_deleted_once, "composite: part goes"),
    SHOWN_BY("4c.30", "unit/state", test_a_retyped_column_is_replaced, "composite: part replaced"),
    SHOWN_BY("4c.31", "unit/state", test_a_column_of_which_the_history_disagrees_is_replaced,
             "composite: history disagrees"),
    SHOWN_BY("4c.32", "unit/state", test_a_column_seen_in_a_part_of_the_history_is_upserted,
             "composite: part of history"),
    SHOWN_BY("4c.33", "unit/state", test_another_key_or_option_replaces_the_table_and_then_every_column_may_be_missing,
             "composite: table replaced"),

    SHOWN_BY("4e.1-4", "unit/target", test_a_collection_becomes_a_key_and_a_state, "types are constructed"),
    NOT_SETUP("4e.5-24", "conversions of key parts, basic and composite values", values_are_rows),
    SHOWS("4e.25-30", every_type_has_its_sql_type, "value type to SQL type"),
    SHOWS("4e.31", the_create_statement_is_exact, "CREATE with one key"),
    SHOWS("4e.32", a_composite_key_is_created_and_kept, "CREATE with a composite key"),
    SHOWS("4e.33", a_table_without_a_key_is_refused_before_anything_is_sent, "CREATE without a key"),
    SHOWS("4e.34-36", plain_unique_composite_and_full_text_indexes_are_made, "indexes: plain, unique, composite"),
    NOT_SETUP("4e.37-40", "upsert and delete texts", writes_are_rows),
    SHOWN_BY("4e.41", "unit/target", test_keys_come_first_and_are_never_null, "setup state is made"),
    SHOWS("4e.42-46", a_plan_says_create_update_or_nothing_and_describes_its_steps, "descriptions and change types"),
    SHOWN_BY("4e.47", "unit/state", test_what_has_no_version_is_created, "difference to nothing"),
    SHOWN_BY("4e.48", "unit/state", test_what_is_as_desired_needs_nothing, "difference to the same"),
    SHOWN_BY("4e.49", "unit/state", test_columns_that_are_added_turned_or_made_nullable_lose_nothing, "compatible"),
    SHOWN_BY("4e.50", "unit/state", test_a_value_column_that_goes_or_is_retyped_loses_its_values, "partly compatible"),
    SHOWN_BY("4e.51", "unit/state", test_another_key_loses_all, "not compatible"),
    SHOWN_BY("4e.52", "unit/target", test_the_d1_target_is_named_d1_and_speaks_of_its_keys, "name of the factory"),
    SHOWN_BY("4e.53", "unit/state", test_a_key_describes_its_table, "describe resource"),
    SHOWN_BY("4e.54", "unit/target", test_each_collection_is_built_once_and_no_table_twice, "build"),
    NOT_SETUP("4e.55-56", "export context, API address", "the client's configuration; tests/unit/client"),
    NOT_SETUP("4e.57-59", "empty struct, nested values, vector of 1,000 elements", values_are_rows),
    SHOWS("4e.60", names_may_be_any_unicode, "Unicode"),
    SHOWS("4e.61", an_empty_name_is_refused_before_anything_is_sent, "empty table name"),
    SHOWS("4e.62", what_is_no_longer_desired_is_a_drop_and_no_error, "difference without a desired state"),
    SHOWS("4e.63", setup_is_really_executed, "execute SQL (ignored there)"),
    NOT_SETUP("4e.64-66", "upsert, delete and mutation over HTTP (ignored there)",
              "rows; tests/behaviour, unit/target"),
    SHOWS("4e.67", parents_and_children_are_created_in_order_and_dropped_in_order, "local: all tables and indexes"),
    SHOWS("4e.68", a_second_run_reads_once_writes_nothing_and_leaves_the_rows, "local: idempotent re-run"),
    NOT_SETUP("4e.69-70", "local: upsert twice, delete count", rows_are_later),
    SHOWS("4e.71", a_retype_keeps_the_identity_of_rows_and_their_children, "local: cascade"),
    NOT_SETUP("4e.72-75", "local: blobs, microseconds, NULL, special characters", values_are_rows),

    SHOWN_BY("4f.1-6", "unit/target", test_a_name_keeps_letters_digits_and_underscores, "sanitize_identifier"),
    SHOWN_BY("4f.7", "unit/state", test_what_is_no_longer_desired_is_dropped_if_any_version_may_be_there,
             "differences: desired none, any version, each shape of state"),
    SHOWN_BY("4f.8", "unit/state", test_what_has_no_version_is_created, "differences: no version"),
    SHOWN_BY("4f.9", "unit/state", test_another_key_makes_the_table_anew, "differences: another key in any version"),
    SHOWN_BY("4f.10", "unit/state", test_what_may_be_missing_is_created_if_it_is, "differences: may be missing"),
    SHOWN_BY("4f.11", "unit/state", test_columns_come_go_and_change_against_every_version_and_equal_steps_are_told_once,
             "differences: columns against every version"),
    SHOWN_BY("4f.12", "unit/state", test_indexes_and_commands_come_change_and_go, "differences: indexes"),

    /* found on the way */
    SHOWS("+.1", a_command_changes_while_its_table_is_rebuilt, "command and rebuild in one plan"),
    SHOWS("+.2", commands_and_fts_survive_a_rename_that_is_followed_by_a_rebuild, "rename and rebuild"),
    SHOWS("+.3", a_full_text_index_comes_to_a_table_with_rows_changes_with_it_and_goes, "FTS5 on a table with rows"),
    SHOWS("+.4", an_index_that_a_command_made_is_left_alone_and_survives_a_rebuild, "an index of a command"),
};

/* How many rows each list has. */
static const struct group {
    const char *name;
    int rows;
} groups[] = {{"4a.", 27}, {"4b.", 16}, {"4c.", 33}, {"4e.", 75}, {"4f.", 12}, {"+.", 4}};

static bool is_reason(const entry *e)
{
    return !e->name;
}

/* Rows of an entry: "4a.14-25" has 12. */
static int rows_of(const entry *e, int *first)
{
    const char *dot = strchr(e->row, '.') + 1, *dash = strchr(dot, '-');

    *first = atoi(dot);
    return dash ? atoi(dash + 1) - *first + 1 : 1;
}

/* No row is left out, none is there twice, each has a test or a reason, and tests elsewhere are really there. */
static void the_table_is_complete(void)
{
    size_t g, i, at = 0;
    int next, first, n;
    char path[256], line[1024], want[256];

    for (g = 0; g < COUNT(groups); g++) {
        for (next = 1; at < COUNT(entries) && strncmp(entries[at].row, groups[g].name, strlen(groups[g].name)) == 0;
             at++) {
            n = rows_of(&entries[at], &first);
            CHECK_INT(first, next);
            next += n;
        }
        CHECK_INT(next - 1, groups[g].rows);
    }
    CHECK_INT(at, COUNT(entries));
    for (i = 0; i < COUNT(entries); i++) {
        const entry *e = &entries[i];
        bool found = false;
        FILE *f;

        CHECK(e->test || (e->where && e->where[0]));
        if (e->test || is_reason(e)) continue;
        snprintf(path, sizeof path, "tests/%s.c", e->where);
        snprintf(want, sizeof want, "RUN(%s)", e->name);
        f = fopen(path, "r");
        while (f && fgets(line, sizeof line, f)) found = found || strstr(line, want);
        if (f) fclose(f);
        if (!found) printf("%s: %s does not run %s\n", e->row, path, e->name);
        CHECK(found);
    }
}

static void print_table(void)
{
    int rows[3] = {0, 0, 0}, first;
    size_t i;

    for (i = 0; i < COUNT(entries); i++) {
        const entry *e = &entries[i];
        const char *where = e->test ? "setup/acceptance" : is_reason(e) ? "not setup" : e->where;

        rows[e->test ? 0 : is_reason(e) ? 2 : 1] += rows_of(e, &first);
        printf("%-9s %-16s %s: %s\n", e->row, where, e->what, e->name ? e->name : e->where);
    }
    printf("figure: acceptance_rows %d here, %d in other tests, %d not about setup\n", rows[0], rows[1], rows[2]);
}

/* ---- running */

static const entry *running;

static void run_entry(void)
{
    open_fresh();
    running->test();
    d1t_plan_free(&plan);
    OK(d1t_close(&db));
    close_fresh();
}

static bool ran_before(size_t at)
{
    size_t i;

    for (i = 0; i < at; i++)
        if (entries[i].test == entries[at].test) return true;
    return false;
}

int main(int argc, char **argv)
{
    const char *only = getenv("ONLY");
    size_t i;

    if (argc == 2 && strcmp(argv[1], "--table") == 0) {
        print_table();
        return 0;
    }
    if (!fresh_arguments(argc, argv)) return 2;
    if (!only) RUN(the_table_is_complete);
    for (i = 0; i < COUNT(entries); i++) {
        int before = test_failed;

        if (!entries[i].test || ran_before(i) || (only && strcmp(only, entries[i].name) != 0)) continue;
        running = &entries[i];
        RUN(run_entry);
        if (test_failed != before) printf("FAILED: %s %s\n", entries[i].row, entries[i].name);
    }
    if (test_passed + test_failed == 0) {
        printf("no such test: %s\n", only);
        return 2;
    }
    TEST_MAIN_END;
}
