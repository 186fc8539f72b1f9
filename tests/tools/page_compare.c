/* tests/tools/page_compare.c: compares a restored datadir with the same crash image recovered by
 * its own server, page by page: the oracle of tests/integration/page_oracle.py.
 *
 *     page_compare [--descriptors] REPOSITORY ID MBE_DATADIR SERVER_DATADIR [KEY_FILE]
 *
 * Tablespaces are matched by space id. Pages are compared as logical images (encrypted pages deciphered if there is a key
 * file, page_compressed ones decompressed), every byte but these: checksum words and trailer, the page LSN (pages that differ
 * in nothing else are counted apart), and on page 0 of the system tablespace the flush LSN. Of
 * MySQL's COMPRESSED B-tree pages what they hold is compared, not the bytes they are packed in: the
 * server packs a page anew when its modification log is full, we pack it once, at the end, and with
 * another zlib. What free records hold, beside their place in the list, depends on when that was: not
 * compared either. A page behind the end of a file counts as zeros. Not compared:
 *  - pages that the log leaves freed: their content has no meaning, server and restore leave
 *    different leftovers. With --descriptors, for a chain of backups, whose archives do not hold all of the log: pages
 *    that differ, and of which both sides say in their extent descriptors that they are free;
 *  - the doublewrite buffer: the server's scratch area;
 *  - pages that the server changed after its recovery: their LSN is beyond the end of the log.
 *
 * Prints a line for each differing page and a summary. Exit 0: nothing differs; 1: something does;
 * 2: cannot tell. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/map64.h"
#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/page_compress.h"
#include "innodb/page_crypt.h"
#include "innodb/page_zip_parts.h"
#include "innodb/redo_mysql.h"
#include "restore/backup_facts.h"
#include "tests/tools/space_file.h"
#include "verify/key_file.h"
#include "verify/redo_entry.h"

/* What the log says about pages. */
struct page_states {
    const struct redo_family *family;
    struct map64 pages;   /* space << 32 | page -> position in the log << 1 | freed */
    struct map64 trims;   /* space -> position of its last truncation */
    struct map64 deleted; /* MySQL: space -> 1: the server leaves what is left of its file alone */
    uint64_t position;    /* record number */
};

static const uint32_t no_difference = UINT32_MAX;
#define NO_SPACE UINT32_MAX /* an id that is none */

enum page_fate { UNTOUCHED, TOUCHED, FREED };

struct side {
    const char *root;
    struct datadir datadir;
    struct listing list;
};

struct tally {
    uint64_t equal, other_lsn, touched, freed, doublewrite, later, different;
    uint64_t packed_otherwise;
    bool mysql;
    bool by_descriptors; /* which pages are free */
    lsn_t end;           /* of the log */
};

/* --- the log ---------------------------------------------------------------------------------- */

static struct err *note_record(void *ctx, const struct redo_record *rec, lsn_t start, lsn_t end)
{
    struct page_states *s = ctx;
    const enum redo_kind kind = s->family->kind(rec);
    (void)start;
    (void)end;
    if (!s->family->names_in_redo && rec->type == MYSQL_REDO_FILE_DELETE)
        map64_put(&s->deleted, rec->space, 1);
    else if (kind == REDO_KIND_TRIM)
        map64_put(&s->trims, rec->space, ++s->position);
    else if (kind == REDO_KIND_PAGE)
        map64_put(&s->pages, (uint64_t)rec->space << 32 | rec->page,
                  ++s->position << 1 | (s->family->effect(rec) == REDO_EFFECT_FREE));
    return NULL;
}

static enum page_fate page_fate(const struct page_states *s, space_id_t space, page_no_t page)
{
    uint64_t state, trim = 0;
    map64_get(&s->trims, space, &trim);
    if (!map64_get(&s->pages, (uint64_t)space << 32 | page, &state) || state >> 1 < trim)
        return UNTOUCHED;
    return state & 1 ? FREED : TOUCHED;
}

/* --- pages ------------------------------------------------------------------------------------ */

/* A tablespace of one side, and buffers of page_size bytes each. */
struct half {
    struct space_file file;
    struct space_key key;
    uint8_t *stored, *clear, *unpacked;
};

/* The logical image of the stored page; *image is one of the buffers. */
static struct err *logical(const struct half *h, page_no_t no, const uint8_t **image)
{
    const struct space_format *format = &h->file.format;
    const char *path = h->file.listed->path;
    *image = h->stored;
    if (h->key.kind != SPACE_KEY_NONE && page_is_encrypted(format, h->stored, no)) {
        TRY_AT(page_decrypt(&h->key, format, h->stored, h->clear), "%s", path);
        *image = h->clear;
    }
    if (!page_is_compressed(format, *image))
        return NULL;
    TRY_AT(page_decompress(format, *image, h->unpacked), "%s", path);
    *image = h->unpacked;
    return NULL;
}

