/* innodb/redo_record.c: the records of a mini-transaction; see redo_mariadb.h. Framing:
 * redo_mariadb.c.
 *
 * First byte of a record: bit 7 "same", bits 6-4 type, bits 3-0 length. Until a page record has
 * been seen, "same" marks a file record, whose type is the whole high nibble; after one it means:
 * same page as the record before, no ids. So all file records of a mini-transaction come first.
 * Otherwise two varints follow, space id and page number, then the body.
 *
 *   FILE_CREATE, FILE_DELETE, FILE_MODIFY   a name; page number 0
 *   FILE_RENAME                             old name, 00, new name; page number 0
 *   FILE_CHECKPOINT                         ids 0, 0 and the checkpoint LSN (8 bytes); or only
 *                                           zero bytes: padding, always the last record
 *   page records                            see redo_apply.c
 *
 * Facts: MariaDB 10.11.19 and 11.8.6; names and order proven under a storm of DDL. */
#include "innodb/redo_mariadb.h"

#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/redo_frame.h"
#include "innodb/redo_varint.h"

enum { TRAILER = 5 }; /* terminator and CRC; the nonce is between them */

static const char *const type_names[16] = {
#define REDO_PAGE(id, name, apply) [id] = #name,
#define REDO_EXT(id, name, apply)
#define REDO_FILE(id, name) [id] = #name,
#include "innodb/redo_mariadb.def"
};

static const char *const ext_names[] = {
#define REDO_PAGE(id, name, apply)
#define REDO_EXT(id, name, apply) [id] = #name,
#define REDO_FILE(id, name)
#include "innodb/redo_mariadb.def"
};

const char *redo_type_name(enum redo_type type, unsigned subtype)
{
    if (type == REDO_EXTENDED && subtype < sizeof ext_names / sizeof ext_names[0])
        return ext_names[subtype];
    return (unsigned)type < 16 && type_names[type] ? type_names[type] : "unknown record";
}

struct err *redo_mtr_open(struct redo_mtr *m, const uint8_t *buf, size_t len, lsn_t lsn,
                          enum redo_mtr_form form, size_t *mtr_len)
{
    const size_t nonce = form == REDO_MTR_ENCRYPTED ? REDO_FRAME_NONCE : 0;
    const size_t room = len < REDO_MTR_MAX ? len : REDO_MTR_MAX;
    const uint8_t *stop = redo_frame_terminator(buf, buf + room);
    *m = (struct redo_mtr){.start = lsn};
    *mtr_len = 0;
    if (!stop)
        return err_make(CORRUPT, "LSN %" PRIu64 ": no whole mini-transaction in %zu bytes", lsn,
                        len);
    const size_t records = (size_t)(stop - buf);
    if (records + TRAILER + nonce > room)
        return err_make(CORRUPT, "LSN %" PRIu64 ": mini-transaction cut off in its checksum", lsn);
    if (*stop != 1)
        return err_make(CORRUPT, "LSN %" PRIu64 ": mini-transaction ends in 0x%02x, expected 0x01",
                        lsn, *stop);
    const uint32_t stored = be32(stop + 1 + nonce);
    const uint32_t computed = crc32c(crc32c(0, buf, records), stop + 1, nonce);
    if (stored != computed)
        return err_make(CORRUPT,
                        "LSN %" PRIu64 ": mini-transaction checksum 0x%08" PRIx32
                        " stored, 0x%08" PRIx32 " computed",
                        lsn, stored, computed);
    m->pos = buf;
    m->stop = stop;
    m->stop_lsn = lsn + records;
    *mtr_len = records + TRAILER + nonce;
    m->end = lsn + *mtr_len;
    return NULL;
}

static bool is_file_record(uint8_t first)
{
    return first & 0x80;
}

bool redo_mtr_has_file_records(const uint8_t *buf)
{
    return is_file_record(buf[0]);
}

/* Reads the ids in front of a body. */
static const char *read_ids(struct redo_record *rec, struct reader *r)
{
    rec->space = rd_varint(r);
    rec->page = rd_varint(r);
    return r->ran_out ? "cut off in its page id" : NULL;
}

