/* Scenarios of oom.c: declared state, stores and connectors. Each piece of an arena and each addition to a buffer is an
   allocation of its own here, so that each wish for memory is refused.

   A run that has failed once is done again by the same client and over the same store: what it has left behind must
   not be in the way of what is declared. */

/* ---- the tables: keys of every kind, unique values, and children whose rows go with their parents' */

static const d1t_column doc_columns[] = {D1T_COLUMN("name", D1T_TEXT, D1T_KEY), D1T_COLUMN("size", D1T_INTEGER, 0),
                                         D1T_COLUMN("slot", D1T_INTEGER, 0)};
static const char *const on_slot[] = {"slot"}, *const on_doc[] = {"doc"};
static const d1t_index doc_indexes[] = {D1T_UNIQUE_INDEX("doc_slot", on_slot)};
static const d1t_table docs = {"doc", doc_columns, 3, doc_indexes, 1, NULL, 0, NULL, 0, D1T_WITHOUT_ROWID, NULL, 0,
                               NULL};
static const d1t_column part_columns[] = {D1T_COLUMN("doc", D1T_TEXT, D1T_KEY), D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY),
                                          D1T_COLUMN("id", D1T_BLOB, D1T_KEY), D1T_COLUMN("text", D1T_TEXT, 0)};
static const d1t_foreign_key part_keys[] = {D1T_REFERENCES(on_doc, "doc", D1T_CASCADE)};
static const d1t_table parts = {"part", part_columns, 4, NULL, 0, part_keys, 1, NULL, 0, D1T_WITHOUT_ROWID, NULL, 0,
                                NULL};
static const d1t_table *const sync_tables[] = {&docs, &parts};

/* What is declared: a number of docs from one on, each with its slot and a part; every seventh is `changed`. */
typedef struct state {
    int from, to, changed, shift; /* shift: of the slots */
    bool parts;
} state;

static int name_width = 3; /* digits of a name */

typedef struct doc_record {
    const char *name;
    int size, slot;
} doc_record;
static const d1t_member doc_members[] = {D1T_MEMBER(doc_record, name, D1T_AS_STRING),
                                         D1T_MEMBER(doc_record, size, D1T_AS_INT),
                                         D1T_MEMBER(doc_record, slot, D1T_AS_INT)};

/* Only the tables that are declared: the owners of two runs differ, and with them the buckets. */
static uint64_t digest_of_rows(local_d1 *lab)
{
    uint64_t hash = lab_hash_rows(lab, "SELECT * FROM doc ORDER BY name", 1);

    return lab_hash_rows(lab, "SELECT * FROM part ORDER BY doc, nth", hash);
}

/* ---- a run */

static unsigned char spilled[1 << 16];

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

static void count_difference(void *ctx, const d1t_table *table, d1t_difference what, d1t_str key)
{
    (void)table, (void)what, (void)key;
    ++*(size_t *)ctx;
}

static d1t_scope scopes[2];

static d1t_sync_desc whole_tables(void)
{
    d1t_sync_desc desc;

    memset(&desc, 0, sizeof desc);
    scopes[0] = d1t_scope_table(&parts);
    scopes[1] = d1t_scope_table(&docs);
    desc.scopes = scopes;
    desc.scope_count = 2;
    desc.max_delete = 100;
    return desc;
}

/* The run's task to its end, from outside. */
static d1t_result drive_sync(d1t_sync *run, d1t_result started)
{
    d1t_transport t = local_d1_transport(d);
    d1t_todo todo;
    d1t_step step;

    if (started != D1T_OK) return started;
    while ((step = d1t_sync_next(run, local_d1_now(d), &todo)) != D1T_DONE && step != D1T_FAIL) {
        if (step == D1T_SEND) {
            d1t_result sent = t.perform(t.ctx, todo.request, todo.op);
            note_state();
            d1t_op_on_end(todo.op, local_d1_now(d), sent, 0);
        }
        if (step == D1T_WAIT) local_d1_sleep(d, todo.wake_ms - local_d1_now(d));
    }
    return run->db->error.code;
}

