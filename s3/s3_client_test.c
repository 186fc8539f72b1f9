/* s3/s3_client_test.c: what is asked of a store, and what becomes of its answers, the odd and the failed ones above all. The store is a
 * script: one answer for each request, in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/cleanup.h"
#include "base/signals.h"
#include "s3/store_test_util.h"

#define XML_ERROR(code) "<Error><Code>" code "</Code><Message>why " code "</Message></Error>"
#define INITIATED \
    "<InitiateMultipartUploadResult><UploadId>up</UploadId></InitiateMultipartUploadResult>"
#define COMPLETED \
    "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"

enum { STEPS_MAX = 16, CUT = -1 /* for a status: the connection is closed instead of an answer */ };

struct step {
    int status;
    const char *body, *headers;
};

struct script {
    struct store_test store;
    const struct step *steps; /* the first without a status ends them */
    int n_requests;
    char requests[STEPS_MAX][STORE_HEAD_MAX];
    char bodies[STEPS_MAX][1024];
    int connections[STEPS_MAX];
};

static bool answer_next(struct store_test *t, const struct store_request *r, int fd)
{
    struct script *s = t->ctx;
    const struct step *step = &s->steps[s->n_requests];
    if (!step->status) {
        store_answer_text(fd, 418, "", XML_ERROR("TooManyRequests"));
        return false;
    }
    strcpy(s->requests[s->n_requests], r->head);
    snprintf(s->bodies[s->n_requests], sizeof *s->bodies, "%s", r->body);
    s->connections[s->n_requests] = fd;
    s->n_requests++;
    if (step->status == CUT)
        return false;
    const bool is_head = !strcmp(r->method, "HEAD");
    if (is_head) {
        AUTO_FREE char *head = mem_printf("HTTP/1.1 %d x\r\n%s\r\n", step->status, step->headers);
        store_write(fd, head, strlen(head));
    } else {
        store_answer_text(fd, step->status, step->headers ? step->headers : "",
                          step->body ? step->body : "");
    }
    return true;
}

/* *state is a script whose steps the test sets. */
static int start_script(void **state)
{
    struct script *s = mem_zalloc(sizeof *s);
    s->store.answer = answer_next;
    s->store.ctx = s;
    store_start(&s->store);
    *state = s;
    return 0;
}

static int stop_script(void **state)
{
    struct script *s = *state;
    store_stop(&s->store);
    free(s);
    return 0;
}

static struct s3_client *play(struct script *s, const struct step *steps)
{
    s->steps = steps;
    s->n_requests = 0;
    return store_client(&s->store, NULL);
}

static bool asked(const struct script *s, int i, const char *text)
{
    return strstr(s->requests[i], text) != NULL;
}

