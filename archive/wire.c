/* archive/wire.c: see wire.h. */
#include "archive/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/signals.h"

enum { LENGTH_SIZE = 4, WAIT_MS = 500 };

void wire_init(struct wire *w, int in, int out, const char *name)
{
    *w = (struct wire){.in = in, .out = out, .name = name, .got = mem_alloc(WIRE_MAX)};
}

void wire_fini(struct wire *w)
{
    free(w->sent.p);
    free(w->got);
    err_free(w->append_error);
    *w = (struct wire){0};
}

/* --- bytes --- */

static struct err *must_go_on(const struct wire *w)
{
    if (!w->give_up_at)
        return signals_check();
    return clock_seconds() < w->give_up_at ? NULL : err_make(IO, "%s: does not answer", w->name);
}

/* A peer may be silent for long, and which thread a signal interrupts is not known. */
static struct err *wait_until_ready(const struct wire *w, int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    do
        TRY(must_go_on(w));
    while (poll(&p, 1, WAIT_MS) <= 0);
    return NULL;
}

static struct err *read_all(struct wire *w, void *buf, size_t n, size_t *got)
{
    *got = 0;
    while (*got < n) {
        TRY(wait_until_ready(w, w->in, POLLIN));
        const ssize_t r = read(w->in, (char *)buf + *got, n - *got);
        if (r < 0 && errno != EINTR && errno != EAGAIN) {
            w->broken = true;
            return err_os("%s: cannot read", w->name);
        }
        if (r == 0) {
            w->broken = true;
            return NULL;
        }
        *got += r > 0 ? (size_t)r : 0;
    }
    return NULL;
}

static struct err *write_all(struct wire *w)
{
    while (w->n_left) {
        TRY(wait_until_ready(w, w->out, POLLOUT));
        const ssize_t r = write(w->out, w->sent.p + w->sent.n - w->n_left, w->n_left);
        if (r < 0 && errno != EINTR && errno != EAGAIN) {
            w->broken = true;
            return err_os("%s: cannot write", w->name);
        }
        w->n_left -= r > 0 ? (size_t)r : 0;
    }
    return NULL;
}

struct err *wire_last_words(struct wire *w, double seconds)
{
    w->give_up_at = clock_seconds() + seconds;
    return write_all(w);
}

/* --- making one --- */

void wire_begin(struct wire *w, enum wire_op op)
{
    w->sent.n = w->n_left = 0;
    out_reserve(&w->sent, LENGTH_SIZE);
    *out_reserve(&w->sent, 1) = (uint8_t)op;
}

void wire_put_number(struct wire *w, uint64_t v)
{
    out_varint(&w->sent, v);
}

void wire_put_text(struct wire *w, const char *text)
{
    const size_t n = text ? strlen(text) : 0;
    out_varint(&w->sent, n);
    out_bytes_put(&w->sent, text, n);
}

void wire_put_bytes(struct wire *w, const void *bytes, size_t n)
{
    out_bytes_put(&w->sent, bytes, n);
}

struct err *wire_send(struct wire *w)
{
    const size_t n = w->sent.n - LENGTH_SIZE;
    if (n > WIRE_MAX)
        return err_make(FAILED, "%s: a message of %zu bytes, %d are the most", w->name, n,
                        WIRE_MAX);
    put_le32(w->sent.p, (uint32_t)n);
    w->n_left = w->sent.n;
    return write_all(w);
}

struct err *wire_send_error(struct wire *w, enum wire_op op, struct err *e)
{
    enum { TEXT_MAX = 2000 };
    AUTO_FREE char *message = mem_printf("%.*s", TEXT_MAX, e->message);
    AUTO_FREE char *hint = mem_printf("%.*s", TEXT_MAX, e->hint ? e->hint : "");
    wire_begin(w, op);
    wire_put_number(w, (uint64_t)e->kind);
    wire_put_number(w, (uint64_t)e->os_errno);
    wire_put_text(w, message);
    wire_put_text(w, hint);
    err_free(e);
    return wire_send(w);
}

/* --- taking one --- */

