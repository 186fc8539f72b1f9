/* engine/page_filter.c: see page_filter.h. */
#include "engine/page_filter.h"

#include <inttypes.h>

#include "innodb/fil_page.h"

static bool is_same_file(const struct space_fact *base, lsn_t since,
                         const struct filtered_file *file)
{
    if (!file_mark_is_same_file(&base->mark, &file->mark) || base->page_size != file->page_size)
        return false;
    if (file->system)
        return true;
    return file->page_lsn >= base->page_lsn && (file->mark.has_birth || file->page_lsn < since);
}

void page_filter_init(struct page_filter *f, const struct base_facts *base, lsn_t since,
                      const struct filtered_file *file)
{
    *f = (struct page_filter){.since = since};
    const struct space_fact *fact =
        base ? base_facts_space(base, file->id, file->first_page) : NULL;
    if (!fact || !is_same_file(fact, since, file))
        return;
    f->base = fact;
    f->stores_unlogged = !file_mark_is_untouched(&fact->mark, &file->mark);
}

bool page_filter_stores(const struct page_filter *f, page_no_t no, const uint8_t *page)
{
    if (!f->base || (!no && !f->base->id))
        return true;
    const lsn_t lsn = be64(page + FIL_LSN);
    if (lsn)
        return lsn >= f->since;
    return f->stores_unlogged || bytes_are_zero(page, f->base->page_size);
}

static bool is_witness(const struct page_filter *f, uint32_t part, page_no_t no)
{
    return part < f->base->n_witnesses && f->base->witnesses[part].page == no;
}

bool page_filter_knows(const struct page_filter *f, uint32_t part, page_no_t no,
                       const uint8_t *head)
{
    if (!f->base || (!no && !f->base->id) || is_witness(f, part, no))
        return false;
    const lsn_t lsn = be64(head + FIL_LSN);
    return lsn && lsn < f->since && be32(head + FIL_PAGE_NO) == no &&
           be32(head + FIL_SPACE) == f->base->id;
}

void witness_note(struct witness_watch *w, page_no_t no, lsn_t lsn)
{
    if (lsn > w->best.lsn)
        w->best = (struct space_witness){no, lsn};
}

struct err *witness_look(struct witness_watch *w, const struct page_filter *f, page_no_t no,
                         const uint8_t *page)
{
    const lsn_t lsn = be64(page + FIL_LSN);
    witness_note(w, no, lsn);
    if (!f->base || !is_witness(f, w->part, no))
        return NULL;
    const lsn_t then = f->base->witnesses[w->part].lsn;
    if (lsn >= then || bytes_are_zero(page, f->base->page_size))
        return NULL;
    return err_hint(
        err_make(REFUSED,
                 "page %" PRIu32 ": its LSN is %" PRIu64 ", and was %" PRIu64
                 " in the base: the server's files were set back since",
                 no, lsn, then),
        "Take a full backup (--full); after a power failure, wait for the server's next "
        "checkpoint.");
}
