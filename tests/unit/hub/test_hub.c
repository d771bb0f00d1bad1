/* Files against a server that acts as the hub (hub_server.py) and one that acts as its CDN.
 *
 * The server's log is the oracle of what was asked; what lies in the cache is compared with layouts that
 * huggingface_hub made, as it is described in its own documentation (test_python checks the rest where
 * that package is installed).
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "failmalloc.h"
#include "hub/hub.h"
#include "tap.h"

#define COMMIT "c0ffee0000000000000000000000000000000000"
#define BIG_BYTES 300000

static char root[] = "/tmp/tk-hub-XXXXXX";
static char log_path[64], server_py[512];
static unsigned hub_port, cdn_port;
static pid_t server;
static int server_in;
static struct tk_hub_conf conf;
static struct tk_err err;
static char notes[4096];

/* ---- helpers ---- */

static void on_note(void *arg, const char *text)
{
    size_t n = strlen(notes);

    (void)arg;
    snprintf(notes + n, sizeof(notes) - n, "%s\n", text);
}

static bool start_server(void)
{
    int in[2], out[2];
    char line[64] = "";

    if (pipe(in) != 0 || pipe(out) != 0 || (server = fork()) < 0)
        return false;
    if (server == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        execlp("python3", "python3", server_py, log_path, (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    server_in = in[1];
    FILE *f = fdopen(out[0], "r");
    bool ok = f && fgets(line, sizeof(line), f);
    if (f)
        fclose(f);
    char *space = strchr(line, ' ');
    if (!ok || !space)
        return false;
    for (char *p = line; p < space; p++)
        hub_port = hub_port * 10 + (unsigned)(*p - '0');
    for (char *p = space + 1; *p >= '0'; p++)
        cdn_port = cdn_port * 10 + (unsigned)(*p - '0');
    return true;
}

/* A fresh cache, and a conf that points at the server. */
static void fresh(const char *cache, const char *token)
{
    char text[128];

    tk_hub_conf_release(&conf);
    unsetenv("HF_HUB_OFFLINE");
    snprintf(text, sizeof(text), "http://127.0.0.1:%u", hub_port);
    setenv("HF_ENDPOINT", text, 1);
    snprintf(text, sizeof(text), "%s/%s", root, cache);
    setenv("HF_HUB_CACHE", text, 1);
    setenv("HF_TOKEN_PATH", "/nonexistent", 1);
    if (token)
        setenv("HF_TOKEN", token, 1);
    else
        unsetenv("HF_TOKEN");
    T_EQ_I(tk_hub_conf_init(&conf, &err), 0, "conf of '%s'", cache);
    conf.backoff = TK_NS_PER_MS;
    conf.note = on_note;
    notes[0] = '\0';
    err = (struct tk_err){ 0 };
}

/* The log's lines that hold `word`; and empties it when `word` is NULL. */
static int asked(const char *word)
{
    char line[1024];
    int n = 0;
    FILE *f = fopen(log_path, word ? "r" : "w");

    while (f && word && fgets(line, sizeof(line), f))
        n += strstr(line, word) != NULL;
    if (f)
        fclose(f);
    return n;
}

static int get(const char *id, const char *name, char *out, size_t size)
{
    struct tk_hub_repo repo = { .id = id };
    char *path = NULL;
    int rc = tk_hub_get(&conf, &repo, name, &path, &err);

    snprintf(out, size, "%s", path ? path : "");
    free(path);
    return rc;
}

static int get_only(const char *id, const char *name)
{
    char path[512];

    return get(id, name, path, sizeof(path));
}

/* Is it the server's large file? */
static bool is_big(const char *path)
{
    FILE *f = fopen(path, "rb");
    int64_t n = 0;
    bool ok = f != NULL;

    for (int c; f && (c = getc(f)) != EOF; n++)
        ok = ok && c == (int)(n * 7 % 251);
    if (f)
        fclose(f);
    return ok && n == BIG_BYTES;
}

static const char *in_cache(const char *rest)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", conf.cache, rest);
    return path;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void has_link(const char *rest, const char *want)
{
    char target[512];
    ssize_t n = readlink(in_cache(rest), target, sizeof(target));

    T_EQ_N(target, n < 0 ? 0 : (size_t)n, want, strlen(want), "link %s", rest);
}

static void has_text(const char *rest, const char *want)
{
    char text[256];
    FILE *f = fopen(in_cache(rest), "r");
    size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

    if (f)
        fclose(f);
    T_EQ_N(text, n, want, strlen(want), "content of %s", rest);
}

#define SNAP "models--t--ok/snapshots/" COMMIT

/* ---- the layout ---- */

static void layout(void)
{
    char path[512], want[600];

    fresh("layout", NULL);
    T_EQ_I(get("t/ok", "config.json", path, sizeof(path)), 0, "a small file: %s", err.msg);
    snprintf(want, sizeof(want), "%s", in_cache(SNAP "/config.json"));
    T_EQ_S(path, want, "its path");
    has_text(SNAP "/config.json", "{\"a\": 1}");
    has_text("models--t--ok/refs/main", COMMIT);
    /* printf 'blob 8\0{"a": 1}' | sha1sum */
    has_link(SNAP "/config.json", "../../blobs/4a036f56bb619924ec4189bd84ed716c766971ae");
    T_EQ_I(get("t/ok", "templates/one.jinja", path, sizeof(path)), 0, "a file in a folder");
    has_text(SNAP "/templates/one.jinja", "{{ one }}");
    T_EQ_I(get("t/ok", "tokenizer.json", path, sizeof(path)), 0, "a large file");
    T_OK(is_big(path), "it came whole");
    T_EQ_I(get("t/ok", "empty.txt", path, sizeof(path)), 0, "an empty file: %s", err.msg);
    has_text(SNAP "/empty.txt", "");
    T_EQ_I(get("t/ok", "sp ace.txt", path, sizeof(path)), 0, "a name with a blank: %s", err.msg);
    T_EQ_I(get("t/ok", "none.json", path, sizeof(path)), -ENOENT, "a missing file");
    T_EQ_S(err.msg, "'t/ok' has no file 'none.json'", "and what is said");
    T_OK(exists(in_cache("models--t--ok/.no_exist/" COMMIT "/none.json")), "it is remembered");
    T_EQ_S(notes, "", "nothing to note");
}

static void again(void)
{
    struct tk_hub_repo repo = { .id = "t/ok", .revision = COMMIT };
    char *path = NULL;

    asked(NULL);
    T_EQ_I(get_only("t/ok", "tokenizer.json"), 0, "the same again");
    T_EQ_I(asked("hub HEAD"), 1, "asks whether it changed");
    T_EQ_I(asked("GET"), 0, "and downloads nothing");
    asked(NULL);
    T_EQ_I(tk_hub_get(&conf, &repo, "tokenizer.json", &path, &err), 0, "by commit");
    T_EQ_I(asked(""), 0, "asks nothing");
    free(path);
    repo.revision = "refs/pr/1";
    T_EQ_I(tk_hub_get(&conf, &repo, "config.json", &path, &err), 0, "a revision with slashes");
    has_text("models--t--ok/refs/refs/pr/1", COMMIT);
    T_EQ_I(asked("/resolve/refs%2Fpr%2F1/config.json"), 1, "quoted in the URL");
    free(path);
    repo.revision = NULL;
    T_EQ_I(tk_hub_cached(&conf, &repo, "config.json", &path), 0, "cached");
    free(path);
    T_EQ_I(tk_hub_cached(&conf, &repo, "none.json", &path), -ENOENT, "known to be missing");
    T_EQ_I(tk_hub_cached(&conf, &repo, "x.json", &path), TK_E_NOT_FOUND, "not known");
    unlink(in_cache(SNAP "/config.json"));
    asked(NULL);
    T_EQ_I(get_only("t/ok", "config.json"), 0, "the link is gone, the blob is not");
    T_EQ_I(asked("GET"), 0, "so nothing is downloaded");
    has_text(SNAP "/config.json", "{\"a\": 1}");
}

static void data_set(void)
{
    struct tk_hub_repo repo = { .id = "t/ok", .type = TK_HUB_DATASET };
    char *path = NULL;

    T_EQ_I(tk_hub_get(&conf, &repo, "config.json", &path, &err), 0, "a data set's file");
    has_text("datasets--t--ok/snapshots/" COMMIT "/config.json", "{\"a\": 1}");
    free(path);
}

/* ---- the token ---- */

static void token(void)
{
    fresh("token", "hf_verysecret");
    asked(NULL);
    T_EQ_I(get_only("t/ok", "tokenizer.json"), 0, "with a token");
    T_EQ_I(asked("hub HEAD"), 1, "one HEAD");
    T_EQ_I(asked("hub GET"), 1, "one GET of the hub");
    T_EQ_I(asked("token=Bearer hf_verysecret"), 2, "the hub gets the token twice");
    T_EQ_I(asked("cdn GET"), 1, "one of the other host");
    T_EQ_I(asked("cdn GET /ok/tokenizer.json?signature=s3cr3t token=- "), 1, "without a token");
    T_EQ_I(get_only("t/forbidden", "config.json"), -EACCES, "the server repeats the token");
    T_OK(strstr(err.msg, "refuses access to 't/forbidden' (403): no: Bearer ***"), "masked: %s",
         err.msg);
}

/* ---- refusals ---- */

static void check_refusal(const char *id, const char *name, int want, const char *words)
{
    char path[512];

    err = (struct tk_err){ 0 };
    T_EQ_I(get(id, name, path, sizeof(path)), want, "'%s' is refused", id);
    T_OK(strstr(err.msg, words), "'%s' says '%s'", err.msg, words);
}

static void refusals(void)
{
    fresh("refusals", NULL);
    check_refusal("t/gated", "config.json", -EACCES,
                  "is gated: ask for access at http://127.0.0.1");
    check_refusal("t/gated", "config.json", -EACCES, "/t/gated, then set HF_TOKEN");
    check_refusal("t/none", "config.json", TK_E_NOT_FOUND, "or it is private; a private one needs");
    check_refusal("t/badtoken", "config.json", -EACCES, "refused the token");
    check_refusal("t/down", "config.json", -EREMOTEIO,
                  "is out of order (status 503): out for lunch");
    check_refusal("t/patient", "config.json", TK_E_LIMIT, "try again in 3600 s");
    check_refusal("t/loop", "config.json", TK_E_PROTO, "redirects without end");
    check_refusal("t/nohub", "config.json", TK_E_PROTO, "does not answer as a hub does");
    check_refusal("t/badetag", "config.json", TK_E_PROTO, "does not answer as a hub does");
    check_refusal("t/plain404", "config.json", TK_E_NOT_FOUND, "(404)");
    check_refusal("./t/none", "config.json", TK_E_NOT_FOUND, "there is no file or folder");
    fresh("refusals", "hf_secret");
    check_refusal("t/gated", "config.json", -EACCES, "the token in use has no access");
    check_refusal("t/none", "config.json", TK_E_NOT_FOUND, "the token in use does not open it");
    struct tk_hub_repo repo = { .id = "t/ok", .revision = "v9" };
    char *path = NULL;
    T_EQ_I(tk_hub_get(&conf, &repo, "config.json", &path, &err), TK_E_NOT_FOUND, "no revision");
    T_EQ_S(err.msg, "'t/ok' has no revision 'v9'", "and what is said");
}

/* ---- downloads that go wrong ---- */

static void retries(void)
{
    char path[512];

    fresh("retries", NULL);
    T_EQ_I(get("t/busy", "config.json", path, sizeof(path)), 0, "429 twice: %s", err.msg);
    asked(NULL);
    T_EQ_I(get("t/cut", "tokenizer.json", path, sizeof(path)), 0, "cut twice: %s", err.msg);
    T_OK(is_big(path), "it came whole all the same");
    T_EQ_I(asked("cdn GET"), 3, "in three parts");
    T_EQ_I(asked("range=bytes=100000-"), 2, "the second from where the first ended (hub, CDN)");
    T_EQ_I(asked("range=bytes=200000-"), 2, "and the third");
    T_OK(strstr(notes, "trying again from byte 100000"), "noted: %s", notes);
    T_EQ_I(get("t/norange", "tokenizer.json", path, sizeof(path)), 0, "no ranges: %s", err.msg);
    T_OK(is_big(path), "from the start each time");
    T_EQ_I(get("t/wrongonce", "tokenizer.json", path, sizeof(path)), 0, "damaged once");
    T_OK(is_big(path), "right the second time");
    T_EQ_I(get("t/expired", "tokenizer.json", path, sizeof(path)), 0, "a CDN that says 503 once");
    T_EQ_I(get("t/renamed", "config.json", path, sizeof(path)), 0, "a renamed repository");
    T_OK(strstr(path, "models--t--renamed/snapshots"), "under its old name");
    conf.stall_timeout = TK_NS_PER_S;
    T_EQ_I(get("t/stall", "tokenizer.json", path, sizeof(path)), 0, "stalls once: %s", err.msg);
    T_OK(is_big(path), "and comes whole");
}

/* Parts of a file, which are not kept. */
static void parts(void)
{
    struct tk_hub_repo repo = { .id = "t/ok" };
    struct tk_hub_remote *r = NULL;
    unsigned char bytes[2000];
    bool is_right = true;

    fresh("parts", NULL);
    asked(NULL);
    T_EQ_I(tk_hub_remote_open(&conf, &repo, "tokenizer.json", &r, &err), 0, "open: %s", err.msg);
    T_EQ_I(tk_hub_remote_size(r), BIG_BYTES, "its length");
    T_EQ_I(tk_hub_remote_read(r, BIG_BYTES - 2000, bytes, 2000, &err), 0, "a part: %s", err.msg);
    for (int i = 0; i < 2000; i++)
        is_right = is_right && bytes[i] == (BIG_BYTES - 2000 + i) * 7 % 251;
    T_OK(is_right, "its bytes");
    T_EQ_I(asked("cdn GET"), 1, "in one request");
    T_EQ_I(asked("hub GET /t/ok/resolve/" COMMIT "/"), 1, "of the commit that was told");
    T_OK(!exists(in_cache("models--t--ok/blobs")), "nothing is kept");
    tk_hub_remote_free(r);
    repo.id = "t/norange";
    T_EQ_I(tk_hub_remote_open(&conf, &repo, "tokenizer.json", &r, &err), 0, "open: %s", err.msg);
    T_EQ_I(tk_hub_remote_read(r, 5, bytes, 5, &err), TK_E_UNSUPPORTED, "no parts: %s", err.msg);
    tk_hub_remote_free(r);
    repo.id = "t/drip";
    conf.backoff = 1;
    T_EQ_I(tk_hub_remote_open(&conf, &repo, "tokenizer.json", &r, &err), 0, "open: %s", err.msg);
    asked(NULL);
    T_EQ_I(tk_hub_remote_read(r, 0, bytes, 3, &err), 0, "a byte a request: %s", err.msg);
    T_EQ_I(asked("cdn GET"), 3, "as often as it takes");
    T_EQ_I(tk_hub_remote_read(r, 0, bytes, 2000, &err), -ECONNRESET, "but not for ever");
    T_OK(strstr(err.msg, "does not come whole (bytes 0 to 2000)"), "words: %s", err.msg);
    tk_hub_remote_free(r);
}

static void damage(void)
{
    char path[512];

    fresh("damage", NULL);
    check_refusal("t/wrong", "tokenizer.json", -EBADMSG, "its digest is not its etag");
    check_refusal("t/wrong", "config.json", -EBADMSG, "its digest is not its etag");
    check_refusal("t/long", "tokenizer.json", -EBADMSG, "as long as was promised");
    check_refusal("t/short", "tokenizer.json", -ECONNRESET, "does not come whole");
    T_OK(!exists(in_cache("models--t--wrong/snapshots/" COMMIT "/tokenizer.json")), "no link");
    conf.max_file_bytes = 1000;
    check_refusal("t/ok", "tokenizer.json", TK_E_LIMIT, "300000 bytes, more than 1000");
    T_EQ_I(get("t/ok", "config.json", path, sizeof(path)), 0, "a smaller one comes");
}

/* A download that Python, or an earlier run, left half done. */
static void resume(void)
{
    char path[512], draft[600];

    fresh("resume", NULL);
    T_EQ_I(get("t/ok", "tokenizer.json", path, sizeof(path)), 0, "to know its blob");
    char *blob = realpath(path, NULL);
    snprintf(draft, sizeof(draft), "%s.incomplete", blob);
    T_EQ_I(rename(blob, draft), 0, "half of it");
    T_EQ_I(truncate(draft, 123456), 0, "is there");
    asked(NULL);
    T_EQ_I(get("t/ok", "tokenizer.json", path, sizeof(path)), 0, "the rest: %s", err.msg);
    T_OK(is_big(path), "is whole");
    T_EQ_I(asked("cdn GET /ok/tokenizer.json?signature=s3cr3t token=- range=bytes=123456-"), 1,
           "from the byte where it ended");
    T_EQ_I(rename(blob, draft), 0, "too much of it");
    T_EQ_I(truncate(draft, 400000), 0, "is there");
    T_EQ_I(get("t/ok", "tokenizer.json", path, sizeof(path)), 0, "too long: %s", err.msg);
    T_OK(is_big(path), "from the start");
    T_OK(!exists(draft), "nothing is left over");
    free(blob);
}

static void cancel_at(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static bool no_progress(void *arg, const char *name, int64_t done, int64_t total)
{
    (void)arg;
    (void)name;
    (void)done;
    (void)total;
    return false;
}

static void cancel(void)
{
    fresh("cancel", NULL);
    conf.note = cancel_at;
    conf.progress = no_progress;
    T_EQ_I(get_only("t/ok", "tokenizer.json"), TK_E_CANCELLED, "stopped by the caller");
}

/* ---- several processes ---- */

static void together(void)
{
    pid_t child[3];
    int status, n_ok = 0;

    fresh("together", NULL);
    asked(NULL);
    for (size_t i = 0; i < TK_ARRAY_LEN(child); i++) {
        child[i] = fork();
        if (child[i] == 0) {
            struct tk_hub_repo repo = { .id = "t/slow" };
            char *path = NULL;
            int rc = tk_hub_get(&conf, &repo, "tokenizer.json", &path, &err);
            _exit(rc == 0 && is_big(path) ? 0 : 1);
        }
    }
    for (size_t i = 0; i < TK_ARRAY_LEN(child); i++)
        n_ok += waitpid(child[i], &status, 0) == child[i] && status == 0;
    T_EQ_I(n_ok, TK_ARRAY_LEN(child), "three processes want one file");
    T_EQ_I(asked("cdn GET"), 1, "it is downloaded once");
}

/* ---- without the hub ---- */

static void without(void)
{
    char path[512];
    struct tk_hub_repo repo = { .id = "t/ok" };
    const char *const wanted[] = { "config.json", "x.json" };
    char *folder = NULL;

    fresh("layout", NULL);
    conf.is_offline = true;
    T_EQ_I(get("t/ok", "config.json", path, sizeof(path)), 0, "offline and cached");
    check_refusal("t/ok", "x.json", -ENETDOWN, "is not in the cache");
    check_refusal("t/new", "x.json", -ENETDOWN, "HF_HUB_OFFLINE");
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 2, &folder, &err), 0, "a snapshot, offline");
    free(folder);
    repo.id = "t/new";
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 2, &folder, &err), -ENETDOWN, "none");
    T_OK(strstr(err.msg, "'t/new' is not in the cache"), "says: %s", err.msg);
    conf.is_offline = false;
    free(conf.endpoint);
    conf.endpoint = strdup("http://127.0.0.1:1");
    T_EQ_I(get("t/ok", "config.json", path, sizeof(path)), 0, "no hub, but cached");
    T_OK(strstr(notes, "'config.json' of 't/ok' is taken from the cache: '127.0.0.1' could not"),
         "noted: %s", notes);
    check_refusal("t/ok", "x.json", -ECONNREFUSED, "'127.0.0.1' could not be asked");
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 2, &folder, &err), -ECONNREFUSED, "no hub");
    repo.id = "t/ok";
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 2, &folder, &err), 0, "no hub, but cached");
    free(folder);
    free(conf.endpoint);
    conf.endpoint = strdup("http://host.invalid");
    check_refusal("t/ok", "x.json", TK_E_RESOLVE, "'host.invalid' could not be asked");
}

