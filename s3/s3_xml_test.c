/* s3/s3_xml_test.c: what is taken of a store's answers, and that nothing is taken of what they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "s3/s3_xml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static void an_error_is_told_by_code_and_message(void **state)
{
    static const char text[] =
        HEAD "<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong\nregion</Message>"
             "<Region>eu-west-1</Region><StringToSign>x</StringToSign></Error>";
    struct s3_error e;
    bool found;
    (void)state;
    s3_xml_error(&e, &found, text, strlen(text));
    assert_true(found);
    assert_string_equal(e.code, "AuthorizationHeaderMalformed");
    assert_string_equal(e.message, "wrong region"); /* on one line */
    assert_string_equal(e.region, "eu-west-1");
    s3_error_fini(&e);
}

static void what_is_no_error_has_none(void **state)
{
    static const char *const texts[] = {
        "",
        "<html><body>502 Bad Gateway</body></html>",
        "<Error><Code>Half",
        "<Error></Error>",
        "<CompleteMultipartUploadResult><ETag>\"a-2\"</ETag></CompleteMultipartUploadResult>",
        "<Outer><Error><Code>Inner</Code></Error></Outer>",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct s3_error e;
        bool found;
        s3_xml_error(&e, &found, texts[i], strlen(texts[i]));
        assert_false(found);
        assert_string_equal(e.code, "");
        assert_string_equal(e.message, "");
        s3_error_fini(&e);
    }
}

static void a_listing_goes_on_over_several_answers(void **state)
{
    static const char one[] =
        HEAD "<ListBucketResult" NS "><Prefix>p/</Prefix><IsTruncated>true</IsTruncated>"
             "<NextContinuationToken>a+/=</NextContinuationToken><Contents><Key>p/x &amp; "
             "y</Key><ETag>&quot;e&quot;</ETag><Size>5497558138880</Size></Contents>"
             "</ListBucketResult>";
    static const char two[] =
        "<ListBucketResult" NS "><Contents><Size>0</Size><Key>p/z</Key><Owner><ID>Key</ID></Owner>"
        "</Contents>"
        "<IsTruncated>false</IsTruncated></ListBucketResult>";
    struct s3_listing l = {0};
    char *next;
    (void)state;
    assert_null(s3_xml_listing(&l, &next, one, strlen(one)));
    assert_string_equal(next, "a+/=");
    free(next);
    assert_null(s3_xml_listing(&l, &next, two, strlen(two)));
    assert_null(next);
    assert_int_equal(l.n_objects, 2);
    assert_string_equal(l.objects[0].key, "p/x & y");
    assert_true(l.objects[0].size == UINT64_C(5497558138880));
    assert_string_equal(l.objects[1].key, "p/z");
    s3_listing_fini(&l);
}

static void uploads_are_told_with_their_time(void **state)
{
    static const char text[] =
        "<ListMultipartUploadsResult" NS "><Bucket>b</Bucket><NextKeyMarker>k</NextKeyMarker>"
        "<NextUploadIdMarker>u2</NextUploadIdMarker><IsTruncated>true</IsTruncated>"
        "<Upload><Key>p/ID/backup.mbe</Key><UploadId>u1</UploadId>"
        "<Initiated>1970-01-02T00:00:01.000Z</Initiated></Upload></ListMultipartUploadsResult>";
    struct s3_uploads u = {0};
    char *key, *id;
    (void)state;
    assert_null(s3_xml_uploads(&u, &key, &id, text, strlen(text)));
    assert_string_equal(key, "k");
    assert_string_equal(id, "u2");
    assert_int_equal(u.n, 1);
    assert_string_equal(u.items[0].key, "p/ID/backup.mbe");
    assert_string_equal(u.items[0].id, "u1");
    assert_int_equal(u.items[0].begun, 86401);
    free(key);
    free(id);
    s3_uploads_fini(&u);
}

static void an_upload_is_named_and_completed(void **state)
{
    static const char text[] = "<InitiateMultipartUploadResult" NS "><Bucket>b</Bucket>"
                               "<UploadId>2~x</UploadId></InitiateMultipartUploadResult>";
    static const char completed[] = " \n" HEAD "\n  <CompleteMultipartUploadResult" NS
                                    "><ETag>\"a-2\"</ETag></CompleteMultipartUploadResult>";
    char *const etags[] = {(char[]){"\"a\""}, (char[]){"\"b\""}};
    char *id;
    (void)state;
    assert_null(s3_xml_upload_id(&id, text, strlen(text)));
    assert_string_equal(id, "2~x");
    free(id);
    assert_true(s3_xml_is_completed(completed, strlen(completed)));
    assert_false(s3_xml_is_completed(completed, strlen(completed) - 1));
    assert_false(s3_xml_is_completed(text, strlen(text)));
    AUTO_FREE char *request = s3_xml_complete(etags, 2);
    assert_string_equal(request, "<CompleteMultipartUpload" NS
                                 "><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>"
                                 "<Part><PartNumber>2</PartNumber><ETag>\"b\"</ETag></Part>"
                                 "</CompleteMultipartUpload>");
}

/* As listings; of each the whole message. */
static void odd_answers_are_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the store's XML answer: line 1: no element found"},
        {"<ListBucketResult>", "the store's XML answer: line 1: no element found"},
        {"<Other/>", "the store's XML answer: ListBucketResult expected, Other found"},
        {"<!DOCTYPE a [<!ENTITY b \"c\">]><ListBucketResult/>",
         "the store's XML answer: a document type"},
        {"<ListBucketResult><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a>"
         "</ListBucketResult>",
         "the store's XML answer: too deep, or too long a name"},
        {"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
         "the store's XML answer: a listing that cannot be understood"},
        {"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
         "the store's XML answer: a listing that cannot be understood"},
        {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
         "the store's XML answer: a listing that cannot be understood"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_listing l = {0};
        char *next;
        struct err *e = s3_xml_listing(&l, &next, cases[i].text, strlen(cases[i].text));
        assert_non_null(e);
        assert_string_equal(e->message, cases[i].message);
        assert_null(next);
        err_free(e);
        s3_listing_fini(&l);
    }
}

static void a_text_without_end_is_bounded(void **state)
{
    enum { N = 100000 };
    AUTO_FREE char *text = mem_alloc(N + 1);
    struct s3_listing l = {0};
    char *next;
    (void)state;
    memset(text, 'k', N);
    memcpy(text, "<ListBucketResult>", strlen("<ListBucketResult>"));
    text[N] = '\0';
    struct err *e = s3_xml_listing(&l, &next, text, N);
    assert_non_null(e);
    assert_string_equal(e->message, "the store's XML answer: too long a text");
    err_free(e);
    s3_listing_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_is_told_by_code_and_message),
        cmocka_unit_test(what_is_no_error_has_none),
        cmocka_unit_test(a_listing_goes_on_over_several_answers),
        cmocka_unit_test(uploads_are_told_with_their_time),
        cmocka_unit_test(an_upload_is_named_and_completed),
        cmocka_unit_test(odd_answers_are_refused),
        cmocka_unit_test(a_text_without_end_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
