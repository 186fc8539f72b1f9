/* archive/envelope_test.c: what was done to a sealed archive is found, by index and front to back, whatever it was; a
 * sealed archive opens with its key and with no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdatomic.h>

#include "archive/archive_file_test_util.h"
#include "archive/archive_test_util.h"
#include "archive/envelope.h"
#include "archive/reader.h"
#include "base/mem.h"
#include "base/workers.h"

static const enum archive_codec codecs[] = {ARCHIVE_CODEC_NONE, ARCHIVE_CODEC_ZSTD};
enum { N_CHUNKS = 6, N_DATA_CHUNKS = 4, PLACES = 5000 /* of each codec */ };

static struct archive_keys *new_keys(void)
{
    struct archive_keys *keys = mem_zalloc(sizeof *keys);
    keys->n = 1;
    assert_null(archive_key_random(&keys->keys[0]));
    return keys;
}

/* keys NULL: in clear. */
static struct test_sink sample(enum archive_codec codec, const struct archive_keys *keys)
{
    struct test_sink sink = test_sink_new();
    struct err *e = test_sample_write_with(
        &sink.sink, &(struct archive_writer_options){
                        .codec = codec, .level = 3, .seal_with = keys ? &keys->keys[0] : NULL});
    if (e)
        fail_msg("%s", e->message);
    return sink;
}

/* ---- the two ways to read ---- */

static struct err *read_by_index(const char *path, const struct archive_unlock *unlock)
{
    AUTO(archive_reader) r = NULL;
    TRY(archive_file_unlock(&r, path, unlock));
    for (uint32_t i = 0; i < archive_reader_n_entries(r); i++)
        TRY(archive_read_entry(r, i));
    for (uint32_t i = 0; i < archive_reader_n_chunks(r); i++)
        TRY(archive_check_chunk(r, i, ARCHIVE_CACHE_KEEP));
    return NULL;
}

struct seen {
    uint32_t n_pieces, n_damage;
    bool complete, unopened;
};

static struct err *see_piece(void *ctx, uint32_t entry, uint64_t offset, const uint8_t *data,
                             uint64_t len)
{
    (void)entry;
    (void)offset;
    (void)data;
    (void)len;
    ((struct seen *)ctx)->n_pieces++;
    return NULL;
}

static struct err *see_damage(void *ctx, const char *what)
{
    (void)what;
    ((struct seen *)ctx)->n_damage++;
    return NULL;
}

static struct err *walk(struct seen *seen, const char *path, const struct archive_unlock *unlock)
{
    *seen = (struct seen){0};
    const struct archive_walk w = {.on_piece = see_piece,
                                   .on_damage = see_damage,
                                   .ctx = seen,
                                   .unlock = unlock,
                                   .unopened = &seen->unopened};
    return archive_file_walk(path, &w, &seen->complete);
}

/* Of these bytes, with the key. */
struct verdict {
    bool by_index, front_to_back; /* it was taken for sound */
};

static struct verdict judge(const struct test_file *file, const uint8_t *p, size_t n,
                            const struct archive_keys *keys)
{
    const struct archive_unlock unlock = {.keys = keys};
    struct seen seen;
    test_file_set(file, p, n);
    struct err *e = read_by_index(file->path, &unlock);
    struct err *walked = walk(&seen, file->path, &unlock);
    const struct verdict v = {.by_index = !e,
                              .front_to_back =
                                  !walked && seen.complete && !seen.unopened && !seen.n_damage};
    err_free(e);
    err_free(walked);
    return v;
}

static void assert_sound(const struct test_file *file, const uint8_t *p, size_t n,
                         const struct archive_keys *keys)
{
    const struct verdict v = judge(file, p, n, keys);
    assert_true(v.by_index);
    assert_true(v.front_to_back);
}

static void assert_refused(const struct test_file *file, const uint8_t *p, size_t n,
                           const struct archive_keys *keys, const char *what, size_t where)
{
    const struct verdict v = judge(file, p, n, keys);
    if (v.by_index || v.front_to_back)
        fail_msg("%s at %zu: taken for sound%s%s", what, where, v.by_index ? " by index" : "",
                 v.front_to_back ? " front to back" : "");
}

