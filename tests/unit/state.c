/* Room contracts, >>state: setup keys, possible versions, ownership, what differs, what is lost. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/checked_alloc.h"
#include "../support/test.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static char text[4096];

static d1t_writer written(void)
{
    d1t_writer w;

    memset(text, 0, sizeof text);
    d1t_writer_fixed(&w, text, sizeof text - 1);
    return w;
}

/* ---- keys */

static const char *key_json(const char *database, const char *table)
{
    d1t_setup_key key;
    d1t_writer w = written();

    key.database = database;
    key.table = table;
    d1t_setup_key_to_json(&key, &w);
    CHECK_INT(w.error, D1T_OK);
    return text;
}

static void test_a_key_has_one_canonical_form(void)
{
    CHECK_STR(key_json("db", "files"), "{\"database\":\"db\",\"table\":\"files\"}");
    CHECK_STR(key_json("d\"b", "f\\\n\xC3\xA9"), "{\"database\":\"d\\\"b\",\"table\":\"f\\\\\\n\xC3\xA9\"}");
}

static void test_a_key_describes_its_table(void)
{
    static const d1t_setup_key key = {"db", "files"};
    d1t_writer w = written();

    d1t_setup_key_describe(&key, &w);
    CHECK_STR(text, "D1 table: db.files");
}

static void test_a_stored_key_is_read_in_every_spelling_and_only_the_canonical_one_is_canonical(void)
{
    static const struct {
        const char *json;
        bool canonical;
    } cases[] = {
        {"{\"database\":\"db\",\"table\":\"files\"}", true},
        {"{\"table\":\"files\",\"database\":\"db\"}", false},
        {"{\"database_id\":\"db\",\"table_name\":\"files\"}", false},
        {"{\"table_name\":\"files\",\"database_id\":\"db\"}", false},
        {" { \"database\" : \"db\" ,\n\t\"table\" : \"files\" } ", false},
        {"{\"database\":\"\\u0064b\",\"table\":\"files\"}", false},
        {"{\"database\":\"db\",\"table\":\"files\"}\n", false},
    };
    d1t_arena arena;
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        d1t_setup_key key = {NULL, NULL};
        d1t_error error;
        bool canonical = !cases[i].canonical;

        memset(&error, 0, sizeof error);
        memset(&arena, 0, sizeof arena);
        CHECK_INT(d1t_setup_key_from_json(d1t_cstr(cases[i].json), &arena, &key, &canonical, &error), D1T_OK);
        CHECK_STR(key.database, "db");
        CHECK_STR(key.table, "files");
        CHECK_INT(canonical, cases[i].canonical);
        CHECK_STR(key_json(key.database, key.table), cases[0].json);
        CHECK_INT(d1t_setup_key_from_json(d1t_cstr(cases[i].json), &arena, &key, NULL, NULL), D1T_OK);
        d1t_arena_free(&arena);
    }
}

static void test_a_long_key_is_compared_to_its_last_byte(void)
{
    char json[400], *last;
    d1t_setup_key key;
    d1t_arena arena;
    bool canonical = false;

    memset(&arena, 0, sizeof arena);
    sprintf(json, "{\"database\":\"%0150d\",\"table\":\"%090d\"}", 1, 2);
    CHECK_INT(d1t_setup_key_from_json(d1t_cstr(json), &arena, &key, &canonical, NULL), D1T_OK);
    CHECK(canonical);
    last = strchr(json, 0) - 2;
    memmove(last + 6, last, 3);
    memcpy(last - 1, "\\u0032", 6);
    last[5] = '"';
    last[6] = '}';
    last[7] = 0;
    CHECK_INT(d1t_setup_key_from_json(d1t_cstr(json), &arena, &key, &canonical, NULL), D1T_OK);
    CHECK(!canonical);
    CHECK_INT(strlen(key.table), 90);
    d1t_arena_free(&arena);
}

static void test_what_is_no_key_is_refused_with_a_reason(void)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"{\"database\":\"db\",\"table\":\"t\"} x", "not valid JSON"},
        {"[]", "a value is not a text"},
        {"\"db.t\"", "a value is not a text"},
        {"null", "a value is not a text"},
        {"{}", "a member is missing"},
        {"{\"database\":\"db\"}", "a member is missing"},
        {"{\"table_name\":\"t\"}", "a member is missing"},
        {"{\"database\":\"db\",\"table\":1}", "a value is not a text"},
        {"{\"database\":\"db\",\"table\":null}", "a value is not a text"},
        {"{\"database\":\"db\",\"table\":\"\"}", "a text is empty"},
        {"{\"database\":\"db\",\"table\":\"a\\u0000b\"}", "a text is empty or has a NUL"},
        {"{\"database\":\"db\",\"table\":\"t\",\"account\":\"a\"}", "a member is not known"},
        {"{\"database\":\"db\",\"table\":\"t\",\"Table\":\"a\"}", "a member is not known"},
        {"{\"database\":\"db\",\"database_id\":\"db\",\"table\":\"t\"}", "a member is there twice"},
        {"{\"database\":{\"a\":\"b\"},\"table\":\"t\"}", ""},
    };
    d1t_setup_key key;
    d1t_error error;
    d1t_arena arena;
    size_t i;

    memset(&arena, 0, sizeof arena);
    for (i = 0; i < COUNT(cases); i++) {
        memset(&error, 0, sizeof error);
        CHECK_INT(d1t_setup_key_from_json(d1t_cstr(cases[i].json), &arena, &key, NULL, &error), D1T_ERR_JSON);
        CHECK_INT(error.code, D1T_ERR_JSON);
        CHECK(strstr(error.text, "setup key: "));
        if (!strstr(error.text, cases[i].says)) CHECK_STR(error.text, cases[i].says);
    }
    d1t_arena_free(&arena);
}

