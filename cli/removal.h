/* cli/removal.h: what `mbe delete` and `mbe prune` share: taking chosen backups out of a repository. */
#ifndef MBE_CLI_REMOVAL_H
#define MBE_CLI_REMOVAL_H

#include "archive/repo.h"
#include "verify/lineage.h"

/* Calls `each` for the chosen rows, dependents before their bases. */
struct err *removal_each(const struct lineage *l, const bool *chosen,
                         struct err *(*each)(void *ctx, size_t row), void *ctx) MUST_CHECK;
/* REFUSED when there is a backup, not chosen and not before row `from`, of which it is not known what it needs. The newest one is
 * told: whoever deletes that first comes to an end. */
struct err *removal_check(const struct lineage *l, const bool *chosen, size_t from) MUST_CHECK;
/* Claims all that is chosen. *busy is the first row that is in use, and nothing is claimed then; or LINEAGE_NONE. */
struct err *removal_claim(size_t *busy, struct repo_deletion *d, const struct lineage *l,
                          const bool *chosen) MUST_CHECK;
/* REFUSED when one of the chosen is pinned, with the reason. What is claimed nobody can pin any more. */
struct err *removal_check_pins(struct repo *repo, const struct lineage *l,
                               const bool *chosen) MUST_CHECK;
/* Deletes what is claimed and prints one line for each (print_done). */
struct err *removal_run(struct repo_deletion *d, const char *why) MUST_CHECK;

#endif
