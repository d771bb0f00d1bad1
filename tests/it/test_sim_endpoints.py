"""The simulator's endpoints beside chat and completions: replies, what is refused, what its log says."""
import http.client
import json

import tk_it

t = tk_it.Tap()


def post(sim, path, body, headers=None):
    conn = http.client.HTTPConnection('127.0.0.1', int(sim.port), timeout=60)
    conn.request('POST', path, body if isinstance(body, bytes) else json.dumps(body), headers or {})
    reply = conn.getresponse()
    data = reply.read()
    conn.close()
    return reply, data


def form(fields):
    """(name, file name or None, value) as a body and its type."""
    parts = [b'--bb\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + (f'; filename="{file}"'.encode() if file else b'') +
             b'\r\n\r\n' + value + b'\r\n' for name, file, value in fields]
    return b''.join([*parts, b'--bb--\r\n']), {'Content-Type': 'multipart/form-data; boundary=bb'}


def events(data):
    """(name, JSON) of each event."""
    found = []
    for event in data.decode().strip().split('\n\n'):
        lines = dict(line.split(': ', 1) for line in event.split('\n'))
        found.append((lines.get('event'), lines['data'] if lines['data'] == '[DONE]' else json.loads(lines['data'])))
    return found


def pooling(sim):
    for path, name in (('/v1/embeddings', 'embedding'), ('/embeddings', 'embedding'), ('/pooling', 'pooling')):
        for given, n, tokens in (('abcd' * 5, 1, 5), (['abcd', 'abcd'], 2, 2), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3)):
            reply, data = post(sim, path, {'model': 'm', 'input': given})
            got = json.loads(data)
            t.eq((reply.status, len(got['data']), got['data'][0]['object']), (200, n, name), f'{path} of {given}: vectors')
            t.eq(got['usage'], {'prompt_tokens': tokens, 'total_tokens': tokens, 'completion_tokens': 0}, f'{path} of {given}: usage')
    messages = [{'role': 'user', 'content': [{'type': 'text', 'text': 'abcd'}, {'type': 'image_url', 'image_url': {'url': 'data:x'}}]}]
    _, data = post(sim, '/v1/embeddings', {'messages': messages, 'sim': 'usage=none'})
    t.eq((len(json.loads(data)['data']), 'usage' in json.loads(data)), (1, False), 'messages are one input; no usage by a knob')
    reply, data = post(sim, '/v1/embeddings', {'input': ['a', 'b'], 'encoding_format': 'bytes'})
    meta = json.loads(reply.getheader('metadata'))
    t.eq((reply.getheader('content-type'), len(data), meta['usage']['prompt_tokens']), ('application/octet-stream', 64, 1), 'as bytes')
    reply, data = post(sim, '/v1/embeddings', {'input': 'a', 'encoding_format': 'bytes_only'})
    t.eq((reply.getheader('metadata'), len(data)), (None, 32), 'as bytes alone')


def rerank(sim):
    for path in ('/rerank', '/v1/rerank'):
        _, data = post(sim, path, {'query': 'abcd', 'documents': ['abcd', 'abcdabcd', 'abcd']})
        got = json.loads(data)
        scores = [r['relevance_score'] for r in got['results']]
        t.eq((len(scores), scores == sorted(scores, reverse=True), got['usage']['prompt_tokens']), (3, True, 5), f'{path}: scores and usage')


def responses(sim):
    _, data = post(sim, '/v1/responses', {'input': [{'role': 'user', 'content': 'abcd'}], 'stream': True, 'max_output_tokens': 3, 'sim': 'reasoning=1'})
    got = events(data)
    t.eq([name for name, _ in got], ['response.created', 'response.in_progress', 'response.reasoning_text.delta', 'response.output_text.delta',
                                     'response.output_text.delta', 'response.completed'], 'named events')
    t.ok(all(name == body['type'] and body['sequence_number'] == i for i, (name, body) in enumerate(got)), 'their types and numbers')
    last = got[-1][1]['response']
    t.eq((last['status'], last['usage']['input_tokens'], last['usage']['output_tokens']), ('incomplete', 1, 3), 'the end has status and usage')
    _, data = post(sim, '/v1/responses', {'input': 'a', 'stream': True, 'sim': 'tokens=2,nodone,'})
    t.eq([name for name, _ in events(data)][-1], 'response.output_text.delta', 'without its end, by a knob')
    _, data = post(sim, '/v1/responses', {'input': 'a', 'stream': True, 'sim': 'tokens=2,error_at=1'})
    t.eq([name for name, _ in events(data)][-1], 'error', 'an error in the stream, by a knob')
    _, data = post(sim, '/v1/responses', {'input': 'a', 'sim': 'tokens=2'})
    got = json.loads(data)
    t.eq((got['status'], got['output'][0]['content'][0]['text']), ('completed', ' token token'), 'whole')


