"""`tokmark vllm` with the backends that are not compared with the program's own runs, adapters, and the profiler: against the simulator."""
import json
import os
import re
import wave

import tk_it

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm')
CUSTOM = ['--dataset-name', 'custom', '--dataset-path', os.path.join(here, 'prompts.jsonl'), '--skip-chat-template', '--skip-tokenizer-init']


def vllm(sim, backend, endpoint, *more, data=CUSTOM):
    return tk_it.run('vllm', '--model', 'm', '--backend', backend, '--endpoint', endpoint, '--port', sim.port, '--disable-tqdm', *data,
                     '--num-prompts', '4', '--save-result', '--save-detailed', '--result-filename', 'out.json', *more)


def result():
    with open('out.json', encoding='utf-8') as f:
        return json.load(f)


def responses():
    with tk_it.Sim('--ttft', '3ms', '--itl', '1ms') as sim:
        out = vllm(sim, 'openai-responses', '/v1/responses', '--custom-output-len', '5', '--plain', '--goodput', 'ttft:10000')
        t.eq(out.returncode, 0, f'responses: run ({out.stderr})')
        got = result()
        t.eq((got['completed'], got['total_output_tokens']), (4, 20), 'responses: tokens by the last event')
        t.eq([len(gaps) for gaps in got['itls']], [4] * 4, 'responses: a gap between tokens each')
        t.eq(got['generated_texts'], [' token' * 5] * 4, 'responses: texts')
        t.ok(got['request_goodput'] > 0, 'responses: goodput')
        out = vllm(sim, 'openai-responses', '/v1/responses', '--ready-check-timeout-sec', '0', '--extra-body', '{"sim": "nodone"}')
        t.eq((result()['completed'], result()['failed']), (0, 4), 'responses without an end fail')
        t.has(result()['errors'][0], 'the stream ended without', 'and say why')


def pooling():
    batch = ['--dataset-name', 'random', '--random-input-len', '9', '--random-batch-size', '2', '--tokenizer', os.path.join(here, 'load/tok')]
    with tk_it.Sim('--ttft', '2ms') as sim:
        dry = vllm(sim, 'vllm-pooling', '/pooling', '--dry-run', data=batch)
        made = [json.loads(line)['prompt_tokens'] for line in dry.stdout.splitlines()]
        for words, tokens in (([], None), (['--extra-body', '{"encoding_format": "bytes"}'], None),
                              (['--extra-body', '{"encoding_format": "bytes_only"}'], made)):
            out = vllm(sim, 'vllm-pooling', '/pooling', *words, data=batch)
            t.eq(out.returncode, 0, f'pooling {words}: run ({out.stderr})')
            lens = result()['input_lens']
            t.ok(len(lens) == 2 and all(n > 0 for n in lens) and tokens in (None, lens), f'pooling {words}: input tokens', lens)
            t.ok('did not count' not in out.stderr, f'pooling {words}: nothing is missing', out.stderr)
        out = vllm(sim, 'vllm-rerank', '/rerank', '--top-k', '3', '--ignore-eos', '--logprobs', '2', '--lora-assignment', 'random', data=batch)
        notes = [line.split(': ', 1)[1] for line in out.stderr.splitlines() if 'has no effect' in line]
        t.eq(notes, ['--lora-assignment has no effect: there are no --lora-modules'] +
             [f'--{option} has no effect: vllm-rerank does not send it' for option in ('top-k', 'logprobs', 'ignore-eos')], 'what is left out is said')
        t.ok('Time to First Token' not in out.stdout and 'Output token' not in out.stdout, 'pooling: no figures of output')
        again = tk_it.run('report', 'out.tokmark', '--format', 'vllm')
        t.eq((again.returncode, 'Mean E2EL (ms):' in again.stdout, 'Total generated' in again.stdout), (0, True, False), 'pooling: reported again')
        out = vllm(sim, 'vllm-pooling', '/pooling', '--extra-body', '{"sim": "usage=none"}', data=batch)
        t.eq(result()['total_input_tokens'], 0, 'pooling without usage: no tokens')
        again = tk_it.run('report', 'out.tokmark', '--format', 'vllm')
        t.has(again.stderr, 'the server did not count the tokens of 2 replies: they are none in the result', 'pooling without usage: reported')
        other = vllm(sim, 'vllm-pooling', '/pooling', '--percentile-metrics', 'e2el,ttft,e2e,client_queue_time', data=batch)
        t.eq(re.findall(r"this run has no '(\w+)'", other.stderr), ['ttft', 'e2e', 'client_queue_time'], 'pooling: metrics that are not there')
        t.has(out.stderr, 'the server did not count the tokens of 2 replies: they are none in the result', 'pooling without usage: said')
        out = vllm(sim, 'vllm-pooling', '/pooling', '--ready-check-timeout-sec', '0', '--extra-body', '{"sim": "status=503"}', data=batch)
        t.eq((out.returncode, result()['completed'], 'failed' in result()), (0, 0, False), 'pooling: all refused')
        t.has(result()['errors'][0], 'http-status 503: simulated error', 'pooling: their words')


