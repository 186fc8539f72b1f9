/* cli/cmd_verify.c: mbe verify. Damage in one backup does not keep the others from being read, nor does its deletion, nor that its
 * key or its version is another one. What fails otherwise ends the command, but does not hide that damage was found. Every level
 * begins with the archive; what it found wrong ends there. */
#include "cli/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/proof.h"
#include "restore/page_verify.h"
#include "verify/archive_check.h"
#include "verify/chain_files.h"
#include "verify/verified.h"

struct tally {
    size_t read, damaged;
    struct err *first;    /* of the damaged, owned */
    struct err *unopened; /* the first that could not be read for what it is, owned */
};

/* What was done with one backup. */
struct look {
    const struct session *session;
    const char *id;
    struct archive_check_result archive;
    struct page_verify_result pages;
    struct proof proof;
    json_t *chain; /* see verified_chain; owned; NULL: not known */
};

/* What the signature of a sound archive is worth: nothing, as long as nobody says whose it has to be. */
static const char *signature_note(const struct look *l)
{
    if (!l->archive.is_signed || strcmp(l->proof.result, "ok") != 0)
        return "";
    return repo_wants_signatures(l->session->repo) ? " signature=ok" : " signature=unchecked";
}

static void print_result(const struct look *l)
{
    const struct archive_check_result *r = &l->archive;
    printf("%s  %s  bytes=%" PRIu64 " entries=%" PRIu64 " pages=%" PRIu64 " chunks_damaged=%" PRIu64
           " pages_damaged=%" PRIu64 "%s%s%s",
           l->id, l->proof.result, r->bytes, r->entries, r->pages, r->chunks_damaged,
           r->pages_damaged, r->redo_unopened ? " redo=unopened" : "",
           r->unopened ? " seal=unopened" : "", signature_note(l));
    if (!strcmp(l->proof.level, "pages"))
        printf(" level=pages tablespaces=%" PRIu64 " pages_restored=%" PRIu64
               " places_damaged=%" PRIu64,
               l->pages.spaces, l->pages.pages, l->pages.damage);
    proof_print(&l->proof);
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

static void take_damage(struct tally *t, struct err *e, const char *id)
{
    t->damaged++;
    t->first = err_first(t->first, err_wrap(e, "backup %s", id));
}

static struct err *check_archive(struct look *l, const struct chain *chain)
{
    const struct archive_check_options options = {
        .chain = chain,
        .parallel = (int)l->session->options->parallel,
        .log = l->session->log,
        .progress = l->session->progress,
    };
    l->proof.level = "archive";
    l->proof.result = "damaged";
    return archive_check(&l->archive, l->session->repo, l->id, &options);
}

static struct err *check_pages(struct look *l)
{
    const struct options *o = l->session->options;
    const char *tmpdir = getenv("TMPDIR");
    const struct page_verify_options options = {
        .recovery = {.repo = l->session->repo,
                     .backup_id = l->id,
                     .keyring_file = o->keyring_file,
                     .keyring_pass_file = o->keyring_pass_file,
                     .memory = o->memory,
                     .task = "verify",
                     .log = l->session->log,
                     .progress = l->session->progress},
        .scratch = o->scratch          ? o->scratch
                   : tmpdir && *tmpdir ? tmpdir
                                       : "/var/tmp",
        .parallel = (int)o->parallel,
    };
    l->proof = (struct proof){.level = "pages", .result = "damaged"};
    TRY(page_verify_run(&l->pages, &options));
    l->proof.result = "ok";
    return NULL;
}

/* What the level asks for behind the archive, of a backup that can be restored. */
static struct err *look_deeper(struct look *l)
{
    const struct session *s = l->session;
    struct restore_options restore = restore_of(s, l->id);
    /* Its target is a scratch directory, and the archive was read just now. */
    restore.check = false;
    switch ((enum verify_level)s->options->level) {
    case VERIFY_LEVEL_ARCHIVE:
        break;
    case VERIFY_LEVEL_PAGES:
        return check_pages(l);
    case VERIFY_LEVEL_TABLES:
        return proof_by_tables(&l->proof, s, l->id);
    case VERIFY_LEVEL_BOOT:
        return proof_by_boot(&l->proof, s, &restore);
    }
    return NULL;
}

/* Without the key of a sealed one there is nothing more to find out: chain_error says so, if more was asked for. */
static struct err *leave_unopened(struct look *l, struct err *chain_error)
{
    l->proof.result = "ok";
    if (l->session->options->level != VERIFY_LEVEL_ARCHIVE)
        return chain_error;
    err_free(chain_error);
    return NULL;
}

/* The archive, and whether all is there that it rests on. */
static struct err *look_at_stored(struct look *l)
{
    struct chain chain;
    struct err *chain_error = chain_open(&chain, l->session->repo, l->id);
    struct err *e = check_archive(l, chain_error ? NULL : &chain);
    if (!e && l->archive.unopened)
        return leave_unopened(l, chain_error);
    if (e) {
        err_free(chain_error); /* it has the same reason */
    } else {
        l->proof.result = "broken-chain";
        e = check_chain(chain_error, &chain);
    }
    if (!e) {
        l->proof.result = "ok";
        l->chain = verified_chain(&chain);
    }
    chain_close(&chain);
    return e;
}

static struct err *look_at(struct look *l)
{
    TRY(look_at_stored(l));
    return l->archive.unopened ? NULL : look_deeper(l);
}

/* Damage is counted, anything else ends the command. */
static struct err *verify_one(struct tally *t, const struct session *s, const char *id)
{
    struct look l = {.session = s, .id = id};
    AUTO(repo_use) in_use = NULL;
    const double started = clock_seconds();
    TRY(repo_use_begin(&in_use, s->repo, id));
    struct err *e = look_at(&l);
    if (e ? e->kind == ERR_CORRUPT : !l.archive.unopened)
        proof_record(&l.proof, s, id, l.chain, clock_seconds() - started);
    json_decref(l.chain);
    if (e && e->kind != ERR_CORRUPT)
        return err_wrap(e, "backup %s", id);
    t->read++;
    print_result(&l);
    if (e)
        take_damage(t, e, id);
    return NULL;
}

/* Not everything that is missing (a scratch directory, a server program) is the backup. */
static bool is_deleted(const struct err *e, struct repo *repo, const char *id)
{
    AUTO_FREE char *found = NULL;
    if (e->os_errno != ENOENT)
        return false;
    struct err *missing = repo_find(&found, repo, id);
    const bool deleted = missing && missing->kind == ERR_USAGE;
    err_free(missing);
    return deleted;
}

/* Another backup may take the key that was given, be signed, or be of a version that this mbe knows. */
static bool is_of_one(const struct err *e)
{
    return e->kind == ERR_SEALED || e->kind == ERR_UNSIGNED || e->kind == ERR_FAILED;
}

static struct err *verify_all(struct tally *t, const struct session *s)
{
    struct backup_ids list;
    TRY(repo_list(&list, s->repo));
    struct err *e = NULL;
    if (list.n == 0)
        e = err_make(USAGE, "%s: holds no backup", repo_name(s->repo));
    for (size_t i = 0; i < list.n && !e; i++) {
        e = verify_one(t, s, list.ids[i]);
        if (e && is_deleted(e, s->repo, list.ids[i])) {
            err_free(e);
            e = NULL;
            log_info(s->log, "verify", "backup %s was deleted meanwhile", list.ids[i]);
        }
        if (e && is_of_one(e)) {
            log_error(s->log, "verify", "%s", e->message);
            t->unopened = err_first(t->unopened, e);
            e = NULL;
        }
    }
    backup_ids_fini(&list);
    return e;
}

static struct err *verify_found(struct tally *t, const struct session *s)
{
    AUTO_FREE char *id = NULL;
    TRY(repo_find(&id, s->repo, s->options->backup));
    return verify_one(t, s, id);
}

struct err *command_verify(const struct session *s)
{
    struct tally t = {0};
    struct err *e = strcmp(s->options->backup, "all") ? verify_found(&t, s) : verify_all(&t, s);
    if (t.read > 1 && t.first)
        t.first = err_wrap(t.first, "%zu of %zu backups are damaged, the first", t.damaged, t.read);
    return err_after(t.first, err_first(e, t.unopened));
}
