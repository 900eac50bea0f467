/*
 * local_d1.h - Cloudflare D1 inside the process: D1's REST API answered over libsqlite3, so that demos and tests run
 * without an account. One file in the STB style:
 *
 *     #define LOCAL_D1_IMPLEMENTATION            in exactly one C file; link with -lsqlite3
 *     #include "local_d1.h"
 *
 * Include d1target.h first and local_d1_transport() is there too. One local_d1 is one database (every account and
 * database id in a URL leads to it) and belongs to one thread at a time.
 *
 * What is answered
 *   POST .../d1/database/{id}/query and /raw, GET .../d1/database/{id}; 404 for the rest. D1's limits, refusals,
 *   error texts, statuses and codes. A request is one transaction.
 *
 * What differs from D1
 *   - SQLite is yours, not D1's: before 3.41 unhex() is added here; concat, octet_length, string_agg, timediff and
 *     jsonb* are there when your SQLite has them. Before 3.45 a \u0000 in a JSON string ends the text.
 *   - A {"sql":...} of several statements gives a result for each, as documented; an element of a batch always one.
 *   - true and false bind as 1 and 0. What production does with them is not known.
 *   - rows_written counts rows and index entries as D1 does, from SQLite's preupdate hook and the indexes whose columns
 *     are in the SET list. Equal to D1's for inserts, upserts (an unchanged guarded one is 0), updates, deletes,
 *     REPLACE, triggers, cascades, AUTOINCREMENT, and the CREATE statements. Too high for rows that a partial index
 *     leaves out and for FTS5 (its shadow rows are counted), too low for ALTER, REINDEX and ANALYZE, and where a new
 *     key of a WITHOUT ROWID table drags its other indexes along.
 *   - rows_read is the rows that full scans stepped over, or those answered or changed if that is more. Mostly less
 *     than D1's, which also counts index lookups, json_each, sorting and count(*); SQLite does not tell those.
 *   - A file is kept in WAL mode with synchronous=NORMAL. Requests that are still to land late are dropped at close.
 */
#ifndef LOCAL_D1_H
#define LOCAL_D1_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct local_d1 local_d1;

typedef enum local_d1_fault { /* what happens to a request */
    LOCAL_D1_OK = 0,
    LOCAL_D1_REFUSE,      /* connection refused: never reached */
    LOCAL_D1_CUT_REQUEST, /* the connection dies while the body is being sent: not executed */
    LOCAL_D1_LOSE_BEFORE, /* the whole request is read, then the connection dies: not executed */
    LOCAL_D1_LOSE_AFTER,  /* executed, answer lost */
    LOCAL_D1_CUT_ANSWER,  /* executed, answer cut in the middle */
    LOCAL_D1_LATE,        /* executed 30 s after it was sent, answered after every deadline */
    LOCAL_D1_ZOMBIE,      /* the connection dies at once, executed 29 s later */
    LOCAL_D1_TWICE,       /* delivered twice: executed twice, answer of the first */
    LOCAL_D1_SILENT,      /* never executed, never answered */
    LOCAL_D1_429_API,     /* the account's API limit: code 971, Retry-After: 2 */
    LOCAL_D1_429_BUSY,    /* this database is overloaded: code 7500, no Retry-After */
    LOCAL_D1_500,         /* the object was reset, not executed */
    LOCAL_D1_500_AFTER,   /* the same answer, but executed */
    LOCAL_D1_503_HTML,    /* a gateway's page instead of JSON, not executed */
    LOCAL_D1_DB_FULL,     /* the database's size limit, not executed */
    LOCAL_D1_DAY_LIMIT,   /* the free plan's daily limit, not executed */
    LOCAL_D1_FAULT_COUNT
} local_d1_fault;

typedef enum local_d1_failure {
    LOCAL_D1_ANSWERED = 0,
    LOCAL_D1_REFUSED, /* no connection */
    LOCAL_D1_BROKEN,  /* connection lost; status and the start of the body may be there: feed them, then fail */
    LOCAL_D1_TIMEOUT  /* nothing ever comes */
} local_d1_failure;

typedef struct local_d1_answer { /* one HTTP exchange as the client sees it */
    int failure;                 /* a local_d1_failure */
    int status;                  /* 0: none came */
    char retry_after[16];        /* the header's value, "" if there is none */
    const char *content_type;    /* NULL when status is 0 */
    const char *body;            /* size bytes, kept until the next exchange or close */
    size_t size;
    uint64_t at_ms;              /* when it arrives; UINT64_MAX: never */
} local_d1_answer;

/* path NULL: in memory; token NULL: any will do. Returns NULL on failure. */
local_d1 *local_d1_open(const char *path, const char *token);
void local_d1_close(local_d1 *d);

/* From the first-th request after this call on (1 is the next one), count of them meet the fault; UINT64_MAX: all. */
void local_d1_set_fault(local_d1 *d, local_d1_fault fault, uint64_t first, uint64_t count);
local_d1_fault local_d1_next_fault(const local_d1 *d); /* what the next request will meet */
uint64_t local_d1_requests(const local_d1 *d);         /* so far, faulty ones included */

/* authorization is the header's whole value ("Bearer ..."), or NULL. */
void local_d1_exchange(local_d1 *d, const char *method, const char *url, const char *authorization, const char *body,
                       size_t size, uint64_t now_ms, local_d1_answer *answer);
void local_d1_advance(local_d1 *d, uint64_t now_ms); /* executes late requests that are due; exchange does it first */

sqlite3 *local_d1_sqlite(local_d1 *d); /* to look at the tables: D1's refusals and limits hold here too */
void local_d1_set_length_limit(local_d1 *d, int bytes); /* a string, blob or row; 2,200,000 unless set */

/* What local_d1_transport() lives on; local_d1_exchange takes its time as an argument. */
void local_d1_virtual_clock(local_d1 *d, uint64_t start_ms); /* sleeping advances the clock instead of waiting */
uint64_t local_d1_now(local_d1 *d);
void local_d1_sleep(local_d1 *d, uint64_t ms);
void local_d1_set_piece(local_d1 *d, size_t bytes); /* answers arrive in pieces of this size; 0: whole */

#ifdef D1TARGET_H_INCLUDED
d1t_transport local_d1_transport(local_d1 *d); /* close d yourself, after the client */
#endif

#ifdef __cplusplus
}
#endif
#endif /* LOCAL_D1_H */

#ifdef LOCAL_D1_IMPLEMENTATION
#ifndef LOCAL_D1_IMPLEMENTED
#define LOCAL_D1_IMPLEMENTED

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if SQLITE_VERSION_NUMBER < 3038000
#error "local_d1.h needs SQLite 3.38 or newer"
#endif

/* Debian, Fedora, Homebrew and Apple compile it in, but sqlite3.h declares it only where this macro is set. */
#ifndef SQLITE_ENABLE_PREUPDATE_HOOK
#ifdef __cplusplus
extern "C"
#endif
void *sqlite3_preupdate_hook(sqlite3 *db,
                             void (*hook)(void *, sqlite3 *, int, char const *, char const *, sqlite3_int64,
                                          sqlite3_int64),
                             void *ctx);
#endif

#define LD1_LATE_MS 30000u
#define LD1_ZOMBIE_MS 29000u
#define LD1_COLUMNS 100

typedef struct ld1_tally { /* what one statement did to one table */
    char *name;
    uint64_t inserted, updated, moved; /* moved: also updated, to another rowid */
    unsigned filled; /* created from what is there already: CREATE INDEX, CREATE TABLE AS */
} ld1_tally;

typedef struct ld1_late { /* a request that is executed later; the texts lie behind the struct */
    struct ld1_late *next;
    uint64_t due_ms;
    char *method, *url, *authorization, *body;
    size_t size;
} ld1_late;

struct local_d1 {
    sqlite3 *db;
    sqlite3 *json; /* reads requests: it has none of the limits of db */
    sqlite3_stmt *read_body, *read_batch, *read_query, *read_params; /* on json */
    sqlite3_stmt *page_count, *free_count, *schema_version, *table_cost; /* on db */
    uint64_t page_size;
    char *token;

    int trusted;         /* our own SQL is running: the authorizer lets it pass */
    const char *refusal; /* the authorizer's own words, if it has any */

    ld1_tally *tally; /* of the statement that is running */
    size_t tallies, tally_capacity;
    sqlite3_str *touched; /* "table.column" of its SET lists, as the inside of a JSON array */
    uint64_t schema_rows;
    int reads, renames; /* it reads tables at all; it is an ALTER */

