/* server/server_info.h: what the server is and how it is set up, for both families.
 *
 * A variable that a server does not have leaves its member NULL, 0 or false. "M" marks what only
 * MariaDB has, "O" what only MySQL has (Oracle's and those built from it). */
#ifndef MBE_SERVER_SERVER_INFO_H
#define MBE_SERVER_SERVER_INFO_H

#include "server/conn.h"
#include "server/version.h"

/* Whether MySQL has a component or plugin that keeps keys. */
enum keyring_state {
    KEYRING_UNKNOWN, /* the account may not ask, and no plugin tells */
    KEYRING_NONE,
    KEYRING_PRESENT,
};

struct server_info {
    enum server_flavour flavour;
    char *version;        /* "10.11.19-MariaDB-0+deb12u1", "9.7.4" */
    char *version_number; /* "10.11.19", "9.7.4" */
    char *server_id;      /* @@server_id */
    char *server_uid;     /* M: @@server_uid where the server has it, else NULL */
    char *server_uuid;    /* O: @@server_uuid, also in auto.cnf of the datadir */
    char *hostname;       /* @@hostname, @@port, @@socket: may be NULL */
    char *port;
    char *socket;
    char *datadir;              /* absolute, no trailing slash */
    char *innodb_data_home_dir; /* as the server says; "" or NULL: datadir */
    char *innodb_data_file_path;
    char *innodb_undo_directory;
    char *innodb_log_group_home_dir; /* of ib_logfile0; O: of the directory #innodb_redo */
    char *aria_log_dir_path;         /* M; "" / NULL: datadir */
    char *innodb_directories;        /* O: more roots of tablespace files, ';' between them */
    char *innodb_doublewrite_dir;    /* O: this and the next four hold nothing to be kept */
    char *innodb_temp_tablespaces_dir;
    char *innodb_tmpdir;
    char *innodb_temp_data_file_path;
    char *tmpdir;
    char *plugin_dir;
    char *pid_file, *log_error, *general_log_file, *slow_query_log_file; /* may be NULL */
    char *log_bin_basename, *log_bin_index, *relay_log_basename, *relay_log_index;
    char *gtid_mode; /* O: "ON", "OFF", ... */
    char *lower_case_table_names;
    char *innodb_compression_algorithm; /* M */
    char *keyring_data_file;            /* O: where the keys lie, if the component says so */
    uint64_t redo_capacity;             /* O: bytes, as resized last */
    uint32_t page_size;
    uint32_t undo_tablespaces;
    enum keyring_state keyring; /* O */
    bool encrypt_log;           /* M: innodb_encrypt_log; O: innodb_redo_log_encrypt */
    bool encrypt_undo;          /* O */
    bool log_bin;
    bool wsrep_on; /* a Galera node */
};

/* Reads everything above; *out is empty on failure. REFUSED, by name, for what version_check
 * refuses, for a server without InnoDB, and for MySQL whose redo log is turned off. */
struct err *server_info_load(struct server_info *out, struct conn *c) MUST_CHECK;
void server_info_fini(struct server_info *s);
/* Sets the member that a server variable goes to; false if there is none. */
bool server_info_set(struct server_info *s, const char *variable, const char *value);

/* When the server was started, in seconds since 1970 by its own clock then: the same number whenever it is asked in one run of the
 * server, for time and uptime are taken in one statement. */
struct err *server_start_time(int64_t *seconds, struct conn *c,
                              enum server_flavour flavour) MUST_CHECK;

#endif
