/* s3/credentials.c: see credentials.h. */
#include "s3/credentials.h"

#include <ctype.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "s3/http.h"

#define METADATA "http://169.254.169.254"
#define METADATA_ROLE "/latest/meta-data/iam/security-credentials/"

enum {
    FILE_MAX = 1 << 20,
    METADATA_MAX = 16 << 10,
    METADATA_SECONDS = 3, /* on a machine that is not at AWS nobody answers */
    RENEW_BEFORE_S = 300,
};

struct credentials {
    pthread_mutex_t lock; /* guards the keys */
    struct s3_keys keys;
};

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void s3_keys_fini(struct s3_keys *k)
{
    wipe(k->access_key);
    wipe(k->secret_key);
    wipe(k->token);
    *k = (struct s3_keys){0};
}

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* ---- environment ---- */

static struct err *from_environment(struct s3_keys *keys, bool *found)
{
    const char *access = env("AWS_ACCESS_KEY_ID"), *secret = env("AWS_SECRET_ACCESS_KEY");
    *found = access && secret;
    if (!access != !secret)
        return err_make(USAGE, "the environment has AWS_%s but no AWS_%s",
                        access ? "ACCESS_KEY_ID" : "SECRET_ACCESS_KEY",
                        access ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID");
    if (!*found)
        return NULL;
    const char *token = env("AWS_SESSION_TOKEN");
    *keys = (struct s3_keys){.access_key = mem_strdup(access),
                             .secret_key = mem_strdup(secret),
                             .token = token ? mem_strdup(token) : NULL};
    return NULL;
}

/* ---- shared file ---- */

/* The line without blanks around it: [*begin, *end). */
static void trim(const char **begin, const char **end)
{
    while (*begin < *end && isspace((unsigned char)**begin))
        ++*begin;
    while (*end > *begin && isspace((unsigned char)(*end)[-1]))
        --*end;
}

static bool is_word(const char *begin, const char *end, const char *word)
{
    const size_t n = strlen(word);
    return (size_t)(end - begin) == n && !strncmp(begin, word, n);
}

/* "[profile]" */
static bool is_section(const char *begin, const char *end, const char *profile)
{
    if (end - begin < 2 || end[-1] != ']')
        return false;
    begin++, end--;
    trim(&begin, &end);
    return is_word(begin, end, profile);
}

static void take_setting(struct s3_keys *keys, const char *begin, const char *end)
{
    const char *equals = memchr(begin, '=', (size_t)(end - begin));
    if (!equals)
        return;
    const char *name_end = equals, *value = equals + 1;
    trim(&begin, &name_end);
    trim(&value, &end);
    char **field = is_word(begin, name_end, "aws_access_key_id")       ? &keys->access_key
                   : is_word(begin, name_end, "aws_secret_access_key") ? &keys->secret_key
                   : is_word(begin, name_end, "aws_session_token")     ? &keys->token
                                                                       : NULL;
    if (!field || value == end)
        return;
    wipe(*field);
    *field = mem_printf("%.*s", (int)(end - value), value);
}

struct err *credentials_parse(struct s3_keys *keys, bool *found, const char *text,
                              const char *profile, const char *path)
{
    bool inside = false;
    *keys = (struct s3_keys){0};
    *found = false;
    for (const char *line = text; *line;) {
        const char *begin = line, *end = strchrnul(line, '\n');
        line = *end ? end + 1 : end;
        trim(&begin, &end);
        if (begin == end || *begin == '#' || *begin == ';')
            continue;
        if (*begin == '[') {
            inside = is_section(begin, end, profile);
            *found = *found || inside;
        } else if (inside) {
            take_setting(keys, begin, end);
        }
    }
    if (!*found || (keys->access_key && keys->secret_key))
        return NULL;
    struct err *e = err_make(USAGE, "%s: section [%s] has no aws_%s", path, profile,
                             keys->access_key ? "secret_access_key" : "access_key_id");
    s3_keys_fini(keys);
    return e;
}

static struct err *parse_file(struct s3_keys *keys, bool *found, const char *text, const char *path)
{
    const char *profile = env("AWS_PROFILE");
    TRY(credentials_parse(keys, found, text, profile ? profile : "default", path));
    if (!*found && profile)
        return err_make(USAGE, "%s: there is no section [%s], which AWS_PROFILE names", path,
                        profile);
    return NULL;
}

static struct err *from_file(struct s3_keys *keys, bool *found)
{
    const char *named = env("AWS_SHARED_CREDENTIALS_FILE"), *home = env("HOME");
    *found = false;
    if (!named && !home)
        return NULL;
    AUTO_FREE char *path = named ? mem_strdup(named) : mem_printf("%s/.aws/credentials", home);
    char *text;
    size_t len;
    bool absent = false;
    if (named)
        TRY(file_read_all(&text, &len, path, FILE_MAX));
    else
        TRY(file_absent(file_read_all(&text, &len, path, FILE_MAX), &absent));
    if (absent)
        return NULL;
    struct err *e = parse_file(keys, found, text, path);
    explicit_bzero(text, len);
    free(text);
    return e;
}

/* ---- instance metadata ---- */

static char *dup_json(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? mem_strdup(text) : NULL;
}

struct err *credentials_parse_metadata(struct s3_keys *keys, const char *json, size_t n)
{
    *keys = (struct s3_keys){0};
    json_t *object = json_loadb(json, n, 0, NULL);
    struct tm tm = {0};
    const char *expires = json_string_value(json_object_get(object, "Expiration"));
    keys->access_key = dup_json(object, "AccessKeyId");
    keys->secret_key = dup_json(object, "SecretAccessKey");
    keys->token = dup_json(object, "Token");
    const bool whole = keys->access_key && keys->secret_key && keys->token && expires &&
                       strptime(expires, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (whole)
        keys->expires = (int64_t)timegm(&tm);
    else
        s3_keys_fini(keys);
    json_decref(object);
    return whole ? NULL : err_make(FAILED, "instance metadata: no credentials in the answer");
}

/* Text of one answer, NUL-terminated. */
static struct err *ask_metadata(struct http *h, char text[METADATA_MAX], size_t *len,
                                const char *method, const char *path, const char *header)
{
    const char *named = env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    AUTO_FREE char *url = mem_printf("%s%s", named ? named : METADATA, path);
    struct http_request r = {
        .method = method,
        .url = url,
        .headers = {header},
        .body = strcmp(method, "PUT") ? NULL : "",
        .deadline_s = METADATA_SECONDS,
        .into = text,
        .cap = METADATA_MAX - 1,
    };
    struct http_answer a;
    struct err *e = http_send(h, &r, &a);
    if (!e && a.status != 200)
        e = err_make(FAILED, "HTTP status %ld", a.status);
    text[a.len] = '\0';
    *len = a.len;
    http_answer_fini(&a);
    return err_wrap(e, "instance metadata");
}

static struct err *ask_for_keys(struct http *h, struct s3_keys *keys, char text[METADATA_MAX])
{
    size_t len;
    TRY(ask_metadata(h, text, &len, "PUT", "/latest/api/token",
                     "X-aws-ec2-metadata-token-ttl-seconds: 300"));
    AUTO_FREE char *token = mem_printf("X-aws-ec2-metadata-token: %s", text);
    TRY(ask_metadata(h, text, &len, "GET", METADATA_ROLE, token));
    AUTO_FREE char *path = mem_printf(METADATA_ROLE "%.*s", (int)strcspn(text, "\r\n"), text);
    TRY(ask_metadata(h, text, &len, "GET", path, token));
    return credentials_parse_metadata(keys, text, len);
}

static struct err *from_metadata(struct s3_keys *keys)
{
    AUTO(http) h = NULL;
    char text[METADATA_MAX];
    TRY(http_open(&h, &(struct http_settings){.silence_s = METADATA_SECONDS, .is_direct = true}));
    struct err *e = ask_for_keys(h, keys, text);
    explicit_bzero(text, sizeof text);
    return e;
}

/* ---- all of them ---- */

static struct err *none_found(struct err *why)
{
    struct err *e =
        err_make(USAGE,
                 "no credentials for the object store: neither in the environment nor in a "
                 "file%s%s",
                 why ? "; " : "", why ? why->message : "");
    err_free(why);
    return err_hint(e, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or have them in "
                       "~/.aws/credentials.");
}

static struct err *find(struct s3_keys *keys)
{
    bool found;
    TRY(from_environment(keys, &found));
    if (found)
        return NULL;
    TRY(from_file(keys, &found));
    if (found)
        return NULL;
    const char *disabled = env("AWS_EC2_METADATA_DISABLED");
    if (disabled && !strcasecmp(disabled, "true"))
        return none_found(NULL);
    struct err *e = from_metadata(keys);
    return e && e->kind != ERR_INTERRUPTED ? none_found(e) : e;
}

struct err *credentials_open(struct credentials **out)
{
    AUTO(credentials) c = mem_zalloc(sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    TRY(find(&c->keys));
    *out = c;
    c = NULL;
    return NULL;
}

void credentials_free(struct credentials *c)
{
    if (!c)
        return;
    s3_keys_fini(&c->keys);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* Only those of the metadata expire. While the old ones hold, a failure is nothing to speak of. */
static struct err *renew(struct s3_keys *keys, int64_t now)
{
    struct s3_keys fresh;
    if (!keys->expires || now < keys->expires - RENEW_BEFORE_S)
        return NULL;
    struct err *e = from_metadata(&fresh);
    if (!e) {
        s3_keys_fini(keys);
        *keys = fresh;
    } else if (now < keys->expires) {
        err_free(e);
        e = NULL;
    }
    return e;
}

static char *dup_or_null(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

struct err *credentials_get(struct credentials *c, struct s3_keys *keys)
{
    *keys = (struct s3_keys){0};
    pthread_mutex_lock(&c->lock);
    struct err *e = renew(&c->keys, (int64_t)time(NULL));
    if (!e)
        *keys = (struct s3_keys){dup_or_null(c->keys.access_key), dup_or_null(c->keys.secret_key),
                                 dup_or_null(c->keys.token), c->keys.expires};
    pthread_mutex_unlock(&c->lock);
    return e;
}
