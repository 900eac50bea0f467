/* Tables made by others: are they read for what they are, and does a plan for them as they are leave them alone, to the
   byte? What a d1t_table cannot say is refused with a reason, and stands in nobody's way.

       others local | others url DATABASE_URL... */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/back_end.h"
#include "fresh.h"
#include "others.h"

#define MOST 64

static const maker *m;
static unsigned exact, refused, statements_planned;

/* ---- the database as text */

static const char *kept(const char *what)
{
    static char texts[8][sizeof rows_text];
    static unsigned turn;

    return strncpy(texts[turn++ % 8], what, sizeof texts[0] - 1);
}

/* Everything in sqlite_schema but this header's own and `mine`. */
static const char *schema_text(void)
{
    return kept(ask("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE substr(name,1,5)<>'_d1t_' AND "
                    "substr(name,1,4)<>'_cf_' AND tbl_name<>'mine' AND substr(name,1,15)<>'sqlite_autoindex' AND "
                    "tbl_name<>'_d1t_setup' ORDER BY rowid"));
}

typedef struct dumps {
    char sql[MOST][4000]; /* a SELECT of all rows of a table */
    size_t count;
} dumps;

static int add_dump(void *ctx, const d1t_row *row)
{
    dumps *all = (dumps *)ctx;
    const d1t_str sql = row->values[0].u.s;

    CHECK(all->count < MOST && sql.n < sizeof all->sql[0]);
    if (all->count < MOST) snprintf(all->sql[all->count++], sizeof all->sql[0], "%.*s", (int)sql.n, sql.p);
    return 0;
}

/* With the types of their values. */
static const char *rows_in_all_tables(void)
{
    static dumps all;
    static char text[sizeof rows_text];
    size_t i, n = 0;

    all.count = 0;
    text[0] = 0;
    OK(d1t_query(&db,
                 "SELECT 'SELECT '||(SELECT group_concat('typeof('||n||')||quote('||n||')') FROM (SELECT "
                 "'\"'||replace(c.name,'\"','\"\"')||'\"' AS n FROM pragma_table_xinfo(m.name) c))||' FROM "
                 "\"'||replace(m.name,'\"','\"\"')||'\" ORDER BY 1' FROM sqlite_schema m JOIN pragma_table_list l ON "
                 "l.name=m.name AND l.type='table' AND l.schema='main' WHERE m.type='table' AND "
                 "substr(m.name,1,4)<>'_cf_' AND substr(m.name,1,7)<>'sqlite_' AND substr(m.name,1,5)<>'_d1t_' AND "
                 "m.name<>'mine' ORDER BY m.rowid",
                 NULL, 0, add_dump, &all));
    for (i = 0; i < all.count; i++) {
        const char *rows = ask(all.sql[i]);
        const size_t length = strlen(rows) + 1; /* its end becomes a new line */

        CHECK(n + length < sizeof text);
        if (n + length >= sizeof text) break;
        memcpy(text + n, rows, length);
        text[(n += length) - 1] = '\n';
        text[n] = 0;
    }
    return kept(text);
}

static void run_all(const char *const *list)
{
    for (; *list; list++) {
        const d1t_statement s = {*list, NULL, 0};

        OK(d1t_exec(&db, &s, 1));
        if (db.error.code != D1T_OK) {
            printf("%s: %s\n%s\n", m ? m->title : "", *list, (const char *)d1t_server_text(&db).p);
            CLEAR();
        }
    }
}

/* ---- what is read */

static d1t_schema schema;
static d1t_arena arena;
static const d1t_table *desired[MOST];
static size_t desired_count;

static const char *reason_of(const d1t_schema_object *o)
{
    static char text[D1T_ERROR_TEXT + 32];
    d1t_error error = {0};

    if (o->table && d1t_table_check(o->table, NULL, &error) == D1T_OK) return NULL;
    snprintf(text, sizeof text, "%s", o->table ? error.text : o->odd);
    return text;
}

/* The part of the reason that is expected for this table; NULL: it is to be read. */
static const char *expected(const maker *by, const char *name)
{
    const char *const *e = by->refused;

    while (e[0] && strcmp(e[0], name) != 0) e += 2;
    return e[0] ? e[1] : NULL;
}

static void check_table(const maker *by, const d1t_schema_object *o)
{
    const char *reason = reason_of(o), *part = expected(by, o->name);

    if ((reason != NULL) != (part != NULL) || (reason && !strstr(reason, part))) {
        test_checks_failed++;
        printf("%s, %s: %s\n", by->title, o->name, reason ? reason : "is read");
    }
    if (reason) refused++;
    else exact++;
    if (!reason && desired_count < MOST) desired[desired_count++] = o->table;
}

/* All tables as they are become what is desired. */
static void read_all(const maker *by)
{
    const d1t_schema_object *o;

    d1t_arena_free(&arena);
    memset(&arena, 0, sizeof arena);
    memset(&schema, 0, sizeof schema);
    schema.arena = &arena;
    desired_count = 0;
    OK(d1t_schema_read(&schema, &db));
    for (o = schema.objects; o; o = o->next)
        if (o->kind == D1T_OBJECT_TABLE && strcmp(o->name, "mine") != 0) check_table(by, o);
}

