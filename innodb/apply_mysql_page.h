/* innodb/apply_mysql_page.h: what apply_mysql.c and apply_mysql_index.c share: a record taken apart, and the apply
 * functions. Each returns NULL, or a static sentence saying why the record does not fit. */
#ifndef MBE_INNODB_APPLY_MYSQL_PAGE_H
#define MBE_INNODB_APPLY_MYSQL_PAGE_H

#include "base/reader.h"
#include "innodb/apply_mysql.h"

struct mysql_change {
    const struct redo_record *rec;
    const struct redo_mysql_index *index; /* NULL if records of this type carry none */
    struct reader body;                   /* behind the index description */
};

#define MYSQL_BODY_CUT_OFF "a record that is cut off"
#define MYSQL_BODY_TOO_LONG "a record that is longer than its type allows"

/* NULL when all of the body was read and no more than that; else what is wrong with it. */
const char *mysql_body_end(const struct reader *body);

typedef const char *mysql_apply_fn(struct mysql_page *page, struct mysql_change *c);

/* Makes the frame of a zip page valid, by decoding the image. */
const char *mysql_page_need_frame(struct mysql_page *page);
/* Notes that the frame was changed. */
void mysql_page_frame_changed(struct mysql_page *page);

/* apply_mysql.c */
mysql_apply_fn apply_my_1byte, apply_my_2bytes, apply_my_4bytes, apply_my_8bytes,
    apply_my_write_string, apply_my_init_file_page, apply_my_ibuf_bitmap_init, apply_my_undo_insert,
    apply_my_undo_erase_end, apply_my_undo_init, apply_my_undo_hdr_reuse, apply_my_undo_hdr_create,
    apply_my_zip_write_node_ptr, apply_my_zip_write_blob_ptr, apply_my_zip_write_header,
    apply_my_zip_page_compress, apply_my_zip_page_compress_no_data;
/* apply_mysql_index.c */
mysql_apply_fn apply_my_page_create, apply_my_comp_page_create, apply_my_page_create_rtree,
    apply_my_comp_page_create_rtree, apply_my_page_create_sdi, apply_my_comp_page_create_sdi,
    apply_my_rec_min_mark, apply_my_comp_rec_min_mark, apply_my_rec_insert,
    apply_my_rec_clust_delete_mark, apply_my_rec_sec_delete_mark, apply_my_comp_rec_sec_delete_mark,
    apply_my_rec_update_in_place, apply_my_rec_delete, apply_my_list_end_delete,
    apply_my_list_start_delete, apply_my_list_end_copy_created, apply_my_page_reorganize,
    apply_my_zip_page_reorganize;

/* Packs the frame with this zlib level right where the server did, which gives the same stream if the zlib is the same one.
 * What does not fit now may fit later: that is for redo_mysql_apply_finish to say. */
const char *mysql_page_pack(struct mysql_page *page, const struct redo_mysql_index *index,
                            unsigned level);

#endif
