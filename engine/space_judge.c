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
    bool held; /* a file with that name is this space's, or J5 has it in doubt */
};

/* A file that was asked, and the space it says it is. */
struct witness {
    space_id_t id;
    lsn_t lsn; /* of page 0 */
    const struct listed_space *file;
};

struct court {
    struct space_verdict *verdict;
    const struct space_evidence *evidence;
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

/* Undo tablespaces are never created, renamed or dropped while a server runs. The redo does not name them; if it did,
 * it would be by their directory. */
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
    for (size_t i = 0; i < k->evidence->copied->n; i++) {
        const struct copied_space *c = &k->evidence->copied->items[i];
        const struct space_ops *o = file_ops_find(k->evidence->ops, c->id);
        if (c->system || c->dropped || (o && o->deleted))
            continue;
        const bool renamed = o && o->name && !is_undo_name(c->name);
        add_claim(k, (struct claim){
                         .name = renamed ? o->name : c->name, .id = c->id, .copy = c, .ops = o});
    }
    for (size_t i = 0; i < k->evidence->ops->n; i++) {
        const struct space_ops *o = &k->evidence->ops->items[i];
        if (o->deleted || !o->name || is_undo_name(o->name) ||
            space_set_find(k->evidence->copied, o->id))
            continue;
        add_claim(k, (struct claim){.name = o->name, .id = o->id, .ops = o});
    }
    if (k->n_claims)
        qsort(k->claims, k->n_claims, sizeof *k->claims, by_name_then_id);
    for (size_t i = 0; i < k->n_claims; i++)
        map64_put(&k->by_id, k->claims[i].id, i);
}

