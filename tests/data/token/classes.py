#!/usr/bin/env python3
"""Write src/token/config_classes.c: the fast tokenizer classes of transformers, what special tokens they have by default and
what they make of given ones, and the types of models that use them.

    classes.py       needs transformers 4.57 and tokenizers; run once per new release of transformers

`make parity` says whether the file is what this makes.
"""

import importlib
import inspect
import os
import re

import transformers
from transformers.models.auto import tokenization_auto

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../src/token/config_classes.c')
ROLES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']
# What a class does to ids beyond its special tokens; the others do nothing.
FAMILIES = {
    'LLAMA': ['Llama', 'CodeLlama'], 'GEMMA': ['Gemma'], 'COHERE': ['Cohere'], 'BLOOM': ['Bloom'], 'NEOX': ['GPTNeoX'], 'T5': ['T5', 'MT5'],
    'BERT': ['Bert', 'DistilBert', 'Electra', 'MobileBert', 'ConvBert', 'LayoutLM', 'Lxmert', 'SqueezeBert', 'Funnel', 'DPRContextEncoder',
             'DPRQuestionEncoder', 'DPRReader', 'RetriBert', 'Realm'],
    'MPNET': ['MPNet'],
    'REFUSED': ['MBart', 'MBart50', 'Nllb', 'SeamlessM4T', 'Whisper', 'CLIP', 'RoFormer', 'Splinter', 'LayoutLMv2', 'LayoutLMv3',
                'LayoutXLM', 'MarkupLM', 'Udop'],
}
FAMILY = {name + 'Tokenizer': family for family, names in FAMILIES.items() for name in names}


def types():
    """model_type -> fast class, as the source has it: some depend on what is installed."""
    source = inspect.getsource(tokenization_auto)
    table = source[source.index('TOKENIZER_MAPPING_NAMES = OrderedDict'):source.index('TOKENIZER_MAPPING = _LazyAutoMapping')]
    found = {}
    for entry in re.split(r'\n {8}\(', table)[1:]:
        name = re.match(r'\s*"([^"]+)"', entry)
        fast = re.findall(r'"(\w+)TokenizerFast"', entry)
        if name and fast:
            found[name.group(1)] = fast[-1] + 'Tokenizer'
    return found


def more(name):
    """Special tokens of its own, which it has beside the roles."""
    parameters = inspect.signature(getattr(transformers, name + 'Fast').__init__).parameters
    if name == 'CodeLlamaTokenizer':
        return [parameters[p].default for p in ('prefix_token', 'middle_token', 'suffix_token', 'eot_token')]
    found = parameters.get('additional_special_tokens')
    return found.default if found is not None and isinstance(found.default, list) else []


def defaults(name):
    """The texts by role, a bit for each role whose text becomes an AddedToken, and whether those are normalized."""
    cls = getattr(transformers, name + 'Fast')
    signature = {}
    for c in reversed(cls.__mro__):
        if '__init__' in vars(c) and c.__module__.startswith('transformers.models'):
            signature.update({k: p.default for k, p in inspect.signature(c.__init__).parameters.items()})
    source = inspect.getsource(importlib.import_module(cls.__module__))
    texts = [signature.get(r) for r in ROLES]
    made = re.findall(r'AddedToken\((\w+)_token, ?([^)]*)\)', source)
    bits = sum(1 << ROLES.index(role + '_token') for role in {m[0] for m in made})
    for role, how in made:
        assert ('lstrip=True' in how) == (role == 'mask'), name  # what config.c takes for granted
    return [t if isinstance(t, str) else None for t in texts], bits, any('normalized=True' in how for _, how in made)


def c_string(s):
    if s is None:
        return 'NULL'
    # An escape takes all digits behind it: the string ends there and goes on.
    return '"' + ''.join(c if ' ' <= c <= '~' else ''.join(f'\\x{b:02x}' for b in c.encode()) + '""' for c in s) + '"'


def lines():
    by_type = types()
    names = sorted({*by_type.values(), *(n for n in FAMILY if hasattr(transformers, n + 'Fast')),
                    *(n[:-4] for n in dir(transformers) if n.endswith('TokenizerFast') and n != 'PreTrainedTokenizerFast')} - {'PreTrainedTokenizer'})
    yield ('/* config_classes.c - fast tokenizer classes of transformers, and the types of models that use them\n *\n'
           f' * Made by tests/data/token/classes.py from transformers {transformers.__version__}.\n */\n'
           '#include "token/config_classes.h"\n\n/* clang-format off */\nconst struct tk__class tk__classes[] = {\n')
    for name in names:
        texts, bits, normalizes = defaults(name)
        while texts and texts[-1] is None:
            texts.pop()
        yield (f'    {{ "{name}", TK__FAMILY_{FAMILY.get(name, "PLAIN")}, {bits:#04x}, {"true" if normalizes else "false"},\n'
               f'      {{ {", ".join(map(c_string, texts)) or "NULL"} }},\n'
               f'      {{ {", ".join(map(c_string, more(name))) or "NULL"} }} }},\n')
    yield '    { NULL, TK__FAMILY_PLAIN, 0, false, { NULL }, { NULL } },\n};\n\nconst char *const tk__class_of_type[][2] = {\n'
    for model_type in sorted(by_type):
        if by_type[model_type] != 'PreTrainedTokenizer':
            yield f'    {{ "{model_type}", "{by_type[model_type]}" }},\n'
    yield '    { NULL, NULL },\n};\n/* clang-format on */\n'


def made():
    """The file as it has to be."""
    return ''.join(lines())


if __name__ == '__main__':
    with open(PATH, 'w', encoding='ascii') as out:
        out.write(made())
