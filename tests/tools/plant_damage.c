/* tests/tools/plant_damage.c: makes a copy of an archive in which index pages, extent descriptors and segment inodes are damaged, with
 * right checksums everywhere: what only a check of the structure can find.
 *
 *     plant_damage [--kind=KIND] [--keyring-file=FILE] REPOSITORY ID NEW_ARCHIVE SEED
 *
 * Damages one page of each of up to 20 tablespaces of which the archive stores anything, in the way that its turn is or in the next one
 * that can be, or all in the way of KIND: mbe names 100 places. Of a full backup one seed in five the system tablespace, and nothing
 * else: MariaDB's definitions of indexes are there. A page is taken that this archive stores (of an increment: pages that it does not
 * store are read from those below, and stay), that is in use, and that no redo of the archive changes, so that a restore has it as it is
 * here. An encrypted page is enciphered again; without the key file it is left alone. Prints "KIND clear|encrypted PAGE PATH" for each.
 * What is changed is always live structure: the heap, lists and directory of records, links between pages, node pointers, what a page
 * says it is, which pages are in use, and which segments they are of. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/writer.h"
#include "base/bytes.h"
#include "base/map64.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/page_compress.h"
#include "innodb/page_crypt.h"
#include "innodb/page_zip.h"
#include "innodb/space_use.h"
#include "restore/overlay.h"
#include "verify/key_file.h"
#include "verify/redo_entry.h"

enum {
    FIL_PREV = 8,
    FIL_NEXT = 12,
    FSP_LISTS = 62, /* see innodb/segment_check.h, space_use.h */
    LIST_BASE = 16,
    XDES_NODE = 8,
    NODE_NEXT = 6,
    XDES_STATE = 20,
    XDES_BITS = 24,
    STATE_SEGMENT = 4,
    INODE_PAGE_NO = 2,
    INODES = 50,
    INODES_END = 10,
    INODE_PAGES = 64,
    SEGMENT_LEAF = 74,
    SEGMENT_TOP = 84,
    SEGMENT_SIZE = 10,
    TRIES = 300,
    STATUS_BITS = 7,
    SEEDS_OF_OTHERS = 5,
    PLANTED_MAX = 20,
};

struct space {
    const struct archive_attr *attr;
    struct space_format format;
    bool instant_metadata;
    page_no_t n_pages;
    uint32_t extent;  /* pages */
    uint8_t *bytes;   /* of the file, as they are stored over the chain */
    bool *is_of_last; /* of each page: the last archive stores it */
    struct space_key key;
    struct page_fact *facts;
};

/* The page at hand. */
struct victim {
    struct space *space;
    page_no_t no;    /* what is changed */
    page_no_t about; /* what is damaged by it */
    uint8_t *stored; /* as in the archive */
    uint8_t *frame;  /* the logical image of an index page */
    struct index_checked page;
    struct index_facts facts;
    struct index_records records;
    struct page_zip_layout layout;
    uint8_t *other; /* room for another stored page */
};

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? (uint32_t)(random_state >> 33) % n : 0;
}

/* --- reading -------------------------------------------------------------------------------- */

static const uint8_t *stored_page(const struct space *s, page_no_t no)
{
    return s->bytes + (size_t)no * s->format.physical;
}

static bool is_enciphered(const struct space *s, page_no_t no)
{
    return page_is_encrypted(&s->format, stored_page(s, no), no);
}

/* The page in clear; as it is stored when there are no keys. */
static struct err *read_page(const struct space *s, page_no_t no, uint8_t *page)
{
    if (is_enciphered(s, no) && s->key.kind != SPACE_KEY_NONE)
        return page_decrypt(&s->key, &s->format, stored_page(s, no), page);
    memcpy(page, stored_page(s, no), s->format.physical);
    return NULL;
}

