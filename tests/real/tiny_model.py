#!/usr/bin/env python3
"""A small Llama of random weights, with a byte-level BPE, for real engines on a CPU. Nothing but Python is needed.

    tiny_model.py FOLDER [CORPUS]

What it says is noise; protocol, scheduling and timing are the engine's own. It never ends by itself, so answers have the
length that was asked for, and now and then says a token that is half a character, for which an engine has no text yet.
Merges are learned from CORPUS, by default the licence of this repository, so that the same model comes out everywhere.
"""
import array
import collections
import json
import os
import random
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VOCABULARY = 2048
HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 256, 512, 2, 4, 2048
END = '<|end|>'
CHAT = ("{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}")


def byte_letters():
    """GPT-2's printable letter for each byte: itself where it can be seen, else one from U+0100 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in seen]
    return {b: chr(b) for b in seen} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def learn_merges(text, n_most):
    """The usual training of a BPE: join the most frequent pair, again and again, until none occurs twice."""
    letters = byte_letters()
    counts = collections.Counter(re.findall(r' ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+', text))
    words = [([letters[b] for b in word.encode()], n) for word, n in sorted(counts.items())]
    merges = []
    while len(merges) < n_most:
        pairs = collections.Counter()
        for parts, n in words:
            for pair in zip(parts, parts[1:]):
                pairs[pair] += n
        if not pairs:
            break
        (left, right), n = min(pairs.items(), key=lambda p: (-p[1], p[0]))
        if n < 2:
            break
        merges.append((left, right))
        for parts, _ in words:
            i = 0
            while i + 1 < len(parts):
                if parts[i] == left and parts[i + 1] == right:
                    parts[i:i + 2] = [left + right]
                i += 1
    return merges


def tokenizer(text):
    merges = learn_merges(text, VOCABULARY - 257)
    vocabulary = {END: 0}
    for token in [*sorted(byte_letters().values()), *(a + b for a, b in merges)]:
        vocabulary.setdefault(token, len(vocabulary))
    end = {'id': 0, 'content': END, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False, 'special': True}
    byte_level = {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}
    return {
        'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': [end], 'normalizer': None,
        'pre_tokenizer': byte_level, 'post_processor': None, 'decoder': byte_level,
        'model': {'type': 'BPE', 'dropout': None, 'unk_token': None, 'continuing_subword_prefix': None,
                  'end_of_word_suffix': None, 'fuse_unk': False, 'byte_fallback': False, 'ignore_merges': False,
                  'vocab': vocabulary, 'merges': [f'{a} {b}' for a, b in merges]},
    }, len(vocabulary)


def silent_tokens():
    """The end mark, and of the bytes that are no character alone all but every fourth: their logits are always 0."""
    letters = byte_letters()
    ids = {letter: i + 1 for i, letter in enumerate(sorted(letters.values()))}
    return [0, *(ids[letters[b]] for b in range(128, 256) if b % 4 != 3)]


def tensors(vocabulary):
    shapes = {'model.embed_tokens.weight': (vocabulary, HIDDEN), 'lm_head.weight': (vocabulary, HIDDEN),
              'model.norm.weight': (HIDDEN,)}
    for layer in range(LAYERS):
        at = f'model.layers.{layer}.'
        shapes |= {f'{at}self_attn.{name}_proj.weight': (HIDDEN, HIDDEN) for name in 'qkvo'}
        shapes |= {f'{at}mlp.gate_proj.weight': (INNER, HIDDEN), f'{at}mlp.up_proj.weight': (INNER, HIDDEN),
                   f'{at}mlp.down_proj.weight': (HIDDEN, INNER), f'{at}input_layernorm.weight': (HIDDEN,),
                   f'{at}post_attention_layernorm.weight': (HIDDEN,)}
    return shapes


def write_weights(path, shapes):
    """The safetensors format: length of the head, the head as JSON, the numbers one after the other."""
    dice = random.Random(0)
    head, offset = {'__metadata__': {'format': 'pt'}}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        head[name] = {'dtype': 'F32', 'shape': list(shape), 'data_offsets': [offset, offset + size]}
        offset += size
    text = json.dumps(head).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for name, shape in shapes.items():
            if len(shape) == 1:
                numbers = array.array('f', [1.0]) * shape[0]
            else:
                numbers = array.array('f', (dice.uniform(-0.035, 0.035) for _ in range(shape[0] * shape[1])))
            if name == 'lm_head.weight':
                for token in silent_tokens():
                    numbers[token * shape[1]:(token + 1) * shape[1]] = array.array('f', [0.0]) * shape[1]
            if sys.byteorder == 'big':
                numbers.byteswap()
            f.write(numbers.tobytes())


def make(folder, corpus=None):
    """Writes the model's files; returns how many tokens it knows."""
    os.makedirs(folder, exist_ok=True)
    with open(corpus or os.path.join(HERE, '..', '..', 'LICENSE'), encoding='utf-8') as f:
        words, size = tokenizer(f.read())

    def write(name, value):
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
            json.dump(value, f)

    write('tokenizer.json', words)
    write('tokenizer_config.json', {'tokenizer_class': 'PreTrainedTokenizerFast', 'bos_token': END, 'eos_token': END,
                                    'model_max_length': POSITIONS, 'chat_template': CHAT})
    write('generation_config.json', {'bos_token_id': 0, 'eos_token_id': 0})
    write('config.json', {
        'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'vocab_size': size, 'hidden_size': HIDDEN,
        'intermediate_size': INNER, 'num_hidden_layers': LAYERS, 'num_attention_heads': HEADS, 'num_key_value_heads': HEADS,
        'head_dim': HIDDEN // HEADS, 'hidden_act': 'silu', 'max_position_embeddings': POSITIONS, 'rms_norm_eps': 1e-6,
        'rope_theta': 10000.0, 'attention_bias': False, 'mlp_bias': False, 'tie_word_embeddings': False, 'bos_token_id': 0,
        'eos_token_id': 0, 'torch_dtype': 'float32', 'use_cache': True})
    write_weights(os.path.join(folder, 'model.safetensors'), tensors(size))
    return size


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    print(f'{sys.argv[1]}: {make(*sys.argv[1:])} tokens')
