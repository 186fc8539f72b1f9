/* archive/s3_store_test_util.h: an object store in memory, behind HTTP, for tests of what is built on s3/s3_client.h: objects, one listing,
 * uploads. It checks no signature: tests/harness/s3.py does. cmocka.h comes before it. */
#ifndef MBE_ARCHIVE_S3_STORE_TEST_UTIL_H
#define MBE_ARCHIVE_S3_STORE_TEST_UTIL_H

#include "base/cleanup.h"
#include "s3/store_test_util.h"

enum { MEMORY_OBJECTS_MAX = 64, MEMORY_UPLOADS_MAX = 16, MEMORY_PARTS_MAX = 16 };

struct memory_object {
    char *key, *data;
    size_t n;
};

struct memory_upload {
    char *key; /* NULL: completed or aborted */
    const char *initiated;
    struct memory_object parts[MEMORY_PARTS_MAX];
};

struct memory_store {
    struct store_test http;
    struct memory_object
        objects[MEMORY_OBJECTS_MAX]; /* in no order; those without a key are free */
    struct memory_upload uploads[MEMORY_UPLOADS_MAX];
    int n_uploads;    /* begun so far */
    int n_requests;   /* so far */
    const char *fail; /* a request that has this in its target gets an error that stays */
    const char *busy; /* such a one is told to come again */
    const char *mute; /* such a one gets no answer */
    bool lists_backwards;
};

static inline struct memory_object *memory_find(struct memory_store *m, const char *key)
{
    for (int i = 0; i < MEMORY_OBJECTS_MAX; i++)
        if (m->objects[i].key && !strcmp(m->objects[i].key, key))
            return &m->objects[i];
    return NULL;
}

static inline void memory_remove(struct memory_store *m, const char *key)
{
    struct memory_object *o = memory_find(m, key);
    if (!o)
        return;
    free(o->key);
    free(o->data);
    *o = (struct memory_object){0};
}

/* Takes `data`. */
static inline void memory_put(struct memory_store *m, const char *key, char *data, size_t n)
{
    memory_remove(m, key);
    for (int i = 0; i < MEMORY_OBJECTS_MAX; i++)
        if (!m->objects[i].key) {
            m->objects[i] = (struct memory_object){mem_strdup(key), data, n};
            return;
        }
    abort();
}

static inline void memory_put_text(struct memory_store *m, const char *key, const char *text)
{
    memory_put(m, key, mem_strdup(text), strlen(text));
}

/* Number of the upload that the target names, or -1. */
static inline int memory_upload_of(const char *target)
{
    const char *at = strstr(target, "uploadId=");
    return at ? atoi(at + strlen("uploadId=")) : -1;
}

static inline void memory_upload_end(struct memory_upload *u)
{
    for (int i = 0; i < MEMORY_PARTS_MAX; i++)
        free(u->parts[i].data);
    free(u->key);
    *u = (struct memory_upload){0};
}

static inline void memory_complete(struct memory_store *m, struct memory_upload *u, int fd)
{
    size_t n = 0;
    char *data = mem_strdup("");
    if (memory_find(m, u->key)) {
        free(data);
        store_answer_text(fd, 412, "", "<Error><Code>PreconditionFailed</Code></Error>");
        return;
    }
    for (int i = 0; i < MEMORY_PARTS_MAX && u->parts[i].data; i++) {
        data = mem_realloc(data, n + u->parts[i].n);
        memcpy(data + n, u->parts[i].data, u->parts[i].n);
        n += u->parts[i].n;
    }
    memory_put(m, u->key, data, n);
    memory_upload_end(u);
    store_answer_text(fd, 200, "", "<CompleteMultipartUploadResult/>");
}

static inline void memory_begin(struct memory_store *m, const char *key, int fd)
{
    if (m->n_uploads == MEMORY_UPLOADS_MAX)
        abort();
    m->uploads[m->n_uploads] =
        (struct memory_upload){.key = mem_strdup(key), .initiated = "2099-01-01T00:00:00.000Z"};
    AUTO_FREE char *xml = mem_printf("<InitiateMultipartUploadResult><UploadId>%d</UploadId>"
                                     "</InitiateMultipartUploadResult>",
                                     m->n_uploads++);
    store_answer_text(fd, 200, "", xml);
}

static inline void memory_answer_upload(struct memory_store *m, const struct store_request *r,
                                        int fd)
{
    struct memory_upload *u = &m->uploads[memory_upload_of(r->target)];
    const char *part = strstr(r->target, "partNumber=");
    if (!u->key) {
        store_answer_text(fd, 404, "", "<Error><Code>NoSuchUpload</Code></Error>");
    } else if (!strcmp(r->method, "POST")) {
        memory_complete(m, u, fd);
    } else if (!strcmp(r->method, "DELETE")) {
        memory_upload_end(u);
        store_answer_text(fd, 200, "", "");
    } else {
        struct memory_object *o = &u->parts[atoi(part + strlen("partNumber=")) - 1];
        free(o->data);
        o->data = mem_alloc(r->body_len + 1);
        o->n = r->body_len;
        memcpy(o->data, r->body, o->n);
        store_answer_text(fd, 200, "ETag: \"part\"\r\n", "");
    }
}