static d1t_result offer_doc(d1t_sync *run, int i, const state *s)
{
    char name[256];
    doc_record record;

    snprintf(name, sizeof name, "d%0*d", name_width, i);
    record.name = name;
    record.size = i % 7 == 0 ? s->changed : i;
    record.slot = i + s->shift;
    return d1t_sync_struct(run, &docs, doc_members, 3, &record);
}

static d1t_result offer_part(d1t_sync *run, int i, const state *s)
{
    char name[256], text[500];
    d1t_value row[4];

    snprintf(name, sizeof name, "d%0*d", name_width, i);
    row[0] = d1t_text(name);
    row[1] = d1t_int(i);
    row[2] = d1t_blob("\0i\xFF", 3);
    memset(text, s->changed % 2 ? ',' : '.', sizeof text); /* so that they take several requests */
    text[0] = '"';
    row[3] = d1t_text_n(text, sizeof text);
    return d1t_sync_row(run, &parts, row, 4);
}

typedef d1t_result (*offer)(d1t_sync *run, int i, const state *s);

static d1t_result declare(d1t_sync *run, offer one, const state *s)
{
    d1t_result result = D1T_OK;
    int count = s->to - s->from, i, nth;

    for (i = 0; i < count && result == D1T_OK; i++) {
        nth = s->from + (run->desc.sorted ? i : count - 1 - i);
        while ((result = one(run, nth, s)) == D1T_FULL && run->db->driven) {
            result = drive_sync(run, D1T_OK);
            if (result != D1T_OK) break;
        }
    }
    return result;
}

/* In both forms. */
static d1t_result sync_once(d1t_client *db, const d1t_sync_desc *desc, const state *s, d1t_sync_report *report)
{
    d1t_sync run;
    d1t_result result = db->driven ? drive_sync(&run, d1t_sync_begin_start(&run, db, desc))
                                   : d1t_sync_begin(&run, db, desc);

    if (result == D1T_OK) result = declare(&run, offer_doc, s);
    if (result == D1T_OK && s->parts) result = declare(&run, offer_part, s);
    if (result != D1T_OK) {
        d1t_sync_abort(&run);
        return result;
    }
    if (!db->driven) return d1t_sync_commit(&run, report);
    result = drive_sync(&run, d1t_sync_commit_start(&run));
    *report = run.report;
    return result;
}

static void expect_rows(const d1t_sync_desc *desc, const state *s)
{
    char sql[200];

    if (desc->mode != D1T_SYNC_APPLY) return;
    snprintf(sql, sizeof sql, "SELECT count(*)-1000*sum(size=%d) FROM doc WHERE slot=substr(name,2)+%d", s->changed,
             s->shift);
    CHECK_INT(lab_int(d, sql), s->to - s->from - 1000 * (s->to / 7 - (s->from - 1) / 7));
    CHECK_INT(lab_int(d, "SELECT count(*) FROM part"), s->parts ? s->to - s->from : 0);
}

/* Once more, where memory failed once: nothing that the failure has left may be in the way. */
static d1t_result sync_to(d1t_client *db, const d1t_sync_desc *desc, const state *s)
{
    d1t_sync_report report;
    d1t_result result = db->error.code == D1T_OK ? sync_once(db, desc, s, &report) : db->error.code, again;

    if (result == D1T_OK) {
        expect_rows(desc, s);
        CHECK_INT(report.declared, (s->to - s->from) * (s->parts ? 2 : 1));
    } else if (!memory.for_ever && db->open && d1t_clear(db, D1T_DROP_ROWS) == D1T_OK) {
        left_behind = lab_digest(d);
        again = d1t_setup(db, sync_tables, 2);
        if (again == D1T_OK) again = sync_once(db, desc, s, &report);
        CHECK_INT(again, D1T_OK);
        expect_rows(desc, s);
    }
    return result;
}

static d1t_config sync_config(bool driven)
{
    d1t_config c = make_config();

    c.setup = D1T_SETUP_TRUST; /* the tables are there */
    c.max_body = 7000;
    c.driven = driven;
    return c;
}