/* ---- with the key and without ---- */

static void it_opens_with_its_key_and_hides_all_without(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys();
    const struct test_file file = test_file_new();
    for (int k = 0; k < 2; k++) {
        struct test_sink s = sample(codecs[k], keys);
        AUTO(archive_reader) r = NULL;
        assert_sound(&file, s.bytes.p, s.bytes.n, keys);
        assert_null(archive_file_unlock(&r, file.path, &(struct archive_unlock){.keys = keys}));
        assert_true(archive_reader_is_sealed(r));
        assert_string_equal(archive_reader_manifest(r), SAMPLE_MANIFEST);
        AUTO_FREE uint8_t *content = mem_alloc(SAMPLE_PIECES * SAMPLE_PIECE);
        assert_null(archive_read(r, 1, 0, content, SAMPLE_PIECES * SAMPLE_PIECE));
        for (uint32_t i = 0; i < SAMPLE_PIECES * SAMPLE_PIECE; i++)
            assert_int_equal(content[i], test_sample_byte(i));
        static const char *const secrets[] = {"db/a.ibd", "one row after", "bbbbbbbb", "full"};
        for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++)
            assert_null(memmem(s.bytes.p, s.bytes.n, secrets[i], strlen(secrets[i])));
        test_sink_free(&s.sink);
    }
    close(file.fd);
}

static void assert_error(struct err *e, enum err_kind kind, const char *message)
{
    assert_non_null(e);
    if (e->kind != kind || !strstr(e->message, message))
        fail_msg("kind %d: %s", (int)e->kind, e->message);
    err_free(e);
}

static void without_the_key_it_says_which_one_it_takes(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys();
    AUTO_FREE struct archive_keys *others = new_keys();
    const struct test_file file = test_file_new();
    struct test_sink s = sample(ARCHIVE_CODEC_ZSTD, keys);
    struct archive_reader *r;
    struct seen seen;
    test_file_set(&file, s.bytes.p, s.bytes.n);
    AUTO_FREE char *none =
        mem_printf("is sealed with key %016" PRIx64 ", and no key was given", keys->keys[0].id);
    AUTO_FREE char *wrong =
        mem_printf("is sealed with key %016" PRIx64 ", and the key that was given is %016" PRIx64,
                   keys->keys[0].id, others->keys[0].id);
    const struct archive_unlock unlock = {.keys = others};
    assert_error(archive_file_open(&r, file.path), ERR_SEALED, none);
    assert_error(archive_file_unlock(&r, file.path, &unlock), ERR_SEALED, wrong);
    assert_error(walk(&seen, file.path, &unlock), ERR_SEALED, wrong);

    AUTO_FREE char *several = mem_printf("is sealed with key %016" PRIx64
                                         ", and none of the 2 keys that were given is that one",
                                         keys->keys[0].id);
    others->keys[others->n++] = others->keys[0];
    assert_error(archive_file_unlock(&r, file.path, &unlock), ERR_SEALED, several);
    others->n--;

    others->keys[others->n++] = keys->keys[0]; /* an old key behind the one in use */
    assert_sound(&file, s.bytes.p, s.bytes.n, others);

    assert_null(walk(&seen, file.path, NULL)); /* checksums take no key */
    assert_true(seen.complete && seen.unopened);
    assert_int_equal(seen.n_damage, 0);
    assert_int_equal(seen.n_pieces, 0);
    s.bytes.p[s.bytes.n / 2] ^= 1;
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_null(walk(&seen, file.path, NULL));
    assert_int_equal(seen.n_damage, 1);
    test_sink_free(&s.sink);
    close(file.fd);
}

static struct err *give_block(void *ctx, uint8_t *p, bool *there)
{
    memcpy(p, ctx, KEY_BLOCK_SIZE);
    *there = true;
    return NULL;
}

static struct err *give_no_block(void *ctx, uint8_t *p, bool *there)
{
    (void)ctx;
    (void)p;
    *there = false;
    return NULL;
}

