/* >>json_writer: four sinks that agree, the cap at every size, escaping once and twice read back by the JSON reader. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/checked_alloc.h"
#include "../support/random.h"
#include "../support/test.h"
#include "../support/utf8.h"

enum { LARGE = 1 << 16 };

static const d1t_allocator standard;

/* Everything a writer can write, with every kind of escape at uneven places. */
static void compose(d1t_writer *w)
{
    static const char all[] = "\x01\x08\t\n\x0b\f\r\x1f !\"#/[\\]\x7f\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";

    d1t_write_text(w, "{\"sql\":\"SELECT 'it''s', `a`\",\t");
    d1t_write(w, d1t_bytes("zero\0byte", 9));
    d1t_write_int(w, INT64_MIN);
    d1t_write_uint(w, UINT64_MAX);
    d1t_write_int(w, 0);
    d1t_write_json_string(w, d1t_cstr(all));
    d1t_write_json_string(w, d1t_cstr(NULL));
    d1t_write_json_string(w, d1t_cstr("a plain text that is longer than a machine word, and then\n one more"));
    d1t_write_hex(w, d1t_bytes("\x00\x7f\x80\xff", 4));
    d1t_write(w, d1t_cstr(NULL));
    d1t_write_text(w, "\\end\"");
}

/* The text of compose at a level; its size goes to *n. To be freed. */
static char *composed(uint8_t level, size_t *n)
{
    d1t_buffer b;
    d1t_writer w;

    d1t_buffer_init(&b, standard, LARGE);
    d1t_writer_growing(&w, &b);
    w.level = level;
    compose(&w);
    CHECK_INT(w.error, D1T_OK);
    CHECK(w.total == b.n && w.n == b.n);
    *n = b.n;
    return b.p;
}

static void test_a_level_0_text_is_what_was_written(void)
{
    static const char expected[] = "{\"sql\":\"SELECT 'it''s', `a`\",\tzero\0byte"
        "-9223372036854775808" "18446744073709551615" "0"
        "\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f !\\\"#/[\\\\]\x7f\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"\"\""
        "\"a plain text that is longer than a machine word, and then\\n one more\"007f80ff\\end\"";
    size_t n;
    char *text = composed(0, &n);

    CHECK_INT(n, sizeof expected - 1);
    CHECK(n == sizeof expected - 1 && memcmp(text, expected, n) == 0);
    free(text);
}

static void test_counting_counts_what_the_others_write(void)
{
    uint8_t level;
    size_t n;

    for (level = 0; level <= 2; level++) {
        char *text = composed(level, &n);
        d1t_writer w;

        d1t_writer_counting(&w);
        w.level = level;
        compose(&w);
        CHECK(w.error == D1T_OK && w.total == n);
        free(text);
    }
}

static void test_a_fixed_sink_of_any_size_keeps_a_beginning_and_says_what_is_needed(void)
{
    uint8_t level;
    size_t cap, n;

    for (level = 0; level <= 2; level++) {
        char *text = composed(level, &n);

        for (cap = 0; cap <= n + 1; cap++) {
            char *p = (char *)malloc(cap ? cap : 1);
            d1t_writer w;

            d1t_writer_fixed(&w, p, cap);
            w.level = level;
            compose(&w);
            CHECK_INT(w.error, cap < n ? D1T_ERR_SPACE : D1T_OK);
            CHECK(w.total == n && w.n <= cap && w.n <= n && (cap < n || w.n == n));
            CHECK(memcmp(p, text, w.n) == 0);
            free(p);
        }
        free(text);
    }
}

/* Pulls the text in windows of `cap` bytes, as a request body is sent. */
static void pull(const char *text, size_t n, size_t cap, uint8_t level)
{
    char *p = (char *)malloc(cap);
    size_t at = 0;

    for (;;) {
        const size_t expect = n - at < cap ? n - at : cap;
        d1t_writer w;

        d1t_writer_window(&w, p, cap, at);
        w.level = level;
        compose(&w);
        CHECK(w.error == D1T_OK && w.total == n && w.n == expect);
        CHECK(w.n == expect && memcmp(p, text + at, expect) == 0);
        at += expect;
        if (expect == 0 || w.n != expect)
            break;
    }
    CHECK_INT(at, n);
    free(p);
}

static void test_windows_of_every_size_make_the_whole(void)
{
    uint8_t level;
    size_t cap, n;

    for (level = 0; level <= 2; level++) {
        char *text = composed(level, &n);

        for (cap = 1; cap <= n + 1; cap++)
            pull(text, n, cap, level);
        free(text);
    }
}