static void test_without_memory_a_key_is_not_read(void)
{
    checked_alloc a;
    d1t_arena arena;
    d1t_setup_key key;
    d1t_result result;
    size_t i;

    for (i = 1;; i++) {
        memset(&a, 0, sizeof a);
        a.fail_at = i;
        d1t_arena_init(&arena, checked_allocator(&a), 0);
        result = d1t_setup_key_from_json(d1t_cstr("{\"database\":\"db\",\"table\":\"t\"}"), &arena, &key, NULL, NULL);
        d1t_arena_free(&arena);
        CHECK_INT(a.live, 0);
        if (result == D1T_OK) break;
        CHECK_INT(result, D1T_ERR_NOMEM);
    }
    CHECK(i > 2);
}

static void test_keys_are_equal_when_sqlite_would_take_them_for_one_table(void)
{
    static const d1t_setup_key a = {"db", "files"}, upper = {"db", "FILES"}, other = {"db", "filesx"},
                               elsewhere = {"DB", "files"}, before = {"db", "file"};

    CHECK_INT(d1t_setup_key_compare(&a, &a), 0);
    CHECK_INT(d1t_setup_key_compare(&a, &upper), 0);
    CHECK(d1t_setup_key_compare(&a, &other) < 0);
    CHECK(d1t_setup_key_compare(&other, &a) > 0);
    CHECK(d1t_setup_key_compare(&a, &before) > 0);
    CHECK(d1t_setup_key_compare(&a, &elsewhere) != 0);
}

/* ---- states. t1 and t1_turned are equal; the others differ from t1 in one thing each */

static const d1t_column c1[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c1_turned[] = {D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL),
                                       D1T_COLUMN("ID", D1T_INTEGER, D1T_KEY),
                                       D1T_COLUMN("part", D1T_TEXT, D1T_KEY | D1T_NOT_NULL),
                                       {"a", D1T_TEXT, 0, NULL, NULL, NULL, "BINARY", NULL, NULL}};
static const d1t_column c_more[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                    D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL),
                                    D1T_COLUMN("c", D1T_BLOB, 0)};
