/* restore/finish.c: see finish.h. */
#include "restore/finish.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/file.h"
#include "innodb/fil_page.h"
#include "server/replication_sql.h"

/* Any size up to that of the file will do for the last one, unless it is below the least a server takes: 5 MiB, and more with large
 * pages, unless the file is smaller than that. */
static unsigned least_mib(const struct backup_facts *facts, const struct space_plan *p)
{
    const unsigned least = facts->page_size > 32768 ? 12 : facts->page_size > 16384 ? 6 : 5;
    return p->base_size >> 20 < least ? 5 : least;
}

/* "ibdata1:12M;ibdata2:64M:autoextend" for the restored files, which all lie in the datadir. The size of every file but
 * the last must be exact; the last one keeps what the server's own setting said of growing. */
static char *data_file_path(const struct backup_facts *facts, const struct layout *layout)
{
    const char *setting = facts->data_file_path ? facts->data_file_path : "ibdata1:12M:autoextend";
    const char *last = strrchr(setting, ';');
    const char *extend = strstr(last ? last : setting, ":autoextend");
    char *path = NULL;
    for (size_t i = 0; i < layout->n && layout->spaces[i].id == 0; i++) {
        const struct space_plan *p = &layout->spaces[i];
        char *longer;
        if (!p->last_of_space)
            longer = mem_printf("%s%s%s:%" PRIu64 "K", path ? path : "", path ? ";" : "", p->name,
                                p->base_size / 1024);
        else if (extend)
            longer = mem_printf("%s%s%s:%uM%s", path ? path : "", path ? ";" : "", p->name,
                                least_mib(facts, p), extend);
        else
            longer = mem_printf("%s%s%s:%" PRIu64 "K", path ? path : "", path ? ";" : "", p->name,
                                p->base_size / 1024);
        free(path);
        path = longer;
    }
    return path;
}

static bool is_below(const char *path, const char *dir)
{
    const size_t n = strlen(dir);
    return !strncmp(path, dir, n) && path[n] == '/';
}

/* Whether a restored tablespace from outside the datadir was, on the server, somewhere below `dir`. */
static bool has_external_below(const struct layout *layout, const char *dir)
{
    for (size_t i = 0; i < layout->n; i++)
        if (layout->spaces[i].external && is_below(layout->spaces[i].name, dir))
            return true;
    return false;
}

/* An entry of innodb_directories without slashes at its end; false for one that no option file can name. */
static bool tidy_directory(char *dir)
{
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        dir[--n] = '\0';
    return dir[0] == '/' && n > 1 && !strpbrk(dir, "\n\r\"");
}

static void append_directory(char **list, const char *dir)
{
    char *longer = mem_printf("%s%s%s", *list ? *list : "", *list ? ";" : "", dir);
    free(*list);
    *list = longer;
}

static bool list_covers(const char *list, const char *path)
{
    AUTO_FREE char *copy = mem_strdup(list ? list : "");
    char *save = NULL;
    for (char *dir = strtok_r(copy, ";", &save); dir; dir = strtok_r(NULL, ";", &save))
        if (is_below(path, dir))
            return true;
    return false;
}

char *finish_directories(const struct backup_facts *facts, const struct layout *layout,
                         const char *external_dir)
{
    AUTO_FREE char *setting = mem_strdup(facts->directories ? facts->directories : "");
    char *list = NULL, *save = NULL;
    if (!facts->family->told_directories || !external_dir)
        return NULL;
    const bool in_place = !strcmp(external_dir, "/");
    for (char *dir = strtok_r(setting, ";", &save); dir; dir = strtok_r(NULL, ";", &save)) {
        if (!tidy_directory(dir) || !(in_place || has_external_below(layout, dir)))
            continue;
        AUTO_FREE char *moved = layout_external_path(external_dir, dir);
        append_directory(&list, moved);
    }
    for (size_t i = 0; i < layout->n; i++) {
        const struct space_plan *p = &layout->spaces[i];
        if (!p->external || p->id == 0 || list_covers(list, p->target))
            continue;
        AUTO_FREE char *dir = mem_strdup(p->target);
        *strrchr(dir, '/') = '\0';
        if (tidy_directory(dir))
            append_directory(&list, dir);
    }
    return list;
}

