/* restore/overlay.c: see overlay.h. */
#include "restore/overlay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* One part, with a piece in hand when len is not 0. */
struct layer {
    struct archive_cursor *cursor;
    const char *path; /* of its entry, for messages */
    bool whole;
    uint64_t end; /* what it says of the file ends here, as far as this range goes */
    uint64_t at, len;
    const uint8_t *data; /* NULL: zeros */
};

struct overlay {
    struct layer *layers; /* newest first, as the parts */
    size_t n;
};

static struct err *open_layer(struct layer *l, const struct chain *chain, const struct file_part *p,
                              uint64_t from, uint64_t to)
{
    l->path = archive_reader_entry(chain->links[p->link].reader, p->entry)->path;
    l->whole = p->whole;
    l->end = p->size < to ? p->size : to;
    if (l->end < from)
        l->end = from;
    return archive_cursor_open(&l->cursor, chain->links[p->link].reader, p->entry, from,
                               l->end - from);
}

struct err *overlay_open(struct overlay **out, const struct chain *chain,
                         const struct file_parts *parts, uint64_t from, uint64_t to)
{
    AUTO(overlay) o = mem_zalloc(sizeof *o);
    o->n = parts ? parts->n : 0;
    o->layers = mem_zalloc(o->n * sizeof *o->layers);
    for (size_t i = 0; i < o->n; i++)
        TRY(open_layer(&o->layers[i], chain, &parts->items[i], from, to));
    *out = o;
    o = NULL;
    return NULL;
}

void overlay_free(struct overlay *o)
{
    if (!o)
        return;
    for (size_t i = 0; i < o->n; i++)
        archive_cursor_free(o->layers[i].cursor);
    free(o->layers);
    free(o);
}

/* --- pieces of one part --- */

static void consume(struct layer *l, uint64_t n)
{
    l->at += n;
    l->len -= n;
    if (l->data)
        l->data += n;
}

/* Where its next piece from `offset` on begins; UINT64_MAX: there is none. Reads nothing. */
static uint64_t next_at(struct layer *l, uint64_t offset)
{
    if (l->len && l->at < offset)
        consume(l, l->len < offset - l->at ? l->len : offset - l->at);
    return l->len ? l->at : archive_cursor_skip(l->cursor, offset);
}

static struct err *take_in_hand(struct layer *l)
{
    return l->len
               ? NULL
               : err_wrap(archive_cursor_next(l->cursor, &l->at, &l->data, &l->len), "%s", l->path);
}

/* Chunks that several threads need by turns are unpacked once. With one archive each thread has its own. */
static void let_go(struct overlay *o)
{
    for (size_t i = 0; i < o->n && o->n > 1; i++)
        if (!o->layers[i].len)
            archive_cursor_rest(o->layers[i].cursor);
}

struct err *overlay_whole(struct overlay *o, uint64_t at, size_t len, const uint8_t **data)
{
    *data = NULL;
    let_go(o);
    for (size_t i = 0; i < o->n; i++) {
        struct layer *l = &o->layers[i];
        const uint64_t next = next_at(l, at);
        if (next >= at + len && !l->whole && l->end >= at + len)
            continue; /* it has nothing to say here */
        if (next != at)
            return NULL;
        TRY(take_in_hand(l));
        assert(l->at == at);
        if (l->len < len || !l->data)
            return NULL;
        *data = l->data;
        consume(l, len);
        return NULL;
    }
    return NULL;
}

/* --- a window --- */

void overlay_mark(struct overlay_window *w, size_t from, size_t to, bool present)
{
    for (size_t g = from / OVERLAY_GRANULE; g * OVERLAY_GRANULE < to; g++)
        w->present[g] = present;
}

bool overlay_next_run(const struct overlay_window *w, size_t *from, size_t *to)
{
    const size_t n = (w->len + OVERLAY_GRANULE - 1) / OVERLAY_GRANULE;
    size_t g = (*from + OVERLAY_GRANULE - 1) / OVERLAY_GRANULE;
    while (g < n && !w->present[g])
        g++;
    *from = g * OVERLAY_GRANULE;
    while (g < n && w->present[g])
        g++;
    *to = g * OVERLAY_GRANULE < w->len ? g * OVERLAY_GRANULE : w->len;
    return *from < *to;
}

static size_t n_units(const struct overlay_window *w)
{
    return (w->len + w->unit - 1) / w->unit;
}

static bool is_open_to(const struct overlay_window *w, size_t unit, uint16_t part)
{
    return w->part[unit] == OVERLAY_NO_PART || w->part[unit] == part;
}

/* The first byte from `at` on in a unit that part may still give; the window's end when there is none. */
static uint64_t skip_closed(const struct overlay_window *w, uint64_t at, uint16_t part)
{
    size_t unit = (size_t)(at - w->at) / w->unit;
    if (is_open_to(w, unit, part))
        return at;
    while (unit < n_units(w) && !is_open_to(w, unit, part))
        unit++;
    return unit < n_units(w) ? w->at + unit * w->unit : w->at + w->len;
}