static const d1t_column c_retyped[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                       D1T_COLUMN("a", D1T_BLOB, 0), D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c_nullable[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                        D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_REAL, 0)};
static const d1t_column c_renamed[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                       D1T_COLUMN_RENAMED("aa", D1T_TEXT, 0, "a"),
                                       D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c_key_turned[] = {D1T_COLUMN("part", D1T_TEXT, D1T_KEY), D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                          D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c_key_less[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, 0),
                                        D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c_key_retyped[] = {D1T_COLUMN("id", D1T_TEXT, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                           D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c_default[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                       D1T_COLUMN_DEFAULT("a", D1T_TEXT, 0, "'x'"),
                                       D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};
static const d1t_column c_generated[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("part", D1T_TEXT, D1T_KEY),
                                         D1T_COLUMN_GENERATED("a", D1T_TEXT, 0, "part"),
                                         D1T_COLUMN("b", D1T_REAL, D1T_NOT_NULL)};

static const d1t_table t1 = D1T_TABLE("t", c1), t1_turned = D1T_TABLE("T", c1_turned), more = D1T_TABLE("t", c_more),
                       retyped = D1T_TABLE("t", c_retyped), nullable = D1T_TABLE("t", c_nullable),
                       renamed = D1T_TABLE("t", c_renamed), key_turned = D1T_TABLE("t", c_key_turned),
                       key_less = D1T_TABLE("t", c_key_less), key_retyped = D1T_TABLE("t", c_key_retyped),
                       with_default = D1T_TABLE("t", c_default), generated = D1T_TABLE("t", c_generated),
                       other_name = D1T_TABLE("u", c1), strict = D1T_TABLE_FLAGS("t", c1, D1T_STRICT),
                       by_user = D1T_TABLE_FLAGS("t", c1, D1T_BY_USER),
                       by_user_more = D1T_TABLE_FLAGS("t", c_more, D1T_BY_USER);

static const char *const on_a[] = {"a"}, *const on_b[] = {"b"};
static const d1t_index ab[] = {D1T_INDEX("t_a", on_a), D1T_INDEX("t_b", on_b)},
                       ba[] = {D1T_INDEX("t_b", on_b), D1T_INDEX("t_a", on_a)},
                       unique[] = {D1T_UNIQUE_INDEX("t_a", on_a), D1T_INDEX("t_b", on_b)};
static const d1t_foreign_key parents[] = {D1T_REFERENCES(on_a, "p", D1T_CASCADE),
                                          D1T_REFERENCES(on_b, "q", D1T_CASCADE)},
                             turned_parents[] = {D1T_REFERENCES(on_b, "q", D1T_CASCADE),
                                                 D1T_REFERENCES(on_a, "p", D1T_CASCADE)},
                             other_parents[] = {D1T_REFERENCES(on_a, "p", D1T_SET_NULL),
                                                D1T_REFERENCES(on_b, "q", D1T_CASCADE)};
static const d1t_check checks[] = {{"c", "b > 0"}}, other_checks[] = {{"c", "b > 1"}};
static const d1t_command commands[] = {{"x", "CREATE VIEW v AS SELECT 1", "DROP VIEW v"}},
                         other_commands[] = {{"x", "CREATE VIEW v AS SELECT 1", NULL}};

static d1t_table with(const d1t_index *indexes, const d1t_foreign_key *foreign_keys, const d1t_check *check,
                      const d1t_command *command)
{
    d1t_table t = t1;

    t.indexes = indexes;
    t.index_count = indexes ? 2 : 0;
    t.foreign_keys = foreign_keys;
    t.foreign_key_count = foreign_keys ? 2 : 0;
    t.checks = check;
    t.check_count = check != NULL;
    t.commands = command;
    t.command_count = command != NULL;
    return t;
}

static void test_states_are_equal_whatever_the_order_of_their_parts(void)
{
    d1t_table a = with(ab, parents, checks, commands), b = with(ba, turned_parents, checks, commands);

    CHECK(d1t_state_equal(&t1, &t1));
    CHECK(d1t_state_equal(&t1, &t1_turned));
    CHECK(d1t_state_equal(&t1_turned, &t1));
    CHECK(d1t_state_equal(&a, &b));
    CHECK(d1t_state_equal(&b, &a));
}

static void test_every_part_of_a_state_counts(void)
{
    static const d1t_table *const others[] = {&more,       &retyped,    &nullable,    &renamed,
                                              &key_turned, &key_less,   &key_retyped, &with_default,
                                              &generated,  &other_name, &strict,      &by_user};
    d1t_table full = with(ab, parents, checks, commands), part;
    size_t i;

    for (i = 0; i < COUNT(others); i++) {
        CHECK(!d1t_state_equal(&t1, others[i]));
        CHECK(!d1t_state_equal(others[i], &t1));
    }
    part = with(NULL, parents, checks, commands);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(unique, parents, checks, commands);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(ab, NULL, checks, commands);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(ab, other_parents, checks, commands);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(ab, parents, NULL, commands);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(ab, parents, other_checks, commands);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(ab, parents, checks, NULL);
    CHECK(!d1t_state_equal(&full, &part));
    part = with(ab, parents, checks, other_commands);
    CHECK(!d1t_state_equal(&full, &part));
}

static void test_a_state_comes_back_from_its_stored_form_equal(void)
{
    d1t_table full = with(ab, parents, checks, NULL);
    const d1t_table *back = NULL;
    d1t_writer w = written();
    d1t_arena arena;

    memset(&arena, 0, sizeof arena);
    d1t_table_to_json(&full, &w);
    CHECK_INT(w.error, D1T_OK);
    CHECK_INT(d1t_table_from_json(d1t_bytes(text, w.n), &arena, &back, NULL), D1T_OK);
    CHECK(back && d1t_state_equal(&full, back));
    d1t_arena_free(&arena);
}

/* ---- possible versions */

static const d1t_table *const staged_more[] = {&more}, *const staged_t1[] = {&t1}, *const staged_delete[] = {NULL},
                              *const staged_both[] = {&more, NULL, &retyped}, *const staged_users[] = {&by_user},
                              *const staged_mixed[] = {&by_user, NULL, &more};

static d1t_combined_state state(const d1t_table *current, const d1t_table *const *staged, size_t count)
{
    d1t_combined_state s;

    s.current = current;
    s.staged = staged;
    s.staged_count = count;
    s.legacy_key = NULL;
    return s;
}

static void test_possible_versions_are_the_current_and_every_staged_upsert(void)
{
    d1t_combined_state s = state(&t1, staged_both, 3);

    CHECK(d1t_state_version(&s, 0) == &t1);
    CHECK(d1t_state_version(&s, 1) == &more);
    CHECK(d1t_state_version(&s, 2) == &retyped);
    CHECK(!d1t_state_version(&s, 3));
    s = state(NULL, staged_both, 3);
    CHECK(d1t_state_version(&s, 0) == &more);
    CHECK(d1t_state_version(&s, 1) == &retyped);
    CHECK(!d1t_state_version(&s, 2));
    s = state(NULL, NULL, 0);
    CHECK(!d1t_state_version(&s, 0));
    s = state(NULL, staged_delete, 1);
    CHECK(!d1t_state_version(&s, 0));
}

static bool has_no_c(void *ctx, const d1t_table *version)
{
    ++*(int *)ctx;
    return d1t_table_column(version, d1t_cstr("c")) == version->column_count;
}

static void test_a_table_always_exists_with_a_current_state_and_no_staged_delete(void)
{
    static const struct {
        const d1t_table *current, *const *staged;
        size_t count;
        bool exists, without_c;
    } cases[] = {
        {NULL, NULL, 0, false, false},       {&t1, NULL, 0, true, true},
        {&more, NULL, 0, true, false},       {&t1, staged_more, 1, true, false},
        {&t1, staged_t1, 1, true, true},     {&t1, staged_delete, 1, false, false},
        {NULL, staged_t1, 1, false, false},  {NULL, staged_delete, 1, false, false},
        {&t1, staged_both, 3, false, false},
    };
    size_t i;
    int calls;

    for (i = 0; i < COUNT(cases); i++) {
        d1t_combined_state s = state(cases[i].current, cases[i].staged, cases[i].count);

        calls = 0;
        CHECK_INT(d1t_state_always_exists(&s), cases[i].exists);
        CHECK_INT(d1t_state_always_exists_and(&s, has_no_c, &calls), cases[i].without_c);
        CHECK_INT(calls > 0, cases[i].exists);
    }
}

static void test_there_is_a_difference_unless_every_possible_version_is_as_desired(void)
{
    static const struct {
        const d1t_table *current, *const *staged;
        size_t count;
        const d1t_table *desired;
        bool differs;
    } cases[] = {
        {NULL, NULL, 0, NULL, false},        {&t1, NULL, 0, NULL, true},
        {NULL, staged_t1, 1, NULL, true},    {NULL, staged_delete, 1, NULL, false},
        {&t1, staged_delete, 1, NULL, true}, {NULL, NULL, 0, &t1, true},
        {&t1, NULL, 0, &t1, false},          {&t1_turned, NULL, 0, &t1, false},
        {&more, NULL, 0, &t1, true},         {&t1, staged_t1, 1, &t1, false},
        {&t1, staged_more, 1, &t1, true},    {&more, staged_t1, 1, &t1, true},
        {&t1, staged_delete, 1, &t1, true},  {NULL, staged_t1, 1, &t1, true},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        d1t_combined_state s = state(cases[i].current, cases[i].staged, cases[i].count);

        CHECK_INT(d1t_state_has_diff(&s, cases[i].desired), cases[i].differs);
    }
}

/* ---- who manages it */

static void test_a_table_that_the_user_wants_to_manage_is_left_alone(void)
{
    const d1t_table *kept[3];
    d1t_combined_state s = state(&t1, NULL, 0), out;

    CHECK(!d1t_state_transition(&by_user, &s, kept, &out));
    s = state(NULL, NULL, 0);
    CHECK(!d1t_state_transition(&by_user, &s, kept, &out));
    s = state(&by_user, NULL, 0);
    CHECK(!d1t_state_transition(&by_user, &s, kept, &out));
}

static void test_a_table_that_the_user_manages_or_managed_is_never_deleted(void)
{
    const d1t_table *kept[3];
    d1t_combined_state s = state(&by_user, NULL, 0), out;

    CHECK(!d1t_state_transition(NULL, &s, kept, &out));
    s = state(&t1, staged_users, 1);
    CHECK(!d1t_state_transition(NULL, &s, kept, &out));
    s = state(NULL, NULL, 0);
    CHECK(!d1t_state_transition(NULL, &s, kept, &out));
    s = state(NULL, staged_delete, 1);
    CHECK(!d1t_state_transition(NULL, &s, kept, &out));
    s = state(&t1, staged_delete, 1);
    CHECK(d1t_state_transition(NULL, &s, kept, &out));
    CHECK(out.current == &t1);
    CHECK_INT(out.staged_count, 1);
}

static void test_states_of_the_users_do_not_count_as_the_programs(void)
{
    const d1t_table *kept[3];
    d1t_combined_state s = state(&by_user, NULL, 0), out;

    CHECK(d1t_state_transition(&t1, &s, kept, &out));
    CHECK(!d1t_state_version(&out, 0));
    s = state(&t1, staged_mixed, 3);
    s.legacy_key = "old";
    CHECK(d1t_state_transition(&t1, &s, kept, &out));
    CHECK(out.current == &t1);
    CHECK_INT(out.staged_count, 2);
    CHECK(!out.staged[0]);
    CHECK(out.staged[1] == &more);
    CHECK_STR(out.legacy_key, "old");
}

/* ---- statediff: the table of CocoIndex, all cells */

static void test_an_action_follows_from_what_is_desired_and_what_may_be_there(void)
{
    static const struct {
        bool desired;
        size_t prev, equal;
        d1t_diff_action sure, missing;
    } cases[] = {
        {false, 0, 0, D1T_DIFF_NONE, D1T_DIFF_NONE},      {false, 1, 0, D1T_DIFF_DELETE, D1T_DIFF_DELETE},
        {false, 2, 0, D1T_DIFF_DELETE, D1T_DIFF_DELETE},  {true, 0, 0, D1T_DIFF_NONE, D1T_DIFF_INSERT},
        {true, 1, 1, D1T_DIFF_NONE, D1T_DIFF_UPSERT},     {true, 2, 2, D1T_DIFF_NONE, D1T_DIFF_UPSERT},
        {true, 1, 0, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE}, {true, 2, 1, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE},
        {true, 2, 0, D1T_DIFF_REPLACE, D1T_DIFF_REPLACE},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        CHECK_INT(d1t_diff(cases[i].desired, cases[i].prev, cases[i].equal, false), cases[i].sure);
        CHECK_INT(d1t_diff(cases[i].desired, cases[i].prev, cases[i].equal, true), cases[i].missing);
    }
}

/* "table replace, a upsert": what d1t_diff_table reports, the table's action first. */
static void report(void *ctx, const d1t_column *column, d1t_diff_action action)
{
    static const char *const names[] = {"none", "insert", "upsert", "replace", "delete"};

    CHECK(ctx == text);
    CHECK(action != D1T_DIFF_NONE);
    sprintf(strchr(text, 0), "%s%s %s", text[0] ? ", " : "", column ? column->name : "table", names[action]);
}

static const char *diff(const d1t_table *desired, const d1t_table *first, const d1t_table *second, bool missing)
{
    const d1t_table *prev[2];
    size_t count = 0;
    d1t_diff_action action;

    if (first) prev[count++] = first;
    if (second) prev[count++] = second;
    text[0] = 0;
    action = d1t_diff_table(desired, prev, count, missing, report, text);
    CHECK_INT(d1t_diff_table(desired, prev, count, missing, NULL, NULL), action);
    CHECK_INT(action != D1T_DIFF_NONE, strncmp(text, "table ", 6) == 0);
    return text;
}

static void test_a_table_that_is_as_desired_needs_nothing(void)
{
    CHECK_STR(diff(&t1, &t1, NULL, false), "");
    CHECK_STR(diff(&t1, &t1, &t1_turned, false), "");
    CHECK_STR(diff(&t1, NULL, NULL, false), ""); /* adopted */
    CHECK_STR(diff(NULL, NULL, NULL, true), "");
}

static void test_a_new_table_is_inserted_with_its_columns(void)
{
    CHECK_STR(diff(&t1, NULL, NULL, true), "table insert, a insert, b insert");
}

static void test_a_table_that_may_be_missing_is_upserted_with_its_columns(void)
{
    CHECK_STR(diff(&t1, &t1, NULL, true), "table upsert, a upsert, b upsert");
}

static void test_a_table_that_is_no_longer_desired_is_deleted_and_its_columns_are_not_told(void)
{
    CHECK_STR(diff(NULL, &t1, NULL, false), "table delete");
    CHECK_STR(diff(NULL, &t1, &more, true), "table delete");
}

static void test_a_new_column_is_inserted(void)
{
    CHECK_STR(diff(&more, &t1, NULL, false), "c insert");
}

static void test_a_column_that_is_no_longer_desired_is_deleted_once(void)
{
    CHECK_STR(diff(&t1, &more, NULL, false), "c delete");
    CHECK_STR(diff(&t1, &more, &more, false), "c delete");
}

static void test_a_retyped_column_is_replaced(void)
{
    CHECK_STR(diff(&retyped, &t1, NULL, false), "a replace");
    CHECK_STR(diff(&nullable, &t1, NULL, false), "b replace");
}

static void test_a_column_of_which_the_history_disagrees_is_replaced(void)
{
    CHECK_STR(diff(&t1, &t1, &retyped, false), "a replace");
    CHECK_STR(diff(&t1, &retyped, &t1, false), "a replace");
}

static void test_a_column_seen_in_a_part_of_the_history_is_upserted(void)
{
    CHECK_STR(diff(&more, &more, &t1, false), "c upsert");
    CHECK_STR(diff(&more, &t1, &more, false), "c upsert");
}

static void test_another_key_or_option_replaces_the_table_and_then_every_column_may_be_missing(void)
{
    CHECK_STR(diff(&t1, &key_turned, NULL, false), "table replace, a upsert, b upsert");
    CHECK_STR(diff(&t1, &key_retyped, NULL, false), "table replace, a upsert, b upsert");
    CHECK_STR(diff(&t1, &strict, NULL, false), "table replace, a upsert, b upsert");
    CHECK_STR(diff(&key_less, &t1, NULL, false), "table replace, part insert, a upsert, b upsert");
    CHECK_STR(diff(&t1, &key_less, NULL, false), "table replace, a upsert, b upsert, part delete");
}

/* ---- what is lost */

static void test_columns_that_are_added_turned_or_made_nullable_lose_nothing(void)
{
    CHECK_INT(d1t_state_compatibility(&t1, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&t1_turned, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&more, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&nullable, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&key_turned, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&renamed, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&by_user_more, &by_user), D1T_COMPATIBLE);
}

static void test_indexes_lose_nothing(void)
{
    d1t_table a = with(ab, NULL, NULL, NULL), b = with(unique, NULL, NULL, NULL);

    CHECK_INT(d1t_state_compatibility(&a, &t1), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&t1, &a), D1T_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&b, &a), D1T_COMPATIBLE);
}

static void test_a_value_column_that_goes_or_is_retyped_loses_its_values(void)
{
    CHECK_INT(d1t_state_compatibility(&t1, &more), D1T_PARTLY_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&retyped, &t1), D1T_PARTLY_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&t1, &renamed), D1T_PARTLY_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&generated, &t1), D1T_PARTLY_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&t1, &generated), D1T_COMPATIBLE); /* a generated column held no values */
}

