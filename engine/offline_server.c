/* engine/offline_server.c: see offline_server.h.
 *
 * Facts, MySQL 9.7.4, by experiment: an undo tablespace with number n has the id 0xFFFFFFF0 - n - 127 * k, with k growing each time it is emptied;
 * numbers 1 and 2 are always there. While one is emptied or made there is undo_<n>_trunc.log in the undo directory. */
#include "engine/offline_server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/redo_dir.h"
#include "innodb/doublewrite.h"
#include "innodb/page_check.h"
#include "innodb/redo_mariadb.h"
#include "server/datadir_check.h"
#include "server/server_settings.h"

enum {
    SMALL_FILE_MAX = 65536, /* auto.cnf, mariadb_upgrade_info */
    HEAD_BYTES = 64,        /* of page 0: behind the flags */
    UNDO_IDS_PER_NUMBER = 127,
    UNDO_IDS_MAX = UNDO_IDS_PER_NUMBER * 512,
    UNDO_IMPLICIT = 2, /* how many undo tablespaces MySQL has at least */
};
#define UNDO_FIRST_ID UINT32_C(0xFFFFFFEF)

static char *redo_path(const struct datadir *d, enum server_flavour flavour)
{
    return mem_printf("%s/%s", d->log_dir,
                      flavour == FLAVOUR_MYSQL ? "#innodb_redo" : "ib_logfile0");
}

/* Resolves the datadir as one of that family, and looks whether its redo log is there. */
static struct err *try_flavour(struct server_info *server, struct datadir *datadir,
                               const char *root, enum server_flavour flavour, bool *found)
{
    struct stat st;
    server->flavour = flavour;
    TRY(datadir_resolve(datadir, server, root));
    datadir->at_rest = true;
    AUTO_FREE char *path = redo_path(datadir, flavour);
    *found = !stat(path, &st);
    if (!*found && errno != ENOENT)
        return err_os("%s: cannot stat", path);
    if (!*found)
        datadir_fini(datadir);
    return NULL;
}

static struct err *find_flavour(struct server_info *server, struct datadir *datadir,
                                const char *root)
{
    bool found;
    TRY(try_flavour(server, datadir, root, FLAVOUR_MYSQL, &found));
    if (!found)
        TRY(try_flavour(server, datadir, root, FLAVOUR_MARIADB, &found));
    if (found)
        return NULL;
    return err_hint(
        err_make(REFUSED, "%s: has no redo log (neither #innodb_redo nor ib_logfile0)", root),
        "If innodb_log_group_home_dir is set, name the server's option file "
        "(--defaults-file).");
}

static struct err *find_page_size(struct server_info *server, struct datadir *datadir)
{
    const char *path = datadir->system_paths[0];
    uint8_t head[HEAD_BYTES];
    AUTO_FD int fd = -1;
    size_t got;
    bool absent;
    TRY(file_absent(file_open(&fd, path, O_RDONLY, 0), &absent));
    if (absent)
        return err_hint(err_make(REFUSED, "%s: there is no system tablespace", path),
                        "If innodb_data_file_path or innodb_data_home_dir is set, name the "
                        "server's option file (--defaults-file).");
    TRY(file_pread(fd, head, sizeof head, 0, &got, path));
    for (uint32_t size = INNODB_PAGE_SIZE_MIN; got == sizeof head && size <= INNODB_PAGE_SIZE_MAX;
         size *= 2) {
        struct space_format format;
        struct err *e = space_format_decode(&format, be32(head + FSP_FLAGS), size);
        if (!e) {
            datadir->page_size = server->page_size = size;
            return NULL;
        }
        err_free(e);
    }
    return err_make(CORRUPT, "%s: page 0 fits no page size", path);
}

/* --- version ---------------------------------------------------------------------------------- */

/* Text of a small file; NULL: it is not there. Owned by caller. */
static struct err *read_small(char **text, const char *dir, const char *name)
{
    AUTO_FREE char *path = mem_printf("%s/%s", dir, name);
    size_t len;
    bool absent;
    *text = NULL;
    return file_absent(file_read_all(text, &len, path, SMALL_FILE_MAX), &absent);
}

