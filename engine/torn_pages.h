/* engine/torn_pages.h: pages that are not whole in the files of a server that does not run. The server died, or the machine did,
 * while it wrote them. Then a whole copy is in the doublewrite buffer, or the redo log makes the page anew, or it is damage.
 *
 *            where the copies are
 *   MariaDB  two extents of the system tablespace (innodb/doublewrite.h)
 *   MySQL    files #ib_<page size>_<n>.dblwr in the doublewrite directory, page after page. Such a page counts, too, where the file has
 *            nothing but zeros; but for page 0, which tells whose file it is
 *
 * What a server was writing when it died had changed since the checkpoint, and its redo was there before. So a copy with an LSN below the
 * checkpoint, or above the log's end, is of another time, and counts for nothing: no redo would bring it to what it should be.
 * (A page that MySQL uses again and writes without redo may keep an LSN from before. Torn, it is damage here, though the server would
 * mend it: refused, never guessed.)
 *
 * A page that the log makes anew, or leaves freed, need not be in the buffer: MariaDB writes such pages without it. What the file holds
 * of it does not matter, and zeros stand for it. Facts: MariaDB 10.11.19, MySQL 9.7.4, by experiment (the page oracle). */
#ifndef MBE_ENGINE_TORN_PAGES_H
#define MBE_ENGINE_TORN_PAGES_H

#include <stdatomic.h>

#include "engine/datadir.h"
#include "innodb/page_crypt.h"

struct torn_pages {
    struct torn_file {
        int fd;
        char *path;
    } * files;
    size_t n_files, cap_files;
    struct torn_copy {
        page_no_t page; /* whose space's, only the whole page tells */
        lsn_t lsn;
        size_t file; /* position in files */
        uint64_t at;
    } * copies; /* not known to be whole yet */
    size_t n, cap;
    _Atomic uint64_t n_mended; /* pages taken from there */
};

/* Finds the copies. An area or a file that is not there has none. After an error too, call _fini. */
struct err *torn_pages_open(struct torn_pages *t, const struct datadir *d) MUST_CHECK;
void torn_pages_fini(struct torn_pages *t);
/* Forgets the copies whose LSN is below `from`, the checkpoint, or above `to`, the end of the log. To be called before the first mend. */
void torn_pages_limit(struct torn_pages *t, lsn_t from, lsn_t to);
/* Puts the newest whole copy of that page into `page` (format->physical bytes). *found false, and nothing done: there is none. Any
 * number of threads. key: as in page_crypt_check. */
struct err *torn_pages_mend(struct torn_pages *t, const struct space_key *key,
                            const struct space_format *format, space_id_t id, page_no_t no,
                            uint8_t *page, bool *found) MUST_CHECK;

#endif