    local_d1_fault fault;
    uint64_t fault_first, fault_count, fault_seen;
    uint64_t requests;
    ld1_late *late; /* by due_ms */

    int raw;          /* /raw or /query */
    sqlite3_str *out; /* the body of the answer, while it is made */
    int results;
    int status;
    const char *content_type;
    char *body; /* from sqlite3_malloc */
    size_t size;

    int is_virtual;
    uint64_t clock_ms;
    size_t piece;
};

/* ---- JSON out -------------------------------------------------------------------------------------------------- */

/* The length of the sequence at p, if it is UTF-8; otherwise of the part that one U+FFFD stands for. */
static size_t ld1_utf8(const unsigned char *p, size_t n, int *valid)
{
    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    size_t i, more = p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : 3;

    *valid = p[0] < 0x80;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 1;
    for (i = 1; i <= more; i++) {
        if (i >= n || p[i] < low || p[i] > high)
            return i;
        low = 0x80;
        high = 0xBF;
    }
    *valid = 1;
    return more + 1;
}

static void ld1_put(sqlite3_str *out, const char *text)
{
    sqlite3_str_appendall(out, text);
}

static void ld1_put_bytes(sqlite3_str *out, const unsigned char *p, size_t n)
{
    sqlite3_str_append(out, (const char *)p, (int)n); /* SQLite's values fit an int */
}

static void ld1_put_escaped(sqlite3_str *out, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;

    if (at)
        sqlite3_str_appendf(out, "\\%c", to[at - from]);
    else
        sqlite3_str_appendf(out, "\\u%04x", c);
}

static void ld1_put_string(sqlite3_str *out, const char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0, start = 0, length;
    int valid;

    sqlite3_str_appendchar(out, 1, '"');
    while (i < size) {
        if (p[i] < 0x80 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
            i++;
            continue;
        }
        length = ld1_utf8(p + i, size - i, &valid);
        if (!valid || length == 1) {
            ld1_put_bytes(out, p + start, i - start);
            if (valid)
                ld1_put_escaped(out, p[i]);
            else
                ld1_put(out, "\xEF\xBF\xBD");
            start = i + length;
        }
        i += length;
    }
    ld1_put_bytes(out, p + start, size - start);
    sqlite3_str_appendchar(out, 1, '"');
}

static void ld1_put_name(sqlite3_str *out, const char *text)
{
    ld1_put_string(out, text ? text : "", text ? strlen(text) : 0);
}

/* The digits that JavaScript shows: the fewest that give the same double back. Returns where the point belongs. */
static int ld1_digits(double value, char digits[24], int *count)
{
    char text[48];
    const char *p;
    int precision = value > -DBL_MIN && value < DBL_MIN ? 0 : 14;

    for (;; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (precision == 16 || strtod(text, NULL) == value)
            break;
    }
    *count = 0;
    for (p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') /* passes over the locale's decimal point */
            digits[(*count)++] = *p;
    while (*count > 1 && digits[*count - 1] == '0')
        --*count;
    return atoi(p + 1) + 1;
}

static void ld1_put_number(sqlite3_str *out, double value)
{
    char digits[24];
    int count, point;

    if (value - value != 0) { /* infinities and NaN */
        ld1_put(out, "null");
        return;
    }
    if (value == 0) { /* also -0.0 */
        ld1_put(out, "0");
        return;
    }
    point = ld1_digits(value, digits, &count);
    if (value < 0)
        ld1_put(out, "-");
    if (count <= point && point <= 21) {
        sqlite3_str_append(out, digits, count);
        sqlite3_str_appendchar(out, point - count, '0');
    } else if (point > 0 && point <= 21) {
        sqlite3_str_appendf(out, "%.*s.%.*s", point, digits, count - point, digits + point);
    } else if (point > -6 && point <= 0) {
        ld1_put(out, "0.");
        sqlite3_str_appendchar(out, -point, '0');
        sqlite3_str_append(out, digits, count);
    } else {
        sqlite3_str_append(out, digits, 1);
        if (count > 1)
            sqlite3_str_appendf(out, ".%.*s", count - 1, digits + 1);
        sqlite3_str_appendf(out, "e%c%d", point > 0 ? '+' : '-', point > 0 ? point - 1 : 1 - point);
    }
}

static void ld1_put_blob(sqlite3_str *out, const unsigned char *p, size_t n)
{
    size_t i;

    sqlite3_str_appendchar(out, 1, '[');
    for (i = 0; i < n; i++) {
        char text[4];
        int length = 0;
        if (i)
            text[length++] = ',';
        if (p[i] >= 100)
            text[length++] = (char)('0' + p[i] / 100);
        sqlite3_str_append(out, text, length);
        length = 0;
        if (p[i] >= 10)
            text[length++] = (char)('0' + p[i] / 10 % 10);
        text[length++] = (char)('0' + p[i] % 10);
        sqlite3_str_append(out, text, length);
    }
    sqlite3_str_appendchar(out, 1, ']');
}

static void ld1_put_value(sqlite3_str *out, sqlite3_stmt *stmt, int column)
{
    const sqlite3_int64 exact = (sqlite3_int64)1 << 53;
    sqlite3_int64 integer;
    const unsigned char *p;

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        integer = sqlite3_column_int64(stmt, column);
        if (integer >= -exact && integer <= exact)
            sqlite3_str_appendf(out, "%lld", integer);
        else
            ld1_put_number(out, (double)integer); /* what JavaScript makes of it */
        break;
    case SQLITE_FLOAT:
        ld1_put_number(out, sqlite3_column_double(stmt, column));
        break;
    case SQLITE_TEXT:
        p = sqlite3_column_text(stmt, column);
        ld1_put_string(out, (const char *)p, p ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
        break;
    case SQLITE_BLOB:
        p = (const unsigned char *)sqlite3_column_blob(stmt, column);
        ld1_put_blob(out, p, p ? (size_t)sqlite3_column_bytes(stmt, column) : 0);
        break;
    default:
        ld1_put(out, "null");
    }
}

/* ---- errors ---------------------------------------------------------------------------------------------------- */

/* Replaces whatever the answer was so far; always 0, so that callers can return it. */
static int ld1_fail(local_d1 *d, int status, int code, const char *message)
{
    d->status = status;
    sqlite3_str_reset(d->out);
    sqlite3_str_appendf(d->out, "{\"result\":[],\"success\":false,\"errors\":[{\"code\":%d,\"message\":", code);
    ld1_put_name(d->out, message);
    ld1_put(d->out, "}],\"messages\":[]}");
    return 0;
}

static int ld1_fail_user(local_d1 *d, const char *message)
{
    return ld1_fail(d, 400, 7500, message);
}

static int ld1_fail_body(local_d1 *d)
{
    return ld1_fail(d, 400, 7400, "Invalid request body");
}

static int ld1_fail_internal(local_d1 *d)
{
    return ld1_fail(d, 500, 7500, "internal error; reference = local");
}

static const char *ld1_code_name(int code)
{
#define LD1_NAME(x) case x: return #x;
    switch (code) {
    LD1_NAME(SQLITE_ERROR) LD1_NAME(SQLITE_INTERNAL) LD1_NAME(SQLITE_PERM) LD1_NAME(SQLITE_ABORT)
    LD1_NAME(SQLITE_BUSY) LD1_NAME(SQLITE_LOCKED) LD1_NAME(SQLITE_NOMEM) LD1_NAME(SQLITE_READONLY)
    LD1_NAME(SQLITE_INTERRUPT) LD1_NAME(SQLITE_IOERR) LD1_NAME(SQLITE_CORRUPT) LD1_NAME(SQLITE_FULL)
    LD1_NAME(SQLITE_CANTOPEN) LD1_NAME(SQLITE_SCHEMA) LD1_NAME(SQLITE_TOOBIG) LD1_NAME(SQLITE_CONSTRAINT)
    LD1_NAME(SQLITE_MISMATCH) LD1_NAME(SQLITE_MISUSE) LD1_NAME(SQLITE_AUTH) LD1_NAME(SQLITE_RANGE)
    LD1_NAME(SQLITE_CONSTRAINT_CHECK) LD1_NAME(SQLITE_CONSTRAINT_COMMITHOOK) LD1_NAME(SQLITE_CONSTRAINT_FOREIGNKEY)
    LD1_NAME(SQLITE_CONSTRAINT_NOTNULL) LD1_NAME(SQLITE_CONSTRAINT_PRIMARYKEY) LD1_NAME(SQLITE_CONSTRAINT_TRIGGER)
    LD1_NAME(SQLITE_CONSTRAINT_UNIQUE) LD1_NAME(SQLITE_CONSTRAINT_VTAB) LD1_NAME(SQLITE_CONSTRAINT_ROWID)
    LD1_NAME(SQLITE_CONSTRAINT_DATATYPE) LD1_NAME(SQLITE_CORRUPT_VTAB)
    default: return NULL;
    }
#undef LD1_NAME
}

/* In D1's words: "<message>[ at offset N]: SQLITE_X[ (extended: SQLITE_X_Y)]". */
static int ld1_fail_sqlite(local_d1 *d, int preparing)
{
    static const char old_path[] = "JSON path error near ";
    int code = sqlite3_extended_errcode(d->db), primary = code & 0xff;
    int offset = preparing ? sqlite3_error_offset(d->db) : -1;
    const char *text = sqlite3_errmsg(d->db);
    const char *name = ld1_code_name(primary), *extended = code == primary ? NULL : ld1_code_name(code);
    const char *path = "";
    char where[32] = "", *message;

    if (d->refusal)
        return ld1_fail_user(d, d->refusal);
    if (strcmp(text, "not authorized") == 0) /* SQLite may say SQLITE_SCHEMA behind a rollback */
        name = "SQLITE_AUTH";
    if (strncmp(text, old_path, sizeof old_path - 1) == 0) { /* SQLite's words before 3.45 */
        text += sizeof old_path - 1;
        path = "bad JSON path: ";
    }
    if (offset >= 0)
        snprintf(where, sizeof where, " at offset %d", offset);
    message = sqlite3_mprintf("%s%s%s: %s%s%s%s", path, text, where, name ? name : "SQLITE_ERROR",
                              extended ? " (extended: " : "", extended ? extended : "", extended ? ")" : "");
    if (!message)
        return ld1_fail_internal(d);
    ld1_fail_user(d, message);
    sqlite3_free(message);
    return 0;
}

/* ---- what D1 refuses ------------------------------------------------------------------------------------------- */

static const char ld1_no_transactions[] =
    "To execute a transaction, please use the state.storage.transaction() or state.storage.transactionSync() APIs "
    "instead of the SQL BEGIN TRANSACTION or SAVEPOINT statements. The JavaScript API is safer because it will "
    "automatically roll back on exceptions, and because it interacts correctly with Durable Objects' automatic atomic "
    "write coalescing.";

static const char ld1_functions[] =
    " abs changes char coalesce concat concat_ws format glob hex ifnull iif instr last_insert_rowid length like "
    "likelihood likely lower ltrim nullif octet_length printf quote random randomblob replace round rtrim sign soundex "
    "substr substring total_changes trim typeof unhex unicode unlikely upper zeroblob "
    "date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp "
    "avg count group_concat max min string_agg sum total "
    "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value "
    "acos acosh asin asinh atan atan2 atanh ceil cos cosh degrees exp floor ln log log2 mod pi pow radians sin sinh "
    "sqrt tan tanh trunc "
    "json json_array json_array_length json_extract -> ->> json_insert json_object json_patch json_remove json_replace "
    "json_set json_type json_valid json_quote json_group_array json_group_object json_each json_tree "
    "jsonb jsonb_array jsonb_extract jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set "
    "jsonb_group_array jsonb_group_object jsonb_each jsonb_tree "
    "match highlight bm25 snippet rtreecheck "
    "sqlite_rename_column sqlite_rename_table sqlite_rename_test sqlite_drop_column sqlite_rename_quotefix ";

static int ld1_listed(const char *list, const char *name)
{
    char word[64];
    return snprintf(word, sizeof word, " %s ", name) < (int)sizeof word && strstr(list, word) != NULL;
}

static int ld1_name_allowed(const char *name)
{
    return !name || sqlite3_strnicmp(name, "_cf_", 4) != 0;
}

static int ld1_pragma_allowed(const char *name, const char *argument)
{
    size_t quoted;
    int i;

    if (ld1_listed(" table_list ", name))
        return 1;
    if (ld1_listed(" data_version page_size ", name))
        return !argument;
    if (ld1_listed(" foreign_keys defer_foreign_keys ignore_check_constraints case_sensitive_like legacy_alter_table "
                   "recursive_triggers reverse_unordered_selects ", name)) {
        static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "1", "0"};
        quoted = argument && (*argument == '\'' || *argument == '"');
        for (i = 0; argument && i < 8; i++)
            if (sqlite3_strnicmp(argument + quoted, words[i], (int)strlen(words[i])) == 0)
                return 1;
        return !argument;
    }
    if (ld1_listed(" table_info table_xinfo index_list index_info index_xinfo foreign_key_list ", name))
        return argument && ld1_name_allowed(argument);
    if (ld1_listed(" foreign_key_check quick_check ", name))
        return ld1_name_allowed(argument);
    return ld1_listed(" optimize ", name) && (!argument || !argument[strspn(argument, "-0123456789xXabcdefABCDEF")]);
}

