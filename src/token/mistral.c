/* mistral.c - Mistral's encoding of a conversation, as mistral-common makes it
 *
 *   messages --gather: neighbours of one role become one--> turns --encode by version--> ids
 *
 *   v1        <s> "[INST] a [/INST]" "b" </s>                             all of it text
 *   v2, v3    <s> [AVAILABLE_TOOLS]…[/AVAILABLE_TOOLS] [INST]a[/INST] b </s>
 *   v7, v11   <s> [SYSTEM_PROMPT]…[/SYSTEM_PROMPT] [INST]a[/INST] b [TOOL_CALLS]… </s>
 *   v13       the same, tools before the first question, results without their ids, thinking
 *
 * Up to v3 the system's words stand in the question, joined by an empty line: the last one, in v1 the
 * first. What stands in brackets are control tokens; each piece of text between them is encoded by
 * itself, so that text never makes a control token, nor merges over one.
 *
 * Parts that are no text (images, audio) become tokens by the model's own rules for pixels and samples:
 * not supported, and said so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "token/encodings.h"
#include "token/internal.h"
#include "token/pyjson.h"

#define JOINT "\n\n"
#define MAX_TURNS 100000

enum role { SYSTEM, USER, ASSISTANT, TOOL, N_ROLES };

static const char *const role_names[N_ROLES] = { "system", "user", "assistant", "tool" };

/* Text, or what the assistant thought. */
struct chunk {
    struct tk_str text;
    bool is_thought, is_open; /* open: without its end */
};

struct call {
    struct tk_str id; /* "null" where there is none */
    struct tk_str name;
    struct tk_str arguments; /* JSON as Python writes it, or what was given instead */
};

struct turn {
    enum role role;
    struct chunk *chunks; /* TOOL, USER: one */
    size_t n_chunks;
    bool has_content; /* ASSISTANT: any of its messages had some, if only an empty one */
    struct call *calls;
    size_t n_calls;
    struct tk_str call_id, name; /* TOOL; .p is NULL when there was none */
};

struct encoding {
    const struct tk_tokenizer *t;
    struct tk_tok_scratch *s;
    struct tk_tok_ids *ids;
    struct tk_err *err;
    unsigned version;
    struct tk_arena arena;
    struct tk_buf work;
    struct tk__py messages, tools;
    bool has_tools, continues;
    struct turn *turns;
    size_t n_turns;
    struct tk_str system;         /* up to v3 */
    size_t first_user, last_user; /* SIZE_MAX: none */
};

static int refuse(const struct encoding *e, const char *why)
{
    return tk_err_set(e->err, -EINVAL, "Mistral's v%u: %s", e->version, why);
}

static int no_memory(const struct encoding *e)
{
    return tk_err_set(e->err, -ENOMEM, "out of memory for the conversation");
}

/* ---- gathering ---- */

/* The work buffer's content as a string that stays. */
static int take(struct encoding *e, struct tk_str *ret)
{
    *ret = tk_arena_dup_str(&e->arena, tk_buf_str(&e->work));
    return e->work.failed || !ret->p ? no_memory(e) : 0;
}

/* `before`, an empty line, `text`; `text` alone when there is nothing before. */
static int join(struct encoding *e, struct tk_str before, struct tk_str text, struct tk_str *ret)
{
    tk_buf_reset(&e->work);
    if (before.p) {
        (void)tk_buf_add_str(&e->work, before);
        (void)tk_buf_add_z(&e->work, JOINT);
    }
    (void)tk_buf_add_str(&e->work, text);
    return take(e, ret);
}

/* Add a chunk; text after text is joined. The turn's array has room. */
static int add_chunk(struct encoding *e, struct turn *turn, const struct chunk *chunk)
{
    struct chunk *last = turn->n_chunks ? &turn->chunks[turn->n_chunks - 1] : NULL;

    if (last && !last->is_thought && !chunk->is_thought)
        return join(e, last->text, chunk->text, &last->text);
    if (!turn->chunks)
        return no_memory(e);
    turn->chunks[turn->n_chunks++] = *chunk;
    return 0;
}

