/* engine/datadir.c: see datadir.h. */
#include "engine/datadir.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* Extensions of files in database directories; unit: the files of one table must be of one moment. */
struct ext_rule {
    const char *ext;
    bool unit;
};

static const struct ext_rule mariadb_exts[] = {
    {".frm", false}, {".par", false}, {".opt", false}, {".TRG", false},
    {".TRN", false}, {".isl", false}, {".MRG", false}, {".MYD", true},
    {".MYI", true},  {".MAD", true},  {".MAI", true},  {".CSV", true},
    {".CSM", true},  {".ARZ", true},  {".ARM", true},  {NULL, false},
};

/* A table's .sdi has a number in its name, and is written by DDL only. */
static const struct ext_rule mysql_exts[] = {
    {".sdi", false}, {".MRG", false}, {".MYD", true}, {".MYI", true}, {".CSV", true},
    {".CSM", true},  {".ARZ", true},  {".ARM", true}, {NULL, false},
};

/* Files of the datadir itself that a restored server can use; a name that begins with '.' is an extension. All others there are
 * made anew by a server (logs, pid, temporary tablespace), belong to its identity, or are copied by their own rules. */
static const char *const mariadb_root[] = {"mysql_upgrade_info", "mariadb_upgrade_info",
                                           "ib_buffer_pool", NULL};
/* These too, at rest: what a server that starts has to finish or to take back. */
static const char *const mariadb_root_at_rest[] = {"ddl_recovery.log", "ddl_recovery-backup.log",
                                                   NULL};
static const char *const mysql_root_at_rest[] = {NULL};
static const char *const mysql_root[] = {"mysqld-auto.cnf",
                                         "mysql_upgrade_info",
                                         "mysql_upgrade_history",
                                         "ib_buffer_pool",
                                         ".pem",
                                         NULL};

struct datadir_rules {
    const struct ext_rule *exts;
    const char *const *root, *const *root_at_rest;
    const char *undo_prefix; /* of undo tablespaces: three digits follow */
    const char *undo_ext;    /* of those that have a name of their own; NULL: there are none */
    bool isl;                /* link files point to tablespaces outside */
    bool spaces_anywhere;    /* tablespaces lie in any directory, at any depth */
};

static const struct datadir_rules family_rules[] = {
    [FLAVOUR_MARIADB] = {mariadb_exts, mariadb_root, mariadb_root_at_rest, "undo", NULL, true,
                         false},
    [FLAVOUR_MYSQL] = {mysql_exts, mysql_root, mysql_root_at_rest, "undo_", ".ibu", false, true},
};

static bool ends_with(const char *s, const char *tail)
{
    const size_t n = strlen(s), m = strlen(tail);
    return n >= m && !strcmp(s + n - m, tail);
}

static bool is_undo_file(const struct datadir_rules *r, const char *name)
{
    const size_t n = strlen(r->undo_prefix);
    return (!strncmp(name, r->undo_prefix, n) && strlen(name) == n + 3 &&
            strspn(name + n, "0123456789") == 3) ||
           (r->undo_ext && ends_with(name, r->undo_ext));
}

static bool is_one_of(const char *const *names, const char *name)
{
    for (const char *const *k = names; *k; k++)
        if (**k == '.' ? ends_with(name, *k) : !strcmp(name, *k))
            return true;
    return false;
}

static bool is_kept_in_root(const struct datadir *d, const char *name)
{
    return is_one_of(d->rules->root, name) ||
           (d->at_rest && is_one_of(d->rules->root_at_rest, name));
}

static void add_string(char ***list, size_t *n, size_t *cap, char *s)
{
    mem_grow(list, cap, *n, sizeof **list);
    (*list)[(*n)++] = s;
}

enum { STRANGE_DEPTH_MAX = 32 };

