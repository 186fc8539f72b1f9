/* restore/page_range.c: see page_range.h. */
#include "restore/page_range.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/signals.h"
#include "restore/page_recover.h"

struct window {
    const struct page_range_env *env;
    const struct page_range *range;
    struct page_file file;
    struct overlay_window pages;
    uint64_t n_recovered;
};

static page_no_t page_at(const struct page_range *r, uint64_t offset)
{
    const uint32_t size = r->format->physical;                /* never 0: space_format_decode */
    return r->space->first_page + (page_no_t)(offset / size); /* NOLINT(*-core.DivideZero) */
}

/* --- where a page's image is from --- */

/* The archive that says what this page is, which for a page that none holds is the newest one. */
static size_t link_of(const struct page_range_env *env, const struct space_plan *space,
                      uint16_t part)
{
    if (part == OVERLAY_NO_PART || !space->parts)
        return env->chain->n - 1;
    return space->parts->items[part].link;
}

static lsn_t void_below(const struct page_range_env *env, const struct space_plan *space,
                        uint16_t part)
{
    return env->chain->links[link_of(env, space, part)].manifest.from;
}

static bool takes_redo(const struct page_range_env *env, const struct space_plan *space,
                       uint16_t part)
{
    return link_of(env, space, part) < env->redo_links;
}

/* --- one window --- */

/* A truncated tablespace: pages from before that are void. */
static void drop_trimmed(struct window *w)
{
    const uint32_t size = w->range->format->physical;
    for (size_t i = 0; w->range->space->trim_lsn && i + size <= w->pages.len; i += size) {
        const page_no_t no = page_at(w->range, w->pages.at + i);
        if (!page_is_trimmed(w->range->space, no, w->pages.buf + i))
            continue;
        memset(w->pages.buf + i, 0, size);
        overlay_mark(&w->pages, i, i + size, false);
    }
}

static struct err *skip_page(struct bundle_stream *bundles, page_no_t no)
{
    while (bundles->more && bundles->bundle.page == no)
        TRY(bundle_stream_next(bundles));
    return NULL;
}

static struct err *apply_redo(struct window *w, struct bundle_stream *bundles)
{
    const struct page_range *r = w->range;
    const uint32_t size = r->format->physical;
    const page_no_t first = page_at(r, w->pages.at), end = page_at(r, w->pages.at + w->pages.len);
    while (bundles->more && bundles->bundle.page < end) {
        const page_no_t no = bundles->bundle.page;
        const uint16_t part = w->pages.part[no - first];
        const size_t at = (size_t)(no - first) * size;
        bool changed;
        if (!takes_redo(w->env, r->space, part)) {
            TRY(skip_page(bundles, no));
            continue;
        }
        if (!w->file.key)
            TRY(r->key(r->ctx, &w->file.key));
        struct err *e = page_recover(&w->file, no, w->pages.buf + at,
                                     void_below(w->env, r->space, part), bundles, &changed);
        if (e && e->kind == ERR_CORRUPT && r->lost) {
            TRY(r->lost(r->ctx, no, e));
            TRY(skip_page(bundles, no));
            continue;
        }
        TRY(e);
        if (!changed)
            continue;
        overlay_mark(&w->pages, at, at + size, true);
        w->n_recovered++;
    }
    return NULL;
}

/* The end of the run of units from `at` on that lie where the first one does. */
static size_t run_end(const struct overlay_window *w, size_t at, size_t to, uint16_t under)
{
    const bool is_under = w->part[at / w->unit] == under;
    while (at < to && (w->part[at / w->unit] == under) == is_under)
        at = (at / w->unit + 1) * w->unit;
    return at < to ? at : to;
}

/* Gives out [from, to), all of it present: one piece, but for what was left lying in an archive's buffer. */
static struct err *give_run(const struct window *w, size_t from, size_t to,
                            const struct overlay_under *under)
{
    const struct page_range *r = w->range;
    if (!under->data)
        return r->put(r->ctx, w->pages.buf + from, to - from, w->pages.at + from);
    for (size_t end; from < to; from = end) {
        const bool is_under = w->pages.part[from / w->pages.unit] == under->part;
        end = run_end(&w->pages, from, to, under->part);
        TRY(r->put(r->ctx, (is_under ? under->data : w->pages.buf) + from, end - from,
                   w->pages.at + from));
    }
    return NULL;
}

