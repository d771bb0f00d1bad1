/* cmd_tokenize.c - `tokmark tokenize`: what a tokenizer, or a server, makes of a text
 *
 *   inputs: words of the command line | --file | standard input      --lines: each line is one
 *        │ text                   │ --chat: messages            │ --decode: ids
 *        ▼                        ▼                             ▼
 *   tk_tokenizer_encode      tk_chat_encode                tk_tokenizer_decode      or the server's
 *        └────────── ids ────────┴──────── print: pieces, ids, counts, text, JSON ──────┘
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/num.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/headers.h"
#include "cli/server_tokens.h"
#include "cli/tokens.h"

#define PROGRAM "tokmark tokenize"
#define MAX_INPUT ((size_t)256 << 20)
#define MAX_OUTPUT ((size_t)8 << 30)

struct values {
    const char *tokenizer, *revision, *mode, *cleanup;
    const char *url, *model, *key_file;
    struct tk_opt_list header;
    tk_ns timeout;
    struct tk_opt_list file;
    bool lines, chat, decode;
    const char *chat_template, *template_name, *tools, *kwargs, *documents;
    bool generation_prompt, continues, special, parse_special;
    const char *show;
    bool json;
};

#define AT(member) offsetof(struct values, member)

/* clang-format off */
static const struct tk_opt opts[] = {
    { .name = "tokenizer", .letter = 't', .type = TK_OPT_STR, .at = AT(tokenizer), .value = "NAME",
      .group = "Tokens from", .env = "TOKMARK_TOKENIZER",
      .help = "a folder, a tokenizer.json, tokenizer.model, tekken.json or .tiktoken file, or a "
              "model of the Hugging Face hub: org/name or org/name@revision" },
    { .name = "revision", .type = TK_OPT_STR, .at = AT(revision), .value = "REV",
      .group = "Tokens from", .help = "branch, tag or commit of the hub's model" },
    { .name = "mode", .type = TK_OPT_CHOICE, .at = AT(mode), .value = "MODE", .def = "auto",
      .choices = TK_TOKENS_MODES, .group = "Tokens from",
      .help = "auto: as transformers; mistral: as mistral-common; deepseek_v32: DeepSeek V3.2's "
              "encoding of chats" },
    { .name = "cleanup", .type = TK_OPT_CHOICE, .at = AT(cleanup), .value = "N", .def = "4",
      .choices = "4 5 never", .group = "Tokens from",
      .help = "clean-up of spaces when decoding: as transformers 4, as transformers 5 (none with "
              "BPE), or none" },
    { .name = "url", .type = TK_OPT_STR, .at = AT(url), .value = "URL", .group = "Tokens from",
      .help = "ask a server instead: vLLM's or llama.cpp's /tokenize and /detokenize" },
    { .name = "model", .type = TK_OPT_STR, .at = AT(model), .value = "NAME",
      .group = "Tokens from", .help = "the server's model" },
    { .name = "header", .letter = 'H', .type = TK_OPT_LIST, .at = AT(header),
      .value = "'NAME: VALUE'", .is_secret = true, .group = "Tokens from",
      .help = "header of the requests to the server" },
    { .name = "key-file", .type = TK_OPT_STR, .at = AT(key_file), .value = "FILE",
      .group = "Tokens from",
      .help = "file with the server's API key; else the environment's OPENAI_API_KEY" },
    { .name = "timeout", .type = TK_OPT_DUR, .at = AT(timeout), .value = "TIME", .def = "30s",
      .min = 0.001, .max = 1e6, .group = "Tokens from", .help = "of a request to the server" },

    { .name = "file", .letter = 'f', .type = TK_OPT_LIST, .at = AT(file), .value = "FILE",
      .group = "Input", .help = "read a file, - is standard input" },
    { .name = "lines", .type = TK_OPT_FLAG, .at = AT(lines), .group = "Input",
      .help = "each line is an input of its own, without its line end" },
    { .name = "chat", .type = TK_OPT_FLAG, .at = AT(chat), .group = "Input",
      .help = "the input is a conversation: a JSON list of messages, or an object with messages "
              "and tools" },
    { .name = "decode", .letter = 'd', .type = TK_OPT_FLAG, .at = AT(decode), .group = "Input",
      .help = "the input is ids, with blanks, commas or brackets around them; the output is text" },

    { .name = "tools", .type = TK_OPT_STR, .at = AT(tools), .value = "FILE", .group = "Chat",
      .help = "JSON list of tools" },
    { .name = "documents", .type = TK_OPT_STR, .at = AT(documents), .value = "FILE",
      .group = "Chat", .help = "JSON list of documents" },
    { .name = "kwargs", .type = TK_OPT_STR, .at = AT(kwargs), .value = "JSON", .group = "Chat",
      .help = "variables for the template, such as {\"enable_thinking\": false}" },
    { .name = "chat-template", .type = TK_OPT_STR, .at = AT(chat_template), .value = "FILE",
      .group = "Chat", .help = "a template to use instead of the model's" },
    { .name = "template-name", .type = TK_OPT_STR, .at = AT(template_name), .value = "NAME",
      .group = "Chat", .help = "which of the model's templates, where it has several" },
    { .name = "generation-prompt", .type = TK_OPT_FLAG, .at = AT(generation_prompt), .def = "true",
      .is_negatable = true, .group = "Chat",
      .help = "end with what makes the model answer" },
    { .name = "continue", .type = TK_OPT_FLAG, .at = AT(continues), .group = "Chat",
      .help = "the last message is the beginning of the answer, and no other is asked for" },

    { .name = "special", .type = TK_OPT_FLAG, .at = AT(special), .def = "true",
      .is_negatable = true, .group = "Special tokens",
      .help = "encode: with those that the tokenizer adds, as BOS; decode: with their text" },
    { .name = "parse-special", .type = TK_OPT_FLAG, .at = AT(parse_special), .def = "true",
      .is_negatable = true, .group = "Special tokens",
      .help = "those that stand in a text are tokens, not letters" },

    { .name = "show", .letter = 's', .type = TK_OPT_CHOICE, .at = AT(show), .value = "WHAT",
      .def = "pieces", .choices = "pieces ids count text", .group = "Output",
      .help = "a line per token; the ids in one line; their number alone; the text that was "
              "encoded (of a chat: what the template made)" },
    { .name = "json", .type = TK_OPT_FLAG, .at = AT(json), .group = "Output",
      .help = "all of it as one JSON object" },
};
/* clang-format on */

