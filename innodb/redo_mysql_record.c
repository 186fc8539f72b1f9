/* innodb/redo_mysql_record.c: where a record of the MySQL 8.0.30+ redo log ends, and the bodies of those that do not change
 * pages.
 *
 *   1     type; 0x80: alone in its mini-transaction
 *   1-5   space id, compressed (redo_mysql_int.h); not in types 31, 32, 62
 *   1-5   page number, compressed; likewise; 0 in types 33, 34, 35, 61, 65
 *         body, beginning with an index description (redo_mysql_index.h) where redo_mysql.def says so
 *
 * There is no length: each body has to be walked over. Integers big-endian, c compressed, C compressed64, M much compressed64:
 *
 *   1, 2, 4            2 offset, c value (of at most 1, 2, 4 bytes)
 *   8                  2 offset, C value
 *   insert             2 cursor, E
 *     E                c e; if e & 1: 1 info bits, c origin, c mismatch; then e >> 1 bytes
 *   delete mark        1 flags, 1 value, S, 2 record
 *     S                c position of DB_TRX_ID, 7 roll pointer, C transaction id
 *   update             1 flags, S, 2 record, 1 info bits, c n, n times: c field, c length, bytes (none if the length is 2^32 - 1)
 *   delete, list ends  2 record
 *   list copy          4 length of what follows: E after E
 *   11 and 40          1 value, 2 record
 *   20                 2 length, bytes         22  c type          24, 25  C transaction id
 *   30                 2 offset, 2 length, bytes
 *   48, 49             2 offset, 2 offset in the compressed page, 4 or 20 bytes
 *   50                 1 offset, 1 length, bytes
 *   51                 2 size, 2 trailer size, 4 previous, 4 next, size bytes, trailer size bytes
 *   52, 53, 73, 74     1 compression level
 *   33                 4 flags of the tablespace, N
 *   34                 N old, N new            35  N
 *     N                2 length, path with its NUL
 *   61                 8 index id              65  8 offset, 8 size
 *   62                 M table id, M version, 1 kind; kind 2: M counter; kind 1: 1 n, n times: 4 space id, 8 index id
 *
 * Facts: MySQL 9.7.4, logs of a mixed load walked over without residue. Types 9 to 18 and 38 to 46 (but 11), 29, 52 and 53 by
 * rule. */
#include "innodb/redo_mysql.h"

#include <inttypes.h>
#include <string.h>

#include "base/reader.h"
#include "innodb/redo_mysql_index.h"
#include "innodb/redo_mysql_int.h"

enum {
    TYPES = 128,
    TYPE_MASK = 0x7F,
    ROLL_POINTER = 7,
    LIST_MAX = 4 * (int)INNODB_PAGE_SIZE_MAX, /* a page of records, and what E adds to each */
    CORRUPTED_INDEX = 12,
};
#define SQL_NULL UINT32_MAX

struct parser {
    struct reader r;
    const char *why; /* first thing found that cannot be, a static sentence */
};

static void must(struct parser *p, bool good, const char *why)
{
    if (!good && !p->r.ran_out && !p->why)
        p->why = why;
}

/* rd_compressed takes an impossible first byte for the end of the bytes. */
static uint32_t compressed(struct parser *p)
{
    must(p, !rd_left(&p->r) || *p->r.p != 0xFF, "an integer of no known form");
    return rd_compressed(&p->r);
}

static void compressed64(struct parser *p)
{
    compressed(p);
    rd_be32(&p->r);
}

static uint64_t much_compressed64(struct parser *p)
{
    if (!rd_left(&p->r) || *p->r.p != 0xFF)
        return compressed(p);
    rd_u8(&p->r);
    const uint64_t high = compressed(p);
    return high << 32 | compressed(p);
}

/* Bytes that lie in one page. */
static void page_bytes(struct parser *p, uint32_t n)
{
    must(p, n <= INNODB_PAGE_SIZE_MAX, "more bytes than a page has");
    if (!p->why)
        rd_bytes(&p->r, n);
}

static void parse_0(struct parser *p)
{
    (void)p;
}

static void parse_1(struct parser *p)
{
    rd_bytes(&p->r, 1);
}

static void parse_2(struct parser *p)
{
    rd_bytes(&p->r, 2);
}

static void parse_3(struct parser *p)
{
    rd_bytes(&p->r, 3);
}

static void parse_8(struct parser *p)
{
    rd_bytes(&p->r, 8);
}

static void parse_16(struct parser *p)
{
    rd_bytes(&p->r, 16);
}