/* Steps of a program, one run after another. */
static d1t_result sync_steps(const d1t_config *c, const d1t_sync_desc *desc, const state *steps, size_t count)
{
    d1t_client db;
    d1t_result result = d1t_open(&db, c);
    size_t i;

    if (result == D1T_OK) result = d1t_setup(&db, sync_tables, 2);
    for (i = 0; i < count && result == D1T_OK; i++) result = sync_to(&db, desc, &steps[i]);
    d1t_close(&db);
    return result;
}

static const state first_state = {1, 9, 70, 0, true};
static const state steps[] = {{1, 9, 70, 0, true}, {4, 12, 71, 0, true}}; /* the first is what begins */
static const state few[] = {{1, 5, 70, 0, false}};
static const state moved[] = {{4, 9, 70, -3, false}}; /* their slots were those of rows that are to go */
static const state all_moved[] = {{5, 9, 70, -4, false}};

static d1t_result unsorted_rows_with_a_spill(void)
{
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();

    desc.max_memory = 400;
    desc.spill.write = spill_write;
    desc.spill.read = spill_read;
    return sync_steps(&c, &desc, steps, 1);
}

static d1t_result sorted_rows(void)
{
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();

    desc.sorted = true;
    return sync_steps(&c, &desc, steps + 1, 1);
}

static d1t_result sorted_rows_driven(void)
{
    d1t_config c = sync_config(true);
    d1t_sync_desc desc = whole_tables();

    memset(&c.transport, 0, sizeof c.transport);
    desc.sorted = true;
    return sync_steps(&c, &desc, steps + 1, 1);
}

static d1t_result values_that_move(void)
{
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();

    return sync_steps(&c, &desc, moved, 1);
}

static d1t_result values_that_all_move(void)
{
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();

    return sync_steps(&c, &desc, all_moved, 1);
}

/* The names of records that go do not fit one request. */
static d1t_result many_records_that_go(void)
{
    static const state last = {29, 31, 70, 0, false};
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();

    return sync_steps(&c, &desc, &last, 1);
}

/* The store outlives a run that has failed. */
static d1t_result rows_with_a_store(void)
{
    static const state then[] = {{1, 9, 70, 0, true}, {4, 12, 71, 0, true}, {4, 12, 72, 0, true}};
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();
    d1t_memory_store kept;
    d1t_store store = d1t_memory_store_init(&kept, allocator());
    d1t_result result;

    desc.store = &store;
    result = sync_steps(&c, &desc, then, 3);
    d1t_memory_store_free(&kept);
    return result;
}

/* No part is declared any more, and no doc. */
static d1t_result an_empty_lane(void)
{
    static const state none[] = {{1, 9, 70, 0, false}, {1, 1, 0, 0, false}};
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();

    return sync_steps(&c, &desc, none, 2);
}

static d1t_result questions_about_rows(d1t_sync_mode mode, bool sorted, bool told)
{
    d1t_config c = sync_config(false);
    d1t_sync_desc desc = whole_tables();
    d1t_result result;
    size_t differences = 0;

    desc.mode = mode;
    desc.sorted = sorted;
    if (told) desc.on_difference = count_difference;
    desc.ctx = &differences;
    result = sync_steps(&c, &desc, steps + 1, 1);
    if (result == D1T_OK) CHECK_INT(differences > 0, told);
    return result;
}

static d1t_result a_dry_run(void)
{
    return questions_about_rows(D1T_SYNC_DRY_RUN, true, true);
}

static d1t_result a_verification(void)
{
    return questions_about_rows(D1T_SYNC_VERIFY, false, false);
}