static const struct tk_opt_command command = {
    .name = PROGRAM,
    .synopsis = "-t NAME [options] [TEXT ...]",
    .about =
        "Show what a tokenizer makes of a text, a conversation or a list of ids: ids, pieces and "
        "counts. Without TEXT and --file standard input is read.",
    .examples = "tokmark tokenize -t Qwen/Qwen3-8B 'Hello world'\n"
                "tokmark tokenize -t ./model --show count --lines < prompts.txt\n"
                "tokmark tokenize -t ./model --chat --show text < messages.json\n"
                "tokmark tokenize -t ./model --decode 9906 1917\n"
                "tokmark tokenize --url http://localhost:8000 'Hello world'",
    .opts = opts,
    .n_opts = TK_ARRAY_LEN(opts),
};

/* Everything that a command holds. */
struct work {
    const struct values *v;
    const struct tk_opt_result *res;
    struct tk_arena arena;
    struct tk_tokens tokens; /* .tokenizer is NULL where a server is asked */
    struct tk_chat *chat;    /* with --chat */
    struct tk_server_tokens_conf server_conf;
    struct tk_server_tokens *server; /* with --url */
    struct tk_tok_scratch *scratch;
    struct tk_template_scratch *template_scratch;
    struct tk_buf input;            /* the file under way */
    struct tk_buf tools, documents; /* of their files */
    struct tk_buf text;             /* what a chat or ids became */
    struct tk_tok_ids ids;
    struct tk_buf out;
    struct tk_jsonw json;
    size_t n_inputs;
};

