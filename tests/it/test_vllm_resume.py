"""`tokmark vllm --resume`: a run that was cut and one that was not send the same, and end in the same file and result."""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import time

import tk_it

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm')
TOK = os.path.join(here, 'load/tok')
COMMON = ['--model', 'org/m', '--disable-tqdm', '--ready-check-timeout-sec', '0', '--tokenizer', TOK, '--save-result', '--save-detailed', '--metric-percentiles',
          '50,99', '--label', 'l', '--request-id-prefix', 'q-']
RANDOM = ['--random-input-len', '12', '--random-output-len', '4', '--random-range-ratio', '0.4', '--num-prompts', '60']
BEGIN = '============ Serving Benchmark Result'
QUICK = ('--ttft', '15ms', '--itl', '2ms')
SLOW = ('--ttft', '250ms', '--itl', '2ms')  # where the signal must come before the end: by seconds, however busy the machine is


def query(text):
    with contextlib.closing(sqlite3.connect('file:r.tokmark?mode=ro', uri=True)) as db:
        return db.execute(text).fetchall()


def count():
    try:
        return query('SELECT count(*) FROM requests WHERE phase = 2')[0][0]
    except sqlite3.Error:
        return 0


def cut(how, *words):
    """Start a command and end it by a signal when the file has 15 requests more."""
    least = count() + 15 if os.path.exists('r.tokmark') else 15
    p = tk_it.start('vllm', *words)
    until = time.monotonic() + 60
    while count() < least and time.monotonic() < until:
        time.sleep(0.01)
    p.send_signal(how)
    p.communicate(timeout=60)
    return p.returncode


def bodies(*logs):
    """What was sent by each measured request: {id: set of bodies}."""
    found = {}
    for r in (r for log in logs for r in log if 'id' in r):
        found.setdefault(r['id'], set()).add(r['body_hash'])
    return found


def block_of(out):
    return ''.join(line for line in out[out.find(BEGIN):].splitlines(True) if not line.startswith('JSON  '))


def read(name):
    with open(name, encoding='utf-8') as f:
        return f.read()


def start_over():
    for name in os.listdir('.'):
        os.remove(name)


def check(name, words, n=60):
    start_over()
    words = [*COMMON, '--result-filename', 'r.json', *words]
    with tk_it.Sim(*QUICK) as sim:
        port = sim.port
        done = tk_it.run('vllm', *words, '--port', port)
        t.eq(done.returncode, 0, f'{name}: uncut ({done.stderr.strip()})')
        want = bodies(sim.log())
    uncut = json.loads(read('r.json'))
    start_over()
    with tk_it.Sim(*SLOW, '--port', port) as sim:
        t.eq(cut(signal.SIGKILL, *words, '--port', port), -signal.SIGKILL, f'{name}: killed')
        logs = [sim.log()]
    with tk_it.Sim(*SLOW, '--port', port) as sim:
        t.eq(cut(signal.SIGINT, '--resume', 'r.tokmark'), 130, f'{name}: gone on with, and stopped')
        logs.append(sim.log())
    n_ended = query('SELECT count(*) FROM requests WHERE phase = 2 AND ended = 0')[0][0]
    with tk_it.Sim(*QUICK, '--port', port) as sim:
        done = tk_it.run('vllm', '--resume', 'r.tokmark')
        logs.append(sim.log())
    t.eq(done.returncode, 0, f'{name}: to the end ({done.stderr.strip()})')
    t.has(done.stderr, f"going on with 'r.tokmark': {n_ended} requests have ended, {n - n_ended} are left", f'{name}: what is left is said')
    t.eq(bodies(*logs), want, f'{name}: the same bodies as uncut')
    t.eq([i for i, in query('SELECT idx FROM requests WHERE phase = 2 ORDER BY idx')], list(range(n)), f'{name}: every request once')
    got = json.loads(read('r.json'))
    t.eq([(k, got[k]) for k in ('completed', 'total_input_tokens', 'total_output_tokens', 'input_lens', 'generated_texts', 'label')],
         [(k, uncut[k]) for k in ('completed', 'total_input_tokens', 'total_output_tokens', 'input_lens', 'generated_texts', 'label')], f'{name}: the result')
    t.eq(list(got), list(uncut), f'{name}: its keys')
    t.eq(tk_it.run('report', 'r.tokmark', '--format', 'vllm').stdout, block_of(done.stdout), f'{name}: the block is reported again')
    t.eq(tk_it.run('report', 'r.tokmark', '--format', 'vllm-json').stdout, read('r.json'), f'{name}: so is the file')
    again = tk_it.run('vllm', '--resume', 'r.tokmark')  # there is no server any more
    t.eq((again.returncode, block_of(again.stdout)), (0, block_of(done.stdout)), f'{name}: once more prints the same')
    t.has(again.stderr, 'nothing was left to send', f'{name}: and says why')
    t.eq(json.loads(read('r.json')), got, f'{name}: the result stays')
    t.eq(sorted(os.listdir('.')), ['r.json', 'r.tokmark'], f'{name}: no other files')
    return port


