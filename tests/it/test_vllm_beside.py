"""Prompts that are made while the load runs: the same ones, in the same order, and Ctrl-C in the middle of making them."""
import json
import os
import signal
import subprocess
import time

import tk_it

t = tk_it.Tap()
TOK = os.path.join(tk_it.GOLDEN, 'vllm/load/tok')
MOST = 1_600_000  # prompts: 300 tokens each take longer than two seconds on any machine


def words(n, *more):
    return ['vllm', '--model', 'sim', '--tokenizer', TOK, '--dataset-name', 'random', '--random-input-len', 300, '--random-output-len', 1,
            '--num-prompts', n, '--max-concurrency', 4, '--request-id-prefix', 'q', '--ready-check-timeout-sec', 0, '--disable-tqdm', *more]


def bodies_of_dry_run(words_of_run, n_wanted):
    """The hashes of the first bodies, as they are when all are made before anything is sent."""
    command = [tk_it.TOKMARK, *map(str, words_of_run), '--dry-run']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=tk_it.surroundings_of(('vllm',))) as process:
        lines = [process.stdout.readline() for _ in range(n_wanted)]
        process.kill()
    # The body stands in the line as it is sent.
    return [tk_it.body_hash(line[line.index('"body":') + 7:line.rindex(',"prompt_tokens":')]) for line in lines]


def begun_early(url, n):
    """A run whose load begins before its prompts are made, stopped a little later; None: all were made in time."""
    process = tk_it.start(*words(n, '--base-url', url, '--save-result', '--result-filename', 'r.json'))
    line = process.stderr.readline()
    if 'the load begins, and the others are made beside it' not in line:
        process.kill()
        process.communicate()
        return None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    return line, process.returncode, out, err


with tk_it.Folder(), tk_it.Sim('--ttft', '1ms', '--itl', '0') as sim:
    n = 25_000
    result = begun_early(sim.url, n)
    while result is None and n < MOST:
        n *= 2
        result = begun_early(sim.url, n)
    if t.ok(result is not None, 'the load begins before its last prompt is made'):
        line, status, out, err = result
        n_then = int(line.split(': ', 1)[1].split()[0])
        t.ok(0 < n_then < n, 'some are made then', line)
        t.eq(status, 130, f'Ctrl-C ends both: {err}')
        log = [r for r in sim.log() if 'id' in r]
        t.ok(len(log) > 0, 'requests were sent')
        with open('r.json', encoding='utf-8') as f:
            t.eq(json.load(f)['num_prompts'], n, 'the result has what was planned')
        sent = {int(r['id'][1:]): r['body_hash'] for r in log}
        some = min(len(sent), 2000)
        want = bodies_of_dry_run(words(n), some)
        t.eq([sent.get(i) for i in range(some)], want, f'the first {some} bodies are those of a run that makes all first')
        t.ok('slow-maker' not in out or 'THE LIMIT' in out, 'who waited for a prompt was the limit')

with tk_it.Folder(), tk_it.Sim('--ttft', '1ms', '--itl', '0') as sim:
    images = words(9, '--dataset-name', 'random-mm', '--backend', 'openai-chat', '--endpoint', '/v1/chat/completions',
                   '--random-mm-num-mm-items-range-ratio', 1, '--random-mm-bucket-config', '{(30,40,1):1,(8,8,1):1}', '--request-id-prefix', 'mm')
    out = tk_it.run(*map(str, images), '--base-url', sim.url)
    t.ok(out.returncode == 0, 'prompts with images are made in the same way', out.stderr)
    sent = {int(r['id'][2:]): r['body_hash'] for r in sim.log() if r.get('id', '').startswith('mm')}
    t.eq([sent.get(i) for i in range(9)], bodies_of_dry_run(images, 9), 'they are those of a run that makes all first')
t.done()