char *datadir_path(const struct datadir *d, const char *name)
{
    const size_t n = strlen(d->server_root);
    if (!name || !name[0])
        return mem_strdup(d->root);
    while (name[0] == '.' && name[1] == '/')
        name += 2;
    if (!strcmp(name, "."))
        name = "";
    char *path;
    if (name[0] != '/')
        path = mem_printf("%s/%s", d->root, name);
    else if (!strncmp(name, d->server_root, n) && (name[n] == '/' || !name[n]))
        path = mem_printf("%s%s", d->root, name + n);
    else
        path = mem_strdup(name);
    for (size_t len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
        path[len - 1] = '\0';
    return path;
}

/* "ibdata1:12M;/disk2/ibdata2:10M:autoextend" -> paths. Absolute names count only with an empty innodb_data_home_dir. */
static struct err *system_files(struct datadir *d, const struct server_info *s)
{
    const char *spec = s->innodb_data_file_path && s->innodb_data_file_path[0]
                           ? s->innodb_data_file_path
                           : "ibdata1";
    const bool absolute_names = s->innodb_data_home_dir && !s->innodb_data_home_dir[0];
    AUTO_FREE char *home = datadir_path(d, s->innodb_data_home_dir);
    AUTO_FREE char *copy = mem_strdup(spec);
    size_t cap_paths = 0, cap_names = 0, n_names = 0;
    char *save = NULL;
    for (char *item = strtok_r(copy, ";", &save); item; item = strtok_r(NULL, ";", &save)) {
        item[strcspn(item, ":")] = '\0';
        const char *slash = strrchr(item, '/');
        char *path = item[0] == '/' && absolute_names
                         ? datadir_path(d, item)
                         : mem_printf("%s/%s", home, item + strspn(item, "/"));
        add_string(&d->system_paths, &d->n_system, &cap_paths, path);
        add_string(&d->system_names, &n_names, &cap_names, mem_strdup(slash ? slash + 1 : item));
    }
    for (size_t i = 0; i < d->n_system; i++)
        for (size_t j = 0; j < i; j++)
            if (!strcmp(d->system_names[i], d->system_names[j]))
                return err_make(REFUSED, "innodb_data_file_path %s: two data files are named %s",
                                spec, d->system_names[i]);
    return d->n_system ? NULL
                       : err_make(SERVER, "innodb_data_file_path %s: no data file in it", spec);
}

static char *directory_of(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return path;
}

/* Directories that hold InnoDB's files or logs, not a database, should they lie below the datadir. */
static void own_directories(struct datadir *d, const struct server_info *s)
{
    size_t cap = 0;
    add_string(&d->own_dirs, &d->n_own_dirs, &cap, mem_strdup(d->undo_dir));
    add_string(&d->own_dirs, &d->n_own_dirs, &cap, mem_strdup(d->log_dir));
    add_string(&d->own_dirs, &d->n_own_dirs, &cap, mem_strdup(d->aria_log_dir));
    for (size_t i = 0; i < d->n_system; i++)
        add_string(&d->own_dirs, &d->n_own_dirs, &cap,
                   directory_of(mem_strdup(d->system_paths[i])));
    const char *const files[] = {s->log_bin_basename, s->relay_log_basename, s->log_error,
                                 s->pid_file,         s->general_log_file,   s->slow_query_log_file,
                                 s->log_bin_index,    s->relay_log_index};
    const char *const dirs[] = {s->innodb_doublewrite_dir, s->innodb_temp_tablespaces_dir,
                                s->innodb_tmpdir, s->tmpdir};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i] && files[i][0])
            add_string(&d->own_dirs, &d->n_own_dirs, &cap, directory_of(datadir_path(d, files[i])));
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
        if (dirs[i] && dirs[i][0])
            add_string(&d->own_dirs, &d->n_own_dirs, &cap, datadir_path(d, dirs[i]));
}

static bool is_below(const char *path, const char *dir)
{
    const size_t n = strlen(dir);
    return !strncmp(path, dir, n) && path[n] == '/';
}

/* Takes dir, unless the walk through the datadir comes there anyway. */
static void add_space_dir(struct datadir *d, size_t *cap, char *dir)
{
    const char *rest = dir + strlen(d->root);
    if (!strcmp(dir, d->root) ||
        (is_below(dir, d->root) && !strstr(rest, "/#") && !strstr(rest, "/.")))
        free(dir);
    else
        add_string(&d->space_dirs, &d->n_space_dirs, cap, dir);
}

/* MySQL looks for tablespaces in all of these, and in what lies below. */
static void space_directories(struct datadir *d, const struct server_info *s)
{
    AUTO_FREE char *more = mem_strdup(s->innodb_directories ? s->innodb_directories : "");
    size_t cap = 0;
    char *save = NULL;
    add_string(&d->space_dirs, &d->n_space_dirs, &cap, mem_strdup(d->root));
    add_space_dir(d, &cap, mem_strdup(d->undo_dir));
    for (size_t i = 0; i < d->n_system; i++)
        add_space_dir(d, &cap, directory_of(mem_strdup(d->system_paths[i])));
    for (char *dir = strtok_r(more, ";", &save); dir; dir = strtok_r(NULL, ";", &save))
        add_space_dir(d, &cap, datadir_path(d, dir));
}

