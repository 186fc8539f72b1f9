/* s3/s3_client.c: see s3_client.h. */
#include "s3/s3_client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"
#include "base/text.h"
#include "s3/credentials.h"
#include "s3/http.h"
#include "s3/retry.h"
#include "s3/s3_url.h"

enum {
    DEADLINE_S = 120,    /* of a request without a body to speak of */
    RATE_MIN = 16 << 10, /* bytes a second: a slower transfer is not waited for */
    CLEANUP_DEADLINE_S = 20,
    CLEANUP_ATTEMPTS = 3,
    COMPLETE_DEADLINE_S =
        1200,             /* a store may put large parts together for minutes, and say nothing */
    ANSWER_MAX = 4 << 20, /* 1000 names of 1024 bytes, and what is around them */
    WAIT_SLICE_MS = 100,
    LINE_MAX_ = 256,
    LIST_MAX = 1 << 22, /* names and answers of one listing: a store may go on for ever */
};

struct s3_client {
    struct http *http;
    struct credentials *credentials;
    char *base; /* of URLs: what stands before a key's / */
    char *bucket, *region, *retain_until;
    bool has_bucket_in_host, has_own_endpoint;
    struct log *log;
};

/* One question, however often it is sent. */
struct call {
    const char *method, *key;
    const char *headers[HTTP_HEADERS_MAX];
    const struct s3_query *query;
    size_t n_query;
    const void *body;
    size_t body_len;
    void *into;
    size_t cap;
    unsigned deadline_s; /* 0: by the number of bytes */
    bool writes;         /* an object that is to be kept */
    bool needs_md5;
    bool completes;  /* an upload: slow, not repeated unseen, and status 200 may be an error */
    bool is_cleanup; /* done although we were asked to stop, but not for long */
    const atomic_bool *given_up; /* see http_request */
    long accepted;               /* another status that is no error, or 0 */
    /* for the caller, of the last attempt: */
    int attempts;
    char code[LINE_MAX_]; /* S3's, of the error */
    bool is_unclear;      /* what completes: it may be done; if not, it is to be tried again */
};

/* ---- opening ---- */

struct err *s3_check_time(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!end || *end || strlen(text) != strlen("2027-01-31T00:00:00Z"))
        return err_make(USAGE, "\"%s\" is no time such as 2027-01-31T00:00:00Z", text);
    return NULL;
}

static const char *region_of(const struct s3_settings *s)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION"};
    const char *region = s->region;
    for (size_t i = 0; i < 2 && !(region && *region); i++)
        region = getenv(names[i]);
    return region && *region ? region : "us-east-1";
}

