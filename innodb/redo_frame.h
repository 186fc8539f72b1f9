/* innodb/redo_frame.h: lengths inside a mini-transaction, shared by redo_mariadb.c,
 * redo_record.c and redo_crypt.c only. */
#ifndef MBE_INNODB_REDO_FRAME_H
#define MBE_INNODB_REDO_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { REDO_FRAME_NONCE = 8 }; /* bytes between terminator and CRC, in an encrypted log */

/* First byte behind the record at p (p < end); NULL when its length is malformed or passes `end`.
 */
const uint8_t *redo_frame_record_end(const uint8_t *p, const uint8_t *end);
/* Bytes of the record at p, whose end is known, up to and with its length: 1 to 4. */
size_t redo_frame_clear(const uint8_t *p, const uint8_t *end);
/* Terminator of the mini-transaction at buf; NULL when there is none before `end`, or no record
 * before it. */
const uint8_t *redo_frame_terminator(const uint8_t *buf, const uint8_t *end);

#endif
