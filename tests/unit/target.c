/* Room contracts, >>target: what is built from specs, targets by name, rows and setup of several databases. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/checked_alloc.h"
#include "../support/test.h"
#include "../support/lab.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define I(v)         d1t_int(v)
#define T(s)         d1t_text(s)
#define ROW(...)                                                                                                       \
    {                                                                                                                  \
        (const d1t_value[]){__VA_ARGS__}, sizeof((const d1t_value[]){__VA_ARGS__}) / sizeof(d1t_value),                \
        {                                                                                                              \
            NULL, 0                                                                                                    \
        }                                                                                                              \
    }

static char text[4096];

static void says(const char *have, const char *part)
{
    if (!strstr(have, part)) CHECK_STR(have, part);
}

/* ---- names */

static const char *sanitized(const char *name)
{
    d1t_writer w;

    memset(text, 0, sizeof text);
    d1t_writer_fixed(&w, text, sizeof text - 1);
    d1t_sanitize_identifier(d1t_cstr(name), &w);
    return text;
}

static void test_a_name_keeps_letters_digits_and_underscores(void)
{
    CHECK_STR(sanitized(""), "");
    CHECK_STR(sanitized("hello_world"), "hello_world");
    CHECK_STR(sanitized("abc_XYZ_0189"), "abc_XYZ_0189");
    CHECK_STR(sanitized("hello-world.123"), "hello__world__123");
    CHECK_STR(sanitized("!@#"), "______");
    CHECK_STR(sanitized("a b\tc$"), "a__b__c__");
}

static void test_a_name_keeps_letters_and_digits_of_every_script(void)
{
    static const char *const stay[] = {
        "caf\xC3\xA9",              /* e acute */
        "\xE6\xB5\x8B\xE8\xAF\x95", /* CJK */
        "\xD9\xA1",                 /* an Arabic digit */
        "\xC2\xB2",                 /* superscript two */
        "\xE2\x85\xA7",             /* Roman eight */
        "\xE0\xA4\x95\xE0\xA4\xBF", /* Devanagari ka with its vowel sign */
        "\xF0\xA0\x80\x80",         /* CJK, plane 2 */
        "\xEA\xB0\x80",             /* Hangul */
    };
    static const char *const go[] = {
        "\xF0\x9F\x9A\x80", /* rocket */
        "\xC2\xA0",         /* no-break space */
        "\xE2\x80\x99",     /* apostrophe */
        "\xE2\x82\xAC",     /* euro */
        "\xEE\x80\x80",     /* private use */
        "\xC3\x97",         /* times */
        "\xCC\x81",         /* combining acute */
        "\xEF\xBF\xBD",     /* replacement character */
        "\xFF",             /* no UTF-8 */
    };
    size_t i;

    for (i = 0; i < COUNT(stay); i++) CHECK_STR(sanitized(stay[i]), stay[i]);
    for (i = 0; i < COUNT(go); i++) CHECK_STR(sanitized(go[i]), "__");
}

/* ---- building */

static const d1t_field int_key[] = {{"id", D1T_INTEGER, false}},
                       two_keys[] = {{"path", D1T_TEXT, false}, {"nth", D1T_INTEGER, true}},
                       values[] = {{"title", D1T_TEXT, false}, {"body", D1T_BLOB, true}},
                       real_key[] = {{"x", D1T_REAL, false}};

static d1t_target_spec spec_of(const char *collection)
{
    d1t_target_spec s;

    memset(&s, 0, sizeof s);
    s.flow = "docs";
    s.collection = collection;
    s.database = "main";
    s.credential = "prod";
    s.keys = int_key;
    s.key_count = 1;
    s.values = values;
    s.value_count = 2;
    return s;
}

static d1t_arena arena;
static d1t_error error;

static d1t_result build(const d1t_target_spec *specs, size_t count, d1t_target_resource *out)
{
    const d1t_target *d1 = d1t_d1_target();

    memset(&error, 0, sizeof error);
    return d1->build(d1->self, specs, count, &arena, out, &error);
}

static const char *state_json(const d1t_table *t)
{
    d1t_writer w;

    memset(text, 0, sizeof text);
    d1t_writer_fixed(&w, text, sizeof text - 1);
    d1t_table_to_json(t, &w);
    CHECK_INT(w.error, D1T_OK);
    return text;
}

static void test_a_collection_becomes_a_key_and_a_state(void)
{
    d1t_target_spec s = spec_of("pages");
    d1t_target_resource r;

    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_STR(r.key.database, "main");
    CHECK_STR(r.key.table, "docs__pages");
    CHECK_STR(r.credential, "prod");
    CHECK_STR(state_json(r.state), "{\"version\":1,\"name\":\"docs__pages\",\"columns\":["
                                   "{\"name\":\"id\",\"type\":\"integer\",\"key\":true},"
                                   "{\"name\":\"title\",\"type\":\"text\",\"not_null\":true},"
                                   "{\"name\":\"body\",\"type\":\"blob\"}]}");
    CHECK_INT(r.state->flags, 0);
    d1t_arena_free(&arena);
}

static void test_a_default_name_of_a_table_is_made_of_flow_and_collection(void)
{
    d1t_target_spec s = spec_of("caf\xC3\xA9-1");
    d1t_target_resource r;

    s.flow = "my flow";
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_STR(r.key.table, "my__flow__caf\xC3\xA9__1");
    s.table = "given";
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_STR(r.key.table, "given");
    CHECK_STR(r.state->name, "given");
    d1t_arena_free(&arena);
}

static void test_keys_come_first_and_are_never_null(void)
{
    d1t_target_spec s = spec_of("pages");
    d1t_target_resource r;

    s.keys = two_keys;
    s.key_count = 2;
    s.setup_by_user = true;
    s.flags = D1T_STRICT | D1T_WITHOUT_ROWID;
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_INT(r.state->column_count, 4);
    CHECK_STR(r.state->columns[1].name, "nth");
    CHECK_INT(r.state->columns[1].flags, D1T_KEY);
    CHECK_STR(r.state->columns[2].name, "title");
    CHECK_INT(r.state->flags, D1T_STRICT | D1T_WITHOUT_ROWID | D1T_BY_USER);
    d1t_arena_free(&arena);
}

static void test_a_collection_of_keys_alone_is_a_table(void)
{
    d1t_target_spec s = spec_of("tags");
    d1t_target_resource r;

    s.values = NULL;
    s.value_count = 0;
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_INT(r.state->column_count, 1);
    d1t_arena_free(&arena);
}

static void test_indexes_references_and_commands_of_a_spec_are_in_its_state(void)
{
    static const char *const on_title[] = {"title"}, *const on_id[] = {"id"};
    static const d1t_index indexes[] = {D1T_INDEX("by_title", on_title)};
    static const d1t_foreign_key parents[] = {D1T_REFERENCES(on_id, "docs__pages", D1T_CASCADE)};
    static const d1t_command commands[] = {{"v", "CREATE VIEW v AS SELECT 1", "DROP VIEW v"}};
    d1t_target_spec s = spec_of("parts");
    d1t_target_resource r;

    s.indexes = indexes;
    s.index_count = 1;
    s.foreign_keys = parents;
    s.foreign_key_count = 1;
    s.commands = commands;
    s.command_count = 1;
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_STR(r.state->indexes[0].name, "by_title");
    CHECK_STR(r.state->foreign_keys[0].parent, "docs__pages");
    CHECK_STR(r.state->commands[0].teardown_sql, "DROP VIEW v");
    d1t_arena_free(&arena);
}

static void test_each_collection_is_built_once_and_no_table_twice(void)
{
    d1t_target_spec s[3];
    d1t_target_resource r[3];

    s[0] = spec_of("pages");
    s[1] = spec_of("parts");
    s[2] = spec_of("pages");
    s[2].database = "other";
    CHECK_INT(build(s, 3, r), D1T_OK);
    CHECK(d1t_setup_key_compare(&r[0].key, &r[1].key) != 0);
    CHECK(d1t_setup_key_compare(&r[0].key, &r[2].key) != 0);
    s[2].database = "main";
    CHECK_INT(build(s, 3, r), D1T_ERR_TABLE);
    says(error.text, "collection pages: another collection has the table docs__pages too");
    s[2].table = "DOCS__parts"; /* one table for SQLite */
    CHECK_INT(build(s, 3, r), D1T_ERR_TABLE);
    says(error.text, "another collection has the table DOCS__parts too");
    d1t_arena_free(&arena);
}

static void test_a_database_has_one_credential_and_one_account(void)
{
    d1t_target_spec s[2];
    d1t_target_resource r[2];

    s[0] = spec_of("pages");
    s[1] = spec_of("parts");
    s[1].credential = "test";
    CHECK_INT(build(s, 2, r), D1T_ERR_CONFIG);
    says(error.text, "another credential or account for database main");
    s[1].credential = "prod";
    s[1].account = "a";
    CHECK_INT(build(s, 2, r), D1T_ERR_CONFIG);
    s[1].database = "other";
    CHECK_INT(build(s, 2, r), D1T_OK);
    CHECK_STR(r[1].account, "a");
    d1t_arena_free(&arena);
}

