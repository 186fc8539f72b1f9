/* innodb/apply_page.h: what redo_apply.c and apply_index.c share: the apply functions of the EXTENDED subtypes. Each takes
 * the body behind the subtype byte and returns NULL, or a static sentence saying why the record does not fit. The page is
 * an uncompressed logical image. */
#ifndef MBE_INNODB_APPLY_PAGE_H
#define MBE_INNODB_APPLY_PAGE_H

#include "base/reader.h"
#include "innodb/redo_apply.h"

enum {
    FIL_PAGE_NO = 4,
    FIL_PAGE_PREV = 8,
    FIL_PAGE_LSN = 16,
    FIL_PAGE_TYPE = 24,
    FIL_PAGE_SPACE_ID = 34,
    FIL_PAGE_DATA = 38,
    FIL_PAGE_DATA_END = 8, /* trailer, counted from the end */
};

#define REDO_PAGE(id, name, apply)
#define REDO_EXT(id, name, apply) const char *apply(struct redo_page *page, struct reader *body);
#define REDO_FILE(id, name)
#include "innodb/redo_mariadb.def"

#endif