static int ld1_module_allowed(const char *name)
{
    return name && (!sqlite3_stricmp(name, "fts5") || !sqlite3_stricmp(name, "fts5vocab") ||
                    !sqlite3_stricmp(name, "rtree") || !sqlite3_stricmp(name, "rtree_i32"));
}

static ld1_tally *ld1_tally_of(local_d1 *d, const char *table)
{
    size_t i;

    for (i = d->tallies; i-- > 0;)
        if (strcmp(d->tally[i].name, table) == 0)
            return &d->tally[i];
    if (d->tallies == d->tally_capacity) {
        size_t capacity = d->tally_capacity ? 2 * d->tally_capacity : 8;
        ld1_tally *grown = (ld1_tally *)sqlite3_realloc64(d->tally, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        d->tally = grown;
        d->tally_capacity = capacity;
    }
    memset(&d->tally[d->tallies], 0, sizeof *d->tally);
    d->tally[d->tallies].name = sqlite3_mprintf("%s", table);
    return d->tally[d->tallies].name ? &d->tally[d->tallies++] : NULL;
}

/* The statement will do this: remember what its price depends on. */
static void ld1_note(local_d1 *d, int action, const char *a, const char *b)
{
    ld1_tally *tally = NULL;
    char *column;

    if (action == SQLITE_READ)
        d->reads = 1;
    if (action == SQLITE_ALTER_TABLE)
        d->renames = 1;
    if (action == SQLITE_CREATE_TABLE || action == SQLITE_CREATE_VIEW || action == SQLITE_CREATE_VTABLE)
        d->schema_rows += 2;
    if (action == SQLITE_CREATE_INDEX || action == SQLITE_CREATE_TRIGGER)
        d->schema_rows++;
    if (action == SQLITE_CREATE_TABLE)
        tally = ld1_tally_of(d, a);
    if (action == SQLITE_CREATE_INDEX)
        tally = ld1_tally_of(d, b);
    if (tally)
        tally->filled++;
    if (action == SQLITE_INSERT && sqlite3_strnicmp(a, "sqlite_", 7) != 0)
        ld1_tally_of(d, a); /* AUTOINCREMENT costs even where no row is inserted */
    if (action == SQLITE_UPDATE && sqlite3_strnicmp(a, "sqlite_", 7) != 0 &&
        (column = sqlite3_mprintf("%s.%s", a, b ? b : "")) != NULL) {
        if (sqlite3_str_length(d->touched))
            ld1_put(d->touched, ",");
        ld1_put_name(d->touched, column);
        sqlite3_free(column);
    }
}

static int ld1_temp_allowed(int action, const char *a)
{
    return (action == SQLITE_READ || action == SQLITE_UPDATE) && ld1_name_allowed(a);
}

static int ld1_authorize(void *ctx, int action, const char *a, const char *b, const char *schema, const char *trigger)
{
    local_d1 *d = (local_d1 *)ctx;
    int allowed;

    (void)trigger;
    if (d->trusted)
        return SQLITE_OK;
    if (action == SQLITE_ALTER_TABLE) { /* the one action that has the schema first */
        schema = a;
        a = b;
        b = NULL;
    }
    switch (action) {
    case SQLITE_SELECT: case SQLITE_RECURSIVE: case SQLITE_ANALYZE:
        allowed = 1;
        break;
    case SQLITE_READ: case SQLITE_INSERT: case SQLITE_UPDATE: case SQLITE_DELETE: case SQLITE_REINDEX:
    case SQLITE_CREATE_TABLE: case SQLITE_CREATE_VIEW: case SQLITE_DROP_TABLE: case SQLITE_DROP_VIEW:
    case SQLITE_ALTER_TABLE:
        allowed = ld1_name_allowed(a);
        break;
    case SQLITE_CREATE_INDEX: case SQLITE_CREATE_TRIGGER: case SQLITE_DROP_INDEX: case SQLITE_DROP_TRIGGER:
        allowed = ld1_name_allowed(a) && ld1_name_allowed(b);
        break;
    case SQLITE_CREATE_VTABLE: case SQLITE_DROP_VTABLE:
        allowed = ld1_name_allowed(a) && ld1_module_allowed(b);
        break;
    case SQLITE_FUNCTION:
        allowed = ld1_listed(ld1_functions, b);
        break;
    case SQLITE_PRAGMA:
        allowed = ld1_pragma_allowed(a, b);
        break;
    case SQLITE_TRANSACTION: case SQLITE_SAVEPOINT:
        d->refusal = ld1_no_transactions;
        allowed = 0;
        break;
    default: /* ATTACH, DETACH, everything TEMP */
        allowed = 0;
    }
    if (schema && strcmp(schema, "temp") == 0)
        allowed = ld1_temp_allowed(action, a);
    else if (schema && strcmp(schema, "main") != 0)
        allowed = 0;
    if (allowed)
        ld1_note(d, action, a, b);
    return allowed ? SQLITE_OK : SQLITE_DENY;
}

/* ---- figures --------------------------------------------------------------------------------------------------- */

static void ld1_row_changes(void *ctx, sqlite3 *db, int action, const char *schema, const char *table,
                            sqlite3_int64 before, sqlite3_int64 after)
{
    ld1_tally *tally = ld1_tally_of((local_d1 *)ctx, table);

    (void)db, (void)schema;
    if (tally && action == SQLITE_INSERT)
        tally->inserted++;
    if (tally && action == SQLITE_UPDATE) {
        tally->updated++;
        tally->moved += before != after;
    }
}

static void ld1_start_figures(local_d1 *d)
{
    while (d->tallies)
        sqlite3_free(d->tally[--d->tallies].name);
    sqlite3_str_reset(d->touched);
    d->schema_rows = 0;
    d->reads = d->renames = 0;
}

/* CREATE ... IF NOT EXISTS, and it does. */
static void ld1_nothing_created(local_d1 *d)
{
    size_t i;

    d->schema_rows = 0;
    for (i = 0; i < d->tallies; i++)
        d->tally[i].filled = 0;
}

static uint64_t ld1_count_rows(local_d1 *d, const char *table)
{
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table);
    uint64_t count = 0;

    if (sql && sqlite3_prepare_v2(d->db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        count = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return count;
}

/* Rows and index entries, as D1 bills them. A delete is one, whatever its indexes; what REPLACE displaces is free. */
static uint64_t ld1_rows_written(local_d1 *d, uint64_t changes)
{
    static const char cost[] =
        "SELECT count(l.name), count(l.name) FILTER (WHERE EXISTS (SELECT 1 FROM pragma_index_info(l.name) i WHERE "
        "i.name IS NULL OR ?1||'.'||i.name IN (SELECT value FROM json_each('['||?2||']')))), "
        "(SELECT sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema WHERE type='table' AND name=?1), t.wr "
        "FROM pragma_table_list(?1) t LEFT JOIN pragma_index_list(?1) l ON l.origin<>'pk' OR NOT t.wr";
    uint64_t written = d->schema_rows, direct = 0;
    const char *touched = sqlite3_str_value(d->touched);
    size_t i;

    d->trusted = 1;
    if (!d->table_cost && sqlite3_prepare_v3(d->db, cost, -1, SQLITE_PREPARE_PERSISTENT, &d->table_cost, NULL))
        d->table_cost = NULL;
    for (i = 0; d->table_cost && i < d->tallies; i++) {
        const ld1_tally *t = &d->tally[i];
        uint64_t indexes = 0, rewritten = 0, sequence = 0;
        sqlite3_bind_text(d->table_cost, 1, t->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(d->table_cost, 2, touched ? touched : "", -1, SQLITE_STATIC);
        if (sqlite3_step(d->table_cost) == SQLITE_ROW) {
            indexes = (uint64_t)sqlite3_column_int64(d->table_cost, 0);
            rewritten = (uint64_t)sqlite3_column_int64(d->table_cost, 1);
            sequence = t->filled ? 0 : (uint64_t)sqlite3_column_int64(d->table_cost, 2);
            if (!sqlite3_column_int(d->table_cost, 3)) /* a new rowid is in every index */
                written += t->moved * (indexes - rewritten);
        }
        sqlite3_reset(d->table_cost);
        sqlite3_clear_bindings(d->table_cost);
        written += t->inserted * (1 + indexes) + t->updated * (1 + rewritten) + sequence;
        if (t->filled)
            written += t->filled * ld1_count_rows(d, t->name);
        direct += t->inserted + t->updated;
    }
    d->trusted = 0;
    return written + (changes > direct ? changes - direct : 0);
}

static sqlite3_int64 ld1_number_of(sqlite3_stmt *stmt)
{
    sqlite3_int64 number = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return number;
}

static uint64_t ld1_size(local_d1 *d)
{
    sqlite3_int64 pages;

    d->trusted = 1;
    pages = ld1_number_of(d->page_count) - ld1_number_of(d->free_count);
    d->trusted = 0;
    return (uint64_t)pages * d->page_size;
}

static double ld1_milliseconds(void)
{
#ifdef CLOCK_MONOTONIC
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) == 0)
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
#endif
    {
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL); /* strict C99 has no monotonic clock */
        sqlite3_int64 julian = 0;
        if (vfs && vfs->iVersion >= 2 && vfs->xCurrentTimeInt64)
            vfs->xCurrentTimeInt64(vfs, &julian);
        return (double)julian;
    }
}

