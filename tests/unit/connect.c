/* Room contracts, >>connect: what differs, decisions, the store, runs and what is left of them after a failure. */
#define D1T_NO_CURL
#define D1T__CHUNK 24u      /* so that every piece of an arena is an allocation, which can fail */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/checked_alloc.h"
#include "../support/random.h"
#include "../support/test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const d1t_str none = {NULL, 0};

static size_t cut(const char *s, const char *end, d1t_str *out)
{
    size_t n = strcspn(s, end);

    *out = d1t_bytes(s, n);
    return n;
}

/* ---- one record */

static void test_a_record_differs_as_the_table_of_the_contract_says(void)
{
    static const struct {
        const char *desired, *prev[3];
        size_t count;
        d1t_diff_action there, maybe_missing;
    } cases[] = {
        {NULL, {NULL}, 0, D1T_DIFF_NONE, D1T_DIFF_NONE},
        {NULL, {"A"}, 1, D1T_DIFF_DELETE, D1T_DIFF_DELETE},
        {NULL, {"A", "B"}, 2, D1T_DIFF_DELETE, D1T_DIFF_DELETE},
        {"A", {NULL}, 0, D1T_DIFF_NONE, D1T_DIFF_INSERT},
        {"A", {"A"}, 1, D1T_DIFF_NONE, D1T_DIFF_UPSERT},
        {"A", {"A", "A"}, 2, D1T_DIFF_NONE, D1T_DIFF_UPSERT},
        {"A", {"B"}, 1, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE},
        {"A", {"A", "B"}, 2, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE},
        {"A", {"B", "A"}, 2, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE},
        {"", {""}, 1, D1T_DIFF_NONE, D1T_DIFF_UPSERT},
        {"", {"A"}, 1, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE},
        {"", {NULL}, 0, D1T_DIFF_NONE, D1T_DIFF_INSERT},
        {NULL, {""}, 1, D1T_DIFF_DELETE, D1T_DIFF_DELETE},
    };
    size_t i, k;

    for (i = 0; i < COUNT(cases); i++) {
        d1t_str prev[3];

        for (k = 0; k < cases[i].count; k++)
            prev[k] = d1t_cstr(cases[i].prev[k]);
        CHECK_INT(d1t_record_diff(d1t_cstr(cases[i].desired), prev, cases[i].count, false), cases[i].there);
        CHECK_INT(d1t_record_diff(d1t_cstr(cases[i].desired), prev, cases[i].count, true), cases[i].maybe_missing);
    }
}

/* ---- records in parts, written "Mx1y2": main M, part x is 1, part y is 2 */

typedef struct composite {
    d1t_composite c;
    d1t_part parts[8];
} composite;

static void composite_set(composite *c, d1t_str s)
{
    size_t i;

    memset(c, 0, sizeof *c);
    c->c.main = d1t_bytes(s.p, 1);
    c->c.parts = c->parts;
    for (i = 1; i + 1 < s.n; i += 2) {
        c->parts[c->c.part_count].name = d1t_bytes(s.p + i, 1);
        c->parts[c->c.part_count++].record = d1t_bytes(s.p + i + 1, 1);
    }
}

static const char *const action_words[] = {"none", "insert", "upsert", "replace", "delete"};

static char seen[1024];

static void note(void *ctx, const d1t_part *part, d1t_diff_action action)
{
    (void)ctx;
    if (*seen)
        strcat(seen, " ");
    strncat(seen, part ? part->name.p : "*", 1);
    strcat(seen, ":");
    strcat(seen, action_words[action]);
}

/* prev: composites with blanks between. */
static d1t_diff_action composite_of(const char *desired, const char *prev, bool missing, d1t_effect *child)
{
    composite want, had[8];
    d1t_composite list[8];
    size_t n = 0;
    d1t_str one;

    for (; *prev; prev += strspn(prev, " ")) {
        prev += cut(prev, " ", &one);
        composite_set(&had[n], one);
        list[n] = had[n].c;
        n++;
    }
    if (desired)
        composite_set(&want, d1t_cstr(desired));
    *seen = 0;
    return d1t_composite_diff(desired ? &want.c : NULL, list, n, missing, note, NULL, child);
}

static void test_a_record_in_parts_differs_part_by_part(void)
{
    static const struct {
        const char *desired, *prev;
        bool missing;
        const char *actions;
        d1t_effect child;
    } cases[] = {
        {NULL, "", false, "", D1T_EFFECT_NONE},
        {NULL, "", true, "", D1T_EFFECT_NONE},
        {NULL, "Mx1", false, "*:delete", D1T_EFFECT_NONE},
        {NULL, "Mx1 Ny2", true, "*:delete", D1T_EFFECT_NONE},
        {"Mx1", "", true, "*:insert x:insert", D1T_EFFECT_NONE},
        {"Mx1", "", false, "", D1T_EFFECT_NONE},                            /* adopted: from the user */
        {"Mx1", "Mx1", false, "", D1T_EFFECT_NONE},
        {"Mx1", "Mx1", true, "*:upsert x:upsert", D1T_EFFECT_LOSSY},
        {"M", "M", true, "*:upsert", D1T_EFFECT_NONE},
        {"Mx1y1", "Mx1", false, "y:insert", D1T_EFFECT_NONE},               /* a new column */
        {"Mx1", "Mx1y1", false, "y:delete", D1T_EFFECT_LOSSY},              /* dropped */
        {"Mx2", "Mx1", false, "x:replace", D1T_EFFECT_LOSSY},               /* retyped */
        {"Mx1", "Mx1 Mx2", false, "x:replace", D1T_EFFECT_LOSSY},           /* disagreeing history */
        {"Mx1y1", "Mx1 Mx1y1", false, "y:upsert", D1T_EFFECT_LOSSY},        /* seen in a part of history */
        {"Mx1", "Mx1 Mx1y1", false, "y:delete", D1T_EFFECT_LOSSY},
        {"Mx1y1", "My1x1", false, "", D1T_EFFECT_NONE},                     /* the order does not matter */
        {"Nx1", "Mx1", false, "*:replace x:upsert", D1T_EFFECT_DESTRUCTIVE},
        {"Nx1", "Mx2", false, "*:replace x:replace", D1T_EFFECT_DESTRUCTIVE},
        {"Nx1y1", "Mx1", false, "*:replace x:upsert y:insert", D1T_EFFECT_DESTRUCTIVE},
        {"Nx1", "Mx1y1", false, "*:replace x:upsert y:delete", D1T_EFFECT_DESTRUCTIVE},
        {"Mx1", "Mx1 Nx1", false, "*:replace x:upsert", D1T_EFFECT_DESTRUCTIVE},
        {"Mx1y2", "Mx1y1", true, "*:upsert x:upsert y:replace", D1T_EFFECT_LOSSY},
        {"M", "Mx1 My1 Mx1y1", false, "x:delete y:delete", D1T_EFFECT_LOSSY},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        d1t_effect child = D1T_EFFECT_NONE;
        d1t_diff_action action = composite_of(cases[i].desired, cases[i].prev, cases[i].missing, &child);
        char own[16] = "none";

        CHECK_STR(seen, cases[i].actions);
        CHECK_INT(child, cases[i].child);
        if (*seen == '*')
            snprintf(own, sizeof own, "%.*s", (int)strcspn(seen + 2, " "), seen + 2);
        CHECK_STR(action_words[action], own);
    }
    CHECK_INT(d1t_composite_diff(NULL, NULL, 0, false, NULL, NULL, NULL), D1T_DIFF_NONE);
}

static void test_what_an_action_does_to_children(void)
{
    static const d1t_effect main_effects[] = {D1T_EFFECT_NONE, D1T_EFFECT_NONE, D1T_EFFECT_NONE,
                                              D1T_EFFECT_DESTRUCTIVE, D1T_EFFECT_NONE};
    static const d1t_effect part_effects[] = {D1T_EFFECT_NONE, D1T_EFFECT_NONE, D1T_EFFECT_LOSSY, D1T_EFFECT_LOSSY,
                                              D1T_EFFECT_LOSSY};
    int a;

    for (a = 0; a < 5; a++) {
        CHECK_INT(d1t_diff_effect(true, (d1t_diff_action)a), main_effects[a]);
        CHECK_INT(d1t_diff_effect(false, (d1t_diff_action)a), part_effects[a]);
    }
}

/* ---- tables are records in parts: their columns */

static const d1t_column columns_a[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("x", D1T_TEXT, 0)};
static const d1t_column columns_b[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("x", D1T_TEXT, 0),
                                       D1T_COLUMN("y", D1T_REAL, 0)};
static const d1t_column columns_c[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("x", D1T_INTEGER, 0)};
static const d1t_column columns_d[] = {D1T_COLUMN("id", D1T_TEXT, D1T_KEY), D1T_COLUMN("x", D1T_TEXT, 0)};
static const char *const on_x[] = {"x"};
static const d1t_index index_x[] = {D1T_INDEX("t_x", on_x)};
static const d1t_table table_a = D1T_TABLE("t", columns_a);
static const d1t_table table_b = D1T_TABLE("t", columns_b);
static const d1t_table table_c = D1T_TABLE("t", columns_c);
static const d1t_table table_d = D1T_TABLE("t", columns_d);
static const d1t_table table_users = D1T_TABLE_FLAGS("t", columns_a, D1T_BY_USER);
static const char long_sql[] = "'01234567890123456789012345678901234567890123456789012345678901234567890123456789"
                               "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
                               "01234567890123456789012345678901234567890123456789012345678901234567890123456789'";
static const d1t_column columns_long[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                          D1T_COLUMN_DEFAULT("x", D1T_TEXT, 0, long_sql)};
static const d1t_table table_long = D1T_TABLE_FLAGS("t", columns_long, D1T_BY_USER);
static const d1t_table table_indexed = {"t", columns_a, 2, index_x, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};

static const struct {
    const d1t_table *desired, *prev[2];
    size_t count;
    bool missing;
    d1t_effect effect;
    d1t_item_action action;
} table_cases[] = {
    {&table_a, {NULL}, 0, true, D1T_EFFECT_NONE, D1T_ITEM_UPSERT},
    {&table_a, {&table_a}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_LEAVE},
    {&table_a, {&table_a}, 1, true, D1T_EFFECT_LOSSY, D1T_ITEM_UPSERT},
    {&table_b, {&table_a}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_UPSERT},
    {&table_a, {&table_b}, 1, false, D1T_EFFECT_LOSSY, D1T_ITEM_UPSERT},
    {&table_c, {&table_a}, 1, false, D1T_EFFECT_LOSSY, D1T_ITEM_UPSERT},
    {&table_d, {&table_a}, 1, false, D1T_EFFECT_DESTRUCTIVE, D1T_ITEM_UPSERT},
    {&table_a, {&table_a, &table_c}, 2, false, D1T_EFFECT_LOSSY, D1T_ITEM_UPSERT},
    {&table_a, {&table_a, &table_d}, 2, false, D1T_EFFECT_DESTRUCTIVE, D1T_ITEM_UPSERT},
    {&table_b, {&table_a, &table_b}, 2, false, D1T_EFFECT_LOSSY, D1T_ITEM_UPSERT},
    {&table_indexed, {&table_a}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_UPSERT},
    {NULL, {&table_a}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_DELETE},
    {NULL, {NULL}, 0, false, D1T_EFFECT_NONE, D1T_ITEM_LEAVE},
    {&table_users, {NULL}, 0, true, D1T_EFFECT_NONE, D1T_ITEM_TRACK},
    {&table_users, {&table_users}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_LEAVE},
    {&table_users, {&table_b}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_TRACK},      /* handed to the user */
    {&table_a, {&table_users}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_TRACK},      /* adopted */
    {NULL, {&table_users}, 1, false, D1T_EFFECT_NONE, D1T_ITEM_TRACK},          /* kept, and no longer tracked */
    {NULL, {&table_a, &table_users}, 2, false, D1T_EFFECT_NONE, D1T_ITEM_TRACK},
    {&table_b, {&table_a, &table_users}, 2, false, D1T_EFFECT_NONE, D1T_ITEM_UPSERT},
};