struct err *datadir_resolve(struct datadir *out, const struct server_info *s, const char *root)
{
    *out = (struct datadir){.rules = &family_rules[s->flavour],
                            .server_root = mem_strdup(s->datadir),
                            .page_size = s->page_size};
    out->root = realpath(root ? root : s->datadir, NULL);
    if (!out->root)
        return err_hint(
            err_make(REFUSED, "%s: cannot find the datadir: %s", root ? root : s->datadir,
                     strerror(errno)),
            "mbe must run on the server's machine, as a user who may read the datadir.");
    out->undo_dir = datadir_path(out, s->innodb_undo_directory);
    out->log_dir = datadir_path(out, s->innodb_log_group_home_dir);
    out->aria_log_dir = datadir_path(out, s->aria_log_dir_path);
    if (s->flavour == FLAVOUR_MYSQL)
        out->doublewrite_dir = datadir_path(
            out, s->innodb_doublewrite_dir ? s->innodb_doublewrite_dir : s->innodb_data_home_dir);
    TRY(system_files(out, s));
    own_directories(out, s);
    if (out->rules->spaces_anywhere)
        space_directories(out, s);
    return NULL;
}

static void free_strings(char **s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(s[i]);
    free(s);
}

void datadir_fini(struct datadir *d)
{
    free(d->root);
    free(d->server_root);
    free(d->undo_dir);
    free(d->log_dir);
    free(d->aria_log_dir);
    free(d->doublewrite_dir);
    free_strings(d->system_paths, d->n_system);
    free_strings(d->system_names, d->n_system);
    free_strings(d->space_dirs, d->n_space_dirs);
    free_strings(d->own_dirs, d->n_own_dirs);
    *d = (struct datadir){0};
}

static void add_space(struct listing *l, struct listed_space s)
{
    mem_grow(&l->spaces, &l->cap_spaces, l->n_spaces, sizeof *l->spaces);
    l->spaces[l->n_spaces++] = s;
}

static void add_file(struct listing *l, const struct datadir *d, char *name)
{
    struct listed_file f = {.name = name, .unit_len = (uint32_t)strlen(name)};
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash ? slash : name, '.');
    for (const struct ext_rule *r = d->rules->exts; dot && r->ext; r++)
        if (!strcmp(dot, r->ext)) {
            f.known = true;
            if (r->unit)
                f.unit_len = (uint32_t)(dot - name);
        }
    mem_grow(&l->files, &l->cap_files, l->n_files, sizeof *l->files);
    l->files[l->n_files++] = f;
}

static bool is_space_file(const struct datadir_rules *r, const char *base)
{
    return ends_with(base, ".ibd") || (r->spaces_anywhere && is_undo_file(r, base));
}

int listed_file_compare(const struct listed_file *a, const struct listed_file *b)
{
    const size_t n = a->unit_len < b->unit_len ? a->unit_len : b->unit_len;
    const int c = memcmp(a->name, b->name, n);
    if (c)
        return c;
    if (a->unit_len != b->unit_len)
        return a->unit_len < b->unit_len ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int by_unit(const void *a, const void *b)
{
    return listed_file_compare(a, b);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct listed_space *)a)->name, ((const struct listed_space *)b)->name);
}

static int by_string(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The tablespace behind a link file; a link that vanished or is empty is stale and none. */
static struct err *add_linked_space(struct listing *l, const char *isl_path)
{
    AUTO_FREE char *target = NULL;
    size_t len;
    bool absent;
    TRY(file_absent(file_read_all(&target, &len, isl_path, PATH_MAX), &absent));
    if (absent)
        return NULL;
    while (len && isspace((unsigned char)target[len - 1]))
        target[--len] = '\0';
    if (target[0] != '/' || !file_name_is_safe(target + 1))
        return NULL;
    add_space(l, (struct listed_space){
                     .name = mem_strdup(target), .path = mem_strdup(target), .external = true});
    return NULL;
}

/* A directory inside a database directory is nobody's that we know: all of it is copied as it is, and reported. */
static struct err *list_strange(struct listing *l, const struct datadir *d, const char *rel,
                                int depth)
{
    AUTO_FREE char *dir = mem_printf("%s/%s", d->root, rel);
    if (depth > STRANGE_DEPTH_MAX)
        return err_make(IO, "%s: directories are nested too deeply", dir);
    DIR *h = opendir(dir);
    if (!h && errno == ENOENT)
        return NULL;
    if (!h)
        return err_os("%s: cannot open directory", dir);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, h, dir)) && de) {
        AUTO_FREE char *path = mem_printf("%s/%s", rel, de->d_name);
        if (de->d_type == DT_DIR) {
            e = list_strange(l, d, path, depth + 1);
            if (e)
                break;
            continue;
        }
        if (d->rules->spaces_anywhere && is_space_file(d->rules, de->d_name))
            continue; /* list_space_dir has it */
        add_file(l, d, mem_strdup(path));
        struct listed_file *f = &l->files[l->n_files - 1];
        f->known = false;
        f->unit_len = (uint32_t)strlen(f->name);
    }
    closedir(h);
    return e;
}

