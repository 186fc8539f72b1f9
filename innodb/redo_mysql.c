/* innodb/redo_mysql.c: files, checkpoints and blocks of the MySQL 8.0.30+ redo log, LSN arithmetic, and the log that a restored
 * server starts from. Records: redo_mysql_record.c; mini-transactions: redo_mysql_stream.c.
 *
 *   offset  size  order  meaning
 *        0     4  big    format: 6
 *        4     4  big    uuid of the log
 *        8     8  big    start LSN: of the byte at 2048; multiple of 512
 *       16    32         creator, NUL padded: "MySQL 9.7.4"
 *       48     4  big    flags: 1 logging disabled, 2 crash-unsafe, 4 data directory not initialised, 8 file full
 *      508     4  big    CRC-32C of bytes [0, 508)
 *      512   512         checkpoint slot
 *         +8   8  big      checkpoint LSN; 0: empty
 *       +508   4  big      CRC-32C of the 508 bytes before
 *     1024   512         encryption; at 1072 the key record (page_crypt.h), where there is one; servers set no checksum
 *     1536   512         second checkpoint slot; they are written in turn, in the file that holds the checkpoint
 *     2048               blocks of 512 bytes
 *         +0   4  big      number: 1 + (LSN / 512) mod 2^30; bit 31 is not part of it
 *         +4   2  big      data length, header included: 512, or 12 to 507 in the last block; bit 15: encrypted
 *         +6   2  big      offset of the first mini-transaction that starts here, 0 for none; may be the data length
 *         +8   4  big      epoch: 1 + (LSN / 512) div 2^30
 *        +12 496           data
 *       +508   4  big      CRC-32C of the 508 bytes before; 0xDEADBEEF under innodb_log_checksums=OFF
 *
 * In an encrypted block bytes 12 to 511 are not clear, the checksum included. The last block is written again and again, each
 * time longer. Behind it lie zeros or blocks of an older use of the file, with older numbers.
 *
 * Facts: MySQL 9.7.4, by experiment: whole logs read to the last byte, also while the server wrote them and over its changes of
 * file; started from a log made here, with the counters in it. The meaning of flags, and LSNs of 2^39 and more: by rule. */
#include "innodb/redo_mysql.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "innodb/redo_mysql_block.h"
#include "innodb/redo_mysql_int.h"

enum {
    FORMAT = 6,
    HEADER_UUID = 4,
    HEADER_START_LSN = 8,
    HEADER_CREATOR = 16,
    HEADER_FLAGS = 48,
    CHECKPOINT_1 = 512,
    ENCRYPTION = 1024,
    ENCRYPTION_KEY = ENCRYPTION + 48,
    CHECKPOINT_2 = 1536,
    CHECKPOINT_LSN = 8,
    FLAG_LOGGING_DISABLED = 1,
    FLAG_CRASH_UNSAFE = 2,
    FLAG_NOT_INITIALISED = 4,
    FLAG_FULL = 8,
};

#define BLOCK_NUMBERS (1u << 30) /* in an epoch */
#define BLOCK_NUMBER_MASK 0x7FFFFFFFu
#define NO_CHECKSUM 0xDEADBEEFu
#define LSN_MIN 8192u /* where the log of a new data directory begins */

static void put_crc(uint8_t *block)
{
    put_be32(block + BLOCK_CRC, crc32c(0, block, BLOCK_CRC));
}

static bool crc_is_good(const uint8_t *block)
{
    return be32(block + BLOCK_CRC) == crc32c(0, block, BLOCK_CRC);
}

/* --- file header ------------------------------------------------------------------------------ */

static const char *format_name(uint32_t format)
{
    static const char *const names[] = {
        "of MySQL before 5.7.9",     "of MySQL 5.7",
        "of MySQL 8.0.1 to 8.0.2",   "of MySQL 8.0.3 to 8.0.18",
        "of MySQL 8.0.19 to 8.0.27", "of MySQL 8.0.28 to 8.0.29",
    };
    return format < sizeof names / sizeof names[0] ? names[format] : "unknown";
}

static void take_checkpoint(struct redo_mysql_header *h, const uint8_t *slot)
{
    const lsn_t lsn = be64(slot + CHECKPOINT_LSN);
    if (crc_is_good(slot) && lsn >= h->start_lsn && lsn < h->end_lsn && lsn > h->checkpoint_lsn)
        h->checkpoint_lsn = lsn;
}