static struct err *open_half(struct half *h, const struct listed_space *listed,
                             const struct datadir *datadir, const struct keyring *keys)
{
    TRY(space_file_open(&h->file, listed, datadir));
    if (!keys || listed->first_page) /* a further file of the system tablespace has no record */
        return NULL;
    TRY(space_file_read(&h->file, 0, h->stored));
    return err_wrap(space_key_find(&h->key, &h->file.format, h->stored, keys), "%s", listed->path);
}

static void close_half(struct half *h)
{
    space_file_close(&h->file);
    space_key_wipe(&h->key);
}

static bool is_compared(const struct space_format *format, space_id_t id, page_no_t no, uint32_t at)
{
    if (at < FIL_PAGE_NO || (at >= FIL_LSN && at < FIL_TYPE))
        return false;
    if (!format->zip && at >= format->physical - FIL_TRAILER)
        return false;
    return id != 0 || no != 0 || at < FIL_AFTER_TYPE || at >= FIL_SPACE;
}

/* Where the last inserts went: a hint for page splits that is in no log record. We leave it alone in R-tree pages; MySQL's recovery
 * has been seen to end with another one. */
static bool is_rtree_direction(const uint8_t *page, uint32_t at)
{
    return be16(page + FIL_TYPE) == FIL_TYPE_RTREE && at >= INDEX_DIRECTION &&
           at < INDEX_N_DIRECTION + 2;
}

/* What MySQL leaves of the header of a packed page when it has unpacked it, and writes when the page is not packed again: all of it, or,
 * where the page was enciphered, the length alone. A page that was never out of its memory has zeros there: of two copies of one page
 * from different times either may be the one that has it. Fact: MySQL 9.7.4. */
static bool is_pack_leftover(const struct space_format *format, const uint8_t *page, uint32_t at)
{
    if (at < FIL_AFTER_TYPE || at >= FIL_SPACE || be16(page + FIL_TYPE) == FIL_TYPE_RTREE)
        return false;
    if (bytes_are_zero(page + FIL_AFTER_TYPE, FIL_PACK_STORED - FIL_AFTER_TYPE))
        return !format->zip && at >= FIL_PACK_STORED;
    struct err *e = page_check_pack(format, page);
    const bool is_header = !e;
    err_free(e);
    return is_header && be16(page + FIL_PACK_TYPE) == be16(page + FIL_TYPE);
}

/* First differing offset that matters, or no_difference. */
static uint32_t first_difference(const struct space_format *format, space_id_t id, page_no_t no,
                                 const uint8_t *a, const uint8_t *b, bool mysql)
{
    for (uint32_t at = 0; at < format->physical; at++)
        if (a[at] != b[at] && is_compared(format, id, no, at) &&
            !(mysql && (is_rtree_direction(b, at) || is_pack_leftover(format, a, at) ||
                        is_pack_leftover(format, b, at))))
            return at;
    return no_difference;
}

/* --- packed pages ----------------------------------------------------------------------------- */

/* Marks what counts of an unpacked page: headers, directory, and records; of a free record only its own header. */
static const char *mark_counting(bool *counts, const struct page_zip_layout *layout,
                                 const uint8_t *frame, uint32_t size)
{
    enum { INFIMUM = 99, SUPREMUM = 112, RECORDS = 120, HEADER = 5 };
    AUTO_FREE struct zip_records *records = mem_zalloc(sizeof *records);
    AUTO_FREE struct zip_shape *shape = mem_zalloc(sizeof *shape);
    const uint32_t directory = size - FIL_TRAILER - 2 * be16(frame + INDEX_N_SLOTS);
    uint32_t r = INFIMUM;
    memset(counts, true, RECORDS);
    memset(counts + directory, true, size - FIL_TRAILER - directory);
    while ((r = (r + be16(frame + r - 2)) & 0xFFFF) != SUPREMUM)
        if (r >= directory || !zip_records_mark(records, r, ZIP_KIND_LIVE))
            return "its record list is broken";
    r = be16(frame + INDEX_FREE);
    for (uint32_t next; r; r = next ? (r + next) & 0xFFFF : 0) {
        if (r >= directory || !zip_records_mark(records, r, ZIP_KIND_FREE))
            return "its free list is broken";
        next = be16(frame + r - 2);
    }
    zip_records_sort(records);
    for (uint32_t k = 0; k < records->n; k++) {
        r = records->origins[k];
        memset(counts + r - HEADER, true, HEADER);
        if (records->kinds[r] == ZIP_KIND_FREE)
            continue;
        if (!zip_shape_in_frame(shape, layout, frame, r, zip_records_floor(records, k),
                                zip_records_ceiling(records, k, be16(frame + INDEX_HEAP_TOP))))
            return "a record of it makes no sense";
        memset(counts + r - HEADER - shape->extra, true, HEADER + shape->extra + shape->data);
    }
    return NULL;
}

