/* engine/mysql_judge.c: see mysql_judge.h for the rules R1 to R6, D1 to D5. */
#include "engine/mysql_judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { UNDO_NUMBERS = 127, UNDO_LIVES = 400000 };

#define UNDO_ID_END UINT32_C(0xFFFFFFF0) /* exclusive */

struct court {
    struct mysql_verdict *verdict;
    const struct mysql_evidence *evidence;
    const struct mysql_file **sorted; /* whole files but those of the system tablespace, by id */
    size_t n_sorted;
    bool *has_file;      /* for each row of the dictionary */
    bool *kept;          /* for each copy */
    struct map64 copies; /* id -> position of its newest copy */
    size_t
        *older; /* for each copy: position of the one before it of the same id, or MYSQL_NO_COPY */
};

bool mysql_is_undo_id(space_id_t id)
{
    return id < UNDO_ID_END && id >= UNDO_ID_END - (uint32_t)UNDO_NUMBERS * UNDO_LIVES;
}

/* --- R1 to R6 --- */

static bool same_file(const struct mysql_file *f, dev_t dev, ino_t inode)
{
    return f->dev == dev && f->inode == inode;
}

static void index_copies(struct court *k)
{
    const struct mysql_evidence *e = k->evidence;
    for (size_t i = 0; i < e->n_copies; i++) {
        uint64_t before;
        k->older[i] =
            map64_get(&k->copies, e->copies[i].id, &before) ? (size_t)before : MYSQL_NO_COPY;
        map64_put(&k->copies, e->copies[i].id, i);
    }
}

static const struct copied_space *copy_of(const struct court *k, const struct mysql_file *f)
{
    uint64_t newest;
    if (!map64_get(&k->copies, f->id, &newest))
        return NULL;
    for (size_t i = newest; i != MYSQL_NO_COPY; i = k->older[i]) {
        const struct copied_space *c = &k->evidence->copies[i];
        if (!c->dropped && same_file(f, c->dev, c->mark.inode) &&
            c->first_page == f->listed->first_page)
            return c;
    }
    return NULL;
}

static bool is_in_redo(space_id_t id, const struct ddl_space *s)
{
    return mysql_is_undo_id(id) && s && s->initialised > s->deleted;
}

static const char *why_copy(const struct copied_space *c, const struct ddl_space *s)
{
    static const struct ddl_space nothing;
    if (!s)
        s = &nothing;
    if (!c)
        return "new";
    if (c->suspect)
        return "a page of its copy was not whole, or of a new index";
    if (s->deleted > c->barrier)
        return "imported";
    if (c->was_discarded)
        return "was discarded";
    if (s->loaded > c->lsn_at_start)
        return "index load";
    return s->born > c->barrier ? "index birth" : NULL;
}

static struct mysql_ruling *add(struct mysql_verdict *v, struct mysql_ruling r)
{
    mem_grow(&v->rulings, &v->cap, v->n, sizeof *v->rulings);
    v->rulings[v->n] = r;
    return &v->rulings[v->n++];
}

static void rule_on(struct court *k, const struct mysql_file *f)
{
    const struct mysql_evidence *e = k->evidence;
    const struct ddl_space *s = ddl_events_find(e->events, f->id);
    const struct copied_space *c = copy_of(k, f);
    struct mysql_ruling *r = add(k->verdict, (struct mysql_ruling){.id = f->id, .file = f});
    r->copy = c ? (size_t)(c - e->copies) : MYSQL_NO_COPY;
    if (!c && is_in_redo(f->id, s)) {
        r->fate = MYSQL_BUILD;
        r->why = "all of it is in the redo";
    } else if ((r->why = why_copy(c, s))) {
        r->fate = MYSQL_COPY;
        k->verdict->copy_bytes += f->size;
    } else {
        r->fate = MYSQL_KEEP;
        k->kept[r->copy] = true;
    }
}

static void leave_out(struct court *k, const struct mysql_file *f, const char *why)
{
    add(k->verdict,
        (struct mysql_ruling){.id = f->id, .file = f, .fate = MYSQL_LEAVE_OUT, .why = why});
}

/* --- D1 to D5 --- */

