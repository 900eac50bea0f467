/* Memory that runs out, at every allocation of every public call, once and for ever: an error, no crash, no leak, a
   client that can be closed, and a clean second run that ends where it should.

   Build with -O0 -gdwarf-4 -fno-pie -no-pie -finstrument-functions (so that it is seen which public functions a failing
   allocation passes through, and from which places in the source) and with -DPUBLIC_CALLS='"file"', the file made by
   tests/tools/public-calls.sh: a function that is declared but neither met nor listed below fails the test.
   Usage: oom [--exhaustive] [FILE for the places reached] */
#include <stdlib.h>

static size_t arena_chunk = 4096; /* with 1 every piece of an arena is asked for alone */
static size_t buffer_least = 256; /* with 0 everything that is added to a buffer is asked for alone */
#define D1T__CHUNK arena_chunk
#define D1T__GROWN(cap) ((cap) < buffer_least / 2 ? buffer_least : buffer_least ? (cap) * 2 : 0)
#define D1T__BUCKET_ROWS 4u
#define D1T__PAGE_RECORDS 2u
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/checked_alloc.h"
#include "../support/lab.h"

#define HOOK __attribute__((no_instrument_function))

/* ---- who is running: a stack of functions and of the places that called them */

typedef void (*function)(void);
typedef struct public_call {
    const char *name;
    function fn;
    bool allocates; /* was seen asking for memory */
    bool failed;    /* an allocation failed inside it */
    bool listed;    /* in takes_no_memory */
} public_call;

#define X(name) {#name, (function)name, false, false, false},
static public_call calls[] = {
#include PUBLIC_CALLS
};
#undef X
#define CALLS (sizeof calls / sizeof *calls)

static struct {
    void *fn, *site;
} stack[256];
static size_t depth;
static void *sites[4096]; /* places whose wish for memory was refused */
static size_t site_count;
static uint64_t failures;

void __cyg_profile_func_enter(void *fn, void *site) HOOK;
void __cyg_profile_func_exit(void *fn, void *site) HOOK;

void __cyg_profile_func_enter(void *fn, void *site)
{
    if (depth == sizeof stack / sizeof *stack) abort();
    stack[depth].fn = fn;
    stack[depth++].site = site;
}

void __cyg_profile_func_exit(void *fn, void *site)
{
    (void)fn, (void)site;
    depth--;
}

HOOK static void add_site(void *site)
{
    size_t i;

    for (i = 0; i < site_count && sites[i] != site; i++) {}
    if (i == site_count && site_count < sizeof sites / sizeof *sites) sites[site_count++] = site;
}

/* Ways to the allocations of a run, by number: the places that called each other on the way. */
static struct {
    uint64_t *way;
    size_t count, room;
    bool open;
} trail;

HOOK static void note_way(size_t number)
{
    uint64_t hash = 0xCBF29CE484222325u;
    size_t i;

    for (i = 0; i < depth; i++) hash = (hash ^ (uint64_t)(uintptr_t)stack[i].site) * 0x100000001B3u;
    if (number >= trail.room) {
        trail.room = number * 2 + 64;
        trail.way = realloc(trail.way, trail.room * sizeof *trail.way);
        if (!trail.way) abort();
    }
    trail.way[number] = hash;
    trail.count = number + 1;
}

/* Was an earlier allocation come to on the same way? */
HOOK static bool is_repeated(size_t number)
{
    size_t before = number;

    if (number >= trail.count) return false;
    while (before > 0 && trail.way[before - 1] != trail.way[number]) before--;
    return before > 0;
}

/* The public functions below which an allocation happens, and the places on the way to it. */
HOOK static void note(bool fails, bool from_header)
{
    size_t i, k;

    if (!fails && !trail.open) return; /* was seen in the undisturbed run */
    failures += fails;
    for (i = 0; i < depth; i++) {
        if (fails) add_site(stack[i].site);
        for (k = 0; k < CALLS; k++)
            if ((function)(uintptr_t)stack[i].fn == calls[k].fn) {
                calls[k].allocates = calls[k].allocates || from_header;
                calls[k].failed = calls[k].failed || fails;
            }
    }
}

/* ---- memory that runs out */

static checked_alloc memory;

static bool fails_next(void)
{
    return memory.fail_at &&
           (memory.calls + 1 == memory.fail_at || (memory.for_ever && memory.calls + 1 > memory.fail_at));
}

static void *noted_alloc(void *ctx, void *p, size_t old, size_t size)
{
    if (size && trail.open) note_way(memory.calls);
    if (size) note(fails_next(), true);
    return checked_alloc_fn(ctx, p, old, size);
}

static d1t_allocator allocator(void)
{
    d1t_allocator a = checked_allocator(&memory);

    a.fn = noted_alloc;
    return a;
}

/* ---- libcurl's memory runs out as well */

