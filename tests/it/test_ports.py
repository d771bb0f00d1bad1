"""tokmark run where ports run out: a network of its own with ten of them, source addresses, words that help."""
import collections
import ctypes
import fcntl
import json
import os
import socket
import struct

import tk_it
import tk_peer

t = tk_it.Tap()

FIRST, LAST = 40000, 40009
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1

REPLY = json.dumps({'choices': [{'index': 0, 'message': {'role': 'assistant', 'content': 'a b'}, 'finish_reason': 'stop'}],
                    'usage': {'prompt_tokens': 1, 'completion_tokens': 2, 'total_tokens': 3}}).encode()


def set_range(first, last):
    with open('/proc/sys/net/ipv4/ip_local_port_range', 'w', encoding='utf-8') as f:
        f.write(f'{first} {last}')


def own_network():
    """A network of this process and its children; why there is none, or None."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        return os.strerror(ctypes.get_errno())
    try:
        with socket.socket() as s:
            fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack('16sH14x', b'lo', IFF_UP))
        set_range(FIRST, LAST)
    except OSError as e:
        return str(e)
    return None


class Server(tk_peer.Peer):
    """Answers after a while, and knows where each connection came from."""

    def __init__(self, rest=0.0):
        whole = tk_peer.plain(REPLY)[0]
        set_range(50000, 50999)  # its own port is to be none of the ten
        super().__init__([whole[:-1], rest, whole[-1:]])
        set_range(FIRST, LAST)
        self.sources = []

    def serve(self, connection, number):
        self.sources.append(connection.getpeername())
        super().serve(connection, number)


def load(name, server, *args, status=0):
    out = tk_it.run('run', server.url, '--model', 'm', '--no-stream', '--json', 'out.json', '-o', 'run.tokmark', '--overwrite', *args)
    t.eq(out.returncode, status, f'{name}: exit status ({out.stderr.strip()})')
    if out.returncode not in (0, 3):
        return None, out
    with open('out.json', encoding='utf-8') as f:
        return json.load(f), out


def test_in_turn():
    with Server(0.05) as server:
        r, _ = load('in turn', server, '-c', 8, '-n', 8, '--source-address', '127.0.0.21-127.0.0.24')
    t.eq(collections.Counter(host for host, _ in server.sources), {f'127.0.0.{i}': 2 for i in range(21, 25)}, 'in turn: two from each')
    t.eq(r['plan']['source_addresses'], '127.0.0.21-127.0.0.24', 'in turn: the result says so')
    t.ok(all(FIRST <= port <= LAST for _, port in server.sources), 'the ports are of the range', server.sources)


def test_full():
    """Three addresses have thirty ports; each is used up, towards one server, before the others are missed."""
    with Server(0.3) as server:
        r, _ = load('all ports', server, '-c', 30, '-n', 30, '--source-address', '127.0.0.21-127.0.0.23')
    t.eq(r['requests']['succeeded'], 30, 'all ports: all succeeded')
    t.eq(len(set(server.sources)), 30, 'all ports: each is used')


def test_out():
    """A bound that is not known before: the eleventh has no port."""
    with Server(1.0) as server:
        r, out = load('out of ports', server, '--rate', 'inf', '-n', 25, '--source-address', '127.0.0.21', status=3)
    t.eq((r['requests']['succeeded'], [(f['class'], f['n']) for f in r['failures']]), (10, [('connect', 15)]), 'out of ports: class')
    for part in ('no local port is left', '--source-address', 'ip_local_port_range'):
        t.has(r['failures'][0]['first_detail'], part, f'out of ports: {part}')
        t.has(out.stdout, part, f'out of ports: {part} in the text')


def test_before():
    with Server() as server:
        _, out = load('before the start', server, '-c', 21, '-n', 100, '--source-address', '127.0.0.21,127.0.0.22', status=2)
        for part in ('21 requests at once', '2 addresses', '10 each', f'{FIRST}-{LAST}', '--source-address', 'ip_local_port_range'):
            t.has(out.stderr, part, f'before the start: {part}')
        t.eq(server.sources, [], 'before the start: nothing was sent')
        for words, part in ((['192.0.2.1'], 'no such address'), (['::1'], 'kind of the server'), (['x'], "'x'")):
            _, out = load(f'{words}', server, '-n', 1, '--source-address', *words, status=2)
            t.has(out.stderr, part, f'{words}: {part}')
    out = tk_it.run('run', '--unix', 'x.sock', '--source-address', '127.0.0.1', '-n', 1, '--no-file')
    t.ok(out.returncode == 2 and 'Unix socket' in out.stderr, 'a Unix socket has none', out)


def test_spare():
    """To this machine more of 127.0.0.0/8 is taken by itself."""
    with Server(0.3) as server:
        r, _ = load('spare', server, '-c', 35, '-n', 70)
    t.eq(r['requests']['succeeded'], 70, 'spare: all succeeded')
    hosts = collections.Counter(host for host, _ in server.sources)
    t.eq((hosts['127.0.0.1'], sum(hosts.values())), (10, 35), 'spare: the usual one first')
    t.ok(set(hosts) <= {f'127.0.0.{i}' for i in range(1, 6)}, 'spare: then the next ones', hosts)
    with Server() as server:
        r, _ = load('few', server, '-c', 5, '-n', 20)
    t.eq({host for host, _ in server.sources}, {'127.0.0.1'}, 'spare: not touched before')


def test_new_connections():
    """Ten ports carry any number of connections, one after the other, where the server closes them first."""
    with Server() as server:
        reply = tk_peer.plain(REPLY, b'Connection: close\r\n')
        server.reply = reply
        r, _ = load('one after the other', server, '--new-connection', '-c', 4, '-n', 400, '--source-address', '127.0.0.21')
    t.eq(r['requests']['succeeded'], 400, 'one after the other: all succeeded')


with tk_it.Folder():
    reason = own_network()
    if reason:
        t.skip(f'no network of its own here: {reason}')
    else:
        for test in (test_in_turn, test_full, test_out, test_before, test_spare, test_new_connections):
            test()
t.done()
