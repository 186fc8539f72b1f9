/* archive/source_s3.h: an archive that is an object of an S3 store. What is read is fetched by windows, of which the ones used last are
 * kept: small ones where somebody only looks something up, larger and larger ones where he reads on, so that the requests grow with the
 * bytes and not with the chunks. Whoever wants bytes that are not there fetches them; others go on meanwhile, so that several threads
 * fetch in parallel. */
#ifndef MBE_ARCHIVE_SOURCE_S3_H
#define MBE_ARCHIVE_SOURCE_S3_H

#include "archive/source.h"
#include "s3/s3_client.h"

enum {
    SOURCE_S3_FIRST =
        128 << 10, /* of a window that goes on from no other; of one that does: twice that one */
    SOURCE_S3_LONGEST = 4 << 20,
    SOURCE_S3_WINDOWS = 16, /* more than there are threads that read */
};

/* os_errno ENOENT when there is no such object. The client is borrowed. Owned by caller. */
struct err *source_s3_open(struct source **out, struct s3_client *client,
                           const char *key) MUST_CHECK;

#endif
