/* innodb/page_zip_test.c: images that servers wrote give whole frames, frames give images that say
 * the same, and neither hostile images nor hostile frames do harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <lzma.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/index_page.h"
#include "innodb/page_zip_parts.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

enum { PAGE = 16384, FILE_MAX = 1 << 20, FLAGS = 54, ZIP_SSIZE = 1 };

struct fixture {
    uint8_t *pages;
    uint32_t zip_size, page_size, n_pages;
};

static const struct {
    const char *name;
    uint32_t page_size;
    uint32_t n_btree;
} fixtures[] = {
    {"full16-zip1", 16384, 5}, {"full16-zip4", 16384, 7},  {"full16-zip16", 16384, 7},
    {"crc16-zip8", 16384, 7},  {"my16-zip_t2", 16384, 5},  {"my16-zip_z2", 16384, 6},
    {"my16-zip_g1", 16384, 8}, {"my16-zip_fx2", 16384, 6},
};

static struct fixture load(const char *name, uint32_t page_size)
{
    struct fixture f = {.pages = mem_alloc(FILE_MAX), .page_size = page_size};
    char *path = mem_printf("tests/data/page/%s.xz", name), *xz;
    size_t xz_len, in = 0, out = 0;
    uint64_t memory = 128 << 20;
    assert_null(file_read_all(&xz, &xz_len, path, FILE_MAX));
    assert_int_equal(lzma_stream_buffer_decode(&memory, 0, NULL, (const uint8_t *)xz, &in, xz_len,
                                               f.pages, &out, FILE_MAX),
                     LZMA_OK);
    f.zip_size = 512u << (be32(f.pages + FLAGS) >> ZIP_SSIZE & 15);
    f.n_pages = (uint32_t)(out / f.zip_size);
    free(xz);
    free(path);
    return f;
}

static uint8_t *page_of(const struct fixture *f, uint32_t no)
{
    assert_true(no < f->n_pages);
    return f->pages + (size_t)no * f->zip_size;
}

/* Calls `each` for the B-tree pages of all fixtures. */
static void for_each_page(void (*each)(const struct fixture *f, const uint8_t *zip, void *arg),
                          void *arg)
{
    for (size_t i = 0; i < N(fixtures); i++) {
        struct fixture f = load(fixtures[i].name, fixtures[i].page_size);
        uint32_t n = 0;
        for (uint32_t no = 0; no < f.n_pages; no++)
            if (page_zip_is_btree(page_of(&f, no))) {
                each(&f, page_of(&f, no), arg);
                n++;
            }
        if (n != fixtures[i].n_btree)
            fail_msg("%s: %u B-tree pages", fixtures[i].name, n);
        free(f.pages);
    }
}

static int count_text(const uint8_t *page, size_t size, const char *text)
{
    int n = 0;
    const uint8_t *end = page + size;
    while ((page = memmem(page, (size_t)(end - page), text, strlen(text)))) {
        n++;
        page++;
    }
    return n;
}

/* --- decode ----------------------------------------------------------------------------------- */

static void count_rows(const struct fixture *f, const uint8_t *zip, void *arg)
{
    struct page_zip_layout layout;
    uint8_t frame[PAGE];
    assert_null(page_zip_decode(&layout, frame, f->page_size, zip, f->zip_size));
    *(int *)arg += count_text(frame, f->page_size, "row ");
}

/* MariaDB's four tables hold 60 rows 'row 1x' ... each, in two indexes. */
static void every_row_is_in_the_frames(void **state)
{
    int n = 0;
    (void)state;
    for_each_page(count_rows, &n);
    assert_true(n >= 4 * 2 * 60);
}

/* The record at origin r, which lies in the heap. */
static void shape_at(struct zip_shape *shape, const struct page_zip_layout *layout,
                     const uint8_t *frame, uint32_t r)
{
    assert_true(
        zip_shape_in_frame(shape, layout, frame, r, COMP_HEAP, be16(frame + INDEX_HEAP_TOP)));
}

