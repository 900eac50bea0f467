/* >>numbers: against the C library. argv[1]: how many random cases of each kind, argv[2]: another seed. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/random.h"
#include "../support/test.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>

static unsigned long cases = 40000u;

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Brings a number's text to the form "digits without outer zeros, e, exponent of the first digit". */
static void normal_form(char *out, const char *text)
{
    char digits[400];
    int n = 0, point = 0, exp10 = 0, i = 0;
    bool seen = false;
    for (; *text != 0 && *text != 'e'; text++) {
        if (*text == '.') {
            seen = true;
        } else if (*text >= '0' && *text <= '9') {
            if (n > 0 || *text != '0') {
                digits[n++] = *text;
                point += seen ? 0 : 1;
            } else if (seen) {
                point--;
            }
        }
    }
    if (*text == 'e') {
        exp10 = atoi(text + 1);
    }
    while (n > 0 && digits[n - 1] == '0') {
        n--;
    }
    for (i = 0; i < n; i++) {
        *out++ = digits[i];
    }
    sprintf(out, "e%d", n == 0 ? 0 : point + exp10 - 1);
}

static bool is_json_real(const char *text)
{
    double v;
    return d1t_parse_double(d1t_cstr(text), &v) && strpbrk(text, ".e") != NULL;
}

static void check_double(double v)
{
    char mine[64], theirs[64], a[64], b[64];
    double back = 0.0;
    const size_t n = d1t_format_double(mine, v);
    mine[n < 32u ? n : 0u] = 0;
    sprintf(theirs, "%.15g", v);
    if (bits_of(strtod(theirs, NULL)) != bits_of(v)) {
        sprintf(theirs, "%.17g", v);
    }
    normal_form(a, mine);
    normal_form(b, theirs);
    if (n == 0u || n > 24u || strcmp(a, b) != 0 || !is_json_real(mine) || bits_of(strtod(mine, NULL)) != bits_of(v)
        || !d1t_parse_double(d1t_cstr(mine), &back) || bits_of(back) != bits_of(v)) {
        printf("%s for %s\n", mine, theirs);
        CHECK(false);
    }
}

static void check_text(const char *text)
{
    double v = 0.0;

    if (!d1t_parse_double(d1t_cstr(text), &v) || bits_of(v) != bits_of(strtod(text, NULL))) {
        printf("%s is read as %.17g, not as strtod does\n", text, v);
        CHECK(false);
    }
}

static void test_integers_are_written_as_by_printf(void)
{
    unsigned long i;
    for (i = 0; i < cases + 130u; i++) {
        char mine[32], theirs[32];
        uint64_t v = i < 65u ? ((uint64_t)1 << (i & 63u)) : i < 130u ? ((uint64_t)1 << (i % 64u)) - 1u : random64();
        v >>= i < 130u ? 0 : (random64() & 63u);
        mine[d1t_format_uint(mine, v)] = 0;
        sprintf(theirs, "%" PRIu64, v);
        CHECK(strcmp(mine, theirs) == 0);
        mine[d1t_format_int(mine, (int64_t)v)] = 0;
        sprintf(theirs, "%" PRId64, (int64_t)v);
        CHECK(strcmp(mine, theirs) == 0);
        {
            int64_t back = 0;
            CHECK(d1t_parse_int(d1t_cstr(mine), &back) && back == (int64_t)v);
        }
    }
}

static void test_powers_of_ten_have_their_length(void)
{
    uint64_t v = 1u;
    size_t n;
    for (n = 1u; n <= 20u; n++) {
        char out[32];
        CHECK(d1t_format_uint(out, v) == n);
        CHECK(n == 1u || d1t_format_uint(out, v - 1u) == n - 1u);
        v *= 10u;
    }
}

