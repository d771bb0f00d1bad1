/* fuzz_chat.c - conversations that are none, for the encodings of Mistral and DeepSeek V3.2
 *
 * The first byte says which encoding, with what, and where the tools begin; the rest is messages and tools.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "token/chat.h"
#include "token/loaders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char specials[] =
    "<unk> <s> </s> [INST] [/INST] [AVAILABLE_TOOLS] [/AVAILABLE_TOOLS] [TOOL_RESULTS] "
    "[/TOOL_RESULTS] [TOOL_CALLS] [SYSTEM_PROMPT] [/SYSTEM_PROMPT] [TOOL_CONTENT] [ARGS] [CALL_ID] "
    "[THINK] [/THINK]";

/* A tekken.json of bytes alone. */
static struct tk_tokenizer *make(const char *version)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct tk_str rest = TK_STR(specials), part;
    struct tk_tokenizer *t = NULL;
    struct tk_buf b = TK_BUF_INIT(1 << 20);
    char path[64];
    int n = 0;

    tk_buf_addf(&b, "{\"config\":{\"pattern\":\"\\\\p{L}+|.\",\"version\":\"%s\",", version);
    tk_buf_add_z(&b, "\"default_vocab_size\":276,\"default_num_special_tokens\":20},\"vocab\":[");
    for (unsigned i = 0; i < 256; i++)
        tk_buf_addf(&b, "%s{\"rank\":%u,\"token_bytes\":\"%c%c==\",\"token_str\":null}",
                    i ? "," : "", i, digits[i >> 2], digits[(i & 3) << 4]);
    tk_buf_add_z(&b, "],\"special_tokens\":[");
    while (tk_str_split(&rest, ' ', &part)) {
        tk_buf_addf(&b, "%s{\"rank\":%d,\"token_str\":\"%.*s\"}", n ? "," : "", n,
                    TK_STR_ARG(part));
        n++;
    }
    tk_buf_add_z(&b, "]}");
    int fd = memfd_create("tekken", MFD_CLOEXEC);
    if (fd < 0 || b.failed || write(fd, b.p, b.n) != (ssize_t)b.n)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (tk_tokenizer_load_tekken(path, NULL, &t, NULL) != 0)
        abort();
    close(fd);
    tk_buf_release(&b);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const versions[] = { "v2", "v3", "v7", "v11", "v13" };
    static struct tk_tokenizer *t[5];
    static struct tk_tok_scratch *s;
    struct tk_chat *c;
    struct tk_buf text = TK_BUF_INIT(1 << 24);
    struct tk_tok_ids ids = { 0 };
    struct tk_err err = { 0 };

    if (!s)
        s = tk_tok_scratch_new();
    if (size < 2)
        return 0;
    unsigned which = data[0] & 7;
    if (which < 5 && !t[which])
        t[which] = make(versions[which]);
    if (!t[0])
        t[0] = make(versions[0]);
    struct tk_chat_conf conf = { .tokenizer = t[which < 5 ? which : 0],
                                 .kind = which < 5 ? TK_CHAT_MISTRAL : TK_CHAT_DEEPSEEK_V32 };
    struct tk_chat_input in = { .continues_final = data[0] & 8 };
    const char *p = (const char *)data + 1;
    const char *cut = memchr(p, '\n', size - 1);
    size_t n = cut ? (size_t)(cut - p) : size - 1;
    in.messages = (struct tk_str){ p, n };
    if (cut)
        in.tools = (struct tk_str){ cut + 1, size - 2 - n };
    if (which == 7)
        in.kwargs = TK_STR("{\"thinking\": true}");
    if (tk_chat_new(&conf, &c, NULL) != 0)
        abort();
    if (tk_chat_encode(c, &in, NULL, s, &text, &ids, &err) != 0 && err.msg[0] == '\0')
        abort();
    tk_chat_free(c);
    tk_buf_release(&text);
    tk_tok_ids_release(&ids);
    return 0;
}
