/* Two programs that migrate one database at once, to different schemas.

   race url ROUNDS DATABASE_URL...   two threads with libcurl against the Worker of tests/live; its barrier holds the
                                     first write until the other one's has come, so that both have read before either
                                     writes. Databases are used in turn and emptied first.
   race local ROUNDS                 in the process: when the one wants to write, the other does all of its own first
   FROM=N                             begins with round N (of ROUNDS)

   In every round exactly one wins, the other gets D1T_ERR_CONFLICT, and the schema is to the letter the one that the
   winner makes when it is alone. Then the loser plans again and ends where it wanted to. A second kind of round has two
   programs that set up the same tables at once: both end well. */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/test.h"
#include <pthread.h>
#include <stdlib.h>
#include "server.h"
#include "shop.h"

typedef struct program {
    const shop *to;
    bool setup; /* d1t_setup, else a plan */
    d1t_result result;
    char error[D1T_ERROR_TEXT + 32];
    uint64_t requests;
    /* local only */
    struct program *overtaken_by; /* runs when this one wants to write for the first time */
    d1t_transport transport;
} program;

static const char *url; /* of the database; NULL: local */
static char **urls;
static int url_count, url_turn;
static local_d1 *d;
static unsigned rounds, overlaps, conflicts, setups;
static char title[256];

static void complain(const char *what, const char *more)
{
    test_checks_failed++;
    printf("%s: %s: %s\n", title, what, more);
}

/* ---- databases */

static void fresh_database(void)
{
    if (urls) {
        url = urls[url_turn++ % url_count];
        if (server_call(url, "reset", true) < 0) complain("reset", url);
        return;
    }
    local_d1_close(d);
    d = lab_open();
}

/* ---- the programs */

static bool wants_to_write(d1t_request *req)
{
    char head[400] = "";
    size_t n = d1t_request_read(req, head, sizeof head - 1);

    head[n] = 0;
    d1t_request_rewind(req);
    return strstr(head, "PRAGMA") != NULL || strstr(head, "CREATE TABLE IF NOT EXISTS `_d1t_setup`") != NULL;
}

static void run(program *p);

static d1t_result perform(void *ctx, d1t_request *req, d1t_op *op)
{
    program *p = (program *)ctx, *other = p->overtaken_by;

    if (other && wants_to_write(req)) {
        p->overtaken_by = NULL;
        overlaps++;
        run(other);
    }
    return p->transport.perform(p->transport.ctx, req, op);
}

static uint64_t now(void *ctx)
{
    program *p = (program *)ctx;

    return p->transport.now_ms(p->transport.ctx);
}

static void wait_ms(void *ctx, uint64_t ms)
{
    program *p = (program *)ctx;

    p->transport.sleep_ms(p->transport.ctx, ms);
}

static d1t_config configured(program *p)
{
    d1t_config config;

    memset(&config, 0, sizeof config);
    config.token = "t";
    config.seed = 1;
    config.allow = D1T_EFFECT_DESTRUCTIVE;
    config.database_url = url;
    if (!url) config = lab_config(d);
    config.allow = D1T_EFFECT_DESTRUCTIVE;
    if (!url && p) {
        p->transport = config.transport;
        config.transport.ctx = p;
        config.transport.perform = perform;
        config.transport.now_ms = now;
        config.transport.sleep_ms = wait_ms;
    }
    return config;
}

static d1t_plan_desc wanted(const shop *to)
{
    d1t_plan_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.tables = to->list;
    desc.count = to->count;
    desc.prune = true;
    return desc;
}

static void run(program *p)
{
    d1t_config config = configured(p);
    d1t_plan_desc desc = wanted(p->to);
    d1t_client db;
    d1t_plan plan;

    p->result = d1t_open(&db, &config);
    if (p->result == D1T_OK && p->setup) {
        p->result = d1t_setup(&db, p->to->list, p->to->count);
    } else if (p->result == D1T_OK) {
        p->result = d1t_plan_read_desc(&plan, &db, &desc);
        if (p->result == D1T_OK) p->result = d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE);
        d1t_plan_free(&plan);
    }
    p->requests = db.stats.requests;
    snprintf(p->error, sizeof p->error, "%s: %s", d1t_result_name(p->result), db.error.text);
    d1t_close(&db);
}

