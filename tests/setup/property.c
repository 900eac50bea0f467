/* Random pairs of schemas: A with random rows is changed into B. Then D1 has B, every row and value that both can hold
   is there, and nothing is left over; or the change is refused, SQLite agrees that it is impossible, and nothing
   changed.
   What may change is said in oracle.h.

       property local | url DATABASE_URL...
       PAIRS=n how many (2,000; url: 200), FROM=n the first one (0), SEED=n only that one */
#include <curl/curl.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/random.h"
#include "../support/back_end.h"
#include "fresh.h"
#include "schemas.h"
#include "oracle.h"
#include "introspect.h"

static struct {
    int applied, refused, impossible, none, lossy, destructive, rebuilds, renames, rows, lost;
} totals;

typedef struct pair {
    d1t_arena arena;
    m_schema a, b, target;
    m_rows before[MAX_TABLES];
    m_fate fates[MAX_TABLES];
    bool prune;
    d1t_effect effect; /* of the plan as it was read first */
    bool renamed;      /* renames go in a batch of their own */
    const d1t_table *declared[MAX_TABLES];
    const char *failed; /* NULL: all is as promised */
    char *log;          /* what was planned */
} pair;

static void fail(pair *p, const char *format, ...)
{
    char text[2048];
    va_list args;

    if (p->failed) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->failed = text_of(&p->arena, "%s", text);
}

/* ---- talking to the database under test */

typedef struct reading {
    d1t_arena *arena;
    m_rows rows;
} reading;

static int take_row(void *ctx, const d1t_row *row)
{
    reading *r = (reading *)ctx;
    char **copy = (char **)d1t_arena_take(r->arena, (row->count + 1) * sizeof *copy);

    for (size_t i = 0; i < row->count; i++)
        copy[i] = row->values[i].kind == D1T_KIND_TEXT ? d1t_arena_text(r->arena, row->values[i].u.s) : NULL;
    add_row(r->arena, &r->rows, copy);
    return 0;
}

static m_rows rows_of(pair *p, const char *sql)
{
    reading r = {&p->arena, {0, NULL}};

    if (d1t_query(&db, sql, NULL, 0, take_row, &r) != D1T_OK) {
        fail(p, "query: %s: %.*s\n  %s", db.error.text, (int)d1t_server_text(&db).n, d1t_server_text(&db).p, sql);
        d1t_clear(&db, D1T_DROP_ROWS);
    }
    return r.rows;
}

/* Rows, and unless they were renamed the schema, as one text, to see that nothing changed. */
static const char *snapshot(pair *p, const m_schema *s, bool renamed)
{
    m_rows rows = rows_of(p, "SELECT type,name,tbl_name,sql FROM sqlite_schema WHERE substr(name,1,4)<>'_cf_' AND "
                             "substr(name,1,5)<>'_d1t_' ORDER BY 1,2");
    uint64_t hash = 0xcbf29ce484222325u;

    for (int i = renamed ? 0 : -1; i < s->count; i++) {
        if (i >= 0) rows = rows_of(p, select_rows(&p->arena, &s->tables[i]));
        for (int r = 0; r < rows.count; r++)
            for (int c = 0; rows.v[r][c]; c++)
                for (const char *at = rows.v[r][c]; *at; at++) hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
    }
    return text_of(&p->arena, "%llx", (unsigned long long)hash);
}

static void insert_rows(pair *p)
{
    static d1t_statement list[600];
    size_t n = 1;

    list[0].sql = "PRAGMA defer_foreign_keys=on";
    for (int i = 0; i < p->a.count; i++) {
        const m_table *t = &p->a.tables[i];

        for (int r = 0; r < p->before[i].count && n < COUNT(list); r++) {
            char *names = text_of(&p->arena, "%s", ""), *values = names;

            for (int c = 0; c < t->column_count; c++) {
                if (t->columns[c].generated) continue;
                names = text_of(&p->arena, "%s%s%s", names, *names ? "," : "",
                                quoted(&p->arena, column_name(&p->arena, t->columns[c].name)));
                values = text_of(&p->arena, "%s%s%s", values, *values ? "," : "", p->before[i].v[r][c]);
            }
            list[n++].sql = text_of(&p->arena, "INSERT INTO %s(%s) VALUES(%s)",
                                    quoted(&p->arena, table_name(&p->arena, t->name)), names, values);
        }
    }
    if (d1t_exec(&db, list, n) != D1T_OK)
        fail(p, "inserting A's rows: %s: %.*s", db.error.text, (int)d1t_server_text(&db).n, d1t_server_text(&db).p);
    totals.rows += (int)n - 1;
}