static d1t_str table_json(const d1t_table *table, char *text, size_t cap)
{
    d1t_writer w;

    if (!table)
        return none;
    d1t_writer_fixed(&w, text, cap);
    d1t_table_to_json(table, &w);
    CHECK_INT(w.error, D1T_OK);
    return d1t_bytes(text, w.n);
}

static void test_tables_are_compared_as_records_with_columns_as_parts(void)
{
    static char json[3][4096];
    size_t i, k;

    for (i = 0; i < COUNT(table_cases); i++) {
        d1t_str prev[2] = {{NULL, 0}, {NULL, 0}};
        d1t_decision d;
        d1t_error error;
        d1t_arena arena;
        d1t_item item;

        memset(&arena, 0, sizeof arena);
        memset(&error, 0, sizeof error);
        memset(&item, 0, sizeof item);
        memset(&d, 0, sizeof d);
        for (k = 0; k < table_cases[i].count; k++)
            prev[k] = table_json(table_cases[i].prev[k], json[k], sizeof json[k]);
        item.desired = table_json(table_cases[i].desired, json[2], sizeof json[2]);
        item.prev = prev;
        item.prev_count = table_cases[i].count;
        item.missing = table_cases[i].missing;
        CHECK_INT(d1t_table_reconcile(NULL, &item, &arena, &d, &error), D1T_OK);
        CHECK_INT(d.action, table_cases[i].action);
        CHECK_INT(d.child, table_cases[i].effect);
        if (d.action != D1T_ITEM_LEAVE)
            CHECK(d1t_str_equal(d.record, item.desired));
        if (d.action == D1T_ITEM_UPSERT)
            CHECK_STR(((const d1t_table *)d.data)->name, "t");
        if (d.action != D1T_ITEM_TRACK && table_cases[i].prev[1] != &table_users)
            CHECK_INT(d1t_table_effect(table_cases[i].desired, table_cases[i].prev, table_cases[i].count,
                                       table_cases[i].missing), table_cases[i].effect);
        d1t_arena_free(&arena);
    }
}

static void test_a_tracked_table_that_cannot_be_read_is_an_error(void)
{
    d1t_str prev = d1t_cstr("{");
    d1t_decision d;
    d1t_error error;
    d1t_arena arena;
    d1t_item item;

    memset(&arena, 0, sizeof arena);
    memset(&error, 0, sizeof error);
    memset(&item, 0, sizeof item);
    item.prev = &prev;
    item.prev_count = 1;
    CHECK_INT(d1t_table_reconcile(NULL, &item, &arena, &d, &error), D1T_ERR_JSON);
    CHECK_INT(error.code, D1T_ERR_JSON);
    d1t_arena_free(&arena);
}

/* ---- ownership; records of the user's begin with 'u' */

static void test_who_owns_an_item_decides_who_sets_it_up(void)
{
    static const struct {
        const char *desired, *prev, *kept;      /* kept NULL: nothing is to be done */
    } cases[] = {
        {"u1", "", NULL},           /* the user's is left alone */
        {"u1", "s1", NULL},         /* also when it was the program's: it stays */
        {NULL, "", NULL},
        {NULL, "u1", NULL},         /* the user's is not deleted */
        {NULL, "s1 u1", NULL},      /* not even if it may be */
        {NULL, "s1", "s1"},
        {NULL, "s1 s2", "s1 s2"},
        {"s1", "", ""},
        {"s1", "s1", "s1"},
        {"s2", "u1", ""},           /* adopted as it is */
        {"s2", "u1 s1", "s1"},      /* only what the program did counts */
    };
    size_t i, k, n, count;

    for (i = 0; i < COUNT(cases); i++) {
        const char *p = cases[i].prev;
        d1t_owned desired, prev[4];
        d1t_str kept[4];
        char text[32] = "";
        bool to_do;

        for (n = 0; *p; n++, p += strspn(p, " ")) {
            p += cut(p, " ", &prev[n].record);
            prev[n].by_user = prev[n].record.p[0] == 'u';
        }
        desired.record = d1t_cstr(cases[i].desired);
        desired.by_user = cases[i].desired && cases[i].desired[0] == 'u';
        to_do = d1t_record_transition(cases[i].desired ? &desired : NULL, prev, n, kept, &count);
        CHECK_INT(to_do, cases[i].kept != NULL);
        for (k = 0; to_do && k < count; k++) {
            strcat(text, k ? " " : "");
            strncat(text, kept[k].p, kept[k].n);
        }
        if (to_do)
            CHECK_STR(text, cases[i].kept);
    }
}

/* ---- decisions */

static void test_a_row_is_written_unless_it_is_surely_there_and_deleted_unless_it_surely_is_not(void)
{
    static const char *const desired[] = {NULL, "1", "2"};
    static const char *const prev[][2] = {{NULL, NULL}, {"1", NULL}, {"2", NULL}, {"1", "1"}, {"1", "2"}};
    static const size_t counts[] = {0, 1, 1, 2, 2};
    size_t i, k, m, equal, p;

    for (i = 0; i < COUNT(desired); i++)
        for (k = 0; k < COUNT(prev); k++)
            for (m = 0; m < 2; m++) {
                d1t_str list[2];
                d1t_item item;
                d1t_decision d;

                for (p = equal = 0; p < counts[k]; p++) {
                    list[p] = d1t_cstr(prev[k][p]);
                    equal += desired[i] && !strcmp(desired[i], prev[k][p]);
                }
                item.key = d1t_cstr("k");
                item.desired = d1t_cstr(desired[i]);
                item.prev = list;
                item.prev_count = counts[k];
                item.missing = m != 0;
                d = d1t_reconcile(&item);
                if (!desired[i])
                    CHECK_INT(d.action, counts[k] == 0 && !m ? D1T_ITEM_LEAVE : D1T_ITEM_DELETE);
                else
                    CHECK_INT(d.action, !m && equal == counts[k] ? D1T_ITEM_LEAVE : D1T_ITEM_UPSERT);
                CHECK(d.action == D1T_ITEM_UPSERT ? d1t_str_equal(d.record, item.desired) : !d.record.p);
                CHECK_INT(d.child, D1T_EFFECT_NONE);
                CHECK(!d.data);
            }
}

static void test_a_fingerprint_stands_for_its_value_under_its_key(void)
{
    static uint8_t keys[2][16] = {{1}, {2}};
    d1t_arena arena;
    d1t_item item;
    d1t_decision a, b;

    memset(&arena, 0, sizeof arena);
    memset(&item, 0, sizeof item);
    item.desired = d1t_cstr("a long value that nobody wants to keep");
    item.missing = true;
    CHECK_INT(d1t_fingerprint_reconcile(keys[0], &item, &arena, &a, NULL), D1T_OK);
    CHECK_INT(a.action, D1T_ITEM_UPSERT);
    CHECK_INT(a.record.n, 16);
    item.prev = &a.record;
    item.prev_count = 1;
    item.missing = false;
    CHECK_INT(d1t_fingerprint_reconcile(keys[0], &item, &arena, &b, NULL), D1T_OK);
    CHECK_INT(b.action, D1T_ITEM_LEAVE);
    CHECK_INT(d1t_fingerprint_reconcile(keys[1], &item, &arena, &b, NULL), D1T_OK);
    CHECK_INT(b.action, D1T_ITEM_UPSERT);
    CHECK_INT(d1t_fingerprint_reconcile(NULL, &item, &arena, &b, NULL), D1T_OK);
    CHECK_INT(b.action, D1T_ITEM_UPSERT);
    item.desired = none;
    CHECK_INT(d1t_fingerprint_reconcile(keys[0], &item, &arena, &b, NULL), D1T_OK);
    CHECK_INT(b.action, D1T_ITEM_DELETE);
    d1t_arena_free(&arena);
}

/* "setup:teardown", or "setup" alone */
static d1t_str command_of(d1t_arena *arena, d1t_str text)
{
    char copy[64], *colon;
    d1t_command c;

    CHECK(text.n < sizeof copy);
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    colon = strchr(copy, ':');
    if (colon)
        *colon = 0;
    c.name = "c";
    c.setup_sql = copy;
    c.teardown_sql = colon ? colon + 1 : NULL;
    return d1t_command_record(&c, arena);
}

static void test_a_command_is_torn_down_as_it_was_set_up(void)
{
    static const struct {
        const char *desired, *prev;
        bool missing;
        d1t_item_action action;
        const char *sql;
    } cases[] = {
        {"s1:t1", "", true, D1T_ITEM_UPSERT, "s1"},
        {"s1:t1", "s1:t1", false, D1T_ITEM_LEAVE, ""},
        {"s1:t1", "s1:t1", true, D1T_ITEM_UPSERT, "t1 s1"},
        {"s2:t2", "s1:t1", false, D1T_ITEM_UPSERT, "t1 s2"},
        {"s2", "s1:t1 s2", false, D1T_ITEM_UPSERT, "t1 s2"},
        {"s3:t3", "s1:t1 s2:t2", true, D1T_ITEM_UPSERT, "t1 t2 s3"},
        {"s3:t3", "s1:t1 s2:t1", true, D1T_ITEM_UPSERT, "t1 s3"},
        {"s2:t2", "s1", false, D1T_ITEM_UPSERT, "s2"},
        {"s1:t9", "s1:t1", false, D1T_ITEM_TRACK, ""},
        {"s1", "s1:t1", false, D1T_ITEM_TRACK, ""},
        {NULL, "s1:t1 s2:t2", false, D1T_ITEM_DELETE, "t1 t2"},
        {NULL, "s1", false, D1T_ITEM_TRACK, ""},        /* the object stays */
        {NULL, "", false, D1T_ITEM_LEAVE, ""},
    };
    size_t i, k;

    for (i = 0; i < COUNT(cases); i++) {
        d1t_str prev[4], one;
        const char *p = cases[i].prev, *sql;
        char text[64] = "";
        d1t_arena arena;
        d1t_act act;
        size_t n;

        memset(&arena, 0, sizeof arena);
        memset(&act, 0, sizeof act);
        for (n = 0; *p; n++, p += strspn(p, " ")) {
            p += cut(p, " ", &one);
            prev[n] = command_of(&arena, one);
        }
        act.item.desired = cases[i].desired ? command_of(&arena, d1t_cstr(cases[i].desired)) : none;
        act.item.prev = prev;
        act.item.prev_count = n;
        act.item.missing = cases[i].missing;
        CHECK_INT(d1t_command_reconcile(NULL, &act.item, &arena, &act.decision, NULL), D1T_OK);
        CHECK_INT(act.decision.action, cases[i].action);
        for (k = 0; act.decision.action >= D1T_ITEM_UPSERT && (sql = d1t_command_sql(&act, k)) != NULL; k++) {
            strcat(text, k ? " " : "");
            strcat(text, sql);
        }
        CHECK_STR(text, cases[i].sql);
        d1t_arena_free(&arena);
    }
}

static void test_records_without_memory_are_errors(void)
{
    checked_alloc counted = {0, 1, 1, 0};
    d1t_str prev = d1t_cstr("{}");
    d1t_command command = {"c", "s", "t"};
    d1t_item item;
    d1t_decision d;
    d1t_arena arena;

    memset(&item, 0, sizeof item);
    memset(&d, 0, sizeof d);
    d1t_arena_init(&arena, checked_allocator(&counted), 0);
    CHECK(!d1t_command_record(&command, &arena).p);
    item.desired = prev;
    CHECK_INT(d1t_fingerprint_reconcile(NULL, &item, &arena, &d, NULL), D1T_ERR_NOMEM);
    item.prev = &prev;
    item.prev_count = 1;
    CHECK_INT(d1t_table_reconcile(NULL, &item, &arena, &d, NULL), D1T_ERR_NOMEM);
    CHECK_INT(d.action, D1T_ITEM_LEAVE);
}

