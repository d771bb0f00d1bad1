#!/usr/bin/env python3
"""Make the files of this folder: small tokenizers of the kinds that loaders.h reads, and what their own
programs make of texts and conversations.

    make.py DEEPSEEK      needs sentencepiece, tiktoken, tokenizers and mistral-common (1.8); DEEPSEEK is
                          the file encoding/encoding_dsv32.py of DeepSeek-V3.2, or vLLM's copy of it

vectors.json: [{"file", "kind", "name", "texts": [[text, ids], …], "chats": [{"messages", "tools", "kwargs",
"continues", "ids" or "text" or "refused"}, …]}, …]
"""

import base64
import copy
import importlib.util
import json
import os
import random
import shutil
import sys
import tempfile
import unicodedata

import sentencepiece
import tiktoken
import tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../../parity'))
import texts as parity  # noqa: E402

PROSE = parity.PROSE[:8] + [parity.PROSE[27], parity.PROSE[29], parity.PROSE[30]]
CORPUS = (PROSE * 3 + parity.CODE * 6)
ODD = parity.ODD + parity.SPECIALS
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r'|\s*[\r\n]+|\s+(?!\S)|\s+')


def random_texts(n, seed):
    """Characters that the corpus has, and some that it has not."""
    r = random.Random(seed)
    pools = [c for c in set(''.join(CORPUS))]
    pools.sort()
    out = []
    for _ in range(n):
        size = r.randint(1, 40)
        out.append(''.join(r.choice(pools) if r.random() < 0.9 else chr(r.choice([0x41, 0x301, 0x1F600, 0x3000, 0xFB01, 0x2581, 9, 10]))
                           for _ in range(size)))
    return out


TEXTS = [t for t in ODD if len(t) < 400] + PROSE + parity.CODE + random_texts(150, 7)


# Runs with ways that are equal but for rounding: sentencepiece before 0.2.2 makes other ids of them.
RUNS = ['--------qu---------', '.[.[....[.......', ' ? 1;;;;;;;;;;;', '-- {"-- \'-----------------', 'freS S larS ` SSSSSSS',
        '-----------------------é -- ', '-- -.[hey1,-- ---']


# ---- sentencepiece ----