static void read_plan(pair *p, d1t_plan *plan)
{
    d1t_plan_desc desc = {0};

    for (int i = 0; i < p->b.count; i++) p->declared[i] = table_out(&p->arena, &p->b.tables[i]);
    desc.tables = p->declared;
    desc.count = (size_t)p->b.count;
    desc.prune = p->prune;
    if (d1t_plan_read_desc(plan, &db, &desc) != D1T_OK)
        fail(p, "reading a plan: %s: %.*s", db.error.text, (int)d1t_server_text(&db).n, d1t_server_text(&db).p);
}

static void log_line(void *ctx, const char *line)
{
    pair *p = (pair *)ctx;
    size_t n = p->log ? strlen(p->log) : 0;
    char *grown = (char *)d1t_arena_take(&p->arena, n + strlen(line) + 4);

    sprintf(grown, "%s  %s\n", p->log ? p->log : "", line);
    p->log = grown;
}

static void log_plan(pair *p, const d1t_plan *plan)
{
    d1t_plan_print(plan, log_line, p);
    for (size_t i = 0; i < plan->statement_count; i++) log_line(p, plan->statements[i].sql);
}

/* ---- one pair */

static void make_pair(pair *p, uint64_t seed)
{
    int changes;

    random_state = (seed + 1) * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 8; i++) random64();
    next_table = next_column = next_object = 1;
    random_schema(&p->a);
    p->b = p->a;
    p->prune = chance(70);
    if (chance(10)) { /* unrelated: only names coincide */
        next_table = next_column = 1;
        random_schema(&p->b);
    } else {
        for (changes = 1 + pick(6); changes > 0; changes--) mutate(&p->b);
    }
}

static void setup_a(pair *p)
{
    const d1t_table *tables[MAX_TABLES];
    sqlite3 *scratch = scratch_open(&p->arena, &p->a);

    for (int i = 0; i < p->a.count; i++) tables[i] = table_out(&p->arena, &p->a.tables[i]);
    fill(scratch, &p->arena, &p->a);
    for (int i = 0; i < p->a.count; i++) p->before[i] = scratch_rows(scratch, &p->arena, &p->a.tables[i]);
    sqlite3_close(scratch);
    if (d1t_setup(&db, tables, (size_t)p->a.count) != D1T_OK)
        fail(p, "setup of A: %s: %.*s", db.error.text, (int)d1t_server_text(&db).n, d1t_server_text(&db).p);
    else insert_rows(p);
}

/* What has to become of A's tables; *scratch gets empty ones. */
static void foresee(pair *p, sqlite3 **scratch)
{
    p->target = p->b;
    if (!p->prune) leave_undeclared(&p->target, &p->a);
    for (int i = 0; i < p->target.count; i++)
        decide_fate(&p->arena, &p->a, p->before, &p->target.tables[i], &p->fates[i]);
    *scratch = scratch_open(&p->arena, &p->target);
}

/* Which of A's rows are still there. */
static bool *staying(pair *p, const m_table *t, const m_fate *fate)
{
    const m_rows *before = &p->before[fate->map.source];
    m_rows after = rows_of(
        p, text_of(&p->arena, "SELECT quote(`tag`) FROM %s", quoted(&p->arena, table_name(&p->arena, t->name))));
    bool *stays = (bool *)d1t_arena_take(&p->arena, (size_t)before->count + 1);
    int tag = 0;

    while (p->a.tables[fate->map.source].columns[tag].name != TAG) tag++;
    for (int r = 0; r < before->count; r++)
        for (int q = 0; q < after.count; q++) stays[r] = stays[r] || strcmp(before->v[r][tag], after.v[q][0]) == 0;
    return stays;
}

