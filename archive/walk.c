/* archive/walk.c: front to back through an archive, damaged or cut off as it may be; see
 * reader.h.
 *
 * A chunk whose header is sound but whose body is not is stepped over by its header's lengths,
 * if a sound header follows there. Otherwise the next sound chunk header or final record of this
 * archive is searched for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/chunk.h"
#include "archive/envelope.h"
#include "archive/reader.h"
#include "archive/signature.h"
#include "base/cleanup.h"
#include "base/mem.h"

enum { SEARCH_WINDOW = 1 << 20 };
_Static_assert((int)SEARCH_WINDOW <= (int)CHUNK_SIZE_MAX, "the search uses the body's buffer");
_Static_assert((int)FINAL_SIZE == (int)CHUNK_HEADER_SIZE &&
                   (int)SIGNATURE_BLOCK_SIZE == (int)CHUNK_HEADER_SIZE,
               "all are looked at as one header");

struct walker {
    const struct archive_walk *walk;
    struct source *source;
    uint64_t size;
    bool id_is_known;
    uint64_t archive_id;
    bool seal_is_known; /* as id_is_known */
    bool sealed;
    struct seal_key *archive_key; /* NULL: not sealed, or not opened */
    bool sign_is_known;           /* as id_is_known */
    bool is_signed;
    uint64_t signature_at; /* of the signature block seen last; 0: none was seen */
    struct signature_block signature;
    /* Of the chunks so far; NULL: the archive does not have to prove itself, or cannot any more. */
    struct sha256_sum *digests;
    uint8_t header[ARCHIVE_HEADER_SIZE]; /* as it is stored */
    uint64_t next_sequence;
    bool after_damage; /* one chunk of unknown number was reported since the last sound header */
    uint8_t *body;     /* a whole chunk or SEARCH_WINDOW, as far as the file goes */
    struct unpacker *unpacker;
};

/* Of what is damaged no signature can be right: that is no damage of its own. */
static struct err *damage(struct walker *w, const char *what)
{
    sha256_sum_free(w->digests);
    w->digests = NULL;
    return w->walk->on_damage(w->walk->ctx, what);
}

/* Reports e, which is freed, as damage of what lies at `at`. */
static struct err *damage_at(struct walker *w, const char *of, uint64_t at, struct err *e)
{
    AUTO_FREE char *what = mem_printf("%s at offset %" PRIu64 ": %s", of, at, e->message);
    err_free(e);
    return damage(w, what);
}

/* Reports e, which is freed, as damage of chunk `sequence` at `at`. */
static struct err *chunk_damage(struct walker *w, uint64_t sequence, uint64_t at, struct err *e)
{
    AUTO_FREE char *what =
        mem_printf("chunk %" PRIu64 " at offset %" PRIu64 ": %s", sequence, at, e->message);
    err_free(e);
    return damage(w, what);
}

static struct err *read_at(const struct walker *w, void *buf, size_t n, uint64_t at, bool *whole)
{
    size_t got;
    TRY(w->source->read_at(w->source, buf, n, at, &got));
    *whole = got == n;
    return NULL;
}

/* The archive id of a chunk header, signature block or final record. */
static struct err *header_id(uint64_t *id, const uint8_t *p)
{
    struct chunk_header h;
    struct signature_block b;
    struct final_record f;
    if (!memcmp(p, FINAL_MAGIC, MAGIC_SIZE)) {
        TRY(final_record_get(&f, p));
        *id = f.archive_id;
    } else if (!memcmp(p, SIGNATURE_MAGIC, MAGIC_SIZE)) {
        TRY(signature_block_get(&b, p));
        *id = b.archive_id;
    } else {
        TRY(chunk_header_get(&h, p));
        *id = h.archive_id;
    }
    return NULL;
}

/* Whether `p` is sound, and of this archive. An archive whose own header is damaged is known by the first one found. */
static bool is_sound(struct walker *w, const uint8_t *p)
{
    uint64_t id = 0;
    struct err *e = header_id(&id, p);
    const bool sound = !e && (!w->id_is_known || id == w->archive_id);
    err_free(e);
    if (sound) {
        w->id_is_known = true;
        w->archive_id = id;
    }
    return sound;
}