static void test_a_vector_index_is_refused_with_the_reason(void)
{
    static const d1t_vector_index vectors[] = {{"body"}};
    d1t_target_spec s = spec_of("pages");
    d1t_target_resource r;

    s.vector_indexes = vectors;
    s.vector_index_count = 1;
    CHECK_INT(build(&s, 1, &r), D1T_ERR_UNSUPPORTED);
    says(error.text, "collection pages: vector index on body: D1 has no sqlite-vec; keep the vectors");
    says(error.text, "Vectorize");
    d1t_arena_free(&arena);
}

static void test_a_spec_that_cannot_be_a_table_is_refused_by_name(void)
{
    static const d1t_field twice[] = {{"id", D1T_TEXT, false}}, no_type[] = {{"x", (d1t_type)0, false}},
                           bad_name[] = {{"sqlite_x", D1T_TEXT, false}}, null_name[] = {{NULL, D1T_TEXT, false}};
    d1t_target_spec s[14];
    d1t_target_resource r;
    size_t i, n = 0;
    const char *parts[14];

#define CASE(part) s[n] = spec_of("pages"), parts[n++] = part
    CASE("it names no database");
    s[n - 1].database = NULL;
    CASE("it names no database");
    s[n - 1].database = "";
    CASE("it names no table");
    s[n - 1].flow = NULL;
    CASE("it names no table");
    s[n - 1].collection = "";
    CASE("no key column");
    s[n - 1].key_count = 0;
    CASE("column cannot be REAL");
    s[n - 1].keys = real_key;
    CASE("appears twice");
    s[n - 1].values = twice;
    s[n - 1].value_count = 1;
    CASE("type is not one");
    s[n - 1].values = no_type;
    s[n - 1].value_count = 1;
    CASE("sqlite_");
    s[n - 1].values = bad_name;
    s[n - 1].value_count = 1;
    CASE("a column name must be");
    s[n - 1].values = null_name;
    s[n - 1].value_count = 1;
    CASE("table");
    s[n - 1].table = "";
    CASE("_d1t_");
    s[n - 1].flow = "_d1t";
    CASE("a flag is not");
    s[n - 1].flags = D1T_BY_USER;
    CASE("a list of fields is NULL");
    s[n - 1].values = NULL;
#undef CASE
    for (i = 0; i < n; i++) {
        CHECK(build(&s[i], 1, &r) < 0);
        says(error.text, parts[i]);
        d1t_arena_free(&arena);
    }
}

static void test_without_memory_nothing_is_built(void)
{
    checked_alloc a;
    d1t_target_spec s = spec_of("pages");
    d1t_target_resource r;

    memset(&a, 0, sizeof a);
    a.fail_at = 1;
    d1t_arena_init(&arena, checked_allocator(&a), 0);
    CHECK_INT(build(&s, 1, &r), D1T_ERR_NOMEM);
    CHECK_INT(error.code, D1T_ERR_NOMEM);
    d1t_arena_free(&arena);
    CHECK_INT(a.live, 0);
    memset(&arena, 0, sizeof arena);
}

/* ---- specs as JSON */

static d1t_result read_spec(const char *json, d1t_target_spec *s)
{
    memset(&error, 0, sizeof error);
    return d1t_target_spec_from_json(d1t_cstr(json), &arena, s, &error);
}

static void test_a_spec_is_read_from_json_whatever_the_order_of_its_members(void)
{
    d1t_target_spec s;
    d1t_target_resource r;

    CHECK_INT(read_spec("{\"value_fields\":[{\"type\":\"Str\",\"name\":\"title\"},"
                        "{\"name\":\"at\",\"type\":\"timestamp\",\"nullable\":true},"
                        "{\"name\":\"v\",\"type\":\"Vector\",\"nullable\":false}],"
                        "\"flow\":\"docs\",\"collection\":\"pages\",\"account\":\"acc\",\"database\":\"main\","
                        "\"credential\":\"prod\",\"setup_by_user\":false,\"strict\":true,\"without_rowid\":true,"
                        "\"key_fields\":[{\"name\":\"id\",\"type\":\"Int64\"},{\"name\":\"part\",\"type\":\"uuid\"}],"
                        "\"indexes\":[{\"name\":\"by_title\",\"columns\":[\"title\"],\"unique\":true}],"
                        "\"foreign_keys\":[{\"parent\":\"p\",\"columns\":[\"id\"],\"on_delete\":\"cascade\"}],"
                        "\"commands\":[{\"name\":\"x\",\"setup\":\"SELECT 1\",\"teardown\":\"SELECT 2\"}]}",
                        &s),
              D1T_OK);
    CHECK_STR(error.text, "");
    CHECK_STR(s.flow, "docs");
    CHECK_STR(s.account, "acc");
    CHECK_STR(s.credential, "prod");
    CHECK(!s.table);
    CHECK(!s.setup_by_user);
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    CHECK_STR(r.key.table, "docs__pages");
    CHECK_STR(state_json(r.state),
              "{\"version\":1,\"name\":\"docs__pages\",\"columns\":["
              "{\"name\":\"id\",\"type\":\"integer\",\"key\":true},{\"name\":\"part\",\"type\":\"uuid\",\"key\":true},"
              "{\"name\":\"title\",\"type\":\"text\",\"not_null\":true},{\"name\":\"at\",\"type\":\"timestamp\"},"
              "{\"name\":\"v\",\"type\":\"vector\",\"not_null\":true}],"
              "\"indexes\":[{\"name\":\"by_title\",\"columns\":[\"title\"],\"unique\":true}],"
              "\"foreign_keys\":[{\"parent\":\"p\",\"columns\":[\"id\"],\"on_delete\":\"cascade\"}],"
              "\"commands\":[{\"name\":\"x\",\"setup\":\"SELECT 1\",\"teardown\":\"SELECT 2\"}],"
              "\"strict\":true,\"without_rowid\":true}");
    d1t_arena_free(&arena);
}

static void test_a_spec_in_json_can_name_its_table_and_leave_the_setup_to_the_user(void)
{
    d1t_target_spec s;

    CHECK_INT(read_spec("{\"table\":\"t\",\"database\":\"main\",\"setup_by_user\":true,\"key_fields\":[],"
                        "\"value_fields\":[]}",
                        &s),
              D1T_OK);
    CHECK_STR(s.table, "t");
    CHECK(s.setup_by_user);
    CHECK_INT(s.flags, 0);
    CHECK_INT(s.key_count, 0);
    CHECK_INT(read_spec("{\"vector_indexes\":[{\"field\":\"v\"},{\"field\":\"w\"}]}", &s), D1T_OK);
    CHECK_INT(s.vector_index_count, 2);
    CHECK_STR(s.vector_indexes[1].field, "w");
    d1t_arena_free(&arena);
}

static void test_a_token_in_a_spec_is_refused_by_name_and_never_repeated(void)
{
    static const char *const names[] = {"api_token", "API_TOKEN", "token", "secret", "password", "cf_api_key"};
    char json[200];
    d1t_target_spec s;
    size_t i;

    for (i = 0; i < COUNT(names); i++) {
        sprintf(json, "{\"flow\":\"f\",\"%s\":\"s3cr3t-value\"}", names[i]);
        CHECK_INT(read_spec(json, &s), D1T_ERR_CONFIG);
        says(error.text, "does not belong into a spec");
        says(error.text, "\"credential\"");
        CHECK(!strstr(error.text, "s3cr3t"));
        d1t_arena_free(&arena);
    }
}

