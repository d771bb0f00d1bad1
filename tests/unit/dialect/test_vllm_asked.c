/* test_vllm_asked.c - what a run keeps of its form and of the server's counters: into the file and out of it
 *
 * The text is compared with tests/golden/vllm-forms/asked.json, because files of today are read by programs
 * of later. That a report says what the run said is tests/it/test_vllm_report.py's.
 */
#include "dialect/vllm/vllm.h"

#include <errno.h>
#include <math.h>

#include "base/str.h"
#include "failmalloc.h"
#include "tap.h"

#include "golden.h"

static const double percentiles[] = { 99.9, 0, 50 };
static const struct tk_vllm_rps rps[] = { { 5, 0 }, { 6, INT64_C(1500000000) } };
static const char *metadata[] = { " b = 2=3 ", "\xc3\xa9=\"x\"" };

static const struct tk_vllm_form whole = {
    .backend = "openai-chat",
    .label = "",
    .model = "org/m",
    .tokenizer = NULL,
    .num_prompts = 4,
    .request_rate = INFINITY,
    .burstiness = 0.1,
    .max_concurrency = 3,
    .ramp_up_strategy = "linear",
    .ramp_up_start_rps = 5,
    .ramp_up_end_rps = 6,
    .rps = rps,
    .n_rps = 2,
    .metadata = { metadata, 2 },
    .has_metric = { [TK_VLLM_TTFT] = true, [TK_VLLM_QUEUE_E2EL] = true },
    .percentiles = percentiles,
    .n_percentiles = 3,
    .has_goodput = true,
    .goodput_ms = { 50.5, NAN, NAN, INFINITY, NAN, NAN },
    .tool = "vllm-0.13-chat",
    .has_prompt_len = true,
    .is_detailed = true,
    .is_due_at_once = true,
    .utc_offset_s = -12600,
};

static struct tk_buf text_of(const struct tk_vllm_form *f)
{
    struct tk_buf out = TK_BUF_INIT(1 << 16);

    T_EQ_I(tk_vllm_form_write(f, &out), 0, "write");
    return out;
}

static void test_form(void)
{
    struct tk_arena arena;
    struct tk_vllm_form f;
    struct tk_buf text = text_of(&whole);

    tk_arena_init(&arena, 0);
    T_GOLDEN(text.p, "vllm-forms/asked.json");
    T_EQ_I(tk_vllm_form_read(tk_buf_str(&text), &arena, &f), 0, "read");
    struct tk_buf again = text_of(&f);
    T_EQ_S(again.p, text.p, "and written again");
    T_EQ_S(f.tool, whole.tool, "the tool's definitions are the backend's");
    T_OK(!f.is_pooling && f.tokenizer == NULL && f.label[0] == '\0', "no text, and an empty one");
    T_OK(isinf(f.request_rate) && isinf(f.goodput_ms[TK_VLLM_E2EL]), "no numbers of JSON");
    T_OK(isnan(f.goodput_ms[TK_VLLM_TPOT]), "no objective");
    tk_buf_release(&again);

    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = tk_vllm_form_read(tk_buf_str(&text), &arena, &f);
        if (!tk_failmalloc_off())
            break;
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    tk_arena_release(&arena);
    tk_buf_release(&text);
}

static void test_refused(void)
{
    static const struct {
        const char *json;
        int rc;
    } cases[] = {
        { "{\"backend\":\"vllm\",\"model\":\"m\"}", 0 },
        { "{\"backend\":\"vllm\",\"model\":\"m\",\"later\":[{}],\"label\":null}", 0 },
        { "", TK_E_FORMAT },
        { "[]", TK_E_FORMAT },
        { "{}", TK_E_FORMAT },
        { "{\"backend\":\"vllm\"}", TK_E_FORMAT },
        { "{\"backend\":\"later\",\"model\":\"m\"}", TK_E_UNSUPPORTED },
        { "{\"metrics\":[\"later\"]}", TK_E_UNSUPPORTED },
        { "{\"goodput_ms\":{\"later\":1}}", TK_E_UNSUPPORTED },
        { "{\"goodput_ms\":{\"ttft\":\"x\"}}", TK_E_FORMAT },
        { "{\"percentiles\":[100.5]}", TK_E_RANGE },
        { "{\"percentiles\":[-1]}", TK_E_RANGE },
        { "{\"metrics\":[\"ttft\",\"ttft\",\"ttft\",\"ttft\",\"ttft\",\"ttft\",\"ttft\"]}",
          TK_E_LIMIT },
        { "{\"rps\":[[1]]}", TK_E_FORMAT },
        { "{\"rps\":[[1,2,3]]}", TK_E_FORMAT },
        { "{\"metadata\":[null]}", TK_E_FORMAT },
        { "{\"backend\":\"vllm\",\"model\":\"m\",\"utc_offset_s\":86401}", TK_E_FORMAT },
    };
    struct tk_arena arena;
    struct tk_vllm_form f;

    tk_arena_init(&arena, 0);
    for (size_t i = 0; i < TK_ARRAY_LEN(cases); i++)
        T_EQ_I(tk_vllm_form_read(tk_str_of(cases[i].json), &arena, &f), cases[i].rc, "%s",
               cases[i].json);
    tk_arena_release(&arena);
}

static void test_counters(void)
{
    static const char before[] =
        "vllm:spec_decode_num_drafts_total 1\n"
        "vllm:spec_decode_num_accepted_tokens_per_pos_total{position=\"2\"} 7\n";
    static const char after[] = "vllm:diffusion_num_committed_tokens_total 9e15\n";
    struct tk_vllm_counters a, b, x, y;
    struct tk_buf text = TK_BUF_INIT(1 << 16), again = TK_BUF_INIT(1 << 16);

    tk_vllm_counters_read(tk_str_of(before), &a);
    tk_vllm_counters_read(tk_str_of(after), &b);
    T_EQ_I(tk_vllm_counters_write(&a, &b, &text), 0, "counters: write");
    T_EQ_S(
        text.p,
        "{\"before\":{\"has_drafts\":true,\"has_diffusion\":false,\"drafts\":1,\"draft_tokens\":0,"
        "\"accepted\":0,\"steps\":0,\"canvas_positions\":0,\"committed\":0,\"accepted_at\":[null,"
        "null,7]},\"after\":{\"has_drafts\":false,\"has_diffusion\":true,\"drafts\":0,"
        "\"draft_tokens\":0,\"accepted\":0,\"steps\":0,\"canvas_positions\":0,"
        "\"committed\":9000000000000000,\"accepted_at\":[]}}",
        "counters: the text");
    T_EQ_I(tk_vllm_counters_of(tk_buf_str(&text), &x, &y), 0, "counters: read");
    T_EQ_I(tk_vllm_counters_write(&x, &y, &again), 0, "counters: write again");
    T_EQ_S(again.p, text.p, "counters: the same");
    T_EQ_I(tk_vllm_counters_of(TK_STR("{\"before\":{}}"), &x, &y), TK_E_FORMAT, "counters: half");
    T_EQ_I(tk_vllm_counters_of(TK_STR(""), &x, &y), TK_E_FORMAT, "counters: none");
    tk_buf_release(&text);
    tk_buf_release(&again);
}

int main(void)
{
    test_form();
    test_refused();
    test_counters();
    return T_DONE();
}