static void requests_are_signed_with_the_hash_of_their_body(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {{200, "", NULL}, {0}};
    AUTO(s3_client) c = play(s, steps);
    assert_null(s3_put(c, "db 1/\xc3\xbc", "abc", 3));
    assert_true(asked(s, 0, "PUT /buck/db%201/%C3%BC HTTP/1.1\r\n"));
    assert_string_equal(s->bodies[0], "abc");
    assert_true(asked(s, 0,
                      "x-amz-content-sha256: "
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n"));
    assert_true(asked(s, 0, "AWS4-HMAC-SHA256 Credential=TESTER/"));
    assert_true(asked(s, 0, "/testland-1/s3/aws4_request, SignedHeaders="));
    assert_true(asked(s, 0, "x-amz-content-sha256;"));
    assert_false(asked(s, 0, STORE_SECRET));
    assert_false(asked(s, 0, "expect;")); /* what is not sent is not signed */
    assert_false(asked(s, 0, "object-lock"));
}

static void what_is_retained_says_until_when(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {200, "", NULL}, {200, INITIATED, NULL}, {200, "", "ETag: \"e\"\r\n"}, {0}};
    s->steps = steps;
    AUTO(s3_client) c = store_client(&s->store, "2027-01-31T00:00:00Z");
    AUTO_FREE char *id = NULL;
    AUTO_FREE char *etag = NULL;
    assert_null(s3_put(c, "k", "abc", 3));
    assert_null(s3_upload_begin(c, "k", &id));
    assert_null(s3_upload_part(c, "k", id, 1, "abc", 3, NULL, &etag));
    for (int i = 0; i < 2; i++) {
        assert_true(asked(s, i, "x-amz-object-lock-mode: COMPLIANCE\r\n"));
        assert_true(asked(s, i, "x-amz-object-lock-retain-until-date: 2027-01-31T00:00:00Z\r\n"));
    }
    assert_false(asked(s, 2, "object-lock")); /* it is said when the upload begins */
    assert_true(asked(s, 0, "Content-MD5: kAFQmDzST7DWlj99KOF/cg==\r\n"));
    assert_true(asked(s, 2, "Content-MD5: kAFQmDzST7DWlj99KOF/cg==\r\n"));
}

static void times_have_one_form(void **state)
{
    static const char *const bad[] = {"",
                                      "2027-01-31",
                                      "2027-01-31T00:00:00",
                                      "tomorrow",
                                      "2027-01-31T00:00:00Z ",
                                      "2027-1-31T00:00:00Z",
                                      "2027-13-31T00:00:00Z"};
    (void)state;
    assert_null(s3_check_time("2027-01-31T23:59:59Z"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        AUTO_FREE char *expected =
            mem_printf("\"%s\" is no time such as 2027-01-31T00:00:00Z", bad[i]);
        struct err *e = s3_check_time(bad[i]);
        assert_non_null(e);
        assert_int_equal(e->kind, ERR_USAGE);
        assert_string_equal(e->message, expected);
        err_free(e);
    }
}

static void a_session_token_is_signed_too(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {{204, "", NULL}, {0}};
    s3_client_free(play(s, steps)); /* sets the environment */
    setenv("AWS_SESSION_TOKEN", "token123", 1);
    struct s3_client *c;
    const struct s3_settings settings = {
        .endpoint = s->store.endpoint, .path_style = true, .timeout_s = 30};
    setenv("AWS_REGION", "from-env-1", 1);
    assert_null(s3_client_open(&c, &settings, "buck", NULL));
    assert_null(s3_delete(c, "k"));
    s3_client_free(c);
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_REGION");
    assert_true(asked(s, 0, "DELETE /buck/k HTTP/1.1\r\n"));
    assert_true(asked(s, 0, "x-amz-security-token: token123\r\n"));
    assert_true(asked(s, 0, ";x-amz-security-token"));
    assert_true(asked(s, 0, "/from-env-1/s3/"));
}

/* The metadata's answers come from the same server, by another variable. */
static void metadata_are_asked_when_there_is_nothing_else(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {200, "TOKEN", NULL},
        {200, "role\n", NULL},
        {200,
         "{\"AccessKeyId\": \"ROLE\", \"SecretAccessKey\": \"S\", \"Token\": \"T\", "
         "\"Expiration\": \"2099-01-01T00:00:00Z\"}",
         NULL},
        {204, "", NULL},
        {0}};
    s3_client_free(play(s, steps)); /* sets the environment */
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_EC2_METADATA_DISABLED");
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    setenv("HOME", "/nonexistent", 1);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s->store.endpoint, 1);
    struct s3_client *c;
    const struct s3_settings settings = {
        .endpoint = s->store.endpoint, .path_style = true, .timeout_s = 30};
    assert_null(s3_client_open(&c, &settings, "buck", NULL));
    assert_null(s3_delete(c, "k"));
    s3_client_free(c);
    unsetenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    assert_true(asked(s, 0, "PUT /latest/api/token HTTP/1.1\r\n"));
    assert_true(asked(s, 0, "X-aws-ec2-metadata-token-ttl-seconds: "));
    assert_true(asked(s, 1, "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"));
    assert_true(asked(s, 1, "X-aws-ec2-metadata-token: TOKEN\r\n"));
    assert_true(asked(s, 2, "GET /latest/meta-data/iam/security-credentials/role HTTP/1.1\r\n"));
    assert_true(asked(s, 3, "Credential=ROLE/"));
    assert_true(asked(s, 3, "x-amz-security-token: T\r\n"));
}