static void check_links(const struct fixture *f, const uint8_t *zip, void *arg)
{
    struct page_zip_layout layout;
    struct index_page ix;
    uint8_t frame[PAGE];
    struct zip_shape shape;
    uint32_t n = 0, slot = 1, owned = 0, bytes = 0;
    (void)arg;
    assert_null(page_zip_decode(&layout, frame, f->page_size, zip, f->zip_size));
    put_be16(frame + FIL_TYPE, FIL_TYPE_INDEX); /* SDI pages have the same form */
    assert_null(index_page_open(&ix, frame, f->page_size, true));
    assert_int_equal(index_page_slot(&ix, 0), COMP_INFIMUM);
    for (uint32_t r = index_page_next(&ix, COMP_INFIMUM); r != COMP_SUPREMUM;
         r = index_page_next(&ix, r), n++) {
        assert_true(r && n < be16(frame + INDEX_N_RECS));
        shape_at(&shape, &layout, frame, r);
        bytes += shape.extra + COMP_EXTRA + shape.data;
        owned++;
        if (index_page_n_owned(&ix, r)) {
            assert_int_equal(index_page_slot(&ix, slot++), r);
            assert_int_equal(index_page_n_owned(&ix, r), owned);
            owned = 0;
        }
    }
    assert_int_equal(n, be16(frame + INDEX_N_RECS));
    assert_int_equal(index_page_slot(&ix, slot), COMP_SUPREMUM);
    assert_int_equal(slot + 1, ix.n_slots);
    /* what is not garbage is records */
    assert_int_equal(bytes, be16(frame + INDEX_HEAP_TOP) - COMP_HEAP - be16(frame + INDEX_GARBAGE));
}

static void lists_directory_and_sizes_agree(void **state)
{
    (void)state;
    for_each_page(check_links, NULL);
}

static void check_gap(const struct fixture *f, const uint8_t *zip, void *arg)
{
    struct page_zip_layout layout;
    uint8_t frame[PAGE];
    assert_null(page_zip_decode(&layout, frame, f->page_size, zip, f->zip_size));
    assert_true(layout.log_end < layout.trailer && layout.trailer <= f->zip_size);
    assert_true(bytes_are_zero(zip + layout.log_end, layout.trailer - layout.log_end));
    *(int *)arg += layout.trailer < f->zip_size && zip[layout.trailer] != 0;
}

static void zeros_lie_between_log_and_trailer(void **state)
{
    int n_begin = 0;
    (void)state;
    for_each_page(check_gap, &n_begin);
    assert_true(n_begin > 0); /* that is where the trailer begins, and not below */
}

/* --- encode ----------------------------------------------------------------------------------- */

struct round {
    int level;
    bool old_image; /* is given to encode */
};

static void encode_again(const struct fixture *f, const uint8_t *zip, void *arg)
{
    const struct round *round = arg;
    struct page_zip_layout layout, again;
    uint8_t frame[PAGE], image[PAGE] = {0}, frame_again[PAGE];
    assert_null(page_zip_decode(&layout, frame, f->page_size, zip, f->zip_size));
    if (round->old_image)
        memcpy(image, zip, f->zip_size);
    assert_null(page_zip_encode(&layout, image, f->zip_size, frame, f->page_size, round->level));
    assert_null(page_zip_decode(&again, frame_again, f->page_size, image, f->zip_size));
    assert_memory_equal(frame, frame_again, f->page_size);
    assert_int_equal(again.log_begin, again.log_end);
    const uint32_t end = again.log_end > layout.log_end ? again.log_end : layout.log_end;
    assert_memory_equal(image + end, zip + end, f->zip_size - end); /* zeros and trailer */
}

static void an_encoded_frame_decodes_to_itself(void **state)
{
    (void)state;
    for (int level = PAGE_ZIP_NO_LEVEL; level <= 9; level++)
        for (int old = 0; old < 2; old++)
            for_each_page(encode_again, &(struct round){level, old});
}

/* --- when one stream does not fit ------------------------------------------------------------- */

enum {
    FX_ROOT = 4,
    FX_LEAF = 7,
    FX_RANDOM = 21,
    FX_RANDOM_LEN = 263,
    FX_RECORDS_MAX = 64,
    G_LEAF = 9, /* of my16-zip_g1: 18 of 36 records are free */
    G_RANDOM = 17,
    G_RANDOM_LEN = 25,
};

