/* >>values: what the constructors make, and which values a column takes. Nothing is sent here. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"

#include <float.h>

static void test_scalars_keep_their_value(void)
{
    static const double doubles[] = {0.0, -0.0, 1.5, DBL_MAX, DBL_MIN, 5e-324, -1e300};
    size_t i;

    CHECK(d1t_absent().kind == D1T_KIND_ABSENT && d1t_null().kind == D1T_KIND_NULL);
    CHECK(d1t_bool(true).kind == D1T_KIND_BOOL && d1t_bool(true).u.i == 1 && d1t_bool(false).u.i == 0);
    CHECK(d1t_int(INT64_MIN).kind == D1T_KIND_INT && d1t_int(INT64_MIN).u.i == INT64_MIN);
    CHECK(d1t_int(INT64_MAX).u.i == INT64_MAX && d1t_int(0).u.i == 0);
    for (i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        const d1t_value v = d1t_double(doubles[i]);

        CHECK(v.kind == D1T_KIND_DOUBLE && memcmp(&v.u.d, &doubles[i], sizeof v.u.d) == 0);
    }
}

static void test_a_zeroed_value_is_absent_and_no_null(void)
{
    static const d1t_value zero;

    CHECK_INT(zero.kind, D1T_KIND_ABSENT);
    CHECK(D1T_KIND_ABSENT != D1T_KIND_NULL);
}

static void check_view(d1t_value v, d1t_kind kind, const void *p, size_t n)
{
    CHECK_INT(v.kind, kind);
    CHECK(v.u.s.p == (const char *)p && v.u.s.n == n);
}

static void test_texts_and_bytes_are_views_of_the_callers(void)
{
    static const char text[] = "a\0b";
    static const uint8_t uuid[16] = {1, 2, 3};
    static const float floats[3] = {0.5f, 1.0f, -2.0f};

    check_view(d1t_text(text), D1T_KIND_TEXT, text, 1);
    check_view(d1t_text(text + 3), D1T_KIND_TEXT, text + 3, 0);
    check_view(d1t_text_n(text, 3), D1T_KIND_TEXT, text, 3);
    check_view(d1t_text_n(text, 0), D1T_KIND_TEXT, text, 0);
    check_view(d1t_blob(text, 3), D1T_KIND_BLOB, text, 3);
    check_view(d1t_json(text, 2), D1T_KIND_JSON, text, 2);
    check_view(d1t_uuid(uuid), D1T_KIND_UUID, uuid, 16);
    check_view(d1t_vector(floats, 3), D1T_KIND_VECTOR, floats, 12);
    check_view(d1t_vector(floats, 0), D1T_KIND_VECTOR, floats, 0);
    CHECK_INT(d1t_text(NULL).kind, D1T_KIND_NULL);
    check_view(d1t_text_n(NULL, 0), D1T_KIND_TEXT, NULL, 0);
    check_view(d1t_blob(NULL, 0), D1T_KIND_BLOB, NULL, 0);
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap);
}

/* Counting day by day from 0000-01-01, which is day -719528. */
static void test_every_day_of_ten_thousand_years_has_its_number(void)
{
    int64_t number = -719528;
    int year, month, day;
    unsigned long wrong = 0;

    for (year = 0; year <= 9999; year++)
        for (month = 1; month <= 12; month++)
            for (day = 1; day <= days_of(year, month); day++, number++) {
                const d1t_value v = d1t_date(year, month, day);

                wrong += v.kind != D1T_KIND_DATE || v.u.i != number;
            }
    CHECK_INT(wrong, 0);
    CHECK_INT(number, 2932897);
    CHECK_INT(d1t_date(1970, 1, 1).u.i, 0);
    CHECK_INT(d1t_date(2000, 2, 29).u.i, 11016);
}

