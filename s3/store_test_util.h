/* s3/store_test_util.h: an HTTP server on loopback, in threads of the test, for tests of what speaks to a store. Who answers is the
 * test's own function; a request is read as a whole before it is asked. cmocka.h comes before it. */
#ifndef MBE_S3_STORE_TEST_UTIL_H
#define MBE_S3_STORE_TEST_UTIL_H

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "s3/s3_client.h"

enum { STORE_HEAD_MAX = 16384, STORE_THREADS_MAX = 256 };

struct store_request {
    char head[STORE_HEAD_MAX]; /* request line and headers */
    char method[16], target[4096];
    char *body;
    size_t body_len;
};

struct store_test {
    /* Writes the answer to fd. False: the connection is closed, be it before an answer. One call at a time. */
    bool (*answer)(struct store_test *t, const struct store_request *r, int fd);
    void *ctx;
    int listener;
    char endpoint[64];
    pthread_t acceptor;
    pthread_t threads[STORE_THREADS_MAX];
    int fds[STORE_THREADS_MAX]; /* their connections, closed at the end */
    int n_threads;
    pthread_mutex_t lock; /* one answer at a time */
};

struct store_connection {
    struct store_test *t;
    int fd;
};

/* The value of a header, "" when there is none. */
static inline const char *store_header(const struct store_request *r, const char *name, char *out,
                                       size_t size)
{
    AUTO_FREE char *pattern = mem_printf("\r\n%s: ", name);
    const char *at = strcasestr(r->head, pattern);
    out[0] = '\0';
    if (at) {
        at += strlen(pattern);
        snprintf(out, size, "%.*s", (int)strcspn(at, "\r"), at);
    }
    return out;
}

static inline void store_write(int fd, const void *data, size_t n)
{
    for (const char *p = data; n;) {
        const ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done <= 0)
            return; /* the client gave up: a test of that looks at the client */
        p += done;
        n -= (size_t)done;
    }
}

/* An answer with a body; `headers`: whole lines with their ends, or "". */
static inline void store_answer(int fd, int status, const char *headers, const void *body, size_t n)
{
    AUTO_FREE char *head =
        mem_printf("HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n", status, n, headers);
    store_write(fd, head, strlen(head));
    store_write(fd, body, n);
}

static inline void store_answer_text(int fd, int status, const char *headers, const char *body)
{
    store_answer(fd, status, headers, body, strlen(body));
}

static inline bool store_read_request(struct store_request *r, int fd)
{
    size_t n = 0;
    char *end = NULL;
    char number[32];
    while (!end) {
        const ssize_t got = recv(fd, r->head + n, 1, 0);
        if (got <= 0 || ++n == STORE_HEAD_MAX - 1)
            return false;
        r->head[n] = '\0';
        end = n >= 4 && !strcmp(r->head + n - 4, "\r\n\r\n") ? r->head + n : NULL;
    }
    if (sscanf(r->head, "%15s %4095s", r->method, r->target) != 2)
        return false;
    r->body_len = strtoull(store_header(r, "Content-Length", number, sizeof number), NULL, 10);
    r->body = mem_alloc(r->body_len + 1);
    r->body[r->body_len] = '\0';
    return !r->body_len || recv(fd, r->body, r->body_len, MSG_WAITALL) == (ssize_t)r->body_len;
}

static inline void *store_serve(void *arg)
{
    struct store_connection c = *(struct store_connection *)arg;
    free(arg);
    for (bool more = true; more;) {
        struct store_request *r = mem_zalloc(sizeof *r);
        more = store_read_request(r, c.fd);
        if (more) {
            pthread_mutex_lock(&c.t->lock);
            more = c.t->answer(c.t, r, c.fd);
            pthread_mutex_unlock(&c.t->lock);
        }
        free(r->body);
        free(r);
    }
    shutdown(c.fd, SHUT_RDWR);
    return NULL;
}

static inline void *store_accept(void *arg)
{
    struct store_test *t = arg;
    int fd;
    while ((fd = accept(t->listener, NULL, NULL)) >= 0) {
        struct store_connection *c = mem_alloc(sizeof *c);
        *c = (struct store_connection){t, fd};
        if (t->n_threads == STORE_THREADS_MAX)
            abort();
        t->fds[t->n_threads] = fd;
        if (pthread_create(&t->threads[t->n_threads++], NULL, store_serve, c))
            abort();
    }
    return NULL;
}

static inline void store_start(struct store_test *t)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    t->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->listener < 0 || bind(t->listener, (struct sockaddr *)&at, len) ||
        listen(t->listener, 16) || getsockname(t->listener, (struct sockaddr *)&at, &len))
        abort();
    snprintf(t->endpoint, sizeof t->endpoint, "http://127.0.0.1:%u", ntohs(at.sin_port));
    pthread_mutex_init(&t->lock, NULL);
    if (pthread_create(&t->acceptor, NULL, store_accept, t))
        abort();
}

/* Also when a test has failed and left its clients. */
static inline void store_stop(struct store_test *t)
{
    shutdown(t->listener, SHUT_RDWR);
    pthread_join(t->acceptor, NULL);
    close(t->listener);
    for (int i = 0; i < t->n_threads; i++) {
        shutdown(t->fds[i], SHUT_RDWR);
        pthread_join(t->threads[i], NULL);
        close(t->fds[i]);
    }
    pthread_mutex_destroy(&t->lock);
}

#define STORE_SECRET "abracadabra/SECRET+key"

/* A client of bucket "buck" on it. */
static inline struct s3_client *store_client(const struct store_test *t, const char *retain_until)
{
    struct s3_client *c;
    const struct s3_settings settings = {.endpoint = t->endpoint,
                                         .region = "testland-1",
                                         .path_style = true,
                                         .timeout_s = 30,
                                         .retain_until = retain_until};
    setenv("AWS_ACCESS_KEY_ID", "TESTER", 1);
    setenv("AWS_SECRET_ACCESS_KEY", STORE_SECRET, 1);
    unsetenv("AWS_SESSION_TOKEN");
    setenv("no_proxy", "*", 1);
    struct err *e = s3_client_open(&c, &settings, "buck", NULL);
    if (e) {
        print_error("%s\n", e->message);
        abort();
    }
    return c;
}

#endif
