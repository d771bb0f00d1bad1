/* closest.c - "did you mean": the name that is the fewest typing errors away
 *
 * The distance is Damerau and Levenshtein's in its restricted form (no part is edited twice), which
 * sees a swap of neighbours as one error. Names are short, so the table is three rows on the stack.
 */
#include <limits.h>
#include <string.h>

#include "base/str.h"
#include "opt/inside.h"

#define MAX_NAME 64

unsigned tk__opt_distance(struct tk_str a, struct tk_str b)
{
    unsigned rows[3][MAX_NAME + 1];
    if (a.n > MAX_NAME || b.n > MAX_NAME)
        return UINT_MAX;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a.n; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.n; j++) {
            unsigned best = above[j - 1] + (a.p[i - 1] != b.p[j - 1]);
            best = TK_MIN(best, above[j] + 1);
            best = TK_MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                best = TK_MIN(best, above2[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a.n % 3][b.n];
}

bool tk__opt_is_close(struct tk_str word, unsigned distance)
{
    return distance <= TK_MIN(3, (word.n + 2) / 3);
}

const char *tk_opt_closest(const char *word, const char *const *names, size_t n)
{
    struct tk_str w = tk_str_of(word);
    const char *closest = NULL;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < n; i++) {
        struct tk_str name = tk_str_of(names[i]);
        unsigned d = tk__opt_distance(w, name);
        if (w.n >= 3 && tk_str_starts(name, w))
            d = TK_MIN(d, 1); /* the beginning of a name */
        if (d < least) {
            least = d;
            closest = names[i];
        }
    }
    return closest && tk__opt_is_close(w, least) ? closest : NULL;
}