/* What was thought is a list of texts, or one. */
static int read_thought(struct encoding *e, const struct tk__py *part, struct chunk *ret)
{
    const struct tk__py *closed = tk__py_get(part, "closed");
    const struct tk__py *thinking = tk__py_get(part, "thinking");

    if (e->version < 13)
        return refuse(e, "a thought cannot be encoded before v13");
    if (!thinking || thinking->type != TK_JSON_STRING)
        return refuse(e, "a thought that is no text");
    *ret = (struct chunk){ .text = thinking->text,
                           .is_thought = true,
                           .is_open = closed && !tk__py_is_true(closed) };
    return 0;
}

static int read_part(struct encoding *e, struct turn *turn, const struct tk__py *part)
{
    struct chunk chunk = { 0 };
    struct tk_str type = tk__py_str(part, "type");
    const struct tk__py *text = tk__py_get(part, "text");
    int rc = 0;

    if (part->type == TK_JSON_STRING)
        chunk.text = part->text;
    else if (tk_str_is(type, "text") && text && text->type == TK_JSON_STRING)
        chunk.text = text->text;
    else if (tk_str_is(type, "thinking") && (turn->role == ASSISTANT || turn->role == SYSTEM))
        rc = read_thought(e, part, &chunk);
    else
        return tk_err_set(
            e->err, TK_E_UNSUPPORTED,
            "a part of the type '%.*s' cannot be encoded: its tokens depend on what is "
            "in it",
            TK_STR_ARG(type));
    return rc == 0 ? add_chunk(e, turn, &chunk) : rc;
}

/* Room for `n` chunks more. */
static int room(struct encoding *e, struct turn *turn, size_t n)
{
    struct chunk *grown = tk_arena_alloc(&e->arena, (turn->n_chunks + n) * sizeof(*grown));

    if (!grown)
        return no_memory(e);
    if (turn->n_chunks > 0)
        memcpy(grown, turn->chunks, turn->n_chunks * sizeof(*grown));
    turn->chunks = grown;
    return 0;
}

static int read_content(struct encoding *e, struct turn *turn, const struct tk__py *content)
{
    int rc;

    if (!content)
        return 0;
    turn->has_content = true;
    if (content->type != TK_JSON_ARRAY) {
        if (content->type != TK_JSON_STRING)
            return refuse(e, "a content is neither text nor a list of parts");
        rc = room(e, turn, 1);
        return rc == 0 ? add_chunk(e, turn, &(struct chunk){ .text = content->text }) : rc;
    }
    rc = room(e, turn, content->n + 1);
    for (size_t i = 0; rc == 0 && i < content->n; i++)
        rc = read_part(e, turn, &content->v[i]);
    return rc;
}

/* JSON in Python's spelling; what is none stays; nothing is an empty object. */
static int normalize(struct encoding *e, struct tk_str text, struct tk_str *ret)
{
    struct tk__py v;

    if (text.n == 0)
        text = TK_STR("{}");
    int rc = tk__py_parse(&e->arena, text, &v);
    if (rc == -ENOMEM || rc == TK_E_LIMIT)
        return no_memory(e);
    tk_buf_reset(&e->work);
    if (rc == 0)
        (void)tk__py_dump(&e->work, &v);
    else
        (void)tk_buf_add_str(&e->work, text);
    return take(e, ret);
}

static int read_call(struct encoding *e, const struct tk__py *v, struct call *ret)
{
    const struct tk__py *function = tk__py_get(v, "function");
    const struct tk__py *arguments = tk__py_get(function, "arguments");
    struct tk_str id = tk__py_str(v, "id");
    struct tk_str text = tk__py_str(function, "arguments");

    if (!function || !arguments || tk__py_str(function, "name").n == 0)
        return refuse(e, "a tool call has no function, or the function no name or no arguments");
    ret->id = id.n > 0 || tk__py_some(v, "id") ? id : TK_STR("null");
    ret->name = tk__py_str(function, "name");
    if (arguments->type == TK_JSON_OBJECT) {
        tk_buf_reset(&e->work);
        (void)tk__py_dump(&e->work, arguments);
        return take(e, &ret->arguments);
    }
    if (arguments->type != TK_JSON_STRING)
        return refuse(e, "the arguments of a tool call are neither text nor an object");
    return normalize(e, text, &ret->arguments);
}

