/* Scenarios of oom.c: schemas, plans, rebuilds, states and targets. Each piece of an arena is an allocation of its own
   here, so that each wish for memory is refused; the database is then as it was before or after one of the batches. */

/* ---- what an earlier run has set up, and what somebody added by hand */

static const d1t_column person_was[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("age", D1T_TEXT, 0),
    D1T_COLUMN("mail", D1T_TEXT, 0),
    D1T_COLUMN("boss", D1T_INTEGER, 0),
    D1T_COLUMN("nick", D1T_TEXT, 0),
    D1T_COLUMN_GENERATED("loud", D1T_TEXT, 0, "upper(`name`)"),
};
static const char *const on_name[] = {"name"}, *const on_mail[] = {"mail"}, *const on_boss[] = {"boss"};
static const char *const on_nick[] = {"nick"}, *const on_full_name[] = {"full_name"}, *const on_id[] = {"id"};
static const d1t_index person_indexes_were[] = {
    D1T_INDEX("person_name", on_name),
    D1T_UNIQUE_INDEX("person_mail", on_mail),
    D1T_FTS5_INDEX("person_words", on_name),
    {"person_terms", NULL, 0, 0, "`age` IS NOT NULL", "lower(`name`), `age` DESC", NULL},
    D1T_FTS5_INDEX("person_nicks", on_nick),
};
static const d1t_foreign_key person_keys[] = {D1T_REFERENCES(on_boss, "person", D1T_SET_NULL)};
static const d1t_check person_checks_were[] = {{"named", "length(`name`) > 0"}};
static const d1t_command person_commands_were[] = {
    {"old", "CREATE VIEW old AS SELECT id FROM person WHERE age > 65", "DROP VIEW old"},
    {"gone", "CREATE INDEX person_age ON person(age)", "DROP INDEX person_age"},
    {"stays", "CREATE INDEX person_nick ON person(lower(nick))", "DROP INDEX person_nick"},
};
static const d1t_table person_before = {"person",
                                        person_was,
                                        7,
                                        person_indexes_were,
                                        5,
                                        person_keys,
                                        1,
                                        person_checks_were,
                                        1,
                                        D1T_AUTOINCREMENT,
                                        person_commands_were,
                                        3,
                                        NULL};

static const d1t_column pet_columns[] = {
    D1T_COLUMN("owner", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("call", D1T_TEXT, 0),
    D1T_COLUMN("vet", D1T_INTEGER, 0),
};
static const char *const on_owner[] = {"owner"}, *const on_vet[] = {"vet"};
static const d1t_foreign_key pet_keys[] = {D1T_REFERENCES(on_owner, "person", D1T_CASCADE),
                                           D1T_REFERENCES(on_vet, "vet", D1T_CASCADE)};
static const d1t_table pet = {"pet", pet_columns, 4, NULL, 0, pet_keys, 2, NULL, 0, D1T_WITHOUT_ROWID, NULL, 0, NULL};

static const d1t_column vet_was[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("best", D1T_INTEGER, 0),
                                     D1T_COLUMN("city", D1T_TEXT, 0), D1T_COLUMN("fee", D1T_TEXT, 0)};
static const char *const on_best[] = {"best"}, *const on_city[] = {"city"};
static const d1t_foreign_key vet_keys[] = {D1T_REFERENCES(on_best, "pet_list", D1T_SET_NULL)};
static const d1t_index vet_indexes_were[] = {D1T_INDEX("vet_city", on_city)};
static const d1t_table vet_before = {"vet", vet_was, 4, vet_indexes_were, 1, vet_keys, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_column list_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("vet", D1T_INTEGER, 0)};
static const d1t_foreign_key list_keys[] = {D1T_REFERENCES(on_vet, "vet", D1T_SET_NULL)};
static const d1t_table list_table = {"pet_list", list_columns, 2, NULL, 0, list_keys, 1, NULL, 0, 0, NULL, 0, NULL};

static const d1t_column past_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("mail", D1T_TEXT, 0)};
static const d1t_index past_indexes[] = {D1T_FTS5_INDEX("past_words", on_mail)};
static const d1t_command past_commands[] = {
    {"past_view", "CREATE VIEW past_view AS SELECT id FROM past", "DROP VIEW past_view"}};