static void test_a_spec_in_json_is_read_strictly(void)
{
    static const struct {
        const char *json;
        d1t_result result;
        const char *says;
    } cases[] = {
        {"", D1T_ERR_JSON, "not valid JSON"},
        {"{\"flow\":\"f\"", D1T_ERR_JSON, "not valid JSON"},
        {"[]", D1T_ERR_TABLE, "a value does not fit"},
        {"\"x\"", D1T_ERR_TABLE, "a value does not fit"},
        {"true", D1T_ERR_TABLE, "a value does not fit"},
        {"{\"flows\":\"f\"}", D1T_ERR_TABLE, "unknown member flows"},
        {"{\"flow\":\"f\",\"flow\":\"g\"}", D1T_ERR_TABLE, "twice: flow"},
        {"{\"flow\":1}", D1T_ERR_TABLE, "fit member flow"},
        {"{\"flow\":null}", D1T_ERR_TABLE, "fit member flow"},
        {"{\"flow\":true}", D1T_ERR_TABLE, "fit member flow"},
        {"{\"flow\":[]}", D1T_ERR_TABLE, "fit member flow"},
        {"{\"flow\":{}}", D1T_ERR_TABLE, "fit member flow"},
        {"{\"flow\":\"a\\u0000b\"}", D1T_ERR_TABLE, "a NUL is in a"},
        {"{\"strict\":\"yes\"}", D1T_ERR_TABLE, "fit member strict"},
        {"{\"key_fields\":\"id\"}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[\"id\"]}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[true]}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[[]]}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":{}}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[{\"name\":1}]}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[{\"name\":true}]}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[{\"name\":{}}]}", D1T_ERR_TABLE, "fit member key_fields"},
        {"{\"key_fields\":[{\"nmae\":\"x\"}]}", D1T_ERR_TABLE, "nmae"},
        {"{\"key_fields\":[{\"name\":\"x\",\"type\":\"Strr\"}]}", D1T_ERR_TABLE, "unknown type Strr"},
        {"{\"key_fields\":[{\"nullable\":\"no\"}]}", D1T_ERR_TABLE, "nullable is true or false"},
        {"{\"vector_indexes\":[{\"name\":\"v\"}]}", D1T_ERR_TABLE, "name"},
        {"{\"indexes\":[{\"nme\":\"v\"}]}", D1T_ERR_TABLE, "nme"},
        {"{\"indexes\":[{\"name\":\"v\",\"columns\":[1]}]}", D1T_ERR_TABLE, ""},
        {"{\"foreign_keys\":[{\"parent\":\"p\",\"on_delete\":\"explode\"}]}", D1T_ERR_TABLE, "explode"},
        {"{\"flow\":[[[[[[]]]]]]}", D1T_ERR_TABLE, ""},
    };
    d1t_target_spec s;
    size_t i;

    for (i = 0; i < COUNT(cases); i++) {
        CHECK_INT(read_spec(cases[i].json, &s), cases[i].result);
        if (!strstr(error.text, cases[i].says)) CHECK_STR(error.text, cases[i].says);
        CHECK(error.text[0] != 0);
        d1t_arena_free(&arena);
    }
}

static void test_without_memory_no_spec_is_read(void)
{
    static const char json[] = "{\"flow\":\"f\",\"key_fields\":[{\"name\":\"id\",\"type\":\"Str\"}],"
                               "\"indexes\":[{\"name\":\"i\",\"columns\":[\"id\"]}]}";
    checked_alloc a;
    d1t_target_spec s;
    d1t_result result;
    size_t i;

    for (i = 1;; i++) {
        memset(&a, 0, sizeof a);
        a.fail_at = i;
        d1t_arena_init(&arena, checked_allocator(&a), 0);
        result = read_spec(json, &s);
        d1t_arena_free(&arena);
        CHECK_INT(a.live, 0);
        CHECK_INT(error.code, result);
        if (result == D1T_OK || i > 50) break;
        CHECK_INT(result, D1T_ERR_NOMEM);
    }
    CHECK_INT(result, D1T_OK);
    CHECK(i > 2);
    memset(&arena, 0, sizeof arena);
}

static void test_every_value_type_of_recoco_and_of_tables_has_a_column_type(void)
{
    static const struct {
        const char *word;
        d1t_type type;
    } cases[] = {
        {"Bytes", D1T_BLOB},
        {"Str", D1T_TEXT},
        {"Bool", D1T_BOOL},
        {"Int64", D1T_INTEGER},
        {"Float32", D1T_REAL},
        {"Float64", D1T_REAL},
        {"Range", D1T_TEXT},
        {"Uuid", D1T_UUID},
        {"Date", D1T_DATE},
        {"Time", D1T_TIME},
        {"LocalDateTime", D1T_TIMESTAMP},
        {"OffsetDateTime", D1T_TIMESTAMPTZ},
        {"TimeDelta", D1T_INTEGER},
        {"Json", D1T_JSON},
        {"Vector", D1T_VECTOR},
        {"Union", D1T_JSON},
        {"Struct", D1T_JSON},
        {"UTable", D1T_JSON},
        {"KTable", D1T_JSON},
        {"LTable", D1T_JSON},
        {"integer", D1T_INTEGER},
        {"real", D1T_REAL},
        {"text", D1T_TEXT},
        {"blob", D1T_BLOB},
        {"any", D1T_ANY},
        {"bool", D1T_BOOL},
        {"json", D1T_JSON},
        {"uuid", D1T_UUID},
        {"date", D1T_DATE},
        {"time", D1T_TIME},
        {"timestamp", D1T_TIMESTAMP},
        {"timestamptz", D1T_TIMESTAMPTZ},
        {"vector", D1T_VECTOR},
        {"", (d1t_type)0},
        {"str", (d1t_type)0},
        {"STR", (d1t_type)0},
    };
    size_t i;

    for (i = 0; i < COUNT(cases); i++) CHECK_INT(d1t_type_from_word(d1t_cstr(cases[i].word)), cases[i].type);
}

/* ---- targets by name */

static void test_targets_are_found_by_name_and_no_name_is_taken_twice(void)
{
    const d1t_target *list[2];
    d1t_target other = *d1t_d1_target(), nameless = other, third = other;
    d1t_registry registry;

    other.name = "postgres";
    nameless.name = "";
    third.name = "third";
    d1t_registry_init(&registry, list, 2);
    CHECK(!d1t_registry_find(&registry, d1t_cstr("d1")));
    CHECK_INT(d1t_registry_add(&registry, d1t_d1_target()), D1T_OK);
    CHECK_INT(d1t_registry_add(&registry, d1t_d1_target()), D1T_ERR_NAME);
    CHECK_INT(d1t_registry_add(&registry, NULL), D1T_ERR_ARG);
    CHECK_INT(d1t_registry_add(&registry, &nameless), D1T_ERR_ARG);
    CHECK_INT(d1t_registry_add(&registry, &other), D1T_OK);
    CHECK_INT(d1t_registry_add(&registry, &third), D1T_ERR_SPACE);
    CHECK(d1t_registry_find(&registry, d1t_cstr("d1")) == d1t_d1_target());
    CHECK(d1t_registry_find(&registry, d1t_cstr("postgres")) == &other);
    CHECK(!d1t_registry_find(&registry, d1t_cstr("D1")));
    CHECK(!d1t_registry_find(&registry, d1t_cstr("third")));
}

static void test_the_d1_target_is_named_d1_and_speaks_of_its_keys(void)
{
    const d1t_target *d1 = d1t_d1_target();
    d1t_setup_key key = {"main", "pages"}, back;
    d1t_writer w;
    bool canonical = false;

    CHECK_STR(d1->name, "d1");
    memset(text, 0, sizeof text);
    d1t_writer_fixed(&w, text, sizeof text);
    d1->describe_resource(d1->self, &key, &w);
    CHECK_STR(text, "D1 table: main.pages");
    memset(text, 0, sizeof text);
    d1t_writer_fixed(&w, text, sizeof text);
    d1->key_to_json(d1->self, &key, &w);
    CHECK_STR(text, "{\"database\":\"main\",\"table\":\"pages\"}");
    CHECK_INT(d1->key_from_json(d1->self, d1t_cstr("{\"database_id\":\"main\",\"table_name\":\"pages\"}"), &arena,
                                &back, &canonical, NULL),
              D1T_OK);
    CHECK(!canonical);
    CHECK_INT(d1t_setup_key_compare(&key, &back), 0);
    d1t_arena_free(&arena);
}

static void key_of_node(void *self, const d1t_target_resource *resource, const d1t_target_row *row, d1t_writer *w)
{
    CHECK(self == text);
    CHECK(resource != NULL);
    d1t_write_int(w, row->values[0].u.i);
}

static void test_the_additional_key_of_a_row_is_null_unless_the_target_extracts_one(void)
{
    const d1t_target *d1 = d1t_d1_target();
    d1t_target graph = *d1;
    d1t_target_spec s = spec_of("pages");
    d1t_target_resource r;
    const d1t_target_row row = ROW(I(7), I(8));
    d1t_writer w;
    char out[8] = "";

    CHECK_INT(build(&s, 1, &r), D1T_OK);
    d1t_writer_fixed(&w, out, sizeof out);
    d1t_target_additional_key(d1, &r, &row, &w);
    CHECK_STR(out, "null");
    memset(out, 0, sizeof out);
    d1t_writer_fixed(&w, out, sizeof out);
    graph.self = text;
    graph.extract_additional_key = key_of_node;
    d1t_target_additional_key(&graph, &r, &row, &w);
    CHECK_STR(out, "7");
    d1t_arena_free(&arena);
}

/* ---- a lab of two databases, "main" and "other", with the tables parent, child (references parent) and note */

static local_d1 *main_d1, *other_d1;
static d1t_target_job job;
static size_t max_body;
static checked_alloc *alloc;
static bool isolate;
static char told[400]; /* "main ok, other D1T_ERR_..." */
static const char *unknown_database;
static uint64_t rows_written;

static d1t_result resolve(void *ctx, const char *credential, const char *database, d1t_config *out)
{
    CHECK(ctx == told);
    CHECK(!credential || strcmp(credential, "prod") == 0);
    if (unknown_database && strcmp(database, unknown_database) == 0) return D1T_ERR_NOT_FOUND;
    out->account = "0123456789abcdef0123456789abcdef";
    out->token = LAB_TOKEN;
    out->transport = local_d1_transport(strcmp(database, "main") == 0 ? main_d1 : other_d1);
    out->max_body = max_body;
    out->isolate = isolate;
    out->seed = 1;
    if (alloc) out->allocator = checked_allocator(alloc);
    return D1T_OK;
}

static void on_database(void *ctx, const char *database, const d1t_error *e, const d1t_stats *stats, bool ignored)
{
    CHECK(ctx == told);
    rows_written += stats->rows_written;
    sprintf(strchr(told, 0), "%s%s %s%s", told[0] ? ", " : "", database, e->code ? d1t_result_name(e->code) : "ok",
            ignored ? " ignored" : "");
}

static d1t_target_desc desc_of(void)
{
    d1t_target_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.resolve = resolve;
    desc.on_database = on_database;
    desc.ctx = told;
    if (alloc) desc.allocator = checked_allocator(alloc);
    told[0] = 0;
    rows_written = 0;
    return desc;
}

static const d1t_column parent_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0)};
static const d1t_column child_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                           D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY),
                                           D1T_COLUMN("text", D1T_TEXT, D1T_NOT_NULL)};