static int read_calls(struct encoding *e, struct turn *turn, const struct tk__py *calls)
{
    int rc = 0;

    if (!calls || calls->type != TK_JSON_ARRAY || calls->n == 0)
        return 0;
    struct call *grown = tk_arena_alloc(&e->arena, (turn->n_calls + calls->n) * sizeof(*grown));
    if (!grown)
        return no_memory(e);
    if (turn->n_calls > 0)
        memcpy(grown, turn->calls, turn->n_calls * sizeof(*grown));
    turn->calls = grown;
    for (size_t i = 0; rc == 0 && i < calls->n; i++)
        rc = read_call(e, &calls->v[i], &turn->calls[turn->n_calls++]);
    return rc;
}

/* The whole text of a turn that has no thoughts. */
static struct tk_str text_of(const struct turn *turn)
{
    return turn->n_chunks ? turn->chunks[0].text : (struct tk_str){ "", 0 };
}

static int read_message(struct encoding *e, struct turn *turn, const struct tk__py *m)
{
    const struct tk__py *content = tk__py_some(m, "content");
    const struct tk__py *calls = tk__py_some(m, "tool_calls");
    int rc;

    if (turn->role == ASSISTANT && e->version <= 3 && tk__py_is_true(calls) &&
        tk__py_is_true(content))
        return refuse(e, "tool calls and content in one message");
    rc = read_content(e, turn, content);
    if (rc == 0 && turn->role == ASSISTANT)
        rc = read_calls(e, turn, calls);
    if (rc == 0 && turn->role == TOOL) {
        const struct tk__py *id = tk__py_some(m, "tool_call_id");
        const struct tk__py *name = tk__py_some(m, "name");
        turn->call_id = id ? id->text : (struct tk_str){ 0 };
        turn->name = name ? name->text : (struct tk_str){ 0 };
        if (turn->n_chunks == 0)
            rc = read_content(e, turn, &(struct tk__py){ .type = TK_JSON_STRING });
        if (rc == 0)
            rc = normalize(e, text_of(turn), &turn->chunks[0].text);
    }
    return rc;
}

/* Up to v3: the system's words, joined. */
static int add_system(struct encoding *e, const struct tk__py *m)
{
    struct turn turn = { .role = SYSTEM };
    int rc = tk__py_is_true(tk__py_get(m, "content"))
                 ? read_content(e, &turn, tk__py_get(m, "content"))
                 : 0;

    return rc == 0 && turn.n_chunks ? join(e, e->system, text_of(&turn), &e->system) : rc;
}

static int role_of(const struct encoding *e, const struct tk__py *m)
{
    struct tk_str role = tk__py_str(m, "role");

    for (int i = 0; i < N_ROLES; i++) {
        if (tk_str_is(role, role_names[i]))
            return i;
    }
    return tk_err_set(e->err, -EINVAL, "a message has the role '%.*s'", TK_STR_ARG(role));
}

/* v13: results in the order of the calls that they answer; later ones, and those of no call, last. */
static void sort_results(struct turn *v, size_t n, const struct turn *assistant)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0; k--) {
            size_t place[2] = { SIZE_MAX, SIZE_MAX };
            for (size_t c = assistant ? assistant->n_calls : 0; c-- > 0;) {
                if (v[k - 1].call_id.p && tk_str_eq(assistant->calls[c].id, v[k - 1].call_id))
                    place[0] = TK_MIN(place[0], c);
                if (v[k].call_id.p && tk_str_eq(assistant->calls[c].id, v[k].call_id))
                    place[1] = TK_MIN(place[1], c);
            }
            if (place[0] <= place[1])
                break;
            struct turn swap = v[k];
            v[k] = v[k - 1];
            v[k - 1] = swap;
        }
    }
}

static void sort_all(struct encoding *e)
{
    for (size_t i = 0, end; i < e->n_turns; i = end) {
        end = i + 1;
        if (e->turns[i].role != TOOL)
            continue;
        while (end < e->n_turns && e->turns[end].role == TOOL)
            end++;
        sort_results(&e->turns[i], end - i,
                     i > 0 && e->turns[i - 1].role == ASSISTANT ? &e->turns[i - 1] : NULL);
    }
}

