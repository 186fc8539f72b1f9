/* innodb/page_codec.c: see page_codec.h.
 *
 * zlib, lz4, lzma and bzip2 are linked. snappy would bring the C++ library into every run and lzo
 * is GPL: these two are loaded when the first such page is met. Their entry points are the only
 * mutable state, written once. */
#include "innodb/page_codec.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>

/* int lzo1x_decompress_safe(const uint8_t *, lzo_uint, uint8_t *, lzo_uint *, void *): 0 is
 * success. */
typedef int lzo_fn(const uint8_t *in, unsigned long n, uint8_t *out, unsigned long *out_len,
                   void *unused);
/* snappy_status snappy_uncompress(const char *, size_t, char *, size_t *): 0 is success. */
typedef int snappy_fn(const char *in, size_t n, char *out, size_t *out_len);

static struct {
    pthread_once_t once;
    lzo_fn *lzo;
    snappy_fn *snappy;
} loaded = {.once = PTHREAD_ONCE_INIT};

static void load_symbol(void *fn, size_t size, const char *library, const char *name)
{
    void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    void *symbol = h ? dlsym(h, name) : NULL;
    memcpy(fn, &symbol, size); /* ISO C has no cast from object to function pointer */
}

static void load_libraries(void)
{
    load_symbol(&loaded.lzo, sizeof loaded.lzo, "liblzo2.so.2", "lzo1x_decompress_safe");
    load_symbol(&loaded.snappy, sizeof loaded.snappy, "libsnappy.so.1", "snappy_uncompress");
}

/* Each decoder tells whether exactly out_len bytes came out. */
typedef bool decode_fn(const uint8_t *in, size_t n, uint8_t *out, size_t out_len);

static bool decode_zlib(const uint8_t *in, size_t n, uint8_t *out, size_t out_len)
{
    uLongf got = out_len;
    return uncompress(out, &got, in, n) == Z_OK && got == out_len;
}

static bool decode_lz4(const uint8_t *in, size_t n, uint8_t *out, size_t out_len)
{
    return LZ4_decompress_safe((const char *)in, (char *)out, (int)n, (int)out_len) == (int)out_len;
}

static bool decode_lzo(const uint8_t *in, size_t n, uint8_t *out, size_t out_len)
{
    unsigned long got = out_len;
    return loaded.lzo(in, n, out, &got, NULL) == 0 && got == out_len;
}

static bool decode_lzma(const uint8_t *in, size_t n, uint8_t *out, size_t out_len)
{
    uint64_t memory_limit = 128 << 20; /* level 9 needs 65 MiB */
    size_t in_at = 0, out_at = 0;
    return lzma_stream_buffer_decode(&memory_limit, 0, NULL, in, &in_at, n, out, &out_at,
                                     out_len) == LZMA_OK &&
           out_at == out_len;
}

static bool decode_bzip2(const uint8_t *in, size_t n, uint8_t *out, size_t out_len)
{
    unsigned got = (unsigned)out_len;
    char *unconst = (char *)(uintptr_t)in; /* its interface lacks a const */
    return BZ2_bzBuffToBuffDecompress((char *)out, &got, unconst, (unsigned)n, 1, 0) == BZ_OK &&
           got == out_len;
}

static bool decode_snappy(const uint8_t *in, size_t n, uint8_t *out, size_t out_len)
{
    size_t got = out_len;
    return loaded.snappy((const char *)in, n, (char *)out, &got) == 0 && got == out_len;
}

static const struct {
    const char *name;
    decode_fn *decode;
    const char *library; /* loaded at run time, or NULL */
} codecs[] = {
    [PAGE_ALGORITHM_NONE] = {NULL, NULL, NULL},
    [PAGE_ALGORITHM_ZLIB] = {"zlib", decode_zlib, NULL},
    [PAGE_ALGORITHM_LZ4] = {"lz4", decode_lz4, NULL},
    [PAGE_ALGORITHM_LZO] = {"lzo", decode_lzo, "liblzo2.so.2"},
    [PAGE_ALGORITHM_LZMA] = {"lzma", decode_lzma, NULL},
    [PAGE_ALGORITHM_BZIP2] = {"bzip2", decode_bzip2, NULL},
    [PAGE_ALGORITHM_SNAPPY] = {"snappy", decode_snappy, "libsnappy.so.1"},
};

const char *page_algorithm_name(unsigned algorithm)
{
    return algorithm < sizeof codecs / sizeof codecs[0] ? codecs[algorithm].name : NULL;
}

static bool is_loaded(unsigned algorithm)
{
    pthread_once(&loaded.once, load_libraries);
    return algorithm == PAGE_ALGORITHM_LZO ? loaded.lzo != NULL : loaded.snappy != NULL;
}

struct err *page_codec_decode(unsigned algorithm, const uint8_t *in, size_t n, uint8_t *out,
                              size_t out_len)
{
    const char *name = page_algorithm_name(algorithm);
    if (!name)
        return err_make(CORRUPT, "unknown compression algorithm %u", algorithm);
    if (codecs[algorithm].library && !is_loaded(algorithm))
        return err_hint(
            err_make(FAILED, "%s page: cannot load %s", name, codecs[algorithm].library),
            "Install the library; the server has it from its provider plugin.");
    if (!codecs[algorithm].decode(in, n, out, out_len))
        return err_make(CORRUPT, "%s payload of %zu bytes does not give a page", name, n);
    return NULL;
}
