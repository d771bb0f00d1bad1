#!/usr/bin/env python3
"""Generated snippets of templates, rendered by jinja2 as transformers sets it up and by tokmark.

    python3 snippets.py --driver build/tests/parity_templates [--seed N] [--count 5000]

Expressions, statements and white space are drawn at random from a grammar that knows which filters, tests and
methods go with which values, and often enough mixes them up, so that what raises is compared too.
"""

import argparse
import random
import re
import sys

import oracle

VARIABLES = {
    's': 'Hello, World', 'u': 'Grüße, ÉCOLE ß ﬁ 👋🏽 ǆ', 'e': '', 'ws': ' \t a b\n\n c\u00a0\u2003 ', 'num': '42', 'fl': '-3.50',
    'lines': 'one\ntwo\r\nthree\rfour\x0bfive\u2028six\n', 'html': '<a href="x">T&amp;C\'s</a>  <!-- no --> end',
    'i': 7, 'z': 0, 'neg': -13, 'big': 10 ** 12, 'f': 2.5, 'g': 1e22, 'h': -0.1, 't': True, 'n': None,
    'l': [3, 1, 2], 'ls': ['b', 'A', 'c', 'a'], 'mixed': [1, 'a', None, 2.5, [1], {'k': 'v'}], 'nest': [[1, 2], [3], []],
    'd': {'b': 1, 'a': 2, 'C': 3}, 'de': {}, 'deep': {'x': {'y': [1, {'z': 'ok'}]}, 'items': 'shadow', 'k e y': 1},
    'people': [{'name': 'Bob', 'age': 30, 'tags': ['x']}, {'name': 'alice', 'age': 25, 'tags': []},
               {'name': 'Carol', 'age': 30}, {'name': 'bob', 'age': None}],
}
STRINGS = ['s', 'u', 'e', 'ws', 'num', 'fl', 'lines', 'html', "'x'", '"a.b.c"', "'%s-%s'", "'%5.2f|%-6d|'", "'{}:{}'",
           "'{0}{a}'", "'a,b,,c'", "'\\n\\t\\x41\\u00e9'", "'it\\'s'", "''"]
NUMBERS = ['i', 'z', 'neg', 'f', 'g', 'h', '1', '2', '3', '0', '-1', '10', '2.0', '0.5', '1e3', '1_000', '0x1F', 't', 'big']
SMALL = ['i', 'z', 'neg', 'f', 'h', '1', '2', '3', '0', '-1', '10', '2.0', '0.5', 't']
SEQS = ['l', 'ls', 'mixed', 'nest', 'people', '[1, 2, 3]', '(1,)', '()', '[]', "('a', 'b')", 'range(4)', 'range(5, 0, -2)',
        "['x', 'y'] * 2", 'd.keys()', 'd.values()', 'd.items()', 'd|list', "s.split(',')"]
DICTS = ['d', 'de', 'deep', "{'q': 1}", "{1: 'a', 'b': [2]}", 'dict(a=1, b=2)', 'people[0]', '{}', "{'z': {'y': 1}, 'a': none}"]
OTHERS = ['n', 'missing', 'none', 'true', 'false', 'namespace(a=1)', 'l[9]', 'd.nope', 'missing.x', "people[0]['tags']"]

