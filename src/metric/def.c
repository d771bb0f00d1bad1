/* def.c - the table of metrics and the glossary made from it */
#include "metric/def.h"

#include "base/str.h"

/* --- values --- */

static bool span(tk_ns from, tk_ns to, int64_t *ret)
{
    if (from == 0 || to == 0)
        return false;
    *ret = to - from;
    return true;
}

/* Where a reply comes whole there is no first of anything but bytes. */
static bool stream_span(const struct tk_sample *s, tk_ns from, tk_ns to, int64_t *ret)
{
    return s->is_streamed && span(from, to, ret);
}

static bool ttfb(const struct tk_sample *s, int64_t *ret)
{
    return span(s->sent_at, s->first_byte_at, ret);
}

static bool ttfe(const struct tk_sample *s, int64_t *ret)
{
    return stream_span(s, s->sent_at, s->first_event_at, ret);
}

static bool ttft(const struct tk_sample *s, int64_t *ret)
{
    return stream_span(s, s->sent_at, s->first_token_at, ret);
}

static bool ttat(const struct tk_sample *s, int64_t *ret)
{
    return stream_span(s, s->sent_at, s->first_answer_at, ret);
}

static bool e2el(const struct tk_sample *s, int64_t *ret)
{
    return span(s->sent_at, s->done_at, ret);
}

static bool total(const struct tk_sample *s, int64_t *ret)
{
    return span(s->sent_at, s->last_byte_at, ret);
}

static bool ttfb_due(const struct tk_sample *s, int64_t *ret)
{
    return span(s->due_at, s->first_byte_at, ret);
}

static bool ttfe_due(const struct tk_sample *s, int64_t *ret)
{
    return stream_span(s, s->due_at, s->first_event_at, ret);
}

static bool ttft_due(const struct tk_sample *s, int64_t *ret)
{
    return stream_span(s, s->due_at, s->first_token_at, ret);
}

static bool ttat_due(const struct tk_sample *s, int64_t *ret)
{
    return stream_span(s, s->due_at, s->first_answer_at, ret);
}

static bool e2el_due(const struct tk_sample *s, int64_t *ret)
{
    return span(s->due_at, s->done_at, ret);
}

static bool total_due(const struct tk_sample *s, int64_t *ret)
{
    return span(s->due_at, s->last_byte_at, ret);
}

static bool tpot(const struct tk_sample *s, int64_t *ret)
{
    int64_t n_after = s->output_tokens - s->first_tokens;
    int64_t decoding;

    /* With one chunk there is no time between the first token and the last. */
    if (s->n_token_events < 2 || n_after < 1 ||
        !stream_span(s, s->first_token_at, s->last_token_at, &decoding))
        return false;
    *ret = (decoding + n_after / 2) / n_after;
    return true;
}

static bool connect_time(const struct tk_sample *s, int64_t *ret)
{
    return span(s->rec->connect_begin_at, s->rec->connected_at, ret);
}

static bool tls_time(const struct tk_sample *s, int64_t *ret)
{
    return span(s->rec->connected_at, s->rec->tls_done_at, ret);
}

static bool count(int64_t n, int64_t *ret)
{
    *ret = n;
    return n >= 0;
}

static bool prompt_tokens(const struct tk_sample *s, int64_t *ret)
{
    return count(s->rec->prompt_tokens, ret);
}

static bool output_tokens(const struct tk_sample *s, int64_t *ret)
{
    return count(s->output_tokens, ret);
}

static bool reasoning_tokens(const struct tk_sample *s, int64_t *ret)
{
    return count(s->rec->reasoning_tokens, ret);
}

static bool cached_tokens(const struct tk_sample *s, int64_t *ret)
{
    return count(s->rec->cached_tokens, ret);
}

/* --- the table --- */

#define STAMPS "arrival stamps of reads"
#define ANY_TOKENS "answer, reasoning, tool calls, refusal"
#define FROM_DUE                                                                                  \
    "Counts the wait for a permit and the client's own delay too: what a user who comes at that " \
    "time waits. An open-loop run leads with it."

