/* openai.c - what an event, or a whole reply, of OpenAI's formats says
 *
 * One walk over the text, each value looked at once, in whatever order the server wrote its keys:
 *
 *   { id object created model          passed over
 *     choices: [ { index
 *                  delta | message     role, content, reasoning, tool calls, refusal
 *                  text                completions
 *                  finish_reason } ]
 *     usage                            with or without choices (continuous usage)
 *     error | object "error" }         an error inside a 200
 *
 * What a choice holds is gathered first and merged into the event when the choice ends, because its
 * index may stand behind its text.
 *
 * Servers differ more than the page says; what each line is for:
 *   - vLLM around 0.11 to 0.13 sends the same reasoning as `reasoning` and as `reasoning_content`:
 *     it counts once;
 *   - Mistral's content is a list of parts, reasoning a part of type "thinking" that holds a list;
 *   - older vLLM says {"object":"error","message":…}; TGI and TensorRT-LLM {"error":"text"};
 *   - SGLang puts reasoning_tokens into usage itself, DeepSeek prompt_cache_hit_tokens;
 *   - Ollama's tool calls have arguments as an object.
 *
 * Two kinds of trouble are kept apart. Damage (a cut document, a bad escape, a word that is no JSON)
 * in anything that is read is TK_E_FORMAT. A sound value of another type than expected, null first
 * of all, is passed over as if it were not there: it does no harm, and real servers have many.
 * Damage in values that nobody reads stays unseen; to look for it would double the cost.
 *
 * Budget: 150 ns for a chunk of 225 bytes, most of it the parser's.
 */
#include "api/openai.h"

#include <string.h>

#include "base/str.h"

#define KEY_IS(key, literal) \
    ((key).n == sizeof(literal) - 1 && memcmp((key).p, literal, sizeof(literal) - 1) == 0)

/* One choice while it is walked. */
struct choice {
    int64_t index;
    unsigned channels;
    unsigned finish;
    uint32_t text_bytes;
    struct tk_str text, reasoning;
};

/* What of the outermost object may turn out to be an error. */
struct root {
    const char *list; /* member that is the answer, where it is no text; NULL: choices are */
    bool says_error;  /* "object":"error" */
    bool has_choices;
    bool has_first; /* a choice of index 0 */
    bool has_message, has_detail;
    struct tk_json_val message, detail;
};

/* --- reading with tolerance: 1 it was there, 0 it is of another type, TK_E_FORMAT damage --- */

static int other_type(struct tk_json_val *v, enum tk_json_type expected)
{
    enum tk_json_type type = tk_json_type(v);
    return type == TK_JSON_INVALID || type == expected ? TK_E_FORMAT : 0;
}

static inline int take_str(struct tk_json_val *v, struct tk_str *ret)
{
    if (TK_LIKELY(tk_json_get_str(v, ret) == 0))
        return 1;
    *ret = (struct tk_str){ NULL, 0 };
    return other_type(v, TK_JSON_STRING);
}

static inline int open_obj(struct tk_json_val *v, struct tk_json_iter *ret_it)
{
    return tk_json_obj(v, ret_it) == 0 ? 1 : other_type(v, TK_JSON_OBJECT);
}

static inline int open_arr(struct tk_json_val *v, struct tk_json_iter *ret_it)
{
    return tk_json_arr(v, ret_it) == 0 ? 1 : other_type(v, TK_JSON_ARRAY);
}

/* A count that cannot be one is passed over: sums of what is taken do not overflow. */
static void take_count(struct tk_json_val *v, int64_t *ret)
{
    int64_t i;
    if (tk_json_get_i64(v, &i) == 0 && i >= 0 && i <= UINT32_MAX)
        *ret = i;
}

/* --- a choice --- */

static inline void add_text(struct choice *c, unsigned channel, struct tk_str s)
{
    struct tk_str *kept = channel == TK_CH_REASONING ? &c->reasoning : &c->text;
    if (s.n == 0)
        return;
    c->channels |= channel;
    c->text_bytes += (uint32_t)s.n;
    if (channel != TK_CH_REFUSAL && kept->n == 0)
        *kept = s;
}

