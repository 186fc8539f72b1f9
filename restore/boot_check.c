/* restore/boot_check.c: see boot_check.h. */
#include "restore/boot_check.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "restore/backup_facts.h"
#include "restore/finish.h"
#include "restore/scratch.h"
#include "restore/target.h"
#include "server/check_tables.h"
#include "server/private_server.h"
#include "server/server_program.h"

#define DEFAULT_USER "mysql"

/* What a server makes beside the backup's files: logs, temporary and undo tablespaces. */
#define SERVER_BYTES ((uint64_t)256 << 20)

/* What MySQL makes or is given in its datadir to start, and is no part of a restore. Its keyring component is found by the last two,
 * where the installation lets it look there (docs/restore.md). */
enum extra { EXTRA_AUTO_CNF, EXTRA_KEYRING_MANIFEST, EXTRA_KEYRING_CONFIG, EXTRAS };
static const char *const extra_names[EXTRAS] = {
    [EXTRA_AUTO_CNF] = "auto.cnf",
    [EXTRA_KEYRING_MANIFEST] = "mysqld.my",
    [EXTRA_KEYRING_CONFIG] = "component_keyring_file.cnf",
};

struct boot {
    const struct boot_check_options *options;
    char *id;
    struct repo_use *in_use;
    struct restore_options restore;
    enum server_flavour flavour;
    char *version, *program, *datadir;
    char *keyring_file,
        *keyring_pass_file; /* absolute, or NULL: the server goes to its datadir before it reads them */
    char *user;             /* owner of what is in the scratch directory; NULL: we are */
    uint64_t bytes;         /* of what is restored */
    struct scratch *scratch;
    bool was_there[EXTRAS];
    struct private_server *server;
};

/* Whether the datadir is one that the caller wants. */
static bool stays(const struct boot *b)
{
    return b->options->restore->datadir;
}

/* --- before anything is written --- */

static uint64_t restored_bytes(const struct archive_reader *last)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < archive_reader_n_entries(last); i++)
        sum += archive_reader_entry(last, i)->size;
    return sum;
}

static struct err *learn_of(struct boot *b, const struct chain *chain)
{
    struct backup_facts facts;
    TRY(backup_facts_load(&facts, chain));
    b->flavour = facts.flavour;
    b->version = mem_strdup(facts.server_version);
    b->bytes = restored_bytes(chain_last(chain)->reader);
    backup_facts_fini(&facts);
    return NULL;
}

static struct err *learn(struct boot *b)
{
    struct chain chain;
    TRY(repo_find(&b->id, b->restore.repo, b->restore.backup_id));
    TRY(repo_use_begin(&b->in_use, b->restore.repo, b->id));
    b->restore.backup_id = b->id;
    TRY(chain_open(&chain, b->restore.repo, b->id));
    struct err *e = learn_of(b, &chain);
    chain_close(&chain);
    return e;
}

/* The server runs as the owner of its files. We may give them away only as root. */
static struct err *choose_user(struct boot *b)
{
    const char *name = b->options->server_user;
    const struct passwd *user = getpwnam(name ? name : DEFAULT_USER);
    if (name && !user)
        return err_make(USAGE, "--server-user: no such user: %s", name);
    if (geteuid() != 0)
        return name && user->pw_uid != geteuid()
                   ? err_make(USAGE, "--server-user: only root can run a server as another user")
                   : NULL;
    if (!user) {
        log_warning(b->restore.log, "verify",
                    "there is no user " DEFAULT_USER ": the server runs as root");
        return NULL;
    }
    b->user = mem_strdup(user->pw_name);
    return NULL;
}

static struct err *resolve(char **absolute, const char *path)
{
    *absolute = path ? realpath(path, NULL) : NULL;
    return path && !*absolute ? err_os("%s: cannot be used", path) : NULL;
}

static void use_scratch(struct boot *b)
{
    b->restore.datadir = scratch_data(b->scratch);
    b->restore.external_dir = scratch_outside(b->scratch);
    b->restore.user = b->user;
    b->restore.group = NULL;
}

static struct err *prepare(struct boot *b)
{
    const struct boot_check_options *o = b->options;
    TRY(learn(b));
    TRY(server_program_find(&b->program, o->mysqld, b->flavour, b->version));
    log_info(b->restore.log, "verify", "%s will run on what is restored", b->program);
    TRY(resolve(&b->keyring_file, b->restore.keyring_file));
    TRY(resolve(&b->keyring_pass_file, b->restore.keyring_pass_file));
    if (!stays(b))
        TRY(choose_user(b));
    TRY(scratch_open(&b->scratch, o->scratch, SERVER_BYTES + (stays(b) ? 0 : b->bytes),
                     b->restore.log));
    if (!stays(b))
        use_scratch(b);
    return NULL;
}

/* --- what a server needs, and what it leaves --- */

static char *extra_path(const struct boot *b, enum extra i)
{
    return mem_printf("%s/%s", b->datadir, extra_names[i]);
}

static void note_extras(struct boot *b)
{
    for (int i = 0; i < EXTRAS; i++) {
        AUTO_FREE char *path = extra_path(b, i);
        b->was_there[i] = access(path, F_OK) == 0;
    }
}

