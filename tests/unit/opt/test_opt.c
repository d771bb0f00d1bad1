/* A command line from its words to its values, and what is said about wrong ones. */
#include "opt/opt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "failmalloc.h"
#include "tap.h"

struct values {
    bool stream, quiet, verbose;
    const char *model, *key, *arrival;
    int64_t concurrency, port;
    double top_p, rate;
    tk_ns timeout;
    struct tk_opt_list headers, slos;
};

#define AT(member) .at = offsetof(struct values, member)

static const struct tk_opt table[] = {
    { "stream", 's', TK_OPT_FLAG, AT(stream), .def = "true", .is_negatable = true },
    { "quiet", 'q', TK_OPT_FLAG, AT(quiet), .env = "TK_TEST_QUIET" },
    { "verbose", 'v', TK_OPT_FLAG, AT(verbose) },
    { "model", 'm', TK_OPT_STR, AT(model), .value = "NAME" },
    { "api-key", 0, TK_OPT_STR, AT(key), .env = "TK_TEST_KEY", .is_secret = true },
    { "concurrency", 'c', TK_OPT_INT, AT(concurrency), .value = "N", .def = "1", .min = 1,
      .max = 1e5, .env = "TK_TEST_CONCURRENCY" },
    { "port", 0, TK_OPT_INT, AT(port), .value = "PORT", .min = -10, .max = 65535,
      .is_plain = true },
    { "top-p", 0, TK_OPT_DOUBLE, AT(top_p), .def = "1.0", .min = 0, .max = 1 },
    { "request-rate", 'r', TK_OPT_RATE, AT(rate), .def = "inf", .min = 0, .max = INFINITY,
      .unit = "requests/s" },
    { "timeout", 't', TK_OPT_DUR, AT(timeout), .def = "30s", .min = 0.001, .max = 3600 },
    { "arrival", 0, TK_OPT_CHOICE, AT(arrival), .def = "poisson",
      .choices = "closed constant poisson" },
    { "header", 'H', TK_OPT_LIST, AT(headers), .value = "NAME:VALUE" },
    { "goodput", 0, TK_OPT_LIST, AT(slos), .def = "a b", .is_many = true },
};

static const struct tk_opt_command command = {
    .name = "test",
    .opts = table,
    .n_opts = TK_ARRAY_LEN(table),
};
static const struct tk_opt_command lenient = {
    .name = "test",
    .opts = table,
    .n_opts = TK_ARRAY_LEN(table),
    .allows_abbreviation = true,
    .treats_underscore_as_dash = true,
};

static const struct tk_opt_command argparse = {
    .name = "test",
    .opts = table,
    .n_opts = TK_ARRAY_LEN(table),
    .allows_abbreviation = true,
    .n_first = 2,
    .speaks_argparse = true,
};

static struct values v;
static struct tk_opt_result r;
static struct tk_err err;

/* Parse the words of `line`, which are one space apart. */
static int parse(const struct tk_opt_command *c, const char *line)
{
    static char copy[512], *argv[64];
    int argc = 0;
    tk_opt_release(c, &v, &r);
    memset(&v, 0, sizeof(v));
    err = (struct tk_err){ .code = 0 };
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *p = copy; *p != '\0'; p++) {
        argv[argc++] = p;
        p += strcspn(p, " ");
        if (*p == '\0')
            break;
        *p = '\0';
    }
    return tk_opt_parse(c, argc, argv, &v, &r, &err);
}

static void defaults(void)
{
    T_EQ_I(parse(&command, ""), 0, "no words");
    T_OK(v.stream && !v.quiet && !v.model && !v.key, "flags and strings have their defaults");
    T_EQ_I(v.concurrency, 1, "a whole number has its default");
    T_NEAR(v.top_p, 1, 0, "a number has its default");
    T_OK(isinf(v.rate), "infinity is a default");
    T_EQ_I(v.timeout, 30 * TK_NS_PER_S, "a duration has its default");
    T_EQ_S(v.arrival, "poisson", "a choice has its default");
    T_EQ_U(v.headers.n, 0, "a list without default is empty");
    T_OK(v.slos.n == 2 && !strcmp(v.slos.v[0], "a") && !strcmp(v.slos.v[1], "b"),
         "a list has the words of its default");
    T_OK(!r.is_given[5] && r.args.n == 0 && !r.wants_help, "nothing was given");
}

