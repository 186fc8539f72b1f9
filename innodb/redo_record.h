/* innodb/redo_record.h: the neutral form of one redo record, which every server family's log is parsed into. */
#ifndef MBE_INNODB_REDO_RECORD_H
#define MBE_INNODB_REDO_RECORD_H

#include <stdbool.h>

#include "innodb/types.h"

struct redo_record {
    unsigned type; /* of the family's own table: redo_mariadb.def, redo_mysql.def; below 128 */
    space_id_t space;
    page_no_t page;
    bool same_page;      /* MariaDB: continues the running offset of the record before it */
    const uint8_t *body; /* behind the ids; borrowed from the log buffer */
    uint32_t body_len;
};

#endif
