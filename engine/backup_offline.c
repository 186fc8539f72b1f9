/* engine/backup_offline.c: see backup_offline.h. */
#include "engine/backup_offline.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/aria_copy.h"
#include "engine/manifest.h"
#include "engine/offline_outside.h"
#include "engine/offline_server.h"
#include "engine/space_copy.h"

static const struct backup_family offline_mariadb, offline_mysql;

static struct err *guard(struct backup *b)
{
    AUTO_FREE char *log = mem_printf("%s/%s", b->datadir.log_dir, b->family->log_name);
    return datadir_guard_take(&b->guard, &b->datadir, log, b->options->log);
}

struct err *backup_offline_check(struct backup *b)
{
    const struct backup_options *o = b->options;
    TRY(preflight_open_files(o->parallel));
    TRY(offline_server_load(&b->server, &b->datadir, o->datadir, o->defaults_file));
    b->family = b->server.flavour == FLAVOUR_MYSQL ? &offline_mysql : &offline_mariadb;
    TRY(guard(b));
    TRY(backup_load_keys(b));
    TRY(backup_list_again(b));
    b->size = preflight_data_size(&b->listing, &b->datadir);
    TRY(torn_pages_open(&b->torn, &b->datadir));
    b->env.torn = &b->torn;
    return NULL;
}

static void init_mariadb(struct backup *b)
{
    b->server.undo_tablespaces = 0;
    for (size_t i = 0; i < b->listing.n_spaces; i++) {
        const struct listed_space *l = &b->listing.spaces[i];
        b->server.undo_tablespaces += !l->system && !strchr(l->name, '/');
    }
}

static void init_mysql(struct backup *b)
{
    b->spaces.by_file = true;
}

/* --- copying ---------------------------------------------------------------------------------- */

/* The index of a binary log in the datadir; NULL: there is none there. Owned by caller. */
static struct err *find_binlog(char **index, const struct backup *b)
{
    const struct dirent *de;
    struct err *e;
    *index = NULL;
    DIR *h = opendir(b->datadir.root);
    if (!h)
        return err_os("%s: cannot open directory", b->datadir.root);
    while (!(e = file_next_entry(&de, h, b->datadir.root)) && de && !*index) {
        const char *dot = strrchr(de->d_name, '.');
        if (dot && !strcmp(dot, ".index") && !strstr(de->d_name, "relay"))
            *index = mem_strdup(de->d_name);
    }
    closedir(h);
    return e;
}

/* Whether there is redo to be applied. A server that stops writes a last checkpoint, in MariaDB's log with a record of its own. */
static bool was_killed(const struct backup *b)
{
    enum { CHECKPOINT_RECORD_MAX = 64 };
    return b->span.to >
           b->span.checkpoint_end + (b->family == &offline_mariadb ? CHECKPOINT_RECORD_MAX : 0);
}

static struct err *warn_of_binlog(const struct backup *b)
{
    AUTO_FREE char *index = NULL;
    if (was_killed(b))
        TRY(find_binlog(&index, b));
    if (index)
        log_warning(b->options->log, "redo",
                    "the server was not stopped: of transactions that were being committed, its "
                    "binary log (%s) alone may tell, and that is not in the backup",
                    index);
    return NULL;
}

/* O3 */
static struct err *read_redo(struct backup *b)
{
    progress_phase(b->options->progress, "redo", 0);
    TRY(tailer_wait_end(b->tail));
    b->span.to = tailer_lsn(b->tail);
    log_info(b->options->log, "redo", "from LSN %" PRIu64 " to its end at %" PRIu64, b->span.from,
             b->span.to);
    torn_pages_limit(&b->torn, b->span.from, tailer_seen_lsn(b->tail));
    return warn_of_binlog(b);
}

static struct err *copy(struct backup *b)
{
    TRY(read_redo(b));
    progress_phase(b->options->progress, "copy", b->size.spaces);
    TRY(space_set_copy_all(&b->spaces, &b->listing));
    progress_phase(b->options->progress, "other engines", b->size.others);
    return plain_set_sync(&b->plain, &b->listing, PLAIN_MOVING);
}

static void tell_unclosed(const struct backup *b)
{
    char **names = plain_set_unclosed(&b->plain);
    for (size_t i = 0; names && names[i]; i++)
        log_warning(b->options->log, "copy",
                    "%s was open when the server ended: it needs repair after a restore", names[i]);
    plain_names_free(names);
}

/* When all is copied, in either family. */
static struct err *check_copied(struct backup *b)
{
    if (b->torn.n_mended)
        log_info(b->options->log, "copy", "%" PRIu64 " pages are from the doublewrite buffer",
                 (uint64_t)b->torn.n_mended);
    tell_unclosed(b);
    TRY(offline_server_check_copies(&b->server, &b->datadir, &b->spaces));
    return datadir_guard_check(&b->guard);
}