static void forms(void)
{
    static const char *const lines[] = {
        "--concurrency 8", "--concurrency=8", "-c 8", "-c8", "-c=8", "-qc8", "-vqc 8",
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(lines); i++) {
        T_EQ_I(parse(&command, lines[i]), 0, "%s: %s", lines[i], err.msg);
        T_EQ_I(v.concurrency, 8, "%s gives 8", lines[i]);
        T_OK(r.is_given[5], "%s: given", lines[i]);
    }
    T_OK(v.verbose && v.quiet, "letters together are flags");
    T_EQ_I(parse(&command, "-c 2k --concurrency 10"), 0, "twice");
    T_EQ_I(v.concurrency, 10, "the last one counts");
    T_EQ_I(parse(&command, "--no-stream -q"), 0, "negated");
    T_OK(!v.stream && v.quiet, "a flag is off, another on");
    T_EQ_I(parse(&command, "-c 3k -t 1m30s -r 600/m --top-p .5 --arrival closed"), 0, "types");
    T_EQ_I(v.concurrency, 3000, "a suffix");
    T_EQ_I(v.timeout, 90 * TK_NS_PER_S, "a duration");
    T_NEAR(v.rate, 10, 1e-12, "a rate by the minute");
    T_NEAR(v.top_p, 0.5, 0, "a number");
    T_EQ_S(v.arrival, "closed", "a choice");
    T_EQ_I(parse(&command, "--model="), 0, "an empty value");
    T_EQ_S(v.model, "", "is the empty string");
    T_EQ_I(parse(&command, "--model a=b"), 0, "an equals sign in the value");
    T_EQ_S(v.model, "a=b", "stays");
    T_EQ_I(parse(&command, "--model=--x"), 0, "a value like an option, behind an equals sign");
    T_EQ_S(v.model, "--x", "is a value");
    T_EQ_I(parse(&command, "--model -x"), 0, "a dash in front, but no option");
    T_EQ_S(v.model, "-x", "is a value");
    T_EQ_I(parse(&command, "--port -5"), 0, "a negative number");
    T_EQ_I(v.port, -5, "is a value");
}

static void arguments(void)
{
    T_EQ_I(parse(&command, "url -q - -5 -.5 -- --quiet -x"), 0, "arguments: %s", err.msg);
    T_EQ_U(r.args.n, 6, "six of them");
    T_EQ_S(r.args.v[0], "url", "a word");
    T_EQ_S(r.args.v[1], "-", "a dash alone");
    T_EQ_S(r.args.v[2], "-5", "a negative number");
    T_EQ_S(r.args.v[4], "--quiet", "an option behind --");
}

static void lists(void)
{
    T_EQ_I(parse(&command, "-H a:1 --header=b:2 -Hc:3 url"), 0, "a list");
    T_EQ_U(v.headers.n, 3, "has three");
    T_EQ_S(v.headers.v[2], "c:3", "the last");
    T_EQ_U(r.args.n, 1, "and one word more");
    T_EQ_I(parse(&command, "--goodput ttft:1 tpot:2 -q --goodput e2e:3"), 0, "a list of many");
    T_EQ_U(v.slos.n, 3, "takes words until the next option, and adds");
    T_EQ_S(v.slos.v[1], "tpot:2", "the second");
    T_OK(v.quiet, "the option counts");
    T_EQ_I(parse(&command, "--goodput=x y"), 0, "a list of many with an equals sign");
    T_OK(v.slos.n == 1 && r.args.n == 1, "takes that one value");
    T_EQ_I(parse(&command, "--goodput x --gooput y"), TK_E_NOT_FOUND, "a mistyped option ends it");
    T_EQ_I(parse(&command, "--goodput x -1"), 0, "a negative number does not");
    T_EQ_U(v.slos.n, 2, "it is a word");
}

