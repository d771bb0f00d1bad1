"""tokmark run --resume: a run that was cut and one that was not send the same, and end in the same file."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import tk_it

t = tk_it.Tap()
RUN = 'run.tokmark'


def query(text, path=RUN):
    db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)  # it must not make the file
    try:
        return db.execute(text).fetchall()
    finally:
        db.close()


def remove_run():
    for end in ('', '-wal', '-shm'):
        if os.path.exists(RUN + end):
            os.remove(RUN + end)


def indices():
    return [i for i, in query('SELECT idx FROM requests WHERE phase = 2 ORDER BY idx')]


def bodies(*logs):
    """What each request sent, by all simulators: {index: set of bodies}."""
    found = {}
    for log in logs:
        for line in log:
            if 'id' in line:
                found.setdefault(int(line['id'][1:]), set()).add(line['body_hash'])
    return found


def cut(sim, *args, how=signal.SIGKILL, least=20):
    """Start a run and end it by a signal when the file has so many requests."""
    process = tk_it.start('run', sim.url, '-o', RUN, '--request-id-prefix', 'q', *args)
    until = time.monotonic() + 60
    n = 0
    while n < least and time.monotonic() < until:
        time.sleep(0.02)
        try:
            n = query('SELECT count(*) FROM requests WHERE phase = 2')[0][0]
        except sqlite3.Error:
            pass
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def resume(*args, **options):
    return tk_it.run('run', '--resume', RUN, *args, **options)


def check_whole(name, out, n, n_segments, status=0, report_args=()):
    """The file holds one whole run: each request once; what is printed says so, and report prints it again."""
    if not t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})'):
        return
    t.eq(indices(), list(range(n)), f'{name}: every request once')
    t.has(out.stdout, f'{n} planned = {n} sent + 0 not sent', f'{name}: the totals are of the whole')
    t.has(out.stdout, f'resumed: {n_segments} segments', f'{name}: the result says that it was resumed')
    t.eq(query("SELECT value FROM run WHERE key = 'state'"), [('finished',)], f'{name}: the file is finished')
    totals = json.loads(query("SELECT value FROM run WHERE key = 'totals'")[0][0])['measure']
    t.eq(totals['sent'], totals['succeeded'] + totals['failed'] + totals['cancelled'], f'{name}: the totals in it add up')
    t.ok(totals['cancelled_by_plan'] <= totals['cancelled'], f'{name}: what the plan gave up is in them', totals)
    t.eq(query('PRAGMA integrity_check'), [('ok',)], f'{name}: and sound')
    report = tk_it.run('report', RUN, *report_args)
    mine = [line for line in out.stdout.splitlines() if not line.startswith('JSON ')]
    t.eq(report.stdout.splitlines(), mine, f'{name}: report prints what the run printed')
    result = json.loads(tk_it.run('report', RUN, '--format', 'json').stdout)
    parts = result['run']['segments']
    t.eq((len(parts), sum(s['ended'] for s in parts)), (n_segments, n), f'{name}: segments in the JSON')
    took = sum(s['duration_s'] for s in parts)
    t.ok(abs(result['throughput']['duration_s'] - took) < 1e-6, f'{name}: the duration is the sum of theirs',
         (result['throughput'], took))
    t.eq(result['client']['pace'], None, f'{name}: a rate that was held in pieces is not judged')
    ok = result['requests']['succeeded']
    t.ok(abs(result['throughput']['requests_per_s'] - ok / took) < 1e-6, f'{name}: and the throughput is over it')
    block = tk_it.run('report', RUN, '--format', 'vllm')
    t.has(block.stdout, f'Successful requests:                     {ok}', f'{name}: the block of vllm')


PROMPTS = ('--data', 'prompts.jsonl', '--shuffle', '--seed', 7)
QUICK = ('--ttft', '20ms', '--itl', '2ms')


def test_closed():
    """Killed once, then Ctrl-C with requests in flight, then to the end; beside a run that was not cut."""
    args = ('-c', 4, '-n', 150, *PROMPTS)
    with tk_it.Sim(*QUICK) as sim:
        whole = tk_it.run('run', sim.url, '--no-file', '--request-id-prefix', 'q', *args)
        t.eq(whole.returncode, 0, 'uncut: exit status')
        want = bodies(sim.log())
    with tk_it.Sim(*QUICK) as sim:
        port = sim.port
        status, _, _ = cut(sim, *args, '--grace', '0')
        t.eq(status, -signal.SIGKILL, 'closed: killed')
        logs = [sim.log()]
    n_before = len(indices())
    t.ok(20 <= n_before < 150, 'closed: some requests have ended', n_before)
    cut_report = tk_it.run('report', RUN)
    t.has(cut_report.stdout, 'the run did not come to its end', 'closed: reported as cut')
    with tk_it.Sim(*QUICK, '--port', port) as sim:  # the same server again
        process = tk_it.start('run', '--resume', RUN, '--source-address', '127.0.0.1', '--workers', '1')
        while not os.path.exists(RUN + '-wal') or len(indices()) < n_before + 10:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        t.eq(process.returncode, 130, f'closed: stopped by Ctrl-C ({err})')
        t.has(err, f'going on with \'{RUN}\': {n_before} requests have ended, {150 - n_before} are left', 'closed: says what is left')
        t.has(out, '150 planned', 'closed: totals of the whole when it is stopped')
        t.has(out, 'cancelled by the client', 'closed: what was in flight is cancelled')
        logs.append(sim.log())
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        out = resume()
        logs.append(sim.log())
    check_whole('closed', out, 150, 3)
    t.eq(bodies(*logs), want, 'closed: the same bodies as the uncut run')
    again = resume()
    t.eq((again.returncode, again.stdout), (0, out.stdout), 'closed: once more prints the same')
    t.has(again.stderr, 'nothing was left', 'closed: and says why')
    remove_run()


def test_open():
    """An open load goes on where its time stood: what was due is due at once, the rest keeps its distance."""
    args = ('--rate', 100, '-n', 500, '--arrival', 'constant', '--output-tokens', 3, '--warmup', 2)
    with tk_it.Sim(*QUICK) as sim:
        port = sim.port
        cut(sim, *args, '--model', 'sim')
        logs = [sim.log()]
    n_before = len(indices())
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        out = resume()
        logs.append(sim.log())
    check_whole('open', out, 500, 2)
    begin1, last1, clock1 = query(
        'SELECT begin_at, (SELECT max(end_at) FROM requests WHERE segment = 1 AND phase = 2), '
        '(SELECT max(at) FROM clock WHERE segment = 1) FROM segment WHERE number = 1')[0]
    past = max(last1, clock1) - begin1
    begin2 = query('SELECT begin_at FROM segment WHERE number = 2')[0][0]
    due = {i: d - begin2 for i, d in query('SELECT idx, due_at FROM requests WHERE segment = 2 AND phase = 2')}
    t.eq(due, {i: max(0, i * 10**7 - past) for i in due}, 'open: due as long after the new start as after the cut')
    t.ok(any(d > 0 for d in due.values()), 'open: some are left for later', due)
    t.eq(set(bodies(*logs)), set(range(500)), 'open: the server saw them all')
    t.eq(query('SELECT segment, count(*) FROM requests WHERE phase = 1 GROUP BY segment'), [(1, 2), (2, 2)],
         'open: the server is warmed up again')
    t.ok(n_before < 500, 'open: it was cut')
    remove_run()


def test_duration():
    """A bound by time: so much of it is left."""
    with tk_it.Sim(*QUICK) as sim:
        port = sim.port
        cut(sim, '-c', 3, '-d', '4s', '--output-tokens', 3)
    before = set(indices())
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        out = resume()
    t.eq(out.returncode, 0, f'duration: exit status ({out.stderr})')
    found = indices()
    t.eq(found, list(range(len(found))), 'duration: every request once, without gaps')
    begin, last, clock = query('SELECT begin_at, (SELECT max(end_at) FROM requests WHERE segment = 1), '
                               '(SELECT max(at) FROM clock WHERE segment = 1) FROM segment WHERE number = 1')[0]
    left = 4 * 10**9 - (max(last, clock) - begin)
    latest, begin2 = query('SELECT max(released_at), (SELECT begin_at FROM segment WHERE number = 2) FROM requests '
                           'WHERE segment = 2 AND phase = 2')[0]
    t.ok(0 < latest - begin2 < left, 'duration: nothing is sent after the time that was left', (latest - begin2, left))
    t.ok(before < set(found), 'duration: more than before')
    remove_run()


def cut_and_resumed(*args, least=20):
    """Of a load with an end in time. A client without a processor just then leaves its last requests unsent, as it should:
    then once more."""
    for _ in range(5):
        with tk_it.Sim(*QUICK) as sim:
            port = sim.port
            cut(sim, *args, '--arrival', 'constant', '--output-tokens', 3, least=least)
        with tk_it.Sim(*QUICK, '--port', port) as sim:
            out = resume()
        if ' 0 not sent' in out.stdout or out.returncode != 0:
            break
        remove_run()
    return out


def test_shapes():
    """Stages of a rate: every stage has its requests; steps of concurrency go on where they were."""
    out = cut_and_resumed('--stages', '20/s@1s,100/s@1s', '--cancel-share', '20%', least=10)
    check_whole('stages', out, 120, 2)
    t.eq(query('SELECT stage, count(*) FROM requests WHERE phase = 2 GROUP BY stage'), [(1, 20), (2, 100)], 'stages: each has its own')
    remove_run()
    with tk_it.Sim(*QUICK) as sim:
        port = sim.port
        cut(sim, '--stages', '2@1s,6@1s', '--output-tokens', 3, least=5)
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        out = resume()
    t.eq(out.returncode, 0, f'permits: exit status ({out.stderr})')
    found = indices()
    t.eq(found, list(range(len(found))), 'permits: every request once')
    peak = json.loads(tk_it.run('report', RUN, '--format', 'json').stdout)['concurrency']['peak']
    t.eq(peak, 6, 'permits: up to the last level')
    remove_run()
    out = cut_and_resumed('--rate', '100', '--spike', '200/s@500ms+1s')
    check_whole('spike', out, 300, 2)
    result = json.loads(tk_it.run('report', RUN, '--format', 'json').stdout)
    t.eq(result['recovery']['verdict'], 'resumed', 'spike: the load had a pause, so the recovery is not known')
    t.has(out.stdout, 'not known: the run was cut and resumed', 'spike: and the text says so')
    t.eq([s['requests_per_s'] for s in result['stages']], [None] * 3, 'spike: nor what was done in each stage')
    t.eq([s['sent_per_s'] for s in result['stages']], [100, 200, 100], 'spike: but what was sent')
    remove_run()


def test_differences():
    """What would not be the same run is refused, and named."""
    with tk_it.Sim(*QUICK) as sim:
        port, url = sim.port, sim.url
        cut(sim, '-c', 4, '-n', 150, *PROMPTS, '-H', 'X-Api-Key: secret-1', '-H', 'X-Plain: yes', '--slo', 'ttft=1s')
    shutil.copy(RUN, 'kept.tokmark')
    with open(RUN, 'rb') as f:
        t.ok(b'secret-1' not in f.read(), 'the key is not in the file')
    key = ('-H', 'X-Api-Key: secret-1', '-H', 'X-Plain: yes')
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        for name, args, words in (
                ('a key that is missing', (), "'headers' was"),
                ('another concurrency', (*key, '-c', 5), "'phases.measure.concurrency' was 4 and is 5 now"),
                ('more requests', (*key, '-n', 151), "'phases.measure.requests' was 150 and is 151 now"),
                ('another seed', (*key, '--seed', 8), "'seed' was 7 and is 8 now"),
                ('another model', (*key, '--model', 'other'), "'model' was \"sim\""),
                ('a time-out', (*key, '--timeout-first', '5s'), "'timeouts_s.first' was null"),
                ('another body', (*key, '--extra', '{"top_k":3}'), 'the requests are others now'),
                ('an open load', (*key, '--rate', 5), "'phases.measure."),
                ('another server', (*key, url + '/v1'), "'url' was"),
                ('a file of its own', (*key, '-o', 'other.tokmark'), "leave '--output' out"),
                ('no file', (*key, '--no-file'), "leave '--no-file' out"),
                ('a dry run', (*key, '--dry-run'), "leave '--dry-run' out")):
            out = resume(*args)
            t.eq((out.returncode, out.stdout), (2, ''), f'{name}: exit status ({out.stderr.strip()})')
            t.has(out.stderr, words, f'{name}: is named')
        with open('prompts.jsonl', encoding='utf-8') as f:
            lines = f.read()
        with open('prompts.jsonl', 'w', encoding='utf-8') as f:
            f.write(lines.replace('prompt 3', 'prompt three'))
        out = resume(*key)
        t.ok(out.returncode == 2 and "the data ('prompts.jsonl')" in out.stderr, 'changed data is named', out.stderr)
        with open('prompts.jsonl', 'w', encoding='utf-8') as f:
            f.write(lines)
        t.eq(sim.log(), [], 'nothing was sent')
    for path, words in (('none.tokmark', 'No such file'), ('prompts.jsonl', 'is not a run file')):
        out = tk_it.run('run', '--resume', path)
        t.ok(out.returncode == 2 and words in out.stderr, f'{path}: is no file to go on with', out.stderr)
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        out = resume(*key, '--percentiles', '50', '--workers', 2)
        check_whole('with the key again', tk_it.run('run', '--resume', RUN, *key), 150, 2)
        t.has(out.stdout, 'Goodput', 'objectives are remembered')
        sim.stop()
        for name, args, words in (
                ('more requests', (*key, '-n', 300), "'phases.measure.requests' was 150 and is 300 now"),
                ('an open load', (*key, '--rate', 3), "'phases.measure."),
                ('a key that is missing', ('-c', 4), "'headers' was"),
                ('another model', (*key, '--model', 'other'), "'model' was \"sim\""),
                ('another body', (*key, '--extra', '{"top_k":3}'), 'the requests are others now'),
                ('another server', (*key, url + '/v1'), "'url' was")):
            again = resume(*args)
            t.eq((again.returncode, again.stdout), (2, ''), f'whole, {name}: exit status ({again.stderr.strip()})')
            t.has(again.stderr, words, f'whole, {name}: is named')
        for args in ((), (*key, '-n', 150, '-c', 4), ('--workers', 1, '--slo', 'none')):
            again = resume(*args)
            t.ok(again.returncode == 0 and '150 planned' in again.stdout, f'whole, {args}: printed without the server', again.stderr)
        t.ok('p90' not in out.stdout, 'percentiles may be others')
    remove_run()


def test_running():
    """A file that is being written to is left alone."""
    with tk_it.Sim('--ttft', '200ms') as sim:
        process = tk_it.start('run', sim.url, '-n', 1000, '-c', 2, '-o', RUN, '--model', 'sim')
        while not os.path.exists(RUN) or not query("SELECT 1 FROM sqlite_schema WHERE name = 'segment'"):
            time.sleep(0.02)
        out = resume()
        t.ok(out.returncode == 2 and f'process {process.pid} still writes' in out.stderr, 'a run that goes on is left alone', out.stderr)
        process.kill()
        process.communicate()
    remove_run()


def test_sim():
    """--sim has another port each time; that is no other server. Killed before anything has ended: all is left."""
    process = tk_it.start('run', '--sim', '--sim-args', '--ttft 300ms --itl 1ms', '-n', 8, '-c', 4, '--output-tokens', 3, '-o', RUN)
    while not os.path.exists(RUN) or not query("SELECT 1 FROM sqlite_schema WHERE name = 'segment'") or \
            not query('SELECT begin_at FROM segment WHERE begin_at IS NOT NULL'):
        time.sleep(0.02)
    process.kill()
    process.communicate()
    t.eq(indices(), [], 'sim: nothing has ended')
    check_whole('sim', resume(), 8, 2)
    remove_run()


def test_failures():
    """Requests that failed have ended: they stay, and the exit status is that of the whole."""
    with tk_it.Sim(*QUICK, '--fault', 'status=503:50%') as sim:
        port = sim.port
        cut(sim, '-c', 4, '-n', 120)
    n_failed = query('SELECT count(*) FROM requests WHERE ended <> 0')[0][0]
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        out = resume('--json', 'out.json')
        log = sim.log()
    t.ok(n_failed > 5, 'failures: some', n_failed)
    check_whole('failures', out, 120, 2, status=3)
    with open('out.json', encoding='utf-8') as f:
        t.eq(json.load(f)['requests']['failed'], n_failed, 'failures: they stay')
    t.ok(all(line['status'] == 200 for line in log), 'failures: and are not sent again')
    remove_run()


def test_full():
    """A disk that was full, and has room again."""
    os.mkdir('small')
    made = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', 'small'], capture_output=True, text=True, check=False)
    if made.returncode:
        t.skip(f'no small disk: {made.stderr.strip()}')
        return
    path = 'small/run.tokmark'
    try:
        args = ('-n', 300, '-c', 10, '--output-tokens', 40, '--keep-text', '--request-id-prefix', 'q')
        with tk_it.Sim('--ttft', '2ms', '--itl', '2ms', '--words', 'x' * 1000) as sim:
            port = sim.port
            out = tk_it.run('run', sim.url, '-o', path, *args)
        t.eq(out.returncode, 1, 'full: exit status')
        subprocess.run(['mount', '-o', 'remount,size=64m', 'small'], check=True)
        n = query('SELECT count(*) FROM requests', path)[0][0]
        t.ok(0 < n < 300, 'full: a part is in the file', n)
        with tk_it.Sim('--ttft', '2ms', '--itl', '2ms', '--words', 'x' * 1000, '--port', port) as sim:
            out = tk_it.run('run', '--resume', path)
            log = sim.log()
        t.eq(out.returncode, 0, f'full: goes on ({out.stderr.strip()})')
        t.eq([i for i, in query('SELECT idx FROM requests ORDER BY idx', path)], list(range(300)), 'full: every request once')
        t.eq(len(log), 300 - n, 'full: what was in no file is sent again')
    finally:
        subprocess.run(['umount', '-l', 'small'], check=False)


with tk_it.Folder():
    with open('prompts.jsonl', 'w', encoding='utf-8') as f:
        for i in range(40):
            f.write(json.dumps({'prompt': f'prompt {i} ' + 'word ' * (i % 5), 'output_tokens': 3 + i % 9}) + '\n')
    for test in (test_closed, test_open, test_duration, test_shapes, test_differences, test_running, test_sim, test_failures, test_full):
        test()
t.done()
