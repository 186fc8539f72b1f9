/* s3/s3_client.h: requests to one bucket of an S3-compatible object store. Each is signed, has a deadline and is sent again, with growing
 * waits, as long as its failure may be a passing one (retry.h); what remains is one error that names the object, S3's code and its
 * message. Keys are whole ones. Nothing is kept of an answer beyond a bound. Asked to stop (base/signals.h) all but s3_upload_abort,
 * and the look whether a completion was done, end within about a second with INTERRUPTED.
 *
 * Threads: all functions but _open and _free may be called from several at once.
 * Facts: Amazon S3 API Reference, 2006-03-01. */
#ifndef MBE_S3_S3_CLIENT_H
#define MBE_S3_S3_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "s3/s3_xml.h"

struct s3_settings {
    const char *endpoint; /* http[s]://HOST[:PORT]; NULL: AWS's */
    const char
        *region; /* NULL: AWS_REGION or AWS_DEFAULT_REGION of the environment, else us-east-1 */
    const char *ca_file; /* certificates to trust instead of the system's; or NULL */
    const char *
        retain_until; /* as s3_check_time has it: what is written cannot be deleted or overwritten before; or NULL */
    bool path_style;    /* the bucket is in the path of the URL, not in its host's name */
    unsigned timeout_s; /* how long the store may be silent, at least 1 */
};

/* Whether it is a time as retain_until wants it: 2027-01-31T00:00:00Z. Kind USAGE. */
struct err *s3_check_time(const char *text) MUST_CHECK;

struct s3_client;
/* Reads credentials; does not ask the store. Before threads are started. Texts are copied. */
struct err *s3_client_open(struct s3_client **out, const struct s3_settings *settings,
                           const char *bucket, struct log *log) MUST_CHECK;
void s3_client_free(struct s3_client *c); /* NULL is fine */
CLEANUP(s3_client, s3_client_free)

/* "s3://BUCKET/KEY" for messages, owned by caller. */
char *s3_client_name(const struct s3_client *c, const char *key);

/* Writes a small object, over one that is there. */
struct err *s3_put(struct s3_client *c, const char *key, const void *data, size_t n) MUST_CHECK;
/* A small object as a whole, NUL-terminated and owned by caller; *text NULL: there is none. More than `max` bytes are an error. */
struct err *s3_get(struct s3_client *c, const char *key, char **text, size_t *len,
                   size_t max) MUST_CHECK;
/* n bytes at `offset`, all of which the object must have; n > 0. os_errno ENOENT when there is no such object. */
struct err *s3_get_range(struct s3_client *c, const char *key, uint64_t offset, void *buf,
                         size_t n) MUST_CHECK;
/* *found false: there is none. */
struct err *s3_head(struct s3_client *c, const char *key, bool *found, uint64_t *size) MUST_CHECK;
/* An object that is not there is as good as deleted. */
struct err *s3_delete(struct s3_client *c, const char *key) MUST_CHECK;
/* All keys that begin with `prefix`, in as many requests as it takes, in the store's order: that of their bytes at most stores, not at
 * all. `out` is to be released after an error as well. */
struct err *s3_list(struct s3_client *c, const char *prefix, struct s3_listing *out) MUST_CHECK;

/* ---- uploads of several parts: the object is there when it is completed, not before ---- */

enum { S3_PARTS_MAX = 10000 };

/* *id is owned by caller. */
struct err *s3_upload_begin(struct s3_client *c, const char *key, char **id) MUST_CHECK;
/* Part `number`, from 1. *etag, owned by caller, is what names it when the upload is completed. All but the last part have at
 * least 5 MiB. *given_up may be set by another thread: then it ends within about a second with INTERRUPTED. */
struct err *s3_upload_part(struct s3_client *c, const char *key, const char *id, unsigned number,
                           const void *data, size_t n, const atomic_bool *given_up,
                           char **etag) MUST_CHECK;
/* Of parts 1 to n. Kind REFUSED when an object of that key came to be meanwhile, as far as the store looks. size: of all parts.
 * After an answer that leaves open whether it was done, or none, an object of that key and size counts as done. */
struct err *s3_upload_complete(struct s3_client *c, const char *key, const char *id,
                               char *const *etags, size_t n, uint64_t size) MUST_CHECK;
/* Gives up an upload and frees what the store has of it. */
struct err *s3_upload_abort(struct s3_client *c, const char *key, const char *id) MUST_CHECK;
/* Uploads that are neither completed nor aborted, of keys that begin with `prefix`. To be released after an error as well. */
struct err *s3_upload_list(struct s3_client *c, const char *prefix,
                           struct s3_uploads *out) MUST_CHECK;

#endif
