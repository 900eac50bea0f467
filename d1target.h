/*
d1target.h - rows from a C program into Cloudflare D1
=====================================================

One header, C99 (and C++11), MIT licence at the end of the file. It makes a D1 database hold what a
program says it should hold: it creates and changes tables, batches rows, speaks D1's HTTP, survives faults, and
reports progress and cost. libcurl is its only dependency, and an optional one.

QUICK START

    #include <stdio.h>
    #define D1TARGET_IMPLEMENTATION          // in exactly ONE .c file, never in a header
    #include "d1target.h"

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
        d1t_open(&db, &config);
        d1t_setup(&db, tables, 1);
        d1t_upsert(&db, &symbols, row, 3);
        if (d1t_close(&db)) return fprintf(stderr, "%s\n", db.error.text), 1;
        return 0;
    }

    cc main.c -lcurl        # CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_DATABASE_ID, CLOUDFLARE_API_TOKEN

Every other .c file includes the header without the macro. A call that fails makes the client sticky:
later calls return the first error and do nothing, so one check at the end is enough.

CONTENTS (search for the tag; declarations first, then the implementation in the same order)

    base      >>results  >>text  >>memory  >>numbers  >>json_writer  >>json_reader  >>sql  >>hash  >>values
    model     >>table  >>table_sql
    wire      >>request  >>reply
    exchange  >>limiter  >>op
    planning  >>write  >>batch  >>schema_read  >>diff  >>rebuild  >>split  >>plan
    client    >>client  >>setup  >>query  >>probe
    contracts >>state  >>target  >>store  >>sync  >>connect
    drivers   >>run  >>curl

A room uses only the rooms above it. Only the drivers wait or do I/O; the core calls nobody.

GUARANTEES

    delivery   Each batch is atomic, is sent at least once, and is idempotent by primary key. A finished run
               without an error leaves the rows in D1 as asked; an interrupted run is finished by the next one.
               Not exactly once, and nothing is atomic across batches.
    values     Exact or refused. int64 and doubles bit for bit, blobs as BLOBs, text as checked UTF-8. Two
               exceptions: SQLite stores -0.0 as 0.0, and NaN and NUL in text follow a policy (default: error).
    memory     From malloc, from your allocator, or from one block of yours: strings at open, tables at setup, and
               with the first row one block for all rows to come. Besides these only result rows, plans, and rows
               too wide for the block. Hard caps everywhere. No allocation per row. No mutable globals.
    threads    Different clients may be used on different threads without locks; one client is used by one
               thread at a time. A d1t_limiter shared by several clients belongs to one thread.
    blocking   Only the blocking verbs and d1t_run wait. Each is its _start twin plus d1t_run.
    secrets    The token is copied at open, sent as a header, and wiped at close. It is never in an error, an
               event, a plan or a URL, nor left in memory of the header's (libcurl's own buffers: curl_global_init_mem).
               Row values are in none of them either; see d1t_error_key.
    lifetimes  Row values are read before the call returns. Tables are borrowed until close. Configuration
               strings are copied. Statements and arguments given to a _start call are borrowed until it ends.
               Views given to a callback last for the callback. Callbacks may not call into the same client
               (D1T_ERR_BUSY).

CONFIGURATION (macros; "all" = the same in every file that includes the header, "impl" = beside the implementation)

    macro                  where  meaning
    D1T_CONFIG_FILE        all    a file to include first, e.g. "my_d1t_config.h"
    D1T_STATIC             all    every function is static: the implementation is private to the file
    D1TDEF                 all    your own decoration of public functions (default: extern)
    D1T_ASSERT(c)          impl   programmer errors, besides the D1T_ERR_ARG that is returned (default: nothing)
    D1T_MEMCPY/MEMMOVE/MEMSET/MEMCMP  impl  all four or none (default: <string.h>)
    D1T_REALLOC/D1T_FREE   impl   (ctx, p, old, size) and (ctx, p, size), both or neither (default: <stdlib.h>)
    D1T_NO_FAST_FLOAT      impl   doubles are converted with integers only (slower; for unusual rounding modes)
    D1T_NO_SSE2            impl   texts are escaped with portable code only, on x86 too
    D1T_NO_MALLOC          impl   no default allocator: config.memory or config.allocator is required
    D1T_NO_STDIO           impl   no <stdio.h>: d1t_put_line goes
    D1T_NO_ENV             impl   no getenv: d1t_config_from_env returns an empty configuration
    D1T_NO_CURL            impl   no libcurl: config.transport is required
    D1T_NO_FLOAT           impl   no doubles: a D1T_KIND_DOUBLE value is D1T_ERR_VALUE
    D1T_NO_ERRSTR          impl   no texts and names of errors: codes, table, column and row stay
    D1T_NO_PLAN            impl   no schema reading and no plans: setup mode must be D1T_SETUP_TRUST
    D1T_NO_QUERY           impl   no d1t_query, d1t_read and d1t_exec
    D1T_NO_PROBE           impl   a refused batch names no row
    D1T_NO_TABLE_JSON      impl   no d1t_table_to_json and d1t_table_from_json, if D1T_NO_PLAN is defined too
    D1T_NO_CHECK           impl   declarations are not checked: check them with a build that does
    D1T_NO_TIME            impl   no dates and times: their kinds are D1T_ERR_VALUE
    D1T_NO_WIDE            impl   a row must fit the block and one parameter, and its text the limit `row` with 9 bytes
                                  to spare for each value: else D1T_ERR_LIMIT
    D1T_NO_PARK            impl   unique values cannot move between rows of one batch
    D1T_NO_AROUND          impl   no d1t_around
    D1T_NO_CONNECT         impl   no connectors (d1t_connect_begin); so does whatever leaves out targets
    D1T_NO_SYNC            impl   no declared state (d1t_sync_begin); so do D1T_NO_QUERY and D1T_NO_AROUND, and
                                  also D1T_NO_UPDATE
    D1T_NO_TARGET          impl   no setup states and no targets; so do D1T_NO_PLAN, D1T_NO_QUERY and
                                  also D1T_NO_TABLE_JSON
    D1T_NO_UPDATE          impl   no d1t_update, d1t_delete and conditions: D1T_ERR_UNSUPPORTED; D1T_NO_HOLD too
    D1T_NO_HOLD            impl   no row waits for later ones: in a flush of several batches parents and freed unique
                                  values go first, else D1T_ERR_CONSTRAINT
    D1T_NO_FAST_TEXT       impl   text is read, written and compared a byte at a time (slower; for short machine words)
    D1T_NO_TYPES           impl   columns and values of the kinds ANY, JSON, UUID and VECTOR are D1T_ERR_VALUE
    D1T_NO_EVENT           impl   no events: config.on_event is D1T_ERR_UNSUPPORTED
    D1T_NO_RUN             impl   no d1t_run and no blocking verbs: config.driven is needed, else D1T_ERR_UNSUPPORTED
    D1T_NO_META            impl   rows read and written, times and sizes are not taken from replies

    None of them changes the layout of a public struct.

FAQ

    "multiple definition of d1t_..."   D1TARGET_IMPLEMENTATION is defined in more than one .c file or in a header.
    "curl/curl.h: No such file"        Install libcurl's headers, or define D1T_NO_CURL and set config.transport.
    Why did nothing arrive?            Rows are batched: d1t_flush or d1t_close sends the rest. Check their result.
    Why is the second run free?        An upsert writes a row only if a column differs (decision of the database,
                                       not of a cache): an unchanged row costs a read, a thousandth of a write.
    Why D1T_ERR_SCHEMA?                The change would lose values or cannot be done, as error.text says. Allow it
                                       (config.allow), or look at the plan (d1t_plan_read).
    Why is the column still there?     d1t_setup never drops. d1t_plan_apply does, with D1T_EFFECT_DESTRUCTIVE.
    Can two programs write one table?  Yes, to different rows. The last batch wins where they write the same row.
*/

#ifndef D1TARGET_H_INCLUDED
#define D1TARGET_H_INCLUDED

#ifdef D1T_CONFIG_FILE
#include D1T_CONFIG_FILE
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define D1T_VERSION "0.2.0"
#define D1T_VERSION_NUM 200u

/* For static functions that a configuration leaves unused. */
#if defined(__GNUC__) || defined(__clang__)
#define D1T__UNUSED __attribute__((unused))
#define D1T_MUST_USE __attribute__((warn_unused_result))
#else
#define D1T__UNUSED
#define D1T_MUST_USE
#endif

#define D1T__COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifndef D1TDEF
#ifdef D1T_STATIC
#define D1TDEF static D1T__UNUSED
#else
#define D1TDEF extern
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================================================================
   ROOM base: no knowledge of D1
   ============================================================================================================= */

/* ---- >>results ------------------------------------------------------------------------------------------------ */

/* One list makes the enum, d1t_result_name and d1t_result_text. X(name, value, text). docs/troubleshooting.md has
   cause and cure of each. Values never change; new ones are appended. */
#define D1T_RESULTS(X)                                                                                                \
    X(D1T_OK,               0,   "ok")                                                                                \
    X(D1T_EOF,              1,   "nothing more")                                                                      \
    X(D1T_FULL,             2,   "the batch is full: the row was not taken, flush and offer it again")                \
    X(D1T_ERR_ARG,         -1,   "an argument is missing or out of range")                                            \
    X(D1T_ERR_NOMEM,       -2,   "the allocator returned no memory")                                                  \
    X(D1T_ERR_SPACE,       -3,   "the memory given is too small")                                                     \
    X(D1T_ERR_LIMIT,       -4,   "a limit of D1 would be exceeded")                                                   \
    X(D1T_ERR_BUSY,        -5,   "the client is busy with another call")                                              \
    X(D1T_ERR_STATE,       -6,   "the call does not fit the state of the object")                                     \
    X(D1T_ERR_CONFIG,      -7,   "the configuration is incomplete or malformed")                                      \
    X(D1T_ERR_VERSION,     -8,   "the program was built with two different versions of d1target.h")                   \
    X(D1T_ERR_UTF8,        -9,   "a text is not valid UTF-8")                                                         \
    X(D1T_ERR_NAME,        -10,  "a name cannot be used")                                                             \
    X(D1T_ERR_TABLE,       -11,  "a table declaration is wrong")                                                      \
    X(D1T_ERR_VALUE,       -12,  "a value does not fit its column or parameter")                                      \
    X(D1T_ERR_JSON,        -13,  "not valid JSON")                                                                    \
    X(D1T_ERR_DEPTH,       -14,  "JSON is nested too deeply")                                                         \
    X(D1T_ERR_TOO_BIG,     -15,  "the reply is larger than the cap")                                                  \
    X(D1T_ERR_INEXACT,     -16,  "a number in the reply may have been rounded")                                       \
    X(D1T_ERR_CANCELED,    -17,  "a callback asked to stop")                                                          \
    X(D1T_ERR_CONNECT,     -18,  "no connection")                                                                     \
    X(D1T_ERR_TLS,         -19,  "the server's certificate was not accepted")                                         \
    X(D1T_ERR_TRANSPORT,   -20,  "the connection was lost")                                                           \
    X(D1T_ERR_TIMEOUT,     -21,  "no answer before the deadline")                                                     \
    X(D1T_ERR_HTTP,        -22,  "an unexpected HTTP status")                                                         \
    X(D1T_ERR_PROTOCOL,    -23,  "the reply is not what D1 answers")                                                  \
    X(D1T_ERR_AUTH,        -24,  "the token was refused")                                                             \
    X(D1T_ERR_NOT_FOUND,   -25,  "no such account or database")                                                       \
    X(D1T_ERR_SQL,         -26,  "D1 refused a statement")                                                            \
    X(D1T_ERR_CONSTRAINT,  -27,  "a constraint refused a row")                                                        \
    X(D1T_ERR_PRECONDITION,-28,  "a precondition of the batch did not hold")                                          \
    X(D1T_ERR_THROTTLED,   -29,  "the account's API rate limit is used up")                                           \
    X(D1T_ERR_OVERLOADED,  -30,  "the database has too much to do")                                                   \
    X(D1T_ERR_RESET,       -31,  "the database object was reset")                                                     \
    X(D1T_ERR_SERVER,      -32,  "an internal error of the server")                                                   \
    X(D1T_ERR_TOO_HEAVY,   -33,  "a request needs more time or memory than D1 gives")                                 \
    X(D1T_ERR_DB_FULL,     -34,  "the database has reached its maximum size")                                         \
    X(D1T_ERR_QUOTA,       -35,  "the account's daily limit is used up")                                              \
    X(D1T_ERR_SCHEMA,      -36,  "the database's schema differs and may not be changed like that")                    \
    X(D1T_ERR_UNSUPPORTED, -37,  "this build or version cannot do that")                                              \
    X(D1T_ERR_CONFLICT,    -38,  "another program changed the same in the meantime")                                  \
    X(D1T_ERR_DELETES,     -39,  "more rows would be deleted than the caller allows")

#define D1T__RESULT_ENUM(name, value, text) name = value,
typedef enum d1t_result { D1T_RESULTS(D1T__RESULT_ENUM) D1T__RESULT_END = -1000 } d1t_result;

/* What is known of a request's effect on the database. */
typedef enum d1t_outcome {
    D1T_APPLIED = 0,        /* it was answered with success */
    D1T_NOT_APPLIED = 1,    /* nothing of it was applied: it never arrived, or D1 rolled it back */
    D1T_UNKNOWN = 2,        /* it may have been applied, and may still land until 35 s after it was sent */
    D1T_PERMANENT = 3       /* nothing of it was applied, and sending it again cannot help (token, quota, size) */
} d1t_outcome;

#define D1T_ERROR_TEXT 192

/* The first error of an object. Texts are composed here from codes, names and recognised shapes of SQLite's messages;
   they hold no value of a row, no parameter and never the token. */
typedef struct d1t_error {
    d1t_result  code;           /* D1T_OK: no error */
    d1t_outcome outcome;        /* of the request that failed; D1T_NOT_APPLIED for errors found before sending */
    int32_t     http_status;    /* 0: no HTTP answer */
    int32_t     d1_code;        /* Cloudflare's code (7500 ...), 0: none */
    int32_t     transport_code; /* the transport's own number (libcurl: CURLcode), 0: none */
    bool        retryable;      /* the same call may succeed later */
    const char *table;          /* NULL, or the declared table */
    const char *column;         /* NULL, or the declared column */
    uint64_t    row;            /* 0: unknown; else the row's number since open, from 1 */
    uint64_t    need;           /* D1T_ERR_SPACE, D1T_ERR_LIMIT: bytes needed; D1T_ERR_JSON and table JSON: position;
                                   else 0 */
    char        text[D1T_ERROR_TEXT]; /* one line, NUL-terminated, cut at a character if too long */
} d1t_error;

/* The name of a code ("D1T_ERR_ARG") and one line of text. Static strings; any value is answered. */
D1TDEF const char *d1t_result_name(d1t_result code);
D1TDEF const char *d1t_result_text(d1t_result code);

/* ---- >>text --------------------------------------------------------------------------------------------------- */

/* A view of bytes: never NUL-terminated by promise, not owned. {NULL, 0} is "none". */
typedef struct d1t_str {
    const char *p;
    size_t      n;
} d1t_str;

/* Views of a NUL-terminated string (NULL gives none) and of bytes. */
D1TDEF d1t_str d1t_cstr(const char *s);
D1TDEF d1t_str d1t_bytes(const void *p, size_t n);

/* Equal bytes; equal with ASCII case ignored, as SQLite compares names. */
D1TDEF bool d1t_str_equal(d1t_str a, d1t_str b);
D1TDEF bool d1t_str_equal_nocase(d1t_str a, d1t_str b);

/* The length of the longest valid UTF-8 prefix (RFC 3629: no surrogates, no overlong forms). s.n: all is valid. */
D1TDEF size_t d1t_utf8_valid(d1t_str s);

/* ---- >>memory ------------------------------------------------------------------------------------------------- */

/* An allocator: size 0 frees, p NULL allocates, else resizes; `old` is the size that p has. Returns NULL if there is
   none (then p stays as it is). A zeroed struct stands for malloc. */
typedef struct d1t_allocator {
    void *(*fn)(void *ctx, void *p, size_t old, size_t size);
    void *ctx;
} d1t_allocator;

/* A buffer that grows by doubling up to `max`. Init with d1t_buffer_init; d1t_buffer_free gives the memory back. */
typedef struct d1t_buffer {
    d1t_allocator allocator;
    char  *p;
    size_t n;       /* bytes used */
    size_t cap;     /* bytes held */
    size_t max;     /* hard cap: more is D1T_ERR_TOO_BIG */
} d1t_buffer;

D1TDEF void       d1t_buffer_init(d1t_buffer *b, d1t_allocator allocator, size_t max);
D1TDEF void       d1t_buffer_free(d1t_buffer *b);
/* Makes room for `more` bytes behind n. D1T_OK, D1T_ERR_NOMEM, D1T_ERR_TOO_BIG. */
D1TDEF d1t_result d1t_buffer_reserve(d1t_buffer *b, size_t more);
D1TDEF d1t_result d1t_buffer_add(d1t_buffer *b, const void *p, size_t n);

/* An arena: many small pieces with one lifetime. Pieces are aligned to 8 bytes and zeroed. */
typedef struct d1t_arena {
    d1t_allocator allocator;
    struct d1t__chunk *chunks;
    size_t total;   /* bytes taken from the allocator */
    size_t max;     /* hard cap, 0 = none */
} d1t_arena;

/* Init takes nothing; take and text (a NUL-terminated copy) give NULL without memory or over the cap; free gives all
   pieces back at once. */
D1TDEF void   d1t_arena_init(d1t_arena *a, d1t_allocator allocator, size_t max);
D1TDEF void  *d1t_arena_take(d1t_arena *a, size_t n);
D1TDEF char  *d1t_arena_text(d1t_arena *a, d1t_str s);
D1TDEF void   d1t_arena_free(d1t_arena *a);

/* An allocator over one block of the caller's: the newest piece can be resized and freed in place, older ones only
   freed together with all newer ones. `need` remembers the largest size that did not fit. */
typedef struct d1t_block {
    char  *p;
    size_t size, used, need;
} d1t_block;

/* Over p[size], aligned to 8, which stays the caller's; the allocator lives as long as the block. */
D1TDEF void          d1t_block_init(d1t_block *b, void *p, size_t size);
D1TDEF d1t_allocator d1t_block_allocator(d1t_block *b);

/* Overwrites memory so that the compiler may not leave it out. */
D1TDEF void d1t_wipe(void *p, size_t n);

/* ---- >>numbers ------------------------------------------------------------------------------------------------- */

/* Decimal text <-> int64_t, uint64_t and double, exact, without libc and its locale.

   The double part computes with integers. Where the machine has IEEE doubles in hardware, the common
   cases take one floating-point operation instead; it is exact only in the default rounding mode.
   Define D1T_NO_FAST_FLOAT in programs which change the rounding mode. */

/* Writes v in decimal to out (room for 21 bytes), without a zero byte. Returns the length, 1 to 20. */
D1TDEF size_t d1t_format_int(char *out, int64_t v);

/* Writes v in decimal to out (room for 21 bytes), without a zero byte. Returns the length, 1 to 20. */
D1TDEF size_t d1t_format_uint(char *out, uint64_t v);

/* Reads the whole of text, an optional '-' and one or more digits (leading zeros allowed), into *out.
   Returns false, with *out unchanged, if text is anything else or does not fit an int64_t. */
D1TDEF bool d1t_parse_int(d1t_str text, int64_t *out);

#ifndef D1T_NO_FLOAT

/* Writes v to out (room for 32 bytes), without a zero byte, as a JSON number which reads back as exactly v:
   the correctly rounded 15 significant digits if these are enough, else the 17; trailing zeros are dropped.
   The number always contains '.' or 'e', so it stays a REAL: 7.0, 21.37, 1e+22, -0.0.
   An infinity becomes 9e999 or -9e999. Returns the length, 1 to 24, or 0 for a NaN, which JSON cannot carry. */
D1TDEF size_t d1t_format_double(char *out, double v);

/* Reads the whole of text, one number in the grammar of JSON, into *out: the nearest double, ties to even,
   for any number of digits. Too large a number gives an infinity, too small a one a zero of its sign.
   Returns false, with *out unchanged, if text is not such a number. */
D1TDEF bool d1t_parse_double(d1t_str text, double *out);

#endif /* D1T_NO_FLOAT */

/* ---- >>json_writer -------------------------------------------------------------------------------------------- */

/* Where text goes. One struct, four sinks:
     fixed     into p[cap]; more is D1T_ERR_SPACE, `total` says how much is needed
     growing   into a d1t_buffer up to its cap
     counting  nowhere; `total` counts
     window    only the bytes [skip, skip + cap) of the whole text: a text is pulled piece by piece by writing it again
   The first error sticks and later writes do nothing. Bytes are JSON-escaped `level` times as they are written, so
   that SQL can be written into a JSON body (level 1) as easily as into a buffer (level 0). */
typedef struct d1t_writer {
    char       *p;
    size_t      cap;
    size_t      n;          /* bytes kept in p (or in the buffer since init) */
    size_t      room;       /* private: bytes that go straight to p + n; 0 for growing and counting sinks */
    d1t_buffer *buffer;     /* growing */
    d1t_result  error;
    uint8_t     sink;       /* private */
    uint8_t     level;      /* 0: as is; 1: inside a JSON string; 2: inside a JSON string inside a JSON string */
    uint64_t    total;      /* bytes written, kept or not */
    uint64_t    skip;       /* window: bytes still to be left out */
} d1t_writer;

/* One for each sink; p and buffer stay the caller's. */
D1TDEF void d1t_writer_fixed(d1t_writer *w, void *p, size_t cap);
D1TDEF void d1t_writer_growing(d1t_writer *w, d1t_buffer *buffer);
D1TDEF void d1t_writer_counting(d1t_writer *w);
D1TDEF void d1t_writer_window(d1t_writer *w, void *p, size_t cap, uint64_t skip);

/* Bytes, a NUL-terminated text, decimal numbers; see w->error. */
D1TDEF void d1t_write(d1t_writer *w, d1t_str s);
D1TDEF void d1t_write_text(d1t_writer *w, const char *s);
D1TDEF void d1t_write_int(d1t_writer *w, int64_t v);
D1TDEF void d1t_write_uint(d1t_writer *w, uint64_t v);
/* A JSON string with its quotes; s must be valid UTF-8. Control characters, '"' and '\\' are escaped, nothing else. */
D1TDEF void d1t_write_json_string(d1t_writer *w, d1t_str s);
/* Lower-case hex digits of bytes. */
D1TDEF void d1t_write_hex(d1t_writer *w, d1t_str bytes);

/* ---- >>json_reader --------------------------------------------------------------------------------------------- */

/* An incremental, strict RFC 8259 reader: text in by pieces of any size, events out. No allocation, no recursion.

   Decisions where the RFC leaves a choice: the text is UTF-8 without a byte order mark; ill-formed UTF-8 is
   D1T_ERR_JSON, and so is a \u escape of half a surrogate pair without its other half; \u0000 is a zero byte;
   numbers of any size and precision are passed on as they stand; at most 64 levels may be open; a member name
   may repeat. */

#define D1T_JSON_MAX_DEPTH 64u

typedef enum d1t_json_kind {
    D1T_JSON_OBJECT,
    D1T_JSON_OBJECT_END,
    D1T_JSON_ARRAY,
    D1T_JSON_ARRAY_END,
    D1T_JSON_KEY,
    D1T_JSON_STRING,
    D1T_JSON_NUMBER,
    D1T_JSON_TRUE,
    D1T_JSON_FALSE,
    D1T_JSON_NULL
} d1t_json_kind;

typedef struct d1t_json_event {
    d1t_json_kind kind;
    d1t_str text;   /* key, string: decoded UTF-8; number: as written; else empty. Valid only during the call. */
    bool first;     /* A key, string or number comes in one or more pieces, each an event: first and last tell */
    bool last;      /* where it starts and ends. A piece may be empty or end inside a character; only the last */
                    /* one proves the whole well-formed. The other kinds have both set. */
    uint32_t depth; /* open objects and arrays around it; the same number for an end as for its start */
} d1t_json_event;

/* Takes one event. Any result but D1T_OK stops the reader, which returns that result from then on.
   It must not feed the same reader. */
typedef d1t_result (*d1t_json_handler)(void *ctx, const d1t_json_event *event);

/* Owned by the caller; needs no clean-up. Only `pos` and `result` are for reading. */
typedef struct d1t_json_reader {
    d1t_json_handler handler;
    void *ctx;
    d1t_result result;  /* D1T_OK, or why the reader stopped */
    uint16_t high;      /* a first surrogate waiting for its second, or 0 */
    uint8_t depth;
    uint8_t max_depth;
    uint8_t state;
    uint8_t kind;       /* of the text or literal being read */
    uint8_t count;      /* characters of a literal read, hex digits or bytes of a character missing */
    uint8_t low;        /* the range of the next byte of a character */
    uint8_t top;
    bool begun;         /* a piece of the text was passed on */
    char scratch[4];    /* a decoded escape */
    uint32_t code;      /* the \u escape being read */
    uint64_t stack;     /* a bit per open level, the innermost lowest: 1 for an object */
    uint64_t pos;       /* bytes read so far; after an error, the offset of the byte that could not stand there */
} d1t_json_reader;

/* Prepares r. handler is called with ctx for each event. At most max_depth levels may be open at once: 1 to 64;
   0 and anything above 64 mean 64. */
D1TDEF void d1t_json_reader_init(d1t_json_reader *r, d1t_json_handler handler, void *ctx, uint32_t max_depth);

/* Reads the next `size` bytes. D1T_OK: all were read. D1T_ERR_JSON: not a JSON text, see pos. D1T_ERR_DEPTH: too
   many open levels. D1T_ERR_ARG: data is NULL but size is not 0. Else: the result of the handler. */
D1TDEF d1t_result d1t_json_reader_feed(d1t_json_reader *r, const void *data, size_t size);

/* Says that no more bytes come. D1T_OK if exactly one whole value was read, D1T_ERR_JSON if not; else the result
   that stopped the reader. May pass on the end of a number. */
D1TDEF d1t_result d1t_json_reader_end(d1t_json_reader *r);

/* ---- >>sql ---------------------------------------------------------------------------------------------------- */

/* A name in backticks, backticks doubled. Backticks and not double quotes: SQLite reads an unknown name in double
   quotes as a string, so that a misspelt column in an index or a condition would succeed. */
D1TDEF void d1t_write_name(d1t_writer *w, const char *name);
/* 'text' with quotes doubled. */
D1TDEF void d1t_write_sql_string(d1t_writer *w, d1t_str s);

/* A name as D1 takes it: 1 to 128 bytes of UTF-8 without control characters, not starting with sqlite_ or _cf_ (D1's
   own) or _d1t_ (this header's metadata), in any case. D1T_OK, D1T_ERR_NAME, D1T_ERR_UTF8. */
D1TDEF d1t_result d1t_check_name(const char *name);

/* One token of SQL at *pos; advances *pos. White space and comments are skipped. kind 0: the end. */
typedef enum d1t_sql_kind {
    D1T_SQL_END = 0, D1T_SQL_WORD, D1T_SQL_NAME /* quoted */, D1T_SQL_STRING, D1T_SQL_NUMBER, D1T_SQL_PARAMETER,
    D1T_SQL_SYMBOL, D1T_SQL_BAD /* an unterminated string, name or comment */
} d1t_sql_kind;
typedef struct d1t_sql_token {
    d1t_sql_kind kind;
    d1t_str      text;
} d1t_sql_token;
D1TDEF d1t_sql_token d1t_sql_next(d1t_str sql, size_t *pos);

/* ---- >>hash --------------------------------------------------------------------------------------------------- */

/* SipHash-2-4 with 128 bits of output (Aumasson, Bernstein), fed in pieces of any size. A keyed hash: without the key,
   nobody can make two inputs collide on purpose. The result is the same on every machine. */

/* Owned by the caller; needs no clean-up. All fields are private. */
typedef struct d1t_hash {
    uint64_t v[4];
    uint64_t tail;  /* the bytes of an unfinished word, the first one lowest */
    uint32_t count; /* bytes so far, modulo 2^32; the hash uses the lowest eight bits */
} d1t_hash;

/* Starts a hash under a secret of 16 bytes; key may be forgotten afterwards. */
D1TDEF void d1t_hash_init(d1t_hash *h, const uint8_t key[16]);

/* Adds n bytes; p may be NULL if n is 0. How the input is cut into calls makes no difference. */
D1TDEF void d1t_hash_add(d1t_hash *h, const void *p, size_t n);

/* Writes the hash of all bytes added. h must then be started anew. */
D1TDEF void d1t_hash_end(d1t_hash *h, uint8_t out[16]);

/* ---- >>values ------------------------------------------------------------------------------------------------- */

typedef enum d1t_kind {
    D1T_KIND_ABSENT = 0,    /* d1t_update: leave that column alone; not a value */
    D1T_KIND_NULL,
    D1T_KIND_BOOL,          /* i: 0 or 1 */
    D1T_KIND_INT,           /* i */
    D1T_KIND_DOUBLE,        /* d */
    D1T_KIND_TEXT,          /* s: UTF-8 */
    D1T_KIND_BLOB,          /* s: bytes */
    D1T_KIND_JSON,          /* s: one JSON text (RFC 8259), stored as it is */
    D1T_KIND_UUID,          /* s: 16 bytes */
    D1T_KIND_DATE,          /* i: days since 1970-01-01 */
    D1T_KIND_TIME,          /* i: microseconds since midnight */
    D1T_KIND_TIMESTAMP,     /* i: microseconds since 1970-01-01T00:00:00 of a clock without a zone */
    D1T_KIND_TIMESTAMPTZ,   /* i: microseconds since 1970-01-01T00:00:00Z; offset: minutes east of UTC */
    D1T_KIND_VECTOR         /* s: n floats as 4 n bytes in memory order; stored as a little-endian BLOB */
} d1t_kind;

/* A value: a view, made by the functions below. Durations travel as d1t_int (microseconds), ranges and decimals as
   d1t_text. */
typedef struct d1t_value {
    d1t_kind kind;
    int32_t  offset;
    union {
        int64_t i;
        double  d;
        d1t_str s;
    } u;
} d1t_value;

/* Constructors. Nothing is copied: text, blobs and vectors are views, and a NULL pointer gives NULL. Dates and times
   out of range become a value that every column refuses. */
D1TDEF d1t_value d1t_absent(void);
D1TDEF d1t_value d1t_null(void);
D1TDEF d1t_value d1t_bool(bool v);
D1TDEF d1t_value d1t_int(int64_t v);
D1TDEF d1t_value d1t_double(double v);
D1TDEF d1t_value d1t_text(const char *s);                       /* NUL-terminated */
D1TDEF d1t_value d1t_text_n(const char *s, size_t n);
D1TDEF d1t_value d1t_blob(const void *p, size_t n);
D1TDEF d1t_value d1t_json(const char *s, size_t n);
D1TDEF d1t_value d1t_uuid(const uint8_t bytes[16]);
D1TDEF d1t_value d1t_date(int32_t year, int32_t month, int32_t day);                  /* years 0 to 9999 */
D1TDEF d1t_value d1t_time(int32_t hour, int32_t minute, int32_t second, int32_t microsecond);
D1TDEF d1t_value d1t_timestamp(int64_t microseconds);
D1TDEF d1t_value d1t_timestamptz(int64_t microseconds, int32_t offset_minutes);
D1TDEF d1t_value d1t_vector(const float *p, size_t count);

/* A member of a C struct that holds a column's value, so that rows can be declared straight from structs. */
typedef enum d1t_member_kind {
    D1T_AS_BOOL = 1,        /* bool */
    D1T_AS_INT,             /* a signed integer of 1, 2, 4 or 8 bytes */
    D1T_AS_UINT,            /* an unsigned one; above INT64_MAX it is refused */
    D1T_AS_FLOAT,           /* float or double */
    D1T_AS_STRING,          /* const char *; NULL is NULL */
    D1T_AS_CHARS,           /* char[n]: up to the first NUL, or all of it */
    D1T_AS_TEXT,            /* d1t_str; {NULL, 0} is NULL; so of the next two */
    D1T_AS_BLOB,
    D1T_AS_JSON,
    D1T_AS_BYTES,           /* uint8_t[n], a blob */
    D1T_AS_UUID,            /* uint8_t[16] */
    D1T_AS_DATE,            /* int32_t or int64_t: days since 1970-01-01 */
    D1T_AS_TIME,            /* int64_t: microseconds since midnight */
    D1T_AS_TIMESTAMP,       /* int64_t: microseconds since 1970-01-01T00:00:00 of a clock without a zone */
    D1T_AS_TIMESTAMPTZ,     /* the same in UTC */
    D1T_AS_VALUE            /* d1t_value */
} d1t_member_kind;
typedef struct d1t_member {
    size_t   offset, size;
    uint32_t kind;          /* d1t_member_kind */
} d1t_member;
#define D1T_MEMBER(type, member, kind) { offsetof(type, member), sizeof(((type *)0)->member), kind }

/* The value of a member; texts and blobs are views into the record. A kind or size that does not fit gives a value that
   every column refuses. */
D1TDEF d1t_value d1t_member_value(const d1t_member *member, const void *record);

/* What to do with a value that SQLite or JSON cannot keep. */
typedef enum d1t_policy {
    D1T_REFUSE = 0,         /* D1T_ERR_VALUE naming table, column and row */
    D1T_MAKE_NULL = 1,      /* NaN becomes NULL */
    D1T_STRIP = 2           /* NUL characters are left out of text */
} d1t_policy;

/* ================================================================================================================
   ROOM model: what a table is
   ============================================================================================================= */

/* ---- >>table -------------------------------------------------------------------------------------------------- */

/* What a column holds. The SQL type follows from it: only INTEGER, REAL, TEXT, BLOB, and ANY in STRICT tables (in other
   tables the type is left out, because ANY has NUMERIC affinity there and '007' would become 7). */
typedef enum d1t_type {
    D1T_INTEGER = 1, /* INTEGER: int64, bool */
    D1T_REAL,        /* REAL: double, and integers up to 2^53 */
    D1T_TEXT,        /* TEXT */
    D1T_BLOB,        /* BLOB */
    D1T_ANY,         /* any of the above, kept as it is */
    D1T_BOOL,        /* INTEGER 0 or 1 */
    D1T_JSON,        /* TEXT, checked to be one JSON text */
    D1T_UUID,        /* TEXT, lower case 8-4-4-4-12 */
    D1T_DATE,        /* TEXT YYYY-MM-DD (ISO 8601) */
    D1T_TIME,        /* TEXT HH:MM:SS.ffffff */
    D1T_TIMESTAMP,   /* TEXT YYYY-MM-DDTHH:MM:SS.ffffff */
    D1T_TIMESTAMPTZ,    /* TEXT the same with +HH:MM or Z (RFC 3339); as a key always in UTC, so that equal times
                           are equal */
    D1T_VECTOR,      /* BLOB of little-endian 32-bit floats */
    D1T_NUMERIC      /* a table made by others, whose type gives NUMERIC affinity (DATETIME, DECIMAL, BOOLEAN): bool,
                        int64, double; text only where it does not read as a number, which SQLite would make of it */
} d1t_type;

enum {
    D1T_KEY      = 1,   /* part of the primary key, in declared order; implies NOT NULL */
    D1T_NOT_NULL = 2,
    D1T_STORED   = 4,   /* a generated column is STORED; default VIRTUAL */
    D1T_UNIQUE        = 1,  /* index */
    D1T_FTS5          = 2,  /* index: an FTS5 table over the columns, kept up to date by three triggers */
    D1T_STRICT        = 1,  /* table */
    D1T_WITHOUT_ROWID = 2,  /* table: halves the written rows of a text or composite key */
    D1T_AUTOINCREMENT = 4,  /* table with one INTEGER key: ids of deleted rows are not given again. Every upsert then
                               costs a written row more, changed or not */
    D1T_BY_USER       = 8   /* table: its setup is the user's affair; it is verified and never altered */
};

typedef struct d1t_column {
    const char *name;
    d1t_type    type;
    uint32_t    flags;          /* D1T_KEY, D1T_NOT_NULL, D1T_STORED */
    const char *default_sql;    /* NULL, or an SQL expression: "0", "'x'", "CURRENT_TIMESTAMP" */
    const char *generated_sql;  /* NULL, or an SQL expression; such a column takes no value in rows */
    const char *on_write_sql;   /* NULL, or an SQL expression set when the row is inserted or another column changes;
                                   such a column takes no value in rows */
    const char *collation;      /* NULL = BINARY; "NOCASE", "RTRIM"; refused on keys */
    const char *sql_type;       /* NULL, or the type as the table's own SQL spells it ("VARCHAR(20)"); its affinity is
                                   that of `type` (SQLite, Datatypes 3.1) */
    const char *was;            /* NULL, or the column's name so far: a plan renames it */
} d1t_column;

/* An index. One without a name is a UNIQUE constraint inside CREATE TABLE, as tables made by others have them. */
typedef struct d1t_index {
    const char        *name;
    const char *const *columns;
    size_t             column_count;
    uint32_t           flags;       /* D1T_UNIQUE, D1T_FTS5 */
    const char        *where_sql;   /* NULL, or the condition of a partial index */
    const char        *terms_sql;   /* NULL, or its terms as SQL instead of columns, for expressions, DESC and COLLATE:
                                       "lower(`name`), `at` DESC" */
    const char        *fts_sql;     /* NULL, or options of FTS5: "tokenize='porter'" */
} d1t_index;

typedef enum d1t_action { D1T_NO_ACTION = 0, D1T_RESTRICT, D1T_CASCADE, D1T_SET_NULL, D1T_SET_DEFAULT } d1t_action;

typedef struct d1t_foreign_key {
    const char *const *columns;
    size_t             column_count;
    const char        *parent;          /* table */
    const char *const *parent_columns;  /* column_count names; NULL = the parent's primary key */
    d1t_action         on_delete, on_update;
    bool               deferred;        /* DEFERRABLE INITIALLY DEFERRED */
} d1t_foreign_key;

typedef struct d1t_check {
    const char *name;   /* named, because D1 reports a CHECK only by its name; NULL: a table made by others */
    const char *sql;
} d1t_check;

/* SQL that belongs to a table, run once when it is new. If it changes or goes, the teardown that was recorded with it
   runs first. Each is one statement. */
typedef struct d1t_command {
    const char *name;
    const char *setup_sql;
    const char *teardown_sql;   /* NULL: nothing is undone */
} d1t_command;

/* A table. Borrowed by the client until close, so that it may be static const. */
typedef struct d1t_table {
    const char            *name;
    const d1t_column      *columns;
    size_t                 column_count;
    const d1t_index       *indexes;
    size_t                 index_count;
    const d1t_foreign_key *foreign_keys;
    size_t                 foreign_key_count;
    const d1t_check       *checks;
    size_t                 check_count;
    uint32_t               flags;       /* D1T_STRICT, D1T_WITHOUT_ROWID, D1T_AUTOINCREMENT, D1T_BY_USER */
    const d1t_command     *commands;
    size_t                 command_count;
    const char            *was;         /* NULL, or the table's name so far: a plan renames it */
} d1t_table;

#define D1T_COLUMN(name, type, flags) { name, type, flags, NULL, NULL, NULL, NULL, NULL, NULL }
#define D1T_COLUMN_DEFAULT(name, type, flags, sql) { name, type, flags, sql, NULL, NULL, NULL, NULL, NULL }
#define D1T_COLUMN_GENERATED(name, type, flags, sql) { name, type, flags, NULL, sql, NULL, NULL, NULL, NULL }
#define D1T_COLUMN_ON_WRITE(name, type, flags, sql) { name, type, flags, NULL, NULL, sql, NULL, NULL, NULL }
#define D1T_COLUMN_RENAMED(name, type, flags, was) { name, type, flags, NULL, NULL, NULL, NULL, NULL, was }
#define D1T_INDEX(name, columns) { name, columns, D1T__COUNT(columns), 0, NULL, NULL, NULL }
#define D1T_UNIQUE_INDEX(name, columns) { name, columns, D1T__COUNT(columns), D1T_UNIQUE, NULL, NULL, NULL }
#define D1T_FTS5_INDEX(name, columns) { name, columns, D1T__COUNT(columns), D1T_FTS5, NULL, NULL, NULL }
#define D1T_REFERENCES(columns, parent, on_delete) \
    { columns, D1T__COUNT(columns), parent, NULL, on_delete, D1T_NO_ACTION, false }
#define D1T_TABLE(name, columns) D1T_TABLE_FLAGS(name, columns, 0)
#define D1T_TABLE_FLAGS(name, columns, flags) \
    { name, columns, D1T__COUNT(columns), NULL, 0, NULL, 0, NULL, 0, flags, NULL, 0, NULL }
#define D1T_TABLE_FULL(name, columns, indexes, foreign_keys, flags) \
    { name, columns, D1T__COUNT(columns), indexes, D1T__COUNT(indexes), foreign_keys, D1T__COUNT(foreign_keys), \
      NULL, 0, flags, NULL, 0, NULL }

/* The limits of D1, as data, because the server moves them. Zero members take the defaults of D1's documentation. */
typedef struct d1t_limits {
    uint32_t columns;       /* of a table: 100 */
    uint32_t parameters;    /* of a statement: 100 */
    uint32_t sql;           /* bytes of a statement: 100,000 */
    uint32_t parameter;     /* bytes of a string parameter: 2,000,000 */
    uint32_t row;           /* bytes of a stored row: 2,000,000 */
    uint32_t body; /* bytes of a request body that this client makes: 1,000,000; see config.max_body. Rows whose
                               unique values have to be parked travel once more for each unique index */
    uint32_t like_pattern;  /* bytes: 50 */
    uint32_t rebuild;       /* rows that one request writes while tables are rebuilt: 2,000,000, about what fits 30 s */
} d1t_limits;
D1TDEF d1t_limits d1t_limits_default(void);

/* Checks a declaration: names, at least one key column, no name twice (ASCII case ignored, as SQLite does), keys that
   are BINARY and not REAL, ANY, JSON or VECTOR (equal keys must be equal bytes), indexes and foreign keys over
   declared columns, at most limits->columns columns (limits NULL or zero members: the defaults), expressions that are
   whole, without ';' outside strings, parameters, or a line comment at their end. D1T_OK, D1T_ERR_TABLE, D1T_ERR_NAME,
   D1T_ERR_UTF8, D1T_ERR_LIMIT; *error (may be NULL) names what and where. */
D1TDEF d1t_result d1t_table_check(const d1t_table *table, const d1t_limits *limits, d1t_error *error);

/* The column's number, or table->column_count. */
D1TDEF size_t d1t_table_column(const d1t_table *table, d1t_str name);

/* CREATE TABLE IF NOT EXISTS ... and CREATE [UNIQUE] INDEX IF NOT EXISTS ..., without ';'. */
D1TDEF void d1t_write_create_table(d1t_writer *w, const d1t_table *table);
D1TDEF void d1t_write_create_index(d1t_writer *w, const d1t_table *table, const d1t_index *index);
/* One column as in CREATE TABLE, for ALTER TABLE ... ADD COLUMN too. */
D1TDEF void d1t_write_column(d1t_writer *w, const d1t_table *table, const d1t_column *column);
/* "INTEGER", "REAL", "TEXT", "BLOB", "ANY" or "" (none). */
D1TDEF const char *d1t_sql_type(const d1t_table *table, const d1t_column *column);

/* Canonical JSON: the same table always gives the same bytes; members that have their default are left out;
   "version":1 comes first. d1t_table_from_json builds the table in the arena (strings copied) and does not check it:
   call d1t_table_check. D1T_OK, D1T_ERR_JSON (also a text of more than 1 MiB), D1T_ERR_TABLE (an unknown member or
   word: error->text names it), D1T_ERR_NOMEM, with error->need how far it was read. */
D1TDEF void       d1t_table_to_json(const d1t_table *table, d1t_writer *w);
D1TDEF d1t_result d1t_table_from_json(d1t_str json, d1t_arena *arena, const d1t_table **table, d1t_error *error);

/* ---- >>table_sql ---------------------------------------------------------------------------------------------- */

/* Reads a CREATE TABLE statement, as SQLite keeps it or as somebody wrote it, into a table in the arena (strings
   copied): the way back from d1t_write_create_table. It is read whole or refused: what a d1t_table cannot say (a
   conflict clause, a key that is DESC or not BINARY, CREATE TABLE ... AS) is D1T_ERR_UNSUPPORTED, and error->text names
   it. A table without a key is read with none. Columns of other people's types get the d1t_type of their affinity and
   their sql_type. D1T_OK, D1T_ERR_UNSUPPORTED, D1T_ERR_SQL (not one whole CREATE TABLE), D1T_ERR_NOMEM. */
D1TDEF d1t_result d1t_table_from_sql(d1t_str sql, d1t_arena *arena, d1t_table **table, d1t_error *error);
/* The same for CREATE INDEX; *owner is the name of its table, in the arena. */
D1TDEF d1t_result d1t_index_from_sql(d1t_str sql, d1t_arena *arena, d1t_index *index, const char **owner,
                                     d1t_error *error);
/* The same SQL but for white space, comments, the case of words and names, and the quotes of names? */
D1TDEF bool       d1t_sql_equal(d1t_str a, d1t_str b);
/* Does the SQL use this name, quoted or not, in any case? Strings do not count. */
D1TDEF bool       d1t_sql_mentions(d1t_str sql, const char *name);
/* The type whose affinity a declared type has: D1T_INTEGER, D1T_TEXT, D1T_BLOB, D1T_REAL, D1T_NUMERIC; D1T_ANY for an
   empty one, and in STRICT tables for ANY. */
D1TDEF d1t_type   d1t_type_from_sql(d1t_str type, bool strict);

/* ================================================================================================================
   ROOM wire: statements in, bytes out; bytes in, events out
   ============================================================================================================= */

/* ---- >>request ------------------------------------------------------------------------------------------------ */

/* A body is a sequence of parts. The current part writes itself into any writer, always the same bytes; advance goes to
   the next part (false: that was the last), rewind to the first. That makes a body pullable, countable and repeatable
   without ever being in memory as a whole. */
typedef struct d1t_body {
    void (*write)(void *ctx, d1t_writer *w);
    bool (*advance)(void *ctx);
    void (*rewind)(void *ctx);
    void  *ctx;
} d1t_body;

/* One HTTP request. Strings are views that live until the op ends. */
typedef struct d1t_request {
    d1t_str  method;        /* "POST" */
    d1t_str  url;
    d1t_str  token;         /* goes behind "Authorization: Bearer "; never log it */
    d1t_str  content_type;  /* "application/json" */
    uint64_t body_size;     /* for Content-Length */
    uint64_t deadline_ms;   /* on the clock given to d1t_next: give up then */
    d1t_body body;          /* private from here */
    uint64_t offset;        /* inside the current part */
    bool     at_end;
} d1t_request;

/* The next bytes of the body, up to cap; 0 at its end. */
D1TDEF size_t d1t_request_read(d1t_request *req, void *buf, size_t cap);
/* Back to the first byte, for a retry of the transport's own. */
D1TDEF void   d1t_request_rewind(d1t_request *req);
/* Private to the core and its tests: sets body and body_size. */
D1TDEF void   d1t_request_set_body(d1t_request *req, d1t_body body);

/* A statement of the caller's. SQL as D1 takes it; arguments are for ?1, ?2 ... (or ? in order), all of them used. */
typedef struct d1t_statement {
    const char      *sql;
    const d1t_value *args;
    size_t           arg_count;
} d1t_statement;

/* The SQL with each ?N rewritten so that a parameter that travels as a string arrives as its kind: CAST(?N AS INTEGER),
   CAST(?N AS REAL), unhex(?N), nullif(?N,?N). Refuses named parameters, arguments out of range or never used, an
   unterminated string, and more than one statement. D1T_OK, D1T_ERR_SQL, D1T_ERR_VALUE, D1T_ERR_LIMIT. */
D1TDEF d1t_result d1t_write_statement_sql(d1t_writer *w, const d1t_statement *s, d1t_error *error);
/* {"sql":"...","params":["..."]} */
D1TDEF d1t_result d1t_write_statement(d1t_writer *w, const d1t_statement *s, d1t_error *error);

/* ---- >>reply -------------------------------------------------------------------------------------------------- */

/* What D1 tells about a statement. Absent members are 0. */
typedef struct d1t_meta {
    uint64_t duration_us, sql_duration_us;
    uint64_t changes;           /* includes triggers and cascades */
    int64_t  last_row_id;
    uint64_t rows_read, rows_written, size_after, total_attempts;
    bool     changed_db, served_by_primary;
    char     served_by[24], region[8], colo[8];
} d1t_meta;

/* Sums over the statements of a reply. */
typedef struct d1t_sums {
    uint64_t sql_us, rows_read, rows_written;
} d1t_sums;

typedef enum d1t_reply_kind {
    D1T_REPLY_COLUMN,       /* a result column's name */
    D1T_REPLY_CELL,         /* a value of a row, in pieces */
    D1T_REPLY_ROW,          /* the row is complete */
    D1T_REPLY_STATEMENT     /* the statement's result is complete; meta is set */
} d1t_reply_kind;

typedef struct d1t_reply_event {
    d1t_reply_kind kind;
    uint32_t       statement, column;
    d1t_json_kind  json;        /* CELL: STRING, NUMBER, TRUE, FALSE, NULL, or ARRAY: one number of a blob */
    d1t_str        text;
    bool first, last; /* CELL, COLUMN: pieces of one text; a blob is ARRAY (first), NUMBERs, ARRAY_END (last) */
    const d1t_meta *meta;       /* STATEMENT */
} d1t_reply_event;

/* Non-zero stops the reply with that result. */
typedef d1t_result (*d1t_reply_handler)(void *ctx, const d1t_reply_event *event);

#define D1T_SERVER_TEXT 176

/* The reader of one reply of /raw: any pieces, any body. Rows are events as they arrive; nothing is kept but the first
   error's code and message. */
typedef struct d1t_reply {
    uint8_t           success;      /* 0 not seen, 1 true, 2 false */
    bool              failed_statement, saw_error;
    bool              begun, plain;     /* plain: the body is not an envelope */
    bool              shaped;           /* the statement's results are {columns, rows} */
    uint8_t           key;          /* the member being read */
    uint8_t           word_n;
    uint8_t           place[8];     /* what each level of nesting is */
    uint16_t          text_n;
    char              word[26];         /* the key or number being read */
    uint32_t          statement, column;
    uint32_t          statements;   /* complete results */
    int32_t           d1_code;      /* of errors[0] */
    d1t_reply_handler handler;
    void             *ctx;
    d1t_json_reader   json;
    d1t_meta          meta;         /* of the current statement */
    d1t_sums          total;        /* over the statements */
    char              text[D1T_SERVER_TEXT];    /* errors[0].message, or the first bytes of a body that is not JSON */
} d1t_reply;

/* Ready for the first byte of a body. handler NULL: rows are left out. */
D1TDEF void       d1t_reply_init(d1t_reply *r, d1t_reply_handler handler, void *ctx);
/* D1T_OK, D1T_ERR_JSON, D1T_ERR_DEPTH, or the handler's result; the first one sticks. */
D1TDEF d1t_result d1t_reply_feed(d1t_reply *r, const void *data, size_t size);
/* At the end of the body: D1T_OK if it was one whole JSON text. */
D1TDEF d1t_result d1t_reply_end(d1t_reply *r);

/* ================================================================================================================
   ROOM exchange: one request until it is settled; the rate of an account
   ============================================================================================================= */

/* ---- >>limiter ------------------------------------------------------------------------------------------------ */

/* Cloudflare allows 1,200 API requests in 5 minutes per account token and then blocks everything for 5 minutes. The
   limiter counts in 31 slots of 10 s (one more than the window holds, so that it never allows too much). Share one
   among the clients of an account; it belongs to one thread. A zeroed struct is ready to use. */
typedef struct d1t_limiter {
    uint32_t requests;      /* per 5 minutes; 0 = 1,200 */
    uint16_t used[31];      /* a ring */
    uint16_t newest;        /* its newest slot */
    uint64_t begin;         /* ms: when that one begins */
    uint64_t blocked_until; /* ms: the server said so (429, or a Ratelimit header with nothing left) */
} d1t_limiter;

/* When a request may be sent: now_ms or later. d1t_limiter_count says that it was sent. */
D1TDEF uint64_t d1t_limiter_wait(d1t_limiter *l, uint64_t now_ms);
D1TDEF void     d1t_limiter_count(d1t_limiter *l, uint64_t now_ms);

/* ---- >>op ----------------------------------------------------------------------------------------------------- */

/* What a driver has to do next. */
typedef enum d1t_step {
    D1T_SEND = 1,   /* perform todo.request and feed todo.op */
    D1T_WAIT,       /* nothing to do before todo.wake_ms, unless an op in flight moves */
    D1T_CANCEL,     /* todo.op is past its deadline: drop its request, feed it no more */
    D1T_DONE,
    D1T_FAIL
} d1t_step;

/* Zero members take the defaults. */
typedef struct d1t_retry {
    uint32_t attempts;          /* of one request, the first included: 5 */
    uint32_t base_ms;           /* backoff is random in 0 .. min(cap, base * 2^n) ("full jitter"): 250 */
    uint32_t cap_ms;            /* 20,000 */
    uint32_t retry_after_ms;    /* the longest Retry-After that is obeyed: 300,000 */
    uint32_t deadline_ms;       /* of a request: 35,000, because D1 gives a request 30 s */
    uint32_t budget;            /* tokens: 500; a retry takes 5 (10 after a timeout), a success gives 1 back */
} d1t_retry;

/* What ops of one client share. */
typedef struct d1t_exchange {
    d1t_retry    retry;
    d1t_limiter *limiter;
    uint64_t     random;        /* state of the jitter */
    uint32_t     budget;        /* tokens left */
    uint64_t     quiet_until;   /* ms: until then a request whose outcome is unknown may still land, and nothing else
                                   than the same request is sent */
    uint64_t     max_reply;     /* bytes of a reply: 16 MiB */
} d1t_exchange;

/* One request until it is settled: classification, retries, backoff, deadline. No I/O, no clock. */
typedef struct d1t_op {
    uint8_t       state;            /* small members first: their offsets make shorter code */
    bool          idempotent;       /* may be sent again after an unknown outcome */
    bool          read_only;        /* cannot leave anything behind */
    bool          unknown;          /* an earlier attempt may have been applied */
    bool          other;            /* an attempt ended otherwise than by a deferred violation */
    bool          retryable;
    bool          shrink;           /* a smaller request may pass */
    uint8_t       outcome;          /* d1t_outcome */
    uint32_t      attempt;          /* from 1 */
    uint32_t      expect;           /* results in the reply */
    uint64_t      wake_ms, sent_ms;
    uint64_t      received;         /* bytes of the reply */
    int32_t       http_status, transport_code;
    uint32_t      retry_after_s;
    d1t_result    fed;              /* the first error while being fed */
    d1t_result    transport;        /* how the driver ended it */
    d1t_result    code;             /* settled: the result */
    d1t_exchange *exchange;
    void        (*before_retry)(void *ctx);     /* forget what the reply handler has kept */
    bool        (*may_retry)(void *ctx);        /* NULL, or false once rows have been handed on */
    void         *ctx;
    d1t_request   request;
    d1t_reply     reply;
} d1t_op;

typedef struct d1t_op_desc {
    d1t_str           url, token;
    d1t_body          body;
    uint32_t          expect;
    bool              idempotent, read_only;
    d1t_reply_handler handler;
    void            (*before_retry)(void *ctx);
    bool            (*may_retry)(void *ctx);
    void             *ctx;          /* of handler, before_retry and may_retry */
} d1t_op_desc;

/* Ready to be sent; what desc and exchange point to must live until the op is settled. */
D1TDEF void       d1t_op_init(d1t_op *op, d1t_exchange *exchange, const d1t_op_desc *desc);
/* SEND: op->request is to be performed. WAIT: until *wake_ms. CANCEL: past the deadline. DONE, FAIL: settled. */
D1TDEF d1t_step   d1t_op_next(d1t_op *op, uint64_t now_ms, uint64_t *wake_ms);

/* A driver feeds what arrives, in this order, and ends with d1t_op_on_end (d1t_run calls that one itself with the
   result of perform). Header names are matched with ASCII case ignored; only retry-after and ratelimit are looked at.
   */
D1TDEF void       d1t_op_on_status(d1t_op *op, int32_t status);
D1TDEF void       d1t_op_on_header(d1t_op *op, const char *name, const char *value);
/* D1T_OK, or a reason to stop reading (the cap, a callback that stops). */
D1TDEF d1t_result d1t_op_on_body(d1t_op *op, const void *data, size_t size);
/* result: D1T_OK (the body ended as it should), D1T_ERR_CONNECT or D1T_ERR_TLS (nothing was sent), D1T_ERR_TRANSPORT,
   D1T_ERR_TIMEOUT. code: the transport's own number for the error object, or 0. */
D1TDEF void       d1t_op_on_end(d1t_op *op, uint64_t now_ms, d1t_result result, int32_t code);
/* For a transport that returns only a result from perform: the number for the error object. */
D1TDEF void       d1t_op_set_transport_code(d1t_op *op, int32_t code);

/* The classification table, callable alone: message first, then Cloudflare's code, then the HTTP status.
   See docs/troubleshooting.md. */
typedef struct d1t_verdict {
    d1t_result  code;
    d1t_outcome outcome;
    bool        retryable;  /* if idempotent, where the outcome is unknown */
    bool        shrink;
    bool        lands_late; /* the request may still be running */
} d1t_verdict;
D1TDEF d1t_verdict d1t_classify(d1t_result transport, int32_t http_status, int32_t d1_code, d1t_str message);

/* ================================================================================================================
   ROOM planning: statement texts; order, dedupe, cut; the real schema read back; the differ
   ============================================================================================================= */

/* ---- >>write -------------------------------------------------------------------------------------------------- */

/* What is done with a row. */
typedef enum d1t_write_kind {
    D1T_WRITE_UPSERT = 0,
    D1T_WRITE_UPDATE,       /* some columns; a row that does not exist stays missing */
    D1T_WRITE_DELETE
} d1t_write_kind;

/* Only where the stored value of a column (of a content hash, say) equals or differs from `value`. A missing row: an
   upsert inserts it, a delete does nothing. NULL equals only NULL. */
typedef struct d1t_condition {
    const char *column;
    bool        equals;     /* false: differs */
    d1t_value   value;      /* d1t_absent(): the value that the row itself carries for that column (differs only) */
} d1t_condition;

/* A set of columns, one bit each. */
typedef struct d1t_columns {
    uint64_t bits[2];
} d1t_columns;

/* A table made ready for writing: the order in which a row's elements travel (keys first) and what a batch must know.
   */
typedef struct d1t_shape {
    const d1t_table *table;
    uint8_t  keys;          /* elements 0 .. keys - 1 are the key */
    uint8_t  elements;      /* keys and the other writable columns */
    uint8_t  rank;          /* parents before children: 0 references nothing */
    bool     has_unique;    /* a UNIQUE index besides the key */
    bool     reached;       /* private: a mark */
    bool     cycle;         /* it and another table reference each other */
    uint8_t  order[100];    /* element -> column number */
    d1t_columns late;       /* nullable columns that reference the table itself or lead back to it */
} d1t_shape;

/* One statement over rows of one table; the rows are parameter ?1 = "[[...],...]". */
typedef struct d1t_write_desc {
    const d1t_shape *shape;
    d1t_columns      columns;   /* UPDATE: the columns that are set; UPSERT: columns that are left out for now */
    uint8_t          kind;      /* d1t_write_kind */
    bool             equals;
    bool             full;      /* UPDATE: the rows carry all elements, not only the key and the columns that are set */
    bool             hold;      /* its rows wait for the end of the flush */
    int16_t          condition; /* column number, or -1; the value to compare with is the row's last element */
} d1t_write_desc;

/* D1T_OK, or D1T_ERR_LIMIT: more than 100 columns. The table must live as long as the shape. */
D1TDEF d1t_result d1t_shape_init(d1t_shape *s, const d1t_table *table);
/* The statement's text; its rows are its first parameter. */
/* big: columns whose values are parameters of their own (?2, ?3 ...) because the row is too wide for one parameter; a
   BLOB takes two, its halves in hex. */
D1TDEF void d1t_write_sql(d1t_writer *w, const d1t_write_desc *desc, d1t_columns big);
/* UPDATE that moves the values of a unique index out of the way before rows of `desc` (?1) are written: of rows in D1
   that hold a value which another row of the batch takes, and that are themselves written (?1) or deleted (?2: keys).
   False, and nothing written: the index cannot be parked, or these rows do not carry all its columns. */
D1TDEF bool d1t_write_park_sql(d1t_writer *w, const d1t_write_desc *desc, const d1t_index *index);

/* ---- >>batch -------------------------------------------------------------------------------------------------- */

/* Pending rows, encoded once as they arrive and pulled in key order. One block of memory: rows grow up from its start,
   the hash of their keys (on flush: the sort) down from its end. Private; a client has one. */
typedef struct d1t_batch {
    char           *p;
    size_t          size;       /* of the block */
    size_t          n;          /* bytes of rows, headers and dead rows included */
    size_t          text;       /* bytes of row texts that the next request would carry: without held rows */
    size_t          overhead;   /* bytes of everything else in the request: statements of the groups */
    size_t          around;     /* bytes of prologue and epilogue */
    bool            full;       /* D1T_FULL was answered: the next flush makes room, it is not the end of the flush */
    bool            grouped;    /* holds a group of the caller's: it may not be split */
    bool            ascending;  /* rows of one statement in strictly ascending order so far: no hash is needed */
    uint8_t         nan_policy, nul_policy; /* d1t_policy */
    uint32_t        rows, live; /* all rows, rows that would be sent */
    uint32_t        slots;      /* of the hash; 0: there is none yet */
    uint32_t        reserve;    /* slots that there is room for */
    uint32_t        ordered;    /* rows in the sorted order; 0: not sorted */
    size_t          last;       /* where the last row begins */
    uint32_t        groups;     /* different statements so far */
    uint32_t        max_groups;
    d1t_write_desc *group;      /* [max_groups], and behind them as many uint32_t: the order of statements */
    size_t          mark;       /* bytes of rows before the open group; SIZE_MAX: no open group */
    uint64_t        next_row;   /* number of the last row since open */
    uint64_t        seed;       /* of the hash */
    const d1t_limits *limits;
    d1t_buffer      wide;       /* parameters of the one row that is too wide for the block; n 0: none */
    uint32_t        wide_key;   /* where its key ends */
    uint32_t        wide_group;
    d1t_columns     big;        /* its columns that are parameters of their own */
} d1t_batch;

/* A walk over the parts of one request's body: prologue, parks, rows by statement, epilogue. Private. */
struct d1t__send {
    struct d1t_batch   *batch;
    const d1t_statement *prologue, *epilogue;
    size_t               prologue_count, epilogue_count;
    uint32_t             from, to;          /* the rows sent, as positions in the order */
    bool                 park, probe;
    bool                 first_pass;        /* late columns are left out; a second pass sets them */
    bool                 tainted;           /* a row of the batch was refused and left out */
    void               (*before)(void *ctx, bool whole);    /* a request begins; whole: it has all rows that wait */
    void                *before_ctx;
    uint8_t              stage;             /* where the walk is: */
    uint32_t             statements;        /* complete so far */
    uint32_t             total;             /* of the whole body, once it has been walked */
    uint32_t             i, end;            /* the list of rows being written: the next one, its end */
    uint32_t             run;               /* where its statement's rows begin */
    uint32_t             index;             /* park: number of the unique index */
};

/* ---- >>schema_read -------------------------------------------------------------------------------------------- */

typedef enum d1t_object_kind {
    D1T_OBJECT_TABLE = 1, D1T_OBJECT_VIRTUAL, D1T_OBJECT_INDEX, D1T_OBJECT_VIEW, D1T_OBJECT_TRIGGER
} d1t_object_kind;

/* Something that the database has. Strings live in the arena of the schema. */
typedef struct d1t_schema_object {
    d1t_object_kind  kind;
    const char      *name, *sql;
    const char      *owner;     /* INDEX, TRIGGER: the table or view it is on; else its own name */
    d1t_table       *table;     /* TABLE: what its SQL says, with its indexes; NULL: it is odd */
    const char      *odd;       /* TABLE: NULL, or why its SQL cannot be said by a d1t_table: it is never rebuilt */
    struct d1t_schema_object *next;
} d1t_schema_object;

/* What this header wrote down about a table when it last set it up, in the same database (table _d1t_setup). */
typedef struct d1t_schema_record {
    const char      *table, *json;      /* json: as d1t_table_to_json wrote it */
    const d1t_table *state;
    struct d1t_schema_record *next;
} d1t_schema_record;

typedef struct d1t_schema {
    d1t_arena         *arena;
    d1t_schema_object *objects, *last;      /* in the order of sqlite_schema */
    d1t_schema_record *records;
    struct d1t__copy  *copies;              /* private: rebuilds that are under way, see >>split */
    uint64_t           version;             /* of the record: it grows with every change; 0: none yet */
    uint64_t           shape;               /* a sum over all objects, to notice that something came or went */
    bool               partial;             /* there may be other objects: what is missing is not told */
    void              *reader;              /* private */
} d1t_schema;

/* The statement that reads the schema, a row per object with one JSON text, and the one that reads the records, a row
   of name, version and state each ("no such table": there is none yet). Both belong into one request. */
D1TDEF const char *d1t_schema_sql(void);
D1TDEF const char *d1t_schema_record_sql(void);
/* Adds what a row of the two says. D1T_OK, D1T_ERR_PROTOCOL, D1T_ERR_NOMEM. */
D1TDEF d1t_result d1t_schema_add(d1t_schema *schema, d1t_str json);
D1TDEF d1t_result d1t_schema_add_record(d1t_schema *schema, d1t_str name, uint64_t version, d1t_str json);
/* When everything is added: gives the tables their indexes. D1T_OK, D1T_ERR_NOMEM. */
D1TDEF d1t_result d1t_schema_end(d1t_schema *schema);
/* The table, virtual table or view of this name; the record of a table. NULL: there is none. */
D1TDEF const d1t_schema_object *d1t_schema_find(const d1t_schema *schema, const char *name);
D1TDEF const d1t_schema_record *d1t_schema_recorded(const d1t_schema *schema, const char *table);

/* ---- >>diff --------------------------------------------------------------------------------------------------- */

/* No calls of its own: what differs between two tables, for d1t_plan_diff. */

/* ---- >>rebuild ------------------------------------------------------------------------------------------------ */

/* No calls of its own: the statements that make a table anew with all that references it. */

/* ---- >>split -------------------------------------------------------------------------------------------------- */

/* No calls of its own: a table made anew in several requests (d1t_plan_desc.split). */

/* ---- >>plan --------------------------------------------------------------------------------------------------- */

/* The worst that a step does to data: nothing; some values become NULL or another kind; columns, rows or tables go. */
typedef enum d1t_effect { D1T_EFFECT_NONE = 0, D1T_EFFECT_LOSSY, D1T_EFFECT_DESTRUCTIVE } d1t_effect;

/* What a plan does as a whole. */
typedef enum d1t_change {
    D1T_CHANGE_NONE = 0, D1T_CHANGE_CREATE, D1T_CHANGE_UPDATE, D1T_CHANGE_DELETE, D1T_CHANGE_INVALID
} d1t_change;

typedef enum d1t_step_kind {
    D1T_CREATE_TABLE = 1, D1T_ADD_COLUMN, D1T_CREATE_INDEX,
    D1T_REFUSED,            /* cannot be done: text says why, and the cure */
    D1T_DROP_TABLE, D1T_RENAME_TABLE,
    D1T_REBUILD_TABLE,      /* the steps before it that change the same table need it */
    D1T_DROP_COLUMN, D1T_RENAME_COLUMN, D1T_CHANGE_COLUMN, D1T_CHANGE_TABLE, D1T_DROP_INDEX,
    D1T_COMMAND,            /* SQL of a d1t_command, or its teardown */
    D1T_RECORD,             /* only what is written down about the table changes */
    D1T_NOTE                /* nothing is done: worth knowing */
} d1t_step_kind;

typedef struct d1t_plan_step {
    d1t_step_kind kind;
    d1t_effect    effect;
    const char   *table, *name;     /* name: of the column, index or command; NULL: the table itself */
    const char   *text;             /* "+ column symbols.kind TEXT", or why it is refused and the cure */
    const char   *line;             /* text and effect, as d1t_plan_print shows it */
    uint64_t      rows;             /* rows whose value does not survive, once counted; a rebuild: rows copied */
    uint64_t      written;          /* rows that it writes, indexes included, once counted */
    const char   *example;          /* NULL, or the key of one of them, a JSON array: it contains values */
    struct d1t_plan_step *next;
} d1t_plan_step;

/* What applying costs; rows are known once they were counted (d1t_plan_read does where it matters). */
typedef struct d1t_estimate {
    uint64_t rows_copied, rows_written, rows_read;
    uint64_t cost;          /* 10^-9 US dollars, as d1t_stats_cost */
    uint32_t requests;      /* that write; a split rebuild takes several */
    bool     counted;
} d1t_estimate;

/* What a plan is for. */
typedef struct d1t_plan_desc {
    const d1t_table *const *tables;     /* what D1 should have; the tables are borrowed until the plan is freed */
    size_t           count;
    bool             keep;      /* columns and indexes that are not declared stay (d1t_setup: it never drops) */
    bool             prune;     /* tables that were recorded and are not declared any more are dropped */
    bool             adopt;     /* tables that are there as declared but not recorded are recorded */
    bool             drift;     /* instead of `tables`: what was recorded, to see what somebody changed since */
    bool             split;     /* a rebuild too large for one request (limits.rebuild) is spread over several, if no
                                   foreign key leads to the table and its key stays; docs/migrations.md says how */
} d1t_plan_desc;

/* A plan: what would make D1 hold the declared tables. Zeroed or made by d1t_plan_read; always free it. */
typedef struct d1t_plan {
    d1t_plan_step *steps, *last;
    uint32_t       step_count, refused;     /* steps that change something or are refused; of these, refused */
    d1t_change     change;
    d1t_effect     effect;                  /* the worst of its steps */
    d1t_estimate   estimate;
    d1t_statement *statements;              /* one atomic batch, locks and checks included; with more: the first */
    size_t         statement_count;
    bool           more;                    /* renames or parts of a split rebuild come first: applying reads again and
                                               does the rest */
    d1t_plan_desc  desc;
    d1t_arena      arena;
    struct d1t_client *db;
} d1t_plan;

/* The differ: pure. Compares the declared tables with a schema and plans the difference; tables that are not declared
   are left alone, but for desc->prune. D1T_OK (look at plan->refused too), D1T_ERR_NOMEM, D1T_ERR_SCHEMA (drift without
   a record), D1T_ERR_LIMIT (a statement would be too long), and the errors of d1t_table_check. */
D1TDEF d1t_result d1t_plan_diff(d1t_plan *plan, const d1t_schema *schema, const d1t_plan_desc *desc, d1t_error *error);
/* One line a step: "+ table symbols", its effect, no values. */
D1TDEF void d1t_plan_print(const d1t_plan *plan, void (*put_line)(void *ctx, const char *line), void *ctx);
/* {"version":1,"change":"update","effect":"none","refused":0,"steps":[{"kind":"add column","table":...}],
   "statements":[...],"estimate":{...}} */
D1TDEF void d1t_plan_to_json(const d1t_plan *plan, d1t_writer *w);
D1TDEF void d1t_plan_free(d1t_plan *plan);

/* ================================================================================================================
   ROOM client: one database
   ============================================================================================================= */

/* ---- >>client ------------------------------------------------------------------------------------------------- */

#define D1T_TRANSPORT_VERSION 1u

/* How requests are performed. Needed by the blocking verbs only; a program that drives d1t_next itself leaves it zero.
   */
typedef struct d1t_transport {
    uint32_t   version;     /* D1T_TRANSPORT_VERSION */
    void      *ctx;
    /* Performs one request and feeds op; see docs/transports.md. D1T_OK, D1T_ERR_CONNECT and D1T_ERR_TLS (surely
       nothing arrived), D1T_ERR_TRANSPORT, D1T_ERR_TIMEOUT. */
    d1t_result (*perform)(void *ctx, d1t_request *req, d1t_op *op);
    uint64_t   (*now_ms)(void *ctx);            /* monotonic */
    void       (*sleep_ms)(void *ctx, uint64_t ms);
    void       (*close)(void *ctx);             /* NULL, or called once by d1t_close */
} d1t_transport;

typedef enum d1t_setup_mode {
    D1T_SETUP_APPLY = 0,    /* create what is missing */
    D1T_SETUP_VERIFY,       /* change nothing; a difference is D1T_ERR_SCHEMA */
    D1T_SETUP_TRUST         /* read nothing, change nothing (devices) */
} d1t_setup_mode;

typedef enum d1t_event_kind {
    D1T_EVENT_SEND = 1,     /* a request goes out: bytes, attempt */
    D1T_EVENT_REPLY,        /* a request is settled: result, http_status, ms */
    D1T_EVENT_RETRY,        /* it will be sent again after ms */
    D1T_EVENT_FLUSH,        /* a batch is in D1: rows, bytes, ms */
    D1T_EVENT_SETUP,        /* a step of the plan is applied: table */
    D1T_EVENT_POISON        /* a row was refused: table, row */
} d1t_event_kind;

/* A plain struct; never a value, never the token. */
typedef struct d1t_event {
    d1t_event_kind what;
    const char    *table;       /* or NULL */
    uint64_t       rows, row, bytes, ms;
    uint32_t       attempt;
    int32_t        http_status;
    d1t_result     result;
} d1t_event;

/* Counters since open. */
typedef struct d1t_stats {
    uint64_t rows_sent;         /* rows in requests that D1 applied */
    uint64_t rows_upserted, rows_updated, rows_deleted;     /* of these, by verb */
    uint64_t rows_changed; /* rows that D1 says it wrote directly (a retry after an unknown outcome may count less) */
    uint64_t rows_merged;       /* rows that were replaced by a later one before they were sent */
    uint64_t rows_poisoned;
    uint64_t rows_read, rows_written;   /* as billed by D1 */
    uint64_t requests, retries, flushes;
    uint64_t unknown;           /* requests whose outcome was unknown at first */
    uint64_t maybe_billed;      /* requests that D1 ran and rolled back; their rows are not known */
    uint64_t bytes_sent, bytes_received;
    uint64_t waited_ms;         /* for backoff, rate limit and quiet time */
    uint64_t sql_us;            /* D1's own time for statements */
} d1t_stats;

/* What these counters cost beyond the free allowance, in 10^-9 US dollars: 1,000 a written row, 1 a read one
   (D1 pricing: $1.00 and $0.001 a million). */
D1TDEF uint64_t d1t_stats_cost(const d1t_stats *stats);

/* Configuration: zero it (or d1t_config_from_env) and set what differs. Strings are copied at open. */
typedef struct d1t_config {
    const char    *account, *database;  /* 32 hex digits; UUID */
    const char    *token;               /* an API token with "D1 Edit" */
    const char    *base_url;            /* default https://api.cloudflare.com/client/v4; plain http only to loopback */
    const char    *database_url;        /* replaces the three: everything before "/raw" */
    d1t_transport  transport;           /* zero: libcurl */
    d1t_setup_mode setup;
    d1t_effect     allow;               /* the worst that d1t_setup may do to data: nothing */
    d1t_allocator  allocator;           /* zero: malloc */
    void          *memory;              /* instead of an allocator: one block for everything, aligned to 8 */
    size_t         memory_size;
    size_t         max_body;            /* bytes of a request: 1,000,000, or what the memory allows */
    size_t         max_kept;            /* bytes of a result row or plan that may be kept: 8 MiB, or memory_size / 16 */
    uint64_t       max_reply;           /* bytes of a reply: 16 MiB */
    uint32_t       max_groups;          /* different statements in a batch: 32 (4 under 64 KiB of memory) */
    d1t_limits     limits;
    d1t_retry      retry;
    d1t_limiter   *limiter;             /* NULL: the client's own */
    uint64_t       seed;                /* of jitter; 0: from the client's address */
    d1t_policy     nan_policy;          /* D1T_REFUSE or D1T_MAKE_NULL */
    d1t_policy     nul_policy;          /* D1T_REFUSE or D1T_STRIP */
    bool driven; /* the program drives d1t_next itself: nothing blocks, a full batch is D1T_FULL */
    bool           isolate;             /* a refused batch: write every row but the refused ones */
    void         (*on_event)(void *ctx, const d1t_event *event);
    void         (*on_poison)(void *ctx, const d1t_error *error, d1t_str key);  /* key: JSON array of the row's key */
    void          *ctx;                 /* of on_event and on_poison */
} d1t_config;

/* CLOUDFLARE_ACCOUNT_ID, CLOUDFLARE_DATABASE_ID, CLOUDFLARE_API_TOKEN, CLOUDFLARE_API_BASE_URL (a whole database URL,
   ending in /database/<id>, replaces account and database). Views of the environment. */
D1TDEF d1t_config d1t_config_from_env(void);

/* Why a request failed: all that an error is composed of. Private. */
struct d1t__cause {
    d1t_result  code;
    d1t_outcome outcome;
    int32_t     http_status, d1_code, transport_code;
    bool        retryable, unique;
    const char *phrase, *table, *column, *check;    /* recognised in the server's words */
};

/* What the client is doing. Private. */
struct d1t__task {
    uint8_t   kind, phase, rounds;
    bool      active, has_op, announced;
    bool      automatic;        /* the flush only makes room; more rows will come */
    bool      unsure;           /* steps were sent, and what became of them is not known */
    uint32_t  low, high;        /* the prefix of `low` rows passes, the one of `high` rows does not */
    uint64_t  changed, count;   /* rows counted in the reply so far; the count being read */
    uint64_t  started_ms, wait_from;
    struct d1t__cause cause;    /* while probing: why the shortest refused prefix was refused */
};

/* A client: caller-owned, any storage, not to be moved while open. Read error and stats; the rest is private, what is
   used most first. */
typedef struct d1t_client {
    bool          open, busy, driven, isolate, park;
    bool          reserved;         /* by a run of declared state */
    bool          probing;          /* looking for the refused row */
    uint8_t       setup;            /* d1t_setup_mode */
    uint8_t       allow;            /* d1t_effect */
    struct d1t__task task;
    d1t_error     error;            /* yours to read */
    d1t_stats     stats;            /* yours to read */
    d1t_transport transport;
    d1t_allocator allocator;
    d1t_block     block;            /* config.memory */
    char         *base;             /* one piece: url, token, groups */
    size_t        base_size, token_size;
    char         *token;
    size_t        max_kept, batch_size;
    void        (*on_event)(void *ctx, const d1t_event *event);
    void        (*on_poison)(void *ctx, const d1t_error *error, d1t_str key);
    void         *ctx;
    d1t_limits    limits;
    d1t_limiter   limiter;
    d1t_exchange  exchange;
    d1t_batch     batch;
    d1t_shape    *shapes;
    size_t        table_count, table_cap;
    struct d1t__send send;
    d1t_value    *values;           /* of a row from a struct; taken with the first one */
    void         *job;              /* of a query, an exec or a plan */
    d1t_str       url, key;         /* key: of the row that error names */
    uint64_t      now_ms;
    d1t_op        op;
} d1t_client;

/* Opens: checks and copies the configuration, takes the memory, no I/O. Errors also stay in db->error. D1T_OK,
   D1T_ERR_CONFIG, D1T_ERR_NOMEM, D1T_ERR_SPACE (error.need bytes would do), D1T_ERR_VERSION, D1T_ERR_UNSUPPORTED. */
#define d1t_open(db, config) d1t_open_((db), (config), D1T_VERSION_NUM, sizeof(d1t_client))
D1TDEF d1t_result d1t_open_(d1t_client *db, const d1t_config *config, uint32_t version, size_t size);

/* Takes back the error, so that the client goes on. D1T_KEEP_ROWS leaves the pending rows (but the refused one) to be
   flushed again, D1T_DROP_ROWS forgets them. D1T_OK, D1T_ERR_STATE (not open), D1T_ERR_BUSY. */
typedef enum d1t_clear_mode { D1T_KEEP_ROWS = 1, D1T_DROP_ROWS = 2 } d1t_clear_mode;
D1TDEF d1t_result d1t_clear(d1t_client *db, d1t_clear_mode mode);

/* The key of the row that db->error names, as a JSON array; none if unknown. Contains values: do not log it where they
   do not belong. Valid until the next call. */
D1TDEF d1t_str d1t_error_key(const d1t_client *db);
/* The server's own words about the last refused request; may contain values. Valid until the next request or close. */
D1TDEF d1t_str d1t_server_text(const d1t_client *db);

/* Statements that go before and after the rows of every batch, in the same transaction: fences, locks and preconditions
   before, watermarks and states after. Borrowed until replaced; 0 removes them. They must be idempotent. A precondition
   aborts the batch: SELECT json_extract('{}','d1t '||<text>) WHERE <bad>  (D1T_ERR_PRECONDITION).
   D1T_OK, D1T_ERR_BUSY, and the errors of d1t_write_statement. */
D1TDEF d1t_result d1t_around(d1t_client *db, const d1t_statement *prologue, size_t prologue_count,
                             const d1t_statement *epilogue, size_t epilogue_count);

/* Driven form. Each verb that needs the network is a task that its _start begins: D1T_OK, D1T_ERR_BUSY (a task is
   active), or the standing error. Then call d1t_next until D1T_DONE or D1T_FAIL (db->error). The blocking verbs of
   >>run are _start and d1t_run. */
typedef struct d1t_todo {
    d1t_op      *op;        /* SEND, CANCEL */
    d1t_request *request;   /* SEND */
    uint64_t     wake_ms;   /* WAIT */
} d1t_todo;
D1TDEF d1t_step   d1t_next(d1t_client *db, uint64_t now_ms, d1t_todo *todo);
D1TDEF d1t_result d1t_flush_start(d1t_client *db);

/* ---- >>setup -------------------------------------------------------------------------------------------------- */

/* The task of d1t_setup. */
D1TDEF d1t_result d1t_setup_start(d1t_client *db, const d1t_table *const *tables, size_t count);

/* The tasks of d1t_plan_read, d1t_plan_read_desc and d1t_plan_apply. */
D1TDEF d1t_result d1t_plan_read_start(d1t_plan *plan, d1t_client *db, const d1t_plan_desc *desc);
D1TDEF d1t_result d1t_plan_apply_start(d1t_plan *plan, d1t_effect allow);

/* The task of d1t_schema_read. */
D1TDEF d1t_result d1t_schema_read_start(d1t_schema *schema, d1t_client *db);

/* ---- >>query -------------------------------------------------------------------------------------------------- */

/* A result row: views for the callback. */
typedef struct d1t_row {
    const d1t_str   *names;
    const d1t_value *values;
    size_t           count;
} d1t_row;

/* Non-zero stops: D1T_ERR_CANCELED. Rows are provisional until the call returns D1T_OK. */
typedef int (*d1t_on_row)(void *ctx, const d1t_row *row);

/* The tasks of d1t_query, d1t_read and d1t_exec. */
D1TDEF d1t_result d1t_query_start(d1t_client *db, const char *sql, const d1t_value *args, size_t count,
                                  d1t_on_row on_row, void *ctx);
D1TDEF d1t_result d1t_read_start(d1t_client *db, const d1t_table *table, const char *where_sql, const d1t_value *args,
                                 size_t count, d1t_on_row on_row, void *ctx);
D1TDEF d1t_result d1t_exec_start(d1t_client *db, const d1t_statement *statements, size_t count);

/* ---- >>probe -------------------------------------------------------------------------------------------------- */

/* No calls of its own: a flush that a constraint refuses looks for the row by itself (config.isolate, on_poison). */

/* ================================================================================================================
   ROOM contracts: what engines that manage targets ask for
   ============================================================================================================= */

/* ---- >>state -------------------------------------------------------------------------------------------------- */

/* An engine (ReCoco, CocoIndex) stores what it has set up, under a key, and asks before each run what has to change.
   All of this section is pure. A setup state is a d1t_table; its stored form is d1t_table_to_json. The flag D1T_BY_USER
   says that its setup is the user's affair. */

/* Which table of which database: neither account nor credential, these are looked up when something is applied. */
typedef struct d1t_setup_key {
    const char *database, *table;
} d1t_setup_key;

/* {"database":"...","table":"..."} */
D1TDEF void       d1t_setup_key_to_json(const d1t_setup_key *key, d1t_writer *w);
/* Reads a stored key into the arena: members in any order, the older names "database_id" and "table_name", any white
   space. *canonical (may be NULL): json is what d1t_setup_key_to_json writes; else the stored one is a legacy key,
   which the engine replaces. D1T_OK, D1T_ERR_JSON (error->text says what), D1T_ERR_NOMEM. */
D1TDEF d1t_result d1t_setup_key_from_json(d1t_str json, d1t_arena *arena, d1t_setup_key *key, bool *canonical,
                                          d1t_error *error);
/* An order of keys; 0: the same table. Names of tables are compared as SQLite does, with ASCII case ignored. */
D1TDEF int        d1t_setup_key_compare(const d1t_setup_key *a, const d1t_setup_key *b);
/* "D1 table: database.table" */
D1TDEF void       d1t_setup_key_describe(const d1t_setup_key *key, d1t_writer *w);

/* What may be there: after a crash an engine knows the state before (current) and those it was about to make. */
typedef struct d1t_combined_state {
    const d1t_table        *current;        /* NULL: none is known */
    const d1t_table *const *staged;         /* an entry NULL: it was about to be deleted */
    size_t                  staged_count;
    const char             *legacy_key;     /* NULL, or the key as it is stored, in another than the canonical form */
} d1t_combined_state;

/* The possible versions, by number: current and every staged one that is not a delete. NULL: there are no more. */
D1TDEF const d1t_table *d1t_state_version(const d1t_combined_state *state, size_t i);
/* The table is there for certain: there is a current state, and no delete was staged. The same, and every possible
   version satisfies the predicate. */
D1TDEF bool d1t_state_always_exists(const d1t_combined_state *state);
D1TDEF bool d1t_state_always_exists_and(const d1t_combined_state *state,
                                        bool (*predicate)(void *ctx, const d1t_table *version), void *ctx);
/* Equal states; the order of value columns, indexes and checks does not matter, nor does `was`. */
D1TDEF bool d1t_state_equal(const d1t_table *a, const d1t_table *b);
/* Is there anything to do? desired NULL: any version exists. Else: not every possible version is there and equal. */
D1TDEF bool d1t_state_has_diff(const d1t_combined_state *state, const d1t_table *desired);

/* Whose affair is the step from `existing` to `desired` (NULL: it is to go)? False: the user's, nothing is to be done.
   True: *system is what of `existing` this program has set up; kept, room for existing->staged_count pointers, holds
   its list. A table that passes from the user to the program has no state of the program's: it is adopted. */
D1TDEF bool d1t_state_transition(const d1t_table *desired, const d1t_combined_state *existing, const d1t_table **kept,
                                 d1t_combined_state *system);

typedef enum d1t_diff_action {
    D1T_DIFF_NONE = 0,
    D1T_DIFF_INSERT,    /* nothing is known to be there */
    D1T_DIFF_UPSERT,    /* it may be there already, as desired */
    D1T_DIFF_REPLACE,   /* something else is or may be there */
    D1T_DIFF_DELETE
} d1t_diff_action;

/* Of previous possible states, how many there are and how many of them equal the desired one; missing: it may be that
   nothing is there. */
D1TDEF d1t_diff_action d1t_diff(bool desired, size_t prev_count, size_t prev_equal, bool missing);
/* The same for a table and its parts. The table (on_diff: column NULL) is its key, its flags, foreign keys and checks;
   the parts are its other columns. Returns the table's action; what has none is not reported. Nothing of a deleted
   table is. on_diff may be NULL. */
D1TDEF d1t_diff_action d1t_diff_table(const d1t_table *desired, const d1t_table *const *prev, size_t prev_count,
                                      bool missing,
                                      void (*on_diff)(void *ctx, const d1t_column *column, d1t_diff_action action),
                                      void *ctx);

/* What becomes of the rows. */
typedef enum d1t_compatibility {
    D1T_COMPATIBLE = 0,         /* nothing is lost */
    D1T_PARTLY_COMPATIBLE,      /* the rows stay, values of some columns are lost: all rows have to be written again */
    D1T_NOT_COMPATIBLE          /* another key or another owner: what is known of the rows has to be forgotten */
} d1t_compatibility;

/* The order of columns does not matter, and a renamed one (`was`) is not lost. */
D1TDEF d1t_compatibility d1t_state_compatibility(const d1t_table *desired, const d1t_table *existing);

/* What would have to be done, for showing and deciding: the steps against every possible version, those that are equal
   once; a create where the table may be missing; a drop where it is no longer desired. Nothing for tables of the
   user's. existing NULL: nothing is known. plan->change: none, create (nothing but creates), update or delete; invalid
   only if a step is refused. Such a plan has no statements: what is applied is planned against the real database. plan
   is zeroed by the caller, or has an arena with the caller's allocator; always free it.
   D1T_OK, D1T_ERR_NOMEM, and the errors of d1t_table_check. */
D1TDEF d1t_result d1t_state_diff(d1t_plan *plan, const d1t_table *desired, const d1t_combined_state *existing,
                                 d1t_error *error);

/* ---- >>target ------------------------------------------------------------------------------------------------- */

/* A field of a collection. */
typedef struct d1t_field {
    const char *name;
    d1t_type    type;
    bool        nullable;   /* values only: keys never are */
} d1t_field;

/* The type for a word: those of d1t_table_to_json ("text"), and ReCoco's value types ("Str", "Int64", "Vector"). What
   ReCoco holds as a structure is D1T_JSON, a Range is TEXT, a TimeDelta an INTEGER of microseconds. 0: unknown. */
D1TDEF d1t_type d1t_type_from_word(d1t_str word);

/* A vector index is known in order to be refused: D1 has no sqlite-vec. */
typedef struct d1t_vector_index {
    const char *field;
} d1t_vector_index;

/* A collection that is to be exported into a table. Strings and lists are borrowed until what was built from it is no
   longer used. */
typedef struct d1t_target_spec {
    const char *flow, *collection;
    const char *account;            /* NULL: the resolver's */
    const char *database;           /* as the resolver knows it: an id, or a name of yours */
    const char *table;              /* NULL: d1t_sanitize_identifier of flow "__" collection */
    const char *credential;         /* NULL, or a name that the resolver knows; never a token */
    bool        setup_by_user;
    uint32_t    flags;              /* D1T_STRICT, D1T_WITHOUT_ROWID */
    const d1t_field *keys;
    size_t      key_count;
    const d1t_field *values;
    size_t      value_count;
    const d1t_index *indexes;
    size_t      index_count;
    const d1t_foreign_key *foreign_keys;
    size_t      foreign_key_count;
    const d1t_command *commands;
    size_t      command_count;
    const d1t_vector_index *vector_indexes;
    size_t      vector_index_count;
} d1t_target_spec;

/* {"flow":"f","collection":"c","account":"a","database":"d","table":"t","credential":"prod","setup_by_user":true,
    "key_fields":[{"name":"id","type":"Int64"}],"value_fields":[{"name":"x","type":"text","nullable":true}],
    "indexes":[...],"foreign_keys":[...],"commands":[...],"vector_indexes":[{"field":"x"}],"strict":true}
   indexes, foreign_keys, commands and flags as in d1t_table_to_json. Strict: a member that is not known is refused, and
   so is "api_token" and its like: a spec is stored and printed. D1T_OK, D1T_ERR_JSON, D1T_ERR_TABLE (error->text names
   the member), D1T_ERR_CONFIG (a token), D1T_ERR_NOMEM. */
D1TDEF d1t_result d1t_target_spec_from_json(d1t_str json, d1t_arena *arena, d1t_target_spec *spec, d1t_error *error);

/* Letters and digits of Unicode and '_' stay, every other character becomes "__". name must be valid UTF-8. */
D1TDEF void d1t_sanitize_identifier(d1t_str name, d1t_writer *w);

/* What is built from a spec: key and desired state, and what is needed to get there. No I/O, no secrets. */
typedef struct d1t_target_resource {
    d1t_setup_key    key;
    const char      *account, *credential;      /* NULL is allowed: the resolver knows the database */
    const d1t_table *state;                     /* keys, then values; NULL: it is to go */
} d1t_target_resource;

/* A row: its keys, then its values (a delete: only its keys), in the order of the spec. */
typedef struct d1t_target_row {
    const d1t_value *values;
    size_t           count;
    d1t_str          additional_key;    /* what d1t_target.extract_additional_key gave for it; D1 needs none */
} d1t_target_row;

typedef struct d1t_mutation {
    const d1t_target_resource *resource;
    const d1t_target_row *upserts;
    size_t                upsert_count;
    const d1t_target_row *deletes;
    size_t                delete_count;
} d1t_mutation;

/* A table to be set up as its state says, or to go. */
typedef struct d1t_setup_change {
    d1t_target_resource       resource;
    const d1t_combined_state *existing;     /* NULL: nothing is known */
} d1t_setup_change;

/* How changes reach a database. */
typedef struct d1t_target_desc {
    /* The configuration for a database, when something is applied. *out is zeroed, and copied right after the call;
       a transport in it is closed with its client. Any result but D1T_OK is an error of that database. */
    d1t_result (*resolve)(void *ctx, const char *credential, const char *database, d1t_config *out);
    /* NULL, or told of each database when it is finished: error->code D1T_OK, or why it failed; ignored: a drop that
       failed and may. */
    void       (*on_database)(void *ctx, const char *database, const d1t_error *error, const d1t_stats *stats,
                              bool ignored);
    void       *ctx;
    d1t_effect  allow;                  /* the worst that setup may do; a drop is D1T_EFFECT_DESTRUCTIVE */
    bool        ignore_drop_failures;   /* of tables that are to go: reported, and no error */
    d1t_allocator allocator;            /* of the job's own lists */
} d1t_target_desc;

/* A list of rows, and a row in it. Private. */
struct d1t__list_place {
    size_t  item, row;
    uint8_t rank;           /* of the table */
    bool    deletes;
};

/* Rows or setup changes on their way: caller-owned, not to be moved while it runs. One database after another, each
   with a client of its own; the first error stays, the other databases are still done. */
typedef struct d1t_target_job {
    d1t_error   error;          /* the first one */
    const char *database;       /* of the error */
    size_t      mutation, row;  /* the row to blame: the numbers of its mutation and of the upsert or delete in that, */
    bool        in_deletes;     /* both from 0; SIZE_MAX: none is known */
    uint32_t    databases, failed, ignored;     /* finished; of these, with an error, or one that is ignored */
    /* private from here */
    const struct d1t_target *target;
    d1t_target_desc          desc;
    const d1t_mutation      *mutations;     /* one of the two */
    const d1t_setup_change  *changes;
    size_t            count, first;         /* first: the item that begins the database being worked on */
    struct d1t__list_place place;                /* of the next row */
    uint8_t           phase, top_rank;
    bool              started, done, busy;
    d1t_config        config;
    d1t_client        db;
    d1t_schema        schema;               /* of tables that are to go */
    d1t_plan          plan;
    d1t_arena         arena;                /* for the database being worked on */
} d1t_target_job;

/* A kind of target. A program may register others beside "d1"; self is theirs. */
typedef struct d1t_target {
    const char *name;
    void       *self;
    /* Specs into resources, one for each, no resource twice. No I/O. */
    d1t_result (*build)(void *self, const d1t_target_spec *specs, size_t count, d1t_arena *arena,
                        d1t_target_resource *out, d1t_error *error);
    void       (*describe_resource)(void *self, const d1t_setup_key *key, d1t_writer *w);
    void       (*key_to_json)(void *self, const d1t_setup_key *key, d1t_writer *w);
    d1t_result (*key_from_json)(void *self, d1t_str json, d1t_arena *arena, d1t_setup_key *key, bool *canonical,
                                d1t_error *error);
    d1t_result (*diff_setup_states)(void *self, d1t_plan *plan, const d1t_setup_key *key, const d1t_table *desired,
                                    const d1t_combined_state *existing, d1t_error *error);
    d1t_compatibility (*check_state_compatibility)(void *self, const d1t_table *desired, const d1t_table *existing);
    /* JSON that is stored with a row's key and comes back when the row is deleted; NULL: it is always null. */
    void       (*extract_additional_key)(void *self, const d1t_target_resource *resource, const d1t_target_row *row,
                                         d1t_writer *w);
    /* Begin: all that can be checked without I/O is. Must be idempotent as a whole. */
    d1t_result (*apply_mutation)(void *self, d1t_target_job *job);
    d1t_result (*apply_setup_changes)(void *self, d1t_target_job *job);
    /* Goes on until a client has a task, and returns it; NULL: the job has ended, job->error says how. */
    d1t_client *(*next)(void *self, d1t_target_job *job);
    /* Releases what the job holds, finished or not. */
    void       (*end)(void *self, d1t_target_job *job);
} d1t_target;

/* D1: the target of the name "d1". */
D1TDEF const d1t_target *d1t_d1_target(void);

/* Targets by name, in a list of the caller's. */
typedef struct d1t_registry {
    const d1t_target **targets;
    size_t             room, count;
} d1t_registry;

/* Empty, over targets[room]. Add: the target is borrowed; D1T_OK, D1T_ERR_ARG (no name), D1T_ERR_NAME (the name is
   taken), D1T_ERR_SPACE. Find: NULL: there is none. */
D1TDEF void              d1t_registry_init(d1t_registry *registry, const d1t_target **targets, size_t room);
D1TDEF d1t_result        d1t_registry_add(d1t_registry *registry, const d1t_target *target);
D1TDEF const d1t_target *d1t_registry_find(const d1t_registry *registry, d1t_str name);

/* What the target extracts, or null. */
D1TDEF void d1t_target_additional_key(const d1t_target *target, const d1t_target_resource *resource,
                                      const d1t_target_row *row, d1t_writer *w);

/* The jobs of d1t_target_apply_mutation and d1t_target_apply_setup: D1T_OK, or an error found before anything is sent
   (also in job->error). Then call d1t_target_next until D1T_DONE or D1T_FAIL, and d1t_target_end in any case;
   job->error stays readable. What target, desc and lists point to is borrowed until the end. */
D1TDEF d1t_result d1t_target_mutation_start(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                            const d1t_mutation *mutations, size_t count);
D1TDEF d1t_result d1t_target_setup_start(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                         const d1t_setup_change *changes, size_t count);
D1TDEF d1t_step   d1t_target_next(d1t_target_job *job, uint64_t now_ms, d1t_todo *todo);
D1TDEF void       d1t_target_end(d1t_target_job *job);

/* ---- >>store ----------------------------------------------------------------------------------------------------- */

/* Where a run keeps what it knows: values under keys, both bytes, which it copies. One run at a time. */
typedef struct d1t_store {
    void *ctx;
    /* The first key after this one (none: the first of all) as memcmp orders them, a prefix first; views until the next
       call. What was put since the last commit may be seen or not. D1T_OK, D1T_EOF, or an error. */
    d1t_result (*next)(void *ctx, d1t_str after, d1t_str *key, d1t_str *value);
    d1t_result (*put)(void *ctx, d1t_str key, d1t_str value);
    d1t_result (*remove)(void *ctx, d1t_str key);       /* it need not be there */
    /* Makes everything since the last commit durable together. After an error either all or nothing of it is there. */
    d1t_result (*commit)(void *ctx);
    void       (*rollback)(void *ctx);                  /* forgets everything since the last commit */
} d1t_store;

/* A store in memory. */
typedef struct d1t_memory_store {
    d1t_allocator allocator;
    struct d1t__stored *entries, *waiting;      /* in order */
    size_t              count, room, waiting_count, waiting_room;
} d1t_memory_store;
D1TDEF d1t_store d1t_memory_store_init(d1t_memory_store *memory, d1t_allocator allocator);
D1TDEF void      d1t_memory_store_free(d1t_memory_store *memory);

/* ---- >>sync ------------------------------------------------------------------------------------------------------ */

/* Declared state: a program says which rows should exist, and D1 becomes that. New and changed rows are upserted,
   parents first; rows that nobody declared are deleted, children first, after all upserts. What was written is tracked
   in D1 itself, in the same batch as the rows, so that a run may be interrupted at any point, a run that changes
   nothing writes nothing, and no state is needed on the client's side.

   Rows are tracked in buckets: ranges of keys of about 64 rows, whose ends depend only on the keys, so that they stay
   where they are when rows come and go. A bucket has one record: a fingerprint of its rows and their number. Buckets
   whose record is as declared are not sent. The records of table T are in table _d1t_sync_T_<hash of its key>, the
   owner of each scope in _d1t_sync. Where one of these is missing, or T has got another key, it begins anew. */

/* Fingerprints: SipHash-2-4-128 under a secret, of bytes or of a row as it is stored (numbers, texts, blobs and dates
   that are equal in D1 have equal ones). They are a stored format and do not change. scratch: a buffer of the caller's,
   which keeps its memory for the next row. D1T_OK, D1T_ERR_ARG, and the errors of d1t_upsert, which stand in db->error.
   */
D1TDEF void       d1t_fingerprint(const uint8_t key[16], d1t_str bytes, uint8_t out[16]);
D1TDEF d1t_result d1t_fingerprint_row(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count,
                                      const uint8_t key[16], d1t_buffer *scratch, uint8_t out[16]);

/* Which rows of a table a run is about, and so which it may delete. Zero members: all of them. Programs that share a
   table take scopes that do not overlap. */
typedef struct d1t_scope {
    const d1t_table *table;     /* declared with d1t_setup */
    const char      *column;    /* NULL: all rows; else one of INTEGER, BOOL, TEXT or a kind stored as TEXT */
    const char      *prefix;    /* of a text column: values that begin with it */
    d1t_value        equals;    /* or: this value */
    d1t_value        from, to;  /* or: from <= value < to; absent: open */
} d1t_scope;

/* All rows; texts that begin so; one value; from <= value < to, open where d1t_absent(). All are borrowed. */
D1TDEF d1t_scope d1t_scope_table(const d1t_table *table);
D1TDEF d1t_scope d1t_scope_prefix(const d1t_table *table, const char *column, const char *prefix);
D1TDEF d1t_scope d1t_scope_equals(const d1t_table *table, const char *column, d1t_value value);
D1TDEF d1t_scope d1t_scope_range(const d1t_table *table, const char *column, d1t_value from, d1t_value to);

/* A place for rows that do not fit desc.max_memory: bytes are written once, one after the other, and read back in
   pieces; a temporary file does. D1T_OK, or the error that the run then ends with. */
typedef struct d1t_spill {
    void       *ctx;
    d1t_result (*write)(void *ctx, uint64_t at, const void *p, size_t n);
    d1t_result (*read)(void *ctx, uint64_t at, void *p, size_t n);
} d1t_spill;

typedef enum d1t_sync_mode {
    D1T_SYNC_APPLY = 0,
    D1T_SYNC_DRY_RUN,       /* write nothing: what would a run do? Asks D1 about the buckets that a run would send */
    D1T_SYNC_VERIFY         /* write nothing: does D1 hold what is declared? Asks about every row, trusts no record. To
                               repair, run with desc.full */
} d1t_sync_mode;

typedef enum d1t_difference { D1T_MISSING = 1, D1T_DIFFERENT, D1T_EXTRA } d1t_difference;

/* What a run declares. Borrowed from begin to commit or abort. */
typedef struct d1t_sync_desc {
    d1t_scope        scope;         /* of one table */
    const d1t_scope *scopes;        /* or of several; NULL: `scope` alone */
    size_t           scope_count;
    bool             sorted;        /* rows come in key order, those of parents before those of children: memory stays
                                       flat. Else they are kept until commit and sorted then */
    bool             full;          /* trust no record: every row is sent (unchanged ones cost a read, not a write) */
    uint32_t         max_delete;    /* percent of a scope's rows that may be deleted; 0: 50; 100: all of them */
    size_t           max_memory;    /* for rows that are kept until commit; 0: 64 MiB, or memory_size / 2 */
    d1t_spill        spill;         /* zero: more rows than that are an error */
    const d1t_store *store;         /* NULL, or what is known of each row, kept on this side. Then of a bucket that
                                       changed only the rows that did are sent, and records are not read. It may be
                                       lost or out of date: D1 tells whether it is true */
    d1t_sync_mode    mode;
    /* Dry run and verify: NULL, or told of each row that is not as declared. key: a JSON array, blobs in hex. */
    void           (*on_difference)(void *ctx, const d1t_table *table, d1t_difference what, d1t_str key);
    void            *ctx;
} d1t_sync_desc;
D1TDEF d1t_sync_desc d1t_sync_scope_prefix(const d1t_table *table, const char *column, const char *prefix);

/* What a run did; of a dry run what it would do, of a verification what it found: missing rows (inserted), different
   ones (updated) and extra ones (deleted). */
typedef struct d1t_sync_report {
    uint64_t declared;      /* rows; the same row twice counts once */
    uint64_t inserted, updated, unchanged, deleted;
    uint64_t sent;          /* rows of buckets that were not as recorded */
    uint64_t buckets, buckets_sent;
    uint64_t requests, bytes, rows_written, cost;   /* cost: see d1t_stats_cost. Of a dry run estimates: rows_written
                                                       and cost at most, because not every index changes */
} d1t_sync_report;

/* A run: caller-owned, not to be moved while it is open. Read the report; the rest is private. Until its end the
   client belongs to it: other verbs of the client are D1T_ERR_BUSY. */
typedef struct d1t_sync {
    d1t_client       *db;
    d1t_sync_report   report;       /* yours to read, complete after commit */
    d1t_sync_desc     desc;
    d1t_arena         arena;
    struct d1t__lane *lanes;        /* a table each, parents first */
    size_t            lane_count, lane;
    uint8_t           phase;
    uint8_t           want, then;   /* then: what was wanted when a request without rows had to come first */
    bool              whole, created, sent, claimed, crowded;
    d1t_stats         before;       /* the client's counters at the start */
    uint64_t          flushes;      /* its requests with rows before the last flush */
    uint32_t          page_rows;
    d1t_buffer        row, key, guard, query, place;
    char              nonce[33];
    d1t_value         guard_args[2], args[2];
    d1t_statement     prologue[2], statements[3];
    d1t_statement    *epilogue;
    size_t            epilogue_count, around, mark;
    uint64_t          answer[4];    /* of the last question */
    uint64_t          found[4];     /* differences, by kind */
    uint64_t          spilled;      /* bytes */
} d1t_sync;

/* The task of d1t_sync_begin. Then d1t_sync_next until D1T_DONE or D1T_FAIL (sync->db->error). */
D1TDEF d1t_result d1t_sync_begin_start(d1t_sync *sync, d1t_client *db, const d1t_sync_desc *desc);
/* The task of d1t_sync_commit. */
D1TDEF d1t_result d1t_sync_commit_start(d1t_sync *sync);
D1TDEF d1t_step   d1t_sync_next(d1t_sync *sync, uint64_t now_ms, d1t_todo *todo);
/* Ends a run without committing it: nothing is deleted, rows that wait are forgotten. What was sent stays, and the next
   run goes on from there. Returns the error that stands, or D1T_OK. No I/O. */
D1TDEF d1t_result d1t_sync_abort(d1t_sync *sync);

/* ---- >>connect ------------------------------------------------------------------------------------------------ */

/* Connectors: a program declares which items should exist in systems of its choice, as a tree (tables and their rows,
   directories and their files), and a run makes it so. A handler knows one kind of item: its reconcile is pure, and
   compares what is declared with what may be there; its apply does the I/O, for many items at once. In a store the run
   writes down what may be there, so that it may be interrupted at any point, and the next one knows all of it.

   A record is a few bytes that tell what an item is like, understood by its handler alone. {NULL, 0}: none. */

/* d1t_diff of records: the desired one (none: it is to go), those that may be true, and: nothing may be there. */
D1TDEF d1t_diff_action d1t_record_diff(d1t_str desired, const d1t_str *prev, size_t prev_count, bool missing);

/* A record in parts: the item itself, and what comes and goes within it, like the columns of a table. */
typedef struct d1t_part {
    d1t_str name, record;
} d1t_part;
typedef struct d1t_composite {
    d1t_str         main;
    const d1t_part *parts;      /* in any order, no name twice */
    size_t          part_count;
} d1t_composite;

/* The same for a record in parts (desired NULL: it is to go). Returns the item's own action; on_diff (may be NULL) is
   told of it with part NULL, then of the parts; what has none is not reported, and no part of a deleted item is.
   *child (may be NULL): what becomes of the item's children. d1t_diff_table is this for tables; d1t_table_effect tells
   what becomes of their rows. */
D1TDEF d1t_diff_action d1t_composite_diff(const d1t_composite *desired, const d1t_composite *prev, size_t prev_count,
                                          bool missing,
                                          void (*on_diff)(void *ctx, const d1t_part *part, d1t_diff_action action),
                                          void *ctx, d1t_effect *child);
D1TDEF d1t_effect d1t_table_effect(const d1t_table *desired, const d1t_table *const *prev, size_t prev_count,
                                   bool missing);
/* What one action does to the children; the worst counts. An item that is replaced: destructive, they are gone. A part
   that is not just added: lossy, they have lost something. Else nothing. */
D1TDEF d1t_effect d1t_diff_effect(bool main, d1t_diff_action action);

/* d1t_state_transition of records: whose affair is the step to `desired` (NULL: the item is to go)? False: the user's,
   nothing is to be done. True: kept[*kept_count], with room for prev_count, is what of prev was the program's. */
typedef struct d1t_owned {
    d1t_str record;
    bool    by_user;
} d1t_owned;
D1TDEF bool d1t_record_transition(const d1t_owned *desired, const d1t_owned *prev, size_t prev_count, d1t_str *kept,
                                  size_t *kept_count);

/* What reconcile is asked. All views last until the end of the run. */
typedef struct d1t_item {
    d1t_str        key;
    d1t_str        desired;     /* the declared value; none: it is to go */
    const d1t_str *prev;        /* records that may be true, the oldest first */
    size_t         prev_count;
    bool           missing;     /* it may be that nothing is there */
} d1t_item;

typedef enum d1t_item_action {
    D1T_ITEM_LEAVE = 0,     /* nothing at all: what is tracked stays */
    D1T_ITEM_TRACK,         /* nothing to apply: only what is tracked changes; record none: it is no longer tracked */
    D1T_ITEM_UPSERT,
    D1T_ITEM_DELETE
} d1t_item_action;

typedef struct d1t_decision {
    d1t_item_action action;
    d1t_str         record;     /* what is tracked when it is done */
    d1t_effect      child;      /* on the item's children, unless it is left. None: they are as they were. Lossy: each
                                   may be missing; at least this holds where the item itself may have been missing.
                                   Destructive: they are gone, and what was known of them is forgotten */
    const void     *data;       /* yours, for apply */
} d1t_decision;

/* The rule of a row, where the desired value is the record: delete what is to go, unless nothing is known of it and
   nothing may be there; upsert the others, unless they are surely there and equal. */
D1TDEF d1t_decision d1t_reconcile(const d1t_item *item);

/* An item with the decision about it, as apply gets it. */
typedef struct d1t_act {
    const d1t_str *path;        /* the root, then keys, the last one the item's own; of an attachment its parent's */
    size_t         depth;
    d1t_str        type;        /* of an attachment; else none */
    d1t_item       item;
    d1t_decision   decision;    /* upsert or delete */
    const struct d1t_handler *handler;
} d1t_act;

/* A kind of item. Borrowed until the end of the run. An error that a callback returns without setting *error is told in
   general words; any error ends the run, and nothing advances. */
typedef struct d1t_handler {
    void *self, *sink;
    /* Decides, without I/O; *out is zeroed, what it points to is best taken from the arena. NULL: d1t_reconcile. */
    d1t_result (*reconcile)(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out, d1t_error *error);
    /* Does it, all of it or an error, and can do it again: after an error the same comes back. Everything that waits
       for the same function and sink comes in one call, whatever its handler, in the order of paths. */
    d1t_result (*apply)(void *sink, const d1t_act *acts, size_t count, d1t_error *error);
    /* NULL: no children. Else *out becomes the handler of the item's children; NULL for an item that is to go: they go
       with it, and are only forgotten. */
    d1t_result (*child)(void *self, const d1t_item *item, d1t_arena *arena, const struct d1t_handler **out);
    /* NULL: no attachments. Else the handler of a type of them, or NULL: it is unknown. Attachments (an index, an SQL
       command) are a namespace of their own. They are deleted before their parent is touched, upserted after that, and
       are never forgotten because of it: after a lossy or destructive change they may be missing. */
    const struct d1t_handler *(*attachment)(void *self, d1t_str type);
} d1t_handler;

/* The reconcile of more kinds. Fingerprint: tracks a hash of the value under a key of 16 bytes (self; NULL: zeros).
   Table: the value is what d1t_table_to_json writes; compares as d1t_diff_table and d1t_state_equal do, and leaves to
   the user what is D1T_BY_USER; decision.data is the desired d1t_table.
   Command: the value is what d1t_command_record makes (NULL: no memory). Tracks all of it, so that what was set up is
   torn down as it said then. d1t_command_sql: the statements to be run for it, by number: the teardown of all that may
   be there, then the setup. NULL: there are no more. */
D1TDEF d1t_result  d1t_fingerprint_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                             d1t_error *error);
D1TDEF d1t_result  d1t_table_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                       d1t_error *error);
D1TDEF d1t_result  d1t_command_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                         d1t_error *error);
D1TDEF d1t_str     d1t_command_record(const d1t_command *command, d1t_arena *arena);
D1TDEF const char *d1t_command_sql(const d1t_act *act, size_t i);

/* The handlers of root items by name, in a list of the caller's. */
typedef struct d1t_root {
    const char        *name;
    const d1t_handler *handler;
} d1t_root;
typedef struct d1t_roots {
    d1t_root *roots;
    size_t    room, count;
} d1t_roots;

/* Empty, over roots[room]. Add: both are borrowed; D1T_OK, D1T_ERR_ARG (no name or no apply), D1T_ERR_NAME (the name is
   taken), D1T_ERR_SPACE. Find: NULL: there is none. */
D1TDEF void               d1t_roots_init(d1t_roots *roots, d1t_root *list, size_t room);
D1TDEF d1t_result         d1t_roots_add(d1t_roots *roots, const char *name, const d1t_handler *handler);
D1TDEF const d1t_handler *d1t_roots_find(const d1t_roots *roots, d1t_str name);

typedef struct d1t_connect_desc {
    const d1t_store *store;
    const d1t_roots *roots;
    bool             full;          /* every item may be missing, whatever the store says */
    d1t_allocator    allocator;
    size_t           max_memory;    /* 0: no cap */
} d1t_connect_desc;

typedef struct d1t_connect_report {
    uint64_t declared;              /* items; the same one twice counts once */
    uint64_t upserts, deletes;      /* for sinks */
    uint64_t unchanged;             /* declared, and nothing to apply */
    uint64_t forgotten;             /* gone with what was above them */
    uint64_t calls;                 /* of sinks */
} d1t_connect_report;

/* A run: caller-owned, not to be moved. Read error and report; the rest is private. */
typedef struct d1t_connect {
    d1t_error          error;       /* the first one; error.row: the number of the declaration to blame */
    d1t_connect_report report;
    d1t_connect_desc   desc;
    d1t_arena          arena;
    d1t_buffer         bytes;
    struct d1t__node  *items, *last;        /* declared; then those that change */
    struct d1t__node  *top;                 /* the way down to where the comparison is */
    struct d1t__call **waves;
    size_t             wave_count, depth;
    uint8_t            phase;
    bool               unsorted;
} d1t_connect;

/* Begins a run. The desc is copied, what it points to is borrowed until the end. D1T_OK, D1T_ERR_ARG. */
D1TDEF d1t_result d1t_connect_begin(d1t_connect *run, const d1t_connect_desc *desc);
/* Declares an item: path is the root's name, then keys from the top down to its own; value any bytes but none. Both are
   copied. In any order; the items above it have to be declared too, and the same item twice only with the same value.
   Attach: an attachment of the item at path. D1T_OK, D1T_ERR_ARG, D1T_ERR_NAME (no such root), D1T_ERR_STATE (the run
   is not open), D1T_ERR_NOMEM. */
D1TDEF d1t_result d1t_connect_declare(d1t_connect *run, const d1t_str *path, size_t count, d1t_str value);
D1TDEF d1t_result d1t_connect_attach(d1t_connect *run, const d1t_str *path, size_t count, d1t_str type, d1t_str name,
                                     d1t_str value);
/* What a commit would do, in its order; reads the store, writes nothing and calls no sink. Then commit or abort. Errors
   as of commit. */
D1TDEF d1t_result d1t_connect_preview(d1t_connect *run, void (*on_act)(void *ctx, const d1t_act *act), void *ctx);
/* Makes everything as declared, and ends the run in any case. What is below an item that goes, goes first, children
   before parents, and so do attachments; then, parents before children, new and changed items come and other items go.
   First the store is told what may be there from now on, then sinks are called, then the store is told what is. After
   an error the store still lists every state that an item may be in, and the next run starts from there. D1T_OK,
   D1T_ERR_STATE (an item above is not declared; a handler that decides what it may not; a store that cannot be read),
   D1T_ERR_VALUE (declared twice, with other values), D1T_ERR_NAME (tracked under a root or type that is unknown now),
   D1T_ERR_NOMEM, and those of handlers and store. */
D1TDEF d1t_result d1t_connect_commit(d1t_connect *run);
/* Forgets what is tracked at path and below, at once: nothing is deleted, and if it is declared again it is new. */
D1TDEF d1t_result d1t_connect_forget(d1t_connect *run, const d1t_str *path, size_t count);
/* Ends a run that is not to be committed. */
D1TDEF void       d1t_connect_abort(d1t_connect *run);

/* ================================================================================================================
   ROOM drivers: the only rooms that wait or do I/O
   ============================================================================================================= */

/* ---- >>run ---------------------------------------------------------------------------------------------------- */

/* Runs the client's task to its end over a transport (NULL: the client's own). The result is the task's. */
D1TDEF d1t_result d1t_run(d1t_client *db, const d1t_transport *transport);

/* The blocking verbs. Each is its task run to the end, so that the two forms cannot differ. */

/* Declares the tables that rows are for and, by config.setup, makes D1 have them. May be called again with more
   tables. D1T_OK, D1T_ERR_ARG (empty list), D1T_ERR_STATE (rows are pending), the errors of d1t_table_check,
   D1T_ERR_SCHEMA (db->error.text says what differs and the cure), D1T_ERR_UNSUPPORTED (D1T_NO_PLAN), and those of
   d1t_plan_apply. */
D1TDEF d1t_result d1t_setup(d1t_client *db, const d1t_table *const *tables, size_t count);

/* Reads D1 and plans, writing nothing: what makes it hold these tables exactly as declared (d1t_plan_read), or what
   desc says. Then applies what was planned if no step is worse than `allow`, in one atomic batch. (With plan->more in
   several: after an error the table is as it was, and planning again goes on where it stopped.) D1T_OK, D1T_ERR_ARG (no
   tables, unless desc is for drift or to prune), D1T_ERR_SCHEMA (drift, and nothing is recorded; a refused step, or one
   worse than allowed), D1T_ERR_LIMIT (a statement would be too long), D1T_ERR_CONFLICT (somebody changed the schema
   since it was read: nothing is applied; d1t_clear, and plan again), D1T_ERR_CONSTRAINT (rows that the new schema does
   not allow: nothing is applied), D1T_ERR_SQL (an expression or command that D1 refuses), D1T_ERR_PROTOCOL,
   D1T_ERR_NOMEM, the errors of d1t_table_check, and request errors. */
D1TDEF d1t_result d1t_plan_read(d1t_plan *plan, d1t_client *db, const d1t_table *const *tables, size_t count);
D1TDEF d1t_result d1t_plan_read_desc(d1t_plan *plan, d1t_client *db, const d1t_plan_desc *desc);
D1TDEF d1t_result d1t_plan_apply(d1t_plan *plan, d1t_effect allow);

/* Reads what D1 has, and what was recorded about it, writing nothing: for d1t_plan_diff, or to look at its tables. Zero
   the schema and point `arena` at a zeroed arena, which takes the client's allocator; d1t_arena_free gives all of it
   back, before d1t_close. D1T_OK, D1T_ERR_ARG (no arena), D1T_ERR_PROTOCOL, D1T_ERR_NOMEM, and request errors. */
D1TDEF d1t_result d1t_schema_read(d1t_schema *schema, d1t_client *db);

/* Rows. `values` are one for each column that takes values (not generated, not on-write), in declared order; `keys`
   one for each key column, in declared order. They are read before the call returns. A later row of the same key
   replaces or completes a pending one. A full batch is flushed first; with config.driven the answer is D1T_FULL and
   the row is not taken. D1T_OK, D1T_FULL, D1T_ERR_VALUE, D1T_ERR_UTF8, D1T_ERR_JSON, D1T_ERR_LIMIT (a row or value
   over a limit), D1T_ERR_STATE (a table that d1t_setup was not given), D1T_ERR_BUSY, D1T_ERR_NOMEM, D1T_ERR_SPACE, and
   what a flush returns. Parents go before children within a batch, whatever the order of calls, and a unique value may
   move between rows of one batch. Within one flush that takes several batches this holds for unique values too, and
   for a table that references itself or is in a cycle of references, as long as the columns are nullable; such rows
   wait for the end of the flush: d1t_flush or d1t_close. */
D1TDEF d1t_result d1t_upsert(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count);
/* Only the columns that are not d1t_absent(). A row that does not exist stays missing. */
D1TDEF d1t_result d1t_update(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count);
D1TDEF d1t_result d1t_delete(d1t_client *db, const d1t_table *table, const d1t_value *keys, size_t count);
/* The same where a condition holds. A condition on an undeclared column is D1T_ERR_VALUE. */
D1TDEF d1t_result d1t_upsert_where(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count,
                                   const d1t_condition *condition);
D1TDEF d1t_result d1t_delete_where(d1t_client *db, const d1t_table *table, const d1t_value *keys, size_t count,
                                   const d1t_condition *condition);

/* The same from a C struct: a member for each column that takes values, in declared order (NULL: D1T_ERR_ARG). */
D1TDEF d1t_result d1t_upsert_struct(d1t_client *db, const d1t_table *table, const d1t_member *members, size_t count,
                                    const void *record);

/* Rows between begin and end travel in one request, all or nothing. A group larger than a request is D1T_ERR_LIMIT.
   Begin: D1T_OK, D1T_ERR_STATE (a group is open). End: D1T_OK, D1T_ERR_STATE (none is open). */
D1TDEF d1t_result d1t_group_begin(d1t_client *db);
D1TDEF d1t_result d1t_group_end(d1t_client *db);

/* Sends the pending rows. D1T_OK, or the error that stands in db->error; nothing of a refused batch is in D1. */
D1TDEF d1t_result d1t_flush(d1t_client *db);

/* A query of your own; pending rows are flushed first. Values arrive as D1's JSON has them: NULL, integers, doubles (a
   REAL without fraction arrives as an integer; +-Inf as NULL), text, blobs. An integer of 2^53 or more may have been
   rounded on D1's side and is D1T_ERR_INEXACT: select CAST(x AS TEXT), or use d1t_read.
   It is retried only before its first row. A statement that writes belongs into d1t_exec.
   D1T_OK, D1T_ERR_SQL, D1T_ERR_VALUE, D1T_ERR_INEXACT, D1T_ERR_CANCELED, D1T_ERR_TOO_BIG, and request errors. */
D1TDEF d1t_result d1t_query(d1t_client *db, const char *sql, const d1t_value *args, size_t count, d1t_on_row on_row,
                            void *ctx);

/* Rows of a declared table, every value exact and of its declared kind; all columns in declared order, ordered by key.
   where_sql: NULL, or a condition with parameters; quote names in it with backticks. */
D1TDEF d1t_result d1t_read(d1t_client *db, const d1t_table *table, const char *where_sql, const d1t_value *args,
                           size_t count, d1t_on_row on_row, void *ctx);

/* Your own statements as one atomic batch; pending rows are flushed first. Not idempotent as far as the header knows:
   it is sent again only if surely nothing of it was applied; else the error's outcome is D1T_UNKNOWN and you have to
   look. */
D1TDEF d1t_result d1t_exec(d1t_client *db, const d1t_statement *statements, size_t count);

/* Runs a job of >>target to its end over a transport (NULL: that of each client's configuration, or libcurl). The
   result is the job's. d1t_target_end is still due. */
D1TDEF d1t_result d1t_target_run(d1t_target_job *job, const d1t_transport *transport);

/* Rows of many tables and databases. Each database has its upserts first, parents before children, then its deletes,
   children before parents, in batches as d1t_upsert tells. A row of the wrong length is found before anything is sent.
   Every database is tried; with an error the engine must not advance what it has stored: all of it may be sent again.
   Then sets up tables: each database is read, planned and changed in one batch if no step is worse than desc->allow;
   tables that are to go are dropped after that. D1T_OK, or the first error, which is in job->error (of setup those of
   d1t_plan_apply). */
D1TDEF d1t_result d1t_target_apply_mutation(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                            const d1t_mutation *mutations, size_t count);
D1TDEF d1t_result d1t_target_apply_setup(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                         const d1t_setup_change *changes, size_t count);

/* A run of declared state (>>sync). Begin reads who owns the scopes: D1T_OK, D1T_ERR_ARG (desc), D1T_ERR_STATE (a table
   that d1t_setup was not given, or rows are pending), D1T_ERR_UNSUPPORTED (a column that no scope can have),
   D1T_ERR_NOMEM, and request errors. */
D1TDEF d1t_result d1t_sync_begin(d1t_sync *sync, d1t_client *db, const d1t_sync_desc *desc);
/* Declares a row; values as for d1t_upsert, read before the call returns. The same row may be declared twice. With
   config.driven the answer may be D1T_FULL: the row was not taken; drive d1t_sync_next to D1T_DONE and offer it again.
   D1T_OK, D1T_FULL, D1T_ERR_VALUE (also: not in the scope, out of order, its key was declared with other values),
   D1T_ERR_LIMIT (a row that does not fit one request, or more rows than desc.max_memory can keep until commit), the
   other errors of d1t_upsert, and D1T_ERR_CONFLICT (another run of the same scope writes: nothing of this request was
   applied). */
D1TDEF d1t_result d1t_sync_row(d1t_sync *sync, const d1t_table *table, const d1t_value *values, size_t count);
/* The same from a C struct, as d1t_upsert_struct takes it. */
D1TDEF d1t_result d1t_sync_struct(d1t_sync *sync, const d1t_table *table, const d1t_member *members, size_t count,
                                  const void *record);
/* Makes D1 hold exactly the declared rows of the scopes, and ends the run in any case. report: NULL, or where
   sync->report is copied to. D1T_OK, D1T_ERR_DELETES (more rows would go than desc.max_delete allows: rows were
   written, none was deleted), D1T_ERR_CONFLICT, and those of d1t_flush. After an error the next run goes on from
   there. */
D1TDEF d1t_result d1t_sync_commit(d1t_sync *sync, d1t_sync_report *report);

/* Flushes (if no error stands), wipes the token, releases everything; error and stats stay readable. Returns the first
   error of the whole run. May be called on a client that failed to open, and twice. */
D1TDEF d1t_result d1t_close(d1t_client *db);

#ifndef D1T_NO_STDIO
/* For d1t_plan_print: writes the line to a FILE * and ends it. */
D1TDEF void d1t_put_line(void *file, const char *line);
#endif

/* ---- >>curl --------------------------------------------------------------------------------------------------- */

/* libcurl, blocking: one easy handle with keep-alive, HTTP/2 where offered, connect 10 s, total by the op's deadline,
   TLS >= 1.2 verified, no redirects, no netrc, no compression; proxies from the environment as libcurl does it, or
   `proxy` ("" = none). d1t_open makes one when config.transport is zero. transport.perform is NULL if there is no
   memory. Call curl_global_init yourself before threads start. */
typedef struct d1t_curl_options {
    const char *proxy;          /* NULL: the environment's */
    const char *ca_file;        /* NULL: libcurl's */
    uint32_t    connect_ms;     /* 10,000 */
} d1t_curl_options;
D1TDEF d1t_transport d1t_curl_transport(const d1t_curl_options *options);

#ifdef __cplusplus
}
#endif
#endif /* D1TARGET_H_INCLUDED */

/* If you only use the API you can stop reading here. */

#ifdef D1TARGET_IMPLEMENTATION
#ifndef D1TARGET_IMPLEMENTATION_INCLUDED
#define D1TARGET_IMPLEMENTATION_INCLUDED

#if defined(__SSE2__) && !defined(D1T_NO_SSE2)
#include <emmintrin.h>
#define D1T__SSE2
#endif
#ifndef D1T_NO_MALLOC
#include <stdlib.h>
#endif
#if defined(D1T_MEMCPY) != defined(D1T_MEMSET) || defined(D1T_MEMCPY) != defined(D1T_MEMMOVE) || \
    defined(D1T_MEMCPY) != defined(D1T_MEMCMP)
#error "define all of D1T_MEMCPY, D1T_MEMMOVE, D1T_MEMSET and D1T_MEMCMP, or none"
#endif
#ifndef D1T_MEMCPY
#include <string.h>
#define D1T_MEMCPY memcpy
#define D1T_MEMMOVE memmove
#define D1T_MEMSET memset
#define D1T_MEMCMP memcmp
#endif
#ifndef D1T_ASSERT
#define D1T_ASSERT(condition) ((void)0)
#endif
#define D1T__PRIVATE static D1T__UNUSED
/* For functions whose frames would add up in their caller's. */
#ifndef D1T__NOINLINE
#if defined(__GNUC__)
#define D1T__NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define D1T__NOINLINE __declspec(noinline)
#else
#define D1T__NOINLINE
#endif
#endif

/* What a build leaves out: conditions behind which the compiler drops the code. */
#ifdef D1T_NO_UPDATE
#define D1T__UPDATES false
#else
#define D1T__UPDATES true
#endif
#if defined(D1T_NO_HOLD) || defined(D1T_NO_UPDATE)
#define D1T__HOLDS false
#else
#define D1T__HOLDS true
#endif
#ifdef D1T_NO_PARK
#define D1T__PARKS false
#else
#define D1T__PARKS true
#endif
#ifdef D1T_NO_WIDE
#define D1T__WIDE false
#else
#define D1T__WIDE true
#endif
#ifdef D1T_NO_AROUND
#define D1T__AROUND false
#else
#define D1T__AROUND true
#endif
#ifdef D1T_NO_PROBE
#define D1T__PROBES false
#else
#define D1T__PROBES true
#endif
#ifdef D1T_NO_TYPES
#define D1T__TYPES false
#else
#define D1T__TYPES true
#endif
#ifdef D1T_NO_EVENT
#define D1T__EVENTS false
#else
#define D1T__EVENTS true
#endif
#ifdef D1T_NO_RUN
#define D1T__RUNS false
#else
#define D1T__RUNS true
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================================================================
   ROOM base (implementation)
   ============================================================================================================= */

/* ---- >>results (implementation) ------------------------------------------------------------------------------- */

#define D1T__RESULT_NAME(name, value, text) #name "\0"
#define D1T__RESULT_TEXT(name, value, text) text "\0"

/* Lists of words are one text: each word ends with a NUL, the list with an empty word. */
D1T__PRIVATE const char *d1t__word_at(const char *list, size_t i) {
    for (; i && *list; i--)
        while (*list++) {}
    return list;
}

/* The words stand in the order of D1T_RESULTS. */
D1T__PRIVATE const char *d1t__result_word(const char *list, d1t_result code, const char *unknown) {
    const char *word;
    if (code > D1T_FULL || code < D1T__RESULT_END) return unknown;
    word = d1t__word_at(list, (size_t)(code >= 0 ? code : D1T_FULL - code));
    return *word ? word : unknown;
}

D1TDEF const char *d1t_result_name(d1t_result code) {
#ifdef D1T_NO_ERRSTR
    (void)code;
    return "";
#else
    return d1t__result_word(D1T_RESULTS(D1T__RESULT_NAME), code, "D1T_ERR_(unknown)");
#endif
}

D1TDEF const char *d1t_result_text(d1t_result code) {
#ifdef D1T_NO_ERRSTR
    (void)code;
    return "";
#else
    return d1t__result_word(D1T_RESULTS(D1T__RESULT_TEXT), code, "an unknown result");
#endif
}

/* ---- >>text (implementation) ---------------------------------------------------------------------------------- */

D1T__PRIVATE size_t d1t__strlen(const char *s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

D1TDEF d1t_str d1t_bytes(const void *p, size_t n) {
    d1t_str s;
    s.p = (const char *)p;
    s.n = n;
    return s;
}

D1TDEF d1t_str d1t_cstr(const char *s) {
    return d1t_bytes(s, s ? d1t__strlen(s) : 0);
}

D1TDEF bool d1t_str_equal(d1t_str a, d1t_str b) {
    return a.n == b.n && (a.n == 0 || D1T_MEMCMP(a.p, b.p, a.n) == 0);
}

D1T__PRIVATE char d1t__lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

D1TDEF bool d1t_str_equal_nocase(d1t_str a, d1t_str b) {
    size_t i = a.n;
    if (a.n != b.n) return false;
    while (i-- > 0)     /* from the end: names of columns begin alike */
        if (d1t__lower(a.p[i]) != d1t__lower(b.p[i])) return false;
    return true;
}

/* Is a word in a list of words (see d1t__word_at), ASCII case ignored? */
D1T__PRIVATE bool d1t__is_in(const char *list, d1t_str word) {
    for (; *list; list = d1t__word_at(list, 1))
        if (d1t_str_equal_nocase(d1t_cstr(list), word)) return true;
    return false;
}

D1T__PRIVATE bool d1t__same(const char *a, const char *b) {
    return d1t_str_equal(d1t_cstr(a), d1t_cstr(b));
}

D1T__PRIVATE bool d1t__same_name(const char *a, const char *b) {
    return d1t_str_equal_nocase(d1t_cstr(a), d1t_cstr(b));
}

/* FNV-1a of a name, the same in any ASCII case. */
D1T__PRIVATE uint32_t d1t__name_hash(const char *name) {
    uint32_t h = 2166136261u;
    for (; *name; name++) h = (h ^ (unsigned char)d1t__lower(*name)) * 16777619u;
    return h ^ h >> 15;
}

/* Names that came by. Spares most of the comparisons that look for one that appears twice. */
typedef struct d1t__seen {
    uint64_t bits[16];     /* on the stack */
} d1t__seen;

/* Adds the name. False: it has surely not been there. */
D1T__PRIVATE bool d1t__seen_before(d1t__seen *seen, const char *name) {
    uint32_t h = d1t__name_hash(name);
    uint64_t *word = &seen->bits[h / 64 % D1T__COUNT(seen->bits)], bit = UINT64_C(1) << h % 64;
    bool was = (*word & bit) != 0;
    *word |= bit;
    return was;
}

/* A NUL-terminated copy of as much as fits. */
D1T__PRIVATE void d1t__copy_short(char *out, size_t cap, d1t_str s) {
    size_t n = s.n < cap - 1 ? s.n : cap - 1;
    if (n) D1T_MEMCPY(out, s.p, n);
    out[n] = 0;
}

/* Does s begin with prefix, ASCII case ignored? */
D1T__PRIVATE bool d1t__begins(d1t_str s, const char *prefix) {
    size_t n = d1t__strlen(prefix);
    return s.n >= n && d1t_str_equal_nocase(d1t_bytes(s.p, n), d1t_bytes(prefix, n));
}

/* Where needle stands in s; s.n: nowhere. */
D1T__PRIVATE size_t d1t__find(d1t_str s, const char *needle) {
    size_t n = d1t__strlen(needle), i;
    for (i = 0; i + n <= s.n; i++)
        if (D1T_MEMCMP(s.p + i, needle, n) == 0) return i;
    return s.n;
}

D1T__PRIVATE bool d1t__contains(d1t_str s, const char *needle) {
    return d1t__find(s, needle) < s.n;
}

/* The bytes of the well-formed sequence at p (Unicode table 3-7), 0 if there is none. */
D1T__PRIVATE size_t d1t__utf8_step(const unsigned char *p, size_t n) {
    unsigned char low = 0x80, high = 0xBF;
    size_t i, need;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    need = p[0] < 0xE0 ? 2u : p[0] < 0xF0 ? 3u : 4u;
    if (p[0] == 0xE0) low = 0xA0;
    if (p[0] == 0xED) high = 0x9F;
    if (p[0] == 0xF0) low = 0x90;
    if (p[0] == 0xF4) high = 0x8F;
    if (n < need || p[1] < low || p[1] > high) return 0;
    for (i = 2; i < need; i++)
        if (p[i] < 0x80 || p[i] > 0xBF) return 0;
    return need;
}

D1TDEF size_t d1t_utf8_valid(d1t_str s) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0, step;
    while (i < s.n) {
        step = d1t__utf8_step(p + i, s.n - i);
        if (step == 0) break;
        i += step;
    }
    return i;
}

/* ---- >>memory (implementation) -------------------------------------------------------------------------------- */

#ifndef D1T_NO_MALLOC
#if defined(D1T_REALLOC) != defined(D1T_FREE)
#error "define both D1T_REALLOC and D1T_FREE, or neither"
#endif
#ifndef D1T_REALLOC
#define D1T_REALLOC(ctx, p, old, size) realloc(p, size)
#define D1T_FREE(ctx, p, size) free(p)
#endif
D1T__PRIVATE void *d1t__malloc(void *ctx, void *p, size_t old, size_t size) {
    (void)ctx;
    (void)old;
    if (size) return D1T_REALLOC(ctx, p, old, size);
    D1T_FREE(ctx, p, old);
    return NULL;
}
#endif

D1T__PRIVATE void *d1t__resize(d1t_allocator a, void *p, size_t old, size_t size) {
    if (a.fn) return a.fn(a.ctx, p, old, size);
#ifndef D1T_NO_MALLOC
    return d1t__malloc(a.ctx, p, old, size);
#else
    return NULL;
#endif
}

D1T__PRIVATE void d1t__release(d1t_allocator a, void *p, size_t size) {
    if (p) d1t__resize(a, p, size, 0);
}

D1TDEF void d1t_buffer_init(d1t_buffer *b, d1t_allocator allocator, size_t max) {
    D1T_MEMSET(b, 0, sizeof *b);
    b->allocator = allocator;
    b->max = max;
}

D1TDEF void d1t_buffer_free(d1t_buffer *b) {
    d1t__release(b->allocator, b->p, b->cap);
    b->p = NULL;
    b->n = b->cap = 0;
}

/* How large a full buffer becomes, if that is enough. (Tests let it grow by what is needed alone.) */
#ifndef D1T__GROWN
#define D1T__GROWN(cap) ((cap) < 128u ? 256u : (cap) * 2u)
#endif

D1TDEF d1t_result d1t_buffer_reserve(d1t_buffer *b, size_t more) {
    size_t need, cap;
    void *p;
    if (more > b->max || b->n > b->max - more) return D1T_ERR_TOO_BIG;
    need = b->n + more;
    if (need <= b->cap) return D1T_OK;
    cap = b->cap > b->max / 2 ? b->max : D1T__GROWN(b->cap);
    if (cap < need) cap = need;
    if (cap > b->max) cap = b->max;
    p = d1t__resize(b->allocator, b->p, b->cap, cap);
    if (!p) return D1T_ERR_NOMEM;
    b->p = (char *)p;
    b->cap = cap;
    return D1T_OK;
}

D1TDEF d1t_result d1t_buffer_add(d1t_buffer *b, const void *p, size_t n) {
    d1t_result result = d1t_buffer_reserve(b, n);
    if (result == D1T_OK && n) {
        D1T_MEMCPY(b->p + b->n, p, n);
        b->n += n;
    }
    return result;
}

struct d1t__chunk {
    struct d1t__chunk *next;
    size_t size, used;      /* bytes with this header */
};

#ifndef D1T__CHUNK
#define D1T__CHUNK 4096u
#endif

D1TDEF void d1t_arena_init(d1t_arena *a, d1t_allocator allocator, size_t max) {
    D1T_MEMSET(a, 0, sizeof *a);
    a->allocator = allocator;
    a->max = max;
}

D1T__PRIVATE size_t d1t__align(size_t n) {
    return (n + 7u) & ~(size_t)7u;
}

D1TDEF void *d1t_arena_take(d1t_arena *a, size_t n) {
    const size_t head = d1t__align(sizeof(struct d1t__chunk));
    struct d1t__chunk *c = a->chunks;
    size_t size, room;
    char *p;
    if (n > SIZE_MAX / 2) return NULL;
    n = d1t__align(n);
    if (!c || c->size - c->used < n) {
        room = a->max ? a->max - a->total : SIZE_MAX;
        size = n + head > D1T__CHUNK ? n + head : D1T__CHUNK < room ? D1T__CHUNK : room & ~(size_t)7u;
        if (size > room || size < n + head) return NULL;
        c = (struct d1t__chunk *)d1t__resize(a->allocator, NULL, 0, size);
        if (!c) return NULL;
        c->next = a->chunks;
        c->size = size;
        c->used = head;
        a->chunks = c;
        a->total += size;
    }
    p = (char *)c + c->used;
    c->used += n;
    D1T_MEMSET(p, 0, n);
    return p;
}

D1TDEF char *d1t_arena_text(d1t_arena *a, d1t_str s) {
    char *p = (char *)d1t_arena_take(a, s.n + 1);
    if (p && s.n) D1T_MEMCPY(p, s.p, s.n);
    return p;
}

/* Space for one more element behind `count`, doubling at powers of two. NULL: no memory. */
D1T__PRIVATE void *d1t__grow(d1t_arena *arena, const void *old, size_t count, size_t size) {
    void *p;
    union { const void *in; void *out; } same; /* the list is ours: it was made here */
    same.in = old;
    if (count & (count - 1) || (count == 0 && old)) return same.out;
    p = d1t_arena_take(arena, (count ? count * 2 : 1) * size);
    if (p && count) D1T_MEMCPY(p, old, count * size);
    return p;
}

/* The list with one more element, zeroed, which *count then counts. NULL: no memory. */
D1T__PRIVATE void *d1t__append(d1t_arena *arena, const void *list, size_t *count, size_t size) {
    char *p = (char *)d1t__grow(arena, list, *count, size);
    if (p) D1T_MEMSET(p + (*count)++ * size, 0, size);
    return p;
}

D1TDEF void d1t_arena_free(d1t_arena *a) {
    struct d1t__chunk *c = a->chunks, *next;
    for (; c; c = next) {
        next = c->next;
        d1t__release(a->allocator, c, c->size);
    }
    a->chunks = NULL;
    a->total = 0;
}

D1TDEF void d1t_block_init(d1t_block *b, void *p, size_t size) {
    D1T_MEMSET(b, 0, sizeof *b);
    b->p = (char *)p;
    b->size = size;
}

/* Only the newest piece, the one that ends where the used bytes end, moves its end. */
D1T__PRIVATE void *d1t__block_fn(void *ctx, void *p, size_t old, size_t size) {
    d1t_block *b = (d1t_block *)ctx;
    size_t at = p ? (size_t)((char *)p - b->p) : b->used, room;
    bool newest = p && at + d1t__align(old) == b->used;
    if (size == 0) {
        if (newest) b->used = at;
        return NULL;
    }
    if (p && !newest && size <= old) return p;
    if (p && !newest) at = b->used;
    room = b->size - at;
    if (size > room || d1t__align(size) > room) {
        if (size > b->need) b->need = size;
        return NULL;
    }
    if (p && !newest) D1T_MEMCPY(b->p + at, p, old);
    b->used = at + d1t__align(size);
    return b->p + at;
}

D1TDEF d1t_allocator d1t_block_allocator(d1t_block *b) {
    d1t_allocator a;
    a.fn = d1t__block_fn;
    a.ctx = b;
    return a;
}

/* Through a volatile pointer: gcc and clang delete a memset of memory that is not read again. */
D1TDEF void d1t_wipe(void *p, size_t n) {
    volatile unsigned char *v = (volatile unsigned char *)p;
    while (n--) *v++ = 0;
}

/* ---- >>numbers (implementation) -------------------------------------------------------------------------------- */

#ifndef D1T_NO_FAST_TEXT
/* "00" to "99" */
static const char d1t__pairs[] =
    "00010203040506070809" "10111213141516171819" "20212223242526272829" "30313233343536373839"
    "40414243444546474849" "50515253545556575859" "60616263646566676869" "70717273747576777879"
    "80818283848586878889" "90919293949596979899";

#endif

/* Writes v so that it ends before end; returns its first digit. */
D1T__PRIVATE char *d1t__put_u32(char *end, uint32_t v) {
#ifndef D1T_NO_FAST_TEXT
    while (v >= 10u) {
        const char *pair = d1t__pairs + 2u * (v % 100u);
        *--end = pair[1];
        *--end = pair[0];
        v /= 100u;
        if (v == 0u) {
            return end;
        }
    }
#endif
    do *--end = (char)('0' + (int)(v % 10u));
    while (v /= 10u);
    return end;
}

/* Takes the last four digits off *v. In steps of 16 bits where the machine's words are too short for the division: the
   compiler's function for it is large and slow. */
D1T__PRIVATE uint32_t d1t__take_four(uint64_t *v) {
    uint32_t rest = 0, i;
#ifndef D1T_NO_FAST_TEXT
    if (sizeof(size_t) > 4) {
        rest = (uint32_t)(*v % 10000u);
        *v /= 10000u;
        return rest;
    }
#endif
    for (i = 0; i < 4; i++) {
        rest = rest << 16 | (uint32_t)(*v >> 48);
        *v = *v << 16 | rest / 10000u;
        rest %= 10000u;
    }
    return rest;
}

D1TDEF size_t d1t_format_uint(char *out, uint64_t v) {
    char text[20];
    char *const end = text + sizeof text;
    char *p = end;
    size_t n;
    while (v > 0xffffffffu) {
        char *const stop = p - 4;
        p = d1t__put_u32(p, d1t__take_four(&v));
        while (p > stop) {
            *--p = '0';
        }
    }
    p = d1t__put_u32(p, (uint32_t)v);
    n = (size_t)(end - p);
    D1T_MEMCPY(out, p, n);
    return n;
}

D1TDEF size_t d1t_format_int(char *out, int64_t v) {
    if (v >= 0) {
        return d1t_format_uint(out, (uint64_t)v);
    }
    *out = '-';
    return 1u + d1t_format_uint(out + 1, (uint64_t)0 - (uint64_t)v); /* unsigned: INT64_MIN has no negative */
}

/* The value of a decimal digit, more than 9 for any other character. */
D1T__PRIVATE uint32_t d1t__digit(char c) {
    return (uint32_t)(unsigned char)c - (uint32_t)'0';
}

D1TDEF bool d1t_parse_int(d1t_str text, int64_t *out) {
    const bool negative = text.n > 0u && text.p[0] == '-';
    const uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1u : 0u);
    uint64_t v = 0u;
    size_t i = negative ? 1u : 0u;
    if (i == text.n) {
        return false;
    }
    for (; i < text.n; i++) {
        const uint32_t d = d1t__digit(text.p[i]);
        if (d > 9u || v > limit / 10u || v * 10u > limit - d) {
            return false;
        }
        v = v * 10u + d;
    }
    /* the detour by v - 1 keeps INT64_MIN out of a signed overflow */
    *out = negative && v != 0u ? -(int64_t)(v - 1u) - 1 : (int64_t)v;
    return true;
}

#ifndef D1T_NO_FLOAT

/* Only where a double operation rounds once, to double: not on an x87, and not worth its code in software. */
#if !defined(D1T_NO_FAST_FLOAT) && !defined(__FAST_MATH__) \
    && (!defined(__FLT_EVAL_METHOD__) || __FLT_EVAL_METHOD__ + 0 == 0) \
    && (defined(__x86_64__) || defined(_M_X64) || defined(__aarch64__) || defined(_M_ARM64))
#define D1T__FAST_FLOAT
#endif

#define D1T__INF_BITS ((uint64_t)0x7ff << 52)

/* The widest number is the fraction of a half of the smallest double: 1075 bits, 34 limbs. */
#define D1T__BIG_LIMBS 35

/* A natural number: n limbs, the lowest first. */
typedef struct d1t__big {
    uint32_t n;
    uint32_t limb[D1T__BIG_LIMBS];
} d1t__big;

/* top * 2^exp2 with bit 63 of top set, and something smaller than its last bit on top if more */
typedef struct d1t__scaled {
    uint64_t top;
    int32_t exp2;
    bool more;
} d1t__scaled;

/* A number in decimal: digits * 10^exp10, and if cut something less than 10^exp10 on top. */
typedef struct d1t__decimal {
    const char *first; /* the first digit that is not 0; all digits follow up to stop, around a '.' */
    const char *stop;
    uint64_t digits;   /* at most 19 of them */
    int64_t exp10;
    uint32_t count;    /* of digits in digits */
    bool cut;
} d1t__decimal;

/* limb[0..n) = limb * factor + add; returns what does not fit. */
D1T__PRIVATE uint32_t d1t__limbs_mul(uint32_t *limb, uint32_t n, uint32_t factor, uint32_t add) {
    uint64_t carry = add;
    uint32_t i;
    for (i = 0u; i < n; i++) {
        carry += (uint64_t)limb[i] * factor;
        limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return (uint32_t)carry;
}

D1T__PRIVATE void d1t__big_mul(d1t__big *b, uint32_t factor, uint32_t add) {
    const uint32_t carry = d1t__limbs_mul(b->limb, b->n, factor, add);
    if (carry != 0u) {
        b->limb[b->n++] = carry;
    }
}

/* Divides b, which is not 0; returns whether a remainder was lost. */
D1T__PRIVATE bool d1t__big_div(d1t__big *b, uint32_t divisor) {
    uint32_t rest = 0u;
    uint32_t i = b->n;
    while (i-- > 0u) {
        const uint64_t part = ((uint64_t)rest << 32) | b->limb[i];
        const uint32_t q = (uint32_t)(part / divisor);
        rest = (uint32_t)part - q * divisor;
        b->limb[i] = q;
    }
    b->n -= b->limb[b->n - 1u] == 0u ? 1u : 0u;
    return rest != 0u;
}

/* The number of zero bits above the highest one of v, which is not 0. */
D1T__PRIVATE uint32_t d1t__leading_zeros(uint64_t v) {
    uint32_t n = 0u;
    uint32_t step;
    for (step = 32u; step > 0u; step >>= 1) {
        if ((v >> (64u - step)) == 0u) {
            v <<= step;
            n += step;
        }
    }
    return n;
}

/* The top 64 bits of b, which has at least two limbs. */
D1T__PRIVATE void d1t__big_top(const d1t__big *b, d1t__scaled *out) {
    uint32_t i = b->n - 2u;
    const uint64_t top = ((uint64_t)b->limb[i + 1u] << 32) | b->limb[i];
    const uint32_t zeros = d1t__leading_zeros(top);
    out->exp2 += (int32_t)(32u * i) - (int32_t)zeros;
    out->top = top << zeros;
    if (i > 0u) {
        const uint64_t next = (uint64_t)b->limb[--i] << zeros;
        out->top |= next >> 32;
        out->more = out->more || (uint32_t)next != 0u;
    }
    while (i > 0u && !out->more) {
        out->more = b->limb[--i] != 0u;
    }
}

/* m * 10^k for an m that is not 0 and -343 <= k <= 343. 10^k is 5^k * 2^k, so only the fives are computed. */
D1T__PRIVATE void d1t__scale10(d1t__scaled *out, uint64_t m, int32_t k) {
    d1t__big b;
    const uint32_t zeros = d1t__leading_zeros(m);
    uint32_t fives = (uint32_t)(k < 0 ? -k : k);
    /* a quotient keeps 65 bits if it starts with log2(5) more bits for each 5; 2378 / 1024 > log2(5) */
    const uint32_t pad = k < 0 ? (((fives * 2378u) >> 10) + 33u) >> 5 : 0u;
    uint32_t i;
    for (i = 0u; i < pad; i++) {
        b.limb[i] = 0u;
    }
    b.limb[pad] = (uint32_t)(m << zeros);
    b.limb[pad + 1u] = (uint32_t)((m << zeros) >> 32);
    b.n = pad + 2u;
    out->exp2 = k - (int32_t)zeros - (int32_t)(32u * pad);
    out->more = false;
    while (fives > 0u) {
        uint32_t power = 1220703125u; /* 5^13, the largest in 32 bits */
        if (fives < 13u) {
            for (power = 1u; fives > 0u; fives--) {
                power *= 5u;
            }
        } else {
            fives -= 13u;
        }
        if (k < 0) {
            out->more = d1t__big_div(&b, power) || out->more;
        } else {
            d1t__big_mul(&b, power, 0u);
        }
    }
    d1t__big_top(&b, out);
}

/* The bits of the nearest double, ties to even. */
D1T__PRIVATE uint64_t d1t__nearest_bits(const d1t__scaled *s) {
    int32_t biased = s->exp2 + 63 + 1023;
    uint32_t drop = 11u;
    uint64_t half, rest, m;
    if (biased >= 0x7ff) {
        return D1T__INF_BITS;
    }
    if (biased < 1) { /* subnormal: fewer bits are kept */
        drop += (uint32_t)(1 - biased);
        biased = 1;
    }
    if (drop > 64u) {
        return 0u;
    }
    half = (uint64_t)1 << (drop - 1u);
    rest = s->top & (half * 2u - 1u); /* half * 2 wraps to 0 for drop 64: all bits, as wanted */
    m = drop < 64u ? s->top >> drop : 0u;
    if (rest > half || (rest == half && (s->more || (m & 1u) != 0u))) {
        m++;
    }
    /* the leading bit of m counts the exponent up by one, and so does a carry out of m */
    return ((uint64_t)(biased - 1) << 52) + m;
}

#ifdef D1T__FAST_FLOAT

/* All exact. */
static const double d1t__pow10[] = {
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
};

/* v * 10^k, rounded once; |k| <= 22 */
D1T__PRIVATE double d1t__times_pow10(double v, int32_t k) {
    return k < 0 ? v / d1t__pow10[-k] : v * d1t__pow10[k];
}

#endif

/* The bits of the double nearest to d * 10^k. */
D1T__PRIVATE uint64_t d1t__decimal_bits(uint64_t d, int64_t k) {
    d1t__scaled s;
    if (d == 0u || k < -343) { /* d < 10^19 + 1 */
        return 0u;
    }
    if (k > 309) {
        return D1T__INF_BITS;
    }
#ifdef D1T__FAST_FLOAT
    if (d <= (uint64_t)1 << 53 && k >= -22 && k <= 22) { /* both exact, so one operation rounds correctly */
        const double v = d1t__times_pow10((double)d, (int32_t)k);
        uint64_t bits;
        D1T_MEMCPY(&bits, &v, sizeof bits);
        return bits;
    }
#endif
    d1t__scale10(&s, d, (int32_t)k);
    return d1t__nearest_bits(&s);
}

/* v / 10^drop, to nearest, ties to even; more: v is a little more than it says */
D1T__PRIVATE uint64_t d1t__drop_digits(uint64_t v, bool more, uint32_t drop) {
    uint64_t power = 1u;
    uint64_t q, twice;
    for (; drop > 0u; drop--) {
        power *= 10u;
    }
    q = v / power;
    twice = (v - q * power) * 2u;
    if (twice > power || (twice == power && (more || (q & 1u) != 0u))) {
        q++;
    }
    return q;
}

/* floor(log10(m * 2^e)), or one less; m is not 0. */
D1T__PRIVATE int32_t d1t__log10_floor(uint64_t m, int32_t e) {
    const int32_t log2 = e + 63 - (int32_t)d1t__leading_zeros(m);
    /* 78913 / 2^18 = log10(2); the 400 keeps the shifted number positive */
    return ((log2 * 78913 + (400 << 18)) >> 18) - 400;
}

#ifdef D1T__FAST_FLOAT

/* Tries to write the double of these bits as d * 10^*exp10 with 15 digits; 0 if this way does not lead there.
   A number of 15 digits which reads as this double is its only one, however it was found. */
D1T__PRIVATE uint64_t d1t__fifteen_digits(uint64_t bits, int32_t log10, int32_t *exp10) {
    double v;
    int32_t k;
    D1T_MEMCPY(&v, &bits, sizeof v);
    for (k = 14 - log10; k >= 13 - log10; k--) { /* the logarithm may be one too low */
        uint64_t d;
        if (k < -22 || k > 22) {
            return 0u;
        }
        d = (uint64_t)(d1t__times_pow10(v, k) + 0.5);
        if (d < 1000000000000000u) {
            *exp10 = -k;
            return d1t__decimal_bits(d, -k) == bits ? d : 0u;
        }
    }
    return 0u;
}

#endif

/* The digits d to print for a positive finite double: 15 or 17 of them, value d * 10^*exp10. */
D1T__PRIVATE uint64_t d1t__double_digits(uint64_t bits, int32_t *exp10) {
    const uint32_t biased = (uint32_t)(bits >> 52);
    const uint64_t fraction = bits & (((uint64_t)1 << 52) - 1u);
    const uint64_t m = biased == 0u ? fraction : fraction | ((uint64_t)1 << 52);
    const int32_t e = (biased == 0u ? 1 : (int32_t)biased) - 1075;
    const int32_t log10 = d1t__log10_floor(m, e);
    d1t__scaled s;
    uint64_t all, d;
    uint32_t extra, shift;
#ifdef D1T__FAST_FLOAT
    d = d1t__fifteen_digits(bits, log10, exp10);
    if (d != 0u) {
        return d;
    }
#endif
    /* 18 or 19 digits: the 15 and the 17 are both rounded from them, and never one from the other */
    d1t__scale10(&s, m, 17 - log10);
    shift = (uint32_t)-(s.exp2 + e);
    all = s.top >> shift;
    s.more = s.more || (all << shift) != s.top;
    extra = all >= 1000000000000000000u ? 4u : 3u;
    d = d1t__drop_digits(all, s.more, extra);
    *exp10 = (int32_t)extra + log10 - 17;
    if (d1t__decimal_bits(d, *exp10) == bits) {
        return d;
    }
    *exp10 -= 2;
    return d1t__drop_digits(all, s.more, extra - 2u);
}

D1T__PRIVATE char *d1t__put_zeros(char *out, int32_t n) {
    for (; n > 0; n--) {
        *out++ = '0';
    }
    return out;
}

D1T__PRIVATE char *d1t__put_text(char *out, const char *p, int32_t n) {
    if (n > 0) {
        D1T_MEMCPY(out, p, (size_t)n);
        out += n;
    }
    return out;
}

/* Writes digits[0..n) with the point after the first `whole` of them (any number, also negative). */
D1T__PRIVATE char *d1t__put_decimal(char *out, const char *digits, int32_t n, int32_t whole) {
    const int32_t before = whole < 0 ? 0 : whole < n ? whole : n;
    out = d1t__put_text(out, digits, before);
    out = d1t__put_zeros(out, whole <= 0 ? 1 : whole - before);
    *out++ = '.';
    out = d1t__put_zeros(out, -whole);
    out = d1t__put_text(out, digits + before, n - before);
    return d1t__put_zeros(out, before == n ? 1 : 0); /* 7.0 */
}

/* Writes digits[0..n) in the form 1.25e+30, with the point after the first digit. */
D1T__PRIVATE char *d1t__put_exponent(char *out, const char *digits, int32_t n, int32_t exp10) {
    *out++ = *digits;
    if (n > 1) {
        *out++ = '.';
        out = d1t__put_text(out, digits + 1, n - 1);
    }
    *out++ = 'e';
    *out++ = exp10 < 0 ? '-' : '+';
    return out + d1t_format_uint(out, (uint64_t)(exp10 < 0 ? -exp10 : exp10));
}

/* Writes a finite double without its sign. */
D1T__PRIVATE char *d1t__put_double(char *out, uint64_t bits) {
    char digits[20];
    int32_t exp10 = 0;
    int32_t n, whole;
    /* 2^53 and above are left to the general way, as are fractions */
    const uint32_t shift = 1075u - (uint32_t)(bits >> 52);
    const uint64_t m = (bits & (((uint64_t)1 << 52) - 1u)) | ((uint64_t)1 << 52);
    uint64_t d = shift <= 52u ? m >> shift : 0u;
    if (bits != 0u && (shift > 52u || d << shift != m)) {
        d = d1t__double_digits(bits, &exp10);
    }
    n = (int32_t)d1t_format_uint(digits, d);
    whole = n + exp10;
    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }
    if (whole < -3 || whole > 17) {
        return d1t__put_exponent(out, digits, n, whole - 1);
    }
    return d1t__put_decimal(out, digits, n, whole);
}

D1TDEF size_t d1t_format_double(char *out, double v) {
    char *p = out;
    uint64_t bits;
    D1T_MEMCPY(&bits, &v, sizeof bits);
    if ((bits & ~((uint64_t)1 << 63)) > D1T__INF_BITS) {
        return 0u;
    }
    if (bits >> 63 != 0u) {
        *p++ = '-';
        bits &= ~((uint64_t)1 << 63);
    }
    if (bits == D1T__INF_BITS) {
        return (size_t)(d1t__put_text(p, "9e999", 5) - out);
    }
    return (size_t)(d1t__put_double(p, bits) - out);
}

/* Takes the digits at p into s; returns what follows them. */
D1T__PRIVATE const char *d1t__scan_digits(d1t__decimal *s, const char *p, bool fraction) {
    for (; p < s->stop && d1t__digit(*p) <= 9u; p++) {
        const uint32_t d = d1t__digit(*p);
        if (s->count < 19u) {
            s->digits = s->digits * 10u + d;
            s->exp10 -= fraction ? 1 : 0;
            if (s->digits != 0u) {
                s->first = s->count == 0u ? p : s->first;
                s->count++;
            }
        } else {
            s->exp10 += fraction ? 0 : 1;
            s->cut = s->cut || d != 0u;
        }
    }
    return p;
}

/* Takes the exponent after an 'e' at p into s; returns what follows it, or NULL if there is none. */
D1T__PRIVATE const char *d1t__scan_exponent(d1t__decimal *s, const char *p, const char *end) {
    const bool negative = p < end && *p == '-';
    const char *first;
    int64_t v = 0;
    p += p < end && (*p == '-' || *p == '+') ? 1 : 0;
    for (first = p; p < end && d1t__digit(*p) <= 9u; p++) {
        if (v < (int64_t)1 << 48) { /* more than any text of digits can make good for */
            v = v * 10 + (int64_t)d1t__digit(*p);
        }
    }
    s->exp10 += negative ? -v : v;
    return p == first ? NULL : p;
}

/* Reads p up to end, a JSON number without its sign. */
D1T__PRIVATE bool d1t__scan_number(d1t__decimal *s, const char *p, const char *end) {
    const char *start = p;
    s->first = s->stop = end;
    s->digits = 0u;
    s->exp10 = 0;
    s->count = 0u;
    s->cut = false;
    p = d1t__scan_digits(s, p, false);
    if (p == start || (*start == '0' && p != start + 1)) {
        return false;
    }
    if (p < end && *p == '.') {
        start = p + 1;
        p = d1t__scan_digits(s, start, true);
        if (p == start) {
            return false;
        }
    }
    s->stop = p;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p = d1t__scan_exponent(s, p + 1, end);
    }
    return p == end;
}

/* The next digit of s at *p, 0 after the last. */
D1T__PRIVATE uint32_t d1t__next_digit(const d1t__decimal *s, const char **p) {
    if (*p < s->stop && **p == '.') {
        ++*p;
    }
    return *p < s->stop ? d1t__digit(*(*p)++) : 0u;
}

/* The limb of weight 2^(32 i) of m * 2^e. */
D1T__PRIVATE uint32_t d1t__limb_at(uint64_t m, int32_t e, uint32_t i) {
    const int32_t low = (int32_t)(32u * i) - e;
    if (low <= -32 || low >= 64) {
        return 0u;
    }
    return (uint32_t)(low < 0 ? m << -low : m >> low);
}

/* Below 0, 0 or above 0 as the fraction of s, with its first digit at p after `zeros` zeros, is less than, equal to
   or more than that of m * 2^e. Makes the digits of the latter one by one in b. */
D1T__PRIVATE int d1t__compare_fraction(const d1t__decimal *s, const char *p, int64_t zeros, uint64_t m, int32_t e,
                                 d1t__big *b) {
    uint32_t low = 0u;
    uint32_t i;
    b->n = e < 0 ? (uint32_t)(31 - e) >> 5 : 0u;
    for (i = 0u; i < b->n; i++) {
        b->limb[i] = d1t__limb_at(m, e + (int32_t)(32u * b->n), i);
    }
    for (;;) {
        uint32_t mine, other;
        while (low < b->n && b->limb[low] == 0u) { /* each factor 10 frees a bit at the end */
            low++;
        }
        if (low == b->n && p == s->stop) {
            return 0;
        }
        mine = zeros > 0 ? 0u : d1t__next_digit(s, &p);
        zeros--;
        other = d1t__limbs_mul(b->limb + low, b->n - low, 10u, 0u);
        if (mine != other) {
            return mine < other ? -1 : 1;
        }
    }
}

/* Keeps the big number of d1t__compare out of the stack while d1t__scale10 has its own. */

/* Compares s, whose integer part has at most 310 digits, with m * 2^e: below 0, 0 or above 0. */
D1T__NOINLINE D1T__PRIVATE int d1t__compare(const d1t__decimal *s, uint64_t m, int32_t e) {
    d1t__big b;
    const char *p = s->first;
    int64_t whole = s->exp10 + (int64_t)s->count; /* digits before the point */
    uint32_t i;
    b.n = 0u;
    for (; whole > 0; whole--) {
        d1t__big_mul(&b, 10u, d1t__next_digit(s, &p));
    }
    for (i = D1T__BIG_LIMBS; i-- > 0u;) {
        const uint32_t mine = i < b.n ? b.limb[i] : 0u;
        const uint32_t other = d1t__limb_at(m, e, i);
        if (mine != other) {
            return mine < other ? -1 : 1;
        }
    }
    return d1t__compare_fraction(s, p, -whole, m, e, &b);
}

/* The bits of the double nearest to s. */
D1T__PRIVATE uint64_t d1t__number_bits(const d1t__decimal *s) {
    const uint64_t low = d1t__decimal_bits(s->digits, s->exp10);
    uint32_t biased;
    uint64_t m;
    int order;
    /* the digits cut off matter only if the next number of 19 digits reads as another double */
    if (!s->cut || d1t__decimal_bits(s->digits + 1u, s->exp10) == low) {
        return low;
    }
    /* the two doubles are neighbours: compare s with the middle between them */
    biased = (uint32_t)(low >> 52);
    m = low & (((uint64_t)1 << 52) - 1u);
    if (biased > 0u) {
        m |= (uint64_t)1 << 52;
        biased--;
    }
    order = d1t__compare(s, 2u * m + 1u, (int32_t)biased - 1075);
    return low + (order > 0 || (order == 0 && (low & 1u) != 0u) ? 1u : 0u);
}

D1TDEF bool d1t_parse_double(d1t_str text, double *out) {
    const bool negative = text.n > 0u && text.p[0] == '-';
    d1t__decimal s;
    uint64_t bits;
    if (text.n == 0u || !d1t__scan_number(&s, text.p + (negative ? 1 : 0), text.p + text.n)) {
        return false;
    }
    bits = d1t__number_bits(&s) | (negative ? (uint64_t)1 << 63 : 0u);
    D1T_MEMCPY(out, &bits, sizeof bits);
    return true;
}

#endif /* D1T_NO_FLOAT */

/* ---- >>json_writer (implementation) --------------------------------------------------------------------------- */

enum { D1T__FIXED, D1T__GROWING, D1T__COUNTING, D1T__WINDOW };

D1T__PRIVATE void d1t__writer_init(d1t_writer *w, uint8_t sink, void *p, size_t cap) {
    D1T_MEMSET(w, 0, sizeof *w);
    w->sink = sink;
    w->p = (char *)p;
    w->cap = cap;
}

D1TDEF void d1t_writer_fixed(d1t_writer *w, void *p, size_t cap) {
    d1t__writer_init(w, D1T__FIXED, p, cap);
    w->room = cap;
}

D1TDEF void d1t_writer_growing(d1t_writer *w, d1t_buffer *buffer) {
    d1t__writer_init(w, D1T__GROWING, NULL, 0);
    w->buffer = buffer;
}

D1TDEF void d1t_writer_counting(d1t_writer *w) {
    d1t__writer_init(w, D1T__COUNTING, NULL, 0);
}

D1TDEF void d1t_writer_window(d1t_writer *w, void *p, size_t cap, uint64_t skip) {
    d1t__writer_init(w, D1T__WINDOW, p, cap);
    w->skip = skip;
    w->room = skip ? 0 : cap;
}

/* A fixed sink takes a whole piece or nothing of it: what is there is never cut inside an escape. */
D1T__PRIVATE void d1t__write_slow(d1t_writer *w, const char *p, size_t n) {
    w->total += n;
    if (n == 0 || w->sink == D1T__COUNTING) return;
    if (w->sink == D1T__GROWING) {
        if (w->error == D1T_OK) w->error = d1t_buffer_add(w->buffer, p, n);
        if (w->error == D1T_OK) w->n += n;
    } else if (w->sink == D1T__FIXED) {
        if (n && w->error == D1T_OK) w->error = D1T_ERR_SPACE;
    } else if (w->error == D1T_OK) {
        size_t drop = w->skip < n ? (size_t)w->skip : n;
        w->skip -= drop;
        p += drop;
        n -= drop;
        if (n > w->cap - w->n) n = w->cap - w->n;
        if (n) D1T_MEMCPY(w->p + w->n, p, n);
        w->n += n;
        w->room = w->skip ? 0 : w->cap - w->n;
    }
}

/* Bytes as they are, whatever the level. */
D1T__PRIVATE void d1t__write_raw(d1t_writer *w, const char *p, size_t n) {
    if (n - 1 < w->room && w->error == D1T_OK) {    /* n > 0, and it fits */
        D1T_MEMCPY(w->p + w->n, p, n);
        w->n += n;
        w->room -= n;
        w->total += n;
        return;
    }
    d1t__write_slow(w, p, n);
}

D1T__PRIVATE void d1t__write_char(d1t_writer *w, char c) {
    if (w->room && w->error == D1T_OK) {
        w->p[w->n++] = c;
        w->room--;
        w->total++;
        return;
    }
    d1t__write_slow(w, &c, 1);
}

/* The JSON escape of one byte (RFC 8259 section 7); 0: it stands for itself. */
D1T__PRIVATE size_t d1t__escape(char *out, unsigned char c) {
    static const char letters[] = "btn_fr";
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = (char)c;
        return 2;
    }
    if (c >= 0x20) return 0;
    out[0] = '\\';
    if (c >= 8 && c <= 13 && c != 11) {
        out[1] = letters[c - 8];
        return 2;
    }
    out[1] = 'u';
    out[2] = out[3] = '0';
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return 6;
}

/* One byte that needs escaping, escaped `level` times, at least once: each further escape doubles the backslashes, and
   puts one before a quote. */
D1T__PRIVATE void d1t__write_escaped(d1t_writer *w, unsigned char c, uint32_t level) {
    char out[16];
    size_t slashes = c == '"' || c == '\\' ? ((size_t)1 << level) - 1 : (size_t)1 << (level - 1);
    D1T_MEMSET(out, '\\', slashes);
    d1t__write_raw(w, out, slashes - 1 + d1t__escape(out + slashes - 1, c));
}

D1T__PRIVATE bool d1t__is_plain(char c) {
    return (unsigned char)c >= 0x20 && c != '"' && c != '\\';
}

#ifndef D1T_NO_FAST_TEXT
/* Is one of eight bytes below 0x20, above 0x7F, '"' or '\\'? (bit tricks of "determine if a word has a byte less than
   n / equal to n") */
D1T__PRIVATE bool d1t__special(uint64_t v) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    return ((v | (v - ones * 0x20) | (quote - ones) | (slash - ones)) & ones * 0x80) != 0;
}

#endif

#ifdef D1T__SSE2
/* Copies sixteen bytes. Is each of them ASCII that needs no escape? */
D1T__PRIVATE bool d1t__copy_16(char *out, const char *p) {
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"')), slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    const __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));     /* and what is above 0x7F: bytes with a sign */
    _mm_storeu_si128((__m128i *)(void *)out, v);
    return _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash))) == 0;
}
#endif

/* Copies the ASCII from the start of p that needs no escape, and tells how much. Sixteen (1,000 bytes in 61 ns) or
   eight (141 ns) at a time: text is mostly plain. */
D1T__PRIVATE size_t d1t__copy_plain(char *out, const char *p, size_t n) {
    size_t i = 0;
#ifndef D1T_NO_FAST_TEXT
    uint64_t v;
#ifdef D1T__SSE2
    for (; n - i >= 16 && d1t__copy_16(out + i, p + i); i += 16) {}
    if (i > 0 && n - i < 16 && d1t__copy_16(out + n - 16, p + n - 16)) return n;
#endif
    for (; n - i >= 8; i += 8) {
        D1T_MEMCPY(&v, p + i, 8);
        if (d1t__special(v)) break;
        D1T_MEMCPY(out + i, &v, 8);
    }
    if (i > 0 && n - i < 8) {       /* the rest, and some bytes before it again */
        D1T_MEMCPY(&v, p + n - 8, 8);
        if (!d1t__special(v)) {
            D1T_MEMCPY(out + n - 8, &v, 8);
            return n;
        }
    }
#endif
    for (; i < n && d1t__is_plain(p[i]) && !(p[i] & 0x80); i++) out[i] = p[i];
    return i;
}

D1T__PRIVATE void d1t__write_level(d1t_writer *w, d1t_str s, uint32_t level) {
    size_t i = 0, from = 0;
    if (level == 0 || s.n == 0) {
        d1t__write_raw(w, s.p, s.n);
        return;
    }
    for (; i < s.n; i++) {
        if (d1t__is_plain(s.p[i])) continue;
        d1t__write_raw(w, s.p + from, i - from);
        d1t__write_escaped(w, (unsigned char)s.p[i], level);
        from = i + 1;
    }
    d1t__write_raw(w, s.p + from, s.n - from);
}

D1TDEF void d1t_write(d1t_writer *w, d1t_str s) {
    d1t__write_level(w, s, w->level);
}

D1TDEF void d1t_write_text(d1t_writer *w, const char *s) {
    d1t_write(w, d1t_cstr(s));
}

D1TDEF void d1t_write_int(d1t_writer *w, int64_t v) {
    char digits[24];
    d1t__write_raw(w, digits, d1t_format_int(digits, v));
}

D1TDEF void d1t_write_uint(d1t_writer *w, uint64_t v) {
    char digits[24];
    d1t__write_raw(w, digits, d1t_format_uint(digits, v));
}

/* A quote as the delimiter of a JSON string. */
D1T__PRIVATE void d1t__write_quote(d1t_writer *w) {
    static const char quote[] = "\\\\\\\"";     /* escaped twice; once and not at all are its ends */
    size_t n = (size_t)1 << w->level;
    d1t__write_raw(w, quote + 4 - n, n);
}

D1TDEF void d1t_write_json_string(d1t_writer *w, d1t_str s) {
    d1t__write_quote(w);
    d1t__write_level(w, s, w->level + 1u);
    d1t__write_quote(w);
}

D1TDEF void d1t_write_hex(d1t_writer *w, d1t_str bytes) {
    static const char hex[] = "0123456789abcdef";
    char out[64];
    size_t i, n = 0;
    for (i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
        if (n == sizeof out) {
            d1t__write_raw(w, out, n);
            n = 0;
        }
    }
    d1t__write_raw(w, out, n);
}

/* ---- >>json_reader (implementation) ---------------------------------------------------------------------------- */

/* What may come next. */
enum {
    D1T__JSON_VALUE,
    D1T__JSON_VALUE_OR_END, /* after [ */
    D1T__JSON_KEY,
    D1T__JSON_KEY_OR_END,   /* after { */
    D1T__JSON_COLON,
    D1T__JSON_NEXT,         /* a comma or the end of the object or array */
    D1T__JSON_DONE,         /* only white space */
    D1T__JSON_TEXT,         /* inside a string, outside an escape */
    D1T__JSON_ESCAPE,
    D1T__JSON_HEX,
    D1T__JSON_SECOND,       /* the backslash of a second surrogate */
    D1T__JSON_SECOND_U,
    D1T__JSON_LITERAL,
    D1T__JSON_NUM_START,
    D1T__JSON_NUM_MINUS,
    D1T__JSON_NUM_ZERO,
    D1T__JSON_NUM_INT,
    D1T__JSON_NUM_DOT,
    D1T__JSON_NUM_FRACTION,
    D1T__JSON_NUM_E,
    D1T__JSON_NUM_SIGN,
    D1T__JSON_NUM_EXPONENT,
    D1T__JSON_NUM_END,
    D1T__JSON_NUM_BAD
};

D1TDEF void d1t_json_reader_init(d1t_json_reader *r, d1t_json_handler handler, void *ctx, uint32_t max_depth) {
    D1T_MEMSET(r, 0, sizeof *r);
    r->handler = handler;
    r->ctx = ctx;
    r->max_depth = (uint8_t)(max_depth == 0u || max_depth > D1T_JSON_MAX_DEPTH ? D1T_JSON_MAX_DEPTH : max_depth);
}

D1T__PRIVATE void d1t__json_fail(d1t_json_reader *r, d1t_result result) {
    if (r->result == D1T_OK) {
        r->result = result;
    }
}

/* Passes on n bytes of text (or none) as an event. */
D1T__PRIVATE void d1t__json_emit(d1t_json_reader *r, uint32_t kind, const void *text, size_t n, bool last) {
    d1t_json_event event;
    event.kind = (d1t_json_kind)kind;
    event.text.p = (const char *)text;
    event.text.n = n;
    event.first = !r->begun;
    event.last = last;
    event.depth = r->depth;
    r->begun = !last;
    r->result = r->handler(r->ctx, &event);
}

D1T__PRIVATE void d1t__json_after_value(d1t_json_reader *r) {
    r->state = (uint8_t)(r->depth == 0u ? D1T__JSON_DONE : D1T__JSON_NEXT);
}

D1T__PRIVATE void d1t__json_open(d1t_json_reader *r, bool object) {
    if (r->depth == r->max_depth) {
        d1t__json_fail(r, D1T_ERR_DEPTH);
        return;
    }
    d1t__json_emit(r, object ? D1T_JSON_OBJECT : D1T_JSON_ARRAY, "", 0u, true);
    r->depth++;
    r->stack = r->stack << 1 | (object ? 1u : 0u);
    r->state = (uint8_t)(object ? D1T__JSON_KEY_OR_END : D1T__JSON_VALUE_OR_END);
}

D1T__PRIVATE void d1t__json_close(d1t_json_reader *r, bool object) {
    if (r->depth == 0u || ((r->stack & 1u) != 0u) != object) {
        d1t__json_fail(r, D1T_ERR_JSON);
        return;
    }
    r->depth--;
    r->stack >>= 1;
    d1t__json_after_value(r);
    d1t__json_emit(r, object ? D1T_JSON_OBJECT_END : D1T_JSON_ARRAY_END, "", 0u, true);
}

/* Enters a state inside a text or literal. */
D1T__PRIVATE void d1t__json_begin(d1t_json_reader *r, uint32_t state, uint32_t kind, uint32_t count) {
    r->state = (uint8_t)state;
    r->kind = (uint8_t)kind;
    r->count = (uint8_t)count;
    r->code = 0u;
}

D1T__PRIVATE void d1t__json_expect(d1t_json_reader *r, uint32_t c, char expected) {
    if (c != (uint32_t)(unsigned char)expected) {
        d1t__json_fail(r, D1T_ERR_JSON);
    }
}

/* Starts the value whose first byte is c; false if the byte is still to be read as a part of it. */
D1T__PRIVATE bool d1t__json_value(d1t_json_reader *r, uint32_t c) {
    switch (c) {
    case '{':
    case '[':
        d1t__json_open(r, c == '{');
        return true;
    case '"':
        d1t__json_begin(r, D1T__JSON_TEXT, D1T_JSON_STRING, 0u);
        return true;
    case 't':
        d1t__json_begin(r, D1T__JSON_LITERAL, D1T_JSON_TRUE, 0u);
        break;
    case 'f':
        d1t__json_begin(r, D1T__JSON_LITERAL, D1T_JSON_FALSE, 0u);
        break;
    case 'n':
        d1t__json_begin(r, D1T__JSON_LITERAL, D1T_JSON_NULL, 0u);
        break;
    default:
        d1t__json_begin(r, D1T__JSON_NUM_START, D1T_JSON_NUMBER, 0u);
        break;
    }
    return false;
}

/* Reads c between the values, keys and white space; false if it is still to be read as a part of a value. */
D1T__PRIVATE bool d1t__json_structure(d1t_json_reader *r, uint32_t c) {
    const uint32_t state = r->state;
    const bool object = (r->stack & 1u) != 0u;
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
        return true;
    }
    if ((c == ']' && state == D1T__JSON_VALUE_OR_END) || (c == '}' && state == D1T__JSON_KEY_OR_END)
        || ((c == ']' || c == '}') && state == D1T__JSON_NEXT)) {
        d1t__json_close(r, c == '}');
    } else if (state <= D1T__JSON_VALUE_OR_END) {
        return d1t__json_value(r, c);
    } else if (c == '"' && (state == D1T__JSON_KEY || state == D1T__JSON_KEY_OR_END)) {
        d1t__json_begin(r, D1T__JSON_TEXT, D1T_JSON_KEY, 0u);
    } else if (c == ':' && state == D1T__JSON_COLON) {
        r->state = D1T__JSON_VALUE;
    } else if (c == ',' && state == D1T__JSON_NEXT) {
        r->state = (uint8_t)(object ? D1T__JSON_KEY : D1T__JSON_VALUE);
    } else {
        d1t__json_fail(r, D1T_ERR_JSON);
    }
    return true;
}

D1T__PRIVATE void d1t__json_literal(d1t_json_reader *r, uint32_t c) {
    static const char words[3][6] = {"true", "false", "null"};
    const char *word = words[r->kind - D1T_JSON_TRUE];
    if (c != (uint32_t)(unsigned char)word[r->count]) {
        d1t__json_fail(r, D1T_ERR_JSON);
    } else if (word[++r->count] == 0) {
        d1t__json_after_value(r);
        d1t__json_emit(r, r->kind, "", 0u, true);
    }
}

/* The state of a number after c; NUM_END if c does not belong to it and it may end here. */
D1T__PRIVATE uint32_t d1t__json_number_next(uint32_t state, uint32_t c) {
    const bool digit = c - '0' <= 9u;
    const bool integer = state == D1T__JSON_NUM_ZERO || state == D1T__JSON_NUM_INT;
    if (state == D1T__JSON_NUM_START && c == '-') {
        return D1T__JSON_NUM_MINUS;
    }
    if (state <= D1T__JSON_NUM_MINUS) {
        return !digit ? D1T__JSON_NUM_BAD : c == '0' ? D1T__JSON_NUM_ZERO : D1T__JSON_NUM_INT;
    }
    if (digit && state != D1T__JSON_NUM_ZERO) {
        return state == D1T__JSON_NUM_INT ? D1T__JSON_NUM_INT
            : state <= D1T__JSON_NUM_FRACTION ? D1T__JSON_NUM_FRACTION : D1T__JSON_NUM_EXPONENT;
    }
    if (integer && c == '.') {
        return D1T__JSON_NUM_DOT;
    }
    if ((integer || state == D1T__JSON_NUM_FRACTION) && (c | 0x20u) == 'e') {
        return D1T__JSON_NUM_E;
    }
    if (state == D1T__JSON_NUM_E && (c == '+' || c == '-')) {
        return D1T__JSON_NUM_SIGN;
    }
    return integer || state == D1T__JSON_NUM_FRACTION || state == D1T__JSON_NUM_EXPONENT ? D1T__JSON_NUM_END
                                                                                         : D1T__JSON_NUM_BAD;
}

/* Reads the part of a number at p; returns where it stopped. */
D1T__PRIVATE const uint8_t *d1t__json_number(d1t_json_reader *r, const uint8_t *p, const uint8_t *end) {
    const uint8_t *start = p;
    uint32_t state = r->state;
    for (; p < end; p++) {
        state = d1t__json_number_next(state, *p);
        if (state >= D1T__JSON_NUM_END) {
            break;
        }
    }
    r->state = (uint8_t)state;
    if (state == D1T__JSON_NUM_BAD) {
        d1t__json_fail(r, D1T_ERR_JSON);
    } else {
        if (state == D1T__JSON_NUM_END) {
            d1t__json_after_value(r);
        }
        d1t__json_emit(r, D1T_JSON_NUMBER, start, (size_t)(p - start), state == D1T__JSON_NUM_END);
    }
    return p;
}

/* Skips what can stand in a string for itself: ASCII, no quote, backslash or control character. */
D1T__PRIVATE const uint8_t *d1t__json_skip_plain(const uint8_t *p, const uint8_t *end) {
#ifndef D1T_NO_FAST_TEXT
    const uint64_t ones = ~(uint64_t)0 / 255u;
    /* Eight bytes at once: most of a response of D1 is strings. A high bit of `stop` is set where a byte has it set
       itself or borrows when ' ', or 1 from its difference to a quote or backslash, is taken off. */
    while (end - p >= 8) {
        uint64_t x, quote, slash, stop;
        D1T_MEMCPY(&x, p, 8u);
        quote = x ^ (ones * '"');
        slash = x ^ (ones * '\\');
        stop = x | (x - ones * ' ') | (quote - ones) | (slash - ones);
        if ((stop & (ones << 7)) != 0u) {
            break;
        }
        p += 8;
    }
#endif
    while (p < end && *p >= 0x20u && *p < 0x80u && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

/* Starts a character of more than one byte with c; false if none starts so. The range of the second byte is what
   keeps out overlong forms (e0, f0), surrogates (ed) and what lies beyond U+10FFFF (f4). */
D1T__PRIVATE bool d1t__json_utf8_lead(d1t_json_reader *r, uint32_t c) {
    if (c < 0xc2u || c > 0xf4u) {
        return false;
    }
    r->count = (uint8_t)(c < 0xe0u ? 1 : c < 0xf0u ? 2 : 3);
    r->low = (uint8_t)(c == 0xe0u ? 0xa0 : c == 0xf0u ? 0x90 : 0x80);
    r->top = (uint8_t)(c == 0xedu ? 0x9f : c == 0xf4u ? 0x8f : 0xbf);
    return true;
}

/* Checks a run of characters beyond ASCII, also one cut before p; returns where it stopped. */
D1T__PRIVATE const uint8_t *d1t__json_utf8(d1t_json_reader *r, const uint8_t *p, const uint8_t *end) {
    for (; p < end && (r->count > 0u || *p >= 0x80u); p++) {
        const uint32_t c = *p;
        if (r->count == 0u ? !d1t__json_utf8_lead(r, c) : c < r->low || c > r->top) {
            d1t__json_fail(r, D1T_ERR_JSON);
            break;
        }
        if (c < 0xc0u) { /* not the first byte */
            r->count--;
            r->low = 0x80u;
            r->top = 0xbfu;
        }
    }
    return p;
}

D1T__PRIVATE void d1t__json_after_text(d1t_json_reader *r) {
    if (r->kind == D1T_JSON_KEY) {
        r->state = D1T__JSON_COLON;
    } else {
        d1t__json_after_value(r);
    }
}

/* Reads the part of a string at p up to an escape or its end; returns where it stopped. */
D1T__PRIVATE const uint8_t *d1t__json_text(d1t_json_reader *r, const uint8_t *p, const uint8_t *end) {
    const uint8_t *start = p;
    size_t n;
    do {
        p = d1t__json_utf8(r, p, end);
        if (r->result != D1T_OK) {
            return p;
        }
        p = d1t__json_skip_plain(p, end);
    } while (p < end && *p >= 0x80u);
    n = (size_t)(p - start);
    if (p < end && *p < 0x20u) {
        d1t__json_fail(r, D1T_ERR_JSON);
    } else if (p < end && *p == '"') {
        p++;
        d1t__json_after_text(r);
        d1t__json_emit(r, r->kind, start, n, true);
    } else {
        if (p < end) {
            p++;
            r->state = D1T__JSON_ESCAPE;
        }
        if (n > 0u) {
            d1t__json_emit(r, r->kind, start, n, false);
        }
    }
    return p;
}

/* Passes on a character from an escape in UTF-8. */
D1T__PRIVATE void d1t__json_character(d1t_json_reader *r, uint32_t code) {
    char *s = r->scratch;
    if (code < 0x80u) {
        *s++ = (char)code;
    } else {
        if (code < 0x800u) {
            *s++ = (char)(0xc0u | code >> 6);
        } else {
            if (code < 0x10000u) {
                *s++ = (char)(0xe0u | code >> 12);
            } else {
                *s++ = (char)(0xf0u | code >> 18);
                *s++ = (char)(0x80u | (code >> 12 & 0x3fu));
            }
            *s++ = (char)(0x80u | (code >> 6 & 0x3fu));
        }
        *s++ = (char)(0x80u | (code & 0x3fu));
    }
    r->state = D1T__JSON_TEXT;
    d1t__json_emit(r, r->kind, r->scratch, (size_t)(s - r->scratch), false);
}

/* Reads c after a backslash. */
D1T__PRIVATE void d1t__json_escape(d1t_json_reader *r, uint32_t c) {
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* letter, meaning */
    uint32_t i;
    if (c == 'u') {
        d1t__json_begin(r, D1T__JSON_HEX, r->kind, 4u);
        return;
    }
    for (i = 0u; i < sizeof pairs - 1u; i += 2u) {
        if (c == (uint32_t)(unsigned char)pairs[i]) {
            d1t__json_character(r, (uint32_t)(unsigned char)pairs[i + 1u]);
            return;
        }
    }
    d1t__json_fail(r, D1T_ERR_JSON);
}

/* Takes the code of a whole \u escape: surrogates must come in pairs, the first one first. */
D1T__PRIVATE void d1t__json_unicode(d1t_json_reader *r) {
    const uint32_t code = r->code;
    const uint32_t high = r->high;
    const bool second = code >= 0xdc00u && code <= 0xdfffu;
    r->high = 0u;
    if (second != (high != 0u)) {
        d1t__json_fail(r, D1T_ERR_JSON);
    } else if (code >= 0xd800u && code <= 0xdbffu) {
        r->high = (uint16_t)code;
        r->state = D1T__JSON_SECOND;
    } else {
        d1t__json_character(r, second ? 0x10000u + ((high - 0xd800u) << 10) + (code - 0xdc00u) : code);
    }
}

D1T__PRIVATE void d1t__json_hex(d1t_json_reader *r, uint32_t c) {
    const uint32_t letter = (c | 0x20u) - 'a';
    if (c - '0' <= 9u) {
        r->code = r->code << 4 | (c - '0');
    } else if (letter < 6u) {
        r->code = r->code << 4 | (letter + 10u);
    } else {
        d1t__json_fail(r, D1T_ERR_JSON);
        return;
    }
    if (--r->count == 0u) {
        d1t__json_unicode(r);
    }
}

/* Reads c in a state which takes single bytes; false if c is still to be read in another state. */
D1T__PRIVATE bool d1t__json_byte(d1t_json_reader *r, uint32_t c) {
    switch (r->state) {
    case D1T__JSON_ESCAPE:
        d1t__json_escape(r, c);
        break;
    case D1T__JSON_HEX:
        d1t__json_hex(r, c);
        break;
    case D1T__JSON_SECOND:
        r->state = D1T__JSON_SECOND_U;
        d1t__json_expect(r, c, '\\');
        break;
    case D1T__JSON_SECOND_U:
        d1t__json_begin(r, D1T__JSON_HEX, r->kind, 4u);
        d1t__json_expect(r, c, 'u');
        break;
    case D1T__JSON_LITERAL:
        d1t__json_literal(r, c);
        break;
    default:
        return d1t__json_structure(r, c);
    }
    return true;
}

D1TDEF d1t_result d1t_json_reader_feed(d1t_json_reader *r, const void *data, size_t size) {
    const uint8_t *const start = (const uint8_t *)data;
    const uint8_t *p = start;
    const uint8_t *end;
    if (data == NULL && size > 0u) {
        return D1T_ERR_ARG;
    }
    if (r->result != D1T_OK || size == 0u) {
        return r->result;
    }
    end = start + size;
    while (p < end && r->result == D1T_OK) {
        if (r->state == D1T__JSON_TEXT) {
            p = d1t__json_text(r, p, end);
        } else if (r->state >= D1T__JSON_NUM_START) {
            p = d1t__json_number(r, p, end);
        } else if (d1t__json_byte(r, *p)) {
            p += r->result == D1T_ERR_JSON || r->result == D1T_ERR_DEPTH ? 0 : 1; /* pos is where the error is */
        }
    }
    r->pos += (uint64_t)(p - start);
    return r->result;
}

D1TDEF d1t_result d1t_json_reader_end(d1t_json_reader *r) {
    if (r->result == D1T_OK && r->state >= D1T__JSON_NUM_START) {
        const uint8_t space = ' '; /* ends a number, if it may end here */
        d1t__json_number(r, &space, &space + 1);
    }
    if (r->state != D1T__JSON_DONE) {
        d1t__json_fail(r, D1T_ERR_JSON);
    }
    return r->result;
}

/* ---- >>sql (implementation) ----------------------------------------------------------------------------------- */

/* s with each quote doubled. */
D1T__PRIVATE void d1t__write_quoted_inside(d1t_writer *w, d1t_str s, char quote) {
    size_t i, from = 0;
    for (i = 0; i < s.n; i++) {
        if (s.p[i] != quote) continue;
        d1t_write(w, d1t_bytes(s.p + from, i + 1 - from));
        from = i;
    }
    if (from < s.n) d1t_write(w, d1t_bytes(s.p + from, s.n - from));
}

/* s between quotes, each quote inside doubled. */
D1T__PRIVATE void d1t__write_quoted(d1t_writer *w, d1t_str s, char quote) {
    d1t_write(w, d1t_bytes(&quote, 1));
    d1t__write_quoted_inside(w, s, quote);
    d1t_write(w, d1t_bytes(&quote, 1));
}

D1TDEF void d1t_write_name(d1t_writer *w, const char *name) {
    d1t__write_quoted(w, d1t_cstr(name), '`');
}

D1TDEF void d1t_write_sql_string(d1t_writer *w, d1t_str s) {
    d1t__write_quoted(w, s, '\'');
}

D1TDEF d1t_result d1t_check_name(const char *name) {
    d1t_str s = d1t_cstr(name);
    size_t i;
    if (s.n == 0 || s.n > 128) return D1T_ERR_NAME;
    if (d1t_utf8_valid(s) != s.n) return D1T_ERR_UTF8;
    for (i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7F) return D1T_ERR_NAME;
    if (d1t__begins(s, "sqlite_") || d1t__begins(s, "_cf_") || d1t__begins(s, "_d1t_")) return D1T_ERR_NAME;
    return D1T_OK;
}

D1T__PRIVATE bool d1t__is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

D1T__PRIVATE bool d1t__is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* SQLite: letters, digits, '_', '$' and every byte from 0x80. */
D1T__PRIVATE bool d1t__is_word(char c) {
    static const uint32_t words[4] = {0, 0x03FF0010u, 0x87FFFFFEu, 0x07FFFFFEu};    /* a bit for each of ASCII */
    const unsigned char u = (unsigned char)c;
    return u >= 0x80 || (words[u >> 5] >> (u & 31u) & 1u) != 0;
}

/* The end of white space and comments from i; SIZE_MAX: a comment without an end. (SQLite lets the end of the text
   close a block comment; D1 refuses a statement that ends in one.) */
D1T__PRIVATE size_t d1t__sql_skip(d1t_str s, size_t i) {
    for (;;) {
        while (i < s.n && d1t__is_space(s.p[i])) i++;
        if (i + 1 < s.n && s.p[i] == '-' && s.p[i + 1] == '-') {
            while (i < s.n && s.p[i] != '\n') i++;
        } else if (i + 1 < s.n && s.p[i] == '/' && s.p[i + 1] == '*') {
            for (i += 2; i + 1 < s.n && !(s.p[i] == '*' && s.p[i + 1] == '/'); i++) {}
            if (i + 1 >= s.n) return SIZE_MAX;
            i += 2;
        } else {
            return i;
        }
    }
}

/* The end of a quoted token that starts at i, SIZE_MAX if it has none. */
D1T__PRIVATE size_t d1t__sql_quoted(d1t_str s, size_t i) {
    char close = s.p[i] == '[' ? ']' : s.p[i];
    for (i++; i < s.n; i++) {
        if (s.p[i] != close) continue;
        if (close == ']' || i + 1 >= s.n || s.p[i + 1] != close) return i + 1;
        i++;
    }
    return SIZE_MAX;
}

/* The end of a number that starts at i: 0x1F, 1.5e-3, .5 */
D1T__PRIVATE size_t d1t__sql_number(d1t_str s, size_t i) {
    bool hex = i + 1 < s.n && d1t__lower(s.p[i + 1]) == 'x', sign;
    for (i++; i < s.n; i++) {
        sign = (s.p[i] == '+' || s.p[i] == '-') && !hex && d1t__lower(s.p[i - 1]) == 'e';
        if (!sign && !d1t__is_word(s.p[i]) && s.p[i] != '.') break;
    }
    return i;
}

D1TDEF d1t_sql_token d1t_sql_next(d1t_str s, size_t *pos) {
    d1t_sql_token token;
    size_t i = d1t__sql_skip(s, *pos), end;
    char c;
    token.kind = i == SIZE_MAX ? D1T_SQL_BAD : D1T_SQL_END;
    token.text = d1t_bytes(s.n ? s.p + s.n : s.p, 0);
    if (i == SIZE_MAX || i >= s.n) {
        *pos = s.n;
        return token;
    }
    c = s.p[i];
    end = i + 1;
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
        end = d1t__sql_quoted(s, i);
        token.kind = end == SIZE_MAX ? D1T_SQL_BAD : c == '\'' ? D1T_SQL_STRING : D1T_SQL_NAME;
        if (end == SIZE_MAX) end = s.n;
    } else if (c == '?' || c == ':' || c == '@' || c == '$') {
        token.kind = D1T_SQL_PARAMETER;
        while (end < s.n && d1t__is_word(s.p[end])) end++;
        if (c != '?' && end == i + 1) token.kind = D1T_SQL_SYMBOL;
    } else if (d1t__is_digit(c) || (c == '.' && end < s.n && d1t__is_digit(s.p[end]))) {
        token.kind = D1T_SQL_NUMBER;
        end = d1t__sql_number(s, i);
    } else if (d1t__is_word(c)) {
        token.kind = D1T_SQL_WORD;
        while (end < s.n && d1t__is_word(s.p[end])) end++;
    } else {
        token.kind = D1T_SQL_SYMBOL;
    }
    token.text = d1t_bytes(s.p + i, end - i);
    *pos = end;
    return token;
}

/* Words that SQLite takes as a name only in quotes. */
D1T__PRIVATE bool d1t__sql_reserved(d1t_str word) {
    static const char words[] =
        "ADD\0" "ALL\0" "ALTER\0" "AND\0" "AS\0" "AUTOINCREMENT\0" "BETWEEN\0" "CASE\0" "CHECK\0" "COLLATE\0"
        "COMMIT\0" "CONSTRAINT\0" "CREATE\0" "DEFAULT\0" "DEFERRABLE\0" "DELETE\0" "DISTINCT\0" "DROP\0" "ELSE\0"
        "ESCAPE\0" "EXCEPT\0" "EXISTS\0" "FOREIGN\0" "FROM\0" "GROUP\0" "HAVING\0" "IN\0" "INDEX\0" "INSERT\0"
        "INTERSECT\0" "INTO\0" "IS\0" "ISNULL\0" "JOIN\0" "LIMIT\0" "NOT\0" "NOTHING\0" "NOTNULL\0" "NULL\0" "ON\0"
        "OR\0" "ORDER\0" "PRIMARY\0" "REFERENCES\0" "RETURNING\0" "SELECT\0" "SET\0" "TABLE\0" "THEN\0" "TO\0"
        "TRANSACTION\0" "UNION\0" "UNIQUE\0" "UPDATE\0" "USING\0" "VALUES\0" "WHEN\0" "WHERE\0";
    return d1t__is_in(words, word);
}

/* A word that is never the name of a column's type, though a name may be one. */
D1T__PRIVATE bool d1t__sql_joins(d1t_str word) {
    static const char words[] =
        "CROSS\0" "FULL\0" "INDEXED\0" "INNER\0" "LEFT\0" "NATURAL\0" "OUTER\0" "RIGHT\0";
    return d1t__is_in(words, word);
}

/* A word that is a value where a value may stand: not the same as a name in quotes. */
D1T__PRIVATE bool d1t__sql_constant(d1t_str word) {
    static const char words[] =
        "CURRENT_DATE\0" "CURRENT_TIME\0" "CURRENT_TIMESTAMP\0" "FALSE\0" "NULL\0" "TRUE\0";
    return d1t__is_in(words, word);
}

/* The next character of what a word or a quoted token says; -1: the end. *i begins with 0. */
D1T__PRIVATE int d1t__sql_char(d1t_sql_token t, size_t *i) {
    char open = t.text.n ? t.text.p[0] : 0, close = open == '[' ? ']' : open;
    bool quoted = t.kind == D1T_SQL_NAME || t.kind == D1T_SQL_STRING;
    if (quoted && *i == 0) ++*i;
    if (*i >= t.text.n - quoted) return -1;
    if (quoted && close != ']' && t.text.p[*i] == close) ++*i;
    return (unsigned char)t.text.p[(*i)++];
}

/* Do the two say the same name? */
D1T__PRIVATE bool d1t__sql_same_name(d1t_sql_token a, d1t_sql_token b) {
    size_t i = 0, k = 0;
    int x, y;
    do {
        x = d1t__sql_char(a, &i);
        y = d1t__sql_char(b, &k);
        if (x != y && (x < 0 || y < 0 || d1t__lower((char)x) != d1t__lower((char)y))) return false;
    } while (x >= 0);
    return true;
}

D1T__PRIVATE bool d1t__sql_is_symbol(d1t_sql_token t, char c) {
    return t.kind == D1T_SQL_SYMBOL && t.text.p[0] == c;
}

D1T__PRIVATE bool d1t__sql_is_word(d1t_sql_token t, const char *word) {
    return t.kind == D1T_SQL_WORD && d1t_str_equal_nocase(t.text, d1t_cstr(word));
}

/* 12, .5 or 3.5e-7 */
D1T__PRIVATE bool d1t__is_decimal(d1t_str s) {
    size_t i = 0, digits = 0;
    for (; i < s.n && d1t__is_digit(s.p[i]); i++) digits++;
    if (i < s.n && s.p[i] == '.')
        for (i++; i < s.n && d1t__is_digit(s.p[i]); i++) digits++;
    if (i < s.n && digits && d1t__lower(s.p[i]) == 'e') {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) i++;
        for (digits = 0; i < s.n && d1t__is_digit(s.p[i]); i++) digits++;
    }
    return digits && i == s.n;
}

/* A decimal, or 0x1F: a number as every version of SQLite reads it. */
D1T__PRIVATE bool d1t__sql_is_number(d1t_sql_token t) {
    const d1t_str s = t.text;
    size_t i = 2;
    if (t.kind != D1T_SQL_NUMBER) return false;
    if (s.n < 3 || s.p[0] != '0' || d1t__lower(s.p[1]) != 'x') return d1t__is_decimal(s);
    while (i < s.n && (d1t__is_digit(s.p[i]) || (d1t__lower(s.p[i]) >= 'a' && d1t__lower(s.p[i]) <= 'f'))) i++;
    return i == s.n;
}

/* A word of a type. GENERATED ALWAYS at the end of one is none: SQLite takes it out. */
D1T__PRIVATE bool d1t__sql_is_type_word(d1t_sql_token t) {
    return t.kind == D1T_SQL_WORD && !d1t__sql_reserved(t.text) && !d1t__sql_joins(t.text) &&
           !d1t__sql_is_word(t, "GENERATED") && !d1t__sql_is_word(t, "ALWAYS");
}

/* The end of one number with or without a sign; 0: it is none. */
D1T__PRIVATE size_t d1t__sql_signed_end(d1t_str s, size_t pos) {
    d1t_sql_token t = d1t_sql_next(s, &pos);
    if (d1t__sql_is_symbol(t, '-') || d1t__sql_is_symbol(t, '+')) t = d1t_sql_next(s, &pos);
    return d1t__sql_is_number(t) ? pos : 0;
}

/* The end of a type that begins at `from`: words, then perhaps (n) or (n,m). `from`: it is none. */
D1T__PRIVATE size_t d1t__sql_type_end(d1t_str s, size_t from) {
    size_t pos = from, end = from;
    d1t_sql_token t = d1t_sql_next(s, &pos);
    for (; d1t__sql_is_type_word(t); t = d1t_sql_next(s, &pos)) end = pos;
    if (end == from || !d1t__sql_is_symbol(t, '(')) return end;
    pos = d1t__sql_signed_end(s, pos);
    t = d1t_sql_next(s, &pos);
    if (pos && d1t__sql_is_symbol(t, ',')) {
        pos = d1t__sql_signed_end(s, pos);
        t = d1t_sql_next(s, &pos);
    }
    return pos && d1t__sql_is_symbol(t, ')') ? pos : end;
}

/* ---- >>hash (implementation) ---------------------------------------------------------------------------------- */

/* Byte by byte, so neither alignment nor byte order matters; compilers make one load of it where they may. */
D1T__PRIVATE uint64_t d1t__load64(const uint8_t *p) {
    const uint32_t low = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    const uint32_t high = (uint32_t)p[4] | (uint32_t)p[5] << 8 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 24;
    return (uint64_t)high << 32 | low;
}

D1T__PRIVATE void d1t__store64(uint8_t *p, uint64_t v) {
    uint32_t i;
    for (i = 0u; i < 8u; i++) {
        p[i] = (uint8_t)(v >> (8u * i));
    }
}

D1T__PRIVATE uint64_t d1t__rotate(uint64_t v, uint32_t bits) {
    return v << bits | v >> (64u - bits);
}

D1T__PRIVATE void d1t__sip_rounds(uint64_t v[4], uint32_t rounds) {
    uint64_t a = v[0], b = v[1], c = v[2], d = v[3];
    for (; rounds > 0u; rounds--) {
        a += b;
        b = d1t__rotate(b, 13u) ^ a;
        a = d1t__rotate(a, 32u);
        c += d;
        d = d1t__rotate(d, 16u) ^ c;
        a += d;
        d = d1t__rotate(d, 21u) ^ a;
        c += b;
        b = d1t__rotate(b, 17u) ^ c;
        c = d1t__rotate(c, 32u);
    }
    v[0] = a;
    v[1] = b;
    v[2] = c;
    v[3] = d;
}

D1T__PRIVATE void d1t__sip_word(d1t_hash *h, uint64_t word) {
    h->v[3] ^= word;
    d1t__sip_rounds(h->v, 2u);
    h->v[0] ^= word;
}

D1TDEF void d1t_hash_init(d1t_hash *h, const uint8_t key[16]) {
    const uint64_t k0 = d1t__load64(key);
    const uint64_t k1 = d1t__load64(key + 8);
    h->v[0] = k0 ^ 0x736f6d6570736575u; /* "somepseudorandomlygeneratedbytes" */
    h->v[1] = k1 ^ 0x646f72616e646f6du ^ 0xeeu; /* ee: the variant of 128 bits */
    h->v[2] = k0 ^ 0x6c7967656e657261u;
    h->v[3] = k1 ^ 0x7465646279746573u;
    h->tail = 0u;
    h->count = 0u;
}

D1TDEF void d1t_hash_add(d1t_hash *h, const void *p, size_t n) {
    const uint8_t *in = (const uint8_t *)p;
    while (n > 0u) {
        const uint32_t filled = h->count % 8u;
        if (filled == 0u && n >= 8u) {
            d1t__sip_word(h, d1t__load64(in));
            h->count += 8u;
            in += 8;
            n -= 8u;
        } else {
            h->tail |= (uint64_t)*in++ << (8u * filled);
            h->count++;
            n--;
            if (filled == 7u) {
                d1t__sip_word(h, h->tail);
                h->tail = 0u;
            }
        }
    }
}

D1TDEF void d1t_hash_end(d1t_hash *h, uint8_t out[16]) {
    d1t__sip_word(h, h->tail | (uint64_t)(h->count & 0xffu) << 56);
    h->v[2] ^= 0xeeu;
    d1t__sip_rounds(h->v, 4u);
    d1t__store64(out, h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3]);
    h->v[1] ^= 0xddu;
    d1t__sip_rounds(h->v, 4u);
    d1t__store64(out + 8, h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3]);
}

/* ---- >>values (implementation) -------------------------------------------------------------------------------- */

D1T__PRIVATE d1t_value d1t__value_int(d1t_kind kind, int64_t i) {
    d1t_value v;
    D1T_MEMSET(&v, 0, sizeof v);
    v.kind = kind;
    v.u.i = i;
    return v;
}

D1T__PRIVATE d1t_value d1t__value_bytes(d1t_kind kind, const void *p, size_t n) {
    d1t_value v;
    v.kind = p || n == 0 ? kind : D1T_KIND_NULL;
    v.offset = 0;
    v.u.s.p = (const char *)p;
    v.u.s.n = n;
    return v;
}

D1TDEF d1t_value d1t_absent(void) { return d1t__value_int(D1T_KIND_ABSENT, 0); }
D1TDEF d1t_value d1t_null(void) { return d1t__value_int(D1T_KIND_NULL, 0); }
D1TDEF d1t_value d1t_bool(bool v) { return d1t__value_int(D1T_KIND_BOOL, v ? 1 : 0); }
D1TDEF d1t_value d1t_int(int64_t v) { return d1t__value_int(D1T_KIND_INT, v); }

D1TDEF d1t_value d1t_double(double v) {
    d1t_value r = d1t__value_int(D1T_KIND_DOUBLE, 0);
    r.u.d = v;
    return r;
}

D1TDEF d1t_value d1t_text(const char *s) {
    return s ? d1t__value_bytes(D1T_KIND_TEXT, s, d1t__strlen(s)) : d1t_null();
}

D1TDEF d1t_value d1t_text_n(const char *s, size_t n) { return d1t__value_bytes(D1T_KIND_TEXT, s, n); }
D1TDEF d1t_value d1t_blob(const void *p, size_t n) { return d1t__value_bytes(D1T_KIND_BLOB, p, n); }
D1TDEF d1t_value d1t_json(const char *s, size_t n) { return d1t__value_bytes(D1T_KIND_JSON, s, n); }
D1TDEF d1t_value d1t_uuid(const uint8_t bytes[16]) { return d1t__value_bytes(D1T_KIND_UUID, bytes, 16); }
D1TDEF d1t_value d1t_vector(const float *p, size_t count) {
    return d1t__value_bytes(D1T_KIND_VECTOR, p, count * sizeof *p);
}

/* Days since 1970-01-01 of a proleptic Gregorian date: the year starts in March, so that the leap day is its last. */
D1T__PRIVATE int64_t d1t__days(int32_t year, int32_t month, int32_t day) {
    int64_t y = (int64_t)year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

D1T__PRIVATE void d1t__civil(int64_t days, int32_t *year, int32_t *month, int32_t *day) {
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    *day = (int32_t)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int32_t)(m < 10 ? m + 3 : m - 9);
    *year = (int32_t)(y + era * 400 + (*month <= 2));
}

/* Out of range becomes a value that no column takes, so that the error names table, column and row. */
#define D1T__BAD_TIME INT64_MIN

D1TDEF d1t_value d1t_date(int32_t year, int32_t month, int32_t day) {
    int32_t y = 0, m = 0, d = 0;
    int64_t days;
    if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
        return d1t__value_int(D1T_KIND_DATE, D1T__BAD_TIME);
    days = d1t__days(year, month, day);
    d1t__civil(days, &y, &m, &d);
    return d1t__value_int(D1T_KIND_DATE, d == day ? days : D1T__BAD_TIME);
}

D1TDEF d1t_value d1t_time(int32_t hour, int32_t minute, int32_t second, int32_t microsecond) {
    bool good = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60 &&
                microsecond >= 0 && microsecond < 1000000;
    int64_t seconds = ((int64_t)hour * 60 + minute) * 60 + second;
    return d1t__value_int(D1T_KIND_TIME, good ? seconds * 1000000 + microsecond : D1T__BAD_TIME);
}

D1TDEF d1t_value d1t_timestamp(int64_t microseconds) { return d1t__value_int(D1T_KIND_TIMESTAMP, microseconds); }

D1TDEF d1t_value d1t_timestamptz(int64_t microseconds, int32_t offset_minutes) {
    d1t_value v = d1t__value_int(D1T_KIND_TIMESTAMPTZ, microseconds);
    v.offset = offset_minutes;
    return v;
}

#ifndef D1T_NO_TIME

/* `digits` decimal digits of v, and a separator behind them (0: none). */
D1T__PRIVATE size_t d1t__pad(char *out, int64_t v, size_t digits, char separator) {
    size_t i;
    for (i = digits; i-- > 0; v /= 10) out[i] = (char)('0' + v % 10);
    if (separator) out[digits++] = separator;
    return digits;
}

D1T__PRIVATE size_t d1t__format_date(char *out, int64_t days) {
    int32_t y, m, d;
    size_t n;
    d1t__civil(days, &y, &m, &d);
    n = d1t__pad(out, y, 4, '-');
    n += d1t__pad(out + n, m, 2, '-');
    return n + d1t__pad(out + n, d, 2, 0);
}

D1T__PRIVATE size_t d1t__format_time(char *out, int64_t us) {
    size_t n = d1t__pad(out, us / INT64_C(3600000000), 2, ':');
    n += d1t__pad(out + n, us / 60000000 % 60, 2, ':');
    n += d1t__pad(out + n, us / 1000000 % 60, 2, '.');
    return n + d1t__pad(out + n, us % 1000000, 6, 0);
}

/* The ISO text of a date or time value into out[40]; 0: out of range. utc: an offset is turned into Z. */
D1T__PRIVATE size_t d1t__format_temporal(char *out, const d1t_value *v, bool utc) {
    const int64_t day = INT64_C(86400000000), first = -719528, last = 2932896; /* 0000-01-01, 9999-12-31 */
    int64_t us = v->u.i, days, offset = utc ? 0 : v->offset;
    size_t n;
    if (us == D1T__BAD_TIME) return 0;
    if (v->kind == D1T_KIND_DATE) return us < first || us > last ? 0 : d1t__format_date(out, us);
    if (v->kind == D1T_KIND_TIME) return us < 0 || us >= day ? 0 : d1t__format_time(out, us);
    if (us < first * day || us >= (last + 1) * day || v->offset <= -24 * 60 || v->offset >= 24 * 60) return 0;
    if (v->kind == D1T_KIND_TIMESTAMPTZ) us += offset * 60000000;
    days = us / day - (us % day < 0);
    if (days < first || days > last) return 0;
    n = d1t__format_date(out, days);
    out[n++] = 'T';
    n += d1t__format_time(out + n, us - days * day);
    if (v->kind != D1T_KIND_TIMESTAMPTZ) return n;
    if (offset == 0) {
        out[n++] = 'Z';
        return n;
    }
    out[n++] = offset < 0 ? '-' : '+';
    if (offset < 0) offset = -offset;
    n += d1t__pad(out + n, offset / 60, 2, ':');
    return n + d1t__pad(out + n, offset % 60, 2, 0);
}

#else

D1T__PRIVATE size_t d1t__format_temporal(char *out, const d1t_value *v, bool utc) {
    (void)out, (void)v, (void)utc;
    return 0;
}

#endif /* D1T_NO_TIME */

/* Lower-case 8-4-4-4-12 into out[36]. */
D1T__PRIVATE void d1t__format_uuid(char *out, const char *bytes) {
    static const char hex[] = "0123456789abcdef";
    size_t i;
    for (i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = hex[((unsigned char)bytes[i]) >> 4];
        *out++ = hex[((unsigned char)bytes[i]) & 15];
    }
}

D1T__PRIVATE int d1t__hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = d1t__lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Sixteen bytes from the text form, with or without hyphens. */
D1T__PRIVATE bool d1t__parse_uuid(d1t_str s, char out[16]) {
    size_t i, n = 0;
    for (i = 0; i < s.n; i++) {
        int d = d1t__hex_digit(s.p[i]);
        if (s.p[i] == '-' && s.n == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) continue;
        if (d < 0 || n == 32) return false;
        out[n / 2] = (char)(n % 2 ? ((unsigned char)out[n / 2] | (unsigned)d) : (unsigned)d << 4);
        n++;
    }
    return n == 32;
}

D1T__PRIVATE bool d1t__has_nul(d1t_str s) {
    size_t i;
    for (i = 0; i < s.n; i++)
        if (!s.p[i]) return true;
    return false;
}

/* Floats as the hex of their little-endian bytes, whatever the machine's order. */
D1T__PRIVATE void d1t__write_vector_hex(d1t_writer *w, d1t_str floats) {
    char bytes[4];
    uint32_t v;
    size_t i, k;
    for (i = 0; i + 4 <= floats.n; i += 4) {
        D1T_MEMCPY(&v, floats.p + i, 4);
        for (k = 0; k < 4; k++) bytes[k] = (char)(unsigned char)(v >> (8 * k) & 255u);
        d1t_write_hex(w, d1t_bytes(bytes, 4));
    }
}

D1T__PRIVATE d1t_result d1t__json_ignore(void *ctx, const d1t_json_event *event) {
    (void)ctx;
    (void)event;
    return D1T_OK;
}

/* Is s one JSON text? */
D1T__PRIVATE bool d1t__is_json(d1t_str s) {
    d1t_json_reader r;
    d1t_json_reader_init(&r, d1t__json_ignore, NULL, 64);
    return d1t_json_reader_feed(&r, s.p, s.n) == D1T_OK && d1t_json_reader_end(&r) == D1T_OK;
}

/* A reason that is looked at only for being there, where texts are left out. */
#ifdef D1T_NO_ERRSTR
#define D1T__WHY(text) "?"
#else
#define D1T__WHY(text) text
#endif

#ifndef D1T_NO_ERRSTR
/* Appends as much as fits, whole characters; what is no text or not on one line becomes '?'. */
D1T__PRIVATE void d1t__say_one(d1t_error *e, const char *s) {
    size_t used = d1t__strlen(e->text), n = s ? d1t__strlen(s) : 0, i, step;
    for (i = 0; i < n; i += step) {
        step = d1t__utf8_step((const unsigned char *)s + i, n - i);
        if (used + (step ? step : 1) >= sizeof e->text) break;
        if (step == 0 || (unsigned char)s[i] < 0x20 || s[i] == 0x7F) {
            e->text[used++] = '?';
            step = 1;
        } else {
            D1T_MEMCPY(e->text + used, s + i, step);
            used += step;
        }
    }
    e->text[used] = 0;
}
#endif

/* Appends to an error's text. */
D1T__PRIVATE void d1t__say(d1t_error *e, const char *a, const char *b, const char *c) {
#ifdef D1T_NO_ERRSTR
    (void)e, (void)a, (void)b, (void)c;
#else
    if (!e) return;
    d1t__say_one(e, a);
    d1t__say_one(e, b);
    d1t__say_one(e, c);
#endif
}

D1T__PRIVATE void d1t__say_number(d1t_error *e, uint64_t v) {
#ifdef D1T_NO_ERRSTR
    (void)e, (void)v;
#else
    char digits[24];
    digits[d1t_format_uint(digits, v)] = 0;
    d1t__say(e, digits, NULL, NULL);
#endif
}

/* The error object: composed once, the first one stays. */
D1T__PRIVATE d1t_result d1t__fail(d1t_error *e, d1t_result code, const char *a, const char *b, const char *c) {
    if (!e || e->code != D1T_OK) return code;
    e->code = code;
    e->outcome = D1T_NOT_APPLIED;
    e->text[0] = 0;
    d1t__say(e, a, b, c);
    return code;
}

/* ---- members of structs */

#define D1T__REFUSED ((d1t_kind)15)     /* no kind: every column refuses it */

D1T__PRIVATE d1t_value d1t__member_int(const d1t_member *m, const char *p, d1t_kind kind) {
    d1t_value v = d1t__value_int(kind, 0);
    int8_t i8;
    int16_t i16;
    int32_t i32;
    bool is_signed = m->kind != D1T_AS_UINT;
    switch (m->size) {
        case 1:
            D1T_MEMCPY(&i8, p, 1);
            v.u.i = is_signed ? i8 : (uint8_t)i8;
            return v;
        case 2:
            D1T_MEMCPY(&i16, p, 2);
            v.u.i = is_signed ? i16 : (uint16_t)i16;
            return v;
        case 4:
            D1T_MEMCPY(&i32, p, 4);
            v.u.i = is_signed ? i32 : (int64_t)(uint32_t)i32;
            return v;
        case 8:
            D1T_MEMCPY(&v.u.i, p, 8);
            if (is_signed || v.u.i >= 0) return v;
            break;
        default: break;
    }
    v.kind = D1T__REFUSED;
    return v;
}

D1T__PRIVATE d1t_value d1t__member_float(const d1t_member *m, const char *p) {
    d1t_value v = d1t__value_int(D1T_KIND_DOUBLE, 0);
    float f;
    if (m->size == sizeof f) {
        D1T_MEMCPY(&f, p, sizeof f);
        v.u.d = (double)f;
    } else if (m->size == sizeof v.u.d) {
        D1T_MEMCPY(&v.u.d, p, sizeof v.u.d);
    } else {
        v.kind = D1T__REFUSED;
    }
    return v;
}

/* A view that the record holds. */
D1T__PRIVATE d1t_value d1t__member_view(const d1t_member *m, const char *p, d1t_kind kind) {
    d1t_value v = d1t__value_bytes(kind, NULL, 0);
    if (m->size == sizeof v.u.s) D1T_MEMCPY(&v.u.s, p, sizeof v.u.s);
    if (!v.u.s.p) v.kind = m->size == sizeof v.u.s ? D1T_KIND_NULL : D1T__REFUSED;
    return v;
}

D1T__PRIVATE d1t_value d1t__member_string(const d1t_member *m, const char *p) {
    const char *text = NULL;
    size_t n = 0;
    if (m->kind == D1T_AS_STRING) {
        D1T_MEMCPY(&text, p, sizeof text);
        return d1t_text(text);
    }
    while (n < m->size && p[n]) n++;
    return d1t_text_n(p, n);
}

D1TDEF d1t_value d1t_member_value(const d1t_member *m, const void *record) {
    const char *p = (const char *)record + m->offset;
    d1t_value v = d1t__value_int(D1T__REFUSED, 0);
    switch (m->kind) {
        case D1T_AS_BOOL: return d1t__member_int(m, p, D1T_KIND_BOOL);
        case D1T_AS_INT: case D1T_AS_UINT: return d1t__member_int(m, p, D1T_KIND_INT);
        case D1T_AS_FLOAT: return d1t__member_float(m, p);
        case D1T_AS_STRING: case D1T_AS_CHARS: return d1t__member_string(m, p);
        case D1T_AS_TEXT: return d1t__member_view(m, p, D1T_KIND_TEXT);
        case D1T_AS_BLOB: return d1t__member_view(m, p, D1T_KIND_BLOB);
        case D1T_AS_JSON: return d1t__member_view(m, p, D1T_KIND_JSON);
        case D1T_AS_BYTES: return d1t_blob(p, m->size);
        case D1T_AS_UUID: return m->size == 16 ? d1t__value_bytes(D1T_KIND_UUID, p, 16) : v;
        case D1T_AS_DATE: return d1t__member_int(m, p, D1T_KIND_DATE);
        case D1T_AS_TIME: return d1t__member_int(m, p, D1T_KIND_TIME);
        case D1T_AS_TIMESTAMP: return d1t__member_int(m, p, D1T_KIND_TIMESTAMP);
        case D1T_AS_TIMESTAMPTZ: return d1t__member_int(m, p, D1T_KIND_TIMESTAMPTZ);
        case D1T_AS_VALUE:
            if (m->size == sizeof v) D1T_MEMCPY(&v, p, sizeof v);
            return v;
        default: return v;
    }
}

/* ================================================================================================================
   ROOM model (implementation)
   ============================================================================================================= */

/* ---- >>table (implementation) --------------------------------------------------------------------------------- */

D1TDEF d1t_limits d1t_limits_default(void) {
    static const d1t_limits defaults = {100, 100, 100000, 2000000, 2000000, 1000000, 50, 2000000};
    return defaults;
}

D1TDEF size_t d1t_table_column(const d1t_table *table, d1t_str name) {
    size_t i;
    for (i = 0; i < table->column_count; i++)
        if (d1t_str_equal_nocase(d1t_cstr(table->columns[i].name), name)) break;
    return i;
}

/* A generated or on-write column takes no value in rows. */
D1T__PRIVATE bool d1t__takes_value(const d1t_column *c) {
    return !c->generated_sql && !c->on_write_sql;
}

D1T__PRIVATE bool d1t__not_null(const d1t_column *c) {
    return (c->flags & (D1T_KEY | D1T_NOT_NULL)) != 0;
}

/* What d1t_sql_type gives without a sql_type. */
D1T__PRIVATE const char *d1t__own_type(d1t_type type, bool strict) {
    switch (type) {
        case D1T_INTEGER: case D1T_BOOL: return "INTEGER";
        case D1T_REAL: return "REAL";
        case D1T_BLOB: case D1T_VECTOR: return "BLOB";
        case D1T_ANY: return strict ? "ANY" : "";
        case D1T_NUMERIC: return "NUMERIC";
        case D1T_TEXT:
        case D1T_JSON:
        case D1T_UUID:
        case D1T_DATE:
        case D1T_TIME:
        case D1T_TIMESTAMP:
        case D1T_TIMESTAMPTZ: break;
    }
    return "TEXT";
}

D1TDEF const char *d1t_sql_type(const d1t_table *table, const d1t_column *column) {
    return column->sql_type ? column->sql_type : d1t__own_type(column->type, (table->flags & D1T_STRICT) != 0);
}

/* The column that is the rowid: the only key column, of type INTEGER. NULL: the rowid has no name of its own. */
D1T__PRIVATE const d1t_column *d1t__rowid_column(const d1t_table *t) {
    const d1t_column *key = NULL;
    size_t i;
    for (i = 0; i < t->column_count; i++) {
        if (!(t->columns[i].flags & D1T_KEY)) continue;
        if (key) return NULL;
        key = &t->columns[i];
    }
    if (t->flags & D1T_WITHOUT_ROWID || !key || !d1t__same_name(d1t_sql_type(t, key), "INTEGER")) return NULL;
    return key;
}

enum { D1T__FTS_INSERT, D1T__FTS_DELETE, D1T__FTS_UPDATE, D1T__FTS_TRIGGERS };

/* The end of a trigger's name: NAME_ai after insert, NAME_ad after delete, NAME_au after update. */
D1T__PRIVATE const char *d1t__fts_suffix(unsigned which) {
    return which == D1T__FTS_INSERT ? "_ai" : which == D1T__FTS_DELETE ? "_ad" : "_au";
}

D1T__PRIVATE bool d1t__is_any(const d1t_column *c) {
    return D1T__TYPES && c->type == D1T_ANY;
}

/* What the marks of a form stand for. */
typedef struct d1t__blank {
    const d1t_table  *table;
    const d1t_column *column;
    size_t            element;      /* the place of the column's value in a row */
    uint32_t          parameter;    /* 0: the value is in the row; else the parameter of its own that it has */
} d1t__blank;

/* The SQL value of an element of a row, or of a parameter of its own: a blob travels in hex, inside a column of any
   kind as {"x":"hex"}, as a parameter in two halves. */
D1T__PRIVATE void d1t__write_element(d1t_writer *w, const d1t__blank *of) {
    bool blob = of->column->type == D1T_BLOB || of->column->type == D1T_VECTOR, any = d1t__is_any(of->column);
#ifndef D1T_NO_WIDE
    if (of->parameter) {
        d1t_write_text(w, blob ? "CAST(unhex(?" : "?");
        d1t_write_uint(w, of->parameter);
        if (!blob) return;
        d1t_write_text(w, ")||unhex(?");
        d1t_write_uint(w, of->parameter + 1u);
        d1t_write_text(w, ") AS BLOB)");
        return;
    }
#endif
    if (any) {
        d1t_write_text(w, "iif(json_type(d1t_v,'$[");
        d1t_write_uint(w, of->element);
        d1t_write_text(w, "]')='object',unhex(d1t_v->>'$[");
        d1t_write_uint(w, of->element);
        d1t_write_text(w, "].x'),d1t_v->>");
    } else {
        d1t_write_text(w, blob ? "unhex(d1t_v->>" : "d1t_v->>");
    }
    d1t_write_uint(w, of->element);
    if (blob || any) d1t_write_text(w, ")");
}

D1T__PRIVATE bool d1t__is_mark(char c) {
    return c == '@' || c == '~' || c == '#' || c == '!' || c == '%' || c == '&';
}

/* Writes SQL with marks in it:  @ the table,  ~ the column,  # its value,  ! its on-write SQL,  % how to compare it
   byte for byte (its collation would miss a change of case or of trailing blanks),  & the rest only for a column that
   keeps any kind (a comparison is numeric there and would miss a change of kind alone). */
D1T__PRIVATE void d1t__write_form(d1t_writer *w, const d1t__blank *of, const char *form) {
    const d1t_column *c = of->column;
    size_t n;
    for (;; form += n + 1) {
        for (n = 0; form[n] && !d1t__is_mark(form[n]); n++) {}
        d1t_write(w, d1t_bytes(form, n));
        switch (form[n]) {
            case '@': d1t_write_name(w, of->table->name); break;
            case '~': d1t_write_name(w, c->name); break;
            case '#': d1t__write_element(w, of); break;
            case '!': d1t_write_text(w, c->on_write_sql); break;
            case '%':
                if (c->collation && !d1t__same_name(c->collation, "BINARY")) d1t_write_text(w, " COLLATE BINARY");
                break;
            case '&':
                if (!d1t__is_any(c) || !(of->table->flags & D1T_STRICT)) return;
                break;
            default: return;
        }
    }
}

D1T__PRIVATE d1t_result d1t__fail_table(d1t_error *e, d1t_result code, const d1t_table *t, const char *column,
                                        const char *what) {
    if (!e || e->code != D1T_OK) return code;
    d1t__fail(e, code, "table ", !t->name ? "(no name)" : d1t__strlen(t->name) > 128 ? "(a long name)" : t->name, NULL);
    if (column) d1t__say(e, ", ", d1t__strlen(column) > 128 ? "(a long name)" : column, NULL);
    d1t__say(e, ": ", what, NULL);
    e->table = t->name;
    return code;
}

/* An expression is pasted into a statement: it must be whole, with nothing behind it. */
D1T__PRIVATE bool d1t__is_whole(const char *sql, bool parameters) {
    d1t_str s = d1t_cstr(sql);
    size_t pos = 0, open = 0, tokens = 0, end = 0;
    d1t_sql_token t;
    for (;; tokens++) {
        t = d1t_sql_next(s, &pos);
        if (t.kind == D1T_SQL_BAD || (t.kind == D1T_SQL_PARAMETER && !parameters)) return false;
        if (t.kind == D1T_SQL_END)      /* a line comment at the end would swallow what follows */
            return open == 0 && tokens > 0 && !d1t__contains(d1t_bytes(s.p + end, s.n - end), "--");
        end = pos;
        if (t.kind != D1T_SQL_SYMBOL) continue;
        if (t.text.p[0] == ';') return false;
        if (t.text.p[0] == '(') open++;
        if (t.text.p[0] == ')' && open-- == 0) return false;
    }
}

D1T__PRIVATE bool d1t__is_expression(const char *sql) {
    return d1t__is_whole(sql, false);
}

#ifndef D1T_NO_CHECK

/* One statement without ';', except CREATE TRIGGER, whose ';' stand before the END that is its last word. */
D1T__PRIVATE bool d1t__is_statement(const char *sql) {
    const d1t_str s = d1t_cstr(sql);
    size_t pos = 0, cases = 0;
    d1t_sql_token t = d1t_sql_next(s, &pos);
    if (!d1t__sql_is_word(t, "CREATE") || !d1t__sql_is_word(d1t_sql_next(s, &pos), "TRIGGER"))
        return d1t__is_expression(sql);
    for (;;) {
        t = d1t_sql_next(s, &pos);
        if (t.kind == D1T_SQL_BAD || t.kind == D1T_SQL_PARAMETER || t.kind == D1T_SQL_END) return false;
        if (d1t__sql_is_word(t, "CASE")) cases++;
        if (d1t__sql_is_word(t, "END") && cases-- == 0) return pos == s.n;
    }
}

/* One type as CREATE TABLE has it, in the words that are to be written. */
D1T__PRIVATE bool d1t__is_type(const char *type) {
    const d1t_str s = d1t_cstr(type);
    return s.n > 0 && d1t__sql_skip(s, 0) == 0 && d1t__sql_type_end(s, 0) == s.n && !d1t__contains(s, "--") &&
           !d1t__contains(s, "/*");
}

/* The affinity as the type that has it: no type at all is as good as BLOB. */
D1T__PRIVATE d1t_type d1t__affinity(const char *type, bool strict) {
    d1t_type t = d1t_type_from_sql(d1t_cstr(type), strict);
    return t == D1T_ANY && !strict ? D1T_BLOB : t;
}

D1T__PRIVATE const char *d1t__type_fault(const d1t_table *t, const d1t_column *c) {
    static const char *const strict_types[] = {"INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"};
    const bool strict = (t->flags & D1T_STRICT) != 0;
    size_t i = 0;
    if (strict && c->type == D1T_NUMERIC) return "a STRICT table has no NUMERIC columns";
    if (!c->sql_type) return NULL;
    if (!d1t__is_type(c->sql_type)) return "the SQL type is not one type: words, then perhaps (n) or (n,m)";
    while (i < D1T__COUNT(strict_types) && !d1t__same_name(c->sql_type, strict_types[i])) i++;
    if (strict && i == D1T__COUNT(strict_types))
        return "the SQL type is not one of a STRICT table: INT, INTEGER, REAL, TEXT, BLOB, ANY";
    if (d1t__affinity(c->sql_type, strict) != d1t__affinity(d1t__own_type(c->type, strict), strict))
        return "the SQL type has another affinity than the type";
    return NULL;
}

#define D1T__NAME_CURE \
    "a name must be 1 to 128 bytes without control characters and not start with sqlite_, _cf_ or _d1t_"

D1T__PRIVATE d1t_result d1t__check_name(d1t_error *e, const d1t_table *t, const char *name, const char *cure) {
    d1t_result result = d1t_check_name(name);
    if (result == D1T_OK) return D1T_OK;
    return d1t__fail_table(e, result, t, result == D1T_ERR_UTF8 ? NULL : name, result == D1T_ERR_UTF8 ?
                           "a name is not valid UTF-8" : cure);
}

D1T__PRIVATE const char *d1t__column_fault(const d1t_table *t, const d1t_column *c) {
    if (c->type < D1T_INTEGER || c->type > D1T_NUMERIC) return "the type is not one of d1t_type";
    if ((c->default_sql && !d1t__is_expression(c->default_sql)) ||
        (c->generated_sql && !d1t__is_expression(c->generated_sql)) ||
        (c->on_write_sql && !d1t__is_expression(c->on_write_sql)))
        return "an SQL expression is not one whole expression (balanced, no ';', no parameter)";
    if (d1t__type_fault(t, c)) return d1t__type_fault(t, c);
    if (c->generated_sql && (c->default_sql || c->on_write_sql))
        return "a generated column has no default and no on-write SQL";
    if (c->collation && !d1t__same_name(c->collation, "BINARY") && !d1t__same_name(c->collation, "NOCASE") &&
        !d1t__same_name(c->collation, "RTRIM"))
        return "the collation is not BINARY, NOCASE or RTRIM";
    if (!(c->flags & D1T_KEY)) return NULL;
    if (!d1t__takes_value(c)) return "a key column cannot be generated or set on write";
    if (c->collation && !d1t__same_name(c->collation, "BINARY"))
        return "a key column must be BINARY: with another collation different keys would become one row";
    if (c->type == D1T_REAL || c->type == D1T_ANY || c->type == D1T_JSON || c->type == D1T_VECTOR)
        return "a key column cannot be REAL, ANY, JSON or VECTOR: equal keys would not be equal bytes";
    if (c->type == D1T_NUMERIC) return "a key column cannot be NUMERIC: equal keys would not be equal bytes";
    return NULL;
}

/* Its name so far must be no column's now, nor that of another one that is renamed. */
D1T__PRIVATE d1t_result d1t__check_renamed(const d1t_table *t, size_t i, d1t_error *e) {
    const char *was = t->columns[i].was;
    bool taken;
    size_t k;
    d1t_result result;
    if (!was) return D1T_OK;
    result = d1t__check_name(e, t, was, D1T__NAME_CURE);
    if (result != D1T_OK) return result;
    taken = d1t_table_column(t, d1t_cstr(was)) < t->column_count;
    for (k = 0; k < i; k++) taken = taken || (t->columns[k].was && d1t__same_name(was, t->columns[k].was));
    return taken ? d1t__fail_table(e, D1T_ERR_TABLE, t, t->columns[i].name,
                                   "the name that it had is the name of another column, or of this one still") : D1T_OK;
}

D1T__PRIVATE d1t_result d1t__check_columns(const d1t_table *t, const d1t_limits *limits, d1t_error *e) {
    size_t i, keys = 0, most = limits && limits->columns ? limits->columns : d1t_limits_default().columns;
    const char *fault;
    d1t_result result;
    d1t__seen seen;
    D1T_MEMSET(&seen, 0, sizeof seen);
    if (t->column_count == 0 || !t->columns) return d1t__fail_table(e, D1T_ERR_TABLE, t, NULL, "it has no columns");
    if (t->column_count > most) {
        d1t__fail_table(e, D1T_ERR_LIMIT, t, NULL, "it has ");
        d1t__say_number(e, t->column_count);
        d1t__say(e, " columns, D1 allows ", NULL, NULL);
        d1t__say_number(e, most);
        return D1T_ERR_LIMIT;
    }
    for (i = 0; i < t->column_count; i++) {
        const d1t_column *c = &t->columns[i];
        if (e && e->code == D1T_OK) e->column = c->name;
        result = d1t__check_name(e, t, c->name ? c->name : "", "a column name must be 1 to 128 bytes without control "
                                 "characters and not start with sqlite_, _cf_ or _d1t_");
        if (result != D1T_OK) return result;
        fault = d1t__column_fault(t, c);
        if (d1t__seen_before(&seen, c->name) && !fault && d1t_table_column(t, d1t_cstr(c->name)) != i)
            fault = "the column name appears twice";
        if (fault) return d1t__fail_table(e, D1T_ERR_TABLE, t, c->name, fault);
        result = d1t__check_renamed(t, i, e);
        if (result != D1T_OK) return result;
        keys += (c->flags & D1T_KEY) != 0;
    }
    if (e && e->code == D1T_OK) e->column = NULL;
    if (keys == 0)
        return d1t__fail_table(e, D1T_ERR_TABLE, t, NULL, "it has no key column: mark at least one with D1T_KEY");
    if (t->flags & D1T_AUTOINCREMENT && !d1t__rowid_column(t))
        return d1t__fail_table(e, D1T_ERR_TABLE, t, NULL,
                               "D1T_AUTOINCREMENT needs one INTEGER key column, and a table that has a rowid");
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__check_list(const d1t_table *t, const char *what, const char *const *names, size_t count,
                                        d1t_error *e) {
    size_t i;
    if (count == 0 || !names) return d1t__fail_table(e, D1T_ERR_TABLE, t, what, "it names no columns");
    for (i = 0; i < count; i++) {
        if (!names[i] || d1t_table_column(t, d1t_cstr(names[i])) == t->column_count) {
            d1t__fail_table(e, D1T_ERR_TABLE, t, what, "no such column: ");
            d1t__say(e, names[i] ? names[i] : "(none)", NULL, NULL);
            return D1T_ERR_TABLE;
        }
    }
    return D1T_OK;
}

/* FTS5 has its own names, finds its rows by rowid, and its index needs names for three triggers. */
D1T__PRIVATE const char *d1t__fts_fault(const d1t_table *t, const d1t_index *x) {
    const d1t_str rowid = d1t_cstr("rowid");
    size_t i;
    if (t->flags & D1T_WITHOUT_ROWID) return "FTS5 finds rows by rowid: not in a table WITHOUT ROWID";
    if (x->flags & D1T_UNIQUE || x->where_sql || x->terms_sql) return "an FTS5 index has no UNIQUE, condition or terms";
    if (d1t__strlen(x->name) > 125) return "an FTS5 index needs a name of up to 125 bytes, for its triggers";
    if (x->fts_sql && !d1t__is_expression(x->fts_sql)) return "the options of FTS5 are not whole";
    if (!d1t__rowid_column(t) && d1t_table_column(t, rowid) < t->column_count)
        return "FTS5 finds rows by rowid, but a column has this name";
    for (i = 0; i < x->column_count; i++) {
        const d1t_column *c = &t->columns[d1t_table_column(t, d1t_cstr(x->columns[i]))];
        if (!d1t__same(d1t__own_type(c->type, false), "TEXT")) return "an FTS5 index is over columns of text";
        if (d1t__same_name(c->name, "rank") || d1t__same_name(c->name, "rowid") || d1t__same_name(c->name, x->name))
            return "FTS5 takes no column named rank, rowid or as the index";
    }
    return NULL;
}

D1T__PRIVATE const char *d1t__index_fault(const d1t_table *t, const d1t_index *x) {
    if (x->flags & D1T_FTS5) return d1t__fts_fault(t, x);
    if (x->fts_sql) return "only an FTS5 index has options of FTS5";
    if (x->terms_sql && !d1t__is_expression(x->terms_sql)) return "the terms are not one whole expression";
    if (x->where_sql && !d1t__is_expression(x->where_sql)) return "the condition is not one whole expression";
    return NULL;
}

/* Is the name that of a trigger of an FTS5 index? */
D1T__PRIVATE bool d1t__is_fts_trigger(const d1t_index *fts, const char *name) {
    const size_t n = fts->flags & D1T_FTS5 && fts->name ? d1t__strlen(fts->name) : 0;
    unsigned which;
    if (!n || !d1t__begins(d1t_cstr(name), fts->name)) return false;
    for (which = 0; which < D1T__FTS_TRIGGERS; which++)
        if (d1t__same_name(name + n, d1t__fts_suffix(which))) return true;
    return false;
}

/* The name of an index among the others. */
D1T__PRIVATE const char *d1t__index_name_fault(const d1t_table *t, size_t i) {
    const char *name = t->indexes[i].name;
    size_t k;
    for (k = 0; k < i; k++)
        if (t->indexes[k].name && d1t__same_name(name, t->indexes[k].name)) return "two indexes have this name";
    if (d1t__same_name(name, t->name)) return "an index cannot be named as its table";
    for (k = 0; k < t->index_count; k++)
        if (d1t__is_fts_trigger(&t->indexes[k], name)) return "a trigger of an FTS5 index has this name";
    return NULL;
}

/* An index without a name is a UNIQUE constraint. */
D1T__PRIVATE d1t_result d1t__check_constraint(const d1t_table *t, const d1t_index *x, d1t_error *e) {
    if (x->flags != D1T_UNIQUE)     /* its error is that of a name */
        return d1t__check_name(e, t, "", D1T__NAME_CURE);
    if (x->where_sql || x->terms_sql || x->fts_sql)
        return d1t__fail_table(e, D1T_ERR_TABLE, t, NULL,
                               "a UNIQUE constraint (an index without a name) has only columns");
    return d1t__check_list(t, "UNIQUE constraint", x->columns, x->column_count, e);
}

D1T__PRIVATE d1t_result d1t__check_index(const d1t_table *t, size_t i, d1t_error *e) {
    const d1t_index *x = &t->indexes[i];
    const char *fault = NULL;
    d1t_result result;
    if (!x->name) return d1t__check_constraint(t, x, e);
    result = d1t__check_name(e, t, x->name, D1T__NAME_CURE);
    if (result == D1T_OK && x->terms_sql && (x->columns || x->column_count))
        result = d1t__fail_table(e, D1T_ERR_TABLE, t, x->name, "it has both columns and terms");
    if (result == D1T_OK && !x->terms_sql) result = d1t__check_list(t, x->name, x->columns, x->column_count, e);
    if (result != D1T_OK) return result;
    fault = d1t__index_name_fault(t, i);
    if (!fault) fault = d1t__index_fault(t, x);
    return fault ? d1t__fail_table(e, D1T_ERR_TABLE, t, x->name, fault) : D1T_OK;
}

/* The columns of the parent are known where the table is its own. */
D1T__PRIVATE d1t_result d1t__check_foreign_key(const d1t_table *t, const d1t_foreign_key *f, d1t_error *e) {
    d1t_result result = d1t__check_name(e, t, f->parent ? f->parent : "", D1T__NAME_CURE);
    size_t k;
    if (result == D1T_OK) result = d1t__check_list(t, "foreign key", f->columns, f->column_count, e);
    for (k = 0; f->parent_columns && k < f->column_count && result == D1T_OK; k++)
        result = d1t__check_name(e, t, f->parent_columns[k] ? f->parent_columns[k] : "", D1T__NAME_CURE);
    if (result == D1T_OK && f->parent_columns && d1t__same_name(f->parent, t->name))
        result = d1t__check_list(t, "foreign key", f->parent_columns, f->column_count, e);
    return result;
}

D1T__PRIVATE d1t_result d1t__check_check(const d1t_table *t, size_t i, d1t_error *e) {
    const d1t_check *c = &t->checks[i];
    d1t_result result = c->name ? d1t__check_name(e, t, c->name, D1T__NAME_CURE) : D1T_OK;
    size_t k;
    for (k = 0; k < i && result == D1T_OK && c->name; k++)
        if (t->checks[k].name && d1t__same_name(c->name, t->checks[k].name))
            result = d1t__fail_table(e, D1T_ERR_TABLE, t, c->name, "two checks have this name");
    if (result == D1T_OK && (!c->sql || !d1t__is_expression(c->sql)))
        result = d1t__fail_table(e, D1T_ERR_TABLE, t, c->name, "the check is not one whole expression");
    return result;
}

D1T__PRIVATE d1t_result d1t__check_command(const d1t_table *t, size_t i, d1t_error *e) {
    const d1t_command *c = &t->commands[i];
    d1t_result result = d1t__check_name(e, t, c->name ? c->name : "", D1T__NAME_CURE);
    size_t k;
    for (k = 0; k < i && result == D1T_OK; k++)
        if (d1t__same_name(c->name, t->commands[k].name))
            result = d1t__fail_table(e, D1T_ERR_TABLE, t, c->name, "two commands have this name");
    if (result == D1T_OK && (!c->setup_sql || !d1t__is_statement(c->setup_sql)))
        result = d1t__fail_table(e, D1T_ERR_TABLE, t, c->name, "its setup is not one whole statement without ';'");
    if (result == D1T_OK && c->teardown_sql && !d1t__is_statement(c->teardown_sql))
        result = d1t__fail_table(e, D1T_ERR_TABLE, t, c->name, "its teardown is not one whole statement without ';'");
    return result;
}

D1T__PRIVATE d1t_result d1t__check_rest(const d1t_table *t, d1t_error *e) {
    d1t_result result = D1T_OK;
    size_t i;
    if (t->was) result = d1t__check_name(e, t, t->was, D1T__NAME_CURE);
    if (result == D1T_OK && t->was && d1t__same_name(t->was, t->name))
        result = d1t__fail_table(e, D1T_ERR_TABLE, t, NULL, "the name that it had is its name still");
    for (i = 0; i < t->index_count && result == D1T_OK; i++) result = d1t__check_index(t, i, e);
    for (i = 0; i < t->foreign_key_count && result == D1T_OK; i++)
        result = d1t__check_foreign_key(t, &t->foreign_keys[i], e);
    for (i = 0; i < t->check_count && result == D1T_OK; i++) result = d1t__check_check(t, i, e);
    for (i = 0; i < t->command_count && result == D1T_OK; i++) result = d1t__check_command(t, i, e);
    return result;
}

D1TDEF d1t_result d1t_table_check(const d1t_table *table, const d1t_limits *limits, d1t_error *error) {
    d1t_result result;
    if (!table) return d1t__fail(error, D1T_ERR_ARG, "the table is NULL", NULL, NULL);
    result = d1t__check_name(error, table, table->name ? table->name : "",
                             "a table name must be 1 to 128 bytes without control "
                             "characters and not start with sqlite_, _cf_ or _d1t_");
    if (result == D1T_OK) result = d1t__check_columns(table, limits, error);
    if (result == D1T_OK) result = d1t__check_rest(table, error);
    return result;
}

#else

D1TDEF d1t_result d1t_table_check(const d1t_table *table, const d1t_limits *limits, d1t_error *error) {
    (void)limits;
    return table ? D1T_OK : d1t__fail(error, D1T_ERR_ARG, "the table is NULL", NULL, NULL);
}

#endif /* D1T_NO_CHECK */

D1T__PRIVATE void d1t__write_names(d1t_writer *w, const char *const *names, size_t count) {
    size_t i;
    d1t_write_text(w, "(");
    for (i = 0; i < count; i++) {
        if (i) d1t_write_text(w, ",");
        d1t_write_name(w, names[i]);
    }
    d1t_write_text(w, ")");
}

D1TDEF void d1t_write_column(d1t_writer *w, const d1t_table *table, const d1t_column *column) {
    const char *type = d1t_sql_type(table, column);
    d1t_write_name(w, column->name);
    if (type[0]) d1t_write_text(w, " ");
    d1t_write_text(w, type);
    if (column->collation && !d1t__same_name(column->collation, "BINARY")) {
        d1t_write_text(w, " COLLATE ");
        d1t_write_text(w, column->collation);
    }
    if (column->flags & D1T_KEY && table->flags & D1T_AUTOINCREMENT) d1t_write_text(w, " PRIMARY KEY AUTOINCREMENT");
    else if (d1t__not_null(column)) d1t_write_text(w, " NOT NULL");
    if (column->default_sql) {
        d1t_write_text(w, " DEFAULT (");
        d1t_write_text(w, column->default_sql);
        d1t_write_text(w, ")");
    }
    if (column->generated_sql) {
        d1t_write_text(w, " GENERATED ALWAYS AS (");
        d1t_write_text(w, column->generated_sql);
        d1t_write_text(w, column->flags & D1T_STORED ? ") STORED" : ") VIRTUAL");
    }
}

D1T__PRIVATE const char *d1t__action_sql(d1t_action a) {
    static const char words[] = "NO ACTION\0" "RESTRICT\0" "CASCADE\0" "SET NULL\0" "SET DEFAULT\0";
    return d1t__word_at(words, (size_t)a);
}

D1T__PRIVATE void d1t__write_foreign_key(d1t_writer *w, const d1t_foreign_key *f) {
    d1t_write_text(w, ",FOREIGN KEY");
    d1t__write_names(w, f->columns, f->column_count);
    d1t_write_text(w, " REFERENCES ");
    d1t_write_name(w, f->parent);
    if (f->parent_columns) d1t__write_names(w, f->parent_columns, f->column_count);
    if (f->on_delete != D1T_NO_ACTION) d1t_write_text(w, " ON DELETE ");
    if (f->on_delete != D1T_NO_ACTION) d1t_write_text(w, d1t__action_sql(f->on_delete));
    if (f->on_update != D1T_NO_ACTION) d1t_write_text(w, " ON UPDATE ");
    if (f->on_update != D1T_NO_ACTION) d1t_write_text(w, d1t__action_sql(f->on_update));
    if (f->deferred) d1t_write_text(w, " DEFERRABLE INITIALLY DEFERRED");
}

D1T__PRIVATE void d1t__write_key(d1t_writer *w, const d1t_table *table) {
    size_t i, keys = 0;
    for (i = 0; i < table->column_count; i++) {
        if (!(table->columns[i].flags & D1T_KEY)) continue;
        d1t_write_text(w, keys++ ? "," : ",PRIMARY KEY(");
        d1t_write_name(w, table->columns[i].name);
    }
    if (keys) d1t_write_text(w, ")");
}

D1T__PRIVATE void d1t__write_check(d1t_writer *w, const d1t_check *check) {
    if (check->name) d1t_write_text(w, ",CONSTRAINT ");
    if (check->name) d1t_write_name(w, check->name);
    d1t_write_text(w, check->name ? " CHECK(" : ",CHECK(");
    d1t_write_text(w, check->sql);
    d1t_write_text(w, ")");
}

D1TDEF void d1t_write_create_table(d1t_writer *w, const d1t_table *table) {
    size_t i;
    d1t_write_text(w, "CREATE TABLE IF NOT EXISTS ");
    d1t_write_name(w, table->name);
    for (i = 0; i < table->column_count; i++) {
        d1t_write_text(w, i ? "," : "(");
        d1t_write_column(w, table, &table->columns[i]);
    }
    if (!(table->flags & D1T_AUTOINCREMENT)) d1t__write_key(w, table);
    for (i = 0; i < table->index_count; i++) {
        if (table->indexes[i].name) continue;
        d1t_write_text(w, ",UNIQUE");
        d1t__write_names(w, table->indexes[i].columns, table->indexes[i].column_count);
    }
    for (i = 0; i < table->foreign_key_count; i++) d1t__write_foreign_key(w, &table->foreign_keys[i]);
    for (i = 0; i < table->check_count; i++) d1t__write_check(w, &table->checks[i]);
    d1t_write_text(w, ")");
    if (table->flags & D1T_WITHOUT_ROWID) d1t_write_text(w, " WITHOUT ROWID");
    if (table->flags & D1T_STRICT) d1t_write_text(w, table->flags & D1T_WITHOUT_ROWID ? ",STRICT" : " STRICT");
}

D1T__PRIVATE const char *d1t__rowid_name(const d1t_table *t) {
    const d1t_column *key = d1t__rowid_column(t);
    return key ? key->name : "rowid";
}

/* An FTS5 table that keeps its text in the table (SQLite, FTS5 4.4.3). */
D1T__PRIVATE void d1t__write_create_fts(d1t_writer *w, const d1t_table *t, const d1t_index *x) {
    size_t i;
    d1t_write_text(w, "CREATE VIRTUAL TABLE IF NOT EXISTS ");
    d1t_write_name(w, x->name);
    d1t_write_text(w, " USING fts5(");
    for (i = 0; i < x->column_count; i++) {
        d1t_write_name(w, x->columns[i]);
        d1t_write_text(w, ",");
    }
    d1t_write_text(w, "content=");
    d1t_write_sql_string(w, d1t_cstr(t->name));
    d1t_write_text(w, ",content_rowid=");
    d1t_write_sql_string(w, d1t_cstr(d1t__rowid_name(t)));
    if (x->fts_sql) d1t_write_text(w, ",");
    if (x->fts_sql) d1t_write_text(w, x->fts_sql);
    d1t_write_text(w, ")");
}

D1T__PRIVATE void d1t__fts_trigger_name(d1t_writer *w, const d1t_index *x, unsigned which) {
    d1t_write_text(w, x->name);
    d1t_write_text(w, d1t__fts_suffix(which));
}

/* INSERT INTO `fts`(rowid,`a`) VALUES(new.`id`,new.`a`); a deletion is a row too, with what the index was made of. */
D1T__PRIVATE void d1t__write_fts_row(d1t_writer *w, const d1t_table *t, const d1t_index *x, bool removed) {
    const char *row = removed ? "old." : "new.";
    size_t i;
    d1t_write_text(w, " INSERT INTO ");
    d1t_write_name(w, x->name);
    d1t_write_text(w, "(");
    if (removed) d1t_write_name(w, x->name);
    d1t_write_text(w, removed ? ",rowid" : "rowid");
    for (i = 0; i < x->column_count; i++) {
        d1t_write_text(w, ",");
        d1t_write_name(w, x->columns[i]);
    }
    d1t_write_text(w, removed ? ") VALUES('delete'," : ") VALUES(");
    d1t_write_text(w, row);
    d1t_write_name(w, d1t__rowid_name(t));
    for (i = 0; i < x->column_count; i++) {
        d1t_write_text(w, ",");
        d1t_write_text(w, row);
        d1t_write_name(w, x->columns[i]);
    }
    d1t_write_text(w, ");");
}

/* One of the three triggers that keep an FTS5 index up to date (SQLite, FTS5 4.4.3). */
D1T__PRIVATE void d1t__write_fts_trigger(d1t_writer *w, const d1t_table *t, const d1t_index *x, unsigned which) {
    d1t_write_text(w, "CREATE TRIGGER `");
    d1t__write_quoted_inside(w, d1t_cstr(x->name), '`');
    d1t_write_text(w, d1t__fts_suffix(which));
    d1t_write_text(w, which == D1T__FTS_INSERT ? "` AFTER INSERT ON " : which == D1T__FTS_DELETE ?
                   "` AFTER DELETE ON " : "` AFTER UPDATE ON ");
    d1t_write_name(w, t->name);
    d1t_write_text(w, " BEGIN");
    if (which != D1T__FTS_INSERT) d1t__write_fts_row(w, t, x, true);
    if (which != D1T__FTS_DELETE) d1t__write_fts_row(w, t, x, false);
    d1t_write_text(w, " END");
}

D1TDEF void d1t_write_create_index(d1t_writer *w, const d1t_table *table, const d1t_index *index) {
    if (index->flags & D1T_FTS5) {
        d1t__write_create_fts(w, table, index);
        return;
    }
    d1t_write_text(w, index->flags & D1T_UNIQUE ? "CREATE UNIQUE INDEX IF NOT EXISTS " : "CREATE INDEX IF NOT EXISTS ");
    d1t_write_name(w, index->name);
    d1t_write_text(w, " ON ");
    d1t_write_name(w, table->name);
    if (index->terms_sql) {
        d1t_write_text(w, "(");
        d1t_write_text(w, index->terms_sql);
        d1t_write_text(w, ")");
    } else {
        d1t__write_names(w, index->columns, index->column_count);
    }
    if (index->where_sql) d1t_write_text(w, " WHERE ");
    if (index->where_sql) d1t_write_text(w, index->where_sql);
}

#if !defined(D1T_NO_TABLE_JSON) || !defined(D1T_NO_PLAN)    /* records of plans are table JSON */

D1T__PRIVATE const char *d1t__type_word(size_t type) {
    static const char *const words[] = {"",     "integer", "real", "text", "blob",      "any",         "bool",
                                        "json", "uuid",    "date", "time", "timestamp", "timestamptz", "vector",
                                        "numeric"};
    return type < D1T__COUNT(words) ? words[type] : NULL;
}

D1T__PRIVATE const char *d1t__action_word(size_t action) {
    static const char *const words[] = {"no action", "restrict", "cascade", "set null", "set default"};
    return action < D1T__COUNT(words) ? words[action] : NULL;
}

D1T__PRIVATE void d1t__member_key(d1t_writer *w, const char *key) {
    d1t_write_text(w, ",\"");
    d1t_write_text(w, key);
    d1t_write_text(w, "\":");
}

D1T__PRIVATE void d1t__member_text(d1t_writer *w, const char *key, const char *value) {
    if (!value) return;
    d1t__member_key(w, key);
    d1t_write_json_string(w, d1t_cstr(value));
}

D1T__PRIVATE void d1t__member_flag(d1t_writer *w, const char *key, bool on) {
    if (!on) return;
    d1t__member_key(w, key);
    d1t_write_text(w, "true");
}

D1T__PRIVATE void d1t__member_names(d1t_writer *w, const char *key, const char *const *names, size_t count) {
    size_t i;
    if (!names) return;
    d1t__member_key(w, key);
    for (i = 0; i < count; i++) {
        d1t_write_text(w, i ? "," : "[");
        d1t_write_json_string(w, d1t_cstr(names[i]));
    }
    d1t_write_text(w, "]");
}

/* {"name":...: every object of a list starts so. One without a name, which only a UNIQUE constraint and a check may be,
   starts with "unique":true or with the text of the check. */
D1T__PRIVATE void d1t__member_open(d1t_writer *w, size_t i, const char *list, const char *key, const char *name) {
    if (i == 0) d1t__member_key(w, list);
    d1t_write_text(w, i ? ",{\"" : "[{\"");
    d1t_write_text(w, name ? key : "unique");
    d1t_write_text(w, "\":");
    if (name) d1t_write_json_string(w, d1t_cstr(name));
    else d1t_write_text(w, "true");
}

D1T__PRIVATE void d1t__member_close(d1t_writer *w, size_t i, size_t count) {
    d1t_write_text(w, i + 1 == count ? "}]" : "}");
}

D1T__PRIVATE void d1t__member_column(d1t_writer *w, const d1t_column *c) {
    d1t__member_text(w, "type", d1t__type_word((size_t)c->type));
    d1t__member_flag(w, "key", (c->flags & D1T_KEY) != 0);
    d1t__member_flag(w, "not_null", (c->flags & D1T_NOT_NULL) != 0 && !(c->flags & D1T_KEY));
    d1t__member_text(w, "default", c->default_sql);
    d1t__member_text(w, "generated", c->generated_sql);
    d1t__member_flag(w, "stored", (c->flags & D1T_STORED) != 0);
    d1t__member_text(w, "on_write", c->on_write_sql);
    if (c->collation && !d1t__same_name(c->collation, "BINARY")) d1t__member_text(w, "collation", c->collation);
    d1t__member_text(w, "sql_type", c->sql_type);
    d1t__member_text(w, "was", c->was);
}

D1T__PRIVATE void d1t__member_index(d1t_writer *w, const d1t_index *x) {
    d1t__member_names(w, "columns", x->columns, x->column_count);
    d1t__member_flag(w, "unique", x->name && (x->flags & D1T_UNIQUE) != 0);
    d1t__member_flag(w, "fts5", (x->flags & D1T_FTS5) != 0);
    d1t__member_text(w, "where", x->where_sql);
    d1t__member_text(w, "terms", x->terms_sql);
    d1t__member_text(w, "fts", x->fts_sql);
}

D1T__PRIVATE void d1t__member_foreign_key(d1t_writer *w, const d1t_foreign_key *f) {
    d1t__member_names(w, "columns", f->columns, f->column_count);
    d1t__member_names(w, "parent_columns", f->parent_columns, f->column_count);
    d1t__member_text(w, "on_delete", f->on_delete ? d1t__action_word((size_t)f->on_delete) : NULL);
    d1t__member_text(w, "on_update", f->on_update ? d1t__action_word((size_t)f->on_update) : NULL);
    d1t__member_flag(w, "deferred", f->deferred);
}

D1T__PRIVATE void d1t__member_command(d1t_writer *w, const d1t_command *c) {
    d1t__member_text(w, "setup", c->setup_sql);
    d1t__member_text(w, "teardown", c->teardown_sql);
}

D1TDEF void d1t_table_to_json(const d1t_table *t, d1t_writer *w) {
    size_t i;
    d1t_write_text(w, "{\"version\":1");
    d1t__member_text(w, "name", t->name);
    d1t__member_text(w, "was", t->was);
    for (i = 0; i < t->column_count; i++) {
        d1t__member_open(w, i, "columns", "name", t->columns[i].name ? t->columns[i].name : "");
        d1t__member_column(w, &t->columns[i]);
        d1t__member_close(w, i, t->column_count);
    }
    for (i = 0; i < t->index_count; i++) {
        d1t__member_open(w, i, "indexes", "name", t->indexes[i].name);
        d1t__member_index(w, &t->indexes[i]);
        d1t__member_close(w, i, t->index_count);
    }
    for (i = 0; i < t->foreign_key_count; i++) {
        d1t__member_open(w, i, "foreign_keys", "parent", t->foreign_keys[i].parent ? t->foreign_keys[i].parent : "");
        d1t__member_foreign_key(w, &t->foreign_keys[i]);
        d1t__member_close(w, i, t->foreign_key_count);
    }
    for (i = 0; i < t->check_count; i++) {
        const d1t_check *c = &t->checks[i];
        d1t__member_open(w, i, "checks", c->name ? "name" : "sql", c->name ? c->name : c->sql ? c->sql : "");
        d1t__member_text(w, "sql", c->name ? c->sql : NULL);
        d1t__member_close(w, i, t->check_count);
    }
    for (i = 0; i < t->command_count; i++) {
        d1t__member_open(w, i, "commands", "name", t->commands[i].name ? t->commands[i].name : "");
        d1t__member_command(w, &t->commands[i]);
        d1t__member_close(w, i, t->command_count);
    }
    d1t__member_flag(w, "strict", (t->flags & D1T_STRICT) != 0);
    d1t__member_flag(w, "without_rowid", (t->flags & D1T_WITHOUT_ROWID) != 0);
    d1t__member_flag(w, "autoincrement", (t->flags & D1T_AUTOINCREMENT) != 0);
    d1t__member_text(w, "managed_by", t->flags & D1T_BY_USER ? "user" : NULL);
    d1t_write_text(w, "}");
}

/* Reading it back. The lists of a table grow by doubling in the arena while they are read; what they leave behind there
   is less than twice the table. */
typedef struct d1t__table_reader {
    d1t_arena  *arena;
    d1t_error  *error;
    d1t_table  *table;
    d1t_column      *columns;
    d1t_index       *indexes;
    d1t_foreign_key *foreign_keys;
    d1t_check       *checks;
    d1t_command     *commands;
    const char **names;         /* of the list being read */
    size_t       name_count;
    char         list[16];      /* member of the table: "columns", ... */
    char         member[16];    /* member being read, at any level */
    d1t_buffer   text;          /* of the string being read */
    size_t       version, parent_count;
} d1t__table_reader;

D1T__PRIVATE d1t_result d1t__table_word(d1t__table_reader *r, const char *what, d1t_str word) {
    char copy[32];
    d1t__copy_short(copy, sizeof copy, word);
    return d1t__fail(r->error, D1T_ERR_TABLE, "table JSON: unknown ", what, copy);
}

/* An object of one of the five lists begins: a zeroed element is added. */
D1T__PRIVATE d1t_result d1t__table_element(d1t__table_reader *r) {
    d1t_table *t = r->table;
    const void *list;
    if (d1t__same(r->list, "columns")) {
        r->columns = (d1t_column *)d1t__append(r->arena, r->columns, &t->column_count, sizeof *r->columns);
        list = t->columns = r->columns;
    } else if (d1t__same(r->list, "indexes")) {
        r->indexes = (d1t_index *)d1t__append(r->arena, r->indexes, &t->index_count, sizeof *r->indexes);
        list = t->indexes = r->indexes;
    } else if (d1t__same(r->list, "foreign_keys")) {
        r->foreign_keys = (d1t_foreign_key *)d1t__append(r->arena, r->foreign_keys, &t->foreign_key_count,
                                                         sizeof *r->foreign_keys);
        list = t->foreign_keys = r->foreign_keys;
    } else if (d1t__same(r->list, "checks")) {
        r->checks = (d1t_check *)d1t__append(r->arena, r->checks, &t->check_count, sizeof *r->checks);
        list = t->checks = r->checks;
    } else if (d1t__same(r->list, "commands")) {
        r->commands = (d1t_command *)d1t__append(r->arena, r->commands, &t->command_count, sizeof *r->commands);
        list = t->commands = r->commands;
    } else {
        return d1t__table_word(r, "list: ", d1t_cstr(r->list));
    }
    return list ? D1T_OK : D1T_ERR_NOMEM;
}

D1T__PRIVATE d1t_result d1t__table_column_member(d1t__table_reader *r, d1t_column *c, const char *value) {
    size_t type = 1;
    if (d1t__same(r->member, "name")) c->name = value;
    else if (d1t__same(r->member, "default")) c->default_sql = value;
    else if (d1t__same(r->member, "generated")) c->generated_sql = value;
    else if (d1t__same(r->member, "on_write")) c->on_write_sql = value;
    else if (d1t__same(r->member, "collation")) c->collation = value;
    else if (d1t__same(r->member, "sql_type")) c->sql_type = value;
    else if (d1t__same(r->member, "was")) c->was = value;
    else if (d1t__same(r->member, "type")) {
        while (d1t__type_word(type) && !d1t__same(d1t__type_word(type), value)) type++;
        if (!d1t__type_word(type)) return d1t__table_word(r, "type: ", d1t_cstr(value));
        c->type = (d1t_type)type;
    } else return d1t__table_word(r, "member of a column: ", d1t_cstr(r->member));
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_action(d1t__table_reader *r, d1t_action *out, const char *value) {
    size_t action = 0;
    while (d1t__action_word(action) && !d1t__same(d1t__action_word(action), value)) action++;
    if (!d1t__action_word(action)) return d1t__table_word(r, "action: ", d1t_cstr(value));
    *out = (d1t_action)action;
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_index_member(d1t__table_reader *r, d1t_index *x, const char *value) {
    if (d1t__same(r->member, "name")) x->name = value;
    else if (d1t__same(r->member, "where")) x->where_sql = value;
    else if (d1t__same(r->member, "terms")) x->terms_sql = value;
    else if (d1t__same(r->member, "fts")) x->fts_sql = value;
    else return d1t__table_word(r, "member: ", d1t_cstr(r->member));
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_foreign_key_member(d1t__table_reader *r, d1t_foreign_key *f, const char *value) {
    if (d1t__same(r->member, "on_delete")) return d1t__table_action(r, &f->on_delete, value);
    if (d1t__same(r->member, "on_update")) return d1t__table_action(r, &f->on_update, value);
    if (!d1t__same(r->member, "parent"))
        return d1t__table_word(r, "member of a foreign key: ", d1t_cstr(r->member));
    f->parent = value;
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_check_member(d1t__table_reader *r, d1t_check *c, const char *value) {
    if (d1t__same(r->member, "name")) c->name = value;
    else if (d1t__same(r->member, "sql")) c->sql = value;
    else return d1t__table_word(r, "member: ", d1t_cstr(r->member));
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_command_member(d1t__table_reader *r, d1t_command *c, const char *value) {
    if (d1t__same(r->member, "name")) c->name = value;
    else if (d1t__same(r->member, "setup")) c->setup_sql = value;
    else if (d1t__same(r->member, "teardown")) c->teardown_sql = value;
    else return d1t__table_word(r, "member of a command: ", d1t_cstr(r->member));
    return D1T_OK;
}

/* A text member of an element of a list. */
D1T__PRIVATE d1t_result d1t__table_text_member(d1t__table_reader *r, const char *value) {
    const d1t_table *t = r->table;
    if (d1t__same(r->list, "columns")) return d1t__table_column_member(r, &r->columns[t->column_count - 1], value);
    if (d1t__same(r->list, "indexes")) return d1t__table_index_member(r, &r->indexes[t->index_count - 1], value);
    if (d1t__same(r->list, "foreign_keys"))
        return d1t__table_foreign_key_member(r, &r->foreign_keys[t->foreign_key_count - 1], value);
    if (d1t__same(r->list, "checks")) return d1t__table_check_member(r, &r->checks[t->check_count - 1], value);
    return d1t__table_command_member(r, &r->commands[t->command_count - 1], value);
}

D1T__PRIVATE d1t_result d1t__table_flag(d1t__table_reader *r, uint32_t depth) {
    d1t_table *t = r->table;
    uint32_t *flags = &t->flags, flag = 0;
    if (depth == 1 && d1t__same(r->list, "strict")) flag = D1T_STRICT;
    if (depth == 1 && d1t__same(r->list, "without_rowid")) flag = D1T_WITHOUT_ROWID;
    if (depth == 1 && d1t__same(r->list, "autoincrement")) flag = D1T_AUTOINCREMENT;
    if (depth == 3 && d1t__same(r->list, "columns")) {
        flags = &r->columns[t->column_count - 1].flags;
        if (d1t__same(r->member, "key")) flag = D1T_KEY;
        if (d1t__same(r->member, "not_null")) flag = D1T_NOT_NULL;
        if (d1t__same(r->member, "stored")) flag = D1T_STORED;
    }
    if (depth == 3 && d1t__same(r->list, "indexes")) {
        flags = &r->indexes[t->index_count - 1].flags;
        if (d1t__same(r->member, "unique")) flag = D1T_UNIQUE;
        if (d1t__same(r->member, "fts5")) flag = D1T_FTS5;
    }
    if (depth == 3 && d1t__same(r->list, "foreign_keys") && d1t__same(r->member, "deferred")) {
        r->foreign_keys[t->foreign_key_count - 1].deferred = true;
        return D1T_OK;
    }
    if (!flag) return d1t__table_word(r, "flag: ", d1t_cstr(depth == 1 ? r->list : r->member));
    *flags |= flag;
    return D1T_OK;
}

/* The list of names of an index or a foreign key is complete. */
D1T__PRIVATE d1t_result d1t__table_names(d1t__table_reader *r) {
    d1t_table *t = r->table;
    bool foreign = d1t__same(r->list, "foreign_keys");
    if (foreign && d1t__same(r->member, "parent_columns")) {
        r->foreign_keys[t->foreign_key_count - 1].parent_columns = r->names;
        r->parent_count = r->name_count;
    } else if (foreign && d1t__same(r->member, "columns")) {
        r->foreign_keys[t->foreign_key_count - 1].columns = r->names;
        r->foreign_keys[t->foreign_key_count - 1].column_count = r->name_count;
    } else if (d1t__same(r->list, "indexes") && d1t__same(r->member, "columns")) {
        r->indexes[t->index_count - 1].columns = r->names;
        r->indexes[t->index_count - 1].column_count = r->name_count;
    } else {
        return d1t__table_word(r, "list: ", d1t_cstr(r->member));
    }
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_text(d1t__table_reader *r, uint32_t depth) {
    char *value = d1t_arena_text(r->arena, d1t_bytes(r->text.p, r->text.n));
    if (!value) return D1T_ERR_NOMEM;
    if (depth == 1 && d1t__same(r->list, "name")) r->table->name = value;
    else if (depth == 1 && d1t__same(r->list, "was")) r->table->was = value;
    else if (depth == 1 && d1t__same(r->list, "managed_by") && d1t__same(value, "user")) r->table->flags |= D1T_BY_USER;
    else if (depth == 1) return d1t__table_word(r, "text: ", d1t_cstr(r->list));
    if (depth == 1) return D1T_OK;
    if (depth == 3) return d1t__table_text_member(r, value);
    if (depth != 4) return d1t__table_word(r, "text: ", d1t_cstr(r->list));
    r->names = (const char **)d1t__grow(r->arena, r->names, r->name_count, sizeof *r->names);
    if (!r->names) return D1T_ERR_NOMEM;
    r->names[r->name_count++] = value;
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_list(d1t__table_reader *r, uint32_t depth) {
    static const char *const lists[] = {"columns", "indexes", "foreign_keys", "checks", "commands"};
    size_t i;
    r->names = NULL;
    r->name_count = 0;
    if (depth == 3) return D1T_OK;
    for (i = 0; i < D1T__COUNT(lists) && depth == 1; i++)
        if (d1t__same(r->list, lists[i])) return D1T_OK;
    return d1t__table_word(r, "list: ", d1t_cstr(r->list));
}

D1T__PRIVATE d1t_result d1t__table_object(d1t__table_reader *r, uint32_t depth) {
    r->parent_count = SIZE_MAX;
    if (depth == 0) return D1T_OK;
    return depth == 2 ? d1t__table_element(r) : d1t__table_word(r, "object: ", d1t_cstr(r->list));
}

D1T__PRIVATE d1t_result d1t__table_object_end(d1t__table_reader *r, uint32_t depth) {
    if (depth != 2 || !d1t__same(r->list, "foreign_keys") || r->parent_count == SIZE_MAX) return D1T_OK;
    if (r->parent_count == r->foreign_keys[r->table->foreign_key_count - 1].column_count) return D1T_OK;
    return d1t__table_word(r, "number of ", d1t_cstr("parent_columns"));
}

/* A key, text or number is complete. */
D1T__PRIVATE d1t_result d1t__table_scalar(d1t__table_reader *r, const d1t_json_event *e) {
    d1t_str text = d1t_bytes(r->text.p, r->text.n);
    char *key = e->depth == 1 ? r->list : r->member;
    if (d1t__has_nul(text)) return d1t__table_word(r, "character in ", text);
    if (e->kind == D1T_JSON_STRING) return d1t__table_text(r, e->depth);
    if (e->kind == D1T_JSON_KEY) {
        if (text.n > 15) return d1t__table_word(r, "member: ", text);
        d1t__copy_short(key, sizeof r->list, text);
        return D1T_OK;
    }
    if (e->depth != 1 || !d1t__same(r->list, "version") || !d1t_str_equal(text, d1t_cstr("1")))
        return d1t__table_word(r, "value of ", d1t_cstr(key));
    r->version = 1;
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__table_event(void *ctx, const d1t_json_event *e) {
    d1t__table_reader *r = (d1t__table_reader *)ctx;
    d1t_result result;
    switch (e->kind) {
        case D1T_JSON_KEY: case D1T_JSON_STRING: case D1T_JSON_NUMBER:
            if (e->first) r->text.n = 0;
            result = d1t_buffer_add(&r->text, e->text.p, e->text.n);
            return result == D1T_OK && e->last ? d1t__table_scalar(r, e) : result;
        case D1T_JSON_OBJECT: return d1t__table_object(r, e->depth);
        case D1T_JSON_OBJECT_END: return d1t__table_object_end(r, e->depth);
        case D1T_JSON_ARRAY: return d1t__table_list(r, e->depth);
        case D1T_JSON_ARRAY_END: return e->depth == 3 ? d1t__table_names(r) : D1T_OK;
        case D1T_JSON_TRUE: return d1t__table_flag(r, e->depth);
        case D1T_JSON_FALSE: case D1T_JSON_NULL: break;
    }
    return d1t__table_word(r, "value of ", d1t_cstr(e->depth == 1 ? r->list : r->member));
}

D1TDEF d1t_result d1t_table_from_json(d1t_str json, d1t_arena *arena, const d1t_table **table, d1t_error *error) {
    d1t__table_reader r;
    d1t_json_reader reader;
    d1t_result result;
    D1T_MEMSET(&r, 0, sizeof r);
    r.arena = arena;
    r.error = error;
    r.table = (d1t_table *)d1t_arena_take(arena, sizeof *r.table);
    if (!r.table) return d1t__fail(error, D1T_ERR_NOMEM, "no memory for the table", NULL, NULL);
    d1t_buffer_init(&r.text, arena->allocator, 1u << 20);
    d1t_json_reader_init(&reader, d1t__table_event, &r, 5);
    result = d1t_json_reader_feed(&reader, json.p, json.n);
    if (result == D1T_OK) result = d1t_json_reader_end(&reader);
    d1t_buffer_free(&r.text);
    if (result == D1T_OK && (!r.version || !r.table->name))
        result = d1t__fail(error, D1T_ERR_TABLE, "table JSON: \"version\":1 and \"name\" are required", NULL, NULL);
    if (result == D1T_ERR_DEPTH || result == D1T_ERR_TOO_BIG) result = D1T_ERR_JSON;
    if (result != D1T_OK) d1t__fail(error, result, "table JSON: ", d1t_result_text(result), NULL);
    if (result != D1T_OK && error) error->need = reader.pos;
    if (result == D1T_OK) *table = r.table;
    return result;
}

#endif /* D1T_NO_TABLE_JSON */

/* ---- >>table_sql (implementation) ----------------------------------------------------------------------------- */

/* Every run of letters counts, wherever it stands: INT before CHAR, CLOB and TEXT, before BLOB, before REAL, FLOA and
   DOUB (SQLite, Datatypes 3.1). */
D1T__PRIVATE bool d1t__type_has(d1t_str type, const char *letters) {
    size_t n = d1t__strlen(letters), i;
    for (i = 0; i + n <= type.n; i++)
        if (d1t_str_equal_nocase(d1t_bytes(type.p + i, n), d1t_bytes(letters, n))) return true;
    return false;
}

D1TDEF d1t_type d1t_type_from_sql(d1t_str type, bool strict) {
    if (type.n == 0 || (strict && d1t_str_equal_nocase(type, d1t_cstr("ANY")))) return D1T_ANY;
    if (d1t__type_has(type, "int")) return D1T_INTEGER;
    if (d1t__type_has(type, "char") || d1t__type_has(type, "clob") || d1t__type_has(type, "text")) return D1T_TEXT;
    if (d1t__type_has(type, "blob")) return D1T_BLOB;
    if (d1t__type_has(type, "real") || d1t__type_has(type, "floa") || d1t__type_has(type, "doub")) return D1T_REAL;
    return D1T_NUMERIC;
}

/* -- comparing */

/* A text without the parentheses around all of it, and without IF NOT EXISTS in a CREATE. */
typedef struct d1t__sql_walk {
    d1t_str sql;
    size_t  pos, count, left;   /* tokens so far; tokens still to come */
    bool    create;
} d1t__sql_walk;

D1T__PRIVATE void d1t__sql_walk_init(d1t__sql_walk *w, d1t_str sql) {
    size_t open = 0, outer = 0, low = SIZE_MAX, pos = 0, n = 0;
    bool leading = true, whole = true;
    d1t_sql_token t = d1t_sql_next(sql, &pos);
    for (; t.kind != D1T_SQL_END; t = d1t_sql_next(sql, &pos), n++) {
        if (t.kind == D1T_SQL_BAD) whole = false;
        if (d1t__sql_is_symbol(t, ')')) {
            if (open-- == 0) break;
            continue;
        }
        leading = leading && d1t__sql_is_symbol(t, '(');
        if (leading) outer++;
        else if (open < low) low = open;
        if (d1t__sql_is_symbol(t, '(')) open++;
    }
    if (outer > low) outer = low;
    if (low == SIZE_MAX || !whole || open != 0) outer = 0;
    for (; t.kind != D1T_SQL_END; t = d1t_sql_next(sql, &pos)) n++;
    D1T_MEMSET(w, 0, sizeof *w);
    w->sql = sql;
    for (w->left = n - outer; outer; outer--, w->left--) (void)d1t_sql_next(sql, &w->pos);
}

/* The position behind NOT EXISTS, if that stands at pos; else 0. */
D1T__PRIVATE size_t d1t__sql_not_exists(d1t_str sql, size_t pos) {
    bool is = d1t__sql_is_word(d1t_sql_next(sql, &pos), "NOT");
    return is && d1t__sql_is_word(d1t_sql_next(sql, &pos), "EXISTS") ? pos : 0;
}

D1T__PRIVATE d1t_sql_token d1t__sql_walk_next(d1t__sql_walk *w) {
    d1t_sql_token t;
    size_t behind;
    t.kind = D1T_SQL_END;
    t.text = d1t_bytes(NULL, 0);
    if (w->left == 0) return t;
    t = d1t_sql_next(w->sql, &w->pos);
    w->left--;
    if (w->count++ == 0) w->create = d1t__sql_is_word(t, "CREATE");
    if (!w->create || w->count > 4 || w->left < 3 || !d1t__sql_is_word(t, "IF")) return t;
    behind = d1t__sql_not_exists(w->sql, w->pos);
    if (!behind) return t;
    w->pos = behind;
    w->left -= 3;
    return d1t_sql_next(w->sql, &w->pos);
}

D1T__PRIVATE bool d1t__sql_same_token(d1t_sql_token a, d1t_sql_token b) {
    const d1t_sql_token word = a.kind == D1T_SQL_WORD ? a : b;
    const bool names = a.kind == D1T_SQL_WORD || a.kind == D1T_SQL_NAME;
    if (!names || (b.kind != D1T_SQL_WORD && b.kind != D1T_SQL_NAME))
        return a.kind == b.kind && d1t_str_equal(a.text, b.text);
    if (a.kind != b.kind && (d1t__sql_reserved(word.text) || d1t__sql_constant(word.text))) return false;
    return d1t__sql_same_name(a, b);
}

D1TDEF bool d1t_sql_equal(d1t_str a, d1t_str b) {
    d1t__sql_walk x, y;
    d1t_sql_token s, t;
    d1t__sql_walk_init(&x, a);
    d1t__sql_walk_init(&y, b);
    do {
        s = d1t__sql_walk_next(&x);
        t = d1t__sql_walk_next(&y);
        if (!d1t__sql_same_token(s, t)) return false;
    } while (s.kind != D1T_SQL_END);
    return true;
}

D1TDEF bool d1t_sql_mentions(d1t_str sql, const char *name) {
    size_t pos = 0;
    d1t_sql_token t, want;
    want.kind = D1T_SQL_WORD;
    want.text = d1t_cstr(name);
    do {
        t = d1t_sql_next(sql, &pos);
        if ((t.kind == D1T_SQL_WORD || t.kind == D1T_SQL_NAME) && d1t__sql_same_name(t, want)) return true;
    } while (t.kind != D1T_SQL_END);
    return false;
}

/* -- reading, one token ahead */

/* After the first error there are only ends of text, so that every loop ends. */
typedef struct d1t__sql_reader {
    d1t_str          sql;
    size_t           pos, end;      /* behind the token; behind the one before it */
    d1t_sql_token    token;         /* the next one */
    d1t_result       result;
    d1t_arena       *arena;
    d1t_error       *error;
    d1t_table       *table;
    d1t_column      *columns;
    d1t_index       *indexes;
    d1t_foreign_key *foreign_keys;
    d1t_check       *checks;
    d1t_column      *column;        /* being read; NULL: none */
    const char      *constraint;    /* the name before a constraint */
    bool             keyed;         /* there was a PRIMARY KEY */
    bool             deferrable;    /* the foreign key read last has its DEFERRABLE */
} d1t__sql_reader;

D1T__PRIVATE void d1t__sql_fail(d1t__sql_reader *r, d1t_result code, const char *what, const char *detail) {
    if (r->result != D1T_OK) return;
    r->result = code;
    r->token.kind = D1T_SQL_END;
    r->pos = r->sql.n;
    if (!r->error || r->error->code != D1T_OK) return;
    d1t__fail(r->error, code, "SQL of ", r->table && r->table->name ? r->table->name : "a table", NULL);
    if (r->column && r->column->name) d1t__say(r->error, ", ", r->column->name, NULL);
    d1t__say(r->error, ": ", what, detail);
}

D1T__PRIVATE void d1t__sql_unsupported(d1t__sql_reader *r, const char *what) {
    d1t__sql_fail(r, D1T_ERR_UNSUPPORTED, "a d1t_table cannot say ", what);
}

D1T__PRIVATE void d1t__sql_wrong(d1t__sql_reader *r, const char *what) {
    d1t__sql_fail(r, D1T_ERR_SQL, what, NULL);
}

/* What came from the arena, or an error. */
D1T__PRIVATE bool d1t__sql_has(d1t__sql_reader *r, const void *p) {
    if (!p) d1t__sql_fail(r, D1T_ERR_NOMEM, "no memory", NULL);
    return p != NULL;
}

D1T__PRIVATE void d1t__sql_advance(d1t__sql_reader *r) {
    if (r->result != D1T_OK) return;
    r->end = r->pos;
    r->token = d1t_sql_next(r->sql, &r->pos);
    if (r->token.kind == D1T_SQL_BAD) d1t__sql_wrong(r, "a string, name or comment has no end");
}

D1T__PRIVATE void d1t__sql_start(d1t__sql_reader *r, d1t_str sql, d1t_arena *arena, d1t_error *error) {
    D1T_MEMSET(r, 0, sizeof *r);
    r->sql = sql;
    r->arena = arena;
    r->error = error;
    if (d1t__has_nul(sql) || d1t_utf8_valid(sql) != sql.n) d1t__sql_wrong(r, "the text is not UTF-8 without NUL");
    d1t__sql_advance(r);
}

D1T__PRIVATE d1t_sql_token d1t__sql_peek(const d1t__sql_reader *r) {
    size_t pos = r->pos;
    return d1t_sql_next(r->sql, &pos);
}

D1T__PRIVATE bool d1t__sql_is(const d1t__sql_reader *r, const char *word) {
    return d1t__sql_is_word(r->token, word);
}

D1T__PRIVATE bool d1t__sql_take(d1t__sql_reader *r, const char *word) {
    bool is = d1t__sql_is(r, word);
    if (is) d1t__sql_advance(r);
    return is;
}

D1T__PRIVATE bool d1t__sql_take_symbol(d1t__sql_reader *r, char c) {
    bool is = d1t__sql_is_symbol(r->token, c);
    if (is) d1t__sql_advance(r);
    return is;
}

D1T__PRIVATE void d1t__sql_expect(d1t__sql_reader *r, const char *word) {
    if (!d1t__sql_take(r, word)) d1t__sql_fail(r, D1T_ERR_SQL, "expected ", word);
}

D1T__PRIVATE void d1t__sql_expect_symbol(d1t__sql_reader *r, char c) {
    char text[2];
    text[0] = c;
    text[1] = 0;
    if (!d1t__sql_take_symbol(r, c)) d1t__sql_fail(r, D1T_ERR_SQL, "expected ", text);
}

D1T__PRIVATE bool d1t__sql_is_name(d1t_sql_token t) {
    return t.kind == D1T_SQL_NAME || t.kind == D1T_SQL_STRING || (t.kind == D1T_SQL_WORD && !d1t__sql_reserved(t.text));
}

/* A name, quoted in any way, without its quotes. NULL: an error. */
D1T__PRIVATE const char *d1t__sql_name(d1t__sql_reader *r) {
    size_t i = 0, n = 0;
    int c;
    char *out;
    if (!d1t__sql_is_name(r->token)) {
        d1t__sql_wrong(r, "expected a name");
        return NULL;
    }
    out = (char *)d1t_arena_take(r->arena, r->token.text.n + 1);
    if (!d1t__sql_has(r, out)) return NULL;
    while ((c = d1t__sql_char(r->token, &i)) >= 0) out[n++] = (char)c;
    d1t__sql_advance(r);
    return out;
}

/* Where the token begins. */
D1T__PRIVATE size_t d1t__sql_at(const d1t__sql_reader *r) {
    return (size_t)(r->token.text.p - r->sql.p);
}

D1T__PRIVATE const char *d1t__sql_copy(d1t__sql_reader *r, size_t from, size_t to) {
    const char *out;
    if (r->result != D1T_OK) return NULL;
    out = d1t_arena_text(r->arena, d1t_bytes(r->sql.p + from, to - from));
    return d1t__sql_has(r, out) ? out : NULL;
}

/* Tokens of an expression up to the ')' that ends it, or to the end of the text. */
D1T__PRIVATE const char *d1t__sql_expression(d1t__sql_reader *r) {
    size_t from = d1t__sql_at(r), to = from, open = 0;
    while (r->token.kind != D1T_SQL_END && !d1t__sql_is_symbol(r->token, ';')) {
        if (d1t__sql_is_symbol(r->token, ')') && open-- == 0) break;
        if (d1t__sql_is_symbol(r->token, '(')) open++;
        if (r->token.kind == D1T_SQL_PARAMETER) d1t__sql_wrong(r, "an expression has a parameter");
        d1t__sql_advance(r);
        to = r->end;
    }
    if (to == from) d1t__sql_wrong(r, "an expression is missing");
    return d1t__sql_copy(r, from, to);
}

D1T__PRIVATE const char *d1t__sql_parenthesis(d1t__sql_reader *r) {
    const char *out;
    d1t__sql_expect_symbol(r, '(');
    out = d1t__sql_expression(r);
    d1t__sql_expect_symbol(r, ')');
    return out;
}

/* A declared column by its name, in the table's own spelling. NULL: an error. */
D1T__PRIVATE d1t_column *d1t__sql_column(d1t__sql_reader *r) {
    d1t_sql_token name;
    size_t i;
    name.kind = D1T_SQL_WORD;
    if (!d1t__sql_is_name(r->token)) d1t__sql_wrong(r, "expected the name of a column");
    for (i = 0; i < r->table->column_count && r->result == D1T_OK; i++) {
        name.text = d1t_cstr(r->columns[i].name);
        if (!d1t__sql_same_name(r->token, name)) continue;
        d1t__sql_advance(r);
        return &r->columns[i];
    }
    d1t__sql_wrong(r, "a constraint names a column that is not there");
    return NULL;
}

/* -- columns */

/* Its type. What it is to be is known when STRICT was read or not: d1t__sql_types. */
D1T__PRIVATE void d1t__sql_type(d1t__sql_reader *r, d1t_column *c) {
    size_t from = d1t__sql_at(r), to = d1t__sql_type_end(r->sql, from);
    d1t_str text = d1t_bytes(r->sql.p + from, to - from);
    c->type = d1t_type_from_sql(text, false);
    if (r->result == D1T_OK && to > from) {
        if (d1t__contains(text, "--") || d1t__contains(text, "/*")) d1t__sql_unsupported(r, "a comment in a type");
        if (!d1t_str_equal_nocase(text, d1t_cstr(d1t__own_type(c->type, false))))
            c->sql_type = d1t__sql_copy(r, from, to);
        r->pos = to;
        d1t__sql_advance(r);
    }
    if (r->token.kind == D1T_SQL_NAME || r->token.kind == D1T_SQL_STRING) d1t__sql_unsupported(r, "a type in quotes");
    if (d1t__sql_is(r, "ALWAYS")) d1t__sql_unsupported(r, "ALWAYS in a type");
}

D1T__PRIVATE void d1t__sql_signed(d1t__sql_reader *r) {
    size_t end = d1t__sql_signed_end(r->sql, d1t__sql_at(r));
    if (!end) d1t__sql_wrong(r, "expected a number");
    else r->pos = end;
    d1t__sql_advance(r);
}

/* DEFAULT word: the word is a text. */
D1T__PRIVATE const char *d1t__sql_quoted_word(d1t__sql_reader *r) {
    size_t i = 0, n = 0;
    int c;
    char *out = (char *)d1t_arena_take(r->arena, 2 * r->token.text.n + 3);
    if (!d1t__sql_has(r, out)) return NULL;
    out[n++] = '\'';
    while ((c = d1t__sql_char(r->token, &i)) >= 0) {
        if (c == '\'') out[n++] = '\'';
        out[n++] = (char)c;
    }
    out[n] = '\'';
    d1t__sql_advance(r);
    return out;
}

D1T__PRIVATE void d1t__sql_default(d1t__sql_reader *r, d1t_column *c) {
    size_t from = d1t__sql_at(r);
    d1t_sql_token next = d1t__sql_peek(r);
    bool sign = d1t__sql_is_symbol(r->token, '-') || d1t__sql_is_symbol(r->token, '+');
    if (c->default_sql) d1t__sql_unsupported(r, "two defaults");
    if (d1t__sql_is_symbol(r->token, '(')) {
        c->default_sql = d1t__sql_parenthesis(r);
        return;
    }
    if (sign) d1t__sql_signed(r);
    else if (d1t__sql_is(r, "x") && next.kind == D1T_SQL_STRING && next.text.p == r->token.text.p + 1) {
        d1t__sql_advance(r);
        d1t__sql_advance(r);
    } else if (d1t__sql_is_number(r->token) || r->token.kind == D1T_SQL_STRING ||
               (r->token.kind == D1T_SQL_WORD && d1t__sql_constant(r->token.text))) {
        d1t__sql_advance(r);
    } else if (d1t__sql_is_name(r->token) && !d1t__sql_joins(r->token.text)) {
        c->default_sql = d1t__sql_quoted_word(r);
        return;
    } else {
        d1t__sql_wrong(r, "a default is not a value");
    }
    c->default_sql = d1t__sql_copy(r, from, r->end);
}

D1T__PRIVATE void d1t__sql_collate(d1t__sql_reader *r, d1t_column *c) {
    if (c->collation) d1t__sql_unsupported(r, "two collations");
    if (d1t__sql_is(r, "BINARY")) c->collation = "BINARY";
    else if (d1t__sql_is(r, "NOCASE")) c->collation = "NOCASE";
    else if (d1t__sql_is(r, "RTRIM")) c->collation = "RTRIM";
    else if (d1t__sql_is_name(r->token)) d1t__sql_unsupported(r, "a collation other than BINARY, NOCASE and RTRIM");
    else d1t__sql_wrong(r, "expected a collation");
    d1t__sql_advance(r);
}

D1T__PRIVATE void d1t__sql_generated(d1t__sql_reader *r, d1t_column *c) {
    if (c->generated_sql) d1t__sql_wrong(r, "a column is generated twice");
    c->generated_sql = d1t__sql_parenthesis(r);
    if (d1t__sql_take(r, "STORED")) c->flags |= D1T_STORED;
    else (void)d1t__sql_take(r, "VIRTUAL");
}

/* -- constraints */

D1T__PRIVATE void d1t__sql_key(d1t__sql_reader *r) {
    if (r->keyed) d1t__sql_wrong(r, "there is more than one PRIMARY KEY");
    r->keyed = true;
}

/* [COLLATE of the column] [ASC], as a key or a UNIQUE constraint keeps its columns in any case. */
D1T__PRIVATE void d1t__sql_order(d1t__sql_reader *r, const d1t_column *c) {
    const char *collation = c && c->collation ? c->collation : "BINARY";
    if (d1t__sql_take(r, "COLLATE")) {
        if (d1t__sql_is_name(r->token) && !d1t__sql_is(r, collation))
            d1t__sql_unsupported(r, "another collation than the column's in a constraint");
        d1t__sql_expect(r, collation);
    }
    if (!d1t__sql_take(r, "ASC") && d1t__sql_is(r, "DESC"))
        d1t__sql_unsupported(r, "DESC in a key or UNIQUE constraint");
}

/* (a, b): columns of this table; sorted: a key or UNIQUE constraint. */
D1T__PRIVATE const char **d1t__sql_columns(d1t__sql_reader *r, size_t *count, bool sorted) {
    const char **names = NULL;
    const d1t_column *c;
    d1t__sql_expect_symbol(r, '(');
    do {
        names = (const char **)d1t__append(r->arena, names, count, sizeof *names);
        if (!d1t__sql_has(r, names)) return NULL;
        c = d1t__sql_column(r);
        if (c) names[*count - 1] = c->name;
        if (sorted) d1t__sql_order(r, c);
    } while (d1t__sql_take_symbol(r, ','));
    if (sorted && d1t__sql_take(r, "AUTOINCREMENT")) r->table->flags |= D1T_AUTOINCREMENT;
    d1t__sql_expect_symbol(r, ')');
    return names;
}

D1T__PRIVATE void d1t__sql_table_key(d1t__sql_reader *r) {
    size_t count = 0, i, at, next = 0;
    const char **names = d1t__sql_columns(r, &count, true);
    d1t__sql_key(r);
    for (i = 0; i < count && r->result == D1T_OK; i++) {
        at = d1t_table_column(r->table, d1t_cstr(names[i]));
        if (at < next) d1t__sql_unsupported(r, "a key in another order than its columns");
        else r->columns[at].flags |= D1T_KEY;
        next = at + 1;
    }
}

/* A list of one: the column being read. */
D1T__PRIVATE const char **d1t__sql_one(d1t__sql_reader *r) {
    const char **names = (const char **)d1t_arena_take(r->arena, sizeof *names);
    if (d1t__sql_has(r, names)) names[0] = r->column->name;
    return names;
}

/* names NULL: of the column being read. */
D1T__PRIVATE void d1t__sql_unique(d1t__sql_reader *r, const char *const *names, size_t count) {
    d1t_index *x;
    r->indexes = (d1t_index *)d1t__append(r->arena, r->indexes, &r->table->index_count, sizeof *r->indexes);
    if (!d1t__sql_has(r, r->indexes)) return;
    r->table->indexes = r->indexes;
    x = &r->indexes[r->table->index_count - 1];
    x->columns = names ? names : d1t__sql_one(r);
    x->column_count = count;
    x->flags = D1T_UNIQUE;
}

D1T__PRIVATE void d1t__sql_check(d1t__sql_reader *r) {
    r->checks = (d1t_check *)d1t__append(r->arena, r->checks, &r->table->check_count, sizeof *r->checks);
    if (!d1t__sql_has(r, r->checks)) return;
    r->table->checks = r->checks;
    r->checks[r->table->check_count - 1].name = r->constraint;
    r->checks[r->table->check_count - 1].sql = d1t__sql_parenthesis(r);
}

/* CASCADE and so on, once for each of ON DELETE and ON UPDATE. */
D1T__PRIVATE void d1t__sql_action(d1t__sql_reader *r, d1t_action *out, bool *seen) {
    if (*seen) d1t__sql_unsupported(r, "two actions of a foreign key");
    *seen = true;
    if (d1t__sql_take(r, "CASCADE")) *out = D1T_CASCADE;
    else if (d1t__sql_take(r, "RESTRICT")) *out = D1T_RESTRICT;
    else if (d1t__sql_take(r, "NO")) d1t__sql_expect(r, "ACTION");
    else {
        d1t__sql_expect(r, "SET");
        *out = d1t__sql_is(r, "NULL") ? D1T_SET_NULL : D1T_SET_DEFAULT;
        if (!d1t__sql_take(r, "NULL")) d1t__sql_expect(r, "DEFAULT");
    }
}

/* The names in parentheses behind the parent. */
D1T__PRIVATE void d1t__sql_parent_columns(d1t__sql_reader *r, d1t_foreign_key *f) {
    const char **names = NULL;
    size_t count = 0;
    do {
        names = (const char **)d1t__append(r->arena, names, &count, sizeof *names);
        if (!d1t__sql_has(r, names)) return;
        names[count - 1] = d1t__sql_name(r);
    } while (d1t__sql_take_symbol(r, ','));
    d1t__sql_expect_symbol(r, ')');
    if (count != f->column_count) d1t__sql_wrong(r, "a foreign key has more columns on one side");
    f->parent_columns = names;
}

/* Behind REFERENCES; names NULL: of the column being read. MATCH means nothing to SQLite. */
D1T__PRIVATE void d1t__sql_references(d1t__sql_reader *r, const char *const *names, size_t count) {
    bool on_delete = false, on_update = false;
    d1t_foreign_key *f;
    r->foreign_keys = (d1t_foreign_key *)d1t__append(r->arena, r->foreign_keys, &r->table->foreign_key_count,
                                                     sizeof *r->foreign_keys);
    if (!d1t__sql_has(r, r->foreign_keys)) return;
    r->table->foreign_keys = r->foreign_keys;
    r->deferrable = false;
    f = &r->foreign_keys[r->table->foreign_key_count - 1];
    f->columns = names ? names : d1t__sql_one(r);
    f->column_count = count;
    f->parent = d1t__sql_name(r);
    if (d1t__sql_take_symbol(r, '(')) d1t__sql_parent_columns(r, f);
    while (d1t__sql_is(r, "ON") || d1t__sql_is(r, "MATCH")) {
        if (d1t__sql_take(r, "MATCH")) (void)d1t__sql_name(r);
        else {
            d1t__sql_advance(r);
            if (d1t__sql_take(r, "DELETE")) d1t__sql_action(r, &f->on_delete, &on_delete);
            else if (d1t__sql_take(r, "UPDATE")) d1t__sql_action(r, &f->on_update, &on_update);
            else if (d1t__sql_is(r, "INSERT")) d1t__sql_unsupported(r, "ON INSERT of a foreign key");
            else d1t__sql_wrong(r, "expected DELETE or UPDATE");
        }
    }
}

/* [NOT] DEFERRABLE [INITIALLY ...] of the foreign key before it; false: there is none. */
D1T__PRIVATE bool d1t__sql_deferrable(d1t__sql_reader *r) {
    bool not_so = d1t__sql_is(r, "NOT") && d1t__sql_is_word(d1t__sql_peek(r), "DEFERRABLE"), late = false;
    if (not_so) d1t__sql_advance(r);
    if (!d1t__sql_take(r, "DEFERRABLE")) return false;
    if (d1t__sql_take(r, "INITIALLY")) {
        late = d1t__sql_take(r, "DEFERRED");
        if (!late) d1t__sql_expect(r, "IMMEDIATE");
    }
    if (r->table->foreign_key_count == 0 || r->deferrable) d1t__sql_unsupported(r, "DEFERRABLE without a foreign key");
    else r->foreign_keys[r->table->foreign_key_count - 1].deferred = late && !not_so;
    r->deferrable = true;
    return true;
}

D1T__PRIVATE void d1t__sql_null(d1t__sql_reader *r, d1t_column *c, bool *null, bool not_null) {
    if (*null || c->flags & D1T_NOT_NULL) d1t__sql_unsupported(r, "NULL or NOT NULL twice");
    if (not_null) c->flags |= D1T_NOT_NULL;
    else *null = true;
}

D1T__PRIVATE void d1t__sql_column_key(d1t__sql_reader *r, d1t_column *c) {
    d1t__sql_expect(r, "KEY");
    d1t__sql_key(r);
    c->flags |= D1T_KEY;
    d1t__sql_order(r, c);
    if (d1t__sql_is(r, "ON")) d1t__sql_unsupported(r, "ON CONFLICT");
    if (d1t__sql_take(r, "AUTOINCREMENT")) r->table->flags |= D1T_AUTOINCREMENT;
}

/* One constraint of a column; false: there is no more. */
D1T__PRIVATE bool d1t__sql_column_constraint(d1t__sql_reader *r, d1t_column *c, bool *null) {
    if (d1t__sql_take(r, "CONSTRAINT")) r->constraint = d1t__sql_name(r);
    else if (d1t__sql_deferrable(r)) return true;
    else if (d1t__sql_take(r, "NULL")) d1t__sql_null(r, c, null, false);
    else if (d1t__sql_take(r, "NOT")) {
        d1t__sql_expect(r, "NULL");
        d1t__sql_null(r, c, null, true);
    } else if (d1t__sql_take(r, "DEFAULT")) d1t__sql_default(r, c);
    else if (d1t__sql_take(r, "COLLATE")) d1t__sql_collate(r, c);
    else if (d1t__sql_take(r, "PRIMARY")) d1t__sql_column_key(r, c);
    else if (d1t__sql_take(r, "UNIQUE")) d1t__sql_unique(r, NULL, 1);
    else if (d1t__sql_take(r, "CHECK")) d1t__sql_check(r);
    else if (d1t__sql_take(r, "REFERENCES")) d1t__sql_references(r, NULL, 1);
    else if (d1t__sql_take(r, "AS")) d1t__sql_generated(r, c);
    else if (d1t__sql_take(r, "GENERATED")) {
        if (!d1t__sql_take(r, "ALWAYS") || !d1t__sql_is(r, "AS"))
            d1t__sql_unsupported(r, "GENERATED ALWAYS as part of a type");
    } else {
        if (d1t__sql_is(r, "ON")) d1t__sql_unsupported(r, "ON CONFLICT");
        return false;
    }
    return r->result == D1T_OK;
}

D1T__PRIVATE void d1t__sql_column_definition(d1t__sql_reader *r) {
    d1t_column *c = &r->columns[r->table->column_count];
    bool null = false;
    c->name = d1t__sql_name(r);
    if (!c->name) return;
    if (d1t_table_column(r->table, d1t_cstr(c->name)) < r->table->column_count)
        d1t__sql_fail(r, D1T_ERR_SQL, "a column appears twice: ", c->name);
    r->table->column_count++;
    r->column = c;
    r->constraint = NULL;
    r->deferrable = true;   /* a foreign key of another column is not meant */
    d1t__sql_type(r, c);
    while (d1t__sql_column_constraint(r, c, &null)) {}
    if (c->collation && d1t__same(c->collation, "BINARY")) c->collation = NULL;
    r->column = NULL;
}

/* One constraint of the table; false: there is no more. */
D1T__PRIVATE bool d1t__sql_table_constraint(d1t__sql_reader *r) {
    const char **names;
    size_t count = 0;
    if (d1t__sql_take(r, "CONSTRAINT")) r->constraint = d1t__sql_name(r);
    else if (d1t__sql_take(r, "PRIMARY")) {
        d1t__sql_expect(r, "KEY");
        d1t__sql_table_key(r);
    } else if (d1t__sql_take(r, "UNIQUE")) {
        names = d1t__sql_columns(r, &count, true);
        if (r->result == D1T_OK) d1t__sql_unique(r, names, count);
    } else if (d1t__sql_take(r, "CHECK")) d1t__sql_check(r);
    else if (d1t__sql_take(r, "FOREIGN")) {
        d1t__sql_expect(r, "KEY");
        names = d1t__sql_columns(r, &count, false);
        d1t__sql_expect(r, "REFERENCES");
        if (r->result == D1T_OK) d1t__sql_references(r, names, count);
        (void)d1t__sql_deferrable(r);
    } else return false;
    if (d1t__sql_is(r, "ON")) d1t__sql_unsupported(r, "ON CONFLICT");
    return r->result == D1T_OK;
}

/* -- statements */

/* The elements of the list that begins with the token: no more columns than these. */
D1T__PRIVATE size_t d1t__sql_elements(const d1t__sql_reader *r) {
    size_t pos = r->pos, open = 0, n = 1;
    d1t_sql_token t = r->token;
    for (; t.kind != D1T_SQL_END; t = d1t_sql_next(r->sql, &pos)) {
        if (d1t__sql_is_symbol(t, ')') && open-- == 0) break;
        if (d1t__sql_is_symbol(t, '(')) open++;
        if (open == 0 && d1t__sql_is_symbol(t, ',')) n++;
    }
    return n;
}

D1T__PRIVATE bool d1t__sql_is_constraint(const d1t__sql_reader *r) {
    return d1t__sql_is(r, "CONSTRAINT") || d1t__sql_is(r, "PRIMARY") || d1t__sql_is(r, "UNIQUE") ||
           d1t__sql_is(r, "CHECK") || d1t__sql_is(r, "FOREIGN");
}

/* ( columns, then constraints, whose commas may be missing ) */
D1T__PRIVATE void d1t__sql_body(d1t__sql_reader *r) {
    bool comma = true;
    d1t__sql_expect_symbol(r, '(');
    if (r->result != D1T_OK) return;
    r->columns = (d1t_column *)d1t_arena_take(r->arena, d1t__sql_elements(r) * sizeof *r->columns);
    if (!d1t__sql_has(r, r->columns)) return;
    r->table->columns = r->columns;
    do d1t__sql_column_definition(r);
    while ((comma = d1t__sql_take_symbol(r, ',')) && !d1t__sql_is_constraint(r));
    while (comma) {
        r->constraint = NULL;
        if (!d1t__sql_table_constraint(r)) d1t__sql_wrong(r, "expected a constraint");
        while (d1t__sql_table_constraint(r)) {}
        comma = d1t__sql_take_symbol(r, ',');
    }
    d1t__sql_expect_symbol(r, ')');
}

D1T__PRIVATE void d1t__sql_options(d1t__sql_reader *r) {
    if (r->token.kind != D1T_SQL_WORD) return;
    do {
        if (d1t__sql_take(r, "STRICT")) r->table->flags |= D1T_STRICT;
        else {
            d1t__sql_expect(r, "WITHOUT");
            d1t__sql_expect(r, "ROWID");
            r->table->flags |= D1T_WITHOUT_ROWID;
        }
    } while (d1t__sql_take_symbol(r, ','));
}

D1T__PRIVATE void d1t__sql_finish(d1t__sql_reader *r) {
    while (d1t__sql_take_symbol(r, ';')) {}
    if (r->token.kind != D1T_SQL_END) d1t__sql_wrong(r, "something follows the statement");
}

/* Now that STRICT is known: a type that says what the d1t_type says in any case is not kept. */
D1T__PRIVATE void d1t__sql_types(d1t__sql_reader *r, d1t_column *c) {
    bool strict = (r->table->flags & D1T_STRICT) != 0;
    if (strict && c->sql_type) {
        c->type = d1t_type_from_sql(d1t_cstr(c->sql_type), true);
        if (d1t__same_name(c->sql_type, d1t__own_type(c->type, true))) c->sql_type = NULL;
        else if (!d1t__same_name(c->sql_type, "INT")) d1t__sql_wrong(r, "STRICT knows no such type");
    } else if (strict && (c->type == D1T_ANY || c->type == D1T_NUMERIC)) {
        d1t__sql_wrong(r, "STRICT needs a type that it knows");
    }
}

D1T__PRIVATE void d1t__sql_key_column(d1t__sql_reader *r, d1t_column *c) {
    const d1t_table *t = r->table;
    if (c->generated_sql) d1t__sql_wrong(r, "a generated column in the key");
    if (c->collation) d1t__sql_unsupported(r, "a key that is not BINARY");
    if (t->flags & D1T_AUTOINCREMENT && !d1t__same_name(d1t_sql_type(t, c), "INTEGER"))
        d1t__sql_wrong(r, "AUTOINCREMENT needs an INTEGER PRIMARY KEY");
    c->flags &= ~(uint32_t)D1T_NOT_NULL;
}

/* What only the whole table shows. */
D1T__PRIVATE void d1t__sql_judge(d1t__sql_reader *r) {
    size_t i, keys = 0, plain = 0;
    const uint32_t both = D1T_AUTOINCREMENT | D1T_WITHOUT_ROWID;
    for (i = 0; i < r->table->column_count && r->result == D1T_OK; i++) {
        d1t_column *c = r->column = &r->columns[i];
        d1t__sql_types(r, c);
        if (c->generated_sql && c->default_sql) d1t__sql_wrong(r, "a generated column with a default");
        if (c->flags & D1T_KEY) d1t__sql_key_column(r, c);
        keys += (c->flags & D1T_KEY) != 0;
        plain += c->generated_sql == NULL;
    }
    r->column = NULL;
    if (plain == 0) d1t__sql_wrong(r, "every column is generated");
    if (r->table->flags & D1T_WITHOUT_ROWID && keys == 0) d1t__sql_wrong(r, "WITHOUT ROWID and no PRIMARY KEY");
    if (r->table->flags & D1T_AUTOINCREMENT && (keys != 1 || (r->table->flags & both) == both))
        d1t__sql_wrong(r, "AUTOINCREMENT needs one INTEGER PRIMARY KEY and a rowid");
}

/* [IF NOT EXISTS] [main.] name */
D1T__PRIVATE const char *d1t__sql_object(d1t__sql_reader *r) {
    const char *name;
    if (d1t__sql_take(r, "IF")) {
        d1t__sql_expect(r, "NOT");
        d1t__sql_expect(r, "EXISTS");
    }
    name = d1t__sql_name(r);
    if (!name || !d1t__sql_take_symbol(r, '.')) return name;
    if (!d1t__same_name(name, "main")) d1t__sql_unsupported(r, "a schema other than main");
    return d1t__sql_name(r);
}

D1TDEF d1t_result d1t_table_from_sql(d1t_str sql, d1t_arena *arena, d1t_table **table, d1t_error *error) {
    d1t__sql_reader r;
    d1t__sql_start(&r, sql, arena, error);
    r.table = (d1t_table *)d1t_arena_take(arena, sizeof *r.table);
    if (!d1t__sql_has(&r, r.table)) return r.result;
    d1t__sql_expect(&r, "CREATE");
    if (d1t__sql_is(&r, "TEMP") || d1t__sql_is(&r, "TEMPORARY")) d1t__sql_unsupported(&r, "a temporary table");
    if (d1t__sql_is(&r, "VIRTUAL")) d1t__sql_unsupported(&r, "a virtual table");
    d1t__sql_expect(&r, "TABLE");
    r.table->name = d1t__sql_object(&r);
    if (d1t__sql_is(&r, "AS")) d1t__sql_unsupported(&r, "CREATE TABLE ... AS");
    d1t__sql_body(&r);
    d1t__sql_options(&r);
    d1t__sql_finish(&r);
    d1t__sql_judge(&r);
    if (r.result == D1T_OK) *table = r.table;
    return r.result;
}

/* A term of an index that is a column and no more. */
D1T__PRIVATE bool d1t__sql_plain_term(d1t__sql_reader *r) {
    d1t_sql_token next = d1t__sql_peek(r);
    if (!d1t__sql_is_name(r->token)) return false;
    if (r->token.kind == D1T_SQL_WORD && d1t__sql_constant(r->token.text)) return false;
    return d1t__sql_is_symbol(next, ',') || d1t__sql_is_symbol(next, ')') || d1t__sql_is_word(next, "ASC");
}

/* (terms): names of columns, or else the whole as SQL. */
D1T__PRIVATE void d1t__sql_terms(d1t__sql_reader *r, d1t_index *x) {
    d1t__sql_reader start;
    const char **names = NULL;
    d1t__sql_expect_symbol(r, '(');
    start = *r;
    while (d1t__sql_plain_term(r)) {
        names = (const char **)d1t__append(r->arena, names, &x->column_count, sizeof *names);
        if (!d1t__sql_has(r, names)) return;
        names[x->column_count - 1] = d1t__sql_name(r);
        (void)d1t__sql_take(r, "ASC");
        if (d1t__sql_take_symbol(r, ',')) continue;
        x->columns = names;
        if (d1t__sql_take_symbol(r, ')')) return;
        break;
    }
    if (r->result != D1T_OK) return;
    *r = start;
    x->columns = NULL;
    x->column_count = 0;
    x->terms_sql = d1t__sql_expression(r);
    d1t__sql_expect_symbol(r, ')');
}

D1TDEF d1t_result d1t_index_from_sql(d1t_str sql, d1t_arena *arena, d1t_index *index, const char **owner,
                                     d1t_error *error) {
    d1t__sql_reader r;
    d1t_index x;
    D1T_MEMSET(&x, 0, sizeof x);
    d1t__sql_start(&r, sql, arena, error);
    d1t__sql_expect(&r, "CREATE");
    if (d1t__sql_take(&r, "UNIQUE")) x.flags |= D1T_UNIQUE;
    d1t__sql_expect(&r, "INDEX");
    x.name = d1t__sql_object(&r);
    d1t__sql_expect(&r, "ON");
    *owner = d1t__sql_name(&r);
    d1t__sql_terms(&r, &x);
    if (d1t__sql_take(&r, "WHERE")) x.where_sql = d1t__sql_expression(&r);
    d1t__sql_finish(&r);
    if (r.result == D1T_OK) *index = x;
    return r.result;
}

/* ================================================================================================================
   ROOM wire (implementation)
   ============================================================================================================= */

/* ---- >>request (implementation) ------------------------------------------------------------------------------- */

D1TDEF void d1t_request_rewind(d1t_request *req) {
    if (req->body.rewind) req->body.rewind(req->body.ctx);
    req->offset = 0;
    req->at_end = req->body.write == NULL;
}

/* Parts are written into the window until it is full; the first one goes on where it was cut. */
D1TDEF size_t d1t_request_read(d1t_request *req, void *buf, size_t cap) {
    size_t before;
    d1t_writer w;
    d1t_writer_window(&w, buf, cap, req->offset);
    while (w.n < cap && !req->at_end) {
        before = w.n;
        w.total = 0;
        req->body.write(req->body.ctx, &w);
        req->offset += w.n - before;
        if (w.total > req->offset) break;       /* cut */
        req->offset = 0;
        req->at_end = !req->body.advance(req->body.ctx);
    }
    return w.n;
}

D1TDEF void d1t_request_set_body(d1t_request *req, d1t_body body) {
    d1t_writer w;
    req->body = body;
    d1t_request_rewind(req);
    d1t_writer_counting(&w);
    while (!req->at_end) {
        body.write(body.ctx, &w);
        req->at_end = !body.advance(body.ctx);
    }
    req->body_size = w.total;
    d1t_request_rewind(req);
}

/* The type name of a value in errors. */
D1T__PRIVATE const char *d1t__kind_name(d1t_kind kind) {
    static const char *const names[] = {"absent", "NULL", "bool", "int",  "double",    "text",        "blob",
                                        "json",   "uuid", "date", "time", "timestamp", "timestamptz", "vector"};
    return (size_t)kind < D1T__COUNT(names) ? names[kind] : "(no kind)";
}

/* With bits and integers: a machine without doubles in hardware need not link any arithmetic. */
D1T__PRIVATE uint64_t d1t__double_bits(double d) {
    uint64_t bits;
    D1T_MEMCPY(&bits, &d, sizeof bits);
    return bits;
}

D1T__PRIVATE bool d1t__is_nan(double d) {
    return d1t__double_bits(d) << 1 > UINT64_C(0xFFE0000000000000);
}

/* Why a value cannot be a parameter; NULL: it can. */
D1T__PRIVATE const char *d1t__arg_fault(const d1t_value *v) {
    char text[40];
    switch (v->kind) {
        case D1T_KIND_ABSENT: return "it is absent";
        case D1T_KIND_TEXT:
            if (d1t_utf8_valid(v->u.s) != v->u.s.n) return "it is not valid UTF-8";
            return d1t__has_nul(v->u.s) ? "it contains a NUL character" : NULL;
        case D1T_KIND_JSON: return d1t__is_json(v->u.s) ? NULL : "it is not valid JSON";
        case D1T_KIND_DOUBLE:
#ifdef D1T_NO_FLOAT
            return "this build has no doubles (D1T_NO_FLOAT)";
#else
            return d1t__is_nan(v->u.d) ? "it is NaN" : NULL;
#endif
        case D1T_KIND_UUID: return v->u.s.n == 16 ? NULL : "a UUID has 16 bytes";
        case D1T_KIND_DATE: case D1T_KIND_TIME: case D1T_KIND_TIMESTAMP: case D1T_KIND_TIMESTAMPTZ:
            return d1t__format_temporal(text, v, false) ? NULL : "it is out of the range of years 0 to 9999";
        case D1T_KIND_NULL:
        case D1T_KIND_BOOL:
        case D1T_KIND_INT:
        case D1T_KIND_BLOB:
        case D1T_KIND_VECTOR: return NULL;
    }
    return "its kind is not one of d1t_kind";
}

/* The text of a value without quotes, the writer's level applied: what SQLite gets to see as a string. */
D1T__PRIVATE void d1t__write_value_text(d1t_writer *w, const d1t_value *v, bool utc) {
    char text[40];
    switch (v->kind) {
        case D1T_KIND_BOOL: case D1T_KIND_INT: d1t_write_int(w, v->u.i); break;
        case D1T_KIND_DOUBLE:
#ifndef D1T_NO_FLOAT
            d1t__write_raw(w, text, d1t_format_double(text, v->u.d));
#endif
            break;
        case D1T_KIND_TEXT: case D1T_KIND_JSON: d1t_write(w, v->u.s); break;
        case D1T_KIND_BLOB: d1t_write_hex(w, v->u.s); break;
        case D1T_KIND_VECTOR: d1t__write_vector_hex(w, v->u.s); break;
        case D1T_KIND_UUID:
            d1t__format_uuid(text, v->u.s.p);
            d1t__write_raw(w, text, 36);
            break;
        case D1T_KIND_DATE: case D1T_KIND_TIME: case D1T_KIND_TIMESTAMP: case D1T_KIND_TIMESTAMPTZ:
            d1t__write_raw(w, text, d1t__format_temporal(text, v, utc));
            break;
        case D1T_KIND_ABSENT: case D1T_KIND_NULL: break;
    }
}

/* ?N by the kind of its argument: parameters travel as strings, and '1' = 1 is false. */
D1T__PRIVATE void d1t__write_parameter(d1t_writer *w, d1t_kind kind, size_t n) {
    bool blob = kind == D1T_KIND_BLOB || kind == D1T_KIND_VECTOR;
    bool integer = kind == D1T_KIND_BOOL || kind == D1T_KIND_INT, real = kind == D1T_KIND_DOUBLE;
    d1t_write_text(w, integer || real ? "CAST(?" : blob ? "unhex(?" : kind == D1T_KIND_NULL ? "nullif(?" : "?");
    d1t_write_uint(w, n);
    if (kind == D1T_KIND_NULL) d1t_write_text(w, ",?");
    if (kind == D1T_KIND_NULL) d1t_write_uint(w, n);
    d1t_write_text(w, integer ? " AS INTEGER)" : real ? " AS REAL)" : blob || kind == D1T_KIND_NULL ? ")" : "");
}

/* The number of a placeholder; 0: it is not a usable one. `last` is the largest number so far, for a bare '?'. */
D1T__PRIVATE size_t d1t__parameter_number(d1t_str text, size_t last) {
    int64_t n;
    if (text.p[0] != '?') return 0;
    if (text.n == 1) return last + 1;
    return d1t_parse_int(d1t_bytes(text.p + 1, text.n - 1), &n) && n > 0 && n <= 100 ? (size_t)n : 0;
}

D1T__PRIVATE d1t_result d1t__check_args(const d1t_statement *s, d1t_error *e) {
    size_t i;
    const char *fault;
    if (s->arg_count > 100) return d1t__fail(e, D1T_ERR_LIMIT, "a statement takes at most 100 parameters", NULL, NULL);
    for (i = 0; i < s->arg_count; i++) {
        fault = d1t__arg_fault(&s->args[i]);
        if (!fault) continue;
        d1t__fail(e, D1T_ERR_VALUE, "argument ", NULL, NULL);
        d1t__say_number(e, i + 1);
        d1t__say(e, ": ", fault, NULL);
        return D1T_ERR_VALUE;
    }
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__sql_fault(d1t_error *e, const char *what) {
    return d1t__fail(e, D1T_ERR_SQL, "statement: ", what, NULL);
}

/* A trigger's body has semicolons of its own, between BEGIN and END. */
D1T__PRIVATE bool d1t__is_trigger(d1t_str sql) {
    size_t pos = 0;
    d1t_str word = d1t_sql_next(sql, &pos).text;
    if (!d1t_str_equal_nocase(word, d1t_cstr("CREATE"))) return false;
    word = d1t_sql_next(sql, &pos).text;
    return d1t_str_equal_nocase(word, d1t_cstr("TRIGGER"));
}

/* How deep BEGIN ... END and CASE ... END are open behind a word of a trigger. */
D1T__PRIVATE size_t d1t__trigger_depth(size_t depth, d1t_str word) {
    if (d1t_str_equal_nocase(word, d1t_cstr("BEGIN")) || d1t_str_equal_nocase(word, d1t_cstr("CASE"))) return depth + 1;
    return depth && d1t_str_equal_nocase(word, d1t_cstr("END")) ? depth - 1 : depth;
}

D1TDEF d1t_result d1t_write_statement_sql(d1t_writer *w, const d1t_statement *s, d1t_error *error) {
    d1t_str sql = d1t_cstr(s->sql);
    uint64_t used[2] = {0, 0};
    size_t pos = 0, from = 0, end = 0, n, last = 0, depth = 0, i;
    bool any = false, ended = false, trigger = d1t__is_trigger(sql);
    d1t_sql_token t;
    d1t_result result = d1t__check_args(s, error);
    if (result != D1T_OK) return result;
    if (d1t_utf8_valid(sql) != sql.n) return d1t__sql_fault(error, "it is not valid UTF-8");
    for (;;) {
        t = d1t_sql_next(sql, &pos);
        if (t.kind == D1T_SQL_BAD) return d1t__sql_fault(error, "a string, name or comment has no end");
        if (t.kind == D1T_SQL_END) break;
        if (ended) return d1t__sql_fault(error, "more than one statement; give them to d1t_exec one by one");
        if (trigger && t.kind == D1T_SQL_WORD) depth = d1t__trigger_depth(depth, t.text);
        ended = t.kind == D1T_SQL_SYMBOL && t.text.p[0] == ';' && depth == 0;
        if (ended) continue;
        any = true;
        end = pos;
        if (t.kind != D1T_SQL_PARAMETER) continue;
        n = d1t__parameter_number(t.text, last);
        if (n == 0) return d1t__sql_fault(error, "parameters are ?1 to ?100 or ?; named ones are not supported by D1");
        if (n > s->arg_count) return d1t__sql_fault(error, "it has a parameter without an argument");
        used[(n - 1) / 64] |= UINT64_C(1) << ((n - 1) % 64);
        if (n > last) last = n;
        d1t_write(w, d1t_bytes(sql.p + from, (size_t)(t.text.p - sql.p) - from));
        d1t__write_parameter(w, s->args[n - 1].kind, n);
        from = pos;
    }
    if (!any) return d1t__sql_fault(error, "it is empty");
    if (from < end) d1t_write(w, d1t_bytes(sql.p + from, end - from));
    for (i = 0; i < s->arg_count; i++)
        if (!(used[i / 64] >> (i % 64) & 1))
            return d1t__sql_fault(error, "an argument is never used; D1 would refuse the count");
    return D1T_OK;
}

D1TDEF d1t_result d1t_write_statement(d1t_writer *w, const d1t_statement *s, d1t_error *error) {
    d1t_result result;
    size_t i;
    uint8_t level = w->level;
    d1t_write_text(w, "{\"sql\":\"");
    w->level++;
    result = d1t_write_statement_sql(w, s, error);
    w->level = level;
    d1t_write_text(w, s->arg_count ? "\",\"params\":[" : "\"");
    for (i = 0; i < s->arg_count && result == D1T_OK; i++) {
        d1t_write_text(w, i ? ",\"" : "\"");
        w->level++;
        d1t__write_value_text(w, &s->args[i], false);
        w->level = level;
        d1t_write_text(w, "\"");
    }
    d1t_write_text(w, s->arg_count ? "]}" : "}");
    return result;
}

/* ---- >>reply (implementation) --------------------------------------------------------------------------------- */

/* What a level of nesting is. /raw answers
     {"success":true,"errors":[{"code":1,"message":""}],
      "result":[{"success":true,"meta":{},"results":{"columns":[],"rows":[[]]}}]} */
enum {
    D1T__AT_OTHER = 0, D1T__AT_ROOT, D1T__AT_ERRORS, D1T__AT_ERROR, D1T__AT_RESULT, D1T__AT_STATEMENT, D1T__AT_META,
    D1T__AT_RESULTS, D1T__AT_COLUMNS, D1T__AT_ROWS, D1T__AT_ROW, D1T__AT_BLOB, D1T__AT_TIMINGS
};

/* The member names that matter, by where they stand. */
enum {
    D1T__KEY_OTHER = 0,
    D1T__KEY_SUCCESS,
    D1T__KEY_ERRORS,
    D1T__KEY_RESULT,
    D1T__KEY_CODE,
    D1T__KEY_MESSAGE,
    D1T__KEY_META,
    D1T__KEY_RESULTS,
    D1T__KEY_COLUMNS,
    D1T__KEY_ROWS,
    D1T__KEY_ERROR,
    D1T__KEY_DURATION,      /* from here: for meta */
    D1T__KEY_TIMINGS,
    D1T__KEY_SQL_DURATION,
    D1T__KEY_CHANGES,
    D1T__KEY_LAST_ROW_ID,
    D1T__KEY_CHANGED_DB,
    D1T__KEY_SIZE_AFTER,
    D1T__KEY_ROWS_READ,
    D1T__KEY_ROWS_WRITTEN,
    D1T__KEY_SERVED_BY,
    D1T__KEY_REGION,
    D1T__KEY_COLO,
    D1T__KEY_PRIMARY,
    D1T__KEY_ATTEMPTS
};

D1T__PRIVATE uint8_t d1t__reply_key(const char *text) {
    static const char names[] =
        "success\0" "errors\0" "result\0" "code\0" "message\0" "meta\0" "results\0" "columns\0" "rows\0" "error\0"
#ifndef D1T_NO_META
        "duration\0" "timings\0" "sql_duration_ms\0" "changes\0" "last_row_id\0" "changed_db\0" "size_after\0"
        "rows_read\0" "rows_written\0" "served_by\0" "served_by_region\0" "served_by_colo\0" "served_by_primary\0"
        "total_attempts\0"
#endif
        ;
    const char *name = names;
    uint8_t key;
    for (key = D1T__KEY_OTHER + 1; *name; key++, name = d1t__word_at(name, 1))
        if (d1t__same(name, text)) return key;
    return D1T__KEY_OTHER;
}

/* What an object or array is that begins under `place` as member `key`. */
D1T__PRIVATE uint8_t d1t__reply_place(uint8_t place, uint8_t key, bool object) {
    if (place == D1T__AT_ROOT && !object && key == D1T__KEY_ERRORS) return D1T__AT_ERRORS;
    if (place == D1T__AT_ROOT && !object && key == D1T__KEY_RESULT) return D1T__AT_RESULT;
    if (place == D1T__AT_ERRORS && object) return D1T__AT_ERROR;
    if (place == D1T__AT_RESULT && object) return D1T__AT_STATEMENT;
    if (place == D1T__AT_STATEMENT && object && key == D1T__KEY_META) return D1T__AT_META;
    if (place == D1T__AT_STATEMENT && object && key == D1T__KEY_RESULTS) return D1T__AT_RESULTS;
    if (place == D1T__AT_META && object && key == D1T__KEY_TIMINGS) return D1T__AT_TIMINGS;
    if (place == D1T__AT_RESULTS && !object && key == D1T__KEY_COLUMNS) return D1T__AT_COLUMNS;
    if (place == D1T__AT_RESULTS && !object && key == D1T__KEY_ROWS) return D1T__AT_ROWS;
    if (place == D1T__AT_ROWS && !object) return D1T__AT_ROW;
    if (place == D1T__AT_ROW && !object) return D1T__AT_BLOB;
    return D1T__AT_OTHER;
}

D1T__PRIVATE d1t_result d1t__reply_emit(d1t_reply *r, d1t_reply_kind kind, d1t_json_kind json,
                                        const d1t_json_event *e) {
    d1t_reply_event event;
    D1T_MEMSET(&event, 0, sizeof event);
    event.kind = kind;
    event.json = json;
    event.statement = r->statement;
    event.column = r->column;
    event.meta = &r->meta;
    event.first = event.last = true;
    if (e) {
        event.text = e->text;
        event.first = e->first;
        event.last = e->last;
    }
    return r->handler ? r->handler(r->ctx, &event) : D1T_OK;
}

#ifndef D1T_NO_META

/* A JSON number of milliseconds as microseconds, without floating point; what is smaller is cut off. */
D1T__PRIVATE uint64_t d1t__milli_to_micro(d1t_str s) {
    uint64_t v = 0;
    int64_t exponent = 3, written = 0;
    size_t i;
    bool fraction = false;
    for (i = 0; i < s.n && s.p[i] != 'e' && s.p[i] != 'E'; i++) {
        if (s.p[i] == '.') {
            fraction = true;
        } else if (d1t__is_digit(s.p[i]) && v < UINT64_MAX / 100) {
            v = v * 10 + (uint64_t)(s.p[i] - '0');
            exponent -= fraction;
        } else if (!fraction) {
            exponent++;
        }
    }
    if (i < s.n && i + 1 < s.n && s.p[i + 1] == '+') i++;
    if (i < s.n && d1t_parse_int(d1t_bytes(s.p + i + 1, s.n - i - 1), &written) && written > -1000 && written < 1000)
        exponent += written;
    for (; exponent > 0 && v < UINT64_MAX / 10; exponent--) v *= 10;
    for (; exponent < 0 && v; exponent++) v /= 10;
    return v;
}

/* Counters are integers, but a server may write 7 as 7.0 or 1e3: then they go the long way. */
D1T__PRIVATE uint64_t d1t__count(d1t_str s) {
    int64_t v = 0;
    if (d1t_parse_int(s, &v)) return v < 0 ? 0 : (uint64_t)v;
    return d1t__milli_to_micro(s) / 1000;
}

D1T__PRIVATE void d1t__reply_number(d1t_reply *r, d1t_str s) {
    int64_t v = 0;
    uint64_t count = d1t__count(s);
    switch (r->key) {
        case D1T__KEY_DURATION: r->meta.duration_us = d1t__milli_to_micro(s); break;
        case D1T__KEY_SQL_DURATION: r->meta.sql_duration_us = d1t__milli_to_micro(s); break;
        case D1T__KEY_CHANGES: r->meta.changes = count; break;
        case D1T__KEY_LAST_ROW_ID: r->meta.last_row_id = d1t_parse_int(s, &v) ? v : 0; break;
        case D1T__KEY_SIZE_AFTER: r->meta.size_after = count; break;
        case D1T__KEY_ROWS_READ: r->meta.rows_read = count; break;
        case D1T__KEY_ROWS_WRITTEN: r->meta.rows_written = count; break;
        case D1T__KEY_ATTEMPTS: r->meta.total_attempts = count; break;
        default: break;
    }
}

#endif /* D1T_NO_META */

#ifndef D1T_NO_META
/* Adds a statement's figures to the sums. */
D1T__PRIVATE void d1t__reply_sum(d1t_reply *r) {
    const d1t_meta *m = &r->meta;
    r->total.sql_us += m->sql_duration_us ? m->sql_duration_us : m->duration_us;
    r->total.rows_read += m->rows_read;
    r->total.rows_written += m->rows_written;
}
#endif

D1T__PRIVATE d1t_result d1t__reply_begin(d1t_reply *r, const d1t_json_event *e) {
    bool object = e->kind == D1T_JSON_OBJECT;
    uint8_t parent =
        e->depth ? (e->depth <= 8 ? r->place[e->depth - 1] : (uint8_t)D1T__AT_OTHER) : (uint8_t)D1T__AT_OTHER;
    uint8_t place = e->depth ? d1t__reply_place(parent, r->key, object)
                    : object ? (uint8_t)D1T__AT_ROOT
                             : (uint8_t)D1T__AT_OTHER;
    if (e->depth < 8) r->place[e->depth] = place;
    r->key = D1T__KEY_OTHER;
    if (place == D1T__AT_STATEMENT) D1T_MEMSET(&r->meta, 0, sizeof r->meta);
    if (place == D1T__AT_STATEMENT) r->shaped = false;
    if (place == D1T__AT_RESULTS) r->shaped = true;
    if (place == D1T__AT_OTHER && (parent == D1T__AT_ROW || parent == D1T__AT_BLOB)) return D1T_ERR_PROTOCOL;
    if (place == D1T__AT_ROW || place == D1T__AT_COLUMNS) r->column = 0;
    return place == D1T__AT_BLOB ? d1t__reply_emit(r, D1T_REPLY_CELL, D1T_JSON_ARRAY, NULL) : D1T_OK;
}

D1T__PRIVATE d1t_result d1t__reply_finish(d1t_reply *r, const d1t_json_event *e) {
    uint8_t place = e->depth < 8 ? r->place[e->depth] : (uint8_t)D1T__AT_OTHER;
    d1t_result result = D1T_OK;
    r->key = D1T__KEY_OTHER;
    if (place == D1T__AT_ERROR) r->saw_error = true;
    if (place == D1T__AT_ROW) result = d1t__reply_emit(r, D1T_REPLY_ROW, D1T_JSON_ARRAY_END, NULL);
    if (place == D1T__AT_BLOB) {
        result = d1t__reply_emit(r, D1T_REPLY_CELL, D1T_JSON_ARRAY_END, NULL);
        r->column++;
    }
    if (place == D1T__AT_STATEMENT) {
#ifndef D1T_NO_META
        d1t__reply_sum(r);
#endif
        result = d1t__reply_emit(r, D1T_REPLY_STATEMENT, D1T_JSON_OBJECT_END, NULL);
        r->statement++;
        r->statements++;
    }
    return result;
}

D1T__PRIVATE void d1t__reply_bool(d1t_reply *r, uint8_t place, bool v) {
    if (place == D1T__AT_ROOT && r->key == D1T__KEY_SUCCESS) r->success = v ? 1 : 2;
    if (place == D1T__AT_STATEMENT && r->key == D1T__KEY_SUCCESS && !v) r->failed_statement = true;
#ifndef D1T_NO_META
    if (place == D1T__AT_META && r->key == D1T__KEY_CHANGED_DB) r->meta.changed_db = v;
    if (place == D1T__AT_META && r->key == D1T__KEY_PRIMARY) r->meta.served_by_primary = v;
#endif
}

/* Adds a piece to a short text. */
D1T__PRIVATE void d1t__append_short(char *out, size_t cap, const d1t_json_event *e) {
    size_t at = e->first ? 0 : d1t__strlen(out);
    d1t__copy_short(out + at, cap - at, e->text);
}

/* A piece of a text outside the rows: the first error's message, or a short name. */
D1T__PRIVATE void d1t__reply_words(d1t_reply *r, uint8_t place, const d1t_json_event *e) {
    bool message = (place == D1T__AT_ERROR && r->key == D1T__KEY_MESSAGE && !r->saw_error) ||
                   (place == D1T__AT_STATEMENT && r->key == D1T__KEY_ERROR);
    size_t room = D1T_SERVER_TEXT - 1u - r->text_n, n = e->text.n < room ? e->text.n : room;
    if (message) {
        D1T_MEMCPY(r->text + r->text_n, e->text.p, n);
        r->text_n = (uint16_t)(r->text_n + n);
        r->text[r->text_n] = 0;
    }
#ifndef D1T_NO_META
    if (place != D1T__AT_META) return;
    if (r->key == D1T__KEY_SERVED_BY) d1t__append_short(r->meta.served_by, sizeof r->meta.served_by, e);
    if (r->key == D1T__KEY_REGION) d1t__append_short(r->meta.region, sizeof r->meta.region, e);
    if (r->key == D1T__KEY_COLO) d1t__append_short(r->meta.colo, sizeof r->meta.colo, e);
#endif
}

/* Keys and numbers are short; they are put together here, so that everything after sees them whole. */
D1T__PRIVATE void d1t__reply_collect(d1t_reply *r, const d1t_json_event *e) {
    size_t room, more;
    if (e->first) r->word_n = 0;
    room = sizeof r->word - 1u - r->word_n;
    more = e->text.n < room ? e->text.n : room;
    if (more) D1T_MEMCPY(r->word + r->word_n, e->text.p, more);
    r->word_n = (uint8_t)(r->word_n + more);
    r->word[r->word_n] = 0;
}

D1T__PRIVATE d1t_result d1t__reply_scalar(d1t_reply *r, const d1t_json_event *e) {
    uint8_t place = e->depth && e->depth <= 8 ? r->place[e->depth - 1] : (uint8_t)D1T__AT_OTHER;
    int64_t code = 0;
    d1t_result result;
    if (place == D1T__AT_COLUMNS || place == D1T__AT_ROW || place == D1T__AT_BLOB) {
        result = d1t__reply_emit(r, place == D1T__AT_COLUMNS ? D1T_REPLY_COLUMN : D1T_REPLY_CELL, e->kind, e);
        if (e->last && place != D1T__AT_BLOB) r->column++;
        return result;
    }
    if (e->kind == D1T_JSON_STRING) d1t__reply_words(r, place, e);
    if (e->kind == D1T_JSON_TRUE || e->kind == D1T_JSON_FALSE) d1t__reply_bool(r, place, e->kind == D1T_JSON_TRUE);
    if (e->kind != D1T_JSON_NUMBER) return D1T_OK;
    d1t__reply_collect(r, e);
    if (!e->last) return D1T_OK;
#ifndef D1T_NO_META
    if (place == D1T__AT_META || place == D1T__AT_TIMINGS) d1t__reply_number(r, d1t_bytes(r->word, r->word_n));
#endif
    if (place == D1T__AT_ERROR && r->key == D1T__KEY_CODE && !r->saw_error &&
        d1t_parse_int(d1t_bytes(r->word, r->word_n), &code) && code > 0 && code <= INT32_MAX)
        r->d1_code = (int32_t)code;
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__reply_event(void *ctx, const d1t_json_event *e) {
    d1t_reply *r = (d1t_reply *)ctx;
    switch (e->kind) {
        case D1T_JSON_OBJECT: case D1T_JSON_ARRAY: return d1t__reply_begin(r, e);
        case D1T_JSON_OBJECT_END: case D1T_JSON_ARRAY_END: return d1t__reply_finish(r, e);
        case D1T_JSON_KEY:
            d1t__reply_collect(r, e);
            if (e->last) r->key = d1t__reply_key(r->word);
            return D1T_OK;
        case D1T_JSON_STRING: case D1T_JSON_NUMBER: case D1T_JSON_TRUE: case D1T_JSON_FALSE: case D1T_JSON_NULL: break;
    }
    return d1t__reply_scalar(r, e);
}

D1TDEF void d1t_reply_init(d1t_reply *r, d1t_reply_handler handler, void *ctx) {
    D1T_MEMSET(r, 0, sizeof *r);
    r->handler = handler;
    r->ctx = ctx;
    d1t_json_reader_init(&r->json, d1t__reply_event, r, 32);
}

/* HTML or plain text: its beginning is all there is to say. An envelope begins with '{', and what is inside is never
   taken for a message. */
D1T__PRIVATE void d1t__reply_plain(d1t_reply *r, const char *p, size_t n) {
    size_t i = 0, room = D1T_SERVER_TEXT - 1u - r->text_n;
    while (!r->begun && i < n && d1t__is_space(p[i])) i++;
    if (!r->begun && i < n) r->plain = p[i] != '{';
    r->begun = r->begun || i < n;
    n = n - i < room ? n - i : room;
    if (!r->plain || n == 0) return;
    D1T_MEMCPY(r->text + r->text_n, p + i, n);
    r->text_n = (uint16_t)(r->text_n + n);
    r->text[r->text_n] = 0;
}

D1TDEF d1t_result d1t_reply_feed(d1t_reply *r, const void *data, size_t size) {
    if (!r->begun || r->plain) d1t__reply_plain(r, (const char *)data, size);
    return d1t_json_reader_feed(&r->json, data, size);
}

D1TDEF d1t_result d1t_reply_end(d1t_reply *r) {
    return d1t_json_reader_end(&r->json);
}

/* ================================================================================================================
   ROOM exchange (implementation)
   ============================================================================================================= */

/* ---- >>limiter (implementation) ------------------------------------------------------------------------------- */

#define D1T__SLOT_MS 10000u
#define D1T__SLOTS 31u

D1T__PRIVATE uint16_t d1t__limiter_next(uint16_t slot) {
    return slot + 1u == D1T__SLOTS ? 0 : (uint16_t)(slot + 1u);
}

/* Forgets the slots that have left the window. */
D1T__PRIVATE void d1t__limiter_turn(d1t_limiter *l, uint64_t now_ms) {
    if (now_ms < l->begin) return;
    if (now_ms - l->begin >= D1T__SLOTS * D1T__SLOT_MS) {
        D1T_MEMSET(l->used, 0, sizeof l->used);
        l->begin = now_ms;
    }
    for (; now_ms - l->begin >= D1T__SLOT_MS; l->begin += D1T__SLOT_MS) {
        l->newest = d1t__limiter_next(l->newest);
        l->used[l->newest] = 0;
    }
}

D1TDEF uint64_t d1t_limiter_wait(d1t_limiter *l, uint64_t now_ms) {
    uint32_t limit = l->requests ? l->requests : 1200, used = 0;
    uint64_t at;
    uint16_t i;
    if (l->blocked_until > now_ms) return l->blocked_until;
    d1t__limiter_turn(l, now_ms);
    for (i = 0; i < D1T__SLOTS; i++) used += l->used[i];
    if (used < limit) return now_ms;
    for (at = l->begin, i = l->newest; ; ) {    /* the first slot whose begin drops enough old ones */
        at += D1T__SLOT_MS;
        i = d1t__limiter_next(i);
        used -= l->used[i];
        if (used < limit || i == l->newest) return at;
    }
}

D1TDEF void d1t_limiter_count(d1t_limiter *l, uint64_t now_ms) {
    d1t__limiter_turn(l, now_ms);
    if (l->used[l->newest] < UINT16_MAX) l->used[l->newest]++;
}

/* ---- >>op (implementation) ------------------------------------------------------------------------------------ */

enum { D1T__OP_READY = 0, D1T__OP_IN_FLIGHT, D1T__OP_SETTLED };

/* What a message, a code or a status means; the first row that fits decides (Cloudflare docs: D1 "Debug D1", "Limits";
   Cloudflare API error codes). Message first: code 7500 stands for the user's SQL errors and for internal ones. */
typedef struct d1t__meaning {
    int8_t  code;       /* d1t_result */
    uint8_t outcome;    /* d1t_outcome */
    uint8_t flags;
} d1t__meaning;

enum { D1T__RETRY = 1, D1T__SHRINK = 2, D1T__LATE = 4 };

typedef struct d1t__message_rule {
    const char  *part;
    d1t__meaning means;
} d1t__message_rule;

typedef struct d1t__code_rule {
    uint16_t     d1_code;       /* 0: any */
    int16_t      low, high;     /* HTTP status range, 0 0: any */
    d1t__meaning means;
} d1t__code_rule;

#define D1T__DEFERRED "application left the database in a state"

static const d1t__message_rule d1t__message_rules[] = {
    /* A deferred violation that reaches commit resets the object: other clients see this text for writes that were
       committed. */
    {D1T__DEFERRED, {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY}},
    {"'d1t ", {D1T_ERR_PRECONDITION, D1T_NOT_APPLIED, 0}},
    {"daily row", {D1T_ERR_QUOTA, D1T_PERMANENT, 0}},
    {"free tier daily", {D1T_ERR_QUOTA, D1T_PERMANENT, 0}},
    {"maximum DB size", {D1T_ERR_DB_FULL, D1T_PERMANENT, 0}},
    {"SQLITE_FULL", {D1T_ERR_DB_FULL, D1T_PERMANENT, 0}},
    {"constraint failed", {D1T_ERR_CONSTRAINT, D1T_NOT_APPLIED, 0}},
    {"SQLITE_CONSTRAINT", {D1T_ERR_CONSTRAINT, D1T_NOT_APPLIED, 0}},
    {"SQLITE_TOOBIG", {D1T_ERR_LIMIT, D1T_NOT_APPLIED, 0}},
    {"SQLITE_", {D1T_ERR_SQL, D1T_NOT_APPLIED, 0}},
    {"Wrong number of parameter bindings", {D1T_ERR_SQL, D1T_NOT_APPLIED, 0}},
    {"No SQL statements detected", {D1T_ERR_SQL, D1T_NOT_APPLIED, 0}},
    {"SQL code did not contain a statement", {D1T_ERR_SQL, D1T_NOT_APPLIED, 0}},
    {"is overloaded", {D1T_ERR_OVERLOADED, D1T_NOT_APPLIED, D1T__RETRY}},
    {"exceeded its memory limit", {D1T_ERR_TOO_HEAVY, D1T_UNKNOWN, D1T__SHRINK}},
    {"exceeded its CPU time limit", {D1T_ERR_TOO_HEAVY, D1T_UNKNOWN, D1T__SHRINK}},
    {"exceeded timeout", {D1T_ERR_TOO_HEAVY, D1T_UNKNOWN, D1T__RETRY | D1T__SHRINK}},
    {"long-running export", {D1T_ERR_OVERLOADED, D1T_NOT_APPLIED, D1T__RETRY}},
    {"Network connection lost", {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY | D1T__LATE}},
    {"client disconnected", {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY | D1T__LATE}},
    {"Cannot resolve D1 DB", {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY}},
    {"caused object to be reset", {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY}},
    {"was reset", {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY}},
    {"DB reset because", {D1T_ERR_RESET, D1T_UNKNOWN, D1T__RETRY}}};

static const d1t__code_rule d1t__code_rules[] = {
    {971, 0, 0, {D1T_ERR_THROTTLED, D1T_NOT_APPLIED, D1T__RETRY}},
    {10000, 400, 499, {D1T_ERR_AUTH, D1T_PERMANENT, 0}},
    {7404, 0, 0, {D1T_ERR_NOT_FOUND, D1T_PERMANENT, 0}},
    {7003, 0, 0, {D1T_ERR_NOT_FOUND, D1T_PERMANENT, 0}},
    {0, 429, 429, {D1T_ERR_OVERLOADED, D1T_NOT_APPLIED, D1T__RETRY}},
    {0, 401, 403, {D1T_ERR_AUTH, D1T_PERMANENT, 0}},
    {0, 404, 404, {D1T_ERR_NOT_FOUND, D1T_PERMANENT, 0}},
    {0, 413, 413, {D1T_ERR_LIMIT, D1T_NOT_APPLIED, D1T__SHRINK}},
    {7500, 400, 499, {D1T_ERR_SQL, D1T_NOT_APPLIED, 0}},
    {0, 408, 408, {D1T_ERR_TIMEOUT, D1T_UNKNOWN, D1T__RETRY | D1T__LATE}},
    {0, 300, 499, {D1T_ERR_HTTP, D1T_PERMANENT, 0}},
    {7500, 500, 599, {D1T_ERR_SERVER, D1T_UNKNOWN, D1T__RETRY}},
    {10001, 500, 599, {D1T_ERR_SERVER, D1T_UNKNOWN, D1T__RETRY}},
    {0, 500, 599, {D1T_ERR_SERVER, D1T_UNKNOWN, D1T__RETRY | D1T__LATE}}, /* a gateway: D1 may still be at work */
    {0, 200, 299, {D1T_ERR_PROTOCOL, D1T_UNKNOWN, D1T__RETRY}},
    {0, 0, 0, {D1T_ERR_HTTP, D1T_UNKNOWN, D1T__RETRY | D1T__LATE}}};

/* How the connection ended, where that decides. */
static const d1t__meaning d1t__transport_rules[] = {
    {D1T_ERR_CONNECT, D1T_NOT_APPLIED, D1T__RETRY},
    {D1T_ERR_TLS, D1T_PERMANENT, 0},
    {D1T_ERR_TIMEOUT, D1T_UNKNOWN, D1T__RETRY | D1T__LATE},
    {D1T_ERR_TRANSPORT, D1T_UNKNOWN, D1T__RETRY | D1T__LATE}
};

D1T__PRIVATE const d1t__meaning *d1t__meaning_of(d1t_result transport, int32_t http_status, int32_t d1_code,
                                                 d1t_str message) {
    const size_t codes = D1T__COUNT(d1t__code_rules) - 1, transports = D1T__COUNT(d1t__transport_rules) - 1;
    size_t i = 0;
    if (transport != D1T_OK) {
        while (i < transports && d1t__transport_rules[i].code != transport) i++;
        return &d1t__transport_rules[i];
    }
    for (i = 0; i < D1T__COUNT(d1t__message_rules); i++)
        if (d1t__contains(message, d1t__message_rules[i].part)) return &d1t__message_rules[i].means;
    for (i = 0; i < codes; i++) {
        const d1t__code_rule *r = &d1t__code_rules[i];
        if (r->d1_code && r->d1_code != d1_code) continue;
        if (r->low == 0 || (http_status >= r->low && http_status <= r->high)) break;
    }
    return &d1t__code_rules[i].means;
}

D1TDEF d1t_verdict d1t_classify(d1t_result transport, int32_t http_status, int32_t d1_code, d1t_str message) {
    const d1t__meaning *m = d1t__meaning_of(transport, http_status, d1_code, message);
    d1t_verdict v;
    v.code = (d1t_result)m->code;
    v.outcome = (d1t_outcome)m->outcome;
    v.retryable = (m->flags & D1T__RETRY) != 0;
    v.shrink = (m->flags & D1T__SHRINK) != 0;
    v.lands_late = (m->flags & D1T__LATE) != 0;
    return v;
}

D1T__NOINLINE D1T__PRIVATE uint64_t d1t__random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);    /* splitmix64: jitter needs no more */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

D1TDEF void d1t_op_init(d1t_op *op, d1t_exchange *exchange, const d1t_op_desc *desc) {
    D1T_MEMSET(op, 0, sizeof *op);
    op->exchange = exchange;
    op->request.method = d1t_cstr("POST");
    op->request.url = desc->url;
    op->request.token = desc->token;
    op->request.content_type = d1t_cstr("application/json");
    op->idempotent = desc->idempotent;
    op->read_only = desc->read_only;
    op->expect = desc->expect;
    op->before_retry = desc->before_retry;
    op->may_retry = desc->may_retry;
    op->ctx = desc->ctx;
    d1t_reply_init(&op->reply, desc->handler, desc->ctx);
    d1t_request_set_body(&op->request, desc->body);
}

/* When the next attempt may go out: backoff, the account's rate, and the quiet time after an unknown outcome, which the
   same request need not keep. */
D1T__PRIVATE uint64_t d1t__op_earliest(const d1t_op *op, uint64_t now_ms) {
    uint64_t at = op->wake_ms > now_ms ? op->wake_ms : now_ms, limited;
    if (!op->unknown && op->exchange->quiet_until > at) at = op->exchange->quiet_until;
    limited = op->exchange->limiter ? d1t_limiter_wait(op->exchange->limiter, now_ms) : now_ms;
    return limited > at ? limited : at;
}

D1TDEF d1t_step d1t_op_next(d1t_op *op, uint64_t now_ms, uint64_t *wake_ms) {
    *wake_ms = now_ms;
    if (op->state == D1T__OP_SETTLED) return op->code == D1T_OK ? D1T_DONE : D1T_FAIL;
    if (op->state == D1T__OP_IN_FLIGHT) {
        *wake_ms = op->request.deadline_ms;
        return now_ms < *wake_ms ? D1T_WAIT : D1T_CANCEL;
    }
    *wake_ms = d1t__op_earliest(op, now_ms);
    if (*wake_ms > now_ms) return D1T_WAIT;
    op->state = D1T__OP_IN_FLIGHT;
    op->attempt++;
    op->sent_ms = now_ms;
    op->request.deadline_ms = now_ms + op->exchange->retry.deadline_ms;
    op->http_status = op->transport_code = 0;
    op->retry_after_s = 0;
    op->received = 0;
    op->fed = D1T_OK;
    if (op->before_retry && op->attempt > 1) op->before_retry(op->ctx);
    d1t_reply_init(&op->reply, op->reply.handler, op->reply.ctx);
    d1t_request_rewind(&op->request);
    if (op->exchange->limiter) d1t_limiter_count(op->exchange->limiter, now_ms);
    return D1T_SEND;
}

D1TDEF void d1t_op_on_status(d1t_op *op, int32_t status) {
    if (op->state == D1T__OP_IN_FLIGHT) op->http_status = status;
}

/* The number at `at`; -1: there is none. */
D1T__PRIVATE int64_t d1t__digits_at(d1t_str s, size_t at) {
    size_t end = at;
    int64_t v = -1;
    while (end < s.n && d1t__is_digit(s.p[end])) end++;
    return d1t_parse_int(d1t_bytes(s.p + at, end - at), &v) ? v : -1;
}

/* The parameter of a header like  "default";r=50; t=30  (RFC 9651); -1: none. */
D1T__PRIVATE int64_t d1t__header_number(d1t_str s, char name) {
    size_t i;
    for (i = 1; i + 1 < s.n; i++)
        if (s.p[i] == name && s.p[i + 1] == '=' && (s.p[i - 1] == ';' || d1t__is_space(s.p[i - 1])))
            return d1t__digits_at(s, i + 2);
    return -1;
}

/* The account has to wait. */
D1T__PRIVATE void d1t__block_account(d1t_exchange *x, uint64_t until_ms) {
    if (x->limiter && until_ms > x->limiter->blocked_until) x->limiter->blocked_until = until_ms;
}

D1TDEF void d1t_op_on_header(d1t_op *op, const char *name, const char *value) {
    d1t_str n = d1t_cstr(name), v = d1t_cstr(value);
    int64_t seconds;
    if (op->state != D1T__OP_IN_FLIGHT) return;
    if (d1t_str_equal_nocase(n, d1t_cstr("retry-after"))) {
        seconds = d1t__digits_at(v, 0);    /* a date instead of seconds counts as none: then backoff decides */
        if (seconds > 0) op->retry_after_s = seconds > INT32_MAX ? (uint32_t)INT32_MAX : (uint32_t)seconds;
    } else if (d1t_str_equal_nocase(n, d1t_cstr("ratelimit")) && d1t__header_number(v, 'r') == 0) {
        seconds = d1t__header_number(v, 't');
        if (seconds > 0 && seconds <= 300) d1t__block_account(op->exchange, op->sent_ms + (uint64_t)seconds * 1000u);
    }
}

D1TDEF d1t_result d1t_op_on_body(d1t_op *op, const void *data, size_t size) {
    d1t_result result;
    if (op->state != D1T__OP_IN_FLIGHT) return D1T_ERR_STATE;
    op->received += size;
    if (op->fed != D1T_OK && op->fed != D1T_ERR_JSON && op->fed != D1T_ERR_DEPTH) return op->fed;
    if (op->received > op->exchange->max_reply) return op->fed = D1T_ERR_TOO_BIG;
    result = d1t_reply_feed(&op->reply, data, size);
    if (result != D1T_OK) op->fed = result;
    /* A body that is not JSON is read to its end, so that the connection stays usable; it is bounded by the cap. */
    return result == D1T_ERR_JSON || result == D1T_ERR_DEPTH ? D1T_OK : result;
}

D1TDEF void d1t_op_set_transport_code(d1t_op *op, int32_t code) {
    op->transport_code = code;
}

/* Retry-After in ms, up to its cap. */
D1T__PRIVATE uint64_t d1t__told_to_wait(const d1t_op *op) {
    uint64_t told = (uint64_t)op->retry_after_s * 1000u;
    return told > op->exchange->retry.retry_after_ms ? op->exchange->retry.retry_after_ms : told;
}

/* Full jitter; Retry-After is obeyed up to its cap and never shortened by the jitter. */
D1T__PRIVATE uint64_t d1t__op_backoff(d1t_op *op) {
    const d1t_retry *r = &op->exchange->retry;
    uint32_t shift = op->attempt - 1 < 20 ? op->attempt - 1 : 20;
    uint64_t range = (uint64_t)r->base_ms << shift, told = d1t__told_to_wait(op), wait;
    if (range > r->cap_ms) range = r->cap_ms;
    wait = (d1t__random(&op->exchange->random) >> 32) * (range + 1) >> 32;
    return told > wait ? told : wait;
}

/* Takes the tokens of one more attempt; false: the budget is used up. */
D1T__PRIVATE bool d1t__op_pay(d1t_op *op, bool after_timeout) {
    uint32_t price = after_timeout ? 10 : 5;
    if (op->exchange->budget < price) return false;
    op->exchange->budget -= price;
    return true;
}

/* Is the reply a whole success? */
D1T__PRIVATE bool d1t__op_succeeded(const d1t_op *op) {
    return op->transport == D1T_OK && op->fed == D1T_OK && op->http_status >= 200 && op->http_status < 300 &&
           op->reply.success == 1 && !op->reply.failed_statement && op->reply.statements == op->expect;
}

D1T__PRIVATE d1t_verdict d1t__op_verdict(d1t_op *op) {
    d1t_result transport = op->transport;
    bool cut = transport != D1T_OK && op->http_status != 0;
    d1t_verdict v;
    /* An answer that says what happened counts, even if the connection broke behind it. */
    if (cut && op->reply.success == 2 && op->reply.saw_error) transport = D1T_OK;
    /* An envelope that ends in the middle, though the transport has not noticed, is a cut connection too. */
    if (transport == D1T_OK && op->fed == D1T_ERR_JSON && op->reply.begun && !op->reply.plain &&
        !op->reply.saw_error && op->http_status == 400) transport = D1T_ERR_TRANSPORT;
    v = d1t_classify(transport, op->http_status, op->reply.d1_code, d1t_bytes(op->reply.text, op->reply.text_n));
    if (cut && transport != D1T_OK && op->http_status < 300) v.lands_late = false; /* it had been executed already */
    if (op->fed != D1T_OK && op->fed != D1T_ERR_JSON && op->fed != D1T_ERR_DEPTH) {
        v.code = op->fed;       /* the cap, or a handler that stopped */
        v.retryable = false;
        v.lands_late = false;
        v.outcome = op->http_status >= 200 && op->http_status < 300 ? D1T_UNKNOWN : v.outcome;
    }
    return v;
}

D1TDEF void d1t_op_on_end(d1t_op *op, uint64_t now_ms, d1t_result result, int32_t code) {
    d1t_exchange *x = op->exchange;
    d1t_verdict v;
    bool again;
    if (op->state != D1T__OP_IN_FLIGHT) return;
    op->transport = result;
    if (code) op->transport_code = code;
    if (result == D1T_OK && op->fed == D1T_OK) op->fed = d1t_reply_end(&op->reply);
    if (d1t__op_succeeded(op)) {
        op->state = D1T__OP_SETTLED;
        op->code = D1T_OK;
        op->outcome = D1T_APPLIED;
        if (x->budget < x->retry.budget) x->budget++;
        return;
    }
    v = d1t__op_verdict(op);
    if (!d1t__contains(d1t_bytes(op->reply.text, op->reply.text_n), D1T__DEFERRED)) op->other = true;
    if (v.lands_late && !op->read_only && op->sent_ms + x->retry.deadline_ms > x->quiet_until)
        x->quiet_until = op->sent_ms + x->retry.deadline_ms;
    if (v.outcome == D1T_UNKNOWN && !op->read_only) op->unknown = true;
    if (v.code == D1T_ERR_THROTTLED) d1t__block_account(x, now_ms + d1t__told_to_wait(op));
    again = v.retryable && op->attempt < x->retry.attempts &&
            (v.outcome != D1T_UNKNOWN || op->idempotent || op->read_only) &&
            (!op->may_retry || op->may_retry(op->ctx)) && d1t__op_pay(op, v.code == D1T_ERR_TIMEOUT);
    if (again) {
        op->wake_ms = now_ms + d1t__op_backoff(op);
        op->state = D1T__OP_READY;
        return;
    }
    op->state = D1T__OP_SETTLED;
    op->code = v.code;
    /* An earlier attempt of unknown outcome is not undone by a later one that surely did nothing. */
    op->outcome = (uint8_t)(op->unknown && (v.retryable || v.outcome == D1T_PERMANENT) ? D1T_UNKNOWN : v.outcome);
    if (!op->other && op->attempt > 1) op->outcome = D1T_PERMANENT;     /* it repeats alone: the batch itself does it */
    if (op->read_only && op->outcome == D1T_UNKNOWN) op->outcome = D1T_NOT_APPLIED;
    op->retryable = v.retryable;
    op->shrink = v.shrink;
}

/* ================================================================================================================
   ROOM planning (implementation)
   ============================================================================================================= */

/* ---- >>write (implementation) --------------------------------------------------------------------------------- */

D1T__PRIVATE d1t_write_kind d1t__kind_of(const d1t_write_desc *d) {
    return D1T__UPDATES ? (d1t_write_kind)d->kind : D1T_WRITE_UPSERT;
}

D1T__PRIVATE bool d1t__is_conditional(const d1t_write_desc *d) {
    return D1T__UPDATES && d->condition >= 0;
}

D1T__PRIVATE bool d1t__is_held(const d1t_write_desc *d) {
    return D1T__HOLDS && d->hold;
}

D1T__PRIVATE bool d1t__has(d1t_columns set, size_t column) {
    return (set.bits[column / 64 & 1] >> (column % 64) & 1) != 0;
}

D1T__PRIVATE void d1t__include(d1t_columns *set, size_t column) {
    set->bits[column / 64 & 1] |= UINT64_C(1) << (column % 64);
}

D1T__PRIVATE d1t_columns d1t__no_columns(void) {
    d1t_columns none;
    none.bits[0] = none.bits[1] = 0;
    return none;
}

D1TDEF d1t_result d1t_shape_init(d1t_shape *s, const d1t_table *table) {
    size_t i;
    D1T_MEMSET(s, 0, sizeof *s);
    if (table->column_count > sizeof s->order) return D1T_ERR_LIMIT;
    s->table = table;
    for (i = 0; i < table->column_count; i++)
        if (table->columns[i].flags & D1T_KEY) s->order[s->keys++] = (uint8_t)i;
    s->elements = s->keys;
    for (i = 0; i < table->column_count; i++)
        if (!(table->columns[i].flags & D1T_KEY) && d1t__takes_value(&table->columns[i]))
            s->order[s->elements++] = (uint8_t)i;
    for (i = 0; i < table->index_count; i++)
        if (table->indexes[i].flags & D1T_UNIQUE) s->has_unique = true;
    return D1T_OK;
}

/* Does the first pass leave columns out? */
D1T__PRIVATE bool d1t__has_late(const d1t_write_desc *d) {
    return D1T__HOLDS && d1t__kind_of(d) == D1T_WRITE_UPSERT && !d1t__is_conditional(d) &&
           (d->shape->late.bits[0] | d->shape->late.bits[1]) != 0;
}

/* Does a row of this statement carry the column of element e? */
D1T__PRIVATE bool d1t__carries(const d1t_write_desc *d, size_t e) {
    if (e < d->shape->keys) return true;
    if (d1t__kind_of(d) == D1T_WRITE_DELETE) return false;
    return d1t__kind_of(d) == D1T_WRITE_UPSERT || d->full || d1t__has(d->columns, d->shape->order[e]);
}

/* Does the statement set it? */
D1T__PRIVATE bool d1t__sets(const d1t_write_desc *d, size_t e) {
    if (e < d->shape->keys) return false;
    return !D1T__UPDATES || d1t__has(d->columns, d->shape->order[e]) == (d1t__kind_of(d) == D1T_WRITE_UPDATE);
}

D1T__PRIVATE bool d1t__sets_any(const d1t_write_desc *d) {
    size_t e;
    for (e = d->shape->keys; e < d->shape->elements; e++)
        if (d1t__sets(d, e)) return true;
    return false;
}

/* How many elements a row of this statement has. */
D1T__PRIVATE size_t d1t__carried(const d1t_write_desc *d) {
    size_t e, n = 0;
    for (e = 0; e < d->shape->elements; e++) n += d1t__carries(d, e);
    return n + d1t__is_conditional(d);
}

/* Where a column stands in a row of this statement; SIZE_MAX: it is not carried. */
D1T__PRIVATE size_t d1t__place_of(const d1t_write_desc *d, size_t column) {
    size_t e, n = 0;
    for (e = 0; e < d->shape->elements; e++) {
        if (!d1t__carries(d, e)) continue;
        if (d->shape->order[e] == column) return n;
        n++;
    }
    return SIZE_MAX;
}

/* The names of the one CTE, its column and the alias of the table (d1t_t): unlikely, so that no table or column is
   hidden. */
#define D1T__ROWS "WITH d1t_r(d1t_v) AS MATERIALIZED (SELECT value FROM json_each(?1)"

D1T__PRIVATE d1t__blank d1t__blank_of(const d1t_table *table) {
    d1t__blank of;
    of.table = table;
    of.column = NULL;
    of.element = 0;
    of.parameter = 0;
    return of;
}

/* Lists of columns: the key, what is set, both, and what rows carry. */
enum { D1T__KEYS, D1T__SET, D1T__WRITTEN, D1T__CARRIED };

D1T__PRIVATE bool d1t__is_listed(const d1t_write_desc *d, size_t e, int which) {
    if (which == D1T__CARRIED) return d1t__carries(d, e);
    return e < d->shape->keys ? which != D1T__SET : which != D1T__KEYS && d1t__sets(d, e);
}

/* A form for each column of the list, with text between them. Columns in `big` (NULL: none) are parameters of their
   own, from the second on. */
D1T__PRIVATE void d1t__write_list(d1t_writer *w, const d1t_write_desc *d, const d1t_columns *big, int which,
                                  const char *between, const char *form) {
    const d1t_shape *s = d->shape;
    d1t__blank of = d1t__blank_of(s->table);
    uint32_t next = 2;
    bool first = true;
    size_t e;
    for (e = 0; e < s->elements; e++) {
        of.column = &s->table->columns[s->order[e]];
        of.parameter = big && d1t__has(*big, s->order[e]) ? next : 0;
        if (of.parameter) next += of.column->type == D1T_BLOB || of.column->type == D1T_VECTOR ? 2u : 1u;
        if (d1t__is_listed(d, e, which)) {
            if (!first) d1t_write_text(w, between);
            first = false;
            d1t__write_form(w, &of, form);
        }
        of.element += d1t__carries(d, e);
    }
}

D1T__NOINLINE D1T__PRIVATE void d1t__write_names_of(d1t_writer *w, const d1t_write_desc *d, int which,
                                                    const char *form) {
    d1t__write_list(w, d, NULL, which, ",", form);
}

/* A form for each column that is set besides those that rows carry. */
D1T__PRIVATE void d1t__write_on_write(d1t_writer *w, const d1t_table *t, const char *form) {
    d1t__blank of = d1t__blank_of(t);
    for (of.column = t->columns; of.column < t->columns + t->column_count; of.column++)
        if (of.column->on_write_sql) d1t__write_form(w, &of, form);
}

/* The key: k1, or (k1,k2) */
D1T__PRIVATE void d1t__write_keys(d1t_writer *w, const d1t_write_desc *d, const char *form) {
    if (d->shape->keys > 1) d1t_write_text(w, "(");
    d1t__write_names_of(w, d, D1T__KEYS, form);
    if (d->shape->keys > 1) d1t_write_text(w, ")");
}

/* t.k1=v->>0 AND t.k2=v->>1 */
D1T__PRIVATE void d1t__write_key_match(d1t_writer *w, const d1t_write_desc *d) {
    d1t__write_list(w, d, NULL, D1T__KEYS, " AND ", "d1t_t.~=#");
}

/* t.hash IS v->>n, or IS NOT. */
D1T__PRIVATE void d1t__write_condition(d1t_writer *w, const d1t_write_desc *d) {
    d1t__blank of = d1t__blank_of(d->shape->table);
    of.column = &of.table->columns[d->condition];
    of.element = d1t__carried(d) - 1;
    d1t__write_form(w, &of, d->equals ? "d1t_t.~% IS #" : "d1t_t.~% IS NOT #");
}

/* The guard: (t.a,t.b) IS NOT (excluded.a,excluded.b), over the columns that are set. */
D1T__PRIVATE void d1t__write_guard(d1t_writer *w, const d1t_write_desc *d, const char *values) {
    d1t_write_text(w, "(");
    d1t__write_names_of(w, d, D1T__SET, "d1t_t.~%&,typeof(d1t_t.~)");
    d1t_write_text(w, ") IS NOT (");
    d1t__write_names_of(w, d, D1T__SET, values);
    d1t_write_text(w, ")");
}

/* A condition is put on the rows that are selected: DO UPDATE could not refer to them (no such column). A row that is
   missing in the table passes. */
D1T__PRIVATE void d1t__write_upsert(d1t_writer *w, const d1t_write_desc *d, d1t_columns big) {
    const d1t_table *t = d->shape->table;
    d1t__blank of = d1t__blank_of(t);
    of.column = &t->columns[d->shape->order[0]];
    d1t__write_form(w, &of, D1T__ROWS ") INSERT INTO @ AS d1t_t(");
    d1t__write_names_of(w, d, D1T__WRITTEN, "~");
    d1t__write_on_write(w, t, ",~");
    d1t_write_text(w, ") SELECT ");
    d1t__write_list(w, d, &big, D1T__WRITTEN, ",", "#");
    d1t__write_on_write(w, t, ",(!)");
    d1t_write_text(w, " FROM d1t_r");
    if (d1t__is_conditional(d)) {
        d1t__write_form(w, &of, " LEFT JOIN @ AS d1t_t ON ");
        d1t__write_key_match(w, d);
        d1t__write_form(w, &of, " WHERE d1t_t.~ IS NULL OR ");
        d1t__write_condition(w, d);
    } else {
        d1t_write_text(w, " WHERE true");
    }
    d1t_write_text(w, " ON CONFLICT(");
    d1t__write_names_of(w, d, D1T__KEYS, "~");
    if (!d1t__sets_any(d)) {
        d1t_write_text(w, ") DO NOTHING");
        return;
    }
    d1t_write_text(w, ") DO UPDATE SET ");
    d1t__write_names_of(w, d, D1T__SET, "~=excluded.~");
    d1t__write_on_write(w, t, ",~=(!)");
    d1t_write_text(w, " WHERE ");
    d1t__write_guard(w, d, "excluded.~%&,typeof(excluded.~)");
}

/* An INSERT ... ON CONFLICT of some columns would trip over NOT NULL and CHECK of those left out. The new values are
   named in a second CTE, so that SET and the guard can both refer to them. */
D1T__PRIVATE void d1t__write_update(d1t_writer *w, const d1t_write_desc *d, d1t_columns big) {
    d1t__blank of = d1t__blank_of(d->shape->table);
    d1t_write_text(w, D1T__ROWS "),d1t_n AS MATERIALIZED (SELECT ");
    d1t__write_list(w, d, &big, D1T__CARRIED, ",", "# AS ~");
    d1t__write_form(w, &of, " FROM d1t_r) UPDATE @ AS d1t_t SET ");
    d1t__write_names_of(w, d, D1T__SET, "~=d1t_n.~");
    d1t__write_on_write(w, of.table, ",~=(!)");
    d1t_write_text(w, " FROM d1t_n WHERE ");
    d1t__write_keys(w, d, "d1t_t.~");
    d1t_write_text(w, "=");
    d1t__write_keys(w, d, "d1t_n.~");
    d1t_write_text(w, " AND ");
    d1t__write_guard(w, d, "d1t_n.~%&,typeof(d1t_n.~)");
}

D1T__PRIVATE void d1t__write_delete(d1t_writer *w, const d1t_write_desc *d) {
    d1t__blank of = d1t__blank_of(d->shape->table);
    d1t__write_form(w, &of, D1T__ROWS ") DELETE FROM @ WHERE ");
    d1t__write_keys(w, d, "~");
    d1t_write_text(w, " IN (SELECT ");
    d1t__write_names_of(w, d, D1T__KEYS, "#");
    d1t_write_text(w, " FROM d1t_r");
    if (d1t__is_conditional(d)) {
        d1t__write_form(w, &of, " JOIN @ AS d1t_t ON ");
        d1t__write_key_match(w, d);
        d1t_write_text(w, " WHERE ");
        d1t__write_condition(w, d);
    }
    d1t_write_text(w, ")");
}

D1TDEF void d1t_write_sql(d1t_writer *w, const d1t_write_desc *desc, d1t_columns big) {
    if (d1t__kind_of(desc) == D1T_WRITE_UPSERT) d1t__write_upsert(w, desc, big);
    else if (d1t__kind_of(desc) == D1T_WRITE_UPDATE) d1t__write_update(w, desc, big);
    else d1t__write_delete(w, desc);
}

#ifndef D1T_NO_PARK

/* The column of a unique index that can be given a value out of the way: nullable, or of a type that has a random one.
   */
D1T__PRIVATE const d1t_column *d1t__park_column(const d1t_table *t, const d1t_index *index) {
    const d1t_column *found = NULL;
    size_t i;
    for (i = 0; i < index->column_count; i++) {
        const d1t_column *c = &t->columns[d1t_table_column(t, d1t_cstr(index->columns[i]))];
        if ((c->flags & D1T_KEY) || c->generated_sql) continue;
        if (!d1t__not_null(c)) return c;
        found = c;
    }
    return found;
}

D1T__PRIVATE const char *d1t__park_value(const d1t_table *t, const d1t_column *c) {
    const char *type = d1t_sql_type(t, c);
    if (!d1t__not_null(c)) return "NULL";
    if (d1t__same(type, "INTEGER")) return "random()";
    if (d1t__same(type, "REAL")) return "random()*1.0";
    if (d1t__same(type, "BLOB")) return "randomblob(16)";
    return "char(1)||hex(randomblob(16))";
}

D1TDEF bool d1t_write_park_sql(d1t_writer *w, const d1t_write_desc *d, const d1t_index *index) {
    const d1t_table *t = d->shape->table;
    const d1t_column *park = d1t__park_column(t, index);
    d1t__blank of = d1t__blank_of(t);
    size_t i;
    if (!park || d1t__is_conditional(d) || d1t__kind_of(d) == D1T_WRITE_DELETE) return false;
    for (i = 0; i < index->column_count; i++) {
        size_t column = d1t_table_column(t, d1t_cstr(index->columns[i]));
        bool set = d1t__has(d->columns, column) == (d1t__kind_of(d) == D1T_WRITE_UPDATE);
        if (d1t__place_of(d, column) == SIZE_MAX || (!set && !(t->columns[column].flags & D1T_KEY))) return false;
    }
    d1t_write_text(w, D1T__ROWS "),d1t_m AS MATERIALIZED (SELECT ");
    d1t__write_names_of(w, d, D1T__KEYS, "d1t_t.~");
    d1t__write_form(w, &of, " FROM d1t_r JOIN @ AS d1t_t ON ");
    for (i = 0; i < index->column_count; i++) {
        size_t column = d1t_table_column(t, d1t_cstr(index->columns[i]));
        of.column = &t->columns[column];
        of.element = d1t__place_of(d, column);
        d1t__write_form(w, &of, i ? " AND d1t_t.~=#" : "d1t_t.~=#");
    }
    d1t_write_text(w, " WHERE NOT (");
    d1t__write_key_match(w, d);
    d1t_write_text(w, ") AND (");
    d1t__write_keys(w, d, "d1t_t.~");
    d1t_write_text(w, " IN (SELECT ");
    d1t__write_names_of(w, d, D1T__KEYS, "#");
    d1t_write_text(w, " FROM d1t_r) OR ");
    d1t__write_keys(w, d, "d1t_t.~");
    d1t_write_text(w, " IN (SELECT ");
    d1t__write_names_of(w, d, D1T__KEYS, "#");
    of.column = park;
    d1t__write_form(w, &of, " FROM (SELECT value AS d1t_v FROM json_each(?2))))) UPDATE @ SET ~=");
    d1t_write_text(w, d1t__park_value(t, park));
    d1t_write_text(w, " WHERE ");
    d1t__write_keys(w, d, "~");
    d1t_write_text(w, " IN (SELECT * FROM d1t_m)");
    return true;
}

#else

D1TDEF bool d1t_write_park_sql(d1t_writer *w, const d1t_write_desc *d, const d1t_index *index) {
    (void)w, (void)d, (void)index;
    return false;
}

#endif /* D1T_NO_PARK */

/* ---- >>batch (implementation) --------------------------------------------------------------------------------- */

/* Before each row's text. The text is a JSON array, keys first, escaped for its place inside a JSON string of the
   body. */
typedef struct d1t__row {
    uint32_t size;      /* of the text */
    uint32_t number : 31;   /* low bits of the row's number since open */
    uint32_t escaped : 1;   /* the key has characters that JSON escapes */
    uint16_t key;       /* bytes of the text up to the end of the last key element */
    uint16_t group;     /* its statement; D1T__DEAD: replaced, sent or refused */
} d1t__row;

#define D1T__DEAD UINT16_MAX
#define D1T__NUMBER 0x7FFFFFFFu

/* A row too wide for the block is pending, alone. */
D1T__PRIVATE bool d1t__is_wide(const d1t_batch *b) {
    return D1T__WIDE && b->wide.n > 0;
}

/* Rows begin at multiples of four bytes, as their headers must. */
D1T__PRIVATE d1t__row *d1t__row_place(const d1t_batch *b, size_t offset) {
    union { char *bytes; d1t__row *row; } p;
    p.bytes = b->p + offset;
    return p.row;
}

D1T__PRIVATE d1t__row d1t__row_at(const d1t_batch *b, size_t offset) {
    return *d1t__row_place(b, offset);
}

/* The bytes that a row with `size` bytes of text and the comma behind it takes. */
D1T__PRIVATE size_t d1t__row_space(size_t size) {
    return sizeof(d1t__row) + ((size + 1 + 3) & ~(size_t)3);
}

D1T__PRIVATE const char *d1t__row_text(const d1t_batch *b, size_t offset) {
    return b->p + offset + sizeof(d1t__row);
}

D1T__PRIVATE uint64_t d1t__row_number(const d1t_batch *b, const d1t__row *row) {
    return b->next_row - (((uint32_t)b->next_row - row->number) & D1T__NUMBER);
}

/* The index stands at the end of the block (its size and address are multiples of 8): while rows arrive the hash of
   their keys, while they are sent their order, which takes the place of the hash. */
D1T__PRIVATE uint32_t *d1t__index_end(const d1t_batch *b) {
    union { char *bytes; uint32_t *words; } p;
    p.bytes = b->p + b->size;
    return p.words;
}

D1T__PRIVATE uint32_t *d1t__slots(const d1t_batch *b) {
    return d1t__index_end(b) - b->slots;
}

D1T__PRIVATE uint32_t d1t__order_at(const d1t_batch *b, uint32_t i) {
    return (d1t__index_end(b) - b->ordered)[i];
}

D1T__PRIVATE void d1t__batch_reset(d1t_batch *b) {
    b->n = b->text = 0;
    b->overhead = b->around + sizeof "{\"batch\":[" "]}";
    b->grouped = false;
    b->rows = b->live = b->slots = b->reserve = b->ordered = b->groups = 0;
    b->ascending = true;
    b->last = 0;
    b->mark = b->mark == SIZE_MAX ? SIZE_MAX : 0;
    d1t_buffer_free(&b->wide);
    b->big = d1t__no_columns();
}

/* ---- encoding: one value into the row's text */

typedef struct d1t__cell {
    d1t_result  code;
    const char *fault;      /* NULL: the value was written */
    uint64_t    stored;     /* bytes in SQLite's record, header included (SQLite file format, section 2.1) */
    bool        escaped;    /* it has characters that JSON escapes */
} d1t__cell;

D1T__PRIVATE uint64_t d1t__stored_int(int64_t v) {
    if (v == 0 || v == 1) return 1;
    if (v >= -128 && v < 128) return 2;
    if (v >= -32768 && v < 32768) return 3;
    if (v >= -8388608 && v < 8388608) return 4;
    if (v >= -INT64_C(2147483648) && v < INT64_C(2147483648)) return 5;
    return v >= -INT64_C(140737488355328) && v < INT64_C(140737488355328) ? 7 : 9;
}

D1T__PRIVATE uint64_t d1t__stored_bytes(size_t n) {
    uint64_t type = (uint64_t)n * 2 + 13, varint = 1;
    for (; type >= 128; type >>= 7) varint++;
    return n + varint;
}

/* How many of them stand in the record's header, for its own length. */
D1T__PRIVATE uint64_t d1t__type_bytes(uint64_t stored) {
    return stored <= 58 ? 1 : stored <= 8187 ? 2 : stored <= 1048572 ? 3 : 4;
}

D1T__PRIVATE void d1t__cell_fault(d1t__cell *cell, d1t_result code, const char *fault) {
    cell->code = code;
#ifdef D1T_NO_ERRSTR
    (void)fault;
#endif
    cell->fault = D1T__WHY(fault);
}

/* Writes the ASCII from the start of p that needs no escape, and tells how much it was. */
D1T__PRIVATE size_t d1t__write_ascii(d1t_writer *w, const char *p, size_t n) {
    size_t run = 0;
    if (n == 0) return 0;
    if (n <= w->room && w->error == D1T_OK) {
        run = d1t__copy_plain(w->p + w->n, p, n);
        w->n += run;
        w->room -= run;
        w->total += run;
        return run;
    }
    while (run < n && d1t__is_plain(p[run]) && !(p[run] & 0x80)) run++;
    d1t__write_raw(w, p, run);
    return run;
}

/* An element that is a text with nothing to escape and nothing to check, which most are, in one go, the character
   before it included. False, and nothing written: not such a text, or no room. */
D1T__PRIVATE bool d1t__encode_plain(d1t_writer *w, char before, d1t_str s) {
    char *p;
    if (w->level != 1 || w->error != D1T_OK || w->room < 5 || s.n > w->room - 5) return false;
    p = w->p + w->n;
    if (d1t__copy_plain(p + 3, s.p, s.n) < s.n) return false;
    p[0] = before;
    p[1] = p[s.n + 3] = '\\';
    p[2] = p[s.n + 4] = '"';
    w->n += s.n + 5;
    w->room -= s.n + 5;
    w->total += s.n + 5;
    return true;
}

/* A text as a JSON string, checked on the way. */
D1T__PRIVATE void d1t__encode_text(const d1t_batch *b, d1t_writer *w, d1t_str s, d1t__cell *cell) {
    size_t i = 0, step, kept = s.n;
    cell->stored = d1t__stored_bytes(kept);
    d1t__write_quote(w);
    while ((i += d1t__write_ascii(w, s.p + i, s.n - i)) < s.n) {
        step = d1t__utf8_step((const unsigned char *)s.p + i, s.n - i);
        if (step == 0) {
            d1t__cell_fault(cell, D1T_ERR_UTF8, "the text is not valid UTF-8");
            return;
        }
        if (!s.p[i] && b->nul_policy != D1T_STRIP) {
            d1t__cell_fault(cell, D1T_ERR_VALUE, "the text contains a NUL character; remove it or set nul_policy");
            return;
        }
        cell->escaped = cell->escaped || step == 1;
        if (step > 1) d1t__write_raw(w, s.p + i, step);
        else if (s.p[i]) d1t__write_escaped(w, (unsigned char)s.p[i], w->level + 1u);
        else kept--;
        i += step;
    }
    d1t__write_quote(w);
    cell->stored = d1t__stored_bytes(kept);
}

D1T__PRIVATE void d1t__encode_int(d1t_writer *w, int64_t v, d1t__cell *cell) {
    d1t_write_int(w, v);
    cell->stored = d1t__stored_int(v);
}

#ifndef D1T_NO_FLOAT
/* A double with an integral value that int64 holds (IEEE 754 binary64). */
D1T__PRIVATE bool d1t__integral(double d, int64_t *out) {
    uint64_t bits = d1t__double_bits(d), m = (bits & (UINT64_MAX >> 12)) | UINT64_C(1) << 52;
    int e = (int)(bits >> 52 & 2047) - 1075;
    if (bits << 1 == 0 || bits == UINT64_C(0xC3E0000000000000)) {   /* zeros, and -2^63 */
        *out = bits << 1 ? INT64_MIN : 0;
        return true;
    }
    if (e > 10 || e < -52 || (e < 0 && m << (64 + e))) return false;
    m = e < 0 ? m >> -e : m << e;
    *out = bits >> 63 ? -(int64_t)m : (int64_t)m;
    return true;
}
#endif

D1T__PRIVATE void d1t__encode_double(const d1t_batch *b, d1t_writer *w, double d, bool nullable, d1t__cell *cell) {
#ifndef D1T_NO_FLOAT
    char text[40];
    if (!d1t__is_nan(d)) {
        d1t__write_raw(w, text, d1t_format_double(text, d));
        cell->stored = 9;
    } else if (b->nan_policy != D1T_MAKE_NULL) {
        d1t__cell_fault(cell, D1T_ERR_VALUE, "the value is NaN; SQLite would store NULL, set nan_policy to allow that");
    } else if (!nullable) {
        d1t__cell_fault(cell, D1T_ERR_VALUE, "the value is NaN and the column is NOT NULL");
    } else {
        d1t_write_text(w, "null");
        cell->stored = 1;
    }
#else
    (void)b, (void)w, (void)d, (void)nullable;
    d1t__cell_fault(cell, D1T_ERR_VALUE, "this build has no doubles (D1T_NO_FLOAT)");
#endif
}

D1T__PRIVATE void d1t__encode_number(const d1t_batch *b, d1t_writer *w, const d1t_column *c, const d1t_value *v,
                                     d1t__cell *cell) {
    int64_t i = v->u.i;
    bool integer = v->kind == D1T_KIND_INT || v->kind == D1T_KIND_BOOL;
#ifndef D1T_NO_FLOAT
    if (c->type == D1T_REAL && integer) {
        if (i > INT64_C(9007199254740992) || i < -INT64_C(9007199254740992))
            d1t__cell_fault(cell, D1T_ERR_VALUE, "the integer is beyond 2^53 and a REAL column would round it");
        d1t_write_int(w, i);
        d1t_write_text(w, ".0");
        cell->stored = 9;
        return;
    }
    if (v->kind == D1T_KIND_DOUBLE && (c->type == D1T_INTEGER || c->type == D1T_BOOL)) {
        integer = d1t__integral(v->u.d, &i);
        if (!integer)
            d1t__cell_fault(cell, D1T_ERR_VALUE,
                            "the double has no integer value; declare the column REAL or round it");
        if (!integer) return;
    }
#endif
    if (!integer) {
        d1t__encode_double(b, w, v->u.d, !d1t__not_null(c), cell);
    } else if (c->type == D1T_BOOL && i != 0 && i != 1) {
        d1t__cell_fault(cell, D1T_ERR_VALUE, "a BOOL column takes 0 or 1");
    } else {
        d1t__encode_int(w, i, cell);
    }
}

/* Blobs, vectors and UUIDs in BLOB columns: hex in a string. */
D1T__PRIVATE void d1t__encode_blob(d1t_writer *w, const d1t_column *c, const d1t_value *v, d1t__cell *cell) {
    bool any = d1t__is_any(c);
    d1t_write_text(w, any ? "{\"x\":\"" : "\"");
    if (D1T__TYPES && v->kind == D1T_KIND_VECTOR) d1t__write_vector_hex(w, v->u.s);
    else d1t_write_hex(w, v->u.s);
    d1t_write_text(w, any ? "\"}" : "\"");
    cell->stored = d1t__stored_bytes(v->u.s.n);
}

D1T__PRIVATE void d1t__encode_uuid(d1t_writer *w, const d1t_value *v, d1t__cell *cell) {
    char bytes[16], text[36];
    if (v->kind == D1T_KIND_UUID && v->u.s.n == 16) D1T_MEMCPY(bytes, v->u.s.p, 16);
    else if (v->kind == D1T_KIND_UUID || !d1t__parse_uuid(v->u.s, bytes)) {
        d1t__cell_fault(cell, D1T_ERR_VALUE, "not a UUID: 16 bytes, or 32 hex digits with or without hyphens");
        return;
    }
    d1t__format_uuid(text, bytes);
    d1t_write_json_string(w, d1t_bytes(text, 36));
    cell->stored = d1t__stored_bytes(36);
}

D1T__PRIVATE void d1t__encode_temporal(d1t_writer *w, const d1t_column *c, const d1t_value *v, d1t__cell *cell) {
    char text[40];
    size_t n = d1t__format_temporal(text, v, (c->flags & D1T_KEY) != 0);
    if (n == 0) {
        d1t__cell_fault(cell, D1T_ERR_VALUE, "the date or time is out of range (years 0 to 9999, offsets under 24 h)");
        return;
    }
    d1t_write_json_string(w, d1t_bytes(text, n));
    cell->stored = d1t__stored_bytes(n);
}

/* NULs will be left out of the text, so that it becomes another one. */
D1T__PRIVATE bool d1t__strips(const d1t_batch *b, d1t_str s) {
    return b->nul_policy == D1T_STRIP && d1t__has_nul(s);
}

/* Would NUMERIC affinity make a number of the text? A sign and white space around it do not hinder. */
D1T__PRIVATE bool d1t__reads_as_number(d1t_str s) {
    while (s.n && d1t__is_space(s.p[s.n - 1])) s.n--;
    while (s.n && d1t__is_space(s.p[0])) s = d1t_bytes(s.p + 1, s.n - 1);
    if (s.n && (s.p[0] == '+' || s.p[0] == '-')) s = d1t_bytes(s.p + 1, s.n - 1);
    return d1t__is_decimal(s);
}

/* Which kinds a column type takes, a bit each. */
D1T__PRIVATE uint32_t d1t__kinds_of(d1t_type type) {
#define D1T__BIT(kind) (1u << (kind))
#define D1T__NUMBERS (D1T__BIT(D1T_KIND_BOOL) | D1T__BIT(D1T_KIND_INT) | D1T__BIT(D1T_KIND_DOUBLE))
#define D1T__TEMPORAL (D1T__BIT(D1T_KIND_DATE) | D1T__BIT(D1T_KIND_TIME) | D1T__BIT(D1T_KIND_TIMESTAMP) | \
                       D1T__BIT(D1T_KIND_TIMESTAMPTZ))
    static const uint16_t kinds[] = {   /* by type, from D1T_INTEGER */
        D1T__NUMBERS, D1T__NUMBERS,
        D1T__BIT(D1T_KIND_TEXT) | D1T__BIT(D1T_KIND_JSON) | D1T__BIT(D1T_KIND_UUID) | D1T__TEMPORAL,
        D1T__BIT(D1T_KIND_BLOB) | D1T__BIT(D1T_KIND_VECTOR) | D1T__BIT(D1T_KIND_UUID),
        D1T__NUMBERS | D1T__BIT(D1T_KIND_TEXT) | D1T__BIT(D1T_KIND_BLOB),
        D1T__NUMBERS,
        D1T__BIT(D1T_KIND_TEXT) | D1T__BIT(D1T_KIND_JSON),
        D1T__BIT(D1T_KIND_TEXT) | D1T__BIT(D1T_KIND_UUID),
        D1T__BIT(D1T_KIND_DATE), D1T__BIT(D1T_KIND_TIME), D1T__BIT(D1T_KIND_TIMESTAMP),
        D1T__BIT(D1T_KIND_TIMESTAMPTZ), D1T__BIT(D1T_KIND_VECTOR),
        D1T__NUMBERS | D1T__BIT(D1T_KIND_TEXT)};
    const uint32_t others = D1T__BIT(D1T_KIND_JSON) | D1T__BIT(D1T_KIND_UUID) | D1T__BIT(D1T_KIND_VECTOR);
    if (type < D1T_INTEGER || type > D1T_NUMERIC) return 0;
    if (D1T__TYPES) return kinds[type - D1T_INTEGER];
    if (type == D1T_ANY || type == D1T_NUMERIC || type == D1T_JSON || type == D1T_UUID) return 0;
    return kinds[type - D1T_INTEGER] & ~others;
#undef D1T__BIT
#undef D1T__NUMBERS
#undef D1T__TEMPORAL
}

/* Writes a value as an element of a row, or says why it cannot be. */
D1T__PRIVATE void d1t__encode(const d1t_batch *b, d1t_writer *w, const d1t_column *c, const d1t_value *v,
                              d1t__cell *cell) {
    cell->code = D1T_OK;
    cell->fault = NULL;
    cell->stored = 1;
    cell->escaped = false;
    if (v->kind == D1T_KIND_NULL) {
        if (c->flags & D1T_KEY) d1t__cell_fault(cell, D1T_ERR_VALUE, "a key column cannot be NULL");
        else if (d1t__not_null(c)) d1t__cell_fault(cell, D1T_ERR_VALUE, "the column is NOT NULL");
        else d1t_write_text(w, "null");
        return;
    }
    if (v->kind == D1T_KIND_ABSENT) {
        d1t__cell_fault(cell, D1T_ERR_VALUE,
                        "the value is absent; only d1t_update may leave columns out, and never a key");
        return;
    }
    if ((uint32_t)v->kind > 31 || !(d1t__kinds_of(c->type) >> (uint32_t)v->kind & 1u)) {
        d1t__cell_fault(cell, D1T_ERR_VALUE, "the column does not take a value of this kind: ");
        return;
    }
    if (D1T__TYPES && c->type == D1T_UUID) {
        d1t__encode_uuid(w, v, cell);
        return;
    }
    switch (v->kind) {
        case D1T_KIND_BOOL: case D1T_KIND_INT: case D1T_KIND_DOUBLE: d1t__encode_number(b, w, c, v, cell); break;
        case D1T_KIND_JSON: case D1T_KIND_TEXT:
            if (D1T__TYPES && (c->type == D1T_JSON || v->kind == D1T_KIND_JSON) && !d1t__is_json(v->u.s))
                d1t__cell_fault(cell, D1T_ERR_JSON, "the value is not one valid JSON text (RFC 8259)");
            else if (c->type == D1T_NUMERIC && (d1t__reads_as_number(v->u.s) || d1t__strips(b, v->u.s)))
                d1t__cell_fault(cell, D1T_ERR_VALUE,
                                "the text reads as a number, and a NUMERIC column would make one of it; pass a number");
            else d1t__encode_text(b, w, v->u.s, cell);
            break;
        case D1T_KIND_UUID:
            if (!D1T__TYPES || (c->type == D1T_BLOB && v->u.s.n == 16)) d1t__encode_blob(w, c, v, cell);
            else d1t__encode_uuid(w, v, cell);
            break;
        case D1T_KIND_BLOB: case D1T_KIND_VECTOR: d1t__encode_blob(w, c, v, cell); break;
        case D1T_KIND_DATE: case D1T_KIND_TIME: case D1T_KIND_TIMESTAMP: case D1T_KIND_TIMESTAMPTZ:
            d1t__encode_temporal(w, c, v, cell);
            break;
        case D1T_KIND_ABSENT: case D1T_KIND_NULL: break;
    }
}

/* ---- keys: hash and order */

D1T__PRIVATE uint64_t d1t__key_hash(const d1t_batch *b, const d1t_shape *shape, const char *p, size_t n) {
    const uint64_t k = UINT64_C(0x9FB21C651E98DF25);
    uint64_t h = b->seed ^ (uint64_t)n ^ ((uint64_t)shape->rank << 32), v;
    for (; n >= 8; p += 8, n -= 8) {
        D1T_MEMCPY(&v, p, 8);
        h = (h ^ v) * k;
        h ^= h >> 32;
    }
    v = 0;
    if (n) D1T_MEMCPY(&v, p, n);
    h = (h ^ v) * k;
    return h ^ (h >> 29);
}

/* The slot of a key: where its row's offset + 1 stands, or the free one where it belongs. */
D1T__PRIVATE uint32_t d1t__slot_of(const d1t_batch *b, const d1t_shape *shape, const char *key, size_t n) {
    const uint32_t *slots = d1t__slots(b);
    uint32_t i = (uint32_t)((d1t__key_hash(b, shape, key, n) >> 32) * b->slots >> 32);
    for (; slots[i]; i = i + 1 == b->slots ? 0 : i + 1) {
        d1t__row row = d1t__row_at(b, slots[i] - 1);
        if (row.key == n && b->group[row.group].shape == shape &&
            D1T_MEMCMP(d1t__row_text(b, slots[i] - 1), key, n) == 0) break;
    }
    return i;
}

D1T__PRIVATE size_t d1t__row_end(const d1t_batch *b, size_t offset) {
    return offset + d1t__row_space(d1t__row_at(b, offset).size);
}

/* The bytes that the index takes: the order and its scratch fit where the hash was. */
D1T__PRIVATE size_t d1t__index_size(uint32_t slots) {
    return (size_t)slots * sizeof(uint32_t);
}

/* Half of the slots may be used, so that the order and the scratch of the sort fit. A small batch, which is sorted in
   place, grows in small steps and uses seven eighths. */
D1T__PRIVATE uint32_t d1t__slots_for(const d1t_batch *b, uint32_t live) {
    uint32_t slots = b->reserve ? b->reserve : b->size < 65536 ? 16 : (uint32_t)(b->size / 140);   /* a usual row */
    while (live > (slots <= 64 ? slots / 8 * 7 : slots / 2)) slots += slots < 64 ? 8 : slots;
    return slots;
}

/* Makes the hash anew with room for `live` rows. The caller has made sure of the memory. */
D1T__PRIVATE void d1t__rehash(d1t_batch *b, uint32_t live) {
    uint32_t slots = d1t__slots_for(b, live);
    size_t at;
    b->slots = slots;
    b->ordered = 0;
    b->ascending = false;
    D1T_MEMSET(d1t__slots(b), 0, (size_t)slots * sizeof(uint32_t));
    for (at = 0; at < b->n; at = d1t__row_end(b, at)) {
        d1t__row row = d1t__row_at(b, at);
        if (row.group == D1T__DEAD) continue;
        d1t__slots(b)[d1t__slot_of(b, b->group[row.group].shape, d1t__row_text(b, at), row.key)] = (uint32_t)at + 1;
    }
}

/* One character of a string element, unescaped; -1 at its end. Advances *p. */
D1T__PRIVATE int d1t__key_char(const char **p) {
    static const char letters[] = "btnfr", values[] = "\b\t\n\f\r";
    const char *s = *p;
    size_t i;
    if (s[0] == '\\' && s[1] == '"') return -1;
    *p = s + (s[0] != '\\' ? 1 : s[2] == '\\' ? 4 : s[2] == 'u' ? 7 : 3);
    if (s[0] != '\\') return (unsigned char)s[0];
    if (s[2] == '\\') return (unsigned char)s[3];
    if (s[2] == 'u') return d1t__hex_digit(s[5]) * 16 + d1t__hex_digit(s[6]);
    for (i = 0; i < 4 && letters[i] != s[2]; i++) {}
    return values[i];
}

/* Orders two string elements as SQLite's BINARY does, and steps behind them. */
D1T__PRIVATE int d1t__compare_text(const char **a, const char **b) {
    const char *p = *a + 2, *q = *b + 2;
    int c, d;
    do {
        c = d1t__key_char(&p);
        d = d1t__key_char(&q);
    } while (c == d && c >= 0);
    *a = p + 2;
    *b = q + 2;
    return c < d ? -1 : c > d;
}

D1T__PRIVATE int d1t__compare_int(const char **a, const char **b) {
    const char *p = *a, *q = *b;
    bool negative = *p == '-';
    size_t n = 0, m = 0;
    int c;
    if (negative != (*q == '-')) return negative ? -1 : 1;
    while (p[n] == '-' || d1t__is_digit(p[n])) n++;
    while (q[m] == '-' || d1t__is_digit(q[m])) m++;
    c = n < m ? -1 : n > m ? 1 : D1T_MEMCMP(p, q, n);
    *a = p + n;
    *b = q + m;
    return negative ? -c : c;
}

#ifndef D1T_NO_FAST_TEXT
/* Eight equal bytes at a time. *text: are the quotes before the place that is returned odd? `quotes` keeps that for
   each of eight places. */
D1T__PRIVATE size_t d1t__skip_equal(const char *p, const char *q, size_t room, bool *text) {
    const uint64_t ones = UINT64_C(0x0101010101010101), lows = ones * 0x7F;
    uint64_t v, u, quotes = 0;
    size_t n = 0;
    for (; room - n >= 8; n += 8) {
        D1T_MEMCPY(&v, p + n, 8);
        D1T_MEMCPY(&u, q + n, 8);
        if (v != u) break;
        v ^= ones * '"';
        quotes ^= ~(((v & lows) + lows) | v | lows);
    }
    quotes ^= quotes >> 32;
    quotes ^= quotes >> 16;
    *text = ((quotes ^ quotes >> 8) & 0x80) != 0;
    return n;
}
#endif

/* Orders two keys that have no escapes but those of the quotes: the first byte that differs decides. It is in a string
   if the quotes before it are odd. */
D1T__PRIVATE int d1t__compare_plain(const char *p, const char *q, size_t room) {
    size_t n = 0;
    bool text = false;
#ifndef D1T_NO_FAST_TEXT
    n = d1t__skip_equal(p, q, room, &text);
#endif
    for (; n < room && p[n] == q[n]; n++) text = text != (p[n] == '"');
    if (text && (p[n] == '\\' || q[n] == '\\')) return p[n] == '\\' ? -1 : 1;
    if (text) return (unsigned char)p[n] < (unsigned char)q[n] ? -1 : 1;
    for (; n > 0 && (p[n - 1] == '-' || d1t__is_digit(p[n - 1])); n--) {}
    p += n;
    q += n;
    return d1t__compare_int(&p, &q);
}

D1T__PRIVATE uint32_t *d1t__group_sort(const d1t_batch *b) {
    return (uint32_t *)(void *)(b->group + b->max_groups);
}

/* Orders two rows: by statement, then by key as the database orders it, so that it inserts at neighbouring places. */
D1T__PRIVATE int d1t__compare_rows(const d1t_batch *b, uint32_t x, uint32_t y) {
    d1t__row row = d1t__row_at(b, x), other = d1t__row_at(b, y);
    const d1t_shape *s = b->group[row.group].shape;
    const char *p = d1t__row_text(b, x), *q = d1t__row_text(b, y);
    int c = 0;
    size_t e;
    if (row.group != other.group)
        return d1t__group_sort(b)[row.group] < d1t__group_sort(b)[other.group] ? -1 : 1;
    if (!row.escaped && !other.escaped) return d1t__compare_plain(p, q, row.key < other.key ? row.key : other.key);
    for (e = 0; e < s->keys && c == 0; e++) {
        d1t_type type = s->table->columns[s->order[e]].type;
        p++;    /* '[' or ',' */
        q++;
        c = type == D1T_INTEGER || type == D1T_BOOL ? d1t__compare_int(&p, &q) : d1t__compare_text(&p, &q);
    }
    return c;
}

/* A merge sort: stable, iterative, no allocation (the hash is the scratch), a compare or two for each row on sorted
   input. Blocks of eight by insertion, then merged; what is in order already is only copied. */
D1T__PRIVATE void d1t__sort(const d1t_batch *b, uint32_t *order, uint32_t *scratch, uint32_t n) {
    uint32_t *from = order, *to = scratch, *swap, row, i, j, k, middle, end, width = 8;
    for (i = 1; i < n; i++) {
        row = order[i];
        for (j = i; j % width && d1t__compare_rows(b, order[j - 1], row) > 0; j--) order[j] = order[j - 1];
        order[j] = row;
    }
    for (; width < n; width *= 2) {
        for (i = k = 0; k < n; i = end) {
            middle = n - i > width ? i + width : n;
            end = n - middle > width ? middle + width : n;
            if (middle < end && d1t__compare_rows(b, from[middle - 1], from[middle]) > 0)
                for (j = middle; i < middle && j < end; )
                    to[k++] = d1t__compare_rows(b, from[i], from[j]) <= 0 ? from[i++] : from[j++];
            else j = middle;
            while (i < middle) to[k++] = from[i++];
            while (j < end) to[k++] = from[j++];
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != order) D1T_MEMCPY(order, from, (size_t)n * sizeof *order);
}

/* An order of statements of one kind and rank that does not depend on the order in which rows came. */
D1T__PRIVATE bool d1t__group_before(const d1t_write_desc *a, const d1t_write_desc *b) {
    if (a->shape != b->shape || !D1T__UPDATES) return a->shape < b->shape;
    if (a->columns.bits[0] != b->columns.bits[0]) return a->columns.bits[0] < b->columns.bits[0];
    if (a->columns.bits[1] != b->columns.bits[1]) return a->columns.bits[1] < b->columns.bits[1];
    if (a->condition != b->condition) return a->condition < b->condition;
    if (a->full != b->full) return a->full < b->full;
    if (a->hold != b->hold) return a->hold < b->hold;
    return a->equals < b->equals;
}

/* Parents before children in upserts and updates, children before parents in deletes; upserts first. */
D1T__PRIVATE void d1t__rank_groups(d1t_batch *b) {
    uint32_t g, k, kind, rank, place;
    for (g = 0; g < b->groups; g++) {
        kind = d1t__kind_of(&b->group[g]);
        rank = b->group[g].shape->rank;
        if (kind == D1T_WRITE_DELETE) rank = 255 - rank;
        for (place = k = 0; k < b->groups; k++) place += d1t__group_before(&b->group[k], &b->group[g]);
        d1t__group_sort(b)[g] = kind << 24 | rank << 16 | place;
    }
}

/* For few rows: binary insertion, in place. */
D1T__PRIVATE void d1t__sort_few(const d1t_batch *b, uint32_t *order, uint32_t n) {
    uint32_t i, low, high, middle, row;
    for (i = 1; i < n; i++) {
        row = order[i];
        for (low = 0, high = i; low < high; ) {
            middle = low + (high - low) / 2;
            if (d1t__compare_rows(b, order[middle], row) <= 0) low = middle + 1;
            else high = middle;
        }
        D1T_MEMMOVE(order + low + 1, order + low, (i - low) * sizeof *order);
        order[low] = row;
    }
}

#if SIZE_MAX > UINT32_MAX   /* smaller machines have smaller batches */

/* ---- a rough order of many rows: their sort then finds most of them in place. A compare costs two reads of memory
   that is not in the cache, and a sort makes log2 n of them for each row; this reads each row once, in turn. */

#define D1T__HINT_SPAN 64u  /* the first bytes of keys, where to look for differences */

typedef struct d1t__hint {
    uint8_t  byte[8];
    uint32_t at;        /* of the row */
} d1t__hint;

/* Finds the first eight places of keys where not all rows have the same byte; what is the same tells no order. */
D1T__PRIVATE void d1t__hint_places(const d1t_batch *b, const uint32_t *order, uint32_t n, uint8_t places[8]) {
    unsigned char differ[D1T__HINT_SPAN] = {0};
    const char *first = d1t__row_text(b, order[0]), *text;
    uint32_t i, k;
    for (i = 1; i < n; i++) {
        text = d1t__row_text(b, order[i]);
        for (k = 0; k < D1T__HINT_SPAN; k++) differ[k] = (unsigned char)(differ[k] | (first[k] ^ text[k]));
    }
    for (i = k = 0; i < D1T__HINT_SPAN && k < 8; i++)
        if (differ[i]) places[k++] = (uint8_t)i;
    while (k < 8) places[k++] = 0;
}

/* An integer key itself. */
D1T__PRIVATE void d1t__hint_int(d1t__hint *hint, const char *p) {
    uint64_t v = 0;
    bool negative = *p == '-';
    uint32_t k;
    for (p += negative; d1t__is_digit(*p); p++) v = v * 10 + (uint64_t)(*p - '0');
    v = (negative ? 0 - v : v) ^ UINT64_C(1) << 63;
    for (k = 0; k < 8; k++) hint->byte[k] = (uint8_t)(v >> (56 - 8 * k));
}

/* A radix sort by the hints, the last byte first. The result is in *from. */
D1T__PRIVATE void d1t__sort_hints(d1t__hint **from, d1t__hint *to, uint32_t count[256], uint32_t n) {
    d1t__hint *swap;
    uint32_t i, k, sum, here;
    for (k = 8; k-- > 0; ) {
        D1T_MEMSET(count, 0, 256 * sizeof *count);
        for (i = 0; i < n; i++) count[(*from)[i].byte[k]]++;
        if (count[(*from)[0].byte[k]] == n) continue;
        for (i = sum = 0; i < 256; i++) {
            here = count[i];
            count[i] = sum;
            sum += here;
        }
        for (i = 0; i < n; i++) to[count[(*from)[i].byte[k]]++] = (*from)[i];
        swap = *from;
        *from = to;
        to = swap;
    }
}

/* Puts rows of one statement roughly in order, if the block has the room; escapes and later integers are not seen. */
D1T__PRIVATE void d1t__sort_roughly(const d1t_batch *b, uint32_t *order, uint32_t n) {
    const d1t_shape *s = b->group[d1t__row_at(b, order[0]).group].shape;
    d1t_type type = s->table->columns[s->order[0]].type;
    union { uint32_t *words; d1t__hint *hints; } p;
    size_t words = 3 * (size_t)n;
    uint8_t places[8];
    uint32_t i, k;
    if (b->n + D1T__HINT_SPAN + (b->live + 2 * words + 256) * sizeof *order > b->size) return;
    p.words = order - words;
    D1T_MEMSET(b->p + b->n, 0, D1T__HINT_SPAN);     /* the last key may be shorter */
    d1t__hint_places(b, order, n, places);
    for (i = 0; i < n; i++) {
        const char *text = d1t__row_text(b, order[i]);
        p.hints[i].at = order[i];
        if (type == D1T_INTEGER) d1t__hint_int(&p.hints[i], text + 1);
        else for (k = 0; k < 8; k++)    /* the end of a text, a backslash, comes before all characters */
            p.hints[i].byte[k] = (uint8_t)(text[places[k]] == '\\' ? 0 : text[places[k]]);
    }
    d1t__sort_hints(&p.hints, p.hints - n, order - 2 * words - 256, n);
    for (i = 0; i < n; i++) order[i] = p.hints[i].at;
}

#endif

/* The words before order are scratch. */
D1T__PRIVATE void d1t__sort_many(const d1t_batch *b, uint32_t *order, uint32_t n) {
#if SIZE_MAX > UINT32_MAX
    uint32_t i;
    if (b->groups == 1 && n > 64) d1t__sort_roughly(b, order, n);
    for (i = 1; i < n && d1t__compare_rows(b, order[i - 1], order[i]) < 0; i++) {}
    if (i >= n) return;
#endif
    d1t__sort(b, order, order - n, n);
}

enum { D1T__ALL, D1T__FRESH, D1T__HELD };

D1T__PRIVATE bool d1t__is_due(const d1t_batch *b, size_t at, int which) {
    uint16_t group = d1t__row_at(b, at).group;
    return group != D1T__DEAD && (which == D1T__ALL || d1t__is_held(&b->group[group]) == (which == D1T__HELD));
}

/* Sorts the rows that begin before byte `limit` of the block: all of them, or only those that wait for the end of the
   flush (held), or only the others. The hash is gone afterwards. */
D1T__PRIVATE void d1t__batch_sort(d1t_batch *b, size_t limit, int which) {
    uint32_t *order = d1t__index_end(b) - b->live, n = 0;
    size_t at;
    d1t__rank_groups(b);
    for (at = 0; at < b->n && at < limit; at = d1t__row_end(b, at))
        if (d1t__is_due(b, at, which)) order[n++] = (uint32_t)at;
    if (!b->ascending && b->slots < 2 * b->live) d1t__sort_few(b, order, n);
    else if (!b->ascending) d1t__sort_many(b, order, n);
    if (n < b->live) D1T_MEMMOVE(order + (b->live - n), order, n * sizeof *order);  /* it ends where the block ends */
    b->ordered = n;
}

/* ---- adding rows */

/* The bytes around the rows of a statement in a body. */
#define D1T__HEAD_TEXT ",{\"sql\":\""
#define D1T__ROWS_OPEN "\",\"params\":[\"["
#define D1T__ROWS_CLOSE "]\"]},{\"sql\":\"SELECT changes()\"}"

D1T__PRIVATE bool d1t__same_group(const d1t_write_desc *a, const d1t_write_desc *b) {
    if (a->shape != b->shape || !D1T__UPDATES) return a->shape == b->shape;
    return a->kind == b->kind && a->condition == b->condition && a->equals == b->equals && a->full == b->full &&
           a->hold == b->hold && a->columns.bits[0] == b->columns.bits[0] && a->columns.bits[1] == b->columns.bits[1];
}

/* The group of a statement; max_groups: no room for another one. */
D1T__NOINLINE D1T__PRIVATE uint32_t d1t__group_of(d1t_batch *b, const d1t_write_desc *d) {
    d1t_writer w;
    uint32_t g;
    for (g = 0; g < b->groups; g++)
        if (d1t__same_group(&b->group[g], d)) return g;
    if (b->groups == b->max_groups) return b->max_groups;
    d1t_writer_counting(&w);
    w.level = 1;
    d1t_write_sql(&w, d, d1t__no_columns());
    b->overhead += (size_t)w.total + sizeof D1T__HEAD_TEXT D1T__ROWS_OPEN D1T__ROWS_CLOSE;
    b->group[b->groups] = *d;
    return b->groups++;
}

/* A row that was encoded before. */
typedef struct d1t__ready {
    d1t_str  text;
    uint32_t key;           /* bytes of the text up to the end of the key */
    bool     escaped;
    uint64_t number;        /* not above the number of the last row */
} d1t__ready;

/* What a caller wants to add. */
typedef struct d1t__add {
    d1t_write_desc   desc;
    const d1t_value *values;    /* in declared order: of all columns that take values, or of the key only */
    const d1t__ready *ready;    /* or NULL */
    d1t_value        expected;  /* of the condition */
    d1t_error       *error;
} d1t__add;

/* The caller's value for a column; *column and *value say where the last one was, so that a walk in declared order does
   not start over. */
D1T__PRIVATE const d1t_value *d1t__next_value(const d1t__add *a, size_t target, size_t *column, size_t *value) {
    const d1t_table *t = a->desc.shape->table;
    bool keys = d1t__kind_of(&a->desc) == D1T_WRITE_DELETE;
    if (*column > target) *column = *value = 0;
    for (; *column < target; (*column)++)
        *value += keys ? (t->columns[*column].flags & D1T_KEY) != 0 : d1t__takes_value(&t->columns[*column]);
    return &a->values[*value];
}

D1T__PRIVATE const d1t_value *d1t__value_of(const d1t__add *a, size_t target) {
    size_t column = 0, value = 0;
    return d1t__next_value(a, target, &column, &value);
}

D1T__PRIVATE d1t_result d1t__row_fault(const d1t_batch *b, const d1t__add *a, const d1t_column *c, d1t_result code,
                                       const char *fault, const d1t_value *v) {
    d1t_error *e = a->error;
    if (e->code != D1T_OK) return code;
    d1t__fail(e, code, "table ", a->desc.shape->table->name, NULL);
    if (c) d1t__say(e, ", column ", c->name, NULL);
    d1t__say(e, ", row ", NULL, NULL);
    d1t__say_number(e, b->next_row + 1);
    d1t__say(e, ": ", fault, NULL);
#ifndef D1T_NO_ERRSTR
    if (v && fault[d1t__strlen(fault) - 1] == ' ') d1t__say(e, d1t__kind_name(v->kind), NULL, NULL);
#else
    (void)v;
#endif
    e->table = a->desc.shape->table->name;
    e->column = c ? c->name : NULL;
    e->row = b->next_row + 1;
    return code;
}

#ifndef D1T_NO_WIDE

/* The size of the row as SQLite stores it: does D1 allow it? */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__check_stored(const d1t_batch *b, const d1t__add *a) {
    const d1t_shape *s = a->desc.shape;
    uint64_t stored = 0, header = 1;
    size_t e;
    d1t_writer w;
    d1t__cell cell;
    d1t_writer_counting(&w);
    for (e = 0; e < s->elements; e++) {
        const d1t_column *c = &s->table->columns[s->order[e]];
        if (!d1t__carries(&a->desc, e)) continue;
        d1t__encode(b, &w, c, d1t__value_of(a, s->order[e]), &cell);
        header += d1t__type_bytes(cell.stored);
        /* an integer that is the whole key is the rowid, which is stored beside the record */
        stored += s->keys == 1 && e == 0 && c->type == D1T_INTEGER && !(s->table->flags & D1T_WITHOUT_ROWID)
                      ? 1 : cell.stored;
    }
    stored += header > 127 ? 2 : 1;
    if (stored <= b->limits->row) return D1T_OK;
    d1t__row_fault(b, a, NULL, D1T_ERR_LIMIT, "the stored row would be larger than D1 allows (limit row): ", NULL);
    d1t__say_number(a->error, stored);
    d1t__say(a->error, " bytes of ", NULL, NULL);
    d1t__say_number(a->error, b->limits->row);
    a->error->need = stored;
    return D1T_ERR_LIMIT;
}

#else

D1T__PRIVATE d1t_result d1t__check_stored(const d1t_batch *b, const d1t__add *a) {
    return d1t__row_fault(b, a, NULL, D1T_ERR_LIMIT, "the text of the row is too long for this build (D1T_NO_WIDE)",
                          NULL);
}

#endif

/* Writes a whole row; *key gets the bytes up to the end of the key, *escaped whether it has escapes. Columns in `big`
   become null: they travel apart. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__encode_row(const d1t_batch *b, d1t_writer *w, const d1t__add *a,
                                                      d1t_columns big, uint32_t *key, bool *escaped) {
    const d1t_shape *s = a->desc.shape;
    const uint64_t start = w->total;
    bool all = d1t__kind_of(&a->desc) == D1T_WRITE_UPSERT, apart = (big.bits[0] | big.bits[1]) != 0;
    bool direct = d1t__kind_of(&a->desc) != D1T_WRITE_DELETE && s->elements == s->table->column_count; /* by column */
    size_t e, n = 0, column, at = 0, number = 0;
    const d1t_column *c;
    const d1t_value *v;
    d1t__cell cell;
    char before;
    for (e = 0; e < s->elements; e++) {
        if (!all && !d1t__carries(&a->desc, e)) continue;
        column = s->order[e];
        c = &s->table->columns[column];
        v = direct ? &a->values[column] : d1t__next_value(a, column, &at, &number);
        before = n++ ? ',' : '[';
        if (apart && d1t__has(big, column)) {
            d1t__write_char(w, before);
            d1t_write_text(w, "null");
            continue;
        }
        if (v->kind != D1T_KIND_TEXT || c->type != D1T_TEXT || !d1t__encode_plain(w, before, v->u.s)) {
            d1t__write_char(w, before);
            d1t__encode(b, w, c, v, &cell);
            if (cell.fault) return d1t__row_fault(b, a, c, cell.code, cell.fault, v);
            if (e < s->keys) *escaped = *escaped || cell.escaped;
        }
        if (e + 1u == s->keys) *key = (uint32_t)w->total;
    }
    if (d1t__is_conditional(&a->desc)) {
        d1t_column nullable = s->table->columns[a->desc.condition];
        d1t_value null = d1t_null();
        nullable.flags = 0;
        d1t__write_char(w, ',');
        d1t__encode(b, w, &nullable, a->expected.kind == D1T_KIND_ABSENT ? &null : &a->expected, &cell);
        if (cell.fault) return d1t__row_fault(b, a, &nullable, cell.code, cell.fault, &a->expected);
    }
    d1t__write_char(w, ']');
    /* no value takes nine bytes more than its text; most rows are far from the limit */
    return w->total - start + 9u * n <= b->limits->row ? D1T_OK : d1t__check_stored(b, a);
}

/* The end of the element at p in an escaped row text. */
D1T__PRIVATE const char *d1t__element_end(const char *p) {
    if (p[0] == '{') {          /* {"x":"hex"} */
        while (*p != '}') p++;
        return p + 1;
    }
    if (p[0] == '\\') {
        p += 2;
        while (d1t__key_char(&p) >= 0) {}
        return p + 2;
    }
    while (*p != ',' && *p != ']') p++;
    return p;
}

/* Writes the pending row completed by the columns of the newer one: both are walked along the shape's elements. */
D1T__PRIVATE void d1t__merge_rows(d1t_writer *w, const d1t_write_desc *old, const char *p, const d1t_write_desc *newer,
                                  const char *q) {
    const d1t_shape *s = old->shape;
    size_t e, n = 0;
    for (e = 0; e < s->elements; e++) {
        bool have = d1t__carries(old, e), take = d1t__carries(newer, e);
        const char *end_p = have ? d1t__element_end(p + 1) : p, *end_q = take ? d1t__element_end(q + 1) : q;
        if (have || take) {
            d1t__write_char(w, n++ ? ',' : '[');
            if (take) d1t__write_raw(w, q + 1, (size_t)(end_q - q) - 1);
            else d1t__write_raw(w, p + 1, (size_t)(end_p - p) - 1);
        }
        p = end_p;
        q = end_q;
    }
    d1t__write_char(w, ']');
}

/* Marks a row as not to be sent. */
D1T__PRIVATE void d1t__row_kill(d1t_batch *b, size_t at) {
    d1t__row *row = d1t__row_place(b, at);
    if (row->group == D1T__DEAD) return;
    if (!d1t__is_held(&b->group[row->group])) b->text -= row->size + 1u;
    row->group = D1T__DEAD;
    b->live--;
}

/* Moves a row to another statement. */
D1T__PRIVATE void d1t__row_regroup(d1t_batch *b, size_t at, uint32_t group) {
    d1t__row *row = d1t__row_place(b, at);
    if (!d1t__is_held(&b->group[row->group])) b->text -= row->size + 1u;
    if (!d1t__is_held(&b->group[group])) b->text += row->size + 1u;
    row->group = (uint16_t)group;
}

/* Whether the block and the body have room for a row of `size` bytes of text, one more live row included. */
D1T__PRIVATE bool d1t__has_room(const d1t_batch *b, size_t size) {
    uint32_t slots = d1t__slots_for(b, b->live + 1);
    size_t need = b->n + d1t__row_space(size) + d1t__index_size(slots);
    return need <= b->size && size + 2 <= b->limits->parameter && b->text + size + 1 + b->overhead <= b->limits->body &&
           b->n < UINT32_MAX - size;
}

/* Takes the row whose text stands behind its header at the end of the block; slot: where its key belongs in the hash.
   */
D1T__PRIVATE void d1t__row_take(d1t_batch *b, const d1t__row *row, uint32_t slot) {
    uint32_t *slots = d1t__slots(b);
#if SIZE_MAX > UINT32_MAX
    size_t end = b->n + d1t__row_space(row->size);
#endif
    b->p[b->n + sizeof *row + row->size] = ',';
#if SIZE_MAX > UINT32_MAX   /* the rough order looks at a few bytes behind short keys */
    for (; end > b->n + sizeof *row + row->size + 1u; end--) b->p[end - 1] = 0;
#endif
    if (!b->ascending) {
        if (slots[slot]) d1t__row_kill(b, slots[slot] - 1);
        slots[slot] = (uint32_t)b->n + 1;
    }
    b->reserve = d1t__slots_for(b, b->live + 1);
    b->last = b->n;
    b->n += d1t__row_space(row->size);
    if (!d1t__is_held(&b->group[row->group])) b->text += row->size + 1u;
    b->rows++;
    b->live++;
}

/* What a row means for a pending one of the same key. */
enum { D1T__ADD_NEW, D1T__ADD_REPLACE, D1T__ADD_MERGE, D1T__ADD_DROP, D1T__ADD_FLUSH };

D1T__PRIVATE int d1t__meets(const d1t_write_desc *pending, const d1t_write_desc *newer) {
    if (d1t__is_conditional(pending) || d1t__is_conditional(newer)) return D1T__ADD_FLUSH;
    if (d1t__kind_of(newer) != D1T_WRITE_UPDATE) return D1T__ADD_REPLACE;
    if (d1t__kind_of(pending) == D1T_WRITE_DELETE) return D1T__ADD_DROP; /* it updates a row that will not be there */
    return D1T__ADD_MERGE;
}

/* Puts the merged row behind the newer one's text and moves it into its place. D1T_FULL: no room. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__add_merged(d1t_batch *b, d1t__row *row, size_t pending) {
    char *text = b->p + b->n + sizeof *row;
    d1t__row old = d1t__row_at(b, pending);
    d1t_write_desc merged = b->group[old.group];
    d1t_writer w;
    size_t keep = d1t__index_size(d1t__slots_for(b, b->live + 1)), used = b->n + sizeof *row + row->size;
    if (merged.kind == D1T_WRITE_UPDATE) {
        merged.columns.bits[0] |= b->group[row->group].columns.bits[0];
        merged.columns.bits[1] |= b->group[row->group].columns.bits[1];
    }
    if (used + keep > b->size) return D1T_FULL;
    d1t_writer_fixed(&w, text + row->size, b->size - used - keep);
    d1t__merge_rows(&w, &b->group[old.group], d1t__row_text(b, pending), &b->group[row->group], text);
    if (w.error != D1T_OK) return D1T_FULL;
    row->group = (uint16_t)d1t__group_of(b, &merged);
    if (row->group == b->max_groups) return D1T_FULL;
    D1T_MEMMOVE(text, text + row->size, w.n);
    row->size = (uint32_t)w.n;
    return d1t__has_room(b, row->size) ? D1T_OK : D1T_FULL;
}

/* Does the row at the end of the block follow the last one in the order of its statement? Rows that arrive sorted, as
   they do from a sorted source, cost neither a hash nor a sort. */
D1T__PRIVATE bool d1t__continues(const d1t_batch *b) {
    if (b->rows == 0) return true;
    return d1t__row_at(b, b->last).group == d1t__row_at(b, b->n).group &&
           d1t__compare_rows(b, (uint32_t)b->last, (uint32_t)b->n) < 0;
}

D1T__PRIVATE d1t_result d1t__write_ready(d1t_writer *w, const d1t__ready *ready, uint32_t *key, bool *escaped) {
    d1t__write_raw(w, ready->text.p, ready->text.n);
    *key = ready->key;
    *escaped = ready->escaped;
    return D1T_OK;
}

/* Adds a row that fits: into the block, replacing or completing a pending one. D1T_OK, D1T_FULL, or an error. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__batch_put(d1t_batch *b, const d1t__add *a, uint64_t *need,
                                                     uint64_t *merged) {
    d1t__row *row = d1t__row_place(b, b->n);
    d1t_writer w;
    size_t used = b->n + sizeof *row + d1t__index_size(d1t__slots_for(b, b->live + 1)), pending = 0;
    uint32_t group = d1t__group_of(b, &a->desc), slot = 0, key = 0;
    bool escaped = false;
    int meets = D1T__ADD_NEW;
    d1t_result result;
    if (group == b->max_groups) return D1T_FULL;
    if (b->ordered) d1t__rehash(b, b->live);
    d1t_writer_fixed(&w, b->p + b->n + sizeof *row, used < b->size ? b->size - used : 0);
    w.level = 1;
    result = a->ready ? d1t__write_ready(&w, a->ready, &key, &escaped)
                      : d1t__encode_row(b, &w, a, d1t__no_columns(), &key, &escaped);
    *need = w.total;
    if (result != D1T_OK) return result;
    if (w.error != D1T_OK || w.total > UINT32_MAX / 2 || !d1t__has_room(b, w.n)) return D1T_FULL;
    if (key > UINT16_MAX) return d1t__row_fault(b, a, NULL, D1T_ERR_LIMIT, "its key is longer than 65,535 bytes", NULL);
    row->size = (uint32_t)w.n;
    row->key = (uint16_t)key;
    row->number = (uint32_t)(a->ready ? a->ready->number : b->next_row + 1) & D1T__NUMBER;
    row->escaped = escaped;
    row->group = (uint16_t)group;
    if (b->ascending && !d1t__continues(b)) d1t__rehash(b, b->live + 1);
    if (!b->ascending) {
        if (d1t__slots_for(b, b->live + 1) != b->slots) d1t__rehash(b, b->live + 1);
        slot = d1t__slot_of(b, a->desc.shape, b->p + b->n + sizeof *row, row->key);
        pending = d1t__slots(b)[slot];
    }
    if (pending) meets = d1t__meets(&b->group[d1t__row_at(b, pending - 1).group], &a->desc);
    if (meets == D1T__ADD_FLUSH) return D1T_FULL;
    if (meets == D1T__ADD_MERGE) result = d1t__add_merged(b, row, pending - 1);
    if (result != D1T_OK) return result;
    *merged += pending != 0;
    b->next_row += !a->ready;
    if (meets != D1T__ADD_DROP) d1t__row_take(b, row, slot);
    return D1T_OK;
}

#ifndef D1T_NO_WIDE

/* ---- a row too wide for the block or for one parameter: it travels alone, its big values as parameters of their own
   */

#define D1T__BIG_VALUE 20000u   /* encoded; smaller ones stay in the row: at most 100 of them, 2,000,000 bytes */

/* One parameter behind the row: ,"text"  or two halves in hex. */
D1T__PRIVATE d1t_result d1t__wide_value(d1t_batch *b, d1t_writer *w, const d1t__add *a, size_t column) {
    const d1t_column *c = &a->desc.shape->table->columns[column];
    const d1t_value *v = d1t__value_of(a, column);
    size_t half = (v->u.s.n / 2 + 3) / 4 * 4;   /* whole floats of a vector */
    uint64_t parameter = v->u.s.n;
    if (c->type == D1T_BLOB || c->type == D1T_VECTOR) {
        if (half > v->u.s.n) half = v->u.s.n;
        parameter = 2 * ((uint64_t)half > v->u.s.n - half ? half : v->u.s.n - half);
        d1t_write_text(w, ",\"");
        d1t_write_hex(w, d1t_bytes(v->u.s.p, half));
        d1t_write_text(w, "\",\"");
        d1t_write_hex(w, d1t_bytes(v->u.s.p + half, v->u.s.n - half));
        d1t_write_text(w, "\"");
    } else {
        d1t_write_text(w, ",\"");
        w->level = 1;
        d1t_write(w, v->u.s);
        w->level = 0;
        d1t_write_text(w, "\"");
    }
    if (parameter <= b->limits->parameter) return D1T_OK;
    d1t__row_fault(b, a, c, D1T_ERR_LIMIT, "the value is larger than a parameter of D1 may be (limit parameter)", NULL);
    a->error->need = parameter;
    return D1T_ERR_LIMIT;
}

/* Picks the columns that travel apart: long texts and blobs. Also counts the parameters. */
D1T__PRIVATE uint32_t d1t__wide_columns(const d1t_batch *b, const d1t__add *a, d1t_columns *big) {
    const d1t_shape *s = a->desc.shape;
    uint32_t parameters = 1;
    size_t e;
    d1t__cell cell;
    d1t_writer w;
    for (e = s->keys; e < s->elements; e++) {
        const d1t_column *c = &s->table->columns[s->order[e]];
        const d1t_value *v;
        if (!d1t__carries(&a->desc, e) || c->type == D1T_ANY) continue;
        v = d1t__value_of(a, s->order[e]);
        if (v->kind != D1T_KIND_TEXT && v->kind != D1T_KIND_JSON && v->kind != D1T_KIND_BLOB &&
            v->kind != D1T_KIND_VECTOR)
            continue;
        d1t_writer_counting(&w);
        d1t__encode(b, &w, c, v, &cell);
        if (w.total <= D1T__BIG_VALUE) continue;
        d1t__include(big, s->order[e]);
        parameters += v->kind == D1T_KIND_BLOB || v->kind == D1T_KIND_VECTOR ? 2 : 1;
    }
    return parameters;
}

/* The parameters of the wide row, as they stand in the body: "[[...]]","...","..." */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__batch_put_wide(d1t_batch *b, const d1t__add *a) {
    d1t_writer w, check;
    d1t_columns big = d1t__no_columns();
    bool escaped = false;
    uint32_t key = 0, parameters = d1t__wide_columns(b, a, &big), group = d1t__group_of(b, &a->desc);
    size_t column;
    d1t_result result;
    d1t_writer_counting(&check);
    check.level = 1;
    result = d1t__encode_row(b, &check, a, d1t__no_columns(), &key,
                             &escaped); /* every value is checked, and the row's size */
    if (result != D1T_OK) return result;
    if (parameters > b->limits->parameters)
        return d1t__row_fault(b, a, NULL, D1T_ERR_LIMIT,
                              "its long values need more parameters than D1 allows (limit parameters)", NULL);
    d1t_buffer_free(&b->wide);
    result = d1t_buffer_reserve(&b->wide, (size_t)check.total + 16u * parameters + 64);
    d1t_writer_growing(&w, &b->wide);
    if (result == D1T_OK) {
        d1t_write_text(&w, "\"[");
        w.level = 1;
        result = d1t__encode_row(b, &w, a, big, &key, &escaped);
        w.level = 0;
        d1t_write_text(&w, "]\"");
    }
    if (result == D1T_OK && w.total > b->limits->parameter)
        result = d1t__row_fault(b, a, NULL, D1T_ERR_LIMIT,
                                "its shorter values do not fit one parameter (limit parameter)", NULL);
    b->wide_key = key;
    for (column = 0; column < a->desc.shape->table->column_count && result == D1T_OK; column++)
        if (d1t__has(big, column)) result = d1t__wide_value(b, &w, a, column);
    if (result == D1T_OK) result = w.error;
    if (result == D1T_ERR_NOMEM || result == D1T_ERR_TOO_BIG)
        d1t__row_fault(b, a, NULL, result, "no memory for a row this wide", NULL);
    if (result != D1T_OK) {
        d1t_buffer_free(&b->wide);
        return result;
    }
    b->big = big;
    b->wide_group = group;
    b->next_row++;
    b->live = 1;
    return D1T_OK;
}

#endif /* D1T_NO_WIDE */

/* Adds a row. D1T_FULL: flush first, the row was not taken. */
D1T__PRIVATE d1t_result d1t__batch_add(d1t_batch *b, const d1t__add *a, uint64_t *merged) {
    uint64_t need = 0;
    d1t_result result;
    if (d1t__is_wide(b)) return D1T_FULL;
    result = d1t__batch_put(b, a, &need, merged);
    if (result != D1T_FULL || b->live) return result;
    d1t__batch_reset(b);        /* dead rows only */
    result = d1t__batch_put(b, a, &need, merged);
    if (result != D1T_FULL) return result;
    if (b->mark != SIZE_MAX) return D1T_FULL;   /* a wide row travels alone, which would split the group */
#ifndef D1T_NO_WIDE
    if (d1t__kind_of(&a->desc) != D1T_WRITE_DELETE) return d1t__batch_put_wide(b, a);
#endif
    d1t__row_fault(b, a, NULL, D1T_ERR_LIMIT, "the row is larger than a request may be (limit body)", NULL);
    a->error->need = need;
    return D1T_ERR_LIMIT;
}

/* ---- sending: the parts of a body, one after the other */

enum {
    D1T__PART_OPEN, D1T__PART_PROLOGUE, D1T__PART_PARK, D1T__PART_PARK_ROW, D1T__PART_PARK_KEYS, D1T__PART_PARK_KEY,
    D1T__PART_PARK_END, D1T__PART_HEAD, D1T__PART_ROW, D1T__PART_TAIL, D1T__PART_WIDE, D1T__PART_EPILOGUE,
    D1T__PART_PROBE, D1T__PART_CLOSE
};

D1T__PRIVATE const d1t_write_desc *d1t__send_group(const struct d1t__send *s, uint32_t i) {
    return &s->batch->group[d1t__row_at(s->batch, d1t__order_at(s->batch, i)).group];
}

/* Where the rows of the statement end that begin at i: at another statement, or at the size of a parameter. */
D1T__PRIVATE uint32_t d1t__send_end(const struct d1t__send *s, uint32_t i) {
    const d1t_write_desc *group = d1t__send_group(s, i);
    size_t bytes = 2;
    if (s->batch->groups == 1 && s->batch->text < s->batch->limits->parameter) return s->to;
    for (; i < s->to && d1t__send_group(s, i) == group; i++) {
        bytes += d1t__row_at(s->batch, d1t__order_at(s->batch, i)).size + 1u;
        if (bytes > s->batch->limits->parameter) break;
    }
    return i;
}

/* The rows of the unconditional deletes of a table, as a range of positions. */
D1T__PRIVATE uint32_t d1t__send_deletes(const struct d1t__send *s, const d1t_shape *shape, uint32_t *end) {
    uint32_t i, first = s->to;
    *end = s->to;
    for (i = s->from; i < s->to; i++) {
        const d1t_write_desc *d = d1t__send_group(s, i);
        bool wanted = d->shape == shape && d1t__kind_of(d) == D1T_WRITE_DELETE && !d1t__is_conditional(d);
        if (wanted && first == s->to) first = i;
        if (!wanted && first < s->to) {
            *end = i;
            break;
        }
    }
    return first;
}

/* Is there a park statement for this run and index? */
D1T__PRIVATE bool d1t__parks(const struct d1t__send *s) {
    const d1t_write_desc *d = d1t__send_group(s, s->run);
    const d1t_index *index = &d->shape->table->indexes[s->index];
    d1t_writer w;
    d1t_writer_counting(&w);
    return (index->flags & D1T_UNIQUE) && d1t_write_park_sql(&w, d, index);
}

/* The next park statement at or behind run and index; false: none. */
D1T__PRIVATE bool d1t__send_park(struct d1t__send *s) {
    if (!D1T__PARKS || !s->park || d1t__is_wide(s->batch)) return false;
    while (s->run < s->to) {
        for (; s->index < d1t__send_group(s, s->run)->shape->table->index_count; s->index++)
            if (d1t__parks(s)) {
                s->stage = D1T__PART_PARK;
                return true;
            }
        s->run = d1t__send_end(s, s->run);
        s->index = 0;
    }
    return false;
}

D1T__PRIVATE void d1t__send_rows(struct d1t__send *s, uint32_t from) {
    s->run = from;
    s->end = from < s->to ? d1t__send_end(s, from) : from;
    s->stage = d1t__is_wide(s->batch) ? D1T__PART_WIDE : from < s->to ? D1T__PART_HEAD : D1T__PART_EPILOGUE;
    s->index = 0;
}

D1T__PRIVATE void d1t__send_body(struct d1t__send *s) {
    s->run = s->from;
    s->index = 0;
    if (!d1t__send_park(s)) d1t__send_rows(s, s->from);
}

/* Skips stages that have nothing to write. */
D1T__PRIVATE void d1t__send_settle(struct d1t__send *s) {
    if (s->stage == D1T__PART_PROLOGUE && (!D1T__AROUND || s->index == s->prologue_count)) d1t__send_body(s);
    if (s->stage == D1T__PART_EPILOGUE && (!D1T__AROUND || s->index == s->epilogue_count))
        s->stage = D1T__PROBES && s->probe ? D1T__PART_PROBE : D1T__PART_CLOSE;
}

D1T__PRIVATE void d1t__send_rewind(void *ctx) {
    struct d1t__send *s = (struct d1t__send *)ctx;
    s->stage = D1T__PART_OPEN;
    s->statements = 0;
    s->i = s->end = s->run = s->from;
    s->index = 0;
}

/* Rows go in parts of several, so that the walk costs little beside the copying. */
#define D1T__PART_ROWS 16u

D1T__PRIVATE uint32_t d1t__send_until(const struct d1t__send *s) {
    return s->end - s->i > D1T__PART_ROWS ? s->i + D1T__PART_ROWS : s->end;
}

/* Begins the list [first, end) of rows, or skips it if it is empty. */
D1T__PRIVATE void d1t__send_list(struct d1t__send *s, uint32_t first, uint32_t end, uint8_t stage, uint8_t empty) {
    s->i = first;
    s->end = end;
    s->stage = first < end ? stage : empty;
}

D1T__PRIVATE bool d1t__send_advance(void *ctx) {
    struct d1t__send *s = (struct d1t__send *)ctx;
#ifndef D1T_NO_PARK
    uint32_t first, end = 0;
#endif
    switch (s->stage) {
        case D1T__PART_OPEN: s->stage = D1T__PART_PROLOGUE; break;
#ifndef D1T_NO_AROUND
        case D1T__PART_PROLOGUE: case D1T__PART_EPILOGUE:
            s->index++;
            s->statements++;
            break;
#endif
#ifndef D1T_NO_PARK
        case D1T__PART_PARK:
            d1t__send_list(s, s->run, d1t__send_end(s, s->run), D1T__PART_PARK_ROW, D1T__PART_PARK_KEYS);
            break;
        case D1T__PART_PARK_KEYS:
            first = d1t__send_deletes(s, d1t__send_group(s, s->run)->shape, &end);
            d1t__send_list(s, first, end, D1T__PART_PARK_KEY, D1T__PART_PARK_END);
            break;
        case D1T__PART_PARK_END:
            s->index++;
            s->statements++;
            if (!d1t__send_park(s)) d1t__send_rows(s, s->from);
            break;
#endif
        case D1T__PART_PARK_ROW: case D1T__PART_PARK_KEY: case D1T__PART_ROW:
            s->i = d1t__send_until(s);
            if (s->i == s->end) s->stage++;
            break;
        case D1T__PART_HEAD: d1t__send_list(s, s->run, s->end, D1T__PART_ROW, D1T__PART_TAIL); break;
        case D1T__PART_TAIL:
            s->statements += 2;
            d1t__send_rows(s, s->end);
            break;
#ifndef D1T_NO_WIDE
        case D1T__PART_WIDE:
            s->statements += 2;
            s->index = 0;
            s->stage = D1T__PART_EPILOGUE;
            break;
#endif
#ifndef D1T_NO_PROBE
        case D1T__PART_PROBE:
            s->statements++;
            s->stage = D1T__PART_CLOSE;
            break;
#endif
        default: return false;
    }
    d1t__send_settle(s);
    s->total = s->statements;
    return true;
}

/* The statement of the list being written, for this pass. */
D1T__PRIVATE void d1t__send_statement_sql(const struct d1t__send *s, d1t_writer *w) {
    d1t_write_desc desc = *d1t__send_group(s, s->run);
    if (s->first_pass && d1t__has_late(&desc)) desc.columns = desc.shape->late;
    d1t_write_sql(w, &desc, d1t__no_columns());
}

/* {"sql":" with a comma before all but the first statement. */
D1T__PRIVATE void d1t__send_head(const struct d1t__send *s, d1t_writer *w) {
    const char *head = D1T__HEAD_TEXT;
    d1t_write_text(w, s->statements ? head : head + 1);
    w->level = 1;
}

D1T__PRIVATE void d1t__send_some(const struct d1t__send *s, d1t_writer *w) {
    uint32_t i = s->i, until = d1t__send_until(s);
    size_t at;
    for (; i < until; i++) {
        at = d1t__order_at(s->batch, i);
        d1t__write_raw(w, d1t__row_text(s->batch, at), d1t__row_at(s->batch, at).size + (i + 1u < s->end));
    }
}

#ifndef D1T_NO_AROUND
D1T__PRIVATE void d1t__send_statement(const struct d1t__send *s, d1t_writer *w, const d1t_statement *statement) {
    if (s->statements) d1t_write_text(w, ",");
    (void)d1t_write_statement(w, statement, NULL);  /* checked by d1t_around */
}
#endif

D1T__PRIVATE void d1t__send_write(void *ctx, d1t_writer *w) {
    const struct d1t__send *s = (const struct d1t__send *)ctx;
    switch (s->stage) {
        case D1T__PART_OPEN: d1t_write_text(w, "{\"batch\":["); break;
#ifndef D1T_NO_AROUND
        case D1T__PART_PROLOGUE: d1t__send_statement(s, w, &s->prologue[s->index]); break;
        case D1T__PART_EPILOGUE: d1t__send_statement(s, w, &s->epilogue[s->index]); break;
#endif
#ifndef D1T_NO_PARK
        case D1T__PART_PARK:
            d1t__send_head(s, w);
            (void)d1t_write_park_sql(w, d1t__send_group(s, s->run),
                                     &d1t__send_group(s, s->run)->shape->table->indexes[s->index]);
            w->level = 0;
            d1t_write_text(w, D1T__ROWS_OPEN);
            break;
        case D1T__PART_PARK_KEYS: d1t_write_text(w, "]\",\"["); break;
        case D1T__PART_PARK_END: d1t_write_text(w, "]\"]}"); break;
#endif
        case D1T__PART_HEAD:
            d1t__send_head(s, w);
            d1t__send_statement_sql(s, w);
            w->level = 0;
            d1t_write_text(w, D1T__ROWS_OPEN);
            break;
        case D1T__PART_PARK_ROW: case D1T__PART_PARK_KEY: case D1T__PART_ROW: d1t__send_some(s, w); break;
        case D1T__PART_TAIL: d1t_write_text(w, D1T__ROWS_CLOSE); break;
#ifndef D1T_NO_WIDE
        case D1T__PART_WIDE:
            d1t__send_head(s, w);
            d1t_write_sql(w, &s->batch->group[s->batch->wide_group], s->batch->big);
            w->level = 0;
            d1t_write_text(w, "\",\"params\":[");
            d1t__write_raw(w, s->batch->wide.p, s->batch->wide.n);
            d1t_write_text(w, "]},{\"sql\":\"SELECT changes()\"}");
            break;
#endif
#ifndef D1T_NO_PROBE
        case D1T__PART_PROBE:
            d1t_write_text(w, ",{\"sql\":\"SELECT json_extract('{}','d1t probe')\"}");
            break;
#endif
        default: d1t_write_text(w, "]}"); break;
    }
}

D1T__PRIVATE d1t_body d1t__send_as_body(struct d1t__send *s) {
    d1t_body body;
    body.write = d1t__send_write;
    body.advance = d1t__send_advance;
    body.rewind = d1t__send_rewind;
    body.ctx = s;
    return body;
}

/* Turns the start of a row's text into its key as plain JSON, in place: the row is not needed any more. */
D1T__PRIVATE d1t_str d1t__key_json(char *text, size_t size) {
    size_t i, n = 0;
    for (i = 0; i < size; i++) {
        if (text[i] == '\\' && i + 1 < size) i++;
        text[n++] = text[i];
    }
    text[n++] = ']';
    return d1t_bytes(text, n);
}

#ifndef D1T_NO_PLAN

/* ---- >>schema_read (implementation) --------------------------------------------------------------------------- */

/* Names that are the user's: D1's own tables may not even be looked into, so this has to run before any join. */
#define D1T__USER_OBJECTS(m) \
    "substr(" m ".name,1,4)<>'_cf_' AND substr(" m ".name,1,7)<>'sqlite_' AND substr(" m ".name,1,5)<>'_d1t_'"
/* What an object adds to d1t_schema.shape. */
#define D1T__OBJECT_SHAPE 1048576

/* The pragmas say again what the SQL says, so that a table is only rebuilt if both agree. json() gives the inner
   selects their type back. */
D1TDEF const char *d1t_schema_sql(void) {
    return "SELECT CASE WHEN l.type='table' THEN json_object('type','table','name',m.name,'owner',m.name,'sql',m.sql,"
           "'columns',json((SELECT json_group_array(json_array(c.name,c.type,c.`notnull`,c.dflt_value,c.pk,c.hidden)) "
           "FROM pragma_table_xinfo(m.name) c)),"
           "'uniques',(SELECT count(*) FROM pragma_index_list(m.name) i WHERE i.origin='u'),"
           "'parents',json((SELECT json_group_array(json_array(f.`table`,f.`from`,f.`to`,f.on_delete,f.on_update)) "
           "FROM pragma_foreign_key_list(m.name) f))) ELSE "
           "json_object('type',coalesce(l.type,m.type),'name',m.name,'owner',m.tbl_name,'sql',m.sql) END AS object "
           "FROM sqlite_schema m LEFT JOIN pragma_table_list(m.name) l ON m.type='table' AND l.schema='main' "
           "WHERE " D1T__USER_OBJECTS("m") " ORDER BY m.rowid";
}

D1TDEF const char *d1t_schema_record_sql(void) {
    return "SELECT name,version,state FROM `_d1t_setup`";
}

typedef struct d1t__schema_reader {
    d1t_arena         *arena;
    d1t_schema_object *object;
    d1t_buffer         text;        /* of the string being read */
    d1t_error          error;       /* why the SQL cannot be read */
    char               member[10];
    bool               shadow;
    bool               differs;     /* a pragma says something else than the SQL */
    uint32_t           place;       /* number of the value in its array */
    size_t             column, parents, uniques, key;
} d1t__schema_reader;

D1T__PRIVATE d1t_result d1t__schema_table_sql(d1t__schema_reader *r) {
    d1t_schema_object *o = r->object;
    d1t_result result = d1t_table_from_sql(d1t_cstr(o->sql), r->arena, &o->table, &r->error);
    if (result == D1T_ERR_NOMEM) return result;
    if (result == D1T_OK) return D1T_OK;
    o->table = NULL;
    o->odd = d1t_arena_text(r->arena, d1t_cstr(r->error.text));
    return o->odd ? D1T_OK : D1T_ERR_NOMEM;
}

D1T__PRIVATE d1t_result d1t__schema_member(d1t__schema_reader *r, const char *text, int64_t number) {
    d1t_schema_object *o = r->object;
    if (d1t__same(r->member, "uniques")) r->uniques = (size_t)number;
    if (!text) return D1T_OK;
    if (d1t__same(r->member, "name")) o->name = text;
    else if (d1t__same(r->member, "owner")) o->owner = text;
    else if (d1t__same(r->member, "type")) {
        r->shadow = d1t__same(text, "shadow");
        o->kind = d1t__same(text, "table") ? D1T_OBJECT_TABLE : d1t__same(text, "index") ? D1T_OBJECT_INDEX :
                  d1t__same(text, "view") ? D1T_OBJECT_VIEW : d1t__same(text, "trigger") ? D1T_OBJECT_TRIGGER :
                  D1T_OBJECT_VIRTUAL;
    } else if (d1t__same(r->member, "sql")) {
        o->sql = text;
        if (o->kind == D1T_OBJECT_TABLE) return d1t__schema_table_sql(r);
    }
    return D1T_OK;
}

/* A default as SQLite reports it: as it is spelt, where a word, in quotes or not, stands for a text. */
D1T__PRIVATE bool d1t__default_agrees(const char *spelt, const char *sql) {
    d1t_str text = d1t_cstr(spelt), is = d1t_cstr(sql);
    size_t pos = 0, at = 0;
    d1t_sql_token word, string;
    if (d1t_sql_equal(text, is)) return true;
    word = d1t_sql_next(text, &pos);
    string = d1t_sql_next(is, &at);
    return (word.kind == D1T_SQL_WORD || word.kind == D1T_SQL_NAME) && string.kind == D1T_SQL_STRING &&
           d1t_sql_next(text, &pos).kind == D1T_SQL_END && d1t_sql_next(is, &at).kind == D1T_SQL_END &&
           d1t__sql_same_name(word, string);
}

/* One value of a column as pragma_table_xinfo has it, against the column that was read from the SQL. */
D1T__PRIVATE bool d1t__column_agrees(const d1t_table *t, const d1t_column *c, uint32_t place, const char *text,
                                     int64_t number) {
    bool key = (c->flags & D1T_KEY) != 0, stored = (c->flags & D1T_STORED) != 0;
    switch (place) {
        case 0: return text && d1t__same(text, c->name);
        case 1: return d1t__same_name(text ? text : "", d1t_sql_type(t, c));
        case 2: return key || (number != 0) == d1t__not_null(c);
        case 3: return (text != NULL) == (c->default_sql != NULL) &&
                       (!text || d1t__default_agrees(text, c->default_sql));
        case 4: return (number != 0) == key;
        case 5: return number == (c->generated_sql ? (stored ? 3 : 2) : 0);
        default: return false;
    }
}

/* A value inside an array of columns or parents, by its place. */
D1T__PRIVATE void d1t__schema_value(d1t__schema_reader *r, const char *text, int64_t number) {
    const d1t_table *t = r->object->table;
    if (t && d1t__same(r->member, "columns"))
        r->differs = r->differs || r->column == 0 || r->column > t->column_count ||
                     !d1t__column_agrees(t, &t->columns[r->column - 1], r->place, text, number);
    r->place++;
}

D1T__PRIVATE d1t_result d1t__schema_scalar(d1t__schema_reader *r, uint32_t depth, const char *text, int64_t number) {
    if (depth == 1) return d1t__schema_member(r, text, number);
    if (depth == 3) d1t__schema_value(r, text, number);
    return D1T_OK;
}

/* An array of a column or a parent begins. */
D1T__PRIVATE void d1t__schema_element(d1t__schema_reader *r) {
    r->place = 0;
    if (d1t__same(r->member, "columns")) r->column++;
    else r->parents++;
}

D1T__PRIVATE d1t_result d1t__schema_text(d1t__schema_reader *r, const d1t_json_event *e) {
    d1t_str text = d1t_bytes(r->text.p, r->text.n);
    char *copy;
    int64_t number = 0;
    if (e->kind == D1T_JSON_KEY) {
        d1t__copy_short(r->member, sizeof r->member, text);
        return D1T_OK;
    }
    if (e->kind == D1T_JSON_NUMBER) {
        (void)d1t_parse_int(text, &number);
        return d1t__schema_scalar(r, e->depth, NULL, number);
    }
    if (e->depth == 3) {        /* only compared: no copy is kept */
        d1t__schema_value(r, r->text.p, 0);
        return D1T_OK;
    }
    copy = d1t_arena_text(r->arena, text);
    return copy ? d1t__schema_scalar(r, e->depth, copy, 0) : D1T_ERR_NOMEM;
}

D1T__PRIVATE d1t_result d1t__schema_event(void *ctx, const d1t_json_event *e) {
    d1t__schema_reader *r = (d1t__schema_reader *)ctx;
    d1t_result result;
    if (e->depth == 2 && e->kind == D1T_JSON_OBJECT) return D1T_ERR_PROTOCOL;
    if (e->kind == D1T_JSON_ARRAY && e->depth == 2) d1t__schema_element(r);
    if (e->kind == D1T_JSON_NULL) return d1t__schema_scalar(r, e->depth, NULL, 0);
    if (e->kind != D1T_JSON_KEY && e->kind != D1T_JSON_STRING && e->kind != D1T_JSON_NUMBER) return D1T_OK;
    if (e->first) r->text.n = 0;
    result = d1t_buffer_reserve(&r->text, e->text.n + 1);
    if (result != D1T_OK) return result;
    if (e->text.n) D1T_MEMCPY(r->text.p + r->text.n, e->text.p, e->text.n);
    r->text.n += e->text.n;
    r->text.p[r->text.n] = 0;
    return e->last ? d1t__schema_text(r, e) : D1T_OK;
}

/* Does the SQL say as much as the pragmas? */
D1T__PRIVATE bool d1t__schema_agrees(const d1t__schema_reader *r) {
    const d1t_table *t = r->object->table;
    size_t i, parents = 0;
    for (i = 0; i < t->foreign_key_count; i++) parents += t->foreign_keys[i].column_count;
    return !r->differs && r->column == t->column_count && r->parents == parents && r->uniques == t->index_count;
}

D1T__PRIVATE d1t_result d1t__schema_read_object(d1t__schema_reader *r, d1t_str json) {
    d1t_json_reader reader;
    d1t_result result;
    d1t_json_reader_init(&reader, d1t__schema_event, r, 8);
    result = d1t_json_reader_feed(&reader, json.p, json.n);
    return result == D1T_OK ? d1t_json_reader_end(&reader) : result;
}

D1TDEF d1t_result d1t_schema_add(d1t_schema *schema, d1t_str json) {
    d1t__schema_reader *r = (d1t__schema_reader *)schema->reader;
    d1t_schema_object *o = (d1t_schema_object *)d1t_arena_take(schema->arena, sizeof *o);
    d1t_result result;
    if (!r) r = (d1t__schema_reader *)d1t_arena_take(schema->arena, sizeof *r);
    if (!r || !o) return D1T_ERR_NOMEM;
    D1T_MEMSET(r, 0, sizeof *r);
    schema->reader = r;
    r->arena = schema->arena;
    r->object = o;
    d1t_buffer_init(&r->text, schema->arena->allocator, 4u << 20);
    result = d1t__schema_read_object(r, json);
    d1t_buffer_free(&r->text);
    if (result == D1T_ERR_NOMEM) return result;
    if (result != D1T_OK || !o->name || !o->sql || !o->owner || !o->kind) return D1T_ERR_PROTOCOL;
    if (o->kind == D1T_OBJECT_TABLE && !o->table && !o->odd) return D1T_ERR_PROTOCOL;   /* its SQL came too early */
    schema->shape += D1T__OBJECT_SHAPE + d1t__strlen(o->sql);
    if (r->shadow) return D1T_OK;
    if (o->table && !d1t__schema_agrees(r)) {
        o->table = NULL;
        o->odd = "what SQLite makes of its SQL is not what the SQL seems to say";
    }
    if (schema->last) schema->last->next = o;
    else schema->objects = o;
    schema->last = o;
    return D1T_OK;
}

#define D1T__NEW "_d1t_new_"

/* A rebuild in several requests that has begun. Its record has the name of the new table. */
typedef struct d1t__copy {
    const char *table;      /* that is copied */
    const char *id;         /* what the copy is for */
    bool        complete;
    struct d1t__copy *next;
} d1t__copy;

D1T__PRIVATE d1t_result d1t__schema_copy(d1t_schema *schema, d1t_str table, bool complete, d1t_str id) {
    d1t__copy *copy = (d1t__copy *)d1t_arena_take(schema->arena, sizeof *copy);
    if (!copy) return D1T_ERR_NOMEM;
    copy->table = d1t_arena_text(schema->arena, table);
    copy->id = d1t_arena_text(schema->arena, id);
    if (!copy->table || !copy->id) return D1T_ERR_NOMEM;
    copy->complete = complete;
    copy->next = schema->copies;
    schema->copies = copy;
    return D1T_OK;
}

D1TDEF d1t_result d1t_schema_add_record(d1t_schema *schema, d1t_str name, uint64_t version, d1t_str json) {
    const size_t prefix = sizeof D1T__NEW - 1;
    d1t_schema_record *record;
    d1t_result result;
    if (name.n == 0) {
        schema->version = version;
        return D1T_OK;
    }
    if (d1t__begins(name, D1T__NEW))
        return d1t__schema_copy(schema, d1t_bytes(name.p + prefix, name.n - prefix), version != 0, json);
    record = (d1t_schema_record *)d1t_arena_take(schema->arena, sizeof *record);
    if (!record) return D1T_ERR_NOMEM;
    record->table = d1t_arena_text(schema->arena, name);
    record->json = d1t_arena_text(schema->arena, json);
    if (!record->table || !record->json) return D1T_ERR_NOMEM;
    result = d1t_table_from_json(json, schema->arena, &record->state, NULL);
    if (result == D1T_ERR_NOMEM) return result;
    if (result != D1T_OK) return D1T_ERR_PROTOCOL;
    record->next = schema->records;
    schema->records = record;
    return D1T_OK;
}

/* -- finding by name */

typedef struct d1t__named {
    const char *name;   /* NULL: free */
    void       *thing;
} d1t__named;

/* Things by their names, ASCII case ignored; at most half of the places are taken. */
typedef struct d1t__directory {
    d1t__named *places;
    size_t      mask;       /* how many there are, a power of two, less one */
} d1t__directory;

D1T__PRIVATE bool d1t__directory_take(d1t__directory *d, d1t_arena *arena, size_t count) {
    size_t n = 4;
    while (n / 2 < count && n <= SIZE_MAX / 4 / sizeof *d->places) n *= 2;
    d->mask = n - 1;
    d->places = n / 2 < count ? NULL : (d1t__named *)d1t_arena_take(arena, n * sizeof *d->places);
    return d->places != NULL;
}

/* Where the name is, or would be. */
D1T__PRIVATE d1t__named *d1t__directory_place(const d1t__directory *d, const char *name) {
    size_t i = d1t__name_hash(name) & d->mask;
    while (d->places[i].name && !d1t__same_name(d->places[i].name, name)) i = (i + 1) & d->mask;
    return &d->places[i];
}

/* NULL: there is none of this name. */
D1T__PRIVATE void *d1t__directory_find(const d1t__directory *d, const char *name) {
    return d1t__directory_place(d, name)->thing;
}

/* Of equal names the first one counts. */
D1T__PRIVATE void d1t__directory_add(d1t__directory *d, const char *name, void *thing) {
    d1t__named *place = d1t__directory_place(d, name);
    if (place->name) return;
    place->name = name;
    place->thing = thing;
}

D1T__PRIVATE bool d1t__has_own_name(const d1t_schema_object *o) {
    return o->kind != D1T_OBJECT_INDEX && o->kind != D1T_OBJECT_TRIGGER;
}

/* Tables and views. False: no memory. */
D1T__PRIVATE bool d1t__directory_of_objects(d1t__directory *d, const d1t_schema *schema) {
    d1t_schema_object *o;
    size_t count = 0;
    for (o = schema->objects; o; o = o->next) count++;
    if (!d1t__directory_take(d, schema->arena, count)) return false;
    for (o = schema->objects; o; o = o->next)
        if (d1t__has_own_name(o)) d1t__directory_add(d, o->name, o);
    return true;
}

D1T__PRIVATE bool d1t__directory_of_records(d1t__directory *d, const d1t_schema *schema) {
    d1t_schema_record *r;
    size_t count = 0;
    for (r = schema->records; r; r = r->next) count++;
    if (!d1t__directory_take(d, schema->arena, count)) return false;
    for (r = schema->records; r; r = r->next) d1t__directory_add(d, r->table, r);
    return true;
}

D1TDEF const d1t_schema_object *d1t_schema_find(const d1t_schema *schema, const char *name) {
    const d1t_schema_object *o = schema->objects;
    while (o && !(d1t__has_own_name(o) && d1t__same_name(o->name, name))) o = o->next;
    return o;
}

D1TDEF const d1t_schema_record *d1t_schema_recorded(const d1t_schema *schema, const char *table) {
    const d1t_schema_record *r;
    for (r = schema->records; r && !d1t__same_name(r->table, table); r = r->next) {}
    return r;
}

/* Adds the index of an object to its table; an index whose SQL cannot be read makes the table odd. */
D1T__PRIVATE d1t_result d1t__schema_index(d1t_arena *arena, d1t_schema_object *table, const d1t_schema_object *index) {
    d1t_table *t = table->table;
    d1t_index *list = (d1t_index *)d1t_arena_take(arena, (t->index_count + 1) * sizeof *list);
    const char *owner;
    d1t_result result;
    if (!list) return D1T_ERR_NOMEM;
    result = d1t_index_from_sql(d1t_cstr(index->sql), arena, &list[t->index_count], &owner, NULL);
    if (result == D1T_ERR_NOMEM) return result;
    if (result != D1T_OK) {
        table->table = NULL;
        table->odd = "one of its indexes cannot be read";
        return D1T_OK;
    }
    if (t->index_count) D1T_MEMCPY(list, t->indexes, t->index_count * sizeof *list);
    t->indexes = list;
    t->index_count++;
    return D1T_OK;
}

D1TDEF d1t_result d1t_schema_end(d1t_schema *schema) {
    d1t__directory objects;
    d1t_schema_object *o, *table;
    d1t_result result = d1t__directory_of_objects(&objects, schema) ? D1T_OK : D1T_ERR_NOMEM;
    for (o = schema->objects; o && result == D1T_OK; o = o->next) {
        if (o->kind != D1T_OBJECT_INDEX) continue;
        table = (d1t_schema_object *)d1t__directory_find(&objects, o->owner);
        if (table && table->table) result = d1t__schema_index(schema->arena, table, o);
    }
    return result;
}

/* ---- >>diff (implementation) ---------------------------------------------------------------------------------- */

/* What is asked of D1 before a plan is final: how many rows stand against a step. */
typedef enum d1t__tally_kind { D1T__COUNT_ROWS = 1, D1T__COUNT_TYPE, D1T__COUNT_NULL, D1T__COUNT_KEY } d1t__tally_kind;

/* A table that the plan looks at. */
typedef struct d1t__item {
    const d1t_schema_object *have;  /* NULL: D1 has no such table */
    const d1t_table *from;          /* what it is, under the names that renames give; NULL: missing or odd */
    const d1t_table *to;            /* what it shall be; NULL: it is not declared */
    const d1t_table *target;        /* what a rebuild makes: `to` and what is kept */
    const char      *name;          /* in D1, once the renames are done */
    bool     rebuild;               /* its own steps need it */
    bool     member;                /* it is rebuilt: for itself, or for a table that it references */
    bool     empty;                 /* a rebuild cannot take its rows along */
    bool     drop, touched, renamed, listed;
    bool     has_rows;              /* rows is known */
    uint32_t rank;                  /* among the members: parents first */
    uint32_t chunk;                 /* rows that a request copies; 0: the rebuild is not split */
    uint64_t rows;
} d1t__item;

typedef struct d1t__tally {
    d1t__tally_kind   kind;
    d1t__item        *item;
    const d1t_column *column;       /* of the target; TYPE, NULL */
    d1t_plan_step    *step;         /* NULL: ROWS */
    uint64_t          rows;
    struct d1t__tally *next;
} d1t__tally;

/* A plan in the making. The first failure sticks in result; later calls do nothing. */
typedef struct d1t__planner {
    d1t_plan         *plan;
    const d1t_schema *schema;
    d1t__item        *items;
    size_t            item_count;
    d1t__item       **going;        /* those that are made anew or dropped, parents first */
    size_t            going_count;
    d1t__directory    objects, records, by_name;    /* by_name: the items */
    d1t__tally       *counts, *last_count;
    size_t            count_count;
    d1t_statement    *queries;      /* a statement for each count */
    bool              counted, renames, rebuilds;
    d1t_buffer        text;
    d1t_writer        w;            /* over text: what is being put together */
    d1t_limits        limits;
    d1t_result        result;
} d1t__planner;

D1T__PRIVATE void *d1t__planner_take(d1t__planner *p, size_t n) {
    void *piece = p->result == D1T_OK ? d1t_arena_take(&p->plan->arena, n) : NULL;
    if (!piece && p->result == D1T_OK) p->result = D1T_ERR_NOMEM;
    return piece;
}

/* Begins a text; d1t__text_end gives it, in the arena; NULL: no memory. */
D1T__PRIVATE d1t_writer *d1t__text_begin(d1t__planner *p) {
    p->text.n = 0;
    d1t_writer_growing(&p->w, &p->text);
    return &p->w;
}

/* Is the text whole? */
D1T__PRIVATE bool d1t__text_is_whole(d1t__planner *p) {
    if (p->w.error != D1T_OK && p->result == D1T_OK)
        p->result = p->w.error == D1T_ERR_NOMEM ? D1T_ERR_NOMEM : D1T_ERR_LIMIT;
    return p->result == D1T_OK;
}

D1T__PRIVATE const char *d1t__text_end(d1t__planner *p) {
    char *text = NULL;
    if (d1t__text_is_whole(p)) text = d1t_arena_text(&p->plan->arena, d1t_bytes(p->text.p, p->text.n));
    if (!text && p->result == D1T_OK) p->result = D1T_ERR_NOMEM;
    return text;
}

/* ---- steps */

/* Adds a step with the text that was begun. NULL: no memory. */
D1T__PRIVATE d1t_plan_step *d1t__step_end(d1t__planner *p, d1t_step_kind kind, d1t__item *item, const char *name) {
    const char *text = d1t__text_end(p);
    d1t_plan_step *step = (d1t_plan_step *)d1t__planner_take(p, sizeof *step);
    if (!step) return NULL;
    step->kind = kind;
    step->text = text;
    step->table = item->name;
    if (name) step->name = d1t_arena_text(&p->plan->arena, d1t_cstr(name));
    if (name && !step->name) p->result = D1T_ERR_NOMEM;
    if (p->plan->last) p->plan->last->next = step;
    else p->plan->steps = step;
    p->plan->last = step;
    item->touched = true;
    return step;
}

D1T__PRIVATE d1t_writer *d1t__step_begin(d1t__planner *p, const char *what, const char *table, const char *column) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, what);
    d1t_write_text(w, table);
    if (column) d1t_write_text(w, ".");
    if (column) d1t_write_text(w, column);
    return w;
}

D1T__PRIVATE void d1t__refuse(d1t__planner *p, d1t__item *item, const char *what, const char *name, const char *why) {
    d1t_writer *w = d1t__step_begin(p, what, item->name, name);
    d1t_write_text(w, ": ");
    d1t_write_text(w, why);
    (void)d1t__step_end(p, D1T_REFUSED, item, name);
}

/* A step that turns out to be impossible. */
D1T__PRIVATE void d1t__step_refuse(d1t__planner *p, d1t_plan_step *step, const char *why) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, "! ");
    d1t_write_text(w, step->text);
    d1t_write_text(w, ": ");
    d1t_write_text(w, why);
    step->text = d1t__text_end(p);
    step->kind = D1T_REFUSED;
    step->effect = D1T_EFFECT_NONE;
}

D1T__PRIVATE void d1t__note(d1t__planner *p, d1t__item *item, const char *what, const char *name, const char *why) {
    bool touched = item->touched;
    d1t_writer *w = d1t__step_begin(p, "# ", item->name, NULL);
    d1t_write_text(w, what);
    d1t_write_text(w, name);
    d1t_write_text(w, why);
    (void)d1t__step_end(p, D1T_NOTE, item, name);
    item->touched = touched;
}

/* Something has to be counted before the step is final (or, without a step, before the cost is known). */
D1T__PRIVATE void d1t__count_later(d1t__planner *p, d1t__tally_kind kind, d1t__item *item, const d1t_column *column,
                                   d1t_plan_step *step) {
    d1t__tally *c = (d1t__tally *)d1t__planner_take(p, sizeof *c);
    if (!c) return;
    c->kind = kind;
    c->item = item;
    c->column = column;
    c->step = step;
    if (p->last_count) p->last_count->next = c;
    else p->counts = c;
    p->last_count = c;
    p->count_count++;
}

/* ---- comparing two tables */

D1T__PRIVATE const d1t_column *d1t__column_of(const d1t_table *t, const char *name) {
    size_t i = d1t_table_column(t, d1t_cstr(name));
    return i < t->column_count ? &t->columns[i] : NULL;
}

/* The same, looked for first where the other table has it. */
D1T__PRIVATE const d1t_column *d1t__column_like(const d1t_table *t, const char *name, size_t place) {
    if (place < t->column_count && d1t__same_name(t->columns[place].name, name)) return &t->columns[place];
    return d1t__column_of(t, name);
}

D1T__PRIVATE bool d1t__same_sql(const char *a, const char *b) {
    return a == b || (a && b && d1t_sql_equal(d1t_cstr(a), d1t_cstr(b)));
}

D1T__PRIVATE bool d1t__same_names(const char *const *a, size_t a_count, const char *const *b, size_t b_count) {
    size_t i;
    if (a_count != b_count) return false;
    for (i = 0; i < a_count; i++)
        if (!d1t__same_name(a[i], b[i])) return false;
    return true;
}

D1T__PRIVATE const char *d1t__collation(const d1t_column *c) {
    return c->collation ? c->collation : "BINARY";
}

/* The spelling of a type matters in a key, where only INTEGER is the rowid, and where it was asked for. */
D1T__PRIVATE bool d1t__same_type(const d1t_table *from, const d1t_column *a, const d1t_table *to, const d1t_column *b) {
    const char *was = d1t_sql_type(from, a), *is = d1t_sql_type(to, b);
    bool strict = (to->flags & D1T_STRICT) != 0;
    if (d1t__same_name(was, is)) return true;
    if (b->sql_type || (b->flags & D1T_KEY) || strict || (from->flags & D1T_STRICT)) return false;
    return d1t_type_from_sql(d1t_cstr(was), false) == d1t_type_from_sql(d1t_cstr(is), false);
}

/* The columns of the primary key, by number of the key column; NULL: there are fewer. */
D1T__PRIVATE const d1t_column *d1t__key_column(const d1t_table *t, size_t number) {
    size_t i;
    for (i = 0; i < t->column_count; i++)
        if ((t->columns[i].flags & D1T_KEY) && number-- == 0) return &t->columns[i];
    return NULL;
}

D1T__PRIVATE bool d1t__same_key(const d1t_table *from, const d1t_table *to) {
    size_t i;
    for (i = 0;; i++) {
        const d1t_column *a = d1t__key_column(from, i), *b = d1t__key_column(to, i);
        if (!a || !b) return a == b;
        if (!d1t__same_name(a->name, b->name)) return false;
    }
}

/* An INTEGER that is the whole key of a rowid table is the rowid (SQLite, ROWIDs and the INTEGER PRIMARY KEY). */
D1T__PRIVATE bool d1t__is_rowid(const d1t_table *t, const d1t_column *c) {
    return (c->flags & D1T_KEY) && !(t->flags & D1T_WITHOUT_ROWID) && !d1t__key_column(t, 1) &&
           d1t__same_name(d1t_sql_type(t, c), "INTEGER");
}

D1T__PRIVATE d1t_type d1t__column_affinity(const d1t_table *t, const d1t_column *c) {
    return d1t_type_from_sql(d1t_cstr(d1t_sql_type(t, c)), (t->flags & D1T_STRICT) != 0);
}

/* Is a value of the column perhaps not one of the new column? Any table takes what does not fit a type, unless it is
   STRICT or the column is the rowid. */
D1T__PRIVATE bool d1t__value_may_change(const d1t_table *from, const d1t_column *a, const d1t_table *to,
                                        const d1t_column *b) {
    return ((to->flags & D1T_STRICT) && !(from->flags & D1T_STRICT)) ||
           (d1t__is_rowid(to, b) && !d1t__is_rowid(from, a)) ||
           d1t__column_affinity(from, a) != d1t__column_affinity(to, b);
}

/* No list of parent columns stands for the parent's key. */
D1T__PRIVATE bool d1t__same_parent_columns(const d1t_foreign_key *a, const d1t_foreign_key *b,
                                           const d1t_table *parent) {
    const d1t_foreign_key *listed = a->parent_columns ? a : b;
    const d1t_column *key = NULL;
    size_t i;
    if (a->parent_columns && b->parent_columns)
        return d1t__same_names(a->parent_columns, a->column_count, b->parent_columns, b->column_count);
    for (i = 0; i < listed->column_count && listed->parent_columns; i++) {
        key = parent ? d1t__key_column(parent, i) : NULL;
        if (!key || !d1t__same_name(key->name, listed->parent_columns[i])) return false;
    }
    return true;
}

D1T__PRIVATE bool d1t__same_foreign_key(const d1t_foreign_key *a, const d1t_foreign_key *b, const d1t_table *parent) {
    return d1t__same_name(a->parent, b->parent) && a->on_delete == b->on_delete && a->on_update == b->on_update &&
           a->deferred == b->deferred && d1t__same_names(a->columns, a->column_count, b->columns, b->column_count) &&
           d1t__same_parent_columns(a, b, parent);
}

D1T__PRIVATE bool d1t__same_index(const d1t_index *a, const d1t_index *b) {
    return a->flags == b->flags && d1t__same_names(a->columns, a->column_count, b->columns, b->column_count) &&
           d1t__same_sql(a->where_sql, b->where_sql) && d1t__same_sql(a->terms_sql, b->terms_sql) &&
           d1t__same_sql(a->fts_sql, b->fts_sql);
}

D1T__PRIVATE const d1t_index *d1t__index_of(const d1t_table *t, const d1t_index *like) {
    size_t i;
    for (i = 0; t && i < t->index_count; i++) {
        const d1t_index *x = &t->indexes[i];
        if ((x->name != NULL) != (like->name != NULL)) continue;
        if (like->name ? d1t__same_name(x->name, like->name) : d1t__same_index(x, like)) return x;
    }
    return NULL;
}

D1T__PRIVATE bool d1t__has_check(const d1t_table *t, const d1t_check *like) {
    size_t i;
    for (i = 0; i < t->check_count; i++)
        if (d1t__same_sql(t->checks[i].sql, like->sql) && (t->checks[i].name != NULL) == (like->name != NULL) &&
            (!like->name || d1t__same_name(t->checks[i].name, like->name)))
            return true;
    return false;
}

D1T__PRIVATE d1t__item *d1t__item_of(d1t__planner *p, const char *name) {
    return (d1t__item *)d1t__directory_find(&p->by_name, name);
}

/* What a table will be: declared, else as it is. */
D1T__PRIVATE const d1t_table *d1t__will_be(d1t__planner *p, const char *name) {
    d1t__item *item = d1t__item_of(p, name);
    return !item ? NULL : item->to ? item->to : item->from;
}

D1T__PRIVATE bool d1t__has_foreign_key(d1t__planner *p, const d1t_table *t, const d1t_foreign_key *like) {
    const d1t_table *parent = d1t__will_be(p, like->parent);
    size_t i;
    for (i = 0; i < t->foreign_key_count; i++)
        if (d1t__same_foreign_key(&t->foreign_keys[i], like, parent)) return true;
    return false;
}

/* What was recorded about the table, under the name it had. */
D1T__PRIVATE const d1t_schema_record *d1t__record_of(const d1t__planner *p, const d1t__item *item) {
    return (const d1t_schema_record *)d1t__directory_find(&p->records, item->have ? item->have->name : item->name);
}

/* ---- what cannot be changed while something else uses it */

D1T__PRIVATE bool d1t__names_have(const char *const *names, size_t count, const char *name) {
    size_t i;
    for (i = 0; i < count; i++)
        if (d1t__same_name(names[i], name)) return true;
    return false;
}

D1T__PRIVATE bool d1t__sql_uses(const char *sql, const char *name) {
    return sql && d1t_sql_mentions(d1t_cstr(sql), name);
}

/* Does the index use the column? */
D1T__PRIVATE bool d1t__index_uses(const d1t_index *x, const char *column) {
    return d1t__names_have(x->columns, x->column_count, column) || d1t__sql_uses(x->terms_sql, column) ||
           d1t__sql_uses(x->where_sql, column);
}

/* Does something in the table's own SQL use the column, so that SQLite refuses DROP COLUMN? */
D1T__PRIVATE bool d1t__table_uses(const d1t_table *t, const char *column) {
    size_t i;
    for (i = 0; i < t->foreign_key_count; i++)
        if (d1t__names_have(t->foreign_keys[i].columns, t->foreign_keys[i].column_count, column)) return true;
    for (i = 0; i < t->check_count; i++)
        if (d1t__sql_uses(t->checks[i].sql, column)) return true;
    for (i = 0; i < t->column_count; i++)
        if (d1t__sql_uses(t->columns[i].generated_sql, column)) return true;
    for (i = 0; i < t->index_count; i++)
        if (!t->indexes[i].name && d1t__index_uses(&t->indexes[i], column)) return true;
    return false;
}

D1T__PRIVATE bool d1t__is_declared_trigger(d1t__planner *p, const d1t_schema_object *o);
D1T__PRIVATE bool d1t__is_torn_down(const d1t__planner *p, const d1t_schema_object *o);

/* Does the view or trigger use one of the views that are marked, by number of the object? */
D1T__PRIVATE bool d1t__uses_marked(const d1t__planner *p, const bool *marks, const d1t_schema_object *o) {
    const d1t_schema_object *other = p->schema->objects;
    size_t i;
    for (i = 0; other; other = other->next, i++)
        if (marks[i] && other->kind == D1T_OBJECT_VIEW &&
            (d1t__same_name(o->owner, other->name) || d1t__sql_uses(o->sql, other->name)))
            return true;
    return false;
}

/* Marks for all objects: which views use the table, also through other views? NULL: no memory. */
D1T__PRIVATE const bool *d1t__views_over(d1t__planner *p, const char *table) {
    const d1t_schema_object *o;
    bool *marks, more = true;
    size_t i, count = 0;
    for (o = p->schema->objects; o; o = o->next) count++;
    marks = (bool *)d1t__planner_take(p, count + 1);
    while (marks && more) {
        more = false;
        for (o = p->schema->objects, i = 0; o; o = o->next, i++) {
            if (marks[i] || o->kind != D1T_OBJECT_VIEW) continue;
            if (d1t__sql_uses(o->sql, table) || d1t__uses_marked(p, marks, o)) marks[i] = more = true;
        }
    }
    return marks;
}

/* A view or trigger that uses a table, also through a view, and, unless NULL, one of its columns. SQLite takes the
   column away and breaks them without a word. */
D1T__PRIVATE const d1t_schema_object *d1t__user_of(d1t__planner *p, const char *table, const char *column) {
    const bool *marks = column ? d1t__views_over(p, table) : NULL;
    const d1t_schema_object *o;
    for (o = p->schema->objects; o; o = o->next) {
        if (o->kind != D1T_OBJECT_VIEW && o->kind != D1T_OBJECT_TRIGGER) continue;
        if (!column && o->kind == D1T_OBJECT_TRIGGER && d1t__same_name(o->owner, table)) continue;
        if (column && !d1t__sql_uses(o->sql, column)) continue;
        if ((d1t__sql_uses(o->sql, table) || (marks && d1t__uses_marked(p, marks, o))) &&
            !d1t__is_declared_trigger(p, o) && !d1t__is_torn_down(p, o))
            return o;
    }
    return NULL;
}

/* Another table whose foreign key leads to this table and, unless NULL, to this column of it. */
D1T__PRIVATE const d1t__item *d1t__child_of(d1t__planner *p, const d1t__item *parent, const char *column) {
    size_t i, f;
    for (i = 0; i < p->item_count; i++) {
        const d1t__item *child = &p->items[i];
        const d1t_table *t = child->to ? child->to : child->from;
        if (child->drop || !t || (child == parent && !column)) continue;
        for (f = 0; f < t->foreign_key_count; f++)
            if (d1t__same_name(t->foreign_keys[f].parent, parent->name) &&
                (!column || d1t__names_have(t->foreign_keys[f].parent_columns,
                                            t->foreign_keys[f].parent_columns ? t->foreign_keys[f].column_count : 0,
                                            column)))
                return child;
    }
    return NULL;
}

/* ---- columns */

/* A literal: what ADD COLUMN takes as a default while the table has rows (SQLite ALTER TABLE, section 4). */
D1T__PRIVATE bool d1t__is_literal(const char *sql) {
    d1t_str s = d1t_cstr(sql);
    size_t pos = 0;
    d1t_sql_token t = d1t_sql_next(s, &pos);
    if (t.kind == D1T_SQL_SYMBOL && (t.text.p[0] == '-' || t.text.p[0] == '+')) t = d1t_sql_next(s, &pos);
    if (d1t_str_equal_nocase(t.text, d1t_cstr("x"))) t = d1t_sql_next(s, &pos);     /* x'00' */
    if (t.kind == D1T_SQL_WORD && !d1t__begins(t.text, "current_") && t.text.n <= 5)
        t.kind = D1T_SQL_NUMBER; /* NULL, TRUE */
    if (t.kind != D1T_SQL_NUMBER && t.kind != D1T_SQL_STRING) return false;
    return d1t_sql_next(s, &pos).kind == D1T_SQL_END;
}

/* Has it a default that is a value? */
D1T__PRIVATE bool d1t__has_filler(const d1t_column *c) {
    return c->default_sql && !d1t__same_sql(c->default_sql, "NULL");
}

/* Does ALTER TABLE ... ADD COLUMN take the column? Else the table is rebuilt. */
D1T__PRIVATE bool d1t__can_add(const d1t_column *c) {
    if ((c->flags & D1T_KEY) || (c->generated_sql && (c->flags & D1T_STORED))) return false;
    if (c->default_sql && !d1t__is_literal(c->default_sql)) return false;
    return !d1t__not_null(c) || d1t__has_filler(c) || c->generated_sql;
}

D1T__PRIVATE void d1t__plan_add_column(d1t__planner *p, d1t__item *item, const d1t_column *c) {
    d1t_writer *w = d1t__step_begin(p, "+ column ", item->name, c->name);
    const char *type = d1t_sql_type(item->to, c);
    d1t_plan_step *step;
    if (type[0]) d1t_write_text(w, " ");
    d1t_write_text(w, type);
    step = d1t__step_end(p, D1T_ADD_COLUMN, item, c->name);
    if (!d1t__can_add(c)) item->rebuild = true;
    if (step && !(c->flags & D1T_KEY) && d1t__not_null(c) && !d1t__has_filler(c) && !c->generated_sql)
        d1t__count_later(p, D1T__COUNT_ROWS, item, c, step);
}

D1T__PRIVATE void d1t__plan_drop_column(d1t__planner *p, d1t__item *item, const d1t_column *c) {
    const d1t_schema_object *user;
    const d1t__item *child = d1t__child_of(p, item, c->name);
    d1t_plan_step *step;
    (void)d1t__step_begin(p, "- column ", item->name, c->name);
    step = d1t__step_end(p, D1T_DROP_COLUMN, item, c->name);
    if (!step) return;
    user = d1t__user_of(p, item->have->name, c->name);      /* what the teardowns of a touched table drop is none */
    step->effect = c->generated_sql ? D1T_EFFECT_NONE : D1T_EFFECT_DESTRUCTIVE;
    d1t__count_later(p, D1T__COUNT_ROWS, item, NULL, NULL);     /* each row is written once */
    if (d1t__table_uses(item->from, c->name)) item->rebuild = true;
    if (user) {
        d1t__step_refuse(p, step, user->kind == D1T_OBJECT_VIEW ? "a view uses it; drop or change this first: " :
                                                                  "a trigger uses it; drop or change this first: ");
        d1t__text_begin(p);
        d1t_write_text(&p->w, step->text);
        d1t_write_text(&p->w, user->name);
        step->text = d1t__text_end(p);
    } else if (child && child != item) {
        d1t__step_refuse(p, step, "a foreign key of another table leads to it");
    }
}

/* One difference between a column as it is and as declared. */
D1T__PRIVATE d1t_plan_step *d1t__column_change(d1t__planner *p, d1t__item *item, const d1t_column *c, const char *what,
                                               const char *was, const char *is) {
    d1t_writer *w = d1t__step_begin(p, "~ column ", item->name, c->name);
    d1t_write_text(w, what);
    d1t_write_text(w, was);
    if (is[0]) d1t_write_text(w, " -> ");
    d1t_write_text(w, is);
    item->rebuild = true;
    return d1t__step_end(p, D1T_CHANGE_COLUMN, item, c->name);
}

D1T__PRIVATE const char *d1t__type_shown(const char *type) {
    return type[0] ? type : "(no type)";
}

D1T__PRIVATE void d1t__compare_type(d1t__planner *p, d1t__item *item, const d1t_column *a, const d1t_column *b) {
    d1t_plan_step *step;
    bool retyped = !d1t__same_type(item->from, a, item->to, b);
    bool changes = !b->generated_sql && d1t__value_may_change(item->from, a, item->to, b);
    if (!retyped && !changes) return;
    step = d1t__column_change(p, item, b, retyped ? " type " : " only ",
                              d1t__type_shown(d1t_sql_type(retyped ? item->from : item->to, retyped ? a : b)),
                              retyped ? d1t__type_shown(d1t_sql_type(item->to, b)) : "");
    if (!step || !changes) return;
    step->effect = D1T_EFFECT_LOSSY;
    d1t__count_later(p, D1T__COUNT_TYPE, item, b, step);
}

D1T__PRIVATE void d1t__compare_null(d1t__planner *p, d1t__item *item, const d1t_column *a, const d1t_column *b) {
    d1t_plan_step *step;
    bool key = ((a->flags | b->flags) & D1T_KEY) != 0;
    if (key || d1t__not_null(a) == d1t__not_null(b)) return;
    step = d1t__column_change(p, item, b, d1t__not_null(b) ? " NOT NULL" : " nullable", "", "");
    if (!step || !d1t__not_null(b) || b->generated_sql) return;
    step->effect = D1T_EFFECT_LOSSY;
    d1t__count_later(p, D1T__COUNT_NULL, item, b, step);
}

D1T__PRIVATE void d1t__compare_column(d1t__planner *p, d1t__item *item, const d1t_column *a, const d1t_column *b) {
    bool stored = ((a->flags ^ b->flags) & D1T_STORED) != 0;
    d1t__compare_type(p, item, a, b);
    d1t__compare_null(p, item, a, b);
    if (!d1t__same_sql(a->default_sql, b->default_sql))
        (void)d1t__column_change(p, item, b, " default ", a->default_sql ? a->default_sql : "none",
                                 b->default_sql ? b->default_sql : "none");
    if (!d1t__same_name(d1t__collation(a), d1t__collation(b)))
        (void)d1t__column_change(p, item, b, " collation ", d1t__collation(a), d1t__collation(b));
    if (!d1t__same_sql(a->generated_sql, b->generated_sql) || stored) {
        d1t_plan_step *step = d1t__column_change(p, item, b, " generated ", a->generated_sql ? a->generated_sql : "no",
                                                 b->generated_sql ? b->generated_sql : "no");
        if (step && b->generated_sql && !a->generated_sql) step->effect = D1T_EFFECT_DESTRUCTIVE;
    }
}

/* A column that a program does not declare but writes around: it must be able to stay empty. */
D1T__PRIVATE void d1t__compare_kept(d1t__planner *p, d1t__item *item, const d1t_column *c) {
    if (c->generated_sql || !d1t__not_null(c) || d1t__has_filler(c) || (c->flags & D1T_KEY)) return;
    d1t__refuse(p, item, "! column ", c->name,
                "it is NOT NULL without a default in D1 and not declared; declare it, or plan to drop it");
}

D1T__PRIVATE void d1t__compare_columns(d1t__planner *p, d1t__item *item) {
    size_t i;
    for (i = 0; i < item->to->column_count; i++) {
        const d1t_column *b = &item->to->columns[i], *a = d1t__column_like(item->from, b->name, i);
        if (a) d1t__compare_column(p, item, a, b);
        else d1t__plan_add_column(p, item, b);
    }
    for (i = 0; i < item->from->column_count; i++) {
        const d1t_column *a = &item->from->columns[i];
        if (d1t__column_like(item->to, a->name, i)) continue;
        if (!p->plan->desc.keep) d1t__plan_drop_column(p, item, a);
        else d1t__compare_kept(p, item, a);
    }
}

/* ---- keys, options, constraints */

/* The key decides which rows there can be. Rows that the new key cannot hold go; without a value for it all go. */
D1T__PRIVATE void d1t__compare_key(d1t__planner *p, d1t__item *item) {
    const d1t_column *c;
    d1t_plan_step *step;
    d1t_writer *w;
    size_t i;
    if (d1t__same_key(item->from, item->to)) return;
    w = d1t__step_begin(p, "~ key of ", item->name, NULL);
    for (i = 0; (c = d1t__key_column(item->to, i)) != NULL; i++) {
        d1t_write_text(w, i ? ", " : " -> ");
        d1t_write_text(w, c->name);
        if (!d1t__column_of(item->from, c->name) && !c->default_sql && !d1t__is_rowid(item->to, c)) item->empty = true;
    }
    if (item->empty) d1t_write_text(w, ": made anew, without rows");
    item->rebuild = true;
    step = d1t__step_end(p, D1T_CHANGE_TABLE, item, NULL);
    c = d1t__key_column(item->to, 0);
    if (!step || (c && d1t__is_rowid(item->to, c) && !d1t__column_of(item->from, c->name))) return;  /* ids are given */
    step->effect = D1T_EFFECT_DESTRUCTIVE;
    d1t__count_later(p, item->empty ? D1T__COUNT_ROWS : D1T__COUNT_KEY, item, NULL, step);
}

D1T__PRIVATE void d1t__compare_flag(d1t__planner *p, d1t__item *item, uint32_t flag, const char *name) {
    d1t_writer *w;
    if (!((item->from->flags ^ item->to->flags) & flag)) return;
    w = d1t__step_begin(p, "~ table ", item->name, NULL);
    d1t_write_text(w, item->to->flags & flag ? " + " : " - ");
    d1t_write_text(w, name);
    item->rebuild = true;
    (void)d1t__step_end(p, D1T_CHANGE_TABLE, item, NULL);
}

D1T__PRIVATE void d1t__write_joined(d1t_writer *w, const char *const *names, size_t count) {
    size_t i;
    d1t_write_text(w, " (");
    for (i = 0; i < count; i++) {
        if (i) d1t_write_text(w, ", ");
        d1t_write_text(w, names[i]);
    }
    d1t_write_text(w, ")");
}

/* A constraint inside CREATE TABLE comes or goes. */
D1T__PRIVATE void d1t__constraint_step(d1t__planner *p, d1t__item *item, const char *sign, const d1t_index *unique,
                                       const d1t_foreign_key *f, const d1t_check *check) {
    d1t_writer *w = d1t__step_begin(p, sign, item->name, NULL);
    if (unique) {
        d1t_write_text(w, " UNIQUE");
        d1t__write_joined(w, unique->columns, unique->column_count);
    } else if (f) {
        d1t_write_text(w, " foreign key");
        d1t__write_joined(w, f->columns, f->column_count);
        d1t_write_text(w, " to ");
        d1t_write_text(w, f->parent);
    } else {
        d1t_write_text(w, " check ");
        d1t_write_text(w, check->name ? check->name : check->sql);
    }
    item->rebuild = true;
    (void)d1t__step_end(p, D1T_CHANGE_TABLE, item, NULL);
}

D1T__PRIVATE void d1t__compare_constraints(d1t__planner *p, d1t__item *item) {
    const d1t_table *a = item->from, *b = item->to;
    size_t i;
    for (i = 0; i < b->foreign_key_count; i++)
        if (!d1t__has_foreign_key(p, a, &b->foreign_keys[i]))
            d1t__constraint_step(p, item, "+ constraint of ", NULL, &b->foreign_keys[i], NULL);
    for (i = 0; i < a->foreign_key_count; i++)
        if (!d1t__has_foreign_key(p, b, &a->foreign_keys[i]))
            d1t__constraint_step(p, item, "- constraint of ", NULL, &a->foreign_keys[i], NULL);
    for (i = 0; i < b->check_count; i++)
        if (!d1t__has_check(a, &b->checks[i]))
            d1t__constraint_step(p, item, "+ constraint of ", NULL, NULL, &b->checks[i]);
    for (i = 0; i < a->check_count; i++)
        if (!d1t__has_check(b, &a->checks[i]))
            d1t__constraint_step(p, item, "- constraint of ", NULL, NULL, &a->checks[i]);
    for (i = 0; i < b->index_count; i++)
        if (!b->indexes[i].name && !d1t__index_of(a, &b->indexes[i]))
            d1t__constraint_step(p, item, "+ constraint of ", &b->indexes[i], NULL, NULL);
    for (i = 0; i < a->index_count && !p->plan->desc.keep; i++)
        if (!a->indexes[i].name && !d1t__index_of(b, &a->indexes[i]))
            d1t__constraint_step(p, item, "- constraint of ", &a->indexes[i], NULL, NULL);
}

/* ---- indexes */

D1T__PRIVATE bool d1t__is_fts(const d1t_index *x) {
    return (x->flags & D1T_FTS5) != 0;
}

D1T__PRIVATE const d1t_schema_object *d1t__object(const d1t_schema *schema, d1t_object_kind kind, const char *name) {
    const d1t_schema_object *o;
    for (o = schema->objects; o; o = o->next)
        if (o->kind == kind && d1t__same_name(o->name, name)) return o;
    return NULL;
}

/* The text of what makes an index: part 0 the index itself, parts 1 to 3 the triggers of an FTS5 index. */
D1T__PRIVATE void d1t__write_index_part(d1t_writer *w, const d1t_table *t, const d1t_index *x, unsigned part) {
    if (part == 0) d1t_write_create_index(w, t, x);
    else d1t__write_fts_trigger(w, t, x, part - 1);
}

/* Is the FTS5 index, with its triggers, in D1 as it would be made now? */
D1T__PRIVATE bool d1t__fts_stands(d1t__planner *p, const d1t_table *t, const d1t_index *x) {
    const d1t_schema_object *o = d1t__object(p->schema, D1T_OBJECT_VIRTUAL, x->name);
    unsigned part;
    bool same = o != NULL;
    for (part = 0; part < 4 && same; part++) {
        if (part) {
            const char *name;
            d1t__fts_trigger_name(d1t__text_begin(p), x, part - 1);
            name = d1t__text_end(p);
            if (!name) return false;
            o = d1t__object(p->schema, D1T_OBJECT_TRIGGER, name);
        }
        d1t__write_index_part(d1t__text_begin(p), t, x, part);
        if (!d1t__text_is_whole(p)) return false;
        same = o && d1t_sql_equal(d1t_cstr(o->sql), d1t_bytes(p->text.p, p->text.n));
    }
    return same;
}

/* Is it one of the triggers of this FTS5 index? */
D1T__PRIVATE bool d1t__is_trigger_of(const d1t_index *x, const d1t_schema_object *o) {
    size_t n = x->name ? d1t__strlen(x->name) : 0;
    return d1t__is_fts(x) && o->kind == D1T_OBJECT_TRIGGER && d1t__begins(d1t_cstr(o->name), x->name) &&
           d1t__strlen(o->name) == n + 3 && o->name[n] == '_' && o->name[n + 1] == 'a';
}

/* A trigger of a declared or recorded FTS5 index: it is made and dropped with the index. */
D1T__PRIVATE bool d1t__is_declared_trigger(d1t__planner *p, const d1t_schema_object *o) {
    const d1t__item *item = d1t__item_of(p, o->owner);
    const d1t_schema_record *record = item ? d1t__record_of(p, item) : NULL;
    const d1t_table *t = d1t__will_be(p, o->owner);
    size_t i;
    for (i = 0; t && i < t->index_count; i++)
        if (d1t__is_trigger_of(&t->indexes[i], o)) return true;
    for (i = 0; record && i < record->state->index_count; i++)
        if (d1t__is_trigger_of(&record->state->indexes[i], o)) return true;
    return false;
}

D1T__PRIVATE void d1t__plan_index(d1t__planner *p, d1t__item *item, const char *sign, d1t_step_kind kind,
                                  const d1t_index *x) {
    d1t_writer *w = d1t__step_begin(p, sign, x->name, NULL);
    d1t_write_text(w, " on ");
    d1t_write_text(w, item->name);
    if (d1t__is_fts(x)) d1t_write_text(w, " (FTS5)");
    (void)d1t__step_end(p, kind, item, x->name);
    if (item->from && kind == D1T_CREATE_INDEX && !p->plan->desc.keep)     /* for the cost alone */
        d1t__count_later(p, D1T__COUNT_ROWS, item, NULL, NULL);
}

/* What an FTS5 table says to keep its text in another one: "content='t'". False: it has text of its own, or none. */
D1T__PRIVATE bool d1t__fts_content(const char *sql, d1t_sql_token *content) {
    d1t_str s = d1t_cstr(sql);
    size_t pos = 0, seen = 0;
    do {
        *content = d1t_sql_next(s, &pos);
        if (seen == 2) return content->kind == D1T_SQL_WORD || content->text.n > 2;
        if (seen == 1 && content->kind == D1T_SQL_SYMBOL && content->text.p[0] == '=') seen = 2;
        else seen = d1t__sql_is_word(*content, "content");
    } while (content->kind != D1T_SQL_END);
    return false;
}

/* Is the token, in whatever quotes, this name? */
D1T__PRIVATE bool d1t__is_name(d1t_sql_token t, const char *name) {
    d1t_sql_token want;
    want.kind = D1T_SQL_WORD;
    want.text = d1t_cstr(name);
    return d1t__sql_same_name(t, want);
}

/* The table that keeps the text; NULL: there is none of this name, and the FTS5 table is of no use. */
D1T__PRIVATE const d1t_schema_object *d1t__content_table(const d1t_schema *schema, d1t_sql_token content) {
    const d1t_schema_object *o = schema->objects;
    while (o && !(o->kind == D1T_OBJECT_TABLE && d1t__is_name(content, o->name))) o = o->next;
    return o;
}

/* Is there an FTS5 table of this name over the table, or over one that is gone (as after a rename)? */
D1T__PRIVATE bool d1t__has_fts(d1t__planner *p, const d1t__item *item, const char *name) {
    const d1t_schema_object *o = d1t__object(p->schema, D1T_OBJECT_VIRTUAL, name), *t;
    d1t_sql_token content;
    if (!o || !d1t__fts_content(o->sql, &content)) return false;
    t = d1t__content_table(p->schema, content);
    return !t || t == item->have;
}

/* Does the table that has the index lose it in this plan? */
D1T__PRIVATE bool d1t__gives_index_up(d1t__planner *p, const char *table, const char *index) {
    const d1t_table *t;
    size_t i;
    for (i = 0; i < p->item_count; i++) {
        const d1t__item *owner = &p->items[i];
        if (!owner->have || !d1t__same_name(owner->have->name, table)) continue;
        t = owner->to;
        if (owner->drop || !t) return owner->drop;
        for (i = 0; i < t->index_count; i++)
            if (t->indexes[i].name && d1t__same_name(t->indexes[i].name, index)) return false;
        return owner->from && !p->plan->desc.keep && !(t->flags & D1T_BY_USER);
    }
    return false;
}

/* Does what has the name of the index, or of a trigger of it, belong to another table, or to nobody we know? */
D1T__PRIVATE bool d1t__is_of_another(d1t__planner *p, const d1t__item *item, const d1t_index *x,
                                     const d1t_schema_object *o) {
    const char *owner = o->owner;
    d1t_sql_token content;
    if (o->kind == D1T_OBJECT_VIRTUAL) {
        if (!d1t__fts_content(o->sql, &content)) return true;
        o = d1t__content_table(p->schema, content);
        if (!o) return false;
        owner = o->name;
    } else if (o->kind != D1T_OBJECT_INDEX && o->kind != D1T_OBJECT_TRIGGER) {
        return true;
    }
    return !(item->have && d1t__same_name(owner, item->have->name)) && !d1t__gives_index_up(p, owner, x->name);
}

/* Names of indexes belong to the database. */
D1T__PRIVATE bool d1t__index_taken(d1t__planner *p, const d1t__item *item, const d1t_index *x) {
    const d1t_schema_object *o;
    for (o = p->schema->objects; o; o = o->next) {
        bool same = o->kind == D1T_OBJECT_TRIGGER ? d1t__is_trigger_of(x, o) : d1t__same_name(o->name, x->name);
        if (same && d1t__is_of_another(p, item, x, o)) return true;
    }
    return false;
}

D1T__PRIVATE void d1t__refuse_index(d1t__planner *p, d1t__item *item, const d1t_index *x) {
    d1t__refuse(p, item, "! index on ", x->name, "another table in D1 has an index of this name, or is called so: give "
                "the index another name");
}

/* Does D1 have the index as declared? */
D1T__PRIVATE bool d1t__index_stands(d1t__planner *p, const d1t__item *item, const d1t_index *x) {
    const d1t_index *have = d1t__index_of(item->from, x);
    if (d1t__is_fts(x)) return item->from && d1t__fts_stands(p, item->to, x);
    return have && d1t__same_index(have, x);
}

/* Has D1 an index of this name on the table, whatever its definition? */
D1T__PRIVATE bool d1t__index_is_there(const d1t__planner *p, const d1t__item *item, const d1t_index *x) {
    if (d1t__is_fts(x)) return d1t__object(p->schema, D1T_OBJECT_VIRTUAL, x->name) != NULL;
    return d1t__index_of(item->from, x) != NULL;
}

D1T__PRIVATE bool d1t__makes(d1t__planner *p, const d1t_table *t, const char *name) {
    const char *owner;
    d1t_result result;
    d1t_index x;
    size_t i;
    for (i = 0; t && i < t->command_count; i++) {
        result = d1t_index_from_sql(d1t_cstr(t->commands[i].setup_sql), &p->plan->arena, &x, &owner, NULL);
        if (result == D1T_ERR_NOMEM) p->result = result;
        if (result == D1T_OK && d1t__same_name(x.name, name)) return true;
    }
    return false;
}

/* Was the index made by a command of the table? Then it comes and goes with that. */
D1T__PRIVATE bool d1t__is_of_command(d1t__planner *p, const d1t__item *item, const char *name) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    return d1t__makes(p, item->to, name) || d1t__makes(p, record ? record->state : NULL, name);
}

D1T__PRIVATE void d1t__compare_indexes(d1t__planner *p, d1t__item *item) {
    const d1t_table *a = item->from, *b = item->to;
    const d1t_schema_record *record = d1t__record_of(p, item);
    size_t i;
    for (i = 0; i < b->index_count; i++) {
        const d1t_index *x = &b->indexes[i];
        if (!x->name || d1t__index_stands(p, item, x)) continue;
        if (d1t__index_taken(p, item, x)) {
            d1t__refuse_index(p, item, x);
            continue;
        }
        d1t__plan_index(p, item, d1t__index_is_there(p, item, x) ? "~ index " : "+ index ", D1T_CREATE_INDEX, x);
    }
    for (i = 0; a && i < a->index_count && !p->plan->desc.keep; i++)
        if (a->indexes[i].name && !d1t__index_of(b, &a->indexes[i]) && !d1t__is_of_command(p, item, a->indexes[i].name))
            d1t__plan_index(p, item, "- index ", D1T_DROP_INDEX, &a->indexes[i]);
    for (i = 0; record && i < record->state->index_count && !p->plan->desc.keep; i++) {
        const d1t_index *x = &record->state->indexes[i];
        if (d1t__is_fts(x) && !d1t__index_of(b, x) && d1t__has_fts(p, item, x->name))
            d1t__plan_index(p, item, "- index ", D1T_DROP_INDEX, x);
    }
}

/* ---- notes: what costs more than it has to */

D1T__PRIVATE bool d1t__is_prefix(const char *const *names, size_t count, const d1t_index *x) {
    size_t i;
    if (x->terms_sql || x->where_sql || d1t__is_fts(x) || x->column_count < count) return false;
    for (i = 0; i < count; i++)
        if (!d1t__same_name(names[i], x->columns[i])) return false;
    return true;
}

/* Is some index, or the key, of use to find rows by these columns? */
D1T__PRIVATE bool d1t__is_indexed(const d1t_table *t, const char *const *names, size_t count) {
    size_t i;
    for (i = 0; i < t->index_count; i++)
        if (d1t__is_prefix(names, count, &t->indexes[i])) return true;
    for (i = 0; i < count; i++) {
        const d1t_column *key = d1t__key_column(t, i);
        if (!key || !d1t__same_name(key->name, names[i])) return false;
    }
    return true;
}

D1T__PRIVATE void d1t__notes(d1t__planner *p, d1t__item *item) {
    const d1t_table *t = item->to;
    size_t i, k;
    for (i = 0; i < t->index_count; i++) {
        const d1t_index *x = &t->indexes[i];
        if (!x->name || x->terms_sql || x->where_sql || x->column_count == 0 || d1t__is_fts(x)) continue;
        for (k = 0; k < x->column_count; k++) {
            const d1t_column *key = d1t__key_column(t, k);
            if (!key || !d1t__same_name(key->name, x->columns[k])) break;
        }
        if (k == x->column_count)
            d1t__note(p, item, ": index ", x->name, " repeats the start of the key; it only costs written rows");
    }
    for (i = 0; i < t->foreign_key_count; i++) {
        const d1t_foreign_key *f = &t->foreign_keys[i];
        if (!p->schema->partial && !d1t__item_of(p, f->parent))
            d1t__note(p, item, ": the foreign key leads to ", f->parent,
                      ", which is neither declared nor in D1; rows that use it are refused");
        if (!d1t__is_indexed(t, f->columns, f->column_count))
            d1t__note(p, item, ": the foreign key to ", f->parent,
                      " has no index; each deleted parent reads the whole table");
    }
}

/* ---- >>rebuild (implementation) ------------------------------------------------------------------------------- */

/* SQLite cannot change a column, a key or a constraint in place. The table is made anew beside the old one, its rows
   are copied, the old one is dropped and the new one takes its name. On D1 foreign keys cannot be switched off, so the
   DROP would delete or refuse by the actions of every table that references it: these are made anew too, referencing
   the new parent, and are dropped before it. Views and triggers that use one of them are dropped first and made again
   at the end, word for word. docs/migrations.md has a picture. */

/* ---- statements of the plan */

D1T__PRIVATE void d1t__statement_args(d1t__planner *p, const char *sql, const d1t_value *args, size_t count) {
    d1t_plan *plan = p->plan;
    d1t_statement *s;
    if (p->result != D1T_OK || !sql) return;
    if (d1t__strlen(sql) > p->limits.sql) {
        p->result = D1T_ERR_LIMIT;
        return;
    }
    s = (d1t_statement *)d1t__grow(&plan->arena, plan->statements, plan->statement_count, sizeof *s);
    if (!s) p->result = D1T_ERR_NOMEM;
    if (!s) return;
    plan->statements = s;
    s += plan->statement_count++;
    s->sql = sql;
    s->args = args;
    s->arg_count = count;
}

D1T__PRIVATE void d1t__statement(d1t__planner *p, const char *sql) {
    d1t__statement_args(p, sql, NULL, 0);
}

/* A text of the schema, which the plan outlives. */
D1T__PRIVATE const char *d1t__keep_text(d1t__planner *p, const char *text) {
    const char *copy = d1t_arena_text(&p->plan->arena, d1t_cstr(text));
    if (!copy) p->result = D1T_ERR_NOMEM;
    return copy;
}

/* The text that was begun is a statement. */
D1T__PRIVATE void d1t__statement_end(d1t__planner *p) {
    d1t__statement(p, d1t__text_end(p));
}

/* before `name` after */
D1T__PRIVATE void d1t__statement_name(d1t__planner *p, const char *before, const char *name, const char *after) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, before);
    d1t_write_name(w, name);
    d1t_write_text(w, after);
    d1t__statement_end(p);
}

D1T__PRIVATE void d1t__forget_record(d1t__planner *p, const char *name) {
    d1t_value *arg = (d1t_value *)d1t__planner_take(p, sizeof *arg);
    if (!arg) return;
    *arg = d1t_text(d1t__keep_text(p, name));
    d1t__statement_args(p, "DELETE FROM `_d1t_setup` WHERE `name`=?1", arg, 1);
}

/* ---- which tables */

D1T__PRIVATE bool d1t__references(const d1t__item *child, const d1t__item *parent) {
    const d1t_table *t = child->from;
    size_t f;
    if (!t) return child->have->kind == D1T_OBJECT_TABLE && d1t__sql_uses(child->have->sql, "REFERENCES") &&
                   d1t__sql_uses(child->have->sql, parent->name);
    for (f = 0; f < t->foreign_key_count; f++)
        if (d1t__same_name(t->foreign_keys[f].parent, parent->name)) return true;
    return false;
}

/* Spreads the mark `listed` from one item to everything that references it. */
D1T__PRIVATE void d1t__flood(d1t__planner *p, d1t__item *root) {
    size_t i, k;
    bool more = true;
    for (i = 0; i < p->item_count; i++) p->items[i].listed = &p->items[i] == root;
    while (more) {
        more = false;
        for (i = 0; i < p->item_count; i++) {
            d1t__item *parent = &p->items[i];
            for (k = 0; parent->listed && k < p->item_count; k++) {
                d1t__item *child = &p->items[k];
                if (child->listed || !child->have || child->drop || !d1t__references(child, parent)) continue;
                child->listed = more = true;
            }
        }
    }
}

/* "~ rebuild files (closure: symbols)" */
D1T__PRIVATE void d1t__rebuild_step(d1t__planner *p, d1t__item *root) {
    d1t_writer *w = d1t__step_begin(p, "~ rebuild ", root->name, NULL);
    const char *odd = NULL;
    size_t i, n = 0;
    for (i = 0; i < p->item_count; i++) {
        d1t__item *item = &p->items[i];
        if (!item->listed) continue;
        if (!item->from) odd = item->name;
        item->member = true;
        if (item == root) continue;
        d1t_write_text(w, n++ ? ", " : " (closure: ");
        d1t_write_text(w, item->name);
    }
    if (n) d1t_write_text(w, ")");
    (void)d1t__step_end(p, D1T_REBUILD_TABLE, root, NULL);
    if (odd) d1t__refuse(p, root, "! rebuild ", NULL, "a table that references it cannot be rebuilt, because this "
                         "header cannot read its SQL");
    if (odd) d1t__note(p, root, ": the table is ", odd, "");
}

/* Is the table as it is dropped? */
D1T__PRIVATE bool d1t__goes(const d1t__item *item) {
    return item->member || item->drop;
}

/* The column that a column of a foreign key leads to; NULL: there is none. */
D1T__PRIVATE const d1t_column *d1t__led_to(const d1t_table *parent, const d1t_foreign_key *f, size_t i) {
    return f->parent_columns ? d1t__column_of(parent, f->parent_columns[i]) : d1t__key_column(parent, i);
}

D1T__PRIVATE void d1t__write_led_to(d1t_writer *w, const d1t_table *parent, const d1t_foreign_key *f, size_t i) {
    const d1t_column *c = d1t__led_to(parent, f, i);
    if (c) d1t_write_name(w, c->name);
}

/* The first column of a foreign key that can be NULL, so that rows let go of their parents; NULL: there is none. */
D1T__PRIVATE const d1t_column *d1t__nullable_of(const d1t_table *t, const d1t_foreign_key *f) {
    size_t i;
    for (i = 0; i < f->column_count; i++) {
        const d1t_column *c = d1t__column_of(t, f->columns[i]);
        if (c && !d1t__not_null(c) && !c->generated_sql) return c;
    }
    return NULL;
}

/* Can the rows of a table that references itself become their own parents? */
D1T__PRIVATE bool d1t__can_be_own_parent(const d1t_table *t, const d1t_foreign_key *f) {
    size_t i;
    if (!d1t__same_name(f->parent, t->name)) return false;
    for (i = 0; i < f->column_count; i++) {
        const d1t_column *c = d1t__column_of(t, f->columns[i]), *to = d1t__led_to(t, f, i);
        if (!c || !to || c->generated_sql) return false;
        if (c == to) continue;
        if ((c->flags & D1T_KEY) || d1t__column_affinity(t, c) != d1t__column_affinity(t, to)) return false;
    }
    return true;
}

/* Must the child go before the parent, because its rows cannot let go of it? */
D1T__PRIVATE bool d1t__clings(const d1t__item *child, const d1t__item *parent) {
    const d1t_table *t = child->from;
    size_t f;
    for (f = 0; t && f < t->foreign_key_count; f++)
        if (d1t__same_name(t->foreign_keys[f].parent, parent->name) && !d1t__nullable_of(t, &t->foreign_keys[f]))
            return true;
    return !t && d1t__references(child, parent);
}

/* Which parents have to have a lower rank. In a cycle of references not all can. */
typedef enum d1t__order { D1T__ALL_PARENTS, D1T__CLUNG_TO, D1T__NO_PARENT } d1t__order;

D1T__PRIVATE bool d1t__waits(d1t__planner *p, const d1t__item *child, uint32_t rank, d1t__order order) {
    size_t i;
    for (i = 0; i < p->item_count && order != D1T__NO_PARENT; i++) {
        const d1t__item *parent = &p->items[i];
        if (parent == child || !d1t__goes(parent) || parent->rank < rank) continue;
        if (order == D1T__CLUNG_TO ? d1t__clings(child, parent) : d1t__references(child, parent)) return true;
    }
    return false;
}

/* Gives the rank to all tables that wait for none, or to one of a cycle. Returns how many. */
D1T__PRIVATE size_t d1t__rank_next(d1t__planner *p, uint32_t rank, d1t__order order) {
    size_t i, n = 0;
    for (i = 0; i < p->item_count; i++) {
        d1t__item *item = &p->items[i];
        if (!d1t__goes(item) || item->rank != UINT32_MAX || (n && order != D1T__ALL_PARENTS)) continue;
        if (d1t__waits(p, item, rank, order)) continue;
        item->rank = rank;
        n++;
    }
    return n;
}

D1T__PRIVATE void d1t__rank_tables_that_go(d1t__planner *p) {
    size_t i, n, left = 0;
    uint32_t rank;
    for (i = 0; i < p->item_count; i++) {
        if (!d1t__goes(&p->items[i])) continue;
        p->items[i].rank = UINT32_MAX;
        left++;
    }
    for (rank = 0; left; rank++, left -= n) {
        n = d1t__rank_next(p, rank, D1T__ALL_PARENTS);
        if (!n) n = d1t__rank_next(p, rank, D1T__CLUNG_TO);
        if (!n) n = d1t__rank_next(p, rank, D1T__NO_PARENT);
    }
}

D1T__PRIVATE void d1t__sort_tables_that_go(d1t__planner *p) {
    uint32_t rank = 0, top = 0;
    size_t i;
    d1t__rank_tables_that_go(p);
    p->going = (d1t__item **)d1t__planner_take(p, p->item_count * sizeof *p->going + 1);
    for (i = 0; i < p->item_count; i++)
        if (d1t__goes(&p->items[i]) && p->items[i].rank > top) top = p->items[i].rank;
    for (rank = 0; p->going && rank <= top; rank++)
        for (i = 0; i < p->item_count; i++)
            if (d1t__goes(&p->items[i]) && p->items[i].rank == rank) p->going[p->going_count++] = &p->items[i];
}

/* All tables that are made anew, and what has to be counted for their cost. */
D1T__PRIVATE void d1t__find_members(d1t__planner *p) {
    size_t i;
    for (i = 0; i < p->item_count && p->result == D1T_OK; i++) {
        d1t__item *item = &p->items[i];
        if (!item->rebuild) continue;
        p->rebuilds = true;
        d1t__flood(p, item);
        d1t__rebuild_step(p, item);
    }
    d1t__sort_tables_that_go(p);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].member) d1t__count_later(p, D1T__COUNT_ROWS, &p->items[i], NULL, NULL);
}

/* ---- the new tables */

D1T__PRIVATE const char *d1t__prefixed(d1t__planner *p, const char *prefix, const char *name) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, prefix);
    d1t_write_text(w, name);
    return d1t__text_end(p);
}

D1T__PRIVATE const char *d1t__new_name(d1t__planner *p, const char *name) {
    return d1t__prefixed(p, D1T__NEW, name);
}

D1T__PRIVATE const d1t__item *d1t__member_of(d1t__planner *p, const char *name) {
    const d1t__item *item = d1t__item_of(p, name);
    return item && item->member ? item : NULL;
}

D1T__PRIVATE const d1t__item *d1t__member_by_token(d1t__planner *p, d1t_sql_token t) {
    size_t i;
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].member && d1t__is_name(t, p->items[i].name)) return &p->items[i];
    return NULL;
}

/* d1t__new_name in quotes; that needs the text which is being put together here. */
D1T__PRIVATE void d1t__write_new_name(d1t_writer *w, const char *name) {
    d1t_write_text(w, "`" D1T__NEW);
    for (; *name; name++) d1t_write(w, *name == '`' ? d1t_cstr("``") : d1t_bytes(name, 1));
    d1t_write_text(w, "`");
}

/* SQL with the tables that are made anew under their new names: where they are created, referenced, or in front of a
   dot. The rename at the end turns them back. */
D1T__PRIVATE void d1t__write_retargeted(d1t__planner *p, d1t_writer *w, const char *sql) {
    d1t_str s = d1t_cstr(sql), last = d1t_bytes(NULL, 0);
    size_t pos = 0, from = 0, at;
    d1t_sql_token t;
    for (t = d1t_sql_next(s, &pos); t.kind != D1T_SQL_END && t.kind != D1T_SQL_BAD; t = d1t_sql_next(s, &pos)) {
        bool name = t.kind == D1T_SQL_WORD || t.kind == D1T_SQL_NAME || t.kind == D1T_SQL_STRING;
        bool place = d1t_str_equal_nocase(last, d1t_cstr("TABLE")) || d1t_str_equal_nocase(last, d1t_cstr("EXISTS")) ||
                     d1t_str_equal_nocase(last, d1t_cstr("REFERENCES")) ||
                     (t.kind != D1T_SQL_STRING && pos < s.n && s.p[pos] == '.');
        const d1t__item *member = name && place ? d1t__member_by_token(p, t) : NULL;
        last = t.text;
        if (!member) continue;
        at = (size_t)(t.text.p - s.p);
        d1t_write(w, d1t_bytes(s.p + from, at - from));
        d1t__write_new_name(w, member->name);
        from = pos;
    }
    d1t_write(w, d1t_bytes(s.p + from, s.n - from));
}

D1T__PRIVATE const char *d1t__retargeted(d1t__planner *p, const char *sql) {
    d1t__write_retargeted(p, d1t__text_begin(p), sql);
    return d1t__text_end(p);
}

/* The declaration with parents under the new names. */
D1T__PRIVATE d1t_table *d1t__with_new_parents(d1t__planner *p, const d1t_table *t) {
    d1t_table *copy = (d1t_table *)d1t__planner_take(p, sizeof *copy);
    d1t_foreign_key *keys = (d1t_foreign_key *)d1t__planner_take(p, t->foreign_key_count * sizeof *keys + 1);
    size_t i;
    if (!copy || !keys) return NULL;
    *copy = *t;
    for (i = 0; i < t->foreign_key_count; i++) {
        keys[i] = t->foreign_keys[i];
        if (d1t__member_of(p, keys[i].parent)) keys[i].parent = d1t__new_name(p, keys[i].parent);
    }
    copy->foreign_keys = keys;
    return p->result == D1T_OK ? copy : NULL;
}

/* The declaration under the new names. */
D1T__PRIVATE const d1t_table *d1t__new_table(d1t__planner *p, const d1t_table *t) {
    d1t_table *copy = d1t__with_new_parents(p, t);
    d1t_check *checks = (d1t_check *)d1t__planner_take(p, t->check_count * sizeof *checks + 1);
    size_t i;
    if (!copy || !checks) return NULL;
    copy->name = d1t__new_name(p, t->name);
    for (i = 0; i < t->check_count; i++) {
        checks[i] = t->checks[i];
        checks[i].sql = d1t__retargeted(p, checks[i].sql);
    }
    copy->checks = checks;
    return p->result == D1T_OK ? copy : NULL;
}

D1T__PRIVATE void d1t__create_new(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t;
    if (!item->target) {
        d1t__statement(p, d1t__retargeted(p, item->have->sql));
        return;
    }
    t = d1t__new_table(p, item->target);
    if (!t) return;
    d1t_write_create_table(d1t__text_begin(p), t);
    d1t__statement_end(p);
}

/* ---- the rows */

D1T__PRIVATE const d1t__tally *d1t__count_of(const d1t__planner *p, d1t__tally_kind kind, const d1t__item *item,
                                             const d1t_column *column) {
    const d1t__tally *c;
    for (c = p->counts; c; c = c->next)
        if (c->kind == kind && c->item == item &&
            (!column || (c->column && d1t__same_name(c->column->name, column->name))))
            return c;
    return NULL;
}

/* Alternatives that hold for values of column `c` that are the same, and of the right kind, after a CAST to `type`. */
D1T__PRIVATE void d1t__write_survives(d1t_writer *w, const char *c, d1t_type type, bool strict) {
    /* # stands for the column */
    static const char *const conditions[] = {
        "typeof(#) IN ('integer','null') OR typeof(#)='real' AND #=CAST(# AS INTEGER) AND abs(#)<9e18 OR "
        "typeof(#)='text' AND CAST(CAST(# AS INTEGER) AS TEXT) IS # COLLATE BINARY",
        "typeof(#) IN ('real','null') OR typeof(#)='integer' AND CAST(CAST(# AS REAL) AS INTEGER)=# AND "
        "#<9223372036854775807 OR typeof(#)='text' AND (CAST(CAST(# AS REAL) AS TEXT) IS # COLLATE BINARY OR "
        "CAST(CAST(# AS INTEGER) AS TEXT) IS # COLLATE BINARY AND length(#)<16)",
        "typeof(#) IN ('text','null','integer') OR typeof(#)='real' AND CAST(CAST(# AS TEXT) AS REAL)=#",
        "typeof(#) IN ('blob','null','text')",
        "typeof(#)<>'text' OR CAST(CAST(# AS NUMERIC) AS TEXT) IS # COLLATE BINARY OR "
        "CAST(# AS TEXT)>CAST(9e999 AS NUMERIC)",
        "1"};
    const char *condition = conditions[5], *end;
    if (type == D1T_INTEGER) condition = conditions[0];
    else if (type == D1T_REAL) condition = conditions[1];
    else if (type == D1T_TEXT) condition = conditions[2];
    else if (type == D1T_BLOB && strict) condition = conditions[3];
    else if (type == D1T_NUMERIC) condition = conditions[4];
    d1t_write_text(w, "(");
    for (; *condition; condition = end) {
        for (end = condition; *end && *end != '#'; end++) {}
        d1t_write(w, d1t_bytes(condition, (size_t)(end - condition)));
        if (*end != '#') continue;
        d1t_write_name(w, c);
        end++;
    }
    d1t_write_text(w, ")");
}

D1T__PRIVATE void d1t__write_cast(d1t_writer *w, const d1t_table *t, const d1t_column *c, const char *name) {
    d1t_type type = d1t__column_affinity(t, c);
    const char *as = type == D1T_INTEGER ? "INTEGER" : type == D1T_REAL ? "REAL" : type == D1T_TEXT ? "TEXT" :
                     type == D1T_BLOB && (t->flags & D1T_STRICT) ? "BLOB" : NULL;
    if (as) d1t_write_text(w, "CAST(");
    d1t_write_name(w, name);
    if (as) d1t_write_text(w, " AS ");
    if (as) d1t_write_text(w, as);
    if (as) d1t_write_text(w, ")");
}

/* The value of a column that is called `name` so far, as the new column takes it. One that does not survive becomes the
   default, or NULL, or stops the batch. (The empty piece of the column keeps SQLite from computing the error before it
   is needed.) */
D1T__PRIVATE void d1t__write_converted(d1t_writer *w, const d1t_table *t, const d1t_column *c, const char *name,
                                       bool lossy) {
    d1t_write_text(w, "CASE WHEN ");
    d1t__write_survives(w, name, d1t__column_affinity(t, c), (t->flags & D1T_STRICT) != 0);
    d1t_write_text(w, " THEN ");
    d1t__write_cast(w, t, c, name);
    d1t_write_text(w, " ELSE ");
    if (!lossy) {
        d1t_write_text(w, "json_extract('{}','d1t conflict'||substr(");
        d1t_write_name(w, name);
        d1t_write_text(w, ",1,0))");
    } else if (c->default_sql) {
        d1t_write_text(w, "(");
        d1t_write_text(w, c->default_sql);
        d1t_write_text(w, ")");
    } else {
        d1t_write_text(w, "NULL");
    }
    d1t_write_text(w, " END");
}

/* A column's value on its way into the new table. If no value that does not survive was found when they were counted,
   one that came since stops the batch. A split rebuild always has a way out: its triggers may not stop what others
   write. Its last request looks once more. */
D1T__PRIVATE void d1t__write_copied(d1t__planner *p, d1t_writer *w, const d1t__item *item, const d1t_column *c) {
    const d1t__tally *type = d1t__count_of(p, D1T__COUNT_TYPE, item, c);
    const d1t__tally *null = d1t__count_of(p, D1T__COUNT_NULL, item, c);
    bool any = !p->counted || item->chunk;
    bool fill = null && c->default_sql && (any || null->rows);
    if (fill) d1t_write_text(w, "coalesce(");
    if (type) d1t__write_converted(w, item->target, c, c->name, any || type->rows);
    else d1t_write_name(w, c->name);
    if (!fill) return;
    d1t_write_text(w, ",(");
    d1t_write_text(w, c->default_sql);
    d1t_write_text(w, "))");
}

/* A name for the rowid that no column hides. NULL: the table's rows have none, or a column of their own for it. */
D1T__PRIVATE const char *d1t__rowid_alias(const d1t_table *t) {
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    const d1t_column *key = d1t__key_column(t, 0);
    size_t i;
    if ((t->flags & D1T_WITHOUT_ROWID) || (key && d1t__is_rowid(t, key))) return NULL;
    for (i = 0; i < D1T__COUNT(names); i++)
        if (!d1t__column_of(t, names[i])) return names[i];
    return NULL;
}

/* The columns of both tables, as a list of names or of what is copied into them. */
D1T__PRIVATE void d1t__write_columns(d1t__planner *p, d1t_writer *w, const d1t__item *item, bool values) {
    const d1t_table *t = item->target ? item->target : item->from;
    const char *in = d1t__rowid_alias(t), *out = d1t__rowid_alias(item->from);
    size_t i, n = 0;
    if (in && out) d1t_write_text(w, values ? out : in);
    if (in && out) n++;
    for (i = 0; i < t->column_count; i++) {
        const d1t_column *c = &t->columns[i];
        if (c->generated_sql || !d1t__column_like(item->from, c->name, i)) continue;
        if (n++) d1t_write_text(w, ",");
        if (values && item->target) d1t__write_copied(p, w, item, c);
        else d1t_write_name(w, c->name);
    }
}

/* The columns of the key, as `OLD.` has them or without a prefix. */
D1T__PRIVATE void d1t__write_key_list(d1t_writer *w, const d1t_table *t, const char *prefix) {
    const d1t_column *c;
    size_t i;
    for (i = 0; (c = d1t__key_column(t, i)) != NULL; i++) {
        if (i) d1t_write_text(w, ",");
        d1t_write_text(w, prefix);
        d1t_write_name(w, c->name);
    }
}

/* A new key cannot hold every row: of those that would share one the first stays, and those without one go. */
D1T__PRIVATE void d1t__write_key_filter(d1t_writer *w, const d1t__item *item) {
    const d1t_column *c;
    size_t i, n = 0;
    for (i = 0; (c = d1t__key_column(item->target, i)) != NULL; i++) {
        if (!d1t__column_of(item->from, c->name)) continue;
        d1t_write_text(w, n++ ? " AND " : " WHERE ");
        d1t_write_name(w, c->name);
        d1t_write_text(w, " IS NOT NULL");
    }
    if (n == 0) d1t_write_text(w, " WHERE true");
    d1t_write_text(w, " ON CONFLICT(");
    d1t__write_key_list(w, item->target, "");
    d1t_write_text(w, ") DO NOTHING");
}

/* The rows into the new table of this name; conditions may follow. */
D1T__PRIVATE void d1t__write_copy(d1t__planner *p, d1t_writer *w, const d1t__item *item, const char *name) {
    d1t_write_text(w, "INSERT INTO ");
    d1t_write_name(w, name);
    d1t_write_text(w, "(");
    d1t__write_columns(p, w, item, false);
    d1t_write_text(w, ") SELECT ");
    d1t__write_columns(p, w, item, true);
    d1t_write_text(w, " FROM ");
    d1t_write_name(w, item->name);
}

D1T__PRIVATE void d1t__copy_rows(d1t__planner *p, const d1t__item *item) {
    const d1t__tally *key = d1t__count_of(p, D1T__COUNT_KEY, item, NULL);
    d1t_writer *w;
    const char *name = d1t__new_name(p, item->name);
    if (item->empty || !name) return;
    w = d1t__text_begin(p);
    d1t__write_copy(p, w, item, name);
    if (key && (!p->counted || key->rows)) d1t__write_key_filter(w, item);
    d1t__statement_end(p);
}

/* The highest id that was ever given goes along, or ids of deleted rows would be given again. */
D1T__PRIVATE void d1t__carry_sequence(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->target ? item->target : item->from;
    const char *name = d1t__new_name(p, item->name);
    d1t_writer *w;
    if (!(t->flags & item->from->flags & D1T_AUTOINCREMENT) || !name) return;
    w = d1t__text_begin(p);
    d1t_write_text(w, "DELETE FROM sqlite_sequence WHERE name=");
    d1t_write_sql_string(w, d1t_cstr(name));
    d1t__statement_end(p);
    w = d1t__text_begin(p);
    d1t_write_text(w, "INSERT INTO sqlite_sequence(name,seq) SELECT ");
    d1t_write_sql_string(w, d1t_cstr(name));
    d1t_write_text(w, ",seq FROM sqlite_sequence WHERE name=");
    d1t_write_sql_string(w, d1t_cstr(item->have->name));     /* SQLite compares it letter by letter */
    d1t__statement_end(p);
}

/* ---- tables that reference themselves or each other: without an index, and row by row, DROP takes quadratic time, and
        a chain of cascades longer than ten rows fails */

D1T__PRIVATE const d1t_plan_step *d1t__step_of(const d1t__planner *p, const d1t__item *item, d1t_step_kind kind,
                                               const char *name);

/* Does the key lead to a table that is not copied before this one? */
D1T__PRIVATE bool d1t__leads_back(d1t__planner *p, const d1t__item *item, const d1t_foreign_key *f) {
    const d1t__item *parent = d1t__item_of(p, f->parent);
    return parent && d1t__goes(parent) && parent->rank >= item->rank;
}

D1T__PRIVATE void d1t__write_temporary(d1t_writer *w, const char *use, const d1t__item *item, size_t f) {
    d1t_write_text(w, "_d1t_fk_");
    d1t_write_text(w, use);
    d1t_write_text(w, item->name);
    d1t_write_text(w, "_");
    d1t_write_uint(w, f);
}

D1T__PRIVATE void d1t__make_temporary(d1t__planner *p, const char *name, const char *table, const char *const *columns,
                                      size_t count, uint32_t flags) {
    d1t_index x;
    d1t_table on;
    if (!name || !table) return;
    D1T_MEMSET(&x, 0, sizeof x);
    D1T_MEMSET(&on, 0, sizeof on);
    x.name = name;
    x.columns = columns;
    x.column_count = count;
    x.flags = flags;
    on.name = table;
    d1t_write_create_index(d1t__text_begin(p), &on, &x);
    d1t__statement_end(p);
}

D1T__PRIVATE void d1t__index_temporarily(d1t__planner *p, const d1t__item *item, const d1t_table *t, bool is_new) {
    const char *table = is_new ? d1t__new_name(p, item->name) : item->name, *name;
    size_t f;
    for (f = 0; f < t->foreign_key_count && p->result == D1T_OK; f++) {
        const d1t_foreign_key *key = &t->foreign_keys[f];
        if (!d1t__leads_back(p, item, key)) continue;
        d1t__write_temporary(d1t__text_begin(p), is_new ? "new_" : "old_", item, f);
        name = d1t__text_end(p);
        d1t__make_temporary(p, name, table, key->columns, key->column_count, 0);
    }
}

/* Does the key lead to a unique index that is only made at the end? Rows could not be copied without it. */
D1T__PRIVATE bool d1t__leads_to_index(d1t__planner *p, const d1t_foreign_key *f) {
    const d1t__item *parent = d1t__item_of(p, f->parent);
    const d1t_table *t = !parent ? NULL : parent->target ? parent->target : parent->from;
    size_t i, k;
    for (i = 0; t && f->parent_columns && i < t->index_count; i++) {
        const d1t_index *x = &t->indexes[i];
        if (!x->name || !(x->flags & D1T_UNIQUE) || x->where_sql || x->column_count != f->column_count) continue;
        for (k = 0; k < x->column_count && d1t__names_have(f->parent_columns, f->column_count, x->columns[k]); k++) {}
        if (k == x->column_count && (parent->member || d1t__step_of(p, parent, D1T_CREATE_INDEX, x->name))) return true;
    }
    return false;
}

D1T__PRIVATE void d1t__index_parents(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->target ? item->target : item->from;
    size_t f;
    if (!item->member && (item->have || !item->touched)) return;    /* neither made anew nor new */
    for (f = 0; f < t->foreign_key_count && p->result == D1T_OK; f++) {
        const d1t_foreign_key *key = &t->foreign_keys[f];
        const d1t__item *parent = d1t__item_of(p, key->parent);
        const char *name, *table;
        if (!parent || !d1t__leads_to_index(p, key)) continue;
        d1t__write_temporary(d1t__text_begin(p), "to_", item, f);
        name = d1t__text_end(p);
        table = parent->member ? d1t__new_name(p, key->parent) : key->parent;
        d1t__make_temporary(p, name, table, key->parent_columns, key->column_count, D1T_UNIQUE);
    }
}

D1T__PRIVATE void d1t__drop_temporary(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->target ? item->target : item->from;
    size_t f, use;
    if (!item->member && (item->have || !item->touched)) return;
    for (f = 0; f < t->foreign_key_count && p->result == D1T_OK; f++)
        for (use = 0; use < 2; use++) {
            const char *name;
            if (!(use ? d1t__leads_to_index(p, &t->foreign_keys[f]) :
                        item->member && d1t__leads_back(p, item, &t->foreign_keys[f])))
                continue;
            d1t__write_temporary(d1t__text_begin(p), use ? "to_" : "new_", item, f);
            name = d1t__text_end(p);
            if (name) d1t__statement_name(p, "DROP INDEX ", name, "");
        }
}

/* The old rows let go of each other before they are dropped. One that a constraint of its table does not let go is left
   to the action of its foreign key. */
D1T__PRIVATE void d1t__let_go(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->from;
    size_t f, i;
    for (f = 0; f < t->foreign_key_count; f++) {
        const d1t_foreign_key *key = &t->foreign_keys[f];
        const d1t_column *c = d1t__nullable_of(t, key);
        d1t_writer *w;
        if (!d1t__leads_back(p, item, key) || (!c && !d1t__can_be_own_parent(t, key))) continue;
        w = d1t__text_begin(p);
        d1t_write_text(w, "UPDATE OR IGNORE ");
        d1t_write_name(w, item->name);
        d1t_write_text(w, " SET ");
        if (c) d1t_write_name(w, c->name);
        if (c) d1t_write_text(w, "=NULL");
        for (i = 0; i < key->column_count && !c; i++) {
            if (i) d1t_write_text(w, ",");
            d1t_write_name(w, key->columns[i]);
            d1t_write_text(w, "=");
            d1t__write_led_to(w, t, key, i);
        }
        d1t__statement_end(p);
    }
}

/* ---- all of it */

/* A table that is made anew; `number` counts them, parents first. NULL: no more. */
D1T__PRIVATE d1t__item *d1t__member_number(d1t__planner *p, size_t number) {
    size_t i;
    for (i = 0; i < p->going_count; i++)
        if (p->going[i]->member && number-- == 0) return p->going[i];
    return NULL;
}

/* The order of dropping: children first. */
D1T__PRIVATE d1t__item *d1t__drop_number(d1t__planner *p, size_t number) {
    return number < p->going_count ? p->going[p->going_count - 1 - number] : NULL;
}

/* Is the table, once dropped, missed by a table that is dropped later? In a cycle of references one of them is; SQLite
   cannot follow the action of a foreign key to a table while another parent of that table is missing. */
D1T__PRIVATE bool d1t__is_missed(d1t__planner *p, size_t number) {
    const d1t__item *item = d1t__drop_number(p, number), *later;
    while ((later = d1t__drop_number(p, ++number)) != NULL)
        if (d1t__references(later, item)) return true;
    return false;
}

/* An empty table in the place of a dropped one, with all that a foreign key can lead to. */
D1T__PRIVATE void d1t__stand_in(d1t__planner *p, const d1t__item *item) {
    d1t_table t;
    d1t_index *uniques;
    size_t i, n = 0;
    if (!item->from) return;
    t = *item->from;
    uniques = (d1t_index *)d1t__planner_take(p, t.index_count * sizeof *uniques + 1);
    if (!uniques) return;
    for (i = 0; i < t.index_count; i++) {
        uniques[n] = t.indexes[i];
        uniques[n].name = NULL;
        n += (t.indexes[i].flags & D1T_UNIQUE) && !t.indexes[i].where_sql && !t.indexes[i].terms_sql;
    }
    t.indexes = uniques;
    t.index_count = n;
    t.foreign_key_count = t.check_count = 0;
    t.name = item->name;
    d1t_write_create_table(d1t__text_begin(p), &t);
    d1t__statement_end(p);
}

D1T__PRIVATE void d1t__drop_tables(d1t__planner *p) {
    const d1t__item *item;
    size_t i;
    for (i = 0; (item = d1t__drop_number(p, i)) != NULL && p->result == D1T_OK; i++) {
        d1t__statement_name(p, "DROP TABLE ", item->name, "");
        if (d1t__is_missed(p, i)) d1t__stand_in(p, item);
    }
    for (i = 0; (item = d1t__drop_number(p, i)) != NULL && p->result == D1T_OK; i++)
        if (d1t__is_missed(p, i)) d1t__statement_name(p, "DROP TABLE ", item->name, "");
}

D1T__PRIVATE void d1t__copy_rest(d1t__planner *p, const d1t__item *item);

/* Makes the members anew, and drops them as they were and all other tables that go. */
D1T__PRIVATE void d1t__rebuild_members(d1t__planner *p) {
    d1t__item *item;
    size_t i;
    for (i = 0; (item = d1t__member_number(p, i)) != NULL; i++)
        if (!item->chunk) d1t__create_new(p, item);
    for (i = 0; (item = d1t__drop_number(p, i)) != NULL && p->result == D1T_OK; i++)
        if (item->from) d1t__index_temporarily(p, item, item->from, false);
    for (i = 0; (item = d1t__member_number(p, i)) != NULL && p->result == D1T_OK; i++)
        d1t__index_temporarily(p, item, item->target ? item->target : item->from, true);
    for (i = 0; i < p->item_count; i++) d1t__index_parents(p, &p->items[i]);
    for (i = 0; (item = d1t__member_number(p, i)) != NULL; i++) {
        if (item->chunk) d1t__copy_rest(p, item);
        else d1t__copy_rows(p, item);
    }
    for (i = 0; (item = d1t__member_number(p, i)) != NULL; i++) d1t__carry_sequence(p, item);
    for (i = 0; (item = d1t__drop_number(p, i)) != NULL; i++)
        if (item->from) d1t__let_go(p, item);
    d1t__drop_tables(p);
    for (i = 0; (item = d1t__member_number(p, i)) != NULL && p->result == D1T_OK; i++) {
        const char *name = d1t__new_name(p, item->name);
        d1t_writer *w = d1t__text_begin(p);
        if (!name) return;
        d1t_write_text(w, "ALTER TABLE ");
        d1t_write_name(w, name);
        d1t_write_text(w, " RENAME TO ");
        d1t_write_name(w, item->name);
        d1t__statement_end(p);
    }
    for (i = 0; i < p->item_count; i++) d1t__drop_temporary(p, &p->items[i]);
}

/* A statement that fails the batch if there are rows of the source that follows. Only the table's name comes back, no
   value. */
D1T__PRIVATE d1t_writer *d1t__begin_check(d1t__planner *p, const char *table) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, "SELECT json_extract('{}','d1t fk '||");
    d1t_write_sql_string(w, d1t_cstr(table));
    d1t_write_text(w, ") WHERE EXISTS (SELECT 1 FROM ");
    return w;
}

/* Fails the batch if rows of a table have no parent. */
D1T__PRIVATE void d1t__check_parents(d1t__planner *p, const char *table) {
    d1t_writer *w = d1t__begin_check(p, table);
    d1t_write_text(w, "pragma_foreign_key_check(");
    d1t_write_sql_string(w, d1t_cstr(table));
    d1t_write_text(w, "))");
    d1t__statement_end(p);
}

/* SQLite compares what a row references with the row's own key as they are, without the affinity by which it finds
   other rows. A copied row that has 5 for its own '5' would fail the commit, and with it the whole database object: the
   batch fails before. */
D1T__PRIVATE void d1t__check_own_parent(d1t__planner *p, const d1t_table *t, const d1t_foreign_key *f) {
    bool differs = false;
    size_t i, part;
    d1t_writer *w;
    if (!d1t__same_name(f->parent, t->name)) return;
    for (i = 0; i < f->column_count; i++) {
        const d1t_column *c = d1t__column_of(t, f->columns[i]), *to = d1t__led_to(t, f, i);
        if (!c || !to || d1t__is_rowid(t, to)) return;      /* for a rowid it looks closer */
        differs = differs || d1t__column_affinity(t, c) != d1t__column_affinity(t, to);
    }
    if (!differs) return;
    w = d1t__begin_check(p, t->name);
    d1t_write_name(w, t->name);
    d1t_write_text(w, " WHERE (");
    for (part = 0; part < 2; part++)
        for (i = 0; i < f->column_count; i++) {
            if (i) d1t_write_text(w, part ? " OR " : " AND ");
            d1t_write_text(w, part ? "(typeof(" : "");
            d1t__write_led_to(w, t, f, i);
            d1t_write_text(w, part ? ")='text')<>(typeof(" : "=");
            d1t_write_name(w, f->columns[i]);
            d1t_write_text(w, part ? ")='text')" : "");
            if (i + 1 == f->column_count) d1t_write_text(w, part ? "))" : ") AND (");
        }
    d1t__statement_end(p);
}

/* Fails the batch if SQLite would not find the parents of rows that were copied. */
D1T__PRIVATE void d1t__check_copy(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->target ? item->target : item->from;
    size_t f;
    for (f = 0; f < t->foreign_key_count && p->result == D1T_OK; f++)
        d1t__check_own_parent(p, t, &t->foreign_keys[f]);
    d1t__check_parents(p, item->name);
}

/* ---- views and triggers that stand in the way */

typedef struct d1t__dependents {
    bool *marks;    /* by number of the object */
    bool  any;
} d1t__dependents;

/* Does it use a table that is made anew, or would it see the rows of a dropped one go? */
D1T__PRIVATE bool d1t__uses_member(const d1t__planner *p, const d1t_schema_object *o) {
    size_t i;
    for (i = 0; i < p->item_count; i++) {
        const d1t__item *item = &p->items[i];
        if (d1t__goes(item) && d1t__same_name(o->owner, item->name)) return true;
        if (item->member && d1t__sql_uses(o->sql, item->name)) return true;
    }
    return false;
}

D1T__PRIVATE bool d1t__find_dependents(d1t__planner *p, d1t__dependents *d) {
    const d1t_schema_object *o;
    size_t i, count = 0;
    bool more = true;
    for (o = p->schema->objects; o; o = o->next) count++;
    d->marks = (bool *)d1t__planner_take(p, count + 1);
    if (!d->marks) return false;
    while (more) {
        more = false;
        for (o = p->schema->objects, i = 0; o; o = o->next, i++) {
            if (d->marks[i] || (o->kind != D1T_OBJECT_VIEW && o->kind != D1T_OBJECT_TRIGGER)) continue;
            if (!d1t__uses_member(p, o) && !d1t__uses_marked(p, d->marks, o)) continue;
            d->marks[i] = d->any = more = true;
        }
    }
    return true;
}

D1T__PRIVATE void d1t__drop_dependents(d1t__planner *p, const d1t__dependents *d) {
    const d1t_schema_object *o;
    size_t i;
    for (o = p->schema->objects, i = 0; o; o = o->next, i++)
        d->marks[i] = d->marks[i] && !d1t__is_torn_down(p, o);
    for (o = p->schema->objects, i = 0; o; o = o->next, i++)
        if (d->marks[i] && o->kind == D1T_OBJECT_TRIGGER) d1t__statement_name(p, "DROP TRIGGER ", o->name, "");
    for (o = p->schema->objects, i = 0; o; o = o->next, i++)
        if (d->marks[i] && o->kind == D1T_OBJECT_VIEW) d1t__statement_name(p, "DROP VIEW ", o->name, "");
}

D1T__PRIVATE bool d1t__is_remade_trigger(d1t__planner *p, const d1t_schema_object *o);

D1T__PRIVATE void d1t__make_dependents(d1t__planner *p, const d1t__dependents *d) {
    const d1t_schema_object *o;
    size_t i;
    for (o = p->schema->objects, i = 0; o; o = o->next, i++) {
        const d1t__item *owner = d1t__item_of(p, o->owner);
        if (!d->marks[i] || d1t__is_remade_trigger(p, o) || (owner && owner->drop)) continue;
        d1t__statement(p, d1t__keep_text(p, o->sql));
    }
}

/* ---- >>split (implementation) --------------------------------------------------------------------------------- */

/* A rebuild that is too large for one request, in several. The first one makes the new table, and triggers that repeat
   in it whatever others do to the old one from then on; it and the following ones copy the rows in the order of the
   key, some at a time; the last one is the end of any other rebuild. How far the copy has come is known to D1 alone:
   its record says what it is for and whether it is complete, table _d1t_at_T has the key that was copied last. So each
   request is planned from what was read before it, and it makes no difference who sends the next one. */

#define D1T__AT "_d1t_at_"
#define D1T__ON_INSERT "_d1t_copy_i_"
#define D1T__ON_UPDATE "_d1t_copy_u_"
#define D1T__ON_DELETE "_d1t_copy_d_"

D1T__PRIVATE const d1t__copy *d1t__copy_of(const d1t__planner *p, const d1t__item *item) {
    const d1t__copy *c = p->schema->copies;
    while (c && !d1t__same_name(c->table, item->name)) c = c->next;
    return c;
}

/* Does the key stand for the same row before and after? */
D1T__PRIVATE bool d1t__keeps_keys(d1t__planner *p, const d1t__item *item) {
    const d1t_column *a, *b;
    size_t i;
    if (!d1t__key_column(item->from, 0) || !d1t__same_key(item->from, item->target)) return false;
    for (i = 0; (a = d1t__key_column(item->from, i)) != NULL; i++) {
        b = d1t__key_column(item->target, i);
        if (!d1t__same_type(item->from, a, item->target, b) || d1t__count_of(p, D1T__COUNT_TYPE, item, b)) return false;
    }
    return d1t__count_of(p, D1T__COUNT_KEY, item, NULL) == NULL;
}

/* Why a rebuild cannot be split; NULL: it can. */
D1T__PRIVATE const char *d1t__why_whole(d1t__planner *p, const d1t__item *item) {
    size_t i;
    for (i = 0; i < p->item_count; i++) {
        const d1t__item *other = &p->items[i];
        if (other->have && !other->drop && d1t__references(other, item)) return "a foreign key leads to it";
        if (d1t__goes(other) && d1t__references(item, other)) return "a table that it references changes too";
    }
    for (i = 0; i < item->target->foreign_key_count; i++) {
        const d1t__item *parent = d1t__item_of(p, item->target->foreign_keys[i].parent);
        if (!parent || !parent->have || parent->touched) return "a table that it references changes too";
    }
    return d1t__keeps_keys(p, item) ? NULL : "its key changes";
}

/* The beginning of a condition: WHERE (key and what is given. */
D1T__PRIVATE void d1t__write_key_is(d1t_writer *w, const d1t__item *item, const char *compare) {
    d1t_write_text(w, " WHERE (");
    d1t__write_key_list(w, item->from, "");
    d1t_write_text(w, compare);
}

/* ---- what others write */

/* The row is taken from the table, not from NEW: the copy has what the table has, in whatever order triggers run. Rows
   that only the new table cannot hold both are left to the last request. */
D1T__PRIVATE void d1t__write_mirror(d1t__planner *p, d1t_writer *w, const d1t__item *item, const char *name,
                                    const char *row, bool insert) {
    d1t_write_text(w, "DELETE FROM ");
    d1t_write_name(w, name);
    d1t__write_key_is(w, item, ")=(");
    d1t__write_key_list(w, item->from, row);
    d1t_write_text(w, "); ");
    if (!insert) return;
    d1t__write_copy(p, w, item, name);
    d1t__write_key_is(w, item, ")=(");
    d1t__write_key_list(w, item->from, row);
    d1t_write_text(w, ") ON CONFLICT DO NOTHING; ");
}

D1T__PRIVATE void d1t__copy_trigger(d1t__planner *p, const d1t__item *item, const char *prefix, const char *event) {
    const char *trigger = d1t__prefixed(p, prefix, item->name), *name = d1t__new_name(p, item->name);
    d1t_writer *w;
    if (!trigger || !name) return;
    w = d1t__text_begin(p);
    d1t_write_text(w, "CREATE TRIGGER ");
    d1t_write_name(w, trigger);
    d1t_write_text(w, " AFTER ");
    d1t_write_text(w, event);
    d1t_write_text(w, " ON ");
    d1t_write_name(w, item->name);
    d1t_write_text(w, " BEGIN ");
    if (!d1t__same(event, "INSERT")) d1t__write_mirror(p, w, item, name, "OLD.", false);
    if (!d1t__same(event, "DELETE")) d1t__write_mirror(p, w, item, name, "NEW.", true);
    d1t_write_text(w, "END");
    d1t__statement_end(p);
}

D1T__PRIVATE void d1t__create_copy(d1t__planner *p, const d1t__item *item) {
    d1t__create_new(p, item);
    d1t__copy_trigger(p, item, D1T__ON_INSERT, "INSERT");
    d1t__copy_trigger(p, item, D1T__ON_UPDATE, "UPDATE");
    d1t__copy_trigger(p, item, D1T__ON_DELETE, "DELETE");
}

D1T__PRIVATE void d1t__drop_copy(d1t__planner *p, const char *table) {
    static const char *const triggers[] = {D1T__ON_INSERT, D1T__ON_UPDATE, D1T__ON_DELETE};
    const char *name = d1t__new_name(p, table), *at = d1t__prefixed(p, D1T__AT, table), *trigger;
    size_t i;
    for (i = 0; i < D1T__COUNT(triggers); i++) {
        trigger = d1t__prefixed(p, triggers[i], table);
        if (trigger) d1t__statement_name(p, "DROP TRIGGER IF EXISTS ", trigger, "");
    }
    if (!name || !at) return;
    d1t__statement_name(p, "DROP TABLE IF EXISTS ", name, "");
    d1t__statement_name(p, "DROP TABLE IF EXISTS ", at, "");
    d1t__forget_record(p, name);
}

/* ---- the rows that are there */

/* What a copy is for: a hash of the table's SQL and of the statements that make it. */
D1T__PRIVATE const char *d1t__copy_id(d1t__planner *p, const d1t__item *item) {
    static const uint8_t key[16] = {0};
    size_t first = p->plan->statement_count, i;
    char sum[16];
    d1t_hash h;
    d1t_hash_init(&h, key);
    d1t_hash_add(&h, item->have->sql, d1t__strlen(item->have->sql));
    d1t__create_copy(p, item);
    for (i = first; i < p->plan->statement_count; i++)
        d1t_hash_add(&h, p->plan->statements[i].sql, d1t__strlen(p->plan->statements[i].sql));
    p->plan->statement_count = first;
    d1t_hash_end(&h, (uint8_t *)sum);
    d1t_write_hex(d1t__text_begin(p), d1t_bytes(sum, sizeof sum));
    return d1t__text_end(p);
}

/* Rows in the order of the key, from the beginning or after the one that was copied last. */
D1T__PRIVATE void d1t__write_after(d1t_writer *w, const d1t__item *item, const char *at, bool first) {
    if (!first) {
        d1t__write_key_is(w, item, ")>(SELECT ");
        d1t__write_key_list(w, item->from, "");
        d1t_write_text(w, " FROM ");
        d1t_write_name(w, at);
        d1t_write_text(w, ")");
    }
    d1t_write_text(w, " ORDER BY ");
    d1t__write_key_list(w, item->from, "");
    d1t_write_text(w, " LIMIT ");
}

/* To the key of the last row of the chunk. None, or NULL: the table ends in it, the copy is complete. */
D1T__PRIVATE void d1t__move_on(d1t__planner *p, const d1t__item *item, const char *name, const char *at, bool first) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, first ? "INSERT INTO " : "UPDATE ");
    d1t_write_name(w, at);
    if (!first) d1t_write_text(w, " SET (");
    if (!first) d1t__write_key_list(w, item->from, "");
    d1t_write_text(w, first ? " SELECT " : ")=(SELECT ");
    d1t__write_key_list(w, item->from, "");
    d1t_write_text(w, " FROM ");
    d1t_write_name(w, item->name);
    d1t__write_after(w, item, at, first);
    d1t_write_text(w, "1 OFFSET ");
    d1t_write_uint(w, item->chunk - 1);
    if (!first) d1t_write_text(w, ")");
    d1t__statement_end(p);
    w = d1t__text_begin(p);
    d1t_write_text(w, "UPDATE `_d1t_setup` SET `version`=NOT EXISTS(SELECT 1 FROM ");
    d1t_write_name(w, at);
    d1t__write_key_is(w, item, ")=(");      /* itself, unless it is NULL */
    d1t__write_key_list(w, item->from, "");
    d1t_write_text(w, ")) WHERE `name`=");
    d1t_write_sql_string(w, d1t_cstr(name));
    d1t__statement_end(p);
}

D1T__PRIVATE void d1t__copy_chunk(d1t__planner *p, const d1t__item *item, const char *name, const char *at,
                                  bool first) {
    d1t_writer *w = d1t__text_begin(p);
    d1t__write_copy(p, w, item, name);
    d1t__write_after(w, item, at, first);
    d1t_write_uint(w, item->chunk);
    d1t_write_text(w, " ON CONFLICT(");
    d1t__write_key_list(w, item->target, "");
    d1t_write_text(w, ") DO NOTHING");      /* a trigger was faster */
    d1t__statement_end(p);
    d1t__move_on(p, item, name, at, first);
}

/* The new table, and a record of it. */
D1T__PRIVATE void d1t__begin_copy(d1t__planner *p, const d1t__item *item, const char *name, const char *at,
                                  const char *id) {
    d1t_value *args = (d1t_value *)d1t__planner_take(p, 2 * sizeof *args);
    d1t_writer *w;
    if (!args) return;
    if (d1t__copy_of(p, item)) d1t__drop_copy(p, item->name);
    d1t__create_copy(p, item);
    w = d1t__text_begin(p);
    d1t_write_text(w, "CREATE TABLE ");
    d1t_write_name(w, at);
    d1t_write_text(w, "(");     /* without types: any key is kept as it is */
    d1t__write_key_list(w, item->from, "");
    d1t_write_text(w, ")");
    d1t__statement_end(p);
    args[0] = d1t_text(name);
    args[1] = d1t_text(id);
    d1t__statement_args(p, "INSERT INTO `_d1t_setup` VALUES(?1,0,?2)", args, 2);
}

/* The next request of a copy. False: it is complete. */
D1T__PRIVATE bool d1t__copy_on(d1t__planner *p, const d1t__item *item) {
    const d1t__copy *copy = d1t__copy_of(p, item);
    const char *name = d1t__new_name(p, item->name), *at = d1t__prefixed(p, D1T__AT, item->name);
    const char *id = d1t__copy_id(p, item);
    bool first;
    if (!name || !at || !id) return true;
    first = !copy || !d1t__same(copy->id, id);
    if (!first && copy->complete) return false;
    if (first) d1t__begin_copy(p, item, name, at, id);
    d1t__copy_chunk(p, item, name, at, first);
    return true;
}

/* ---- the last request */

/* What a column is called in D1 before the renames. */
D1T__PRIVATE const char *d1t__old_name(const d1t__item *item, const char *name) {
    size_t i = d1t_table_column(item->from, d1t_cstr(name));
    return i < item->from->column_count ? item->have->table->columns[i].name : name;
}

/* More of a condition: only rows that have a new key. The others go. */
D1T__PRIVATE void d1t__write_has_key(d1t_writer *w, const d1t__item *item) {
    const d1t_column *key;
    size_t i;
    for (i = 0; (key = d1t__key_column(item->target, i)) != NULL; i++) {
        if (d1t__same_key(item->from, item->target) || !d1t__column_of(item->from, key->name)) continue;
        d1t_write_text(w, " AND ");
        d1t_write_name(w, d1t__old_name(item, key->name));
        d1t_write_text(w, " IS NOT NULL");
    }
}

/* Which rows stand against a step. */
D1T__PRIVATE void d1t__write_count_condition(d1t_writer *w, const d1t__tally *c) {
    if (c->kind == D1T__COUNT_TYPE) {
        d1t_write_text(w, " WHERE NOT ");
        d1t__write_survives(w, d1t__old_name(c->item, c->column->name),
                            d1t__column_affinity(c->item->target, c->column),
                            (c->item->target->flags & D1T_STRICT) != 0);
    } else if (c->kind == D1T__COUNT_NULL) {
        d1t_write_text(w, " WHERE ");
        d1t_write_name(w, d1t__old_name(c->item, c->column->name));
        d1t_write_text(w, " IS NULL");
    } else if (c->column) {
        d1t_write_text(w, " WHERE true");   /* rows that would need a value for a new column */
    } else {
        return;
    }
    d1t__write_has_key(w, c->item);
}

/* Values that came since they were counted and do not survive stop the batch. */
D1T__PRIVATE void d1t__check_survival(d1t__planner *p, const d1t__item *item) {
    const d1t__tally *c;
    d1t_writer *w;
    for (c = p->counts; c && p->result == D1T_OK; c = c->next) {
        if (c->item != item || c->rows || (c->kind != D1T__COUNT_TYPE && c->kind != D1T__COUNT_NULL)) continue;
        w = d1t__text_begin(p);
        d1t_write_text(w, "SELECT json_extract('{}','d1t conflict') WHERE EXISTS (SELECT 1 FROM ");
        d1t_write_name(w, item->name);
        d1t__write_count_condition(w, c);
        d1t_write_text(w, ")");
        d1t__statement_end(p);
    }
}

/* Statements of others that are silent towards triggers (OR REPLACE, OR IGNORE) have left rows too many or too few. */
D1T__PRIVATE void d1t__copy_rest(d1t__planner *p, const d1t__item *item) {
    const char *name = d1t__new_name(p, item->name);
    unsigned part;
    d1t__check_survival(p, item);
    for (part = 0; part < 2 && p->result == D1T_OK; part++) {
        d1t_writer *w = d1t__text_begin(p);
        if (part) d1t__write_copy(p, w, item, name);
        else d1t_write_text(w, "DELETE FROM ");
        if (!part) d1t_write_name(w, name);
        d1t_write_text(w, " AS a WHERE NOT EXISTS (SELECT 1 FROM ");
        d1t_write_name(w, part ? name : item->name);
        d1t_write_text(w, " AS b WHERE (");
        d1t__write_key_list(w, item->from, "a.");
        d1t_write_text(w, ")=(");
        d1t__write_key_list(w, item->from, "b.");
        d1t_write_text(w, "))");
        d1t__statement_end(p);
    }
}

/* ---- >>plan (implementation) ---------------------------------------------------------------------------------- */

/* ---- renames: the model is changed first, so that the rest of the differ sees the new names */

typedef struct d1t__rename {
    const char *table;      /* as it is called so far */
    const char *column;     /* NULL: the table itself is renamed */
    const char *name;       /* the new name */
} d1t__rename;

/* SQL with one name replaced by another. */
D1T__PRIVATE const char *d1t__sql_renamed(d1t__planner *p, const char *sql, const d1t__rename *r) {
    const char *old = r->column ? r->column : r->table;
    d1t_str s = d1t_cstr(sql);
    size_t pos = 0, from = 0;
    d1t_sql_token t;
    d1t_writer *w;
    if (!d1t__sql_uses(sql, old)) return sql;
    w = d1t__text_begin(p);
    for (t = d1t_sql_next(s, &pos); t.kind != D1T_SQL_END && t.kind != D1T_SQL_BAD; t = d1t_sql_next(s, &pos)) {
        if ((t.kind != D1T_SQL_WORD && t.kind != D1T_SQL_NAME) || !d1t__is_name(t, old)) continue;
        d1t_write(w, d1t_bytes(s.p + from, (size_t)(t.text.p - s.p) - from));
        d1t_write_name(w, r->name);
        from = pos;
    }
    d1t_write(w, d1t_bytes(s.p + from, s.n - from));
    return d1t__text_end(p);
}

/* A list of names with one of them replaced. */
D1T__PRIVATE const char *const *d1t__names_renamed(d1t__planner *p, const char *const *names, size_t count,
                                                   const char *old, const char *name) {
    const char **copy;
    size_t i;
    if (!d1t__names_have(names, count, old)) return names;
    copy = (const char **)d1t__planner_take(p, count * sizeof *copy);
    for (i = 0; copy && i < count; i++) copy[i] = d1t__same_name(names[i], old) ? name : names[i];
    return copy ? copy : names;
}

D1T__PRIVATE void d1t__rename_parents(d1t__planner *p, d1t_table *t, bool own, const d1t__rename *r) {
    d1t_foreign_key *keys = (d1t_foreign_key *)d1t__planner_take(p, t->foreign_key_count * sizeof *keys + 1);
    size_t i;
    if (!keys) return;
    for (i = 0; i < t->foreign_key_count; i++) {
        d1t_foreign_key *f = &keys[i];
        *f = t->foreign_keys[i];
        if (r->column && own) f->columns = d1t__names_renamed(p, f->columns, f->column_count, r->column, r->name);
        if (!d1t__same_name(f->parent, r->table)) continue;
        if (!r->column) f->parent = r->name;
        else if (f->parent_columns)
            f->parent_columns = d1t__names_renamed(p, f->parent_columns, f->column_count, r->column, r->name);
    }
    t->foreign_keys = keys;
}

D1T__PRIVATE void d1t__rename_column(d1t__planner *p, d1t_table *t, const d1t__rename *r) {
    d1t_column *columns = (d1t_column *)d1t__planner_take(p, t->column_count * sizeof *columns + 1);
    d1t_index *indexes = (d1t_index *)d1t__planner_take(p, t->index_count * sizeof *indexes + 1);
    d1t_check *checks = (d1t_check *)d1t__planner_take(p, t->check_count * sizeof *checks + 1);
    size_t i;
    if (!columns || !indexes || !checks) return;
    for (i = 0; i < t->column_count; i++) {
        columns[i] = t->columns[i];
        if (d1t__same_name(columns[i].name, r->column)) columns[i].name = r->name;
        columns[i].generated_sql = d1t__sql_renamed(p, columns[i].generated_sql, r);
    }
    for (i = 0; i < t->index_count; i++) {
        indexes[i] = t->indexes[i];
        indexes[i].columns = d1t__names_renamed(p, indexes[i].columns, indexes[i].column_count, r->column, r->name);
        indexes[i].terms_sql = d1t__sql_renamed(p, indexes[i].terms_sql, r);
        indexes[i].where_sql = d1t__sql_renamed(p, indexes[i].where_sql, r);
    }
    for (i = 0; i < t->check_count; i++) {
        checks[i] = t->checks[i];
        checks[i].sql = d1t__sql_renamed(p, checks[i].sql, r);
    }
    t->columns = columns;
    t->indexes = indexes;
    t->checks = checks;
}

/* A rename in the model: in the table itself, and in every table that references it. */
D1T__PRIVATE void d1t__rename_model(d1t__planner *p, d1t__item *item, const d1t__rename *r) {
    size_t i;
    for (i = 0; i < p->item_count; i++) {
        d1t__item *other = &p->items[i];
        d1t_table *copy;
        if (!other->from || (other != item && !d1t__references(other, item))) continue;
        copy = (d1t_table *)d1t__planner_take(p, sizeof *copy);
        if (!copy) return;
        *copy = *other->from;
        d1t__rename_parents(p, copy, other == item, r);
        if (other == item && r->column) d1t__rename_column(p, copy, r);
        if (other == item && !r->column) copy->name = r->name;
        other->from = copy;
    }
}

D1T__PRIVATE void d1t__rename_item(d1t__planner *p, d1t__item *item, const char *name) {
    size_t i;
    item->name = name;
    D1T_MEMSET(p->by_name.places, 0, (p->by_name.mask + 1) * sizeof *p->by_name.places);
    for (i = 0; i < p->item_count; i++) d1t__directory_add(&p->by_name, p->items[i].name, &p->items[i]);
}

D1T__PRIVATE void d1t__plan_rename(d1t__planner *p, d1t__item *item, const d1t__rename *r) {
    d1t_writer *w;
    d1t__rename_model(p, item, r);      /* while the others still know it by its old name */
    if (!r->column) d1t__rename_item(p, item, r->name);
    w = d1t__step_begin(p, r->column ? "~ rename column " : "~ rename table ", r->table, r->column);
    d1t_write_text(w, " -> ");
    d1t_write_text(w, r->name);
    (void)d1t__step_end(p, r->column ? D1T_RENAME_COLUMN : D1T_RENAME_TABLE, item, r->name);
    w = d1t__text_begin(p);
    d1t_write_text(w, "ALTER TABLE ");
    d1t_write_name(w, r->table);
    d1t_write_text(w, r->column ? " RENAME COLUMN " : " RENAME");
    if (r->column) d1t_write_name(w, r->column);
    d1t_write_text(w, " TO ");
    d1t_write_name(w, r->name);
    d1t__statement_end(p);
    p->renames = item->renamed = true;
}

/* SQLite then looks for the old name in the constraint (seen in 3.40 and on workerd). */
D1T__PRIVATE bool d1t__cannot_rename(const d1t_table *t, const char *column) {
    const d1t_column *key = d1t__key_column(t, 0);
    size_t i;
    if (!(t->flags & D1T_WITHOUT_ROWID) || !key || d1t__key_column(t, 1) || !d1t__same_name(key->name, column) ||
        !d1t__same_name(d1t_sql_type(t, key), "INTEGER"))
        return false;
    for (i = 0; i < t->index_count; i++)
        if (!t->indexes[i].name && d1t__names_have(t->indexes[i].columns, t->indexes[i].column_count, column))
            return true;
    return false;
}

/* A hint counts once: when the old name is there and the new one is not. */
D1T__PRIVATE void d1t__plan_renames(d1t__planner *p, d1t__item *item) {
    d1t__rename r;
    size_t i;
    if (!item->from || (item->to->flags & D1T_BY_USER)) return;
    if (!d1t__same_name(item->have->name, item->to->name)) {
        r.table = item->name;
        r.column = NULL;
        r.name = item->to->name;
        d1t__plan_rename(p, item, &r);
    }
    for (i = 0; i < item->to->column_count && p->result == D1T_OK; i++) {
        const d1t_column *c = &item->to->columns[i];
        if (!c->was || d1t__column_of(item->from, c->name) || !d1t__column_of(item->from, c->was)) continue;
        r.table = item->name;
        r.column = c->was;
        r.name = c->name;
        if (d1t__cannot_rename(item->from, c->was))
            d1t__refuse(p, item, "! rename column ", c->was, "SQLite cannot rename the INTEGER key of a table WITHOUT "
                        "ROWID while a UNIQUE constraint has it too: make that an index first");
        d1t__plan_rename(p, item, &r);
    }
}

/* ---- the tables of the plan */

D1T__PRIVATE void d1t__add_item(d1t__planner *p, const d1t_schema_object *have, const d1t_table *to) {
    d1t__item *item = &p->items[p->item_count++];
    item->have = have;
    item->from = have ? have->table : NULL;
    item->to = to;
    item->name = to && (!have || d1t__same_name(have->name, to->name)) ? to->name : d1t__keep_text(p, have->name);
    if (item->name) d1t__directory_add(&p->by_name, item->name, item);
}

/* Finds the table that a declaration means: by its name, else by the name it had. */
D1T__PRIVATE const d1t_schema_object *d1t__meant(const d1t__planner *p, const d1t_table *t) {
    const void *o = d1t__directory_find(&p->objects, t->name);
    if (!o && t->was && !(t->flags & D1T_BY_USER)) o = d1t__directory_find(&p->objects, t->was);
    return (const d1t_schema_object *)o;
}

D1T__PRIVATE void d1t__add_items(d1t__planner *p) {
    const d1t_plan_desc *desc = &p->plan->desc;
    const d1t_schema_object *o;
    const d1t__item *declared;
    size_t i, room = desc->count;
    for (o = p->schema->objects; o; o = o->next) room += o->kind == D1T_OBJECT_TABLE;
    p->items = (d1t__item *)d1t__planner_take(p, room * sizeof *p->items + 1);
    if (p->items && !d1t__directory_take(&p->by_name, &p->plan->arena, room)) p->result = D1T_ERR_NOMEM;
    for (i = 0; i < desc->count && p->result == D1T_OK; i++)
        d1t__add_item(p, d1t__meant(p, desc->tables[i]), desc->tables[i]);
    for (o = p->schema->objects; o && p->result == D1T_OK; o = o->next) {
        declared = d1t__item_of(p, o->name);
        if (o->kind == D1T_OBJECT_TABLE && (!declared || declared->have != o)) d1t__add_item(p, o, NULL);
    }
}

/* ---- commands */

D1T__PRIVATE const d1t_command *d1t__command_of(const d1t_table *t, const char *name) {
    size_t i;
    for (i = 0; t && i < t->command_count; i++)
        if (d1t__same_name(t->commands[i].name, name)) return &t->commands[i];
    return NULL;
}

D1T__PRIVATE void d1t__command_step(d1t__planner *p, d1t__item *item, const char *sign, const d1t_command *c) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, sign);
    d1t_write_text(w, c->name);
    d1t_write_text(w, " of ");
    d1t_write_text(w, item->name);
    (void)d1t__step_end(p, D1T_COMMAND, item, c->name);
}

D1T__PRIVATE bool d1t__command_changes(const d1t_command *a, const d1t_command *b) {
    return !a || !b || !d1t__same(a->setup_sql, b->setup_sql);
}

D1T__PRIVATE void d1t__compare_commands(d1t__planner *p, d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    const d1t_table *was = record ? record->state : NULL;
    size_t i;
    for (i = 0; was && i < was->command_count; i++)
        if (!d1t__command_of(item->to, was->commands[i].name))
            d1t__command_step(p, item, "- command ", &was->commands[i]);
    for (i = 0; item->to && i < item->to->command_count; i++) {
        const d1t_command *old = item->have ? d1t__command_of(was, item->to->commands[i].name) : NULL;
        if (d1t__command_changes(old, &item->to->commands[i]))
            d1t__command_step(p, item, old ? "~ command " : "+ command ", &item->to->commands[i]);
    }
}

/* What was recorded to undo a command that changes or goes, by number of the command; NULL: nothing, or no command. */
D1T__PRIVATE const char *d1t__teardown(const d1t__planner *p, const d1t__item *item, size_t number) {
    const bool ours = item->drop || (item->to && !(item->to->flags & D1T_BY_USER));
    const d1t_schema_record *record = ours ? d1t__record_of(p, item) : NULL;
    const d1t_command *old = record && number < record->state->command_count ? &record->state->commands[number] : NULL;
    if (!old || !d1t__command_changes(old, d1t__command_of(item->drop ? NULL : item->to, old->name))) return NULL;
    return old->teardown_sql;
}

D1T__PRIVATE void d1t__tear_down(d1t__planner *p, const d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    size_t i;
    for (i = 0; record && i < record->state->command_count; i++) {
        const char *sql = d1t__teardown(p, item, i);
        if (sql) d1t__statement(p, d1t__keep_text(p, sql));
    }
}

/* Is the object, or the view that a trigger is on, gone once the teardowns have run? */
D1T__PRIVATE bool d1t__is_torn_down(const d1t__planner *p, const d1t_schema_object *o) {
    size_t i, k;
    for (i = 0; i < p->item_count; i++) {
        const d1t_schema_record *record = d1t__record_of(p, &p->items[i]);
        for (k = 0; record && k < record->state->command_count; k++) {
            const char *sql = d1t__teardown(p, &p->items[i], k);
            size_t pos = 0;
            if (sql && d1t_str_equal_nocase(d1t_sql_next(d1t_cstr(sql), &pos).text, d1t_cstr("DROP")) &&
                (d1t__sql_uses(sql, o->name) || d1t__sql_uses(sql, o->owner)))
                return true;
        }
    }
    return false;
}

D1T__PRIVATE void d1t__run_commands(d1t__planner *p, const d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    size_t i;
    for (i = 0; item->to && i < item->to->command_count; i++) {
        const d1t_command *c = &item->to->commands[i];
        if (d1t__command_changes(item->have && record ? d1t__command_of(record->state, c->name) : NULL, c))
            d1t__statement(p, c->setup_sql);
    }
}

/* ---- one table */

/* What a rebuild makes: the declaration, and what stays though it is not declared. */
D1T__PRIVATE const d1t_table *d1t__target_of(d1t__planner *p, const d1t__item *item) {
    const d1t_table *from = item->from, *to = item->to;
    d1t_table *t;
    d1t_column *columns;
    d1t_index *indexes;
    size_t i;
    if (!from || !p->plan->desc.keep) return to;
    t = (d1t_table *)d1t__planner_take(p, sizeof *t);
    columns = (d1t_column *)d1t__planner_take(p, (from->column_count + to->column_count) * sizeof *columns + 1);
    indexes = (d1t_index *)d1t__planner_take(p, (from->index_count + to->index_count) * sizeof *indexes + 1);
    if (!t || !columns || !indexes) return NULL;
    *t = *to;
    t->columns = columns;
    t->indexes = indexes;
    t->column_count = t->index_count = 0;
    for (i = 0; i < to->column_count; i++) columns[t->column_count++] = to->columns[i];
    for (i = 0; i < from->column_count; i++) {
        if (d1t__column_like(to, from->columns[i].name, i)) continue;
        columns[t->column_count] = from->columns[i];
        columns[t->column_count].flags &= ~(uint32_t)D1T_KEY;
        columns[t->column_count++].sql_type = d1t_sql_type(from, &from->columns[i]);
    }
    for (i = 0; i < to->index_count; i++) indexes[t->index_count++] = to->indexes[i];
    for (i = 0; i < from->index_count; i++)
        if (!d1t__index_of(to, &from->indexes[i]) &&
            !(from->indexes[i].name && d1t__is_of_command(p, item, from->indexes[i].name)))
            indexes[t->index_count++] = from->indexes[i];
    return t;
}

D1T__PRIVATE void d1t__plan_create(d1t__planner *p, d1t__item *item) {
    size_t i;
    (void)d1t__step_begin(p, "+ table ", item->name, NULL);
    (void)d1t__step_end(p, D1T_CREATE_TABLE, item, NULL);
    for (i = 0; i < item->to->index_count; i++) {
        const d1t_index *x = &item->to->indexes[i];
        if (!x->name) continue;
        if (d1t__index_taken(p, item, x)) d1t__refuse_index(p, item, x);
        else d1t__plan_index(p, item, "+ index ", D1T_CREATE_INDEX, x);
    }
    d1t__compare_commands(p, item);
    d1t__notes(p, item);
}

/* A table whose setup is the user's: every difference is refused. */
D1T__PRIVATE void d1t__refuse_steps(d1t__planner *p, d1t_plan_step *after) {
    d1t_plan_step *step = after ? after->next : p->plan->steps;
    for (; step && p->result == D1T_OK; step = step->next)
        if (step->kind != D1T_REFUSED && step->kind != D1T_NOTE)
            d1t__step_refuse(p, step, "the table's setup is the user's (D1T_BY_USER): change it by hand, or declare "
                             "what is there");
}

/* Is there anything that a copy could take along? */
D1T__PRIVATE bool d1t__shares_columns(const d1t__item *item) {
    size_t i;
    for (i = 0; i < item->target->column_count; i++)
        if (!item->target->columns[i].generated_sql && d1t__column_of(item->from, item->target->columns[i].name))
            return true;
    return false;
}

D1T__PRIVATE void d1t__compare_table(d1t__planner *p, d1t__item *item) {
    item->empty = item->target && !d1t__shares_columns(item);
    d1t__compare_key(p, item);
    d1t__compare_flag(p, item, D1T_STRICT, "STRICT");
    d1t__compare_flag(p, item, D1T_WITHOUT_ROWID, "WITHOUT ROWID");
    d1t__compare_flag(p, item, D1T_AUTOINCREMENT, "AUTOINCREMENT");
    d1t__compare_columns(p, item);
    d1t__compare_constraints(p, item);
    d1t__compare_indexes(p, item);
    d1t__compare_commands(p, item);
    if (item->touched) d1t__notes(p, item);
}

D1T__PRIVATE void d1t__plan_table(d1t__planner *p, d1t__item *item) {
    d1t_plan_step *before = p->plan->last;
    item->target = d1t__target_of(p, item);
    if (item->have && item->have->kind != D1T_OBJECT_TABLE)
        d1t__refuse(p, item, "! table ", NULL, "D1 has a view or virtual table of this name");
    else if (item->have && !item->from)
        d1t__refuse(p, item, "! table ", NULL, item->have->odd);
    else if (item->have) d1t__compare_table(p, item);
    else d1t__plan_create(p, item);
    if (!(item->to->flags & D1T_BY_USER)) return;
    d1t__refuse_steps(p, before);
    item->rebuild = false;
    item->touched = false;
    if (p->plan->last == before) item->target = NULL;   /* if it has to be made anew, then as it is */
}

/* Recorded once and not declared any more: dropped, unless something still needs it. */
D1T__PRIVATE void d1t__plan_drop(d1t__planner *p, d1t__item *item) {
    const d1t_schema_object *user;
    const d1t__item *child;
    d1t_plan_step *step;
    (void)d1t__step_begin(p, "- table ", item->name, NULL);
    step = d1t__step_end(p, D1T_DROP_TABLE, item, NULL);
    if (!step) return;
    step->effect = D1T_EFFECT_DESTRUCTIVE;
    child = d1t__child_of(p, item, NULL);
    user = d1t__user_of(p, item->name, NULL);
    if (child) d1t__step_refuse(p, step, "a foreign key of another table leads to it");
    else if (user) d1t__step_refuse(p, step, "a view or a trigger of another table uses it: drop or change this first");
    else d1t__compare_commands(p, item);
}

/* Do the columns name a row of the table, so that a foreign key may lead to them? NULL: the key. */
D1T__PRIVATE bool d1t__is_unique(const d1t_table *t, const char *const *names, size_t count) {
    size_t i, k, keys = 0, named = 0;
    for (i = 0; i < t->column_count; i++) {
        if (!(t->columns[i].flags & D1T_KEY)) continue;
        keys++;
        named += !names || d1t__names_have(names, count, t->columns[i].name);
    }
    if (keys == count && named == count) return true;
    for (i = 0; names && i < t->index_count; i++) {
        const d1t_index *x = &t->indexes[i];
        if (!(x->flags & D1T_UNIQUE) || x->where_sql || x->terms_sql || x->column_count != count) continue;
        for (k = 0; k < count && d1t__names_have(names, count, x->columns[k]); k++) {}
        if (k == count) return true;
    }
    return false;
}

/* SQLite takes a foreign key that leads to no key, and then refuses every row. */
D1T__PRIVATE void d1t__check_foreign_keys(d1t__planner *p, d1t__item *child) {
    const d1t_table *t = child->drop ? NULL : child->target ? child->target : child->from;
    size_t f;
    for (f = 0; t && f < t->foreign_key_count && p->result == D1T_OK; f++) {
        const d1t_foreign_key *key = &t->foreign_keys[f];
        d1t__item *parent = d1t__item_of(p, key->parent);
        const d1t_table *to = !parent ? NULL : parent->target ? parent->target : parent->from;
        if (!to || parent->drop || !(child->touched || parent->touched)) continue;
        if (!d1t__is_unique(to, key->parent_columns, key->column_count))
            d1t__refuse(p, parent, "! key of ", NULL, child->to ?
                        "a foreign key leads to columns that are neither its key nor UNIQUE" :
                        "a foreign key of a table that is not declared leads to what would not be its key");
    }
}

/* Was it set up by this program, and is it still its affair? */
D1T__PRIVATE bool d1t__is_ours(const d1t_schema_record *record) {
    return record && !(record->state->flags & D1T_BY_USER);
}

D1T__PRIVATE void d1t__mark_drops(d1t__planner *p) {
    size_t i;
    for (i = 0; i < p->item_count && p->plan->desc.prune; i++)
        if (!p->items[i].to) p->items[i].drop = d1t__is_ours(d1t__record_of(p, &p->items[i]));
}

/* ---- the statements */

D1T__PRIVATE void d1t__write_pair(d1t_writer *w, size_t i, const char *name, const char *sql) {
    d1t_write_text(w, i ? ",[" : "[[");
    d1t_write_json_string(w, d1t_cstr(name));
    d1t_write_text(w, ",");
    d1t_write_json_string(w, d1t_cstr(sql));
    d1t_write_text(w, "]");
}

/* Aborts the batch if the schema is not the one that was planned for: another version of the record, something that
   came or went, or another text of what the plan touches: tables, and what is made again word for word after a rebuild,
   the marked views and triggers, and indexes. marks NULL: nothing is. */
D1T__PRIVATE void d1t__write_guard_list(d1t__planner *p, const bool *marks, d1t_value *arg) {
    d1t_writer *w = d1t__text_begin(p);
    const d1t_schema_object *o;
    const char *list;
    size_t i, n = 0;
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].have && (p->items[i].touched || p->items[i].member || p->items[i].drop))
            d1t__write_pair(w, n++, p->items[i].have->name, p->items[i].have->sql);
    for (o = p->schema->objects, i = 0; o && marks; o = o->next, i++)
        if (marks[i] || (o->kind == D1T_OBJECT_INDEX && d1t__member_of(p, o->owner)))
            d1t__write_pair(w, n++, o->name, o->sql);
    d1t_write_text(w, n ? "]" : "[]");
    list = d1t__text_end(p);
    *arg = d1t_text(list);
}

D1T__PRIVATE void d1t__guard(d1t__planner *p, const bool *marks) {
    d1t_value *arg = (d1t_value *)d1t__planner_take(p, sizeof *arg);
    d1t_writer *w;
    if (!arg) return;
    d1t__statement(p, "CREATE TABLE IF NOT EXISTS `_d1t_setup`(`name` TEXT NOT NULL PRIMARY KEY,`version` INTEGER NOT "
                      "NULL,"
                      "`state` TEXT) WITHOUT ROWID");
    d1t__write_guard_list(p, marks, arg);
    w = d1t__text_begin(p);
    d1t_write_text(w, "SELECT json_extract('{}','d1t conflict') WHERE coalesce((SELECT `version` FROM `_d1t_setup` "
                      "WHERE `name`=''),0)<>");
    d1t_write_uint(w, p->schema->version);
    d1t_write_text(w, " OR (SELECT coalesce(sum(1048576+length(CAST(m.sql AS BLOB))),0) FROM sqlite_schema m WHERE "
                      D1T__USER_OBJECTS("m") ")<>");
    d1t_write_uint(w, p->schema->shape);
    d1t_write_text(w, " OR EXISTS (SELECT 1 FROM json_each(?1) e WHERE NOT EXISTS (SELECT 1 FROM sqlite_schema s WHERE "
                      "s.name=e.value->>0 AND s.sql=e.value->>1))");
    d1t__statement_args(p, d1t__text_end(p), arg, 1);
}

/* What leaks from a request to later ones is put back. */
D1T__PRIVATE void d1t__reset_pragmas(d1t__planner *p) {
    d1t__statement(p, "PRAGMA ignore_check_constraints=off");
    d1t__statement(p, "PRAGMA legacy_alter_table=off");
    d1t__statement(p, "PRAGMA recursive_triggers=off");
}

/* What a rebuild breaks on its way is not looked at before the end. */
D1T__PRIVATE void d1t__begin_rebuild(d1t__planner *p) {
    d1t__reset_pragmas(p);
    d1t__statement(p, "PRAGMA defer_foreign_keys=on");
}

/* The table without its hints, as it is recorded. NULL: no memory. */
D1T__PRIVATE const d1t_table *d1t__without_hints(d1t__planner *p, const d1t_table *table) {
    bool hints = table->was != NULL;
    d1t_table *t;
    d1t_column *columns;
    size_t i;
    for (i = 0; i < table->column_count; i++) hints = hints || table->columns[i].was;
    if (!hints) return table;
    t = (d1t_table *)d1t__planner_take(p, sizeof *t);
    columns = (d1t_column *)d1t__planner_take(p, table->column_count * sizeof *columns);
    if (!t || !columns) return NULL;
    *t = *table;
    t->was = NULL;
    t->columns = columns;
    for (i = 0; i < t->column_count; i++) {
        columns[i] = table->columns[i];
        columns[i].was = NULL;
    }
    return t;
}

D1T__PRIVATE const char *d1t__state_json(d1t__planner *p, const d1t_table *table) {
    const d1t_table *t = d1t__without_hints(p, table);
    if (!t) return NULL;
    d1t_table_to_json(t, d1t__text_begin(p));
    return d1t__text_end(p);
}

/* Is this what would be written down now? Nothing is kept of it: most tables are as they were. */
D1T__PRIVATE bool d1t__is_recorded(d1t__planner *p, const d1t_table *table, d1t_str json) {
    const d1t_table *t = d1t__without_hints(p, table);
    p->text.n = 0;
    if (t && d1t_buffer_reserve(&p->text, json.n) != D1T_OK) p->result = D1T_ERR_NOMEM;
    if (p->result != D1T_OK) return false;
    d1t_writer_fixed(&p->w, p->text.p, json.n);
    d1t_table_to_json(t, &p->w);
    return p->w.error == D1T_OK && d1t_str_equal(d1t_bytes(p->text.p, p->w.n), json);
}

D1T__PRIVATE void d1t__record(d1t__planner *p, const d1t_table *t) {
    d1t_value *args = (d1t_value *)d1t__planner_take(p, 2 * sizeof *args);
    const char *json = d1t__state_json(p, t);
    if (!args || !json) return;
    args[0] = d1t_text(d1t__keep_text(p, t->name));
    args[1] = d1t_text(json);
    d1t__statement_args(p, "INSERT INTO `_d1t_setup` VALUES(?1,1,?2) ON CONFLICT(`name`) DO UPDATE SET "
                           "`state`=excluded.`state`", args, 2);
}

/* What is written down of a table that keeps what is not declared: of that only what was written down before. Else
   drift would not show any more what somebody added by hand, and a full-text index that stays would be forgotten. */
D1T__PRIVATE const d1t_table *d1t__kept_state(d1t__planner *p, const d1t__item *item, const d1t_table *was) {
    const d1t_table *to = item->to;
    d1t_table *t = (d1t_table *)d1t__planner_take(p, sizeof *t);
    d1t_column *columns = (d1t_column *)d1t__planner_take(p, item->target->column_count * sizeof *columns + 1);
    d1t_index *indexes =
        (d1t_index *)d1t__planner_take(p, (item->target->index_count + was->index_count) * sizeof *indexes + 1);
    size_t i;
    if (!t || !columns || !indexes) return to;
    *t = *item->target;
    t->columns = columns;
    t->indexes = indexes;
    t->column_count = t->index_count = 0;
    for (i = 0; i < item->target->column_count; i++)
        if (i < to->column_count || d1t__column_of(was, item->target->columns[i].name))
            columns[t->column_count++] = item->target->columns[i];
    for (i = 0; i < item->target->index_count; i++)
        if (i < to->index_count || d1t__index_of(was, &item->target->indexes[i]))
            indexes[t->index_count++] = item->target->indexes[i];
    for (i = 0; i < was->index_count; i++)
        if (d1t__is_fts(&was->indexes[i]) && !d1t__index_of(to, &was->indexes[i]) &&
            d1t__object(p->schema, D1T_OBJECT_VIRTUAL, was->indexes[i].name))
            indexes[t->index_count++] = was->indexes[i];
    return t;
}

D1T__PRIVATE const d1t_table *d1t__state_of(d1t__planner *p, const d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    if (!item->target) return item->to;
    return record && p->plan->desc.keep ? d1t__kept_state(p, item, record->state) : item->target;
}

/* Nothing else changes, but what is written down is not what is declared. Of a table that became the user's that is
   written down, so that it is not dropped when it is no longer declared. */
D1T__PRIVATE void d1t__plan_record(d1t__planner *p, d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    if (item->touched || !item->from || p->plan->desc.drift) return;
    if (item->to->flags & D1T_BY_USER ? !d1t__is_ours(record) : !record && !p->plan->desc.adopt) return;
    if (record && d1t__is_recorded(p, d1t__state_of(p, item), d1t_cstr(record->json))) return;
    (void)d1t__step_begin(p, record ? "= record of " : "= adopt ", item->name, NULL);
    (void)d1t__step_end(p, D1T_RECORD, item, NULL);
}

/* What is written down between the renames and the rest: the table as it is, and what only its record tells, its
   commands and FTS5 indexes. */
D1T__PRIVATE const d1t_table *d1t__renamed_state(d1t__planner *p, const d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    d1t_table *t = (d1t_table *)d1t__planner_take(p, sizeof *t);
    d1t_index *indexes;
    size_t i;
    if (!record || !t) return item->from;
    *t = *item->from;
    t->commands = record->state->commands;
    t->command_count = record->state->command_count;
    indexes = (d1t_index *)d1t__planner_take(p, (t->index_count + record->state->index_count) * sizeof *indexes + 1);
    if (!indexes) return item->from;
    for (i = 0; i < t->index_count; i++) indexes[i] = t->indexes[i];
    for (i = 0; i < record->state->index_count; i++)
        if (d1t__is_fts(&record->state->indexes[i])) indexes[t->index_count++] = record->state->indexes[i];
    t->indexes = indexes;
    return t;
}

D1T__PRIVATE void d1t__next_version(d1t__planner *p) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, "INSERT INTO `_d1t_setup` VALUES('',");
    d1t_write_uint(w, p->schema->version + 1);
    d1t_write_text(w, ",NULL) ON CONFLICT(`name`) DO UPDATE SET `version`=excluded.`version`");
    d1t__statement_end(p);
}

D1T__PRIVATE void d1t__records(d1t__planner *p) {
    size_t i;
    for (i = 0; i < p->item_count && p->result == D1T_OK; i++) {
        const d1t__item *item = &p->items[i];
        bool moved = item->have && !d1t__same_name(item->have->name, item->name);
        bool drop = item->drop && !p->renames;  /* not yet, if renames go first */
        if ((drop || moved) && d1t__record_of(p, item)) d1t__forget_record(p, item->have->name);
        if (p->renames ? item->renamed : item->touched && item->to)
            d1t__record(p, p->plan->more ? d1t__renamed_state(p, item) : d1t__state_of(p, item));
    }
    d1t__next_version(p);
}

/* Is a step planned for this column or index of the table? */
D1T__PRIVATE const d1t_plan_step *d1t__step_of(const d1t__planner *p, const d1t__item *item, d1t_step_kind kind,
                                               const char *name) {
    const d1t_plan_step *s;
    for (s = p->plan->steps; s; s = s->next)
        if (s->kind == kind && s->table == item->name && d1t__same_name(s->name ? s->name : "", name)) return s;
    return NULL;
}

D1T__PRIVATE void d1t__drop_index(d1t__planner *p, const d1t_index *x) {
    unsigned part;
    for (part = 0; part < 3 && d1t__is_fts(x); part++) {
        const char *name;
        d1t__fts_trigger_name(d1t__text_begin(p), x, part);
        name = d1t__text_end(p);
        if (name) d1t__statement_name(p, "DROP TRIGGER IF EXISTS ", name, "");
    }
    d1t__statement_name(p, d1t__is_fts(x) ? "DROP TABLE IF EXISTS " : "DROP INDEX IF EXISTS ", x->name, "");
}

/* Is the FTS5 index that was recorded of no use any more? */
D1T__PRIVATE bool d1t__fts_goes(d1t__planner *p, const d1t__item *item, const d1t_index *x) {
    const d1t_index *now = item->to ? d1t__index_of(item->to, x) : NULL;
    if (!d1t__is_fts(x) || !d1t__has_fts(p, item, x->name)) return false;
    return item->drop || d1t__step_of(p, item, D1T_DROP_INDEX, x->name) || (now && !d1t__is_fts(now));
}

/* Indexes that change or go; those of a table that is made anew go with it. */
D1T__PRIVATE void d1t__drop_indexes(d1t__planner *p, const d1t__item *item) {
    const d1t_schema_record *record = d1t__record_of(p, item);
    size_t i;
    for (i = 0; item->from && i < item->from->index_count && !item->member; i++) {
        const d1t_index *x = &item->from->indexes[i];
        if (x->name && (d1t__step_of(p, item, D1T_CREATE_INDEX, x->name) ||
                        d1t__step_of(p, item, D1T_DROP_INDEX, x->name)))
            d1t__drop_index(p, x);
    }
    for (i = 0; item->to && i < item->to->index_count; i++) {
        const d1t_index *x = &item->to->indexes[i];
        if (d1t__is_fts(x) && (item->from || d1t__has_fts(p, item, x->name)) &&
            d1t__step_of(p, item, D1T_CREATE_INDEX, x->name))
            d1t__drop_index(p, x);
    }
    for (i = 0; record && i < record->state->index_count; i++)
        if (d1t__fts_goes(p, item, &record->state->indexes[i])) d1t__drop_index(p, &record->state->indexes[i]);
}

/* An FTS5 index gets the text of the rows that are there. */
D1T__PRIVATE void d1t__index_all_text(d1t__planner *p, const d1t_index *x) {
    d1t_writer *w = d1t__text_begin(p);
    d1t_write_text(w, "INSERT INTO ");
    d1t_write_name(w, x->name);
    d1t_write_text(w, "(");
    d1t_write_name(w, x->name);
    d1t_write_text(w, ") VALUES('rebuild')");
    d1t__statement_end(p);
}

/* Does an FTS5 index that stays have text that the table, made anew, has not? */
D1T__PRIVATE bool d1t__has_old_text(const d1t__planner *p, const d1t__item *item, const d1t_index *x) {
    const d1t__tally *count;
    size_t i;
    for (count = p->counts; count; count = count->next)
        if (count->item == item && count->step && (!p->counted || item->chunk || count->rows)) return true;
    for (i = 0; i < x->column_count && item->rebuild; i++) {
        const d1t_column *c = d1t__column_of(item->target, x->columns[i]);
        if (c && c->generated_sql) return true;
    }
    return false;
}

D1T__PRIVATE void d1t__make_index(d1t__planner *p, const d1t__item *item, const d1t_index *x) {
    unsigned part, parts = d1t__is_fts(x) ? 4 : 1;
    for (part = 0; part < parts; part++) {
        d1t__write_index_part(d1t__text_begin(p), item->target, x, part);
        d1t__statement_end(p);
    }
    if (d1t__is_fts(x) && item->have) d1t__index_all_text(p, x);
}

/* The texts in the schema of the indexes of a table that is made anew for another one's sake, and of those that
   belong to commands. */
D1T__PRIVATE void d1t__make_same_indexes(d1t__planner *p, const d1t__item *item) {
    const d1t_schema_object *o;
    for (o = p->schema->objects; o; o = o->next)
        if (o->kind == D1T_OBJECT_INDEX && d1t__same_name(o->owner, item->have->name) &&
            (!item->target || (d1t__is_of_command(p, item, o->name) && !d1t__is_torn_down(p, o))))
            d1t__statement(p, d1t__keep_text(p, o->sql));
}

D1T__PRIVATE void d1t__make_indexes(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->target;
    size_t i;
    if (item->member) d1t__make_same_indexes(p, item);
    for (i = 0; t && i < t->index_count; i++) {
        const d1t_index *x = &t->indexes[i];
        if (x->name && ((item->member && !d1t__is_fts(x)) || d1t__step_of(p, item, D1T_CREATE_INDEX, x->name)))
            d1t__make_index(p, item, x);
        else if (item->member && d1t__is_fts(x) && d1t__has_old_text(p, item, x)) d1t__index_all_text(p, x);
    }
}

/* A trigger of an FTS5 index that is made anew, or dropped, in this plan. */
D1T__PRIVATE bool d1t__is_remade_trigger(d1t__planner *p, const d1t_schema_object *o) {
    const d1t__item *item = d1t__item_of(p, o->owner);
    const d1t_schema_record *record = item ? d1t__record_of(p, item) : NULL;
    size_t i;
    for (i = 0; item && item->to && i < item->to->index_count; i++) {
        const d1t_index *x = &item->to->indexes[i];
        if (d1t__is_trigger_of(x, o) && d1t__step_of(p, item, D1T_CREATE_INDEX, x->name)) return true;
    }
    for (i = 0; record && i < record->state->index_count; i++) {
        const d1t_index *x = &record->state->indexes[i];
        if (d1t__is_trigger_of(x, o) && d1t__step_of(p, item, D1T_DROP_INDEX, x->name)) return true;
    }
    return false;
}

/* ALTER TABLE, where that is enough: adds columns, or drops some. */
D1T__PRIVATE void d1t__alter(d1t__planner *p, const d1t__item *item, d1t_step_kind kind) {
    const d1t_plan_step *s;
    d1t_writer *w;
    for (s = p->plan->steps; s && !item->member; s = s->next) {
        if (s->table != item->name || s->kind != kind) continue;
        w = d1t__text_begin(p);
        d1t_write_text(w, "ALTER TABLE ");
        d1t_write_name(w, item->name);
        d1t_write_text(w, kind == D1T_ADD_COLUMN ? " ADD COLUMN " : " DROP COLUMN ");
        if (kind == D1T_ADD_COLUMN) d1t_write_column(w, item->to, d1t__column_of(item->to, s->name));
        else d1t_write_name(w, s->name);
        d1t__statement_end(p);
    }
}

D1T__PRIVATE void d1t__create_tables(d1t__planner *p) {
    const d1t_table *t;
    size_t i;
    for (i = 0; i < p->item_count; i++) {
        if (p->items[i].have || !p->items[i].touched) continue;
        t = d1t__with_new_parents(p, p->items[i].to);
        if (!t) return;
        d1t_write_create_table(d1t__text_begin(p), t);
        d1t__statement_end(p);
    }
}

/* Has the table steps, so that a copy of it that is not among them goes? */
D1T__PRIVATE bool d1t__is_changed(const d1t__item *item) {
    return item->drop || item->member || item->touched;
}

/* Is a copy that was begun of no use any more? One of a table that is not declared is another program's affair, and
   d1t_setup leaves it alone if it has nothing to do. */
D1T__PRIVATE bool d1t__is_leftover(const d1t__planner *p, const d1t__item *item) {
    if (!item) return true;
    if (d1t__is_changed(item)) return !item->chunk;
    return item->to && !p->plan->desc.keep;
}

/* Copies of tables that have no other steps. */
D1T__PRIVATE void d1t__plan_leftovers(d1t__planner *p) {
    const d1t__copy *c;
    for (c = p->schema->copies; c && p->result == D1T_OK && !p->plan->desc.drift; c = c->next) {
        d1t__item *item = d1t__item_of(p, c->table), gone;
        if (!d1t__is_leftover(p, item) || (item && d1t__is_changed(item))) continue;
        D1T_MEMSET(&gone, 0, sizeof gone);      /* the table itself has no step */
        gone.name = item ? item->name : d1t__keep_text(p, c->table);
        if (!gone.name) return;
        (void)d1t__step_begin(p, "= drop the unfinished copy of ", gone.name, NULL);
        (void)d1t__step_end(p, D1T_RECORD, &gone, NULL);
    }
}

D1T__PRIVATE void d1t__drop_leftovers(d1t__planner *p) {
    const d1t__copy *c;
    for (c = p->schema->copies; c && p->result == D1T_OK; c = c->next)
        if (d1t__is_leftover(p, d1t__item_of(p, c->table))) d1t__drop_copy(p, c->table);
}

/* The next request of the rebuilds that are split. False: all rows are copied. */
D1T__PRIVATE bool d1t__write_split(d1t__planner *p) {
    bool more = false;
    size_t i;
    d1t__begin_rebuild(p);
    d1t__guard(p, NULL);
    for (i = 0; i < p->item_count && !more; i++) more = p->items[i].chunk && d1t__copy_on(p, &p->items[i]);
    if (more) d1t__next_version(p);
    return more;
}

/* All statements, in the one order that works; see >>rebuild. */
D1T__PRIVATE void d1t__write_plan(d1t__planner *p) {
    d1t__dependents dependents = {NULL, false};
    bool drops = false;
    size_t i;
    p->plan->statements = NULL;
    p->plan->statement_count = 0;
    for (i = 0; i < p->item_count; i++) drops = drops || p->items[i].drop;
    if ((p->rebuilds || drops) && !d1t__find_dependents(p, &dependents)) return;
    if (p->rebuilds || drops) d1t__begin_rebuild(p);
    d1t__guard(p, dependents.marks);
    d1t__drop_leftovers(p);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].touched) d1t__tear_down(p, &p->items[i]);
    if (dependents.any) d1t__drop_dependents(p, &dependents);
    d1t__create_tables(p);  /* rows that are copied may reference them */
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].touched && p->items[i].have) d1t__alter(p, &p->items[i], D1T_ADD_COLUMN);
    if (p->rebuilds || drops) d1t__rebuild_members(p);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].touched) d1t__drop_indexes(p, &p->items[i]);    /* tables that go may have referenced them */
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].touched && p->items[i].have) d1t__alter(p, &p->items[i], D1T_DROP_COLUMN);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].chunk) d1t__drop_copy(p, p->items[i].name);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].touched || p->items[i].member) d1t__make_indexes(p, &p->items[i]);
    if (dependents.any) d1t__make_dependents(p, &dependents);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].touched) d1t__run_commands(p, &p->items[i]);
    for (i = 0; i < p->item_count; i++)
        if (p->items[i].member) d1t__check_copy(p, &p->items[i]);
    d1t__records(p);
}

/* The renames alone: what they turn the texts of indexes, views and triggers into is known when it is read again. */
D1T__PRIVATE void d1t__write_renames(d1t__planner *p) {
    d1t_statement *list = p->plan->statements;
    size_t count = p->plan->statement_count, i;
    p->plan->statements = NULL;
    p->plan->statement_count = 0;
    d1t__reset_pragmas(p);
    d1t__guard(p, NULL);
    for (i = 0; i < count; i++) d1t__statement(p, list[i].sql);
    d1t__records(p);
}

/* ---- what has to be counted */

/* The key as a JSON array, which holds no blobs: those in hexadecimal. */
D1T__PRIVATE void d1t__write_count_key(d1t_writer *w, const d1t_table *t) {
    const d1t_column *key;
    size_t i;
    d1t_write_text(w, "json_array(");
    for (i = 0; (key = d1t__key_column(t, i)) != NULL; i++) {
        d1t_write_text(w, i ? ",iif(typeof(" : "iif(typeof(");
        d1t_write_name(w, key->name);
        d1t_write_text(w, ")='blob',hex(");
        d1t_write_name(w, key->name);
        d1t_write_text(w, "),");
        d1t_write_name(w, key->name);
        d1t_write_text(w, ")");
    }
    d1t_write_text(w, ")");
}

/* Rows that a new key cannot hold: all but one for each of its values. */
D1T__PRIVATE void d1t__write_key_count(d1t__planner *p, d1t_writer *w, const d1t__item *item) {
    const d1t_column *key;
    size_t i, n = 0;
    d1t_write_text(w, "SELECT (SELECT count(*) FROM ");
    d1t_write_name(w, item->have->name);
    d1t_write_text(w, ")-count(*),NULL FROM (SELECT 1 FROM ");
    d1t_write_name(w, item->have->name);
    d1t_write_text(w, " WHERE true");
    d1t__write_has_key(w, item);
    d1t_write_text(w, " GROUP BY ");
    for (i = 0; (key = d1t__key_column(item->target, i)) != NULL; i++) {
        const char *name = d1t__old_name(item, key->name);
        if (!d1t__column_of(item->from, key->name)) continue;
        if (n++) d1t_write_text(w, ",");
        if (d1t__count_of(p, D1T__COUNT_TYPE, item, key)) d1t__write_converted(w, item->target, key, name, true);
        else d1t_write_name(w, name);
        d1t_write_text(w, " COLLATE ");
        d1t_write_text(w, d1t__collation(key));
    }
    d1t_write_text(w, n ? ")" : "'')");
}

/* One statement for each count: how many, and the key of one of them. */
D1T__PRIVATE void d1t__write_counts(d1t__planner *p) {
    const d1t__tally *c;
    size_t n = 0;
    p->queries = (d1t_statement *)d1t__planner_take(p, p->count_count * sizeof *p->queries + 1);
    for (c = p->counts; c && p->result == D1T_OK; c = c->next) {
        d1t_writer *w = d1t__text_begin(p);
        if (c->kind == D1T__COUNT_KEY) {
            d1t__write_key_count(p, w, c->item);
        } else {
            d1t_write_text(w, "SELECT count(*),max(");
            if (c->kind == D1T__COUNT_ROWS) d1t_write_text(w, "NULL");
            else d1t__write_count_key(w, c->item->have->table);
            d1t_write_text(w, ") FROM ");
            d1t_write_name(w, c->item->have->name);
            d1t__write_count_condition(w, c);
        }
        p->queries[n++].sql = d1t__text_end(p);
    }
}

/* What a count means for its step. */
D1T__PRIVATE void d1t__settle_count(d1t__planner *p, const d1t__tally *c) {
    d1t_plan_step *step = c->step;
    bool fills = c->column && d1t__has_filler(c->column), missing = step && step->kind == D1T_ADD_COLUMN;
    if (c->kind == D1T__COUNT_ROWS && !c->column) {
        c->item->rows = c->rows;
        c->item->has_rows = true;
    }
    if (!step || step->kind == D1T_REFUSED) return;
    step->rows = c->rows;
    if (c->item->empty && c->step->kind != D1T_CHANGE_TABLE) {
        step->rows = 0;
        step->effect = D1T_EFFECT_NONE;
    } else if (missing) {
        if (c->rows) d1t__step_refuse(p, step, "the table has rows, and the column is NOT NULL without a default; give "
                                      "it a default, or let it be NULL");
    } else if (c->rows == 0) {
        step->effect = D1T_EFFECT_NONE;
    } else if (c->kind == D1T__COUNT_NULL && !fills) {
        d1t__step_refuse(p, step, "rows have no value there, and there is no default");
    } else if (c->kind == D1T__COUNT_TYPE && d1t__not_null(c->column) && !fills) {
        d1t__step_refuse(p, step, "values are not of the new type, and the column can be neither NULL nor a default");
    }
}

/* ---- the end of a plan: lines, effect, cost */

/* Rows of the table itself and of its indexes that one row costs. */
D1T__PRIVATE uint64_t d1t__writes_per_row(const d1t_table *t) {
    const d1t_column *key = d1t__key_column(t, 0);
    uint64_t n = 1;
    size_t i;
    for (i = 0; i < t->index_count; i++) n += d1t__is_fts(&t->indexes[i]) ? 0u : 1u;
    return n + (!(t->flags & D1T_WITHOUT_ROWID) && key && !d1t__is_rowid(t, key));
}

/* What a row costs besides where its table references itself or one that is copied later: an entry in an index on the
   new and one on the old table, the UPDATE that lets go, with an entry in each index, and the DELETE that DROP is. */
D1T__PRIVATE uint64_t d1t__writes_to_let_go(d1t__planner *p, const d1t__item *item) {
    const d1t_table *t = item->from;
    const d1t_column *c;
    uint64_t n = 0;
    size_t f, i;
    for (f = 0; t && f < t->foreign_key_count; f++) {
        if (!d1t__leads_back(p, item, &t->foreign_keys[f])) continue;
        n += 5;
        c = d1t__nullable_of(t, &t->foreign_keys[f]);
        for (i = 0; c && i < t->index_count; i++)
            if (d1t__names_have(t->indexes[i].columns, t->indexes[i].column_count, c->name)) n++;
    }
    return n;
}

D1T__PRIVATE void d1t__estimate_rebuild(d1t__planner *p, d1t_plan_step *s, d1t__item *root) {
    size_t i;
    d1t__flood(p, root);
    for (i = 0; i < p->item_count; i++) {
        d1t__item *member = &p->items[i];
        const d1t_table *t = member->target ? member->target : member->from;
        if (!member->listed || !member->has_rows || member->empty || !t) continue;
        s->rows += member->rows;
        s->written += member->rows * (d1t__writes_per_row(t) + d1t__writes_to_let_go(p, member));
        member->has_rows = false;   /* counts once */
    }
}

D1T__PRIVATE void d1t__estimate(d1t__planner *p) {
    d1t_estimate *e = &p->plan->estimate;
    d1t_plan_step *s;
    D1T_MEMSET(e, 0, sizeof *e);
    e->counted = p->counted;
    for (s = p->plan->steps; s && p->counted; s = s->next) {
        d1t__item *item = d1t__item_of(p, s->table);
        if (!item || (item->member && s->kind != D1T_REBUILD_TABLE)) continue;
        if (s->kind == D1T_REBUILD_TABLE) d1t__estimate_rebuild(p, s, item);
        else if (s->kind == D1T_CREATE_INDEX || s->kind == D1T_DROP_COLUMN) s->written = item->rows;
        e->rows_copied += s->kind == D1T_REBUILD_TABLE ? s->rows : 0;
        e->rows_read += s->kind == D1T_REBUILD_TABLE ? s->rows * 2 : s->written;
        e->rows_written += s->written;
    }
    e->cost = e->rows_written * 1000 + e->rows_read;
}

/* "1,204,300" */
D1T__PRIVATE void d1t__write_grouped(d1t_writer *w, uint64_t v) {
    char digits[24];
    size_t n = d1t_format_uint(digits, v), i;
    for (i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) d1t_write_text(w, ",");
        d1t_write(w, d1t_bytes(digits + i, 1));
    }
}

/* 10^-9 dollars as dollars and cents, rounded up. */
D1T__PRIVATE void d1t__write_dollars(d1t_writer *w, uint64_t cost) {
    uint64_t cents = cost / 10000000u + (cost % 10000000u != 0);
    d1t_write_text(w, "about $");
    d1t__write_grouped(w, cents / 100);
    d1t_write_text(w, cents % 100 < 10 ? ".0" : ".");
    d1t_write_uint(w, cents % 100);
}

/* The table that a step rebuilds; NULL: it does something else. */
D1T__PRIVATE d1t__item *d1t__rebuilt_by(d1t__planner *p, const d1t_plan_step *s) {
    return s->kind == D1T_REBUILD_TABLE ? d1t__item_of(p, s->table) : NULL;
}

/* How many requests a rebuild takes that is split. */
D1T__PRIVATE void d1t__write_requests(d1t__planner *p, d1t_writer *w, const d1t_plan_step *s) {
    const d1t__item *item = d1t__rebuilt_by(p, s);
    if (!item || !item->chunk) return;
    d1t_write_text(w, ", in about ");
    d1t__write_grouped(w, s->rows / item->chunk + 2);
    d1t_write_text(w, " requests");
}

/* Text, effect, and what is known of the rows, in columns. */
D1T__PRIVATE void d1t__write_line(d1t__planner *p, d1t_plan_step *s) {
    static const char *const effects[] = {"none", "lossy", "destructive"};
    static const char blanks[] = "                                                ";
    d1t_writer *w = d1t__text_begin(p);
    size_t n = d1t__strlen(s->text);
    d1t_write_text(w, s->text);
    if (s->kind != D1T_REFUSED && s->kind != D1T_NOTE) {
        d1t_write_text(w, blanks + (n < sizeof blanks - 1 ? n : sizeof blanks - 1));
        d1t_write_text(w, "  ");
        d1t_write_text(w, effects[s->effect]);
    }
    if (s->written) {
        d1t_write_text(w, ", ");
        d1t__write_grouped(w, s->written);
        d1t_write_text(w, " rows written, ");
        d1t__write_dollars(w, s->written * 1000);
        d1t__write_requests(p, w, s);
    } else if (s->rows && (s->kind == D1T_CHANGE_COLUMN || s->kind == D1T_CHANGE_TABLE)) {
        d1t_write_text(w, ", ");
        d1t__write_grouped(w, s->rows);
        d1t_write_text(w, s->kind == D1T_CHANGE_COLUMN ? " values do not survive" : " rows go");
    }
    s->line = d1t__text_end(p);
}

D1T__PRIVATE void d1t__refuse_size(d1t__planner *p, d1t_plan_step *s, const char *whole) {
    d1t_writer *w = d1t__text_begin(p);
    const char *why;
    d1t_write_text(w, "it would write more rows than one request should (limit rebuild); see the estimate, and raise "
                      "the limit if D1 is known to manage it in 30 seconds");
    d1t_write_text(w, whole ? "; it cannot be split: " : ", or plan with split");
    if (whole) d1t_write_text(w, whole);
    why = d1t__text_end(p);
    if (why) d1t__step_refuse(p, s, why);
}

/* A rebuild that is split writes a quarter of the limit at a time. */
D1T__PRIVATE void d1t__split(d1t__planner *p, d1t__item *item, uint64_t rows) {
    uint64_t chunk = p->limits.rebuild / 4 / d1t__writes_per_row(item->target);
    item->chunk = chunk ? (uint32_t)chunk : 1;
    p->plan->estimate.requests += (uint32_t)(rows / item->chunk) + 1;
}

/* A batch that writes more than D1 does in its 30 seconds is not tried: what can be split is, if that was asked for. */
D1T__PRIVATE void d1t__check_size(d1t__planner *p) {
    uint64_t written = p->plan->estimate.rows_written;
    bool split = p->plan->desc.split;
    d1t_plan_step *s;
    if (written <= p->limits.rebuild) return;
    for (s = p->plan->steps; s && split; s = s->next) {
        d1t__item *item = d1t__rebuilt_by(p, s);
        if (!item || !s->rows || d1t__why_whole(p, item)) continue;
        d1t__split(p, item, s->rows);
        written -= s->written;
    }
    for (s = p->plan->steps; s && p->result == D1T_OK && written > p->limits.rebuild; s = s->next) {
        const d1t__item *item = d1t__rebuilt_by(p, s);
        if (item && !item->chunk) d1t__refuse_size(p, s, split ? d1t__why_whole(p, item) : NULL);
        else if (!item && s->written) d1t__refuse_size(p, s, "SQLite does this in one statement");
    }
}

D1T__PRIVATE d1t_change d1t__change_of(const d1t_plan *plan) {
    const d1t_plan_step *s, *whole = NULL;    /* the table that is made or goes, with its indexes and commands */
    bool creates = false, drops = false, others = false;
    if (plan->refused) return D1T_CHANGE_INVALID;
    for (s = plan->steps; s; s = s->next) {
        if (s->kind == D1T_NOTE) continue;
        if (s->kind == D1T_CREATE_TABLE || s->kind == D1T_DROP_TABLE) whole = s;
        if (s->kind == D1T_CREATE_TABLE) creates = true;
        else if (s->kind == D1T_DROP_TABLE) drops = true;
        else others = others || !whole || !d1t__same_name(s->table, whole->table);
    }
    if (creates || drops || others)
        return others || (creates && drops) ? D1T_CHANGE_UPDATE : creates ? D1T_CHANGE_CREATE : D1T_CHANGE_DELETE;
    return D1T_CHANGE_NONE;
}

D1T__PRIVATE void d1t__finish_steps(d1t__planner *p) {
    d1t_plan *plan = p->plan;
    d1t_plan_step *s;
    for (s = plan->steps; s && p->result == D1T_OK; s = s->next) {
        d1t__write_line(p, s);
        if (s->kind == D1T_NOTE) continue;
        plan->step_count++;
        plan->refused += s->kind == D1T_REFUSED;
        plan->more = plan->more || (s->kind != D1T_RENAME_TABLE && s->kind != D1T_RENAME_COLUMN);
        if (s->effect > plan->effect) plan->effect = s->effect;
    }
    plan->more = plan->more && p->renames;
    plan->change = d1t__change_of(plan);
}

/* The last part, when the counts are in (or are not asked for). Gives back the memory of the planner. */
D1T__PRIVATE d1t_result d1t__plan_finish(d1t__planner *p) {
    d1t_plan *plan = p->plan;
    const d1t__tally *c;
    for (c = p->counts; c && p->counted; c = c->next) d1t__settle_count(p, c);
    d1t__estimate(p);
    d1t__check_size(p);
    d1t__finish_steps(p);
    plan->estimate.requests += plan->step_count ? 1u + plan->more : 0u;
    if (plan->refused || plan->step_count == 0) plan->statement_count = 0;
    else if (p->renames) d1t__write_renames(p);
    else if (plan->desc.split && d1t__write_split(p)) plan->more = true;
    else d1t__write_plan(p);
    d1t_buffer_free(&p->text);
    return p->result;
}

/* ---- the differ as a whole */

/* Drift: what was recorded is what is compared. */
D1T__PRIVATE d1t_result d1t__recorded_tables(d1t__planner *p, d1t_error *error) {
    d1t_plan_desc *desc = &p->plan->desc;
    const d1t_schema_record *r;
    const d1t_table **tables;
    size_t count = 0;
    d1t_result result = D1T_OK;
    for (r = p->schema->records; r; r = r->next) count++;
    if (count == 0)
        return d1t__fail(error, D1T_ERR_SCHEMA, "nothing is recorded in this database yet: apply or adopt tables first",
                         NULL, NULL);
    tables = (const d1t_table **)d1t__planner_take(p, count * sizeof *tables);
    if (!tables) return D1T_ERR_NOMEM;
    desc->tables = tables;
    desc->count = count;
    for (r = p->schema->records; r && result == D1T_OK; r = r->next)   /* a copy: the plan outlives the schema */
        result = d1t_table_from_json(d1t_cstr(r->json), &p->plan->arena, &tables[--count], NULL);
    return result;
}

/* Why two declarations cannot stand side by side; NULL: they can. */
D1T__PRIVATE const char *d1t__clash(const d1t_table *later, const d1t_table *earlier) {
    if (d1t__same_name(later->name, earlier->name)) return "two different declarations have this name";
    if (later->was && (d1t__same_name(later->was, earlier->name) || d1t__same_name(later->was, earlier->was)))
        return "the name that it had is that of another declaration, or another one had it too";
    if (d1t__same_name(earlier->was, later->name)) return "another declaration had this name";
    return NULL;
}

D1T__PRIVATE d1t_result d1t__check_declared(const d1t_plan_desc *desc, const d1t_limits *limits, d1t_error *error) {
    d1t_result result = D1T_OK;
    d1t__seen seen;
    bool maybe;
    size_t i, k;
    D1T_MEMSET(&seen, 0, sizeof seen);
    for (i = 0; i < desc->count && result == D1T_OK; i++) {
        result = d1t_table_check(desc->tables[i], limits, error);
        if (result != D1T_OK) break;
        maybe = d1t__seen_before(&seen, desc->tables[i]->name);
        if (desc->tables[i]->was) maybe = d1t__seen_before(&seen, desc->tables[i]->was) || maybe;
        for (k = 0; k < i && maybe && result == D1T_OK; k++) {
            const char *why = d1t__clash(desc->tables[i], desc->tables[k]);
            if (why) result = d1t__fail_table(error, D1T_ERR_TABLE, desc->tables[i], NULL, why);
        }
    }
    return result;
}

/* The first part: what differs, and what has to be counted. NULL: *result says why. */
D1T__PRIVATE d1t__planner *d1t__plan_begin(d1t_plan *plan, const d1t_schema *schema, const d1t_limits *limits,
                                           d1t_result *result, d1t_error *error) {
    d1t__planner *p = (d1t__planner *)d1t_arena_take(schema->arena, sizeof *p);
    size_t i;
    *result = D1T_ERR_NOMEM;
    if (!p || !d1t__directory_of_objects(&p->objects, schema) || !d1t__directory_of_records(&p->records, schema))
        return NULL;
    p->plan = plan;
    p->schema = schema;
    p->limits = *limits;
    d1t_buffer_init(&p->text, plan->arena.allocator, 4u << 20);
    *result = plan->desc.drift ? d1t__recorded_tables(p, error) : d1t__check_declared(&plan->desc, limits, error);
    if (*result != D1T_OK) return NULL;
    d1t__add_items(p);
    d1t__mark_drops(p);
    for (i = 0; i < plan->desc.count && p->result == D1T_OK; i++) d1t__plan_renames(p, &p->items[i]);
    for (i = 0; i < plan->desc.count && p->result == D1T_OK; i++) d1t__plan_table(p, &p->items[i]);
    for (i = 0; i < p->item_count && p->result == D1T_OK; i++)
        if (p->items[i].drop) d1t__plan_drop(p, &p->items[i]);
    for (i = 0; i < p->item_count && p->result == D1T_OK; i++) d1t__check_foreign_keys(p, &p->items[i]);
    d1t__find_members(p);
    for (i = 0; i < plan->desc.count && p->result == D1T_OK; i++) d1t__plan_record(p, &p->items[i]);
    d1t__plan_leftovers(p);
    d1t__write_counts(p);
    *result = p->result;
    if (p->result != D1T_OK) d1t_buffer_free(&p->text);
    return p->result == D1T_OK ? p : NULL;
}

D1TDEF d1t_result d1t_plan_diff(d1t_plan *plan, const d1t_schema *schema, const d1t_plan_desc *desc, d1t_error *error) {
    d1t_limits limits = d1t_limits_default();
    d1t__planner *p;
    d1t_result result;
    if (!plan->arena.chunks && !plan->arena.allocator.fn) d1t_arena_init(&plan->arena, schema->arena->allocator, 0);
    plan->desc = *desc;
    p = d1t__plan_begin(plan, schema, &limits, &result, error);
    if (p) result = d1t__plan_finish(p);
    if (result == D1T_ERR_NOMEM) d1t__fail(error, result, "no memory for the plan", NULL, NULL);
    if (result == D1T_ERR_LIMIT)
        d1t__fail(error, result, "a statement of the plan is longer than D1 allows", NULL, NULL);
    return result;
}

D1TDEF void d1t_plan_print(const d1t_plan *plan, void (*put_line)(void *ctx, const char *line), void *ctx) {
    const d1t_plan_step *step;
    for (step = plan->steps; step; step = step->next) put_line(ctx, step->line);
}

D1T__PRIVATE const char *d1t__step_word(d1t_step_kind kind) {
    static const char *const words[] = {
        "", "create table", "add column", "create index", "refused", "drop table", "rename table", "rebuild table",
        "drop column", "rename column", "change column", "change table", "drop index", "command", "record", "note"};
    return words[kind];
}

D1T__PRIVATE void d1t__member_uint(d1t_writer *w, const char *key, uint64_t v) {
    d1t__member_key(w, key);
    d1t_write_uint(w, v);
}

D1TDEF void d1t_plan_to_json(const d1t_plan *plan, d1t_writer *w) {
    static const char *const changes[] = {"none", "create", "update", "delete", "invalid"};
    static const char *const effects[] = {"none", "lossy", "destructive"};
    const d1t_plan_step *s;
    const d1t_estimate *e = &plan->estimate;
    size_t i;
    d1t_write_text(w, "{\"version\":1");
    d1t__member_text(w, "change", changes[plan->change]);
    d1t__member_text(w, "effect", effects[plan->effect]);
    d1t__member_uint(w, "refused", plan->refused);
    d1t_write_text(w, ",\"steps\":[");
    for (s = plan->steps; s; s = s->next) {
        d1t_write_text(w, s == plan->steps ? "{\"kind\":" : ",{\"kind\":");
        d1t_write_json_string(w, d1t_cstr(d1t__step_word(s->kind)));
        d1t__member_text(w, "effect", effects[s->effect]);
        d1t__member_text(w, "table", s->table);
        d1t__member_text(w, "name", s->name);
        d1t__member_text(w, "text", s->text);
        if (s->rows) d1t__member_uint(w, "rows", s->rows);
        if (s->written) d1t__member_uint(w, "rows_written", s->written);
        d1t_write_text(w, "}");
    }
    d1t_write_text(w, "],\"statements\":[");
    for (i = 0; i < plan->statement_count; i++) {
        if (i) d1t_write_text(w, ",");
        d1t_write_json_string(w, d1t_cstr(plan->statements[i].sql));
    }
    d1t_write_text(w, "],\"estimate\":{\"counted\":");
    d1t_write_text(w, e->counted ? "true" : "false");
    d1t__member_uint(w, "rows_copied", e->rows_copied);
    d1t__member_uint(w, "rows_written", e->rows_written);
    d1t__member_uint(w, "rows_read", e->rows_read);
    d1t__member_uint(w, "requests", e->requests);
    d1t__member_uint(w, "nanodollars", e->cost);
    d1t_write_text(w, "}}");
}

D1TDEF void d1t_plan_free(d1t_plan *plan) {
    if (!plan) return;
    d1t_arena_free(&plan->arena);
    D1T_MEMSET(plan, 0, sizeof *plan);
}

#endif /* D1T_NO_PLAN */

/* ================================================================================================================
   ROOM client (implementation)
   ============================================================================================================= */

/* ---- >>client (implementation) -------------------------------------------------------------------------------- */

enum { D1T__TASK_NONE, D1T__TASK_FLUSH, D1T__TASK_QUERY, D1T__TASK_EXEC, D1T__TASK_SETUP, D1T__TASK_PLAN_READ,
       D1T__TASK_PLAN_APPLY, D1T__TASK_SCHEMA_READ };
/* What a task does now: pending rows first, then its own requests, then what follows from their answers. */
enum { D1T__PHASE_FLUSH, D1T__PHASE_MAIN, D1T__PHASE_COUNT, D1T__PHASE_APPLY, D1T__PHASE_END };

D1TDEF uint64_t d1t_stats_cost(const d1t_stats *stats) {
    return stats->rows_written * 1000u + stats->rows_read;
}

D1T__PRIVATE void d1t__free_job(d1t_client *db);
D1T__PRIVATE void d1t__job_begin(d1t_client *db);
D1T__PRIVATE void d1t__job_settled(d1t_client *db);
D1T__PRIVATE uint32_t d1t__flush_chunk(const d1t_client *db);
D1T__PRIVATE void d1t__poison(d1t_client *db, uint32_t i);
#ifndef D1T_NO_PROBE
D1T__PRIVATE void d1t__probe(d1t_client *db);
D1T__PRIVATE void d1t__probe_settled(d1t_client *db);
#endif

D1T__PRIVATE d1t_result d1t__error(d1t_client *db, d1t_result code, const char *a, const char *b, const char *c) {
    return d1t__fail(&db->error, code, a, b, c);
}

/* The gate of every public verb. Re-entry is told to the caller alone: the running task is not to blame. */
D1T__PRIVATE d1t_result d1t__enter(d1t_client *db) {
    if (!db) return D1T_ERR_ARG;
    if (db->busy || db->reserved || db->task.active) return D1T_ERR_BUSY;
    if (db->error.code != D1T_OK) return db->error.code;
    return db->open ? D1T_OK : D1T_ERR_STATE;
}

D1T__PRIVATE void d1t__emit(d1t_client *db, const d1t_event *event) {
    bool busy = db->busy;
    if (!D1T__EVENTS || !db->on_event) return;
    db->busy = true;
    db->on_event(db->ctx, event);
    db->busy = busy;
}

/* No memory: the allocator's answer, or the end of the block that was given. */
D1T__PRIVATE d1t_result d1t__no_memory(d1t_client *db, const char *what) {
    if (!db->block.p) return d1t__error(db, D1T_ERR_NOMEM, "no memory for ", what, NULL);
    if (db->error.code == D1T_OK) db->error.need = db->block.used + db->block.need + 1024;
    return d1t__error(db, D1T_ERR_SPACE, "config.memory is too small for ", what, NULL);
}

/* ---- opening */

D1T__PRIVATE bool d1t__url_char(char c) {
    return d1t__is_word(c) ? (unsigned char)c < 0x80 && c != '$'
                           : c == '-' || c == '.' || c == ':' || c == '/' || c == '[' || c == ']' || c == '~';
}

D1T__PRIVATE bool d1t__is_loopback(d1t_str host) {
    size_t n = d1t__begins(host, "localhost") ? 9 : d1t__begins(host, "[::1]") ? 5 : 0;
    if (d1t__begins(host, "127."))  /* digits only: 127.0.0.1.example.com is somebody else */
        for (n = 4; n < host.n && (d1t__is_digit(host.p[n]) || host.p[n] == '.'); n++) {}
    return n && (n == host.n || host.p[n] == ':' || host.p[n] == '/');
}

/* A port is 1 to 5 digits, at most 65535; brackets only around an IPv6 address. */
D1T__PRIVATE bool d1t__authority_good(d1t_str s) {
    size_t end = 0, colon = 0, n = 0;
    int64_t port = 1;
    while (n < s.n && s.p[n] != '/') n++;
    if (s.p[0] == '[') {
        while (end < n && s.p[end] != ']') end++;
        if (end == n) return false;
        end++;
    }
    for (colon = end; colon < n && s.p[colon] != ':'; colon++)
        if (s.p[colon] == '[' || s.p[colon] == ']' || end) return false;
    if (colon < n && (!d1t_parse_int(d1t_bytes(s.p + colon + 1, n - colon - 1), &port) || n - colon > 6)) return false;
    return port > 0 && port < 65536;
}

/* https, or http to this machine; plain characters only, so that nothing can hide a user, a query or another host. */
D1T__PRIVATE const char *d1t__url_fault(d1t_str url) {
    size_t i, host;
    for (i = 0; i < url.n; i++)
        if (!d1t__url_char(url.p[i])) return D1T__WHY("it has a character that does not belong there");
    host = d1t__begins(url, "https://") ? 8 : d1t__begins(url, "http://") ? 7 : 0;
    if (!host) return D1T__WHY("it must begin with https:// (or http:// to this machine)");
    if (url.n == host || url.p[host] == '/' || url.p[host] == ':') return D1T__WHY("it has no host");
    if (!d1t__authority_good(d1t_bytes(url.p + host, url.n - host))) return D1T__WHY("its host or port is not one");
    if (host == 7 && !d1t__is_loopback(d1t_bytes(url.p + host, url.n - host)))
        return D1T__WHY("http:// is only for this machine; use https://");
    return NULL;
}

D1T__PRIVATE bool d1t__id_good(const char *id) {
    d1t_str s = d1t_cstr(id);
    size_t i;
    for (i = 0; i < s.n; i++)
        if ((!d1t__is_word(s.p[i]) && s.p[i] != '-') || (unsigned char)s.p[i] >= 0x80) return false;
    return s.n > 0 && s.n <= 64;
}

D1T__PRIVATE d1t_str d1t__base_url(const d1t_config *c) {
    return d1t_cstr(c->database_url ? c->database_url
                    : c->base_url   ? c->base_url
                                    : "https://api.cloudflare.com/client/v4");
}

D1T__PRIVATE void d1t__write_url(d1t_writer *w, const d1t_config *c) {
    d1t_str base = d1t__base_url(c);
    while (base.n && base.p[base.n - 1] == '/') base.n--;
    d1t_write(w, base);
    if (!c->database_url) {
        d1t_write_text(w, "/accounts/");
        d1t_write_text(w, c->account);
        d1t_write_text(w, "/d1/database/");
        d1t_write_text(w, c->database);
    }
    d1t_write_text(w, "/raw");
}

D1T__PRIVATE d1t_result d1t__check_config(d1t_client *db, const d1t_config *c) {
    d1t_str token = d1t_cstr(c->token);
    const char *fault;
    size_t i;
    if (!c->database_url && (!c->account || !c->account[0] || !c->database || !c->database[0]))
        return d1t__error(db, D1T_ERR_CONFIG,
                          "configuration: account or database is missing; set CLOUDFLARE_ACCOUNT_ID and "
                          "CLOUDFLARE_DATABASE_ID, or config.account and config.database",
                          NULL, NULL);
    if (!c->database_url && (!d1t__id_good(c->account) || !d1t__id_good(c->database)))
        return d1t__error(db, D1T_ERR_CONFIG,
                          "configuration: account or database has a character that does not belong into an id", NULL,
                          NULL);
    fault = d1t__url_fault(d1t__base_url(c));
    if (fault) return d1t__error(db, D1T_ERR_CONFIG, "configuration: the base URL is malformed: ", fault, NULL);
    if (token.n == 0)
        return d1t__error(db, D1T_ERR_CONFIG,
                          "configuration: the API token is missing; set CLOUDFLARE_API_TOKEN or config.token", NULL,
                          NULL);
    for (i = 0; i < token.n; i++)
        if (token.p[i] < 0x21 || token.p[i] > 0x7E)
            return d1t__error(db, D1T_ERR_CONFIG,
                              "configuration: the API token has a blank or a control character in it", NULL, NULL);
    return D1T_OK;
}

/* Members that are 0 take their default; both structs have nothing but uint32_t in them. */
D1T__PRIVATE void d1t__defaults(void *members, const void *values, size_t size) {
    uint32_t *m = (uint32_t *)members;
    const uint32_t *v = (const uint32_t *)values;
    for (; size; size -= sizeof *m, m++, v++)
        if (*m == 0) *m = *v;
}

D1T__PRIVATE void d1t__take_limits(d1t_client *db, const d1t_config *c) {
    d1t_limits d = d1t_limits_default();
    db->limits = c->limits;
    d1t__defaults(&db->limits, &d, sizeof d);
    if (c->max_body) db->limits.body = c->max_body > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)c->max_body;
}

D1T__PRIVATE void d1t__take_exchange(d1t_client *db, const d1t_config *c) {
    static const d1t_retry defaults = {5, 250, 20000, 300000, 35000, 500};
    d1t_exchange *x = &db->exchange;
    union { d1t_client *p; uintptr_t n; } address;
    address.p = db;
    x->retry = c->retry;
    d1t__defaults(&x->retry, &defaults, sizeof defaults);
    x->budget = x->retry.budget;
    x->limiter = c->limiter ? c->limiter : &db->limiter;
    x->random = c->seed ? c->seed : (uint64_t)address.n;
    x->max_reply = c->max_reply ? c->max_reply : 16u << 20;
}

/* The one piece that holds strings and groups. */
D1T__PRIVATE d1t_result d1t__take_base(d1t_client *db, const d1t_config *c) {
    size_t groups = c->max_groups                         ? c->max_groups
                    : c->memory && c->memory_size < 65536 ? 4
                                                          : 32,
           at, token = d1t__strlen(c->token);
    d1t_writer w;
    d1t_writer_counting(&w);
    d1t__write_url(&w, c);
    if (groups > 1024) groups = 1024;
    at = groups * (sizeof(d1t_write_desc) + sizeof(uint32_t));
    db->base_size = at + (size_t)w.total + token + 1;
    db->base = (char *)d1t__resize(db->allocator, NULL, 0, db->base_size);
    if (!db->base && c->memory) {
        db->error.need = d1t__align(db->base_size) + d1t__align(sizeof(d1t_shape)) + 2048;
        return d1t__error(db, D1T_ERR_SPACE, "config.memory is too small", NULL, NULL);
    }
    if (!db->base) return d1t__error(db, D1T_ERR_NOMEM, "no memory to open the client", NULL, NULL);
    db->batch.max_groups = (uint32_t)groups;
    db->batch.group = (d1t_write_desc *)(void *)db->base;
    d1t_writer_fixed(&w, db->base + at, db->base_size - at);
    d1t__write_url(&w, c);
    db->url = d1t_bytes(db->base + at, w.n);
    db->token = db->base + at + w.n;
    db->token_size = token;
    D1T_MEMCPY(db->token, c->token, token);
    return D1T_OK;
}

D1T__PRIVATE void d1t__take_batch(d1t_client *db, const d1t_config *c) {
    d1t_batch *b = &db->batch;
    b->limits = &db->limits;
    b->wide.allocator = db->allocator;
    b->wide.max = SIZE_MAX / 4;
    b->seed = d1t__random(&db->exchange.random);
    b->mark = SIZE_MAX;
    b->nan_policy = (uint8_t)c->nan_policy;
    b->nul_policy = (uint8_t)c->nul_policy;
    db->max_kept = c->max_kept ? c->max_kept : c->memory ? c->memory_size / 16 : 8u << 20;
    db->batch_size = c->memory ? 0 : ((size_t)db->limits.body * 2 + 65536) & ~(size_t)7u;
}

D1TDEF d1t_result d1t_open_(d1t_client *db, const d1t_config *config, uint32_t version, size_t size) {
    d1t_result result;
    if (!db || !config) return D1T_ERR_ARG;
    if (size == sizeof *db) D1T_MEMSET(db, 0, sizeof *db);
    if (version != D1T_VERSION_NUM || size != sizeof *db) return D1T_ERR_VERSION;
    result = d1t__check_config(db, config);
    if (result != D1T_OK) return result;
    if (D1T__RUNS) db->transport = config->transport;
    if (db->transport.perform && db->transport.version != D1T_TRANSPORT_VERSION)
        return d1t__error(db, D1T_ERR_UNSUPPORTED, "config.transport.version is not D1T_TRANSPORT_VERSION", NULL, NULL);
    if (!D1T__RUNS && !config->driven)
        return d1t__error(db, D1T_ERR_UNSUPPORTED, "this build does not wait (D1T_NO_RUN): set config.driven", NULL,
                          NULL);
    if (!D1T__EVENTS && config->on_event)
        return d1t__error(db, D1T_ERR_UNSUPPORTED, "this build has no events (D1T_NO_EVENT)", NULL, NULL);
    db->setup = (uint8_t)config->setup;
    db->allow = (uint8_t)config->allow;
    db->isolate = config->isolate;
    db->driven = config->driven;
    db->on_event = config->on_event;
    db->on_poison = config->on_poison;
    db->ctx = config->ctx;
    db->allocator = config->allocator;
    if (config->memory) {
        d1t_block_init(&db->block, config->memory, config->memory_size & ~(size_t)7u);
        db->allocator = d1t_block_allocator(&db->block);
    }
    d1t__take_limits(db, config);
    d1t__take_exchange(db, config);
    d1t__take_batch(db, config);
    result = d1t__take_base(db, config);
    if (result != D1T_OK) return result;
    db->open = true;
    return D1T_OK;
}

/* The block for rows is taken with the first row: before it, plans may use the memory. */
D1T__PRIVATE d1t_result d1t__need_batch(d1t_client *db) {
    d1t_batch *b = &db->batch;
    size_t size = db->batch_size, left;
    if (b->p) return D1T_OK;
    if (size == 0) {
        left = db->block.size - db->block.used;
        size = left > db->max_kept ? (left - db->max_kept) & ~(size_t)7u : 0;
    }
    if (size >= 512) b->p = (char *)d1t__resize(db->allocator, NULL, 0, size);
    if (!b->p && db->batch_size == 0) {
        db->error.need = db->block.used + db->max_kept + 2048;
        return d1t__error(db, D1T_ERR_SPACE, "config.memory is too small for rows", NULL, NULL);
    }
    if (!b->p) return d1t__no_memory(db, "rows");
    b->size = size;
    return D1T_OK;
}

/* ---- errors of requests */

/* Does the message go on with this name at `from`, and does the name end there? */
D1T__PRIVATE bool d1t__names(d1t_str message, size_t from, const char *name) {
    size_t n = d1t__strlen(name);
    return from <= message.n && message.n - from >= n &&
           d1t_str_equal(d1t_bytes(message.p + from, n), d1t_cstr(name)) &&
           (from + n == message.n || !d1t__is_word(message.p[from + n]));
}

/* The table and column of a declaration that a message names as `table.column` behind `from`, or its check; what it
   does not name stays as it is. */
D1T__PRIVATE void d1t__name_column(struct d1t__cause *cause, d1t_str message, size_t from, const d1t_table *t) {
    size_t k;
    for (k = 0; k < t->check_count; k++)
        if (t->checks[k].name && d1t__names(message, from, t->checks[k].name)) cause->check = t->checks[k].name;
    if (!d1t__names(message, from, t->name)) return;
    cause->table = t->name;
    for (k = 0; k < t->column_count; k++)
        if (d1t__names(message, from + d1t__strlen(t->name) + 1, t->columns[k].name))
            cause->column = t->columns[k].name;
}

/* What is recognised in the server's words. They may hold values, so only fixed phrases and declared names are taken
   over. */
D1T__PRIVATE void d1t__recognise(const d1t_client *db, struct d1t__cause *cause) {
    static const char *const phrases[] = {
        "UNIQUE constraint failed: ", "NOT NULL constraint failed: ", "FOREIGN KEY constraint failed",
        "CHECK constraint failed: ", "no such table", "no such column", "syntax error", "incomplete input",
        "not authorized", "too many SQL variables", "Wrong number of parameter bindings", "statement too long",
        "string or blob too big", "datatype mismatch", "cannot store", "too many levels of trigger recursion",
        "triggers nested too deep", "ON CONFLICT clause does not match"};
    d1t_str message = d1t_server_text(db);
    size_t i, k, at;
    for (i = 0; i < D1T__COUNT(phrases) && !cause->phrase; i++) {
        at = d1t__find(message, phrases[i]);
        if (at == message.n) continue;
        cause->phrase = phrases[i];
        at += d1t__strlen(phrases[i]);
        for (k = 0; k < db->table_count && at < message.n && message.p[at - 1] == ' '; k++)
            d1t__name_column(cause, message, at, db->shapes[k].table);
    }
}

/* The failure of the settled op. */
D1T__PRIVATE struct d1t__cause d1t__cause_of(const d1t_client *db) {
    const d1t_op *op = &db->op;
    struct d1t__cause cause;
    D1T_MEMSET(&cause, 0, sizeof cause);
    cause.code = op->code;
    cause.outcome = (d1t_outcome)op->outcome;
    cause.http_status = op->http_status;
    cause.d1_code = op->reply.d1_code;
    cause.transport_code = op->transport_code;
    cause.retryable = op->retryable;
    cause.unique = D1T__HOLDS && D1T__PROBES && d1t__contains(d1t_server_text(db), "UNIQUE constraint failed");
#ifndef D1T_NO_ERRSTR
    d1t__recognise(db, &cause);
#endif
    return cause;
}

/* A cause becomes the client's error, unless a handler has said it better. */
D1T__PRIVATE void d1t__fail_with(d1t_client *db, const struct d1t__cause *cause) {
    d1t_error *e = &db->error;
    if (e->code != D1T_OK) return;
    d1t__fail(e, cause->code, d1t_result_text(cause->code), cause->phrase ? ": " : NULL, cause->phrase);
    e->outcome = cause->outcome;
    e->http_status = cause->http_status;
    e->d1_code = cause->d1_code;
    e->transport_code = cause->transport_code;
    e->retryable = cause->retryable;
    e->table = cause->table;
    e->column = cause->column;
    d1t__say(e, cause->check ? cause->check : cause->table, cause->column ? "." : NULL, cause->column);
    if (cause->http_status) {
        d1t__say(e, " (HTTP ", NULL, NULL);
        d1t__say_number(e, (uint64_t)cause->http_status);
        if (cause->d1_code) d1t__say(e, ", D1 code ", NULL, NULL);
        if (cause->d1_code) d1t__say_number(e, (uint64_t)cause->d1_code);
        d1t__say(e, ")", NULL, NULL);
    } else if (cause->transport_code) {
        d1t__say(e, " (transport code ", NULL, NULL);
        d1t__say_number(e, (uint64_t)(uint32_t)cause->transport_code);
        d1t__say(e, ")", NULL, NULL);
    }
    if (cause->outcome == D1T_UNKNOWN) d1t__say(e, "; it may have been applied", NULL, NULL);
}

D1T__PRIVATE void d1t__op_error(d1t_client *db) {
    struct d1t__cause cause = d1t__cause_of(db);
    d1t__fail_with(db, &cause);
}

D1TDEF d1t_str d1t_error_key(const d1t_client *db) {
    return db ? db->key : d1t_bytes(NULL, 0);
}

D1TDEF d1t_str d1t_server_text(const d1t_client *db) {
    return db ? d1t_bytes(db->op.reply.text, db->op.reply.text_n) : d1t_bytes(NULL, 0);
}

/* ---- rows */

D1T__PRIVATE d1t_shape *d1t__shape_of(d1t_client *db, const d1t_table *table) {
    size_t i;
    for (i = 0; i < db->table_count; i++)
        if (db->shapes[i].table == table) return &db->shapes[i];
    d1t__error(db, D1T_ERR_STATE, "table ", table && table->name ? table->name : "(NULL)",
               ": not declared; give it to d1t_setup first");
    return NULL;
}

D1T__PRIVATE size_t d1t__value_count(const d1t_shape *s, d1t_write_kind kind) {
    return kind == D1T_WRITE_DELETE ? s->keys : s->elements;
}

D1T__PRIVATE d1t_result d1t__wrong_count(d1t_client *db, const d1t_shape *s, size_t want, size_t have) {
    d1t_error *e = &db->error;
    d1t__fail(e, D1T_ERR_VALUE, "table ", s->table->name, ", row ");
    d1t__say_number(e, db->batch.next_row + 1);
    d1t__say(e, ": ", NULL, NULL);
    d1t__say_number(e, have);
    d1t__say(e, " values given, ", NULL, NULL);
    d1t__say_number(e, want);
    d1t__say(e, " wanted (one for each column that takes values; for a delete one for each key column)", NULL, NULL);
    e->table = s->table->name;
    e->row = db->batch.next_row + 1;
    return e->code;
}

/* Which columns an update carries. */
D1T__PRIVATE d1t_result d1t__update_columns(d1t_client *db, d1t__add *a) {
    const d1t_table *t = a->desc.shape->table;
    size_t i, n = 0, carried = 0;
    for (i = 0; i < t->column_count; i++) {
        if (!d1t__takes_value(&t->columns[i])) continue;
        if (a->values[n++].kind == D1T_KIND_ABSENT || (t->columns[i].flags & D1T_KEY)) continue;
        d1t__include(&a->desc.columns, i);
        carried++;
    }
    if (carried) return D1T_OK;
    return d1t__row_fault(&db->batch, a, NULL, D1T_ERR_VALUE, "an update with no column to set", NULL);
}

D1T__PRIVATE d1t_result d1t__take_condition(d1t_client *db, d1t__add *a, const d1t_condition *condition) {
    const d1t_table *t = a->desc.shape->table;
    size_t column = condition->column ? d1t_table_column(t, d1t_cstr(condition->column)) : t->column_count;
    bool own = condition->value.kind == D1T_KIND_ABSENT;
    if (column == t->column_count) {
        d1t__row_fault(&db->batch, a, NULL, D1T_ERR_VALUE,
                       "the condition names a column that the table does not have: ", NULL);
        d1t__say(&db->error, condition->column ? condition->column : "(NULL)", NULL, NULL);
        return D1T_ERR_VALUE;
    }
    a->desc.condition = (int16_t)column;
    a->desc.equals = condition->equals;
    a->expected = condition->value;
    if (!own) return D1T_OK;
    if (condition->equals || a->desc.kind == D1T_WRITE_DELETE || !d1t__takes_value(&t->columns[column]))
        return d1t__row_fault(&db->batch, a, &t->columns[column], D1T_ERR_VALUE,
                              "the condition needs a value to compare with", NULL);
    a->expected = *d1t__value_of(a, column);
    return D1T_OK;
}

/* Adds a row: D1T_OK, D1T_FULL (flush first), or the error. */
D1T__PRIVATE d1t_result d1t__add_row(d1t_client *db, const d1t_table *table, d1t_write_kind kind,
                                     const d1t_value *values, size_t count, const d1t_condition *condition) {
    d1t__add a;
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    D1T_MEMSET(&a, 0, sizeof a);
    a.desc.shape = d1t__shape_of(db, table);
    if (!a.desc.shape) return db->error.code;
    if (!D1T__UPDATES && (kind != D1T_WRITE_UPSERT || condition))
        return d1t__error(db, D1T_ERR_UNSUPPORTED, "this build only upserts rows, without conditions (D1T_NO_UPDATE)",
                          NULL, NULL);
    result = d1t__need_batch(db);
    if (result != D1T_OK) return result;
    if (!values || count != d1t__value_count(a.desc.shape, kind))
        return d1t__wrong_count(db, a.desc.shape, d1t__value_count(a.desc.shape, kind), count);
    a.desc.kind = (uint8_t)kind;
    a.desc.condition = -1;
    a.values = values;
    a.error = &db->error;
    if (kind == D1T_WRITE_UPDATE) result = d1t__update_columns(db, &a);
    if (result == D1T_OK && condition) result = d1t__take_condition(db, &a, condition);
    if (result == D1T_OK) result = d1t__batch_add(&db->batch, &a, &db->stats.rows_merged);
    db->batch.full = result == D1T_FULL;
    if (result == D1T_FULL && db->batch.mark == 0)
        return d1t__row_fault(&db->batch, &a, NULL, D1T_ERR_LIMIT,
                              "the open group does not fit one request (limit body)", NULL);
    return result;
}

/* D1T_FULL: flush first. */
D1T__PRIVATE d1t_result d1t__group_begin(d1t_client *db) {
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (db->batch.mark != SIZE_MAX) return d1t__error(db, D1T_ERR_STATE, "a group is open already", NULL, NULL);
    if (d1t__is_wide(&db->batch)) return D1T_FULL;      /* a wide row travels alone */
    db->batch.mark = db->batch.n;
    return D1T_OK;
}

#ifndef D1T_NO_AROUND
D1T__PRIVATE d1t_result d1t__check_around(d1t_client *db, d1t_writer *w, const d1t_statement *list, size_t i) {
    if (!list || !list[i].sql || (list[i].arg_count && !list[i].args))
        return d1t__error(db, D1T_ERR_ARG, "a statement or its arguments are NULL", NULL, NULL);
    return d1t_write_statement(w, &list[i], &db->error);
}

D1TDEF d1t_result d1t_around(d1t_client *db, const d1t_statement *prologue, size_t prologue_count,
                             const d1t_statement *epilogue, size_t epilogue_count) {
    d1t_result result = d1t__enter(db);
    d1t_writer w;
    size_t i;
    d1t_writer_counting(&w);
    for (i = 0; i < prologue_count && result == D1T_OK; i++) result = d1t__check_around(db, &w, prologue, i);
    for (i = 0; i < epilogue_count && result == D1T_OK; i++) result = d1t__check_around(db, &w, epilogue, i);
    if (result != D1T_OK) return result;
    db->batch.overhead -= db->batch.around;
    db->batch.around = (size_t)w.total + prologue_count + epilogue_count;   /* and the commas */
    db->batch.overhead += db->batch.around;
    db->send.prologue = prologue;
    db->send.prologue_count = prologue_count;
    db->send.epilogue = epilogue;
    db->send.epilogue_count = epilogue_count;
    return D1T_OK;
}
#endif

/* ---- requests */

D1T__PRIVATE void d1t__begin_op(d1t_client *db, d1t_op_desc *desc) {
    desc->url = db->url;
    desc->token = d1t_bytes(db->token, db->token_size);
    d1t_op_init(&db->op, &db->exchange, desc);
    db->task.has_op = true;
    db->task.announced = false;
    db->task.started_ms = db->now_ms;
    db->task.wait_from = 0;
}

D1T__PRIVATE void d1t__end_task(d1t_client *db) {
    db->task.active = false;
    db->task.has_op = false;
    d1t__free_job(db);
}

/* ---- the flush */

/* SELECT changes() follows every statement over rows, because meta.changes includes triggers and cascades. Between the
   prologue and the epilogue nothing else answers rows, so every cell there is such a count. */
D1T__PRIVATE d1t_result d1t__flush_reply(void *ctx, const d1t_reply_event *e) {
    d1t_client *db = (d1t_client *)ctx;
    struct d1t__task *task = &db->task;
    size_t i;
    if (e->kind != D1T_REPLY_CELL) return D1T_OK;
    if (D1T__AROUND && (e->statement < db->send.prologue_count ||
                        e->statement >= db->op.expect - db->send.epilogue_count)) return D1T_OK;
    if (e->first) task->count = 0;
    for (i = 0; i < e->text.n && d1t__is_digit(e->text.p[i]) && task->count < UINT64_MAX / 100; i++)
        task->count = task->count * 10 + (uint64_t)(e->text.p[i] - '0');
    if (e->last) task->changed += task->count;
    return D1T_OK;
}

D1T__PRIVATE void d1t__flush_again(void *ctx) {
    ((d1t_client *)ctx)->task.changed = 0;
}

/* Sends rows [from, to) of the order; a probe sends them in a batch that aborts itself. */
D1T__PRIVATE void d1t__flush_send(d1t_client *db, uint32_t to, bool probe) {
    struct d1t__send *s = &db->send;
    d1t_op_desc desc;
    s->batch = &db->batch;
    s->from = 0;
    s->to = to;
    s->park = db->park;
    s->probe = probe;
    if (D1T__AROUND && s->before) s->before(s->before_ctx, to == db->batch.live && !s->first_pass && !s->tainted);
    db->task.changed = 0;
    db->probing = probe;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.body = d1t__send_as_body(s);
    desc.idempotent = true;
    desc.handler = d1t__flush_reply;
    desc.before_retry = d1t__flush_again;
    desc.ctx = db;
    d1t__begin_op(db, &desc);
    db->op.expect = s->total;   /* the body has been walked, to count its bytes */
}

/* Removes position i from the order; it ends where the block ends, so what is before i moves up. */
D1T__PRIVATE void d1t__order_remove(d1t_batch *b, uint32_t i) {
    uint32_t *order = d1t__index_end(b) - b->ordered;
    D1T_MEMMOVE(order + 1, order, i * sizeof *order);
    b->ordered--;
}

/* The rows that are left move to the start of the block. */
D1T__PRIVATE void d1t__batch_compact(d1t_batch *b) {
    size_t at, next, to = 0, mark = SIZE_MAX;
    if (b->live == 0) {
        d1t__batch_reset(b);
        return;
    }
    for (at = 0; at < b->n; at = next) {
        next = d1t__row_end(b, at);
        if (at == b->mark) mark = to;
        if (d1t__row_at(b, at).group == D1T__DEAD) continue;
        if (to != at) D1T_MEMMOVE(b->p + to, b->p + at, next - at);
        to += next - at;
    }
    if (b->mark != SIZE_MAX) b->mark = b->mark >= b->n ? to : mark;
    b->n = to;
    b->rows = b->live;
    d1t__rehash(b, b->live);
}

/* The group in which the second pass sets the late columns of a group's rows. */
D1T__PRIVATE uint32_t d1t__second_group(d1t_batch *b, const d1t_write_desc *d) {
    d1t_write_desc late = *d;
    late.kind = D1T_WRITE_UPDATE;
    late.columns = d->shape->late;
    late.full = late.hold = true;
    return d1t__group_of(b, &late);
}

/* Must these rows go in two passes? A table that references itself: only if more rows follow, because one statement
   takes parents and children in any order. Tables that reference each other: always. */
D1T__PRIVATE bool d1t__needs_two(d1t_batch *b, bool automatic) {
    uint32_t g, count = b->groups;
    bool needed = false;
    for (g = 0; g < count && !b->grouped; g++) {
        if (!d1t__has_late(&b->group[g]) || !(automatic || b->group[g].shape->cycle)) continue;
        if (d1t__second_group(b, &b->group[g]) == b->max_groups) return false;
        needed = true;
    }
    return needed;
}

/* How many rows of the order fit one request. Only with rows that were held back are there ever more. */
D1T__PRIVATE uint32_t d1t__flush_chunk(const d1t_client *db) {
    const d1t_batch *b = &db->batch;
    size_t bytes = b->overhead;
    uint32_t i;
    for (i = 0; i < b->ordered && !b->grouped; i++) {
        bytes += d1t__row_at(b, d1t__order_at(b, i)).size + 1u;
        if (bytes > b->limits->body && i) return i;
    }
    return b->ordered;
}

#if !defined(D1T_NO_HOLD) && !defined(D1T_NO_UPDATE)

/* Which rows a flush that only makes room sends: the fresh ones, unless the held ones have become too many. */
D1T__PRIVATE int d1t__due(const d1t_batch *b) {
    size_t at, held = 0, fresh = 0;
    uint32_t g;
    for (g = 0; g < b->groups && !d1t__is_held(&b->group[g]); g++) {}
    if (g == b->groups) return D1T__FRESH;      /* no need to look at every row */
    for (at = 0; at < b->n; at = d1t__row_end(b, at)) {
        if (d1t__is_due(b, at, D1T__HELD)) held += d1t__row_end(b, at) - at + 2 * sizeof(uint32_t);
        if (d1t__is_due(b, at, D1T__FRESH)) fresh++;
    }
    return held > b->size / 2 || fresh == 0 || (held && b->groups == b->max_groups) ? D1T__HELD : D1T__FRESH;
}

/* At the end of the flush rows that were put aside are as good as fresh ones: in one statement they can swap values. */
D1T__PRIVATE void d1t__release_held(d1t_batch *b) {
    d1t_write_desc desc;
    size_t at;
    for (at = 0; at < b->n; at = d1t__row_end(b, at)) {
        if (!d1t__is_due(b, at, D1T__HELD)) continue;
        desc = b->group[d1t__row_at(b, at).group];
        if (desc.full) continue;
        desc.hold = false;
        d1t__row_regroup(b, at, d1t__group_of(b, &desc));   /* it was made from that group */
    }
}

/* Memory of the caller's stays as it is. */
D1T__PRIVATE bool d1t__may_grow(const d1t_client *db) {
    return db->batch_size != 0 && db->batch.size <= 64u << 20;
}

/* Doubles the block, so that more rows can wait. */
D1T__PRIVATE bool d1t__grow_block(d1t_client *db) {
    d1t_batch *b = &db->batch;
    void *p = d1t__resize(db->allocator, b->p, b->size, b->size * 2);
    if (!p) {
        (void)d1t__no_memory(db, "rows that wait for the end of the flush");
        return false;
    }
    b->p = (char *)p;
    b->size *= 2;
    return true;
}

/* Which rows a request may carry now. False: no memory for those that wait. */
D1T__PRIVATE bool d1t__choose_rows(d1t_client *db, int *which) {
    d1t_batch *b = &db->batch;
    if (db->task.automatic) *which = d1t__due(b);
    if (*which == D1T__HELD && d1t__may_grow(db)) {
        if (!d1t__grow_block(db)) return false;
        *which = D1T__FRESH;
    }
    if (*which != D1T__FRESH) d1t__release_held(b);
    db->send.first_pass = *which != D1T__HELD && d1t__needs_two(b, db->task.automatic);
    return true;
}

#else

D1T__PRIVATE bool d1t__choose_rows(d1t_client *db, int *which) {
    (void)db, (void)which;
    return true;
}

#endif

/* Begins to send the pending rows; false: there are none to send. */
D1T__PRIVATE bool d1t__flush_begin(d1t_client *db) {
    d1t_batch *b = &db->batch;
    size_t limit = b->mark < b->n ? b->mark : b->n;
    bool automatic = db->task.automatic, wide = d1t__is_wide(b);
    int which = D1T__ALL;
    if (b->live == 0 || (b->mark == 0 && !wide) || (automatic && db->task.rounds++)) return false;
    db->send.first_pass = false;
    if (!wide && !d1t__choose_rows(db, &which)) return false;
    if (!wide) d1t__batch_sort(b, limit, which);
    if (!wide && b->ordered == 0) d1t__batch_compact(b);
    if (!wide && b->ordered == 0) return false;
    db->task.low = 0;
    d1t__flush_send(db, wide ? 0 : d1t__flush_chunk(db), false);
    return true;
}

D1T__PRIVATE void d1t__count_kind(d1t_stats *s, uint8_t kind, uint64_t rows) {
    s->rows_upserted += kind == D1T_WRITE_UPSERT ? rows : 0;
    s->rows_updated += kind == D1T_WRITE_UPDATE ? rows : 0;
    s->rows_deleted += kind == D1T_WRITE_DELETE ? rows : 0;
    s->rows_sent += rows;
}

D1T__PRIVATE void d1t__count_sent(d1t_client *db, uint32_t to) {
    d1t_stats *s = &db->stats;
    uint32_t i, end;
    if (d1t__is_wide(&db->batch)) d1t__count_kind(s, db->batch.group[db->batch.wide_group].kind, 1);
    for (i = 0; i < to; i = end) {
        end = d1t__send_end(&db->send, i);
        if (!d1t__send_group(&db->send, i)->full) d1t__count_kind(s, d1t__send_group(&db->send, i)->kind, end - i);
    }
    s->rows_changed += db->task.changed;
    s->flushes++;
}

/* A row is in D1; after the first pass it waits for the second. */
D1T__PRIVATE void d1t__row_sent(d1t_client *db, size_t at) {
    d1t_batch *b = &db->batch;
    const d1t_write_desc *group = &b->group[d1t__row_at(b, at).group];
    if (db->send.first_pass && d1t__has_late(group)) d1t__row_regroup(b, at, d1t__second_group(b, group));
    else d1t__row_kill(b, at);
}

D1T__PRIVATE void d1t__announce_flush(d1t_client *db, uint32_t rows) {
    d1t_event event;
    if (!D1T__EVENTS) return;
    D1T_MEMSET(&event, 0, sizeof event);
    event.what = D1T_EVENT_FLUSH;
    event.rows = rows;
    event.bytes = db->op.request.body_size;
    event.ms = db->now_ms - db->task.started_ms;
    d1t__emit(db, &event);
}

/* The request is in D1. */
D1T__PRIVATE void d1t__flush_done(d1t_client *db) {
    d1t_batch *b = &db->batch;
    uint32_t to = db->send.to, i;
    d1t__count_sent(db, to);
    d1t__announce_flush(db, d1t__is_wide(b) ? 1 : to);
    if (d1t__is_wide(b) || (to == b->live && !(D1T__HOLDS && db->send.first_pass))) {
        d1t__batch_reset(b);
        return;
    }
    for (i = 0; i < to; i++) d1t__row_sent(db, d1t__order_at(b, i));
    b->ordered -= to;       /* what is left ends where the block ends */
    db->task.low = 0;
    if (b->ordered) d1t__flush_send(db, d1t__flush_chunk(db), false);
    else d1t__batch_compact(b);
}

D1T__PRIVATE bool d1t__may_park(const d1t_client *db) {
    uint32_t g;
    for (g = 0; D1T__PARKS && g < db->batch.groups; g++)
        if (db->batch.group[g].shape->has_unique) return true;
    return false;
}

/* A request of the flush was refused. What can be done: park, look for the row, halve; else the error stands. */
D1T__PRIVATE void d1t__flush_failed(d1t_client *db) {
    const d1t_op *op = &db->op;
    struct d1t__task *task = &db->task;
    uint32_t to = db->send.to;
    if (op->code == D1T_ERR_CONSTRAINT) db->stats.maybe_billed++;
    if (op->code == D1T_ERR_CONSTRAINT && !db->send.park && d1t__may_park(db) && !d1t__is_wide(&db->batch) &&
        d1t__contains(d1t_server_text(db), "UNIQUE constraint failed")) {
        db->park = true;
        d1t__flush_send(db, to, false);
        return;
    }
    if (op->shrink && to > 1 && !db->batch.grouped &&
        (op->outcome == D1T_NOT_APPLIED || op->code == D1T_ERR_TOO_HEAVY)) {
        d1t__flush_send(db, to / 2, false);
        return;
    }
#ifndef D1T_NO_PROBE
    if (op->code == D1T_ERR_CONSTRAINT) {
        task->cause = d1t__cause_of(db);
        task->high = to;
        if (d1t__is_wide(&db->batch)) d1t__poison(db, 0);
        else d1t__probe(db);
        return;
    }
#else
    (void)task;
#endif
    d1t__op_error(db);
}

D1T__PRIVATE void d1t__flush_settled(d1t_client *db) {
    db->task.has_op = false;
#ifndef D1T_NO_PROBE
    if (db->probing) {
        d1t__probe_settled(db);
        return;
    }
#endif
    if (db->op.code == D1T_OK) d1t__flush_done(db);
    else d1t__flush_failed(db);
}

/* ---- tasks */

D1T__PRIVATE d1t_result d1t__start(d1t_client *db, uint8_t kind) {
    D1T_MEMSET(&db->task, 0, sizeof db->task);
    db->task.kind = kind;
    db->task.active = true;
    db->park = db->probing = false;
    db->key = d1t_bytes(NULL, 0);
    return D1T_OK;
}

D1TDEF d1t_result d1t_flush_start(d1t_client *db) {
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    (void)d1t__start(db, D1T__TASK_FLUSH);
    db->task.automatic = db->batch.full;
    db->batch.full = false;
    return D1T_OK;
}

/* Goes on with the task until it has a request or ends. */
D1T__PRIVATE void d1t__continue(d1t_client *db) {
    while (db->task.active && !db->task.has_op) {
        if (db->error.code != D1T_OK || db->task.phase == D1T__PHASE_END) {
            d1t__end_task(db);
        } else if (db->task.phase == D1T__PHASE_FLUSH) {
            if (!d1t__flush_begin(db))
                db->task.phase = db->task.kind == D1T__TASK_FLUSH ? D1T__PHASE_END : D1T__PHASE_MAIN;
        } else {
            d1t__job_begin(db);
        }
    }
}

/* Tells of the request. */
D1T__NOINLINE D1T__PRIVATE void d1t__announce(d1t_client *db, d1t_event_kind what, uint64_t ms) {
    d1t_event event;
    if (!D1T__EVENTS) return;
    D1T_MEMSET(&event, 0, sizeof event);
    event.what = what;
    event.attempt = db->op.attempt;
    event.http_status = db->op.http_status;
    event.bytes = what == D1T_EVENT_REPLY ? db->op.received : db->op.request.body_size;
    if (what == D1T_EVENT_REPLY) event.result = db->op.code;
    event.ms = ms;
    d1t__emit(db, &event);
}

D1T__NOINLINE D1T__PRIVATE void d1t__settled(d1t_client *db) {
    d1t_stats *s = &db->stats;
    s->bytes_received += db->op.received;
    if (db->op.code == D1T_OK) {
        s->rows_read += db->op.reply.total.rows_read;
        s->rows_written += db->op.reply.total.rows_written;
        s->sql_us += db->op.reply.total.sql_us;
    }
    s->unknown += db->op.unknown;
    d1t__announce(db, D1T_EVENT_REPLY, db->now_ms - db->task.started_ms);
    if (db->task.phase == D1T__PHASE_FLUSH) d1t__flush_settled(db);
    else d1t__job_settled(db);
}

/* The op's step as the client's: counts and tells. */
D1T__PRIVATE d1t_step d1t__op_step(d1t_client *db, d1t_step step, d1t_todo *todo) {
    struct d1t__task *task = &db->task;
    todo->op = &db->op;
    if (step == D1T_SEND) {
        todo->request = &db->op.request;
        db->stats.requests++;
        db->stats.retries += db->op.attempt > 1;
        db->stats.bytes_sent += db->op.request.body_size;
        if (task->wait_from) db->stats.waited_ms += db->now_ms - (task->wait_from - 1);
        task->wait_from = 0;
        task->announced = false;
        d1t__announce(db, D1T_EVENT_SEND, 0);
    } else if (step == D1T_CANCEL) {
        d1t_op_on_end(&db->op, db->now_ms, D1T_ERR_TIMEOUT, 0);
    } else if (db->op.state == D1T__OP_READY) {
        if (!task->wait_from) task->wait_from = db->now_ms + 1;
        if (db->op.attempt && !task->announced) d1t__announce(db, D1T_EVENT_RETRY, todo->wake_ms - db->now_ms);
        task->announced = true;
    }
    return step;
}

D1TDEF d1t_step d1t_next(d1t_client *db, uint64_t now_ms, d1t_todo *todo) {
    d1t_step step;
    if (!todo) return D1T_FAIL;
    D1T_MEMSET(todo, 0, sizeof *todo);
    if (!db || db->busy) return D1T_FAIL;
    db->now_ms = now_ms;
    for (;;) {
        d1t__continue(db);
        if (!db->task.active) return db->error.code == D1T_OK ? D1T_DONE : D1T_FAIL;
        step = d1t_op_next(&db->op, now_ms, &todo->wake_ms);
        if (step != D1T_DONE && step != D1T_FAIL) return d1t__op_step(db, step, todo);
        d1t__settled(db);
    }
}

/* ---- rows from structs */

#define D1T__MOST_COLUMNS D1T__COUNT(((d1t_shape *)0)->order)

/* The values of a record, in db->values until the next one. */
D1T__PRIVATE d1t_result d1t__record_values(d1t_client *db, const d1t_member *members, size_t count,
                                           const void *record) {
    size_t i;
    if (!members || !record || count > D1T__MOST_COLUMNS)
        return d1t__error(db, D1T_ERR_ARG, "a record or its members are NULL, or there are more than 100 of them", NULL,
                          NULL);
    if (!db->values)
        db->values = (d1t_value *)d1t__resize(db->allocator, NULL, 0, D1T__MOST_COLUMNS * sizeof *db->values);
    if (!db->values) return d1t__no_memory(db, "a row from a struct");
    for (i = 0; i < count; i++) db->values[i] = d1t_member_value(&members[i], record);
    return D1T_OK;
}

/* ---- clear and release */

D1TDEF d1t_result d1t_clear(d1t_client *db, d1t_clear_mode mode) {
    if (!db) return D1T_ERR_ARG;
    if (db->busy || db->task.active) return D1T_ERR_BUSY;
    if (!db->open) return D1T_ERR_STATE;
    D1T_MEMSET(&db->error, 0, sizeof db->error);
    db->key = d1t_bytes(NULL, 0);
    if (mode == D1T_DROP_ROWS) {
        db->batch.mark = SIZE_MAX;
        d1t__batch_reset(&db->batch);
        db->batch.live = 0;
    }
    return D1T_OK;
}

/* Wipes the token and gives all memory back; error and stats stay. */
D1T__PRIVATE void d1t__release_client(d1t_client *db) {
    d1t_batch *b = &db->batch;
    db->key = d1t_bytes(NULL, 0);
    d1t__end_task(db);
    d1t_buffer_free(&b->wide);
    d1t__release(db->allocator, db->values, D1T__MOST_COLUMNS * sizeof *db->values);
    d1t__release(db->allocator, b->p, b->size);
    d1t__release(db->allocator, db->shapes, db->table_cap * sizeof *db->shapes);
    if (db->base) d1t_wipe(db->token, db->token_size);
    d1t__release(db->allocator, db->base, db->base_size);
    b->p = NULL;
    b->live = 0;
    db->values = NULL;
    db->shapes = NULL;
    db->base = db->token = NULL;
    db->table_count = db->table_cap = 0;
    D1T_MEMSET(&db->op.request, 0, sizeof db->op.request);
    d1t_wipe(&db->op.reply, sizeof db->op.reply);   /* a server may have echoed the token */
    db->open = false;
}

#if !defined(D1T_NO_PLAN) || !defined(D1T_NO_QUERY)
#define D1T__JOBS
#endif

#ifdef D1T__JOBS

/* What a query, an exec or a plan needs while its task runs. */
typedef struct d1t__job {
    d1t_client          *db;
    /* the statements sent: the caller's, or those of a plan */
    const d1t_statement *statements;
    size_t               count, at;
    d1t_statement        own[2];
    d1t_buffer           sql;           /* of d1t_read */
    /* the rows received */
    d1t_on_row           on_row;
    void                *row_ctx;
    const d1t_table     *table;         /* d1t_read: the kinds of the columns */
    bool                 handed, in_blob;
    bool                 again;         /* it may be sent again even after its first row; `restart` is told */
    void               (*restart)(void *ctx);
    uint32_t             byte;
    d1t_buffer           text, cells, out;
    size_t               columns, names_end;
    /* the plan */
    d1t_plan            *plan, own_plan;
    d1t_arena            arena;
    d1t_schema           schema;
    d1t_schema          *read;          /* of d1t_schema_read: whose it becomes */
    bool                 no_record;     /* the table of the records does not exist */
    d1t_effect           allow;
#ifndef D1T_NO_PLAN
    d1t__planner        *planner;
    d1t__tally          *counting;      /* the count whose row comes next */
#endif
} d1t__job;

D1T__PRIVATE d1t_result d1t__rows_reply(void *ctx, const d1t_reply_event *e);
#ifndef D1T_NO_PLAN
D1T__PRIVATE void d1t__plan_forget(d1t__job *job);
#endif
D1T__PRIVATE void d1t__rows_forget(void *ctx);
D1T__PRIVATE bool d1t__rows_untouched(void *ctx);

D1T__PRIVATE d1t_result d1t__start_job(d1t_client *db, uint8_t kind, d1t__job **out) {
    d1t__job *job = (d1t__job *)d1t__resize(db->allocator, NULL, 0, sizeof *job);
    if (!job) return d1t__no_memory(db, "the call");
    D1T_MEMSET(job, 0, sizeof *job);
    job->db = db;
    d1t_buffer_init(&job->sql, db->allocator, 1u << 20);
    d1t_buffer_init(&job->text, db->allocator, db->max_kept);
    d1t_buffer_init(&job->cells, db->allocator, db->max_kept);
    d1t_buffer_init(&job->out, db->allocator, db->max_kept);
    d1t_arena_init(&job->arena, db->allocator, db->max_kept);
    db->job = job;
    *out = job;
    return d1t__start(db, kind);
}

/* Newest first, so that a block of memory takes everything back. */
D1T__PRIVATE void d1t__free_job(d1t_client *db) {
    d1t__job *job = (d1t__job *)db->job;
    if (!job) return;
#ifndef D1T_NO_PLAN
    if (job->planner) d1t_buffer_free(&job->planner->text);
#endif
    d1t_arena_free(&job->own_plan.arena);
    d1t_arena_free(&job->arena);
    d1t_buffer_free(&job->out);
    d1t_buffer_free(&job->cells);
    d1t_buffer_free(&job->text);
    d1t_buffer_free(&job->sql);
    db->job = NULL;
    d1t__release(db->allocator, job, sizeof *job);
}

/* ---- the body: one statement, or a batch of several */

D1T__PRIVATE void d1t__job_rewind(void *ctx) {
    d1t__job *job = (d1t__job *)ctx;
    job->at = 0;
}

D1T__PRIVATE bool d1t__job_advance(void *ctx) {
    d1t__job *job = (d1t__job *)ctx;
    return ++job->at < job->count;
}

D1T__PRIVATE void d1t__job_write(void *ctx, d1t_writer *w) {
    const d1t__job *job = (const d1t__job *)ctx;
    if (job->count > 1) d1t_write_text(w, job->at ? "," : "{\"batch\":[");
    (void)d1t_write_statement(w, &job->statements[job->at], NULL);
    if (job->count > 1 && job->at + 1 == job->count) d1t_write_text(w, "]}");
}

D1T__PRIVATE void d1t__job_send(d1t_client *db, d1t_reply_handler handler, bool read_only) {
    d1t__job *job = (d1t__job *)db->job;
    d1t_op_desc desc;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.body.write = d1t__job_write;
    desc.body.advance = d1t__job_advance;
    desc.body.rewind = d1t__job_rewind;
    desc.body.ctx = job;
    desc.expect = (uint32_t)job->count;
    desc.read_only = read_only;
    desc.idempotent = job->again;
    desc.handler = handler;
    desc.before_retry = d1t__rows_forget;
    desc.may_retry = d1t__rows_untouched;
    desc.ctx = job;
    d1t__begin_op(db, &desc);
}

#endif /* D1T__JOBS */

/* ---- >>setup (implementation) --------------------------------------------------------------------------------- */

/* Parents before children; tables of a cycle keep what the rounds gave them. */
D1T__PRIVATE void d1t__rank_tables(d1t_client *db) {
    size_t round, i, k, f;
    bool more = true;
    for (round = 0; more && round < 250; round++) {
        more = false;
        for (i = 0; i < db->table_count; i++) {
            const d1t_table *t = db->shapes[i].table;
            for (f = 0; f < t->foreign_key_count; f++)
                for (k = 0; k < db->table_count; k++)
                    if (k != i && db->shapes[i].rank <= db->shapes[k].rank && db->shapes[k].rank < 250 &&
                        d1t__same_name(db->shapes[k].table->name, t->foreign_keys[f].parent)) {
                        db->shapes[i].rank = (uint8_t)(db->shapes[k].rank + 1);
                        more = true;
                    }
        }
    }
}

/* The longest statement of a table is its conditional upsert. */
D1T__PRIVATE d1t_result d1t__check_length(d1t_client *db, const d1t_shape *shape) {
    d1t_write_desc desc;
    d1t_writer w;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.shape = shape;
    d1t_writer_counting(&w);
    d1t_write_sql(&w, &desc, d1t__no_columns());
    if (w.total <= db->limits.sql) return D1T_OK;
    db->error.need = w.total;
    return d1t__fail_table(&db->error, D1T_ERR_LIMIT, shape->table, NULL,
                           "its statements would be longer than D1 allows (limit sql); use shorter names");
}

/* A UNIQUE constraint has no name. */
D1T__PRIVATE bool d1t__has_index(const d1t_table *table, const char *name) {
    size_t i;
    for (i = 0; name && i < table->index_count; i++)
        if (table->indexes[i].name && d1t__same_name(table->indexes[i].name, name)) return true;
    return false;
}

D1T__PRIVATE d1t_result d1t__declare_table(d1t_client *db, const d1t_table *table) {
    size_t i, k;
    for (i = 0; i < db->table_count; i++) {
        if (db->shapes[i].table == table) return D1T_OK;
        if (d1t__same_name(db->shapes[i].table->name, table->name))
            return d1t__fail_table(&db->error, D1T_ERR_TABLE, table, NULL, "two different declarations have this name");
        for (k = 0; k < table->index_count; k++)
            if (d1t__has_index(db->shapes[i].table, table->indexes[k].name))
                return d1t__fail_table(&db->error, D1T_ERR_TABLE, table, table->indexes[k].name,
                                       "another table has an index of this name");
    }
    (void)d1t_shape_init(&db->shapes[db->table_count++], table);
    return d1t__check_length(db, &db->shapes[db->table_count - 1]);
}

D1T__PRIVATE size_t d1t__table_number(const d1t_client *db, const char *name) {
    size_t i;
    for (i = 0; i < db->table_count && !d1t__same_name(db->shapes[i].table->name, name); i++) {}
    return i;
}

/* Does a way of foreign keys lead from table `from` to table `to`? Marks what is reached until nothing is added. */
D1T__PRIVATE bool d1t__leads_to(d1t_client *db, size_t from, size_t to) {
    size_t i, f, k;
    bool more = true;
    for (i = 0; i < db->table_count; i++) db->shapes[i].reached = i == from;
    while (more && from < db->table_count && !db->shapes[to].reached) {
        more = false;
        for (i = 0; i < db->table_count; i++)
            for (f = 0; db->shapes[i].reached && f < db->shapes[i].table->foreign_key_count; f++) {
                k = d1t__table_number(db, db->shapes[i].table->foreign_keys[f].parent);
                if (k == db->table_count || db->shapes[k].reached) continue;
                db->shapes[k].reached = more = true;
            }
    }
    return from < db->table_count && db->shapes[to].reached;
}

/* The columns whose parents may come after their children: they are set when all rows are there. */
D1T__PRIVATE void d1t__find_late(d1t_client *db) {
    size_t i, f, c, column;
    for (i = 0; i < db->table_count; i++) {
        d1t_shape *s = &db->shapes[i];
        for (f = 0; f < s->table->foreign_key_count; f++) {
            const d1t_foreign_key *key = &s->table->foreign_keys[f];
            if (!d1t__leads_to(db, d1t__table_number(db, key->parent), i)) continue;
            s->cycle = s->cycle || !d1t__same_name(key->parent, s->table->name);
            for (c = 0; c < key->column_count; c++) {
                column = d1t_table_column(s->table, d1t_cstr(key->columns[c]));
                if (d1t__takes_value(&s->table->columns[column]) && !d1t__not_null(&s->table->columns[column]))
                    d1t__include(&s->late, column);
            }
        }
    }
}

D1T__PRIVATE d1t_result d1t__declare(d1t_client *db, const d1t_table *const *tables, size_t count) {
    d1t_result result = D1T_OK;
    size_t i, cap = db->table_count + count;
    void *p;
    if (!tables || count == 0)
        return d1t__error(db, D1T_ERR_ARG, "the list of tables is empty; give d1t_setup at least one table", NULL,
                          NULL);
    if (db->batch.live)
        return d1t__error(db, D1T_ERR_STATE, "rows are pending: flush before declaring more tables", NULL, NULL);
    for (i = 0; i < count && result == D1T_OK; i++) result = d1t_table_check(tables[i], &db->limits, &db->error);
    if (result != D1T_OK) return result;
    if (cap > db->table_cap) {
        p = d1t__resize(db->allocator, db->shapes, db->table_cap * sizeof *db->shapes, cap * sizeof *db->shapes);
        if (!p) return d1t__no_memory(db, "the tables");
        db->shapes = (d1t_shape *)p;
        db->table_cap = cap;
    }
    d1t__batch_reset(&db->batch);   /* its statements point to the shapes */
    for (i = 0; i < count && result == D1T_OK; i++) result = d1t__declare_table(db, tables[i]);
    d1t__rank_tables(db);
    if (D1T__HOLDS) d1t__find_late(db);
    return result;
}

#ifdef D1T_NO_PLAN

D1TDEF d1t_result d1t_setup_start(d1t_client *db, const d1t_table *const *tables, size_t count) {
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (db->setup != D1T_SETUP_TRUST)
        return d1t__error(db, D1T_ERR_UNSUPPORTED,
                          "this build has no plans (D1T_NO_PLAN): config.setup must be D1T_SETUP_TRUST", NULL, NULL);
    result = d1t__declare(db, tables, count);
    return result == D1T_OK ? d1t__start(db, D1T__TASK_FLUSH) : result;
}

#else

/* Memory for what a schema or a plan keeps: a schema of 1,000 wide tables takes 8 MB. */
D1T__PRIVATE size_t d1t__plan_memory(const d1t_client *db) {
    return db->max_kept < SIZE_MAX / 4 ? db->max_kept * 4 : SIZE_MAX;
}

D1T__PRIVATE d1t_result d1t__plan_job(d1t_client *db, uint8_t kind, d1t_plan *plan) {
    d1t__job *job;
    d1t_result result = d1t__start_job(db, kind, &job);
    if (result != D1T_OK) return result;
    job->plan = plan ? plan : &job->own_plan;
    d1t_arena_init(&job->arena, db->allocator, d1t__plan_memory(db));
    return D1T_OK;
}

/* An empty plan, with a list of its own of the declared tables. */
D1T__PRIVATE d1t_result d1t__plan_new(d1t_plan *plan, d1t_client *db, const d1t_plan_desc *desc) {
    const d1t_table **tables;
    size_t i;
    D1T_MEMSET(plan, 0, sizeof *plan);
    plan->desc = *desc;
    plan->db = db;
    d1t_arena_init(&plan->arena, db->allocator, d1t__plan_memory(db));
    if (desc->count >= SIZE_MAX / sizeof *tables) return D1T_ERR_NOMEM;
    tables = (const d1t_table **)d1t_arena_take(&plan->arena, (desc->count + 1) * sizeof *tables);
    plan->desc.tables = tables;
    for (i = 0; tables && i < desc->count; i++) tables[i] = desc->tables[i];
    return tables ? D1T_OK : D1T_ERR_NOMEM;
}

/* Without memory for the plan the task ends before it has begun. */
D1T__PRIVATE d1t_result d1t__plan_started(d1t_client *db, d1t_result result) {
    if (result == D1T_OK) return D1T_OK;
    d1t__end_task(db);
    return d1t__no_memory(db, "the plan");
}

D1TDEF d1t_result d1t_setup_start(d1t_client *db, const d1t_table *const *tables, size_t count) {
    d1t_plan_desc desc;
    d1t_result result = d1t__enter(db);
    if (result == D1T_OK) result = d1t__declare(db, tables, count);
    if (result != D1T_OK) return result;
    if (db->setup == D1T_SETUP_TRUST) return d1t__start(db, D1T__TASK_FLUSH);
    result = d1t__plan_job(db, D1T__TASK_SETUP, NULL);
    if (result != D1T_OK) return result;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.tables = tables;
    desc.count = count;
    desc.keep = true;
    ((d1t__job *)db->job)->allow = (d1t_effect)db->allow;
    return d1t__plan_started(db, d1t__plan_new(&((d1t__job *)db->job)->own_plan, db, &desc));
}

D1TDEF d1t_result d1t_plan_read_start(d1t_plan *plan, d1t_client *db, const d1t_plan_desc *desc) {
    d1t_result result = d1t__enter(db);
    bool empty = desc && (!desc->tables || desc->count == 0);
    if (plan) D1T_MEMSET(plan, 0, sizeof *plan);
    if (result == D1T_OK && (!plan || !desc || (empty && !desc->drift && !(desc->prune && desc->count == 0))))
        result = d1t__error(db, D1T_ERR_ARG, "d1t_plan_read needs a plan, and at least one table unless it is to prune",
                            NULL, NULL);
    if (result == D1T_OK && !desc->drift) result = d1t__check_declared(desc, &db->limits, &db->error);
    if (result == D1T_OK) result = d1t__plan_job(db, D1T__TASK_PLAN_READ, plan);
    return result == D1T_OK ? d1t__plan_started(db, d1t__plan_new(plan, db, desc)) : result;
}

/* The name as it was declared, which outlives the plan; NULL: it was not. */
D1T__PRIVATE const char *d1t__declared_name(const d1t_plan *plan, const char *table) {
    size_t i;
    for (i = 0; i < plan->desc.count && !plan->desc.drift; i++)
        if (d1t__same_name(plan->desc.tables[i]->name, table)) return plan->desc.tables[i]->name;
    return NULL;
}

D1T__PRIVATE d1t_result d1t__plan_refused(d1t_client *db, const d1t_plan *plan, const char *why) {
    const d1t_plan_step *step = plan->steps;
    while (step && (plan->refused ? step->kind != D1T_REFUSED : step->kind == D1T_NOTE || step->effect < plan->effect))
        step = step->next;
    d1t__error(db, D1T_ERR_SCHEMA, why, step ? step->text : NULL, NULL);
    if (step) db->error.table = d1t__declared_name(plan, step->table);
    return db->error.code;
}

/* May the plan be applied? */
D1T__PRIVATE d1t_result d1t__plan_allowed(d1t_client *db, const d1t_plan *plan, d1t_effect allow) {
    if (plan->refused) return d1t__plan_refused(db, plan, "the plan has a step that is refused: ");
    if (plan->effect > allow) return d1t__plan_refused(db, plan, "a step is worse than allowed: ");
    return D1T_OK;
}

D1TDEF d1t_result d1t_schema_read_start(d1t_schema *schema, d1t_client *db) {
    d1t_result result = d1t__enter(db);
    if (result == D1T_OK && (!schema || !schema->arena))
        result = d1t__error(db, D1T_ERR_ARG, "d1t_schema_read needs a schema with an arena", NULL, NULL);
    if (result == D1T_OK) result = d1t__plan_job(db, D1T__TASK_SCHEMA_READ, NULL);
    if (result == D1T_OK) ((d1t__job *)db->job)->read = schema;
    return result;
}

D1TDEF d1t_result d1t_plan_apply_start(d1t_plan *plan, d1t_effect allow) {
    d1t_client *db = plan ? plan->db : NULL;
    d1t_result result = d1t__enter(db);
    if (result == D1T_OK) result = d1t__plan_allowed(db, plan, allow);
    if (result != D1T_OK) return result;
    if (plan->step_count == 0) return d1t__start(db, D1T__TASK_FLUSH);
    result = d1t__plan_job(db, D1T__TASK_PLAN_APPLY, plan);
    if (result != D1T_OK) return result;
    ((d1t__job *)db->job)->allow = allow;
    db->task.phase = D1T__PHASE_APPLY;
    return D1T_OK;
}

/* ---- reading: the records and the schema in one request; then, if the plan needs it, what has to be counted */

/* Before a reply is read again. */
D1T__PRIVATE void d1t__plan_forget(d1t__job *job) {
    job->counting = job->planner ? job->planner->counts : NULL;
    if (job->planner) return;
    d1t_arena_free(&job->arena);
    D1T_MEMSET(&job->schema, 0, sizeof job->schema);
    job->schema.arena = &job->arena;
}

D1T__PRIVATE int d1t__schema_failed(d1t__job *job, d1t_result result) {
    if (result == D1T_OK) return 0;
    if (result == D1T_ERR_NOMEM) (void)d1t__no_memory(job->db, "the schema");
    else (void)d1t__error(job->db, result, "reading the schema: ", d1t_result_text(result), NULL);
    return 1;
}

/* A row of the schema (one text) or of the records (name, version, state). */
D1T__PRIVATE int d1t__schema_row(void *ctx, const d1t_row *row) {
    d1t__job *job = (d1t__job *)ctx;
    const d1t_value *v = row->values;
    d1t_result result = D1T_ERR_PROTOCOL;
    if (row->count == 1 && v[0].kind == D1T_KIND_TEXT) {
        result = d1t_schema_add(&job->schema, v[0].u.s);
    } else if (row->count == 3 && v[0].kind == D1T_KIND_TEXT && v[1].kind == D1T_KIND_INT) {
        d1t_str state = v[2].kind == D1T_KIND_TEXT ? v[2].u.s : d1t_bytes(NULL, 0);
        result = d1t_schema_add_record(&job->schema, v[0].u.s, (uint64_t)v[1].u.i, state);
    }
    return d1t__schema_failed(job, result);
}

D1T__PRIVATE void d1t__plan_begin_read(d1t_client *db, d1t__job *job) {
    if (job->planner) d1t_buffer_free(&job->planner->text);
    job->planner = NULL;
    job->schema.arena = &job->arena;
    d1t__rows_forget(job);
    job->handed = false;
    job->own[0].sql = job->no_record ? d1t_schema_sql() : d1t_schema_record_sql();
    job->own[1].sql = d1t_schema_sql();
    job->statements = job->own;
    job->count = job->no_record ? 1 : 2;
    job->on_row = d1t__schema_row;
    job->row_ctx = job;
    d1t__job_send(db, d1t__rows_reply, true);
}

D1T__PRIVATE int d1t__count_row(void *ctx, const d1t_row *row) {
    d1t__job *job = (d1t__job *)ctx;
    d1t__tally *c = job->counting;
    const d1t_value *v = row->values;
    if (!c || row->count != 2 || v[0].kind != D1T_KIND_INT) return d1t__schema_failed(job, D1T_ERR_PROTOCOL);
    c->rows = (uint64_t)v[0].u.i;
    if (c->step && v[1].kind == D1T_KIND_TEXT) {
        c->step->example = d1t_arena_text(&job->plan->arena, v[1].u.s);
        if (!c->step->example) return d1t__schema_failed(job, D1T_ERR_NOMEM);
    }
    job->counting = c->next;
    return 0;
}

D1T__PRIVATE void d1t__plan_begin_count(d1t_client *db, d1t__job *job) {
    d1t__rows_forget(job);
    job->handed = false;
    job->statements = job->planner->queries;
    job->count = job->planner->count_count;
    job->on_row = d1t__count_row;
    d1t__job_send(db, d1t__rows_reply, true);
}

/* The statements carry a guard that refuses a second time, but a refusal would not tell whose change it saw: after an
   unknown outcome the schema is read again. */
D1T__PRIVATE void d1t__plan_begin_apply(d1t_client *db, d1t__job *job) {
    job->handed = false;
    job->on_row = NULL;
    job->statements = job->plan->statements;
    job->count = job->plan->statement_count;
    d1t__job_send(db, NULL, false);
}

/* ---- what follows from what was read */

D1T__PRIVATE void d1t__plan_failed(d1t_client *db, d1t_result result) {
    if (result == D1T_ERR_NOMEM) {
        D1T_MEMSET(&db->error, 0, sizeof db->error);
        (void)d1t__no_memory(db, "the plan");
    } else if (result == D1T_ERR_LIMIT) {
        (void)d1t__error(db, result, "a statement of the plan is longer than D1 allows (limit sql)", NULL, NULL);
    } else {
        (void)d1t__error(db, result, d1t_result_text(result), NULL, NULL);
    }
}

/* Does the plan change nothing but what is written down? */
D1T__PRIVATE bool d1t__only_records(const d1t_plan *plan) {
    const d1t_plan_step *step = plan->steps;
    while (step && (step->kind == D1T_RECORD || step->kind == D1T_NOTE)) step = step->next;
    return !step;
}

/* The plan is complete: is it to be applied, and may it be? */
D1T__PRIVATE void d1t__plan_ready(d1t_client *db, d1t__job *job) {
    d1t_plan *plan = job->plan;
    d1t_result result;
    job->planner->counted = job->planner->counts == NULL || db->task.phase == D1T__PHASE_COUNT;
    result = d1t__plan_finish(job->planner);
    job->planner = NULL;
    db->task.phase = D1T__PHASE_END;
    db->task.unsure = false;
    if (result != D1T_OK) d1t__plan_failed(db, result);
    if (result != D1T_OK || db->task.kind == D1T__TASK_PLAN_READ || plan->step_count == 0) return;
    if (db->task.kind == D1T__TASK_SETUP && db->setup == D1T_SETUP_VERIFY && d1t__only_records(plan)) return;
    if (db->task.kind == D1T__TASK_SETUP && (plan->refused || db->setup == D1T_SETUP_VERIFY))
        (void)d1t__plan_refused(db, plan, plan->refused ? "the schema in D1 differs: " :
                                "the schema in D1 differs (setup mode verify): ");
    else if (d1t__plan_allowed(db, plan, job->allow) == D1T_OK) db->task.phase = D1T__PHASE_APPLY;
}

/* The schema has been read: what follows from the difference? */
D1T__PRIVATE void d1t__plan_compare(d1t_client *db, d1t__job *job) {
    d1t_plan *plan = job->plan;
    d1t_plan_desc desc = plan->desc;
    d1t_arena old = plan->arena;
    d1t_result result = d1t_schema_end(&job->schema), made = d1t__plan_new(plan, db, &desc);
    d1t_arena_free(&old);
    if (result == D1T_OK) result = made;
    if (result == D1T_OK) job->planner = d1t__plan_begin(plan, &job->schema, &db->limits, &result, &db->error);
    db->task.phase = D1T__PHASE_END;
    if (result != D1T_OK) d1t__plan_failed(db, result);
    else if (job->planner->counts) db->task.phase = D1T__PHASE_COUNT;
    else d1t__plan_ready(db, job);
}

/* What was read becomes the caller's. */
D1T__PRIVATE void d1t__schema_hand_over(d1t_client *db, d1t__job *job) {
    d1t_arena *arena = job->read->arena;
    db->task.phase = D1T__PHASE_END;
    if (d1t__schema_failed(job, d1t_schema_end(&job->schema))) return;
    d1t_arena_free(arena);
    *arena = job->arena;
    D1T_MEMSET(&job->arena, 0, sizeof job->arena);
    *job->read = job->schema;
    job->read->arena = arena;
    job->read->reader = NULL;
}

D1T__PRIVATE void d1t__plan_applied(d1t_client *db, d1t__job *job) {
    const d1t_plan_step *step;
    d1t_event event;
    for (step = job->plan->steps; step; step = step->next) {
        if (step->kind == D1T_NOTE) continue;
        D1T_MEMSET(&event, 0, sizeof event);
        event.what = D1T_EVENT_SETUP;
        event.table = step->table;
        d1t__emit(db, &event);
    }
    job->no_record = false;
    db->task.rounds = 0;
    db->task.phase = job->plan->more ? D1T__PHASE_MAIN : D1T__PHASE_END;
}

/* Rows in D1 do not meet what the plan declares. A rebuild copies them into a table of a passing name. */
D1T__PRIVATE void d1t__plan_constraint(d1t_client *db, const d1t_plan *plan, struct d1t__cause *cause) {
    d1t_str said = d1t_server_text(db);
    size_t i, at = d1t__find(said, cause->phrase) + d1t__strlen(cause->phrase);
    if (d1t__begins(d1t_bytes(said.p + at, said.n - at), D1T__NEW)) at += d1t__strlen(D1T__NEW);
    for (i = 0; i < plan->desc.count && !plan->desc.drift; i++)
        d1t__name_column(cause, said, at, plan->desc.tables[i]);
    d1t__fail_with(db, cause);
    d1t__say(&db->error, "; rows in D1 do not fit what the plan declares: mend them, or declare less; nothing was ",
             "applied", NULL);
}

/* A view or trigger that names what is not there stops every ALTER TABLE ... RENAME of the database. */
D1T__PRIVATE void d1t__say_broken(d1t_client *db) {
    static const char *const kinds[] = {"error in view ", "error in trigger "};
    d1t_str said = d1t_server_text(db);
    char name[64];
    size_t i, at, end;
    for (i = 0; i < D1T__COUNT(kinds); i++) {
        at = d1t__find(said, kinds[i]);
        if (at == said.n) continue;
        at += d1t__strlen(kinds[i]);
        for (end = at; end < said.n && said.p[end] != ':'; end++) {}
        d1t__copy_short(name, sizeof name, d1t_bytes(said.p + at, end - at));
        d1t__say(&db->error, "; ", kinds[i], name);
        d1t__say(&db->error, ": drop it, or mend what it names", NULL, NULL);
    }
}

/* Did the guard of a plan see another schema than the one that was read? */
D1T__PRIVATE bool d1t__is_conflict(const d1t_client *db) {
    return d1t__contains(d1t_server_text(db), "'d1t conflict");
}

D1T__PRIVATE void d1t__plan_conflict(d1t_client *db) {
    d1t__error(db, D1T_ERR_CONFLICT, "another program changed the schema since it was read; nothing was applied, plan "
               "again", NULL, NULL);
    db->error.retryable = true;
}

/* A refused batch, in the words of its guards. */
D1T__PRIVATE void d1t__plan_batch_error(d1t_client *db, const d1t__job *job) {
    d1t_str said = d1t_server_text(db);
    const d1t_plan_step *step;
    bool conflict = d1t__is_conflict(db), orphans = d1t__contains(said, "'d1t fk ");
    struct d1t__cause cause = d1t__cause_of(db);
    if (!conflict && !orphans && cause.phrase && cause.code == D1T_ERR_CONSTRAINT) {
        d1t__plan_constraint(db, job->plan, &cause);
        return;
    }
    if (!conflict && !orphans) {
        d1t__fail_with(db, &cause);
        d1t__say_broken(db);
        return;
    }
    if (conflict) d1t__plan_conflict(db);
    else d1t__error(db, D1T_ERR_CONSTRAINT, "rows would be left without their parent; nothing was applied", NULL, NULL);
    db->error.outcome = D1T_NOT_APPLIED;
    db->error.http_status = cause.http_status;
    db->error.d1_code = cause.d1_code;
    for (step = job->plan->steps; step && orphans; step = step->next) {
        size_t at = d1t__find(said, "'d1t fk ") + 8;
        size_t end = at + d1t__strlen(step->table);
        if (!d1t__begins(d1t_bytes(said.p + at, said.n - at), step->table)) continue;
        if (end < said.n && said.p[end] != '\'') continue;  /* of ab, not of a */
        d1t__say(&db->error, ": table ", step->table, NULL);
        db->error.table = d1t__declared_name(job->plan, step->table);
        return;
    }
}

/* The request of a plan failed: there may be no records yet, the schema may have changed, or it may have been applied
   all the same. False: the error stands. */
D1T__PRIVATE bool d1t__plan_goes_on(d1t_client *db, d1t__job *job) {
    struct d1t__task *task = &db->task;
    bool conflict = db->op.code == D1T_ERR_PRECONDITION && d1t__is_conflict(db);
    if (task->phase == D1T__PHASE_MAIN && !job->no_record && db->op.code == D1T_ERR_SQL &&
        d1t__contains(d1t_server_text(db), "no such table: _d1t_setup")) {
        job->no_record = true;
        return true;
    }
    if (task->phase != D1T__PHASE_APPLY || task->rounds >= 3) return false;
    if (db->op.outcome != D1T_UNKNOWN && !(conflict && (task->kind == D1T__TASK_SETUP || task->unsure))) return false;
    task->unsure = task->unsure || db->op.outcome == D1T_UNKNOWN;
    task->rounds++;
    task->phase = D1T__PHASE_MAIN;
    job->no_record = false;
    return true;
}

#endif /* D1T_NO_PLAN */

#ifdef D1T__JOBS

/* ---- the requests of a job */

D1T__PRIVATE void d1t__job_begin(d1t_client *db) {
    d1t__job *job = (d1t__job *)db->job;
    if (!job) {
        db->task.phase = D1T__PHASE_END;
        return;
    }
#ifndef D1T_NO_PLAN
    if (job->plan) {
        if (db->task.phase == D1T__PHASE_APPLY) d1t__plan_begin_apply(db, job);
        else if (db->task.phase == D1T__PHASE_COUNT) d1t__plan_begin_count(db, job);
        else d1t__plan_begin_read(db, job);
        return;
    }
#endif
    d1t__job_send(db, job->on_row ? d1t__rows_reply : NULL, db->task.kind == D1T__TASK_QUERY);
}

#ifndef D1T_NO_PLAN

D1T__PRIVATE void d1t__plan_settled(d1t_client *db, d1t__job *job) {
    struct d1t__task *task = &db->task;
    if (db->op.code != D1T_OK) {
        if (db->error.code != D1T_OK || d1t__plan_goes_on(db, job)) return;
        d1t__plan_batch_error(db, job);
        if (task->unsure) db->error.outcome = D1T_UNKNOWN;  /* of the steps that the schema was read again for */
    } else if (task->phase == D1T__PHASE_APPLY) {
        d1t__plan_applied(db, job);
    } else if (task->phase == D1T__PHASE_COUNT) {
        d1t__plan_ready(db, job);
    } else if (task->kind == D1T__TASK_SCHEMA_READ) {
        d1t__schema_hand_over(db, job);
    } else {
        d1t__plan_compare(db, job);
    }
}

#endif

D1T__PRIVATE void d1t__job_settled(d1t_client *db) {
    db->task.has_op = false;
#ifndef D1T_NO_PLAN
    if (((d1t__job *)db->job)->plan) {
        d1t__plan_settled(db, (d1t__job *)db->job);
        return;
    }
#endif
    if (db->op.code != D1T_OK) d1t__op_error(db);
    db->task.phase = D1T__PHASE_END;
}

#else   /* a build that only writes */

D1T__PRIVATE void d1t__free_job(d1t_client *db) {
    (void)db;
}

D1T__PRIVATE void d1t__job_begin(d1t_client *db) {
    db->task.phase = D1T__PHASE_END;
}

D1T__PRIVATE void d1t__job_settled(d1t_client *db) {
    db->task.phase = D1T__PHASE_END;
}

#endif /* D1T__JOBS */

/* ---- >>query (implementation) --------------------------------------------------------------------------------- */

#ifdef D1T__JOBS

/* Where a name or a value of the row being read stands in the text. */
typedef struct d1t__place {
    size_t  at, n;
    uint8_t json;       /* d1t_json_kind; ARRAY: a blob */
} d1t__place;

D1T__PRIVATE d1t_result d1t__rows_fault(d1t__job *job, d1t_result code, const char *what, size_t column) {
    d1t__place *p = (d1t__place *)(void *)job->cells.p + column;
    d1t_error *e = &job->db->error;
    char name[40];
    d1t__fail(e, code, "result column ", NULL, NULL);
    d1t__copy_short(name, sizeof name, d1t_bytes(job->text.p + p->at, p->n));
    d1t__say(e, job->table ? name : "", job->table ? "" : "number ", NULL);
    if (!job->table) d1t__say_number(e, column + 1);
    d1t__say(e, ": ", what, NULL);
    return code;
}

/* Adds a piece of the text of the newest place. */
D1T__PRIVATE d1t_result d1t__rows_piece(d1t__job *job, d1t_str piece, bool first, uint8_t json) {
    d1t__place place, *newest;
    d1t_result result = D1T_OK;
    if (first) {
        D1T_MEMSET(&place, 0, sizeof place);    /* its padding is copied too */
        place.at = job->text.n;
        place.n = 0;
        place.json = json;
        result = d1t_buffer_add(&job->cells, &place, sizeof place);
    }
    if (result == D1T_OK) result = d1t_buffer_add(&job->text, piece.p, piece.n);
    if (result == D1T_ERR_TOO_BIG)
        d1t__error(job->db, result, "a row of the result is larger than config.max_kept", NULL, NULL);
    if (result == D1T_ERR_NOMEM) result = d1t__no_memory(job->db, "a row of the result");
    if (result != D1T_OK) return result;
    newest = (d1t__place *)(void *)(job->cells.p + job->cells.n) - 1;
    newest->n += piece.n;
    return D1T_OK;
}

/* A blob arrives as an array of byte numbers. */
D1T__PRIVATE d1t_result d1t__rows_byte(d1t__job *job, const d1t_reply_event *e) {
    char byte;
    size_t i;
    if (e->json != D1T_JSON_NUMBER) return D1T_ERR_PROTOCOL;
    if (e->first) job->byte = 0;
    for (i = 0; i < e->text.n; i++) {
        if (!d1t__is_digit(e->text.p[i]) || job->byte > 255) return D1T_ERR_PROTOCOL;
        job->byte = job->byte * 10 + (uint32_t)(e->text.p[i] - '0');
    }
    if (!e->last) return D1T_OK;
    byte = (char)(unsigned char)(job->byte & 255u);
    return job->byte > 255 ? D1T_ERR_PROTOCOL : d1t__rows_piece(job, d1t_bytes(&byte, 1), false, 0);
}

D1T__PRIVATE bool d1t__parse_digits(d1t_str s, size_t at, size_t n, int64_t *out) {
    return at + n <= s.n && s.p[at] != '-' && d1t_parse_int(d1t_bytes(s.p + at, n), out);
}

#ifndef D1T_NO_TIME

/* HH:MM:SS.ffffff as microseconds. */
D1T__PRIVATE bool d1t__parse_time(d1t_str s, int64_t *us) {
    int64_t h, m, sec, f = 0;
    if (s.n < 8 || s.p[2] != ':' || s.p[5] != ':' || !d1t__parse_digits(s, 0, 2, &h) ||
        !d1t__parse_digits(s, 3, 2, &m) || !d1t__parse_digits(s, 6, 2, &sec))
        return false;
    if (s.n != 8 && (s.n != 15 || s.p[8] != '.' || !d1t__parse_digits(s, 9, 6, &f))) return false;
    *us = ((h * 60 + m) * 60 + sec) * 1000000 + f;
    return true;
}

/* The ISO text that this header writes, back into a value. */
D1T__PRIVATE bool d1t__parse_temporal(d1t_str s, d1t_type type, d1t_value *v) {
    int64_t y, m, d, us = 0, h = 0, minutes = 0;
    size_t zone = s.n;
    *v = d1t__value_int(type == D1T_DATE ? D1T_KIND_DATE : type == D1T_TIME ? D1T_KIND_TIME : type == D1T_TIMESTAMP ?
                        D1T_KIND_TIMESTAMP : D1T_KIND_TIMESTAMPTZ, 0);
    if (type == D1T_TIME) return d1t__parse_time(s, &v->u.i);
    if (s.n < 10 || s.p[4] != '-' || s.p[7] != '-' || !d1t__parse_digits(s, 0, 4, &y) ||
        !d1t__parse_digits(s, 5, 2, &m) || !d1t__parse_digits(s, 8, 2, &d))
        return false;
    v->u.i = d1t__days((int32_t)y, (int32_t)m, (int32_t)d);
    if (type == D1T_DATE) return s.n == 10;
    if (s.n < 11 || s.p[10] != 'T') return false;
    if (type == D1T_TIMESTAMPTZ && s.p[s.n - 1] == 'Z') {
        zone = s.n - 1;
    } else if (type == D1T_TIMESTAMPTZ) {
        zone = s.n - 6;
        if (s.n < 25 || s.p[s.n - 3] != ':' || !d1t__parse_digits(s, zone + 1, 2, &h) ||
            !d1t__parse_digits(s, zone + 4, 2, &minutes))
            return false;
        v->offset = (int32_t)(h * 60 + minutes) * (s.p[zone] == '-' ? -1 : 1);
    }
    if (!d1t__parse_time(d1t_bytes(s.p + 11, zone - 11), &us)) return false;
    v->u.i = v->u.i * INT64_C(86400000000) + us - (int64_t)v->offset * 60000000;
    return true;
}

#endif /* D1T_NO_TIME */

/* A number as D1's JSON has it. */
D1T__PRIVATE d1t_result d1t__value_of_number(d1t__job *job, d1t_str text, bool real, size_t column, d1t_value *v) {
    const int64_t exact = INT64_C(9007199254740991);
    int64_t i;
    if (!real && d1t_parse_int(text, &i) && i >= -exact && i <= exact) {
        *v = d1t_int(i);
        return D1T_OK;
    }
    if (!real && !d1t__contains(text, ".") && !d1t__contains(text, "e") && !d1t__contains(text, "E"))
        return d1t__rows_fault(job, D1T_ERR_INEXACT,
                               "an integer of 2^53 or more may have been rounded by D1's JSON; select "
                               "CAST(... AS TEXT), or use d1t_read",
                               column);
#ifndef D1T_NO_FLOAT
    *v = d1t_double(0);
    return d1t_parse_double(text, &v->u.d) ? D1T_OK : D1T_ERR_PROTOCOL;
#else
    return d1t__rows_fault(job, D1T_ERR_UNSUPPORTED, "this build has no doubles (D1T_NO_FLOAT)", column);
#endif
}

/* ANY and NUMERIC columns are read with their kind in front: i, t, or r (infinite). */
D1T__PRIVATE bool d1t__tells_kind(const d1t_column *c) {
    return c->type == D1T_ANY || c->type == D1T_NUMERIC;
}

D1T__PRIVATE bool d1t__value_of_any(d1t_str text, d1t_value *v) {
    d1t_str rest = d1t_bytes(text.p + 1, text.n - 1);
    if (text.n == 0) return false;
    *v = text.p[0] == 't' ? d1t_text_n(rest.p, rest.n) : d1t_int(0);
    if (text.p[0] == 't') return true;
    if (text.p[0] == 'i') return d1t_parse_int(rest, &v->u.i);
#ifndef D1T_NO_FLOAT
    v->kind = D1T_KIND_DOUBLE;
    return d1t_parse_double(d1t_cstr(rest.n && rest.p[0] == '-' ? "-9e999" : "9e999"), &v->u.d);
#else
    return false;
#endif
}

/* A text of a declared table's column, by its kind. */
D1T__PRIVATE bool d1t__value_of_text(char *p, size_t n, const d1t_column *c, d1t_value *v) {
    char uuid[16];
    d1t_str s = d1t_bytes(p, n);
    *v = d1t_text_n(p, n);
    switch (c->type) {
        case D1T_INTEGER: case D1T_BOOL:
            *v = d1t_int(0);
            if (c->type == D1T_BOOL) v->kind = D1T_KIND_BOOL;
            return d1t_parse_int(s, &v->u.i);
        case D1T_ANY: case D1T_NUMERIC: return d1t__value_of_any(s, v);
#ifndef D1T_NO_FLOAT
        case D1T_REAL:
            *v = d1t_double(0);
            return d1t_parse_double(d1t_cstr(d1t__begins(s, "-") ? "-9e999" : "9e999"), &v->u.d) &&
                   d1t__contains(s, "Inf");
#else
        case D1T_REAL: return false;
#endif
        case D1T_JSON: v->kind = D1T_KIND_JSON; break;
        case D1T_UUID:
            if (!d1t__parse_uuid(s, uuid)) return false;
            D1T_MEMCPY(p, uuid, 16);
            *v = d1t__value_bytes(D1T_KIND_UUID, p, 16);
            break;
        case D1T_DATE:
        case D1T_TIME:
        case D1T_TIMESTAMP:
        case D1T_TIMESTAMPTZ:
#ifndef D1T_NO_TIME
            return d1t__parse_temporal(s, c->type, v);
#else
            return false;
#endif
        case D1T_TEXT: case D1T_BLOB: case D1T_VECTOR: break;
    }
    return true;
}

/* Little-endian floats into the machine's order, in place. */
D1T__PRIVATE void d1t__vector_in_place(char *p, size_t n) {
    uint32_t v;
    size_t i, k;
    for (i = 0; i + 4 <= n; i += 4) {
        for (v = 0, k = 4; k-- > 0; ) v = v << 8 | (unsigned char)p[i + k];
        D1T_MEMCPY(p + i, &v, 4);
    }
}

D1T__PRIVATE d1t_result d1t__rows_value(d1t__job *job, size_t column, const d1t__place *place, d1t_value *v) {
    const d1t_column *c = job->table && column < job->table->column_count ? &job->table->columns[column] : NULL;
    char *p = job->text.p + place->at;
    switch (place->json) {
        case D1T_JSON_NULL: *v = d1t_null(); return D1T_OK;
        case D1T_JSON_TRUE: case D1T_JSON_FALSE: *v = d1t_bool(place->json == D1T_JSON_TRUE); return D1T_OK;
        case D1T_JSON_NUMBER:
            return d1t__value_of_number(job, d1t_bytes(p, place->n),
                                        c && (c->type == D1T_REAL || d1t__tells_kind(c)),
                                        column, v);
        case D1T_JSON_STRING:
            *v = d1t_text_n(p, place->n);
            if (!c || d1t__value_of_text(p, place->n, c, v)) return D1T_OK;
            return d1t__rows_fault(job, D1T_ERR_VALUE, "a stored value is not of the declared kind", column);
        default:
            if (c && c->type == D1T_VECTOR) d1t__vector_in_place(p, place->n);
            *v = d1t__value_bytes(c && c->type == D1T_VECTOR ? D1T_KIND_VECTOR : D1T_KIND_BLOB, p, place->n);
            return D1T_OK;
    }
}

/* The row is complete: names and values are made of the places, and the caller gets them. */
D1T__PRIVATE d1t_result d1t__rows_hand(d1t__job *job) {
    const d1t__place *places = (const d1t__place *)(const void *)job->cells.p;
    size_t all = job->cells.n / sizeof *places, count = all - job->columns, i;
    d1t_client *db = job->db;
    d1t_str *names;
    d1t_value *values;
    d1t_row row;
    d1t_result result;
    int stop;
    bool busy;
    if (count != job->columns) return D1T_ERR_PROTOCOL;
    job->out.n = 0;
    result = d1t_buffer_reserve(&job->out, count * (sizeof *names + sizeof *values) + 8);
    if (result != D1T_OK) return d1t__no_memory(db, "a row of the result");
    values = (d1t_value *)(void *)job->out.p;
    names = (d1t_str *)(void *)(job->out.p + count * sizeof *values);
    for (i = 0; i < count && result == D1T_OK; i++) {
        names[i] = d1t_bytes(job->text.p + places[i].at, places[i].n);
        result = d1t__rows_value(job, i, &places[count + i], &values[i]);
    }
    if (result != D1T_OK) return result;
    row.names = names;
    row.values = values;
    row.count = count;
    job->handed = true;
    busy = db->busy;
    db->busy = true;
    stop = job->on_row(job->row_ctx, &row);
    db->busy = busy;    /* inside perform it was true already */
    job->text.n = job->names_end;
    job->cells.n = count * sizeof *places;
    if (stop) d1t__error(db, D1T_ERR_CANCELED, "the row callback asked to stop", NULL, NULL);
    return stop ? db->error.code : D1T_OK;
}

D1T__PRIVATE void d1t__rows_restart(d1t__job *job) {
    job->text.n = job->cells.n = 0;
    job->columns = job->names_end = 0;
    job->in_blob = false;
}

/* Puts the pieces of the reply together, row by row. */
D1T__PRIVATE d1t_result d1t__rows_reply(void *ctx, const d1t_reply_event *e) {
    d1t__job *job = (d1t__job *)ctx;
    d1t_result result;
    if (e->statement >= job->count) return D1T_OK;
    if (e->kind == D1T_REPLY_STATEMENT) {   /* the next one has columns of its own */
        d1t__rows_restart(job);
        return job->db->op.reply.shaped ? D1T_OK : D1T_ERR_PROTOCOL;
    }
    if (e->kind == D1T_REPLY_ROW) return d1t__rows_hand(job);
    if (e->kind == D1T_REPLY_CELL && e->json == D1T_JSON_ARRAY_END) {
        job->in_blob = false;
        return D1T_OK;
    }
    if (job->in_blob) return d1t__rows_byte(job, e);
    job->in_blob = e->kind == D1T_REPLY_CELL && e->json == D1T_JSON_ARRAY;
    result = d1t__rows_piece(job, e->text, e->first, (uint8_t)e->json);
    if (e->kind == D1T_REPLY_COLUMN && e->last) {
        job->columns++;
        job->names_end = job->text.n;
    }
    return result;
}

/* Before a reply is read again. The rows of the schema can be taken back; a caller's cannot. */
D1T__PRIVATE void d1t__rows_forget(void *ctx) {
    d1t__job *job = (d1t__job *)ctx;
    d1t__rows_restart(job);
    if (job->restart) job->restart(job->row_ctx);
#ifndef D1T_NO_PLAN
    if (job->schema.arena) d1t__plan_forget(job);
#endif
}

D1T__PRIVATE bool d1t__rows_untouched(void *ctx) {
    const d1t__job *job = (const d1t__job *)ctx;
    return !job->handed || job->again || job->schema.arena;
}

#endif /* D1T__JOBS */

#ifndef D1T_NO_QUERY

/* Only reads may be sent again after an unknown outcome, and nobody but the caller knows what else a statement does. */
D1T__PRIVATE bool d1t__reads_only(const char *sql) {
    static const char writes[] = "INSERT\0" "UPDATE\0" "DELETE\0" "REPLACE\0";
    static const char reads[] = "SELECT\0" "WITH\0" "VALUES\0" "EXPLAIN\0" "PRAGMA\0";
    d1t_str s = d1t_cstr(sql);
    size_t pos = 0, open = 0;
    d1t_sql_token t = d1t_sql_next(s, &pos);
    if (t.kind != D1T_SQL_WORD || !d1t__is_in(reads, t.text)) return false;
    if (!d1t_str_equal_nocase(t.text, d1t_cstr("WITH"))) return true;
    for (t = d1t_sql_next(s, &pos); t.kind != D1T_SQL_END; t = d1t_sql_next(s, &pos)) {
        if (t.kind == D1T_SQL_SYMBOL) open += t.text.p[0] == '(' ? 1u : t.text.p[0] == ')' ? (size_t)-1 : 0u;
        if (t.kind == D1T_SQL_WORD && open == 0 && d1t__is_in(writes, t.text)) return false;
    }
    return true;
}

/* Checks statements before anything is sent: the text with its rewritten parameters, and its length. */
D1T__PRIVATE d1t_result d1t__check_statements(d1t_client *db, const d1t_statement *statements, size_t count) {
    d1t_result result = D1T_OK;
    d1t_writer w;
    size_t i;
    for (i = 0; i < count && result == D1T_OK; i++) {
        if (!statements[i].sql || (statements[i].arg_count && !statements[i].args))
            return d1t__error(db, D1T_ERR_ARG, "a statement or its arguments are NULL", NULL, NULL);
        d1t_writer_counting(&w);
        result = d1t_write_statement_sql(&w, &statements[i], &db->error);
        if (result == D1T_OK && w.total > db->limits.sql) {
            db->error.need = w.total;
            result =
                d1t__error(db, D1T_ERR_LIMIT, "statement: its text is longer than D1 allows (limit sql)", NULL, NULL);
        }
    }
    return result;
}

D1T__PRIVATE d1t_result d1t__rows_job(d1t_client *db, d1t_on_row on_row, void *ctx, d1t__job **job) {
    d1t_result result = d1t__start_job(db, D1T__TASK_QUERY, job);
    if (result != D1T_OK) return result;
    (*job)->on_row = on_row;
    (*job)->row_ctx = ctx;
    (*job)->statements = (*job)->own;
    (*job)->count = 1;
    return D1T_OK;
}

/* Ends a task that was begun but cannot go on. */
D1T__PRIVATE d1t_result d1t__give_up(d1t_client *db, d1t_result result) {
    d1t__end_task(db);
    return result;
}

D1TDEF d1t_result d1t_query_start(d1t_client *db, const char *sql, const d1t_value *args, size_t count,
                                  d1t_on_row on_row, void *ctx) {
    d1t_statement s;
    d1t__job *job;
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    s.sql = sql;
    s.args = args;
    s.arg_count = count;
    if (!on_row) return d1t__error(db, D1T_ERR_ARG, "d1t_query needs a row callback", NULL, NULL);
    result = d1t__check_statements(db, &s, 1);
    if (result != D1T_OK) return result;
    if (!d1t__reads_only(sql))
        return d1t__error(db, D1T_ERR_SQL, "statement: d1t_query only reads; give a statement that writes to d1t_exec",
                          NULL, NULL);
    result = d1t__rows_job(db, on_row, ctx, &job);
    if (result == D1T_OK) job->own[0] = s;
    return result;
}

/* A column so that its JSON is exact: integers as text, infinities by name, ANY and NUMERIC with their kind. */
D1T__PRIVATE const char *d1t__read_form(d1t_type type) {
    if (type == D1T_INTEGER || type == D1T_BOOL) return "CAST(~ AS TEXT) AS ~";
    if (type == D1T_REAL) return "CASE WHEN ~ IN (9e999,-9e999) THEN iif(~>0,'Inf','-Inf') ELSE ~ END AS ~";
    if (type != D1T_ANY && type != D1T_NUMERIC) return "~ AS ~";
    return "CASE typeof(~) WHEN 'integer' THEN 'i'||~ WHEN 'text' THEN 't'||~ WHEN 'real' THEN "
           "CASE WHEN ~ IN (9e999,-9e999) THEN iif(~>0,'r+','r-') ELSE ~ END ELSE ~ END AS ~";
}

/* limit 0: all rows. */
D1T__PRIVATE void d1t__write_read(d1t_writer *w, const d1t_table *t, const char *where_sql, uint32_t limit) {
    d1t__blank of = d1t__blank_of(t);
    size_t i, keys = 0;
    for (i = 0; i < t->column_count; i++) {
        of.column = &t->columns[i];
        d1t_write_text(w, i ? "," : "SELECT ");
        d1t__write_form(w, &of, d1t__read_form(of.column->type));
    }
    d1t__write_form(w, &of, " FROM @ AS d1t_t");
    if (where_sql) d1t_write_text(w, " WHERE (");
    if (where_sql) d1t_write_text(w, where_sql);
    if (where_sql) d1t_write_text(w, ")");
    d1t_write_text(w, " ORDER BY ");
    for (i = 0; i < t->column_count; i++) {
        if (!(t->columns[i].flags & D1T_KEY)) continue;
        d1t_write_text(w, keys++ ? ",d1t_t." : "d1t_t."); /* the column, not the text that is selected under its name */
        d1t_write_name(w, t->columns[i].name);
    }
    if (limit) d1t_write_text(w, " LIMIT ");
    if (limit) d1t_write_uint(w, limit);
}

/* Reads the first rows that satisfy a condition; the table need not be declared. */
D1T__PRIVATE d1t_result d1t__read_page(d1t_client *db, const d1t_table *table, const char *where_sql,
                                       const d1t_value *args, size_t count, uint32_t limit, d1t_on_row on_row,
                                       void *ctx) {
    d1t__job *job;
    d1t_writer w;
    d1t_result result = d1t__rows_job(db, on_row, ctx, &job);
    if (result != D1T_OK) return result;
    job->table = table;
    d1t_writer_growing(&w, &job->sql);
    d1t__write_read(&w, table, where_sql, limit);
    if (w.error == D1T_OK) w.error = d1t_buffer_add(&job->sql, "", 1);
    if (w.error != D1T_OK) return d1t__give_up(db, d1t__no_memory(db, "the statement"));
    job->own[0].sql = job->sql.p;
    job->own[0].args = args;
    job->own[0].arg_count = count;
    result = d1t__check_statements(db, job->own, 1);
    return result == D1T_OK ? D1T_OK : d1t__give_up(db, result);
}

D1TDEF d1t_result d1t_read_start(d1t_client *db, const d1t_table *table, const char *where_sql, const d1t_value *args,
                                 size_t count, d1t_on_row on_row, void *ctx) {
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (!on_row) return d1t__error(db, D1T_ERR_ARG, "d1t_read needs a row callback", NULL, NULL);
    if (!d1t__shape_of(db, table)) return db->error.code;
    if (where_sql && !d1t__is_whole(where_sql, true))
        return d1t__error(db, D1T_ERR_SQL, "statement: the condition is not one whole expression", NULL, NULL);
    return d1t__read_page(db, table, where_sql, args, count, 0, on_row, ctx);
}

D1TDEF d1t_result d1t_exec_start(d1t_client *db, const d1t_statement *statements, size_t count) {
    d1t__job *job = NULL;
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (!statements || count == 0 || count > UINT32_MAX)
        return d1t__error(db, D1T_ERR_ARG, "d1t_exec needs at least one statement", NULL, NULL);
    result = d1t__check_statements(db, statements, count);
    if (result == D1T_OK) result = d1t__start_job(db, D1T__TASK_EXEC, &job);
    if (result != D1T_OK) return result;
    job->statements = statements;
    job->count = count;
    return D1T_OK;
}

/* The job that was begun is idempotent as a whole, rows included; restart (or NULL) forgets those that came. Pending
   rows go on waiting. */
D1T__PRIVATE void d1t__job_again(d1t_client *db, void (*restart)(void *ctx)) {
    d1t__job *job = (d1t__job *)db->job;
    db->task.phase = D1T__PHASE_MAIN;
    job->again = true;
    job->restart = restart;
}

/* And these rows of its statements are wanted. */
D1T__PRIVATE void d1t__job_rows(d1t_client *db, d1t_on_row on_row, void *ctx) {
    d1t__job *job = (d1t__job *)db->job;
    job->on_row = on_row;
    job->row_ctx = ctx;
}

#endif /* D1T_NO_QUERY */

/* ---- >>probe (implementation) --------------------------------------------------------------------------------- */

/* More rows will come, and one of them may take the row's unique value away: it is put aside until the end of the
   flush, and the others are sent. */
D1T__PRIVATE bool d1t__put_aside(d1t_client *db, uint32_t i) {
    d1t_batch *b = &db->batch;
    size_t at = d1t__order_at(b, i);
    d1t__row row = d1t__row_at(b, at);
    d1t_write_desc held = b->group[row.group];
    if (!D1T__HOLDS || !db->task.automatic || !db->task.cause.unique || b->grouped) return false;
    if (held.hold || held.condition >= 0 || !held.shape->has_unique) return false;
    held.hold = true;
    if (d1t__group_of(b, &held) == b->max_groups) return false;
    d1t__row_regroup(b, at, d1t__group_of(b, &held));
    d1t__order_remove(b, i);
    db->task.low = i;
    if (b->ordered) d1t__flush_send(db, d1t__flush_chunk(db), false);
    else d1t__batch_compact(b);
    return true;
}

/* The refused row has been found (position i of the order): it leaves the batch. Default: the error stands and nothing
   of the batch is in D1. Isolate: the callback is told and the others are sent. */
D1T__PRIVATE void d1t__poison(d1t_client *db, uint32_t i) {
    d1t_batch *b = &db->batch;
    size_t at = d1t__is_wide(b) ? 0 : d1t__order_at(b, i);
    d1t__row row = {0, 0, 0, 0, 0};
    const d1t_table *t;
    d1t_event event;
    uint64_t number = b->next_row;
    bool wide = d1t__is_wide(b);
    if (!wide && d1t__put_aside(db, i)) return;
    if (!wide) row = d1t__row_at(b, at);
    if (!wide) number = d1t__row_number(b, &row);
    t = b->group[wide ? b->wide_group : row.group].shape->table;
    d1t__fail_with(db, &db->task.cause);
    db->error.table = t->name;
    db->error.row = number;
    d1t__say(&db->error, "; table ", t->name, ", row ");
    d1t__say_number(&db->error, number);
    if (wide) {
        db->key = d1t__key_json(b->wide.p + 2, b->wide_key - 2);   /* behind the quote and the bracket of the list */
        b->wide.n = 0;      /* freed when the next row or task comes */
        b->live = 0;
    } else {
        d1t__row_kill(b, at);
        d1t__order_remove(b, i);
        db->key = d1t__key_json(b->p + at + sizeof row, row.key);
    }
    db->stats.rows_poisoned++;
    D1T_MEMSET(&event, 0, sizeof event);
    event.what = D1T_EVENT_POISON;
    event.table = t->name;
    event.row = number;
    event.result = db->error.code;
    d1t__emit(db, &event);
    db->send.tainted = true;
    if (!db->isolate) {
        if (wide) return;
        if (b->live == 0) d1t__batch_reset(b);
        else if (b->ordered == 0) d1t__rehash(b, b->live);
        return;
    }
    db->busy = true;
    if (db->on_poison) db->on_poison(db->ctx, &db->error, db->key);
    db->busy = false;
    D1T_MEMSET(&db->error, 0, sizeof db->error);
    db->task.low = i;       /* the rows before it pass */
    if (b->ordered) d1t__flush_send(db, d1t__flush_chunk(db), false);
    else d1t__batch_compact(b);
}

#ifndef D1T_NO_PROBE
/* Looks for the shortest prefix that D1 refuses, all statements before a row included: two rows that clash only
   together pass when they are tried apart. */
D1T__PRIVATE void d1t__probe(d1t_client *db) {
    struct d1t__task *task = &db->task;
    if (task->high - task->low > 1) d1t__flush_send(db, task->low + (task->high - task->low) / 2, true);
    else d1t__poison(db, task->low);
}

D1T__PRIVATE void d1t__probe_settled(d1t_client *db) {
    bool passed = db->op.code == D1T_ERR_PRECONDITION && d1t__contains(d1t_server_text(db), "'d1t probe'");
    if (!passed && db->op.code != D1T_ERR_CONSTRAINT) {
        d1t__op_error(db);    /* something else is wrong by now */
        return;
    }
    if (passed) db->task.low = db->send.to;
    else db->task.high = db->send.to;
    if (!passed) db->task.cause = d1t__cause_of(db);
    db->stats.maybe_billed++;
    d1t__probe(db);
}
#endif

/* ================================================================================================================
   ROOM contracts (implementation)
   ============================================================================================================= */

#if !defined(D1T_NO_TARGET) && !defined(D1T_NO_PLAN) && !defined(D1T_NO_QUERY) && !defined(D1T_NO_TABLE_JSON)
#define D1T__TARGETS
#endif

#ifdef D1T__TARGETS

/* ---- >>state (implementation) --------------------------------------------------------------------------------- */

D1TDEF void d1t_setup_key_to_json(const d1t_setup_key *key, d1t_writer *w) {
    d1t_write_text(w, "{\"database\":");
    d1t_write_json_string(w, d1t_cstr(key->database));
    d1t_write_text(w, ",\"table\":");
    d1t_write_json_string(w, d1t_cstr(key->table));
    d1t_write_text(w, "}");
}

/* Reading it back. */
typedef struct d1t__key_reader {
    d1t_arena    *arena;
    d1t_error    *error;
    d1t_setup_key key;
    const char  **member;       /* the one whose value comes next */
    d1t_buffer    text;
} d1t__key_reader;

D1T__PRIVATE d1t_result d1t__key_fault(d1t__key_reader *r, const char *what) {
    return d1t__fail(r->error, D1T_ERR_JSON, "setup key: ", what,
                     "; it is {\"database\":\"...\",\"table\":\"...\"}");
}

D1T__PRIVATE d1t_result d1t__key_member(d1t__key_reader *r, d1t_str name) {
    r->member = NULL;
    if (d1t_str_equal(name, d1t_cstr("database")) || d1t_str_equal(name, d1t_cstr("database_id")))
        r->member = &r->key.database;
    if (d1t_str_equal(name, d1t_cstr("table")) || d1t_str_equal(name, d1t_cstr("table_name")))
        r->member = &r->key.table;
    if (!r->member) return d1t__key_fault(r, "a member is not known");
    return *r->member ? d1t__key_fault(r, "a member is there twice") : D1T_OK;
}

D1T__PRIVATE d1t_result d1t__key_event(void *ctx, const d1t_json_event *e) {
    d1t__key_reader *r = (d1t__key_reader *)ctx;
    d1t_result result;
    if ((e->kind == D1T_JSON_OBJECT || e->kind == D1T_JSON_OBJECT_END) && e->depth == 0) return D1T_OK;
    if (e->depth != 1 || (e->kind != D1T_JSON_KEY && e->kind != D1T_JSON_STRING))
        return d1t__key_fault(r, "a value is not a text");
    if (e->first) r->text.n = 0;
    result = d1t_buffer_add(&r->text, e->text.p, e->text.n);
    if (result != D1T_OK || !e->last) return result;
    if (e->kind == D1T_JSON_KEY) return d1t__key_member(r, d1t_bytes(r->text.p, r->text.n));
    if (r->text.n == 0 || d1t__has_nul(d1t_bytes(r->text.p, r->text.n)))
        return d1t__key_fault(r, "a text is empty or has a NUL in it");
    *r->member = d1t_arena_text(r->arena, d1t_bytes(r->text.p, r->text.n));
    return *r->member ? D1T_OK : D1T_ERR_NOMEM;
}

/* Is this what d1t_setup_key_to_json writes? Compared piece by piece. */
D1T__PRIVATE bool d1t__key_is_canonical(const d1t_setup_key *key, d1t_str json) {
    char piece[64];
    d1t_writer w;
    size_t at = 0;
    do {
        d1t_writer_window(&w, piece, sizeof piece, at);
        d1t_setup_key_to_json(key, &w);
        if (w.total != json.n || D1T_MEMCMP(piece, json.p + at, w.n) != 0) return false;
        at += w.n;
    } while (at < json.n);
    return true;
}

D1TDEF d1t_result d1t_setup_key_from_json(d1t_str json, d1t_arena *arena, d1t_setup_key *key, bool *canonical,
                                          d1t_error *error) {
    d1t__key_reader r;
    d1t_json_reader reader;
    d1t_result result;
    D1T_MEMSET(&r, 0, sizeof r);
    r.arena = arena;
    r.error = error;
    d1t_buffer_init(&r.text, arena->allocator, 1u << 16);
    d1t_json_reader_init(&reader, d1t__key_event, &r, 1);
    result = d1t_json_reader_feed(&reader, json.p, json.n);
    if (result == D1T_OK) result = d1t_json_reader_end(&reader);
    d1t_buffer_free(&r.text);
    if (result == D1T_OK && (!r.key.database || !r.key.table)) result = d1t__key_fault(&r, "a member is missing");
    if (result == D1T_ERR_DEPTH || result == D1T_ERR_TOO_BIG) result = D1T_ERR_JSON;
    if (result != D1T_OK) return d1t__fail(error, result, "setup key: ", d1t_result_text(result), NULL);
    *key = r.key;
    if (canonical) *canonical = d1t__key_is_canonical(key, json);
    return D1T_OK;
}

D1T__PRIVATE int d1t__compare_names(const char *a, const char *b, bool nocase) {
    char x, y;
    do {
        x = nocase ? d1t__lower(*a) : *a;
        y = nocase ? d1t__lower(*b) : *b;
        a++;
        b++;
    } while (x == y && x);
    return ((unsigned char)x > (unsigned char)y) - ((unsigned char)x < (unsigned char)y);
}

D1TDEF int d1t_setup_key_compare(const d1t_setup_key *a, const d1t_setup_key *b) {
    int order = d1t__compare_names(a->database, b->database, false);
    return order ? order : d1t__compare_names(a->table, b->table, true);
}

D1TDEF void d1t_setup_key_describe(const d1t_setup_key *key, d1t_writer *w) {
    d1t_write_text(w, "D1 table: ");
    d1t_write_text(w, key->database);
    d1t_write_text(w, ".");
    d1t_write_text(w, key->table);
}

/* ---- possible versions */

D1TDEF const d1t_table *d1t_state_version(const d1t_combined_state *state, size_t i) {
    size_t k;
    if (state->current && i-- == 0) return state->current;
    for (k = 0; k < state->staged_count; k++)
        if (state->staged[k] && i-- == 0) return state->staged[k];
    return NULL;
}

D1TDEF bool d1t_state_always_exists(const d1t_combined_state *state) {
    size_t k;
    for (k = 0; k < state->staged_count; k++)
        if (!state->staged[k]) return false;
    return state->current != NULL;
}

D1TDEF bool d1t_state_always_exists_and(const d1t_combined_state *state,
                                        bool (*predicate)(void *ctx, const d1t_table *version), void *ctx) {
    const d1t_table *version;
    size_t i;
    if (!d1t_state_always_exists(state)) return false;
    for (i = 0; (version = d1t_state_version(state, i)) != NULL; i++)
        if (!predicate(ctx, version)) return false;
    return true;
}

/* ---- equality */

/* As declared: a TEXT that becomes a UUID is another type, though SQLite keeps both alike. */
D1T__PRIVATE bool d1t__same_declared_type(const d1t_column *a, const d1t_column *b) {
    return a->type == b->type && d1t__same_name(a->sql_type, b->sql_type);
}

D1T__PRIVATE bool d1t__same_column(const d1t_column *a, const d1t_column *b) {
    return d1t__same_name(a->name, b->name) && d1t__same_declared_type(a, b) &&
           d1t__not_null(a) == d1t__not_null(b) && ((a->flags ^ b->flags) & (D1T_KEY | D1T_STORED)) == 0 &&
           d1t__same_sql(a->default_sql, b->default_sql) && d1t__same_sql(a->generated_sql, b->generated_sql) &&
           d1t__same_sql(a->on_write_sql, b->on_write_sql) && d1t__same_name(d1t__collation(a), d1t__collation(b));
}

/* Is every key column of a one of b, of the same type? */
D1T__PRIVATE bool d1t__key_is_within(const d1t_table *a, const d1t_table *b) {
    const d1t_column *key, *like;
    size_t i;
    for (i = 0; (key = d1t__key_column(a, i)) != NULL; i++) {
        like = d1t__column_of(b, key->name);
        if (!like || !(like->flags & D1T_KEY) || !d1t__same_declared_type(key, like)) return false;
    }
    return true;
}

D1T__PRIVATE bool d1t__same_constraints(const d1t_table *a, const d1t_table *b) {
    size_t i, k;
    if (a->foreign_key_count != b->foreign_key_count || a->check_count != b->check_count) return false;
    for (i = 0; i < a->foreign_key_count; i++) {
        for (k = 0; k < b->foreign_key_count; k++)
            if (d1t__same_foreign_key(&a->foreign_keys[i], &b->foreign_keys[k], NULL)) break;
        if (k == b->foreign_key_count) return false;
    }
    for (i = 0; i < a->check_count; i++)
        if (!d1t__has_check(b, &a->checks[i])) return false;
    return true;
}

D1T__PRIVATE bool d1t__same_extras(const d1t_table *a, const d1t_table *b) {
    size_t i;
    if (a->index_count != b->index_count || a->command_count != b->command_count) return false;
    for (i = 0; i < a->index_count; i++) {
        const d1t_index *like = d1t__index_of(b, &a->indexes[i]);
        if (!like || !d1t__same_index(&a->indexes[i], like)) return false;
    }
    for (i = 0; i < a->command_count; i++) {
        const d1t_command *like = d1t__command_of(b, a->commands[i].name);
        if (!like || !d1t__same(a->commands[i].setup_sql, like->setup_sql) ||
            !d1t__same(a->commands[i].teardown_sql, like->teardown_sql))
            return false;
    }
    return true;
}

/* All of a table that is not its value columns, indexes and commands; who manages it does not count. */
D1T__PRIVATE bool d1t__same_main(const d1t_table *a, const d1t_table *b) {
    return ((a->flags ^ b->flags) & ~(uint32_t)D1T_BY_USER) == 0 && d1t__same_key(a, b) && d1t__key_is_within(a, b) &&
           d1t__same_constraints(a, b);
}

D1TDEF bool d1t_state_equal(const d1t_table *a, const d1t_table *b) {
    size_t i;
    if (!d1t__same_name(a->name, b->name) || a->flags != b->flags || a->column_count != b->column_count) return false;
    if (!d1t__same_main(a, b) || !d1t__same_extras(a, b)) return false;
    for (i = 0; i < a->column_count; i++) {
        const d1t_column *like = d1t__column_of(b, a->columns[i].name);
        if (!like || !d1t__same_column(&a->columns[i], like)) return false;
    }
    return true;
}

D1TDEF bool d1t_state_has_diff(const d1t_combined_state *state, const d1t_table *desired) {
    const d1t_table *version;
    size_t i;
    if (!desired) return d1t_state_version(state, 0) != NULL;
    if (!d1t_state_always_exists(state)) return true;
    for (i = 0; (version = d1t_state_version(state, i)) != NULL; i++)
        if (!d1t_state_equal(desired, version)) return true;
    return false;
}

/* ---- who manages it, and what differs */

D1T__PRIVATE bool d1t__is_users(const d1t_table *t) {
    return t && (t->flags & D1T_BY_USER);
}

D1T__PRIVATE bool d1t__has_users(const d1t_combined_state *state) {
    const d1t_table *version;
    size_t i;
    for (i = 0; (version = d1t_state_version(state, i)) != NULL; i++)
        if (d1t__is_users(version)) return true;
    return false;
}

D1TDEF bool d1t_state_transition(const d1t_table *desired, const d1t_combined_state *existing, const d1t_table **kept,
                                 d1t_combined_state *system) {
    size_t i, n = 0;
    if (d1t__is_users(desired)) return false;
    if (!desired && (!d1t_state_version(existing, 0) || d1t__has_users(existing))) return false;
    for (i = 0; i < existing->staged_count; i++)
        if (!d1t__is_users(existing->staged[i])) kept[n++] = existing->staged[i];
    *system = *existing;
    if (d1t__is_users(existing->current)) system->current = NULL;
    system->staged = kept;
    system->staged_count = n;
    return true;
}

D1TDEF d1t_diff_action d1t_diff(bool desired, size_t prev_count, size_t prev_equal, bool missing) {
    if (!desired) return prev_count ? D1T_DIFF_DELETE : D1T_DIFF_NONE;
    if (prev_equal < prev_count) return D1T_DIFF_REPLACE;
    if (!missing) return D1T_DIFF_NONE;
    return prev_count ? D1T_DIFF_UPSERT : D1T_DIFF_INSERT;
}

/* The value column of this name, or NULL. */
D1T__PRIVATE const d1t_column *d1t__value_column(const d1t_table *t, const char *name) {
    const d1t_column *c = d1t__column_of(t, name);
    return c && !(c->flags & D1T_KEY) ? c : NULL;
}

/* The tables that a diff compares, and whom it tells. */
typedef struct d1t__table_diff {
    const d1t_table *desired, *const *prev;
    size_t           prev_count;
    bool             missing;
    void           (*on_diff)(void *ctx, const d1t_column *column, d1t_diff_action action);
    void            *ctx;
} d1t__table_diff;

D1T__PRIVATE void d1t__diff_column(const d1t__table_diff *d, const d1t_column *column) {
    const d1t_column *desired = d1t__value_column(d->desired, column->name), *seen;
    size_t i, count = 0, equal = 0;
    d1t_diff_action action;
    for (i = 0; i < d->prev_count; i++) {
        seen = d1t__value_column(d->prev[i], column->name);
        count += seen != NULL;
        equal += seen && desired && d1t__same_column(seen, desired);
    }
    action = d1t_diff(desired != NULL, count, equal, d->missing || count < d->prev_count);
    if (action != D1T_DIFF_NONE) d->on_diff(d->ctx, column, action);
}

/* Columns of an older state that are neither desired nor in a state before it. */
D1T__PRIVATE void d1t__diff_old_columns(const d1t__table_diff *d, size_t state) {
    const d1t_table *t = d->prev[state];
    size_t i, k;
    for (i = 0; i < t->column_count; i++) {
        const char *name = t->columns[i].name;
        if ((t->columns[i].flags & D1T_KEY) || d1t__value_column(d->desired, name)) continue;
        for (k = 0; k < state && !d1t__value_column(d->prev[k], name); k++) {}
        if (k == state) d1t__diff_column(d, &t->columns[i]);
    }
}

D1TDEF d1t_diff_action d1t_diff_table(const d1t_table *desired, const d1t_table *const *prev, size_t prev_count,
                                      bool missing,
                                      void (*on_diff)(void *ctx, const d1t_column *column, d1t_diff_action action),
                                      void *ctx) {
    d1t__table_diff d;
    d1t_diff_action action;
    size_t i, equal = 0;
    for (i = 0; i < prev_count && desired; i++) equal += d1t__same_main(desired, prev[i]);
    action = d1t_diff(desired != NULL, prev_count, equal, missing);
    if (!on_diff) return action;
    if (action != D1T_DIFF_NONE) on_diff(ctx, NULL, action);
    if (!desired) return action;
    d.desired = desired;
    d.prev = prev;
    d.prev_count = prev_count;
    d.missing = missing || action == D1T_DIFF_REPLACE;
    d.on_diff = on_diff;
    d.ctx = ctx;
    for (i = 0; i < desired->column_count; i++)
        if (!(desired->columns[i].flags & D1T_KEY)) d1t__diff_column(&d, &desired->columns[i]);
    for (i = 0; i < prev_count; i++) d1t__diff_old_columns(&d, i);
    return action;
}

/* The desired column that goes on with an existing one: by its name, or by the name it had. */
D1T__PRIVATE const d1t_column *d1t__successor(const d1t_table *desired, const char *name) {
    const d1t_column *c = d1t__column_of(desired, name);
    size_t i;
    if (c) return c;
    for (i = 0; i < desired->column_count; i++)
        if (desired->columns[i].was && d1t__same_name(desired->columns[i].was, name)) return &desired->columns[i];
    return NULL;
}

D1TDEF d1t_compatibility d1t_state_compatibility(const d1t_table *desired, const d1t_table *existing) {
    size_t i;
    if (d1t__is_users(desired) != d1t__is_users(existing)) return D1T_NOT_COMPATIBLE;
    if (!d1t__key_is_within(desired, existing) || !d1t__key_is_within(existing, desired)) return D1T_NOT_COMPATIBLE;
    for (i = 0; i < existing->column_count; i++) {
        const d1t_column *had = &existing->columns[i], *next = d1t__successor(desired, had->name);
        if (had->generated_sql || (had->flags & D1T_KEY)) continue;    /* it can be computed again */
        if (!next || next->generated_sql || !d1t__same_declared_type(had, next)) return D1T_PARTLY_COMPATIBLE;
    }
    return D1T_COMPATIBLE;
}

/* ---- the plan against every possible version */

/* A text written twice, to be measured and to be kept, in the arena; NULL: no memory. name: of a trigger (part 1 to 3);
   else the SQL of a part of the index (0: itself), or without an index that of the table. */
D1T__PRIVATE const char *d1t__imagined_text(d1t_arena *arena, const d1t_table *t, const d1t_index *x, unsigned part,
                                            bool name) {
    char *text = NULL;
    d1t_writer w;
    int pass;
    d1t_writer_counting(&w);
    for (pass = 0; pass < 2; pass++) {
        if (!x) d1t_write_create_table(&w, t);
        else if (name) d1t__fts_trigger_name(&w, x, part - 1);
        else d1t__write_index_part(&w, t, x, part);
        if (pass == 0) text = (char *)d1t_arena_take(arena, (size_t)w.total + 1);
        if (!text) return NULL;
        if (pass == 0) d1t_writer_fixed(&w, text, (size_t)w.total);
    }
    return text;
}

/* Adds what D1 would have. NULL: no memory. */
D1T__PRIVATE d1t_schema_object *d1t__imagine(d1t_schema *schema, d1t_object_kind kind, const char *name,
                                             const char *owner, const char *sql) {
    d1t_schema_object *o = (d1t_schema_object *)d1t_arena_take(schema->arena, sizeof *o);
    if (!o || !name || !sql) return NULL;
    o->kind = kind;
    o->name = name;
    o->owner = owner;
    o->sql = sql;
    if (schema->last) schema->last->next = o;
    else schema->objects = o;
    schema->last = o;
    return o;
}

/* The index, which the table lists, and its triggers. */
D1T__PRIVATE bool d1t__imagine_fts(d1t_schema *schema, const d1t_table *t, const d1t_index *x) {
    unsigned part;
    if (!d1t__imagine(schema, D1T_OBJECT_VIRTUAL, x->name, x->name, d1t__imagined_text(schema->arena, t, x, 0, false)))
        return false;
    for (part = 1; part < 4; part++)
        if (!d1t__imagine(schema, D1T_OBJECT_TRIGGER, d1t__imagined_text(schema->arena, t, x, part, true), t->name,
                          d1t__imagined_text(schema->arena, t, x, part, false)))
            return false;
    return true;
}

/* A database in which this version, and nothing else, has been set up. */
D1T__PRIVATE d1t_result d1t__imagine_version(d1t_schema *schema, const d1t_table *version) {
    d1t_arena *arena = schema->arena;
    d1t_schema_record *record = (d1t_schema_record *)d1t_arena_take(arena, sizeof *record);
    d1t_table *copy = (d1t_table *)d1t_arena_take(arena, sizeof *copy);
    d1t_schema_object *o = d1t__imagine(schema, D1T_OBJECT_TABLE, version->name, version->name,
                                        d1t__imagined_text(arena, version, NULL, 0, false));
    size_t i;
    if (!o || !record || !copy) return D1T_ERR_NOMEM;
    *copy = *version;
    o->table = copy;
    record->table = version->name;
    record->json = "";
    record->state = version;
    schema->records = record;
    for (i = 0; i < version->index_count; i++)
        if (d1t__is_fts(&version->indexes[i]) && !d1t__imagine_fts(schema, version, &version->indexes[i]))
            return D1T_ERR_NOMEM;
    return D1T_OK;
}

D1T__PRIVATE bool d1t__copy_text(d1t_arena *arena, const char **text) {
    if (*text) *text = d1t_arena_text(arena, d1t_cstr(*text));
    return *text != NULL;
}

/* Takes over the steps whose text is not there yet. */
D1T__PRIVATE d1t_result d1t__merge_steps(d1t_plan *plan, const d1t_plan *one) {
    const d1t_plan_step *from, *have;
    d1t_plan_step *step;
    for (from = one->steps; from; from = from->next) {
        for (have = plan->steps; have && !d1t__same(have->text, from->text); have = have->next) {}
        if (have) continue;
        step = (d1t_plan_step *)d1t_arena_take(&plan->arena, sizeof *step);
        if (!step) return D1T_ERR_NOMEM;
        *step = *from;
        step->next = NULL;
        if (!d1t__copy_text(&plan->arena, &step->text) || !d1t__copy_text(&plan->arena, &step->line) ||
            !d1t__copy_text(&plan->arena, &step->table) ||
            (step->name && !d1t__copy_text(&plan->arena, &step->name)))
            return D1T_ERR_NOMEM;
        if (plan->last) plan->last->next = step;
        else plan->steps = step;
        plan->last = step;
        if (step->kind == D1T_NOTE) continue;
        plan->step_count++;
        plan->refused += step->kind == D1T_REFUSED;
        if (step->effect > plan->effect) plan->effect = step->effect;
    }
    return D1T_OK;
}

/* Adds the steps from one version (NULL: the table is missing) to what is desired (NULL: it is to go). *changes: there
   are some. */
D1T__PRIVATE d1t_result d1t__diff_version(d1t_plan *plan, const d1t_table *desired, const d1t_table *version,
                                          bool *changes, d1t_error *error) {
    d1t_arena arena;
    d1t_schema schema;
    d1t_plan_desc desc;
    d1t_plan *one;
    d1t_result result = D1T_OK;
    d1t_arena_init(&arena, plan->arena.allocator, plan->arena.max);
    D1T_MEMSET(&schema, 0, sizeof schema);
    D1T_MEMSET(&desc, 0, sizeof desc);
    schema.arena = &arena;
    schema.partial = true;
    desc.tables = &desired;
    desc.count = desired ? 1 : 0;
    desc.prune = !desired;
    one = (d1t_plan *)d1t_arena_take(&arena, sizeof *one);
    if (!one || (version && d1t__imagine_version(&schema, version) != D1T_OK)) result = D1T_ERR_NOMEM;
    if (one) d1t_arena_init(&one->arena, arena.allocator, arena.max);
    if (result == D1T_OK) result = d1t_plan_diff(one, &schema, &desc, error);
    if (result == D1T_OK) result = d1t__merge_steps(plan, one);
    if (result == D1T_OK) *changes = *changes || one->step_count;
    d1t_plan_free(one);
    d1t_arena_free(&arena);
    return result;
}

D1TDEF d1t_result d1t_state_diff(d1t_plan *plan, const d1t_table *desired, const d1t_combined_state *existing,
                                 d1t_error *error) {
    const d1t_table *version;
    const d1t_combined_state nothing = {NULL, NULL, 0, NULL};
    bool updates = false, creates = false, missing;
    d1t_result result = D1T_OK;
    size_t i;
    if (!existing) existing = &nothing;
    missing = d1t__is_users(existing->current) || !d1t_state_always_exists(existing);
    if (d1t__is_users(desired) || (!desired && d1t__has_users(existing))) return D1T_OK;
    if (desired) result = d1t_table_check(desired, NULL, error);
    for (i = 0; result == D1T_OK && (version = d1t_state_version(existing, i)) != NULL; i++)
        if (!d1t__is_users(version) && !(desired && d1t_state_equal(desired, version)))
            result = d1t__diff_version(plan, desired, version, &updates, error);
    if (result == D1T_OK && desired && missing) result = d1t__diff_version(plan, desired, NULL, &creates, error);
    if (result == D1T_ERR_NOMEM) return d1t__fail(error, result, "no memory for the plan", NULL, NULL);
    plan->change = plan->refused ? D1T_CHANGE_INVALID
                   : updates     ? (desired ? D1T_CHANGE_UPDATE : D1T_CHANGE_DELETE)
                   : creates     ? D1T_CHANGE_CREATE
                                 : D1T_CHANGE_NONE;
    return result;
}

/* ---- >>target (implementation) -------------------------------------------------------------------------------- */

/* Which characters beyond ASCII are letters or digits (Unicode's Alphabetic or Numeric): lengths of runs from U+0080,
   in turns without and with them, seven bits a byte, the highest first. Characters that Unicode has not assigned yet
   go with their neighbours. */
D1T__PRIVATE bool d1t__is_alphanumeric(uint32_t c) {
    static const uint8_t runs[] = {
        42,1,7,2,1,1,3,2,1,3,1,23,1,31,1,131,74,4,12,14,5,7,1,1,1,86,1,29,18,1,8,1,5,2,1,1,110,1,129,11,8,129,80,6,41,
        39,14,1,1,1,2,1,2,1,44,29,11,5,56,1,17,4,102,1,8,4,8,4,16,2,1,16,48,13,129,30,9,2,4,3,3,24,2,19,19,25,7,40,1,
        7,7,1,8,42,10,12,3,7,6,76,1,16,1,3,4,15,2,10,1,75,1,16,1,36,2,6,2,1,4,59,2,15,4,37,11,59,1,16,3,32,9,4,4,59,1,
        16,9,26,1,92,3,35,13,60,1,16,8,34,1,7,1,4,1,55,1,16,8,102,2,16,1,1,5,37,1,80,5,37,13,62,1,7,6,1,2,10,39,57,1,
        13,5,52,31,20,12,68,4,54,66,55,1,1,2,15,6,78,2,91,1,132,97,12,39,16,96,1,132,108,2,17,1,26,5,75,3,38,11,21,12,
        116,2,19,14,1,4,1,3,32,16,130,41,13,129,24,34,30,2,64,1,20,11,32,7,1,23,2,11,104,1,15,1,21,38,42,2,58,1,11,14,
        55,9,62,2,64,41,4,1,6,1,2,3,129,70,19,34,11,131,61,1,1,3,11,3,13,3,13,5,11,115,10,5,11,6,16,98,1,4,1,2,10,1,1,
        3,5,6,1,1,1,1,1,1,4,1,11,2,4,5,5,4,1,1,58,133,86,60,26,74,132,118,30,136,108,129,101,6,4,3,7,4,1,2,112,16,129,
        0,47,1,131,85,3,25,9,7,5,2,5,4,88,4,3,1,90,1,129,20,2,4,10,32,48,16,32,10,30,8,1,15,32,10,39,15,130,64,179,64,
        64,129,173,16,64,46,2,130,13,3,95,5,8,3,113,39,9,2,103,2,123,1,33,8,6,10,52,12,68,1,9,2,16,18,6,3,1,1,46,5,35,
        13,83,1,12,15,15,2,124,4,23,3,69,1,1,1,28,2,16,2,4,11,90,1,14,6,123,5,232,16,178,0,132,41,1,129,8,33,130,107,
        18,127,33,12,116,129,15,17,10,7,26,6,26,11,122,32,130,0,7,48,9,57,17,2,129,116,96,1,129,62,1,48,1,131,30,1,
        133,103,1,31,2,129,38,1,31,1,129,120,8,16,16,31,1,72,1,28,6,5,16,57,7,89,16,134,4,3,129,22,11,4,27,18,46,129,
        22,12,30,1,14,1,57,9,11,3,99,3,10,4,47,3,74,1,4,9,13,1,1,4,84,2,1,6,107,7,57,7,75,2,16,3,22,26,129,66,1,3,1,4,
        5,10,5,99,2,2,1,129,120,25,103,1,1,3,28,32,54,2,1,7,107,5,12,4,129,121,103,129,29,2,4,13,129,16,1,1,1,80,2,10,
        17,72,5,1,18,131,15,1,1,15,32,2,129,80,1,1,2,81,1,130,95,9,129,85,43,136,112,16,150,113,15,136,48,17,236,45,2,
        129,0,16,48,16,4,12,134,71,9,130,66,1,1,12,129,153,44,2,1,160,81,132,16,135,64,64,96,134,97,1,25,1,31,1,25,1,
        31,1,25,1,31,1,25,1,31,1,25,1,60,142,0,132,48,7,24,130,65,30,18,44,4,15,131,81,136,0,48,68,3,1,3,19,134,19,59,
        1,3,1,125,1,131,65,132,16,13,35,26,6,26,6,26,148,102,176,136,17
    };
    uint32_t at = 0x80, run = 0;
    size_t i;
    bool yes = false;
    if (c < 0x80) return d1t__is_word((char)c) && c != '_' && c != '$';
    for (i = 0; i < sizeof runs; i++) {
        run = run << 7 | (runs[i] & 0x7Fu);
        if (runs[i] & 0x80) continue;
        if (c - at < run) return yes;
        at += run;
        run = 0;
        yes = !yes;
    }
    return false;
}

/* The character of a well-formed sequence of n bytes. */
D1T__PRIVATE uint32_t d1t__utf8_character(const char *p, size_t n) {
    uint32_t c = (unsigned char)p[0];
    size_t i;
    if (n > 1) c &= 0xFFu >> (n + 1);
    for (i = 1; i < n; i++) c = c << 6 | ((unsigned char)p[i] & 0x3Fu);
    return c;
}

D1TDEF void d1t_sanitize_identifier(d1t_str name, d1t_writer *w) {
    size_t i, n;
    uint32_t c;
    for (i = 0; i < name.n; i += n) {
        n = d1t__utf8_step((const unsigned char *)name.p + i, name.n - i);
        if (n == 0) n = 1;      /* not UTF-8: a character as good as any other */
        c = n == 1 && (name.p[i] & 0x80) ? 0xFFFD : d1t__utf8_character(name.p + i, n);
        if (c == '_' || d1t__is_alphanumeric(c)) d1t_write(w, d1t_bytes(name.p + i, n));
        else d1t_write_text(w, "__");
    }
}

/* ---- building */

D1T__PRIVATE d1t_result d1t__spec_fail(const d1t_target_spec *s, d1t_result code, const char *what, const char *name,
                                       const char *cure, d1t_error *e) {
    if (!e || e->code != D1T_OK) return code;
    d1t__fail(e, code, "collection ", s->collection ? s->collection : "(no name)", ": ");
    d1t__say(e, what, name, cure);
    return code;
}

/* The table's name: the one given, or one made of flow and collection. NULL: no memory. */
D1T__PRIVATE const char *d1t__spec_table(const d1t_target_spec *s, d1t_arena *arena) {
    d1t_writer w;
    char *text = NULL;
    int pass;
    if (s->table) return s->table;
    d1t_writer_counting(&w);
    for (pass = 0; pass < 2; pass++) {
        d1t_sanitize_identifier(d1t_cstr(s->flow), &w);
        d1t_write_text(&w, "__");
        d1t_sanitize_identifier(d1t_cstr(s->collection), &w);
        if (pass == 0) text = (char *)d1t_arena_take(arena, (size_t)w.total + 1);
        if (!text) return NULL;
        if (pass == 0) d1t_writer_fixed(&w, text, (size_t)w.total);
    }
    return text;
}

D1T__PRIVATE void d1t__spec_columns(d1t_column *out, const d1t_field *fields, size_t count, bool keys) {
    size_t i;
    for (i = 0; i < count; i++) {
        out[i].name = fields[i].name;
        out[i].type = fields[i].type;
        out[i].flags = keys ? (uint32_t)D1T_KEY : fields[i].nullable ? 0u : (uint32_t)D1T_NOT_NULL;
    }
}

/* What is missing or impossible; D1T_OK: a table can be made of it. */
D1T__PRIVATE d1t_result d1t__spec_check(const d1t_target_spec *s, d1t_error *e) {
    if (!s->database || !s->database[0])
        return d1t__spec_fail(s, D1T_ERR_CONFIG, "it names no database", NULL, NULL, e);
    if (!s->table && (!s->flow || !s->flow[0] || !s->collection || !s->collection[0]))
        return d1t__spec_fail(s, D1T_ERR_CONFIG, "it names no table, and flow and collection, which would make one, "
                              "are not both there", NULL, NULL, e);
    if (s->vector_index_count)
        return d1t__spec_fail(s, D1T_ERR_UNSUPPORTED, "vector index on ", s->vector_indexes[0].field,
                              ": D1 has no sqlite-vec; keep the vectors as they are (BLOB) and search in the program "
                              "or in Vectorize", e);
    if (s->flags & ~(uint32_t)(D1T_STRICT | D1T_WITHOUT_ROWID))
        return d1t__spec_fail(s, D1T_ERR_CONFIG, "a flag is not D1T_STRICT or D1T_WITHOUT_ROWID", NULL, NULL, e);
    if ((s->key_count && !s->keys) || (s->value_count && !s->values))
        return d1t__spec_fail(s, D1T_ERR_ARG, "a list of fields is NULL", NULL, NULL, e);
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__build_one(const d1t_target_spec *s, d1t_arena *arena, d1t_target_resource *out,
                                       d1t_error *e) {
    d1t_result result = d1t__spec_check(s, e);
    d1t_column *columns;
    d1t_table *t;
    size_t count = s->key_count + s->value_count, most = SIZE_MAX / sizeof *columns;
    if (result != D1T_OK) return result;
    columns = count < most ? (d1t_column *)d1t_arena_take(arena, (count + 1) * sizeof *columns) : NULL;
    t = (d1t_table *)d1t_arena_take(arena, sizeof *t);
    if (t) t->name = d1t__spec_table(s, arena);
    if (!columns || !t || !t->name) return d1t__fail(e, D1T_ERR_NOMEM, "no memory for the target", NULL, NULL);
    d1t__spec_columns(columns, s->keys, s->key_count, true);
    d1t__spec_columns(columns + s->key_count, s->values, s->value_count, false);
    t->columns = columns;
    t->column_count = count;
    t->indexes = s->indexes;
    t->index_count = s->index_count;
    t->foreign_keys = s->foreign_keys;
    t->foreign_key_count = s->foreign_key_count;
    t->commands = s->commands;
    t->command_count = s->command_count;
    t->flags = s->flags | (s->setup_by_user ? (uint32_t)D1T_BY_USER : 0u);
    out->key.database = s->database;
    out->key.table = t->name;
    out->account = s->account;
    out->credential = s->credential;
    out->state = t;
    return d1t_table_check(t, NULL, e);
}

/* A resource belongs to one collection, and a database has one credential. */
D1T__PRIVATE d1t_result d1t__build_clash(const d1t_target_spec *s, const d1t_target_resource *a,
                                         const d1t_target_resource *b, d1t_error *e) {
    if (d1t_setup_key_compare(&a->key, &b->key) == 0)
        return d1t__spec_fail(s, D1T_ERR_TABLE, "another collection has the table ", a->key.table,
                              " too: give one of them another table", e);
    if (d1t__same(a->key.database, b->key.database) &&
        (!d1t__same(a->credential, b->credential) || !d1t__same(a->account, b->account)))
        return d1t__spec_fail(s, D1T_ERR_CONFIG, "another collection has another credential or account for database ",
                              a->key.database, NULL, e);
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__d1_build(void *self, const d1t_target_spec *specs, size_t count, d1t_arena *arena,
                                      d1t_target_resource *out, d1t_error *error) {
    d1t_result result = D1T_OK;
    size_t i, k;
    (void)self;
    for (i = 0; i < count && result == D1T_OK; i++) {
        D1T_MEMSET(&out[i], 0, sizeof out[i]);
        result = d1t__build_one(&specs[i], arena, &out[i], error);
        for (k = 0; k < i && result == D1T_OK; k++) result = d1t__build_clash(&specs[i], &out[i], &out[k], error);
    }
    return result;
}

/* ---- a spec as JSON */

D1TDEF d1t_type d1t_type_from_word(d1t_str word) {
    static const char *const words[] = {
        "Bytes", "Str", "Bool", "Int64", "Float32", "Float64", "Range", "Uuid", "Date", "Time", "LocalDateTime",
        "OffsetDateTime", "TimeDelta", "Json", "Vector", "Union", "Struct", "UTable", "KTable", "LTable"};
    static const uint8_t types[] = {
        D1T_BLOB, D1T_TEXT, D1T_BOOL, D1T_INTEGER, D1T_REAL, D1T_REAL, D1T_TEXT, D1T_UUID, D1T_DATE, D1T_TIME,
        D1T_TIMESTAMP, D1T_TIMESTAMPTZ, D1T_INTEGER, D1T_JSON, D1T_VECTOR, D1T_JSON, D1T_JSON, D1T_JSON, D1T_JSON,
        D1T_JSON};
    size_t i;
    for (i = 0; i < D1T__COUNT(words); i++)
        if (d1t_str_equal(word, d1t_cstr(words[i]))) return (d1t_type)types[i];
    for (i = 1; d1t__type_word(i); i++)
        if (d1t_str_equal(word, d1t_cstr(d1t__type_word(i)))) return (d1t_type)i;
    return (d1t_type)0;
}

/* Members of a spec; the first six are texts, the last three are lists as in the JSON of a table. */
enum { D1T__SPEC_CREDENTIAL = 5, D1T__SPEC_BY_USER, D1T__SPEC_STRICT, D1T__SPEC_NO_ROWID, D1T__SPEC_KEYS,
       D1T__SPEC_VALUES, D1T__SPEC_VECTORS, D1T__SPEC_INDEXES, D1T__SPEC_FOREIGN_KEYS, D1T__SPEC_COMMANDS,
       D1T__SPEC_MEMBERS };

typedef struct d1t__spec_reader {
    d1t__table_reader table;            /* its text collects every text */
    d1t_target_spec  *spec;
    d1t_field        *fields;           /* of the list being read */
    d1t_vector_index *vectors;
    size_t            count;
    uint32_t          seen;             /* a bit for each member */
    uint8_t           member;           /* whose value is read */
    char              inner;            /* of a field: 'n'ame, 't'ype, 'u' (nullable); of a vector index: 'f'ield */
} d1t__spec_reader;

D1T__PRIVATE d1t_result d1t__spec_word(d1t__spec_reader *r, const char *what, d1t_str word) {
    char copy[32];
    d1t__copy_short(copy, sizeof copy, word);
    return d1t__fail(r->table.error, D1T_ERR_TABLE, "target spec: ", what, copy);
}

/* A name like that of a secret is refused by name, so that nobody wonders why. */
D1T__PRIVATE d1t_result d1t__spec_unknown(d1t__spec_reader *r, d1t_str word) {
    static const char *const secrets[] = {"token", "secret", "password", "api_key"};
    char copy[32];
    size_t i;
    d1t__copy_short(copy, sizeof copy, word);
    for (i = 0; copy[i]; i++) copy[i] = d1t__lower(copy[i]);
    for (i = 0; i < D1T__COUNT(secrets); i++)
        if (d1t__contains(d1t_cstr(copy), secrets[i]))
            return d1t__fail(r->table.error, D1T_ERR_CONFIG, "target spec: ", copy, " does not belong into a spec, "
                             "which is stored and shown: give \"credential\", a name that the resolver turns into the "
                             "token");
    return d1t__spec_word(r, "unknown member ", word);
}

D1T__PRIVATE d1t_result d1t__spec_member(d1t__spec_reader *r, d1t_str word) {
    static const char *const members[] = {
        "flow", "collection", "account", "database", "table", "credential", "setup_by_user", "strict", "without_rowid",
        "key_fields", "value_fields", "vector_indexes", "indexes", "foreign_keys", "commands"};
    uint8_t i;
    for (i = 0; i < D1T__SPEC_MEMBERS && !d1t_str_equal(word, d1t_cstr(members[i])); i++) {}
    if (i == D1T__SPEC_MEMBERS) return d1t__spec_unknown(r, word);
    if (r->seen & 1u << i) return d1t__spec_word(r, "a member is there twice: ", word);
    r->seen |= 1u << i;
    r->member = i;
    d1t__copy_short(r->table.list, sizeof r->table.list, word);
    return D1T_OK;
}

D1T__PRIVATE void d1t__spec_take_text(d1t_target_spec *s, uint8_t member, const char *text) {
    switch (member) {
        case 0: s->flow = text; break;
        case 1: s->collection = text; break;
        case 2: s->account = text; break;
        case 3: s->database = text; break;
        case 4: s->table = text; break;
        default: s->credential = text; break;
    }
}

D1T__PRIVATE d1t_result d1t__spec_flag(d1t__spec_reader *r, bool on) {
    if (r->member == D1T__SPEC_BY_USER) r->spec->setup_by_user = on;
    else if (r->member == D1T__SPEC_STRICT) r->spec->flags |= on ? (uint32_t)D1T_STRICT : 0u;
    else if (r->member == D1T__SPEC_NO_ROWID) r->spec->flags |= on ? (uint32_t)D1T_WITHOUT_ROWID : 0u;
    else return d1t__spec_word(r, "true and false do not fit member ", d1t_cstr(r->table.list));
    return D1T_OK;
}

/* A field or a vector index begins. */
D1T__PRIVATE d1t_result d1t__spec_element(d1t__spec_reader *r) {
    d1t_arena *arena = r->table.arena;
    bool vector = r->member == D1T__SPEC_VECTORS;
    if (vector) r->vectors = (d1t_vector_index *)d1t__append(arena, r->vectors, &r->count, sizeof *r->vectors);
    else r->fields = (d1t_field *)d1t__append(arena, r->fields, &r->count, sizeof *r->fields);
    return (vector ? r->vectors != NULL : r->fields != NULL) ? D1T_OK : D1T_ERR_NOMEM;
}

D1T__PRIVATE d1t_result d1t__spec_inner(d1t__spec_reader *r, d1t_str word) {
    bool vector = r->member == D1T__SPEC_VECTORS;
    r->inner = 0;
    if (!vector && d1t_str_equal(word, d1t_cstr("name"))) r->inner = 'n';
    if (!vector && d1t_str_equal(word, d1t_cstr("type"))) r->inner = 't';
    if (!vector && d1t_str_equal(word, d1t_cstr("nullable"))) r->inner = 'u';
    if (vector && d1t_str_equal(word, d1t_cstr("field"))) r->inner = 'f';
    return r->inner ? D1T_OK : d1t__spec_word(r, "unknown member of a field or a vector index: ", word);
}

D1T__PRIVATE d1t_result d1t__spec_inner_text(d1t__spec_reader *r, d1t_str word) {
    d1t_field *field = r->fields ? &r->fields[r->count - 1] : NULL;
    const char *text;
    if (r->inner == 't') {
        field->type = d1t_type_from_word(word);
        return field->type ? D1T_OK : d1t__spec_word(r, "unknown type ", word);
    }
    if (r->inner == 'u') return d1t__spec_word(r, "nullable is true or false, not ", word);
    text = d1t_arena_text(r->table.arena, word);
    if (r->inner == 'n') field->name = text;
    else r->vectors[r->count - 1].field = text;
    return text ? D1T_OK : D1T_ERR_NOMEM;
}

/* A key or text is complete. */
D1T__PRIVATE d1t_result d1t__spec_text(d1t__spec_reader *r, const d1t_json_event *e) {
    d1t_str word = d1t_bytes(r->table.text.p, r->table.text.n);
    const char *text;
    if (d1t__has_nul(word)) return d1t__spec_word(r, "a NUL is in ", word);
    if (e->kind == D1T_JSON_KEY) return e->depth == 1 ? d1t__spec_member(r, word) : d1t__spec_inner(r, word);
    if (e->depth == 3) return d1t__spec_inner_text(r, word);
    if (e->depth != 1 || r->member > D1T__SPEC_CREDENTIAL)
        return d1t__spec_word(r, "a text does not fit member ", d1t_cstr(r->table.list));
    text = d1t_arena_text(r->table.arena, word);
    d1t__spec_take_text(r->spec, r->member, text);
    return text ? D1T_OK : D1T_ERR_NOMEM;
}

/* A list of fields begins or ends. */
D1T__PRIVATE void d1t__spec_list(d1t__spec_reader *r, bool end) {
    d1t_target_spec *s = r->spec;
    if (end && r->member == D1T__SPEC_KEYS) {
        s->keys = r->fields;
        s->key_count = r->count;
    } else if (end && r->member == D1T__SPEC_VALUES) {
        s->values = r->fields;
        s->value_count = r->count;
    } else if (end) {
        s->vector_indexes = r->vectors;
        s->vector_index_count = r->count;
    }
    r->fields = NULL;
    r->vectors = NULL;
    r->count = 0;
}

D1T__PRIVATE d1t_result d1t__spec_event(void *ctx, const d1t_json_event *e) {
    d1t__spec_reader *r = (d1t__spec_reader *)ctx;
    bool top = e->depth == 0 || (e->depth == 1 && e->kind == D1T_JSON_KEY), on = e->kind == D1T_JSON_TRUE;
    bool list = r->member >= D1T__SPEC_KEYS && r->member <= D1T__SPEC_VECTORS;
    d1t_result result;
    if (!top && r->member >= D1T__SPEC_INDEXES) return d1t__table_event(&r->table, e);
    switch (e->kind) {
        case D1T_JSON_KEY: case D1T_JSON_STRING:
            if (e->depth == 0) break;
            if (e->first) r->table.text.n = 0;
            result = d1t_buffer_add(&r->table.text, e->text.p, e->text.n);
            return result == D1T_OK && e->last ? d1t__spec_text(r, e) : result;
        case D1T_JSON_TRUE: case D1T_JSON_FALSE:
            if (e->depth == 1) return d1t__spec_flag(r, on);
            if (e->depth != 3 || r->inner != 'u') break;
            r->fields[r->count - 1].nullable = on;
            return D1T_OK;
        case D1T_JSON_OBJECT:
            if (e->depth == 2) return d1t__spec_element(r);
            if (e->depth) break;
            return D1T_OK;
        case D1T_JSON_ARRAY: case D1T_JSON_ARRAY_END:
            if (e->depth != 1 || !list) break;
            d1t__spec_list(r, e->kind == D1T_JSON_ARRAY_END);
            return D1T_OK;
        case D1T_JSON_OBJECT_END: return D1T_OK;
        case D1T_JSON_NUMBER: case D1T_JSON_NULL: break;
    }
    return d1t__spec_word(r, "a value does not fit member ", d1t_cstr(r->table.list));
}

D1TDEF d1t_result d1t_target_spec_from_json(d1t_str json, d1t_arena *arena, d1t_target_spec *spec, d1t_error *error) {
    d1t__spec_reader r;
    d1t_json_reader reader;
    d1t_result result;
    D1T_MEMSET(&r, 0, sizeof r);
    D1T_MEMSET(spec, 0, sizeof *spec);
    r.spec = spec;
    r.table.arena = arena;
    r.table.error = error;
    r.table.table = (d1t_table *)d1t_arena_take(arena, sizeof *r.table.table);
    if (!r.table.table) return d1t__fail(error, D1T_ERR_NOMEM, "no memory for the spec", NULL, NULL);
    d1t_buffer_init(&r.table.text, arena->allocator, 1u << 20);
    d1t_json_reader_init(&reader, d1t__spec_event, &r, 5);
    result = d1t_json_reader_feed(&reader, json.p, json.n);
    if (result == D1T_OK) result = d1t_json_reader_end(&reader);
    d1t_buffer_free(&r.table.text);
    spec->indexes = r.table.table->indexes;
    spec->index_count = r.table.table->index_count;
    spec->foreign_keys = r.table.table->foreign_keys;
    spec->foreign_key_count = r.table.table->foreign_key_count;
    spec->commands = r.table.table->commands;
    spec->command_count = r.table.table->command_count;
    if (result == D1T_ERR_DEPTH || result == D1T_ERR_TOO_BIG) result = D1T_ERR_JSON;
    return result == D1T_OK ? result : d1t__fail(error, result, "target spec: ", d1t_result_text(result), NULL);
}

/* ---- a job: databases, one after another */

/* What runs, or ran last. From D1T__TARGET_RECORDS on, setup is at its drops. */
enum { D1T__TARGET_BEGIN, D1T__TARGET_ROWS, D1T__TARGET_PLAN, D1T__TARGET_APPLY, D1T__TARGET_RECORDS,
       D1T__TARGET_SCHEMA, D1T__TARGET_END };

D1T__PRIVATE const d1t_target_resource *d1t__target_resource(const d1t_target_job *job, size_t i) {
    return job->mutations ? job->mutations[i].resource : &job->changes[i].resource;
}

D1T__PRIVATE bool d1t__same_database(const d1t_target_job *job, size_t i, size_t k) {
    return d1t__same(d1t__target_resource(job, i)->key.database, d1t__target_resource(job, k)->key.database);
}

/* Is item i for the database that is being worked on? */
D1T__PRIVATE bool d1t__is_current(const d1t_target_job *job, size_t i) {
    return d1t__same_database(job, i, job->first);
}

/* To the next item that begins a database; false: there are no more. */
D1T__PRIVATE bool d1t__target_next_database(d1t_target_job *job) {
    size_t i = job->started ? job->first + 1 : 0, k;
    job->started = true;
    for (; i < job->count; i++) {
        for (k = 0; k < i && !d1t__same_database(job, i, k); k++) {}
        if (k < i) continue;
        job->first = i;
        return true;
    }
    return false;
}

/* A table that is to go and that this program has set up. */
D1T__PRIVATE bool d1t__is_drop(const d1t_setup_change *c) {
    return !c->resource.state && !(c->existing && d1t__has_users(c->existing));
}

/* The batch of a drop is the client's, which does not know what its guard means. */
D1T__PRIVATE void d1t__target_name_conflict(d1t_target_job *job) {
    d1t_error *e = &job->db.error;
    const d1t_error was = *e;
    if (!job->changes || e->code != D1T_ERR_PRECONDITION || !d1t__is_conflict(&job->db)) return;
    D1T_MEMSET(e, 0, sizeof *e);
    d1t__plan_conflict(&job->db);
    e->http_status = was.http_status;
    e->d1_code = was.d1_code;
}

/* Nothing is wanted of this database but drops, which may fail. */
D1T__PRIVATE bool d1t__may_ignore(const d1t_target_job *job) {
    size_t i;
    if (!job->changes || !job->desc.ignore_drop_failures) return false;
    for (i = job->first; i < job->count && job->phase < D1T__TARGET_RECORDS; i++)
        if (d1t__is_current(job, i) && job->changes[i].resource.state) return false;
    return true;
}

/* ---- rows: the order in which they are sent, so that parents are there before their children, whatever the batches */

D1T__PRIVATE void d1t__rows_first(const d1t_target_job *job, struct d1t__list_place *p) {
    D1T_MEMSET(p, 0, sizeof *p);
    p->item = job->first;
}

/* How many rows there are at this place: those of the other ranks and databases have their turn elsewhere. */
D1T__PRIVATE size_t d1t__rows_count(d1t_target_job *job, const struct d1t__list_place *p) {
    const d1t_mutation *m = &job->mutations[p->item];
    if (!d1t__is_current(job, p->item) || d1t__shape_of(&job->db, m->resource->state)->rank != p->rank) return 0;
    return p->deletes ? m->delete_count : m->upsert_count;
}

/* To the next list: upserts by rising rank, then deletes by falling rank. False: there is none. */
D1T__PRIVATE bool d1t__rows_advance(const d1t_target_job *job, struct d1t__list_place *p) {
    p->row = 0;
    if (++p->item < job->count) return true;
    p->item = job->first;
    if (!p->deletes && p->rank == job->top_rank) p->deletes = true;
    else if (!p->deletes) p->rank++;
    else if (p->rank == 0) return false;
    else p->rank--;
    return true;
}

/* Offers rows until the batch is full or all have been taken; then they are sent. */
D1T__PRIVATE void d1t__target_rows(d1t_target_job *job) {
    struct d1t__list_place *p = &job->place;
    const d1t_mutation *m;
    const d1t_target_row *row;
    d1t_result result;
    do {
        m = &job->mutations[p->item];
        for (; p->row < d1t__rows_count(job, p); p->row++) {
            row = p->deletes ? &m->deletes[p->row] : &m->upserts[p->row];
            result = d1t__add_row(&job->db, m->resource->state, p->deletes ? D1T_WRITE_DELETE : D1T_WRITE_UPSERT,
                                  row->values, row->count, NULL);
            if (result == D1T_FULL) (void)d1t_flush_start(&job->db);
            if (result != D1T_OK) return;
        }
    } while (d1t__rows_advance(job, p));
    job->phase = D1T__TARGET_END;
    (void)d1t_flush_start(&job->db);
}

/* The row that the client's error names, as the caller knows it. */
D1T__PRIVATE void d1t__target_locate(d1t_target_job *job, uint64_t number) {
    struct d1t__list_place p;
    uint64_t count;
    d1t__rows_first(job, &p);
    for (; number; number -= count) {
        count = d1t__rows_count(job, &p);
        if (number <= count) {
            job->mutation = p.item;
            job->row = (size_t)(number - 1);
            job->in_deletes = p.deletes;
            return;
        }
        if (!d1t__rows_advance(job, &p)) return;
    }
}

/* ---- from one database to the next */

D1T__PRIVATE void d1t__target_report(d1t_target_job *job, bool ignored) {
    job->databases++;
    job->ignored += ignored;
    job->failed += job->db.error.code != D1T_OK && !ignored;
    if (!job->desc.on_database) return;
    job->busy = true;
    job->desc.on_database(job->desc.ctx, d1t__target_resource(job, job->first)->key.database, &job->db.error,
                          &job->db.stats, ignored);
    job->busy = false;
}

/* Whether it went well or not: all that the database's client holds is given back. */
D1T__PRIVATE void d1t__target_leave(d1t_target_job *job) {
    d1t_client *db = &job->db;
    bool open = db->open, ignored = false;
    d1t__target_name_conflict(job);
    if (db->error.code != D1T_OK) ignored = d1t__may_ignore(job);
    if (db->error.code != D1T_OK && !ignored && job->error.code == D1T_OK) {
        if (job->mutations && open) d1t__target_locate(job, db->error.row);
        job->error = db->error;
        job->database = d1t__target_resource(job, job->first)->key.database;
    }
    d1t_plan_free(&job->plan);
    if (open && db->transport.close) db->transport.close(db->transport.ctx);
    if (!open && job->config.transport.close) job->config.transport.close(job->config.transport.ctx);
    d1t__release_client(db);
    d1t__target_report(job, ignored);
    D1T_MEMSET(&job->config, 0, sizeof job->config);
    d1t_arena_free(&job->arena);
    job->phase = D1T__TARGET_BEGIN;
}

/* The first credential or account that an item of the database names. */
D1T__PRIVATE const char *d1t__target_name(const d1t_target_job *job, bool account) {
    const char *name = NULL;
    size_t i;
    for (i = job->first; i < job->count && !name; i++)
        if (d1t__is_current(job, i))
            name = account ? d1t__target_resource(job, i)->account : d1t__target_resource(job, i)->credential;
    return name;
}

/* A client for the database, made of what the resolver says. */
D1T__PRIVATE d1t_result d1t__target_open(d1t_target_job *job) {
    d1t_config *c = &job->config;
    const char *database = d1t__target_resource(job, job->first)->key.database;
    d1t_result result;
    D1T_MEMSET(&job->db, 0, sizeof job->db);
    D1T_MEMSET(c, 0, sizeof *c);
    job->busy = true;
    result = job->desc.resolve(job->desc.ctx, d1t__target_name(job, false), database, c);
    job->busy = false;
    if (result != D1T_OK)
        return d1t__fail(&job->db.error, result, "no configuration for database ", database, NULL);
    if (!c->account) c->account = d1t__target_name(job, true);
    if (!c->database) c->database = database;
    c->driven = true;
    c->isolate = false;     /* a row that is left out is not written: the engine has to know */
    return d1t_open(&job->db, c);
}

/* The tables of the database that are desired. NULL: no memory. */
D1T__PRIVATE const d1t_table **d1t__target_tables(d1t_target_job *job, size_t *count) {
    const d1t_table **tables =
        (const d1t_table **)d1t_arena_take(&job->arena, (job->count - job->first) * sizeof *tables);
    size_t i;
    *count = 0;
    for (i = job->first; i < job->count && tables; i++)
        if (d1t__is_current(job, i) && d1t__target_resource(job, i)->state)
            tables[(*count)++] = d1t__target_resource(job, i)->state;
    if (!tables) (void)d1t__error(&job->db, D1T_ERR_NOMEM, "no memory for the list of tables", NULL, NULL);
    return tables;
}

D1T__PRIVATE void d1t__target_begin_rows(d1t_target_job *job, const d1t_table *const *tables, size_t count) {
    size_t i;
    if (d1t__declare(&job->db, tables, count) != D1T_OK) return;
    job->top_rank = 0;
    for (i = 0; i < job->db.table_count; i++)
        if (job->db.shapes[i].rank > job->top_rank) job->top_rank = job->db.shapes[i].rank;
    d1t__rows_first(job, &job->place);
}

/* ---- setup: what is desired, in one plan; then what is to go, in another */

D1T__PRIVATE void d1t__target_begin_plan(d1t_target_job *job, const d1t_table *const *tables, size_t count) {
    d1t_plan_desc desc;
    job->arena.max = d1t__plan_memory(&job->db);
    job->phase = D1T__TARGET_APPLY;
    if (count == 0) return;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.tables = tables;
    desc.count = count;
    desc.adopt = true;
    job->phase = D1T__TARGET_PLAN;
    (void)d1t_plan_read_start(&job->plan, &job->db, &desc);
}

D1T__PRIVATE void d1t__target_apply(d1t_target_job *job) {
    job->phase = D1T__TARGET_APPLY;
    (void)d1t_plan_apply_start(&job->plan, job->desc.allow);
}

/* A row of the records (name, version, state) or of the schema (one text). */
D1T__PRIVATE int d1t__target_schema_row(void *ctx, const d1t_row *row) {
    d1t_target_job *job = (d1t_target_job *)ctx;
    const d1t_value *v = row->values;
    d1t_result result = D1T_ERR_PROTOCOL;
    if (row->count == 1 && v[0].kind == D1T_KIND_TEXT) result = d1t_schema_add(&job->schema, v[0].u.s);
    else if (row->count == 3 && v[0].kind == D1T_KIND_TEXT && v[1].kind == D1T_KIND_INT)
        result = d1t_schema_add_record(&job->schema, v[0].u.s, (uint64_t)v[1].u.i,
                                       v[2].kind == D1T_KIND_TEXT ? v[2].u.s : d1t_bytes(NULL, 0));
    if (result != D1T_OK) (void)d1t__error(&job->db, result, "reading the schema: ", d1t_result_text(result), NULL);
    return result != D1T_OK;
}

/* If something is to go: what is there of it? First what was recorded. */
D1T__PRIVATE void d1t__target_read_records(d1t_target_job *job) {
    size_t i;
    job->phase = D1T__TARGET_END;
    for (i = job->first; i < job->count; i++)
        if (d1t__is_current(job, i) && d1t__is_drop(&job->changes[i])) job->phase = D1T__TARGET_RECORDS;
    if (job->phase == D1T__TARGET_END) return;
    D1T_MEMSET(&job->schema, 0, sizeof job->schema);
    job->schema.arena = &job->arena;
    (void)d1t_query_start(&job->db, d1t_schema_record_sql(), NULL, 0, d1t__target_schema_row, job);
}

/* Before the first setup there are no records. */
D1T__PRIVATE bool d1t__target_has_no_records(const d1t_target_job *job) {
    return job->phase == D1T__TARGET_RECORDS && job->db.error.code == D1T_ERR_SQL &&
           d1t__contains(d1t_server_text(&job->db), "no such table: _d1t_setup");
}

D1T__PRIVATE void d1t__target_read_schema(d1t_target_job *job) {
    job->phase = D1T__TARGET_SCHEMA;
    (void)d1t_query_start(&job->db, d1t_schema_sql(), NULL, 0, d1t__target_schema_row, job);
}

/* What is known of a table that is to go: its record, what the engine knows, or what it is. NULL: no memory. */
D1T__PRIVATE const d1t_table *d1t__target_known(d1t_target_job *job, const d1t_setup_change *c,
                                                const d1t_schema_object *o) {
    const d1t_schema_record *record = d1t_schema_recorded(&job->schema, o->name);
    d1t_table *bare;
    if (record && record->state) return record->state;
    if (c->existing && d1t_state_version(c->existing, 0)) return d1t_state_version(c->existing, 0);
    if (o->table) return o->table;
    bare = (d1t_table *)d1t_arena_take(&job->arena, sizeof *bare);
    if (bare) bare->name = o->name;
    return bare;
}

/* A plan drops what is recorded and not declared: so only what is to go stays recorded. False: no memory. */
D1T__PRIVATE bool d1t__target_keep_records(d1t_target_job *job) {
    d1t_schema_record *records = NULL, *record;
    const d1t_schema_object *o;
    size_t i;
    for (i = job->first; i < job->count; i++) {
        const d1t_setup_change *c = &job->changes[i];
        o = d1t__is_current(job, i) && d1t__is_drop(c) ? d1t_schema_find(&job->schema, c->resource.key.table) : NULL;
        if (!o) continue;
        record = (d1t_schema_record *)d1t_arena_take(&job->arena, sizeof *record);
        if (!record) return false;
        record->table = o->name;
        record->json = "";
        record->state = d1t__target_known(job, c, o);
        record->next = records;
        records = record;
        if (!record->state) return false;
    }
    job->schema.records = records;
    return true;
}

D1T__PRIVATE void d1t__target_drop(d1t_target_job *job) {
    d1t_client *db = &job->db;
    d1t_plan *plan = &job->plan;
    d1t_plan_desc desc;
    d1t_result result = d1t_schema_end(&job->schema);
    if (result == D1T_OK && !d1t__target_keep_records(job)) result = D1T_ERR_NOMEM;
    job->phase = D1T__TARGET_END;
    d1t_plan_free(plan);
    d1t_arena_init(&plan->arena, db->allocator, d1t__plan_memory(db));
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.prune = true;
    if (result == D1T_OK) result = d1t_plan_diff(plan, &job->schema, &desc, &db->error);
    if (result != D1T_OK) (void)d1t__error(db, result, "planning the drops: ", d1t_result_text(result), NULL);
    else if (d1t__plan_allowed(db, plan, job->desc.allow) == D1T_OK && plan->step_count)
        (void)d1t_exec_start(db, plan->statements, plan->statement_count);
}

D1T__PRIVATE void d1t__target_begin(d1t_target_job *job) {
    const d1t_table **tables;
    size_t count;
    if (!d1t__target_next_database(job)) {
        job->done = true;
        return;
    }
    job->phase = job->mutations ? D1T__TARGET_ROWS : D1T__TARGET_PLAN;
    job->arena.max = 0;
    if (d1t__target_open(job) != D1T_OK) return;
    tables = d1t__target_tables(job, &count);
    if (tables && job->mutations) d1t__target_begin_rows(job, tables, count);
    if (tables && job->changes) d1t__target_begin_plan(job, tables, count);
}

D1T__PRIVATE void d1t__target_step(d1t_target_job *job) {
    if (d1t__target_has_no_records(job)) (void)d1t_clear(&job->db, D1T_DROP_ROWS);
    if (job->phase != D1T__TARGET_BEGIN && job->db.error.code != D1T_OK) {
        d1t__target_leave(job);
        return;
    }
    switch (job->phase) {
        case D1T__TARGET_BEGIN: d1t__target_begin(job); break;
        case D1T__TARGET_ROWS: d1t__target_rows(job); break;
        case D1T__TARGET_PLAN: d1t__target_apply(job); break;
        case D1T__TARGET_APPLY: d1t__target_read_records(job); break;
        case D1T__TARGET_RECORDS: d1t__target_read_schema(job); break;
        case D1T__TARGET_SCHEMA: d1t__target_drop(job); break;
        default: d1t__target_leave(job); break;
    }
}

D1T__PRIVATE d1t_client *d1t__d1_next(void *self, d1t_target_job *job) {
    (void)self;
    while (!job->done && !job->db.task.active) d1t__target_step(job);
    return job->done ? NULL : &job->db;
}

D1T__PRIVATE void d1t__d1_end(void *self, d1t_target_job *job) {
    (void)self;
    if (!job->done && job->phase != D1T__TARGET_BEGIN) {
        (void)d1t__error(&job->db, D1T_ERR_CANCELED, "ended before it was done", NULL, NULL);
        d1t__target_leave(job);
    }
    job->done = true;
}

/* ---- what can be checked before anything is sent */

D1T__PRIVATE d1t_result d1t__target_check(d1t_target_job *job) {
    d1t_error *e = &job->error;
    size_t i;
    if (!job->desc.resolve) return d1t__fail(e, D1T_ERR_ARG, "the target needs desc->resolve", NULL, NULL);
    for (i = 0; i < job->count; i++) {
        const d1t_target_resource *r = d1t__target_resource(job, i);
        if (!r || !r->key.database || !r->key.table)
            return d1t__fail(e, D1T_ERR_ARG, "a resource or its key is missing", NULL, NULL);
        if (r->state && d1t_table_check(r->state, NULL, e) != D1T_OK) return e->code;
    }
    return D1T_OK;
}

/* How many values a row has, or its key. */
D1T__PRIVATE size_t d1t__row_width(const d1t_table *t, bool key) {
    size_t i, n = 0;
    for (i = 0; i < t->column_count; i++)
        n += key ? (t->columns[i].flags & D1T_KEY) != 0 : d1t__takes_value(&t->columns[i]);
    return n;
}

D1T__PRIVATE d1t_result d1t__check_rows(d1t_target_job *job, size_t mutation, bool deletes) {
    const d1t_mutation *m = &job->mutations[mutation];
    const d1t_target_row *rows = deletes ? m->deletes : m->upserts;
    size_t count = deletes ? m->delete_count : m->upsert_count, want = d1t__row_width(m->resource->state, deletes), i;
    d1t_error *e = &job->error;
    if (count && !rows) return d1t__fail(e, D1T_ERR_ARG, "table ", m->resource->key.table, ": a list of rows is NULL");
    for (i = 0; i < count; i++) {
        if (rows[i].values && rows[i].count == want) continue;
        d1t__fail(e, D1T_ERR_VALUE, "table ", m->resource->key.table, deletes ? ", delete " : ", upsert ");
        d1t__say_number(e, i + 1);
        d1t__say(e, ": ", NULL, NULL);
        d1t__say_number(e, rows[i].values ? rows[i].count : 0);
        d1t__say(e, " values given, ", NULL, NULL);
        d1t__say_number(e, want);
        d1t__say(e, deletes ? " wanted (its keys)" : " wanted (its keys, then its values)", NULL, NULL);
        e->table = m->resource->state->name;
        e->row = i + 1;
        job->database = m->resource->key.database;
        job->mutation = mutation;
        job->row = i;
        job->in_deletes = deletes;
        return D1T_ERR_VALUE;
    }
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__d1_apply_mutation(void *self, d1t_target_job *job) {
    d1t_result result = d1t__target_check(job);
    size_t i;
    (void)self;
    for (i = 0; i < job->count && result == D1T_OK; i++) {
        if (!job->mutations[i].resource->state)
            return d1t__fail(&job->error, D1T_ERR_ARG, "table ", job->mutations[i].resource->key.table,
                             ": rows need the state that build gave");
        result = d1t__check_rows(job, i, false);
        if (result == D1T_OK) result = d1t__check_rows(job, i, true);
    }
    return result;
}

D1T__PRIVATE d1t_result d1t__d1_apply_setup(void *self, d1t_target_job *job) {
    (void)self;
    return d1t__target_check(job);
}

/* ---- the target of the name "d1" */

D1T__PRIVATE void d1t__d1_describe(void *self, const d1t_setup_key *key, d1t_writer *w) {
    (void)self;
    d1t_setup_key_describe(key, w);
}

D1T__PRIVATE void d1t__d1_key_to_json(void *self, const d1t_setup_key *key, d1t_writer *w) {
    (void)self;
    d1t_setup_key_to_json(key, w);
}

D1T__PRIVATE d1t_result d1t__d1_key_from_json(void *self, d1t_str json, d1t_arena *arena, d1t_setup_key *key,
                                              bool *canonical, d1t_error *error) {
    (void)self;
    return d1t_setup_key_from_json(json, arena, key, canonical, error);
}

D1T__PRIVATE d1t_result d1t__d1_diff(void *self, d1t_plan *plan, const d1t_setup_key *key, const d1t_table *desired,
                                     const d1t_combined_state *existing, d1t_error *error) {
    (void)self;
    (void)key;
    return d1t_state_diff(plan, desired, existing, error);
}

D1T__PRIVATE d1t_compatibility d1t__d1_compatibility(void *self, const d1t_table *desired, const d1t_table *existing) {
    (void)self;
    return d1t_state_compatibility(desired, existing);
}

D1TDEF const d1t_target *d1t_d1_target(void) {
    static const d1t_target target = {
        "d1", NULL, d1t__d1_build, d1t__d1_describe, d1t__d1_key_to_json, d1t__d1_key_from_json, d1t__d1_diff,
        d1t__d1_compatibility, NULL, d1t__d1_apply_mutation, d1t__d1_apply_setup, d1t__d1_next, d1t__d1_end};
    return &target;
}

D1TDEF void d1t_registry_init(d1t_registry *registry, const d1t_target **targets, size_t room) {
    registry->targets = targets;
    registry->room = room;
    registry->count = 0;
}

D1TDEF d1t_result d1t_registry_add(d1t_registry *registry, const d1t_target *target) {
    if (!target || !target->name || !target->name[0]) return D1T_ERR_ARG;
    if (d1t_registry_find(registry, d1t_cstr(target->name))) return D1T_ERR_NAME;
    if (registry->count == registry->room) return D1T_ERR_SPACE;
    registry->targets[registry->count++] = target;
    return D1T_OK;
}

D1TDEF const d1t_target *d1t_registry_find(const d1t_registry *registry, d1t_str name) {
    size_t i;
    for (i = 0; i < registry->count; i++)
        if (d1t_str_equal(d1t_cstr(registry->targets[i]->name), name)) return registry->targets[i];
    return NULL;
}

D1TDEF void d1t_target_additional_key(const d1t_target *target, const d1t_target_resource *resource,
                                      const d1t_target_row *row, d1t_writer *w) {
    if (target->extract_additional_key) target->extract_additional_key(target->self, resource, row, w);
    else d1t_write_text(w, "null");
}

/* ---- jobs of any target */

D1T__PRIVATE d1t_result d1t__target_init(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                      size_t count) {
    if (!job) return D1T_ERR_ARG;
    D1T_MEMSET(job, 0, sizeof *job);
    job->mutation = job->row = SIZE_MAX;
    if (!target || !desc) return d1t__fail(&job->error, D1T_ERR_ARG, "the target or its desc is NULL", NULL, NULL);
    job->target = target;
    job->desc = *desc;
    job->count = count;
    d1t_arena_init(&job->arena, desc->allocator, 0);
    return D1T_OK;
}

D1TDEF d1t_result d1t_target_mutation_start(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                            const d1t_mutation *mutations, size_t count) {
    d1t_result result = d1t__target_init(job, target, desc, count);
    if (result != D1T_OK) return result;
    job->mutations = mutations;
    job->done = count == 0;
    if (count && !mutations) result = d1t__fail(&job->error, D1T_ERR_ARG, "the list of mutations is NULL", NULL, NULL);
    if (result == D1T_OK && count) result = target->apply_mutation(target->self, job);
    if (result != D1T_OK) job->done = true;
    return result;
}

D1TDEF d1t_result d1t_target_setup_start(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                         const d1t_setup_change *changes, size_t count) {
    d1t_result result = d1t__target_init(job, target, desc, count);
    if (result != D1T_OK) return result;
    job->changes = changes;
    job->done = count == 0;
    if (count && !changes) result = d1t__fail(&job->error, D1T_ERR_ARG, "the list of changes is NULL", NULL, NULL);
    if (result == D1T_OK && count) result = target->apply_setup_changes(target->self, job);
    if (result != D1T_OK) job->done = true;
    return result;
}

/* The client whose task is next; NULL: the job is done, or this is a call from one of its callbacks. */
D1T__PRIVATE d1t_client *d1t__target_client(d1t_target_job *job) {
    d1t_client *db;
    if (!job || !job->target || job->done || job->busy || job->db.busy) return NULL;
    db = job->target->next(job->target->self, job);
    if (!db) job->done = true;
    return db;
}

D1TDEF d1t_step d1t_target_next(d1t_target_job *job, uint64_t now_ms, d1t_todo *todo) {
    d1t_client *db;
    d1t_step step;
    while ((db = d1t__target_client(job)) != NULL) {
        step = d1t_next(db, now_ms, todo);
        if (step != D1T_DONE && step != D1T_FAIL) return step;
    }
    return job && job->done && job->error.code == D1T_OK ? D1T_DONE : D1T_FAIL;
}

D1TDEF void d1t_target_end(d1t_target_job *job) {
    if (!job || !job->target || job->busy || job->db.busy) return;
    job->target->end(job->target->self, job);
    d1t_arena_free(&job->arena);
    job->target = NULL;
}

#endif /* D1T__TARGETS */

/* ---- >>store (implementation) ------------------------------------------------------------------------------------ */

/* A key with its value behind it. */
struct d1t__stored {
    char  *p;
    size_t key, value;
    bool   removed;     /* of those that wait: the key is to go */
};

/* As memcmp does, a prefix first. */
D1T__PRIVATE int d1t__compare_bytes(d1t_str a, d1t_str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? D1T_MEMCMP(a.p, b.p, n) : 0;
    return c ? c : a.n < b.n ? -1 : a.n > b.n;
}

/* The number of the first entry that is not before the key. */
D1T__PRIVATE size_t d1t__stored_at(const struct d1t__stored *list, size_t count, d1t_str key) {
    size_t low = 0, high = count, middle;
    if (count && d1t__compare_bytes(d1t_bytes(list[count - 1].p, list[count - 1].key), key) < 0) return count;
    while (low < high) {
        middle = low + (high - low) / 2;
        if (d1t__compare_bytes(d1t_bytes(list[middle].p, list[middle].key), key) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

D1T__PRIVATE bool d1t__stored_is(const struct d1t__stored *list, size_t count, size_t at, d1t_str key) {
    return at < count && d1t_str_equal(d1t_bytes(list[at].p, list[at].key), key);
}

D1T__PRIVATE void d1t__stored_free(d1t_memory_store *m, struct d1t__stored *e) {
    d1t__release(m->allocator, e->p, e->key + e->value + 1);
}

D1T__PRIVATE d1t_result d1t__memory_next(void *ctx, d1t_str after, d1t_str *key, d1t_str *value) {
    const d1t_memory_store *m = (const d1t_memory_store *)ctx;
    size_t at = after.p ? d1t__stored_at(m->entries, m->count, after) : 0;
    if (after.p && d1t__stored_is(m->entries, m->count, at, after)) at++;
    if (at == m->count) return D1T_EOF;
    *key = d1t_bytes(m->entries[at].p, m->entries[at].key);
    *value = d1t_bytes(m->entries[at].p + key->n, m->entries[at].value);
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__memory_wait(d1t_memory_store *m, d1t_str key, d1t_str value, bool removed) {
    size_t at = d1t__stored_at(m->waiting, m->waiting_count, key), room = m->waiting_room;
    bool there = d1t__stored_is(m->waiting, m->waiting_count, at, key);
    struct d1t__stored e, *list;
    if (key.n > SIZE_MAX / 4 || value.n > SIZE_MAX / 4 || room > SIZE_MAX / 4 / sizeof e) return D1T_ERR_NOMEM;
    if (!there && m->waiting_count == room) {
        room = room ? 2 * room : 16;
        list = (struct d1t__stored *)d1t__resize(m->allocator, m->waiting, m->waiting_room * sizeof e, room * sizeof e);
        if (!list) return D1T_ERR_NOMEM;
        m->waiting = list;
        m->waiting_room = room;
    }
    e.key = key.n;
    e.value = value.n;
    e.removed = removed;
    e.p = (char *)d1t__resize(m->allocator, NULL, 0, key.n + value.n + 1);
    if (!e.p) return D1T_ERR_NOMEM;
    if (key.n) D1T_MEMCPY(e.p, key.p, key.n);
    if (value.n) D1T_MEMCPY(e.p + key.n, value.p, value.n);
    list = m->waiting + at;
    if (there) d1t__stored_free(m, list);
    else D1T_MEMMOVE(list + 1, list, (m->waiting_count++ - at) * sizeof e);
    *list = e;
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__memory_put(void *ctx, d1t_str key, d1t_str value) {
    return d1t__memory_wait((d1t_memory_store *)ctx, key, value, false);
}

D1T__PRIVATE d1t_result d1t__memory_remove(void *ctx, d1t_str key) {
    return d1t__memory_wait((d1t_memory_store *)ctx, key, d1t_bytes(NULL, 0), true);
}

/* Merges into a new list: there is nothing that can fail behind its allocation. */
D1T__PRIVATE d1t_result d1t__memory_commit(void *ctx) {
    d1t_memory_store *m = (d1t_memory_store *)ctx;
    size_t room = m->count + m->waiting_count, i = 0, k = 0, n = 0;
    struct d1t__stored *list;
    int order;
    if (!m->waiting_count) return D1T_OK;
    if (room > SIZE_MAX / 4 / sizeof *list) return D1T_ERR_NOMEM;
    list = (struct d1t__stored *)d1t__resize(m->allocator, NULL, 0, room * sizeof *list);
    if (!list) return D1T_ERR_NOMEM;
    while (i < m->count || k < m->waiting_count) {
        order = i == m->count ? 1 : k == m->waiting_count ? -1
                : d1t__compare_bytes(d1t_bytes(m->entries[i].p, m->entries[i].key),
                                     d1t_bytes(m->waiting[k].p, m->waiting[k].key));
        if (order < 0) {
            list[n++] = m->entries[i++];
            continue;
        }
        if (order == 0) d1t__stored_free(m, &m->entries[i++]);
        if (m->waiting[k].removed) d1t__stored_free(m, &m->waiting[k]);
        else list[n++] = m->waiting[k];
        k++;
    }
    d1t__release(m->allocator, m->entries, m->room * sizeof *list);
    m->entries = list;
    m->count = n;
    m->room = room;
    m->waiting_count = 0;
    return D1T_OK;
}

D1T__PRIVATE void d1t__memory_rollback(void *ctx) {
    d1t_memory_store *m = (d1t_memory_store *)ctx;
    while (m->waiting_count) d1t__stored_free(m, &m->waiting[--m->waiting_count]);
}

D1TDEF d1t_store d1t_memory_store_init(d1t_memory_store *memory, d1t_allocator allocator) {
    d1t_store store;
    D1T_MEMSET(memory, 0, sizeof *memory);
    memory->allocator = allocator;
    store.ctx = memory;
    store.next = d1t__memory_next;
    store.put = d1t__memory_put;
    store.remove = d1t__memory_remove;
    store.commit = d1t__memory_commit;
    store.rollback = d1t__memory_rollback;
    return store;
}

D1TDEF void d1t_memory_store_free(d1t_memory_store *memory) {
    d1t__memory_rollback(memory);
    while (memory->count) d1t__stored_free(memory, &memory->entries[--memory->count]);
    d1t__release(memory->allocator, memory->entries, memory->room * sizeof *memory->entries);
    d1t__release(memory->allocator, memory->waiting, memory->waiting_room * sizeof *memory->waiting);
    memory->entries = memory->waiting = NULL;
    memory->room = memory->waiting_room = 0;
}

/* ---- >>sync (implementation) ---------------------------------------------------------------------------------- */

#if !defined(D1T_NO_SYNC) && !defined(D1T_NO_QUERY) && !defined(D1T_NO_AROUND) && !defined(D1T_NO_UPDATE)
#define D1T__SYNC
#endif

#ifdef D1T__SYNC

/* What a run does, one after the other. */
enum { D1T__SYNC_BEGIN, D1T__SYNC_CREATE, D1T__SYNC_OPEN, D1T__SYNC_FEED, D1T__SYNC_SETTLE, D1T__SYNC_COUNT,
       D1T__SYNC_DELETE, D1T__SYNC_DONE, D1T__SYNC_ENDED };
/* What it wants before it takes the next row. CHECK, PARK and LAST are for rows that wait for a unique value, which a
   row that is to go may have. May it go? Then its value is taken away, and the rows that wait are sent. */
enum { D1T__WANT_NOTHING, D1T__WANT_PAGE, D1T__WANT_FORGET, D1T__WANT_RECORDS, D1T__WANT_FLUSH, D1T__WANT_ALL,
       D1T__WANT_CHECK, D1T__WANT_PARK, D1T__WANT_LAST };

#ifndef D1T__BUCKET_ROWS            /* tests make buckets and pages small */
#define D1T__BUCKET_ROWS 64u        /* on average: a record for each adds 1.6 % of written rows */
#define D1T__PAGE_RECORDS 4096u
#endif
#define D1T__BUCKET_MOST 256u
#define D1T__BUCKET_BYTES 131072u
#define D1T__DELETE_MOST 20000u     /* rows of one request; and as SQL */
#define D1T__DELETE_ROWS "20000"

/* A row that waits: in a bucket, or in a spool for commit. Behind it in its buffer: text, then order key. */
typedef struct d1t__kept {
    uint64_t number;
    uint32_t size, key;         /* of the text; of it up to the end of the key */
    uint32_t order;             /* size of the order key */
    bool     escaped, known;    /* known: D1 has it, as the store says */
    uint8_t  print[12];         /* in a bucket: 4 bytes of the key's hash, 8 of the row's */
} d1t__kept;

#define D1T__PRINT 12u

/* A record as it was read. Behind it in the page: the order key, the text of its key, the prints. */
typedef struct d1t__bucket_record {
    uint64_t rows;
    uint32_t order, size;
    uint32_t prints;        /* bytes: those of the rows, behind it; 0: not known */
    bool     clean;
    char     digest[32];
} d1t__bucket_record;

/* One table of a run. */
struct d1t__lane {
    d1t_scope        scope;
    const d1t_shape *shape;
    size_t           column;        /* of the scope */
    d1t_str          low, high;     /* its bounds as elements of a row; none: open */
    const char      *id;            /* the scope, as a condition */
    d1t_table        records, page; /* the table of records: all of it, and what a page reads */
    const char      *put_sql, *forget_sql;
    d1t_statement   *erase;         /* the statements of a request that deletes */
    size_t           erase_count;
    d1t_value        id_arg, child_args[2];
    char             owner[33];     /* "": nobody yet */
    uint8_t          seed[16], shape_hash[16];
    uint64_t         before, declared, gone;    /* rows in scope: before the run, declared, to be deleted */
    bool             counted;       /* before was counted, not recorded */
    bool             stale;         /* no record is to be trusted */
    bool             some;          /* there are rows in the scope */
    bool             begun, closed, wrote, partial, sorted;
    d1t_hash         digest;
    bool             followed;      /* the bucket is not the first one */
    d1t_buffer       bucket;        /* rows that belong together */
    uint32_t         bucket_rows;
    size_t           bucket_text, bucket_last;
    bool             complete;      /* all rows that D1 has of it are declared, as the store says */
    d1t_buffer       first, last;   /* order keys: of the bucket's first row, of the last row */
    d1t_buffer       old;           /* a page of records */
    size_t           old_at;
    bool             old_end;       /* there are no further ones */
    d1t_buffer       after;         /* the key of the last one that was read, as SQL */
    d1t__bucket_record match;       /* the record that begins where the bucket does */
    d1t_buffer       prints;        /* its prints */
    bool             matched;
    d1t_buffer       prefix;        /* of the store's keys for this lane */
    bool             stored;        /* the store is true */
    d1t_buffer       passed;        /* keys of other records within the bucket: [..],[..] */
    bool             forgot;        /* there were more, and these are forgotten already */
    d1t_buffer       entry, entries, forgotten;
    d1t_value        put_args[3], forget_args[2];
    d1t_buffer       spool, index;  /* rows that wait for commit, and where each begins */
    size_t           spool_at;
    d1t_buffer       runs;          /* d1t__run: those that were spilled */
    d1t_buffer       rows;          /* dry run, verify: rows to ask about, as JSON */
    const char      *examine_sql;
};

D1T__PRIVATE d1t_str d1t__view(const d1t_buffer *b) {
    return d1t_bytes(b->p, b->n);
}

/* ---- fingerprints */

D1TDEF void d1t_fingerprint(const uint8_t key[16], d1t_str bytes, uint8_t out[16]) {
    d1t_hash h;
    d1t_hash_init(&h, key);
    d1t_hash_add(&h, bytes.p, bytes.n);
    d1t_hash_end(&h, out);
}

/* A row as its text, at the end of the buffer; *key: bytes up to the end of its key. */
D1T__PRIVATE d1t_result d1t__row_text_of(d1t_client *db, const d1t_shape *shape, const d1t_value *values, size_t count,
                                         d1t_buffer *out, uint32_t *key, bool *escaped) {
    d1t__add a;
    d1t_writer w;
    d1t_result result;
    if (!values || count != shape->elements) return d1t__wrong_count(db, shape, shape->elements, count);
    D1T_MEMSET(&a, 0, sizeof a);
    a.desc.shape = shape;
    a.desc.condition = -1;
    a.values = values;
    a.error = &db->error;
    d1t_writer_growing(&w, out);
    w.level = 1;
    *key = 0;
    *escaped = false;
    result = d1t__encode_row(&db->batch, &w, &a, d1t__no_columns(), key, escaped);
    return result == D1T_OK && w.error != D1T_OK ? d1t__no_memory(db, "a row") : result;
}

D1TDEF d1t_result d1t_fingerprint_row(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count,
                                      const uint8_t key[16], d1t_buffer *scratch, uint8_t out[16]) {
    const d1t_shape *shape;
    uint32_t key_end;
    bool escaped;
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (!key || !scratch || !out) return d1t__error(db, D1T_ERR_ARG, "a fingerprint needs a key, a buffer and a place "
                                                    "to go", NULL, NULL);
    shape = d1t__shape_of(db, table);
    if (!shape) return db->error.code;
    scratch->n = 0;
    result = d1t__row_text_of(db, shape, values, count, scratch, &key_end, &escaped);
    if (result == D1T_OK) d1t_fingerprint(key, d1t__view(scratch), out);
    return result;
}

/* ---- scopes */

D1TDEF d1t_scope d1t_scope_table(const d1t_table *table) {
    d1t_scope s;
    D1T_MEMSET(&s, 0, sizeof s);
    s.table = table;
    return s;
}

D1TDEF d1t_scope d1t_scope_prefix(const d1t_table *table, const char *column, const char *prefix) {
    d1t_scope s = d1t_scope_table(table);
    s.column = column;
    s.prefix = prefix;
    return s;
}

D1TDEF d1t_scope d1t_scope_equals(const d1t_table *table, const char *column, d1t_value value) {
    d1t_scope s = d1t_scope_table(table);
    s.column = column;
    s.equals = value;
    return s;
}

D1TDEF d1t_scope d1t_scope_range(const d1t_table *table, const char *column, d1t_value from, d1t_value to) {
    d1t_scope s = d1t_scope_table(table);
    s.column = column;
    s.from = from;
    s.to = to;
    return s;
}

D1TDEF d1t_sync_desc d1t_sync_scope_prefix(const d1t_table *table, const char *column, const char *prefix) {
    d1t_sync_desc desc;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.scope = d1t_scope_prefix(table, column, prefix);
    return desc;
}

D1T__PRIVATE d1t_result d1t__scope_fault(d1t_client *db, const d1t_scope *s, d1t_result code, const char *what) {
    d1t__error(db, code, "scope: table ", s->table->name, NULL);
    if (s->column) d1t__say(&db->error, ", column ", s->column, NULL);
    d1t__say(&db->error, ": ", what, NULL);
    db->error.table = s->table->name;
    return code;
}

D1T__PRIVATE bool d1t__is_int_type(d1t_type type) {
    return type == D1T_INTEGER || type == D1T_BOOL;
}

/* Can rows be told apart by a column of this type, by the order of its values? */
D1T__PRIVATE bool d1t__is_text_type(d1t_type type) {
    return type == D1T_TEXT || type == D1T_UUID || type == D1T_DATE || type == D1T_TIME || type == D1T_TIMESTAMP ||
           type == D1T_TIMESTAMPTZ;
}

/* The character at p[n] (valid UTF-8), and back. */
D1T__PRIVATE uint32_t d1t__utf8_decode(const unsigned char *p, size_t n) {
    uint32_t c = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
    size_t i;
    for (i = 1; i < n; i++) c = c << 6 | (p[i] & 0x3Fu);
    return c;
}

D1T__PRIVATE size_t d1t__utf8_encode(unsigned char *p, uint32_t c) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
    for (i = n; i-- > 1; c >>= 6) p[i] = (unsigned char)(0x80 | (c & 0x3F));
    p[0] = (unsigned char)(n == 1 ? c : (0xF00u >> n & 0xFF) | c);
    return n;
}

/* Makes of p[n] the least text above all that begin with it, and returns its length; 0: there is none. The last
   character may become a byte longer. */
D1T__PRIVATE size_t d1t__after_prefix(unsigned char *p, size_t n) {
    size_t start;
    uint32_t c;
    for (; n > 0; n = start) {
        for (start = n - 1; start > 0 && (p[start] & 0xC0) == 0x80; start--) {}
        c = d1t__utf8_decode(p + start, n - start);
        if (c < 0x10FFFF) return start + d1t__utf8_encode(p + start, c == 0xD7FF ? 0xE000 : c + 1);
    }
    return 0;
}

/* A bound as an element of a row, in the arena. */
D1T__PRIVATE d1t_result d1t__scope_bound(d1t_sync *s, struct d1t__lane *l, const d1t_value *v, d1t_str *out) {
    d1t_client *db = s->db;
    d1t__cell cell;
    d1t_writer w;
    char *copy;
    s->row.n = 0;
    d1t_writer_growing(&w, &s->row);
    w.level = 1;
    d1t__encode(&db->batch, &w, &l->shape->table->columns[l->column], v, &cell);
    if (v->kind == D1T_KIND_NULL) d1t__cell_fault(&cell, D1T_ERR_VALUE, "a scope's value cannot be NULL");
    if (cell.fault) return d1t__scope_fault(db, &l->scope, cell.code, cell.fault);
    copy = w.error == D1T_OK ? d1t_arena_text(&s->arena, d1t_bytes(s->row.p, s->row.n)) : NULL;
    if (!copy) return d1t__no_memory(db, "a scope");
    *out = d1t_bytes(copy, s->row.n);
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__scope_prefix_bounds(d1t_sync *s, struct d1t__lane *l) {
    d1t_str prefix = d1t_cstr(l->scope.prefix);
    d1t_value v = d1t_text_n(prefix.p, prefix.n);
    char *copy;
    d1t_result result = d1t__scope_bound(s, l, &v, &l->low);
    if (result != D1T_OK) return result;
    copy = (char *)d1t_arena_take(&s->arena, prefix.n + 2);
    if (!copy) return d1t__no_memory(s->db, "a scope");
    D1T_MEMCPY(copy, prefix.p, prefix.n);
    v.u.s = d1t_bytes(copy, d1t__after_prefix((unsigned char *)copy, prefix.n));
    return v.u.s.n ? d1t__scope_bound(s, l, &v, &l->high) : D1T_OK;
}

/* Finds the scope's column and encodes its bounds. */
D1T__PRIVATE d1t_result d1t__scope_init(d1t_sync *s, struct d1t__lane *l) {
    const d1t_scope *scope = &l->scope;
    const d1t_table *t = scope->table;
    const d1t_column *c;
    bool equals = scope->equals.kind != D1T_KIND_ABSENT;
    bool range = scope->from.kind != D1T_KIND_ABSENT || scope->to.kind != D1T_KIND_ABSENT;
    d1t_result result = D1T_OK;
    if (!scope->column && !scope->prefix && !equals && !range) return D1T_OK;
    l->column = scope->column ? d1t_table_column(t, d1t_cstr(scope->column)) : t->column_count;
    if (l->column == t->column_count)
        return d1t__scope_fault(s->db, scope, D1T_ERR_ARG, "the table has no such column");
    c = &t->columns[l->column];
    if (!d1t__takes_value(c) || (!d1t__is_int_type(c->type) && !d1t__is_text_type(c->type)) || c->collation)
        return d1t__scope_fault(s->db, scope, D1T_ERR_UNSUPPORTED,
                                "a scope needs a column that takes values, is INTEGER, BOOL, TEXT or of a kind that is "
                                "stored as TEXT, and BINARY");
    if ((scope->prefix != NULL) + equals + range != 1 || (scope->prefix && c->type != D1T_TEXT))
        return d1t__scope_fault(s->db, scope, D1T_ERR_ARG,
                                "give one of prefix (of a TEXT column), equals, or from and to");
    if (scope->prefix) return scope->prefix[0] ? d1t__scope_prefix_bounds(s, l) : D1T_OK;
    if (equals) return d1t__scope_bound(s, l, &scope->equals, &l->low);
    if (scope->from.kind != D1T_KIND_ABSENT) result = d1t__scope_bound(s, l, &scope->from, &l->low);
    if (result == D1T_OK && scope->to.kind != D1T_KIND_ABSENT) result = d1t__scope_bound(s, l, &scope->to, &l->high);
    return result;
}

D1T__PRIVATE bool d1t__scope_is_one(const struct d1t__lane *l) {
    return l->scope.equals.kind != D1T_KIND_ABSENT;
}

/* An element of a row as SQL, and behind it. */
D1T__PRIVATE const char *d1t__write_literal(d1t_writer *w, d1t_type type, const char *p) {
    const char *start = p;
    char c[1];
    int v;
    if (d1t__is_int_type(type)) {
        while (*p == '-' || d1t__is_digit(*p)) p++;
        d1t_write(w, d1t_bytes(start, (size_t)(p - start)));
        return p;
    }
    d1t_write_text(w, type == D1T_BLOB ? "x'" : "'");
    for (p += 2; (v = d1t__key_char(&p)) >= 0; ) {
        c[0] = (char)v;
        if (v == '\'') d1t_write_text(w, "'");
        d1t_write(w, d1t_bytes(c, 1));
    }
    d1t_write_text(w, "'");
    return p + 2;
}

/* The scope as a condition on d1t_t; "1" if it is the whole table. as_filter: no index may be used for it (SQLite,
   query planner, 2), because the ends of a bucket are the better ones. */
D1T__PRIVATE void d1t__write_scope(d1t_writer *w, const struct d1t__lane *l, bool as_filter) {
    const d1t_column *c = &l->shape->table->columns[l->column];
    d1t_str bound[2];
    size_t i, n = 0;
    bound[0] = l->low;
    bound[1] = l->high;
    for (i = 0; i < 2; i++) {
        if (!bound[i].n) continue;
        if (n++) d1t_write_text(w, " AND ");
        d1t_write_text(w, as_filter ? "+d1t_t." : "d1t_t.");
        d1t_write_name(w, c->name);
        d1t_write_text(w, d1t__scope_is_one(l) ? "=" : i ? "<" : ">=");
        (void)d1t__write_literal(w, c->type, bound[i].p);
    }
    if (n == 0) d1t_write_text(w, "1");
}

D1T__PRIVATE int d1t__compare_element(d1t_type type, const char *p, const char *q) {
    return d1t__is_int_type(type) ? d1t__compare_int(&p, &q) : d1t__compare_text(&p, &q);
}

/* Is the row, as text, in the scope? NULL is in none. */
D1T__PRIVATE bool d1t__in_scope(const struct d1t__lane *l, const char *row) {
    const d1t_shape *s = l->shape;
    d1t_type type = s->table->columns[l->column].type;
    int low;
    size_t e;
    if (!l->low.n && !l->high.n) return true;
    for (e = 0; s->order[e] != l->column; e++) row = d1t__element_end(row + 1);
    row++;
    if (*row == 'n') return false;
    low = l->low.n ? d1t__compare_element(type, row, l->low.p) : 1;
    if (d1t__scope_is_one(l)) return low == 0;
    return low >= 0 && (!l->high.n || d1t__compare_element(type, row, l->high.p) < 0);
}

/* ---- keys: an order of bytes, and lists of them in SQL */

/* Adds the key at the start of a row's text so that memcmp orders keys as SQLite does. */
D1T__PRIVATE d1t_result d1t__order_key(const d1t_shape *s, const char *p, d1t_buffer *out) {
    d1t_result result = D1T_OK;
    unsigned char c[8];
    int64_t i;
    size_t e, n;
    int v;
    for (e = 0; e < s->keys && result == D1T_OK; e++) {
        p++;
        if (d1t__is_int_type(s->table->columns[s->order[e]].type)) {
            for (n = 0; p[n] == '-' || d1t__is_digit(p[n]); n++) {}
            (void)d1t_parse_int(d1t_bytes(p, n), &i);
            p += n;
            for (n = 0; n < 8; n++) c[n] = (unsigned char)(((uint64_t)i ^ UINT64_C(1) << 63) >> (56 - 8 * n));
            result = d1t_buffer_add(out, c, 8);
            continue;
        }
        for (p += 2; result == D1T_OK && (v = d1t__key_char(&p)) >= 0; ) {
            c[0] = (unsigned char)v;
            c[1] = 0xFF;
            result = d1t_buffer_add(out, c, v ? 1 : 2);
        }
        p += 2;
        if (result == D1T_OK) result = d1t_buffer_add(out, "\0", 2);
    }
    return result;
}

D1T__PRIVATE d1t_result d1t__set(d1t_buffer *b, d1t_str s) {
    b->n = 0;
    return d1t_buffer_add(b, s.p, s.n);
}

/* A form for each key column; the first one's value is element `first`. */
D1T__PRIVATE void d1t__write_each_key(d1t_writer *w, const struct d1t__lane *l, const char *form, size_t first) {
    d1t__blank of = d1t__blank_of(l->shape->table);
    size_t e;
    for (e = 0; e < l->shape->keys; e++) {
        of.column = &l->shape->table->columns[l->shape->order[e]];
        of.element = first + e;
        if (e) d1t_write_text(w, ",");
        d1t__write_form(w, &of, form);
    }
}

/* A form for the first key column alone. */
D1T__PRIVATE void d1t__write_first_key(d1t_writer *w, const struct d1t__lane *l, const char *form) {
    d1t__blank of = d1t__blank_of(l->shape->table);
    of.column = &l->shape->table->columns[l->shape->order[0]];
    d1t__write_form(w, &of, form);
}

/* The key as a JSON array, blobs in hex. */
D1T__PRIVATE void d1t__write_key_json(d1t_writer *w, const struct d1t__lane *l, const char *form, const char *blob) {
    d1t__blank of = d1t__blank_of(l->shape->table);
    size_t e;
    d1t_write_text(w, "json_array(");
    for (e = 0; e < l->shape->keys; e++) {
        of.column = &l->shape->table->columns[l->shape->order[e]];
        of.element = e;
        if (e) d1t_write_text(w, ",");
        d1t__write_form(w, &of, of.column->type == D1T_BLOB ? blob : form);
    }
    d1t_write_text(w, ")");
}

/* The same in brackets: a row value. */
D1T__PRIVATE void d1t__write_key_row(d1t_writer *w, const struct d1t__lane *l, const char *form, size_t first) {
    d1t_write_text(w, "(");
    d1t__write_each_key(w, l, form, first);
    d1t_write_text(w, ")");
}

/* The same with what is below or above every key in the place of a missing value. */
D1T__PRIVATE void d1t__write_key_bound(d1t_writer *w, const struct d1t__lane *l, size_t first, bool high) {
#define D1T__FF "ffffffffffffffffffffffffffffffff"
    static const char *const bounds[] = {"-9e999)", "9e999)", "'')", "x'ff')", "x'')",
                                         "x'" D1T__FF D1T__FF D1T__FF D1T__FF "')"};
    d1t__blank of = d1t__blank_of(l->shape->table);
    size_t e;
    d1t_write_text(w, "(");
    for (e = 0; e < l->shape->keys; e++) {
        of.column = &l->shape->table->columns[l->shape->order[e]];
        of.element = first + e;
        d1t__write_form(w, &of, e ? ",coalesce(#," : "coalesce(#,");
        d1t_write_text(w, bounds[of.column->type == D1T_BLOB ? 4u + high
                                                             : d1t__is_int_type(of.column->type) ? high : 2u + high]);
    }
    d1t_write_text(w, ")");
}

/* ---- SQL. An entry is an array: the keys where its bucket begins and ends (null: with the scope), the key of its
   record, the fingerprint, the number of rows, their keys. */

D1T__PRIVATE size_t d1t__entry_rest(const struct d1t__lane *l) {
    return 3u * l->shape->keys;
}

/* d1t_v->>N, where N counts from the fingerprint. */
D1T__PRIVATE void d1t__write_entry(d1t_writer *w, const struct d1t__lane *l, size_t n) {
    d1t_write_text(w, "(d1t_v->>");
    d1t_write_uint(w, d1t__entry_rest(l) + n);
    d1t_write_text(w, ")");
}

D1T__PRIVATE void d1t__write_at(d1t_writer *w, const d1t_table *t, const char *before, const char *after) {
    d1t_write_text(w, before);
    d1t_write_name(w, t->name);
    d1t_write_text(w, after);
}

/* The table as d1t_t, its rows in the scope. */
D1T__PRIVATE void d1t__write_from_scope(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_at(w, l->shape->table, " FROM ", " AS d1t_t WHERE ");
    d1t__write_scope(w, l, false);
}

/* And in the bucket of the entry d1t_v. */
D1T__PRIVATE void d1t__write_in_bucket(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_scope(w, l, true);
    d1t_write_text(w, " AND ");
    d1t__write_key_row(w, l, "d1t_t.~", 0);
    d1t_write_text(w, ">=");
    d1t__write_key_bound(w, l, 0, false);
    d1t_write_text(w, " AND ");
    d1t__write_key_row(w, l, "d1t_t.~", 0);
    d1t_write_text(w, "<");
    d1t__write_key_bound(w, l, l->shape->keys, true);
}

/* Each entry with the number of rows that its bucket has in D1. */
D1T__PRIVATE void d1t__write_counted(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_at(w, l->shape->table, "d1t_c(d1t_v,d1t_n) AS MATERIALIZED (SELECT d1t_v,(SELECT count(*) FROM ",
                  " AS d1t_t WHERE ");
    d1t__write_in_bucket(w, l);
    d1t_write_text(w, ") FROM d1t_e)");
}

/* The records of entries (?1), with how many rows of the bucket nobody declared; for these the declared keys are kept.
   ?2: the scope, ?3: 1 if some of the rows are still to come. */
D1T__PRIVATE void d1t__put_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t_write_text(w, "WITH d1t_e(d1t_v) AS MATERIALIZED (SELECT value FROM json_each(?1)),");
    d1t__write_counted(w, l);
    d1t__write_at(w, &l->records, " INSERT INTO ", "(`_d1t_scope`,");
    d1t__write_each_key(w, l, "~", 0);
    d1t_write_text(w, ",`_d1t_digest`,`_d1t_rows`,`_d1t_extra`,`_d1t_open`,`_d1t_keep`) SELECT ?2,");
    d1t__write_each_key(w, l, "#", 2u * l->shape->keys);
    d1t_write_text(w, ",");
    d1t__write_entry(w, l, 0);
    d1t_write_text(w, ",");
    d1t__write_entry(w, l, 1);
    d1t_write_text(w, ",d1t_n-");
    d1t__write_entry(w, l, 1);
    d1t_write_text(w, ",?3,iif(?3 OR d1t_n>");
    d1t__write_entry(w, l, 1);
    d1t_write_text(w, ",");
    d1t__write_entry(w, l, 2);
    d1t_write_text(w, ",NULL) FROM d1t_c WHERE 1 ON CONFLICT(`_d1t_scope`,");
    d1t__write_each_key(w, l, "~", 0);
    d1t_write_text(w, ") DO UPDATE SET `_d1t_digest`=excluded.`_d1t_digest`,`_d1t_rows`=excluded.`_d1t_rows`,"
                      "`_d1t_extra`=excluded.`_d1t_extra`,`_d1t_open`=excluded.`_d1t_open`,"
                      "`_d1t_keep`=excluded.`_d1t_keep` WHERE "
                      "(`_d1t_digest`,`_d1t_rows`,`_d1t_extra`,`_d1t_open`,`_d1t_keep`) IS NOT "
                      "(excluded.`_d1t_digest`,excluded.`_d1t_rows`,excluded.`_d1t_extra`,excluded.`_d1t_open`,"
                      "excluded.`_d1t_keep`)");
}

/* The records of buckets that are no more (?1: their keys). */
D1T__PRIVATE void d1t__forget_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_at(w, &l->records, "WITH d1t_r(d1t_v) AS MATERIALIZED (SELECT value FROM json_each(?1)) DELETE FROM ",
                  " WHERE `_d1t_scope`=?2 AND ");
    d1t__write_key_row(w, l, "~", 0);
    d1t_write_text(w, " IN (SELECT ");
    d1t__write_each_key(w, l, "#", 0);
    d1t_write_text(w, " FROM d1t_r)");
}

/* How many rows are to be deleted, and how many more are too many but cannot be told from those that were declared. */
D1T__PRIVATE void d1t__count_sql(d1t_writer *w, const struct d1t__lane *l) {
    if (l->begun) {
        d1t__write_at(w, &l->records,
                      "SELECT coalesce(sum(`_d1t_extra`),0) AS d1t_gone,"
                      "count(*) FILTER (WHERE `_d1t_keep` IS NULL) AS d1t_lost FROM ",
                      " WHERE `_d1t_scope`=?1 AND `_d1t_extra`>0");
        return;
    }
    d1t_write_text(w, "SELECT count(*) AS d1t_gone");
    d1t__write_from_scope(w, l);
    d1t_write_text(w, " AND ?1=?1");
}

/* Buckets as entries d1t_e, from their records: those that satisfy a condition on d1t_x (extra rows), d1t_w (rows are
   still to come) and d1t_y (the declared keys are known). A bucket reaches to the next one; the first begins and the
   last ends with the scope. few: about as many as one request can delete. */
D1T__PRIVATE void d1t__recorded_sql(d1t_writer *w, const struct d1t__lane *l, const char *condition, bool few) {
    static const char *const forms[][2] = {{"iif(row_number() OVER d1t_w=1,NULL,~),",
                                            "iif(row_number() OVER d1t_w=1,NULL,hex(~)),"},
                                           {"lead(~) OVER d1t_w,", "lead(hex(~)) OVER d1t_w,"},
                                           {"~,", "hex(~),"}};
    const d1t_table *t = l->shape->table;
    d1t__blank of = d1t__blank_of(t);
    size_t e, list;
    d1t_write_text(w, "WITH d1t_o(d1t_v,d1t_x,d1t_w,d1t_y,d1t_i) AS (SELECT json_array(");
    for (list = 0; list < 3; list++)
        for (e = 0; e < l->shape->keys; e++) {
            of.column = &t->columns[l->shape->order[e]];
            d1t__write_form(w, &of, forms[list][of.column->type == D1T_BLOB]);
        }
    d1t__write_at(w, &l->records, "NULL,`_d1t_rows`,`_d1t_keep`),`_d1t_extra`,`_d1t_open`,`_d1t_keep` IS NOT NULL,"
                  "row_number() OVER d1t_w FROM ", " WHERE `_d1t_scope`=?1 WINDOW d1t_w AS (ORDER BY ");
    d1t__write_each_key(w, l, "~", 0);
    d1t_write_text(w, ")),d1t_p(d1t_v,d1t_x,d1t_s) AS (SELECT d1t_v,d1t_x,sum(d1t_x) OVER (ORDER BY d1t_i) FROM d1t_o "
                      "WHERE ");
    d1t_write_text(w, condition);
    d1t_write_text(w, "),d1t_e(d1t_v) AS MATERIALIZED (SELECT d1t_v FROM d1t_p");
    if (few) d1t_write_text(w, " WHERE d1t_s<=" D1T__DELETE_ROWS " OR d1t_s=d1t_x");
    d1t_write_text(w, ")");
}

/* d1t_t is in the bucket of the entry d1t_v, and its key is none of `list`: (SELECT ... FROM list). */
D1T__PRIVATE void d1t__write_in_bucket_but(d1t_writer *w, const struct d1t__lane *l, const char *list) {
    d1t__write_in_bucket(w, l);
    d1t_write_text(w, " AND ");
    d1t__write_key_row(w, l, "d1t_t.~", 0);
    d1t_write_text(w, " NOT IN (SELECT ");
    d1t__write_each_key(w, l, "#", 0);
    d1t_write_text(w, " FROM ");
    d1t_write_text(w, list);
    d1t_write_text(w, ")");
}

/* (k1,k2) IN (SELECT ...): the rows of these buckets that nobody declared. */
D1T__PRIVATE void d1t__write_undeclared(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_key_row(w, l, "~", 0);
    d1t_write_text(w, " IN (SELECT ");
    d1t__write_each_key(w, l, "d1t_t.~", 0);
    d1t__write_at(w, l->shape->table, " FROM d1t_e CROSS JOIN ", " AS d1t_t WHERE ");
    d1t__write_in_bucket_but(w, l, "d1t_h");
    d1t_write_text(w, " LIMIT " D1T__DELETE_ROWS ")");
}

/* The declared keys of the buckets d1t_e. */
D1T__PRIVATE void d1t__write_declared(d1t_writer *w, const struct d1t__lane *l) {
    d1t_write_text(w, ",d1t_h(d1t_v) AS MATERIALIZED (SELECT value FROM d1t_e,json_each(");
    d1t__write_entry(w, l, 2);
    d1t_write_text(w, "))");
}

/* What one request deletes: the rows that nobody declared, of the first buckets that have such; or, if no row of the
   table was declared, the first rows of the scope. The head of a statement about them, and their condition. */
D1T__PRIVATE void d1t__write_doomed_head(d1t_writer *w, const struct d1t__lane *l) {
    if (!l->begun) return;
    d1t__recorded_sql(w, l, "d1t_x>0 AND d1t_y", true);
    d1t__write_declared(w, l);
}

D1T__PRIVATE void d1t__write_doomed(d1t_writer *w, const struct d1t__lane *l) {
    if (l->begun) {
        d1t__write_undeclared(w, l);
        return;
    }
    d1t__write_key_row(w, l, "~", 0);
    d1t_write_text(w, " IN (SELECT ");
    d1t__write_each_key(w, l, "d1t_t.~", 0);
    d1t__write_from_scope(w, l);
    d1t_write_text(w, " AND ?1=?1 LIMIT " D1T__DELETE_ROWS ")");
}

/* Aborts if a row of the child's scope has a parent that is to go. */
D1T__PRIVATE void d1t__orphans_sql(d1t_writer *w, const struct d1t__lane *l, const struct d1t__lane *child,
                                   const d1t_foreign_key *f) {
    size_t i;
    d1t__write_doomed_head(w, l);
    d1t_write_text(w, " SELECT json_extract('{}','d1t orphan')");
    d1t__write_from_scope(w, child);
    d1t_write_text(w, " AND ?1=?1 AND (");
    for (i = 0; i < f->column_count; i++) {
        d1t_write_text(w, i ? ",d1t_t." : "d1t_t.");
        d1t_write_name(w, f->columns[i]);
    }
    d1t_write_text(w, ") IN (SELECT ");
    for (i = 0; i < f->column_count && f->parent_columns; i++) {
        if (i) d1t_write_text(w, ",");
        d1t_write_name(w, f->parent_columns[i]);
    }
    if (!f->parent_columns) d1t__write_each_key(w, l, "~", 0);
    d1t__write_at(w, l->shape->table, " FROM ", l->begun ? " WHERE " : " AS d1t_t WHERE ");
    if (l->begun) d1t__write_undeclared(w, l);
    else d1t__write_scope(w, l, false);
    d1t_write_text(w, ") LIMIT 1");
}

/* How many rows nobody declared, while others still wait. */
D1T__PRIVATE void d1t__check_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__recorded_sql(w, l, "d1t_y", false);
    d1t__write_declared(w, l);
    d1t__write_at(w, l->shape->table, " SELECT count(*) AS d1t_gone FROM ", " WHERE ");
    d1t__write_undeclared(w, l);
}

#ifndef D1T_NO_PARK
/* Takes the unique values of rows that are to go away from them. */
D1T__PRIVATE void d1t__park_sql(d1t_writer *w, const struct d1t__lane *l) {
    const d1t_table *t = l->shape->table;
    const d1t_column *c;
    size_t i, n = 0;
    d1t__recorded_sql(w, l, "d1t_y", false);
    d1t__write_declared(w, l);
    d1t__write_at(w, t, " UPDATE ", " SET ");
    for (i = 0; i < t->index_count; i++) {
        c = t->indexes[i].flags & D1T_UNIQUE ? d1t__park_column(t, &t->indexes[i]) : NULL;
        if (!c) continue;
        if (n++) d1t_write_text(w, ",");
        d1t_write_name(w, c->name);
        d1t_write_text(w, "=");
        d1t_write_text(w, d1t__park_value(t, c));
    }
    d1t_write_text(w, " WHERE ");
    d1t__write_undeclared(w, l);
}
#endif

/* Deletes what is to go. */
D1T__PRIVATE void d1t__delete_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_doomed_head(w, l);
    d1t__write_at(w, l->shape->table, " DELETE FROM ", " WHERE ");
    d1t__write_doomed(w, l);
}

/* A column that references the table itself, or another one that references it, and may become NULL: it is not the one
   that the scope goes by. */
D1T__PRIVATE bool d1t__detaches(const struct d1t__lane *l, size_t column) {
    return d1t__has(l->shape->late, column) && !(column == l->column && (l->low.n || l->high.n));
}

/* Lets go of the parents of rows that are to go: RESTRICT forbids the deletion of a parent before its child even within
   one statement, and D1 cascades no deeper than 10. */
D1T__PRIVATE void d1t__detach_sql(d1t_writer *w, const struct d1t__lane *l) {
    const d1t_table *t = l->shape->table;
    size_t e, n, list;
    d1t__write_doomed_head(w, l);
    d1t__write_at(w, t, " UPDATE ", " SET ");
    for (list = 0; list < 2; list++) {
        for (e = n = 0; e < t->column_count; e++) {
            if (!d1t__detaches(l, e)) continue;
            if (n++) d1t_write_text(w, list ? " OR " : ",");
            d1t_write_name(w, t->columns[e].name);
            d1t_write_text(w, list ? " IS NOT NULL" : "=NULL");
        }
        d1t_write_text(w, list ? ") AND " : " WHERE (");
    }
    d1t__write_doomed(w, l);
}

/* The records of the buckets d1t_e as D1 has them now: rows that nobody declared are those whose keys were not, or, if
   these are not known, as many as there are too many. */
D1T__PRIVATE void d1t__write_recounted(d1t_writer *w, const struct d1t__lane *l, const char *set) {
    d1t__write_declared(w, l);
    d1t_write_text(w, ",d1t_c(d1t_v,d1t_n) AS MATERIALIZED (SELECT d1t_v,iif(");
    d1t__write_entry(w, l, 2);
    d1t__write_at(w, l->shape->table, " IS NULL,(SELECT count(*) FROM ", " AS d1t_t WHERE ");
    d1t__write_in_bucket(w, l);
    d1t_write_text(w, ")-");
    d1t__write_entry(w, l, 1);
    d1t__write_at(w, l->shape->table, ",(SELECT count(*) FROM ", " AS d1t_t WHERE ");
    d1t__write_in_bucket_but(w, l, "d1t_h");
    d1t__write_at(w, &l->records, ")) FROM d1t_e) UPDATE ", set);
    d1t_write_text(w, "`_d1t_extra`=d1t_n,`_d1t_keep`=iif(d1t_n>0,`_d1t_keep`,NULL) FROM d1t_c WHERE "
                      "`_d1t_scope`=?1 AND ");
    d1t__write_key_row(w, l, "~", 0);
    d1t_write_text(w, "=");
    d1t__write_key_row(w, l, "#", 2u * l->shape->keys);
}

D1T__PRIVATE void d1t__forget_all_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_at(w, &l->records, "DELETE FROM ", " WHERE `_d1t_scope`=?1");
}

/* What is left in the buckets from which was deleted. */
D1T__PRIVATE void d1t__recount_sql(d1t_writer *w, const struct d1t__lane *l) {
    if (!l->begun) {
        d1t__forget_all_sql(w, l);
        return;
    }
    d1t__recorded_sql(w, l, "d1t_x>0 AND d1t_y", true);
    d1t__write_recounted(w, l, " SET ");
}

/* All rows have come. */
D1T__PRIVATE void d1t__settle_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__recorded_sql(w, l, "d1t_w", false);
    d1t__write_recounted(w, l, " SET `_d1t_open`=0,");
}

/* All have come but those that were refused: their buckets are to be sent again. */
D1T__PRIVATE void d1t__resettle_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__recorded_sql(w, l, "d1t_w", false);
    d1t__write_recounted(w, l, " SET ");
}

D1T__PRIVATE void d1t__left_sql(d1t_writer *w, const struct d1t__lane *l) {
    if (l->begun) {
        d1t__write_at(w, &l->records, "SELECT count(*) AS d1t_left FROM ",
                      " WHERE `_d1t_scope`=?1 AND `_d1t_extra`>0 AND `_d1t_keep` IS NOT NULL");
        return;
    }
    d1t_write_text(w, "SELECT EXISTS(SELECT 1");
    d1t__write_from_scope(w, l);
    d1t_write_text(w, " AND ?1=?1) AS d1t_left");
}

/* The rows of buckets (?1) that are missing (1) or different (2), and those in D1 that are extra (3). ?2: entries. */
D1T__PRIVATE void d1t__examined_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t_write_desc desc;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.shape = l->shape;
    desc.condition = -1;
    d1t_write_text(w, "WITH d1t_r(d1t_v) AS MATERIALIZED (SELECT value FROM json_each(?1)),d1t_e(d1t_v) AS "
                      "MATERIALIZED (SELECT value FROM json_each(?2)),d1t_x(d1t_what,d1t_key) AS (SELECT ");
    d1t__write_first_key(w, l, "iif(d1t_t.~ IS NULL,1,2),");
    d1t__write_key_json(w, l, "#", "hex(#)");
    d1t__write_at(w, l->shape->table, " FROM d1t_r LEFT JOIN ", " AS d1t_t ON ");
    d1t__write_key_match(w, &desc);
    d1t__write_first_key(w, l, " WHERE d1t_t.~ IS NULL");
    if (d1t__sets_any(&desc)) d1t_write_text(w, " OR ");
    if (d1t__sets_any(&desc)) d1t__write_guard(w, &desc, "#&,typeof(#)");
    d1t_write_text(w, " UNION ALL SELECT 3,");
    d1t__write_key_json(w, l, "d1t_t.~", "hex(d1t_t.~)");
    d1t__write_at(w, l->shape->table, " FROM d1t_e CROSS JOIN ", " AS d1t_t WHERE ");
    d1t__write_in_bucket_but(w, l, "d1t_r");
    d1t_write_text(w, ")");
}

D1T__PRIVATE void d1t__examine_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__examined_sql(w, l);
    d1t_write_text(w, " SELECT d1t_what,d1t_key FROM d1t_x");
}

D1T__PRIVATE void d1t__tally_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__examined_sql(w, l);
    d1t_write_text(w, " SELECT d1t_what,count(*) FROM d1t_x GROUP BY 1");
}

/* Where all runs are written down: an owner for each scope of each table, and the secret of its fingerprints. */
D1T__PRIVATE const d1t_table *d1t__sync_table(void) {
    static const d1t_column columns[] = {
        D1T_COLUMN("table", D1T_TEXT, D1T_KEY), D1T_COLUMN("scope", D1T_TEXT, D1T_KEY),
        D1T_COLUMN("owner", D1T_TEXT, D1T_NOT_NULL), D1T_COLUMN("seed", D1T_TEXT, D1T_NOT_NULL)};
    static const d1t_table table = D1T_TABLE_FLAGS("_d1t_sync", columns, D1T_WITHOUT_ROWID);
    return &table;
}

/* ?1: an array [table of records, scope, owner or null, seed] for each scope; ?2: this run. */
#define D1T__GUARD_SQL                                                                                                \
    "SELECT json_extract('{}','d1t sync') FROM json_each(?1) AS e LEFT JOIN `_d1t_sync` AS s ON "                     \
    "s.`table`=e.value->>0 AND s.`scope`=e.value->>1 WHERE s.`owner` IS NOT e.value->>2 AND s.`owner` IS NOT ?2"
#define D1T__CLAIM_SQL                                                                                                \
    "INSERT INTO `_d1t_sync`(`table`,`scope`,`owner`,`seed`) SELECT value->>0,value->>1,?2,value->>3 FROM "           \
    "json_each(?1) WHERE 1 ON CONFLICT(`table`,`scope`) DO UPDATE SET `owner`=excluded.`owner` "                      \
    "WHERE `owner`<>excluded.`owner`"

/* What is known of tables whose rows go or change with those of ?1 is true no longer, but for the scopes of this run
   (?2), which have looked. */
#define D1T__SPREAD_SQL                                                                                               \
    "WITH RECURSIVE d1t_k(d1t_n) AS (SELECT ?1 UNION SELECT d1t_m.name FROM d1t_k,sqlite_schema AS d1t_m,"            \
    "pragma_foreign_key_list(d1t_m.name) AS d1t_f WHERE d1t_m.type='table' AND substr(d1t_m.name,1,4)<>'_cf_' AND "   \
    "d1t_f.`table`=d1t_n COLLATE NOCASE AND d1t_f.on_delete NOT IN ('NO ACTION','RESTRICT')) DELETE FROM "            \
    "`_d1t_sync` WHERE substr(`table`,11,length(`table`)-19) COLLATE NOCASE IN (SELECT d1t_n FROM d1t_k WHERE "       \
    "d1t_n<>?1) AND NOT EXISTS(SELECT 1 FROM json_each(?2) AS e WHERE e.value->>0=`table` AND e.value->>1=`scope`)"

/* What was written down for another key of the same table, or what had its records dropped, is void: names of tables of
   records differ in their last 8 characters then. */
#define D1T__VOID_SQL                                                                                                 \
    "DELETE FROM `_d1t_sync` WHERE (`table`=?1 AND NOT EXISTS(SELECT 1 FROM sqlite_schema WHERE name=?1 COLLATE "     \
    "NOCASE)) OR (`table`<>?1 AND length(`table`)=length(?1) AND "                                                    \
    "substr(`table`,1,length(?1)-8)=substr(?1,1,length(?1)-8))"

/* Who owns the scopes, and how many rows are there: all of them in a scope that is new, else whether there are any. */
D1T__PRIVATE void d1t__begin_sql(d1t_writer *w, const d1t_sync *s) {
    size_t i;
    d1t_write_text(w, "SELECT e.key,lower(hex(randomblob(16))),s.`owner`,s.`seed`,CASE e.key");
    for (i = 0; i < s->lane_count; i++) {
        d1t_write_text(w, " WHEN ");
        d1t_write_uint(w, i);
        d1t_write_text(w, " THEN iif(s.`owner` IS NULL,(SELECT count(*)");
        d1t__write_from_scope(w, &s->lanes[i]);
        d1t_write_text(w, "),EXISTS(SELECT 1");
        d1t__write_from_scope(w, &s->lanes[i]);
        d1t_write_text(w, "))");
    }
    d1t_write_text(w, " END FROM json_each(?1) AS e LEFT JOIN `_d1t_sync` AS s ON s.`table`=e.value->>0 AND "
                      "s.`scope`=e.value->>1 AND EXISTS(SELECT 1 FROM sqlite_schema WHERE name=s.`table` COLLATE "
                      "NOCASE)");
}

/* The name under which a scope is written down. */
D1T__PRIVATE void d1t__id_sql(d1t_writer *w, const struct d1t__lane *l) {
    d1t__write_scope(w, l, false);
}

/* A statement's text, in the arena. NULL: no memory. */
D1T__PRIVATE const char *d1t__lane_sql(d1t_sync *s, const struct d1t__lane *l,
                                       void (*write)(d1t_writer *w, const struct d1t__lane *l)) {
    d1t_writer w;
    s->query.n = 0;
    d1t_writer_growing(&w, &s->query);
    write(&w, l);
    return w.error == D1T_OK ? d1t_arena_text(&s->arena, d1t__view(&s->query)) : NULL;
}

/* ---- what the store knows: for each lane an owner under its prefix, and a value for each bucket under that and the
   order key: fingerprint, size of the key's text, the text, prints */

D1T__PRIVATE bool d1t__sync_writes(const d1t_sync *s) {
    return s->desc.mode == D1T_SYNC_APPLY;
}

/* Was a row of the run refused and left out (config.isolate)? */
D1T__PRIVATE bool d1t__sync_is_poisoned(const d1t_sync *s) {
    return s->before.rows_poisoned != s->db->stats.rows_poisoned;
}

D1T__PRIVATE d1t_result d1t__store_fault(d1t_sync *s, d1t_result code) {
    return d1t__error(s->db, code, "desc.store: ", d1t_result_text(code), NULL);
}

D1T__PRIVATE d1t__kept d1t__kept_at(const d1t_buffer *b, size_t at) {
    d1t__kept kept;
    D1T_MEMCPY(&kept, b->p + at, sizeof kept);
    return kept;
}

/* The key of a bucket in the store, in s->query. */
D1T__PRIVATE d1t_result d1t__store_key(d1t_sync *s, const struct d1t__lane *l, d1t_str order) {
    d1t_writer w;
    s->query.n = 0;
    d1t_writer_growing(&w, &s->query);
    d1t_write(&w, d1t__view(&l->prefix));
    d1t_write(&w, order);
    return w.error == D1T_OK ? D1T_OK : d1t__no_memory(s->db, "the store");
}

D1T__PRIVATE d1t_result d1t__store_remove(d1t_sync *s, const struct d1t__lane *l, d1t_str order) {
    d1t_result result;
    if (!s->desc.store || !l->stored || !d1t__sync_writes(s)) return D1T_OK;
    result = d1t__store_key(s, l, order);
    if (result != D1T_OK) return result;
    result = s->desc.store->remove(s->desc.store->ctx, d1t__view(&s->query));
    return result == D1T_OK ? D1T_OK : d1t__store_fault(s, result);
}

/* Notes the bucket as it is now. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__store_put(d1t_sync *s, struct d1t__lane *l, const char *digest) {
    d1t__kept kept = d1t__kept_at(&l->bucket, 0);
    size_t at;
    uint8_t size[4];
    d1t_result result;
    if (!s->desc.store || !d1t__sync_writes(s)) return D1T_OK;
    for (at = 0; at < 4; at++) size[at] = (uint8_t)((kept.key + 1) >> (8 * at));
    l->entry.n = 0;
    result = d1t_buffer_add(&l->entry, digest, 32);
    if (result == D1T_OK) result = d1t_buffer_add(&l->entry, size, 4);
    if (result == D1T_OK) result = d1t_buffer_add(&l->entry, l->bucket.p + sizeof kept, kept.key);
    if (result == D1T_OK) result = d1t_buffer_add(&l->entry, "]", 1);
    for (at = 0; at < l->bucket.n && result == D1T_OK; at += sizeof kept + kept.size) {
        kept = d1t__kept_at(&l->bucket, at);
        result = d1t_buffer_add(&l->entry, kept.print, D1T__PRINT);
    }
    if (result == D1T_OK) result = d1t__store_key(s, l, d1t__view(&l->first));
    if (result != D1T_OK) return d1t__no_memory(s->db, "the store");
    result = s->desc.store->put(s->desc.store->ctx, d1t__view(&s->query), d1t__view(&l->entry));
    return result == D1T_OK ? D1T_OK : d1t__store_fault(s, result);
}

/* The lane's next entry after s->query, whose key is set to it; *value none: there is no further one. */
D1T__PRIVATE d1t_result d1t__store_next(d1t_sync *s, const struct d1t__lane *l, d1t_str *order, d1t_str *value) {
    d1t_str key;
    d1t_result result = s->desc.store->next(s->desc.store->ctx, d1t__view(&s->query), &key, value);
    if (result == D1T_EOF || (result == D1T_OK && (key.n < l->prefix.n ||
                                                   D1T_MEMCMP(key.p, l->prefix.p, l->prefix.n) != 0))) {
        *value = d1t_bytes(NULL, 0);
        return D1T_OK;
    }
    if (result != D1T_OK) return d1t__store_fault(s, result);
    if (d1t__set(&s->place, key) != D1T_OK) return d1t__no_memory(s->db, "the store");
    *order = d1t_bytes(s->place.p + l->prefix.n, s->place.n - l->prefix.n);
    return D1T_OK;
}

/* Reads some records of the lane from the store, as a page. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__store_read(d1t_sync *s, struct d1t__lane *l) {
    d1t__bucket_record r;
    d1t_str order, value;
    d1t_result result;
    uint32_t i;
    l->old.n = l->old_at = 0;
    for (i = 0; i < 64; i++) {
        result = d1t__store_key(s, l, d1t__view(&l->after));
        if (result == D1T_OK) result = d1t__store_next(s, l, &order, &value);
        if (result != D1T_OK) return result;
        l->old_end = !value.p;
        if (l->old_end) return D1T_OK;
        D1T_MEMSET(&r, 0, sizeof r);
        if (value.n >= 36)
            r.size = (uint32_t)(uint8_t)value.p[32] | (uint32_t)(uint8_t)value.p[33] << 8 |
                     (uint32_t)(uint8_t)value.p[34] << 16 | (uint32_t)(uint8_t)value.p[35] << 24;
        if (value.n < 36 || r.size > value.n - 36 || (value.n - 36 - r.size) % D1T__PRINT)
            return d1t__error(s->db, D1T_ERR_STATE, "desc.store: an entry is damaged; begin with an empty store", NULL,
                              NULL);
        r.order = (uint32_t)order.n;
        r.prints = (uint32_t)(value.n - 36 - r.size);
        r.rows = r.prints / D1T__PRINT;
        r.clean = !l->stale;
        D1T_MEMCPY(r.digest, value.p, 32);
        result = d1t_buffer_add(&l->old, &r, sizeof r);
        if (result == D1T_OK) result = d1t_buffer_add(&l->old, order.p, order.n);
        if (result == D1T_OK) result = d1t_buffer_add(&l->old, value.p + 36, value.n - 36);
        if (result == D1T_OK) result = d1t__set(&l->after, order);
        if (result != D1T_OK) return d1t__no_memory(s->db, "the store");
    }
    return D1T_OK;
}

/* Is what the store has of the lane what D1 has? If not, it begins anew. */
D1T__PRIVATE d1t_result d1t__store_open(d1t_sync *s, struct d1t__lane *l) {
    const d1t_store *store = s->desc.store;
    d1t_str key, value;
    d1t_writer w;
    d1t_result result;
    if (!store) return D1T_OK;
    l->prefix.n = 0;
    d1t_writer_growing(&w, &l->prefix);
    d1t_write_text(&w, "sync ");
    d1t_write_text(&w, l->records.name);
    d1t_write(&w, d1t_bytes("", 1));
    d1t_write_text(&w, l->id);
    if (w.error != D1T_OK) return d1t__no_memory(s->db, "the store");
    result = store->next(store->ctx, d1t__view(&l->prefix), &key, &value);
    if (result != D1T_OK && result != D1T_EOF) return d1t__store_fault(s, result);
    l->stored = result == D1T_OK && l->owner[0] && key.n == l->prefix.n + 1 && !key.p[key.n - 1] && value.n == 32 &&
                D1T_MEMCMP(key.p, l->prefix.p, l->prefix.n) == 0 && D1T_MEMCMP(value.p, l->owner, 32) == 0;
    result = d1t__set(&s->query, d1t__view(&l->prefix));
    if (result == D1T_OK) result = d1t_buffer_add(&l->prefix, "", 1);
    if (result != D1T_OK) return d1t__no_memory(s->db, "the store");
    while (!l->stored && d1t__sync_writes(s)) {
        result = d1t__store_next(s, l, &key, &value);
        if (result != D1T_OK || !value.p) return result;
        result = store->remove(store->ctx, d1t__view(&s->place));
        if (result != D1T_OK) return d1t__store_fault(s, result);
        if (d1t__set(&s->query, d1t__view(&s->place)) != D1T_OK) return d1t__no_memory(s->db, "the store");
    }
    return D1T_OK;
}

/* All that was put is true now. */
D1T__PRIVATE d1t_result d1t__store_close(d1t_sync *s) {
    const d1t_store *store = s->desc.store;
    d1t_result result = D1T_OK;
    bool same = !s->claimed;
    size_t i;
    if (!store || !d1t__sync_writes(s)) return D1T_OK;
    for (i = 0; i < s->lane_count; i++) same = same && s->lanes[i].stored;
    for (i = 0; i < s->lane_count && result == D1T_OK && !same; i++) {
        struct d1t__lane *l = &s->lanes[i];
        const char *owner = s->claimed ? s->nonce : l->owner;
        if (owner[0]) result = store->put(store->ctx, d1t__view(&l->prefix), d1t_bytes(owner, 32));
    }
    same = same || d1t__sync_is_poisoned(s);
    if (result == D1T_OK && !same) result = store->commit(store->ctx);
    return result == D1T_OK ? D1T_OK : d1t__store_fault(s, result);
}

/* ---- beginning */

D1T__PRIVATE d1t_column d1t__meta_column(const char *name, d1t_type type, uint32_t flags) {
    d1t_column c;
    D1T_MEMSET(&c, 0, sizeof c);
    c.name = name;
    c.type = type;
    c.flags = flags;
    return c;
}

/* A hash of what the values of some columns are: the key's, or all that rows carry. */
D1T__PRIVATE void d1t__shape_hash(const d1t_shape *s, size_t elements, uint8_t out[16]) {
    static const uint8_t key[16] = "d1t sync shape";
    const char *type;
    d1t_hash h;
    size_t e;
    d1t_hash_init(&h, key);
    for (e = 0; e < elements; e++) {
        const d1t_column *c = &s->table->columns[s->order[e]];
        type = d1t_sql_type(s->table, c);
        d1t_hash_add(&h, c->name, d1t__strlen(c->name) + 1);
        d1t_hash_add(&h, type, d1t__strlen(type) + 1);
        d1t_hash_add(&h, e < s->keys ? "k" : "v", 1);
    }
    d1t_hash_end(&h, out);
}

/* The table of records: the key of the table itself, so that SQLite orders both alike. Its name has a hash of that key,
   so that a table whose key changes begins anew. */
D1T__PRIVATE bool d1t__lane_records(d1t_sync *s, struct d1t__lane *l) {
    const d1t_shape *shape = l->shape;
    d1t_column *c = (d1t_column *)d1t_arena_take(&s->arena, (shape->keys + 6u) * sizeof *c);
    char *name = (char *)d1t_arena_take(&s->arena, d1t__strlen(shape->table->name) + 32);
    d1t_writer w;
    uint8_t hash[16];
    size_t e, n = 0;
    if (!c || !name) return false;
    d1t__shape_hash(shape, shape->keys, hash);
    d1t_writer_fixed(&w, name, d1t__strlen(shape->table->name) + 31);
    d1t_write_text(&w, "_d1t_sync_");
    d1t_write_text(&w, shape->table->name);
    d1t_write_text(&w, "_");
    d1t_write_hex(&w, d1t_bytes(hash, 4));
    c[n++] = d1t__meta_column("_d1t_scope", D1T_TEXT, D1T_KEY);
    for (e = 0; e < shape->keys; e++, n++) {
        const d1t_column *k = &shape->table->columns[shape->order[e]];
        c[n] = d1t__meta_column(k->name, k->type, D1T_KEY);
    }
    c[n++] = d1t__meta_column("_d1t_digest", D1T_TEXT, D1T_NOT_NULL);
    c[n++] = d1t__meta_column("_d1t_rows", D1T_INTEGER, D1T_NOT_NULL);
    c[n++] = d1t__meta_column("_d1t_extra", D1T_INTEGER, D1T_NOT_NULL);
    c[n++] = d1t__meta_column("_d1t_open", D1T_INTEGER, D1T_NOT_NULL);
    c[n++] = d1t__meta_column("_d1t_keep", D1T_TEXT, 0);
    l->records.name = l->page.name = name;
    l->records.columns = c;
    l->records.column_count = n;
    l->records.flags = D1T_WITHOUT_ROWID;
    l->page.columns = c + 1;
    l->page.column_count = n - 2;
    return true;
}

#define D1T__LANE_BUFFERS 15

D1T__PRIVATE void d1t__lane_buffers(struct d1t__lane *l, d1t_buffer *out[D1T__LANE_BUFFERS]) {
    size_t n = 0;
    out[n++] = &l->bucket;
    out[n++] = &l->first;
    out[n++] = &l->last;
    out[n++] = &l->old;
    out[n++] = &l->after;
    out[n++] = &l->prints;
    out[n++] = &l->prefix;
    out[n++] = &l->passed;
    out[n++] = &l->entry;
    out[n++] = &l->entries;
    out[n++] = &l->forgotten;
    out[n++] = &l->spool;
    out[n++] = &l->index;
    out[n++] = &l->runs;
    out[n++] = &l->rows;
}

D1T__NOINLINE D1T__PRIVATE d1t_result d1t__lane_init(d1t_sync *s, struct d1t__lane *l, const d1t_scope *scope) {
    d1t_client *db = s->db;
    d1t_buffer *buffers[D1T__LANE_BUFFERS];
    d1t_result result;
    size_t e;
    l->scope = *scope;
    l->shape = d1t__shape_of(db, scope->table);
    d1t__lane_buffers(l, buffers);
    for (e = 0; e < D1T__LANE_BUFFERS; e++) d1t_buffer_init(buffers[e], db->allocator, SIZE_MAX / 4);
    result = d1t__scope_init(s, l);
    if (result != D1T_OK) return result;
    l->id = d1t__lane_sql(s, l, d1t__id_sql);
    d1t__shape_hash(l->shape, l->shape->elements, l->shape_hash);
    if (!d1t__lane_records(s, l) || !l->id) return d1t__no_memory(db, "a scope");
    l->put_sql = d1t__lane_sql(s, l, d1t__put_sql);
    l->forget_sql = d1t__lane_sql(s, l, d1t__forget_sql);
    l->examine_sql = d1t__lane_sql(s, l, s->desc.on_difference ? d1t__examine_sql : d1t__tally_sql);
    return l->put_sql && l->forget_sql && l->examine_sql ? D1T_OK : d1t__no_memory(db, "a scope");
}

/* How many of the scopes come before this one: parents first, then as they were given. */
D1T__PRIVATE size_t d1t__scope_place(d1t_client *db, const d1t_scope *scopes, size_t count, size_t i) {
    size_t k, place = 0;
    uint8_t own = d1t__shape_of(db, scopes[i].table)->rank, rank;
    for (k = 0; k < count; k++) {
        rank = d1t__shape_of(db, scopes[k].table)->rank;
        place += rank < own || (rank == own && k < i);
    }
    return place;
}

/* Makes a lane of each scope, in order; a table has one. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__sync_lanes(d1t_sync *s) {
    const d1t_scope *scopes = s->desc.scopes ? s->desc.scopes : &s->desc.scope;
    size_t count = s->desc.scopes ? s->desc.scope_count : 1, i, k;
    d1t_result result = D1T_OK;
    if (count == 0 || count > 64) return d1t__error(s->db, D1T_ERR_ARG, "a run has 1 to 64 scopes", NULL, NULL);
    for (i = 0; i < count; i++) {
        if (!scopes[i].table) return d1t__error(s->db, D1T_ERR_ARG, "a scope without a table", NULL, NULL);
        if (!d1t__shape_of(s->db, scopes[i].table)) return s->db->error.code;
        for (k = 0; k < i; k++)
            if (scopes[k].table == scopes[i].table)
                return d1t__scope_fault(s->db, &scopes[i], D1T_ERR_ARG, "the table has two scopes in one run");
    }
    s->lanes = (struct d1t__lane *)d1t_arena_take(&s->arena, count * sizeof *s->lanes);
    s->epilogue = (d1t_statement *)d1t_arena_take(&s->arena, (2 * count + 2) * sizeof *s->epilogue);
    if (!s->lanes || !s->epilogue) return d1t__no_memory(s->db, "a run");
    s->epilogue += 2;   /* behind the prologue, for d1t__sync_records */
    s->lane_count = count;
    for (i = 0; i < count && result == D1T_OK; i++)
        result = d1t__lane_init(s, &s->lanes[d1t__scope_place(s->db, scopes, count, i)], &scopes[i]);
    return result;
}

/* [[table of records, scope, owner, seed], ...] */
D1T__PRIVATE d1t_result d1t__sync_list(d1t_sync *s) {
    d1t_writer w;
    size_t i;
    s->guard.n = 0;
    d1t_writer_growing(&w, &s->guard);
    for (i = 0; i < s->lane_count; i++) {
        const struct d1t__lane *l = &s->lanes[i];
        d1t_write_text(&w, i ? ",[" : "[[");
        d1t_write_json_string(&w, d1t_cstr(l->records.name));
        d1t_write_text(&w, ",");
        d1t_write_json_string(&w, d1t_cstr(l->id));
        d1t_write_text(&w, l->owner[0] ? ",\"" : ",null");
        d1t_write_text(&w, l->owner);
        d1t_write_text(&w, l->owner[0] ? "\",\"" : ",\"");
        d1t_write_hex(&w, d1t_bytes(l->seed, 16));
        d1t_write_text(&w, "\"]");
    }
    d1t_write_text(&w, "]");
    return w.error == D1T_OK ? D1T_OK : d1t__no_memory(s->db, "a run");
}

D1T__PRIVATE bool d1t__take_hex(d1t_str s, uint8_t *out, size_t n) {
    size_t i;
    int a, b;
    if (s.n != 2 * n) return false;
    for (i = 0; i < n; i++) {
        a = d1t__hex_digit(s.p[2 * i]);
        b = d1t__hex_digit(s.p[2 * i + 1]);
        if (a < 0 || b < 0) return false;
        out[i] = (uint8_t)(a * 16 + b);
    }
    return true;
}

/* An answer to the first question: lane, new name, owner, seed, rows. */
D1T__PRIVATE int d1t__sync_begin_row(void *ctx, const d1t_row *row) {
    d1t_sync *s = (d1t_sync *)ctx;
    const d1t_value *v = row->values;
    struct d1t__lane *l;
    if (row->count != 5 || v[0].kind != D1T_KIND_INT || (uint64_t)v[0].u.i >= s->lane_count ||
        v[1].kind != D1T_KIND_TEXT || v[1].u.s.n != 32 || v[4].kind != D1T_KIND_INT)
        return 1;
    l = &s->lanes[v[0].u.i];
    if (v[0].u.i == 0) D1T_MEMCPY(s->nonce, v[1].u.s.p, 32);
    D1T_MEMSET(l->owner, 0, sizeof l->owner);
    l->before = 0;
    l->some = v[4].u.i > 0;
    l->counted = v[2].kind != D1T_KIND_TEXT;
    if (l->counted) {
        l->before = (uint64_t)v[4].u.i;
        return !d1t__take_hex(v[1].u.s, l->seed, 16);
    }
    if (v[2].u.s.n != 32 || v[3].kind != D1T_KIND_TEXT) return 1;
    D1T_MEMCPY(l->owner, v[2].u.s.p, 32);
    l->stale = s->desc.full || s->desc.mode == D1T_SYNC_VERIFY;
    if (!l->some) l->stale = true;      /* an empty table was made anew, or emptied by others */
    return !d1t__take_hex(v[3].u.s, l->seed, 16);
}

D1T__PRIVATE void d1t__sync_ask(d1t_sync *s) {
    d1t_writer w;
    if (d1t__sync_list(s) != D1T_OK) return;
    s->query.n = 0;
    d1t_writer_growing(&w, &s->query);
    d1t__begin_sql(&w, s);
    d1t_write(&w, d1t_bytes("", 1));
    if (w.error != D1T_OK) {
        (void)d1t__no_memory(s->db, "a run");
        return;
    }
    s->args[0] = d1t_text_n(s->guard.p, s->guard.n);
    if (d1t_query_start(s->db, s->query.p, s->args, 1, d1t__sync_begin_row, s) == D1T_OK)
        d1t__job_again(s->db, NULL);
}

/* A statement with the scope as ?1. */
D1T__PRIVATE d1t_statement d1t__scope_statement(d1t_sync *s, const struct d1t__lane *l,
                                                void (*write)(d1t_writer *w, const struct d1t__lane *l)) {
    d1t_statement statement;
    statement.sql = d1t__lane_sql(s, l, write);
    statement.args = &l->id_arg;
    statement.arg_count = 1;
    if (!statement.sql) (void)d1t__no_memory(s->db, "a statement");
    return statement;
}

/* A CREATE TABLE in the arena. */
D1T__PRIVATE void d1t__create_statement(d1t_sync *s, d1t_statement *statement, const d1t_table *table) {
    d1t_writer w;
    s->query.n = 0;
    d1t_writer_growing(&w, &s->query);
    d1t_write_create_table(&w, table);
    statement->sql = w.error == D1T_OK ? d1t_arena_text(&s->arena, d1t__view(&s->query)) : NULL;
    if (!statement->sql) (void)d1t__no_memory(s->db, "a statement");
}

/* The tables of the records, for scopes that are new; what is left there of an older run is not true. */
D1T__PRIVATE void d1t__sync_create(d1t_sync *s) {
    d1t_statement *list = (d1t_statement *)d1t_arena_take(&s->arena, (3 * s->lane_count + 1) * sizeof *list);
    size_t i, n = 1;
    s->created = true;
    if (!list) (void)d1t__no_memory(s->db, "a run");
    else d1t__create_statement(s, &list[0], d1t__sync_table());
    for (i = 0; i < s->lane_count && s->db->error.code == D1T_OK; i++) {
        struct d1t__lane *l = &s->lanes[i];
        if (l->owner[0]) continue;
        l->id_arg = d1t_text(l->id);
        l->child_args[0] = d1t_text(l->records.name);
        list[n].sql = D1T__VOID_SQL;
        list[n].args = l->child_args;
        list[n++].arg_count = 1;
        d1t__create_statement(s, &list[n++], &l->records);
        list[n++] = d1t__scope_statement(s, l, d1t__forget_all_sql);
    }
    if (s->db->error.code == D1T_OK && d1t_exec_start(s->db, list, n) == D1T_OK) d1t__job_again(s->db, NULL);
}

/* Called before each request of a flush: the last one has all rows of the batch that are not in D1 yet. */
D1T__PRIVATE void d1t__sync_before(void *ctx, bool whole) {
    d1t_sync *s = (d1t_sync *)ctx;
    size_t i;
    s->whole = whole;
    for (i = 0; i < s->lane_count; i++) s->lanes[i].put_args[2] = d1t_int(!whole);
}

/* What goes around every batch of the run. */
D1T__PRIVATE void d1t__sync_open(d1t_sync *s) {
    d1t_client *db = s->db;
    size_t i;
    if (d1t__sync_list(s) != D1T_OK) return;
    s->guard_args[0] = d1t_text_n(s->guard.p, s->guard.n);
    s->guard_args[1] = d1t_text_n(s->nonce, 32);
    for (i = 0; i < 2; i++) {
        s->prologue[i].sql = i ? D1T__CLAIM_SQL : D1T__GUARD_SQL;
        s->prologue[i].args = s->guard_args;
        s->prologue[i].arg_count = 2;
    }
    for (i = 0; i < s->lane_count; i++) {
        struct d1t__lane *l = &s->lanes[i];
        l->old_end = l->counted;
        l->id_arg = d1t_text(l->id);
        if (d1t__store_open(s, l) != D1T_OK) return;
        l->put_args[0] = l->forget_args[0] = d1t_text("[]");
        l->put_args[1] = l->forget_args[1] = d1t_text(l->id);
        l->put_args[2] = d1t_int(0);
        s->epilogue[2 * i].sql = l->forget_sql;
        s->epilogue[2 * i].args = l->forget_args;
        s->epilogue[2 * i].arg_count = 2;
        s->epilogue[2 * i + 1].sql = l->put_sql;
        s->epilogue[2 * i + 1].args = l->put_args;
        s->epilogue[2 * i + 1].arg_count = 3;
    }
    if (d1t__sync_writes(s)) {
        if (d1t_around(db, s->prologue, 2, s->epilogue, 2 * s->lane_count) != D1T_OK) return;
        s->around = db->batch.around;
        db->send.before = d1t__sync_before;
        db->send.before_ctx = s;
    }
    s->phase = D1T__SYNC_OPEN;
}

/* A dry run where there are no records yet: every row is new, as far as it is known. */
D1T__PRIVATE void d1t__sync_open_new(d1t_sync *s) {
    size_t i;
    for (i = 0; i < s->lane_count; i++) s->lanes[i].counted = s->lanes[i].some = true;
    d1t__sync_open(s);
}

/* ---- records as they are read, a page at a time */

D1T__PRIVATE void d1t__old_restart(void *ctx) {
    d1t_sync *s = (d1t_sync *)ctx;
    s->lanes[s->lane].old.n = 0;
    s->page_rows = 0;
}

D1T__PRIVATE int d1t__old_row(void *ctx, const d1t_row *row) {
    d1t_sync *s = (d1t_sync *)ctx;
    struct d1t__lane *l = &s->lanes[s->lane];
    const d1t_value *v = row->values + l->shape->keys;
    d1t__bucket_record r;
    d1t__cell cell;
    d1t_writer w;
    d1t_result result;
    size_t e;
    D1T_MEMSET(&r, 0, sizeof r);
    if (row->count != l->page.column_count || v[0].kind != D1T_KIND_TEXT || v[0].u.s.n != 32) return 1;
    s->row.n = s->key.n = 0;
    d1t_writer_growing(&w, &s->row);
    w.level = 1;
    for (e = 0; e < l->shape->keys; e++) {
        d1t__write_char(&w, e ? ',' : '[');
        d1t__encode(&s->db->batch, &w, &l->page.columns[e], &row->values[e], &cell);
        if (cell.fault) return 1;
    }
    d1t__write_char(&w, ']');
    result = w.error == D1T_OK ? d1t__order_key(l->shape, s->row.p, &s->key) : w.error;
    r.rows = (uint64_t)(v[1].u.i + (v[2].u.i > 0 ? v[2].u.i : 0));
    r.clean = v[2].u.i == 0 && v[3].u.i == 0 && !l->stale;
    r.order = (uint32_t)s->key.n;
    r.size = (uint32_t)s->row.n;
    D1T_MEMCPY(r.digest, v[0].u.s.p, 32);
    if (result == D1T_OK) result = d1t_buffer_add(&l->old, &r, sizeof r);
    if (result == D1T_OK) result = d1t_buffer_add(&l->old, s->key.p, s->key.n);
    if (result == D1T_OK) result = d1t_buffer_add(&l->old, s->row.p, s->row.n);
    s->page_rows++;
    if (result != D1T_OK) (void)d1t__no_memory(s->db, "records");
    return result != D1T_OK;
}

/* Reads the next page of the lane's records. */
D1T__PRIVATE void d1t__old_read(d1t_sync *s) {
    struct d1t__lane *l = &s->lanes[s->lane];
    d1t_writer w;
    s->query.n = 0;
    d1t_writer_growing(&w, &s->query);
    d1t_write_text(&w, "`_d1t_scope`=?1");
    if (l->after.n) {
        d1t_write_text(&w, " AND ");
        d1t__write_key_row(&w, l, "d1t_t.~", 0);
        d1t_write_text(&w, ">(");
        d1t_write(&w, d1t__view(&l->after));
        d1t_write_text(&w, ")");
    }
    d1t_write(&w, d1t_bytes("", 1));
    if (w.error != D1T_OK) {
        (void)d1t__no_memory(s->db, "records");
        return;
    }
    l->old_at = 0;
    d1t__old_restart(s);
    s->args[0] = d1t_text(l->id);
    if (d1t__read_page(s->db, &l->page, s->query.p, s->args, 1, D1T__PAGE_RECORDS, d1t__old_row, s) == D1T_OK)
        d1t__job_again(s->db, d1t__old_restart);
}

D1T__PRIVATE bool d1t__old_at(const struct d1t__lane *l, d1t__bucket_record *r, d1t_str *order, d1t_str *text) {
    const char *p = l->old.p + l->old_at;
    if (l->old_at >= l->old.n) return false;
    D1T_MEMCPY(r, p, sizeof *r);
    *order = d1t_bytes(p + sizeof *r, r->order);
    *text = d1t_bytes(p + sizeof *r + r->order, r->size);
    return true;
}

D1T__PRIVATE size_t d1t__record_size(const d1t__bucket_record *r) {
    return sizeof *r + r->order + r->size + r->prints;
}

/* The page is there: where does the next one begin? */
D1T__PRIVATE void d1t__old_read_done(d1t_sync *s) {
    struct d1t__lane *l = &s->lanes[s->lane];
    size_t at = l->old_at, e;
    d1t__bucket_record r;
    d1t_str order, text = d1t_bytes(NULL, 0);
    const char *p;
    d1t_writer w;
    l->old_end = s->page_rows < D1T__PAGE_RECORDS;
    if (l->old_end) return;
    while (d1t__old_at(l, &r, &order, &text)) l->old_at += d1t__record_size(&r);
    l->old_at = at;
    l->after.n = 0;
    d1t_writer_growing(&w, &l->after);
    for (p = text.p, e = 0; e < l->shape->keys; e++) {
        if (e) d1t_write_text(&w, ",");
        p = d1t__write_literal(&w, l->page.columns[e].type, p + 1);
    }
    if (w.error != D1T_OK) (void)d1t__no_memory(s->db, "records");
}

/* A level of escaping less: what stands in the body as text stands in a value as JSON. */
D1T__PRIVATE void d1t__write_plain_json(d1t_writer *w, d1t_str text) {
    size_t i, from = 0;
    for (i = 0; i < text.n; i++) {
        if (text.p[i] != '\\') continue;
        d1t_write(w, d1t_bytes(text.p + from, i - from));
        from = ++i;
    }
    d1t_write(w, d1t_bytes(text.p + from, text.n - from));
}

/* A request for the lane is due first. */
D1T__PRIVATE d1t_result d1t__sync_want(d1t_sync *s, const struct d1t__lane *l, uint8_t want) {
    s->want = want;
    s->lane = (size_t)(l - s->lanes);
    return D1T_FULL;
}

/* Appends to a JSON array that grows. */
D1T__PRIVATE d1t_result d1t__list_add(d1t_buffer *list, const d1t_buffer *more) {
    d1t_result result = d1t_buffer_add(list, list->n ? "," : "[", 1);
    return result == D1T_OK ? d1t_buffer_add(list, more->p, more->n) : result;
}

/* The text that a bucket may have: it, its keys and its record are to fit a request, and the client's memory. */
D1T__PRIVATE size_t d1t__bucket_most(const d1t_sync *s) {
    const d1t_limits *limits = &s->db->limits;
    size_t body = (limits->body < limits->parameter ? limits->body : limits->parameter) / 8u;
    size_t memory = s->db->batch.size / 15u;
    if (memory < body) body = memory;
    return body < D1T__BUCKET_BYTES ? body : D1T__BUCKET_BYTES;
}

/* Passes the records that begin before `high` (none: all). D1T_FULL: the next page has to be read first, or
   those that were passed have to be forgotten, because they are too many for one request. Until their rows are looked
   at, the bucket before them has a record that says where it ended. */
D1T__PRIVATE d1t_result d1t__old_pass(d1t_sync *s, struct d1t__lane *l, d1t_str high) {
    d1t__bucket_record r;
    d1t_str order, text;
    d1t_writer w;
    d1t_result result;
    for (;;) {
        if (!d1t__old_at(l, &r, &order, &text)) {
            if (l->old_end) return D1T_OK;
            if (l->stored) {
                result = d1t__store_read(s, l);
                if (result != D1T_OK) return result;
                continue;
            }
            return d1t__sync_want(s, l, D1T__WANT_PAGE);
        }
        if (high.p && d1t__compare_bytes(order, high) >= 0) return D1T_OK;
        l->old_at += d1t__record_size(&r);
        if (l->some) l->before += r.rows;
        if (l->begun && d1t__compare_bytes(order, d1t__view(&l->first)) == 0) {
            l->matched = true;
            l->match = r;
            if (d1t__set(&l->prints, d1t_bytes(text.p + text.n, r.prints)) != D1T_OK)
                return d1t__no_memory(s->db, "records");
            continue;
        }
        result = d1t__store_remove(s, l, order);
        if (result != D1T_OK) return result;
        d1t_writer_growing(&w, &l->passed);
        d1t_write_text(&w, l->passed.n ? "," : "");
        d1t__write_plain_json(&w, text);
        if (w.error != D1T_OK) return d1t__no_memory(s->db, "records");
        if (l->passed.n <= d1t__bucket_most(s)) continue;
        l->forgot = true;
        l->entry.n = 0;
        result = d1t__sync_writes(s) ? d1t__list_add(&l->entry, &l->passed) : D1T_OK;
        if (result != D1T_OK) return d1t__no_memory(s->db, "records");
        l->passed.n = 0;
        if (d1t__sync_writes(s)) return d1t__sync_want(s, l, D1T__WANT_FORGET);
    }
}

/* ---- buckets: rows in key order, cut where the hash of a key says so */

/* The fingerprint of the bucket: of what its columns are, of its rows, and of where it ends. */
D1T__PRIVATE void d1t__bucket_digest(const struct d1t__lane *l, d1t_str high, char hex[32]) {
    d1t_hash h = l->digest;
    uint8_t out[16];
    d1t_writer w;
    d1t_hash_add(&h, high.p, high.n);
    d1t_hash_end(&h, out);
    d1t_writer_fixed(&w, hex, 32);
    d1t_write_hex(&w, d1t_bytes(out, 16));
}

/* Puts a row, and perhaps its order key, into a buffer. */
D1T__PRIVATE d1t_result d1t__keep(d1t_buffer *b, const d1t__kept *kept, const char *text, const char *order) {
    d1t_result result = d1t_buffer_reserve(b, sizeof *kept + kept->size + kept->order);
    if (result != D1T_OK) return result;
    D1T_MEMCPY(b->p + b->n, kept, sizeof *kept);
    b->n += sizeof *kept;
    D1T_MEMCPY(b->p + b->n, text, kept->size);
    b->n += kept->size;
    if (kept->order) D1T_MEMCPY(b->p + b->n, order, kept->order);
    b->n += kept->order;
    return D1T_OK;
}

/* The scope was empty: there are no rows that nobody declared. */
D1T__PRIVATE bool d1t__lane_is_fresh(const struct d1t__lane *l) {
    return l->counted && !l->some;
}

/* The entry of the bucket; its own keys go along so that D1 can tell which other rows are in its range. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__bucket_entry(d1t_sync *s, struct d1t__lane *l, d1t_str high,
                                                        const char *digest) {
    d1t_writer w;
    size_t at, e, n;
    d1t__kept kept = d1t__kept_at(&l->bucket, 0);
    bool keys = d1t__sync_writes(s) && !d1t__lane_is_fresh(l) && !l->complete;
    d1t_str lists[3];
    lists[2] = d1t_bytes(l->bucket.p + sizeof kept, kept.key);
    lists[1] = high;
    lists[0] = l->followed ? lists[2] : d1t_bytes(NULL, 0);
    l->entry.n = 0;
    d1t_writer_growing(&w, &l->entry);
    d1t_write_text(&w, "[");
    for (n = 0; n < 3; n++) {
        if (lists[n].n) d1t__write_plain_json(&w, d1t_bytes(lists[n].p + 1, lists[n].n - 1));
        for (e = lists[n].n ? l->shape->keys : 0; e < l->shape->keys; e++) d1t_write_text(&w, e ? ",null" : "null");
        d1t_write_text(&w, ",");
    }
    d1t_write_json_string(&w, d1t_bytes(digest, 32));
    d1t_write_text(&w, ",");
    d1t_write_uint(&w, l->bucket_rows);
    for (at = 0; at < l->bucket.n && keys; at += sizeof kept + kept.size) {
        kept = d1t__kept_at(&l->bucket, at);
        d1t_write_text(&w, at ? "," : ",[");
        d1t__write_plain_json(&w, d1t_bytes(l->bucket.p + at + sizeof kept, kept.key));
        d1t_write_text(&w, "]");
    }
    d1t_write_text(&w, keys ? "]]" : ",null]");
    return w.error == D1T_OK ? D1T_OK : d1t__no_memory(s->db, "a bucket");
}

/* The bytes that a JSON text takes in the body, as a parameter. */
D1T__PRIVATE size_t d1t__as_parameter(d1t_str json) {
    d1t_writer w;
    d1t_writer_counting(&w);
    w.level = 1;
    d1t_write(&w, json);
    return (size_t)w.total + 1;
}

D1T__PRIVATE bool d1t__bucket_fits_request(const d1t_batch *b, const struct d1t__lane *l, size_t more) {
    return b->text + more + 2 <= b->limits->parameter && b->text + b->overhead + more <= b->limits->body &&
           l->entries.n + l->entry.n + 2 <= b->limits->parameter;
}

/* Has the batch room for the bucket and its entry? */
D1T__PRIVATE bool d1t__bucket_fits(const d1t_sync *s, const struct d1t__lane *l, size_t state) {
    const d1t_batch *b = &s->db->batch;
    size_t at, space = 0, text = 0;
    uint32_t rows = 0;
    d1t__kept kept;
    for (at = 0; at < l->bucket.n; at += sizeof kept + kept.size) {
        kept = d1t__kept_at(&l->bucket, at);
        if (kept.known) continue;
        space += d1t__row_space(kept.size);
        text += kept.size + 1u;
        rows++;
    }
    return b->n + space + d1t__index_size(d1t__slots_for(b, b->live + rows)) <= b->size &&
           d1t__bucket_fits_request(b, l, text + state) && b->n + space < UINT32_MAX / 2;
}

D1T__PRIVATE d1t_result d1t__bucket_too_big(d1t_sync *s, const struct d1t__lane *l) {
    d1t__kept kept = d1t__kept_at(&l->bucket, 0);
    d1t_error *e = &s->db->error;
    d1t__error(s->db, D1T_ERR_LIMIT, "table ", l->scope.table->name, ", row ");
    d1t__say_number(e, kept.number);
    d1t__say(e, ": the row and its record do not fit a request (limit body)", NULL, NULL);
    e->table = l->scope.table->name;
    e->row = kept.number;
    e->need = l->bucket_text;
    return e->code;
}

/* Puts the bucket's rows and its entry into the batch. D1T_FULL: it has to be flushed first. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__bucket_send(d1t_sync *s, struct d1t__lane *l) {
    d1t_batch *b = &s->db->batch;
    size_t at, state = d1t__as_parameter(d1t__view(&l->entry)) + d1t__as_parameter(d1t__view(&l->passed));
    d1t__ready ready;
    d1t__kept kept;
    d1t__add a;
    uint64_t need;
    d1t_result result = D1T_OK;
    D1T_MEMSET(&a, 0, sizeof a);
    a.desc.shape = l->shape;
    a.desc.condition = -1;
    a.error = &s->db->error;
    a.ready = &ready;
    if (b->live == 0 && b->around == s->around) d1t__batch_reset(b);
    if (d1t__group_of(b, &a.desc) == b->max_groups || !d1t__bucket_fits(s, l, state)) {
        if (b->live == 0) return d1t__bucket_too_big(s, l);
        /* Only rows that wait for the end of the run are left, and still there is no room: then they cannot wait. */
        s->crowded = b->text == 0 && !d1t__bucket_fits_request(b, l, l->bucket_text + state);
        s->want = D1T__WANT_FLUSH;
        return D1T_FULL;
    }
    for (at = 0; at < l->bucket.n && result == D1T_OK; at += sizeof kept + kept.size) {
        kept = d1t__kept_at(&l->bucket, at);
        if (kept.known) continue;
        s->report.sent++;
        ready.text = d1t_bytes(l->bucket.p + at + sizeof kept, kept.size);
        ready.key = kept.key;
        ready.escaped = kept.escaped;
        ready.number = kept.number;
        result = d1t__batch_put(b, &a, &need, &s->db->stats.rows_merged);
    }
    if (result == D1T_OK) result = d1t__list_add(&l->entries, &l->entry);
    if (result == D1T_OK && l->passed.n) result = d1t__list_add(&l->forgotten, &l->passed);
    if (result != D1T_OK) return d1t__no_memory(s->db, "a bucket");
    b->around += state;
    b->overhead += state;
    s->report.buckets_sent++;
    l->wrote = true;
    return D1T_OK;
}

/* Puts the bucket's rows and its entry among those that D1 is asked about. D1T_FULL: it has to be asked first. */
D1T__NOINLINE D1T__PRIVATE d1t_result d1t__bucket_ask(d1t_sync *s, struct d1t__lane *l) {
    const d1t_limits *limits = &s->db->limits;
    size_t at, size = l->rows.n + l->bucket_text + l->entries.n + l->entry.n;
    d1t__kept kept;
    d1t_writer w;
    if (l->rows.n && (size > limits->body / 4 * 3 || l->rows.n + l->bucket_text > limits->parameter / 4 * 3)) {
        s->want = D1T__WANT_FLUSH;
        return D1T_FULL;
    }
    d1t_writer_growing(&w, &l->rows);
    for (at = 0; at < l->bucket.n; at += sizeof kept + kept.size) {
        kept = d1t__kept_at(&l->bucket, at);
        d1t_write_text(&w, l->rows.n ? "," : "[");
        d1t__write_plain_json(&w, d1t_bytes(l->bucket.p + at + sizeof kept, kept.size));
    }
    if (w.error == D1T_OK) w.error = d1t__list_add(&l->entries, &l->entry);
    if (w.error != D1T_OK) return d1t__no_memory(s->db, "a bucket");
    s->report.buckets_sent++;
    s->report.sent += l->bucket_rows;
    s->report.bytes += l->bucket_text + d1t__as_parameter(d1t__view(&l->entry));
    return D1T_OK;
}

/* Which rows of the bucket does D1 have already, as the store says? Both are in the order of keys. A row needs the
   others to travel with it if none is left. */
D1T__NOINLINE D1T__PRIVATE void d1t__bucket_compare(struct d1t__lane *l) {
    const uint8_t *prints = (const uint8_t *)(const void *)l->prints.p;
    size_t n = l->prints.n / D1T__PRINT, at, i = 0, k, unknown = 0, gone = 0;
    d1t__kept kept;
    l->complete = l->matched && l->match.clean && l->passed.n == 0 && !l->forgot && n > 0;
    for (at = 0; at < l->bucket.n && l->complete; at += sizeof kept + kept.size) {
        kept = d1t__kept_at(&l->bucket, at);
        for (k = i; k < n && D1T_MEMCMP(prints + k * D1T__PRINT, kept.print, 4) != 0; k++) {}
        kept.known = k < n && D1T_MEMCMP(prints + k * D1T__PRINT, kept.print, D1T__PRINT) == 0;
        gone += k < n ? k - i : 0;
        i = k < n ? k + 1 : i;
        unknown += !kept.known;
        D1T_MEMCPY(l->bucket.p + at, &kept, sizeof kept);
    }
    if (!l->complete) return;
    l->complete = gone + (n - i) == 0;
    kept = d1t__kept_at(&l->bucket, 0);
    if (unknown == 0) kept.known = false;   /* a request carries at least one row */
    D1T_MEMCPY(l->bucket.p, &kept, sizeof kept);
}

/* The bucket is complete; `high` is the row behind it, or none. Is it as its record says? */
D1T__PRIVATE d1t_result d1t__bucket_close(d1t_sync *s, struct d1t__lane *l, d1t_str high, d1t_str high_text) {
    char digest[32];
    d1t_result result = d1t__old_pass(s, l, high);
    if (result != D1T_OK) return result;
    d1t__bucket_digest(l, high, digest);
    if (!l->matched || !l->match.clean || l->passed.n || l->forgot || D1T_MEMCMP(l->match.digest, digest, 32) != 0) {
        d1t__bucket_compare(l);
        result = d1t__bucket_entry(s, l, high_text, digest);
        if (result == D1T_OK) result = d1t__sync_writes(s) ? d1t__bucket_send(s, l) : d1t__bucket_ask(s, l);
        if (result == D1T_OK) result = d1t__store_put(s, l, digest);
    } else if (!l->stored) {
        result = d1t__store_put(s, l, digest);
    }
    if (result != D1T_OK) return result;
    s->report.buckets++;
    l->followed = true;
    l->bucket.n = l->passed.n = l->bucket_text = 0;
    l->bucket_rows = 0;
    l->matched = l->forgot = false;
    return D1T_OK;
}

/* ---- rows */

D1T__PRIVATE d1t_result d1t__sync_row_fault(d1t_sync *s, const struct d1t__lane *l, uint64_t number, d1t_result code,
                                            const char *what) {
    d1t_error *e = &s->db->error;
    d1t__error(s->db, code, "table ", l->scope.table->name, ", row ");
    d1t__say_number(e, number);
    d1t__say(e, ": ", what, NULL);
    e->table = l->scope.table->name;
    e->row = number;
    return code;
}

/* A row whose key is the last one's: the same row again, or a contradiction. */
D1T__PRIVATE d1t_result d1t__row_again(d1t_sync *s, const struct d1t__lane *l, const d1t__kept *kept,
                                       const char *text) {
    d1t__kept last = d1t__kept_at(&l->bucket, l->bucket_last);
    if (last.size == kept->size && D1T_MEMCMP(l->bucket.p + l->bucket_last + sizeof last, text, last.size) == 0)
        return D1T_OK;
    return d1t__sync_row_fault(s, l, kept->number, D1T_ERR_VALUE,
                               "its key was declared before, with other values; a row can have only one state");
}

/* Takes the next row of a table in key order. D1T_FULL: not taken, a request is due first. */
D1T__PRIVATE d1t_result d1t__lane_take(d1t_sync *s, struct d1t__lane *l, const d1t__kept *row, const char *text,
                                       d1t_str order) {
    d1t__kept kept = *row;
    uint8_t print[16], key_hash[16];
    d1t_result result;
    int c = l->begun ? d1t__compare_bytes(order, d1t__view(&l->last)) : 1;
    if (c == 0) return d1t__row_again(s, l, row, text);
    if (c < 0)
        return d1t__sync_row_fault(s, l, row->number, D1T_ERR_VALUE,
                                   "it comes out of key order; sort the rows, or leave desc.sorted false");
    d1t_fingerprint(l->seed, order, key_hash);
    if (l->begun && (l->bucket_rows >= D1T__BUCKET_MOST || l->bucket_text + row->size > d1t__bucket_most(s) ||
                     key_hash[0] % D1T__BUCKET_ROWS == 0)) {
        result = d1t__bucket_close(s, l, order, d1t_bytes(text, row->key));
        if (result != D1T_OK) return result;
    }
    d1t_fingerprint(l->seed, d1t_bytes(text, row->size), print);
    if (l->bucket_rows == 0) {
        d1t_hash_init(&l->digest, l->seed);
        d1t_hash_add(&l->digest, l->shape_hash, 16);
        result = d1t__set(&l->first, order);
        if (result != D1T_OK) return d1t__no_memory(s->db, "rows");
    }
    d1t_hash_add(&l->digest, print, 16);
    kept.order = 0;
    kept.known = false;
    D1T_MEMCPY(kept.print, key_hash + 1, 4);
    D1T_MEMCPY(kept.print + 4, print, 8);
    l->bucket_last = l->bucket.n;
    result = d1t__keep(&l->bucket, &kept, text, NULL);
    if (result == D1T_OK) result = d1t__set(&l->last, order);
    if (result != D1T_OK) return d1t__no_memory(s->db, "rows");
    l->begun = true;
    l->bucket_rows++;
    l->bucket_text += row->size + 1u;
    l->declared++;
    return D1T_OK;
}

D1T__PRIVATE bool d1t__is_child_of(const d1t_table *child, const d1t_table *parent) {
    size_t i;
    for (i = 0; i < child->foreign_key_count; i++)
        if (d1t__same_name(child->foreign_keys[i].parent, parent->name)) return child != parent;
    return false;
}

/* Must all rows of the table be in D1 before the run goes on? Those that wait for a unique value, if others reference
   them. */
D1T__PRIVATE bool d1t__lane_is_awaited(const d1t_sync *s, const struct d1t__lane *l) {
    size_t i;
    for (i = 0; i < s->lane_count && l->shape->has_unique && l->wrote; i++)
        if (d1t__is_child_of(s->lanes[i].scope.table, l->scope.table)) return true;
    return false;
}

/* No more rows of the table will come. D1T_FULL: a request is due first. */
D1T__PRIVATE d1t_result d1t__lane_close(d1t_sync *s, struct d1t__lane *l) {
    d1t_str none = d1t_bytes(NULL, 0);
    d1t_result result = D1T_OK;
    if (l->closed) return D1T_OK;
    result = l->begun ? d1t__bucket_close(s, l, none, none) : d1t__old_pass(s, l, none);
    l->closed = result == D1T_OK;
    if (!l->closed || !d1t__lane_is_awaited(s, l)) return result;
    s->want = D1T__WANT_ALL;
    return D1T_FULL;
}

/* ---- rows in any order: kept until commit, in memory or as sorted runs in the spill */

#define D1T__RUN_WINDOW 65536u

/* A sorted run in the spill, as it is read back. */
typedef struct d1t__run {
    uint64_t   at, end;     /* what is still to be read */
    d1t_buffer window;
    size_t     pos;
} d1t__run;

D1T__PRIVATE int d1t__compare_spooled(const struct d1t__lane *l, size_t a, size_t b) {
    d1t__kept x = d1t__kept_at(&l->spool, a), y = d1t__kept_at(&l->spool, b);
    int c = d1t__compare_bytes(d1t_bytes(l->spool.p + a + sizeof x + x.size, x.order),
                               d1t_bytes(l->spool.p + b + sizeof y + y.size, y.order));
    return c ? c : x.number < y.number ? -1 : 1;
}

/* A merge sort, bottom up; the scratch is as long as the index. */
D1T__PRIVATE d1t_result d1t__spool_sort(d1t_sync *s, struct d1t__lane *l) {
    size_t n = l->index.n / sizeof(size_t), width, i, j, k, middle, end, *from, *to, *swap;
    d1t_buffer scratch;
    d1t_buffer_init(&scratch, s->db->allocator, SIZE_MAX / 4);
    if (n == 0) return D1T_OK;
    if (d1t_buffer_reserve(&scratch, l->index.n) != D1T_OK) return d1t__no_memory(s->db, "sorting");
    from = (size_t *)(void *)l->index.p;
    to = (size_t *)(void *)scratch.p;
    for (width = 1; width < n; width *= 2) {
        for (i = k = 0; k < n; i = end) {
            middle = n - i > width ? i + width : n;
            end = n - middle > width ? middle + width : n;
            if (middle < end && d1t__compare_spooled(l, from[middle - 1], from[middle]) > 0)
                for (j = middle; i < middle && j < end; )
                    to[k++] = d1t__compare_spooled(l, from[i], from[j]) <= 0 ? from[i++] : from[j++];
            else j = middle;
            while (i < middle) to[k++] = from[i++];
            while (j < end) to[k++] = from[j++];
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != (size_t *)(void *)l->index.p) D1T_MEMCPY(l->index.p, from, l->index.n);
    d1t_buffer_free(&scratch);
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__spill_fault(d1t_sync *s, d1t_result code) {
    return d1t__error(s->db, code, "desc.spill: ", d1t_result_text(code), NULL);
}

/* Moves the rows that wait in memory into the spill, as one sorted run. */
D1T__PRIVATE d1t_result d1t__spool_spill(d1t_sync *s, struct d1t__lane *l) {
    size_t n = l->index.n / sizeof(size_t), i, size;
    d1t__run run;
    d1t_result result = d1t__spool_sort(s, l);
    if (result != D1T_OK || n == 0) return result;
    D1T_MEMSET(&run, 0, sizeof run);
    d1t_buffer_init(&run.window, s->db->allocator, SIZE_MAX / 4);
    run.at = s->spilled;
    for (i = 0; i < n && result == D1T_OK; i++) {
        size_t at = ((const size_t *)(const void *)l->index.p)[i];
        d1t__kept kept = d1t__kept_at(&l->spool, at);
        size = sizeof kept + kept.size + kept.order;
        result = s->desc.spill.write(s->desc.spill.ctx, s->spilled, l->spool.p + at, size);
        s->spilled += size;
    }
    if (result != D1T_OK) return d1t__spill_fault(s, result);
    run.end = s->spilled;
    l->spool.n = l->index.n = 0;
    return d1t_buffer_add(&l->runs, &run, sizeof run) == D1T_OK ? D1T_OK : d1t__no_memory(s->db, "a sorted run");
}

/* Keeps a row. When memory is used up, the table that has most of it goes into the spill. */
D1T__PRIVATE d1t_result d1t__spool_add(d1t_sync *s, struct d1t__lane *l, const d1t__kept *kept, const char *text,
                                       const char *order) {
    struct d1t__lane *most = l;
    size_t at, i, used = 0;
    d1t_result result = D1T_OK;
    for (i = 0; i < s->lane_count; i++) {
        used += s->lanes[i].spool.n + 2 * s->lanes[i].index.n;
        if (s->lanes[i].spool.n > most->spool.n) most = &s->lanes[i];
    }
    if (used + sizeof *kept + kept->size + kept->order > s->desc.max_memory) {
        if (!s->desc.spill.write || !s->desc.spill.read)
            return d1t__sync_row_fault(s, l, kept->number, D1T_ERR_LIMIT,
                                       "the rows that wait for commit exceed desc.max_memory; give a desc.spill, or "
                                       "declare them in key order and set desc.sorted");
        result = d1t__spool_spill(s, most);
    }
    at = l->spool.n;
    if (result == D1T_OK) result = d1t__keep(&l->spool, kept, text, order);
    if (result == D1T_OK) result = d1t_buffer_add(&l->index, &at, sizeof at);
    return result == D1T_OK ? D1T_OK : d1t__no_memory(s->db, "rows that wait for commit");
}

/* Hands a row over from where it was kept. */
D1T__PRIVATE d1t_result d1t__spool_take(d1t_sync *s, struct d1t__lane *l, const d1t_buffer *b, size_t at,
                                        size_t *size) {
    d1t__kept kept = d1t__kept_at(b, at);
    const char *text = b->p + at + sizeof kept;
    *size = sizeof kept + kept.size + kept.order;
    return d1t__lane_take(s, l, &kept, text, d1t_bytes(text + kept.size, kept.order));
}

/* Makes sure that the run's window has `size` bytes from its position on. */
D1T__PRIVATE d1t_result d1t__run_need(d1t_sync *s, d1t__run *run, size_t size) {
    size_t have = run->window.n - run->pos, more;
    d1t_result result;
    if (have >= size) return D1T_OK;
    if (have) D1T_MEMMOVE(run->window.p, run->window.p + run->pos, have);
    run->window.n = have;
    run->pos = 0;
    more = size > D1T__RUN_WINDOW ? size : D1T__RUN_WINDOW;
    if (more - have > run->end - run->at) more = have + (size_t)(run->end - run->at);
    if (d1t_buffer_reserve(&run->window, more - have) != D1T_OK) return d1t__no_memory(s->db, "a sorted run");
    result = s->desc.spill.read(s->desc.spill.ctx, run->at, run->window.p + have, more - have);
    if (result != D1T_OK) return d1t__spill_fault(s, result);
    run->window.n = more;
    run->at += more - have;
    return D1T_OK;
}

/* The run's next row is whole in its window; *order is its order key, none at the end of the run. */
D1T__PRIVATE d1t_result d1t__run_next(d1t_sync *s, d1t__run *run, d1t_str *order) {
    d1t__kept kept;
    d1t_result result;
    *order = d1t_bytes(NULL, 0);
    if (run->at == run->end && run->pos == run->window.n) return D1T_OK;
    result = d1t__run_need(s, run, sizeof kept);
    if (result != D1T_OK) return result;
    kept = d1t__kept_at(&run->window, run->pos);
    result = d1t__run_need(s, run, sizeof kept + kept.size + kept.order);
    *order = d1t_bytes(run->window.p + run->pos + sizeof kept + kept.size, kept.order);
    return result;
}

/* Hands over the rows of all runs, the least key first; equal ones as they were declared. */
D1T__PRIVATE d1t_result d1t__runs_feed(d1t_sync *s, struct d1t__lane *l) {
    d1t__run *runs = (d1t__run *)(void *)l->runs.p;
    size_t n = l->runs.n / sizeof *runs, i, best, size;
    d1t_str order, least;
    d1t_result result = D1T_OK;
    while (result == D1T_OK) {
        least = d1t_bytes(NULL, 0);
        for (i = best = 0; i < n && result == D1T_OK; i++) {
            result = d1t__run_next(s, &runs[i], &order);
            if (!order.p || (least.p && d1t__compare_bytes(order, least) >= 0)) continue;
            least = order;
            best = i;
        }
        if (result != D1T_OK || !least.p) return result;
        result = d1t__spool_take(s, l, &runs[best].window, runs[best].pos, &size);
        if (result == D1T_OK) runs[best].pos += size;
    }
    return result;
}

/* Hands the kept rows over, in order. D1T_FULL: a request is due first. */
D1T__PRIVATE d1t_result d1t__spool_feed(d1t_sync *s, struct d1t__lane *l) {
    d1t_result result = D1T_OK;
    size_t size;
    if (l->runs.n && l->index.n) result = d1t__spool_spill(s, l);
    else if (!l->sorted) result = d1t__spool_sort(s, l);
    l->sorted = true;
    while (result == D1T_OK && l->spool_at < l->index.n / sizeof(size_t)) {
        result = d1t__spool_take(s, l, &l->spool, ((const size_t *)(const void *)l->index.p)[l->spool_at], &size);
        if (result == D1T_OK) l->spool_at++;
    }
    return result == D1T_OK && l->runs.n ? d1t__runs_feed(s, l) : result;
}

/* ---- a row from the program */

D1T__PRIVATE struct d1t__lane *d1t__lane_of(d1t_sync *s, const d1t_table *table) {
    size_t i;
    for (i = 0; i < s->lane_count; i++)
        if (s->lanes[i].scope.table == table) return &s->lanes[i];
    d1t__error(s->db, D1T_ERR_ARG, "table ", table && table->name ? table->name : "(NULL)",
               ": not one of the run's scopes");
    return NULL;
}

/* The row as text and its order key, in s->row and s->key. */
D1T__PRIVATE d1t_result d1t__sync_encode(d1t_sync *s, struct d1t__lane *l, const d1t_value *values, size_t count,
                                         d1t__kept *kept) {
    d1t_client *db = s->db;
    uint32_t key;
    bool escaped;
    d1t_result result;
    s->row.n = s->key.n = 0;
    result = d1t__row_text_of(db, l->shape, values, count, &s->row, &key, &escaped);
    if (result != D1T_OK) return result;
    kept->number = db->batch.next_row + 1;
    if (key > UINT16_MAX || s->row.n > db->limits.body || s->row.n + 2 > db->limits.parameter)
        return d1t__sync_row_fault(s, l, kept->number, D1T_ERR_LIMIT,
                                   "a declared row must fit one request, and its key 65,535 bytes (limit body)");
    if (!d1t__in_scope(l, s->row.p))
        return d1t__sync_row_fault(s, l, kept->number, D1T_ERR_VALUE, "it is not in the scope of the run");
    if (d1t__order_key(l->shape, s->row.p, &s->key) != D1T_OK) return d1t__no_memory(db, "a row");
    kept->size = (uint32_t)s->row.n;
    kept->key = key;
    kept->order = (uint32_t)s->key.n;
    kept->escaped = escaped;
    return D1T_OK;
}

/* In key order, a table's rows end where those of a table that references it begin. */
D1T__PRIVATE d1t_result d1t__sync_close_parents(d1t_sync *s, const struct d1t__lane *l) {
    d1t_result result = D1T_OK;
    size_t i;
    for (i = 0; i < s->lane_count && result == D1T_OK; i++)
        if (d1t__is_child_of(l->scope.table, s->lanes[i].scope.table)) result = d1t__lane_close(s, &s->lanes[i]);
    return result;
}

/* The gate of the verbs of a run: its client is reserved for it. */
D1T__PRIVATE d1t_result d1t__sync_enter(d1t_sync *s) {
    d1t_result result;
    if (!s || !s->db) return D1T_ERR_ARG;
    if (s->phase != D1T__SYNC_OPEN) {
        result = d1t__enter(s->db);
        return result == D1T_OK ? d1t__error(s->db, D1T_ERR_STATE, "the run is not open", NULL, NULL) : result;
    }
    s->db->reserved = false;
    result = d1t__enter(s->db);
    s->db->reserved = true;
    return result;
}

D1T__PRIVATE d1t_result d1t__sync_offer(d1t_sync *s, const d1t_table *table, const d1t_value *values, size_t count) {
    struct d1t__lane *l;
    d1t__kept kept;
    d1t_result result = d1t__sync_enter(s);
    if (result != D1T_OK) return result;
    l = d1t__lane_of(s, table);
    if (!l) return s->db->error.code;
    result = d1t__sync_encode(s, l, values, count, &kept);
    if (result != D1T_OK) return result;
    if (!s->desc.sorted) {
        result = d1t__spool_add(s, l, &kept, s->row.p, s->key.p);
    } else {
        if (l->closed)
            return d1t__sync_row_fault(s, l, kept.number, D1T_ERR_VALUE,
                                       "it comes after rows of a table that references this one; declare parents "
                                       "first, or leave desc.sorted false");
        result = d1t__sync_close_parents(s, l);
        if (result == D1T_OK) result = d1t__lane_take(s, l, &kept, s->row.p, d1t__view(&s->key));
    }
    if (result == D1T_OK) s->db->batch.next_row++;
    return result;
}

/* ---- the requests of a run */

/* A list becomes the argument of the statement. */
D1T__PRIVATE void d1t__sync_epilogue(d1t_sync *s, d1t_buffer *list, const char *sql, d1t_value *args, size_t count) {
    d1t_statement *statement = &s->epilogue[s->epilogue_count];
    if (list->n == 0 || s->db->error.code != D1T_OK) return;
    if (d1t_buffer_add(list, "]", 1) != D1T_OK) {
        (void)d1t__no_memory(s->db, "records");
        return;
    }
    args[0] = d1t_text_n(list->p, list->n);
    statement->sql = sql;
    statement->args = args;
    statement->arg_count = count;
    s->epilogue_count++;
}

/* A difference, or how many there are of a kind. */
D1T__PRIVATE int d1t__sync_found(void *ctx, const d1t_row *row) {
    d1t_sync *s = (d1t_sync *)ctx;
    const d1t_value *v = row->values;
    if (row->count != 2 || v[0].kind != D1T_KIND_INT || v[0].u.i < D1T_MISSING || v[0].u.i > D1T_EXTRA) return 1;
    s->found[v[0].u.i] += v[1].kind == D1T_KIND_INT ? (uint64_t)v[1].u.i : 1;
    if (s->desc.on_difference && v[1].kind == D1T_KIND_TEXT)
        s->desc.on_difference(s->desc.ctx, s->lanes[s->lane].scope.table, (d1t_difference)v[0].u.i, v[1].u.s);
    return 0;
}

D1T__PRIVATE void d1t__sync_unfound(void *ctx) {
    d1t_sync *s = (d1t_sync *)ctx;
    D1T_MEMSET(s->found, 0, sizeof s->found);
}

/* Asks D1 about rows of the next lane that has some. */
D1T__PRIVATE void d1t__sync_examine(d1t_sync *s) {
    struct d1t__lane *l = s->lanes;
    while (!l->rows.n) l++;
    s->lane = (size_t)(l - s->lanes);
    D1T_MEMSET(s->found, 0, sizeof s->found);
    if (d1t_buffer_add(&l->rows, "]", 1) != D1T_OK || d1t_buffer_add(&l->entries, "]", 1) != D1T_OK) {
        (void)d1t__no_memory(s->db, "rows");
        return;
    }
    s->args[0] = d1t_text_n(l->rows.p, l->rows.n);
    s->args[1] = d1t_text_n(l->entries.p, l->entries.n);
    if (d1t_query_start(s->db, l->examine_sql, s->args, 2, d1t__sync_found, s) == D1T_OK)
        d1t__job_again(s->db, d1t__sync_unfound);
}

D1T__PRIVATE bool d1t__sync_has_rows(const d1t_sync *s) {
    size_t i;
    for (i = 0; i < s->lane_count; i++)
        if (s->lanes[i].rows.n) return true;
    return false;
}

/* These rows are known; the next lane may have some. */
D1T__PRIVATE void d1t__sync_examined(d1t_sync *s) {
    struct d1t__lane *l = &s->lanes[s->lane];
    l->rows.n = l->entries.n = 0;
    s->report.inserted += s->found[D1T_MISSING];
    s->report.updated += s->found[D1T_DIFFERENT];
    s->report.deleted += s->found[D1T_EXTRA];
    s->report.rows_written += s->found[D1T_EXTRA] +
                              (s->found[D1T_MISSING] + s->found[D1T_DIFFERENT]) * (1 + l->shape->table->index_count);
}

D1T__PRIVATE void d1t__sync_flush(d1t_sync *s) {
    d1t_client *db = s->db;
    size_t i;
    s->epilogue_count = 0;
    for (i = 0; i < s->lane_count; i++) {
        struct d1t__lane *l = &s->lanes[i];
        d1t__sync_epilogue(s, &l->forgotten, l->forget_sql, l->forget_args, 2);
        d1t__sync_epilogue(s, &l->entries, l->put_sql, l->put_args, 3);
    }
    db->send.epilogue_count = s->epilogue_count;
    db->send.tainted = false;
    db->batch.full = s->want != D1T__WANT_LAST && !s->crowded;
    s->crowded = false;
    s->flushes = db->stats.flushes;
    (void)d1t_flush_start(db);
}

/* Has a flush ended without a request that was applied? All its rows wait for unique values, or were left out. */
D1T__PRIVATE bool d1t__sync_lacks_records(const d1t_sync *s) {
    return d1t__sync_writes(s) && s->want >= D1T__WANT_FLUSH && s->want != D1T__WANT_CHECK &&
           s->want != D1T__WANT_PARK && s->epilogue_count && s->flushes == s->db->stats.flushes;
}

/* The records of that flush, without rows: they say which rows are declared. */
D1T__PRIVATE void d1t__sync_records(d1t_sync *s) {
    d1t_statement *list = s->epilogue - 2;
    size_t i;
    list[0] = s->prologue[0];
    list[1] = s->prologue[1];
    s->whole = false;
    for (i = 0; i < s->lane_count; i++) s->lanes[i].put_args[2] = d1t_int(1);
    if (d1t_exec_start(s->db, list, 2 + s->epilogue_count) == D1T_OK) d1t__job_again(s->db, NULL);
}

D1T__PRIVATE void d1t__sync_flushed(d1t_sync *s) {
    d1t_batch *b = &s->db->batch;
    size_t i;
    for (i = 0; i < s->lane_count; i++) {
        struct d1t__lane *l = &s->lanes[i];
        if (l->entries.n && (!s->whole || b->live)) l->partial = true;
        l->entries.n = l->forgotten.n = 0;
    }
    b->overhead -= b->around - s->around;
    b->around = s->around;
    s->claimed = true;
}

/* A number of an answer, by the name of its column. */
D1T__PRIVATE int d1t__sync_answer(void *ctx, const d1t_row *row) {
    static const char *const names[] = {"d1t_gone", "d1t_lost", "d1t_deleted", "d1t_left"};
    d1t_sync *s = (d1t_sync *)ctx;
    size_t i, k;
    for (i = 0; i < row->count; i++)
        for (k = 0; k < D1T__COUNT(names); k++)
            if (d1t_str_equal(row->names[i], d1t_cstr(names[k])) && row->values[i].kind == D1T_KIND_INT)
                s->answer[k] = (uint64_t)row->values[i].u.i;
    return 0;
}

enum { D1T__GONE, D1T__LOST, D1T__DELETED, D1T__LEFT };

/* Counts what is to be deleted from the lane. */
D1T__PRIVATE void d1t__sync_count(d1t_sync *s) {
    struct d1t__lane *l = &s->lanes[s->lane];
    s->answer[D1T__GONE] = s->answer[D1T__LOST] = 0;
    s->statements[0] = d1t__scope_statement(s, l, s->want == D1T__WANT_CHECK ? d1t__check_sql : d1t__count_sql);
    if (s->db->error.code == D1T_OK &&
        d1t_query_start(s->db, s->statements[0].sql, &l->id_arg, 1, d1t__sync_answer, s) == D1T_OK)
        d1t__job_again(s->db, NULL);
}

/* May so many rows be deleted? */
D1T__PRIVATE d1t_result d1t__sync_may_delete(d1t_sync *s, const struct d1t__lane *l) {
    uint64_t most = s->desc.max_delete ? s->desc.max_delete : 50;
    uint64_t before = l->before > l->gone ? l->before : l->gone;
    d1t_error *e = &s->db->error;
    if (l->gone == 0 || most >= 100 || l->gone <= before / 100 * most + before % 100 * most / 100) return D1T_OK;
    d1t__error(s->db, D1T_ERR_DELETES, "table ", l->scope.table->name, ": ");
    d1t__say_number(e, l->gone);
    d1t__say(e, " of ", NULL, NULL);
    d1t__say_number(e, before);
    d1t__say(e, l->begun ? " rows were not declared; nothing was deleted. If they are to go, set desc.max_delete"
                         : " rows would go because none was declared; nothing was deleted. If they are to go, set "
                           "desc.max_delete to 100", NULL, NULL);
    e->table = l->scope.table->name;
    return e->code;
}

/* Does the foreign key change rows of the child when rows of the parent go? */
D1T__PRIVATE bool d1t__spreads(const d1t_foreign_key *f, const d1t_table *parent) {
    return d1t__same_name(f->parent, parent->name) && f->on_delete != D1T_NO_ACTION && f->on_delete != D1T_RESTRICT;
}

D1T__PRIVATE void d1t__erase_add(struct d1t__lane *l, const char *sql, const d1t_value *args, size_t count) {
    d1t_statement *statement = &l->erase[l->erase_count++];
    statement->sql = sql;
    statement->args = args;
    statement->arg_count = count;
}

/* Declared rows whose parents are about to go, though nobody declared these: a contradiction. One statement for each
   foreign key of the run's tables. */
D1T__PRIVATE void d1t__erase_guards(d1t_sync *s, struct d1t__lane *l) {
    d1t_writer w;
    size_t i, f;
    for (i = 0; i < s->lane_count; i++)
        for (f = 0; f < s->lanes[i].scope.table->foreign_key_count; f++) {
            const struct d1t__lane *child = &s->lanes[i];
            const d1t_foreign_key *key = &child->scope.table->foreign_keys[f];
            if (child == l || !d1t__spreads(key, l->scope.table)) continue;
            s->query.n = 0;
            d1t_writer_growing(&w, &s->query);
            d1t__orphans_sql(&w, l, child, key);
            if (w.error != D1T_OK) (void)d1t__no_memory(s->db, "a statement");
            else d1t__erase_add(l, d1t_arena_text(&s->arena, d1t__view(&s->query)), &l->id_arg, 1);
        }
}

/* The statements that delete a part of what is to go from the lane. */
D1T__PRIVATE void d1t__erase_begin(d1t_sync *s, struct d1t__lane *l) {
    size_t i, e, count = 8 + s->lane_count;
    for (i = 0; i < s->lane_count; i++) count += s->lanes[i].scope.table->foreign_key_count;
    l->erase = (d1t_statement *)d1t_arena_take(&s->arena, count * sizeof *l->erase);
    if (!l->erase) {
        (void)d1t__no_memory(s->db, "statements");
        return;
    }
    for (i = 0; i < 2; i++) l->erase[l->erase_count++] = s->prologue[i];
    d1t__erase_guards(s, l);
    l->child_args[0] = d1t_text(l->scope.table->name);
    l->child_args[1] = s->guard_args[0];
    d1t__erase_add(l, D1T__SPREAD_SQL, l->child_args, 2);
    for (i = 0; i < s->lane_count; i++) {
        for (e = 0; e < s->lanes[i].shape->table->column_count && !d1t__detaches(&s->lanes[i], e); e++) {}
        if (s->lanes[i].gone == 0 || e == s->lanes[i].shape->table->column_count) continue;
        l->erase[l->erase_count++] = d1t__scope_statement(s, &s->lanes[i], d1t__detach_sql);
    }
    l->erase[l->erase_count++] = d1t__scope_statement(s, l, d1t__delete_sql);
    d1t__erase_add(l, "SELECT changes() AS d1t_deleted", NULL, 0);
    l->erase[l->erase_count++] = d1t__scope_statement(s, l, d1t__recount_sql);
    l->erase[l->erase_count++] = d1t__scope_statement(s, l, d1t__left_sql);
    for (i = 0; i < l->erase_count; i++)
        if (!l->erase[i].sql) (void)d1t__no_memory(s->db, "a statement");
}

/* Deletes a part of what is to go from the lane. */
D1T__PRIVATE void d1t__sync_delete(d1t_sync *s) {
    struct d1t__lane *l = &s->lanes[s->lane];
    s->answer[D1T__DELETED] = s->answer[D1T__LEFT] = 0;
    if (!l->erase) d1t__erase_begin(s, l);
    if (s->db->error.code != D1T_OK || d1t_exec_start(s->db, l->erase, l->erase_count) != D1T_OK) return;
    d1t__job_again(s->db, NULL);
    d1t__job_rows(s->db, d1t__sync_answer, s);
}

/* A statement of the run. */
D1T__PRIVATE void d1t__sync_exec(d1t_sync *s, d1t_statement statement) {
    s->statements[0] = s->prologue[0];
    s->statements[1] = s->prologue[1];
    s->statements[2] = statement;
    if (s->db->error.code == D1T_OK && d1t_exec_start(s->db, s->statements, 3) == D1T_OK)
        d1t__job_again(s->db, NULL);
}

/* Forgets the records that were passed, by the list in l->entry. */
D1T__PRIVATE void d1t__sync_forget(d1t_sync *s, struct d1t__lane *l) {
    d1t_statement statement;
    if (d1t_buffer_add(&l->entry, "]", 1) != D1T_OK) {
        (void)d1t__no_memory(s->db, "records");
        return;
    }
    l->forget_args[0] = d1t_text_n(l->entry.p, l->entry.n);
    statement.sql = l->forget_sql;
    statement.args = l->forget_args;
    statement.arg_count = 2;
    d1t__sync_exec(s, statement);
}

/* The requests of a dry run's writes and deletes, if bodies were full. */
D1T__PRIVATE void d1t__sync_estimate(d1t_sync *s) {
    d1t_sync_report *r = &s->report;
    r->requests = r->bytes / s->db->limits.body + (r->bytes % s->db->limits.body != 0) + r->deleted / D1T__DELETE_MOST +
                  (r->deleted != 0);
    if (r->requests) r->rows_written += r->buckets_sent + s->lane_count;
    r->cost = r->rows_written * 1000 + r->sent;
}

D1T__PRIVATE void d1t__sync_report(d1t_sync *s) {
    d1t_sync_report *r = &s->report;
    const d1t_stats *now = &s->db->stats;
    uint64_t before = 0, changed = now->rows_changed - s->before.rows_changed;
    size_t i;
    for (i = 0; i < s->lane_count; i++) {
        r->declared += s->lanes[i].declared;
        before += s->lanes[i].before;
    }
    if (!d1t__sync_writes(s)) {
        r->unchanged = r->declared - r->inserted - r->updated;
        d1t__sync_estimate(s);
        return;
    }
    r->inserted = r->declared + r->deleted > before ? r->declared + r->deleted - before : 0;
    if (r->inserted > changed) r->inserted = changed;
    r->updated = changed - r->inserted;
    r->unchanged = r->declared - (changed < r->declared ? changed : r->declared);
    r->requests = now->requests - s->before.requests;
    r->bytes = now->bytes_sent - s->before.bytes_sent;
    r->rows_written = now->rows_written - s->before.rows_written;
    r->cost = d1t_stats_cost(now) - d1t_stats_cost(&s->before);
}

/* Gives everything back; the client is free again. */
D1T__PRIVATE void d1t__sync_release(d1t_sync *s) {
    d1t_buffer *buffers[D1T__LANE_BUFFERS];
    d1t_client *db = s->db;
    size_t i, k;
    if (s->phase == D1T__SYNC_ENDED) return;
    db->reserved = false;
    if (s->desc.store && s->desc.store->rollback) s->desc.store->rollback(s->desc.store->ctx);
    s->phase = D1T__SYNC_ENDED;
    db->send.before = NULL;
    db->send.prologue_count = db->send.epilogue_count = 0;
    db->batch.around = 0;
    d1t__batch_reset(&db->batch);
    for (i = s->lanes ? s->lane_count : 0; i-- > 0; ) {
        struct d1t__lane *l = &s->lanes[i];
        for (k = 0; k < l->runs.n / sizeof(d1t__run); k++)
            d1t_buffer_free(&((d1t__run *)(void *)l->runs.p)[k].window);
        d1t__lane_buffers(l, buffers);
        for (k = D1T__LANE_BUFFERS; k-- > 0; ) d1t_buffer_free(buffers[k]);
    }
    d1t_buffer_free(&s->place);
    d1t_buffer_free(&s->query);
    d1t_buffer_free(&s->guard);
    d1t_buffer_free(&s->key);
    d1t_buffer_free(&s->row);
    s->lanes = NULL;
    d1t_arena_free(&s->arena);
    if (db->block.p && s->mark) db->block.used = s->mark;   /* pieces that grew in turns cannot go back one by one */
}

/* ---- what comes next */

D1T__PRIVATE bool d1t__sync_has_unique(const d1t_sync *s) {
    size_t i;
    for (i = 0; i < s->lane_count; i++)
        if (s->lanes[i].shape->has_unique) return true;
    return false;
}

/* Hands over what waits for commit, parents first; at the end all that is pending is sent. */
D1T__PRIVATE void d1t__sync_feed(d1t_sync *s) {
    d1t_result result = D1T_OK;
    size_t i;
    for (i = 0; i < s->lane_count && result == D1T_OK; i++) {
        result = d1t__spool_feed(s, &s->lanes[i]);
        if (result == D1T_OK) result = d1t__lane_close(s, &s->lanes[i]);
    }
    if (result != D1T_OK) return;
    if (s->db->batch.live) s->want = d1t__sync_has_unique(s) ? D1T__WANT_ALL : D1T__WANT_LAST;
    else if (d1t__sync_has_rows(s)) s->want = D1T__WANT_FLUSH;
    else s->phase = D1T__SYNC_SETTLE;
    s->lane = 0;
}

D1T__PRIVATE void d1t__sync_counted(d1t_sync *s) {
    struct d1t__lane *l = &s->lanes[s->lane];
    l->gone = s->answer[D1T__GONE];
    if (s->answer[D1T__LOST])
        d1t__error(s->db, D1T_ERR_CONFLICT, "table ", l->scope.table->name,
                   ": rows that nobody declared came up during the run; run again");
    else if (d1t__sync_writes(s)) (void)d1t__sync_may_delete(s, l);
    else s->report.deleted += l->gone;
}

/* Has the table unique values that can be taken away from a row? */
D1T__PRIVATE bool d1t__lane_parks(const struct d1t__lane *l) {
#ifndef D1T_NO_PARK
    const d1t_table *t = l->shape->table;
    size_t i;
    for (i = 0; i < t->index_count; i++)
        if ((t->indexes[i].flags & D1T_UNIQUE) && d1t__park_column(t, &t->indexes[i])) return true;
#endif
    (void)l;
    return false;
}

/* Is a request of this phase due for the lane? */
D1T__PRIVATE bool d1t__sync_is_due(const d1t_sync *s, const struct d1t__lane *l) {
    switch (s->phase) {
        case D1T__SYNC_SETTLE: return l->partial;
        case D1T__SYNC_COUNT: return l->begun ? l->wrote && !d1t__lane_is_fresh(l) : l->some;
        default: return l->gone > 0 && d1t__sync_writes(s);
    }
}

/* Goes to the next lane, and phase, for which a request is due: children come first in deletes. */
D1T__PRIVATE void d1t__sync_find(d1t_sync *s) {
    while (s->phase >= D1T__SYNC_SETTLE && s->phase < D1T__SYNC_DONE) {
        size_t step = s->phase == D1T__SYNC_DELETE ? (size_t)-1 : 1u;
        for (; s->lane < s->lane_count; s->lane += step)
            if (d1t__sync_is_due(s, &s->lanes[s->lane])) return;
        s->phase++;
        s->lane = s->phase == D1T__SYNC_DELETE ? s->lane_count - 1 : 0;
    }
}

/* What is wanted next, now that it is there. */
D1T__PRIVATE void d1t__sync_got(d1t_sync *s) {
    bool waiting = s->db->batch.live > 0;
    if (s->want == D1T__WANT_RECORDS) {
        s->want = s->then;
    } else if (d1t__sync_lacks_records(s)) {
        s->then = s->want;
        s->want = D1T__WANT_RECORDS;
        return;
    }
    switch (s->want) {
        case D1T__WANT_PAGE: d1t__old_read_done(s); break;
        case D1T__WANT_FORGET: s->claimed = true; break;
        case D1T__WANT_FLUSH:
            if (d1t__sync_writes(s)) d1t__sync_flushed(s);
            else d1t__sync_examined(s);
            if (d1t__sync_has_rows(s)) return;  /* to ask about, of another table */
            break;
        case D1T__WANT_ALL:
            d1t__sync_flushed(s);
            s->lane = 0;
            break;
        case D1T__WANT_CHECK: d1t__sync_counted(s); break;
        case D1T__WANT_LAST: d1t__sync_flushed(s); break;
        default: break;
    }
    if (s->want == D1T__WANT_CHECK || s->want == D1T__WANT_PARK) s->lane++;
    else if (s->want == D1T__WANT_ALL && waiting) s->want = D1T__WANT_CHECK;
    else s->want = D1T__WANT_NOTHING;
    while (s->want == D1T__WANT_CHECK || s->want == D1T__WANT_PARK) {
        for (; s->lane < s->lane_count; s->lane++)
            if (s->lanes[s->lane].wrote && d1t__lane_parks(&s->lanes[s->lane])) return;
        s->want++;
        s->lane = 0;
    }
}

D1T__PRIVATE bool d1t__sync_has_new_scope(const d1t_sync *s) {
    size_t i;
    for (i = 0; i < s->lane_count; i++)
        if (!s->lanes[i].owner[0]) return true;
    return false;
}

/* The request of the phase has succeeded. */
D1T__PRIVATE void d1t__sync_did(d1t_sync *s) {
    switch (s->phase) {
        case D1T__SYNC_BEGIN:
            if (d1t__sync_writes(s) && !s->created && d1t__sync_has_new_scope(s)) s->phase = D1T__SYNC_CREATE;
            else d1t__sync_open(s);
            break;
        case D1T__SYNC_CREATE: s->phase = D1T__SYNC_BEGIN; break;
        case D1T__SYNC_OPEN: case D1T__SYNC_FEED: d1t__sync_got(s); break;
        case D1T__SYNC_COUNT:
            d1t__sync_counted(s);
            s->lane++;
            break;
        case D1T__SYNC_DELETE:
            s->claimed = true;
            s->report.deleted += s->answer[D1T__DELETED];
            s->lanes[s->lane].gone = s->answer[D1T__LEFT];      /* then the same again */
            break;
        default: s->lanes[s->lane].partial = false; break;
    }
}

/* Begins the request that is wanted. */
D1T__PRIVATE void d1t__sync_get(d1t_sync *s) {
    switch (s->want) {
        case D1T__WANT_PAGE: d1t__old_read(s); break;
        case D1T__WANT_CHECK: d1t__sync_count(s); break;
#ifndef D1T_NO_PARK
        case D1T__WANT_PARK: d1t__sync_exec(s, d1t__scope_statement(s, &s->lanes[s->lane], d1t__park_sql)); break;
#endif
        case D1T__WANT_RECORDS: d1t__sync_records(s); break;
        case D1T__WANT_FORGET: d1t__sync_forget(s, &s->lanes[s->lane]); break;
        case D1T__WANT_NOTHING: break;
        default:
            if (d1t__sync_writes(s)) d1t__sync_flush(s);
            else d1t__sync_examine(s);
    }
}

/* Begins the next request of the phase, if there is one. */
D1T__PRIVATE void d1t__sync_go_on(d1t_sync *s) {
    if (s->phase == D1T__SYNC_FEED && s->want == D1T__WANT_NOTHING) d1t__sync_feed(s);
    d1t__sync_find(s);
    if (s->db->error.code != D1T_OK) return;
    switch (s->phase) {
        case D1T__SYNC_BEGIN: d1t__sync_ask(s); break;
        case D1T__SYNC_CREATE: d1t__sync_create(s); break;
        case D1T__SYNC_OPEN: case D1T__SYNC_FEED: d1t__sync_get(s); break;
        case D1T__SYNC_COUNT: d1t__sync_count(s); break;
        case D1T__SYNC_SETTLE:
            d1t__sync_exec(s, d1t__scope_statement(s, &s->lanes[s->lane], d1t__sync_is_poisoned(s) ? d1t__resettle_sql
                                                                                                   : d1t__settle_sql));
            break;
        case D1T__SYNC_DELETE: d1t__sync_delete(s); break;
        case D1T__SYNC_DONE:
            if (d1t__store_close(s) == D1T_OK) d1t__sync_report(s);
            break;
        default: break;
    }
    s->sent = s->db->task.active;
}

/* The tables of the records do not exist yet. */
D1T__PRIVATE bool d1t__sync_is_new(const d1t_sync *s) {
    return s->phase == D1T__SYNC_BEGIN && !s->created && s->db->error.code == D1T_ERR_SQL &&
           d1t__contains(d1t_server_text(s->db), "no such table: _d1t_sync");
}

/* What the guards of a run have found. */
D1T__PRIVATE void d1t__sync_explain(d1t_sync *s) {
    d1t_client *db = s->db;
    d1t_str said = d1t_server_text(db);
    const char *table;
    if (db->error.code != D1T_ERR_PRECONDITION) return;
    if (d1t__contains(said, "'d1t orphan")) {
        table = s->lanes[s->lane].scope.table->name;
        D1T_MEMSET(&db->error, 0, sizeof db->error);
        d1t__error(db, D1T_ERR_CONSTRAINT, "table ", table,
                   ": a row that was not declared is the parent of one that was; declare both or none");
        db->error.table = table;
    } else if (d1t__contains(said, "'d1t sync")) {
        D1T_MEMSET(&db->error, 0, sizeof db->error);
        d1t__error(db, D1T_ERR_CONFLICT, "another run of the same scope has begun to write; nothing of this request "
                   "was applied, run again", NULL, NULL);
        db->error.retryable = true;
    } else {
        return;
    }
    db->error.http_status = db->op.http_status;
    db->error.d1_code = db->op.reply.d1_code;
}

/* What follows when the client has no task. */
D1T__PRIVATE void d1t__sync_step(d1t_sync *s) {
    s->db->reserved = false;
    if (d1t__sync_is_new(s)) {
        (void)d1t_clear(s->db, D1T_DROP_ROWS);
        if (d1t__sync_writes(s)) s->phase = D1T__SYNC_CREATE;
        else d1t__sync_open_new(s);
    } else if (s->sent && s->db->error.code == D1T_OK) {
        d1t__sync_did(s);
    }
    s->sent = false;
    if (s->db->error.code == D1T_OK) d1t__sync_go_on(s);
    s->db->reserved = true;
}

/* The client, while it has a task of the run; NULL: there is nothing to do for now, or no more. */
D1T__PRIVATE d1t_client *d1t__sync_client(d1t_sync *s) {
    if (!s || !s->db || s->db->busy || s->phase == D1T__SYNC_ENDED) return NULL;
    if (!s->db->task.active) d1t__sync_step(s);
    if (s->db->task.active) return s->db;
    d1t__sync_explain(s);
    if (s->phase == D1T__SYNC_DONE || (s->db->error.code != D1T_OK && s->phase != D1T__SYNC_OPEN))
        d1t__sync_release(s);
    return NULL;
}

D1TDEF d1t_step d1t_sync_next(d1t_sync *s, uint64_t now_ms, d1t_todo *todo) {
    d1t_client *db;
    d1t_step step;
    while ((db = d1t__sync_client(s)) != NULL) {
        step = d1t_next(db, now_ms, todo);
        if (step != D1T_DONE && step != D1T_FAIL) return step;
    }
    return s && s->db && s->db->error.code == D1T_OK ? D1T_DONE : D1T_FAIL;
}

D1TDEF d1t_result d1t_sync_begin_start(d1t_sync *s, d1t_client *db, const d1t_sync_desc *desc) {
    d1t_result result;
    if (!s || !db || !desc) return D1T_ERR_ARG;
    D1T_MEMSET(s, 0, sizeof *s);
    s->db = db;
    s->phase = D1T__SYNC_ENDED;
    result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (db->batch.live) return d1t__error(db, D1T_ERR_STATE, "rows are pending; d1t_flush first", NULL, NULL);
    s->desc = *desc;
    if (!s->desc.max_memory) s->desc.max_memory = db->block.p ? db->block.size / 2 : (size_t)64 << 20;
    d1t_arena_init(&s->arena, db->allocator, 0);
    d1t_buffer_init(&s->row, db->allocator, SIZE_MAX / 4);
    s->key = s->guard = s->query = s->place = s->row;
    s->phase = D1T__SYNC_BEGIN;
    s->before = db->stats;
    result = d1t__need_batch(db);
    s->mark = db->block.used;
    if (result == D1T_OK) result = d1t__sync_lanes(s);
    if (result == D1T_OK) d1t__sync_go_on(s);
    db->reserved = true;
    if (db->error.code != D1T_OK) d1t__sync_release(s);
    return db->error.code;
}

D1TDEF d1t_result d1t_sync_commit_start(d1t_sync *s) {
    d1t_result result = d1t__sync_enter(s);
    if (result == D1T_OK) s->phase = D1T__SYNC_FEED;
    else if (s && s->db && result != D1T_ERR_BUSY) d1t__sync_release(s);
    return result;
}

D1TDEF d1t_result d1t_sync_abort(d1t_sync *s) {
    if (!s || !s->db) return D1T_ERR_ARG;
    if (s->db->busy || s->db->task.active) return D1T_ERR_BUSY;
    d1t__sync_release(s);
    return s->db->error.code;
}

#endif /* D1T__SYNC */

/* ---- >>connect (implementation) ------------------------------------------------------------------------------- */

#if !defined(D1T_NO_CONNECT) && defined(D1T__TARGETS)
#define D1T__CONNECT
#endif

#ifdef D1T__CONNECT

/* ---- what differs */

/* How many of the previous records are the desired one. */
D1T__PRIVATE size_t d1t__count_equal(d1t_str desired, const d1t_str *prev, size_t count) {
    size_t i, equal = 0;
    for (i = 0; i < count && desired.p; i++) equal += d1t_str_equal(desired, prev[i]);
    return equal;
}

D1TDEF d1t_diff_action d1t_record_diff(d1t_str desired, const d1t_str *prev, size_t prev_count, bool missing) {
    return d1t_diff(desired.p != NULL, prev_count, d1t__count_equal(desired, prev, prev_count), missing);
}

D1TDEF d1t_effect d1t_diff_effect(bool main, d1t_diff_action action) {
    if (main) return action == D1T_DIFF_REPLACE ? D1T_EFFECT_DESTRUCTIVE : D1T_EFFECT_NONE;
    return action == D1T_DIFF_NONE || action == D1T_DIFF_INSERT ? D1T_EFFECT_NONE : D1T_EFFECT_LOSSY;
}

D1T__PRIVATE const d1t_part *d1t__part_of(const d1t_composite *c, d1t_str name) {
    size_t i;
    for (i = 0; i < c->part_count; i++)
        if (d1t_str_equal(c->parts[i].name, name)) return &c->parts[i];
    return NULL;
}

/* The records that a diff compares, and whom it tells. */
typedef struct d1t__composite_diff {
    const d1t_composite *desired, *prev;
    size_t               prev_count;
    bool                 missing;
    void               (*on_diff)(void *ctx, const d1t_part *part, d1t_diff_action action);
    void                *ctx;
    d1t_effect           child;
} d1t__composite_diff;

/* part NULL: the item itself. */
D1T__PRIVATE void d1t__tell_diff(d1t__composite_diff *d, const d1t_part *part, d1t_diff_action action) {
    d1t_effect effect = d1t_diff_effect(!part, action);
    if (effect > d->child) d->child = effect;
    if (d->on_diff && action != D1T_DIFF_NONE) d->on_diff(d->ctx, part, action);
}

D1T__PRIVATE void d1t__diff_part(d1t__composite_diff *d, const d1t_part *part) {
    const d1t_part *desired = d1t__part_of(d->desired, part->name), *seen;
    size_t i, count = 0, equal = 0;
    for (i = 0; i < d->prev_count; i++) {
        seen = d1t__part_of(&d->prev[i], part->name);
        count += seen != NULL;
        equal += seen && desired && d1t_str_equal(seen->record, desired->record);
    }
    d1t__tell_diff(d, part, d1t_diff(desired != NULL, count, equal, d->missing || count < d->prev_count));
}

/* Parts of an older record that are neither desired nor in a record before it. */
D1T__PRIVATE void d1t__diff_old_parts(d1t__composite_diff *d, size_t record) {
    const d1t_composite *c = &d->prev[record];
    size_t i, k;
    for (i = 0; i < c->part_count; i++) {
        if (d1t__part_of(d->desired, c->parts[i].name)) continue;
        for (k = 0; k < record && !d1t__part_of(&d->prev[k], c->parts[i].name); k++) {}
        if (k == record) d1t__diff_part(d, &c->parts[i]);
    }
}

D1TDEF d1t_diff_action d1t_composite_diff(const d1t_composite *desired, const d1t_composite *prev, size_t prev_count,
                                          bool missing,
                                          void (*on_diff)(void *ctx, const d1t_part *part, d1t_diff_action action),
                                          void *ctx, d1t_effect *child) {
    d1t__composite_diff d;
    d1t_diff_action action;
    size_t i, equal = 0;
    for (i = 0; i < prev_count && desired; i++) equal += d1t_str_equal(desired->main, prev[i].main);
    action = d1t_diff(desired != NULL, prev_count, equal, missing);
    d.desired = desired;
    d.prev = prev;
    d.prev_count = prev_count;
    d.missing = missing || action == D1T_DIFF_REPLACE;
    d.on_diff = on_diff;
    d.ctx = ctx;
    d.child = D1T_EFFECT_NONE;
    d1t__tell_diff(&d, NULL, action);
    for (i = 0; desired && i < desired->part_count; i++) d1t__diff_part(&d, &desired->parts[i]);
    for (i = 0; desired && i < prev_count; i++) d1t__diff_old_parts(&d, i);
    if (child) *child = d.child;
    return action;
}

/* What d1t_diff_table reports, as a whole. */
typedef struct d1t__table_verdict {
    d1t_effect effect;
    bool       some;
} d1t__table_verdict;

D1T__PRIVATE void d1t__table_judged(void *ctx, const d1t_column *column, d1t_diff_action action) {
    d1t__table_verdict *verdict = (d1t__table_verdict *)ctx;
    d1t_effect effect = d1t_diff_effect(!column, action);
    verdict->some = true;
    if (effect > verdict->effect) verdict->effect = effect;
}

D1TDEF d1t_effect d1t_table_effect(const d1t_table *desired, const d1t_table *const *prev, size_t prev_count,
                                   bool missing) {
    d1t__table_verdict verdict = {D1T_EFFECT_NONE, false};
    d1t_diff_table(desired, prev, prev_count, missing, d1t__table_judged, &verdict);
    return verdict.effect;
}

D1TDEF bool d1t_record_transition(const d1t_owned *desired, const d1t_owned *prev, size_t prev_count, d1t_str *kept,
                                  size_t *kept_count) {
    size_t i, n = 0;
    for (i = 0; i < prev_count; i++)
        if (!prev[i].by_user) kept[n++] = prev[i].record;
    *kept_count = n;
    return desired ? !desired->by_user : prev_count && n == prev_count;
}

/* ---- decisions */

D1TDEF d1t_decision d1t_reconcile(const d1t_item *item) {
    d1t_decision d;
    D1T_MEMSET(&d, 0, sizeof d);
    if (!item->desired.p) {
        if (item->prev_count || item->missing) d.action = D1T_ITEM_DELETE;
    } else if (item->missing || d1t__count_equal(item->desired, item->prev, item->prev_count) < item->prev_count) {
        d.action = D1T_ITEM_UPSERT;
        d.record = item->desired;
    }
    return d;
}

D1TDEF d1t_result d1t_fingerprint_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                            d1t_error *error) {
    static const uint8_t zeros[16] = {0};
    d1t_item row = *item;
    d1t_hash hash;
    uint8_t *print;
    (void)error;
    if (item->desired.p) {
        print = (uint8_t *)d1t_arena_take(arena, 16);
        if (!print) return D1T_ERR_NOMEM;
        d1t_hash_init(&hash, self ? (const uint8_t *)self : zeros);
        d1t_hash_add(&hash, item->desired.p, item->desired.n);
        d1t_hash_end(&hash, print);
        row.desired = d1t_bytes(print, 16);
    }
    *out = d1t_reconcile(&row);
    return D1T_OK;
}

/* The tables of the previous records, all of them twice: as they are, and room for those that are kept. */
D1T__PRIVATE d1t_result d1t__tables_of(const d1t_item *item, d1t_arena *arena, const d1t_table ***tables,
                                       d1t_error *error) {
    d1t_result result = D1T_OK;
    size_t i;
    *tables = (const d1t_table **)d1t_arena_take(arena, 2 * item->prev_count * sizeof **tables);
    if (!*tables) return D1T_ERR_NOMEM;
    for (i = 0; i < item->prev_count && result == D1T_OK; i++)
        result = d1t_table_from_json(item->prev[i], arena, &(*tables)[i], error);
    return result;
}

D1TDEF d1t_result d1t_table_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                      d1t_error *error) {
    const d1t_table *desired = NULL, **tables;
    d1t_combined_state existing, own;
    d1t__table_verdict verdict = {D1T_EFFECT_NONE, false};
    size_t i, n = item->prev_count;
    d1t_result result = d1t__tables_of(item, arena, &tables, error);
    (void)self;
    if (result == D1T_OK && item->desired.p) result = d1t_table_from_json(item->desired, arena, &desired, error);
    if (result != D1T_OK) return result;
    D1T_MEMSET(&existing, 0, sizeof existing);
    existing.staged = tables;
    existing.staged_count = n;
    if (d1t_state_transition(desired, &existing, tables + n, &own)) {
        d1t_diff_table(desired, own.staged, own.staged_count, item->missing, d1t__table_judged, &verdict);
        for (i = 0; desired && i < own.staged_count && !verdict.some; i++)
            verdict.some = !d1t_state_equal(desired, own.staged[i]);
    }
    if (!verdict.some && (n || !desired) && d1t__count_equal(item->desired, item->prev, n) == n) return D1T_OK;
    out->action = !verdict.some ? D1T_ITEM_TRACK : desired ? D1T_ITEM_UPSERT : D1T_ITEM_DELETE;
    out->record = item->desired;
    out->child = verdict.effect;
    out->data = desired;
    return D1T_OK;
}

/* A command's record: the setup with its NUL, then the teardown with its NUL if there is one. */
D1TDEF d1t_str d1t_command_record(const d1t_command *command, d1t_arena *arena) {
    size_t setup = d1t__strlen(command->setup_sql) + 1;
    size_t teardown = command->teardown_sql ? d1t__strlen(command->teardown_sql) + 1 : 0;
    char *p = (char *)d1t_arena_take(arena, setup + teardown);
    if (!p) return d1t_bytes(NULL, 0);
    D1T_MEMCPY(p, command->setup_sql, setup);
    if (teardown) D1T_MEMCPY(p + setup, command->teardown_sql, teardown);
    return d1t_bytes(p, setup + teardown);
}

/* NULL: there is none, or this is no record of a command. */
D1T__PRIVATE const char *d1t__command_text(d1t_str record, bool teardown) {
    size_t n = 0;
    if (!record.n || record.p[record.n - 1]) return NULL;
    if (teardown) n = d1t__strlen(record.p) + 1;
    return n < record.n ? record.p + n : NULL;
}

D1TDEF d1t_result d1t_command_reconcile(void *self, const d1t_item *item, d1t_arena *arena, d1t_decision *out,
                                        d1t_error *error) {
    const char *setup = d1t__command_text(item->desired, false), *was;
    bool teardown = false, again = item->missing || !item->prev_count;
    size_t i;
    (void)self, (void)arena;
    if (!item->desired.p && !item->prev_count) return D1T_OK;
    if (item->desired.p && !setup)
        return d1t__fail(error, D1T_ERR_VALUE, "the value of a command is not of d1t_command_record", NULL, NULL);
    for (i = 0; i < item->prev_count; i++) {
        was = d1t__command_text(item->prev[i], false);
        teardown = teardown || d1t__command_text(item->prev[i], true);
        again = again || !setup || !was || !d1t__same(setup, was);
    }
    if (!again && d1t__count_equal(item->desired, item->prev, item->prev_count) == item->prev_count) return D1T_OK;
    out->record = item->desired;
    if (setup) out->action = again ? D1T_ITEM_UPSERT : D1T_ITEM_TRACK;
    else out->action = teardown ? D1T_ITEM_DELETE : D1T_ITEM_TRACK;
    return D1T_OK;
}

D1TDEF const char *d1t_command_sql(const d1t_act *act, size_t i) {
    const char *text, *earlier;
    size_t k, j;
    for (k = 0; k < act->item.prev_count; k++) {
        text = d1t__command_text(act->item.prev[k], true);
        if (!text) continue;
        for (j = 0; j < k; j++) {
            earlier = d1t__command_text(act->item.prev[j], true);
            if (earlier && d1t__same(earlier, text)) break;
        }
        if (j == k && i-- == 0) return text;
    }
    return i == 0 && act->decision.action == D1T_ITEM_UPSERT ? d1t__command_text(act->decision.record, false) : NULL;
}

/* ---- roots */

D1TDEF void d1t_roots_init(d1t_roots *roots, d1t_root *list, size_t room) {
    roots->roots = list;
    roots->room = room;
    roots->count = 0;
}

D1TDEF const d1t_handler *d1t_roots_find(const d1t_roots *roots, d1t_str name) {
    size_t i;
    for (i = 0; i < roots->count; i++)
        if (d1t_str_equal(d1t_cstr(roots->roots[i].name), name)) return roots->roots[i].handler;
    return NULL;
}

D1TDEF d1t_result d1t_roots_add(d1t_roots *roots, const char *name, const d1t_handler *handler) {
    if (!name || !*name || !handler || !handler->apply) return D1T_ERR_ARG;
    if (d1t_roots_find(roots, d1t_cstr(name))) return D1T_ERR_NAME;
    if (roots->count == roots->room) return D1T_ERR_SPACE;
    roots->roots[roots->count].name = name;
    roots->roots[roots->count++].handler = handler;
    return D1T_OK;
}

/* ---- paths

   The key of an item in the store: a segment for the root's name and each key, 2 and the text; for an attachment 1, its
   type and its name. A text ends with 0 0, and a 0 in it is 0 255. So what is below an item begins with its key, and
   stands right behind it, attachments first. */

enum { D1T__ATTACHMENT = 1, D1T__CHILD = 2 };

/* An item of the tree: declared, or tracked, or both, or above such. */
struct d1t__node {
    struct d1t__node  *parent, *next, *together;    /* next: of its list; together: of its call */
    d1t_str            path;
    size_t             at, depth;       /* where its segment begins; the root's is at 0, and 1 */
    uint64_t           number;          /* of its declaration, from 1; 0: it is not declared */
    d1t_item           item;
    d1t_str            type;
    d1t_decision       decision;
    const d1t_handler *handler, *children;
    d1t_str            stored;          /* none: it is not tracked */
    size_t             known;           /* records that are tracked */
    uint64_t           own;             /* how often a change of it has touched its children */
    uint64_t           seen;            /* what that was of its parent when it was last known to be as tracked */
    bool               was_missing;     /* as it is tracked */
    bool               bumped, destroys, ignored, dropped, gone, below_going, written;
};

/* The sink that items of one wave wait for. */
struct d1t__call {
    struct d1t__call *next;
    struct d1t__node *first, *last;
    size_t            count;
};

enum { D1T__CONNECT_OPEN = 1, D1T__CONNECT_PLANNED, D1T__CONNECT_BUSY, D1T__CONNECT_ENDED };

D1T__PRIVATE size_t d1t__escaped_size(d1t_str s) {
    size_t i, n = s.n + 2;
    for (i = 0; i < s.n; i++) n += s.p[i] == 0;
    return n;
}

D1T__PRIVATE char *d1t__path_text(char *out, d1t_str s) {
    size_t i;
    for (i = 0; i < s.n; i++) {
        *out++ = s.p[i];
        if (!s.p[i]) *out++ = (char)0xFF;
    }
    *out++ = 0;
    *out++ = 0;
    return out;
}

/* Behind the text that begins at `at`; 0: it has no end. */
D1T__PRIVATE size_t d1t__escaped_end(d1t_str path, size_t at) {
    for (; at + 1 < path.n; at++) {
        if (path.p[at]) continue;
        if (!path.p[at + 1]) return at + 2;
        if (path.p[++at] != (char)0xFF) return 0;
    }
    return 0;
}

/* Behind the segment that begins at `at`; 0: there is none. */
D1T__PRIVATE size_t d1t__segment_end(d1t_str path, size_t at) {
    char tag = at < path.n ? path.p[at] : 0;
    if (tag != D1T__ATTACHMENT && tag != D1T__CHILD) return 0;
    at = d1t__escaped_end(path, at + 1);
    return at && tag == D1T__ATTACHMENT ? d1t__escaped_end(path, at) : at;
}

/* The text between `at` and the end behind it; p NULL: no memory. */
D1T__PRIVATE d1t_str d1t__unescape(d1t_arena *arena, d1t_str path, size_t at, size_t end) {
    d1t_str s = d1t_bytes(path.p + at, end - 2 - at);
    char *p;
    size_t i, n = 0;
    for (i = 0; i < s.n && s.p[i]; i++) {}
    if (i == s.n) return s;
    p = (char *)d1t_arena_take(arena, s.n);
    for (i = 0; p && i < s.n; i++) {
        p[n++] = s.p[i];
        i += !s.p[i];
    }
    return d1t_bytes(p, n);
}

D1T__PRIVATE bool d1t__is_below(d1t_str path, d1t_str above) {
    return path.n > above.n && D1T_MEMCMP(path.p, above.p, above.n) == 0;
}

/* p NULL: no memory. type none: no attachment. */
D1T__PRIVATE d1t_str d1t__path(d1t_arena *arena, const d1t_str *path, size_t count, d1t_str type, d1t_str name) {
    size_t i, n = type.p ? 1 + d1t__escaped_size(type) + d1t__escaped_size(name) : 0, one;
    char *p, *out;
    for (i = 0; i < count; i++) {
        one = 1 + d1t__escaped_size(path[i]);
        if (one > SIZE_MAX / 4 || n > SIZE_MAX / 4) return d1t_bytes(NULL, 0);
        n += one;
    }
    p = out = (char *)d1t_arena_take(arena, n);
    if (!p) return d1t_bytes(NULL, 0);
    for (i = 0; i < count; i++) {
        *out++ = D1T__CHILD;
        out = d1t__path_text(out, path[i]);
    }
    if (type.p) {
        *out++ = D1T__ATTACHMENT;
        out = d1t__path_text(d1t__path_text(out, type), name);
    }
    return d1t_bytes(p, n);
}

/* ---- the run: errors, declarations */

D1T__PRIVATE d1t_result d1t__connect_memory(d1t_connect *run) {
    return d1t__fail(&run->error, D1T_ERR_NOMEM, "no memory for the run", NULL, NULL);
}

/* "root files, level 2: what". Keys stay out of errors: they may be values. */
D1T__PRIVATE d1t_result d1t__node_fault(d1t_connect *run, const struct d1t__node *item, d1t_result code,
                                        const char *what) {
    char name[64];
    size_t end = d1t__segment_end(item->path, 0), level = 0;
    if (run->error.code != D1T_OK) return run->error.code;
    if (code > D1T_OK) code = D1T_ERR_STATE;
    d1t__copy_short(name, sizeof name, d1t_bytes(item->path.p + 1, end ? end - 3 : 0));
    while ((end = d1t__segment_end(item->path, end)) != 0) level++;
    d1t__fail(&run->error, code, "root ", name, ", level ");
    d1t__say_number(&run->error, level);
    d1t__say(&run->error, ": ", what, NULL);
    run->error.row = item->number;
    return code;
}

/* A callback's result: an error that it has set counts, whatever it returns. */
D1T__PRIVATE d1t_result d1t__called_back(d1t_connect *run, const struct d1t__node *item, d1t_result result) {
    if (run->error.code != D1T_OK) return run->error.code;
    return result == D1T_OK ? result : d1t__node_fault(run, item, result, d1t_result_text(result));
}

D1T__PRIVATE d1t_result d1t__store_result(d1t_connect *run, d1t_result result) {
    if (result == D1T_OK) return result;
    return d1t__fail(&run->error, result > D1T_OK ? D1T_ERR_STATE : result, "the store: ", d1t_result_text(result),
                     NULL);
}

D1T__PRIVATE d1t_result d1t__connect_is(d1t_connect *run, int phase) {
    if (!run) return D1T_ERR_ARG;
    if (run->phase == D1T__CONNECT_BUSY) return D1T_ERR_BUSY;
    if (run->error.code != D1T_OK) return run->error.code;
    return run->phase && run->phase <= phase ? D1T_OK : D1T_ERR_STATE;
}

D1TDEF d1t_result d1t_connect_begin(d1t_connect *run, const d1t_connect_desc *desc) {
    const d1t_store *s = desc ? desc->store : NULL;
    if (!run) return D1T_ERR_ARG;
    D1T_MEMSET(run, 0, sizeof *run);
    if (!s || !s->next || !s->put || !s->remove || !s->commit || !s->rollback || !desc->roots)
        return d1t__fail(&run->error, D1T_ERR_ARG, "a run needs desc.roots, and desc.store with all its calls", NULL,
                         NULL);
    run->desc = *desc;
    d1t_arena_init(&run->arena, desc->allocator, desc->max_memory);
    d1t_buffer_init(&run->bytes, desc->allocator, SIZE_MAX / 4);
    run->phase = D1T__CONNECT_OPEN;
    s->rollback(s->ctx);
    return D1T_OK;
}

D1T__PRIVATE void d1t__connect_release(d1t_connect *run) {
    d1t_arena_free(&run->arena);
    d1t_buffer_free(&run->bytes);
    run->items = run->last = run->top = NULL;
    run->waves = NULL;
    run->phase = D1T__CONNECT_ENDED;
}

D1TDEF void d1t_connect_abort(d1t_connect *run) {
    if (run && run->phase && run->phase != D1T__CONNECT_BUSY) d1t__connect_release(run);
}

D1T__PRIVATE d1t_result d1t__path_check(d1t_connect *run, const d1t_str *path, size_t count, size_t least) {
    size_t i;
    if (!path || count < least)
        return d1t__fail(&run->error, D1T_ERR_ARG, "a path is the root's name and at least one key", NULL, NULL);
    for (i = 0; i < count; i++)
        if (!path[i].p)
            return d1t__fail(&run->error, D1T_ERR_ARG, "a key of a path is NULL; an empty key is \"\"", NULL, NULL);
    return D1T_OK;
}

D1T__PRIVATE d1t_str d1t__copy_bytes(d1t_arena *arena, d1t_str s) {
    return d1t_bytes(d1t_arena_text(arena, s), s.n);
}

D1T__PRIVATE d1t_result d1t__connect_add(d1t_connect *run, const d1t_str *path, size_t count, d1t_str type,
                                         d1t_str name, d1t_str value) {
    struct d1t__node *item;
    d1t_result result = d1t__connect_is(run, D1T__CONNECT_OPEN);
    if (result == D1T_OK) result = d1t__path_check(run, path, count, 2);
    if (result != D1T_OK) return result;
    if (!value.p)
        return d1t__fail(&run->error, D1T_ERR_ARG, "a value is NULL; what is to go is not declared", NULL, NULL);
    if (!d1t_roots_find(run->desc.roots, path[0]))
        return d1t__fail(&run->error, D1T_ERR_NAME, "a path begins with a root that desc.roots does not have", NULL,
                         NULL);
    item = (struct d1t__node *)d1t_arena_take(&run->arena, sizeof *item);
    if (!item) return d1t__connect_memory(run);
    item->path = d1t__path(&run->arena, path, count, type, name);
    item->item.desired = d1t__copy_bytes(&run->arena, value);
    if (!item->path.p || !item->item.desired.p) return d1t__connect_memory(run);
    item->number = ++run->report.declared;
    if (run->last && d1t__compare_bytes(run->last->path, item->path) >= 0) run->unsorted = true;
    if (run->last) run->last->next = item;
    else run->items = item;
    run->last = item;
    return D1T_OK;
}

D1TDEF d1t_result d1t_connect_declare(d1t_connect *run, const d1t_str *path, size_t count, d1t_str value) {
    return d1t__connect_add(run, path, count, d1t_bytes(NULL, 0), d1t_bytes(NULL, 0), value);
}

D1TDEF d1t_result d1t_connect_attach(d1t_connect *run, const d1t_str *path, size_t count, d1t_str type, d1t_str name,
                                     d1t_str value) {
    d1t_result result = d1t__connect_is(run, D1T__CONNECT_OPEN);
    if (result == D1T_OK && (!type.p || !name.p))
        return d1t__fail(&run->error, D1T_ERR_ARG, "an attachment needs a type and a name", NULL, NULL);
    return result == D1T_OK ? d1t__connect_add(run, path, count, type, name, value) : result;
}

/* Two lists in order into one. Equal paths: those of a first. */
D1T__PRIVATE struct d1t__node *d1t__nodes_merge(struct d1t__node *a, struct d1t__node *b) {
    struct d1t__node *first = NULL, **end = &first, **from;
    while (a && b) {
        from = d1t__compare_bytes(a->path, b->path) <= 0 ? &a : &b;
        *end = *from;
        end = &(*end)->next;
        *from = *end;
    }
    *end = a ? a : b;
    return first;
}

/* A merge sort without recursion: pile i is empty or has 2^i items (the last one: or more), the earlier ones in the
   higher piles. */
D1T__NOINLINE D1T__PRIVATE void d1t__nodes_sort(d1t_connect *run) {
    struct d1t__node *piles[32], *item = run->items, *next, *all = NULL;
    size_t i;
    if (!run->unsorted) return;
    D1T_MEMSET(piles, 0, sizeof piles);
    for (; item; item = next) {
        next = item->next;
        item->next = NULL;
        for (i = 0; i < 31 && piles[i]; i++) {
            item = d1t__nodes_merge(piles[i], item);
            piles[i] = NULL;
        }
        piles[i] = d1t__nodes_merge(piles[i], item);
    }
    for (i = 0; i < 32; i++) all = d1t__nodes_merge(piles[i], all);
    run->items = all;
}

/* One item for each path. */
D1T__PRIVATE d1t_result d1t__nodes_unique(d1t_connect *run) {
    struct d1t__node *item = run->items;
    while (item && item->next) {
        if (!d1t_str_equal(item->path, item->next->path)) {
            item = item->next;
            continue;
        }
        if (!d1t_str_equal(item->item.desired, item->next->item.desired))
            return d1t__node_fault(run, item->next, D1T_ERR_VALUE, "it is declared twice, with different values");
        item->next = item->next->next;
        run->report.declared--;
    }
    return D1T_OK;
}

/* ---- what is tracked of an item: version 1, whether it may be missing, seen, own, the number of records, and each
   of them behind its length. Numbers are seven bits a byte, the lowest first. */

D1T__PRIVATE bool d1t__put_number(d1t_buffer *b, uint64_t v) {
    char byte[10];
    size_t n = 0;
    for (; v >= 128; v >>= 7) byte[n++] = (char)(v | 128u);
    byte[n++] = (char)v;
    return d1t_buffer_add(b, byte, n) == D1T_OK;
}

/* False: it is not there whole. */
D1T__PRIVATE bool d1t__get_number(d1t_str *in, uint64_t *v) {
    unsigned shift = 0;
    uint64_t byte;
    *v = 0;
    do {
        if (!in->n || shift > 63) return false;
        byte = (unsigned char)*in->p++;
        in->n--;
        *v |= (byte & 127u) << shift;
        shift += 7;
    } while (byte & 128u);
    return true;
}

/* Into run->bytes: the item with `count` of its previous records, and another one if it is not none or among them. */
D1T__PRIVATE bool d1t__node_write(d1t_connect *run, const struct d1t__node *item, uint64_t seen, bool missing,
                                  size_t count, d1t_str record) {
    const d1t_str *prev = item->item.prev;
    d1t_buffer *b = &run->bytes;
    bool more = record.p && d1t__count_equal(record, prev, count) == 0, ok;
    size_t i;
    b->n = 0;
    ok = d1t__put_number(b, 1) && d1t__put_number(b, missing) && d1t__put_number(b, seen) &&
         d1t__put_number(b, item->own) && d1t__put_number(b, (uint64_t)count + more);
    for (i = 0; ok && i < count + more; i++) {
        const d1t_str s = i < count ? prev[i] : record;
        ok = d1t__put_number(b, s.n) && d1t_buffer_add(b, s.p, s.n) == D1T_OK;
    }
    return ok;
}

D1T__PRIVATE d1t_result d1t__node_read(d1t_connect *run, struct d1t__node *item, d1t_str value) {
    d1t_str in, *prev;
    uint64_t version = 0, missing = 0, count = 0, n;
    bool ok;
    size_t i;
    item->stored = in = d1t__copy_bytes(&run->arena, value);
    if (!in.p) return d1t__connect_memory(run);
    ok = d1t__get_number(&in, &version) && version == 1 && d1t__get_number(&in, &missing) &&
         d1t__get_number(&in, &item->seen) && d1t__get_number(&in, &item->own) && d1t__get_number(&in, &count) &&
         count <= in.n;
    prev = ok ? (d1t_str *)d1t_arena_take(&run->arena, (size_t)count * sizeof *prev) : NULL;
    if (ok && !prev) return d1t__connect_memory(run);
    for (i = 0; ok && i < count; i++) {
        ok = d1t__get_number(&in, &n) && n <= in.n;
        if (!ok) break;
        prev[i] = d1t_bytes(in.p, (size_t)n);
        in = d1t_bytes(in.p + n, in.n - (size_t)n);
    }
    if (!ok || in.n)
        return d1t__node_fault(run, item, D1T_ERR_STATE, "the store has something else than was put there");
    item->was_missing = missing != 0;
    item->item.prev = prev;
    item->item.prev_count = item->known = (size_t)count;
    return D1T_OK;
}

/* ---- the comparison: declared and tracked items side by side, in the order of paths */

/* Finds who decides; what is below something that takes its children with it is dropped. */
D1T__PRIVATE d1t_result d1t__node_handler(d1t_connect *run, struct d1t__node *item) {
    const struct d1t__node *parent = item->parent;
    const d1t_handler *h = parent->handler;
    size_t end = d1t__segment_end(item->path, item->at), at = item->at + 1;
    bool attached = item->path.p[item->at] == D1T__ATTACHMENT;
    if (attached) {
        end = d1t__escaped_end(item->path, at);
        item->type = d1t__unescape(&run->arena, item->path, at, end);
        if (!item->type.p) return d1t__connect_memory(run);
        at = end;
        end = item->path.n;
    }
    item->item.key = d1t__unescape(&run->arena, item->path, at, end);
    if (!item->item.key.p) return d1t__connect_memory(run);
    item->below_going = parent->below_going || parent->decision.action == D1T_ITEM_DELETE;
    item->dropped = parent->dropped ||
                    (!attached && !parent->children && parent->depth > 1 && !parent->item.desired.p);
    if (item->dropped) return D1T_OK;
    if (attached) item->handler = h && h->attachment ? h->attachment(h->self, item->type) : NULL;
    else item->handler = parent->children;
    if (item->handler && item->handler->apply) return D1T_OK;
    if (attached) return d1t__node_fault(run, item, D1T_ERR_NAME, "its handler has no such type of attachment (or "
                                         "it has no apply); d1t_connect_forget forgets what is tracked of it");
    return d1t__node_fault(run, item, D1T_ERR_STATE, "the item above takes no children, or its handler of them has no "
                           "apply; d1t_connect_forget forgets what is tracked of them");
}

D1T__PRIVATE d1t_result d1t__node_children(d1t_connect *run, struct d1t__node *item) {
    const d1t_handler *h = item->handler;
    if (item->dropped || !h->child) return D1T_OK;
    return d1t__called_back(run, item, h->child(h->self, &item->item, &run->arena, &item->children));
}

/* An item that is not declared, in front of what is below it: a root, or one that is not tracked either. */
D1T__PRIVATE d1t_result d1t__node_above(d1t_connect *run, d1t_str path, size_t at) {
    struct d1t__node *item = (struct d1t__node *)d1t_arena_take(&run->arena, sizeof *item);
    d1t_result result = D1T_OK;
    if (!item) return d1t__connect_memory(run);
    item->path = path;
    item->at = at;
    item->parent = run->top;
    item->depth = run->top ? run->top->depth + 1 : 1;
    item->gone = run->top && run->top->gone;
    run->top = item;
    if (item->parent) {
        result = d1t__node_handler(run, item);
        return result == D1T_OK ? d1t__node_children(run, item) : result;
    }
    item->children = d1t_roots_find(run->desc.roots, d1t_bytes(path.p + 1, path.n - 3));   /* it has no 0 in it */
    if (item->children) return result;
    return d1t__node_fault(run, item, D1T_ERR_NAME, "it is tracked, and not in desc.roots; add its handler, or forget "
                           "it (d1t_connect_forget)");
}

/* Goes up, and down to the item that this one is below. */
D1T__PRIVATE d1t_result d1t__node_place(d1t_connect *run, struct d1t__node *item) {
    d1t_str path = item->path;
    d1t_result result = D1T_OK;
    size_t end;
    while (run->top && !d1t__is_below(path, run->top->path)) run->top = run->top->parent;
    item->at = run->top ? run->top->path.n : 0;
    item->depth = run->top ? run->top->depth + 1 : 1;
    while ((end = d1t__segment_end(path, item->at)) != path.n || item->at == 0) {
        if (!end || end == path.n || (item->at == 0 && path.p[0] != D1T__CHILD))
            return d1t__fail(&run->error, D1T_ERR_STATE, "a key in the store is not that of an item", NULL, NULL);
        if (item->number && item->at) break;
        result = d1t__node_above(run, d1t_bytes(path.p, end), item->at);
        if (result != D1T_OK) return result;
        item->at = end;
        item->depth++;
    }
    if (item->number && (end != path.n || (run->top->depth > 1 && !run->top->number)))
        return d1t__node_fault(run, item, D1T_ERR_STATE, "the item above it is not declared");
    item->parent = run->top;
    run->top = item;
    return d1t__node_handler(run, item);
}

/* What was tracked, as far as it holds in view of what becomes of the parent. */
D1T__PRIVATE void d1t__node_recall(const d1t_connect *run, struct d1t__node *item) {
    item->item.missing = !item->stored.p || item->was_missing || run->desc.full || item->seen != item->parent->own;
    item->ignored = item->stored.p && !item->type.p && item->parent->destroys;
    if (item->ignored) item->item.prev_count = 0;
    item->dropped = item->dropped || (item->ignored && !item->number);
}

D1T__PRIVATE d1t_result d1t__node_decide(d1t_connect *run, struct d1t__node *item) {
    const d1t_handler *h = item->handler;
    d1t_decision *d = &item->decision;
    d1t_effect effect;
    d1t_result result = D1T_OK;
    if (h->reconcile) result = h->reconcile(h->self, &item->item, &run->arena, d, &run->error);
    else *d = d1t_reconcile(&item->item);
    result = d1t__called_back(run, item, result);
    if (result != D1T_OK) return result;
    if (d->action == D1T_ITEM_LEAVE || d->action == D1T_ITEM_DELETE) d->record = d1t_bytes(NULL, 0);
    if (d->action == D1T_ITEM_UPSERT && (!d->record.p || !item->number))
        return d1t__node_fault(run, item, D1T_ERR_STATE, "its handler upserts what is not declared, or without record");
    effect = d->action == D1T_ITEM_LEAVE ? D1T_EFFECT_NONE : d->child;
    /* What may have gone, had no children then. */
    if (effect == D1T_EFFECT_NONE && d->action != D1T_ITEM_LEAVE && item->item.missing && item->item.prev_count)
        effect = D1T_EFFECT_LOSSY;
    if (item->ignored) effect = D1T_EFFECT_DESTRUCTIVE;
    item->destroys = effect == D1T_EFFECT_DESTRUCTIVE;
    item->bumped = effect != D1T_EFFECT_NONE && (h->child || h->attachment);
    item->own += item->bumped;
    return D1T_OK;
}

/* Puts what changes into the list, and counts. */
D1T__PRIVATE void d1t__node_keep(d1t_connect *run, struct d1t__node *item) {
    const d1t_item_action action = item->decision.action;
    bool moved = item->number && item->stored.p && item->seen != item->parent->own;
    bool empty = action == D1T_ITEM_LEAVE ? !item->item.prev_count : !item->decision.record.p;
    item->gone = item->dropped || (!item->number && (item->parent->gone || empty));
    run->report.forgotten += item->dropped;
    run->report.upserts += action == D1T_ITEM_UPSERT;
    run->report.deletes += action == D1T_ITEM_DELETE;
    run->report.unchanged += item->number && action != D1T_ITEM_UPSERT && action != D1T_ITEM_DELETE;
    if (item->depth > run->depth) run->depth = item->depth;
    if (action == D1T_ITEM_LEAVE && !item->gone && !item->ignored && !moved) return;
    if (run->last) run->last->next = item;
    else run->items = item;
    run->last = item;
}

D1T__PRIVATE d1t_result d1t__connect_item(d1t_connect *run, struct d1t__node *item, d1t_str stored) {
    d1t_result result = d1t__node_place(run, item);
    item->next = NULL;
    if (result == D1T_OK && stored.p) result = d1t__node_read(run, item, stored);
    if (result != D1T_OK) return result;
    d1t__node_recall(run, item);
    if (!item->dropped) result = d1t__node_decide(run, item);
    if (result == D1T_OK) result = d1t__node_children(run, item);
    if (result == D1T_OK) d1t__node_keep(run, item);
    return result;
}

/* All declared and all tracked items. Afterwards run->items are those that change. */
D1T__PRIVATE d1t_result d1t__connect_compare(d1t_connect *run) {
    const d1t_store *s = run->desc.store;
    struct d1t__node *item, *declared = run->items;
    const d1t_str none = d1t_bytes(NULL, 0);
    d1t_str key = none, value = none;
    d1t_result found, result = D1T_OK;
    int order;
    run->items = run->last = NULL;
    found = s->next(s->ctx, none, &key, &value);
    while (result == D1T_OK && (declared || found == D1T_OK)) {
        if (found < D1T_OK) break;
        order = !declared ? 1 : found != D1T_OK ? -1 : d1t__compare_bytes(declared->path, key);
        if (order <= 0) {
            item = declared;
            declared = item->next;
        } else {
            item = (struct d1t__node *)d1t_arena_take(&run->arena, sizeof *item);
            if (!item) return d1t__connect_memory(run);
            item->path = d1t__copy_bytes(&run->arena, key);
            if (!item->path.p) return d1t__connect_memory(run);
        }
        result = d1t__connect_item(run, item, order < 0 ? none : value);
        if (result == D1T_OK && order >= 0) found = s->next(s->ctx, item->path, &key, &value);
    }
    return result == D1T_OK && found != D1T_EOF ? d1t__store_result(run, found) : result;
}

/* ---- the order of calls: first what goes because of what is above it, the lowest level first; then the rest, the
   highest level first */

D1T__PRIVATE size_t d1t__node_wave(const d1t_connect *run, const struct d1t__node *item) {
    bool early = item->decision.action == D1T_ITEM_DELETE && (item->below_going || item->type.p);
    return early ? run->depth - item->depth : run->depth + item->depth;
}

D1T__PRIVATE d1t_result d1t__connect_order(d1t_connect *run) {
    struct d1t__node *item;
    struct d1t__call *call, **place;
    const d1t_handler *h, *other;
    if (run->depth > SIZE_MAX / 4 / sizeof *run->waves) return d1t__connect_memory(run);
    run->wave_count = 2 * run->depth + 1;
    run->waves = (struct d1t__call **)d1t_arena_take(&run->arena, run->wave_count * sizeof *run->waves);
    if (!run->waves) return d1t__connect_memory(run);
    for (item = run->items; item; item = item->next) {
        if (item->decision.action != D1T_ITEM_UPSERT && item->decision.action != D1T_ITEM_DELETE) continue;
        h = item->handler;
        for (place = &run->waves[d1t__node_wave(run, item)]; (call = *place) != NULL; place = &call->next) {
            other = call->first->handler;
            if (other->apply == h->apply && other->sink == h->sink) break;
        }
        if (!call) {
            *place = call = (struct d1t__call *)d1t_arena_take(&run->arena, sizeof *call);
            if (!call) return d1t__connect_memory(run);
            call->first = item;
            run->report.calls++;
        } else call->last->together = item;
        call->last = item;
        call->count++;
    }
    return D1T_OK;
}

D1T__PRIVATE d1t_result d1t__connect_plan(d1t_connect *run) {
    d1t_result result = d1t__connect_is(run, D1T__CONNECT_PLANNED);
    if (result != D1T_OK || run->phase == D1T__CONNECT_PLANNED) return result;
    run->phase = D1T__CONNECT_BUSY;
    d1t__nodes_sort(run);
    result = d1t__nodes_unique(run);
    if (result == D1T_OK) result = d1t__connect_compare(run);
    if (result == D1T_OK) result = d1t__connect_order(run);
    run->phase = D1T__CONNECT_PLANNED;
    return result;
}

/* An item as apply gets it. */
D1T__PRIVATE d1t_result d1t__act_make(d1t_connect *run, const struct d1t__node *item, d1t_act *act) {
    size_t i, at = 0, end, depth = item->depth - (item->type.p != NULL);
    d1t_str *path = (d1t_str *)d1t_arena_take(&run->arena, depth * sizeof *path);
    if (!path) return d1t__connect_memory(run);
    for (i = 0; i < depth; i++, at = end) {
        end = d1t__segment_end(item->path, at);
        path[i] = d1t__unescape(&run->arena, item->path, at + 1, end);
        if (!path[i].p) return d1t__connect_memory(run);
    }
    act->path = path;
    act->depth = depth;
    act->type = item->type;
    act->item = item->item;
    act->decision = item->decision;
    act->handler = item->handler;
    return D1T_OK;
}

D1TDEF d1t_result d1t_connect_preview(d1t_connect *run, void (*on_act)(void *ctx, const d1t_act *act), void *ctx) {
    const struct d1t__call *call;
    const struct d1t__node *item;
    d1t_result result = d1t__connect_plan(run);
    d1t_act act;
    size_t i;
    for (i = 0; result == D1T_OK && i < run->wave_count; i++)
        for (call = run->waves[i]; call; call = call->next)
            for (item = call->first; item && result == D1T_OK; item = item->together) {
                result = d1t__act_make(run, item, &act);
                run->phase = D1T__CONNECT_BUSY;
                if (result == D1T_OK) on_act(ctx, &act);
                run->phase = D1T__CONNECT_PLANNED;
            }
    return result;
}

/* ---- carrying it out */

/* Puts run->bytes under the item's key. */
D1T__PRIVATE d1t_result d1t__node_put(d1t_connect *run, struct d1t__node *item, bool *some) {
    const d1t_store *s = run->desc.store;
    d1t_str value = d1t_bytes(run->bytes.p, run->bytes.n);
    if (!item->written && d1t_str_equal(value, item->stored)) return D1T_OK;
    item->written = *some = true;
    return d1t__store_result(run, s->put(s->ctx, item->path, value));
}

/* Before the sinks run: every record that may be true from now on. */
D1T__PRIVATE d1t_result d1t__connect_foresee(d1t_connect *run) {
    const d1t_store *s = run->desc.store;
    struct d1t__node *item;
    d1t_result result = D1T_OK;
    bool some = false;
    for (item = run->items; item && result == D1T_OK; item = item->next) {
        const d1t_item_action action = item->decision.action;
        bool acts = action == D1T_ITEM_UPSERT || action == D1T_ITEM_DELETE, fresh = !item->stored.p;
        if (item->dropped || (!acts && !item->bumped)) continue;
        if (!d1t__node_write(run, item, fresh ? item->parent->own : item->seen,
                             fresh || item->ignored || item->was_missing || action == D1T_ITEM_DELETE, item->known,
                             acts ? item->decision.record : d1t_bytes(NULL, 0)))
            return d1t__connect_memory(run);
        result = d1t__node_put(run, item, &some);
    }
    return result == D1T_OK && some ? d1t__store_result(run, s->commit(s->ctx)) : result;
}

/* After the sinks: what is true. An item without a record stays if it has to say what its children may trust. */
D1T__PRIVATE d1t_result d1t__connect_settle(d1t_connect *run) {
    const d1t_store *s = run->desc.store;
    struct d1t__node *item;
    d1t_result result = D1T_OK;
    bool some = false;
    for (item = run->items; item && result == D1T_OK; item = item->next) {
        bool left = item->decision.action == D1T_ITEM_LEAVE, empty = left ? !item->item.prev_count
                                                                          : !item->decision.record.p;
        if (item->gone || (empty && !item->own)) {
            if (!item->stored.p && !item->written) continue;
            some = true;
            result = d1t__store_result(run, s->remove(s->ctx, item->path));
            continue;
        }
        if (!d1t__node_write(run, item, item->parent->own, empty || (left && item->was_missing),
                             left ? item->item.prev_count : 0, item->decision.record))
            return d1t__connect_memory(run);
        result = d1t__node_put(run, item, &some);
    }
    return result == D1T_OK && some ? d1t__store_result(run, s->commit(s->ctx)) : result;
}

D1T__PRIVATE d1t_result d1t__connect_call(d1t_connect *run, const struct d1t__call *call) {
    const d1t_handler *h = call->first->handler;
    const struct d1t__node *item = call->first;
    d1t_act *acts = (d1t_act *)d1t_arena_take(&run->arena, call->count * sizeof *acts);
    d1t_result result = D1T_OK;
    size_t i;
    if (!acts) return d1t__connect_memory(run);
    for (i = 0; i < call->count && result == D1T_OK; i++, item = item->together)
        result = d1t__act_make(run, item, &acts[i]);
    if (result != D1T_OK) return result;
    return d1t__called_back(run, call->first, h->apply(h->sink, acts, call->count, &run->error));
}

D1TDEF d1t_result d1t_connect_commit(d1t_connect *run) {
    const struct d1t__call *call;
    d1t_result result = d1t__connect_plan(run);
    size_t i;
    if (!run || !run->phase || run->phase == D1T__CONNECT_BUSY || run->phase == D1T__CONNECT_ENDED) return result;
    run->phase = D1T__CONNECT_BUSY;
    if (result == D1T_OK) result = d1t__connect_foresee(run);
    for (i = 0; result == D1T_OK && i < run->wave_count; i++)
        for (call = run->waves[i]; call && result == D1T_OK; call = call->next) result = d1t__connect_call(run, call);
    if (result == D1T_OK) result = d1t__connect_settle(run);
    d1t__connect_release(run);
    return result;
}

/* The store's own keys are walked: those below the path stand right behind it. */
D1TDEF d1t_result d1t_connect_forget(d1t_connect *run, const d1t_str *path, size_t count) {
    const d1t_store *s;
    d1t_str above, key, value, none = d1t_bytes(NULL, 0);
    d1t_result result = d1t__connect_is(run, D1T__CONNECT_OPEN);
    if (result == D1T_OK) result = d1t__path_check(run, path, count, 1);
    if (result != D1T_OK) return result;
    s = run->desc.store;
    above = key = d1t__path(&run->arena, path, count, none, none);
    if (!above.p) return d1t__connect_memory(run);
    result = d1t__store_result(run, s->remove(s->ctx, above));
    while (result == D1T_OK) {
        result = s->next(s->ctx, key, &key, &value);
        if (result == D1T_EOF || (result == D1T_OK && !d1t__is_below(key, above)))
            return d1t__store_result(run, s->commit(s->ctx));
        result = d1t__store_result(run, result);
        if (result != D1T_OK) break;
        run->bytes.n = 0;
        if (d1t_buffer_add(&run->bytes, key.p, key.n) != D1T_OK) return d1t__connect_memory(run);
        key = d1t_bytes(run->bytes.p, run->bytes.n);
        result = d1t__store_result(run, s->remove(s->ctx, key));
    }
    return result;
}

#endif /* D1T__CONNECT */

/* ================================================================================================================
   ROOM drivers (implementation)
   ============================================================================================================= */

/* ---- >>run (implementation) ----------------------------------------------------------------------------------- */

#ifndef D1T_NO_ENV
#include <stdlib.h>
#endif
#ifndef D1T_NO_STDIO
#include <stdio.h>
#endif

D1TDEF d1t_config d1t_config_from_env(void) {
    d1t_config c;
    D1T_MEMSET(&c, 0, sizeof c);
#ifndef D1T_NO_ENV
    c.account = getenv("CLOUDFLARE_ACCOUNT_ID");
    c.database = getenv("CLOUDFLARE_DATABASE_ID");
    c.token = getenv("CLOUDFLARE_API_TOKEN");
    c.base_url = getenv("CLOUDFLARE_API_BASE_URL");
    if (c.base_url && !c.base_url[0]) c.base_url = NULL;
    if (c.base_url && d1t__contains(d1t_cstr(c.base_url), "/d1/database/")) {
        c.database_url = c.base_url;
        c.base_url = NULL;
    }
#endif
    return c;
}

#ifndef D1T_NO_RUN

/* The transport to run over: the one given, the client's, or libcurl's made now. */
D1T__PRIVATE d1t_result d1t__transport_of(d1t_client *db, const d1t_transport *given, d1t_transport *out) {
    *out = given ? *given : db->transport;
    if (out->perform) return D1T_OK;
#ifndef D1T_NO_CURL
    db->transport = *out = d1t_curl_transport(NULL);
    return out->perform ? D1T_OK : d1t__error(db, D1T_ERR_NOMEM, "libcurl gave no handle", NULL, NULL);
#else
    return d1t__error(db, D1T_ERR_UNSUPPORTED, "this build has no libcurl (D1T_NO_CURL): set config.transport", NULL,
                      NULL);
#endif
}

D1TDEF d1t_result d1t_run(d1t_client *db, const d1t_transport *transport) {
    d1t_transport t;
    d1t_todo todo;
    d1t_step step;
    uint64_t now;
    d1t_result result;
    if (!db) return D1T_ERR_ARG;
    if (db->busy) return D1T_ERR_BUSY;
    if (!db->task.active) return db->error.code;
    result = d1t__transport_of(db, transport, &t);
    if (result != D1T_OK) {
        d1t__end_task(db);
        return result;
    }
    for (;;) {
        db->busy = true;
        now = t.now_ms(t.ctx);
        db->busy = false;
        step = d1t_next(db, now, &todo);
        if (step == D1T_DONE || step == D1T_FAIL) return db->error.code;
        db->busy = true;
        if (step == D1T_SEND) result = t.perform(t.ctx, todo.request, todo.op);
        if (step == D1T_WAIT && todo.wake_ms > now) t.sleep_ms(t.ctx, todo.wake_ms - now);
        if (step == D1T_SEND) d1t_op_on_end(todo.op, t.now_ms(t.ctx), result, 0);
        db->busy = false;
    }
}

/* The task that was started, run to its end. */
D1T__PRIVATE d1t_result d1t__blocking(d1t_client *db, d1t_result started) {
    return started == D1T_OK ? d1t_run(db, NULL) : started;
}

D1TDEF d1t_result d1t_flush(d1t_client *db) {
    return d1t__blocking(db, d1t_flush_start(db));
}

D1TDEF d1t_result d1t_setup(d1t_client *db, const d1t_table *const *tables, size_t count) {
    if (db && db->open && db->batch.live) (void)d1t_flush(db);
    return d1t__blocking(db, d1t_setup_start(db, tables, count));
}

#ifndef D1T_NO_PLAN
D1TDEF d1t_result d1t_plan_read(d1t_plan *plan, d1t_client *db, const d1t_table *const *tables, size_t count) {
    d1t_plan_desc desc;
    D1T_MEMSET(&desc, 0, sizeof desc);
    desc.tables = tables;
    desc.count = count;
    return d1t_plan_read_desc(plan, db, &desc);
}

D1TDEF d1t_result d1t_plan_read_desc(d1t_plan *plan, d1t_client *db, const d1t_plan_desc *desc) {
    return d1t__blocking(db, d1t_plan_read_start(plan, db, desc));
}

D1TDEF d1t_result d1t_plan_apply(d1t_plan *plan, d1t_effect allow) {
    return d1t__blocking(plan ? plan->db : NULL, d1t_plan_apply_start(plan, allow));
}

D1TDEF d1t_result d1t_schema_read(d1t_schema *schema, d1t_client *db) {
    return d1t__blocking(db, d1t_schema_read_start(schema, db));
}
#endif

#ifndef D1T_NO_QUERY
D1TDEF d1t_result d1t_query(d1t_client *db, const char *sql, const d1t_value *args, size_t count, d1t_on_row on_row,
                            void *ctx) {
    return d1t__blocking(db, d1t_query_start(db, sql, args, count, on_row, ctx));
}

D1TDEF d1t_result d1t_read(d1t_client *db, const d1t_table *table, const char *where_sql, const d1t_value *args,
                           size_t count, d1t_on_row on_row, void *ctx) {
    return d1t__blocking(db, d1t_read_start(db, table, where_sql, args, count, on_row, ctx));
}

D1TDEF d1t_result d1t_exec(d1t_client *db, const d1t_statement *statements, size_t count) {
    return d1t__blocking(db, d1t_exec_start(db, statements, count));
}
#endif

#endif /* D1T_NO_RUN */

/* A full batch is flushed, unless the program drives the client itself. */
D1T__PRIVATE d1t_result d1t__make_room(d1t_client *db) {
#ifndef D1T_NO_RUN
    if (!db->driven) return d1t_flush(db);
#endif
    (void)db;
    return D1T_FULL;
}

/* Offers the row until it is taken, with flushes in between. */
D1T__PRIVATE d1t_result d1t__offer(d1t_client *db, const d1t_table *table, d1t_write_kind kind, const d1t_value *values,
                                   size_t count, const d1t_condition *condition) {
    d1t_result result = d1t__add_row(db, table, kind, values, count, condition);
    while (result == D1T_FULL) {
        result = d1t__make_room(db);
        if (result != D1T_OK) return result;
        result = d1t__add_row(db, table, kind, values, count, condition);
    }
    return result;
}

D1TDEF d1t_result d1t_upsert(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count) {
    return d1t__offer(db, table, D1T_WRITE_UPSERT, values, count, NULL);
}

D1TDEF d1t_result d1t_update(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count) {
    return d1t__offer(db, table, D1T_WRITE_UPDATE, values, count, NULL);
}

D1TDEF d1t_result d1t_delete(d1t_client *db, const d1t_table *table, const d1t_value *keys, size_t count) {
    return d1t__offer(db, table, D1T_WRITE_DELETE, keys, count, NULL);
}

D1TDEF d1t_result d1t_upsert_struct(d1t_client *db, const d1t_table *table, const d1t_member *members, size_t count,
                                    const void *record) {
    d1t_result result = d1t__enter(db);
    if (result == D1T_OK) result = d1t__record_values(db, members, count, record);
    return result == D1T_OK ? d1t_upsert(db, table, db->values, count) : result;
}

/* A forgotten condition must not become an unconditional write. */
D1T__PRIVATE d1t_result d1t__need_condition(d1t_client *db, const d1t_condition *condition) {
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK || condition) return result;
    return d1t__error(db, D1T_ERR_ARG, "the condition is NULL; without one call d1t_upsert or d1t_delete", NULL, NULL);
}

D1TDEF d1t_result d1t_upsert_where(d1t_client *db, const d1t_table *table, const d1t_value *values, size_t count,
                                   const d1t_condition *condition) {
    d1t_result result = d1t__need_condition(db, condition);
    return result == D1T_OK ? d1t__offer(db, table, D1T_WRITE_UPSERT, values, count, condition) : result;
}

D1TDEF d1t_result d1t_delete_where(d1t_client *db, const d1t_table *table, const d1t_value *keys, size_t count,
                                   const d1t_condition *condition) {
    d1t_result result = d1t__need_condition(db, condition);
    return result == D1T_OK ? d1t__offer(db, table, D1T_WRITE_DELETE, keys, count, condition) : result;
}

D1TDEF d1t_result d1t_group_begin(d1t_client *db) {
    d1t_result result = d1t__group_begin(db);
    if (result != D1T_FULL) return result;
    result = d1t__make_room(db);
    return result == D1T_OK ? d1t__group_begin(db) : result;
}

D1TDEF d1t_result d1t_group_end(d1t_client *db) {
    d1t_result result = d1t__enter(db);
    if (result != D1T_OK) return result;
    if (db->batch.mark == SIZE_MAX) return d1t__error(db, D1T_ERR_STATE, "no group is open", NULL, NULL);
    db->batch.mark = SIZE_MAX;
    db->batch.grouped = true;
    return D1T_OK;
}

#if defined(D1T__TARGETS) && !defined(D1T_NO_RUN)
D1TDEF d1t_result d1t_target_run(d1t_target_job *job, const d1t_transport *transport) {
    d1t_client *db;
    if (!job) return D1T_ERR_ARG;
    if (job->busy || job->db.busy) return D1T_ERR_BUSY;
    while ((db = d1t__target_client(job)) != NULL) (void)d1t_run(db, transport);
    return job->error.code;
}

/* The job that was started, run to its end and released. */
D1T__PRIVATE d1t_result d1t__target_blocking(d1t_target_job *job, d1t_result started) {
    d1t_result result = started == D1T_OK ? d1t_target_run(job, NULL) : started;
    d1t_target_end(job);
    return result;
}

D1TDEF d1t_result d1t_target_apply_mutation(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                            const d1t_mutation *mutations, size_t count) {
    return d1t__target_blocking(job, d1t_target_mutation_start(job, target, desc, mutations, count));
}

D1TDEF d1t_result d1t_target_apply_setup(d1t_target_job *job, const d1t_target *target, const d1t_target_desc *desc,
                                         const d1t_setup_change *changes, size_t count) {
    return d1t__target_blocking(job, d1t_target_setup_start(job, target, desc, changes, count));
}
#endif

#if defined(D1T__SYNC) && !defined(D1T_NO_RUN)
/* The requests that are due, run to their end. */
D1T__PRIVATE d1t_result d1t__sync_run(d1t_sync *sync) {
    d1t_client *db;
    while ((db = d1t__sync_client(sync)) != NULL) (void)d1t_run(db, NULL);
    return sync->db->error.code;
}

D1TDEF d1t_result d1t_sync_begin(d1t_sync *sync, d1t_client *db, const d1t_sync_desc *desc) {
    d1t_result result = d1t_sync_begin_start(sync, db, desc);
    return result == D1T_OK ? d1t__sync_run(sync) : result;
}

D1TDEF d1t_result d1t_sync_commit(d1t_sync *sync, d1t_sync_report *report) {
    d1t_result result = d1t_sync_commit_start(sync);
    if (result == D1T_OK) result = d1t__sync_run(sync);
    if (report && sync) *report = sync->report;
    return result;
}
#endif

#ifdef D1T__SYNC
D1TDEF d1t_result d1t_sync_row(d1t_sync *sync, const d1t_table *table, const d1t_value *values, size_t count) {
    d1t_result result = d1t__sync_offer(sync, table, values, count);
#ifndef D1T_NO_RUN
    while (result == D1T_FULL && !sync->db->driven) {
        result = d1t__sync_run(sync);
        if (result == D1T_OK) result = d1t__sync_offer(sync, table, values, count);
    }
#endif
    return result;
}
#endif

#ifdef D1T__SYNC
D1TDEF d1t_result d1t_sync_struct(d1t_sync *sync, const d1t_table *table, const d1t_member *members, size_t count,
                                  const void *record) {
    d1t_result result = d1t__sync_enter(sync);
    if (result == D1T_OK) result = d1t__record_values(sync->db, members, count, record);
    return result == D1T_OK ? d1t_sync_row(sync, table, sync->db->values, count) : result;
}
#endif

D1TDEF d1t_result d1t_close(d1t_client *db) {
    d1t_batch *b;
    if (!db) return D1T_ERR_ARG;
    if (db->busy) return D1T_ERR_BUSY;
    b = &db->batch;
    if (db->open && db->error.code == D1T_OK && !db->task.active) {
        if (db->reserved)
            (void)d1t__error(db, D1T_ERR_STATE, "closed with an open run of declared state: commit or abort it first",
                             NULL, NULL);
        else if (b->mark != SIZE_MAX)
            (void)d1t__error(db, D1T_ERR_STATE, "closed with an open group: end it first", NULL, NULL);
        else if (b->live && db->driven)
            (void)d1t__error(db, D1T_ERR_STATE, "closed with pending rows: run d1t_flush_start to its end first", NULL,
                             NULL);
#ifndef D1T_NO_RUN
        else if (b->live) (void)d1t_flush(db);
#endif
    }
    if (D1T__RUNS && db->open && db->transport.close) db->transport.close(db->transport.ctx);
    d1t__release_client(db);
    return db->error.code;
}

#ifndef D1T_NO_STDIO
D1TDEF void d1t_put_line(void *file, const char *line) {
    fputs(line, (FILE *)file);
    fputc('\n', (FILE *)file);
}
#endif

/* ---- >>curl (implementation) ---------------------------------------------------------------------------------- */

#ifndef D1T_NO_CURL
#if defined(__has_include)
#if !__has_include(<curl/curl.h>)
#error "libcurl's headers are missing (Debian: libcurl4-openssl-dev); or define D1T_NO_CURL and set config.transport"
#endif
#endif
#include <curl/curl.h>
#include <time.h>
#ifndef _WIN32
#include <sys/select.h>
#include <sys/time.h>
#endif

#define D1T__URL_MAX 2048
#define D1T__TOKEN_MAX 4096

/* Monotonic where the platform shows it; strict -std=c99 without _POSIX_C_SOURCE hides it, then it is wall time. */
D1T__PRIVATE uint64_t d1t__curl_now(void *ctx) {
    (void)ctx;
#if defined(_WIN32)
    return (uint64_t)GetTickCount64();
#elif defined(CLOCK_MONOTONIC)
    {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
    }
#else
    {
        struct timeval t;
        gettimeofday(&t, NULL);
        return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_usec / 1000u;
    }
#endif
}

D1T__PRIVATE void d1t__curl_sleep(void *ctx, uint64_t ms) {
    (void)ctx;
#if defined(_WIN32)
    Sleep((DWORD)ms);
#else
    {
        struct timeval t;
        t.tv_sec = (time_t)(ms / 1000u);
        t.tv_usec = (suseconds_t)(ms % 1000u * 1000u);
        (void)select(0, NULL, NULL, NULL, &t);     /* woken early by a signal: d1t_run asks again */
    }
#endif
}

D1T__PRIVATE void d1t__curl_close(void *ctx) {
    curl_easy_cleanup((CURL *)ctx);
}

D1T__PRIVATE size_t d1t__curl_read(char *out, size_t size, size_t count, void *ctx) {
    return d1t_request_read((d1t_request *)ctx, out, size * count);
}

/* libcurl sends a body again when a kept connection turns out to be dead. */
D1T__PRIVATE int d1t__curl_seek(void *ctx, curl_off_t offset, int origin) {
    if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
    d1t_request_rewind((d1t_request *)ctx);
    return CURL_SEEKFUNC_OK;
}

D1T__PRIVATE size_t d1t__curl_write(char *data, size_t size, size_t count, void *ctx) {
    return d1t_op_on_body((d1t_op *)ctx, data, size * count) == D1T_OK ? size * count : 0;
}

/* "HTTP/1.1 200 OK" and "name: value": the status comes before the body, so that a cut answer is known as one. */
D1T__PRIVATE size_t d1t__curl_header(char *data, size_t size, size_t count, void *ctx) {
    d1t_op *op = (d1t_op *)ctx;
    size_t n = size * count, colon, end = n;
    char name[32], value[96];
    int64_t status;
    d1t_str line = d1t_bytes(data, n), code;
    if (d1t__begins(line, "HTTP/")) {
        colon = d1t__find(line, " ");
        code = d1t_bytes(data + colon + 1, n - colon > 4 ? 3 : 0);
        if (d1t_parse_int(code, &status)) d1t_op_on_status(op, (int32_t)status);
        return n;
    }
    colon = d1t__find(line, ":");
    while (end > colon && d1t__is_space(data[end - 1])) end--;
    if (colon >= end || colon >= sizeof name) return n;
    d1t__copy_short(name, sizeof name, d1t_bytes(data, colon));
    for (colon++; colon < end && d1t__is_space(data[colon]); colon++) {}
    d1t__copy_short(value, sizeof value, d1t_bytes(data + colon, end - colon));
    d1t_op_on_header(op, name, value);
    return n;
}

/* What is surely not applied, what is a matter of trust, and what is unknown. */
D1T__PRIVATE d1t_result d1t__curl_result(CURL *easy, CURLcode code) {
    curl_off_t sent = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
    switch (code) {
        case CURLE_OK: return D1T_OK;
        case CURLE_UNSUPPORTED_PROTOCOL: case CURLE_URL_MALFORMAT: case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST: case CURLE_COULDNT_CONNECT: case CURLE_SSL_CONNECT_ERROR: case CURLE_PROXY:
            return D1T_ERR_CONNECT;
        case CURLE_PEER_FAILED_VERIFICATION: case CURLE_SSL_CERTPROBLEM: case CURLE_SSL_CIPHER:
        case CURLE_SSL_CACERT_BADFILE: case CURLE_SSL_ISSUER_ERROR: case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            return D1T_ERR_TLS;
        case CURLE_OPERATION_TIMEDOUT: return sent ? D1T_ERR_TIMEOUT : D1T_ERR_CONNECT;
        default: return sent ? D1T_ERR_TRANSPORT : D1T_ERR_CONNECT;
    }
}

/* What is the same for every request. */
D1T__PRIVATE void d1t__curl_fixed(CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);            /* custom headers would go along */
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);       /* double-frees without memory in 7.88.1 */
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 131072L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, d1t__curl_read);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, d1t__curl_seek);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, d1t__curl_write);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, d1t__curl_header);
}

/* False: no memory for the URL. */
D1T__PRIVATE bool d1t__curl_request(CURL *easy, const char *url, d1t_request *req, d1t_op *op) {
    uint64_t now = d1t__curl_now(NULL), left = req->deadline_ms > now ? req->deadline_ms - now : 1;
    bool plain = !d1t__begins(req->url, "https:");
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, plain ? (long)CURLPROTO_HTTP : (long)CURLPROTO_HTTPS);
#endif
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left > 600000u ? 600000L : (long)left);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_size);
    curl_easy_setopt(easy, CURLOPT_READDATA, req);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, req);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, op);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, op);
    /* On a kept connection libcurl may send a request twice; what is not idempotent gets a connection of its own. */
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, op->idempotent || op->read_only ? 0L : 1L);
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

/* The headers are a list on the stack: libcurl's own list would leave the token in freed memory. */
D1T__PRIVATE d1t_result d1t__curl_perform(void *ctx, d1t_request *req, d1t_op *op) {
    static const char bearer[] = "Authorization: Bearer ";
    char url[D1T__URL_MAX], token[sizeof bearer + D1T__TOKEN_MAX], type[] = "Content-Type: application/json",
                                                                   expect[] = "Expect:";
    struct curl_slist list[3];
    CURL *easy = (CURL *)ctx;
    CURLcode code;
    bool ready;
    if (req->url.n >= sizeof url || req->token.n > D1T__TOKEN_MAX || d1t__url_fault(req->url)) return D1T_ERR_CONNECT;
    d1t__copy_short(url, sizeof url, req->url);
    D1T_MEMCPY(token, bearer, sizeof bearer - 1);
    d1t__copy_short(token + sizeof bearer - 1, D1T__TOKEN_MAX + 1, req->token);
    list[0].data = token;
    list[0].next = &list[1];
    list[1].data = type;
    list[1].next = &list[2];
    list[2].data = expect;
    list[2].next = NULL;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    ready = d1t__curl_request(easy, url, req, op);
    code = ready ? curl_easy_perform(easy) : CURLE_OUT_OF_MEMORY;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    d1t_wipe(token, sizeof token);
    d1t_op_set_transport_code(op, (int32_t)code);
    return ready ? d1t__curl_result(easy, code) : D1T_ERR_CONNECT;
}

D1TDEF d1t_transport d1t_curl_transport(const d1t_curl_options *options) {
    d1t_transport t;
    CURL *easy = curl_easy_init();
    D1T_MEMSET(&t, 0, sizeof t);
    if (!easy) return t;
    d1t__curl_fixed(easy);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     options && options->connect_ms ? (long)options->connect_ms : 10000L);
    if (curl_easy_setopt(easy, CURLOPT_USERAGENT, "d1target/" D1T_VERSION) != CURLE_OK ||
        (options && options->proxy && curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy) != CURLE_OK) ||
        (options && options->ca_file && curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file) != CURLE_OK)) {
        curl_easy_cleanup(easy);    /* texts are copied, and there may be no memory for that */
        return t;
    }
    t.version = D1T_TRANSPORT_VERSION;
    t.ctx = easy;
    t.perform = d1t__curl_perform;
    t.now_ms = d1t__curl_now;
    t.sleep_ms = d1t__curl_sleep;
    t.close = d1t__curl_close;
    return t;
}

#else
D1TDEF d1t_transport d1t_curl_transport(const d1t_curl_options *options) {
    d1t_transport t;
    (void)options;
    D1T_MEMSET(&t, 0, sizeof t);
    return t;
}
#endif /* D1T_NO_CURL */

#ifdef __cplusplus
}
#endif
#endif /* D1TARGET_IMPLEMENTATION_INCLUDED */
#endif /* D1TARGET_IMPLEMENTATION */

/*
CHANGELOG

0.2.0   Plans change tables and keep their rows; records, drift, renames, full text; CREATE statements are read;
        setup states and targets.
0.1.0   The first version: tables, batches of upserts, updates and deletes, queries, libcurl.

LICENCE

MIT License

Copyright (c) 2026 the d1target.h authors

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
*/
