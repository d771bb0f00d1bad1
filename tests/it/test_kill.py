"""Nothing that has ended is lost: a run that is killed, a disk that is full, a place that cannot be written to."""
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import tk_it

t = tk_it.Tap()
SECOND = 10**9


def ids_in(path, how='mode=ro'):
    """The requests in a run file, read by another program than ours; and whether SQLite finds it sound."""
    db = sqlite3.connect(f'file:{path}?{how}', uri=True)
    try:
        found = [i for i, in db.execute('SELECT idx FROM requests WHERE phase = 2')]
        return found, db.execute('PRAGMA integrity_check').fetchone()[0]
    finally:
        db.close()


def ended_before(log, instant):
    """What the server had answered to the end before an instant of CLOCK_MONOTONIC."""
    return {int(r['id'][1:]) for r in log if r['end'] == 'finished' and r['ended_at'] < instant}


def kill_at(delay, rate, name):
    """A run that is killed after so long; what the server logged, and when the kill was."""
    with tk_it.Sim('--ttft', '5ms', '--itl', '2ms') as sim:
        process = tk_it.start('run', sim.url, '--model', 'sim', '--rate', rate, '-n', 10**6, '--output-tokens', 10, '--request-id-prefix', 'k',
                              '-o', name + '.tokmark')
        while process.poll() is None and not os.path.exists(name + '.tokmark-wal'):
            time.sleep(0.01) # the file has its tables before it has a log
        time.sleep(delay)
        killed_at = time.monotonic_ns()
        process.kill()
        process.communicate()
        return sim.log(), killed_at, process.returncode


def check_report(name, path, n):
    """`tokmark report` works, and says that the run was cut."""
    out = tk_it.run('report', path)
    t.eq(out.returncode, 0, f'{name}: report ({out.stderr.strip()})')
    t.has(out.stdout, 'the run did not come to its end', f'{name}: says that it was cut')
    t.has(out.stdout, f'{n} sent = ', f'{name}: counts what is there')
    result = json.loads(tk_it.run('report', path, '--format', 'json').stdout)
    t.eq((result['run']['complete'], result['requests']['sent']), (False, n), f'{name}: so does the JSON')


def test_kill():
    """500 requests of ten events each second, killed at any instant: with the log, and as a lone copy of the file."""
    seed = int(os.environ.get('TK_SEED') or random.randrange(10**6))
    print(f'# TK_SEED={seed}')
    draw = random.Random(seed)
    lost = []
    for turn in range(20):
        delay = draw.uniform(0.3, 3.5)
        name = f'kill {turn + 1}, after {delay:.3f} s'
        for path in ('killed.tokmark', 'killed.tokmark-wal', 'killed.tokmark-shm', 'lone.tokmark'):
            if os.path.exists(path):
                os.remove(path)
        log, killed_at, status = kill_at(delay, 500, 'killed')
        t.eq(status, -signal.SIGKILL, f'{name}: it was still running')
        shutil.copy('killed.tokmark', 'lone.tokmark')
        must = ended_before(log, killed_at - SECOND)
        found, sound = ids_in('killed.tokmark')
        t.eq(sound, 'ok', f'{name}: the file is sound')
        t.eq(len(found), len(set(found)), f'{name}: no request is there twice')
        t.eq(sorted(must - set(found)), [], f'{name}: {len(found)} requests, with all {len(must)} that ended a second before')
        early = ended_before(log, killed_at)
        lost.append(len(early - set(found)))
        t.ok(set(found) <= {int(r['id'][1:]) for r in log}, f'{name}: none that the server has not seen')
        check_report(name, 'killed.tokmark', len(found))
        alone = tk_it.run('report', 'lone.tokmark', '--format', 'json')
        t.eq(alone.returncode, 0, f'{name}: a lone copy ({alone.stderr.strip()})')
        t.ok(not os.path.exists('lone.tokmark-wal') and not os.path.exists('lone.tokmark-shm'), f'{name}: nothing is left beside it')
        result = json.loads(alone.stdout)
        if result['run']['damaged']:
            print(f'# {name}: killed while rows were moved into the file')
            continue
        by_itself, _ = ids_in('lone.tokmark', 'immutable=1')
        t.eq(sorted(must - set(by_itself)), [], f'{name}: a lone copy has them too')
        t.eq(result['requests']['sent'], len(by_itself), f'{name}: and they are reported')
    print(f'# ended at the server and not in the file: {lost}, of 500 a second')


