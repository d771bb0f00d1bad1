/* dsv32.c - DeepSeek V3.2's encoding of a conversation
 *
 *   BOS  system  <User>…<Assistant></think>  answer EOS  …        chat
 *   BOS  system  <User>…<Assistant><think>  reasoning</think>answer EOS …   thinking
 *
 * Tools stand in a system message of their own before everything. A tool call is an <invoke> block with one
 * parameter per argument; results follow it as <result>s. Reasoning before the last question is left
 * out, unless the conversation ends with something else than a question.
 */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "token/encodings.h"
#include "token/pyjson.h"

#define DSML       \
    "\xEF\xBD\x9C" \
    "DSML"         \
    "\xEF\xBD\x9C" /* U+FF5C on both sides */
#define BAR "\xEF\xBD\x9C"
#define SPACE "\xE2\x96\x81" /* U+2581 */
#define BOS "<" BAR "begin" SPACE "of" SPACE "sentence" BAR ">"
#define EOS "<" BAR "end" SPACE "of" SPACE "sentence" BAR ">"
#define USER "<" BAR "User" BAR ">"
#define ASSISTANT "<" BAR "Assistant" BAR ">"
#define THINK "<think>"
#define END_THINK "</think>"

/* What the model was trained with: to the letter. */
static const char tools_before[] =
    "## Tools\n"
    "You have access to a set of tools you can use to answer the user's question.\n"
    "You can invoke functions by writing a \"<" DSML
    "function_calls>\" block like the following as "
    "part of your reply to the user:\n"
    "<" DSML "function_calls>\n"
    "<" DSML "invoke name=\"$FUNCTION_NAME\">\n"
    "<" DSML "parameter name=\"$PARAMETER_NAME\" string=\"true|false\">$PARAMETER_VALUE</" DSML
    "parameter>\n"
    "...\n"
    "</" DSML "invoke>\n"
    "<" DSML "invoke name=\"$FUNCTION_NAME2\">\n"
    "...\n"
    "</" DSML "invoke>\n"
    "</" DSML "function_calls>\n"
    "String and scalar parameters should be specified as is without any escaping or quotes, while "
    "lists and objects should use JSON format. The \"string\" attribute should be set to \"true\" "
    "for string type parameters and \"false\" for other types (numbers, booleans, arrays, "
    "objects).\n"
    "If the thinking_mode is enabled, then after function results you should strongly consider "
    "outputting a thinking block. Here is an example:\n"
    "<" DSML "function_calls>\n"
    "...\n"
    "</" DSML "function_calls>\n"
    "<function_results>\n"
    "...\n"
    "</function_results>\n" THINK "...thinking about results" END_THINK "\n"
    "Here are the functions available in JSONSchema format:\n"
    "<functions>\n";
static const char tools_after[] = "\n</functions>\n";

struct render {
    struct tk_arena arena;
    const struct tk__py *messages; /* an array */
    const struct tk__py *tools;    /* of the request, NULL: none */
    size_t last_user;              /* SIZE_MAX: none */
    bool is_thinking, drops;       /* drops: reasoning before the last question */
    bool is_odd;                   /* a content is neither text nor parts of text */
    struct tk_buf *out;
    struct tk_err *err;
};

static bool role_is(const struct tk__py *m, const char *role)
{
    return tk_str_is(tk__py_str(m, "role"), role);
}

static void add(struct render *r, const char *text)
{
    (void)tk_buf_add_z(r->out, text);
}

/* A content of parts: their texts, line by line, as vLLM hands it on. */
static bool add_parts(struct render *r, const struct tk__py *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        const struct tk__py *part = &parts->v[i];
        const struct tk__py *text = part->type == TK_JSON_STRING ? part : tk__py_get(part, "text");
        if (!text || text->type != TK_JSON_STRING)
            return false;
        add(r, i > 0 ? "\n" : "");
        (void)tk_buf_add_str(r->out, text->text);
    }
    return true;
}

/* format() of a member: null is None. What is neither text nor parts of text is noted: see render(). */
static void add_value(struct render *r, const struct tk__py *v)
{
    if (!v || v->type == TK_JSON_NULL)
        add(r, "None");
    else if (v->type == TK_JSON_STRING)
        (void)tk_buf_add_str(r->out, v->text);
    else if (v->type != TK_JSON_ARRAY || !add_parts(r, v))
        r->is_odd = true;
}

static int refuse(const struct render *r, size_t i, const char *why)
{
    return tk_err_set(r->err, -EINVAL, "message %zu: %s", i + 1, why);
}

