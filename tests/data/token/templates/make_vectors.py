#!/usr/bin/env python3
"""Make vectors.json: templates of our own, and what jinja2 (as transformers 4.57.3 sets it up) makes of them.

    python3 tests/data/token/templates/make_vectors.py > tests/data/token/templates/vectors.json

Needs transformers and jinja2; the test that replays the vectors needs neither. A vector without `text` must fail.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../../parity/templates'))
sys.dont_write_bytecode = True

import oracle  # noqa: E402

VARS = {
    's': 'Hello, World', 'u': 'Grüße, ÉCOLE ß ﬁ 👋🏽', 'ws': ' \t a b\n\n c\u00a0\u2003 ', 'i': 7, 'neg': -13, 'f': 2.5, 'n': None, 't': True,
    'l': [3, 1, 2], 'ls': ['b', 'A', 'c', 'a'], 'mixed': [1, 'a', None, 2.5, [1], {'k': "it's"}], 'nest': [[1, [2, 3]], [4], []],
    'd': {'b': 1, 'a': 2, 'C': 3}, 'deep': {'x': {'y': [1, {'z': 'ok'}]}, 'items': 'shadow', 'k e y': 1},
    'huge': 2 ** 70, 'exp': 1e-7, 'floats': [1.0, 0.1, 1e16, 1e22, 123456789.123, -0.0, 1e-5],
    'people': [{'name': 'Bob', 'age': 30, 'tags': ['x']}, {'name': 'alice', 'age': 25, 'tags': []}, {'name': 'Carol', 'age': 30}],
    'text': 'one\ntwo\r\nthree\n\nfour', 'html': '<a href="x">T&amp;C\'s</a>  <!-- no -->\n end', 'uni': '\u2028\x7f\x00é😀"\\/',
}

WHITE_SPACE = [
    'a\n',
    'a\n\n',
    '\n',
    '',
    'a\r\nb\rc\n',
    '{% if true %}\nx\n{% endif %}\ny',
    '  {% if true %}  \nx{% endif %}',
    'a  {%- if true -%}  x  {%- endif -%}  b',
    'a\n  {%+ if true %}x{% endif +%}\nb',
    'x {# c #}\n y {#- c -#} \n z',
    '  {# c #}\n  {{ 1 }}\n  {% set a = 1 %}\n  b',
    '{{ 1 -}}  \n x',
    'x \n {{- 1 }}\n',
    '{% raw %}\n {{ x }} {% endraw %}\nb',
    '{%- raw -%} \n {% if %} {%- endraw -%} \n c',
    'a\u2003{%- if 1 %}b{% endif %}',
    '{% for x in l %}\n  {{ x }}\n{% endfor %}\n',
    "{{ '{{' }}{{ '%}' }}{{ {'a': {'b': 1}} }}",
    '{% set x = {"a": 1} %}{{ x }}',
    'a{%-%}b',
    '{#',
    '{% if',
    '{{',
    '{{ }',
    '{% raw %}x',
    '{{ a b }}',
    '{ { } }',
    '{{ ) }}',
    "{{ 'a }}",
    '\t {% if 1 %}a{% endif %} {% if 1 %}b{% endif %}\n',
    'x\n \t{% if 1 %}\n\n{% endif %}',
    '{% if 1 %}a{% endif %}\n{% if 1 %}b{% endif %}\n\nc',
    '{{ 1 }}\n{{ 2 }}\n',
    '{% if 1 -%}\n a {%- endif %}',
    '{%if 1%}x{%endif%}',
    "{% set a = 'x\ny' %}{{ a }}",
]
LITERALS = [
    "{{ 'a' \"b\" 'c' }}",
    r"{{ 'a\n\t\\\'\x41\u00e9\101\q' }}",
    r'{{ "\é" }}',
    r"{{ 'a\
b' }}",
    '{{ 1 }} {{ 1.5 }} {{ 1e3 }} {{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 00 }} {{ 1.0e-7 }} {{ 1e400 }}',
    '{{ 123456789012345678901234567890 }}',
    '{{ true }} {{ True }} {{ none }} {{ None }} {{ false }}',
    '{{ [] }} {{ () }} {{ (1,) }} {{ {} }} {{ [1, "a", (2,)] }} {{ {"a": [none, true, 1.0]} }}',
    '{{ 1, 2 }}',
    "{{ {1: 2, 1.0: 3, true: 4} }}",
    '{{ floats }}',
    '{{ mixed }}',
    '{{ uni }}',
    '{{ [uni] }}',
    '{{ ["it\'s", \'say "hi"\', "\'\\""] }}',
    '{{ huge }} {{ [huge] }} {{ huge > 1 }} {{ huge == huge }}',
    '{{ exp }}',
    '{{ 07 }}',
    '{{ 1.x }}',
    '{{ l.0 }} {{ l.1 }}',
    '{{ {"a": 1, **d} }}',
    '{{ [1 2] }}',
    '{{ (1) }} {{ ((1)) }}',
    '{{ {[1]: 2} }}',
]
OPERATORS = [
    '{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7 % 3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7 / 2 }} {{ 6 / 2 }}',
    '{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2 * 3 + 4 }} {{ 2 + 3 * 4 }} {{ 10 - 3 - 2 }}',
    '{{ 1 / 0 }}',
    '{{ 1 // 0 }}',
    '{{ 1 % 0 }}',
    '{{ 1.0 / 0 }}',
    '{{ 0 ** -1 }}',
    '{{ true + true }} {{ -true }} {{ +true }}',
    '{{ "a" + "b" }} {{ "ab" * 3 }} {{ 3 * "ab" }} {{ "ab" * -1 }} {{ [1] + [2] }} {{ [1] * 2 }} {{ (1,) + (2,) }}',
    '{{ "a" + 1 }}',
    '{{ 1 + "a" }}',
    '{{ [1] + (2,) }}',
    '{{ none + 1 }}',
    '{{ missing + 1 }}',
    '{{ 1 + missing }}',
    '{{ "a" ~ 1 ~ none ~ missing ~ [1] }}',
    '{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }} {{ "a" < "b" }} {{ [1, 2] < [1, 3] }}',
    '{{ 1 < "a" }}',
    '{{ none < 1 }}',
    '{{ 1 == "1" }} {{ none == none }} {{ missing == nothing }} {{ missing == none }}',
    '{{ 1 in l }} {{ 9 in l }} {{ 9 not in l }} {{ "a" in d }} {{ "ell" in s }} {{ "" in s }} {{ 1 in missing }}',
    '{{ 1 in s }}',
    '{{ 1 in 1 }}',
    '{{ not true }} {{ not 0 }} {{ not missing }} {{ not [] }} {{ 0 or "x" }} {{ 1 and "y" }} {{ "" and 1 }} {{ none or [] or 0 }}',
    '{{ "y" if l else "n" }}{{ "y" if missing }}{{ ("y" if false) is undefined }}',
    '{{ 1 if 2 if 3 else 4 else 5 }}',
    '{{ -1|abs }} {{ (-1)|abs }} {{ 2 - -1 }} {{ - 2 }} {{ +2 }} {{ -l[0] }}',
    '{{ not 1 == 2 }} {{ not l is string }}',
    '{{ 9223372036854775807 + 0 }} {{ 9223372036854775807 == 9223372036854775807.0 }} {{ 9007199254740993 == 9007199254740992.0 }}',
    '{{ 0.1 + 0.2 }} {{ 1e16 + 1 }} {{ 5 // 0.3 }} {{ 1e308 * 10 }} {{ 3 * 1.1 }}',
    '{{ "%s is %d, %5.2f|%-5s|%05d|%x|%r|%%|%+d|%e|%g" % ("a", 3, 2.5, "b", 42, 255, "q", 1, 12345.678, 0.0001) }}',
    '{{ "%(a)s-%(b)03d" % {"a": 1, "b": 2} }}',
    '{{ "%s" % [1] }} {{ "%s" % missing }}.',
    '{{ "%s %s" % 1 }}',
    '{{ "%d" % "a" }}',
    '{{ "a" % 1 }}',
    '{{ [] == () }} {{ [1, [2]] == [1, [2.0]] }} {{ {"a": 1} == {"a": 1.0} }} {{ d == {"C": 3, "a": 2, "b": 1} }}',
    '{{ -neg // 2 }} {{ neg % 5 }} {{ neg / 2 }}',
    '{{ missing and missing.x }}',
]
ACCESS = [
    '{{ deep.x.y[1].z }} {{ deep["x"]["y"][0] }} {{ deep.x.y.1.z }} {{ deep["k e y"] }}',
    '{{ deep.items is callable }}',
    '{{ deep["items"] }}',
    '{{ deep.nope }}|{{ deep.nope is defined }}',
    '{{ deep.nope.x }}',
    '{{ missing.x }}',
    '{{ missing[0] }}',
    '{{ none.x }}|{{ l.x }}|{{ l[99] }}|{{ s[99] }}',
    '{{ s[0] }}{{ s[-1] }}{{ u[2] }}{{ u[-2] }}{{ l[-1] }}{{ l[true] }}',
    '{{ s[1:4] }} {{ s[:-2] }} {{ s[::-1] }} {{ s[::2] }} {{ s[-3:] }} {{ s[5:1:-2] }} {{ u[1:6] }} {{ u[::-1] }} {{ s[99:] }} {{ s[2:2] }}',
    '{{ l[1:] }} {{ l[::-1] }} {{ l[:] }} {{ l[-99:99] }} {{ (1, 2, 3)[1:] }} {{ range(10)[2:8:3]|list }}',
    '{{ s[::0] }}',
    '{{ s["a":] }}',
    '{{ d[1:] }}',
    '{{ n[1:] }}',
    '{{ l["x"] }}|{{ s["upper"]() }}|{{ d["get"]("a") }}',
    '{{ d.a }}{{ d["a"] }}{{ d.get("zz") }}{{ d.get("zz", 5) }}',
    '{{ d.__class__ }}|{{ d.__class__ is defined }}',
    '{{ d.__class__.x }}',
    '{{ l.append(1) }}',
    '{{ d.update({"x": 1}) }}',
    '{{ d.pop is defined }}',
    '{{ d.items() }} {{ d.keys() }} {{ d.values() }} {{ d.keys()|list }} {{ d.items()|list }}',
    '{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}',
    '{{ people[0]["name"] }} {{ people[-1].tags is undefined }}',
    '{{ people|map(attribute="name")|list }} {{ people|map(attribute="tags.0", default="-")|list }}',
    '{{ l|attr("x") }}|{{ d|attr("a") }}|{{ s|attr("upper") is callable }}',
    '{{ d[[1]] }}|{{ d[none] }}|{{ {none: 1}[none] }}',
    '{{ {(1, 2): "t"}[(1, 2)] }} {{ {(1, 2): "t"}[1, 2] }}',
    '{{ 1() }}',
    '{{ s() }}',
    '{{ missing() }}',
    '{{ "x"._y }}',
]
STATEMENTS = [
    '{% for x in l %}{{ loop.index }}/{{ loop.length }}:{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}',
    '{% for x in l %}{{ loop.first }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.index0 }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}',
    '{% for x in l %}[{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}]{% endfor %}',
    '{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{{ loop.cycle("a", "b") }} {% endfor %}',
    '{% for x in [] %}x{% else %}empty{% endfor %}{% for x in missing %}x{% else %}none{% endfor %}',
    '{% for x in none %}{% endfor %}',
    '{% for x in 3 %}{% endfor %}',
    '{% for x in range(10) if x % 2 %}{{ x }}{{ loop.length }}{{ loop.last }} {% endfor %}',
    '{% for a, b in [[1, 2], (3, 4), "xy"] %}{{ a }}-{{ b }} {% endfor %}',
    '{% for a, b in [[1]] %}{% endfor %}',
    '{% for a, b in [[1, 2, 3]] %}{% endfor %}',
    '{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}',
    '{% for x in nest recursive %}{{ loop.depth }}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}',
    '{% for x in l %}{{ loop(l) }}{% endfor %}',
    '{% for x in range(9) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}',
    '{% for x in l %}{% continue %}{% else %}still{% endfor %}',
    '{% for c in u %}{{ c }}.{% endfor %}',
    '{% for k in d %}{{ k }}{% endfor %}',
    '{% for x in l %}{% for y in ls %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}',
    '{% for x in l %}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}',
    '{% set x = 1 %}{% for y in l %}{{ x }}{% set x = x + 1 %}{{ x }} {% endfor %}{{ x }}',
    '{{ x }}{% for x in l %}{{ x }}{% endfor %}{{ x is defined }}',
    '{% if t %}{% set x = 1 %}{% endif %}{{ x }}',
    '{% if n %}{% set i = 1 %}{% endif %}{{ i }}',
    '{% if n %}a{% elif i == 7 %}b{% elif t %}c{% else %}d{% endif %}',
    '{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}',
    '{% set a, b = 1 %}',
    '{% set x %}a{{ i }}b{% endset %}{{ x }}{% set y | upper | trim %} q {% endset %}{{ y }}',
    '{% set loop = 1 %}{{ loop }}',
    '{% set ns = namespace(n=0, x="a") %}{% for v in l %}{% set ns.n = ns.n + v %}{% endfor %}{{ ns.n }}{{ ns.x }}{{ ns.y }}{{ ns }}',
    '{% set ns = namespace({"a": 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns["a"] }}{{ ns["zz"] is defined }}',
    '{% set d.x = 1 %}',
    '{% set nope.x = 1 %}',
    '{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}',
    '{% set true = 1 %}',
    '{% set s.x.y = 1 %}',
    '{% set 1 = 2 %}',
    '{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=5) }} {{ m(b=3, a=4) }} [{{ m() }}]',
    '{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}',
    '{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}',
    '{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, z=4) }}{{ m(*l, **d) }}',
    '{% macro m(a, a) %}{% endmacro %}',
    '{% macro m(a=1, b) %}{% endmacro %}',
    '{% macro outer() %}<{{ caller() }}>{% endmacro %}{% call outer() %}in{{ i }}{% endcall %}',
    '{% macro outer(x) %}{{ caller(x, 2) }}{% endmacro %}{% call(a, b=5) outer(1) %}{{ a }}{{ b }}{% endcall %}',
    '{% macro o() %}{{ caller is defined }}{% endmacro %}{{ o() }}',
    '{% macro fact(n) %}{% if n > 1 %}{{ n }}*{{ fact(n - 1) }}{% else %}1{% endif %}{% endmacro %}{{ fact(5) }}',
    '{% macro m() %}{{ z }}{% endmacro %}{% set z = 1 %}{{ m() }}{% set z = 2 %}{{ m() }}',
    '{{ m() }}{% macro m() %}{% endmacro %}',
    '{% macro m(x) %}{% set x = x ~ "!" %}{{ x }}{% endmacro %}{{ m("a")|upper }}{{ m }}{{ m.name }}',
    '{% filter upper %}a{{ s }}{% endfilter %}',
    '{% filter replace("a", "b")|upper|trim %} aXa {% endfilter %}',
    '{% filter length %}abc{% endfilter %}',
    '{% with a = 1, b = i %}{{ a }}{{ b }}{% set i = 0 %}{{ i }}{% endwith %}{{ i }}{{ a is defined }}',
    '{% with a = 1, b = a %}{{ b }}{% endwith %}',
    '{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}',
    '{% generation %}a{% set gen = 1 %}{{ gen }}{% endgeneration %}{{ gen }}',
    '{% for m in l %}{% generation %}{{ m }}{{ loop.index }}{% endgeneration %}{% endfor %}',
    '{% block a %}x{{ i }}{% endblock %}',
    '{% set v = 1 %}{% block a %}{{ v }}{% endblock a %}{% for q in l %}{% block b %}{{ q is defined }}{% endblock %}{% endfor %}',
    '{% print 1, "a" %}',
    '{% autoescape false %}{{ html }}{% endautoescape %}',
    '{% if false %}{% include "x" %}{% endif %}ok',
    '{% include "x" %}',
    '{% import "x" as y %}',
    '{% extends "x" %}',
    '{% endfor %}',
    '{% for x in l %}',
    '{% if x %}{% endfor %}',
    '{% nope %}',
    '{% break %}',
    '{% for x in l %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}',
    '{% for x in l %}{% else %}{% break %}{% endfor %}',
    '{% else %}',
    '{% for loop in l %}{% endfor %}',
    '{% for x in l %}{% set y %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endset %}{{ y }}{% endfor %}',
    '{% set x = 1 %}{% if true %}{% set x = 2 %}{% for q in [1] %}{% set x = 3 %}{{ x }}{% endfor %}{% endif %}{{ x }}',
    '{% call d() %}{% endcall %}',
    '{% call 1 %}{% endcall %}',
    '{{ i }}{% set i = i + 1 %}{{ i }}',
    '{% set x = l %}{% for l in x %}{{ l }}{% endfor %}{{ l }}',
    '{% for x in l if loop.index %}{% endfor %}',
    '{% for x in l %}{% if loop.index0 == 1 %}{{ loop }}{% endif %}{% endfor %}',
    '{% for x in l %}{% set ns = namespace(p=loop) %}{{ ns.p.index }}{% endfor %}',
    '{% for g in people|groupby("age") %}{{ g.grouper }}:{{ g.list|length }} {% endfor %}',
    '{% for x in range(3) %}{% for y in range(3) if y > x %}{{ x }}{{ y }} {% endfor %}{% endfor %}',
    '{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.current }}',
    '{% set j = joiner("|") %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}',
]
FUNCTIONS = [
    '{{ range(3)|list }} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {{ range(3) }} {{ range(0, 9, 2) }} {{ range(4)[1] }} {{ 2 in range(3) }} {{ range(0)|length }}',
    '{{ range(100001) }}',
    '{{ range(1, 2, 0) }}',
    '{{ range("a") }}',
    '{{ dict(a=1, b=2) }} {{ dict([["x", 1]], y=2) }} {{ dict(d) == d }}',
    '{{ dict(1) }}',
    '{{ raise_exception("no: " ~ i) }}',
    '{% if false %}{{ raise_exception("x") }}{% endif %}fine',
    '{{ strftime_now("%Y-%m-%d %H:%M:%S") }} {{ strftime_now("%d %b %Y, %A %B %-d %j %p %y %%") }} {{ strftime_now("é%fz%z") }}',
    '{{ strftime_now(1) }}',
    '{{ cycler() }}',
    '{{ nofunction() }}',
    '{{ "x" is filter }} {{ "upper" is filter }} {{ "odd" is test }} {{ "nope" is test }}',
]
FILTERS = [
    "{{ u|upper }} {{ u|lower }} {{ u|title }} {{ u|capitalize }} {{ 'ΑΣ ΣΑΣ'|lower }} {{ 'ŉ ǰ'|upper }} {{ 'İ'|lower|length }}",
    "{{ ws|trim }}| {{ 'xxaxx'|trim('x') }}",
    "{{ s|replace('l', 'L') }} {{ s|replace('l', 'L', 1) }} {{ 'aaa'|replace('', '-') }} {{ 5|replace(5, 6) }}",
    '{{ text|indent }}|{{ text|indent(2, true) }}|{{ text|indent(2, blank=true) }}|{{ text|indent("> ", true, true) }}',
    "{{ 'foo bar baz qux'|truncate(9) }} {{ 'foo bar baz qux'|truncate(9, true) }} {{ 'foo bar baz qux'|truncate(11) }} {{ 'foo bar baz qux'|truncate(11, false, '...', 0) }}",
    '{{ s|truncate(1) }}',
    "{{ 'a'|center(5) }}|{{ 'ab'|center(5) }}|{{ 'abc'|center(6) }}|",
    '{{ l|join }} {{ l|join(", ") }} {{ people|join("/", attribute="name") }} {{ s|join("-") }} {{ mixed|join("|") }}',
    '{{ 5|join }}',
    '{{ l|first }} {{ l|last }} {{ []|first }}| {{ "abc"|last }} {{ d|first }} {{ d|last }} {{ l|length }} {{ d|count }} {{ u|length }} {{ missing|length }}',
    '{{ 5|length }}',
    '{{ none|length }}',
    '{{ 5|first }}',
    '{{ (x for x in l) }}',
    '{{ l|map("string")|last }}',
    '{{ l|sort }} {{ l|sort(true) }} {{ ls|sort }} {{ ls|sort(case_sensitive=true) }} {{ people|sort(attribute="name")|map(attribute="name")|join(",") }} {{ people|sort(attribute="age,name")|map(attribute="name")|join(",") }} {{ people|sort(true, attribute="age")|map(attribute="name")|join(",") }}',
    '{{ mixed|sort }}',
    '{{ [missing, missing]|sort }}',
    '{{ d|dictsort }} {{ d|dictsort(true) }} {{ d|dictsort(false, "value") }} {{ d|dictsort(reverse=true) }}',
    '{{ l|dictsort }}',
    '{{ d|dictsort(by="x") }}',
    '{{ ls|unique|list }} {{ ["a", "A", "b", 1, 1.0]|unique|list }} {{ ["a", "A"]|unique(true)|list }} {{ people|unique(attribute="age")|map(attribute="name")|list }}',
    '{{ [[1]]|unique|list }}',
    '{{ l|min }} {{ l|max }} {{ ls|min }} {{ ls|max }} {{ people|max(attribute="age") }} {{ []|min }}|',
    '{{ l|sum }} {{ people|sum(attribute="age") }} {{ [[1], [2]]|sum(start=[]) }} {{ floats|sum }}',
    '{{ ls|sum }}',
    '{{ l|reverse|list }} {{ s|reverse }} {{ d|reverse|list }} {{ range(3)|reverse|list }}',
    '{{ 5|reverse }}',
    '{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, "x")|list }} {{ [1, 2, 3, 4, 5]|slice(3)|list }} {{ [1, 2, 3, 4]|slice(3, "x")|list }}',
    '{{ people|groupby("age") }}',
    '{{ people|groupby("nope", default="?")|list|length }}',
    '{{ d|items|list }} {{ missing|items|list }}',
    '{{ l|items|list }}',
    '{{ l|select("odd")|list }} {{ l|reject("odd")|list }} {{ mixed|select|list }} {{ mixed|reject|list }} {{ l|select("gt", 1)|list }} {{ people|selectattr("tags")|map(attribute="name")|list }} {{ people|selectattr("age", "eq", 30)|map(attribute="name")|list }} {{ people|rejectattr("tags", "defined")|map(attribute="name")|list }}',
    '{{ l|select("nope")|list }}',
    '{{ l|map("nope")|list }}',
    '{{ []|map("nope")|list }}',
    '{{ l|map|list }}',
    '{{ l|selectattr|list }}',
    '{{ l|map("upper")|first }}',
    '{{ ls|map("upper")|map("lower")|join }}',
    '{{ people|map(attribute="name", default=1, x=2)|list }}',
    '{% set g = ls|map("upper") %}{{ g|first }}{{ g|list }}{{ g|list }}',
    '{{ (l|select("odd")) is iterable }} {{ (l|select("odd")) is sequence }} {{ (l|select("odd")) is sameas(l) }}',
    '{{ "3.7"|int }} {{ "x"|int }} {{ "x"|int(5) }} {{ "0x1A"|int(0, 16) }} {{ "11"|int(base=2) }} {{ 3.9|int }} {{ -3.9|int }} {{ none|int }} {{ " 12 "|int }} {{ "1_0"|int }} {{ true|int }} {{ 1e20|int }} {{ "12abc"|int }}',
    '{{ "2.5"|float }} {{ "x"|float }} {{ 3|float }} {{ "1e3"|float }} {{ none|float(1.5) }} {{ "inf"|float }} {{ "nan"|float }}',
    '{{ missing|int }}',
    '{{ -5|abs }} {{ (-2.5)|abs }}',
    '{{ s|abs }}',
    '{{ 42.55|round }} {{ 42.55|round(1) }} {{ 42.55|round(1, "floor") }} {{ 42.55|round(1, "ceil") }} {{ 2.5|round }} {{ 3.5|round }} {{ 42|round }} {{ 25|round(-1) }} {{ 35|round(-1) }} {{ 1.005|round(2) }} {{ 7|round(0, "floor") }}',
    '{{ 1|round(0, "x") }}',
    '{{ d|tojson }} {{ mixed|tojson }} {{ u|tojson }} {{ uni|tojson }} {{ u|tojson(ensure_ascii=true) }} {{ none|tojson }} {{ floats|tojson }} {{ huge|tojson }}',
    '{{ deep|tojson(indent=2) }}|{{ []|tojson(indent=2) }}|{{ {"a": []}|tojson(indent=1) }}|{{ [1]|tojson(indent=0) }}|{{ [1]|tojson(indent="--") }}',
    '{{ d|tojson(sort_keys=true) }} {{ d|tojson(separators=(",", ":")) }} {{ d|tojson(indent=2, separators=(",", ": ")) }}',
    '{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}',
    '{{ missing|tojson }}',
    '{{ [missing]|tojson }}',
    '{{ (1, 2)|tojson }} {{ range(2)|tojson }}',
    '{{ {(1, 2): 3}|tojson }}',
    '{{ {"b": 1, 2: 3}|tojson(sort_keys=true) }}',
    '{{ "</script>&\'"|tojson }}',
    '{{ ("inf"|float)|tojson }}',
    '{{ missing|default("x") }} {{ none|default("x") }} {{ ""|default("x", true) }} {{ none|d("y", boolean=true) }} {{ missing|default }}|',
    '{{ html|escape }} {{ html|e|e }} {{ html|forceescape }} {{ html|safe }} {{ html|striptags }}',
    '{{ "<b>"|safe + "<i>" }} {{ "<i>" + "<b>"|safe }} {{ ("<b>"|safe) is escaped }} {{ ["<b>"|safe] }} {{ ("<"|escape) ~ "<" }}',
    '{{ "a b/c?é&"|urlencode }} {{ {"a b": "c&d", "e": 1}|urlencode }} {{ [("x", 1)]|urlencode }}',
    '{{ s|wordcount }} {{ u|wordcount }} {{ "a_b c-d"|wordcount }}',
    "{{ '%s-%s'|format(1, 'b') }} {{ '%(x)s'|format(x=3) }}",
    '{{ "%s"|format(1, x=2) }}',
    '{{ 5|string ~ 5 }} {{ l|string|length }} {{ s|list }}',
    '{{ 1|filesizeformat }} {{ 999|filesizeformat }} {{ 13000|filesizeformat }} {{ 4100000|filesizeformat }} {{ 2048|filesizeformat(true) }}',
    '{{ {"class": "a<b", "x": none, "id": 1}|xmlattr }}',
    '{{ s|nofilter }}',
    '{% if false %}{{ s|nofilter }}{% endif %}ok',
    '{% if true %}{{ s|nofilter }}{% endif %}',
    '{% for x in [] %}{{ s|nofilter }}{% endfor %}',
    '{% if false %}{% for x in [] %}{{ s|nofilter }}{% endfor %}{% endif %}',
    '{{ 1 if true else s|nofilter }}',
    '{{ s|upper(1) }}',
    '{{ s|replace("a") }}',
    '{{ s|truncate(foo=1) }}',
    '{{ l|join(d="-") }} {{ l|join(attribute=none, d="+") }}',
    '{{ s|title }} {{ "hello-world (foo) [bar] it\'s"|title }} {{ "hello wORLD"|capitalize }}',
    '{{ text|upper|lower|trim|length }}',
]
TESTS = [
    '{% for x in [1, "a", none, 2.5, [1], {"k": 1}, true, missing, range(2)] %}{{ x is string }}{{ x is number }}{{ x is integer }}{{ x is float }}{{ x is boolean }}{{ x is none }}{{ x is mapping }}{{ x is sequence }}{{ x is iterable }}{{ x is defined }}{{ x is undefined }}{{ x is callable }}{{ x is true }}{{ x is false }}\n{% endfor %}',
    '{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 3 is not odd }}',
    '{{ s is odd }}',
    '{{ none is odd }}',
    '{{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is gt(1) }} {{ 2 is ge 2 }} {{ 2 is le 1 }} {{ 1 is in [1, 2] }} {{ "a" is in "abc" }} {{ 1 is sameas 1 }} {{ 1 is sameas true }} {{ none is sameas none }}',
    '{{ "abc" is lower }} {{ "ABC" is upper }} {{ "aB" is lower }} {{ "1" is lower }} {{ 5 is upper }}',
    '{{ x is nope }}',
    '{{ 1 is divisibleby }}',
    '{{ 1 is odd is even }}',
    '{{ not 1 is odd }} {{ 1 is not defined and 1 }}',
    '{{ 1 is string or 2 is integer }} {{ "yes" if i is defined else "no" }}',
    '{{ s is string and s is not none }}',
    '{{ missing is none }}{{ missing is string }}',
    '{{ range is callable }} {{ s.upper is callable }} {{ namespace() is mapping }} {{ loop is defined }}',
    '{{ 1 is lt "a" }}',
]
METHODS = [
    "{{ ws.strip() }}|{{ ws.lstrip() }}|{{ ws.rstrip() }}|{{ 'abcba'.strip('ab') }}|{{ 'éaé'.strip('é') }}|{{ 'x'.strip('x') }}|",
    "{{ ws.split() }} {{ 'a,b,,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b c '.split(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'abc'.split('abc') }}",
    "{{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ 'a b'.rsplit() }} {{ 'a--b--c'.rsplit('--') }}",
    "{{ 'a'.split('') }}",
    "{{ 'a'.split(1) }}",
    '{{ text.splitlines() }} {{ text.splitlines(true) }} {{ "".splitlines() }} {{ "\\n".splitlines() }} {{ "a\\x0bb\\x1cc\\u2028d\\x85e".splitlines() }}',
    "{{ s.startswith('He') }} {{ s.startswith(('x', 'H')) }} {{ s.endswith('ld') }} {{ s.startswith('l', 2) }} {{ s.endswith('o', 0, 5) }} {{ s.startswith('') }} {{ ''.startswith('', 1) }}",
    '{{ s.startswith(1) }}',
    "{{ s.replace('l', 'L') }} {{ s.replace('o', '0', 1) }} {{ 'ab'.replace('', '-') }} {{ 'ab'.replace('', '-', 2) }} {{ 'é'.replace('', '.') }}",
    '{{ s.replace("a") }}',
    "{{ u.upper() }} {{ u.lower() }} {{ u.title() }} {{ u.capitalize() }} {{ u.swapcase() }} {{ 'ß'.casefold() }} {{ 'they\\'re bill\\'s'.title() }}",
    "{{ s.find('o') }} {{ s.find('o', 5) }} {{ s.rfind('o') }} {{ s.find('zz') }} {{ u.find('ß') }} {{ s.find('', 99) }} {{ s.index('W') }} {{ s.count('l') }} {{ s.count('') }} {{ 'aaaa'.count('aa') }} {{ s.find('o', -5, -1) }}",
    "{{ s.index('zz') }}",
    "{{ ', '.join(ls) }} {{ ''.join([]) }} {{ '-'.join('abc') }} {{ '-'.join(d) }}",
    "{{ ','.join(l) }}",
    "{{ ','.join(5) }}",
    "{{ '{} {}'.format(1, 'a') }} {{ '{1}{0}'.format('a', 'b') }} {{ '{x}-{y!r}'.format(x=1, y='q') }} {{ '{0.x.y[1]}'.format(deep) }} {{ '{0[a]}'.format(d) }} {{ '{{}}'.format() }}",
    "{{ '{:>5}|{:<5}|{:^5}|{:*^7}|{:05d}|{:+d}|{:x}|{:#x}|{:b}|{:,}|{:.2f}|{:10.3f}|{:e}|{:%}|{:s}|{:.2}'.format('a', 'b', 'c', 'd', 42, 7, 255, 255, 5, 1234567, 3.14159, 2.5, 12345.678, 0.256, 'str', 'truncated') }}",
    "{{ '{:{}}'.format('a', 5) }}|{{ '{:_}'.format(1234567) }} {{ '{:c}'.format(233) }} {{ '{:08.3f}'.format(-3.14159) }} {{ '{: d}'.format(5) }}",
    "{{ '{}'.format() }}",
    "{{ '{x}'.format(1) }}",
    "{{ '{'.format(1) }}",
    "{{ '{:d}'.format('a') }}",
    "{{ '{} {0}'.format(1) }}",
    "{{ '{:5}'.format(none) }}",
    "{{ '12'.isdigit() }} {{ '²'.isdigit() }} {{ '½'.isnumeric() }} {{ '٣'.isdecimal() }} {{ 'aé'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' \\n'.isspace() }} {{ ''.isspace() }} {{ 'AB'.isupper() }} {{ 'ab1'.islower() }} {{ 'Ab Cd'.istitle() }} {{ 'aé'.isascii() }} {{ 'a\\n'.isprintable() }}",
    "{{ s.removeprefix('Hello') }} {{ s.removesuffix('World') }} {{ '5'.zfill(3) }} {{ '-5'.zfill(4) }} {{ 'a'.ljust(3) }}| {{ 'a'.rjust(3, '.') }} {{ 'é'.center(4, '-') }} {{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('x') }} {{ 'a\\tb'.expandtabs(4) }}",
    '{{ l.index(1) }} {{ l.count(3) }} {{ (1, 2, 1).count(1) }}',
    '{{ l.index(9) }}',
    '{{ l.sort() }}',
    '{{ l.copy() }}',
    '{{ (2.0).is_integer() }}',
    '{{ s.nomethod() }}',
    '{{ s.upper(1) }}',
    '{{ s.encode is defined }}',
    '{{ d.get() }}',
    '{{ d.get([]) }}',
    "{{ 'a'.center(3, 'xx') }}",
    "{{ s.split(maxsplit=1, sep='l') }}",
    "{{ '%s' % ('a',) }}{{ '%s' % {'a': 1} }}",
    "{{ 'x' 'y'.upper() }}",
]

CHAT = r'''{#- a template of our own, with most of what models' templates do -#}
{%- macro render_content(content) -%}
  {%- if content is string -%}
    {{- content -}}
  {%- elif content is iterable and content is not mapping -%}
    {%- for part in content -%}
      {%- if part.type == 'text' -%}{{- part.text -}}
      {%- elif part.type in ['image', 'image_url'] -%}{{- '<|image|>' -}}
      {%- else -%}{{- raise_exception('unknown part: ' ~ part.type) -}}{%- endif -%}
    {%- endfor -%}
  {%- elif content is none or content is undefined -%}
    {{- '' -}}
  {%- else -%}
    {{- content | tojson -}}
  {%- endif -%}
{%- endmacro -%}
{%- set ns = namespace(last_user=-1, system='') -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}{%- set ns.last_user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- if messages and messages[0].role in ('system', 'developer') -%}
  {%- set ns.system = render_content(messages[0].content) | trim -%}
  {%- set turns = messages[1:] -%}
{%- else -%}
  {%- set turns = messages -%}
{%- endif -%}
{{- bos_token }}{% if ns.system or tools or documents %}<|system|>
{{ ns.system }}
Date: {{ strftime_now('%d %B %Y') }}
{% if tools %}
# Tools
{% for tool in tools %}
{% set f = tool.function if tool.function is defined else tool %}
- {{ f.name }}: {{ f.description | default('no description', true) | replace('\n', ' ') }}
{% for name, p in f.parameters.properties | dictsort %}
  {{ name }} ({{ p.type if p.type is string else p.type | join('|') }}{{ ', required' if name in (f.parameters.required or []) }}){% if p.enum %} one of {{ p.enum | map('tojson') | join(', ') }}{% endif %}

{% endfor %}
{% endfor %}
{{ tools | tojson(indent=2) }}
{% endif %}
{%- for doc in documents or [] %}
<doc id="{{ loop.index0 }}" title={{ doc.title | tojson }}>
{{ doc.text | indent(2, first=true) }}
</doc>
{% endfor %}
{% endif -%}
{% for message in turns %}
{% if loop.previtem is defined and loop.previtem.role == message.role and message.role != 'tool' %}
{{ raise_exception('roles must alternate') }}
{% endif %}
<|{{ message['role'] }}|>
{%- if message.reasoning_content is string and (loop.index0 > ns.last_user or not (clear_thinking | default(true))) %}

<think>{{ message.reasoning_content.strip('\n') }}</think>
{%- endif %}

{% generation %}{{ render_content(message.content) }}{% endgeneration %}
{%- for call in message.tool_calls or [] %}

<call name="{{ call.function.name }}" last={{ loop.last }}>
{%- for k, v in call.function.arguments.items() %}{{ k }}={{ v if v is string else v | tojson }}{{ ';' if not loop.last }}{% endfor -%}
</call>
{%- endfor %}
{{ eos_token if message.role == 'assistant' }}
{% endfor %}
{% if add_generation_prompt %}<|assistant|>
{% if enable_thinking is defined and enable_thinking is false %}<think></think>
{% endif %}{% endif %}'''

CHATML = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
TOOL = {'type': 'function', 'function': {'name': 'get', 'description': 'Gets\nit.', 'parameters': {'type': 'object', 'properties': {
    'b': {'type': ['string', 'null']}, 'a': {'type': 'string', 'enum': ['x', "y'"]}}, 'required': ['a']}}}
USER, ANSWER = {'role': 'user', 'content': 'Hi <é> 👋'}, {'role': 'assistant', 'content': 'Ho', 'reasoning_content': '\nhm\n'}
CALLS = {'role': 'assistant', 'content': None, 'tool_calls': [{'function': {'name': 'get', 'arguments': {'a': 'x', 'n': 1.0, 'z': [None, True]}}}]}
CHATS = [
    {'messages': [USER]},
    {'messages': [USER], 'add_generation_prompt': True},
    {'messages': []},
    {'messages': [USER, ANSWER, USER], 'add_generation_prompt': True},
    {'messages': [{'role': 'system', 'content': ' Be nice. '}, USER, ANSWER]},
    {'messages': [{'role': 'developer', 'content': [{'type': 'text', 'text': 'D'}]}, USER]},
    {'messages': [USER, CALLS, {'role': 'tool', 'content': {'ok': True}}], 'tools': [TOOL], 'add_generation_prompt': True},
    {'messages': [{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}, {'type': 'image'}, {'type': 'text', 'text': 'b'}]}]},
    {'messages': [{'role': 'user', 'content': [{'type': 'video'}]}]},
    {'messages': [USER, USER]},
    {'messages': [USER], 'documents': [{'title': 'T "x"', 'text': 'l1\nl2'}, {'title': 'U', 'text': ''}]},
    {'messages': [USER], 'tools': []},
    {'messages': [USER], 'add_generation_prompt': True, 'kwargs': {'enable_thinking': False}},
    {'messages': [USER], 'kwargs': {'bos_token': '[BOS]'}},
    {'messages': [USER, ANSWER, USER], 'kwargs': {'clear_thinking': False}},
]


def main():
    vectors = []
    groups = {k.lower(): v for k, v in globals().items() if k.isupper() and isinstance(v, list) and v and isinstance(v[0], str)}
    requests = [(group, {'template': t, 'messages': []}) for group, ts in groups.items() for t in ts]
    for chat in CHATS:
        for template in (CHAT, CHATML):
            requests.append(('chat', dict(chat, template=template, special_tokens={'bos_token': '<s>', 'eos_token': '</s>'})))
    for group, request in requests:
        want = oracle.expected(request if group == 'chat' else dict(request, kwargs=VARS))
        vector = dict(request, group=group)
        if isinstance(want, Exception):
            vector['raises'] = type(want).__name__
        else:
            vector['text'] = want
        vectors.append(vector)
    print('{"now": %d, "variables": %s, "vectors": [' % (oracle.NOW, json.dumps(VARS)))
    print(',\n'.join(json.dumps(v) for v in vectors))
    print(']}')


if __name__ == '__main__':
    main()
