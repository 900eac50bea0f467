/* A script whose answers are those of a local_d1, faults included:  s.decide = script_from_local; s.ctx = d1;
   Include d1target.h, local_d1.h and script.h first. */
#ifndef SCRIPT_LOCAL_H
#define SCRIPT_LOCAL_H

static inline script_answer script_from_local(void *ctx, const script_request *r)
{
    local_d1_answer answer;
    script_answer a = {0};
    static char retry_after[sizeof answer.retry_after];

    local_d1_exchange((local_d1 *)ctx, "POST", r->url, "Bearer token", r->body, r->size, r->at_ms, &answer);
    if (answer.failure == LOCAL_D1_REFUSED)
        a.result = D1T_ERR_CONNECT;
    if (answer.failure == LOCAL_D1_BROKEN)
        a.result = D1T_ERR_TRANSPORT;
    a.delay_ms = answer.at_ms == UINT64_MAX ? 1000000 : answer.at_ms - r->at_ms;
    a.status = answer.status;
    a.body = answer.body;
    a.size = answer.size;
    if (answer.retry_after[0]) {
        memcpy(retry_after, answer.retry_after, sizeof retry_after);
        a.name = "retry-after";
        a.value = retry_after;
    }
    return a;
}

/* The first column of the first row of a query on the database itself, as text. */
static inline const char *local_ask(local_d1 *d, const char *sql)
{
    static char answer[1 << 16];
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(local_d1_sqlite(d), sql, -1, &stmt, NULL) != SQLITE_OK)
        return sqlite3_errmsg(local_d1_sqlite(d));
    answer[0] = 0;
    if (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(answer, sizeof answer, "%s", text ? text : "NULL");
    }
    sqlite3_finalize(stmt);
    return answer;
}

#endif
