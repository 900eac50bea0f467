/* A d1t_transport that plays answers from a list over a virtual clock and keeps every request.

       static const script_answer answers[] = {{.status = 503, .body = "<html>"}, SCRIPT_OK};
       script s = {.answers = answers, .count = 2};
       config.transport = script_transport(&s);        ... s.requests[0].body, .url, .at_ms ...
       script_free(&s);

   Behind the end of the list every request succeeds. Include d1target.h first. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct script_answer {
    d1t_result result; /* how perform ends */
    int32_t status; /* 0: none comes */
    const char *name, *value; /* one header */
    const char *body; /* NULL: with status 200 a success with a result for every statement, else nothing */
    size_t size; /* of body; 0: it is a string */
    size_t piece; /* bytes fed at a time; 0: all at once */
    uint64_t delay_ms; /* the request takes so long; at its deadline it ends as D1T_ERR_TIMEOUT */
    uint32_t times; /* played so often; 0: once */
} script_answer;

#define SCRIPT_OK                                                                                                      \
    {                                                                                                                  \
        .status = 200                                                                                                  \
    }
#define SCRIPT_FAIL(code, text)                                                                                        \
    "{\"success\":false,\"errors\":[{\"code\":" #code ",\"message\":\"" text "\"}],\"result\":[]}"

typedef struct script_request {
    char *body; /* a string, size bytes */
    size_t size;
    char url[240], token[80];
    uint64_t at_ms, deadline_ms;
    uint32_t statements;
} script_request;

typedef struct script {
    const script_answer *answers;
    size_t count, next;
    uint32_t played; /* of the next answer */
    script_answer (*decide)(void *ctx, const script_request *request); /* instead of the list */
    void *ctx;
    bool forget; /* keep only the newest request, as requests[0] */
    size_t window; /* the body is pulled by so many bytes; 0: 4,096 */
    uint64_t now_ms, slept_ms;
    script_request *requests;
    size_t kept;
    uint64_t sent; /* requests so far */
    uint32_t closed;
    char *made; /* the success made for the last request */
} script;

/* A batch's elements are the objects at depth 2; a single statement is the object at depth 0. */
static inline d1t_result script_count_event(void *ctx, const d1t_json_event *e)
{
    uint32_t *counts = (uint32_t *)ctx;

    if (e->kind == D1T_JSON_OBJECT && e->depth < 3)
        counts[e->depth]++;
    return D1T_OK;
}

/* How many statements a body has; 0: it is not JSON. */
static inline uint32_t script_statements(const char *body, size_t size)
{
    uint32_t counts[3] = {0, 0, 0};
    d1t_json_reader reader;

    d1t_json_reader_init(&reader, script_count_event, counts, 0);
    if (d1t_json_reader_feed(&reader, body, size) != D1T_OK || d1t_json_reader_end(&reader) != D1T_OK)
        return 0;
    return counts[2] ? counts[2] : counts[0];
}

