/* Room client, >>probe: the row that D1 refuses is found, named, and by isolate left out. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/script.h"
#include "../support/script_local.h"

static const d1t_column columns[] = {D1T_COLUMN("k", D1T_TEXT, D1T_KEY), D1T_COLUMN("n", D1T_INTEGER, D1T_KEY),
                                     D1T_COLUMN("a", D1T_TEXT, 0)};
static const d1t_table table = D1T_TABLE("t", columns);
static const d1t_column child_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY), D1T_COLUMN("parent", D1T_INTEGER, 0)};
static const char *const parent_name[] = {"parent"};
static const d1t_foreign_key to_parent[] = {D1T_REFERENCES(parent_name, "p", D1T_RESTRICT)};
static const d1t_table child = {"c", child_columns, 2, NULL, 0, to_parent, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_column parent_columns[] = {D1T_COLUMN("k", D1T_INTEGER, D1T_KEY)};
static const d1t_table parent = D1T_TABLE("p", parent_columns);
static const d1t_table *const tables[] = {&child, &parent, &table};

static d1t_client db;
static script s;
static local_d1 *d1;

/* What on_poison was told. */
static char poisoned[8000];
static uint32_t told;

static void note_poison(void *ctx, const d1t_error *error, d1t_str key)
{
    CHECK(ctx == &s);
    CHECK_INT(error->code, D1T_ERR_CONSTRAINT);
    CHECK(error->table != NULL && error->row != 0);
    sprintf(poisoned + strlen(poisoned), "%s%.*s ", error->table, (int)key.n, key.p);
    told++;
}

/* D1 has rules that the declarations do not know. */
static void start(bool isolate)
{
    d1t_config config;

    script_free(&s);
    memset(&s, 0, sizeof s);
    local_d1_close(d1);
    d1 = local_d1_open(NULL, NULL);
    sqlite3_exec(local_d1_sqlite(d1),
                 "CREATE TABLE t(k TEXT NOT NULL, n INTEGER NOT NULL, a TEXT CONSTRAINT not_bad CHECK(a <> 'bad'), "
                 "PRIMARY KEY(k,n));"
                 "CREATE UNIQUE INDEX only_one ON t(a) WHERE a LIKE 'only%';"
                 "CREATE TABLE p(k INTEGER PRIMARY KEY);"
                 "CREATE TABLE c(k INTEGER PRIMARY KEY, parent INTEGER REFERENCES p(k) ON DELETE RESTRICT);",
                 NULL, NULL, NULL);
    s.decide = script_from_local;
    s.ctx = d1;
    config = script_config(&s);
    config.setup = D1T_SETUP_TRUST;
    config.isolate = isolate;
    config.on_poison = note_poison;
    config.ctx = &s;
    poisoned[0] = 0;
    told = 0;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup(&db, tables, 3), D1T_OK);
}

static void put(int64_t n, const char *a)
{
    d1t_value row[3];

    row[0] = d1t_text("key\n");
    row[1] = d1t_int(n);
    row[2] = d1t_text(a);
    CHECK_INT(d1t_upsert(&db, &table, row, 3), D1T_OK);
}

static uint32_t log2_up(uint32_t n)
{
    uint32_t log = 0;

    while ((1u << log) < n)
        log++;
    return log;
}

static const char *count(void)
{
    return local_ask(d1,
                     "SELECT (SELECT count(*) FROM t)||','||(SELECT count(*) FROM c)||','||(SELECT count(*) FROM p)");
}

static const char *key_of_error(void)
{
    static char key[200];
    d1t_str k = d1t_error_key(&db);

    sprintf(key, "%.*s", (int)k.n, k.p);
    return key;
}

static void test_a_poison_row_is_found_in_log2_n_requests_and_nothing_is_written(void)
{
    static const uint32_t sizes[] = {1, 2, 3, 7, 64, 100, 1000};
    uint32_t i, n, at, k, most = 0;
    char key[60];

    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        n = sizes[i];
        for (at = 0; at < n; at = at + 1 < n && at + n / 5 + 1 >= n ? n - 1 : at + n / 5 + 1) {
            start(false);
            for (k = n; k-- > 0;) /* against the order of keys */
                put(k, k == at ? "bad" : "good");
            CHECK_INT(d1t_flush(&db), D1T_ERR_CONSTRAINT);
            CHECK(s.sent <= log2_up(n) + 2);
            most = s.sent > most ? (uint32_t)s.sent : most;
            CHECK_STR(count(), "0,0,0");
            CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
            CHECK_STR(db.error.table, "t");
            CHECK_INT(db.error.row, n - at);
            sprintf(key, "[\"key\\n\",%u]", at);
            CHECK_STR(key_of_error(), key);
            CHECK(strstr(db.error.text, "key\n") == NULL && strstr(db.error.text, "bad") == NULL);
            CHECK_INT(db.stats.rows_poisoned, 1);
            CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK); /* all but the refused one */
            CHECK_INT(d1t_close(&db), D1T_OK);
            CHECK_INT(db.stats.rows_sent, n - 1);
            CHECK_INT(atoi(count()), n - 1);
        }
    }
    printf("figure: probe_requests_of_1000_rows %u\n", most);
}