static void *libcurl_resize(void *p, size_t size)
{
    size_t *head = p ? (size_t *)p - 2 : NULL;

    note(fails_next(), false);
    return checked_alloc_fn(&memory, p, head ? head[0] : 0, size ? size : 1);
}

static void *libcurl_malloc(size_t size)
{
    return libcurl_resize(NULL, size);
}

static void libcurl_free(void *p)
{
    if (p) checked_alloc_fn(&memory, p, ((size_t *)p - 2)[0], 0);
}

static char *libcurl_strdup(const char *s)
{
    char *p = libcurl_resize(NULL, strlen(s) + 1);

    return p ? memcpy(p, s, strlen(s) + 1) : NULL;
}

static void *libcurl_calloc(size_t count, size_t size)
{
    void *p = libcurl_resize(NULL, count * size);

    return p ? memset(p, 0, count * size) : NULL;
}

/* ---- what the scenarios share */

static const d1t_column file_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("body", D1T_BLOB, 0),
    D1T_COLUMN_DEFAULT("bytes", D1T_INTEGER, D1T_NOT_NULL, "0"),
};
static const d1t_column symbol_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("line", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN_GENERATED("upper_name", D1T_TEXT, 0, "upper(`name`)"),
    D1T_COLUMN_ON_WRITE("seen", D1T_INTEGER, 0, "1+1"),
};
static const char *const path_of[] = {"path"};
static const char *const name_of[] = {"name", "line"};
static const d1t_index symbol_indexes[] = {D1T_UNIQUE_INDEX("symbols_name", name_of)};
static const d1t_foreign_key symbol_parents[] = {D1T_REFERENCES(path_of, "files", D1T_CASCADE)};
static const d1t_check symbol_checks[] = {{"line_is_positive", "`line` > 0"}};
static const d1t_table files = D1T_TABLE("files", file_columns);
static const d1t_table symbols = {
    "symbols", symbol_columns, 5, symbol_indexes, 1, symbol_parents, 1, symbol_checks, 1, D1T_STRICT, NULL, 0, NULL};
static const d1t_table *const tables[] = {&files, &symbols};

static local_d1 *d; /* the database of the scenario */
static bool exhaustive;
static size_t fill; /* how much is in a buffer already: its next growth then falls on another place in the source */
static uint64_t (*digest_of)(local_d1 *lab) = lab_digest; /* of what has to be the same after a second run */
static uint64_t left_behind; /* by a scenario that has itself done again what failed: the state before that; else 0 */

/* A database to begin with, and what it is like between the batches of an undisturbed run. */
static struct {
    sqlite3 *begin; /* NULL: empty */
    uint64_t states[64];
    bool rerun[64]; /* a run that began with this state ended where it should */
    size_t count;
    bool watched;
} course; /* its states are only looked at if it does not begin with an empty one */

/* Random bytes that are the same in every run, so that the same places ask for memory. */
static uint64_t random_count;

static void not_random(sqlite3_context *context, int count, sqlite3_value **args)
{
    uint8_t blob[16], key[16] = "not random";

    (void)count, (void)args;
    random_count++;
    d1t_fingerprint(key, d1t_bytes((const char *)&random_count, sizeof random_count), blob);
    sqlite3_result_blob(context, blob, sizeof blob, SQLITE_TRANSIENT);
}

static void predict_random_blobs(void)
{
    random_count = 0;
    CHECK_INT(sqlite3_create_function(local_d1_sqlite(d), "randomblob", 1, SQLITE_UTF8, NULL, not_random, NULL, NULL),
              SQLITE_OK);
}

static void open_database(void)
{
    sqlite3_backup *copy;

    d = lab_open();
    predict_random_blobs();
    if (!course.begin) return;
    copy = sqlite3_backup_init(local_d1_sqlite(d), "main", course.begin, "main");
    CHECK(copy && sqlite3_backup_step(copy, -1) == SQLITE_DONE && sqlite3_backup_finish(copy) == SQLITE_OK);
}

/* course.count: it is none of them. */
static size_t number_of_state(uint64_t digest)
{
    size_t i;

    for (i = 0; i < course.count && course.states[i] != digest; i++) {}
    return i;
}

static void note_state(void)
{
    uint64_t digest = lab_digest(d);

    if (!course.watched || number_of_state(digest) < course.count) return;
    if (course.count == sizeof course.states / sizeof *course.states) abort();
    course.rerun[course.count] = false;
    course.states[course.count++] = digest;
}

static d1t_result perform_and_note(void *ctx, d1t_request *request, d1t_op *op)
{
    d1t_transport t = local_d1_transport(d);
    d1t_result result = t.perform(ctx, request, op);

    note_state();
    return result;
}

static d1t_config make_config(void)
{
    d1t_config c = lab_config(d);

    c.allocator = allocator();
    c.transport.perform = perform_and_note;
    c.max_body = exhaustive ? 3000 : 6000;
    return c;
}

