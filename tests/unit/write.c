/* Room planning, >>write: every statement shape is prepared and executed by SQLite under D1's limits. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/script.h"
#include "../support/script_local.h"

static local_d1 *d1;
static sqlite3 *db;
static char sql[400000];

static void fresh(void)
{
    local_d1_close(d1);
    d1 = local_d1_open(NULL, NULL);
    db = local_d1_sqlite(d1);
}

/* Rows that one statement changed directly; -1: SQLite refused it. */
static int execute(const char *text, const char *const *params, int count)
{
    sqlite3_stmt *stmt = NULL;
    int i, rc = sqlite3_prepare_v2(db, text, -1, &stmt, NULL), before = sqlite3_total_changes(db);

    CHECK_INT(rc, SQLITE_OK);
    if (rc != SQLITE_OK) {
        printf("%s\n%.300s\n", sqlite3_errmsg(db), text);
        return -1;
    }
    CHECK_INT(sqlite3_bind_parameter_count(stmt), count);
    for (i = 0; i < count; i++)
        sqlite3_bind_text(stmt, i + 1, params[i], -1, SQLITE_STATIC);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
        ;
    rc = sqlite3_finalize(stmt);
    if (rc != SQLITE_OK)
        return -1;
    return sqlite3_total_changes(db) > before ? sqlite3_changes(db) : 0;
}

static const char *ask(const char *text)
{
    return local_ask(d1, text);
}

static void create(const d1t_table *t)
{
    d1t_writer w;
    size_t i;

    CHECK_INT(d1t_table_check(t, NULL, NULL), D1T_OK);
    for (i = 0; i <= t->index_count; i++) {
        d1t_writer_fixed(&w, sql, sizeof sql - 1);
        if (i == 0)
            d1t_write_create_table(&w, t);
        else
            d1t_write_create_index(&w, t, &t->indexes[i - 1]);
        sql[w.n] = 0;
        CHECK(execute(sql, NULL, 0) >= 0);
    }
}

static d1t_columns column_set(const size_t *columns, size_t count)
{
    d1t_columns set = {{0, 0}};
    size_t i;

    for (i = 0; i < count; i++)
        set.bits[columns[i] / 64] |= UINT64_C(1) << (columns[i] % 64);
    return set;
}

static const char *sql_of(const d1t_write_desc *d, d1t_columns big)
{
    d1t_writer w;

    d1t_writer_fixed(&w, sql, sizeof sql - 1);
    d1t_write_sql(&w, d, big);
    CHECK_INT(w.error, D1T_OK);
    sql[w.n] = 0;
    return sql;
}

static d1t_write_desc described(d1t_shape *shape, const d1t_table *t, d1t_write_kind kind)
{
    d1t_write_desc d;

    CHECK_INT(d1t_shape_init(shape, t), D1T_OK);
    memset(&d, 0, sizeof d);
    d.shape = shape;
    d.kind = (uint8_t)kind;
    d.condition = -1;
    return d;
}

static int write_rows(const d1t_table *t, d1t_write_kind kind, const char *rows)
{
    d1t_shape shape;
    d1t_write_desc d = described(&shape, t, kind);
    d1t_columns none = {{0, 0}};

    return execute(sql_of(&d, none), &rows, 1);
}

static int upsert(const d1t_table *t, const char *rows)
{
    return write_rows(t, D1T_WRITE_UPSERT, rows);
}

static int update(const d1t_table *t, size_t column, const char *rows)
{
    d1t_shape shape;
    d1t_write_desc d = described(&shape, t, D1T_WRITE_UPDATE);
    d1t_columns none = {{0, 0}};

    d.columns = column_set(&column, 1);
    return execute(sql_of(&d, none), &rows, 1);
}

static int conditional(const d1t_table *t, d1t_write_kind kind, const char *column, bool equals, const char *rows)
{
    d1t_shape shape;
    d1t_write_desc d = described(&shape, t, kind);
    d1t_columns none = {{0, 0}};

    d.condition = (int16_t)d1t_table_column(t, d1t_cstr(column));
    d.equals = equals;
    return execute(sql_of(&d, none), &rows, 1);
}

/* ---- the tables */

