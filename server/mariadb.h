/* server/mariadb.h: the MariaDB dialect: what the server is, its settings, backup stages,
 * coordinates. */
#ifndef MBE_SERVER_MARIADB_H
#define MBE_SERVER_MARIADB_H

#include "server/conn.h"

struct server_info {
    char *version;        /* "10.11.19-MariaDB-0+deb12u1" */
    char *version_number; /* "10.11.19" */
    char *flavour;        /* "mariadb" */
    char *server_id;      /* @@server_id */
    char *server_uid;     /* @@server_uid where the server has it, else NULL */
    char *hostname;       /* @@hostname, @@port, @@socket: may be NULL */
    char *port;
    char *socket;
    char *datadir;              /* absolute, no trailing slash */
    char *innodb_data_home_dir; /* as the server says; "" or NULL: datadir */
    char *innodb_data_file_path;
    char *innodb_undo_directory;
    char *innodb_log_group_home_dir;
    char *aria_log_dir_path;                                            /* "" / NULL: datadir */
    char *pid_file, *log_error, *log_bin_basename, *relay_log_basename; /* may be NULL */
    uint32_t page_size;
    uint32_t undo_tablespaces;
    bool encrypt_log; /* innodb_encrypt_log */
    bool log_bin;
    bool wsrep_on; /* a Galera node */
    char *lower_case_table_names;
    char *innodb_compression_algorithm; /* NULL if the variable does not exist */
};

/* Reads everything above; *out is empty on failure. REFUSED for MySQL or a MariaDB before 10.8, by
 * name. */
struct err *server_info_load(struct server_info *out, struct conn *c) MUST_CHECK;
void server_info_fini(struct server_info *s);

/* Proves that the server behind `c` runs on `datadir`, as it is seen from here. In this order:
 *  - who holds the POSIX lock on the datadir's ibdata1 or aria_log_control (a running server does
 *    on both) is the process at the other end of the local socket: proof. If another process holds
 *    it, or none while that one holds the files of its own @@datadir: REFUSED;
 *  - when processes cannot be compared (TCP, another pid namespace, a filesystem without locks),
 *    the checkpoint in the datadir's ib_logfile0 must be the one the server says it made last.
 *    That proves the directory unless it is an exact copy of it and both servers are idle.
 * The pid file proves nothing: servers in containers and beside them use the same paths.
 * REFUSED says what does not match. Nothing is written. IO when the files cannot be read. */
struct err *server_check_datadir(struct conn *c, const struct server_info *s,
                                 const char *datadir) MUST_CHECK;

/* Checks RELOAD, BINLOG MONITOR (if log_bin), SLAVE MONITOR (if the server is or was a replica)
 * through SHOW GRANTS, active roles included. SUPER stands for the two MONITORs but not for RELOAD.
 * REFUSED with the exact GRANT statement for this user in the hint. */
struct err *server_check_privileges(struct conn *c, const struct server_info *s) MUST_CHECK;

enum stage { STAGE_START, STAGE_FLUSH, STAGE_BLOCK_DDL, STAGE_BLOCK_COMMIT, STAGE_END };
const char *stage_name(enum stage s);
/* BACKUP STAGE <s>. *timed_out: lock wait timeout or deadlock (1205, 1213): the stage before still
 * holds and the call may be repeated; then the return is NULL. */
struct err *stage_enter(struct conn *c, enum stage s, bool *timed_out) MUST_CHECK;

struct coordinates {
    char *binlog_file; /* NULL when the server writes no binary log */
    uint64_t binlog_position;
    char *gtid_binlog_pos, *gtid_current_pos, *gtid_slave_pos;
    size_t n_replicas; /* connections of SHOW ALL SLAVES STATUS */
    struct replica_coordinates {
        char *connection_name, *master_host, *relay_master_log_file, *gtid_slave_pos, *using_gtid;
        uint64_t exec_master_log_pos;
        unsigned master_port;
    } * replicas;
};
/* Touches no table. Missing privilege for the replica part is not an error when the server has no
 * binary log privilege to show it; then n_replicas is 0. */
struct err *coordinates_load(struct coordinates *out, struct conn *c) MUST_CHECK;
void coordinates_fini(struct coordinates *c);

#endif
