/* restore/redo_scan.c: see redo_scan.h. */
#include "restore/redo_scan.h"

#include <stdlib.h>

#include "base/mem.h"
#include "innodb/space_map.h"
#include "verify/redo_entry.h"

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

static void note_space(struct redo_scan *s, space_id_t space)
{
    uint64_t value;
    if (!s->last || (space == s->seen && map64_get(&s->last_spaces, space, &value)))
        return;
    map64_put(&s->last_spaces, space, 1);
    s->seen = space;
}

static struct err *take(void *ctx, const struct redo_record *rec, lsn_t start, lsn_t end)
{
    struct redo_scan *s = ctx;
    switch (s->family->kind(rec)) {
    case REDO_KIND_PAGE:
        note_space(s, rec->space);
        return start < s->done_to ? NULL : redo_group_add(s->group, rec, start, end);
    case REDO_KIND_FILE:
        return s->last && s->family->names_in_redo ? file_ops_add(&s->files, rec, start) : NULL;
    case REDO_KIND_TRIM:
        if (start >= s->done_to)
            note_trim(s, rec, start);
        return NULL;
    case REDO_KIND_COUNTER:
        return s->last ? redo_counters_add(&s->counters, rec, start) : NULL;
    case REDO_KIND_NONE:
        break;
    }
    return NULL;
}

static struct err *scan_link(struct redo_scan *s, const struct chain_link *l,
                             const struct redo_scan_options *options)
{
    const struct redo_visitor visitor = {.ctx = s, .take = take};
    const struct backup_manifest *m = &l->manifest;
    struct redo_walk w = {.from = m->from, .to = m->to, .keys = options->keys, .visitor = &visitor};
    TRY(redo_entry_walk(l->reader, m->family, &w, options->progress));
    s->n_mtrs += w.n_mtrs;
    s->done_to = m->to;
    return NULL;
}

static struct err *scan_links(struct redo_scan *s, const struct chain *chain, size_t n,
                              const struct redo_scan_options *options)
{
    for (size_t i = 0; i < n; i++)
        if (chain->links[i].manifest.redo_encrypted)
            redo_group_keep_secret(s->group);
    for (size_t i = 0; i < n; i++) {
        s->last = i == n - 1;
        TRY_AT(scan_link(s, &chain->links[i], options), "%s: %s",
               archive_reader_name(chain->links[i].reader), REDO_PATH);
    }
    return redo_group_seal(s->group);
}

struct err *redo_scan_check_keys(const struct chain *chain, size_t n, const struct keyring *keys)
{
    for (size_t i = 0; i < n; i++) {
        const struct chain_link *l = &chain->links[i];
        TRY_AT(redo_entry_check_key(l->reader, l->manifest.family, keys), "%s: %s",
               archive_reader_name(l->reader), REDO_PATH);
    }
    return NULL;
}

struct err *redo_scan_run(struct redo_scan *out, const struct chain *chain, size_t n,
                          const struct redo_scan_options *options)
{
    *out = (struct redo_scan){.family = chain_last(chain)->manifest.family};
    TRY(redo_group_new(&out->group, options->memory, options->spill_dir));
    struct err *e = scan_links(out, chain, n, options);
    if (e)
        redo_scan_fini(out);
    return e;
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
    map64_fini(&s->last_spaces);
    redo_counters_fini(&s->counters);
    free(s->trims);
    *s = (struct redo_scan){0};
}