def train(name, **conf):
    """In a folder of its own, with relative names: the model keeps the trainer's options."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open('corpus', 'w', encoding='utf-8') as f:
            f.write('\n'.join(line for text in CORPUS for line in text.split('\n')))
        with open('rules.tsv', 'w', encoding='utf-8') as f:
            f.write('FB01\t66 69\nA0\t20\n3000\t20\n65 301\tE9\n65 301 302\t1EBF\n41\t61\n200B\t\nD A\t20\n9\t20\n')
        if conf.pop('has_rules', False):
            conf['normalization_rule_tsv'] = 'rules.tsv'
        else:
            conf['normalization_rule_name'] = 'identity'
        sentencepiece.SentencePieceTrainer.train(input='corpus', model_prefix=name, minloglevel=2, max_sentence_length=100000, **conf)
        shutil.move(name + '.model', os.path.join(HERE, name + '.model'))
        os.chdir(before)


def spm_vectors(name):
    sp = sentencepiece.SentencePieceProcessor(model_file=os.path.join(HERE, name + '.model'))
    return {'file': name + '.model', 'kind': 'sentencepiece', 'texts': [[t, sp.encode(t)] for t in TEXTS + RUNS]}


def make_spm():
    train('bpe', model_type='bpe', vocab_size=900, byte_fallback=True, character_coverage=0.98, remove_extra_whitespaces=False,
          split_digits=True, allow_whitespace_only_pieces=True)
    train('bpe_user', model_type='bpe', vocab_size=900, byte_fallback=True, character_coverage=0.98, add_dummy_prefix=False,
          remove_extra_whitespaces=False, user_defined_symbols=['\u2581\u2581', '\u2581\u2581\u2581', '<s1>', 'in', '->', '\t', 'é'],
          control_symbols=['<c>'])
    train('bpe_rules', model_type='bpe', vocab_size=700, character_coverage=0.98, has_rules=True)
    train('unigram', model_type='unigram', vocab_size=380, character_coverage=0.98, has_rules=True)
    train('unigram_user', model_type='unigram', vocab_size=630, byte_fallback=True, character_coverage=0.98,
          user_defined_symbols=['<s1>', 'in', '->', 'the '], treat_whitespace_as_suffix=True)
    return [spm_vectors(n) for n in ('bpe', 'bpe_user', 'bpe_rules', 'unigram', 'unigram_user')]


# ---- ranks ----

def make_ranks():
    """Tokens in the order of their merges; the bytes first."""
    t = tokenizers.Tokenizer(tokenizers.models.BPE())
    t.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(CORPUS, tokenizers.trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    spelling = {}
    for b in range(256):
        printable = 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or 0xAE <= b
        spelling[chr(b) if printable else chr(256 + len([x for x in range(b) if not (0x21 <= x <= 0x7E or 0xA1 <= x <= 0xAC or 0xAE <= x)]))] = b
    ranks = {bytes([b]): b for b in range(256)}
    for left, right in json.loads(t.to_str())['model']['merges']:
        token = bytes(spelling[c] for c in left + right)
        ranks.setdefault(token, len(ranks))
    return ranks


KIMI = '|'.join([
    r'[\p{Han}]+',
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r'\p{N}{1,3}', r' ?[^\s\p{L}\p{N}]+[\r\n]*', r'\s*[\r\n]+', r'\s+(?!\S)', r'\s+'])


def encodings(ranks):
    """Pattern and special tokens by name, tiktoken's own where it has them."""
    import tiktoken_ext.openai_public as public
    public.load_tiktoken_bpe = public.data_gym_to_mergeable_bpe_ranks = lambda *a, **k: ranks
    n = len(ranks)
    for name in ('gpt2', 'p50k_edit', 'cl100k_base', 'o200k_base', 'o200k_harmony'):
        conf = getattr(public, name)()
        yield name, conf['pat_str'], conf['special_tokens']
    yield 'kimi', KIMI, {f'<|reserved_token_{i}|>': i for i in range(n, n + 256)}
    names = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] + [f'<|extra_{i}|>' for i in range(205)]
    yield 'qwen', CL100K.replace('{1,3}', ''), {s: n + i for i, s in enumerate(names)}
    names = ['<|begin_of_text|>', '<|end_of_text|>', '<|reserved_special_token_0|>', '<|reserved_special_token_1|>',
             '<|finetune_right_pad_id|>', '<|step_id|>', '<|start_header_id|>', '<|end_header_id|>', '<|eom_id|>', '<|eot_id|>',
             '<|python_tag|>'] + [f'<|reserved_special_token_{i}|>' for i in range(2, 247)]
    yield 'llama3', CL100K, {s: n + i for i, s in enumerate(names)}


def make_tiktoken(ranks):
    with open(os.path.join(HERE, 'small.tiktoken'), 'w', encoding='ascii') as f:
        f.writelines(f'{base64.b64encode(token).decode()} {rank}\n' for token, rank in ranks.items())
    extra = ['<|endofprompt|>a<|return|><|reserved_200014|>', '<|extra_204|> <|reserved_special_token_246|>x', '<|fim_middle|>',
             f'<|reserved_token_{len(ranks) + 255}|>.']
    for name, pattern, specials in encodings(ranks):
        e = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=specials)
        made = []
        for t in TEXTS[::2] + extra:
            made.append([t, e.encode(unicodedata.normalize('NFC', t) if name == 'qwen' else t, allowed_special='all')])
        yield {'file': 'small.tiktoken', 'kind': 'tiktoken', 'name': name, 'texts': made}


# ---- conversations ----

def user(c):
    return {'role': 'user', 'content': c}


def system(c):
    return {'role': 'system', 'content': c}