static const d1t_column note_columns[] = {D1T_COLUMN("key", D1T_TEXT, D1T_KEY)};
static const char *const on_id[] = {"id"};
static const d1t_foreign_key child_parents[] = {D1T_REFERENCES(on_id, "parent", D1T_NO_ACTION)};
static const d1t_table parent_table = D1T_TABLE("parent", parent_columns), note_table = D1T_TABLE("note", note_columns),
                       child_table = {"child", child_columns, 3, NULL, 0, child_parents, 1, NULL, 0, 0, NULL, 0, NULL};

static const d1t_target_resource parent = {{"main", "parent"}, NULL, "prod", &parent_table},
                                 child = {{"main", "child"}, NULL, "prod", &child_table},
                                 note = {{"main", "note"}, NULL, NULL, &note_table},
                                 other_note = {{"other", "note"}, NULL, NULL, &note_table};

static void open_databases(void)
{
    main_d1 = lab_open();
    other_d1 = lab_open();
    max_body = 0;
    alloc = NULL;
    isolate = false;
    unknown_database = NULL;
}

static void close_databases(void)
{
    d1t_target_end(&job);
    local_d1_close(main_d1);
    local_d1_close(other_d1);
}

static void open_lab(void)
{
    local_d1 *both[2];
    size_t i;

    open_databases();
    both[0] = main_d1;
    both[1] = other_d1;
    for (i = 0; i < 2; i++)
        CHECK(lab_exec(both[i], "CREATE TABLE parent(id INTEGER NOT NULL PRIMARY KEY, name TEXT);"
                                "CREATE TABLE child(id INTEGER NOT NULL REFERENCES parent, nth INTEGER NOT NULL,"
                                "text TEXT NOT NULL CHECK(text <> 'bad'), PRIMARY KEY(id, nth));"
                                "CREATE TABLE note(key TEXT NOT NULL PRIMARY KEY)"));
}

static d1t_result mutate(const d1t_mutation *mutations, size_t count)
{
    d1t_target_desc desc = desc_of();

    return d1t_target_apply_mutation(&job, d1t_d1_target(), &desc, mutations, count);
}

static void test_rows_of_many_tables_reach_their_databases(void)
{
    const d1t_target_row children[] = {ROW(I(1), I(1), T("a")), ROW(I(1), I(2), T("b"))},
                         parents[] = {ROW(I(1), T("p"))}, notes[] = {ROW(T("x")), ROW(T("y"))};
    const d1t_mutation m[] = {
        {&child, children, 2, NULL, 0}, {&other_note, notes, 2, NULL, 0}, {&parent, parents, 1, NULL, 0}};

    open_lab();
    CHECK_INT(mutate(m, 3), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM child"), 2);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM parent"), 1);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM note"), 0);
    CHECK_INT(lab_int(other_d1, "SELECT count(*) FROM note"), 2);
    CHECK_INT(lab_int(other_d1, "SELECT count(*) FROM child"), 0);
    CHECK_STR(told, "main ok, other ok");
    CHECK_INT(job.databases, 2);
    CHECK_INT(job.failed, 0);
    CHECK(!job.database);
    close_databases();
}

static void test_a_database_takes_one_client_and_one_request_for_all_its_tables(void)
{
    const d1t_target_row children[] = {ROW(I(1), I(1), T("a"))}, parents[] = {ROW(I(1), T("p"))},
                         notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&child, children, 1, NULL, 0},
                              {&note, notes, 1, NULL, 0},
                              {&other_note, notes, 1, NULL, 0},
                              {&parent, parents, 1, NULL, 0}};

    open_lab();
    CHECK_INT(mutate(m, 4), D1T_OK);
    CHECK_INT(local_d1_requests(main_d1), 1);
    CHECK_INT(local_d1_requests(other_d1), 1);
    close_databases();
}

static void test_the_same_rows_again_write_nothing(void)
{
    const d1t_target_row children[] = {ROW(I(1), I(1), T("a"))}, parents[] = {ROW(I(1), T("p"))},
                         gone[] = {ROW(T("x"))};
    const d1t_mutation m[] = {
        {&child, children, 1, NULL, 0}, {&note, NULL, 0, gone, 1}, {&parent, parents, 1, NULL, 0}};

    open_lab();
    CHECK_INT(mutate(m, 3), D1T_OK);
    CHECK(rows_written > 0);
    CHECK_INT(mutate(m, 3), D1T_OK);
    CHECK_INT(rows_written, 0);
    close_databases();
}

static void test_nothing_to_do_sends_nothing(void)
{
    const d1t_mutation m[] = {{&child, NULL, 0, NULL, 0}};

    open_lab();
    CHECK_INT(mutate(NULL, 0), D1T_OK);
    CHECK_INT(job.databases, 0);
    CHECK_INT(mutate(m, 1), D1T_OK);
    CHECK_INT(local_d1_requests(main_d1), 0);
    close_databases();
}

/* Rows enough for several batches of 8,000 bytes. */
#define MANY 400
static d1t_value many_values[MANY][5];
static d1t_target_row many_parents[MANY], many_children[MANY], many_parent_keys[MANY], many_child_keys[MANY];

static void make_many(void)
{
    size_t i;

    for (i = 0; i < MANY; i++) {
        d1t_value *v = many_values[i];

        v[0] = I((int64_t)i);
        v[1] = T("a parent's name that is not short");
        v[2] = I((int64_t)i);
        v[3] = I(1);
        v[4] = T("a child's text that is not short");
        many_parents[i].values = v;
        many_parents[i].count = 2;
        many_children[i].values = v + 2;
        many_children[i].count = 3;
        many_parent_keys[i].values = v;
        many_parent_keys[i].count = 1;
        many_child_keys[i].values = v + 2;
        many_child_keys[i].count = 2;
    }
}

static void test_parents_come_first_and_children_go_first_over_many_batches(void)
{
    const d1t_mutation in[] = {{&child, many_children, MANY, NULL, 0}, {&parent, many_parents, MANY, NULL, 0}};
    const d1t_mutation out[] = {{&parent, NULL, 0, many_parent_keys, MANY}, {&child, NULL, 0, many_child_keys, MANY}};

    open_lab();
    make_many();
    max_body = 8000;
    CHECK_INT(mutate(in, 2), D1T_OK);
    CHECK(local_d1_requests(main_d1) > 4);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM child"), MANY);
    CHECK_INT(mutate(out, 2), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT (SELECT count(*) FROM child) + (SELECT count(*) FROM parent)"), 0);
    close_databases();
}

static void test_upserts_come_before_deletes_so_that_a_child_can_move_to_a_new_parent(void)
{
    const d1t_target_row old_parent[] = {ROW(I(1), T("old"))}, old_child[] = {ROW(I(1), I(1), T("c"))},
                         new_parent[] = {ROW(I(2), T("new"))}, new_child[] = {ROW(I(2), I(1), T("c"))},
                         old_parent_key[] = {ROW(I(1))}, old_child_key[] = {ROW(I(1), I(1))};
    const d1t_mutation before[] = {{&child, old_child, 1, NULL, 0}, {&parent, old_parent, 1, NULL, 0}},
                       after[] = {{&parent, new_parent, 1, old_parent_key, 1},
                                  {&child, new_child, 1, old_child_key, 1}};

    open_lab();
    CHECK_INT(mutate(before, 2), D1T_OK);
    CHECK_INT(mutate(after, 2), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT id FROM child"), 2);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM parent WHERE id = 1"), 0);
    close_databases();
}

