/* innodb/segment_check.c: see segment_check.h; S1 to S4 are the rules there. Every list is bounded: a member that was met before ends
 * it. */
#include "innodb/segment_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/map64.h"
#include "base/mem.h"
#include "innodb/fil_page.h"

enum {
    FSP_LIMIT = 50,
    FSP_FREE = 62,
    FSP_FREE_FRAG = 78,
    FSP_FULL_FRAG = 94,
    FSP_INODES = 118, /* two bases: pages that are full, and with room */
    FSP_LISTS_END = 150,
    XDES_NODE = 8,
    XDES_STATE = 20,
    XDES_BITS = 24,
    STATE_NONE = 0,
    STATE_FREE = 1,
    STATE_FREE_FRAG = 2,
    STATE_FULL_FRAG = 3,
    STATE_SEGMENT = 4,
    STATE_LENT = 5,
    INODE_NODE = 38,
    INODES = 50,
    INODES_END = 10, /* bytes at the end of their page that are not used */
    INODE_LISTS = 12,
    INODE_MAGIC = 60,
    INODE_PAGES = 64,
    INODE_MAGIC_VALUE = 97937874,
    N_INODE_LISTS = 3,
    BASE_SIZE = 16,
    SEGMENT_LEAF = 74,
    SEGMENT_TOP = 84,
    WHAT_SIZE = 200,
};

struct run {
    const struct segment_check *c;
    uint32_t extent;     /* pages */
    uint32_t xdes_size;  /* bytes of a descriptor */
    uint8_t *page;       /* the inode page at hand */
    struct map64 inodes; /* page << 16 | offset -> segment */
    struct map64 ids;    /* segment -> page of its inode */
    struct map64 single; /* page -> segment */
    bool lists_lost;     /* not all lists of extents could be followed */
    bool inodes_lost;    /* not all inodes could be read */
};