/* A leaf of my16-zip_fx2: records of 288 fixed bytes, 263 of them free to be anything. */
struct leaf {
    struct fixture f;
    struct page_zip_layout layout;
    uint8_t frame[PAGE];
    uint32_t n, origins[FX_RECORDS_MAX]; /* by address; live ones */
};

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void leaf_load(struct leaf *l)
{
    struct index_page ix;
    l->f = load("my16-zip_fx2", PAGE);
    l->n = 0;
    assert_null(
        page_zip_decode(&l->layout, l->frame, PAGE, page_of(&l->f, FX_LEAF), l->f.zip_size));
    assert_int_not_equal(l->layout.trx_id, 0);
    assert_null(index_page_open(&ix, l->frame, PAGE, true));
    for (uint32_t r = index_page_next(&ix, COMP_INFIMUM); r != COMP_SUPREMUM && l->n < 64;
         r = index_page_next(&ix, r))
        l->origins[l->n++] = r;
    qsort(l->origins, l->n, sizeof l->origins[0], by_value);
}

static void fill_random(uint8_t *p, uint32_t n)
{
    while (n--)
        *p++ = (uint8_t)random();
}

/* Makes `to` from `from`, the last k records by address random. */
static void with_random_records(const struct leaf *l, uint8_t *to, const uint8_t *from, uint32_t k)
{
    srandom(k + 1);
    memcpy(to, from, PAGE);
    for (uint32_t i = l->n - k; i < l->n; i++) {
        fill_random(to + l->origins[i], 8);
        fill_random(to + l->origins[i] + FX_RANDOM, FX_RANDOM_LEN + 4);
    }
}

static bool fits_whole(const struct leaf *l, const uint8_t *frame)
{
    struct page_zip_layout layout;
    uint8_t image[PAGE] = {0}, out[PAGE];
    if (page_zip_encode(&l->layout, image, l->f.zip_size, frame, PAGE, 6))
        return false;
    assert_null(page_zip_decode(&layout, out, PAGE, image, l->f.zip_size));
    return layout.log_begin == layout.log_end;
}

static void zero_record(uint8_t *frame, uint32_t r)
{
    memset(frame + r, 0, 8);
    memset(frame + r + FX_RANDOM, 0, FX_RANDOM_LEN + 4);
}

/* The frame of a search: k random records at the end of the heap and j random bytes in the first
 * one, which `base` has, too; in `base` the random records are zero. Record 1 is a copy of record 2 in `base`, zero in `frame`. */
static void make_frame(const struct leaf *l, uint8_t *base, uint8_t *frame, uint32_t k, uint32_t j)
{
    memcpy(base, l->frame, PAGE);
    srandom(20261125);
    fill_random(base + l->origins[0] + FX_RANDOM, j);
    memcpy(base + l->origins[1], base + l->origins[2], FX_RANDOM + FX_RANDOM_LEN + 4);
    for (uint32_t i = l->n - k; i < l->n; i++)
        zero_record(base, l->origins[i]); /* or what they were costs more than a log saves */
    with_random_records(l, frame, base, k);
    zero_record(frame, l->origins[1]);
}

/* Finds a frame that just does not fit in one stream. */
static void find_too_large(const struct leaf *l, uint8_t *base, uint8_t *frame)
{
    uint32_t k = 0;
    do
        make_frame(l, base, frame, ++k, 0);
    while (fits_whole(l, frame) && k < l->n - 3);
    k--;
    assert_true(k > 0);
    for (uint32_t j = 1; j <= FX_RANDOM_LEN; j++) {
        make_frame(l, base, frame, k, j);
        if (!fits_whole(l, frame))
            return;
    }
    fail_msg("%u random records and one more fit", k);
}

static void expect_image_with_log(const struct leaf *l, const uint8_t *image, const uint8_t *frame)
{
    struct page_zip_layout layout;
    uint8_t out[PAGE];
    assert_null(page_zip_decode(&layout, out, PAGE, image, l->f.zip_size));
    assert_true(layout.log_end > layout.log_begin);
    assert_memory_equal(out, frame, PAGE);
}

static void what_does_not_fit_goes_to_the_log_of_the_older_image(void **state)
{
    struct leaf l;
    struct page_zip_layout before, after;
    uint8_t base[PAGE], frame[PAGE], out[PAGE], image[PAGE] = {0}, old[PAGE];
    (void)state;
    leaf_load(&l);
    find_too_large(&l, base, frame);
    assert_null(page_zip_encode(&l.layout, image, l.f.zip_size, base, PAGE, 6));
    assert_null(page_zip_decode(&before, out, PAGE, image, l.f.zip_size));
    assert_int_equal(before.log_begin, before.log_end);
    memcpy(old, image, PAGE);
    assert_null(page_zip_encode(&l.layout, image, l.f.zip_size, frame, PAGE, 6));
    expect_image_with_log(&l, image, frame);
    assert_null(page_zip_decode(&after, out, PAGE, image, l.f.zip_size));
    assert_int_equal(after.log_begin, before.log_begin);
    assert_memory_equal(image + 94, old + 94, before.log_begin - 94);
    free(l.f.pages);
}

