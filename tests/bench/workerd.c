/* 100,000 rows into real workerd (tests/live/with-live.sh), three ways in turn, every pass into an empty database:
   A  d1target.h over its libcurl transport, from d1t_open to d1t_close
   B  the bodies that A sends, ready-made, by a bare libcurl loop
   C  the same rows as batches of 500 one-row statements, ready-made, by the same loop */
#define D1TARGET_IMPLEMENTATION
#include "symbols.h"
#include <curl/curl.h>
#include <string.h>

#define ROWS 100000u
#define ROUNDS 7
#define BATCH_ROUNDS 3 /* C is slow */
#define PER_BATCH 500u

static symbol *rows;
static char *ids;   /* of the databases not used yet */

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

/* ---- ready-made bodies */

typedef struct bodies {
    d1t_buffer text;
    size_t end[2 * ROWS / PER_BATCH];
    size_t count;
} bodies;

static void bodies_init(bodies *b)
{
    static const d1t_allocator none;

    memset(b, 0, sizeof *b);
    d1t_buffer_init(&b->text, none, SIZE_MAX / 2);
}

static void bodies_end_one(bodies *b)
{
    if (b->count == sizeof b->end / sizeof *b->end)
        die("bodies", "too many");
    b->end[b->count++] = b->text.n;
}

static uint64_t bodies_hash(const bodies *b)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    size_t i, k;

    for (i = k = 0; i < b->text.n; i++) {
        h = (h ^ (unsigned char)b->text.p[i]) * 1099511628211u;
        if (i + 1 == b->end[k])
            h = (h ^ ++k) * 1099511628211u;
    }
    return h;
}

/* ---- A: d1target.h */

static bodies *recorder;    /* NULL: the transport as it is */
static d1t_transport wire;  /* under the recorder */

static d1t_result record(void *ctx, d1t_request *req, d1t_op *op)
{
    char piece[4096];
    size_t n;

    while ((n = d1t_request_read(req, piece, sizeof piece)) > 0)
        if (d1t_buffer_add(&recorder->text, piece, n) != D1T_OK)
            die("record", "out of memory");
    bodies_end_one(recorder);
    d1t_request_rewind(req);
    return wire.perform(ctx, req, op);
}

static void write_by_d1target(const char *id)
{
    d1t_config config;
    d1t_client db;
    uint32_t i;

    memset(&config, 0, sizeof config);
    config.base_url = getenv("D1_WORKER_URL");
    config.account = "a";
    config.database = id;
    config.token = "t";
    if (recorder) {
        wire = d1t_curl_transport(NULL);
        config.transport = wire;
        config.transport.perform = record;
    }
    (void)d1t_open(&db, &config);
    (void)d1t_setup(&db, symbol_tables, 1);
    for (i = 0; i < ROWS; i++)
        (void)symbol_upsert(&db, &rows[i]);
    bench_close(&db, ROWS);
}

/* ---- B and C: the bare loop */

typedef struct answer {
    char start[1024];
    size_t n;
} answer;

static size_t take_answer(char *data, size_t size, size_t count, void *ctx)
{
    answer *a = (answer *)ctx;
    size_t n = size * count, room = sizeof a->start - 1 - a->n;

    memcpy(a->start + a->n, data, n < room ? n : room);
    a->n += n < room ? n : room;
    return n;
}