FILTERS = ['abs', "attr('name')", 'batch(2)|list', "batch(3, '-')|list", 'capitalize', 'center(11)', 'center', 'count', 'd(1)',
           "default('D')", "default('D', true)", 'dictsort', 'dictsort(true)', "dictsort(false, 'value')",
           'dictsort(reverse=true)', 'escape', 'e', 'first', 'float', 'float(7)', "format('a', 2)", 'format(3)',
           "groupby('age')", "groupby('name')", "groupby('age', default=0)", 'indent', 'indent(2, true)',
           "indent('>>', first=true, blank=true)", 'int', 'int(5)', 'int(base=16)', 'items|list', 'join', "join(', ')",
           "join('|', attribute='name')", "join('-', 'age')", 'last', 'length', 'list', 'lower', "map('upper')|list",
           "map(attribute='name')|list", "map(attribute='tags.0', default='none')|list", "map('int')|list",
           "map('default', 'x')|list", 'max', "max(attribute='age')", 'min', 'min(case_sensitive=true)', "reject('odd')|list",
           "reject('none')|list", 'reject|list', "rejectattr('age')|list", "rejectattr('age', 'none')|list",
           "rejectattr('name', 'equalto', 'Bob')|list", "replace('l', 'L')", "replace('', '.')", "replace('o', '0', 1)",
           'reverse|list', 'reverse', 'round', 'round(1)', "round(1, 'floor')", "round(0, 'ceil')", 'round(-1)', 'safe', 'select|list',
           "select('string')|list", "select('gt', 1)|list", "select('in', [1, 'a'])|list", "selectattr('tags', 'defined')|list",
           "selectattr('age', '>', 26)|list", "selectattr('name')|map(attribute='name')|join(',')", 'slice(2)|list',
           "slice(3, 'x')|list", 'sort', 'sort(true)', 'sort(case_sensitive=true)', "sort(attribute='name')",
           "sort(attribute='age,name')", 'string', 'striptags', 'sum', "sum(attribute='age')", 'sum(start=10)', 'title', 'tojson',
           'tojson(indent=2)', 'tojson(indent=4)|length', 'tojson(ensure_ascii=true)', 'tojson(sort_keys=true)',
           "tojson(separators=(',', ':'))", 'trim', "trim('Hd')", 'truncate(5)', "truncate(8, true, '~')", 'truncate(3, leeway=0)',
           'unique|list', 'unique(true)|list', "unique(attribute='age')|list", 'upper', 'urlencode', 'wordcount',
           'filesizeformat', 'forceescape', 'list|last', 'list|first', 'string|length', 'nofilter', 'length(1)']
TESTS = ['boolean', 'callable', 'defined', 'divisibleby(2)', 'divisibleby 3', 'eq 1', "equalto('x')", 'even', 'false', 'float',
         'ge(2)', 'gt 2', "in ['x', 1, 7]", 'in(l)', 'integer', 'iterable', 'le 3', 'lower', 'lt 5', 'mapping', 'ne(1)', 'none',
         'number', 'odd', 'sameas true', 'sameas(none)', 'sequence', 'string', 'true', 'undefined', 'upper', 'filter', 'test',
         'escaped', '== 1', 'nosuchtest']
METHODS = ['strip()', "strip('Hd ')", 'lstrip()', "rstrip('\\n ')", 'split()', "split(',')", "split(',', 1)", 'split(none, 1)',
           "split(maxsplit=1)", 'rsplit()', "rsplit('o', 1)", 'rsplit(none, 1)', 'splitlines()', 'splitlines(true)',
           "startswith('H')", "startswith(('x', 'H'))", "startswith('e', 1)", "endswith('d')", "endswith('l', 0, -1)",
           "replace('l', 'LL')", "replace('l', '', 2)", 'upper()', 'lower()', 'title()', 'capitalize()', 'swapcase()',
           'casefold()', "find('o')", "find('o', 5)", "find('z')", "rfind('o')", "rfind('o', 0, 6)", "index('o')", "rindex('l')",
           "count('l')", "count('')", "join(['a', 'b'])", "join(ls)", "join(l)", "format(1, 2)", "format('x', a='y')",
           'isdigit()', 'isalpha()', 'isalnum()', 'isspace()', 'isupper()', 'islower()', 'istitle()', 'isnumeric()', 'isdecimal()',
           'isascii()', 'isprintable()', "removeprefix('He')", "removesuffix('ld')", 'zfill(8)', 'ljust(15)', "rjust(15, '*')",
           "center(15, '·')", "partition(',')", "rpartition('o')", 'expandtabs(4)', 'index(1)', 'count(1)', "index('a')",
           'append(1)', 'sort()', 'items()', 'keys()', 'values()', "get('a')", "get('zz', 'no')", 'get(1)', 'copy()', 'update(x=1)',
           'pop()', 'nomethod()', 'items()|list', 'a', 'name', 'x.y', '0', 'x', '_private', '__class__', 'is_integer()']
SUBSCRIPTS = ['[0]', '[-1]', '[1:]', '[:2]', '[::-1]', '[-3:-1]', '[::2]', '[5:1:-2]', "['a']", "['name']", "['items']", '[99]',
              '[none]', '[1.0]', '[true]', '[:]', "['x']['y'][1]['z']", '[i]', "['_p']", '[-99:99]', '[::-3]']
