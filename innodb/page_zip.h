/* innodb/page_zip.h: the B-tree pages of ROW_FORMAT=COMPRESSED tablespaces: the image in the file
 * ("zip", 1 to 16 KiB) to the page the server works on ("frame", innodb_page_size bytes: 4, 8 or
 * 16 KiB), and back. All other pages of such a tablespace are stored as they are. Pure.
 *
 *   offset     size  meaning
 *        0       94  headers, as in the frame (fil_page.h, index_page.h)
 *       94           one zlib stream, window of at most innodb_page_size:
 *                      field encoding, a full flush, heap of the frame with holes
 *      ...           modification log, ended by a 0 byte
 *      ...           zeros
 *  Z-2(i+1)       2  dense directory, slot i of n = n_heap - 2; Z is the size of the image.
 *                    First n_recs slots: the records in key order, then the free list in its order.
 *                    14 bits origin, 0x4000 owns a directory slot, 0x8000 delete-marked
 *  Z-2n-w(h-1)    w  what changes often, of heap number h = 2...: clustered leaf w = 13, DB_TRX_ID and
 *                    DB_ROLL_PTR; above the leaves w = 4, child page; secondary leaf w = 0
 *  below         20  BLOB references (last 20 bytes of an external field) of records that are not
 *                    free, by heap number and field, downwards
 *
 * Heap numbers ascend with the address. The heap is stored from byte 120 to its top; holes in it are
 * the 5-byte header of each record, what the w bytes hold, and the BLOB references. The stream may
 * end early: records made after it was compressed are in the modification log only.
 *
 * Field encoding, for each field: 0, 1: up to 255 bytes, nullable / not; 0x7E, 0x7F: more than 255,
 * nullable / not; any other value v: fixed length v >> 1, bit 0 NOT NULL; v above 0x7D takes two
 * bytes with bit 15 set. Neighbouring fixed NOT NULL fields are merged, up to 768 bytes; DB_TRX_ID
 * begins a new one. Then in the same form a last value: leaf: which (merged) field begins with
 * DB_TRX_ID, 0 if none; else: nullable fields of the whole index.
 *
 * Modification log entry: (h - 1) << 1 | clear in one byte below 0x80, else two with bit 15 set.
 * clear: the data of the record is zeroed. Else follow the extra bytes below its header, from high to
 * low addresses, then the data without holes. A record that the stream does not reach gets its first
 * entry in the order of heap numbers.
 *
 * What fits: 94 + stream + log + trailer < Z. The rules the server holds its own images to.
 *
 * Facts: MySQL 9.7.4 and MariaDB 10.11.19, by experiment. Fixtures: tests/data/page/. */
#ifndef MBE_INNODB_PAGE_ZIP_H
#define MBE_INNODB_PAGE_ZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reader.h"
#include "innodb/redo_mysql_index.h"

enum {
    PAGE_ZIP_SIZE_MIN = 1024,
    PAGE_ZIP_SIZE_MAX = 16384, /* of the frame, too */
    PAGE_ZIP_FIELDS_MAX = MYSQL_FIELDS_MAX,
    PAGE_ZIP_NO_LEVEL = -1, /* page_zip_encode: as the server by default */
};

/* What a zip image says about its index, and all that is needed to make another image of the same
 * index and level. About 6 KiB. */
struct page_zip_layout {
    bool leaf;
    uint16_t n_fields;
    uint16_t n_nullable; /* leaf: of the fields; else of the whole index */
    uint16_t trx_id;     /* field that begins with DB_TRX_ID; 0: no clustered leaf */
    struct page_zip_field {
        uint16_t fixed; /* length; 0: variable */
        bool nullable;
        bool big; /* variable: more than 255 bytes, so that it may have two length bytes */
    } fields[PAGE_ZIP_FIELDS_MAX];
    uint16_t encoding_len;
    uint8_t encoding[2 * PAGE_ZIP_FIELDS_MAX + 2];
    /* Of the image decoded: where the log is, whose 0 is at log_end, and what is stored from the end downwards. Between the two a
     * server leaves zeros; decoding does not look. */
    uint16_t log_begin, log_end, trailer;
};

/* Whether a page of a zip tablespace, by its type, is stored as described here: INDEX, RTREE, SDI.
 */
bool page_zip_is_btree(const uint8_t *zip);

/* Rebuilds the whole frame from an image: header, records with heap numbers, info bits and links,
 * both directories, free list; unused heap and trailer (8 bytes) zero. Fills *layout. NULL, or a
 * static sentence saying what does not fit; the frame is then garbage. The image may be hostile,
 * sizes must be powers of two: zip_size 1024..page_size, page_size 4096..16384. Checksums are not
 * looked at. */
const char *page_zip_decode(struct page_zip_layout *layout, uint8_t *frame, uint32_t page_size,
                            const uint8_t *zip, uint32_t zip_size);

/* Makes `zip` an image of `frame`. On entry `zip` is an older image of this page, or anything that
 * is not one, zeros for instance; on failure it is unchanged. LSN comes from the frame; the checksum
 * is page_stamp's. Tried in this order, the first that fits wins:
 *  1. one stream of the whole heap, empty log, at `level` (0..9, or PAGE_ZIP_NO_LEVEL: 6), then at
 *     other levels;
 *  2. the older image's stream and one log entry for each record that is no longer what that stream
 *     says;
 *  3. a stream of the first records of the heap, the last ones in the log.
 * Guarantee: what the server had compressed, fits. If the older image holds the server's last stream
 * of this page (from record 51 ZIP_PAGE_COMPRESS, or the file) and the frame differs by changes that
 * the server noted in its modification log, then 2. fits: it notes each changed record once, the
 * server at least once in the same words. Where the server's stream is not at hand (records 73 and 74
 * of innodb_log_compressed_pages=OFF), 1. makes the very same stream if this zlib is the
 * server's and it is called for the frame at that record; else it is very likely, not certain.
 *
 * decode gives back the frame byte for byte, but for what the format does not hold: info bits, owned
 * count and BLOB references of free records; 2. and 3. moreover may lose garbage: bytes in the heap
 * that belong to no record, and the data of free records.
 * NULL, or a static sentence: the frame is damaged or does not fit. The frame may be hostile. */
const char *page_zip_encode(const struct page_zip_layout *layout, uint8_t *zip, uint32_t zip_size,
                            const uint8_t *frame, uint32_t page_size, int level);

/* The layout of a page that has no image yet, from the index description in records 73 and 74 (and
 * their old forms 53 and 52), which is not REDUNDANT. NULL, or a static sentence. */
const char *page_zip_layout_of_index(struct page_zip_layout *layout,
                                     const struct redo_mysql_index *index, bool leaf);

/* Record 51, ZIP_PAGE_COMPRESS: replaces the image but for bytes
 * [0, 8) and [16, 24), checksum, page number and LSN:
 *   2  n    2  t    4  previous page    4  next page    n  image from byte 24    t  end of the image
 * The gap between the two becomes zeros. NULL, or a static sentence; the image is then unchanged.
 * page_zip_decode gives the frame. */
const char *page_zip_apply_compress(uint8_t *zip, uint32_t zip_size, struct reader *body);

#endif
