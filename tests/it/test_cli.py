"""The command line: exit status, messages, what goes where; secrets; Ctrl-C."""
import ctypes
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time

import tk_it

t = tk_it.Tap()


def refused(status, part, *args, env=None):
    out = tk_it.run(*args, env=env)
    name = 'tokmark ' + ' '.join(map(str, args))
    t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})')
    t.has(out.stderr, part, f'{name}: says why')
    t.eq(out.stdout, '', f'{name}: nothing on standard output')


def test_words():
    out = tk_it.run('--version')
    t.ok(out.returncode == 0 and out.stdout.startswith('tokmark '), '--version')
    for words in (['--help'], ['run', '--help'], ['vllm', '--help'], ['vllm', 'bench', 'serve', '--help'], ['sim', '--help'],
                  ['report', '--help']):
        out = tk_it.run(*words)
        t.ok(out.returncode == 0 and 'sage' in out.stdout and out.stderr == '', ' '.join(words))
    refused(2, 'which command')
    refused(2, "did you mean 'run'", 'runn')
    refused(2, 'which server', 'run')
    refused(2, "did you mean '--rate'", 'run', 'http://h', '--rat', '3')
    refused(2, 'one URL is enough', 'run', 'http://a', 'http://b')
    refused(2, 'has a server of its own', 'run', '--sim', 'http://b')
    refused(2, 'scheme must be', 'run', 'ftp://h')
    refused(2, "'--api' says 'completions'", 'run', 'http://h/v1/chat/completions', '--api', 'completions')
    refused(2, 'needs a number of requests', 'run', 'http://h', '--rate', 'inf', '-d', '1s')
    refused(2, 'needs a unit', 'run', 'http://h', '--slo', 'ttft=500')
    refused(2, 'no figure of that name', 'run', 'http://h', '--slo', 'tttt=500ms')
    refused(2, 'is no percentile', 'run', 'http://h', '--percentiles', '50,x')
    refused(2, 'colon is missing', 'run', 'http://h', '-H', 'x')
    refused(2, 'no-such-file', 'run', 'http://h', '--data', 'no-such-file.jsonl')
    with open('bad.jsonl', 'w', encoding='utf-8') as f:
        f.write('{"prompt": 5}\n')
    refused(2, "'bad.jsonl', line 1: ", 'run', 'http://h', '--data', 'bad.jsonl')
    t.eq(tk_it.run('run', 'http://h', '--data', 'bad.jsonl').stderr.count('line 1'), 1, 'a broken row: its line is named once')
    refused(2, 'no-such-key', 'run', 'http://h', '--key-file', 'no-such-key')
    for secret in (['--api-key', 'abc-123'], ['--api-key=abc-123']):
        refused(2, '--key-file FILE, or from the environment\'s OPENAI_API_KEY', 'run', 'http://h', *secret)
        t.ok('abc-123' not in tk_it.run('run', 'http://h', *secret).stderr, 'a key is not repeated')
    refused(2, "did you mean '--requests'", 'run', 'http://h', '--num-prompts', 3)
    refused(2, 'needs a unit', 'run', 'http://h', '--cancel-share', '5%', '--cancel-after', 20)
    refused(2, "'--no-file' makes none", 'run', 'http://h', '--no-file', '-o', 'x.tokmark')
    for words in (['--ca-file', 'x.pem'], ['--insecure'], ['--cert', 'x.pem']):
        refused(2, f"'{words[0]}' is for a server that is asked by https", 'run', 'http://h', *words)
    with open('good.jsonl', 'w', encoding='utf-8') as f:
        f.write('{"prompt": "hello"}\n')
    refused(2, "'--words' is the length of made-up prompts", 'run', 'http://h', '--data', 'good.jsonl', '--words', 5)
    refused(2, "'--data-format' goes with a file", 'run', 'http://h', '--data-format', 'jsonl')
    refused(2, "'--sim-args' goes with '--sim'", 'run', 'http://h', '--sim-args', '--ttft 1ms')
    refused(2, '--detailed goes with --format vllm-json', 'report', 'x.tokmark', '--detailed')
    refused(2, 'which run', 'report')
    refused(2, 'foo', 'sim', '--port', 0, '--fault', 'foo')
    refused(2, 'foo', 'sim', '--port', 0, '--fault', 'foo:5%')
    refused(2, 'none.tokmark', 'report', 'none.tokmark')
    refused(2, 'which load', 'vllm')
    refused(1, "has to begin with '/'", 'vllm', '--model', 'm', '--endpoint', 'v1/completions')
    refused(2, "'vllm serve' is vLLM's own", 'vllm', 'serve')
    refused(2, "not 'throughput'", 'vllm', 'bench', 'throughput')
    refused(1, 'Failed to fetch models from server at http://127.0.0.1:1/v1/models', 'vllm', 'bench', 'serve', '--base-url', 'http://127.0.0.1:1')
    refused(1, 'Connection refused', 'run', 'http://127.0.0.1:1', '--no-file')
    refused(1, 'no-such-host', 'run', 'http://no-such-host.invalid', '--model', 'm', '--no-file')


