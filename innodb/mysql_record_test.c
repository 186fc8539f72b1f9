/* innodb/mysql_record_test.c: records by hand, each format, and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "innodb/mysql_record.h"

/* Descriptions as in the log, new form. Fields: fixed 4 NOT NULL; variable up to 255; big; fixed 2. */
#define FIELDS_4 "\x80\x04\x00\x00\x7F\xFF\x00\x02"
static const char plain[] = "\x01\x01\x00\x04\x00\x04" FIELDS_4;
/* Logical 1 was added in version 2, logical 2 dropped in version 3; both physically in place. */
static const char versioned[] =
    "\x01\x03\x00\x04\x00\x04" FIELDS_4 "\x00\x02\x00\x01\x80\x01\x02\x00\x02\x40\x02\x03";
/* Logical 3 is stored first. */
static const char moved[] = "\x01\x03\x00\x04\x00\x04" FIELDS_4 "\x00\x01\x00\x03\x80\x00\x01";
static const char instant[] = "\x01\x05\x00\x04\x00\x02\x00\x04" FIELDS_4;
static const char node[] = "\x01\x01\x00\x04\x00\x02" FIELDS_4;
static const char redundant[] = "\x01\x00";
/* Three fields of which logical 1 was dropped in version 1. */
static const char redundant_versioned[] = "\x01\x02\x00\x03\x00\x01\x00\x01\x40\x01\x01";

static struct redo_mysql_index read_index(const char *bytes, size_t n)
{
    static struct redo_mysql_index ix;
    struct reader r = reader_of(bytes, n);
    assert_null(redo_mysql_index_read(&ix, &r, 67));
    assert_int_equal(rd_left(&r), 0);
    return ix;
}

#define TEXT(s) s, sizeof(s) - 1

static const struct {
    const char *name, *index;
    size_t index_len;
    const char *record; /* up to and including the last data byte */
    size_t len;
    uint32_t origin, data;
    struct {
        uint32_t at, len;
        char kind; /* s stored, n NULL, - not found */
    } fields[4];
} cases[] = {
    {"all fields",
     TEXT(plain),
     TEXT("\x03\x02\x00\x00\x00\x10\x00\x00"
          "iiiiab"
          "xyz"
          "ss"),
     8,
     11,
     {{0, 4, 's'}, {4, 2, 's'}, {6, 3, 's'}, {9, 2, 's'}}},
    {"NULLs",
     TEXT(plain),
     TEXT("\x01\x05\x00\x00\x10\x00\x00"
          "iiiix"),
     7,
     5,
     {{0, 4, 's'}, {4, 0, 'n'}, {4, 1, 's'}, {5, 0, 'n'}}},
    {"two length bytes, external",
     TEXT(plain),
     TEXT("\x02\xC0\x01\x04\x00\x00\x10\x00\x00"
          "iiiia"
          "bc"),
     9,
     7,
     {{0, 4, 's'}, {4, 1, 's'}, {5, 2, 's'}, {7, 0, 'n'}}},
    {"version 0",
     TEXT(versioned),
     TEXT("\x02\x00\x00\x00\x10\x00\x00"
          "iiiixyss"),
     7,
     8,
     {{0, 4, 's'}, {0, 0, '-'}, {4, 2, 's'}, {6, 2, 's'}}},
    {"version 2",
     TEXT(versioned),
     TEXT("\x02\x01\x00\x02\x40\x00\x10\x00\x00"
          "iiiibxyss"),
     9,
     9,
     {{0, 4, 's'}, {4, 1, 's'}, {5, 2, 's'}, {7, 2, 's'}}},
    {"version 3",
     TEXT(versioned),
     TEXT("\x01\x00\x03\x40\x00\x10\x00\x00"
          "iiiibss"),
     8,
     7,
     {{0, 4, 's'}, {4, 1, 's'}, {0, 0, '-'}, {5, 2, 's'}}},
    {"moved to the front",
     TEXT(moved),
     TEXT("\x01\x01\x00\x01\x40\x00\x10\x00\x00"
          "ssiiiibx"),
     9,
     8,
     {{2, 4, 's'}, {6, 1, 's'}, {7, 1, 's'}, {0, 2, 's'}}},
    {"instant, before",
     TEXT(instant),
     TEXT("\x01\x00\x00\x00\x10\x00\x00"
          "iiiib"),
     7,
     5,
     {{0, 4, 's'}, {4, 1, 's'}, {0, 0, '-'}, {0, 0, '-'}}},
    {"instant, count",
     TEXT(instant),
     TEXT("\x01\x01\x00\x03\x80\x00\x10\x00\x00"
          "iiiibx"),
     9,
     6,
     {{0, 4, 's'}, {4, 1, 's'}, {5, 1, 's'}, {0, 0, '-'}}},
    {"instant, count of two bytes",
     TEXT(instant),
     TEXT("\x01\x00\x02\x80\x80\x00\x10\x00\x00"
          "iiiib"),
     9,
     5,
     {{0, 4, 's'}, {4, 1, 's'}, {0, 0, '-'}, {0, 0, '-'}}},
    {"node pointer",
     TEXT(node),
     TEXT("\x01\x00\x00\x00\x11\x00\x00"
          "iiiibPPPP"),
     7,
     9,
     {{0, 4, 's'}, {4, 1, 's'}, {0, 0, '-'}, {0, 0, '-'}}},
    {"infimum",
     TEXT(plain),
     TEXT("\x01\x00\x02\x00\x00"
          "infimum\0"),
     5,
     8,
     {{0, 0, '-'}, {0, 0, '-'}, {0, 0, '-'}, {0, 0, '-'}}},
    {"short offsets",
     TEXT(redundant),
     TEXT("\x86\x04\x03\x00\x00\x10\x07\x00\x00"
          "aaab"
          "\0\0"),
     9,
     6,
     {{0, 3, 's'}, {3, 1, 's'}, {4, 2, 'n'}, {0, 0, '-'}}},
    {"long offsets",
     TEXT(redundant),
     TEXT("\x40\x04\x00\x03\x00\x00\x10\x04\x00\x00"
          "aaab"),
     10,
     4,
     {{0, 3, 's'}, {3, 1, 's'}, {0, 0, '-'}, {0, 0, '-'}}},
    {"version of a REDUNDANT record",
     TEXT(redundant_versioned),
     TEXT("\x05\x02\x01\x40\x00\x10\x05\x00\x00"
          "aabbb"),
     9,
     5,
     {{0, 2, 's'}, {0, 0, '-'}, {2, 3, 's'}, {0, 0, '-'}}},
    {"REDUNDANT record from before",
     TEXT(redundant_versioned),
     TEXT("\x05\x03\x02\x00\x00\x10\x07\x00\x00"
          "aabcc"),
     9,
     5,
     {{0, 2, 's'}, {2, 1, 's'}, {3, 2, 's'}, {0, 0, '-'}}},
};

