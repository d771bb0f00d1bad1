#!/usr/bin/env python3
"""A hub for the tests: two servers on loopback, the hub and the host that its large files lie on.

usage: hub_server.py LOG

Prints `HUB_PORT CDN_PORT`, then serves until standard input ends. Each request becomes a line of LOG:
`hub|cdn METHOD PATH token=… range=…`. The repository's name says how it behaves; see REPOS and Hub.answer().
"""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = 'c0ffee' + '0' * 34
BIG = bytes(i * 7 % 251 for i in range(300_000))
FILES = {
    'config.json': (b'{"a": 1}', False),
    'tokenizer.json': (BIG, True),
    'empty.txt': (b'', False),
    'templates/one.jinja': (b'{{ one }}', False),
    'templates/two.jinja': (b'{{ two }}', False),
    'sp ace.txt': (b'blank', False),
}
NAMES = [
    'ok', 'cut', 'stall', 'norange', 'wrong', 'wrongonce', 'long', 'short', 'busy', 'busydate', 'down', 'nolist',
    'slow', 'tiny', 'downgrade', 'evil', 'patient', 'expired', 'drip',
]

log_lock = threading.Lock()
counts = {}
ports = {}


def count(key):
    with log_lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


def etag(data, is_large):
    return hashlib.sha256(data).hexdigest() if is_large else hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()


