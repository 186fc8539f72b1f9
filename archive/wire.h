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
 *
 * A backup that was begun to be kept outlives its connection unless it is abandoned: another one may go on with it. Of such a one
 * there is a WIRE_KEPT, between any two answers, each time that so many bytes more are durable. Who appends keeps what is not yet
 * known to be kept, and appends that again behind a WIRE_RESUME.
 * The first message is WIRE_HELLO; a version that the other side does not know it refuses. */
#ifndef MBE_ARCHIVE_WIRE_H
#define MBE_ARCHIVE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/varint.h"
#include "base/err.h"

enum {
    WIRE_VERSION = 2,
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
    WIRE_BEGIN, /* like: text ("": none), type: text, keep_every: bytes, 0: it goes with the connection -> id: text */
    WIRE_APPEND,           /* bytes; see above */
    WIRE_COMMIT,           /* -> */
    WIRE_PUBLISH,          /* -> */
    WIRE_ABANDON,          /* -> ; what was published stays */
    WIRE_DELETION_BEGIN,   /* -> */
    WIRE_DELETION_CLAIM,   /* id: text -> 1 if in use, else 0 */
    WIRE_DELETION_UNCLAIM, /* -> */
    WIRE_DELETION_NEXT,    /* -> id: text, "": none left */
    WIRE_DELETION_FINISH,  /* -> */
    WIRE_DELETION_END,     /* -> */
    WIRE_KEY_BLOCK_READ, /* id: text -> bytes: the key block beside the archive; none: there is none */
    WIRE_KEY_BLOCK_REPLACE, /* id: text, bytes: the key block -> */
    /* In the place of a WIRE_BEGIN. id: text, n: what is known to be kept of it, keep_every -> 0: appends go on behind n, all that
     * was behind it is dropped; else the size that it was published with. errno EWOULDBLOCK: another connection has it still. */
    WIRE_RESUME,

    WIRE_OK = 0x80,
    WIRE_ERROR,         /* kind, errno, message: text, hint: text ("": none) */
    WIRE_APPEND_FAILED, /* the same */
    WIRE_KEPT,          /* n: so many bytes of the backup, its first ones, are durable */
};

/* One end of a connection; errors of it are of kind IO and name it, or INTERRUPTED: who waits for the other side is stopped by a signal.
 * `out` may be one that does not block; in one that does, more may be written than is taken at once. */
struct wire {
    int in, out;
    const char *name;
    bool broken;              /* it can neither send nor receive any more: another one might */
    double give_up_at;        /* 0: see wire_last_words */
    struct out_bytes sent;    /* the message that is being made */
    size_t n_left;            /* bytes of it, its last ones, that are still to be sent */
    uint8_t *got;             /* the last one that came, WIRE_MAX bytes */
    uint64_t kept;            /* of the last WIRE_KEPT that came */
    struct err *append_error; /* of a WIRE_APPEND_FAILED that came, owned */
};

void wire_init(struct wire *w, int in, int out, const char *name);
void wire_fini(struct wire *w); /* closes nothing */
/* From now on no signal ends what is waited for, but so many seconds do. What a signal has cut off of a message is sent. */
struct err *wire_last_words(struct wire *w, double seconds) MUST_CHECK;

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
/* Between requests: takes what has come without being asked for. The error of an append, if one has come; owned by caller. */
struct err *wire_append_error(struct wire *w) MUST_CHECK;
/* The same, but waits until something has come. */
struct err *wire_wait_notice(struct wire *w) MUST_CHECK;
uint64_t wire_number(struct reader *fields);
/* Owned by caller; "" when it ran out, which shows in *fields. */
char *wire_text(struct reader *fields);
/* Whether all fields were there, and no more. */
struct err *wire_check(const struct wire *w, const struct reader *fields) MUST_CHECK;

#endif