/* The order that mistral-common insists on: without it the model was never trained. */
static int check_order(const struct encoding *e)
{
    static const bool may_follow[N_ROLES][N_ROLES] = {
        [SYSTEM] = { [USER] = true, [ASSISTANT] = true, [SYSTEM] = true },
        [USER] = { [ASSISTANT] = true, [SYSTEM] = true, [USER] = true },
        [ASSISTANT] = { [ASSISTANT] = true, [USER] = true, [TOOL] = true },
        [TOOL] = { [ASSISTANT] = true, [TOOL] = true },
    };
    size_t n = e->messages.n;
    int before = -1;

    for (size_t i = 0; i < n; i++) {
        int role = role_of(e, &e->messages.v[i]);
        if (role < 0)
            return role;
        if (before >= 0 && !may_follow[before][role])
            return tk_err_set(e->err, -EINVAL, "'%s' cannot follow '%s' in Mistral's encoding",
                              role_names[role], role_names[before]);
        before = role;
    }
    if (n == 0)
        return refuse(e, "there are no messages");
    if (n == 1 && e->continues && e->version <= 3)
        return refuse(e, "only an assistant's message can be continued");
    if (n == 1)
        return before == USER || before == SYSTEM
                   ? 0
                   : refuse(e, "the first message must be the user's or the system's");
    if (before == ASSISTANT && !e->continues)
        return refuse(e, "the last message is the assistant's, and it is not to be continued");
    if (before != ASSISTANT && e->continues)
        return refuse(e, "only an assistant's message can be continued");
    return 0;
}

static int gather(struct encoding *e)
{
    int before = -1;

    e->turns = tk_arena_alloc(&e->arena, (e->messages.n + 1) * sizeof(*e->turns));
    if (!e->turns)
        return no_memory(e);
    for (size_t i = 0; i < e->messages.n; i++) {
        const struct tk__py *m = &e->messages.v[i];
        int role = role_of(e, m);
        int rc = role < 0 ? role : 0;
        bool is_old_system = role == SYSTEM && e->version <= 3;
        if (rc == 0 && is_old_system)
            rc = add_system(e, m);
        if (rc == 0 && !is_old_system) {
            if (role != before || role == TOOL || role == SYSTEM)
                e->turns[e->n_turns++].role = (enum role)role;
            rc = read_message(e, &e->turns[e->n_turns - 1], m);
        }
        if (rc < 0)
            return rc;
        before = role;
    }
    if (e->n_turns == 0 || (e->version <= 3 && e->turns[0].role != USER)) {
        memmove(e->turns + 1, e->turns, e->n_turns * sizeof(*e->turns));
        e->turns[0] = (struct turn){ .role = USER };
        e->n_turns++;
    }
    if (e->version >= 13)
        sort_all(e);
    return 0;
}

/* ---- encoding ---- */

static int add_control(struct encoding *e, const char *name)
{
    const struct tk__added *a = tk__added_find(e->t, tk_str_of(name));

    if (!a)
        return tk_err_set(e->err, TK_E_UNSUPPORTED, "the tokenizer has no '%s'", name);
    return tk_tok_ids_add(e->ids, a->id) < 0 ? no_memory(e) : 0;
}

static int add_text(struct encoding *e, struct tk_str text)
{
    int rc = tk_tokenizer_encode(e->t, e->s, text, 0, e->ids);

    return rc < 0 ? tk_err_set(e->err, rc, "a message cannot be encoded: %s", tk_err_text(rc)) : 0;
}

static int add_between(struct encoding *e, const char *open, struct tk_str text, const char *close)
{
    int rc = add_control(e, open);

    if (rc == 0)
        rc = add_text(e, text);
    return rc == 0 ? add_control(e, close) : rc;
}

static void dump_text(struct encoding *e, const char *key, struct tk_str text)
{
    const struct tk__py v = { .type = TK_JSON_STRING, .text = text };

    (void)tk_buf_addf(&e->work, "\"%s\": ", key);
    (void)tk__py_dump(&e->work, &v);
}

/* A text that may be JSON, as json.dumps(json.loads(text)) or as a string. */
static int dump_parsed(struct encoding *e, const char *key, struct tk_str text)
{
    struct tk__py v;
    int rc = tk__py_parse(&e->arena, text, &v);

    if (rc == -ENOMEM || rc == TK_E_LIMIT)
        return no_memory(e);
    if (rc < 0)
        v = (struct tk__py){ .type = TK_JSON_STRING, .text = text };
    if (key)
        (void)tk_buf_addf(&e->work, "\"%s\": ", key);
    (void)tk__py_dump(&e->work, &v);
    return 0;
}