static const d1t_table past = {"past", past_columns, 2, past_indexes, 1, NULL, 0, NULL, 0, 0, past_commands, 1, NULL};

static const d1t_column keyed_was[] = {D1T_COLUMN("a", D1T_TEXT, D1T_KEY), D1T_COLUMN("b", D1T_INTEGER, 0),
                                       D1T_COLUMN("c", D1T_TEXT, 0)};
static const d1t_table keyed_before = D1T_TABLE("keyed", keyed_was);

static const d1t_table *const tables_before[] = {&person_before, &list_table, &vet_before, &pet, &past, &keyed_before};

static const char by_hand[] =
    "CREATE TABLE \"odd one\"(a TEXT PRIMARY KEY ON CONFLICT REPLACE, b);"
    "CREATE TABLE note(\"n\"\"o\" INTEGER PRIMARY KEY, person INTEGER CONSTRAINT p REFERENCES person(id) ON DELETE "
    "CASCADE ON UPDATE NO ACTION, [tag] VARCHAR(20) UNIQUE DEFAULT open, x NUMERIC(4,2) DEFAULT -1.5 CHECK(x < 9), "
    "y TEXT COLLATE NOCASE DEFAULT (lower('Y')), z AS (x * 2) STORED, UNIQUE(tag, y), CONSTRAINT c CHECK(y <> ''), "
    "FOREIGN KEY(person, x) REFERENCES pair(a, b) DEFERRABLE INITIALLY DEFERRED);"
    "CREATE TABLE pair(a INTEGER, b NUMERIC, PRIMARY KEY(a, b));"
    "CREATE INDEX note_tag ON note(tag DESC, y) WHERE x > 0; CREATE INDEX note_person ON note(person);"
    "CREATE VIEW people AS SELECT p.id, n.tag FROM person p LEFT JOIN note n ON n.person = p.id;"
    "CREATE VIEW bosses AS SELECT boss FROM person;"
    "CREATE VIEW tags AS SELECT tag FROM people;"
    "CREATE TRIGGER people_in INSTEAD OF INSERT ON people BEGIN INSERT INTO note(person, tag) VALUES(NEW.id, NEW.tag); "
    "END;"
    "CREATE TRIGGER person_note AFTER UPDATE ON person BEGIN UPDATE note SET y = 'seen' WHERE person = NEW.id; END;"
    "CREATE TABLE taken(id INTEGER NOT NULL PRIMARY KEY, mail TEXT);"
    "CREATE TABLE theirs(id INTEGER NOT NULL PRIMARY KEY, mail TEXT); CREATE INDEX theirs_mail ON theirs(mail);"
    "CREATE VIRTUAL TABLE words USING fts5(t);"
    "INSERT INTO person(id, name, age, mail, boss, nick) VALUES(1, 'Ann', '70', 'a@x', NULL, 'an'), "
    "(2, 'Bob', 'old', 'b@x', 1, NULL), (3, 'Cy', NULL, NULL, 1, 'c');"
    "INSERT INTO vet(id, city, fee) VALUES(1, 'Rome', '5'), (2, 'Bonn', '6'); INSERT INTO pet_list VALUES(1, 2);"
    "UPDATE vet SET best = 1; INSERT INTO pet VALUES(1, 1, 'Rex', 1), (2, 1, 'Tom', 2);"
    "INSERT INTO past VALUES(1, 'm');"
    "INSERT INTO keyed VALUES('x', 1, 'p'), ('y', 1, NULL), ('z', NULL, 'q');"
    "INSERT INTO pair VALUES(1, -1.5); INSERT INTO note(person, tag) VALUES(1, 'one')";

