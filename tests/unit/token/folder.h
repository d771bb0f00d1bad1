/* folder.h - a folder of a tokenizer's files, for the tests that load one */
#ifndef TK_TESTS_UNIT_TOKEN_FOLDER_H
#define TK_TESTS_UNIT_TOKEN_FOLDER_H

#include "lib/tap.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/str.h"

static char folder[4096]; /* the one in use */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static T_UNUSED void remove_folder(void)
{
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static T_UNUSED bool make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/tk_token_XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(folder))
        return true;
    folder[0] = '\0';
    return false;
}

/* `name` may be in a folder of that one. */
static T_UNUSED void write_file(const char *name, struct tk_str text)
{
    char path[8192];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    (void)mkdir(path, 0700);
    *slash = '/';
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(text.p, 1, text.n, f);
        fclose(f);
    }
}

/* The "files" of a case: a string as it is, anything else as JSON. */
static T_UNUSED int write_files(struct tk_json_val *one)
{
    struct tk_json_val files, v;
    struct tk_json_iter it;
    struct tk_str key, text;
    int rc = tk_json_find(one, "files", &files);
    rc = rc < 0 ? rc : tk_json_obj(&files, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0) {
        char *name = tk_str_dup(key);
        rc = tk_json_type(&v) == TK_JSON_STRING ? tk_json_get_str(&v, &text)
                                                : tk_json_get_raw(&v, &text);
        if (rc == 0)
            write_file(name, text);
        free(name);
    }
    return rc;
}

#endif