static void a_key_block_beside_the_archive_takes_the_place_of_its_own(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys();
    AUTO_FREE struct archive_keys *newer = new_keys();
    const struct test_file file = test_file_new();
    struct test_sink s = sample(ARCHIVE_CODEC_NONE, keys);
    struct test_sink t = sample(ARCHIVE_CODEC_NONE, keys);
    AUTO(seal_key) archive_key = NULL;
    uint8_t block[KEY_BLOCK_SIZE];
    struct archive_reader *r;
    assert_null(envelope_open(&archive_key, s.bytes.p + ARCHIVE_HEADER_SIZE, s.bytes.p, keys));
    assert_null(envelope_rewrap(block, archive_key, s.bytes.p, &newer->keys[0]));
    const struct archive_unlock with_new = {.keys = newer, .key_block = give_block, .ctx = block};
    const struct archive_unlock with_old = {.keys = keys, .key_block = give_block, .ctx = block};
    const struct archive_unlock with_none = {.keys = keys, .key_block = give_no_block};
    struct seen seen;
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_null(read_by_index(file.path, &with_new));
    assert_null(walk(&seen, file.path, &with_new));
    assert_true(seen.complete && !seen.unopened && !seen.n_damage);
    assert_error(archive_file_unlock(&r, file.path, &with_old), ERR_SEALED, "is sealed with key");
    assert_null(read_by_index(file.path, &with_none));

    test_file_set(&file, t.bytes.p, t.bytes.n); /* that of another archive */
    assert_error(archive_file_unlock(&r, file.path, &with_new), ERR_CORRUPT,
                 "the key block is that of archive 0x");
    put_le64(block + 16, le64(t.bytes.p + 16));
    test_put_hash(block + KEY_BLOCK_SIZE - HASH_SIZE,
                  hash128_of(block, KEY_BLOCK_SIZE - HASH_SIZE, NULL, 0));
    assert_error(archive_file_unlock(&r, file.path, &with_new), ERR_CORRUPT,
                 "the key block: is not authentic");
    test_sink_free(&s.sink);
    test_sink_free(&t.sink);
    close(file.fd);
}

/* ---- tampering ---- */

/* Flips a bit, and makes good every checksum as far as that can be done without a key. */
static void a_bit_anywhere_is_found(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys();
    const struct test_file file = test_file_new();
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);
    for (int k = 0; k < 2; k++) {
        struct test_sink s = sample(codecs[k], keys);
        AUTO_FREE uint8_t *p = mem_alloc(s.bytes.n);
        for (size_t i = 0; i < PLACES; i += test_stride()) {
            const size_t at = (size_t)(test_random(&seed) % s.bytes.n);
            memcpy(p, s.bytes.p, s.bytes.n);
            p[at] ^= (uint8_t)(1u << test_random(&seed) % 8);
            if (i % 2) {
                test_reseal(p, s.bytes.n);
                if (!memcmp(p, s.bytes.p, s.bytes.n))
                    continue; /* it was a checksum */
            }
            assert_refused(&file, p, s.bytes.n, keys, i % 2 ? "bit, checksums made good" : "bit",
                           at);
        }
        test_sink_free(&s.sink);
    }
    close(file.fd);
}

/* Where the parts of a sample lie: header and key block, chunks, final record. */
enum { N_PARTS = N_CHUNKS + 2, FINAL_PART = N_PARTS - 1 };

/* Behind a key block that proves the archive's form, nothing is "of a newer version": it was changed. */
static void a_version_that_was_changed_is_damage(void **state)
{
    (void)state;
    enum { LAYOUT_VERSION = 8, FINAL_VERSION = 8 };
    AUTO_FREE struct archive_keys *keys = new_keys();
    const struct archive_unlock unlock = {.keys = keys};
    const struct test_file file = test_file_new();
    for (int i = 0; i < 3; i++) {
        struct test_sink s = sample(ARCHIVE_CODEC_NONE, keys);
        uint8_t *p = s.bytes.p;
        const size_t data = test_chunk_at(p, 0), index = test_chunk_at(p, N_CHUNKS - 2);
        const size_t at = i == 0   ? data + LAYOUT_VERSION
                          : i == 1 ? index + LAYOUT_VERSION
                                   : s.bytes.n - FINAL_SIZE + FINAL_VERSION;
        p[at] = 9;
        test_reseal(p, s.bytes.n);
        test_file_set(&file, p, s.bytes.n);
        assert_error(read_by_index(file.path, &unlock), ERR_CORRUPT, "version 9");
        test_sink_free(&s.sink);
    }
    close(file.fd);
}