static void *thread(void *ctx)
{
    run((program *)ctx);
    return NULL;
}

static void run_alone(const shop *to)
{
    program p;

    memset(&p, 0, sizeof p);
    p.to = to;
    run(&p);
    if (p.result != D1T_OK) complain("alone", p.error);
}

/* Both at once; whether both had read before either wrote. */
static bool run_both(program *a, program *b)
{
    pthread_t threads[2];
    bool met;

    if (!url) {
        unsigned before = overlaps;

        a->overtaken_by = b;
        run(a);
        return overlaps == before + 1;
    }
    if (server_call(url, "barrier", true) < 0 || pthread_create(&threads[0], NULL, thread, a) != 0 ||
        pthread_create(&threads[1], NULL, thread, b) != 0)
        abort();
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    met = server_call(url, "barrier", false) == 2;
    overlaps += met;
    return met;
}

/* ---- what D1 has */

static int put_text(void *ctx, const d1t_row *row)
{
    char *text = (char *)ctx;
    size_t at = strlen(text), i;

    for (i = 0; i < row->count; i++)
        if (row->values[i].kind == D1T_KIND_TEXT)
            at += (size_t)snprintf(text + at, 16384 - at, "%.*s\n", (int)row->values[i].u.s.n, row->values[i].u.s.p);
    return 0;
}

static void ask(const char *sql, char *text)
{
    d1t_config config = configured(NULL);
    d1t_client db;

    text[0] = 0;
    d1t_open(&db, &config);
    if (d1t_query(&db, sql, NULL, 0, put_text, text) != D1T_OK) complain(sql, db.error.text);
    d1t_close(&db);
}

/* sqlite_sequence stays in a database once it has had a table with AUTOINCREMENT, also when it is emptied. */
static void schema(char *text)
{
    ask("SELECT name, sql FROM sqlite_schema WHERE substr(name,1,1)<>'_' AND name<>'sqlite_sequence' ORDER BY type, "
        "name",
        text);
}

static void prepare(const shop *from)
{
    d1t_config config;
    d1t_client db;
    d1t_statement statements[SHOP_ROWS + SHOP_BY_HAND];
    size_t i;

    fresh_database();
    run_alone(from);
    memset(statements, 0, sizeof statements);
    for (i = 0; i < SHOP_ROWS + SHOP_BY_HAND; i++)
        statements[i].sql = i < SHOP_ROWS ? shop_rows[i] : shop_by_hand[i - SHOP_ROWS];
    config = configured(NULL);
    d1t_open(&db, &config);
    if (d1t_exec(&db, statements, SHOP_ROWS + SHOP_BY_HAND) != D1T_OK) complain("preparing", db.error.text);
    d1t_close(&db);
}

/* How many steps are left to these tables; with NULL, to what is recorded. */
static uint32_t steps_left(const shop *to)
{
    d1t_config config = configured(NULL);
    d1t_plan_desc desc = {0};
    d1t_client db;
    d1t_plan plan;
    uint32_t steps;

    if (to) desc = wanted(to);
    desc.drift = !to;
    d1t_open(&db, &config);
    if (d1t_plan_read_desc(&plan, &db, &desc) != D1T_OK) complain("reading", db.error.text);
    steps = plan.step_count;
    d1t_plan_free(&plan);
    d1t_close(&db);
    return steps;
}

static void check_rows(void)
{
    char text[16384];

    ask("SELECT (SELECT count(*) FROM customers)||','||(SELECT count(*) FROM orders)||','||(SELECT count(*) FROM lines)"
        "||','||(SELECT count(*) FROM products)||','||(SELECT count(*) FROM pragma_foreign_key_check)||','||"
        "(SELECT count(*) FROM sqlite_schema WHERE name GLOB '_d1t_*' AND name<>'_d1t_setup' OR type='view')",
        text);
    if (strncmp(text, "7,12,20,13,0,", 13) != 0) complain("customers, orders, lines, products, orphans", text);
}

/* ---- the rounds */

static unsigned number;

/* Two different changes of the same shop. */
static void two_targets(shop *base, shop *a, shop *b)
{
    const shop_edit *one = &shop_edits[number % SHOP_EDITS], *two = &shop_edits[(number * 7 + 11) % SHOP_EDITS];

    if (one == two) two = &shop_edits[(number + 1) % SHOP_EDITS];
    snprintf(title, sizeof title, "%u %s | %s", number, one->name, two->name);
    shop_base(base, false);
    shop_ready(base);
    *a = *base;
    *b = *base;
    shop_ready(a);
    shop_ready(b);
    one->make(a);
    two->make(b);
    shop_ready(a);
    shop_ready(b);
}

