/*
 * code_index - keeps an index of source trees in D1: a row for each file and each symbol in it.
 *
 *     cc -O2 -o code_index code_index.c -lsqlite3 -lcurl
 *     code_index [--database FILE] [--run N] [--max-delete PERCENT] TREE...    make D1 hold exactly these trees' files
 *     code_index [--database FILE] --query NAME                                ask it about a symbol
 *
 * With --database, D1 is local_d1.h over an SQLite file; without, the real one: CLOUDFLARE_ACCOUNT_ID,
 * CLOUDFLARE_DATABASE_ID and CLOUDFLARE_API_TOKEN. Symbols are found by Universal Ctags.
 *
 * Each run declares every file and every symbol, and d1t_sync_commit makes D1 hold exactly these: what is new or
 * changed is sent, what is as it was is not, and what nobody declares any more is deleted, a removed file with all of
 * its symbols. An interrupted run is finished by the next one. The price: ctags reads all files again each time, so a
 * run that changes nothing still takes ctags' time, though it sends nothing.
 *
 * The tables `files` and `symbols` of the database belong to this program: what is not in the trees leaves them. Both
 * are declared whole, and not tree by tree, because trees may overlap, and one that is not given any more is to leave
 * as well. If more than half of the rows would go, probably a tree was forgotten: nothing is deleted then, unless
 * --max-delete says so.
 *
 * Left out: names that begin with a dot, symbolic links, paths that are not UTF-8 or that hold a line break or end in a
 * blank (ctags cannot be told of them), and tags whose name is not UTF-8.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define D1TARGET_IMPLEMENTATION
#include "../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "local_d1.h"

/* ---- the tables */

static const d1t_column file_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("hash", D1T_BLOB, 0), /* of the content: the row, and so indexed_at, changes whenever the file does */
    D1T_COLUMN("bytes", D1T_INTEGER, D1T_NOT_NULL),
    D1T_COLUMN("lines", D1T_INTEGER, D1T_NOT_NULL),
    D1T_COLUMN_ON_WRITE("indexed_at", D1T_TEXT, 0, "CURRENT_TIMESTAMP"),
};
static const d1t_table files = D1T_TABLE_FLAGS("files", file_columns, D1T_STRICT | D1T_WITHOUT_ROWID);

/* nth: 1 for the first symbol of that name, kind and scope in the file, 2 for the second. The line is no part of the
   key, so that a line put in at the top of a file moves its symbols instead of replacing them. */
