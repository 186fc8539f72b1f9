/* innodb/sdi.c: see sdi.h. A page has a part of one text at most: all chains together are bounded by the number of pages, every size by
 * SDI_TEXT_MAX. */
#include "innodb/sdi.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/page_crypt.h"
#include "innodb/page_zip.h"

enum {
    SDI_VERSION = 1,
    FIL_NEXT = 12,
    INFO_DELETED = 0x20,
    NODE_CHILD = 12,
    LEAF_TEXT_LEN = 25,
    LEAF_DEFLATED_LEN = 29,
    LEAF_TEXT = 33,
    REF_SIZE = 20,
    REF_PAGE = 4,
    REF_OFFSET = 8,
    REF_LENGTH = 12,
    CHAIN_HEADER = 8,
};

struct key_columns sdi_key(void)
{
    return (struct key_columns){.n = 2, .columns = {{.len = 4}, {.len = 8}}};
}

page_no_t sdi_root(const struct space_format *format, const uint8_t *page_0)
{
    const uint8_t *p = page_0 + space_xdes_end(format) + MYSQL_KEY_RECORD_SIZE;
    return be32(p) == SDI_VERSION ? be32(p + 4) : PAGE_NO_NONE;
}

struct walk {
    const struct sdi_walk *o;
    page_no_t chain_pages; /* that may still be read */
};

struct text {
    uint8_t *p;
    size_t n, want;
};

static void append(struct text *t, const uint8_t *p, size_t n)
{
    const size_t take = n < t->want - t->n ? n : t->want - t->n;
    memcpy(t->p + t->n, p, take);
    t->n += take;
}

/* --- deflated text that is stored elsewhere --------------------------------------------------- */

/* The next page of a chain; *page NULL: there is none, or no more than there can be. */
static struct err *read_link(struct walk *w, const uint8_t **page, page_no_t no)
{
    *page = NULL;
    if (!w->chain_pages || no >= w->o->n_pages)
        return NULL;
    w->chain_pages--;
    return w->o->read(w->o->ctx, page, no, true);
}

static struct err *read_chain(struct walk *w, struct text *t, const uint8_t *ref)
{
    const uint32_t size = w->o->format->page_size;
    page_no_t no = be32(ref + REF_PAGE);
    for (uint32_t at = be32(ref + REF_OFFSET); t->n < t->want; at = FIL_BODY) {
        const uint8_t *page;
        TRY(read_link(w, &page, no));
        if (!page || at > size - CHAIN_HEADER)
            return NULL;
        const uint32_t n = be32(page + at);
        if (!n || n > size - CHAIN_HEADER - at)
            return NULL;
        append(t, page + at + CHAIN_HEADER, n);
        no = be32(page + at + 4);
    }
    return NULL;
}

static struct err *inflate_chain(struct walk *w, z_stream *z, page_no_t no)
{
    int status = Z_OK;
    while (status == Z_OK && z->avail_out) {
        uint8_t in[PAGE_ZIP_SIZE_MAX];
        const uint8_t *page;
        TRY(read_link(w, &page, no));
        if (!page)
            return NULL;
        memcpy(in, page, w->o->format->physical);
        z->next_in = in + FIL_BODY;
        z->avail_in = w->o->format->physical - FIL_BODY;
        status = inflate(z, Z_NO_FLUSH);
        no = be32(in + FIL_NEXT);
    }
    return NULL;
}

static struct err *read_packed_chain(struct walk *w, struct text *t, const uint8_t *ref)
{
    z_stream z = {.next_out = t->p + t->n, .avail_out = (uInt)(t->want - t->n)};
    if (inflateInit(&z) != Z_OK)
        return err_make(FAILED, "not enough memory to decompress");
    struct err *e = inflate_chain(w, &z, be32(ref + REF_PAGE));
    t->n = t->want - z.avail_out;
    inflateEnd(&z);
    return e;
}

/* --- one record ------------------------------------------------------------------------------- */

/* *whole: the text is what the record says. */
static struct err *give_out(const struct walk *w, bool *whole, page_no_t no, uint32_t type,
                            const struct text *deflated, size_t len)
{
    AUTO_FREE char *text = mem_alloc(len + 1);
    uLongf got = len;
    *whole = uncompress((Bytef *)text, &got, deflated->p, deflated->n) == Z_OK && got == len;
    if (!*whole)
        return NULL;
    text[len] = '\0';
    return w->o->take(w->o->ctx, no, type, text, len);
}

/* Bytes of the last field that are in the record at r; *elsewhere: the last of them say where the others are. */
static uint32_t local_bytes(const uint8_t *frame, uint32_t r, bool *elsewhere)
{
    const uint32_t len = frame[r - 6];
    *elsewhere = len & 0x80 && len & 0x40;
    return len & 0x80 ? (len & 0x3F) << 8 | frame[r - 7] : len;
}

