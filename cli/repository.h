/* cli/repository.h: the repositories that the command line names; but for a backup there is one. */
#ifndef MBE_CLI_REPOSITORY_H
#define MBE_CLI_REPOSITORY_H

#include "archive/repo.h"
#include "cli/options.h"

/* The one place that tells a repository what the options say about it. log and progress may be NULL. See repo_open. out: as many
 * pointers as there are repositories (options_n_repos), all of them NULL; after an error some may be open. */
struct err *repository_open(struct repo **out, const struct options *o, struct log *log,
                            struct progress *progress) MUST_CHECK;
/* The one that `mbe copy` writes to. It has no keys: what goes there is sealed already, or is not. */
struct err *repository_open_target(struct repo **out, const struct options *o, struct log *log,
                                   struct progress *progress) MUST_CHECK;

#endif
