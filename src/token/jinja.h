/* jinja.h - the template engine of chat templates: its values, its tree, and what its files share
 *
 *   text --> [jinja_lex] --> tokens --> [jinja_parse, jinja_parse_expr] --> tree
 *        --> [jinja_scope] names become slots --> [jinja_eval, jinja_expr] --> text
 *
 * Used by template.c alone, which has the face for others. A compiled template is const and may be
 * rendered by many threads at once; everything that a rendering makes lives in its own arena.
 *
 * Errors stick: the first one is kept in the rendering (`rc`), and whoever called looks at it before
 * using what was returned. Strings are valid UTF-8; lengths and places count code points.
 */
#ifndef TK_TOKEN_JINJA_H
#define TK_TOKEN_JINJA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/def.h"
#include "base/err.h"

/* ---- values ---- */

/* The order is that of tk__jtype_name(). */
enum tk_jtype {
    TK_J_MISSING, /* no value at all: an argument not given, a name not set */
    TK_J_UNDEF,   /* jinja's Undefined */
    TK_J_NONE,
    TK_J_BOOL,
    TK_J_INT,
    TK_J_BIG, /* an integer past 64 bits: kept as its digits, no arithmetic */
    TK_J_FLOAT,
    TK_J_STR,
    TK_J_LIST,
    TK_J_TUPLE,
    TK_J_DICT,
    TK_J_RANGE,
    TK_J_VIEW, /* keys(), values(), items() */
    TK_J_GEN,  /* walks once, lazily: what map, select and the like give */
    TK_J_NAMESPACE,
    TK_J_MACRO,
    TK_J_FUNC,   /* a global function */
    TK_J_METHOD, /* a method with its object */
    TK_J_LOOP,   /* `loop` */
    TK_J_CYCLER,
    TK_J_JOINER,
    TK_J_TYPE_N_
};

#define TK_J_TWO_63 \
    9223372036854775808.0 /* the first double past int64_t; cppcheck misreads 0x1p63 */

/* flags */
#define TK_J_MARKUP 1U /* of strings: `safe` */
#define TK_J_GROUP 1U  /* of tuples: of groupby, has .grouper and .list */
#define TK_J_VIEW_KEYS 0U
#define TK_J_VIEW_VALUES 1U
#define TK_J_VIEW_ITEMS 2U

/* Why a value is undefined: the low three bits of its flags; the others have the object's type. */
enum tk_jundef {
    TK_J_UNDEF_NAME,   /* no variable of the name .s */
    TK_J_UNDEF_HINT,   /* the message is .s */
    TK_J_UNDEF_ATTR,   /* no attribute .s */
    TK_J_UNDEF_UNSAFE, /* the attribute .s is not for templates */
    TK_J_UNDEF_PARAM,  /* the macro's parameter .s was not given */
    TK_J_UNDEF_ITEM,   /* no such element */
};

struct tk_jval {
    uint8_t type;  /* enum tk_jtype */
    uint8_t flags; /* by type */
    uint32_t n;    /* bytes of a string, items of a list or tuple */
    union {
        int64_t i;                     /* INT, BOOL */
        double f;                      /* FLOAT */
        const char *s;                 /* STR, BIG, UNDEF */
        const struct tk_jval *items;   /* LIST, TUPLE */
        struct tk_jdict *dict;         /* DICT, VIEW, NAMESPACE (which alone changes it) */
        const struct tk_jrange *range; /* RANGE */
        struct tk_jiter *iter;         /* GEN */
        const struct tk_jmacro *macro; /* MACRO */
        const struct tk_jbuiltin *fn;  /* FUNC */
        const struct tk_jbound *bound; /* METHOD */
        struct tk_jloop *loop;         /* LOOP */
        struct tk_jcycler *cycler;     /* CYCLER, JOINER */
    };
};

struct tk_jentry {
    struct tk_jval key, val;
    uint64_t hash;
};

