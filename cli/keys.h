/* cli/keys.h: the keys of sealed archives, from wherever the user put them: --key-file, --key-fd, --key-command, else MBE_KEY in the
 * environment. All are read before anything is done with the repository. */
#ifndef MBE_CLI_KEYS_H
#define MBE_CLI_KEYS_H

#include "archive/keys.h"
#include "cli/options.h"

/* *out (owned by caller, archive_keys_free) is NULL when there are none. MBE_KEY is wiped from the environment, so that no program
 * that we start, and nobody who looks at ours, finds it there; and from then on the process leaves no core dump. USAGE when there
 * is no key in what was named, or others than its owner may read it. */
struct err *keys_load(struct archive_keys **out, const struct options *o) MUST_CHECK;
/* The same from one key file. option: for messages. */
struct err *keys_load_file(struct archive_keys **out, const char *path,
                           const char *option) MUST_CHECK;

#endif
