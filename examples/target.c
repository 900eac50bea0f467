/*
 * target - what an engine such as ReCoco does with a target, in small: build, show what changes, set up, send rows.
 *
 *     cc -O2 -o target target.c -lsqlite3 -lcurl
 *     target [--local DIR] [--allow none|lossy|destructive] FLOW.json [ROWS.jsonl]
 *     target target_flow.json target_rows.jsonl
 *
 * FLOW.json is {"target":"d1","collections":[...]}, each collection as d1t_target_spec_from_json reads it. A line of
 * ROWS.jsonl is {"collection":"c","upsert":[keys..., values...]} or {"collection":"c","delete":[keys...]}.
 *
 * A database of the name NAME is DIR/NAME.sqlite through local_d1.h (DIR is "." unless given). With the variable
 * CLOUDFLARE_API_TOKEN and no --local it is the real one: CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_DATABASE_ID, and the token
 * is in the environment variable that the collection's "credential" names. No token is ever in a file.
 *
 * What was set up is remembered in FLOW.json.states, a key and a state on a line, and only once D1 has it all. A
 * collection that has left the flow is dropped, if --allow destructive says so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define D1TARGET_IMPLEMENTATION
#include "../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "local_d1.h"

#define MANY 32 /* collections, states, databases */

typedef struct database {
    char name[128];
    local_d1 *local;
} database;

typedef struct target_rows { /* of a collection */
    d1t_target_row *upserts, *deletes;
    size_t upsert_count, delete_count;
} target_rows;

typedef struct engine {
    const char *dir, *flow_path;
    d1t_effect allow;
    d1t_arena arena; /* all texts and lists; they last for the run */
    database databases[MANY];
    size_t database_count;
    const d1t_target *target;
    d1t_target_spec specs[MANY];
    d1t_target_resource resources[MANY];
    size_t count;
    d1t_setup_key old_keys[MANY]; /* what was set up when the last run ended */
    const d1t_table *old_states[MANY];
    size_t old_count;
    target_rows rows[MANY];
    d1t_target_job job;
    uint64_t rows_written;
    /* the JSON that is being read */
    const char *text;
    size_t at, start;
    bool in_target;
    char name[64];
    d1t_value *values;
    size_t value_count;
    bool deletes;
} engine;

static void die(const char *what, const char *why) {
    fprintf(stderr, "target: %s: %s\n", what, why);
    exit(1);
}

static void *take(engine *e, size_t n) {
    void *p = d1t_arena_take(&e->arena, n);
    if (!p) die("memory", "none left");
    return p;
}

static const char *keep(engine *e, d1t_str s) {
    const char *text = d1t_arena_text(&e->arena, s);
    if (!text) die("memory", "none left");
    return text;
}

static const char *read_file(engine *e, const char *path, bool may_be_missing) {
    FILE *in = fopen(path, "rb");
    char buf[4096];
    const char *text;
    d1t_buffer b;
    size_t n;
    if (!in && may_be_missing) return "";
    if (!in) die(path, "cannot be read");
    d1t_buffer_init(&b, e->arena.allocator, 64u << 20);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        if (d1t_buffer_add(&b, buf, n) != D1T_OK) die(path, "is too large");
    fclose(in);
    text = keep(e, d1t_bytes(b.p, b.n));
    d1t_buffer_free(&b);
    return text;
}

/* One value after another, byte by byte, so that every event knows its place. */
static void read_json(engine *e, const char *path, d1t_str json, d1t_json_handler handler) {
    d1t_json_reader reader;
    e->text = json.p;
    d1t_json_reader_init(&reader, handler, e, 0);
    for (e->at = 0; e->at < json.n; e->at++)
        if (d1t_json_reader_feed(&reader, json.p + e->at, 1) != D1T_OK) die(path, d1t_result_text(reader.result));
    if (d1t_json_reader_end(&reader) != D1T_OK) die(path, "is not one whole JSON value");
}

/* A text in pieces, put together in e->name. */
static bool whole_name(engine *e, const d1t_json_event *event) {
    size_t n = event->first ? 0 : strlen(e->name);
    if (n + event->text.n >= sizeof e->name) die(e->flow_path, "a name is too long");
    if (event->text.n) memcpy(e->name + n, event->text.p, event->text.n);
    e->name[n + event->text.n] = 0;
    return event->last;
}

