/* 1,000,000 rows through one client: how many requests, how much memory, how many allocations. */
#define D1TARGET_IMPLEMENTATION
#include "symbols.h"
#include "null_transport.h"
#include <sys/resource.h>

#define ROWS 1000000u
#define STEADY 50000u /* rows after which every block and buffer is there */

typedef struct tally {
    uint64_t calls;
    size_t live, peak;
} tally;

static void *tally_alloc(void *ctx, void *p, size_t old, size_t size)
{
    tally *t = (tally *)ctx;

    if (size == 0) {
        free(p);
        t->live -= old;
        return NULL;
    }
    p = realloc(p, size);
    if (p) {
        t->calls++;
        t->live += size - old;
        if (t->live > t->peak)
            t->peak = t->live;
    }
    return p;
}

static double resident_peak(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

int main(void)
{
    static null_transport t;
    static symbol_texts texts;
    tally memory = {0, 0, 0};
    d1t_allocator allocator;
    d1t_client db;
    uint64_t calls = 0;
    double before, body = d1t_limits_default().body;
    uint32_t i;
    symbol s;

    symbol_texts_make(&texts, ROWS);
    before = resident_peak();
    allocator.fn = tally_alloc;
    allocator.ctx = &memory;
    null_open(&db, &t, allocator);
    for (i = 0; i < ROWS; i++) {
        if (i == STEADY)
            calls = memory.calls;
        s = symbol_at(&texts, i);
        (void)symbol_upsert(&db, &s);
    }
    (void)d1t_flush(&db);
    calls = memory.calls - calls;
    bench_close(&db, ROWS);
    bench_figure("requests_per_1000000_rows", (double)t.requests);
    bench_figure("body_bytes_per_row", (double)t.bytes / ROWS);
    bench_figure("memory_per_body", (double)memory.peak / body);
    bench_figure("resident_growth_per_body", (resident_peak() - before) / body);
    bench_figure("steady_allocations", (double)calls);
    bench_figure("bytes_left_after_close", (double)memory.live);
    free(texts.paths);
    return 0;
}