static void schema_alone(const shop *from, const shop *to, char *text)
{
    prepare(from);
    run_alone(to);
    schema(text);
}

/* A column that the winner renamed cannot come back empty if it is NOT NULL: the loser says what it is called now. */
static void tell_renames(shop *loser, const shop *winner)
{
    size_t t, i, k;

    for (t = 0; t < SHOP_TABLES; t++) {
        const d1t_table *won = &winner->tables[t].t;

        for (i = 0; i < won->column_count; i++)
            for (k = 0; won->columns[i].was && k < loser->tables[t].t.column_count; k++) {
                d1t_column *c = &loser->tables[t].columns[k];

                if (strcmp(c->name, won->columns[i].was) == 0) c->was = won->columns[i].name;
            }
    }
}

static void of_two_that_migrate_at_once_one_wins_and_the_other_plans_again(void)
{
    static char alone[2][16384], text[16384];
    shop base, target[2];
    program p[2];
    int winner;

    two_targets(&base, &target[0], &target[1]);
    schema_alone(&base, &target[0], alone[0]);
    schema_alone(&base, &target[1], alone[1]);
    prepare(&base);
    memset(p, 0, sizeof p);
    p[0].to = &target[0];
    p[1].to = &target[1];
    CHECK(run_both(&p[0], &p[1]));
    winner = p[0].result == D1T_OK ? 0 : 1;
    if (p[winner].result != D1T_OK || p[!winner].result != D1T_ERR_CONFLICT) {
        complain("the one", p[0].error);
        complain("the other", p[1].error);
        return;
    }
    conflicts++;
    schema(text);
    if (strcmp(text, alone[winner]) != 0) {
        complain("the schema is not the winner's", text);
        complain("which is", alone[winner]);
    }
    CHECK_INT(steps_left(&target[winner]), 0);
    CHECK_INT(steps_left(NULL), 0);
    check_rows();
    tell_renames(&target[!winner], &target[winner]);
    run_alone(&target[!winner]);
    CHECK_INT(steps_left(&target[!winner]), 0);
    CHECK_INT(steps_left(NULL), 0);
    check_rows();
}

static void two_that_set_up_the_same_tables_at_once_both_end_well(void)
{
    shop base, target[2];
    program p[2];

    two_targets(&base, &target[0], &target[1]);
    if (number % 2) fresh_database();
    else prepare(&base);
    memset(p, 0, sizeof p);
    p[0].to = p[1].to = &target[0];
    p[0].setup = p[1].setup = true;
    CHECK(run_both(&p[0], &p[1]));
    if (p[0].result != D1T_OK) complain("the one", p[0].error);
    if (p[1].result != D1T_OK) complain("the other", p[1].error);
    CHECK(p[0].requests != p[1].requests); /* one has read again */
    CHECK_INT(steps_left(NULL), 0);
    setups++;
}

int main(int argc, char **argv)
{
    unsigned count;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 3 && strcmp(argv[1], "url") == 0) {
        urls = argv + 3;
        url_count = argc - 3;
        curl_global_init(CURL_GLOBAL_DEFAULT);
    } else if (argc != 3 || strcmp(argv[1], "local") != 0) {
        fprintf(stderr, "usage: %s local ROUNDS | %s url ROUNDS DATABASE_URL...\n", argv[0], argv[0]);
        return 2;
    }
    count = (unsigned)atoi(argv[2]);
    for (number = getenv("FROM") ? (unsigned)atoi(getenv("FROM")) : 0; number < count; number++) {
        RUN(of_two_that_migrate_at_once_one_wins_and_the_other_plans_again);
        rounds++;
    }
    for (number = 0; number < (count + 4) / 5; number++) RUN(two_that_set_up_the_same_tables_at_once_both_end_well);
    local_d1_close(d);
    printf("figure: rounds %u\nfigure: overlaps %u\nfigure: conflicts %u\nfigure: setups_at_once %u\n", rounds,
           overlaps, conflicts, setups);
    TEST_MAIN_END;
}