/* first_difference of what two packed pages hold; an offset in the page unpacked. */
static struct err *first_difference_unpacked(uint32_t *at, const struct space_format *format,
                                             const uint8_t *a, const uint8_t *b)
{
    const uint32_t size = format->page_size;
    AUTO_FREE uint8_t *frames = mem_zalloc((size_t)2 * size);
    AUTO_FREE bool *counts = mem_zalloc(size);
    AUTO_FREE struct page_zip_layout *layout = mem_zalloc(sizeof *layout);
    const uint8_t *const packed[] = {a, b};
    const char *why = NULL;
    for (int i = 0; i < 2 && !why; i++)
        why = page_zip_decode(layout, frames + (size_t)i * size, size, packed[i], format->physical);
    if (!why)
        why = mark_counting(counts, layout, frames + size, size);
    if (why)
        return err_make(CORRUPT, "cannot be unpacked: %s", why);
    *at = no_difference;
    for (uint32_t i = size; i-- > 0;)
        if (counts[i] && frames[i] != frames[size + i] && is_compared(format, NO_SPACE, 0, i))
            *at = i;
    return NULL;
}

struct pair {
    struct half mbe, server;
};

/* Whether the tablespace says that the page is free. Not of a page whose descriptor is in another file of the system tablespace. */
static struct err *is_free(bool *out, const struct space_file *f, page_no_t no)
{
    enum {
        DESCRIPTOR_BITMAP = 24
    }; /* two bits for each page of the extent, the first: it is free */
    const uint32_t size = f->format.physical, extent = space_extent_pages(f->format.page_size);
    const uint32_t per_extent = DESCRIPTOR_BITMAP + (2 * extent + 7) / 8;
    const page_no_t holder =
        no / size * size; /* a descriptor page tells of as many pages as it has bytes */
    const uint32_t bit = 2 * (no % extent);
    AUTO_FREE uint8_t *page = mem_alloc(size);
    *out = false;
    if (holder < f->listed->first_page)
        return NULL;
    TRY(space_file_read(f, holder - f->listed->first_page, page));
    const uint8_t *bitmap = page + FSP_XDES + no % size / extent * per_extent + DESCRIPTOR_BITMAP;
    *out = bitmap[bit / 8] >> bit % 8 & 1;
    return NULL;
}

static struct err *are_both_free(bool *out, const struct pair *p, page_no_t no)
{
    TRY(is_free(out, &p->mbe.file, no));
    return *out ? is_free(out, &p->server.file, no) : NULL;
}

static struct err *compare_page(struct tally *t, const struct pair *p, page_no_t index,
                                enum page_fate fate)
{
    const struct space_file *file = &p->server.file;
    const struct space_format *format = &file->format;
    const page_no_t no = file->listed->first_page + index;
    const uint8_t *a = p->mbe.stored, *b = p->server.stored;
    TRY(space_file_read(&p->mbe.file, index, p->mbe.stored));
    TRY(space_file_read(file, index, p->server.stored));
    if (memcmp(a, b, format->physical)) { /* else there is no need to unpack, or decipher, them */
        TRY(logical(&p->mbe, no, &a));
        TRY(logical(&p->server, no, &b));
    }
    if (be64(b + FIL_LSN) > t->end) {
        t->later++;
        printf("%s: page %" PRIu32 " (type %u): changed later\n", file->listed->name, no,
               be16(b + FIL_TYPE));
        return NULL;
    }
    t->touched += fate == TOUCHED;
    uint32_t at = first_difference(format, file->id, no, a, b, t->mysql);
    if (at != no_difference && t->mysql && format->zip && page_zip_is_btree(a) &&
        page_zip_is_btree(b)) {
        TRY_AT(first_difference_unpacked(&at, format, a, b), "%s: page %" PRIu32,
               file->listed->name, no);
        t->packed_otherwise += at == no_difference;
    }
    if (at == no_difference) {
        t->equal++;
        t->other_lsn += memcmp(a + FIL_LSN, b + FIL_LSN, 8) != 0;
        return NULL;
    }
    bool free = false;
    if (t->by_descriptors)
        TRY(are_both_free(&free, p, no));
    if (free) {
        t->freed++;
        return NULL;
    }
    t->different++;
    printf("%s: page %" PRIu32 " (%s, type %u, server's type %u, LSN %" PRIu64 ", server's %" PRIu64
           "): byte %" PRIu32 " differs\n",
           file->listed->name, no, fate == TOUCHED ? "touched" : "untouched", be16(a + FIL_TYPE),
           be16(b + FIL_TYPE), be64(a + FIL_LSN), be64(b + FIL_LSN), at);
    return NULL;
}