def transcriptions(sim):
    wav = bytes(640 * 7)
    body, headers = form([('file', 'f.wav', wav), ('model', None, b'm'), ('stream', None, b'True'), ('max_completion_tokens', None, b'3'),
                          ('stream_include_usage', None, b'True'), ('stream_continuous_usage_stats', None, b'True')])
    _, data = post(sim, '/v1/audio/transcriptions', body, headers)
    got = events(data)
    t.eq([c[1]['choices'][0]['delta']['content'] for c in got[:3]], [' token'] * 3, 'a stream of deltas')
    t.eq([c[1]['usage']['completion_tokens'] for c in got[:4]], [1, 2, 3, 3], 'with continuous usage')
    t.eq((got[3][1]['usage']['prompt_tokens'], got[4][1]), (7, '[DONE]'), 'the audio counts by its bytes')
    body, headers = form([('file', 'f.wav', wav), ('sim', None, b'tokens=2')])
    _, data = post(sim, '/v1/audio/transcriptions', body, headers)
    t.eq(json.loads(data)['text'], ' token token', 'whole')


def refusals(sim):
    json_type = {'Content-Type': 'application/json'}
    bad_count = form([('file', 'f', b'x'), ('max_completion_tokens', None, b'three')])
    bad_knob = form([('file', 'f', b'x'), ('sim', None, b'no=1')])
    for path, body, headers, words in (
            ('/v1/embeddings', {}, None, "field required: 'input'"),
            ('/pooling', {'documents': ['a']}, None, "field required: 'input'"),
            ('/v1/rerank', {'query': 'a'}, None, "field required: 'documents'"),
            ('/v1/rerank', {'documents': ['a']}, None, "field required: 'query'"),
            ('/v1/responses', {}, None, "field required: 'input'"),
            ('/v1/responses', {'input': 'a', 'max_output_tokens': 0}, None, 'max_tokens must be at least 1'),
            ('/v1/embeddings', b'[', None, 'no JSON object'),
            ('/v1/audio/transcriptions', b'{}', json_type, 'multipart/form-data'),
            ('/v1/audio/transcriptions', *form([('model', None, b'm')]), "field required: 'file'"),
            ('/v1/audio/transcriptions', bad_count[0][:-8], bad_count[1], 'damaged'),
            ('/v1/audio/transcriptions', *bad_count, "'max_completion_tokens' cannot be 'three'"),
            ('/v1/audio/transcriptions', *bad_knob, 'no')):
        reply, data = post(sim, path, body, headers)
        t.eq(reply.status, 400, f'{path}: refused')
        t.has(json.loads(data)['error']['message'], words, f'{path}: why')


with tk_it.Sim('--ttft', '1ms', '--itl', '0s') as server:
    for part in (pooling, rerank, responses, transcriptions, refusals):
        part(server)
    for path in ('/start_profile', '/stop_profile'):
        t.eq(post(server, path, {})[0].status, 200, path)
    log = server.log()
    first = log[0]
    t.eq((first['stream'], first['tokens_sent'], first['prompt_tokens'], len(first['sent_at'])), (False, 0, 5, 1), 'the log of a vector')
    t.ok(first['sent_at'][0] - first['arrived_at'] >= first['ttft_dur'], 'which comes after its time')

with tk_it.Sim('--engine', 'batching', '--prefill-rate', '1000') as server:
    post(server, '/v1/embeddings', {'input': 'abcd' * 50})
    (one,) = server.log()
    t.ok(one['sent_at'][0] - one['scheduled_at'] >= 50_000_000, 'the engine computes the prompt')
t.done()
