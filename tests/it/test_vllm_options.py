"""Every option of the page of `vllm bench serve`, taken from it by tests/parity/vllm/page, and those that are newer."""
import json
import os
import re

import tk_it

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')

# What the page shows empty or cannot show: the defaults are the program's own.
NOT_ON_THE_PAGE = {
    '--random-mm-limit-mm-per-prompt': "{'image': 255, 'video': 1}",
    '--random-mm-bucket-config': '{(256, 256, 1): 0.5, (720, 1280, 1): 0.5, (720, 1280, 16): 0.0}',
}

# A sensible value where the default does not tell one.
VALUES = {
    '--base-url': 'http://127.0.0.1:9', '--blazedit-max-distance': '0.7', '--common-prefix-len': '3', '--dataset-path': 'prompts.jsonl',
    '--endpoint': '/v2/completions', '--extra-body': '{"a": 1}', '--goodput': 'ttft:500', '--header': 'A=b', '--hf-name': 'a/b', '--hf-output-len': '9',
    '--hf-split': 'train', '--hf-subset': 'main', '--label': 'try', '--logprobs': '2', '--lora-modules': 'one', '--max-concurrency': '3',
    '--metadata': 'a=b', '--metric-percentiles': '50,99.9', '--model': 'n', '--percentile-metrics': 'e2el', '--random-mm-bucket-config':
    '{(8, 8, 1): 1.0}', '--random-mm-limit-mm-per-prompt': '{"image": 3}', '--request-id-prefix': 'x-', '--result-dir': 'there',
    '--result-filename': 'r.json', '--served-model-name': 's', '--sharegpt-output-len': '9', '--spec-bench-category': 'math', '--tokenizer': 'tok',
    '--tokenizer-mode': 'hf', '--top-k': '5', '--top-p': '0.9', '--min-p': '0.1', '--temperature': '0.5', '--frequency-penalty': '-0.5', '--presence-penalty': '0.5',
    '--repetition-penalty': '1.1', '--host': 'localhost', '--request-rate': '3.5', '--burstiness': '0.5',
    '--ramp-up-start-rps': '1', '--ramp-up-end-rps': '2',
    # newer than the page
    '--bfcl-categories': 'simple', '--chat-template-kwargs': '{"a": 1}', '--input-len': '9', '--output-len': '9', '--speed-bench-category': 'math',
    '--timeline-itl-thresholds': '10,20', '--asr-max-audio-len-sec': '30',
}

# Words that go with one.
WITH = {
    '--ramp-up-strategy': ['--ramp-up-start-rps', '1', '--ramp-up-end-rps', '2'],
    'openai-chat': ['--endpoint', '/v1/chat/completions'],
    'openai-audio': ['--endpoint', '/v1/audio/transcriptions'],
    'vllm-rerank': ['--endpoint', '/v1/rerank'],
    '--plot-timeline': ['--save-result'],
    '--self-timed': ['--dataset-name', 'timed_trace'],
    '--plot-dataset-stats': ['--save-result'],
}
for backend in ('openai-embeddings', 'openai-embeddings-chat', 'openai-embeddings-clip', 'openai-embeddings-vlm2vec', 'infinity-embeddings',
                'infinity-embeddings-clip'):
    WITH[backend] = ['--endpoint', '/v1/embeddings']

BASE = ['--model', 'm', '--dataset-name', 'custom', '--dataset-path', 'prompts.jsonl', '--skip-chat-template', '--skip-tokenizer-init',
        '--num-prompts', '2', '--print-config']


def shown(words):
    """What --print-config says of the options; or why it does not."""
    r = tk_it.run('vllm', *words)
    return (json.loads(r.stdout)['options'], None) if r.returncode == 0 else (None, r.stderr.strip())


def text_of(value):
    """As the page shows a value."""
    return value if value is None else 'inf' if value == 'inf' else str(value)


def values_of(option):
    """Words to try it with; [] is a flag."""
    if option['default'] == 'False' or option['name'] == '--self-timed':
        return [[]]
    if option['choices']:
        return [[c] for c in option['choices']]
    return [[VALUES.get(option['name'], option['default'])]]


def check_accepted(name, value):
    last = value[-1:] if name == '--backend' else []
    words = [*BASE, name, *value, *WITH.get(name, []), *(WITH.get(last[0], []) if last else [])]
    if name == '--dataset-name' and value[0] in ('random', 'random-mm', 'random-rerank', 'prefix_repetition'):
        words = [w for w in words if w not in ('--dataset-path', 'prompts.jsonl')]
    if last in (['openai-audio'], ['vllm-rerank']):  # nothing of the others can be sent; without a tokenizer nothing is made
        words = [w for w in words if w not in ('--dataset-path', 'prompts.jsonl')]
        words[words.index('custom')] = 'random-rerank' if last == ['vllm-rerank'] else 'random'
    if value == ['sharegpt']:
        words[words.index('prompts.jsonl')] = os.path.join(golden, 'sharegpt.json')
    if value == ['hf']:
        words += ['--hf-name', 'philschmid/mt-bench']
    if value == ['random-mm']:
        words += ['--backend', 'openai-chat', *WITH['openai-chat']]
    found, why = shown(words)
    if why and 'not supported yet' in why:
        return t.skip(f'{name} {" ".join(value)} is refused by name: {why}')
    if t.ok(found is not None, f'{name} {" ".join(value)} is accepted', why):
        entry = found[name[2:]]
        t.eq(entry['from'], 'command line', f'{name} {" ".join(value)} is taken')
    return None


