/* Streams captured from real engines, through the SSE parser and the decoder: what each event carried.
 *
 * tests/golden/streams/X.sse is the body as curl printed it, X.events what it must mean, one line an
 * event. Fed whole, byte by byte and in pieces of every small size: the answer is the same. */
#include <dirent.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/str.h"
#include "http/sse.h"
#include "lib/tap.h"

enum { MAX_FILE = 1 << 20 };

static const char *const channel_words[] = {
    "choices", "content", "reasoning", "role", "tool",         "refusal",
    "usage",   "error",   "finish",    "done", "other-choice", "body",
};

struct run {
    const struct tk_api_ops *api;
    struct tk_json *json;
    struct tk_buf out;
};

static int on_event(void *owner, const struct tk_sse_event *ev)
{
    struct run *r = owner;
    struct tk_api_event e;
    int rc = r->api->decode_event(r->json, ev->type, ev->data, &e);
    if (rc)
        return rc;
    const char *sep = "";
    for (size_t i = 0; i < TK_ARRAY_LEN(channel_words); i++) {
        if (!(e.channels & 1U << i))
            continue;
        tk_buf_addf(&r->out, "%s%s", sep, channel_words[i]);
        sep = "+";
    }
    tk_buf_addf(&r->out, " bytes=%u", e.text_bytes);
    if (e.text.n)
        tk_buf_addf(&r->out, " text='%.*s'", TK_STR_ARG(e.text));
    if (e.channels & TK_CH_USAGE)
        tk_buf_addf(&r->out, " prompt=%lld output=%lld reasoning=%lld cached=%lld",
                    (long long)e.prompt_tokens, (long long)e.output_tokens,
                    (long long)e.reasoning_tokens, (long long)e.cached_tokens);
    if (e.finish)
        tk_buf_addf(&r->out, " finish=%u", e.finish);
    return tk_buf_add_c(&r->out, '\n');
}

/* What the stream means when it comes in pieces of `step` bytes. */
static int play(struct run *r, const char *bytes, size_t n, size_t step)
{
    struct tk_sse sse;
    char piece[MAX_FILE / 256 + TK_JSON_PADDING];
    int rc = 0;
    tk_sse_init(&sse, TK_SSE_LIMITS_DEFAULT);
    tk_buf_reset(&r->out);
    for (size_t at = 0; rc == 0 && at < n; at += step) {
        size_t k = TK_MIN(step, n - at);
        memcpy(piece, bytes + at, k); /* its own place: what was read before is gone */
        memset(piece + k, 0, TK_JSON_PADDING);
        rc = tk_sse_feed(&sse, piece, k, on_event, r);
    }
    if (rc == 0)
        rc = tk_sse_end(&sse, on_event, r);
    tk_sse_release(&sse);
    return rc;
}

static size_t read_file(const char *path, char *out)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(out, 1, MAX_FILE, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void check_stream(const char *dir, const char *file)
{
    static char bytes[MAX_FILE], want[MAX_FILE];
    char path[1024];
    struct run r = { .json = tk_json_new(MAX_FILE), .out = TK_BUF_INIT(MAX_FILE) };
    r.api = strstr(file, "chat") ? &tk_api_chat : &tk_api_completions;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, file);
    size_t n = read_file(path, bytes);
    (void)snprintf(path, sizeof(path), "%s/%.*s.events", dir, (int)(strlen(file) - 4), file);
    if (getenv("TK_GOLDEN_UPDATE") && play(&r, bytes, n, 4000) == 0) {
        FILE *f = fopen(path, "we");
        (void)fwrite(r.out.p, 1, r.out.n, f);
        fclose(f);
    }
    size_t want_n = read_file(path, want);
    T_OK(want_n > 0, "%s: has its events beside it", file);
    static const size_t steps[] = { 4000, 1, 2, 3, 5, 7, 64, 100, 1000 };
    for (size_t i = 0; i < TK_ARRAY_LEN(steps); i++) {
        T_EQ_I(play(&r, bytes, n, steps[i]), 0, "%s: pieces of %zu bytes", file, steps[i]);
        T_EQ_N(r.out.p, r.out.n, want, want_n, "%s: the same events in pieces of %zu", file,
               steps[i]);
    }
    tk_json_free(r.json);
    tk_buf_release(&r.out);
}

int main(void)
{
    char dir[512];
    const char *tests = getenv("TK_TESTS_DIR");
    (void)snprintf(dir, sizeof(dir), "%s/golden/streams", tests ? tests : "tests");
    DIR *d = opendir(dir);
    T_OK(d != NULL, "tests/golden/streams is there");
    if (!d)
        return T_DONE();
    for (struct dirent *e; (e = readdir(d));)
        if (tk_str_ends(tk_str_of(e->d_name), TK_STR(".sse")))
            check_stream(dir, e->d_name);
    closedir(d);
    return T_DONE();
}
