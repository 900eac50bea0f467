/*
 * migrate - plans and applies a schema kept in a JSON file, as Terraform does with its files.
 *
 *     cc -O2 -o migrate migrate.c -lsqlite3 -lcurl
 *     migrate plan FILE [--json]         what would change: exit status 0 nothing, 2 something, 1 an error
 *     migrate apply FILE [--allow none|lossy|destructive] [--yes]
 *     migrate drift                      what somebody changed since it was recorded; the same exit status
 *     migrate export-state               the database's tables as such a file; a plan of it has nothing to do
 *
 *     --database FILE   D1 is local_d1.h over an SQLite file; without, the real one: CLOUDFLARE_ACCOUNT_ID,
 *                       CLOUDFLARE_DATABASE_ID and CLOUDFLARE_API_TOKEN
 *     --prune           plan, apply: drop the tables that were set up once and have left the file
 *     --adopt           plan, apply: also write down tables that were there before
 *     --split           plan, apply: a rebuild too large for one request in several; if cut off, apply again
 *     --show-keys       the key of one row whose value would not survive, and the server's own words: these are data
 *
 * The file is a JSON array of tables as d1t_table_to_json writes them, or {"tables":[...]}. Apply asks before it writes
 * and goes on only with "yes". Views, triggers and virtual tables of others are neither exported nor touched.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define D1TARGET_IMPLEMENTATION
#include "../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "local_d1.h"

static const char usage[] = "usage: migrate plan FILE [--json] | apply FILE [--allow none|lossy|destructive] [--yes] | "
                            "drift | export-state   [--database FILE] [--prune] [--adopt] [--split] [--show-keys]\n";

typedef struct migrate {
    const char *command, *path, *database;
    d1t_effect allow;
    bool json, yes, prune, adopt, split, show_keys;
    local_d1 *local;
    d1t_client db;
    d1t_plan plan;
    /* the file */
    d1t_buffer text;
    size_t at, start; /* the byte being read; where the table that is being read starts */
    uint32_t level;   /* depth of the tables: 1 in an array, 2 in {"tables":[...]} */
    const d1t_table **tables;
    size_t count, cap;
    d1t_arena arena; /* of the tables */
} migrate;

enum { NOTHING = 0, FAILED = 1, CHANGES = 2 }; /* exit status */

static void die(const char *what, const char *why) {
    fprintf(stderr, "migrate: %s: %s\n", what, why);
    exit(FAILED);
}

/* ---- the file */

static void read_file(migrate *m) {
    FILE *in = fopen(m->path, "rb");
    char buf[65536];
    size_t n;
    if (!in) die(m->path, strerror(errno));
    d1t_buffer_init(&m->text, m->arena.allocator, 64u << 20);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0)
        if (d1t_buffer_add(&m->text, buf, n) != D1T_OK) die(m->path, "larger than 64 MiB");
    if (ferror(in)) die(m->path, strerror(errno));
    fclose(in);
}

/* "FILE:LINE:COLUMN: why", and the line itself. */
static void die_at(const migrate *m, size_t pos, const char *why, const char *cure) {
    size_t line = 1, begin = 0, end, i;
    for (i = 0; i < pos && i < m->text.n; i++) {
        line += m->text.p[i] == '\n';
        if (m->text.p[i] == '\n') begin = i + 1;
    }
    fprintf(stderr, "migrate: %s:%zu:%zu: %s%s\n", m->path, line, pos - begin + 1, why, cure);
    if (pos > begin + 90) begin = pos - 90;
    for (end = begin; end < m->text.n && end < begin + 110 && m->text.p[end] != '\n'; end++) {}
    fprintf(stderr, "    %.*s\n", (int)(end - begin), m->text.p + begin);
    exit(FAILED);
}

