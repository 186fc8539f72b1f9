/* innodb/tree_check.c: see tree_check.h; T1 to T5 are the rules there. */
#include "innodb/tree_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/map64.h"
#include "base/mem.h"

enum { CHILD_BYTES = 4, WHAT_SIZE = 200, INFO_MIN_REC = 0x10, LEVEL_OF_FATHERS = 2 };

struct tree {
    uint64_t id;
    page_no_t root;   /* PAGE_NO_NONE: none was met */
    page_no_t member; /* the first page of it, for messages */
    bool live;        /* the dictionary has it */
    bool unborn;      /* its root is empty: it is being built */
    bool shrinking;   /* a page of it was freed that another one still names */
    bool holes; /* a page of it above the leaves is damaged: what that leads to is not known */
};

struct run {
    const struct tree_check *t;
    struct map64 by_id; /* index id -> place in trees */
    struct tree *trees;
    size_t n_trees, cap_trees;
    struct index_records records; /* of the page at hand */
    struct index_records records_below;
    uint8_t *frame; /* of the page at hand, when pages below it are read, too */
};

__attribute__((format(printf, 3, 4))) static void report(const struct run *r, page_no_t no,
                                                         const char *fmt, ...)
{
    char what[WHAT_SIZE];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    r->t->report(r->t->ctx, no, what);
}

static bool is_free(const struct page_fact *f)
{
    return f->use == PAGE_USE_FREE;
}

static bool is_page(const struct page_fact *f)
{
    return f->kind == PAGE_KIND_INDEX && !is_free(f);
}

/* --- indexes (T2) ----------------------------------------------------------------------------- */

static struct tree *tree_of(struct run *r, uint64_t id)
{
    uint64_t i;
    return map64_get(&r->by_id, id, &i) ? &r->trees[i] : NULL;
}

static struct tree *tree_add(struct run *r, page_no_t no)
{
    const uint64_t id = r->t->facts[no].index_id;
    struct tree *tree = tree_of(r, id);
    if (tree)
        return tree;
    map64_put(&r->by_id, id, r->n_trees);
    mem_grow(&r->trees, &r->cap_trees, r->n_trees, sizeof *r->trees);
    tree = &r->trees[r->n_trees++];
    *tree = (struct tree){
        .id = id, .root = PAGE_NO_NONE, .member = no, .live = r->t->is_live(r->t->ctx, id)};
    return tree;
}

static void add_root(struct run *r, struct tree *tree, page_no_t no)
{
    const struct page_fact *f = &r->t->facts[no];
    if (tree->root != PAGE_NO_NONE) {
        report(r, no, "is a second root of index %" PRIu64 ", besides page %" PRIu32, tree->id,
               tree->root);
        return;
    }
    tree->root = no;
    tree->unborn = f->level == 0 && f->n_recs == 0;
    if (f->prev != PAGE_NO_NONE || f->next != PAGE_NO_NONE)
        report(r, no, "is the root of index %" PRIu64 " and names neighbours", tree->id);
}

/* What damaged pages may have been: one of an index, above its leaves or its root; or, when that is not known, of any. */
static void note_damaged(struct run *r)
{
    const struct tree_check *t = r->t;
    bool of_any = false;
    for (page_no_t no = 0; no < t->n_pages; no++) {
        const struct page_fact *f = &t->facts[no];
        if (f->kind != PAGE_KIND_DAMAGED || is_free(f))
            continue;
        struct tree *tree = tree_of(r, f->index_id);
        of_any = of_any || !tree;
        if (tree && f->level > 0)
            tree->holes = true;
        if (tree && f->root && tree->root == PAGE_NO_NONE)
            tree->root = no;
    }
    for (size_t i = 0; i < r->n_trees && of_any; i++)
        r->trees[i].holes = true;
}

static void find_trees(struct run *r)
{
    const struct tree_check *t = r->t;
    for (page_no_t no = 0; no < t->n_pages; no++) {
        struct tree *tree = is_page(&t->facts[no]) ? tree_add(r, no) : NULL;
        if (tree && t->facts[no].root)
            add_root(r, tree, no);
    }
    note_damaged(r);
    for (size_t i = 0; i < r->n_trees; i++)
        if (r->trees[i].root == PAGE_NO_NONE && !r->trees[i].holes)
            report(r, r->trees[i].member, "is of index %" PRIu64 ", which has no root",
                   r->trees[i].id);
}

/* --- neighbours (T1) -------------------------------------------------------------------------- */