/* Each failure is followed by the answer. */
static void what_may_pass_is_tried_again(void **state)
{
    static const struct step failures[] = {
        {500, "", NULL},
        {503, XML_ERROR("SlowDown"), NULL},
        {429, "<html>busy</html>", NULL},
        {400, XML_ERROR("RequestTimeout"), NULL},
        {CUT, NULL, NULL},
        {200, "short", "Transfer-Encoding: chunked\r\n"}, /* no chunked body: a broken answer */
    };
    struct script *s = *state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const struct step steps[] = {failures[i], {200, "hello", NULL}, {0}};
        AUTO(s3_client) c = play(s, steps);
        char *text;
        size_t len;
        struct err *e = s3_get(c, "k", &text, &len, 100);
        if (e)
            fail_msg("case %zu: %s", i, e->message);
        assert_string_equal(text, "hello");
        assert_int_equal(s->n_requests, 2);
        free(text);
    }
}

static void an_answer_200_can_be_an_error(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {200, XML_ERROR("InternalError"), NULL}, {200, COMPLETED, NULL}, {0}};
    static const struct step final[] = {{200, XML_ERROR("InvalidPart"), NULL}, {0}};
    char *const etags[] = {(char[]){"\"e\""}};
    AUTO(s3_client) c = play(s, steps);
    assert_null(s3_upload_complete(c, "k", "up", etags, 1, 5));
    assert_int_equal(s->n_requests, 2);
    assert_true(asked(s, 1, "POST /buck/k?uploadId=up HTTP/1.1\r\n"));
    assert_true(asked(s, 1, "If-None-Match: *\r\n"));
    assert_non_null(strstr(s->bodies[1], "<PartNumber>1</PartNumber><ETag>\"e\"</ETag>"));
    AUTO(s3_client) d = play(s, final);
    struct err *e = s3_upload_complete(d, "k", "up", etags, 1, 5);
    assert_non_null(e);
    assert_string_equal(e->message,
                        "s3://buck/k: POST: HTTP status 200, InvalidPart: why InvalidPart");
    err_free(e);
}

/* The store did it and the answer was lost: the upload is gone then, and the object is there. */
static void a_completion_whose_answer_was_lost_is_found_done(void **state)
{
    struct script *s = *state;
    static const struct step same[] = {{CUT, NULL, NULL},
                                       {404, XML_ERROR("NoSuchUpload"), NULL},
                                       {200, NULL, "Content-Length: 5\r\n"},
                                       {0}};
    static const struct step other[] = {{CUT, NULL, NULL},
                                        {412, XML_ERROR("PreconditionFailed"), NULL},
                                        {200, NULL, "Content-Length: 6\r\n"},
                                        {0}};
    static const struct step first[] = {
        {404, XML_ERROR("NoSuchUpload"), NULL}, {200, NULL, "Content-Length: 5\r\n"}, {0}};
    static const struct step conflict[] = {{409, XML_ERROR("ConditionalRequestConflict"), NULL},
                                           {404, NULL, ""},
                                           {409, XML_ERROR("ConditionalRequestConflict"), NULL},
                                           {200, NULL, "Content-Length: 5\r\n"},
                                           {0}};
    static const struct step gone[] = {
        {404, XML_ERROR("NoSuchUpload"), NULL}, {404, NULL, ""}, {0}};
    char *const etags[] = {(char[]){"\"e\""}};
    AUTO(s3_client) c = play(s, same);
    assert_null(s3_upload_complete(c, "k", "up", etags, 1, 5));
    assert_int_equal(s->n_requests, 3);
    AUTO(s3_client) d = play(s, other);
    struct err *e = s3_upload_complete(d, "k", "up", etags, 1, 5);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_REFUSED);
    assert_string_equal(
        e->message,
        "s3://buck/k: POST: HTTP status 412, PreconditionFailed: why PreconditionFailed");
    err_free(e);
    AUTO(s3_client) f = play(s, first); /* a repetition by what is between us and the store */
    assert_null(s3_upload_complete(f, "k", "up", etags, 1, 5));
    assert_int_equal(s->n_requests, 2);
    AUTO(s3_client) g = play(s, conflict);
    assert_null(s3_upload_complete(g, "k", "up", etags, 1, 5));
    assert_int_equal(s->n_requests, 4);
    AUTO(s3_client) h = play(s, gone);
    e = s3_upload_complete(h, "k", "up", etags, 1, 5);
    assert_non_null(e);
    assert_string_equal(e->message,
                        "s3://buck/k: POST: HTTP status 404, NoSuchUpload: why NoSuchUpload");
    err_free(e);
}