static void put_part(struct out_bytes *o, const struct test_sink *s, int part)
{
    const uint8_t *p = s->bytes.p;
    const size_t from = part ? test_chunk_at(p, (uint32_t)part - 1) : 0;
    const size_t end = part == FINAL_PART ? s->bytes.n : test_chunk_at(p, (uint32_t)part);
    out_bytes_put(o, p + from, end - from);
}

/* Makes good what can be made good without a key: ids, numbers and offsets, then the checksums. */
static void make_good(uint8_t *p, size_t n)
{
    size_t at = test_data_at(p), first[CHUNK_MANIFEST + 1] = {0};
    uint32_t n_of[CHUNK_MANIFEST + 1] = {0};
    for (uint64_t sequence = 0; n - at >= CHUNK_HEADER_SIZE; sequence++) {
        uint8_t *h = p + at;
        if (memcmp(h, CHUNK_MAGIC, MAGIC_SIZE))
            break;
        put_le64(h + 16, sequence);
        memcpy(h + 24, p + 16, 8);
        if (!n_of[h[11]]++)
            first[h[11]] = at;
        at += CHUNK_HEADER_SIZE + (size_t)le32(h + 32) * RECORD_SIZE + le32(h + 40);
    }
    if (n - at == FINAL_SIZE) {
        uint8_t *f = p + at;
        memcpy(f + 16, p + 16, 8);
        put_le64(f + 24, at);
        put_le64(f + 32, n_of[CHUNK_DATA]);
        put_le64(f + 40, first[CHUNK_INDEX]);
        put_le32(f + 56, n_of[CHUNK_INDEX]);
        put_le32(f + 60, n_of[CHUNK_MANIFEST]);
        put_le64(f + 64, first[CHUNK_MANIFEST]);
    }
    test_reseal(p, n);
}

/* As it is, and made good. */
static void assert_parts_refused(const struct test_file *file, struct out_bytes *o,
                                 const struct archive_keys *keys, const char *what, int where)
{
    assert_refused(file, o->p, o->n, keys, what, (size_t)where);
    make_good(o->p, o->n);
    assert_refused(file, o->p, o->n, keys, what, (size_t)where);
    o->n = 0;
}

struct tampered {
    struct archive_keys *keys;
    struct test_file file;
    struct test_sink a, b; /* the same content, the same key of the user */
    struct test_sink clear;
    struct out_bytes o;
};

static struct tampered tampered_new(enum archive_codec codec)
{
    struct archive_keys *keys = new_keys();
    return (struct tampered){.keys = keys,
                             .file = test_file_new(),
                             .a = sample(codec, keys),
                             .b = sample(codec, keys),
                             .clear = sample(codec, NULL)};
}

static void tampered_free(struct tampered *t)
{
    test_sink_free(&t->a.sink);
    test_sink_free(&t->b.sink);
    test_sink_free(&t->clear.sink);
    free(t->o.p);
    free(t->keys);
    close(t->file.fd);
}

/* Making good alone changes nothing: what is refused below is refused for what was done before it. */
static void nothing_done_is_nothing_found(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct tampered t = tampered_new(codecs[k]);
        for (int part = 0; part < N_PARTS; part++)
            put_part(&t.o, &t.a, part);
        make_good(t.o.p, t.o.n);
        assert_int_equal(t.o.n, t.a.bytes.n);
        assert_memory_equal(t.o.p, t.a.bytes.p, t.o.n);
        assert_sound(&t.file, t.o.p, t.o.n, t.keys);
        t.o.n = 0;
        for (int part = 0; part < N_PARTS; part++) /* nor does it hold an archive in clear up */
            put_part(&t.o, &t.clear, part);
        make_good(t.o.p, t.o.n);
        assert_sound(&t.file, t.o.p, t.o.n, t.keys);
        tampered_free(&t);
    }
}

