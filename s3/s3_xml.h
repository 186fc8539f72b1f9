/* s3/s3_xml.h: the XML of a store's answers, as far as mbe asks for it. Whatever the bytes are, what is taken of them is bounded;
 * a document type, which could define entities, is refused.
 *
 *   Error                          Code, Message, Region
 *   ListBucketResult               Contents (Key, Size), IsTruncated, NextContinuationToken
 *   InitiateMultipartUploadResult  UploadId
 *   ListMultipartUploadsResult     Upload (Key, UploadId, Initiated), IsTruncated, NextKeyMarker, NextUploadIdMarker
 *   CompleteMultipartUploadResult  that it is one
 *
 * Facts: Amazon S3 API Reference, 2006-03-01; Ceph 16.2 by experiment. */
#ifndef MBE_S3_S3_XML_H
#define MBE_S3_S3_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Texts are "" when the answer has none. */
struct s3_error {
    char *code, *message, *region;
};
void s3_error_fini(struct s3_error *e);
/* *out is empty, and *found false, when the text is no Error of S3 (not XML, another root). Never fails. */
void s3_xml_error(struct s3_error *out, bool *found, const char *text, size_t n);

struct s3_object {
    char *key;
    uint64_t size;
};
/* May become longer by further answers to one question; zeroed before the first. */
struct s3_listing {
    size_t n_objects, objects_cap;
    struct s3_object *objects;
};
void s3_listing_fini(struct s3_listing *l);
/* Adds one answer; *next (owned by caller) is what to go on with, NULL at the end. */
struct err *s3_xml_listing(struct s3_listing *l, char **next, const char *text,
                           size_t n) MUST_CHECK;

struct s3_upload_item {
    char *key, *id;
    int64_t begun; /* seconds since 1970; 0: not told */
};
struct s3_uploads {
    size_t n, cap;
    struct s3_upload_item *items;
};
void s3_uploads_fini(struct s3_uploads *u);
/* As s3_xml_listing; of what to go on with both are given, or both are NULL. */
struct err *s3_xml_uploads(struct s3_uploads *u, char **next_key, char **next_id, const char *text,
                           size_t n) MUST_CHECK;

/* Owned by caller. */
struct err *s3_xml_upload_id(char **id, const char *text, size_t n) MUST_CHECK;
/* The request that completes an upload of parts 1 to n with these entity tags; owned by caller. */
char *s3_xml_complete(char *const *etags, size_t n);
/* Whether the text is the whole answer that says an upload was completed. */
bool s3_xml_is_completed(const char *text, size_t n);

#endif