/* Moves *at to the next sound header at or behind it, or to the end of the archive. */
static struct err *resynchronise(struct walker *w, uint64_t *at)
{
    while (w->size - *at >= CHUNK_HEADER_SIZE) {
        size_t got;
        const uint64_t left = w->size - *at;
        const size_t n = left < SEARCH_WINDOW ? (size_t)left : SEARCH_WINDOW;
        TRY(w->source->read_at(w->source, w->body, n, *at, &got));
        const uint8_t *p = w->body, *end = w->body + got;
        while ((p = memmem(p, (size_t)(end - p), CHUNK_MAGIC, MAGIC_COMMON)) &&
               end - p >= CHUNK_HEADER_SIZE) {
            if (is_sound(w, p)) {
                *at += (uint64_t)(p - w->body);
                return NULL;
            }
            p++;
        }
        if (got < SEARCH_WINDOW)
            break;
        *at += SEARCH_WINDOW - (CHUNK_HEADER_SIZE - 1);
    }
    *at = w->size;
    return NULL;
}

static struct err *report_missing(struct walker *w, uint64_t first, uint64_t end, uint64_t at)
{
    char what[160];
    if (first >= end)
        return NULL;
    if (end - first == 1)
        snprintf(what, sizeof what, "chunk %" PRIu64 " is missing before offset %" PRIu64, first,
                 at);
    else
        snprintf(what, sizeof what,
                 "chunks %" PRIu64 " to %" PRIu64 " are missing before offset %" PRIu64, first,
                 end - 1, at);
    return damage(w, what);
}

/* Compares the number of a sound header with that of the last. */
static struct err *check_sequence(struct walker *w, uint64_t sequence, uint64_t at, bool *usable)
{
    const uint64_t expected = w->next_sequence;
    const uint64_t reported = w->after_damage ? 1 : 0;
    *usable = sequence >= expected;
    if (!*usable) {
        char what[160];
        snprintf(what, sizeof what,
                 "chunk %" PRIu64 " at offset %" PRIu64 ": out of order, chunk %" PRIu64
                 " expected",
                 sequence, at, expected);
        return damage(w, what);
    }
    w->next_sequence = sequence + 1;
    w->after_damage = false;
    return report_missing(w, expected + (sequence > expected ? reported : 0), sequence, at);
}

static struct err *report_pieces(const struct walker *w, const struct chunk *c)
{
    const uint8_t *data = c->raw;
    for (uint32_t i = 0; i < c->header.n_records; i++) {
        const struct chunk_record r = chunk_record_at(c, i);
        TRY(w->walk->on_piece(w->walk->ctx, r.entry, r.offset, r.zeros ? NULL : data, r.len));
        data += r.zeros ? 0 : r.len;
    }
    return NULL;
}

/* The body of a chunk failed its check. Its header is sound: believe its lengths if they lead to
 * another sound header. */
static struct err *step_over(struct walker *w, const struct chunk_header *h, uint64_t *at)
{
    uint8_t next[CHUNK_HEADER_SIZE];
    bool whole;
    const uint64_t end = *at + chunk_size(h);
    if (end <= w->size) {
        TRY(read_at(w, next, sizeof next, end, &whole));
        if (whole && is_sound(w, next)) {
            *at = end;
            return NULL;
        }
    }
    *at += CHUNK_HEADER_SIZE;
    return resynchronise(w, at);
}

static struct err *add_digest(struct walker *w, const uint8_t *header, size_t body_size)
{
    struct sha256 digest;
    if (!w->digests)
        return NULL;
    TRY(sha256_of(&digest, header, CHUNK_HEADER_SIZE, w->body, body_size));
    return sha256_sum_add(w->digests, digest.bytes, sizeof digest.bytes);
}

/* header: as it is stored. */
static struct err *walk_body(struct walker *w, const struct chunk_header *h, const uint8_t *header,
                             uint64_t *at)
{
    struct chunk c;
    struct err *e = NULL;
    bool whole = chunk_size(h) <= w->size - *at;
    if (whole)
        TRY(read_at(w, w->body, chunk_size(h) - CHUNK_HEADER_SIZE, *at + CHUNK_HEADER_SIZE,
                    &whole));
    if (whole)
        TRY(add_digest(w, header, chunk_body_size(h)));
    if (!whole)
        e = err_make(CORRUPT, "cut off: %" PRIu32 " bytes expected, %" PRIu64 " found",
                     chunk_size(h), w->size - *at);
    else if (w->sealed && !w->archive_key)
        e = chunk_check_stored(h, w->body);
    else
        e = chunk_unpack(w->unpacker, &c, h, w->body);
    if (e) {
        TRY(chunk_damage(w, h->sequence, *at, e));
        return step_over(w, h, at);
    }
    if (!w->sealed || w->archive_key)
        TRY(report_pieces(w, &c)); /* index and manifest chunks have none */
    *at += chunk_size(h);
    return NULL;
}

