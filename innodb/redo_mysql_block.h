/* innodb/redo_mysql_block.h: where things are in a block of the MySQL redo log; the table is at the top of redo_mysql.c. */
#ifndef MBE_INNODB_REDO_MYSQL_BLOCK_H
#define MBE_INNODB_REDO_MYSQL_BLOCK_H

#include "innodb/redo_mysql.h"

enum {
    BLOCK = MYSQL_REDO_BLOCK_SIZE,
    BLOCK_DATA_LEN = 4,
    BLOCK_FIRST_MTR = 6,
    BLOCK_EPOCH = 8,
    BLOCK_DATA = 12,
    BLOCK_CRC = 508, /* where the data ends */
    BLOCK_ROOM = BLOCK_CRC - BLOCK_DATA,
    DATA_LEN_ENCRYPTED = 0x8000, /* in the data length */
};

enum {
    SINGLE_RECORD = 0x80, /* in the type of the only record of a mini-transaction */
};

#endif