static const struct tk_metric_def defs[TK_METRIC_N_] = {
    [TK_METRIC_TTFB] = {
        "ttfb", "Time to first byte", TK_UNIT_NS, false, "sent", "first_byte - sent", "any bytes",
        STAMPS,
        "With servers that send the head at once it is the way there and back, not the model.",
        ttfb,
        true,
    },
    [TK_METRIC_TTFE] = {
        "ttfe", "Time to first event", TK_UNIT_NS, false, "sent", "first_event - sent",
        "any event, a role or an empty text too", STAMPS,
        "What vLLM's client calls TTFT, where the server sends a role first. Streams only.",
        ttfe,
        true,
    },
    [TK_METRIC_TTFT] = {
        "ttft", "Time to first token", TK_UNIT_NS, false, "sent", "first_token - sent", ANY_TOKENS,
        STAMPS, "Streams only: a reply that comes whole has no first token.",
        ttft,
        true,
    },
    [TK_METRIC_TTAT] = {
        "ttat", "Time to first answer token", TK_UNIT_NS, false, "sent", "first_answer - sent",
        "answer", STAMPS, "For models that reason first: when the answer itself begins. Streams only.",
        ttat,
        false,
    },
    [TK_METRIC_TPOT] = {
        "tpot", "Time per output token after the first", TK_UNIT_NS, false, "first_token",
        "(last_token - first_token) / (output_tokens - first_tokens)", ANY_TOKENS,
        STAMPS "; output_tokens as the server counts, else events with tokens",
        "first_tokens is what the server says that the first chunk carried, else 1. A reply of one "
        "token, or of one chunk, has none. The time after the last token (usage, end mark) is not in "
        "it, as it is in tools that divide (E2EL - TTFT).",
        tpot,
        false,
    },
    [TK_METRIC_CHUNK_GAP] = {
        "chunk_gap", "Gap between chunks", TK_UNIT_NS, true, "the chunk before",
        "arrival of a chunk - arrival of the chunk before", ANY_TOKENS ", first choice", STAMPS,
        "A chunk is an event with tokens, however many. All gaps of all requests are one set, so long "
        "replies weigh more. Chunks that arrived together have a gap of 0.",
        NULL,
        false,
    },
    [TK_METRIC_TOKEN_GAP] = {
        "token_gap", "Gap between tokens", TK_UNIT_NS, true, "the chunk before",
        "gap of a chunk of k tokens / k, k times", ANY_TOKENS ", first choice",
        STAMPS "; k as the server says with every chunk, or 1 where its total equals the chunks",
        "Where a server does not say how many tokens a chunk carries there is no such figure: a chunk is "
        "not a token, and the gap between chunks stands under its own name. Spreading gives the right "
        "mean and hides bursts within a chunk.",
        NULL,
        false,
    },
    [TK_METRIC_E2EL] = {
        "e2el", "End-to-end latency", TK_UNIT_NS, false, "sent",
        "max(last_token, finish) - sent; not streamed: last_byte - sent", ANY_TOKENS ", finish reason",
        STAMPS,
        "Ends when the user has the whole answer and knows that it is whole. What a server sends after "
        "that (usage, end mark) can come much later and serves the program: see total.",
        e2el,
        false,
    },
    [TK_METRIC_TOTAL] = {
        "total", "Time to last byte", TK_UNIT_NS, false, "sent", "last_byte - sent", "any bytes",
        STAMPS, "How long the request occupied its connection.",
        total,
        false,
    },
    [TK_METRIC_TTFB_DUE] = {
        "ttfb_due", "Time to first byte, from due", TK_UNIT_NS, false, "due", "first_byte - due",
        "any bytes", STAMPS, FROM_DUE,
        ttfb_due,
        true,
    },
    [TK_METRIC_TTFE_DUE] = {
        "ttfe_due", "Time to first event, from due", TK_UNIT_NS, false, "due", "first_event - due",
        "any event, a role or an empty text too", STAMPS, FROM_DUE,
        ttfe_due,
        true,
    },
    [TK_METRIC_TTFT_DUE] = {
        "ttft_due", "Time to first token, from due", TK_UNIT_NS, false, "due", "first_token - due",
        ANY_TOKENS, STAMPS, FROM_DUE,
        ttft_due,
        true,
    },
    [TK_METRIC_TTAT_DUE] = {
        "ttat_due", "Time to first answer token, from due", TK_UNIT_NS, false, "due",
        "first_answer - due", "answer", STAMPS, FROM_DUE,
        ttat_due,
        false,
    },
    [TK_METRIC_E2EL_DUE] = {
        "e2el_due", "End-to-end latency, from due", TK_UNIT_NS, false, "due",
        "max(last_token, finish) - due; not streamed: last_byte - due", ANY_TOKENS ", finish reason",
        STAMPS, FROM_DUE,
        e2el_due,
        false,
    },
    [TK_METRIC_TOTAL_DUE] = {
        "total_due", "Time to last byte, from due", TK_UNIT_NS, false, "due", "last_byte - due",
        "any bytes", STAMPS, FROM_DUE,
        total_due,
        false,
    },
    [TK_METRIC_CONNECT] = {
        "connect", "Connecting", TK_UNIT_NS, false, "begin of connecting", "connected - connect_begin",
        "", "the clock", "Only of requests for which a connection was made. It comes before sent: no latency from "
        "sent holds it, those from due do.",
        connect_time,
        false,
    },
    [TK_METRIC_TLS] = {
        "tls", "TLS handshake", TK_UNIT_NS, false, "connected", "tls_done - connected", "", "the clock",
        "Only of requests for which a connection was made. It comes before sent: no latency from "
        "sent holds it, those from due do.",
        tls_time,
        false,
    },
    [TK_METRIC_PROMPT_TOKENS] = {
        "prompt_tokens", "Prompt tokens", TK_UNIT_TOKENS, false, "", "prompt_tokens of usage", "",
        "the server", "",
        prompt_tokens,
        false,
    },
    [TK_METRIC_OUTPUT_TOKENS] = {
        "output_tokens", "Output tokens", TK_UNIT_TOKENS, false, "",
        "completion_tokens of usage, else events with tokens of a stream", "",
        "the server, else counted: every report says of how many requests", "",
        output_tokens,
        false,
    },
    [TK_METRIC_REASONING_TOKENS] = {
        "reasoning_tokens", "Reasoning tokens", TK_UNIT_TOKENS, false, "", "reasoning_tokens of usage",
        "", "the server", "A part of the output tokens.",
        reasoning_tokens,
        false,
    },
    [TK_METRIC_CACHED_TOKENS] = {
        "cached_tokens", "Cached prompt tokens", TK_UNIT_TOKENS, false, "", "cached_tokens of usage",
        "", "the server", "A part of the prompt tokens.",
        cached_tokens,
        false,
    },
};

