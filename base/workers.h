/* base/workers.h: runs one function in several threads and returns the first error. Each thread
 * calls `work` until *more stays false; after an error in any thread no further call is made. work
 * must be thread-safe. */
#ifndef MBE_BASE_WORKERS_H
#define MBE_BASE_WORKERS_H

#include <stdbool.h>

#include "base/err.h"

/* One work item; sets *more = false when there is nothing left to take. */
typedef struct err *workers_fn(void *ctx, bool *more);
/* n_threads >= 1; with 1 everything runs in the calling thread. */
struct err *workers_run(int n_threads, workers_fn *work, void *ctx) MUST_CHECK;

#endif
