/* s3/s3_url.c: see s3_url.h. */
#include "s3/s3_url.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define SCHEME "s3://"

enum { BUCKET_MIN = 3, BUCKET_MAX = 63, PREFIX_MAX = 512 };

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static struct err *check_bucket(const char *bucket, const char *url)
{
    const size_t n = strlen(bucket);
    const bool known = strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
    if (n < BUCKET_MIN || n > BUCKET_MAX || !known || bucket[0] == '.' || bucket[0] == '-')
        return err_make(USAGE,
                        "%s: \"%s\" is no name of a bucket: %d to %d lower-case letters, digits, "
                        "dots and hyphens",
                        url, bucket, BUCKET_MIN, BUCKET_MAX);
    return NULL;
}

/* A key with an empty, "." or ".." component is one that proxies and file systems change. */
static struct err *check_prefix(const char *prefix, const char *url)
{
    if (strlen(prefix) > PREFIX_MAX)
        return err_make(USAGE, "%s: the path is longer than %d bytes", url, PREFIX_MAX);
    for (const char *at = prefix; *at;) {
        const size_t n = strcspn(at, "/");
        if (n == 0 || (n <= 2 && !strncmp(at, "..", n)))
            return err_make(USAGE, "%s: an empty, \".\" or \"..\" component in the path", url);
        for (size_t i = 0; i < n; i++)
            if (is_control(at[i]))
                return err_make(USAGE, "%s: a control character in the path", url);
        at += n + (at[n] == '/');
    }
    return NULL;
}

struct err *s3_location_parse(struct s3_location *out, const char *url)
{
    *out = (struct s3_location){0};
    if (strncmp(url, SCHEME, strlen(SCHEME)))
        return err_make(USAGE, "%s: " SCHEME "BUCKET/PATH expected", url);
    const char *bucket = url + strlen(SCHEME), *slash = strchrnul(bucket, '/');
    const char *prefix = *slash ? slash + 1 : slash;
    const size_t n = strlen(prefix);
    struct s3_location l = {
        .bucket = mem_printf("%.*s", (int)(slash - bucket), bucket),
        .prefix = mem_printf("%s%s", prefix, n && prefix[n - 1] != '/' ? "/" : ""),
    };
    struct err *e = check_bucket(l.bucket, url);
    if (!e)
        e = check_prefix(l.prefix, url);
    if (e)
        s3_location_fini(&l);
    *out = l;
    return e;
}

void s3_location_fini(struct s3_location *l)
{
    free(l->bucket);
    free(l->prefix);
    *l = (struct s3_location){0};
}

/* HOST[:PORT] behind the scheme; NULL: it is not that. */
static const char *host_of(const char *endpoint)
{
    const char *host = strstr(endpoint, "://");
    if (!host || (strncmp(endpoint, "http://", 7) && strncmp(endpoint, "https://", 8)))
        return NULL;
    host += 3;
    const size_t n = strlen(host);
    /* no path, no user and password: these would be told in messages */
    return n && strcspn(host, "/?#@ ") == n ? host : NULL;
}

struct err *s3_url_base(char **out, const char *endpoint, const char *region, const char *bucket,
                        bool path_style)
{
    AUTO_FREE char *whole =
        endpoint ? mem_strdup(endpoint) : mem_printf("https://s3.%s.amazonaws.com", region);
    if (whole[0] && whole[strlen(whole) - 1] == '/')
        whole[strlen(whole) - 1] = '\0';
    const char *host = host_of(whole);
    if (!host)
        return err_make(USAGE, "--s3-endpoint: http://HOST[:PORT] or https://HOST[:PORT] expected");
    *out = path_style ? mem_printf("%s/%s", whole, bucket)
                      : mem_printf("%.*s%s.%s", (int)(host - whole), whole, bucket, host);
    return NULL;
}

/* What is neither a letter, a digit nor in `kept` is encoded. */
static char *encode(const char *text, const char *kept)
{
    static const char digits[] = "0123456789ABCDEF";
    char *const encoded = mem_alloc(strlen(text) * 3 + 1);
    char *out = encoded;
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            strchr(kept, c)) {
            *out++ = (char)c;
            continue;
        }
        *out++ = '%';
        *out++ = digits[c >> 4];
        *out++ = digits[c & 15];
    }
    *out = '\0';
    return encoded;
}

char *s3_url_encode(const char *text)
{
    return encode(text, "-._~");
}

char *s3_url_encode_path(const char *key)
{
    return encode(key, "-._~/");
}

char *s3_url_query(const struct s3_query *parts, size_t n)
{
    char *query = mem_strdup("");
    for (size_t i = 0; i < n; i++) {
        if (!parts[i].value)
            continue;
        AUTO_FREE char *before = query;
        AUTO_FREE char *value = s3_url_encode(parts[i].value);
        query = mem_printf("%s%s%s=%s", before, *before ? "&" : "?", parts[i].name, value);
    }
    return query;
}
