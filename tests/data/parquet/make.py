#!/usr/bin/env python3
"""Writes the Parquet files of this folder and, beside each, its rows as JSON lines, with pyarrow.

  python3 -m venv v && v/bin/pip install pyarrow && v/bin/python make.py            the files kept here
  v/bin/python make.py --all FOLDER                                                 many more of them

Bytes that are no text are base64; a map is a list of pairs. See tests/unit/parquet/test_parquet.c.
"""
import base64
import json
import os
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

CODECS = ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4']
PAGES = ['1.0', '2.0']
WORDS = 'a und the été слово 😀 prompt "quoted" back\\slash\n'.split(' ')


def text(r, n=6):
    return ' '.join(r.choice(WORDS) for _ in range(r.randrange(n)))


def maybe(r, make, rate=0.2):
    return None if r.random() < rate else make()


def flat(r, n):
    """A column of each type."""
    i32 = [maybe(r, lambda: r.randrange(-2**31, 2**31)) for _ in range(n)]
    return pa.table({
        'bool': pa.array([maybe(r, lambda: r.random() < 0.5) for _ in range(n)]),
        'i8': pa.array([r.randrange(-128, 128) for _ in range(n)], pa.int8()),
        'u8': pa.array([r.randrange(256) for _ in range(n)], pa.uint8()),
        'i32': pa.array(i32, pa.int32()),
        'u32': pa.array([r.randrange(2**32) for _ in range(n)], pa.uint32()),
        'i64': pa.array([maybe(r, lambda: r.choice([r.randrange(-2**63, 2**63), 5, -1])) for _ in range(n)], pa.int64()),
        'u64': pa.array([r.randrange(2**64) for _ in range(n)], pa.uint64()),
        'near': pa.array([1_000_000 + i * 3 for i in range(n)], pa.int64()),
        'f32': pa.array([maybe(r, lambda: r.uniform(-5, 5)) for _ in range(n)], pa.float32()),
        'f64': pa.array([r.uniform(-1e300, 1e300) for _ in range(n)], pa.float64()),
        'text': pa.array([maybe(r, lambda: text(r)) for _ in range(n)]),
        'few': pa.array([r.choice(['one', 'two', 'three']) for _ in range(n)]),
        'bytes': pa.array([bytes(r.randrange(256) for _ in range(r.randrange(9))) for _ in range(n)], pa.binary()),
        'fixed': pa.array([maybe(r, lambda: bytes(r.randrange(256) for _ in range(5))) for _ in range(n)], pa.binary(5)),
        'nothing': pa.array([None] * n, pa.string()),
    })


def nested(r, n):
    """Lists, structs and maps in each other, with nulls and emptiness everywhere."""
    turn = pa.struct([('from', pa.string()), ('value', pa.string())])
    image = pa.struct([('bytes', pa.binary()), ('path', pa.string())])

    def a_turn():
        return maybe(r, lambda: {'from': maybe(r, lambda: 'human'), 'value': text(r)}, 0.1)

    def an_image():
        return {'bytes': maybe(r, lambda: bytes(r.randrange(256) for _ in range(20))), 'path': None}

    def several(make, most=4):
        return lambda: [make() for _ in range(r.randrange(most))]

    return pa.table({
        'id': pa.array(range(n)),
        'turns': pa.array([maybe(r, several(a_turn)) for _ in range(n)], pa.list_(turn)),
        'deep': pa.array([maybe(r, several(lambda: maybe(r, several(a_turn)))) for _ in range(n)], pa.list_(pa.list_(turn))),
        'numbers': pa.array([several(lambda: maybe(r, lambda: r.randrange(9)), 9)() for _ in range(n)], pa.list_(pa.int32())),
        'image': pa.array([maybe(r, an_image) for _ in range(n)], image),
        'images': pa.array([several(an_image, 3)() for _ in range(n)], pa.list_(image)),
        'map': pa.array([maybe(r, lambda: [(f'k{i}', maybe(r, lambda: r.randrange(5))) for i in range(r.randrange(3))]) for _ in range(n)],
                        pa.map_(pa.string(), pa.int64())),
        'struct': pa.array([maybe(r, lambda: {'a': maybe(r, lambda: {'b': several(lambda: r.randrange(3))()})}) for _ in range(n)],
                           pa.struct([('a', pa.struct([('b', pa.list_(pa.int64()))]))])),
        'fixed_list': pa.array([[r.randrange(5) for _ in range(3)] for _ in range(n)], pa.list_(pa.int32(), 3)),
    })


