/* What systems that do the same promise of rows that are declared, by the numbers of their test suites.

     4a   target connector for SQLite (27 tests)         4b   the one for Postgres (16)
     4c   its SDK: 8 tests, 8 of SQL texts, 17 of state differences

   acceptance local | acceptance url DATABASE_URL...   runs them and prints the table; ONLY=name_of_the_test runs one

   What is about tables alone is in tests/setup/acceptance. */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/back_end.h"

/* ---- declarations */

static const d1t_column person_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                            D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
                                            D1T_COLUMN("age", D1T_INTEGER, 0)};
static const d1t_column wider_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                           D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
                                           D1T_COLUMN("age", D1T_INTEGER, 0), D1T_COLUMN("extra", D1T_TEXT, 0)};
static const d1t_column strict_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("age", D1T_INTEGER, 0), D1T_COLUMN("extra", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column narrow_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                            D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column text_age_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0),
                                              D1T_COLUMN("age", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column product_columns[] = {D1T_COLUMN("sku", D1T_TEXT, D1T_KEY), D1T_COLUMN("price", D1T_REAL, 0)};
static const d1t_column vector_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("v", D1T_VECTOR, 0)};
static const d1t_column json_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("text", D1T_TEXT, 0),
                                          D1T_COLUMN("json", D1T_JSON, 0)};
static const d1t_column tag_columns[] = {D1T_COLUMN("tag", D1T_TEXT, D1T_KEY)};
static const d1t_column chunk_columns[] = {D1T_COLUMN("item", D1T_TEXT, D1T_KEY),
                                           D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY), D1T_COLUMN("text", D1T_TEXT, 0)};
static const char *const on_name[] = {"name"}, *const on_age[] = {"age"};
static const d1t_index name_index[] = {D1T_INDEX("people_name", on_name)}, age_index[] = {D1T_INDEX("people_age",
    on_age)};

static const d1t_table people = D1T_TABLE("people", person_columns), wider = D1T_TABLE("people", wider_columns);
static const d1t_table strict_extra = D1T_TABLE("people", strict_columns), narrow = D1T_TABLE("people", narrow_columns);
static const d1t_table text_age = D1T_TABLE("people", text_age_columns);
static const d1t_table by_user = D1T_TABLE_FLAGS("people", person_columns, D1T_BY_USER);
static const d1t_table products = D1T_TABLE("products", product_columns), vectors = D1T_TABLE("vectors",
    vector_columns);
static const d1t_table notes = D1T_TABLE("notes", json_columns), tags = D1T_TABLE("tags", tag_columns);
static const d1t_table chunks = D1T_TABLE_FLAGS("chunks", chunk_columns, D1T_WITHOUT_ROWID);

static d1t_table indexed_people(const d1t_index *index)
{
    d1t_table t = people;

    t.indexes = index;
    t.index_count = 1;
    return t;
}

/* ---- a run of a program */

static d1t_sync run;
static d1t_sync_report report;

static void begin_scope(d1t_scope scope, bool full)
{
    d1t_sync_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.scope = scope;
    desc.max_delete = 100;
    desc.full = full;
    OK(d1t_sync_begin(&run, &db, &desc));
}

static void begin_run(const d1t_table *table)
{
    begin_scope(d1t_scope_table(table), false);
}

static void end_run(void)
{
    OK(d1t_sync_commit(&run, &report));
}

#define PUT(table, ...) OK(d1t_sync_row(&run, &(table), ROW(__VA_ARGS__)))
#define PERSON(id, name, age) PUT(people, I(id), T(name), I(age))
#define REPORT(inserted_, updated_, unchanged_, deleted_) \
    do {                                                  \
        CHECK_INT(report.inserted, inserted_);            \
        CHECK_INT(report.updated, updated_);              \
        CHECK_INT(report.unchanged, unchanged_);          \
        CHECK_INT(report.deleted, deleted_);              \
    } while (0)

