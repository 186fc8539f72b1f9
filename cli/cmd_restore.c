/* cli/cmd_restore.c: mbe restore. */
#include "cli/command.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/proof.h"
#include "restore/target.h"
#include "verify/chain.h"
#include "verify/verified.h"

struct restore_options restore_of(const struct session *s, const char *backup_id)
{
    const struct options *o = s->options;
    return (struct restore_options){
        .repo = s->repo,
        .backup_id = backup_id,
        .datadir = o->datadir,
        .user = o->user,
        .group = o->group,
        .keyring_file = o->keyring_file,
        .keyring_pass_file = o->keyring_pass_file,
        .memory = o->memory,
        .parallel = (int)o->parallel,
        .external_dir = o->external_dir,
        .check = !o->no_check,
        .log = s->log,
        .progress = s->progress,
    };
}

static struct err *chain_of(json_t **out, struct repo *repo, const char *id)
{
    struct chain chain;
    TRY(chain_open(&chain, repo, id));
    *out = verified_chain(&chain);
    chain_close(&chain);
    return NULL;
}

static struct err *restore_and_prove(const struct session *s)
{
    AUTO_FREE char *id = NULL;
    AUTO(repo_use) in_use = NULL;
    json_auto_t *chain = NULL;
    struct proof proof;
    const double started = clock_seconds();
    TRY(target_check(s->options->datadir, s->options->external_dir, s->options->user,
                     s->options->group)); /* to read a stream may take long */
    TRY(repo_find(&id, s->repo, s->options->backup));
    TRY(repo_use_begin(&in_use, s->repo, id));
    TRY(chain_of(&chain, s->repo, id));
    const struct restore_options restore = restore_of(s, id);
    struct err *e = proof_by_boot(&proof, s, &restore);
    if (e && e->kind != ERR_CORRUPT)
        return e;
    proof_record(&proof, s, id, chain, clock_seconds() - started);
    printf("%s  %s ", id, proof.result);
    proof_print(&proof);
    putchar('\n');
    return e;
}

struct err *command_restore(const struct session *s)
{
    const struct restore_options restore = restore_of(s, s->options->backup);
    return s->options->verify ? restore_and_prove(s) : restore_run(&restore);
}
