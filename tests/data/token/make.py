#!/usr/bin/env python3
"""Write the vectors of tests/unit/token: small tokenizers of every kind, and what Hugging Face makes of texts.

Run by hand with tokenizers 0.22 and transformers 4.57 (tests/parity/tokens makes such an environment); the
results are committed, so that `make check` needs neither. Each file is a list of

  {"name": …, "tokenizer": {…}, "encode": [[text, flags, [ids]], …], "decode": [[[ids], flags, text], …]}

and folders.json has {"name": …, "files": {name: content, …}, …} instead. Flags as in tokenizer.h.
"""

import base64
import json
import os
import random
import sys
import tempfile

from tokenizers import (AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N, pre_tokenizers as P,
                        processors as O, trainers as T)

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../../parity'))
import texts  # noqa: E402

ADD, PARSE, SKIP = 1, 2, 4
RNG = random.Random(7)
CORPUS = texts.PROSE[:12] + texts.PROSE[27:31] + texts.CODE[:5] + texts.CODE[-1:]
SHORT = [
    'Hello, world! It\'s 2024; don\'t you know?', ' leading and trailing ', 'two  spaces\n\nand\tlines\r\n', 'ÉTÉ café e\u0301 ﬁ ½ İ ß',
    '人人生而自由,他们 ABC中def', 'すべての人間 ｶﾀｶﾅ', 'Привет, Ёж! 12345', 'مرحبا ١٢٣', 'हिन्दी १२', '👩🏽‍🚀 🇩🇪 ❤️', '', ' ', '\n', 'a', '▁a ▁▁ b▁',
    'x' * 40, '\x00\x01\x7f\u0085\u00a0\u200b\u2028\ufeff\ufffd', 'foo-bar_baz.qux(1+2)=3 <tag> </s>', 'I\'M we\'ll \'Tis', '1234567 ٣٤ Ⅷ',
    'aaaa bbbb', 'ABCdef ǅ ʰ', 'the the the', 'don\'t\'ve', '\u0301x', 'क़ \u1100\u1161\u11a8', '<s>a</s> <unk><pad>', '<0x41>é',
    'ab\u0323\u0307 q\u0307\u0323', 'HELLO[MASK] [mask]!',
]
RANDOM = [texts.random_text(RNG) for _ in range(10)]


def case(name, tok, extra=(), decode_random=6):
    items = SHORT + list(extra) + RANDOM
    encode, decode = [], []
    for flags in (ADD | PARSE, PARSE, ADD):
        some = items if flags == ADD | PARSE else items[:2] + items[26:27] + items[-2:] + list(extra)
        tok.encode_special_tokens = not flags & PARSE
        for t in some:
            encode.append([t, flags, tok.encode(t, add_special_tokens=bool(flags & ADD)).ids])
    rng = random.Random(name)
    size = tok.get_vocab_size(True)
    lists = [e[2] for e in encode[:len(items):3] if e[2]]
    lists += [[rng.randrange(size + 1) for _ in range(rng.randrange(1, 9))] for _ in range(decode_random)]
    for ids in lists:
        for flags in (0, SKIP):
            decode.append([ids, flags, tok.decode(ids, skip_special_tokens=bool(flags))])
    return {'name': name, 'tokenizer': json.loads(tok.to_str()), 'encode': encode, 'decode': decode}


def write(name, cases):
    with open(os.path.join(HERE, name + '.json'), 'w', encoding='utf-8') as f:
        f.write('[\n' + ',\n'.join(json.dumps(c, ensure_ascii=True, separators=(',', ':')) for c in cases) + '\n]\n')
    print(name, len(cases), os.path.getsize(os.path.join(HERE, name + '.json')))


def train(tok, trainer, corpus=CORPUS):
    tok.train_from_iterator(corpus, trainer)
    return tok


def edit(tok, **model):
    """Change members of the model."""
    j = json.loads(tok.to_str())
    j['model'].update(model)
    return Tokenizer.from_str(json.dumps(j))


