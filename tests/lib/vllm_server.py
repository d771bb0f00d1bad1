"""A server for one client at a time that answers as it is told and writes down what it was asked.

    with vllm_server.Server({'metrics': ['…', '…'], 'models': {…}, 'tokenize': 2}) as s:
        … s.port …
        s.requests   (method, path, body or None), in the order in which their bodies had come
        s.posted     what was posted with an x-request-id, by it: method, path, headers, body

Answers completions, chat, transcriptions and responses, streamed, with as many tokens as were asked for, and pooling. A form is
noted with a character for each byte and {boundary} in the boundary's place. `metrics`: what /metrics says before
the first of them and after it. `models`: what /v1/models says. `tokenize`: characters that make a token, for
/tokenize and /detokenize; without it there is neither. `status`: of every answer. `says_end`: False for streams
that end in order, without a finish reason, usage and [DONE].
"""
import http.server
import json
import re
import socketserver
import threading

STREAMED = ('completions', 'transcriptions', 'responses')


def read_form(kind, data):
    return data.decode('latin-1').replace(kind.partition('boundary=')[2].strip('"'), '{boundary}')


def asked_for(body):
    """Tokens."""
    if isinstance(body, str):
        return int(re.search(r'name="max_completion_tokens"\r\n\r\n(\d+)', body)[1])
    return body.get('max_completion_tokens') or body.get('max_tokens') or body.get('max_output_tokens') or 1


def responses(n):
    """The events of an answer of /v1/responses."""
    for _ in range(n):
        yield {'type': 'response.output_text.delta', 'delta': ' a'}
    yield {'type': 'response.completed', 'response': {'usage': {'input_tokens': 7, 'output_tokens': n, 'total_tokens': 7 + n}}}


def stream(path, body, says_end=True):
    """The events of an answer."""
    n = asked_for(body)
    if path.endswith('responses'):
        yield from responses(n)
        return
    head = {'id': 'r', 'created': 0, 'model': 'm' if isinstance(body, str) else body.get('model')}
    for i in range(n):
        end = {'index': 0, 'finish_reason': 'length' if says_end and i == n - 1 else None}
        yield {**head, 'choices': [{**end, **({'delta': {'content': ' a'}} if re.search('chat|transcr', path) else {'text': ' a'})}]}
    if says_end:
        yield {**head, 'choices': [], 'usage': {'prompt_tokens': 7, 'completion_tokens': n, 'total_tokens': 7 + n}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        pass

    def whole(self, text, status=200, kind='application/json'):
        data = text.encode()
        self.send_response(self.server.told.get('status', status))
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        told = self.server.told
        self.server.requests.append((self.command, self.path, None))
        if self.path.endswith('/metrics') and 'metrics' in told:
            is_after = any(path.endswith('completions') for _, path, _ in self.server.requests)
            self.whole(told['metrics'][is_after], kind='text/plain; version=0.0.4')
        elif self.path.endswith('/v1/models') and 'models' in told:
            self.whole(json.dumps(told['models']))
        else:
            self.whole('{"detail": "Not Found"}', 404)

    def do_POST(self):
        kind, data = self.headers.get('Content-Type', ''), self.rfile.read(int(self.headers['Content-Length']))
        body = read_form(kind, data) if kind.startswith('multipart') else json.loads(data)
        self.server.requests.append((self.command, self.path, body))
        self.server.posted[self.headers.get('x-request-id')] = {
            'method': self.command, 'path': self.path,
            'headers': {k: v for k, v in self.headers.items() if k not in ('Host', 'User-Agent')}, 'body': body}
        size = self.server.told.get('tokenize')
        if self.path.endswith(STREAMED):
            self.answer(body)
        elif self.path.endswith('/pooling'):
            self.whole(json.dumps({'data': [{'index': 0, 'data': [0.0, 0.5]}], 'usage': {'prompt_tokens': 7, 'total_tokens': 7}}))
        elif self.path.endswith('/detokenize') and size:
            self.whole(json.dumps({'prompt': ''.join(map(chr, body['tokens']))}))
        elif self.path.endswith('/tokenize') and size:
            self.whole(json.dumps({'count': 0, 'max_model_len': 99, 'tokens': list(map(ord, body['prompt'][::size])), 'token_strs': None}))
        else:
            self.whole('{"detail": "Not Found"}', 404)

    def answer(self, body):
        if self.server.told.get('status', 200) != 200:
            return self.whole('{"error": {"message": "told so"}}')
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        says_end = self.server.told.get('says_end', True)
        for event in [*map(json.dumps, stream(self.path, body, says_end)), *(['[DONE]'] if says_end else [])]:
            data = f'data: {event}\n\n'.encode()
            self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
        return self.wfile.write(b'0\r\n\r\n')


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, told):
        super().__init__(('127.0.0.1', 0), Handler)
        self.told = told
        self.requests, self.posted = [], {}
        self.port = self.server_address[1]

    def handle_error(self, request, client_address):
        pass  # a client that goes away in mid-reply is no event

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