static void test_probes_abort_themselves(void)
{
    size_t i;
    int64_t k;

    start(false);
    for (k = 0; k < 100; k++)
        put(k, k == 70 ? "bad" : "good");
    CHECK_INT(d1t_flush(&db), D1T_ERR_CONSTRAINT);
    CHECK(s.kept > 3);
    for (i = 1; i < s.kept; i++) {
        const char *body = s.requests[i].body, *last = strstr(body, "d1t probe");
        CHECK(last != NULL && strstr(last, "json_each") == NULL); /* behind all rows */
    }
    CHECK_INT(db.stats.rows_sent, 0);
    CHECK(db.stats.maybe_billed >= s.kept - 1);
    d1t_close(&db);
}

static void test_a_pair_that_clashes_only_together_is_found(void)
{
    int64_t k;
    int isolate;

    for (isolate = 0; isolate < 2; isolate++) {
        start(isolate != 0);
        for (k = 0; k < 500; k++)
            put(k, k == 10 || k == 490 ? "only" : "good");
        CHECK_INT(d1t_flush(&db), isolate ? D1T_OK : D1T_ERR_CONSTRAINT);
        CHECK_STR(count(), isolate ? "499,0,0" : "0,0,0");
        if (isolate)
            CHECK_STR(poisoned, "t[\"key\\n\",490] ");
        else
            CHECK_STR(key_of_error(), "[\"key\\n\",490]"); /* the second of the two, in key order */
        d1t_close(&db);
    }
}

static void test_isolate_writes_every_other_row_and_names_each_poison_once(void)
{
    static const int64_t bad[] = {0, 1, 400, 777, 999};
    size_t i;
    int64_t k;
    char key[40];

    start(true);
    for (k = 0; k < 1000; k++)
        put(k, k == 0 || k == 1 || k == 400 || k == 777 || k == 999 ? "bad" : "good");
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(told, 5);
    for (i = 0; i < 5; i++) {
        sprintf(key, "t[\"key\\n\",%d] ", (int)bad[i]);
        CHECK(strstr(poisoned, key) != NULL);
    }
    CHECK_STR(count(), "995,0,0");
    CHECK_INT(db.stats.rows_sent, 995);
    CHECK_INT(db.stats.rows_poisoned, 5);
    CHECK(s.sent <= 5 * (log2_up(1000) + 2) + 1);
    CHECK_INT(d1t_close(&db), D1T_OK);
}

static void test_only_poison_leaves_nothing(void)
{
    int64_t k;

    start(true);
    for (k = 0; k < 9; k++)
        put(k, "bad");
    CHECK_INT(d1t_flush(&db), D1T_OK);
    CHECK_INT(told, 9);
    CHECK_STR(count(), "0,0,0");
    put(1, "good");
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(count(), "1,0,0");
}

static void test_a_missing_parent_and_a_delete_that_is_restricted_are_named(void)
{
    d1t_value row[2];
    int64_t k;
    int isolate;

    for (isolate = 0; isolate < 2; isolate++) {
        start(isolate != 0);
        sqlite3_exec(local_d1_sqlite(d1), "INSERT INTO p VALUES(1),(2); INSERT INTO c VALUES(100,1)", NULL, NULL, NULL);
        for (k = 0; k < 200; k++) {
            row[0] = d1t_int(k);
            row[1] = d1t_int(k == 150 ? 77 : 2); /* there is no parent 77 */
            CHECK_INT(d1t_upsert(&db, &child, row, 2), D1T_OK);
        }
        CHECK_INT(d1t_flush(&db), isolate ? D1T_OK : D1T_ERR_CONSTRAINT);
        CHECK_STR(isolate ? poisoned : key_of_error(), isolate ? "c[150] " : "[150]");
        CHECK_STR(count(), isolate ? "0,199,2" : "0,1,2");
        d1t_clear(&db, D1T_DROP_ROWS);
        poisoned[0] = 0;
        row[0] = d1t_int(2);
        sqlite3_exec(local_d1_sqlite(d1), "INSERT INTO p VALUES(3); INSERT OR REPLACE INTO c VALUES(100,2)", NULL, NULL,
                     NULL);
        CHECK_INT(d1t_delete(&db, &parent, row, 1), D1T_OK);
        row[0] = d1t_int(3);
        CHECK_INT(d1t_delete(&db, &parent, row, 1), D1T_OK);
        CHECK_INT(d1t_flush(&db), isolate ? D1T_OK : D1T_ERR_CONSTRAINT);
        CHECK_STR(isolate ? poisoned : key_of_error(), isolate ? "p[2] " : "[2]");
        CHECK_STR(local_ask(d1, "SELECT group_concat(k) FROM p"), isolate ? "1,2" : "1,2,3");
        d1t_close(&db);
    }
}

