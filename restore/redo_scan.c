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

static struct err *take(void *ctx, const struct redo_record *rec, lsn_t start, lsn_t end)
{
    struct redo_scan *s = ctx;
    switch (s->family->kind(rec)) {
    case REDO_KIND_PAGE:
        return redo_group_add(s->group, rec, start, end);
    case REDO_KIND_FILE:
        return s->family->names_in_redo ? file_ops_add(&s->files, rec, start) : NULL;
    case REDO_KIND_TRIM:
        note_trim(s, rec, start);
        return NULL;
    case REDO_KIND_COUNTER:
        return redo_counters_add(&s->counters, rec, start);
    case REDO_KIND_NONE:
        break;
    }
    return NULL;
}

struct err *redo_scan_run(struct redo_scan *out, struct archive_reader *reader,
                          const struct backup_facts *facts, const struct redo_scan_options *options)
{
    *out = (struct redo_scan){.family = facts->family};
    const struct redo_visitor visitor = {.ctx = out, .take = take};
    struct redo_walk w = {
        .from = facts->from, .to = facts->to, .keys = options->keys, .visitor = &visitor};
    TRY(redo_group_new(&out->group, options->memory, options->spill_dir));
    if (facts->redo_encrypted)
        redo_group_keep_secret(out->group);
    struct err *e = redo_entry_walk(reader, facts->family, &w, options->progress);
    out->n_mtrs = w.n_mtrs;
    if (!e)
        e = redo_group_seal(out->group);
    if (e)
        redo_scan_fini(out);
    return err_wrap(e, "%s", REDO_PATH);
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
    redo_counters_fini(&s->counters);
    free(s->trims);
    *s = (struct redo_scan){0};
}
