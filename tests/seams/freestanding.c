/* Three programs for a machine without an operating system; freestanding.sh builds and measures them.
   LEVEL 1 writes rows, LEVEL 2 uses everything up to the client, LEVEL 3 has every function kept by the linker. */
#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"

/* What the machine would bring along; its own code is not measured. */
void board_send(const void *bytes, size_t n);
int32_t board_status(void);
bool board_header(const char **name, const char **value);
size_t board_receive(void *bytes, size_t cap);
uint64_t board_now(void);
int board_main(void);

static const d1t_column columns[] = {
    D1T_COLUMN("at", D1T_INTEGER, D1T_KEY),
    D1T_COLUMN("reading", D1T_INTEGER, 0),
};
static const d1t_table readings = D1T_TABLE("readings", columns);
static const d1t_table *const tables[] = {&readings};

/* One request over the board's own HTTP. */
static void perform(d1t_todo *todo)
{
    char piece[64];
    const char *name, *value;
    size_t n;

    while ((n = d1t_request_read(todo->request, piece, sizeof piece)) > 0)
        board_send(piece, n);
    d1t_op_on_status(todo->op, board_status());
    while (board_header(&name, &value))
        d1t_op_on_header(todo->op, name, value);
    while ((n = board_receive(piece, sizeof piece)) > 0)
        (void)d1t_op_on_body(todo->op, piece, n);
    d1t_op_on_end(todo->op, board_now(), D1T_OK, 0);
}

static void drive(d1t_client *db, d1t_result started)
{
    d1t_todo todo;
    d1t_step step = D1T_WAIT;

    while (started == D1T_OK && step < D1T_DONE) {
        step = d1t_next(db, board_now(), &todo);
        if (step == D1T_SEND)
            perform(&todo);
    }
}

#if LEVEL >= 2
static int on_row(void *ctx, const d1t_row *row)
{
    return ctx == row;
}

static void put_line(void *ctx, const char *line)
{
    (void)ctx, (void)line;
}

static void use_the_rest(d1t_client *db, const d1t_value *row)
{
    const d1t_condition differs = {"reading", false, d1t_absent()};
    const d1t_statement statement = {"DELETE FROM readings", NULL, 0};
    d1t_plan_desc desc;
    d1t_plan plan;

    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.tables = tables;
    desc.count = 1;
    drive(db, d1t_plan_read_start(&plan, db, &desc));
    d1t_plan_print(&plan, put_line, NULL);
    drive(db, d1t_plan_apply_start(&plan, D1T_EFFECT_NONE));
    d1t_plan_free(&plan);
    d1t_around(db, &statement, 1, NULL, 0);
    d1t_group_begin(db);
    d1t_update(db, &readings, row, 2);
    d1t_delete(db, &readings, row, 1);
    d1t_upsert_where(db, &readings, row, 2, &differs);
    d1t_delete_where(db, &readings, row, 1, &differs);
    d1t_group_end(db);
    drive(db, d1t_query_start(db, "SELECT 1", NULL, 0, on_row, NULL));
    drive(db, d1t_read_start(db, &readings, NULL, NULL, 0, on_row, NULL));
    drive(db, d1t_exec_start(db, &statement, 1));
    d1t_clear(db, D1T_KEEP_ROWS);
}
#endif

int board_main(void)
{
    static const char url[] = "https://api.cloudflare.com/client/v4/accounts/a/d1/database/d";
    uint64_t memory[256];
    d1t_client db;
    d1t_config config;
    d1t_value row[2];

    D1T_MEMSET(&config, 0, sizeof config);
    config.database_url = url;
    config.token = "token";
    config.memory = memory;
    config.memory_size = sizeof memory;
    config.setup = LEVEL == 1 ? D1T_SETUP_TRUST : D1T_SETUP_APPLY;
    config.driven = true;
    row[0] = d1t_int(1);
    row[1] = d1t_int(2);
    d1t_open(&db, &config);
    drive(&db, d1t_setup_start(&db, tables, 1));
    d1t_upsert(&db, &readings, row, 2);
    drive(&db, d1t_flush_start(&db));
#if LEVEL >= 2
    use_the_rest(&db, row);
#endif
    return d1t_close(&db);
}