/* ---- what is declared then */

static const d1t_column person_is[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN_RENAMED("full_name", D1T_TEXT, D1T_NOT_NULL, "name"),
    D1T_COLUMN("age", D1T_INTEGER, 0),
    D1T_COLUMN_DEFAULT("mail", D1T_TEXT, D1T_NOT_NULL, "'none'"),
    D1T_COLUMN("boss", D1T_INTEGER, 0),
    {"at", D1T_TEXT, D1T_NOT_NULL, "(CURRENT_TIMESTAMP > '')", NULL, NULL, "NOCASE", NULL, NULL},
    D1T_COLUMN_GENERATED("loud", D1T_TEXT, D1T_STORED, "upper(`full_name`)"),
};
static const d1t_index person_indexes_are[] = {
    D1T_INDEX("person_name", on_full_name),
    D1T_INDEX("person_mail", on_mail),
    D1T_FTS5_INDEX("person_words", on_full_name),
    D1T_INDEX("person_id", on_id),
};
static const d1t_check person_checks_are[] = {{"named", "length(`full_name`) > 0 AND `person`.`id` > 0"}};
static const d1t_command person_commands_are[] = {
    {"old", "CREATE VIEW old AS SELECT id FROM person WHERE age > 70", "DROP VIEW old"},
    {"new", "CREATE INDEX person_new ON person(at)", NULL},
};
static const d1t_table person_after = {"person",
                                       person_is,
                                       7,
                                       person_indexes_are,
                                       4,
                                       person_keys,
                                       1,
                                       person_checks_are,
                                       1,
                                       D1T_AUTOINCREMENT,
                                       person_commands_are,
                                       2,
                                       NULL};

static const d1t_column doctor_columns[] = {D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("best", D1T_INTEGER, 0),
                                            D1T_COLUMN_RENAMED("town", D1T_TEXT, 0, "city"),
                                            D1T_COLUMN_DEFAULT("zip", D1T_TEXT, D1T_NOT_NULL, "upper('z')")};
static const char *const on_town[] = {"town"};
static const d1t_index doctor_indexes[] = {D1T_INDEX("vet_city", on_town)};
static const d1t_table doctor = {"doctor", doctor_columns, 4, doctor_indexes, 1, vet_keys, 1, NULL, 0,
                                 0,        NULL,           0, "vet"};
static const d1t_foreign_key pet_keys_are[] = {D1T_REFERENCES(on_owner, "person", D1T_CASCADE),
                                               D1T_REFERENCES(on_vet, "doctor", D1T_CASCADE)};
static const d1t_table pet_after = {"pet", pet_columns,       4,    NULL, 0,   pet_keys_are, 2, NULL,
                                    0,     D1T_WITHOUT_ROWID, NULL, 0,    NULL};
static const d1t_foreign_key list_keys_are[] = {D1T_REFERENCES(on_vet, "doctor", D1T_SET_NULL)};
static const d1t_table list_after = {"pet_list", list_columns, 2, NULL, 0, list_keys_are, 1, NULL, 0, 0, NULL, 0, NULL};

static const d1t_column keyed_is[] = {D1T_COLUMN("a", D1T_TEXT, 0), D1T_COLUMN("b", D1T_INTEGER, D1T_KEY),
                                      D1T_COLUMN("c", D1T_TEXT, 0)};
