"""tokmark run: how it gets to the server. Unix sockets, client certificates, connections of each request, source addresses."""
import contextlib
import http.server
import json
import os
import socket
import socketserver
import sqlite3
import threading

import tk_it

t = tk_it.Tap()

CHAT = json.dumps({'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': 'a b'}, 'finish_reason': 'stop'}],
                   'usage': {'prompt_tokens': 1, 'completion_tokens': 2, 'total_tokens': 3}}).encode()


def measured(path='out.json'):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def rows(columns, path='run.tokmark'):
    db = sqlite3.connect(path)
    found = db.execute(f'SELECT {columns} FROM requests WHERE phase = 2 ORDER BY idx').fetchall()
    db.close()
    return found


def load(name, *args, status=0):
    out = tk_it.run('run', *args, '--json', 'out.json', '-o', 'run.tokmark', '--overwrite', '--output-tokens', 5)
    t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})')
    return (measured() if out.returncode in (0, 3) else None), out


class Handler(http.server.BaseHTTPRequestHandler):
    """A server that has no line in common with ours."""
    protocol_version = 'HTTP/1.1'
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.seen.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(CHAT)))
        self.end_headers()
        self.wfile.write(CHAT)

    def address_string(self):
        return 'unix'

    def log_message(self, *args):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 1


@contextlib.contextmanager
def serving(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def test_unix():
    with tk_it.Sim('--ttft', '5ms', '--itl', '1ms', '--unix', 'sim.sock') as sim:
        t.eq(sim.url, 'unix:sim.sock', 'Unix socket: the simulator says where')
        for words in (['--unix', 'sim.sock'], ['unix:sim.sock'], ['--unix', 'sim.sock', 'http://example.test:81/v1']):
            r, out = load(f'Unix socket, {words}', *words, '-c', 8, '-n', 40)
            t.eq(r['requests']['succeeded'], 40, f'{words}: all succeeded')
            t.eq(r['plan']['unix'], 'sim.sock', f'{words}: the result says so')
            t.has(out.stdout, "over the Unix socket 'sim.sock'", f'{words}: and the text')
            t.has(out.stdout, 'a Unix socket has no stamps', f'{words}: and whose stamps')
            t.eq(r['client']['reads_stamped_by_kernel'], 0, f'{words}: no stamp of the kernel')
            t.ok(r['client']['reads'] > 40, f'{words}: reads')
            t.ok(4.9 < r['metrics']['ttft']['successes']['percentiles']['50']['value'] < 100, f'{words}: the median is sane')
        log = sim.log()
        t.eq(len(log), 120, 'Unix socket: the server counts as many')
        t.eq({q['path'] for q in log}, {'/v1/chat/completions'}, 'Unix socket: path')
        t.eq({q['arrival'] for q in log}, {'user'}, 'Unix socket: the simulator has no stamps either')
    t.ok(not os.path.exists('sim.sock'), 'Unix socket: removed at the end')
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms', '--unix', 'tls.sock', '--tls', '--cert-out', 'cert.pem'):
        r, _ = load('Unix socket, TLS', '--unix', 'tls.sock', 'https://localhost', '--ca-file', 'cert.pem', '-n', 5)
        t.eq(r['requests']['succeeded'], 5, 'Unix socket, TLS: all succeeded')
    name = f'@tk-it-{os.getpid()}'
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms', '--unix', name):
        load('abstract socket', '--unix', name, '-n', 5)
    out = tk_it.run('run', '--sim', '--sim-args', '--ttft 1ms --itl 1ms --unix child.sock', '-n', 3, '--no-file')
    t.ok(out.returncode == 0 and "'child.sock'" in out.stdout, '--sim on a Unix socket', out)
    # As curl does it, to a server that is not ours; its queue holds one connection, 30 come at once.
    Handler.seen.clear()
    with serving(UnixServer('py.sock', Handler)):
        r, _ = load('Unix socket of Python', 'http://example.test:81/some/v1', '--unix', 'py.sock', '--model', 'm', '-c', 30, '-n', 60,
                    '--no-stream')
    t.eq(r['requests']['succeeded'], 60, 'Unix socket of Python: all succeeded')
    t.eq({(path, head['Host']) for path, head, _ in Handler.seen}, {('/some/v1/chat/completions', 'example.test:81')},
         'Unix socket of Python: path and Host')
    r, out = load('no Unix socket', '--unix', 'none.sock', '--model', 'm', '-n', 2, status=3)
    t.has(out.stdout, "2 connect: ", 'no Unix socket: class')
    t.has(out.stdout, "No such file", 'no Unix socket: why')
    with socket.socket(socket.AF_UNIX) as s:
        s.bind('stale.sock')
    out = tk_it.run('run', '--unix', 'stale.sock', '-n', 1, '--no-file')
    t.ok(out.returncode == 1 and 'Connection refused' in out.stderr, 'a socket without a server', out)
    for words, part in ((['--unix', 'x' * 108], 'longer than 107'), (['unix:'], 'needs a path'),
                        (['unix:a', '--unix', 'b'], 'two sockets')):
        out = tk_it.run('run', *words, '-n', 1, '--no-file')
        t.ok(out.returncode in (1, 2) and part in out.stderr, f'{words[0]}: {part}', out)
    with open('file.sock', 'w', encoding='utf-8'):
        pass
    out = tk_it.run('sim', '--unix', 'file.sock')
    t.ok(out.returncode == 1 and 'file of another kind' in out.stderr, 'sim: a file that is no socket stays', out)


with tk_it.Folder():
    test_unix()
t.done()
