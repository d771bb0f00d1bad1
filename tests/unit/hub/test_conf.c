/* The hub's settings, as huggingface_hub reads the environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "failmalloc.h"
#include "hub/hub.h"
#include "tap.h"

static const char *const names[] = {
    "HF_ENDPOINT",
    "HF_HOME",
    "XDG_CACHE_HOME",
    "HF_HUB_CACHE",
    "HF_TOKEN",
    "HF_TOKEN_PATH",
    "HF_HUB_OFFLINE",
    "HUGGINGFACE_HUB_CACHE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "HUGGING_FACE_HUB_TOKEN",
    "TRANSFORMERS_OFFLINE",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "HF_HUB_ETAG_TIMEOUT",
    "HF_HUB_DOWNLOAD_TIMEOUT",
};

static char home[] = "/tmp/tk-hub-conf-XXXXXX";
static struct tk_hub_conf conf;
static struct tk_err err;

/* An environment of nothing but `set`, pairs of name and value up to NULL. */
static int with(const char *const *set)
{
    tk_hub_conf_release(&conf);
    for (size_t i = 0; i < TK_ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    setenv("HOME", home, 1);
    for (; *set; set += 2)
        setenv(set[0], set[1], 1);
    return tk_hub_conf_init(&conf, &err);
}

#define WITH(...) with((const char *const[]){ __VA_ARGS__, NULL })

static const char *in_home(const char *rest)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", home, rest);
    return path;
}

static void write_file(const char *rest, const char *text)
{
    FILE *f = fopen(in_home(rest), "w");

    T_OK(f && fputs(text, f) >= 0 && fclose(f) == 0, "write %s", rest);
}

static void places(void)
{
    T_EQ_I(WITH("X_", "1"), 0, "nothing set");
    T_EQ_S(conf.endpoint, "https://huggingface.co", "the endpoint");
    T_EQ_S(conf.cache, in_home(".cache/huggingface/hub"), "the cache");
    T_EQ_S(conf.token, NULL, "no token");
    T_EQ_I(conf.ask_timeout, 10 * TK_NS_PER_S, "time-out");
    T_OK(!conf.is_offline, "online");
    WITH("XDG_CACHE_HOME", "/x");
    T_EQ_S(conf.cache, "/x/huggingface/hub", "XDG_CACHE_HOME");
    WITH("XDG_CACHE_HOME", "/x", "HF_HOME", "~/hf");
    T_EQ_S(conf.cache, in_home("hf/hub"), "HF_HOME with a tilde");
    WITH("HF_HOME", "/h", "HUGGINGFACE_HUB_CACHE", "/old");
    T_EQ_S(conf.cache, "/old", "HUGGINGFACE_HUB_CACHE");
    WITH("HUGGINGFACE_HUB_CACHE", "/old", "HF_HUB_CACHE", "${HOME}/new$NOT_SET");
    T_EQ_S(conf.cache, in_home("new$NOT_SET"), "HF_HUB_CACHE with variables");
    WITH("HF_ENDPOINT", "https://mirror.example///");
    T_EQ_S(conf.endpoint, "https://mirror.example", "HF_ENDPOINT without its slashes");
    T_EQ_I(WITH("HF_ENDPOINT", "mirror.example"), TK_E_FORMAT, "HF_ENDPOINT without a scheme");
    WITH("CURL_CA_BUNDLE", "/c", "SSL_CERT_FILE", "/s");
    T_EQ_S(conf.ca_file, "/c", "certificates");
}

static void offline(void)
{
    WITH("HF_HUB_OFFLINE", "1");
    T_OK(conf.is_offline, "HF_HUB_OFFLINE=1");
    WITH("HF_HUB_OFFLINE", "True");
    T_OK(conf.is_offline, "HF_HUB_OFFLINE=True");
    WITH("HF_HUB_OFFLINE", "0", "TRANSFORMERS_OFFLINE", "1");
    T_OK(!conf.is_offline, "HF_HUB_OFFLINE=0 stands above TRANSFORMERS_OFFLINE");
    WITH("HF_HUB_OFFLINE", "", "TRANSFORMERS_OFFLINE", "yes");
    T_OK(conf.is_offline, "an empty one does not");
    T_EQ_I(WITH("HF_HUB_ETAG_TIMEOUT", "3", "HF_HUB_DOWNLOAD_TIMEOUT", "0"), 0, "time-outs");
    T_EQ_I(conf.ask_timeout, 3 * TK_NS_PER_S, "HF_HUB_ETAG_TIMEOUT");
    T_EQ_I(conf.stall_timeout, 10 * TK_NS_PER_S, "0 is the default");
    T_EQ_I(WITH("HF_HUB_ETAG_TIMEOUT", "soon"), TK_E_FORMAT, "no number");
}

static void tokens(void)
{
    WITH("HF_TOKEN", " hf_a\n", "HUGGING_FACE_HUB_TOKEN", "hf_b");
    T_EQ_S(conf.token, "hf_a", "HF_TOKEN, cleaned");
    WITH("HF_TOKEN", "", "HUGGING_FACE_HUB_TOKEN", "hf_b");
    T_EQ_S(conf.token, "hf_b", "the old name");
    WITH("HF_TOKEN", "hf_a", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    T_EQ_S(conf.token, NULL, "HF_HUB_DISABLE_IMPLICIT_TOKEN");
    mkdir(in_home("hf"), 0700);
    write_file("hf/token", "hf_stored\r\n");
    write_file("other", "hf_other");
    write_file("odd", "hf\x01odd");
    WITH("HF_HOME", in_home("hf"));
    T_EQ_S(conf.token, "hf_stored", "the stored token");
    WITH("HF_HOME", "/none", "HF_TOKEN_PATH", "~/other");
    T_EQ_S(conf.token, "hf_other", "HF_TOKEN_PATH");
    WITH("HF_TOKEN", "hf_env", "HF_TOKEN_PATH", "~/other");
    T_EQ_S(conf.token, "hf_env", "the environment stands above the file");
    WITH("HF_TOKEN_PATH", "~/odd");
    T_EQ_S(conf.token, NULL, "bytes that no header may hold");
    unlink(in_home("hf/token"));
    unlink(in_home("other"));
    unlink(in_home("odd"));
    rmdir(in_home("hf"));
}

static void out_of_memory(void)
{
    WITH("HF_TOKEN", "hf_a");
    for (int n = 1;; n++) {
        tk_hub_conf_release(&conf);
        tk_failmalloc_at(n);
        int rc = tk_hub_conf_init(&conf, &err);
        if (!tk_failmalloc_off())
            break;
        T_OK(rc == -ENOMEM || rc == 0, "allocation %d fails: %d", n, rc);
    }
    T_EQ_S(conf.token, "hf_a", "got through");
}

int main(void)
{
    if (!mkdtemp(home))
        return T_SKIP_ALL("no temporary folder");
    places();
    offline();
    tokens();
    out_of_memory();
    tk_hub_conf_release(&conf);
    rmdir(home);
    return T_DONE();
}
