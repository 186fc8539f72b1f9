/* engine/space_judge.c: see space_judge.h for the rules J1..J8. */
#include "engine/space_judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A live space and the name it should have. */
struct claim {
    const char *name;
    space_id_t id;
    const struct copied_space *copy; /* or NULL */
    const struct space_ops *ops;     /* or NULL */
    bool held;                       /* a file with that name is this space's */
};

/* A file that was asked, and the space it says it is. */
struct witness {
    space_id_t id;
    const struct listed_space *file;
};

struct court {
    struct space_verdict *verdict;
    const struct file_ops *ops;
    const struct space_set *copied;
    const char *root;
    struct claim *claims; /* sorted by name */
    size_t n_claims, cap_claims;
    struct map64 by_id; /* id -> position in claims */
    struct witness *witnesses;
    size_t n_witnesses, cap_witnesses;
};

/* J3 */
static bool is_stale(const struct copied_space *c, const struct space_ops *o)
{
    return c->suspect || (o && o->import_lsn && c->lsn_at_start <= o->import_lsn);
}

/* Undo tablespaces have no database directory in their name; they are never renamed, and the redo names them after
 * their own directory. */
static bool is_undo_name(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    return strlen(base) == 7 && !strncmp(base, "undo", 4) && strspn(base + 4, "0123456789") == 3;
}

static void add_claim(struct court *k, struct claim claim)
{
    mem_grow(&k->claims, &k->cap_claims, k->n_claims, sizeof *k->claims);
    k->claims[k->n_claims++] = claim;
}

static int by_name_then_id(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    const int c = strcmp(x->name, y->name);
    return c ? c : x->id < y->id ? -1 : x->id > y->id;
}

/* J1 */
static void make_claims(struct court *k)
{
    for (size_t i = 0; i < k->copied->n; i++) {
        const struct copied_space *c = &k->copied->items[i];
        const struct space_ops *o = file_ops_find(k->ops, c->id);
        if (c->system || c->dropped || (o && o->deleted))
            continue;
        const bool renamed = o && o->name && !is_undo_name(c->name);
        add_claim(k, (struct claim){
                         .name = renamed ? o->name : c->name, .id = c->id, .copy = c, .ops = o});
    }
    for (size_t i = 0; i < k->ops->n; i++) {
        const struct space_ops *o = &k->ops->items[i];
        if (o->deleted || !o->name || is_undo_name(o->name) || space_set_find(k->copied, o->id))
            continue;
        add_claim(k, (struct claim){.name = o->name, .id = o->id, .ops = o});
    }
    if (k->n_claims)
        qsort(k->claims, k->n_claims, sizeof *k->claims, by_name_then_id);
    for (size_t i = 0; i < k->n_claims; i++)
        map64_put(&k->by_id, k->claims[i].id, i);
}

