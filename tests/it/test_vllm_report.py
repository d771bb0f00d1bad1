"""`tokmark report --format vllm` and `vllm-json` of a run of `tokmark vllm`, byte for byte what the run itself printed and wrote."""
import contextlib
import json
import os
import signal
import sqlite3
import sys
import time
import wave

import tk_it
import vllm_server

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm')
sys.path.append(os.path.join(here, '../../parity/vllm'))
import output_cases  # noqa: E402

TOK = os.path.join(here, 'load/tok')
CUSTOM = ['--dataset-name', 'custom', '--dataset-path', os.path.join(here, 'prompts.jsonl'), '--skip-chat-template', '--custom-output-len', '5']
PLAIN = [*CUSTOM, '--skip-tokenizer-init']
COUNTED = [*CUSTOM, '--tokenizer', TOK]
BATCH = ['--dataset-name', 'random', '--random-input-len', '9', '--random-batch-size', '2', '--tokenizer', TOK]
AUDIO = ['--dataset-name', 'custom_audio', '--dataset-path', 'audio.jsonl', '--tokenizer', TOK, '--custom-output-len', '4']
COMMON = ['--model', 'org/m', '--num-prompts', '6', '--disable-tqdm', '--ready-check-timeout-sec', '0', '--save-result', '--result-filename', 'r.json']
BEGIN = '============ Serving Benchmark Result'
CHAT = ['--backend', 'openai-chat', '--endpoint', '/v1/chat/completions']
QUEUE = ['--percentile-metrics', 'client_queue_time,ttft,e2el_including_client_queue', '--max-concurrency', '2', '--save-detailed']
POOLING = ['--backend', 'vllm-pooling', '--endpoint', '/pooling']
ALL = ['--percentile-metrics', 'itl,ttft,e2el,tpot', '--metric-percentiles', '99.9,5,50', '--save-detailed', '--request-rate', '300.5', '--burstiness', '0.7',
       '--max-concurrency', '4', '--goodput', 'e2el:20', 'ttft:inf', '--label', 'a "label" \u00fc', '--metadata', 'tp=4', ' \u00e9 = b=c ', 'duration=x']

CASES = {
    'as it comes': [*PLAIN],
    'everything asked for': [*COUNTED, *ALL],
    'the server counts': [*PLAIN, *ALL],
    'chat, a ramp': [*COUNTED, *CHAT, '--ramp-up-strategy', 'linear', '--ramp-up-start-rps', '90', '--ramp-up-end-rps', '95', '--burstiness', 'inf'],
    'made-up prompts': [*COMMON[:2], '--random-input-len', '20', '--random-output-len', '4', '--tokenizer', TOK, '--save-detailed'],
    'probes': [*PLAIN, *CHAT, '--probe-request-rate', '300', '--max-concurrency', '1'],
    'queue, closed': [*PLAIN, *QUEUE],
    'queue, open': [*PLAIN, *QUEUE, '--request-rate', '200'],
    'responses': [*COUNTED, '--backend', 'openai-responses', '--endpoint', '/v1/responses', '--save-detailed'],
    'audio': [*AUDIO, '--backend', 'openai-audio', '--endpoint', '/v1/audio/transcriptions', '--save-detailed'],
    'some fail': [*COUNTED, '--extra-body', '{"sim": "status=503"}', '--lora-modules', 'a', 'b', '--save-detailed'],
    'no usage': [*COUNTED, '--extra-body', '{"sim": "usage=none"}'],
    'pooling': [*BATCH, *POOLING, '--save-detailed', '--metric-percentiles', '50,90'],
    'pooling, bytes alone': [*BATCH, *POOLING, '--extra-body', '{"encoding_format": "bytes_only"}', '--save-detailed'],
    'pooling, no metric': [*BATCH, *POOLING, '--percentile-metrics', ''],
    'rerank': [*BATCH, '--backend', 'vllm-rerank', '--endpoint', '/rerank', '--save-detailed'],
    'infinity': [*COUNTED, '--backend', 'infinity-embeddings', '--endpoint', '/embeddings', '--label', ''],
    **{name: [*COUNTED, '--backend', name, '--endpoint', '/v1/embeddings', '--save-detailed']
       for name in ('openai-embeddings', 'openai-embeddings-chat', 'openai-embeddings-clip', 'openai-embeddings-vlm2vec')},
}


def read(name):
    with open(name, 'rb') as f:
        return f.read()


def report(*words, env=None):
    return tk_it.run('report', 'r.tokmark', *words, env=env)


def block_of(out):
    """What was printed from the block on, without the line that says where the JSON is."""
    return ''.join(line for line in out[out.find(BEGIN):].splitlines(True) if not line.startswith('JSON  '))


def run(port, words, env=None):
    """A run; what it printed from its block on."""
    for name in 'r.json', 'r.tokmark':
        if os.path.exists(name):
            os.remove(name)
    done = tk_it.run('vllm', *COMMON, '--port', port, *words, env=env)
    return done, block_of(done.stdout)


def compare(name, printed, env=None):
    block = report('--format', 'vllm', env=env)
    t.eq((block.returncode, block.stdout), (0, printed), f'{name}: the block')
    file = report('--format', 'vllm-json', env=env)
    t.eq((file.returncode, file.stdout), (0, read('r.json').decode()), f'{name}: the file')