/* ---- running statements ---------------------------------------------------------------------------------------- */

static void ld1_put_object(sqlite3_str *out, sqlite3_stmt *stmt, int columns, const int *last)
{
    const char *comma = "";
    int i;

    ld1_put(out, "{");
    for (i = 0; i < columns; i++) {
        if (last[i] < 0)
            continue;
        ld1_put(out, comma);
        ld1_put_name(out, sqlite3_column_name(stmt, i));
        ld1_put(out, ":");
        ld1_put_value(out, stmt, last[i]);
        comma = ",";
    }
    ld1_put(out, "}");
}

static void ld1_put_array(sqlite3_str *out, sqlite3_stmt *stmt, int columns)
{
    int i;

    ld1_put(out, "[");
    for (i = 0; i < columns; i++) {
        if (i)
            ld1_put(out, ",");
        ld1_put_value(out, stmt, i);
    }
    ld1_put(out, "]");
}

/* In an object the first of several equal names keeps the place and the last gives the value: last[i] is the column
 * whose value stands under the name of column i, or -1. */
static void ld1_merge_names(sqlite3_stmt *stmt, int columns, int *last)
{
    int i, j;

    for (i = 0; i < columns; i++) {
        const char *name = sqlite3_column_name(stmt, i);
        last[i] = i;
        for (j = 0; j < i; j++) {
            const char *earlier = sqlite3_column_name(stmt, j);
            if (name && earlier && strcmp(name, earlier) == 0) {
                last[i] = -1;
                if (last[j] >= 0)
                    last[j] = i;
            }
        }
    }
}

static int ld1_put_rows(local_d1 *d, sqlite3_stmt *stmt, uint64_t *rows)
{
    int columns = sqlite3_column_count(stmt), last[LD1_COLUMNS], i, rc;

    if (columns > LD1_COLUMNS)
        return ld1_fail_internal(d); /* the COLUMN limit makes it impossible */
    ld1_merge_names(stmt, columns, last);
    ld1_put(d->out, d->raw ? "{\"columns\":[" : "[");
    for (i = 0; d->raw && i < columns; i++) {
        if (i)
            ld1_put(d->out, ",");
        ld1_put_name(d->out, sqlite3_column_name(stmt, i));
    }
    if (d->raw)
        ld1_put(d->out, "],\"rows\":[");
    for (*rows = 0; (rc = sqlite3_step(stmt)) == SQLITE_ROW; ++*rows) {
        if (*rows)
            ld1_put(d->out, ",");
        if (d->raw)
            ld1_put_array(d->out, stmt, columns);
        else
            ld1_put_object(d->out, stmt, columns, last);
    }
    ld1_put(d->out, d->raw ? "]}" : "]");
    return rc == SQLITE_DONE || ld1_fail_sqlite(d, 0);
}