static void test_bytes_that_are_no_command_are_refused_or_passed_over(void)
{
    d1t_str prev[] = {{"x", 1}, {"", 0}};
    d1t_error error;
    d1t_arena arena;
    d1t_act act;

    memset(&arena, 0, sizeof arena);
    memset(&act, 0, sizeof act);
    memset(&error, 0, sizeof error);
    act.item.desired = d1t_cstr("no NUL");
    CHECK_INT(d1t_command_reconcile(NULL, &act.item, &arena, &act.decision, &error), D1T_ERR_VALUE);
    CHECK(strstr(error.text, "d1t_command_record"));
    act.item.desired = command_of(&arena, d1t_cstr("s:t"));
    act.item.prev = prev;
    act.item.prev_count = 2;
    CHECK_INT(d1t_command_reconcile(NULL, &act.item, &arena, &act.decision, NULL), D1T_OK);
    CHECK_INT(act.decision.action, D1T_ITEM_UPSERT);
    CHECK_STR(d1t_command_sql(&act, 0), "s");
    CHECK(!d1t_command_sql(&act, 1));
    d1t_arena_free(&arena);
}

/* ---- roots */

static d1t_result apply_nothing(void *sink, const d1t_act *acts, size_t count, d1t_error *error)
{
    (void)sink, (void)acts, (void)count, (void)error;
    return D1T_OK;
}

static void test_roots_have_names_of_their_own(void)
{
    d1t_handler handler, other;
    d1t_root list[2];
    d1t_roots roots;

    memset(&handler, 0, sizeof handler);
    handler.apply = apply_nothing;
    memset(&other, 0, sizeof other);
    d1t_roots_init(&roots, list, 2);
    CHECK(!d1t_roots_find(&roots, d1t_cstr("a")));
    CHECK_INT(d1t_roots_add(&roots, "a", &handler), D1T_OK);
    CHECK_INT(d1t_roots_add(&roots, "a", &handler), D1T_ERR_NAME);
    CHECK_INT(d1t_roots_add(&roots, "", &handler), D1T_ERR_ARG);
    CHECK_INT(d1t_roots_add(&roots, NULL, &handler), D1T_ERR_ARG);
    CHECK_INT(d1t_roots_add(&roots, "b", NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_roots_add(&roots, "b", &other), D1T_ERR_ARG);
    CHECK_INT(d1t_roots_add(&roots, "b", &handler), D1T_OK);
    CHECK_INT(d1t_roots_add(&roots, "c", &handler), D1T_ERR_SPACE);
    CHECK(d1t_roots_find(&roots, d1t_cstr("b")) == &handler);
}

/* ---- the store in memory */

static d1t_str next_key(const d1t_store *s, d1t_str after, d1t_str *value)
{
    d1t_str key = none;
    d1t_result result = s->next(s->ctx, after, &key, value);

    CHECK(result == D1T_OK || result == D1T_EOF);
    return result == D1T_OK ? key : none;
}

static void test_a_store_keeps_bytes_in_the_order_of_memcmp(void)
{
    static const d1t_str keys[] = {{"", 0}, {"\0", 1}, {"\0\1", 2}, {"a", 1}, {"a\0", 2}, {"aa", 2}, {"b", 1},
                                   {"\x7F", 1}, {"\x80", 1}, {"\xFF", 1}, {"\xFF\0", 2}};
    d1t_memory_store m;
    d1t_allocator a = {NULL, NULL};
    d1t_store s = d1t_memory_store_init(&m, a);
    d1t_str key = none, value;
    size_t i;

    for (i = COUNT(keys); i-- > 0;)
        CHECK_INT(s.put(s.ctx, keys[i], keys[i]), D1T_OK);
    CHECK(!next_key(&s, none, &value).p);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    for (i = 0; i < COUNT(keys); i++) {
        key = next_key(&s, key, &value);
        CHECK(key.p && d1t_str_equal(key, keys[i]));
        CHECK(d1t_str_equal(value, keys[i]));
    }
    CHECK(!next_key(&s, key, &value).p);
    d1t_memory_store_free(&m);
}

static void test_a_store_changes_only_by_a_commit(void)
{
    d1t_memory_store m;
    d1t_allocator a = {NULL, NULL};
    d1t_store s = d1t_memory_store_init(&m, a);
    d1t_str k = d1t_cstr("k"), l = d1t_cstr("l"), value;

    CHECK_INT(s.put(s.ctx, k, d1t_cstr("1")), D1T_OK);
    s.rollback(s.ctx);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK(!next_key(&s, none, &value).p);
    CHECK_INT(s.put(s.ctx, k, d1t_cstr("1")), D1T_OK);
    CHECK_INT(s.put(s.ctx, k, d1t_cstr("22")), D1T_OK);
    CHECK_INT(s.put(s.ctx, l, d1t_cstr("3")), D1T_OK);
    CHECK_INT(s.remove(s.ctx, l), D1T_OK);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK(d1t_str_equal(next_key(&s, none, &value), k) && value.n == 2);
    CHECK(!next_key(&s, k, &value).p);
    CHECK_INT(s.remove(s.ctx, k), D1T_OK);
    CHECK_INT(s.remove(s.ctx, l), D1T_OK);
    CHECK(next_key(&s, none, &value).p);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK(!next_key(&s, none, &value).p);
    CHECK_INT(s.put(s.ctx, l, none), D1T_OK);
    CHECK_INT(s.commit(s.ctx), D1T_OK);
    CHECK(d1t_str_equal(next_key(&s, none, &value), l) && value.n == 0);
    d1t_memory_store_free(&m);
}

static void test_a_store_ends_as_a_plain_list_would_after_any_calls(void)
{
    char now[64] = {0}, kept[64] = {0};     /* values by key, 0: none */
    d1t_memory_store m;
    checked_alloc counted = {0, 0, 0, 0};
    d1t_store s = d1t_memory_store_init(&m, checked_allocator(&counted));
    int step;

    for (step = 0; step < 20000; step++) {
        size_t k = random_below(64), what = random_below(20);
        char key = (char)k, value = (char)(1 + random_below(100));

        counted.fail_at = random_below(10) == 0 ? counted.calls + 1 : 0;
        if (what < 10) {
            if (s.put(s.ctx, d1t_bytes(&key, 1), d1t_bytes(&value, 1)) == D1T_OK)
                now[k] = value;
        } else if (what < 18) {
            if (s.remove(s.ctx, d1t_bytes(&key, 1)) == D1T_OK)
                now[k] = 0;
        } else if (what == 18) {
            if (s.commit(s.ctx) == D1T_OK)
                memcpy(kept, now, sizeof kept);
        } else {
            s.rollback(s.ctx);
            memcpy(now, kept, sizeof now);
        }
        if (step % 16 == 0) {
            d1t_str at = none, v = none;
            size_t i;

            for (i = 0; i < 64; i++)
                if (kept[i]) {
                    at = next_key(&s, at, &v);
                    CHECK(at.p && at.p[0] == (char)i && v.n == 1 && v.p[0] == kept[i]);
                }
            CHECK(!next_key(&s, at, &v).p);
        }
    }
    d1t_memory_store_free(&m);
    CHECK_INT(counted.live, 0);
}

/* ---- a system to be connected: databases hold tables, tables hold rows; both may have commands. Values of the first
   two are composites ("Mx1"), those of rows plain. What the sinks were sent is logged:
   places(+a=M[prev,prev]? -b[...]) rows(...) commands(+a@v[...]?{teardown;setup}) */

typedef struct entry {
    char path[24], value[8];
} entry;

static struct world {
    entry items[128];
    size_t count;
    bool takes_children;        /* a database that goes takes all with it */
    bool strict;                /* check every act against what is there */
    size_t fail_at, acts;       /* the number of the act that fails, from 1 */
    bool fail_after;            /* it is done all the same */
    bool silent;                /* the error is only set, not returned */
    size_t calls;
    char log[8192];
} world;

static entry *world_find(const char *path)
{
    size_t i;

    for (i = 0; i < world.count; i++)
        if (!strcmp(world.items[i].path, path))
            return &world.items[i];
    return NULL;
}

static void world_set(const char *path, const char *value)
{
    entry *e = world_find(path);

    if (!e) {
        if (world.count == COUNT(world.items))
            abort();
        e = &world.items[world.count++];
    }
    snprintf(e->path, sizeof e->path, "%s", path);
    snprintf(e->value, sizeof e->value, "%s", value);
}

static void world_remove(const char *path)
{
    entry *e = world_find(path);

    if (e)
        *e = world.items[--world.count];
}

/* Everything strictly below: "a" has below it "a/b", "a/b/c" and the objects "!a/b:v". */
static void world_empty(const char *path)
{
    size_t n = strlen(path), i;

    for (i = world.count; i-- > 0;) {
        const char *p = world.items[i].path + (world.items[i].path[0] == '!');

        if (!strncmp(p, path, n) && p[n] == '/')
            world_remove(world.items[i].path);
    }
}

/* A lossy change: of the items right below some go, with all in them, and some rows lose their value. */
static void world_spoil(const char *path)
{
    size_t n = strlen(path), i;

    for (i = world.count; i-- > 0;) {
        char p[24];

        if (i >= world.count)
            continue;
        strcpy(p, world.items[i].path);
        if (strncmp(p, path, n) != 0 || p[n] != '/' || strchr(p + n + 1, '/') || random_below(2))
            continue;
        world_empty(p);
        if (strchr(path, '/') && random_below(2))
            strcpy(world_find(p)->value, "?");
        else
            world_remove(p);
    }
}

static void path_text(const d1t_act *act, char *out)
{
    size_t i;

    *out = 0;
    for (i = 1; i < act->depth; i++) {
        strcat(out, i > 1 ? "/" : "");
        strncat(out, act->path[i].p, act->path[i].n);
    }
    CHECK(act->type.p || d1t_str_equal(act->item.key, act->path[act->depth - 1]));
}

static void log_add(d1t_str s)
{
    size_t n = strlen(world.log);

    if (n + s.n + 1 > sizeof world.log)
        abort();
    if (s.n)
        memcpy(world.log + n, s.p, s.n);
    world.log[n + s.n] = 0;
}

static void log_act(const d1t_act *act)
{
    char path[64];
    const char *sql;
    size_t i;

    path_text(act, path);
    log_add(d1t_cstr(act->decision.action == D1T_ITEM_UPSERT ? "+" : "-"));
    log_add(d1t_cstr(path));
    if (act->type.p) {
        log_add(d1t_cstr("@"));
        log_add(act->item.key);
    } else if (act->item.desired.p) {
        log_add(d1t_cstr("="));
        log_add(act->item.desired);
    }
    log_add(d1t_cstr("["));
    for (i = 0; i < act->item.prev_count; i++) {
        log_add(d1t_cstr(i ? "," : ""));
        log_add(act->type.p ? d1t_cstr(act->item.prev[i].p) : act->item.prev[i]);
    }
    log_add(d1t_cstr(act->item.missing ? "]?" : "]"));
    for (i = 0; act->type.p && (sql = d1t_command_sql(act, i)) != NULL; i++) {
        log_add(d1t_cstr(i ? ";" : "{"));
        log_add(d1t_cstr(sql));
    }
    log_add(d1t_cstr(act->type.p ? "}" : ""));
}

static bool is_in(const d1t_item *item, const char *value)
{
    size_t i;

    for (i = 0; i < item->prev_count; i++)
        if (d1t_str_equal(item->prev[i], d1t_cstr(value)))
            return true;
    return false;
}

/* What is there must be among what the engine says may be there. */
static void check_expected(const d1t_act *act, const char *path)
{
    const entry *e = world_find(path);
    char above[64];

    if (!e || !strcmp(e->value, "?"))
        CHECK(act->item.missing);
    else
        CHECK(is_in(&act->item, e->value));
    strcpy(above, path);
    if (strrchr(above, '/') && act->decision.action == D1T_ITEM_UPSERT) {
        *strrchr(above, '/') = 0;
        CHECK(world_find(above) != NULL);
    }
}

static void do_place(const d1t_act *act, const char *path)
{
    char value[8];

    if (act->decision.action == D1T_ITEM_DELETE) {
        world_empty(path);
        world_remove(path);
        return;
    }
    if (act->decision.child == D1T_EFFECT_DESTRUCTIVE)
        world_empty(path);
    if (act->decision.child == D1T_EFFECT_LOSSY)
        world_spoil(path);
    snprintf(value, sizeof value, "%.*s", (int)act->item.desired.n, act->item.desired.p);
    world_set(path, value);
}

static void do_row(const d1t_act *act, const char *path)
{
    char value[8];

    snprintf(value, sizeof value, "%.*s", (int)act->item.desired.n, act->item.desired.p);
    if (act->decision.action == D1T_ITEM_DELETE)
        world_remove(path);
    else
        world_set(path, value);
}

/* A setup "s" makes the object "!path:s"; its teardown "xs" removes it. */
static void do_command(const d1t_act *act, const char *path)
{
    char object[64];
    const char *sql;
    size_t i;

    for (i = 0; (sql = d1t_command_sql(act, i)) != NULL; i++) {
        snprintf(object, sizeof object, "!%s:%s", path, sql + (*sql == 'x'));
        if (*sql == 'x')
            world_remove(object);
        else
            world_set(object, "1");
    }
    if (world.strict && act->decision.action == D1T_ITEM_UPSERT)
        CHECK(world_find(path) != NULL);
}

static d1t_result apply(const char *name, void (*act_on)(const d1t_act *act, const char *path), const d1t_act *acts,
                        size_t count, d1t_error *error)
{
    char path[64];
    size_t i;
    bool fails;

    world.calls++;
    CHECK(count > 0);
    log_add(d1t_cstr(*world.log ? " " : ""));
    log_add(d1t_cstr(name));
    for (i = 0; i < count; i++) {
        log_add(d1t_cstr(i ? " " : "("));
        log_act(&acts[i]);
    }
    log_add(d1t_cstr(")"));
    for (i = 0; i < count; i++) {
        fails = ++world.acts == world.fail_at;
        path_text(&acts[i], path);
        if (world.strict && !acts[i].type.p)
            check_expected(&acts[i], path);
        if (!fails || world.fail_after)
            act_on(&acts[i], path);
        if (!fails)
            continue;
        if (world.silent)
            error->code = D1T_ERR_CONSTRAINT;
        return world.silent ? D1T_OK : D1T_ERR_TRANSPORT;
    }
    return D1T_OK;
}

static d1t_result apply_places(void *sink, const d1t_act *acts, size_t count, d1t_error *error)
{
    CHECK(sink == &world);
    return apply("places", do_place, acts, count, error);
}

static d1t_result apply_rows(void *sink, const d1t_act *acts, size_t count, d1t_error *error)
{
    (void)sink;
    return apply("rows", do_row, acts, count, error);
}

static d1t_result apply_commands(void *sink, const d1t_act *acts, size_t count, d1t_error *error)
{
    (void)sink;
    return apply("commands", do_command, acts, count, error);
}

static d1t_result place_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                  d1t_error *error)
{
    composite want, had[8];
    d1t_composite list[8];
    size_t i;
    d1t_diff_action action;

    (void)self, (void)arena, (void)error;
    if (item->prev_count > COUNT(had))
        abort();
    for (i = 0; i < item->prev_count; i++) {
        composite_set(&had[i], item->prev[i]);
        list[i] = had[i].c;
    }
    if (item->desired.p)
        composite_set(&want, item->desired);
    *seen = 0;
    action = d1t_composite_diff(item->desired.p ? &want.c : NULL, list, item->prev_count, item->missing, note, NULL,
                                &out->child);
    if (*seen)
        out->action = action == D1T_DIFF_DELETE ? D1T_ITEM_DELETE : D1T_ITEM_UPSERT;
    out->record = item->desired;
    return D1T_OK;
}