const struct tk_figure_def tk_figures[] = {
    { "planned", "Planned", "requests", "sent + not sent",
      "By the number that was asked for; else what was sent or due when time was up." },
    { "sent", "Sent", "requests", "succeeded + failed + cancelled",
      "Taken up by the client, also when no connection came about." },
    { "not_sent", "Not sent", "requests", "planned - sent",
      "Time was up, or the run was cut. Of a damaged run file: lost in it, or not sent." },
    { "succeeded", "Succeeded", "requests", "ended as ok", "" },
    { "failed", "Failed", "requests",
      "ended in any other way but ok, cancelled and cancelled-by-plan",
      "Infinite in every percentile over all requests." },
    { "cancelled", "Cancelled", "requests", "ended as cancelled or cancelled-by-plan",
      "Given up by the client: counted, in no percentile over all requests. What they would have taken is "
      "not known. Those that time or Ctrl-C cut off are listed with their age." },
    { "cancelled_by_plan", "Cancelled by the plan", "requests", "ended as cancelled-by-plan",
      "Of the cancelled: given up in mid-reply because --cancel-share says so. They are no failures. Their "
      "first byte, first event and first token count among those of the successes where they were given up "
      "after a number of tokens, because which ones these are does not depend on how fast the server was; "
      "where they were given up after a time they do not, because only the fast ones had a first token by "
      "then. Nothing else of them counts." },
    { "resends", "Resends", "requests",
      "sendings after the first, because a kept connection turned out dead",
      "The server's count is requests + resends. Latency counts from the first sending." },
    { "duration", "Duration", "s",
      "end of the last request - due instant of the first one; resumed: sum over the segments",
      "" },
    { "request_throughput", "Request throughput", "requests/s", "succeeded / duration", "" },
    { "input_throughput", "Input token throughput", "tokens/s",
      "prompt tokens of the successes / duration", "" },
    { "output_throughput", "Output token throughput", "tokens/s",
      "output tokens of the successes / duration", "" },
    { "total_throughput", "Token throughput", "tokens/s",
      "(prompt + output tokens of the successes) / duration", "" },
    { "goodput", "Goodput", "requests/s", "successes that met every objective / duration",
      "An objective that says nothing of a request (tpot of one token) is met; of one that says nothing of "
      "any success the goodput is not known. An objective on a gap is "
      "met when the longest gap of the request meets it. A failure misses." },
    { "good_share", "Objectives met", "%", "100 * good / (succeeded + failed)",
      "Cancelled requests are not judged." },
    { "peak_concurrency", "Peak concurrency", "requests",
      "most requests between sent and end at one instant",
      "Exact; where one ends at the instant another begins they do not overlap." },
    { "mean_concurrency", "Mean concurrency", "requests", "sum of (end - sent) / duration", "" },
    { "stage_asked", "Asked, of a stage", "requests/s or requests",
      "mean of the stage's level over the time that it went on",
      "A request belongs to the stage in which it was due." },
    { "stage_sent", "Sent, of a stage", "requests/s", "requests of the stage / its duration",
      "Where the load ended within the stage its duration is the time until the end of the last request." },
    { "stage_throughput", "Throughput of a stage", "requests/s",
      "successes of any stage that ended within it / its duration",
      "What the server got done while the stage went on." },
    { "recovery", "Recovery", "s",
      "begin of the first window after the spike from which on every window is as before - end of the spike",
      "The time before the spike is cut into n / 20 windows of one width, n being the requests due in it, but "
      "no fewer than 5 and no more than 30; their width is the resolution. The value of a window is the "
      "median (nearest rank) of the time to first token from due of the requests due in it, or of the "
      "end-to-end latency from due where nothing is streamed; a failure is infinite, a request that was given "
      "up without a token counts as the time that it had waited. A window is as before when its value is at "
      "most max(1.1 M, P), M being the median and P the 90th percentile of the requests before the spike: the "
      "median of a window is above P by chance alone once in thousands of windows. A window in which fewer "
      "than 5 requests are due is passed over in an open load; in a closed one it is not as before, because "
      "nothing had come free. Only whole windows count, and three of them at the end must be as before, "
      "else the server has not recovered while it was watched. With fewer than 50 requests before the spike, "
      "or more than a tenth of them failed, or where the run was cut and resumed, the figure is not known." },
    { "wait", "Wait for a permit", "ms", "released - due",
      "The concurrency limit at work; 0 without one, and in a closed loop." },
    { "send_delay", "Delay in sending", "ms",
      "sent - released - connecting and TLS, where it did so",
      "The client's own: it held a permit and had not sent yet." },
    { "send_late", "Sent after due", "ms", "sent - due",
      "The wait for a permit, connecting and the client's own delay together." },
    { "lateness", "Lateness of sending", "ms",
      "sent - ready - connecting and TLS; ready: the later of due and the instant at which a permit was free",
      "The client's own. A permit is free when the last byte of the reply that held it arrives, so "
      "reading that late counts. In a closed loop the first requests, for which no reply made room, "
      "count from their release." },
    { "pace", "Asked and sent", "requests/s",
      "requests that were due and had a permit by the end of the schedule / its length; those sent by "
      "then, and 1 ms",
      "Of loads with a schedule that has a length." },
    { "read_delay", "Delay in reading", "ms", "seen - arrived, of each read with a kernel stamp",
      "The client's own: bytes were there and nobody had read them. It is not in any latency; but reads "
      "that were late may join events that came apart." },
    { "events_per_read", "Events per read", "events", "events / reads that completed one", "" },
    { "late_events", "Events in late reads of several", "%",
      "100 * events in reads of several that were seen more than 1 ms after they arrived / events",
      "They share the stamp of the last one." },
    { "late_firsts", "First tokens in late reads, others behind them", "requests",
      "requests whose first token shares a read, seen more than 1 ms late, with later events",
      "One stall can hide below a 99th percentile: this counts each." },
    { "joined_reads", "Reads with several events", "reads",
      "reads that completed more than one event; late ones apart",
      "Events of one read share its stamp. Servers that send several at once make these too; where the "
      "read was more than 1 ms late it may be the client." },
    { "kernel_stamps", "Reads with a kernel stamp", "%",
      "100 * reads stamped by the kernel / reads", "The others have the clock after the read." },
    { "cpu", "CPU of a worker", "%", "100 * CPU time of its thread / time",
      "Over the measured phase, and in its busiest second." },
    { "processor_wait", "Wait for a processor", "%",
      "100 * time in which a worker was ready to run and had no processor / time",
      "In its worst second; the kernel's count, where it has one." },
    { "loop_lag", "Lag of the loop", "ms", "instant at which a timer was called - its deadline",
      "Mean and largest, over all timers of the workers." },
    { "clock_error", "Error of conversion", "ms",
      "half the width of the widest of the samples that tell the wall clock from the monotonic one",
      "What a converted stamp can be off by." },
    { "writer_waits", "Waits for the writer", "times",
      "times that a worker stopped releasing because the records not written yet filled their memory",
      "" },
    { "maker_waits", "Waits for prompts", "times",
      "times that a worker stopped releasing because the next prompt was not made yet",
      "Where prompts are made while the load runs." },
};
const size_t tk_n_figures = TK_ARRAY_LEN(tk_figures);