/* Its answers are cut off, or a machine between us and the store has eaten them. */
static void a_completion_is_done_only_when_the_answer_says_so(void **state)
{
    static const char *const bodies[] = {"", "   ", "<?xml version=\"1.0\"?>\n ",
                                         "<CompleteMultipartUploadResult><ETag>\"e\"</ETag>",
                                         "<html/>"};
    struct script *s = *state;
    char *const etags[] = {(char[]){"\"e\""}};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        const struct step done[] = {
            {200, bodies[i], NULL}, {200, NULL, "Content-Length: 5\r\n"}, {0}};
        const struct step again[] = {
            {200, bodies[i], NULL}, {404, NULL, ""}, {200, "\n" COMPLETED, NULL}, {0}};
        const struct step refused[] = {
            {200, bodies[i], NULL}, {404, NULL, ""}, {400, XML_ERROR("InvalidPart"), NULL}, {0}};
        AUTO(s3_client) c = play(s, done);
        assert_null(s3_upload_complete(c, "k", "up", etags, 1, 5));
        assert_int_equal(s->n_requests, 2);
        assert_true(asked(s, 1, "HEAD /buck/k HTTP/1.1\r\n"));
        AUTO(s3_client) d = play(s, again);
        assert_null(s3_upload_complete(d, "k", "up", etags, 1, 5));
        assert_int_equal(s->n_requests, 3);
        AUTO(s3_client) f = play(s, refused);
        struct err *e = s3_upload_complete(f, "k", "up", etags, 1, 5);
        assert_non_null(e);
        assert_string_equal(e->message,
                            "s3://buck/k: POST: HTTP status 400, InvalidPart: why InvalidPart");
        err_free(e);
    }
}

/* On a connection that was used before libcurl would send it twice, unseen. */
static void a_completion_has_a_new_connection(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {{200, INITIATED, NULL},
                                        {204, "", NULL},
                                        {CUT, NULL, NULL},
                                        {404, XML_ERROR("NoSuchUpload"), NULL},
                                        {200, NULL, "Content-Length: 5\r\n"},
                                        {0}};
    char *const etags[] = {(char[]){"\"e\""}};
    AUTO(s3_client) c = play(s, steps);
    AUTO_FREE char *id = NULL;
    assert_null(s3_upload_begin(c, "k", &id));
    assert_null(s3_delete(c, "other"));
    assert_int_equal(s->connections[0], s->connections[1]);
    assert_null(s3_upload_complete(c, "k", "up", etags, 1, 5));
    assert_int_equal(s->n_requests, 5);
    assert_int_not_equal(s->connections[1], s->connections[2]);
}

/* By the user, while the store completes it. */
static bool answer_nothing_and_stop(struct store_test *t, const struct store_request *r, int fd)
{
    if (!strcmp(r->method, "POST")) {
        signals_stop = SIGTERM;
        return true;
    }
    return answer_next(t, r, fd);
}