def refused(text, *words):
    before = count()
    out = tk_it.run('vllm', '--resume', 'r.tokmark', *words)
    t.eq((out.returncode, count()), (2, before), f'refused: {words}')
    t.has(out.stderr, text, f'refused: {words}: why')


def check_refusals():
    start_over()
    with open('p.jsonl', 'w', encoding='utf-8') as f:
        f.writelines(json.dumps({'prompt': f'what is {i}'}) + '\n' for i in range(60))
    custom = ['--dataset-name', 'custom', '--dataset-path', 'p.jsonl', '--skip-chat-template', '--custom-output-len', '4', '--num-prompts', '60']
    with tk_it.Sim(*SLOW) as sim:
        words = [*COMMON, '--result-filename', 'r.json', *custom, '--max-concurrency', '4', '--header', 'x-api-key=s3cret', 'x-a=b', '--port', sim.port]
        t.eq(cut(signal.SIGKILL, *words), -signal.SIGKILL, 'refused: killed')
    headers = ('--header', 'x-api-key=other', 'x-a=b')
    refused('\'headers\' was')
    refused("'seed' was 0 and is 5 now", *headers, '--seed', '5')
    refused("'phases.measure.concurrency' was 4 and is 9 now", *headers, '--max-concurrency', '9')
    refused("leave '--dry-run' out", '--dry-run')
    refused('', '--result-filename', 'r.tokmark')
    with open('p.jsonl', 'r+', encoding='utf-8') as f:
        f.write('{"prompt": "What is')
    refused('the requests are others now', *headers)
    with open('p.jsonl', 'r+', encoding='utf-8') as f:
        f.write('{"prompt": "what is')
    t.ok('s3cret' not in open('r.tokmark', encoding='latin-1').read(), 'no secret is in the file')
    with tk_it.Sim(*QUICK, '--port', sim.port):
        out = tk_it.run('vllm', '--resume', 'r.tokmark', *headers, '--metric-percentiles', '10')
    t.eq((out.returncode, 'P10 TTFT (ms):' in out.stdout), (0, True), f'other words of the result are taken ({out.stderr.strip()})')
    with contextlib.closing(sqlite3.connect('r.tokmark')) as db, db:
        db.execute("DELETE FROM run WHERE key = 'words'")
    refused('does not say what was sent', *headers)


