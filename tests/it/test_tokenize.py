"""tokmark tokenize: texts, conversations, ids; from files, from a hub, from servers."""
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import tk_it

t = tk_it.Tap()
TESTS = os.environ['TK_TESTS_DIR']
DATA = os.path.join(TESTS, 'data/token/loaders')
SPM, TEKKEN, TIKTOKEN = (os.path.join(DATA, n) for n in ('bpe.model', 'tekken_v13.json', 'small.tiktoken'))
with open(os.path.join(DATA, 'vectors.json'), encoding='utf-8') as vectors_file:
    VECTORS = {(v['file'], v['kind']): v for v in json.load(vectors_file)}


def tokenize(*args, text=None, env=None):
    surroundings = {k: v for k, v in os.environ.items() if k not in ('OPENAI_API_KEY', 'TOKMARK_TOKENIZER')}
    surroundings.update(env or {})
    return subprocess.run([tk_it.TOKMARK, 'tokenize', *args], input=text, capture_output=True, text=True, env=surroundings,
                          timeout=60, check=False)


def refused(status, part, *args, text=None, env=None):
    out = tokenize(*args, text=text, env=env)
    t.eq(out.returncode, status, f'refused with {status}: {part} ({out.stderr.strip()})')
    t.has(out.stderr, part, 'and says why')
    t.eq(out.stdout, '', 'nothing on standard output')


def printed(want, *args, **more):
    out = tokenize(*args, **more)
    t.ok(out.returncode == 0 and out.stdout == want, f'{" ".join(args[2:])}: prints', (out.stdout, out.stderr, want))


def texts():
    text, ids = next(pair for pair in VECTORS['bpe.model', 'sentencepiece']['texts'] if 'curl' in pair[0])
    out = tokenize('-t', SPM, '--json', text=text)
    got = json.loads(out.stdout)
    one = got['inputs'][0]
    t.eq(one['ids'], ids, 'ids as sentencepiece has them')
    t.eq((one['count'], one['bytes'], len(one['pieces'])), (len(ids), len(text.encode()), len(ids)), 'counts')
    t.eq((got['kind'], got['path'], one['input']), ('BPE', SPM, 'standard input'), 'what and where from')
    printed(' '.join(map(str, ids)) + '\n', '-t', SPM, '-s', 'ids', text=text)
    printed(f'{len(ids)}\n', '-t', SPM, '-s', 'count', text, env={'TOKMARK_TOKENIZER': '/nowhere'})
    printed(f'{len(ids)}\n', '-s', 'count', '-f', '-', text=text, env={'TOKMARK_TOKENIZER': SPM})
    out = tokenize('-t', SPM, 'in')
    t.eq(out.stdout.splitlines()[-1].split(', '), ['2 tokens', '2 bytes', '2 characters'] if out.stdout.count('\n') == 3 else
         ['1 token', '2 bytes', '2 characters'], 'a line per token, and the counts')
    with open('a.txt', 'w', encoding='utf-8') as f:
        f.write('one\r\ntwo\n\nfour')
    out = tokenize('-t', SPM, '--lines', '--json', '-f', 'a.txt')
    t.eq([(i['input'], i['bytes']) for i in json.loads(out.stdout)['inputs']],
         [('a.txt:1', 3), ('a.txt:2', 3), ('a.txt:3', 0), ('a.txt:4', 4)], 'lines')


def special_tokens():
    out = json.loads(tokenize('-t', TEKKEN, '--json', '<s>').stdout)['inputs'][0]
    t.ok(out['ids'][0] == 1 and out['count'] > 2, 'tekken: BOS, and <s> in a text is letters', out)
    out = json.loads(tokenize('-t', TEKKEN, '--json', '--no-special', '<s>').stdout)['inputs'][0]
    t.ok(1 not in out['ids'], '--no-special: no BOS', out)
    out = json.loads(tokenize('-t', SPM, '--json', '<s>a').stdout)['inputs'][0]
    t.eq(out['ids'][0], 1, 'a control piece in a text is that piece')
    out = json.loads(tokenize('-t', SPM, '--json', '--no-parse-special', '<s>a').stdout)['inputs'][0]
    t.ok(1 not in out['ids'], '--no-parse-special: letters', out)


