/* verify/chain_files.h: which entries of a chain's archives make up each file of the last one: newest first, down to one that
 * holds the file whole. A tablespace is known by its id and first page, any other file by its path.
 *
 * Of a byte the newest entry counts that stores it; one that ends before it says that it is zero: what a file lost when it
 * shrank does not come back when it grows. */
#ifndef MBE_VERIFY_CHAIN_FILES_H
#define MBE_VERIFY_CHAIN_FILES_H

#include "verify/chain.h"

struct file_part {
    uint32_t link, entry; /* in the chain, in that archive */
    bool whole;           /* what it does not store is zeros */
    uint64_t size; /* what lies behind counts no more: its own size, or that of a newer part */
};

struct file_parts {
    struct file_part
        *items; /* newest first; the last one is whole. Parts that add nothing are left out */
    size_t n;
};

struct chain_files {
    struct file_parts *of; /* by entry of the last archive */
    uint32_t n;
};

/* CORRUPT when an entry that holds only changes has none that it changes. Memory: some 50 bytes an entry. */
struct err *chain_files_make(struct chain_files *out, const struct chain *chain) MUST_CHECK;
void chain_files_fini(struct chain_files *f);

#endif
