/* verify/record.h: the record of a backup: what is remembered of it beside its archive, which is never changed. One JSON object a line,
 * of different kinds: verifications (verified.h) and pins (pins.h). Each has
 *
 *   time      "2026-11-27T16:02:11Z": when it was written
 *   mbe, host version and machine
 *
 * In a directory it is REPO/<id>/verified.jsonl (archive/catalog.h); other kinds of repositories have their own place for it. A line
 * that is no such object is passed over: it was cut off, or is of another mbe. */
#ifndef MBE_VERIFY_RECORD_H
#define MBE_VERIFY_RECORD_H

#include <jansson.h>

#include "archive/repo.h"

/* Adds an object with these members, behind its time, to the record of backup `id`, which is in use. */
struct err *record_append(struct repo *repo, const char *id, const json_t *members) MUST_CHECK;
/* *out: an array of all objects, in the order of their lines; owned by caller. */
struct err *record_load(json_t **out, struct repo *repo, const char *id) MUST_CHECK;

#endif