/* Reads an index page into the victim; *is says whether it is one, whole and in clear. */
static struct err *read_index_page(struct victim *v, page_no_t no, bool *is)
{
    const struct space *s = v->space;
    char why[PAGE_WHY_SIZE];
    *is = false;
    v->no = v->about = no;
    TRY(read_page(s, no, v->stored));
    if (page_check(&s->format, s->attr->space_id, no, v->stored, why) != PAGE_OK ||
        page_is_encrypted(&s->format, v->stored, no))
        return NULL;
    if (page_is_compressed(&s->format, v->stored))
        TRY(page_decompress(&s->format, v->stored, v->frame));
    else
        memcpy(v->frame, v->stored, s->format.physical);
    if (!index_check_is_type(be16(v->frame + FIL_TYPE), s->instant_metadata))
        return NULL;
    if (s->format.zip &&
        page_zip_decode(&v->layout, v->frame, s->format.page_size, v->stored, s->format.physical))
        return NULL;
    v->page = (struct index_checked){v->frame, s->format.page_size, s->instant_metadata};
    *is = !index_check(&v->facts, &v->records, &v->page);
    return NULL;
}

/* The file over the chain, and which pages of it are the last archive's own. */
static struct err *load_space(struct space *s, const struct chain *chain,
                              const struct file_parts *parts)
{
    AUTO(overlay) o = NULL;
    AUTO_FREE struct overlay_window *w = mem_zalloc(sizeof *w);
    const bool last_has_some = parts->items[0].link == chain->n - 1;
    s->n_pages = (page_no_t)(s->attr->size / s->format.physical);
    s->extent = space_extent_pages(s->format.page_size);
    s->bytes = mem_alloc((size_t)s->attr->size + 1);
    s->is_of_last = mem_zalloc((size_t)s->n_pages + 1);
    TRY(overlay_open(&o, chain, parts, 0, s->attr->size));
    w->unit = s->format.physical;
    for (w->at = 0; w->at < s->attr->size; w->at += w->len) {
        const uint64_t left = s->attr->size - w->at;
        w->buf = s->bytes + w->at;
        w->len = left < OVERLAY_WINDOW ? (size_t)left : OVERLAY_WINDOW;
        TRY(overlay_fill(o, w));
        for (size_t i = 0; i < w->len / w->unit; i++)
            s->is_of_last[w->at / w->unit + i] = last_has_some && w->part[i] == 0;
    }
    return NULL;
}

static struct err *learn_space(struct space *s, struct victim *v, const struct keyring *keys)
{
    AUTO_FREE uint8_t *page = mem_alloc(s->format.physical);
    v->space = s;
    if (keys)
        TRY(space_key_find(&s->key, &s->format, s->bytes, keys));
    s->facts = mem_zalloc(((size_t)s->n_pages + 1) * sizeof *s->facts);
    for (page_no_t no = 0; no < s->n_pages; no++) {
        bool is;
        TRY(read_index_page(v, no, &is));
        if (is && !index_is_change_buffer(s->attr->space_id, v->facts.index_id)) {
            struct page_fact *f = &s->facts[no];
            f->kind = PAGE_KIND_INDEX;
            f->index_id = v->facts.index_id;
            f->prev = v->facts.prev;
            f->next = v->facts.next;
            f->level = v->facts.level;
            f->n_recs = v->facts.n_recs;
            f->root = v->facts.root;
            f->rtree = v->facts.rtree;
        }
        if (!space_use_is_page(&s->format, no))
            continue;
        TRY(read_page(s, no, page));
        if (!bytes_are_zero(page, s->format.physical) && !page_is_compressed(&s->format, page))
            (void)space_use_note(s->facts, s->n_pages, &s->format, no, page);
    }
    return NULL;
}

/* --- the ways ------------------------------------------------------------------------------- */

/* A random record of the list; 0: there is none. */
static uint32_t any_record(const struct victim *v)
{
    uint32_t r = 0;
    for (uint32_t n = v->facts.n_recs ? pick(v->facts.n_recs) + 1 : 0; n; n--)
        r = index_check_next(&v->page, r);
    return r;
}

static struct index_page open_page(const struct victim *v)
{
    const bool comp = be16(v->frame + INDEX_N_HEAP) & INDEX_COMP_FLAG;
    return (struct index_page){v->frame, v->page.size, comp, be16(v->frame + INDEX_N_SLOTS)};
}

static bool is_lonely(const struct victim *v)
{
    return v->facts.prev == PAGE_NO_NONE && v->facts.next == PAGE_NO_NONE;
}

