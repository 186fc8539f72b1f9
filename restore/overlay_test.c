/* restore/overlay_test.c: what comes out of a stack of archives is what a simple model of it says, for all sizes of units, pieces
 * of every length, and windows that are filled, written through or left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "base/mem.h"
#include "restore/overlay.h"

enum { FILE_MAX = 3 << 20, LINKS_MAX = 5, ROUNDS = 60 };

/* What the file is by the rule of overlay.h. */
struct model {
    uint32_t unit;
    size_t size;    /* of the newest */
    uint8_t *bytes; /* FILE_MAX */
    uint16_t *part; /* of each unit: which archive, oldest first, gives it */
    struct test_file files[LINKS_MAX];
    struct chain chain;
    struct chain_files parts;
};

static void must(struct err *e)
{
    if (e)
        fail_msg("%s", e->message);
}

static size_t below(uint64_t *seed, size_t n)
{
    return (size_t)(test_random(seed) % n);
}

/* A unit, or a few, from `at` on in one piece: numbers, zeros, or both. */
static size_t write_piece(struct model *m, struct archive_writer *w, uint16_t link, size_t at,
                          size_t size, uint64_t *seed)
{
    static uint8_t piece[ARCHIVE_PIECE_MAX];
    const size_t longest = below(seed, 8) ? 8 : ARCHIVE_PIECE_MAX / m->unit;
    size_t len = (1 + below(seed, longest)) * m->unit;
    len = len < size - at ? len : size - at;
    const size_t kind = below(seed, 4);
    memset(piece, 0, len);
    for (size_t i = 0; kind && i < len; i++)
        if (kind > 1 || i / 4096 % 2)
            piece[i] = (uint8_t)(test_random(seed) | 1);
    must(archive_write(w, 0, at, piece, len));
    memcpy(m->bytes + at, piece, len);
    for (size_t unit = at / m->unit; unit * m->unit < at + len; unit++)
        m->part[unit] = link;
    return len;
}

static void write_archive(struct model *m, uint16_t link, size_t size, uint64_t *seed)
{
    struct test_sink sink = test_sink_new();
    const struct archive_attr attr = {
        .kind = link ? ARCHIVE_PLAIN_DELTA : ARCHIVE_PLAIN, .path = "a", .size = size};
    const struct archive_writer_options o = {.codec = ARCHIVE_CODEC_ZSTD, .level = 1};
    const size_t gaps = 1 + below(seed, 200);
    uint32_t id;
    AUTO(archive_writer) w = NULL;
    must(archive_writer_open(&w, &sink.sink, &o));
    must(archive_entry_add(w, &attr, &id));
    for (size_t at = link ? below(seed, gaps) * m->unit : 0; at < size;
         at += (link ? below(seed, gaps) : below(seed, 2)) * m->unit)
        at += write_piece(m, w, link, at, size, seed);
    must(archive_entry_set(w, id, &attr));
    must(archive_writer_finish(w, "{}"));
    m->files[link] = test_file_new();
    test_file_set(&m->files[link], sink.bytes.p, sink.bytes.n);
    must(archive_file_open(&m->chain.links[link].reader, m->files[link].path));
    m->chain.links[link].id = m->files[link].path;
    sink.sink.free(&sink.sink);
}

static void make(struct model *m, uint64_t *seed)
{
    static const uint32_t units[] = {1024, 2048, 4096, 16384, 65536};
    m->unit = units[below(seed, sizeof units / sizeof units[0])];
    m->bytes = mem_zalloc(FILE_MAX);
    m->part = mem_zalloc(FILE_MAX / OVERLAY_UNIT_MIN * sizeof *m->part);
    m->chain.n = 1 + below(seed, LINKS_MAX);
    m->chain.links = mem_zalloc(m->chain.n * sizeof *m->chain.links);
    for (size_t link = 0; link < m->chain.n; link++) {
        m->size = (1 + below(seed, FILE_MAX / m->unit)) * m->unit;
        memset(m->bytes + m->size, 0, FILE_MAX - m->size); /* cut off */
        for (size_t unit = m->size / m->unit; unit < FILE_MAX / m->unit; unit++)
            m->part[unit] = (uint16_t)link;
        write_archive(m, (uint16_t)link, m->size, seed);
    }
    must(chain_files_make(&m->parts, &m->chain));
}

