"""tokmark run against a server with faults: what it counted, and as what, is what the simulator logged, request by request."""
import collections
import concurrent.futures
import json
import resource
import socket
import sqlite3
import subprocess

import tk_it
import tk_peer

t = tk_it.Tap()

# Of a request that ends by itself nothing depends on the machine's speed: these only keep a hang from lasting.
PATIENT = ('--timeout-first', '90s', '--timeout-idle', '90s', '--timeout-total', '90s')
# Of one that does not: the one whose class is expected is short, the others can not come first.
FIRST = ('--timeout-first', '1s', '--timeout-idle', '90s', '--timeout-total', '90s')
IDLE = ('--timeout-first', '90s', '--timeout-idle', '1s', '--timeout-total', '90s')
TOTAL = ('--timeout-first', '90s', '--timeout-idle', '90s', '--timeout-total', '1s')

# The fault, the class of a stream, of a whole reply (None: as a stream), the time-outs it takes. Every knob that the
# simulator's page lists as a fault is here; that the log says the same is checked for each request.
CASES = [
    ('status=300', 'http-status', None, PATIENT),
    ('status=404', 'http-status', None, PATIENT),
    ('status=429,retry_after=2', 'http-status', None, PATIENT),
    ('status=503', 'http-status', None, PATIENT),
    ('error_at=0', 'api-error', 'http-status', PATIENT),
    ('error_at=3', 'api-error', 'http-status', PATIENT),
    ('reset_at=0', 'reset', None, PATIENT),
    ('reset_at=3', 'reset', None, PATIENT),
    ('close_at=0', 'truncated', 'reset', PATIENT),
    ('close_at=3', 'truncated', 'reset', PATIENT),
    ('cut_at=0', 'truncated', None, PATIENT),
    ('cut_at=3', 'truncated', None, PATIENT),
    ('stall_at=0', 'timeout-first', None, FIRST),
    ('stall_at=3', 'timeout-idle', 'timeout-first', IDLE),
    ('malformed=json', 'protocol', None, PATIENT),
    ('malformed=json,malformed_at=0', 'protocol', None, PATIENT),
    ('malformed=chunk', 'protocol', None, PATIENT),
    ('malformed=head', 'protocol', None, PATIENT),
    ('reset_byte=0', 'reset', None, PATIENT),
    ('reset_byte=20', 'reset', None, PATIENT),
    ('reset_byte=250', 'reset', None, PATIENT),
    ('close_byte=0', 'reset', None, PATIENT),
    ('close_byte=20', 'truncated', None, PATIENT),
    ('close_byte=250', 'truncated', None, PATIENT),
    ('stall_byte=0', 'timeout-first', None, FIRST),
    ('stall_byte=20', 'timeout-first', None, FIRST),
    ('stall_byte=250', 'timeout-first', None, FIRST),
    ('stall_byte=1000', 'timeout-idle', 'ok', IDLE),
    ('head_gap=1ms', 'ok', None, PATIENT),
    ('head_gap=100ms', 'timeout-first', None, FIRST),
    ('length=short', 'truncated', 'protocol', PATIENT),
    ('length=long', 'truncated', None, PATIENT),
    ('endless', 'timeout-total', None, TOTAL),
    ('nodone', 'ok', None, PATIENT),
    ('gzip_garbage', 'protocol', None, PATIENT),
    ('idle_close=1ms', 'ok', None, PATIENT),
    # no faults, but seldom: nothing must come of them
    ('cut_every=7', 'ok', None, PATIENT),
    ('cut_every=5,cut_random,cut_gap=1ms', 'ok', None, PATIENT),
    ('events_per_write=9', 'ok', None, PATIENT),
    ('close', 'ok', None, PATIENT),
    ('gzip', 'ok', None, PATIENT),
    ('role=first,reasoning=2', 'ok', None, PATIENT),
    ('tool', 'ok', None, PATIENT),
    ('usage=none', 'ok', None, PATIENT),
]

seen = set()


def measured(path):
    """A result's JSON; how each request ended, by the run file: {index: (class, resends, detail)}."""
    with open(path + '.json', encoding='utf-8') as f:
        result = json.load(f)
    db = sqlite3.connect(path + '.tokmark')
    ends = {i: (word, resends, detail) for i, word, resends, detail in db.execute(
        "SELECT idx, word, resends, detail FROM requests r JOIN word w ON w.kind = 'end' AND w.number = r.ended WHERE phase = 2")}
    db.close()
    return result, ends


def load(name, url, n, *args):
    """A run of n requests that are called name.0, name.1 …"""
    path = name.replace('=', '-').replace(',', '+')
    out = tk_it.run('run', url, '--model', 'sim', '-n', n, '--output-tokens', 6, '--request-id-prefix', name + '.',
                    '-o', path + '.tokmark', '--json', path + '.json', *args, timeout=150)
    return path, out