static struct err *compare_pages(struct tally *t, const struct pair *p,
                                 const struct page_states *states)
{
    const struct space_file *mbe = &p->mbe.file, *server = &p->server.file;
    const page_no_t n = mbe->n_pages > server->n_pages ? mbe->n_pages : server->n_pages;
    for (page_no_t i = 0; i < n; i++) {
        const page_no_t no = server->listed->first_page + i;
        const enum page_fate fate = page_fate(states, server->id, no);
        if (doublewrite_has(&server->doublewrite, no))
            t->doublewrite++;
        else if (fate == FREED && !t->by_descriptors)
            t->freed++;
        else
            TRY(compare_page(t, p, i, fate));
    }
    return NULL;
}

static struct err *compare_files(struct tally *t, const struct side *mbe,
                                 const struct listed_space *mbe_file, const struct side *server,
                                 const struct listed_space *server_file,
                                 const struct page_states *states, const struct keyring *keys)
{
    const size_t size = server->datadir.page_size;
    AUTO_FREE uint8_t *memory = mem_alloc(6 * size);
    uint8_t *const m = memory;
    struct pair p = {
        .mbe = {.file.fd = -1, .stored = m, .clear = m + size, .unpacked = m + 2 * size},
        .server = {.file.fd = -1,
                   .stored = m + 3 * size,
                   .clear = m + 4 * size,
                   .unpacked = m + 5 * size},
    };
    struct err *e = open_half(&p.server, server_file, &server->datadir, keys);
    if (!e)
        e = open_half(&p.mbe, mbe_file, &mbe->datadir, keys);
    if (!e && p.mbe.file.format.flags != p.server.file.format.flags) {
        printf("%s: flags 0x%" PRIx32 ", server's 0x%" PRIx32 "\n", server_file->name,
               p.mbe.file.format.flags, p.server.file.format.flags);
        t->different++;
    } else if (!e) {
        e = compare_pages(t, &p, states);
    }
    close_half(&p.mbe);
    close_half(&p.server);
    return e;
}

/* --- tablespaces ------------------------------------------------------------------------------ */

/* space id << 32 | first page of each listed file -> its position. A blank file is named and gets
 * no key; nor does one that the log deletes (deleted may be NULL). */
static struct err *index_side(struct map64 *out, const struct side *s, const struct map64 *deleted)
{
    uint64_t unused;
    for (size_t i = 0; i < s->list.n_spaces; i++) {
        struct space_file f;
        struct err *e = space_file_open(&f, &s->list.spaces[i], &s->datadir);
        if (!e && !f.blank && deleted && map64_get(deleted, f.id, &unused))
            ; /* dropped */
        else if (!e && !f.blank)
            map64_put(out, (uint64_t)f.id << 32 | s->list.spaces[i].first_page, i);
        else if (!e)
            printf("%s: page 0 is all zero\n", s->list.spaces[i].path);
        space_file_close(&f);
        TRY(e);
    }
    return NULL;
}

/* Names the files of a whose key b lacks; returns how many. */
static uint64_t report_missing(const struct side *a, const struct map64 *a_index,
                               const struct map64 *b_index, const char *in_b)
{
    uint64_t n = 0;
    for (size_t i = 0; i < a_index->cap; i++) {
        uint64_t unused;
        if (!a_index->used[i] || map64_get(b_index, a_index->slots[2 * i], &unused))
            continue;
        printf("%s: space %" PRIu64 " is not in %s\n",
               a->list.spaces[a_index->slots[2 * i + 1]].name, a_index->slots[2 * i] >> 32, in_b);
        n++;
    }
    return n;
}