def ids():
    printed('Hello  wörld\n', '-t', SPM, '-d', tokenize('-t', SPM, '-s', 'ids', 'Hello  wörld').stdout)
    printed('ab\n', '-t', TEKKEN, '--decode', '[127, 128]')
    printed('<s>ab\n', '-t', TEKKEN, '--decode', '1', '127', '128')
    printed('ab\n', '-t', TEKKEN, '--decode', '--no-special', '1', '127', '128')
    refused(2, 'neither digit nor blank', '-t', TEKKEN, '-d', '1 x')
    refused(1, 'is no id', '-t', TEKKEN, '-d', '99999999999')


def chats():
    for one in VECTORS['tekken_v13.json', 'tekken']['chats'][:40:2]:
        conversation = {'messages': one['messages'], 'tools': one['tools']}
        out = tokenize('-t', TEKKEN, '--chat', '-s', 'ids', *(['--continue'] if one['continues'] else []), text=json.dumps(conversation))
        want = ' '.join(map(str, one['ids'])) + '\n' if 'ids' in one else ''
        t.eq(out.stdout, want, f'mistral: {json.dumps(one["messages"])[:60]}')
    one = next(c for c in VECTORS['tekken_v3.json', 'deepseek_v32']['chats'] if c['tools'] and 'text' in c)
    with open('tools.json', 'w', encoding='utf-8') as f:
        json.dump(one['tools'], f)
    out = tokenize('-t', os.path.join(DATA, 'tekken_v3.json'), '--mode', 'deepseek_v32', '--chat', '--json', '--tools', 'tools.json',
                   '--kwargs', json.dumps(one['kwargs']), text=json.dumps(one['messages']))
    got = json.loads(out.stdout)
    t.eq((got['chat'], got['inputs'][0]['text']), ('deepseek_v32', one['text']), 'deepseek_v32')
    with open('t.jinja', 'w', encoding='utf-8') as f:
        f.write('{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<go{{ x }}>{% endif %}')
    messages = json.dumps([{'role': 'user', 'content': 'hi'}])
    printed('<user>hi<go7>\n', '-t', SPM, '--chat', '--chat-template', 't.jinja', '-s', 'text', '--kwargs', '{"x": 7}', text=messages)
    printed('<user>hi\n', '-t', SPM, '--chat', '--chat-template', 't.jinja', '-s', 'text', '--no-generation-prompt', text=messages)
    begun = json.dumps([{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'Well, '}])
    printed('<user>hi<assistant>Well, \n', '-t', SPM, '--chat', '--chat-template', 't.jinja', '-s', 'text', '--continue', text=begun)
    refused(1, 'does not continue', '-t', TEKKEN, '--mode', 'deepseek_v32', '--chat', '--continue', text=begun)
    refused(1, 'has no chat template', '-t', SPM, '--chat', text=messages)
    refused(2, 'no JSON', '-t', TEKKEN, '--chat', text='[{')
    refused(1, "has the role 'bot'", '-t', TEKKEN, '--chat', text='[{"role": "bot", "content": "x"}]')


def words():
    refused(2, 'which tokenizer', 'x')
    refused(2, 'goes with neither', '-t', SPM, '--chat', '--decode')
    refused(2, 'need --chat', '-t', SPM, '--tools', 'x.json', 'a')
    refused(2, 'no-such-file', '-t', SPM, '-f', 'no-such-file')
    refused(1, 'no-such-folder', '-t', './no-such-folder', 'x')
    refused(1, "'nofile' is no file or folder here; as a model of the hub: ", '-t', 'nofile', 'x', env={'HF_HUB_OFFLINE': '1'})
    refused(1, 'cannot be told from', '-t', TIKTOKEN, 'x')
    refused(1, 'is neither a folder here nor the name of a model', '-t', 'a/b/c', 'x')
    out = tokenize('--help')
    t.ok(out.returncode == 0 and '--chat' in out.stdout, '--help')