static void test_times_and_timestamps_are_microseconds(void)
{
    d1t_value v = d1t_time(23, 59, 59, 999999);

    CHECK(v.kind == D1T_KIND_TIME && v.u.i == INT64_C(86399999999));
    CHECK_INT(d1t_time(0, 0, 0, 0).u.i, 0);
    CHECK_INT(d1t_time(1, 2, 3, 4).u.i, INT64_C(3723000004));
    v = d1t_timestamp(INT64_C(-62167219200000000));
    CHECK(v.kind == D1T_KIND_TIMESTAMP && v.u.i == INT64_C(-62167219200000000));
    v = d1t_timestamptz(1, -330);
    CHECK(v.kind == D1T_KIND_TIMESTAMPTZ && v.u.i == 1 && v.offset == -330);
}

static const d1t_column columns[] = {
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("date", D1T_DATE, 0),
    D1T_COLUMN("time", D1T_TIME, 0),
    D1T_COLUMN("local", D1T_TIMESTAMP, 0),
    D1T_COLUMN("zoned", D1T_TIMESTAMPTZ, 0),
};
static const d1t_table table = D1T_TABLE("moments", columns);
static const d1t_table *const tables[] = {&table};

/* Offers a row with v in its column to a client that never sends. */
static void check_column(d1t_value v, size_t column, bool taken, int line)
{
    d1t_value row[5];
    d1t_config config;
    d1t_client db;
    d1t_todo todo;
    d1t_result result;
    size_t i;

    memset(&config, 0, sizeof config);
    config.database_url = "https://example.com/d1/database/x";
    config.token = "token";
    config.setup = D1T_SETUP_TRUST;
    config.driven = true;
    CHECK_INT(d1t_open(&db, &config), D1T_OK);
    CHECK_INT(d1t_setup_start(&db, tables, 1), D1T_OK);
    CHECK_INT(d1t_next(&db, 1, &todo), D1T_DONE);
    for (i = 0; i < 5; i++)
        row[i] = d1t_null();
    row[0] = d1t_int(1);
    row[column] = v;
    result = d1t_upsert(&db, &table, row, 5);
    test_int(result, taken ? D1T_OK : D1T_ERR_VALUE, __FILE__, line, "d1t_upsert");
    if (!taken) {
        CHECK_STR(db.error.table, "moments");
        CHECK_STR(db.error.column, columns[column].name);
        CHECK_INT(db.error.row, 1);
        CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
    }
    d1t_clear(&db, D1T_DROP_ROWS);
    d1t_close(&db);
}

#define TAKEN(v, column) check_column(v, column, true, __LINE__)
#define REFUSED(v, column) check_column(v, column, false, __LINE__)

static void test_days_that_do_not_exist_are_refused(void)
{
    int year, month;

    for (year = 1896; year <= 1904; year++) {
        for (month = 1; month <= 12; month++) {
            TAKEN(d1t_date(year, month, days_of(year, month)), 1);
            REFUSED(d1t_date(year, month, days_of(year, month) + 1), 1);
            REFUSED(d1t_date(year, month, 0), 1);
        }
    }
    TAKEN(d1t_date(2000, 2, 29), 1);
    TAKEN(d1t_date(0, 1, 1), 1);
    TAKEN(d1t_date(9999, 12, 31), 1);
    REFUSED(d1t_date(2100, 2, 29), 1);
    REFUSED(d1t_date(-1, 12, 31), 1);
    REFUSED(d1t_date(10000, 1, 1), 1);
    REFUSED(d1t_date(2000, 0, 1), 1);
    REFUSED(d1t_date(2000, 13, 1), 1);
    REFUSED(d1t_date(INT32_MAX, INT32_MAX, INT32_MAX), 1);
    REFUSED(d1t_date(INT32_MIN, INT32_MIN, INT32_MIN), 1);
    REFUSED(d1t_date(2000, 1, INT32_MIN), 1);
}

