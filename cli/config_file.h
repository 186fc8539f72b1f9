/* cli/config_file.h: a configuration file: sections with keys, as an option file of the server has them. What they mean is not known
 * here.
 *
 *   [defaults]          # or ; begin a comment, at the beginning of a line only
 *   [task nightly]      a section has a kind, and a name unless it is [defaults]
 *   key = value         blanks around both do not count; "..." around a value keeps those inside
 *   key                 a key alone
 *
 * There is no continuation of lines and no include. Errors name file and line. A section or key that comes twice is an error. */
#ifndef MBE_CLI_CONFIG_FILE_H
#define MBE_CLI_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

struct config_key {
    char *name, *value; /* value: NULL for a key alone */
    int line;
};

struct config_section {
    char *kind, *name; /* name: "" where there is none */
    int line;
    struct config_key *keys;
    size_t n, cap;
};

struct config_file {
    char *path;
    struct config_section *sections;
    size_t n, cap;
    bool others_read; /* whether others than its owner can read the file */
};

/* n bytes of text, of the file `path`. Owned by caller. USAGE on anything that is not understood. */
struct err *config_file_parse(struct config_file **out, const char *path, const char *text,
                              size_t n) MUST_CHECK;
/* Reads the file named; NULL: the first of /etc/mbe/mbe.cnf and ~/.mbe.cnf that is there. REFUSED when others than its owner, who is root or
 * us, may write it: it says what is run. */
struct err *config_file_load(struct config_file **out, const char *named) MUST_CHECK;
void config_file_free(struct config_file *f);
CLEANUP(config_file, config_file_free)

/* NULL: there is none. */
const struct config_section *config_section_find(const struct config_file *f, const char *kind,
                                                 const char *name);
/* NULL: there is none; a section NULL has none. */
const struct config_key *config_key_find(const struct config_section *s, const char *name);

#endif