static void zeroed_records_take_one_byte_of_log(void **state)
{
    enum { CLEAR_RECORD_1 = 5 }; /* heap number 3: (3 - 1) << 1 | 1 */
    struct leaf l;
    struct page_zip_layout layout;
    uint8_t base[PAGE], frame[PAGE], out[PAGE], image[PAGE] = {0};
    (void)state;
    leaf_load(&l);
    find_too_large(&l, base, frame);
    assert_null(page_zip_encode(&l.layout, image, l.f.zip_size, base, PAGE, 6));
    assert_null(page_zip_encode(&l.layout, image, l.f.zip_size, frame, PAGE, 6));
    expect_image_with_log(&l, image, frame);
    assert_null(page_zip_decode(&layout, out, PAGE, image, l.f.zip_size));
    assert_int_equal(image[layout.log_begin], CLEAR_RECORD_1);
    free(l.f.pages);
}

static void without_an_older_image_the_last_records_go_to_the_log(void **state)
{
    struct leaf l;
    uint8_t base[PAGE], frame[PAGE], image[PAGE] = {0};
    (void)state;
    leaf_load(&l);
    find_too_large(&l, base, frame);
    assert_null(page_zip_encode(&l.layout, image, l.f.zip_size, frame, PAGE, 6));
    expect_image_with_log(&l, image, frame);
    free(l.f.pages);
}

static void what_fits_nowhere_leaves_the_image_as_it_was(void **state)
{
    struct leaf l;
    uint8_t frame[PAGE], image[PAGE], old[PAGE];
    (void)state;
    leaf_load(&l);
    with_random_records(&l, frame, l.frame, l.n);
    memcpy(image, page_of(&l.f, FX_LEAF), l.f.zip_size);
    memcpy(old, image, l.f.zip_size);
    assert_string_equal(page_zip_encode(&l.layout, image, l.f.zip_size, frame, PAGE, 6),
                        "the page does not fit its compressed size");
    assert_memory_equal(image, old, l.f.zip_size);
    free(l.f.pages);
}

/* Garbage in deleted records need not fit: the older stream's garbage is as good. */
static void the_data_of_free_records_may_be_lost(void **state)
{
    struct fixture f = load("my16-zip_g1", PAGE);
    struct page_zip_layout layout;
    struct index_page ix;
    uint8_t frame[PAGE], image[PAGE], out[PAGE];
    struct zip_shape shape;
    uint32_t n = 0;
    (void)state;
    memcpy(image, page_of(&f, G_LEAF), f.zip_size);
    assert_null(page_zip_decode(&layout, frame, PAGE, image, f.zip_size));
    assert_null(index_page_open(&ix, frame, PAGE, true));
    srandom(1);
    for (uint32_t r = be16(frame + INDEX_FREE); r; r = index_page_next(&ix, r), n++)
        fill_random(frame + r + G_RANDOM, G_RANDOM_LEN);
    const uint32_t trailer = zip_header_n_dense(frame) * (ZIP_SLOT + zip_layout_width(&layout));
    assert_true(n * G_RANDOM_LEN > f.zip_size - trailer - ZIP_STREAM);
    assert_null(page_zip_encode(&layout, image, f.zip_size, frame, PAGE, 6));
    assert_null(page_zip_decode(&layout, out, PAGE, image, f.zip_size));
    n = 0;
    for (uint32_t r = index_page_next(&ix, COMP_INFIMUM); r != COMP_SUPREMUM;
         r = index_page_next(&ix, r), n++) {
        shape_at(&shape, &layout, frame, r);
        const uint32_t begin = r - COMP_EXTRA - shape.extra;
        assert_memory_equal(out + begin, frame + begin, r + shape.data - begin);
    }
    assert_int_equal(n, be16(frame + INDEX_N_RECS));
    free(f.pages);
}