static void test_times_that_do_not_exist_are_refused(void)
{
    TAKEN(d1t_time(0, 0, 0, 0), 2);
    TAKEN(d1t_time(23, 59, 59, 999999), 2);
    REFUSED(d1t_time(24, 0, 0, 0), 2);
    REFUSED(d1t_time(0, 60, 0, 0), 2);
    REFUSED(d1t_time(0, 0, 60, 0), 2);
    REFUSED(d1t_time(0, 0, 0, 1000000), 2);
    REFUSED(d1t_time(-1, 0, 0, 0), 2);
    REFUSED(d1t_time(1, -1, 0, 0), 2);
    REFUSED(d1t_time(1, 0, -1, 0), 2);
    REFUSED(d1t_time(1, 0, 0, -1), 2);
    REFUSED(d1t_time(INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX), 2);
    REFUSED(d1t_time(INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN), 2);
}

/* The text of a timestamp has four digits for the year: 0000 to 9999. */
static void test_timestamps_beyond_four_digits_are_refused(void)
{
    const int64_t first = INT64_C(-62167219200000000), last = INT64_C(253402300799999999);

    TAKEN(d1t_timestamp(first), 3);
    TAKEN(d1t_timestamp(last), 3);
    REFUSED(d1t_timestamp(first - 1), 3);
    REFUSED(d1t_timestamp(last + 1), 3);
    REFUSED(d1t_timestamp(INT64_MIN), 3);
    REFUSED(d1t_timestamp(INT64_MIN + 1), 3);
    REFUSED(d1t_timestamp(INT64_MAX), 3);
    TAKEN(d1t_timestamptz(first, 0), 4);
    TAKEN(d1t_timestamptz(last, 0), 4);
    REFUSED(d1t_timestamptz(first - 1, 0), 4);
    REFUSED(d1t_timestamptz(last + 1, 0), 4);
    REFUSED(d1t_timestamptz(last, 1), 4);
    REFUSED(d1t_timestamptz(first, -1), 4);
    REFUSED(d1t_timestamptz(INT64_MIN, 0), 4);
    REFUSED(d1t_timestamptz(INT64_MAX, -1439), 4);
}

static void test_offsets_are_less_than_a_day(void)
{
    TAKEN(d1t_timestamptz(0, 1439), 4);
    TAKEN(d1t_timestamptz(0, -1439), 4);
    REFUSED(d1t_timestamptz(0, 1440), 4);
    REFUSED(d1t_timestamptz(0, -1440), 4);
    REFUSED(d1t_timestamptz(0, INT32_MAX), 4);
    REFUSED(d1t_timestamptz(0, INT32_MIN), 4);
}

/* ---- members of structs */

typedef struct thing {
    bool yes;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    float f;
    double d;
    const char *string;
    char chars[4];
    d1t_str text;
    uint8_t bytes[16];
    d1t_value value;
} thing;

static thing one(void)
{
    thing t;

    memset(&t, 0, sizeof t);
    t.yes = true;
    t.i8 = -8;
    t.i16 = -1600;
    t.i32 = INT32_MIN;
    t.i64 = INT64_MIN;
    t.u8 = 200;
    t.u32 = UINT32_MAX;
    t.u64 = INT64_MAX;
    t.f = 0.5f;
    t.d = 1e300;
    t.string = "a string";
    memcpy(t.chars, "abcd", 4);
    t.text = d1t_bytes("te\0xt", 5);
    memset(t.bytes, 7, 16);
    t.value = d1t_int(12);
    return t;
}

#define AS(member, kind) member_of(&t, &(const d1t_member)D1T_MEMBER(thing, member, kind))

static d1t_value member_of(const thing *t, const d1t_member *m)
{
    return d1t_member_value(m, t);
}