static const d1t_handler *attachment(void *self, d1t_str type);
static d1t_result children(void *self, const d1t_item *item, d1t_arena *arena, const d1t_handler **out);

static const d1t_handler rows = {NULL, NULL, NULL, apply_rows, NULL, NULL};
static const d1t_handler commands = {NULL, NULL, d1t_command_reconcile, apply_commands, NULL, NULL};
static int is_database, is_table;
static const d1t_handler tables = {&is_table, &world, place_reconcile, apply_places, children, attachment};
static const d1t_handler databases = {&is_database, &world, place_reconcile, apply_places, children, attachment};

static const d1t_handler *attachment(void *self, d1t_str type)
{
    (void)self;
    return d1t_str_equal(type, d1t_cstr("command")) || d1t_str_equal(type, d1t_bytes("c\0", 2)) ? &commands : NULL;
}

static d1t_result children(void *self, const d1t_item *item, d1t_arena *arena, const d1t_handler **out)
{
    (void)arena;
    if (item->desired.p || !world.takes_children)
        *out = self == &is_database ? &tables : &rows;
    return D1T_OK;
}

/* ---- its runs; a declaration is "a=M a/t=Nx1 a/t/r=1 a/t@v=s1:xs1" */

static struct {
    d1t_memory_store memory;
    d1t_store store, inner;
    d1t_root list[2];
    d1t_roots roots;
    d1t_connect run;
    checked_alloc counted;
    bool full;
    size_t store_calls, store_fail_at;      /* the number of the call that fails */
    bool store_done;                        /* though it is done */
    size_t puts;                            /* and removes */
} lab;

static bool store_fails(void)
{
    return ++lab.store_calls == lab.store_fail_at;
}

static d1t_result store_next(void *ctx, d1t_str after, d1t_str *key, d1t_str *value)
{
    (void)ctx;
    return store_fails() ? D1T_ERR_TIMEOUT : lab.inner.next(lab.inner.ctx, after, key, value);
}

static d1t_result store_put(void *ctx, d1t_str key, d1t_str value)
{
    (void)ctx;
    lab.puts++;
    return store_fails() ? D1T_ERR_TIMEOUT : lab.inner.put(lab.inner.ctx, key, value);
}

static d1t_result store_remove(void *ctx, d1t_str key)
{
    (void)ctx;
    lab.puts++;
    return store_fails() ? D1T_ERR_TIMEOUT : lab.inner.remove(lab.inner.ctx, key);
}

static d1t_result store_commit(void *ctx)
{
    bool fails = store_fails();
    d1t_result result = fails && !lab.store_done ? D1T_OK : lab.inner.commit(lab.inner.ctx);

    (void)ctx;
    return fails ? D1T_ERR_TIMEOUT : result;
}

static void store_rollback(void *ctx)
{
    (void)ctx;
    lab.inner.rollback(lab.inner.ctx);
}

static void lab_open(void)
{
    memset(&lab, 0, sizeof lab);
    memset(&world, 0, sizeof world);
    world.strict = true;
    lab.inner = d1t_memory_store_init(&lab.memory, checked_allocator(&lab.counted));
    lab.store.ctx = NULL;
    lab.store.next = store_next;
    lab.store.put = store_put;
    lab.store.remove = store_remove;
    lab.store.commit = store_commit;
    lab.store.rollback = store_rollback;
    d1t_roots_init(&lab.roots, lab.list, COUNT(lab.list));
    CHECK_INT(d1t_roots_add(&lab.roots, "sys", &databases), D1T_OK);
}

static void lab_close(void)
{
    d1t_memory_store_free(&lab.memory);
    CHECK_INT(lab.counted.live, 0);
}

static d1t_result begin(void)
{
    d1t_connect_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.store = &lab.store;
    desc.roots = &lab.roots;
    desc.full = lab.full;
    desc.allocator = checked_allocator(&lab.counted);
    world.log[0] = 0;
    world.calls = world.acts = 0;
    lab.puts = lab.store_calls = 0;
    return d1t_connect_begin(&lab.run, &desc);
}

/* "a/t" as a path */
static size_t path_of(d1t_str text, d1t_str *path)
{
    size_t count = 1, i, from = 0;

    path[0] = d1t_cstr("sys");
    for (i = 0; i <= text.n; i++)
        if (i == text.n || text.p[i] == '/') {
            path[count++] = d1t_bytes(text.p + from, i - from);
            from = i + 1;
        }
    return count;
}

static d1t_result declare(const char *declaration)
{
    d1t_result result = D1T_OK;
    d1t_str path[8], word, name = none, value;
    size_t count;

    for (; *declaration && result == D1T_OK; declaration += strspn(declaration, " ")) {
        d1t_arena arena;

        memset(&arena, 0, sizeof arena);
        declaration += cut(declaration, "@=", &word);
        count = path_of(word, path);
        if (*declaration == '@')
            declaration += 1 + cut(declaration + 1, "=", &name);
        else
            name = none;
        declaration += 1 + cut(declaration + 1, " ", &value);
        if (name.p)
            result = d1t_connect_attach(&lab.run, path, count, d1t_cstr("command"), name, command_of(&arena, value));
        else
            result = d1t_connect_declare(&lab.run, path, count, value);
        d1t_arena_free(&arena);
    }
    return result;
}

/* What is given back is the log. */
static const char *ran(const char *declaration, d1t_result expected)
{
    begin();
    declare(declaration);
    CHECK_INT(d1t_connect_commit(&lab.run), expected);
    CHECK_INT(lab.run.error.code, expected);
    world.fail_at = 0;
    return world.log;
}

static const char *ok(const char *declaration)
{
    return ran(declaration, D1T_OK);
}

/* The act of this number fails; after: it is done all the same. */
static const char *fails(const char *declaration, size_t act, bool after)
{
    world.fail_at = act;
    world.fail_after = after;
    return ran(declaration, D1T_ERR_TRANSPORT);
}

/* ---- what runs do */

static void test_a_run_makes_the_world_as_declared_and_the_next_one_does_nothing(void)
{
    static const char declaration[] = "a=M a/t=N a/t/r=1 a/t/q=2";

    lab_open();
    CHECK_STR(ok(declaration), "places(+a=M[]?) places(+a/t=N[]?) rows(+a/t/q=2[]? +a/t/r=1[]?)");
    CHECK_INT(lab.run.report.upserts, 4);
    CHECK_INT(lab.run.report.calls, 3);
    CHECK_STR(ok(declaration), "");
    CHECK_INT(lab.puts, 0);
    CHECK_INT(lab.run.report.declared, 4);
    CHECK_INT(lab.run.report.unchanged, 4);
    CHECK_STR(ok("a=M a/t=N a/t/r=3 a/t/s=4"), "rows(-a/t/q[2] +a/t/r=3[1] +a/t/s=4[]?)");
    CHECK_INT(lab.run.report.deletes, 1);
    CHECK_STR(ok(""), "rows(-a/t/r[3] -a/t/s[4]) places(-a/t[N]) places(-a[M])");
    CHECK_INT(lab.memory.count, 0);
    CHECK_STR(ok(""), "");
    lab_close();
}

static void test_the_order_of_declarations_does_not_matter(void)
{
    static const char expected[] = "places(+a=M[]? +b=M[]?) places(+a/t=N[]? +b/t=N[]?) rows(+a/t/r=1[]? +b/t/r=2[]?)";

    lab_open();
    CHECK_STR(ok("b/t/r=2 a/t/r=1 b/t=N b=M a/t=N a=M"), expected);
    CHECK_STR(ok("a=M a/t=N a/t/r=1 b=M b/t=N b/t/r=2"), "");
    CHECK_STR(ok("b/t/r=2 b/t=N b=M a/t/r=1 a/t=N a=M a=M b/t/r=2"), "");
    CHECK_INT(lab.run.report.declared, 6);
    lab_close();
}

