/* server/mysql_consumer.h: being the consumer of a MySQL server's redo log: the server keeps its redo
 * files until the consumer has read them.
 *
 *   SELECT innodb_redo_log_consumer_register()       0; 1: there is one already
 *   SELECT innodb_redo_log_consumer_advance(lsn)     0; 1: this session is not the consumer (any more)
 *   SELECT innodb_redo_log_consumer_unregister()     likewise
 *
 * A consumer that does not advance stops every writer of the server when the log is about 80 % full,
 * for as long as it lasts. Facts: MySQL 9.7.4, by experiment. */
#ifndef MBE_SERVER_MYSQL_CONSUMER_H
#define MBE_SERVER_MYSQL_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/conn.h"

/* Makes the server keep its redo files from its checkpoint of now on. There is one consumer for the
 * whole server: *registered is false when another session is it. The registration ends with the
 * session. SERVER when it is not allowed, or the server knows no consumers; *registered is false. */
struct err *mysql_consumer_register(struct conn *c, bool *registered) MUST_CHECK;
/* Everything below lsn may go. SERVER when this session is not the consumer (any more), or lsn is
 * below one told before. */
struct err *mysql_consumer_advance(struct conn *c, uint64_t lsn) MUST_CHECK;
/* SERVER when this session is not the consumer. */
struct err *mysql_consumer_unregister(struct conn *c) MUST_CHECK;

#endif
