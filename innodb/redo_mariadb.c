/* innodb/redo_mariadb.c: file header, checkpoints and framing of the MariaDB 10.8+ redo log.
 * Records: redo_record.c.
 *
 *   offset  size  order  meaning
 *        0     4  big    format: "Phys", or F0 9F 97 9D for an encrypted log of current servers
 *        4     4         0
 *        8     8  big    first_lsn: LSN of the byte at 12288
 *       16    32         creator, NUL padded: "MariaDB 10.11.19"
 *       48    28         of an encrypted log: which key, see redo_crypt.h; the key id comes first, 0 if not
 *                         encrypted ("Phys" with one: the first encrypted form)
 *      508     4  big    CRC-32C of bytes [0, 508)
 *     4096    64         checkpoint page; a second one at 8192: written in turn
 *          +0  8  big      checkpoint LSN
 *          +8  8  big      end LSN: of the mini-transaction that holds FILE_CHECKPOINT
 *         +16 44           0
 *         +60  4  big      CRC-32C of the 60 bytes before
 *    12288               payload, circular up to the end of the file: bytes without blocks
 *
 * A mini-transaction is records back to back, a terminator byte, [8 nonce bytes in an encrypted
 * log,] and the CRC-32C of the records [and the nonce]. No record starts with 0 or 1, so such a
 * byte in a record's place is the terminator. It says in which lap the bytes were written: 1 in the
 * first, third... lap of the file, 0 in the others, by the LSN of the terminator itself. A record's
 * first byte holds in its low 4 bits the length of what follows; 0: a varint v of k bytes comes
 * next, and v + 15 - k bytes follow it.
 *
 * Facts: MariaDB 10.11.19 and 11.8.6, logs of more than 40 laps read to the server's own LSN. */
#include "innodb/redo_mariadb.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "base/reader.h"
#include "innodb/redo_frame.h"
#include "innodb/redo_varint.h"

enum {
    HEADER_SIZE = 512,
    HEADER_FIRST_LSN = 8,
    HEADER_CREATOR = 16,
    HEADER_CREATOR_SIZE = 32,
    HEADER_KEY_ID = 48,
    HEADER_CRC = 508,
    CHECKPOINT_1 = 4096,
    CHECKPOINT_2 = 8192,
    CHECKPOINT_END_LSN = 8,
    CHECKPOINT_FILLER = 16,
    CHECKPOINT_CRC = 60,
};

#define FORMAT_10_8 0x50687973u   /* "Phys" */
#define FORMAT_ENC_11 0xF09F979Du /* encrypted, later 10.11 and 11.x */
#define FORMAT_10_5 0x50485953u   /* "PHYS" */
#define FORMAT_ENCRYPTED 0x80000000u

