"""The command lines on which tokmark and vLLM are compared, and the files that they need."""

import json
import os
import random

TOKENIZERS = ['llama3_1', 'qwen2_5', 'gemma2', 'gpt2']

RANDOM = [
    ('defaults', '--num-prompts 4'),
    ('ratio 0.5', '--num-prompts 12 --random-input-len 200 --random-output-len 50 --random-range-ratio 0.5'),
    ('ratio 0.99', '--num-prompts 12 --random-input-len 60 --random-output-len 3 --random-range-ratio 0.99'),
    ('prefix', '--num-prompts 12 --random-input-len 80 --random-prefix-len 40 --random-range-ratio 0.2 --request-rate 7'),
    ('prefix alone', '--num-prompts 4 --random-input-len 0 --random-prefix-len 30'),
    ('short', '--num-prompts 200 --random-input-len 5 --random-output-len 1 --request-rate 30 --burstiness 0.4'),
    ('of three', '--num-prompts 200 --random-input-len 3 --random-output-len 0'),
    ('long', '--num-prompts 3 --random-input-len 5000 --random-range-ratio 0.1 --common-prefix-len 3'),
    ('chat', '--num-prompts 6 --random-input-len 50 --backend openai-chat --endpoint /v1/chat/completions'),
    ('too small', '--num-prompts 4 --random-input-len 0'),
    ('too small by ratio', '--num-prompts 4 --random-input-len 3 --random-range-ratio 0.9'),
    ('ratio 1', '--num-prompts 4 --random-input-len 30 --random-range-ratio 1.0 --random-prefix-len 2'),
    ('ratio below 0', '--num-prompts 4 --random-input-len 30 --random-range-ratio=-0.5'),
]


def with_ids(words):
    return [*words.split(), '--request-id-prefix', 'x-']


def cases(folder, tokenizer):
    """(name, words) of each case; files go to `folder`."""
    base = ['--model', 'm', '--tokenizer', tokenizer]
    for name, words in RANDOM:
        yield f'random {name}', [*base, '--dataset-name', 'random', *with_ids(words)]


SMALL = [
    ('random', '--num-prompts 6 --random-input-len 12 --random-output-len 9 --random-range-ratio 0.4 --request-rate 4'),
    ('random, prefix', '--num-prompts 4 --random-input-len 6 --random-prefix-len 5'),
    ('random, too small', '--num-prompts 4 --random-input-len 1 --random-range-ratio 0.5'),
    ('random, no ratio', '--num-prompts 4 --random-input-len 9 --random-range-ratio 1.5 --random-prefix-len 100'),
]


def small(folder):
    """(name, words) of the cases that are kept as vectors; their files are in `folder`."""
    for name, words in SMALL:
        yield name, ['--model', 'm', '--tokenizer', f'{folder}/tok', *with_ids(words.replace('{dir}', folder))]
