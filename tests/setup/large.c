/* 1,000 tables of 50 columns, with indexes and foreign keys: the requests that it takes to read them, the time to find
   what differs, the memory.

       large local | large url DATABASE_URL... */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"
#include "../support/back_end.h"
#include "fresh.h"
#include <time.h>

#define TABLES      1000
#define COLUMNS     50
#define FAMILY      10 /* tables, of which the first is the parent of the others */
#define REQUESTS    3
#define DIFF_US     100000
#define REPETITIONS 9

/* ---- 1,000 declarations, and others of the same tables of which every tenth differs */

typedef struct wide {
    char name[24], index_names[3][32];
    d1t_column columns[COLUMNS + 1];
    d1t_index indexes[3];
    d1t_foreign_key keys[1];
    d1t_table table;
} wide;

static wide before[TABLES], after[TABLES];
static const d1t_table *was[TABLES], *is[TABLES];
static char column_names[COLUMNS + 1][24];
static const char *const by_parent[] = {"column_number_01"}, *const by_two[] = {"column_number_02", "column_number_03"};
static const char *const by_mail[] = {"column_number_06"};

static void declare_columns(wide *t)
{
    static const d1t_type types[] = {D1T_TEXT, D1T_INTEGER, D1T_REAL, D1T_BLOB, D1T_TIMESTAMP};
    int i;

    for (i = 0; i <= COLUMNS; i++) {
        snprintf(column_names[i], sizeof column_names[i], "column_number_%02d", i);
        t->columns[i].name = column_names[i];
        t->columns[i].type = i < 2 ? D1T_INTEGER : types[i % 5];
        t->columns[i].flags = i == 0 ? D1T_KEY : i % 4 == 3 ? D1T_NOT_NULL : 0;
        if (i % 4 == 3)
            t->columns[i].default_sql = "'none'";
    }
}

static void declare_indexes(wide *t, int number)
{
    static const char *const names[] = {"parent", "two", "mail"};
    int i;

    for (i = 0; i < 3; i++) {
        snprintf(t->index_names[i], sizeof t->index_names[i], "wide_table_%04d_%s", number, names[i]);
        t->indexes[i].name = t->index_names[i];
    }
    t->indexes[0].columns = by_parent;
    t->indexes[1].columns = by_two;
    t->indexes[2].columns = by_mail;
    t->indexes[0].column_count = t->indexes[2].column_count = 1;
    t->indexes[1].column_count = 2;
    t->indexes[2].flags = D1T_UNIQUE;
}

static void declare(wide *all, const d1t_table **list, int number)
{
    wide *t = &all[number];
    int parent = number - number % FAMILY;

    snprintf(t->name, sizeof t->name, "wide_table_%04d", number);
    declare_columns(t);
    declare_indexes(t, number);
    t->keys[0].columns = by_parent;
    t->keys[0].column_count = 1;
    t->keys[0].parent = all[parent].name;
    t->keys[0].on_delete = D1T_CASCADE;
    t->table.name = t->name;
    t->table.columns = t->columns;
    t->table.column_count = COLUMNS;
    t->table.indexes = t->indexes;
    t->table.index_count = 2;
    t->table.foreign_keys = t->keys;
    t->table.foreign_key_count = parent != number;
    list[number] = &t->table;
}

static unsigned change_steps; /* how many it takes from before to after */

/* A new column; a new index; another type or default, which is a rebuild, of some parents with all of the family. */
static void change(int number)
{
    wide *t = &after[number];

    switch (number / 10 % 4) {
    case 0: t->table.column_count = COLUMNS + 1; break;
    case 1: t->table.index_count = 3; break;
    case 2: t->columns[7].type = D1T_TEXT; break;
    default: t->columns[4].default_sql = "0"; break;
    }
    change_steps += number / 10 % 4 < 2 ? 1 : 2;
}

static void declare_all(void)
{
    int i;

    for (i = 0; i < TABLES; i++) {
        declare(before, was, i);
        declare(after, is, i);
        if (i % 10 == i / 10 % 10)
            change(i);
    }
}

/* ---- a transport that counts, and an allocator that does */

static d1t_transport real;
static unsigned requests;
static size_t live, peak;

static d1t_result counting_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    requests++;
    return real.perform(ctx, req, op);
}

static void *counting_allocator(void *ctx, void *p, size_t old_size, size_t new_size)
{
    void *q = NULL;

    (void)ctx;
    if (new_size)
        q = realloc(p, new_size);
    else
        free(p);
    if (new_size && !q)
        return NULL;
    live += new_size - old_size;
    peak = live > peak ? live : peak;
    return q;
}

static void open_counting(size_t max_kept, uint64_t max_reply)
{
    d1t_config config = back_end_config();

    real = local ? config.transport : d1t_curl_transport(NULL);
    config.transport = real;
    config.transport.perform = counting_perform;
    config.allocator.fn = counting_allocator;
    config.max_kept = max_kept;
    config.max_reply = max_reply;
    d1t_close(&db);
    requests = 0;
    peak = live;
    OK(d1t_open(&db, &config));
}

static uint64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* ---- tests: one database for all of them */

static d1t_schema schema;
static d1t_arena arena;
static unsigned most_requests;
static uint64_t same_us, changed_us;

static d1t_result read_schema(void)
{
    d1t_arena_free(&arena);
    memset(&arena, 0, sizeof arena);
    memset(&schema, 0, sizeof schema);
    schema.arena = &arena;
    requests = 0;
    peak = live;
    return d1t_schema_read(&schema, &db);
}

static void note_requests(void)
{
    CHECK(requests >= 1 && requests <= REQUESTS);
    most_requests = requests > most_requests ? requests : most_requests;
}

