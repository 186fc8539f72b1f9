/* cli/proof.c: see proof.h. */
#include "cli/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/connection.h"
#include "cli/password.h"
#include "restore/boot_check.h"
#include "verify/verified.h"

static const char *result_of(const struct err *e, uint64_t different)
{
    return different ? "different" : e ? "damaged" : "ok";
}

static struct err *compare(struct tables_check_result *r, const struct session *s, const char *id,
                           char *password)
{
    const struct options *o = s->options;
    AUTO(archive_reader) reader = NULL;
    const struct conn_options conn = connection_of(o, password);
    const struct tables_check_options options = {.server = TABLES_CHECK_SHARED,
                                                 .parallel = (int)o->parallel,
                                                 .lock_wait_seconds = (unsigned)o->lock_wait,
                                                 .log = s->log,
                                                 .progress = s->progress};
    TRY(repo_open_reader(&reader, s->repo, id));
    return tables_check_run(r, reader, &conn, &options);
}

struct err *proof_by_tables(struct proof *p, const struct session *s, const char *id)
{
    struct tables_check_result r = {0};
    char *password;
    TRY(password_load(&password, s->options, s->log));
    struct err *e = compare(&r, s, id, password);
    password_free(password);
    if (!e && !r.has_hashes)
        e = err_hint(err_make(REFUSED, "it holds no table hashes to compare a server with"),
                     "Take backups with --hash.");
    *p = (struct proof){.level = "tables",
                        .result = result_of(e, r.different),
                        .tables = r.compared + r.unproven,
                        .compared = r.compared,
                        .different = r.different,
                        .unproven = r.unproven};
    return e;
}

struct err *proof_by_boot(struct proof *p, const struct session *s,
                          const struct restore_options *restore)
{
    const struct options *o = s->options;
    struct boot_check_result r;
    const struct boot_check_options options = {.restore = restore,
                                               .mysqld = o->mysqld,
                                               .scratch = o->scratch,
                                               .server_user = o->server_user,
                                               .server_wait = (unsigned)o->server_wait};
    struct err *e = boot_check_run(&r, &options);
    *p = (struct proof){.level = "boot",
                        .result = r.bad ? "damaged" : result_of(e, r.hashes.different),
                        .tables = r.tables,
                        .unchecked = r.unchecked,
                        .compared = r.hashes.compared,
                        .different = r.hashes.different,
                        .unproven = r.hashes.unproven};
    return e;
}

void proof_print(const struct proof *p)
{
    if (strcmp(p->level, "tables") && strcmp(p->level, "boot"))
        return;
    printf(" level=%s tables=%" PRIu64 " unchecked=%" PRIu64 " compared=%" PRIu64
           " different=%" PRIu64 " unproven=%" PRIu64,
           p->level, p->tables, p->unchecked, p->compared, p->different, p->unproven);
}

void proof_record(const struct proof *p, const struct session *s, const char *id,
                  const json_t *chain, double seconds)
{
    const struct verified v = {.level = p->level,
                               .result = p->result,
                               .tables = p->tables,
                               .compared = p->compared,
                               .seconds = seconds};
    struct err *e = verified_append(s->repo, id, chain, &v);
    if (e)
        log_warning(s->log, "verify", "the result is not recorded: %s", e->message);
    err_free(e);
}