static void chunks_cannot_change_places(void **state)
{
    (void)state;
    struct tampered t = tampered_new(ARCHIVE_CODEC_ZSTD);
    for (int x = 1; x < N_PARTS; x++)
        for (int y = x + 1; y < N_PARTS; y++) {
            for (int part = 0; part < N_PARTS; part++)
                put_part(&t.o, &t.a, part == x ? y : part == y ? x : part);
            assert_parts_refused(&t.file, &t.o, t.keys, "swapped", x);
        }
    tampered_free(&t);
}

static void chunks_cannot_be_left_out_or_repeated(void **state)
{
    (void)state;
    struct tampered t = tampered_new(ARCHIVE_CODEC_ZSTD);
    for (int x = 0; x < N_PARTS; x++)
        for (int times = 0; times <= 2; times += 2) {
            for (int part = 0; part < N_PARTS; part++)
                for (int i = 0; i < (part == x ? times : 1); i++)
                    put_part(&t.o, &t.a, part);
            assert_parts_refused(&t.file, &t.o, t.keys, times ? "repeated" : "left out", x);
        }
    tampered_free(&t);
}

static void the_end_cannot_be_cut_off(void **state)
{
    (void)state;
    struct tampered t = tampered_new(ARCHIVE_CODEC_ZSTD);
    for (int n = 0; n < N_PARTS - 1; n++) {
        const size_t end = test_chunk_at(t.a.bytes.p, (uint32_t)n);
        for (int off = -1; off <= 1; off++)
            assert_refused(&t.file, t.a.bytes.p, end + (size_t)off, t.keys, "cut off", end);
        for (int part = 0; part <= n; part++)
            put_part(&t.o, &t.a, part);
        if (n < N_CHUNKS) {
            put_part(&t.o, &t.a, FINAL_PART);
            assert_parts_refused(&t.file, &t.o, t.keys, "cut off, with an end", n);
        }
        t.o.n = 0;
    }
    tampered_free(&t);
}

/* Each part, and everything from it on, of another archive that was sealed with the same key, and of one in clear. */
static void nothing_of_another_archive_is_taken(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct tampered t = tampered_new(codecs[k]);
        const struct test_sink *const others[] = {&t.b, &t.clear};
        for (int other = 0; other < 2; other++)
            for (int x = 1; x < N_PARTS; x++) {
                for (int part = 0; part < N_PARTS; part++)
                    put_part(&t.o, part == x ? others[other] : &t.a, part);
                assert_parts_refused(&t.file, &t.o, t.keys, "a part of another archive", x);
                for (int part = 0; part < N_PARTS; part++)
                    put_part(&t.o, part >= x ? others[other] : &t.a, part);
                assert_parts_refused(&t.file, &t.o, t.keys, "the rest of another archive", x);
                for (int part = 0; part < N_PARTS; part++)
                    put_part(&t.o, part < x ? others[other] : &t.a, part);
                assert_parts_refused(&t.file, &t.o, t.keys, "the beginning of another archive", x);
            }
        tampered_free(&t);
    }
}

static void the_key_block_of_another_archive_does_not_fit(void **state)
{
    (void)state;
    struct tampered t = tampered_new(ARCHIVE_CODEC_ZSTD);
    uint8_t *p = t.a.bytes.p;
    memcpy(p + ARCHIVE_HEADER_SIZE, t.b.bytes.p + ARCHIVE_HEADER_SIZE, KEY_BLOCK_SIZE);
    assert_refused(&t.file, p, t.a.bytes.n, t.keys, "key block", 0);
    memcpy(p + ARCHIVE_HEADER_SIZE + 16, p + 16, 8);
    make_good(p, t.a.bytes.n);
    assert_refused(&t.file, p, t.a.bytes.n, t.keys, "key block, its id changed", 0);
    tampered_free(&t);
}

/* ---- nonces ---- */

enum { PIECES = 200, PIECE = 70 << 10, THREADS = 4 };

struct many {
    struct archive_writer *writer;
    uint8_t *data; /* the same in every piece */
    _Atomic uint32_t next;
};