/* sqlite3_set_authorizer is not told a table's new name. */
static int ld1_rename_allowed(local_d1 *d)
{
    sqlite3_stmt *stmt = NULL;
    int bad = 0;

    d->trusted = 1;
    if (sqlite3_prepare_v2(d->db, "SELECT 1 FROM sqlite_schema WHERE lower(substr(name,1,4))='_cf_' AND "
                           "name<>'_cf_METADATA'", -1, &stmt, NULL) == SQLITE_OK)
        bad = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    d->trusted = 0;
    return !bad || ld1_fail_user(d, "not authorized: SQLITE_AUTH");
}

static sqlite3_int64 ld1_schema_version(local_d1 *d)
{
    sqlite3_int64 version;

    d->trusted = 1; /* it is compiled anew after each change */
    version = ld1_number_of(d->schema_version);
    d->trusted = 0;
    return version;
}

static int ld1_execute(local_d1 *d, sqlite3_stmt *stmt)
{
    uint64_t size = ld1_size(d), size_after, rows, read, changes, written;
    sqlite3_int64 total = sqlite3_total_changes64(d->db), last = sqlite3_last_insert_rowid(d->db);
    sqlite3_int64 version = ld1_schema_version(d);
    double start = d->is_virtual ? 0 : ld1_milliseconds(), took;

    ld1_put(d->out, d->results++ ? ",{\"success\":true,\"results\":" : "{\"success\":true,\"results\":");
    if (!ld1_put_rows(d, stmt, &rows))
        return 0;
    took = d->is_virtual ? 0 : (double)(sqlite3_int64)((ld1_milliseconds() - start) * 1e4) / 1e4;
    read = (uint64_t)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
    read += read != 0; /* the step onto the first row is not counted */
    changes = (uint64_t)(sqlite3_total_changes64(d->db) - total);
    if (d->reads && !sqlite3_stmt_isexplain(stmt)) {
        read = rows > read ? rows : read;
        read = changes > read ? changes : read;
    }
    if (version == ld1_schema_version(d))
        ld1_nothing_created(d);
    written = ld1_rows_written(d, changes);
    size_after = ld1_size(d);
    ld1_put(d->out, ",\"meta\":{\"served_by\":\"local\",\"served_by_primary\":true,\"duration\":");
    ld1_put_number(d->out, took);
    ld1_put(d->out, ",\"timings\":{\"sql_duration_ms\":");
    ld1_put_number(d->out, took);
    sqlite3_str_appendf(d->out, "},\"changes\":%llu,\"last_row_id\":", changes);
    ld1_put_number(d->out, (double)sqlite3_last_insert_rowid(d->db));
    sqlite3_str_appendf(d->out, ",\"changed_db\":%s,\"size_after\":%llu,\"rows_read\":%llu,\"rows_written\":%llu,"
                        "\"total_attempts\":1}}",
                        changes || size != size_after || last != sqlite3_last_insert_rowid(d->db) ? "true" : "false",
                        size_after, read, written);
    return 1;
}

/* An array of 0..255, as SQLite writes JSON: no blanks. */
static unsigned char *ld1_bytes(const char *text, size_t size, int *count)
{
    unsigned char *bytes = (unsigned char *)sqlite3_malloc64(size / 2 + 1);
    const char *p = text + 1;
    char *end;
    double value;

    *count = 0;
    while (bytes && *p != ']') {
        value = strtod(p, &end); /* JavaScript takes 1.0 and 1e2 for bytes as well */
        if (end == p || value < 0 || value > 255 || value != (double)(int)value || (*end != ',' && *end != ']')) {
            sqlite3_free(bytes);
            return NULL;
        }
        bytes[(*count)++] = (unsigned char)value;
        p = end + (*end == ',');
    }
    return bytes;
}

static int ld1_bind(local_d1 *d, sqlite3_stmt *stmt, int index)
{
    const char *type = (const char *)sqlite3_column_text(d->read_params, 0);
    const char *text = (const char *)sqlite3_column_text(d->read_params, 1);
    int size = sqlite3_column_bytes(d->read_params, 1), rc;
    unsigned char *bytes;

    if (!type)
        return ld1_fail_internal(d);
    if (strcmp(type, "null") == 0)
        rc = sqlite3_bind_null(stmt, index);
    else if (strcmp(type, "text") == 0)
        rc = sqlite3_bind_text(stmt, index, text ? text : "", size, SQLITE_TRANSIENT);
    else if (strcmp(type, "integer") == 0 || strcmp(type, "real") == 0)
        rc = sqlite3_bind_double(stmt, index, sqlite3_column_double(d->read_params, 1));
    else if (strcmp(type, "true") == 0 || strcmp(type, "false") == 0)
        rc = sqlite3_bind_int(stmt, index, type[0] == 't'); /* production: unknown */
    else if (strcmp(type, "array") == 0 && text && (bytes = ld1_bytes(text, (size_t)size, &size)) != NULL)
        rc = sqlite3_bind_blob(stmt, index, bytes, size, sqlite3_free);
    else
        return ld1_fail_body(d);
    return rc == SQLITE_OK || (rc == SQLITE_TOOBIG ? ld1_fail_user(d, "string or blob too big: SQLITE_TOOBIG")
                                                   : ld1_fail_internal(d));
}

static void ld1_read(sqlite3_stmt *reader, const char *json, size_t size)
{
    sqlite3_reset(reader);
    sqlite3_bind_text64(reader, 1, json, size, SQLITE_STATIC, SQLITE_UTF8);
}

static int ld1_bind_all(local_d1 *d, sqlite3_stmt *stmt, const char *query, size_t size)
{
    int count = 0, wanted = sqlite3_bind_parameter_count(stmt), ok = 1;

    ld1_read(d->read_params, query, size);
    while (ok && sqlite3_step(d->read_params) == SQLITE_ROW)
        if (++count <= wanted)
            ok = ld1_bind(d, stmt, count);
    sqlite3_reset(d->read_params);
    if (ok && count != wanted)
        return ld1_fail_user(d, "Wrong number of parameter bindings for SQL query.");
    return ok;
}

/* Behind blanks and comments. */
static const char *ld1_skip(const char *sql)
{
    for (;;) {
        const char *end;
        sql += strspn(sql, " \t\n\v\f\r");
        if (sql[0] == '-' && sql[1] == '-') {
            sql += strcspn(sql, "\n");
        } else if (sql[0] == '/' && sql[1] == '*') {
            end = strstr(sql + 2, "*/");
            sql = end ? end + 2 : sql + strlen(sql);
        } else {
            return sql;
        }
    }
}

/* All statements of one text; only the last may have parameters. every: each gives a result, not just the last. */
static int ld1_run_text(local_d1 *d, const char *sql, int every, const char *query, size_t size)
{
    int more = 1, ok = 1;

    if (strlen(sql) > (size_t)sqlite3_limit(d->db, SQLITE_LIMIT_SQL_LENGTH, -1))
        return ld1_fail_user(d, "statement too long: SQLITE_TOOBIG"); /* the whole text counts, as in workerd */
    while (ok && more) {
        sqlite3_stmt *stmt = NULL;
        const char *tail = sql;
        d->refusal = NULL;
        ld1_start_figures(d);
        ok = sqlite3_prepare_v2(d->db, sql, -1, &stmt, &tail) == SQLITE_OK || ld1_fail_sqlite(d, 1);
        if (ok && !stmt)
            ok = ld1_fail_user(d, "SQL code did not contain a statement.");
        sql = tail + strspn(tail, " \t\n\v\f\r");
        more = *sql != 0;
        if (ok && more && sqlite3_bind_parameter_count(stmt))
            ok = ld1_fail_user(d, "When executing multiple SQL statements in a single call, only the last statement "
                                  "can have parameters.");
        if (ok && !more)
            ok = ld1_bind_all(d, stmt, query, size);
        if (ok && (every || !more)) {
            ok = ld1_execute(d, stmt);
        } else if (ok) {
            while ((ok = sqlite3_step(stmt)) == SQLITE_ROW)
                ;
            ok = ok == SQLITE_DONE || ld1_fail_sqlite(d, 0);
        }
        sqlite3_finalize(stmt);
        if (ok && d->renames)
            ok = ld1_rename_allowed(d);
    }
    return ok;
}

