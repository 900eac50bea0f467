/* A transport that takes every body in pieces of 64 KB and answers success at once. */
#ifndef NULL_TRANSPORT_H
#define NULL_TRANSPORT_H

#include "../../d1target.h"
#include <string.h>

typedef struct null_transport {
    uint64_t requests, bytes;
    char window[65536];
} null_transport;

static inline d1t_result null_perform(void *ctx, d1t_request *req, d1t_op *op)
{
    static const char result[] =
        "{\"success\":true,\"results\":{\"columns\":[\"changes()\"],\"rows\":[[1]]},\"meta\":{}}";
    null_transport *t = (null_transport *)ctx;
    uint32_t i;
    size_t n;

    while ((n = d1t_request_read(req, t->window, sizeof t->window)) > 0)
        t->bytes += n;
    t->requests++;
    d1t_op_on_status(op, 200);
    (void)d1t_op_on_body(op, "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":[", 52);
    for (i = 0; i < op->expect; i++) {
        (void)d1t_op_on_body(op, ",", i > 0);
        (void)d1t_op_on_body(op, result, sizeof result - 1);
    }
    (void)d1t_op_on_body(op, "]}", 2);
    return D1T_OK;
}

static inline uint64_t null_now(void *ctx)
{
    return ((null_transport *)ctx)->requests * 1000; /* slow enough for the rate limit */
}

static inline void null_sleep(void *ctx, uint64_t ms)
{
    (void)ctx;
    (void)ms;
}

/* A client over it whose table needs no setup; t is set to zero first. */
static inline void null_open(d1t_client *db, null_transport *t, d1t_allocator allocator)
{
    d1t_config config;

    memset(t, 0, sizeof *t);
    memset(&config, 0, sizeof config);
    config.account = config.database = config.token = "x";
    config.setup = D1T_SETUP_TRUST;
    config.allocator = allocator;
    config.transport.version = D1T_TRANSPORT_VERSION;
    config.transport.ctx = t;
    config.transport.perform = null_perform;
    config.transport.now_ms = null_now;
    config.transport.sleep_ms = null_sleep;
    (void)d1t_open(db, &config);
    (void)d1t_setup(db, symbol_tables, 1);
}

#endif
