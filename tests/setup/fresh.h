/* A fresh database for each case: local_d1 in the process, or the next of the URLs, emptied by its server. Needs
   back_end.h before it. */
#ifndef SETUP_FRESH_H
#define SETUP_FRESH_H

#include "server.h"

/* Dropping table by table would meet foreign keys, shadow tables, views. */
static inline void open_fresh(void)
{
    d1t_config config;

    errors_shown = 0;
    if (urls) {
        CHECK(server_call(urls[url_turn % url_count], "reset", true) >= 0);
    } else {
        local = local_d1_open(NULL, NULL);
        CHECK(local != NULL);
        local_d1_virtual_clock(local, 1000000);
    }
    config = back_end_config();
    OK(d1t_open(&db, &config));
}

static inline void close_fresh(void)
{
    d1t_close(&db);
    local_d1_close(local);
    local = NULL;
    url_turn++;
}

/* local, or url and the URLs. False: bad usage. */
static inline bool fresh_arguments(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 && strcmp(argv[1], "url") == 0) {
        urls = argv + 2;
        url_count = argc - 2;
        return true;
    }
    if (argc == 2 && strcmp(argv[1], "local") == 0)
        return true;
    fprintf(stderr, "usage: %s local | %s url DATABASE_URL...\n", argv[0], argv[0]);
    return false;
}

#endif