/* One {"sql":...,"params":...}; a text of nothing but comments has no statements and no results. */
static int ld1_run_query(local_d1 *d, const char *query, size_t size, int every)
{
    const char *type, *sql;
    int ok = 0;

    ld1_read(d->read_query, query, size);
    if (sqlite3_step(d->read_query) != SQLITE_ROW)
        return ld1_fail_body(d);
    type = (const char *)sqlite3_column_text(d->read_query, 0);
    sql = (const char *)sqlite3_column_text(d->read_query, 1);
    if (!type || strcmp(type, "text") != 0 || !sql || !sqlite3_column_int(d->read_query, 2))
        ok = ld1_fail_body(d);
    else
        ok = *ld1_skip(sql) == 0 || ld1_run_text(d, sql, every, query, size);
    sqlite3_reset(d->read_query);
    return ok;
}

static int ld1_run_batch(local_d1 *d, const char *body, size_t size)
{
    int ok = 1, rc = SQLITE_DONE;

    ld1_read(d->read_batch, body, size);
    while (ok && (rc = sqlite3_step(d->read_batch)) == SQLITE_ROW) {
        const char *query = (const char *)sqlite3_column_text(d->read_batch, 0);
        if (!query || !sqlite3_column_int(d->read_batch, 1))
            ok = ld1_fail_body(d);
        else
            ok = ld1_run_query(d, query, (size_t)sqlite3_column_bytes(d->read_batch, 0), 0);
    }
    sqlite3_reset(d->read_batch);
    return ok && (rc == SQLITE_DONE || ld1_fail_internal(d));
}

static int ld1_run_body(local_d1 *d, const char *body, size_t size)
{
    const char *batch;
    int ok;

    d->results = 0;
    ld1_put(d->out, "{\"result\":[");
    ld1_read(d->read_body, body, size);
    if (sqlite3_step(d->read_body) != SQLITE_ROW || !sqlite3_column_int(d->read_body, 0)) {
        ok = ld1_fail_body(d);
    } else {
        batch = (const char *)sqlite3_column_text(d->read_body, 1);
        if (!batch)
            ok = ld1_run_query(d, body, size, 1);
        else
            ok = strcmp(batch, "array") == 0 ? ld1_run_batch(d, body, size) : ld1_fail_body(d);
    }
    sqlite3_reset(d->read_body);
    if (ok && d->results == 0)
        ok = ld1_fail_user(d, "No SQL statements detected.");
    if (ok)
        ld1_put(d->out, "],\"success\":true,\"errors\":[],\"messages\":[]}");
    return ok;
}

static int ld1_own(local_d1 *d, const char *sql)
{
    int rc;

    d->trusted = 1;
    rc = sqlite3_exec(d->db, sql, NULL, NULL, NULL);
    d->trusted = 0;
    return rc;
}

static void ld1_run(local_d1 *d, const char *body, size_t size)
{
    int rc = ld1_own(d, "BEGIN IMMEDIATE"), ok = 0;

    if (rc != SQLITE_OK)
        ld1_fail_internal(d); /* another process has the file */
    else
        ok = ld1_run_body(d, body, size);
    if (ok && sqlite3_str_errcode(d->out) != SQLITE_OK)
        ok = 0; /* an answer too big to build: nothing was done */
    if (ok && (rc = ld1_own(d, "COMMIT")) != SQLITE_OK) { /* leaves the transaction open */
        if ((rc & 0xff) == SQLITE_CONSTRAINT)
            ld1_fail(d, 500, 7500, "Durable Object was reset and rolled back to its last known good state because the "
                     "application left the database in a state where constraints were violated: FOREIGN KEY constraint "
                     "failed: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_FOREIGNKEY)");
        else
            ld1_fail_internal(d);
    }
    if (!sqlite3_get_autocommit(d->db))
        ld1_own(d, "ROLLBACK");
    else if (!ok)
        ld1_fail_internal(d); /* INSERT OR ROLLBACK and the like take D1's own transaction away */
    ld1_start_figures(d);
}

/* ---- HTTP ------------------------------------------------------------------------------------------------------ */

