/* restore/restored_files.c: see restored_files.h. */
#include "restore/restored_files.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "innodb/redo_group.h"

enum {
    RANGE_BYTES = 32 << 20, /* work item of a thread */
    /* Likewise, when there is more than one archive: what threads work on then lies close together, mostly in the same chunks
     * of those archives that hold little. */
    RANGE_BYTES_OF_CHAIN = 4 << 20,
};

void restored_files_init(struct restored_files *out, const struct layout *layout)
{
    *out = (struct restored_files){.n = layout->n};
    out->items = mem_zalloc(layout->n * sizeof *out->items);
    for (size_t i = 0; i < layout->n; i++)
        out->items[i].plan = &layout->spaces[i];
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* No server makes a file of its own smaller than four logical pages, whatever page 0 says of a ROW_FORMAT=COMPRESSED table
 * with small pages, and its recovery refuses one that is (MariaDB 10.11.19, by experiment). */
static uint64_t recovered_size(const struct restored_file *f)
{
    const struct space_plan *p = f->plan;
    const uint64_t pages = f->fsp_size > p->first_page ? f->fsp_size - p->first_page : 0;
    const uint64_t least = p->id ? 4 * (uint64_t)f->format.page_size : 0;
    const uint64_t by_header = max_u64(pages * f->format.physical, least);
    if (!p->last_of_space)
        return p->base_size;
    return p->was_cut ? by_header : max_u64(by_header, p->base_size);
}

struct err *restored_file_learn(struct restored_file *f, const struct page_range_env *env,
                                const struct keyring *keys)
{
    const struct space_plan *p = f->plan, *first = p;
    AUTO_FREE uint8_t *page = mem_alloc_aligned(env->page_size);
    while (first->first_page) /* they follow each other in the layout */
        first--;
    TRY(page_range_page_0(page, env, first));
    const bool zero = bytes_are_zero(page, env->page_size);
    if (zero && !p->parts)
        return NULL; /* created in the redo, but nothing was written yet when the backup ended */
    if (zero)
        return err_make(CORRUPT, "%s: page 0 is missing", p->name);
    TRY_AT(space_format_decode(&f->format, be32(page + FSP_FLAGS), env->page_size), "%s: page 0",
           p->name);
    if (be32(page + FSP_SPACE_ID) != p->id)
        return err_make(CORRUPT, "%s: page 0 says space id %" PRIu32 ", not %" PRIu32, p->name,
                        be32(page + FSP_SPACE_ID), p->id);
    TRY_AT(space_key_find(&f->key, &f->format, page, keys), "%s", p->name);
    f->fsp_size = be32(page + FSP_SIZE);
    f->size = recovered_size(f);
    f->exists = true;
    return NULL;
}

/* --- what of a size is backed by something ----------------------------------------------------- */

static int compare_id(const void *id, const void *space)
{
    const struct redo_group_space *s = space;
    const space_id_t x = *(const space_id_t *)id;
    return (x > s->id) - (x < s->id);
}

/* Pages of the file up to the last that has redo. */
static uint64_t redo_pages(const struct space_plan *p, const struct redo_group *group)
{
    size_t n;
    const struct redo_group_space *spaces = redo_group_spaces(group, &n);
    const struct redo_group_space *s =
        n ? bsearch(&p->id, spaces, n, sizeof *spaces, compare_id) : NULL;
    return s && s->last_page >= p->first_page ? s->last_page - (uint64_t)p->first_page + 1 : 0;
}

/* Pages of the file, counted from its first one, up to the last that is stored or has redo; *n: how many of them there can be at most. */
static uint64_t backed_pages(const struct restored_file *f, const struct page_range_env *env,
                             uint64_t *n)
{
    const struct space_plan *p = f->plan;
    struct redo_group_stats redo;
    uint64_t pages = redo_pages(p, env->group), bytes = 0;
    for (size_t i = 0; p->parts && i < p->parts->n; i++) {
        const struct file_part *part = &p->parts->items[i];
        uint64_t end;
        bytes += archive_reader_stored(env->chain->links[part->link].reader, part->entry, &end);
        end = end < part->size ? end : part->size;
        pages = max_u64(pages, (end + f->format.physical - 1) / f->format.physical);
    }
    redo_group_stats(env->group, &redo);
    *n = bytes / f->format.physical + redo.bundles;
    return pages;
}

/* Descriptors are made group by group, each on the first page of its group (space_use.h). The other files of a system tablespace have the
 * size that they must have. */
struct err *restored_file_justify(struct restored_file *f, const struct page_range_env *env)
{
    const struct space_plan *p = f->plan;
    const uint64_t group = f->format.physical; /* pages */
    uint64_t n;
    if (!f->exists || !p->last_of_space)
        return NULL;
    const uint64_t backed = backed_pages(f, env, &n);
    const uint64_t end = (p->first_page + backed + group - 1) / group * group;
    const uint64_t size = (end - p->first_page) * f->format.physical;
    f->size = size < f->size ? size : f->size;
    const uint64_t pages = f->size / f->format.physical;
    if (pages / group > n)
        return err_make(CORRUPT,
                        "%s: page 0: of %" PRIu64 " pages up to the last that is stored or has "
                        "redo, at most %" PRIu64
                        " are in the backup, too few for their extent descriptors",
                        p->name, pages, n);
    return NULL;
}

/* --- */

/* Each range of a file elsewhere costs an fsync. */
static uint64_t range_bytes(const struct space_plan *p, size_t n_links)
{
    return n_links > 1 && !p->external ? RANGE_BYTES_OF_CHAIN : RANGE_BYTES;
}

void restored_files_cut(struct restored_files *files, size_t n_links)
{
    for (size_t i = 0; i < files->n; i++) {
        const struct restored_file *f = &files->items[i];
        const uint64_t len = range_bytes(f->plan, n_links), size = f->exists ? f->size : 0;
        for (uint64_t from = 0; from < size; from += len) {
            mem_grow(&files->ranges, &files->cap_ranges, files->n_ranges, sizeof *files->ranges);
            files->ranges[files->n_ranges++] = (struct restored_range){
                .file = (uint32_t)i, .from = from, .to = size - from < len ? size : from + len};
        }
    }
}

void restored_files_fini(struct restored_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        space_key_wipe(&files->items[i].key);
    free(files->items);
    free(files->ranges);
    *files = (struct restored_files){0};
}
