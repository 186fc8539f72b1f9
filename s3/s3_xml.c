/* s3/s3_xml.c: see s3_xml.h. Every answer is read by one walk that tells its elements as they end. */
#include "s3/s3_xml.h"

#include <errno.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/text.h"

enum { DEPTH_MAX = 8, NAME_MAX_ = 64, TEXT_MAX = 8192 };

/* An element that ended: the names of it and of what it is in ("" for the root), and its text; NULL when it had elements inside. */
typedef void element_fn(void *ctx, const char *parent, const char *name, const char *text);

struct walk {
    XML_Parser parser;
    element_fn *on_element;
    void *ctx;
    int depth;
    char names[DEPTH_MAX + 1][NAME_MAX_]; /* names[0] is "", of the root's parent */
    bool has_inner[DEPTH_MAX + 1];
    char text[TEXT_MAX + 1];
    size_t n_text;
    const char *refused; /* why it was ended */
};

static void refuse(struct walk *w, const char *why)
{
    w->refused = why;
    XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct walk *w = ctx;
    (void)attributes;
    if (w->depth == DEPTH_MAX || strlen(name) >= NAME_MAX_) {
        refuse(w, "too deep, or too long a name");
        return;
    }
    w->has_inner[w->depth] = true;
    w->depth++;
    w->has_inner[w->depth] = false;
    strcpy(w->names[w->depth], name);
    w->n_text = 0;
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int n)
{
    struct walk *w = ctx;
    if ((size_t)n > TEXT_MAX - w->n_text) {
        refuse(w, "too long a text");
        return;
    }
    memcpy(w->text + w->n_text, text, (size_t)n);
    w->n_text += (size_t)n;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    struct walk *w = ctx;
    (void)name; /* the parser has matched it with its beginning */
    w->text[w->n_text] = '\0';
    w->on_element(w->ctx, w->names[w->depth - 1], w->names[w->depth],
                  w->has_inner[w->depth] ? NULL : w->text);
    w->depth--;
    w->n_text = 0;
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_subset;
    refuse(ctx, "a document type");
}

static struct err *walk_error(const struct walk *w)
{
    if (w->refused)
        return err_make(FAILED, "the store's XML answer: %s", w->refused);
    return err_make(FAILED, "the store's XML answer: line %lu: %s",
                    (unsigned long)XML_GetCurrentLineNumber(w->parser),
                    XML_ErrorString(XML_GetErrorCode(w->parser)));
}

