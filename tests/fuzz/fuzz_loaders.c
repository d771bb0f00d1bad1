/* fuzz_loaders.c - damaged files of sentencepiece, tiktoken and Mistral
 *
 * The first byte says which kind the rest is; four of eight kinds are models that are converted for a
 * class. It must be refused with a message, or work: then a text goes through it and back.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "token/internal.h"
#include "token/loaders.h"
#include "token/spm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(unsigned kind, const char *path, struct tk_tokenizer **ret, struct tk_err *err)
{
    const struct tk_tokenizer_conf conf = { .ignores_config = true };

    if (kind == 0)
        return tk_tokenizer_load_sentencepiece(path, &conf, ret, err);
    if (kind == 1)
        return tk_tokenizer_load_tekken(path, &conf, ret, err);
    return tk_tokenizer_load_tiktoken(path, kind == 2 ? "qwen" : "kimi", &conf, ret, err);
}

static int convert(unsigned kind, struct tk_str bytes, struct tk_tokenizer **ret,
                   struct tk_err *err)
{
    const struct tk__spm_class class = {
        .family = (enum tk__spm_family)(TK__SPM_LLAMA + (kind & 3)),
        .is_legacy = kind & 8,
        .adds_space = !(kind & 16),
        .n_extra = 3,
    };
    struct tk__spm_file file = { 0 };
    struct tk_tokenizer *t = tk__tokenizer_new(NULL, err);
    int rc = t ? tk__spm_read(bytes, &file, err) : -ENOMEM;

    if (rc == 0)
        rc = tk__spm_convert(t, &file, &class, err);
    if (rc == 0)
        rc = tk__tokenizer_finish(t, err);
    tk__spm_file_release(&file);
    if (rc == 0)
        *ret = t;
    else
        (void)tk_tokenizer_free(t);
    return rc;
}

static void use(const struct tk_tokenizer *t)
{
    static const char text[] =
        "a in ->  b\xC3\xA9 e\xCC\x81 \xE2\x96\x81 <s>\t\xF0\x9F\x98\x80 \xEF\xAC\x81";
    static struct tk_tok_scratch *s;
    struct tk_tok_ids ids = { 0 };
    struct tk_buf out = TK_BUF_INIT(1 << 20);

    if (!s)
        s = tk_tok_scratch_new();
    if (tk_tokenizer_encode(t, s, (struct tk_str){ text, sizeof(text) - 1 }, TK_TOK_DEFAULT,
                            &ids) == 0) {
        if (tk_tokenizer_count(t, s, (struct tk_str){ text, sizeof(text) - 1 }, TK_TOK_DEFAULT) !=
            (int64_t)ids.n)
            abort();
        (void)tk_tokenizer_decode(t, s, ids.p, ids.n, 0, &out);
    }
    tk_tok_ids_release(&ids);
    tk_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tk_tokenizer *t = NULL;
    struct tk_err err = { 0 };
    char path[64];

    if (size < 1)
        return 0;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct tk_str bytes = { (const char *)data + 1, size - 1 };
    if ((data[0] & 4 ? convert(data[0], bytes, &t, &err) : load(data[0] & 3, path, &t, &err)) == 0)
        use(t);
    else if (err.msg[0] == '\0')
        abort();
    tk_tokenizer_free(t);
    close(fd);
    return 0;
}