static bool put_link(const struct victim *v, uint32_t at)
{
    const page_no_t old = be32(v->frame + at);
    page_no_t no = pick(8) ? pick(v->space->n_pages) : pick(UINT32_MAX);
    if (old != PAGE_NO_NONE && !pick(4))
        no = PAGE_NO_NONE;
    put_be32(v->frame + at, no);
    return no != old;
}

static bool damage_next(struct victim *v)
{
    return put_link(v, FIL_NEXT);
}

static bool damage_prev(struct victim *v)
{
    return put_link(v, FIL_PREV);
}

static bool damage_level(struct victim *v)
{
    const unsigned level = v->facts.level;
    put_be16(v->frame + INDEX_LEVEL,
             (uint16_t)(level && pick(2) ? level - 1 : level + 1 + pick(3)));
    return v->facts.n_recs > 0;
}

static bool damage_n_recs(struct victim *v)
{
    const unsigned n = v->facts.n_recs;
    put_be16(v->frame + INDEX_N_RECS, (uint16_t)(n && pick(2) ? n - 1 : n + 1 + pick(5)));
    return true;
}

static bool damage_slot(struct victim *v)
{
    struct index_page ix = open_page(v);
    const uint32_t i = pick(ix.n_slots), old = index_page_slot(&ix, i);
    uint32_t r = any_record(v);
    if (!r || !pick(3))
        r = pick(v->page.size);
    index_page_set_slot(&ix, i, r);
    return r != old;
}

static bool damage_n_slots(struct victim *v)
{
    const struct index_page ix = open_page(v);
    put_be16(v->frame + INDEX_N_SLOTS,
             (uint16_t)(ix.n_slots > 2 && pick(2) ? ix.n_slots - 1 : ix.n_slots + 1));
    return true;
}

static bool damage_record_pointer(struct victim *v)
{
    struct index_page ix = open_page(v);
    const uint32_t r = any_record(v), to = any_record(v);
    if (!r)
        return false;
    const uint32_t old = index_page_next(&ix, r);
    index_page_set_next(&ix, r, pick(3) ? to : pick(v->page.size));
    return index_page_next(&ix, r) != old;
}

static bool damage_heap_no(struct victim *v)
{
    struct index_page ix = open_page(v);
    const uint32_t r = any_record(v), no = pick(v->records.n_heap + 2);
    if (!r || index_page_heap_no(&ix, r) == no)
        return false;
    index_page_set_heap_no(&ix, r, no);
    return true;
}

static bool damage_n_owned(struct victim *v)
{
    struct index_page ix = open_page(v);
    const uint32_t r = any_record(v), n = pick(9);
    if (!r || index_page_n_owned(&ix, r) == n)
        return false;
    index_page_set_n_owned(&ix, r, n);
    return true;
}

static bool damage_n_heap(struct victim *v)
{
    const unsigned n = be16(v->frame + INDEX_N_HEAP);
    put_be16(v->frame + INDEX_N_HEAP, (uint16_t)(pick(2) ? n - 1 : n + 1));
    return true;
}

static bool damage_row_format(struct victim *v)
{
    put_be16(v->frame + INDEX_N_HEAP, (uint16_t)(be16(v->frame + INDEX_N_HEAP) ^ INDEX_COMP_FLAG));
    return true;
}

static bool damage_free_list(struct victim *v)
{
    struct index_page ix = open_page(v);
    const uint32_t head = be16(v->frame + INDEX_FREE), to = any_record(v);
    if (head && pick(2)) {
        const uint32_t old = index_page_next(&ix, head);
        index_page_set_next(&ix, head, to);
        return old != to;
    }
    put_be16(v->frame + INDEX_FREE, (uint16_t)to);
    return to != head;
}

static bool damage_kind(struct victim *v)
{
    const uint32_t r = any_record(v);
    if (!r || !open_page(v).comp)
        return false;
    v->frame[r - 3] = (uint8_t)((v->frame[r - 3] & ~STATUS_BITS) | (v->facts.level ? 0 : 1));
    return true;
}

static bool damage_ends(struct victim *v)
{
    const struct index_page ix = open_page(v);
    if (be16(v->frame + FIL_TYPE) == FIL_TYPE_INSTANT)
        return false;
    v->frame[(pick(2) ? index_page_infimum(&ix) : index_page_supremum(&ix)) + pick(7)] ^= 1;
    return true;
}