static CURL *bare_open(const char *id, struct curl_slist **headers)
{
    CURL *easy = curl_easy_init();
    char url[256];

    snprintf(url, sizeof url, "%s/accounts/a/d1/database/%s/raw", getenv("D1_WORKER_URL"), id);
    *headers = curl_slist_append(*headers, "Authorization: Bearer t");
    *headers = curl_slist_append(*headers, "Content-Type: application/json");
    *headers = curl_slist_append(*headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    return easy;
}

static void bare_post(CURL *easy, const char *body, size_t size, answer *a)
{
    CURLcode code;

    a->n = 0;
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    code = curl_easy_perform(easy);
    a->start[a->n] = '\0';
    /* The first body asks for the records of setup, which an empty database has not. */
    if (code != CURLE_OK ||
        (strncmp(a->start, "{\"success\":true", 15) != 0 && !strstr(a->start, "no such table: _d1t_setup")))
        die("bare loop", code == CURLE_OK ? a->start : curl_easy_strerror(code));
}

static void write_by_bare_loop(const char *id, const bodies *b)
{
    struct curl_slist *headers = NULL;
    CURL *easy = bare_open(id, &headers);
    answer a;
    size_t i, from = 0;

    for (i = 0; i < b->count; from = b->end[i++])
        bare_post(easy, b->text.p + from, b->end[i] - from, &a);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
}

/* One statement of a batch: every parameter a string. */
static void write_statement(d1t_writer *w, const symbol *s)
{
    static const char sql[] = "INSERT INTO symbols(path,name,kind,scope,line,signature) VALUES(?1,?2,?3,?4,?5,?6) "
                              "ON CONFLICT(path,name,kind,line) DO UPDATE SET scope=excluded.scope,"
                              "signature=excluded.signature";
    char line[24];
    const char *const args[] = {s->path, s->name, s->kind, s->scope, line, s->signature};
    size_t i;

    snprintf(line, sizeof line, "%lld", (long long)s->line);
    d1t_write_text(w, "{\"sql\":");
    d1t_write_json_string(w, d1t_cstr(sql));
    for (i = 0; i < sizeof args / sizeof *args; i++) {
        d1t_write_text(w, i ? "," : ",\"params\":[");
        d1t_write_json_string(w, d1t_cstr(args[i]));
    }
    d1t_write_text(w, "]}");
}

static void make_batches(bodies *b)
{
    d1t_writer w;
    uint32_t i;

    d1t_writer_growing(&w, &b->text);
    d1t_write_text(&w, "{\"sql\":\"");
    w.level = 1;
    d1t_write_create_table(&w, &symbols);
    w.level = 0;
    d1t_write_text(&w, "\"}");
    bodies_end_one(b);
    for (i = 0; i < ROWS; i++) {
        d1t_write_text(&w, i % PER_BATCH ? "," : "{\"batch\":[");
        write_statement(&w, &rows[i]);
        if ((i + 1) % PER_BATCH && i + 1 < ROWS)
            continue;
        d1t_write_text(&w, "]}");
        bodies_end_one(b);
    }
    if (w.error != D1T_OK)
        die("batches", "out of memory");
}

/* ---- passes */

static const char *next_database(void)
{
    char *id = strtok(ids, " ");

    ids = NULL;
    if (!id)
        die("D1_DATABASE_IDS", "too few; run this under tests/live/with-live.sh");
    return id;
}

/* One request outside the clock: the database is up before, and afterwards it tells what it holds. */
static void ask(const char *id, const char *body, answer *a)
{
    struct curl_slist *headers = NULL;
    CURL *easy = bare_open(id, &headers);

    bare_post(easy, body, strlen(body), a);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
}

static void expect_all_rows(const char *id)
{
    static char first[128];
    char *at, *end;
    answer a;

    ask(id, "{\"sql\":\"SELECT count(*), sum(length(path||name||kind||scope||signature)), sum(line*line),"
            " min(typeof(line)), max(typeof(line)) FROM symbols\"}", &a);
    at = strstr(a.start, "[[100000,");
    end = at ? strchr(at, '}') : NULL;
    if (!end || (size_t)(end - at) >= sizeof first)
        die("a pass left too few rows", a.start);
    *end = '\0';
    if (!first[0])
        strcpy(first, at);
    if (strcmp(at, first) != 0)
        die("a pass left other rows", at);
}

/* b NULL: by d1target.h. Rows a second. */
static double pass(const bodies *b)
{
    const char *id = next_database();
    double start;
    answer a;

    ask(id, "{\"sql\":\"SELECT 1\"}", &a);
    start = bench_seconds(CLOCK_MONOTONIC);
    if (b)
        write_by_bare_loop(id, b);
    else
        write_by_d1target(id);
    start = bench_seconds(CLOCK_MONOTONIC) - start;
    expect_all_rows(id);
    return ROWS / start;
}

static void record_pass(bodies *b)
{
    bodies_init(b);
    recorder = b;
    (void)pass(NULL);
    recorder = NULL;
}

static void report(const char *median, const char *worst, double *v, size_t count)
{
    bench_figure(median, bench_median(v, count));
    bench_figure(worst, v[0]);
}

int main(void)
{
    static bodies ready, batches, again;
    static symbol_texts texts;
    double a[ROUNDS], b[ROUNDS], c[BATCH_ROUNDS], bare[ROUNDS], batch[BATCH_ROUNDS];
    size_t i;

    ids = getenv("D1_DATABASE_IDS");
    if (!ids || !getenv("D1_WORKER_URL"))
        die("D1_WORKER_URL", "not set; run this under tests/live/with-live.sh");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    symbol_texts_make(&texts, ROWS);
    rows = symbols_make(&texts, ROWS);
    bodies_init(&batches);
    make_batches(&batches);
    record_pass(&ready);
    for (i = 0; i < ROUNDS; i++) {
        if (i % 2)
            b[i] = pass(&ready);
        a[i] = pass(NULL);
        if (i % 2 == 0)
            b[i] = pass(&ready);
        bare[i] = a[i] / b[i];
        if (i < BATCH_ROUNDS)
            c[i] = pass(&batches);
        if (i < BATCH_ROUNDS)
            batch[i] = a[i] / c[i];
    }
    record_pass(&again);
    printf("bodies: d1target %016llx, bare %016llx, %zu requests\n", (unsigned long long)bodies_hash(&again),
           (unsigned long long)bodies_hash(&ready), ready.count);
    if (bodies_hash(&again) != bodies_hash(&ready))
        die("bodies", "d1target and the bare loop do not send the same");
    report("rows_per_s_d1target", "rows_per_s_d1target_worst", a, ROUNDS);
    report("rows_per_s_bare", "rows_per_s_bare_worst", b, ROUNDS);
    report("rows_per_s_batch500", "rows_per_s_batch500_worst", c, BATCH_ROUNDS);
    report("ratio_bare_median", "ratio_bare_worst", bare, ROUNDS);
    report("ratio_batch500", "ratio_batch500_worst", batch, BATCH_ROUNDS);
    d1t_buffer_free(&ready.text);
    d1t_buffer_free(&batches.text);
    d1t_buffer_free(&again.text);
    free(rows);
    free(texts.paths);
    curl_global_cleanup();
    return 0;
}
