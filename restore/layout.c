/* restore/layout.c: see layout.h. */
#include "restore/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

char *layout_external_path(const char *external_dir, const char *path)
{
    return mem_printf("%s%s", strcmp(external_dir, "/") ? external_dir : "", path);
}

static struct space_plan *add(struct layout *l)
{
    mem_grow(&l->spaces, &l->cap, l->n, sizeof *l->spaces);
    struct space_plan *p = &l->spaces[l->n++];
    *p = (struct space_plan){.last_of_space = true};
    return p;
}

/* The space map has the last word: right after an import the redo may still end with the FILE_DELETE of the discarded
 * tablespace. */
static bool is_live(const struct backup_facts *facts, const struct redo_scan *redo, space_id_t id)
{
    uint64_t value;
    const struct space_ops *ops = file_ops_find(&redo->files, id);
    if (map64_get(&facts->ghosts, id, &value))
        return false;
    return !(ops && ops->deleted) || map64_get(&facts->imports, id, &value);
}

static struct err *take_name(struct space_plan *p, const char *name)
{
    p->name = mem_strdup(name);
    p->external = p->name[0] == '/';
    if (!file_name_is_safe(p->name + p->external))
        return err_make(CORRUPT, "tablespace %" PRIu32 ": unsafe file name \"%s\"", p->id, p->name);
    return NULL;
}

/* Name by the redo, else by the copy. */
static struct err *set_name(struct space_plan *p, const struct redo_scan *redo,
                            const struct archive_attr *copy)
{
    const struct space_ops *ops = file_ops_find(&redo->files, p->id);
    if (ops && ops->name)
        return take_name(p, ops->name);
    if (copy)
        return take_name(p, copy->link_target ? copy->link_target : copy->path);
    return err_make(CORRUPT,
                    "tablespace %" PRIu32
                    " has redo, but the archive holds no copy of it and the redo no file name",
                    p->id);
}

static void set_limits(struct space_plan *p, const struct backup_facts *facts,
                       const struct redo_scan *redo)
{
    const struct redo_trim *trim = redo_scan_trim(redo, p->id);
    const struct space_ops *ops = file_ops_find(&redo->files, p->id);
    uint64_t lsn;
    if (map64_get(&facts->imports, p->id, &lsn))
        p->void_below = lsn;
    else if (ops)
        p->void_below = ops->import_lsn;
    if (trim) {
        p->trim_lsn = trim->lsn;
        p->trim_page = trim->page;
        p->was_cut = trim->lsn >= facts->from;
    }
}

static struct err *add_copied(struct layout *l, const struct file_parts *parts,
                              const struct archive_attr *attr, const struct backup_facts *facts,
                              const struct redo_scan *redo)
{
    if (!is_live(facts, redo, attr->space_id))
        return NULL;
    struct space_plan *p = add(l);
    uint64_t older;
    p->id = attr->space_id;
    p->parts = parts;
    p->first_page = attr->first_page;
    p->base_size = attr->size;
    p->base_flags = attr->space_flags;
    set_limits(p, facts, redo);
    if (p->void_below > attr->lsn_at_start)
        return err_make(CORRUPT,
                        "%s: copied at LSN %" PRIu64
                        ", before the tablespace was imported at %" PRIu64,
                        attr->path, attr->lsn_at_start, p->void_below);
    /* Imported while an older backup of the chain ran, and still that file? */
    if (map64_get(&facts->older_imports, p->id, &older) && older > p->void_below)
        p->void_below = older;
    return set_name(p, redo, attr);
}

/* A space that only the redo knows, and the redo names. */
static struct err *add_created(struct layout *l, space_id_t id, const struct backup_facts *facts,
                               const struct redo_scan *redo)
{
    if (!is_live(facts, redo, id))
        return NULL;
    const struct space_ops *ops = file_ops_find(&redo->files, id);
    if (!ops || !ops->created)
        return err_make(CORRUPT,
                        "tablespace %" PRIu32 "%s%s has redo, but the archive holds no copy of it",
                        id, ops && ops->name ? " " : "", ops && ops->name ? ops->name : "");
    struct space_plan *p = add(l);
    p->id = id;
    set_limits(p, facts, redo);
    return set_name(p, redo, NULL);
}

/* All of these are made from redo, and the space map names them. */
static struct err *add_listed(struct layout *l, const struct backup_facts *facts)
{
    for (size_t i = 0; i < facts->n_created; i++) {
        struct space_plan *p = add(l);
        p->id = facts->created[i].id;
        TRY(take_name(p, facts->created[i].name));
    }
    return NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct space_plan *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->first_page < y->first_page ? -1 : x->first_page > y->first_page;
}