struct err *s3_client_open(struct s3_client **out, const struct s3_settings *settings,
                           const char *bucket, struct log *log)
{
    AUTO(s3_client) c = mem_zalloc(sizeof *c);
    const struct http_settings http = {.ca_file = settings->ca_file,
                                       .silence_s = settings->timeout_s};
    c->log = log;
    c->bucket = mem_strdup(bucket);
    c->region = mem_strdup(region_of(settings));
    c->retain_until = settings->retain_until ? mem_strdup(settings->retain_until) : NULL;
    c->has_bucket_in_host = !settings->path_style;
    c->has_own_endpoint = settings->endpoint != NULL;
    if (strspn(c->region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(c->region))
        return err_make(USAGE, "--s3-region: \"%s\" is no name of a region", c->region);
    TRY(s3_url_base(&c->base, settings->endpoint, c->region, bucket, settings->path_style));
    TRY(http_open(&c->http, &http));
    TRY(credentials_open(&c->credentials));
    *out = c;
    c = NULL;
    return NULL;
}

void s3_client_free(struct s3_client *c)
{
    if (!c)
        return;
    credentials_free(c->credentials);
    http_free(c->http);
    free(c->base);
    free(c->bucket);
    free(c->region);
    free(c->retain_until);
    free(c);
}

char *s3_client_name(const struct s3_client *c, const char *key)
{
    return mem_printf("s3://%s/%s", c->bucket, key);
}

/* ---- one question ---- */

static unsigned deadline_of(const struct call *k)
{
    return k->deadline_s ? k->deadline_s
                         : DEADLINE_S + (unsigned)((k->body_len + k->cap) / RATE_MIN);
}

static void add_header(struct http_request *r, const char *line)
{
    size_t i = 0;
    while (i < HTTP_HEADERS_MAX - 1 && r->headers[i])
        i++;
    r->headers[i] = line;
}

/* Sends it once. */
static struct err *send_once(struct s3_client *c, const struct call *k, struct http_answer *a)
{
    AUTO_FREE char *path = s3_url_encode_path(k->key);
    AUTO_FREE char *query = s3_url_query(k->query, k->n_query);
    AUTO_FREE char *url = mem_printf("%s/%s%s", c->base, path, query);
    AUTO_FREE char *until = mem_printf("x-amz-object-lock-retain-until-date: %s",
                                       c->retain_until ? c->retain_until : "");
    struct s3_keys keys;
    *a = (struct http_answer){0};
    TRY(credentials_get(c->credentials, &keys));
    const struct http_signer signer = {c->region, keys.access_key, keys.secret_key, keys.token};
    struct http_request r = {
        .method = k->method,
        .url = url,
        .body = k->body,
        .body_len = k->body_len,
        .needs_md5 = c->retain_until && k->needs_md5,
        .signer = &signer,
        .deadline_s = deadline_of(k),
        .may_be_silent = k->completes,
        .needs_new_connection = k->completes,
        .given_up = k->given_up,
        .ignores_stop = k->is_cleanup,
        .into = k->into,
        .cap = k->cap,
    };
    memcpy(r.headers, k->headers, sizeof r.headers);
    if (k->writes && c->retain_until) {
        add_header(&r, "x-amz-object-lock-mode: COMPLIANCE");
        add_header(&r, until);
    }
    struct err *e = http_send(c->http, &r, a);
    s3_keys_fini(&keys);
    return e;
}

/* What the store said, with what a user can do about it. */
static struct err *store_error(const struct s3_client *c, const struct call *k,
                               const struct http_answer *a, const struct s3_error *said)
{
    const char *region = *said->region ? said->region : a->region;
    struct err *e =
        err_new(a->status == 403 ? ERR_REFUSED : ERR_FAILED, __FILE__, __LINE__,
                "%s: HTTP status %ld%s%s%s%s", k->method, a->status, *said->code ? ", " : "",
                said->code, *said->message ? ": " : "", said->message);
    if (*region && strcmp(region, c->region)) {
        AUTO_FREE char *clean = text_one_line(region);
        return err_hint(e, "The bucket is in another region: --s3-region=%s.", clean);
    }
    if (a->status == 301 || a->status == 307)
        return err_hint(e, "The bucket is elsewhere: see --s3-region and --s3-endpoint.");
    return e;
}

/* NULL: this is the answer. *again: it may go well another time. */
static struct err *judge(const struct s3_client *c, struct call *k, const struct http_answer *a,
                         bool *again)
{
    const bool good = a->status >= 200 && a->status < 300;
    struct s3_error said;
    bool found;
    *again = false;
    if (good && (!k->completes || s3_xml_is_completed(k->into, a->len)))
        return NULL;
    s3_xml_error(&said, &found,
                 good            ? k->into
                 : a->error_body ? a->error_body
                                 : "",
                 good ? a->len : a->error_len);
    struct err *e = NULL;
    const bool accepted = a->status == k->accepted && strcmp(said.code, "NoSuchBucket");
    if (good && !found) {
        k->is_unclear = true;
        e = err_make(FAILED, "%s: HTTP status %ld, and no word that it is done", k->method,
                     a->status);
    } else if (!accepted) {
        snprintf(k->code, sizeof k->code, "%s", said.code);
        k->is_unclear = k->completes && !strcmp(said.code, "ConditionalRequestConflict");
        *again = retry_is_transient(a->status, said.code);
        e = store_error(c, k, a, &said);
    }
    s3_error_fini(&said);
    return e;
}

static struct err *transport_error(const struct s3_client *c, const struct call *k, struct err *e)
{
    e = err_wrap(e, "%s", k->method);
    if (c->has_bucket_in_host && c->has_own_endpoint)
        return err_hint(e, "Stores other than that of AWS often need --s3-path-style.");
    return e;
}

/* After the failed attempt `attempt`. */
static struct err *wait_after(const struct call *k, int attempt)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, 0); /* without it the wait is the shortest one */
    for (unsigned left = retry_wait_ms(attempt, random); left;) {
        const unsigned slice = left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS;
        if (!k->is_cleanup)
            TRY(signals_check());
        if (k->given_up && *k->given_up)
            return err_make(INTERRUPTED, "given up");
        clock_sleep_ms(slice);
        left -= slice;
    }
    return NULL;
}