def check_shown(name, out, result, ends):
    """What a run says of its failures is what its records say, in the JSON and in the text."""
    by_class = collections.defaultdict(list)
    for i, (word, _, _) in sorted(ends.items()):
        by_class[word].append(i)
    failed = {word: found for word, found in by_class.items() if word not in ('ok', 'cancelled', 'cancelled-by-plan')}
    seen.update(by_class)
    t.eq({f['class']: (f['n'], f['first_index']) for f in result['failures']},
         {word: (len(found), found[0]) for word, found in failed.items()}, f'{name}: classes of the JSON, with the first of each')
    q = result['requests']
    t.eq((q['sent'], q['succeeded'], q['failed'], q['cancelled']),
         (len(ends), len(by_class['ok']), sum(map(len, failed.values())),
          len(by_class['cancelled']) + len(by_class['cancelled-by-plan'])), f'{name}: totals')
    t.eq(out.returncode, 3 if failed else 0, f'{name}: exit status')
    for f in result['failures']:
        said = ends[f['first_index']][2] or ''
        t.eq(f['first_detail'], said, f'{name}: words of the first {f["class"]}')
        lines = [line for line in out.stdout.splitlines() if line.split()[:2] == [str(f['n']), f['class'] + ':']]
        t.ok(len(lines) == 1 and f'first: request {f["first_index"]}' in lines[0] and said in lines[0],
             f'{name}: {f["class"]} in the text', out.stdout)


def check(name, path, out, log):
    """Counts, classes and words against the simulator's log."""
    if not t.ok(out.returncode in (0, 3), f'{name}: the run was done', (out.returncode, out.stderr)):
        return
    result, ends = measured(path)
    logged = collections.defaultdict(list)
    for line in log:
        logged[int(line['id'].rsplit('.', 1)[1])].append(line)
    t.eq(sorted(logged), sorted(ends), f'{name}: the same requests')
    # A kept connection that died under a request makes it two at the server, of which the last one counts; but it does not
    # see the first one where it closed an idle connection while the request was on its way.
    is_idle_close = any('idle_close' in (line['fault'] or '') for line in log)
    wrong = {i: (end, [(line['expect'], line['fault'], line['end']) for line in logged[i]]) for i, end in ends.items()
             if logged[i] and (logged[i][-1]['expect'] != end[0] or len(logged[i]) - 1 > end[1] or
                               (len(logged[i]) - 1 < end[1] and not is_idle_close))}
    t.eq(wrong, {}, f'{name}: each request is what the server logged it as')
    check_shown(name, out, result, ends)


def test_alone(sim, trust, kind):
    jobs = {}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for fault, stream, whole, times in CASES:
            for way, want in (('stream', stream), ('whole', whole or stream)):
                if way == 'whole' and (fault in ('endless', 'nodone', 'malformed=json,malformed_at=0') or 'cut_every' in fault):
                    continue  # a fault of streams
                name = f'{kind}, {way}, {fault}'
                mine = FIRST if want == 'timeout-first' else times
                jobs[name] = want, pool.submit(load, name.replace(', ', '-'), sim.url, 4, '-c', 2, '-H', f'x-sim: {fault}', *mine,
                                               *trust, *(() if way == 'stream' else ('--no-stream',)))
    log = collections.defaultdict(list)
    for line in sim.log():
        log[line['id'].rsplit('.', 1)[0]].append(line)
    for name, (want, job) in jobs.items():
        mine = log[name.replace(', ', '-')]
        check(name, *job.result(), mine)
        t.eq({line['expect'] for line in mine}, {want}, f'{name}: what it is called')


def test_mixed(kind, trust_of, way, seed):
    faults = [fault for fault, _, _, _ in CASES if 'idle_close' not in fault and not (way == 'whole' and (
        fault in ('endless', 'nodone', 'malformed=json,malformed_at=0') or 'cut_every' in fault))]
    share = 100 // len(faults)
    spec = ','.join(f'{fault.replace(",", "+")}:{share}%' for fault in faults)
    args = ['--ttft', '5ms', '--itl', '2ms', '--seed', seed, '--fault', spec, '--idle-close', '20ms']
    if kind == 'TLS':
        args += ['--tls', '--cert-out', f'mixed-{way}-{seed}.pem']
    name = f'mixed, {kind}, {way}, seed {seed}'
    with tk_it.Sim(*map(str, args)) as sim:
        path, out = load(name.replace(', ', '-').replace(' ', '-'), sim.url, 200, '-c', 25, '--timeout-first', '3s', '--timeout-idle', '3s',
                         '--timeout-total', '9s', *trust_of(f'mixed-{way}-{seed}.pem'), *(() if way == 'stream' else ('--no-stream',)))
        return name, path, out, sim.log(), share, len(faults)