static int on_row(void *ctx, const d1t_row *row)
{
    *(size_t *)ctx += row->count;
    return 0;
}

static void ignore_line(void *ctx, const char *line)
{
    (void)ctx, (void)line;
}

/* A file and its symbols, several requests of them. */
static void write_rows(d1t_client *db, int from, int to)
{
    char name[32];
    d1t_value file[3], symbol[3];
    int i;

    for (i = from; i < to; i++) {
        snprintf(name, sizeof name, "name_%d", i);
        file[0] = symbol[0] = d1t_text(i % 2 ? "a.c" : "b.c");
        file[1] = d1t_blob(name, strlen(name));
        file[2] = d1t_int(i % 2);
        symbol[1] = d1t_int(i + 1);
        symbol[2] = d1t_text(name);
        d1t_upsert(db, &files, file, 3);
        d1t_upsert(db, &symbols, symbol, 3);
    }
}

/* ---- scenarios: each returns its first error */

typedef d1t_result (*scenario)(void);

static d1t_result buffers_and_arenas(void)
{
    d1t_buffer b;
    d1t_arena a, texts;
    d1t_result result = D1T_OK;
    int i;

    d1t_buffer_init(&b, allocator(), 100000);
    d1t_arena_init(&a, allocator(), 0);
    d1t_arena_init(&texts, allocator(), 0);
    for (i = 0; i < 400 && result == D1T_OK; i++) {
        result = d1t_buffer_add(&b, "0123456789", 10);
        if (result == D1T_OK && !d1t_arena_take(&a, 100)) result = D1T_ERR_NOMEM;
        if (result == D1T_OK && !d1t_arena_text(&texts, d1t_cstr("a text"))) result = D1T_ERR_NOMEM;
    }
    if (result == D1T_OK) result = d1t_buffer_reserve(&b, 50000);
    d1t_arena_free(&texts);
    d1t_arena_free(&a);
    d1t_buffer_free(&b);
    return result;
}

static void write_sql_texts(d1t_writer *w, int which)
{
    const d1t_value args[] = {d1t_int(1), d1t_text("x")};
    const d1t_statement s = {"SELECT ?1, ?2", args, 2};
    d1t_write_desc desc;
    d1t_shape shape;
    d1t_columns none = {{0, 0}};

    memset(&desc, 0, sizeof desc);
    d1t_shape_init(&shape, &symbols);
    desc.shape = &shape;
    desc.condition = -1;
    switch (which) {
        case 0: d1t_write_create_table(w, &symbols); break;
        case 1: d1t_write_create_index(w, &symbols, &symbol_indexes[0]); break;
        case 2: d1t_write_column(w, &symbols, &symbol_columns[2]); break;
        case 3: d1t_table_to_json(&symbols, w); break;
        case 4: (void)d1t_write_statement_sql(w, &s, NULL); break;
        case 5: (void)d1t_write_statement(w, &s, NULL); break;
        case 6: d1t_write_sql(w, &desc, none); break;
        default: (void)d1t_write_park_sql(w, &desc, &symbol_indexes[0]);
    }
}

static void write_plain_texts(d1t_writer *w, int which)
{
    switch (which) {
        case 0: d1t_write(w, d1t_cstr("text")); break;
        case 1: d1t_write_text(w, "text"); break;
        case 2: d1t_write_int(w, -7); break;
        case 3: d1t_write_uint(w, 7); break;
        case 4: d1t_write_json_string(w, d1t_cstr("\"")); break;
        case 5: d1t_write_hex(w, d1t_cstr("text")); break;
        case 6: d1t_write_name(w, "a`b"); break;
        default: d1t_write_sql_string(w, d1t_cstr("it's"));
    }
}

static void write_target_texts(d1t_writer *w, int which)
{
    static const d1t_setup_key key = {"a", "b"};

    switch (which) {
        case 0: d1t_setup_key_to_json(&key, w); break;
        case 1: d1t_setup_key_describe(&key, w); break;
        case 2: d1t_sanitize_identifier(d1t_cstr("a b"), w); break;
        default: d1t_target_additional_key(d1t_d1_target(), NULL, NULL, w);
    }
}

/* Each text into a buffer of its own, so that each writer meets the end of memory. */
static d1t_result growing_texts(void)
{
    d1t_result result = D1T_OK;
    d1t_buffer b;
    d1t_writer w;
    int i;

    for (i = 0; i < 20 && result == D1T_OK; i++) {
        d1t_buffer_init(&b, allocator(), 100000);
        d1t_writer_growing(&w, &b);
        if (i < 8) write_plain_texts(&w, i);
        else if (i < 16) write_sql_texts(&w, i - 8);
        else write_target_texts(&w, i - 16);
        CHECK(w.error != D1T_OK || b.n > 0);
        result = w.error;
        d1t_buffer_free(&b);
    }
    return result;
}

