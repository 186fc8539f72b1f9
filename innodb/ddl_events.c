/* innodb/ddl_events.c: see ddl_events.h. Bodies of the page records that matter here; the others are read by redo_mysql.h:
 *
 *   2BYTES, 4BYTES       2 offset, compressed value       WRITE_STRING       2 offset, 2 length, bytes
 *   8BYTES               2 offset, compressed64 value     ZIP_WRITE_HEADER   1 offset, 1 length, bytes */
#include "innodb/ddl_events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "innodb/index_page.h"
#include "innodb/redo_mysql.h"
#include "innodb/redo_mysql_int.h"

enum {
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

static void forget_birth(struct ddl_space *s, size_t i)
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
    mem_grow(&s->open, &s->cap_open, s->n_open, sizeof *s->open);
    s->open[s->n_open++] = (struct ddl_birth){index_id, lsn};
    s->born = newest_birth(s);
}

static void clear_birth(struct ddl_space *s, uint64_t index_id)
{
    for (size_t i = s->n_open; i-- > 0;)
        if (s->open[i].index_id == index_id)
            forget_birth(s, i);
    s->born = newest_birth(s);
}

/* --- records of files --- */

/* Undo tablespaces may be ".//undo_001". */
static void take_name(char **to, const char *path)
{
    if (path[0] == '.' && path[1] == '/')
        path += 1 + strspn(path + 1, "/");
    if (!path[0] || (*to && !strcmp(*to, path)))
        return;
    free(*to);
    *to = mem_strdup(path);
}

static struct err *note_file(struct ddl_events *e, const struct redo_record *rec, lsn_t lsn)
{
    struct redo_mysql_file_op op;
    TRY(redo_mysql_file_op(&op, rec));
    struct ddl_space *s = space_of(e, rec->space);
    if (op.type == MYSQL_REDO_FILE_CREATE)
        s->created = lsn;
    else if (op.type == MYSQL_REDO_FILE_RENAME)
        s->renamed = lsn;
    else if (op.type == MYSQL_REDO_FILE_DELETE)
        s->deleted = lsn;
    else if (op.offset + op.size > s->extended)
        s->extended = op.offset + op.size;
    if (op.name)
        take_name(&s->name, op.to ? op.to : op.name);
    if (op.name && op.type == MYSQL_REDO_FILE_CREATE)
        take_name(&s->created_as, op.name);
    return NULL;
}

static struct err *note_load(struct ddl_events *e, const struct redo_record *rec, lsn_t lsn)
{
    uint64_t index_id;
    TRY(redo_mysql_index_load(&index_id, rec));
    struct ddl_space *s = space_of(e, rec->space);
    s->loaded = lsn;
    clear_birth(s, index_id);
    return NULL;
}

/* --- records of pages; each takes its body from r, which is checked for having run out afterwards --- */

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
    if (offset == INDEX_ID)
        root_of(e, rec)->index_id = value;
}

static void note_zip_header(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                            lsn_t lsn)
{
    (void)lsn;
    const uint8_t offset = rd_u8(r), len = rd_u8(r);
    const uint8_t *bytes = rd_bytes(r, len);
    if (bytes && offset <= INDEX_ID && offset + len >= INDEX_ID + 8)
        root_of(e, rec)->index_id = be64(bytes + INDEX_ID - offset);
}

static void note_init_page(struct ddl_events *e, const struct redo_record *rec, struct reader *r,
                           lsn_t lsn)
{
    (void)r;
    if (rec->page == 0)
        space_of(e, rec->space)->initialised = lsn;
}

static note_fn *const notes[] = {
    [MYSQL_REDO_2BYTES] = note_write,
    [MYSQL_REDO_4BYTES] = note_write,
    [MYSQL_REDO_8BYTES] = note_8bytes,
    [MYSQL_REDO_PAGE_CREATE] = note_create_page,
    [MYSQL_REDO_WRITE_STRING] = note_write,
    [MYSQL_REDO_COMP_PAGE_CREATE] = note_create_page,
    [MYSQL_REDO_ZIP_WRITE_HEADER] = note_zip_header,
    [MYSQL_REDO_ZIP_PAGE_COMPRESS] = note_create_page,
    [MYSQL_REDO_ZIP_PAGE_COMPRESS_NO_DATA_8027] = note_create_page,
    [MYSQL_REDO_PAGE_CREATE_RTREE] = note_create_page,
    [MYSQL_REDO_COMP_PAGE_CREATE_RTREE] = note_create_page,
    [MYSQL_REDO_INIT_FILE_PAGE2] = note_init_page,
    [MYSQL_REDO_ZIP_PAGE_COMPRESS_NO_DATA] = note_create_page,
};

static struct err *note_page(struct ddl_events *e, const struct redo_record *rec, lsn_t lsn)
{
    if (rec->type >= sizeof notes / sizeof notes[0] || !notes[rec->type])
        return NULL;
    struct reader r = reader_of(rec->body, rec->body_len);
    notes[rec->type](e, rec, &r, lsn);
    if (r.ran_out)
        return err_make(CORRUPT, "%s of tablespace %" PRIu32 ", page %" PRIu32 ": cut off",
                        redo_mysql_type_name(rec->type), rec->space, rec->page);
    return NULL;
}

static struct err *note(struct ddl_events *e, const struct redo_record *rec, lsn_t lsn)
{
    const enum redo_mysql_kind kind = redo_mysql_kind(rec->type);
    return kind == MYSQL_KIND_FILE   ? note_file(e, rec, lsn)
           : kind == MYSQL_KIND_LOAD ? note_load(e, rec, lsn)
                                     : note_page(e, rec, lsn);
}

struct err *ddl_events_record(struct ddl_events *e, const struct redo_record *rec, lsn_t end)
{
    TRY_AT(note(e, rec, end), "mini-transaction that ends at LSN %" PRIu64, end);
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

void ddl_events_fini(struct ddl_events *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->spaces[i].name);
        free(e->spaces[i].created_as);
        free(e->spaces[i].open);
    }
    free(e->spaces);
    free(e->roots);
    map64_fini(&e->index);
    *e = (struct ddl_events){0};
}