/* Scopes of every kind, among them texts that begin with the last character of all. */
static d1t_result scopes_of_every_kind(void)
{
    const d1t_scope of[] = {d1t_scope_prefix(&docs, "name", "d\xF4\x8F\xBF\xBF"),
                            d1t_scope_prefix(&docs, "name", "\xF4\x8F\xBF\xBF"),
                            d1t_scope_equals(&docs, "name", d1t_text("e'\"")),
                            d1t_scope_range(&docs, "slot", d1t_int(-9), d1t_int(-5))};
    static const char *const names[] = {"d\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF", "e'\"", "r"};
    d1t_config c = sync_config(false);
    d1t_client db;
    d1t_sync_desc desc = d1t_sync_scope_prefix(&docs, "name", "");
    d1t_value row[3];
    d1t_sync run;
    size_t i;

    d1t_open(&db, &c);
    d1t_setup(&db, sync_tables, 2);
    for (i = 0; i < 4 && db.error.code == D1T_OK; i++) {
        desc.scope = of[i];
        row[0] = d1t_text(names[i]);
        row[1] = d1t_null();
        row[2] = d1t_int(i == 3 ? -6 : (int)i);
        d1t_sync_begin(&run, &db, &desc);
        d1t_sync_row(&run, &docs, row, 3);
        d1t_sync_commit(&run, NULL);
    }
    if (db.error.code == D1T_OK) CHECK_INT(lab_int(d, "SELECT count(*) FROM doc"), 4);
    return d1t_close(&db);
}

/* Rows straight from structs, and fingerprints of rows. */
static d1t_result rows_of_structs(void)
{
    static const doc_record record = {"s", 1, 2};
    static const uint8_t key[16] = "a key";
    const d1t_value row[] = {d1t_text("s"), d1t_int(1), d1t_int(2)};
    d1t_config c = sync_config(false);
    d1t_buffer scratch;
    d1t_client db;
    uint8_t print[16];

    d1t_open(&db, &c);
    d1t_setup(&db, sync_tables, 2);
    d1t_buffer_init(&scratch, allocator(), 1000);
    d1t_fingerprint_row(&db, &docs, row, 3, key, &scratch, print);
    d1t_upsert_struct(&db, &docs, doc_members, 3, &record);
    d1t_buffer_free(&scratch);
    return d1t_close(&db);
}

/* ---- connectors: tables with rows and commands, made in a world of strings */

static const uint8_t print_key[16] = "rows";
static struct {
    char path[40], value[64];
} world[16];

/* The rows of a table are gone with it. */
static void clear_world_below(d1t_str key)
{
    size_t k;

    for (k = 0; k < sizeof world / sizeof *world; k++)
        if (strncmp(world[k].path, key.p, key.n) == 0 && strncmp(world[k].path + key.n, "//", 2) == 0)
            world[k].value[0] = 0;
}

static d1t_result apply_to_world(void *sink, const d1t_act *acts, size_t count, d1t_error *error)
{
    char path[sizeof world->path];
    const d1t_str *above;
    size_t i, k;

    (void)sink, (void)error;
    for (i = 0; i < count; i++) {
        const d1t_act *a = &acts[i];
        above = &a->path[a->depth - (a->type.p ? 1 : 2)];
        snprintf(path, sizeof path, "%.*s/%.*s/%.*s", (int)above->n, above->p, (int)a->type.n,
                 a->type.p ? a->type.p : "", (int)a->item.key.n, a->item.key.p);
        for (k = 0; world[k].path[0] && strcmp(world[k].path, path) != 0; k++) {}
        if (a->decision.child == D1T_EFFECT_DESTRUCTIVE) clear_world_below(a->item.key);
        memcpy(world[k].path, path, sizeof path);
        world[k].value[0] = 0;
        if (a->decision.action == D1T_ITEM_UPSERT)
            snprintf(world[k].value, sizeof world->value, "%.*s", (int)a->item.desired.n, a->item.desired.p);
    }
    return D1T_OK;
}

static const d1t_handler world_rows = {(void *)(uintptr_t)print_key, NULL, d1t_fingerprint_reconcile, apply_to_world,
                                       NULL, NULL};
static const d1t_handler world_commands = {NULL, NULL, d1t_command_reconcile, apply_to_world, NULL, NULL};

static d1t_result rows_of_table(void *self, const d1t_item *item, d1t_arena *arena, const d1t_handler **out)
{
    (void)self, (void)item, (void)arena;
    *out = &world_rows;
    return D1T_OK;
}