static d1t_result table_from_json(void)
{
    static char json[4000];
    const d1t_table *copy = NULL;
    d1t_arena arena;
    d1t_writer w;
    d1t_error error;
    d1t_result result;

    d1t_writer_fixed(&w, json, sizeof json);
    d1t_table_to_json(&symbols, &w);
    d1t_arena_init(&arena, allocator(), 0);
    result = d1t_table_from_json(d1t_bytes(json, w.n), &arena, &copy, &error);
    if (result == D1T_OK) result = d1t_table_check(copy, NULL, &error);
    d1t_arena_free(&arena);
    return result;
}

/* The pure differ, on a schema that has one table less and a column less. */
static d1t_result schema_and_plan(void)
{
    d1t_schema schema;
    d1t_arena arena;
    const d1t_plan_desc desc = {tables, 2, false, false, false, false, false};
    d1t_plan plan;
    d1t_error error;
    sqlite3_stmt *stmt = NULL;
    d1t_result result = D1T_OK;

    memset(&schema, 0, sizeof schema);
    memset(&plan, 0, sizeof plan);
    sqlite3_exec(local_d1_sqlite(d), "CREATE TABLE IF NOT EXISTS files (path TEXT NOT NULL PRIMARY KEY, body BLOB)",
                 NULL, NULL, NULL);
    sqlite3_exec(local_d1_sqlite(d), "CREATE INDEX IF NOT EXISTS files_body ON files (body, path)", NULL, NULL, NULL);
    d1t_arena_init(&arena, allocator(), 0);
    schema.arena = &arena;
    sqlite3_prepare_v2(local_d1_sqlite(d), d1t_schema_sql(), -1, &stmt, NULL);
    while (stmt && result == D1T_OK && sqlite3_step(stmt) == SQLITE_ROW)
        result = d1t_schema_add(&schema, d1t_cstr((const char *)sqlite3_column_text(stmt, 0)));
    sqlite3_finalize(stmt);
    if (result == D1T_OK) CHECK(d1t_schema_find(&schema, "files") != NULL);
    if (result == D1T_OK) result = d1t_schema_end(&schema);
    if (result == D1T_OK) result = d1t_plan_diff(&plan, &schema, &desc, &error);
    if (result == D1T_OK) CHECK(plan.step_count >= 3);
    d1t_plan_print(&plan, ignore_line, NULL);
    d1t_plan_free(&plan);
    d1t_arena_free(&arena);
    return result;
}

static d1t_result open_and_close(void)
{
    d1t_config c = make_config();
    d1t_client db;
    d1t_result opened = d1t_open(&db, &c), closed = d1t_close(&db);

    CHECK_INT(closed, opened);
    CHECK_INT(d1t_close(&db), opened);
    return closed;
}

static d1t_result setup_and_rows(void)
{
    d1t_config c = make_config();
    d1t_client db;

    d1t_open(&db, &c);
    d1t_setup(&db, tables, 1);
    d1t_setup(&db, tables + 1, 1); /* the list of tables grows */
    write_rows(&db, 0, 100);
    d1t_flush(&db);
    return d1t_close(&db);
}

/* The block for rows comes with the first one: each verb has to be the first. */
static d1t_result first_row_of(int which)
{
    const d1t_value row[] = {d1t_text("a.c"), d1t_null(), d1t_int(3)};
    const d1t_condition differs = {"bytes", false, d1t_absent()}, equals = {"bytes", true, d1t_int(7)};
    const d1t_statement around = {"SELECT 1", NULL, 0};
    d1t_config c = make_config();
    d1t_client db;

    c.setup = which == 1 ? D1T_SETUP_APPLY : D1T_SETUP_TRUST;
    d1t_open(&db, &c);
    d1t_setup(&db, tables, 2);
    d1t_around(&db, &around, 1, &around, 1);
    d1t_group_begin(&db);
    switch (which) {
        case 1: d1t_upsert(&db, &files, row, 3); break;
        case 2: d1t_update(&db, &files, row, 3); break;
        case 3: d1t_delete(&db, &files, row, 1); break;
        case 4: d1t_upsert_where(&db, &files, row, 3, &differs); break;
        default: d1t_delete_where(&db, &files, row, 1, &equals);
    }
    d1t_group_end(&db);
    return d1t_close(&db);
}

static d1t_result first_rows(void)
{
    d1t_result result = D1T_OK;
    int i;

    for (i = 1; i <= 5 && result == D1T_OK; i++) result = first_row_of(i);
    return result;
}

