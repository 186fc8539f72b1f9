/* s3/http.c: see http.h. */
#include "s3/http.h"

#include <curl/curl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/signals.h"

#if LIBCURL_VERSION_NUM < 0x075800
#error "libcurl 7.88 or newer is needed: what is older does not sign as S3 wants it"
#endif

enum { CONNECT_MAX_S = 20, LEAST_RATE = 1024, TRANSFER_BUFFER = 256 << 10, IDLE_MAX = 16 };

/* A handle that is not in use keeps its connection. */
struct http {
    char *ca_file;
    unsigned silence_s;
    bool is_direct;
    pthread_mutex_t lock; /* guards the two below */
    CURL *idle[IDLE_MAX];
    int n_idle;
};

/* One request under way. */
struct exchange {
    const struct http_request *request;
    struct http_answer *answer;
    CURL *curl;
    struct curl_slist *headers;
    bool too_long;
};

struct err *http_open(struct http **out, const struct http_settings *settings)
{
    const CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT); /* counted; before our threads */
    if (rc)
        return err_make(FAILED, "libcurl: %s", curl_easy_strerror(rc));
    struct http *h = mem_zalloc(sizeof *h);
    h->ca_file = settings->ca_file ? mem_strdup(settings->ca_file) : NULL;
    h->silence_s = settings->silence_s;
    h->is_direct = settings->is_direct;
    pthread_mutex_init(&h->lock, NULL);
    *out = h;
    return NULL;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    for (int i = 0; i < h->n_idle; i++)
        curl_easy_cleanup(h->idle[i]);
    pthread_mutex_destroy(&h->lock);
    free(h->ca_file);
    free(h);
    curl_global_cleanup();
}

static CURL *take_handle(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    CURL *curl = h->n_idle ? h->idle[--h->n_idle] : NULL;
    pthread_mutex_unlock(&h->lock);
    if (!curl)
        return curl_easy_init();
    curl_easy_reset(curl); /* options, not connections */
    return curl;
}

static void put_handle(struct http *h, CURL *curl)
{
    curl_easy_reset(curl); /* the next request has another body, and may have other keys */
    pthread_mutex_lock(&h->lock);
    if (h->n_idle < IDLE_MAX) {
        h->idle[h->n_idle++] = curl;
        curl = NULL;
    }
    pthread_mutex_unlock(&h->lock);
    curl_easy_cleanup(curl);
}

/* ---- what libcurl calls ---- */

static bool is_good(const struct exchange *x)
{
    long status = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t on_body(char *data, size_t one, size_t n, void *ctx)
{
    struct exchange *x = ctx;
    struct http_answer *a = x->answer;
    (void)one;
    if (!is_good(x)) {
        const size_t room = HTTP_ERROR_BODY_MAX - a->error_len, k = n < room ? n : room;
        if (!a->error_body)
            a->error_body = mem_zalloc(HTTP_ERROR_BODY_MAX + 1);
        memcpy(a->error_body + a->error_len, data, k);
        a->error_len += k;
        return n;
    }
    if (!x->request->into)
        return n;
    if (n > x->request->cap - a->len) {
        x->too_long = true;
        return 0;
    }
    memcpy((char *)x->request->into + a->len, data, n);
    a->len += n;
    return n;
}

/* The value of header `name` in line (n bytes, with its end); false: it is another. */
static bool take_header(char *out, size_t size, const char *name, const char *line, size_t n)
{
    const size_t len = strlen(name);
    if (n <= len || strncasecmp(line, name, len) || line[len] != ':')
        return false;
    const char *value = line + len + 1, *end = line + n;
    while (value < end && *value == ' ')
        value++;
    while (end > value && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    snprintf(out, size, "%.*s", (int)(end - value), value);
    return true;
}

static size_t on_header(char *line, size_t one, size_t n, void *ctx)
{
    const struct exchange *x = ctx;
    struct http_answer *a = x->answer;
    char number[32];
    (void)one;
    if (!take_header(a->etag, sizeof a->etag, "etag", line, n) &&
        !take_header(a->region, sizeof a->region, "x-amz-bucket-region", line, n) &&
        take_header(number, sizeof number, "content-length", line, n))
        a->content_length = strtoull(number, NULL, 10);
    return n;
}

/* INTERRUPTED when it is not to go on. */
static struct err *check_wanted(const struct http_request *r)
{
    if (r->given_up && *r->given_up)
        return err_make(INTERRUPTED, "given up");
    return r->ignores_stop ? NULL : signals_check();
}

/* Called about once a second, and more often when something moves. */
static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct exchange *x = ctx;
    (void)a, (void)b, (void)c, (void)d;
    struct err *e = check_wanted(x->request);
    const bool ends = e != NULL;
    err_free(e);
    return ends;
}

/* ---- one request ---- */

static void add_header(struct exchange *x, const char *line)
{
    struct curl_slist *longer = curl_slist_append(x->headers, line);
    if (longer) /* else memory is out: the store will refuse what it gets */
        x->headers = longer;
}

/* Hash of the body as lower-case hex digits, or in base 64. */
static struct err *digest_of(uint8_t digest[EVP_MAX_MD_SIZE], unsigned *n,
                             const struct http_request *r, const EVP_MD *kind)
{
    if (EVP_Digest(r->body_len ? r->body : "", r->body_len, digest, n, kind, NULL) != 1)
        return err_make(FAILED, "OpenSSL cannot hash with %s", EVP_MD_get0_name(kind));
    return NULL;
}

static struct err *add_sha256(struct exchange *x)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char line[128] = "x-amz-content-sha256: ";
    unsigned n;
    TRY(digest_of(digest, &n, x->request, EVP_sha256()));
    char *out = line + strlen(line);
    for (unsigned i = 0; i < n; i++)
        out += sprintf(out, "%02x", digest[i]);
    add_header(x, line);
    return NULL;
}