static void test_another_key_loses_all(void)
{
    CHECK_INT(d1t_state_compatibility(&key_less, &t1), D1T_NOT_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&t1, &key_less), D1T_NOT_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&key_retyped, &t1), D1T_NOT_COMPATIBLE);
}

static void test_another_owner_is_not_compatible(void)
{
    CHECK_INT(d1t_state_compatibility(&by_user, &t1), D1T_NOT_COMPATIBLE);
    CHECK_INT(d1t_state_compatibility(&t1, &by_user), D1T_NOT_COMPATIBLE);
}

/* ---- the plan: every row of the reference target's table, with each shape of a combined state */

/* The plan's steps, "; " between them, after its change: "update: + column t.c BLOB; ...". */
static const char *planned_with(const d1t_allocator *allocator, const d1t_table *desired, d1t_combined_state s,
                                d1t_result *result)
{
    static const char *const changes[] = {"none", "create", "update", "delete", "invalid"};
    const d1t_plan_step *step;
    d1t_plan plan;
    d1t_error error;

    memset(&plan, 0, sizeof plan);
    memset(&error, 0, sizeof error);
    if (allocator) d1t_arena_init(&plan.arena, *allocator, 0);
    *result = d1t_state_diff(&plan, desired, &s, &error);
    CHECK_INT(error.code, *result);
    CHECK_INT(plan.statement_count, 0);
    strcpy(text, changes[plan.change]);
    for (step = plan.steps; step; step = step->next) {
        sprintf(strchr(text, 0), "%s%s", step == plan.steps ? ": " : "; ", step->text);
        if (step->effect) strcat(text, step->effect == D1T_EFFECT_LOSSY ? " (lossy)" : " (destructive)");
        CHECK(*result != D1T_OK || (strstr(step->line, step->text) && step->table != NULL));
    }
    d1t_plan_free(&plan);
    return text;
}