static void test_parse_int_takes_nothing_but_an_int64(void)
{
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1.0", "1e3", "--1", "0x1", "9223372036854775808",
        "-9223372036854775809", "18446744073709551616", "99999999999999999999999", "-99999999999999999999999", "1-"};
    size_t i;
    int64_t v = 42;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!d1t_parse_int(d1t_cstr(bad[i]), &v) && v == 42);
    }
    CHECK(d1t_parse_int(d1t_cstr("9223372036854775807"), &v) && v == INT64_MAX);
    CHECK(d1t_parse_int(d1t_cstr("-9223372036854775808"), &v) && v == INT64_MIN);
    CHECK(d1t_parse_int(d1t_cstr("-0"), &v) && v == 0);
    CHECK(d1t_parse_int(d1t_cstr("000000000000000000000000000012"), &v) && v == 12);
}

static void test_special_doubles_have_their_text(void)
{
    static const struct {
        double v;
        const char *text;
    } table[] = {{0.0, "0.0"}, {-0.0, "-0.0"}, {7.0, "7.0"}, {-7.0, "-7.0"}, {21.37, "21.37"}, {1e22, "1e+22"},
        {1e16, "10000000000000000.0"}, {1e17, "1e+17"}, {9007199254740991.0, "9007199254740991.0"},
        {0.1, "0.1"}, {0.001, "0.001"}, {0.0001, "0.0001"}, {0.00001, "1e-5"}, {1.5e-7, "1.5e-7"},
        {5e-324, "4.94065645841247e-324"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
        {0.30000000000000004, "0.30000000000000004"}, {100.0, "100.0"}, {120.5, "120.5"},
        {1e23, "1e+23"}, {9.999999999999997e22, "9.9999999999999975e+22"}};
    size_t i;
    char out[32];
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        out[d1t_format_double(out, table[i].v)] = 0;
        if (strcmp(out, table[i].text) != 0) {
            printf("%s, not %s\n", out, table[i].text);
        }
        CHECK(strcmp(out, table[i].text) == 0);
    }
    CHECK(d1t_format_double(out, double_of((uint64_t)0x7ff << 52)) == 5u && memcmp(out, "9e999", 5u) == 0);
    CHECK(d1t_format_double(out, double_of((uint64_t)0xfff << 52)) == 6u && memcmp(out, "-9e999", 6u) == 0);
    CHECK(d1t_format_double(out, double_of(((uint64_t)0x7ff << 52) + 1u)) == 0u);
    CHECK(d1t_format_double(out, double_of(UINT64_MAX)) == 0u);
}

static void test_doubles_at_the_powers_have_the_digits_of_printf(void)
{
    int i, j;
    for (i = 0; i < 2047; i++) {
        for (j = -3; j <= 3; j++) {
            const uint64_t bits = ((uint64_t)i << 52) + (uint64_t)(int64_t)j;
            if (i > 0 || j >= 0) {
                check_double(double_of(bits));
            }
        }
    }
    check_double(double_of(((uint64_t)0x7ff << 52) - 1u));
    for (i = -330; i <= 308; i++) {
        char text[32];
        uint64_t bits;
        sprintf(text, "1e%d", i);
        bits = bits_of(strtod(text, NULL));
        for (j = -20; j <= 20; j++) {
            if (bits + 20u > 40u) {
                check_double(double_of(bits + (uint64_t)(int64_t)j));
            }
        }
    }
}

static void test_random_doubles_have_the_digits_of_printf(void)
{
    unsigned long i;
    for (i = 0; i < cases; i++) {
        const uint64_t bits = random64();
        if ((bits >> 52 & 0x7ffu) != 0x7ffu) {
            check_double(double_of(bits));
        }
        if (i % 8u == 0u) {
            check_double(double_of(random64() >> (12u + (random64() & 51u)))); /* subnormals */
        }
    }
}