static const char *const on_c[] = {"c"};
static const d1t_index keyed_indexes[] = {D1T_UNIQUE_INDEX("keyed_c", on_c)};
static const d1t_table keyed_after = {"keyed", keyed_is, 3, keyed_indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table taken = D1T_TABLE("taken", past_columns);
static const d1t_index fresh_indexes[] = {D1T_FTS5_INDEX("fresh_words", on_mail), D1T_INDEX("fresh_mail", on_mail)};
static const d1t_foreign_key fresh_keys[] = {D1T_REFERENCES(on_id, "person", D1T_CASCADE),
                                             {on_mail, 1, "keyed", on_c, D1T_NO_ACTION, D1T_NO_ACTION, false}};
static const d1t_table fresh = {"fresh",    past_columns, 2, fresh_indexes, 2, fresh_keys, 2, NULL, 0,
                                D1T_STRICT, NULL,         0, NULL};

static const d1t_table *const tables_after[] = {&person_after, &list_after, &doctor, &pet_after,
                                                &keyed_after,  &taken,      &fresh};

/* ---- a plan is read, shown and applied */

static d1t_plan_desc desc_of(const d1t_table *const *list, size_t count)
{
    d1t_plan_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.tables = list;
    desc.count = count;
    return desc;
}

static d1t_result show_plan(const d1t_plan *plan)
{
    d1t_buffer json;
    d1t_writer w;

    d1t_plan_print(plan, ignore_line, NULL);
    d1t_buffer_init(&json, allocator(), 1u << 20);
    d1t_writer_growing(&w, &json);
    d1t_plan_to_json(plan, &w);
    d1t_buffer_free(&json);
    return w.error;
}

static d1t_result plan_and_apply(const d1t_plan_desc *desc, uint32_t rebuild, bool refused)
{
    d1t_config c = make_config();
    d1t_result shown = D1T_OK;
    d1t_client db;
    d1t_plan plan;

    memset(&plan, 0, sizeof plan);
    c.limits.rebuild = rebuild;
    d1t_open(&db, &c);
    d1t_plan_read_desc(&plan, &db, desc);
    if (db.error.code == D1T_OK) shown = show_plan(&plan);
    if (db.error.code == D1T_OK) CHECK_INT(plan.refused > 0, refused);
    if (db.error.code == D1T_OK && !refused) d1t_plan_apply(&plan, D1T_EFFECT_DESTRUCTIVE);
    d1t_plan_free(&plan);
    return d1t_close(&db) != D1T_OK ? db.error.code : shown;
}

static d1t_result a_migration(void)
{
    d1t_plan_desc desc = desc_of(tables_after, 7);

    desc.prune = desc.adopt = true;
    return plan_and_apply(&desc, 0, false);
}

/* ---- a plan that cannot be applied, for every reason */

static const d1t_column refused_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY), D1T_COLUMN("age", D1T_INTEGER, D1T_NOT_NULL),
    D1T_COLUMN("nick", D1T_TEXT, D1T_NOT_NULL), D1T_COLUMN("more", D1T_TEXT, D1T_NOT_NULL)};
static const char *const on_more[] = {"more"}, *const on_age[] = {"age"};
static const d1t_index refused_indexes[] = {D1T_INDEX("theirs_mail", on_more)};
static const d1t_foreign_key refused_keys[] = {{on_age, 1, "keyed", on_city, D1T_NO_ACTION, D1T_NO_ACTION, false}};
static const d1t_table refused_person = {
    "person", refused_columns, 4, refused_indexes, 1, refused_keys, 1, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table users_table = D1T_TABLE_FLAGS("theirs", refused_columns, D1T_BY_USER);
static const d1t_table odd_table = D1T_TABLE("odd one", past_columns), view_table = D1T_TABLE("tags", past_columns);
static const d1t_table taken_index = {"new_one", refused_columns, 4, refused_indexes, 1, NULL, 0, NULL, 0, 0, NULL, 0,
                                      NULL};
static const d1t_table *const refused_tables[] = {&refused_person, &users_table, &odd_table, &view_table, &taken_index};

static d1t_result a_refused_plan(void)
{
    d1t_plan_desc desc = desc_of(refused_tables, 5);

    desc.prune = true;
    return plan_and_apply(&desc, 1, true);
}

/* ---- d1t_setup of what is there already: it keeps columns and indexes that are not declared */

static const d1t_column kept_columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN_DEFAULT("age", D1T_INTEGER, D1T_NOT_NULL, "0"),
    D1T_COLUMN("shoe", D1T_REAL, 0),
};
static const d1t_table kept_person = {
    "person", kept_columns, 4, NULL, 0, NULL, 0, NULL, 0, D1T_AUTOINCREMENT, person_commands_were + 2, 1, NULL};