/* One tool as mistral-common's class writes it: its own members, in its own order. */
static int dump_tool(struct encoding *e, const struct tk__py *tool)
{
    const struct tk__py *function = tk__py_get(tool, "function");
    const struct tk__py *parameters = tk__py_some(function, "parameters");

    if (!function || tk__py_str(function, "name").n == 0 ||
        (parameters && parameters->type != TK_JSON_OBJECT))
        return refuse(e, "a tool has no function with a name, or its parameters are no object");
    (void)tk_buf_add_z(&e->work, "{\"type\": \"function\", \"function\": {");
    dump_text(e, "name", tk__py_str(function, "name"));
    (void)tk_buf_add_z(&e->work, ", ");
    dump_text(e, "description", tk__py_str(function, "description"));
    (void)tk_buf_add_z(&e->work, ", \"parameters\": ");
    if (parameters)
        (void)tk__py_dump(&e->work, parameters);
    else
        (void)tk_buf_add_z(&e->work, "{}");
    return tk_buf_add_z(&e->work, "}}") < 0 ? no_memory(e) : 0;
}

static int add_tools(struct encoding *e)
{
    int rc = 0;

    if (!e->has_tools || e->tools.n == 0)
        return 0;
    tk_buf_reset(&e->work);
    (void)tk_buf_add_c(&e->work, '[');
    for (size_t i = 0; rc == 0 && i < e->tools.n; i++) {
        (void)tk_buf_add_z(&e->work, i > 0 ? ", " : "");
        rc = dump_tool(e, &e->tools.v[i]);
    }
    (void)tk_buf_add_c(&e->work, ']');
    if (rc == 0 && e->work.failed)
        rc = no_memory(e);
    return rc == 0 ? add_between(e, "[AVAILABLE_TOOLS]", tk_buf_str(&e->work), "[/AVAILABLE_TOOLS]")
                   : rc;
}

static int add_user(struct encoding *e, const struct turn *turn, size_t i)
{
    struct tk_str text = text_of(turn);
    size_t tools_at = e->version >= 13 ? e->first_user : e->last_user;
    size_t system_at = e->version == 1 ? e->first_user : e->last_user;
    int rc = 0;

    if (i == system_at && e->system.n > 0)
        rc = join(e, e->system, text, &text);
    if (rc == 0 && e->version == 1) {
        tk_buf_reset(&e->work);
        (void)tk_buf_add_z(&e->work, "[INST] ");
        (void)tk_buf_add_str(&e->work, text);
        (void)tk_buf_add_z(&e->work, " [/INST]");
        return e->work.failed ? no_memory(e) : add_text(e, tk_buf_str(&e->work));
    }
    if (rc == 0 && i == tools_at)
        rc = add_tools(e);
    return rc == 0 ? add_between(e, "[INST]", text, "[/INST]") : rc;
}

/* v2 … v7: all calls as one list. */
static int add_call_list(struct encoding *e, const struct turn *turn)
{
    int rc = 0;

    tk_buf_reset(&e->work);
    (void)tk_buf_add_c(&e->work, '[');
    for (size_t i = 0; rc == 0 && i < turn->n_calls; i++) {
        const struct call *c = &turn->calls[i];
        (void)tk_buf_add_z(&e->work, i > 0 ? ", {" : "{");
        dump_text(e, "name", c->name);
        (void)tk_buf_add_z(&e->work, ", ");
        rc = dump_parsed(e, "arguments", c->arguments);
        if (e->version >= 3 && c->id.n > 0 && !tk_str_is(c->id, "null")) {
            (void)tk_buf_add_z(&e->work, ", ");
            dump_text(e, "id", c->id);
        }
        (void)tk_buf_add_c(&e->work, '}');
    }
    (void)tk_buf_add_c(&e->work, ']');
    if (rc == 0)
        rc = e->work.failed ? no_memory(e) : add_control(e, "[TOOL_CALLS]");
    return rc == 0 ? add_text(e, tk_buf_str(&e->work)) : rc;
}

