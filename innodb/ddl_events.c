/* innodb/ddl_events.c: see ddl_events.h. Bodies of the records that matter here:
 *
 *   2BYTES, 4BYTES       2 offset, compressed value       WRITE_STRING   2 offset, 2 length, bytes
 *   8BYTES               2 offset, compressed64 value     ZIP_WRITE_HEADER   1 offset, 1 length, bytes
 *   FILE_CREATE          4 flags, 2 length, path          FILE_DELETE    2 length, path
 *   FILE_RENAME          2 length, old path, 2 length, new path
 *   FILE_EXTEND          8 offset, 8 size                 INDEX_LOAD     8 index id
 *
 * Lengths of paths count their final zero byte. */
#include "innodb/ddl_events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "innodb/redo_mysql_int.h"

enum {
    TYPES = 128,
    INDEX_ID_AT = 66, /* on an index page; 8 bytes */
    SEGMENTS_AT = 74, /* two segment headers of 10 bytes; on a root page only */
    SEGMENTS_END = 94,
};

#define FOREIGN_INDEX_ID (UINT64_C(1) << 60) /* from here on: no index of a table */

static struct ddl_space *space_of(struct ddl_events *e, space_id_t id)
{
    uint64_t at;
    if (map64_get(&e->index, id, &at))
        return &e->spaces[at];
    mem_grow(&e->spaces, &e->cap, e->n, sizeof *e->spaces);
    map64_put(&e->index, id, e->n);
    struct ddl_space *s = &e->spaces[e->n++];
    *s = (struct ddl_space){.id = id};
    return s;
}

const struct ddl_space *ddl_events_find(const struct ddl_events *e, space_id_t id)
{
    uint64_t at;
    return map64_get(&e->index, id, &at) ? &e->spaces[at] : NULL;
}

/* --- births --- */

static struct ddl_root *root_of(struct ddl_events *e, const struct redo_record *rec)
{
    for (size_t i = e->n_roots; i-- > 0;) /* mostly the last */
        if (e->roots[i].space == rec->space && e->roots[i].page == rec->page)
            return &e->roots[i];
    mem_grow(&e->roots, &e->cap_roots, e->n_roots, sizeof *e->roots);
    struct ddl_root *r = &e->roots[e->n_roots++];
    *r = (struct ddl_root){.space = rec->space, .page = rec->page};
    return r;
}

static lsn_t newest_birth(const struct ddl_space *s)
{
    return s->n_open ? s->open[s->n_open - 1].lsn : s->oldest_births;
}

static void forget_birth(struct ddl_space *s, unsigned i)
{
    memmove(&s->open[i], &s->open[i + 1], (s->n_open - i - 1) * sizeof s->open[0]);
    s->n_open--;
}

static void add_birth(struct ddl_space *s, uint64_t index_id, lsn_t lsn)
{
    if (s->n_open == DDL_OPEN_BIRTHS) {
        s->oldest_births = s->open[0].lsn;
        forget_birth(s, 0);
    }
    s->open[s->n_open++] = (struct ddl_birth){index_id, lsn};
    s->born = newest_birth(s);
}

static void clear_birth(struct ddl_space *s, uint64_t index_id)
{
    for (unsigned i = s->n_open; i-- > 0;)
        if (s->open[i].index_id == index_id)
            forget_birth(s, i);
    s->born = newest_birth(s);
}

/* --- records; each takes its body from r, which is checked for having run out afterwards --- */

typedef void note_fn(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                     lsn_t lsn);

static void note_create_page(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                             lsn_t lsn)
{
    (void)r;
    (void)lsn;
    root_of(e, rec)->created = true;
}

static void note_write(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                       lsn_t lsn)
{
    (void)lsn;
    const uint16_t offset = rd_be16(r);
    if (offset >= SEGMENTS_AT && offset < SEGMENTS_END)
        root_of(e, rec)->has_segments = true;
}

static void note_8bytes(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                        lsn_t lsn)
{
    (void)lsn;
    const uint16_t offset = rd_be16(r);
    const uint64_t value = rd_compressed64(r);
    if (offset == INDEX_ID_AT)
        root_of(e, rec)->index_id = value;
}

static void note_zip_header(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                            lsn_t lsn)
{
    (void)lsn;
    const uint8_t offset = rd_u8(r), len = rd_u8(r);
    const uint8_t *bytes = rd_bytes(r, len);
    if (bytes && offset <= INDEX_ID_AT && offset + len >= INDEX_ID_AT + 8)
        root_of(e, rec)->index_id = be64(bytes + INDEX_ID_AT - offset);
}

static void note_init_page(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                           lsn_t lsn)
{
    (void)r;
    if (rec->page == 0)
        space_of(e, rec->space)->initialised = lsn;
}

static void note_load(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                      lsn_t lsn)
{
    struct ddl_space *s = space_of(e, rec->space);
    s->loaded = lsn;
    clear_birth(s, rd_be64(r));
}

