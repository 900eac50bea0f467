/* A fresh database for each case: local_d1 in the process, or the next of the URLs, emptied by its server. Needs
   back_end.h and <curl/curl.h> before it. */
#ifndef SETUP_FRESH_H
#define SETUP_FRESH_H

static inline size_t swallow(char *p, size_t size, size_t n, void *ctx)
{
    (void)p;
    (void)ctx;
    return size * n;
}

/* POST …/reset: dropping table by table would meet foreign keys, shadow tables, views. */
static inline bool reset_database(const char *url)
{
    CURL *curl = curl_easy_init();
    char target[512];
    long status = 0;

    if (!curl)
        return false;
    snprintf(target, sizeof target, "%s/reset", url);
    curl_easy_setopt(curl, CURLOPT_URL, target);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, swallow);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status == 200;
}

static inline void open_fresh(void)
{
    d1t_config config;

    errors_shown = 0;
    if (urls) {
        CHECK(reset_database(urls[url_turn % url_count]));
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
