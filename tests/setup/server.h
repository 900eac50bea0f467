/* What the Worker of tests/live does beside D1's API: see with-live.sh. */
#ifndef SETUP_SERVER_H
#define SETUP_SERVER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline size_t server_body(char *p, size_t size, size_t n, void *ctx)
{
    char *body = (char *)ctx;
    size_t at = strlen(body), take = size * n < 255 - at ? size * n : 255 - at;

    memcpy(body + at, p, take);
    body[at + take] = 0;
    return size * n;
}

/* POST or GET of DATABASE_URL/call. reset: 0; barrier: how many requests have met at it; -1: the server refuses. */
static inline long server_call(const char *url, const char *call, bool post)
{
    CURL *curl = curl_easy_init();
    char target[512], body[256] = "";
    const char *come;
    long status = 0;

    if (!curl)
        return -1;
    snprintf(target, sizeof target, "%s/%s", url, call);
    curl_easy_setopt(curl, CURLOPT_URL, target);
    if (post)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, "t");
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, server_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, (void *)body);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    come = strstr(body, "\"come\":");
    return status != 200 ? -1 : come ? strtol(come + 7, NULL, 10) : 0;
}

#endif
