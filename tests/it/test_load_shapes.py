"""Loads that change over time, and requests that are given up: what the server saw is what the plan says.

Nothing here asks for a time: instants are the plan's, orders and counts are the server's.
"""
import json
import socket
import sqlite3

import tk_it

t = tk_it.Tap()


def measured(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def records(path):
    """{index: {column: value}} of the measured phase."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    rows = {r['idx']: dict(r) for r in db.execute(
        "SELECT r.*, w.word FROM requests r JOIN word w ON w.kind = 'end' AND w.number = r.ended WHERE phase = 2")}
    db.close()
    return rows


def load(name, *args, sim_args=('--ttft', '5ms', '--itl', '2ms'), status=0):
    """A run against a simulator of its own: JSON, text, records, the server's log by the request's index."""
    with tk_it.Sim(*sim_args) as sim:
        out = tk_it.run('run', sim.url, '--json', 'out.json', '-o', 'run.tokmark', '--overwrite', '--output-tokens', 8,
                        '--request-id-prefix', 'q.', *args)
        t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})')
        log = {int(line['id'].split('.')[1]): line for line in sim.log()}
    r = measured('out.json')
    q = r['requests']
    t.eq(q['planned'], q['sent'] + q['not_sent'], f'{name}: planned = sent + not sent')
    t.eq(q['sent'], q['succeeded'] + q['failed'] + q['cancelled'], f'{name}: sent adds up')
    t.eq(q['sent'], len(log), f'{name}: the server counts as many')
    report = tk_it.run('report', 'run.tokmark', '--format', 'json')
    t.eq(json.loads(report.stdout), r, f'{name}: a later report says the same')
    report = tk_it.run('report', 'run.tokmark')
    t.eq(report.stdout.splitlines(), [line for line in out.stdout.splitlines() if not line.startswith('JSON ')],
         f'{name}: in the text too')
    return r, out.stdout, records('run.tokmark'), log


def dry_run(*args):
    out = tk_it.run('run', 'http://127.0.0.1:9', '--model', 'sim', '--dry-run', *args)
    t.eq(out.returncode, 0, f'dry run of {args}: {out.stderr.strip()}')
    return [json.loads(line) for line in out.stdout.splitlines()]


def check_stages(name, r, rows, bounds):
    """Each request is in the stage in which it was due; the stages' sums are the run's."""
    begin = min(row['due_at'] for row in rows.values())
    t.eq([s['sent'] for s in r['stages']], [sum(row['stage'] == i + 1 for row in rows.values()) for i in range(len(bounds))],
         f'{name}: sent, by the records')
    for key in ('sent', 'succeeded', 'failed', 'cancelled'):
        t.eq(sum(s[key] for s in r['stages']), r['requests'][key], f'{name}: {key} adds up')
    return begin


def test_stages_of_rates():
    # Nothing is due in the last half second, so that a client that is held up still sends all before the time is up.
    args = ['--stages', '20/s@500ms,20..60/s@500ms,10/s@500ms,0/s@500ms', '--arrival', 'gamma', '--burstiness', '0.5', '--seed', 3]
    plans = [dry_run(*args, '--workers', n) for n in (1, 2, 4)]
    t.ok(plans[0] == plans[1] == plans[2], 'rates: the same instants for any number of workers')
    for workers in (1, 3):
        r, text, rows, log = load(f'rates, {workers} workers', *args, '--workers', workers)
        t.eq(len(rows), len(plans[0]), 'rates: as many as the dry run says')
        begin = check_stages('rates', r, rows, r['stages'])
        first = plans[0][0]['due_s']
        off = max(abs((rows[p['index']]['due_at'] - begin) - (p['due_s'] - first) * 1e9) for p in plans[0])
        t.ok(off < 2, 'rates: due at the instants of the dry run', off)
        t.ok(all(rows[i]['stage'] == (1 if p['due_s'] < 0.5 else 2 if p['due_s'] < 1 else 3) for i, p in enumerate(plans[0])),
             'rates: each in the stage of its due instant')
        t.ok(all(row['sent_first_at'] >= row['due_at'] for row in rows.values()), 'rates: none is sent before it is due')
        t.eq([s['due'] for s in r['stages']], [s['sent'] for s in r['stages']], 'rates: all that was due was sent')
        t.eq([s['asked'] for s in r['stages']], [20.0, 40.0, 10.0, 0.0], 'rates: asked')
    t.has(text, 'open load, 4 stages of requests/s, gamma with burstiness 0.5', 'rates: the load in words')
    t.has(text, 'Stages, latency from due, ms', 'rates: a table')
    t.has(text, '2  20 to 60/s for 500 ms', 'rates: with a line for each')
    plan = r['plan']['phases']['measure']
    t.eq((plan['arrival'], plan['burstiness'], plan['rate'], plan['shape']['kind']), ('gamma', 0.5, 60.0, 'stages'), 'rates: in the plan')


def test_older_file():
    """A file of a version that did not write stages: they are found by the due instants."""
    before = tk_it.run('report', 'run.tokmark').stdout
    db = sqlite3.connect('run.tokmark')
    db.executescript('DROP VIEW requests_ms; ALTER TABLE requests DROP COLUMN stage')
    db.close()
    t.eq(tk_it.run('report', 'run.tokmark').stdout, before, 'older file: the same report')


def test_ramp_of_rates():
    r, text, rows, _ = load('ramp', '--ramp', '10..90/s', '-d', '1s', '--arrival', 'constant')
    t.eq(r['requests']['planned'], 50, 'ramp: the integral of the rate')
    due = [d['due_s'] for d in dry_run('--ramp', '10..90/s@1s', '--arrival', 'constant')]
    # x requests are due at the time t with 10 t + 40 t^2 = x
    t.ok(all(abs(10 * d + 40 * d * d - i) < 1e-6 for i, d in enumerate(due)), 'ramp: each where the integral says', due)
    t.has(text, 'open load, 10 to 90 requests/s in 1.00 s, constant', 'ramp: in words')
    due = [d['due_s'] for d in dry_run('--ramp', '5..20/s@1s', '--arrival', 'constant', '-n', 40)]
    t.eq(len(due), 40, 'ramp: past its end the last level is held')
    t.ok(all(abs(b - a - 0.05) < 1e-6 for a, b in zip(due[-20:], due[-19:])), 'ramp: at 20/s', due)


def test_concurrency():
    for workers in (1, 3):
        r, text, rows, log = load(f'permits, {workers} workers', '--stages', '2@400ms,9@400ms,1@400ms', '--workers', workers)
        check_stages('permits', r, rows, r['stages'])
        t.eq(r['requests']['cancelled'], 0, 'permits: a fall cancels nothing')
        t.eq([s['asked'] for s in r['stages']], [2.0, 9.0, 1.0], 'permits: asked')
        # By the server's instants, since what it has answered is over before the client can know.
        events = []
        for i, line in log.items():
            events += [(line['arrived_at'], 1, rows[i]['stage']), (line['ended_at'], -1, 0)]
        n = 0
        peak = [0, 0, 0, 0]
        for _, step, stage in sorted(events):
            n += step
            peak[stage] = max(peak[stage], n)
        t.eq(peak[1:3], [2, 9], 'permits: as many as the stage says')
        last = [line for i, line in log.items() if rows[i]['stage'] == 3]
        before = [line for i, line in log.items() if rows[i]['stage'] == 2]
        t.ok(last and max(line['ended_at'] for line in before) < min(line['arrived_at'] for line in last),
             'permits: after the fall nothing comes before all of the stage before have ended')
        last.sort(key=lambda line: line['arrived_at'])
        t.ok(all(a['ended_at'] < b['arrived_at'] for a, b in zip(last, last[1:])), 'permits: then one at a time')
    t.has(text, 'closed load, 3 stages of requests at a time', 'permits: in words')
    r, text, rows, _ = load('permits of a ramp', '--ramp', '1..5@600ms', '-n', 300)
    t.eq(len(r['stages']), 2, 'ramp of permits: and the last level, until the requests are sent')
    t.eq((r['stages'][1]['from'], r['concurrency']['peak']), (5.0, 5), 'ramp of permits: its level')


def test_spike():
    # Eight at a time, eight tokens each, 10 ms a step: it serves some 90 a second.
    engine = ('--engine', 'batching', '--max-batch', '8', '--step-base', '10ms', '--step-per-sequence', '0', '--step-per-token', '0')
    r, text, rows, _ = load('spike', '--rate', 60, '--arrival', 'constant', '--spike', '400/s@500ms+2s', '-d', '6s', sim_args=engine)
    v = r['recovery']
    t.eq((v['spike_begin_s'], v['spike_end_s'], v['n_before']), (2.0, 2.5, 120), 'spike: where it was')
    t.eq(v['metric'], 'ttft_due', 'spike: by the first token from due')
    t.ok(v['verdict'] in ('recovered', 'not-recovered'), 'spike: a verdict', v)
    t.has(text, 'Recovery    ', 'spike: in the text')
    t.eq([s['due'] for s in r['stages']], [120, 200, 210], 'spike: before, in it, after')
    # The formula anew, from the records.
    first = sorted((row['due_at'], row['first_token_at'] - row['due_at']) for row in rows.values())
    begin = first[0][0]
    windows = lambda at, width, n: [sorted(x for d, x in first if at + i * width <= d - begin < at + (i + 1) * width) for i in range(n)]
    middle = lambda values: values[(len(values) - 1) // 2]
    n_before = 120 // 20
    width = 2_000_000_000 // n_before
    usual = middle(sorted(x for d, x in first if d - begin < 2_000_000_000))
    before = sorted(x for d, x in first if d - begin < 2_000_000_000)
    limit = max(1.1 * usual, before[(len(before) * 90 + 99) // 100 - 1])
    after = windows(2_500_000_000, width, 3_500_000_000 // width)
    since = len(after)
    while since and (len(after[since - 1]) < 5 or middle(after[since - 1]) <= limit):
        since -= 1
    t.ok(abs(v['before_ms'] * 1e6 - usual) < 1, 'spike: the median before it', (v, usual))
    t.ok(abs(v['as_before_up_to_ms'] * 1e6 - limit) < 1, 'spike: the limit', (v, limit))
    found = since * width / 1e9 if len(after) - since >= 3 else None
    t.ok(v['time_s'] == found or abs(v['time_s'] - found) < 1e-6, 'spike: the time', (v, found))
    r, _, _, _ = load('no spike for the server', '-c', 2, '--spike', '6@200ms+600ms')
    t.eq(len(r['stages']), 3, 'spike of permits: three stages')
    t.eq(r['stages'][2]['duration_s'], 0.6, 'spike of permits: as long after it as before it')
    r, text, _, _ = load('too short', '--rate', 20, '--arrival', 'constant', '--spike', '80/s@100ms+500ms')
    t.eq((r['recovery']['verdict'], r['recovery']['time_s']), ('too-few-before', None), 'too short: no figure')
    t.has(text, 'not known: 10 requests were due before the spike, 50 are needed', 'too short: and why')


def check_given_up(name, rows, log, planned):
    """Client and server agree on which ones they were."""
    mine = {i for i, row in rows.items() if row['word'] == 'cancelled-by-plan'}
    t.eq(mine, planned, f'{name}: those of the plan')
    t.eq({i for i, line in log.items() if line['end'] == 'closed_by_client'}, planned, f'{name}: and the server saw those connections go')
    t.eq({i for i, line in log.items() if line['end'] == 'finished'}, set(rows) - planned, f'{name}: the others it finished')
    t.eq({log[i]['expect'] for i in planned}, {'cancelled'}, f'{name}: no failure of its own')


def test_given_up():
    args = ['-c', 15, '-n', 60, '--cancel-share', '10%', '--cancel-after', '3tokens', '--seed', 8]
    plan = dry_run(*args)
    planned = {d['index'] for d in plan if d['cancel']}
    t.eq(len(planned), 6, 'given up: a tenth')
    t.eq([d['cancel'] for d in plan if d['cancel']], [{'after_tokens': 3}] * 6, 'given up: where')
    t.eq(plan, dry_run(*args, '--workers', 3), 'given up: the same ones for any number of workers')
    t.ok(planned != {d['index'] for d in dry_run(*args[:-1], 9) if d['cancel']}, 'given up: others by another seed')
    for workers in (1, 3):
        # Slow tokens, so that the point comes long before the end also where the client is held up.
        r, text, rows, log = load(f'given up, {workers} workers', *args, '--workers', workers,
                                  sim_args=('--ttft', '5ms', '--itl', '100ms'))
        check_given_up('given up', rows, log, planned)
        t.eq((r['requests']['cancelled'], r['requests']['cancelled_by_plan'], r['requests']['failed']), (6, 6, 0), 'given up: counted apart')
        t.eq(r['cancelled']['list'], [], 'given up: not among those that time cut off')
        t.eq(r['failures'], [], 'given up: no failure')
        t.ok(all(rows[i]['n_token_events'] >= 3 for i in planned), 'given up: not before three tokens')
        t.eq((r['metrics']['ttft']['successes']['n'], r['metrics']['e2el']['successes']['n']), (60, 54), 'given up: their first token counts')
    t.has(text, '6 cancelled by the plan, in mid-reply', 'given up: in the text')
    t.has(text, '10 % given up after 3 tokens', 'given up: in the line about the load')
    t.eq(r['plan']['cancel'], {'share': 0.1, 'after_tokens': 3, 'after_s': None}, 'given up: in the plan')

    args = ['-c', 12, '-n', 12, '--cancel-share', '0.25', '--cancel-after', '150ms']
    planned = {d['index'] for d in dry_run(*args) if d['cancel']}
    t.eq(len(planned), 3, 'after a time: a quarter')
    r, text, rows, log = load('after a time', *args, sim_args=('--ttft', '10ms', '--itl', '200ms'))
    check_given_up('after a time', rows, log, planned)
    t.ok(all(rows[i]['end_at'] - rows[i]['sent_first_at'] >= 150_000_000 for i in planned), 'after a time: not before it')
    t.eq(r['metrics']['ttft']['successes']['n'], 9, 'after a time: their first token does not count')
    t.has(text, '25 % given up after 150 ms', 'after a time: in words')

    args = ['-c', 40, '-n', 40, '--cancel-share', '50%', '--output-tokens', 8]
    points = {d['index']: d['cancel']['after_tokens'] for d in dry_run(*args) if d['cancel']}
    t.ok(len(points) == 20 and set(points.values()) <= set(range(1, 8)) and len(set(points.values())) > 3, 'drawn: within the reply', points)
    r, text, rows, log = load('drawn', *args, sim_args=('--ttft', '5ms', '--itl', '300ms'))
    check_given_up('drawn', rows, log, set(points))
    t.ok(all(points[i] <= rows[i]['n_token_events'] < 8 for i in points), 'drawn: each at its own point')
    r, text, rows, log = load('too late', '-n', 5, '--cancel-share', '100%', '--cancel-after', '9tokens')
    t.eq((r['requests']['succeeded'], r['requests']['ended_before_cancel']), (5, 5), 'too late: they succeed')
    t.has(text, '0 cancelled by the plan, in mid-reply; 5 more had ended before their point', 'too late: it is said')
    with tk_it.Sim('--ttft', '5ms', '--itl', '100ms', '--tls', '--cert-out', 'cert.pem') as sim:
        out = tk_it.run('run', f'https://localhost:{sim.port}', '--ca-file', 'cert.pem', '-n', 20, '-c', 20, '--cancel-share', '25%',
                        '--cancel-after', '2tokens', '--output-tokens', 8, '--no-file')
        t.eq(out.returncode, 0, 'TLS: exit status')
        t.has(out.stdout, '20 sent = 15 succeeded + 0 failed + 5 cancelled', 'TLS: the same')
        t.eq(sum(line['end'] == 'closed_by_client' for line in sim.log()), 5, 'TLS: by the server too')


def test_dead_port():
    """A closed loop against a port where nobody listens: it pauses, says so, and ends."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    out = tk_it.run('run', f'http://127.0.0.1:{port}', '--model', 'sim', '-n', 6, '--no-file', '--json', 'dead.json')
    t.eq(out.returncode, 3, 'dead port: exit status')
    r = measured('dead.json')
    t.eq(r['failures'][0]['n'], 6, 'dead port: all failed')
    t.eq(r['client']['engine']['pauses'], 6, 'dead port: a pause after each')
    t.ok(abs(r['client']['engine']['paused_s'] - 0.63) < 1e-9, 'dead port: of 10 to 320 ms', r['client']['engine'])
    t.has(out.stdout, '6 pauses after failures, 630.0 ms in all', 'dead port: it is said')
    out = tk_it.run('run', f'http://127.0.0.1:{port}', '--model', 'sim', '-n', 50, '--rate', 1000, '--no-file', '--json', 'dead.json')
    t.eq(measured('dead.json')['client']['engine']['pauses'], 0, 'dead port: an open load goes by its schedule')


def test_refusals():
    for words, says in (
            (['--stages', '10/s'], "for how long is '10/s'"),
            (['--stages', '10/s@5s,8@5s'], "'8@5s' is a concurrency"),
            (['--stages', '10/s@5s', '--rate', 5], "leave '--rate' out"),
            (['--stages', '8@5s', '-c', 5], "leave '--concurrency' out"),
            (['--stages', '8@5s', '-d', '2s'], "'--duration' is 2.00 s"),
            (['--stages', '8@5s,0@1s', '-n', 5], 'would never be reached'),
            (['--ramp', '5/s@1s'], 'one change'),
            (['--ramp', '0..5/s@1s', '--ramp-curve', 'exponential'], 'cannot begin or end at 0'),
            (['--ramp', '1..5/s@1s', '--spike', '9/s@1s+1s', '--rate', 5], 'is enough'),
            (['--ramp-curve', 'exponential'], 'goes with'),
            (['--spike', '9/s@1s+1s'], "needs '--rate'"),
            (['--spike', '9/s@5000000000s+5000000000s', '--rate', 5], 'takes LEVEL@LENGTH+START'),
            (['--spike', '9@1s+1s', '--rate', 5], "needs '--concurrency'"),
            (['--spike', '9/s@1s', '--rate', 5], 'LEVEL@LENGTH+START'),
            (['--spike', '5/s@1s+1s', '--rate', 5], 'must be above'),
            (['--spike', '9/s@1s+1s', '--rate', 5, '-d', '2s'], 'can recover'),
            (['--burstiness', 2, '-c', 2], 'of an open load'),
            (['--burstiness', 2, '--rate', 5, '--arrival', 'poisson'], "goes with '--arrival gamma'"),
            (['--burstiness', 0, '--rate', 5], 'at least 0.001'),
            (['--cancel-share', '101%'], 'from 0% to 100%'),
            (['--cancel-after', '5tokens'], "goes with '--cancel-share'"),
            (['--cancel-share', '5%', '--cancel-after', '0tokens'], 'such as 20tokens'),
            (['--cancel-share', '5%', '--no-stream'], 'must be a time')):
        out = tk_it.run('run', 'http://127.0.0.1:9', '--model', 'sim', *words)
        t.ok(out.returncode == 2 and says in out.stderr, f'{words}: refused', out.stderr)


with tk_it.Folder():
    test_stages_of_rates()
    test_older_file()
    test_ramp_of_rates()
    test_concurrency()
    test_spike()
    test_given_up()
    test_dead_port()
    test_refusals()
t.done()
