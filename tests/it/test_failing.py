"""Calls that fail: the n-th read, write, sync, open or allocation of a whole program, one n after the other until none is reached.

No crash, no hang; an error that says what is wrong, and the exit status of the manual; or the whole result, in every place.
"""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import time

import tk_it

t = tk_it.Tap()
SHIM = os.environ.get('TK_FAILCALLS', '')
MAX_CALLS = 2000  # of files; more are none of ours
SAMPLES = int(os.environ.get('TK_FAIL_SAMPLES', '60'))  # of allocations, which are thousands; 0: all


def clean(*keep):
    for name in os.listdir('.'):
        if name not in keep:
            if os.path.isdir(name):
                shutil.rmtree(name)
            else:
                os.remove(name)


def failing(what, *args):
    """The program while a call fails; whether one did."""
    if os.path.exists('mark'):
        os.remove('mark')
    env = {'LD_PRELOAD': SHIM, 'TK_FAIL': what, 'TK_FAIL_MARK': os.path.abspath('mark')}
    try:
        out = tk_it.run(*args, env=env, timeout=60)
    except subprocess.TimeoutExpired:
        t.ok(False, f'{what}: a hang')
        return None, True
    return out, os.path.exists('mark')


def rows(path):
    """What SQLite itself makes of a run file: soundness and number of requests; None where it cannot be opened."""
    try:
        db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
        found = db.execute('PRAGMA integrity_check').fetchone()[0], db.execute('SELECT count(*) FROM requests').fetchone()[0]
        db.close()
        return found
    except sqlite3.Error as e:
        return str(e), -1


def is_json(path):
    try:
        with open(path, encoding='utf-8') as f:
            return json.load(f)
    except ValueError:
        return None


def fault_of_run(out, n):
    """What is wrong with the end of a run of n requests whose calls failed; None: nothing."""
    if out is None:
        return 'hang'
    if out.returncode not in (0, 1, 2, 3):
        return f'exit status {out.returncode}'
    if any(not line.startswith('tokmark') for line in out.stderr.splitlines()):
        return 'a message that is none of ours'
    if os.path.exists('out.json') and is_json('out.json') is None:
        return 'half a JSON'
    if out.returncode in (1, 2):
        return None if out.stderr.strip() else 'an error without a word'
    # A file that was read twice, because a read failed, counts what was read, and says so.
    figures = [f'{n} {word} = {n} succeeded + 0 failed' for word in ('sent', 'read')] if out.returncode == 0 else ['failed']
    if not any(words in out.stdout for words in figures):
        return 'no figures'
    if not os.path.exists('out.json') or is_json('out.json')['requests']['sent'] != n:
        return 'the JSON is not whole'
    if os.path.exists('run.tokmark-wal'):
        return 'the run file is in two parts'
    if rows('run.tokmark') != ('ok', n):
        return f'the run file is not whole: {rows("run.tokmark")}'
    return None


def loop(name, kind, error, once, fault, counts, more=''):
    """`once` with the n-th call failing, for every n of `counts` until none is reached."""
    n_failed = 0
    bad = []
    statuses = {}
    for n in counts:
        out, is_reached = once(f'{kind}:{n}{more}:{error}')
        wrong = fault(out)
        if wrong:
            bad.append((n, wrong, out and (out.returncode, out.stdout[-300:], out.stderr)))
        if not is_reached:
            break
        n_failed += 1
        if out:
            statuses[out.returncode] = statuses.get(out.returncode, 0) + 1
    t.ok(not bad, f'{name}: {kind} {error}{" and all after it" if more else ""}, {n_failed} calls fail', bad[:5])
    return n_failed, statuses


def run_of(sim):
    """A run with data, run file and JSON: how it is done once, and what is wrong with its end."""
    def once(what):
        clean('prompts.jsonl')
        return failing(what, 'run', sim.url, '-n', 3, '-c', 2, '--data', 'prompts.jsonl', '-o', 'run.tokmark', '--json', 'out.json')

    return once, lambda out: fault_of_run(out, 3)


def killed_run(sim, path, n, c, least):
    """A run of n requests, killed when its file has `least` of them."""
    process = tk_it.start('run', sim.url, '-n', n, '-c', c, '--data', 'prompts.jsonl', '-o', path)
    while process.poll() is None and (not os.path.exists(path) or rows(path)[1] < least):
        time.sleep(0.002)
    process.kill()
    process.communicate()


def test_run():
    with tk_it.Sim('--ttft', '1ms', '--itl', '200us') as sim:
        once, fault = run_of(sim)
        for kind, errors in (('open', ('EIO',)), ('read', ('EIO',)), ('write', ('EIO', 'ENOSPC')), ('sync', ('EIO',))):
            for error in errors:
                for more in ('', '+'):
                    n, statuses = loop('run', kind, error, once, fault, range(1, MAX_CALLS), more)
                    t.ok(1 < n < MAX_CALLS - 1, f'run: {kind}: there are such calls, and an end of them', n)
                    t.ok(set(statuses) - {0} or kind == 'sync', f'run: {kind}: some are errors', statuses)