static void test_everyday_doubles_have_the_digits_of_printf(void)
{
    static const double power[] = {1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6, 1e9, 1e12, 1e15, 1e18, 1e20};
    unsigned long i;
    for (i = 0; i < cases; i++) {
        const double n = (double)(int64_t)(random64() >> (random64() & 63u));
        const double p = power[random64() % 12u];
        check_double(n);
        check_double(n / p);
        check_double(n / p / 3.0);
        check_double(n * p);
    }
}

static void test_parse_double_takes_only_json_numbers(void)
{
    static const char *const bad[] = {"", "-", "+1", "01", "-01", "00", ".5", "5.", "1.e5", "1e", "1e+", "1e-", "e5",
        " 1", "1 ", "1x", "0x10", "inf", "Infinity", "nan", "NaN", "-inf", "1e5.0", "1..2", "1,5", "--1", "1.-5", "-.5",
        "1e++5", "1_0", "0e", "-e1", "1.5.5"};
    static const char *const good[] = {"0", "-0", "0.0", "-0.0", "0e0", "0E-999999999999999999999", "0e99999999999999",
        "1", "-1", "1.5", "1e5", "1E+5", "1e-5", "9e999", "-9e999", "1e-999", "-1e-999",
        "123456789012345678901234567890",
        "0.4e00669999999999999999999999999999999999999999999999999999999", "2.4703282292062327e-324", "1e309",
        "1.7976931348623158e308", "1.7976931348623159e308", "2.2250738585072011e-308", "2.2250738585072012e-308",
        "9007199254740993", "9007199254740992.99999999999999999999", "9007199254740993.00000000000000000000000000001",
        "5e-324", "2e-324", "3e-324", "1e23", "8.5e22", "0.000000000000000000000000000000000000000000001e45", "10e-1",
        "6.631236846766476e-316", "3.2378839133029012895883524125015321748630094982426e-319",
        "9223372036854775807", "18446744073709551615", "18446744073709551616", "9999999999999999999",
        "99999999999999999999",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "1.000000000000000111022302462515654042363166809082031250",
        "2.22507385850720113605740979670913197593481954635164564e-308"};
    size_t i;
    double v = 42.0;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!d1t_parse_double(d1t_cstr(bad[i]), &v) && bits_of(v) == bits_of(42.0));
    }
    for (i = 0; i < sizeof good / sizeof *good; i++) {
        check_text(good[i]);
    }
}

static void test_zeros_and_exponent_may_cancel_out_over_any_length(void)
{
    const size_t n = 200000u;
    char *text = (char *)malloc(n + 40u);
    double v = 0.0;
    memset(text, '0', n);
    text[1] = '.';
    strcpy(text + n, "125e200000");
    CHECK(d1t_parse_double(d1t_cstr(text), &v) && bits_of(v) == bits_of(strtod(text, NULL)));
    memset(text, '0', n);
    text[0] = '1';
    strcpy(text + n, "e-200000");
    CHECK(d1t_parse_double(d1t_cstr(text), &v) && bits_of(v) == bits_of(strtod(text, NULL)));
    free(text);
}

static char *put_random_digits(char *p, unsigned n)
{
    for (; n > 0u; n--) {
        *p++ = (char)('0' + (int)(random64() % 10u));
    }
    return p;
}

static void test_random_texts_read_as_by_strtod(void)
{
    unsigned long i;
    char text[1000];
    for (i = 0; i < cases; i++) {
        char *p = text;
        const unsigned kind = (unsigned)(random64() % 8u);
        const unsigned most = kind == 0u ? 400u : kind < 3u ? 40u : 20u;
        if ((random64() & 1u) != 0u) {
            *p++ = '-';
        }
        *p++ = (char)('1' + (int)(random64() % 9u));
        p = put_random_digits(p, (unsigned)(random64() % most));
        if ((random64() & 3u) != 0u) {
            *p++ = '.';
            p = put_random_digits(p, 1u + (unsigned)(random64() % most));
        }
        if ((random64() & 3u) != 0u) {
            const int range = kind < 6u ? 700 : 50;
            p += sprintf(p, "e%d", (int)(random64() % (unsigned)range) - range / 2 - (kind == 1u ? 30 : 0));
        }
        *p = 0;
        check_text(text);
    }
}

