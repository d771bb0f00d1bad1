"""`tokmark vllm` against what vLLM 0.13.0 really sent and wrote (tests/golden/vllm, see its README)."""
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


def plain_id(text):
    return re.sub('bench-[0-9a-f]{8}-', 'bench-', text)


def check_requests(name):
    out = tk_it.run('vllm', *words(name, '1'), '--dry-run')
    t.eq(out.returncode, 0, f'{name}: dry run ({out.stderr.strip()})')
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    want = golden_requests(name)
    t.eq(len(lines), len(want), f'{name}: number of requests')
    for got, real in zip(lines, want):
        i = got['index']
        headers = {k.lower(): plain_id(v) for k, v in got['headers'].items() if k not in ('Host', 'User-Agent')}
        secret = [k for k, v in headers.items() if v == '***']
        real_headers = {k.lower(): '***' if k.lower() in secret else v for k, v in real['headers'].items()}
        ok = t.eq((got['method'], got['path']), (real['method'], real['path']), f'{name} {i}: method and path')
        ok = t.eq(json.dumps(got['body']), json.dumps(real['body']), f'{name} {i}: body, key by key') and ok
        ok = t.eq(headers, real_headers, f'{name} {i}: headers, the body\'s length among them') and ok
        if not ok:
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


def check_result(name):
    with tk_it.Sim('--ttft', '3ms', '--itl', '1ms') as sim:
        out = tk_it.run('vllm', *words(name, sim.port), '--result-filename', 'out.json', '--plain')
        t.eq(out.returncode, 0, f'{name}: run ({out.stderr.strip()})')
    with open('out.json', encoding='utf-8') as f:
        text = f.read()
    got = json.loads(text)
    with open(os.path.join(here, name + '.result.json'), encoding='utf-8') as f:
        real = json.load(f)
    t.eq(text, json.dumps(got), f'{name}: written as json.dumps does, without a line end')
    t.eq(shape(got), shape(real), f'{name}: keys, their order, types')
    # by the same tokenizer; of what is pooled the server counts
    counted = ('total_input_tokens', 'input_lens') if real['tokenizer_id'] == 'tok' and 'failed' in real else ()
    t.eq({k: got.get(k) for k in FIXED + counted}, {k: real.get(k) for k in FIXED + counted}, f'{name}: what does not depend on time')
    events = [[e['rps'] for e in r.get('rps_change_events', [])] for r in (got, real)]
    t.eq(events[0], events[1], f'{name}: steps of the ramp')
    check_stdout(name, out.stdout)


PROFILER = ('Profiler started', 'Profiler stopped')  # there not said of completions


def check_stdout(name, text):
    with open(os.path.join(here, name + '.stdout'), encoding='utf-8') as f:
        real = [line for line in f.read().splitlines() if line not in PROFILER]
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
