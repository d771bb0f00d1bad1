/* data.c - the table of data sets, and which of them a file is */
#include "data/data.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define WRITE_JSONL "write it as JSONL, one {\"prompt\": \"…\"} a line"

const struct tk_data_ops *const tk_datas[] = {
    &tk_data_jsonl,
    &tk_data_sharegpt,
    &tk_data_words,
    NULL,
};

const struct tk_data_ops *tk_data_find(const char *name)
{
    for (size_t i = 0; tk_datas[i]; i++) {
        if (strcmp(tk_datas[i]->name, name) == 0)
            return tk_datas[i];
    }
    return NULL;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && tk_str_eq_nocase((struct tk_str){ path + n - m, m }, tk_str_of(suffix));
}

/* The first bytes, without a byte order mark and white space. 0 or a code. */
static int read_head(const char *path, char *head, size_t cap, struct tk_str *ret)
{
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    do {
        n = read(fd, head, cap);
    } while (n < 0 && errno == EINTR);
    int rc = n < 0 ? -errno : 0;
    close(fd);
    if (rc)
        return rc;
    *ret = (struct tk_str){ head, (size_t)n };
    if (tk_str_starts(*ret, TK_STR("\xef\xbb\xbf")))
        *ret = (struct tk_str){ ret->p + 3, ret->n - 3 };
    *ret = tk_str_trim(*ret);
    return 0;
}

/* What the file is that cannot be read, and what to do; NULL when it is nothing known. */
static const char *stranger(const char *path, struct tk_str head)
{
    if (tk_str_starts(head, TK_STR("\x1f\x8b")) || tk_str_starts(head, TK_STR("PK\x03\x04")) ||
        tk_str_starts(head, TK_STR("\x28\xb5\x2f\xfd")))
        return "is compressed; unpack it first";
    if (tk_str_starts(head, TK_STR("PAR1")) || has_suffix(path, ".parquet"))
        return "is Parquet, which cannot be read yet; " WRITE_JSONL;
    if (has_suffix(path, ".csv") || has_suffix(path, ".tsv"))
        return "is a table, which cannot be read yet; " WRITE_JSONL;
    if (head.n == 0)
        return "is empty";
    if (head.p[0] != '{' && head.p[0] != '[')
        return "is neither JSONL nor a JSON array of conversations; " WRITE_JSONL;
    return NULL;
}

static bool contains(struct tk_str head, const char *word)
{
    return memmem(head.p, head.n, word, strlen(word)) != NULL;
}

const struct tk_data_ops *tk_data_guess(const char *path, struct tk_err *reterr)
{
    char bytes[4096];
    struct tk_str head = { NULL, 0 };
    int rc = read_head(path, bytes, sizeof(bytes), &head);
    if (rc) {
        (void)tk_err_set(reterr, rc, "'%s' cannot be read: %s", path, tk_err_text(rc));
        return NULL;
    }
    const char *what = stranger(path, head);
    if (what) {
        (void)tk_err_set(reterr, TK_E_UNSUPPORTED, "'%s' %s", path, what);
        return NULL;
    }
    bool has_prompts = contains(head, "\"prompt\"") || contains(head, "\"messages\"");
    if (contains(head, "\"conversations\"") && !has_prompts)
        return &tk_data_sharegpt;
    if (has_prompts || has_suffix(path, ".jsonl") || has_suffix(path, ".ndjson"))
        return &tk_data_jsonl;
    return head.p[0] == '[' ? &tk_data_sharegpt : &tk_data_jsonl;
}