/* --- damage ----------------------------------------------------------------------------------- */

static const struct {
    const char *what;
    int at, width; /* from the end when negative: a big-endian integer of that many bytes */
    uint32_t value;
    const char *want;
} damages[] = {
    {"type", FIL_TYPE, 2, 6, "the page is no B-tree page"},
    {"REDUNDANT", INDEX_N_HEAP, 2, 18, "the B-tree page has no record heap of the compact form"},
    {"no infimum", INDEX_N_HEAP, 2, 0x8001,
     "the B-tree page has no record heap of the compact form"},
    {"many records", INDEX_N_HEAP, 2, 0xFFFF,
     "the directory of the compressed page is larger than the page"},
    {"slots", INDEX_N_SLOTS, 2, 1, "the directory of the B-tree page is damaged"},
    {"one slot more", INDEX_N_SLOTS, 2, 99,
     "the directory of the compressed page has another number of groups than its header"},
    {"heap top", INDEX_HEAP_TOP, 2, 16380, "the record heap of the B-tree page is damaged"},
    {"low heap top", INDEX_HEAP_TOP, 2, 119, "the record heap of the B-tree page is damaged"},
    {"heap below records", INDEX_HEAP_TOP, 2, 200,
     "the directory of the compressed page points outside the heap"},
    {"n_recs", INDEX_N_RECS, 2, 9999, "the B-tree page has more records than its heap holds"},
    {"free list", INDEX_FREE, 2, 126,
     "the free list of the compressed page does not begin where its header says"},
    {"origin", -2, 2, 100, "the directory of the compressed page points outside the heap"},
    {"zlib header", 94, 2, 0, "the compressed page has no readable field encoding"},
    {"stream", 120, 4, 0xFFFFFFFF,
     "the stream of the compressed page is damaged or longer than its heap"},
};

static void damage_is_named(void **state)
{
    struct fixture f = load("my16-zip_fx2", PAGE);
    (void)state;
    for (size_t i = 0; i < N(damages); i++) {
        struct page_zip_layout layout;
        uint8_t frame[PAGE], image[PAGE];
        memcpy(image, page_of(&f, FX_LEAF), f.zip_size);
        const int at = damages[i].at + (damages[i].at < 0 ? (int)f.zip_size : 0);
        uint8_t *p = image + at;
        for (int k = 0; k < damages[i].width; k++)
            p[k] = (uint8_t)(damages[i].value >> 8 * (damages[i].width - 1 - k));
        const char *why = page_zip_decode(&layout, frame, PAGE, image, f.zip_size);
        if (!why || strcmp(why, damages[i].want) != 0)
            fail_msg("%s: want \"%s\", got \"%s\"", damages[i].what, damages[i].want,
                     why ? why : "nothing");
    }
    free(f.pages);
}

static const struct {
    uint8_t bytes[8];
    uint32_t len; /* from log_end on, where the 0 is */
    const char *want;
} logs[] = {
    {{0x01}, 1, "the modification log of the compressed page names an impossible record"},
    {{0x7F}, 1, "the modification log of the compressed page names an impossible record"},
    {{0xFF, 0xFE}, 2, "the modification log of the compressed page names an impossible record"},
    {{0x02, 0xFF, 0xFF, 0xFF}, 4, NULL}, /* fixed lengths: these are data */
    {{0x03, 0x03, 0x03}, 3, NULL},       /* clear one record three times */
};

static void impossible_log_entries_are_named(void **state)
{
    struct fixture f = load("my16-zip_fx2", PAGE);
    struct page_zip_layout layout;
    uint8_t frame[PAGE], clean[PAGE] = {0};
    (void)state;
    assert_null(page_zip_decode(&layout, frame, PAGE, page_of(&f, FX_LEAF), f.zip_size));
    assert_null(page_zip_encode(&layout, clean, f.zip_size, frame, PAGE, 9));
    assert_null(page_zip_decode(&layout, frame, PAGE, clean, f.zip_size));
    for (size_t i = 0; i < N(logs); i++) {
        uint8_t image[PAGE];
        memcpy(image, clean, f.zip_size);
        memcpy(image + layout.log_end, logs[i].bytes, logs[i].len);
        struct page_zip_layout again;
        const char *why = page_zip_decode(&again, frame, PAGE, image, f.zip_size);
        if (!logs[i].want)
            assert_null(why);
        else
            assert_string_equal(why, logs[i].want);
    }
    free(f.pages);
}

