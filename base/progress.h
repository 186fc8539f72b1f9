/* base/progress.h: how far a command is, for people (a bar on a terminal) and programs (JSON lines
 * on stderr). Workers add to atomic counters; one thread inside draws a few times a second.
 * progress == NULL is allowed everywhere. */
#ifndef MBE_BASE_PROGRESS_H
#define MBE_BASE_PROGRESS_H

#include <stdint.h>

enum progress_mode { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_JSON };

struct progress;

/* Owned by caller; NULL when mode is PROGRESS_NONE. `what` ("backup") heads each line. JSON lines
 * have the keys event ("progress"), command (what), phase, done, total (null: unknown), rate (bytes
 * per second), eta (seconds or null), note. */
struct progress *progress_open(enum progress_mode mode, const char *what);
/* Names the phase ("copy", "lock window") and its total in bytes (0: unknown); done starts at 0. */
void progress_phase(struct progress *p, const char *phase, uint64_t total_bytes);
void progress_add(struct progress *p, uint64_t bytes); /* thread-safe, cheap */
/* A second figure shown behind the bar ("redo 12 MiB, headroom 80 MiB"); copied. Thread-safe. */
void progress_note(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Draws the last line, stops the thread, frees. NULL is fine. */
void progress_close(struct progress *p);

#endif
