/* myisam/table_file.h: what the first bytes of a MyISAM, Aria, CSV or ARCHIVE file, or of a .frm, say that matters to a
 * backup. Pure.
 *
 *   .MYI .MAI  BE16 at 24   open count: 0 after a clean close or flush
 *   .MAI       BE16 at 4    options, 0x0800: page checksums; BE16 at 12: position of the base information, whose byte 106
 *                           is 1 for a table born transactional. Both: "online": consistent only together with Aria's log
 *   .MYI       BE64 at 68   length of the .MYD; a compressed table's (option 0x4) may be 7 bytes longer
 *   .CSM       byte 34      dirty flag
 *   .ARZ       byte 77      dirty flag
 *   .frm       "TYPE=VIEW"  at 0: a view
 *
 * Facts: MariaDB 10.11.19, by experiment. The length of the .MYD also MySQL 9.7.4, both with myisam_use_mmap and delay_key_write=ALL
 * under load; the 7 bytes are those of myisampack 10.11.19. */
#ifndef MBE_MYISAM_TABLE_FILE_H
#define MBE_MYISAM_TABLE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_FILE_HEAD = 1024 }; /* bytes of a file's beginning that the questions below need */

/* Whether the file says that its table was not flushed and closed. Files of other kinds never do. */
bool table_file_is_unclosed(const char *name, const uint8_t *head, size_t len);
/* Whether a .MYD of `size` bytes can be that of the index file `name`. True of files of other kinds. Where it is not, the rest of the
 * beginning is older than the data, whatever the open count says: a flush writes the open count alone when some thread still has the
 * table locked for writing. */
bool table_file_fits_data(const char *name, const uint8_t *head, size_t len, uint64_t size);
/* Whether this is the index file of an "online" Aria table. */
bool table_file_is_online_aria(const char *name, const uint8_t *head, size_t len);
/* Whether the first bytes are those of a view's .frm. */
bool table_file_is_view(const uint8_t *head, size_t len);

#endif