/* The format words that mbe does not read. */
static const char *old_format_name(uint32_t format)
{
    static const struct {
        uint32_t format;
        const char *name;
    } names[] = {
        {0, "of MariaDB before 10.2 or MySQL before 5.7.9"},
        {1, "of MariaDB 10.2 or MySQL 5.7"},
        {103, "of MariaDB 10.3"},
        {104, "of MariaDB 10.4"},
        {FORMAT_10_5, "of MariaDB 10.5 to 10.7"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((format & ~FORMAT_ENCRYPTED) == names[i].format)
            return names[i].name;
    return "unknown";
}

static struct err *check_format(const uint8_t *area)
{
    const uint32_t format = be32(area);
    if (format == FORMAT_10_8 || format == FORMAT_ENC_11)
        return NULL;
    return err_hint(err_make(REFUSED, "redo log format 0x%08" PRIx32 " (%s) is not that of 10.8+",
                             format, old_format_name(format)),
                    "mbe reads the redo log of MariaDB 10.8 and later.");
}

static void take_checkpoint(struct redo_log_header *h, const uint8_t *page)
{
    const lsn_t lsn = be64(page), end = be64(page + CHECKPOINT_END_LSN);
    if (be32(page + CHECKPOINT_CRC) != crc32c(0, page, CHECKPOINT_CRC))
        return;
    if (!bytes_are_zero(page + CHECKPOINT_FILLER, CHECKPOINT_CRC - CHECKPOINT_FILLER))
        return;
    if (lsn < h->first_lsn || end < lsn || lsn < h->checkpoint_lsn)
        return;
    h->checkpoint_lsn = lsn;
    h->checkpoint_end_lsn = end;
}

struct err *redo_log_header_parse(struct redo_log_header *out, const uint8_t *area, size_t len)
{
    *out = (struct redo_log_header){0};
    if (len < REDO_START_OFFSET)
        return err_make(CORRUPT, "redo log header: %zu bytes, expected %d", len, REDO_START_OFFSET);
    if (bytes_are_zero(area, HEADER_SIZE))
        return err_make(CORRUPT, "redo log header: all zero");
    const uint32_t stored = be32(area + HEADER_CRC), computed = crc32c(0, area, HEADER_CRC);
    /* The oldest format has no checksum here. */
    if (stored != computed && be32(area) != 0)
        return err_make(
            CORRUPT, "redo log header: checksum 0x%08" PRIx32 " stored, 0x%08" PRIx32 " computed",
            stored, computed);
    TRY(check_format(area));
    out->format = be32(area);
    out->first_lsn = be64(area + HEADER_FIRST_LSN);
    out->encrypted = out->format == FORMAT_ENC_11 || be32(area + HEADER_KEY_ID) != 0;
    memcpy(out->encryption, area + HEADER_KEY_ID, sizeof out->encryption);
    memcpy(out->creator, area + HEADER_CREATOR, HEADER_CREATOR_SIZE);
    if (out->first_lsn < REDO_START_OFFSET)
        return err_make(CORRUPT, "redo log header: first LSN %" PRIu64 ", expected at least %d",
                        out->first_lsn, REDO_START_OFFSET);
    take_checkpoint(out, area + CHECKPOINT_1);
    take_checkpoint(out, area + CHECKPOINT_2);
    return NULL;
}

void redo_log_header_make(uint8_t *area, lsn_t first_lsn, lsn_t checkpoint_lsn, lsn_t end_lsn,
                          const char *creator)
{
    memset(area, 0, REDO_START_OFFSET);
    put_be32(area, FORMAT_10_8);
    put_be64(area + HEADER_FIRST_LSN, first_lsn);
    memcpy(area + HEADER_CREATOR, creator, strnlen(creator, HEADER_CREATOR_SIZE - 1));
    put_be32(area + HEADER_CRC, crc32c(0, area, HEADER_CRC));
    uint8_t *checkpoint = area + CHECKPOINT_1;
    put_be64(checkpoint, checkpoint_lsn);
    put_be64(checkpoint + CHECKPOINT_END_LSN, end_lsn);
    put_be32(checkpoint + CHECKPOINT_CRC, crc32c(0, checkpoint, CHECKPOINT_CRC));
}

void redo_log_header_set_encryption(uint8_t *area, const struct redo_log_header *source)
{
    if (!source->encrypted)
        return;
    put_be32(area, source->format);
    memcpy(area + HEADER_KEY_ID, source->encryption, sizeof source->encryption);
    put_be32(area + HEADER_CRC, crc32c(0, area, HEADER_CRC));
}

enum { MTR_END = 5 }; /* terminator and CRC */

/* Ends a mini-transaction of n bytes: its length. */
static size_t end_mtr(uint8_t *mtr, size_t n)
{
    mtr[n] = 1;
    put_be32(mtr + n + 1, crc32c(0, mtr, n));
    return n + MTR_END;
}

/* The mini-transaction FILE_CHECKPOINT(lsn), of 10 bytes, space and page 0: its length. */
static size_t put_checkpoint(uint8_t *mtr, lsn_t lsn)
{
    enum { RECORD = 11 };
    mtr[0] = REDO_FILE_CHECKPOINT << 4 | (RECORD - 1);
    mtr[1] = mtr[2] = 0;
    put_be64(mtr + 3, lsn);
    return end_mtr(mtr, RECORD);
}

void redo_log_synthetic_make(uint8_t *out, lsn_t end, const char *creator)
{
    redo_log_header_make(out, end, end, end, creator);
    put_checkpoint(out + REDO_START_OFFSET, end);
}

/* A mini-transaction with FILE_MODIFY of that name: its length. */
static size_t put_modify(uint8_t *mtr, const struct redo_named_space *space)
{
    enum { SHORT_MAX = 15 }; /* longer: v + 15 - k bytes follow a varint v of k bytes */
    uint8_t ids[REDO_VARINT_MAX + 1];
    const size_t n_name = strlen(space->name);
    size_t n_ids = put_varint(ids, space->id), n = 1;
    ids[n_ids++] = 0; /* page */
    mtr[0] = REDO_FILE_MODIFY << 4;
    if (n_ids + n_name <= SHORT_MAX) {
        mtr[0] |= (uint8_t)(n_ids + n_name);
    } else {
        size_t k = 1;
        while (put_varint(mtr + 1, (uint32_t)(n_ids + n_name + k - SHORT_MAX)) != k)
            k++;
        n += k;
    }
    memcpy(mtr + n, ids, n_ids);
    memcpy(mtr + n + n_ids, space->name, n_name);
    return end_mtr(mtr, n + n_ids + n_name);
}

void redo_log_synthetic_make_named(uint8_t **out, size_t *len, lsn_t end, const char *creator,
                                   const struct redo_named_space *spaces, size_t n)
{
    enum { BESIDES_NAME = 1 + 2 * REDO_VARINT_MAX + 1 + MTR_END };
    size_t most = REDO_SYNTHETIC_SIZE, at = REDO_START_OFFSET;
    for (size_t i = 0; i < n; i++)
        most += strlen(spaces[i].name) + BESIDES_NAME;
    uint8_t *log = mem_zalloc(most);
    for (size_t i = 0; i < n; i++)
        at += put_modify(log + at, &spaces[i]);
    redo_log_header_make(log, end, end, end + (at - REDO_START_OFFSET), creator);
    at += put_checkpoint(log + at, end);
    *out = log;
    *len = at;
}

uint64_t redo_offset(const struct redo_geometry *g, lsn_t lsn)
{
    return REDO_START_OFFSET + (g->capacity ? (lsn - g->first_lsn) % g->capacity : 0);
}

/* The terminator that is due at an LSN. */
static uint8_t terminator_at(const struct redo_geometry *g, lsn_t lsn)
{
    return g->capacity && (lsn - g->first_lsn) / g->capacity % 2 ? 0 : 1;
}

const uint8_t *redo_frame_record_end(const uint8_t *p, const uint8_t *end)
{
    size_t len = *p++ & 15;
    if (len == 0) {
        struct reader r = reader_of(p, (size_t)(end - p));
        const uint32_t v = rd_varint(&r);
        const size_t k = (size_t)(r.p - p);
        if (r.ran_out || k > 3)
            return NULL;
        len = v + 15 - k;
        p = r.p;
    }
    return len <= (size_t)(end - p) ? p + len : NULL;
}

size_t redo_frame_clear(const uint8_t *p, const uint8_t *end)
{
    struct reader r = reader_of(p + 1, (size_t)(end - p - 1));
    if ((*p & 15) == 0)
        rd_varint(&r);
    return (size_t)(r.p - p);
}

const uint8_t *redo_frame_terminator(const uint8_t *buf, const uint8_t *end)
{
    const uint8_t *p = buf;
    while (p && p<end && * p> 1)
        p = redo_frame_record_end(p, end);
    return p && p < end && p > buf ? p : NULL;
}

size_t redo_frame(uint8_t *buf, size_t len, lsn_t lsn, lsn_t limit, const struct redo_geometry *g)
{
    const size_t nonce = g->encrypted ? REDO_FRAME_NONCE : 0;
    size_t at = 0;
    if (limit <= lsn)
        return 0;
    if (len > limit - lsn)
        len = (size_t)(limit - lsn);
    while (at < len) {
        const size_t room = len - at < REDO_MTR_MAX ? len - at : REDO_MTR_MAX;
        const uint8_t *stop = redo_frame_terminator(buf + at, buf + at + room);
        if (!stop)
            break;
        const size_t records = (size_t)(stop - (buf + at));
        if (records + 1 + nonce + 4 > room || *stop != terminator_at(g, lsn + at + records))
            break;
        const uint32_t crc = crc32c(crc32c(0, buf + at, records), stop + 1, nonce);
        if (crc != be32(stop + 1 + nonce))
            break;
        buf[at + records] = 1;
        at += records + 1 + nonce + 4;
    }
    return at;
}