static void help(void)
{
    T_EQ_I(parse(&command, "-q --help --bogus"), 0, "--help");
    T_OK(r.wants_help, "is seen, what follows is not");
    T_EQ_I(parse(&command, "-qh"), 0, "-h");
    T_OK(r.wants_help, "is seen");
    T_EQ_I(parse(&command, "--model --help"), TK_E_FORMAT, "--help is no value");
}

static void leniency(void)
{
    T_EQ_I(parse(&lenient, "--request_rate 5 --top_p=0.5"), 0, "underscores");
    T_NEAR(v.rate, 5, 0, "are dashes");
    T_EQ_I(parse(&lenient, "--conc 5 --no-str"), 0, "beginnings of names");
    T_OK(v.concurrency == 5 && !v.stream, "are enough");
    T_EQ_I(parse(&lenient, "--model a_b"), 0, "a value with an underscore");
    T_EQ_S(v.model, "a_b", "stays");
    T_EQ_I(parse(&lenient, "--t 5"), TK_E_NOT_FOUND, "two names begin so");
    T_EQ_S(err.msg, "option '--t' could be --top-p, --timeout", "they are named");
    T_EQ_I(parse(&command, "--conc 5"), TK_E_NOT_FOUND, "elsewhere a beginning is not enough");
    T_EQ_S(err.msg, "unknown option '--conc'; did you mean '--concurrency'?", "but understood");
}

static void complaints(void)
{
    static const struct {
        const char *line;
        int rc;
        const char *msg;
    } wrong[] = {
        { "--concurency 4", TK_E_NOT_FOUND,
          "unknown option '--concurency'; did you mean '--concurrency'?" },
        { "--zzz", TK_E_NOT_FOUND, "unknown option '--zzz'" },
        { "--api-kye=secret", TK_E_NOT_FOUND,
          "unknown option '--api-kye'; did you mean '--api-key'?" },
        { "-z", TK_E_NOT_FOUND, "unknown option '-z'" },
        { "-qz", TK_E_NOT_FOUND, "unknown option '-z'" },
        { "--no-quiet", TK_E_NOT_FOUND, "unknown option '--no-quiet'; did you mean '--quiet'?" },
        { "--concurrency", TK_E_FORMAT, "option '--concurrency' needs a value: --concurrency N" },
        { "--model --quiet", TK_E_FORMAT, "option '--model' needs a value: --model NAME" },
        { "-c -q", TK_E_FORMAT, "option '--concurrency' needs a value: --concurrency N" },
        { "--top-p --", TK_E_FORMAT, "option '--top-p' needs a value: --top-p VALUE" },
        { "--quiet=1", TK_E_FORMAT, "option '--quiet' takes no value" },
        { "--no-stream=1", TK_E_FORMAT, "option '--no-stream' takes no value" },
        { "-c 0", TK_E_RANGE,
          "option '--concurrency' must be a whole number from 1 to 100000, got '0'" },
        { "-c x", TK_E_FORMAT,
          "option '--concurrency' must be a whole number from 1 to 100000, got 'x'" },
        { "-c 1.5", TK_E_FORMAT,
          "option '--concurrency' must be a whole number from 1 to 100000, got '1.5'" },
        { "--port 1k", TK_E_FORMAT,
          "option '--port' must be a whole number from -10 to 65535, got '1k'" },
        { "--top-p 1.01", TK_E_RANGE, "option '--top-p' must be a number from 0 to 1, got '1.01'" },
        { "--top-p inf", TK_E_RANGE, "option '--top-p' must be a number from 0 to 1, got 'inf'" },
        { "--top-p nan", TK_E_RANGE, "option '--top-p' must be a number from 0 to 1, got 'nan'" },
        { "-r fast", TK_E_FORMAT,
          "option '--request-rate' must be a rate such as 10, 0.5 or 600/m, at least 0 (requests/s), "
          "got 'fast'" },
        { "-t 2h", TK_E_RANGE, NULL },
        { "--arrival posson", TK_E_FORMAT,
          "option '--arrival' must be one of closed, constant, poisson, got 'posson'; did you mean "
          "'poisson'?" },
        { "--arrival x", TK_E_FORMAT,
          "option '--arrival' must be one of closed, constant, poisson, got 'x'" },
    };
    for (size_t i = 0; i < TK_ARRAY_LEN(wrong); i++) {
        T_EQ_I(parse(&command, wrong[i].line), wrong[i].rc, "%s: code", wrong[i].line);
        if (wrong[i].msg)
            T_EQ_S(err.msg, wrong[i].msg, "%s", wrong[i].line);
        T_OK(!r.is_given && !r.args.v && !v.slos.v, "%s: nothing is left", wrong[i].line);
    }
    (void)parse(&command, "-t 2h");
    T_OK(strstr(err.msg, "from 1") && strstr(err.msg, "got '2h'"), "a duration: %s", err.msg);
    char line[400] = "--";
    memset(line + 2, 'a', sizeof(line) - 3);
    T_EQ_I(parse(&command, line), TK_E_NOT_FOUND, "a name without end");
}