/* Judges the page that page `no` names on one side: "next" or "previous". */
static void check_neighbour(struct run *r, page_no_t no, page_no_t other, const char *side)
{
    const struct page_fact *f = &r->t->facts[no], *o = NULL;
    struct tree *tree = tree_of(r, f->index_id);
    if (other < r->t->n_pages)
        o = &r->t->facts[other];
    if (!o) {
        report(r, no, "names page %" PRIu32 " as the %s one, behind the end of the tablespace",
               other, side);
    } else if (is_free(o) && tree->live) {
        report(r, no, "names page %" PRIu32 " as the %s one, which is marked free", other, side);
    } else if (is_free(o)) {
        tree->shrinking = true;
    } else if (o->kind == PAGE_KIND_OTHER) {
        report(r, no, "names page %" PRIu32 " as the %s one, which is no index page", other, side);
    } else if (o->kind == PAGE_KIND_DAMAGED) {
        return;
    } else if (o->index_id != f->index_id) {
        report(r, no,
               "of index %" PRIu64 " names page %" PRIu32
               " as the %s one, which is of index %" PRIu64,
               f->index_id, other, side, o->index_id);
    } else if (o->level != f->level) {
        report(r, no, "of level %u names page %" PRIu32 " as the %s one, which is of level %u",
               f->level, other, side, o->level);
    }
}

static void check_links(struct run *r)
{
    const struct tree_check *t = r->t;
    for (page_no_t no = 0; no < t->n_pages; no++) {
        const struct page_fact *f = &t->facts[no];
        if (!is_page(f) || tree_of(r, f->index_id)->unborn)
            continue;
        if (f->next != PAGE_NO_NONE)
            check_neighbour(r, no, f->next, "next");
        if (f->prev != PAGE_NO_NONE)
            check_neighbour(r, no, f->prev, "previous");
        if (f->next < t->n_pages && is_page(&t->facts[f->next]) && t->facts[f->next].prev != no)
            report(r, no,
                   "names page %" PRIu32 " as the next one, which names page %" PRIu32
                   " as the one before it",
                   f->next, t->facts[f->next].prev);
        if (f->prev < t->n_pages && is_page(&t->facts[f->prev]) && t->facts[f->prev].next != no)
            report(r, no,
                   "names page %" PRIu32 " as the previous one, which names page %" PRIu32
                   " as the one behind it",
                   f->prev, t->facts[f->prev].next);
    }
}

/* --- node pointers (T3) ----------------------------------------------------------------------- */

/* The page above the leaves whose records are followed. */
struct above {
    struct run *r;
    page_no_t no;
    struct tree *tree;
    struct index_checked page;
    bool sorted; /* no R-tree: its children follow each other */
    bool strays; /* one of its node pointers leads to no page: that is said once */
};

static bool may_be_child(const struct above *a, page_no_t no)
{
    const struct tree_check *t = a->r->t;
    const struct page_fact *father = &t->facts[a->no];
    if (no >= t->n_pages || no == a->no)
        return false;
    const struct page_fact *f = &t->facts[no];
    return is_page(f) && f->index_id == father->index_id && f->level + 1 == father->level;
}

/* Whether the node pointer of an index that may be about to be removed leads to a page of it that is gone already. */
static bool names_freed(const struct above *a, struct index_child range)
{
    const struct tree_check *t = a->r->t;
    const struct page_fact *father = &t->facts[a->no];
    for (uint32_t at = range.from; at + CHILD_BYTES <= range.to && !a->tree->live; at++) {
        const page_no_t no = be32(a->page.frame + at);
        const struct page_fact *f = no < t->n_pages ? &t->facts[no] : NULL;
        if (f && is_free(f) &&
            (f->kind == PAGE_KIND_OTHER ||
             (f->index_id == father->index_id && f->level + 1 == father->level)))
            return true;
    }
    return false;
}

static bool names_page(const struct above *a, struct index_child range, page_no_t no)
{
    for (uint32_t at = range.from; at + CHILD_BYTES <= range.to; at++)
        if (be32(a->page.frame + at) == no)
            return true;
    return false;
}

/* Which child a node pointer leads to, where none is expected. That of the first one of a level has no page before it, and there is
 * only one such page; else one whose next page the next node pointer names, or any that could be one. PAGE_NO_NONE: there is
 * none. next: the range of the next node pointer, empty if there is none. */