static struct err *compare_sides(struct tally *t, uint64_t *missing, const struct side *mbe,
                                 const struct side *server, const struct page_states *states,
                                 const struct keyring *keys)
{
    struct map64 mbe_index = {0}, server_index = {0};
    const struct map64 *deleted = t->by_descriptors ? NULL : &states->deleted;
    struct err *e = index_side(&mbe_index, mbe, deleted);
    if (!e)
        e = index_side(&server_index, server, deleted);
    *missing = 0;
    if (!e)
        *missing = report_missing(mbe, &mbe_index, &server_index, server->root) +
                   report_missing(server, &server_index, &mbe_index, mbe->root);
    for (size_t i = 0; !e && i < server_index.cap; i++) {
        uint64_t at;
        if (server_index.used[i] && map64_get(&mbe_index, server_index.slots[2 * i], &at))
            e = compare_files(t, mbe, &mbe->list.spaces[at], server,
                              &server->list.spaces[server_index.slots[2 * i + 1]], states, keys);
    }
    map64_fini(&mbe_index);
    map64_fini(&server_index);
    return e;
}

static struct err *side_open(struct side *s, const char *root, const struct backup_facts *facts)
{
    s->root = root;
    TRY(space_file_datadir(&s->datadir, root, facts->data_file_path));
    return listing_make(&s->list, &s->datadir);
}

/* What the redo of all archives says, oldest first. */
static struct err *read_redo(struct page_states *states, const struct chain *chain,
                             const struct keyring *keys)
{
    const struct redo_visitor visitor = {.ctx = states, .take = note_record};
    for (size_t i = 0; i < chain->n; i++) {
        const struct backup_manifest *m = &chain->links[i].manifest;
        struct redo_walk w = {.from = m->from, .to = m->to, .keys = keys, .visitor = &visitor};
        TRY(redo_entry_walk(chain->links[i].reader, m->family, &w, NULL));
    }
    return NULL;
}

/* argv: the arguments from the repository on. */
static struct err *compare(char **argv, bool by_descriptors, bool *same)
{
    struct chain chain;
    struct backup_facts facts = {0};
    struct page_states states = {0};
    struct key_file *keys = NULL;
    struct side mbe = {0}, server = {0};
    struct tally t = {.by_descriptors = by_descriptors};
    uint64_t missing = 0;
    AUTO(repo) repo = NULL;
    TRY(repo_open(&repo, argv[0], &(struct repo_options){0}));
    TRY(chain_open(&chain, repo, argv[1]));
    struct err *e = backup_facts_load(&facts, &chain);
    states.family = facts.family;
    if (!e)
        e = key_file_open(&keys, facts.family, argv[4], NULL);
    if (!e)
        e = read_redo(&states, &chain, key_file_keys(keys));
    t.end = facts.to;
    t.mysql = !e && !strcmp(facts.family->flavour, "mysql");
    if (!e)
        e = side_open(&mbe, argv[2], &facts);
    if (!e)
        e = side_open(&server, argv[3], &facts);
    if (!e)
        e = compare_sides(&t, &missing, &mbe, &server, &states, key_file_keys(keys));
    if (!e)
        printf("%" PRIu64 " pages equal (%" PRIu64 " with another LSN, %" PRIu64
               " packed otherwise), %" PRIu64 " touched, %" PRIu64 " freed skipped, %" PRIu64
               " doublewrite skipped, %" PRIu64 " changed later, %" PRIu64 " different, %" PRIu64
               " tablespaces on one side only\n",
               t.equal, t.other_lsn, t.packed_otherwise, t.touched, t.freed, t.doublewrite, t.later,
               t.different, missing);
    *same = !t.different && !missing;
    listing_fini(&mbe.list);
    listing_fini(&server.list);
    datadir_fini(&mbe.datadir);
    datadir_fini(&server.datadir);
    map64_fini(&states.pages);
    map64_fini(&states.trims);
    map64_fini(&states.deleted);
    key_file_free(keys);
    backup_facts_fini(&facts);
    chain_close(&chain);
    return e;
}

int main(int argc, char **argv)
{
    bool same = false;
    const bool by_descriptors = argc > 1 && !strcmp(argv[1], "--descriptors");
    const int first = by_descriptors ? 2 : 1;
    if (argc - first != 4 && argc - first != 5) {
        fputs("usage: page_compare [--descriptors] REPOSITORY ID MBE_DATADIR SERVER_DATADIR "
              "[KEY_FILE]\n",
              stderr);
        return 2;
    }
    struct err *e = compare(argv + first, by_descriptors, &same);
    if (e) {
        fprintf(stderr, "page_compare: %s\n", e->message);
        err_free(e);
        return 2;
    }
    return same ? 0 : 1;
}