static int source_count(const pair *p, const m_fate *fate)
{
    return fate->map.source == NONE ? 0 : p->before[fate->map.source].count;
}

static void compare_rows(pair *p, const m_table *t, const m_fate *fate, sqlite3 *scratch)
{
    m_rows want = scratch_rows(scratch, &p->arena, t), have = rows_of(p, select_rows(&p->arena, t));

    if (want.count != have.count)
        fail(p, "%s has %d rows, not %d", table_name(&p->arena, t->name), have.count, want.count);
    for (int r = 0; r < want.count && !p->failed; r++)
        for (int c = 0; c < t->column_count; c++) {
            if (rowid_alias(t) == &t->columns[c] && fate->map.columns[c] == NONE) continue; /* ids are new */
            if (strcmp(want.v[r][c], have.v[r][c]) != 0)
                fail(p, "%s.%s of row %d is %s, not %s", table_name(&p->arena, t->name),
                     column_name(&p->arena, t->columns[c].name), r, have.v[r][c], want.v[r][c]);
        }
}

/* The worst that happened to data, for comparison with what the plan says. */
static d1t_effect effect_of(const pair *p)
{
    d1t_effect worst = D1T_EFFECT_NONE;
    bool used[MAX_TABLES] = {false};

    for (int i = 0; i < p->target.count; i++) {
        const m_fate *fate = &p->fates[i];
        int gone = 0;

        if (fate->map.source == NONE) continue;
        used[fate->map.source] = true;
        for (int r = 0; r < source_count(p, fate); r++) gone += fate->goes[r];
        if (gone || fate->dropped) worst = D1T_EFFECT_DESTRUCTIVE;
        else if ((fate->lost || fate->filled) && worst == D1T_EFFECT_NONE) worst = D1T_EFFECT_LOSSY;
    }
    for (int i = 0; i < p->a.count; i++)
        if (!used[i]) worst = D1T_EFFECT_DESTRUCTIVE;
    return worst;
}

static void check_fts(pair *p, const m_table *t, const m_index *x)
{
    const char *fts = quoted(&p->arena, object_name(&p->arena, x->name));
    d1t_statement check = {NULL, NULL, 0};

    if (x->kind != M_FTS) return;
    check.sql = text_of(&p->arena, "INSERT INTO %s(%s,rank) VALUES('integrity-check',1)", fts, fts);
    if (d1t_exec(&db, &check, 1) != D1T_OK) {
        fail(p, "FTS5 index %s of %s: %.*s", fts, table_name(&p->arena, t->name), (int)d1t_server_text(&db).n,
             d1t_server_text(&db).p);
        d1t_clear(&db, D1T_DROP_ROWS);
    }
}

/* SQLite 3.40 finds NULLs where there are none in WITHOUT ROWID tables with virtual columns: then it does so too in a
   database with the same tables and rows that nothing has ever changed. */
static bool scratch_complains(sqlite3 *scratch, const char *complaint)
{
    sqlite3_stmt *stmt = NULL;
    bool found = false;

    sqlite3_prepare_v2(scratch, "PRAGMA integrity_check", -1, &stmt, NULL);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        found = found || strcmp((const char *)sqlite3_column_text(stmt, 0), complaint) == 0;
    sqlite3_finalize(stmt);
    return found;
}

/* Nothing wrong inside, nothing left over. */
static void check_leftovers(pair *p)
{
    m_rows rows =
        rows_of(p, "SELECT name FROM sqlite_schema WHERE name LIKE '\\_d1t\\_%' ESCAPE '\\' AND name<>'_d1t_setup'");

    if (rows.count) fail(p, "%s is left over", rows.v[0][0]);
    if (rows_of(p, "SELECT `table` FROM pragma_foreign_key_check").count) fail(p, "foreign_key_check finds rows");
}

