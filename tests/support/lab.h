/* A client on local_d1 with a virtual clock, and a look into its tables. Include d1target.h and local_d1.h first. */
#ifndef LAB_H
#define LAB_H

#include <string.h>

#define LAB_TOKEN "lab-token-0123456789"
#define LAB_URL "https://api.cloudflare.com/client/v4/accounts/0123456789abcdef0123456789abcdef/d1/database/lab"
#define LAB_ERROR (-1000000)

static inline local_d1 *lab_open(void)
{
    local_d1 *d = local_d1_open(NULL, LAB_TOKEN);

    if (d)
        local_d1_virtual_clock(d, 1000000);
    return d;
}

static inline d1t_config lab_config(local_d1 *d)
{
    d1t_config c;

    memset(&c, 0, sizeof c);
    c.database_url = LAB_URL;
    c.token = LAB_TOKEN;
    c.transport = local_d1_transport(d);
    c.seed = 1;
    return c;
}

/* The first number that a query answers, or LAB_ERROR. */
static inline long long lab_int(local_d1 *d, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    long long v = LAB_ERROR;

    if (sqlite3_prepare_v2(local_d1_sqlite(d), sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        v = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return v;
}

static inline bool lab_exec(local_d1 *d, const char *sql)
{
    return sqlite3_exec(local_d1_sqlite(d), sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* FNV-1a, to be chained. */
static inline uint64_t lab_hash(uint64_t hash, const void *p, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)p;
    size_t i;

    for (i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001B3u;
    return hash;
}

static inline uint64_t lab_hash_rows(local_d1 *d, const char *sql, uint64_t hash)
{
    sqlite3_stmt *stmt = NULL;
    int i;

    if (sqlite3_prepare_v2(local_d1_sqlite(d), sql, -1, &stmt, NULL) != SQLITE_OK)
        return 0;
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (i = 0; i < sqlite3_column_count(stmt); i++) {
            int type = sqlite3_column_type(stmt, i);
            const void *p = sqlite3_column_blob(stmt, i);
            hash = lab_hash(hash, &type, sizeof type);
            hash = lab_hash(hash, p, p ? (size_t)sqlite3_column_bytes(stmt, i) : 0);
        }
    sqlite3_finalize(stmt);
    return hash;
}

/* A hash of all that the database holds: its schema and every row of every table. */
static inline uint64_t lab_digest(local_d1 *d)
{
    static const char schema[] = "SELECT name, sql FROM sqlite_schema WHERE substr(name,1,4)<>'_cf_' ORDER BY name";
    static const char tables[] = "SELECT 'SELECT * FROM \"'||name||'\" ORDER BY 1' FROM sqlite_schema "
                                 "WHERE type='table' AND substr(name,1,4)<>'_cf_' ORDER BY name";
    uint64_t hash = lab_hash_rows(d, schema, 0xCBF29CE484222325u);
    sqlite3_stmt *stmt = NULL;

    sqlite3_prepare_v2(local_d1_sqlite(d), tables, -1, &stmt, NULL);
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW)
        hash = lab_hash_rows(d, (const char *)sqlite3_column_text(stmt, 0), hash);
    sqlite3_finalize(stmt);
    return hash;
}

#endif