static int decode_parts(struct choice *c, unsigned channel, struct tk_json_val *v, int depth);

/* A string, or a list of parts. */
static int decode_text(struct choice *c, unsigned channel, struct tk_json_val *v, int depth)
{
    struct tk_str s;
    int rc = take_str(v, &s);
    if (TK_LIKELY(rc == 1))
        add_text(c, channel, s);
    if (rc == 0)
        return decode_parts(c, channel, v, depth);
    return TK_MIN(rc, 0);
}

static int decode_part(struct choice *c, unsigned channel, struct tk_json_val *v, int depth)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = 0;
        if (KEY_IS(key, "text"))
            rc = decode_text(c, channel, &val, depth);
        else if (KEY_IS(key, "thinking"))
            rc = decode_text(c, TK_CH_REASONING, &val, depth);
        else if (KEY_IS(key, "refusal"))
            rc = decode_text(c, TK_CH_REFUSAL, &val, depth);
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* `depth` bounds the recursion: thinking is a part with parts, nothing is deeper. */
static int decode_parts(struct choice *c, unsigned channel, struct tk_json_val *v, int depth)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str s;
    int rc = depth < 2 ? open_arr(v, &it) : 0;
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_arr_next(&it, &val)) > 0) {
        rc = take_str(&val, &s);
        if (rc == 1)
            add_text(c, channel, s);
        else if (rc == 0)
            rc = decode_part(c, channel, &val, depth + 1);
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* {"name":…,"arguments":…}, or {"name":…,"input":…} of a custom tool. */
static int decode_function(struct choice *c, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key, s;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        if (!KEY_IS(key, "name") && !KEY_IS(key, "arguments") && !KEY_IS(key, "input"))
            continue;
        rc = take_str(&val, &s);
        if (rc == 0 && tk_json_type(&val) == TK_JSON_OBJECT)
            rc = tk_json_get_raw(&val, &s);
        if (rc < 0)
            return rc;
        c->text_bytes += (uint32_t)s.n;
    }
    return rc;
}

