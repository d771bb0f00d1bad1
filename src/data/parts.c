#include "data/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/jsonw.h"
#include "base/str.h"

#define FILE_URL TK_STR("file://")
#define CHUNK ((size_t)256 << 10)

static int read_all(int fd, struct tk_buf *out)
{
    for (;;) {
        int rc = tk_buf_reserve(out, CHUNK);
        if (rc != 0)
            return rc;
        ssize_t n = read(fd, out->p + out->n, CHUNK);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return 0;
        out->n += n > 0 ? (size_t)n : 0;
        out->p[out->n] = '\0';
    }
}

int tk__add_file(struct tk_buf *out, struct tk_str path, struct tk_err *reterr)
{
    char z[PATH_MAX];

    if (path.n >= sizeof(z) || memchr(path.p, '\0', path.n))
        return tk_err_set(reterr, -ENAMETOOLONG, "a path of %zu bytes cannot be opened", path.n);
    if (path.n > 0)
        memcpy(z, path.p, path.n);
    z[path.n] = '\0';
    int fd = open(z, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return tk_err_set(reterr, -errno, "'%s' cannot be opened: %s", z, tk_err_text(-errno));
    int rc = read_all(fd, out);
    close(fd);
    return rc ? tk_err_set(reterr, rc, "'%s' cannot be read: %s", z, tk_err_text(rc)) : 0;
}

static bool begins(struct tk_str s, const char *z)
{
    return tk_str_starts(s, tk_str_of(z));
}

/* By the first bytes; NULL: none that is known. */
static const char *image_type(struct tk_str file)
{
    static const struct {
        const char *magic;
        size_t n;
        const char *type;
    } types[] = {
        { "\xff\xd8\xff", 3, "image/jpeg" }, { "\x89PNG\r\n\x1a\n", 8, "image/png" },
        { "GIF8", 4, "image/gif" },          { "BM", 2, "image/bmp" },
        { "II*\0", 4, "image/tiff" },        { "MM\0*", 4, "image/tiff" },
    };

    for (size_t i = 0; i < TK_ARRAY_LEN(types); i++) {
        if (tk_str_starts(file, (struct tk_str){ types[i].magic, types[i].n }))
            return types[i].type;
    }
    bool is_webp = file.n > 12 && begins(file, "RIFF") && memcmp(file.p + 8, "WEBP", 4) == 0;
    return is_webp ? "image/webp" : NULL;
}

/* The file as a data URL in quotes. */
static int add_data_url(struct tk_buf *out, struct tk_str path, struct tk_err *reterr)
{
    struct tk_buf file = TK_BUF_INIT(TK__MAX_PART_FILE);
    int rc = tk__add_file(&file, path, reterr);
    const char *type = rc == 0 ? image_type(tk_buf_str(&file)) : NULL;

    if (rc == 0 && !type)
        rc = tk_err_set(reterr, TK_E_UNSUPPORTED,
                        "'%.*s' is no image that is known: JPEG, PNG, GIF, WebP, BMP, TIFF are",
                        (int)TK_MIN(path.n, 100), path.p);
    if (rc == 0) {
        tk_buf_addf(out, "\"data:%s;base64,", type);
        (void)tk_base64_add(out, tk_buf_str(&file));
        tk_buf_add_c(out, '"');
        rc = out->failed ? tk_err_set(reterr, out->failed, "no memory for an image") : 0;
    }
    tk_buf_release(&file);
    return rc;
}

static int add_reference(struct tk_buf *out, struct tk_str url, bool is_path, struct tk_err *reterr)
{
    tk_buf_add_c(out, '"');
    if (is_path)
        tk_buf_add_str(out, FILE_URL);
    (void)tk_json_escape(out, url, TK_JSONW_PYTHON);
    tk_buf_add_c(out, '"');
    return out->failed ? tk_err_set(reterr, out->failed, "no memory for a URL") : 0;
}

int tk__add_url(struct tk_buf *out, struct tk_str url, enum tk__urls how, struct tk_err *reterr)
{
    bool is_web = begins(url, "http://") || begins(url, "https://");
    bool is_file = tk_str_starts(url, FILE_URL);
    bool is_data = begins(url, "data:image/");

    if (how == TK__URLS_AS_THEY_ARE || is_data)
        return add_reference(out, url, !is_web && !is_file && !is_data, reterr);
    if (is_web)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "'%.*s' cannot be fetched here; save it to a file, or let the server "
                          "fetch it, without --custom-ensure-client-side-data",
                          (int)TK_MIN(url.n, 100), url.p);
    if (is_file)
        url = (struct tk_str){ url.p + FILE_URL.n, url.n - FILE_URL.n };
    return add_data_url(out, url, reterr);
}

int tk__add_url_part(struct tk_buf *out, const char *kind, struct tk_str url, enum tk__urls how,
                     struct tk_err *reterr)
{
    tk_buf_addf(out, "{\"type\": \"%s_url\", \"%s_url\": {\"url\": ", kind, kind);
    int rc = tk__add_url(out, url, how, reterr);
    tk_buf_add_z(out, "}}");
    if (rc == 0 && out->failed)
        rc = tk_err_set(reterr, out->failed, "no memory for a URL");
    return rc;
}

int tk__add_data_part(struct tk_buf *out, const char *kind, const char *type, struct tk_str bytes)
{
    tk_buf_addf(out, "{\"type\": \"%s_url\", \"%s_url\": {\"url\": \"data:%s;base64,", kind, kind,
                type);
    if (!out->failed)
        (void)tk_base64_add(out, bytes);
    tk_buf_add_z(out, "\"}}");
    return out->failed;
}
