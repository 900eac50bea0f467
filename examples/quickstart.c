/* quickstart.c - one row into Cloudflare D1.
 *
 *     cc -o quickstart quickstart.c -lcurl
 *     CLOUDFLARE_ACCOUNT_ID=... CLOUDFLARE_DATABASE_ID=... CLOUDFLARE_API_TOKEN=... ./quickstart
 *
 * CLOUDFLARE_API_BASE_URL leads it to another server, such as examples/local_d1_server.c on 127.0.0.1. */
#include <stdio.h>
#define D1TARGET_IMPLEMENTATION
#include "../d1target.h"

static const d1t_column columns[] = {
    D1T_COLUMN("path", D1T_TEXT,    D1T_KEY),
    D1T_COLUMN("name", D1T_TEXT,    D1T_KEY),
    D1T_COLUMN("line", D1T_INTEGER, D1T_NOT_NULL),
};
static const d1t_table symbols = D1T_TABLE("symbols", columns);
static const d1t_table *const tables[] = { &symbols };

int main(void) {
    d1t_client db;
    d1t_value row[] = { d1t_text("main.c"), d1t_text("main"), d1t_int(7) };
    d1t_config config = d1t_config_from_env();
    d1t_open(&db, &config);                 /* no I/O */
    d1t_setup(&db, tables, 1);              /* creates the table if it is not there */
    d1t_upsert(&db, &symbols, row, 3);
    if (d1t_close(&db)) return fprintf(stderr, "%s\n", db.error.text), 1;   /* sends the rest, always releases */
    return 0;
}