static const struct mysql_dict_row *row_of(const struct mysql_evidence *e, space_id_t id)
{
    size_t low = 0, high = e->n_dict;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (e->dict[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < e->n_dict && e->dict[low].id == id ? &e->dict[low] : NULL;
}

/* Whether all files are one: reached by two paths. */
static bool are_one_file(const struct mysql_file **files, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (!same_file(files[i], files[0]->dev, files[0]->inode))
            return false;
    return true;
}

/* Of two paths to one file the one that the server spells like that. */
static bool spells_like(const struct mysql_file *f, const char *path)
{
    const size_t n = strlen(f->listed->path);
    if (path[0] == '.' && path[1] == '/')
        path++; /* keeps the '/': names end at one */
    const size_t m = strlen(path);
    return n >= m && !strcmp(f->listed->path + n - m, path);
}

/* D2 */
static struct err *find_home(const struct mysql_file **home, const struct mysql_dict_row *row,
                             const struct mysql_file **files, size_t n)
{
    *home = NULL;
    for (size_t i = 0; row->found && i < n; i++)
        if (same_file(files[i], row->dev, row->inode) &&
            (!*home || spells_like(files[i], row->path)))
            *home = files[i];
    if (*home)
        return NULL;
    if (row->found)
        return err_hint(err_make(CORRUPT,
                                 "%s has the id of tablespace %" PRIu32
                                 " (%s), which by the server's dictionary is in %s; that file has "
                                 "another id",
                                 files[0]->listed->path, row->id, row->name, row->path),
                        "A file was moved or replaced while the server was running.");
    *home = files[0];
    if (are_one_file(files, n))
        return NULL;
    return err_hint(err_make(REFUSED,
                             "%s and %s both have the id of tablespace %" PRIu32
                             " (%s), and the server does not tell which is in use",
                             files[0]->listed->path, files[1]->listed->path, row->id, row->name),
                    "Remove the file that belongs to no table.");
}

static void leave_all_out(struct court *k, const struct mysql_file **files, size_t n,
                          const char *why)
{
    for (size_t i = 0; i < n; i++)
        leave_out(k, files[i], why);
}

static struct err *judge_id(struct court *k, const struct mysql_file **files, size_t n)
{
    const struct mysql_dict_row *row = row_of(k->evidence, files[0]->id);
    const struct mysql_file *home;
    if (!row) {
        leave_all_out(k, files, n, "the server's dictionary does not know its tablespace id");
        return NULL;
    }
    k->has_file[row - k->evidence->dict] = true;
    if (row->discarded) {
        leave_all_out(k, files, n, "the tablespace of its table is discarded");
        return NULL;
    }
    TRY(find_home(&home, row, files, n));
    rule_on(k, home);
    for (size_t i = 0; i < n; i++)
        if (!same_file(files[i], home->dev, home->inode))
            leave_out(k, files[i], "another file is in use with the same tablespace id");
    return NULL;
}

static int by_id_and_path(const void *a, const void *b)
{
    const struct mysql_file *x = *(const struct mysql_file *const *)a,
                            *y = *(const struct mysql_file *const *)b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return strcmp(x->listed->path, y->listed->path);
}

static struct err *judge_ids(struct court *k)
{
    if (k->n_sorted)
        qsort(k->sorted, k->n_sorted, sizeof *k->sorted, by_id_and_path);
    for (size_t i = 0; i < k->n_sorted;) {
        size_t to = i + 1;
        while (to < k->n_sorted && k->sorted[to]->id == k->sorted[i]->id)
            to++;
        TRY(judge_id(k, k->sorted + i, to - i));
        i = to;
    }
    return NULL;
}

/* D4 */
static struct err *judge_row(struct court *k, const struct mysql_dict_row *row)
{
    if (is_in_redo(row->id, ddl_events_find(k->evidence->events, row->id)) && row->path) {
        add(k->verdict, (struct mysql_ruling){.id = row->id,
                                              .path = row->path,
                                              .fate = MYSQL_BUILD,
                                              .why = "all of it is in the redo"});
        return NULL;
    }
    return err_hint(err_make(CORRUPT,
                             "tablespace %" PRIu32
                             " (%s): no file with its id was found; the server's dictionary "
                             "has it in %s",
                             row->id, row->name, row->path ? row->path : "no file"),
                    "A table whose file is lost has to be dropped before the server can be "
                    "backed up.");
}

/* --- */

/* What can be told from the file alone; whole files wait for judge_ids. */
static void judge_file(struct court *k, const struct mysql_file *f)
{
    const struct mysql_evidence *e = k->evidence;
    if (f->state == MYSQL_FILE_WHOLE && e->final && !f->listed->system)
        k->sorted[k->n_sorted++] = f;
    else if (f->state == MYSQL_FILE_WHOLE)
        rule_on(k, f);
    else if (f->state == MYSQL_FILE_UNBORN && e->final)
        leave_out(k, f, "its first page is empty");
    else
        add(k->verdict, (struct mysql_ruling){.file = f, .fate = MYSQL_PASS_OVER});
}

static void drop_the_rest(struct court *k)
{
    const struct mysql_evidence *e = k->evidence;
    struct mysql_verdict *v = k->verdict;
    for (size_t i = 0; i < e->n_copies; i++) {
        if (k->kept[i] || e->copies[i].dropped)
            continue;
        mem_grow(&v->drops, &v->cap_drops, v->n_drops, sizeof *v->drops);
        v->drops[v->n_drops++] = i;
    }
}

static struct err *hear(struct court *k)
{
    const struct mysql_evidence *e = k->evidence;
    for (size_t i = 0; i < e->n_files; i++)
        judge_file(k, &e->files[i]);
    if (!e->final)
        return NULL;
    TRY(judge_ids(k));
    for (size_t i = 0; i < e->n_dict; i++)
        if (!k->has_file[i] && !e->dict[i].discarded)
            TRY(judge_row(k, &e->dict[i]));
    drop_the_rest(k);
    return NULL;
}

struct err *mysql_judge(struct mysql_verdict *out, const struct mysql_evidence *evidence)
{
    struct court k = {.verdict = out,
                      .evidence = evidence,
                      .sorted = mem_zalloc((evidence->n_files + 1) * sizeof *k.sorted),
                      .has_file = mem_zalloc(evidence->n_dict + 1),
                      .kept = mem_zalloc(evidence->n_copies + 1),
                      .older = mem_alloc((evidence->n_copies + 1) * sizeof *k.older)};
    *out = (struct mysql_verdict){0};
    index_copies(&k);
    struct err *e = hear(&k);
    map64_fini(&k.copies);
    free(k.older);
    free(k.sorted);
    free(k.has_file);
    free(k.kept);
    return e;
}

void mysql_verdict_fini(struct mysql_verdict *v)
{
    free(v->rulings);
    free(v->drops);
    *v = (struct mysql_verdict){0};
}
