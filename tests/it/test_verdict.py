"""The client's health and the verdict on it: structure, agreement between outputs, exit status. Whether the client was
the limit depends on the machine, so what is checked holds either way; bench/verdict provokes each case."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time

import tk_it

t = tk_it.Tap()

CAUSES = ['slow-writer', 'slow-maker', 'own-failures', 'no-processor', 'busy', 'rate-missed', 'late-sending', 'late-reading',
          'joined-events', 'joined-firsts']
RATES = {'request_throughput', 'input_throughput', 'output_throughput', 'total_throughput', 'goodput', 'peak_concurrency',
         'mean_concurrency'}
CLIENT = {'lateness_ms', 'reading_ms', 'pace', 'events', 'events_per_read', 'events_per_read_max', 'events_in_late_reads',
          'events_in_late_reads_share', 'first_tokens', 'first_tokens_in_late_reads', 'reads_stamped_by_kernel', 'engine'}
ENGINE = {'workers', 'cpu_s', 'busiest_worker_share', 'worst_wait_share', 'loop_lag_mean_ms', 'loop_lag_max_ms',
          'connections_opened', 'connections_failed', 'pauses', 'paused_s', 'waits_for_writer', 'waited_for_writer_s',
          'waits_for_prompts', 'waited_for_prompts_s', 'clock_steps', 'clock_error_max_ms', 'per_worker'}
WORKER = {'cpu_s', 'mean_share', 'busiest_share', 'worst_wait_share', 'loop_lag_mean_ms', 'loop_lag_max_ms', 'requests'}


def client_lines(text):
    """The client's part: from its heading to the next one."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith('Client '))
    end = next((i for i in range(begin + 1, len(lines)) if lines[i][:1] not in (' ', '')), len(lines))
    return lines[begin:end]


def stars(text):
    """Labels of the rows and lines that are marked."""
    lines = text.splitlines()
    return [line[2:40].strip() for line in lines if line.startswith('* ')], [line.split()[0] for line in lines if line[12:14] == '* ']


def measured(f):
    """A cause by its own number: what the rule says of it, computed once more."""
    if not f['judged']:
        return False
    return f['measured'] < f['limit'] if f['cause'] == 'rate-missed' else f['measured'] > f['limit']


def check_verdict(r, name):
    v = r['verdict']
    t.eq([f['cause'] for f in v['findings']], CAUSES, f'{name}: every cause is there')
    past = [f['cause'] for f in v['findings'] if measured(f)]
    if past == ['no-processor']:  # it counts beside others alone
        past = []
    t.eq(v['causes'], past, f'{name}: the causes are those past their limit')
    t.eq([f['cause'] for f in v['findings'] if f['is_cause']], past, f'{name}: and marked as such')
    t.eq(v['is_limit'], bool(past), f'{name}: any of them makes the verdict')
    t.eq(bool(v['touched']), bool(past), f'{name}: a cause touches something')
    t.ok(set(v['touched']) <= set(r['metrics']) | RATES, f'{name}: what is touched has a name', v['touched'])
    t.ok(all(f['advice'] and f['label'] for f in v['findings']), f'{name}: each says what to do')


def check_client(r, name, workers):
    c = r['client']
    t.ok(CLIENT <= set(c), f'{name}: the client has all its figures', CLIENT - set(c))
    t.eq(set(c['engine']), ENGINE, f'{name}: the engine has all its counts')
    t.eq(c['engine']['workers'], workers, f'{name}: workers')
    t.eq(len(c['engine']['per_worker']), workers, f'{name}: one entry each')
    t.ok(all(set(w) == WORKER for w in c['engine']['per_worker']), f'{name}: with all its counts', c['engine']['per_worker'])
    t.eq(sum(w['requests'] for w in c['engine']['per_worker']), r['requests']['sent'], f'{name}: they sent all of them')
    t.ok(0 < sum(w['cpu_s'] for w in c['engine']['per_worker']) <= c['engine']['cpu_s'] + 1e-9, f'{name}: and used some time')
    t.eq(c['lateness_ms']['n'], r['requests']['sent'], f'{name}: each has a lateness')
    t.ok(0 <= c['lateness_ms']['p50'] <= c['lateness_ms']['p99'] <= c['lateness_ms']['max'], f'{name}: in order', c['lateness_ms'])
    t.ok(0 <= c['reading_ms']['p50'] <= c['reading_ms']['p99'] <= c['reading_ms']['max'], f'{name}: reading too', c['reading_ms'])
    t.eq(c['reading_ms']['n'], c['reads_stamped_by_kernel'], f'{name}: over the reads with a stamp')
    t.ok(c['events_per_read'] >= 1 and c['events_per_read_max'] >= 1, f'{name}: events per read', c['events_per_read'])


