/* simlog.c - the simulator's log, line by line */
#include "cli/simlog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/jsonscan.h"
#include "base/num.h"
#include "base/str.h"

#define MAX_LINE ((size_t)64 << 20)

struct reading {
    struct tk_simlog *log;
    struct tk_str prefix;
    struct tk_json *json;
};

static int get_str(struct tk_json_val *line, const char *key, struct tk_str *ret)
{
    struct tk_json_val v;
    int rc = tk_json_find(line, key, &v);

    return rc == 0 ? tk_json_get_str(&v, ret) : rc;
}

/* Which of the requests the line is about; -1: none of them. */
static int64_t index_of(const struct reading *r, struct tk_json_val *line)
{
    struct tk_str id;
    int64_t index;

    if (get_str(line, "id", &id) != 0 || !tk_str_starts(id, r->prefix))
        return -1;
    id = (struct tk_str){ id.p + r->prefix.n, id.n - r->prefix.n };
    return tk_num_parse_i64(id, 0, (int64_t)r->log->n - 1, &index) == 0 ? index : -1;
}

static int count_of(struct tk_json_val *array, size_t *ret)
{
    struct tk_json_iter it;
    struct tk_json_val v;
    int rc = tk_json_arr(array, &it);

    *ret = 0;
    while (rc == 0 && (rc = tk_json_arr_next(&it, &v)) > 0) {
        ++*ret;
        rc = 0;
    }
    return rc;
}

static int take_instants(struct reading *r, struct tk_json_val *line, struct tk_simlog_request *req)
{
    struct tk_json_val array, v;
    struct tk_json_iter it;
    size_t n;
    int rc = tk_json_find(line, "sent_at", &array);

    if (rc == 0)
        rc = count_of(&array, &n);
    if (rc != 0 || n == 0)
        return rc;
    tk_ns *at = tk_arena_alloc(&r->log->arena, n * sizeof(*at));
    if (!at)
        return -ENOMEM;
    rc = tk_json_arr(&array, &it);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = tk_json_arr_next(&it, &v) == 1 ? tk_json_get_i64(&v, &at[i]) : TK_E_FORMAT;
    }
    req->sent_at = at;
    req->n_sent = n;
    return rc;
}

static int take_line(struct reading *r, struct tk_str text)
{
    struct tk_json_val line, v;
    struct tk_str kind, method;
    int rc = tk_json_parse(r->json, text.p, text.n, &line);

    if (rc == 0)
        rc = get_str(&line, "kind", &kind);
    if (rc != 0 || !tk_str_is(kind, "request"))
        return rc;
    rc = get_str(&line, "method", &method);
    if (rc != 0 || !tk_str_is(method, "POST"))
        return rc;
    int64_t index = index_of(r, &line);
    if (index < 0 || r->log->v[index].arrived_at != 0) {
        r->log->n_unknown++;
        return 0;
    }
    rc = tk_json_find(&line, "arrived_at", &v);
    if (rc == 0)
        rc = tk_json_get_i64(&v, &r->log->v[index].arrived_at);
    return rc == 0 ? take_instants(r, &line, &r->log->v[index]) : rc;
}

static int read_lines(struct reading *r, int fd, struct tk_err *reterr)
{
    struct tk_jsonscan scan;
    struct tk_str line;
    int rc = tk_jsonscan_init_fd(&scan, fd, TK_JSONSCAN_LINES, MAX_LINE);

    if (rc != 0)
        return tk_err_set(reterr, rc, "no memory to read the simulator's log");
    while (rc == 0 && (rc = tk_jsonscan_next(&scan, &line, reterr)) > 0) {
        rc = take_line(r, line);
        if (rc != 0)
            (void)tk_err_set(reterr, rc, "line %llu of the simulator's log: %s",
                             (unsigned long long)tk_jsonscan_line(&scan), tk_err_text(rc));
    }
    tk_jsonscan_release(&scan);
    return rc;
}

int tk_simlog_read(const char *path, const char *prefix, size_t n, struct tk_simlog *ret,
                   struct tk_err *reterr)
{
    struct reading r = { .log = ret, .prefix = tk_str_of(prefix) };

    memset(ret, 0, sizeof(*ret));
    tk_arena_init(&ret->arena, 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tk_err_set(reterr, -errno, "the simulator's log '%s' cannot be read: %s", path,
                          strerror(errno));
    ret->n = n;
    ret->v = tk_arena_alloc(&ret->arena, n * sizeof(*ret->v));
    r.json = tk_json_new(MAX_LINE);
    int rc = -ENOMEM;
    if (ret->v && r.json)
        rc = read_lines(&r, fd, reterr);
    else
        (void)tk_err_set(reterr, rc, "no memory to read the simulator's log");
    tk_json_free(r.json);
    (void)close(fd);
    return rc;
}

void tk_simlog_release(struct tk_simlog *log)
{
    tk_arena_release(&log->arena);
    log->v = NULL;
    log->n = 0;
}