static bool damage_index_id(struct victim *v)
{
    put_be64(v->frame + INDEX_ID, v->facts.index_id + 1 + pick(1000));
    return true;
}

/* A table of this name has keys that begin with strings of collations that compare bytes, and differ early. */
#define STRINGS_FILE "/bins.ibd"

/* Whether the order of the records can be told without collations: all keys of the page begin with an integer, as it seems, or it
 * is of such a table. */
static bool has_sorted_keys(const struct victim *v)
{
    const char *path = v->space->attr->path, *name = strrchr(path, '/');
    if (name && !strcmp(name, STRINGS_FILE))
        return be16(v->frame + FIL_TYPE) == FIL_TYPE_INDEX;
    uint32_t r = index_check_next(&v->page, 0);
    const uint8_t first = r ? v->frame[r] : 0xFF;
    for (; r && v->frame[r] == first; r = index_check_next(&v->page, r))
        ;
    return !r && (first == 0x80 || first == 0) && !v->facts.rtree && v->space->attr->space_id;
}

/* Neighbours of the record list change places, and nothing else does. */
static bool damage_order(struct victim *v)
{
    struct index_page ix = open_page(v);
    for (int i = 0; i < 20 && has_sorted_keys(v); i++) {
        const uint32_t a = any_record(v), b = a ? index_check_next(&v->page, a) : 0;
        const uint32_t c = b ? index_check_next(&v->page, b) : 0;
        if (!c || index_page_n_owned(&ix, b) || index_page_n_owned(&ix, c) ||
            !memcmp(v->frame + b, v->frame + c, 4))
            continue;
        const uint32_t d = index_page_next(&ix, c);
        index_page_set_next(&ix, a, c);
        index_page_set_next(&ix, c, b);
        index_page_set_next(&ix, b, d);
        return true;
    }
    return false;
}

/* Where a node pointer's child is, found by what the pages of the level below say; 0: that is not certain. */
static uint32_t child_at(const struct victim *v, uint32_t r)
{
    const struct index_child range = index_check_child(&v->page, &v->records, r);
    uint32_t found = 0, n = 0;
    for (uint32_t at = range.from; at + 4 <= range.to; at++) {
        const page_no_t no = be32(v->frame + at);
        if (no >= v->space->n_pages)
            continue;
        const struct page_fact *f = &v->space->facts[no];
        if (f->kind == PAGE_KIND_INDEX && f->index_id == v->facts.index_id &&
            f->level + 1 == v->facts.level) {
            found = at;
            n++;
        }
    }
    return n == 1 ? found : 0;
}

static bool damage_child(struct victim *v)
{
    const uint32_t r = v->facts.level ? any_record(v) : 0, at = r ? child_at(v, r) : 0;
    const page_no_t no = pick(v->space->n_pages);
    if (!at || be32(v->frame + at) == no)
        return false;
    put_be32(v->frame + at, no);
    return true;
}

/* The last byte of the key of a node pointer that leads to other node pointers. */
static bool damage_child_key(struct victim *v)
{
    const uint32_t first = index_check_next(&v->page, 0);
    const uint32_t r = v->facts.level > 1 && !v->facts.rtree ? any_record(v) : 0;
    const uint32_t at = r ? child_at(v, r) : 0;
    if (r == first || at <= r)
        return false;
    v->frame[at - 1] ^= 1;
    return true;
}

/* The records and links of another page of the tablespace under this page's number. */
static bool damage_swap(struct victim *v)
{
    struct space *s = v->space;
    for (int i = 0; i < TRIES; i++) {
        const page_no_t no = pick(s->n_pages);
        if (no == v->no || s->facts[no].kind != PAGE_KIND_INDEX ||
            s->facts[no].use != PAGE_USE_USED ||
            (is_lonely(v) && s->facts[no].prev == PAGE_NO_NONE &&
             s->facts[no].next == PAGE_NO_NONE))
            continue;
        struct err *e = read_page(s, no, v->other);
        if (e || page_is_compressed(&s->format, v->other)) {
            err_free(e);
            continue;
        }
        memcpy(v->frame + FIL_PREV, v->other + FIL_PREV, 8);
        memcpy(v->frame + FIL_TYPE, v->other + FIL_TYPE, 2);
        memcpy(v->frame + FIL_BODY, v->other + FIL_BODY, v->page.size - FIL_BODY - FIL_TRAILER);
        return true;
    }
    return false;
}

