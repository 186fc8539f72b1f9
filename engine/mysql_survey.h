/* engine/mysql_survey.h: looks at MySQL's tablespace files and at the dictionary, for engine/mysql_judge.h.
 *
 * A file is known by what was read through one descriptor: device, inode, and the id on page 0. A file that cannot have been
 * written since it was copied (engine/space_set.h) is not opened: its copy knows the id. */
#ifndef MBE_ENGINE_MYSQL_SURVEY_H
#define MBE_ENGINE_MYSQL_SURVEY_H

#include "engine/mysql_judge.h"
#include "server/mysql_dict.h"

struct mysql_survey {
    struct mysql_file *files; /* one for each tablespace of the listing, in its order */
    size_t n;
    size_t n_opened;
};
/* Borrows from the listing. *out is empty on failure. */
struct err *mysql_survey_make(struct mysql_survey *out, const struct listing *listing,
                              const struct space_set *set) MUST_CHECK;
void mysql_survey_fini(struct mysql_survey *s);

/* The dictionary's view, with the files that are at its paths. */
struct mysql_dict {
    struct mysql_spaces spaces;
    struct mysql_datafiles datafiles;
    struct mysql_dict_row *rows; /* one for each of `spaces` */
    char **paths;                /* for each row: where the file really is; NULL: there is none */
    size_t n;
};
/* Fills rows and paths from spaces and datafiles, which the caller has loaded. Paths in the dictionary are relative to the
 * directory a file belongs to, whichever that is: all are tried, and a file of the survey with the right id wins. */
void mysql_dict_locate(struct mysql_dict *d, const struct datadir *datadir,
                       const struct mysql_survey *survey);
void mysql_dict_fini(struct mysql_dict *d);

/* Adds to the listing the files that the dictionary has and no directory showed: tables with a DATA DIRECTORY that
 * innodb_directories does not name. True if there were any: the survey has to be made again, for it borrows from the listing. */
bool mysql_dict_complete(const struct mysql_dict *d, const struct mysql_survey *survey,
                         struct listing *listing, const struct datadir *datadir);

#endif
