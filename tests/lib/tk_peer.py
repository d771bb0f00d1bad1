"""A server of hand-written replies: what no simulator of ours would send.

    with tk_peer.Peer(tk_peer.sse(b'data: {...}\n\n')) as peer:
        ...peer.url, peer.requests
"""
import os
import socket
import threading
import time


def sse(*parts, head=b'', status=b'200 OK'):
    """A stream of events that ends with the connection; one write per part."""
    first = b'HTTP/1.1 ' + status + b'\r\nContent-Type: text/event-stream\r\n' + head + b'Connection: close\r\n\r\n'
    return [first, *parts]


def plain(body, head=b'', status=b'200 OK', kind=b'application/json'):
    """A reply of known length on a connection that is kept."""
    return [b'HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n' % (status, kind, len(body), head) + body]


def chunked(*parts, head=b'', kind=b'application/json'):
    body = b''.join(b'%x\r\n%s\r\n' % (len(part), part) for part in parts) + b'0\r\n\r\n'
    return [b'HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n%s\r\n' % (kind, head) + body]


class Peer:
    """One reply to every request, or a function of (head, body, connection, request on it) that makes one.

    A reply is a list of bytes (written), numbers (seconds of rest) and None (reset the connection). A reply that says
    `Connection: close` ends its connection, one that is empty too.
    """

    def __init__(self, reply, family=socket.AF_INET, tls=None):
        self.reply = reply
        self.tls = tls
        self.requests = []  # (connection, head, body)
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        host = '[::1]' if family == socket.AF_INET6 else '127.0.0.1'
        self.url = f'http{"s" if tls else ""}://{host}:{self.port}'

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        n = 0
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, n), daemon=True).start()
            n += 1

    def serve(self, connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            stream = connection.makefile('rb')
            for turn in range(10**9):
                if not self.one(connection, stream, number, turn):
                    break
            # What the peer has not read yet must reach it: no reset.
            connection.shutdown(socket.SHUT_WR)
            while stream.read1(65536):
                pass
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def one(self, connection, stream, number, turn):
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            line = stream.readline()
            if not line:
                return False
            head += line
        length = [line.split(b':')[1] for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:')]
        body = stream.read(int(length[0])) if length else b''
        self.requests.append((number, head, body))
        reply = self.reply(head, body, number, turn) if callable(self.reply) else self.reply
        for part in reply:
            if part is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
                os.close(connection.detach())
                return False
            if isinstance(part, bytes):
                connection.sendall(part)
            else:
                time.sleep(part)
        return bool(reply) and b'connection: close' not in reply[0].lower()
