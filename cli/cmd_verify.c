/* cli/cmd_verify.c: mbe verify. Damage in one backup does not keep the others from being read. */
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "archive/catalog.h"
#include "base/cleanup.h"
#include "verify/archive_check.h"

struct tally {
    size_t read, damaged;
    struct err *first; /* of the damaged, owned */
};

static void print_result(const char *id, const char *verdict, const struct archive_check_result *r)
{
    printf("%s  %s  bytes=%" PRIu64 " entries=%" PRIu64 " pages=%" PRIu64 " chunks_damaged=%" PRIu64
           " pages_damaged=%" PRIu64 "%s\n",
           id, verdict, r->bytes, r->entries, r->pages, r->chunks_damaged, r->pages_damaged,
           r->redo_unopened ? " redo=unopened" : "");
    fflush(stdout);
}

/* Damage is counted, anything else ends the command. */
static struct err *verify_one(struct tally *t, const struct session *s, const char *id,
                              const char *path)
{
    struct archive_check_result r = {0};
    struct err *e = archive_check(&r, path, (int)s->options->parallel, s->log, s->progress);
    if (e && e->kind != ERR_CORRUPT)
        return err_wrap(e, "backup %s", id);
    t->read++;
    print_result(id, e ? "damaged" : "ok", &r);
    if (e) {
        t->damaged++;
        t->first = err_first(t->first, err_wrap(e, "backup %s", id));
    }
    return NULL;
}

static struct err *verify_all(struct tally *t, const struct session *s)
{
    struct catalog_list list;
    TRY(catalog_list_load(&list, s->options->repo));
    struct err *e = NULL;
    if (list.n == 0)
        e = err_make(USAGE, "%s: holds no backup", s->options->repo);
    for (size_t i = 0; i < list.n && !e; i++)
        e = verify_one(t, s, list.items[i].id, list.items[i].archive_path);
    catalog_list_fini(&list);
    return e;
}

static struct err *verify_found(struct tally *t, const struct session *s)
{
    AUTO_FREE char *path = NULL, *id = NULL;
    TRY(catalog_find(&path, &id, s->options->repo, s->options->backup));
    return verify_one(t, s, id, path);
}

struct err *command_verify(const struct session *s)
{
    struct tally t = {0};
    struct err *e = strcmp(s->options->backup, "all") ? verify_found(&t, s) : verify_all(&t, s);
    if (t.read > 1 && t.first)
        t.first = err_wrap(t.first, "%zu of %zu backups are damaged, the first", t.damaged, t.read);
    return err_first(e, t.first);
}