def check_text(out, r, name):
    lines = client_lines(out.stdout)
    marked, rates = stars(out.stdout)
    v = r['verdict']
    touched = {r['metrics'][m]['label'] for m in v['touched'] if m in r['metrics']}
    t.ok(set(marked) <= touched, f'{name}: only what is touched is marked', (marked, touched))
    t.eq(bool(rates), bool(RATES & set(v['touched'])), f'{name}: rates are marked with it')
    if not v['is_limit']:
        t.ok(lines[0].startswith('Client      not the limit: '), f'{name}: says so', lines)
        t.eq(marked + rates, [], f'{name}: nothing is marked')
        return
    t.ok(lines[0].startswith('Client      THE LIMIT'), f'{name}: says so', lines)
    text = '\n'.join(lines)
    t.ok(all(f'  {c}: ' in text for c in v['causes']), f'{name}: with each cause', lines)


def check_report(r, out, name):
    """The file says what the run said."""
    again = tk_it.run('report', 'run.tokmark', '--format', 'json')
    t.eq(json.loads(again.stdout)['verdict'], r['verdict'], f'{name}: report comes to the same verdict')
    text = tk_it.run('report', 'run.tokmark')
    t.eq(client_lines(text.stdout), client_lines(out.stdout), f'{name}: and prints the same')
    strict = tk_it.run('report', 'run.tokmark', '--strict')
    t.eq(strict.returncode, 4 if r['verdict']['is_limit'] else 0, f'{name}: with --strict it is in the status')
    t.eq(strict.stdout, text.stdout, f'{name}: and the text is the same')
    own = tk_it.run('report', 'run.tokmark', '--format', 'vllm')
    plain = tk_it.run('report', 'run.tokmark', '--format', 'vllm', '--plain')
    t.ok(own.stdout.startswith(plain.stdout) and 'tokmark adds' in own.stdout, f'{name}: the section follows the block', own.stdout)
    t.ok('tokmark adds' not in plain.stdout, f'{name}: --plain leaves it out')
    t.eq(client_lines(own.stdout)[0][:21], client_lines(out.stdout)[0][:21], f'{name}: with the same verdict')


def load(name, sim, *args, workers=1, status=0):
    out = tk_it.run('run', sim.url, '--json', 'out.json', '-o', 'run.tokmark', '--overwrite', '--output-tokens', 5, *args)
    with open('out.json', encoding='utf-8') as f:
        r = json.load(f)
    t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})')
    check_verdict(r, name)
    check_client(r, name, workers)
    check_text(out, r, name)
    check_report(r, out, name)
    return r, out


def test_loads():
    with tk_it.Sim('--ttft', '5ms', '--itl', '2ms') as sim:
        r, _ = load('closed', sim, '-c', 4, '-n', 40)
        t.eq(r['client']['pace'], None, 'closed: there is no rate')
        t.eq(r['client']['first_tokens'], 40, 'closed: first tokens')
        r, out = load('open', sim, '--rate', 200, '-n', 120, '--arrival', 'constant')
        t.eq(r['client']['pace']['ready'], 120, 'open: all could be sent')
        t.ok(abs(r['client']['pace']['due_per_s'] - 200) < 0.01, 'open: the asked rate', r['client']['pace'])
        t.has(out.stdout, 'due 200.00 requests/s, sent ', 'open: is printed beside the sent one')
        r, _ = load('both', sim, '--rate', 2000, '-n', 120, '-c', 2, '--workers', 2, workers=2)
        t.ok(r['client']['lateness_ms']['p50'] < r['client']['wait_ms']['percentiles']['50']['value'],
             'both: lateness is not the wait for a permit', r['client']['lateness_ms'])
        t.ok(r['client']['wait_ms']['max'] > 100, 'both: which was long', r['client']['wait_ms'])
        t.ok(r['client']['pace']['ready_per_s'] < 0.5 * r['client']['pace']['due_per_s'], 'both: permits let fewer out', r['client']['pace'])