/* Whether the header, sound in itself, is of this archive. */
static struct err *check_origin(const struct walker *w, uint64_t archive_id, bool sealed)
{
    if (w->id_is_known && archive_id != w->archive_id)
        return err_make(CORRUPT, "archive id 0x%016" PRIx64 " found, 0x%016" PRIx64 " expected",
                        archive_id, w->archive_id);
    if (w->seal_is_known && sealed != w->sealed)
        return err_make(CORRUPT, "it is %ssealed, the archive is %s", sealed ? "" : "not ",
                        sealed ? "not" : "sealed");
    return NULL;
}

static struct err *walk_chunk(struct walker *w, const uint8_t *header, uint64_t *at)
{
    struct chunk_header h;
    struct err *e = chunk_header_get(&h, header);
    if (!e)
        e = check_origin(w, h.archive_id, h.sealed);
    if (e) {
        TRY(chunk_damage(w, w->next_sequence, *at, e));
        w->after_damage = true;
        *at += 1;
        return resynchronise(w, at);
    }
    bool usable;
    w->id_is_known = w->seal_is_known = true;
    w->archive_id = h.archive_id;
    w->sealed = h.sealed;
    TRY(check_sequence(w, h.sequence, *at, &usable));
    if (usable)
        return walk_body(w, &h, header, at);
    *at += CHUNK_HEADER_SIZE;
    return resynchronise(w, at);
}

static struct err *check_signature_block(const struct walker *w, struct signature_block *b,
                                         const uint8_t *p)
{
    TRY(signature_block_get(b, p));
    if (w->sign_is_known && !w->is_signed)
        return err_make(CORRUPT, "the archive is not signed");
    return check_origin(w, b->archive_id, w->sealed);
}

static struct err *walk_signature_block(struct walker *w, const uint8_t *p, uint64_t *at)
{
    struct signature_block b;
    struct err *e = check_signature_block(w, &b, p);
    if (e) {
        TRY(damage_at(w, "signature block", *at, e));
        *at += 1;
        return resynchronise(w, at);
    }
    w->signature = b;
    w->signature_at = *at;
    *at += SIGNATURE_BLOCK_SIZE;
    return NULL;
}

/* f, at `at`, is sound; p: as it is stored. */
static struct err *check_signature(struct walker *w, const struct final_record *f, const uint8_t *p,
                                   uint64_t at)
{
    struct signed_archive a = {.header = w->header, .final = p};
    if (f->is_signed && (!w->signature_at || w->signature_at + SIGNATURE_BLOCK_SIZE != at))
        return damage(w, "no signature block in front of the final record");
    if (!w->digests)
        return NULL;
    TRY(sha256_sum_end(&a.chunks, w->digests));
    struct err *e = signature_check(&w->signature, &a, w->walk->unlock->public_keys);
    return e && e->kind == ERR_CORRUPT ? damage_at(w, "signature", w->signature_at, e) : e;
}

static struct err *check_final(const struct walker *w, struct final_record *f, const uint8_t *p)
{
    TRY(final_record_get(f, p));
    if (w->id_is_known && f->archive_id != w->archive_id)
        return err_make(CORRUPT, "the final record is that of another archive");
    if (w->sign_is_known && f->is_signed != w->is_signed)
        return err_make(CORRUPT, "the final record is that of an archive that is %ssigned",
                        f->is_signed ? "" : "not ");
    TRY(check_origin(w, f->archive_id, f->sealed));
    return w->archive_key ? envelope_check_final(f, w->archive_key) : NULL;
}

/* *complete: the final record is sound and says that it lies here. */
static struct err *walk_final(struct walker *w, const uint8_t *p, uint64_t *at, bool *complete)
{
    struct final_record f;
    struct err *e = check_final(w, &f, p);
    if (e) {
        TRY(damage_at(w, "final record", *at, e));
        *at += 1;
        return resynchronise(w, at);
    }
    *complete = true;
    const uint64_t n_chunks = f.n_data_chunks + f.n_index_chunks + f.n_manifest_chunks;
    TRY(report_missing(w,
                       w->next_sequence + (w->after_damage && n_chunks > w->next_sequence ? 1 : 0),
                       n_chunks, *at));
    if (f.at != *at || w->size - *at != FINAL_SIZE) {
        AUTO_FREE char *what = mem_printf("final record at offset %" PRIu64 " of %" PRIu64
                                          " bytes: offset %" PRIu64 " expected",
                                          *at, w->size, f.at);
        TRY(damage(w, what));
    }
    TRY(check_signature(w, &f, p, *at));
    *at = w->size;
    return NULL;
}

/* `own` is NULL when the archive's own block is damaged, and is not looked at when there is another one. Damage does not keep us
 * from walking what can be walked without the key. */
