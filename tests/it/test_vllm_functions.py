"""The Berkeley function calling leaderboard in `tokmark vllm`: vectors that tests/parity/vllm/functions --write took from vLLM 0.32.0, the
hub, and what is refused."""
import json
import os
import shutil

import hub_sets
import tk_it
import vllm_functions

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm/functions')
tok = os.path.join(tk_it.GOLDEN, 'vllm/load/tok')
NAME = 'gorilla-llm/Berkeley-Function-Calling-Leaderboard'
CHAT = ['--backend', 'openai-chat', '--endpoint', '/v1/chat/completions']
ROW = json.dumps({'question': [[{'role': 'user', 'content': 'a'}]], 'function': [{'name': 'f'}]})


def check_vectors(tokenizers):
    with open('vectors.jsonl', encoding='utf-8') as f:
        vectors = [json.loads(line) for line in f]
    t.ok(len(vectors) > 20, 'there are vectors')
    for v in vectors:
        got = vllm_functions.ours(tk_it.TOKMARK, [tokenizers.get(w, w) for w in v['words']])
        why = vllm_functions.difference(v, got)
        t.ok(why is None, f'{v["name"]}, seed {v["words"][-1]}', why)
        if 'error' in v:
            t.eq(got.get('status'), 1, f'{v["name"]}: what the program raises is status 1')


def run(path, *words, tokenizer=tok, env=None, end=('--dry-run',)):
    named = ['--hf-name', NAME] if path != NAME else []
    surroundings = {'HF_HUB_OFFLINE': '1', **(env or {})}
    return tk_it.run('vllm', '--model', 'm', '--tokenizer', tokenizer, '--dataset-name', 'hf', '--dataset-path', path, *named, *CHAT,
                     '--num-prompts', '5', '--request-id-prefix', 'x-', *words, *end, env=surroundings)


def refused(name, path, part, *words, status=1, **more):
    out = run(path, *words, **more)
    t.eq(out.returncode, status, f'{name}: status')
    t.has(out.stderr, part, f'{name}: words')


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def check_hub():
    hub = hub_sets.Hub()
    files = {}
    for name in ('simple', 'live_simple', 'multiple'):
        with open(f'BFCL_v3_{name}.json', 'rb') as f:
            files[f'BFCL_v3_{name}.json'] = f.read()
    hub.sets[NAME] = {'main': files}
    env = {'HF_ENDPOINT': hub.url, 'HF_HUB_CACHE': os.path.abspath('cache'), 'HF_HUB_OFFLINE': '0'}
    out = run(NAME, env=env)
    t.eq(out.returncode, 0, f'the hub: {out.stderr}')
    t.eq(out.stdout, run('.').stdout, 'its files are those of the folder')
    t.eq(run(NAME, env={**env, 'HF_HUB_OFFLINE': '1'}).stdout, out.stdout, 'and in the cache then')
    refused('a category that the hub does not have', NAME, "BFCL category 'nope' not found: file 'BFCL_v3_nope.json' does not exist in gorilla-llm/",
            '--bfcl-categories', 'nope', env=env)
    refused('no hub', NAME, 'HF_HUB_OFFLINE', '--bfcl-categories', 'other')


def check_refused():
    refused('a broken line', 'broken', "'broken/BFCL_v3_simple.json', line 3: this is not JSON: '{\"question\": [}'", '--bfcl-categories', 'simple')
    refused('a word behind a row', 'more', "line 1: this is not JSON", '--bfcl-categories', 'simple')
    refused('a row that is no object', 'list', "'list/BFCL_v3_simple.json', line 2: the row is no object: '[1]'", '--bfcl-categories', 'simple')
    refused('a bad message', 'message', "line 1: a message of its 'question' is no object", '--bfcl-categories', 'simple')
    refused('nothing to send', 'nothing', "none of the 1 rows of 'nothing'", '--bfcl-categories', 'simple')
    refused('no rows', 'empty', "'empty' has no rows", '--bfcl-categories', 'simple')
    refused('too deep', 'deep', 'line 1: it cannot be sent', '--bfcl-categories', 'simple')
    refused('too many categories', '.', 'more than 64 categories', '--bfcl-categories', ','.join(['simple'] * 65))
    refused('a name that is too long', '.', 'is too long', '--bfcl-categories', 'x' * 2000)
    refused('out of the folder', 'broken', 'BFCL_v3_/../../BFCL_v3_simple', '--bfcl-categories', '/../../BFCL_v3_simple')
    refused('no tokenizer', '.', 'no-such', tokenizer='no-such')


def check_lengths(tokenizers):
    for name, n in (('{tok}', 0), ('{strict}', 3), ('{none}', 5)):
        with tk_it.Sim('--itl', '0') as sim:
            out = run('.', '--port', sim.port, '--disable-tqdm', tokenizer=tokenizers[name], end=())
        t.eq(out.returncode, 0, f'{name}: {out.stderr}')
        t.ok((f'refuses them: {n}' in out.stderr) == (n > 0), f'{name}: lengths without a template are said', out.stderr)


def check_sent():
    """Over a socket; and the probe, which has the functions of the first request and a text of its own."""
    first = json.loads(run('.').stdout.splitlines()[0])['body']
    hi = [{'role': 'user', 'content': [{'type': 'text', 'text': 'Hi'}]}]
    probe = tk_it.body_hash(json.dumps({**first, 'messages': hi, 'max_completion_tokens': 1}))
    with tk_it.Sim('--ttft', '50ms', '--itl', '0') as sim:
        out = run('.', '--port', sim.port, '--probe-request-rate', '50', '--disable-tqdm', end=())
        t.eq(out.returncode, 0, f'probes: {out.stderr}')
        seen = [r['body_hash'] for r in sim.log()]
    t.ok(tk_it.body_hash(json.dumps(first)) in seen, 'the first request is sent', seen)
    t.ok(probe in seen, 'and probes with its functions', seen)


with tk_it.Folder():
    shutil.copytree(here, '.', dirs_exist_ok=True)
    made = vllm_functions.tokenizers(tok, os.path.abspath('.'))
    write('broken/BFCL_v3_simple.json', f'{ROW}\n\n{{"question": [}}\n{ROW}\n')
    write('more/BFCL_v3_simple.json', f'{ROW} x\n')
    write('list/BFCL_v3_simple.json', f'{ROW}\n[1]\n')
    write('message/BFCL_v3_simple.json', '{"question": [["a"]], "function": [{}]}')
    write('nothing/BFCL_v3_simple.json', '{"question": [], "function": [{}]}')
    write('empty/BFCL_v3_simple.json', '\n\n')
    write('deep/BFCL_v3_simple.json', f'{{"question": [[{{}}]], "function": {"[" * 70}{"]" * 70}}}')
    check_vectors(made)
    check_hub()
    check_refused()
    check_lengths(made)
    check_sent()
t.done()