static int by_target(const void *a, const void *b)
{
    const struct space_plan *const *x = a, *const *y = b;
    return strcmp((*x)->target, (*y)->target);
}

/* Files of the system tablespace follow each other; every other space has one file. */
static struct err *check_files(struct layout *l, uint32_t page_size)
{
    if (!l->n || l->spaces[0].id != 0 || l->spaces[0].first_page != 0)
        return err_make(CORRUPT, "the archive holds no system tablespace");
    for (size_t i = 1; i < l->n; i++) {
        struct space_plan *before = &l->spaces[i - 1], *p = &l->spaces[i];
        const uint64_t pages = p->first_page - (uint64_t)before->first_page;
        if (p->id == before->id && p->id == 0 && p->first_page > before->first_page &&
            before->base_size == pages * page_size)
            before->last_of_space = false;
        else if (p->id == before->id)
            return err_make(CORRUPT,
                            p->id || p->first_page == before->first_page
                                ? "tablespace %" PRIu32 " is in the archive twice: %s, %s"
                                : "tablespace %" PRIu32 ": %s does not end where %s begins",
                            p->id, before->name, p->name);
    }
    return NULL;
}

static struct err *check_targets(const struct layout *l)
{
    const struct space_plan **sorted = mem_alloc(l->n * sizeof *sorted);
    struct err *e = NULL;
    for (size_t i = 0; i < l->n; i++)
        sorted[i] = &l->spaces[i];
    qsort(sorted, l->n, sizeof *sorted, by_target);
    for (size_t i = 1; i < l->n && !e; i++)
        if (!strcmp(sorted[i - 1]->target, sorted[i]->target))
            e = err_make(CORRUPT, "tablespaces %" PRIu32 " and %" PRIu32 " both have the name %s",
                         sorted[i - 1]->id, sorted[i]->id, sorted[i]->name);
    free(sorted);
    return e;
}

static struct err *set_targets(struct layout *l, const char *datadir, const char *external_dir)
{
    for (size_t i = 0; i < l->n; i++) {
        struct space_plan *p = &l->spaces[i];
        if (p->external && !external_dir)
            return err_hint(err_make(REFUSED, "%s lies outside the datadir", p->name),
                            "Use --external-dir=DIR to restore such files below DIR, or "
                            "--external-dir=/ to put them "
                            "back where they were.");
        p->target = p->external ? layout_external_path(external_dir, p->name)
                                : mem_printf("%s/%s", datadir, p->name);
    }
    return check_targets(l);
}

static struct err *collect(struct layout *l, const struct archive_reader *last,
                           const struct chain_files *files, const struct backup_facts *facts,
                           const struct redo_scan *redo)
{
    struct map64 copied = {0};
    struct err *e = NULL;
    for (uint32_t i = 0; i < files->n && !e; i++) {
        const struct archive_attr *attr = archive_reader_entry(last, i);
        if (!archive_is_space(attr->kind))
            continue;
        map64_put(&copied, attr->space_id, 1);
        e = add_copied(l, &files->of[i], attr, facts, redo);
    }
    if (!e)
        e = add_listed(l, facts);
    size_t n = 0;
    const struct redo_group_space *spaces =
        facts->family->names_in_redo ? redo_group_spaces(redo->group, &n) : NULL;
    for (size_t i = 0; i < n && !e; i++) {
        uint64_t seen;
        if (!map64_get(&copied, spaces[i].id, &seen) &&
            map64_get(&redo->last_spaces, spaces[i].id, &seen))
            e = add_created(l, spaces[i].id, facts, redo);
    }
    map64_fini(&copied);
    return e;
}

struct err *layout_make(struct layout *out, const struct archive_reader *last,
                        const struct chain_files *files, const struct backup_facts *facts,
                        const struct redo_scan *redo, const char *datadir, const char *external_dir)
{
    *out = (struct layout){0};
    struct err *e = collect(out, last, files, facts, redo);
    if (!e && out->n)
        qsort(out->spaces, out->n, sizeof *out->spaces, by_id);
    if (!e)
        e = check_files(out, facts->page_size);
    if (!e)
        e = set_targets(out, datadir, external_dir);
    if (e)
        layout_fini(out);
    return e;
}

void layout_fini(struct layout *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->spaces[i].name);
        free(l->spaces[i].target);
    }
    free(l->spaces);
    *l = (struct layout){0};
}

const struct space_plan *layout_find_external(const struct layout *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->spaces[i].external && !strcmp(l->spaces[i].name, path))
            return &l->spaces[i];
    return NULL;
}
