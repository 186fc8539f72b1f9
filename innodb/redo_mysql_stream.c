/* innodb/redo_mysql_stream.c: mini-transactions of the MySQL 8.0.30+ redo log, from its blocks.
 *
 * The data bytes of consecutive blocks are one sequence of mini-transactions. One begins with
 *   a type byte with 0x80    and is that record alone
 *   32 (DUMMY)               and is that byte alone
 *   a type byte without 0x80 and goes on, with records without 0x80, up to and including a byte 31 (MULTI_REC_END)
 * A server whose log is made smaller fills the rest of a file with thousands of bytes 32 and one 31. It writes them as one, but
 * by these rules, which are also those of its own recovery, each is a mini-transaction, and the last one is empty.
 * The sequence is entered at the first block that says where one begins. A checkpoint need not be a boundary: what began below
 * it is passed over whole.
 *
 * An index is born when one of them creates a page (types 19, 37, 57, 58), writes into the places of its segments (2, 4 or 30 at
 * offsets 74 to 93) and its index id (8 at offset 66); a page that comes from a split has no segments.
 *
 * Facts: MySQL 9.7.4, whole logs from checkpoints inside a mini-transaction to the last byte.
 *
 *   I1  s->bytes[s->mtr] is the first byte of a mini-transaction, at LSN s->parsed, or there is none yet.
 *   I2  [s->mtr, s->scan) are whole records of it: they are not parsed again when more bytes come, so that a long one
 *       costs no more than its length.
 *   I3  The block at s->block has given its bytes [12, s->taken) (I4 aside) to s->bytes; taken 512 stands for all of it.
 *   I4  Until a block says where a mini-transaction begins, parsed is 0 and no byte is taken from any. */
#include "innodb/redo_mysql.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/map64.h"
#include "base/mem.h"
#include "base/reader.h"
#include "innodb/redo_mysql_block.h"
#include "innodb/redo_mysql_int.h"

struct redo_mysql_stream {
    lsn_t block;      /* the one that is wanted, or the last one pushed while it is not full */
    unsigned taken;   /* of that block: offset behind the last byte taken; BLOCK_DATA: none */
    lsn_t checkpoint; /* mini-transactions below are passed over */
    lsn_t parsed;     /* LSN of bytes[mtr] */
    uint8_t *bytes;
    size_t n, cap;    /* bytes held, room for */
    size_t mtr, scan; /* I1, I2 */
};

struct redo_mysql_stream *redo_mysql_stream_new(lsn_t start_lsn, lsn_t checkpoint_lsn)
{
    struct redo_mysql_stream *s = mem_zalloc(sizeof *s);
    s->block = redo_mysql_block_lsn(start_lsn);
    s->taken = BLOCK_DATA;
    s->checkpoint = checkpoint_lsn;
    return s;
}

void redo_mysql_stream_free(struct redo_mysql_stream *s)
{
    if (!s)
        return;
    free(s->bytes);
    free(s);
}

lsn_t redo_mysql_stream_wants(const struct redo_mysql_stream *s)
{
    return s->block;
}

lsn_t redo_mysql_stream_parsed(const struct redo_mysql_stream *s)
{
    return s->parsed;
}

size_t redo_mysql_stream_pending(const struct redo_mysql_stream *s)
{
    return s->n - s->mtr;
}

static void append(struct redo_mysql_stream *s, const uint8_t *bytes, size_t n)
{
    /* Moving less than what becomes free keeps the cost in line with what was pushed. */
    if (s->n + n > s->cap && s->mtr > s->n - s->mtr) {
        memmove(s->bytes, s->bytes + s->mtr, s->n - s->mtr);
        s->n -= s->mtr;
        s->scan -= s->mtr;
        s->mtr = 0;
    }
    if (n) {
        mem_grow(&s->bytes, &s->cap, s->n + n - 1, 1);
        memcpy(s->bytes + s->n, bytes, n);
    }
    s->n += n;
}