static int decode_tool_call(struct choice *c, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    c->channels |= TK_CH_TOOL;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        if (!KEY_IS(key, "function") && !KEY_IS(key, "custom"))
            continue;
        rc = decode_function(c, &val);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int decode_tool_calls(struct choice *c, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    int rc = open_arr(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_arr_next(&it, &val)) > 0) {
        rc = decode_tool_call(c, &val);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int decode_role(struct choice *c, struct tk_json_val *v)
{
    struct tk_str s;
    int rc = take_str(v, &s);
    if (rc == 1 && s.n > 0)
        c->channels |= TK_CH_ROLE;
    return TK_MIN(rc, 0);
}

/* The call of the time before there were tools. */
static int decode_function_call(struct choice *c, struct tk_json_val *v)
{
    if (tk_json_type(v) == TK_JSON_OBJECT)
        c->channels |= TK_CH_TOOL;
    return decode_function(c, v);
}

static int decode_reasoning(struct choice *c, struct tk_json_val *v)
{
    return c->reasoning.n > 0 ? 0 : decode_text(c, TK_CH_REASONING, v, 0);
}

static inline int decode_message_member(struct choice *c, struct tk_str key, struct tk_json_val *v)
{
    if (KEY_IS(key, "content"))
        return decode_text(c, TK_CH_CONTENT, v, 0);
    if (KEY_IS(key, "role"))
        return decode_role(c, v);
    if (KEY_IS(key, "reasoning_content") || KEY_IS(key, "reasoning"))
        return decode_reasoning(c, v);
    if (KEY_IS(key, "tool_calls"))
        return decode_tool_calls(c, v);
    if (KEY_IS(key, "refusal"))
        return decode_text(c, TK_CH_REFUSAL, v, 0);
    if (KEY_IS(key, "function_call"))
        return decode_function_call(c, v);
    return 0;
}

/* `delta` of a stream, `message` of a whole reply. */
static int decode_message(struct choice *c, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = decode_message_member(c, key, &val);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static unsigned finish_of(struct tk_str s)
{
    static const struct {
        const char *word;
        enum tk_finish finish;
    } words[] = {
        { "stop", TK_FINISH_STOP },
        { "length", TK_FINISH_LENGTH },
        { "tool_calls", TK_FINISH_TOOL_CALLS },
        { "content_filter", TK_FINISH_CONTENT_FILTER },
        { "function_call", TK_FINISH_TOOL_CALLS },
        { "eos_token", TK_FINISH_STOP }, /* TGI */
        { "stop_sequence", TK_FINISH_STOP },
        { "max_tokens", TK_FINISH_LENGTH },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(words); i++) {
        if (tk_str_is(s, words[i].word))
            return words[i].finish;
    }
    return TK_FINISH_OTHER;
}

static int decode_finish(struct choice *c, struct tk_json_val *v)
{
    struct tk_str s;
    int rc = take_str(v, &s);
    if (rc == 1 && s.n > 0) {
        c->channels |= TK_CH_FINISH;
        c->finish = finish_of(s);
    }
    return TK_MIN(rc, 0);
}

static inline int decode_choice_member(struct choice *c, struct tk_str key, struct tk_json_val *v)
{
    if (KEY_IS(key, "delta") || KEY_IS(key, "message"))
        return decode_message(c, v);
    if (KEY_IS(key, "finish_reason"))
        return decode_finish(c, v);
    if (KEY_IS(key, "text"))
        return decode_text(c, TK_CH_CONTENT, v, 0);
    if (KEY_IS(key, "index"))
        take_count(v, &c->index);
    return 0;
}

static int decode_choice(struct choice *c, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = decode_choice_member(c, key, &val);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static void merge_choice(struct tk_api_event *ev, struct root *r, const struct choice *c)
{
    ev->channels |= c->channels | TK_CH_CHOICES;
    ev->text_bytes += c->text_bytes;
    if (c->index != 0) {
        ev->channels |= r->has_first ? 0 : TK_CH_OTHER_CHOICE;
        return;
    }
    r->has_first = true;
    ev->channels &= ~(unsigned)TK_CH_OTHER_CHOICE;
    if (c->text.n > 0)
        ev->text = c->text;
    if (c->reasoning.n > 0)
        ev->reasoning = c->reasoning;
    if (c->finish != TK_FINISH_NONE)
        ev->finish = c->finish;
}

static int decode_choices(struct tk_api_event *ev, struct root *r, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    int64_t n = 0;
    int rc = open_arr(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_arr_next(&it, &val)) > 0) {
        struct choice c = { .index = n++ }; /* unless it says otherwise */
        rc = decode_choice(&c, &val);
        merge_choice(ev, r, &c);
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* --- usage --- */

/* The count `name` of an object of details. */
static int decode_detail(struct tk_json_val *v, const char *name, int64_t *ret)
{
    struct tk_json_val val;
    if (tk_json_type(v) != TK_JSON_OBJECT)
        return 0;
    int rc = tk_json_find(v, name, &val);
    if (rc == 0)
        take_count(&val, ret);
    return rc == TK_E_NOT_FOUND ? 0 : rc;
}

static int decode_usage_member(struct tk_api_event *ev, struct tk_str key, struct tk_json_val *v)
{
    if (KEY_IS(key, "prompt_tokens") || KEY_IS(key, "input_tokens"))
        take_count(v, &ev->prompt_tokens);
    else if (KEY_IS(key, "completion_tokens") || KEY_IS(key, "output_tokens"))
        take_count(v, &ev->output_tokens);
    else if (KEY_IS(key, "completion_tokens_details") || KEY_IS(key, "output_tokens_details"))
        return decode_detail(v, "reasoning_tokens", &ev->reasoning_tokens);
    else if (KEY_IS(key, "prompt_tokens_details") || KEY_IS(key, "input_tokens_details"))
        return decode_detail(v, "cached_tokens", &ev->cached_tokens);
    else if (KEY_IS(key, "reasoning_tokens"))
        take_count(v, &ev->reasoning_tokens);
    else if (KEY_IS(key, "prompt_cache_hit_tokens"))
        take_count(v, &ev->cached_tokens);
    return 0;
}

int tk__openai_usage(struct tk_api_event *ev, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        ev->channels |= TK_CH_USAGE; /* an empty object is none */
        rc = decode_usage_member(ev, key, &val);
        if (rc < 0)
            return rc;
    }
    return rc;
}

/* --- errors --- */

/* The first bytes of a text, whole characters, without white space around them. */
static struct tk_str cut_text(struct tk_str s)
{
    s = tk_str_trim(s);
    if (s.n > TK_API_TEXT_ERROR_BYTES) {
        s.n = TK_API_TEXT_ERROR_BYTES;
        while (s.n > 0 && ((unsigned char)s.p[s.n] & 0xC0) == 0x80)
            s.n--;
    }
    return s;
}

/* A message: the string, or the beginning of whatever else stands there. */
static int take_message(struct tk_json_val *v, struct tk_str *ret)
{
    struct tk_str raw;
    int rc = take_str(v, ret);
    if (rc == 0 && tk_json_type(v) != TK_JSON_NULL) {
        rc = tk_json_get_raw(v, &raw);
        if (rc == 0)
            *ret = cut_text(raw);
    }
    return TK_MIN(rc, 0);
}

/* {"message":…}, else the object as it stands; an empty one is no error. */
static int decode_error_object(struct tk_api_event *ev, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    struct tk_str key;
    int rc = open_obj(v, &it);
    if (rc <= 0)
        return rc;
    rc = tk_json_obj_next(&it, &key, &val);
    if (rc <= 0)
        return rc;
    ev->channels |= TK_CH_ERROR;
    rc = tk_json_find(v, "message", &val);
    if (rc == TK_E_NOT_FOUND)
        return take_message(v, &ev->error);
    return rc ? rc : take_message(&val, &ev->error);
}

int tk__openai_error(struct tk_api_event *ev, struct tk_json_val *v)
{
    struct tk_str s;
    int rc = take_str(v, &s);
    if (rc < 0)
        return rc;
    if (rc == 1) {
        if (s.n > 0) {
            ev->channels |= TK_CH_ERROR;
            ev->error = s;
        }
        return 0;
    }
    return decode_error_object(ev, v);
}

/* The message stands in the outermost object itself. */
static int decode_bare_error(struct tk_api_event *ev, struct root *r)
{
    ev->channels |= TK_CH_ERROR;
    if (r->has_message)
        return take_message(&r->message, &ev->error);
    return r->has_detail ? take_message(&r->detail, &ev->error) : 0;
}

/* --- the outermost object --- */

/* A list of vectors or scores: nothing of it is kept. */
static int decode_list(struct tk_api_event *ev, struct tk_json_val *v)
{
    struct tk_json_iter it;
    struct tk_json_val val;
    int rc = open_arr(v, &it);
    if (rc <= 0)
        return rc;
    rc = tk_json_arr_next(&it, &val);
    if (rc > 0)
        ev->channels |= TK_CH_CHOICES;
    return TK_MIN(rc, 0);
}

static int decode_object_name(struct root *r, struct tk_json_val *v)
{
    struct tk_str s;
    int rc = take_str(v, &s);
    if (rc == 1)
        r->says_error = KEY_IS(s, "error");
    return TK_MIN(rc, 0);
}

static inline int decode_root_member(struct tk_api_event *ev, struct root *r, struct tk_str key,
                                     struct tk_json_val *v)
{
    if (TK_UNLIKELY(r->list != NULL) && tk_str_is(key, r->list)) {
        r->has_choices = true;
        return decode_list(ev, v);
    }
    if (KEY_IS(key, "choices")) {
        r->has_choices = true;
        return decode_choices(ev, r, v);
    }
    if (KEY_IS(key, "usage"))
        return tk__openai_usage(ev, v);
    if (KEY_IS(key, "object"))
        return decode_object_name(r, v);
    if (KEY_IS(key, "error"))
        return tk__openai_error(ev, v);
    if (KEY_IS(key, "message")) {
        r->has_message = true;
        r->message = *v;
    } else if (KEY_IS(key, "detail")) {
        r->has_detail = true;
        r->detail = *v;
    }
    return 0;
}

static int decode_root(struct tk_json *j, struct tk_str text, struct tk_api_event *ev,
                       struct root *r)
{
    struct tk_json_val root, val;
    struct tk_json_iter it;
    struct tk_str key;
    int rc = tk_json_parse(j, text.p, text.n, &root);
    if (rc == 0)
        rc = tk_json_obj(&root, &it);
    if (rc)
        return rc;
    while ((rc = tk_json_obj_next(&it, &key, &val)) > 0) {
        rc = decode_root_member(ev, r, key, &val);
        if (rc < 0)
            return rc;
    }
    if (rc == 0 && !tk_json_at_end(j))
        return TK_E_FORMAT;
    return rc;
}

void tk__openai_init(struct tk_api_event *ev)
{
    *ev = (struct tk_api_event){
        .prompt_tokens = -1,
        .output_tokens = -1,
        .reasoning_tokens = -1,
        .cached_tokens = -1,
    };
}

/* An event of type `error`, whatever its data look like. */
static int decode_error_event(struct tk_json *j, struct tk_str data, struct tk_api_event *ret)
{
    struct root r = { .says_error = false };
    int rc = decode_root(j, data, ret, &r);
    if (rc == 0 && !(ret->channels & TK_CH_ERROR))
        rc = decode_bare_error(ret, &r);
    ret->channels |= TK_CH_ERROR;
    if (ret->error.n == 0)
        ret->error = cut_text(data);
    return rc == TK_E_FORMAT ? 0 : rc; /* plain text is a message too */
}

int tk__openai_event(struct tk_json *j, struct tk_str type, struct tk_str data,
                     struct tk_api_event *ret)
{
    struct root r = { .says_error = false };
    tk__openai_init(ret);
    if (TK_UNLIKELY(KEY_IS(type, "error")))
        return decode_error_event(j, data, ret);
    if (TK_UNLIKELY(data.n < 16)) {
        struct tk_str s = tk_str_trim(data);
        ret->is_done = KEY_IS(s, "[DONE]");
        ret->channels = ret->is_done ? TK_CH_DONE : 0;
        if (ret->is_done || s.n == 0)
            return 0;
    }
    int rc = decode_root(j, data, ret, &r);
    if (rc == 0 && TK_UNLIKELY(r.says_error) && !(ret->channels & TK_CH_ERROR))
        rc = decode_bare_error(ret, &r);
    return rc;
}

int tk__openai_body(struct tk_json *j, struct tk_str body, struct tk_api_event *ret)
{
    return tk__openai_list(j, body, NULL, ret);
}

int tk__openai_list(struct tk_json *j, struct tk_str body, const char *list,
                    struct tk_api_event *ret)
{
    struct root r = { .list = list };
    tk__openai_init(ret);
    int rc = decode_root(j, body, ret, &r);
    /* {"detail":…} of FastAPI, {"message":…} of gateways */
    bool is_bare = r.says_error || (!r.has_choices && (r.has_message || r.has_detail));
    if (rc == 0 && is_bare && !(ret->channels & TK_CH_ERROR))
        rc = decode_bare_error(ret, &r);
    if (rc == TK_E_FORMAT && !r.has_choices && ret->error.n == 0) {
        ret->channels |= TK_CH_ERROR;
        ret->error = cut_text(body);
    }
    ret->channels |= TK_CH_BODY;
    return rc;
}
