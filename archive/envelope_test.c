/* archive/envelope_test.c: what was done to a sealed archive, to a signed one, or to one that is both is found, by index and front to
 * back, whatever it was; a sealed archive opens with its key and with no other. */
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
enum { N_CHUNKS = 6, N_DATA_CHUNKS = 4, PLACES = 5000 /* of each codec and guard */ };

static struct archive_keys *new_keys(enum archive_key_type type)
{
    struct archive_keys *keys = mem_zalloc(sizeof *keys);
    keys->n = 1;
    assert_null(archive_key_random(&keys->keys[0], type));
    return keys;
}

/* What an archive is sealed with, signed with, and proven by; each may be NULL. */
struct guard {
    struct archive_keys *seal, *signing, *public;
};

enum { SEALED = 1, SIGNED = 2, GUARDS = 4 /* 1 .. 3: what there is besides nothing */ };

static struct guard guard_new(int what)
{
    struct guard g = {0};
    if (what & SEALED)
        g.seal = new_keys(ARCHIVE_KEY_SEAL);
    if (what & SIGNED) {
        g.signing = new_keys(ARCHIVE_KEY_SIGN);
        g.public = mem_zalloc(sizeof *g.public);
        g.public->n = 1;
        assert_null(archive_key_public(&g.public->keys[0], &g.signing->keys[0]));
    }
    return g;
}

static void guard_free(struct guard *g)
{
    free(g->seal);
    free(g->signing);
    free(g->public);
}

static struct archive_writer_options options_of(enum archive_codec codec, const struct guard *g)
{
    return (struct archive_writer_options){.codec = codec,
                                           .level = 3,
                                           .seal_with = g->seal ? &g->seal->keys[0] : NULL,
                                           .sign_with = g->signing ? &g->signing->keys[0] : NULL};
}

static struct test_sink sample_with(enum archive_codec codec, const struct guard *g)
{
    struct test_sink sink = test_sink_new();
    const struct archive_writer_options options = options_of(codec, g);
    struct err *e = test_sample_write_with(&sink.sink, &options);
    if (e)
        fail_msg("%s", e->message);
    return sink;
}