static void an_interrupted_completion_is_found_done(void **state)
{
    struct script *s = *state;
    static const struct step done[] = {{200, NULL, "Content-Length: 5\r\n"}, {0}};
    static const struct step not_done[] = {{404, NULL, ""}, {0}};
    char *const etags[] = {(char[]){"\"e\""}};
    s->store.answer = answer_nothing_and_stop;
    AUTO(s3_client) c = play(s, done);
    struct err *e = s3_upload_complete(c, "k", "up", etags, 1, 5);
    signals_stop = 0;
    assert_null(e);
    AUTO(s3_client) d = play(s, not_done);
    e = s3_upload_complete(d, "k", "up", etags, 1, 5);
    signals_stop = 0;
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_INTERRUPTED);
    err_free(e);
}

static void a_store_without_conditions_is_asked_without_one(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {501, XML_ERROR("NotImplemented"), NULL}, {200, COMPLETED, NULL}, {0}};
    char *const etags[] = {(char[]){"\"e\""}};
    AUTO(s3_client) c = play(s, steps);
    assert_null(s3_upload_complete(c, "k", "up", etags, 1, 5));
    assert_true(asked(s, 0, "If-None-Match: *\r\n"));
    assert_false(asked(s, 1, "If-None-Match"));
}

static void other_errors_are_one_line_at_once(void **state)
{
    static const struct {
        struct step step;
        enum err_kind kind;
        const char *message, *hint;
    } cases[] = {
        {{403, XML_ERROR("AccessDenied"), NULL},
         ERR_REFUSED,
         "s3://buck/k: PUT: HTTP status 403, AccessDenied: why AccessDenied",
         NULL},
        {{404, XML_ERROR("NoSuchBucket"), NULL},
         ERR_FAILED,
         "s3://buck/k: PUT: HTTP status 404, NoSuchBucket: why NoSuchBucket",
         NULL},
        {{400,
          "<Error><Code>AuthorizationHeaderMalformed</Code><Message>a\nb</Message>"
          "<Region>eu-west-1</Region></Error>",
          NULL},
         ERR_FAILED,
         "s3://buck/k: PUT: HTTP status 400, AuthorizationHeaderMalformed: a b",
         "The bucket is in another region: --s3-region=eu-west-1."},
        {{301, "", "x-amz-bucket-region: eu-west-2\r\n"},
         ERR_FAILED,
         "s3://buck/k: PUT: HTTP status 301",
         "The bucket is in another region: --s3-region=eu-west-2."},
        {{307, XML_ERROR("TemporaryRedirect"), NULL},
         ERR_FAILED,
         "s3://buck/k: PUT: HTTP status 307, TemporaryRedirect: why TemporaryRedirect",
         "The bucket is elsewhere: see --s3-region and --s3-endpoint."},
        {{418, "<html>", NULL}, ERR_FAILED, "s3://buck/k: PUT: HTTP status 418", NULL},
    };
    struct script *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct step steps[] = {cases[i].step, {0}};
        AUTO(s3_client) c = play(s, steps);
        struct err *e = s3_put(c, "k", "abc", 3);
        assert_non_null(e);
        assert_string_equal(e->message, cases[i].message);
        assert_int_equal(e->kind, cases[i].kind);
        if (cases[i].hint)
            assert_string_equal(e->hint, cases[i].hint);
        else
            assert_null(e->hint);
        assert_int_equal(s->n_requests, 1);
        err_free(e);
    }
}

/* An abort is a cleanup: it is not tried for long. */
static void what_does_not_pass_is_given_up(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {{503, XML_ERROR("SlowDown"), NULL},
                                        {500, "", NULL},
                                        {503, XML_ERROR("SlowDown"), NULL},
                                        {0}};
    AUTO(s3_client) c = play(s, steps);
    struct err *e = s3_upload_abort(c, "k", "up");
    assert_non_null(e);
    assert_string_equal(e->message,
                        "s3://buck/k: attempt 3, the last one: DELETE: HTTP status 503, "
                        "SlowDown: why SlowDown");
    assert_int_equal(s->n_requests, 3);
    err_free(e);
}

