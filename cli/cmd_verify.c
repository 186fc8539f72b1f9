/* cli/cmd_verify.c: mbe verify. Damage in one backup does not keep the others from being read, nor does its deletion. Each level
 * begins when the one before it has found nothing. */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/catalog.h"
#include "base/cleanup.h"
#include "restore/page_verify.h"
#include "verify/archive_check.h"
#include "verify/chain_files.h"

struct tally {
    size_t read, damaged;
    struct err *first; /* of the damaged, owned */
};

/* What each level found. */
struct results {
    struct archive_check_result archive;
    bool pages_checked;
    struct page_verify_result pages;
};

static void print_result(const char *id, const char *verdict, const struct results *results)
{
    const struct archive_check_result *r = &results->archive;
    printf("%s  %s  bytes=%" PRIu64 " entries=%" PRIu64 " pages=%" PRIu64 " chunks_damaged=%" PRIu64
           " pages_damaged=%" PRIu64 "%s",
           id, verdict, r->bytes, r->entries, r->pages, r->chunks_damaged, r->pages_damaged,
           r->redo_unopened ? " redo=unopened" : "");
    if (results->pages_checked)
        printf(" level=pages tablespaces=%" PRIu64 " pages_restored=%" PRIu64
               " places_damaged=%" PRIu64,
               results->pages.spaces, results->pages.pages, results->pages.damage);
    putchar('\n');
    fflush(stdout);
}

/* Whether a backup whose archive is whole can be restored: all that it rests on is there. */
static struct err *check_chain(struct err *opened, const struct chain *chain)
{
    struct chain_files files;
    if (opened) {
        if (opened->kind == ERR_REFUSED)
            opened->kind = ERR_CORRUPT; /* a missing link is what a check is to find */
        return opened;
    }
    TRY(chain_files_make(&files, chain));
    chain_files_fini(&files);
    return NULL;
}

static struct err *check_pages(struct results *out, const struct session *s, const char *id)
{
    const struct options *o = s->options;
    const char *scratch = getenv("TMPDIR");
    const struct page_verify_options options = {
        .recovery = {.repo = o->repo,
                     .backup_id = id,
                     .keyring_file = o->keyring_file,
                     .keyring_pass_file = o->keyring_pass_file,
                     .memory = o->memory,
                     .task = "verify",
                     .log = s->log,
                     .progress = s->progress},
        .scratch = scratch && *scratch ? scratch : "/var/tmp",
        .parallel = (int)o->parallel,
    };
    out->pages_checked = true;
    return page_verify_run(&out->pages, &options);
}

static void take_damage(struct tally *t, struct err *e, const char *id)
{
    t->damaged++;
    t->first = err_first(t->first, err_wrap(e, "backup %s", id));
}

/* Damage is counted, anything else ends the command. */
static struct err *verify_one(struct tally *t, const struct session *s, const char *id,
                              const char *path)
{
    struct results r = {0};
    struct chain chain;
    AUTO_FD int in_use = -1;
    TRY(catalog_use(&in_use, path));
    struct err *chain_error = chain_open(&chain, s->options->repo, id);
    struct err *e = archive_check(&r.archive, path,
                                  &(struct archive_check_options){
                                      .chain = chain_error ? NULL : &chain,
                                      .parallel = (int)s->options->parallel,
                                      .log = s->log,
                                      .progress = s->progress,
                                  });
    const bool whole = !e;
    if (whole)
        e = check_chain(chain_error, &chain);
    else
        err_free(chain_error); /* it has the same reason */
    chain_close(&chain);
    const bool fits = !e;
    if (fits && s->options->level >= VERIFY_LEVEL_PAGES)
        e = check_pages(&r, s, id);
    if (e && e->kind != ERR_CORRUPT)
        return err_wrap(e, "backup %s", id);
    t->read++;
    print_result(id, !e ? "ok" : whole && !fits ? "broken-chain" : "damaged", &r);
    if (e)
        take_damage(t, e, id);
    return NULL;
}

static struct err *verify_all(struct tally *t, const struct session *s)
{
    struct catalog_list list;
    TRY(catalog_list_load(&list, s->options->repo));
    struct err *e = NULL;
    if (list.n == 0)
        e = err_make(USAGE, "%s: holds no backup", s->options->repo);
    for (size_t i = 0; i < list.n && !e; i++) {
        e = verify_one(t, s, list.items[i].id, list.items[i].archive_path);
        if (e && e->os_errno == ENOENT) {
            err_free(e);
            e = NULL;
            log_info(s->log, "verify", "backup %s was deleted meanwhile", list.items[i].id);
        }
    }
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