def check_cases():
    with wave.open('a.wav', 'wb') as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(16000)
        f.writeframes(bytes(range(256)) * 20)
    with open('audio.jsonl', 'w', encoding='utf-8') as f:
        f.writelines(json.dumps({'prompt': '', 'audio': os.path.abspath('a.wav')}) + '\n' for _ in range(6))
    with tk_it.Sim('--ttft', '3ms', '--itl', '1ms') as sim:
        for name, words in CASES.items():
            done, printed = run(sim.port, words)
            t.eq((done.returncode, printed.startswith(BEGIN)), (0, True), f'{name}: the run ({done.stderr.strip()})')
            compare(name, printed)


def check_counters():
    for name, metrics in (('drafts', output_cases.DRAFTS), ('diffusion', output_cases.DIFFUSION), ('no counters', None)):
        with vllm_server.Server({'metrics': metrics} if metrics else {}) as server:
            _, printed = run(server.port, [*PLAIN, '--server-counters'])
        t.eq(('Speculative' in printed or 'Diffusion' in printed), metrics is not None, f'{name}: the run has them')
        compare(name, printed)


def check_interrupt():
    with tk_it.Sim('--ttft', '60s') as sim:
        p = tk_it.start('vllm', *COMMON, *COUNTED, *QUEUE, '--port', sim.port)
        while p.stdout.readline() != 'Maximum request concurrency: 2\n':
            pass
        time.sleep(0.2)
        p.send_signal(signal.SIGINT)
        while 'stopping' not in p.stderr.readline():
            pass
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=60)
    t.eq(p.returncode, 130, 'Ctrl-C: exit status')
    compare('Ctrl-C', block_of(out))


def check_elsewhere():
    """Dates are those of the clocks where the run was made."""
    with tk_it.Sim('--ttft', '1ms') as sim:
        _, printed = run(sim.port, [*COUNTED, '--ramp-up-strategy', 'exponential', '--ramp-up-start-rps', '90', '--ramp-up-end-rps', '99'], env={'TZ': 'XXX-5:30'})
    compare('elsewhere', printed, env={'TZ': 'YYY+3'})
    t.eq(json.loads(read('r.json'))['rps_change_events'][0]['rps'], 90, 'elsewhere: there are instants')


def check_over():
    """Options of the report stand over what was asked for."""
    with tk_it.Sim('--ttft', '3ms', '--itl', '1ms') as sim:
        run(sim.port, [*COUNTED, '--goodput', 'ttft:0', '--percentile-metrics', 'ttft,e2el'])
    as_it_was = json.loads(read('r.json'))
    t.eq((as_it_was['request_goodput'], 'ttfts' in as_it_was), (0, False), 'over: the run')
    got = json.loads(report('--format', 'vllm-json', '--percentiles', '25,75', '--slo', 'e2el=10s,tpot=1s', '--detailed').stdout)
    t.eq([k for k in got if k.endswith('_ms')], [f'{s}_{m}_ms' for m in ('ttft', 'e2el') for s in ('mean', 'median', 'std', 'p25', 'p75')], 'over: percentiles')
    t.eq((got['request_goodput'], len(got['ttfts'])), (got['request_throughput'], 6), 'over: objectives, details')
    t.eq(json.loads(report('--format', 'vllm-json', '--slo', 'none').stdout)['request_goodput'], None, 'over: no objectives')
    refused = report('--format', 'vllm', '--slo', 'ttft=1s,itl=1ms')
    t.eq((refused.returncode, refused.stdout), (2, ''), 'over: an objective that the form has not')
    t.has(refused.stderr, "vLLM's forms have goodput by ttft, tpot and e2el alone", 'over: why')


def set_fact(value):
    with contextlib.closing(sqlite3.connect('r.tokmark')) as db, db:
        db.execute("UPDATE run SET value = ? WHERE key = 'vllm'", (value,))


def get_fact():
    with contextlib.closing(sqlite3.connect('r.tokmark')) as db:
        return db.execute("SELECT value FROM run WHERE key = 'vllm'").fetchone()[0]


def check_facts():
    with tk_it.Sim('--ttft', '1ms') as sim:
        run(sim.port, [*PLAIN, '--header', 'Authorization=Bearer s3cret-a', 'x-my-key=s3cret-b', '--label', 'l'],
            env={'OPENAI_API_KEY': 's3cret-c'})
    t.ok(b's3cret' not in read('r.tokmark'), 'no value of a header is in the file')
    fact = json.loads(get_fact())
    for name, change in (('another backend', {'backend': 'later'}), ('a percentile', {'percentiles': [101]}), ('too many', {'percentiles': [1] * 65}),
                         ('an object', {'metadata': {}}), ('a word', {'num_prompts': 'x'})):
        set_fact(json.dumps({**fact, **change}))
        out = report('--format', 'vllm')
        t.eq((out.returncode, out.stdout), (2, ''), f'damaged, {name}: refused')
        t.has(out.stderr, "the form of the run's result cannot be read", f'damaged, {name}: said')
    set_fact('{')
    t.eq(report('--format', 'vllm').returncode, 2, 'damaged, no JSON')
    set_fact(json.dumps({**fact, 'later': [1, {}]}))
    t.eq(report('--format', 'vllm-json').stdout, read('r.json').decode(), 'a member of a later version is passed over')
    with contextlib.closing(sqlite3.connect('r.tokmark')) as db, db:
        db.execute("DELETE FROM run WHERE key = 'vllm'")
    old = report('--format', 'vllm-json')
    t.eq((old.returncode, json.loads(old.stdout)['label'], json.loads(old.stdout)['completed']), (0, None, 6), 'an older file: by its plan')


with tk_it.Folder():
    for part in (check_cases, check_counters, check_interrupt, check_elsewhere, check_over, check_facts):
        part()
t.done()