static int add_tools(struct render *r, const struct tk__py *tools, size_t index)
{
    add(r, "\n\n");
    add(r, tools_before);
    for (size_t i = 0; i < tools->n; i++) {
        const struct tk__py *function = tk__py_get(&tools->v[i], "function");
        if (!function)
            return refuse(r, index, "a tool has no 'function'");
        add(r, i > 0 ? "\n" : "");
        (void)tk__py_dump(r->out, function);
    }
    add(r, tools_after);
    return 0;
}

static void add_format(struct render *r, const struct tk__py *m)
{
    const struct tk__py *format = tk__py_get(m, "response_format");

    if (!tk__py_is_true(format))
        return;
    add(r,
        "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n");
    (void)tk__py_dump(r->out, format);
}

static int add_system(struct render *r, const struct tk__py *m, size_t index)
{
    const struct tk__py *content = tk__py_get(m, "content");
    const struct tk__py *tools = tk__py_get(m, "tools");
    int rc = 0;

    if (tk__py_is_true(content))
        add_value(r, content);
    if (tk__py_is_true(tools))
        rc = add_tools(r, tools, index);
    add_format(r, m);
    return rc;
}

static void add_mode(struct render *r, bool opens)
{
    add(r, opens && r->is_thinking ? THINK : END_THINK);
}

static int add_user(struct render *r, const struct tk__py *m, size_t index)
{
    const struct tk__py *content = tk__py_get(m, "content");
    const struct tk__py *tools = tk__py_get(m, "tools");
    int rc = 0;

    add(r, USER);
    if (role_is(m, "developer")) {
        if (!tk__py_is_true(content))
            return refuse(r, index, "a developer's message has no content");
        if (tk__py_is_true(tools))
            rc = add_tools(r, tools, index);
        add_format(r, m);
        add(r, "\n\n# The user's message is: ");
    }
    add_value(r, content);
    add(r, ASSISTANT);
    add_mode(r, index == r->last_user);
    return rc;
}

static int add_result(struct render *r, const struct tk__py *m, size_t index)
{
    size_t before = index;
    const struct tk__py *calls;

    while (before > 0 && role_is(&r->messages->v[before - 1], "tool"))
        before--;
    if (before == 0 || !role_is(&r->messages->v[before - 1], "assistant"))
        return refuse(r, index, "a tool's result follows no assistant");
    calls = tk__py_get(&r->messages->v[before - 1], "tool_calls");
    size_t order = index - (before - 1);
    if (!tk__py_is_true(calls) || calls->n < order)
        return refuse(r, index, "a tool's result without a tool call");
    if (order == 1)
        add(r, "\n\n<function_results>");
    add(r, "\n<result>");
    add_value(r, tk__py_get(m, "content"));
    add(r, "</result>");
    if (order == calls->n) {
        add(r, "\n</function_results>\n\n");
        add_mode(r, r->last_user == SIZE_MAX || index >= r->last_user);
    }
    return 0;
}

static int add_arguments(struct render *r, const struct tk__py *function, size_t index)
{
    const struct tk__py *arguments = tk__py_get(function, "arguments");
    struct tk__py parsed;

    if (arguments && arguments->type == TK_JSON_STRING) {
        if (tk__py_parse(&r->arena, arguments->text.n ? arguments->text : TK_STR("{}"), &parsed) !=
            0)
            return refuse(r, index, "the arguments of a tool call are no JSON");
        arguments = &parsed;
    }
    if (arguments && arguments->type != TK_JSON_OBJECT && arguments->type != TK_JSON_NULL)
        return refuse(r, index, "the arguments of a tool call are no object");
    for (size_t i = 0; arguments && i < arguments->n; i++) {
        const struct tk__py *v = &arguments->v[i];
        bool is_text = v->type == TK_JSON_STRING;
        add(r, i > 0 ? "\n<" DSML "parameter name=\"" : "<" DSML "parameter name=\"");
        (void)tk_buf_add_str(r->out, v->key);
        add(r, is_text ? "\" string=\"true\">" : "\" string=\"false\">");
        if (is_text)
            (void)tk_buf_add_str(r->out, v->text);
        else
            (void)tk__py_dump(r->out, v);
        add(r, "</" DSML "parameter>");
    }
    return 0;
}

