/* tests/fuzz/s3_answer_fuzz.c: hostile answers of an object store, each taken for all that they can be, and hostile files of credentials. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "s3/credentials.h"
#include "s3/s3_xml.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_lists(const char *text, size_t size)
{
    struct s3_listing listing = {0};
    struct s3_uploads uploads = {0};
    char *next = NULL, *key = NULL, *id = NULL;
    const bool is_listing = taken(s3_xml_listing(&listing, &next, text, size));
    if ((!is_listing && next) || (is_listing && s3_xml_is_completed(text, size)))
        abort();
    if (taken(s3_xml_uploads(&uploads, &key, &id, text, size)) && !key != !id)
        abort();
    for (size_t i = 0; i < listing.n_objects; i++)
        if (!listing.objects[i].key)
            abort();
    s3_listing_fini(&listing);
    s3_uploads_fini(&uploads);
    free(next);
    free(key);
    free(id);
}

static void as_credentials(const char *text, size_t size)
{
    AUTO_FREE char *file = mem_printf("%.*s", (int)size, text);
    struct s3_keys keys;
    bool found;
    if (taken(credentials_parse(&keys, &found, file, "default", "f")) && found &&
        !(keys.access_key && keys.secret_key))
        abort();
    s3_keys_fini(&keys);
    (void)taken(credentials_parse_metadata(&keys, text, size));
    s3_keys_fini(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct s3_error error;
    char *id;
    bool found;
    s3_xml_error(&error, &found, text, size);
    s3_error_fini(&error);
    if (taken(s3_xml_upload_id(&id, text, size)))
        free(id);
    as_lists(text, size);
    as_credentials(text, size);
    return 0;
}
