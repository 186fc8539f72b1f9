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
/* Keys of one type from a file that nobody but its owner may have access to, unless they are public. option: for messages. */
struct err *keys_load_file(struct archive_keys **out, enum archive_key_type type, const char *path,
                           const char *option) MUST_CHECK;
/* --sign-key and --public-key; each is NULL when there is none. Who signs wants what is there to be signed, too: with a signing key
 * its own public key is one of those that are wanted. */
struct err *keys_load_signing(struct archive_keys **signing_keys, struct archive_keys **public_keys,
                              const struct options *o) MUST_CHECK;

/* Wipes the key in the environment, if there is one: no program gets it. */
void keys_clear_environment(void);

#endif