struct err *wire_receive(struct wire *w, enum wire_op *op, struct reader *fields)
{
    uint8_t length[LENGTH_SIZE];
    size_t got;
    *op = 0;
    TRY(read_all(w, length, sizeof length, &got));
    if (!got)
        return NULL;
    const uint32_t n = got == sizeof length ? le32(length) : 1;
    if (n < 1 || n > WIRE_MAX)
        return err_make(IO, "%s: no message of mbe came, but a length of %u", w->name, n);
    TRY(read_all(w, w->got, n, &got));
    if (got < n)
        return err_make(IO, "%s: the connection was closed within a message", w->name);
    *op = w->got[0];
    *fields = reader_of(w->got + 1, n - 1);
    return NULL;
}

static struct err *error_of(struct wire *w, struct reader fields)
{
    const uint64_t kind = wire_number(&fields), os_errno = wire_number(&fields);
    AUTO_FREE char *message = wire_text(&fields), *hint = wire_text(&fields);
    TRY(wire_check(w, &fields));
    if (kind >= (uint64_t)err_kind_count() || os_errno > INT32_MAX)
        return err_make(IO, "%s: an error of kind %u came", w->name, (unsigned)kind);
    struct err *e = err_new((enum err_kind)kind, __FILE__, __LINE__, "%s", message);
    e->os_errno = (int)os_errno;
    return *hint ? err_hint(e, "%s", hint) : e;
}

static struct err *closed(const struct wire *w)
{
    return err_make(IO, "%s: the connection was closed", w->name);
}

/* *is_one: it is a message that nobody asks for, and was taken. */
static struct err *take_notice(bool *is_one, struct wire *w, enum wire_op op, struct reader fields)
{
    *is_one = op == WIRE_APPEND_FAILED || op == WIRE_KEPT;
    if (op == WIRE_APPEND_FAILED)
        w->append_error = err_first(w->append_error, error_of(w, fields));
    if (op != WIRE_KEPT)
        return NULL;
    w->kept = wire_number(&fields);
    return wire_check(w, &fields);
}

struct err *wire_answer(struct wire *w, struct reader *fields)
{
    enum wire_op op;
    bool is_notice;
    do {
        TRY(wire_receive(w, &op, fields));
        TRY(take_notice(&is_notice, w, op, *fields));
    } while (is_notice);
    if (op == WIRE_ERROR)
        return error_of(w, *fields);
    if (!op)
        return closed(w);
    return op == WIRE_OK ? NULL
                         : err_make(IO, "%s: message %d came as an answer", w->name, (int)op);
}

static struct err *receive_notice(struct wire *w)
{
    enum wire_op op;
    struct reader fields;
    bool is_notice;
    TRY(wire_receive(w, &op, &fields));
    TRY(take_notice(&is_notice, w, op, fields));
    if (is_notice)
        return NULL;
    return op ? err_make(IO, "%s: message %d came and was not asked for", w->name, (int)op)
              : closed(w);
}

struct err *wire_append_error(struct wire *w)
{
    struct pollfd p = {.fd = w->in, .events = POLLIN};
    while (!w->append_error && poll(&p, 1, 0) > 0)
        TRY(receive_notice(w));
    struct err *e = w->append_error;
    w->append_error = NULL;
    return e;
}

struct err *wire_wait_notice(struct wire *w)
{
    if (!w->append_error)
        TRY(receive_notice(w));
    return wire_append_error(w);
}

uint64_t wire_number(struct reader *fields)
{
    return rd_varint(fields);
}

char *wire_text(struct reader *fields)
{
    const size_t n = (size_t)rd_varint_max(fields, WIRE_MAX);
    const uint8_t *p = rd_bytes(fields, n);
    if (p && memchr(p, '\0', n))
        fields->ran_out = true;
    return p && !fields->ran_out ? mem_printf("%.*s", (int)n, (const char *)p) : mem_strdup("");
}

struct err *wire_check(const struct wire *w, const struct reader *fields)
{
    return fields->ran_out || rd_left(fields)
               ? err_make(IO, "%s: a message with other fields than expected came", w->name)
               : NULL;
}
