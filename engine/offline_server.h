/* engine/offline_server.h: which server a datadir is of, when none runs on it. The files say:
 *
 *   family          #innodb_redo in the log's directory: MySQL; ib_logfile0: MariaDB
 *   version         the creator in the redo log's header; MariaDB's may be as old as the log, so the newer of it and of
 *                   mariadb_upgrade_info (mysql_upgrade_info) counts, which is as old as the last mariadb-upgrade
 *   page size       the flags on page 0 of the system tablespace
 *   server_uuid     auto.cnf (MySQL)
 *
 * Where files lie outside the datadir, only the server's option file tells: innodb_data_file_path, innodb_data_home_dir,
 * innodb_undo_directory, innodb_log_group_home_dir, aria_log_dir_path, innodb_directories, innodb_doublewrite_dir. Without it, all of it is
 * where a server without these settings has it, and what is missing there is refused by name. */
#ifndef MBE_ENGINE_OFFLINE_SERVER_H
#define MBE_ENGINE_OFFLINE_SERVER_H

#include "engine/datadir.h"
#include "engine/space_set.h"

/* root: --datadir; defaults_file: or NULL. REFUSED: no datadir of a server that mbe knows, by name of what is missing or too old. After
 * an error too, call server_info_fini and datadir_fini. */
struct err *offline_server_load(struct server_info *server, struct datadir *datadir,
                                const char *root, const char *defaults_file) MUST_CHECK;

/* Whether every file of the system tablespace and every undo tablespace that must be there is among the copies: REFUSED, with the
 * setting that says where it is. */
struct err *offline_server_check_copies(const struct server_info *server,
                                        const struct datadir *datadir,
                                        const struct space_set *copies) MUST_CHECK;
/* MySQL: whether that undo tablespace was being emptied or made when the server died. The server makes it anew when it starts: there is
 * a note of it in a file. */
bool offline_undo_is_unfinished(const struct datadir *datadir, space_id_t id);
/* MySQL: whether there is such a note of any undo tablespace: a file that has no page 0 yet may be the one. */
bool offline_undo_any_unfinished(const struct datadir *datadir);

#endif
