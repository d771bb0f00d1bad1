"""18,000 open streams at once: none fails, the client stays small; and one more than the limit of files allows."""
import collections
import json
import os
import resource
import subprocess

import tk_it

t = tk_it.Tap()
STREAMS = 18000
TOKENS = 10
MEMORY_MB = 450  # the budget: 25 kB a stream, the program and its records included


def is_sanitized():
    with open(tk_it.TOKMARK, 'rb') as f:
        text = f.read()
    return b'__asan_init' in text or b'__tsan_init' in text


def test_many():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < STREAMS + 100:
        t.skip(f'at most {hard} open files here')
        return
    if is_sanitized():
        t.skip('a sanitizer has a use for memory of its own')
        return
    with tk_it.Sim('--ttft', '4s', '--itl', '1s') as sim: # time enough to send them all before the first ends
        process = subprocess.Popen(
            [tk_it.TOKMARK, 'run', sim.url, '--model', 'sim', '-c', str(STREAMS), '-n', str(STREAMS), '--output-tokens', str(TOKENS),
             '--json', 'out.json', '-o', 'run.tokmark', '--request-id-prefix', 's'], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        sim.stop()
        with open(sim.log_path, encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
    t.eq(process.returncode, 0, 'many: exit status')
    summary = lines[-1]
    t.eq(summary['kind'], 'summary', 'many: the log is whole')
    t.eq(summary['peak_open'], STREAMS, 'many: all at once, by the server\'s log')
    asked = [line for line in lines if line['kind'] == 'request' and line['method'] == 'POST']
    t.eq(collections.Counter(line['expect'] for line in asked), {'ok': STREAMS}, 'many: none failed at the server')
    t.eq({line['tokens_sent'] for line in asked}, {TOKENS}, 'many: every one had its tokens')
    with open('out.json', encoding='utf-8') as f:
        result = json.load(f)
    t.eq((result['requests']['succeeded'], result['requests']['failed']), (STREAMS, 0), 'many: nor at the client')
    t.eq(result['concurrency']['peak'], STREAMS, 'many: all at once, by the client\'s records')
    t.eq(result['tokens']['output'], STREAMS * TOKENS, 'many: tokens')
    t.eq(result['metrics']['chunk_gap']['successes']['n'], STREAMS * (TOKENS - 1), 'many: gaps')
    mb = used.ru_maxrss / 1000
    t.ok(mb <= MEMORY_MB, f'many: {mb:.0f} MB of memory at most', mb)
    print(f'# {STREAMS} streams: {mb:.0f} MB, {used.ru_utime + used.ru_stime:.1f} s of a processor for {STREAMS * TOKENS} events')


def test_one_too_many():
    """The limit is looked at before anything is sent."""
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 564))
    with tk_it.Sim('--ttft', '500ms', '--itl', '1ms') as sim:
        for n, is_fine in ((500, True), (501, False)):
            out = subprocess.run([tk_it.TOKMARK, 'run', sim.url, '--model', 'sim', '-c', str(n), '-n', str(n), '--output-tokens', '3', '-o',
                                  f'{n}.tokmark'], capture_output=True, text=True, preexec_fn=few_files, timeout=120, check=False)
            if is_fine:
                t.eq(out.returncode, 0, f'{n} streams of 564 files: exit status ({out.stderr})')
                t.has(out.stdout, f'{n} sent = {n} succeeded', f'{n} streams: all')
            else:
                t.eq((out.returncode, out.stdout), (1, ''), f'{n} streams: an error before the start')
                t.has(out.stderr, '501 streams at once need 565 open files, the hard limit is 564', 'one too many: says so')
                t.has(out.stderr, 'ulimit -Hn', 'one too many: says what to do')
                t.ok(not os.path.exists(f'{n}.tokmark'), 'one too many: no run file is left behind')
        t.eq(len(sim.log()), 500, 'one too many: nothing was sent')


with tk_it.Folder():
    test_one_too_many()
    test_many()
t.done()