/* Tables that nobody declares any more are gone, with what belonged to them. */
static void check_pruned(pair *p)
{
    m_rows tables = rows_of(p, "SELECT name FROM pragma_table_list WHERE type IN ('table','virtual') AND schema='main' "
                               "AND substr(name,1,4)<>'_cf_' AND name NOT IN ('sqlite_schema','sqlite_sequence',"
                               "'_d1t_setup')");

    for (int r = 0; r < tables.count; r++) {
        bool declared = false;

        for (int i = 0; i < p->target.count; i++) {
            const m_table *t = &p->target.tables[i];

            declared = declared || strcmp(tables.v[r][0], table_name(&p->arena, t->name)) == 0;
            for (int k = 0; k < t->index_count; k++)
                declared = declared || (t->indexes[k].kind == M_FTS &&
                                        strcmp(tables.v[r][0], object_name(&p->arena, t->indexes[k].name)) == 0);
        }
        if (!declared) fail(p, "%s is not declared and still there", tables.v[r][0]);
    }
}

static void check_database(pair *p, sqlite3 *scratch)
{
    m_rows rows;

    check_leftovers(p);
    check_pruned(p);
    if (local) { /* D1 refuses it */
        sqlite3_set_authorizer(local_d1_sqlite(local), NULL, NULL);
        sqlite3_exec(local_d1_sqlite(local), "PRAGMA ignore_check_constraints=off", NULL, NULL, NULL);
    }
    rows = rows_of(p, local ? "SELECT integrity_check FROM pragma_integrity_check" : "PRAGMA quick_check");
    for (int r = 0; r < rows.count; r++)
        if (strcmp(rows.v[r][0], "ok") != 0 && !scratch_complains(scratch, rows.v[r][0]))
            fail(p, "integrity_check: %s", rows.v[r][0]);
    if (rows.count == 0) fail(p, "no answer to integrity_check");
}

static void check_applied(pair *p, sqlite3 *scratch)
{
    const char *against;
    d1t_plan again;
    d1t_effect effect;

    for (int i = 0; i < p->target.count; i++) {
        m_fate *fate = &p->fates[i];
        const m_table *t = &p->target.tables[i];

        if (fate->map.source != NONE && settle_keys(&p->arena, t, fate, source_count(p, fate), staying(p, t, fate)))
            fail(p, "%s: of rows that share a new key not exactly one is left", table_name(&p->arena, t->name));
        totals.lost += fate->lost;
    }
    against = fit(scratch, &p->arena, &p->target, p->before, p->fates);
    if (against) fail(p, "it was applied, but should not be possible: %s", against);
    for (int i = 0; i < p->target.count && !p->failed; i++)
        compare_rows(p, &p->target.tables[i], &p->fates[i], scratch);
    effect = effect_of(p);
    if (effect > p->effect) fail(p, "the plan says effect %d, but it is %d", (int)p->effect, (int)effect);
    for (int i = 0; i < p->target.count; i++)
        for (int k = 0; k < p->target.tables[i].index_count; k++)
            check_fts(p, &p->target.tables[i], &p->target.tables[i].indexes[k]);
    for (int i = 0; i < p->b.count && !p->failed; i++) {
        const char *differs =
            introspected(&p->arena, &p->b, &p->b.tables[i],
                         rows_of(p, "SELECT type,name,tbl_name,sql FROM sqlite_schema WHERE sql IS NOT NULL AND "
                                    "substr(name,1,4)<>'_cf_'"));

        if (differs) fail(p, "introspection: %s", differs);
    }
    read_plan(p, &again);
    if (again.step_count || again.statement_count) {
        log_line(p, "-- again:");
        log_plan(p, &again);
        fail(p, "a second plan has %u steps and %u statements", (unsigned)again.step_count,
             (unsigned)again.statement_count);
    }
    d1t_plan_free(&again);
    check_database(p, scratch);
    totals.applied++;
    totals.none += p->effect == D1T_EFFECT_NONE;
    totals.lossy += p->effect == D1T_EFFECT_LOSSY;
    totals.destructive += p->effect == D1T_EFFECT_DESTRUCTIVE;
    totals.renames += p->renamed;
}