/* The hub refuses, and the cache has it. */
static void refused_but_cached(void)
{
    char path[512], from[600], to[600];

    fresh("layout", NULL);
    snprintf(from, sizeof(from), "%s", in_cache("models--t--ok"));
    snprintf(to, sizeof(to), "%s", in_cache("models--t--gated"));
    T_EQ_I(rename(from, to), 0, "as if it had been open once");
    T_EQ_I(get("t/gated", "config.json", path, sizeof(path)), 0, "gated now, but cached");
    T_OK(strstr(notes, "is gated"), "noted: %s", notes);
    T_EQ_I(rename(to, from), 0, "back");
}

/* ---- snapshots ---- */

static void snapshots(void)
{
    static const char *const wanted[] = { "config.json", "none.json", "templates/*.jinja" };
    static const char *const named[] = { "config.json", "none.json" };
    struct tk_hub_repo repo = { .id = "t/ok" };
    char *folder = NULL;

    fresh("snapshots", NULL);
    asked(NULL);
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 3, &folder, &err), 0, "a snapshot: %s", err.msg);
    T_EQ_S(folder, in_cache(SNAP), "its folder");
    free(folder);
    has_text(SNAP "/templates/one.jinja", "{{ one }}");
    has_text(SNAP "/templates/two.jinja", "{{ two }}");
    T_OK(!exists(in_cache(SNAP "/tokenizer.json")), "not what was not wanted");
    T_OK(exists(in_cache("models--t--ok/.no_exist/" COMMIT "/none.json")), "missing: remembered");
    T_EQ_I(asked("/api/models/t/ok/revision/main"), 1, "one list");
    T_EQ_I(asked("hub HEAD"), 3, "three files");
    asked(NULL);
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 3, &folder, &err), 0, "again");
    free(folder);
    T_EQ_I(asked(""), 1, "asks for the list alone");
    asked(NULL);
    repo.revision = COMMIT;
    T_EQ_I(tk_hub_snapshot(&conf, &repo, named, 2, &folder, &err), 0, "by commit");
    free(folder);
    T_EQ_I(asked(""), 0, "asks nothing");
    repo.revision = NULL;
    T_EQ_I(tk_hub_snapshot(&conf, &repo, named + 1, 1, &folder, &err), -ENOENT, "nothing there");
    T_EQ_S(err.msg, "'t/ok' has none of these files: none.json", "and what is said");
    repo.id = "t/nolist";
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 3, &folder, &err), 0, "no list: %s", err.msg);
    free(folder);
    repo.id = "t/gated";
    T_EQ_I(tk_hub_snapshot(&conf, &repo, wanted, 3, &folder, &err), -EACCES, "gated");
    repo.id = "t/evil";
    static const char *const all[] = { "*" };
    T_EQ_I(tk_hub_snapshot(&conf, &repo, all, 1, &folder, &err), 0, "a name that leads out");
    free(folder);
    T_EQ_I(asked("evil.json"), 0, "is passed over");
}