/* ---- ids as text ---- */

/* Numbers with anything but digits between them. */
static int read_ids(struct tk_str text, struct tk_tok_ids *ids, struct tk_err *reterr)
{
    size_t at = 0;

    while (at < text.n) {
        size_t from = at;
        int64_t id;
        while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9')
            at++;
        if (at == from) {
            if (!strchr(" \t\r\n,[]", text.p[at]) || text.p[at] == '\0')
                return tk_err_set(reterr, TK_E_FORMAT,
                                  "byte %zu of the ids is neither digit nor blank", at + 1);
            at++;
            continue;
        }
        if (tk_num_parse_i64((struct tk_str){ text.p + from, at - from }, 0, TK_TOKENIZER_MAX_ID,
                             &id) != 0)
            return tk_err_set(reterr, TK_E_RANGE, "'%.*s' is no id", (int)TK_MIN(at - from, 40),
                              text.p + from);
        if (tk_tok_ids_add(ids, (uint32_t)id) != 0)
            return tk_err_set(reterr, -ENOMEM, "no memory for the ids");
    }
    return 0;
}

/* ---- one input ---- */

static int encode(struct work *w, struct tk_str text, struct tk_err *reterr)
{
    unsigned flags = (w->v->special ? TK_TOK_ADD_SPECIAL : 0U) |
                     (w->v->parse_special ? TK_TOK_PARSE_SPECIAL : 0U);

    if (w->server)
        return tk_server_tokenize(w->server, text, w->v->special, &w->ids, reterr);
    int rc = tk_tokenizer_encode(w->tokens.tokenizer, w->scratch, text, flags, &w->ids);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "the text cannot be encoded: %s", tk_err_text(rc));
}

static int decode(struct work *w, struct tk_str text, struct tk_err *reterr)
{
    int rc = read_ids(text, &w->ids, reterr);

    if (rc != 0)
        return rc;
    if (w->server)
        return tk_server_detokenize(w->server, w->ids.p, w->ids.n, &w->text, reterr);
    rc = tk_tokenizer_decode(w->tokens.tokenizer, w->scratch, w->ids.p, w->ids.n,
                             w->v->special ? 0U : TK_TOK_SKIP_SPECIAL, &w->text);
    return rc == 0 ? 0 : tk_err_set(reterr, rc, "the ids cannot be decoded: %s", tk_err_text(rc));
}

/* The messages of an object with "messages" and "tools", or the list itself. */
static int find_messages(struct work *w, struct tk_str text, struct tk_json *j,
                         struct tk_chat_input *in, struct tk_err *reterr)
{
    struct tk_json_val root, v;
    struct tk_str found;