static const d1t_column symbol_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("kind", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("scope", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("nth", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("line", D1T_INTEGER, D1T_NOT_NULL),
    D1T_COLUMN("signature", D1T_TEXT, 0),
};
static const char *const by_path[] = {"path"}, *const by_name[] = {"name"}, *const by_kind[] = {"kind"};
static const d1t_index symbol_indexes[] = {D1T_INDEX("symbols_name", by_name), D1T_INDEX("symbols_kind", by_kind)};
static const d1t_foreign_key symbol_parents[] = {D1T_REFERENCES(by_path, "files", D1T_CASCADE)};
static const d1t_table symbols =
    D1T_TABLE_FULL("symbols", symbol_columns, symbol_indexes, symbol_parents, D1T_STRICT | D1T_WITHOUT_ROWID);

static const d1t_table *const tables[] = {&files, &symbols};

/* ---- what is known of the trees */

typedef struct file {
    const char *path;
    uint8_t hash[16];
    int64_t bytes, lines;
} file;

typedef struct symbol {
    const char *name, *kind, *scope, *signature; /* signature may be NULL */
    int64_t line, nth;
} symbol;

typedef struct code_index {
    d1t_client db;
    d1t_sync sync;
    file *files; /* sorted by path */
    size_t count, cap;
    size_t current; /* the file whose tags arrive */
    symbol *found;  /* its symbols so far */
    size_t found_count, found_cap;
    d1t_arena paths, tags; /* texts that last for the run; for a file */
    uint64_t symbols, tags_left_out;
} code_index;

static void die(const char *what, const char *why) {
    fprintf(stderr, "\rcode_index: %s: %s\n", what, why);
    exit(1);
}

/* Room for one more element. */
static void *grow(void *p, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return p;
    *cap = *cap ? *cap * 2 : 64;
    p = realloc(p, *cap * size);
    if (!p) die("memory", "none left");
    return p;
}

static const char *keep(d1t_arena *arena, d1t_str s) {
    const char *text = d1t_arena_text(arena, s);
    if (!text) die("memory", "none left");
    return text;
}

static int compare_names(const symbol *a, const symbol *b) {
    int order = strcmp(a->name, b->name);
    if (order == 0) order = strcmp(a->kind, b->kind);
    return order ? order : strcmp(a->scope, b->scope);
}

static int by_key(const void *left, const void *right) {
    const symbol *a = left, *b = right;
    int order = compare_names(a, b);
    return order ? order : (a->nth > b->nth) - (a->nth < b->nth);
}

static int compare_paths(const void *left, const void *right) {
    const file *a = left, *b = right;
    return strcmp(a->path, b->path);
}

/* ---- walking the trees: what cannot be read ends the program, before a row is written or deleted */

static void hash_file(file *f) {
    static const uint8_t key[16] = "code_index hash"; /* fixed, so that runs agree */
    FILE *in = fopen(f->path, "rb");
    char buf[65536];
    d1t_hash hash;
    size_t n, i;
    if (!in) die(f->path, strerror(errno));
    d1t_hash_init(&hash, key);
    while ((n = fread(buf, 1, sizeof buf, in)) > 0) {
        d1t_hash_add(&hash, buf, n);
        f->bytes += (int64_t)n;
        for (i = 0; i < n; i++) f->lines += buf[i] == '\n';
    }
    if (ferror(in)) die(f->path, strerror(errno));
    fclose(in);
    d1t_hash_end(&hash, f->hash);
}

static void add_file(code_index *ix, const char *path) {
    d1t_str s = d1t_cstr(path);
    file *f;
    if (strpbrk(path, "\r\n") || strchr(" \t\v\f", path[s.n - 1]) || d1t_utf8_valid(s) != s.n) return;
    ix->files = grow(ix->files, ix->count, &ix->cap, sizeof *ix->files);
    f = memset(&ix->files[ix->count++], 0, sizeof *f);
    f->path = keep(&ix->paths, s);
    hash_file(f);
}

static void walk(code_index *ix, char *const *trees) {
    FTS *walk = fts_open(trees, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    size_t i, n = 0;
    while (walk && (errno = 0, entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            die(entry->fts_path, strerror(entry->fts_errno));
        if (entry->fts_level > 0 && entry->fts_name[0] == '.')
            fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F)
            add_file(ix, entry->fts_path);
    }
    if (errno || !walk) die("the trees", strerror(errno));
    fts_close(walk);
    if (ix->count) qsort(ix->files, ix->count, sizeof *ix->files, compare_paths);
    for (i = 0; i < ix->count; i++) /* trees may overlap */
        if (n == 0 || compare_paths(&ix->files[n - 1], &ix->files[i]) != 0) ix->files[n++] = ix->files[i];
    ix->count = n;
}

/* ---- declaring rows, in key order: so none has to be kept until commit */

static void declare_files(code_index *ix) {
    const file *f = ix->files, *end = f + ix->count;
    for (; f < end; f++) {
        d1t_value row[] = {d1t_text(f->path), d1t_blob(f->hash, sizeof f->hash), d1t_int(f->bytes), d1t_int(f->lines)};
        if (d1t_sync_row(&ix->sync, &files, row, 4) != D1T_OK) return; /* the client keeps the error */
    }
}

static void declare_symbols(code_index *ix, const char *path) {
    size_t i;
    if (ix->found_count) qsort(ix->found, ix->found_count, sizeof *ix->found, by_key); /* nth: place in the file */
    for (i = 0; i < ix->found_count; i++) {
        symbol *s = &ix->found[i];
        s->nth = i > 0 && compare_names(s - 1, s) == 0 ? s[-1].nth + 1 : 1;
        d1t_value row[] = {d1t_text(path),  d1t_text(s->name), d1t_text(s->kind),     d1t_text(s->scope),
                           d1t_int(s->nth), d1t_int(s->line),  d1t_text(s->signature)};
        if (d1t_sync_row(&ix->sync, &symbols, row, 7) != D1T_OK) return;
    }
    ix->symbols += ix->found_count;
    ix->found_count = 0;
    d1t_arena_free(&ix->tags);
}

/* Up to the file whose tags come next (NULL: all): a file without tags has none. */
static void finish_files_before(code_index *ix, const char *path) {
    for (; ix->current < ix->count; ix->current++) {
        if (path && strcmp(path, ix->files[ix->current].path) == 0) return;
        declare_symbols(ix, ix->files[ix->current].path);
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "\r[%-40.*s] %zu of %zu files", (int)(40 * (ix->current + 1) / ix->count),
                    "########################################", ix->current + 1, ix->count);
    }
    if (path) die(path, "ctags was not asked about this file");
}

/* ---- Universal Ctags: a JSON object on a line for each tag, file by file in the order asked */

enum { NAME, PATH, KIND, SCOPE, SIGNATURE, LINE, OTHER };
static const char *const member_names[OTHER] = {"name", "path", "kind", "scope", "signature", "line"};

typedef struct tag {
    d1t_buffer text;      /* keys and values, each NUL-terminated */
    size_t start;         /* of the one that is being read */
    size_t member;        /* whose value comes next */
    size_t at[OTHER + 1]; /* in text; 0: not there */
} tag;

static d1t_result on_json(void *ctx, const d1t_json_event *e) {
    tag *t = ctx;
    if (e->depth != 1 || (e->kind != D1T_JSON_KEY && e->kind != D1T_JSON_STRING && e->kind != D1T_JSON_NUMBER))
        return D1T_OK;
    if (e->first) t->start = t->text.n;
    if (d1t_buffer_add(&t->text, e->text.p, e->text.n) || (e->last && d1t_buffer_add(&t->text, "", 1)))
        return D1T_ERR_NOMEM;
    if (e->last && e->kind == D1T_JSON_KEY)
        for (t->member = 0; t->member < OTHER && strcmp(t->text.p + t->start, member_names[t->member]) != 0;)
            t->member++;
    else if (e->last)
        t->at[t->member] = t->start;
    return D1T_OK;
}

static void take_tag(code_index *ix, tag *t, const char *line, size_t size) {
    d1t_json_reader reader;
    const char *text[OTHER];
    symbol *s;
    int i;
    t->text.n = 0;
    memset(t->at, 0, sizeof t->at);
    d1t_json_reader_init(&reader, on_json, t, 4);
    d1t_json_reader_feed(&reader, line, size);
    if (d1t_json_reader_end(&reader) != D1T_OK) die("ctags", "a line that is not JSON");
    for (i = 0; i < OTHER; i++) text[i] = t->at[i] ? t->text.p + t->at[i] : "";
    if (!text[NAME][0] || !text[PATH][0] || !text[KIND][0]) {
        ix->tags_left_out++;
        return;
    }
    finish_files_before(ix, text[PATH]);
    ix->found = grow(ix->found, ix->found_count, &ix->found_cap, sizeof *ix->found);
    s = memset(&ix->found[ix->found_count++], 0, sizeof *s);
    s->name = keep(&ix->tags, d1t_cstr(text[NAME]));
    s->kind = keep(&ix->tags, d1t_cstr(text[KIND]));
    s->scope = keep(&ix->tags, d1t_cstr(text[SCOPE]));
    s->signature = text[SIGNATURE][0] ? keep(&ix->tags, d1t_cstr(text[SIGNATURE])) : NULL;
    s->nth = (int64_t)ix->found_count;
    d1t_parse_int(d1t_cstr(text[LINE]), &s->line);
}

/* No shell, and no command line that could be too long: the names of the files go to ctags through a file. */
static FILE *start_ctags(const code_index *ix, pid_t *pid) {
    FILE *names = tmpfile(), *tags;
    int ends[2];
    size_t i;
    for (i = 0; names && i < ix->count; i++) fprintf(names, "%s\n", ix->files[i].path);
    if (!names || fflush(names) || fseek(names, 0, SEEK_SET) || pipe(ends))
        die("the list of files for ctags", strerror(errno));
    *pid = fork();
    if (*pid == 0) {
        dup2(fileno(names), STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execlp("ctags", "ctags", "--quiet", "--options=NONE", "--output-format=json", "--fields=NFnKSs", "--extras=-p",
               "--kinds-C=+p", "--kinds-C++=+p", "--sort=no", "-f", "-", "-L", "-", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    fclose(names);
    tags = *pid < 0 ? NULL : fdopen(ends[0], "r");
    if (!tags) die("ctags", strerror(errno));
    return tags;
}

/* If ctags fails, the program ends without a commit: nothing is deleted. */
static void declare_all_symbols(code_index *ix) {
    tag t;
    pid_t pid;
    FILE *tags = start_ctags(ix, &pid);
    char *line = NULL;
    size_t cap = 0;
    ssize_t size;
    int status = 0;
    d1t_buffer_init(&t.text, ix->paths.allocator, SIZE_MAX);
    while (ix->db.error.code == D1T_OK && (size = getline(&line, &cap, tags)) > 0) take_tag(ix, &t, line, (size_t)size);
    fclose(tags);
    waitpid(pid, &status, 0);
    if (ix->db.error.code == D1T_OK && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        die("ctags failed", "it has to be Universal Ctags with JSON output");
    finish_files_before(ix, NULL);
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    free(line);
    d1t_buffer_free(&t.text);
}

/* ---- the run */

static void update(code_index *ix, uint32_t max_delete, char *const *trees) {
    d1t_scope scopes[2];
    d1t_sync_desc desc = {0};
    d1t_plan plan;
    walk(ix, trees);
    if (!d1t_plan_read(&plan, &ix->db, tables, 2)) {
        puts(plan.step_count ? "setup plan:" : "setup plan: nothing to do");
        d1t_plan_print(&plan, d1t_put_line, stdout);
        d1t_plan_apply(&plan, D1T_EFFECT_NONE);
    }
    d1t_plan_free(&plan);
    d1t_setup(&ix->db, tables, 2);
    scopes[0] = d1t_scope_table(&files);
    scopes[1] = d1t_scope_table(&symbols);
    desc.scopes = scopes;
    desc.scope_count = 2;
    desc.sorted = true;
    desc.max_delete = max_delete;
    d1t_sync_begin(&ix->sync, &ix->db, &desc);
    declare_files(ix);
    if (ix->count && ix->db.error.code == D1T_OK) declare_all_symbols(ix);
    d1t_sync_commit(&ix->sync, NULL);
}

static int on_answer(void *ctx, const d1t_row *row) {
    const d1t_value *v = row->values, *end = v + row->count;
    for (; v < end; v++) {
        if (v->kind == D1T_KIND_TEXT)
            printf("  %.*s", (int)v->u.s.n, v->u.s.p);
        else if (v->kind == D1T_KIND_INT)
            printf("  %7" PRId64, v->u.i);
    }
    fputs("\n", ctx);
    return 0;
}

static void ask(code_index *ix, const char *name) {
    d1t_value arg = d1t_text(name);
    puts("files with the most symbols:");
    d1t_query(&ix->db, "SELECT count(*), path FROM symbols GROUP BY path ORDER BY 1 DESC, 2 LIMIT 5", NULL, 0,
              on_answer, stdout);
    puts("symbols by kind:");
    d1t_query(&ix->db, "SELECT count(*), kind FROM symbols GROUP BY kind ORDER BY 1 DESC, 2 LIMIT 8", NULL, 0,
              on_answer, stdout);
    printf("where %s is:\n", name);
    d1t_query(&ix->db, "SELECT line, path, kind, signature FROM symbols WHERE name = ?1 ORDER BY path, line LIMIT 8",
              &arg, 1, on_answer, stdout);
}

static void report(const code_index *ix, const char *run, double seconds) {
    const d1t_sync_report *r = &ix->sync.report;
    const d1t_stats *s = &ix->db.stats;
    printf("declared: %zu files, %" PRIu64 " symbols; tags left out: %" PRIu64 "\n", ix->count, ix->symbols,
           ix->tags_left_out);
    printf("rows: %" PRIu64 " inserted, %" PRIu64 " updated, %" PRIu64 " deleted, %" PRIu64 " unchanged; sent: %" PRIu64
           " of %" PRIu64 " buckets\n",
           r->inserted, r->updated, r->deleted, r->unchanged, r->buckets_sent, r->buckets);
    printf("requests: %" PRIu64 ", %" PRIu64 " retries, %" PRIu64 " bytes sent, %" PRIu64 " bytes received\n",
           s->requests, s->retries, s->bytes_sent, s->bytes_received);
    printf("D1's bill: %" PRIu64 " rows written, %" PRIu64 " rows read, about $%.6f beyond the free allowance\n",
           s->rows_written, s->rows_read, (double)d1t_stats_cost(s) / 1e9);
    printf("run=%s files=%zu symbols=%" PRIu64 " rows_sent=%" PRIu64 " rows_written=%" PRIu64 " requests=%" PRIu64
           " retries=%" PRIu64 " bytes=%" PRIu64 " seconds=%.2f\n",
           run, ix->count, ix->symbols, s->rows_sent, s->rows_written, s->requests, s->retries, s->bytes_sent, seconds);
}

static local_d1 *open_database(code_index *ix, const char *path) {
    d1t_config config = d1t_config_from_env();
    local_d1 *local = path ? local_d1_open(path, NULL) : NULL;
    if (path && !local) die(path, "cannot be opened as a database");
    if (!path && !config.token)
        die("no database", "give --database FILE, or set CLOUDFLARE_ACCOUNT_ID, _DATABASE_ID and _API_TOKEN");
    if (local) {
        config.database_url = "http://127.0.0.1/client/v4/accounts/local/d1/database/local";
        config.token = "local";
        config.transport = local_d1_transport(local);
    }
    config.setup = D1T_SETUP_TRUST; /* update() reads, prints and applies the plan itself */
    d1t_open(&ix->db, &config);
    return local;
}

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    static code_index ix;
    const char *database = NULL, *run = "1", *max_delete = "50", *name = NULL, **option;
    int64_t percent;
    double start = seconds_now();
    local_d1 *local;
    int i;
    for (i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        option = strcmp(argv[i], "--database") == 0     ? &database
                 : strcmp(argv[i], "--run") == 0        ? &run
                 : strcmp(argv[i], "--max-delete") == 0 ? &max_delete
                                                        : &name;
        if (option == &name && strcmp(argv[i], "--query") != 0) die(argv[i], "unknown option");
        *option = argv[i + 1];
    }
    if ((name != NULL) != (i == argc) || (i < argc && argv[i][0] == '-'))
        die("usage", "code_index [--database FILE] [--run N] [--max-delete PERCENT] TREE... | "
                     "[--database FILE] --query NAME");
    if (!d1t_parse_int(d1t_cstr(max_delete), &percent) || percent < 1 || percent > 100)
        die("--max-delete", "a percentage from 1 to 100");
    local = open_database(&ix, database);
    if (name)
        ask(&ix, name);
    else
        update(&ix, (uint32_t)percent, argv + i);
    if (d1t_close(&ix.db) != D1T_OK)
        fprintf(stderr, "code_index: %s%s\n", ix.db.error.text,
                ix.db.error.code == D1T_ERR_DELETES ? " (here: --max-delete 100)" : "");
    else if (!name)
        report(&ix, run, seconds_now() - start);
    local_d1_close(local);
    free(ix.files);
    free(ix.found);
    d1t_arena_free(&ix.paths);
    d1t_arena_free(&ix.tags);
    return ix.db.error.code != D1T_OK;
}