static struct err *check_range(struct redo_mysql_header *h, uint64_t file_size)
{
    if (file_size < MYSQL_REDO_HEADER_SIZE || file_size > INT64_MAX)
        return err_make(CORRUPT, "redo log header: file of %" PRIu64 " bytes", file_size);
    const uint64_t size = file_size - MYSQL_REDO_HEADER_SIZE;
    if (h->start_lsn < LSN_MIN || h->start_lsn % BLOCK || h->start_lsn > UINT64_MAX - size)
        return err_make(CORRUPT, "redo log header: start LSN %" PRIu64, h->start_lsn);
    h->end_lsn = h->start_lsn + size;
    return NULL;
}

struct err *redo_mysql_header_parse(struct redo_mysql_header *out, const uint8_t *area,
                                    uint64_t file_size)
{
    *out = (struct redo_mysql_header){.format = be32(area)};
    if (bytes_are_zero(area, BLOCK))
        return err_make(CORRUPT, "redo log header: all zero");
    /* The oldest format has no checksum here. */
    if (out->format != 0 && !crc_is_good(area))
        return err_make(
            CORRUPT, "redo log header: checksum 0x%08" PRIx32 " stored, 0x%08" PRIx32 " computed",
            be32(area + BLOCK_CRC), crc32c(0, area, BLOCK_CRC));
    if (out->format != FORMAT)
        return err_hint(err_make(REFUSED, "redo log format %" PRIu32 " (%s) is not %d", out->format,
                                 format_name(out->format), FORMAT),
                        "mbe reads the redo log of MySQL 8.0.30 and later.");
    out->uuid = be32(area + HEADER_UUID);
    out->start_lsn = be64(area + HEADER_START_LSN);
    TRY(check_range(out, file_size));
    memcpy(out->creator, area + HEADER_CREATOR, MYSQL_REDO_CREATOR_SIZE);
    const uint32_t flags = be32(area + HEADER_FLAGS);
    out->logging_disabled = flags & FLAG_LOGGING_DISABLED;
    out->crash_unsafe = flags & FLAG_CRASH_UNSAFE;
    out->not_initialised = flags & FLAG_NOT_INITIALISED;
    out->full = flags & FLAG_FULL;
    out->has_key = memcmp(area + ENCRYPTION_KEY, "lC", 2) == 0;
    memcpy(out->key_record, area + ENCRYPTION_KEY, sizeof out->key_record);
    take_checkpoint(out, area + CHECKPOINT_1);
    take_checkpoint(out, area + CHECKPOINT_2);
    return NULL;
}

void redo_mysql_header_make(uint8_t *area, uint32_t uuid, lsn_t start_lsn, lsn_t checkpoint_lsn,
                            const char *creator)
{
    assert(start_lsn % BLOCK == 0);
    memset(area, 0, MYSQL_REDO_HEADER_SIZE);
    put_be32(area, FORMAT);
    put_be32(area + HEADER_UUID, uuid);
    put_be64(area + HEADER_START_LSN, start_lsn);
    memcpy(area + HEADER_CREATOR, creator, strnlen(creator, MYSQL_REDO_CREATOR_SIZE - 1));
    put_be64(area + CHECKPOINT_1 + CHECKPOINT_LSN, checkpoint_lsn);
    for (size_t at = 0; at < MYSQL_REDO_HEADER_SIZE; at += BLOCK)
        put_crc(area + at);
}

void redo_mysql_header_set_key(uint8_t *area, const uint8_t record[MYSQL_REDO_KEY_RECORD_SIZE])
{
    memcpy(area + ENCRYPTION_KEY, record, MYSQL_REDO_KEY_RECORD_SIZE);
    put_crc(area + ENCRYPTION);
}

/* --- LSN -------------------------------------------------------------------------------------- */

lsn_t redo_mysql_block_lsn(lsn_t lsn)
{
    return lsn - lsn % BLOCK;
}

bool redo_mysql_is_data_lsn(lsn_t lsn)
{
    return lsn % BLOCK >= BLOCK_DATA && lsn % BLOCK < BLOCK_CRC;
}

lsn_t redo_mysql_advance(lsn_t lsn, uint64_t n)
{
    const uint64_t at = lsn % BLOCK - BLOCK_DATA + n;
    return redo_mysql_block_lsn(lsn) + at / BLOCK_ROOM * BLOCK + BLOCK_DATA + at % BLOCK_ROOM;
}

