"""tokmark run against replies written by hand: framing, SSE, what events carry, bounds, resends, secrets."""
import gzip
import json
import os
import socket
import sqlite3
import subprocess
import zlib

import tk_it
import tk_peer
from tk_peer import Peer, chunked, plain, sse

t = tk_it.Tap()


def chunk(delta=None, finish=None, index=0, **more):
    choices = [] if delta is None else [{'index': index, 'delta': delta, 'finish_reason': finish}]
    return json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'model': 'm', 'choices': choices, **more}).encode()


def says(text, **more):
    return chunk({'content': text}, **more)


def event(data):
    return b'data: ' + data + b'\n\n'


USAGE = {'prompt_tokens': 7, 'completion_tokens': 3, 'total_tokens': 10}
DONE = b'data: [DONE]\n\n'
STOP = chunk({}, 'stop')
REPLY = json.dumps({'id': 'x', 'object': 'chat.completion', 'choices': [
    {'index': 0, 'message': {'role': 'assistant', 'content': 'a b c'}, 'finish_reason': 'stop'}], 'usage': USAGE}).encode()


def deflate(data, bare=False, pieces=1):
    """As RFC 9110 has it, in zlib's format, or bare as some servers send it; flushed behind each piece."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15 if bare else 15)
    step = -(-len(data) // pieces)
    packed = [packer.compress(data[i:i + step]) + packer.flush(zlib.Z_SYNC_FLUSH) for i in range(0, len(data), step)]
    return [*packed, packer.flush(zlib.Z_FINISH)]


class Row(dict):
    __getattr__ = dict.__getitem__


def rows(path='run.tokmark'):
    """The requests of a run file, with the word of how each ended."""
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    found = db.execute("SELECT r.*, w.word AS end FROM requests r JOIN word w ON w.kind = 'end' AND w.number = r.ended "
                       "WHERE phase = 2 ORDER BY idx").fetchall()
    db.close()
    return [Row(zip(row.keys(), row)) for row in found]


def ask(reply, *args, n=1, env=None, timeout=60, **options):
    """A run of `n` requests, one at a time: its rows, what was printed, the peer."""
    with Peer(reply, **options) as peer:
        out = tk_it.run('run', peer.url, '--model', 'm', '-n', n, '-o', 'run.tokmark', '--overwrite', '--keep-text', *args,
                        env=env, timeout=timeout)
    if out.returncode not in (0, 3):
        t.ok(False, 'the run was done', out.stderr)
        return [], out, peer
    return rows(), out, peer


def stream(name, *parts, end='ok', args=(), **want):
    """A stream of these bytes: how it ended, and what the record says."""
    found, out, _ = ask(sse(*parts), *args)
    if not found:
        return None
    r = found[0]
    if t.eq(r.end, end, f'{name}: how it ended ({r.detail})'):
        for key, value in want.items():
            t.eq(r[key], value, f'{name}: {key}')
    return r


def test_framing():
    for name, reply in (('content-length', plain(REPLY)), ('chunked', chunked(REPLY[:5], REPLY[5:])),
                        ('gzip', plain(gzip.compress(REPLY), b'Content-Encoding: gzip\r\n')),
                        ('gzip, chunked', chunked(gzip.compress(REPLY)[:9], gzip.compress(REPLY)[9:], head=b'Content-Encoding: gzip\r\n')),
                        ('deflate', plain(b''.join(deflate(REPLY)), b'Content-Encoding: deflate\r\n')),
                        ('deflate, bare, chunked', chunked(*deflate(REPLY, True, 3), head=b'Content-Encoding: deflate\r\n')),
                        ('an interim reply', [b'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', *plain(REPLY)]),
                        ('until the end', [b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n', REPLY])):
        found, _, peer = ask(reply, '--no-stream', n=3)
        t.eq([(r.end, r.text, r.output_tokens) for r in found], [('ok', 'a b c', 3)] * 3, f'{name}: three replies')
        t.eq(len({c for c, _, _ in peer.requests}), 3 if name == 'until the end' else 1, f'{name}: connections')
    whole = b''.join(event(says(w)) for w in 'abc') + event(STOP) + DONE
    zipped = gzip.compress(whole)
    found, _, _ = ask(chunked(*(zipped[i:i + 1] for i in range(len(zipped))), kind=b'text/event-stream',
                              head=b'Content-Encoding: gzip\r\n'))
    t.eq([(r.end, r.text) for r in found], [('ok', 'abc')], 'a stream of gzip, byte by byte')
    for bare in (False, True):
        zipped = b''.join(deflate(whole, bare))
        found, _, _ = ask(chunked(*(zipped[i:i + 1] for i in range(len(zipped))), kind=b'text/event-stream',
                                  head=b'Content-Encoding: deflate\r\n'))
        t.eq([(r.end, r.text) for r in found], [('ok', 'abc')], f'a stream of deflate, byte by byte, bare: {bare}')
        # What the server flushed is handed on at once: the events keep the gaps that the server made.
        parts = [x for part in deflate(whole, bare, 5) for x in (part, 0.05)]
        found, _, _ = ask(sse(*parts, head=b'Content-Encoding: deflate\r\n'))
        t.eq([(r.end, r.text, r.n_token_events) for r in found], [('ok', 'abc', 3)], f'flushed deflate, bare: {bare}')
        t.ok(found[0].last_token_at - found[0].first_token_at > 45e6, f'flushed deflate, bare: {bare}: not held back', found)
        found, _, _ = ask(plain(b''.join(deflate(REPLY, bare))[:-4], b'Content-Encoding: deflate\r\n'), '--no-stream')
        t.eq([r.end for r in found], ['protocol'], f'deflate that is cut, bare: {bare}')
    bomb = b''.join(deflate(b' ' * (65 << 20)))
    found, _, _ = ask(plain(bomb, b'Content-Encoding: deflate\r\n'), '--no-stream')
    t.eq([r.end for r in found], ['limit'], f'{len(bomb)} bytes of deflate that are 65 MiB')
    for coding in ('gzip', 'deflate'):
        found, _, _ = ask(plain(b'{"choices":[', f'Content-Encoding: {coding}\r\n'.encode()), '--no-stream')
        t.eq([r.end for r in found], ['protocol'], f'{coding} that is none')


def test_addresses():
    try:
        found, _, peer = ask(plain(REPLY), '--no-stream', family=socket.AF_INET6)
    except OSError as e:
        t.skip(f'no IPv6 here: {e}')
        return
    t.eq([r.end for r in found], ['ok'], 'IPv6')
    t.has(peer.requests[0][1].decode(), f'Host: [::1]:{peer.port}\r\n', 'IPv6: the Host header has brackets')


def test_headers():
    secret = 'sk-of-the-environment'
    _, _, peer = ask(plain(REPLY), '--no-stream', '-H', 'X-Own: one', '-H', 'user-agent: me', env={'OPENAI_API_KEY': secret})
    head = peer.requests[0][1].decode()
    t.has(head, 'X-Own: one\r\n', 'a header of the user')
    t.ok('user-agent: me\r\n' in head and 'User-Agent: tokmark' not in head, 'it replaces one of ours', head)
    t.has(head, f'Authorization: Bearer {secret}\r\n', 'the key of the environment')
    with open('key', 'w', encoding='utf-8') as f:
        f.write('  sk-of-the-file \n')
    _, _, peer = ask(plain(REPLY), '--no-stream', '--key-file', 'key', env={'OPENAI_API_KEY': secret})
    t.has(peer.requests[0][1].decode(), 'Authorization: Bearer sk-of-the-file\r\n', 'the key of a file goes first')


def test_lines():
    a, b = says('a'), says('b')
    end = event(STOP) + DONE
    whole = event(a) + event(b) + end
    stream('LF', whole, text='ab', n_token_events=2, n_events=4)
    stream('CRLF', whole.replace(b'\n', b'\r\n'), text='ab', n_events=4)
    stream('CR', whole.replace(b'\n', b'\r'), text='ab', n_events=4)
    stream('BOM', b'\xef\xbb\xbf' + whole, text='ab', n_events=4)
    stream('comments', b': ping\n\n: ' + b'x' * 5000 + b'\n' + event(a) + b':\n\n' + event(b) + end, text='ab', n_events=4)
    stream('other fields', b'event: message\nid: 7\nretry: 10\n' + event(a) + b'id\nfoo: bar\n' + event(b) + end, text='ab', n_events=4)
    stream('no blank behind the colon', whole.replace(b'data: ', b'data:'), text='ab', n_events=4)
    half = a.index(b',') + 1
    stream('several data lines', b'data: ' + a[:half] + b'\ndata: ' + a[half:] + b'\n\n' + event(b) + end, text='ab', n_events=4)
    stream('empty events', b'\n\ndata\n\ndata:\n\n' + whole, text='ab')
    stream('no blank line at the end', whole[:-1], text='ab', n_events=4)
    stream('no line end at the end', whole[:-2], text='ab', n_events=4)
    small = whole.replace(b'\n', b'\r\n')
    stream('byte by byte', *(x for i in range(len(small)) for x in (small[i:i + 1], 0.0005)), text='ab', n_events=4)


def test_ends():
    a = says('a')
    stream('no [DONE], a finish reason', event(a) + event(STOP), text='a')
    stream('no [DONE], usage', event(a) + event(chunk(usage=USAGE)), output_tokens=3)
    stream('no [DONE], nothing', event(a), end='truncated')
    stream('[DONE] alone', event(a) + DONE, text='a', count_source=2)
    stream('no event at all', b': nothing\n\n', end='empty')
    stream('[DONE] and nothing else', DONE, end='empty')
    stream('events without a choice', event(b'{"id":"x"}') + event(b'{"choices":[]}') + DONE, end='empty')
    found, _, _ = ask(plain(b'{}'), '--no-stream')
    t.eq([r.end for r in found], ['empty'], 'a whole reply without a choice')
    stream('an error in a 200', event(a) + event(b'{"error":{"message":"out of memory","code":500}}') + DONE, end='api-error',
           detail='out of memory')
    stream('an error with choices behind it', event(b'{"error":"busy"}') + event(a) + event(STOP) + DONE, end='api-error')
    stream('an error of vLLM', event(a) + event(b'{"object":"error","message":"bad","code":400}') + DONE, end='api-error')
    stream('an error by its event line', b'event: error\ndata: {"message":"ouch"}\n\n', end='api-error')
    stream('an error that is null', event(says('a', error=None)) + event(STOP) + DONE, text='a')
    stream('no JSON', event(b'{"choices": [}'), end='protocol')
    stream('a cut event', event(a) + b'data: {"choices":[{"ind', end='truncated')
    found, out, _ = ask(plain(b'{"error":{"message":"no such model"}}', status=b'404 Not Found'))
    t.eq([(r.end, r.status, r.detail) for r in found], [('http-status', 404, 'no such model')], 'a status')
    t.eq(out.returncode, 3, 'a status: exit status')
    found, _, _ = ask(plain(b'<h1>Bad gateway</h1>', status=b'502 Bad Gateway', kind=b'text/html'))
    t.eq([(r.end, r.detail) for r in found], [('http-status', '<h1>Bad gateway</h1>')], 'a status with text')
    found, _, peer = ask(plain(b'', b'Location: /elsewhere\r\n', status=b'307 Temporary Redirect'))
    t.eq([(r.end, r.status) for r in found], [('http-status', 307)], 'a redirect is not followed')
    t.eq(len(peer.requests), 1, 'a redirect: one request')


def test_channels():
    role = event(chunk({'role': 'assistant', 'content': ''}))
    end = event(STOP) + event(chunk(usage=USAGE)) + DONE
    stream('a role chunk', role + event(says('a')) + end, n_token_events=1, n_events=5, text='a', prompt_tokens=7, output_tokens=3,
           count_source=1, finish=1)
    for word in ('reasoning_content', 'reasoning'):
        r = stream(word, role + event(chunk({word: 'hm'})), 0.03, event(says('a')) + end, n_token_events=2, reasoning='hm', text='a')
        t.ok(r and r.first_answer_at - r.first_token_at > 20e6, f'{word}: the first answer token comes later')
    both = chunk({'reasoning_content': 'hm', 'reasoning': 'hm'})
    stream('both words for reasoning', event(both) + end, reasoning='hm', n_token_events=1)
    call = [{'index': 0, 'id': 'c', 'type': 'function', 'function': {'name': 'f', 'arguments': ''}}]
    more = [{'index': 0, 'function': {'arguments': '{"x":1}'}}]
    stream('tool calls', role + event(chunk({'tool_calls': call})) + event(chunk({'tool_calls': more})) + event(chunk({}, 'tool_calls')) + DONE,
           n_token_events=2, finish=3, first_answer_at=None)
    stream('a refusal', role + event(chunk({'refusal': 'no'})) + end, n_token_events=1, first_answer_at=None)
    stream('several choices', b''.join(event(says(w, index=i)) for w in 'ab' for i in (0, 1)) + end, n_token_events=4, text='ab')
    stream('usage with choices', event(says('a')) + event(chunk({}, 'stop', usage=USAGE)) + DONE, output_tokens=3, prompt_tokens=7)
    def so_far(n):
        return {'prompt_tokens': 7, 'completion_tokens': n, 'total_tokens': 7 + n}
    stream('continuous usage', event(says('a', usage=so_far(2))) + event(says('b', usage=so_far(5))) + event(chunk({}, 'stop', usage=so_far(5))) + DONE,
           output_tokens=5, count_source=1)
    gaps = json.loads(tk_it.run('report', 'run.tokmark', '--format', 'json').stdout)
    t.eq(gaps['tokens']['tokens_per_chunk']['by_server'], 1, 'continuous usage: the tokens of a chunk are known')
    huge = {'prompt_tokens': 2**62, 'completion_tokens': 2**63 - 1, 'total_tokens': 1}
    found, out, _ = ask(sse(event(says('a', usage=huge)) + event(STOP) + event(chunk(usage=huge)) + DONE), n=3)
    t.eq([(r.end, r.output_tokens, r.prompt_tokens, r.count_source) for r in found], [('ok', 1, None, 2)] * 3, 'counts that cannot be')
    t.has(out.stdout, 'not known of the prompt, 3 output', 'counts that cannot be are not added up')
    found, out, _ = ask(plain(json.dumps({k: v for k, v in json.loads(REPLY).items() if k != 'usage'}).encode()), '--no-stream')
    t.eq([(r.end, r.text, r.output_tokens, r.count_source) for r in found], [('ok', 'a b c', None, 0)],
         'a whole reply is not one token')
    t.has(out.stdout, 'unknown in 1', 'a whole reply without usage: its tokens are not known')
    stream('null usage', event(says('a', usage=None)) + end, output_tokens=3)
    details = dict(USAGE, prompt_tokens_details={'cached_tokens': 4}, completion_tokens_details={'reasoning_tokens': 2})
    stream('details of usage', event(says('a')) + event(chunk(usage=details)) + DONE, cached_tokens=4, reasoning_tokens=2)
    text = [event(json.dumps({'choices': [{'index': 0, 'text': w, 'finish_reason': None}]}).encode()) for w in ('a', 'b')]
    last = event(json.dumps({'choices': [{'index': 0, 'text': '', 'finish_reason': 'length'}], 'usage': USAGE}).encode())
    stream('completions', *text, last + DONE, args=('--api', 'completions'), text='ab', output_tokens=3, finish=2)
    found, _, _ = ask(plain(REPLY))
    t.eq([(r.end, r.text, r.flags & 4) for r in found], [('ok', 'a b c', 0)], 'no stream though one was asked for')


def flood(start, part, n=100000):
    return [start, *([part] * n)]


def test_bounds():
    """A peer without end: the request fails, the program stays small."""
    many = b'x' * 65536
    for name, reply, args in (
            ('header', flood(b'HTTP/1.1 200 OK\r\nX: ', many), ()),
            ('headers', flood(b'HTTP/1.1 200 OK\r\n', b'X: y\r\n' * 1000), ()),
            ('status line', flood(b'HTTP/1.1 200 ', many), ()),
            ('interim replies', flood(b'HTTP/1.1 100 Continue\r\n\r\n', b'HTTP/1.1 100 Continue\r\n\r\n' * 1000), ()),
            ('line', flood(sse()[0], many), ()),
            ('event', flood(sse()[0] + b'data: ', many + b'\ndata: '), ()),
            ('body', flood(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n', many), ('--no-stream',)),
            ('chunk size', flood(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', b'1' * 65536), ()),
            ('chunk extension', flood(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;', many), ())):
        found, _, _ = ask(reply, '--timeout-total', '20s', *args)
        t.ok(found and found[0].end in ('limit', 'protocol'), f'an endless {name}', found and (found[0].end, found[0].detail))
    found, _, _ = ask(flood(b'HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\n', many), '--timeout-total', '20s')
    t.ok(found and found[0].end == 'http-status', 'an endless error body', found and (found[0].end, found[0].detail))
    bomb = gzip.compress(bytes(200 << 20))
    found, _, _ = ask(plain(bomb, b'Content-Encoding: gzip\r\n'), '--no-stream')
    t.ok(found and found[0].end in ('limit', 'protocol'), 'a body that grows when unpacked', found and (found[0].end, found[0].detail))


def test_resends():
    """A kept connection that dies before a byte of the reply: once more; on a fresh one: a failure."""
    def second_dies(head, body, connection, turn):
        return plain(REPLY) if turn == 0 else []
    found, out, peer = ask(second_dies, '--no-stream', n=5)
    t.eq([r.end for r in found], ['ok'] * 5, 'a connection that dies is replaced')
    t.eq(len(peer.requests), 5 + sum(r.resends for r in found), "the server's count is requests + resends")
    t.eq(sum(r.resends for r in found), 4, 'resends are counted')
    t.has(out.stdout, '4 sent again', 'resends are printed')
    found, _, peer = ask([], '--no-stream', n=2)
    t.eq([(r.end, r.resends) for r in found], [('reset', 0)] * 2, 'a fresh connection that dies is a failure')
    found, _, _ = ask([None], '--no-stream')
    t.eq([r.end for r in found], ['reset'], 'a reset')
    def half(head, body, connection, turn):
        return plain(REPLY) if turn == 0 else [plain(REPLY)[0][:-5] + b'', None]
    found, _, _ = ask(half, '--no-stream', n=2)
    t.eq([(r.end in ('reset', 'truncated'), r.resends) for r in found[1:]], [(True, 0)], 'not after a byte of the reply')
    found, _, _ = ask([plain(REPLY)[0][:-5].replace(b'\r\n\r\n', b'\r\nConnection: close\r\n\r\n')], '--no-stream')
    t.eq([r.end for r in found], ['truncated'], 'a body that is cut')


def test_secrets():
    """A server that repeats the key in its errors: it is nowhere in what a run leaves behind."""
    secret = 'sk-planted-0123456789abcdef'

    def echo(head, body, connection, turn):
        said = b'bad key: ' + b' '.join(line for line in head.split(b'\r\n') if secret.encode() in line)
        error = json.dumps({'error': {'message': said.decode()}}).encode()
        if b'"stream":true' not in body:
            return plain(error, status=b'401 Unauthorized')
        return (plain(error, status=b'401 Unauthorized'), plain(b'x' * 165 + said, status=b'500 Oh', kind=b'text/plain'),
                plain(b'x' * 140 + said, status=b'500 Oh', kind=b'text/plain'), chunked(event(error), kind=b'text/event-stream'))[turn % 4]

    with open('key', 'w', encoding='utf-8') as f:
        f.write(secret + '\n')
    with open('one.jsonl', 'w', encoding='utf-8') as f:
        f.write('{"prompt":"hi"}\n')
    vllm = ['--backend', 'openai-chat', '--endpoint', '/v1/chat/completions', '--model', 'm', '--dataset-name', 'custom',
            '--dataset-path', 'one.jsonl', '--num-prompts', 8, '--save-result', '--save-detailed', '--result-dir', 'left', '--base-url']
    run = ['run', '-n', 8, '-o', 'left/run.tokmark', '--overwrite', '--json', 'left/out.json', '--keep-text', '--progress']
    os.mkdir('left')
    for name, args, env in (
            ('environment', run + ['--model', 'm'], {'OPENAI_API_KEY': secret}), ('file', run + ['--key-file', 'key', '--model', 'm'], {}),
            ('header', run + ['-H', f'Authorization: Bearer {secret}', '--model', 'm'], {}),
            ('another header', run + [f'--header=X-Api-Key:{secret}', '--model', 'm'], {}),
            ('a password', run + ['-H', f'X-Password: {secret}', '--model', 'm'], {}),
            ('query', run + ['--model', 'm'], {}), ('query, models', run, {}),
            ('models', run + ['-H', f'Authorization: Bearer {secret}'], {}),
            ('vllm, environment', ['vllm', '--ready-check-timeout-sec', 0, *vllm], {'OPENAI_API_KEY': secret}),
            ('vllm, header', ['vllm', '--ready-check-timeout-sec', 0, '--header', f'Api-Key={secret}', *vllm], {}),
            ('vllm, ready check', ['vllm', '--ready-check-timeout-sec', 1, *vllm], {'OPENAI_API_KEY': secret})):
        seen = []

        def reply(head, body, connection, turn):
            if not seen:
                with open(f'/proc/{process.pid}/cmdline', 'rb') as f:
                    seen.append(f.read())
            return echo(head, body, connection, turn)
        with Peer(reply) as peer:
            query = f'/v1?v=1&api_key={secret}' if name.startswith('query') else ''
            words = [tk_it.TOKMARK, *map(str, args)] + [peer.url + query]
            surroundings = {k: v for k, v in os.environ.items() if k != 'OPENAI_API_KEY'}
            process = subprocess.Popen(words, env={**surroundings, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = process.communicate(timeout=60)
        t.ok(process.returncode in (0, 1, 3), f'secret, {name}: exit status', (process.returncode, err))
        t.ok(any(secret.encode() in head for _, head, _ in peer.requests), f'secret, {name}: it was sent')
        left = {'output': out, 'messages': err, 'cmdline': seen[0]}
        for folder, _, files in os.walk('left'):
            for file in files:
                with open(os.path.join(folder, file), 'rb') as f:
                    left[file] = f.read()
        t.eq([key for key, text in left.items() if secret[:8].encode() in text], [], f'secret, {name}: it is nowhere')
    out = tk_it.run('run', f'http://127.0.0.1:9/v1?api_key={secret}', '--model', 'm', '-n', 1, '--dry-run')
    t.has(out.stdout, '"path":"/v1/chat/completions?api_key=***"', 'secret, dry run: the query')


def test_timeouts():
    found, _, _ = ask([1.0], '--timeout-first', '50ms')
    t.eq([r.end for r in found], ['timeout-first'], 'no first token in time')
    found, _, _ = ask(sse(event(says('a')), 1.0), '--timeout-idle', '50ms')
    t.eq([r.end for r in found], ['timeout-idle'], 'idle')
    found, _, _ = ask(sse(*(x for _ in range(30) for x in (event(says('a')), 0.02))), '--timeout-total', '200ms')
    t.ok([r.end for r in found] == ['timeout-total'] and found[0].n_events > 3, 'in all', found)
    found, _, _ = ask(sse(event(chunk({'role': 'assistant'})), 1.0), '--timeout-first', '50ms')
    t.eq([r.end for r in found], ['timeout-first'], 'a role is no token')
    with socket.socket() as full:  # accepts nothing: with its queue full, no handshake ends
        full.bind(('127.0.0.1', 0))
        full.listen(0)
        extra = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(full.getsockname())
            extra.append(s)
        out = tk_it.run('run', f'http://127.0.0.1:{full.getsockname()[1]}', '--model', 'm', '-n', 1, '-o', 'run.tokmark', '--overwrite',
                        '--timeout-connect', '100ms')
        for s in extra:
            s.close()
    t.ok(out.returncode == 3 and rows()[0].end == 'timeout-connect', 'no connection in time', out)


with tk_it.Folder():
    for test in (test_framing, test_addresses, test_headers, test_lines, test_ends, test_channels, test_bounds, test_resends,
                 test_secrets, test_timeouts):
        test()
t.done()