/* Whatever comes: no access outside (the sanitizers see to that), and no image that cannot be read. */
static void damage_image_and_frame(const struct fixture *f, const uint8_t *zip, void *arg)
{
    struct page_zip_layout layout, again;
    uint8_t *frame = mem_alloc(f->page_size), *image = mem_alloc(f->zip_size), out[PAGE];
    for (int round = 0; round < *(int *)arg; round++) {
        memcpy(image, zip, f->zip_size);
        for (int k = round % 4; k >= 0; k--)
            image[(size_t)random() % f->zip_size] = (uint8_t)random();
        page_zip_decode(&layout, frame, f->page_size, image, f->zip_size);
        assert_null(page_zip_decode(&layout, frame, f->page_size, zip, f->zip_size));
        for (int k = round % 4; k >= 0; k--)
            frame[(size_t)random() % (round % 2 ? 64 : f->page_size)] = (uint8_t)random();
        memcpy(image, zip, f->zip_size);
        if (!page_zip_encode(&layout, image, f->zip_size, frame, f->page_size, 1))
            assert_null(page_zip_decode(&again, out, f->page_size, image, f->zip_size));
    }
    free(frame);
    free(image);
}

static void random_damage_does_no_harm(void **state)
{
    int rounds = 40;
    (void)state;
    srandom(20261125);
    for_each_page(damage_image_and_frame, &rounds);
}

/* --- record 51, layouts ----------------------------------------------------------------------- */

static void compress_again(const struct fixture *f, const uint8_t *zip, void *arg)
{
    struct page_zip_layout layout;
    uint8_t frame[PAGE], image[PAGE], body[PAGE + 12];
    (void)arg;
    assert_null(page_zip_decode(&layout, frame, f->page_size, zip, f->zip_size));
    const uint32_t n = layout.log_end - 24u;
    uint32_t trailer = f->zip_size - layout.log_end;
    while (trailer && zip[f->zip_size - trailer] == 0)
        trailer--;
    put_be16(body, (uint16_t)n);
    put_be16(body + 2, (uint16_t)trailer);
    memcpy(body + 4, zip + 8, 8);
    memcpy(body + 12, zip + 24, n);
    memcpy(body + 12 + n, zip + f->zip_size - trailer, trailer);
    memset(image, 0xAA, sizeof image);
    memcpy(image, zip, 8);
    memcpy(image + 16, zip + 16, 8);
    struct reader r = reader_of(body, 12 + n + trailer);
    assert_null(page_zip_apply_compress(image, f->zip_size, &r));
    assert_int_equal(rd_left(&r), 0);
    assert_memory_equal(image, zip, f->zip_size);
}

static void a_logged_image_replaces_the_page(void **state)
{
    (void)state;
    for_each_page(compress_again, NULL);
}

static void a_logged_image_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        uint16_t n, trailer;
        uint32_t len;
        const char *want;
    } bodies[] = {
        {100, 10, 121, "a compressed page image that is cut off"},
        {69, 10, 91, "a compressed page image that does not fit the page"},
        {1000, 1, 1013, "a compressed page image that does not fit the page"},
        {0xFFFF, 0xFFFF, 131082, "a compressed page image that does not fit the page"},
    };
    uint8_t image[1024], was[1024];
    (void)state;
    memset(image, 7, sizeof image);
    memcpy(was, image, sizeof was);
    for (size_t i = 0; i < N(bodies); i++) {
        uint8_t *body = mem_alloc(bodies[i].len);
        memset(body, 0, bodies[i].len);
        put_be16(body, bodies[i].n);
        put_be16(body + 2, bodies[i].trailer);
        struct reader r = reader_of(body, bodies[i].len);
        assert_string_equal(page_zip_apply_compress(image, sizeof image, &r), bodies[i].want);
        assert_memory_equal(image, was, sizeof was);
        free(body);
    }
}

#define NN MYSQL_FIELD_NOT_NULL
#define BIG MYSQL_FIELD_VARIABLE_BIG

/* The indexes of my16-zip_fx2 and my16-zip_t2 as records 73 and 74 describe them; the page has the
 * encoding that the server made of it. */
