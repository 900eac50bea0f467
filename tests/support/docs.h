/* What the fragments of README.md and docs/ take for granted; tests/tools/docs.sh puts it in front of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../d1target.h"

static const d1t_column file_columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("hash", D1T_BLOB, 0),
};
static const d1t_table files = D1T_TABLE("files", file_columns);
static const d1t_column columns[] = {
    D1T_COLUMN("path", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT, D1T_KEY),
    D1T_COLUMN("line", D1T_INTEGER, D1T_NOT_NULL),
};
static const d1t_table symbols = D1T_TABLE("symbols", columns);
static const d1t_table *const tables[] = {&files, &symbols};

static d1t_client db;
static d1t_config config;
static d1t_todo todo;
static d1t_step what;
static uint64_t now_ms;
static d1t_result result;

/* The program around the fragments. */
int on_row(void *ctx, const d1t_row *row);
void log_event(void *ctx, const d1t_event *event);
void log_poison(void *ctx, const d1t_error *error, d1t_str key);
void start(const d1t_todo *next);
void drop(d1t_op *op);
void arm_timer(uint64_t wake_ms);
void finished(d1t_client *client);
void keep_for_later(const d1t_value *values, size_t count);
int my_connect(void *ctx, const d1t_request *req);
int my_write(void *ctx, const void *data, size_t size);
int my_status(void *ctx);
const char *my_header(void *ctx, const char *name);
long my_read(void *ctx, void *data, size_t size);
uint64_t my_clock(void *ctx);
void my_sleep(void *ctx, uint64_t ms);
d1t_result apply_notes(void *sink, const d1t_act *acts, size_t count, d1t_error *error);
