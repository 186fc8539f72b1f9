/* innodb/family_mysql.c: MySQL 8.0.30 to 9.x as a redo family; see redo_family.h. The stored log is one redo file of the server's
 * own form: header, with the checkpoint the backup starts at, and the blocks from that of the checkpoint to the one that ends
 * at the backup's end LSN. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "innodb/apply_mysql.h"
#include "innodb/fil_page.h"
#include "innodb/page_check.h"
#include "innodb/page_compress.h"
#include "innodb/keyring.h"
#include "innodb/redo_counters.h"
#include "innodb/redo_crypt.h"
#include "innodb/redo_family.h"
#include "innodb/redo_mysql.h"

enum {
    READ_BYTES = 1 << 20,
    LSN_MIN = 16 * MYSQL_REDO_BLOCK_SIZE, /* of a new server's first block */
};

/* --- the log ---------------------------------------------------------------------------------- */

static enum redo_kind kind(const struct redo_record *rec)
{
    switch (redo_mysql_kind(rec->type)) {
    case MYSQL_KIND_PAGE:
        return REDO_KIND_PAGE;
    case MYSQL_KIND_META:
        return REDO_KIND_COUNTER;
    case MYSQL_KIND_FILE:
    case MYSQL_KIND_LOAD: /* the backup copied that tablespace again */
    case MYSQL_KIND_NONE:
    case MYSQL_KIND_UNKNOWN:
        break;
    }
    return REDO_KIND_NONE;
}

static enum redo_effect effect(const struct redo_record *rec)
{
    switch (rec->type) {
    case MYSQL_REDO_INIT_FILE_PAGE:
        return REDO_EFFECT_INIT_ALWAYS;
    case MYSQL_REDO_INIT_FILE_PAGE2:
    case MYSQL_REDO_ZIP_PAGE_COMPRESS:
        return REDO_EFFECT_INIT;
    default:
        return REDO_EFFECT_CHANGE;
    }
}

struct walk {
    struct redo_walk *asked;
    struct redo_mysql_stream *stream;
    struct space_key key;
    lsn_t block; /* the next one */
    lsn_t end;   /* where the data of the last one ended */
};

static struct err *take_mtrs(struct walk *w)
{
    for (;;) {
        struct redo_mysql_mtr m;
        struct redo_record rec;
        bool more;
        TRY(redo_mysql_stream_next(w->stream, &m, &more));
        if (!more)
            return NULL;
        if (m.end > w->asked->to)
            return err_make(CORRUPT,
                            "goes on to LSN %" PRIu64 ", behind the end of the backup at %" PRIu64,
                            m.end, w->asked->to);
        w->asked->n_mtrs++;
        const struct redo_visitor *v = w->asked->visitor;
        while (v && redo_mysql_mtr_next(&m, &rec))
            TRY(v->take(v->ctx, &rec, m.start, m.end));
    }
}

/* What is to be said of an encrypted block that nobody can open. */
static struct err *pass_over(struct walk *w)
{
    if (w->asked->visitor)
        return err_make(REFUSED, "the redo log is encrypted, and its key is not given");
    w->asked->unopened = true;
    return NULL;
}

static struct err *take_block(struct walk *w, const uint8_t *block)
{
    uint8_t room[MYSQL_REDO_BLOCK_SIZE];
    struct redo_block b;
    TRY(redo_block_open(&b, &w->key, block, w->block, room));
    if (b.state == MYSQL_BLOCK_ENCRYPTED)
        TRY(pass_over(w));
    else if (b.state != MYSQL_BLOCK_WHOLE)
        return err_make(CORRUPT, "the block at LSN %" PRIu64 " is not whole", w->block);
    if (w->end % MYSQL_REDO_BLOCK_SIZE)
        return err_make(CORRUPT, "goes on behind its last block, at LSN %" PRIu64, w->block);
    w->end = w->block + b.data_len;
    w->block += MYSQL_REDO_BLOCK_SIZE;
    if (w->asked->unopened)
        return NULL;
    TRY(redo_mysql_stream_push(w->stream, b.clear));
    return take_mtrs(w);
}

static struct err *parse_header(struct redo_mysql_header *h, const struct redo_source *log,
                                const uint8_t *area, size_t len)
{
    if (len < MYSQL_REDO_HEADER_SIZE)
        return err_make(CORRUPT, "%zu bytes do not hold a header", len);
    return redo_mysql_header_parse(h, area, log->size);
}

static struct err *check_key(const struct redo_source *log, const struct keyring *keys)
{
    uint8_t area[MYSQL_REDO_HEADER_SIZE];
    const size_t len = log->size < sizeof area ? (size_t)log->size : sizeof area;
    struct redo_mysql_header h;
    struct space_key key;
    TRY(log->read_at(log->ctx, 0, area, len));
    TRY(parse_header(&h, log, area, len));
    struct err *e = redo_key_mysql(&key, &h, keys);
    space_key_wipe(&key);
    return e;
}

static struct err *read_header(const struct redo_source *log, lsn_t from, uint8_t *buf,
                               struct redo_mysql_header *h)
{
    size_t got;
    TRY(log->read(log->ctx, buf, MYSQL_REDO_HEADER_SIZE, &got));
    TRY(parse_header(h, log, buf, got));
    if (h->checkpoint_lsn != from || h->start_lsn != redo_mysql_block_lsn(from))
        return err_make(CORRUPT,
                        "starts at LSN %" PRIu64 " with a checkpoint at %" PRIu64
                        ", the manifest says %" PRIu64,
                        h->start_lsn, h->checkpoint_lsn, from);
    return NULL;
}

