/* Rows of texts and images: files as data, what is refused, and without memory. What is sent otherwise is
 * compared with vLLM's in it/test_vllm_load.py. */
#include <errno.h>

#include "base/str.h"
#include "data/data.h"
#include "failmalloc.h"
#include "files.h"
#include "tap.h"

static struct tk_err err;

static int load(struct tk_data_conf *conf, const char *text, struct tk_items *ret)
{
    conf->path = test_text("rows.jsonl", text);
    err.msg[0] = '\0';
    return tk_data_custom_image.load(conf, ret, &err);
}

/* `bytes` of a file as they go out: `want` is the media, or part of the error. */
static void data_url(const char *name, const char *bytes, size_t n, const char *want)
{
    struct tk_data_conf conf = { .is_client_side = true };
    struct tk_items items;
    char row[800];

    snprintf(row, sizeof(row), "{\"prompt\": \"p\", \"image_files\": [\"%s%s\"]}\n",
             n % 2 ? "file://" : "", test_file(name, bytes, n));
    int rc = load(&conf, row, &items);
    if (want[0] != '{') {
        T_OK(rc == TK_E_UNSUPPORTED && strstr(err.msg, want), "%s: %s", name, err.msg);
        return;
    }
    T_EQ_I(rc, 0, "%s: %s", name, err.msg);
    T_EQ_N(items.v[0].media.p, items.v[0].media.n, want, strlen(want), "%s: as data", name);
    tk_items_release(&items);
}

static void files(void)
{
#define PART(type, text) \
    "{\"type\": \"image_url\", \"image_url\": {\"url\": \"data:image/" type ";base64," text "\"}}"
    data_url("a.jpg", "\xff\xd8\xff\xe0", 4, PART("jpeg", "/9j/4A=="));
    data_url("a.png", "\x89PNG\r\n\x1a\n.", 9, PART("png", "iVBORw0KGgou"));
    data_url("a.gif", "GIF89a", 6, PART("gif", "R0lGODlh"));
    data_url("a.webp", "RIFF1234WEBPVP8", 15, PART("webp", "UklGRjEyMzRXRUJQVlA4"));
    data_url("a.bmp", "BM.", 3, PART("bmp", "Qk0u"));
    data_url("a.txt", "hello", 5, "is no image that is known");
    data_url("a.empty", "", 0, "is no image that is known");
#undef PART
}

static void refused(void)
{
    static const char *const rows[][2] = {
        { "[1]", "line must contain a JSON object" },
        { "{\"prompt\": \"a\"}", "must contain either 'prompt' and 'image_files' fields" },
        { "{\"prompt\": 1, \"image_files\": [\"a\"]}", "'prompt' must be a string." },
        { "{\"prompt\": \"a\", \"image_files\": []}", "'image_files' must be a non-empty list." },
        { "{\"prompt\": \"a\", \"image_files\": \"b\"}",
          "'image_files' must be a non-empty list." },
        { "{\"prompt\": \"a\", \"image_files\": [7]}", "a file must be a path or a URL" },
        { "{\"content\": \"a\"}", "'content' must be a list of text and image" },
        { "{\"content\": []}", "'content' must contain at least one item." },
        { "{\"content\": [7]}", "Each item in 'content' must be a dictionary." },
        { "{\"content\": [{}]}", "Content parts must have type" },
        { "{\"content\": [{\"type\": \"video\"}]}", "Content parts must have type" },
        { "{\"content\": [{\"type\": \"text\"}]}", "must contain a string 'text'." },
        { "{\"content\": [{\"type\": \"image\"}]}", "must contain an 'image' field." },
        { "{\"content\": [{\"type\": \"image\", \"image\": {}}]}", "'image' must be a path" },
        { "{\"content\": [{\"type\": \"image_url\"}]}", "an 'image_url' string or dictionary." },
        { "{\"content\": [{\"type\": \"image_url\", \"image_url\": {}}]}", "'image_url.url'." },
        { "{\"content\": [{\"type\": \"text\", \"text\": \"a\"} 7]}", "'content' is damaged" },
        { "{\"prompt\": \"a\", \"image_files\": [\"b\" 7]}", "'image_files' is damaged" },
        { "{\"content\": [{\"type\": \"image_url\", \"image_url\": {\"url\": \"a\", \"b\" 7}}]}",
          "'image_url' is damaged, or too deep" },
    };
    struct tk_data_conf conf = { .output_tokens = 1 };
    struct tk_items items;
    char text[300];

    for (size_t i = 0; i < TK_ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof(text), "{\"prompt\": \"a\", \"image_files\": [\"b\"]}\n%s\n",
                 rows[i][0]);
        int rc = load(&conf, text, &items);
        T_OK(rc == TK_E_FORMAT && strstr(err.msg, "line 2:") && strstr(err.msg, rows[i][1]),
             "%s: %d, %s", rows[i][0], rc, err.msg);
    }
    conf.is_client_side = true;
    T_EQ_I(load(&conf, "{\"prompt\": \"a\", \"image_files\": [\"https://x.org/1\"]}", &items),
           TK_E_UNSUPPORTED, "what would have to be fetched: %s", err.msg);
    T_EQ_I(load(&conf, "{\"prompt\": \"a\", \"image_files\": [\"/nowhere/1\"]}", &items), -ENOENT,
           "no such file: %s", err.msg);
    T_EQ_I(load(&conf, "{\"prompt\": \"a\", \"image_files\": [\"a\\u0000b\"]}", &items),
           -ENAMETOOLONG, "no path: %s", err.msg);
    T_EQ_I(load(&conf, "\n", &items), TK_E_NOT_FOUND, "no rows: %s", err.msg);
    conf.path = test_text("rows.json", "");
    T_EQ_I(tk_data_custom_image.load(&conf, &items, &err), TK_E_UNSUPPORTED, "%s", err.msg);
}

static void without_memory(void)
{
    struct tk_data_conf conf = { .do_shuffle = true, .is_client_side = true };
    struct tk_items items;
    char text[900];

    snprintf(text, sizeof(text),
             "{\"prompt\": \"p\", \"image_files\": [\"%s\"]}\n"
             "{\"content\": [{\"type\": \"text\", \"text\": \"t\"}]}\n",
             test_text("a.gif", "GIF89a"));
    for (int n = 1;; n++) {
        conf.path = test_text("rows.jsonl", text);
        tk_failmalloc_at(n);
        int rc = tk_data_custom_image.load(&conf, &items, &err);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory: %s", err.msg);
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails: %s", n, err.msg);
    }
    T_OK(items.n == 2 && (items.v[0].is_whole_content != items.v[1].is_whole_content),
         "a prompt, and a whole content");
    tk_items_drop_media(&items, 0);
    T_OK(items.v[0].media.n == 0 && items.v[1].media.n > 0, "media can be given up one by one");
    tk_items_release(&items);
}

int main(void)
{
    make_test_dir();
    files();
    refused();
    without_memory();
    return T_DONE();
}