static void parse_24(struct parser *p)
{
    rd_bytes(&p->r, 24);
}

static void parse_value(struct parser *p, uint32_t max)
{
    rd_be16(&p->r);
    const uint32_t value = compressed(p);
    must(p, value <= max, "a value larger than what it is written to");
}

static void parse_1byte(struct parser *p)
{
    parse_value(p, UINT8_MAX);
}

static void parse_2bytes(struct parser *p)
{
    parse_value(p, UINT16_MAX);
}

static void parse_4bytes(struct parser *p)
{
    parse_value(p, UINT32_MAX);
}

static void parse_8bytes(struct parser *p)
{
    rd_be16(&p->r);
    compressed64(p);
}

static void parse_short_insert(struct parser *p)
{
    const uint32_t e = compressed(p);
    if (e & 1) {
        rd_u8(&p->r);
        compressed(p);
        compressed(p);
    }
    page_bytes(p, e >> 1);
}

static void parse_insert(struct parser *p)
{
    rd_be16(&p->r);
    parse_short_insert(p);
}

static void parse_system_columns(struct parser *p)
{
    compressed(p);
    rd_bytes(&p->r, ROLL_POINTER);
    compressed64(p);
}

static void parse_delete_mark(struct parser *p)
{
    rd_bytes(&p->r, 2);
    parse_system_columns(p);
    rd_be16(&p->r);
}

static void parse_update(struct parser *p)
{
    rd_u8(&p->r);
    parse_system_columns(p);
    rd_bytes(&p->r, 3);
    const uint32_t n = compressed(p);
    for (uint32_t i = 0; i < n && !p->r.ran_out && !p->why; i++) {
        compressed(p);
        const uint32_t len = compressed(p);
        if (len != SQL_NULL)
            page_bytes(p, len);
    }
}

static void parse_list(struct parser *p)
{
    const uint32_t len = rd_be32(&p->r);
    must(p, len <= LIST_MAX, "a list longer than a page can hold");
    const uint8_t *bytes = p->why ? NULL : rd_bytes(&p->r, len);
    if (!bytes)
        return;
    struct parser list = {.r = reader_of(bytes, len)};
    while (rd_left(&list.r) && !list.r.ran_out && !list.why)
        parse_short_insert(&list);
    must(p, !list.why, list.why);
    must(p, !list.r.ran_out, "a list that ends inside an entry");
}

static void parse_undo_insert(struct parser *p)
{
    page_bytes(p, rd_be16(&p->r));
}

static void parse_undo_init(struct parser *p)
{
    compressed(p);
}

static void parse_trx_id(struct parser *p)
{
    compressed64(p);
}

static void parse_write_string(struct parser *p)
{
    rd_be16(&p->r);
    page_bytes(p, rd_be16(&p->r));
}

static void parse_zip_header(struct parser *p)
{
    rd_u8(&p->r);
    const unsigned len = rd_u8(&p->r);
    must(p, len > 0, "a page header write of no byte");
    page_bytes(p, len);
}

static void parse_zip_compress(struct parser *p)
{
    const uint32_t size = rd_be16(&p->r), trailer = rd_be16(&p->r);
    rd_bytes(&p->r, 8);
    page_bytes(p, size + trailer);
}

static const char *read_name(struct parser *p)
{
    const unsigned len = rd_be16(&p->r);
    const uint8_t *name = rd_bytes(&p->r, len);
    if (!name)
        return NULL;
    must(p, len > 1 && memchr(name, 0, len) == name + len - 1,
         "a name that does not end with its only zero byte");
    return (const char *)name;
}

static void parse_file_create(struct parser *p)
{
    rd_be32(&p->r);
    read_name(p);
}

static void parse_file_rename(struct parser *p)
{
    read_name(p);
    read_name(p);
}

static void parse_file_delete(struct parser *p)
{
    read_name(p);
}

static void read_meta(struct redo_mysql_meta *out, struct parser *p)
{
    *out = (struct redo_mysql_meta){0};
    out->table_id = much_compressed64(p);
    out->version = much_compressed64(p);
    out->kind = rd_u8(&p->r);
    if (out->kind == MYSQL_META_COUNTER) {
        out->counter = much_compressed64(p);
    } else if (out->kind == MYSQL_META_CORRUPTED_INDEXES) {
        out->n_indexes = rd_u8(&p->r);
        out->index_ids = rd_bytes(&p->r, (size_t)out->n_indexes * CORRUPTED_INDEX);
    } else {
        must(p, false, "metadata of a kind that is not known");
    }
}

