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

static void note(struct page_watch *w, uint64_t id)
{
    uint64_t seen;
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

void page_watch_record(struct page_watch *w, const struct redo_record *rec, lsn_t lsn)
{
    if (w->on && lsn < w->until && redo_mysql_kind(rec->type) == MYSQL_KIND_PAGE)
        note(w, page_archive_id(rec->space, rec->page));
}

void page_watch_remade(struct page_watch *w, const struct redo_family *family,
                       const struct redo_record *rec)
{
    if (family->kind(rec) == REDO_KIND_PAGE && family->effect(rec) != REDO_EFFECT_CHANGE)
        note(w, page_archive_id(rec->space, rec->page));
}
bool page_watch_has(const struct page_watch *w, space_id_t space, page_no_t page)
{
    uint64_t seen;
    return map64_get(&w->seen, page_archive_id(space, page), &seen);
}

void page_watch_fini(struct page_watch *w)
{
    map64_fini(&w->seen);
    free(w->ids);
    *w = (struct page_watch){0};
}
