"""tokmark run: loads of every kind, totals that add up, results that agree with the server's log."""
import json
import os
import re
import signal
import sqlite3
import time

import tk_it

t = tk_it.Tap()


def measured(path='out.json'):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def check_totals(r, name):
    q = r['requests']
    t.eq(q['planned'], q['sent'] + q['not_sent'], f'{name}: planned = sent + not sent')
    t.eq(q['sent'], q['succeeded'] + q['failed'] + q['cancelled'], f'{name}: sent adds up')


def load(name, *args, sim_args=('--ttft', '5ms', '--itl', '1ms'), status=0):
    """A run against a simulator of its own; the JSON, what was printed, the server's log."""
    with tk_it.Sim(*sim_args) as sim:
        out = tk_it.run('run', sim.url, '--json', 'out.json', '-o', 'run.tokmark', '--overwrite', '--output-tokens', 5, *args)
        t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})')
        log = sim.log()
    r = measured()
    check_totals(r, name)
    return r, out, log


def test_closed():
    r, out, log = load('closed', '-c', 4, '-n', 40)
    t.eq(r['requests']['succeeded'], 40, 'closed: all succeeded')
    t.eq(len(log), 40, 'closed: the server counts as many')
    t.eq(r['concurrency']['peak'], 4, 'closed: four at a time')
    t.eq(r['schema'], 'tokmark-result-1', 'closed: schema')
    t.ok(4.9 < r['metrics']['ttft']['successes']['percentiles']['50']['value'] < 100, 'closed: the median is sane')
    t.has(out.stdout, '40 planned = 40 sent + 0 not sent', 'closed: totals are printed')
    t.has(out.stdout, 'run.tokmark', 'closed: where the run file is')
    t.has(out.stdout, 'out.json', 'closed: where the JSON is')
    t.eq(out.stderr, '', 'closed: nothing on standard error')
    report = tk_it.run('report', 'run.tokmark')
    mine = [line for line in out.stdout.splitlines() if not line.startswith('JSON ')]
    t.eq(report.stdout.splitlines(), mine, 'closed: report prints what the run printed')
    again = tk_it.run('report', 'run.tokmark', '--format', 'json')
    t.eq(json.loads(again.stdout), r, 'closed: and the same JSON')
    block = tk_it.run('report', 'run.tokmark', '--format', 'vllm')
    t.has(block.stdout, 'Successful requests:                     40        \n', 'closed: and the block of vllm')
    form = json.loads(tk_it.run('report', 'run.tokmark', '--format', 'vllm-json', '--detailed').stdout)
    t.eq(len(form['ttfts']), 40, 'closed: and its JSON')


def test_open():
    r, out, log = load('open', '--rate', 100, '-n', 30, '--arrival', 'constant', '--slo', 'ttft=1s,e2el=1ms')
    t.eq(r['requests']['succeeded'], 30, 'open: all succeeded')
    t.ok(out.stdout.index('from due') < out.stdout.index('End-to-end latency   '), 'open: from due comes first')
    t.eq(r['goodput']['good'], 0, 'open: no request met an impossible objective')
    t.eq(len(log), 30, 'open: the server counts as many')
    r, _, log = load('both', '--rate', 'inf', '-c', 3, '-n', 30)
    t.eq(r['concurrency']['peak'], 3, 'both: at most three')
    t.ok(r['metrics']['e2el_due']['successes']['mean'] > 2 * r['metrics']['e2el']['successes']['mean'], 'both: due sees the queue')
    t.eq(len(log), 30, 'both: the server counts as many')


def test_duration():
    r, _, log = load('duration', '-c', 2, '-d', '300ms')
    t.ok(r['requests']['sent'] == len(log) > 10, 'duration: sent until the time was up', (r['requests'], len(log)))
    r, _, _ = load('open duration', '--rate', 100, '-d', '300ms', '--arrival', 'constant')
    t.eq(r['requests']['planned'], 30, 'open duration: what falls due in the time')
    r, _, log = load('grace', '-c', 2, '-d', '200ms', '--grace', '50ms', sim_args=('--ttft', '5s'))
    t.eq(r['requests']['cancelled'], 2, 'grace: in flight at its end are cancelled')
    t.eq(len(r['cancelled']['list']), 2, 'grace: and listed')
    t.ok(all(c['age_ms'] > 200 for c in r['cancelled']['list']), 'grace: with their age', r['cancelled'])