static void add_table(migrate *m) {
    static const char types[] = "; there are integer, real, text, blob, any, bool, json, uuid, date, time, timestamp, "
                                "timestamptz, vector and numeric";
    d1t_str json = d1t_bytes(m->text.p + m->start, m->at + 1 - m->start);
    d1t_error error;
    memset(&error, 0, sizeof error);
    if (m->count == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 16;
        m->tables = realloc(m->tables, m->cap * sizeof *m->tables);
        if (!m->tables) die("memory", "none left");
    }
    if (d1t_table_from_json(json, &m->arena, &m->tables[m->count], &error) != D1T_OK)
        die_at(m, m->start + (size_t)error.need - (error.need == json.n), error.text,
               strstr(error.text, "unknown type") ? types : "");
    if (d1t_table_check(m->tables[m->count++], NULL, &error) != D1T_OK) die_at(m, m->start, error.text, "");
}

/* The outermost value, and the one around the tables. */
static void around_tables(migrate *m, const d1t_json_event *e) {
    bool list = e->kind == D1T_JSON_ARRAY || e->kind == D1T_JSON_ARRAY_END;
    bool object = e->depth == 0 && (e->kind == D1T_JSON_OBJECT || e->kind == D1T_JSON_OBJECT_END);
    bool named = m->at > 7 && memcmp(m->text.p + m->at - 7, "\"tables\"", 8) == 0;
    bool key = e->kind == D1T_JSON_KEY && (!e->last || named);
    if (!list && !object && !key) die_at(m, m->at, "a file of tables is an array of them, or {\"tables\":[...]}", "");
    if (e->depth == 0) m->level = list ? 1 : 2;
}

static d1t_result on_json(void *ctx, const d1t_json_event *e) {
    migrate *m = ctx;
    if (e->depth == 0 || e->depth < m->level) around_tables(m, e);
    else if (e->depth > m->level) return D1T_OK;
    else if (e->kind == D1T_JSON_OBJECT) m->start = m->at;
    else if (e->kind == D1T_JSON_OBJECT_END) add_table(m);
    else die_at(m, m->at, "a table is an object: {\"version\":1,\"name\":...}", "");
    return D1T_OK;
}

/* Byte by byte, so that every event knows its place. */
static void load(migrate *m) {
    d1t_json_reader reader;
    read_file(m);
    d1t_json_reader_init(&reader, on_json, m, 0);
    for (; m->at < m->text.n; m->at++)
        if (d1t_json_reader_feed(&reader, m->text.p + m->at, 1) != D1T_OK)
            die_at(m, m->at, d1t_result_text(reader.result), "");
    if (d1t_json_reader_end(&reader) != D1T_OK) die_at(m, m->at, "the JSON ends too early", "");
    if (m->count == 0 && !m->prune) die(m->path, "there is no table in it");
}

/* ---- the database */

static void open_database(migrate *m) {
    d1t_config config = d1t_config_from_env();
    if (m->database) m->local = local_d1_open(m->database, NULL);
    if (m->database && !m->local) die(m->database, "cannot be opened as a database");
    if (!m->database && !config.token)
        die("no database", "give --database FILE, or set CLOUDFLARE_ACCOUNT_ID, _DATABASE_ID and _API_TOKEN");
    if (m->local) {
        config.database_url = "http://127.0.0.1/client/v4/accounts/local/d1/database/local";
        config.token = "local";
        config.transport = local_d1_transport(m->local);
    }
    config.max_reply = 256u << 20; /* the schema comes in one reply */
    if (d1t_open(&m->db, &config) != D1T_OK) die(d1t_result_name(m->db.error.code), m->db.error.text);
}

static int failed(const migrate *m) {
    d1t_str words = d1t_server_text(&m->db);
    fprintf(stderr, "migrate: %s: %s\n", d1t_result_name(m->db.error.code), m->db.error.text);
    if (words.n && m->show_keys) fprintf(stderr, "    the server says: %.*s\n", (int)words.n, words.p);
    if (words.n && !m->show_keys) fprintf(stderr, "    (--show-keys shows what the server says)\n");
    return FAILED;
}

static bool read_plan(migrate *m, bool drift) {
    d1t_plan_desc desc = {m->tables, m->count, false, m->prune, m->adopt, drift, m->split};
    return d1t_plan_read_desc(&m->plan, &m->db, &desc) == D1T_OK;
}

