/* Questions of Spec-Bench, conversations of SPEED-Bench: rows of a category, their order, and without
 * memory. What they are for a tokenizer is compared with vLLM's in it/test_vllm_load.py. */
#include <errno.h>

#include "base/str.h"
#include "data/data.h"
#include "failmalloc.h"
#include "files.h"
#include "tap.h"

static struct tk_err err;

static const char questions[] = "{\"category\": \"math\", \"turns\": [\"one\", \"uno\"]}\n"
                                "{\"turns\": [\"two\"], \"category\": \"rag\"}\n"
                                "{\"category\": \"math\", \"turns\": [\"three\"]}\n";
static const char talks[] =
    "{\"category\": \"math\", \"messages\": [{\"role\": \"user\", \"content\": \"one\"}, 7]}\n"
    "{\"category\": \"rag\", \"messages\": [{\"content\": \"two\"}]}\n"
    "{\"category\": \"math\", \"messages\": [{\"content\": \"three\"}]}\n";

static void order(const struct tk_data_ops *ops, const char *text)
{
    struct tk_data_conf conf = { .path = test_text("q.jsonl", text), .output_tokens = 9 };
    struct tk_items items;

    T_EQ_I(ops->load(&conf, &items, &err), 0, "%s: all (%s)", ops->name, err.msg);
    T_EQ_U(items.n, 3, "%s: three of them", ops->name);
    T_OK(tk_str_eq(items.v[1].prompt, TK_STR("two")), "%s: in the file's order", ops->name);
    T_OK(items.v[1].output_tokens == 9 && items.v[1].prompt_tokens == -1, "%s: lengths", ops->name);
    tk_items_release(&items);
    conf.category = "math";
    conf.n_wanted = 2;
    conf.do_shuffle = true;
    T_EQ_I(ops->load(&conf, &items, &err), 0, "%s: of a category", ops->name);
    T_EQ_U(items.n, 2, "%s: two of them", ops->name);
    T_OK(tk_str_eq(items.v[0].prompt, TK_STR("one")) && items.v[1].row == 2,
         "%s: the order of random.seed(0); random.shuffle() of two", ops->name);
    tk_items_release(&items);
    conf.category = "poetry";
    T_EQ_I(ops->load(&conf, &items, &err), TK_E_NOT_FOUND, "%s: no such category", ops->name);
}

static void without_memory(const struct tk_data_ops *ops, const char *text)
{
    struct tk_data_conf conf = { .path = test_text("q.jsonl", text), .do_shuffle = true };
    struct tk_items items;

    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = ops->load(&conf, &items, &err);
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "%s: with enough memory", ops->name);
            break;
        }
        T_EQ_I(rc, -ENOMEM, "%s: allocation %d fails: %s", ops->name, n, err.msg);
    }
    tk_items_release(&items);
}

int main(void)
{
    make_test_dir();
    order(&tk_data_spec_bench, questions);
    order(&tk_data_speed_bench, talks);
    without_memory(&tk_data_spec_bench, questions);
    without_memory(&tk_data_speed_bench, talks);
    return T_DONE();
}
