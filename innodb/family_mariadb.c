/* innodb/family_mariadb.c: MariaDB 10.8+ as a redo family; see redo_family.h. The stored log is a linear log: see
 * redo_mariadb.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/page_check.h"
#include "innodb/page_compress.h"
#include "innodb/keyring.h"
#include "innodb/redo_apply.h"
#include "innodb/redo_crypt.h"
#include "innodb/redo_family.h"

enum { WINDOW_BYTES = 8 << 20 };
_Static_assert(WINDOW_BYTES >= 2 * REDO_MTR_MAX,
               "a whole mini-transaction must fit behind a partial one");

/* --- the log ---------------------------------------------------------------------------------- */

static enum redo_kind kind(const struct redo_record *rec)
{
    if (rec->type >= REDO_FILE_CREATE)
        return REDO_KIND_FILE;
    if (rec->type == REDO_EXTENDED && rec->body_len && rec->body[0] == REDO_EXT_TRIM_PAGES)
        return REDO_KIND_TRIM;
    return REDO_KIND_PAGE;
}

static enum redo_effect effect(const struct redo_record *rec)
{
    return rec->type == REDO_FREE_PAGE   ? REDO_EFFECT_FREE
           : rec->type == REDO_INIT_PAGE ? REDO_EFFECT_INIT_ALWAYS
                                         : REDO_EFFECT_CHANGE;
}

/* One mini-transaction at the start of buf. */
static struct err *take_mtr(struct redo_walk *w, struct redo_cipher *cipher, const uint8_t *buf,
                            size_t len, lsn_t lsn, size_t *mtr_len)
{
    struct redo_mtr m;
    TRY(redo_mtr_open(&m, buf, len, lsn, cipher->form, mtr_len));
    w->n_mtrs++;
    if (w->unopened)
        return NULL;
    TRY(redo_mtr_decrypt(cipher, &m));
    for (bool more = true;;) {
        struct redo_record rec;
        TRY(redo_mtr_next(&m, &rec, &more));
        if (!more)
            return NULL;
        if (w->visitor)
            TRY(w->visitor->take(w->visitor->ctx, &rec, m.start, m.end));
    }
}

static struct err *check_header(const struct redo_log_header *h, lsn_t from)
{
    if (h->first_lsn != from)
        return err_make(CORRUPT, "starts at LSN %" PRIu64 ", the manifest says %" PRIu64,
                        h->first_lsn, from);
    return NULL;
}

/* The mini-transaction at the end of the checkpoint, if the log goes on so far. */
static struct err *check_against(struct redo_cipher *cipher, const struct redo_source *log,
                                 const struct redo_log_header *h)
{
    const uint64_t at = REDO_START_OFFSET + (h->checkpoint_end_lsn - h->first_lsn);
    if (!h->checkpoint_lsn || at >= log->size)
        return NULL;
    const size_t n = log->size - at < REDO_MTR_MAX ? (size_t)(log->size - at) : REDO_MTR_MAX;
    AUTO_FREE uint8_t *buf = mem_alloc(n);
    TRY(log->read_at(log->ctx, at, buf, n));
    return redo_cipher_check(cipher, h, buf, n);
}

static struct err *check_key(const struct redo_source *log, const struct keyring *keys)
{
    AUTO_FREE uint8_t *area = mem_alloc(REDO_START_OFFSET);
    const size_t len = log->size < REDO_START_OFFSET ? (size_t)log->size : REDO_START_OFFSET;
    struct redo_log_header h;
    struct redo_cipher cipher;
    TRY(log->read_at(log->ctx, 0, area, len));
    TRY(redo_log_header_parse(&h, area, len));
    struct err *e = redo_cipher_init(&cipher, &h, keys);
    if (!e && h.encrypted)
        e = check_against(&cipher, log, &h);
    redo_cipher_fini(&cipher);
    return e;
}

