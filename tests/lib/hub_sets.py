"""A hub of data sets for the tests: lists, files by ranges (large ones from a second server, as the hub's CDN), the viewer's pages.

    hub = hub_sets.Hub()
    hub.sets['org/name'] = {'refs/convert/parquet': {'default/train/0000.parquet': b'…'}, 'main': {}}
    (None for its bytes: it is listed, and refused)
    … HF_ENDPOINT=hub.url … hub.log … hub.sent

Whose organization is the name of a fault has it: gated, missing, busy, patient, down, cut (once a file), dead (always), norange, liar; of the
viewer locked (but to a token), forbidden, hidden, moved (to the second server). It is a proxy too, and with a certificate and its key behind TLS.
"""
import hashlib
import json
import re
import ssl
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = 'c0ffee' + '0' * 34
LARGE = 2000  # bytes from which a file lies on the CDN


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    hub = None
    is_cdn = False

    def log_message(self, *args):
        pass

    def reply(self, status, headers=(), body=b'', length=None):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header('Content-Length', str(len(body) if length is None else length))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)
            self.hub.sent += len(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub = self.hub
        with hub.lock:
            hub.log.append(f'{"cdn" if self.is_cdn else "hub"} {self.command} {self.path} token={self.headers.get("Authorization", "-")} '
                           f'range={self.headers.get("Range", "-")} host={self.headers.get("Host")}')
        self.path = re.sub('^http://[^/]+', '', self.path)  # as a proxy is asked
        path, _, query = self.path.partition('?')
        path = urllib.parse.unquote(path)
        if path in ('/splits', '/rows'):
            return self.view(path, dict(urllib.parse.parse_qsl(query)))
        found = re.fullmatch('/api/datasets/([^/]+/[^/]+)/revision/(.+)', path)
        if found:
            return self.list(*found.groups())
        found = re.fullmatch('(?:/datasets)?/([^/]+/[^/]+)/resolve/(refs/convert/parquet|[^/]+)/(.+)', path)
        return self.file(*found.groups()) if found else self.reply(404)

    def refused(self, name):
        fault = name.split('/')[0]
        if fault == 'gated':
            self.reply(401, [('X-Error-Code', 'GatedRepo')])
        elif fault == 'missing' or name not in self.hub.sets:
            self.reply(401, [('X-Error-Code', 'RepoNotFound')])
        elif fault == 'busy' and self.hub.first('busy ' + self.path):
            self.reply(429, [('Retry-After', '0')])
        elif fault == 'patient':
            self.reply(429, [('Retry-After', '3600')])
        elif fault == 'down':
            self.reply(500)
        else:
            return False
        return True

    def list(self, name, revision):
        if self.refused(name):
            return
        files = self.hub.sets[name].get(revision)
        if files is None:
            self.reply(404, [('X-Error-Code', 'RevisionNotFound')])
            return
        body = json.dumps({'sha': COMMIT, 'siblings': [{'rfilename': n} for n in [*files, '../../evil']]}).encode()
        self.reply(200, [], b'{"sha": 12}' if name.startswith('liar/') else body)

    def file(self, name, revision, path):
        if self.refused(name):
            return
        files = next((files for key, files in self.hub.sets[name].items() if revision in (key, COMMIT) and path in files), None)
        if files is None:
            self.reply(404, [('X-Error-Code', 'EntryNotFound'), ('X-Repo-Commit', COMMIT)])
            return
        data = files[path]
        if data is None:
            self.reply(403)
            return
        headers = [('X-Repo-Commit', COMMIT), ('ETag', f'"{hashlib.sha1(b"blob %d" % len(data) + bytes(1) + data).hexdigest()}"')]
        if len(data) >= LARGE and not self.is_cdn:
            self.reply(302, [*headers, ('X-Linked-Size', str(len(data))), ('X-Linked-Etag', f'"{hashlib.sha256(data).hexdigest()}"'),
                             ('Location', f'http://localhost:{self.hub.cdn_port}/{name}/resolve/{revision}/{path}?signature=s3cr3t')])
        elif self.command == 'HEAD':
            self.reply(200, headers, data)
        else:
            self.body(name, data, headers)

    def body(self, name, data, headers):
        fault = name.split('/')[0]
        wanted = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        status, part = 200, data
        if wanted and fault != 'norange':
            begin, end = int(wanted[1]), int(wanted[2] or len(data) - 1) + 1
            status, part = 206, data[begin:end]
            headers = [*headers, ('Content-Range', f'bytes {begin}-{begin + len(part) - 1}/{len(data)}')]
        if fault == 'dead' or (fault == 'cut' and self.hub.first(f'cut {self.path} {self.headers.get("Range")}')):
            self.reply(status, headers, part[:len(part) // 2] if fault == 'cut' else b'', len(part))
            self.close_connection = True
            return
        self.reply(status, headers, part)

    def view(self, path, query):
        name = query['dataset']
        rows = self.hub.viewed.get(name)
        fault = name.split('/')[0]
        if fault == 'locked' and self.headers.get('Authorization') != 'Bearer hf_secret':
            self.reply(401, [('X-Error-Code', 'ExternalUnauthenticatedError')])
        elif fault == 'forbidden':
            self.reply(403)
        elif fault == 'hidden':
            self.reply(404, [('X-Error-Code', 'ExternalAuthenticatedError')])
        elif fault == 'moved' and not self.is_cdn:
            self.reply(307, [('Location', f'http://localhost:{self.hub.cdn_port}{self.path}')])
        elif rows is None:
            self.reply(404)
        elif path == '/splits':
            splits = [{'dataset': name, 'config': 'default', 'split': s} for s in ('train', 'test')]
            self.reply(200, [], json.dumps({'splits': splits, 'pending': [], 'failed': []}).encode())
        else:
            first = int(query['offset'])
            page = [{'row_idx': i, 'row': row, 'truncated_cells': row.pop('cut', [])} for i, row in enumerate(rows)][first:first + int(query['length'])]
            self.reply(200, [], json.dumps({'features': [], 'rows': page, 'num_rows_total': len(rows)}).encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients leave when they please


class Hub:
    def __init__(self, certificate=None, key=None):
        self.sets, self.viewed, self.log, self.sent = {}, {}, [], 0
        self.lock, self.seen = threading.Lock(), set()
        handlers = [type('H', (Handler,), {'hub': self, 'is_cdn': is_cdn}) for is_cdn in (False, True)]
        servers = [Server(('127.0.0.1', 0), h) for h in handlers]
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate, key)
            servers[0].socket = tls.wrap_socket(servers[0].socket, server_side=True)
        for server in servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        self.cdn_port = servers[1].server_address[1]
        port = servers[0].server_address[1]
        self.url = f'https://localhost:{port}' if certificate else f'http://127.0.0.1:{port}'

    def first(self, key):
        with self.lock:
            is_first = key not in self.seen
            self.seen.add(key)
            return is_first

    def forget(self):
        self.log.clear()
        self.sent = 0

    def count(self, *parts):
        return sum(all(p in line for p in parts) for line in self.log)
