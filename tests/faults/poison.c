/* Rows that D1 refuses, among 10,000: found and named, by row number and key.

   By default nothing of the batch is in D1, and after d1t_clear the rest is written without the named row. With
   config.isolate every other row is written, and each poison row is told to on_poison, once. */
#include <stdlib.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"

#define MANY 10000
#define FEW 1000        /* for cases about the place of a row */
#define MOST 4          /* poison rows in a case */
#define USED 77777      /* a code that a row has from the start */

static const d1t_column parent_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0)};
static const d1t_column child_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                           D1T_COLUMN("parent", D1T_INTEGER, D1T_NOT_NULL)};
static const d1t_column item_columns[] = {
    D1T_COLUMN("shelf", D1T_TEXT, D1T_KEY), D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("code", D1T_INTEGER, D1T_NOT_NULL), D1T_COLUMN("parent", D1T_INTEGER, 0),
    D1T_COLUMN("n", D1T_INTEGER, 0), D1T_COLUMN("note", D1T_TEXT, 0)};
static const char *const code_column[] = {"code"}, *const parent_column[] = {"parent"};
static const d1t_index item_indexes[] = {D1T_UNIQUE_INDEX("items_code", code_column)};
static const d1t_foreign_key item_parents[] = {D1T_REFERENCES(parent_column, "parents", D1T_RESTRICT)};
static const d1t_foreign_key child_parents[] = {D1T_REFERENCES(parent_column, "parents", D1T_RESTRICT)};
static const d1t_check item_checks[] = {{"n_is_small", "n < 100"}};
static const d1t_table parents = D1T_TABLE("parents", parent_columns);
static const d1t_table children = {"children", child_columns, 2, NULL, 0, child_parents, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table items = {"items", item_columns, 6, item_indexes, 1, item_parents, 1, item_checks, 1, 0, NULL,
    0, NULL};
static const d1t_table *const tables[] = {&parents, &children, &items};

typedef enum poison { HEALTHY, CODE_IN_USE, CODE_OF_THE_NEXT, NO_PARENT, FAILS_CHECK, NO_NOTE, DELETE_PARENT } poison;

typedef struct poison_case {
    const char *name;
    int given;
    struct { int at; poison what; } rows[MOST];  /* at: which row given, from 1; 0: no more */
    int refused;                /* how many must be refused; less than given: a pair that clashes only together */
    const char *table, *words;  /* in the error's text */
    size_t max_body;            /* 0: one batch holds all */
} poison_case;

typedef struct seen {
    uint64_t row;
    char key[80];
} seen;

static const poison_case *now;
static seen told[MOST + 1];
static unsigned told_count;
static local_d1 *d;
static d1t_client db;

/* ---- rows */

static poison poison_of(int row)
{
    int i;

    for (i = 0; i < MOST; i++)
        if (now->rows[i].at == row)
            return now->rows[i].what;
    return HEALTHY;
}

/* The key of a row is not its number: they come in an order of their own. */
static int id_of(int row)
{
    return (int)((unsigned)row * 7919u % 10007u);
}

static d1t_result give(int row)
{
    poison what = poison_of(row);
    d1t_value v[6], key[1];

    if (what == DELETE_PARENT) {
        key[0] = d1t_int(1);
        return d1t_delete(&db, &parents, key, 1);
    }
    v[0] = d1t_text("top");
    v[1] = d1t_int(id_of(row));
    v[2] = d1t_int(what == CODE_IN_USE ? USED : what == CODE_OF_THE_NEXT ? row + 1 : row);
    v[3] = d1t_int(what == NO_PARENT ? 4040 : 1);
    v[4] = d1t_int(what == FAILS_CHECK ? 100 : row % 100);
    v[5] = what == NO_NOTE ? d1t_null() : d1t_text("n");
    return d1t_upsert(&db, &items, v, 6);
}

static void key_of(int row, char key[80])
{
    if (poison_of(row) == DELETE_PARENT)
        strcpy(key, "[1]");
    else
        sprintf(key, "[\"top\",%d]", id_of(row));
}

static void on_poison(void *ctx, const d1t_error *error, d1t_str key)
{
    (void)ctx;
    CHECK_INT(error->code, D1T_ERR_CONSTRAINT);
    CHECK_INT(error->outcome, D1T_NOT_APPLIED);
    CHECK_STR(error->table, now->table);
    CHECK(strstr(error->text, now->words) != NULL);
    if (told_count <= MOST) {
        told[told_count].row = error->row;
        snprintf(told[told_count].key, sizeof told->key, "%.*s", (int)key.n, key.p ? key.p : "");
    }
    told_count++;
}

static void open_shop(bool isolate)
{
    d1t_config c;
    d1t_value v[2], item[6];

    d = lab_open();
    c = lab_config(d);
    c.isolate = isolate;
    c.on_poison = on_poison;
    c.max_body = now->max_body;
    told_count = 0;
    CHECK_INT(d1t_open(&db, &c), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 3), D1T_OK);
    CHECK(lab_exec(d, "CREATE TRIGGER items_note BEFORE INSERT ON items WHEN NEW.note IS NULL "
                      "BEGIN SELECT RAISE(ABORT, 'an item needs a note'); END"));
    CHECK(lab_exec(d, "INSERT INTO parents(id, name) VALUES(1, 'p'), (2, 'q')"));
    CHECK(lab_exec(d, "INSERT INTO children(id, parent) VALUES(1, 1)"));
    v[0] = v[1] = d1t_null();
    item[0] = d1t_text("bottom");
    item[1] = d1t_int(0);
    item[2] = d1t_int(USED);
    item[3] = item[4] = d1t_null();
    item[5] = d1t_text("n");
    CHECK_INT(d1t_upsert(&db, &items, item, 6), D1T_OK);    /* row number 1 */
    CHECK_INT(d1t_flush(&db), D1T_OK);
}