static inline int memory_by_key(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the target asks for by prefix=, decoded. Owned by caller. */
static inline char *memory_prefix(const char *target)
{
    const char *at = strstr(target, "prefix=");
    char *prefix = mem_strdup(at ? at + strlen("prefix=") : "");
    char *out = prefix;
    for (const char *in = prefix; *in && *in != '&'; in++) {
        unsigned c = (unsigned char)*in;
        if (c == '%' && sscanf(in + 1, "%2x", &c) == 1)
            in += 2;
        *out++ = (char)c;
    }
    *out = '\0';
    return prefix;
}

static inline bool memory_is_asked_for(const char *key, const char *prefix)
{
    return key && !strncmp(key, prefix, strlen(prefix));
}

static inline void memory_list(struct memory_store *m, const char *prefix, int fd)
{
    char *keys[MEMORY_OBJECTS_MAX] = {NULL};
    size_t n = 0;
    char *xml = mem_strdup("<ListBucketResult>");
    for (int i = 0; i < MEMORY_OBJECTS_MAX; i++)
        if (memory_is_asked_for(m->objects[i].key, prefix))
            keys[n++] = m->objects[i].key;
    qsort(keys, n, sizeof *keys, memory_by_key);
    for (size_t i = 0; i < n; i++) {
        const char *key = keys[m->lists_backwards ? n - 1 - i : i];
        AUTO_FREE char *before = xml;
        xml = mem_printf("%s<Contents><Key>%s</Key><Size>%zu</Size></Contents>", before, key,
                         memory_find(m, key)->n);
    }
    AUTO_FREE char *before = xml;
    AUTO_FREE char *whole = mem_printf("%s</ListBucketResult>", before);
    store_answer_text(fd, 200, "", whole);
}

static inline void memory_list_uploads(struct memory_store *m, const char *prefix, int fd)
{
    char *xml = mem_strdup("<ListMultipartUploadsResult>");
    for (int i = 0; i < m->n_uploads; i++) {
        if (!memory_is_asked_for(m->uploads[i].key, prefix))
            continue;
        AUTO_FREE char *before = xml;
        xml = mem_printf("%s<Upload><Key>%s</Key><UploadId>%d</UploadId><Initiated>%s</Initiated>"
                         "</Upload>",
                         before, m->uploads[i].key, i, m->uploads[i].initiated);
    }
    AUTO_FREE char *before = xml;
    AUTO_FREE char *whole = mem_printf("%s</ListMultipartUploadsResult>", before);
    store_answer_text(fd, 200, "", whole);
}

static inline void memory_get(struct memory_store *m, const struct store_request *r,
                              const char *key, int fd)
{
    char range[128];
    const struct memory_object *o = memory_find(m, key);
    size_t from = 0, to = o ? o->n - 1 : 0;
    if (!o) {
        store_answer_text(fd, 404, "", "<Error><Code>NoSuchKey</Code></Error>");
        return;
    }
    if (sscanf(store_header(r, "Range", range, sizeof range), "bytes=%zu-%zu", &from, &to) == 2 &&
        (from >= o->n || to >= o->n)) {
        store_answer_text(fd, 416, "", "<Error><Code>InvalidRange</Code></Error>");
        return;
    }
    store_answer(fd, *range ? 206 : 200, "", o->data + from, to + 1 - from);
}

static inline void memory_head(struct memory_store *m, const char *key, int fd)
{
    const struct memory_object *o = memory_find(m, key);
    AUTO_FREE char *head =
        mem_printf("HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n", o ? 200 : 404, o ? o->n : 0);
    store_write(fd, head, strlen(head));
}

/* Keys are taken as they are in the target: tests use none that are encoded. */
static inline bool memory_answer(struct store_test *t, const struct store_request *r, int fd)
{
    struct memory_store *m = t->ctx;
    AUTO_FREE char *key = mem_strdup(r->target + strlen("/buck/"));
    AUTO_FREE char *prefix = memory_prefix(r->target);
    key[strcspn(key, "?")] = '\0';
    m->n_requests++;
    if (m->fail && strstr(r->target, m->fail))
        store_answer_text(fd, 403, "", "<Error><Code>AccessDenied</Code></Error>");
    else if (m->busy && strstr(r->target, m->busy))
        store_answer_text(fd, 503, "", "<Error><Code>SlowDown</Code></Error>");
    else if (m->mute && strstr(r->target, m->mute))
        return true;
    else if (strstr(r->target, "uploadId="))
        memory_answer_upload(m, r, fd);
    else if (strstr(r->target, "uploads=") && !strcmp(r->method, "POST"))
        memory_begin(m, key, fd);
    else if (strstr(r->target, "uploads="))
        memory_list_uploads(m, prefix, fd);
    else if (strstr(r->target, "list-type=2"))
        memory_list(m, prefix, fd);
    else if (!strcmp(r->method, "GET"))
        memory_get(m, r, key, fd);
    else if (!strcmp(r->method, "HEAD"))
        memory_head(m, key, fd);
    else if (!strcmp(r->method, "DELETE")) {
        memory_remove(m, key);
        store_answer_text(fd, 200, "", "");
    } else {
        char *data = mem_alloc(r->body_len + 1);
        memcpy(data, r->body, r->body_len + 1);
        memory_put(m, key, data, r->body_len);
        store_answer_text(fd, 200, "", "");
    }
    return true;
}

/* As *state. */
static inline int memory_start(void **state)
{
    struct memory_store *m = mem_zalloc(sizeof *m);
    m->http.answer = memory_answer;
    m->http.ctx = m;
    store_start(&m->http);
    *state = m;
    return 0;
}

static inline int memory_stop(void **state)
{
    struct memory_store *m = *state;
    store_stop(&m->http);
    for (int i = 0; i < MEMORY_OBJECTS_MAX; i++)
        if (m->objects[i].key)
            memory_remove(m, m->objects[i].key);
    for (int i = 0; i < m->n_uploads; i++)
        memory_upload_end(&m->uploads[i]);
    free(m);
    return 0;
}

#endif