def hub():
    log = os.path.abspath('hub.log')
    server = subprocess.Popen([sys.executable, os.path.join(TESTS, 'unit/hub/hub_server.py'), log], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().split()[0]
    env = {'HF_ENDPOINT': f'http://127.0.0.1:{port}', 'HF_HOME': os.path.abspath('hf'), 'HF_TOKEN_PATH': '/none'}
    out = tokenize('-t', 't/gated', 'x', env=env)
    t.ok(out.returncode == 1 and 'is gated' in out.stderr, 'a gated model', out.stderr)
    out = tokenize('-t', 't/none', 'x', env=env)
    t.ok(out.returncode == 1 and "no model 't/none'" in out.stderr, 'a missing model', out.stderr)
    out = tokenize('-t', 't/ok@v9', 'x', env=env)
    t.ok(out.returncode == 1 and "no revision 'v9'" in out.stderr, 'a missing revision', out.stderr)
    out = tokenize('-t', 't/ok', 'x', env=env)
    t.ok(out.returncode == 1 and 'snapshots' in out.stderr and 'tokenizer.json' in out.stderr, 'what came is no tokenizer.json', out.stderr)
    server.stdin.close()
    server.wait()
    # What Python's cache holds is found.
    commit = 'a' * 40
    folder = f'hf/hub/models--org--name/snapshots/{commit}'
    os.makedirs(folder)
    os.makedirs('hf/hub/models--org--name/refs')
    with open('hf/hub/models--org--name/refs/main', 'w', encoding='ascii') as f:
        f.write(commit)
    os.symlink(TEKKEN, folder + '/tekken.json')
    env['HF_HUB_OFFLINE'] = '1'
    printed('2\n', '-t', 'org/name', '-s', 'count', 'h', env=env)
    printed('2\n', '-t', 'org/name', '-s', 'count', 'h', env={**env, 'HF_HOME': '/none', 'TRANSFORMERS_CACHE': os.path.abspath('hf/hub')})
    out = tokenize('-t', 'org/other', 'x', env=env)
    t.ok(out.returncode == 1 and 'HF_HUB_OFFLINE' in out.stderr or 'must not be asked' in out.stderr, 'offline and not there', out.stderr)


class Fake(BaseHTTPRequestHandler):
    """vLLM under /v/, llama.cpp under /l/: a token for each character of a text."""
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        _, kind, call = self.path.split('/', 2)
        answer = None
        if call == 'detokenize':
            answer = {'prompt' if kind == 'v' else 'content': ''.join(map(chr, body['tokens']))}
        elif kind == 'v' and call == 'tokenize':
            bos = [1] if body.get('add_special_tokens') else []
            text = body['prompt'] if 'prompt' in body else ''.join(m['content'] for m in body['messages'])
            if body.get('continue_final_message') and body.get('add_generation_prompt'):
                text = 'vLLM refuses both'
            ids = bos + [ord(c) for c in text]
            answer = {'count': len(ids), 'max_model_len': 100, 'tokens': ids, 'token_strs': None}
        elif kind == 'l' and call == 'tokenize':
            bos = [1] if body.get('add_special') else []
            answer = {'tokens': bos + [ord(c) for c in body.get('content', '')]}
        elif kind == 'l' and call == 'apply-template':
            answer = {'prompt': '<' + body['messages'][0]['content'] + '>'}
        elif kind == 'large':
            answer = {'count': 1, 'tokens': [1 << 24]}
        data = json.dumps(answer if answer else {'error': 'no'}).encode()
        self.send_response(200 if answer else 404)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def servers():
    server = ThreadingHTTPServer(('127.0.0.1', 0), Fake)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f'http://127.0.0.1:{server.server_address[1]}'
    messages = json.dumps([{'role': 'user', 'content': 'hi'}])
    printed('1 104 105\n', '--url', root + '/v', '-s', 'ids', 'hi')
    printed('104 105\n', '--url', root + '/v/v1', '-s', 'ids', '--no-special', 'hi')
    printed('1 104 105\n', '--url', root + '/l', '-s', 'ids', 'hi')
    printed('hi\n', '--url', root + '/v', '-d', '104', '105')
    printed('hi\n', '--url', root + '/l', '-d', '104,105')
    printed('104 105\n', '--url', root + '/v', '-s', 'ids', '--chat', text=messages)
    printed('1 60 104 105 62\n', '--url', root + '/l', '-s', 'ids', '--chat', text=messages)
    printed('104 105\n', '--url', root + '/v', '-s', 'ids', '--chat', '--continue', text=messages)
    out = json.loads(tokenize('--url', root + '/v', '--json', '--model', 'm', 'hi').stdout)
    t.eq((out['server'], out['inputs'][0]['count']), (root + '/v', 3), 'as JSON')
    refused(1, 'has the id 16777216; ids are from 0 to 16777215', '--url', root + '/large', 'hi')
    refused(1, 'neither vLLM nor llama.cpp', '--url', root + '/x', 'hi')
    refused(1, 'Connection refused', '--url', 'http://127.0.0.1:1', 'hi')
    refused(2, 'has its own template', '--url', root, '--chat', '--chat-template', 't.jinja', text=messages)
    server.shutdown()


with tk_it.Folder():
    texts()
    special_tokens()
    ids()
    chats()
    words()
    hub()
    servers()
t.done()
