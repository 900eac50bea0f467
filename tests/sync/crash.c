/* Runs of declared state that are interrupted anywhere.

   crash local SEEDS                  on local_d1, its faults included
   crash url SEEDS DATABASE_URL...    on the Worker of tests/live over libcurl; databases are used in turn, emptied
   crash cut SEEDS                    on local_d1: one run from a declaration to another, cut off before and after each
                                      of its requests; then the new one is declared again, or the old one, or a third
   FROM=N                             begins with seed N (of SEEDS); VERBOSE=1 tells of each run

   A seed is a sequence of runs over three tables (parents, children that go with them, a table of its own with odd
   keys), each with another declaration. In all but the last one something happens: a fault at some request, or the
   process is gone before or after one. After the last one D1 holds the declaration exactly, and declaring the same once
   more writes nothing. */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/lab.h"
#include "../support/random.h"
#include "../support/test.h"
#include "../setup/server.h"
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MOST 400 /* rows of a table */

/* ---- the tables */

static const d1t_column owner_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("name", D1T_TEXT, 0),
                                           D1T_COLUMN("code", D1T_INTEGER, 0)};
static const char *const owner_code[] = {"code"};
static const d1t_index owner_indexes[] = {D1T_UNIQUE_INDEX("owners_code", owner_code)};
static const d1t_table owners = {"owners", owner_columns, 3, owner_indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_column pet_columns[] = {D1T_COLUMN("owner", D1T_INTEGER, D1T_KEY),
                                         D1T_COLUMN("name", D1T_TEXT, D1T_KEY), D1T_COLUMN("age", D1T_INTEGER, 0)};
static const char *const pet_owner[] = {"owner"};
static const d1t_foreign_key pet_keys[] = {D1T_REFERENCES(pet_owner, "owners", D1T_CASCADE)};
static const d1t_table pets = {"pets", pet_columns, 3, NULL, 0, pet_keys, 1, NULL, 0, D1T_WITHOUT_ROWID, NULL, 0, NULL};
static const d1t_column note_columns[] = {D1T_COLUMN("key", D1T_TEXT, D1T_KEY), D1T_COLUMN("id", D1T_BLOB, D1T_KEY),
                                          D1T_COLUMN("x", D1T_REAL, 0)};
static const d1t_table notes = D1T_TABLE_FLAGS("notes", note_columns, D1T_WITHOUT_ROWID);
static const d1t_table *const tables[] = {&owners, &pets, &notes};

/* ---- the declaration: which rows there are, and their values */

typedef struct rows {
    int value[MOST]; /* -1: no such row; pets are three to an owner */
} rows;

static rows want[3];
static int code[MOST]; /* of owners: unique, and moves from one to another, declared or not */

static unsigned below(unsigned n)
{
    return (unsigned)random_below(n);
}

/* Another declaration, more or less like the last one. */
static void declare_anew(void)
{
    unsigned how = below(6), percent = how == 0 ? 100 : how == 1 ? 30 : how == 2 ? 0 : 3;
    int t, i;

    for (t = 0; t < 3; t++)
        for (i = 0; i < MOST; i++)
            if (below(100) < percent)
                want[t].value[i] = below(3) ? (int)below(1000) : -1;
    for (i = below(4) ? (int)below(20) : 0; i > 0; i--) { /* codes move */
        unsigned a = below(MOST), b = below(MOST);
        int moved = code[a];
        code[a] = code[b];
        code[b] = moved;
    }
    for (i = 0; i < MOST; i++) /* no pet without its owner */
        if (want[0].value[i / 3] < 0)
            want[1].value[i] = -1;
    if (how == 5) { /* a table is empty for once */
        t = below(2) ? 1 : 2;
        for (i = 0; i < MOST; i++)
            want[t].value[i] = -1;
    }
}

/* The i-th row of a table; owners are in key order. */
static void row_of(int t, int i, d1t_value *v, char *text, unsigned char *bytes)
{
    static const char *const odd[] = {"", "'", "\"", "\\", "\n", "\xC3\xA9", "\xF0\x9F\x98\x80", "a", "a\x01", "`"};

    if (t == 0) {
        v[0] = d1t_int(i * 7 - 1000);
        snprintf(text, 64, "owner %d", want[0].value[i]);
        v[1] = d1t_text(text);
        v[2] = d1t_int(code[i]);
    } else if (t == 1) {
        v[0] = d1t_int(i / 3 * 7 - 1000);
        snprintf(text, 64, "%s%d", odd[i % 10], i % 3);
        v[1] = d1t_text(text);
        v[2] = want[1].value[i] % 10 ? d1t_int(want[1].value[i]) : d1t_null();
    } else {
        snprintf(text, 64, "%s%d", odd[i % 10], i / 10);
        v[0] = d1t_text(text);
        bytes[0] = (unsigned char)(i * 37);
        v[1] = d1t_blob(bytes, (size_t)i % 2);
        v[2] = d1t_double(want[2].value[i] / 8.0);
    }
}

/* ---- what happens to requests */

typedef enum event { NOTHING, REFUSED, LOST, GONE_BEFORE, GONE_AFTER, LOCAL_FAULT } event;

static struct {
    d1t_transport inner;
    local_d1 *d;
    const char *url;
    event event;
    local_d1_fault fault;
    uint64_t at, count; /* requests */
    uint64_t skipped_ms;
    bool gone; /* the process: nothing arrives any more */
} world;

static uint64_t faults, kills, runs, requests;

static d1t_result world_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    bool now = ++world.count == world.at;
    d1t_op deaf;

    (void)ctx;
    requests++;
    if (now && world.event == GONE_BEFORE)
        world.gone = true;
    if (world.gone || (now && world.event == REFUSED))
        return D1T_ERR_CONNECT;
    if (now && world.event == LOCAL_FAULT)
        local_d1_set_fault(world.d, world.fault, 1, 1);
    if (!now || (world.event != LOST && world.event != GONE_AFTER))
        return world.inner.perform(world.inner.ctx, req, op);
    memset(&deaf, 0, sizeof deaf); /* it is executed, and nobody hears of it */
    (void)world.inner.perform(world.inner.ctx, req, &deaf);
    world.gone = world.event == GONE_AFTER;
    return world.gone ? D1T_ERR_CONNECT : D1T_ERR_TRANSPORT;
}