static void test_numbers_of_a_struct_keep_their_value(void)
{
    thing t = one();

    CHECK_INT(AS(yes, D1T_AS_BOOL).kind, D1T_KIND_BOOL);
    CHECK_INT(AS(yes, D1T_AS_BOOL).u.i, 1);
    CHECK_INT(AS(i8, D1T_AS_INT).u.i, -8);
    CHECK_INT(AS(i16, D1T_AS_INT).u.i, -1600);
    CHECK_INT(AS(i32, D1T_AS_INT).u.i, INT32_MIN);
    CHECK_INT(AS(i64, D1T_AS_INT).u.i, INT64_MIN);
    CHECK_INT(AS(u8, D1T_AS_UINT).u.i, 200);
    CHECK_INT(AS(u32, D1T_AS_UINT).u.i, UINT32_MAX);
    CHECK_INT(AS(u64, D1T_AS_UINT).u.i, INT64_MAX);
    CHECK_INT(AS(i32, D1T_AS_DATE).kind, D1T_KIND_DATE);
    CHECK_INT(AS(i64, D1T_AS_TIMESTAMPTZ).kind, D1T_KIND_TIMESTAMPTZ);
    CHECK(AS(f, D1T_AS_FLOAT).u.d == 0.5);
    CHECK(AS(d, D1T_AS_FLOAT).u.d == 1e300);
}

static void test_texts_and_bytes_of_a_struct_are_views(void)
{
    thing t = one();

    CHECK(AS(string, D1T_AS_STRING).u.s.p == t.string);
    CHECK_INT(AS(string, D1T_AS_STRING).u.s.n, 8);
    CHECK_INT(AS(chars, D1T_AS_CHARS).u.s.n, 4);
    CHECK(AS(chars, D1T_AS_CHARS).u.s.p == t.chars);
    t.chars[2] = 0;
    CHECK_INT(AS(chars, D1T_AS_CHARS).u.s.n, 2);
    CHECK_INT(AS(text, D1T_AS_TEXT).kind, D1T_KIND_TEXT);
    CHECK_INT(AS(text, D1T_AS_BLOB).kind, D1T_KIND_BLOB);
    CHECK_INT(AS(text, D1T_AS_JSON).u.s.n, 5);
    CHECK_INT(AS(bytes, D1T_AS_UUID).kind, D1T_KIND_UUID);
    CHECK_INT(AS(bytes, D1T_AS_BYTES).u.s.n, 16);
    CHECK_INT(AS(value, D1T_AS_VALUE).u.i, 12);
    t.string = NULL;
    t.text = d1t_bytes(NULL, 0);
    CHECK_INT(AS(string, D1T_AS_STRING).kind, D1T_KIND_NULL);
    CHECK_INT(AS(text, D1T_AS_BLOB).kind, D1T_KIND_NULL);
}

static void test_a_member_that_does_not_fit_its_kind_is_refused_by_every_column(void)
{
    thing t = one();
    d1t_value bad[6];
    size_t i, kind;

    t.u64 = UINT64_MAX;
    bad[0] = AS(u64, D1T_AS_UINT);
    bad[1] = AS(bytes, D1T_AS_INT);
    bad[2] = AS(i16, D1T_AS_FLOAT);
    bad[3] = AS(i32, D1T_AS_TEXT);
    bad[4] = AS(i64, D1T_AS_UUID);
    bad[5] = AS(i64, 0);
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        for (kind = D1T_KIND_ABSENT; kind <= D1T_KIND_VECTOR; kind++) CHECK(bad[i].kind != (d1t_kind)kind);
}

int main(void)
{
    RUN(test_scalars_keep_their_value);
    RUN(test_a_zeroed_value_is_absent_and_no_null);
    RUN(test_texts_and_bytes_are_views_of_the_callers);
    RUN(test_every_day_of_ten_thousand_years_has_its_number);
    RUN(test_times_and_timestamps_are_microseconds);
    RUN(test_days_that_do_not_exist_are_refused);
    RUN(test_times_that_do_not_exist_are_refused);
    RUN(test_timestamps_beyond_four_digits_are_refused);
    RUN(test_offsets_are_less_than_a_day);
    RUN(test_numbers_of_a_struct_keep_their_value);
    RUN(test_texts_and_bytes_of_a_struct_are_views);
    RUN(test_a_member_that_does_not_fit_its_kind_is_refused_by_every_column);
    TEST_MAIN_END;
}