/* From v11 on: one after the other. */
static int add_call(struct encoding *e, const struct call *c)
{
    bool has_id = c->id.n > 0 && !tk_str_is(c->id, "null");
    int rc = add_control(e, "[TOOL_CALLS]");

    if (e->version >= 13 && !has_id)
        return refuse(e, "a tool call has no id");
    if (rc == 0)
        rc = add_text(e, c->name);
    if (rc == 0 && has_id && e->version < 13) {
        rc = add_control(e, "[CALL_ID]");
        if (rc == 0)
            rc = add_text(e, c->id);
    }
    if (rc == 0)
        rc = add_control(e, "[ARGS]");
    tk_buf_reset(&e->work);
    if (rc == 0)
        rc = dump_parsed(e, NULL, c->arguments);
    if (rc == 0)
        rc = e->work.failed ? no_memory(e) : add_text(e, tk_buf_str(&e->work));
    return rc;
}

static int add_calls(struct encoding *e, const struct turn *turn)
{
    int rc = 0;

    if (e->version < 11)
        return add_call_list(e, turn);
    for (size_t i = 0; rc == 0 && i < turn->n_calls; i++)
        rc = add_call(e, &turn->calls[i]);
    return rc;
}

/* Texts and thoughts one after the other. */
static int add_chunks(struct encoding *e, const struct turn *turn)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < turn->n_chunks; i++) {
        const struct chunk *c = &turn->chunks[i];
        if (c->is_thought)
            rc = add_control(e, "[THINK]");
        if (rc == 0)
            rc = add_text(e, c->text);
        if (rc == 0 && c->is_thought && !c->is_open)
            rc = add_control(e, "[/THINK]");
    }
    return rc;
}

static bool is_one_text(const struct turn *turn)
{
    return turn->n_chunks == 1 && !turn->chunks[0].is_thought;
}

static int add_answer(struct encoding *e, const struct turn *turn)
{
    struct tk_str text = text_of(turn);

    if (!is_one_text(turn))
        return add_chunks(e, turn);
    while (e->version > 1 && text.n > 0 && text.p[text.n - 1] == ' ')
        text.n--;
    return add_text(e, text);
}

static bool has_text(const struct turn *turn)
{
    return turn->n_chunks > 0 && !(is_one_text(turn) && turn->chunks[0].text.n == 0);
}

static int check_answer(const struct encoding *e, const struct turn *turn)
{
    if (turn->n_calls > 0 && e->version == 1)
        return refuse(e, "there are no tool calls yet");
    if (turn->n_calls == 0 && !has_text(turn))
        return refuse(e, "an assistant's message is empty");
    if (turn->n_calls > 0 && has_text(turn) && e->version <= 3)
        return refuse(e, "tool calls and content in one message");
    return 0;
}

static int add_assistant(struct encoding *e, const struct turn *turn, size_t i)
{
    /* From v7 on mistral-common's own way from a request does not hand "continue" on. */
    bool continues = e->continues && i + 1 == e->n_turns && e->version <= 3;
    bool is_past = e->last_user != SIZE_MAX && i < e->last_user;
    int rc = check_answer(e, turn);

    if (rc == 0 && turn->n_calls > 0 && e->version == 2 && is_past)
        return 0; /* left out */
    if (rc == 0 && has_text(turn))
        rc = add_answer(e, turn);
    if (rc == 0 && turn->n_calls > 0)
        rc = add_calls(e, turn);
    if (rc == 0 && !continues)
        rc = add_control(e, "</s>");
    return rc;
}

/* v2: [{"name": …, "content": …}], v3: {"content": …, "call_id": …} */
static int add_old_result(struct encoding *e, const struct turn *turn)
{
    int rc;

    tk_buf_reset(&e->work);
    if (e->version == 2) {
        (void)tk_buf_add_z(&e->work, "[{");
        if (turn->name.p)
            dump_text(e, "name", turn->name);
        else
            (void)tk_buf_add_z(&e->work, "\"name\": null");
        (void)tk_buf_add_z(&e->work, ", ");
        rc = dump_parsed(e, "content", text_of(turn));
        (void)tk_buf_add_z(&e->work, "}]");
    } else {
        (void)tk_buf_add_c(&e->work, '{');
        rc = dump_parsed(e, "content", text_of(turn));
        (void)tk_buf_add_z(&e->work, ", ");
        dump_text(e, "call_id", turn->call_id);
        (void)tk_buf_add_c(&e->work, '}');
    }
    if (rc == 0 && e->work.failed)
        rc = no_memory(e);
    return rc == 0 ? add_between(e, "[TOOL_RESULTS]", tk_buf_str(&e->work), "[/TOOL_RESULTS]") : rc;
}