static d1t_result a_wide_row(void)
{
    static char blob[1200000];
    d1t_value row[3];
    d1t_config c = make_config();
    d1t_client db;

    row[0] = d1t_text("wide.bin");
    row[1] = d1t_blob(blob, sizeof blob);
    row[2] = d1t_int((int64_t)sizeof blob);
    d1t_open(&db, &c);
    d1t_setup(&db, tables, 2);
    d1t_upsert(&db, &files, row, 3);
    return d1t_close(&db);
}

/* A table that references itself, in many requests: its rows wait, and the block has to grow. */
static d1t_result rows_that_wait(void)
{
    static const d1t_column columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("up", D1T_INTEGER, 0)};
    static const char *const up[] = {"up"};
    static const d1t_foreign_key parents[] = {D1T_REFERENCES(up, "tree", D1T_CASCADE)};
    static const d1t_table tree = {"tree", columns, 2, NULL, 0, parents, 1, NULL, 0, 0, NULL, 0, NULL};
    static const d1t_table *const all[] = {&tree};
    d1t_config config = make_config();
    d1t_value row[2];
    d1t_client db;
    int i;

    d1t_open(&db, &config);
    d1t_setup(&db, all, 1);
    for (i = 1; i <= 2600; i++) {
        row[0] = d1t_int(i);
        row[1] = i < 2600 ? d1t_int(i + 1) : d1t_null();
        d1t_upsert(&db, &tree, row, 2);
    }
    return d1t_close(&db);
}

static d1t_result questions(void)
{
    const d1t_value path = d1t_text("a.c");
    const d1t_statement batch[] = {{"UPDATE files SET bytes = 7 WHERE path = ?1", NULL, 1}, {"SELECT 1", NULL, 0}};
    d1t_statement bound[2];
    d1t_config c = make_config();
    d1t_client db;
    size_t cells = 0;

    memcpy(bound, batch, sizeof bound);
    bound[0].args = &path;
    d1t_open(&db, &c);
    d1t_setup(&db, tables, 2);
    write_rows(&db, 0, 30);
    d1t_query(&db, "SELECT *, zeroblob(300), name || name FROM files JOIN symbols USING (path) WHERE path = ?1", &path,
              1, on_row, &cells);
    d1t_read(&db, &symbols, "`path` = ?1", &path, 1, on_row, &cells);
    d1t_exec(&db, bound, 2);
    d1t_read(&db, &files, NULL, NULL, 0, on_row, &cells);
    if (db.error.code == D1T_OK) CHECK(cells > 100);
    return d1t_close(&db);
}

static d1t_result a_long_condition(void)
{
    static char where[512];
    d1t_config c = make_config();
    d1t_client db;
    size_t cells = 0;

    memset(where, ' ', fill);
    memcpy(where + fill, "`bytes`>0", sizeof "`bytes`>0");
    c.setup = D1T_SETUP_TRUST;
    d1t_open(&db, &c);
    d1t_setup(&db, tables, 2);
    (void)d1t_read_start(&db, &files, where, NULL, 0, on_row, &cells);
    return d1t_close(&db);
}

static d1t_result plans(void)
{
    d1t_config c = make_config();
    d1t_client db;
    d1t_plan plan;
    d1t_arena arena;
    d1t_schema schema;

    memset(&plan, 0, sizeof plan);
    memset(&arena, 0, sizeof arena);
    memset(&schema, 0, sizeof schema);
    schema.arena = &arena;
    d1t_open(&db, &c);
    d1t_schema_read(&schema, &db);
    d1t_arena_free(&arena);
    d1t_plan_read(&plan, &db, tables, 2);
    d1t_plan_print(&plan, ignore_line, NULL);
    if (db.error.code == D1T_OK) d1t_plan_apply(&plan, D1T_EFFECT_NONE);
    d1t_plan_free(&plan);
    return d1t_close(&db);
}

/* A loop of our own around d1t_next; and d1t_run for every second task. */
static void drive(d1t_client *db, d1t_result started)
{
    static unsigned turn;
    d1t_transport t = local_d1_transport(d);
    d1t_todo todo;
    d1t_step step = D1T_WAIT;
    d1t_result result;

    if (started != D1T_OK) return;
    if (turn++ % 2) {
        d1t_run(db, &t);
        return;
    }
    while (step != D1T_DONE && step != D1T_FAIL) {
        step = d1t_next(db, local_d1_now(d), &todo);
        if (step == D1T_SEND) {
            result = t.perform(t.ctx, todo.request, todo.op);
            d1t_op_on_end(todo.op, local_d1_now(d), result, 0);
        }
        if (step == D1T_WAIT) local_d1_sleep(d, todo.wake_ms - local_d1_now(d));
    }
}