uint64_t redo_mysql_offset(lsn_t start_lsn, lsn_t lsn)
{
    return lsn - start_lsn + MYSQL_REDO_HEADER_SIZE;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static uint32_t block_number(lsn_t lsn)
{
    return (uint32_t)(1 + lsn / BLOCK % BLOCK_NUMBERS);
}

static uint32_t block_epoch(lsn_t lsn)
{
    return (uint32_t)(1 + lsn / BLOCK / BLOCK_NUMBERS);
}

enum redo_mysql_block redo_mysql_block_check(const uint8_t *block, lsn_t lsn, unsigned *data_len)
{
    *data_len = 0;
    if ((be32(block) & BLOCK_NUMBER_MASK) != block_number(lsn) ||
        be32(block + BLOCK_EPOCH) != block_epoch(lsn))
        return MYSQL_BLOCK_NOT_YET;
    const unsigned field = be16(block + BLOCK_DATA_LEN), len = field & ~DATA_LEN_ENCRYPTED;
    const bool encrypted = field & DATA_LEN_ENCRYPTED;
    if (!encrypted && !crc_is_good(block) && be32(block + BLOCK_CRC) != NO_CHECKSUM)
        return MYSQL_BLOCK_TORN;
    if (len != BLOCK && (len < BLOCK_DATA || len >= BLOCK_CRC))
        return MYSQL_BLOCK_TORN;
    *data_len = len;
    return encrypted ? MYSQL_BLOCK_ENCRYPTED : MYSQL_BLOCK_WHOLE;
}

bool redo_mysql_block_says(const uint8_t *block, lsn_t *lsn)
{
    const uint32_t number = be32(block) & BLOCK_NUMBER_MASK, epoch = be32(block + BLOCK_EPOCH);
    if (!number || number > BLOCK_NUMBERS || !epoch)
        return false;
    *lsn = ((uint64_t)(epoch - 1) * BLOCK_NUMBERS + number - 1) * BLOCK;
    return true;
}

static void put_block_head(uint8_t *block, lsn_t lsn)
{
    put_be32(block, block_number(lsn));
    put_be32(block + BLOCK_EPOCH, block_epoch(lsn));
    put_be16(block + BLOCK_DATA_LEN, BLOCK_DATA);
}

void redo_mysql_block_make_empty(uint8_t *block, lsn_t lsn)
{
    memset(block, 0, BLOCK);
    put_block_head(block, lsn);
    redo_mysql_block_cut(block, lsn + BLOCK_DATA);
}

void redo_mysql_block_cut(uint8_t *block, lsn_t end)
{
    assert(redo_mysql_is_data_lsn(end));
    const unsigned len = end % BLOCK;
    put_be16(block + BLOCK_DATA_LEN, (uint16_t)len);
    /* Servers complain about a last block that does not say where to go on. */
    const unsigned first = be16(block + BLOCK_FIRST_MTR);
    if (first == 0 || first > len)
        put_be16(block + BLOCK_FIRST_MTR, (uint16_t)len);
    memset(block + len, 0, BLOCK_CRC - len);
    put_crc(block);
}

/* --- the log a restored server starts from ---------------------------------------------------- */

enum {
    COUNTER_ONLY_MAX = 2 + 3 * MUCH_COMPRESSED64_MAX,
    CORRUPTED_ENTRY = 12, /* space id, index id */
    CORRUPTED_MAX = 32,   /* indexes in one record */
    /* type, kind, three integers, or two and a list */
    COUNTER_MTR_MAX = 3 + 3 * MUCH_COMPRESSED64_MAX + CORRUPTED_MAX * CORRUPTED_ENTRY,
    SYNTHETIC_SPARE =
        64 << 10, /* free space behind the counters: the server goes on writing here */
    SYNTHETIC_UNIT =
        INNODB_PAGE_SIZE_MAX, /* servers refuse what is no multiple of their page size */
};

static size_t put_head(uint8_t *p, const struct redo_mysql_counter *c,
                       enum redo_mysql_meta_kind kind)
{
    size_t n = 0;
    p[n++] = MYSQL_REDO_TABLE_DYNAMIC_META | SINGLE_RECORD;
    n += put_much_compressed64(p + n, c->table_id);
    n += put_much_compressed64(p + n, c->version);
    p[n++] = (uint8_t)kind;
    return n;
}

static size_t put_counter(uint8_t *p, const struct redo_mysql_counter *c)
{
    const size_t n = put_head(p, c, MYSQL_META_COUNTER);
    return n + put_much_compressed64(p + n, c->counter);
}

static size_t put_corrupted(uint8_t *p, const struct redo_mysql_counter *c, size_t from,
                            size_t n_indexes)
{
    size_t n = put_head(p, c, MYSQL_META_CORRUPTED_INDEXES);
    p[n++] = (uint8_t)n_indexes;
    for (size_t i = from; i < from + n_indexes; i++) {
        put_be32(p + n, c->corrupted[i].space);
        put_be64(p + n + 4, c->corrupted[i].index_id);
        n += CORRUPTED_ENTRY;
    }
    return n;
}

static void begin_block(uint8_t *log, lsn_t start, lsn_t lsn)
{
    put_block_head(log + redo_mysql_offset(start, redo_mysql_block_lsn(lsn)), lsn);
}

/* Appends one mini-transaction at the data LSN `at`, whose block has been begun. */
static lsn_t append_mtr(uint8_t *log, lsn_t start, lsn_t at, const uint8_t *mtr, size_t n)
{
    uint8_t *block = log + redo_mysql_offset(start, redo_mysql_block_lsn(at));
    if (be16(block + BLOCK_FIRST_MTR) == 0)
        put_be16(block + BLOCK_FIRST_MTR, (uint16_t)(at % BLOCK));
    while (n) {
        const size_t room = BLOCK_CRC - at % BLOCK, part = n < room ? n : room;
        block = log + redo_mysql_offset(start, redo_mysql_block_lsn(at));
        memcpy(block + at % BLOCK, mtr, part);
        mtr += part;
        n -= part;
        at = redo_mysql_advance(at, part);
        put_be16(block + BLOCK_DATA_LEN, (uint16_t)(part == room ? BLOCK : at % BLOCK));
        if (part == room)
            begin_block(log, start, at);
    }
    return at;
}

/* Everything that is known of one table. */
static lsn_t append_table(uint8_t *log, lsn_t start, lsn_t at, const struct redo_mysql_counter *c)
{
    uint8_t mtr[COUNTER_MTR_MAX];
    if (c->counter)
        at = append_mtr(log, start, at, mtr, put_counter(mtr, c));
    for (size_t i = 0; i < c->n_corrupted; i += CORRUPTED_MAX) {
        const size_t left = c->n_corrupted - i, n = left < CORRUPTED_MAX ? left : CORRUPTED_MAX;
        at = append_mtr(log, start, at, mtr, put_corrupted(mtr, c, i, n));
    }
    return at;
}

void redo_mysql_synthetic_make(struct redo_mysql_synthetic *out, uint32_t uuid, lsn_t lsn,
                               const char *creator, const struct redo_mysql_counter *counters,
                               size_t n)
{
    const lsn_t start = redo_mysql_block_lsn(lsn + BLOCK - 1), first = start + BLOCK_DATA;
    uint64_t most = 0;
    for (size_t i = 0; i < n; i++)
        most += COUNTER_ONLY_MAX +
                (counters[i].n_corrupted + CORRUPTED_MAX - 1) / CORRUPTED_MAX * COUNTER_MTR_MAX;
    const uint64_t used = redo_mysql_offset(start, redo_mysql_advance(first, most));
    size_t size = (used + SYNTHETIC_SPARE + SYNTHETIC_UNIT - 1) / SYNTHETIC_UNIT * SYNTHETIC_UNIT;
    if (size < MYSQL_REDO_FILE_MIN)
        size = MYSQL_REDO_FILE_MIN;
    uint8_t *log = mem_zalloc(size);
    redo_mysql_header_make(log, uuid, start, first, creator);
    lsn_t at = first;
    begin_block(log, start, at);
    for (size_t i = 0; i < n; i++)
        at = append_table(log, start, at, &counters[i]);
    for (lsn_t block = start; block <= at; block += BLOCK)
        put_crc(log + redo_mysql_offset(start, block));
    redo_mysql_block_cut(log + redo_mysql_offset(start, redo_mysql_block_lsn(at)), at);
    *out = (struct redo_mysql_synthetic){
        .bytes = log, .size = size, .checkpoint_lsn = first, .end_lsn = at};
}
