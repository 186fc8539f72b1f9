/* innodb/redo_frame.h: lengths inside a mini-transaction, shared by redo_mariadb.c and
 * redo_record.c only. */
#ifndef MBE_INNODB_REDO_FRAME_H
#define MBE_INNODB_REDO_FRAME_H

#include <stdint.h>

/* First byte behind the record at p (p < end); NULL when its length is malformed or passes `end`.
 */
const uint8_t *redo_frame_record_end(const uint8_t *p, const uint8_t *end);
/* Terminator of the mini-transaction at buf; NULL when there is none before `end`, or no record
 * before it. */
const uint8_t *redo_frame_terminator(const uint8_t *buf, const uint8_t *end);

#endif