static const d1t_table *const kept_tables[] = {&kept_person, &past, &pet};

static d1t_result a_setup_that_keeps(void)
{
    d1t_config c = make_config();
    d1t_client db;

    c.allow = D1T_EFFECT_LOSSY;
    d1t_open(&db, &c);
    d1t_setup(&db, kept_tables, 3);
    return d1t_close(&db);
}

/* ---- drift: what was recorded comes back */

static const char drifted[] = "DROP TABLE pet; DROP INDEX vet_city; ALTER TABLE vet ADD COLUMN extra TEXT";

static d1t_result a_drift(void)
{
    d1t_plan_desc desc = desc_of(NULL, 0);

    desc.drift = true;
    return plan_and_apply(&desc, 0, false);
}

/* ---- a rebuild in several requests, and one that somebody began for another table */

static const char many_rows[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) INSERT INTO keyed "
    "SELECT 'k'||i, i, i FROM n; INSERT INTO _d1t_setup VALUES('_d1t_new_past', 0, 'left'), "
    "('_d1t_new_keyed', 0, 'x'), ('_d1t_new_nothing', 1, 'y');"
    "CREATE TABLE _d1t_new_past(x); CREATE TABLE _d1t_at_past(x); CREATE TABLE _d1t_new_keyed(x);"
    "CREATE TABLE _d1t_at_keyed(x)";
static const d1t_column retyped_columns[] = {D1T_COLUMN("a", D1T_TEXT, D1T_KEY), D1T_COLUMN("b", D1T_TEXT, 0),
                                             D1T_COLUMN_DEFAULT("c", D1T_INTEGER, D1T_NOT_NULL, "-1")};
static const char *const on_b[] = {"b"};
static const d1t_index retyped_indexes[] = {D1T_INDEX("keyed_b", on_b), D1T_FTS5_INDEX("keyed_words", on_b)};
static const d1t_table retyped = {"keyed", retyped_columns, 3, retyped_indexes, 2, NULL, 0, NULL, 0, 0, NULL, 0, NULL};
static const d1t_table *const split_tables[] = {&retyped, &past};

static d1t_result a_split_rebuild(void)
{
    d1t_plan_desc desc = desc_of(split_tables, 2);

    desc.split = true;
    return plan_and_apply(&desc, 40, false);
}

/* ---- states */

static d1t_result a_key_that_is_read(void)
{
    static const char json[] = "{\"table_name\":\"t\",\"database_id\":\"a database\"}";
    d1t_setup_key key;
    d1t_arena arena;
    d1t_result result;

    d1t_arena_init(&arena, allocator(), 0);
    result = d1t_setup_key_from_json(d1t_cstr(json), &arena, &key, NULL, NULL);
    d1t_arena_free(&arena);
    return result;
}

static d1t_result a_difference_of_states(void)
{
    static const d1t_table *const staged[] = {&person_before, NULL, &person_after};
    static const d1t_combined_state states[] = {{&past, staged, 3, NULL}, {&person_before, staged, 1, NULL}};
    d1t_result result = D1T_OK;
    d1t_error error;
    d1t_plan plan;
    size_t i;

    for (i = 0; i < 2 && result == D1T_OK; i++) {
        memset(&plan, 0, sizeof plan);
        d1t_arena_init(&plan.arena, allocator(), 0);
        result = d1t_state_diff(&plan, i ? NULL : &person_after, &states[i], &error);
        if (result == D1T_OK) CHECK(plan.step_count > 0);
        d1t_plan_free(&plan);
    }
    return result;
}