static uint64_t world_now(void *ctx)
{
    (void)ctx;
    return world.inner.now_ms(world.inner.ctx) + world.skipped_ms;
}

static void world_sleep(void *ctx, uint64_t ms)
{
    (void)ctx;
    if (world.d)
        world.inner.sleep_ms(world.inner.ctx, ms);
    else
        world.skipped_ms += ms;
}

static void world_choose(void)
{
    static const local_d1_fault kinds[] = {LOCAL_D1_CUT_REQUEST, LOCAL_D1_LOSE_BEFORE, LOCAL_D1_LOSE_AFTER,
                                           LOCAL_D1_CUT_ANSWER, LOCAL_D1_LATE, LOCAL_D1_ZOMBIE, LOCAL_D1_TWICE,
                                           LOCAL_D1_SILENT, LOCAL_D1_429_BUSY, LOCAL_D1_500, LOCAL_D1_500_AFTER,
                                           LOCAL_D1_503_HTML};

    world.event = (event)(1 + below(world.d ? 5 : 4));
    world.fault = kinds[below(COUNT(kinds))];
    world.at = 1 + below(12);
    world.count = 0;
    world.gone = false;
    faults++;
    kills += world.event == GONE_BEFORE || world.event == GONE_AFTER;
}

/* ---- a run */

static d1t_client db;
static d1t_sync_report report;

static d1t_result client_open(void)
{
    d1t_config config = lab_config(world.d);

    if (world.url)
        config.database_url = world.url;
    config.transport.version = D1T_TRANSPORT_VERSION;
    config.transport.ctx = NULL;
    config.transport.perform = world_perform;
    config.transport.now_ms = world_now;
    config.transport.sleep_ms = world_sleep;
    config.transport.close = NULL;
    config.max_body = 40000; /* several requests for the tables */
    d1t_open(&db, &config);
    return d1t_setup(&db, tables, 3);
}