# ---- models ----

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = LLAMA3.replace('{1,3}', '')
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = O200K.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", '').replace('{1,3}', '')
DEEPSEEK = ['\\p{N}{1,3}', '[一-龥\u3040-ゟ゠-ヿ]+',
            '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|'
            '\\s+(?!\\S)|\\s+']


def byte_level(pre, size=350, **model):
    tok = Tokenizer(M.BPE(**model))
    tok.pre_tokenizer = pre
    tok.decoder = D.ByteLevel()
    return train(tok, T.BpeTrainer(vocab_size=size, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False))


def split_bytes(*patterns, **kw):
    return P.Sequence([*(P.Split(Regex(p), **(kw or {'behavior': 'isolated'})) for p in patterns),
                       P.ByteLevel(add_prefix_space=False, use_regex=False)])


def bpe_cases():
    yield case('gpt2', byte_level(P.ByteLevel(add_prefix_space=False)))
    yield case('gpt2 with a space before', byte_level(P.ByteLevel(add_prefix_space=True)))
    yield case('bytes alone', byte_level(P.ByteLevel(add_prefix_space=False, use_regex=False), 330))
    llama = edit(byte_level(split_bytes(LLAMA3)), ignore_merges=True)
    llama.add_special_tokens(['<|bos|>', '<|eot|>'])
    llama.post_processor = O.TemplateProcessing(single='<|bos|> $A', special_tokens=[('<|bos|>', llama.token_to_id('<|bos|>'))])
    yield case('llama3', llama, ['<|bos|>a<|eot|> b', '<|eot'])
    qwen = byte_level(split_bytes(QWEN))
    qwen.normalizer = N.NFC()
    yield case('qwen', qwen)
    yield case('o200k', byte_level(split_bytes(O200K)))
    yield case('o200k removed and inverted', byte_level(split_bytes(O200K, behavior='removed', invert=True)))
    yield case('tekken', byte_level(split_bytes(TEKKEN)))
    yield case('deepseek', byte_level(split_bytes(*DEEPSEEK)))
    yield case('another pattern', byte_level(split_bytes(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,2}+| ?[^\s\p{L}\p{N}]++[\r\n]*|\s+")))
    j = json.loads(byte_level(P.ByteLevel(add_prefix_space=False)).to_str())
    for piece in ('Ġ', 'a', 'Ã'):  # bytes that vanish
        del j['model']['vocab'][piece]
    j['model']['merges'] = [m for m in j['model']['merges'] if all(p in j['model']['vocab'] for p in (*m, ''.join(m)))]
    yield case('bytes missing', Tokenizer.from_str(json.dumps(j)))
    legacy = json.loads(byte_level(P.ByteLevel(add_prefix_space=False), 330).to_str())
    legacy['model']['merges'] = ['#version: 0.2'] + [' '.join(m) for m in legacy['model']['merges']]
    c = case('merges as lines', Tokenizer.from_str(json.dumps(legacy)))
    c['tokenizer'] = legacy
    yield c
    yield from sentencepiece_cases()
    plain = Tokenizer(M.BPE(unk_token='[UNK]'))
    plain.pre_tokenizer = P.Whitespace()
    train(plain, T.BpeTrainer(vocab_size=260, special_tokens=['[UNK]'], limit_alphabet=60, show_progress=False))
    yield case('unknown', plain)
    yield case('unknown fused', edit(plain, fuse_unk=True))
    yield case('unknown vanish', edit(plain, unk_token=None))
    affix = Tokenizer(M.BPE(unk_token='[UNK]', continuing_subword_prefix='##', end_of_word_suffix='</w>'))
    affix.pre_tokenizer = P.BertPreTokenizer()
    affix.decoder = D.BPEDecoder(suffix='</w>')
    train(affix, T.BpeTrainer(vocab_size=400, special_tokens=['[UNK]'], limit_alphabet=80, continuing_subword_prefix='##',
                              end_of_word_suffix='</w>', show_progress=False))
    yield case('prefix and suffix', affix)


def sentencepiece_cases():
    def make(fallback, **model):
        tok = Tokenizer(M.BPE(unk_token='<unk>', **model))
        tok.normalizer = N.Sequence([N.Prepend('▁'), N.Replace(' ', '▁')])
        special = ['<unk>', '<s>', '</s>'] + (['<0x%02X>' % b for b in range(256)] if fallback else [])
        tok.pre_tokenizer = P.Split('▁', 'merged_with_next')
        train(tok, T.BpeTrainer(vocab_size=len(special) + 250, special_tokens=special, limit_alphabet=70, show_progress=False))
        j = json.loads(tok.to_str())
        j['added_tokens'] = j['added_tokens'][:3]
        j['pre_tokenizer'] = None
        j['model'].update(byte_fallback=fallback, fuse_unk=True)
        tok = Tokenizer.from_str(json.dumps(j))
        tok.decoder = D.Sequence([D.Replace('▁', ' '), D.ByteFallback(), D.Fuse(), D.Strip(' ', 1, 0)])
        tok.post_processor = O.TemplateProcessing(single='<s> $A', special_tokens=[('<s>', 1)])
        return tok
    yield case('llama2', make(True), ['<s>hello</s>world', '€' * 5])
    yield case('sentencepiece without bytes', make(False))
    j = json.loads(make(True).to_str())
    vocab, merges = j['model']['vocab'], j['model']['merges']
    for piece in ('e▁', 'e▁a'):  # tokens that go on over a space
        vocab[piece] = len(vocab)
    merges[3:3] = [['e', '▁'], ['e▁', 'a']]
    yield case('tokens across spaces', Tokenizer.from_str(json.dumps(j)))
    gemma = json.loads(make(True).to_str())
    gemma['normalizer'] = {'type': 'Replace', 'pattern': {'String': ' '}, 'content': '▁'}
    gemma['pre_tokenizer'] = {'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'MergedWithPrevious', 'invert': False}
    yield case('gemma', Tokenizer.from_str(json.dumps(gemma)))


def unigram_cases():
    def make(pre, size=250, **kw):
        tok = Tokenizer(M.Unigram())
        tok.pre_tokenizer = pre
        tok.decoder = D.Metaspace()
        return train(tok, T.UnigramTrainer(vocab_size=size, special_tokens=['<pad>', '</s>', '<unk>'], unk_token='<unk>',
                                           show_progress=False, **kw), texts.PROSE[:9] + texts.CODE[:3])
    t5 = make(P.Metaspace())
    t5.post_processor = O.TemplateProcessing(single='$A </s>', special_tokens=[('</s>', 1)])
    yield case('t5', t5, ['<pad>a</s>'])
    for scheme in ('first', 'never'):
        for split in (True, False):
            tok = Tokenizer.from_str(t5.to_str())
            tok.pre_tokenizer = P.Metaspace(prepend_scheme=scheme, split=split)
            tok.decoder = D.Metaspace(prepend_scheme=scheme)
            tok.normalizer = N.Strip() if split else None
            yield case(f'{scheme} {split}', tok, ['<pad> a b </s> c', '  <pad>x'])
    j = json.loads(t5.to_str())
    j['model']['vocab'] += [['<0x%02X>' % b, -20.0] for b in range(256)]
    j['model']['byte_fallback'] = True
    yield case('bytes', Tokenizer.from_str(json.dumps(j)))
    j = json.loads(t5.to_str())
    j['model']['vocab'] += [['▁the', -1.0], ['é' * 2, -3.0], ['<unk>', -2.0]]  # twins: the later id counts
    yield case('twins', Tokenizer.from_str(json.dumps(j)))
    j = json.loads(t5.to_str())
    j['normalizer'] = {'type': 'Precompiled', 'precompiled_charsmap': charsmap()}
    j['pre_tokenizer'] = {'type': 'Sequence', 'pretokenizers': [
        {'type': 'WhitespaceSplit'}, {'type': 'Metaspace', 'replacement': '▁', 'prepend_scheme': 'always', 'split': True}]}
    yield case('precompiled', Tokenizer.from_str(json.dumps(j)), ['①a é E\u0301e\u0301 \u00b2\u0301 \r\n\x01b'])
    j['pre_tokenizer'] = {'type': 'Metaspace', 'replacement': '▁', 'prepend_scheme': 'first'}
    yield case('precompiled first', Tokenizer.from_str(json.dumps(j)), ['\x01b c', 'é c', '\x01<pad> b'])


def charsmap():
    """A small one, by sentencepiece's own trainer."""
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2 as pb
    rules = {'①': '1', 'é': 'e', 'e\u0301': 'é', 'E\u0301': 'É', '²': '2', '\x01': '', '\r\n': ' ', '\t': ' ', '\n': ' ', 'ﬁ': 'fi', '½': '1/2',
             'ｶ': 'カ', '\ufeff': '', '　': ' ', 'İ': 'I'}
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'rules.tsv'), 'w', encoding='utf-8') as f:
            for a, b in rules.items():
                f.write(' '.join('%X' % ord(c) for c in a) + '\t' + ' '.join('%X' % ord(c) for c in b) + '\n')
        with open(os.path.join(folder, 'corpus'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(texts.PROSE[:6]))
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(folder, 'corpus'), model_prefix=os.path.join(folder, 'm'), vocab_size=150, hard_vocab_limit=False,
            normalization_rule_tsv=os.path.join(folder, 'rules.tsv'), minloglevel=2)
        m = pb.ModelProto()
        with open(os.path.join(folder, 'm.model'), 'rb') as f:
            m.ParseFromString(f.read())
        return base64.b64encode(m.normalizer_spec.precompiled_charsmap).decode()


def words_cases():
    bert = Tokenizer(M.WordPiece(unk_token='[UNK]', max_input_chars_per_word=30))
    bert.normalizer = N.BertNormalizer()
    bert.pre_tokenizer = P.BertPreTokenizer()
    bert.decoder = D.WordPiece()
    train(bert, T.WordPieceTrainer(vocab_size=400, special_tokens=['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
                                   limit_alphabet=90, show_progress=False))
    bert.post_processor = O.BertProcessing(('[SEP]', 3), ('[CLS]', 2))
    yield case('bert', bert, ['[CLS] a [MASK].'])
    cased = Tokenizer.from_str(bert.to_str())
    cased.normalizer = N.BertNormalizer(lowercase=False, strip_accents=True, handle_chinese_chars=False, clean_text=False)
    cased.decoder = D.WordPiece(cleanup=False)
    cased.post_processor = O.RobertaProcessing(('[SEP]', 3), ('[CLS]', 2))
    yield case('bert otherwise', cased)
    level = Tokenizer(M.WordLevel(unk_token='<unk>'))
    level.pre_tokenizer = P.Whitespace()
    train(level, T.WordLevelTrainer(vocab_size=200, special_tokens=['<unk>', '<s>'], show_progress=False))
    level.post_processor = O.Sequence([O.ByteLevel(), O.TemplateProcessing(single='<s> $A <s>', special_tokens=[('<s>', 1)])])
    yield case('word level', level)


# ---- parts: each over a vocabulary that shows what it does ----

def show_text(normalizer):
    """Ids are characters of the normalized text."""
    seen = sorted({c for t in SHORT + RANDOM for c in normalizer.normalize_str(t)} | set('▁ab'))
    tok = Tokenizer(M.BPE(vocab={c: i for i, c in enumerate(seen)}, merges=[]))
    tok.normalizer = normalizer
    return tok


def show_splits(pre):
    """Ids are splits."""
    tok = Tokenizer(M.WordLevel(unk_token='<unk>'))
    tok.pre_tokenizer = pre
    return train(tok, T.WordLevelTrainer(vocab_size=3000, min_frequency=1, special_tokens=['<unk>'], show_progress=False), SHORT + RANDOM)


def normalizer_cases():
    for name, n in {
        'NFC': N.NFC(), 'NFD': N.NFD(), 'NFKC': N.NFKC(), 'NFKD': N.NFKD(), 'Lowercase': N.Lowercase(), 'Strip': N.Strip(),
        'Strip left': N.Strip(right=False), 'Strip right': N.Strip(left=False), 'StripAccents': N.Sequence([N.NFD(), N.StripAccents()]),
        'Replace': N.Replace(' ', '▁'), 'Replace long': N.Replace('the', 'a the b'), 'Replace regex': N.Replace(Regex(r'\s+|[0-9]{2}'), '▁'),
        'Replace empty': N.Replace(Regex(r'x*'), '-'), 'Prepend': N.Prepend('▁'), 'Bert': N.BertNormalizer(), 'Nmt': N.Nmt(),
        'ByteLevel': N.ByteLevel(), 'Sequence': N.Sequence([N.NFKC(), N.Sequence([N.Strip(), N.Lowercase()]), N.Prepend('ab')]),
    }.items():
        yield case(name, show_text(n), decode_random=0)


def pre_tokenizer_cases():
    parts = {
        'Whitespace': P.Whitespace(), 'WhitespaceSplit': P.WhitespaceSplit(), 'Bert': P.BertPreTokenizer(),
        'Digits': P.Digits(False), 'Digits individual': P.Digits(True), 'UnicodeScripts': P.UnicodeScripts(),
        'Delimiter': P.CharDelimiterSplit('-'), 'FixedLength': P.FixedLength(3), 'ByteLevel': P.ByteLevel(),
        'Sequence': P.Sequence([P.Whitespace(), P.Digits(True), P.Punctuation('contiguous')]),
        'Metaspace': P.Metaspace(), 'Metaspace never': P.Metaspace(prepend_scheme='never'),
        'twice': P.Sequence([P.ByteLevel(add_prefix_space=False), P.ByteLevel(use_regex=False)]),
    }
    for behavior in ('removed', 'isolated', 'merged_with_previous', 'merged_with_next', 'contiguous'):
        parts['Punctuation ' + behavior] = P.Punctuation(behavior)
        for invert in (False, True):
            parts[f'Split {behavior} {invert}'] = P.Split(Regex(r'\s|[aeiou]|\d+'), behavior, invert)
        parts[f'Split string {behavior}'] = P.Split(' ', behavior)
    for name, rx in {
        'possessive': r'\p{N}{1,2}+|\p{L}++', 'classes': r'[\p{Lu}\p{Lo}&&[^\p{Han}]]+|[[:punct:]]', 'shorthands': r'\h+|\W+?', 'properties': r'\p{Han}+|\p{^L}',
        'boundary': r'\b', 'anchors': r'^.|.$', 'flags': r'(?i)HE|(?m:o.)|(?i:S)', 'not': r'[^\S\n]+|[^\w\s]', 'look': r'(?<=l)l|(?=w)|(?<!o) ', 'names': r'(?<x>l)\k<x>|\x{41}\u0042',
        'interval': r'a{,2}b|x{3,}|x{2}', 'nested': r'[a-c[x-z]]|[^[a-m]]', 'vt': r'[\v\f\n]|\v|\e',
    }.items():
        parts['regex ' + name] = P.Split(Regex(rx), 'isolated')
    for name, pre in parts.items():
        yield case(name, show_splits(pre), decode_random=0)


def decoder_cases():
    pieces = ['Ġthe', 'the', '##s', 's', '▁a', 'a▁▁', '▁', '<0xE2>', '<0x82>', '<0xAC>', '<0xFF>', '<0x+5>', '<0xZZ>', ' ', 'it</w>', 'do</w>', '.', '?', "n't", "'", 'm',
              "'m", ' do not', '|', '<pad>', 'l', 'l', 'é', 'Ã', '©', 'Ċ', 'x y', 'ĠĠ', '中', ',', '!', "'s", "'ve", "'re"]
    for name, d in {
        'none': None, 'ByteLevel': D.ByteLevel(), 'Metaspace': D.Metaspace(), 'Metaspace never': D.Metaspace(prepend_scheme='never'), 'WordPiece': D.WordPiece(),
        'WordPiece without': D.WordPiece(prefix='▁', cleanup=False), 'BPEDecoder': D.BPEDecoder(), 'ByteFallback': D.ByteFallback(), 'Fuse': D.Fuse(),
        'Strip': D.Sequence([D.Replace('▁', ' '), D.Fuse(), D.Strip(' ', 2, 0)]), 'Replace': D.Replace('l', 'LL'),
        'Replace regex': D.Replace(Regex(r'[a-m]+'), '_'), 'CTC': D.CTC(), 'CTC without': D.CTC(cleanup=False),
        'Sequence': D.Sequence([D.Replace('▁', ' '), D.ByteFallback(), D.Fuse(), D.Strip(' ', 1, 0)]), 'two': D.Sequence([D.ByteLevel(), D.Replace('the', 'a')]),
    }.items():
        tok = Tokenizer(M.WordLevel({p: i for i, p in enumerate(dict.fromkeys(pieces))} | {'<unk>': 60}, unk_token='<unk>'))
        tok.decoder = d
        tok.add_special_tokens(['<pad>'])
        c = {'name': name, 'tokenizer': json.loads(tok.to_str()), 'encode': [], 'decode': []}
        rng = random.Random(name)
        for _ in range(40):
            ids = [rng.randrange(len(pieces)) for _ in range(rng.randrange(1, 10))]
            for flags in (0, SKIP):
                if flags and all(i == tok.token_to_id('<pad>') for i in ids):
                    continue
                c['decode'].append([ids, flags, tok.decode(ids, skip_special_tokens=bool(flags))])
        yield c


def added_cases():
    extra = ['a<one>b', 'a <one> b', 'word wordy sword word', ' <l>x', 'x  <l>  y', 'x  <r>  y', 'x \n<lr>\t y<lr><lr>', 'Foo foo FOO', '<nn><NN>', 'abcd abc ab', 'é<one>é', '<sp>x<sp>',
             'word', '_word', 'word_', 'café<l>', '<r> <l> <one>', 'ééword']
    for name, norm in (('plain', None), ('lowercase', N.Lowercase()), ('prepended', N.Sequence([N.Prepend('▁'), N.Replace(' ', '▁')]))):
        tok = Tokenizer(M.BPE(unk_token='<unk>'))
        tok.pre_tokenizer = P.Split('▁', 'merged_with_next') if name == 'prepended' else P.Whitespace()
        tok.normalizer = norm
        train(tok, T.BpeTrainer(vocab_size=200, special_tokens=['<unk>'], limit_alphabet=90, show_progress=False), CORPUS + extra)
        tok.add_tokens([AddedToken('<one>'), AddedToken('word', single_word=True), AddedToken('<l>', lstrip=True), AddedToken('<r>', rstrip=True, normalized=False),
                        AddedToken('<lr>', lstrip=True, rstrip=True), AddedToken('Foo'), AddedToken('<nn>', normalized=False), AddedToken('abc'), AddedToken('abcd', normalized=False),
                        AddedToken('ab', normalized=True)])
        tok.add_special_tokens([AddedToken('<sp>'), AddedToken('foo', normalized=True)])
        yield case(name, tok, extra)


# ---- folders: what transformers makes of the files beside tokenizer.json ----

def folder_case(name, tok, config, more=None, extra=()):
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    with tempfile.TemporaryDirectory() as folder:
        files = {'tokenizer.json': json.loads(tok.to_str()), 'tokenizer_config.json': config, **(more or {})}
        for file, content in files.items():
            path = os.path.join(folder, file)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as f:
                f.write(content if isinstance(content, str) else json.dumps(content))
        try:
            t = AutoTokenizer.from_pretrained(folder)
        except Exception:
            t = PreTrainedTokenizerFast.from_pretrained(folder)
        c = {'name': name, 'files': files, 'encode': [], 'decode': [], 'bos': t.bos_token_id, 'eos': t.eos_token_id, 'size': len(t),
             'max_length': t.model_max_length if t.model_max_length < 1e15 else None,
             'templates': t.chat_template if isinstance(t.chat_template, dict) else {'default': t.chat_template} if t.chat_template else {}}
        for text in SHORT[:8] + SHORT[-6:] + list(extra):
            for flags in (ADD | PARSE, PARSE):
                c['encode'].append([text, flags, t.encode(text, add_special_tokens=bool(flags & ADD))])
        for _, flags, ids in c['encode'][::2]:
            for flags in (0, SKIP):
                c['decode'].append([ids, flags, t.decode(ids, skip_special_tokens=bool(flags))])
        return c


def class_cases(bytes_, spaced):
    """What classes do with special tokens: found by comparing random configurations."""
    token = {'content': '<s>', '__type': 'AddedToken', 'lstrip': True, 'rstrip': True, 'normalized': True, 'single_word': False}
    lower = Tokenizer.from_str(bytes_.to_str())
    lower.normalizer = N.Lowercase()
    yield folder_case('ids in the order of roles', bytes_, {'tokenizer_class': 'GPTNeoXTokenizerFast', 'bos_token': '<x>', 'mask_token': '<m>'},
                      extra=['<x><m><|endoftext|>'])
    yield folder_case('null leaves the space', spaced, {'tokenizer_class': 'PreTrainedTokenizerFast', 'add_prefix_space': None})
    yield folder_case('words of a class', bytes_, {'tokenizer_class': 'Qwen2Tokenizer', 'pad_token': '</s>', 'bos_token': '<x>', 'added_tokens_decoder': {}},
                      extra=['a </s> b<x><|endoftext|>'])
    yield folder_case('a place for good', lower, {'tokenizer_class': 'PreTrainedTokenizerFast', 'eos_token': token}, extra=['a <s> b <S> c'])
    yield folder_case('two roles of one text', bytes_, {'tokenizer_class': 'LlamaTokenizer', 'sep_token': token}, extra=['a <s> b'])
    yield folder_case('a taken id', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast'}, {'added_tokens.json': {'<one>': 300, '<two>': 302}},
                      extra=['a<one>b<two>'])
    yield folder_case('code llama', bytes_, {'tokenizer_class': 'CodeLlamaTokenizer'}, extra=['a▁<PRE> b▁<EOT>'])
    yield folder_case('sentinels', bytes_, {'tokenizer_class': 'T5Tokenizer', 'extra_ids': 3}, extra=['a<extra_id_0> <extra_id_2>'])
    yield folder_case('a type of models', bytes_, {}, {'config.json': {'model_type': 'phi3'}})


def folder_cases():
    bytes_ = byte_level(P.ByteLevel(add_prefix_space=False), 300)
    bytes_.add_special_tokens(['<s>', '</s>'])
    dirty = ['Hello , world ! do n\'t , I \'m it \'s . a \' b ?']
    yield folder_case('llama class', bytes_, {'tokenizer_class': 'LlamaTokenizer', 'bos_token': '<s>', 'eos_token': '</s>', 'model_max_length': 4096})
    yield folder_case('llama class, eos only', bytes_, {'tokenizer_class': 'LlamaTokenizerFast', 'bos_token': '<s>', 'eos_token': {'content': '</s>', '__type': 'AddedToken', 'lstrip': False, 'rstrip': False, 'normalized': True, 'single_word': False}, 'add_bos_token': False, 'add_eos_token': True})
    yield folder_case('clean-up', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast', 'clean_up_tokenization_spaces': True, 'eos_token': '</s>'}, extra=dirty)
    yield folder_case('a space before', bytes_, {'tokenizer_class': 'GPT2Tokenizer', 'add_prefix_space': True, 'unk_token': '<s>', 'bos_token': '<s>', 'eos_token': '<s>'})
    spaced = byte_level(P.ByteLevel(add_prefix_space=True), 300)
    yield folder_case('no space before', spaced, {'tokenizer_class': 'PreTrainedTokenizerFast', 'add_prefix_space': False})
    yield folder_case('added by the configuration', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast', 'pad_token': '<pad>', 'eos_token': '</s>', 'additional_special_tokens': ['<x>', '<y>'], 'added_tokens_decoder': {
        str(bytes_.get_vocab_size()): {'content': '<new>', 'lstrip': True, 'rstrip': False, 'normalized': False, 'single_word': False, 'special': False},
        '300': {'content': '<s>', 'lstrip': False, 'rstrip': True, 'normalized': False, 'single_word': False, 'special': True}}}, extra=['a <new>b<s> c<pad><x>'])
    yield folder_case('the old files', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast'}, {
        'special_tokens_map.json': {'bos_token': '<s>', 'eos_token': {'content': '</s>', 'lstrip': False, 'rstrip': False, 'normalized': True, 'single_word': True}, 'pad_token': '<pad>'},
        'added_tokens.json': {'<old>': bytes_.get_vocab_size(), '<pad>': bytes_.get_vocab_size() + 1}}, extra=['a<old>b <pad></s>'])
    yield folder_case('split_special_tokens', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast', 'split_special_tokens': True, 'eos_token': '</s>'}, extra=['a<s>b'])
    yield folder_case('templates', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast', 'chat_template': [{'name': 'default', 'template': '{{ x }}'}, {'name': 'tool_use', 'template': '{{ y }}'}], 'model_max_length': 1e30})
    yield folder_case('a template file', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast', 'chat_template': 'old'}, {'chat_template.jinja': '{{ messages }}\n'})
    yield folder_case('template files', bytes_, {'tokenizer_class': 'PreTrainedTokenizerFast'}, {'chat_template.jinja': 'a', 'additional_chat_templates/rag.jinja': 'b'})
    bert = Tokenizer(M.WordPiece(unk_token='[UNK]'))
    bert.normalizer, bert.pre_tokenizer, bert.decoder = N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece()
    train(bert, T.WordPieceTrainer(vocab_size=300, special_tokens=['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'], limit_alphabet=90, show_progress=False))
    bert.post_processor = O.TemplateProcessing(single='[CLS] $A [SEP]', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
    yield folder_case('bert cased', bert, {'tokenizer_class': 'BertTokenizer', 'do_lower_case': False, 'strip_accents': None, 'tokenize_chinese_chars': False})
    yield folder_case('bert', bert, {'tokenizer_class': 'BertTokenizer', 'do_lower_case': True, 'clean_up_tokenization_spaces': True}, extra=dirty)
    yield folder_case('mpnet cased', bert, {'tokenizer_class': 'MPNetTokenizer', 'do_lower_case': False, 'strip_accents': True, 'unk_token': '[UNK]', 'cls_token': '[CLS]', 'sep_token': '[SEP]', 'bos_token': '[CLS]', 'eos_token': '[SEP]', 'pad_token': '[PAD]', 'mask_token': '[MASK]'})
    yield folder_case('funnel', bert, {'tokenizer_class': 'FunnelTokenizer', 'do_lower_case': False, 'tokenize_chinese_chars': False})
    yield from class_cases(bytes_, spaced)
    yield folder_case('a class that there is not', bytes_, {'tokenizer_class': 'OursTokenizer', 'eos_token': '</s>', 'clean_up_tokenization_spaces': True}, extra=dirty)
    yield folder_case('the model says', bytes_, {'bos_token': '<s>', 'eos_token': '</s>'}, {'config.json': {'model_type': 'llama'}})


if __name__ == '__main__':
    os.environ.update(TRANSFORMERS_VERBOSITY='error', HF_HUB_OFFLINE='1')
    for part in ('bpe', 'unigram', 'words', 'normalizer', 'pre_tokenizer', 'decoder', 'added', 'folder'):
        write(part + 's' if part in ('folder', 'decoder', 'normalizer', 'pre_tokenizer') else part, list(globals()[part + '_cases']()))
