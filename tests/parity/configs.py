"""Random configurations around small tokenizers, as AutoTokenizer loads the folder and as we do."""

import json
import os
import random
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, '../data/token')
ADD, PARSE, SKIP = 1, 2, 4
BASES = {'bpe': ['gpt2', 'gpt2 with a space before', 'llama3', 'qwen', 'o200k', 'llama2', 'gemma'], 'unigram': ['t5', 'first True'],
         'words': ['bert', 'word level']}
CLASSES = [
    'LlamaTokenizer', 'LlamaTokenizerFast', 'CodeLlamaTokenizer', 'GemmaTokenizer', 'CohereTokenizerFast', 'GPTNeoXTokenizerFast',
    'GPT2Tokenizer', 'Qwen2Tokenizer', 'Qwen2TokenizerFast', 'BertTokenizer', 'DistilBertTokenizer', 'RobertaTokenizer',
    'XLMRobertaTokenizer', 'T5Tokenizer', 'PreTrainedTokenizerFast', 'PreTrainedTokenizer', 'OursTokenizer', 'MPNetTokenizer',
    'ElectraTokenizer', 'BartTokenizer', 'BloomTokenizerFast', 'CodeGenTokenizer', 'AlbertTokenizer', 'CamembertTokenizer',
    'DebertaV2Tokenizer', 'LEDTokenizer', 'FunnelTokenizer', 'BlenderbotTokenizer', 'DebertaTokenizer', 'BigBirdTokenizer',
    'XLNetTokenizer', 'HerbertTokenizer', 'MvpTokenizer',
]
TYPES = [
    'llama', 'mistral', 'gemma', 'gemma2', 'cohere', 'gpt_neox', 'gpt2', 'qwen2', 'qwen3', 'bert', 'roberta', 't5', 'phi3', 'deepseek_v3',
    'gpt_oss', 'opt', 'falcon', 'bloom', 'mpt', 'starcoder2', 'phi', 'stablelm', 'olmo', 'granite', 'glm4', 'qwen2_moe', 'llama4',
    'mixtral', 'xlm-roberta', 'distilbert', 'albert', 'electra', 'mpnet', 'gptj', 'codegen', 'mamba', 'nemotron', 'smollm3', 'gemma3_text',
    'qwen2_vl', 'llava', 'olmo2', 'jamba', 'cohere2', 'qwen3_moe', 'mllama',
]
ROLES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']
SWITCHES = ['add_bos_token', 'add_eos_token', 'add_prefix_space', 'clean_up_tokenization_spaces', 'split_special_tokens', 'do_lower_case',
            'strip_accents', 'tokenize_chinese_chars', 'legacy']
WORDS = ['<s>', '</s>', '<unk>', '<pad>', '[CLS]', '[SEP]', '<|x|>', '<new>', 'the', ' the', '<bos>', '<eos>', '<mask>', '[MASK]',
         '<|endoftext|>']
TEXTS = ['Hello, world! It\'s the <s>a</s> <unk> b', '<|x|> <new> the the<mask> [MASK] x', 'É café 中文 ', ' lead  trail  ',
         '<bos><eos> a <|endoftext|><pad>', 'HELLO do n\'t . , ! \'m']


def bases():
    found = []
    for file, names in BASES.items():
        with open(os.path.join(DATA, file + '.json'), encoding='utf-8') as f:
            found += [case['tokenizer'] for case in json.load(f) if case['name'] in names]
    return found


def token(rng, text):
    """A word, or an AddedToken."""
    if rng.random() < 0.5:
        return text
    return {'content': text, 'single_word': rng.random() < 0.1, 'lstrip': rng.random() < 0.2, 'rstrip': rng.random() < 0.2,
            'normalized': rng.random() < 0.4, '__type': 'AddedToken'}


def added_tokens(rng, vocab):
    """Ids around the end of the vocabulary."""
    if not isinstance(vocab, dict):
        vocab = {piece[0]: i for i, piece in enumerate(vocab)}
    by_id = {i: piece for piece, i in vocab.items()}
    found = {}
    for i in sorted(rng.sample(range(len(vocab) - 3, len(vocab) + 4), rng.randrange(4))):
        one = token(rng, by_id.get(i) or rng.choice(WORDS) + str(i))
        if isinstance(one, str):
            one = {'content': one, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False}
        one.pop('__type', None)
        found[str(i)] = dict(one, special=rng.random() < 0.7)
    return found