OPS = ['+', '-', '*', '/', '//', '%', '**', '~', '==', '!=', '<', '<=', '>', '>=', 'and', 'or', 'in', 'not in', '~', '+']


TEXT_FILTER = re.compile(r'capital|center|e$|escape|force|format|indent|lower|replace|safe|striptags|title|trim|trunc|upper|url|word')
NUMBER_FILTER = re.compile(r'abs|int|float|round|filesize')
DICT_FILTER = re.compile(r'dictsort|items|attr')
ANY_FILTER = re.compile(r'd\(|default|string|tojson')
PEOPLE_FILTER = re.compile(r'name|age|tags')
TEXT_METHOD = re.compile(r'strip|split|starts|ends|replace|upper|lower|title|capital|swap|fold|find|index\(\'|count\(\'|join|format|'
                         r'^is|remove|zfill|just|center|partition|expand')
DICT_METHOD = re.compile(r'items|keys|values|get|copy|update|^a$|^x|^name')


class Generator:
    def __init__(self, rng):
        self.rng = rng

    def pick(self, *pools):
        return self.rng.choice(self.rng.choice(pools))

    def atom(self):
        return self.pick(STRINGS, STRINGS, NUMBERS, SEQS, DICTS, OTHERS)

    def expr(self, depth=2):
        r = self.rng.random()
        if depth == 0 or r < 0.12:
            return self.atom()
        if r < 0.34:
            name = self.rng.choice(FILTERS)
            return f'{self.base_of_filter(name, depth)}|{name}'
        if r < 0.46:
            return f'{self.operand(depth)} is {self.rng.choice(["", "", "not "])}{self.rng.choice(TESTS)}'
        if r < 0.60:
            name = self.rng.choice(METHODS)
            base = self.pick(STRINGS, STRINGS, SEQS, DICTS, NUMBERS)
            if self.rng.random() < 0.8:
                base = self.rng.choice(STRINGS if TEXT_METHOD.search(name) else DICTS if DICT_METHOD.search(name) else SEQS)
            return f'({base}).{name}'
        if r < 0.70:
            # The list keeps jinja2 from folding the value: of constants, a slice that fails is undefined.
            return f'[{self.expr(depth - 1)}, missing][0]{self.rng.choice(SUBSCRIPTS)}'
        if r < 0.88:
            op = self.rng.choice(OPS)
            if self.rng.random() < 0.6 and op in ('+', '<', '<=', '>', '>=', '-', '*', '/', '//', '%', '**'):
                if op == '**':  # small, or Python would go on for hours; jinja2 writes a negative literal bare
                    return f'({self.rng.choice(SMALL).replace("-1", "neg")}) ** ({self.rng.choice(SMALL)})'
                pool = NUMBERS if op not in '+<=>' or self.rng.random() < 0.5 else STRINGS
                return f'({self.rng.choice(pool)}) {op} ({self.rng.choice(pool)})'
            if 'in' in op and self.rng.random() < 0.8:
                return f'{self.operand(depth)} {op} {self.rng.choice(SEQS)}'
            left, right = self.operand(depth), self.operand(depth)
            if op == '**' or (op == '*' and re.search(r'big|000|\*', left + right)):
                op = '~'
            return f'{left} {op} {right}'
        if r < 0.92:
            tail = f' else {self.expr(depth - 1)}' if self.rng.random() < 0.7 else ''
            return f'{self.expr(depth - 1)} if {self.expr(depth - 1)}{tail}'
        if r < 0.95:
            return f'{self.rng.choice(["not ", "-", "+"])}{self.operand(depth)}'
        return f'[{self.expr(depth - 1)}, {self.expr(depth - 1)}]'

    def base_of_filter(self, name, depth):
        if self.rng.random() < 0.15:
            return self.operand(depth)
        pool = (['people'] if PEOPLE_FILTER.search(name) else NUMBERS + STRINGS if NUMBER_FILTER.match(name)
                else DICTS if DICT_FILTER.match(name) else STRINGS + SEQS + DICTS + NUMBERS if ANY_FILTER.match(name)
                else STRINGS if TEXT_FILTER.match(name) else SEQS)
        return f'({self.rng.choice(pool)})'

    def operand(self, depth):
        e = self.expr(depth - 1)
        return e if re.fullmatch(r'\w+', e) else f'({e})'

    def space(self):
        return self.rng.choice(['', '', ' ', '\n', '\n  ', '  \n', 'x', ' x\n', '\t', '\n\n', 'é '])

    def tag(self, body):
        left = self.rng.choice(['{%', '{%', '{%', '{%-', '{%+'])
        right = self.rng.choice(['%}', '%}', '%}', '-%}', '+%}'])
        return f'{left} {body} {right}'

    def out(self, depth=1):
        left, right = self.rng.choice(['{{', '{{', '{{-']), self.rng.choice(['}}', '}}', '-}}'])
        return f'{left} {self.expr(depth)} {right}'

    def block(self, depth=2):
        return ''.join(self.space() + self.statement(depth) for _ in range(self.rng.randint(1, 3))) + self.space()

    def statement(self, depth):
        kinds = ['out', 'out', 'set', 'raw', 'comment', 'ns', 'v', 'v']
        if depth:
            kinds += ['if', 'if', 'for', 'for', 'for2', 'forif', 'loop', 'macro', 'call', 'filter', 'with', 'setblock', 'generation',
                      'break', 'recursive', 'block']
        kind = self.rng.choice(kinds)
        inner = lambda: self.block(depth - 1)  # noqa: E731
        name = self.rng.choice(['v', 'w', 'i', 's'])
        e = self.expr(1)
        if kind == 'out':
            return self.out()
        if kind == 'v':
            return '{{ ' + self.rng.choice(['v', 'w', 'ns.a', 'loop.index', 'x', 'v ~ w', 'caller', 'y', 'loop']) + ' }}'
        if kind == 'set':
            return self.tag(self.rng.choice([f'set {name} = {e}', f'set v, w = {e}, 1', f'set (v, w) = {e}']))
        if kind == 'ns':
            return self.tag(self.rng.choice([f'set ns = namespace(a={e})', f'set ns.a = {e}', f'set ns.b = ns.a']))
        if kind == 'raw':
            return self.tag('raw') + self.space() + '{{ raw }}' + self.space() + self.tag('endraw')
        if kind == 'comment':
            return self.rng.choice(['{#', '{#-', '{#+']) + ' c ' + self.rng.choice(['#}', '-#}', '+#}'])
        if kind == 'if':
            text = self.tag(f'if {e}') + inner()
            if self.rng.random() < 0.3:
                text += self.tag(f'elif {self.expr(1)}') + inner()
            if self.rng.random() < 0.5:
                text += self.tag('else') + inner()
            return text + self.tag('endif')
        if kind in ('for', 'for2', 'forif', 'loop'):
            target = {'for2': 'x, y'}.get(kind, self.rng.choice(['x', 'v']))
            over = self.rng.choice(['people', 'd.items()', 'l', 'nest', 's', e, e]) if kind != 'for2' else \
                self.rng.choice(['d.items()', 'd|items', 'd|dictsort', 'people|groupby("age")', 'nest', e])
            test = f' if {self.rng.choice(["x", "loop", "x is defined", self.expr(1)])}' if kind == 'forif' else ''
            body = inner()
            if kind == 'loop':
                body += '{{ ' + self.rng.choice([
                    'loop.index', 'loop.index0', 'loop.first', 'loop.last', 'loop.length', 'loop.revindex', 'loop.revindex0',
                    'loop.previtem', 'loop.nextitem', "loop.cycle('a', 'b')", 'loop.changed(x)', 'loop.depth', 'loop.nope',
                    'loop.previtem is defined', 'loop.nextitem is undefined']) + ' }}'
            text = self.tag(f'for {target} in {over}{test}') + body
            if self.rng.random() < 0.25:
                text += self.tag('else') + inner()
            return text + self.tag('endfor')
        if kind == 'break':
            return (self.tag('for x in l') + inner() + self.tag(f'if {self.rng.choice(["x == 1", "loop.index > 1", e])}') +
                    self.tag(self.rng.choice(['break', 'continue'])) + self.tag('endif') + inner() + self.tag('endfor'))
        if kind == 'recursive':
            return ('{% for x in nest recursive %}' + self.space() +
                    '{{ loop.depth }}{% if x is sequence and x is not string %}{{ loop(x) }}{% else %}{{ x }}{% endif %}{% endfor %}')
        if kind == 'macro':
            args = self.rng.choice(['', 'x', 'x, y=1', "x='d', y=x", '*']).replace('*', '')
            given = self.rng.choice(['', '1', '1, 2', 'x=3', 'y=4', '1, 2, 3', 'z=5', '*l', '**d'])
            extra = self.rng.choice(['', '', '{{ varargs }}', '{{ kwargs }}', '{{ caller is defined }}'])
            return (self.tag(f'macro m({args})') + inner() + extra + self.tag('endmacro') + self.space() + f'[{{{{ m({given}) }}}}]')
        if kind == 'call':
            params = self.rng.choice(['', '(x)', '(x, y=2)'])
            return ('{% macro q(a=1) %}<{{ caller(' + self.rng.choice(['', 'a', 'a, 5']) + ') }}>{% endmacro %}' +
                    self.tag(f'call{params} q({self.rng.choice(["", "9"])})') + inner() + self.tag('endcall'))
        if kind == 'filter':
            return self.tag(f'filter {self.rng.choice(["upper", "trim", "indent(2)", "length", "upper|trim", "nofilter", "replace(s, w)"])}') \
                + inner() + self.tag('endfilter')
        if kind == 'with':
            return self.tag(self.rng.choice(['with', f'with v = {e}', f'with v = 1, w = v', f'with x, y = {e}'])) + inner() + \
                self.tag('endwith')
        if kind == 'setblock':
            return self.tag(self.rng.choice(['set v', 'set w | upper', 'set ns.a', 'set v | trim | length'])) + inner() + \
                self.tag('endset') + '{{ v }}'
        if kind == 'block':
            return self.tag(f'block b{self.rng.randint(0, 10 ** 9)}') + inner() + self.tag('endblock')
        return self.tag('generation') + inner() + self.tag('endgeneration')

    def template(self):
        if self.rng.random() < 0.55:
            return '{{ ' + self.expr(3) + ' }}'
        return self.block(3)