def test_all_mixed():
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(test_mixed, kind, trust_of, way, seed)
                for kind, trust_of in (('plain', lambda _: ()), ('TLS', lambda path: ('--ca-file', path)))
                for way, seed in (('stream', 1), ('whole', 2))]
    for job in jobs:
        name, path, out, log, share, n_faults = job.result()
        check(name, path, out, log)
        drawn = collections.Counter(line['fault'] for line in log if line['fault'])
        t.ok(len(drawn) > n_faults / 2 and min(drawn.values()) >= share, f'{name}: they came', drawn)


def expect_class(name, path, out, word, n):
    if not t.ok(out.returncode == 3, f'{name}: exit status', (out.returncode, out.stdout, out.stderr)):
        return
    result, ends = measured(path)
    t.eq([e for e, _, _ in ends.values()], [word] * n, f'{name}: class')
    check_shown(name, out, result, ends)


def test_without_server():
    """Classes that no fault of a server's reply makes."""
    with socket.socket() as s:  # bound and not listening: refused
        s.bind(('127.0.0.1', 0))
        expect_class('refused', *load('refused', f'http://127.0.0.1:{s.getsockname()[1]}', 5), 'connect', 5)
    with tk_it.Sim('--tls') as sim:
        expect_class('a certificate that nobody vouches for', *load('untrusted', sim.url, 5), 'tls', 5)
        log = sim.log()
        t.eq(log, [], 'a certificate that nobody vouches for: nothing was sent')
    with tk_it.Sim() as sim:
        expect_class('TLS to a server that has none', *load('none', sim.url.replace('http', 'https'), 2), 'tls', 2)
    with socket.socket() as s:  # the handshake never ends
        s.bind(('127.0.0.1', 0))
        s.listen(16)
        expect_class('a handshake without end', *load('silent', f'https://127.0.0.1:{s.getsockname()[1]}', 3, '--timeout-connect', '300ms'),
                     'timeout-connect', 3)
    with tk_peer.Peer(tk_peer.sse(b'data: ' + b'x' * (70 << 20))) as peer:
        expect_class('a line without end', *load('line', peer.url, 1), 'limit', 1)
    with tk_peer.Peer(tk_peer.sse(b': nothing\n\n')) as peer:
        expect_class('no choice', *load('empty', peer.url, 2), 'empty', 2)


def test_own():
    """The client's own: no files left, and what it gave up itself."""
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    with tk_it.Sim('--ttft', '300ms') as sim:
        words = [tk_it.TOKMARK, 'run', sim.url, '--model', 'sim', '-n', '120', '--rate', 'inf', '--output-tokens', '3', '-o', 'files.tokmark',
                 '--json', 'files.json', '--request-id-prefix', 'files.']
        out = subprocess.run(words, capture_output=True, text=True, preexec_fn=few_files, timeout=60, check=False)
        if t.eq(out.returncode, 3, f'out of files: exit status ({out.stderr})'):
            result, ends = measured('files')
            check_shown('out of files', out, result, ends)
            got = collections.Counter(word for word, _, _ in ends.values())
            t.ok(got['client'] > 0 and got['ok'] > 0 and set(got) == {'client', 'ok'}, 'out of files: some, and as the client\'s', got)
            t.ok(all('open files' in detail for word, _, detail in ends.values() if word == 'client'), 'out of files: words', ends)
            t.eq({line['id'] for line in sim.log()}, {f'files.{i}' for i, e in ends.items() if e[0] == 'ok'}, 'out of files: the others were sent')
    with tk_it.Sim('--ttft', '20s') as sim:
        path, out = load('given-up', sim.url, 4, '-c', 4, '-d', '300ms', '--grace', '0')
        result, ends = measured(path)
        t.eq([e for e, _, _ in ends.values()], ['cancelled'] * 4, 'given up: class')
        check_shown('given up', out, result, ends)
        t.has(out.stdout, '4 cancelled by the client', 'given up: in the text')
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        path, out = load('by-plan', sim.url, 4, '-c', 2, '--cancel-share', '50%', '--cancel-after', '2tokens')
        result, ends = measured(path)
        t.eq(sorted(e for e, _, _ in ends.values()), ['cancelled-by-plan'] * 2 + ['ok'] * 2, 'by plan: class')
        check_shown('by plan', out, result, ends)


with tk_it.Folder():
    for kind, args, trust in (('plain', (), ()), ('TLS', ('--tls', '--cert-out', 'own.pem'), ('--ca-file', 'own.pem'))):
        with tk_it.Sim('--ttft', '5ms', '--itl', '2ms', *args) as sim:
            test_alone(sim, trust, kind)
    test_all_mixed()
    test_without_server()
    test_own()
    # Every class that there is was met.
    db = sqlite3.connect('given-up.tokmark')
    words = {word for word, in db.execute("SELECT word FROM word WHERE kind = 'end'")}
    db.close()
    t.eq(words - seen, set(), 'no class was left out')
t.done()