def test_ways():
    r, _, log = load('no stream', '-n', 5, '--no-stream')
    t.eq(r['metrics']['ttft']['successes']['n'], 0, 'no stream: no first token')
    t.eq(r['metrics']['e2el']['successes']['n'], 5, 'no stream: but an end')
    t.ok(not any(q['stream'] for q in log), 'no stream: the server saw it')
    r, _, log = load('completions', '-n', 5, '--api', 'completions')
    t.eq({q['path'] for q in log}, {'/v1/completions'}, 'completions: path')
    r, out, _ = load('warm-up', '-n', 5, '--warmup', 7)
    t.eq(r['requests']['sent'], 5, 'warm-up: not counted')
    r, out, _ = load('failures', '-n', 5, '-H', 'x-sim: status=503', status=3)
    t.eq(r['requests']['failed'], 5, 'failures: counted')
    t.eq(r['failures'][0]['class'], 'http-status', 'failures: by class')
    t.eq(r['failures'][0]['first_status'], 503, 'failures: with the first one')
    t.has(out.stdout, '5 http-status:', 'failures: printed')
    r, out, _ = load('cut', '-n', 5, '-H', 'x-sim: close_at=2', status=3)
    t.has(out.stdout, 'truncated', 'cut: printed')
    r, out, _ = load('time-out', '-n', 2, '--timeout-first', '30ms', sim_args=('--ttft', '5s'), status=3)
    t.eq(r['failures'][0]['class'], 'timeout-first', 'time-out: its class')
    t.eq(r['metrics']['e2el']['all']['percentiles']['50']['value'], 'inf', 'time-out: infinite over all')
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        out = tk_it.run('run', sim.url, '-n', 3, '--json', '-', '--no-file')
        t.eq(json.loads(out.stdout)['requests']['sent'], 3, 'JSON to standard output is all that is there')
        out = tk_it.run('run', sim.url, '-n', 3, '--no-file', '--progress')
        t.eq(out.returncode, 0, 'progress without a terminal')
    out = tk_it.run('run', '--sim', '-n', 3, '--sim-args', '--ttft 1ms --itl 1ms', '--no-file')
    t.eq(out.returncode, 0, '--sim brings a server along')
    out = tk_it.run('run', '--sim', '-n', 3, '--sim-args', '--bad 1', '--no-file')
    t.eq(out.returncode, 2, '--sim-args with a wrong word')
    t.has(out.stderr, "unknown option '--bad'", 'the server says which')
    t.ok('did not start' not in out.stderr, 'and nothing else is said', out.stderr)


def test_dry_run():
    """The same requests for any number of workers, and those that the server gets."""
    with open('prompts.jsonl', 'w', encoding='utf-8') as f:
        for i in range(7):
            f.write(json.dumps({'prompt': f'prompt {i} \u00fc', 'output_tokens': i + 1}) + '\n')
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        args = ['--data', 'prompts.jsonl', '--shuffle', '--seed', 5, '-n', 20, '--rate', 1000, '--extra', '{"top_k":5}']
        plans = [tk_it.run('run', sim.url, *args, '--dry-run', '--workers', n) for n in (1, 2, 4)]
        t.ok(plans[0].stdout and plans[0].stdout == plans[1].stdout == plans[2].stdout, 'dry run: equal for 1, 2, 4 workers')
        first = tk_it.run('run', sim.url, '--data', 'prompts.jsonl', '--shuffle', '--seed', 5, '-n', 3, '--rate', 1000, '--extra',
                          '{"top_k":5}', '--dry-run')
        t.ok(plans[0].stdout.startswith(first.stdout) and first.stdout.count('\n') == 3, 'dry run: a shorter one has the same beginning')
        for workers in (1, 4):
            out = tk_it.run('run', sim.url, *args, '--no-file', '--workers', workers)
            t.eq(out.returncode, 0, f'dry run: the real one, {workers} workers')
        log = sim.log()
    lines = plans[0].stdout.splitlines()
    planned = []
    for line in lines:
        body = re.search(r'"body":(\{.*\}),"prompt_tokens"', line).group(1)
        planned.append(tk_it.body_hash(body))
    t.eq(len(planned), 20, 'dry run: a line per request')
    t.eq([json.loads(line)['index'] for line in lines], list(range(20)), 'dry run: in order')
    t.ok(json.loads(lines[-1])['due_s'] > 0, 'dry run: with the instants')
    t.eq(sorted(q['body_hash'] for q in log), sorted(planned * 2), 'dry run: the server got these bodies')


def test_tls():
    with tk_it.Sim('--ttft', '5ms', '--itl', '1ms', '--tls', '--cert-out', 'cert.pem') as sim:
        url = f'https://localhost:{sim.port}'
        out = tk_it.run('run', url, '-n', 3, '--no-file')
        t.ok(out.returncode == 1 and '--insecure' in out.stderr, 'TLS: an unknown certificate is refused', out)
        out = tk_it.run('run', url, '-n', 3, '--no-file', '--model', 'sim')
        t.ok(out.returncode == 3 and '3 tls:' in out.stdout, 'TLS: request by request', out)
        for words in (['--ca-file', 'cert.pem'], ['--insecure']):
            out = tk_it.run('run', url, '-n', 3, '--no-file', '-c', 2, '--output-tokens', 4, *words)
            t.eq(out.returncode, 0, f'TLS: {words[0]} ({out.stderr.strip()})')
            t.has(out.stdout, '3 succeeded', f'TLS: {words[0]}: the run')
        t.eq(len(sim.log()), 6, 'TLS: the server counts as many')