static void a_schema_that_nothing_is_recorded_of_is_read_in_three_requests(void)
{
    static const d1t_statement forget = {"DROP TABLE _d1t_setup", NULL, 0};

    OK(d1t_exec(&db, &forget, 1));
    OK(read_schema());
    note_requests();
    CHECK(schema.objects != NULL && schema.records == NULL);
}

static void every_table_is_read_with_its_columns_indexes_and_foreign_keys(void)
{
    const d1t_schema_object *o;
    int i;

    OK(read_schema());
    note_requests();
    for (i = 0; i < TABLES; i++) {
        o = d1t_schema_find(&schema, was[i]->name);
        CHECK(o && o->table && o->table->column_count == COLUMNS && o->table->index_count == 2 &&
              o->table->foreign_key_count == was[i]->foreign_key_count);
        CHECK(d1t_schema_recorded(&schema, was[i]->name) != NULL);
    }
}

/* The limit is of the program as it is meant to be compiled. */
static void check_time(uint64_t us)
{
#ifdef __OPTIMIZE__
    CHECK(us <= DIFF_US);
#else
    CHECK(us > 0);
#endif
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The median of the time that the differ takes alone. */
static uint64_t diff_us(const d1t_table *const *tables, unsigned steps, bool keep)
{
    uint64_t times[REPETITIONS], start;
    d1t_plan_desc desc = {0};
    d1t_error error;
    d1t_plan plan;
    int i;

    desc.tables = tables;
    desc.count = TABLES;
    desc.keep = keep;
    for (i = 0; i < REPETITIONS; i++) {
        memset(&plan, 0, sizeof plan);
        memset(&error, 0, sizeof error);
        start = cpu_us();
        CHECK_INT(d1t_plan_diff(&plan, &schema, &desc, &error), D1T_OK);
        times[i] = cpu_us() - start;
        CHECK_STR(error.text, "");
        CHECK_INT(plan.refused, 0);
        CHECK_INT(plan.step_count, steps);
        CHECK((steps == 0) == (plan.statement_count == 0));
        d1t_plan_free(&plan);
    }
    qsort(times, REPETITIONS, sizeof *times, by_number);
    return times[REPETITIONS / 2];
}

static void that_nothing_changed_is_found_in_100_ms(void)
{
    OK(read_schema());
    same_us = diff_us(was, 0, false);
    check_time(same_us);
    check_time(diff_us(was, 0, true));
}

static void the_changes_of_a_tenth_are_found_in_100_ms(void)
{
    OK(read_schema());
    changed_us = diff_us(is, change_steps, false);
    check_time(changed_us);
    check_time(diff_us(is, change_steps, true));
}

static void a_plan_takes_one_request_more_to_count_rows(void)
{
    d1t_plan plan;

    requests = 0;
    OK(d1t_plan_read(&plan, &db, was, TABLES));
    CHECK_INT(requests, 1);
    CHECK_INT(plan.step_count, 0);
    d1t_plan_free(&plan);
    requests = 0;
    OK(d1t_plan_read(&plan, &db, is, TABLES));
    CHECK_INT(requests, 2);
    CHECK_INT(plan.step_count, change_steps);
    d1t_plan_free(&plan);
    note_requests();
}

/* What a schema takes is capped at four times config.max_kept (8 MiB); pieces being read come on top. */
static void the_caps_hold(void)
{
    const size_t caps[] = {64u << 10, 1u << 20, 4u << 20, 8u << 20};
    d1t_result result = D1T_OK;
    size_t i;

    d1t_arena_free(&arena);
    for (i = 0; i < COUNT(caps); i++) {
        open_counting(caps[i], 0);
        result = read_schema();
        CHECK(result == D1T_OK || result == D1T_ERR_NOMEM);
        CHECK(i > 1 || result == D1T_ERR_NOMEM);
        CHECK(peak <= 4 * caps[i] + (1u << 20));
        if (result != D1T_OK) CLEAR();
        d1t_arena_free(&arena);
    }
    CHECK_INT(result, D1T_OK);
    CHECK_INT(db.error.code, D1T_OK);
}

static void a_schema_larger_than_the_reply_may_be_is_refused(void)
{
    uint64_t size;

    open_counting(0, 0);
    OK(read_schema());
    size = db.stats.bytes_received;
    d1t_arena_free(&arena);
    open_counting(0, size - 1);
    CHECK_INT(read_schema(), D1T_ERR_TOO_BIG);
    CLEAR();
    d1t_arena_free(&arena);
    open_counting(0, size);
    OK(read_schema());
}

int main(int argc, char **argv)
{
    size_t read_peak;

    if (!fresh_arguments(argc, argv))
        return 2;
    declare_all();
    open_fresh();
    open_counting(0, 0);
    OK(d1t_setup(&db, was, TABLES));
    RUN(every_table_is_read_with_its_columns_indexes_and_foreign_keys);
    read_peak = peak;
    RUN(that_nothing_changed_is_found_in_100_ms);
    RUN(the_changes_of_a_tenth_are_found_in_100_ms);
    RUN(a_plan_takes_one_request_more_to_count_rows);
    RUN(the_caps_hold);
    RUN(a_schema_larger_than_the_reply_may_be_is_refused);
    RUN(a_schema_that_nothing_is_recorded_of_is_read_in_three_requests);
    printf("figure: requests %u\n", most_requests);
    printf("figure: diff_same_us %llu\n", (unsigned long long)same_us);
    printf("figure: diff_changed_us %llu\n", (unsigned long long)changed_us);
    printf("figure: read_peak_bytes %llu\n", (unsigned long long)read_peak);
    d1t_arena_free(&arena);
    close_fresh();
    TEST_MAIN_END;
}
