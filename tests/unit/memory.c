/* >>memory: the buffer and its cap, the arena, one block of the caller's, wiping. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/checked_alloc.h"
#include "../support/random.h"
#include "../support/test.h"

static void test_a_buffer_takes_all_up_to_its_cap_and_nothing_more(void)
{
    checked_alloc memory = {0, 0, 0, 0};
    d1t_buffer b;
    size_t max, i;

    for (max = 0; max < 700; max += max < 10 ? 1 : 13) {
        d1t_buffer_init(&b, checked_allocator(&memory), max);
        for (i = 0; i < max; i++) {
            const char c = (char)('a' + i % 26);

            CHECK_INT(d1t_buffer_add(&b, &c, 1), D1T_OK);
            CHECK(b.n == i + 1 && b.cap >= b.n && b.cap <= max);
        }
        CHECK_INT(d1t_buffer_add(&b, "x", 1), D1T_ERR_TOO_BIG);
        CHECK_INT(d1t_buffer_reserve(&b, SIZE_MAX), D1T_ERR_TOO_BIG);
        CHECK_INT(d1t_buffer_reserve(&b, 0), D1T_OK);
        CHECK_INT(d1t_buffer_add(&b, NULL, 0), D1T_OK);
        CHECK(b.n == max && b.cap <= max);
        for (i = 0; i < max; i++)
            CHECK(b.p[i] == (char)('a' + i % 26));
        CHECK_INT(memory.live, b.cap);
        d1t_buffer_free(&b);
        CHECK(memory.live == 0 && b.p == NULL && b.n == 0 && b.cap == 0);
    }
}

static void test_a_buffer_grows_by_doubling(void)
{
    checked_alloc memory = {0, 0, 0, 0};
    d1t_buffer b;
    size_t i, before;

    d1t_buffer_init(&b, checked_allocator(&memory), (size_t)1 << 30);
    for (i = 0; i < 1000000; i++) {
        before = b.cap;
        CHECK_INT(d1t_buffer_add(&b, "x", 1), D1T_OK);
        CHECK(b.cap == before || b.cap >= 2 * before);
    }
    CHECK(memory.calls <= 20 && b.cap <= 2 * b.n);
    before = b.cap;
    CHECK_INT(d1t_buffer_reserve(&b, before - b.n), D1T_OK);
    CHECK_INT(b.cap, before);
    CHECK_INT(d1t_buffer_reserve(&b, 5000000), D1T_OK);
    CHECK(b.cap - b.n >= 5000000 && b.n == 1000000);
    d1t_buffer_free(&b);
    CHECK_INT(memory.live, 0);
}

static void test_a_buffer_without_memory_keeps_what_it_has(void)
{
    checked_alloc memory = {0, 2, 1, 0};
    d1t_buffer b;
    char more[1000] = {0};

    d1t_buffer_init(&b, checked_allocator(&memory), 100000);
    CHECK_INT(d1t_buffer_add(&b, "kept", 4), D1T_OK);
    CHECK_INT(d1t_buffer_add(&b, more, sizeof more), D1T_ERR_NOMEM);
    CHECK(b.n == 4 && memcmp(b.p, "kept", 4) == 0);
    memory.fail_at = 0;
    CHECK_INT(d1t_buffer_add(&b, more, sizeof more), D1T_OK);
    CHECK(b.n == 4 + sizeof more && memcmp(b.p, "kept", 4) == 0);
    d1t_buffer_free(&b);
    CHECK_INT(memory.live, 0);
}

static void test_a_zeroed_allocator_stands_for_malloc(void)
{
    static const d1t_allocator zero;
    d1t_buffer b;
    d1t_arena a;

    d1t_buffer_init(&b, zero, 1000);
    CHECK_INT(d1t_buffer_add(&b, "abc", 3), D1T_OK);
    d1t_buffer_free(&b);
    d1t_arena_init(&a, zero, 0);
    CHECK_STR(d1t_arena_text(&a, d1t_bytes("abcd", 3)), "abc");
    d1t_arena_free(&a);
}

static void test_arena_pieces_are_aligned_zeroed_and_apart(void)
{
    enum { PIECES = 600 };
    checked_alloc memory = {0, 0, 0, 0};
    static unsigned char *piece[PIECES];
    static size_t size[PIECES];
    d1t_arena a;
    size_t i, k;

    d1t_arena_init(&a, checked_allocator(&memory), 0);
    for (i = 0; i < PIECES; i++) {
        size[i] = random_below(i % 50 ? 100 : 9000);
        piece[i] = (unsigned char *)d1t_arena_take(&a, size[i]);
        CHECK(piece[i] != NULL && (uintptr_t)piece[i] % 8 == 0);
        for (k = 0; piece[i] && k < size[i]; k++)
            CHECK(piece[i][k] == 0);
        if (piece[i])
            memset(piece[i], (int)(i % 251) + 1, size[i]);
    }
    for (i = 0; i < PIECES; i++)
        for (k = 0; piece[i] && k < size[i]; k++)
            CHECK(piece[i][k] == i % 251 + 1);
    CHECK_INT(a.total, memory.live);
    CHECK(memory.calls < PIECES / 5);
    d1t_arena_free(&a);
    CHECK(memory.live == 0 && a.total == 0);
    CHECK(d1t_arena_take(&a, 8) != NULL);
    d1t_arena_free(&a);
    CHECK_INT(memory.live, 0);
}

static void test_an_arena_text_is_a_copy_with_its_end(void)
{
    static const d1t_allocator zero;
    char text[] = "gone";
    d1t_arena a;
    char *copy;

    d1t_arena_init(&a, zero, 0);
    copy = d1t_arena_text(&a, d1t_cstr(text));
    memset(text, 'x', 4);
    CHECK_STR(copy, "gone");
    CHECK_STR(d1t_arena_text(&a, d1t_cstr(NULL)), "");
    d1t_arena_free(&a);
}

/* Fills the arena with pieces of n bytes and returns how many bytes of them it gave. */
static size_t fill(d1t_arena *a, size_t n)
{
    size_t got = 0;

    while (got < 1000000 && d1t_arena_take(a, n))
        got += n;
    return got;
}

