/* openai_responses.c - /v1/responses: named events, the last of which has the whole response
 *
 *   response.created, response.in_progress, …added         passed over
 *   response.output_text.delta                             answer text
 *   response.reasoning_text.delta                          reasoning text
 *   …done                                                  the same texts again: passed over
 *   response.completed, response.incomplete                the end: usage in `response`
 *   response.failed, error, a member `error`               an error
 *
 * A whole reply is that last `response` alone: texts in output[].content[].
 */
#include "api/openai.h"

#include <string.h>

#include "base/str.h"

#define MAX_TYPE_BYTES 64

/* What the members of an event say, in whatever order. */
struct seen {
    char type[MAX_TYPE_BYTES]; /* cut: no name that is looked for is as long */
    bool has_delta, has_response, has_error, has_message;
    struct tk_json_val delta, response, error, message;
};

static void take_type(struct seen *s, struct tk_str type)
{
    size_t n = TK_MIN(type.n, sizeof(s->type) - 1);

    if (n > 0)
        memcpy(s->type, type.p, n);
    s->type[n] = '\0';
}

static int take_member(struct seen *s, struct tk_str key, struct tk_json_val *v)
{
    struct tk_str type;

    if (tk_str_is(key, "type") && tk_json_type(v) == TK_JSON_STRING) {
        int rc = tk_json_get_str(v, &type);
        if (rc == 0)
            take_type(s, type);
        return rc;
    }
    if (tk_str_is(key, "delta")) {
        s->has_delta = true;
        s->delta = *v;
    } else if (tk_str_is(key, "response")) {
        s->has_response = true;
        s->response = *v;
    } else if (tk_str_is(key, "message")) {
        s->has_message = true;
        s->message = *v;
    } else if (tk_str_is(key, "error")) {
        s->has_error = tk_json_type(v) != TK_JSON_NULL;
        s->error = *v;
    }
    return 0;
}

static int read_event(struct tk_json *j, struct tk_str data, struct seen *s)
{
    struct tk_json_val root, v;
    struct tk_json_iter it;
    struct tk_str key;
    int rc = tk_json_parse(j, data.p, data.n, &root);

    if (rc == 0)
        rc = tk_json_obj(&root, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &v)) > 0)
        rc = take_member(s, key, &v);
    return rc == 0 && !tk_json_at_end(j) ? TK_E_FORMAT : rc;
}

static int take_text(struct tk_api_event *ev, unsigned channel, struct tk_json_val *v)
{
    struct tk_str s;
    int rc = tk_json_type(v) == TK_JSON_STRING ? tk_json_get_str(v, &s) : TK_E_NOT_FOUND;

    if (rc != 0)
        return rc == TK_E_NOT_FOUND ? 0 : rc; /* of another type: no text */
    if (s.n > 0) {
        ev->channels |= channel;
        ev->text_bytes += (uint32_t)s.n;
        if (channel == TK_CH_REASONING)
            ev->reasoning = s;
        else if (ev->text.n == 0)
            ev->text = s;
    }
    return 0;
}

/* --- a response --- */

static int take_part(struct tk_api_event *ev, struct tk_json_val *part)
{
    struct tk_json_val v;
    int rc = tk_json_type(part) == TK_JSON_OBJECT ? tk_json_find(part, "text", &v) : TK_E_NOT_FOUND;

    if (rc == TK_E_NOT_FOUND)
        return 0;
    ev->channels |= TK_CH_CHOICES;
    return rc == 0 ? take_text(ev, TK_CH_CONTENT, &v) : rc;
}

static int take_output(struct tk_api_event *ev, struct tk_json_val *item)
{
    struct tk_json_iter it;
    struct tk_json_val v, part;
    int rc = tk_json_type(item) == TK_JSON_OBJECT ? tk_json_find(item, "content", &v)
                                                  : TK_E_NOT_FOUND;

    if (rc == TK_E_NOT_FOUND || (rc == 0 && tk_json_type(&v) != TK_JSON_ARRAY))
        return 0;
    if (rc == 0)
        rc = tk_json_arr(&v, &it);
    while (rc == 0 && (rc = tk_json_arr_next(&it, &part)) > 0)
        rc = take_part(ev, &part);
    return rc;
}

static int take_outputs(struct tk_api_event *ev, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val item;
    int rc = tk_json_type(v) == TK_JSON_ARRAY ? tk_json_arr(v, &it) : TK_E_NOT_FOUND;

    while (rc == 0 && (rc = tk_json_arr_next(&it, &item)) > 0)
        rc = take_output(ev, &item);
    return rc == TK_E_NOT_FOUND ? 0 : rc;
}