/* Plans for what is desired: no statement, and applying sends nothing. */
static void check_no_op(bool keep, bool prune)
{
    d1t_plan_desc desc = {0};
    const d1t_plan_step *s;
    uint64_t requests;
    d1t_plan plan;

    desc.tables = desired;
    desc.count = desired_count;
    desc.keep = keep;
    desc.prune = prune;
    OK(d1t_plan_read_desc(&plan, &db, &desc));
    CHECK_INT(plan.statement_count, 0);
    CHECK_INT(plan.step_count, 0);
    CHECK(plan.change == D1T_CHANGE_NONE);
    for (s = plan.steps; s; s = s->next)
        if (s->kind != D1T_NOTE) printf("%s: %s\n", m->title, s->line);
    statements_planned += (unsigned)plan.statement_count;
    requests = db.stats.requests;
    OK(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    CHECK_INT(db.stats.requests, requests);
    d1t_plan_free(&plan);
}

static void adopt(void)
{
    d1t_plan_desc desc = {0};
    const d1t_plan_step *s;
    d1t_plan plan;

    desc.tables = desired;
    desc.count = desired_count;
    desc.adopt = true;
    OK(d1t_plan_read_desc(&plan, &db, &desc));
    CHECK_INT(plan.step_count, desired_count);
    for (s = plan.steps; s; s = s->next) CHECK(s->kind == D1T_RECORD || s->kind == D1T_NOTE);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_NONE));
    d1t_plan_free(&plan);
}

/* ---- is what is read all that the SQL says? SQLite tells, of the table as it is and as it would be written */

static const char facts[] =
    "SELECT group_concat(v, char(10)) FROM (SELECT 'column '||quote(name)||upper(type)||iif(pk, 1, \"notnull\")||"
    "coalesce(trim(dflt_value), '-')||(pk>0)||hidden AS v FROM pragma_table_xinfo(?1) UNION ALL SELECT * FROM (SELECT "
    "'key '||"
    "\"table\"||\"from\"||coalesce(\"to\", '-')||on_update||on_delete FROM pragma_foreign_key_list(?1) ORDER BY 1) "
    "UNION ALL SELECT * FROM (SELECT 'index '||i.\"unique\"||i.origin||i.partial||(SELECT "
    "group_concat(coalesce(x.name, '()')||"
    "x.\"desc\"||x.coll) FROM pragma_index_xinfo(i.name) x WHERE x.key) FROM pragma_index_list(?1) i ORDER BY 1) "
    "UNION ALL SELECT 'table '||wr||strict FROM pragma_table_list WHERE name=?1)";

static char *facts_of(sqlite3 *scratch, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    char *text = NULL;

    if (sqlite3_prepare_v2(scratch, facts, -1, &stmt, NULL) == SQLITE_OK) {
        sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(stmt) == SQLITE_ROW) text = sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    return text;
}

/* CHECK, AUTOINCREMENT, COLLATE, DEFERRED, AS: no pragma tells of them. BINARY is what there is without a word. */
static unsigned words_in(d1t_str sql)
{
    static const char *const words[] = {"CHECK", "AUTOINCREMENT", "NOCASE", "RTRIM", "DEFERRED"};
    d1t_sql_token t;
    size_t pos = 0, i;
    unsigned n = 0;

    for (t = d1t_sql_next(sql, &pos); t.kind != D1T_SQL_END; t = d1t_sql_next(sql, &pos))
        for (i = 0; i < COUNT(words); i++)
            if (t.kind == D1T_SQL_WORD && d1t_str_equal_nocase(t.text, d1t_cstr(words[i]))) n += 1u << 6 * i;
    return n;
}

static void check_exact(const d1t_schema_object *o)
{
    sqlite3 *was = NULL, *is = NULL;
    char written[4000] = "", *a, *b;
    const d1t_schema_object *x;
    d1t_writer w;
    size_t i;

    CHECK(sqlite3_open(":memory:", &was) == SQLITE_OK && sqlite3_open(":memory:", &is) == SQLITE_OK);
    CHECK(sqlite3_exec(was, o->sql, NULL, NULL, NULL) == SQLITE_OK);
    for (x = schema.objects; x; x = x->next)
        if (x->kind == D1T_OBJECT_INDEX && strcmp(x->owner, o->name) == 0)
            CHECK(sqlite3_exec(was, x->sql, NULL, NULL, NULL) == SQLITE_OK);
    d1t_writer_fixed(&w, written, sizeof written - 1);
    d1t_write_create_table(&w, o->table);
    CHECK_INT(words_in(d1t_bytes(written, w.n)), words_in(d1t_cstr(o->sql)));
    for (i = 0; i < o->table->index_count; i++) {
        if (!o->table->indexes[i].name) continue;
        d1t_write_text(&w, ";");
        d1t_write_create_index(&w, o->table, &o->table->indexes[i]);
    }
    CHECK(sqlite3_exec(is, written, NULL, NULL, NULL) == SQLITE_OK);
    a = facts_of(was, o->name);
    b = facts_of(is, o->name);
    CHECK_STR(b, a);
    sqlite3_free(a);
    sqlite3_free(b);
    sqlite3_close(was);
    sqlite3_close(is);
}