static struct err *settle_mariadb(struct backup *b)
{
    struct aria_control control;
    TRY(space_settle(&b->spaces, &b->listing, NULL, &b->ghosts));
    TRY(aria_control_read(&control, &b->env));
    TRY(aria_copy_logs(&b->env, &control));
    return check_copied(b);
}

/* --- MySQL: which copies count ---------------------------------------------------------------- */

static bool is_copied(const struct backup *b, const char *name)
{
    for (size_t i = 0; i < b->spaces.n; i++)
        if (!strcmp(b->spaces.items[i].name, name))
            return true;
    return false;
}

/* A server does not start with such files either. */
static struct err *check_twins(const struct backup *b)
{
    const struct space_set *s = &b->spaces;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = s->items[i].older; k; k = s->items[k - 1].older)
            if (!s->items[i].dropped && !s->items[k - 1].dropped &&
                s->items[k - 1].first_page == s->items[i].first_page)
                return err_hint(err_make(REFUSED, "%s and %s are both tablespace %" PRIu32,
                                         s->items[k - 1].name, s->items[i].name, s->items[i].id),
                                "Move the file away that belongs to no table.");
    return NULL;
}

/* The file of an undo tablespace that is made anew counts for nothing. O6 */
static struct err *drop_unfinished(struct backup *b)
{
    for (size_t i = 0; i < b->spaces.n; i++)
        if (offline_undo_is_unfinished(&b->datadir, b->spaces.items[i].id)) {
            log_debug(b->options->log, "copy", "%s was being emptied or made: left to the server",
                      b->spaces.items[i].name);
            space_set_drop_at(&b->spaces, i);
        }
    return check_twins(b);
}

/* A file without a page yet, of a space that the redo creates: the redo makes it. */
static void add_created(struct backup *b, const struct ddl_space *d)
{
    struct mysql_settle *s = &b->settle;
    mem_grow(&s->created, &s->cap_created, s->n_created, sizeof *s->created);
    s->created[s->n_created++] = (struct created_space){d->id, mem_strdup(d->name)};
}

static bool is_listed(const struct backup *b, const char *name)
{
    for (size_t i = 0; i < b->listing.n_spaces; i++)
        if (!strcmp(b->listing.spaces[i].name, name))
            return true;
    return false;
}

/* What the redo has created, and no copy is of. */
static struct err *settle_created(struct backup *b, const struct ddl_events *events)
{
    for (size_t i = 0; i < events->n; i++) {
        const struct ddl_space *d = &events->spaces[i];
        if (!d->created || !d->name || d->deleted || space_set_find(&b->spaces, d->id))
            continue;
        if (!is_listed(b, d->name))
            return err_make(
                CORRUPT, "%s: the redo log creates tablespace %" PRIu32 ", and the file is missing",
                d->name, d->id);
        if (!is_copied(b, d->name))
            add_created(b, d);
    }
    return NULL;
}

static struct err *settle_mysql(struct backup *b)
{
    TRY(drop_unfinished(b));
    struct err *e = settle_created(b, tailer_ddl_events(b->tail));
    tailer_release(b->tail);
    TRY(e);
    TRY(offline_outside_check(&b->datadir, &b->listing, b->keys, b->options->log));
    return check_copied(b);
}

/* --- the redo --------------------------------------------------------------------------------- */

/* O6 */
static struct space_import *find_imports(struct backup *b, size_t *n)
{
    const struct ddl_events *events = tailer_ddl_events(b->tail);
    struct space_import *imports = mem_alloc((b->spaces.n + 1) * sizeof *imports);
    *n = 0;
    for (size_t i = 0; i < b->spaces.n; i++) {
        const struct copied_space *c = &b->spaces.items[i];
        const struct ddl_space *d = ddl_events_find(events, c->id);
        const lsn_t lsn = d && d->deleted < b->span.to ? d->deleted : b->span.to;
        if (!c->dropped && d && d->deleted)
            imports[(*n)++] = (struct space_import){c->id, lsn};
    }
    tailer_release(b->tail);
    return imports;
}

static struct err *store_redo_mysql(struct backup *b, char **map)
{
    size_t n;
    AUTO_FREE struct space_import *imports = find_imports(b, &n);
    TRY(manifest_created_map_json(map, b->settle.created, b->settle.n_created, imports, n));
    return backup_mysql_store_blocks(b);
}

static void fini_mysql(struct backup *b)
{
    mysql_settle_fini(&b->settle);
}

static const struct backup_family offline_mariadb = {
    .log_kind = TAILER_MARIADB,
    .log_name = "ib_logfile0",
    .init = init_mariadb,
    .copy = copy,
    .lock_window = settle_mariadb,
    .store_redo = backup_mariadb_store_redo,
    .count_tables = backup_mariadb_count_tables,
};

static const struct backup_family offline_mysql = {
    .log_kind = TAILER_MYSQL,
    .log_name = "#innodb_redo",
    .init = init_mysql,
    .fini = fini_mysql,
    .copy = copy,
    .lock_window = settle_mysql,
    .store_redo = store_redo_mysql,
    .count_tables = backup_mysql_count_tables,
};
