#!/usr/bin/env python3
"""Write src/token/unidata_*.c: what Hugging Face's `tokenizers` thinks of each code point.

Its parts stand on different versions of Unicode (Oniguruma, Rust's std, the regex crate, two older crates), so
each property is asked of the thing itself, code point by code point. Run once per new release of `tokenizers`:

  unicode.py SCRIPTS_RS     with `tokenizers` installed; SCRIPTS_RS is its pre_tokenizers/unicode_scripts/scripts.rs
"""

import os
import re
import sys

from tokenizers import Regex, normalizers as N, pre_tokenizers as P, __version__

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, '../../../src/token')
CATEGORIES = 'Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn Cs'.split()
CODES = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
# What a later Unicode than the normalizers' added; utf8proc 2.8 (15.0) knows these, they do not.
NEWER = {0x11938}


def chunks(step):
    for i in range(0, len(CODES), step):
        yield i, [chr(c) for c in CODES[i:i + step]]


def pieces(pre, text):
    return pre.pre_tokenize_str(text)


def kept(pre):
    """The code points that a pre-tokenizer which removes things leaves."""
    out = set()
    for i, text in chunks(4096):
        for _, (a, b) in pieces(pre, ''.join(text)):
            out.update(CODES[i + k] for k in range(a, b))
    return out