static void test_a_wide_row_that_is_refused_is_named_too(void)
{
    static char big[300000];
    d1t_config config;
    d1t_value row[3];
    int isolate;

    memset(big, 'x', sizeof big - 1);
    for (isolate = 0; isolate < 2; isolate++) {
        start(isolate != 0);
        d1t_close(&db);
        sqlite3_exec(local_d1_sqlite(d1),
                     "CREATE UNIQUE INDEX one_long ON t(length(a)) WHERE length(a) > 1000;"
                     "INSERT INTO t SELECT 'first', 1, replace(hex(zeroblob(149999)),'0','y')||'z'",
                     NULL, NULL, NULL);
        config = script_config(&s);
        config.setup = D1T_SETUP_TRUST;
        config.isolate = isolate != 0;
        config.on_poison = note_poison;
        config.ctx = &s;
        config.max_body = 10000;
        CHECK_INT(d1t_open(&db, &config), D1T_OK);
        CHECK_INT(d1t_setup(&db, tables, 3), D1T_OK);
        put(1, "good");
        row[0] = d1t_text("wide");
        row[1] = d1t_int(7);
        row[2] = d1t_text(big);
        CHECK_INT(d1t_upsert(&db, &table, row, 3), D1T_OK);
        CHECK_INT(d1t_flush(&db), isolate ? D1T_OK : D1T_ERR_CONSTRAINT);
        CHECK_STR(isolate ? poisoned : key_of_error(), isolate ? "t[\"wide\",7] " : "[\"wide\",7]");
        if (!isolate)
            CHECK_INT(db.error.row, 2);
        CHECK_STR(count(), "2,0,0");
        d1t_close(&db);
    }
}

static void test_faults_while_probing_do_not_change_the_finding(void)
{
    static const local_d1_fault faults[] = {LOCAL_D1_REFUSE,     LOCAL_D1_LOSE_BEFORE, LOCAL_D1_LOSE_AFTER,
                                            LOCAL_D1_CUT_ANSWER, LOCAL_D1_429_API,     LOCAL_D1_503_HTML,
                                            LOCAL_D1_SILENT,     LOCAL_D1_ZOMBIE,      LOCAL_D1_TWICE};
    size_t i;
    uint64_t request;
    int64_t k;

    for (i = 0; i < sizeof faults / sizeof *faults; i++)
        for (request = 1; request < 8; request += 2) {
            start(true);
            for (k = 0; k < 60; k++)
                put(k, k == 33 ? "bad" : "good");
            local_d1_set_fault(d1, faults[i], request, 1);
            CHECK_INT(d1t_close(&db), D1T_OK);
            if (db.error.code)
                printf("fault %d at request %u: %s\n", (int)faults[i], (unsigned)request, db.error.text);
            CHECK_STR(poisoned, "t[\"key\\n\",33] ");
            CHECK_STR(count(), "59,0,0");
        }
}

static void test_a_lasting_fault_while_probing_is_the_error_and_keeps_the_rows(void)
{
    int64_t k;

    start(false);
    for (k = 0; k < 60; k++)
        put(k, k == 33 ? "bad" : "good");
    local_d1_set_fault(d1, LOCAL_D1_REFUSE, 3, UINT64_MAX);
    CHECK_INT(d1t_flush(&db), D1T_ERR_CONNECT);
    local_d1_set_fault(d1, LOCAL_D1_OK, 1, 0);
    CHECK_INT(d1t_clear(&db, D1T_KEEP_ROWS), D1T_OK);
    CHECK_INT(d1t_flush(&db), D1T_ERR_CONSTRAINT);
    CHECK_STR(key_of_error(), "[\"key\\n\",33]");
    d1t_clear(&db, D1T_KEEP_ROWS);
    CHECK_INT(d1t_close(&db), D1T_OK);
    CHECK_STR(count(), "59,0,0");
}

int main(void)
{
    RUN(test_a_poison_row_is_found_in_log2_n_requests_and_nothing_is_written);
    RUN(test_probes_abort_themselves);
    RUN(test_a_pair_that_clashes_only_together_is_found);
    RUN(test_isolate_writes_every_other_row_and_names_each_poison_once);
    RUN(test_only_poison_leaves_nothing);
    RUN(test_a_missing_parent_and_a_delete_that_is_restricted_are_named);
    RUN(test_a_wide_row_that_is_refused_is_named_too);
    RUN(test_faults_while_probing_do_not_change_the_finding);
    RUN(test_a_lasting_fault_while_probing_is_the_error_and_keeps_the_rows);
    script_free(&s);
    local_d1_close(d1);
    TEST_MAIN_END;
}
