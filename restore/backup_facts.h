/* restore/backup_facts.h: what a restore takes from the manifest and space map of a chain's last archive. Both are JSON from an
 * archive: every value is checked for presence and range here or in verify/backup_manifest.h, so that nothing behind it has to. */
#ifndef MBE_RESTORE_BACKUP_FACTS_H
#define MBE_RESTORE_BACKUP_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map64.h"
#include "innodb/redo_family.h"
#include "server/coords.h"
#include "server/version.h"
#include "verify/chain.h"

struct backup_facts {
    const struct redo_family *family;
    enum server_flavour flavour;
    struct coordinates coordinates; /* as far as they are recorded */
    lsn_t from, to;                 /* the redo of the backup: [from, to) */
    bool offline;                   /* of the files of a server that did not run */
    uint32_t page_size;             /* innodb_page_size */
    char *server_version; /* "10.11.19": for the creator of the log the server starts from */
    char *data_file_path; /* innodb_data_file_path as the server had it; NULL if unknown */
    char *lower_case_table_names; /* NULL if unknown */
    char *undo_tablespaces;       /* NULL if unknown */
    char *directories;            /* innodb_directories, ';' between them; NULL if there are none */
    struct map64 ghosts;          /* space id -> 1: created by a CREATE that failed; not restored */
    struct map64 imports;         /* space id -> LSN below which its redo is void */
    struct map64 older_imports;   /* the same, by the older archives of the chain */
    struct created_space {
        space_id_t id;
        char *name;
    } * created; /* made of redo alone; see space_map.h */
    size_t n_created, cap_created;
};

/* CORRUPT when the manifest or a map lacks something or makes no sense. */
struct err *backup_facts_load(struct backup_facts *out, const struct chain *chain) MUST_CHECK;
void backup_facts_fini(struct backup_facts *f);

#endif