/* Of running DDL; of an undo truncation; export metadata of FLUSH ... FOR EXPORT, and its key. */
static bool is_work_file(const struct datadir *d, const char *f)
{
    return (!d->at_rest && !strncmp(f, "#sql", 4)) || ends_with(f, ".cfg") ||
           ends_with(f, ".cfp") || ends_with(f, "_trunc.log");
}

static struct err *list_entry(struct listing *l, const struct datadir *d, const char *db,
                              const struct dirent *de)
{
    const char *f = de->d_name;
    AUTO_FREE char *name = mem_printf("%s/%s", db, f);
    if (de->d_type == DT_DIR)
        return list_strange(l, d, name, 1);
    if (is_space_file(d->rules, f)) {
        if (!d->rules->spaces_anywhere) /* else list_space_dir has it */
            add_space(l, (struct listed_space){.name = mem_strdup(name),
                                               .path = mem_printf("%s/%s", d->root, name)});
        return NULL;
    }
    if (is_work_file(d, f))
        return NULL;
    add_file(l, d, mem_strdup(name));
    if (!d->rules->isl || !ends_with(f, ".isl"))
        return NULL;
    AUTO_FREE char *isl = mem_printf("%s/%s", d->root, name);
    return add_linked_space(l, isl);
}

static struct err *list_database(struct listing *l, const struct datadir *d, const char *db)
{
    AUTO_FREE char *dir = mem_printf("%s/%s", d->root, db);
    DIR *h = opendir(dir);
    if (!h && errno == ENOENT)
        return NULL; /* dropped meanwhile */
    if (!h)
        return err_os("%s: cannot open directory", dir);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, h, dir)) && de && !(e = list_entry(l, d, db, de)))
        ;
    closedir(h);
    return e;
}

static struct err *list_system(struct listing *l, const struct datadir *d)
{
    uint32_t first_page = 0;
    for (size_t i = 0; i < d->n_system; i++) {
        struct stat st;
        if (stat(d->system_paths[i], &st))
            return err_os("%s: cannot stat", d->system_paths[i]);
        add_space(l, (struct listed_space){.name = mem_strdup(d->system_names[i]),
                                           .path = mem_strdup(d->system_paths[i]),
                                           .system = true,
                                           .first_page = first_page});
        first_page += (uint32_t)((uint64_t)st.st_size / d->page_size);
    }
    return NULL;
}

static struct err *list_undo(struct listing *l, const struct datadir *d)
{
    DIR *h = opendir(d->undo_dir);
    if (!h)
        return err_os("%s: cannot open directory", d->undo_dir);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, h, d->undo_dir)) && de) {
        const char *f = de->d_name;
        if (!is_undo_file(d->rules, f))
            continue;
        add_space(l, (struct listed_space){.name = mem_strdup(f),
                                           .path = mem_printf("%s/%s", d->undo_dir, f)});
    }
    closedir(h);
    return e;
}

/* Undo tablespaces in the undo directory have that directory in no name: it is a setting of the server. */
void listing_add_space(struct listing *l, const struct datadir *d, const char *path)
{
    const char *base = strrchr(path, '/') + 1;
    const bool is_undo = is_undo_file(d->rules, base) && is_below(path, d->undo_dir) &&
                         path + strlen(d->undo_dir) + 1 == base;
    const bool inside = is_below(path, d->root);
    const char *name = is_undo ? base : inside ? path + strlen(d->root) + 1 : path;
    add_space(l, (struct listed_space){.name = mem_strdup(name),
                                       .path = mem_strdup(path),
                                       .external = !is_undo && !inside});
}

/* Links lead to directories of databases at the first level only: no walk goes round in circles. */
static bool is_walkable(const char *path, const struct dirent *de, int depth)
{
    struct stat st;
    if (de->d_name[0] == '#' || de->d_name[0] == '.' || !strcmp(de->d_name, "lost+found"))
        return false;
    return de->d_type == DT_DIR ||
           (depth == 1 && de->d_type == DT_LNK && !stat(path, &st) && S_ISDIR(st.st_mode));
}

