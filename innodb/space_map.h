/* innodb/space_map.h: facts about tablespaces that the backup learnt and the restore needs and cannot see in the redo
 * alone. Stored as JSON in the ARCHIVE_SPACE_MAP entry "mbe/space-map.json":
 *
 *   {"ghosts":[id,...], "imports":[{"id":5,"lsn":123},...], "created":[{"id":4294967277,"name":"undo_003.ibu"},...]}
 *
 * ghosts: spaces that were created in the redo by a failed CREATE and do not exist; not restored.
 * imports: redo of that space below lsn is void (IMPORT TABLESPACE), and the space lives although the redo may end with a
 *          FILE_DELETE of it: an import is silent until the tablespace is changed. Its copy was begun at lsn or later.
 *          This lsn counts, not that of the FILE_MODIFY behind it.
 * created: MySQL only: undo tablespaces that live, under that name, and of which the archive has no copy: the redo, from an
 *          INIT_FILE_PAGE2 of page 0 on, has every page. MySQL's names are those of the archive's entries and these: what its
 *          redo says about names is not executed, and redo of any other space is dropped. It has no ghosts, and imports only when no
 *          server ran: a file that is there although the redo, up to lsn, deletes the space. */
#ifndef MBE_INNODB_SPACE_MAP_H
#define MBE_INNODB_SPACE_MAP_H

#define SPACE_MAP_PATH "mbe/space-map.json"
#define REDO_PATH "mbe/redo"

#endif
