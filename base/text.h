/* base/text.h: text that came from outside made fit to print; sizes and durations for people. */
#ifndef MBE_BASE_TEXT_H
#define MBE_BASE_TEXT_H

#include <stdint.h>

/* s as a JSON string with its quotes, owned by caller. Bytes that are no UTF-8 become U+FFFD. */
char *text_json(const char *s);
/* A copy of s on one line, owned by caller: control characters become '?' (a newline a space), so
 * that a name from a server or an archive can neither break a line nor steer a terminal. */
char *text_one_line(const char *s);
/* "512 B", "1.5 MiB"; returns out. */
char *text_bytes(char out[16], uint64_t bytes);
/* "0:07", "12:30", "3:05:00"; returns out. */
char *text_duration(char out[24], double seconds);

#endif