static struct err *remove_extras(const struct boot *b)
{
    for (int i = 0; i < EXTRAS; i++) {
        AUTO_FREE char *path = extra_path(b, i);
        if (!b->was_there[i] && unlink(path) && errno != ENOENT)
            return err_os("%s: cannot remove", path);
    }
    return file_fsync_dir(b->datadir);
}

static struct err *clean_up(const struct boot *b)
{
    TRY(remove_extras(b));
    return stays(b) ? target_unmark(b->datadir) : NULL;
}

static struct err *write_extra(const struct boot *b, enum extra i, json_t *value)
{
    AUTO_FREE char *path = extra_path(b, i);
    AUTO_FREE char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    if (!text)
        return err_make(USAGE, "--keyring-file: its path is not in UTF-8");
    return b->was_there[i] ? NULL : file_replace(path, text, strlen(text), 0644);
}

static struct err *give_keys(const struct boot *b)
{
    if (b->flavour != FLAVOUR_MYSQL || !b->keyring_file)
        return NULL;
    TRY(write_extra(b, EXTRA_KEYRING_MANIFEST,
                    json_pack("{s:s}", "components", "file://component_keyring_file")));
    return write_extra(b, EXTRA_KEYRING_CONFIG,
                       json_pack("{s:s, s:b}", "path", b->keyring_file, "read_only", 1));
}

/* --- the server --- */

static struct err *start_server(struct boot *b)
{
    const struct boot_check_options *o = b->options;
    struct stat owner;
    AUTO_FREE char *config = mem_printf("%s/" FINISH_CONFIG, b->datadir);
    if (stat(b->datadir, &owner))
        return err_os("%s: cannot stat", b->datadir);
    const bool is_root = geteuid() == 0;
    const struct private_server_options server = {
        .program = b->program,
        .flavour = b->flavour,
        .datadir = b->datadir,
        .defaults_file = config,
        .run_dir = scratch_run(b->scratch),
        .keyring_file = b->keyring_file,
        .keyring_pass_file = b->keyring_pass_file,
        .uid = is_root ? owner.st_uid : (uid_t)-1,
        .gid = is_root ? owner.st_gid : (gid_t)-1,
        .may_upgrade = !stays(b),
        .memory = b->restore.memory,
        .seconds = o->server_wait,
        .log = b->restore.log,
    };
    progress_phase(b->restore.progress, "start server", 0);
    TRY(scratch_give_run(b->scratch, server.uid, server.gid));
    return private_server_start(&b->server, &server);
}

static struct err *compare(struct boot_check_result *out, const struct boot *b)
{
    AUTO(archive_reader) reader = NULL;
    const struct tables_check_options o = {.server = TABLES_CHECK_PRIVATE,
                                           .parallel = b->restore.parallel,
                                           .log = b->restore.log,
                                           .progress = b->restore.progress};
    TRY(repo_open_reader(&reader, b->restore.repo, b->id));
    return tables_check_run(&out->hashes, reader, private_server_conn(b->server), &o);
}

/* Damage does not keep the tables from being compared: it is good to know which of them are the same all the same. */
static struct err *look_at_tables(struct boot_check_result *out, const struct boot *b)
{
    struct check_tables_result r;
    const struct check_tables_options o = {.conn = private_server_conn(b->server),
                                           .parallel = b->restore.parallel,
                                           .purge_seconds = b->options->server_wait,
                                           .log = b->restore.log,
                                           .progress = b->restore.progress};
    struct err *e = check_tables_run(&r, &o);
    out->tables = r.checked;
    out->unchecked = r.unchecked;
    out->bad = r.bad;
    if (e && e->kind != ERR_CORRUPT)
        return e;
    return err_first(e, compare(out, b));
}

static struct err *look(struct boot_check_result *out, struct boot *b)
{
    TRY(give_keys(b));
    TRY(start_server(b));
    struct err *e = private_server_explain(b->server, look_at_tables(out, b));
    if (e && e->kind != ERR_CORRUPT)
        return e;
    progress_phase(b->restore.progress, "stop server", 0);
    return err_first(e, private_server_stop(b->server));
}

/* --- the whole --- */

static struct err *run(struct boot_check_result *out, struct boot *b)
{
    TRY(prepare(b));
    TRY(restore_run(&b->restore));
    b->datadir = realpath(b->restore.datadir, NULL);
    if (!b->datadir)
        return err_os("%s: cannot resolve", b->restore.datadir);
    if (stays(b)) /* B4 */
        TRY(target_mark_again(b->datadir));
    note_extras(b);
    struct err *e = look(out, b);
    private_server_free(b->server);
    b->server = NULL;
    e = err_first(e, clean_up(b));
    if (!e && !out->hashes.has_hashes)
        log_info(b->restore.log, "verify",
                 "backup %s holds no table hashes: %" PRIu64
                 " tables were checked by the server, and not compared",
                 b->id, out->tables);
    return e;
}

struct err *boot_check_run(struct boot_check_result *out, const struct boot_check_options *options)
{
    struct boot b = {.options = options, .restore = *options->restore};
    *out = (struct boot_check_result){0};
    struct err *e = run(out, &b);
    scratch_close(b.scratch);
    repo_use_end(b.in_use);
    free(b.id);
    free(b.version);
    free(b.program);
    free(b.datadir);
    free(b.keyring_file);
    free(b.keyring_pass_file);
    free(b.user);
    return e;
}