static void test_leaf_actions_of_many_parents_travel_in_one_call(void)
{
    char declaration[2048] = "";
    int i;

    lab_open();
    for (i = 0; i < 20; i++)
        sprintf(declaration + strlen(declaration), "d%d=M d%d/t=N d%d/t/r=1 d%d/t/q=1 ", i, i, i, i);
    ok(declaration);
    CHECK_INT(world.calls, 3);
    CHECK_INT(lab.run.report.calls, 3);
    CHECK_INT(world.acts, 80);
    ok("");
    CHECK_INT(world.calls, 3);
    CHECK_INT(world.acts, 80);
    lab_close();
}

static void test_a_failed_creation_is_retried_as_one_upsert_that_may_find_nothing(void)
{
    lab_open();
    CHECK_STR(fails("a=M", 1, false), "places(+a=M[]?)");
    CHECK_STR(ok("a=M"), "places(+a=M[M]?)");
    CHECK_STR(ok("a=M"), "");
    lab_close();
}

static void test_a_failed_update_is_retried_from_both_states(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1");
    CHECK_STR(fails("a=M a/t=N a/t/r=2", 1, true), "rows(+a/t/r=2[1])");
    CHECK_STR(fails("a=M a/t=N a/t/r=2", 1, true), "rows(+a/t/r=2[1,2])");
    CHECK_STR(ok("a=M a/t=N a/t/r=2"), "rows(+a/t/r=2[1,2])");
    CHECK_STR(ok("a=M a/t=N a/t/r=2"), "");
    lab_close();
}

static void test_an_update_that_failed_is_undone_by_declaring_the_old_value(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1");
    fails("a=M a/t=N a/t/r=2", 1, true);
    CHECK_STR(ok("a=M a/t=N a/t/r=1"), "rows(+a/t/r=1[1,2])");
    CHECK_STR(world_find("a/t/r")->value, "1");
    lab_close();
}

static void test_a_first_write_that_failed_is_a_state_of_the_next_value(void)
{
    lab_open();
    ok("a=M a/t=N");
    fails("a=M a/t=N a/t/r=1", 1, true);
    CHECK_STR(ok("a=M a/t=N a/t/r=2"), "rows(+a/t/r=2[1]?)");
    lab_close();
}

static void test_a_failed_delete_is_retried_and_may_be_taken_back(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1 a/t/q=1");
    CHECK_STR(fails("a=M a/t=N", 2, true), "rows(-a/t/q[1] -a/t/r[1])");
    CHECK_STR(ok("a=M a/t=N a/t/r=1"), "rows(-a/t/q[1]? +a/t/r=1[1]?)");
    CHECK_STR(ok("a=M a/t=N a/t/r=1"), "");
    lab_close();
}

static void test_what_was_written_before_a_failure_is_deleted_when_nobody_declares_it(void)
{
    lab_open();
    ok("a=M a/t=N");
    CHECK_STR(fails("a=M a/t=N a/t/r=1", 1, true), "rows(+a/t/r=1[]?)");
    CHECK(world_find("a/t/r") != NULL);
    CHECK_STR(ok("a=M a/t=N"), "rows(-a/t/r[1]?)");
    CHECK(!world_find("a/t/r"));
    CHECK_STR(ok("a=M a/t=N"), "");
    lab_close();
}