static void ld1_metadata(local_d1 *d, const char *id, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3_int64 tables = 0;

    d->trusted = 1;
    if (sqlite3_prepare_v2(d->db, "SELECT count(*) FROM sqlite_schema WHERE type='table' AND name<>'_cf_METADATA' AND "
                           "substr(name,1,7)<>'sqlite_'", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        tables = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    d->trusted = 0;
    ld1_put(d->out, "{\"result\":{\"uuid\":");
    ld1_put_string(d->out, id, size);
    sqlite3_str_appendf(d->out, ",\"name\":\"local\",\"version\":\"production\",\"created_at\":"
                        "\"2024-01-01T00:00:00.000Z\",\"num_tables\":%lld,\"file_size\":%llu,"
                        "\"running_in_region\":\"WEUR\",\"jurisdiction\":null,\"read_replication\":{\"mode\":"
                        "\"disabled\"}},\"success\":true,\"errors\":[],\"messages\":[]}",
                        tables, ld1_size(d));
}

static int ld1_authorized(local_d1 *d, const char *authorization)
{
    static const char bearer[] = "Bearer ";

    if (!authorization || strncmp(authorization, bearer, sizeof bearer - 1) != 0 || !authorization[sizeof bearer - 1])
        return ld1_fail(d, 401, 10000, "Authentication error");
    if (d->token && strcmp(authorization + sizeof bearer - 1, d->token) != 0)
        return ld1_fail(d, 403, 10000, "Authentication error");
    return 1;
}

static void ld1_route(local_d1 *d, const char *method, const char *url, const char *body, size_t size)
{
    static const char path[] = "/d1/database/";
    const char *id = strstr(url, path), *rest = id;
    size_t id_size = 0, rest_size = 0;
    int is_raw, is_query;
    char *message;

    if (id) {
        id += sizeof path - 1;
        id_size = strcspn(id, "/?#");
        rest = id + id_size;
        rest_size = strcspn(rest, "?#");
    }
    is_raw = rest_size == 4 && strncmp(rest, "/raw", 4) == 0;
    is_query = rest_size == 6 && strncmp(rest, "/query", 6) == 0;
    if (id_size && (is_raw || is_query) && strcmp(method, "POST") == 0) {
        d->raw = is_raw;
        ld1_run(d, body, size);
    } else if (id_size && rest_size == 0 && strcmp(method, "GET") == 0) {
        ld1_metadata(d, id, id_size);
    } else {
        message = sqlite3_mprintf("Could not route to %s, perhaps your object identifier is invalid?", url);
        ld1_fail(d, 404, 7003, message ? message : "Could not route");
        sqlite3_free(message);
    }
}

static void ld1_keep_body(local_d1 *d, const char *content_type)
{
    static const char no_memory[] = "{\"result\":null,\"success\":false,\"errors\":[{\"code\":7500,\"message\":"
                                    "\"internal error; reference = memory\"}],\"messages\":[]}";

    sqlite3_free(d->body);
    d->content_type = content_type;
    if (sqlite3_str_errcode(d->out) == SQLITE_OK) {
        d->size = (size_t)sqlite3_str_length(d->out);
        d->body = sqlite3_str_finish(d->out);
    } else {
        sqlite3_free(sqlite3_str_finish(d->out));
        d->status = 500;
        d->body = sqlite3_mprintf("%s", no_memory);
        d->size = d->body ? sizeof no_memory - 1 : 0;
    }
    d->out = sqlite3_str_new(NULL);
}

static void ld1_answer(local_d1 *d, const char *method, const char *url, const char *authorization, const char *body,
                       size_t size)
{
    d->status = 200;
    if (ld1_authorized(d, authorization))
        ld1_route(d, method, url, body, size);
    ld1_keep_body(d, "application/json");
}

static char *ld1_copy(char **at, const void *from, size_t size)
{
    char *to = *at;

    memcpy(to, from, size);
    to[size] = 0;
    *at += size + 1;
    return to;
}

static void ld1_postpone(local_d1 *d, const char *method, const char *url, const char *authorization, const char *body,
                         size_t size, uint64_t due_ms)
{
    size_t m = strlen(method), u = strlen(url), a = authorization ? strlen(authorization) : 0;
    ld1_late *late = (ld1_late *)sqlite3_malloc64(sizeof *late + m + u + a + size + 4), **at = &d->late;
    char *text;

    if (!late)
        return; /* then it never lands, which a lost request may do too */
    text = (char *)(late + 1);
    late->due_ms = due_ms;
    late->size = size;
    late->method = ld1_copy(&text, method, m);
    late->url = ld1_copy(&text, url, u);
    late->authorization = ld1_copy(&text, authorization ? authorization : "", a);
    late->body = ld1_copy(&text, size ? body : "", size);
    while (*at && (*at)->due_ms <= due_ms)
        at = &(*at)->next;
    late->next = *at;
    *at = late;
}

void local_d1_advance(local_d1 *d, uint64_t now_ms)
{
    while (d->late && d->late->due_ms <= now_ms) {
        ld1_late *late = d->late;
        d->late = late->next;
        ld1_answer(d, late->method, late->url, late->authorization, late->body, late->size);
        sqlite3_free(late);
    }
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

void local_d1_set_fault(local_d1 *d, local_d1_fault fault, uint64_t first, uint64_t count)
{
    d->fault = fault;
    d->fault_first = first;
    d->fault_count = count;
    d->fault_seen = 0;
}

local_d1_fault local_d1_next_fault(const local_d1 *d)
{
    uint64_t next = d->fault_seen + 1;
    return next >= d->fault_first && next - d->fault_first < d->fault_count ? d->fault : LOCAL_D1_OK;
}

/* The faults that are an answer of their own; 0 for the rest. */
static int ld1_canned(local_d1 *d, local_d1_fault fault)
{
    switch (fault) {
    case LOCAL_D1_429_API:
        ld1_fail(d, 429, 971, "Please wait and consider throttling your request speed");
        break;
    case LOCAL_D1_429_BUSY:
        ld1_fail(d, 429, 7500, "D1 DB is overloaded. Too many requests queued.");
        break;
    case LOCAL_D1_500: case LOCAL_D1_500_AFTER:
        ld1_fail(d, 500, 7500, "Internal error in D1 DB storage caused object to be reset.");
        break;
    case LOCAL_D1_503_HTML:
        d->status = 503;
        ld1_put(d->out, "<!DOCTYPE html>\n<html><head><title>503 Service Temporarily Unavailable</title></head>\n"
                        "<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>\n");
        break;
    case LOCAL_D1_DB_FULL:
        ld1_fail_user(d, "Exceeded maximum DB size");
        break;
    case LOCAL_D1_DAY_LIMIT:
        ld1_fail(d, 429, 7500, "Your account has exceeded D1's free tier daily row write limit. Upgrade to the paid "
                 "plan or wait until 00:00 UTC.");
        break;
    default:
        return 0;
    }
    ld1_keep_body(d, fault == LOCAL_D1_503_HTML ? "text/html; charset=UTF-8" : "application/json");
    return 1;
}

static int ld1_never_executes(local_d1_fault fault)
{
    return fault == LOCAL_D1_REFUSE || fault == LOCAL_D1_CUT_REQUEST || fault == LOCAL_D1_LOSE_BEFORE ||
           fault == LOCAL_D1_SILENT;
}

static void ld1_fill(local_d1 *d, local_d1_fault fault, uint64_t now_ms, local_d1_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    answer->at_ms = now_ms;
    if (fault == LOCAL_D1_REFUSE) {
        answer->failure = LOCAL_D1_REFUSED;
    } else if (fault == LOCAL_D1_SILENT || fault == LOCAL_D1_LATE) {
        answer->failure = LOCAL_D1_TIMEOUT;
        answer->at_ms = UINT64_MAX;
    } else if (fault == LOCAL_D1_CUT_REQUEST || fault == LOCAL_D1_LOSE_BEFORE || fault == LOCAL_D1_LOSE_AFTER ||
               fault == LOCAL_D1_ZOMBIE) {
        answer->failure = LOCAL_D1_BROKEN;
    } else {
        answer->failure = fault == LOCAL_D1_CUT_ANSWER ? LOCAL_D1_BROKEN : LOCAL_D1_ANSWERED;
        answer->status = d->status;
        answer->content_type = d->content_type;
        answer->body = d->body ? d->body : "";
        answer->size = fault == LOCAL_D1_CUT_ANSWER ? d->size / 2 : d->size;
        if (fault == LOCAL_D1_429_API)
            strcpy(answer->retry_after, "2");
    }
}

void local_d1_exchange(local_d1 *d, const char *method, const char *url, const char *authorization, const char *body,
                       size_t size, uint64_t now_ms, local_d1_answer *answer)
{
    local_d1_fault fault = local_d1_next_fault(d);

    local_d1_advance(d, now_ms);
    d->requests++;
    d->fault_seen++;
    if (fault == LOCAL_D1_LATE || fault == LOCAL_D1_ZOMBIE) {
        ld1_postpone(d, method, url, authorization, body, size,
                     now_ms + (fault == LOCAL_D1_LATE ? LD1_LATE_MS : LD1_ZOMBIE_MS));
    } else if (!ld1_never_executes(fault)) {
        if (fault == LOCAL_D1_500_AFTER)
            ld1_answer(d, method, url, authorization, body, size);
        if (!ld1_canned(d, fault))
            ld1_answer(d, method, url, authorization, body, size);
        if (fault == LOCAL_D1_TWICE) {
            char *first = d->body;
            size_t first_size = d->size;
            int status = d->status;
            d->body = NULL;
            ld1_answer(d, method, url, authorization, body, size);
            sqlite3_free(d->body);
            d->body = first;
            d->size = first_size;
            d->status = status;
        }
    }
    ld1_fill(d, fault, now_ms, answer);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* unhex(x) of SQLite 3.41: NULL for anything that is not an even number of hex digits. */
static void ld1_unhex(sqlite3_context *ctx, int count, sqlite3_value **values)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *text = (const char *)sqlite3_value_text(values[0]);
    int size = sqlite3_value_bytes(values[0]), i;
    unsigned char *bytes;

    (void)count;
    if (!text || size % 2)
        return;
    bytes = (unsigned char *)sqlite3_malloc64((sqlite3_uint64)size / 2 + 1);
    if (!bytes) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    for (i = 0; i < size; i += 2) {
        const char *high = text[i] ? strchr(digits, text[i]) : NULL;
        const char *low = text[i + 1] ? strchr(digits, text[i + 1]) : NULL;
        if (!high || !low) {
            sqlite3_free(bytes);
            return;
        }
        bytes[i / 2] = (unsigned char)((high - digits) % 16 * 16 + (low - digits) % 16);
    }
    sqlite3_result_blob(ctx, bytes, size / 2, sqlite3_free);
}

static void ld1_set_limits(sqlite3 *db)
{
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 2200000);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 100000);
    sqlite3_limit(db, SQLITE_LIMIT_COLUMN, LD1_COLUMNS);
    sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_limit(db, SQLITE_LIMIT_COMPOUND_SELECT, 5);
    sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 25000);
    sqlite3_limit(db, SQLITE_LIMIT_FUNCTION_ARG, 127);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50);
    sqlite3_limit(db, SQLITE_LIMIT_VARIABLE_NUMBER, 100);
    sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 10);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
}