static struct err *walk_mtrs(struct redo_walk *w, struct redo_cipher *cipher,
                             const struct redo_source *log, uint8_t *buf)
{
    const lsn_t from = w->from, to = w->to;
    size_t have = 0, got;
    if (log->size < REDO_START_OFFSET || log->size - REDO_START_OFFSET != to - from)
        return err_make(CORRUPT,
                        "%" PRIu64 " bytes do not hold the redo from LSN %" PRIu64 " to %" PRIu64,
                        log->size, from, to);
    for (lsn_t lsn = from; lsn < to;) {
        TRY(log->read(log->ctx, buf + have, WINDOW_BYTES - have, &got));
        const bool last = have + got < WINDOW_BYTES;
        size_t at = 0;
        have += got;
        while (at < have && (last || have - at >= REDO_MTR_MAX)) {
            size_t mtr_len;
            TRY(take_mtr(w, cipher, buf + at, have - at, lsn, &mtr_len));
            at += mtr_len;
            lsn += mtr_len;
        }
        have -= at;
        memmove(buf, buf + at, have);
        if (last && lsn < to)
            return err_make(CORRUPT, "ends at LSN %" PRIu64 ", the manifest says %" PRIu64, lsn,
                            to);
    }
    return NULL;
}

static struct err *walk(const struct redo_source *log, struct redo_walk *w)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(WINDOW_BYTES);
    struct redo_log_header h;
    struct redo_cipher cipher;
    size_t got;
    w->n_mtrs = 0;
    w->unopened = false;
    TRY(log->read(log->ctx, buf, REDO_START_OFFSET, &got));
    TRY(redo_log_header_parse(&h, buf, got));
    TRY(check_header(&h, w->from));
    struct err *e = redo_cipher_init(&cipher, &h, w->keys);
    if (e && e->kind == ERR_REFUSED && !w->visitor && !w->keys) { /* nobody asked for records */
        err_free(e);
        e = NULL;
        w->unopened = true;
    }
    if (!e)
        e = walk_mtrs(w, &cipher, log, buf);
    redo_cipher_fini(&cipher);
    return e;
}

/* --- one page --------------------------------------------------------------------------------- */

struct state {
    struct redo_page page;
    uint8_t *image;
};

static void *state_new(uint32_t page_size)
{
    struct state *s = mem_zalloc(sizeof *s);
    s->image = mem_alloc_aligned(page_size);
    return s;
}

static void state_free(void *state)
{
    struct state *s = state;
    free(s->image);
    free(s);
}

static struct err *load(struct redo_image *im, const uint8_t *slot)
{
    struct state *s = im->state;
    const struct space_format *f = im->format;
    s->page = (struct redo_page){
        .image = s->image, .size = f->zip ? f->physical : f->page_size, .zip = f->zip};
    if (!slot) {
        memset(s->image, 0, s->page.size);
        return NULL;
    }
    if (page_is_compressed(f, slot))
        return page_decompress(f, slot, s->image);
    memcpy(s->image, slot, s->page.size);
    return NULL;
}

static const char *apply(struct redo_image *im, const struct redo_record *rec)
{
    struct state *s = im->state;
    if (!im->mtr_started)
        s->page.offset = 0;
    return redo_apply(&s->page, rec);
}

static struct err *store(struct redo_image *im, uint8_t *slot)
{
    struct state *s = im->state;
    redo_apply_end(&s->page, im->lsn);
    page_stamp(im->format, s->image);
    memcpy(slot, s->image, s->page.size);
    return NULL;
}

/* Counters are in pages, as everything else. */
static struct err *make_first_log(uint8_t **out, size_t *len, lsn_t *start,
                                  const struct redo_first_log *what)
{
    AUTO_FREE char *creator =
        mem_printf("%s %s", what->offline ? "MariaDB" : "Backup", what->server_version);
    *start = what->end;
    if (what->n_spaces) {
        redo_log_synthetic_make_named(out, len, what->end, creator, what->spaces, what->n_spaces);
        return NULL;
    }
    *out = mem_alloc(REDO_SYNTHETIC_SIZE);
    *len = REDO_SYNTHETIC_SIZE;
    redo_log_synthetic_make(*out, what->end, creator);
    return NULL;
}

const struct redo_family redo_family_mariadb = {
    .flavour = "mariadb",
    .names_in_redo = true,
    .full_crc32 = true,
    .instant_metadata = true,
    .lsn_min = REDO_START_OFFSET,
    .kind = kind,
    .effect = effect,
    .check_key = check_key,
    .walk = walk,
    .first_log = "ib_logfile0",
    .make_first_log = make_first_log,
    .server_program = "mariadbd",
    .parse_keys = keyring_parse_mariadb,
    .state_new = state_new,
    .state_free = state_free,
    .load = load,
    .apply = apply,
    .store = store,
};