static page_no_t guess_child(const struct above *a, struct index_child range,
                             struct index_child next, bool first)
{
    page_no_t any = PAGE_NO_NONE, likely = PAGE_NO_NONE;
    for (uint32_t at = range.from; at + CHILD_BYTES <= range.to; at++) {
        const page_no_t no = be32(a->page.frame + at);
        if (!may_be_child(a, no))
            continue;
        const struct page_fact *f = &a->r->t->facts[no];
        if (first && f->prev == PAGE_NO_NONE)
            return no;
        if (next.from < next.to ? names_page(a, next, f->next) : f->father == 0)
            likely = no;
        any = no;
    }
    return likely != PAGE_NO_NONE ? likely : any;
}

static void take_child(const struct above *a, page_no_t child)
{
    struct page_fact *f = &a->r->t->facts[child];
    if (f->father == a->no + 1)
        report(a->r, a->no, "leads to page %" PRIu32 " twice", child);
    else if (f->father)
        report(a->r, a->no, "leads to page %" PRIu32 ", and so does page %" PRIu32, child,
               f->father - 1);
    f->father = a->no + 1;
}

/* --- keys of node pointers (T5) --------------------------------------------------------------- */

static bool is_first_of_level(const struct above *a, uint32_t rec)
{
    const bool comp = be16(a->page.frame + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    return a->page.frame[rec - (comp ? COMP_EXTRA : REDUNDANT_EXTRA)] & INFO_MIN_REC;
}

/* Whether the node pointer at rec, up to where it may have the child's number, is what the record `first` of that page begins with. */
static bool has_key_of(const struct above *a, uint32_t rec, struct index_child range,
                       page_no_t child, const struct index_checked *below, uint32_t first)
{
    const uint32_t room = be16(below->frame + INDEX_HEAP_TOP) - first;
    for (uint32_t at = range.from; at + CHILD_BYTES <= range.to; at++)
        if (be32(a->page.frame + at) == child && at - rec <= room &&
            !memcmp(a->page.frame + rec, below->frame + first, at - rec))
            return true;
    return false;
}

/* Of a node pointer that names that child. */
static struct err *check_key(const struct above *a, uint32_t rec, struct index_child range,
                             page_no_t child)
{
    struct run *r = a->r;
    struct index_checked below;
    struct index_facts facts;
    if (!r->frame || !a->sorted || is_first_of_level(a, rec) || !is_page(&r->t->facts[child]))
        return NULL;
    TRY(r->t->read(r->t->ctx, &below, child));
    if (index_check(&facts, &r->records_below, &below))
        return NULL; /* it is said when its own node pointers are followed */
    const uint32_t first = index_check_next(&below, 0);
    if (first && !has_key_of(a, rec, range, child, &below, first))
        report(r, a->no, "leads to page %" PRIu32 " with another key than the first one there",
               child);
    return NULL;
}

/* --- levels ----------------------------------------------------------------------------------- */

/* What is expected of the next node pointer of a level. */
struct expected {
    bool first; /* there was none before it */
    bool known; /* it leads to `page` */
    page_no_t page;
};

static void report_pointer(struct above *a, page_no_t child, const struct expected *expected)
{
    const struct run *r = a->r;
    const bool told = a->strays;
    a->strays |= child == PAGE_NO_NONE;
    if (child == PAGE_NO_NONE && told)
        return;
    if (child == PAGE_NO_NONE && !a->tree->holes)
        report(r, a->no, "has a node pointer that leads to no page of level %u of its index",
               r->t->facts[a->no].level - 1u);
    else if (expected->known && expected->page == PAGE_NO_NONE)
        report(r, a->no, "leads to page %" PRIu32 " behind the last one of the level below", child);
    else if (expected->known)
        report(r, a->no,
               "leads to page %" PRIu32 " where page %" PRIu32
               " is the next one of the level below",
               child, expected->page);
}

static struct err *check_pointer(struct above *a, uint32_t rec, struct index_child range,
                                 struct index_child next, struct expected *expected)
{
    const struct tree_check *t = a->r->t;
    page_no_t child = expected->page;
    const bool is_there = expected->known && may_be_child(a, child);
    if (!is_there || !names_page(a, range, child)) {
        child = guess_child(a, range, next, expected->first && a->sorted);
        if (!is_there && child == PAGE_NO_NONE && names_freed(a, range))
            a->tree->shrinking = true;
        if (is_there || !a->tree->shrinking)
            report_pointer(a, child, expected);
    }
    *expected = (struct expected){.known = a->sorted && child != PAGE_NO_NONE};
    if (child == PAGE_NO_NONE)
        return NULL;
    take_child(a, child);
    expected->page = t->facts[child].next;
    return names_page(a, range, child) ? check_key(a, rec, range, child) : NULL;
}

/* Reads the page, and keeps it where others will be read meanwhile. */
static struct err *read_above(struct above *a)
{
    struct run *r = a->r;
    free(r->frame);
    r->frame = NULL;
    TRY(r->t->read(r->t->ctx, &a->page, a->no));
    if (r->t->facts[a->no].level < LEVEL_OF_FATHERS)
        return NULL;
    r->frame = mem_alloc(a->page.size);
    memcpy(r->frame, a->page.frame, a->page.size);
    a->page.frame = r->frame;
    return NULL;
}

static struct err *check_above(struct run *r, page_no_t no, struct expected *expected)
{
    const struct tree_check *t = r->t;
    struct page_fact *f = &t->facts[no];
    struct above a = {.r = r, .no = no, .tree = tree_of(r, f->index_id), .sorted = !f->rtree};
    struct index_facts facts;
    f->followed = true;
    TRY(read_above(&a));
    const char *why = index_check(&facts, &r->records, &a.page);
    if (why) {
        report(r, no, "is no longer what it was: %s", why);
        return NULL;
    }
    for (uint32_t rec = index_check_next(&a.page, 0), next; rec; rec = next) {
        struct index_child after = {0, 0};
        next = index_check_next(&a.page, rec);
        if (next)
            after = index_check_child(&a.page, &r->records, next);
        TRY(check_pointer(&a, rec, index_check_child(&a.page, &r->records, rec), after, expected));
    }
    return NULL;
}

/* Follows a level from its first page on. */
static struct err *check_level(struct run *r, page_no_t first)
{
    const struct tree_check *t = r->t;
    const struct page_fact *as = &t->facts[first];
    struct expected expected = {.first = true};
    page_no_t before = PAGE_NO_NONE, no = first;
    for (; no < t->n_pages; before = no, no = t->facts[no].next) {
        const struct page_fact *f = &t->facts[no];
        if (!is_page(f) || f->index_id != as->index_id || f->level != as->level ||
            f->prev != before || f->followed)
            return NULL; /* T1 says so */
        TRY(check_above(r, no, &expected));
    }
    if (no == PAGE_NO_NONE && expected.known && expected.page != PAGE_NO_NONE)
        report(r, before,
               "has no node pointer to page %" PRIu32 ", which is the next one of the level below",
               expected.page);
    return NULL;
}

static bool is_to_be_followed(struct run *r, page_no_t no)
{
    const struct page_fact *f = &r->t->facts[no];
    return is_page(f) && f->level > 0 && !f->followed && !tree_of(r, f->index_id)->unborn;
}

/* Levels from their first pages on, then pages that cannot be reached so. */
static struct err *check_pointers(struct run *r)
{
    const struct tree_check *t = r->t;
    for (page_no_t no = 0; no < t->n_pages; no++)
        if (is_to_be_followed(r, no) && t->facts[no].prev == PAGE_NO_NONE)
            TRY(check_level(r, no));
    for (page_no_t no = 0; no < t->n_pages; no++) {
        struct expected expected = {0};
        if (is_to_be_followed(r, no))
            TRY(check_above(r, no, &expected));
    }
    return NULL;
}

/* --- fathers (T4) ----------------------------------------------------------------------------- */

static void check_fathers(struct run *r)
{
    const struct tree_check *t = r->t;
    for (page_no_t no = 0; no < t->n_pages; no++) {
        const struct page_fact *f = &t->facts[no];
        const struct tree *tree = is_page(f) ? tree_of(r, f->index_id) : NULL;
        if (!tree || f->father || f->root || tree->root == PAGE_NO_NONE || tree->unborn ||
            tree->shrinking || tree->holes)
            continue;
        report(r, no, "is in use, and no node pointer of index %" PRIu64 " leads to it",
               f->index_id);
    }
}

struct err *tree_check_run(const struct tree_check *t)
{
    AUTO_FREE struct run *r = mem_zalloc(sizeof *r);
    r->t = t;
    find_trees(r);
    check_links(r);
    struct err *e = check_pointers(r);
    if (!e)
        check_fathers(r);
    map64_fini(&r->by_id);
    free(r->trees);
    free(r->frame);
    return e;
}