/* ---- showing a plan */

static const char *const effects[] = {"none", "lossy", "destructive"};

static void print_steps(const migrate *m) {
    static const char signs[] = "+-~!#=";
    static const char *const colours[] = {"32", "31", "33", "1;31", "2", "36"};
    const d1t_plan_step *s;
    bool colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), hidden = false;
    for (s = m->plan.steps; s; s = s->next) {
        const char *sign = strchr(signs, s->line[0]);
        if (colour && sign) printf("  \033[%sm%s\033[0m\n", colours[sign - signs], s->line);
        else printf("  %s\n", s->line);
        if (s->example && m->show_keys) printf("      one of them: %s\n", s->example);
        hidden = hidden || (s->example && !m->show_keys);
    }
    if (hidden) puts("  (--show-keys names one of the rows)");
}

/* With a line for each member, column, step and so on. */
static void print_lines(const char *json, size_t n) {
    bool text = false;
    int depth = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        char c = json[i];
        bool opens = !text && (c == '{' || c == '['), closes = !text && (c == '}' || c == ']');
        depth += opens - closes;
        putchar(c);
        if (text && c == '\\') putchar(json[++i]);
        else if (c == '"') text = !text;
        else if (!text && ((c == ',' && depth <= 2) || (opens && depth == 2))) printf("\n%*s", 4 * depth, "");
    }
}

/* A table, or the plan. */
static void print_json(const migrate *m, const d1t_table *t) {
    d1t_buffer out;
    d1t_writer w;
    d1t_buffer_init(&out, m->arena.allocator, SIZE_MAX);
    d1t_writer_growing(&w, &out);
    if (t) d1t_table_to_json(t, &w);
    else d1t_plan_to_json(&m->plan, &w);
    if (w.error != D1T_OK) die("memory", "none left");
    print_lines(out.p, out.n);
    d1t_buffer_free(&out);
}

/* ---- the commands */

static int plan(migrate *m) {
    const d1t_estimate *e = &m->plan.estimate;
    if (!read_plan(m, false)) return failed(m);
    if (m->json) {
        print_json(m, NULL);
        puts("");
    } else if (m->plan.step_count) {
        print_steps(m);
        printf("%" PRIu32 " to do, %" PRIu32 " refused; effect on data: %s; about %" PRIu64 " rows written, $%.6f\n",
               m->plan.step_count, m->plan.refused, effects[m->plan.effect], e->rows_written, (double)e->cost / 1e9);
    } else {
        puts("nothing to do");
    }
    return m->plan.refused ? FAILED : m->plan.step_count ? CHANGES : NOTHING;
}

static bool agreed(const migrate *m) {
    char answer[8] = "";
    if (m->yes) return true;
    printf("Apply this? Only \"yes\" goes on: ");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && strcmp(answer, "yes\n") == 0;
}

static int apply(migrate *m) {
    const d1t_stats *s = &m->db.stats;
    int status = plan(m);
    if (status != CHANGES) return status;
    if (m->plan.effect > m->allow) {
        fprintf(stderr, "migrate: nothing was applied: the plan is %s, say --allow %s if that is meant\n",
                effects[m->plan.effect], effects[m->plan.effect]);
        return FAILED;
    }
    if (!agreed(m)) return fputs("migrate: nothing was applied\n", stderr), FAILED;
    if (d1t_plan_apply(&m->plan, m->allow) != D1T_OK) return failed(m);
    printf("applied: %" PRIu64 " requests, %" PRIu64 " rows written, %" PRIu64 " rows read, about $%.6f\n", s->requests,
           s->rows_written, s->rows_read, (double)d1t_stats_cost(s) / 1e9);
    return NOTHING;
}

static int drift(migrate *m) {
    if (!read_plan(m, true)) return failed(m);
    puts(m->plan.step_count ? "changed since it was recorded; this would undo it:" : "nothing has changed");
    print_steps(m);
    return m->plan.step_count ? CHANGES : NOTHING;
}