/* ---- targets */

static const char spec_json[] =
    "{\"flow\":\"f\",\"collection\":\"c d\",\"database\":\"lab\",\"credential\":\"prod\","
    "\"key_fields\":[{\"name\":\"id\",\"type\":\"Int64\"}],\"value_fields\":[{\"name\":\"x\",\"type\":\"Str\","
    "\"nullable\":true},{\"name\":\"y\",\"type\":\"Json\",\"nullable\":true}],"
    "\"indexes\":[{\"name\":\"by_x\",\"columns\":[\"x\"]},{\"name\":\"words\",\"columns\":[\"x\"],\"fts5\":true}],"
    "\"foreign_keys\":[{\"columns\":[\"id\"],\"parent\":\"past\",\"on_delete\":\"cascade\"}],"
    "\"commands\":[{\"name\":\"v\",\"setup\":\"CREATE VIEW v AS SELECT x FROM f__c__d\","
    "\"teardown\":\"DROP VIEW v\"}]}";

static const char vector_json[] = "{\"vector_indexes\":[{\"field\":\"x\"}]}"; /* which build refuses */

static d1t_result resolve(void *ctx, const char *credential, const char *database, d1t_config *out)
{
    (void)ctx, (void)credential, (void)database;
    *out = make_config();
    return D1T_OK;
}

static d1t_target_desc target_desc(void)
{
    d1t_target_desc desc;

    memset(&desc, 0, sizeof desc);
    desc.resolve = resolve;
    desc.allow = D1T_EFFECT_DESTRUCTIVE;
    desc.allocator = allocator();
    return desc;
}

static d1t_result run_changes(const d1t_setup_change *changes, size_t count)
{
    d1t_target_desc desc = target_desc();
    d1t_target_job job;
    d1t_result result = d1t_target_apply_setup(&job, d1t_d1_target(), &desc, changes, count);

    d1t_target_end(&job);
    return result;
}

/* A loop of our own around d1t_target_next. */
static d1t_result drive_job(d1t_target_job *job)
{
    d1t_step step;
    d1t_todo todo;

    while ((step = d1t_target_next(job, local_d1_now(d), &todo)) != D1T_DONE && step != D1T_FAIL) {
        if (step == D1T_SEND)
            d1t_op_on_end(todo.op, local_d1_now(d),
                          job->db.transport.perform(job->db.transport.ctx, todo.request, todo.op), 0);
        if (step == D1T_WAIT) local_d1_sleep(d, todo.wake_ms - local_d1_now(d));
    }
    return job->error.code;
}

static d1t_result drive_rows(const d1t_target_resource *r)
{
    const d1t_value gone[] = {d1t_int(3)};
    const d1t_target_row drop = {gone, 1, {NULL, 0}};
    const d1t_mutation m = {r, NULL, 0, &drop, 1};
    d1t_target_desc desc = target_desc();
    d1t_target_job job;
    d1t_result result = d1t_target_mutation_start(&job, d1t_d1_target(), &desc, &m, 1);

    if (result == D1T_OK) result = drive_job(&job);
    d1t_target_end(&job);
    return result;
}

static d1t_result run_rows(const d1t_target_resource *r)
{
    const d1t_value row[] = {d1t_int(1), d1t_text("x"), d1t_null()}, gone[] = {d1t_int(2)};
    const d1t_target_row upsert = {row, 3, {NULL, 0}}, drop = {gone, 1, {NULL, 0}};
    const d1t_mutation m = {r, &upsert, 1, &drop, 1};
    d1t_target_desc desc = target_desc();
    d1t_target_job job;
    d1t_result result = d1t_target_apply_mutation(&job, d1t_d1_target(), &desc, &m, 1);

    d1t_target_end(&job);
    return result;
}