/* ---- the flow */

static void add_collection(engine *e, d1t_str json) {
    d1t_error error;
    memset(&error, 0, sizeof error);
    if (e->count == MANY) die(e->flow_path, "too many collections");
    if (d1t_target_spec_from_json(json, &e->arena, &e->specs[e->count++], &error) != D1T_OK)
        die(e->flow_path, error.text);
}

static d1t_result on_flow(void *ctx, const d1t_json_event *event) {
    engine *e = ctx;
    const d1t_target *list[1];
    d1t_registry registry;
    if (event->kind == D1T_JSON_OBJECT && event->depth == 2) e->start = e->at;
    if (event->kind == D1T_JSON_OBJECT_END && event->depth == 2)
        add_collection(e, d1t_bytes(e->text + e->start, e->at + 1 - e->start));
    if (event->depth != 1 || (event->kind != D1T_JSON_KEY && event->kind != D1T_JSON_STRING)) return D1T_OK;
    if (!whole_name(e, event)) return D1T_OK;
    if (event->kind == D1T_JSON_KEY) e->in_target = strcmp(e->name, "target") == 0;
    if (event->kind == D1T_JSON_KEY || !e->in_target) return D1T_OK;
    d1t_registry_init(&registry, list, 1); /* a program with targets of its own adds them here */
    d1t_registry_add(&registry, d1t_d1_target());
    e->target = d1t_registry_find(&registry, d1t_cstr(e->name));
    return D1T_OK;
}

static void load_flow(engine *e) {
    d1t_error error;
    memset(&error, 0, sizeof error);
    read_json(e, e->flow_path, d1t_cstr(read_file(e, e->flow_path, false)), on_flow);
    if (!e->target) die(e->flow_path, "it names no target that is known");
    if (e->target->build(e->target->self, e->specs, e->count, &e->arena, e->resources, &error) != D1T_OK)
        die(e->flow_path, error.text);
}

/* ---- states: what the last run set up */

static const char *states_path(engine *e) {
    char *path = take(e, strlen(e->flow_path) + sizeof ".states");
    return strcat(strcpy(path, e->flow_path), ".states");
}

static void load_states(engine *e) {
    const char *line = read_file(e, states_path(e), true), *tab, *end;
    d1t_error error;
    memset(&error, 0, sizeof error);
    for (; *line && e->old_count < MANY; line = end + 1, e->old_count++) {
        tab = strchr(line, '\t');
        end = strchr(line, '\n');
        if (!tab || !end || tab > end) die(states_path(e), "is not a file of states");
        if (d1t_setup_key_from_json(d1t_bytes(line, (size_t)(tab - line)), &e->arena, &e->old_keys[e->old_count], NULL,
                                    &error) != D1T_OK ||
            d1t_table_from_json(d1t_bytes(tab + 1, (size_t)(end - tab - 1)), &e->arena, &e->old_states[e->old_count],
                                &error) != D1T_OK)
            die(states_path(e), error.text);
    }
}

static void save_states(engine *e) {
    FILE *out = fopen(states_path(e), "wb");
    d1t_buffer b;
    d1t_writer w;
    size_t i;
    d1t_buffer_init(&b, e->arena.allocator, 64u << 20);
    d1t_writer_growing(&w, &b);
    for (i = 0; i < e->count; i++) {
        e->target->key_to_json(e->target->self, &e->resources[i].key, &w);
        d1t_write_text(&w, "\t");
        d1t_table_to_json(e->resources[i].state, &w);
        d1t_write_text(&w, "\n");
    }
    if (!out || w.error != D1T_OK || fwrite(b.p, 1, b.n, out) != b.n || fclose(out) != 0)
        die(states_path(e), "cannot be written");
    d1t_buffer_free(&b);
}

/* ---- databases */

