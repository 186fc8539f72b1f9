/* innodb/redo_family.c: see redo_family.h. */
#include "innodb/redo_family.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "innodb/fil_page.h"
#include "innodb/page_check.h"

static const struct redo_family *const families[] = {&redo_family_mariadb, &redo_family_mysql};

const struct redo_family *redo_family_find(const char *flavour)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (!strcmp(families[i]->flavour, flavour))
            return families[i];
    return NULL;
}

struct redo_image *redo_image_new(const struct redo_family *family, uint32_t page_size)
{
    struct redo_image *im = mem_zalloc(sizeof *im);
    im->family = family;
    im->state = family->state_new(page_size);
    im->clear = mem_alloc_aligned(page_size);
    return im;
}

void redo_image_free(struct redo_image *im)
{
    if (!im)
        return;
    im->family->state_free(im->state);
    free(im->clear);
    free(im);
}

/* Whether the server would encrypt this page when it writes it. */
static bool is_to_be_encrypted(const struct redo_image *im, const uint8_t *clear)
{
    const uint16_t type = be16(clear + FIL_TYPE);
    if (!im->key || im->no == 0)
        return false;
    if (im->key->kind == SPACE_KEY_MYSQL)
        return true;
    return type != FIL_TYPE_FSP_HDR && type != FIL_TYPE_XDES &&
           (im->format->full_crc32 || type != FIL_TYPE_RTREE);
}

struct err *redo_image_load(struct redo_image *im, const struct space_format *format,
                            const struct space_key *key, space_id_t space, page_no_t no,
                            const uint8_t *slot)
{
    im->format = format;
    im->key = key && key->kind != SPACE_KEY_NONE ? key : NULL;
    im->no = no;
    im->lsn = 0;
    im->mtr_started = false;
    if (slot && bytes_are_zero(slot, format->physical))
        slot = NULL;
    if (!slot)
        return im->family->load(im, NULL);
    im->lsn = be64(slot + FIL_LSN);
    if (!page_is_encrypted(format, slot, no))
        return im->family->load(im, slot);
    if (!im->key)
        return err_make(REFUSED, "the page is encrypted, and there is no key to apply redo to it");
    TRY(page_decrypt(im->key, format, slot, im->clear));
    char why[PAGE_WHY_SIZE];
    if (page_check(format, space, no, im->clear, why) == PAGE_CORRUPT)
        return err_make(REFUSED, "the page does not open with the key that the key file has: %s",
                        why);
    return im->family->load(im, im->clear);
}

void redo_image_begin_mtr(struct redo_image *im)
{
    im->mtr_started = false;
}

const char *redo_image_apply(struct redo_image *im, const struct redo_record *rec)
{
    const char *why = im->family->apply(im, rec);
    im->mtr_started = true;
    return why;
}

void redo_image_end_mtr(struct redo_image *im, lsn_t end)
{
    im->lsn = end;
}

struct err *redo_image_store(struct redo_image *im, uint8_t *slot)
{
    TRY(im->family->store(im, slot));
    if (!is_to_be_encrypted(im, slot))
        return NULL;
    memcpy(im->clear, slot, im->format->physical);
    return page_encrypt(im->key, im->format, im->clear, slot);
}
