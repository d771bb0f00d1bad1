/* vllm_resume.h - `tokmark vllm --resume FILE`: what the run file keeps for it, and the same words again
 *
 * How a run goes on is run_resume.h's; here is what is this command's own.
 */
#ifndef TK_CLI_VLLM_RESUME_H
#define TK_CLI_VLLM_RESUME_H

#include "base/buf.h"
#include "cli/run_resume.h"
#include "dialect/vllm/vllm.h"

/* The command line for the run file, as tk_resumable_words() has it, with the prefix of the ids that was drawn. */
int tk_vllm_words(const struct tk_vllm_opts *o, const bool *is_given, struct tk_buf *out);

/* Put the words of the file that --resume names and those given now (joined, argc of them) together: they are in
 * `r`, which is released in any case. 0 or an error. */
int tk_vllm_recall(struct tk_resuming *r, const char *path, const struct tk_opt_result *given,
                   int argc, char **argv, struct tk_err *reterr);

/* Whether what would be sent, all of which is made, is what the file's run sent; then make the plan that of the
 * rest, where there is one. 0 or an error with what differs. */
int tk_vllm_rest(struct tk_resuming *r, const struct tk_load_conf *sent, struct tk_plan *plan,
                 struct tk_err *reterr);

#endif
