/* vllm_resume.c - `tokmark vllm --resume FILE` */
#include "cli/vllm_resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const own[] = { "plain",  "dry-run",      "print-config",
                                   "resume", "disable-tqdm", NULL };
static const struct tk_resumable resumable = {
    .command = &tk_vllm_command,
    .tool = "tokmark vllm",
    .own = own,
    .mark = '=',
};

int tk_vllm_words(const struct tk_vllm_opts *o, const bool *is_given, struct tk_buf *out)
{
    static const struct tk_opt_list none;
    size_t n = tk_vllm_command.n_opts;
    bool *is_kept = malloc(n * sizeof(*is_kept));

    if (!is_kept)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        is_kept[i] = is_given[i] ||
                     (strcmp(tk_vllm_command.opts[i].name, "request-id-prefix") == 0 &&
                      o->request_id_prefix);
    int rc = tk_resumable_words(&resumable, o, is_kept, &none, out);
    free(is_kept);
    return rc;
}

int tk_vllm_recall(struct tk_resuming *r, const char *path, const struct tk_opt_result *given,
                   int argc, char **argv, struct tk_err *reterr)
{
    return tk_resuming_open(r, &resumable, path, given, argc, argv, reterr);
}

int tk_vllm_rest(struct tk_resuming *r, const struct tk_load_conf *sent, struct tk_plan *plan,
                 struct tk_err *reterr)
{
    int rc = tk_resuming_compare(r, sent, false, reterr);

    return rc == 0 && !r->is_whole ? tk_resuming_apply(r, plan, reterr) : rc;
}