/* The order of keys in the database: of texts, then of blobs. */
static int compare_rows(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b, t = x / MOST, c;
    d1t_value v[2][3];
    char text[2][64];
    unsigned char bytes[2][1];

    if (t != y / MOST)
        return t - y / MOST;
    row_of(t, x % MOST, v[0], text[0], bytes[0]);
    row_of(t, y % MOST, v[1], text[1], bytes[1]);
    if (t < 2 && v[0][0].u.i != v[1][0].u.i)
        return v[0][0].u.i < v[1][0].u.i ? -1 : 1;
    c = strcmp(text[0], text[1]);
    return c ? c : (int)v[0][1].u.s.n - (int)v[1][1].u.s.n;
}

static void declare_rows(d1t_sync *sync, bool sorted)
{
    static const int counts[] = {3, 3, 3};
    int order[3 * MOST], n = 0, t, i, k;
    d1t_value v[3];
    unsigned char bytes[1];
    char text[64];

    for (t = 0; t < 3; t++)
        for (i = 0; i < MOST; i++)
            order[n++] = t * MOST + i;
    if (sorted) qsort(order, (size_t)n, sizeof *order, compare_rows);
    for (i = n - 1; i > 0 && !sorted; i--) {
        k = (int)below((unsigned)i + 1);
        t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    for (i = 0; i < n; i++) {
        t = order[i] / MOST;
        if (want[t].value[order[i] % MOST] < 0)
            continue;
        row_of(t, order[i] % MOST, v, text, bytes);
        if (d1t_sync_row(sync, tables[t], v, (size_t)counts[t]) != D1T_OK)
            return;
    }
}

/* Rows that do not fit memory: a temporary file would do, this is one in memory. */
static char spilled[1 << 18];

static d1t_result spill_write(void *ctx, uint64_t at, const void *p, size_t n)
{
    (void)ctx;
    if (at + n > sizeof spilled) return D1T_ERR_SPACE;
    memcpy(spilled + at, p, n);
    return D1T_OK;
}

static d1t_result spill_read(void *ctx, uint64_t at, void *p, size_t n)
{
    (void)ctx;
    memcpy(p, spilled + at, n);
    return D1T_OK;
}

/* What is kept on this side: sometimes used, sometimes not (then it is out of date), and its commit fails at times. */
static d1t_memory_store kept;
static d1t_store store;
static unsigned store_failures;
static d1t_result (*memory_commit)(void *ctx);

static d1t_result fragile_commit(void *ctx)
{
    if (world.event != NOTHING && below(4) == 0) {
        store_failures++;
        return D1T_ERR_TRANSPORT;
    }
    return memory_commit(ctx);
}

static void store_begin(void)
{
    d1t_memory_store_free(&kept);
    store = d1t_memory_store_init(&kept, kept.allocator);
    memory_commit = store.commit;
    store.commit = fragile_commit;
}

static d1t_result run_once(void)
{
    d1t_scope scopes[3];
    d1t_sync_desc desc;
    d1t_sync sync;
    int t;

    memset(&desc, 0, sizeof desc);
    for (t = 0; t < 3; t++)
        scopes[t] = d1t_scope_table(tables[t]);
    desc.scopes = scopes;
    desc.scope_count = 3;
    desc.max_delete = 100;
    desc.sorted = below(3) == 0;
    desc.spill.write = spill_write;
    desc.spill.read = spill_read;
    if (below(2)) desc.max_memory = 2000 + below(20000);
    if (below(3)) desc.store = &store;
    runs++;
    if (client_open() == D1T_OK && d1t_sync_begin(&sync, &db, &desc) == D1T_OK) {
        declare_rows(&sync, desc.sorted);
        (void)d1t_sync_commit(&sync, &report);
    }
    return d1t_close(&db);
}

/* ---- does D1 hold the declaration? */

static int seen[3], wrong;
static int table_now;
static d1t_value expected[3];

static int look_at_row(void *ctx, const d1t_row *row)
{
    unsigned char bytes[1];
    char text[64];
    int i;

    (void)ctx;
    seen[table_now]++;
    for (i = 0; i < MOST; i++) {
        size_t k;
        bool same = want[table_now].value[i] >= 0;
        if (!same) continue;
        row_of(table_now, i, expected, text, bytes);
        for (k = 0; k < row->count && same; k++) {
            const d1t_value *a = &row->values[k], *b = &expected[k];
            same = a->kind == b->kind &&
                   (a->kind == D1T_KIND_NULL || (a->kind == D1T_KIND_INT && a->u.i == b->u.i) ||
                    (a->kind == D1T_KIND_DOUBLE && a->u.d == b->u.d) ||
                    ((a->kind == D1T_KIND_TEXT || a->kind == D1T_KIND_BLOB) && d1t_str_equal(a->u.s, b->u.s)));
        }
        if (same) return 0;
    }
    if (wrong++ == 0) {
        printf("not declared, in %s:", tables[table_now]->name);
        for (i = 0; i < (int)row->count; i++)
            if (row->values[i].kind == D1T_KIND_INT) printf(" %lld", (long long)row->values[i].u.i);
            else if (row->values[i].kind == D1T_KIND_TEXT)
                printf(" '%.*s'", (int)row->values[i].u.s.n, row->values[i].u.s.p);
            else printf(" kind %d of %d bytes", (int)row->values[i].kind, (int)row->values[i].u.s.n);
        printf("\n");
    }
    return 0;
}

static bool holds_the_declaration(void)
{
    int i, count;

    wrong = 0;
    if (client_open() != D1T_OK)
        return false;
    for (table_now = 0; table_now < 3; table_now++) {
        seen[table_now] = 0;
        if (d1t_read(&db, tables[table_now], NULL, NULL, 0, look_at_row, NULL) != D1T_OK)
            wrong++;
        for (i = count = 0; i < MOST; i++)
            count += want[table_now].value[i] >= 0;
        if (seen[table_now] != count) {
            printf("table %s has %d rows, not %d\n", tables[table_now]->name, seen[table_now], count);
            wrong++;
        }
    }
    return d1t_close(&db) == D1T_OK && wrong == 0;
}

static bool seed_passes(unsigned seed)
{
    int steps, i;
    uint64_t written;

    random_state = 0x9e3779b97f4a7c15u + seed * UINT64_C(0xD1342543DE82EF95);
    for (i = 0; i < 3 * MOST; i++)
        want[i / MOST].value[i % MOST] = -1;
    for (i = 0; i < MOST; i++)
        code[i] = i;
    store_begin();
    memset(&world.event, 0, sizeof world.event);
    steps = 1 + (int)below(4);
    for (i = 0; i < steps; i++) {
        d1t_result result;
        declare_anew();
        world_choose();
        result = run_once();
        if (getenv("VERBOSE"))
            printf("seed %u run %d event %d fault %d at %d: %s %s\n", seed, i, (int)world.event, (int)world.fault,
                   (int)world.at, d1t_result_name(result), db.error.text);
    }
    if (below(2)) declare_anew();
    world.event = NOTHING;
    world.gone = false;
    if (world.d) local_d1_set_fault(world.d, LOCAL_D1_OK, 1, 1);
    for (i = 0; i < 3 && run_once() == D1T_ERR_CONFLICT; i++) {} /* what was sent before the kill may land late */
    if (db.error.code != D1T_OK) {
        printf("seed %u: the last run ended with %s: %s\n", seed, d1t_result_name(db.error.code), db.error.text);
        return false;
    }
    if (!holds_the_declaration()) {
        printf("seed %u: D1 differs from the declaration (%d rows)\n", seed, wrong);
        return false;
    }
    (void)run_once();
    written = db.stats.rows_written;
    if (written)
        printf("seed %u: a run that changes nothing wrote %d rows and sent %d of %d buckets\n", seed, (int)written,
               (int)report.buckets_sent, (int)report.buckets);
    return written == 0;
}

/* What is declared after the cut. */
static void declare_after(int which, const rows was[3], const int was_code[MOST], const rows is[3],
                          const int is_code[MOST])
{
    int t, i;

    memcpy(want, which == 1 ? was : is, sizeof want);
    memcpy(code, which == 1 ? was_code : is_code, sizeof code);
    for (t = 0; t < 3 && which == 2; t++) /* what is in both: rows go that were new, or were to be new again */
        for (i = 0; i < MOST; i++)
            if (was[t].value[i] < 0) want[t].value[i] = -1;
    for (i = 0; i < MOST && which == 2; i++)
        if (want[0].value[i / 3] < 0) want[1].value[i] = -1;
}

/* One cut: the request at which it happens, before (0) or after (1) it is executed. 0: the run was over before. */
static bool cut_passes(unsigned seed, unsigned at, int after, int which, bool *over)
{
    rows was[3], is[3];
    int was_code[MOST], is_code[MOST], i;
    bool passes;

    world.d = lab_open();
    world.inner = local_d1_transport(world.d);
    store_begin();
    random_state = 0x9e3779b97f4a7c15u + seed * UINT64_C(0xD1342543DE82EF95);
    for (i = 0; i < 3 * MOST; i++)
        want[i / MOST].value[i % MOST] = below(10) ? (int)below(1000) : -1;
    for (i = 0; i < MOST; i++) {
        code[i] = i;
        if (want[0].value[i / 3] < 0) want[1].value[i] = -1;
    }
    memcpy(was, want, sizeof was);
    memcpy(was_code, code, sizeof code);
    world.event = NOTHING;
    world.gone = false;
    (void)run_once();
    declare_anew();
    memcpy(is, want, sizeof is);
    memcpy(is_code, code, sizeof code);
    world.event = after ? GONE_AFTER : GONE_BEFORE;
    world.at = at;
    world.count = 0;
    (void)run_once();
    *over = world.count < at;
    world.event = NOTHING;
    world.gone = false;
    declare_after(which, was, was_code, is, is_code);
    passes = run_once() == D1T_OK && holds_the_declaration();
    passes = passes && run_once() == D1T_OK && db.stats.rows_written == 0;
    if (!passes)
        printf("seed %u, cut %s request %u, then declaration %d: %s %s\n", seed, after ? "after" : "before", at, which,
               d1t_result_name(db.error.code), db.error.text);
    local_d1_close(world.d);
    world.d = NULL;
    return passes;
}

static int cut_everywhere(unsigned from, unsigned seeds)
{
    unsigned seed, at, points = 0;
    bool over, passes;
    int after, which;

    for (seed = from; seed <= seeds; seed++) {
        passes = true;
        for (after = 0; after < 2; after++)
            for (which = 0; which < 3; which++)
                for (at = 1, over = false; !over && at < 100 && passes; at++, points++)
                    passes = cut_passes(seed, at, after, which, &over);
        if (passes) test_passed++;
        else test_failed++;
    }
    d1t_memory_store_free(&kept);
    printf("figure: cuts %u\n", points);
    TEST_MAIN_END;
}

int main(int argc, char **argv)
{
    unsigned from = getenv("FROM") ? (unsigned)atoi(getenv("FROM")) : 1, seeds = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    unsigned seed;
    bool local = argc == 3 && strcmp(argv[1], "local") == 0;

    if (argc == 3 && strcmp(argv[1], "cut") == 0) return cut_everywhere(from, seeds);
    if (!local && !(argc > 3 && strcmp(argv[1], "url") == 0)) {
        fprintf(stderr, "usage: %s local SEEDS | %s cut SEEDS | %s url SEEDS DATABASE_URL...\n", argv[0], argv[0],
                argv[0]);
        return 2;
    }
    if (!local) world.inner = d1t_curl_transport(NULL);
    for (seed = from; seed <= seeds; seed++) {
        if (local) {
            world.d = lab_open();
            world.inner = local_d1_transport(world.d);
        } else {
            world.url = argv[3 + (int)seed % (argc - 3)];
            if (server_call(world.url, "reset", true) < 0) printf("no reset of %s\n", world.url);
        }
        if (seed_passes(seed)) test_passed++;
        else test_failed++;
        local_d1_close(world.d);
        world.d = NULL;
        if (test_failed > 10) break;
    }
    d1t_memory_store_free(&kept);
    printf("figure: seeds %u, runs %llu, requests %llu, faults %llu (of these kills %llu), failures of the store %u\n",
           seed - from, (unsigned long long)runs, (unsigned long long)requests, (unsigned long long)faults,
           (unsigned long long)kills, store_failures);
    TEST_MAIN_END;
}