static struct err *add_md5(struct exchange *x)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char line[128] = "Content-MD5: ";
    unsigned n;
    TRY(digest_of(digest, &n, x->request, EVP_md5()));
    EVP_EncodeBlock((unsigned char *)line + strlen(line), digest, (int)n);
    add_header(x, line);
    return NULL;
}

static struct err *set_signing(struct exchange *x)
{
    const struct http_signer *s = x->request->signer;
    AUTO_FREE char *scope = mem_printf("aws:amz:%s:s3", s->region);
    curl_easy_setopt(x->curl, CURLOPT_AWS_SIGV4, scope);
    curl_easy_setopt(x->curl, CURLOPT_USERNAME, s->access_key);
    curl_easy_setopt(x->curl, CURLOPT_PASSWORD, s->secret_key);
    if (s->token) {
        char *line = mem_printf("x-amz-security-token: %s", s->token);
        add_header(x, line);
        explicit_bzero(line, strlen(line));
        free(line);
    }
    return add_sha256(x);
}

static struct err *set_headers(struct exchange *x)
{
    const struct http_request *r = x->request;
    for (size_t i = 0; i < HTTP_HEADERS_MAX && r->headers[i]; i++)
        add_header(x, r->headers[i]);
    if (r->body)
        add_header(x, "Content-Type: application/octet-stream");
    if (r->needs_md5)
        TRY(add_md5(x));
    if (r->signer)
        TRY(set_signing(x));
    curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
    return NULL;
}

static void set_method(const struct exchange *x)
{
    const struct http_request *r = x->request;
    if (!strcmp(r->method, "HEAD")) {
        curl_easy_setopt(x->curl, CURLOPT_NOBODY, 1L);
        return;
    }
    if (r->body) {
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
        curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, r->body); /* borrowed, not copied */
    }
    curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, r->method);
}

static void set_bounds(const struct http *h, const struct exchange *x)
{
    const long connect = h->silence_s < CONNECT_MAX_S ? (long)h->silence_s : (long)CONNECT_MAX_S;
    curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->curl, CURLOPT_CONNECTTIMEOUT, connect);
    curl_easy_setopt(x->curl, CURLOPT_TIMEOUT, (long)x->request->deadline_s);
    if (!x->request->may_be_silent) {
        curl_easy_setopt(x->curl, CURLOPT_LOW_SPEED_LIMIT, (long)LEAST_RATE);
        curl_easy_setopt(x->curl, CURLOPT_LOW_SPEED_TIME, (long)h->silence_s);
    }
    curl_easy_setopt(x->curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(x->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(x->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(x->curl, CURLOPT_XFERINFODATA, x);
}

static void set_transport(const struct http *h, const struct exchange *x)
{
    curl_easy_setopt(x->curl, CURLOPT_URL, x->request->url);
    curl_easy_setopt(x->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(x->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* A store that does not answer "Expect" would cost a second for each part. An empty header, which is libcurl's other way to do
     * without, would be signed, but not sent. */
    curl_easy_setopt(x->curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    curl_easy_setopt(x->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(x->curl, CURLOPT_USERAGENT, "mbe/" MBE_VERSION);
    curl_easy_setopt(x->curl, CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER);
    curl_easy_setopt(x->curl, CURLOPT_UPLOAD_BUFFERSIZE, (long)TRANSFER_BUFFER);
    curl_easy_setopt(x->curl, CURLOPT_FRESH_CONNECT, (long)x->request->needs_new_connection);
    if (h->ca_file)
        curl_easy_setopt(x->curl, CURLOPT_CAINFO, h->ca_file);
    if (h->is_direct)
        curl_easy_setopt(x->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(x->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(x->curl, CURLOPT_HEADERDATA, x);
}

/* Failures of the way there and back; what is wrong with certificates, names of options and the like stays wrong. */
static bool is_transient(CURLcode rc)
{
    switch (rc) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return true;
    default:
        return false;
    }
}

static struct err *perform(struct exchange *x)
{
    char said[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, said);
    const CURLcode rc = curl_easy_perform(x->curl);
    curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->answer->status);
    if (!rc)
        return NULL;
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return err_first(check_wanted(x->request),
                         err_make(FAILED, "libcurl: %s", curl_easy_strerror(rc)));
    if (x->too_long)
        return err_make(FAILED, "the store answered with more than %zu bytes", x->request->cap);
    x->answer->is_transient = is_transient(rc);
    return err_make(IO, "%s", *said ? said : curl_easy_strerror(rc));
}

struct err *http_send(struct http *h, const struct http_request *request,
                      struct http_answer *answer)
{
    *answer = (struct http_answer){0};
    struct exchange x = {.request = request, .answer = answer, .curl = take_handle(h)};
    if (!x.curl)
        return err_make(FAILED, "libcurl: cannot make a handle");
    struct err *e = check_wanted(request);
    if (!e) {
        set_transport(h, &x);
        set_bounds(h, &x);
        set_method(&x);
        e = set_headers(&x);
    }
    if (!e)
        e = perform(&x);
    put_handle(h, x.curl);
    curl_slist_free_all(x.headers);
    return e;
}

void http_answer_fini(struct http_answer *a)
{
    free(a->error_body);
    *a = (struct http_answer){0};
}