/* Any positive double but the largest: subnormal, everyday, with a round mantissa. */
static uint64_t some_double(unsigned kind)
{
    const uint64_t bits = random64() >> 1;

    if (kind == 0u)
        return bits >> (11u + random64() % 50u);
    if (kind == 1u)
        return bits_of((double)(random64() >> (random64() & 31u)) / 1024.0);
    return kind == 2u ? bits & ~(uint64_t)0 << 51 : bits;
}

/* Exactly the middle, just above, just below, and cut off somewhere. */
static void check_around(const char *text)
{
    const char *e = strchr(text, 'e');
    size_t n = (size_t)(e - text);
    char other[1300];

    memcpy(other, text, n);
    while (n > 3u && other[n - 1u] == '0')
        n--;
    strcpy(other + n, e);
    check_text(other);
    sprintf(other + n, "0000000001%s", e);
    check_text(other);
    if (other[n - 1u] > '0') {
        other[n - 1u]--;
        sprintf(other + n, "99999%s", e);
        check_text(other);
    }
    n = 2u + (size_t)(random64() % (n - 1u));
    sprintf(other + n, "%s%s", n == 2u ? "0" : "", e);
    check_text(other);
}

/* The middle between a double and the next is exact in a long double of 64 bits; so are its printed digits. */
static void test_halfway_texts_read_as_by_strtod(void)
{
    unsigned long i;
    char text[1300];

    for (i = 0; i < cases / 8u; i++) {
        const uint64_t bits = some_double((unsigned)(random64() % 6u));
        long double middle;

        if (bits >> 52 >= 0x7feu)
            continue;
        middle = ((long double)double_of(bits) + (long double)double_of(bits + 1u)) / 2.0L;
        sprintf(text, "%.*Le", 800, middle);
        check_text(text);
        check_around(text);
        if (middle > 1e-60L) {
            sprintf(text, middle < 1e60L ? "%.300Lf" : "%.0Lf", middle);
            check_text(text);
        }
    }
}

/* 2^1024 - 2^970 is the middle between the largest double and infinity; one less makes the difference. */
static void test_the_largest_double_ends_where_it_should(void)
{
    char text[] = "179769313486231580793728971405303415079934132710037826936173778980444968292764"
                  "750946649017977587207096330286416692887910946555547851940402630657488671505820"
                  "681908902000708383676273854845817711531764475730270069855571366959622842914819"
                  "860834936475292719074168444365510704342711559699508093042880177904174497792";
    double v = 0.0;

    CHECK(d1t_parse_double(d1t_cstr(text), &v) && v > DBL_MAX);
    text[strlen(text) - 1] = '1';
    CHECK(d1t_parse_double(d1t_cstr(text), &v) && bits_of(v) == bits_of(DBL_MAX));
}

int main(int argc, char **argv)
{
    if (argc > 1)
        cases = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        random_state ^= strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15u + 1u;
    RUN(test_integers_are_written_as_by_printf);
    RUN(test_powers_of_ten_have_their_length);
    RUN(test_parse_int_takes_nothing_but_an_int64);
    RUN(test_special_doubles_have_their_text);
    RUN(test_doubles_at_the_powers_have_the_digits_of_printf);
    RUN(test_random_doubles_have_the_digits_of_printf);
    RUN(test_everyday_doubles_have_the_digits_of_printf);
    RUN(test_parse_double_takes_only_json_numbers);
    RUN(test_zeros_and_exponent_may_cancel_out_over_any_length);
    RUN(test_random_texts_read_as_by_strtod);
    RUN(test_halfway_texts_read_as_by_strtod);
    RUN(test_the_largest_double_ends_where_it_should);
    TEST_MAIN_END;
}
