/* unicode.h - code points and UTF-8, as Hugging Face's `tokenizers` sees them
 *
 * Categories are Oniguruma's (Unicode 16), because split patterns ask for them. The other sets come
 * from the crate that asks: see docs/internals/tokenizers.md. Text inside the layer is valid UTF-8
 * always: what comes from outside goes through tk__utf8_valid() and tk__utf8_repair() first.
 */
#ifndef TK_TOKEN_UNICODE_H
#define TK_TOKEN_UNICODE_H

#include "base/buf.h"
#include "base/def.h"

/* General categories, in the order of the table. */
enum tk__gc {
    TK__LU,
    TK__LL,
    TK__LT,
    TK__LM,
    TK__LO,
    TK__MN,
    TK__MC,
    TK__ME,
    TK__ND,
    TK__NL,
    TK__NO,
    TK__PC,
    TK__PD,
    TK__PS,
    TK__PE,
    TK__PI,
    TK__PF,
    TK__PO,
    TK__SM,
    TK__SC,
    TK__SK,
    TK__SO,
    TK__ZS,
    TK__ZL,
    TK__ZP,
    TK__CC,
    TK__CF,
    TK__CO,
    TK__CN,
    TK__CS,
    TK__GC_N_
};

/* Sets of categories. */
#define TK__GC_L 0x1fU
#define TK__GC_M (7U << TK__MN)
#define TK__GC_N (7U << TK__ND)
#define TK__GC_P (0x7fU << TK__PC)
#define TK__GC_S (0xfU << TK__SM)
#define TK__GC_Z (7U << TK__ZS)
#define TK__GC_C (0x1fU << TK__CC)

/* What a code point is, beside its category in the lowest five bits. */
#define TK__U_SPACE (1U << 5)     /* White_Space */
#define TK__U_WORD (1U << 6)      /* \w of the regex crate */
#define TK__U_ONIG_WORD (1U << 7) /* \w of Oniguruma */
#define TK__U_NUMERIC (1U << 8)   /* char::is_numeric */
#define TK__U_PUNCT (1U << 9)     /* of Punctuation and BertPreTokenizer, an old Unicode */
#define TK__U_BERT_REMOVED (1U << 10)
#define TK__U_BERT_MARK (1U << 11)
#define TK__U_COMBINING (1U << 12)
#define TK__U_NFC_ACTIVE (1U << 13) /* NFC may change it, or it the character before */
#define TK__U_INERT (1U << 14)      /* normalization does not know it yet: stays as it is */

#define TK__CODE_MAX 0x10FFFFU

/* Private: by 256 code points; filled by tk__uni_init(). */
extern const uint16_t *tk__uni_blocks[0x1100];

/* Fill the tables; once, from any thread. 0 or -ENOMEM. Everything below needs it. */
int tk__uni_init(void);

static inline TK_UNUSED unsigned tk__uni_flags(uint32_t c)
{
    return tk__uni_blocks[c >> 8][c & 255];
}

static inline TK_UNUSED enum tk__gc tk__uni_category(uint32_t c)
{
    return (enum tk__gc)(tk__uni_flags(c) & 31);
}

/* The one character's lower case; U+0130 has two characters and is the caller's matter. */
uint32_t tk__uni_to_lower(uint32_t c);

/* The script as UnicodeScripts groups them; 0 goes with any. */
unsigned tk__uni_script_of(uint32_t c);

/* Decode the character at `p` of valid text; its length is added to *at. */
static inline TK_UNUSED uint32_t tk__utf8_next(const char *p, size_t *at)
{
    const unsigned char *u = (const unsigned char *)p + *at;
    if (u[0] < 0x80) {
        *at += 1;
        return u[0];
    }
    if (u[0] < 0xE0) {
        *at += 2;
        return (u[0] & 0x1FU) << 6 | (u[1] & 0x3FU);
    }
    if (u[0] < 0xF0) {
        *at += 3;
        return (u[0] & 0x0FU) << 12 | (u[1] & 0x3FU) << 6 | (u[2] & 0x3FU);
    }
    *at += 4;
    return (u[0] & 7U) << 18 | (u[1] & 0x3FU) << 12 | (u[2] & 0x3FU) << 6 | (u[3] & 0x3FU);
}

/* Bytes of the character whose first byte is `first`, in valid text. */
static inline TK_UNUSED size_t tk__utf8_len(char first)
{
    unsigned char u = (unsigned char)first;
    return u < 0x80 ? 1 : u < 0xE0 ? 2 : u < 0xF0 ? 3 : 4;
}

/* Where the last character of valid text [p, p+n), n > 0, begins. */
static inline TK_UNUSED size_t tk__utf8_last(const char *p, size_t n)
{
    do {
        n--;
    } while (n > 0 && ((unsigned char)p[n] & 0xC0) == 0x80);
    return n;
}

/* Encode `c` to `out` (four bytes); its length. */
size_t tk__utf8_put(char *out, uint32_t c);

/* Append `c`; the buffer remembers a failure. */
void tk__utf8_add(struct tk_buf *b, uint32_t c);

/* Length of the valid beginning of [p, p+n). */
size_t tk__utf8_valid(const char *p, size_t n);

/* Length of the maximal subpart at `p` that is no character (WHATWG: what one U+FFFD stands for);
 * `ret_cut` (may be NULL) says that it may be the beginning of a character that was cut. n > 0. */
size_t tk__utf8_bad(const char *p, size_t n, bool *ret_cut);

/* Append `s`, each maximal subpart that is no character as U+FFFD. 0, TK_E_LIMIT or -ENOMEM. */
int tk__utf8_repair(struct tk_buf *out, struct tk_str s);

/* Number of characters of valid text. */
size_t tk__utf8_count(struct tk_str s);

#endif
