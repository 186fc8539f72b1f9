/* archive/repo_copy.h: a backup goes from one repository to another, of whatever kinds, byte for byte and under its id, key block
 * included.
 *
 *  K1 What is published has been checked: every chunk while its bytes pass, by its checksum, and if it is sealed and the key is there
 *     by its tag. Of a source that is damaged nothing is published.
 *  K2 What is there already is known by its size and its final record, which has its random id, and is not read again.
 *  K3 What is beside the archive in the source belongs to that repository and is not copied, but for the key block, without which the
 *     archive could be opened by an older key only. It is written when the archive is published; who is cut off in between does it the
 *     next time. One that is there already stays: the key may have been changed there.
 *
 * An archive whose copy was cut off is begun anew. */
#ifndef MBE_ARCHIVE_REPO_COPY_H
#define MBE_ARCHIVE_REPO_COPY_H

#include "archive/repo.h"

struct repo_copy_result {
    uint64_t bytes; /* of the archive */
    bool gone;      /* it was deleted meanwhile: nothing was done */
    bool there;     /* it was there already */
    bool unopened;  /* it is sealed and there is no key: only its checksums were verified */
    /* After an error: it is one of this archive alone, which cannot be read, or not with the keys there are. Others may be copied. */
    bool of_source;
};

/* `id` is of `from`, and in use there meanwhile. What it is based on is not looked at. CORRUPT: it is damaged; REFUSED: another backup has
 * this id over there. */
struct err *repo_copy(struct repo_copy_result *out, struct repo *to, struct repo *from,
                      const char *id, struct progress *progress) MUST_CHECK;

#endif