static void test_a_window_behind_the_end_or_of_no_size_is_empty(void)
{
    char c = 'c';
    d1t_writer w;

    d1t_writer_window(&w, &c, 1, UINT64_MAX);
    compose(&w);
    CHECK(w.error == D1T_OK && w.n == 0 && c == 'c');
    d1t_writer_window(&w, NULL, 0, 3);
    d1t_write(&w, d1t_cstr(NULL));
    compose(&w);
    CHECK(w.error == D1T_OK && w.n == 0 && w.total > 3);
}

static void test_growing_ends_at_the_cap_of_its_buffer(void)
{
    size_t max, n, kept;
    char *text = composed(0, &n);

    for (max = 0; max <= n + 1; max++) {
        checked_alloc memory = {0, 0, 0, 0};
        d1t_buffer b;
        d1t_writer w;

        d1t_buffer_init(&b, checked_allocator(&memory), max);
        d1t_writer_growing(&w, &b);
        compose(&w);
        CHECK_INT(w.error, max < n ? D1T_ERR_TOO_BIG : D1T_OK);
        CHECK(b.n <= max && w.n == b.n && (b.n == 0 || memcmp(b.p, text, b.n) == 0));
        kept = b.n;
        d1t_write_text(&w, "");
        d1t_write_int(&w, 1);
        CHECK(b.n == kept + (max > n));
        d1t_buffer_free(&b);
        CHECK_INT(memory.live, 0);
    }
    free(text);
}

static void test_growing_appends_to_what_the_buffer_has(void)
{
    d1t_buffer b;
    d1t_writer w;

    d1t_buffer_init(&b, standard, 100);
    CHECK_INT(d1t_buffer_add(&b, "before ", 7), D1T_OK);
    d1t_writer_growing(&w, &b);
    d1t_write_text(&w, "after");
    CHECK(w.n == 5 && w.total == 5 && b.n == 12 && memcmp(b.p, "before after", 12) == 0);
    d1t_buffer_free(&b);
}

static void test_growing_without_memory_is_an_error_that_sticks(void)
{
    checked_alloc memory = {0, 1, 0, 0};
    d1t_buffer b;
    d1t_writer w;

    d1t_buffer_init(&b, checked_allocator(&memory), 100);
    d1t_writer_growing(&w, &b);
    d1t_write_text(&w, "lost");
    CHECK_INT(w.error, D1T_ERR_NOMEM);
    d1t_write_text(&w, "not written");
    CHECK(w.error == D1T_ERR_NOMEM && w.n == 0 && b.n == 0);
    d1t_buffer_free(&b);
}

static void test_the_first_error_sticks_in_every_sink(void)
{
    char text[8] = "-------";
    d1t_buffer b;
    d1t_writer w[3];
    size_t i;

    d1t_buffer_init(&b, standard, 2);
    d1t_writer_fixed(&w[0], text, 2);
    d1t_writer_growing(&w[1], &b);
    d1t_writer_window(&w[2], text + 4, 2, 0);
    for (i = 0; i < 3; i++) {
        w[i].error = D1T_ERR_UTF8;
        d1t_write_text(&w[i], "a");
        d1t_write_text(&w[i], "much too long");
        CHECK_INT(w[i].error, D1T_ERR_UTF8);
        CHECK_INT(w[i].n, 0);
    }
    CHECK_STR(text, "-------");
    d1t_buffer_free(&b);
}

/* Appends the pieces of the one string to a buffer. */
static d1t_result keep_string(void *ctx, const d1t_json_event *e)
{
    return e->kind == D1T_JSON_STRING ? d1t_buffer_add((d1t_buffer *)ctx, e->text.p, e->text.n) : D1T_ERR_JSON;
}

/* Decodes one JSON string into *out, whose bytes are replaced. */
static d1t_result decode(d1t_buffer *out, d1t_str json)
{
    d1t_json_reader r;

    out->n = 0;
    d1t_json_reader_init(&r, keep_string, out, 0);
    d1t_json_reader_feed(&r, json.p, json.n);
    return d1t_json_reader_end(&r);
}

/* Puts the text of b between quotes. */
static void quote(d1t_buffer *b)
{
    CHECK_INT(d1t_buffer_reserve(b, 2), D1T_OK);
    memmove(b->p + 1, b->p, b->n);
    b->p[0] = b->p[b->n + 1] = '"';
    b->n += 2;
}

/* Writes s as a text and as a JSON string and decodes it as often as it was escaped. */
static void check_level(d1t_str s, uint8_t level, unsigned as_string)
{
    d1t_buffer b, t, swap;
    d1t_writer w;
    unsigned rounds;

    d1t_buffer_init(&b, standard, LARGE);
    d1t_buffer_init(&t, standard, LARGE);
    d1t_writer_growing(&w, &b);
    w.level = level;
    if (as_string)
        d1t_write_json_string(&w, s);
    else
        d1t_write(&w, s);
    for (rounds = level + as_string; rounds > 0; rounds--) {
        if (rounds > as_string)
            quote(&b);
        CHECK_INT(decode(&t, d1t_bytes(b.p, b.n)), D1T_OK);
        swap = b;
        b = t;
        t = swap;
    }
    CHECK(b.n == s.n && (s.n == 0 || memcmp(b.p, s.p, s.n) == 0));
    d1t_buffer_free(&b);
    d1t_buffer_free(&t);
}

