/* server/server_info.c: see server_info.h.
 *
 * Facts: MySQL 9.7.4, by experiment: performance_schema.keyring_component_status is empty without a
 * keyring component and takes SELECT on it; information_schema.PLUGINS takes no privilege. */
#include "server/server_info.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/mysql.h"

enum variable_type {
    TEXT,   /* char *, NULL if the server does not have it */
    PLACE,  /* char *, NULL if it does not have it or it is empty */
    NUMBER, /* uint32_t */
    SWITCH, /* bool */
};

/* Where each variable goes. */
static const struct variable {
    const char *name;
    enum variable_type type;
    size_t offset;
} variables[] = {
#define VARIABLE(name, type, member)                     \
    {                                                    \
        name, type, offsetof(struct server_info, member) \
    }
    VARIABLE("server_id", TEXT, server_id),
    VARIABLE("server_uid", PLACE, server_uid),
    VARIABLE("server_uuid", PLACE, server_uuid),
    VARIABLE("hostname", PLACE, hostname),
    VARIABLE("port", TEXT, port),
    VARIABLE("socket", PLACE, socket),
    VARIABLE("datadir", PLACE, datadir),
    VARIABLE("innodb_data_home_dir", TEXT, innodb_data_home_dir),
    VARIABLE("innodb_data_file_path", TEXT, innodb_data_file_path),
    VARIABLE("innodb_undo_directory", TEXT, innodb_undo_directory),
    VARIABLE("innodb_log_group_home_dir", TEXT, innodb_log_group_home_dir),
    VARIABLE("aria_log_dir_path", TEXT, aria_log_dir_path),
    VARIABLE("innodb_directories", PLACE, innodb_directories),
    VARIABLE("innodb_doublewrite_dir", PLACE, innodb_doublewrite_dir),
    VARIABLE("innodb_temp_tablespaces_dir", PLACE, innodb_temp_tablespaces_dir),
    VARIABLE("innodb_tmpdir", PLACE, innodb_tmpdir),
    VARIABLE("innodb_temp_data_file_path", PLACE, innodb_temp_data_file_path),
    VARIABLE("tmpdir", PLACE, tmpdir),
    VARIABLE("plugin_dir", PLACE, plugin_dir),
    VARIABLE("pid_file", PLACE, pid_file),
    VARIABLE("log_error", PLACE, log_error),
    VARIABLE("general_log_file", PLACE, general_log_file),
    VARIABLE("slow_query_log_file", PLACE, slow_query_log_file),
    VARIABLE("log_bin_basename", PLACE, log_bin_basename),
    VARIABLE("log_bin_index", PLACE, log_bin_index),
    VARIABLE("relay_log_basename", PLACE, relay_log_basename),
    VARIABLE("relay_log_index", PLACE, relay_log_index),
    VARIABLE("gtid_mode", PLACE, gtid_mode),
    VARIABLE("innodb_page_size", NUMBER, page_size),
    VARIABLE("innodb_undo_tablespaces", NUMBER, undo_tablespaces),
    VARIABLE("innodb_encrypt_log", SWITCH, encrypt_log),
    VARIABLE("innodb_redo_log_encrypt", SWITCH, encrypt_log),
    VARIABLE("innodb_undo_log_encrypt", SWITCH, encrypt_undo),
    VARIABLE("log_bin", SWITCH, log_bin),
    VARIABLE("wsrep_on", SWITCH, wsrep_on),
    VARIABLE("lower_case_table_names", TEXT, lower_case_table_names),
    VARIABLE("innodb_compression_algorithm", TEXT, innodb_compression_algorithm),
#undef VARIABLE
};

enum { N_VARIABLES = sizeof variables / sizeof variables[0] };

static void *member_of(struct server_info *s, const struct variable *v)
{
    return (char *)s + v->offset;
}

static void set_variable(struct server_info *s, const struct variable *v, const char *value)
{
    switch (v->type) {
    case PLACE:
        if (!value[0])
            return;
        /* fall through */
    case TEXT: {
        char **text = member_of(s, v);
        free(*text);
        *text = mem_strdup(value);
        return;
    }
    case NUMBER:
        *(uint32_t *)member_of(s, v) = (uint32_t)strtoul(value, NULL, 10);
        return;
    case SWITCH:
        *(bool *)member_of(s, v) = !strcasecmp(value, "ON") || !strcmp(value, "1");
        return;
    }
}

bool server_info_set(struct server_info *s, const char *variable, const char *value)
{
    for (size_t i = 0; i < N_VARIABLES; i++)
        if (!strcasecmp(variable, variables[i].name)) {
            set_variable(s, &variables[i], value);
            return true;
        }
    return false;
}

