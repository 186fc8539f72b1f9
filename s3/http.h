/* s3/http.h: one HTTP request, sent once, by libcurl; the only file that knows libcurl. What it means and whether it is sent again is the
 * caller's. Secrets are in no message. HTTP/1.1 only: each request has a connection for itself, which is kept for the next.
 *
 * Signing (AWS Signature Version 4) is libcurl's. It signs the x-amz-content-sha256 that is given here, which is always that of the very
 * body: a store refuses a body that was changed on its way. libcurl 7.88 signs a query as it stands (see s3_url.h). */
#ifndef MBE_S3_HTTP_H
#define MBE_S3_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Connections and settings; thread-safe. */
struct http;

struct http_settings {
    const char *ca_file; /* certificates to trust, instead of the system's; or NULL */
    unsigned silence_s;  /* a connection on which for that long next to nothing moves is given up */
    bool is_direct;      /* never through a proxy */
};

/* Texts are copied. */
struct err *http_open(struct http **out, const struct http_settings *settings) MUST_CHECK;
void http_free(struct http *h); /* NULL is fine; no request is under way */
CLEANUP(http, http_free)

struct http_signer {
    const char *region, *access_key, *secret_key;
    const char *token; /* or NULL */
};

enum { HTTP_HEADERS_MAX = 8 };

struct http_request {
    const char *method; /* GET, HEAD, PUT, POST, DELETE */
    const char *url;
    const char *headers[HTTP_HEADERS_MAX]; /* "name: value"; the first NULL ends them */
    const void *body;                      /* of PUT and POST, which send one, be it empty */
    size_t body_len;
    bool needs_md5;                   /* of the body, as a header of its own */
    const struct http_signer *signer; /* NULL: not signed */
    unsigned deadline_s;              /* for all of it */
    bool may_be_silent;               /* the deadline alone bounds it */
    /* A request whose connection was kept, and ends before the answer, libcurl sends again and does not say so: not this one. */
    bool needs_new_connection;
    const atomic_bool *given_up; /* set by another thread: nobody wants it any more; or NULL */
    bool ignores_stop; /* sent and waited for although we were asked to stop: what cleans up */
    /* Where a 2xx answer goes; NULL: nowhere. More than `cap` bytes are an error. Other answers are kept by themselves. */
    void *into;
    size_t cap;
};

enum { HTTP_ERROR_BODY_MAX = 64 << 10 };

struct http_answer {
    long status;
    size_t len;       /* bytes in `into` */
    char *error_body; /* of an answer that is no 2xx, cut off at its maximum; NUL-terminated */
    size_t error_len;
    uint64_t content_length; /* as told; of HEAD too. 0 when it was not */
    char etag[128];          /* with its quotes; "" when there is none */
    char region[64];         /* x-amz-bucket-region, or "" */
    bool is_transient;       /* with an error: it may go well another time */
};

/* NULL when there is an answer, whatever its status. INTERRUPTED when we were asked to stop or it was given up. The answer is to
 * be released in either case. */
struct err *http_send(struct http *h, const struct http_request *request,
                      struct http_answer *answer) MUST_CHECK;
void http_answer_fini(struct http_answer *a);

#endif