static const struct {
    const char *fixture;
    uint32_t page;
    bool leaf;
    uint16_t n, n_uniq;
    uint16_t words[16];
} indexes[] = {
    /* fx: id bigint, sys, char(100) twice, char(63), int, all NOT NULL */
    {"my16-zip_fx2",
     FX_LEAF,
     true,
     7,
     1,
     {NN | 8, NN | 6, NN | 7, NN | 100, NN | 100, NN | 63, NN | 4}},
    {"my16-zip_fx2",
     FX_ROOT,
     false,
     7,
     1,
     {NN | 8, NN | 6, NN | 7, NN | 100, NN | 100, NN | 63, NN | 4}},
    /* t: id int, sys, a int, b varchar(75) utf8mb4, c char(10) utf8mb4, d text, e blob, n
     * decimal(10,2), f datetime NOT NULL, g varchar(400) utf8mb4 */
    {"my16-zip_t2", 4, false, 11, 1, {NN | 4, NN | 6, NN | 7, 4, BIG, 0, BIG, BIG, 5, NN | 5, BIG}},
    /* t, key(a, id) */
    {"my16-zip_t2", 5, true, 2, 2, {4, NN | 4}},
    /* t, key(b, id) */
    {"my16-zip_t2", 6, true, 2, 2, {BIG, NN | 4}},
};

static void the_described_index_gives_the_servers_encoding(void **state)
{
    (void)state;
    for (size_t i = 0; i < N(indexes); i++) {
        struct fixture f = load(indexes[i].fixture, PAGE);
        struct page_zip_layout of_page, of_index;
        struct redo_mysql_index *index = mem_alloc(sizeof *index);
        uint8_t frame[PAGE];
        memset(index, 0, sizeof *index);
        index->comp = true;
        index->n = indexes[i].n;
        index->n_uniq = indexes[i].n_uniq;
        for (uint32_t k = 0; k < indexes[i].n; k++)
            index->fields[k].word = indexes[i].words[k];
        assert_null(
            page_zip_decode(&of_page, frame, PAGE, page_of(&f, indexes[i].page), f.zip_size));
        assert_null(page_zip_layout_of_index(&of_index, index, indexes[i].leaf));
        assert_int_equal(of_page.encoding_len, of_index.encoding_len);
        assert_memory_equal(of_page.encoding, of_index.encoding, of_page.encoding_len);
        assert_int_equal(of_page.trx_id, of_index.trx_id);
        assert_int_equal(of_page.n_nullable, of_index.n_nullable);
        free(index);
        free(f.pages);
    }
}

static void indexes_that_cannot_be_compressed_are_refused(void **state)
{
    struct redo_mysql_index *index = mem_alloc(sizeof *index);
    struct page_zip_layout layout;
    (void)state;
    memset(index, 0, sizeof *index);
    assert_string_equal(page_zip_layout_of_index(&layout, index, true),
                        "the described index cannot be one of a COMPRESSED table");
    index->comp = true;
    assert_string_equal(page_zip_layout_of_index(&layout, index, true),
                        "the described index has an impossible number of fields");
    index->n = 1;
    index->n_uniq = 2;
    assert_string_equal(page_zip_layout_of_index(&layout, index, false),
                        "the described index has an impossible number of fields");
    index->fields[0].word = 0x4000;
    assert_string_equal(page_zip_layout_of_index(&layout, index, true),
                        "the described index has a field longer than a page");
    free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_in_the_frames),
        cmocka_unit_test(lists_directory_and_sizes_agree),
        cmocka_unit_test(zeros_lie_between_log_and_trailer),
        cmocka_unit_test(an_encoded_frame_decodes_to_itself),
        cmocka_unit_test(what_does_not_fit_goes_to_the_log_of_the_older_image),
        cmocka_unit_test(zeroed_records_take_one_byte_of_log),
        cmocka_unit_test(without_an_older_image_the_last_records_go_to_the_log),
        cmocka_unit_test(what_fits_nowhere_leaves_the_image_as_it_was),
        cmocka_unit_test(the_data_of_free_records_may_be_lost),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(impossible_log_entries_are_named),
        cmocka_unit_test(random_damage_does_no_harm),
        cmocka_unit_test(a_logged_image_replaces_the_page),
        cmocka_unit_test(a_logged_image_that_does_not_fit_is_refused),
        cmocka_unit_test(the_described_index_gives_the_servers_encoding),
        cmocka_unit_test(indexes_that_cannot_be_compressed_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