def test_link():
    os.symlink(os.path.abspath(tk_it.TOKMARK), 'vllm')
    out = subprocess.run(['./vllm', 'bench', 'serve', '--help'], capture_output=True, text=True, check=False)
    t.ok(out.returncode == 0 and '--num-prompts' in out.stdout, 'called vllm it is vllm')
    out = subprocess.run(['./vllm', 'chat'], capture_output=True, text=True, check=False)
    t.ok(out.returncode == 2 and 'in its way' in out.stderr, 'vllm chat explains itself', out.stderr)
    for words in (['./vllm', '--version'], ['./vllm', '-v'], [tk_it.TOKMARK, 'vllm', '--version']):
        out = subprocess.run(words, capture_output=True, text=True, check=False)
        t.eq((out.returncode, out.stdout), (0, '0.13.0\n'), f'{words[1:]}: what vLLM says')
        t.has(out.stderr, "this is tokmark ", f'{words[1:]}: who says so')


def test_places():
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        out = tk_it.run('run', sim.url, '-n', 2, '-o', '/no/such/folder/x.tokmark')
        t.ok(out.returncode in (1, 2) and '/no/such/folder' in out.stderr, 'run file in no folder', out.stderr)
        t.eq(out.stdout, '', 'nothing was run')
        open('precious.txt', 'w', encoding='utf-8').write('precious')
        out = tk_it.run('run', sim.url, '-n', 2, '-o', 'precious.txt')
        t.ok(out.returncode == 2 and 'exists' in out.stderr, 'an existing file is kept', out.stderr)
        out = tk_it.run('run', sim.url, '-n', 2, '-o', 'precious.txt', '--overwrite')
        t.ok(out.returncode == 2 and open('precious.txt', encoding='utf-8').read() == 'precious', 'what is no run file is kept')
        out = tk_it.run('run', sim.url, '-n', 2, '--no-file', '--json', '/no/such/folder/x.json')
        t.ok(out.returncode == 2 and out.stdout == '', 'JSON in no folder: nothing was run', out)
        out = tk_it.run('run', sim.url, '-n', 2, '--no-file', '--json', '/dev/full')
        t.ok(out.returncode == 1 and '2 succeeded' in out.stdout, 'JSON that cannot be written: the text is printed all the same', out)
        out = tk_it.run('run', sim.url, '-n', 2)
        t.eq(len([f for f in os.listdir('.') if f.endswith('.tokmark')]), 1, 'a run file is made by default')
        full = subprocess.run([tk_it.TOKMARK, 'run', sim.url, '-n', '2', '--no-file'], stdout=open('/dev/full', 'w', encoding='utf-8'),
                              stderr=subprocess.PIPE, text=True, check=False)
        t.ok(full.returncode == 1 and 'standard output' in full.stderr, 'a full standard output is an error', full.stderr)
        n = len(sim.log())
    t.eq(n, 6, 'the server saw the runs that were run')