static const char *planned(const d1t_table *desired, d1t_combined_state s)
{
    d1t_result result;
    const char *steps = planned_with(NULL, desired, s, &result);

    CHECK_INT(result, D1T_OK);
    return steps;
}

static void test_what_is_no_longer_desired_is_dropped_if_any_version_may_be_there(void)
{
    CHECK_STR(planned(NULL, state(NULL, NULL, 0)), "none");
    CHECK_STR(planned(NULL, state(NULL, staged_delete, 1)), "none");
    CHECK_STR(planned(NULL, state(&t1, NULL, 0)), "delete: - table t (destructive)");
    CHECK_STR(planned(NULL, state(NULL, staged_t1, 1)), "delete: - table t (destructive)");
    CHECK_STR(planned(NULL, state(&t1, staged_delete, 1)), "delete: - table t (destructive)");
    CHECK_STR(planned(NULL, state(&t1, staged_both, 3)), "delete: - table t (destructive)");
}

static void test_what_has_no_version_is_created(void)
{
    CHECK_STR(planned(&t1, state(NULL, NULL, 0)), "create: + table t");
    CHECK_STR(planned(&t1, state(NULL, staged_delete, 1)), "create: + table t");
}

static void test_what_nothing_is_known_of_is_created(void)
{
    d1t_plan plan;

    memset(&plan, 0, sizeof plan);
    CHECK_INT(d1t_state_diff(&plan, &t1, NULL, NULL), D1T_OK);
    CHECK_INT(plan.change, D1T_CHANGE_CREATE);
    d1t_plan_free(&plan);
    CHECK_INT(d1t_state_diff(&plan, NULL, NULL, NULL), D1T_OK);
    CHECK_INT(plan.change, D1T_CHANGE_NONE);
}