def test_not_judged():
    with tk_it.Sim('--ttft', '5ms', '--itl', '2ms') as sim:
        tk_it.run('run', sim.url, '-n', 5, '--record', 'requests', '--json', 'out.json', '--no-file')
        with open('out.json', encoding='utf-8') as f:
            judged = {f['cause']: f['judged'] for f in json.load(f)['verdict']['findings']}
        t.ok(not judged['late-reading'] and not judged['joined-events'], 'without reads: reading is not judged', judged)
        t.ok(judged['late-sending'] and judged['slow-writer'], 'without reads: the rest is', judged)
        p = tk_it.start('run', sim.url, '-d', '60s', '--output-tokens', 3, '-o', 'killed.tokmark')
        while not os.path.exists('killed.tokmark'):
            time.sleep(0.01)
        try:
            p.wait(1.5)
        except subprocess.TimeoutExpired:
            pass
        p.kill()
        p.communicate()
    out = tk_it.run('report', 'killed.tokmark', '--format', 'json')
    r = json.loads(out.stdout)
    judged = {f['cause']: f['judged'] for f in r['verdict']['findings']}
    t.ok(not judged['busy'] and not judged['slow-writer'], 'killed: what the engine alone knows is not judged', judged)
    t.ok(judged['late-sending'] and judged['late-reading'], 'killed: the rest is', judged)
    t.eq(r['client']['engine'], None, 'killed: no counts of the engine')
    t.has(tk_it.run('report', 'killed.tokmark').stdout, 'not judged: processors', 'killed: the text says so')


def limit_of_files(n):
    """The client's own doing, on any machine: a hard limit of open files that the load needs more of."""
    return ['bash', '-c', f'ulimit -n {n}; exec "$0" "$@"', tk_it.TOKMARK]


def failed_so_far(path):
    """Rows of failures in the file of a run that goes on."""
    try:
        with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True)) as db:
            return db.execute('select count(*) from requests where status = 0').fetchone()[0]
    except sqlite3.Error:
        return 0


def test_status():
    """130 before 4 before 3; each run here meets the client's limit for certain."""
    with tk_it.Sim('--ttft', '3s') as sim:
        base = limit_of_files(80) + ['run', sim.url, '--rate', 'inf', '-n', '100', '--output-tokens', '2', '--json', 'out.json', '-o',
                                     'run.tokmark', '--overwrite']
        out = subprocess.run(base, capture_output=True, text=True, timeout=120, check=False)
        t.eq(out.returncode, 3, f'status: some failed, and nobody asked for strictness ({out.stderr.strip()})')
        with open('out.json', encoding='utf-8') as f:
            r = json.load(f)
        check_verdict(r, 'own failures')
        t.ok('own-failures' in r['verdict']['causes'], 'own failures: named', r['verdict']['causes'])
        t.has(out.stdout, 'Client      THE LIMIT', 'own failures: printed')
        t.has(out.stdout, '* Time to first token ', 'own failures: figures are marked')
        out = subprocess.run(base + ['--strict'], capture_output=True, text=True, timeout=120, check=False)
        t.eq(out.returncode, 4, 'status: strict comes before failures')
        t.has(out.stderr, 'the client was the limit (own-failures)', 'status: standard error says why')
        os.remove('run.tokmark')
        p = subprocess.Popen(base + ['--strict'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while p.poll() is None and not failed_so_far('run.tokmark'):
            time.sleep(0.05)
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=120)
        t.eq(p.returncode, 130, 'status: interrupted comes before strict')
        t.has(out, 'THE LIMIT', 'status: and the result is printed')


def test_vllm():
    """The tool's block stays as it is; the verdict stands behind it, and in the status where that was asked for."""
    with open('p.jsonl', 'w', encoding='utf-8') as f:
        f.write('{"prompt": "hello"}\n')
    with tk_it.Sim('--ttft', '2s') as sim:
        base = limit_of_files(80) + ['vllm', '--model', 'sim', '--host', '127.0.0.1', '--port', sim.port, '--dataset-name', 'custom',
                                     '--dataset-path', 'p.jsonl', '--num-prompts', '100', '--request-rate', '100000', '--custom-output-len', '2', '--skip-tokenizer-init',
                                     '--ready-check-timeout-sec', '0', '--disable-tqdm']
        for words, status, is_said in (([], 0, True), (['--strict'], 4, True), (['--plain', '--strict'], 4, False)):
            out = subprocess.run(base + words, capture_output=True, text=True, timeout=120, check=False)
            name = f'vllm {" ".join(words)}'.strip()
            t.eq(out.returncode, status, f'{name}: status ({out.stderr.strip()[-200:]})')
            t.eq('Client      THE LIMIT' in out.stdout, is_said, f'{name}: the section')
            t.eq('the client was the limit (own-failures)' in out.stderr, bool(status), f'{name}: standard error')
            if is_said:
                block, section = out.stdout.split('tokmark adds')
                t.ok('*' not in block.split('Starting main')[1], f'{name}: the block has no marks', block)
                t.has(section, 'touched: ', f'{name}: the section says what is touched')
                for figure in 'ttft', 'tpot', 'itl', 'e2el':
                    t.has(section, f'{figure}, ', f'{name}: by name')


with tk_it.Folder():
    test_loads()
    test_not_judged()
    test_status()
    test_vllm()
t.done()