/* ---- what must hold */

/* Is it one of the poison rows, with its own key? Row numbers count from open: the first row of the case is 2. */
static bool is_poison(uint64_t row, const char *key)
{
    char want[80];

    if (row < 2 || row > (uint64_t)now->given + 1)
        return false;
    key_of((int)row - 1, want);
    if (poison_of((int)row - 1) != HEALTHY)
        return strcmp(key, want) == 0;
    /* of a pair that clashes only together either may be named */
    return row > 2 && poison_of((int)row - 2) == CODE_OF_THE_NEXT && strcmp(key, want) == 0;
}

static int given_poison(void)
{
    int i, n = 0;

    for (i = 0; i < MOST; i++)
        n += now->rows[i].at != 0;
    return n;
}

/* All rows are there but the refused ones, and each row is right. */
static void check_written(const seen *refused, int count)
{
    char sql[200];
    int i, deletes = 0;

    for (i = 0; i < MOST; i++)
        deletes += now->rows[i].what == DELETE_PARENT;
    CHECK_INT(lab_int(d, "SELECT count(*) FROM items WHERE shelf='top'"), now->given - (deletes ? deletes : count));
    CHECK_INT(lab_int(d, "SELECT count(*) FROM items WHERE shelf='top' AND (parent<>1 OR n>=100 OR note IS NULL)"), 0);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM parents"), 2);
    for (i = 0; i < count; i++) {
        sprintf(sql, "SELECT count(*) FROM items WHERE shelf='top' AND id=%d", id_of((int)refused[i].row - 1));
        CHECK_INT(lab_int(d, sql), 0);
    }
}

static void check_distinct(const seen *rows, int count)
{
    int i, k;

    for (i = 0; i < count; i++) {
        CHECK(is_poison(rows[i].row, rows[i].key));
        for (k = 0; k < i; k++)
            CHECK(rows[i].row != rows[k].row);
    }
}

/* Gives the rest of the rows and flushes; *row is the next to give. */
static d1t_result give_all(int *row)
{
    d1t_result result = D1T_OK;

    for (; *row <= now->given && result == D1T_OK; *row += result == D1T_OK)
        result = give(*row);
    return result == D1T_OK ? d1t_flush(&db) : result;
}

static void refuse_by_default(void)
{
    seen refused[MOST];
    int count = 0, row = 1;
    long long before;
    d1t_result result;

    open_shop(false);
    before = lab_int(d, "SELECT count(*) FROM items");
    while ((result = give_all(&row)) != D1T_OK && count < MOST) {
        d1t_str key = d1t_error_key(&db);
        CHECK_INT(result, D1T_ERR_CONSTRAINT);
        CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
        CHECK_STR(db.error.table, now->table);
        CHECK(strstr(db.error.text, now->table) && strstr(db.error.text, now->words));
        refused[count].row = db.error.row;
        snprintf(refused[count++].key, sizeof refused->key, "%.*s", (int)key.n, key.p ? key.p : "");
        if (!now->max_body)
            CHECK_INT(lab_int(d, "SELECT count(*) FROM items"), before);     /* none of the batch */
        CHECK_INT(d1t_flush(&db), D1T_ERR_CONSTRAINT);                       /* the error stands */
        CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK);
    }
    CHECK_INT(count, now->refused);
    check_distinct(refused, count);
    check_written(refused, count);
    CHECK_INT(told_count, 0);
    CHECK_INT(db.stats.rows_poisoned, count);
    CHECK_INT(d1t_close(&db), D1T_OK);
    local_d1_close(d);
}

static void isolate(void)
{
    int row = 1;
    uint64_t requests;

    open_shop(true);
    requests = local_d1_requests(d);
    CHECK_INT(give_all(&row), D1T_OK);
    requests = local_d1_requests(d) - requests;
    CHECK_INT(told_count, now->refused);
    check_distinct(told, told_count < MOST ? (int)told_count : MOST);
    check_written(told, now->refused);
    CHECK_INT(db.stats.rows_poisoned, now->refused);
    CHECK_INT(d1t_close(&db), D1T_OK);
    local_d1_close(d);
    if (now->given == MANY)
        printf("figure: poison_requests_%s %d\n", now->name, (int)requests);
}

