/* The table of formats, and the list of models. */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>

#include "failmalloc.h"
#include "tap.h"
#include "words.h"

static struct tk_json *json;

static void table(void)
{
    T_OK(tk_api_find("chat") == &tk_api_chat, "chat is found");
    T_OK(tk_api_find("completions") == &tk_api_completions, "completions are found");
    T_OK(!tk_api_find("chats"), "another name is not");
    for (size_t i = 0; tk_apis[i]; i++) {
        const struct tk_api_ops *api = tk_apis[i];
        T_OK(api->help && api->path[0] == '/' && api->decode_event && api->decode_body,
             "%s is whole", api->name);
        T_OK(tk_api_find(api->name) == api, "%s is found", api->name);
    }
}

static int models(const char *text, char **ids, char **roots, int cap)
{
    struct tk_guard g;
    int n = tk_api_models(json, guarded(&g, text), ids, roots, cap);
    tk_guard_release(&g);
    return n;
}

static void model_list(void)
{
    static const char text[] =
        "{\"object\":\"list\",\"data\":[{\"id\":\"a\\u0062\",\"root\":\"/r\"},"
        "{\"object\":\"model\"},3,{\"id\":\"c\",\"root\":null},{\"id\":\"d\"}]}";
    char *ids[8], *roots[8];
    T_EQ_I(models(text, ids, roots, 8), 3, "models with an id");
    T_EQ_S(ids[0], "ab", "first id");
    T_EQ_S(roots[0], "/r", "its root");
    T_EQ_S(ids[1], "c", "second id");
    T_EQ_S(roots[1], "c", "its root is the id");
    T_EQ_S(ids[2], "d", "third id");
    for (int i = 0; i < 3; i++) {
        free(ids[i]);
        free(roots[i]);
    }
    T_EQ_I(models(text, ids, NULL, 1), 1, "as many as there is room for, without roots");
    free(ids[0]);
    T_EQ_I(models("{\"data\":[]}", ids, roots, 8), 0, "none");
    T_EQ_I(models("{\"models\":[]}", ids, roots, 8), TK_E_FORMAT, "no list");
    T_EQ_I(models("{\"data\":{}}", ids, roots, 8), TK_E_FORMAT, "no array");
    T_EQ_I(models("<html>", ids, roots, 8), TK_E_FORMAT, "no JSON");
    T_EQ_I(models("[]", ids, roots, 8), TK_E_FORMAT, "no object");
    T_EQ_I(models("{\"data\":[{\"id\":\"a\"},]}", ids, roots, 8), TK_E_FORMAT,
           "damage after a model: nothing is kept");
}

static void no_memory(void)
{
    static const char text[] = "{\"data\":[{\"id\":\"a\",\"root\":\"r\"},{\"id\":\"b\"}]}";
    struct tk_guard g;
    struct tk_str s = guarded(&g, text);
    char *ids[2], *roots[2];
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_api_models(json, s, ids, roots, 2);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 2, "with enough memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    for (int i = 0; i < 2; i++) {
        free(ids[i]);
        free(roots[i]);
    }
    tk_guard_release(&g);
}

int main(void)
{
    json = tk_json_new(1 << 20);
    table();
    model_list();
    no_memory();
    tk_json_free(json);
    return T_DONE();
}
