/* tests/fuzz/redo_fuzz.c: hostile redo and hostile pages. Byte 0 chooses what is tried:
 *
 *   bits 0-1  page size: 4096, 16384, 65536, or 1024 of a ROW_FORMAT=COMPRESSED page
 *   bit 2     the checksums are made good, so that what lies behind them is reached
 *   bit 3     the page begins as an empty index page (bit 4: REDUNDANT); else all bytes are 0x55
 *   bits 5-7  log header instead, if all are set
 *
 * The rest is a linear log. All its page records are grouped, read back, and applied to one image,
 * in (space, page) order. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "innodb/file_ops.h"
#include "innodb/redo_apply.h"
#include "innodb/redo_frame.h"
#include "innodb/redo_group.h"
#include "innodb/redo_mariadb.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LSN = 100000,
    OPTION_CRC = 4,
    OPTION_INDEX = 8,
    OPTION_REDUNDANT = 16,
    OPTION_HEADER = 0xE0
};

static void try_header(const uint8_t *data, size_t size, bool good_crc)
{
    uint8_t area[REDO_START_OFFSET] = {0};
    struct redo_log_header h;
    memcpy(area, data, size < sizeof area ? size : sizeof area);
    if (good_crc)
        put_be32(area + 508, crc32c(0, area, 508));
    if (taken(redo_log_header_parse(&h, area, sizeof area)) &&
        (h.checkpoint_lsn > h.checkpoint_end_lsn || strlen(h.creator) > 32))
        abort();
}

/* Terminators and checksums of whatever has the form of a mini-transaction. */
static void make_checksums_good(uint8_t *log, size_t size)
{
    for (size_t at = 0; at < size;) {
        const uint8_t *stop = redo_frame_terminator(log + at, log + size);
        if (!stop || log + size - stop < 5)
            return;
        const size_t n = (size_t)(stop - (log + at));
        log[at + n] = 1;
        put_be32(log + at + n + 1, crc32c(0, log + at, n));
        at += n + 5;
    }
}

static void apply_all(const struct redo_group *g, struct redo_page *page)
{
    size_t n;
    const struct redo_group_space *spaces = redo_group_spaces(g, &n);
    for (size_t i = 0; i < n; i++) {
        struct redo_group_cursor *c;
        struct redo_bundle b;
        struct redo_record rec;
        bool more;
        if (!taken(redo_group_cursor_open(&c, g, spaces[i].id, 0, UINT32_MAX)))
            abort();
        while (taken(redo_group_cursor_next(c, &b, &more)) && more) {
            page->offset = 0;
            for (size_t at = 0; redo_bundle_next(&b, &at, &rec);)
                redo_apply(page, &rec);
            redo_apply_end(page, b.mtr_end);
        }
        redo_group_cursor_free(c);
    }
}

static void take_records(struct redo_mtr *m, struct redo_group *g, struct file_ops *ops)
{
    struct redo_record rec;
    bool more;
    while (taken(redo_mtr_next(m, &rec, &more)) && more) {
        if (!redo_type_name(rec.type, rec.body_len ? rec.body[0] : 0)[0])
            abort();
        if (rec.type > REDO_OPTION)
            taken(file_ops_add(ops, &rec, m->start));
        else
            taken(redo_group_add(g, &rec, m->start, m->end));
    }
}

static void try_log(uint8_t *log, size_t size, struct redo_page *page)
{
    const struct redo_geometry linear = {.first_lsn = LSN, .capacity = UINT64_MAX};
    const size_t framed = redo_frame(log, size, LSN, UINT64_MAX, &linear);
    struct redo_group *g;
    struct file_ops ops = {0};
    if (framed > size || !taken(redo_group_new(&g, 0, "/tmp")))
        abort();
    for (size_t at = 0; at < framed;) {
        struct redo_mtr m;
        size_t len;
        if (!taken(redo_mtr_open(&m, log + at, framed - at, LSN + at, REDO_MTR_CLEAR, &len)))
            abort(); /* what was framed is whole and valid */
        take_records(&m, g, &ops);
        at += len;
    }
    if (!taken(redo_group_seal(g)))
        abort();
    apply_all(g, page);
    redo_group_free(g);
    file_ops_fini(&ops);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t sizes[] = {4096, 16384, 65536, 1024};
    if (size < 1)
        return 0;
    const uint8_t option = data[0];
    if ((option & OPTION_HEADER) == OPTION_HEADER) {
        try_header(data + 1, size - 1, option & OPTION_CRC);
        return 0;
    }
    struct redo_page page = {.size = sizes[option & 3], .zip = (option & 3) == 3};
    uint8_t *log = malloc(size);
    page.image = malloc(page.size);
    if (!log || !page.image)
        abort();
    memset(page.image, 0x55, page.size);
    const struct redo_record init = {.type = REDO_EXTENDED,
                                     .page = 3,
                                     .body =
                                         (const uint8_t *)(option & OPTION_REDUNDANT ? "\0" : "\1"),
                                     .body_len = 1};
    if (option & OPTION_INDEX)
        redo_apply(&page, &init);
    memcpy(log, data + 1, size - 1);
    if (option & OPTION_CRC)
        make_checksums_good(log, size - 1);
    try_log(log, size - 1, &page);
    free(page.image);
    free(log);
    return 0;
}
