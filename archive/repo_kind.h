/* archive/repo_kind.h: what a kind of repository consists of: one struct of functions, behind repo.h, whose comments say what
 * each does. Internal to archive/. A kind has its own struct with one of these as its first member, and fills in that. */
#ifndef MBE_ARCHIVE_REPO_KIND_H
#define MBE_ARCHIVE_REPO_KIND_H

#include "archive/repo.h"
#include "base/temp_dir.h"

struct repo_kind {
    /* What is in front of "://"; NULL: repo.c knows it otherwise. */
    const char *scheme;
    bool is_stream;
    /* Makes the kind's own struct and fills its first member but for kind and options, which repo.c does. */
    struct err *(*open)(struct repo **out, const char *url, const struct repo_options *options);
    void (*close)(struct repo *r);

    struct err *(*list)(struct backup_ids *out, struct repo *r); /* in any order */
    struct err *(*open_source)(struct source **out, struct repo *r, const char *id);
    struct err *(*use)(struct repo_use **out, struct repo *r, const char *id);
    void (*use_end)(struct repo_use *u);
    struct err *(*record_append)(struct repo *r, const char *id, const char *line);
    struct err *(*record_read)(char **text, struct repo *r, const char *id);

    /* The key block beside the archive (envelope.h); *there: whether there is one. NULL, both: this kind keeps none. */
    struct err *(*key_block_read)(uint8_t *p, bool *there, struct repo *r, const char *id);
    /* Durable, and whole or as before, whatever happens. The backup is in use. */
    struct err *(*key_block_replace)(struct repo *r, const char *id, const uint8_t *p);

    struct err *(*begin)(struct repo_draft **out, struct repo *r, const char *like,
                         const char *type);
    /* NULL: what `begin` makes of its time and the rest of it is taken if that is it. */
    struct err *(*begin_as)(struct repo_draft **out, struct repo *r, const char *id);
    struct err *(*publish)(struct repo_draft *d);
    void (*draft_free)(struct repo_draft *d); /* the sink too */

    /* NULL, all of them: a draft ends with its process. As catalog.h says of such functions; a resumed sink goes on behind `size` bytes,
     * and can make durable what it has (sink.h: sync). */
    struct err *(*draft_make_resumable)(struct repo_draft *d);
    void (*draft_leave)(struct repo_draft *d);
    struct err *(*resume)(struct repo_draft **out, uint64_t *published, struct repo *r,
                          const char *id, uint64_t size);

    /* NULL: each request stands for itself. The error with which nothing can be asked any more, if that is so. */
    struct err *(*check)(struct repo *r);

    /* NULL, all of them: nothing is deleted in this kind. */
    struct err *(*deletion_begin)(struct repo_deletion **out, struct repo *r);
    struct err *(*deletion_claim)(struct repo_deletion *d, const char *id, bool *in_use);
    void (*deletion_unclaim)(struct repo_deletion *d);
    struct err *(*deletion_next)(struct repo_deletion *d, const char **id);
    struct err *(*deletion_finish)(struct repo_deletion *d);
    void (*deletion_free)(struct repo_deletion *d);
};

/* The first members of the kind's own structs. */
struct repo {
    const struct repo_kind *kind;
    struct repo_options options;
    char *tmp_dir;         /* that of the options, our own copy */
    char *name;            /* see repo_name; freed by repo_close */
    const char *directory; /* see repo_directory; the kind's own */
};

struct repo_use {
    const struct repo_kind *kind;
};

struct repo_draft {
    const struct repo_kind *kind;
    const char *id, *dir; /* as repo_draft_id, repo_draft_dir: the kind's own */
    struct sink *sink;
};

struct repo_deletion {
    const struct repo_kind *kind;
};

/* As of the kind; *there is false where it keeps none. */
struct err *repo_key_block_read(uint8_t *p, bool *there, struct repo *r, const char *id) MUST_CHECK;
/* As of the kind; REFUSED where it keeps none. */
struct err *repo_key_block_replace(struct repo *r, const char *id, const uint8_t *p) MUST_CHECK;

/* As of the kind; REFUSED, the first two, where it cannot. A draft is left only if it was made resumable. */
struct err *repo_draft_make_resumable(struct repo_draft *d) MUST_CHECK;
struct err *repo_resume(struct repo_draft **out, uint64_t *published, struct repo *r,
                        const char *id, uint64_t size) MUST_CHECK;
void repo_draft_leave(struct repo_draft *d);

/* For drafts of kinds that have no directory on this machine. Owned by caller. */
struct err *repo_temp_dir(struct temp_dir **out, const struct repo_options *options) MUST_CHECK;

extern const struct repo_kind repo_kind_directory, repo_kind_stream, repo_kind_ssh, repo_kind_s3;

#endif