struct err *redo_mysql_stream_push(struct redo_mysql_stream *s, const uint8_t *block)
{
    const unsigned len = be16(block + BLOCK_DATA_LEN), first = be16(block + BLOCK_FIRST_MTR);
    const unsigned end = len == BLOCK ? BLOCK_CRC : len;
    if (len != BLOCK && (len < BLOCK_DATA || len >= BLOCK_CRC))
        return err_make(CORRUPT, "redo block at LSN %" PRIu64 ": data length %u", s->block, len);
    if (first && (first < BLOCK_DATA || first > end))
        return err_make(
            CORRUPT, "redo block at LSN %" PRIu64 ": first mini-transaction at %u, data length %u",
            s->block, first, len);
    if (end < s->taken)
        return err_make(CORRUPT, "redo block at LSN %" PRIu64 ": %u bytes, %u were there before",
                        s->block, end, s->taken);
    if (!s->parsed && first) {
        s->parsed = redo_mysql_advance(s->block + BLOCK_DATA, first - BLOCK_DATA);
        s->taken = first;
    }
    if (s->parsed) {
        append(s, block + s->taken, end - s->taken);
        s->taken = end;
    }
    if (len == BLOCK) {
        s->block += BLOCK;
        s->taken = BLOCK_DATA;
    }
    return NULL;
}

/* --- framing ---------------------------------------------------------------------------------- */

static lsn_t lsn_at(const struct redo_mysql_stream *s, size_t at)
{
    return redo_mysql_advance(s->parsed, at - s->mtr);
}

/* What is wrong with a record's place in the mini-transaction that begins with `first`, or NULL. */
static const char *misplaced(const struct redo_record *rec, uint8_t first, uint8_t byte)
{
    const bool flagged = byte & SINGLE_RECORD;
    if (flagged && redo_mysql_kind(rec->type) == MYSQL_KIND_NONE)
        return "marked as the only record";
    if (flagged && !(first & SINGLE_RECORD))
        return "marked as the only record, but not alone";
    return NULL;
}

/* Walks on to the end of the mini-transaction; *whole says whether it is there. */
static struct err *frame(struct redo_mysql_stream *s, bool *whole)
{
    for (*whole = false; !*whole;) {
        struct redo_record rec;
        size_t used;
        const char *why;
        const enum redo_mysql_parse parsed =
            redo_mysql_record_parse(&rec, &used, &why, s->bytes + s->scan, s->n - s->scan);
        if (parsed == MYSQL_PARSE_SHORT)
            break;
        const uint8_t first = s->bytes[s->mtr], byte = s->bytes[s->scan];
        const bool alone = s->scan == s->mtr;
        if (!why)
            why = misplaced(&rec, first, byte);
        if (why)
            return err_make(CORRUPT, "LSN %" PRIu64 ": redo record %u (%s): %s", lsn_at(s, s->scan),
                            rec.type, redo_mysql_type_name(rec.type), why);
        s->scan += used;
        *whole = byte & SINGLE_RECORD || rec.type == MYSQL_REDO_MULTI_REC_END ||
                 (alone && rec.type == MYSQL_REDO_DUMMY);
    }
    if ((*whole ? s->scan : s->n) - s->mtr > MYSQL_REDO_MTR_MAX)
        return err_make(CORRUPT, "LSN %" PRIu64 ": mini-transaction of more than %d bytes",
                        s->parsed, MYSQL_REDO_MTR_MAX);
    return NULL;
}

struct err *redo_mysql_stream_next(struct redo_mysql_stream *s, struct redo_mysql_mtr *m,
                                   bool *more)
{
    for (*more = false; !*more && s->n > s->mtr;) {
        bool whole;
        TRY(frame(s, &whole));
        if (!whole)
            return NULL;
        *m = (struct redo_mysql_mtr){.start = s->parsed,
                                     .end = lsn_at(s, s->scan),
                                     .pos = s->bytes + s->mtr,
                                     .stop = s->bytes + s->scan};
        s->parsed = m->end;
        s->mtr = s->scan;
        *more = m->start >= s->checkpoint;
    }
    return NULL;
}

bool redo_mysql_mtr_next(struct redo_mysql_mtr *m, struct redo_record *rec)
{
    while (m->pos < m->stop) {
        size_t used;
        const char *why;
        const enum redo_mysql_parse parsed =
            redo_mysql_record_parse(rec, &used, &why, m->pos, (size_t)(m->stop - m->pos));
        assert(parsed == MYSQL_PARSE_WHOLE); /* frame() walked over it */
        (void)parsed;
        m->pos += used;
        if (redo_mysql_kind(rec->type) != MYSQL_KIND_NONE)
            return true;
    }
    return false;
}
