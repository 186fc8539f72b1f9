/* restore/redo_scan.c: see redo_scan.h. */
#include "restore/redo_scan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/signals.h"
#include "innodb/space_map.h"

enum { WINDOW_BYTES = 8 << 20 };
_Static_assert(WINDOW_BYTES >= 2 * REDO_MTR_MAX,
               "a whole mini-transaction must fit behind a partial one");

/* The redo entry as a byte stream; gaps and runs read as zeros. */
struct redo_input {
    struct archive_cursor *cursor;
    uint64_t at, size;    /* next byte to hand out, entry size */
    uint64_t piece_at;    /* current piece */
    const uint8_t *piece; /* NULL: zeros */
    uint64_t piece_len;
};

static struct err *input_read(struct redo_input *in, uint8_t *buf, size_t n, size_t *got)
{
    *got = 0;
    while (*got < n && in->at < in->size) {
        if (in->piece_len == 0 || in->at >= in->piece_at + in->piece_len) {
            TRY(archive_cursor_next(in->cursor, &in->piece_at, &in->piece, &in->piece_len));
            if (in->piece_len == 0) { /* only zeros are left */
                in->piece_at = in->size;
                in->piece_len = 1;
            }
        }
        const bool gap = in->at < in->piece_at;
        const uint64_t until = gap ? in->piece_at : in->piece_at + in->piece_len;
        size_t take = n - *got;
        if (take > until - in->at)
            take = (size_t)(until - in->at);
        if (take > in->size - in->at)
            take = (size_t)(in->size - in->at);
        if (gap || !in->piece)
            memset(buf + *got, 0, take);
        else
            memcpy(buf + *got, in->piece + (in->at - in->piece_at), take);
        *got += take;
        in->at += take;
    }
    return NULL;
}

static void note_trim(struct redo_scan *s, const struct redo_record *rec, lsn_t lsn)
{
    struct redo_trim *t = NULL;
    for (size_t i = 0; i < s->n_trims && !t; i++)
        if (s->trims[i].space == rec->space)
            t = &s->trims[i];
    if (!t) {
        mem_grow(&s->trims, &s->cap_trims, s->n_trims, sizeof *s->trims);
        t = &s->trims[s->n_trims++];
    }
    *t = (struct redo_trim){rec->space, rec->space ? 0 : rec->page, lsn};
}

static struct err *take_record(struct redo_scan *s, const struct redo_record *rec,
                               const struct redo_mtr *m)
{
    if (rec->type >= REDO_FILE_CREATE)
        return file_ops_add(&s->files, rec, m->start);
    if (rec->type == REDO_EXTENDED && rec->body_len && rec->body[0] == REDO_EXT_TRIM_PAGES) {
        note_trim(s, rec, m->start);
        return NULL;
    }
    return redo_group_add(s->group, rec, m->start, m->end);
}

/* One mini-transaction at the start of buf. */
static struct err *take_mtr(struct redo_scan *s, const uint8_t *buf, size_t len, lsn_t lsn,
                            size_t *mtr_len)
{
    struct redo_mtr m;
    TRY(redo_mtr_open(&m, buf, len, lsn, mtr_len));
    s->n_mtrs++;
    for (bool more = true;;) {
        struct redo_record rec;
        TRY(redo_mtr_next(&m, &rec, &more));
        if (!more)
            return NULL;
        TRY(take_record(s, &rec, &m));
    }
}

static struct err *check_header(const uint8_t *area, size_t len, const struct backup_facts *facts)
{
    struct redo_log_header h;
    TRY(redo_log_header_parse(&h, area, len));
    if (h.encrypted)
        return err_make(REFUSED, "the redo log is encrypted, which mbe cannot recover yet");
    if (h.first_lsn != facts->from)
        return err_make(CORRUPT, "starts at LSN %" PRIu64 ", the manifest says %" PRIu64,
                        h.first_lsn, facts->from);
    return NULL;
}

static struct err *scan(struct redo_scan *s, struct redo_input *in,
                        const struct backup_facts *facts, struct progress *progress)
{
    AUTO_FREE uint8_t *buf = mem_alloc_aligned(WINDOW_BYTES);
    size_t have, got;
    TRY(input_read(in, buf, REDO_START_OFFSET, &got));
    TRY(check_header(buf, got, facts));
    lsn_t lsn = facts->from;
    for (have = 0; lsn < facts->to;) {
        TRY(signals_check());
        TRY(input_read(in, buf + have, WINDOW_BYTES - have, &got));
        have += got;
        progress_add(progress, got);
        const bool last = in->at == in->size;
        size_t at = 0;
        while (lsn < facts->to && at < have && (last || have - at >= REDO_MTR_MAX)) {
            size_t mtr_len;
            TRY(take_mtr(s, buf + at, have - at, lsn, &mtr_len));
            at += mtr_len;
            lsn += mtr_len;
        }
        have -= at;
        memmove(buf, buf + at, have);
        if (last && have == 0)
            break;
    }
    if (lsn != facts->to || have || in->at != in->size)
        return err_make(CORRUPT, "ends at LSN %" PRIu64 ", the manifest says %" PRIu64, lsn,
                        facts->to);
    return NULL;
}

struct err *redo_scan_run(struct redo_scan *out, struct archive_reader *reader,
                          const struct backup_facts *facts, const struct redo_scan_options *options)
{
    *out = (struct redo_scan){0};
    const int64_t entry = archive_reader_find(reader, REDO_PATH);
    if (entry < 0)
        return err_make(CORRUPT, "%s is missing in the archive", REDO_PATH);
    struct redo_input in = {.size = archive_reader_entry(reader, (uint32_t)entry)->size};
    AUTO(archive_cursor) cursor = NULL;
    TRY(archive_cursor_open(&cursor, reader, (uint32_t)entry, 0, in.size));
    in.cursor = cursor;
    TRY(redo_group_new(&out->group, options->memory, options->spill_dir));
    struct err *e = scan(out, &in, facts, options->progress);
    if (!e)
        e = redo_group_seal(out->group);
    if (e)
        redo_scan_fini(out);
    return err_wrap(e, "redo of the backup");
}

const struct redo_trim *redo_scan_trim(const struct redo_scan *s, space_id_t space)
{
    for (size_t i = 0; i < s->n_trims; i++)
        if (s->trims[i].space == space)
            return &s->trims[i];
    return NULL;
}

void redo_scan_fini(struct redo_scan *s)
{
    redo_group_free(s->group);
    file_ops_fini(&s->files);
    free(s->trims);
    *s = (struct redo_scan){0};
}
