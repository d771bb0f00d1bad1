"""tokmark run: how it gets to the server. Unix sockets, client certificates, connections of each request, source addresses."""
import contextlib
import http.server
import json
import os
import shutil
import socket
import socketserver
import sqlite3
import ssl
import subprocess
import threading

import tk_it
import tk_peer

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
    t.ok(out.returncode == 1 and "'stale.sock' could not be asked: Connection refused" in out.stderr, 'a socket without a server', out)
    for words, part in ((['--unix', 'x' * 108], 'longer than 107'), (['unix:'], 'needs a path'),
                        (['unix:a', '--unix', 'b'], 'two sockets')):
        out = tk_it.run('run', *words, '-n', 1, '--no-file')
        t.ok(out.returncode in (1, 2) and part in out.stderr, f'{words[0]}: {part}', out)
    with open('file.sock', 'w', encoding='utf-8'):
        pass
    out = tk_it.run('sim', '--unix', 'file.sock')
    t.ok(out.returncode == 1 and 'file of another kind' in out.stderr, 'sim: a file that is no socket stays', out)


def time_waits(port):
    """TIME_WAITs of IPv4 whose own end, and whose other end, has this port."""
    own = other = 0
    with open('/proc/net/tcp', encoding='utf-8') as f:
        for line in f.readlines()[1:]:
            _, local, remote, state = line.split()[:4]
            if state == '06':
                own += int(local.split(':')[1], 16) == port
                other += int(remote.split(':')[1], 16) == port
    return own, other


class KeepingServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # it is reset, as it should be


class KeepingHandler(Handler):
    """Does not close, whatever it is asked for."""

    def parse_request(self):
        done = super().parse_request()
        self.close_connection = False
        return done


def test_new_connection():
    for name, scheme, more in (('new connections', 'http', []), ('new connections, TLS', 'https', ['--insecure'])):
        with tk_it.Sim('--ttft', '2ms', '--itl', '1ms', *(['--tls'] if more else [])) as sim:
            url = f'{scheme}://127.0.0.1:{sim.port}'
            before = time_waits(int(sim.port)) # of another server that had this port a while ago
            r, out = load(name, url, '--model', 'sim', '--new-connection', '-c', 4, '-n', 80, '--warmup', 4, *more)
            waits = time_waits(int(sim.port))
            log = sim.log()
        t.eq((len(log), len({q['conn'] for q in log}), {q['n_on_conn'] for q in log}), (84, 84, {1}), f'{name}: one for each request')
        # (Where the server had closed already, the goodbye of TLS gets a reset: then no port waits at all.)
        t.ok(waits[1] <= before[1] and (more or waits[0] > 0), f'{name}: the server closed them first, but for the last ones', waits)
        t.eq((r['requests']['on_kept_connection'], r['client']['engine']['connections_opened']), (0, 84), f'{name}: said in the JSON')
        t.has(out.stdout, 'a new connection for each', f'{name}: said in the text')
        t.has(out.stdout, 'connections: 84 opened, 0 failed; 0 of 80 ', f'{name}: counted in the text')
        t.eq(r['metrics']['connect']['successes']['n'], 80, f'{name}: the time to connect, of each')
        t.eq(r['metrics']['tls']['successes']['n'], 80 if more else 0, f'{name}: the handshake of TLS, of each')
        for released, begin, connected, tls, sent in rows('released_at, connect_begin_at, connected_at, tls_done_at, sent_first_at'):
            if not released <= begin < connected < (tls or connected + 1) <= sent + (0 if tls else 1):
                t.ok(False, f'{name}: instants in order', (released, begin, connected, tls, sent))
                break
        else:
            t.ok(True, f'{name}: instants in order: released, connecting, connected, TLS, sent')
        with tk_it.Sim('--ttft', '2ms', '--itl', '1ms', *(['--tls'] if more else [])) as sim:
            r, out = load(f'{name}: kept', f'{scheme}://127.0.0.1:{sim.port}', '-c', 4, '-n', 80, *more)
            t.eq(len({q['conn'] for q in sim.log()}), 4, f'{name}: without the option four are kept')
    Handler.seen.clear()
    server = KeepingServer(('127.0.0.1', 0), KeepingHandler)
    port = server.server_address[1]
    before = time_waits(port)
    with serving(server):
        r, _ = load('new connections, a server that keeps them', f'http://127.0.0.1:{port}', '--model', 'm', '--no-stream',
                    '--new-connection', '-c', 20, '-n', 400)
        waits = time_waits(port)
        t.ok(waits[0] <= before[0] and waits[1] <= before[1], 'a server that keeps them: reset, no port waits', (before, waits))
    t.eq(r['requests']['succeeded'], 400, 'a server that keeps them: all succeeded')
    t.eq({head.get('Connection') for _, head, _ in Handler.seen}, {'close'}, 'new connections: the server is asked to close them')
    out = tk_it.run('run', 'http://127.0.0.1:1', '--model', 'm', '-n', 1, '--new-connection', '-H', 'connection: keep-alive', '--dry-run')
    t.ok('keep-alive' in out.stdout and 'close' not in out.stdout, 'new connections: a header of the user goes first', out)