/* A path with its length in front and a zero byte at its end. Undo tablespaces may be ".//undo_001". */
static void take_name(struct ddl_space *s, struct reader *r)
{
    const uint16_t len = rd_be16(r);
    const char *p = (const char *)rd_bytes(r, len);
    size_t n = p ? strnlen(p, len) : 0;
    if (n > 2 && p[0] == '.' && p[1] == '/')
        for (p++, n--; n && p[0] == '/'; p++)
            n--;
    if (!n || (s->name && strlen(s->name) == n && !memcmp(s->name, p, n)))
        return;
    free(s->name);
    s->name = mem_zalloc(n + 1);
    memcpy(s->name, p, n);
}

static void note_file_create(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                             lsn_t lsn)
{
    struct ddl_space *s = space_of(e, rec->space);
    s->created = lsn;
    rd_be32(r); /* flags */
    take_name(s, r);
}

static void note_file_rename(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                             lsn_t lsn)
{
    struct ddl_space *s = space_of(e, rec->space);
    s->renamed = lsn;
    rd_bytes(r, rd_be16(r));
    take_name(s, r);
}

static void note_file_delete(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                             lsn_t lsn)
{
    struct ddl_space *s = space_of(e, rec->space);
    s->deleted = lsn;
    take_name(s, r);
}

static void note_file_extend(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                             lsn_t lsn)
{
    (void)lsn;
    const uint64_t offset = rd_be64(r), size = rd_be64(r);
    uint64_t end;
    struct ddl_space *s = space_of(e, rec->space);
    if (__builtin_add_overflow(offset, size, &end))
        r->ran_out = true; /* no file is so long */
    else if (end > s->extended)
        s->extended = end;
}

/* Numbers of the redo format; types that are not here say nothing about DDL. */
static const struct {
    const char *name;
    note_fn *note;
} known[TYPES] = {
    [2] = {"2BYTES", note_write},
    [4] = {"4BYTES", note_write},
    [8] = {"8BYTES", note_8bytes},
    [19] = {"PAGE_CREATE", note_create_page},
    [30] = {"WRITE_STRING", note_write},
    [33] = {"FILE_CREATE", note_file_create},
    [34] = {"FILE_RENAME", note_file_rename},
    [35] = {"FILE_DELETE", note_file_delete},
    [37] = {"COMP_PAGE_CREATE", note_create_page},
    [50] = {"ZIP_WRITE_HEADER", note_zip_header},
    [51] = {"ZIP_PAGE_COMPRESS", note_create_page},
    [52] = {"ZIP_PAGE_COMPRESS_NO_DATA", note_create_page}, /* innodb_log_compressed_pages=OFF */
    [57] = {"PAGE_CREATE_RTREE", note_create_page},
    [58] = {"COMP_PAGE_CREATE_RTREE", note_create_page},
    [59] = {"INIT_FILE_PAGE2", note_init_page},
    [61] = {"INDEX_LOAD", note_load},
    [65] = {"FILE_EXTEND", note_file_extend},
    [74] = {"ZIP_PAGE_COMPRESS_NO_DATA", note_create_page},
};

struct err *ddl_events_record(struct ddl_events *e, const struct redo_record *rec, lsn_t end)
{
    if (rec->type >= TYPES || !known[rec->type].note)
        return NULL;
    struct reader r = reader_of(rec->body, rec->body_len);
    known[rec->type].note(e, rec, &r, end);
    if (r.ran_out)
        return err_make(CORRUPT,
                        "mini-transaction that ends at LSN %" PRIu64 ": %s of space %" PRIu32
                        ", page %" PRIu32 " does not fit its %" PRIu32 " bytes",
                        end, known[rec->type].name, rec->space, rec->page, rec->body_len);
    return NULL;
}

void ddl_events_end(struct ddl_events *e, lsn_t end)
{
    for (size_t i = 0; i < e->n_roots; i++) {
        const struct ddl_root *r = &e->roots[i];
        if (r->created && r->has_segments && r->index_id && r->index_id < FOREIGN_INDEX_ID)
            add_birth(space_of(e, r->space), r->index_id, end);
    }
    e->n_roots = 0;
}

struct err *ddl_events_mtr(struct ddl_events *e, const struct redo_record *recs, size_t n,
                           lsn_t start, lsn_t end)
{
    for (size_t i = 0; i < n; i++)
        TRY_AT(ddl_events_record(e, &recs[i], end), "redo at LSN %" PRIu64, start);
    ddl_events_end(e, end);
    return NULL;
}

void ddl_events_fini(struct ddl_events *e)
{
    for (size_t i = 0; i < e->n; i++)
        free(e->spaces[i].name);
    free(e->spaces);
    free(e->roots);
    map64_fini(&e->index);
    *e = (struct ddl_events){0};
}
