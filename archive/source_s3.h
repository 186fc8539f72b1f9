/* archive/source_s3.h: an archive that is an object of an S3 store. What is read is fetched by windows, of which the ones used last are
 * kept: small ones where somebody only looks something up, larger and larger ones where he reads on, so that the requests grow with the
 * bytes and not with the chunks. Whoever wants bytes that are not there fetches them; others go on meanwhile, so that several threads
 * fetch in parallel. */
#ifndef MBE_ARCHIVE_SOURCE_S3_H
#define MBE_ARCHIVE_SOURCE_S3_H

#include "archive/source.h"
#include "base/cleanup.h"
#include "s3/s3_client.h"

enum {
    SOURCE_S3_FIRST =
        128 << 10, /* of a window that goes on from no other; of one that does: twice that one */
    SOURCE_S3_LONGEST = 4 << 20,
    SOURCE_S3_WINDOWS = 256,
    SOURCE_S3_MEMORY = 128 << 20, /* of all windows */
};

/* The windows of all sources of a repository, so that a long chain takes no more memory than one archive. Thread-safe. */
struct s3_windows;
struct s3_windows *s3_windows_new(void);
void s3_windows_free(struct s3_windows *w); /* behind the last of their sources; NULL is fine */
CLEANUP(s3_windows, s3_windows_free)

/* os_errno ENOENT when there is no such object. Client and windows are borrowed. Owned by caller. */
struct err *source_s3_open(struct source **out, struct s3_client *client,
                           struct s3_windows *windows, const char *key) MUST_CHECK;

#endif