/* Zeros around what comes to lie at [from, to), in the granules that it is only a part of and that nothing was known of. */
static void clear_edges(struct overlay_window *w, size_t from, size_t to)
{
    const size_t edges[2] = {from, to - 1};
    for (int i = 0; i < 2; i++) {
        const size_t g = edges[i] / OVERLAY_GRANULE, at = g * OVERLAY_GRANULE;
        const size_t end = w->len - at < OVERLAY_GRANULE ? w->len : at + OVERLAY_GRANULE;
        if (!w->present[g] && (from > at || to < end))
            memset(w->buf + at, 0, end - at);
    }
}

/* Takes [from, to), offsets in the window, out of the piece in hand; all of its units are open to the part. */
static void copy(struct overlay_window *w, struct layer *l, size_t from, size_t to, uint16_t part)
{
    if (l->data) {
        clear_edges(w, from, to);
        memcpy(w->buf + from, l->data, to - from);
        overlay_mark(w, from, to, true);
    }
    for (size_t unit = from / w->unit; unit * w->unit < to; unit++)
        w->part[unit] = part;
    consume(l, to - from);
}

/* Leaves the piece in hand where it is, if the whole window is in it. */
static bool stays_under(struct overlay_window *w, struct layer *l, uint16_t part,
                        struct overlay_under *under)
{
    if (l->at != w->at || l->len < w->len || !l->data)
        return false;
    *under = (struct overlay_under){l->data, part};
    for (size_t unit = 0; unit < n_units(w); unit++) {
        if (!is_open_to(w, unit, part))
            continue;
        const size_t at = unit * w->unit;
        w->part[unit] = part;
        overlay_mark(w, at, w->len - at < w->unit ? w->len : at + w->unit, true);
    }
    consume(l, w->len);
    return true;
}

/* under: NULL to have all in the buffer. */
static struct err *fill_from(struct overlay_window *w, struct layer *l, uint16_t part,
                             struct overlay_under *under)
{
    const uint64_t end = w->at + w->len;
    uint64_t at = w->at;
    if (under && next_at(l, at) == at) {
        TRY(take_in_hand(l));
        if (stays_under(w, l, part, under))
            return NULL;
    }
    while (at < end && (at = next_at(l, at)) < end) {
        const uint64_t open = skip_closed(w, at, part);
        if (open > at) {
            at = open;
            continue;
        }
        TRY(take_in_hand(l));
        assert(l->len && l->at == at);
        const uint64_t piece_end = l->len < end - at ? at + l->len : end;
        size_t to = (size_t)(at - w->at) / w->unit + 1;
        while (to * w->unit < piece_end - w->at && is_open_to(w, to, part))
            to++;
        const uint64_t stop = w->at + to * w->unit < piece_end ? w->at + to * w->unit : piece_end;
        copy(w, l, (size_t)(at - w->at), (size_t)(stop - w->at), part);
        at = stop;
    }
    return NULL;
}

/* What this part says of the units that it does not store. Returns how many are still open. */
static size_t settle(struct overlay_window *w, const struct layer *l, uint16_t part)
{
    size_t n_open = 0;
    for (size_t unit = 0; unit < n_units(w); unit++) {
        if (w->part[unit] != OVERLAY_NO_PART)
            continue;
        if (l->whole || w->at + unit * w->unit >= l->end)
            w->part[unit] = part;
        else
            n_open++;
    }
    return n_open;
}

/* What nothing is present of. */
static void clear_absent(struct overlay_window *w)
{
    for (size_t at = 0; at < w->len; at += OVERLAY_GRANULE)
        if (!w->present[at / OVERLAY_GRANULE])
            memset(w->buf + at, 0, w->len - at < OVERLAY_GRANULE ? w->len - at : OVERLAY_GRANULE);
}

static struct err *fill(struct overlay *o, struct overlay_window *w, struct overlay_under *under)
{
    size_t n_open = n_units(w);
    memset(w->present, 0, sizeof w->present);
    for (size_t unit = 0; unit < n_open; unit++)
        w->part[unit] = OVERLAY_NO_PART;
    let_go(o);
    for (size_t i = 0; i < o->n && n_open; i++) {
        TRY(fill_from(w, &o->layers[i], (uint16_t)i, under && !under->data ? under : NULL));
        n_open = settle(w, &o->layers[i], (uint16_t)i);
    }
    clear_absent(w);
    return NULL;
}

struct err *overlay_fill(struct overlay *o, struct overlay_window *w)
{
    return fill(o, w, NULL);
}

struct err *overlay_fill_over(struct overlay *o, struct overlay_window *w,
                              struct overlay_under *under)
{
    assert(w->unit >= OVERLAY_GRANULE);
    *under = (struct overlay_under){.part = OVERLAY_NO_PART};
    return fill(o, w, under);
}
