/* UTF-8 by its definition, for comparison: decode, then ask whether the code point is one and needs that many bytes. */
#ifndef TEST_UTF8_H
#define TEST_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the character at p, 0 if there is none. */
static inline size_t utf8_char(const unsigned char *p, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80 ? 1 : 2, i;
    uint32_t code = p[0];

    if (length == 1)
        return 1;
    while (length < 5 && (p[0] & (0x80u >> length)) != 0)
        length++;
    if (length == 5 || (p[0] & 0x40u) == 0 || length > n)
        return 0;
    code &= 0x7fu >> length;
    for (i = 1; i < length; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    return code >= least[length] && code <= 0x10ffff && code >> 11 != 0x1b ? length : 0;
}

/* The length of the longest prefix of whole characters. */
static inline size_t utf8_prefix(const unsigned char *p, size_t n)
{
    size_t at = 0, step;

    while (at < n && (step = utf8_char(p + at, n - at)) > 0)
        at += step;
    return at;
}

/* Writes code, surrogates too, and returns its length. */
static inline size_t utf8_put(unsigned char *out, uint32_t code)
{
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4, i;

    for (i = length; i-- > 1; code >>= 6)
        out[i] = (unsigned char)(0x80 | (code & 0x3f));
    out[0] = (unsigned char)(length == 1 ? code : (0xf00u >> length & 0xff) | code);
    return length;
}

#endif