/* Claims on a name: k->claims[from .. return value). */
static size_t claims_on(const struct court *k, const char *name, size_t *from)
{
    size_t lo = 0, hi = k->n_claims;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (strcmp(k->claims[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *from = lo;
    while (lo < k->n_claims && !strcmp(k->claims[lo].name, name))
        lo++;
    return lo;
}

/* J2; true: nothing left to ask. */
static bool take_for_granted(struct claim *c, size_t n)
{
    if (n != 1 || !c->copy || is_stale(c->copy, c->ops))
        return false;
    c->held = true;
    return true;
}

static struct err *ask_file(struct court *k, const struct listed_space *file)
{
    size_t from;
    const size_t to = claims_on(k, file->name, &from);
    space_id_t id;
    bool zero, absent;
    if (take_for_granted(k->claims + from, to - from))
        return NULL;
    k->verdict->n_opened++;
    TRY(space_file_id(file->path, &id, &zero, &absent));
    if (absent)
        return NULL;
    for (size_t i = from; i < to; i++) /* J5 */
        if (zero ? k->claims[i].ops && k->claims[i].ops->created : k->claims[i].id == id)
            k->claims[i].held = true;
    const struct space_ops *o = zero ? NULL : file_ops_find(k->ops, id);
    if (zero || (o && o->deleted))
        return NULL; /* deleted: a discarded table's file, put back by hand */
    mem_grow(&k->witnesses, &k->cap_witnesses, k->n_witnesses, sizeof *k->witnesses);
    k->witnesses[k->n_witnesses++] = (struct witness){id, file};
    return NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct witness *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static struct claim *claim_of(struct court *k, space_id_t id)
{
    uint64_t at;
    return map64_get(&k->by_id, id, &at) ? &k->claims[at] : NULL;
}

static const struct listed_space *named(const struct witness *w, size_t n, const char *name)
{
    for (size_t i = 0; name && i < n; i++)
        if (!strcmp(w[i].file->name, name))
            return w[i].file;
    return NULL;
}

static void add_copy(struct space_verdict *v, space_id_t id, const struct listed_space *file,
                     const char *why)
{
    mem_grow(&v->copies, &v->cap_copies, v->n_copies, sizeof *v->copies);
    v->copies[v->n_copies++] = (struct space_to_copy){id, file, why};
}

static void add_conflict(struct space_verdict *v, const struct witness *w, size_t n)
{
    const struct listed_space **files = mem_alloc(n * sizeof *files);
    for (size_t i = 0; i < n; i++)
        files[i] = w[i].file;
    mem_grow(&v->conflicts, &v->cap_conflicts, v->n_conflicts, sizeof *v->conflicts);
    v->conflicts[v->n_conflicts++] = (struct space_conflict){w[0].id, files, n};
}

/* J7: which of the files that say they are the claim's space is it? NULL: none of them, or not to be known from here. */
static const struct listed_space *find_home(struct court *k, const struct claim *claim,
                                            const struct witness *w, size_t n)
{
    const bool told = claim && claim->ops && claim->ops->name && !is_undo_name(claim->name);
    const struct listed_space *home = named(w, n, claim ? claim->name : NULL);
    if (home && (n == 1 || told))
        return home;
    if (!home && claim && claim->held) {
        if (!told) /* taken for granted, but here is another */
            add_conflict(k->verdict, w, n);
        return NULL;
    }
    if (n == 1)
        return w[0].file; /* its name is spelt in another way, or it is the only one left */
    add_conflict(k->verdict, w, n);
    return NULL;
}

/* Whether the copy was taken from a file that is not the space's. */
static bool is_copy_of_other_file(const struct claim *claim, const struct listed_space *home,
                                  const struct witness *w, size_t n)
{
    if (!strcmp(claim->copy->name, home->name))
        return false;
    if (n > 1) /* after a rename nothing would be left under the old name */
        return named(w, n, claim->copy->name) != NULL;
    return !(claim->ops && claim->ops->name);
}

/* J3, J4, J7: what the files that say they are space w[0].id mean for its copy. */
static void judge_space(struct court *k, const struct witness *w, size_t n)
{
    struct claim *claim = claim_of(k, w[0].id);
    const struct listed_space *home = find_home(k, claim, w, n);
    if (!home)
        return;
    if (claim)
        claim->held = true;
    if (!claim || (!claim->copy && !claim->ops->created))
        add_copy(k->verdict, w[0].id, home, "not copied yet");
    else if (claim->copy && is_stale(claim->copy, claim->ops))
        add_copy(k->verdict, w[0].id, home,
                 claim->copy->suspect ? "pages of two spaces were in it" : "imported");
    else if (claim->copy && is_copy_of_other_file(claim, home, w, n))
        add_copy(k->verdict, w[0].id, home, "copied from another file");
}

static void judge_witnesses(struct court *k)
{
    if (k->n_witnesses)
        qsort(k->witnesses, k->n_witnesses, sizeof *k->witnesses, by_id);
    for (size_t i = 0; i < k->n_witnesses;) {
        size_t to = i + 1;
        while (to < k->n_witnesses && k->witnesses[to].id == k->witnesses[i].id)
            to++;
        judge_space(k, k->witnesses + i, to - i);
        i = to;
    }
}

static void add_id(space_id_t **ids, size_t *n, size_t *cap, space_id_t id)
{
    mem_grow(ids, cap, *n, sizeof **ids);
    (*ids)[(*n)++] = id;
}

static void add_unlisted(struct space_verdict *v, const struct claim *c)
{
    mem_grow(&v->unlisted, &v->cap_unlisted, v->n_unlisted, sizeof *v->unlisted);
    v->unlisted[v->n_unlisted++] = (struct space_unlisted){c->id, mem_strdup(c->name)};
}

/* J6. The listing may be older than the redo, so the file itself is asked again. */
static struct err *judge_created(struct court *k, const struct claim *c)
{
    AUTO_FREE char *path =
        c->name[0] == '/' ? mem_strdup(c->name) : mem_printf("%s/%s", k->root, c->name);
    space_id_t id;
    bool zero, absent;
    TRY(space_file_id(path, &id, &zero, &absent));
    if (absent || (!zero && id != c->id))
        add_id(&k->verdict->ghosts, &k->verdict->n_ghosts, &k->verdict->cap_ghosts, c->id);
    return NULL;
}

/* Live spaces that no listed file turned out to be. */
static struct err *judge_unheld(struct court *k)
{
    struct space_verdict *v = k->verdict;
    for (size_t i = 0; i < k->n_claims; i++) {
        const struct claim *c = &k->claims[i];
        if (c->held)
            continue;
        if (!c->copy && c->ops->created)
            TRY(judge_created(k, c));
        else if (!c->copy || (c->ops && is_stale(c->copy, c->ops)))
            add_unlisted(v, c);
        else if (!c->ops || !c->ops->name)
            add_id(&v->voids, &v->n_voids, &v->cap_voids, c->id);
    }
    return NULL;
}

static struct err *hear(struct court *k, const struct listing *list)
{
    make_claims(k);
    for (size_t i = 0; i < list->n_spaces; i++) {
        const struct listed_space *file = &list->spaces[i];
        const bool twice =
            i > 0 && !strcmp(list->spaces[i - 1].path, file->path); /* by two links */
        if (!file->system && !twice)
            TRY(ask_file(k, file));
    }
    judge_witnesses(k);
    return judge_unheld(k);
}

struct err *space_judge(struct space_verdict *out, const struct listing *list,
                        const struct file_ops *ops, const struct space_set *copied,
                        const char *root)
{
    struct court k = {.verdict = out, .ops = ops, .copied = copied, .root = root};
    *out = (struct space_verdict){0};
    struct err *e = hear(&k, list);
    free(k.claims);
    free(k.witnesses);
    map64_fini(&k.by_id);
    return e;
}

void space_verdict_fini(struct space_verdict *v)
{
    for (size_t i = 0; i < v->n_unlisted; i++)
        free(v->unlisted[i].name);
    for (size_t i = 0; i < v->n_conflicts; i++)
        free(v->conflicts[i].files);
    free(v->copies);
    free(v->ghosts);
    free(v->voids);
    free(v->unlisted);
    free(v->conflicts);
    *v = (struct space_verdict){0};
}