static struct err *open_envelope(struct walker *w, const uint8_t *header, const uint8_t *own)
{
    const struct archive_unlock *unlock = w->walk->unlock;
    uint8_t other[KEY_BLOCK_SIZE];
    bool beside = false;
    if (!unlock || !unlock->keys)
        return NULL;
    if (unlock->key_block)
        TRY(unlock->key_block(unlock->ctx, other, &beside));
    if (!beside && !own)
        return NULL;
    struct err *e = envelope_open(&w->archive_key, beside ? other : own, header, unlock->keys);
    return e && e->kind == ERR_CORRUPT ? damage_at(w, "key block", ARCHIVE_HEADER_SIZE, e) : e;
}

static struct err *walk_key_block(struct walker *w, const uint8_t *header, uint64_t *at)
{
    uint8_t own[KEY_BLOCK_SIZE];
    struct key_block b;
    bool whole;
    TRY(read_at(w, own, sizeof own, *at, &whole));
    struct err *e = whole ? key_block_get(&b, own)
                          : err_make(CORRUPT, "cut off: %d bytes expected, %" PRIu64 " found",
                                     KEY_BLOCK_SIZE, w->size - *at);
    const bool sound = !e;
    if (e)
        TRY(damage_at(w, "key block", *at, e));
    *at = whole ? *at + KEY_BLOCK_SIZE : w->size;
    return open_envelope(w, header, sound ? own : NULL);
}

static struct err *begin_proof(struct walker *w)
{
    const struct archive_unlock *unlock = w->walk->unlock;
    if (!unlock || !unlock->public_keys)
        return NULL;
    return w->is_signed ? sha256_sum_new(&w->digests) : signature_missing();
}

/* Damage of the header is no reason to stop: every chunk says which archive it belongs to. */
static struct err *walk_header(struct walker *w, uint64_t *at)
{
    uint8_t *bytes = w->header;
    struct archive_header h;
    bool whole;
    TRY(read_at(w, bytes, ARCHIVE_HEADER_SIZE, 0, &whole));
    struct err *e = whole ? archive_header_get(&h, bytes)
                          : err_make(CORRUPT, "cut off: %d bytes expected, %" PRIu64 " found",
                                     ARCHIVE_HEADER_SIZE, w->size);
    *at = whole ? ARCHIVE_HEADER_SIZE : w->size;
    if (e)
        return damage_at(w, "archive header", 0, e);
    w->id_is_known = w->seal_is_known = w->sign_is_known = true;
    w->archive_id = h.archive_id;
    w->sealed = h.sealed;
    w->is_signed = h.is_signed;
    TRY(begin_proof(w));
    return h.sealed ? walk_key_block(w, bytes, at) : NULL;
}

static struct err *walk_chunks(struct walker *w, uint64_t at, bool *complete)
{
    while (at < w->size) {
        uint8_t header[CHUNK_HEADER_SIZE];
        bool whole;
        TRY(read_at(w, header, sizeof header, at, &whole));
        if (!whole) {
            TRY(chunk_damage(w, w->next_sequence, at,
                             err_make(CORRUPT,
                                      "cut off: %d bytes of header expected, %" PRIu64 " found",
                                      CHUNK_HEADER_SIZE, w->size - at)));
            return NULL;
        }
        if (!memcmp(header, FINAL_MAGIC, MAGIC_SIZE))
            TRY(walk_final(w, header, &at, complete));
        else if (!memcmp(header, SIGNATURE_MAGIC, MAGIC_SIZE))
            TRY(walk_signature_block(w, header, &at));
        else
            TRY(walk_chunk(w, header, &at));
    }
    return NULL;
}

static struct err *walk_all(struct walker *w, bool *complete)
{
    uint64_t at;
    TRY(walk_header(w, &at));
    w->unpacker = unpacker_new(w->archive_key);
    return walk_chunks(w, at, complete);
}

struct err *archive_walk(struct source *source, const struct archive_walk *walk, bool *complete)
{
    struct walker w = {.walk = walk, .source = source, .size = source->size};
    *complete = false;
    source->in_order(source);
    w.body = mem_alloc_aligned(w.size < CHUNK_SIZE_MAX ? (size_t)w.size : CHUNK_SIZE_MAX);
    struct err *e = walk_all(&w, complete);
    if (walk->unopened)
        *walk->unopened = w.sealed && !w.archive_key;
    free(w.body);
    sha256_sum_free(w.digests);
    unpacker_free(w.unpacker);
    envelope_key_free(w.archive_key);
    return e;
}