static void environment(void)
{
    setenv("TK_TEST_CONCURRENCY", "7", 1);
    setenv("TK_TEST_QUIET", "Yes", 1);
    setenv("TK_TEST_KEY", "s3cret", 1);
    T_EQ_I(parse(&command, ""), 0, "from the environment");
    T_OK(v.concurrency == 7 && v.quiet, "a number and a flag");
    T_EQ_S(v.key, "s3cret", "and a string");
    T_OK(!r.is_given[5], "which is not given");
    T_EQ_I(parse(&command, "-c 9"), 0, "the command line");
    T_EQ_I(v.concurrency, 9, "goes first");
    setenv("TK_TEST_CONCURRENCY", "0", 1);
    T_EQ_I(parse(&command, ""), TK_E_RANGE, "a broken variable");
    T_EQ_S(
        err.msg,
        "environment variable 'TK_TEST_CONCURRENCY' must be a whole number from 1 to 100000, got '0'",
        "is named");
    T_EQ_I(parse(&command, "-c 9"), 0, "does no harm when it is overridden");
    setenv("TK_TEST_CONCURRENCY", "", 1);
    T_EQ_I(parse(&command, ""), 0, "an empty variable");
    T_EQ_I(v.concurrency, 1, "is none");
    setenv("TK_TEST_QUIET", "maybe", 1);
    T_EQ_I(parse(&command, ""), TK_E_FORMAT, "a flag that is neither");
    unsetenv("TK_TEST_CONCURRENCY");
    unsetenv("TK_TEST_QUIET");
    unsetenv("TK_TEST_KEY");
}

static void secrets(void)
{
    static const struct tk_opt one[] = {
        { "token", 0, TK_OPT_INT, AT(port), .min = 1, .max = 2, .is_secret = true },
    };
    static const struct tk_opt_command c = { .name = "x", .opts = one, .n_opts = 1 };
    T_EQ_I(parse(&c, "--token 12345"), TK_E_RANGE, "a secret out of range");
    T_OK(!strstr(err.msg, "12345"), "is not repeated: %s", err.msg);
}

static void no_memory(void)
{
    for (int n = 1;; n++) {
        tk_failmalloc_at(n);
        int rc = parse(&command, "-H a -H b --goodput c d url");
        if (!tk_failmalloc_off()) {
            T_EQ_I(rc, 0, "with enough memory");
            break;
        }
        T_EQ_I(rc, -ENOMEM, "allocation %d fails", n);
    }
    tk_failmalloc_at(2); /* the first is the result's own; the suggestion is not worth a failure */
    T_EQ_I(parse(&command, "--concurency"), TK_E_NOT_FOUND, "no memory for a suggestion");
    tk_failmalloc_off();
}