/* The claims on a name: *n of them. */
static struct claim *claims_on(const struct court *k, const char *name, size_t *n)
{
    *n = 0;
    if (!k->claims)
        return NULL;
    size_t lo = 0, hi = k->n_claims;
    while (lo < hi) {
        const size_t mid = lo + (hi - lo) / 2;
        if (strcmp(k->claims[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    while (lo + *n < k->n_claims && !strcmp(k->claims[lo + *n].name, name))
        ++*n;
    return k->claims + lo;
}

/* J2; true: nothing left to ask. */
static bool take_for_granted(struct claim *c, const struct listed_space *file)
{
    if (!c->copy || is_stale(c->copy, c->ops) || !space_is_untouched(c->copy, file->path))
        return false;
    c->held = true;
    return true;
}

static void add_copy(struct space_verdict *v, struct space_to_copy copy)
{
    mem_grow(&v->copies, &v->cap_copies, v->n_copies, sizeof *v->copies);
    v->copies[v->n_copies++] = copy;
}

/* J3: imported and not changed since; or, harmless, a discarded table's own file that was put back for an import. */
static void judge_deleted(struct court *k, const struct space_ops *o,
                          const struct listed_space *file)
{
    const char *slash = strrchr(file->name, '/');
    if (o->name && !strcmp(o->name, file->name) && !(slash && !strncmp(slash, "/#sql", 5)))
        add_copy(k->verdict, (struct space_to_copy){o->id, file, "imported", true});
}

static void add_id(space_id_t **ids, size_t *n, size_t *cap, space_id_t id)
{
    mem_grow(ids, cap, *n, sizeof **ids);
    (*ids)[(*n)++] = id;
}

static bool is_created(const struct claim *c)
{
    return c->ops && c->ops->created;
}

/* J5 */
static void hold_created(struct space_verdict *v, struct claim *claims, size_t n)
{
    size_t created = 0;
    for (size_t i = 0; i < n; i++)
        created += is_created(&claims[i]);
    for (size_t i = 0; i < n; i++) {
        if (!is_created(&claims[i]) || claims[i].held)
            continue;
        claims[i].held = true;
        if (created > 1)
            add_id(&v->doubtful, &v->n_doubtful, &v->cap_doubtful, claims[i].id);
    }
}

static void hold(struct space_verdict *v, struct claim *claims, size_t n,
                 const struct space_head *head)
{
    if (head->zero)
        hold_created(v, claims, n);
    for (size_t i = 0; !head->zero && i < n; i++)
        if (claims[i].id == head->id)
            claims[i].held = true;
}

static struct err *ask_file(struct court *k, const struct listed_space *file)
{
    size_t n;
    struct claim *claims = claims_on(k, file->name, &n);
    struct space_head head;
    if (n == 1 && take_for_granted(claims, file))
        return NULL;
    k->verdict->n_opened++;
    TRY(space_head_read(&head, file->path));
    if (head.absent)
        return NULL;
    hold(k->verdict, claims, n, &head);
    if (head.zero)
        return NULL;
    const struct space_ops *o = file_ops_find(k->evidence->ops, head.id);
    if (o && o->deleted) {
        judge_deleted(k, o, file);
        return NULL;
    }
    mem_grow(&k->witnesses, &k->cap_witnesses, k->n_witnesses, sizeof *k->witnesses);
    k->witnesses[k->n_witnesses++] = (struct witness){head.id, head.lsn, file};
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

static lsn_t lsn_of(const struct witness *w, size_t n, const struct listed_space *file)
{
    for (size_t i = 0; i < n; i++)
        if (w[i].file == file)
            return w[i].lsn;
    return 0;
}

/* Why the copy of a space with this home has to be made (again); NULL: it has not. J3, J4, J7. */
static const char *why_copy(const struct claim *claim, const struct listed_space *home,
                            const struct witness *w, size_t n)
{
    if (!claim)
        return "not copied yet";
    if (!claim->copy)
        return claim->ops->created ? NULL : "not copied yet";
    if (claim->copy->suspect)
        return "pages of two spaces were in it";
    if (is_stale(claim->copy, claim->ops) || lsn_of(w, n, home) < claim->copy->page_lsn)
        return "imported";
    return is_copy_of_other_file(claim, home, w, n) ? "copied from another file" : NULL;
}

static void judge_space(struct court *k, const struct witness *w, size_t n)
{
    struct claim *claim = claim_of(k, w[0].id);
    const struct listed_space *home = find_home(k, claim, w, n);
    if (!home)
        return;
    if (claim)
        claim->held = true;
    const char *why = why_copy(claim, home, w, n);
    if (why)
        add_copy(k->verdict, (struct space_to_copy){w[0].id, home, why, false});
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

static void add_unlisted(struct space_verdict *v, const struct claim *c)
{
    mem_grow(&v->unlisted, &v->cap_unlisted, v->n_unlisted, sizeof *v->unlisted);
    v->unlisted[v->n_unlisted++] = (struct space_unlisted){c->id, mem_strdup(c->name)};
}

/* Whether a younger space was created under the same name. */
static bool is_superseded(const struct court *k, size_t i)
{
    const struct claim *next = &k->claims[i + 1];
    return i + 1 < k->n_claims && !strcmp(next->name, k->claims[i].name) && is_created(next);
}

/* Tables that a running ALTER makes for itself, under BLOCK_DDL too. */
static bool is_of_running_alter(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    return !strncmp(base, "#sql", 4) || !strncmp(base, "FTS_", 4);
}

/* J5, J6. The listing may be older than the redo, so the file itself is asked again. */
static struct err *judge_created(struct court *k, size_t i)
{
    const struct claim *c = &k->claims[i];
    if (is_of_running_alter(c->name) && !is_superseded(k, i))
        return NULL; /* its file is about to be made: the redo comes first */
    AUTO_FREE char *path =
        c->name[0] == '/' ? mem_strdup(c->name) : mem_printf("%s/%s", k->evidence->root, c->name);
    struct space_head head;
    TRY(space_head_read(&head, path));
    size_t n;
    struct claim *claims = claims_on(k, c->name, &n);
    if (!head.absent)
        hold(k->verdict, claims, n, &head);
    if (!c->held && (n > 1 || !k->evidence->at_rest))
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
            TRY(judge_created(k, i));
        else if (!c->copy || (c->ops && is_stale(c->copy, c->ops)))
            add_unlisted(v, c);
        else if (!c->ops || !c->ops->name)
            add_id(&v->voids, &v->n_voids, &v->cap_voids, c->id);
    }
    return NULL;
}

static struct err *hear(struct court *k)
{
    const struct listing *list = k->evidence->listing;
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

struct err *space_judge(struct space_verdict *out, const struct space_evidence *evidence)
{
    struct court k = {.verdict = out, .evidence = evidence};
    *out = (struct space_verdict){0};
    struct err *e = hear(&k);
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
    free(v->doubtful);
    free(v->voids);
    free(v->unlisted);
    free(v->conflicts);
    *v = (struct space_verdict){0};
}
