/*
 * local_d1_server - local_d1.h over HTTP, so that curl, wrangler or any SDK can talk to it.
 *
 *     cc -O2 -o local_d1_server local_d1_server.c -lmicrohttpd -lsqlite3
 *     local_d1_server [--port N] [--file PATH] [--token T] [--fault NAME:FIRST:COUNT] [--until-eof]
 *     curl -H 'Authorization: Bearer x' http://127.0.0.1:PORT/client/v4/accounts/a/d1/database/d/query \
 *         -d '{"sql":"SELECT 1 AS one"}'
 *
 * One thread does everything. A refused connection is closed at once instead: TCP accepts it before we are asked.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOCAL_D1_IMPLEMENTATION
#include "local_d1.h"

#define MAX_BODY ((size_t)100 * 1024 * 1024) /* Cloudflare's upload limit on the lower plans */

typedef struct parked { /* a connection that never gets an answer; MHD wants it back before it stops */
    struct MHD_Connection *connection;
    struct parked *next;
} parked;

typedef struct server {
    local_d1 *d;
    parked *parked;
} server;

typedef struct request {
    char *body;
    size_t size, capacity;
} request;

typedef struct cut { /* the part of an answer that arrives */
    size_t size;
    char bytes[];
} cut;

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static int append(request *r, const char *data, size_t size)
{
    size_t needed = r->size + size;
    char *grown = needed <= r->capacity ? r->body : needed > MAX_BODY ? NULL : realloc(r->body, 2 * needed);

    if (!grown)
        return 0;
    r->capacity = needed <= r->capacity ? r->capacity : 2 * needed;
    r->body = grown;
    memcpy(r->body + r->size, data, size);
    r->size += size;
    return 1;
}

static ssize_t read_cut(void *ctx, uint64_t at, char *to, size_t max)
{
    const cut *c = ctx;
    size_t left = c->size - (size_t)at;

    left = left < max ? left : max;
    memcpy(to, c->bytes + at, left);
    return left ? (ssize_t)left : MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *cut_response(const local_d1_answer *answer)
{
    cut *c = malloc(sizeof *c + answer->size);

    if (!c)
        return NULL;
    memcpy(c->bytes, answer->body, answer->size);
    c->size = answer->size;
    return MHD_create_response_from_callback(2 * (uint64_t)answer->size + 1, 16384, read_cut, c, free);
}

static enum MHD_Result respond(struct MHD_Connection *connection, const local_d1_answer *answer)
{
    enum MHD_Result result;
    struct MHD_Response *response;

    if (answer->status == 0)
        return MHD_NO; /* closes the connection */
    response = answer->failure ? cut_response(answer)
                               : MHD_create_response_from_buffer(answer->size, (char *)(uintptr_t)answer->body,
                                                                 MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", answer->content_type);
    if (answer->retry_after[0])
        MHD_add_response_header(response, "Retry-After", answer->retry_after);
    result = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result park(server *s, struct MHD_Connection *connection)
{
    parked *p = malloc(sizeof *p);

    if (!p)
        return MHD_NO;
    p->connection = connection;
    p->next = s->parked;
    s->parked = p;
    MHD_suspend_connection(connection);
    return MHD_YES;
}

static enum MHD_Result finish(server *s, struct MHD_Connection *connection, const char *url, const char *method,
                              const request *r)
{
    const char *authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    local_d1_answer answer;

    local_d1_exchange(s->d, method, url, authorization, r->body, r->size, local_d1_now(s->d), &answer);
    return answer.failure == LOCAL_D1_TIMEOUT ? park(s, connection) : respond(connection, &answer);
}

/* MHD calls this with the headers, then with each part of the body, then once more without one. MHD_NO closes. */
static enum MHD_Result serve(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
                             const char *version, const char *data, size_t *size, void **state)
{
    server *s = ctx;
    request *r = *state;
    local_d1_fault fault = local_d1_next_fault(s->d);
    size_t n = *size;

    (void)version;
    if (!r) {
        *state = calloc(1, sizeof *r);
        return *state ? MHD_YES : MHD_NO;
    }
    if (n == 0)
        return finish(s, connection, url, method, r);
    if (fault == LOCAL_D1_REFUSE || fault == LOCAL_D1_CUT_REQUEST)
        return finish(s, connection, url, method, r); /* closes while the client is still sending */
    *size = 0;
    return append(r, data, n) ? MHD_YES : MHD_NO;
}

static void done(void *ctx, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    request *r = *state;

    (void)ctx, (void)connection, (void)code;
    if (r)
        free(r->body);
    free(r);
    *state = NULL;
}

static int parse_fault(local_d1 *d, const char *text)
{
    static const char *const names[LOCAL_D1_FAULT_COUNT] = {
        "OK", "REFUSE", "CUT_REQUEST", "LOSE_BEFORE", "LOSE_AFTER", "CUT_ANSWER", "LATE", "ZOMBIE", "TWICE",
        "SILENT", "429_API", "429_BUSY", "500", "500_AFTER", "503_HTML", "DB_FULL", "DAY_LIMIT"};
    unsigned long long first = 1, count = 1;
    char name[32];
    int i;

    if (sscanf(text, "%31[^:]:%llu:%llu", name, &first, &count) < 1)
        return 0;
    for (i = 0; i < LOCAL_D1_FAULT_COUNT; i++)
        if (strcmp(name, names[i]) == 0)
            return local_d1_set_fault(d, (local_d1_fault)i, first, count), 1;
    return 0;
}

static int at_eof(void)
{
    char dropped[256];
    struct pollfd in = {0, POLLIN, 0};

    return poll(&in, 1, 0) > 0 && read(0, dropped, sizeof dropped) <= 0;
}

static int run(server *s, uint16_t port, int until_eof)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct MHD_Daemon *daemon;

    daemon = MHD_start_daemon(MHD_ALLOW_SUSPEND_RESUME, port, NULL, NULL, serve, s,
                                 MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, done, s, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "local_d1_server: cannot listen on port %u\n", port);
        return 1;
    }
    printf("listening on http://127.0.0.1:%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (!stop && !(until_eof && at_eof())) {
        MHD_run_wait(daemon, 100);
        local_d1_advance(s->d, local_d1_now(s->d));
    }
    while (s->parked) {
        parked *p = s->parked;
        s->parked = p->next;
        MHD_resume_connection(p->connection);
        free(p);
    }
    MHD_stop_daemon(daemon);
    return 0;
}

int main(int argc, char **argv)
{
    const char *file = NULL, *token = NULL, *fault = NULL, *port = "0";
    struct sigaction action = {.sa_handler = on_signal};
    int i, until_eof = 0, result = 2;
    server s = {0};

    for (i = 1; i < argc; i++) {
        const char **value = !strcmp(argv[i], "--port") ? &port : !strcmp(argv[i], "--file") ? &file
                             : !strcmp(argv[i], "--token") ? &token : !strcmp(argv[i], "--fault") ? &fault : NULL;
        if (value && i + 1 < argc)
            *value = argv[++i];
        else if (strcmp(argv[i], "--until-eof") == 0)
            until_eof = 1;
        else
            break;
    }
    s.d = i == argc ? local_d1_open(file, token) : NULL;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (s.d && (!fault || parse_fault(s.d, fault)))
        result = run(&s, (uint16_t)atoi(port), until_eof);
    else
        fputs(i == argc && !s.d ? "local_d1_server: cannot open the database\n" :
              "usage: local_d1_server [--port N] [--file PATH] [--token T] [--fault NAME:FIRST:COUNT] [--until-eof]\n",
              stderr);
    local_d1_close(s.d);
    return result;
}