static void unmake(struct model *m)
{
    chain_files_fini(&m->parts);
    for (size_t i = 0; i < m->chain.n; i++) {
        archive_reader_free(m->chain.links[i].reader);
        close(m->files[i].fd);
    }
    free(m->chain.links);
    free(m->bytes);
    free(m->part);
}

static void check_window(const struct model *m, const struct overlay_window *w)
{
    assert_memory_equal(w->buf, m->bytes + w->at, w->len);
    size_t given = 0;
    for (size_t from = 0, to; overlay_next_run(w, &from, &to); from = to) {
        assert_true(from >= given);
        for (; given < from; given++)
            assert_int_equal(w->buf[given], 0);
        given = to;
    }
    for (; given < w->len; given++)
        assert_int_equal(w->buf[given], 0);
    for (size_t unit = 0; unit * m->unit < w->len; unit++) {
        const struct file_part *part = &m->parts.of[0].items[w->part[unit]];
        assert_int_equal(part->link, m->part[w->at / m->unit + unit]);
    }
}

/* Copies what was left in an archive's buffer to where overlay_fill would have put it. */
static void pull_up(struct overlay_window *w, const struct overlay_under *under, unsigned *n_under)
{
    if (!under->data)
        return;
    for (size_t at = 0; at < w->len; at += w->unit)
        if (w->part[at / w->unit] == under->part)
            memcpy(w->buf + at, under->data + at, w->len - at < w->unit ? w->len - at : w->unit);
    ++*n_under;
}

static void check_range(const struct model *m, size_t from, size_t to, uint64_t *seed,
                        unsigned *n_under)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(OVERLAY_WINDOW);
    AUTO(overlay) o = NULL;
    struct overlay_window w = {.buf = buf, .unit = m->unit};
    must(overlay_open(&o, &m->chain, &m->parts.of[0], from, to));
    for (w.at = from; w.at < to; w.at += w.len) {
        const uint8_t *data = NULL;
        const size_t longest = below(seed, 2) ? 4 : OVERLAY_WINDOW / m->unit;
        w.len = (1 + below(seed, longest)) * m->unit;
        w.len = w.len < to - w.at ? w.len : to - w.at;
        if (!below(seed, 10))
            continue;
        if (below(seed, 2))
            must(overlay_whole(o, w.at, w.len, &data));
        if (data) {
            assert_memory_equal(data, m->bytes + w.at, w.len);
            continue;
        }
        struct overlay_under under = {NULL, OVERLAY_NO_PART};
        memset(buf, 0xEE, OVERLAY_WINDOW);
        if (m->unit >= OVERLAY_GRANULE && below(seed, 2))
            must(overlay_fill_over(o, &w, &under));
        else
            must(overlay_fill(o, &w));
        pull_up(&w, &under, n_under);
        check_window(m, &w);
    }
}

static void the_newest_archive_that_stores_a_unit_gives_it(void **state)
{
    (void)state;
    uint64_t seed = 20261127;
    unsigned n_under = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct model m = {0};
        make(&m, &seed);
        check_range(&m, 0, m.size, &seed, &n_under);
        const size_t from = below(&seed, m.size / m.unit) * m.unit;
        check_range(&m, from, from + (1 + below(&seed, (m.size - from) / m.unit)) * m.unit, &seed,
                    &n_under);
        unmake(&m);
    }
    assert_true(n_under > 10);
}

static void a_file_that_no_archive_has_is_zeros(void **state)
{
    (void)state;
    const struct chain chain = {0};
    uint8_t buf[4096];
    struct overlay_window w = {.buf = buf, .len = sizeof buf, .unit = 1024};
    AUTO(overlay) o = NULL;
    size_t from = 0, to;
    memset(buf, 1, sizeof buf);
    must(overlay_open(&o, &chain, NULL, 0, sizeof buf));
    must(overlay_fill(o, &w));
    assert_true(bytes_are_zero(buf, sizeof buf));
    assert_int_equal(w.part[3], OVERLAY_NO_PART);
    assert_false(overlay_next_run(&w, &from, &to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_archive_that_stores_a_unit_gives_it),
        cmocka_unit_test(a_file_that_no_archive_has_is_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