def plain(value):
    """The value as JSON has it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def write(folder, name, table, **options):
    path = os.path.join(folder, name + '.parquet')
    pq.write_table(table, path, **options)
    with open(os.path.join(folder, name + '.jsonl'), 'w', encoding='utf-8') as f:
        for row in pq.read_table(path).to_pylist():
            f.write(json.dumps(plain(row), ensure_ascii=False, separators=(',', ':')) + '\n')


ENCODINGS = {
    'delta': {'i32': 'DELTA_BINARY_PACKED', 'i64': 'DELTA_BINARY_PACKED', 'near': 'DELTA_BINARY_PACKED', 'u32': 'DELTA_BINARY_PACKED',
              'text': 'DELTA_LENGTH_BYTE_ARRAY', 'few': 'DELTA_BYTE_ARRAY', 'bytes': 'DELTA_BYTE_ARRAY', 'fixed': 'DELTA_BYTE_ARRAY',
              'nothing': 'DELTA_BYTE_ARRAY', 'bool': 'RLE'},
    'split': {'f32': 'BYTE_STREAM_SPLIT', 'f64': 'BYTE_STREAM_SPLIT', 'i32': 'BYTE_STREAM_SPLIT', 'i64': 'BYTE_STREAM_SPLIT',
              'fixed': 'BYTE_STREAM_SPLIT'},
}


def every(folder):
    """Codec x page version x encoding x nesting, with several row groups and pages."""
    r = random.Random(1)
    for codec in CODECS:
        for page in PAGES:
            options = {'compression': codec, 'data_page_version': page, 'row_group_size': 170, 'data_page_size': 300,
                       'write_page_checksum': page == '2.0'}
            write(folder, f'nested-{codec}-{page}', nested(r, 400), **options)
            write(folder, f'nested-plain-{codec}-{page}', nested(r, 400), use_dictionary=False, **options)
            write(folder, f'flat-{codec}-{page}', flat(r, 400), **options)
            write(folder, f'flat-plain-{codec}-{page}', flat(r, 400), use_dictionary=False, **options)
            for name, encodings in ENCODINGS.items():
                write(folder, f'flat-{name}-{codec}-{page}', flat(r, 400), use_dictionary=False, column_encoding=encodings, **options)
    for page in PAGES:
        write(folder, f'big-{page}', flat(r, 30000), data_page_version=page, compression='zstd')
        write(folder, f'big-delta-{page}', flat(r, 30000), data_page_version=page, use_dictionary=False, column_encoding=ENCODINGS['delta'])
    write(folder, 'no-rows', flat(r, 0))
    write(folder, 'no-compliant', nested(r, 50), use_compliant_nested_type=False)


def kept(folder):
    """What is kept: small, and each thing once."""
    r = random.Random(2)
    for codec, page in zip(CODECS, PAGES * 3):
        write(folder, f'nested-{codec}', nested(r, 12), compression=codec, data_page_version=page, row_group_size=7, store_schema=False,
              write_statistics=False)
    for name, encodings in ENCODINGS.items():
        for page in PAGES:
            write(folder, f'flat-{name}-{page[0]}', flat(r, 40), compression='none', data_page_version=page, use_dictionary=False,
                  column_encoding=encodings, store_schema=False, write_statistics=False, write_page_checksum=page == '2.0')
    write(folder, 'flat-dictionary', flat(r, 40), compression='snappy', store_schema=False, row_group_size=25)
    write(folder, 'no-rows', flat(r, 0), store_schema=False)


if __name__ == '__main__':
    if len(sys.argv) == 3:
        every(sys.argv[2])
    else:
        kept(os.path.dirname(os.path.abspath(__file__)))
