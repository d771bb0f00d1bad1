"""What `tokmark vllm` says beside the tool's own words: why it waits, that rows are repeated, that it was stopped."""
import concurrent.futures
import json
import os
import signal
import threading

import tk_it
import vllm_server

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
PROMPTS = os.path.join(golden, 'prompts.jsonl')  # five of them
WORDS = ['--model', 'm', '--skip-tokenizer-init', '--dataset-name', 'custom', '--dataset-path', PROMPTS, '--skip-chat-template',
         '--custom-output-len', '2']
AT_ONCE = ['--ready-check-timeout-sec', '0']
PASSING = (408, 429, 500, 503)
VAIN = '. Waiting hardly mends this: '


def tried(status):
    """A check that is tried for three seconds. Without a status there is no server."""
    with vllm_server.Server({'status': status}) as server:
        return tk_it.run('vllm', *WORDS, '--num-prompts', '1', '--ready-check-timeout-sec', '3', '--plain', '--port', server.port if status else '9')


def not_ready(name, r):
    """The line that says why."""
    t.eq(r.returncode, 1, f'{name}: exit status')
    t.ok('ready: ' not in r.stdout, f'{name}: standard output is the tool\'s')
    lines = [line for line in r.stderr.splitlines() if 'the endpoint is not ready: ' in line]
    t.eq(len(lines), 1, f'{name}: said once ({r.stderr})')
    return lines[0] if lines else ''


def check_waiting():
    said = {401: 'is the key in OPENAI_API_KEY', 403: 'is the key in OPENAI_API_KEY', 400: "has the server model 'm'",
            422: "has the server model 'm'", 404: "is '--endpoint /v1/completions' where", 405: "is 'http://", 307: "is 'http://"}
    with concurrent.futures.ThreadPoolExecutor() as pool:  # each waits so long
        nobody, *runs = pool.map(tried, (None, *said, *PASSING))
    nobody = not_ready('nobody there', nobody)
    t.has(nobody, 'connect: Connection refused; tried again for 3 s more', 'nobody there: why, and how long it goes on')
    t.ok(VAIN not in nobody, 'nobody there: may come', nobody)
    for status, r in zip((*said, *PASSING), runs):
        line = not_ready(f'status {status}', r)
        t.has(line, f'http-status {status}: ', f'status {status}: why')
        t.eq(line.partition(VAIN)[2][:len(said.get(status, ''))], said.get(status, ''), f'status {status}: what may be wrong')
        t.eq(VAIN in line, status in said, f'status {status}: whether it may pass')


def check_secrets():
    """A key in a URL is in no message."""
    target = '/v1/completions?api_key={}&/v1/completions'
    for status, said in ((404, "is '--endpoint "), (405, "is 'http://")):
        with vllm_server.Server({'status': status}) as server:
            r = tk_it.run('vllm', *WORDS, '--num-prompts', '1', '--ready-check-timeout-sec', '1', '--port', server.port, '--endpoint', target.format('s3cret'))
        line = not_ready(f'key, {status}', r)
        t.ok(said in line and target.format('***') in line and 's3cret' not in r.stdout + r.stderr, f'key, {status}: masked', line)
    for model in ['--base-url', 'http://127.0.0.1:9/?api_key=s3cret&'], ['--model', 'm', '--endpoint', target[1:].format('s3cret')]:
        r = tk_it.run('vllm', *WORDS[2:], *model, '--num-prompts', '1')
        t.ok(r.returncode != 0 and r.stderr != '' and 's3cret' not in r.stdout + r.stderr, f'key, {model[-2]}: masked', r.stderr)


def check_repeated():
    with vllm_server.Server({}) as server:
        words = [*WORDS, *AT_ONCE, '--port', server.port, '--num-prompts']
        r = tk_it.run('vllm', *words, '7')
        t.has(r.stderr, 'the data set has 5 rows that can be used for 7 requests: 2 of them repeat one', 'too few rows: said')
        for more in (['5'], ['7', '--no-oversample']):
            r = tk_it.run('vllm', *words, *more)
            t.ok(r.returncode == 0 and 'repeat' not in r.stderr, f'{" ".join(more)}: nothing is repeated', r.stderr)


class Slow(vllm_server.Server):
    """Answers so many completions; the one after them waits until it is let go."""

    def __init__(self, n):
        super().__init__({})
        self.n = n
        self.has_come, self.is_over = threading.Event(), threading.Event()
        self.RequestHandlerClass = type('Handler', (vllm_server.Handler,), {'answer': lambda h, body: self.wait(h, body)})

    def wait(self, handler, body):
        if len(self.requests) > self.n:
            self.has_come.set()
            self.is_over.wait()
        return vllm_server.Handler.answer(handler, body)


def check_silence():
    with Slow(0) as server:
        p = tk_it.start('vllm', *WORDS, '--port', server.port, '--num-prompts', '1', '--plain')
        t.ok(any('the ready check has no reply yet, after ' in line for line in p.stderr), 'no reply: said while it is waited for')
        server.is_over.set()
        p.communicate(timeout=100)
    t.eq(p.returncode, 0, 'no reply: when it comes the run goes on')


def check_stopped():
    with Slow(1) as server:
        p = tk_it.start('vllm', *WORDS, *AT_ONCE, '--port', server.port, '--num-prompts', '5', '--max-concurrency', '1', '--save-result',
                        '--result-filename', 'r.json')
        t.ok(server.has_come.wait(60), 'the second is under way')
        p.send_signal(signal.SIGINT)
        t.ok(any('stopping' in line for line in p.stderr), 'Ctrl-C: taken')
        server.is_over.set()
        out, err = p.communicate(timeout=100)
    t.eq(p.returncode, 130, 'Ctrl-C: exit status')
    t.has(err, 'stopped by Ctrl-C: 2 of 5 requests were sent, the figures are theirs', 'Ctrl-C: said')
    block, _, own = out.partition('tokmark adds')
    t.ok('Successful requests:                     2 ' in block and 'stopped' not in block, 'Ctrl-C: the block is the tool\'s', block)
    t.has(own, '5 planned = 2 sent + 3 not sent', 'Ctrl-C: how much was done, in the own section')
    t.has(own, 'stopped by Ctrl-C\n', 'Ctrl-C: why, in the own section')
    with open('r.json', encoding='utf-8') as f:
        d = json.load(f)
    t.eq((d['num_prompts'], d['completed'], d['failed']), (5, 2, 0), 'Ctrl-C: the file has fewer requests than prompts')
    r = tk_it.run('report', 'r.tokmark', '--format', 'json')
    t.ok(json.loads(r.stdout)['run']['interrupted'], 'Ctrl-C: the run file says so')


with tk_it.Folder():
    check_waiting()
    check_secrets()
    check_repeated()
    check_silence()
    check_stopped()
t.done()
