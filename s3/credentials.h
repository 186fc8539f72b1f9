/* s3/credentials.h: who we are for the store. Looked for, in this order, as other programs do:
 *
 *   environment       AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   shared file       AWS_SHARED_CREDENTIALS_FILE, else ~/.aws/credentials; the section AWS_PROFILE, else "default"
 *   instance metadata of a machine at AWS, version 2; not with AWS_EC2_METADATA_DISABLED=true
 *
 * The first that is there is taken; one that is there but wrong is an error, not a reason to look further. What expires is fetched anew
 * in time. No secret is in any message. Facts: AWS SDKs and Tools Reference Guide; EC2 user guide, "IMDSv2". */
#ifndef MBE_S3_CREDENTIALS_H
#define MBE_S3_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

struct s3_keys {
    char *access_key, *secret_key;
    char *token;     /* or NULL */
    int64_t expires; /* seconds since 1970; 0: never */
};
void s3_keys_fini(struct s3_keys *k); /* wipes it */

/* Thread-safe. */
struct credentials;

/* Finds out where they are, and reads them. Kind USAGE when there are none. */
struct err *credentials_open(struct credentials **out) MUST_CHECK;
void credentials_free(struct credentials *c); /* NULL is fine */
CLEANUP(credentials, credentials_free)
/* A copy of those that hold now, owned by caller. */
struct err *credentials_get(struct credentials *c, struct s3_keys *keys) MUST_CHECK;

/* Those of one section of a shared file's text; *found false when there is no such section. Kind USAGE when it lacks one of the two
 * keys; `path` is for messages. */
struct err *credentials_parse(struct s3_keys *keys, bool *found, const char *text,
                              const char *profile, const char *path) MUST_CHECK;
/* Those of the instance metadata's JSON. */
struct err *credentials_parse_metadata(struct s3_keys *keys, const char *json, size_t n) MUST_CHECK;

#endif