/* In order of insertion; `index` is a hash table of entry numbers + 1. */
struct tk_jdict {
    uint32_t n, cap, index_cap; /* index_cap: a power of two, or 0 while there are few */
    struct tk_jentry *e;
    uint32_t *index;
};

struct tk_jrange {
    int64_t start, stop, step;
    int64_t n;
};

struct tk_jkw {
    struct tk_str name;
    struct tk_jval val;
};

/* The arguments of a call. */
struct tk_jargs {
    const struct tk_jval *v;
    const struct tk_jkw *kw;
    uint32_t n, n_kw;
};

struct tk_jrender;

typedef struct tk_jval (*tk_jfn)(struct tk_jrender *r, struct tk_jval self, const struct tk_jval *a,
                                 const struct tk_jargs *args);

/* A filter, test, method or global function. `params`: names parted by spaces; '?' after the name
 * of one that may be left out; a '/' before the first: not by name; a '*' at the end: further
 * arguments are the function's matter. `a` has a value per name, MISSING where none was given. */
struct tk_jbuiltin {
    const char *name;
    tk_jfn fn;
    const char *params;
};

struct tk_jbound {
    struct tk_jval self;
    const struct tk_jbuiltin *fn;
};

struct tk_jmacro {
    const struct tk_jnode *node;
    struct tk_jact *env; /* where it was defined */
};

struct tk_jcycler {
    struct tk_jval items; /* cycler: tuple; joiner: the separator */
    uint32_t at;          /* joiner: whether it was used */
};

/* One walk over a value. `next` gives 1 and a value, or 0 at the end and after a failure. */
struct tk_jiter {
    int (*next)(struct tk_jrender *r, struct tk_jiter *it, struct tk_jval *ret);
    struct tk_jval src;
    size_t at;                    /* place in src, by its type */
    struct tk_jiter *inner;       /* of generators: what they draw from */
    const struct tk_jbuiltin *fn; /* filter or test to apply; NULL: truth, or the attribute alone */
    struct tk_jargs args;         /* its arguments */
    struct tk_jval attr;          /* attribute to look up first; MISSING: none */
    struct tk_jval dflt;          /* for an attribute that is not there; MISSING: none */
    struct tk_jdict *seen;        /* of unique */
    bool negate;
    bool is_empty; /* never draws: made over something false */
};

#define TK_J_LOOP_CHANGED_MAX 8

/* The state of a for statement; `loop` in its body. */
struct tk_jloop {
    struct tk_jiter it;
    const struct tk_jnode *node;
    struct tk_jact *act;     /* where the body's names are */
    struct tk_jact *recurse; /* env of a recursive loop, NULL when it is none */
    struct tk_jval iterable; /* what it walks, for its length */
    struct tk_jval before, current, after, changed;
    int64_t index0, length; /* length: -1 not known yet */
    uint32_t depth0;
    bool has_test;
};

/* ---- the tree ---- */