/* A under the names that B's hints give: renames go first, in a batch of their own. */
static void rename_a(pair *p)
{
    m_schema old = p->a;

    for (int i = 0; i < p->b.count; i++) {
        const m_table *t = &p->b.tables[i];
        m_map map = map_table(&old, t);

        if (map.source == NONE) continue;
        p->a.tables[map.source].name = t->name;
        for (int c = 0; c < t->column_count; c++)
            if (map.columns[c] != NONE) p->a.tables[map.source].columns[map.columns[c]].name = t->columns[c].name;
    }
}

/* Names of indexes belong to the database: one of a table that stays cannot be given again. */
static const char *name_taken(pair *p)
{
    for (int i = p->b.count; i < p->target.count; i++)
        for (int k = 0; k < p->target.tables[i].index_count; k++)
            for (int j = 0; j < p->b.count; j++)
                for (int n = 0; n < p->b.tables[j].index_count; n++)
                    if (p->target.tables[i].indexes[k].name == p->b.tables[j].indexes[n].name)
                        return "an index has this name";
    return NULL;
}

/* SQLite cannot rename every column. */
static const char *cannot_rename(pair *p)
{
    sqlite3 *scratch = scratch_open(&p->arena, &p->a);
    const char *word = NULL;

    for (int i = 0; i < p->b.count; i++) {
        const m_table *t = &p->b.tables[i];
        m_map map = map_table(&p->a, t);
        const m_table *from = &p->a.tables[map.source == NONE ? 0 : map.source];

        for (int c = 0; c < t->column_count && !word && map.source != NONE; c++) {
            int old = map.columns[c] == NONE ? t->columns[c].name : from->columns[map.columns[c]].name;

            if (old == t->columns[c].name) continue;
            word = attempt(scratch, &p->arena,
                           text_of(&p->arena, "ALTER TABLE %s RENAME COLUMN %s TO %s",
                                   quoted(&p->arena, table_name(&p->arena, from->name)),
                                   quoted(&p->arena, column_name(&p->arena, old)),
                                   quoted(&p->arena, column_name(&p->arena, t->columns[c].name))));
        }
    }
    sqlite3_close(scratch);
    return word;
}

/* A row that goes may be the one that stays, had the table been read in another order. */
static const char *cannot_stay(pair *p)
{
    sqlite3 *scratch = scratch_open(&p->arena, &p->target);
    const char *word = NULL;

    for (int i = 0; i < p->target.count && !word; i++)
        word = unfit(scratch, &p->arena, &p->target.tables[i], &p->fates[i], source_count(p, &p->fates[i]));
    sqlite3_close(scratch);
    return word;
}

static void check_refused(pair *p, const char *before, bool renamed, const char *why, sqlite3 *scratch)
{
    const char *against;

    for (int i = 0; i < p->target.count; i++)
        settle_keys(&p->arena, &p->target.tables[i], &p->fates[i], source_count(p, &p->fates[i]), NULL);
    against = fit(scratch, &p->arena, &p->target, p->before, p->fates);
    if (!against) against = name_taken(p);
    if (!against) against = cannot_rename(p);
    if (!against) against = cannot_stay(p);
    if (!against) fail(p, "refused although possible: %s", why);
    if (getenv("WHY")) printf("refused: %s (%s)\n", why, against ? against : "");
    if (renamed) rename_a(p);
    if (strcmp(before, snapshot(p, &p->a, renamed)) != 0)
        fail(p, "refused, but the database is not as before: %s (%s)", why, against ? against : "");
    check_leftovers(p);
}