/* ---- tests */

static void as_they_are_they_need_no_statement_and_stay_to_the_byte(void)
{
    const d1t_schema_object *o;
    const char *before, *rows;

    open_fresh();
    run_all(m->sql);
    before = schema_text();
    rows = rows_in_all_tables();
    read_all(m);
    CHECK(desired_count > 0);
    for (o = schema.objects; o; o = o->next)
        if (o->kind == D1T_OBJECT_TABLE && !reason_of(o)) check_exact(o);
    check_no_op(false, false);
    check_no_op(true, false);
    OK(d1t_setup(&db, desired, desired_count));
    CHECK_STR(schema_text(), before);
    adopt();
    check_no_op(false, true);
    reopen(NULL);
    OK(d1t_setup(&db, desired, desired_count));
    CHECK_STR(schema_text(), before);
    CHECK_STR(rows_in_all_tables(), rows);
    CHECK(strlen(rows) > 10);
    reopen(NULL);
    d1t_arena_free(&arena);
    close_fresh();
}

/* Somebody declares a table that is refused: one error that names it and says why. */
static void what_cannot_be_said_is_refused_by_name_and_untouched(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY)};
    const char *const *e;
    const char *before;

    open_fresh();
    run_all(m->sql);
    before = schema_text();
    for (e = m->refused; e[0]; e += 2) {
        d1t_table odd = D1T_TABLE(NULL, columns);
        const d1t_table *tables[1];
        const d1t_schema_object *o;
        d1t_plan plan;

        read_all(m);
        o = d1t_schema_find(&schema, e[0]);
        CHECK(o != NULL);
        if (!o) continue;
        odd.name = e[0];
        tables[0] = o->table ? o->table : &odd;
        if (d1t_plan_read(&plan, &db, tables, 1) == D1T_OK) d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE);
        CHECK(db.error.code == D1T_ERR_SCHEMA || db.error.code == D1T_ERR_TABLE);
        SAYS(e[0]);
        SAYS(e[1]);
        CLEAR();
        d1t_plan_free(&plan);
    }
    CHECK_STR(schema_text(), before);
    reopen(NULL);
    d1t_arena_free(&arena);
    close_fresh();
}

static const d1t_column mine_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("a", D1T_TEXT, 0)};
static const d1t_column mine_later[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
                                        D1T_COLUMN("a", D1T_INTEGER, D1T_NOT_NULL)};
static const d1t_table mine = D1T_TABLE("mine", mine_columns), later = D1T_TABLE("mine", mine_later);

static void become(const d1t_table *t, const char *first, size_t steps)
{
    d1t_plan_desc desc = {0};
    d1t_plan plan;

    desc.tables = &t;
    desc.count = 1;
    desc.prune = true;
    OK(d1t_plan_read_desc(&plan, &db, &desc));
    CHECK_INT(plan.step_count, steps);
    if (first) CHECK(plan.steps && strcmp(plan.steps->text, first) == 0);
    OK(d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE));
    d1t_plan_free(&plan);
}

static void a_program_that_declares_only_its_own_table_touches_none_of_them(void)
{
    const char *before, *rows;
    size_t i;

    open_fresh();
    for (i = 0; i < COUNT(makers); i++) {
        m = &makers[i];
        run_all(makers[i].sql);
    }
    before = schema_text();
    rows = rows_in_all_tables();
    become(&mine, "+ table mine", 1);
    become(&mine, NULL, 0);
    become(&later, "~ column mine.a type TEXT -> INTEGER", 3);
    CHECK_STR(ask("SELECT name FROM sqlite_schema WHERE tbl_name='mine'"), "'mine'");
    CHECK_STR(schema_text(), before);
    CHECK_STR(rows_in_all_tables(), rows);
    close_fresh();
}

int main(int argc, char **argv)
{
    size_t i;

    if (!fresh_arguments(argc, argv))
        return 2;
    for (i = 0; i < COUNT(makers); i++) {
        int failed = test_failed;

        m = &makers[i];
        RUN(as_they_are_they_need_no_statement_and_stay_to_the_byte);
        if (test_failed != failed) printf("FAILED: %s\n", makers[i].title);
    }
    printf("figure: tables_read_exactly %u\n", exact);
    printf("figure: tables_refused_with_a_reason %u\n", refused);
    for (i = 0; i < COUNT(makers); i++) {
        int failed = test_failed;

        m = &makers[i];
        if (m->refused[0]) RUN(what_cannot_be_said_is_refused_by_name_and_untouched);
        if (test_failed != failed) printf("FAILED: %s\n", makers[i].title);
    }
    RUN(a_program_that_declares_only_its_own_table_touches_none_of_them);
    printf("figure: statements_planned %u\n", statements_planned);
    TEST_MAIN_END;
}
