/* s3/s3_url.h: addresses: of a repository (s3://BUCKET/PREFIX, as a user gives it) and of a request to its store.
 *
 * What is signed is the address as it is sent, and both sides must write it the same way: percent-encoded is everything but
 * A-Z a-z 0-9 - . _ ~, and the / of a path; a query's parts are sorted by name, each with a =, be its value empty.
 * Facts: AWS, "Create a signed request" (canonical request); Ceph 16.2 refuses a query part without =. */
#ifndef MBE_S3_S3_URL_H
#define MBE_S3_S3_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct s3_location {
    char *bucket;
    char *prefix; /* of all keys: empty, or without a / at its beginning and with one at its end */
};

/* Of "s3://BUCKET", "s3://BUCKET/PREFIX". Kind USAGE when it is none. */
struct err *s3_location_parse(struct s3_location *out, const char *url) MUST_CHECK;
void s3_location_fini(struct s3_location *l);

/* Where a store is: what stands before the path of a request to one bucket, owned by caller. `endpoint` is http[s]://HOST[:PORT], NULL
 * for AWS's in the region. With path_style the bucket is part of the path, else of the host's name. Kind USAGE. */
struct err *s3_url_base(char **out, const char *endpoint, const char *region, const char *bucket,
                        bool path_style) MUST_CHECK;

/* The text percent-encoded, owned by caller; s3_url_encode_path leaves / as it is. */
char *s3_url_encode(const char *text);
char *s3_url_encode_path(const char *key);

/* One part of a query; those with a NULL value are left out. */
struct s3_query {
    const char *name, *value;
};
/* "?a=1&b=", owned by caller; empty for none. The parts must be sorted by name: the order in which they are signed. */
char *s3_url_query(const struct s3_query *parts, size_t n);

#endif
