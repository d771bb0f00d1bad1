/* What may be a name, and the URLs and paths made of names. */
#include <stdlib.h>
#include <unistd.h>

#include "hub/inside.h"
#include "tap.h"

static void check_id(const char *id, int want)
{
    struct tk_hub_repo repo = { .id = id };

    T_EQ_I(tk__hub_check(&repo, NULL, NULL), want, "id '%s'", id);
}

static void ids(void)
{
    static const char *const good[] = { "gpt2", "a/b", "Foo-BAR_foo.bar123", "org/n.a-m_e", "a" };
    static const char *const bad[] = {
        "",     "a/b/c", "a//b", "/a/b/c", "a--b",   "a..b", "a/b.git", "-a/b",
        "a/b.", "a b",   "a/b?", "a/",     "a/\xC3", ".a",   "a/.b",    "a%2Fb",
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(good); i++)
        check_id(good[i], 0);
    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++)
        check_id(bad[i], bad[i][0] == '/' ? TK_E_NOT_FOUND : TK_E_FORMAT);
    check_id("./no/such/folder", TK_E_NOT_FOUND);
    check_id("~/no-such-folder", TK_E_NOT_FOUND);
}

static void files(void)
{
    struct tk_hub_repo repo = { .id = "a/b" };
    static const char *const good[] = { "x", "a/b.json", ".gitattributes", "a b", "\xC3\xA9" };
    static const char *const bad[] = {
        "", "/x", "x/", "a//b", "../x", "a/../b", ".", "a\\b", "a\nb"
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(good); i++)
        T_EQ_I(tk__hub_check(&repo, good[i], NULL), 0, "file '%s'", good[i]);
    for (size_t i = 0; i < TK_ARRAY_LEN(bad); i++)
        T_EQ_I(tk__hub_check(&repo, bad[i], NULL), TK_E_FORMAT, "no file: %s", bad[i]);
    repo.revision = "refs/pr/1";
    T_EQ_I(tk__hub_check(&repo, "x", NULL), 0, "a revision with slashes");
    repo.revision = "../../x";
    T_EQ_I(tk__hub_check(&repo, "x", NULL), TK_E_FORMAT, "a revision that leads out");
    T_OK(tk__hub_is_commit("0123456789abcdef0123456789abcdef01234567"), "a commit");
    T_OK(!tk__hub_is_commit("0123456789ABCDEF0123456789abcdef01234567"), "capitals: a branch");
    T_OK(!tk__hub_is_safe_part((struct tk_str){ "..", 2 }), "no etag: ..");
    T_OK(!tk__hub_is_safe_part((struct tk_str){ "a/b", 3 }), "no etag: a/b");
}

static void urls(void)
{
    char endpoint[] = "http://h:1";
    struct tk_hub_conf c = { .endpoint = endpoint };
    struct tk_hub_repo repo = { .id = "o/n" };
    char *url = tk__hub_file_url(&c, &repo, "refs/pr/1", "a b/\xC3\xA9?.json");

    T_EQ_S(url, "http://h:1/o/n/resolve/refs%2Fpr%2F1/a%20b/%C3%A9%3F.json", "quoted");
    free(url);
    repo.type = TK_HUB_DATASET;
    url = tk__hub_file_url(&c, &repo, "main", "x.json");
    T_EQ_S(url, "http://h:1/datasets/o/n/resolve/main/x.json", "a data set's file");
    free(url);
    url = tk__hub_list_url(&c, &repo);
    T_EQ_S(url, "http://h:1/api/datasets/o/n/revision/main", "a data set's list");
    free(url);
}

static void check_split(const char *text, const char *id, const char *revision)
{
    char *got_id = NULL, *got_revision = NULL;

    T_EQ_I(tk_hub_split(text, &got_id, &got_revision), 0, "split '%s'", text);
    T_EQ_S(got_id, id, "id of '%s'", text);
    T_EQ_S(got_revision, revision, "revision of '%s'", text);
    free(got_id);
    free(got_revision);
}

int main(void)
{
    ids();
    files();
    urls();
    check_split("org/name", "org/name", NULL);
    check_split("org/name@v1.0", "org/name", "v1.0");
    check_split("org/name@", "org/name@", NULL);
    check_split("/no/such@path", "/no/such@path", NULL);
    return T_DONE();
}