static d1t_result driven(void)
{
    const d1t_value path = d1t_text("a.c"), row[] = {path, d1t_null(), d1t_int(3)};
    const d1t_statement one = {"UPDATE files SET bytes = 8", NULL, 0};
    d1t_config c = make_config();
    const d1t_plan_desc desc = {tables, 1, false, false, false, false, false};
    d1t_client db;
    d1t_plan plan;
    size_t cells = 0;

    memset(&plan, 0, sizeof plan);
    c.driven = true;
    memset(&c.transport, 0, sizeof c.transport);
    d1t_open(&db, &c);
    drive(&db, d1t_plan_read_start(&plan, &db, &desc));
    if (db.error.code == D1T_OK) drive(&db, d1t_plan_apply_start(&plan, D1T_EFFECT_NONE));
    d1t_plan_free(&plan);
    drive(&db, d1t_setup_start(&db, tables, 2));
    d1t_upsert(&db, &files, row, 3);
    drive(&db, d1t_flush_start(&db));
    drive(&db, d1t_query_start(&db, "SELECT path FROM files WHERE path = ?1", &path, 1, on_row, &cells));
    drive(&db, d1t_read_start(&db, &files, NULL, NULL, 0, on_row, &cells));
    drive(&db, d1t_exec_start(&db, &one, 1));
    drive(&db, d1t_setup_start(&db, tables, 2));
    return d1t_close(&db);
}

/* libcurl without memory: a transport without perform, or one that works. */
static d1t_result curl_transport(void)
{
    d1t_curl_options options;
    d1t_transport t;

    memset(&options, 0, sizeof options);
    options.proxy = "";
    options.ca_file = "/dev/null";
    t = d1t_curl_transport(&options);
    if (t.perform && t.close) t.close(t.ctx);
    return t.perform ? D1T_OK : D1T_ERR_NOMEM;
}

/* libcurl without memory in the middle of a request to a port where nobody listens: some error each time. */
static d1t_result curl_client(void)
{
    d1t_config c = make_config();
    d1t_client db;

    memset(&c.transport, 0, sizeof c.transport);
    c.database_url = "http://127.0.0.1:1/d1/database/none";
    c.retry.attempts = 1;
    d1t_open(&db, &c);
    d1t_exec(&db, &(d1t_statement){"SELECT 1", NULL, 0}, 1);
    return d1t_close(&db);
}

/* ---- the loops */

static bool is_out_of_memory(d1t_result result)
{
    return result == D1T_ERR_NOMEM || result == D1T_ERR_SPACE;
}

static d1t_result run_with(scenario run, size_t fail_at, int for_ever)
{
    d1t_result result;

    memory.calls = 0;
    left_behind = 0;
    memory.fail_at = fail_at;
    memory.for_ever = for_ever;
    result = run();
    CHECK_INT(memory.live, 0);
    return result;
}

/* What the scenario ends with when there is memory, and the states on the way. */
static d1t_result run_undisturbed(scenario run, uint64_t *digest)
{
    d1t_result result;

    open_database();
    trail.count = course.count = 0;
    course.watched = course.begin != NULL;
    note_state();
    trail.open = true;
    result = run_with(run, 0, 0);
    trail.open = course.watched = false;
    *digest = digest_of(d);
    local_d1_close(d);
    return result;
}

static void expect_failure(d1t_result result, d1t_result expected, size_t n, int for_ever)
{
    bool good = expected == D1T_OK ? is_out_of_memory(result) : result < 0;

    if (!good) printf("allocation %zu fails %s: %s\n", n, for_ever ? "for ever" : "once", d1t_result_name(result));
    CHECK(good);
}

static size_t next_failure(size_t n)
{
    while (!exhaustive && arena_chunk == 1 && is_repeated(n)) n++;
    return n + 1;
}

/* With memory, from where the failure has left the database; once for each such state is enough. */
static void run_again(scenario run, d1t_result expected, uint64_t clean, size_t n)
{
    size_t state = number_of_state(left_behind ? left_behind : lab_digest(d));

    if (course.begin && state == course.count) printf("allocation %zu: the database is as it never should be\n", n);
    CHECK(!course.begin || state < course.count);
    if (!exhaustive && (left_behind || (state < course.count && course.rerun[state]))) return;
    CHECK_INT(run_with(run, 0, 0), expected);
    CHECK(digest_of(d) == clean);
    if (state < course.count) course.rerun[state] = true;
}

/* `expected`: what the scenario ends with when there is memory. */
static void fail_each_allocation(scenario run, d1t_result expected, int for_ever)
{
    uint64_t clean;
    size_t n = 0;
    d1t_result result = run_undisturbed(run, &clean);
    bool failed = result == expected;

    CHECK_INT(result, expected);
    while (failed) {
        n = next_failure(n);
        open_database();
        result = run_with(run, n, for_ever);
        failed = memory.calls >= n;
        if (failed) expect_failure(result, expected, n, for_ever);
        else CHECK_INT(result, expected);
        run_again(run, expected, clean, n);
        local_d1_close(d);
    }
    CHECK(n > 1);
}

