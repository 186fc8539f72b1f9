/* verify/content_check.h: reads every entry of an archive by its index, and checks every page of
 * its tablespaces that it stores. */
#ifndef MBE_VERIFY_CONTENT_CHECK_H
#define MBE_VERIFY_CONTENT_CHECK_H

#include "archive/reader.h"
#include "base/progress.h"
#include "verify/chain.h"
#include "verify/damage.h"

struct content_check {
    struct archive_reader *reader;
    const struct chain
        *chain;         /* that ends with this archive; NULL: not known, see archive_check.h */
    uint32_t page_size; /* innodb_page_size */
    int parallel;
    struct damage *damage;
    struct progress *progress;
};

struct content_result {
    uint64_t bytes, pages, pages_damaged;
};

/* Damage is reported, each page by file, number and offset, and is no error. Entries of kind REDO
 * are left to redo_check. */
struct err *content_check_run(struct content_result *out,
                              const struct content_check *options) MUST_CHECK;

#endif
