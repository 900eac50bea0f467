/* What a row costs on its way into a request body: d1t_upsert, sorting, and pulling the body, with no network at all.
   CPU time of this process, so that other programs on the machine matter little. */
#define D1TARGET_IMPLEMENTATION
#include "symbols.h"
#include "null_transport.h"

#define ROWS 100000u
#define ROUNDS 7

static double encode_ns(const symbol *rows)
{
    static const d1t_allocator none;
    static null_transport t;
    d1t_client db;
    double start;
    uint32_t i;

    null_open(&db, &t, none);
    (void)symbol_upsert(&db, &rows[0]); /* takes the memory */
    (void)d1t_flush(&db);
    start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (i = 0; i < ROWS; i++)
        (void)symbol_upsert(&db, &rows[i]);
    (void)d1t_flush(&db);
    start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
    bench_close(&db, ROWS + 1);
    if (t.bytes != db.stats.bytes_sent) {
        fprintf(stderr, "the bodies have not the size that was announced\n");
        exit(2);
    }
    return start * 1e9 / ROWS;
}

/* The rows themselves move: what arrives one after the other lies in memory one after the other. */
static void shuffle(symbol *rows, uint32_t count)
{
    uint64_t random = 88172645463325252u; /* Marsaglia's xorshift */
    uint32_t i, k;

    for (i = count - 1; i > 0; i--) {
        symbol row = rows[i];

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        k = (uint32_t)(random % (i + 1));
        rows[i] = rows[k];
        rows[k] = row;
    }
}

int main(void)
{
    static symbol_texts texts;
    symbol *sorted, *shuffled;
    double sorted_ns[ROUNDS], shuffled_ns[ROUNDS], bytes = 0;
    uint32_t i;

    symbol_texts_make(&texts, ROWS);
    sorted = symbols_make(&texts, ROWS);
    shuffled = symbols_make(&texts, ROWS);
    for (i = 0; i < ROWS; i++)
        bytes += (double)symbol_json_size(&sorted[i]);
    shuffle(shuffled, ROWS);
    for (i = 0; i < ROUNDS; i++) {
        sorted_ns[i] = encode_ns(sorted);
        shuffled_ns[i] = encode_ns(shuffled);
    }
    bench_figure("row_json_bytes", bytes / ROWS);
    bench_figure("encode_ns_sorted", bench_median(sorted_ns, ROUNDS));
    bench_figure("encode_ns_sorted_worst", sorted_ns[ROUNDS - 1]);
    bench_figure("encode_ns_shuffled", bench_median(shuffled_ns, ROUNDS));
    bench_figure("encode_ns_shuffled_worst", shuffled_ns[ROUNDS - 1]);
    free(shuffled);
    free(sorted);
    free(texts.paths);
    return 0;
}
