/* api.c - the table of wire formats, and the list of a server's models */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

const struct tk_api_ops *const tk_apis[] = {
    &tk_api_chat,       &tk_api_completions, &tk_api_responses, &tk_api_transcriptions,
    &tk_api_embeddings, &tk_api_pooling,     &tk_api_rerank,    NULL,
};

const struct tk_api_ops *tk_api_find(const char *name)
{
    for (size_t i = 0; tk_apis[i]; i++) {
        if (strcmp(tk_apis[i]->name, name) == 0)
            return tk_apis[i];
    }
    return NULL;
}

/* The string member `key` of a model as a malloced copy. 0, TK_E_NOT_FOUND (missing, empty, or no
 * string), TK_E_FORMAT, -ENOMEM. */
static int dup_member(struct tk_json_val *model, const char *key, char **ret)
{
    struct tk_json_val val;
    struct tk_str s;
    if (tk_json_type(model) != TK_JSON_OBJECT)
        return TK_E_NOT_FOUND;
    int rc = tk_json_find(model, key, &val);
    if (rc)
        return rc;
    if (tk_json_get_str(&val, &s) != 0 || s.n == 0)
        return TK_E_NOT_FOUND;
    *ret = tk_str_dup(s);
    return *ret ? 0 : -ENOMEM;
}

/* One model: 1 when it was kept, 0 when it has no id, or a code; nothing is kept then. */
static int take_model(struct tk_json_val *model, char **ret_id, char **ret_root)
{
    char *id = NULL, *root = NULL;
    int rc = dup_member(model, "id", &id);
    if (rc)
        return rc == TK_E_NOT_FOUND ? 0 : rc;
    if (ret_root) {
        rc = dup_member(model, "root", &root);
        if (rc == TK_E_NOT_FOUND) {
            root = strdup(id);
            rc = root ? 0 : -ENOMEM;
        }
        if (rc) {
            free(id);
            return rc;
        }
        *ret_root = root;
    }
    *ret_id = id;
    return 1;
}

int tk_api_models(struct tk_json *j, struct tk_str body, char **ret_ids, char **ret_roots, int cap)
{
    struct tk_json_val root, list, model;
    struct tk_json_iter it;
    int n = 0;
    int rc = tk_json_parse(j, body.p, body.n, &root);
    if (rc == 0)
        rc = tk_json_find(&root, "data", &list);
    if (rc == 0)
        rc = tk_json_arr(&list, &it);
    if (rc)
        return rc == TK_E_NOT_FOUND ? TK_E_FORMAT : rc;
    while (n < cap && (rc = tk_json_arr_next(&it, &model)) > 0) {
        rc = take_model(&model, &ret_ids[n], ret_roots ? &ret_roots[n] : NULL);
        if (rc < 0)
            break;
        n += rc;
        rc = 0;
    }
    if (rc == 0)
        return n;
    for (int i = 0; i < n; i++) {
        free(ret_ids[i]);
        if (ret_roots)
            free(ret_roots[i]);
    }
    return rc;
}