static void check_levels(d1t_str s)
{
    uint8_t level;

    for (level = 0; level <= 2; level++) {
        check_level(s, level, 0);
        check_level(s, level, 1);
    }
}

static void test_every_character_comes_back_from_every_level(void)
{
    unsigned char text[4];
    uint32_t code;

    for (code = 0; code < 0x110000; code += code < 0x900 ? 1 : 977)
        if (code >> 11 != 0x1b)
            check_levels(d1t_bytes(text, utf8_put(text, code)));
    check_levels(d1t_cstr(""));
}

/* Text is looked at eight bytes at a time: an escape may stand anywhere in them. */
static void test_an_escape_is_found_at_every_place(void)
{
    static const char special[] = "\"\\\n\x1f";
    size_t n, at, i;

    for (n = 1; n <= 20; n++) {
        for (at = 0; at < n; at++) {
            for (i = 0; i < 5; i++) {
                char text[20];

                memset(text, i % 2 ? '\x7f' : ' ', sizeof text);
                text[at] = special[i];
                check_levels(d1t_bytes(text, n));
                text[n - 1] = special[(i + 1) % 5];
                check_levels(d1t_bytes(text, n));
            }
        }
    }
}

static void test_random_texts_come_back_from_every_level(void)
{
    unsigned char text[4 * 64];
    size_t i, k, n;

    for (i = 0; i < 20000; i++) {
        for (k = random_below(64), n = 0; k > 0; k--) {
            const uint64_t v = random64();
            const uint32_t code = (uint32_t)(v >> 32) % (v % 4 ? 0x80u : v % 8 ? 0x800u : 0x10ffffu);

            n += utf8_put(text + n, code >> 11 == 0x1b ? '"' : code);
        }
        check_levels(d1t_bytes(text, n));
    }
}

static void test_a_json_string_escapes_what_it_must_and_nothing_else(void)
{
    static const char *const named = "\b\t\n\f\r", *const letters = "btnfr";
    int c;

    for (c = 0; c < 128; c++) {
        const char in = (char)c, *at = c ? strchr(named, c) : NULL;
        char out[16] = "", expect[16];
        d1t_writer w;

        if (at)
            snprintf(expect, sizeof expect, "\"\\%c\"", letters[at - named]);
        else if (c == '"' || c == '\\')
            snprintf(expect, sizeof expect, "\"\\%c\"", c);
        else
            snprintf(expect, sizeof expect, c < 0x20 ? "\"\\u%04x\"" : "\"%c\"", (unsigned)c);
        d1t_writer_fixed(&w, out, sizeof out - 1);
        d1t_write_json_string(&w, d1t_bytes(&in, 1));
        CHECK_STR(out, expect);
    }
}

static void test_hex_has_two_lower_case_digits_a_byte(void)
{
    unsigned char bytes[300];
    char out[601], expect[601];
    size_t i, n;

    for (i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7);
    for (n = 0; n <= sizeof bytes; n++) {
        d1t_writer w;

        d1t_writer_fixed(&w, out, sizeof out);
        d1t_write_hex(&w, d1t_bytes(bytes, n));
        for (i = 0, expect[0] = 0; i < n; i++)
            sprintf(expect + 2 * i, "%02x", bytes[i]);
        CHECK(w.error == D1T_OK && w.n == 2 * n && memcmp(out, expect, 2 * n) == 0);
    }
}

int main(void)
{
    RUN(test_a_level_0_text_is_what_was_written);
    RUN(test_counting_counts_what_the_others_write);
    RUN(test_a_fixed_sink_of_any_size_keeps_a_beginning_and_says_what_is_needed);
    RUN(test_windows_of_every_size_make_the_whole);
    RUN(test_a_window_behind_the_end_or_of_no_size_is_empty);
    RUN(test_growing_ends_at_the_cap_of_its_buffer);
    RUN(test_growing_appends_to_what_the_buffer_has);
    RUN(test_growing_without_memory_is_an_error_that_sticks);
    RUN(test_the_first_error_sticks_in_every_sink);
    RUN(test_every_character_comes_back_from_every_level);
    RUN(test_an_escape_is_found_at_every_place);
    RUN(test_random_texts_come_back_from_every_level);
    RUN(test_a_json_string_escapes_what_it_must_and_nothing_else);
    RUN(test_hex_has_two_lower_case_digits_a_byte);
    TEST_MAIN_END;
}