static void test_what_is_as_desired_needs_nothing(void)
{
    CHECK_STR(planned(&t1, state(&t1, NULL, 0)), "none");
    CHECK_STR(planned(&t1, state(&t1_turned, NULL, 0)), "none");
    CHECK_STR(planned(&t1, state(&t1, staged_t1, 1)), "none");
}

static void test_what_may_be_missing_is_created_if_it_is(void)
{
    CHECK_STR(planned(&t1, state(&t1, staged_delete, 1)), "create: + table t");
    CHECK_STR(planned(&t1, state(NULL, staged_t1, 1)), "create: + table t");
    CHECK_STR(planned(&more, state(NULL, staged_t1, 1)), "update: + column t.c BLOB; + table t");
    CHECK_STR(planned(&more, state(&t1, staged_delete, 1)), "update: + column t.c BLOB; + table t");
}

static void test_columns_come_go_and_change_against_every_version_and_equal_steps_are_told_once(void)
{
    CHECK_STR(planned(&more, state(&t1, NULL, 0)), "update: + column t.c BLOB");
    CHECK_STR(planned(&more, state(&t1, staged_t1, 1)), "update: + column t.c BLOB");
    CHECK_STR(planned(&more, state(&t1, staged_more, 1)), "update: + column t.c BLOB");
    CHECK_STR(planned(&t1, state(&t1, staged_more, 1)), "update: - column t.c (destructive)");
    CHECK_STR(planned(&t1, state(&more, staged_t1, 1)), "update: - column t.c (destructive)");
    planned(&t1, state(&more, staged_both, 3));
    CHECK(strncmp(text, "update: - column t.c (destructive); ~ column t.a type BLOB -> TEXT (lossy)", 74) == 0);
    CHECK(strstr(text, "+ table t"));
}