/* The answer is to be released, after an error too. */
static struct err *ask(struct s3_client *c, struct call *k, struct http_answer *a)
{
    AUTO_FREE char *name = s3_client_name(c, k->key);
    const int attempts_max = k->is_cleanup ? CLEANUP_ATTEMPTS : RETRY_ATTEMPTS;
    for (k->attempts = 1;; k->attempts++) {
        bool again;
        k->code[0] = '\0';
        k->is_unclear = false;
        struct err *e = send_once(c, k, a);
        if (e && e->kind == ERR_INTERRUPTED)
            return e;
        if (e) {
            again = a->is_transient;
            e = transport_error(c, k, e);
        } else {
            e = judge(c, k, a, &again);
        }
        if (!e)
            return NULL;
        if (!again || k->attempts == attempts_max)
            return again ? err_wrap(e, "%s: attempt %d, the last one", name, k->attempts)
                         : err_wrap(e, "%s", name);
        log_info(c->log, "s3", "%s: attempt %d of %d: %s", name, k->attempts, attempts_max,
                 e->message);
        err_free(e);
        http_answer_fini(a);
        TRY(wait_after(k, k->attempts));
    }
}

/* For those who want nothing of the answer. */
static struct err *tell(struct s3_client *c, struct call *k)
{
    struct http_answer a;
    struct err *e = ask(c, k, &a);
    http_answer_fini(&a);
    return e;
}

/* As tell; *text (owned by caller, also after an error; NUL-terminated) is the answer. */
static struct err *ask_text(struct s3_client *c, struct call *k, char **text, size_t *len)
{
    struct http_answer a;
    *text = mem_alloc(ANSWER_MAX + 1);
    k->into = *text;
    k->cap = ANSWER_MAX;
    struct err *e = ask(c, k, &a);
    *len = a.len;
    (*text)[a.len] = '\0';
    http_answer_fini(&a);
    return e;
}

/* ---- objects ---- */

struct err *s3_put(struct s3_client *c, const char *key, const void *data, size_t n)
{
    struct call k = {.method = "PUT",
                     .key = key,
                     .body = data,
                     .body_len = n,
                     .writes = true,
                     .needs_md5 = true};
    return tell(c, &k);
}

struct err *s3_get(struct s3_client *c, const char *key, char **text, size_t *len, size_t max)
{
    struct http_answer a;
    char *buf = mem_alloc(max + 1);
    struct call k = {.method = "GET", .key = key, .into = buf, .cap = max, .accepted = 404};
    struct err *e = ask(c, &k, &a);
    const bool absent = !e && a.status == 404;
    *len = a.len;
    buf[a.len] = '\0';
    *text = e || absent ? NULL : buf;
    if (!*text)
        free(buf);
    http_answer_fini(&a);
    return e;
}

struct err *s3_get_range(struct s3_client *c, const char *key, uint64_t offset, void *buf, size_t n)
{
    char range[LINE_MAX_];
    struct http_answer a;
    snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, offset, offset + n - 1);
    struct call k = {
        .method = "GET", .key = key, .headers = {range}, .into = buf, .cap = n, .accepted = 404};
    struct err *e = ask(c, &k, &a);
    const bool absent = !e && a.status == 404;
    const size_t got = a.len;
    http_answer_fini(&a);
    if (e || (!absent && got == n))
        return e;
    AUTO_FREE char *name = s3_client_name(c, key);
    if (absent)
        return err_new_os(ENOENT, __FILE__, __LINE__, "%s: cannot read", name);
    return err_make(CORRUPT, "%s: %zu bytes at %" PRIu64 " expected, %zu found", name, n, offset,
                    got);
}