/* ---- errors */

static void test_a_row_of_the_wrong_length_is_named_and_nothing_is_sent(void)
{
    const d1t_target_row notes[] = {ROW(T("x"))}, children[] = {ROW(I(1), I(1), T("a")), ROW(I(1), I(1))},
                         key[] = {ROW(I(1))}, none[] = {{NULL, 3, {NULL, 0}}};
    const d1t_mutation upsert[] = {{&other_note, notes, 1, NULL, 0}, {&child, children, 2, NULL, 0}},
                       delete[] = {{&other_note, notes, 1, NULL, 0}, {&child, children, 1, key, 1}},
                       null[] = {{&child, none, 1, NULL, 0}};

    open_lab();
    CHECK_INT(mutate(upsert, 2), D1T_ERR_VALUE);
    CHECK_STR(job.error.text, "table child, upsert 2: 2 values given, 3 wanted (its keys, then its values)");
    CHECK_STR(job.error.table, "child");
    CHECK_INT(job.error.row, 2);
    CHECK_STR(job.database, "main");
    CHECK_INT(job.mutation, 1);
    CHECK_INT(job.row, 1);
    CHECK(!job.in_deletes);
    CHECK_INT(mutate(delete, 2), D1T_ERR_VALUE);
    CHECK_STR(job.error.text, "table child, delete 1: 1 values given, 2 wanted (its keys)");
    CHECK(job.in_deletes);
    CHECK_INT(mutate(null, 1), D1T_ERR_VALUE);
    says(job.error.text, "upsert 1: 0 values given");
    CHECK_INT(local_d1_requests(main_d1) + local_d1_requests(other_d1), 0);
    close_databases();
}

static void test_a_value_that_does_not_fit_is_named_and_the_other_databases_are_done(void)
{
    const d1t_target_row parents[] = {ROW(I(1), T("p")), ROW(I(2), T("q"))}, notes[] = {ROW(T("x"))},
                         children[] = {ROW(I(1), I(1), T("a")), ROW(I(2), T("two"), T("b"))};
    const d1t_mutation m[] = {
        {&child, children, 2, NULL, 0}, {&parent, parents, 2, NULL, 0}, {&other_note, notes, 1, NULL, 0}};

    open_lab();
    CHECK_INT(mutate(m, 3), D1T_ERR_VALUE);
    says(job.error.text, "table child, column nth, row 4");
    CHECK_STR(job.error.column, "nth");
    CHECK_STR(job.database, "main");
    CHECK_INT(job.mutation, 0);
    CHECK_INT(job.row, 1);
    CHECK_STR(told, "main D1T_ERR_VALUE, other ok");
    CHECK_INT(local_d1_requests(main_d1), 0);
    CHECK_INT(lab_int(other_d1, "SELECT count(*) FROM note"), 1);
    close_databases();
}

static void test_a_row_that_a_constraint_refuses_is_found_and_named_even_with_isolate(void)
{
    const d1t_target_row parents[] = {ROW(I(1), T("p"))}, gone[] = {ROW(T("x"))},
                         children[] = {ROW(I(1), I(1), T("a")), ROW(I(1), I(2), T("bad")), ROW(I(1), I(3), T("c"))};
    const d1t_mutation m[] = {
        {&note, NULL, 0, gone, 1}, {&child, children, 3, NULL, 0}, {&parent, parents, 1, NULL, 0}};

    open_lab();
    isolate = true;
    CHECK_INT(mutate(m, 3), D1T_ERR_CONSTRAINT);
    CHECK_STR(job.error.table, "child");
    CHECK_INT(job.mutation, 1);
    CHECK_INT(job.row, 1);
    CHECK(!job.in_deletes);
    CHECK_INT(lab_int(main_d1, "SELECT (SELECT count(*) FROM child) + (SELECT count(*) FROM parent)"), 0);
    close_databases();
}

static void test_a_delete_that_a_constraint_refuses_is_found_and_named(void)
{
    const d1t_target_row parents[] = {ROW(I(1), T("p")), ROW(I(2), T("q"))}, children[] = {ROW(I(2), I(1), T("a"))},
                         keys[] = {ROW(I(1)), ROW(I(2))};
    const d1t_mutation in[] = {{&parent, parents, 2, NULL, 0}, {&child, children, 1, NULL, 0}},
                       out[] = {{&child, NULL, 0, NULL, 0}, {&parent, NULL, 0, keys, 2}};

    open_lab();
    CHECK_INT(mutate(in, 2), D1T_OK);
    CHECK_INT(mutate(out, 2), D1T_ERR_CONSTRAINT);
    CHECK_INT(job.mutation, 1);
    CHECK_INT(job.row, 1);
    CHECK(job.in_deletes);
    close_databases();
}

static void test_a_database_that_fails_does_not_stop_the_others_and_the_first_error_stays(void)
{
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&note, notes, 1, NULL, 0}, {&other_note, notes, 1, NULL, 0}};

    open_lab();
    local_d1_set_fault(main_d1, LOCAL_D1_DB_FULL, 1, UINT64_MAX);
    CHECK_INT(mutate(m, 2), D1T_ERR_DB_FULL);
    CHECK_STR(job.database, "main");
    CHECK_STR(told, "main D1T_ERR_DB_FULL, other ok");
    CHECK_INT(job.failed, 1);
    CHECK_INT(job.databases, 2);
    CHECK_INT(job.mutation, SIZE_MAX);
    CHECK_INT(lab_int(other_d1, "SELECT count(*) FROM note"), 1);
    local_d1_set_fault(other_d1, LOCAL_D1_DAY_LIMIT, 1, UINT64_MAX);
    CHECK_INT(mutate(m, 2), D1T_ERR_DB_FULL);
    CHECK_INT(job.failed, 2);
    local_d1_set_fault(main_d1, LOCAL_D1_OK, 1, UINT64_MAX);
    local_d1_set_fault(other_d1, LOCAL_D1_OK, 1, UINT64_MAX);
    CHECK_INT(mutate(m, 2), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM note"), 1);
    close_databases();
}

static void test_a_database_that_cannot_be_resolved_or_opened_is_named(void)
{
    static const d1t_target_resource bad = {{"no/id", "note"}, NULL, NULL, &note_table};
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&other_note, notes, 1, NULL, 0}, {&note, notes, 1, NULL, 0}, {&bad, notes, 1, NULL, 0}};

    open_lab();
    unknown_database = "other";
    CHECK_INT(mutate(m, 3), D1T_ERR_NOT_FOUND);
    CHECK_STR(job.error.text, "no configuration for database other");
    CHECK_STR(told, "other D1T_ERR_NOT_FOUND, main ok, no/id D1T_ERR_CONFIG");
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM note"), 1);
    close_databases();
}

static void test_lost_answers_are_asked_again_and_every_row_arrives_once(void)
{
    const d1t_mutation m[] = {{&child, many_children, MANY, NULL, 0}, {&parent, many_parents, MANY, NULL, 0}};

    open_lab();
    make_many();
    max_body = 8000;
    local_d1_set_fault(main_d1, LOCAL_D1_LOSE_AFTER, 2, 2);
    CHECK_INT(mutate(m, 2), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM child"), MANY);
    close_databases();
}

static void test_what_is_missing_is_refused_before_anything_is_sent(void)
{
    static const d1t_target_resource stateless = {{"main", "note"}, NULL, NULL, NULL},
                                     keyless = {{NULL, "note"}, NULL, NULL, &note_table};
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&note, notes, 1, NULL, 0}}, no_resource[] = {{NULL, notes, 1, NULL, 0}},
                       no_state[] = {{&stateless, notes, 1, NULL, 0}}, no_key[] = {{&keyless, notes, 1, NULL, 0}},
                       no_rows[] = {{&note, NULL, 1, NULL, 0}};
    d1t_target_desc desc = desc_of(), none = desc;

    open_lab();
    none.resolve = NULL;
    CHECK_INT(d1t_target_apply_mutation(NULL, d1t_d1_target(), &desc, m, 1), D1T_ERR_ARG);
    CHECK_INT(d1t_target_apply_mutation(&job, NULL, &desc, m, 1), D1T_ERR_ARG);
    CHECK_INT(d1t_target_apply_mutation(&job, d1t_d1_target(), NULL, m, 1), D1T_ERR_ARG);
    CHECK_INT(d1t_target_apply_mutation(&job, d1t_d1_target(), &none, m, 1), D1T_ERR_ARG);
    CHECK_INT(mutate(NULL, 1), D1T_ERR_ARG);
    CHECK_INT(mutate(no_resource, 1), D1T_ERR_ARG);
    CHECK_INT(mutate(no_state, 1), D1T_ERR_ARG);
    CHECK_INT(mutate(no_key, 1), D1T_ERR_ARG);
    CHECK_INT(mutate(no_rows, 1), D1T_ERR_ARG);
    CHECK(job.error.text[0] != 0);
    CHECK_INT(local_d1_requests(main_d1), 0);
    close_databases();
}

