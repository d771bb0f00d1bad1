"""What `tokmark vllm` prints, writes and asks beside its requests, against what vLLM did (tests/golden/vllm/output).

The cases are those of tests/parity/vllm/output_cases.py; tests/parity/vllm/output asked the program.
"""
import json
import os
import re
import sys

import tk_it
import vllm_server

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
sys.path.append(os.path.join(tk_it.GOLDEN, '../parity/vllm'))
import output_cases  # noqa: E402


def shape(value, key=''):
    """Keys in order and types; texts and whole numbers too, but dates, for they come from the command line or are counted."""
    if isinstance(value, dict):
        return [(k, shape(v, k)) for k, v in value.items()]
    if isinstance(value, list) and key == 'header':
        return [v.split('=')[0] for v in value]  # masked
    if isinstance(value, list):
        return [shape(v, key) for v in value]
    if key.startswith('spec_decode') or key in ('diffusion_steps_per_canvas', 'diffusion_committed_per_step'):
        return value
    if isinstance(value, float) or key in ('date', 'port', 'timestamp', 'total_input_tokens', 'max_concurrent_requests', 'probe_completed'):
        return type(value).__name__
    return value


def line_shape(line):
    """A value of the block without its figure."""
    label, value = line[:40], line[41:]
    return label if len(line) == 51 and re.fullmatch(r'[\d.]+ *', value) else line


def same_age(got, real):
    """0.32's result as 0.13 would have it: without what it always has beyond it, prompts counted by the tokenizer."""
    if 'input_lens' in real:
        real['input_lens'] = got['input_lens']
    return {k: v for k, v in real.items() if k in got or k not in ('latencies', 'start_times', 'queue_times', 'rtfx')}


def same_lines(got, real, name):
    """All but the first, where values of headers are masked."""
    real = [re.sub(r"header=\['(.*?)=.*?'\]", r"header=['\1=***']", line) for line in real]
    t.eq([line_shape(line) for line in got], [line_shape(line) for line in real], f'{name}: standard output')


def check(name, case):
    with open(os.path.join(golden, 'output', name + '.json'), encoding='utf-8') as f:
        real = json.load(f)
    with tk_it.Folder() as folder, vllm_server.Server(case.get('server', {})) as server:
        os.symlink(os.path.join(golden, 'load/tok'), 'tok')
        os.symlink(os.path.join(golden, 'prompts.jsonl'), 'prompts.jsonl')
        port = str(server.port)
        words = [w.replace('{port}', port) for w in [*output_cases.words(case), *case.get('ours', [])]]
        done = tk_it.run('vllm', *words, '--plain', env=case.get('env'))
        t.eq(done.returncode, real['status'], f'{name}: exit status ({done.stderr.strip()})')
        if (real['error'] or '').startswith('ValueError: '):
            t.has(done.stderr.replace(port, '{port}'), real['error'].partition(': ')[2], f'{name}: the error')
        if real['status'] != 0:  # there some of the output is before it
            return
        t.eq(sorted({r[2]['model'] for r in server.requests if r[1].endswith('completions')}), real.get('models', ['org/m']), f'{name}: the model')
        if 'prompts' in real:
            t.eq(sorted(str(r[2].get('prompt')) for r in server.requests if r[1].endswith('completions')), real['prompts'], f'{name}: the prompts')
        out = done.stdout.replace(port, '{port}').replace(folder, '{dir}').splitlines()
        begin = 1 if case.get('is_newer') or case.get('ours') else 0  # newer options are in the first line there
        same_lines(out[begin:], real['stdout'][begin:], name)
        left = sorted(f for f in os.listdir('.') if f not in ('tok', 'prompts.jsonl') and not f.endswith('.tokmark'))
        t.eq(left, sorted(real['files']), f'{name}: the files that it leaves')
        for file, content in real['files'].items():
            if content is None:
                continue
            with open(file, encoding='utf-8') as f:
                text = f.read()
            got = json.loads(text)
            t.eq(text, json.dumps(got), f'{name}: {file} is written as json.dumps does')
            t.eq(shape(got), shape(same_age(got, content) if case.get('is_newer') else content), f'{name}: {file}, key by key')
        asked = [list(r) for r in server.requests if not r[1].endswith('completions')]
        if case.get('is_newer') and '/metrics' not in (path for _, path, _ in asked):
            real['asked'] = [r for r in real['asked'] if r[1] != '/metrics']
        if case.get('is_newer'):  # drafts and diffusion each have a look of their own there
            asked, real['asked'] = [r for i, r in enumerate(asked) if r not in asked[:i]], [
                r for i, r in enumerate(real['asked']) if r not in real['asked'][:i]]
        asked, real['asked'] = sorted(asked, key=json.dumps), sorted(real['asked'], key=json.dumps)  # several at once
        t.eq(asked, real['asked'], f'{name}: what else is asked of the server')


for case_name, a_case in output_cases.CASES.items():
    check(case_name, a_case)
t.done()