static void what_is_not_there_is_no_error_where_it_may_be(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {{404, XML_ERROR("NoSuchKey"), NULL},
                                        {404, NULL, ""},
                                        {404, "", NULL},
                                        {404, XML_ERROR("NoSuchKey"), NULL},
                                        {404, XML_ERROR("NoSuchBucket"), NULL},
                                        {0}};
    AUTO(s3_client) c = play(s, steps);
    char *text;
    size_t len;
    bool found;
    uint64_t size;
    char buf[8];
    assert_null(s3_get(c, "k", &text, &len, 100));
    assert_null(text);
    assert_null(s3_head(c, "k", &found, &size));
    assert_false(found);
    assert_null(s3_delete(c, "k"));
    struct err *e = s3_get_range(c, "k", 0, buf, sizeof buf);
    assert_non_null(e);
    assert_int_equal(e->os_errno, ENOENT);
    err_free(e);
    e = s3_get(c, "k", &text, &len, 100);
    assert_non_null(e);
    assert_string_equal(e->message,
                        "s3://buck/k: GET: HTTP status 404, NoSuchBucket: why NoSuchBucket");
    err_free(e);
}

static void a_range_is_all_that_was_asked_for(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {206, "56789", NULL}, {206, "567", NULL}, {200, "0123456789", NULL}, {0}};
    AUTO(s3_client) c = play(s, steps);
    char buf[5];
    assert_null(s3_get_range(c, "k", UINT64_C(5000000000), buf, sizeof buf));
    assert_memory_equal(buf, "56789", 5);
    assert_true(asked(s, 0, "Range: bytes=5000000000-5000000004\r\n"));
    struct err *e = s3_get_range(c, "k", 5, buf, sizeof buf);
    assert_non_null(e);
    assert_int_equal(e->kind, ERR_CORRUPT);
    assert_string_equal(e->message, "s3://buck/k: 5 bytes at 5 expected, 3 found");
    err_free(e);
    e = s3_get_range(c, "k", 5, buf, sizeof buf); /* a store that does not know ranges */
    assert_non_null(e);
    assert_string_equal(e->message, "s3://buck/k: GET: the store answered with more than 5 bytes");
    err_free(e);
}

static void a_list_is_asked_for_to_its_end(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {200,
         "<ListBucketResult><Contents><Key>p/a</Key><Size>1</Size></Contents>"
         "<IsTruncated>true</IsTruncated><NextContinuationToken>t/+=</NextContinuationToken>"
         "</ListBucketResult>",
         NULL},
        {200,
         "<ListBucketResult><Contents><Key>p/b</Key><Size>2</Size></Contents></ListBucketResult>",
         NULL},
        {0}};
    AUTO(s3_client) c = play(s, steps);
    struct s3_listing l;
    assert_null(s3_list(c, "p/", &l));
    assert_int_equal(l.n_objects, 2);
    assert_string_equal(l.objects[1].key, "p/b");
    s3_listing_fini(&l);
    assert_true(asked(s, 0, "GET /buck/?list-type=2&prefix=p%2F HTTP/1.1\r\n"));
    assert_true(asked(s, 1,
                      "GET /buck/?continuation-token=t%2F%2B%3D&list-type=2"
                      "&prefix=p%2F HTTP/1.1\r\n"));
}

static void a_list_of_uploads_is_asked_for_to_its_end(void **state)
{
    struct script *s = *state;
    static const struct step steps[] = {
        {200,
         "<ListMultipartUploadsResult><Upload><Key>p/a</Key><UploadId>1</UploadId></Upload>"
         "<IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker>"
         "<NextUploadIdMarker>1</NextUploadIdMarker></ListMultipartUploadsResult>",
         NULL},
        {200,
         "<ListMultipartUploadsResult><Upload><Key>p/a</Key><UploadId>2</UploadId></Upload>"
         "</ListMultipartUploadsResult>",
         NULL},
        {0}};
    AUTO(s3_client) c = play(s, steps);
    struct s3_uploads u;
    assert_null(s3_upload_list(c, "p/", &u));
    assert_int_equal(u.n, 2);
    s3_uploads_fini(&u);
    assert_true(asked(s, 0, "GET /buck/?prefix=p%2F&uploads= HTTP/1.1\r\n"));
    assert_true(asked(s, 1,
                      "GET /buck/?key-marker=p%2Fa&prefix=p%2F&upload-id-marker=1&uploads= "
                      "HTTP/1.1\r\n"));
}

