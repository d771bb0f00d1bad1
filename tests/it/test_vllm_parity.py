"""`tokmark vllm` against what vLLM 0.13.0 really sent and wrote, of what it does not have 0.32.0 (tests/golden/vllm, see its README)."""
import json
import os
import re

import tk_it

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm')
cases = sorted(f[:-4] for f in os.listdir(here) if f.endswith('.txt'))


def words(name, port):
    with open(os.path.join(here, name + '.txt'), encoding='utf-8') as f:
        return [w.replace('{port}', port).replace('{dir}', here) for w in f.read().splitlines()]


def golden_requests(name):
    with open(os.path.join(here, name + '.requests.jsonl'), encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def is_newer(name):
    """0.32 is compared as 0.13 would have it, which is the form of everything here."""
    return name.startswith('newer-')


def plain_id(text):
    """Without what is drawn for each run."""
    return re.sub('bench-[0-9a-f]{8}-', 'bench-', re.sub('boundary=.*', 'boundary={boundary}', text))


def body_of(got):
    """The body, where a form's boundary stands as {boundary}."""
    kind, _, boundary = {k.lower(): v for k, v in got['headers'].items()}['content-type'].partition('boundary=')
    return got['body'].replace(boundary, '{boundary}') if kind.startswith('multipart') else got['body']


def same_requests(name, got, real):
    """Whether two bodies and their headers are the same. 0.32 has another place for the temperature, and no key where none is given."""
    if is_newer(name):
        real['headers']['Authorization'] = 'Bearer None'
    headers = {k.lower(): plain_id(v) for k, v in got['headers'].items() if k not in ('Host', 'User-Agent')}
    secret = [k for k, v in headers.items() if v == '***']
    real_headers = {k.lower(): '***' if k.lower() in secret else plain_id(v) for k, v in real['headers'].items()}
    if isinstance(real['body'], str):  # a boundary is as long as its maker likes
        del headers['content-length'], real_headers['content-length']
    bodies = [json.dumps(b, sort_keys=is_newer(name)) for b in (body_of(got), real['body'])]
    where = f'{name} {got["index"]}'
    ok = t.eq(*bodies, f'{where}: body, key by key')
    return t.eq(headers, real_headers, f'{where}: headers, the body\'s length among them') and ok


def check_requests(name):
    out = tk_it.run('vllm', *words(name, '1'), '--dry-run')
    t.eq(out.returncode, 0, f'{name}: dry run ({out.stderr.strip()})')
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    want = golden_requests(name)
    t.eq(len(lines), len(want), f'{name}: number of requests')
    for got, real in zip(lines, want):
        t.eq((got['method'], got['path']), (real['method'], real['path']), f'{name} {got["index"]}: method and path')
        if not same_requests(name, got, real):
            break


def shape(value):
    """A result without its figures: keys in order, types."""
    if isinstance(value, dict):
        return [(k, shape(v)) for k, v in value.items()]
    if isinstance(value, list):
        return ['list'] + ([shape(value[0])] if value else [])
    return type(value).__name__


FIXED = ('endpoint_type', 'backend', 'label', 'model_id', 'tokenizer_id', 'num_prompts', 'request_rate', 'burstiness', 'max_concurrency',
         'ramp_up_strategy', 'ramp_up_start_rps', 'ramp_up_end_rps', 'completed', 'failed', 'total_output_tokens', 'output_lens', 'errors', 'a')
LATER_KEYS = ('latencies', 'start_times', 'queue_times', 'rtfx', 'total_input_sequences', 'input_sequence_throughput')


def real_result(name):
    with open(os.path.join(here, name + '.result.json'), encoding='utf-8') as f:
        real = json.load(f)
    return {k: v for k, v in real.items() if k not in LATER_KEYS} if is_newer(name) else real


def check_result(name):
    with tk_it.Sim('--ttft', '3ms', '--itl', '1ms') as sim:
        out = tk_it.run('vllm', *words(name, sim.port), '--result-filename', 'out.json', '--plain')
        t.eq(out.returncode, 0, f'{name}: run ({out.stderr.strip()})')
    with open('out.json', encoding='utf-8') as f:
        text = f.read()
    got = json.loads(text)
    real = real_result(name)
    t.eq(text, json.dumps(got), f'{name}: written as json.dumps does, without a line end')
    t.eq(shape(got), shape(real), f'{name}: keys, their order, types')
    # by the same tokenizer; of what is pooled the server counts, in 0.32 of everything
    counts = real['tokenizer_id'] == 'tok' and 'failed' in real and not is_newer(name)
    counted = ('total_input_tokens', 'input_lens') if counts else ()
    t.eq({k: got.get(k) for k in FIXED + counted}, {k: real.get(k) for k in FIXED + counted}, f'{name}: what does not depend on time')
    events = [[e['rps'] for e in r.get('rps_change_events', [])] for r in (got, real)]
    t.eq(events[0], events[1], f'{name}: steps of the ramp')
    check_stdout(name, out.stdout)


PROFILER = ('Profiler started', 'Profiler stopped')  # there not said of completions
LATER_LINES = ('Input throughput (inputs/s):',)


def check_stdout(name, text):
    with open(os.path.join(here, name + '.stdout'), encoding='utf-8') as f:
        real = [line for line in f.read().splitlines() if line not in PROFILER and not line.startswith(LATER_LINES)]
    first, *lines = text.splitlines()
    if '--profile' in words(name, '1'):
        t.eq([line for line in lines if line in PROFILER], list(PROFILER), f'{name}: the profiler was told')
        lines = [line for line in lines if line not in PROFILER]
    t.ok(first.startswith('Namespace(seed=') and first.endswith(')'), f'{name}: the first line')

    def blank(line):
        label, value = line[:40], line[41:]
        return label if len(line) == 51 and re.fullmatch(r'[\d.]+ *', value) else line
    t.eq([blank(line) for line in lines], [blank(line) for line in real], f'{name}: the lines')
    t.ok(all(len(line) == 51 for line in lines if line.startswith(('Mean', 'Successful'))), f'{name}: their columns')


with tk_it.Folder():
    os.symlink(os.path.join(here, 'load/tok'), 'tok')
    os.symlink(os.path.join(here, 'load/tok'), 'tiny')  # another than the one of then: it touches nothing that is compared
    for case in cases:
        check_requests(case)
        check_result(case)
        os.remove('out.json')
t.done()
