#!/usr/bin/env python3
"""A server with one answer, to the millisecond: what different clients make of one stream.

  stream_server.py PORT VARIANT

  at ms   100   role (completions: an empty text)
  at ms   500, 600, 700, 800   one content chunk each
  at ms 1,400   what VARIANT says, then [DONE] and the end

  usage    a usage object of 8 tokens without choices
  finish   the same, and the last content chunk has a finish reason, as real servers send it
  bare     the last content chunk has a finish reason; no usage
  error    {"error": ...} in place of the usage object

Instants count from the moment in which the request was read whole. One thread per connection, chunked,
one write per event. Standard library only; needed only to record the figures in one-stream.md anew.
"""

import json
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler

TEXTS = ['Hello', ' there', ' big', ' world']
AT_MS = [500, 600, 700, 800]
END_MS = 1400
USAGE = {'prompt_tokens': 5, 'completion_tokens': 8, 'total_tokens': 13}


def events(variant, is_chat):
    """(instant in ms, payload) of each event."""
    kind = 'chat.completion.chunk' if is_chat else 'text_completion'

    def chunk(choices, **more):
        return {'id': 'x', 'object': kind, 'created': 1, 'model': 'm', 'choices': choices, **more}

    def choice(text, finish=None):
        if is_chat:
            delta = {'role': 'assistant', 'content': ''} if text is None else {'content': text}
            return [{'index': 0, 'delta': delta, 'finish_reason': finish}]
        return [{'index': 0, 'text': text or '', 'logprobs': None, 'finish_reason': finish}]

    yield 100, chunk(choice(None))
    for n, (at, text) in enumerate(zip(AT_MS, TEXTS)):
        last = n == len(TEXTS) - 1 and variant in ('finish', 'bare')
        yield at, chunk(choice(text, 'length' if last else None))
    if variant in ('usage', 'finish'):
        yield END_MS, chunk([], usage=USAGE)
    elif variant == 'error':
        yield END_MS, {'error': {'message': 'engine died', 'type': 'server_error', 'code': 500}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = 0

    def log_message(self, *args):
        pass

    def do_GET(self):
        body = json.dumps({'object': 'list', 'data': [{'id': 'm', 'object': 'model', 'root': 'm'}]}).encode()
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        start = time.monotonic()
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        for at, payload in events(self.server.variant, 'chat' in self.path):
            self.wait(start, at)
            self.send(b'data: ' + json.dumps(payload).encode() + b'\n\n')
        self.wait(start, END_MS)
        self.send(b'data: [DONE]\n\n')
        self.wfile.write(b'0\r\n\r\n')

    @staticmethod
    def wait(start, at_ms):
        time.sleep(max(0.0, start + at_ms / 1000 - time.monotonic()))

    def send(self, data):
        self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    disable_nagle_algorithm = True


def main():
    server = Server(('127.0.0.1', int(sys.argv[1])), Handler)
    server.variant = sys.argv[2]
    server.serve_forever()


if __name__ == '__main__':
    main()
