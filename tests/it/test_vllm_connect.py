"""How `tokmark vllm` gets to the server: Unix sockets, TLS, client certificates, proxies of the environment, whose model."""
import json
import os
import signal
import subprocess
import threading

import tk_it
import vllm_server

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
WORDS = ['--skip-tokenizer-init', '--ready-check-timeout-sec', '0', '--dataset-name', 'custom', '--dataset-path',
         os.path.join(golden, 'prompts.jsonl'), '--skip-chat-template', '--custom-output-len', '3', '--num-prompts', '3', '--plain']
MODEL = ['--model', 'm']


def load(name, *words, status=0, env=None, n=3):
    r = tk_it.run('vllm', *WORDS, *words, env=env)
    t.eq(r.returncode, status, f'{name}: exit status ({r.stderr.strip()[-300:]})')
    if status == 0:
        t.has(r.stdout, f'Successful requests:                     {n}', f'{name}: {n} of them')
    return r


def openssl(*words):
    subprocess.run(['openssl', *words], check=True, capture_output=True)


def make_certificates():
    """An authority, and a client's certificate of it; its key locked, too."""
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=authority', '-days', '2')
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'client.key', '-out', 'client.csr', '-subj', '/CN=client')
    openssl('x509', '-req', '-in', 'client.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'client.pem', '-days', '2')
    openssl('rsa', '-aes128', '-passout', 'pass:word', '-in', 'client.key', '-out', 'locked.key')
    with open('word', 'w', encoding='utf-8') as f:
        f.write('word\n')


def check_tls():
    with tk_it.Sim('--tls', '--cert-out', 'cert.pem') as sim:
        url = ['--base-url', sim.url]
        load('authority', *MODEL, *url, '--ca-file', 'cert.pem')
        load('insecure', *MODEL, *url, '--insecure')
        load('unknown authority', *MODEL, *url, n=0)
        load('model over TLS', *url, '--ca-file', 'cert.pem')
        r = load('model of an unknown authority', *url, status=1)
        t.has(r.stderr, 'Failed to fetch models from server at https://', 'model of an unknown authority: why')
    make_certificates()
    with tk_it.Sim('--tls', '--tls-client-ca', 'ca.pem', '--cert-out', 'cert.pem') as sim:
        url = ['--base-url', sim.url, '--ca-file', 'cert.pem']
        load('client certificate', *url, '--cert', 'client.pem', '--cert-key', 'client.key')
        load('locked key', *url, '--cert', 'client.pem', '--cert-key', 'locked.key', '--cert-passphrase-file', 'word')
        load('no certificate', *url, status=1)
    for words, part in ((['--cert-key', 'client.key'], "'--cert-key' goes with '--cert'"),
                        (['--cert-passphrase-file', 'word'], "'--cert-passphrase-file' goes with '--cert'")):
        r = load(words[0], *MODEL, *words, status=2)
        t.has(r.stderr, part, f'{words[0]}: why')
    r = load('no such file', *MODEL, '--base-url', 'https://127.0.0.1:9', '--cert', 'none.pem', status=1)
    t.has(r.stderr, "'none.pem'", 'no such file: which')


def check_unix():
    with tk_it.Sim('--unix', 'sim.sock'):
        load('Unix socket', *MODEL, '--unix', 'sim.sock', '--host', 'example.test')
        load('model over a Unix socket', '--unix', 'sim.sock')


def check_proxy():
    nowhere = {'http_proxy': 'http://127.0.0.1:9', 'no_proxy': '', 'NO_PROXY': ''}
    with tk_it.Sim() as sim:
        r = load('proxy', *MODEL, '--port', sim.port, env=nowhere)
        t.has(r.stderr, 'http_proxy has no effect: connections go to the server itself', 'proxy: said')
        r = load('not for this host', *MODEL, '--port', sim.port, env=nowhere | {'no_proxy': 'a.test, 127.0.0.1'})
        t.ok('http_proxy' not in r.stderr, 'not for this host: nothing is said', r.stderr)


def check_append():
    with tk_it.Sim() as sim:
        for n in (1, 2, 3):
            load(f'append {n}', *MODEL, '--port', sim.port, '--append-result', '--result-filename', 'log.json', '--metadata', f'n={n}')
        with open('log.json', encoding='utf-8') as f:
            text = f.read()
        t.eq([json.loads(line)['n'] for line in text.split('\n')], ['1', '2', '3'], 'append: an object a line, the last without its end')
        t.eq(len([n for n in os.listdir('.') if n.startswith('log') and n.endswith('.tokmark')]), 3, 'append: each has its run file')
        for word in ('--save-result', '--append-result'):
            r = load(f'{word} to standard output', *MODEL, '--port', sim.port, word, '--result-filename', '-')
            t.ok(json.loads(r.stdout.splitlines()[-1])['completed'] == 3 and not os.path.exists('-'), f'{word} to standard output: no file')


def check_model():
    listed = {'data': [{'object': 'model', 'id': 'name', 'max_model_len': 5, 'root': None, 'permission': [{'id': 'x'}]}]}
    with vllm_server.Server({'models': listed}) as server:
        load('a model without a root', '--port', server.port)
        t.eq({body['model'] for _, path, body in server.requests if path.endswith('completions')}, {'name'}, 'a model without a root: its name')
    for name, answer in (('no list', {'data': 3}), ('no object', [1]), ('no id', {'data': [{'root': 'x'}]}), ('no entries', {})):
        with vllm_server.Server({'models': answer}) as server:
            r = load(name, '--port', server.port, status=1)
            t.ok('models' in r.stderr, f'{name}: why', r.stderr)
    for name in ('a\n!echo >pwned\n', 'a\x1b[2J'):
        for key in ('id', 'root'):
            with vllm_server.Server({'models': {'data': [{'id': 'm', 'root': 'm', key: name}]}}) as server:
                r = load(f'{key} {name!r}', '--port', server.port, '--plot-timeline', '--plot-dataset-stats', status=1)
                t.has(r.stderr, "the model's name has control characters in it", f'{key} {name!r}: why')
    t.eq([n for n in os.listdir('.') if 'pwned' in n or 'dataset_stats' in n], [], 'control characters: nothing is made')
    r = load('no server', '--port', '9', status=1)
    t.has(r.stderr, 'Failed to fetch models from server at http://127.0.0.1:9/v1/models. Check that: 1. The server is running', 'no server: why')
    r = load('a dry run', '--dry-run', status=2)
    t.has(r.stderr, 'the following arguments are required: --model', 'a dry run: asks nobody')
    r = tk_it.run('vllm', *WORDS, '--port', '9', '--print-config')
    t.eq(r.returncode, 0, f'--print-config: asks nobody ({r.stderr.strip()})')


class Silent(vllm_server.Server):
    """Never answers what is asked at a path that ends so, and says when it was asked."""

    def __init__(self, path, told):
        super().__init__(told)
        self.is_asked, self.is_over = threading.Event(), threading.Event()
        self.RequestHandlerClass = type('Handler', (vllm_server.Handler,), {'whole': lambda h, *a, **k: self.wait(h, path, *a, **k)})

    def wait(self, handler, path, *args, **more):
        if not handler.path.endswith(path):
            return vllm_server.Handler.whole(handler, *args, **more)
        self.is_asked.set()
        return self.is_over.wait()


def check_stop():
    for path, words, status, n in (('/start_profile', ['--profile'], 130, 0), ('/metrics', ['--server-counters'], 130, 0),
                                   ('/stop_profile', ['--profile', '--save-result', '--result-filename', 'stopped.json'], -signal.SIGINT, 1)):
        with Silent(path, {}) as server:
            process = tk_it.start('vllm', *MODEL, *WORDS, '--port', server.port, *words)
            t.ok(server.is_asked.wait(60), f'{path}: asked')
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=100)  # the server has five minutes
            t.eq(process.returncode, status, f'Ctrl-C at {path}: exit status ({err.strip()[-200:]})')
            t.eq(sum(p.endswith('completions') for _, p, _ in server.requests) > 0, n > 0, f'Ctrl-C at {path}: what was sent')
            server.is_over.set()
    t.ok(os.path.exists('stopped.json'), 'Ctrl-C at the end: the result is there')