/* "10.11.19" of "MariaDB 10.11.19", "Backup 10.11.19", "10.11.19-MariaDB"; owned by caller. */
static char *number_in(const char *text)
{
    const char *from = text + strcspn(text, "0123456789");
    return mem_printf("%.*s", (int)strspn(from, "0123456789."), from);
}

static bool is_older(const char *a, const char *b)
{
    for (int i = 0; i < 3; i++) {
        char *a_end, *b_end;
        const unsigned long x = strtoul(a, &a_end, 10), y = strtoul(b, &b_end, 10);
        if (x != y)
            return x < y;
        a = a_end + (*a_end == '.');
        b = b_end + (*b_end == '.');
    }
    return false;
}

static struct err *mariadb_version(char **number, const struct datadir *d)
{
    AUTO_FREE char *path = redo_path(d, FLAVOUR_MARIADB);
    AUTO_FREE uint8_t *area = mem_alloc(REDO_START_OFFSET);
    AUTO_FREE char *info = NULL;
    AUTO_FD int fd = -1;
    struct redo_log_header h;
    size_t got;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    TRY(file_pread(fd, area, REDO_START_OFFSET, 0, &got, path));
    TRY_AT(redo_log_header_parse(&h, area, got), "%s", path);
    *number = number_in(h.creator);
    TRY(read_small(&info, d->root, "mariadb_upgrade_info"));
    if (!info)
        TRY(read_small(&info, d->root, "mysql_upgrade_info"));
    AUTO_FREE char *upgraded = number_in(info ? info : "");
    if (!is_older(*number, upgraded))
        return NULL;
    free(*number);
    *number = upgraded;
    upgraded = NULL;
    return NULL;
}

static struct err *mysql_version(char **number, const struct datadir *d)
{
    AUTO_FREE char *dir = redo_path(d, FLAVOUR_MYSQL);
    struct redo_file f;
    TRY(redo_dir_open_checkpoint(&f, dir));
    *number = number_in(f.header.creator);
    redo_file_close(&f);
    return NULL;
}

static struct err *find_version(struct server_info *s, const struct datadir *d)
{
    const bool is_mysql = s->flavour == FLAVOUR_MYSQL;
    AUTO_FREE char *number = NULL;
    AUTO_FREE char *auto_cnf = NULL;
    enum server_flavour flavour;
    TRY(is_mysql ? mysql_version(&number, d) : mariadb_version(&number, d));
    s->version = mem_printf("%s%s", number, is_mysql ? "" : "-MariaDB");
    TRY(version_check(&flavour, &s->version_number, s->version, NULL));
    if (!is_mysql)
        return NULL;
    TRY(read_small(&auto_cnf, d->root, "auto.cnf"));
    free(s->server_uuid);
    s->server_uuid = auto_cnf ? auto_cnf_uuid(auto_cnf) : NULL;
    return NULL;
}

struct err *offline_server_load(struct server_info *server, struct datadir *datadir,
                                const char *root, const char *defaults_file)
{
    *server = (struct server_info){0};
    *datadir = (struct datadir){0};
    if (defaults_file)
        TRY(server_settings_load(server, defaults_file));
    server->encrypt_log = false; /* the log itself tells */
    AUTO_FREE char *real = realpath(root, NULL);
    if (!real)
        return err_make(REFUSED, "%s: cannot find the datadir: %s", root, strerror(errno));
    if (!server->datadir || server->datadir[0] != '/') {
        free(server->datadir);
        server->datadir = mem_strdup(real);
    }
    TRY(find_flavour(server, datadir, real));
    TRY(find_page_size(server, datadir));
    return find_version(server, datadir);
}

/* --- is it all there? ------------------------------------------------------------------------- */

static uint32_t undo_number(space_id_t id)
{
    const uint32_t below = UNDO_FIRST_ID - id;
    return below < UNDO_IDS_MAX ? below % UNDO_IDS_PER_NUMBER + 1 : 0;
}

