"""Where `tokmark vllm` does otherwise than the tool on purpose (docs/dialects/vllm.md names the test of each line): what no other test
shows. And the page's table of data sets and backends (docs/dialects/vllm-data.md)."""
import base64
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import sqlite3

import tk_it
import vllm_server

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
TOK = os.path.join(golden, 'load/tok')
CUSTOM = ['--skip-chat-template', '--custom-output-len', '2', '--dataset-name', 'custom']
AT_ONCE = ['--skip-tokenizer-init', '--ready-check-timeout-sec', '0', '--dataset-path', os.path.join(golden, 'prompts.jsonl'), *CUSTOM]


def write(path, text):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def bodies(name, rows, *words):
    """The bodies that would be sent, of a file of these rows."""
    write('x.jsonl', ''.join(json.dumps(row) + '\n' for row in rows))
    r = tk_it.run('vllm', '--model', 'm', '--dataset-path', 'x.jsonl', '--num-prompts', len(rows), '--disable-shuffle', *words, '--dry-run')
    t.eq(r.returncode, 0, f'{name}: status ({r.stderr.strip()})')
    return [json.loads(line)['body'] for line in r.stdout.splitlines()]


def check_rows():
    chat = ['--backend', 'openai-chat', '--endpoint', '/v1/chat/completions']
    messages = [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Why?'}]
    got = bodies('rows of messages', [{'messages': messages}], *CUSTOM, *chat)
    t.eq([b['messages'] for b in got], [messages], 'rows of messages are sent as they are')
    got = bodies('numbers', [{'prompt': '12'}, {'prompt': '007'}], *CUSTOM)
    t.eq([b['prompt'] for b in got], ['12', '007'], 'prompts that look like numbers stay texts')
    sound = {'prompt': 'a', 'audio': {'array': [0.0, 0.5], 'sampling_rate': 8000}}
    got = bodies('sounds without a tokenizer', [sound], '--dataset-name', 'custom_audio', '--backend', 'openai-audio', '--endpoint',
                 '/v1/audio/transcriptions', '--skip-tokenizer-init')
    t.has(got[0], 'RIFF', 'sounds without a tokenizer are sent')


def check_split():
    write('rows/train.jsonl', '{"conversations": [{"value": "one two three four"}, {"value": "five six seven eight"}]}\n' * 9)
    r = tk_it.run('vllm', '--model', 'm', '--tokenizer', TOK, '--dataset-name', 'hf', '--dataset-path', 'rows', '--hf-name',
                  'Aeala/ShareGPT_Vicuna_unfiltered', '--hf-split', 'train[:3]', '--no-stream', '--dry-run')
    t.eq(r.returncode, 1, 'a part of a split: status')
    t.has(r.stderr, 'train[:3]', 'a part of a split is no split')


def check_before():
    """What is wrong is found before anything is sent."""
    with vllm_server.Server({}) as server:
        for words, status, part in ((['--save-result', '--result-filename', 'none/x.json'], 1, "'none/x.json'"),
                                    (['--save-result', '--label', 'none/x'], 1, "'none/x-'"),
                                    (['--max-concurrency', '-1'], 2, 'max-concurrency')):
            r = tk_it.run('vllm', '--model', 'm', *AT_ONCE, '--port', server.port, *words)
            t.eq((r.returncode, server.requests), (status, []), f'{words[0]} {words[-1]}: status, and nothing is sent')
            t.has(r.stderr, part, f'{words[0]} {words[-1]}: why')
        r = tk_it.run('vllm', '--model', 'm', *AT_ONCE, '--port', server.port, '--max-concurrency', '0', '--num-prompts', '2', '--save-result',
                      '--result-filename', '', '--result-dir', '', '--label', '')
        t.eq((r.returncode, len(server.requests)), (0, 2), f'no bound of concurrency is 0 ({r.stderr.strip()})')
        t.ok(all(f'Maximum request concurrency:{n * " "} 0' in r.stdout for n in (0, 12)), 'which is said', r.stdout)
    left = [name for name in os.listdir() if name.endswith('.json')]
    t.eq([re.sub(r'-\d{8}-\d{6}', '', name) for name in left], ['openai-infqps-concurrency0-m.json'], 'empty words: the name that is made')
    with open(left[0], encoding='utf-8') as f:
        t.eq({k: v for k, v in json.load(f).items() if k in ('label', 'max_concurrency')}, {'label': '', 'max_concurrency': 0}, 'its words')


def check_silent_end():
    """A stream that ends in order is whole for the tool, whatever was in it."""
    for words in ([], ['--backend', 'openai-chat', '--endpoint', '/v1/chat/completions']):
        with vllm_server.Server({'says_end': False}) as server:
            r = tk_it.run('vllm', '--model', 'm', *AT_ONCE, '--port', server.port, '--num-prompts', '2', '--ready-check-timeout-sec', '1', *words)
        t.eq((r.returncode, len(server.requests)), (0, 3), f'no word of the end: {words[-1:]} ({r.stderr.strip()})')
        t.has(r.stdout, f'Successful requests:{21 * " "}2 ', 'a stream without its end is a success')


def check_cut():
    """Of a reply that is cut the tool has the times until then, and no text."""
    with tk_it.Sim('--ttft', '1ms', '--itl', '0', '--fault', 'close_at=2:100%') as sim:
        r = tk_it.run('vllm', '--model', 'm', *AT_ONCE, '--port', sim.port, '--ready-check-timeout-sec', '0', '--num-prompts', '2', '--save-result',
                      '--save-detailed', '--result-filename', 'cut.json')
    with open('cut.json', encoding='utf-8') as f:
        got = json.load(f)
    t.eq((r.returncode, got['failed'], got['generated_texts'], [t > 0 for t in got['ttfts']]), (0, 2, ['', ''], [True, True]), 'cut replies')


def check_sent():
    with tk_it.Sim('--ttft', '1ms', '--itl', '0', '--log-bodies') as sim:
        r = tk_it.run('vllm', '--model', 'm', *AT_ONCE, '--ready-check-timeout-sec', '9', '--num-warmups', '1', '--num-prompts', '4', '--port',
                      sim.port, '--header', 'x-request-id=mine', '--request-id-prefix', 'q', '--request-rate', '50', '--save-result', '--result-filename', 's.json')
        ids = sorted(r.get('id') or '' for r in sim.log())
    t.eq(ids, ['', '', 'q0', 'q1', 'q2', 'q3'], 'an id among the headers: check and warm-ups go without, the others have their own')
    with contextlib.closing(sqlite3.connect('s.tokmark')) as db:
        begun = [bool(at) for at, in db.execute('SELECT connect_begin_at FROM requests WHERE phase = 2')]
    t.eq(begun, [False] * 4, 'connections are opened ahead: no request waits for its own')
    block, _, own = r.stdout.partition('tokmark adds (--plain leaves this out)\n')
    t.ok('Latency from due, ms' in own and 'Client  ' in own and 'from due' not in block, 'the own section stands behind the block', r.stdout)


BACKENDS = {'openai-chat': '/v1/chat/completions', 'openai-responses': '/v1/responses', 'openai-audio': '/v1/audio/transcriptions',
            'vllm-pooling': '/pooling', 'vllm-rerank': '/rerank'}


def endpoint_of(backend):
    return BACKENDS.get(backend, '/v1/embeddings' if 'embeddings' in backend else '/v1/completions')


def files_of_sets():
    """What the table calls each data set, and the words for it."""
    file = {n: ['--dataset-path', os.path.join(golden, 'load', f)] for n, f in (
        ('burstgpt', 'burst.csv'), ('custom', 'custom.jsonl'), ('sharegpt', 'sharegpt.json'), ('spec_bench', 'questions.jsonl'),
        ('speed_bench', 'speed'), ('custom_audio', 'sounds.jsonl'), ('timed_trace', 'trace.jsonl'))}
    write('messages.jsonl', '{"messages": [{"role": "user", "content": "a b"}], "output_tokens": 3}\n')
    write('image.jsonl', '{"prompt": "a b", "image_files": ["https://x/y.png"]}\n')
    with open(os.path.join(tk_it.GOLDEN, 'media/sounds/mono.flac'), 'rb') as f:
        write('speech/train.jsonl', json.dumps({'audio': {'bytes': base64.b64encode(f.read()).decode()}}) + '\n')
    shutil.copytree(os.path.join(golden, 'hf'), 'hf')
    shutil.copytree(os.path.join(golden, 'functions'), 'functions')
    rows = {'of texts': ('hf/mt', 'philschmid/mt-bench'), 'of images': ('hf/bench', 'lmarena-ai/vision-arena-bench-v0.1'),
            'of videos': ('hf/mmvu', 'yale-nlp/MMVU'), 'of recordings': ('speech', 'openslr/librispeech_asr'),
            'of functions': ('functions', 'gorilla-llm/Berkeley-Function-Calling-Leaderboard')}
    return file | {f'hf {k}': ['--dataset-path', path, '--hf-name', name] for k, (path, name) in rows.items()} | {
        'random': [], 'random in batches': ['--random-batch-size', '2'], 'random-rerank in batches': ['--random-batch-size', '2'],
        'random-mm': ['--random-mm-bucket-config', '{(8,8,1):1}'], 'prefix_repetition': ['--num-prompts', '10'], 'sonnet': [],
        'custom of messages': ['--dataset-path', 'messages.jsonl', '--skip-chat-template', '--custom-output-len', '-1'],
        'custom_image': ['--dataset-path', 'image.jsonl']}


def check_table():
    with open(os.path.join(os.path.dirname(tk_it.GOLDEN), '../docs/dialects/vllm-data.md'), encoding='utf-8') as f:
        table = f.read().split('## Which goes with which backend\n\n')[1].split('\n\n')[0]
    head, _, *lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines()]
    backends = [re.findall('`(.*?)`', cell) for cell in head[1:]]
    words = files_of_sets()
    told = {(name.replace('`', ''), column[0] if b[0] != '-' else 'openai-embeddings' + b): cell == 'yes' for cells in lines
            for name in cells[0].split(', ') for column, cell in zip(backends, cells[1:]) for b in column}
    t.eq({name for name, _ in told}, set(words), 'the table has every data set')

    def is_taken(pair):
        name, backend = pair
        r = tk_it.run('vllm', '--model', 'm', '--tokenizer', TOK, '--random-input-len', '9', '--num-prompts', '2', '--dataset-name', name.split()[0],
                      *words[name], '--backend', backend, '--endpoint', endpoint_of(backend), '--dry-run')
        return r.returncode == 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = dict(zip(told, pool.map(is_taken, told)))
    t.eq([p for p in told if told[p] != found[p]], [], 'the table of data sets and backends is what the program does')


with tk_it.Folder():
    check_table()
    check_rows()
    check_split()
    check_before()
    check_silent_end()
    check_cut()
    check_sent()
t.done()
