/* The smallest test frame: CHECK what is promised, RUN each test, end main with TEST_MAIN_END. */
#ifndef TEST_H
#define TEST_H

#include <stdio.h>
#include <string.h>

static int test_checks_failed, test_passed, test_failed;

#define CHECK(condition) test_check(!!(condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(a, b) test_int((long long)(a), (long long)(b), __FILE__, __LINE__, #a)
#define CHECK_STR(a, b) test_str((a), (b), __FILE__, __LINE__, #a)
#define RUN(test) test_run(test)
#define TEST_MAIN_END                                              \
    do {                                                           \
        printf("%d passed, %d failed\n", test_passed, test_failed); \
        return test_failed != 0;                                   \
    } while (0)

static inline void test_check(int ok, const char *file, int line, const char *what)
{
    if (!ok) {
        test_checks_failed++;
        printf("%s:%d: %s\n", file, line, what);
    }
}

static inline void test_int(long long a, long long b, const char *file, int line, const char *what)
{
    if (a != b) {
        test_checks_failed++;
        printf("%s:%d: %s is %lld, not %lld\n", file, line, what, a, b);
    }
}

static inline void test_str(const char *a, const char *b, const char *file, int line, const char *what)
{
    if (!a || !b || strcmp(a, b) != 0) {
        test_checks_failed++;
        printf("%s:%d: %s is\n  %s\nnot\n  %s\n", file, line, what, a ? a : "(null)", b ? b : "(null)");
    }
}

static inline void test_run(void (*test)(void))
{
    int before = test_checks_failed;

    test();
    if (test_checks_failed == before)
        test_passed++;
    else
        test_failed++;
}

#endif
