/* What the libcurl driver does with answers that only a real server can give. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define D1TARGET_IMPLEMENTATION
#include "../../d1target.h"
#include "../support/test.h"

static int listen_anywhere(unsigned *port)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int s = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (s < 0 || bind(s, (struct sockaddr *)&address, sizeof address) != 0 || listen(s, 8) != 0 ||
        getsockname(s, (struct sockaddr *)&address, &size) != 0)
        abort();
    *port = ntohs(address.sin_port);
    return s;
}

/* Answers one request: the same head, and then a body without end if there is one. */
static pid_t answer(int s, const char *head, const char *body)
{
    char request[4096];
    pid_t child = fork();
    int c;

    if (child != 0)
        return child;
    signal(SIGPIPE, SIG_IGN);
    c = accept(s, NULL, NULL);
    if (c < 0 || read(c, request, sizeof request) <= 0 || write(c, head, strlen(head)) < 0)
        _exit(1);
    while (body && write(c, body, strlen(body)) > 0) {
    }
    close(c);
    _exit(0);
}

/* What a statement comes to whose request is answered like that. */
static d1t_client ask(int s, unsigned port, const char *head, const char *body)
{
    static const d1t_statement statement = {"SELECT 1", NULL, 0};
    d1t_client db;
    d1t_config config;
    char url[128];
    pid_t child = answer(s, head, body);

    memset(&config, 0, sizeof config);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/client/v4/accounts/a/d1/database/d", port);
    config.database_url = url;
    config.token = "token";
    config.retry.attempts = 1;
    config.retry.deadline_ms = 3000;
    config.max_reply = 100000;
    d1t_open(&db, &config);
    (void)d1t_exec(&db, &statement, 1);
    (void)d1t_close(&db);
    waitpid(child, NULL, 0);
    close(s);
    return db;
}

static void test_a_redirect_is_not_followed(void)
{
    unsigned port, elsewhere;
    int s = listen_anywhere(&port), other = listen_anywhere(&elsewhere);
    char head[256];
    d1t_client db;

    snprintf(head, sizeof head, "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:%u/\r\n"
                                "Content-Length: 0\r\nConnection: close\r\n\r\n", elsewhere);
    db = ask(s, port, head, NULL);
    CHECK_INT(db.error.code, D1T_ERR_HTTP);
    CHECK_INT(db.error.http_status, 307);
    fcntl(other, F_SETFL, O_NONBLOCK);
    CHECK(accept(other, NULL, NULL) < 0);
    close(other);
}

static void test_a_body_without_end_is_cut_at_the_cap(void)
{
    unsigned port;
    int s = listen_anywhere(&port);
    d1t_client db = ask(s, port, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "<p>and so on ");

    CHECK_INT(db.error.code, D1T_ERR_TOO_BIG);
    CHECK(db.stats.bytes_received < 1000000);
}

static void test_a_connection_refused_is_surely_not_applied(void)
{
    static const d1t_statement statement = {"SELECT 1", NULL, 0};
    unsigned port;
    int s = listen_anywhere(&port);
    d1t_client db;
    d1t_config config;
    char url[128];

    close(s);
    memset(&config, 0, sizeof config);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/d1/database/d", port);
    config.database_url = url;
    config.token = "token";
    config.retry.attempts = 1;
    d1t_open(&db, &config);
    CHECK_INT(d1t_exec(&db, &statement, 1), D1T_ERR_CONNECT);
    CHECK_INT(db.error.outcome, D1T_NOT_APPLIED);
    CHECK_INT(d1t_close(&db), D1T_ERR_CONNECT);
}

int main(void)
{
    RUN(test_a_redirect_is_not_followed);
    RUN(test_a_body_without_end_is_cut_at_the_cap);
    RUN(test_a_connection_refused_is_surely_not_applied);
    TEST_MAIN_END;
}