static void run_case(const poison_case *c)
{
    now = c;
    CHECK(given_poison() >= c->refused || c->refused == 1);
    refuse_by_default();
    isolate();
}

/* ---- the cases */

#define CASE(test, ...)                               \
    static void test(void)                            \
    {                                                 \
        static const poison_case c = {__VA_ARGS__};   \
        run_case(&c);                                 \
    }

CASE(test_one_row, "one", MANY, {{4711, CODE_IN_USE}}, 1, "items", "UNIQUE constraint failed", 0)
CASE(test_the_first_row, "first", FEW, {{1, CODE_IN_USE}}, 1, "items", "UNIQUE constraint failed", 0)
CASE(test_the_last_row, "last", FEW, {{FEW, FAILS_CHECK}}, 1, "items", "CHECK constraint failed", 0)
CASE(test_two_rows, "two", MANY, {{1234, FAILS_CHECK}, {8765, FAILS_CHECK}}, 2, "items", "CHECK constraint failed", 0)
CASE(test_two_neighbours, "two_neighbours", FEW, {{500, NO_PARENT}, {501, NO_PARENT}}, 2, "items",
     "FOREIGN KEY constraint failed", 0)
CASE(test_a_pair_that_clashes_only_together, "pair", MANY, {{5000, CODE_OF_THE_NEXT}}, 1, "items",
     "UNIQUE constraint failed", 0)
CASE(test_a_missing_parent, "missing_parent", MANY, {{777, NO_PARENT}}, 1, "items", "FOREIGN KEY constraint failed", 0)
CASE(test_a_delete_of_a_row_with_children, "delete", MANY, {{9000, DELETE_PARENT}}, 1, "parents",
     "FOREIGN KEY constraint failed", 0)
CASE(test_a_trigger_that_raises, "raise", MANY, {{3333, NO_NOTE}}, 1, "items", "constraint", 0)
CASE(test_four_rows_of_four_kinds, "four_kinds", MANY,
     {{10, FAILS_CHECK}, {2000, NO_PARENT}, {7000, NO_NOTE}, {9999, CODE_IN_USE}}, 4, "items", "constraint", 0)
CASE(test_rows_over_several_requests, "several_requests", MANY, {{40, FAILS_CHECK}, {6000, CODE_IN_USE}}, 2, "items",
     "constraint", 100000)

/* A row too wide for the block travels alone, and is named just the same. */
static void test_a_wide_row(void)
{
    static const poison_case wide = {.name = "wide", .refused = 1, .table = "items", .words = "CHECK"};
    size_t n = 1500000;
    char *note = (char *)malloc(n);
    d1t_value v[6];

    now = &wide;
    memset(note, 'w', n);
    open_shop(false);
    v[0] = d1t_text("top");
    v[1] = d1t_int(5);
    v[2] = d1t_int(5);
    v[3] = d1t_null();
    v[4] = d1t_int(100);
    v[5] = d1t_text_n(note, n);
    CHECK_INT(d1t_upsert(&db, &items, v, 6), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_ERR_CONSTRAINT);
    CHECK_STR(db.error.table, "items");
    CHECK_INT(db.error.row, 2);
    CHECK(strstr(db.error.text, "items") && strstr(db.error.text, "CHECK"));
    CHECK(d1t_str_equal(d1t_error_key(&db), d1t_cstr("[\"top\",5]")));
    CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(lab_int(d, "SELECT count(*) FROM items"), 1);
    CHECK_INT(d1t_close(&db), D1T_OK);
    local_d1_close(d);
    free(note);
}

/* A poison row found over a bad connection is the same row. */
static void test_a_row_is_found_through_lost_answers(void)
{
    static const poison_case c = {"", FEW, {{711, FAILS_CHECK}}, 1, "items", "CHECK", 0};
    int row = 1;

    now = &c;
    open_shop(true);
    local_d1_set_fault(d, LOCAL_D1_LOSE_AFTER, 3, 2);
    CHECK_INT(give_all(&row), D1T_OK);
    CHECK_INT(told_count, 1);
    CHECK(is_poison(told[0].row, told[0].key));
    check_written(told, 1);
    CHECK_INT(d1t_close(&db), D1T_OK);
    local_d1_close(d);
}

int main(void)
{
    RUN(test_one_row);
    RUN(test_the_first_row);
    RUN(test_the_last_row);
    RUN(test_two_rows);
    RUN(test_two_neighbours);
    RUN(test_a_pair_that_clashes_only_together);
    RUN(test_a_missing_parent);
    RUN(test_a_delete_of_a_row_with_children);
    RUN(test_a_trigger_that_raises);
    RUN(test_four_rows_of_four_kinds);
    RUN(test_rows_over_several_requests);
    RUN(test_a_wide_row);
    RUN(test_a_row_is_found_through_lost_answers);
    TEST_MAIN_END;
}
