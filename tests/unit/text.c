/* >>text: views, comparison, UTF-8 against a second decoder. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"
#include "../support/utf8.h"

#include <sqlite3.h>
#include <stdlib.h>

/* Reads a copy that ends where the text does, so that a sanitizer sees any byte read beyond it. */
static size_t valid(const void *p, size_t n)
{
    char *copy = (char *)malloc(n ? n : 1);
    size_t result;

    memcpy(copy, p, n);
    result = d1t_utf8_valid(d1t_bytes(copy, n));
    free(copy);
    return result;
}

static void test_views_own_nothing_and_need_no_end(void)
{
    static const char text[] = "a\0b";

    CHECK(d1t_cstr(NULL).p == NULL && d1t_cstr(NULL).n == 0);
    CHECK(d1t_cstr(text).p == text && d1t_cstr(text).n == 1);
    CHECK(d1t_cstr("").p != NULL && d1t_cstr("").n == 0);
    CHECK(d1t_bytes(text, 3).p == text && d1t_bytes(text, 3).n == 3);
}

static void test_equal_means_the_same_bytes(void)
{
    CHECK(d1t_str_equal(d1t_cstr("abc"), d1t_cstr("abc")));
    CHECK(d1t_str_equal(d1t_cstr(NULL), d1t_cstr("")));
    CHECK(d1t_str_equal(d1t_bytes("a\0b", 3), d1t_bytes("a\0b", 3)));
    CHECK(!d1t_str_equal(d1t_bytes("a\0b", 3), d1t_bytes("a\0c", 3)));
    CHECK(!d1t_str_equal(d1t_cstr("abc"), d1t_cstr("abd")));
    CHECK(!d1t_str_equal(d1t_cstr("abc"), d1t_cstr("ab")));
    CHECK(!d1t_str_equal(d1t_cstr("abc"), d1t_cstr("Abc")));
}

static void test_names_are_equal_as_in_sqlite(void)
{
    int a, b;

    for (a = 1; a < 256; a++) {
        for (b = 1; b < 256; b++) {
            const char x[3] = {'k', (char)a, 0}, y[3] = {'K', (char)b, 0};

            CHECK_INT(d1t_str_equal_nocase(d1t_cstr(x), d1t_cstr(y)), sqlite3_stricmp(x, y) == 0);
        }
    }
    CHECK(!d1t_str_equal_nocase(d1t_cstr("abc"), d1t_cstr("ABCD")));
    CHECK(!d1t_str_equal_nocase(d1t_bytes("a\0b", 3), d1t_bytes("A\0c", 3)));
    CHECK(!d1t_str_equal_nocase(d1t_cstr("\xc3\xa4"), d1t_cstr("\xc3\x84")));
    CHECK(d1t_str_equal_nocase(d1t_cstr(NULL), d1t_cstr("")));
}

static void test_every_sequence_of_up_to_three_bytes_is_judged_as_by_definition(void)
{
    unsigned char text[3];
    uint32_t v;
    size_t n;
    unsigned long wrong = 0;

    for (n = 1; n <= 3; n++) {
        for (v = 0; v < (uint32_t)1 << (8 * n); v++) {
            text[0] = (unsigned char)v;
            text[1] = (unsigned char)(v >> 8);
            text[2] = (unsigned char)(v >> 16);
            wrong += d1t_utf8_valid(d1t_bytes(text, n)) != utf8_prefix(text, n);
        }
    }
    CHECK_INT(wrong, 0);
}

static void test_four_bytes_are_judged_as_by_definition(void)
{
    static const unsigned char edge[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff};
    unsigned char text[4];
    unsigned a, b;
    size_t c, d;

    for (a = 0x80; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            for (c = 0; c < sizeof edge; c++) {
                for (d = 0; d < sizeof edge; d++) {
                    text[0] = (unsigned char)a;
                    text[1] = (unsigned char)b;
                    text[2] = edge[c];
                    text[3] = edge[d];
                    CHECK(d1t_utf8_valid(d1t_bytes(text, 4)) == utf8_prefix(text, 4));
                }
            }
        }
    }
}

static void test_every_character_is_taken_and_no_surrogate(void)
{
    unsigned char text[4];
    uint32_t code;

    for (code = 0; code <= 0x10ffff; code++) {
        const size_t n = utf8_put(text, code);
        const int surrogate = code >= 0xd800 && code <= 0xdfff;

        CHECK(d1t_utf8_valid(d1t_bytes(text, n)) == (surrogate ? 0 : n));
    }
}

static void test_the_prefix_ends_before_the_first_bad_character(void)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z\xc3\xa4";
    static const size_t starts[] = {0, 1, 3, 6, 10, 11, 13};
    size_t n, i, expect = 0;
    char copy[sizeof text];

    for (n = 0; n < sizeof text; n++) {
        for (i = 0; i < sizeof starts / sizeof *starts; i++)
            if (starts[i] <= n)
                expect = starts[i];
        CHECK_INT(valid(text, n), expect);
        memcpy(copy, text, sizeof text);
        copy[n] = (char)0xff;
        CHECK_INT(valid(copy, sizeof text), expect);
    }
    CHECK_INT(d1t_utf8_valid(d1t_cstr(NULL)), 0);
    CHECK_INT(valid("a\0b", 3), 3);
}

int main(void)
{
    RUN(test_views_own_nothing_and_need_no_end);
    RUN(test_equal_means_the_same_bytes);
    RUN(test_names_are_equal_as_in_sqlite);
    RUN(test_every_sequence_of_up_to_three_bytes_is_judged_as_by_definition);
    RUN(test_four_bytes_are_judged_as_by_definition);
    RUN(test_every_character_is_taken_and_no_surrogate);
    RUN(test_the_prefix_ends_before_the_first_bad_character);
    TEST_MAIN_END;
}
