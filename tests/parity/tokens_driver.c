/* tokens_driver.c - our side of tests/parity/tokens: requests in, ids and texts out
 *
 *   tokens_driver PATH [auto|alone|mistral]
 *
 * Standard input: records of a letter, flags, a count (all in one line of text) and `count` bytes:
 *
 *   E 3 12\n…bytes…     encode: answers "N id id …\n"
 *   C 3 12\n…bytes…     count: answers "N\n"
 *   D 4 8\n…bytes…      decode: the bytes are u32 ids; answers "N\n" and N bytes
 *   S 4 8\n…bytes…      the same as a stream, one id at a time
 *   H 1 90\n…bytes…     Mistral's encoding of {"messages", "tools"}, the flag continues; answers as E
 *   I\n                 answers "size with_added end max_length bos eos n_templates\n"
 *
 * A failure answers "!code\n".
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "token/chat.h"
#include "token/loaders.h"

static struct tk_tokenizer *t;
static struct tk_tok_scratch *s;

static void put_ids(int rc, const struct tk_tok_ids *ids)
{
    if (rc < 0)
        printf("!%s", tk_err_name(rc));
    else
        printf("%zu", ids->n);
    for (size_t i = 0; rc == 0 && i < ids->n; i++)
        printf(" %" PRIu32, ids->p[i]);
    putchar('\n');
}

static void encode(struct tk_str in, unsigned flags)
{
    struct tk_tok_ids ids = { 0 };
    put_ids(tk_tokenizer_encode(t, s, in, flags, &ids), &ids);
    tk_tok_ids_release(&ids);
}

/* `in` has JSON padding behind it. */
static void chat(struct tk_str in, bool continues)
{
    const struct tk_chat_conf conf = { .tokenizer = t, .kind = TK_CHAT_MISTRAL };
    struct tk_chat_input input = { .continues_final = continues };
    struct tk_tok_ids ids = { 0 };
    struct tk_json_val root, v;
    struct tk_chat *c = NULL;
    struct tk_json *j = tk_json_new(in.n);
    int rc = j ? tk_json_parse(j, in.p, in.n, &root) : -ENOMEM;
    if (rc == 0 && (rc = tk_json_find(&root, "messages", &v)) == 0)
        rc = tk_json_get_raw(&v, &input.messages);
    if (rc == 0 && (rc = tk_json_find(&root, "tools", &v)) == 0 && tk_json_type(&v) != TK_JSON_NULL)
        rc = tk_json_get_raw(&v, &input.tools);
    if (rc == 0)
        rc = tk_chat_new(&conf, &c, NULL);
    if (rc == 0)
        rc = tk_chat_encode(c, &input, NULL, s, NULL, &ids, NULL);
    put_ids(rc, &ids);
    tk_tok_ids_release(&ids);
    (void)tk_chat_free(c);
    (void)tk_json_free(j);
}

static int stream(const uint32_t *ids, size_t n, unsigned flags, struct tk_buf *out)
{
    struct tk_tok_stream st;
    int rc = 0;
    tk_tok_stream_init(&st, t, s, flags);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = tk_tok_stream_push(&st, ids[i], out);
    if (rc == 0)
        rc = tk_tok_stream_finish(&st, out);
    tk_tok_stream_release(&st);
    return rc;
}

static void decode(struct tk_str in, unsigned flags, bool as_stream)
{
    struct tk_buf out = TK_BUF_INIT((size_t)1 << 30);
    const uint32_t *ids = (const uint32_t *)(const void *)in.p;
    int rc = as_stream ? stream(ids, in.n / 4, flags, &out)
                       : tk_tokenizer_decode(t, s, ids, in.n / 4, flags, &out);
    if (rc < 0)
        printf("!%s\n", tk_err_name(rc));
    else
        printf("%zu\n", out.n);
    if (rc == 0 && out.n > 0)
        fwrite(out.p, 1, out.n, stdout);
    tk_buf_release(&out);
}

static void info(void)
{
    size_t n = 0;
    struct tk_str name, text;
    while (tk_tokenizer_chat_template(t, n, &name, &text))
        n++;
    printf("%u %u %u %" PRId64 " %u %u %zu\n", tk_tokenizer_vocab_size(t, false),
           tk_tokenizer_vocab_size(t, true), tk_tokenizer_id_end(t), tk_tokenizer_max_length(t),
           tk_tokenizer_bos(t), tk_tokenizer_eos(t), n);
}

/* A number of the request line, which moves on behind it. */
static size_t number(const char **line)
{
    size_t n = 0;
    while (**line == ' ')
        ++*line;
    while (**line >= '0' && **line <= '9')
        n = n * 10 + (size_t)(*(*line)++ - '0');
    return n;
}

static void answer(const char *line)
{
    char kind = *line++;
    if (kind == 'I') {
        info();
        return;
    }
    unsigned flags = (unsigned)number(&line);
    size_t n = number(&line);
    char *p = malloc(n + TK_JSON_PADDING);
    if (!p || fread(p, 1, n, stdin) != n)
        abort();
    struct tk_str in = { p, n };
    if (kind == 'E')
        encode(in, flags);
    else if (kind == 'H')
        chat(in, flags);
    else if (kind == 'C')
        printf("%" PRId64 "\n", tk_tokenizer_count(t, s, in, flags));
    else
        decode(in, flags, kind == 'S');
    free(p);
}

int main(int argc, char **argv)
{
    struct tk_tokenizer_conf conf = { 0 };
    struct tk_err err = { 0 };
    char line[128];
    if (argc < 2)
        return 2;
    bool is_mistral = argc > 2 && strcmp(argv[2], "mistral") == 0;
    conf.ignores_config = argc > 2 && strcmp(argv[2], "alone") == 0;
    if (tk_tokenizer_open(argv[1], is_mistral ? TK_TOK_MODE_MISTRAL : TK_TOK_MODE_AUTO, &conf, &t,
                          &err) < 0) {
        printf("!%s\n", err.msg);
        return 1;
    }
    s = tk_tok_scratch_new();
    if (!s)
        return 1;
    printf("ok\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        answer(line);
        fflush(stdout);
    }
    (void)tk_tok_scratch_free(s);
    (void)tk_tokenizer_free(t);
    return 0;
}