static void test_an_arena_never_passes_its_cap(void)
{
    static const size_t sizes[] = {1, 8, 100, 3000, 5000, 70000};
    size_t i, max;

    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (max = 5000; max < 200000; max += 7777) {
            checked_alloc memory = {0, 0, 0, 0};
            d1t_arena a;

            d1t_arena_init(&a, checked_allocator(&memory), max);
            fill(&a, sizes[i]);
            CHECK(a.total <= max && memory.live == a.total);
            CHECK(d1t_arena_take(&a, SIZE_MAX) == NULL && d1t_arena_take(&a, SIZE_MAX - 7) == NULL);
            d1t_arena_free(&a);
            CHECK_INT(memory.live, 0);
        }
    }
}

/* "NULL: no memory, or over the cap": nine tenths of a cap are not over it. */
static void test_an_arena_gives_small_pieces_up_to_its_cap(void)
{
    static const size_t caps[] = {1000, 4096, 10000, 100000};
    size_t i;

    for (i = 0; i < sizeof caps / sizeof *caps; i++) {
        checked_alloc memory = {0, 0, 0, 0};
        d1t_arena a;

        d1t_arena_init(&a, checked_allocator(&memory), caps[i]);
        CHECK(fill(&a, 8) >= caps[i] / 10 * 9);
        CHECK(memory.live <= caps[i]);
        d1t_arena_free(&a);
    }
}

static void test_an_arena_without_memory_says_so_and_goes_on(void)
{
    checked_alloc memory = {0, 2, 0, 0};
    d1t_arena a;
    char *kept;

    d1t_arena_init(&a, checked_allocator(&memory), 0);
    kept = d1t_arena_text(&a, d1t_cstr("kept"));
    CHECK(d1t_arena_take(&a, 100000) == NULL);
    CHECK_STR(kept, "kept");
    CHECK(d1t_arena_take(&a, 100000) != NULL);
    CHECK_STR(kept, "kept");
    d1t_arena_free(&a);
    CHECK_INT(memory.live, 0);
}

static void test_the_newest_piece_of_a_block_is_resized_in_place(void)
{
    static union { double align; char bytes[1000]; } memory;
    d1t_block block;
    d1t_allocator a;
    char *old, *p;

    d1t_block_init(&block, memory.bytes, sizeof memory);
    a = d1t_block_allocator(&block);
    old = (char *)a.fn(a.ctx, NULL, 0, 100);
    p = (char *)a.fn(a.ctx, NULL, 0, 50);
    CHECK(old && p && p >= old + 100 && (uintptr_t)p % 8 == 0);
    memset(p, 'n', 50);
    CHECK(a.fn(a.ctx, p, 50, 500) == p && a.fn(a.ctx, p, 500, 10) == p);
    CHECK(a.fn(a.ctx, p, 10, (size_t)(memory.bytes + sizeof memory - p)) == p);
    CHECK(a.fn(a.ctx, NULL, 0, 1) == NULL);
    CHECK(a.fn(a.ctx, p, (size_t)(memory.bytes + sizeof memory - p), 50) == p);
    CHECK(memcmp(p, "nnnnnnnnnn", 10) == 0);
    CHECK(a.fn(a.ctx, p, 50, 0) == NULL);
    CHECK(a.fn(a.ctx, NULL, 0, 60) == p);
}

