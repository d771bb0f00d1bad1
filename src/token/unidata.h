/* unidata.h - the tables behind unicode.h, made by tests/data/token/unicode.py */
#ifndef TK_TOKEN_UNIDATA_H
#define TK_TOKEN_UNIDATA_H

#include <stdint.h>

/* Code points first to last, both in it. */
struct tk__uni_range {
    uint32_t first;
    uint32_t last;
};

/* first, first + step, … last become lower case by adding `difference`. */
struct tk__uni_lower {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t difference;
};

/* Runs: where each begins, shifted left, and its value; in order, the first at 0. */
extern const uint32_t tk__uni_gc[]; /* << 5 | enum tk__gc */
extern const unsigned tk__uni_n_gc;
extern const uint32_t tk__uni_script[]; /* << 8 | script; before the first: 0 */
extern const unsigned tk__uni_n_script;

extern const struct tk__uni_range tk__uni_space[], tk__uni_word[], tk__uni_oniguruma_word[],
    tk__uni_numeric[], tk__uni_punctuation[], tk__uni_bert_removed[], tk__uni_bert_mark[],
    tk__uni_combining[], tk__uni_nfc_active[], tk__uni_normal_inert[];
extern const unsigned tk__uni_n_space, tk__uni_n_word, tk__uni_n_oniguruma_word, tk__uni_n_numeric,
    tk__uni_n_punctuation, tk__uni_n_bert_removed, tk__uni_n_bert_mark, tk__uni_n_combining,
    tk__uni_n_nfc_active, tk__uni_n_normal_inert;
extern const struct tk__uni_lower tk__uni_lower[];
extern const unsigned tk__uni_n_lower;

#endif
