/* Different clients on different threads share nothing: build with -fsanitize=thread.
   Usage: threads BASE_URL   (of a local_d1_server, for the part over libcurl) */
#include <pthread.h>
#include <stdlib.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#define LOCAL_D1_IMPLEMENTATION
#include "../../examples/local_d1.h"
#include "../support/test.h"

#define ROWS 2000

static const d1t_column columns[] = {
    D1T_COLUMN("owner", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("id", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_NOT_NULL),
    D1T_COLUMN("weight", D1T_REAL, 0),
};
static const d1t_table items = D1T_TABLE_FLAGS("items", columns, D1T_WITHOUT_ROWID);
static const d1t_table *const tables[] = {&items};
static const char *base_url;

typedef struct worker {
    pthread_t thread;
    int owner;
    bool over_curl;
    d1t_result result;
    int64_t rows;
    char error[D1T_ERROR_TEXT];
} worker;

static int count_row(void *ctx, const d1t_row *row)
{
    *(int64_t *)ctx += row->values[0].u.i;
    return 0;
}

static void use_client(d1t_client *db, worker *w)
{
    d1t_value row[4], owner = d1t_int(w->owner);
    char name[32];
    int i;

    d1t_setup(db, tables, 1);
    for (i = 0; i < ROWS; i++) {
        snprintf(name, sizeof name, "item %d", i);
        row[0] = owner;
        row[1] = d1t_int(i * 7919 % ROWS);
        row[2] = d1t_text(name);
        row[3] = d1t_double(i / 3.0);
        if (i % 500 == 499)
            d1t_delete(db, &items, row, 2);
        else
            d1t_upsert(db, &items, row, 4);
    }
    d1t_query(db, "SELECT count(*) FROM items WHERE owner = ?1", &owner, 1, count_row, &w->rows);
}

static void *work(void *ctx)
{
    worker *w = ctx;
    d1t_config config;
    d1t_client db;
    local_d1 *d = w->over_curl ? NULL : local_d1_open(NULL, NULL);

    memset(&config, 0, sizeof config);
    config.account = "account";
    config.database = "database";
    config.token = "token";
    config.base_url = base_url;
    config.max_body = 20000;
    if (d)
        config.transport = local_d1_transport(d);
    d1t_open(&db, &config);
    use_client(&db, w);
    w->result = d1t_close(&db);
    memcpy(w->error, db.error.text, sizeof w->error);
    local_d1_close(d);
    return NULL;
}

static void two_clients_on_two_threads(bool over_curl)
{
    worker w[2];
    int i;

    memset(w, 0, sizeof w);
    for (i = 0; i < 2; i++) {
        w[i].owner = i + 1;
        w[i].over_curl = over_curl;
        CHECK_INT(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    for (i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(w[i].thread, NULL), 0);
        CHECK_INT(w[i].result, D1T_OK);
        CHECK_STR(w[i].error, "");
        CHECK_INT(w[i].rows, ROWS - ROWS / 500);
    }
}

static void test_two_clients_on_two_threads_each_with_its_own_database(void)
{
    two_clients_on_two_threads(false);
}

static void test_two_clients_on_two_threads_over_libcurl_on_one_database(void)
{
    two_clients_on_two_threads(true);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: threads BASE_URL\n");
        return 2;
    }
    base_url = argv[1];
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return 2;
    RUN(test_two_clients_on_two_threads_each_with_its_own_database);
    RUN(test_two_clients_on_two_threads_over_libcurl_on_one_database);
    curl_global_cleanup();
    TEST_MAIN_END;
}
