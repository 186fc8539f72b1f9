/* verify/backup_manifest.h: what checks and restores need of a backup's manifest: JSON from an archive, of which every value is
 * checked for presence and range here, so that nothing behind it has to.
 *
 * Of an increment: "type":"incremental", "base": the id of the backup it was made on, "chain": {"full": the id of the full
 * backup below all, "length": archives from there to here, "base_archive": 16 hex digits, the archive id of the base},
 * "lsn": {"base": where the base ends}. A manifest without a type is one of a full backup. */
#ifndef MBE_VERIFY_BACKUP_MANIFEST_H
#define MBE_VERIFY_BACKUP_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/reader.h"
#include "base/err.h"
#include "innodb/redo_family.h"

struct backup_manifest {
    char *id; /* the backup's own; empty if it does not say */
    const struct redo_family *family;
    uint32_t page_size; /* innodb_page_size */
    lsn_t from, to;     /* the redo of the backup: [from, to) */
    bool redo_encrypted;
    char *server_uuid; /* NULL if it has none */
    uint32_t length;   /* archives in the chain; 1: a full backup, which has none of what follows */
    char *full, *base; /* ids */
    uint64_t base_archive;
    lsn_t base_lsn;
};

/* Owned by caller. CORRUPT when something is missing or makes no sense; REFUSED for a flavour that is not known. */
struct err *backup_manifest_load(struct backup_manifest *out,
                                 const struct archive_reader *reader) MUST_CHECK;
void backup_manifest_fini(struct backup_manifest *m);

#endif