/* What D1 answers to `statements` statements that return nothing. */
static inline char *script_success(uint32_t statements)
{
    static const char one[] = "{\"success\":true,\"meta\":{\"rows_read\":1,\"rows_written\":1,\"duration\":0.5},"
                              "\"results\":{\"columns\":[],\"rows\":[]}}";
    size_t room = (sizeof one + 1) * statements + 80;
    char *text = (char *)malloc(room), *end;
    uint32_t i;

    end = text + sprintf(text, "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":[");
    for (i = 0; i < statements; i++)
        end += sprintf(end, "%s%s", i ? "," : "", one);
    sprintf(end, "]}");
    return text;
}

static inline void script_copy(char *to, size_t room, d1t_str s)
{
    size_t n = s.n < room - 1 ? s.n : room - 1;

    if (n)
        memcpy(to, s.p, n);
    to[n] = 0;
}

static inline script_request *script_keep(script *s, d1t_request *req)
{
    size_t window = s->window ? s->window : 4096, room = (size_t)req->body_size + window, n;
    script_request *r;

    if (s->forget && s->kept) {
        free(s->requests[0].body);
        s->kept = 0;
    }
    s->requests = (script_request *)realloc(s->requests, (s->kept + 1) * sizeof *s->requests);
    r = &s->requests[s->kept++];
    memset(r, 0, sizeof *r);
    r->body = (char *)malloc(room + 1);
    while (r->size < room &&
           (n = d1t_request_read(req, r->body + r->size, window < room - r->size ? window : room - r->size)) > 0)
        r->size += n;
    r->body[r->size] = 0;
    script_copy(r->url, sizeof r->url, req->url);
    script_copy(r->token, sizeof r->token, req->token);
    r->at_ms = s->now_ms;
    r->deadline_ms = req->deadline_ms;
    r->statements = script_statements(r->body, r->size);
    s->sent++;
    return r;
}

static inline script_answer script_next(script *s, const script_request *r)
{
    script_answer a = SCRIPT_OK;

    if (s->decide)
        return s->decide(s->ctx, r);
    if (s->next < s->count) {
        a = s->answers[s->next];
        if (++s->played >= (a.times ? a.times : 1)) {
            s->played = 0;
            s->next++;
        }
    }
    return a;
}

static inline d1t_result script_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    script *s = (script *)ctx;
    const script_request *r = script_keep(s, req);
    script_answer a = script_next(s, r);
    size_t at, n;

    if (s->now_ms + a.delay_ms >= req->deadline_ms) {
        s->now_ms = req->deadline_ms;
        return D1T_ERR_TIMEOUT;
    }
    s->now_ms += a.delay_ms;
    if (!a.body && a.status == 200) {
        free(s->made);
        a.body = s->made = script_success(r->statements);
    }
    if (a.status)
        d1t_op_on_status(op, a.status);
    if (a.name)
        d1t_op_on_header(op, a.name, a.value);
    if (a.body && !a.size)
        a.size = strlen(a.body);
    for (at = 0; at < a.size; at += n) {
        n = a.piece && a.piece < a.size - at ? a.piece : a.size - at;
        if (d1t_op_on_body(op, a.body + at, n) != D1T_OK)
            break;
    }
    return a.result;
}

static inline uint64_t script_now(void *ctx)
{
    return ((script *)ctx)->now_ms;
}

static inline void script_sleep(void *ctx, uint64_t ms)
{
    ((script *)ctx)->now_ms += ms;
    ((script *)ctx)->slept_ms += ms;
}

static inline void script_close(void *ctx)
{
    ((script *)ctx)->closed++;
}

static inline d1t_transport script_transport(script *s)
{
    d1t_transport t;

    t.version = D1T_TRANSPORT_VERSION;
    t.ctx = s;
    t.perform = script_perform;
    t.now_ms = script_now;
    t.sleep_ms = script_sleep;
    t.close = script_close;
    return t;
}

/* A configuration that is complete but for what the test is about. */
static inline d1t_config script_config(script *s)
{
    d1t_config c;

    memset(&c, 0, sizeof c);
    c.account = "0123456789abcdef0123456789abcdef";
    c.database = "00000000-1111-2222-3333-444444444444";
    c.token = "token";
    c.transport = script_transport(s);
    c.seed = 1;
    return c;
}

/* Performs what d1t_op_next or d1t_next asked for, and ends it. */
static inline void script_send(script *s, d1t_request *req, d1t_op *op)
{
    d1t_result result = script_perform(s, req, op);

    d1t_op_on_end(op, s->now_ms, result, 0);
}

/* Runs one op to its end, as d1t_run does with a client's. */
static inline d1t_step script_run_op(script *s, d1t_op *op)
{
    uint64_t wake = 0;
    d1t_step step;

    while ((step = d1t_op_next(op, s->now_ms, &wake)) != D1T_DONE && step != D1T_FAIL) {
        if (step == D1T_SEND)
            script_send(s, &op->request, op);
        else if (step == D1T_CANCEL)
            d1t_op_on_end(op, s->now_ms, D1T_ERR_TIMEOUT, 0);
        else
            script_sleep(s, wake - s->now_ms);
    }
    return step;
}

static inline void script_free(script *s)
{
    size_t i;

    for (i = 0; i < s->kept; i++)
        free(s->requests[i].body);
    free(s->requests);
    free(s->made);
    s->requests = NULL;
    s->made = NULL;
    s->kept = 0;
}

/* The same figures for the same seed on every machine. */
static inline uint64_t script_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

#endif
