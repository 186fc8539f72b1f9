/* server/mysql_dict.h: MySQL's word on its tablespaces and tables, from information_schema. Opens no
 * table: 9.7.4 may stop itself when a table is opened whose tablespace was discarded.
 *
 * Facts: MySQL 9.7.4, by experiment. The two views on tablespaces take PROCESS. INNODB_TABLESPACES
 * lacks the system tablespace (0) and has the temporary one; INNODB_DATAFILES lacks mysql.ibd. Paths
 * are relative to whatever directory a file belongs to, so they name no file by themselves. */
#ifndef MBE_SERVER_MYSQL_DICT_H
#define MBE_SERVER_MYSQL_DICT_H

#include "server/conn.h"

enum {
    MYSQL_SPACE_TEMPORARY = 0xFFFFFFFD,
    MYSQL_SPACE_DICTIONARY = 0xFFFFFFFE,
};

struct mysql_space {
    uint32_t id, flags;
    char *name;  /* "db/t", "db/t#p#p0", "innodb_undo_001", a general tablespace's own */
    char *type;  /* "Single", "General", "Undo", "System" */
    char *state; /* "normal", "discarded", "corrupted"; undo: "active", "inactive", "empty" */
    bool discarded;
    bool encrypted;
};
struct mysql_spaces {
    struct mysql_space *items; /* by id */
    size_t n;
};
/* Every tablespace but the temporary one and 0. */
struct err *mysql_spaces_load(struct mysql_spaces *out, struct conn *c) MUST_CHECK;
void mysql_spaces_fini(struct mysql_spaces *s);

struct mysql_datafile {
    uint32_t id;
    char *path; /* "./db/t.ibd", "general.ibd", "/elsewhere/db/t.ibd" */
};
struct mysql_datafiles {
    struct mysql_datafile *items; /* by id */
    size_t n;
};
struct err *mysql_datafiles_load(struct mysql_datafiles *out, struct conn *c) MUST_CHECK;
void mysql_datafiles_fini(struct mysql_datafiles *d);
/* Path of a tablespace's file, borrowed; NULL if the dictionary has none. */
const char *mysql_datafiles_path(const struct mysql_datafiles *d, uint32_t id);

#endif