static void test_another_key_makes_the_table_anew(void)
{
    planned(&t1, state(&key_less, NULL, 0));
    CHECK(strncmp(text, "update: ~ key of t -> id, part (destructive)", 44) == 0);
    planned(&t1, state(&t1, staged_both, 3));
    CHECK(!strstr(text, "key of"));
}

static void test_tables_of_the_users_are_never_planned_and_one_that_passes_to_the_program_is_adopted(void)
{
    CHECK_STR(planned(&by_user, state(NULL, NULL, 0)), "none");
    CHECK_STR(planned(&by_user, state(&t1, NULL, 0)), "none");
    CHECK_STR(planned(&by_user_more, state(&by_user, NULL, 0)), "none");
    CHECK_STR(planned(NULL, state(&by_user, NULL, 0)), "none");
    CHECK_STR(planned(NULL, state(&t1, staged_users, 1)), "none");
    CHECK_STR(planned(&t1, state(&by_user, NULL, 0)), "create: + table t");
    CHECK_STR(planned(&t1, state(&by_user, staged_t1, 1)), "create: + table t");
    CHECK_STR(planned(&t1, state(&t1, staged_users, 1)), "none");
}

/* A state knows one table: that the others are missing is not told. */
static void test_other_tables_are_not_said_to_be_missing(void)
{
    d1t_combined_state nothing = state(NULL, NULL, 0);
    const d1t_plan_step *step;
    d1t_table t = with(NULL, parents, NULL, NULL);
    d1t_plan plan;

    memset(&plan, 0, sizeof plan);
    CHECK_INT(d1t_state_diff(&plan, &t, &nothing, NULL), D1T_OK);
    CHECK(plan.steps != NULL);
    for (step = plan.steps; step; step = step->next) CHECK(!strstr(step->text, "neither declared"));
    d1t_plan_free(&plan);
}

static const d1t_index fts[] = {D1T_FTS5_INDEX("t_words", on_a), D1T_INDEX("t_b", on_b)};

static void test_indexes_and_commands_come_change_and_go(void)
{
    d1t_table plain = with(NULL, NULL, NULL, NULL), a = with(ab, NULL, NULL, commands),
              b = with(unique, NULL, NULL, other_commands), words = with(fts, NULL, NULL, NULL);

    CHECK_STR(planned(&a, state(&plain, NULL, 0)), "update: + index t_a on t; + index t_b on t; + command x of t");
    CHECK_STR(planned(&plain, state(&a, NULL, 0)), "update: - index t_a on t; - index t_b on t; - command x of t");
    CHECK_STR(planned(&b, state(&a, NULL, 0)), "update: ~ index t_a on t");
    CHECK_STR(planned(&words, state(&plain, NULL, 0)), "update: + index t_words on t (FTS5); + index t_b on t");
    CHECK_STR(planned(&words, state(&words, NULL, 0)), "none");
}