static void parse_dynamic_meta(struct parser *p)
{
    struct redo_mysql_meta meta;
    read_meta(&meta, p);
}

/* --- the table of records --------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum redo_mysql_kind kind;
    bool has_index;
    void (*parse)(struct parser *p);
} types[TYPES] = {
#define X(id, name, kind, has_index, parse, apply) \
    [id] = {#name, MYSQL_KIND_##kind, has_index, parse},
#include "innodb/redo_mysql.def"
};

const char *redo_mysql_type_name(unsigned type)
{
    return type < TYPES && types[type].name ? types[type].name : "unknown record";
}

enum redo_mysql_kind redo_mysql_kind(unsigned type)
{
    return type < TYPES ? types[type].kind : MYSQL_KIND_UNKNOWN;
}

static void parse_ids(struct redo_record *rec, struct parser *p)
{
    const enum redo_mysql_kind kind = types[rec->type].kind;
    if (kind == MYSQL_KIND_NONE || kind == MYSQL_KIND_META)
        return;
    rec->space = compressed(p);
    rec->page = compressed(p);
}

static void parse_index(const struct redo_record *rec, struct parser *p)
{
    struct redo_mysql_index ix;
    if (!types[rec->type].has_index || p->r.ran_out || p->why)
        return;
    const char *why = redo_mysql_index_read(&ix, &p->r, rec->type);
    must(p, !why, why);
}

enum redo_mysql_parse redo_mysql_record_parse(struct redo_record *rec, size_t *used,
                                              const char **why, const uint8_t *buf, size_t len)
{
    struct parser p = {.r = reader_of(buf, len)};
    *used = 0;
    *why = NULL;
    *rec = (struct redo_record){.type = rd_u8(&p.r) & TYPE_MASK};
    if (p.r.ran_out)
        return MYSQL_PARSE_SHORT;
    if (!types[rec->type].name) {
        *why = "a type that is not known";
        return MYSQL_PARSE_BAD;
    }
    parse_ids(rec, &p);
    rec->body = p.r.p;
    parse_index(rec, &p);
    if (!p.r.ran_out && !p.why)
        types[rec->type].parse(&p);
    *why = p.why;
    if (p.why)
        return MYSQL_PARSE_BAD;
    if (p.r.ran_out)
        return MYSQL_PARSE_SHORT;
    rec->body_len = (uint32_t)(p.r.p - rec->body);
    *used = (size_t)(p.r.p - buf);
    return MYSQL_PARSE_WHOLE;
}

/* --- bodies ----------------------------------------------------------------------------------- */

static struct parser parser_of(const struct redo_record *rec)
{
    return (struct parser){.r = reader_of(rec->body, rec->body_len)};
}

static struct err *body_end(const struct parser *p, const struct redo_record *rec)
{
    const char *why = p->why           ? p->why
                      : p->r.ran_out   ? "cut off"
                      : rd_left(&p->r) ? "more bytes than it should have"
                                       : NULL;
    return why ? err_make(CORRUPT, "%s of tablespace %" PRIu32 ": %s",
                          redo_mysql_type_name(rec->type), rec->space, why)
               : NULL;
}

struct err *redo_mysql_file_op(struct redo_mysql_file_op *out, const struct redo_record *rec)
{
    struct parser p = parser_of(rec);
    *out = (struct redo_mysql_file_op){.type = rec->type, .space = rec->space};
    if (rec->type == MYSQL_REDO_FILE_EXTEND) {
        out->offset = rd_be64(&p.r);
        out->size = rd_be64(&p.r);
        must(&p, out->offset <= UINT64_MAX - out->size, "an end past all files");
        return body_end(&p, rec);
    }
    must(&p, redo_mysql_kind(rec->type) == MYSQL_KIND_FILE, "not a file record");
    if (rec->type == MYSQL_REDO_FILE_CREATE)
        out->flags = rd_be32(&p.r);
    out->name = read_name(&p);
    if (rec->type == MYSQL_REDO_FILE_RENAME)
        out->to = read_name(&p);
    return body_end(&p, rec);
}

struct err *redo_mysql_index_load(uint64_t *index_id, const struct redo_record *rec)
{
    struct parser p = parser_of(rec);
    *index_id = rd_be64(&p.r);
    return body_end(&p, rec);
}

struct err *redo_mysql_meta(struct redo_mysql_meta *out, const struct redo_record *rec)
{
    struct parser p = parser_of(rec);
    read_meta(out, &p);
    return body_end(&p, rec);
}