static const d1t_column small_columns[] = {
    D1T_COLUMN("k", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("a", D1T_TEXT, 0),
    D1T_COLUMN("b", D1T_REAL, 0),
};
static const d1t_table small = D1T_TABLE("small", small_columns);

static const d1t_column pair_columns[] = {
    D1T_COLUMN("v", D1T_BLOB, 0),
    D1T_COLUMN("k2", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("n", D1T_INTEGER, D1T_NOT_NULL),
    D1T_COLUMN("k1", D1T_INTEGER, D1T_KEY),
};
static const d1t_table pair = D1T_TABLE_FLAGS("pair", pair_columns, D1T_WITHOUT_ROWID);

static const d1t_column odd_columns[] = {
    D1T_COLUMN("select", D1T_TEXT, D1T_KEY), D1T_COLUMN("a`b", D1T_TEXT, 0),
    D1T_COLUMN("\"x\" '; --", D1T_BLOB, 0),  D1T_COLUMN("\xF0\x9F\x98\x80", D1T_ANY, 0),
    D1T_COLUMN("excluded", D1T_INTEGER, 0),  D1T_COLUMN("value", D1T_REAL, 0),
};
static const d1t_table odd = D1T_TABLE("group`by", odd_columns);

static const d1t_column key_columns[] = {D1T_COLUMN("k1", D1T_TEXT, D1T_KEY), D1T_COLUMN("k2", D1T_INTEGER, D1T_KEY)};
static const d1t_table keys_only = D1T_TABLE("keys_only", key_columns);

static const d1t_column all_columns[] = {
    D1T_COLUMN("k", D1T_UUID, D1T_KEY),
    D1T_COLUMN("i", D1T_INTEGER, 0),
    D1T_COLUMN("r", D1T_REAL, 0),
    D1T_COLUMN("t", D1T_TEXT, 0),
    D1T_COLUMN("x", D1T_BLOB, 0),
    D1T_COLUMN("y", D1T_ANY, 0),
    D1T_COLUMN("o", D1T_BOOL, 0),
    D1T_COLUMN("j", D1T_JSON, 0),
    D1T_COLUMN("d", D1T_DATE, 0),
    D1T_COLUMN("m", D1T_TIME, 0),
    D1T_COLUMN("s", D1T_TIMESTAMP, 0),
    D1T_COLUMN("z", D1T_TIMESTAMPTZ, 0),
    D1T_COLUMN("v", D1T_VECTOR, 0),
    D1T_COLUMN_DEFAULT("f", D1T_INTEGER, D1T_NOT_NULL, "7"),
    D1T_COLUMN_GENERATED("g", D1T_INTEGER, 0, "i + 1"),
    D1T_COLUMN_GENERATED("h", D1T_TEXT, D1T_STORED, "t || '!'"),
    D1T_COLUMN_ON_WRITE("w", D1T_INTEGER, 0, "(SELECT n FROM tick)"),
};
static const d1t_table all = D1T_TABLE("all_types", all_columns);
static const d1t_table all_strict = D1T_TABLE_FLAGS("all_strict", all_columns, D1T_STRICT);
static const d1t_table all_both = D1T_TABLE_FLAGS("all_both", all_columns, D1T_STRICT | D1T_WITHOUT_ROWID);
#define ALL_ROW                                                                                                        \
    "[[\"id\",1,1.5,\"t\",\"00ff\",{\"x\":\"00\"},1,\"[1]\",\"2026-01-02\",\"01:02:03.000004\","                       \
    "\"2026-01-02T00:00:00.000000\",\"2026-01-02T00:00:00.000000Z\",\"0000803f\",8]]"
#define ALL_NULLS "[[\"id\",null,null,null,null,null,null,null,null,null,null,null,null,9]]"

static const d1t_table *const tables[] = {&small, &pair, &odd, &keys_only, &all, &all_strict, &all_both};
static const char *const sample[] = {
    "[[1,\"a\",1.5],[2,null,null]]",
    "[[\"x\",1,\"00ff\",5],[\"x\",2,\"\",6]]",
    "[[\"s\",\"a\",\"ff\",{\"x\":\"01\"},3,0.5],[\"u\",null,null,\"text\",null,null]]",
    "[[\"a\",1],[\"a\",2]]",
    ALL_ROW,
    ALL_ROW,
    ALL_ROW,
};
static const char *const sample_keys[] = {"[[1],[2],[3]]",     "[[\"x\",1],[\"x\",2],[\"x\",3]]",
                                          "[[\"s\"],[\"u\"]]", "[[\"a\",1],[\"a\",2],[\"b\",1]]",
                                          "[[\"id\"]]",        "[[\"id\"]]",
                                          "[[\"id\"]]"};

static void create_all(void)
{
    size_t i;

    fresh();
    execute("CREATE TABLE tick(n)", NULL, 0);
    execute("INSERT INTO tick VALUES(100)", NULL, 0);
    for (i = 0; i < sizeof tables / sizeof *tables; i++)
        create(tables[i]);
}

/* The sample with the condition's value behind each row. */
static const char *with_condition(const char *rows)
{
    static char out[2000];
    size_t n = 0;

    for (; *rows; rows++) {
        if (rows[0] == ']' && (rows[1] == ',' || rows[1] == ']') && rows[-1] != ']') {
            memcpy(out + n, ",null", 5);
            n += 5;
        }
        out[n++] = *rows;
    }
    out[n] = 0;
    return out;
}

static void test_every_shape_of_every_table_is_understood(void)
{
    d1t_shape shape;
    d1t_columns none = {{0, 0}};
    size_t i, column, cells = 0;
    int kind, equals, condition;

    create_all();
    for (i = 0; i < sizeof tables / sizeof *tables; i++)
        for (kind = D1T_WRITE_UPSERT; kind <= D1T_WRITE_DELETE; kind++)
            for (equals = 0; equals < 2; equals++)
                for (condition = -1; condition < (int)tables[i]->column_count; condition++) {
                    const char *rows = kind == D1T_WRITE_DELETE ? sample_keys[i] : sample[i];
                    d1t_write_desc d = described(&shape, tables[i], (d1t_write_kind)kind);
                    d.condition = (int16_t)condition;
                    d.equals = equals != 0;
                    if (kind == D1T_WRITE_UPDATE && (condition >= 0 || shape.elements == shape.keys))
                        continue;
                    for (column = 0; column < tables[i]->column_count; column++) /* all that rows may carry */
                        if (kind == D1T_WRITE_UPDATE && !tables[i]->columns[column].generated_sql &&
                            !tables[i]->columns[column].on_write_sql)
                            d.columns.bits[0] |= UINT64_C(1) << column;
                    rows = condition < 0 ? rows : with_condition(rows);
                    CHECK(execute(sql_of(&d, none), &rows, 1) >= 0);
                    cells++;
                }
    printf("figure: statement_shapes %lu\n", (unsigned long)cells);
}

static void test_unchanged_rows_write_nothing(void)
{
    static const int rows[] = {2, 2, 2, 2, 1, 1, 1};
    size_t i;

    create_all();
    for (i = 0; i < sizeof tables / sizeof *tables; i++) {
        CHECK_INT(upsert(tables[i], sample[i]), rows[i]);
        CHECK_INT(upsert(tables[i], sample[i]), 0);
        CHECK_INT(upsert(tables[i], sample[i]), 0);
    }
    for (i = 4; i < 7; i++) {
        CHECK_INT(upsert(tables[i], ALL_NULLS), 1);
        CHECK_INT(upsert(tables[i], ALL_NULLS), 0);
    }
}

static void test_any_changed_cell_writes_its_row(void)
{
    create_all();
    upsert(&small, "[[1,\"a\",1.5],[2,\"b\",2.5]]");
    CHECK_INT(upsert(&small, "[[1,\"a\",1.5],[2,\"b\",2.75]]"), 1);
    CHECK_INT(upsert(&small, "[[1,null,1.5],[2,\"b\",2.75]]"), 1);
    CHECK_INT(upsert(&small, "[[1,\"\",1.5],[2,\"b\",2.75]]"), 1);
    CHECK_INT(upsert(&small, "[[1,\"\",null],[2,\"b\",null]]"), 2);
    upsert(&pair, sample[1]);
    CHECK_INT(upsert(&pair, "[[\"x\",1,\"00fe\",5]]"), 1);
    CHECK_INT(upsert(&pair, "[[\"x\",1,null,5]]"), 1);
    CHECK_STR(ask("SELECT group_concat(quote(v)) FROM pair"), "NULL,X''");
    CHECK_INT(upsert(&pair, "[[\"x\",2,null,6]]"), 1); /* an empty blob is not NULL */
}

static void test_all_kinds_arrive_as_declared(void)
{
    static const char typeof_all[] =
        "SELECT group_concat(typeof(i)||typeof(r)||typeof(t)||typeof(x)||typeof(y)||typeof(o)||typeof(j)||typeof(v)||"
        "f||','||g||','||h||','||w||quote(x)||quote(v)) FROM %s";
    char text[400];
    size_t i;

    create_all();
    for (i = 4; i < 7; i++) {
        upsert(tables[i], ALL_ROW);
        sprintf(text, typeof_all, tables[i]->name);
        CHECK_STR(ask(text), "integerrealtextblobblobintegertextblob8,2,t!,100X'00FF'X'0000803F'");
    }
}

static void test_a_change_of_case_blanks_or_type_is_not_missed(void)
{
    static const d1t_column columns[] = {
        D1T_COLUMN("k", D1T_INTEGER, D1T_KEY),
        {"c", D1T_TEXT, 0, NULL, NULL, NULL, "NOCASE", NULL, NULL},
        {"r", D1T_TEXT, 0, NULL, NULL, NULL, "RTRIM", NULL, NULL},
        D1T_COLUMN("y", D1T_ANY, 0),
    };
    static const d1t_table strict = D1T_TABLE_FLAGS("strict", columns, D1T_STRICT), loose = D1T_TABLE("loose", columns);

    fresh();
    create(&strict);
    create(&loose);
    upsert(&strict, "[[1,\"Foo\",\"x\",1]]");
    CHECK_INT(upsert(&strict, "[[1,\"foo\",\"x\",1]]"), 1);
    CHECK_INT(upsert(&strict, "[[1,\"foo\",\"x  \",1]]"), 1);
    CHECK_INT(upsert(&strict, "[[1,\"foo\",\"x  \",1.0]]"), 1);
    CHECK_INT(upsert(&strict, "[[1,\"foo\",\"x  \",1.0]]"), 0);
    CHECK_INT(upsert(&strict, "[[1,\"foo\",\"x  \",\"1\"]]"), 1);
    CHECK_INT(upsert(&strict, "[[1,\"foo\",\"x  \",{\"x\":\"31\"}]]"), 1);
    CHECK_STR(ask("SELECT c||'|'||r||'|'||typeof(y) FROM strict"), "foo|x  |blob");
    CHECK_INT(update(&strict, 1, "[[1,\"FOO\"]]"), 1);
    CHECK_INT(update(&strict, 2, "[[1,\"x\"]]"), 1);
    CHECK_INT(update(&strict, 3, "[[1,2]]"), 1);
    CHECK_INT(update(&strict, 3, "[[1,2.0]]"), 1);
    CHECK_INT(update(&strict, 3, "[[1,2.0]]"), 0);
    CHECK_STR(ask("SELECT c||'|'||r||'|'||typeof(y) FROM strict"), "FOO|x|real");
    CHECK_INT(upsert(&loose, "[[1,\"Foo\",\"x\",\"007\"]]"), 1);
    CHECK_INT(upsert(&loose, "[[1,\"foo\",\"x\",\"007\"]]"), 1);
    CHECK_INT(upsert(&loose, "[[1,\"foo\",\"x\",\"007\"]]"), 0);
    CHECK_STR(ask("SELECT y FROM loose"), "007"); /* no NUMERIC affinity */
    CHECK_INT(upsert(&loose, "[[1,\"foo\",\"x\",7]]"), 1);
}

static void test_on_write_is_set_only_when_the_guard_fires(void)
{
    create_all();
    upsert(&all, ALL_ROW);
    execute("UPDATE tick SET n=200", NULL, 0);
    CHECK_INT(upsert(&all, ALL_ROW), 0);
    CHECK_STR(ask("SELECT w FROM all_types"), "100");
    CHECK_INT(update(&all, 1, "[[\"id\",1]]"), 0);
    CHECK_STR(ask("SELECT w FROM all_types"), "100");
    CHECK_INT(update(&all, 1, "[[\"id\",2]]"), 1);
    CHECK_STR(ask("SELECT w||','||g FROM all_types"), "200,3");
    execute("UPDATE tick SET n=300", NULL, 0);
    CHECK_INT(upsert(&all, ALL_ROW), 1);
    CHECK_STR(ask("SELECT w FROM all_types"), "300");
}

static void test_an_update_sets_its_columns_and_invents_no_row(void)
{
    static const size_t both[2] = {1, 2};
    const char *rows = "[[1,\"new\",9.5],[7,\"no\",1.0]]";
    d1t_shape shape;
    d1t_write_desc d = described(&shape, &small, D1T_WRITE_UPDATE);
    d1t_columns none = {{0, 0}};

    create_all();
    upsert(&small, "[[1,\"a\",1.5],[2,\"b\",2.5]]");
    CHECK_INT(update(&small, 1, "[[1,\"z\"],[2,\"b\"],[3,\"?\"]]"), 1);
    CHECK_STR(ask("SELECT group_concat(k||a||b) FROM small"), "1z1.5,2b2.5");
    CHECK_INT(update(&small, 2, "[[1,null]]"), 1);
    d.columns = column_set(both, 2);
    CHECK_INT(execute(sql_of(&d, none), &rows, 1), 1);
    CHECK_STR(ask("SELECT group_concat(k||a||b) FROM small"), "1new9.5,2b2.5");
    upsert(&pair, sample[1]);
    CHECK_INT(update(&pair, 2, "[[\"x\",2,99],[\"x\",3,1],[\"y\",2,1]]"), 1); /* NOT NULL columns may be left out */
    CHECK_STR(ask("SELECT group_concat(k2||k1||n) FROM pair"), "x15,x299");
}

static void test_deletes_take_exactly_their_keys(void)
{
    create_all();
    upsert(&pair, "[[\"x\",1,null,1],[\"x\",2,null,1],[\"y\",1,null,1],[\"y\",2,null,1]]");
    CHECK_INT(write_rows(&pair, D1T_WRITE_DELETE, "[[\"x\",1],[\"y\",2],[\"y\",3],[\"X\",2]]"), 2);
    CHECK_STR(ask("SELECT group_concat(k2||k1) FROM pair"), "x2,y1");
    CHECK_INT(write_rows(&pair, D1T_WRITE_DELETE, "[[\"x\",1]]"), 0);
    upsert(&small, "[[9223372036854775807,\"a\",1.5],[-9223372036854775808,\"b\",null]]");
    CHECK_INT(write_rows(&small, D1T_WRITE_DELETE, "[[9223372036854775806]]"), 0);
    CHECK_INT(write_rows(&small, D1T_WRITE_DELETE, "[[9223372036854775807],[-9223372036854775808]]"), 2);
}

static void test_conditions_decide_row_by_row(void)
{
    create_all();
    upsert(&small, "[[1,\"old\",1.5],[2,\"new\",2.5],[3,null,3.5]]");
    /* differs: 1 is written, 2 has that hash already, 4 is missing and inserted */
    CHECK_INT(conditional(&small, D1T_WRITE_UPSERT, "a", false,
                          "[[1,\"new\",9.5,\"new\"],[2,\"new\",9.5,\"new\"],[4,\"new\",9.5,\"new\"]]"),
              2);
    CHECK_STR(ask("SELECT group_concat(k||':'||b) FROM small"), "1:9.5,2:2.5,3:3.5,4:9.5");
    /* equals: only where the stored one is the expected one, or no row is there */
    CHECK_INT(conditional(&small, D1T_WRITE_UPSERT, "a", true,
                          "[[1,\"x\",8.5,\"old\"],[2,\"x\",8.5,\"new\"],[3,\"x\",8.5,\"new\"],[5,\"x\",8.5,\"zz\"]]"),
              2);
    CHECK_STR(ask("SELECT group_concat(k||':'||b) FROM small"), "1:9.5,2:8.5,3:3.5,4:9.5,5:8.5");
    /* NULL equals only NULL */
    CHECK_INT(conditional(&small, D1T_WRITE_DELETE, "a", true, "[[1,null],[3,null],[6,null]]"), 1);
    CHECK_INT(conditional(&small, D1T_WRITE_DELETE, "a", false, "[[1,\"new\"],[2,\"y\"],[6,\"y\"]]"), 1);
    CHECK_STR(ask("SELECT group_concat(k||':'||a) FROM small"), "1:new,4:new,5:x");
    CHECK_INT(conditional(&small, D1T_WRITE_DELETE, "b", true, "[[4,9.5],[5,9.5]]"), 1);
    upsert(&pair, "[[\"x\",1,\"00\",1],[\"y\",1,\"01\",2]]");
    CHECK_INT(conditional(&pair, D1T_WRITE_DELETE, "v", true, "[[\"x\",1,\"01\"],[\"y\",1,\"01\"]]"), 1);
    CHECK_INT(conditional(&pair, D1T_WRITE_UPSERT, "v", false, "[[\"x\",1,\"02\",7,\"00\"],[\"x\",3,\"02\",7,\"00\"]]"),
              1);
    CHECK_STR(ask("SELECT group_concat(k2||k1||n) FROM pair"), "x11,x37");
}

static void test_big_values_are_parameters_of_their_own(void)
{
    static const size_t two[2] = {3, 4};
    static char hex[999951];
    const char *params[4] = {"[[\"id\",1,1.5,null,null,null,1,\"[1]\",null,null,null,null,null,8]]", "long \"text\"",
                             hex, hex};
    const char *update_params[4] = {"[[\"id\",null,null]]", "longer", "", "ff"};
    d1t_shape shape;
    d1t_write_desc d;

    create_all();
    memset(hex, 'a', sizeof hex - 1);
    d = described(&shape, &all, D1T_WRITE_UPSERT);
    CHECK_INT(execute(sql_of(&d, column_set(two, 2)), params, 4), 1);
    CHECK_INT(execute(sql_of(&d, column_set(two, 2)), params, 4), 0);
    CHECK_STR(ask("SELECT typeof(x)||length(x)||t FROM all_types"), "blob999950long \"text\"");
    d = described(&shape, &all, D1T_WRITE_UPDATE);
    d.columns = column_set(two, 2);
    CHECK_INT(execute(sql_of(&d, column_set(two, 2)), update_params, 4), 1);
    CHECK_INT(execute(sql_of(&d, column_set(two, 2)), update_params, 4), 0);
    CHECK_STR(ask("SELECT quote(x)||t||i FROM all_types"), "X'FF'longer1");
    update_params[2] = update_params[3] = "";
    CHECK_INT(execute(sql_of(&d, column_set(two, 2)), update_params, 4), 1);
    CHECK_STR(ask("SELECT typeof(x)||length(x) FROM all_types"), "blob0");
}

static void test_a_hundred_columns_of_long_names_fit_a_statement(void)
{
    static char names[100][129];
    static d1t_column columns[100];
    static d1t_table t = {"wide", columns, 100, NULL, 0, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    static char row[1000], keys[600] = "[[\"00\"";
    size_t i, types = D1T_VECTOR;
    char *end = row + sprintf(row, "[[\"00\"");

    fresh();
    for (i = 0; i < 100; i++) {
        memset(names[i], 'n', 128);
        memcpy(names[i], "c00", 3);
        names[i][1] = (char)('0' + i / 10);
        names[i][2] = (char)('0' + i % 10);
        columns[i].name = names[i];
        columns[i].type = i ? (d1t_type)(1 + i % types) : D1T_TEXT;
        columns[i].flags = i ? 0 : D1T_KEY;
        if (i)
            end += sprintf(end, ",null");
    }
    strcat(row, "]]");
    strcat(keys, "]]");
    create(&t);
    CHECK_INT(upsert(&t, row), 1);
    CHECK_INT(upsert(&t, row), 0);
    CHECK(strlen(sql) <= 100000);
    CHECK_INT(update(&t, 99, "[[\"00\",\"aa\"]]"), 1);
    CHECK_INT(write_rows(&t, D1T_WRITE_DELETE, keys), 1);
}

/* ---- parking */

static const char *const u_only[] = {"u"}, *const u_and_w[] = {"u", "w"}, *const parent_column[] = {"parent"};
static const d1t_index unique_u[] = {D1T_UNIQUE_INDEX("unique_u", u_only)};
static const d1t_index unique_pair[] = {D1T_UNIQUE_INDEX("unique_pair", u_and_w)};

static bool park(const d1t_write_desc *d, const d1t_index *index, const char *rows, const char *deleted)
{
    const char *params[2];
    d1t_writer w;

    params[0] = rows;
    params[1] = deleted;
    d1t_writer_fixed(&w, sql, sizeof sql - 1);
    if (!d1t_write_park_sql(&w, d, index)) {
        CHECK_INT(w.total, 0);
        return false;
    }
    sql[w.n] = 0;
    CHECK(execute(sql, params, 2) >= 0);
    return true;
}

/* Park, then the upsert: how many rows it wrote, -1 if it was refused. */
static int parked_upsert(const d1t_table *t, const char *rows, const char *deleted)
{
    d1t_shape shape;
    d1t_write_desc d = described(&shape, t, D1T_WRITE_UPSERT);

    CHECK(park(&d, &t->indexes[0], rows, deleted));
    return upsert(t, rows);
}

static void test_unique_values_move_and_swap_by_parking(void)
{
    static const d1t_type types[] = {D1T_INTEGER, D1T_TEXT, D1T_REAL, D1T_BLOB};
    static const char *const values[][3] = {
        {"1", "2", "3"}, {"\"a\"", "\"b\"", "\"c\""}, {"1.5", "2.5", "3.5"}, {"\"01\"", "\"02\"", "\"03\""}};
    d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("u", D1T_TEXT, 0)};
    d1t_table t = {"uu", columns, 2, unique_u, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    char rows[100];
    size_t i;

    for (i = 0; i < 16; i++) {
        const char *const *v = values[i % 4];
        columns[1].type = types[i % 4];
        columns[1].flags = i & 4 ? D1T_NOT_NULL : 0;
        t.flags = i & 8 ? D1T_STRICT : 0;
        fresh();
        create(&t);
        sprintf(rows, "[[1,%s],[2,%s]]", v[0], v[1]);
        CHECK_INT(upsert(&t, rows), 2);
        sprintf(rows, "[[1,%s],[2,%s]]", v[1], v[0]);
        CHECK_INT(upsert(&t, rows), -1); /* without parking a swap is refused */
        CHECK_INT(parked_upsert(&t, rows, "[]"), 2);
        CHECK_INT(parked_upsert(&t, rows, "[]"), 0); /* a replay writes nothing */
        sprintf(rows, "[[1,%s],[2,%s],[3,%s]]", v[2], v[1], v[0]); /* moves in a chain */
        CHECK_INT(parked_upsert(&t, rows, "[]"), 3);
        sprintf(rows, "[[9,%s]]", v[1]);
        CHECK_INT(parked_upsert(&t, rows, "[[2]]"), 1); /* the value of a row that is to be deleted */
        CHECK_INT(write_rows(&t, D1T_WRITE_DELETE, "[[2]]"), 1);
        CHECK_STR(ask("SELECT group_concat(k) FROM uu"), "1,3,9");
        sprintf(rows, "[[8,%s]]", v[1]);
        CHECK_INT(parked_upsert(&t, rows, "[]"), -1); /* a true conflict stays one */
    }
}

static void test_parking_keeps_children_and_grandchildren(void)
{
    static const d1t_column p_columns[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY),
                                           D1T_COLUMN("u", D1T_INTEGER, D1T_NOT_NULL), D1T_COLUMN("w", D1T_TEXT, 0)};
    static const d1t_column c_columns[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("parent", D1T_TEXT, 0)};
    static const d1t_foreign_key to_p[] = {D1T_REFERENCES(parent_column, "p", D1T_CASCADE)};
    static const d1t_foreign_key to_c[] = {D1T_REFERENCES(parent_column, "c", D1T_CASCADE)};
    static const d1t_table p = {"p", p_columns, 3, unique_pair, 1, NULL, 0, NULL, 0, D1T_WITHOUT_ROWID, NULL, 0, NULL};
    static const d1t_table c = {"c", c_columns, 2, NULL, 0, to_p, 1, NULL, 0, 0, NULL, 0, NULL},
                           g = {"g", c_columns, 2, NULL, 0, to_c, 1, NULL, 0, 0, NULL, 0, NULL};

    fresh();
    create(&p);
    create(&c);
    create(&g);
    upsert(&p, "[[\"p1\",5,\"w\"],[\"p2\",6,\"w\"],[\"p3\",5,\"x\"]]");
    upsert(&c, "[[\"c1\",\"p1\"],[\"c2\",\"p2\"]]");
    upsert(&g, "[[\"g1\",\"c1\"],[\"g2\",\"c2\"]]");
    CHECK_INT(parked_upsert(&p, "[[\"p1\",6,\"w\"],[\"p2\",5,\"w\"]]", "[]"), 2);
    CHECK_INT(parked_upsert(&p, "[[\"p2\",6,\"w\"]]", "[[\"p1\"]]"), 1);
    CHECK_INT(upsert(&c, "[[\"c1\",\"p2\"]]"), 1);
    CHECK_INT(write_rows(&p, D1T_WRITE_DELETE, "[[\"p1\"]]"), 1);
    CHECK_STR(ask("SELECT (SELECT group_concat(k||u||w) FROM (SELECT * FROM p ORDER BY k))||(SELECT "
                  "group_concat(k||parent) FROM c)||"
                  "(SELECT group_concat(k||parent) FROM g)"),
              "p26w,p35xc1p2,c2p2g1c1,g2c2");
}

static void test_what_cannot_be_parked_says_so(void)
{
    static const char *const with_key[] = {"k"}, *const generated[] = {"g"};
    static const d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("u", D1T_TEXT, 0),
                                         D1T_COLUMN("w", D1T_TEXT, 0), D1T_COLUMN_GENERATED("g", D1T_TEXT, 0, "u||w")};
    static const d1t_index indexes[] = {D1T_UNIQUE_INDEX("u1", u_and_w), D1T_UNIQUE_INDEX("u2", with_key),
                                        D1T_UNIQUE_INDEX("u3", generated)};
    static const d1t_table t = {"nopark", columns, 4, indexes, 3, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    static const size_t one[1] = {1}, two[2] = {1, 2};
    d1t_shape shape;
    d1t_write_desc d = described(&shape, &t, D1T_WRITE_UPSERT);

    fresh();
    create(&t);
    CHECK(shape.has_unique);
    CHECK(park(&d, &indexes[0], "[[1,\"a\",\"b\"]]", "[]"));
    CHECK(!park(&d, &indexes[1], "[]", "[]"));
    CHECK(!park(&d, &indexes[2], "[]", "[]"));
    d = described(&shape, &t, D1T_WRITE_UPDATE);
    d.columns = column_set(one, 1);
    CHECK(!park(&d, &indexes[0], "[]", "[]")); /* these rows do not carry w */
    d.columns = column_set(two, 2);
    CHECK(park(&d, &indexes[0], "[[1,\"a\",\"b\"]]", "[]"));
    d = described(&shape, &t, D1T_WRITE_DELETE);
    CHECK(!park(&d, &indexes[0], "[]", "[]"));
}

static void test_parking_touches_only_rows_that_are_written_or_deleted(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("u", D1T_TEXT, 0)};
    static const d1t_table t = {"uu", columns, 2, unique_u, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
    d1t_shape shape;
    d1t_write_desc d = described(&shape, &t, D1T_WRITE_UPSERT);

    fresh();
    create(&t);
    upsert(&t, "[[1,\"a\"],[2,\"b\"],[3,\"c\"]]");
    CHECK(park(&d, &unique_u[0], "[[4,\"a\"],[5,\"b\"]]", "[[2]]"));
    CHECK_STR(ask("SELECT group_concat(k||coalesce(u,'-')) FROM uu"), "1a,2-,3c"); /* 1 is neither: it stays */
    CHECK(park(&d, &unique_u[0], "[[1,\"a\"],[3,\"c\"]]", "[]"));
    CHECK_STR(ask("SELECT group_concat(k||coalesce(u,'-')) FROM uu"), "1a,2-,3c"); /* its own value is no claim */
}

int main(void)
{
    RUN(test_every_shape_of_every_table_is_understood);
    RUN(test_unchanged_rows_write_nothing);
    RUN(test_any_changed_cell_writes_its_row);
    RUN(test_all_kinds_arrive_as_declared);
    RUN(test_a_change_of_case_blanks_or_type_is_not_missed);
    RUN(test_on_write_is_set_only_when_the_guard_fires);
    RUN(test_an_update_sets_its_columns_and_invents_no_row);
    RUN(test_deletes_take_exactly_their_keys);
    RUN(test_conditions_decide_row_by_row);
    RUN(test_big_values_are_parameters_of_their_own);
    RUN(test_a_hundred_columns_of_long_names_fit_a_statement);
    RUN(test_unique_values_move_and_swap_by_parking);
    RUN(test_parking_keeps_children_and_grandchildren);
    RUN(test_what_cannot_be_parked_says_so);
    RUN(test_parking_touches_only_rows_that_are_written_or_deleted);
    local_d1_close(d1);
    TEST_MAIN_END;
}