static void change(pair *p)
{
    const char *before = snapshot(p, &p->a, false), *rows = snapshot(p, &p->a, true);
    sqlite3 *scratch = NULL;
    d1t_plan plan = {0};

    foresee(p, &scratch);
    read_plan(p, &plan);
    if (!p->failed) log_plan(p, &plan);
    p->effect = plan.effect;
    p->renamed = plan.more;
    if (!p->failed && plan.refused) {
        const d1t_plan_step *s = plan.steps;

        while (s->kind != D1T_REFUSED) s = s->next;
        totals.refused++;
        check_refused(p, before, false, s->text, scratch);
    } else if (!p->failed && d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE) != D1T_OK) {
        const char *why = text_of(&p->arena, "%s %s: %.*s", d1t_result_name(db.error.code), db.error.text,
                                  (int)d1t_server_text(&db).n, d1t_server_text(&db).p);

        if (db.error.code != D1T_ERR_CONSTRAINT) fail(p, "applying: %s", why);
        d1t_clear(&db, D1T_DROP_ROWS);
        totals.impossible++;
        check_refused(p, p->renamed ? rows : before, p->renamed, why, scratch);
    } else if (!p->failed) {
        check_applied(p, scratch);
    }
    sqlite3_close(scratch);
    d1t_plan_free(&plan);
}

static void print_schema(pair *p, const char *title, const m_schema *s)
{
    printf("%s\n", title);
    for (int i = 0; i < s->count; i++) {
        const d1t_table *t = table_out(&p->arena, &s->tables[i]);

        printf("  %s%s%s\n", written(&p->arena, t, NULL), t->was ? " -- was " : "", t->was ? t->was : "");
        for (size_t k = 0; k < t->column_count; k++)
            if (t->columns[k].was) printf("  -- %s was %s\n", t->columns[k].name, t->columns[k].was);
        for (size_t k = 0; k < t->index_count; k++)
            if (t->indexes[k].name) printf("  %s\n", written(&p->arena, t, &t->indexes[k]));
    }
}

static uint64_t current_seed;

static void test_pair(void)
{
    static pair p;

    memset(&p, 0, sizeof p);
    d1t_arena_init(&p.arena, (d1t_allocator){NULL, NULL}, 0);
    make_pair(&p, current_seed);
    open_fresh();
    setup_a(&p);
    if (!p.failed) change(&p);
    CHECK(p.failed == NULL);
    if (p.failed) {
        printf("SEED=%llu: %s\n", (unsigned long long)current_seed, p.failed);
        if (getenv("SEED")) {
            print_schema(&p, "-- A", &p.a);
            print_schema(&p, p.prune ? "-- B (and nothing else)" : "-- B", &p.b);
            printf("-- planned\n%s", p.log ? p.log : "");
        }
    }
    close_fresh();
    d1t_arena_free(&p.arena);
}

int main(int argc, char **argv)
{
    const char *seed = getenv("SEED"), *pairs = getenv("PAIRS"), *from = seed ? seed : getenv("FROM");
    uint64_t first = from ? strtoull(from, NULL, 10) : 0;
    uint64_t count = seed ? 1 : pairs ? strtoull(pairs, NULL, 10) : argc > 2 ? 200 : 2000;

    if (!fresh_arguments(argc, argv)) return 2;
    for (current_seed = first; current_seed - first < count; current_seed++) RUN(test_pair);
    printf("figure: setup_pairs_applied %d\n", totals.applied);
    printf("figure: setup_pairs_refused %d\n", totals.refused);
    printf("figure: setup_pairs_impossible %d\n", totals.impossible);
    printf("figure: setup_pairs_without_effect %d\n", totals.none);
    printf("figure: setup_pairs_lossy %d\n", totals.lossy);
    printf("figure: setup_pairs_destructive %d\n", totals.destructive);
    printf("figure: setup_pairs_rows %d\n", totals.rows);
    printf("figure: setup_pairs_values_converted_away %d\n", totals.lost);
    if (!seed) { /* pairs that SQLite agrees are impossible do not count */
        CHECK(totals.applied * 100 >= ((int)count - totals.impossible) * 85);
        test_failed += totals.applied * 100 < ((int)count - totals.impossible) * 85;
    }
    TEST_MAIN_END;
}