static int ld1_set_up(local_d1 *d)
{
    static const char own[] =
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-32768;"
        "PRAGMA secure_delete=OFF; PRAGMA recursive_triggers=OFF;"
        "CREATE TABLE IF NOT EXISTS _cf_METADATA (key INTEGER PRIMARY KEY, value BLOB)";
    const unsigned keep = SQLITE_PREPARE_PERSISTENT;
    sqlite3_stmt *stmt = NULL;
    int ok = sqlite3_busy_timeout(d->db, 5000) == SQLITE_OK &&
             sqlite3_exec(d->db, own, NULL, NULL, NULL) == SQLITE_OK &&
             sqlite3_prepare_v3(d->db, "PRAGMA page_count", -1, keep, &d->page_count, NULL) == SQLITE_OK &&
             sqlite3_prepare_v3(d->db, "PRAGMA schema_version", -1, keep, &d->schema_version, NULL) == SQLITE_OK &&
             sqlite3_prepare_v3(d->db, "PRAGMA freelist_count", -1, keep, &d->free_count, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(d->db, "PRAGMA page_size", -1, &stmt, NULL) == SQLITE_OK;

    if (ok)
        d->page_size = (uint64_t)ld1_number_of(stmt);
    sqlite3_finalize(stmt);
    if (sqlite3_libversion_number() < 3041000)
        ok = ok && sqlite3_create_function_v2(d->db, "unhex", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS,
                                              NULL, ld1_unhex, NULL, NULL, NULL) == SQLITE_OK;
    ok = ok && sqlite3_db_config(d->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL) == SQLITE_OK &&
         sqlite3_db_config(d->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) == SQLITE_OK &&
         sqlite3_db_config(d->db, SQLITE_DBCONFIG_DQS_DML, 1, NULL) == SQLITE_OK &&
         sqlite3_db_config(d->db, SQLITE_DBCONFIG_DQS_DDL, 1, NULL) == SQLITE_OK &&
         sqlite3_set_authorizer(d->db, ld1_authorize, d) == SQLITE_OK;
    ld1_set_limits(d->db);
    sqlite3_preupdate_hook(d->db, ld1_row_changes, d);
    return ok;
}

static int ld1_prepare_readers(local_d1 *d)
{
    static const char body[] = "SELECT json_valid(?1), CASE WHEN json_valid(?1) THEN json_type(?1,'$.batch') END";
    static const char batch[] = "SELECT value, type='object' FROM json_each(?1,'$.batch')";
    static const char query[] = "SELECT json_type(?1,'$.sql'), json_extract(?1,'$.sql'), "
                                "coalesce(json_type(?1,'$.params'),'null') IN ('null','array')";
    static const char params[] = "SELECT type, CASE type WHEN 'array' THEN value ELSE atom END "
                                 "FROM json_each(?1,'$.params') WHERE fullkey<>'$.params'";
    const unsigned keep = SQLITE_PREPARE_PERSISTENT;

    return sqlite3_prepare_v3(d->json, body, -1, keep, &d->read_body, NULL) == SQLITE_OK &&
           sqlite3_prepare_v3(d->json, batch, -1, keep, &d->read_batch, NULL) == SQLITE_OK &&
           sqlite3_prepare_v3(d->json, query, -1, keep, &d->read_query, NULL) == SQLITE_OK &&
           sqlite3_prepare_v3(d->json, params, -1, keep, &d->read_params, NULL) == SQLITE_OK;
}

local_d1 *local_d1_open(const char *path, const char *token)
{
    local_d1 *d = (local_d1 *)sqlite3_malloc64(sizeof *d);

    if (!d)
        return NULL;
    memset(d, 0, sizeof *d);
    d->out = sqlite3_str_new(NULL);
    d->touched = sqlite3_str_new(NULL);
    d->token = token ? sqlite3_mprintf("%s", token) : NULL;
    if ((token && !d->token) || sqlite3_open(":memory:", &d->json) != SQLITE_OK ||
        sqlite3_open(path ? path : ":memory:", &d->db) != SQLITE_OK || !ld1_prepare_readers(d) || !ld1_set_up(d)) {
        local_d1_close(d);
        return NULL;
    }
    return d;
}

void local_d1_close(local_d1 *d)
{
    if (!d)
        return;
    ld1_start_figures(d);
    sqlite3_free(d->tally);
    while (d->late) {
        ld1_late *next = d->late->next;
        sqlite3_free(d->late);
        d->late = next;
    }
    sqlite3_finalize(d->read_body);
    sqlite3_finalize(d->read_batch);
    sqlite3_finalize(d->read_query);
    sqlite3_finalize(d->read_params);
    sqlite3_finalize(d->page_count);
    sqlite3_finalize(d->schema_version);
    sqlite3_finalize(d->free_count);
    sqlite3_finalize(d->table_cost);
    d->trusted = 1; /* closing a WAL file may write */
    sqlite3_close(d->db);
    sqlite3_close(d->json);
    sqlite3_free(sqlite3_str_finish(d->out));
    sqlite3_free(sqlite3_str_finish(d->touched));
    sqlite3_free(d->body);
    sqlite3_free(d->token);
    sqlite3_free(d);
}

uint64_t local_d1_requests(const local_d1 *d)
{
    return d->requests;
}

sqlite3 *local_d1_sqlite(local_d1 *d)
{
    return d->db;
}

void local_d1_set_length_limit(local_d1 *d, int bytes)
{
    sqlite3_limit(d->db, SQLITE_LIMIT_LENGTH, bytes);
}

void local_d1_set_piece(local_d1 *d, size_t bytes)
{
    d->piece = bytes;
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

void local_d1_virtual_clock(local_d1 *d, uint64_t start_ms)
{
    d->is_virtual = 1;
    d->clock_ms = start_ms;
}

uint64_t local_d1_now(local_d1 *d)
{
    uint64_t now = d->is_virtual ? 0 : (uint64_t)ld1_milliseconds();

    if (now > d->clock_ms) /* never back, even where only the wall clock could be had */
        d->clock_ms = now;
    return d->clock_ms;
}

void local_d1_sleep(local_d1 *d, uint64_t ms)
{
    uint64_t until = local_d1_now(d) + ms, now;

    if (d->is_virtual)
        d->clock_ms = until;
    while ((now = local_d1_now(d)) < until)
        sqlite3_sleep(until - now < 1000 ? (int)(until - now) : 1000);
    local_d1_advance(d, until);
}

/* ---- d1target.h's message seam --------------------------------------------------------------------------------- */

#ifdef D1TARGET_H_INCLUDED
static char *ld1_text(const char *before, d1t_str text)
{
    return sqlite3_mprintf("%s%.*s", before, (int)text.n, text.p ? text.p : "");
}

/* The body, as far as the connection carries it. NULL: no memory, or the client cannot read it. */
static char *ld1_pull(d1t_request *req, local_d1_fault fault, size_t *size)
{
    size_t all = (size_t)req->body_size, got = 1;
    size_t want = fault == LOCAL_D1_REFUSE ? 0 : fault == LOCAL_D1_CUT_REQUEST ? all / 2 : all;
    char *body = (char *)sqlite3_malloc64(want + 1);

    *size = 0;
    while (body && *size < want && (got = d1t_request_read(req, body + *size, want - *size)) > 0)
        *size += got;
    if (body && *size < want) {
        sqlite3_free(body);
        return NULL;
    }
    return body;
}

static d1t_result ld1_feed(const local_d1 *d, const local_d1_answer *answer, d1t_op *op)
{
    size_t piece = d->piece ? d->piece : answer->size, at, n;
    d1t_result result = D1T_OK;

    if (answer->status == 0)
        return D1T_OK;
    d1t_op_on_status(op, answer->status);
    if (answer->retry_after[0])
        d1t_op_on_header(op, "Retry-After", answer->retry_after);
    for (at = 0; !result && at < answer->size; at += n) {
        n = answer->size - at < piece ? answer->size - at : piece;
        result = d1t_op_on_body(op, answer->body + at, n);
    }
    return result;
}

static d1t_result ld1_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    local_d1 *d = (local_d1 *)ctx;
    size_t size = 0;
    char *method = ld1_text("", req->method), *url = ld1_text("", req->url);
    char *authorization = ld1_text("Bearer ", req->token), *body = ld1_pull(req, local_d1_next_fault(d), &size);
    local_d1_answer answer;
    d1t_result result = D1T_ERR_TRANSPORT;
    uint64_t now = local_d1_now(d);

    if (method && url && authorization && body) {
        local_d1_exchange(d, method, url, authorization, body, size, now, &answer);
        result = ld1_feed(d, &answer, op);
        if (!result && answer.failure == LOCAL_D1_REFUSED)
            result = D1T_ERR_CONNECT;
        if (!result && answer.failure == LOCAL_D1_BROKEN)
            result = D1T_ERR_TRANSPORT;
        if (!result && answer.failure == LOCAL_D1_TIMEOUT) {
            local_d1_sleep(d, req->deadline_ms > now ? req->deadline_ms - now : 0);
            result = D1T_ERR_TIMEOUT;
        }
    }
    sqlite3_free(method);
    sqlite3_free(url);
    sqlite3_free(authorization);
    sqlite3_free(body);
    return result;
}

static uint64_t ld1_transport_now(void *ctx)
{
    return local_d1_now((local_d1 *)ctx);
}

static void ld1_transport_sleep(void *ctx, uint64_t ms)
{
    local_d1_sleep((local_d1 *)ctx, ms);
}

d1t_transport local_d1_transport(local_d1 *d)
{
    d1t_transport transport;

    memset(&transport, 0, sizeof transport);
    transport.version = D1T_TRANSPORT_VERSION;
    transport.ctx = d;
    transport.perform = ld1_perform;
    transport.now_ms = ld1_transport_now;
    transport.sleep_ms = ld1_transport_sleep;
    transport.close = NULL;
    return transport;
}
#endif /* D1TARGET_H_INCLUDED */

#endif /* LOCAL_D1_IMPLEMENTED */
#endif /* LOCAL_D1_IMPLEMENTATION */