static int add_result(struct encoding *e, const struct turn *turn, size_t i)
{
    int rc;

    if (e->version == 1)
        return refuse(e, "there are no tools yet");
    if (e->version >= 3 && !turn->call_id.p)
        return refuse(e, "a tool's result has no 'tool_call_id'");
    if (e->version == 2 && e->last_user != SIZE_MAX && i < e->last_user)
        return 0;
    if (e->version <= 3)
        return add_old_result(e, turn);
    if (e->version >= 13)
        return add_between(e, "[TOOL_RESULTS]", text_of(turn), "[/TOOL_RESULTS]");
    rc = add_between(e, "[TOOL_RESULTS]", turn->call_id, "[TOOL_CONTENT]");
    if (rc == 0)
        rc = add_text(e, text_of(turn));
    return rc == 0 ? add_control(e, "[/TOOL_RESULTS]") : rc;
}

static int add_turn(struct encoding *e, size_t i)
{
    const struct turn *turn = &e->turns[i];
    int rc;

    switch (turn->role) {
    case USER:
        return add_user(e, turn, i);
    case ASSISTANT:
        return add_assistant(e, turn, i);
    case TOOL:
        return add_result(e, turn, i);
    default:
        rc = add_control(e, "[SYSTEM_PROMPT]");
        if (rc == 0)
            rc = add_chunks(e, turn);
        return rc == 0 ? add_control(e, "[/SYSTEM_PROMPT]") : rc;
    }
}

static int encode(struct encoding *e)
{
    int rc = check_order(e);

    if (rc == 0)
        rc = gather(e);
    e->first_user = e->last_user = SIZE_MAX;
    for (size_t i = 0; rc == 0 && i < e->n_turns; i++) {
        if (e->turns[i].role == USER) {
            e->first_user = TK_MIN(e->first_user, i);
            e->last_user = i;
        }
    }
    if (rc == 0)
        rc = add_control(e, "<s>");
    for (size_t i = 0; rc == 0 && i < e->n_turns; i++)
        rc = add_turn(e, i);
    return rc;
}

static int read_list(struct encoding *e, struct tk_str text, const char *what, struct tk__py *ret)
{
    int rc = tk__py_parse(&e->arena, text, ret);

    if (rc == 0 && (ret->type != TK_JSON_ARRAY || ret->n > MAX_TURNS))
        rc = -EINVAL;
    return rc < 0 ? tk_err_set(e->err, rc, "the %s: %s", what,
                               rc == -EINVAL ? "no list, or too long a one" : tk_err_text(rc))
                  : 0;
}

int tk__mistral_check(const struct tk_tokenizer *t, struct tk_err *reterr)
{
    static const unsigned known[] = { 1, 2, 3, 7, 11, 13 };

    for (size_t i = 0; i < TK_ARRAY_LEN(known); i++) {
        if (t->mistral_version == known[i])
            return 0;
    }
    if (t->mistral_version == 0)
        return tk_err_set(reterr, TK_E_UNSUPPORTED,
                          "this tokenizer is none of mistral-common's; a tekken.json is");
    return tk_err_set(reterr, TK_E_UNSUPPORTED,
                      "the version v%u of Mistral's encoding is not known", t->mistral_version);
}

int tk__mistral_encode(const struct tk_tokenizer *t, const struct tk_chat_input *in,
                       struct tk_tok_scratch *s, struct tk_tok_ids *ids, struct tk_err *reterr)
{
    struct encoding e = {
        .t = t,
        .s = s,
        .ids = ids,
        .err = reterr,
        .version = t->mistral_version,
        .work = TK_BUF_INIT(TK__MAX_CHAT_MEMORY),
        .has_tools = in->tools.n > 0,
        .continues = in->continues_final,
    };
    size_t had = ids->n;

    tk_arena_init(&e.arena, TK__MAX_CHAT_MEMORY);
    int rc = read_list(&e, in->messages, "messages", &e.messages);
    if (rc == 0 && e.has_tools)
        rc = read_list(&e, in->tools, "tools", &e.tools);
    if (rc == 0 && in->kwargs.n > 0 && !tk_str_is(tk_str_trim(in->kwargs), "{}"))
        rc = refuse(&e, "keyword arguments are for templates");
    if (rc == 0)
        rc = encode(&e);
    if (rc < 0)
        ids->n = had;
    tk_buf_release(&e.work);
    tk_arena_release(&e.arena);
    return rc;
}