enum tk_jkind {
    /* expressions */
    TK_JN_CONST,
    TK_JN_NAME,    /* .name; .op: enum tk_jctx */
    TK_JN_NSREF,   /* .name with .attr */
    TK_JN_TUPLE,   /* .a: items */
    TK_JN_LIST,    /* .a: items */
    TK_JN_DICT,    /* .a: pairs */
    TK_JN_PAIR,    /* .a key, .b value */
    TK_JN_BINOP,   /* .op: token type; .a, .b */
    TK_JN_AND,     /* .a, .b */
    TK_JN_OR,      /* .a, .b */
    TK_JN_NOT,     /* .a */
    TK_JN_NEG,     /* .a */
    TK_JN_POS,     /* .a */
    TK_JN_COMPARE, /* .a; .b: operands */
    TK_JN_OPERAND, /* .op; .a */
    TK_JN_CONCAT,  /* .a: parts */
    TK_JN_COND,    /* .a test, .b then, .c else or NULL */
    TK_JN_GETATTR, /* .a; .name */
    TK_JN_GETITEM, /* .a; .b */
    TK_JN_SLICE,   /* .a start, .b stop, .c step, each may be NULL */
    TK_JN_CALL,    /* .a; .args … */
    TK_JN_FILTER,  /* .a or NULL: the body of the block; .name; .args … */
    TK_JN_TEST,    /* .a; .name; .args … */
    TK_JN_KEYWORD, /* .name; .a */
    /* statements */
    TK_JN_DATA,        /* .val: text */
    TK_JN_OUTPUT,      /* .a: expressions */
    TK_JN_FOR,         /* .a target, .b iter, .c test or NULL, .body, .els */
    TK_JN_IF,          /* .a test, .body, .args: elifs (IF), .els */
    TK_JN_ASSIGN,      /* .a target, .b value */
    TK_JN_CAPTURE,     /* set block: .a target, .b filter or NULL, .body */
    TK_JN_MACRO,       /* .name, .args parameters, .b defaults, .body */
    TK_JN_CALLBLOCK,   /* .a call, .args parameters, .b defaults, .body */
    TK_JN_GENERATION,  /* .body */
    TK_JN_FILTERBLOCK, /* .a filter, .body */
    TK_JN_WITH,        /* .args targets, .b values, .body */
    TK_JN_SCOPE,       /* .body: autoescape false */
    TK_JN_BLOCK,       /* .name, .body */
    TK_JN_BREAK,
    TK_JN_CONTINUE,
    TK_JN_LOAD, /* include, import, from, extends: fails; .name: which */
};

enum tk_jctx { TK_J_LOAD, TK_J_STORE, TK_J_PARAM };

/* flags of nodes */
#define TK_JN_RECURSIVE 1U /* FOR */
#define TK_JN_EXTENDED 2U  /* FOR: the body uses `loop` */
#define TK_JN_CALLER 4U    /* MACRO, CALLBLOCK, GENERATION: the body uses `caller` as it is given */
#define TK_JN_KWARGS 8U
#define TK_JN_VARARGS 16U
#define TK_JN_EXPORT 32U /* ASSIGN, CAPTURE, MACRO: at the top level */

/* Where a name lives: so many functions outwards, that slot. */
struct tk_jref {
    uint32_t hops, slot;
};

struct tk_jscope; /* a frame of names; jinja_scope.c */

struct tk_jnode {
    uint8_t kind, op;
    uint16_t depth; /* of the tree below */
    uint32_t flags, line;
    struct tk_jnode *next; /* the next of its list */
    struct tk_jnode *a, *b, *c;
    struct tk_jnode *args, *kwargs, *dyn_args, *dyn_kwargs;
    struct tk_jnode *body, *els;
    struct tk_str name, attr;
    struct tk_jval val;
    struct tk_jref ref;           /* NAME, NSREF, MACRO: its own name */
    struct tk_jref loop;          /* FOR: the slot of `loop`; CALLBLOCK …: unused */
    const struct tk_jbuiltin *fn; /* FILTER, TEST; NULL: there is none of that name */
    struct tk_jscope *scope;      /* of .body */
    struct tk_jscope *els_scope;  /* FOR */
    struct tk_jscope *test_scope; /* FOR */
    struct tk_jnode *test_target; /* FOR: .a once more, with the slots of test_scope */
    struct tk_jfunc *func;        /* recursive FOR, MACRO, CALLBLOCK, GENERATION, BLOCK */
    struct tk_jref special[3];    /* slots of caller, kwargs, varargs */
};

/* What has an activation of its own. */
struct tk_jfunc {
    struct tk_jfunc *up;
    uint32_t depth;
    uint32_t n_slots;
};

enum tk_jload { TK_JL_PARAM, TK_JL_RESOLVE, TK_JL_ALIAS, TK_JL_UNDEF };

/* One name of a frame and what it is when the frame is entered. */
struct tk_jsym {
    struct tk_str name;
    uint32_t slot;
    uint8_t load; /* enum tk_jload */
    bool stored;
    struct tk_jref alias; /* of TK_JL_ALIAS */
};

