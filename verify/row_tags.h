/* verify/row_tags.h: the first byte of each canonical value, see row_hash.h. For what writes values and what reads them. */
#ifndef MBE_VERIFY_ROW_TAGS_H
#define MBE_VERIFY_ROW_TAGS_H

enum row_tag {
    TAG_NULL = 0,
    TAG_NOT_NEGATIVE = 1,
    TAG_NEGATIVE = 2,
    TAG_FLOAT = 3,
    TAG_DOUBLE = 4,
    TAG_DECIMAL = 5,
    TAG_DATE = 6,
    TAG_TIME = 7,
    TAG_DATETIME = 8,
    TAG_TIMESTAMP = 9,
    TAG_YEAR = 10,
    TAG_BIT = 11,
    TAG_STRING = 12,
    TAG_ENUM = 13,
    TAG_ENUM_ERROR = 14,
    TAG_SET = 15,
    TAG_SET_EMPTY = 16,
    TAG_GEOMETRY = 17,
    TAG_UUID = 18,
    TAG_INET6 = 19,
    TAG_INET4 = 20,
};

#endif
