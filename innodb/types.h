/* innodb/types.h: scalars with meaning. */
#ifndef MBE_INNODB_TYPES_H
#define MBE_INNODB_TYPES_H

#include <stdint.h>

typedef uint64_t lsn_t;      /* byte position in the redo stream */
typedef uint32_t space_id_t; /* tablespace id */
typedef uint32_t page_no_t;  /* page number within a tablespace */

#define PAGE_NO_NONE 0xFFFFFFFFu /* in the links of a page: there is none */
#define INNODB_PAGE_SIZE_MIN 4096u
#define INNODB_PAGE_SIZE_MAX 65536u

#endif