struct tk_jscope {
    struct tk_jscope *parent;
    struct tk_jfunc *func;
    struct tk_jsym *syms;
    uint32_t n, cap;
    struct tk_jsym *idents; /* while compiling: every name that ever had a slot here */
    uint32_t n_idents, cap_idents;
};

struct tk_jact {
    struct tk_jact *up;
    struct tk_jval slots[];
};

struct tk_jinja {
    struct tk_arena arena; /* text, tree, names */
    struct tk_jnode *body;
    struct tk_jscope *scope;
    struct tk_jfunc *func;
    bool has_blocks;
};

/* ---- compiling ---- */

enum tk_jtok {
    TK_JT_EOF,
    TK_JT_DATA,
    TK_JT_VAR_BEGIN,
    TK_JT_VAR_END,
    TK_JT_BLOCK_BEGIN,
    TK_JT_BLOCK_END,
    TK_JT_NAME,
    TK_JT_STRING,
    TK_JT_NUMBER,
    TK_JT_FLOAT,
    TK_JT_ADD,
    TK_JT_SUB,
    TK_JT_DIV,
    TK_JT_FLOORDIV,
    TK_JT_MUL,
    TK_JT_MOD,
    TK_JT_POW,
    TK_JT_TILDE,
    TK_JT_LBRACKET,
    TK_JT_RBRACKET,
    TK_JT_LPAREN,
    TK_JT_RPAREN,
    TK_JT_LBRACE,
    TK_JT_RBRACE,
    TK_JT_EQ,
    TK_JT_NE,
    TK_JT_GT,
    TK_JT_GE,
    TK_JT_LT,
    TK_JT_LE,
    TK_JT_IN,     /* made by the parser */
    TK_JT_NOT_IN, /* made by the parser */
    TK_JT_ASSIGN,
    TK_JT_DOT,
    TK_JT_COLON,
    TK_JT_PIPE,
    TK_JT_COMMA,
    TK_JT_SEMICOLON,
};

struct tk_jtoken {
    uint8_t type; /* enum tk_jtok */
    uint32_t line;
    struct tk_jval val; /* NAME, STRING, DATA: text; NUMBER, FLOAT: the value */
};

#define TK_J_MAX_NESTING 400    /* of brackets, blocks and unary operators in a template's text */
#define TK_J_MAX_TREE_DEPTH 600 /* of an expression, chains of operators included */
#define TK_J_MAX_NAMES 4096     /* in one frame */
#define TK_J_MAX_PARAMS 255     /* of a macro, and keyword arguments of a call */

struct tk_jcompile {
    struct tk_arena *arena; /* the template's */
    struct tk_arena *tmp;   /* gone after compiling */
    struct tk_jtoken *tok;  /* ends with TK_JT_EOF */
    uint32_t n_tok, at;
    uint32_t nesting;
    struct tk_err *err;
    int rc;
};

/* Sets rc (the first one stays) and the message with the line. */
void tk__jcompile_fail(struct tk_jcompile *c, int code, uint32_t line, const char *fmt, ...)
    TK_PRINTF(4, 5);
void *tk__jcompile_alloc(struct tk_jcompile *c,
                         size_t n); /* NULL, and rc set, when memory is out */

int tk__jlex(struct tk_jcompile *c, struct tk_str text);
struct tk_jnode *tk__jparse(struct tk_jcompile *c); /* the template's statements */
int tk__jscope(struct tk_jcompile *c, struct tk_jinja *t);

