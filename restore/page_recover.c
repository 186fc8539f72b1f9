/* restore/page_recover.c: see page_recover.h. */
#include "restore/page_recover.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "innodb/fil_page.h"

struct err *bundle_stream_open(struct bundle_stream *s, const struct redo_group *group,
                               space_id_t space, page_no_t page_from, page_no_t page_to)
{
    *s = (struct bundle_stream){.more = true};
    TRY(redo_group_cursor_open(&s->cursor, group, space, page_from, page_to));
    return bundle_stream_next(s);
}

struct err *bundle_stream_next(struct bundle_stream *s)
{
    return redo_group_cursor_next(s->cursor, &s->bundle, &s->more);
}

void bundle_stream_fini(struct bundle_stream *s)
{
    redo_group_cursor_free(s->cursor);
    *s = (struct bundle_stream){0};
}

bool page_is_trimmed(const struct space_plan *space, page_no_t no, const uint8_t *slot)
{
    return space->trim_lsn && no >= space->trim_page && be64(slot + FIL_LSN) <= space->trim_lsn;
}

enum state {
    ABSENT, /* no image, no INIT_PAGE yet */
    LIVE,
    FREED,
    POISONED,
};

struct recovery {
    const struct space_plan *space;
    struct redo_image *image;
    page_no_t no;
    enum state state;
    bool applied;    /* a change was made to the image */
    lsn_t mtr_start; /* of the mtr whose decision stands */
    bool skip;       /* that mtr is in the image already */
    lsn_t poisoned_at;
    const char *poisoned_why;
};

static void apply_record(struct recovery *r, const struct redo_record *rec,
                         const struct redo_bundle *b)
{
    const enum redo_effect effect = r->image->family->effect(rec);
    if (effect == REDO_EFFECT_FREE) {
        r->state = FREED;
        return;
    }
    if (effect == REDO_EFFECT_INIT_ALWAYS)
        r->skip = false;
    if (r->skip)
        return;
    if (effect != REDO_EFFECT_CHANGE)
        r->state = LIVE;
    if (r->state == FREED || r->state == POISONED)
        return;
    const char *why =
        r->state == ABSENT ? "the page was never initialised" : redo_image_apply(r->image, rec);
    if (why) {
        r->state = POISONED;
        r->poisoned_at = b->mtr_start;
        r->poisoned_why = why;
        return;
    }
    r->applied = true;
}

static void apply_bundle(struct recovery *r, const struct redo_bundle *b)
{
    struct redo_record rec;
    if (b->mtr_start < r->space->void_below ||
        (r->space->trim_lsn && r->no >= r->space->trim_page && b->mtr_start < r->space->trim_lsn))
        return;
    if (b->mtr_start !=
        r->mtr_start) { /* decided once per mtr: a later part of it must not be taken for old */
        r->mtr_start = b->mtr_start;
        r->skip = r->state == LIVE && r->image->lsn > b->mtr_start;
        redo_image_begin_mtr(r->image);
    }
    for (size_t at = 0; redo_bundle_next(b, &at, &rec);)
        apply_record(r, &rec, b);
    if (!r->skip && r->state == LIVE && r->applied)
        redo_image_end_mtr(r->image, b->mtr_end);
}

struct err *page_recover(const struct space_plan *space, const struct space_format *format,
                         page_no_t no, uint8_t *slot, struct redo_image *image,
                         const struct space_key *key, struct bundle_stream *stream, bool *changed)
{
    struct recovery r = {.space = space, .image = image, .no = no, .mtr_start = UINT64_MAX};
    const bool absent = bytes_are_zero(slot, format->physical) || page_is_trimmed(space, no, slot);
    TRY_AT(redo_image_load(image, format, key, space->id, no, absent ? NULL : slot),
           "%s: page %" PRIu32, space->name, no);
    r.state = absent ? ABSENT : LIVE;
    while (stream->more && stream->bundle.page == no) {
        apply_bundle(&r, &stream->bundle);
        TRY(bundle_stream_next(stream));
    }
    if (r.state == POISONED)
        return err_make(CORRUPT,
                        "%s: page %" PRIu32 ": redo of the mini-transaction at LSN %" PRIu64
                        " does not fit: %s",
                        space->name, no, r.poisoned_at, r.poisoned_why);
    *changed = r.state == LIVE && r.applied;
    if (*changed)
        TRY_AT(redo_image_store(image, slot), "%s: page %" PRIu32, space->name, no);
    return NULL;
}