static void test_no_memory_is_an_ordinary_error_and_all_of_it_is_given_back(void)
{
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&note, notes, 1, NULL, 0}, {&other_note, notes, 1, NULL, 0}};
    checked_alloc a;
    d1t_result result;
    size_t i;

    for (i = 1; i < 100; i++) {
        open_lab();
        memset(&a, 0, sizeof a);
        a.fail_at = i;
        alloc = &a;
        result = mutate(m, 2);
        CHECK_INT(a.live, 0);
        CHECK(result == D1T_OK || result == D1T_ERR_NOMEM);
        close_databases();
        if (result == D1T_OK && a.calls < i) break;
    }
    CHECK(i > 4 && i < 100);
}

static void test_the_token_does_not_stay_in_the_job(void)
{
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&note, notes, 1, NULL, 0}};
    const char *at = (const char *)&job, *end = at + sizeof job - sizeof LAB_TOKEN;
    const char *token = LAB_TOKEN;
    size_t i, found = 0;

    open_lab();
    CHECK_INT(mutate(m, 1), D1T_OK);
    for (; at < end; at++) found += memcmp(at, LAB_TOKEN, sizeof LAB_TOKEN - 1) == 0;
    for (i = 0; i + sizeof token <= sizeof job; i += sizeof token)
        found += memcmp((const char *)&job + i, &token, sizeof token) == 0;
    CHECK_INT(found, 0);
    close_databases();
}

/* ---- driven */

static const char *meanwhile; /* NULL, or what another program does to main before the last request */

static d1t_step drive(size_t stop_after)
{
    uint64_t now = 1000000;
    d1t_todo todo;
    d1t_step step;
    size_t sent = 0;
    d1t_transport t;

    while ((step = d1t_target_next(&job, now, &todo)) != D1T_DONE && step != D1T_FAIL) {
        if (step == D1T_WAIT) now = todo.wake_ms;
        if (step != D1T_SEND) continue;
        if (meanwhile && job.phase == D1T__TARGET_END)
            CHECK_INT(sqlite3_exec(local_d1_sqlite(main_d1), meanwhile, NULL, NULL, NULL), SQLITE_OK);
        if (sent++ == stop_after) return D1T_SEND;
        t = job.db.transport;
        d1t_op_on_end(todo.op, now, t.perform(t.ctx, todo.request, todo.op), 0);
    }
    return step;
}

static void test_the_driven_form_does_the_same_and_never_waits(void)
{
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&child, many_children, MANY, NULL, 0},
                              {&parent, many_parents, MANY, NULL, 0},
                              {&other_note, notes, 1, NULL, 0}};
    d1t_target_desc desc;
    uint64_t blocking;
    d1t_todo todo;

    open_lab();
    make_many();
    max_body = 8000;
    CHECK_INT(mutate(m, 3), D1T_OK);
    blocking = lab_digest(main_d1);
    close_databases();
    open_lab();
    max_body = 8000;
    desc = desc_of();
    CHECK_INT(d1t_target_mutation_start(&job, d1t_d1_target(), &desc, m, 3), D1T_OK);
    CHECK_INT(drive(SIZE_MAX), D1T_DONE);
    CHECK(lab_digest(main_d1) == blocking);
    CHECK_STR(told, "main ok, other ok");
    CHECK_INT(d1t_target_next(&job, 0, &todo), D1T_DONE);
    close_databases();
}

static void test_a_job_that_is_ended_early_gives_everything_back_and_says_so(void)
{
    const d1t_mutation m[] = {{&child, many_children, MANY, NULL, 0}, {&parent, many_parents, MANY, NULL, 0}};
    checked_alloc a;
    d1t_target_desc desc;
    d1t_todo todo;

    open_lab();
    make_many();
    max_body = 8000;
    memset(&a, 0, sizeof a);
    alloc = &a;
    desc = desc_of();
    CHECK_INT(d1t_target_mutation_start(&job, d1t_d1_target(), &desc, m, 2), D1T_OK);
    CHECK_INT(drive(3), D1T_SEND);
    CHECK(a.live > 0);
    d1t_target_end(&job);
    CHECK_INT(a.live, 0);
    CHECK_INT(job.error.code, D1T_ERR_CANCELED);
    CHECK_INT(d1t_target_next(&job, 0, &todo), D1T_FAIL);
    d1t_target_end(&job);
    close_databases();
}

static int calls_back;

static d1t_result resolve_again(void *ctx, const char *credential, const char *database, d1t_config *out)
{
    d1t_todo todo;

    calls_back++;
    CHECK_INT(d1t_target_next(&job, 0, &todo), D1T_FAIL);
    CHECK_INT(d1t_target_run(&job, NULL), D1T_ERR_BUSY);
    d1t_target_end(&job);
    return resolve(ctx, credential, database, out);
}

static void test_a_callback_cannot_call_into_its_job(void)
{
    const d1t_target_row notes[] = {ROW(T("x"))};
    const d1t_mutation m[] = {{&note, notes, 1, NULL, 0}};
    d1t_target_desc desc;

    open_lab();
    calls_back = 0;
    desc = desc_of();
    desc.resolve = resolve_again;
    CHECK_INT(d1t_target_apply_mutation(&job, d1t_d1_target(), &desc, m, 1), D1T_OK);
    CHECK_INT(calls_back, 1);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM note"), 1);
    close_databases();
}

/* ---- setup */

static d1t_effect allow;
static bool ignore;

static d1t_result set_up(const d1t_setup_change *changes, size_t count)
{
    d1t_target_desc desc = desc_of();

    desc.allow = allow;
    desc.ignore_drop_failures = ignore;
    return d1t_target_apply_setup(&job, d1t_d1_target(), &desc, changes, count);
}

static void open_empty(void)
{
    open_databases();
    allow = D1T_EFFECT_NONE;
    ignore = false;
}

static const char *tables_of(local_d1 *d)
{
    sqlite3_stmt *stmt = NULL;

    text[0] = 0;
    sqlite3_prepare_v2(local_d1_sqlite(d),
                       "SELECT group_concat(name, ' ') FROM (SELECT name FROM sqlite_schema WHERE name NOT LIKE "
                       "'sqlite_%' AND name <> '_d1t_setup' AND name NOT LIKE '_cf_%' ORDER BY name)",
                       -1, &stmt, NULL);
    if (stmt && sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_text(stmt, 0))
        strcpy(text, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return text;
}

static d1t_setup_change change(const char *database, const d1t_table *t)
{
    d1t_setup_change c;

    memset(&c, 0, sizeof c);
    c.resource.key.database = database;
    c.resource.key.table = t->name;
    c.resource.state = t;
    return c;
}

static d1t_setup_change drop(const char *database, const char *table, const d1t_combined_state *existing)
{
    d1t_setup_change c;

    memset(&c, 0, sizeof c);
    c.resource.key.database = database;
    c.resource.key.table = table;
    c.existing = existing;
    return c;
}

static void test_setup_makes_the_tables_of_every_database_and_a_second_run_changes_nothing(void)
{
    d1t_setup_change c[3];
    uint64_t digest;

    open_empty();
    c[0] = change("main", &child_table);
    c[1] = change("other", &note_table);
    c[2] = change("main", &parent_table);
    CHECK_INT(set_up(c, 3), D1T_OK);
    CHECK_STR(job.error.text, "");
    CHECK_STR(tables_of(main_d1), "child parent");
    CHECK_STR(tables_of(other_d1), "note");
    CHECK_STR(told, "main ok, other ok");
    digest = lab_digest(main_d1);
    CHECK_INT(set_up(c, 3), D1T_OK);
    CHECK_INT(rows_written, 0);
    CHECK(lab_digest(main_d1) == digest);
    close_databases();
}

static void test_setup_reads_the_real_database_and_not_what_the_engine_believes(void)
{
    static const d1t_combined_state believed = {&parent_table, NULL, 0, NULL};
    d1t_setup_change c = change("main", &parent_table);

    open_empty();
    c.existing = &believed;
    CHECK_INT(set_up(&c, 1), D1T_OK);
    CHECK_STR(tables_of(main_d1), "parent");
    CHECK(lab_exec(main_d1, "DROP TABLE parent"));
    CHECK_INT(set_up(&c, 1), D1T_OK);
    CHECK_STR(tables_of(main_d1), "parent");
    close_databases();
}

static const d1t_column wide_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0),
                                          D1T_COLUMN("extra", D1T_REAL, 0)};
static const d1t_table wide_table = D1T_TABLE("parent", wide_columns);