/* Shared by the two halves of the parser. */
struct tk_jnode *tk__jnode(struct tk_jcompile *c, enum tk_jkind kind, uint32_t line);
struct tk_jtoken *tk__jtok(struct tk_jcompile *c);      /* the current one */
struct tk_jtoken *tk__jtok_take(struct tk_jcompile *c); /* … and go on */
bool tk__jtok_skip(struct tk_jcompile *c, enum tk_jtok type);
bool tk__jtok_is_name(const struct tk_jtoken *t, const char *name);
bool tk__jtok_skip_name(struct tk_jcompile *c, const char *name);
struct tk_jtoken *tk__jtok_expect(struct tk_jcompile *c, enum tk_jtok type);
bool tk__jenter(struct tk_jcompile *c); /* one more level of nesting; tk__jleave() takes it off */
void tk__jleave(struct tk_jcompile *c);
const char *tk__jtok_describe(enum tk_jtok type);
struct tk_jnode *tk__jparse_expr(struct tk_jcompile *c, bool with_cond);
struct tk_jnode *tk__jparse_tuple(struct tk_jcompile *c, bool with_cond, const char *end_name);
struct tk_jnode *tk__jparse_target(struct tk_jcompile *c, const char *end_name, bool with_ns,
                                   enum tk_jctx ctx);
struct tk_jnode *tk__jparse_name_target(struct tk_jcompile *c, enum tk_jctx ctx);
struct tk_jnode *tk__jparse_filters(struct tk_jcompile *c, struct tk_jnode *of, bool is_inline);

int tk__jinja_new(struct tk_str text, struct tk_jinja **ret_t, struct tk_err *reterr);
struct tk_jinja *tk__jinja_free(struct tk_jinja *t);

/* ---- rendering ---- */

struct tk_jrender {
    const struct tk_jinja *t;
    struct tk_arena arena;
    struct tk_buf *out; /* the text, or what a block captures */
    size_t max_bytes;   /* of one text */
    uint64_t steps, max_steps;
    uint32_t depth, max_depth; /* of calls and nested values, to spare the stack */
    uint32_t line;             /* of the statement at work */
    struct tk_jval context;    /* dict of the variables */
    struct tk_jact *act;       /* the activation at work */
    struct tk_jdict *exported; /* what the top level has set, for blocks; NULL without them */
    struct tk_jval captured;   /* what the filter of a block is applied to */
    tk_ns now_wall;
    struct tk_err *err;
    int rc; /* first failure */
};

int tk__jinja_render(struct tk_jrender *r);

/* Fail: the first message stays. Returns an undefined value, for `return tk__jfail(…)`. */
struct tk_jval tk__jfail(struct tk_jrender *r, int code, const char *fmt, ...) TK_PRINTF(3, 4);
void tk__jfail_buf(struct tk_jrender *r, const struct tk_buf *b); /* what failed in `b` */
/* `n` units of work; false when there were too many. */
bool tk__jstep(struct tk_jrender *r, uint64_t n);
bool tk__jdeeper(
    struct tk_jrender *r); /* one level; false when too deep. tk__jback() takes it off */
void tk__jback(struct tk_jrender *r);
void *tk__jalloc(struct tk_jrender *r, size_t n); /* zeroed; NULL, and rc set, when too much */

/* ---- values: jinja_value.c ---- */

#define TK_J_VAL(t) ((struct tk_jval){ .type = (t) })

static inline TK_UNUSED struct tk_jval tk__jnone(void)
{
    return TK_J_VAL(TK_J_NONE);
}
static inline TK_UNUSED struct tk_jval tk__jbool(bool b)
{
    return (struct tk_jval){ .type = TK_J_BOOL, .i = b };
}
static inline TK_UNUSED struct tk_jval tk__jint(int64_t i)
{
    return (struct tk_jval){ .type = TK_J_INT, .i = i };
}
static inline TK_UNUSED struct tk_jval tk__jfloat(double f)
{
    return (struct tk_jval){ .type = TK_J_FLOAT, .f = f };
}
/* A string over bytes that stay. */
static inline TK_UNUSED struct tk_jval tk__jstr(struct tk_str s)
{
    return (struct tk_jval){ .type = TK_J_STR, .n = (uint32_t)s.n, .s = s.p ? s.p : "" };
}
static inline TK_UNUSED struct tk_jval tk__jundef(enum tk_jundef why, struct tk_str what)
{
    return (struct tk_jval){
        .type = TK_J_UNDEF, .flags = (uint8_t)why, .n = (uint32_t)what.n, .s = what.p
    };
}
static inline TK_UNUSED struct tk_str tk__jtext(struct tk_jval v)
{
    return (struct tk_str){ v.s, v.n };
}
static inline TK_UNUSED struct tk_jval tk__jlist(const struct tk_jval *items, uint32_t n)
{
    return (struct tk_jval){ .type = TK_J_LIST, .n = n, .items = items };
}
static inline TK_UNUSED struct tk_jval tk__jtuple(const struct tk_jval *items, uint32_t n)
{
    return (struct tk_jval){ .type = TK_J_TUPLE, .n = n, .items = items };
}
static inline TK_UNUSED bool tk__jis_int(struct tk_jval v) /* Python's: True is one */
{
    return v.type == TK_J_INT || v.type == TK_J_BOOL;
}
static inline TK_UNUSED bool tk__jis_seq(struct tk_jval v)
{
    return v.type == TK_J_LIST || v.type == TK_J_TUPLE;
}