static const char *read_checkpoint(struct redo_record *rec, struct reader *r, bool last)
{
    enum { IDS_AND_LSN = 10 };
    if (rd_left(r) != IDS_AND_LSN) {
        if (!bytes_are_zero(r->p, rd_left(r)))
            return "neither a checkpoint nor padding";
        if (!last)
            return "padding that is not the last record";
        r->p = r->end;
        return NULL;
    }
    const char *why = read_ids(rec, r);
    if (!why && (rec->space || rec->page || rd_left(r) != 8))
        why = "not of page 0 of space 0";
    return why;
}

static const char *read_file_record(struct redo_record *rec, struct reader *r, bool last)
{
    if (rec->type == REDO_FILE_CHECKPOINT)
        return read_checkpoint(rec, r, last);
    if (!type_names[rec->type])
        return "a type that is not known";
    const char *why = read_ids(rec, r);
    if (why)
        return why;
    if (rec->space == 0 || rec->page != 0)
        return "not of page 0 of a file-per-table tablespace";
    if (rd_left(r) == 0)
        return "without a name";
    if (rec->type != REDO_FILE_RENAME && memchr(r->p, 0, rd_left(r)))
        return "a zero byte in its name";
    return NULL;
}

static const char *read_page_record(struct redo_mtr *m, struct redo_record *rec, struct reader *r)
{
    const bool empty = rec->type == REDO_FREE_PAGE || rec->type == REDO_INIT_PAGE;
    if (rec->type == REDO_RESERVED)
        return "a type that is not known";
    if (rec->same_page) {
        if (empty)
            return "without a page id";
        rec->space = m->space;
        rec->page = m->page;
    } else {
        const char *why = read_ids(rec, r);
        if (why)
            return why;
        m->space = rec->space;
        m->page = rec->page;
        m->got_page = true;
    }
    if (empty != (rd_left(r) == 0))
        return empty ? "a body where there is none" : "without a body";
    return NULL;
}

struct err *redo_mtr_next(struct redo_mtr *m, struct redo_record *rec, bool *more)
{
    *rec = (struct redo_record){0};
    *more = m->pos < m->stop;
    if (!*more)
        return NULL;
    const uint8_t first = *m->pos;
    const lsn_t lsn = m->stop_lsn - (lsn_t)(m->stop - m->pos);
    const uint8_t *end = redo_frame_record_end(m->pos, m->stop);
    assert(end); /* redo_mtr_open walked over it */
    const uint8_t *payload = m->pos + redo_frame_clear(m->pos, end);
    struct reader r = reader_of(payload, (size_t)(end - payload));
    const char *why;
    if (is_file_record(first) && !m->got_page) {
        rec->type = first >> 4;
        why = read_file_record(rec, &r, end == m->stop);
    } else {
        rec->type = first >> 4 & 7;
        rec->same_page = first >> 7;
        why = read_page_record(m, rec, &r);
    }
    if (why) {
        *more = false;
        return err_make(CORRUPT, "LSN %" PRIu64 ": record 0x%02x (%s): %s", lsn, first,
                        redo_type_name(rec->type, UINT_MAX), why);
    }
    rec->body = r.p;
    rec->body_len = (uint32_t)rd_left(&r);
    m->pos = end;
    return NULL;
}

struct err *redo_rename_names(const struct redo_record *rec, const uint8_t **from, size_t *from_len,
                              const uint8_t **to, size_t *to_len)
{
    const uint8_t *end = rec->body + rec->body_len;
    const uint8_t *zero = rec->body_len ? memchr(rec->body, 0, rec->body_len) : NULL;
    if (!zero || zero == rec->body || zero + 1 == end ||
        memchr(zero + 1, 0, (size_t)(end - zero - 1)))
        return err_make(CORRUPT, "FILE_RENAME of tablespace %" PRIu32 ": expected two names",
                        rec->space);
    *from = rec->body;
    *from_len = (size_t)(zero - rec->body);
    *to = zero + 1;
    *to_len = (size_t)(end - zero - 1);
    return NULL;
}
