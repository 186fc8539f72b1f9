/* archive/sink_s3.h: the sink into an object of an S3 store, uploaded in parts by a few threads while the next part is filled. There is no
 * object until sink_s3_complete: who is killed before leaves none. Memory is bounded: see sink_s3_part_size. */
#ifndef MBE_ARCHIVE_SINK_S3_H
#define MBE_ARCHIVE_SINK_S3_H

#include <stddef.h>
#include <stdint.h>

#include "archive/sink.h"
#include "s3/s3_client.h"

enum {
    SINK_S3_LANES = 4,          /* threads that upload */
    SINK_S3_MEMORY = 128 << 20, /* of all parts, or of two if that is more */
    SINK_S3_FIRST_PART = 8 << 20,
    SINK_S3_PARTS_OF_A_SIZE = 500,
};

/* Bytes of part `number`, from 1: 500 of 8 MiB, then 500 each of 11/8 of the last size. An archive of 4 GB is uploaded in parts of
 * 8 MiB, one of 90 GB in such of up to 54 MiB, and 10,000 parts, the most that a store takes, are more than 5 TiB, the most that an
 * object may have. */
uint64_t sink_s3_part_size(unsigned number);

/* Begins the upload of object `key`. The client is borrowed. An error of the upload is returned by an append behind it, or by commit.
 * The sink's commit waits until the store has every part; its free, without sink_s3_complete, gives the upload up. Owned by caller. */
struct err *sink_s3_open(struct sink **out, struct s3_client *client, const char *key) MUST_CHECK;
/* The object comes to be; committed. Kind REFUSED when there is one of that key by now, as far as the store looks. */
struct err *sink_s3_complete(struct sink *s) MUST_CHECK;

#endif