static struct err *write_some(void *ctx, bool *more)
{
    struct many *m = ctx;
    const uint32_t i = atomic_fetch_add(&m->next, 1);
    *more = i < PIECES;
    return *more ? archive_write(m->writer, 0, (uint64_t)i * PIECE, m->data, PIECE) : NULL;
}

static struct err *write_many(struct test_sink *sink, const struct archive_keys *keys)
{
    AUTO(archive_writer) w = NULL;
    uint32_t id;
    struct many m = {.data = mem_alloc(PIECE)};
    memset(m.data, 'x', PIECE);
    struct err *e = archive_writer_open(
        &w, &sink->sink, &(struct archive_writer_options){ARCHIVE_CODEC_NONE, 0, &keys->keys[0]});
    m.writer = w;
    if (!e)
        e = archive_entry_add(
            w, &(struct archive_attr){.kind = ARCHIVE_PLAIN, .path = "x", .mode = 0600}, &id);
    if (!e)
        e = workers_run(THREADS, write_some, &m);
    if (!e)
        e = archive_writer_finish(w, "{}");
    free(m.data);
    return e;
}

/* The nonce of a chunk is its number. Equal content becomes different bytes in every chunk and every archive. */
static void no_nonce_is_used_twice(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys();
    const struct test_file file = test_file_new();
    struct test_sink s = test_sink_new(), t = test_sink_new();
    assert_null(write_many(&s, keys));
    assert_null(write_many(&t, keys));
    assert_sound(&file, s.bytes.p, s.bytes.n, keys);
    assert_memory_not_equal(s.bytes.p + ARCHIVE_HEADER_SIZE + KEY_BLOCK_CLEAR,
                            t.bytes.p + ARCHIVE_HEADER_SIZE + KEY_BLOCK_CLEAR, SEAL_KEY_SIZE);
    for (uint32_t i = 0; i < PIECES; i++) {
        const size_t at = test_chunk_at(s.bytes.p, i), body = at + CHUNK_HEADER_SIZE;
        assert_int_equal(le64(s.bytes.p + at + 16), i);
        assert_int_equal(le32(s.bytes.p + at + 12), 0);
        assert_memory_not_equal(s.bytes.p + body + RECORD_SIZE, t.bytes.p + body + RECORD_SIZE, 64);
        for (uint32_t k = 0; k < i; k += 7) {
            const size_t other = test_chunk_at(s.bytes.p, k) + CHUNK_HEADER_SIZE;
            assert_memory_not_equal(s.bytes.p + body + RECORD_SIZE, s.bytes.p + other + RECORD_SIZE,
                                    64);
        }
    }
    test_sink_free(&s.sink);
    test_sink_free(&t.sink);
    close(file.fd);
}

/* Threads that wait for their turn are not left waiting. */
static void a_sink_that_fails_ends_every_thread(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys();
    for (uint32_t n = 1; n < 2 * PIECES; n += 23) {
        struct test_sink s = test_sink_new();
        s.fail_at = n;
        struct err *e = write_many(&s, keys);
        assert_error(e, ERR_IO, "test sink: cannot write");
        test_sink_free(&s.sink);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_with_its_key_and_hides_all_without),
        cmocka_unit_test(without_the_key_it_says_which_one_it_takes),
        cmocka_unit_test(a_key_block_beside_the_archive_takes_the_place_of_its_own),
        cmocka_unit_test(a_bit_anywhere_is_found),
        cmocka_unit_test(a_version_that_was_changed_is_damage),
        cmocka_unit_test(nothing_done_is_nothing_found),
        cmocka_unit_test(chunks_cannot_change_places),
        cmocka_unit_test(chunks_cannot_be_left_out_or_repeated),
        cmocka_unit_test(the_end_cannot_be_cut_off),
        cmocka_unit_test(nothing_of_another_archive_is_taken),
        cmocka_unit_test(the_key_block_of_another_archive_does_not_fit),
        cmocka_unit_test(no_nonce_is_used_twice),
        cmocka_unit_test(a_sink_that_fails_ends_every_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