static const d1t_handler *commands_of_table(void *self, d1t_str type)
{
    (void)self, (void)type;
    return &world_commands;
}

static const d1t_handler world_tables = {NULL, NULL, d1t_table_reconcile, apply_to_world, rows_of_table,
                                         commands_of_table};

static void count_act(void *ctx, const d1t_act *act)
{
    (void)act;
    ++*(size_t *)ctx;
}

static d1t_str table_record(const d1t_table *table, char *out, size_t size)
{
    d1t_writer w;

    d1t_writer_fixed(&w, out, size);
    d1t_table_to_json(table, &w);
    return d1t_bytes(out, w.n);
}

/* Two tables with three rows and a command each. The second state has other columns, rows and commands. */
static void declare_items(d1t_connect *run, int which, d1t_arena *arena)
{
    static const char *const sql[] = {"CREATE VIEW v AS SELECT 1", "CREATE VIEW v AS SELECT 2"};
    const d1t_command command = {"v", sql[which], "DROP VIEW v"};
    static char json[2000];
    d1t_str path[3], record = d1t_command_record(&command, arena);
    int table, row;

    path[0] = d1t_cstr("db");
    for (table = 1; table >= which; table--) { /* out of order, and the second time only one of them */
        path[1] = table ? d1t_cstr("two") : d1t_bytes("o\0ne", 4); /* which a path has to escape */
        for (row = which; row < 3; row++) {
            path[2] = d1t_bytes(&"a\0bc"[row], 2);
            d1t_connect_declare(run, path, 3, d1t_cstr(which && row == 1 ? "new" : "old"));
        }
        d1t_connect_declare(run, path, 2, table_record(which ? &docs : &parts, json, sizeof json));
        if (record.p) d1t_connect_attach(run, path, 2, d1t_bytes("com\0mand", 8), d1t_cstr("v"), record);
    }
    if (!record.p && run->error.code == D1T_OK) run->error.code = D1T_ERR_NOMEM; /* ours, not the run's */
}

static d1t_result connect_once(const d1t_connect_desc *desc, int which, bool forgets)
{
    const d1t_str path[] = {d1t_cstr("db"), d1t_bytes("o\0ne", 4)};
    d1t_connect run;
    d1t_arena arena;
    size_t acts = 0;

    d1t_arena_init(&arena, allocator(), 0);
    d1t_connect_begin(&run, desc);
    if (forgets) d1t_connect_forget(&run, path, 2);
    declare_items(&run, which, &arena);
    if (run.error.code == D1T_OK) d1t_connect_preview(&run, count_act, &acts);
    d1t_connect_commit(&run);
    d1t_arena_free(&arena);
    if (run.error.code == D1T_OK) CHECK_INT(acts, run.report.upserts + run.report.deletes);
    return run.error.code;
}

static void expect_world(int which)
{
    size_t i, there = 0, changed = 0;

    for (i = 0; i < 16; i++) {
        there += world[i].value[0] != 0;
        changed += strcmp(world[i].value, "new") == 0;
    }
    CHECK_INT(there, which ? 4 : 10);
    CHECK_INT(changed, which);
}

static d1t_result connect_to(const d1t_connect_desc *desc, int which)
{
    d1t_result result = connect_once(desc, which, false);

    if (result == D1T_OK) expect_world(which);
    else if (!memory.for_ever) {
        left_behind = lab_digest(d);
        CHECK_INT(connect_once(desc, which, false), D1T_OK);
        expect_world(which);
    }
    return result;
}

static d1t_result connectors(void)
{
    d1t_connect_desc desc;
    d1t_memory_store kept;
    d1t_root list[1];
    d1t_roots roots;
    d1t_store store = d1t_memory_store_init(&kept, allocator());
    d1t_result result;

    memset(&desc, 0, sizeof desc);
    memset(world, 0, sizeof world);
    d1t_roots_init(&roots, list, 1);
    d1t_roots_add(&roots, "db", &world_tables);
    desc.store = &store;
    desc.roots = &roots;
    desc.allocator = allocator();
    result = connect_to(&desc, 0);
    if (result == D1T_OK) result = connect_to(&desc, 1);
    if (result == D1T_OK) result = connect_to(&desc, 0);
    if (result == D1T_OK) result = connect_once(&desc, 0, true);
    d1t_memory_store_free(&kept);
    return result;
}

