"""`tokmark vllm --probe-request-rate`: single requests beside the load, with records of their own; and the newer times in the queue."""
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import time

import tk_it

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
WORDS = ['--model', 'org/m', '--skip-tokenizer-init', '--ready-check-timeout-sec', '0', '--dataset-name', 'custom', '--dataset-path',
         os.path.join(golden, 'prompts.jsonl'), '--skip-chat-template', '--custom-output-len', '20', '--save-result', '--save-detailed']


def of_phase(path, number):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        return [dict(r) for r in db.execute('SELECT * FROM requests WHERE phase = ? ORDER BY idx', (number,))]


def word(path, number):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT word FROM word WHERE kind = 'phase' AND number = ?", (number,)).fetchone()[0]


def check_probes():
    with tk_it.Sim('--ttft', '5ms', '--itl', '1ms') as sim:
        r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--num-prompts', '12', '--request-rate', '40', '--max-concurrency', '3',
                      '--probe-request-rate', '50', '--result-filename', 'p.json')
        t.eq(r.returncode, 0, f'probes: the run ({r.stderr.strip()})')
        seen = sim.log()
    with open('p.json', encoding='utf-8') as f:
        result = json.load(f)
    probes, measured = of_phase('p.tokmark', 3), of_phase('p.tokmark', 2)
    t.eq(word('p.tokmark', 3), 'probe', 'probes: the run file names their phase')
    t.eq((len(measured), result['completed'], len(result['errors'])), (12, 12, 12), 'probes: they do not count in the load')
    t.eq(result['probe_completed'] + result['probe_failed'], len(probes), 'probes: all of them are told')
    t.ok(len(probes) > 5, 'probes: many', len(probes))
    t.eq([p['idx'] for p in probes], list(range(len(probes))), 'probes: numbered from 0')
    t.eq(len(seen), 12 + len(probes), 'probes: what the server saw')
    gaps = [b['sent_first_at'] - a['end_at'] for a, b in zip(probes, probes[1:])]
    t.ok(min(gaps) >= 20e6, 'probes: a rest of 1/rate between the end of one and the next', gaps)
    t.ok({p['worker'] for p in probes}.isdisjoint({m['worker'] for m in measured}), 'probes: a worker of their own')
    hashes = [s['body_hash'] for s in seen]
    t.eq(max(hashes.count(h) for h in hashes), len(probes), 'probes: one body')
    last = max(m['end_at'] for m in measured)
    t.ok(all(p['sent_first_at'] <= last for p in probes), 'probes: none begins after the load')
    t.has(r.stdout, 'Probe request rate: 50.0 req/s', 'probes: said')
    t.has(r.stdout, '------------------Probe Requests------------------', 'probes: their section')
    again = tk_it.run('report', 'p.tokmark', '--format', 'vllm')
    t.eq((again.returncode, 'Probe Requests' in again.stdout), (0, True), 'probes: reported again')
    own = tk_it.run('report', 'p.tokmark')
    t.ok('12' in own.stdout and own.returncode == 0, 'probes: the own report', own.stdout)


def check_slow_probe():
    """A probe in flight when the load ends may end; it does not lengthen the load."""
    body = '{"sim": {"ttft": "300ms"}}'
    with tk_it.Sim('--ttft', '5ms') as sim:
        r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--num-prompts', '2', '--max-concurrency', '1', '--probe-request-rate', '0.001',
                      '--extra-body', body, '--result-filename', 's.json')
        t.eq(r.returncode, 0, f'a slow probe: the run ({r.stderr.strip()})')
    probes = of_phase('s.tokmark', 3)
    t.eq([p['ended'] for p in probes], [0], 'a slow probe: one, and it is whole')


def check_none_succeeds():
    with tk_it.Sim('--fault', 'status=503:100%') as sim:
        r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--num-prompts', '2', '--probe-request-rate', '9', '--result-filename', 'n.json')
    t.eq(r.returncode, 0, f'none succeeds: the run ({r.stderr.strip()})')
    with open('n.json', encoding='utf-8') as f:
        t.ok(not any(k.startswith('probe') for k in json.load(f)), 'none succeeds: nothing of probes is told')


def check_no_text():
    """A backend that cannot send it says so before the run."""
    r = tk_it.run('vllm', '--model', 'm', '--tokenizer', os.path.join(golden, 'load/tok'), '--port', '9', '--backend', 'vllm-rerank', '--endpoint',
                  '/v1/rerank', '--dataset-name', 'random-rerank', '--random-batch-size', '2', '--num-prompts', '4', '--probe-request-rate', '1')
    t.eq(r.returncode, 1, 'a reranker: exit status')
    t.has(r.stderr, "--probe-request-rate sends the text 'Hi', which 'vllm-rerank' takes no request of", 'a reranker: why')


def check_interrupt():
    with tk_it.Sim('--ttft', '60s') as sim:
        p = tk_it.start('vllm', *WORDS, '--port', sim.port, '--num-prompts', '2', '--probe-request-rate', '9', '--result-filename', 'i.json')
        while not os.path.exists('i.tokmark'):
            time.sleep(0.02)
        time.sleep(0.5)
        p.send_signal(signal.SIGINT)
        time.sleep(0.3)
        p.send_signal(signal.SIGINT)
        _, err = p.communicate(timeout=60)
    t.eq(p.returncode, 130, f'Ctrl-C twice: ends, the probe too ({err.strip()})')
    t.eq(len(of_phase('i.tokmark', 3)), 1, 'Ctrl-C twice: the probe has its record')


def check_queue():
    with tk_it.Sim('--ttft', '20ms', '--itl', '1ms') as sim:
        r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--num-prompts', '4', '--max-concurrency', '1', '--percentile-metrics',
                      'client_queue_time,e2el_including_client_queue', '--result-filename', 'q.json')
    t.eq(r.returncode, 0, f'queue: the run ({r.stderr.strip()})')
    with open('q.json', encoding='utf-8') as f:
        result = json.load(f)
    rows_ = of_phase('q.tokmark', 2)
    starts = [row['sent_first_at'] for row in rows_]
    queue = result['queue_times']
    t.ok(all(abs((q - queue[0]) * 1e9 - (s - starts[0])) < 1e6 for q, s in zip(queue, starts)), 'queue: a closed loop waits from its begin', queue)
    t.ok(queue[0] < 0.02 and queue[3] > 0.06, 'queue: the first hardly, the last long', queue)
    t.ok(abs(result['mean_client_queue_time_ms'] - statistics.mean(queue) * 1000) < 1e-9, 'queue: its mean')
    t.ok('mean_e2el_including_client_queue_ms' not in result, 'queue: without a rate there is no sum')


with tk_it.Folder():
    check_probes()
    check_slow_probe()
    check_none_succeeds()
    check_no_text()
    check_interrupt()
    check_queue()
t.done()