static void test_a_table_that_is_there_is_adopted_and_keeps_its_rows_when_it_changes(void)
{
    d1t_setup_change c = change("main", &wide_table);

    open_lab();
    allow = D1T_EFFECT_NONE;
    ignore = false;
    CHECK(lab_exec(main_d1, "INSERT INTO parent VALUES(1, 'p')"));
    CHECK_INT(set_up(&c, 1), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM parent WHERE name = 'p' AND extra IS NULL"), 1);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM _d1t_setup WHERE name = 'parent'"), 1);
    close_databases();
}

static void test_a_change_worse_than_allowed_is_refused_and_named_and_other_databases_are_done(void)
{
    d1t_setup_change c[2];

    open_empty();
    c[0] = change("main", &wide_table);
    CHECK_INT(set_up(c, 1), D1T_OK);
    CHECK(lab_exec(main_d1, "INSERT INTO parent VALUES(1, 'p', 0.5)"));
    c[0] = change("main", &parent_table);
    c[1] = change("other", &note_table);
    CHECK_INT(set_up(c, 2), D1T_ERR_SCHEMA);
    says(job.error.text, "column parent.extra");
    CHECK_STR(job.database, "main");
    CHECK_STR(told, "main D1T_ERR_SCHEMA, other ok");
    CHECK_INT(lab_int(main_d1, "SELECT count(extra) FROM parent"), 1);
    CHECK_STR(tables_of(other_d1), "note");
    allow = D1T_EFFECT_DESTRUCTIVE;
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(extra) FROM parent"), LAB_ERROR);
    close_databases();
}

static void test_a_table_that_is_to_go_is_dropped_and_no_other(void)
{
    d1t_setup_change c[3];

    open_empty();
    c[0] = change("main", &parent_table);
    c[1] = change("main", &child_table);
    c[2] = change("main", &note_table);
    CHECK_INT(set_up(c, 3), D1T_OK);
    CHECK(lab_exec(main_d1, "CREATE TABLE foreign_one(x)"));
    allow = D1T_EFFECT_DESTRUCTIVE;
    c[0] = drop("main", "note", NULL);
    CHECK_INT(set_up(c, 1), D1T_OK);
    CHECK_STR(tables_of(main_d1), "child foreign_one parent");
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM _d1t_setup WHERE name = 'note'"), 0);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM _d1t_setup WHERE name = 'child'"), 1);
    CHECK_INT(set_up(c, 1), D1T_OK); /* gone already */
    CHECK_STR(tables_of(main_d1), "child foreign_one parent");
    close_databases();
}

static void test_parents_and_children_can_go_together_with_their_rows(void)
{
    d1t_setup_change c[2];

    open_empty();
    c[0] = change("main", &parent_table);
    c[1] = change("main", &child_table);
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK(lab_exec(main_d1, "INSERT INTO parent VALUES(1, 'p'); INSERT INTO child VALUES(1, 1, 'c')"));
    allow = D1T_EFFECT_DESTRUCTIVE;
    c[0] = drop("main", "parent", NULL);
    c[1] = drop("main", "child", NULL);
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK_STR(tables_of(main_d1), "");
    close_databases();
}

static void test_one_table_can_come_while_another_goes(void)
{
    d1t_setup_change c[2];

    open_empty();
    c[0] = change("main", &note_table);
    CHECK_INT(set_up(c, 1), D1T_OK);
    allow = D1T_EFFECT_DESTRUCTIVE;
    c[0] = drop("main", "note", NULL);
    c[1] = change("main", &parent_table);
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK_STR(tables_of(main_d1), "parent");
    close_databases();
}

static void test_a_drop_has_to_be_allowed(void)
{
    d1t_setup_change c[1];

    open_empty();
    c[0] = change("main", &note_table);
    CHECK_INT(set_up(c, 1), D1T_OK);
    c[0] = drop("main", "note", NULL);
    allow = D1T_EFFECT_LOSSY;
    CHECK_INT(set_up(c, 1), D1T_ERR_SCHEMA);
    says(job.error.text, "- table note");
    CHECK_STR(tables_of(main_d1), "note");
    close_databases();
}

static void test_a_parent_that_others_still_reference_is_not_dropped(void)
{
    d1t_setup_change c[2];

    open_empty();
    c[0] = change("main", &parent_table);
    c[1] = change("main", &child_table);
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK(lab_exec(main_d1, "INSERT INTO parent VALUES(1, 'p'); INSERT INTO child VALUES(1, 1, 'c')"));
    allow = D1T_EFFECT_DESTRUCTIVE;
    c[0] = drop("main", "parent", NULL);
    CHECK_INT(set_up(c, 1), D1T_ERR_SCHEMA);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM child"), 1);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM parent"), 1);
    close_databases();
}

static void test_a_table_that_was_set_up_by_other_means_can_go_too(void)
{
    static const d1t_combined_state known = {&note_table, NULL, 0, NULL};
    d1t_setup_change c[2];

    open_lab();
    ignore = false;
    allow = D1T_EFFECT_DESTRUCTIVE;
    c[0] = drop("main", "note", &known); /* no records in this database */
    c[1] = drop("main", "CHILD", NULL);
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK_STR(job.error.text, "");
    CHECK_STR(tables_of(main_d1), "parent");
    close_databases();
}

static void test_tables_of_the_users_are_neither_changed_nor_dropped(void)
{
    static const d1t_table users = D1T_TABLE_FLAGS("note", note_columns, D1T_BY_USER),
                           users_wide = D1T_TABLE_FLAGS("parent", wide_columns, D1T_BY_USER);
    static const d1t_combined_state existing = {&users, NULL, 0, NULL};
    d1t_setup_change c[1];
    uint64_t digest;

    open_lab();
    ignore = false;
    allow = D1T_EFFECT_DESTRUCTIVE;
    digest = lab_digest(main_d1);
    c[0] = drop("main", "note", &existing);
    CHECK_INT(set_up(c, 1), D1T_OK);
    c[0] = change("main", &users);
    CHECK_INT(set_up(c, 1), D1T_OK);
    c[0] = change("main", &users_wide);
    CHECK_INT(set_up(c, 1), D1T_ERR_SCHEMA); /* verified, and told before a row fails */
    says(job.error.text, "parent.extra");
    CHECK(lab_digest(main_d1) == digest);
    close_databases();
}

static void test_a_drop_that_fails_can_be_ignored_and_is_told(void)
{
    d1t_setup_change c[3];

    open_empty();
    c[0] = change("other", &note_table);
    c[1] = change("main", &note_table);
    CHECK_INT(set_up(c, 2), D1T_OK);
    allow = D1T_EFFECT_DESTRUCTIVE;
    local_d1_set_fault(other_d1, LOCAL_D1_DB_FULL, 1, UINT64_MAX);
    c[0] = drop("other", "note", NULL);
    c[1] = drop("main", "note", NULL);
    CHECK_INT(set_up(c, 2), D1T_ERR_DB_FULL);
    CHECK_STR(told, "other D1T_ERR_DB_FULL, main ok");
    ignore = true;
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK_STR(told, "other D1T_ERR_DB_FULL ignored, main ok");
    CHECK_INT(job.ignored, 1);
    CHECK_INT(job.failed, 0);
    unknown_database = "other"; /* nor can it be reached */
    CHECK_INT(set_up(c, 2), D1T_OK);
    CHECK_STR(told, "other D1T_ERR_NOT_FOUND ignored, main ok");
    c[2] = change("other", &parent_table); /* but what is desired may not fail */
    CHECK_INT(set_up(c, 3), D1T_ERR_NOT_FOUND);
    close_databases();
}

/* The table note stands in main; what may be destructive is allowed. */
static d1t_target_desc a_note_stands(void)
{
    d1t_setup_change c = change("main", &note_table);
    d1t_target_desc desc;

    open_empty();
    CHECK_INT(set_up(&c, 1), D1T_OK);
    desc = desc_of();
    desc.allow = D1T_EFFECT_DESTRUCTIVE;
    return desc;
}

static void test_the_driven_setup_does_the_same(void)
{
    d1t_setup_change c[3];
    d1t_target_desc desc = a_note_stands();

    c[0] = drop("main", "note", NULL);
    c[1] = change("main", &parent_table);
    c[2] = change("other", &note_table);
    CHECK_INT(d1t_target_setup_start(&job, d1t_d1_target(), &desc, c, 3), D1T_OK);
    CHECK_INT(drive(SIZE_MAX), D1T_DONE);
    CHECK_STR(tables_of(main_d1), "parent");
    CHECK_STR(tables_of(other_d1), "note");
    close_databases();
}