/* The second answer says to go on where the first one said so. */
static void a_list_that_goes_round_has_no_end(void **state)
{
    static const char list[] = "<ListBucketResult><IsTruncated>true</IsTruncated>"
                               "<NextContinuationToken>t</NextContinuationToken>"
                               "</ListBucketResult>",
                      uploads[] = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>"
                                  "<NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>1"
                                  "</NextUploadIdMarker></ListMultipartUploadsResult>";
    struct script *s = *state;
    for (int i = 0; i < 2; i++) {
        const char *body = i ? uploads : list;
        const struct step steps[] = {{200, body, NULL}, {200, body, NULL}, {0}};
        AUTO(s3_client) c = play(s, steps);
        struct s3_listing l = {0};
        struct s3_uploads u = {0};
        struct err *e = i ? s3_upload_list(c, "p/", &u) : s3_list(c, "p/", &l);
        s3_listing_fini(&l);
        s3_uploads_fini(&u);
        assert_non_null(e);
        assert_string_equal(e->message, "s3://buck/p/: a listing without an end came");
        err_free(e);
        assert_int_equal(s->n_requests, 2);
    }
}

static void a_part_without_a_tag_is_refused(void **state)
{
    static const char *const tags[] = {"", "ETag: <x>\r\n"};
    struct script *s = *state;
    for (size_t i = 0; i < 2; i++) {
        const struct step steps[] = {{200, "", tags[i]}, {0}};
        AUTO(s3_client) c = play(s, steps);
        char *etag;
        struct err *e = s3_upload_part(c, "k", "up", 7, "abc", 3, NULL, &etag);
        assert_non_null(e);
        assert_string_equal(e->message,
                            "s3://buck/k: part 7: the store's answer has no entity tag");
        assert_null(etag);
        assert_true(asked(s, 0, "PUT /buck/k?partNumber=7&uploadId=up HTTP/1.1\r\n"));
        err_free(e);
    }
}

#define SCRIPTED(test) cmocka_unit_test_setup_teardown(test, start_script, stop_script)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPTED(requests_are_signed_with_the_hash_of_their_body),
        SCRIPTED(what_is_retained_says_until_when),
        cmocka_unit_test(times_have_one_form),
        SCRIPTED(a_session_token_is_signed_too),
        SCRIPTED(metadata_are_asked_when_there_is_nothing_else),
        SCRIPTED(what_may_pass_is_tried_again),
        SCRIPTED(an_answer_200_can_be_an_error),
        SCRIPTED(a_completion_whose_answer_was_lost_is_found_done),
        SCRIPTED(a_completion_is_done_only_when_the_answer_says_so),
        SCRIPTED(a_completion_has_a_new_connection),
        SCRIPTED(an_interrupted_completion_is_found_done),
        SCRIPTED(a_store_without_conditions_is_asked_without_one),
        SCRIPTED(other_errors_are_one_line_at_once),
        SCRIPTED(what_does_not_pass_is_given_up),
        SCRIPTED(what_is_not_there_is_no_error_where_it_may_be),
        SCRIPTED(a_range_is_all_that_was_asked_for),
        SCRIPTED(a_list_is_asked_for_to_its_end),
        SCRIPTED(a_list_of_uploads_is_asked_for_to_its_end),
        SCRIPTED(a_list_that_goes_round_has_no_end),
        SCRIPTED(a_part_without_a_tag_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