static d1t_result resolve(void *ctx, const char *credential, const char *name, d1t_config *out) {
    engine *e = ctx;
    database *d = e->databases;
    char path[1024];
    *out = d1t_config_from_env();
    if (!e->dir) {
        if (credential) out->token = getenv(credential);
        return D1T_OK;
    }
    while (d->local && strcmp(d->name, name) != 0) d++;
    if (!d->local) {
        if (d == e->databases + MANY - 1 || strlen(name) >= sizeof d->name) return D1T_ERR_CONFIG;
        if (snprintf(path, sizeof path, "%s/%s.sqlite", e->dir, name) >= (int)sizeof path) return D1T_ERR_CONFIG;
        strcpy(d->name, name);
        d->local = local_d1_open(path, NULL);
    }
    if (!d->local) return D1T_ERR_NOT_FOUND;
    out->database_url = "http://127.0.0.1/client/v4/accounts/local/d1/database/local";
    out->token = "local";
    out->transport = local_d1_transport(d->local);
    return D1T_OK;
}

static void on_database(void *ctx, const char *name, const d1t_error *error, const d1t_stats *stats, bool ignored) {
    engine *e = ctx;
    e->rows_written += stats->rows_written;
    if (error->code != D1T_OK)
        fprintf(stderr, "target: database %s: %s%s\n", name, error->text, ignored ? " (ignored)" : "");
}

static d1t_target_desc desc_of(engine *e) {
    d1t_target_desc desc;
    memset(&desc, 0, sizeof desc);
    desc.resolve = resolve;
    desc.on_database = on_database;
    desc.ctx = e;
    desc.allow = e->allow;
    return desc;
}

/* ---- setup */

static void show(engine *e, const d1t_setup_change *c) {
    d1t_plan plan;
    d1t_error error;
    char name[256] = "";
    d1t_writer w;
    memset(&plan, 0, sizeof plan);
    memset(&error, 0, sizeof error);
    d1t_writer_fixed(&w, name, sizeof name - 1);
    e->target->describe_resource(e->target->self, &c->resource.key, &w);
    if (e->target->diff_setup_states(e->target->self, &plan, &c->resource.key, c->resource.state, c->existing,
                                     &error) != D1T_OK)
        die(name, error.text);
    printf("%s%s\n", name, plan.steps ? "" : ": as it is");
    d1t_plan_print(&plan, d1t_put_line, stdout);
    d1t_plan_free(&plan);
}

/* What is built, and what has left the flow, each against what the last run left. */
static void set_up(engine *e) {
    d1t_setup_change *changes = take(e, 2 * MANY * sizeof *changes);
    d1t_combined_state *existing = take(e, 2 * MANY * sizeof *existing);
    d1t_target_desc desc = desc_of(e);
    size_t i, k, n = e->count;
    for (i = 0; i < e->count; i++) changes[i].resource = e->resources[i];
    for (i = 0; i < e->old_count; i++) {
        for (k = 0; k < n && d1t_setup_key_compare(&changes[k].resource.key, &e->old_keys[i]) != 0; k++) {}
        if (k == n) changes[n++].resource.key = e->old_keys[i];
        existing[k].current = e->old_states[i];
    }
    for (i = 0; i < n; i++) {
        changes[i].existing = &existing[i];
        show(e, &changes[i]);
    }
    if (d1t_target_apply_setup(&e->job, e->target, &desc, changes, n) != D1T_OK) die("setup", e->job.error.text);
    save_states(e);
}

/* ---- rows */

static d1t_value value_of(engine *e, const d1t_json_event *event) {
    double d = 0;
    int64_t i = 0;
    switch (event->kind) {
        case D1T_JSON_STRING: return d1t_text(keep(e, event->text));
        case D1T_JSON_TRUE: case D1T_JSON_FALSE: return d1t_bool(event->kind == D1T_JSON_TRUE);
        case D1T_JSON_NUMBER:
            if (d1t_parse_int(event->text, &i)) return d1t_int(i);
            d1t_parse_double(event->text, &d);
            return d1t_double(d);
        default: return d1t_null();
    }
}

static void add_value(engine *e, const d1t_json_event *event) {
    d1t_value *more;
    if (e->value_count % 16 == 0) {
        more = take(e, (e->value_count + 16) * sizeof *more);
        if (e->value_count) memcpy(more, e->values, e->value_count * sizeof *more);
        e->values = more;
    }
    e->values[e->value_count++] = value_of(e, event);
}

