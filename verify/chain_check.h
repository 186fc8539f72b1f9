/* verify/chain_check.h: whether the chunks of all archives of a chain are whole, before anything is made of them. What else an
 * archive consists of, chain_open has read; both together have seen every byte of every archive. */
#ifndef MBE_VERIFY_CHAIN_CHECK_H
#define MBE_VERIFY_CHAIN_CHECK_H

#include "base/err.h"
#include "base/log.h"
#include "base/progress.h"
#include "verify/chain.h"

struct chain_check_options {
    int parallel;     /* threads, >= 1 */
    const char *task; /* in the log line: "restore" */
    struct log *log;
    struct progress *progress;
};

/* Reads the data chunks of all archives, oldest first, and verifies them as they are stored: nothing is unpacked. CORRUPT, or an error of
 * reading: of the first chunk of the oldest archive that is damaged; it names the backup, a file of which something is in that chunk, the
 * archive and the chunk. The archives below that one are then known to be whole, see chain_hint. An archive that holds what newer ones
 * store again is read as well.
 *
 * Archives that together fit a quarter of the machine's memory stay in the system's file cache, for who reads them next; others are let
 * go as they are read, as they would only push out what is there, and each other. */
struct err *chain_check(const struct chain *c,
                        const struct chain_check_options *options) MUST_CHECK;

#endif
