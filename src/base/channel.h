/* channel.h - what an event of a reply carried, and why a reply ended
 *
 * The words that the decoders of wire formats (api), the record (run) and the metrics share. Numbers
 * are part of the trace's format and of the run file: append only.
 */
#ifndef TK_BASE_CHANNEL_H
#define TK_BASE_CHANNEL_H

/* What an event carried; several bits may be set in one event (a role and content, usage and
 * choices). The order is the trace's format: append only. */
enum tk_channel {
    TK_CH_CHOICES = 1 << 0, /* had a non-empty `choices`: what vLLM's client calls a token event */
    TK_CH_CONTENT = 1 << 1, /* non-empty answer text */
    TK_CH_REASONING = 1 << 2,     /* non-empty reasoning text */
    TK_CH_ROLE = 1 << 3,          /* a role */
    TK_CH_TOOL = 1 << 4,          /* a tool-call delta */
    TK_CH_REFUSAL = 1 << 5,       /* non-empty refusal text */
    TK_CH_USAGE = 1 << 6,         /* a usage object */
    TK_CH_ERROR = 1 << 7,         /* an error object */
    TK_CH_FINISH = 1 << 8,        /* a finish reason */
    TK_CH_DONE = 1 << 9,          /* the end mark, [DONE] */
    TK_CH_OTHER_CHOICE = 1 << 10, /* only of choices other than the first */
    TK_CH_BODY = 1 << 11,         /* a reply that was not streamed: the whole body is one event */
};
/* Any channel that carries generated tokens. */
#define TK_CH_TOKENS (TK_CH_CONTENT | TK_CH_REASONING | TK_CH_TOOL | TK_CH_REFUSAL)

/* Why the server says that it stopped. */
enum tk_finish {
    TK_FINISH_NONE, /* the server did not say */
    TK_FINISH_STOP,
    TK_FINISH_LENGTH,
    TK_FINISH_TOOL_CALLS,
    TK_FINISH_CONTENT_FILTER,
    TK_FINISH_OTHER,
};

#endif
