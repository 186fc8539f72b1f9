/* engine/space_copy.h: copies InnoDB tablespaces, page by page, checked, without any lock.
 *
 * Rules:
 *  - a space is what page 0 of an open file says, never what the file's name says;
 *  - a file that vanished before it was opened was renamed or dropped: no error, the redo tells which;
 *  - page 0 all zero: the space was created after our checkpoint, every page of it is in the redo: nothing to copy; of a server that does
 *    not run, it is damage when the redo does not make the space;
 *  - a file of a server that does not run, but of the system tablespace, which ends before the pages that its page 0 counts is damage, unless
 *    page 0 changed since the checkpoint: the redo makes it longer;
 *  - how far the redo tail is, is noted before the file is opened, and page 0 is read through the same descriptor as all others;
 *  - an id (MySQL: an id in a file) is copied once, whatever names it is seen under, until its copy is made void by an import;
 *  - a page that fails its check is read again while the server may be writing it; then it is damage, unless it only
 *    carries another space's id, which is a tablespace being imported: kept as suspect and judged under BLOCK_DDL;
 *    while the set's damage_may_wait, damage makes a suspect too: the rest is left unread, all of it will be copied again;
 *  - MySQL: of a file that the base has, pages of indexes that it does not have are stored; a file in which not all of these can be told is a
 *    suspect, too (new_index.h);
 *  - of a file that the base has and that nobody wrote to since, nothing but page 0 is read: its inode, size and times are those
 *    that the base noted before it read it, when they were more than a second old, and the server was not restarted since. (Times
 *    may be lost in a power failure, when what was written is not: then the server was restarted.) What a write in flight brought
 *    to the file after the base had read it is in the base's redo: else its checkpoint would have waited for that write;
 *  - what else the base has, and lies in the file cache, is passed over where the first bytes of every page say that it is as it was
 *    (page_filter.h);
 *  - what was not in the file cache is not there afterwards (base/cold_read.h); page 0 stays until the file is seen for the second time, and
 *    is not copied again;
 *  - of a server that does not run, a page that fails its check is taken from the doublewrite buffer, or is zeros when the redo makes it
 *    anew (torn_pages.h), else it is damage at once;
 *  - an encrypted page is refused: the restore could not apply redo to it. */
#ifndef MBE_ENGINE_SPACE_COPY_H
#define MBE_ENGINE_SPACE_COPY_H

#include "engine/space_set.h"

/* Copies every listed space whose id is not copied yet, with env->parallel threads. */
struct err *space_set_copy_all(struct space_set *s, const struct listing *list) MUST_CHECK;
/* The same for these n spaces only. */
struct err *space_set_copy_these(struct space_set *s, const struct listed_space *const *spaces,
                                 size_t n) MUST_CHECK;
/* Copies one listed space; with AGAIN, in place of an earlier copy. One thread. */
struct err *space_set_copy_one(struct space_set *s, const struct listed_space *space,
                               enum space_copy_mode mode) MUST_CHECK;

#endif