/* Gives out what is present. */
static struct err *give_out(const struct window *w, const struct overlay_under *under)
{
    const struct page_range *r = w->range;
    if (r->whole_windows)
        return r->put(r->ctx, w->pages.buf, w->pages.len, w->pages.at);
    for (size_t from = 0, to; overlay_next_run(&w->pages, &from, &to); from = to)
        TRY(give_run(w, from, to, under));
    return NULL;
}

/* What no redo touches is given out as it lies in the archive's buffer: all of the window if it is one stored piece, or what newer
 * archives have left of such a piece. */
static struct err *one_window(struct window *w, struct overlay *overlay,
                              struct bundle_stream *bundles)
{
    const struct page_range *r = w->range;
    const uint64_t end = w->pages.at + w->pages.len;
    const bool as_stored =
        !r->space->trim_lsn && !(bundles->more && bundles->bundle.page < page_at(r, end));
    struct overlay_under under = {NULL, OVERLAY_NO_PART};
    const uint8_t *data = NULL;
    if (as_stored)
        TRY(overlay_whole(overlay, w->pages.at, w->pages.len, &data));
    if (data)
        return r->put(r->ctx, data, w->pages.len, w->pages.at);
    if (as_stored && r->in_pieces && w->pages.unit >= OVERLAY_GRANULE) {
        TRY(overlay_fill_over(overlay, &w->pages, &under));
        return give_out(w, &under);
    }
    TRY(overlay_fill(overlay, &w->pages));
    drop_trimmed(w);
    TRY(apply_redo(w, bundles));
    return give_out(w, &under);
}

static struct err *all_windows(struct window *w, struct overlay *overlay)
{
    const struct page_range *r = w->range;
    struct bundle_stream bundles;
    struct err *e = bundle_stream_open(&bundles, w->env->group, r->space->id, page_at(r, r->from),
                                       page_at(r, r->to));
    for (uint64_t at = r->from; at < r->to && !e; at += OVERLAY_WINDOW) {
        w->pages.at = at;
        w->pages.len = r->to - at < OVERLAY_WINDOW ? (size_t)(r->to - at) : OVERLAY_WINDOW;
        e = signals_check();
        if (!e)
            e = one_window(w, overlay, &bundles);
        progress_add(w->env->progress, w->pages.len);
    }
    bundle_stream_fini(&bundles);
    return e;
}

struct err *page_range_run(uint64_t *n_recovered, const struct page_range_env *env,
                           const struct page_range *range)
{
    AUTO_FREE uint8_t *own = range->window ? NULL : mem_alloc_aligned(PAGE_RANGE_WINDOW);
    AUTO(redo_image) image = redo_image_new(env->family, env->page_size);
    AUTO(overlay) overlay = NULL;
    struct window w = {
        .env = env,
        .range = range,
        .file = {.space = range->space, .format = range->format, .image = image},
        .pages = {.buf = own ? own : range->window, .unit = range->format->physical}};
    TRY(overlay_open(&overlay, env->chain, range->space->parts, range->from, range->to));
    TRY(all_windows(&w, overlay));
    *n_recovered = w.n_recovered;
    return NULL;
}

/* --- page 0 --- */

static struct err *stored_page_0(struct overlay_window *w, const struct page_range_env *env,
                                 const struct space_plan *space)
{
    AUTO(overlay) overlay = NULL;
    w->part[0] = OVERLAY_NO_PART;
    if (space->base_size < w->len)
        return NULL;
    TRY(overlay_open(&overlay, env->chain, space->parts, 0, w->len));
    return overlay_fill(overlay, w);
}

struct err *page_range_page_0(uint8_t *slot, const struct page_range_env *env,
                              const struct space_plan *space)
{
    struct space_format format = {.page_size = env->page_size,
                                  .physical = env->page_size,
                                  .full_crc32 = env->family->full_crc32};
    AUTO(redo_image) image = redo_image_new(env->family, env->page_size);
    const struct page_file file = {.space = space, .format = &format, .image = image};
    memset(slot, 0, env->page_size);
    if (space->parts)
        TRY_AT(space_format_decode(&format, space->base_flags, env->page_size), "%s", space->name);
    struct overlay_window w = {.buf = slot, .len = format.physical, .unit = format.physical};
    TRY(stored_page_0(&w, env, space));
    if (!takes_redo(env, space, w.part[0]))
        return NULL;
    struct bundle_stream bundles;
    struct err *e = bundle_stream_open(&bundles, env->group, space->id, 0, 1);
    bool changed;
    if (!e && bundles.more)
        e = page_recover(&file, 0, slot, void_below(env, space, w.part[0]), &bundles, &changed);
    bundle_stream_fini(&bundles);
    return e;
}
