/* archive/wire.h: what a repository on another machine is asked for, and how: messages over two byte streams, between repo_ssh.c and
 * repo_serve.c.
 *
 * A message: 4 bytes length of what follows (little-endian, 1 .. WIRE_MAX), 1 byte op, then its fields: numbers as varints
 * (varint.h), texts and bytes with their length, a varint, in front; what is the last one of a message, and bytes, without.
 *
 * Every request but WIRE_APPEND gets one answer, WIRE_OK with the fields listed or WIRE_ERROR; requests are answered in their order.
 * Appends get none, so that nobody waits for the way there and back. When one fails there is one WIRE_APPEND_FAILED, between any
 * two answers; what is appended afterwards is passed over, and a commit is refused.
 * A backup is appended to, then committed, then published, the last two once; what comes out of its turn is refused.
 * The first message is WIRE_HELLO; a version that the other side does not know it refuses. */
#ifndef MBE_ARCHIVE_WIRE_H
#define MBE_ARCHIVE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/varint.h"
#include "base/err.h"

enum {
    WIRE_VERSION = 1,
    WIRE_PIECE_MAX = 1 << 20, /* bytes of an append or a read */
    WIRE_MAX = WIRE_PIECE_MAX + 4096,
    WIRE_LIST_MAX = 16384, /* ids in an answer */
};

enum wire_op {
    WIRE_HELLO = 1, /* version -> version */
    WIRE_LIST, /* after: text ("": from the first) -> ids behind that one, at most WIRE_LIST_MAX: texts */
    WIRE_OPEN,          /* id: text -> handle, size, name: text */
    WIRE_READ,          /* handle, offset, n -> bytes */
    WIRE_CLOSE,         /* handle -> */
    WIRE_USE,           /* id: text -> handle */
    WIRE_UNUSE,         /* handle -> */
    WIRE_RECORD_APPEND, /* id: text, line: text -> */
    WIRE_RECORD_READ,   /* id: text, offset -> bytes, at most WIRE_PIECE_MAX: the rest when fewer */
    WIRE_BEGIN,         /* like: text ("": none), type: text -> id: text */
    WIRE_APPEND,        /* bytes; see above */
    WIRE_COMMIT,        /* -> */
    WIRE_PUBLISH,       /* -> */
    WIRE_ABANDON,       /* -> ; what was published stays */
    WIRE_DELETION_BEGIN,   /* -> */
    WIRE_DELETION_CLAIM,   /* id: text -> 1 if in use, else 0 */
    WIRE_DELETION_UNCLAIM, /* -> */
    WIRE_DELETION_NEXT,    /* -> id: text, "": none left */
    WIRE_DELETION_FINISH,  /* -> */
    WIRE_DELETION_END,     /* -> */
    WIRE_KEY_BLOCK_READ, /* id: text -> bytes: the key block beside the archive; none: there is none */
    WIRE_KEY_BLOCK_REPLACE, /* id: text, bytes: the key block -> */

    WIRE_OK = 0x80,
    WIRE_ERROR,         /* kind, errno, message: text, hint: text ("": none) */
    WIRE_APPEND_FAILED, /* the same */
};

/* One end of a connection; errors of it are of kind IO and name it, or INTERRUPTED: who waits for the other side is stopped by a signal.
 * `out` may be one that does not block; in one that does, more may be written than is taken at once. */
struct wire {
    int in, out;
    const char *name;
    struct out_bytes sent;    /* the message that is being made */
    uint8_t *got;             /* the last one that came, WIRE_MAX bytes */
    struct err *append_error; /* of a WIRE_APPEND_FAILED that came, owned */
};

void wire_init(struct wire *w, int in, int out, const char *name);
void wire_fini(struct wire *w); /* closes nothing */

/* --- making one --- */
void wire_begin(struct wire *w, enum wire_op op);
void wire_put_number(struct wire *w, uint64_t v);
void wire_put_text(struct wire *w, const char *text); /* NULL is "" */
void wire_put_bytes(struct wire *w, const void *bytes, size_t n);
struct err *wire_send(struct wire *w) MUST_CHECK;
/* Sends e, which is freed, as WIRE_ERROR or WIRE_APPEND_FAILED. */
struct err *wire_send_error(struct wire *w, enum wire_op op, struct err *e) MUST_CHECK;

/* --- taking one --- */
/* *fields is valid until the next call. *op 0: the other side has closed the connection, between two messages. */
struct err *wire_receive(struct wire *w, enum wire_op *op, struct reader *fields) MUST_CHECK;
/* An answer: its fields, or the error that it is. */
struct err *wire_answer(struct wire *w, struct reader *fields) MUST_CHECK;
/* To be asked between requests: the error of an append, if one has come; owned by caller. */
struct err *wire_append_error(struct wire *w) MUST_CHECK;
uint64_t wire_number(struct reader *fields);
/* Owned by caller; "" when it ran out, which shows in *fields. */
char *wire_text(struct reader *fields);
/* Whether all fields were there, and no more. */
struct err *wire_check(const struct wire *w, const struct reader *fields) MUST_CHECK;

#endif