static void closest(void)
{
    static const char *const names[] = { "rate", "seed", "request-rate", "num-prompts" };
    T_EQ_S(tk_opt_closest("raet", names, 4), "rate", "a swap is one error");
    T_EQ_S(tk_opt_closest("seeed", names, 4), "seed", "a letter too many");
    T_EQ_S(tk_opt_closest("sed", names, 4), "seed", "a letter missing");
    T_EQ_S(tk_opt_closest("requst-rte", names, 4), "request-rate", "two errors in a long word");
    T_EQ_S(tk_opt_closest("num_prompts", names, 4), "num-prompts", "an underscore");
    T_OK(!tk_opt_closest("xyz", names, 4), "nothing like it");
    T_OK(!tk_opt_closest("", names, 4), "nothing at all");
    T_OK(!tk_opt_closest("rate", names, 0), "no names");
}

struct said {
    char *words[32];
    int n;
};

static int keep_word(void *owner, const struct tk_opt *o, const char *word)
{
    struct said *s = owner;
    (void)o;
    s->words[s->n++] = strdup(word);
    return s->words[s->n - 1] ? 0 : -ENOMEM;
}

/* What was given, said again, gives the same values. */
static void words(void)
{
    struct said said = { .n = 0 };
    struct values again = { 0 };
    struct tk_opt_result res = { 0 };
    T_EQ_I(parse(&command,
                 "--no-stream -v -m =x --concurrency 2k --port -3 --top-p 0.1 -r inf -t 1.5s "
                 "--arrival closed -H a:b --header=-c --goodput x"),
           0, "words: parse");
    T_EQ_I(tk_opt_words(&command, &v, r.is_given, keep_word, &said), 0, "words: said");
    T_EQ_I(said.n, 12, "words: one for each, two of the list");
    T_EQ_S(said.words[0], "--no-stream", "words: a flag");
    T_EQ_S(said.words[3], "--concurrency=2000", "words: a number");
    T_EQ_I(tk_opt_parse(&command, said.n, said.words, &again, &res, &err), 0,
           "words: parsed again");
    T_OK(!again.stream && again.verbose && !again.quiet, "words: flags");
    T_EQ_S(again.model, "=x", "words: a text");
    T_EQ_I(again.concurrency, 2000, "words: a whole number");
    T_EQ_I(again.port, -3, "words: a negative one");
    T_OK(again.top_p == v.top_p && isinf(again.rate), "words: numbers");
    T_EQ_I(again.timeout, 1500 * TK_NS_PER_MS, "words: a time");
    T_OK(again.headers.n == 2 && strcmp(again.headers.v[1], "-c") == 0, "words: a list");
    T_EQ_S(again.slos.v[0], "x", "words: a list of many");
    T_EQ_I(res.args.n, 0, "words: nothing else");
    tk_opt_release(&command, &again, &res);
    for (int i = 0; i < said.n; i++)
        free(said.words[i]);
}

static void says(const char *line, const char *what)
{
    T_OK(parse(&argparse, line) != 0, "argparse: '%s' is refused", line);
    T_EQ_S(err.msg, what, "argparse: '%s'", line);
}

/* The words of Python's argparse (3.11), what was meant added. */
static void argparse_words(void)
{
    says("--concurrency x", "argument --concurrency: invalid int value: 'x'");
    says("--top-p x", "argument --top-p: invalid float value: 'x'");
    says("--concurrency", "argument --concurrency: expected one argument");
    says("--goodput", "argument --goodput: expected at least one argument");
    says("--nosuch 3 4 --quiet", "unrecognized arguments: --nosuch 3 4");
    says("--nosuch=3", "unrecognized arguments: --nosuch=3");
    says("--quiet stray more", "unrecognized arguments: stray more");
    says("--quiett", "unrecognized arguments: --quiett; did you mean '--quiet'?");
}

int main(void)
{
    argparse_words();
    defaults();
    forms();
    arguments();
    lists();
    help();
    leniency();
    complaints();
    environment();
    secrets();
    no_memory();
    words();
    closest();
    tk_opt_release(&command, &v, &r);
    tk_opt_release(&command, &v, &r);
    return T_DONE();
}
