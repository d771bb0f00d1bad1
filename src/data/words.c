/* words.c - made-up prompts of plain English words
 *
 * Needs no file and no tokenizer. The words are short and common, so that nearly every tokenizer has
 * each of them, with the space before it, as one token: a prompt of n words is about n tokens. They
 * are drawn independently, so that two prompts share hardly more than a first word and a cache of
 * prefixes gains nothing.
 *
 * 256 words: one draw of 32 bits gives four. 100,000 prompts of 2,000 words take about a second.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "data/inside.h"

#define MAX_WORD 7 /* bytes of the longest word below */

/* clang-format off */
static const char words[256][MAX_WORD + 1] = {     "time", "people", "year", "way", "day", "man", "thing", "woman", "life", "child", "world",
    "school", "state", "family", "student", "group", "country", "problem", "hand", "part", "place",
    "case", "week", "company", "system", "program", "work", "number", "night", "point", "home",
    "water", "room", "mother", "area", "money", "story", "fact", "month", "lot", "right", "study",
    "book", "eye", "job", "word", "issue", "side", "kind", "head", "house", "service", "friend",
    "father", "power", "hour", "game", "line", "end", "member", "law", "car", "city", "name",
    "team", "minute", "idea", "kid", "body", "back", "parent", "face", "level", "office", "door",
    "health", "person", "art", "war", "history", "party", "result", "change", "morning", "reason",
    "moment", "air", "teacher", "force", "foot", "boy", "age", "policy", "music", "market", "sense",
    "plan", "color", "nation", "town", "road", "effort", "hope", "field", "range", "light", "paper",
    "space", "form", "event", "value", "voice", "wall", "tree", "film", "season", "river", "board",
    "rest", "model", "north", "south", "east", "west", "above", "after", "again", "along", "also",
    "always", "another", "around", "become", "before", "begin", "behind", "believe", "better",
    "between", "big", "both", "bring", "build", "buy", "call", "carry", "clear", "close", "cold",
    "come", "common", "could", "cut", "dark", "deep", "do", "down", "draw", "drive", "early",
    "easy", "eat", "even", "ever", "every", "fall", "far", "fast", "feel", "few", "find", "fire",
    "first", "fly", "follow", "free", "full", "get", "give", "go", "good", "great", "green", "grow",
    "hard", "have", "hear", "heavy", "help", "here", "high", "hold", "hot", "keep", "know", "large",
    "last", "late", "learn", "leave", "left", "less", "let", "like", "listen", "little", "live",
    "long", "look", "love", "low", "make", "many", "mean", "meet", "more", "most", "move", "much",
    "must", "near", "need", "never", "new", "next", "now", "old", "only", "open", "other", "over",
    "own", "play", "pull", "push", "put", "quick", "rain", "read", "red", "run", "safe", "same",
    "say", "sea", "see", "seem", "send", "set", "ship", "short", "show", "sing", "sit", "sleep",
    "slow",
};
/* clang-format on */

static int make_prompt(struct tk_mt *mt, int64_t n_words, struct tk_buf *out)
{
    uint32_t bits = 0;
    tk_buf_reset(out);
    int rc = tk_buf_reserve(out, (size_t)n_words * (MAX_WORD + 1));
    for (int64_t i = 0; rc == 0 && i < n_words; i++) {
        bits = i % 4 == 0 ? tk_mt_u32(mt) : bits >> 8;
        const char *word = words[bits & 0xFF];
        size_t n = strlen(word);
        if (i > 0)
            out->p[out->n++] = ' ';
        memcpy(out->p + out->n, word, n); /* there is room: it was reserved */
        out->n += n;
    }
    return rc;
}

static int make_prompts(const struct tk_data_conf *conf, struct tk__adder *adder,
                        struct tk_err *reterr)
{
    struct tk_buf text = TK_BUF_INIT((size_t)TK_DATA_MAX_WORDS * (MAX_WORD + 1));
    struct tk_mt mt;
    int rc = 0;
    tk_mt_seed_python(&mt, conf->seed);
    for (size_t i = 0; rc == 0 && i < conf->n_wanted; i++) {
        rc = make_prompt(&mt, conf->words, &text);
        if (rc) {
            (void)tk_err_set(reterr, rc, "no memory for a prompt of %" PRId64 " words",
                             conf->words);
            break;
        }
        struct tk_item item = {
            .prompt = tk_buf_str(&text),
            .prompt_tokens = conf->words,
            .output_tokens = conf->output_tokens,
            .row = (uint32_t)i,
        };
        rc = tk__adder_add(adder, &item, reterr);
    }
    tk_buf_release(&text);
    return rc;
}

static int words_load(const struct tk_data_conf *conf, struct tk_items *ret, struct tk_err *reterr)
{
    struct tk__adder adder;
    tk__adder_init(&adder, ret);
    ret->is_estimated = true;
    int rc = 0;
    if (conf->words < 1 || conf->words > TK_DATA_MAX_WORDS)
        rc = tk_err_set(reterr, TK_E_RANGE, "a made-up prompt has from 1 to %d words, not %" PRId64,
                        TK_DATA_MAX_WORDS, conf->words);
    else if (conf->n_wanted == 0 || conf->n_wanted > UINT32_MAX)
        rc = tk_err_set(reterr, TK_E_RANGE, "say how many prompts to make up, from 1 to %" PRIu32,
                        UINT32_MAX);
    if (rc == 0)
        rc = make_prompts(conf, &adder, reterr);
    return tk__adder_finish(&adder, rc, reterr);
}

const struct tk_data_ops tk_data_words = {
    .name = "words",
    .help = "made-up prompts of plain English words, about one token each",
    .needs_path = false,
    .load = words_load,
};
