/* engine/page_watch.c: see page_watch.h. */
#include "engine/page_watch.h"

#include <stdlib.h>

#include "base/mem.h"
#include "innodb/page_archive.h"
#include "innodb/redo_mysql.h"

void page_watch_begin(struct page_watch *w)
{
    page_watch_fini(w);
    w->on = true;
    w->until = UINT64_MAX;
}

void page_watch_record(struct page_watch *w, const struct redo_record *rec, lsn_t lsn)
{
    uint64_t seen;
    if (!w->on || lsn >= w->until || redo_mysql_kind(rec->type) != MYSQL_KIND_PAGE)
        return;
    const uint64_t id = page_archive_id(rec->space, rec->page);
    if (map64_get(&w->seen, id, &seen))
        return;
    if (w->n == PAGE_WATCH_MAX) {
        w->too_many = true;
        return;
    }
    map64_put(&w->seen, id, 1);
    mem_grow(&w->ids, &w->cap, w->n, sizeof *w->ids);
    w->ids[w->n++] = id;
}

void page_watch_fini(struct page_watch *w)
{
    map64_fini(&w->seen);
    free(w->ids);
    *w = (struct page_watch){0};
}
