/* The rows that every benchmark writes: symbols of a code index, made up from their number, in key order. */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "../../d1target.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const d1t_column symbol_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("kind", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("scope", D1T_TEXT, 0),
    D1T_COLUMN("line", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("signature", D1T_TEXT, 0),
};
static const d1t_table symbols = D1T_TABLE_FLAGS("symbols", symbol_columns, D1T_WITHOUT_ROWID);
static const d1t_table *const symbol_tables[] = {&symbols};

#define SYMBOL_VALUES 6

typedef struct symbol {
    const char *path, *name, *kind, *scope, *signature;
    int64_t line;
} symbol;

#define SYMBOLS_PER_FILE 49u
#define SYMBOL_NAMES 11u

/* The texts that rows point to: few and near, as in a program that has just read its source. */
typedef struct symbol_texts {
    char names[SYMBOLS_PER_FILE * SYMBOL_NAMES][40];
    char (*paths)[40];
} symbol_texts;

static inline void *bench_alloc(size_t size)
{
    void *p = malloc(size);

    if (!p) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return p;
}

/* Texts for rows 0 to count - 1, at most 4,900,000. */
static inline void symbol_texts_make(symbol_texts *t, uint32_t count)
{
    static const char *const words[SYMBOL_NAMES] = {
        "read", "parse_header", "close", "allocate_block", "print_to", "hash", "is_empty_or_null", "next_token",
        "compare", "write_all", "init_with_options"};
    uint32_t i, files = count / SYMBOLS_PER_FILE + 1;

    t->paths = (char (*)[40])bench_alloc(files * sizeof *t->paths);
    for (i = 0; i < files; i++)
        snprintf(t->paths[i], sizeof *t->paths, "src/module_%03u/source_file_%05u.c", i / 100 % 1000, i % 100000);
    for (i = 0; i < SYMBOLS_PER_FILE * SYMBOL_NAMES; i++)
        snprintf(t->names[i], sizeof *t->names, "handle_%02u_%s", i / SYMBOL_NAMES % 100, words[i % SYMBOL_NAMES]);
}

/* Row i; numbers and keys have the same order. */
static inline symbol symbol_at(const symbol_texts *t, uint32_t i)
{
    static const char *const kinds[] = {"function", "member", "macro", "struct", "function", "typedef", "enumerator"};
    static const char *const scopes[] = {"connection", "struct request", "json_reader::state", "", "http_response"};
    static const char *const signatures[] = {
        "(const char *path, size_t count)", "(struct buffer *out, const void *data, size_t size)", "(void)",
        "(uint32_t flags, const struct options *options)", "(FILE *file, const char *mode = \"rb\")",
        "(struct list *list, int (*visit)(void *ctx, void *item), void *ctx)", "(int fd)"};
    uint32_t place = i % SYMBOLS_PER_FILE;
    symbol s;

    s.path = t->paths[i / SYMBOLS_PER_FILE];
    s.name = t->names[place * SYMBOL_NAMES + i % SYMBOL_NAMES];
    s.kind = kinds[i % 7];
    s.scope = scopes[i % 5];
    s.signature = signatures[i / 3 % 7];
    s.line = 1 + place * 37 + i % 31;
    return s;
}

static inline d1t_result symbol_upsert(d1t_client *db, const symbol *s)
{
    d1t_value row[SYMBOL_VALUES];

    row[0] = d1t_text(s->path);
    row[1] = d1t_text(s->name);
    row[2] = d1t_text(s->kind);
    row[3] = d1t_text(s->scope);
    row[4] = d1t_int(s->line);
    row[5] = d1t_text(s->signature);
    return d1t_upsert(db, &symbols, row, SYMBOL_VALUES);
}

/* The row as D1 gets it: bytes of ["path","name",...], before that is put into a string of the body. */
static inline size_t symbol_json_size(const symbol *s)
{
    const char *const texts[] = {s->path, s->name, s->kind, s->scope, s->signature};
    d1t_writer w;
    size_t i;

    d1t_writer_counting(&w);
    for (i = 0; i < sizeof texts / sizeof *texts; i++)
        d1t_write_json_string(&w, d1t_cstr(texts[i]));
    d1t_write_int(&w, s->line);
    return (size_t)w.total + 7; /* brackets and commas */
}

static inline symbol *symbols_make(const symbol_texts *t, uint32_t count)
{
    symbol *all = (symbol *)bench_alloc(count * sizeof *all);
    uint32_t i;

    for (i = 0; i < count; i++)
        all[i] = symbol_at(t, i);
    return all;
}

static inline double bench_seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts: v[0] is the smallest, v[count - 1] the largest afterwards. */
static inline double bench_median(double *v, size_t count)
{
    qsort(v, count, sizeof *v, bench_compare);
    return count % 2 ? v[count / 2] : (v[count / 2 - 1] + v[count / 2]) / 2;
}

static inline void bench_figure(const char *name, double value)
{
    printf(value < 10 ? "figure: %s %.3f\n" : "figure: %s %.0f\n", name, value);
}

/* Ends the program if the client has failed. */
static inline void bench_close(d1t_client *db, uint64_t rows)
{
    if (d1t_close(db) != D1T_OK || db->stats.rows_sent != rows) {
        fprintf(stderr, "%llu of %llu rows sent: %s\n", (unsigned long long)db->stats.rows_sent,
                (unsigned long long)rows, db->error.text);
        exit(2);
    }
}

#endif
