/* base/text.c: see text.h. */
#include "base/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* Length of the UTF-8 sequence at s, 0 if it is none (overlong, surrogate, cut off, too large). */
static size_t utf8_length(const unsigned char *s)
{
    const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t len;
    } forms[] = {
        {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3}, {0xE1, 0xEC, 0x80, 0xBF, 3},
        {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
        {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };
    if (s[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
            continue;
        if (s[1] < forms[i].second_min || s[1] > forms[i].second_max)
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((s[k] & 0xC0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

static char *json_control(char *out, unsigned char c)
{
    switch (c) {
    case '\n':
        return stpcpy(out, "\\n");
    case '\t':
        return stpcpy(out, "\\t");
    default:
        return out + sprintf(out, "\\u%04x", c);
    }
}

char *text_json(const char *s)
{
    char *const text = mem_alloc(strlen(s) * 6 + 3); /* \u0001 is the longest form of one byte */
    char *out = text;
    *out++ = '"';
    while (*s) {
        const unsigned char c = (unsigned char)*s;
        const size_t n = utf8_length((const unsigned char *)s);
        if (n == 0) {
            out = stpcpy(out, "\xEF\xBF\xBD");
            s++;
        } else if (c == '"' || c == '\\') {
            *out++ = '\\';
            *out++ = *s++;
        } else if (c < 0x20 || c == 0x7F) {
            out = json_control(out, c);
            s++;
        } else {
            out = mempcpy(out, s, n);
            s += n;
        }
    }
    *out++ = '"';
    *out = '\0';
    return text;
}

/* C0 controls, DEL, and the C1 controls in their UTF-8 form, where U+009B starts a sequence too. */
static bool is_control(const unsigned char *s)
{
    return s[0] < 0x20 || s[0] == 0x7F || (s[0] == 0xC2 && s[1] >= 0x80 && s[1] <= 0x9F);
}

char *text_one_line(const char *s)
{
    char *const line = mem_strdup(s);
    for (char *p = line; *p; p++) {
        if (!is_control((const unsigned char *)p))
            continue;
        if ((unsigned char)p[0] == 0xC2)
            *p++ = '?';
        *p = *p == '\n' ? ' ' : '?';
    }
    return line;
}

char *text_bytes(char out[16], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t unit = 0;
    for (; v >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]; unit++)
        v /= 1024;
    if (unit == 0)
        snprintf(out, 16, "%u B", (unsigned)bytes);
    else
        snprintf(out, 16, "%.1f %s", v, units[unit]);
    return out;
}

char *text_duration(char out[24], double seconds)
{
    const double bounded = seconds > 0 ? (seconds < 1e9 ? seconds : 1e9) : 0;
    const unsigned s = (unsigned)(bounded + 0.5);
    if (s >= 3600)
        snprintf(out, 24, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, 24, "%u:%02u", s / 60, s % 60);
    return out;
}
