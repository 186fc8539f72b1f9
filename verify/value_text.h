/* verify/value_text.h: canonical values (row_hash.h) read again: for people, and as SQL to look for them. The bytes may come from a
 * file, so that nothing is taken on trust. Pure. */
#ifndef MBE_VERIFY_VALUE_TEXT_H
#define MBE_VERIFY_VALUE_TEXT_H

#include "verify/row_hash.h"

struct value_view {
    bool is_null, no_member; /* no_member: an ENUM's error value, a SET without a member */
    enum value_class value;  /* not set for NULL */
    const uint8_t *data;     /* what follows the tag; of counted ones what follows the length */
    size_t n;
    size_t used; /* bytes of the value, tag and length included */
};

/* The value at p, borrowed. False when there is none within n bytes that row_put_* could have written. */
bool value_view(struct value_view *out, const uint8_t *p, size_t n);

/* For people, on one line, owned by caller: NULL, 12, 'abc', 0x00ff, '2026-01-02'. What is longer than `longest` bytes is cut, with
 * its length behind it; 0: nothing is cut. */
char *value_print(const struct value_view *v, size_t longest);
/* As SQL that compares with a column of that class and finds it, owned by caller; NULL for a class that cannot be looked for
 * exactly (float, double, enum, set, geometry) and for NULL. `charset` is that of a string's column; NULL: binary. */
char *value_literal(const struct value_view *v, const char *charset);

#endif