/* Exactly these tables, whatever it takes, in a new process. */
static void become(const d1t_table *const *tables, size_t count)
{
    d1t_plan plan;
    d1t_plan_desc desc;

    reopen(NULL);
    memset(&plan, 0, sizeof plan);
    memset(&desc, 0, sizeof desc);
    desc.tables = tables;
    desc.count = count;
    desc.prune = true;
    OK(d1t_plan_read_desc(&plan, &db, &desc));
    OK(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    d1t_plan_free(&plan);
    if (count) OK(d1t_setup(&db, tables, count));
}

#define BECOME(...)                                          \
    do {                                                     \
        const d1t_table *const tables_[] = {__VA_ARGS__};    \
        become(tables_, sizeof tables_ / sizeof *tables_);   \
    } while (0)

static void ada_and_bob(void)
{
    BECOME(&people);
    begin_run(&people);
    PERSON(1, "Ada", 36);
    PERSON(2, "Bob", 70);
    end_run();
}

/* ---- 4a */

static void a_table_is_created_and_takes_rows_in_this_run_and_the_next(void)
{
    ada_and_bob();
    REPORT(2, 0, 0, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 70");
    reopen(NULL);
    DECLARE(&people);
    begin_run(&people);
    PERSON(1, "Ada", 36);
    PERSON(2, "Bob", 70);
    PERSON(3, "Cy", 5);
    end_run();
    REPORT(1, 0, 2, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 70; 3, 'Cy', 5");
}

static void a_changed_row_is_replaced_and_the_others_stay(void)
{
    ada_and_bob();
    begin_run(&people);
    PERSON(1, "Ada", 37);
    PERSON(2, "Bob", 70);
    end_run();
    REPORT(0, 1, 1, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 37; 2, 'Bob', 70");
}

static void a_row_that_is_not_declared_is_deleted(void)
{
    ada_and_bob();
    reopen(NULL);
    DECLARE(&people);
    begin_run(&people);
    PERSON(2, "Bob", 70);
    end_run();
    REPORT(0, 0, 1, 1);
    CHECK_STR(stored(&people), "2, 'Bob', 70");
}

static void a_null_or_missing_key_is_refused_by_name_and_nothing_is_deleted(void)
{
    ada_and_bob();
    begin_run(&people);
    FAILS(D1T_ERR_VALUE, d1t_sync_row(&run, &people, ROW(d1t_null(), T("Cy"), I(5))));
    SAYS("id");
    FAILS(D1T_ERR_VALUE, d1t_sync_commit(&run, NULL));
    CLEAR();
    begin_run(&people);
    FAILS(D1T_ERR_VALUE, d1t_sync_row(&run, &people, ROW(d1t_absent(), T("Cy"), I(5))));
    SAYS("id");
    OK(d1t_clear(&db, D1T_DROP_ROWS));
    OK(d1t_sync_abort(&run));
    begin_run(&people);
    FAILS(D1T_ERR_VALUE, d1t_sync_row(&run, &people, ROW(T("Cy"), I(5))));
    FAILS(D1T_ERR_VALUE, d1t_sync_commit(&run, NULL));
    CLEAR();
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 70");
}

static void another_declaration_adds_its_column_and_rows_fill_it(void)
{
    ada_and_bob();
    BECOME(&wider);
    begin_run(&wider);
    PUT(wider, I(1), T("Ada"), I(36), T("x"));
    PUT(wider, I(2), T("Bob"), I(70), d1t_null());
    end_run();
    CHECK_STR(stored(&wider), "1, 'Ada', 36, 'x'; 2, 'Bob', 70, NULL");
}

static void a_table_that_is_no_longer_declared_is_dropped_and_comes_back_whole(void)
{
    ada_and_bob();
    BECOME(&products);
    CHECK_STR(ask("SELECT count(*) FROM sqlite_schema WHERE name='people'"), "0");
    BECOME(&products, &people);
    begin_run(&people);
    PERSON(1, "Ada", 36);
    PERSON(2, "Bob", 70);
    end_run();
    REPORT(2, 0, 0, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 70");
}

static void a_second_run_writes_nothing(void)
{
    ada_and_bob();
    reopen(NULL);
    DECLARE(&people);
    begin_run(&people);
    PERSON(2, "Bob", 70);
    PERSON(1, "Ada", 36);
    end_run();
    REPORT(0, 0, 2, 0);
    CHECK_INT(report.sent, 0);
    CHECK_INT(db.stats.rows_written, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 70");
}

static void two_tables_are_declared_in_one_run_or_in_two(void)
{
    d1t_scope scopes[2];
    d1t_sync_desc desc;

    DECLARE(&people, &products);
    scopes[0] = d1t_scope_table(&people);
    scopes[1] = d1t_scope_table(&products);
    memset(&desc, 0, sizeof desc);
    desc.scopes = scopes;
    desc.scope_count = 2;
    desc.max_delete = 100;
    OK(d1t_sync_begin(&run, &db, &desc));
    PUT(products, T("nut"), d1t_double(0.5));
    PERSON(1, "Ada", 36);
    PUT(products, T("bolt"), d1t_double(7));
    end_run();
    CHECK_INT(report.declared, 3);
    CHECK_STR(stored(&products), "'bolt', 7.0; 'nut', 0.5");
    begin_run(&people);
    end_run();
    CHECK_STR(stored(&people), "");
    CHECK_STR(stored(&products), "'bolt', 7.0; 'nut', 0.5");
}

static void null_is_written_where_a_column_may_be_null(void)
{
    ada_and_bob();
    begin_run(&people);
    PERSON(1, "Ada", 36);
    PUT(people, I(2), T("Bob"), d1t_null());
    end_run();
    REPORT(0, 1, 1, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', NULL");
}

static void a_table_of_the_user_has_its_rows_managed_and_survives_without_them(void)
{
    EXEC("CREATE TABLE people(id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, age INTEGER)", NULL, 0);
    DECLARE(&by_user);
    begin_run(&by_user);
    PUT(by_user, I(1), T("Ada"), I(36));
    end_run();
    CHECK_STR(stored(&by_user), "1, 'Ada', 36");
    begin_run(&by_user);
    end_run();
    REPORT(0, 0, 0, 1);
    CHECK_STR(stored(&by_user), "");
    CHECK_STR(ask("SELECT count(*) FROM sqlite_schema WHERE name='people'"), "1");
    BECOME(&products); /* nor is it dropped */
    CHECK_STR(ask("SELECT count(*) FROM sqlite_schema WHERE name='people'"), "1");
}

static void vectors_come_back_change_and_go(void)
{
    static const float a[] = {0.5f, -1.0f, 3.25f}, b[] = {1e-30f, 1e30f, 0.1f};

    DECLARE(&vectors);
    begin_run(&vectors);
    PUT(vectors, I(1), d1t_vector(a, 3));
    PUT(vectors, I(2), d1t_vector(b, 3));
    end_run();
    CHECK_STR(stored(&vectors), "1, vector 0.5 -1 3.25; 2, vector 1e-30 1.00000002e+30 0.100000001");
    begin_run(&vectors);
    PUT(vectors, I(1), d1t_vector(b, 3));
    end_run();
    REPORT(0, 1, 0, 1);
    CHECK_STR(stored(&vectors), "1, vector 1e-30 1.00000002e+30 0.100000001");
}

static void a_refused_migration_leaves_the_rows_and_the_old_declaration_goes_on(void)
{
    const d1t_table *tables[1];

    ada_and_bob();
    reopen(NULL);
    tables[0] = &strict_extra;
    FAILS(D1T_ERR_SCHEMA, d1t_setup(&db, tables, 1));
    SAYS("extra");
    CLEAR();
    reopen(NULL);
    DECLARE(&people);
    begin_run(&people);
    PERSON(1, "Ada", 36);
    PERSON(2, "Bob", 71);
    end_run();
    REPORT(0, 1, 1, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 71");
}

static void a_column_that_is_there_already_does_no_harm(void)
{
    ada_and_bob();
    EXEC("ALTER TABLE people ADD COLUMN extra TEXT", NULL, 0);
    reopen(NULL);
    DECLARE(&wider);
    begin_run(&wider);
    PUT(wider, I(1), T("Ada"), I(36), T("x"));
    PUT(wider, I(2), T("Bob"), I(70), T("y"));
    end_run();
    CHECK_STR(stored(&wider), "1, 'Ada', 36, 'x'; 2, 'Bob', 70, 'y'");
}

/* ---- 4b */

static void rows_and_indexes_change_independently(void)
{
    d1t_table by_name = indexed_people(name_index), by_age = indexed_people(age_index);

    BECOME(&by_name);
    begin_run(&by_name);
    PUT(by_name, I(1), T("Ada"), I(36));
    end_run();
    BECOME(&by_age); /* only the index */
    begin_run(&by_age);
    PUT(by_age, I(1), T("Ada"), I(36));
    end_run();
    REPORT(0, 0, 1, 0);
    CHECK_INT(report.sent, 0);
    CHECK_STR(ask("SELECT name FROM sqlite_schema WHERE type='index' AND tbl_name='people' AND sql IS NOT NULL"),
              "'people_age'");
    begin_run(&by_age); /* only the row */
    PUT(by_age, I(1), T("Ada"), I(37));
    end_run();
    REPORT(0, 1, 0, 0);
    CHECK_STR(stored(&by_age), "1, 'Ada', 37");
}

static void nul_characters_are_left_out_if_wanted_and_the_next_run_writes_nothing(void)
{
    d1t_config config = back_end_config();
    uint64_t written = 0;
    int i;

    config.nul_policy = D1T_STRIP;
    reopen(&config);
    DECLARE(&notes);
    for (i = 0; i < 2; i++) {
        begin_run(&notes);
        PUT(notes, I(1), d1t_text_n("a\0b", 3), d1t_json("{\"k\":[\"x\"]}", 11));
        end_run();
        if (i) CHECK_INT(db.stats.rows_written, written);
        written = db.stats.rows_written;
    }
    CHECK_STR(stored(&notes), "1, 'ab', json'{\"k\":[\"x\"]}'");
    reopen(NULL);
    DECLARE(&notes);
    begin_run(&notes);
    FAILS(D1T_ERR_VALUE, d1t_sync_row(&run, &notes, ROW(I(1), d1t_text_n("a\0b", 3), d1t_null())));
    FAILS(D1T_ERR_VALUE, d1t_sync_commit(&run, NULL));
    CLEAR();
    CHECK_STR(stored(&notes), "1, 'ab', json'{\"k\":[\"x\"]}'");
}

static void a_compatible_retype_keeps_the_rows_and_the_run_after_it_is_right(void)
{
    ada_and_bob();
    BECOME(&text_age);
    begin_run(&text_age);
    PUT(text_age, I(1), T("Ada"), T("36"));
    PUT(text_age, I(2), T("Bob"), T("71"));
    end_run();
    REPORT(0, 1, 1, 0);
    CHECK_STR(stored(&text_age), "1, 'Ada', '36'; 2, 'Bob', '71'");
    BECOME(&people);
    begin_run(&people);
    PERSON(1, "Ada", 36);
    PERSON(2, "Bob", 71);
    end_run();
    REPORT(0, 0, 2, 0);
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 71");
}

static void a_retype_is_applied_although_every_row_is_sent_again_and_rows_survive(void)
{
    ada_and_bob();
    BECOME(&text_age);
    begin_scope(d1t_scope_table(&text_age), true);
    PUT(text_age, I(1), T("Ada"), T("36"));
    PUT(text_age, I(2), T("Bob"), T("unknown"));
    end_run();
    CHECK_INT(report.sent, 2);
    CHECK_STR(stored(&text_age), "1, 'Ada', '36'; 2, 'Bob', 'unknown'");
}

/* ---- 4c */

static void inserts_updates_deletes_and_no_change_in_one_run(void)
{
    ada_and_bob();
    begin_run(&people);
    PERSON(3, "Cy", 5);
    PERSON(2, "Bob", 71);
    end_run();
    REPORT(1, 1, 0, 1);
    begin_run(&people);
    PERSON(2, "Bob", 71);
    PERSON(3, "Cy", 5);
    end_run();
    REPORT(0, 0, 2, 0);
    CHECK_STR(stored(&people), "2, 'Bob', 71; 3, 'Cy', 5");
}

static void a_column_that_comes_is_null_in_rows_that_do_not_name_it_and_one_that_goes_leaves_them(void)
{
    ada_and_bob();
    BECOME(&wider);
    CHECK_STR(stored(&wider), "1, 'Ada', 36, NULL; 2, 'Bob', 70, NULL");
    begin_run(&wider);
    PUT(wider, I(1), T("Ada"), I(36), d1t_null());
    PUT(wider, I(2), T("Bob"), I(70), d1t_null());
    end_run();
    REPORT(0, 0, 2, 0);
    BECOME(&narrow);
    begin_run(&narrow);
    PUT(narrow, I(1), T("Ada"));
    PUT(narrow, I(2), T("Bob"));
    end_run();
    REPORT(0, 0, 2, 0);
    CHECK_STR(stored(&narrow), "1, 'Ada'; 2, 'Bob'");
}

static void each_item_declares_its_own_rows(void)
{
    static const char *const items[] = {"a.txt", "b.txt", "c.txt"};
    int i, k;

    DECLARE(&chunks);
    for (i = 0; i < 3; i++) {
        begin_scope(d1t_scope_equals(&chunks, "item", T(items[i])), false);
        for (k = 0; k <= i; k++) PUT(chunks, T(items[i]), I(k), T("text"));
        end_run();
        REPORT((uint64_t)i + 1, 0, 0, 0);
    }
    begin_scope(d1t_scope_equals(&chunks, "item", T("b.txt")), false); /* only this one is processed again */
    PUT(chunks, T("b.txt"), I(1), T("new"));
    end_run();
    REPORT(0, 1, 0, 1);
    begin_scope(d1t_scope_equals(&chunks, "item", T("a.txt")), false); /* and this one is gone */
    end_run();
    CHECK_STR(stored(&chunks), "'b.txt', 1, 'new'; 'c.txt', 0, 'text'; 'c.txt', 1, 'text'; 'c.txt', 2, 'text'");
}

static void quotes_in_keys_and_values_are_written_and_deleted_exactly(void)
{
    static const char *const odd[] = {"'", "''", "\"", "\\", "a''b", "a'b", "`", "%", "[", "{}", "\\'",
        "'; DROP TABLE products;--"};
    size_t i, k;

    DECLARE(&products, &tags);
    for (k = 0; k < COUNT(odd); k++) { /* all but one */
        begin_run(&tags);
        for (i = 0; i < COUNT(odd); i++)
            if (i != k) PUT(tags, T(odd[i]));
        end_run();
        CHECK_INT(report.declared, COUNT(odd) - 1);
        CHECK_INT(report.deleted, k != 0);
        CHECK_STR(query("SELECT count(*), sum(tag=?1) FROM tags", (d1t_value[]){T(odd[k])}, 1), "11, 0");
    }
}

static void a_fraction_in_an_integer_column_is_refused(void)
{
    ada_and_bob();
    begin_run(&people);
    FAILS(D1T_ERR_VALUE, d1t_sync_row(&run, &people, ROW(I(1), T("Ada"), d1t_double(1.5))));
    SAYS("age");
    FAILS(D1T_ERR_VALUE, d1t_sync_commit(&run, NULL));
    CLEAR();
    CHECK_STR(stored(&people), "1, 'Ada', 36; 2, 'Bob', 70");
}

static void a_table_of_keys_alone_is_declared_like_any_other(void)
{
    DECLARE(&tags);
    begin_run(&tags);
    PUT(tags, T("a"));
    PUT(tags, T("b"));
    end_run();
    REPORT(2, 0, 0, 0);
    begin_run(&tags);
    PUT(tags, T("b"));
    PUT(tags, T("c"));
    end_run();
    REPORT(1, 0, 1, 1);
    CHECK_STR(stored(&tags), "'b'; 'c'");
}

/* ---- the table */

typedef struct entry {
    const char *row, *what;
    void (*test)(void);
    const char *name; /* of the test; test NULL: why there is none here */
} entry;

#define SHOWS(row, what, test) {row, what, test, #test}
#define NOT_HERE(row, what, why) {row, what, NULL, why}

static const char no_vec0[] = "sqlite-vec, which D1 does not have; tests/setup/acceptance shows how it is refused";
static const char tables_alone[] = "about tables alone: tests/setup/acceptance";

static const entry entries[] = {
    SHOWS("4a.1", "create_table_and_insert_rows", a_table_is_created_and_takes_rows_in_this_run_and_the_next),
    SHOWS("4a.2", "update_row", a_changed_row_is_replaced_and_the_others_stay),
    SHOWS("4a.3", "delete_row", a_row_that_is_not_declared_is_deleted),
    SHOWS("4a.4", "dataclass_row_null_primary_key_raises",
        a_null_or_missing_key_is_refused_by_name_and_nothing_is_deleted),
    SHOWS("4a.5", "different_schema_types", another_declaration_adds_its_column_and_rows_fill_it),
    SHOWS("4a.6", "drop_table", a_table_that_is_no_longer_declared_is_dropped_and_comes_back_whole),
    SHOWS("4a.7", "no_change_optimization", a_second_run_writes_nothing),
    SHOWS("4a.8", "multiple_tables", two_tables_are_declared_in_one_run_or_in_two),
    NOT_HERE("4a.9", "dict_rows", "rows are arrays in the order of the columns"),
    SHOWS("4a.10", "dict_row_missing_primary_key_raises",
        a_null_or_missing_key_is_refused_by_name_and_nothing_is_deleted),
    SHOWS("4a.11", "dict_row_null_primary_key_raises", a_null_or_missing_key_is_refused_by_name_and_nothing_is_deleted),
    SHOWS("4a.12", "dict_row_missing_nullable_non_key_writes_null", null_is_written_where_a_column_may_be_null),
    SHOWS("4a.13", "user_managed_table", a_table_of_the_user_has_its_rows_managed_and_survives_without_them),
    SHOWS("4a.14", "vec0 basic: vectors round-trip, update, delete", vectors_come_back_change_and_go),
    NOT_HERE("4a.15-25", "vec0", no_vec0),
    SHOWS("4a.26", "unsupported migration", a_refused_migration_leaves_the_rows_and_the_old_declaration_goes_on),
    SHOWS("4a.27", "duplicate column on re-run", a_column_that_is_there_already_does_no_harm),

    NOT_HERE("4b.1-6", "vector indexes, schemas, SQL commands", tables_alone),
    SHOWS("4b.7", "rows and index change independently", rows_and_indexes_change_independently),
    SHOWS("4b.8", "NUL stripped", nul_characters_are_left_out_if_wanted_and_the_next_run_writes_nothing),
    NOT_HERE("4b.9", "column drop blocked by a view", tables_alone),
    SHOWS("4b.10", "compatible retype keeps data", a_compatible_retype_keeps_the_rows_and_the_run_after_it_is_right),
    NOT_HERE("4b.11", "incompatible cast", tables_alone),
    NOT_HERE("4b.12-15", "NUL in arrays, types kept by the sanitiser", "Python's values"),
    SHOWS("4b.16", "retype under full reprocessing",
        a_retype_is_applied_although_every_row_is_sent_again_and_rows_survive),

    SHOWS("4c.1", "insert, update, delete, no change", inserts_updates_deletes_and_no_change_in_one_run),
    SHOWS("4c.2", "dropped when undeclared", a_table_that_is_no_longer_declared_is_dropped_and_comes_back_whole),
    SHOWS("4c.3", "user-managed kept", a_table_of_the_user_has_its_rows_managed_and_survives_without_them),
    SHOWS("4c.4", "two tables", two_tables_are_declared_in_one_run_or_in_two),
    SHOWS("4c.5", "ADD COLUMN preserves rows",
        a_column_that_comes_is_null_in_rows_that_do_not_name_it_and_one_that_goes_leaves_them),
    SHOWS("4c.6", "DROP COLUMN preserves rows",
        a_column_that_comes_is_null_in_rows_that_do_not_name_it_and_one_that_goes_leaves_them),
    SHOWS("4c.7", "retype, key identity kept", a_compatible_retype_keeps_the_rows_and_the_run_after_it_is_right),
    SHOWS("4c.8", "per-item rows", each_item_declares_its_own_rows),
    NOT_HERE("4c.9", "exact CREATE text", tables_alone),
    SHOWS("4c.10", "upsert with a''b", quotes_in_keys_and_values_are_written_and_deleted_exactly),
    NOT_HERE("4c.11", "vec0 statements", no_vec0),
    SHOWS("4c.12", "delete text", quotes_in_keys_and_values_are_written_and_deleted_exactly),
    SHOWS("4c.13", "INTEGER rejects 1.5", a_fraction_in_an_integer_column_is_refused),
    SHOWS("4c.14", "key-only does nothing on conflict", a_table_of_keys_alone_is_declared_like_any_other),
    NOT_HERE("4c.15-16", "vec0", no_vec0),
    NOT_HERE("4c.17-33", "differences of states", "pure: tests/unit/state"),
};

static void print_table(void)
{
    size_t i;
    int shown = 0;

    for (i = 0; i < COUNT(entries); i++) {
        const entry *e = &entries[i];
        if (e->test) printf("%s %s: %s\n", e->row, e->what, e->name);
        else printf("%s %s: (%s)\n", e->row, e->what, e->name);
        shown += e->test != NULL;
    }
    printf("figure: sync_acceptance_rows %d\n", shown);
}

int main(int argc, char **argv)
{
    static back_end_case cases[COUNT(entries)];
    size_t i, k, n = 0;
    int status;

    for (i = 0; i < COUNT(entries); i++) {
        for (k = 0; k < n && cases[k].test != entries[i].test; k++) {}
        if (!entries[i].test || k < n) continue;
        cases[n].name = entries[i].name;
        cases[n++].test = entries[i].test;
    }
    status = back_end_main(argc, argv, cases, n);
    if (status != 2) print_table();
    return status;
}