__attribute__((format(printf, 3, 4))) static void report(const struct run *r, page_no_t no,
                                                         const char *fmt, ...)
{
    char what[WHAT_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    r->c->report(r->c->ctx, no, what);
}

static uint32_t xdes_bytes(uint32_t extent)
{
    return XDES_BITS + (2 * extent + 7) / 8;
}

/* --- descriptors ------------------------------------------------------------------------------ */

size_t segment_n_extents(const struct space_format *format, page_no_t n_pages)
{
    const uint32_t extent = space_extent_pages(format->page_size);
    return ((size_t)n_pages + extent - 1) / extent;
}

static struct list_address address_at(const uint8_t *p)
{
    return (struct list_address){be32(p), be16(p + 4)};
}

void segment_note(struct extent_fact *extents, page_no_t n_pages, const struct space_format *format,
                  page_no_t no, const uint8_t *page)
{
    const uint32_t extent = space_extent_pages(format->page_size);
    const size_t n = segment_n_extents(format, n_pages), first = no / extent;
    for (uint32_t k = 0; k < format->physical / extent && first + k < n; k++) {
        const uint8_t *xdes = page + FSP_XDES + (size_t)k * xdes_bytes(extent);
        extents[first + k] = (struct extent_fact){
            .segment = be64(xdes),
            .prev = address_at(xdes + XDES_NODE),
            .next = address_at(xdes + XDES_NODE + 6),
            .state =
                be32(xdes + XDES_STATE) > STATE_LENT ? UINT8_MAX : (uint8_t)be32(xdes + XDES_STATE),
            .seen = true,
        };
    }
}

static page_no_t descriptor_page(const struct run *r, size_t extent)
{
    const size_t page = extent * r->extent;
    return (page_no_t)(page - page % r->c->format->physical);
}

/* The extent whose node is there; false: there is none. */
static bool extent_at(const struct run *r, size_t *extent, struct list_address at)
{
    const uint32_t physical = r->c->format->physical, nodes = FSP_XDES + XDES_NODE;
    if (at.page >= r->c->n_pages || at.page % physical || at.offset < nodes ||
        (at.offset - nodes) % r->xdes_size)
        return false;
    const uint32_t k = (at.offset - nodes) / r->xdes_size;
    *extent = at.page / r->extent + k;
    return k < physical / r->extent && *extent < segment_n_extents(r->c->format, r->c->n_pages);
}

/* --- lists of extents (S1, S2) ---------------------------------------------------------------- */

/* A list of extents: where its base is, and what its members must be. */
struct extent_list {
    page_no_t page;
    const uint8_t *base;
    uint8_t state;
    uint64_t segment; /* of STATE_SEGMENT */
};

static bool same_address(struct list_address a, struct list_address b)
{
    return a.page == b.page && (a.page == PAGE_NO_NONE || a.offset == b.offset);
}

static bool belongs(const struct extent_fact *e, const struct extent_list *list)
{
    if (list->state != STATE_SEGMENT)
        return e->state == list->state;
    return (e->state == STATE_SEGMENT || e->state == STATE_LENT) && e->segment == list->segment;
}

/* What is wrong with a member that has `prev` before it; NULL: nothing. */
static const char *judge(const struct extent_fact *e, const struct extent_list *list,
                         struct list_address prev)
{
    if (e->listed)
        return "is in two lists";
    if (!belongs(e, list))
        return "has not the state or segment of the list that it is in";
    if (!same_address(e->prev, prev))
        return "names another one before it than its list has";
    return NULL;
}

/* Takes the member at that address. NULL: the list ends here; why was said, unless its descriptor was not seen. */
static const struct extent_fact *take_extent(const struct run *r, const struct extent_list *list,
                                             struct list_address at, struct list_address prev)
{
    size_t i;
    if (!extent_at(r, &i, at)) {
        report(r, prev.page == PAGE_NO_NONE ? list->page : prev.page,
               "has a list of extents that leads to page %" PRIu32 ", byte %u: there is none",
               at.page, at.offset);
        return NULL;
    }
    struct extent_fact *e = &r->c->extents[i];
    if (!e->seen)
        return NULL;
    const char *why = judge(e, list, prev);
    e->listed = true;
    if (!why)
        return e;
    report(r, descriptor_page(r, i),
           "the extent from page %" PRIu32 " on %s (base on page %" PRIu32 ")",
           (page_no_t)(i * r->extent), why, list->page);
    return NULL;
}

static void check_extents(struct run *r, const struct extent_list *list)
{
    struct list_address at = address_at(list->base + 4), prev = {PAGE_NO_NONE, 0};
    uint32_t n = 0;
    for (; at.page != PAGE_NO_NONE; n++) {
        const struct extent_fact *e = take_extent(r, list, at, prev);
        if (!e) {
            r->lists_lost = true;
            return;
        }
        prev = at;
        at = e->next;
    }
    if (n != be32(list->base) || !same_address(prev, address_at(list->base + 10)))
        report(r, list->page, "has a list of %" PRIu32 " extents that is not as long as it says",
               n);
}

/* One of them for each page of descriptors: when a list is cut off, there may be very many. */
static void check_unlisted(const struct run *r)
{
    const size_t n = segment_n_extents(r->c->format, r->c->n_pages);
    page_no_t said = PAGE_NO_NONE;
    for (size_t i = 0; i < n && !r->lists_lost; i++) {
        const struct extent_fact *e = &r->c->extents[i];
        if (e->state == STATE_NONE || e->listed || said == descriptor_page(r, i))
            continue;
        said = descriptor_page(r, i);
        report(r, said, "the extent from page %" PRIu32 " on is in no list",
               (page_no_t)(i * r->extent));
    }
}

/* --- inodes (S3) ------------------------------------------------------------------------------ */

static void take_single(struct run *r, page_no_t inode_page, uint64_t segment, page_no_t no)
{
    uint64_t other;
    const struct extent_fact *e = no < r->c->n_pages ? &r->c->extents[no / r->extent] : NULL;
    if (!e) {
        report(r, inode_page, "has page %" PRIu32 " in segment %" PRIu64 ", behind the end", no,
               segment);
        return;
    }
    if (e->seen && ((e->state != STATE_FREE_FRAG && e->state != STATE_FULL_FRAG) ||
                    r->c->facts[no].use == PAGE_USE_FREE))
        report(r, inode_page,
               "has page %" PRIu32 " in segment %" PRIu64 ", which is no single page in use", no,
               segment);
    if (map64_get(&r->single, no, &other))
        report(r, inode_page, "has page %" PRIu32 " in segments %" PRIu64 " and %" PRIu64, no,
               segment, other);
    map64_put(&r->single, no, segment);
}

static void check_inode(struct run *r, page_no_t no, uint32_t offset)
{
    const uint8_t *inode = r->page + offset;
    const uint64_t segment = be64(inode);
    uint64_t other;
    if (!segment)
        return;
    if (be32(inode + INODE_MAGIC) != INODE_MAGIC_VALUE) {
        report(r, no, "has a damaged inode of segment %" PRIu64, segment);
        r->inodes_lost = r->lists_lost = true;
        return;
    }
    if (map64_get(&r->ids, segment, &other))
        report(r, no, "has an inode of segment %" PRIu64 ", and so has page %" PRIu32, segment,
               (page_no_t)other);
    map64_put(&r->ids, segment, no);
    map64_put(&r->inodes, (uint64_t)no << 16 | offset, segment);
    for (uint32_t i = 0; i < N_INODE_LISTS; i++)
        check_extents(r, &(struct extent_list){no, inode + INODE_LISTS + (size_t)i * BASE_SIZE,
                                               STATE_SEGMENT, segment});
    for (uint32_t i = 0; i < r->extent / 2; i++)
        if (be32(inode + INODE_PAGES + (size_t)i * 4) != PAGE_NO_NONE)
            take_single(r, no, segment, be32(inode + INODE_PAGES + (size_t)i * 4));
}

/* Into r->page; false: it cannot be, and was said if it should have been. */
static struct err *read_inodes(struct run *r, page_no_t no, bool *is)
{
    const uint8_t *page;
    *is = false;
    if (no >= r->c->n_pages) {
        report(r, 0, "has a list of segment inodes that leads to page %" PRIu32 ", behind the end",
               no);
        return NULL;
    }
    TRY(r->c->read(r->c->ctx, &page, no));
    if (!page)
        return NULL;
    *is = be16(page + FIL_TYPE) == FIL_TYPE_INODE;
    if (!*is)
        report(r, no, "is in the list of segment inodes, and has none");
    memcpy(r->page, page, r->c->format->physical);
    return NULL;
}

/* The inode pages of a list whose base is on page 0; *whole: all of them were read. */
static struct err *check_inode_pages(struct run *r, const uint8_t *base, bool *whole)
{
    const uint32_t size = INODE_PAGES + r->extent / 2 * 4, length = be32(base);
    struct list_address at = address_at(base + 4), prev = {PAGE_NO_NONE, 0};
    uint32_t n = 0;
    *whole = false;
    for (; at.page != PAGE_NO_NONE && n < length; n++) {
        bool is;
        TRY(read_inodes(r, at.page, &is));
        if (!is)
            return NULL;
        if (at.offset != INODE_NODE || !same_address(address_at(r->page + INODE_NODE), prev)) {
            report(r, at.page, "does not fit the list of segment inodes that it is in");
            return NULL;
        }
        for (uint32_t i = INODES; i + size + INODES_END <= r->c->format->physical; i += size)
            check_inode(r, at.page, i);
        prev = at;
        at = address_at(r->page + INODE_NODE + 6);
    }
    *whole = n == length && at.page == PAGE_NO_NONE && same_address(prev, address_at(base + 10));
    if (!*whole)
        report(r, 0,
               "has a list of %" PRIu32 " pages of segment inodes that is not as long as it says",
               n);
    return NULL;
}

static struct err *check_inodes(struct run *r, const uint8_t *full, const uint8_t *with_room)
{
    bool whole[2];
    TRY(check_inode_pages(r, full, &whole[0]));
    TRY(check_inode_pages(r, with_room, &whole[1]));
    if (!whole[0] || !whole[1])
        r->inodes_lost = r->lists_lost = true;
    return NULL;
}

/* --- pages of indexes (S4) -------------------------------------------------------------------- */

/* The segments of an index. 0: not known. */
struct owners {
    uint64_t leaf, top;
    bool said; /* a page of it is in another one: when its root is wrong, all are */
};

static uint64_t segment_of_header(const struct run *r, page_no_t root, const uint8_t *header)
{
    const struct list_address at = address_at(header + 4);
    uint64_t segment;
    if (be32(header) == r->c->space &&
        map64_get(&r->inodes, (uint64_t)at.page << 16 | at.offset, &segment))
        return segment;
    if (r->c->is_live(r->c->ctx, r->c->facts[root].index_id))
        report(r, root, "names a segment that is none, at page %" PRIu32 ", byte %u", at.page,
               at.offset);
    return 0;
}

/* Of each index that has a root: id -> place in owners. */
struct index_owners {
    struct map64 by_id;
    struct owners *items;
    size_t n, cap;
};

static bool is_index(const struct page_fact *f)
{
    return f->kind == PAGE_KIND_INDEX && f->use == PAGE_USE_USED;
}

static struct err *find_owners(struct run *r, struct index_owners *all)
{
    uint64_t seen;
    for (page_no_t no = 0; no < r->c->n_pages; no++) {
        const struct page_fact *f = &r->c->facts[no];
        const uint8_t *page;
        if (!is_index(f) || !f->root || map64_get(&all->by_id, f->index_id, &seen))
            continue;
        TRY(r->c->read(r->c->ctx, &page, no));
        if (!page)
            continue;
        mem_grow(&all->items, &all->cap, all->n, sizeof *all->items);
        map64_put(&all->by_id, f->index_id, all->n);
        all->items[all->n++] =
            (struct owners){.leaf = segment_of_header(r, no, page + SEGMENT_LEAF),
                            .top = segment_of_header(r, no, page + SEGMENT_TOP)};
    }
    return NULL;
}

/* Which segment has the page; 0: not known, or none. */
static bool owner_of(const struct run *r, page_no_t no, uint64_t *segment)
{
    const struct extent_fact *e = &r->c->extents[no / r->extent];
    if (e->state == STATE_SEGMENT || e->state == STATE_LENT) {
        *segment = e->segment;
        return true;
    }
    return map64_get(&r->single, no, segment);
}

static void check_owner(const struct run *r, page_no_t no, struct owners *owners)
{
    const struct page_fact *f = &r->c->facts[no];
    const uint64_t wanted = f->level == 0 && !f->root ? owners->leaf : owners->top;
    uint64_t found;
    if (!wanted || owners->said || !r->c->extents[no / r->extent].seen)
        return;
    if (!owner_of(r, no, &found))
        report(r, no, "is of index %" PRIu64 ", and in no segment", f->index_id);
    else if (found != wanted)
        report(r, no, "is of index %" PRIu64 ", and in segment %" PRIu64 " instead of %" PRIu64,
               f->index_id, found, wanted);
    else
        return;
    owners->said = true;
}

static void check_owners(const struct run *r, const struct index_owners *all, bool roots)
{
    uint64_t i;
    for (page_no_t no = 0; no < r->c->n_pages; no++) {
        const struct page_fact *f = &r->c->facts[no];
        if (is_index(f) && f->root == roots && map64_get(&all->by_id, f->index_id, &i))
            check_owner(r, no, &all->items[i]);
    }
}

static struct err *check_index_pages(struct run *r)
{
    struct index_owners all = {0};
    if (r->inodes_lost)
        return NULL;
    struct err *e = find_owners(r, &all);
    if (!e) {
        check_owners(r, &all, true);
        check_owners(r, &all, false);
    }
    map64_fini(&all.by_id);
    free(all.items);
    return e;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* A file that was just made: the server writes size and flags first, and then lays it out. */
static bool is_bare(const uint8_t *page_0)
{
    return be32(page_0 + FSP_LIMIT) == 0 &&
           bytes_are_zero(page_0 + FSP_FREE, FSP_LISTS_END - FSP_FREE);
}

static struct err *check_space(struct run *r)
{
    static const struct {
        uint16_t base;
        uint8_t state;
    } lists[] = {
        {FSP_FREE, STATE_FREE}, {FSP_FREE_FRAG, STATE_FREE_FRAG}, {FSP_FULL_FRAG, STATE_FULL_FRAG}};
    uint8_t inode_bases[2 * BASE_SIZE];
    const uint8_t *page;
    TRY(r->c->read(r->c->ctx, &page, 0));
    if (!page || is_bare(page))
        return NULL;
    memcpy(inode_bases, page + FSP_INODES, sizeof inode_bases);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        check_extents(r, &(struct extent_list){0, page + lists[i].base, lists[i].state, 0});
    TRY(check_inodes(r, inode_bases, inode_bases + BASE_SIZE));
    check_unlisted(r);
    return check_index_pages(r);
}

struct err *segment_check_run(const struct segment_check *c)
{
    const uint32_t extent = space_extent_pages(c->format->page_size);
    struct run r = {.c = c, .extent = extent, .xdes_size = xdes_bytes(extent)};
    r.page = mem_alloc(c->format->physical);
    struct err *e = c->n_pages ? check_space(&r) : NULL;
    map64_fini(&r.inodes);
    map64_fini(&r.ids);
    map64_fini(&r.single);
    free(r.page);
    return e;
}
