#!/usr/bin/env python3
"""Make src/token/jinja_unidata.c: what Python's str knows of characters and utf8proc does not.

    python3 tests/data/token/templates/unidata.py > src/token/jinja_unidata.c
"""

import sys
import unicodedata

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(name, wanted):
    out = []
    for c in CODES:
        if wanted(chr(c)):
            if out and out[-1][1] == c - 1:
                out[-1][1] = c
            else:
                out.append([c, c])
    body = ', '.join(f'{{ 0x{a:x}, 0x{b:x} }}' for a, b in out)
    table(f'const struct tk__jrange32 tk__j{name}[]', body, f'tk__j{name}', f'n_{name}')


def mappings(name, how):
    rows = []
    for c in CODES:
        full = how(chr(c))
        if len(full) > 1:
            codes = ', '.join(f'0x{ord(x):x}' for x in full)
            rows.append(f'{{ 0x{c:x}, {{ {codes} }} }}')
    table(f'const struct tk__jfullcase tk__j{name}[]', ', '.join(rows), f'tk__j{name}', f'n_{name}')


def table(head, body, array, count):
    lines, line = [], '   '
    for word in body.replace('{ ', '{~').replace(', ', ',~').replace(' }', '~}').split('},~'):
        word = word.replace('~', ' ') + ('},' if not word.endswith('}') else '')
        if len(line) + len(word) + 1 > 96:
            lines.append(line)
            line = '   '
        line += ' ' + word
    lines.append(line)
    print(head + ' = {')
    print('\n'.join(lines))
    print('};')
    print(f'const unsigned tk__j{count} = TK_ARRAY_LEN({array});\n')


def category(c):
    return unicodedata.category(c)


print('/* jinja_unidata.c - what Python\'s str knows of characters and utf8proc does not')
print(' *')
print(' * Made by tests/data/token/templates/unidata.py with Python '
      f'{sys.version_info[0]}.{sys.version_info[1]} (Unicode {unicodedata.unidata_version});')
print(' * not edited by hand.')
print(' */')
print('#include "token/jinja_unidata.h"\n')
print('/* clang-format off */')
ranges('other_lower', lambda c: c.islower() and category(c) != 'Ll')
ranges('other_upper', lambda c: c.isupper() and category(c) != 'Lu')
ranges('other_digit', lambda c: c.isdigit() and category(c) != 'Nd')
ranges('other_numeric', lambda c: c.isnumeric() and category(c)[0] != 'N')
mappings('full_upper', str.upper)
mappings('full_title', str.title)
print('/* clang-format on */')
