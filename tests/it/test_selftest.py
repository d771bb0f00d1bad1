"""tokmark selftest: the table and the JSON; streams and rates, plain and over TLS; what is refused; Ctrl-C."""
import json
import os
import signal
import subprocess
import time

import tk_it

t = tk_it.Tap()
SMALL = ['--streams', '1,5', '--rounds', 2, '--tokens', 8, '--ttft', '5ms', '--gap', '2ms', '--rates', '40', '--time', '1s']


def check(name, out):
    t.eq(out.returncode, 0, f'{name}: exit status ({out.stderr.strip()[-200:]})')
    result = json.loads(out.stdout)
    one, five = result['streams']
    for load, n in ((one, 1), (five, 5)):
        t.eq((load['streams'], load['requests'], load['failed'], load['unmatched']), (n, 2 * n, 0, 0), f'{name}: {n} streams')
        t.eq(load['events'], 2 * n * 8, f'{name}: {n} streams: every event was compared')
        # The server is never early, so its own figures have a lower bound; the errors are differences and have none.
        t.ok(load['ttft']['truth_p50_ms'] >= 5, f'{name}: {n} streams: the truth is the server\'s', load['ttft'])
        t.ok(all(isinstance(load[f][k], float) for f in ('ttft', 'gap') for k in ('error_p50_ms', 'error_p99_ms', 'error_worst_ms')),
             f'{name}: {n} streams: errors', load)
        t.ok(load['cpu_us_per_event'] > 0, f'{name}: {n} streams: cost')
    rate, = result['rates']
    t.eq((rate['requests'], rate['failed'], rate['unmatched']), (40, 0, 0), f'{name}: 40 requests at 40/s')
    t.ok(0 <= rate['late_p50_ms'] <= rate['late_p99_ms'] <= rate['late_max_ms'], f'{name}: never early', rate)
    t.ok(rate['sent_rate'] > 0 and rate['cpu_us_per_request'] > 0, f'{name}: rate and cost', rate)
    t.ok(result['host']['program'].startswith('tokmark ') and 'server_has_processor' in result, f'{name}: the machine')


def refused(part, *args):
    out = tk_it.run('selftest', *args)
    t.eq(out.returncode, 2, f'{args}: exit status')
    t.has(out.stderr, part, f'{args}: says why')


with tk_it.Folder() as folder:
    os.mkdir('with space')
    env = dict(os.environ, TMPDIR=os.path.join(folder, 'with space'))
    check('plain', tk_it.run('selftest', *SMALL, '--json', '-', env=env))
    t.eq(os.listdir('with space'), [], 'nothing is left of the temporary files')
    check('TLS', tk_it.run('selftest', *SMALL, '--tls', '--json', '-'))
    out = tk_it.run('selftest', '--streams', '2', '--rounds', 1, '--tokens', 4, '--ttft', '1ms', '--gap', '1ms', '--rates', 'none', '--json', 'x.json')
    t.ok(out.returncode == 0 and 'us/event' in out.stdout and 'requests/s' not in out.stdout, 'the table, without rates', out.stdout)
    t.eq(json.load(open('x.json', encoding='utf-8'))['rates'], [], 'and the JSON beside it')
    out = tk_it.run('selftest', *SMALL, '--streams', '1,20', '--rounds', 40, '--json', 'x.json')
    result = json.load(open('x.json', encoding='utf-8'))
    free = [load['machine_free'] for load in result['streams'] + result['rates']]
    t.eq(out.stdout.count('MACHINE NOT FREE'), free.count(False), 'a line says when the machine was not free')
    t.ok(all(load['machine_free'] or load['worst_wait'] > 0.02 for load in result['streams'] + result['rates']), 'and why', result)
    t.ok('-0.000' not in out.stdout, 'no negative zero', out.stdout)
    refused('is no load', '--streams', '1,x')
    refused('is no load', '--streams', '1.5')
    refused('is no load', '--rates', '0')
    refused('at most 16', '--rates', ','.join(['1'] * 17))
    refused('brings its own server', 'http://localhost')
    out = tk_it.run('selftest', env=dict(os.environ, TMPDIR='/no/such/folder'))
    t.ok(out.returncode == 1 and '/no/such/folder' in out.stderr, 'no place for its files', out.stderr)

    child = subprocess.Popen([tk_it.TOKMARK, 'selftest', '--streams', '1', '--rounds', '1000000'], stderr=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, text=True, env=env)
    while not any(os.path.exists(os.path.join(path, 'run.tokmark')) for path, _, _ in os.walk('with space')):
        time.sleep(0.02)
    while child.poll() is None: # also when its session has ended already
        child.send_signal(signal.SIGINT)
    child.communicate()
    t.eq(child.returncode, 130, 'Ctrl-C')
    t.eq(os.listdir('with space'), [], 'nothing is left after Ctrl-C')

t.done()