static void test_an_older_piece_of_a_block_moves_with_its_bytes(void)
{
    static union { double align; char bytes[1000]; } memory;
    d1t_block block;
    d1t_allocator a;
    char *old, *newer, *moved;

    d1t_block_init(&block, memory.bytes, sizeof memory);
    a = d1t_block_allocator(&block);
    old = (char *)a.fn(a.ctx, NULL, 0, 100);
    newer = (char *)a.fn(a.ctx, NULL, 0, 100);
    memset(old, 'o', 100);
    memset(newer, 'n', 100);
    CHECK(a.fn(a.ctx, old, 100, 40) == old);
    moved = (char *)a.fn(a.ctx, old, 40, 200);
    CHECK(moved != NULL && moved >= newer + 100);
    CHECK(moved && moved[0] == 'o' && moved[39] == 'o' && newer[0] == 'n' && newer[99] == 'n');
    CHECK(a.fn(a.ctx, newer, 100, 700) == NULL && newer[99] == 'n');
}

static void test_a_block_remembers_the_largest_size_that_did_not_fit(void)
{
    static union { double align; char bytes[512]; } memory;
    d1t_block block;
    d1t_allocator a;
    char *p;

    d1t_block_init(&block, memory.bytes, sizeof memory);
    a = d1t_block_allocator(&block);
    CHECK_INT(block.need, 0);
    p = (char *)a.fn(a.ctx, NULL, 0, 500);
    CHECK(p != NULL && block.need == 0);
    memset(p, 'p', 500);
    CHECK(a.fn(a.ctx, NULL, 0, 300) == NULL && block.need == 300);
    CHECK(a.fn(a.ctx, p, 500, 2000) == NULL && block.need == 2000 && p[499] == 'p');
    CHECK(a.fn(a.ctx, NULL, 0, 100) == NULL && block.need == 2000);
    CHECK(a.fn(a.ctx, NULL, 0, SIZE_MAX) == NULL && a.fn(a.ctx, NULL, 0, SIZE_MAX - 3) == NULL);
}

static void test_all_of_a_block_comes_back_newest_first(void)
{
    static union { double align; char bytes[1024]; } memory;
    d1t_block block;
    d1t_allocator a;
    void *piece[8];
    size_t i;

    d1t_block_init(&block, memory.bytes, sizeof memory);
    a = d1t_block_allocator(&block);
    for (i = 0; i < 8; i++)
        CHECK((piece[i] = a.fn(a.ctx, NULL, 0, 128)) != NULL);
    for (i = 8; i-- > 0;)
        a.fn(a.ctx, piece[i], 128, 0);
    CHECK(a.fn(a.ctx, NULL, 0, sizeof memory) == memory.bytes);
}

static void test_buffers_and_arenas_live_in_one_block(void)
{
    static union { double align; char bytes[8192]; } memory;
    d1t_block block;
    d1t_buffer b;
    d1t_arena a;
    size_t i;

    d1t_block_init(&block, memory.bytes, sizeof memory);
    d1t_arena_init(&a, d1t_block_allocator(&block), 0);
    CHECK(d1t_arena_take(&a, 1000) != NULL);
    d1t_buffer_init(&b, d1t_block_allocator(&block), 100000);
    for (i = 0; i < 3000; i++)
        CHECK_INT(d1t_buffer_add(&b, "x", 1), D1T_OK);
    while (d1t_buffer_add(&b, "x", 1) == D1T_OK) {}
    CHECK(b.n >= 3000 && block.need > b.n && b.p[b.n - 1] == 'x');
    d1t_buffer_free(&b);
    d1t_arena_free(&a);
}

static void test_a_wipe_clears_these_bytes_and_no_others(void)
{
    char text[64];
    size_t n, i;

    for (n = 0; n <= 60; n++) {
        memset(text, 's', sizeof text);
        d1t_wipe(text + 2, n);
        for (i = 0; i < sizeof text; i++)
            CHECK(text[i] == (i >= 2 && i < 2 + n ? 0 : 's'));
    }
    d1t_wipe(NULL, 0);
}

int main(void)
{
    RUN(test_a_buffer_takes_all_up_to_its_cap_and_nothing_more);
    RUN(test_a_buffer_grows_by_doubling);
    RUN(test_a_buffer_without_memory_keeps_what_it_has);
    RUN(test_a_zeroed_allocator_stands_for_malloc);
    RUN(test_arena_pieces_are_aligned_zeroed_and_apart);
    RUN(test_an_arena_text_is_a_copy_with_its_end);
    RUN(test_an_arena_never_passes_its_cap);
    RUN(test_an_arena_gives_small_pieces_up_to_its_cap);
    RUN(test_an_arena_without_memory_says_so_and_goes_on);
    RUN(test_the_newest_piece_of_a_block_is_resized_in_place);
    RUN(test_an_older_piece_of_a_block_moves_with_its_bytes);
    RUN(test_a_block_remembers_the_largest_size_that_did_not_fit);
    RUN(test_all_of_a_block_comes_back_newest_first);
    RUN(test_buffers_and_arenas_live_in_one_block);
    RUN(test_a_wipe_clears_these_bytes_and_no_others);
    TEST_MAIN_END;
}