    if (tk_json_parse(j, text.p, text.n, &root) != 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the conversation is no JSON");
    in->messages = text;
    if (tk_json_type(&root) != TK_JSON_OBJECT)
        return 0;
    if (tk_json_find(&root, "messages", &v) != 0 || tk_json_get_raw(&v, &in->messages) != 0)
        return tk_err_set(reterr, TK_E_FORMAT, "the conversation has no 'messages'");
    if (!w->v->tools && tk_json_find(&root, "tools", &v) == 0 && tk_json_type(&v) != TK_JSON_NULL &&
        tk_json_get_raw(&v, &found) == 0)
        in->tools = found;
    return 0;
}

static int encode_chat(struct work *w, struct tk_str text, struct tk_err *reterr)
{
    struct tk_chat_input in = {
        .tools = tk_buf_str(&w->tools),
        .documents = tk_buf_str(&w->documents),
        .kwargs = tk_str_of(w->v->kwargs),
        .template_name = tk_str_of(w->v->template_name),
        .add_generation_prompt = w->v->generation_prompt && !w->v->continues,
        .continues_final = w->v->continues,
    };
    struct tk_json *j = tk_json_new(MAX_INPUT);
    int rc = j ? find_messages(w, text, j, &in, reterr)
               : tk_err_set(reterr, -ENOMEM, "no memory for the conversation");

    if (rc == 0 && w->server)
        rc = tk_server_tokenize_chat(w->server, &in, &w->ids, reterr);
    else if (rc == 0)
        rc = tk_chat_encode(w->chat, &in, w->template_scratch, w->scratch, &w->text, &w->ids,
                            reterr);
    tk_json_free(j);
    return rc;
}

/* ---- printing ---- */

static size_t characters_of(struct tk_str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* Control characters as escapes, so that a piece stays on its line. */
static void put_visible(struct tk_buf *out, struct tk_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char u = (unsigned char)s.p[i];
        if (u == '\n')
            (void)tk_buf_add_z(out, "\\n");
        else if (u == '\r')
            (void)tk_buf_add_z(out, "\\r");
        else if (u == '\t')
            (void)tk_buf_add_z(out, "\\t");
        else if (u < ' ' || u == 0x7F)
            (void)tk_buf_addf(out, "\\x%02x", u);
        else
            (void)tk_buf_add_c(out, (char)u);
    }
}

static void put_pieces(struct work *w)
{
    struct tk_buf piece = TK_BUF_INIT(MAX_INPUT);

    for (size_t i = 0; i < w->ids.n; i++) {
        tk_buf_reset(&piece);
        (void)tk_buf_addf(&w->out, "%8u", w->ids.p[i]);
        if (w->tokens.tokenizer &&
            tk_tokenizer_piece(w->tokens.tokenizer, w->ids.p[i], &piece) == 0) {
            (void)tk_buf_add_z(&w->out, "  ");
            put_visible(&w->out, tk_buf_str(&piece));
        }
        (void)tk_buf_add_c(&w->out, '\n');
    }
    tk_buf_release(&piece);
}

static void put_ids(struct work *w)
{
    for (size_t i = 0; i < w->ids.n; i++)
        (void)tk_buf_addf(&w->out, "%s%u", i ? " " : "", w->ids.p[i]);
    (void)tk_buf_add_c(&w->out, '\n');
}

/* The text that the counts are about: what a template made, where there is one. */
static struct tk_str text_of(const struct work *w, struct tk_str input)
{
    return w->text.p ? tk_buf_str(&w->text) : input;
}

static void put_text(struct work *w, struct tk_str text)
{
    (void)tk_buf_add_str(&w->out, text);
    if (text.n == 0 || text.p[text.n - 1] != '\n')
        (void)tk_buf_add_c(&w->out, '\n');
}

static void put_number(struct tk_buf *out, size_t n, const char *what, const char *end)
{
    (void)tk_buf_addf(out, "%zu %s%s%s", n, what, n == 1 ? "" : "s", end);
}

static void put_plain(struct work *w, struct tk_str input)
{
    struct tk_str text = text_of(w, input);

    if (w->v->decode || strcmp(w->v->show, "text") == 0) {
        put_text(w, text);
    } else if (strcmp(w->v->show, "ids") == 0) {
        put_ids(w);
    } else if (strcmp(w->v->show, "count") == 0) {
        (void)tk_buf_addf(&w->out, "%zu\n", w->ids.n);
    } else {
        put_pieces(w);
        put_number(&w->out, w->ids.n, "token", ", ");
        put_number(&w->out, text.n, "byte", ", ");
        put_number(&w->out, characters_of(text), "character", "\n");
    }
}

static void put_json_pieces(struct work *w)
{
    struct tk_buf piece = TK_BUF_INIT(MAX_INPUT);

    tk_jsonw_key(&w->json, "pieces");
    tk_jsonw_arr(&w->json);
    for (size_t i = 0; i < w->ids.n; i++) {
        tk_buf_reset(&piece);
        if (tk_tokenizer_piece(w->tokens.tokenizer, w->ids.p[i], &piece) == 0)
            tk_jsonw_str(&w->json, tk_buf_str(&piece));
        else
            tk_jsonw_null(&w->json);
    }
    tk_jsonw_arr_end(&w->json);
    tk_buf_release(&piece);
}

static void put_json(struct work *w, const char *label, struct tk_str input)
{
    struct tk_str text = text_of(w, input);

    tk_jsonw_obj(&w->json);
    tk_jsonw_key(&w->json, "input");
    tk_jsonw_z(&w->json, label);
    tk_jsonw_key(&w->json, "count");
    tk_jsonw_i64(&w->json, (int64_t)w->ids.n);
    tk_jsonw_key(&w->json, "bytes");
    tk_jsonw_i64(&w->json, (int64_t)text.n);
    tk_jsonw_key(&w->json, "characters");
    tk_jsonw_i64(&w->json, (int64_t)characters_of(text));
    tk_jsonw_key(&w->json, "ids");
    tk_jsonw_arr(&w->json);
    for (size_t i = 0; i < w->ids.n; i++)
        tk_jsonw_i64(&w->json, w->ids.p[i]);
    tk_jsonw_arr_end(&w->json);
    if (w->tokens.tokenizer)
        put_json_pieces(w);
    if (w->text.p) {
        tk_jsonw_key(&w->json, "text");
        tk_jsonw_str(&w->json, text);
    }
    tk_jsonw_obj_end(&w->json);
}

/* One input from text to output. `text` has JSON padding behind it. */
static int one(struct work *w, const char *label, struct tk_str text)
{
    struct tk_err err = { 0 };
    int rc;

    w->ids.n = 0;
    tk_buf_reset(&w->text);
    if (w->v->decode)
        rc = decode(w, text, &err);
    else
        rc = w->v->chat ? encode_chat(w, text, &err) : encode(w, text, &err);
    if (rc != 0) {
        tk_say(PROGRAM, "%s: %s", label, err.msg);
        return rc == TK_E_FORMAT && !w->server ? TK_EXIT_USAGE : TK_EXIT_FAILED;
    }
    w->n_inputs++;
    if (w->v->json)
        put_json(w, label, text);
    else
        put_plain(w, text);
    if (!w->out.failed)
        return TK_EXIT_OK;
    tk_say(PROGRAM, "the result does not fit into memory");
    return TK_EXIT_FAILED;
}

/* ---- inputs ---- */

/* `text` lies in w->input, or is a word of the command line. */
static int inputs_of(struct work *w, const char *label, struct tk_str text)
{
    struct tk_str rest = text, line;
    char numbered[300];
    int status = TK_EXIT_OK;

    if (!w->v->lines)
        return one(w, label, text);
    if (rest.n > 0 && rest.p[rest.n - 1] == '\n')
        rest.n--;
    for (size_t i = 1; status == TK_EXIT_OK && tk_str_split(&rest, '\n', &line); i++) {
        (void)snprintf(numbered, sizeof(numbered), "%s:%zu", label, i);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        status = one(w, numbered, line);
    }
    return status;
}

static int from_file(struct work *w, const char *path)
{
    struct tk_err err = { 0 };

    tk_buf_reset(&w->input);
    if (tk_read_whole(path, &w->input, &err) != 0)
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    if (tk_buf_reserve(&w->input, TK_JSON_PADDING) != 0) {
        tk_say(PROGRAM, "'%s' is too long", path);
        return TK_EXIT_FAILED;
    }
    return inputs_of(w, strcmp(path, "-") == 0 ? "standard input" : path, tk_buf_str(&w->input));
}

static int from_words(struct work *w)
{
    int status = TK_EXIT_OK;

    for (size_t i = 0; status == TK_EXIT_OK && i < w->res->args.n; i++) {
        const char *word = w->res->args.v[i];
        tk_buf_reset(&w->input);
        /* All ids are one list, however many words they are. */
        for (size_t k = i; k < (w->v->decode ? w->res->args.n : i + 1); k++)
            (void)tk_buf_addf(&w->input, "%s%s", k > i ? " " : "", w->res->args.v[k]);
        if (tk_buf_reserve(&w->input, TK_JSON_PADDING) != 0)
            return TK_EXIT_FAILED;
        status = inputs_of(w, w->v->decode ? "ids" : word, tk_buf_str(&w->input));
        if (w->v->decode)
            break;
    }
    return status;
}

static void begin_json(struct work *w)
{
    const struct tk_tokenizer *t = w->tokens.tokenizer;

    tk_jsonw_init(&w->json, &w->out, TK_JSONW_COMPACT);
    tk_jsonw_obj(&w->json);
    tk_jsonw_key(&w->json, t ? "tokenizer" : "server");
    tk_jsonw_z(&w->json, t ? w->v->tokenizer : w->v->url);
    if (t) {
        tk_jsonw_key(&w->json, "path");
        tk_jsonw_z(&w->json, w->tokens.path);
        tk_jsonw_key(&w->json, "kind");
        tk_jsonw_z(&w->json, tk_tokenizer_model(t));
        tk_jsonw_key(&w->json, "vocabulary");
        tk_jsonw_i64(&w->json, tk_tokenizer_vocab_size(t, true));
    }
    if (w->chat) {
        tk_jsonw_key(&w->json, "chat");
        tk_jsonw_z(&w->json, tk_chat_name(w->chat));
    }
    tk_jsonw_key(&w->json, "inputs");
    tk_jsonw_arr(&w->json);
}

static int run_inputs(struct work *w)
{
    int status = from_words(w);

    for (size_t i = 0; status == TK_EXIT_OK && i < w->v->file.n; i++)
        status = from_file(w, w->v->file.v[i]);
    if (status == TK_EXIT_OK && w->res->args.n == 0 && w->v->file.n == 0)
        status = from_file(w, "-");
    return status;
}

static int run_all(struct work *w)
{
    if (w->v->json)
        begin_json(w);
    int status = run_inputs(w);
    if (w->v->json && status == TK_EXIT_OK) {
        tk_jsonw_arr_end(&w->json);
        tk_jsonw_obj_end(&w->json);
        (void)tk_buf_add_c(&w->out, '\n');
    }
    if (w->v->json && status != TK_EXIT_OK)
        return status; /* half an object is of no use */
    return tk_put(PROGRAM, tk_buf_str(&w->out)) ? status : TK_EXIT_FAILED;
}

/* ---- preparing ---- */

static int index_of(const char *choices, const char *word)
{
    struct tk_str rest = tk_str_of(choices), part;
    int i = 0;

    while (tk_str_split(&rest, ' ', &part) && !tk_str_is(part, word))
        i++;
    return i;
}

static int prepare_server(struct work *w, struct tk_err *reterr)
{
    struct tk_plan_header *headers = NULL;
    const char *key = NULL;
    int rc = tk_key_read(w->v->key_file, &w->arena, &key, reterr);

    if (rc == 0)
        rc = tk_headers_make(&w->v->header, key, &w->arena, &headers, &w->server_conf.n_headers,
                             reterr);
    w->server_conf.url = w->v->url;
    w->server_conf.model = w->v->model;
    w->server_conf.headers = headers;
    w->server_conf.timeout = w->v->timeout;
    return rc == 0 ? tk_server_tokens_new(&w->server_conf, &w->server, reterr) : rc;
}

static int prepare_tokenizer(struct work *w, struct tk_err *reterr)
{
    const struct tk_tokens_conf conf = {
        .program = PROGRAM,
        .name = w->v->tokenizer,
        .revision = w->v->revision,
        .mode = (enum tk_tokens_mode)index_of(TK_TOKENS_MODES, w->v->mode),
        .cleanup = (enum tk_tok_cleanup)index_of("4 5 never", w->v->cleanup),
    };
    int rc = tk_tokens_open(&conf, &w->tokens, reterr);

    if (rc == 0 && w->v->chat)
        rc = tk_tokens_chat(&w->tokens, w->v->chat_template, &w->chat, reterr);
    w->scratch = tk_tok_scratch_new();
    w->template_scratch = tk_template_scratch_new();
    if (rc == 0 && (!w->scratch || !w->template_scratch))
        rc = tk_err_set(reterr, -ENOMEM, "no memory for a tokenizer");
    return rc;
}

static int prepare(struct work *w)
{
    struct tk_err err = { 0 };

    if ((w->v->tools && tk_read_whole(w->v->tools, &w->tools, &err) != 0) ||
        (w->v->documents && tk_read_whole(w->v->documents, &w->documents, &err) != 0))
        return tk_fail(TK_EXIT_USAGE, PROGRAM, &err);
    if ((w->v->url ? prepare_server(w, &err) : prepare_tokenizer(w, &err)) != 0)
        return tk_fail(TK_EXIT_FAILED, PROGRAM, &err);
    return TK_EXIT_OK;
}

static bool has_chat_options(const struct values *v)
{
    return v->tools || v->documents || v->kwargs || v->chat_template || v->template_name ||
           v->continues;
}

/* What a server cannot do; NULL when all is well. */
static const char *check_server(const struct values *v)
{
    if (v->chat_template || v->documents || v->template_name)
        return "a server has its own template: --chat-template, --template-name and --documents need "
               "--tokenizer";
    if (v->chat && strcmp(v->show, "text") == 0)
        return "a server tells the tokens of a conversation, not its text";
    return NULL;
}

/* What cannot go together; -1 when all is well. */
static int check(const struct values *v)
{
    const char *why = NULL;

    if (!v->tokenizer && !v->url)
        why = "which tokenizer? --tokenizer NAME says, or --url asks a server";
    else if (v->chat && (v->decode || v->lines))
        why = "--chat goes with neither --decode nor --lines";
    else if (!v->chat && has_chat_options(v))
        why =
            "--tools, --documents, --kwargs, --chat-template, --template-name and --continue need "
            "--chat";
    else if (v->url)
        why = check_server(v);
    if (why)
        tk_say(PROGRAM, "%s", why);
    return why ? TK_EXIT_USAGE : -1;
}

static int work(const struct values *v, const struct tk_opt_result *res)
{
    struct work w = {
        .v = v,
        .res = res,
        .input = TK_BUF_INIT(MAX_INPUT + TK_JSON_PADDING),
        .tools = TK_BUF_INIT(MAX_INPUT),
        .documents = TK_BUF_INIT(MAX_INPUT),
        .text = TK_BUF_INIT(MAX_INPUT),
        .out = TK_BUF_INIT(MAX_OUTPUT),
    };

    tk_arena_init(&w.arena, (size_t)16 << 20);
    int status = prepare(&w);
    if (status == TK_EXIT_OK)
        status = run_all(&w);
    tk_chat_free(w.chat);
    tk_tokens_release(&w.tokens);
    tk_server_tokens_free(w.server);
    tk_tok_scratch_free(w.scratch);
    tk_template_scratch_free(w.template_scratch);
    tk_tok_ids_release(&w.ids);
    tk_buf_release(&w.input);
    tk_buf_release(&w.tools);
    tk_buf_release(&w.documents);
    tk_buf_release(&w.text);
    tk_buf_release(&w.out);
    tk_arena_release(&w.arena);
    return status;
}

static int run(int argc, char **argv)
{
    struct values v = { 0 };
    struct tk_opt_result res = { 0 };
    int status = tk_parse(&command, argc, argv, &v, &res);

    if (status < 0)
        status = check(&v);
    if (status < 0)
        status = work(&v, &res);
    tk_opt_release(&command, &v, &res);
    return status;
}

const struct tk_command tk_cmd_tokenize = {
    .name = "tokenize",
    .about = "what a tokenizer makes of a text or a conversation",
    .opts = &command,
    .run = run,
};