const struct tk_metric_def *tk_metric_def(enum tk_metric m)
{
    return &defs[m];
}

bool tk_metric_counts(enum tk_metric m, const struct tk_sample *s, int64_t *ret)
{
    const struct tk_metric_def *d = &defs[m];

    return (s->is_success || (s->has_start && d->is_of_start)) && d->value(s, ret);
}

bool tk_metric_is_of_stream(enum tk_metric m)
{
    switch (m) {
    case TK_METRIC_TTFE:
    case TK_METRIC_TTFT:
    case TK_METRIC_TTAT:
    case TK_METRIC_TPOT:
    case TK_METRIC_CHUNK_GAP:
    case TK_METRIC_TOKEN_GAP:
    case TK_METRIC_TTFE_DUE:
    case TK_METRIC_TTFT_DUE:
    case TK_METRIC_TTAT_DUE:
        return true;
    default:
        return false;
    }
}

enum tk_metric tk_metric_find(struct tk_str name)
{
    for (int i = 0; i < TK_METRIC_N_; i++) {
        if (tk_str_is(name, defs[i].name))
            return (enum tk_metric)i;
    }
    return TK_METRIC_N_;
}

const char *tk_unit_word(enum tk_unit u)
{
    return u == TK_UNIT_NS ? "ms" : "tokens";
}

double tk_unit_scale(enum tk_unit u)
{
    return u == TK_UNIT_NS ? 1e-6 : 1.0;
}

const char *tk_gap_method_text(enum tk_gap_method m)
{
    static const char *const texts[TK_GAP_N_] = {
        [TK_GAP_UNKNOWN] = "the server does not say how many tokens a chunk carries",
        [TK_GAP_SERVER] = "the server says with every chunk how many tokens it carries",
        [TK_GAP_SINGLE] = "the server's total equals the number of chunks: one token each",
    };
    return (unsigned)m < TK_GAP_N_ ? texts[m] : "";
}