def test_interrupted_file():
    """A report of a run that was killed says so."""
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        p = tk_it.start('run', sim.url, '-d', '60s', '--output-tokens', 3, '-o', 'killed.tokmark')
        while not os.path.exists('killed.tokmark'):
            pass
        try:
            p.wait(1.5)
        except Exception:  # noqa: that it goes on is what is wanted
            pass
        p.kill()
        p.communicate()
    out = tk_it.run('report', 'killed.tokmark')
    t.eq(out.returncode, 0, 'killed: there is a report')
    t.has(out.stdout, 'did not come to its end', 'killed: it says so')
    sent = int(re.search(r'= (\d+) sent', out.stdout).group(1))
    t.ok(sent > 10, 'killed: what had ended is there', out.stdout)
    t.has(out.stdout, f'{sent} planned = {sent} sent', 'killed: a load without a count planned what it sent')


def test_planned_of_killed():
    """What was planned is known from the plan, in a run that goes on and in one that was killed."""
    for name, args, planned in (('closed', ('-n', 5000, '-c', 4), 5000), ('open', ('--rate', 50, '-n', 2000, '--arrival', 'constant'), 2000),
                                ('open for a time', ('--rate', 50, '-d', '60s', '--arrival', 'constant'), 3000)):
        path = f'planned-{planned}.tokmark'
        with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
            p = tk_it.start('run', sim.url, '-o', path, '--output-tokens', 3, *args)
            while len(tk_it.run('report', path).stdout) == 0 or not re.search(r'= [1-9]\d* sent', tk_it.run('report', path).stdout):
                time.sleep(0.05)
            lives = tk_it.run('report', path).stdout
            p.kill()
            p.communicate()
        for when, text in (('goes on', lives), ('killed', tk_it.run('report', path).stdout)):
            found = re.search(r'(\d+) planned = (\d+) sent \+ (\d+) not sent', text)
            t.ok(found and abs(int(found.group(1)) - planned) <= 1 and int(found.group(3)) == int(found.group(1)) - int(found.group(2)),
                 f'{name}, {when}: planned is the plan\'s', text)
        r = json.loads(tk_it.run('report', path, '--format', 'json').stdout)
        check_totals(r, f'{name}, killed')
        t.ok(abs(r['requests']['planned'] - planned) <= 1 and r['requests']['not_sent'] > 0, f'{name}, killed: in the JSON', r['requests'])


def test_report_again():
    """report has the objectives and percentiles of the run, unless others are given."""
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        out = tk_it.run('run', sim.url, '-n', 20, '-o', 'again.tokmark', '--json', 'again.json', '--slo', 'ttft=1s,tpot=100ms', '--slo', 'e2el=9s',
                        '--percentiles', '50,95')
        sim.log()
    mine = [line for line in out.stdout.splitlines() if not line.startswith('JSON ')]
    t.eq(tk_it.run('report', 'again.tokmark').stdout.splitlines(), mine, 'report prints what the run printed')
    t.has(out.stdout, 'Goodput', 'with objectives')
    with open('again.json', encoding='utf-8') as f:
        t.eq(json.loads(tk_it.run('report', 'again.tokmark', '--format', 'json').stdout), json.load(f), 'the JSON is the same object')
    r = json.loads(tk_it.run('report', 'again.tokmark', '--format', 'json', '--slo', 'none').stdout)
    t.eq(r['goodput'], None, '--slo none: without')
    r = json.loads(tk_it.run('report', 'again.tokmark', '--format', 'json', '--slo', 'ttft=2s').stdout)
    t.eq(list(r['goodput']['objectives']), ['ttft'], '--slo: others')
    text = tk_it.run('report', 'again.tokmark', '--percentiles', '10').stdout
    t.ok('p10' in text and 'p95' not in text and 'Goodput' in text, '--percentiles: others, with the same objectives', text)
    db = sqlite3.connect('again.tokmark')
    db.execute("UPDATE run SET value = '{' WHERE key = 'plan'")
    db.commit()
    db.close()
    for form in ('text', 'json', 'vllm'):
        out = tk_it.run('report', 'again.tokmark', '--format', form)
        t.ok(out.returncode == 2 and 'plan' in out.stderr, f'{form}: a plan that cannot be read makes no sense', out)


def test_sigterm():
    """SIGTERM is no Ctrl-C."""
    for signo, words in ((signal.SIGTERM, 'stopped by SIGTERM'), (signal.SIGINT, 'stopped by Ctrl-C')):
        path = f'{signo}.tokmark'
        with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
            p = tk_it.start('run', sim.url, '-d', '600s', '--output-tokens', 3, '-o', path)
            while not re.search(r'= [1-9]\d* sent', tk_it.run('report', path).stdout):
                time.sleep(0.05)
            p.send_signal(signo)
            out, err = p.communicate()
        t.eq(p.returncode, 130, f'{words}: exit status ({err})')
        t.has(out, words, f'{words}: the result says so')
        t.has(tk_it.run('report', path).stdout, words, f'{words}: the report, too')


with tk_it.Folder():
    test_closed()
    test_open()
    test_duration()
    test_ways()
    test_dry_run()
    test_tls()
    test_interrupted_file()
    test_planned_of_killed()
    test_report_again()
    test_sigterm()
t.done()