class Base(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    name = ''

    def log_message(self, *args):
        pass

    def note(self):
        line = '%s %s %s token=%s range=%s\n' % (
            self.name, self.command, self.path, self.headers.get('Authorization', '-'), self.headers.get('Range', '-'))
        with log_lock, open(sys.argv[1], 'a', encoding='utf-8') as f:
            f.write(line)

    def reply(self, status, headers=(), body=b'', length=None):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header('Content-Length', str(len(body) if length is None else length))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def refuse(self, status, code, text='', extra=()):
        headers = [('X-Error-Code', code)] if code else []
        headers += [('X-Error-Message', text)] if text else []
        self.reply(status, headers + list(extra), b'{"error": "no"}')

    def do_HEAD(self):
        self.note()
        self.answer()

    def do_GET(self):
        self.note()
        self.answer()

    def send_file(self, data, headers, repo):
        """The bytes, with the faults of the repository."""
        begin, is_part = 0, False
        if self.headers.get('Range') and repo != 'norange':
            first, last = self.headers['Range'].split('=')[1].split('-')
            begin, is_part, size = int(first), last != '', len(data)
            if begin >= size:
                self.reply(416, [('Content-Range', 'bytes */%d' % size)])
                return
            data = data[:int(last) + 1] if last else data
            headers = headers + [('Content-Range', 'bytes %d-%d/%d' % (begin, len(data) - 1, size))]
        status = 206 if begin or is_part else 200
        n = count('file ' + repo)
        rest = data[begin:]
        if repo == 'wrong' or (repo == 'wrongonce' and n == 1):
            rest = bytes(255 - b for b in rest)
        if repo == 'long':
            rest += b'more'
        if repo in ('cut', 'norange', 'short', 'stall') and (repo == 'short' or n <= 1 + (repo != 'stall')):
            self.reply(status, headers, rest[:100_000] if repo != 'short' else b'', len(rest))
            if repo == 'stall':
                self.rfile.read(1)  # until the client has had enough
            self.close_connection = True
            return
        if repo == 'drip':
            self.reply(status, headers, rest[:1], len(rest))
            self.close_connection = True
            return
        if repo == 'slow':
            threading.Event().wait(0.4)
        self.reply(status, headers, rest)


class Cdn(Base):
    name = 'cdn'

    def answer(self):
        _, repo, name = self.path.split('?')[0].split('/', 2)
        if repo == 'expired' and count('expired') == 1:
            self.reply(503)
            return
        self.send_file(FILES[name][0], [('ETag', '"of-the-cdn"')], repo)


class Hub(Base):
    name = 'hub'

    def answer(self):
        path = self.path.split('?')[0]
        parts = path.strip('/').split('/')
        kind = 'model'
        if parts[0] == 'datasets':
            kind = 'dataset'
            parts = parts[1:]
        if parts[0] == 'api':
            self.answer_list(parts)
            return
        repo, revision, name = parts[1], parts[3].replace('%2F', '/'), '/'.join(parts[4:]).replace('%20', ' ')
        if self.refused(repo, revision, parts):
            return
        if name not in FILES:
            self.refuse(404, 'EntryNotFound', 'Entry not found', [('X-Repo-Commit', COMMIT)])
            return
        self.answer_file(repo, name, kind)

    def refused(self, repo, revision, parts):
        """Answer what is not about a file. True when that was it."""
        if repo == 'renamed':
            parts[1] = 'ok'
            self.reply(307, [('Location', '/' + '/'.join(parts))])
        elif repo == 'gated':
            self.refuse(403 if self.headers.get('Authorization') else 401, 'GatedRepo', 'Access is restricted')
        elif repo == 'forbidden':
            self.refuse(403, '', 'no: ' + self.headers.get('Authorization', ''))
        elif repo == 'badtoken':
            self.refuse(401, '', 'Invalid credentials in Authorization header')
        elif repo == 'loop':
            self.reply(302, [('Location', self.path)])
        elif repo == 'nohub':
            self.reply(200, [('ETag', '"x"')], b'hello')
        elif repo == 'badetag':
            self.reply(200, [('ETag', '"../../x"'), ('X-Repo-Commit', COMMIT)], b'hello')
        elif repo == 'plain404':
            self.reply(404)
        elif repo not in NAMES:
            self.refuse(401, 'RepoNotFound', 'Repository not found')
        elif revision not in ('main', 'refs/pr/1', COMMIT):
            self.refuse(404, 'RevisionNotFound', 'Invalid rev id')
        elif repo == 'busy' and count('busy ' + self.command) <= 2:
            self.refuse(429, '', '', [('Retry-After', '0')])
        elif repo == 'patient':
            self.refuse(429, '', '', [('Retry-After', '3600')])
        elif repo == 'down':
            self.refuse(503, '', 'out for lunch')
        else:
            return False
        return True

    def answer_file(self, repo, name, kind):
        data, is_large = FILES[name]
        headers = [('X-Repo-Commit', COMMIT), ('X-Kind', kind)]
        if is_large:
            host = 'http://localhost:%d' % ports['cdn']
            headers += [
                ('X-Linked-Etag', '"%s"' % etag(data, True)), ('X-Linked-Size', str(len(data))),
                ('ETag', '"of-the-redirect"'),
                ('Location', '%s/%s/%s?signature=s3cr3t' % (host, repo, name)),
            ]
            self.reply(302, headers, b'Found. Redirecting')
        elif self.command == 'HEAD':
            self.reply(200, headers + [('ETag', 'W/"%s"' % etag(data, False))], data)
        else:
            self.send_file(data, headers, repo)

    def answer_list(self, parts):
        """/api/models/t/REPO/revision/REV"""
        repo, revision = parts[3], parts[5].replace('%2F', '/')
        if repo == 'nolist':
            self.reply(404)
        elif not self.refused(repo, revision, parts):
            body = {'id': 't/' + repo, 'sha': COMMIT, 'siblings': [{'rfilename': name} for name in FILES]}
            if repo == 'evil':
                body['siblings'].append({'rfilename': '../../../evil.json'})
            self.reply(200, [('Content-Type', 'application/json')], json.dumps(body).encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients leave when they please


def main():
    for name, handler in (('hub', Hub), ('cdn', Cdn)):
        server = Server(('127.0.0.1', 0), handler)
        ports[name] = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(ports['hub'], ports['cdn'], flush=True)
    sys.stdin.read()


main()