static char *config_text(const struct backup_facts *facts, const struct layout *layout,
                         const char *external_dir)
{
    AUTO_FREE char *directories = finish_directories(facts, layout, external_dir);
    AUTO_FREE char *outside =
        directories ? mem_printf("innodb_directories=\"%s\"\n", directories) : mem_strdup("");
    AUTO_FREE char *files = data_file_path(facts, layout);
    AUTO_FREE char *text =
        mem_printf("# Options that a server needs on this restored datadir. Written by mbe.\n"
                   "# %s --defaults-extra-file=%s --datadir=...\n"
                   "[mysqld]\n"
                   "innodb_page_size=%" PRIu32 "\n"
                   "innodb_data_file_path=%s\n",
                   facts->family->server_program, FINISH_CONFIG, facts->page_size, files);
    AUTO_FREE char *undo = facts->undo_tablespaces
                               ? mem_printf("innodb_undo_tablespaces=%s\n", facts->undo_tablespaces)
                               : mem_strdup("");
    AUTO_FREE char *names =
        facts->lower_case_table_names
            ? mem_printf("lower_case_table_names=%s\n", facts->lower_case_table_names)
            : mem_strdup("");
    return mem_printf("%s%s%s%s", text, undo, names, outside);
}

/* The LSN of the last clean shutdown, in page 0 of the first system file, outside what its checksum covers. */
static struct err *set_flush_lsn(const struct layout *layout, lsn_t lsn)
{
    const char *path = layout->spaces[0].target;
    uint8_t word[8];
    AUTO_FD int fd = -1;
    put_be64(word, lsn);
    TRY(file_open(&fd, path, O_WRONLY, 0));
    return file_pwrite(fd, word, sizeof word, FIL_FLUSH_LSN, path);
}

/* Tablespaces that the redo names, and that are there, as the server's own log would name them. */
struct named_spaces {
    struct redo_named_space *items;
    size_t n;
};

static struct named_spaces name_spaces(const struct layout *layout, const struct redo_scan *redo)
{
    struct named_spaces names = {.items = mem_alloc((layout->n + 1) * sizeof *names.items)};
    for (size_t i = 0; i < layout->n; i++) {
        const struct space_plan *p = &layout->spaces[i];
        const struct space_ops *ops = file_ops_find(&redo->files, p->id);
        if (!p->id || !ops || !ops->name || access(p->target, F_OK))
            continue;
        char *name = p->external ? mem_strdup(p->target) : mem_printf("./%s", p->name);
        names.items[names.n++] = (struct redo_named_space){p->id, name};
    }
    return names;
}

static void named_spaces_fini(struct named_spaces *names)
{
    for (size_t i = 0; i < names->n; i++)
        free((char *)(uintptr_t)names->items[i].name);
    free(names->items);
}

struct err *finish_datadir(bool *has_sql, const struct target *target,
                           const struct backup_facts *facts, const struct layout *layout,
                           const struct redo_scan *redo)
{
    const struct redo_family *family = facts->family;
    AUTO_FREE char *config = config_text(facts, layout, target->external_dir);
    AUTO_FREE char *sql = replication_sql(facts->flavour, &facts->coordinates);
    AUTO_FREE uint8_t *log = NULL;
    size_t len;
    lsn_t start;
    *has_sql = sql != NULL;
    TRY(target_write_file(target, FINISH_CONFIG, config, strlen(config), 0640));
    if (sql)
        TRY(target_write_file(target, FINISH_SQL, sql, strlen(sql), 0640));
    struct named_spaces names = {0};
    if (facts->offline && family->names_in_redo)
        names = name_spaces(layout, redo);
    const struct redo_first_log first = {.end = facts->to,
                                         .server_version = facts->server_version,
                                         .counters = &redo->counters,
                                         .offline = facts->offline,
                                         .spaces = names.items,
                                         .n_spaces = names.n};
    struct err *e = family->make_first_log(&log, &len, &start, &first);
    named_spaces_fini(&names);
    TRY(e);
    if (family->flush_lsn)
        TRY(set_flush_lsn(layout, start));
    return target_write_file(target, family->first_log, log, len, 0660);
}