def check_others():
    """Files that a result was appended to, of another command, and damaged ones."""
    start_over()
    with tk_it.Sim(*QUICK) as sim:
        words = [*COMMON, '--result-filename', 'r.json', *RANDOM[:-1], '3', '--port', sim.port]
        for _ in range(2):
            tk_it.run('vllm', *words, '--append-result')
        both = read('r.json')
        shutil.copy('r.tokmark', 'good.tokmark')
        out = tk_it.run('vllm', '--resume', 'r-2.tokmark')
        t.eq((out.returncode, BEGIN in out.stdout, read('r.json')), (0, True, both), f'appended: the results before stay ({out.stderr.strip()})')
        tk_it.run('run', sim.url, '-n', '3', '-o', 'r.tokmark', '--overwrite')
    refused("it is a run of 'tokmark run'")
    out = tk_it.run('run', '--resume', 'good.tokmark')
    t.eq(out.returncode, 2, 'of another command')
    t.has(out.stderr, "it is a run of 'tokmark vllm'", 'of another command: said')
    for key, value, text in (('totals', '{}', 'it lacks the totals of the run'), ('vllm_counters', '{"before":{', "the server's counters in it cannot be read"),
                             ('plan', '[]', 'the plan of the run cannot be read')):
        shutil.copy('good.tokmark', 'r.tokmark')
        with contextlib.closing(sqlite3.connect('r.tokmark')) as db, db:
            db.execute('INSERT OR REPLACE INTO run VALUES (?, ?)', (key, value))
        refused(text, '--result-filename', 'no.json')
    t.ok(not os.path.exists('no.json'), 'damaged: no result is written')


def check_many():
    """Each value of a list is a word."""
    start_over()
    with tk_it.Sim(*SLOW) as sim:
        words = [*COMMON, '--result-filename', 'r.json', *RANDOM, '--max-concurrency', '4', '--port', sim.port, '--endpoint',
                 '/v1/completions?api_key=s3cret&/v1/completions']
        t.eq(cut(signal.SIGKILL, *words, '--metadata', *(f'k{i}=v' for i in range(1020))), -signal.SIGKILL, 'many words: killed')
    t.ok('s3cret' not in open('r.tokmark', encoding='latin-1').read(), 'many words: no key of a URL is in the file')
    refused("'url' was")
    out = tk_it.run('vllm', '--resume', 'r.tokmark', '--endpoint', words[-1], '--ready-check-timeout-sec', '1')
    t.eq((out.returncode, BEGIN in out.stdout, os.path.exists('r.json')), (1, False, False), 'no server: there is no result of the part before')
    t.has(out.stderr, 'ValueError: Initial test run failed - Please make sure benchmark arguments are correctly specified. Error: connect', 'no server: said')
    with tk_it.Sim(*QUICK, '--port', sim.port):
        out = tk_it.run('vllm', '--resume', 'r.tokmark', '--endpoint', words[-1])
    t.eq(out.returncode, 0, f'many words: gone on with ({out.stderr.strip()})')
    t.eq(json.loads(read('r.json'))['k1019'], 'v', 'many words: the last of them')


def check_named():
    """Without a name for the result the run file stays where it is."""
    start_over()
    with tk_it.Sim(*SLOW) as sim:
        p = tk_it.start('vllm', *COMMON[:-2], *RANDOM, '--max-concurrency', '4', '--port', sim.port, '--server-counters')  # ids of its own
        while not any(name.endswith('.tokmark') for name in os.listdir('.')):
            time.sleep(0.01)
        name = [n for n in os.listdir('.') if n.endswith('.tokmark')][0]
        os.symlink(name, 'r.tokmark')
        while count() < 15:
            time.sleep(0.01)
        p.kill()
        p.communicate()
    os.remove('r.tokmark')
    with tk_it.Sim(*QUICK, '--port', sim.port):
        out = tk_it.run('vllm', '--resume', name)
    t.eq(out.returncode, 0, f'no name: gone on with ({out.stderr.strip()})')
    t.has(out.stderr, '--server-counters has no effect: those of the part before are not known', 'no name: counters are left out')
    left = sorted(os.listdir('.'))
    t.eq(([n for n in left if n.endswith('.tokmark')], len(left)), ([name], 2), 'no name: the run file stays, a result is beside it')


with tk_it.Folder():
    check('closed', [*RANDOM, '--max-concurrency', '4'])
    check('open', [*RANDOM, '--request-rate', '80', '--lora-modules', 'a', 'b', '--max-concurrency', '9', '--goodput', 'ttft:1000'])
    check_refusals()
    check_others()
    check_many()
    check_named()
t.done()