/* The reference of a text whose pages were not written yet is zeros. */
static bool is_unfinished(const uint8_t *ref)
{
    return be64(ref + REF_LENGTH) == 0;
}

/* *whole: its text was given out, or there is none to give out. */
static struct err *take_record(struct walk *w, bool *whole, const uint8_t *frame, uint32_t r)
{
    const uint32_t top = be16(frame + INDEX_HEAP_TOP);
    uint8_t ref[REF_SIZE];
    bool elsewhere;
    const uint32_t local = local_bytes(frame, r, &elsewhere);
    *whole = frame[r - COMP_EXTRA] & INFO_DELETED;
    if (*whole || r + LEAF_TEXT > top || local > top - r - LEAF_TEXT ||
        (elsewhere && local < REF_SIZE))
        return NULL;
    const uint8_t *p = frame + r;
    const uint32_t type = be32(p), len = be32(p + LEAF_TEXT_LEN),
                   packed = be32(p + LEAF_DEFLATED_LEN);
    *whole = len > SDI_TEXT_MAX || packed > SDI_TEXT_MAX;
    if (*whole)
        return NULL;
    AUTO_FREE uint8_t *deflated = mem_alloc(packed + 1);
    struct text t = {.p = deflated, .want = packed};
    append(&t, p + LEAF_TEXT, elsewhere ? local - REF_SIZE : local);
    if (elsewhere) {
        memcpy(ref, p + LEAF_TEXT + local - REF_SIZE, REF_SIZE);
        *whole = is_unfinished(ref);
        if (*whole)
            return NULL;
        TRY(w->o->format->zip ? read_packed_chain(w, &t, ref) : read_chain(w, &t, ref));
    }
    return t.n == packed ? give_out(w, whole, be32(frame + FIL_PAGE_NO), type, &t, len) : NULL;
}

static struct err *take_records(struct walk *w, const struct index_checked *leaf)
{
    for (uint32_t r = index_check_next(leaf, 0); r; r = index_check_next(leaf, r)) {
        bool whole;
        TRY(take_record(w, &whole, leaf->frame, r));
        if (!whole)
            w->o->lost(w->o->ctx, be32(leaf->frame + FIL_PAGE_NO));
    }
    return NULL;
}

/* --- the tree --------------------------------------------------------------------------------- */

/* Reads an SDI page into `page` (a copy); *is: it is one, and whole. */
static struct err *read_index(const struct sdi_walk *w, struct index_checked *page,
                              struct index_facts *facts, page_no_t no, bool *is)
{
    AUTO_FREE struct index_records *records = mem_alloc(sizeof *records);
    const uint8_t *frame = NULL;
    *is = false;
    if (no < w->n_pages)
        TRY(w->read(w->ctx, &frame, no, false));
    if (!frame || be16(frame + FIL_TYPE) != FIL_TYPE_SDI ||
        !(be16(frame + INDEX_N_HEAP) & INDEX_COMP_FLAG))
        return NULL;
    memcpy(page->frame, frame, page->size);
    *is = !index_check(facts, records, page);
    return NULL;
}

static struct err *find_first_leaf(const struct sdi_walk *w, struct index_checked *page,
                                   struct index_facts *facts, page_no_t root, bool *is)
{
    page_no_t no = root;
    unsigned above = INDEX_LEVEL_MAX + 1;
    for (;;) {
        TRY(read_index(w, page, facts, no, is));
        *is = *is && facts->level < above;
        if (!*is || facts->level == 0)
            return NULL;
        above = facts->level;
        const uint32_t r = index_check_next(page, 0);
        *is = r + NODE_CHILD + 4 <= be16(page->frame + INDEX_HEAP_TOP);
        no = *is ? be32(page->frame + r + NODE_CHILD) : PAGE_NO_NONE;
    }
}

struct err *sdi_walk_run(const struct sdi_walk *w, page_no_t root)
{
    AUTO_FREE uint8_t *copy = mem_alloc(w->format->page_size);
    struct index_checked page = {.frame = copy, .size = w->format->page_size};
    struct walk walk = {.o = w, .chain_pages = w->n_pages};
    struct index_facts facts;
    bool is;
    TRY(find_first_leaf(w, &page, &facts, root, &is));
    is = is && facts.prev == PAGE_NO_NONE;
    for (page_no_t left = w->n_pages; is && left--;) {
        TRY(take_records(&walk, &page));
        if (facts.next == PAGE_NO_NONE)
            return NULL;
        const page_no_t before = be32(page.frame + FIL_PAGE_NO);
        TRY(read_index(w, &page, &facts, facts.next, &is));
        is = is && facts.level == 0 && facts.prev == before; /* or they could be a ring */
    }
    return NULL;
}
