/* >>results: codes, their names and texts. */
#define D1T_NO_CURL
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"

/* Programs store these numbers: a value never changes, new ones are appended. */
static const struct {
    const char *name;
    int value;
} frozen[] = {
    {"D1T_OK", 0}, {"D1T_EOF", 1}, {"D1T_FULL", 2},
    {"D1T_ERR_ARG", -1}, {"D1T_ERR_NOMEM", -2}, {"D1T_ERR_SPACE", -3}, {"D1T_ERR_LIMIT", -4}, {"D1T_ERR_BUSY", -5},
    {"D1T_ERR_STATE", -6}, {"D1T_ERR_CONFIG", -7}, {"D1T_ERR_VERSION", -8}, {"D1T_ERR_UTF8", -9},
    {"D1T_ERR_NAME", -10}, {"D1T_ERR_TABLE", -11}, {"D1T_ERR_VALUE", -12}, {"D1T_ERR_JSON", -13},
    {"D1T_ERR_DEPTH", -14}, {"D1T_ERR_TOO_BIG", -15}, {"D1T_ERR_INEXACT", -16}, {"D1T_ERR_CANCELED", -17},
    {"D1T_ERR_CONNECT", -18}, {"D1T_ERR_TLS", -19}, {"D1T_ERR_TRANSPORT", -20}, {"D1T_ERR_TIMEOUT", -21},
    {"D1T_ERR_HTTP", -22}, {"D1T_ERR_PROTOCOL", -23}, {"D1T_ERR_AUTH", -24}, {"D1T_ERR_NOT_FOUND", -25},
    {"D1T_ERR_SQL", -26}, {"D1T_ERR_CONSTRAINT", -27}, {"D1T_ERR_PRECONDITION", -28}, {"D1T_ERR_THROTTLED", -29},
    {"D1T_ERR_OVERLOADED", -30}, {"D1T_ERR_RESET", -31}, {"D1T_ERR_SERVER", -32}, {"D1T_ERR_TOO_HEAVY", -33},
    {"D1T_ERR_DB_FULL", -34}, {"D1T_ERR_QUOTA", -35}, {"D1T_ERR_SCHEMA", -36}, {"D1T_ERR_UNSUPPORTED", -37}
};

#define IN_THE_LIST(code, number, text) {code, number, #code, text},
static const struct {
    d1t_result code;
    int number;
    const char *name, *text;
} list[] = {D1T_RESULTS(IN_THE_LIST)};

enum { COUNT = sizeof list / sizeof *list, FROZEN = sizeof frozen / sizeof *frozen };

static void test_values_never_change(void)
{
    size_t i;

    CHECK(COUNT >= FROZEN);
    for (i = 0; i < FROZEN; i++) {
        CHECK_STR(d1t_result_name((d1t_result)frozen[i].value), frozen[i].name);
        CHECK_INT(list[i].number, frozen[i].value);
    }
}

static void test_each_code_has_its_name_and_one_line_of_text(void)
{
    size_t i, k;

    for (i = 0; i < COUNT; i++) {
        CHECK_INT(list[i].code, list[i].number);
        CHECK_STR(d1t_result_name(list[i].code), list[i].name);
        CHECK_STR(d1t_result_text(list[i].code), list[i].text);
        CHECK(list[i].text[0] != 0 && strpbrk(list[i].text, "\r\n") == NULL);
        for (k = 0; k < i; k++)
            CHECK(list[i].number != list[k].number && strcmp(list[i].text, list[k].text) != 0);
    }
}

static void test_errors_are_negative_and_only_they(void)
{
    size_t i;

    for (i = 0; i < COUNT; i++)
        CHECK((list[i].number < 0) == (strncmp(list[i].name, "D1T_ERR_", 8) == 0));
}

static void test_any_value_is_answered(void)
{
    int value;
    size_t i;

    for (value = -2000; value <= 2000; value++) {
        const char *name = d1t_result_name((d1t_result)value), *text = d1t_result_text((d1t_result)value);

        CHECK(name && name[0] && text && text[0]);
        for (i = 0; i < COUNT; i++)
            CHECK(list[i].number == value || strcmp(name ? name : "", list[i].name) != 0);
    }
}

static void test_an_untouched_error_is_no_error(void)
{
    static d1t_error error;

    CHECK_INT(error.code, D1T_OK);
    CHECK_INT(sizeof error.text, D1T_ERROR_TEXT);
    CHECK_INT(D1T_APPLIED, 0);
    CHECK(D1T_NOT_APPLIED == 1 && D1T_UNKNOWN == 2 && D1T_PERMANENT == 3);
}

static void test_the_version_is_said_in_two_ways(void)
{
    char text[32];

    snprintf(text, sizeof text, "%u.%u.%u", D1T_VERSION_NUM / 10000, D1T_VERSION_NUM / 100 % 100,
             D1T_VERSION_NUM % 100);
    CHECK_STR(text, D1T_VERSION);
}

int main(void)
{
    RUN(test_values_never_change);
    RUN(test_each_code_has_its_name_and_one_line_of_text);
    RUN(test_errors_are_negative_and_only_they);
    RUN(test_any_value_is_answered);
    RUN(test_an_untouched_error_is_no_error);
    RUN(test_the_version_is_said_in_two_ways);
    TEST_MAIN_END;
}