/* Texts and numbers arrive in pieces of a byte: the whole is read from the line. */
static d1t_result on_row_json(void *ctx, const d1t_json_event *event) {
    static char text[65536];
    static size_t n;
    engine *e = ctx;
    d1t_json_event whole = *event;
    if (event->depth == 1 && event->kind == D1T_JSON_KEY) {
        if (whole_name(e, event)) e->deletes = e->deletes || strcmp(e->name, "delete") == 0;
    } else if (event->depth == 1 && event->kind == D1T_JSON_STRING) {
        (void)whole_name(e, event);
        if (event->last)
            for (e->start = 0; e->start < e->count && strcmp(e->specs[e->start].collection, e->name) != 0;) e->start++;
    } else if (event->depth == 2) {
        n = event->first ? 0 : n;
        if (n + event->text.n > sizeof text) die("a row", "a text is longer than 65,536 bytes");
        if (event->text.n) memcpy(text + n, event->text.p, event->text.n);
        n += event->text.n;
        whole.text = d1t_bytes(text, n);
        if (event->last && event->kind != D1T_JSON_ARRAY_END) add_value(e, &whole);
    }
    return D1T_OK;
}

static void add_row(engine *e) {
    target_rows *rows = &e->rows[e->start];
    d1t_target_row **list = e->deletes ? &rows->deletes : &rows->upserts, *more;
    size_t *count = e->deletes ? &rows->delete_count : &rows->upsert_count;
    if ((*count & (*count - 1)) == 0) {
        more = take(e, (*count ? *count * 2 : 1) * sizeof *more);
        if (*count) memcpy(more, *list, *count * sizeof *more);
        *list = more;
    }
    (*list)[*count].values = e->values;
    (*list)[(*count)++].count = e->value_count;
}

static void load_rows(engine *e, const char *path) {
    const char *line = read_file(e, path, false);
    size_t n;
    for (; *line; line += n + (line[n] != 0)) {
        n = strcspn(line, "\n");
        e->start = e->count;
        e->values = NULL;
        e->value_count = 0;
        e->deletes = false;
        if (n == 0) continue;
        read_json(e, path, d1t_bytes(line, n), on_row_json);
        if (e->start == e->count) die(path, "a row is of no collection of the flow");
        add_row(e);
    }
}

static void send_rows(engine *e) {
    d1t_mutation mutations[MANY];
    d1t_target_desc desc = desc_of(e);
    size_t i;
    e->rows_written = 0;
    for (i = 0; i < e->count; i++) {
        mutations[i].resource = &e->resources[i];
        mutations[i].upserts = e->rows[i].upserts;
        mutations[i].upsert_count = e->rows[i].upsert_count;
        mutations[i].deletes = e->rows[i].deletes;
        mutations[i].delete_count = e->rows[i].delete_count;
    }
    if (d1t_target_apply_mutation(&e->job, e->target, &desc, mutations, e->count) != D1T_OK)
        die("rows", e->job.error.text);
    printf("rows written: %llu\n", (unsigned long long)e->rows_written);
}

int main(int argc, char **argv) {
    static engine e;
    size_t d;
    int i;
    e.dir = getenv("CLOUDFLARE_API_TOKEN") ? NULL : ".";
    for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "--local") == 0) e.dir = argv[i + 1];
        else if (strcmp(argv[i], "--allow") != 0) die(argv[i], "unknown option");
        else e.allow = argv[i + 1][0] == 'd' ? D1T_EFFECT_DESTRUCTIVE
                       : argv[i + 1][0] == 'l' ? D1T_EFFECT_LOSSY : D1T_EFFECT_NONE;
    }
    if (i >= argc || argc - i > 2) die("usage", "target [--local DIR] [--allow EFFECT] FLOW.json [ROWS.jsonl]");
    e.flow_path = argv[i];
    load_flow(&e);
    load_states(&e);
    set_up(&e);
    if (i + 1 < argc) {
        load_rows(&e, argv[i + 1]);
        send_rows(&e);
    }
    for (d = 0; d < MANY; d++) local_d1_close(e.databases[d].local);
    d1t_arena_free(&e.arena);
    return 0;
}