/* The root must have the name `root`. White space before it is what a store sends while it works. */
static struct err *walk_xml(const char *root, element_fn *fn, void *ctx, const char *text, size_t n)
{
    struct walk *w = mem_zalloc(sizeof *w);
    for (; n && (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t'); n--)
        text++;
    w->on_element = fn;
    w->ctx = ctx;
    w->parser = XML_ParserCreate(NULL);
    struct err *e = NULL;
    if (!w->parser) {
        free(w);
        return err_make(FAILED, "cannot make an XML parser");
    }
    XML_SetUserData(w->parser, w);
    XML_SetElementHandler(w->parser, on_start, on_end);
    XML_SetCharacterDataHandler(w->parser, on_text);
    XML_SetStartDoctypeDeclHandler(w->parser, on_doctype);
    if (n > INT32_MAX || XML_Parse(w->parser, text, (int)n, XML_TRUE) != XML_STATUS_OK)
        e = walk_error(w);
    else if (strcmp(w->names[1], root))
        e = err_make(FAILED, "the store's XML answer: %s expected, %s found", root, w->names[1]);
    XML_ParserFree(w->parser);
    free(w);
    return e;
}

static void set_text(char **field, const char *text)
{
    free(*field);
    *field = mem_strdup(text);
}

/* ---- errors ---- */

static void take_error(void *ctx, const char *parent, const char *name, const char *text)
{
    struct s3_error *e = ctx;
    if (!text || strcmp(parent, "Error"))
        return;
    char **field = !strcmp(name, "Code")      ? &e->code
                   : !strcmp(name, "Message") ? &e->message
                   : !strcmp(name, "Region")  ? &e->region
                                              : NULL;
    if (!field)
        return;
    free(*field);
    *field = text_one_line(text);
}

void s3_xml_error(struct s3_error *out, bool *found, const char *text, size_t n)
{
    *out = (struct s3_error){mem_strdup(""), mem_strdup(""), mem_strdup("")};
    struct err *e = walk_xml("Error", take_error, out, text, n);
    *found = !e && *out->code;
    err_free(e);
    if (*found)
        return;
    s3_error_fini(out);
    *out = (struct s3_error){mem_strdup(""), mem_strdup(""), mem_strdup("")};
}

void s3_error_fini(struct s3_error *e)
{
    free(e->code);
    free(e->message);
    free(e->region);
    *e = (struct s3_error){0};
}

/* ---- objects ---- */

struct listing_walk {
    struct s3_listing *l;
    char *key, *next;
    uint64_t size;
    bool truncated, odd; /* odd: an object without a key, or a size that is no number */
};

static void take_object(struct listing_walk *w)
{
    struct s3_listing *l = w->l;
    if (!w->key) {
        w->odd = true;
        return;
    }
    mem_grow(&l->objects, &l->objects_cap, l->n_objects, sizeof *l->objects);
    l->objects[l->n_objects++] = (struct s3_object){w->key, w->size};
    w->key = NULL;
    w->size = 0;
}

static uint64_t take_size(const char *text, bool *odd)
{
    char *end;
    errno = 0;
    const unsigned long long size = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text == '-')
        *odd = true;
    return size;
}

static void take_listing(void *ctx, const char *parent, const char *name, const char *text)
{
    struct listing_walk *w = ctx;
    if (!strcmp(parent, "ListBucketResult")) {
        if (!strcmp(name, "Contents"))
            take_object(w);
        else if (!strcmp(name, "IsTruncated") && text)
            w->truncated = !strcmp(text, "true");
        else if (!strcmp(name, "NextContinuationToken") && text)
            set_text(&w->next, text);
    } else if (!strcmp(parent, "Contents") && text) {
        if (!strcmp(name, "Key"))
            set_text(&w->key, text);
        else if (!strcmp(name, "Size"))
            w->size = take_size(text, &w->odd);
    }
}

struct err *s3_xml_listing(struct s3_listing *l, char **next, const char *text, size_t n)
{
    struct listing_walk w = {.l = l};
    struct err *e = walk_xml("ListBucketResult", take_listing, &w, text, n);
    if (!e && (w.odd || (w.truncated && !(w.next && *w.next))))
        e = err_make(FAILED, "the store's XML answer: a listing that cannot be understood");
    *next = NULL;
    if (!e && w.truncated) {
        *next = w.next;
        w.next = NULL;
    }
    free(w.next);
    free(w.key);
    return e;
}

void s3_listing_fini(struct s3_listing *l)
{
    for (size_t i = 0; i < l->n_objects; i++)
        free(l->objects[i].key);
    free(l->objects);
    *l = (struct s3_listing){0};
}

/* ---- uploads ---- */

struct uploads_walk {
    struct s3_uploads *u;
    char *key, *id, *next_key, *next_id;
    int64_t begun;
    bool truncated, odd;
};

static void take_upload(struct uploads_walk *w)
{
    struct s3_uploads *u = w->u;
    if (!w->key || !w->id) {
        w->odd = true;
        return;
    }
    mem_grow(&u->items, &u->cap, u->n, sizeof *u->items);
    u->items[u->n++] = (struct s3_upload_item){w->key, w->id, w->begun};
    w->key = w->id = NULL;
    w->begun = 0;
}

/* "2026-11-27T22:30:00.000Z" */
static int64_t seconds_of(const char *text)
{
    struct tm tm = {0};
    return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

static void take_uploads(void *ctx, const char *parent, const char *name, const char *text)
{
    struct uploads_walk *w = ctx;
    if (!strcmp(parent, "ListMultipartUploadsResult")) {
        if (!strcmp(name, "Upload"))
            take_upload(w);
        else if (!strcmp(name, "IsTruncated") && text)
            w->truncated = !strcmp(text, "true");
        else if (!strcmp(name, "NextKeyMarker") && text)
            set_text(&w->next_key, text);
        else if (!strcmp(name, "NextUploadIdMarker") && text)
            set_text(&w->next_id, text);
    } else if (!strcmp(parent, "Upload") && text) {
        if (!strcmp(name, "Key"))
            set_text(&w->key, text);
        else if (!strcmp(name, "UploadId"))
            set_text(&w->id, text);
        else if (!strcmp(name, "Initiated"))
            w->begun = seconds_of(text);
    }
}

struct err *s3_xml_uploads(struct s3_uploads *u, char **next_key, char **next_id, const char *text,
                           size_t n)
{
    struct uploads_walk w = {.u = u};
    struct err *e = walk_xml("ListMultipartUploadsResult", take_uploads, &w, text, n);
    const bool has_next = w.next_key && *w.next_key && w.next_id && *w.next_id;
    if (!e && (w.odd || (w.truncated && !has_next)))
        e = err_make(FAILED, "the store's XML answer: a list of uploads that cannot be understood");
    *next_key = *next_id = NULL;
    if (!e && w.truncated) {
        *next_key = w.next_key;
        *next_id = w.next_id;
        w.next_key = w.next_id = NULL;
    }
    free(w.next_key);
    free(w.next_id);
    free(w.key);
    free(w.id);
    return e;
}

void s3_uploads_fini(struct s3_uploads *u)
{
    for (size_t i = 0; i < u->n; i++) {
        free(u->items[i].key);
        free(u->items[i].id);
    }
    free(u->items);
    *u = (struct s3_uploads){0};
}

static void take_upload_id(void *ctx, const char *parent, const char *name, const char *text)
{
    if (!strcmp(parent, "InitiateMultipartUploadResult") && !strcmp(name, "UploadId") && text)
        set_text(ctx, text);
}

struct err *s3_xml_upload_id(char **id, const char *text, size_t n)
{
    *id = NULL;
    struct err *e = walk_xml("InitiateMultipartUploadResult", take_upload_id, id, text, n);
    if (!e && !(*id && **id))
        e = err_make(FAILED, "the store's XML answer: it names no upload");
    if (e) {
        free(*id);
        *id = NULL;
    }
    return e;
}

char *s3_xml_complete(char *const *etags, size_t n)
{
    static const char begin[] =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    static const char part[] = "<Part><PartNumber>%zu</PartNumber><ETag>%s</ETag></Part>";
    static const char end[] = "</CompleteMultipartUpload>";
    size_t size = sizeof begin + sizeof end;
    for (size_t i = 0; i < n; i++)
        size += sizeof part + 20 + strlen(etags[i]); /* 20: the longest number */
    char *const text = mem_alloc(size);
    char *out = stpcpy(text, begin);
    for (size_t i = 0; i < n; i++)
        out += sprintf(out, part, i + 1, etags[i]);
    strcpy(out, end);
    return text;
}

static void take_nothing(void *ctx, const char *parent, const char *name, const char *text)
{
    (void)ctx;
    (void)parent;
    (void)name;
    (void)text;
}

bool s3_xml_is_completed(const char *text, size_t n)
{
    struct err *e = walk_xml("CompleteMultipartUploadResult", take_nothing, NULL, text, n);
    const bool is = !e;
    err_free(e);
    return is;
}
