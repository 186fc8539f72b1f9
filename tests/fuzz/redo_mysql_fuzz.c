/* tests/fuzz/redo_mysql_fuzz.c: a hostile MySQL redo log. Byte 0 chooses what is tried:
 *
 *   bit 0  the bytes are blocks, headers and all; else they are data, and are put into good blocks
 *   bit 1  the numbers, epochs and checksums of those blocks are made good
 *   bit 2  a checkpoint in the middle
 *   bit 3  each block is pushed twice, cut off at first
 *   bits 5-7  file header instead, if all are set; bit 1 as above
 *
 * Everything that has the form of a mini-transaction is walked through, the bodies that do not change pages are parsed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/ddl_events.h"
#include "innodb/redo_mysql.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    START = 51200,
    BLOCK = MYSQL_REDO_BLOCK_SIZE,
    ROOM = 496,
    OPTION_BLOCKS = 1,
    OPTION_CRC = 2,
    OPTION_CHECKPOINT = 4,
    OPTION_TWICE = 8,
    OPTION_HEADER = 0xE0,
};

static void try_header(const uint8_t *data, size_t size, bool good_crc)
{
    uint8_t area[MYSQL_REDO_HEADER_SIZE] = {0};
    struct redo_mysql_header h;
    memcpy(area, data, size < sizeof area ? size : sizeof area);
    for (size_t at = 0; good_crc && at < sizeof area; at += BLOCK)
        put_be32(area + at + 508, crc32c(0, area + at, 508));
    if (!taken(redo_mysql_header_parse(&h, area, MYSQL_REDO_FILE_MIN)))
        return;
    if (h.end_lsn <= h.start_lsn || strlen(h.creator) > MYSQL_REDO_CREATOR_SIZE)
        abort();
    if (h.checkpoint_lsn && (h.checkpoint_lsn < h.start_lsn || h.checkpoint_lsn >= h.end_lsn))
        abort();
}

static void take_record(const struct redo_record *rec)
{
    struct redo_mysql_file_op op;
    struct redo_mysql_meta meta;
    uint64_t id;
    switch (redo_mysql_kind(rec->type)) {
    case MYSQL_KIND_FILE:
        if (taken(redo_mysql_file_op(&op, rec)) && op.name && op.name[0] == 0)
            abort();
        break;
    case MYSQL_KIND_META:
        if (!taken(redo_mysql_meta(&meta, rec)))
            abort(); /* the walk was over the same bytes */
        break;
    case MYSQL_KIND_LOAD:
        if (!taken(redo_mysql_index_load(&id, rec)))
            abort();
        break;
    case MYSQL_KIND_PAGE:
        break;
    case MYSQL_KIND_UNKNOWN:
    case MYSQL_KIND_NONE:
        abort();
    }
}

/* False: the stream is of no use any more. */
static bool take_all(struct redo_mysql_stream *s, struct ddl_events *events)
{
    struct redo_mysql_mtr m;
    struct redo_record rec;
    bool more = true;
    while (more) {
        if (!taken(redo_mysql_stream_next(s, &m, &more)))
            return false;
        if (!more)
            break;
        if (m.end <= m.start || !redo_mysql_is_data_lsn(m.end))
            abort();
        while (redo_mysql_mtr_next(&m, &rec)) {
            take_record(&rec);
            err_free(ddl_events_record(events, &rec, m.end));
        }
        ddl_events_end(events, m.end);
    }
    return true;
}

static bool push(struct redo_mysql_stream *s, struct ddl_events *events, const uint8_t *block)
{
    unsigned len;
    if (redo_mysql_block_check(block, redo_mysql_stream_wants(s), &len) != MYSQL_BLOCK_WHOLE)
        return false;
    return taken(redo_mysql_stream_push(s, block)) && take_all(s, events);
}

static bool push_twice(struct redo_mysql_stream *s, struct ddl_events *events, const uint8_t *block)
{
    uint8_t cut[BLOCK];
    unsigned len;
    const lsn_t lsn = redo_mysql_stream_wants(s);
    if (redo_mysql_block_check(block, lsn, &len) != MYSQL_BLOCK_WHOLE)
        return false;
    memcpy(cut, block, BLOCK);
    redo_mysql_block_cut(cut, lsn + 12 + (len - 12) / 2);
    return push(s, events, cut) && push(s, events, block);
}

static void make_good(uint8_t *block, lsn_t lsn)
{
    put_be32(block, (uint32_t)(1 + lsn / BLOCK));
    put_be32(block + 8, 1);
    put_be32(block + 508, crc32c(0, block, 508));
}

/* The data in blocks of which the first begins with it. */
static void wrap(uint8_t *block, const uint8_t *data, size_t n, bool first)
{
    memset(block, 0, BLOCK);
    put_be16(block + 4, (uint16_t)(n == ROOM ? BLOCK : 12 + n));
    put_be16(block + 6, first ? 12 : 0);
    memcpy(block + 12, data, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const uint8_t option = *data++;
    size--;
    if ((option & OPTION_HEADER) == OPTION_HEADER) {
        try_header(data, size, option & OPTION_CRC);
        return 0;
    }
    const size_t unit = option & OPTION_BLOCKS ? BLOCK : ROOM;
    AUTO(redo_mysql_stream)
    s = redo_mysql_stream_new(START, option & OPTION_CHECKPOINT ? START + size / 2 : 0);
    struct ddl_events events = {0};
    for (size_t at = 0; at < size; at += unit) {
        uint8_t block[BLOCK] = {0};
        const size_t n = size - at < unit ? size - at : unit;
        if (option & OPTION_BLOCKS)
            memcpy(block, data + at, n);
        else
            wrap(block, data + at, n, at == 0);
        if (option & OPTION_CRC || !(option & OPTION_BLOCKS))
            make_good(block, redo_mysql_stream_wants(s));
        if (!(option & OPTION_TWICE ? push_twice : push)(s, &events, block))
            break;
    }
    ddl_events_fini(&events);
    return 0;
}