def alone(pre):
    """Those that stand alone between letters."""
    out = set()
    for i, text in chunks(2048):
        for _, (a, b) in pieces(pre, 'a' + 'a'.join(text) + 'a'):
            if b - a == 1 and a % 2 == 1:
                out.add(CODES[i + (a - 1) // 2])
    return out


def joined(pre):
    """Those that a letter on either side joins."""
    out = set()
    for i, text in chunks(2048):
        for _, (a, b) in pieces(pre, ' '.join('a' + c + 'a' for c in text)):
            if b - a == 3 and a % 4 == 0:
                out.add(CODES[i + a // 4])
    return out


def changed(normalizer):
    out = {}
    for c in CODES:
        got = normalizer.normalize_str(chr(c))
        if got != chr(c):
            out[c] = got
    return out


def ranges(codes):
    out = []
    for c in sorted(codes):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def rows(items, per_line):
    lines = []
    for i in range(0, len(items), per_line):
        lines.append('    ' + ' '.join(items[i:i + per_line]))
    return '\n'.join(lines)


def head(name, text):
    return (f'/* unidata_{name}.c - {text}\n *\n * Made by tests/data/token/unicode.py from the behaviour of '
            f'`tokenizers` {__version__}; not edited by hand.\n */\n#include "token/unidata.h"\n\n'
            '/* clang-format off */\n')


def write(name, text):
    with open(os.path.join(OUT, f'unidata_{name}.c'), 'w', encoding='ascii') as f:
        f.write(text + '/* clang-format on */\n')


def write_categories():
    of = {}
    for name in CATEGORIES[:-1]:
        pre = P.Split(Regex(r'\p{%s}' % name), 'removed', invert=True)
        for c in kept(pre):
            of[c] = CATEGORIES.index(name)
    items, last = [], None
    for c in range(0x110000):
        category = of.get(c, CATEGORIES.index('Cs'))
        if category != last:
            items.append('0x%x,' % (c << 5 | category))
            last = category
    text = head('gc', 'general categories as Oniguruma has them: first code point << 5 | category')
    text += f'const uint32_t tk__uni_gc[] = {{\n{rows(items, 11)}\n}};\n'
    text += f'const unsigned tk__uni_n_gc = {len(items)};\n'
    write('gc', text)
    return of


def write_set(name, codes):
    items = ['{ 0x%x, 0x%x },' % (a, b) for a, b in ranges(codes)]
    return (f'const struct tk__uni_range tk__uni_{name}[] = {{\n{rows(items, 5)}\n}};\n'
            f'const unsigned tk__uni_n_{name} = {len(items)};\n\n')


def lower_runs():
    """(first, last, step, difference) runs of the lower-case map."""
    runs = []
    for c, s in sorted(changed(N.Lowercase()).items()):
        if c == 0x130:  # two characters: in the code
            continue
        d = ord(s) - c
        if runs and runs[-1][3] == d and c - runs[-1][1] in (1, 2):
            first, last, step, _ = runs[-1]
            if first == last or c - last == step:
                runs[-1] = [first, c, c - last, d]
                continue
        runs.append([c, c, 1, d])
    return runs


def normal_active():
    """Code points that NFC may change, or that may change the one before."""
    nfd, nfc = changed(N.NFD()), changed(N.NFC())
    active = set(nfc)
    for c, s in nfd.items():
        if c not in nfc:
            active.update(ord(x) for x in s[1:])
    mark = N.NFD()
    for c in CODES:
        if c not in nfd and mark.normalize_str('a' + chr(c) + '\u0334') != 'a' + chr(c) + '\u0334':
            active.add(c)  # its combining class is above 1
        elif c not in nfd and mark.normalize_str('a\u0345' + chr(c)) != 'a\u0345' + chr(c):
            active.add(c)  # above 0
    active.update(range(0x1161, 0x1176))
    active.update(range(0x11A8, 0x11C3))
    return active


def utf8proc():
    import ctypes
    lib = ctypes.CDLL('libutf8proc.so.2')
    lib.utf8proc_category_string.restype = ctypes.c_char_p

    class Property(ctypes.Structure):
        _fields_ = [('category', ctypes.c_int16), ('ccc', ctypes.c_int16)]
    lib.utf8proc_get_property.restype = ctypes.POINTER(Property)
    libc = ctypes.CDLL(None)

    def decomposed(c, compat):
        p = ctypes.c_void_p()
        b = chr(c).encode()
        n = lib.utf8proc_map(b, len(b), ctypes.byref(p), 1 << 1 | 1 << 4 | (1 << 2 if compat else 0))
        s = ctypes.string_at(p, n).decode()
        libc.free(p)
        return s
    return lib, decomposed


def normal_inert(of, active):
    """Code points that the normalizers do not know yet: assigned later than their Unicode."""
    lib, decomposed = utf8proc()
    nfd, nfkd = changed(N.NFD()), changed(N.NFKD())
    out = set()
    for c in CODES:
        if of.get(c) == CATEGORIES.index('Cn') or lib.utf8proc_category_string(c) == b'Cn':
            out.add(c)
        elif decomposed(c, False) != nfd.get(c, chr(c)) or decomposed(c, True) != nfkd.get(c, chr(c)):
            out.add(c)
        elif lib.utf8proc_get_property(c).contents.ccc and c not in active:
            out.add(c)
    return out


def write_sets(of):
    bert = N.BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    accents = N.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    strip = N.StripAccents()
    active = normal_active()
    text = head('sets', 'sets of code points, and lower case')
    text += write_set('space', set(CODES) - kept(P.WhitespaceSplit()))
    text += write_set('word', joined(P.Whitespace()))
    text += write_set('oniguruma_word', kept(P.Split(Regex(r'\w'), 'removed', invert=True)))
    text += write_set('numeric', alone(P.Digits(True)))
    text += write_set('punctuation', set(CODES) - kept(P.Punctuation('removed')))
    text += write_set('bert_removed', {c for c in CODES if bert.normalize_str('a' + chr(c) + 'a') == 'aa'})
    text += write_set('bert_mark', {c for c in CODES if accents.normalize_str('a' + chr(c) + 'a') == 'aa'})
    text += write_set('combining', {c for c in CODES if strip.normalize_str('a' + chr(c) + 'a') == 'aa'})
    text += write_set('nfc_active', active)
    text += write_set('normal_inert', normal_inert(of, active))
    items = ['{ 0x%x, 0x%x, %d, %d },' % tuple(r) for r in lower_runs()]
    text += f'const struct tk__uni_lower tk__uni_lower[] = {{\n{rows(items, 4)}\n}};\n'
    text += f'const unsigned tk__uni_n_lower = {len(items)};\n'
    write('sets', text)


def write_scripts(path):
    """With what the pre-tokenizer makes of them: Hiragana and Katakana are Han, a space belongs to any."""
    names, of = ['Any'], {}
    with open(path, encoding='utf-8') as f:
        for m in re.finditer(r'0x([0-9A-F]+)(?:\.\.=0x([0-9A-F]+))? => Script::(\w+)', f.read()):
            name = 'Han' if m[3] in ('Hiragana', 'Katakana') else m[3]
            if name not in names:
                names.append(name)
            for c in range(int(m[1], 16), int(m[2] or m[1], 16) + 1):
                of.setdefault(c, names.index(name))
    of[0x30FC] = names.index('Han')
    of[0x20] = 0
    items, last = [], 0
    for c in range(0x110000):
        if of.get(c, 0) != last:
            last = of.get(c, 0)
            items.append('0x%x,' % (c << 8 | last))
    text = head('scripts', 'scripts, 0 for none: first code point << 8 | script')
    text += f'const uint32_t tk__uni_script[] = {{\n{rows(items, 9)}\n}};\n'
    text += f'const unsigned tk__uni_n_script = {len(items)};\n'
    write('scripts', text)


if __name__ == '__main__':
    categories = write_categories()
    write_sets(categories)
    write_scripts(sys.argv[1])