class Stubborn(vllm_server.Server):
    """Gives no text back, or says nothing that makes sense."""

    def __init__(self, path, answer):
        super().__init__({'tokenize': 1})
        self.RequestHandlerClass = type('Handler', (vllm_server.Handler,), {'whole': lambda h, text, *a, **k: vllm_server.Handler.whole(
            h, answer if h.path.endswith(path) else text, *a, **k)})


def check_align():
    tok = ['--model', 'm', '--tokenizer', os.path.join(golden, 'load/tok'), '--ready-check-timeout-sec', '0', '--num-prompts', '40',
           '--random-input-len', '9', '--random-output-len', '1', '--align-tokens', '--plain']
    plain = [w for w in tok if w != '--align-tokens']
    for path, answer in (('/detokenize', '{"prompt": 3}'), ('/detokenize', '{'), ('/detokenize', json.dumps({'prompt': 'x' * 4000})),
                         ('/tokenize', '{"tokens": [1.5]}'), ('/tokenize', '[]')):
        prompts = []
        for words in (tok, plain):
            with Stubborn(path, answer) as server:
                r = tk_it.run('vllm', *words, '--port', server.port)
                t.eq(r.returncode, 0, f'align {path} {answer[:20]}: exit status ({r.stderr.strip()[-200:]})')
                prompts.append(sorted(body['prompt'] for _, p, body in server.requests if p.endswith('completions')))
                if words == tok:
                    said = r.stdout + r.stderr
        t.eq(prompts[0], prompts[1], f'align {path} {answer[:20]}: prompts stay as they are')
        t.ok('prompts could not be aligned' in said or '/tokenize unavailable' in said, f'align {path} {answer[:20]}: said', said[-300:])
    with vllm_server.Server({'tokenize': 1}) as server:
        r = tk_it.run('vllm', *tok, '--port', server.port, '--random-batch-size', '4', '--backend', 'openai-embeddings', '--endpoint', '/v1/embeddings')
        t.has(r.stderr, '--align-tokens has no effect: a prompt is several texts', 'align several texts: said')
    r = tk_it.run('vllm', *tok, '--dry-run')
    t.eq((r.returncode, 'a dry run asks none' in r.stderr), (2, True), 'align: a dry run asks nobody')
    with tk_it.Sim() as sim:
        r = load('align custom', *MODEL, '--port', sim.port, '--align-tokens')
        t.has(r.stderr, '--align-tokens has no effect: it is for random and prefix_repetition', 'align custom: said')


with tk_it.Folder():
    check_tls()
    check_unix()
    check_proxy()
    check_append()
    check_model()
    check_align()
    check_stop()
t.done()