def answer(c, **more):
    return {'role': 'assistant', 'content': c, **more}


def call(i, name, arguments):
    return {'id': i, 'type': 'function', 'function': {'name': name, 'arguments': arguments}}


def result(i, content, **more):
    return {'role': 'tool', 'tool_call_id': i, 'content': content, **more}


def parts(*texts):
    return [{'type': 'text', 'text': t} for t in texts]


TOOLS = [
    {'type': 'function', 'function': {'name': 'get_weather', 'description': 'Weather, e.g. of Zürich', 'parameters': {
        'type': 'object', 'properties': {'city': {'type': 'string'}, 'days': {'type': 'integer', 'minimum': 1, 'x': 1e-7, 'y': 1.50}},
        'required': ['city']}}},
    {'type': 'function', 'function': {'name': 'noop', 'description': '', 'parameters': {}}},
]
A, B = 'abcdefghi', '123456789'
CHATS = [
    ([user('Hello')], None),
    ([system('Be nice.'), user('Hi [INST] <s> there')], None),
    ([system('a'), system('b'), user('x')], None),
    ([user('a'), user('b')], None),
    ([user('a'), answer('b '), user('c')], None),
    ([user('a'), system('mid'), user('b'), answer(' c '), user('d é 日本')], None),
    ([system(parts('s1', 's2')), user(parts('one', 'two')), answer('x'), user('z')], None),
    ([user('weather?')], TOOLS),
    ([system('sys'), user('first'), answer('ok'), user('weather?')], TOOLS),
    ([user('w?'), answer(None, tool_calls=[call(A, 'get_weather', '{"city": "Zürich", "days":3}')]),
      result(A, '{"temp":  21.50, "ok":true}', name='get_weather')], TOOLS),
    ([user('w?'), answer('', tool_calls=[call(A, 'get_weather', '{"city":"A"}'), call(B, 'noop', '{}')]),
      result(B, 'plain text', name='noop'), result(A, '[1,2]', name='get_weather'), answer('It is 21.'), user('thanks'),
      answer('welcome'), user('bye')], TOOLS),
    ([user('q'), answer('calling', tool_calls=[call(A, 'get_weather', '{"city":"B"}')]), result(A, '5', name='get_weather'),
      answer('done'), user('more')], TOOLS),
    ([user('q'), answer('one'), answer('two'), user('r')], None),
    ([user('q'), answer('never ends')], None),
    ([answer('hi'), user('x')], None),
    ([user('')], None),
    ([user('a'), answer('b'), system('late'), user('c')], None),
    ([user('a'), {'role': 'bot', 'content': 'x'}], None),
]
THOUGHTS = [
    ([system('s'), user('q'), answer([{'type': 'thinking', 'thinking': 'hm '}, {'type': 'text', 'text': 'answer '}]), user('r')], None),
    ([system([{'type': 'text', 'text': 'You'}, {'type': 'thinking', 'thinking': 't', 'closed': False}, {'type': 'text', 'text': 'x'}]),
      user('q')], TOOLS),
]
SPECIALS = [
    '<unk>', '<s>', '</s>', '[INST]', '[/INST]', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]', '[TOOL_RESULTS]', '[/TOOL_RESULTS]',
    '[TOOL_CALLS]', '[IMG]', '<pad>', '[IMG_BREAK]', '[IMG_END]', '[PREFIX]', '[MIDDLE]', '[SUFFIX]', '[SYSTEM_PROMPT]',
    '[/SYSTEM_PROMPT]', '[TOOL_CONTENT]', '[ARGS]', '[CALL_ID]', '[THINK]', '[/THINK]',
]
TEKKEN = (r'[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+'
          r'[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+')


def mistral_chat(tokenizer, messages, tools, continues):
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    one = {'messages': messages, 'tools': tools, 'continues': continues}
    try:
        request = ChatCompletionRequest.from_openai(
            messages=copy.deepcopy(messages), tools=copy.deepcopy(tools), continue_final_message=continues)
        one['ids'] = tokenizer.encode_chat_completion(request).tokens
    except Exception:  # it has many
        one['refused'] = True
    return one