static void records_are_measured_and_their_fields_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct redo_mysql_index ix = read_index(cases[i].index, cases[i].index_len);
        uint8_t bytes[64];
        memcpy(bytes, cases[i].record, cases[i].len);
        const struct mysql_record_area area = {bytes, 0, (uint32_t)cases[i].len};
        struct mysql_record_size size = {0};
        if (!mysql_record_measure(&size, &ix, &area, cases[i].origin) ||
            size.extra != cases[i].origin || size.data != cases[i].data)
            fail_msg("%s: %u + %u", cases[i].name, size.extra, size.data);
        for (uint32_t f = 0; f < 4; f++) {
            struct mysql_record_field field;
            const bool found = mysql_record_find(&field, &ix, &area, cases[i].origin, f);
            const char kind = !found ? '-' : field.null ? 'n' : 's';
            if (kind != cases[i].fields[f].kind || (found && (field.at != cases[i].fields[f].at ||
                                                              field.len != cases[i].fields[f].len)))
                fail_msg("%s: field %u: %c", cases[i].name, f, kind);
        }
    }
}

static void records_that_leave_their_area_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct redo_mysql_index ix = read_index(cases[i].index, cases[i].index_len);
        uint8_t bytes[64];
        struct mysql_record_size size;
        const uint32_t len = (uint32_t)cases[i].len;
        memcpy(bytes, cases[i].record, len);
        for (uint32_t cut = 1; cut < cases[i].origin; cut++) {
            const struct mysql_record_area area = {bytes, cut, len};
            if (mysql_record_measure(&size, &ix, &area, cases[i].origin))
                fail_msg("%s without its first %u bytes", cases[i].name, cut);
        }
        for (uint32_t end = cases[i].origin; end < len; end++) {
            const struct mysql_record_area area = {bytes, 0, end};
            if (mysql_record_measure(&size, &ix, &area, cases[i].origin))
                fail_msg("%s with %u bytes", cases[i].name, end);
        }
    }
}

static void positions_outside_the_area_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[16] = {0};
    const struct mysql_record_area area = {bytes, 4, 16};
    struct mysql_record_size size;
    struct mysql_record_field field;
    const struct redo_mysql_index ix = read_index(TEXT(plain));
    static const uint32_t origins[] = {0, 3, 8, 17, 65535};
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        assert_false(mysql_record_measure(&size, &ix, &area, origins[i]));
        assert_false(mysql_record_find(&field, &ix, &area, origins[i], 0));
    }
    assert_false(mysql_record_find(&field, &ix, &area, 12, UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_measured_and_their_fields_found),
        cmocka_unit_test(records_that_leave_their_area_are_refused),
        cmocka_unit_test(positions_outside_the_area_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
