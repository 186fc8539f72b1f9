/* cli/repository.h: the repository that the command line names. */
#ifndef MBE_CLI_REPOSITORY_H
#define MBE_CLI_REPOSITORY_H

#include "archive/repo.h"
#include "cli/options.h"

/* The one place that tells a repository what the options say about it. log and progress may be NULL. See repo_open. */
struct err *repository_open(struct repo **out, const struct options *o, struct log *log,
                            struct progress *progress) MUST_CHECK;
/* The one that `mbe copy` writes to. It has no keys: what goes there is sealed already, or is not. */
struct err *repository_open_target(struct repo **out, const struct options *o, struct log *log,
                                   struct progress *progress) MUST_CHECK;

#endif
