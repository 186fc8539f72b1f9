/* s3/retry.h: what is tried again, and when. Pure. */
#ifndef MBE_S3_RETRY_H
#define MBE_S3_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RETRY_ATTEMPTS = 10, /* of one request, the first among them */
    RETRY_FIRST_MS = 200,
    RETRY_LONGEST_MS = 20000,
};

/* Whether an answer of this HTTP status and with this S3 error code ("" when there is none) may be
 * another one the next time. Facts: AWS, "Error responses", and "Error best practices". */
bool retry_is_transient(long status, const char *code);
/* How long to wait behind the failed attempt `attempt`, from 1: doubled each time up to the longest, and of that
 * a random part between a half and all, so that many who failed together do not come back together. */
unsigned retry_wait_ms(int attempt, uint32_t random);

#endif
