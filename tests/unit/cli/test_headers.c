/* test_headers.c - headers and the key: where it comes from, that it is not shown */
#include "cli/headers.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

static struct tk_arena arena;

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (f) {
        fputs(text, f);
        fclose(f);
    }
}

static void test_key(void)
{
    char path[] = "/tmp/tk-key-XXXXXX";
    int fd = mkstemp(path);
    struct tk_err err = { 0 };
    const char *key;

    close(fd);
    unsetenv("OPENAI_API_KEY");
    T_EQ_I(tk_key_read(NULL, &arena, &key, &err), 0, "no key");
    T_OK(!key, "is none");
    setenv("OPENAI_API_KEY", "from-env", 1);
    T_EQ_I(tk_key_read(NULL, &arena, &key, &err), 0, "environment");
    T_EQ_S(key, "from-env", "its key");
    write_file(path, "  from-file \nmore\n");
    T_EQ_I(tk_key_read(path, &arena, &key, &err), 0, "file");
    T_EQ_S(key, "from-file", "the first line, trimmed, before the environment's");
    write_file(path, "\n");
    T_EQ_I(tk_key_read(path, &arena, &key, &err), TK_E_FORMAT, "empty file");
    write_file(path, "tell\rtale\n");
    T_EQ_I(tk_key_read(path, &arena, &key, &err), TK_E_FORMAT, "bytes that cannot be sent");
    T_OK(!strstr(err.msg, "tell"), "the message does not hold it: %s", err.msg);
    char longest[5001] = "";
    memset(longest, 'k', 5000);
    write_file(path, longest);
    T_EQ_I(tk_key_read(path, &arena, &key, &err), TK_E_LIMIT, "a key is not cut: %s", err.msg);
    unlink(path);
    T_OK(tk_key_read(path, &arena, &key, &err) < 0, "no such file: %s", err.msg);
}

static void test_headers(void)
{
    const char *words[] = { "X-Run: 7", "Api-Key:tell-no-one" };
    const char *own[] = { "authorization: Basic x" };
    const char *bad[] = { "tell-no-one" };
    struct tk_opt_list list = { words, 2 };
    struct tk_plan_header *h;
    struct tk_err err = { 0 };
    size_t n;

    T_EQ_I(tk_headers_make(&list, "sesame", &arena, &h, &n, &err), 0, "headers");
    T_EQ_U(n, 3, "two and the key's");
    T_EQ_S(h[0].name, "X-Run", "name");
    T_EQ_S(h[0].value, "7", "value, trimmed");
    T_OK(!h[0].is_secret && h[1].is_secret && h[2].is_secret, "secrets are known");
    T_EQ_S(h[2].value, "Bearer sesame", "the key's");
    list = (struct tk_opt_list){ own, 1 };
    T_EQ_I(tk_headers_make(&list, "sesame", &arena, &h, &n, &err), 0, "own Authorization");
    T_EQ_U(n, 1, "replaces the key's");
    list = (struct tk_opt_list){ bad, 1 };
    T_EQ_I(tk_headers_make(&list, NULL, &arena, &h, &n, &err), TK_E_FORMAT, "no colon");
    T_OK(!strstr(err.msg, "tell-no-one"), "the message does not repeat it: %s", err.msg);
}

int main(void)
{
    tk_arena_init(&arena, 0);
    test_key();
    test_headers();
    tk_arena_release(&arena);
    return T_DONE();
}