/* What a table is: as recorded, because SQL cannot say everything, unless somebody changed it since. */
static const d1t_table *state_of(const migrate *m, const d1t_schema *schema, const d1t_schema_object *o) {
    const d1t_schema_record *record = d1t_schema_recorded(schema, o->name);
    const d1t_plan_step *s = m->plan.steps; /* of the drift */
    while (s && (s->kind == D1T_NOTE || strcmp(s->table, o->name) != 0)) s = s->next;
    if (record && s)
        fprintf(stderr,
                "migrate: %s was changed since it was recorded: it is exported as its SQL says, without full-text "
                "indexes, on-write columns and commands\n",
                o->name);
    return record && !s ? record->state : o->table;
}

static void export_table(const migrate *m, const d1t_schema *schema, const d1t_schema_object *o, size_t *count) {
    const d1t_table *t = o->table ? state_of(m, schema, o) : NULL;
    d1t_error error;
    memset(&error, 0, sizeof error);
    if (!t || d1t_table_check(t, NULL, &error) != D1T_OK) {
        fprintf(stderr, "migrate: %s is left out: %s\n", o->name, t ? error.text : o->odd);
        return;
    }
    puts((*count)++ ? "," : "");
    print_json(m, t);
}

static int export_state(migrate *m) {
    d1t_plan_desc desc = {NULL, 0, false, false, false, true, false};
    const d1t_schema_object *o;
    d1t_schema schema;
    size_t count = 0;
    memset(&schema, 0, sizeof schema);
    schema.arena = &m->arena;
    if (d1t_schema_read(&schema, &m->db) != D1T_OK) return failed(m);
    if (schema.records && d1t_plan_diff(&m->plan, &schema, &desc, &m->db.error) != D1T_OK) return failed(m);
    fputs("{\"tables\":[", stdout);
    for (o = schema.objects; o; o = o->next)
        if (o->kind == D1T_OBJECT_TABLE) export_table(m, &schema, o, &count);
    puts("\n]}");
    return NOTHING;
}

/* ---- the command line */

static d1t_effect effect_of(const char *word) {
    int e = 0;
    while (e < 3 && strcmp(effects[e], word) != 0) e++;
    if (e == 3) die("--allow", "none, lossy or destructive");
    return (d1t_effect)e;
}

static void take_argument(migrate *m, char **argv, int *i) {
    const char *arg = argv[*i], *names[] = {"--json", "--yes", "--prune", "--adopt", "--split", "--show-keys"};
    bool *flags[] = {&m->json, &m->yes, &m->prune, &m->adopt, &m->split, &m->show_keys};
    bool database = strcmp(arg, "--database") == 0, allow = strcmp(arg, "--allow") == 0;
    size_t f = 0;
    while (f < 6 && strcmp(arg, names[f]) != 0) f++;
    if (f < 6) *flags[f] = true;
    if ((database || allow) && !argv[++*i]) die(arg, "a value is missing");
    if (database) m->database = argv[*i];
    if (allow) m->allow = effect_of(argv[*i]);
    if (f < 6 || database || allow) return;
    if (arg[0] == '-' || (m->command && m->path)) die("not understood", arg);
    *(m->command ? &m->path : &m->command) = arg;
}

int main(int argc, char **argv) {
    static const char *const names[] = {"plan", "apply", "drift", "export-state"};
    static int (*const commands[])(migrate * m) = {plan, apply, drift, export_state};
    static migrate m;
    int i, status;
    for (i = 1; i < argc; i++) take_argument(&m, argv, &i);
    for (i = 0; i < 4 && !(m.command && strcmp(names[i], m.command) == 0); i++) {}
    if (i == 4 || (i < 2) != (m.path != NULL) || (m.json && i > 0)) return fputs(usage, stderr), FAILED;
    if (m.path) load(&m);
    open_database(&m);
    status = commands[i](&m);
    d1t_plan_free(&m.plan);
    d1t_arena_free(&m.arena);
    d1t_close(&m.db);
    local_d1_close(m.local);
    d1t_buffer_free(&m.text);
    free(m.tables);
    return status;
}
