#include "data/parts.h"

#include "base/jsonw.h"
#include "base/str.h"

static bool is_url(struct tk_str s)
{
    static const char *const beginnings[] = { "http://", "https://", "file://", "data:image/" };

    for (size_t i = 0; i < TK_ARRAY_LEN(beginnings); i++) {
        if (tk_str_starts(s, tk_str_of(beginnings[i])))
            return true;
    }
    return false;
}

int tk__add_url_part(struct tk_buf *out, const char *kind, struct tk_str url)
{
    tk_buf_addf(out, "{\"type\": \"%s_url\", \"%s_url\": {\"url\": \"%s", kind, kind,
                is_url(url) ? "" : "file://");
    (void)tk_json_escape(out, url, TK_JSONW_PYTHON);
    tk_buf_add_z(out, "\"}}");
    return out->failed;
}