struct tk_jval tk__jhint(const char *message); /* undefined, with that message; static text */
struct tk_jval tk__jstr_dup(struct tk_jrender *r, struct tk_str s);
struct tk_jval tk__jstr_z(const char *z); /* of a static string */
/* Take the content of `b` as a string and release it; fails when `b` did. */
struct tk_jval tk__jstr_take(struct tk_jrender *r, struct tk_buf *b);

const char *tk__jtype_name(struct tk_jval v); /* Python's: "str", "list" … */
const char *tk__jtype_name_of(enum tk_jtype type);
struct tk_jval tk__jfail_undef(struct tk_jrender *r, struct tk_jval v); /* its message */
bool tk__jfail_if_undef(struct tk_jrender *r, struct tk_jval v);

bool tk__jtruth(struct tk_jrender *r, struct tk_jval v);
bool tk__jequal(struct tk_jrender *r, struct tk_jval a, struct tk_jval b);
/* Order of two values: -1, 0, 1, or 2 for what has none (NaN); fails as Python does. `op` is for the
 * message. */
int tk__jorder(struct tk_jrender *r, struct tk_jval a, struct tk_jval b, const char *op);
bool tk__jsame(struct tk_jval a, struct tk_jval b);                    /* `is` of Python */
bool tk__jhash(struct tk_jrender *r, struct tk_jval v, uint64_t *ret); /* false: not hashable */
double tk__jnumber(struct tk_jval v); /* of BOOL, INT, BIG, FLOAT */
/* Number of items, -1 when it has no len(). */
int64_t tk__jlen(struct tk_jval v);

struct tk_jdict *tk__jdict_new(struct tk_jrender *r, uint32_t cap);
void tk__jdict_set(struct tk_jrender *r, struct tk_jdict *d, struct tk_jval key,
                   struct tk_jval val);
struct tk_jval *tk__jdict_get(struct tk_jrender *r, const struct tk_jdict *d, struct tk_jval key);
struct tk_jval *tk__jdict_find(const struct tk_jdict *d, struct tk_str key);
struct tk_jval tk__jdict(struct tk_jdict *d);

/* A growing list of values in the arena. */
struct tk_jvec {
    struct tk_jval *v;
    uint32_t n, cap;
};
void tk__jvec_add(struct tk_jrender *r, struct tk_jvec *vec, struct tk_jval v);

/* ---- text of values: jinja_text.c ---- */

void tk__jstr_of(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v);  /* str() */
void tk__jrepr_of(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v); /* repr() */
struct tk_jval tk__jto_str(struct tk_jrender *r, struct tk_jval v);            /* str() */
struct tk_jval tk__jsoft_str(struct tk_jrender *r, struct tk_jval v); /* … that leaves Markup */
void tk__jescape(struct tk_jrender *r, struct tk_buf *out, struct tk_str s); /* HTML */
struct tk_jval tk__jto_escaped(struct tk_jrender *r, struct tk_jval v);      /* markupsafe.escape */
struct tk_jval tk__jmarkup(struct tk_jval s);