# What only shows an address, an order that Python leaves open, or what is declined by design.
UNCOMPARABLE = re.compile(r' at 0x[0-9a-f]+>|<function|<built-in|<bound method|<class|reverseiterator|<Undefined|'
                          r'generator object|method .* of|<LoopContext|<jinja2|<Cycler|<macro')
DECLINED = -4109  # TK_E_UNSUPPORTED


SHOWN = 10  # differences


def compare(driver, seed, count):
    generator = Generator(random.Random(seed))
    stats = {'equal': 0, 'raised': 0, 'declined': 0, 'skipped': 0, 'different': 0, 'notes': []}
    for number in range(count):
        request = {'template': generator.template(), 'messages': [], 'kwargs': VARIABLES}
        want = oracle.expected(request)
        if not isinstance(want, Exception) and UNCOMPARABLE.search(want):
            stats['skipped'] += 1
            continue
        text, error = driver.render(request)
        if error and error['rc'] == DECLINED:
            stats['declined'] += 1
        elif isinstance(want, Exception) and error:
            stats['raised'] += 1
            stats['equal'] += 1
        elif text is not None and text == want:
            stats['equal'] += 1
        else:
            stats['different'] += 1
            if stats['different'] <= SHOWN:
                stats['notes'].append(f'number {number}: {request["template"]!r}\nwanted {want!r}\n'
                                      f'got    {text if error is None else error!r}')
    return stats


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--driver', required=True)
    parser.add_argument('--seed', type=int, default=random.randrange(1 << 32))
    parser.add_argument('--count', type=int, default=5000)
    args = parser.parse_args()
    print(f'seed {args.seed}', flush=True)
    stats = compare(oracle.Driver(args.driver), args.seed, args.count)
    for note in stats['notes']:
        print(f'--- {note}')
    print('{raised} of the equal ones raise; {declined} declined, {skipped} not comparable'.format(**stats))
    print('{equal} passed, {different} failed'.format(**stats))
    return 1 if stats['different'] or not stats['equal'] else 0


if __name__ == '__main__':
    sys.exit(main())