static bool has_undo_note(const struct datadir *d, uint32_t number)
{
    AUTO_FREE char *path = mem_printf("%s/undo_%" PRIu32 "_trunc.log", d->undo_dir, number);
    return !access(path, F_OK);
}

bool offline_undo_is_unfinished(const struct datadir *d, space_id_t id)
{
    const uint32_t number = undo_number(id);
    return number && has_undo_note(d, number);
}

bool offline_undo_any_unfinished(const struct datadir *d)
{
    for (uint32_t n = 1; n <= UNDO_IDS_PER_NUMBER; n++)
        if (has_undo_note(d, n))
            return true;
    return false;
}

static struct err *no_undo(const struct datadir *d, const char *which)
{
    return err_hint(err_make(REFUSED, "%s: %s is not there", d->undo_dir, which),
                    "If innodb_undo_directory is set, name the server's option file "
                    "(--defaults-file).");
}

static struct err *check_mysql_undo(const struct datadir *d, const struct space_set *copies)
{
    bool found[UNDO_IMPLICIT + 1] = {false};
    for (size_t i = 0; i < copies->n; i++) {
        const uint32_t number = undo_number(copies->items[i].id);
        if (number && number <= UNDO_IMPLICIT)
            found[number] = true;
    }
    for (uint32_t n = 1; n <= UNDO_IMPLICIT; n++) {
        AUTO_FREE char *name = mem_printf("undo tablespace %" PRIu32, n);
        if (!found[n] && !has_undo_note(d, n))
            return no_undo(d, name);
    }
    return NULL;
}

static struct err *check_mariadb_undo(const struct datadir *d, const struct space_set *copies)
{
    const char *path = d->system_paths[0];
    AUTO_FREE uint8_t *page = mem_alloc_aligned(d->page_size);
    AUTO_FD int fd = -1;
    size_t got;
    TRY(file_open(&fd, path, O_RDONLY, 0));
    TRY(file_pread(fd, page, d->page_size, (uint64_t)TRX_SYS_PAGE_NO * d->page_size, &got, path));
    for (unsigned i = 0; got == d->page_size && i < TRX_SYS_SEGMENTS; i++) {
        const space_id_t id = trx_sys_undo_space(page, i);
        AUTO_FREE char *name = mem_printf("undo tablespace %" PRIu32, id);
        if (id && !space_set_find(copies, id))
            return no_undo(d, name);
    }
    return NULL;
}

static struct err *check_system(const struct datadir *d)
{
    uint8_t head[HEAD_BYTES];
    uint64_t pages = 0;
    AUTO_FD int fd = -1;
    size_t got;
    for (size_t i = 0; i < d->n_system; i++) {
        struct stat st;
        if (stat(d->system_paths[i], &st))
            return err_os("%s: cannot stat", d->system_paths[i]);
        pages += (uint64_t)st.st_size / d->page_size;
    }
    TRY(file_open(&fd, d->system_paths[0], O_RDONLY, 0));
    TRY(file_pread(fd, head, sizeof head, 0, &got, d->system_paths[0]));
    const uint32_t size = got == sizeof head ? be32(head + FSP_SIZE) : 0;
    if (size <= pages)
        return NULL;
    return err_hint(err_make(REFUSED,
                             "%s: the system tablespace has %" PRIu32 " pages, and its %zu file%s "
                             "%" PRIu64,
                             d->system_paths[0], size, d->n_system, d->n_system > 1 ? "s" : "",
                             pages),
                    "If innodb_data_file_path is set, name the server's option file "
                    "(--defaults-file).");
}

struct err *offline_server_check_copies(const struct server_info *server,
                                        const struct datadir *datadir,
                                        const struct space_set *copies)
{
    TRY(check_system(datadir));
    return server->flavour == FLAVOUR_MYSQL ? check_mysql_undo(datadir, copies)
                                            : check_mariadb_undo(datadir, copies);
}