static void test_a_parent_that_was_built_in_part_is_cleaned_up(void)
{
    lab_open();
    CHECK_STR(fails("a=M a/t=N a/t/r=1 a/t/q=1", 3, false),
              "places(+a=M[]?) places(+a/t=N[]?) rows(+a/t/q=1[]? +a/t/r=1[]?)");
    CHECK_STR(ok(""), "rows(-a/t/q[1]? -a/t/r[1]?) places(-a/t[N]?) places(-a[M]?)");
    CHECK_INT(world.count, 0);
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static void test_an_error_that_is_only_set_counts_too(void)
{
    lab_open();
    world.fail_at = 1;
    world.silent = true;
    ran("a=M", D1T_ERR_CONSTRAINT);
    world.silent = false;
    CHECK_STR(ok("a=M"), "places(+a=M[M]?)");
    lab_close();
}

static void test_children_are_skipped_upserted_or_created_anew_as_their_parent_changes(void)
{
    lab_open();
    ok("a=Mx1 a/t=Ny1 a/t/r=1");
    CHECK_STR(ok("a=Mx1 a/t=Ny1z1 a/t/r=1"), "places(+a/t=Ny1z1[Ny1])");            /* a column more */
    CHECK_STR(ok("a=Mx1 a/t=Ny2z1 a/t/r=1"), "places(+a/t=Ny2z1[Ny1z1]) rows(+a/t/r=1[1]?)");
    CHECK_STR(ok("a=Mx1 a/t=O a/t/r=1"), "places(+a/t=O[Ny2z1]) rows(+a/t/r=1[]?)");
    CHECK_STR(ok("a=Mx1 a/t=O a/t/r=1"), "");
    CHECK_STR(ok("a=Mx2 a/t=O a/t/r=1"), "places(+a=Mx2[Mx1]) places(+a/t=O[O]?) rows(+a/t/r=1[1]?)");
    CHECK_STR(ok("a=P a/t=O a/t/r=1"), "places(+a=P[Mx2]) places(+a/t=O[]?) rows(+a/t/r=1[]?)");
    CHECK_STR(ok("a=P a/t=O a/t/r=1"), "");
    lab_close();
}

static void test_children_of_a_replaced_parent_are_forgotten_if_nobody_declares_them(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1 a/t/q=2 a/u=N a/u/r=1");
    CHECK_STR(ok("a=M a/t=O a/t/r=1 a/u=N a/u/r=1"), "places(+a/t=O[N]) rows(+a/t/r=1[]?)");
    CHECK_INT(lab.run.report.forgotten, 1);
    CHECK_INT(lab.memory.count, 5);
    CHECK_STR(ok("a=O a/t=O a/t/r=1"), "places(+a=O[M]) places(+a/t=O[]?) rows(+a/t/r=1[]?)");
    CHECK_INT(lab.run.report.forgotten, 2);
    CHECK_INT(lab.memory.count, 3);
    lab_close();
}

static void test_a_lossy_change_that_failed_still_reaches_the_children(void)
{
    lab_open();
    ok("a=M a/t=Ny1 a/t/r=1");
    fails("a=M a/t=Ny2 a/t/r=1", 1, true);
    CHECK_STR(ok("a=M a/t=Ny1 a/t/r=1"), "places(+a/t=Ny1[Ny1,Ny2]) rows(+a/t/r=1[1]?)");
    fails("a=M a/t=Ny2 a/t/r=1", 2, false);
    CHECK_STR(ok("a=M a/t=Ny2 a/t/r=1"), "places(+a/t=Ny2[Ny1,Ny2]) rows(+a/t/r=1[1]?)");
    lab_close();
}

static void test_a_parent_that_goes_may_take_its_children_with_it(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1 b=M b/t=N");
    world.takes_children = true;
    CHECK_STR(ok("b=M b/t=N"), "places(-a[M])");
    CHECK_INT(lab.run.report.forgotten, 2);
    CHECK_INT(lab.memory.count, 2);
    CHECK_INT(world.count, 2);
    fails("", 1, true);
    CHECK_INT(lab.memory.count, 2);
    CHECK_STR(ok("b=M b/t=N"), "places(+b=M[M]?) places(+b/t=N[N]?)");      /* it may have been gone */
    CHECK_INT(world.count, 2);
    lab_close();
}

/* ---- attachments */

static void test_a_command_is_set_up_after_its_parent_and_torn_down_before_it(void)
{
    lab_open();
    CHECK_STR(ok("a=M a@v=s1:xs1"), "places(+a=M[]?) commands(+a@v[]?{s1})");
    CHECK_STR(ok("a=M a@v=s1:xs1"), "");
    CHECK_STR(ok("a=M a@v=s2:xs2"), "commands(+a@v[s1]{xs1;s2})");
    CHECK(!world_find("!a:s1") && world_find("!a:s2"));
    CHECK_STR(ok("a=Mx1"), "commands(-a@v[s2]{xs2}) places(+a=Mx1[M])");
    CHECK(!world_find("!a:s2"));
    CHECK_STR(ok("a=M a@v=s1:xs1 a/t=N a/t@w=s3:xs3 a/t/r=1"),
              "places(+a=M[Mx1]) commands(+a@v[]?{s1}) places(+a/t=N[]?) commands(+a/t@w[]?{s3}) rows(+a/t/r=1[]?)");
    CHECK_STR(ok(""), "commands(-a/t@w[s3]{xs3}) rows(-a/t/r[1]) commands(-a@v[s1]{xs1}) places(-a/t[N]) "
                      "places(-a[M])");
    CHECK_INT(world.count, 0);
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static void test_a_command_without_teardown_leaves_its_object(void)
{
    lab_open();
    ok("a=M a@v=s1");
    CHECK_STR(ok("a=M"), "");
    CHECK(world_find("!a:s1") != NULL);
    CHECK_INT(lab.memory.count, 1);
    lab_close();
}

static void test_a_command_whose_setup_failed_is_torn_down_first(void)
{
    lab_open();
    ok("a=M a@v=s1:xs1");
    CHECK_STR(fails("a=M a@v=s2:xs2", 1, true), "commands(+a@v[s1]{xs1;s2})");
    CHECK_STR(ok("a=M a@v=s3:xs3"), "commands(+a@v[s1,s2]{xs1;xs2;s3})");
    fails("a=M a@v=s4:xs4", 1, true);
    CHECK_STR(ok("a=M"), "commands(-a@v[s3,s4]{xs3;xs4})");
    lab_close();
}

static void test_commands_of_a_replaced_parent_are_run_again_with_their_old_teardown(void)
{
    lab_open();
    ok("a=M a@v=s1:xs1 a@w=s2:xs2");
    CHECK_STR(ok("a=N a@v=s3:xs3"), "commands(-a@w[s2]?{xs2}) places(+a=N[M]) commands(+a@v[s1]?{xs1;s3})");
    CHECK_STR(ok("a=Nx1 a@v=s3:xs3"), "places(+a=Nx1[N])");
    CHECK_STR(ok("a=Nx2 a@v=s3:xs3"), "places(+a=Nx2[Nx1]) commands(+a@v[s3]?{xs3;s3})");
    lab_close();
}

static void test_attachments_and_children_of_one_name_are_different_items(void)
{
    lab_open();
    ok("a=M a/v=N a@v=s1:xs1");
    CHECK_INT(lab.memory.count, 3);
    CHECK_STR(ok("a=M a/v=N"), "commands(-a@v[s1]{xs1})");
    lab_close();
}

/* ---- preview, full, forget, ownership */

static char foretold[1024];

static void foretell(void *ctx, const d1t_act *act)
{
    CHECK(ctx == &lab);
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_ERR_BUSY);
    log_act(act);
    strcpy(foretold, world.log);
}

static void test_a_preview_tells_what_a_commit_does_and_does_nothing(void)
{
    static const d1t_str path[] = {{"sys", 3}, {"b", 1}};

    lab_open();
    ok("a=M a/t=N a/t/r=1");
    begin();
    declare("b=M");
    CHECK_INT(d1t_connect_preview(&lab.run, foretell, &lab), D1T_OK);
    CHECK_STR(foretold, "-a/t/r[1]-a/t[N]-a[M]+b=M[]?");
    CHECK_INT(world.calls, 0);
    CHECK_INT(lab.puts, 0);
    CHECK_INT(d1t_connect_declare(&lab.run, path, 2, path[0]), D1T_ERR_STATE);
    d1t_connect_abort(&lab.run);
    CHECK_STR(ok("a=M a/t=N a/t/r=1"), "");
    begin();
    declare("b=M");
    CHECK_INT(d1t_connect_preview(&lab.run, foretell, &lab), D1T_OK);
    world.log[0] = 0;
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
    CHECK_STR(world.log, "rows(-a/t/r[1]) places(-a/t[N]) places(-a[M] +b=M[]?)");
    lab_close();
}

static void test_a_full_run_trusts_nothing(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1 a@v=s1:xs1");
    lab.full = true;
    CHECK_STR(ok("a=M a/t=N a/t/r=1 a@v=s1:xs1"),
              "places(+a=M[M]?) commands(+a@v[s1]?{xs1;s1}) places(+a/t=N[N]?) rows(+a/t/r=1[1]?)");
    lab.full = false;
    CHECK_STR(ok("a=M a/t=N a/t/r=1 a@v=s1:xs1"), "");
    lab_close();
}

static void test_what_is_forgotten_stays_and_is_new_when_it_is_declared_again(void)
{
    d1t_str path[8];

    lab_open();
    ok("a=M a/t=N a/t/r=1 a/t@v=s1:xs1 a/u=N b=M");
    begin();
    CHECK_INT(d1t_connect_forget(&lab.run, path, path_of(d1t_cstr("a/t"), path)), D1T_OK);
    CHECK_INT(lab.memory.count, 3);
    declare("a=M a/u=N b=M");
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
    CHECK_INT(world.calls, 0);
    CHECK(world_find("a/t/r") != NULL);
    world.strict = false;
    CHECK_STR(ok("a=M a/t=N a/u=N b=M"), "places(+a/t=N[]?)");
    begin();
    CHECK_INT(d1t_connect_forget(&lab.run, path, 1), D1T_OK);
    d1t_connect_abort(&lab.run);
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static void test_an_item_that_moves_to_another_part_of_the_program_is_not_deleted(void)
{
    lab_open();
    ok("a=M a/t=N a/t/r=1 b=M b/t=N");          /* declared by one part */
    CHECK_STR(ok("b=M b/t=N a/t/r=1 a/t=N a=M"), "");       /* by another, later */
    CHECK_STR(ok("a=M a/t=N a/t/r=1 a=M a/t=N a/t/r=1 b=M b/t=N"), "");     /* by both */
    lab_close();
}

/* Rows of a table that may be the user's: its handler is d1t_table_reconcile. */
static const d1t_handler user_tables = {&is_table, NULL, d1t_table_reconcile, apply_nothing, children, NULL};

static const char *ran_table(const d1t_table *table, const char *row)
{
    static char json[4096];
    d1t_str path[] = {{"sys", 3}, {"t", 1}, {"r", 1}};

    begin();
    if (table)
        d1t_connect_declare(&lab.run, path, 2, table_json(table, json, sizeof json));
    if (row)
        d1t_connect_declare(&lab.run, path, 3, d1t_cstr(row));
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
    return world.log;
}

static void test_the_rows_of_a_table_of_the_users_come_and_go_and_the_table_stays(void)
{
    lab_open();
    world.strict = false;
    lab.list[0].handler = &user_tables;
    CHECK_STR(ran_table(&table_users, "1"), "rows(+t/r=1[]?)");
    CHECK_INT(lab.run.report.upserts, 1);
    CHECK_STR(ran_table(&table_users, "1"), "");
    CHECK_INT(lab.puts, 0);
    CHECK_STR(ran_table(&table_a, "1"), "");        /* adopted */
    CHECK_INT(lab.run.report.upserts, 0);
    CHECK_STR(ran_table(&table_c, "1"), "rows(+t/r=1[1]?)");        /* now it is altered */
    CHECK_STR(ran_table(&table_users, "1"), "");
    CHECK_INT(lab.run.report.upserts, 0);
    CHECK_STR(ran_table(NULL, NULL), "rows(-t/r[1])");
    CHECK_INT(lab.run.report.deletes, 1);
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

/* ---- parents that are not tracked */

static d1t_result leave(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out, d1t_error *error)
{
    (void)self, (void)item, (void)arena, (void)out, (void)error;
    return D1T_OK;
}

static const d1t_handler folders = {&is_table, NULL, leave, apply_nothing, children, attachment};

static void test_children_of_a_parent_that_is_never_tracked_are_tracked(void)
{
    lab_open();
    world.strict = false;
    lab.list[0].handler = &folders;
    CHECK_STR(ok("f=x f/r=1 f@v=s1:xs1"), "commands(+f@v[]?{s1}) rows(+f/r=1[]?)");
    CHECK_INT(lab.memory.count, 2);
    CHECK_STR(ok("f=x f/r=1 f@v=s1:xs1"), "");
    CHECK_STR(ok(""), "commands(-f@v[s1]{xs1}) rows(-f/r[1])");
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static int missing_rows;

/* Tracks the value at once, applies nothing, and leaves it from then on. Value "spoil": children may be missing, and it
   is tracked no more. */
static d1t_result keep(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out, d1t_error *error)
{
    (void)self, (void)arena, (void)error;
    missing_rows += item->missing && d1t_str_equal(item->key, d1t_cstr("r"));
    if (item->desired.p && item->desired.n == 5 && item->prev_count) {
        out->action = D1T_ITEM_TRACK;
        out->child = D1T_EFFECT_LOSSY;
    } else if (item->desired.p && item->desired.n < 5 && !item->prev_count) {
        out->action = D1T_ITEM_TRACK;
        out->record = item->desired;
    }
    return D1T_OK;
}

static d1t_result nest(void *self, const d1t_item *item, d1t_arena *arena, const d1t_handler **out)
{
    (void)item, (void)arena;
    *out = (const d1t_handler *)self;
    return D1T_OK;
}

static void test_what_is_below_goes_first_also_through_a_parent_in_between_that_is_not_tracked(void)
{
    d1t_handler top = databases, middle = folders;

    lab_open();
    world.strict = false;
    top.child = nest;
    top.self = &middle;
    lab.list[0].handler = &top;
    CHECK_STR(ok("a=M a/f=x a/f/r=1"), "places(+a=M[]?) rows(+a/f/r=1[]?)");
    CHECK_INT(lab.memory.count, 2);
    CHECK_STR(ok(""), "rows(-a/f/r[1]) places(-a[M])");
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static void test_what_its_handler_leaves_is_forgotten_when_its_parent_goes(void)
{
    d1t_handler top = databases, middle = folders, leaf = rows;

    lab_open();
    leaf.reconcile = keep;
    middle.child = nest;
    middle.self = &leaf;
    top.child = nest;
    top.self = &middle;
    lab.list[0].handler = &top;
    CHECK_STR(ok("a=M a/f=x a/f/r=1"), "places(+a=M[]?)");
    CHECK_INT(lab.memory.count, 2);
    CHECK_STR(ok("a=M a/f=x"), "");
    CHECK_INT(lab.memory.count, 2);
    CHECK_STR(ok(""), "places(-a[M])");
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static void test_children_are_told_once_that_they_may_be_missing(void)
{
    static const struct {
        const char *declaration;
        int missing;
    } runs[] = {{"a=1 a/r=1", 1}, {"a=1 a/r=1", 0}, {"a=spoil a/r=1", 1}, {"a=spoil a/r=1", 0}, {"a=2 a/r=1", 0},
                {"a=2 a/r=1", 0}};
    d1t_handler top = databases, leaf = rows;
    size_t i;

    lab_open();
    top.reconcile = leaf.reconcile = keep;
    top.child = nest;
    top.self = &leaf;
    lab.list[0].handler = &top;
    for (i = 0; i < COUNT(runs); i++) {
        missing_rows = 0;
        CHECK_STR(ok(runs[i].declaration), "");
        CHECK_INT(missing_rows, runs[i].missing);
    }
    lab_close();
}

static void test_handlers_with_one_sink_share_its_calls(void)
{
    d1t_handler one = rows, two = rows;
    d1t_str path[] = {{"sys", 3}, {"r", 1}};

    lab_open();
    world.strict = false;
    two.reconcile = d1t_fingerprint_reconcile;
    lab.list[0].handler = &one;
    CHECK_INT(d1t_roots_add(&lab.roots, "two", &two), D1T_OK);
    begin();
    CHECK_INT(d1t_connect_declare(&lab.run, path, 2, path[0]), D1T_OK);
    path[0] = d1t_cstr("two");
    CHECK_INT(d1t_connect_declare(&lab.run, path, 2, path[0]), D1T_OK);
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
    CHECK_INT(world.calls, 1);
    CHECK_INT(world.acts, 2);
    two.sink = &world;
    begin();
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
    CHECK_INT(world.calls, 2);
    lab_close();
}

/* ---- bytes and errors */

static size_t odd_acts;

static d1t_result apply_odd(void *sink, const d1t_act *acts, size_t count, d1t_error *error)
{
    const d1t_str *expected = (const d1t_str *)sink;
    size_t i;

    (void)error;
    for (i = 0; i < count; i++) {
        CHECK_INT(acts[i].depth, 2);
        CHECK(d1t_str_equal(acts[i].path[0], d1t_bytes("r\0x", 3)) || d1t_str_equal(acts[i].path[0], d1t_cstr("r")));
        CHECK(d1t_str_equal(acts[i].path[1], expected[odd_acts]));
        CHECK(d1t_str_equal(acts[i].item.key, expected[odd_acts]));
        odd_acts++;
    }
    return D1T_OK;
}

static void test_keys_and_values_are_any_bytes(void)
{
    static d1t_str keys[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"\0\1", 2}, {"\0\xFF", 2}, {"\1", 1}, {"\2", 1},
                             {"a", 1}, {"a\0", 2}, {"a\0\0b", 4}, {"a\0b", 3}, {"a\1", 2}, {"a\2b", 3}, {"ab", 2},
                             {"\xFF", 1}, {"\xFF\xFF", 2}};
    static const d1t_handler odd = {NULL, keys, NULL, apply_odd, NULL, NULL};
    d1t_str path[2], key = none, value;
    size_t i, round;

    lab_open();
    CHECK_INT(lab.roots.count, 1);
    lab.list[0].name = "r";
    lab.list[0].handler = &odd;
    for (round = 0; round < 3; round++) {
        begin();
        for (i = round < 2 ? COUNT(keys) : 0; i-- > 0;) {
            path[0] = d1t_cstr("r");
            path[1] = keys[i];
            CHECK_INT(d1t_connect_declare(&lab.run, path, 2, keys[i]), D1T_OK);
        }
        odd_acts = 0;
        CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
        CHECK_INT(odd_acts, round == 1 ? 0 : COUNT(keys));
        CHECK_INT(lab.memory.count, round == 2 ? 0 : COUNT(keys));
    }
    CHECK(!next_key(&lab.inner, key, &value).p);
    lab_close();
}

static void check_says(d1t_result code, const char *what)
{
    CHECK_INT(lab.run.error.code, code);
    if (!strstr(lab.run.error.text, what))
        CHECK_STR(lab.run.error.text, what);
}

static void test_wrong_declarations_are_refused_by_name(void)
{
    d1t_str path[] = {{"sys", 3}, {"a", 1}, {NULL, 0}}, other[] = {{"other", 5}, {"a", 1}};

    lab_open();
    begin();
    CHECK_INT(d1t_connect_declare(&lab.run, path, 1, path[0]), D1T_ERR_ARG);
    check_says(D1T_ERR_ARG, "at least one key");
    CHECK_INT(d1t_connect_declare(&lab.run, path, 2, path[0]), D1T_ERR_ARG);       /* the first error stays */
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_ERR_ARG);
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_ERR_ARG);
    begin();
    CHECK_INT(d1t_connect_declare(&lab.run, path, 3, path[0]), D1T_ERR_ARG);
    check_says(D1T_ERR_ARG, "a key of a path is NULL");
    d1t_connect_abort(&lab.run);
    begin();
    CHECK_INT(d1t_connect_declare(&lab.run, path, 2, none), D1T_ERR_ARG);
    check_says(D1T_ERR_ARG, "what is to go is not declared");
    d1t_connect_abort(&lab.run);
    begin();
    CHECK_INT(d1t_connect_attach(&lab.run, path, 2, none, path[1], path[0]), D1T_ERR_ARG);
    check_says(D1T_ERR_ARG, "type and a name");
    d1t_connect_abort(&lab.run);
    begin();
    CHECK_INT(d1t_connect_declare(&lab.run, other, 2, path[0]), D1T_ERR_NAME);
    check_says(D1T_ERR_NAME, "desc.roots");
    d1t_connect_abort(&lab.run);
    ran("a=M b=M a=N", D1T_ERR_VALUE);
    check_says(D1T_ERR_VALUE, "root sys, level 1: it is declared twice");
    CHECK_INT(lab.run.error.row, 3);
    ran("a=M b/t=N", D1T_ERR_STATE);
    check_says(D1T_ERR_STATE, "the item above it is not declared");
    CHECK_INT(lab.run.error.row, 2);
    ran("a/t/r=1", D1T_ERR_STATE);
    check_says(D1T_ERR_STATE, "the item above it is not declared");
    ran("a=M a/t=N a/t/r=1 a/t/r/x=1", D1T_ERR_STATE);
    check_says(D1T_ERR_STATE, "takes no children");
    ran("a=M a/t=N a/t/r=1 a/t/r@v=s1:xs1", D1T_ERR_NAME);
    check_says(D1T_ERR_NAME, "no such type of attachment");
    CHECK_INT(lab.memory.count, 0);
    CHECK_INT(world.count, 0);
    ok("a=M a/t=N");
    ran("a/t=N", D1T_ERR_STATE);        /* it is tracked, and that is not enough */
    check_says(D1T_ERR_STATE, "the item above it is not declared");
    lab_close();
}

static void test_a_run_that_is_not_open_takes_nothing(void)
{
    d1t_str path[] = {{"sys", 3}, {"a", 1}};
    d1t_connect_desc desc;
    d1t_connect run;

    lab_open();
    memset(&run, 0, sizeof run);
    CHECK_INT(d1t_connect_declare(&run, path, 2, path[0]), D1T_ERR_STATE);
    CHECK_INT(d1t_connect_commit(&run), D1T_ERR_STATE);
    d1t_connect_abort(&run);
    CHECK_INT(d1t_connect_commit(NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_connect_begin(&run, NULL), D1T_ERR_ARG);
    memset(&desc, 0, sizeof desc);
    CHECK_INT(d1t_connect_begin(&run, &desc), D1T_ERR_ARG);
    CHECK(strstr(run.error.text, "desc.store"));
    CHECK_INT(d1t_connect_commit(&run), D1T_ERR_ARG);
    ok("a=M");
    CHECK_INT(d1t_connect_declare(&lab.run, path, 2, path[0]), D1T_ERR_STATE);
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_ERR_STATE);
    lab_close();
}

static void test_what_is_tracked_without_a_handler_is_an_error_with_its_cure(void)
{
    d1t_str path[] = {{"sys", 3}};

    lab_open();
    ok("a=M a@v=s1:xs1 a/t=N");
    lab.roots.count = 0;
    ran("", D1T_ERR_NAME);
    check_says(D1T_ERR_NAME, "root sys, level 0: it is tracked, and not in desc.roots");
    lab.roots.count = 1;
    lab.list[0].handler = &rows;
    ran("", D1T_ERR_NAME);
    check_says(D1T_ERR_NAME, "d1t_connect_forget");
    begin();
    CHECK_INT(d1t_connect_forget(&lab.run, path, 1), D1T_OK);
    CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
    CHECK_INT(lab.memory.count, 0);
    lab_close();
}

static void test_a_store_with_other_bytes_is_an_error(void)
{
    static const d1t_str values[] = {{"", 0}, {"\2\0\0\0\0", 5}, {"\1\0\0\0\1", 5}, {"\1\0\0\0\1\5ab", 8},
                                     {"\1\0\0\0\0x", 6}, {"\1\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1", 14},
                                     {"\1\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0\0", 16},
                                     {"\1\0\0\0", 4}};
    static const d1t_str keys[] = {{"", 0}, {"a", 1}, {"\2a", 2}, {"\2a\0\0", 4}, {"\2sys\0\0\2a", 8},
                                   {"\2sys\0\0\2a\0\1\0\0", 12}, {"\2sys\0\0\3a\0\0", 10}, {"\1a\0\0b\0\0", 7},
                                   {"\2sys\0\0\1a\0\0", 10}};
    d1t_str item = {"\2sys\0\0\2a\0\0", 10}, good = {"\1\0\0\0\1\1M", 7};
    size_t i;

    for (i = 0; i < COUNT(values) + COUNT(keys); i++) {
        lab_open();
        if (i < COUNT(values))
            lab.inner.put(lab.inner.ctx, item, values[i]);
        else
            lab.inner.put(lab.inner.ctx, keys[i - COUNT(values)], good);
        lab.inner.commit(lab.inner.ctx);
        ran("b=M", D1T_ERR_STATE);
        CHECK_INT(lab.memory.count, 1);
        lab_close();
    }
    lab_open();
    lab.inner.put(lab.inner.ctx, item, good);
    lab.inner.commit(lab.inner.ctx);
    world_set("a", "M");
    CHECK_STR(ok("a=N"), "places(+a=N[M])");
    lab_close();
}

static d1t_result careless(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out, d1t_error *error)
{
    (void)self, (void)arena, (void)error;
    out->action = D1T_ITEM_UPSERT;
    out->record = item->desired.n > 1 ? none : d1t_cstr("x");
    return item->desired.n > 2 ? D1T_FULL : D1T_OK;
}

static void test_a_handler_may_not_decide_everything(void)
{
    static const d1t_handler careless_rows = {NULL, NULL, careless, apply_nothing, NULL, NULL};

    lab_open();
    lab.list[0].handler = &careless_rows;
    ran("a=22", D1T_ERR_STATE);
    check_says(D1T_ERR_STATE, "without record");
    ran("a=333", D1T_ERR_STATE);
    check_says(D1T_ERR_STATE, "the batch is full");
    ok("a=1");
    ran("", D1T_ERR_STATE);
    check_says(D1T_ERR_STATE, "upserts what is not declared");
    lab_close();
}

static void test_every_failure_of_the_store_is_the_runs_error_and_the_next_run_ends_right(void)
{
    static const char declaration[] = "a=N a/t=N a/t/r=2 a@v=s2:xs2";
    size_t n, done;

    for (done = 0; done < 2; done++)
        for (n = 1;; n++) {
            bool failed;

            lab_open();
            ok("a=M a/t=N a/t/r=1 a/t/q=1 a@v=s1:xs1");
            lab.store_fail_at = n;
            lab.store_done = done != 0;
            begin();
            declare(declaration);
            failed = d1t_connect_commit(&lab.run) != D1T_OK;
            if (failed)
                check_says(D1T_ERR_TIMEOUT, "the store: ");
            lab.store_fail_at = 0;
            ok(declaration);
            CHECK_INT(world.count, 4);
            CHECK_STR(world_find("a")->value, "N");
            CHECK_STR(world_find("a/t/r")->value, "2");
            CHECK(world_find("!a:s2") && !world_find("a/t/q"));
            CHECK_STR(ok(declaration), "");
            lab_close();
            if (!failed)
                break;
        }
    CHECK(n > 10);
}

static void test_every_allocation_that_fails_is_an_error_and_the_next_run_ends_right(void)
{
    static const char declaration[] = "a=N a/t=N a/t/r=2 a@v=s2:xs2 b=M b/t=N b/t/r=1";
    size_t n, for_ever;

    for (for_ever = 0; for_ever < 2; for_ever++)
        for (n = 1;; n++) {
            bool failed;

            lab_open();
            ok("a=M a/t=N a/t/r=1 a/t/q=1 a@v=s1:xs1");
            begin();
            lab.counted.fail_at = lab.counted.calls + n;
            lab.counted.for_ever = for_ever != 0;
            declare(declaration);
            failed = d1t_connect_commit(&lab.run) != D1T_OK;
            lab.counted.fail_at = 0;
            if (failed)
                CHECK_INT(lab.run.error.code, D1T_ERR_NOMEM);
            CHECK_INT(lab.run.arena.total, 0);
            CHECK(!lab.run.bytes.p);
            ok(declaration);
            CHECK_INT(world.count, 7);
            CHECK_STR(world_find("a")->value, "N");
            CHECK_STR(world_find("a/t/r")->value, "2");
            CHECK_STR(ok(declaration), "");
            lab_close();
            if (!failed)
                break;
        }
    CHECK(n > 8);
}

/* A table, a fingerprinted row with a NUL in its key, an attached command; forgetting, and looking first. */
static d1t_result a_run_of_everything(const d1t_table *table, d1t_str row, const char *command)
{
    static char json[4096];
    static d1t_str path[] = {{"sys", 3}, {"t\0", 2}, {"r\0r", 3}}, gone[] = {{"sys", 3}, {"u\0", 2}, {"r", 1}};
    d1t_arena arena;
    d1t_result result = begin();

    memset(&arena, 0, sizeof arena);
    d1t_connect_forget(&lab.run, gone, 2);
    d1t_connect_declare(&lab.run, path, 3, row);
    d1t_connect_attach(&lab.run, path, 2, d1t_bytes("c\0", 2), d1t_bytes("v\0v", 3),
                       command_of(&arena, d1t_cstr(command)));
    d1t_connect_declare(&lab.run, path, 2, table_json(table, json, sizeof json));
    d1t_connect_declare(&lab.run, gone, 2, table_json(&table_a, json, sizeof json));
    d1t_connect_declare(&lab.run, gone, 3, row);
    d1t_connect_preview(&lab.run, foretell, &lab);
    result = d1t_connect_commit(&lab.run);
    d1t_arena_free(&arena);
    return result;
}

static void test_allocations_of_every_kind_of_handler_may_fail_too(void)
{
    d1t_handler table = user_tables, row = rows;
    size_t n, for_ever;

    row.reconcile = d1t_fingerprint_reconcile;
    row.apply = apply_nothing;
    table.self = &row;
    table.child = nest;
    table.attachment = attachment;
    for (for_ever = 0; for_ever < 2; for_ever++)
        for (n = 1;; n++) {
            bool failed;

            lab_open();
            world.strict = false;
            lab.list[0].handler = &table;
            CHECK_INT(a_run_of_everything(&table_a, d1t_cstr("1"), "s1:xs1"), D1T_OK);
            lab.counted.fail_at = lab.counted.calls + n;
            lab.counted.for_ever = for_ever != 0;
            failed = a_run_of_everything(&table_long, d1t_cstr("1"), "s1:xs2") != D1T_OK;
            if (failed)
                CHECK_INT(lab.run.error.code, D1T_ERR_NOMEM);
            CHECK_INT(lab.run.arena.total, 0);
            CHECK(!lab.run.bytes.p);
            lab.counted.fail_at = 0;
            CHECK_INT(a_run_of_everything(&table_long, d1t_cstr("1"), "s1:xs2"), D1T_OK);
            CHECK_INT(lab.run.report.upserts + lab.run.report.deletes, 2);      /* what was forgotten */
            CHECK_INT(a_run_of_everything(&table_d, d1t_cstr("2"), "s2"), D1T_OK);
            CHECK_INT(lab.run.report.upserts, 4);      /* the table is adopted */
            lab_close();
            if (!failed)
                break;
        }
    CHECK(n > 20);
}

static void test_a_run_within_its_cap_ends_and_one_above_it_is_an_error(void)
{
    d1t_connect_desc desc;
    d1t_str path[] = {{"sys", 3}, {NULL, 0}};
    d1t_connect run;
    char key[16];
    int i;

    lab_open();
    memset(&desc, 0, sizeof desc);
    desc.store = &lab.store;
    desc.roots = &lab.roots;
    desc.allocator = checked_allocator(&lab.counted);
    desc.max_memory = 65536;
    CHECK_INT(d1t_connect_begin(&run, &desc), D1T_OK);
    for (i = 0; i < 10000 && run.error.code == D1T_OK; i++) {
        sprintf(key, "k%d", i);
        path[1] = d1t_cstr(key);
        d1t_connect_declare(&run, path, 2, d1t_cstr("M"));
    }
    CHECK(i > 50 && i < 10000);
    CHECK_INT(d1t_connect_commit(&run), D1T_ERR_NOMEM);
    lab_close();
}

/* ---- many items, and deep ones */

static void test_ten_thousand_items_in_any_order(void)
{
    d1t_str path[] = {{"sys", 3}, {"a", 1}, {"t", 1}, {NULL, 0}};
    static const d1t_handler silent_rows = {NULL, NULL, d1t_fingerprint_reconcile, apply_nothing, NULL, NULL};
    char key[16];
    size_t i, round;

    lab_open();
    lab.list[0].handler = &silent_rows;
    for (round = 0; round < 3; round++) {
        begin();
        for (i = 0; i < 10000; i++) {
            sprintf(key, "%05u", (unsigned)(i * 7919 % 10007));
            path[1] = d1t_cstr(key);
            d1t_connect_declare(&lab.run, path, 2, d1t_cstr(i == 5 && round == 2 ? "new" : "value"));
        }
        CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
        CHECK_INT(lab.run.report.upserts, round == 0 ? 10000 : round == 2);
        CHECK_INT(lab.run.report.deletes, 0);
        CHECK_INT(lab.memory.count, 10000);
    }
    lab_close();
}

static void test_a_tree_may_be_deep(void)
{
    static d1t_handler deep;
    static d1t_str path[1001];
    size_t i, round;

    lab_open();
    deep.self = &deep;
    deep.apply = apply_nothing;
    deep.child = nest;
    lab.list[0].handler = &deep;
    for (i = 0; i < COUNT(path); i++)
        path[i] = d1t_cstr(i ? "k" : "sys");
    for (round = 0; round < 2; round++) {
        begin();
        for (i = 2; i <= COUNT(path) && round == 0; i++)
            d1t_connect_declare(&lab.run, path, i, d1t_cstr("v"));
        CHECK_INT(d1t_connect_commit(&lab.run), D1T_OK);
        CHECK_INT(lab.run.report.calls, 1000);
        CHECK_INT(lab.memory.count, round ? 0 : 1000);
    }
    lab_close();
}

/* ---- histories of failures: whatever happened, a run that ends leaves the world as declared */

/* A random declaration over a small tree, into text. */
static void invent(char *text)
{
    static const char *const mains[] = {"M", "N", "Mx1", "Mx2", "Nx1", "Mx1y1"};
    static const char *const dbs[] = {"a", "b"}, *const nested[] = {"t", "u"}, *const leaves[] = {"q", "r", "s"};
    size_t i, k, r;
    int v;

    *text = 0;
    for (i = 0; i < 2; i++) {
        if (random_below(4) == 0)
            continue;
        text += sprintf(text, "%s=%s ", dbs[i], mains[random_below(2) ? 0 : random_below(COUNT(mains))]);
        v = (int)random_below(6);
        if (v < 3)
            text += sprintf(text, "%s@v=s%d:xs%d ", dbs[i], v, v);
        for (k = 0; k < 2; k++) {
            if (random_below(3) == 0)
                continue;
            text += sprintf(text, "%s/%s=%s ", dbs[i], nested[k], mains[random_below(COUNT(mains))]);
            v = (int)random_below(9);
            if (v < 3)
                text += sprintf(text, "%s/%s@v=s%d:xs%d ", dbs[i], nested[k], v, v);
            for (r = 0; r < 3; r++)
                if (random_below(2))
                    text += sprintf(text, "%s/%s/%s=%d ", dbs[i], nested[k], leaves[r], (int)random_below(3));
        }
    }
}

/* Is everything there that is declared, and nothing else? */
static bool world_is(const char *declaration)
{
    size_t count = 0;
    d1t_str word, value;

    for (; *declaration; declaration += strspn(declaration, " "), count++) {
        char path[64];
        const entry *e;
        size_t n = cut(declaration, "=", &word);

        declaration += n + 1;
        declaration += cut(declaration, " ", &value);
        if (memchr(word.p, '@', word.n)) {      /* "a@v=s1:xs1" made "!a:s1" */
            snprintf(path, sizeof path, "!%.*s:%.*s", (int)n - 2, word.p, 2, value.p);
            value = d1t_cstr("1");
        } else {
            snprintf(path, sizeof path, "%.*s", (int)n, word.p);
        }
        e = world_find(path);
        if (!e || !d1t_str_equal(d1t_cstr(e->value), value))
            return false;
    }
    return count == world.count;
}

static void break_something(void)
{
    size_t what = random_below(4);

    world.fail_at = what < 2 ? 1 + random_below(12) : 0;
    world.fail_after = random_below(2) != 0;
    world.silent = random_below(4) == 0;
    lab.store_fail_at = what == 2 ? 1 + random_below(30) : 0;
    lab.store_done = random_below(2) != 0;
    lab.counted.fail_at = what == 3 ? lab.counted.calls + 1 + random_below(20) : 0;
    lab.counted.for_ever = random_below(2) != 0;
    lab.full = random_below(16) == 0;
}

static void repair(void)
{
    world.fail_at = lab.store_fail_at = lab.counted.fail_at = 0;
    lab.full = world.silent = false;
}

static void test_any_history_of_failures_ends_as_declared(void)
{
    static char declaration[2048];
    int seed, round, rounds, failed = 0, before = test_checks_failed;

    for (seed = 1; seed <= 4000 && test_checks_failed == before; seed++) {
        random_state = (uint64_t)seed * 0x9e3779b97f4a7c15u;
        lab_open();
        world.takes_children = random_below(2) != 0;
        invent(declaration);
        rounds = 1 + (int)random_below(8);
        for (round = 0; round < rounds; round++) {
            d1t_result result;

            if (random_below(3))
                invent(declaration);
            if (random_below(4))
                break_something();
            begin();
            declare(declaration);
            if (random_below(8) == 0)
                d1t_connect_abort(&lab.run);
            result = d1t_connect_commit(&lab.run);
            repair();
            failed += result != D1T_OK;
            if (result == D1T_OK)
                CHECK(world_is(declaration));
        }
        ok(declaration);
        CHECK(world_is(declaration));
        CHECK_STR(ok(declaration), "");
        CHECK_INT(lab.puts, 0);
        ok("");
        CHECK_INT(world.count, 0);
        CHECK_INT(lab.memory.count, 0);
        if (test_checks_failed != before)
            printf("seed %d: %s\n", seed, declaration);
        lab_close();
    }
    CHECK(failed > 4000);
}

int main(void)
{
    RUN(test_a_record_differs_as_the_table_of_the_contract_says);
    RUN(test_a_record_in_parts_differs_part_by_part);
    RUN(test_what_an_action_does_to_children);
    RUN(test_tables_are_compared_as_records_with_columns_as_parts);
    RUN(test_a_tracked_table_that_cannot_be_read_is_an_error);
    RUN(test_who_owns_an_item_decides_who_sets_it_up);
    RUN(test_a_row_is_written_unless_it_is_surely_there_and_deleted_unless_it_surely_is_not);
    RUN(test_a_fingerprint_stands_for_its_value_under_its_key);
    RUN(test_a_command_is_torn_down_as_it_was_set_up);
    RUN(test_records_without_memory_are_errors);
    RUN(test_bytes_that_are_no_command_are_refused_or_passed_over);
    RUN(test_roots_have_names_of_their_own);
    RUN(test_a_store_keeps_bytes_in_the_order_of_memcmp);
    RUN(test_a_store_changes_only_by_a_commit);
    RUN(test_a_store_ends_as_a_plain_list_would_after_any_calls);
    RUN(test_a_run_makes_the_world_as_declared_and_the_next_one_does_nothing);
    RUN(test_the_order_of_declarations_does_not_matter);
    RUN(test_leaf_actions_of_many_parents_travel_in_one_call);
    RUN(test_a_failed_creation_is_retried_as_one_upsert_that_may_find_nothing);
    RUN(test_a_failed_update_is_retried_from_both_states);
    RUN(test_an_update_that_failed_is_undone_by_declaring_the_old_value);
    RUN(test_a_first_write_that_failed_is_a_state_of_the_next_value);
    RUN(test_a_failed_delete_is_retried_and_may_be_taken_back);
    RUN(test_what_was_written_before_a_failure_is_deleted_when_nobody_declares_it);
    RUN(test_a_parent_that_was_built_in_part_is_cleaned_up);
    RUN(test_an_error_that_is_only_set_counts_too);
    RUN(test_children_are_skipped_upserted_or_created_anew_as_their_parent_changes);
    RUN(test_children_of_a_replaced_parent_are_forgotten_if_nobody_declares_them);
    RUN(test_a_lossy_change_that_failed_still_reaches_the_children);
    RUN(test_a_parent_that_goes_may_take_its_children_with_it);
    RUN(test_a_command_is_set_up_after_its_parent_and_torn_down_before_it);
    RUN(test_a_command_without_teardown_leaves_its_object);
    RUN(test_a_command_whose_setup_failed_is_torn_down_first);
    RUN(test_commands_of_a_replaced_parent_are_run_again_with_their_old_teardown);
    RUN(test_attachments_and_children_of_one_name_are_different_items);
    RUN(test_a_preview_tells_what_a_commit_does_and_does_nothing);
    RUN(test_a_full_run_trusts_nothing);
    RUN(test_what_is_forgotten_stays_and_is_new_when_it_is_declared_again);
    RUN(test_an_item_that_moves_to_another_part_of_the_program_is_not_deleted);
    RUN(test_the_rows_of_a_table_of_the_users_come_and_go_and_the_table_stays);
    RUN(test_children_of_a_parent_that_is_never_tracked_are_tracked);
    RUN(test_what_is_below_goes_first_also_through_a_parent_in_between_that_is_not_tracked);
    RUN(test_what_its_handler_leaves_is_forgotten_when_its_parent_goes);
    RUN(test_children_are_told_once_that_they_may_be_missing);
    RUN(test_handlers_with_one_sink_share_its_calls);
    RUN(test_keys_and_values_are_any_bytes);
    RUN(test_wrong_declarations_are_refused_by_name);
    RUN(test_a_run_that_is_not_open_takes_nothing);
    RUN(test_what_is_tracked_without_a_handler_is_an_error_with_its_cure);
    RUN(test_a_store_with_other_bytes_is_an_error);
    RUN(test_a_handler_may_not_decide_everything);
    RUN(test_every_failure_of_the_store_is_the_runs_error_and_the_next_run_ends_right);
    RUN(test_every_allocation_that_fails_is_an_error_and_the_next_run_ends_right);
    RUN(test_allocations_of_every_kind_of_handler_may_fail_too);
    RUN(test_a_run_within_its_cap_ends_and_one_above_it_is_an_error);
    RUN(test_ten_thousand_items_in_any_order);
    RUN(test_a_tree_may_be_deep);
    RUN(test_any_history_of_failures_ends_as_declared);
    TEST_MAIN_END;
}
