/* server/coords.h: where the data stands in the binary logs, for both families. What a server
 * cannot say is NULL or 0. "M" marks what MariaDB says, "O" what MySQL says. */
#ifndef MBE_SERVER_COORDS_H
#define MBE_SERVER_COORDS_H

#include "server/conn.h"
#include "server/mysql_log_status.h"

struct coordinates {
    char *binlog_file; /* NULL when the server writes no binary log */
    uint64_t binlog_position;
    char *gtid_binlog_pos, *gtid_current_pos, *gtid_slave_pos; /* M */
    char *gtid_executed;                                       /* O; "" when none was used */
    size_t n_replicas; /* connections of SHOW ALL SLAVES STATUS, channels of SHOW REPLICA STATUS */
    struct replica_coordinates {
        char *connection_name; /* O: of the channel */
        char *master_host;
        char *relay_master_log_file; /* O: NULL, with exec_master_log_pos 0, where no place in the
                                      * source's log stands for what was applied */
        char *gtid_slave_pos;        /* M */
        char *using_gtid;            /* M: "No", "Slave_Pos", ...; O: Auto_Position, "0" or "1" */
        char *relay_log_file; /* O: how far it was received; NULL, with relay_log_pos 0, where the
                               * channel has none */
        uint64_t exec_master_log_pos, relay_log_pos;
        unsigned master_port;
    } * replicas;
};

/* MariaDB. Touches no table. Missing privilege for the replica part is not an error when the server
 * has no binary log privilege to show it; then n_replicas is 0. */
struct err *coordinates_load(struct coordinates *out, struct conn *c) MUST_CHECK;

/* MySQL: what stands in `status`, read while commits are stopped, and the source of each of its
 * channels from SHOW REPLICA STATUS. An account that may not ask for that (no REPLICATION CLIENT)
 * gets the names of the channels and their relay logs only. Call it before the lock is let go.
 *
 * A channel applies with several threads (replica_parallel_workers, 4 if nothing else is said), and
 * SHOW REPLICA STATUS says where all of them have been, which may be megabytes behind what is
 * committed, for as long as the lock is held. Where each of them is stands in
 * mysql.slave_worker_info, written in the very transactions that they apply: the foremost is the
 * place, if they commit in their source's order (replica_preserve_commit_order, and no gap in
 * gtid_executed: transactions of other engines than InnoDB do not wait for those before them).
 * If they did not, only GTIDs tell what was applied. Facts: MySQL 9.7.4, by experiment. */
struct err *coordinates_of_log_status(struct coordinates *out,
                                      const struct mysql_log_status *status,
                                      struct conn *c) MUST_CHECK;
void coordinates_fini(struct coordinates *c);

/* Whether one place in a server's binary logs is behind another. Its files are numbered, and a
 * longer name is of a later file. Pure. */
bool binlog_place_is_after(const char *file, uint64_t position, const char *than_file,
                           uint64_t than_position);
/* Whether a server's or tag's numbers in a set of GTIDs ("u:1-5:7,v:1-3:tag:1") are more than one
 * interval. Pure. */
bool gtid_set_has_gap(const char *set);

#endif
