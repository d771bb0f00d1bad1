#!/usr/bin/env python3
"""Which files are which split: trees of files, and what `datasets` 4.4.1 finds in them, as JSON lines (tests/unit/data/test_hf_trees.c).

  PYTHONPATH=D python3 make.py > vectors.jsonl       D as for tests/parity/vllm/hf
"""
import json
import os
import random
import tempfile

from datasets.data_files import DataFilesDict, get_data_patterns
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

TREES = [
    ['train.jsonl', 'test.jsonl'], ['a.jsonl', 'b.jsonl'], ['data/train-00000-of-00002.jsonl', 'data/train-00001-of-00002.jsonl', 'data/odd-00000-of-00001.jsonl'],
    ['train/a.jsonl', 'train/b.jsonl', 'dev/c.jsonl', 'other.jsonl'], ['x/train/0.jsonl', 'x/test/0.jsonl', 'y/train/0.jsonl'], ['my_train_set.jsonl', 'my-val.jsonl'],
    ['training.jsonl', 'testing.jsonl', 'evaluation.jsonl'], ['trainer.jsonl', 'contest.jsonl'], ['train1.jsonl', 'train2.jsonl', '2validation2.jsonl'],
    ['data/train-00000-of-00001-abc.jsonl', 'data/test-00000-of-00001.jsonl', 'train.jsonl'], ['data/train-0000-of-0001.jsonl'], ['train_test.jsonl', 'eval.jsonl'],
    ['a b train.jsonl', 'x.test.y.jsonl'], ['train.d/x.jsonl', 'foo-test/y.jsonl'], ['sub/data/train-00000-of-00001.jsonl'], ['Train.jsonl', 'TEST.jsonl'],
    ['.hidden/train.jsonl', 'a.jsonl'], ['__pycache__/train.jsonl', 'b.jsonl'], ['deep/er/valid/x.jsonl', 'deep/er/x.jsonl'], ['train/test/a.jsonl', 'train/b.jsonl'],
]
README = """---
configs:
- config_name: one
  data_files:
  - split: train
    path: "{0}"
  - split: test
    path: '{1}'
- config_name: two
  data_files: "{2}"
---
"""
PATTERNS = ['*.jsonl', '**/*.jsonl', 'data/*', 'data/**', 'train-*', 'data/train-*', '**', 'a.jsonl', '*[0-9].jsonl', 'data/?.jsonl', 'da*/*', '**/train*', 'x/**/y.jsonl', '[!a]*.jsonl']
PLAIN = ['a.jsonl', 'b1.jsonl', 'data/1.jsonl', 'data/train-1.jsonl', 'data/x/y.jsonl', 'train-1.jsonl', 'x/y.jsonl', 'x/z/y.jsonl']


def tree(names, folder):
    for name in names:
        os.makedirs(os.path.dirname(os.path.join(folder, name)) or folder, exist_ok=True)
        open(os.path.join(folder, name), 'w').close()


def found(patterns, folder):
    files = DataFilesDict.from_patterns(patterns, base_path=folder)
    # a file that two patterns of its split match is there twice, which nobody wants
    return {str(split): sorted({os.path.relpath(f, folder) for f in list_}) for split, list_ in files.items()}


def say(**line):
    print(json.dumps(line))


r = random.Random(5)
PARTS = ['train', 'test', 'val', 'dev', 'x', 'data', 'a_train', 'test-2', 'eval', 'trains', 'b.dev', 'validation']
for _ in range(60):
    TREES.append(sorted({'/'.join(r.choice(PARTS) for _ in range(r.randrange(1, 4))) + '.jsonl' for _ in range(r.randrange(1, 6))}))
for names in TREES:
    with tempfile.TemporaryDirectory() as folder:
        tree(names, folder)
        say(files=sorted(names), readme='', subset=None, splits=found(get_data_patterns(folder), folder))
for _ in range(40):
    with tempfile.TemporaryDirectory() as folder:
        tree(PLAIN, folder)
        text = README.format(*(r.choice(PATTERNS) for _ in range(3)))
        with open(os.path.join(folder, 'README.md'), 'w') as f:
            f.write(text)
        configs = MetadataConfigs.from_dataset_card_data(DatasetCard.load(os.path.join(folder, 'README.md')).data)
        for subset in ('one', 'two'):
            files = configs[subset]['data_files']
            patterns = {d['split']: [d['path']] for d in files} if isinstance(files, list) else {'train': [files]}
            splits = {}
            for split, p in patterns.items():
                try:
                    splits.update(found({split: p}, folder))
                except FileNotFoundError:
                    splits[split] = []
            say(files=sorted([*PLAIN, 'README.md']), readme=text, subset=subset, splits=splits)
