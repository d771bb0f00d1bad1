/* page.c - answers of the hub that are read whole: lists of files, rows of the viewer */
#include <errno.h>

#include "base/json.h"
#include "hub/inside.h"

struct page_sink {
    struct tk__hub_sink sink; /* first */
    struct tk_buf *body;
};

static int on_begin(struct tk__hub_sink *k, const struct tk__hub_reply *r)
{
    struct page_sink *p = (struct page_sink *)(void *)k;

    (void)r;
    tk_buf_reset(p->body);
    return 0;
}

static int on_bytes(struct tk__hub_sink *k, const char *p, size_t n)
{
    return tk_buf_add(((struct page_sink *)(void *)k)->body, p, n);
}

int tk__hub_page(struct tk__hub_http *h, const struct tk__hub_page *page, struct tk_buf *out,
                 struct tk__hub_reply *ret, struct tk_err *reterr)
{
    struct page_sink p = { .sink = { on_begin, on_bytes, NULL }, .body = out };

    tk_buf_release(out);
    tk_buf_init(out, page->max);
    int rc = tk__hub_http_try(h, page->url, &p.sink, page->n_tries, ret, reterr);
    if (rc == TK_E_LIMIT)
        return tk_err_set(reterr, rc, "the %s of '%s' is longer than %zu bytes", page->what,
                          page->repo->id, page->max);
    if (rc == 0 && ret->status != 200)
        rc = page->is_viewed ? tk__hub_http_not_shown(h, page->repo, ret, reterr)
                             : tk__hub_http_refused(h, page->repo, NULL, ret, reterr);
    out->max = page->max + TK_JSON_PADDING;
    if (rc == 0 && tk_buf_reserve(out, TK_JSON_PADDING) != 0)
        rc = tk_err_set(reterr, -ENOMEM, "no memory for the %s of '%s'", page->what,
                        page->repo->id);
    return rc;
}