static struct test_sink sample(enum archive_codec codec, struct archive_keys *keys)
{
    return sample_with(codec, &(struct guard){.seal = keys});
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

/* Of these bytes, with the keys. */
struct verdict {
    bool by_index, front_to_back; /* it was taken for sound */
};

static struct verdict judge(const struct test_file *file, const uint8_t *p, size_t n,
                            const struct guard *g)
{
    const struct archive_unlock unlock = {.keys = g->seal, .public_keys = g->public};
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
                         const struct guard *g)
{
    const struct verdict v = judge(file, p, n, g);
    assert_true(v.by_index);
    assert_true(v.front_to_back);
}

static void assert_refused(const struct test_file *file, const uint8_t *p, size_t n,
                           const struct guard *g, const char *what, size_t where)
{
    const struct verdict v = judge(file, p, n, g);
    if (v.by_index || v.front_to_back)
        fail_msg("%s at %zu: taken for sound%s%s", what, where, v.by_index ? " by index" : "",
                 v.front_to_back ? " front to back" : "");
}

/* ---- with the key and without ---- */

static void it_opens_with_its_key_and_hides_all_without(void **state)
{
    (void)state;
    AUTO_FREE struct archive_keys *keys = new_keys(ARCHIVE_KEY_SEAL);
    const struct test_file file = test_file_new();
    for (int k = 0; k < 2; k++) {
        struct test_sink s = sample(codecs[k], keys);
        AUTO(archive_reader) r = NULL;
        assert_sound(&file, s.bytes.p, s.bytes.n, &(struct guard){.seal = keys});
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
    AUTO_FREE struct archive_keys *keys = new_keys(ARCHIVE_KEY_SEAL);
    AUTO_FREE struct archive_keys *others = new_keys(ARCHIVE_KEY_SEAL);
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
    assert_sound(&file, s.bytes.p, s.bytes.n, &(struct guard){.seal = others});

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
    AUTO_FREE struct archive_keys *keys = new_keys(ARCHIVE_KEY_SEAL);
    AUTO_FREE struct archive_keys *newer = new_keys(ARCHIVE_KEY_SEAL);
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
static void flip_bits(const struct guard *g, enum archive_codec codec, uint64_t *seed)
{
    const struct test_file file = test_file_new();
    struct test_sink s = sample_with(codec, g);
    AUTO_FREE uint8_t *p = mem_alloc(s.bytes.n);
    for (size_t i = 0; i < PLACES; i += test_stride()) {
        const size_t at = (size_t)(test_random(seed) % s.bytes.n);
        memcpy(p, s.bytes.p, s.bytes.n);
        p[at] ^= (uint8_t)(1u << test_random(seed) % 8);
        if (i % 2) {
            test_reseal(p, s.bytes.n);
            if (!memcmp(p, s.bytes.p, s.bytes.n))
                continue; /* it was a checksum */
        }
        assert_refused(&file, p, s.bytes.n, g, i % 2 ? "bit, checksums made good" : "bit", at);
    }
    test_sink_free(&s.sink);
    close(file.fd);
}

static void a_bit_anywhere_is_found(void **state)
{
    (void)state;
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);
    for (int what = 1; what < GUARDS; what++) {
        struct guard g = guard_new(what);
        for (int k = 0; k < 2; k++)
            flip_bits(&g, codecs[k], &seed);
        guard_free(&g);
    }
}

/* Where the parts of a sample lie: header and key block, chunks, signature block (empty when there is none), final record. */
enum { N_PARTS = N_CHUNKS + 3, SIGNATURE_PART = N_PARTS - 2, FINAL_PART = N_PARTS - 1 };

static size_t part_at(const struct test_sink *s, int part)
{
    return part == 0            ? 0
           : part == N_PARTS    ? s->bytes.n
           : part == FINAL_PART ? s->bytes.n - FINAL_SIZE
                                : test_chunk_at(s->bytes.p, (uint32_t)part - 1);
}

static bool is_empty(const struct test_sink *s, int part)
{
    return part_at(s, part) == part_at(s, part + 1);
}

/* Behind what proves the archive's form, nothing is "of a newer version": it was changed. Nor is the header, whose end is not. */
static void a_version_that_was_changed_is_damage(void **state)
{
    (void)state;
    enum { VERSION_AT = 8 }; /* in every structure */
    for (int what = 0; what < GUARDS; what++) {
        struct guard g = guard_new(what);
        const struct archive_unlock unlock = {.keys = g.seal, .public_keys = g.public};
        const struct test_file file = test_file_new();
        for (int part = 0; part <= N_PARTS; part++) {
            struct test_sink s = sample_with(ARCHIVE_CODEC_NONE, &g);
            uint8_t *p = s.bytes.p;
            const size_t at = part == N_PARTS ? ARCHIVE_HEADER_SIZE : part_at(&s, part);
            const bool is_there = part == N_PARTS ? g.seal != NULL : !is_empty(&s, part);
            if (is_there && (what || part == 0)) { /* else nothing proves the form */
                p[at + VERSION_AT] = 9;
                test_reseal(p, s.bytes.n);
                test_file_set(&file, p, s.bytes.n);
                assert_error(read_by_index(file.path, &unlock), ERR_CORRUPT, "version 9");
            }
            test_sink_free(&s.sink);
        }
        close(file.fd);
        guard_free(&g);
    }
}

static void one_that_is_newer_all_over_is_no_damage(void **state)
{
    (void)state;
    static const struct guard none = {0};
    const struct archive_unlock unlock = {0};
    const struct test_file file = test_file_new();
    struct test_sink s = sample_with(ARCHIVE_CODEC_NONE, &none);
    put_le16(s.bytes.p + 8, 9);
    put_le16(s.bytes.p + part_at(&s, FINAL_PART) + 8, 9);
    test_reseal(s.bytes.p, s.bytes.n);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_error(read_by_index(file.path, &unlock), ERR_FAILED, "the archive has format version 9");
    test_sink_free(&s.sink);
    close(file.fd);
}

static void put_part(struct out_bytes *o, const struct test_sink *s, int part)
{
    const size_t from = part_at(s, part);
    out_bytes_put(o, s->bytes.p + from, part_at(s, part + 1) - from);
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
    if (n - at == SIGNATURE_BLOCK_SIZE + FINAL_SIZE &&
        !memcmp(p + at, SIGNATURE_MAGIC, MAGIC_SIZE)) {
        memcpy(p + at + 16, p + 16, 8);
        at += SIGNATURE_BLOCK_SIZE;
    }
    if (n - at == FINAL_SIZE) {
        uint8_t *f = p + at;
        memcpy(f + 8, p + 8, 2);
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

struct tampered {
    struct guard guard;
    struct test_file file;
    struct test_sink a, b; /* the same content, the same keys of the user */
    struct test_sink clear;
    struct out_bytes o;
};

static struct tampered tampered_new(enum archive_codec codec, int what)
{
    const struct guard g = guard_new(what), none = {0};
    return (struct tampered){.guard = g,
                             .file = test_file_new(),
                             .a = sample_with(codec, &g),
                             .b = sample_with(codec, &g),
                             .clear = sample_with(codec, &none)};
}

static void tampered_free(struct tampered *t)
{
    test_sink_free(&t->a.sink);
    test_sink_free(&t->b.sink);
    test_sink_free(&t->clear.sink);
    free(t->o.p);
    guard_free(&t->guard);
    close(t->file.fd);
}

static bool is_whole(const struct out_bytes *o, const struct test_sink *s)
{
    return o->n == s->bytes.n && !memcmp(o->p, s->bytes.p, o->n);
}

/* As it is, and made good, unless it is then one of the two archives: parts in clear of the same content differ by the ids only. */
static void assert_parts_refused(struct tampered *t, const char *what, int where)
{
    assert_refused(&t->file, t->o.p, t->o.n, &t->guard, what, (size_t)where);
    make_good(t->o.p, t->o.n);
    if (!is_whole(&t->o, &t->a) && !is_whole(&t->o, &t->b))
        assert_refused(&t->file, t->o.p, t->o.n, &t->guard, what, (size_t)where);
    t->o.n = 0;
}

/* Making good alone changes nothing: what is refused below is refused for what was done before it. */
static void nothing_done_is_nothing_found(void **state)
{
    (void)state;
    static const struct guard none = {0};
    for (int what = 1; what < GUARDS; what++)
        for (int k = 0; k < 2; k++) {
            struct tampered t = tampered_new(codecs[k], what);
            for (int part = 0; part < N_PARTS; part++)
                put_part(&t.o, &t.a, part);
            make_good(t.o.p, t.o.n);
            assert_int_equal(t.o.n, t.a.bytes.n);
            assert_memory_equal(t.o.p, t.a.bytes.p, t.o.n);
            assert_sound(&t.file, t.o.p, t.o.n, &t.guard);
            t.o.n = 0;
            for (int part = 0; part < N_PARTS; part++) /* nor does it hold an archive in clear up */
                put_part(&t.o, &t.clear, part);
            make_good(t.o.p, t.o.n);
            assert_sound(&t.file, t.o.p, t.o.n, &none);
            tampered_free(&t);
        }
}

static void swap_parts(struct tampered *t)
{
    for (int x = 1; x < N_PARTS; x++)
        for (int y = x + 1; y < N_PARTS; y++) {
            if (is_empty(&t->a, x) || is_empty(&t->a, y))
                continue;
            for (int part = 0; part < N_PARTS; part++)
                put_part(&t->o, &t->a, part == x ? y : part == y ? x : part);
            assert_parts_refused(t, "swapped", x);
        }
}

static void leave_out_and_repeat_parts(struct tampered *t)
{
    for (int x = 0; x < N_PARTS; x++)
        for (int times = 0; times <= 2; times += 2) {
            if (is_empty(&t->a, x))
                continue;
            for (int part = 0; part < N_PARTS; part++)
                for (int i = 0; i < (part == x ? times : 1); i++)
                    put_part(&t->o, &t->a, part);
            assert_parts_refused(t, times ? "repeated" : "left out", x);
        }
}

static void cut_off_the_end(struct tampered *t)
{
    for (int n = 0; n < N_PARTS - 1; n++) {
        const size_t end = part_at(&t->a, n + 1);
        for (int off = -1; off <= 1; off++)
            assert_refused(&t->file, t->a.bytes.p, end + (size_t)off, &t->guard, "cut off", end);
        for (int part = 0; part <= n; part++)
            put_part(&t->o, &t->a, part);
        if (n < N_CHUNKS) {
            put_part(&t->o, &t->a, SIGNATURE_PART);
            put_part(&t->o, &t->a, FINAL_PART);
            assert_parts_refused(t, "cut off, with an end", n);
        }
        t->o.n = 0;
    }
}

/* Each part, and everything from it on, of another archive with the same keys, and of one in clear. */
static void take_parts_of_others(struct tampered *t)
{
    const struct test_sink *const others[] = {&t->b, &t->clear};
    for (int other = 0; other < 2; other++)
        for (int x = 1; x < N_PARTS; x++) {
            if (is_empty(&t->a, x))
                continue;
            for (int part = 0; part < N_PARTS; part++)
                put_part(&t->o, part == x ? others[other] : &t->a, part);
            assert_parts_refused(t, "a part of another archive", x);
            for (int part = 0; part < N_PARTS; part++)
                put_part(&t->o, part >= x ? others[other] : &t->a, part);
            assert_parts_refused(t, "the rest of another archive", x);
            for (int part = 0; part < N_PARTS; part++)
                put_part(&t->o, part < x ? others[other] : &t->a, part);
            assert_parts_refused(t, "the beginning of another archive", x);
        }
}

static void tamper(void (*how)(struct tampered *t))
{
    for (int what = 1; what < GUARDS; what++)
        for (int k = 0; k < 2; k++) {
            struct tampered t = tampered_new(codecs[k], what);
            how(&t);
            tampered_free(&t);
        }
}

static void chunks_cannot_change_places(void **state)
{
    (void)state;
    tamper(swap_parts);
}

static void chunks_cannot_be_left_out_or_repeated(void **state)
{
    (void)state;
    tamper(leave_out_and_repeat_parts);
}

static void the_end_cannot_be_cut_off(void **state)
{
    (void)state;
    tamper(cut_off_the_end);
}

static void nothing_of_another_archive_is_taken(void **state)
{
    (void)state;
    tamper(take_parts_of_others);
}

static void the_key_block_of_another_archive_does_not_fit(void **state)
{
    (void)state;
    struct tampered t = tampered_new(ARCHIVE_CODEC_ZSTD, SEALED);
    uint8_t *p = t.a.bytes.p;
    memcpy(p + ARCHIVE_HEADER_SIZE, t.b.bytes.p + ARCHIVE_HEADER_SIZE, KEY_BLOCK_SIZE);
    assert_refused(&t.file, p, t.a.bytes.n, &t.guard, "key block", 0);
    memcpy(p + ARCHIVE_HEADER_SIZE + 16, p + 16, 8);
    make_good(p, t.a.bytes.n);
    assert_refused(&t.file, p, t.a.bytes.n, &t.guard, "key block, its id changed", 0);
    tampered_free(&t);
}

/* ---- signatures ---- */

static void a_signature_of_another_key_or_none_is_refused_by_name(void **state)
{
    (void)state;
    struct guard g = guard_new(SIGNED), other = guard_new(SIGNED), none = {0};
    struct test_sink s = sample_with(ARCHIVE_CODEC_ZSTD, &g);
    struct test_sink clear = sample_with(ARCHIVE_CODEC_ZSTD, &none);
    const struct test_file file = test_file_new();
    const struct archive_unlock unlock = {.public_keys = other.public};
    struct archive_reader *r;
    struct seen seen;
    AUTO_FREE char *wrong = mem_printf("is signed with key %016" PRIx64
                                       ", and the public key that was given is of %016" PRIx64,
                                       g.public->keys[0].id, other.public->keys[0].id);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_error(archive_file_unlock(&r, file.path, &unlock), ERR_UNSIGNED, wrong);
    assert_error(walk(&seen, file.path, &unlock), ERR_UNSIGNED, wrong);
    assert_sound(&file, s.bytes.p, s.bytes.n, &none); /* nobody asked */
    other.public->keys[other.public->n++] = g.public->keys[0];
    assert_sound(&file, s.bytes.p, s.bytes.n, &other);
    test_file_set(&file, clear.bytes.p, clear.bytes.n);
    assert_error(archive_file_unlock(&r, file.path, &unlock), ERR_UNSIGNED,
                 "is not signed, and a public key was given");
    assert_error(walk(&seen, file.path, &unlock), ERR_UNSIGNED,
                 "is not signed, and a public key was given");

    /* Another key's signature under the id of the one that is wanted. */
    memcpy(s.bytes.p + part_at(&s, SIGNATURE_PART) + 24, "another", 8);
    other.public->keys[0].id = le64(s.bytes.p + part_at(&s, SIGNATURE_PART) + 24);
    test_reseal(s.bytes.p, s.bytes.n);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_error(archive_file_unlock(&r, file.path, &unlock), ERR_CORRUPT,
                 "is not what was signed with key");
    test_sink_free(&s.sink);
    test_sink_free(&clear.sink);
    guard_free(&g);
    guard_free(&other);
    close(file.fd);
}

/* The index was proven when the archive was opened; a chunk that is exchanged behind our back is not the one it names. */
static void a_chunk_that_is_exchanged_later_is_found(void **state)
{
    (void)state;
    struct guard g = guard_new(SIGNED);
    struct test_sink s = sample_with(ARCHIVE_CODEC_NONE, &g);
    const struct test_file file = test_file_new();
    const struct archive_unlock unlock = {.public_keys = g.public};
    AUTO(archive_reader) r = NULL;
    uint8_t byte;
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_null(archive_file_unlock(&r, file.path, &unlock));
    s.bytes.p[test_chunk_at(s.bytes.p, 1) - 1] ^= 1;
    test_reseal(s.bytes.p, s.bytes.n);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_error(archive_check_chunk(r, 0, ARCHIVE_CACHE_KEEP), ERR_CORRUPT,
                 "it is not the chunk that was signed");
    assert_error(archive_read(r, 1, 0, &byte, 1), ERR_CORRUPT,
                 "it is not the chunk that was signed");
    assert_null(archive_check_chunk(r, 1, ARCHIVE_CACHE_KEEP));
    test_sink_free(&s.sink);
    guard_free(&g);
    close(file.fd);
}

/* What is signed is what is stored: it takes no key to seal with, front to back. */
static void a_sealed_archive_proves_itself_without_its_key(void **state)
{
    (void)state;
    struct guard g = guard_new(SEALED | SIGNED);
    struct test_sink s = sample_with(ARCHIVE_CODEC_ZSTD, &g);
    const struct test_file file = test_file_new();
    const struct archive_unlock unlock = {.public_keys = g.public};
    struct seen seen;
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_null(walk(&seen, file.path, &unlock));
    assert_true(seen.complete && seen.unopened && !seen.n_damage);
    s.bytes.p[test_chunk_at(s.bytes.p, 1) - 1] ^= 1;
    test_reseal(s.bytes.p, s.bytes.n);
    test_file_set(&file, s.bytes.p, s.bytes.n);
    assert_null(walk(&seen, file.path, &unlock));
    assert_int_equal(seen.n_damage, 1);
    test_sink_free(&s.sink);
    guard_free(&g);
    close(file.fd);
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

static struct err *write_many(struct test_sink *sink, const struct guard *g)
{
    AUTO(archive_writer) w = NULL;
    uint32_t id;
    struct many m = {.data = mem_alloc(PIECE)};
    memset(m.data, 'x', PIECE);
    const struct archive_writer_options options = options_of(ARCHIVE_CODEC_NONE, g);
    struct err *e = archive_writer_open(&w, &sink->sink, &options);
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
    struct guard g = guard_new(SEALED | SIGNED);
    const struct test_file file = test_file_new();
    struct test_sink s = test_sink_new(), t = test_sink_new();
    assert_null(write_many(&s, &g));
    assert_null(write_many(&t, &g));
    assert_sound(&file, s.bytes.p, s.bytes.n, &g);
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
    guard_free(&g);
    close(file.fd);
}

/* Chunks that threads have numbered and digested are in the order of the signature. */
static void an_archive_of_many_threads_is_signed(void **state)
{
    (void)state;
    struct guard g = guard_new(SIGNED);
    const struct test_file file = test_file_new();
    struct test_sink s = test_sink_new();
    assert_null(write_many(&s, &g));
    assert_sound(&file, s.bytes.p, s.bytes.n, &g);
    test_sink_free(&s.sink);
    guard_free(&g);
    close(file.fd);
}

/* Threads that wait for their turn are not left waiting. */
static void a_sink_that_fails_ends_every_thread(void **state)
{
    (void)state;
    for (int what = 1; what < GUARDS; what++) {
        struct guard g = guard_new(what);
        for (uint32_t n = 1; n < 2 * PIECES; n += 23) {
            struct test_sink s = test_sink_new();
            s.fail_at = n;
            struct err *e = write_many(&s, &g);
            assert_error(e, ERR_IO, "test sink: cannot write");
            test_sink_free(&s.sink);
        }
        guard_free(&g);
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
        cmocka_unit_test(one_that_is_newer_all_over_is_no_damage),
        cmocka_unit_test(nothing_done_is_nothing_found),
        cmocka_unit_test(chunks_cannot_change_places),
        cmocka_unit_test(chunks_cannot_be_left_out_or_repeated),
        cmocka_unit_test(the_end_cannot_be_cut_off),
        cmocka_unit_test(nothing_of_another_archive_is_taken),
        cmocka_unit_test(the_key_block_of_another_archive_does_not_fit),
        cmocka_unit_test(a_signature_of_another_key_or_none_is_refused_by_name),
        cmocka_unit_test(a_chunk_that_is_exchanged_later_is_found),
        cmocka_unit_test(a_sealed_archive_proves_itself_without_its_key),
        cmocka_unit_test(no_nonce_is_used_twice),
        cmocka_unit_test(an_archive_of_many_threads_is_signed),
        cmocka_unit_test(a_sink_that_fails_ends_every_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