static struct err *walk_blocks(struct walk *w, const struct redo_source *log, uint8_t *buf)
{
    for (size_t got = READ_BYTES; got == READ_BYTES;) {
        TRY(log->read(log->ctx, buf, READ_BYTES, &got));
        for (size_t at = 0; at + MYSQL_REDO_BLOCK_SIZE <= got; at += MYSQL_REDO_BLOCK_SIZE)
            TRY(take_block(w, buf + at));
    }
    return NULL;
}

static struct err *check_end(const struct walk *w)
{
    const struct redo_walk *asked = w->asked;
    const lsn_t parsed = redo_mysql_stream_parsed(w->stream);
    const lsn_t end = asked->unopened ? w->end : parsed;
    const bool whole = asked->unopened || !redo_mysql_stream_pending(w->stream);
    const bool empty = !asked->unopened && !asked->n_mtrs && asked->to == asked->from;
    if (whole && (end == asked->to || empty))
        return NULL;
    return err_make(CORRUPT, "ends at LSN %" PRIu64 ", the manifest says %" PRIu64, end, asked->to);
}

static struct err *walk_log(struct walk *w, const struct redo_source *log, uint8_t *buf)
{
    struct redo_mysql_header h;
    TRY(read_header(log, w->asked->from, buf, &h));
    if (w->asked->visitor || w->asked->keys)
        TRY(redo_key_mysql(&w->key, &h, w->asked->keys));
    w->block = w->end = h.start_lsn;
    w->stream = redo_mysql_stream_new(h.start_lsn, w->asked->from);
    TRY(walk_blocks(w, log, buf));
    return check_end(w);
}

static struct err *walk(const struct redo_source *log, struct redo_walk *asked)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(READ_BYTES);
    struct walk w = {.asked = asked};
    asked->n_mtrs = 0;
    asked->unopened = false;
    struct err *e = walk_log(&w, log, buf);
    redo_mysql_stream_free(w.stream);
    space_key_wipe(&w.key);
    return e;
}

/* --- one page --------------------------------------------------------------------------------- */

struct state {
    struct mysql_page page;
    uint8_t *logical, *physical, *scratch; /* page_size bytes each */
    struct page_zip_layout layout;
};

static void *state_new(uint32_t page_size)
{
    struct state *s = mem_zalloc(sizeof *s);
    s->logical = mem_alloc_aligned(page_size);
    s->physical = mem_alloc_aligned(page_size);
    s->scratch = mem_alloc_aligned(page_size);
    return s;
}

static void state_free(void *state)
{
    struct state *s = state;
    free(s->logical);
    free(s->physical);
    free(s->scratch);
    free(s);
}

static struct err *load(struct redo_image *im, const uint8_t *slot)
{
    struct state *s = im->state;
    struct mysql_page *page = &s->page;
    const struct space_format *f = im->format;
    *page = (struct mysql_page){.frame = s->logical,
                                .page_size = f->page_size,
                                .scratch = s->scratch,
                                .zip = f->zip ? s->physical : NULL,
                                .zip_size = f->zip ? f->physical : 0,
                                .layout = &s->layout};
    uint8_t *image = redo_mysql_image(page);
    if (!slot) {
        memset(image, 0, f->physical);
        return NULL;
    }
    if (page_is_compressed(f, slot))
        return page_decompress(f, slot, image);
    memcpy(image, slot, f->physical);
    return NULL;
}

static const char *apply(struct redo_image *im, const struct redo_record *rec)
{
    return redo_mysql_apply(&((struct state *)im->state)->page, rec);
}

static struct err *store(struct redo_image *im, uint8_t *slot)
{
    struct mysql_page *page = &((struct state *)im->state)->page;
    redo_mysql_apply_end(page, im->lsn);
    const char *why = redo_mysql_apply_finish(page);
    if (why)
        return err_make(CORRUPT, "cannot be packed: %s", why);
    page_stamp(im->format, redo_mysql_image(page));
    memcpy(slot, redo_mysql_image(page), im->format->physical);
    return NULL;
}

/* --- the log of the restored server ----------------------------------------------------------- */

static struct err *make_first_log(uint8_t **out, size_t *len, lsn_t *start,
                                  const struct redo_first_log *what)
{
    struct redo_mysql_synthetic log;
    AUTO_FREE char *creator = mem_printf("MySQL %.20s", what->server_version);
    redo_mysql_synthetic_make(&log, (uint32_t)what->end, what->end, creator, what->counters->items,
                              what->counters->n);
    *out = log.bytes;
    *len = log.size;
    *start = log.checkpoint_lsn;
    return NULL;
}

static struct err *parse_keys(struct keyring **out, const void *file, size_t len, const void *pass,
                              size_t pass_len)
{
    (void)pass_len;
    if (pass)
        return err_make(USAGE, "MySQL's keyring file has no pass phrase");
    return keyring_parse_mysql(out, file, len);
}

const struct redo_family redo_family_mysql = {
    .flavour = "mysql",
    .lsn_min = LSN_MIN,
    .kind = kind,
    .effect = effect,
    .check_key = check_key,
    .walk = walk,
    .first_log = "#innodb_redo/#ib_redo0",
    .make_first_log = make_first_log,
    .flush_lsn = true,
    .server_program = "mysqld",
    .parse_keys = parse_keys,
    .told_directories = true,
    .state_new = state_new,
    .state_free = state_free,
    .load = load,
    .apply = apply,
    .store = store,
};