/* SHOW, because a variable that does not exist must not be an error. */
static struct err *load_variables(struct server_info *s, struct conn *c)
{
    struct rows rows;
    AUTO_FREE char *names = mem_strdup("''");
    for (size_t i = 0; i < N_VARIABLES; i++) {
        char *longer = mem_printf("%s,'%s'", names, variables[i].name);
        free(names);
        names = longer;
    }
    TRY(conn_query(c, &rows, "SHOW GLOBAL VARIABLES WHERE Variable_name IN (%s)", names));
    for (size_t row = 0; row < rows.n_rows; row++) {
        const char *name = rows_get(&rows, row, "Variable_name");
        const char *value = rows_get(&rows, row, "Value");
        if (name && value)
            (void)server_info_set(s, name, value);
    }
    rows_fini(&rows);
    return NULL;
}

static struct err *load_version(struct server_info *s, struct conn *c)
{
    struct rows rows;
    TRY(conn_query(c, &rows, "SELECT @@version, @@version_comment"));
    const char *version = rows_get(&rows, 0, "@@version");
    struct err *e = version_check(&s->flavour, &s->version_number, version ? version : "",
                                  rows_get(&rows, 0, "@@version_comment"));
    s->version = mem_strdup(version ? version : "");
    rows_fini(&rows);
    return e;
}

/* The component's own word; *known is false for an account that may not read it. */
static struct err *load_keyring_component(struct server_info *s, struct conn *c, bool *known)
{
    struct rows rows;
    struct err *e = conn_query(c, &rows,
                               "SELECT STATUS_KEY, STATUS_VALUE"
                               " FROM performance_schema.keyring_component_status");
    *known = !e;
    if (e && !conn_errno_is_denied(conn_errno(c)))
        return e;
    err_free(e);
    for (size_t row = 0; row < rows.n_rows; row++) {
        const char *key = rows_get(&rows, row, "STATUS_KEY");
        const char *value = rows_get(&rows, row, "STATUS_VALUE");
        s->keyring = KEYRING_PRESENT;
        if (key && value && !strcasecmp(key, "Data_file") && !s->keyring_data_file)
            s->keyring_data_file = mem_strdup(value);
    }
    rows_fini(&rows);
    return NULL;
}

static struct err *load_keyring(struct server_info *s, struct conn *c)
{
    AUTO_FREE char *plugin = NULL;
    bool known;
    TRY(load_keyring_component(s, c, &known));
    TRY(conn_query_text(c, &plugin,
                        "SELECT PLUGIN_NAME FROM information_schema.PLUGINS"
                        " WHERE PLUGIN_TYPE = 'KEYRING' AND PLUGIN_STATUS = 'ACTIVE'"
                        " AND PLUGIN_NAME LIKE 'keyring%%' LIMIT 1"));
    if (plugin)
        s->keyring = KEYRING_PRESENT;
    else if (known && s->keyring == KEYRING_UNKNOWN)
        s->keyring = KEYRING_NONE;
    return NULL;
}

/* What MySQL says elsewhere than in its variables. */
static struct err *load_mysql(struct server_info *s, struct conn *c)
{
    if (s->flavour != FLAVOUR_MYSQL)
        return NULL;
    TRY(mysql_check_redo_enabled(c));
    TRY(conn_status_u64(c, &s->redo_capacity, "Innodb_redo_log_capacity_resized"));
    return load_keyring(s, c);
}

static struct err *check_variables(struct server_info *s)
{
    const uint32_t size = s->page_size;
    if (!size)
        return err_make(REFUSED, "the server runs without InnoDB");
    if (size < 4096 || size > 65536 || size & (size - 1))
        return err_make(SERVER, "the server says innodb_page_size = %u", size);
    if (!s->datadir || s->datadir[0] != '/')
        return err_make(SERVER, "the server says datadir = '%s', which is not an absolute path",
                        s->datadir ? s->datadir : "");
    for (size_t n = strlen(s->datadir); n > 1 && s->datadir[n - 1] == '/'; n--)
        s->datadir[n - 1] = '\0';
    return NULL;
}

struct err *server_info_load(struct server_info *out, struct conn *c)
{
    *out = (struct server_info){0};
    struct err *e = load_version(out, c);
    if (!e)
        e = load_variables(out, c);
    if (!e)
        e = check_variables(out);
    if (!e)
        e = load_mysql(out, c);
    if (e)
        server_info_fini(out);
    return e;
}

void server_info_fini(struct server_info *s)
{
    free(s->version);
    free(s->version_number);
    free(s->keyring_data_file);
    for (size_t i = 0; i < N_VARIABLES; i++)
        if (variables[i].type == TEXT || variables[i].type == PLACE)
            free(*(char **)member_of(s, &variables[i]));
    *s = (struct server_info){0};
}

struct err *server_start_time(int64_t *seconds, struct conn *c, enum server_flavour flavour)
{
    AUTO_FREE char *text = NULL;
    char *end = NULL;
    TRY(conn_query_text(c, &text,
                        "SELECT CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED)"
                        " FROM %s WHERE VARIABLE_NAME = 'Uptime'",
                        flavour == FLAVOUR_MYSQL ? "performance_schema.global_status"
                                                 : "information_schema.GLOBAL_STATUS"));
    *seconds = text ? strtoll(text, &end, 10) : 0;
    if (!end || end == text || *end)
        return err_make(SERVER, "the server does not say since when it runs");
    return NULL;
}