/* ---- this machine ---- */

static void local(void)
{
    char path[512], folder[128], file[160];
    struct tk_hub_repo repo = { .id = folder };
    char *got = NULL;

    fresh("local", NULL);
    snprintf(folder, sizeof(folder), "%s/here", root);
    snprintf(file, sizeof(file), "%s/config.json", folder);
    mkdir(folder, 0700);
    FILE *f = fopen(file, "w");
    T_OK(f && fclose(f) == 0, "a file here");
    asked(NULL);
    T_EQ_I(get(folder, "config.json", path, sizeof(path)), 0, "a folder of this machine");
    T_EQ_S(path, file, "its file");
    T_EQ_I(get(folder, "x.json", path, sizeof(path)), -ENOENT, "a file that it has not");
    T_EQ_I(get(file, "any", path, sizeof(path)), 0, "a file of this machine");
    T_EQ_S(path, file, "is taken as it is");
    T_EQ_I(tk_hub_snapshot(&conf, &repo, NULL, 0, &got, &err), 0, "the folder as a snapshot");
    T_EQ_S(got, folder, "is passed through");
    free(got);
    T_EQ_I(asked(""), 0, "nobody is asked");
}

static void out_of_memory(void)
{
    char path[512];

    fresh("memory", NULL);
    conf.note = NULL;
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = get("t/ok", "config.json", path, sizeof(path));
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "got through");
            break;
        }
        T_OK(rc == -ENOMEM || rc == 0, "allocation %d fails: %d %s", n, rc, err.msg);
    }
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    const char *tests = getenv("TK_TESTS_DIR");

    signal(SIGPIPE, SIG_IGN);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    if (!tests || !mkdtemp(root))
        return T_SKIP_ALL("no TK_TESTS_DIR, or no temporary folder");
    snprintf(log_path, sizeof(log_path), "%s/log", root);
    snprintf(server_py, sizeof(server_py), "%s/unit/hub/hub_server.py", tests);
    if (!start_server())
        return T_SKIP_ALL("python3 does not run the server");
    layout();
    again();
    data_set();
    token();
    refusals();
    retries();
    parts();
    damage();
    resume();
    cancel();
    together();
    without();
    refused_but_cached();
    snapshots();
    local();
    out_of_memory();
    tk_hub_conf_release(&conf);
    close(server_in);
    waitpid(server, NULL, 0);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return T_DONE();
}