def test_run_memory():
    with tk_it.Sim('--ttft', '1ms', '--itl', '200us') as sim:
        once, fault = run_of(sim)
        most = 1
        while once(f'malloc:{most}:ENOMEM')[1]:
            most *= 2
        seed = int(os.environ.get('TK_SEED') or random.randrange(10**6))
        print(f'# TK_SEED={seed}, about {most} allocations')
        counts = range(1, most) if SAMPLES == 0 else sorted(random.Random(seed).sample(range(1, most), SAMPLES))
        loop('run', 'malloc', 'ENOMEM', once, fault, counts)
        loop('run', 'malloc', 'ENOMEM', once, fault, counts if SAMPLES == 0 else counts[::5], '+')


def fault_of_report(out):
    if out is None:
        return 'hang'
    if out.returncode == 0:
        return None if 'Throughput' in out.stdout and '"n": ' not in out.stdout else 'no report'
    if out.returncode not in (1, 2):
        return f'exit status {out.returncode}'
    if out.stdout:
        return 'half a report'
    return None if out.stderr.startswith('tokmark') else 'an error without a word'


def test_report():
    """Reports of a file: of a run that came to its end, and of one that was killed, whose log lies beside it."""
    with tk_it.Sim('--ttft', '1ms', '--itl', '200us') as sim:
        tk_it.run('run', sim.url, '-n', 40, '-c', 4, '--data', 'prompts.jsonl', '-o', 'whole.tokmark', '--keep-text')
        killed_run(sim, 'cut.tokmark', 10**6, 4, 40)
    for path in ('whole.tokmark', 'cut.tokmark'):
        def once(what, path=path):
            return failing(what, 'report', path)

        n, statuses = loop(f'report of {path}', 'read', 'EIO', once, fault_of_report, range(1, MAX_CALLS))
        t.ok(n > 3 and statuses.get(1, 0) + statuses.get(2, 0) > 0, f'report of {path}: some are errors', (n, statuses))
        loop(f'report of {path}', 'open', 'EIO', once, fault_of_report, range(1, MAX_CALLS))
        seed = random.randrange(10**6)
        print(f'# seed of allocations: {seed}')
        counts = range(1, 10**6) if SAMPLES == 0 else sorted(random.Random(seed).sample(range(1, 3000), SAMPLES // 3))
        loop(f'report of {path}', 'malloc', 'ENOMEM', once, fault_of_report, counts)
    for name, args in (('JSON', ('--format', 'json')), ('vllm', ('--format', 'vllm-json'))):
        def once(what, args=args):
            return failing(what, 'report', 'whole.tokmark', *args, '-o', 'report.out')

        def fault(out):
            if out is None or out.returncode not in (0, 1, 2):
                return 'hang, or exit status'
            if out.returncode:
                return None if out.stderr and not os.path.exists('report.out') else 'half a report'
            whole = is_json('report.out')
            os.remove('report.out')
            return None if whole else 'no report'

        for kind in ('write', 'open', 'read'):
            loop(f'report as {name} into a file', kind, 'ENOSPC' if kind == 'write' else 'EIO', once, fault, range(1, MAX_CALLS))
    clean('prompts.jsonl')


def test_resume():
    """Going on with a run: whatever fails, what was in the file stays there."""
    with tk_it.Sim('--ttft', '2ms', '--itl', '1ms') as sim:
        killed_run(sim, 'kept.tokmark', 60, 2, 20)
        for end in ('', '-wal'):
            shutil.copy('kept.tokmark' + end, 'first' + end)
        before = rows('kept.tokmark')[1]
        t.ok(20 <= before < 60, 'resume: a run that was cut', before)

        def once(what):
            clean('prompts.jsonl', 'first', 'first-wal')
            for end in ('', '-wal'):
                shutil.copy('first' + end, 'run.tokmark' + end)
            return failing(what, 'run', '--resume', 'run.tokmark', '--json', 'out.json')

        def fault(out):
            if out is not None and out.returncode in (1, 2):
                sound, n = rows('run.tokmark')
                if sound != 'ok' or n < before:
                    return f'what was there is not any more: {sound}, {n} of {before}'
            return fault_of_run(out, 60)

        for kind, error in (('read', 'EIO'), ('write', 'ENOSPC'), ('sync', 'EIO'), ('open', 'EIO')):
            n, statuses = loop('resume', kind, error, once, fault, range(1, MAX_CALLS))
            t.ok(n > 1, f'resume: {kind}: there are such calls', statuses)
    clean('prompts.jsonl')


def main():
    if not SHIM:
        t.skip('no library that lets calls fail: with a sanitizer there is none')
        return
    with open(tk_it.TOKMARK, 'rb') as f:
        counts_lines = b'__gcov_' in f.read()
    if counts_lines:
        t.skip('what counts the lines that run makes calls of its own, and cannot live with their failure')
        return
    with open('prompts.jsonl', 'w', encoding='utf-8') as f:
        for i in range(5):
            f.write(json.dumps({'prompt': f'prompt {i}', 'output_tokens': 3 + i}) + '\n')
    for test in (test_run, test_report, test_resume, test_run_memory):
        test()


with tk_it.Folder():
    main()
t.done()