def check_page():
    with open(os.path.join(golden, 'page.json'), encoding='utf-8') as f:
        page = json.load(f)
    t.eq(len(page), 80, 'options of the page')
    defaults, why = shown(['--model', 'm', '--dataset-name', 'random', '--print-config'])
    t.ok(defaults is not None, 'defaults', why)
    for option in page:
        name = option['name']
        want = NOT_ON_THE_PAGE.get(name, option['default'])
        got = defaults[name[2:]]['value']
        if name == '--request-id-prefix':
            requests = tk_it.run('vllm', *BASE[:-1], '--dry-run').stdout
            t.ok(re.search('"bench-[0-9a-f]{8}-0"', requests), f'{name}: eight digits of its own', requests)
        elif name != '--model':
            t.eq(text_of(got), want, f'{name}: the default')
        for value in values_of(option):
            check_accepted(name, value)


def check_abbreviations():
    """The shortest that the page's options allow mean the same though there are more options by now."""
    with open(os.path.join(golden, 'page.json'), encoding='utf-8') as f:
        page = json.load(f)
    names = [option['name'] for option in page] + ['--help']
    for option in page:
        name = option['name']
        short = next(name[:n] for n in range(3, len(name) + 1) if name[:n] == name or sum(other.startswith(name[:n]) for other in names) == 1)
        value = ['custom'] if name == '--dataset-name' else values_of(option)[0]
        found, why = shown([*BASE, short, *value, *WITH.get(name, [])])
        t.ok(found is not None and found[name[2:]]['from'] == 'command line', f'{short} is {name}', why or found[name[2:]])


def check_newer():
    """The options of 0.32.0 that the page does not have, with its defaults."""
    with open(os.path.join(golden, 'newer.json'), encoding='utf-8') as f:
        newer = json.load(f)
    defaults, _ = shown(['--model', 'm', '--dataset-name', 'random', '--print-config'])
    for option in newer:
        if t.ok(option['name'][2:] in defaults, f'{option["name"]} is there'):
            want = 'False' if option['name'] == '--self-timed' else option['default']  # None there: as the data set has it
            t.eq(text_of(defaults[option['name'][2:]]['value']), want, f'{option["name"]}: the default')
            for value in values_of(option):
                check_accepted(option['name'], value)


def check_plan():
    """What the requests say, also where the command line says nothing; no list of arguments, of which there are none."""
    for words, sampling in (([], {'temperature': 0.0, 'repetition_penalty': 1.0}),
                            (['--temperature', '0.5', '--ignore-eos', '--extra-body', '{"top_k": 3, "stop": "x"}'],
                             {'temperature': 0.5, 'repetition_penalty': 1.0, 'ignore_eos': True, 'top_k': 3}),
                            ([*WITH['openai-embeddings'], '--backend', 'openai-embeddings'], {}),
                            ([*WITH['openai-audio'], '--backend', 'openai-audio', '--dataset-name', 'hf', '--dataset-path', 'openslr/librispeech_asr'],
                              {'temperature': 0.0})):
        d = json.loads(tk_it.run('vllm', *BASE, *words).stdout)
        t.eq((d['plan']['sampling'], 'adapters' in d['plan'], 'arguments' in d), (sampling, False, False), f'{words}: the plan')
    d = json.loads(tk_it.run('vllm', *BASE, '--lora-modules', 'a', 'b').stdout)
    t.eq((d['plan']['adapters'], d['plan']['adapter_choice']), (['a', 'b'], 'random'), 'adapters are in the plan')


def check_idle():
    """Options without an effect say so, once."""
    with tk_it.Sim() as sim:
        r = tk_it.run('vllm', *BASE[:-1], '--port', sim.port, '--use-beam-search', '--common-prefix-len', '3', '--trust-remote-code', '--plain',
                      '--ramp-up-start-rps', '5', '--ramp-up-end-rps', '50', '--save-detailed', '--enable-multimodal-chat')
        t.eq(r.returncode, 0, 'options without effect: the run')
        for name in ('use-beam-search', 'common-prefix-len', 'trust-remote-code', 'ramp-up-start-rps', 'ramp-up-end-rps', 'save-detailed',
                     'enable-multimodal-chat'):
            t.eq(r.stderr.count(f'--{name} has no effect'), 1, f'--{name}: said once')
        plain = tk_it.run('vllm', *BASE[:-1], '--port', sim.port, '--plain', '--percentile-metrics', '')
        t.ok('no effect' not in plain.stderr and 'has no' not in plain.stderr, 'nothing is said without them', plain.stderr)
        r = tk_it.run('vllm', *BASE[:-1], '--port', sim.port, '--ready-check-timeout-sec', '1', '--extra-body', '{"sim": "status=503"}')
        t.eq(r.returncode, 1, 'a server that is not ready: status')
        t.has(r.stderr, 'Error: http-status 503: simulated error', 'a server that is not ready: says which status it gave')


with tk_it.Folder():
    os.symlink(os.path.join(golden, 'load/tok'), 'tok')
    os.symlink(os.path.join(golden, 'prompts.jsonl'), 'prompts.jsonl')
    check_page()
    check_abbreviations()
    check_newer()
    check_plan()
    check_idle()
t.done()