static void test_a_drop_that_another_program_forestalls_is_a_conflict(void)
{
    d1t_setup_change c[1];
    d1t_target_desc desc = a_note_stands();

    c[0] = drop("main", "note", NULL);
    meanwhile = "ALTER TABLE note ADD COLUMN precious";
    CHECK_INT(d1t_target_setup_start(&job, d1t_d1_target(), &desc, c, 1), D1T_OK);
    CHECK_INT(drive(SIZE_MAX), D1T_FAIL);
    CHECK_INT(job.error.code, D1T_ERR_CONFLICT);
    CHECK(job.error.retryable);
    meanwhile = NULL;
    d1t_target_end(&job);
    CHECK_STR(tables_of(main_d1), "note");
    close_databases();
}

static void test_setup_without_memory_is_an_ordinary_error_and_all_of_it_is_given_back(void)
{
    d1t_setup_change c[2];
    checked_alloc a;
    d1t_result result = D1T_ERR_NOMEM;
    size_t i;

    for (i = 1; i < 400; i++) {
        open_lab();
        memset(&a, 0, sizeof a);
        a.fail_at = i;
        allow = D1T_EFFECT_DESTRUCTIVE;
        ignore = false;
        alloc = &a;
        c[0] = change("main", &wide_table);
        c[1] = drop("main", "note", NULL);
        result = set_up(c, 2);
        CHECK_INT(a.live, 0);
        CHECK(result == D1T_OK || result == D1T_ERR_NOMEM);
        close_databases();
        if (a.calls < i) break;
    }
    CHECK_INT(result, D1T_OK);
    CHECK(i > 10 && i < 400);
}

static void test_what_is_built_can_be_set_up_filled_changed_and_taken_away(void)
{
    d1t_target_spec s = spec_of("pages");
    d1t_target_resource r;
    const d1t_target_row rows[] = {ROW(I(1), T("one"), d1t_null())}, keys[] = {ROW(I(1))};
    d1t_mutation m = {&r, rows, 1, NULL, 0};
    d1t_setup_change c;

    open_empty();
    CHECK_INT(build(&s, 1, &r), D1T_OK);
    memset(&c, 0, sizeof c);
    c.resource = r;
    CHECK_INT(set_up(&c, 1), D1T_OK);
    CHECK_INT(mutate(&m, 1), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM docs__pages WHERE title = 'one'"), 1);
    CHECK_INT(mutate(&m, 1), D1T_OK);
    CHECK_INT(rows_written, 0);
    m.upsert_count = 0;
    m.deletes = keys;
    m.delete_count = 1;
    CHECK_INT(mutate(&m, 1), D1T_OK);
    CHECK_INT(lab_int(main_d1, "SELECT count(*) FROM docs__pages"), 0);
    c.resource.state = NULL;
    allow = D1T_EFFECT_DESTRUCTIVE;
    CHECK_INT(set_up(&c, 1), D1T_OK);
    CHECK_STR(tables_of(main_d1), "");
    close_databases();
    d1t_arena_free(&arena);
}

/* ---- a target of the program's own, that keeps rows in memory */

static size_t kept_rows;

static d1t_result memory_begin(void *self, d1t_target_job *j)
{
    CHECK(self == &kept_rows);
    (void)j;
    return D1T_OK;
}

static d1t_client *memory_next(void *self, d1t_target_job *j)
{
    size_t i;

    for (i = 0; i < j->count; i++) *(size_t *)self += j->mutations[i].upsert_count;
    return NULL;
}

static void memory_end(void *self, d1t_target_job *j)
{
    CHECK(self == &kept_rows);
    (void)j;
}

static void test_a_program_can_have_targets_of_its_own(void)
{
    const d1t_target_row notes[] = {ROW(T("x")), ROW(T("y"))};
    const d1t_mutation m[] = {{&note, notes, 2, NULL, 0}};
    const d1t_target *list[2];
    d1t_target memory = *d1t_d1_target();
    d1t_registry registry;
    d1t_target_desc desc = desc_of();

    kept_rows = 0;
    memory.name = "memory";
    memory.self = &kept_rows;
    memory.apply_mutation = memory.apply_setup_changes = memory_begin;
    memory.next = memory_next;
    memory.end = memory_end;
    d1t_registry_init(&registry, list, 2);
    CHECK_INT(d1t_registry_add(&registry, d1t_d1_target()), D1T_OK);
    CHECK_INT(d1t_registry_add(&registry, &memory), D1T_OK);
    CHECK_INT(d1t_target_apply_mutation(&job, d1t_registry_find(&registry, d1t_cstr("memory")), &desc, m, 1), D1T_OK);
    CHECK_INT(kept_rows, 2);
}

int main(void)
{
    RUN(test_a_name_keeps_letters_digits_and_underscores);
    RUN(test_a_name_keeps_letters_and_digits_of_every_script);
    RUN(test_a_collection_becomes_a_key_and_a_state);
    RUN(test_a_default_name_of_a_table_is_made_of_flow_and_collection);
    RUN(test_keys_come_first_and_are_never_null);
    RUN(test_a_collection_of_keys_alone_is_a_table);
    RUN(test_indexes_references_and_commands_of_a_spec_are_in_its_state);
    RUN(test_each_collection_is_built_once_and_no_table_twice);
    RUN(test_a_database_has_one_credential_and_one_account);
    RUN(test_a_vector_index_is_refused_with_the_reason);
    RUN(test_a_spec_that_cannot_be_a_table_is_refused_by_name);
    RUN(test_without_memory_nothing_is_built);
    RUN(test_a_spec_is_read_from_json_whatever_the_order_of_its_members);
    RUN(test_a_spec_in_json_can_name_its_table_and_leave_the_setup_to_the_user);
    RUN(test_a_token_in_a_spec_is_refused_by_name_and_never_repeated);
    RUN(test_a_spec_in_json_is_read_strictly);
    RUN(test_without_memory_no_spec_is_read);
    RUN(test_every_value_type_of_recoco_and_of_tables_has_a_column_type);
    RUN(test_targets_are_found_by_name_and_no_name_is_taken_twice);
    RUN(test_the_d1_target_is_named_d1_and_speaks_of_its_keys);
    RUN(test_the_additional_key_of_a_row_is_null_unless_the_target_extracts_one);
    RUN(test_rows_of_many_tables_reach_their_databases);
    RUN(test_a_database_takes_one_client_and_one_request_for_all_its_tables);
    RUN(test_the_same_rows_again_write_nothing);
    RUN(test_nothing_to_do_sends_nothing);
    RUN(test_parents_come_first_and_children_go_first_over_many_batches);
    RUN(test_upserts_come_before_deletes_so_that_a_child_can_move_to_a_new_parent);
    RUN(test_a_row_of_the_wrong_length_is_named_and_nothing_is_sent);
    RUN(test_a_value_that_does_not_fit_is_named_and_the_other_databases_are_done);
    RUN(test_a_row_that_a_constraint_refuses_is_found_and_named_even_with_isolate);
    RUN(test_a_delete_that_a_constraint_refuses_is_found_and_named);
    RUN(test_a_database_that_fails_does_not_stop_the_others_and_the_first_error_stays);
    RUN(test_a_database_that_cannot_be_resolved_or_opened_is_named);
    RUN(test_lost_answers_are_asked_again_and_every_row_arrives_once);
    RUN(test_what_is_missing_is_refused_before_anything_is_sent);
    RUN(test_no_memory_is_an_ordinary_error_and_all_of_it_is_given_back);
    RUN(test_the_token_does_not_stay_in_the_job);
    RUN(test_the_driven_form_does_the_same_and_never_waits);
    RUN(test_a_job_that_is_ended_early_gives_everything_back_and_says_so);
    RUN(test_a_callback_cannot_call_into_its_job);
    RUN(test_setup_makes_the_tables_of_every_database_and_a_second_run_changes_nothing);
    RUN(test_setup_reads_the_real_database_and_not_what_the_engine_believes);
    RUN(test_a_table_that_is_there_is_adopted_and_keeps_its_rows_when_it_changes);
    RUN(test_a_change_worse_than_allowed_is_refused_and_named_and_other_databases_are_done);
    RUN(test_a_table_that_is_to_go_is_dropped_and_no_other);
    RUN(test_parents_and_children_can_go_together_with_their_rows);
    RUN(test_one_table_can_come_while_another_goes);
    RUN(test_a_drop_has_to_be_allowed);
    RUN(test_a_parent_that_others_still_reference_is_not_dropped);
    RUN(test_a_table_that_was_set_up_by_other_means_can_go_too);
    RUN(test_tables_of_the_users_are_neither_changed_nor_dropped);
    RUN(test_a_drop_that_fails_can_be_ignored_and_is_told);
    RUN(test_the_driven_setup_does_the_same);
    RUN(test_a_drop_that_another_program_forestalls_is_a_conflict);
    RUN(test_setup_without_memory_is_an_ordinary_error_and_all_of_it_is_given_back);
    RUN(test_what_is_built_can_be_set_up_filled_changed_and_taken_away);
    RUN(test_a_program_can_have_targets_of_its_own);
    TEST_MAIN_END;
}