/* Whether a page that is no longer an index page is missed: by its neighbours, or as the root of a user's index. */
static bool is_missed(const struct victim *v)
{
    const space_id_t dictionary = UINT32_MAX - 1; /* MySQL's */
    return !is_lonely(v) || (be16(v->stored + FIL_TYPE) != FIL_TYPE_SDI &&
                             v->space->attr->space_id && v->space->attr->space_id != dictionary);
}

/* The page says that it is something else. */
static bool damage_type(struct victim *v)
{
    put_be16(v->frame + FIL_TYPE, FIL_TYPE_BLOB);
    return is_missed(v);
}

/* The page was never written. */
static bool damage_zeros(struct victim *v)
{
    memset(v->frame, 0, v->page.size);
    return is_missed(v);
}

/* Page `no` instead of the victim into the frame. */
static bool take_page(struct victim *v, page_no_t no)
{
    struct space *s = v->space;
    struct err *e = no < s->n_pages ? read_page(s, no, v->frame) : err_make(USAGE, "no such page");
    const bool read = !e && !page_is_compressed(&s->format, v->frame);
    err_free(e);
    v->no = no;
    return read;
}

/* Descriptor of extent i, which page 0 has. */
static uint8_t *descriptor(const struct victim *v, uint32_t i)
{
    return v->frame + FSP_XDES + (size_t)i * (XDES_BITS + (2 * v->space->extent + 7) / 8);
}

/* Its extent descriptor says that the page is free. */
static bool damage_use(struct victim *v)
{
    const page_no_t no = v->no, i = no % v->space->extent;
    if (no >= v->space->format.physical || !is_missed(v) ||
        be16(v->stored + FIL_TYPE) == FIL_TYPE_SDI || !take_page(v, 0))
        return false;
    descriptor(v, no / v->space->extent)[XDES_BITS + i / 4] |= (uint8_t)(1 << (i % 4 * 2));
    return true;
}

/* Any extent of page 0 that is in a list; NULL: there is none. */
static uint8_t *any_extent(struct victim *v, uint32_t state)
{
    const struct space *s = v->space;
    const uint32_t n = s->format.physical / s->extent, have = s->n_pages / s->extent + 1;
    v->about = 0;
    if (!take_page(v, 0))
        return NULL;
    for (int i = 0; i < TRIES; i++) {
        uint8_t *xdes = descriptor(v, pick(have < n ? have : n));
        if (be32(xdes + XDES_STATE) == state)
            return xdes;
    }
    return NULL;
}

/* Leads from one extent to another one than the next. */
static bool damage_extent_list(struct victim *v)
{
    uint8_t *xdes = any_extent(v, 1 + pick(STATE_SEGMENT));
    if (!xdes)
        return false;
    uint8_t *link = xdes + XDES_NODE + (pick(2) ? NODE_NEXT : 0);
    const bool last = be32(link) == PAGE_NO_NONE;
    uint8_t old[NODE_NEXT];
    memcpy(old, link, sizeof old);
    put_be32(link, last || pick(2) ? pick(4) : PAGE_NO_NONE);
    put_be16(link + 4, (uint16_t)(FSP_XDES + XDES_NODE + 40 * pick(9)));
    return memcmp(link, old, sizeof old);
}

static bool damage_extent_owner(struct victim *v)
{
    uint8_t *xdes = any_extent(v, STATE_SEGMENT);
    if (xdes)
        put_be64(xdes, be64(xdes) + 1 + pick(9));
    return xdes;
}

static bool damage_list_length(struct victim *v)
{
    v->about = 0;
    if (!take_page(v, 0))
        return false;
    uint8_t *base = v->frame + FSP_LISTS + (size_t)LIST_BASE * pick(3);
    put_be32(base, be32(base) + 1 + pick(3));
    return true;
}