struct tk_jjson {
    struct tk_jval indent; /* NONE: one line */
    struct tk_str item_sep, key_sep;
    bool ensure_ascii, sort_keys;
};
void tk__jjson_of(struct tk_jrender *r, struct tk_buf *out, struct tk_jval v,
                  const struct tk_jjson *how);

/* ---- walking: jinja_iter.c ---- */

bool tk__jiter_init(struct tk_jrender *r, struct tk_jiter *it,
                    struct tk_jval v); /* false: failed */
bool tk__jis_iterable(struct tk_jval v);
static inline TK_UNUSED int tk__jiter_next(struct tk_jrender *r, struct tk_jiter *it,
                                           struct tk_jval *ret)
{
    return it->next(r, it, ret);
}
struct tk_jval tk__jgen(struct tk_jrender *r, struct tk_jiter *it); /* a copy of *it as a value */
/* All items as a list (of the same storage when it is one). */
struct tk_jval tk__jto_list(struct tk_jrender *r, struct tk_jval v);
bool tk__jcontains(struct tk_jrender *r, struct tk_jval in, struct tk_jval what);
struct tk_jval tk__jattr_path(struct tk_jrender *r, struct tk_jval v, struct tk_jval attr,
                              struct tk_jval dflt);
void tk__jsort(struct tk_jrender *r, struct tk_jval *keys, struct tk_jval *vals, uint32_t n,
               bool is_reverse);

/* ---- expressions: jinja_expr.c, jinja_ops.c ---- */

struct tk_jval tk__jeval(struct tk_jrender *r, const struct tk_jnode *n);
struct tk_jval tk__jbinop(struct tk_jrender *r, enum tk_jtok op, struct tk_jval a,
                          struct tk_jval b);
struct tk_jval tk__jgetattr(struct tk_jrender *r, struct tk_jval v, struct tk_str name);
struct tk_jval tk__jgetitem(struct tk_jrender *r, struct tk_jval v, struct tk_jval key);
struct tk_jval tk__jslice(struct tk_jrender *r, struct tk_jval v, struct tk_jval start,
                          struct tk_jval stop, struct tk_jval step);
struct tk_jval tk__jcall(struct tk_jrender *r, struct tk_jval fn, const struct tk_jargs *args);
/* Call with the arguments bound to the parameters. */
struct tk_jval tk__jcall_builtin(struct tk_jrender *r, const struct tk_jbuiltin *fn,
                                 struct tk_jval self, const struct tk_jargs *args);

/* Room for the arguments of most calls. */
struct tk_jargroom {
    struct tk_jval v[5];
    struct tk_jkw kw[3];
};
/* Evaluate the arguments of a call, filter or test; they may lie in `room`. False: failed. */
bool tk__jargs_of(struct tk_jrender *r, const struct tk_jnode *n, struct tk_jargroom *room,
                  struct tk_jargs *ret);
/* The same arguments in the arena, for what outlives the call. */
struct tk_jargs tk__jargs_keep(struct tk_jrender *r, const struct tk_jargs *args);

/* ---- statements: jinja_eval.c ---- */

struct tk_jval tk__jmacro_call(struct tk_jrender *r, struct tk_jval macro,
                               const struct tk_jargs *args);
struct tk_jval tk__jloop_recurse(struct tk_jrender *r, struct tk_jloop *l, struct tk_jval iterable);
/* Begin to write into a buffer of its own; returns what tk__jcapture_end() needs. */
struct tk_buf *tk__jcapture(struct tk_jrender *r, struct tk_buf *mine);
struct tk_jval tk__jcapture_end(struct tk_jrender *r, struct tk_buf *mine, struct tk_buf *outer);
void tk__jassign(struct tk_jrender *r, const struct tk_jnode *target, struct tk_jval v);
void tk__jframe_enter(struct tk_jrender *r, const struct tk_jscope *s);
void tk__jframe_leave(struct tk_jrender *r, const struct tk_jscope *s);
struct tk_jact *tk__jact_new(struct tk_jrender *r, const struct tk_jfunc *f, struct tk_jact *up);
void tk__jwrite(struct tk_jrender *r, struct tk_str s);