static int add_calls(struct render *r, const struct tk__py *calls, size_t index)
{
    int rc = 0;

    add(r, "\n\n<" DSML "function_calls>");
    for (size_t i = 0; rc == 0 && i < calls->n; i++) {
        const struct tk__py *function = tk__py_get(&calls->v[i], "function");
        if (!function)
            return refuse(r, index, "a tool call has no 'function'");
        add(r, "\n<" DSML "invoke name=\"");
        add_value(r, tk__py_get(function, "name"));
        add(r, "\">\n");
        rc = add_arguments(r, function, index);
        add(r, "\n</" DSML "invoke>");
    }
    add(r, "\n</" DSML "function_calls>");
    return rc;
}

static int add_assistant(struct render *r, const struct tk__py *m, size_t index)
{
    const struct tk__py *content = tk__py_get(m, "content");
    const struct tk__py *calls = tk__py_get(m, "tool_calls");
    const struct tk__py *reasoning = tk__py_get(m, "reasoning");
    bool is_after = r->last_user == SIZE_MAX || index > r->last_user;
    int rc = 0;

    if (!tk__py_is_true(reasoning))
        reasoning = tk__py_get(m, "reasoning_content");
    if (r->is_thinking && is_after) {
        if (!tk__py_is_true(reasoning) && !tk__py_is_true(calls))
            return refuse(r, index, "thinking, but neither reasoning nor tool calls");
        if (tk__py_is_true(reasoning))
            add_value(r, reasoning);
        add(r, END_THINK);
    }
    if (tk__py_is_true(content))
        add_value(r, content);
    if (tk__py_is_true(calls))
        rc = add_calls(r, calls, index);
    add(r, EOS);
    return rc;
}

static int add_message(struct render *r, size_t i)
{
    const struct tk__py *m = &r->messages->v[i];

    if (role_is(m, "system"))
        return add_system(r, m, i);
    if (role_is(m, "user") || role_is(m, "developer"))
        return add_user(r, m, i);
    if (role_is(m, "tool"))
        return add_result(r, m, i);
    if (role_is(m, "assistant"))
        return add_assistant(r, m, i);
    return refuse(r, i, "the role is none of system, developer, user, assistant, tool");
}

static int render(struct render *r)
{
    int rc = 0;

    r->last_user = SIZE_MAX;
    for (size_t i = 0; i < r->messages->n; i++) {
        if (role_is(&r->messages->v[i], "user") || role_is(&r->messages->v[i], "developer"))
            r->last_user = i;
    }
    r->drops = r->is_thinking && role_is(&r->messages->v[r->messages->n - 1], "user");
    add(r, BOS);
    if (tk__py_is_true(r->tools))
        rc = add_tools(r, r->tools, 0);
    for (size_t i = 0; rc == 0 && i < r->messages->n; i++) {
        bool is_dropped = r->drops && i < r->last_user && role_is(&r->messages->v[i], "developer");
        rc = is_dropped ? refuse(r, i,
                                 "a developer's message before the last question is not "
                                 "supported while thinking")
                        : add_message(r, i);
        if (rc == 0 && r->is_odd)
            rc = refuse(r, i, "its content is neither text nor parts of text");
    }
    return rc == 0 ? r->out->failed : rc;
}

static int read_json(struct render *r, struct tk_str text, const char *what, struct tk__py *ret)
{
    int rc = tk__py_parse(&r->arena, text, ret);

    return rc < 0 ? tk_err_set(r->err, rc, "the %s: %s", what, tk_err_text(rc)) : 0;
}

int tk__dsv32_render(const struct tk_chat_input *in, struct tk_buf *out, struct tk_err *reterr)
{
    struct render r = { .out = out, .err = reterr };
    struct tk__py messages, tools, kwargs;
    size_t had = out->n;

    tk_arena_init(&r.arena, TK__MAX_CHAT_MEMORY);
    int rc = read_json(&r, in->messages, "messages", &messages);
    if (rc == 0 && (messages.type != TK_JSON_ARRAY || messages.n == 0))
        rc = tk_err_set(reterr, -EINVAL, "the messages are no list, or it is empty");
    r.messages = &messages;
    if (rc == 0 && in->tools.n > 0) {
        rc = read_json(&r, in->tools, "tools", &tools);
        r.tools = &tools;
    }
    if (rc == 0 && in->kwargs.n > 0) {
        rc = read_json(&r, in->kwargs, "keyword arguments", &kwargs);
        r.is_thinking = rc == 0 && tk__py_is_true(tk__py_get(&kwargs, "thinking"));
    }
    if (rc == 0)
        rc = render(&r);
    if (rc < 0)
        out->n = had;
    tk_arena_release(&r.arena);
    return rc;
}