/* The inode page, in its usual place, forgets that a segment has the page. */
static bool damage_single_page(struct victim *v)
{
    const page_no_t no = v->no;
    if (!take_page(v, INODE_PAGE_NO) || be16(v->frame + FIL_TYPE) != FIL_TYPE_INODE)
        return false;
    const uint32_t size = INODE_PAGES + 2 * v->space->extent;
    for (uint32_t inode = INODES; inode + size + INODES_END <= v->space->format.physical;
         inode += size)
        for (uint32_t at = inode + INODE_PAGES; at < inode + size && be64(v->frame + inode);
             at += 4)
            if (be32(v->frame + at) == no) {
                put_be32(v->frame + at, PAGE_NO_NONE);
                return true;
            }
    return false;
}

/* A root has the segments of its leaves and of all else the wrong way round. */
static bool damage_segments(struct victim *v)
{
    uint8_t leaf[SEGMENT_SIZE];
    memcpy(leaf, v->frame + SEGMENT_LEAF, sizeof leaf);
    memcpy(v->frame + SEGMENT_LEAF, v->frame + SEGMENT_TOP, sizeof leaf);
    memcpy(v->frame + SEGMENT_TOP, leaf, sizeof leaf);
    return v->facts.root;
}

static const struct kind {
    const char *name;
    bool (*damage)(struct victim *v); /* false: this page cannot be damaged so */
    bool header; /* of COMPRESSED pages, too: nothing but the first 94 bytes is changed */
} kinds[] = {
    {"next", damage_next, true},
    {"prev", damage_prev, true},
    {"level", damage_level, false},
    {"n_recs", damage_n_recs, true},
    {"slot", damage_slot, false},
    {"n_slots", damage_n_slots, true},
    {"record_pointer", damage_record_pointer, false},
    {"heap_no", damage_heap_no, false},
    {"n_owned", damage_n_owned, false},
    {"n_heap", damage_n_heap, true},
    {"row_format", damage_row_format, true},
    {"free_list", damage_free_list, false},
    {"record_kind", damage_kind, false},
    {"ends", damage_ends, false},
    {"index_id", damage_index_id, true},
    {"order", damage_order, false},
    {"child", damage_child, false},
    {"child_key", damage_child_key, false},
    {"swap", damage_swap, false},
    {"type", damage_type, true},
    {"zeros", damage_zeros, false},
    {"use", damage_use, false},
    {"extent_list", damage_extent_list, false},
    {"extent_owner", damage_extent_owner, false},
    {"list_length", damage_list_length, false},
    {"single_page", damage_single_page, false},
    {"segments", damage_segments, true},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

/* --- which page ----------------------------------------------------------------------------- */

/* The damaged page, checksums right and enciphered as it was, into v->stored. */
static struct err *seal(struct victim *v, const struct kind *kind)
{
    const struct space_format *format = &v->space->format;
    if (format->zip && kind->header)
        memcpy(v->stored, v->frame, INDEX_RECORDS);
    else
        memcpy(v->stored, v->frame, format->physical);
    if (bytes_are_zero(v->stored, format->physical))
        return NULL;
    page_stamp(format, v->stored);
    if (!is_enciphered(v->space, v->no))
        return NULL;
    memcpy(v->other, v->stored, format->physical);
    return page_encrypt(&v->space->key, format, v->other, v->stored);
}

/* Whether a restore has the page as it is stored here. */
static bool is_ours(const struct space *s, page_no_t no, const struct map64 *in_redo)
{
    uint64_t seen;
    return s->is_of_last[no] && !map64_get(in_redo, (uint64_t)s->attr->space_id << 32 | no, &seen);
}

/* Damages a page of the space; *done: v->no, in v->stored. */
static struct err *damage_space(struct victim *v, const struct kind *kind,
                                const struct map64 *in_redo, bool *done)
{
    const struct space *s = v->space;
    *done = false;
    if (s->format.zip && !kind->header)
        return NULL;
    for (int i = 0; i < TRIES && !*done; i++) {
        const page_no_t no = pick(s->n_pages);
        bool is;
        if (s->facts[no].kind != PAGE_KIND_INDEX || s->facts[no].use != PAGE_USE_USED ||
            !is_ours(s, no, in_redo))
            continue;
        TRY(read_index_page(v, no, &is));
        *done = is && kind->damage(v) && is_ours(s, v->no, in_redo);
    }
    return *done ? seal(v, kind) : NULL;
}

/* --- the copy ------------------------------------------------------------------------------- */

struct planter {
    struct repo *repo;
    struct chain chain;
    struct chain_files files;
    struct key_file *keys;
    struct archive_reader *reader; /* of the last archive */
    const struct redo_family *family;
    struct archive_writer *writer;
    struct map64 in_redo;    /* space << 32 | page */
    const struct kind *kind; /* NULL: by turns */
    unsigned turn, planted;
    uint32_t n_spaces; /* that could be */
    bool system;       /* the system tablespace, and nothing else */
};

static struct err *note_record(void *ctx, const struct redo_record *rec, lsn_t start, lsn_t end)
{
    struct planter *p = ctx;
    (void)start;
    (void)end;
    if (p->family->kind(rec) == REDO_KIND_PAGE)
        map64_put(&p->in_redo, (uint64_t)rec->space << 32 | rec->page, 1);
    return NULL;
}

static struct err *write_run(struct planter *p, uint32_t id, uint64_t at, const uint8_t *data,
                             uint64_t len)
{
    static const uint8_t zeros[ARCHIVE_PIECE_MAX];
    while (len) {
        const size_t n = len < ARCHIVE_PIECE_MAX ? (size_t)len : ARCHIVE_PIECE_MAX;
        TRY(archive_write(p->writer, id, at, data ? data : zeros, n));
        at += n;
        len -= n;
        data = data ? data + n : NULL;
    }
    return NULL;
}

/* Copies an entry, all but [skip, skip_end). */
static struct err *copy_entry(struct planter *p, uint32_t entry, uint32_t id, uint64_t skip,
                              uint64_t skip_end)
{
    const struct archive_attr *a = archive_reader_entry(p->reader, entry);
    AUTO(archive_cursor) cursor = NULL;
    uint64_t at, len;
    const uint8_t *data;
    TRY(archive_cursor_open(&cursor, p->reader, entry, 0, a->size));
    for (;;) {
        TRY(archive_cursor_next(cursor, &at, &data, &len));
        if (!len)
            return NULL;
        const uint64_t end = at + len;
        if (at < skip)
            TRY(write_run(p, id, at, data, (end < skip ? end : skip) - at));
        if (end > skip_end) {
            const uint64_t from = at > skip_end ? at : skip_end;
            TRY(write_run(p, id, from, data ? data + (from - at) : NULL, end - from));
        }
    }
}

/* A victim with room for three pages of that size; to be freed. */
static struct victim *victim_new(uint32_t page_size)
{
    struct victim *v = mem_zalloc(sizeof *v + (size_t)3 * page_size);
    v->stored = (uint8_t *)(v + 1);
    v->frame = v->stored + page_size;
    v->other = v->frame + page_size;
    return v;
}

/* Damages a page of that tablespace if it can; *done: v->no, in v->stored. */
static struct err *plant_in(struct planter *p, struct space *s, struct victim *v,
                            const struct file_parts *parts, bool *done)
{
    const unsigned first = p->kind ? 0 : p->turn++;
    TRY(load_space(s, &p->chain, parts));
    TRY(learn_space(s, v, key_file_keys(p->keys)));
    for (unsigned i = 0; i < N_KINDS && !*done; i++) {
        const struct kind *kind = p->kind ? p->kind : &kinds[(first + i) % N_KINDS];
        TRY(damage_space(v, kind, &p->in_redo, done));
        if (*done)
            printf("%s %s %" PRIu32 " %s\n", kind->name,
                   is_enciphered(s, v->no) ? "encrypted" : "clear", v->about, s->attr->path);
    }
    p->planted += *done;
    return NULL;
}

static bool may_be_damaged(const struct planter *p, uint32_t entry)
{
    const struct archive_attr *a = archive_reader_entry(p->reader, entry);
    return archive_is_space(a->kind) && !a->first_page && (a->space_id == 0) == p->system &&
           archive_reader_has_content(p->reader, entry);
}

static struct err *copy_space(struct planter *p, uint32_t entry, uint32_t id)
{
    const uint32_t page_size = chain_last(&p->chain)->manifest.page_size;
    struct space s = {.attr = archive_reader_entry(p->reader, entry),
                      .instant_metadata = p->family->instant_metadata};
    AUTO_FREE struct victim *v = victim_new(page_size);
    struct err *e = NULL;
    bool done = false;
    TRY(space_format_decode(&s.format, s.attr->space_flags, page_size));
    if (may_be_damaged(p, entry) && pick(p->n_spaces) < PLANTED_MAX && p->planted < PLANTED_MAX)
        e = plant_in(p, &s, v, &p->files.of[entry], &done);
    free(s.bytes);
    free(s.is_of_last);
    free(s.facts);
    space_key_wipe(&s.key);
    TRY(e);
    const uint64_t at = done ? (uint64_t)v->no * s.format.physical : UINT64_MAX;
    if (done)
        TRY(write_run(p, id, at, v->stored, s.format.physical));
    return copy_entry(p, entry, id, at, done ? at + s.format.physical : UINT64_MAX);
}

static struct err *copy_all(struct planter *p)
{
    for (uint32_t i = 0; i < archive_reader_n_entries(p->reader); i++)
        p->n_spaces += may_be_damaged(p, i);
    for (uint32_t i = 0; i < archive_reader_n_entries(p->reader); i++) {
        const struct archive_attr *a = archive_reader_entry(p->reader, i);
        uint32_t id;
        TRY(archive_entry_add(p->writer, a, &id));
        if (archive_is_space(a->kind))
            TRY(copy_space(p, i, id));
        else
            TRY(copy_entry(p, i, id, UINT64_MAX, UINT64_MAX));
        TRY(archive_entry_set(p->writer, id, a));
    }
    return archive_writer_finish(p->writer, archive_reader_manifest(p->reader));
}

static struct err *read_redo(struct planter *p)
{
    const struct backup_manifest *m = &chain_last(&p->chain)->manifest;
    const struct redo_visitor visitor = {.ctx = p, .take = note_record};
    struct redo_walk w = {
        .from = m->from, .to = m->to, .keys = key_file_keys(p->keys), .visitor = &visitor};
    return redo_entry_walk(p->reader, p->family, &w, NULL);
}

static struct err *plant(struct planter *p, char **args, const char *keyring_file)
{
    struct sink *sink;
    TRY(repo_open(&p->repo, args[0], &(struct repo_options){0}));
    TRY(chain_open(&p->chain, p->repo, args[1]));
    TRY(chain_files_make(&p->files, &p->chain));
    p->reader = chain_last(&p->chain)->reader;
    p->family = chain_last(&p->chain)->manifest.family;
    p->system = p->system && p->chain.n == 1;
    TRY(key_file_open(&p->keys, p->family, keyring_file, NULL));
    TRY(read_redo(p));
    TRY(sink_file_open(&sink, args[2]));
    struct err *e = archive_writer_open(
        &p->writer, sink,
        &(struct archive_writer_options){.codec = ARCHIVE_CODEC_ZSTD, .level = 1});
    if (!e)
        e = copy_all(p);
    archive_writer_free(p->writer);
    if (!e)
        e = sink->commit(sink);
    sink->free(sink);
    return e;
}

static bool find_kind(struct planter *p, const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (!strcmp(kinds[i].name, name))
            p->kind = &kinds[i];
    return p->kind;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"kind", required_argument, NULL, 'k'},
                                            {"keyring-file", required_argument, NULL, 'f'},
                                            {0}};
    struct planter p = {0};
    const char *keyring_file = NULL;
    bool usable = true;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'f')
            keyring_file = optarg;
        else
            usable = c == 'k' && find_kind(&p, optarg) && usable;
    }
    if (!usable || argc - optind != 4) {
        fputs("usage: plant_damage [--kind=KIND] [--keyring-file=FILE] REPOSITORY ID NEW_ARCHIVE "
              "SEED\n",
              stderr);
        return 2;
    }
    const uint64_t seed = strtoull(argv[optind + 3], NULL, 10);
    random_state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    p.system = seed % SEEDS_OF_OTHERS == 0;
    p.turn = pick(N_KINDS);
    struct err *e = plant(&p, argv + optind, keyring_file);
    if (!e)
        return 0;
    fprintf(stderr, "plant_damage: %s\n", e->message);
    return 2;
}