/* ---- each of them, in both modes */

/* A database whose rows an earlier run has declared, or somebody else. */
static void begin_synced(const state *s)
{
    d1t_config c;
    d1t_sync_desc desc = whole_tables();
    d1t_sync_report report;
    d1t_client db;

    begin_with(sync_tables, 2, "INSERT INTO doc VALUES('d001', 5, NULL), ('d0', 1, NULL)");
    d = first;
    if (!s) return;
    c = lab_config(d);
    d1t_open(&db, &c);
    d1t_setup(&db, sync_tables, 2);
    CHECK_INT(sync_once(&db, &desc, s, &report), D1T_OK);
    d1t_close(&db);
}

/* Every piece of memory is asked for alone; what is declared has to be there in the end. */
static void fail_each_wish(scenario run, bool for_ever)
{
    digest_of = digest_of_rows;
    arena_chunk = 1;
    buffer_least = 0;
    fail_each_allocation(run, D1T_OK, 0);
    if (for_ever || exhaustive) fail_each_allocation(run, D1T_OK, 1); /* takes its time */
    buffer_least = 256;
    arena_chunk = 4096;
    digest_of = lab_digest;
}

/* The same, from a database whose rows an earlier run has declared. */
static void fail_each_wish_after(const state *s, scenario run, bool for_ever)
{
    begin_synced(s);
    fail_each_wish(run, for_ever);
    end_with();
}

static void test_unsorted_rows_with_a_spill(void)
{
    fail_each_wish_after(NULL, unsorted_rows_with_a_spill, false);
}
static void test_sorted_rows(void)
{
    if (exhaustive) fail_each_wish_after(&first_state, sorted_rows, true);
}
static void test_sorted_rows_driven(void)
{
    fail_each_wish_after(&first_state, sorted_rows_driven, false);
}
static void test_values_that_move(void)
{
    fail_each_wish_after(few, values_that_all_move, false);
    if (exhaustive) fail_each_wish_after(few, values_that_move, true);
}
static void test_many_records_that_go(void)
{
    static const state all = {1, 31, 70, 0, false};

    name_width = 200;
    fail_each_wish_after(&all, many_records_that_go, true);
    name_width = 3;
}
static void test_rows_with_a_store(void)
{
    fail_each_wish_after(&first_state, rows_with_a_store, false);
}
static void test_an_empty_lane(void)
{
    fail_each_wish_after(&first_state, an_empty_lane, false);
}
static void test_a_dry_run(void)
{
    fail_each_wish_after(NULL, a_dry_run, true); /* nothing is tracked yet */
    fail_each_wish_after(&first_state, a_dry_run, false);
}
static void test_a_verification(void)
{
    fail_each_wish_after(&first_state, a_verification, true);
}
static void test_scopes_of_every_kind(void)
{
    begin_with(sync_tables, 2, "");
    fail_each_wish(scopes_of_every_kind, false);
    end_with();
}
static void test_rows_of_structs(void)
{
    begin_with(sync_tables, 2, "");
    fail_each_wish(rows_of_structs, true);
    end_with();
}
static void test_connectors(void)
{
    buffer_least = 0;
    in_pieces(connectors);
    buffer_least = 256;
}

static void run_sync_tests(void)
{
    RUN(test_unsorted_rows_with_a_spill);
    RUN(test_sorted_rows);
    RUN(test_sorted_rows_driven);
    RUN(test_values_that_move);
    RUN(test_many_records_that_go);
    RUN(test_rows_with_a_store);
    RUN(test_an_empty_lane);
    RUN(test_a_dry_run);
    RUN(test_a_verification);
    RUN(test_scopes_of_every_kind);
    RUN(test_rows_of_structs);
    RUN(test_connectors);
}
