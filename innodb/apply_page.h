/* innodb/apply_page.h: what redo_apply.c and apply_index.c share: the apply functions of the
 * EXTENDED subtypes. Each takes the body behind the subtype byte and returns NULL, or a static
 * sentence saying why the record does not fit. The page is an uncompressed logical image. */
#ifndef MBE_INNODB_APPLY_PAGE_H
#define MBE_INNODB_APPLY_PAGE_H

#include "base/reader.h"
#include "innodb/fil_page.h"
#include "innodb/redo_apply.h"

#define REDO_PAGE(id, name, apply)
#define REDO_EXT(id, name, apply) const char *apply(struct redo_page *page, struct reader *body);
#define REDO_FILE(id, name)
#include "innodb/redo_mariadb.def"

#endif
