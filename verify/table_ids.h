/* verify/table_ids.h: which table of InnoDB a name stands for, by the server's own numbers. RENAME TABLE and EXCHANGE PARTITION give a
 * name to another table, and nothing but these numbers shows it to a client.
 *
 *   MariaDB   INNODB_SYS_TABLES          TABLE_ID and SPACE of each table and partition; names as files have them: "db/t#P#p0"
 *   MySQL     INNODB_TABLESPACES         SPACE of each table and partition that has a tablespace of its own; names in UTF-8: "db/t#p#p0"
 *
 * Both take PROCESS, and look at all tables each time. (MySQL's INNODB_TABLES has TABLE_ID as well, but opens tables that are not in its
 * cache: 0.1 to 0.6 ms for each, instead of 0.01 ms.) A table that is rebuilt or truncated is another one as well. The numbers of a
 * table's partitions are taken together.
 * Facts: MySQL 9.7.4, MariaDB 10.11.19, by experiment. */
#ifndef MBE_VERIFY_TABLE_IDS_H
#define MBE_VERIFY_TABLE_IDS_H

#include "server/conn.h"
#include "server/server_info.h"

struct table_ids {
    struct table_id *items; /* sorted by name */
    size_t n, cap;
};

/* As they are now. *denied: the account may not see them, and *out is empty. */
struct err *table_ids_load(struct table_ids *out, bool *denied, struct conn *c,
                           enum server_flavour flavour) MUST_CHECK;
void table_ids_fini(struct table_ids *ids);

/* What the views call a table, as table_ids_find takes it. */
struct err *table_ids_name(uint64_t *out, struct conn *c, enum server_flavour flavour,
                           const char *schema, const char *table) MUST_CHECK;
/* A number that changes when the name comes to another table; 0: no table of that name is known. */
uint64_t table_ids_find(const struct table_ids *ids, uint64_t name);

#endif