def openssl(*words):
    subprocess.run(['openssl', *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_certificates():
    """An authority, a client's certificate of it, its key locked, and a certificate of nobody; a server's own."""
    def own(name, subject):
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', f'{name}.key', '-out',
                f'{name}.pem', '-subj', f'/CN={subject}', '-days', '2', '-addext', 'subjectAltName=DNS:localhost')
    own('ca', 'authority')
    own('nobody', 'nobody')
    own('server', 'localhost')
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'client.key', '-out',
            'client.csr', '-subj', '/CN=client')
    with open('client.ext', 'w', encoding='utf-8') as f:
        f.write('extendedKeyUsage=clientAuth\n')
    openssl('x509', '-req', '-in', 'client.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-out', 'client.pem',
            '-extfile', 'client.ext')
    openssl('pkey', '-in', 'client.key', '-aes-256-cbc', '-passout', 'pass:open sesame', '-out', 'locked.key')
    with open('both.pem', 'w', encoding='utf-8') as f:
        for name in ('client.key', 'client.pem'):
            with open(name, encoding='utf-8') as part:
                f.write(part.read())
    for name, text in (('word', 'open sesame\n'), ('wrong', 'sesame\n')):
        with open(name, 'w', encoding='utf-8') as f:
            f.write(text)


GOOD = (['--cert', 'client.pem', '--cert-key', 'client.key'], ['--cert', 'both.pem'],
        ['--cert', 'client.pem', '--cert-key', 'locked.key', '--cert-passphrase-file', 'word'])
REFUSED = (('without', [], 'certificate required'), ('of nobody', ['--cert', 'nobody.pem', '--cert-key', 'nobody.key'], 'unknown ca'))


def test_client_certificates():
    with tk_it.Sim('--ttft', '5ms', '--itl', '1ms', '--tls', '--tls-client-ca', 'ca.pem', '--cert-out', 'cert.pem') as sim:
        url = f'https://localhost:{sim.port}'
        for words in GOOD:
            r, _ = load(f'certificate, {words}', url, '--ca-file', 'cert.pem', *words, '-c', 3, '-n', 9)
            t.eq(r and r['requests']['succeeded'], 9, f'{words}: all succeeded')
            t.eq(r['plan']['cert_file'], words[1], f'{words}: the plan names it')
            with open('run.tokmark', 'rb') as f, open('out.json', 'rb') as g:
                t.ok(b'open sesame' not in f.read() + g.read(), f'{words}: no passphrase in what is left')
        for name, words, why in REFUSED:
            r, out = load(f'certificate {name}', url, '--ca-file', 'cert.pem', '--model', 'sim', *words, '-c', 3, '-n', 9, status=3)
            t.eq([(f['class'], f['n']) for f in r['failures']], [('tls', 9)], f'certificate {name}: class')
            t.has(out.stdout, f'alert of the peer: ', f'certificate {name}: an alert')
            t.has(out.stdout, why, f'certificate {name}: which one')
        out = tk_it.run('run', url, '--ca-file', 'cert.pem', '-n', 1, '--no-file')
        t.ok(out.returncode == 1 and '--cert FILE shows' in out.stderr, 'certificate: a hint', out)
        t.eq(len(sim.log()), 27, 'certificate: the server served the good ones')
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):  # a server that is not ours
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain('server.pem', 'server.key')
        context.load_verify_locations('ca.pem')
        context.verify_mode = ssl.CERT_REQUIRED
        context.minimum_version = context.maximum_version = version
        with tk_peer.Peer(tk_peer.plain(CHAT), tls=context) as peer:
            words = [f'https://localhost:{peer.port}', '--ca-file', 'server.pem', '--model', 'm', '--no-stream', '-n', 4]
            r, _ = load(f'{version.name}', *words, *GOOD[0])
            t.eq(r and r['requests']['succeeded'], 4, f'{version.name}: all succeeded')
            for name, more, _ in REFUSED:
                r, _ = load(f'{version.name}, {name}', *words, *more, status=3)
                t.eq([(f['class'], f['n']) for f in r['failures']], [('tls', 4)], f'{version.name}, {name}: class')
                t.has(r['failures'][0]['first_detail'], 'alert', f'{version.name}, {name}: its alert')
    for words, part in ((['--cert', 'none.pem'], "'none.pem'"), (['--cert', 'client.pem'], "no private key in PEM form in 'client.pem'"),
                        (['--cert', 'word'], "'word'"),
                        (['--cert', 'client.pem', '--cert-key', 'nobody.key'], "'nobody.key' is not that of the certificate in 'client.pem'"),
                        (['--cert', 'client.pem', '--cert-key', 'locked.key'], "'locked.key' is encrypted"),
                        (['--cert', 'client.pem', '--cert-key', 'locked.key', '--cert-passphrase-file', 'wrong'], 'does not open it'),
                        (['--cert', 'client.pem', '--cert-key', 'locked.key', '--cert-passphrase-file', 'none'], "'none'"),
                        (['--cert-key', 'client.key'], "goes with '--cert'")):
        out = tk_it.run('run', 'https://localhost:1', '-n', 1, '--no-file', *words)
        t.ok(out.returncode == 2 and part in out.stderr, f'{words}: {part}', out)
    out = tk_it.run('run', 'http://localhost:1', '-n', 1, '--no-file', *GOOD[0])
    t.ok(out.returncode == 2 and 'https' in out.stderr, 'a certificate without TLS', out)
    out = tk_it.run('sim', '--tls-client-ca', 'ca.pem')
    t.ok(out.returncode == 2 and 'needs --tls' in out.stderr, 'sim: --tls-client-ca without TLS', out)


with tk_it.Folder():
    test_unix()
    test_new_connection()
    if shutil.which('openssl'):
        make_certificates()
        test_client_certificates()
    else:
        t.skip('no openssl here to make certificates of clients')
t.done()