class SmallDisk:
    """A tmpfs of so many bytes, if we may mount one."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        os.mkdir('small')
        made = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={self.size}', 'tmpfs', 'small'], capture_output=True, text=True, check=False)
        self.reason = made.stderr.strip() if made.returncode else None
        return self

    def __exit__(self, *_):
        if not self.reason:
            subprocess.run(['umount', '-l', 'small'], check=False)
        os.rmdir('small')


def test_full():
    with SmallDisk('8m') as disk:
        if disk.reason:
            t.skip(f'no small disk: {disk.reason}')
            return
        n, tokens = 400, 60  # of 1,000 bytes: 24 MB
        for name, args in (('full', ('--json', 'full.json')), ('full, and no room for the JSON', ('--json', '/dev/full'))):
            with tk_it.Sim('--ttft', '2ms', '--itl', '2ms', '--words', 'x' * 1000) as sim:
                out = tk_it.run('run', sim.url, '--model', 'sim', '-n', n, '-c', 20, '--output-tokens', tokens, '-o', 'small/full.tokmark',
                                '--request-id-prefix', 'f', '--keep-text', *args)
                log = sim.log()
            t.eq(len(log), n, f'{name}: the run was done to its end')
            t.eq(out.returncode, 1, f'{name}: exit status ({out.stderr.strip()})')
            t.ok('No space left' in out.stderr or 'full' in out.stderr, f'{name}: what is wrong', out.stderr)
            t.has(out.stderr, "'small/full.tokmark'", f'{name}: and where')
            t.has(out.stderr, 'the run goes on', f'{name}: said when it happened')
            t.has(out.stdout, f'{n} sent = {n} succeeded + 0 failed + 0 cancelled', f'{name}: the figures are whole on the terminal')
            if 'no room' in name:
                t.has(out.stderr, "'/dev/full' could not be written: No space left on device", f'{name}: says that there is no JSON')
                t.ok('JSON  ' not in out.stdout, f'{name}: and does not say where it is', out.stdout)
            else:
                with open('full.json', encoding='utf-8') as f:
                    result = json.load(f)
                t.eq((result['requests']['succeeded'], result['tokens']['output']), (n, n * tokens), f'{name}: and in the JSON')
                t.eq(result['metrics']['ttft']['successes']['n'], n, f'{name}: with every latency')
                t.eq(result['metrics']['chunk_gap']['successes']['n'], n * (tokens - 1), f'{name}: and every gap')
            report = tk_it.run('report', 'small/full.tokmark')
            t.eq(report.returncode, 0, f'{name}: what is in the file can be reported ({report.stderr.strip()})')
            t.has(report.stdout, 'the run did not come to its end', f'{name}: as cut')
            found, sound = ids_in('small/full.tokmark')
            t.ok(sound == 'ok' and 0 < len(found) < n, f'{name}: a part is in the file', (sound, len(found)))
            for path in os.listdir('small'):
                os.remove('small/' + path)


def test_places():
    """What cannot be written is said before anything is sent."""
    os.mkdir('folder')
    os.mkdir('folder.tokmark')
    with open('text', 'w', encoding='utf-8') as f:
        f.write('mine\n')
    os.mkdir('locked')
    os.chmod('locked', 0o555)
    places = [('a folder that is not there', ('-o', 'none/run.tokmark')), ('a folder in its place', ('-o', 'folder')),
              ('a file of another kind', ('-o', 'text', '--overwrite')), ('a file in the way', ('-o', 'text')),
              ('a name that is too long', ('-o', 'x' * 300)), ('a file for a folder', ('-o', 'text/run.tokmark')),
              ('JSON: a folder that is not there', ('--json', 'none/out.json')), ('JSON: a folder in its place', ('--json', 'folder')),
              ('JSON: a file for a folder', ('--json', 'text/out.json'))]
    if os.geteuid() != 0:
        places += [('no right to write', ('-o', 'locked/run.tokmark')), ('JSON: no right to write', ('--json', 'locked/out.json'))]
    for place in ('/proc/run.tokmark', '/sys/run.tokmark'):
        places += [(f'{place}', ('-o', place)), (f'JSON: {place}', ('--json', place))]
    with tk_it.Sim('--ttft', '1ms', '--itl', '0') as sim:
        for name, args in places:
            out = tk_it.run('run', sim.url, '--model', 'sim', '-n', 3, *(('--no-file',) if args[0] == '--json' else ()), *args)
            t.ok(out.returncode in (1, 2) and out.stdout == '', f'{name}: exit status', (out.returncode, out.stdout, out.stderr))
            t.has(out.stderr, args[1][:40], f'{name}: the message names it')
        out = tk_it.run('run', sim.url, '--model', 'sim', '-n', 3, '--no-file', '--json', '/dev/stdout')
        t.eq(json.loads(out.stdout.split('Server')[0])['requests']['sent'], 3, 'JSON to a device')
        sim.stop()
        with open('text', encoding='utf-8') as f:
            t.eq(f.read(), 'mine\n', 'what stood there stands there')
        t.eq(len(sim.log()), 3, 'nothing was sent but by the last')


with tk_it.Folder():
    test_places()
    test_full()
    test_kill()
t.done()