def started(sim, *args):
    """A run that is under way, with requests in flight."""
    p = tk_it.start('run', sim.url, '-c', 4, '-n', 100000, '--output-tokens', 5, *args)
    while p.poll() is None and len(os.listdir(f'/proc/{p.pid}/task')) < 3:  # workers and writer
        time.sleep(0.01)
    time.sleep(1.0)
    return p


def policies(pid):
    """The scheduling policy of each thread (field 41 of its stat): 0 ordinary, 2 round robin; none when it is gone."""
    found = []
    try:
        for task in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{task}/stat', encoding='utf-8') as f:
                found.append(int(f.read().rsplit(')', 1)[1].split()[38]))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def test_realtime():
    with tk_it.Sim('--ttft', '1h') as sim:
        child = subprocess.Popen([tk_it.TOKMARK, 'run', sim.url, '-n', '1', '--realtime', '--workers', '2', '--no-file', '--grace', '0s'],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while child.poll() is None and 2 not in (seen := policies(child.pid)):
            time.sleep(0.01)
        if child.poll() is None:
            while policies(child.pid).count(2) < 2:
                time.sleep(0.01)
            t.ok(0 in policies(child.pid), 'the workers alone are of real-time priority', policies(child.pid))
            child.send_signal(signal.SIGINT)
            t.has(child.communicate()[0], 'real-time priority', 'and the result says so')
        else:
            t.has(child.communicate()[1], 'not allowed here', 'real-time priority is refused with words')
            t.skip('no real-time priority here')
        if shutil.which('setpriv') and os.geteuid() == 0:
            out = subprocess.run(['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice', 'prlimit', '--rtprio=0:0', tk_it.TOKMARK, 'run',
                                  sim.url, '-n', '1', '--realtime', '--no-file'], capture_output=True, text=True, check=False)
            t.eq(out.returncode, 1, f'without the right to it: exit status ({out.stderr})')
            t.has(out.stderr, 'CAP_SYS_NICE', 'says what is needed')


def turn_of(task):
    """How long a turn the thread asks for, in ns, as the kernel tells it (sched_getattr); 0 where it knows no such thing."""
    attributes = (ctypes.c_uint64 * 6)()
    number = {'x86_64': 315, 'aarch64': 275}.get(os.uname().machine)
    if number is None or ctypes.CDLL(None, use_errno=True).syscall(number, int(task), attributes, 48, 0) != 0:
        return 0
    return attributes[3]


def test_turns():
    """The workers ask for short turns, so that they do not wait for the end of another thread's; nobody else does."""
    with tk_it.Sim('--ttft', '1h') as sim:
        child = subprocess.Popen([tk_it.TOKMARK, 'run', sim.url, '-c', '8', '-n', '8', '--workers', '2', '--no-file'],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if turn_of(child.pid) == 0:
            t.skip('this kernel tells of no turns')
        else:
            while child.poll() is None and sum(turn_of(task) == 100000 for task in os.listdir(f'/proc/{child.pid}/task')) < 2:
                time.sleep(0.01)
            t.ok(child.poll() is None, 'the workers ask for turns of 100 us')
            t.ok(turn_of(child.pid) != 100000, 'the main thread does not')
        while child.poll() is None:
            child.send_signal(signal.SIGINT)
            time.sleep(0.01)
        child.communicate()


def test_interrupt():
    with tk_it.Sim('--ttft', '20ms', '--itl', '1ms') as sim:
        p = started(sim, '-o', 'once.tokmark', '--json', 'once.json')
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=30)
    t.eq(p.returncode, 130, 'Ctrl-C once: exit status')
    t.has(err, 'in flight may end within', 'Ctrl-C once: says what happens')
    t.has(out, 'stopped by Ctrl-C', 'Ctrl-C once: there is a result')
    r = json.load(open('once.json', encoding='utf-8'))
    t.eq(r['requests']['cancelled'], 0, 'Ctrl-C once: what was in flight ended')
    t.ok(r['requests']['not_sent'] > 0 and r['run']['interrupted'], 'Ctrl-C once: the rest was not sent')
    with tk_it.Sim('--ttft', '20s') as sim:
        p = started(sim, '-o', 'twice.tokmark', '--json', 'twice.json')
        begin = time.monotonic()
        p.send_signal(signal.SIGINT)
        time.sleep(0.2)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=30)
    t.eq(p.returncode, 130, 'Ctrl-C twice: exit status')
    t.ok(time.monotonic() - begin < 5, 'Ctrl-C twice: at once')
    r = json.load(open('twice.json', encoding='utf-8'))
    t.eq(r['requests']['cancelled'], 4, 'Ctrl-C twice: what was in flight was cancelled')
    t.eq(r['requests']['failed'], 0, 'Ctrl-C twice: and is no failure')
    db = sqlite3.connect('twice.tokmark')
    t.eq(db.execute('SELECT count(*) FROM requests').fetchone()[0], 4, 'Ctrl-C twice: the records are in the file')
    db.close()