static int take_status(struct tk_api_event *ev, struct tk_json_val *v)
{
    struct tk_str s;
    int rc = tk_json_type(v) == TK_JSON_STRING ? tk_json_get_str(v, &s) : TK_E_NOT_FOUND;

    if (rc == 0)
        ev->finish = tk_str_is(s, "completed")    ? TK_FINISH_STOP
                     : tk_str_is(s, "incomplete") ? TK_FINISH_LENGTH
                                                  : TK_FINISH_OTHER;
    return rc == TK_E_NOT_FOUND ? 0 : rc;
}

/* `has_texts`: its texts are the answer; of a stream they were sent already. */
static int take_response(struct tk_api_event *ev, struct tk_json_val *v, bool has_texts)
{
    struct tk_json_iter it;
    struct tk_json_val member;
    struct tk_str key;
    int rc;

    if (tk_json_type(v) != TK_JSON_OBJECT)
        return tk_json_type(v) == TK_JSON_INVALID ? TK_E_FORMAT : 0;
    rc = tk_json_obj(v, &it);
    while (rc == 0 && (rc = tk_json_obj_next(&it, &key, &member)) > 0) {
        rc = 0;
        if (tk_str_is(key, "usage"))
            rc = tk__openai_usage(ev, &member);
        else if (tk_str_is(key, "status"))
            rc = take_status(ev, &member);
        else if (tk_str_is(key, "error") && tk_json_type(&member) != TK_JSON_NULL)
            rc = tk__openai_error(ev, &member);
        else if (has_texts && tk_str_is(key, "output"))
            rc = take_outputs(ev, &member);
        rc = TK_MIN(rc, 0);
    }
    return rc;
}

/* --- events --- */

static int conclude(struct tk_api_event *ev, struct seen *s)
{
    ev->is_done = true;
    ev->channels |= TK_CH_DONE | TK_CH_FINISH;
    ev->finish = TK_FINISH_OTHER;
    return s->has_response ? take_response(ev, &s->response, false) : 0;
}

/* An event of type `error` has its words in itself. */
static int take_message(struct tk_api_event *ev, struct tk_json_val *v)
{
    return tk_json_type(v) == TK_JSON_STRING ? tk_json_get_str(v, &ev->error) : 0;
}

static int fail(struct tk_api_event *ev, struct seen *s)
{
    int rc = 0;

    if (s->has_error)
        rc = tk__openai_error(ev, &s->error);
    else if (s->has_response)
        rc = take_response(ev, &s->response, false);
    else if (s->has_message)
        rc = take_message(ev, &s->message);
    ev->channels |= TK_CH_ERROR;
    return TK_MIN(rc, 0);
}

static int decode_event(struct tk_json *j, struct tk_str type, struct tk_str data,
                        struct tk_api_event *ret)
{
    struct seen s = { .has_delta = false };

    tk__openai_init(ret);
    if (tk_str_is(tk_str_trim(data), "[DONE]")) {
        ret->is_done = true;
        ret->channels = TK_CH_DONE;
        return 0;
    }
    take_type(&s, type);
    int rc = read_event(j, data, &s);
    if (rc != 0)
        return rc;
    if (strcmp(s.type, "response.output_text.delta") == 0) {
        ret->channels |= TK_CH_CHOICES;
        return s.has_delta ? take_text(ret, TK_CH_CONTENT, &s.delta) : 0;
    }
    if (strcmp(s.type, "response.reasoning_text.delta") == 0) {
        ret->channels |= TK_CH_CHOICES;
        return s.has_delta ? take_text(ret, TK_CH_REASONING, &s.delta) : 0;
    }
    if (strcmp(s.type, "response.completed") == 0 || strcmp(s.type, "response.incomplete") == 0)
        return conclude(ret, &s);
    if (s.has_error || strcmp(s.type, "error") == 0 || strcmp(s.type, "response.failed") == 0)
        return fail(ret, &s);
    return 0;
}

static int decode_body(struct tk_json *j, struct tk_str body, struct tk_api_event *ret)
{
    struct tk_json_val root;

    /* what is no response, or an error, is said as in the other formats */
    int rc = tk__openai_body(j, body, ret);
    if (rc != 0 || (ret->channels & TK_CH_ERROR))
        return rc;
    tk__openai_init(ret);
    ret->channels = TK_CH_BODY;
    rc = tk_json_parse(j, body.p, body.n, &root);
    return rc == 0 ? take_response(ret, &root, true) : rc;
}

const struct tk_api_ops tk_api_responses = {
    .name = "responses",
    .help = "OpenAI's responses",
    .path = "/v1/responses",
    .decode_event = decode_event,
    .decode_body = decode_body,
};