static void in_both_modes(scenario run)
{
    fail_each_allocation(run, D1T_OK, 0);
    fail_each_allocation(run, D1T_OK, 1);
}

/* With an allocation for each piece of an arena; of those come to on one way only the first, unless exhaustive. */
static void in_pieces(scenario run)
{
    arena_chunk = 1;
    in_both_modes(run);
    arena_chunk = 4096;
}

static void test_buffers_and_arenas(void)
{
    in_both_modes(buffers_and_arenas);
}
static void test_growing_texts(void)
{
    in_both_modes(growing_texts);
}
static void test_table_from_json(void)
{
    in_pieces(table_from_json);
}
static void test_schema_and_plan(void)
{
    in_pieces(schema_and_plan);
}
static void test_open_and_close(void)
{
    in_both_modes(open_and_close);
}
static void test_setup_and_rows(void)
{
    in_both_modes(setup_and_rows);
}
static void test_the_first_row_of_each_verb(void)
{
    in_both_modes(first_rows);
}
static void test_a_wide_row(void)
{
    in_both_modes(a_wide_row);
}
static void test_rows_that_wait(void)
{
    in_both_modes(rows_that_wait);
}
static void test_query_read_and_exec(void)
{
    in_both_modes(questions);
}
static void test_a_long_condition(void)
{
    for (fill = 0; fill <= 256; fill++) in_both_modes(a_long_condition);
    fill = 0;
}
static void test_plans(void)
{
    in_both_modes(plans);
}
static void test_driven(void)
{
    in_both_modes(driven);
}
static void test_curl_transport(void)
{
    in_both_modes(curl_transport);
}

static void test_a_client_over_libcurl(void)
{
    fail_each_allocation(curl_client, D1T_ERR_CONNECT, 0);
    fail_each_allocation(curl_client, D1T_ERR_CONNECT, 1);
}

/* One block instead of an allocator, of every size: too small is D1T_ERR_SPACE, and enough is enough. */
static size_t block_size;

static d1t_result in_a_block(void)
{
    static uint64_t block[4096];
    const d1t_value row[] = {d1t_text("a.c"), d1t_null(), d1t_int(3)};
    d1t_config c = make_config();
    d1t_client db;
    size_t cells = 0;

    memset(&c.allocator, 0, sizeof c.allocator);
    c.memory = block;
    c.memory_size = block_size;
    c.max_kept = block_size / 2;
    d1t_open(&db, &c);
    d1t_setup(&db, tables, 2);
    d1t_upsert(&db, &files, row, 3);
    d1t_read(&db, &files, NULL, NULL, 0, on_row, &cells);
    if (is_out_of_memory(db.error.code) && db.error.need) CHECK(db.error.need > block_size);
    return d1t_close(&db);
}

static void test_a_block_of_every_size(void)
{
    d1t_result result = D1T_OK;
    bool enough = false;

    for (block_size = 8; block_size <= 32768; block_size += exhaustive ? 8 : 248) {
        d = lab_open();
        result = run_with(in_a_block, 0, 0);
        if (result != D1T_OK && result != D1T_ERR_SPACE)
            printf("a block of %zu bytes: %s\n", block_size, d1t_result_name(result));
        CHECK(result == D1T_OK || (result == D1T_ERR_SPACE && !enough));
        enough = result == D1T_OK;
        local_d1_close(d);
    }
    CHECK(enough);
}

#include "oom_setup.h"
#include "oom_sync.h"

/* ---- every public function was met, or takes no memory */

