"""What really passed between client and engine: the loopback's packets with the kernel's stamps, read as streams of events.

    with wire.Capture(port) as capture:         PermissionError without CAP_NET_RAW (root)
        …
    wire.figures(capture.requests(), 'chat', 'vllm')

Knows nothing of tokmark: the bytes are taken apart here once more, by the definitions of the client that is judged.
"""
import ctypes
import json
import re
import socket
import struct
import threading

SO_ATTACH_FILTER, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 26, 33, 35
PACKET_OUTGOING = 4 # the loopback shows each packet twice
EVERYTHING = 3 # ETH_P_ALL
SOL_PACKET, PACKET_STATISTICS = 263, 6
QUANTILES = (('p50', 50), ('p99', 99))


def only(port):
    """A filter for the kernel, so that other traffic costs nothing: IPv4, TCP, one of the ports. Offsets count from the Ethernet head."""
    load_half, load_byte, load_indexed, index_by_head, if_equal, give = 0x28, 0x30, 0x48, 0xb1, 0x15, 0x06
    program = [(load_half, 0, 0, 12), (if_equal, 0, 8, 0x0800), (load_byte, 0, 0, 23), (if_equal, 0, 6, socket.IPPROTO_TCP),
               (index_by_head, 0, 0, 14), (load_indexed, 0, 0, 14), (if_equal, 2, 0, port), (load_indexed, 0, 0, 16),
               (if_equal, 0, 1, port), (give, 0, 0, 1 << 18), (give, 0, 0, 0)]
    return b''.join(struct.pack('HBBI', *step) for step in program)


class Request:
    """One request's instant (ms) and its events as [(ms, object)]."""

    def __init__(self, at):
        self.at, self.bytes, self.marks, self.events = at, b'', [], []

    def add(self, at, payload):
        self.bytes += payload
        self.marks.append((len(self.bytes), at))

    def read(self):
        """An event arrives with the packet that has the end of its line."""
        for found in re.finditer(rb'data: ([^\r\n]*)\r?\n', self.bytes):
            if found[1] != b'[DONE]':
                at = next(at for end, at in self.marks if end >= found.end())
                self.events.append((at, json.loads(found[1])))


class Capture:
    """All TCP payload from and to a port of this machine, while it lasts."""

    def __init__(self, port):
        self.port, self.packets, self.stopping = port, [], False
        self.expected = {} # by direction: the sequence number that comes next
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) # silent until it is bound
        program = ctypes.create_string_buffer(only(port))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HP', len(program) // 8, ctypes.addressof(program)))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind(('lo', EVERYTHING))
        self.socket.settimeout(0.2)

    def __enter__(self):
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()
        return self

    def listen(self):
        while not self.stopping:
            try:
                packet, extra, _, address = self.socket.recvmsg(1 << 17, 256)
            except TimeoutError:
                continue
            if address[2] != PACKET_OUTGOING:
                self.keep(packet[14:], extra)

    def keep(self, packet, extra):
        size = struct.unpack('>H', packet[2:4])[0]
        tcp = packet[(packet[0] & 15) * 4:size]
        source, to, number = struct.unpack('>HHI', tcp[:8])
        payload = tcp[(tcp[12] >> 4) * 4:]
        if not payload:
            return
        # What is sent again, because a busy machine acknowledged late, was there already.
        again = (self.expected.get((source, to), number) - number) % 2**32
        if again < 2**31:
            payload = payload[again:]
        if payload:
            s, ns = struct.unpack('qq', extra[0][2][:16])
            self.packets.append((s * 1e3 + ns / 1e6, source, to, payload))
            self.expected[source, to] = (number + len(tcp) - (tcp[12] >> 4) * 4) % 2**32

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()
        self.n_lost = struct.unpack('II', self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        self.socket.close()

    def requests(self):
        """In the order in which they were sent. A connection carries one at a time. None where packets were lost."""
        if self.n_lost:
            return None
        found, current = [], {}
        for at, source, to, payload in self.packets:
            if to == self.port and payload.startswith(b'POST '):
                current[source] = Request(at)
                found.append(current[source])
            elif source == self.port and to in current:
                current[to].add(at, payload)
        for request in found:
            request.read()
        return found


def text_of(choice):
    return choice.get('text') or (choice.get('delta') or {}).get('content')


def instants(request, api, definition):
    """(chunks, end of the answer, tokens) in the words of tokmark's glossary, or of vllm bench serve 0.13."""
    chunks, end, tokens = [], None, None
    for at, event in request.events:
        choices = event.get('choices')
        if choices and (definition == 'vllm' or text_of(choices[0])):
            chunks.append(at)
        if definition == 'vllm':
            end = at if choices or api == 'chat' else end
        elif choices and (text_of(choices[0]) or choices[0].get('finish_reason')):
            end = at
        tokens = (event.get('usage') or {}).get('completion_tokens', tokens)
    return chunks, end, tokens


def percentile(values, p):
    values = sorted(values)
    rank = (len(values) - 1) * p / 100
    low = int(rank)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (rank - low)


def figures(requests, api, definition):
    """{(name, statistic): ms} and the number of gaps."""
    lists = {'TTFT': [], 'ITL': [], 'TPOT': [], 'E2EL': []}
    for request in requests:
        chunks, end, tokens = instants(request, api, definition)
        if not chunks:
            continue
        lists['TTFT'].append(chunks[0] - request.at)
        lists['E2EL'].append(end - request.at)
        lists['ITL'] += [b - a for a, b in zip(chunks, chunks[1:])]
        if tokens and tokens > 1:
            lists['TPOT'].append(((end if definition == 'vllm' else chunks[-1]) - chunks[0]) / (tokens - 1))
    found = {}
    for name, values in lists.items():
        if values:
            found[name, 'mean'] = sum(values) / len(values)
            found |= {(name, title): percentile(values, p) for title, p in QUANTILES}
    return found, len(lists['ITL'])