def files(rng, tokenizers):
    """The files of a folder."""
    tokenizer = rng.choice(tokenizers)
    n = len(tokenizer['model']['vocab'])
    config, found = {}, {'tokenizer.json': tokenizer}
    kind = rng.random()
    if kind < 0.75:
        config['tokenizer_class'] = rng.choice(CLASSES)
    else:
        found['config.json'] = {'model_type': rng.choice(TYPES)}
    for role in ROLES:
        kind = rng.random()
        if kind < 0.5:
            config[role] = token(rng, rng.choice(WORDS)) if kind < 0.45 else None
    for switch in SWITCHES:
        kind = rng.random()
        if kind < 0.38:
            config[switch] = True if kind < 0.2 else False if kind < 0.35 else None
    if rng.random() < 0.3:
        config['additional_special_tokens'] = [token(rng, rng.choice(WORDS)) for _ in range(rng.randrange(3))]
    if rng.random() < 0.15:
        config['extra_special_tokens'] = {'image_token': rng.choice(WORDS)}
    if rng.random() < 0.4:
        config['added_tokens_decoder'] = added_tokens(rng, tokenizer['model']['vocab'])
    if rng.random() < 0.25:
        found['special_tokens_map.json'] = {r: token(rng, rng.choice(WORDS)) for r in ROLES[:5:2] if rng.random() < 0.5}
    if rng.random() < 0.1:
        found['added_tokens.json'] = {rng.choice(WORDS) + '+': n + rng.randrange(2)}
    if rng.random() < 0.3:
        config['model_max_length'] = rng.choice([512, 4096, 1e30])
    found['tokenizer_config.json'] = config
    return found


def load(folder):
    """The tokenizer of transformers; None where it raises or has a slow one."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    try:
        try:
            tok = AutoTokenizer.from_pretrained(folder)
        except ValueError as e:
            if 'does not exist or is not currently imported' not in str(e):
                return None
            tok = PreTrainedTokenizerFast.from_pretrained(folder)
    except BaseException:  # Rust's panics too
        return None
    return tok if tok.is_fast else None


def differences(tok, ours):
    """What differs, as (what, want, got)."""
    def number(i):
        return 2**32 - 1 if i is None else i

    info = ours.info()
    want = [len(tok), tok.model_max_length if tok.model_max_length < 1e15 else 2**63 - 1, number(tok.bos_token_id), number(tok.eos_token_id)]
    yield 'about itself', want, [info[1], info[3], info[4], info[5]]
    for text in TEXTS:
        for add in (ADD, 0):
            try:
                ids = tok.encode(text, add_special_tokens=bool(add))
            except BaseException:
                continue
            yield f'encode {text!r}', ids, ours.encode(text.encode(), add | PARSE)
            for skip in (SKIP, 0):
                yield f'decode {ids}', tok.decode(ids, skip_special_tokens=bool(skip)), ours.decode(ids, skip)


def compare(open_ours, rng, n, stats):
    """`open_ours(folder)` gives our side, or raises RuntimeError where we refuse: only what names itself unsupported may be."""
    tokenizers = bases()
    for _ in range(n):
        found = files(rng, tokenizers)
        # transformers looks for the names of models in that of the folder, so it has none that could hold one
        with tempfile.TemporaryDirectory(prefix='QQQ') as top:
            folder = os.path.join(top, 'QQQ')
            os.mkdir(folder)
            for name, content in found.items():
                with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
                    json.dump(content, f)
            tok = load(folder)
            if not tok:
                continue
            try:
                ours = open_ours(folder)
            except RuntimeError as e:
                stats['n'] += 1
                stats['bad'] += 'not supported' not in str(e)
                if 'not supported' not in str(e):
                    stats['notes'].append(f'{e}: {json.dumps(found["tokenizer_config.json"])}')
                continue
            for what, want, got in differences(tok, ours):
                stats['n'] += 1
                if got != want:
                    stats['bad'] += 1
                    stats['notes'].append(f'{what}\n  want {want}\n  got  {got}\n  {json.dumps({k: v for k, v in found.items() if k != "tokenizer.json"})}')
                    break
            ours.close()