static void test_an_fts_index_that_stays_is_not_made_again(void)
{
    d1t_table words = with(fts, NULL, NULL, NULL), wider = words;

    wider.columns = c_more;
    wider.column_count = 5;
    CHECK_STR(planned(&wider, state(&words, NULL, 0)), "update: + column t.c BLOB");
}

static void test_a_desired_state_that_is_no_table_is_refused(void)
{
    static const d1t_column no_key[] = {D1T_COLUMN("a", D1T_TEXT, 0)};
    static const d1t_table keyless = D1T_TABLE("t", no_key);
    d1t_result result;

    planned_with(NULL, &keyless, state(NULL, NULL, 0), &result);
    CHECK_INT(result, D1T_ERR_TABLE);
    planned_with(NULL, &keyless, state(&t1, NULL, 0), &result);
    CHECK_INT(result, D1T_ERR_TABLE);
}

static void test_without_memory_nothing_is_planned_and_nothing_leaks(void)
{
    checked_alloc a;
    d1t_allocator allocator = checked_allocator(&a);
    d1t_result result;
    size_t i;

    for (i = 1; i < 200; i++) {
        memset(&a, 0, sizeof a);
        a.fail_at = i;
        planned_with(&allocator, &t1, state(&more, staged_both, 3), &result);
        CHECK_INT(a.live, 0);
        if (a.calls < i) break;
        CHECK_INT(result, D1T_ERR_NOMEM);
    }
    CHECK_INT(result, D1T_OK);
    CHECK(i > 5);
}

int main(void)
{
    RUN(test_a_key_has_one_canonical_form);
    RUN(test_a_key_describes_its_table);
    RUN(test_a_stored_key_is_read_in_every_spelling_and_only_the_canonical_one_is_canonical);
    RUN(test_a_long_key_is_compared_to_its_last_byte);
    RUN(test_what_is_no_key_is_refused_with_a_reason);
    RUN(test_without_memory_a_key_is_not_read);
    RUN(test_keys_are_equal_when_sqlite_would_take_them_for_one_table);
    RUN(test_states_are_equal_whatever_the_order_of_their_parts);
    RUN(test_every_part_of_a_state_counts);
    RUN(test_a_state_comes_back_from_its_stored_form_equal);
    RUN(test_possible_versions_are_the_current_and_every_staged_upsert);
    RUN(test_a_table_always_exists_with_a_current_state_and_no_staged_delete);
    RUN(test_there_is_a_difference_unless_every_possible_version_is_as_desired);
    RUN(test_a_table_that_the_user_wants_to_manage_is_left_alone);
    RUN(test_a_table_that_the_user_manages_or_managed_is_never_deleted);
    RUN(test_states_of_the_users_do_not_count_as_the_programs);
    RUN(test_an_action_follows_from_what_is_desired_and_what_may_be_there);
    RUN(test_a_table_that_is_as_desired_needs_nothing);
    RUN(test_a_new_table_is_inserted_with_its_columns);
    RUN(test_a_table_that_may_be_missing_is_upserted_with_its_columns);
    RUN(test_a_table_that_is_no_longer_desired_is_deleted_and_its_columns_are_not_told);
    RUN(test_a_new_column_is_inserted);
    RUN(test_a_column_that_is_no_longer_desired_is_deleted_once);
    RUN(test_a_retyped_column_is_replaced);
    RUN(test_a_column_of_which_the_history_disagrees_is_replaced);
    RUN(test_a_column_seen_in_a_part_of_the_history_is_upserted);
    RUN(test_another_key_or_option_replaces_the_table_and_then_every_column_may_be_missing);
    RUN(test_columns_that_are_added_turned_or_made_nullable_lose_nothing);
    RUN(test_indexes_lose_nothing);
    RUN(test_a_value_column_that_goes_or_is_retyped_loses_its_values);
    RUN(test_another_key_loses_all);
    RUN(test_another_owner_is_not_compatible);
    RUN(test_what_is_no_longer_desired_is_dropped_if_any_version_may_be_there);
    RUN(test_what_has_no_version_is_created);
    RUN(test_what_nothing_is_known_of_is_created);
    RUN(test_what_is_as_desired_needs_nothing);
    RUN(test_what_may_be_missing_is_created_if_it_is);
    RUN(test_columns_come_go_and_change_against_every_version_and_equal_steps_are_told_once);
    RUN(test_another_key_makes_the_table_anew);
    RUN(test_tables_of_the_users_are_never_planned_and_one_that_passes_to_the_program_is_adopted);
    RUN(test_other_tables_are_not_said_to_be_missing);
    RUN(test_indexes_and_commands_come_change_and_go);
    RUN(test_an_fts_index_that_stays_is_not_made_again);
    RUN(test_a_desired_state_that_is_no_table_is_refused);
    RUN(test_without_memory_nothing_is_planned_and_nothing_leaks);
    TEST_MAIN_END;
}