def audio():
    with wave.open('a.wav', 'wb') as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(16000)
        f.writeframes(bytes(range(256)) * 50)
    with open('audio.jsonl', 'w', encoding='utf-8') as f:
        f.writelines(json.dumps({'prompt': '', 'audio': os.path.abspath('a.wav')}) + '\n' for _ in range(2))
    data = ['--dataset-name', 'custom_audio', '--dataset-path', 'audio.jsonl', '--tokenizer', os.path.join(here, 'load/tok'), '--custom-output-len', '4']
    with tk_it.Sim('--ttft', '2ms', '--itl', '1ms') as sim:
        out = vllm(sim, 'openai-audio', '/v1/audio/transcriptions', '--plain', '--profile', '--extra-body', '{"n": null}', data=data)
        t.eq(out.returncode, 0, f'audio: run ({out.stderr})')
        got = result()
        t.eq((got['completed'], got['total_output_tokens'], got['generated_texts']), (4, 16, [' token' * 4] * 4), 'audio: tokens and texts')
        t.eq([len(gaps) for gaps in got['itls']], [3] * 4, 'audio: gaps')
        t.has(out.stdout, 'Profiler stopped', 'audio: the profiler is told')
        log = [r for r in sim.log() if 'transcriptions' in r['path']]
        t.eq([(r['prompt_tokens'], r['tokens_asked'], r['stream']) for r in log], [(21, 4, True)] * 5, 'audio: the file and the fields arrive')


def refusals():
    with tk_it.Sim() as sim:
        out = vllm(sim, 'vllm-rerank', '/v1/rerank')
        t.eq(out.returncode, 1, 'a reranker without documents')
        t.has(out.stderr, 'a query and documents', 'says so')
        out = vllm(sim, 'openai-audio', '/v1/audio/transcriptions')
        t.has(out.stderr, 'has no audio', 'prompts are no audio')
        out = vllm(sim, 'openai-embeddings', '/v1/embeddings', '--goodput', 'e2el:9')
        t.has(out.stderr, '--goodput is for backends that generate text', 'goodput of vectors')
        out = vllm(sim, 'openai', '/v1/completions', '--metadata', *[f'k{i}=v' for i in range(1025)])
        t.eq((out.returncode, 'more than 1024 pairs of metadata' in out.stderr), (1, True), 'too much metadata')
        t.eq(sim.log(), [], 'nothing was sent')


def models_of(log):
    return [(json.loads(r['body'])['model'], r.get('id') is not None) for r in log]


def adapters():
    for words, want in ((['--lora-assignment', 'round-robin'], ['a', 'b', 'c', 'a']), ([], None)):
        with tk_it.Sim('--ttft', '1ms', '--itl', '0', '--log-bodies') as sim:
            vllm(sim, 'openai', '/v1/completions', '--num-warmups', '2', '--max-concurrency', '1', '--lora-modules', 'a', 'b', 'c', *words)
            got = models_of(sim.log())
        t.eq(got[:3], [('m', False)] * 3, f'adapters {words}: check and warm-ups are the model itself')
        t.ok(len(got) == 7 and all(name in 'abc' and has_id for name, has_id in got[3:]), f'adapters {words}: the measured ones are not', got)
        if want:
            t.eq([name for name, _ in got[3:]], want, 'adapters in turn')


def profiler():
    with tk_it.Sim('--ttft', '1ms', '--itl', '0', '--log-bodies') as sim:
        out = vllm(sim, 'openai', '/v1/completions', '--profile', '--max-concurrency', '1', '--header', 'x-a=b', '--served-model-name', 's',
                   '--ignore-eos', '--lora-modules', 'a')
        lines = [line for line in out.stdout.splitlines() if 'rofile' in line and not line.startswith('Namespace')]
        t.eq(lines, ['Starting profiler...', 'Profiler started', 'Stopping profiler...', 'Profiler stopped'], 'the profiler is told')
        log = sim.log()
    t.eq([r['path'] for r in log], ['/v1/completions', '/start_profile'] + ['/v1/completions'] * 4 + ['/stop_profile'], 'around the measured load')
    check, start, stop = (json.loads(log[i]['body']) for i in (0, 1, -1))
    t.eq((start, stop), (check, {k: v for k, v in check.items() if k != 'ignore_eos'} | {'model': 'm'}), 'with the bodies of the tool')
    with tk_it.Sim('--ttft', '1ms', '--itl', '0') as sim:
        out = tk_it.run('vllm', '--model', 'm', '--base-url', f'http://127.0.0.1:{sim.port}/v1', '--endpoint', '/completions', '--disable-tqdm',
                        *CUSTOM, '--num-prompts', '2', '--profile')
        t.eq(out.returncode, 0, 'a server without a profiler: the run goes on')
        t.has(out.stderr, "the profiler did not start: '127.0.0.1:", 'and it is said')
        t.has(out.stdout, 'Successful requests:                     2', 'with its result')


with tk_it.Folder():
    for part in (responses, pooling, audio, refusals, adapters, profiler):
        part()
t.done()