static struct err *head(struct s3_client *c, struct call *k, bool *found, uint64_t *size)
{
    struct http_answer a;
    struct err *e = ask(c, k, &a);
    *found = !e && a.status != 404;
    *size = *found ? a.content_length : 0;
    http_answer_fini(&a);
    return e;
}

struct err *s3_head(struct s3_client *c, const char *key, bool *found, uint64_t *size)
{
    struct call k = {.method = "HEAD", .key = key, .accepted = 404};
    return head(c, &k, found, size);
}

struct err *s3_delete(struct s3_client *c, const char *key)
{
    struct call k = {.method = "DELETE", .key = key, .accepted = 404};
    return tell(c, &k);
}

/* goes_round: the store has said to go on where it said so before. n: what has come so far. */
static struct err *check_ends(const struct s3_client *c, const char *prefix, bool goes_round,
                              size_t n)
{
    AUTO_FREE char *name = s3_client_name(c, prefix);
    return goes_round || n > LIST_MAX ? err_make(FAILED, "%s: a listing without an end came", name)
                                      : NULL;
}

static bool is_same(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static struct err *list_more(struct s3_client *c, const char *prefix, struct s3_listing *out,
                             char **token)
{
    const struct s3_query query[] = {
        {"continuation-token", *token}, {"list-type", "2"}, {"prefix", prefix}};
    struct call k = {.method = "GET", .key = "", .query = query, .n_query = 3};
    AUTO_FREE char *text = NULL;
    size_t len;
    TRY(ask_text(c, &k, &text, &len));
    free(*token);
    *token = NULL;
    return s3_xml_listing(out, token, text, len);
}

struct err *s3_list(struct s3_client *c, const char *prefix, struct s3_listing *out)
{
    AUTO_FREE char *token = NULL;
    size_t answers = 0;
    *out = (struct s3_listing){0};
    do {
        AUTO_FREE char *before = token ? mem_strdup(token) : NULL;
        TRY(list_more(c, prefix, out, &token));
        TRY(check_ends(c, prefix, is_same(before, token), out->n_objects + ++answers));
    } while (token);
    return NULL;
}

/* ---- uploads ---- */

struct err *s3_upload_begin(struct s3_client *c, const char *key, char **id)
{
    const struct s3_query query[] = {{"uploads", ""}};
    struct call k = {
        .method = "POST", .key = key, .query = query, .n_query = 1, .body = "", .writes = true};
    AUTO_FREE char *text = NULL;
    size_t len;
    TRY(ask_text(c, &k, &text, &len));
    AUTO_FREE char *name = s3_client_name(c, key);
    TRY_AT(s3_xml_upload_id(id, text, len), "%s", name);
    return NULL;
}

/* A tag goes into XML as it is. */
static bool is_etag(const char *etag)
{
    return *etag && !strpbrk(etag, "<>&");
}

struct err *s3_upload_part(struct s3_client *c, const char *key, const char *id, unsigned number,
                           const void *data, size_t n, const atomic_bool *given_up, char **etag)
{
    char text[16];
    snprintf(text, sizeof text, "%u", number);
    const struct s3_query query[] = {{"partNumber", text}, {"uploadId", id}};
    struct call k = {.method = "PUT",
                     .key = key,
                     .query = query,
                     .n_query = 2,
                     .body = data,
                     .body_len = n,
                     .needs_md5 = true,
                     .given_up = given_up};
    struct http_answer a;
    struct err *e = ask(c, &k, &a);
    if (!e && !is_etag(a.etag)) {
        AUTO_FREE char *name = s3_client_name(c, key);
        e = err_make(FAILED, "%s: part %u: the store's answer has no entity tag", name, number);
    }
    *etag = e ? NULL : mem_strdup(a.etag);
    http_answer_fini(&a);
    return e;
}

/* An attempt whose answer was lost may have done it, one of a machine between us and the store too: then there is no such upload any more,
 * but the object. */
static bool may_be_done(const struct call *k, const struct err *e)
{
    static const char *const codes[] = {"", "NoSuchUpload", "PreconditionFailed"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(k->code, codes[i]))
            return true;
    return k->is_unclear || k->attempts > 1 || e->kind == ERR_INTERRUPTED;
}

/* NULL when the object is there; else e. */
static struct err *look_if_done(struct s3_client *c, const char *key, uint64_t size, struct err *e)
{
    struct call k = {.method = "HEAD", .key = key, .accepted = 404};
    bool found;
    uint64_t there;
    if (e->kind == ERR_INTERRUPTED) {
        k.is_cleanup = true;
        k.deadline_s = CLEANUP_DEADLINE_S;
    }
    struct err *unknown = head(c, &k, &found, &there);
    const bool done = !unknown && found && there == size;
    err_free(unknown);
    if (!done)
        return e;
    err_free(e);
    return NULL;
}

static struct err *complete(struct s3_client *c, struct call *k, uint64_t size)
{
    for (int round = 1;; round++) {
        AUTO_FREE char *text = NULL;
        size_t len;
        struct err *e = ask_text(c, k, &text, &len);
        if (e && may_be_done(k, e))
            e = look_if_done(c, k->key, size, e);
        if (!e || !k->is_unclear || round == RETRY_ATTEMPTS)
            return e;
        log_info(c->log, "s3", "%s; it is not there: tried again", e->message);
        err_free(e);
        TRY(wait_after(k, round));
    }
}

struct err *s3_upload_complete(struct s3_client *c, const char *key, const char *id,
                               char *const *etags, size_t n, uint64_t size)
{
    const struct s3_query query[] = {{"uploadId", id}};
    AUTO_FREE char *parts = s3_xml_complete(etags, n);
    struct call k = {.method = "POST",
                     .key = key,
                     .headers = {"If-None-Match: *"},
                     .query = query,
                     .n_query = 1,
                     .body = parts,
                     .body_len = strlen(parts),
                     .deadline_s = COMPLETE_DEADLINE_S,
                     .completes = true};
    struct err *e = complete(c, &k, size);
    if (e && !strcmp(k.code, "NotImplemented")) { /* the condition: not every store knows it */
        err_free(e);
        k.headers[0] = NULL;
        e = complete(c, &k, size);
    }
    if (e && !strcmp(k.code, "PreconditionFailed"))
        e->kind = ERR_REFUSED;
    return e;
}

struct err *s3_upload_abort(struct s3_client *c, const char *key, const char *id)
{
    const struct s3_query query[] = {{"uploadId", id}};
    struct call k = {.method = "DELETE",
                     .key = key,
                     .query = query,
                     .n_query = 1,
                     .deadline_s = CLEANUP_DEADLINE_S,
                     .is_cleanup = true,
                     .accepted = 404};
    return tell(c, &k);
}

static struct err *list_uploads(struct s3_client *c, const char *prefix, struct s3_uploads *out,
                                char **key, char **id)
{
    const struct s3_query query[] = {
        {"key-marker", *key}, {"prefix", prefix}, {"upload-id-marker", *id}, {"uploads", ""}};
    struct call k = {.method = "GET", .key = "", .query = query, .n_query = 4};
    AUTO_FREE char *text = NULL;
    size_t len;
    TRY(ask_text(c, &k, &text, &len));
    free(*key);
    free(*id);
    *key = *id = NULL;
    return s3_xml_uploads(out, key, id, text, len);
}

struct err *s3_upload_list(struct s3_client *c, const char *prefix, struct s3_uploads *out)
{
    AUTO_FREE char *key = NULL, *id = NULL;
    size_t answers = 0;
    *out = (struct s3_uploads){0};
    do {
        AUTO_FREE char *key_before = key ? mem_strdup(key) : NULL;
        AUTO_FREE char *id_before = id ? mem_strdup(id) : NULL;
        TRY(list_uploads(c, prefix, out, &key, &id));
        TRY(check_ends(c, prefix, is_same(key_before, key) && is_same(id_before, id),
                       out->n + ++answers));
    } while (key);
    return NULL;
}