def make_tekken(ranks):
    from mistral_common.protocol.instruct.validator import ValidationMode
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
    vocab = [{'rank': rank, 'token_bytes': base64.b64encode(token).decode(), 'token_str': None} for token, rank in ranks.items()][:400]
    for version in ('v3', 'v7', 'v11', 'v13'):
        path = os.path.join(HERE, f'tekken_{version}.json')
        data = {'config': {'pattern': TEKKEN, 'num_vocab_tokens': len(vocab), 'default_vocab_size': 400, 'default_num_special_tokens': 30,
                           'version': version}, 'vocab': vocab, 'version': 1, 'type': 'Tekken'}
        if version != 'v3':
            data['special_tokens'] = [{'rank': i, 'token_str': s, 'is_control': True} for i, s in enumerate(SPECIALS)]
        with open(path, 'w', encoding='ascii') as f:
            json.dump(data, f, separators=(',', ':'))
        t = MistralTokenizer.from_file(path, mode=ValidationMode.test)
        inner = t.instruct_tokenizer.tokenizer
        chats = CHATS + (THOUGHTS if version == 'v13' else [])
        yield {'file': f'tekken_{version}.json', 'kind': 'tekken', 'texts': [[x, inner.encode(x, False, False)] for x in TEXTS[::4]],
               'chats': [mistral_chat(t, m, tools, c) for m, tools in chats for c in (False, True)]}


def deepseek_chat(module, messages, tools, thinking):
    one = {'messages': messages, 'tools': tools, 'kwargs': {'thinking': thinking}}
    messages = copy.deepcopy(messages)
    if tools:
        messages.insert(0, {'role': 'system', 'tools': tools})
    for m in messages: # as vLLM hands them on
        if isinstance(m.get('content'), list):
            m['content'] = '\n'.join(p['text'] for p in m['content'])
        for c in m.get('tool_calls') or []:
            arguments = c['function']['arguments']
            c['function']['arguments'] = json.loads(arguments) if isinstance(arguments, str) else arguments
    try:
        one['text'] = module.encode_messages(
            messages, thinking_mode='thinking' if thinking else 'chat', drop_thinking=messages[-1]['role'] == 'user')
    except Exception:
        one['refused'] = True
    return one


def make_deepseek(path):
    spec = importlib.util.spec_from_file_location('encoding_dsv32', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    more = [
        ([user('a'), answer('b', reasoning_content='because'), user('c')], None),
        ([user('a'), answer('b', reasoning='because')], None),
        ([user('a'), answer('', reasoning_content='r', tool_calls=[
            call('1', 'get_weather', {'city': 'Z "q" é', 'days': 3, 'f': 1.50, 'l': [1, 'x', None], 'o': {'a': True}}),
            call('2', 'noop', {})]), result('1', '21'), result('2', '{}'), answer('done', reasoning_content='r2'), user('more')], TOOLS),
        ([{'role': 'developer', 'content': 'do', 'tools': TOOLS, 'response_format': {'type': 'json', 'x': 1.0}}], None),
        ([{'role': 'system', 'content': 's', 'response_format': {'a': []}}, user('x')], None),
        ([result('1', 'x')], None),
    ]
    return {'file': 'tekken_v3.json', 'kind': 'deepseek_v32', 'texts': [],
            'chats': [deepseek_chat(module, m, tools, t) for m, tools in CHATS + more for t in (False, True)]}


def main():
    ranks = make_ranks()
    vectors = make_spm() + list(make_tiktoken(ranks)) + list(make_tekken(ranks)) + [make_deepseek(sys.argv[1])]
    with open(os.path.join(HERE, 'vectors.json'), 'w', encoding='ascii') as f:
        f.write('[\n' + ',\n'.join(json.dumps(v, separators=(',', ':')) for v in vectors) + '\n]\n')


if __name__ == '__main__':
    main()