/* Tablespaces in a directory that InnoDB looks for them in, at any depth. */
static struct err *list_space_dir(struct listing *l, const struct datadir *d, const char *dir,
                                  int depth)
{
    if (depth > STRANGE_DEPTH_MAX)
        return err_make(IO, "%s: directories are nested too deeply", dir);
    DIR *h = opendir(dir);
    if (!h && errno == ENOENT)
        return NULL; /* gone meanwhile; or named in innodb_directories and never made */
    if (!h)
        return err_os("%s: cannot open directory", dir);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, h, dir)) && de) {
        AUTO_FREE char *path = mem_printf("%s/%s", dir, de->d_name);
        if (is_walkable(path, de, depth))
            e = list_space_dir(l, d, path, depth + 1);
        else if (de->d_type != DT_DIR && is_space_file(d->rules, de->d_name))
            listing_add_space(l, d, path);
        if (e)
            break;
    }
    closedir(h);
    return e;
}

static struct err *list_space_dirs(struct listing *l, const struct datadir *d)
{
    for (size_t i = 0; i < d->n_space_dirs; i++)
        TRY(list_space_dir(l, d, d->space_dirs[i], 1));
    return NULL;
}

/* Directories may lie in one another: a file is listed once. From `from` on the spaces are sorted by name. */
static void drop_repeated(struct listing *l, size_t from)
{
    size_t n = from;
    for (size_t i = from; i < l->n_spaces; i++) {
        struct listed_space *s = &l->spaces[i], *last = n > from ? &l->spaces[n - 1] : NULL;
        if (last && !strcmp(last->name, s->name) && !strcmp(last->path, s->path)) {
            free(s->name);
            free(s->path);
        } else {
            l->spaces[n++] = *s;
        }
    }
    l->n_spaces = n;
}

/* Every directory is a database to the server, but for those that serve another purpose: its own, or a repository of ours. */
static bool is_database(const struct datadir *d, const char *name, const char *path)
{
    for (size_t i = 0; i < d->n_own_dirs; i++)
        if (!strcmp(d->own_dirs[i], path))
            return false;
    AUTO_FREE char *marker = mem_printf("%s/mbe-repository", path);
    return strcmp(name, "lost+found") != 0 && access(marker, F_OK) != 0;
}

/* Database directories and the few files of the datadir itself. */
static struct err *list_root(struct listing *l, const struct datadir *d)
{
    DIR *h = opendir(d->root);
    if (!h)
        return err_os("%s: cannot open directory", d->root);
    const struct dirent *de;
    struct err *e;
    while (!(e = file_next_entry(&de, h, d->root)) && de) {
        const char *f = de->d_name;
        AUTO_FREE char *path = mem_printf("%s/%s", d->root, f);
        struct stat st;
        if (f[0] == '.' || f[0] == '#')
            continue;
        if (stat(path, &st)) {
            if (errno == ENOENT)
                continue; /* gone meanwhile, or a link to nowhere */
            e = err_os("%s: cannot stat", path);
            break;
        }
        if (S_ISDIR(st.st_mode) && is_database(d, f, path))
            add_string(&l->dirs, &l->n_dirs, &l->cap_dirs, mem_strdup(f));
        if (S_ISREG(st.st_mode) && is_kept_in_root(d, f)) {
            add_file(l, d, mem_strdup(f));
            l->files[l->n_files - 1].known = true;
        }
    }
    closedir(h);
    if (l->n_dirs)
        qsort(l->dirs, l->n_dirs, sizeof *l->dirs, by_string);
    return e;
}

struct err *listing_make(struct listing *out, const struct datadir *d)
{
    *out = (struct listing){0};
    struct err *e = list_system(out, d);
    if (!e)
        e = d->rules->spaces_anywhere ? list_space_dirs(out, d) : list_undo(out, d);
    const size_t sorted_from = d->n_system;
    if (!e)
        e = list_root(out, d);
    for (size_t i = 0; !e && i < out->n_dirs; i++)
        e = list_database(out, d, out->dirs[i]);
    if (out->n_spaces > sorted_from)
        qsort(out->spaces + sorted_from, out->n_spaces - sorted_from, sizeof *out->spaces, by_name);
    drop_repeated(out, sorted_from);
    if (out->n_files)
        qsort(out->files, out->n_files, sizeof *out->files, by_unit);
    if (e)
        listing_fini(out);
    return e;
}

void listing_fini(struct listing *l)
{
    for (size_t i = 0; i < l->n_spaces; i++) {
        free(l->spaces[i].name);
        free(l->spaces[i].path);
    }
    for (size_t i = 0; i < l->n_files; i++)
        free(l->files[i].name);
    free(l->spaces);
    free(l->files);
    free_strings(l->dirs, l->n_dirs);
    *l = (struct listing){0};
}