/* `for` and `loop`: jinja_loop.c */
enum tk_jflow { TK_J_NEXT, TK_J_BREAK, TK_J_CONTINUE };
enum tk_jflow tk__jexec(struct tk_jrender *r, const struct tk_jnode *list);
enum tk_jflow tk__jexec_for(struct tk_jrender *r, const struct tk_jnode *n);
int tk__jloop_next(struct tk_jrender *r, struct tk_jloop *l, struct tk_jval *ret);
struct tk_jval tk__jloop_attr(struct tk_jrender *r, struct tk_jloop *l, struct tk_str name,
                              bool *ret_has);

/* ---- tables ---- */

const struct tk_jbuiltin *tk__jfilter(struct tk_str name); /* NULL: none of that name */
const struct tk_jbuiltin *tk__jtest(struct tk_str name);
const struct tk_jbuiltin *tk__jglobal(struct tk_str name);
/* NULL: no such method; a method without `fn` is one that templates may not call. */
const struct tk_jbuiltin *tk__jmethod(struct tk_jval v, struct tk_str name);
const struct tk_jbuiltin *tk__jbuiltin_find(const struct tk_jbuiltin *table, struct tk_str name);

/* Each ends with a NULL name. */
extern const struct tk_jbuiltin tk__jfilters_text[], tk__jfilters_seq[], tk__jfilters_number[];
extern const struct tk_jbuiltin tk__jmethods_str[], tk__jmethods_split[];

/* ---- code points and text: jinja_unicode.c, jinja_str.c ---- */

bool tk__jis_space(uint32_t c); /* str.isspace() of one */
bool tk__jis_alnum(uint32_t c);
bool tk__jis_alpha(uint32_t c);
bool tk__jis_decimal(uint32_t c);
bool tk__jis_digit(uint32_t c);
bool tk__jis_numeric(uint32_t c);
bool tk__jis_printable(uint32_t c);
bool tk__jis_cased(uint32_t c);
bool tk__jis_upper(uint32_t c);
bool tk__jis_lower(uint32_t c);
bool tk__jis_title(uint32_t c);
enum tk_jcase { TK_J_UPPER, TK_J_LOWER, TK_J_TITLE_EACH, TK_J_CAPITALIZE, TK_J_SWAP, TK_J_FOLD };
struct tk_jval tk__jcase(struct tk_jrender *r, struct tk_str s, enum tk_jcase how);
/* Title case of the first code point and lower case of the others: do_title's words. */
void tk__jcase_add(struct tk_jrender *r, struct tk_buf *out, struct tk_str s, enum tk_jcase how);

bool tk__jis_ascii(struct tk_str s);
size_t tk__jcount(struct tk_str s);            /* code points */
size_t tk__joffset(struct tk_str s, size_t n); /* bytes of the first n code points */
ptrdiff_t tk__jfind(struct tk_str s, struct tk_str what, size_t from); /* byte offset, -1 */
ptrdiff_t tk__jrfind(struct tk_jrender *r, struct tk_str s, struct tk_str what);
struct tk_str tk__jstrip(struct tk_str s, bool left, bool right); /* Unicode white space */

/* ---- formatting: jinja_format.c ---- */

/* "%" of Python; `args` a tuple, a dict or one value. */
struct tk_jval tk__jpercent(struct tk_jrender *r, struct tk_jval fmt, struct tk_jval args);
/* str.format() */
struct tk_jval tk__jformat(struct tk_jrender *r, struct tk_jval fmt, const struct tk_jargs *args);

/* ---- JSON to values: jinja_json.c ---- */

struct tk_json;
/* `text` need not be padded. A dict, list … in r's arena; fails with `what` in the message. */
struct tk_jval tk__jfrom_json(struct tk_jrender *r, struct tk_json *j, struct tk_str text,
                              const char *what);

#endif