/* Tables that go: one that was recorded, one that only its SQL tells of, one that not even that does. */
static d1t_result a_target(void)
{
    static const char *const goes[] = {"keyed", "taken", "odd one"};
    d1t_target_resource r;
    d1t_setup_change changes[4];
    d1t_target_spec spec;
    d1t_error error;
    d1t_arena arena;
    d1t_result result;
    size_t i;

    memset(changes, 0, sizeof changes);
    memset(&r, 0, sizeof r);
    d1t_arena_init(&arena, allocator(), 0);
    result = d1t_target_spec_from_json(d1t_cstr(vector_json), &arena, &spec, &error);
    if (result == D1T_OK) result = d1t_target_spec_from_json(d1t_cstr(spec_json), &arena, &spec, &error);
    if (result == D1T_OK) result = d1t_d1_target()->build(NULL, &spec, 1, &arena, &r, &error);
    changes[0].resource = r;
    for (i = 1; i < 4; i++) {
        changes[i].resource.key.database = "lab";
        changes[i].resource.key.table = goes[i - 1];
    }
    if (result == D1T_OK) result = run_changes(changes, 4);
    if (result == D1T_OK) result = run_rows(&r);
    if (result == D1T_OK) result = drive_rows(&r);
    d1t_arena_free(&arena);
    return result;
}

/* ---- each of them, in both modes */

static local_d1 *first; /* the database of course.begin */

static void begin_with(const d1t_table *const *list, size_t count, const char *sql)
{
    d1t_config c;
    d1t_client db;

    d = lab_open();
    c = lab_config(d);
    d1t_open(&db, &c);
    d1t_setup(&db, list, count);
    d1t_close(&db);
    CHECK_STR(db.error.text, "");
    CHECK(lab_exec(d, sql));
    course.begin = local_d1_sqlite(d);
    first = d;
}

static void end_with(void)
{
    course.begin = NULL;
    local_d1_close(first);
}

static void fail_each_piece(scenario run)
{
    in_pieces(run);
    end_with();
}

static void test_a_migration(void)
{
    begin_with(tables_before, 6, by_hand);
    arena_chunk = 1;
    fail_each_allocation(a_migration, D1T_OK, 0);
    if (exhaustive) fail_each_allocation(a_migration, D1T_OK, 1); /* takes its time */
    arena_chunk = 4096;
    end_with();
}
static void test_a_refused_plan(void)
{
    begin_with(tables_before, 6, by_hand);
    fail_each_piece(a_refused_plan);
}
static void test_a_setup_that_keeps(void)
{
    begin_with(tables_before, 6, by_hand);
    fail_each_piece(a_setup_that_keeps);
}
static void test_a_drift(void)
{
    begin_with(tables_before, 4, drifted);
    fail_each_piece(a_drift);
}
static void test_a_split_rebuild(void)
{
    begin_with(tables_before + 4, 2, many_rows);
    fail_each_piece(a_split_rebuild);
}
static void test_a_key_that_is_read(void)
{
    in_pieces(a_key_that_is_read);
}
static void test_a_difference_of_states(void)
{
    in_pieces(a_difference_of_states);
}
static void test_a_target(void)
{
    begin_with(tables_before + 4, 2,
               "CREATE TABLE taken(id INTEGER NOT NULL PRIMARY KEY, mail TEXT);"
               "CREATE TABLE \"odd one\"(a TEXT PRIMARY KEY ON CONFLICT REPLACE, b);"
               "INSERT INTO past VALUES(1, 'm')");
    fail_each_piece(a_target);
}

static void run_setup_tests(void)
{
    RUN(test_a_migration);
    RUN(test_a_refused_plan);
    RUN(test_a_setup_that_keeps);
    RUN(test_a_drift);
    RUN(test_a_split_rebuild);
    RUN(test_a_key_that_is_read);
    RUN(test_a_difference_of_states);
    RUN(test_a_target);
}
