/* engine/page_watch.h: which pages a stretch of MySQL's redo changes, for the next incremental backup: see P5 in
 * page_tracking.h; or which pages a log at rest makes anew (tailer.h). Not thread-safe: the tailer's lock guards it. */
#ifndef MBE_ENGINE_PAGE_WATCH_H
#define MBE_ENGINE_PAGE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/map64.h"
#include "innodb/redo_family.h"
#include "innodb/types.h"

enum {
    PAGE_WATCH_MAX = 1 << 20
}; /* different pages; of more of them nothing can be said: the next backup reads everything */

struct page_watch {
    bool on, too_many;
    lsn_t until; /* what starts here or behind is not looked at */
    struct map64 seen;
    uint64_t *ids; /* page_archive_id, in the order in which they were met */
    size_t n, cap;
};

/* Forgets everything, and looks at what comes from now on, however far that goes. */
void page_watch_begin(struct page_watch *w);
/* One record of a mini-transaction that starts at lsn. Records that change no page are passed over. */
void page_watch_record(struct page_watch *w, const struct redo_record *rec, lsn_t lsn);
/* One record of a log at rest: notes its page if it makes that anew, or leaves it freed. */
void page_watch_remade(struct page_watch *w, const struct redo_family *family,
                       const struct redo_record *rec);
bool page_watch_has(const struct page_watch *w, space_id_t space, page_no_t page);
void page_watch_fini(struct page_watch *w);

#endif
