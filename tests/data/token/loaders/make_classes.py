#!/usr/bin/env python3
"""What AutoTokenizer makes of a model of sentencepiece and a class: classes.json.

    make_classes.py       needs transformers 4.57, sentencepiece and protobuf (tests/parity makes such an environment)

[{"name", "model", "as", "files": {name: JSON}, "size", "encode": [[text, flags, ids], …], "decode": [[ids, flags, text], …]}, …]
"""

import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../../parity'))
import texts  # noqa: E402

ADD, PARSE, SKIP = 1, 2, 4
LLAMA = {'tokenizer_class': 'LlamaTokenizer', 'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>'}
T5 = {'tokenizer_class': 'T5Tokenizer', 'eos_token': '</s>', 'unk_token': '<unk>', 'pad_token': '<unk>'}
GEMMA = {'tokenizer_class': 'GemmaTokenizer', 'pad_token': '<unk>', 'eos_token': '<s>', 'bos_token': '</s>', 'unk_token': '<unk>'}
XLMR = {'tokenizer_class': 'XLMRobertaTokenizer'}
OTHER = {'version': '1.0', 'added_tokens': [], 'model': {'type': 'BPE', 'vocab': {'a': 0}, 'merges': []}}
CASES = [
    ('llama, legacy', 'bpe.model', 'tokenizer.model', dict(LLAMA, legacy=True), {}),
    ('llama', 'bpe.model', 'tokenizer.model', dict(LLAMA, legacy=False, add_eos_token=True), {}),
    ('llama, no space', 'bpe.model', 'tokenizer.model', dict(LLAMA, legacy=False, add_prefix_space=False), {}),
    ('llama, legacy, no space', 'bpe.model', 'tokenizer.model', dict(LLAMA, legacy=True, add_prefix_space=False, add_bos_token=False), {}),
    ('llama over the user\'s pieces', 'bpe_user.model', 'tokenizer.model', dict(LLAMA, legacy=False), {}),
    ('llama over Unigram', 'unigram_user.model', 'tokenizer.model', dict(LLAMA, legacy=True), {}),
    ('llama, converted in spite of a tokenizer.json', 'bpe.model', 'tokenizer.model', dict(LLAMA, legacy=False, add_prefix_space=True),
     {'tokenizer.json': OTHER}),
    ('llama by config.json', 'bpe.model', 'tokenizer.model', {'bos_token': '<s>', 'eos_token': '</s>'},
     {'config.json': {'model_type': 'llama'}}),
    ('llama by a type of models that has its class', 'bpe.model', 'tokenizer.model', {'bos_token': '<s>', 'eos_token': '</s>', 'legacy': False},
     {'config.json': {'model_type': 'phi3'}}),
    ('converted by a type of models', 'bpe.model', 'tokenizer.model', {'legacy': False, 'add_prefix_space': True},
     {'config.json': {'model_type': 'deepseek_v3'}, 'tokenizer.json': OTHER}),
    ('t5 by a type of models', 'unigram.model', 'spiece.model', {'pad_token': '<unk>'}, {'config.json': {'model_type': 'longt5'}}),
    ('gemma', 'bpe_user.model', 'tokenizer.model', GEMMA, {}),
    ('gemma without a tab', 'bpe.model', 'tokenizer.model', GEMMA, {}),
    ('t5', 'unigram.model', 'spiece.model', T5, {}),
    ('t5, few sentinels', 'unigram_user.model', 'spiece.model', dict(T5, legacy=False, extra_ids=3), {}),
    ('xlm-r', 'unigram.model', 'sentencepiece.bpe.model', XLMR, {}),
]
EXTRA = ['<s>a</s> b', ' <s> a', 'a <extra_id_0> b<extra_id_2>', '<mask> x', '<c>in -> the the', '▁a', '  in', 'a\t\tb', '<pad>']
TEXTS = texts.PROSE[:7:2] + texts.CODE[::3] + [t for t in texts.ODD if len(t) < 60][::2] + EXTRA


def vectors(name, model, file, config, more):
    from transformers import AutoTokenizer
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(os.path.join(HERE, model), os.path.join(folder, file))
        files = {'tokenizer_config.json': config, **more}
        for n, content in files.items():
            with open(os.path.join(folder, n), 'w', encoding='utf-8') as f:
                json.dump(content, f)
        tok = AutoTokenizer.from_pretrained(folder)
        one = {'name': name, 'model': model, 'as': file, 'files': files, 'size': len(tok), 'encode': [], 'decode': []}
        backend = tok.backend_tokenizer
        for flags in (ADD | PARSE, 0):
            backend.encode_special_tokens = not flags
            for text in TEXTS if flags else TEXTS[::4]:
                ids = backend.encode(text, add_special_tokens=bool(flags)).ids
                one['encode'].append([text, flags, ids])
        for _, _, ids in one['encode'][::3]:
            for flags in (0, SKIP):
                one['decode'].append([ids, flags, tok.decode(ids, skip_special_tokens=bool(flags))])
        return one


if __name__ == '__main__':
    os.environ.update(TRANSFORMERS_VERBOSITY='error', HF_HUB_OFFLINE='1')
    with open(os.path.join(HERE, 'classes.json'), 'w', encoding='ascii') as out:
        out.write('[\n' + ',\n'.join(json.dumps(vectors(*c), separators=(',', ':')) for c in CASES) + '\n]\n')
