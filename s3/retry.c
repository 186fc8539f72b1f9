/* s3/retry.c: see retry.h. */
#include "s3/retry.h"

#include <stddef.h>
#include <string.h>

/* Some of them come with status 400, or in the body of an answer with status 200. */
static const char *const transient_codes[] = {
    "InternalError",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "RequestTimeout",
    "RequestThrottled",
    "Busy",
    "ThrottlingException",
    "OperationAborted",
    "RequestLimitExceeded",
    "EC2ThrottledException",
    "XAmzContentSHA256Mismatch",
    "BadDigest",
    "IncompleteBody",
};

bool retry_is_transient(long status, const char *code)
{
    for (size_t i = 0; i < sizeof transient_codes / sizeof *transient_codes; i++)
        if (!strcmp(transient_codes[i], code))
            return true;
    /* 501: what was asked for is not there, today or tomorrow */
    return status == 429 || status == 408 || (status >= 500 && status != 501);
}

unsigned retry_wait_ms(int attempt, uint32_t random)
{
    unsigned wait = RETRY_FIRST_MS;
    for (int i = 1; i < attempt && wait < RETRY_LONGEST_MS; i++)
        wait *= 2;
    if (wait > RETRY_LONGEST_MS)
        wait = RETRY_LONGEST_MS;
    return wait / 2 + random % (wait / 2 + 1);
}
