/* verify/chain_files.c: see chain_files.h. One archive after the other, newest first, so that a list of the tablespaces of one
 * archive at a time is enough. */
#include "verify/chain_files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/map64.h"
#include "base/mem.h"

static uint64_t space_key(const struct archive_attr *a)
{
    return (uint64_t)a->space_id << 32 | a->first_page;
}

static void list_spaces(struct map64 *out, const struct archive_reader *reader)
{
    for (uint32_t i = 0; i < archive_reader_n_entries(reader); i++) {
        const struct archive_attr *a = archive_reader_entry(reader, i);
        if (archive_is_space(a->kind))
            map64_put(out, space_key(a), i);
    }
}

/* Whether an entry of kind `base` can be what one of kind `delta` changes. */
static bool goes_with(enum archive_kind delta, enum archive_kind base)
{
    return archive_is_space(delta) == archive_is_space(base) &&
           archive_is_external(delta) == archive_is_external(base) &&
           (archive_is_delta(base) || base == ARCHIVE_SPACE || base == ARCHIVE_PLAIN ||
            base == ARCHIVE_EXTERNAL);
}

static struct err *find_base(uint32_t *entry, const struct archive_attr *delta,
                             const struct chain_link *base, const struct map64 *spaces)
{
    uint64_t at = 0;
    int64_t found = -1;
    if (!archive_is_space(delta->kind))
        found = archive_reader_find(base->reader, delta->path);
    else if (map64_get(spaces, space_key(delta), &at))
        found = (int64_t)at;
    if (found < 0 ||
        !goes_with(delta->kind, archive_reader_entry(base->reader, (uint32_t)found)->kind))
        return err_make(CORRUPT,
                        "%s: holds only changes, but backup %s has nothing that they change",
                        delta->path, base->id);
    *entry = (uint32_t)found;
    return NULL;
}

/* Exactly as long as it must be: there may be very many files, and hardly one has more than two parts. */
static void add_part(struct file_parts *parts, const struct chain *chain, uint32_t link,
                     uint32_t entry)
{
    const struct archive_reader *reader = chain->links[link].reader;
    const struct archive_attr *a = archive_reader_entry(reader, entry);
    const uint64_t limit = parts->n ? parts->items[parts->n - 1].size : UINT64_MAX;
    const bool whole = !archive_is_delta(a->kind);
    if (!whole && a->size >= limit && !archive_reader_has_content(reader, entry))
        return;
    parts->items = mem_realloc(parts->items, (parts->n + 1) * sizeof *parts->items);
    parts->items[parts->n++] = (struct file_part){
        .link = link, .entry = entry, .whole = whole, .size = a->size < limit ? a->size : limit};
}

/* Goes on with every file that has only changes so far. reached: its entry in the archive before, which becomes the one in
 * this. */
static struct err *add_link(struct chain_files *f, const struct chain *chain, uint32_t link,
                            uint32_t *reached)
{
    const struct chain_link *newer = &chain->links[link + 1], *base = &chain->links[link];
    struct map64 spaces = {0};
    struct err *e = NULL;
    list_spaces(&spaces, base->reader);
    for (uint32_t i = 0; i < f->n && !e; i++) {
        const struct archive_attr *a = archive_reader_entry(newer->reader, reached[i]);
        if (f->of[i].items[f->of[i].n - 1].whole)
            continue;
        e = find_base(&reached[i], a, base, &spaces);
        if (!e)
            add_part(&f->of[i], chain, link, reached[i]);
        e = err_wrap(e, "%s", archive_reader_name(newer->reader));
    }
    map64_fini(&spaces);
    return e;
}

static struct err *add_links(struct chain_files *f, const struct chain *chain)
{
    const struct chain_link *last = chain_last(chain);
    AUTO_FREE uint32_t *reached = mem_alloc(f->n * sizeof *reached);
    for (uint32_t i = 0; i < f->n; i++) {
        reached[i] = i;
        add_part(&f->of[i], chain, (uint32_t)chain->n - 1, i);
    }
    for (uint32_t link = (uint32_t)chain->n - 1; link-- > 0;)
        TRY(add_link(f, chain, link, reached));
    for (uint32_t i = 0; i < f->n; i++)
        if (!f->of[i].items[f->of[i].n - 1].whole)
            return err_make(CORRUPT, "%s: %s: only changes of it are stored, down to a full backup",
                            archive_reader_name(last->reader),
                            archive_reader_entry(last->reader, i)->path);
    return NULL;
}

struct err *chain_files_make(struct chain_files *out, const struct chain *chain)
{
    out->n = archive_reader_n_entries(chain_last(chain)->reader);
    out->of = mem_zalloc(out->n * sizeof *out->of);
    struct err *e = add_links(out, chain);
    if (e)
        chain_files_fini(out);
    return e;
}

void chain_files_fini(struct chain_files *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        free(f->of[i].items);
    free(f->of);
    *f = (struct chain_files){0};
}