static const struct {
    const char *names, *reason;
} takes_no_memory[] = {
    {" d1t_result_name d1t_result_text d1t_schema_sql d1t_schema_record_sql d1t_sql_type d1t_type_from_sql "
     "d1t_limits_default ",
     "static data"},
    {" d1t_cstr d1t_bytes d1t_str_equal d1t_str_equal_nocase d1t_utf8_valid d1t_member_value ", "views"},
    {" d1t_buffer_init d1t_arena_init d1t_block_init d1t_block_allocator d1t_json_reader_init d1t_reply_init "
     "d1t_op_init d1t_hash_init d1t_shape_init d1t_writer_fixed d1t_writer_growing d1t_writer_counting "
     "d1t_writer_window d1t_request_set_body d1t_memory_store_init d1t_scope_table d1t_scope_prefix d1t_scope_equals "
     "d1t_scope_range d1t_sync_scope_prefix d1t_roots_init d1t_connect_begin ",
     "fill a struct of the caller's"},
    {" d1t_buffer_free d1t_arena_free d1t_plan_free d1t_wipe d1t_clear d1t_memory_store_free d1t_sync_abort "
     "d1t_connect_abort ",
     "give memory back"},
    {" d1t_format_int d1t_format_uint d1t_parse_int d1t_format_double d1t_parse_double d1t_hash_add d1t_hash_end "
     "d1t_stats_cost d1t_limiter_wait d1t_limiter_count d1t_classify d1t_fingerprint ",
     "arithmetic"},
    {" d1t_absent d1t_null d1t_bool d1t_int d1t_double d1t_text d1t_text_n d1t_blob d1t_json d1t_uuid d1t_date "
     "d1t_time d1t_timestamp d1t_timestamptz d1t_vector ",
     "make a value, a view"},
    {" d1t_check_name d1t_sql_next d1t_table_check d1t_table_column d1t_schema_find d1t_error_key d1t_server_text ",
     "look at what is there"},
    {" d1t_json_reader_end d1t_reply_end d1t_op_next d1t_op_on_status d1t_op_on_header d1t_op_on_end "
     "d1t_op_set_transport_code ",
     "machines of fixed size"},
    {" d1t_request_read d1t_request_rewind d1t_around d1t_plan_print ", "write into what the caller gives, or count"},
    {" d1t_flush_start d1t_group_begin d1t_group_end d1t_close ",
     "the rows are encoded already, and are sent from where they are"},
    {" d1t_config_from_env d1t_put_line ", "libc's own"},
    {" d1t_schema_recorded d1t_setup_key_compare d1t_sql_equal d1t_sql_mentions d1t_state_version "
     "d1t_state_always_exists d1t_state_always_exists_and d1t_state_equal d1t_state_has_diff d1t_state_transition "
     "d1t_diff d1t_diff_table d1t_state_compatibility d1t_type_from_word d1t_d1_target d1t_registry_init "
     "d1t_registry_add d1t_registry_find d1t_target_mutation_start d1t_target_setup_start d1t_target_end ",
     "look at states and targets, begin a job or end it"},
    {" d1t_record_diff d1t_composite_diff d1t_table_effect d1t_diff_effect d1t_record_transition d1t_reconcile "
     "d1t_command_reconcile d1t_command_sql d1t_roots_add d1t_roots_find ",
     "look at records, and at a list of the caller's"},
    {" d1t_sync_commit_start ", "says only that no more rows come"},
};

static void list_the_functions_that_take_no_memory(void)
{
    char word[64];
    size_t i, k;

    for (i = 0; i < CALLS; i++) {
        snprintf(word, sizeof word, " %s ", calls[i].name);
        for (k = 0; k < sizeof takes_no_memory / sizeof *takes_no_memory; k++)
            calls[i].listed = calls[i].listed || strstr(takes_no_memory[k].names, word);
    }
}

static void test_every_public_function_met_a_failed_allocation_or_takes_no_memory(void)
{
    size_t i, met = 0;

    list_the_functions_that_take_no_memory();
    for (i = 0; i < CALLS; i++) {
        bool good = calls[i].listed ? !calls[i].allocates : calls[i].failed;
        if (!good)
            printf("%s: %s\n", calls[i].name,
                   calls[i].listed ? "listed as taking no memory, but it does"
                                   : "no allocation failed in it, and it is not listed");
        CHECK(good);
        met += !calls[i].listed;
    }
    printf("figure: oom_public_functions %zu met, %zu take no memory, %zu declared\n", met, CALLS - met, CALLS);
    printf("figure: oom_failed_allocations %llu\n", (unsigned long long)failures);
}

static void write_sites(const char *path)
{
    FILE *f = fopen(path, "w");
    size_t i;

    for (i = 0; f && i < site_count; i++)
        fprintf(f, "0x%llx\n", (unsigned long long)((uintptr_t)sites[i] - 1)); /* inside the call, not behind it */
    CHECK(f && fclose(f) == 0);
}

int main(int argc, char **argv)
{
    exhaustive = argc > 1 && strcmp(argv[1], "--exhaustive") == 0;
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, libcurl_malloc, libcurl_free, libcurl_resize, libcurl_strdup,
                             libcurl_calloc) != CURLE_OK)
        return 2;
    memory.live = 0; /* what libcurl keeps until its clean-up is not ours to count */
    RUN(test_buffers_and_arenas);
    RUN(test_growing_texts);
    RUN(test_table_from_json);
    RUN(test_schema_and_plan);
    RUN(test_open_and_close);
    RUN(test_setup_and_rows);
    RUN(test_the_first_row_of_each_verb);
    RUN(test_a_wide_row);
    RUN(test_rows_that_wait);
    RUN(test_query_read_and_exec);
    RUN(test_a_long_condition);
    RUN(test_plans);
    RUN(test_driven);
    RUN(test_curl_transport);
    RUN(test_a_client_over_libcurl);
    RUN(test_a_block_of_every_size);
    run_setup_tests();
    run_sync_tests();
    RUN(test_every_public_function_met_a_failed_allocation_or_takes_no_memory);
    if (argc > exhaustive + 1) write_sites(argv[exhaustive + 1]);
    TEST_MAIN_END;
}