def test_secrets():
    secret = 'sesame-7-open-9'
    with open('key', 'w', encoding='utf-8') as f:
        f.write(secret + '\n')
    os.environ['SIM_KEY'] = secret
    found = []
    with tk_it.Sim('--ttft', '300ms', '--api-key-env', 'SIM_KEY') as sim:
        out = tk_it.run('run', sim.url, '-n', 1, '--no-file', '--model', 'sim')
        t.eq(out.returncode, 3, 'without the key the server says 401')
        for name, args, env in (
                ('file', ['--key-file', 'key'], {}),
                ('environment', [], {'OPENAI_API_KEY': secret}),
        ):
            p = tk_it.start('run', sim.url, '-n', 2, '--output-tokens', 2, *args, '-o', f'{name}.tokmark', '--json', f'{name}.json',
                            '-H', 'X-Run: visible', env={**env, 'TK_LOG': 'load:trace,http:trace,tls:trace,cli:trace'})
            time.sleep(0.2)
            with open(f'/proc/{p.pid}/cmdline', 'rb') as f:
                found.append(f.read().decode())
            text, err = p.communicate(timeout=30)
            t.eq(p.returncode, 0, f'key from {name}: taken ({err.strip()[-200:]})')
            found += [text, err, open(f'{name}.json', encoding='utf-8').read(), open(f'{name}.tokmark', 'rb').read().decode('latin-1')]
            dry = tk_it.run('run', sim.url, '-n', 1, *args, '--model', 'm', '--dry-run', env=env)
            t.has(dry.stdout, '"Authorization":"***"', f'key from {name}: masked in the dry run')
            found.append(dry.stdout)
        open('p.jsonl', 'w', encoding='utf-8').write('{"prompt":"a b c d"}\n')
        out = tk_it.run('vllm', '--model', 'm', '--host', '127.0.0.1', '--port', sim.port, '--dataset-name', 'custom', '--dataset-path', 'p.jsonl',
                        '--num-prompts', 1, '--custom-output-len', 2, '--save-result', '--save-detailed', '--result-filename', 'v.json',
                        '--header', f'Api-Key={secret}', env={'OPENAI_API_KEY': secret})
        t.has(out.stdout, "header=['Api-Key=***']", 'vllm: masked in its first line')
        t.has(out.stdout, 'Successful requests:                     1 ', 'vllm: the key is taken')
        found += [out.stdout, out.stderr, open('v.json', encoding='utf-8').read(), open('v.tokmark', 'rb').read().decode('latin-1')]
    t.ok(any('visible' in f for f in found), 'other headers are there')
    t.ok(not any(secret in f for f in found), 'the secret is nowhere', [f[:200] for f in found if secret in f])


with tk_it.Folder():
    test_words()
    test_link()
    test_places()
    test_realtime()
    test_turns()
    test_interrupt()
    test_secrets()
t.done()
