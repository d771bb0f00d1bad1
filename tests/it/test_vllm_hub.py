"""Data sets from the hub in `tokmark vllm`: the Parquet conversion by ranges, plain files, the viewer, the cache, and a hub in trouble."""
import concurrent.futures
import json
import os
import subprocess

import hub_sets
import tk_it

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm/hf')
tok = os.path.join(tk_it.GOLDEN, 'vllm/load/tok')
hub = hub_sets.Hub()
MT = 'philschmid/mt-bench'
CODER = 'likaixin/InstructCoder'


def read(name):
    with open(os.path.join(here, name), 'rb') as f:
        return f.read()


def padded(data, n):
    """The same Parquet file with n bytes that nobody needs before its description."""
    length = int.from_bytes(data[-8:-4], 'little') + 8
    return data[:-length] + bytes(n) + data[-length:]


def run(path, name=None, *words, cache='cache', env=None):
    named = ['--hf-name', name] if name else []
    surroundings = {'HF_ENDPOINT': hub.url, 'HF_HUB_CACHE': os.path.abspath(cache), 'HF_TOKEN': 'hf_secret', 'HF_HUB_OFFLINE': '0', **(env or {})}
    return tk_it.run('vllm', '--model', 'm', '--tokenizer', tok, '--dataset-name', 'hf', '--dataset-path', path, *named, '--num-prompts', '8',
                     '--skip-chat-template', *words, '--dry-run', env=surroundings)


def prompts(out):
    return [json.loads(line)['body']['prompt'] for line in out.stdout.splitlines()]


def local(path, name, *words):
    return prompts(run(os.path.join(here, path), name, *words))


def same(out, want, what):
    t.eq(out.returncode, 0, f'{what}: {out.stderr}')
    t.ok(want and prompts(out) == want, f'{what}: the prompts are those of the files', prompts(out))


FILES = {f'default/train/{i:04}.parquet': padded(read(f'mt/data/train-0000{i}-of-00002.parquet'), 5 << 20) for i in range(2)}
FILES['default/test/0000.parquet'] = read('mt/data/test-00000-of-00001.parquet')


def check_conversion():
    hub.sets[MT] = {'refs/convert/parquet': FILES}
    for words in ([], ['--disable-shuffle'], ['--seed', '7']):
        hub.forget()
        same(run(MT, None, *words), local('mt', MT, *words), f'conversion {words}')
        t.ok(hub.sent < 300_000, f'{hub.sent} bytes of {sum(map(len, FILES.values()))} were sent')
        t.ok(hub.count('hub', 'token=Bearer hf_secret') > 0 and hub.count('cdn', 'hf_secret') == 0, 'the token is for the hub alone', hub.log)
        t.eq(hub.count('cdn GET', 'range=-'), 0, 'nothing but parts')
        t.eq(hub.count('/resolve/') - hub.count(f'/resolve/{hub_sets.COMMIT}/'), 0, 'all of the commit that the list is of')
        t.ok(not os.path.exists('cache/datasets--philschmid--mt-bench/blobs'), 'and nothing is kept')


def check_whole():
    """Files that are fetched whole are found again, also without a hub."""
    hub.forget()
    want = local('mt', MT, '--no-stream')
    same(run(MT, None, '--no-stream', cache='whole'), want, 'whole')
    t.ok(hub.sent > 10 << 20, f'{hub.sent} bytes: both files')
    hub.forget()
    same(run(MT, None, '--no-stream', cache='whole', env={'HF_HUB_OFFLINE': '1'}), want, 'offline')
    same(run(MT, None, cache='whole'), local('mt', MT), 'a stream of what is there already')
    t.eq(hub.count('resolve'), 0, 'no file is asked for twice')
    out = run(CODER, None, cache='whole', env={'HF_HUB_OFFLINE': '1'})
    t.eq(out.returncode, 1, 'offline and not in the cache')
    t.has(out.stderr, 'HF_HUB_OFFLINE', 'words')


def check_other_places():
    hub.sets[CODER] = {'main': {'README.md': b'# x', 'train.jsonl': read('coder/train.jsonl'), 'test.jsonl': read('coder/test.jsonl')}}
    same(run(CODER), local('coder', CODER), 'no conversion: the files of the data set')
    rows = [json.loads(line) for line in read('coder/train.jsonl').splitlines()]
    hub.viewed['likaixin/viewed'] = rows * 30
    hub.sets['likaixin/viewed'] = {'main': {'data.bin': b'x'}}
    hub.forget()
    out = run('likaixin/viewed', CODER, '--disable-shuffle', '--num-prompts', '150')
    same(out, (local('coder', CODER, '--disable-shuffle', '--num-prompts', '9') * 20)[:150], 'neither: what the viewer shows')
    t.eq(hub.count('GET /rows'), 2, 'in pages')
    hub.viewed['likaixin/split-views'] = rows
    hub.sets['likaixin/split-views'] = {'main': {'data.bin': b'x'}}
    same(run('likaixin/split-views', CODER), local('coder', CODER), 'the same, whatever words are in its name')
    hub.viewed['likaixin/cut'] = [{**rows[0], 'cut': ['input']}]
    hub.sets['likaixin/cut'] = {'main': {'data.bin': b'x'}}
    out = run('likaixin/cut', CODER)
    t.eq(out.returncode, 1, 'a cell that the viewer has cut')
    t.has(out.stderr, "the viewer has cut 'input' of row 0", 'words')
    hub.sets['org/math'] = {'main': {name: read('math/' + name) for name in ('README.md', 'one/part-0.parquet', 'two/part-0.parquet')}}
    same(run('org/math', 'AI-MO/NuminaMath-1.5', '--hf-subset', 'one'), local('math', 'AI-MO/NuminaMath-1.5', '--hf-subset', 'one'), 'a README names the files')
    hub.sets['org/several'] = {'refs/convert/parquet': {f'{s}/partial-train/0000.parquet': FILES['default/test/0000.parquet'] for s in ('a', 'b')}}
    same(run('org/several', MT, '--hf-subset', 'b'), local('mt/data/test-00000-of-00001.parquet', MT), 'a subset of which a part was converted')
    t.has(run('org/several', MT).stderr, "choose one with --hf-subset; there are ['a', 'b']", 'which subset')


def add_viewed(there, name):
    there.viewed[name] = [json.loads(line) for line in read('coder/train.jsonl').splitlines()]
    there.sets[name] = {'main': {'data.bin': b'x'}}
    return name


def no_rows(name, part, env):
    out = run(name, CODER, env=env)
    t.eq(out.returncode, 1, f'{part}: status')
    t.has(out.stderr, part, 'words')
    t.ok('hf_secret' not in out.stderr, f'{part}: no secrets')


def check_viewer_token():
    """The viewer shows gated sets to a token, which it gets where nobody else can read it."""
    want = local('coder', CODER)
    none = {'HF_TOKEN': '', 'HF_HUB_DISABLE_IMPLICIT_TOKEN': '1'}
    for fault in ('locked', 'forbidden', 'hidden', 'moved'):
        add_viewed(hub, f'{fault}/set')
    same(run('locked/set', CODER), want, 'a viewer that asks for a token')
    no_rows('locked/set', "does not show 'locked/set' (401) without a token: it is gated or private, ask for access at http://", none)
    no_rows('forbidden/set', "does not show 'forbidden/set' (403) to the token in use", None)
    no_rows('hidden/set', "does not show 'hidden/set' (404) to the token in use", None)
    hub.forget()
    same(run('moved/set', CODER), want, 'a viewer that is elsewhere')
    t.ok(hub.count('cdn GET /rows', 'token=- ') == 1 and hub.count('cdn', 'hf_secret') == 0, 'which gets no token', hub.log)
    for host in 'hub.example', '127.0.0.1.example':
        hub.forget()
        no_rows('locked/set', f"'{host}' does not show 'locked/set' (401) without a token, which is sent over https alone",
                {'HF_ENDPOINT': f'http://{host}', 'http_proxy': hub.url})
        t.ok(hub.count(f'GET http://{host}/splits', 'token=- ') == 1, f'nor does one that all could listen to: {host}', hub.log)
    subprocess.run('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=hub '
                   '-addext subjectAltName=DNS:localhost,DNS:datasets-server.localhost'.split(), check=True, capture_output=True)
    behind = hub_sets.Hub('cert.pem', 'key.pem')
    add_viewed(behind, 'locked/set')
    same(run('locked/set', CODER, env={'HF_ENDPOINT': behind.url, 'REQUESTS_CA_BUNDLE': os.path.abspath('cert.pem')}), want, 'a host of its own')
    t.eq(behind.count('GET /rows', 'token=Bearer hf_secret', 'host=datasets-server.localhost'), 1, 'which gets the token over https')


def check_trouble():
    small = {'default/train/0000.parquet': FILES['default/train/0000.parquet']}
    for fault in ('busy', 'cut', 'dead', 'norange', 'liar', 'down', 'patient', 'gated'):
        hub.sets[f'{fault}/set'] = {'refs/convert/parquet': small}
    want = local('mt/data/train-00000-of-00002.parquet', MT)
    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        outs = {fault: pool.submit(run, f'{fault}/set', MT, cache=f'cache-{fault}')
                for fault in ('busy', 'cut', 'dead', 'norange', 'liar', 'down', 'patient', 'gated', 'missing')}
        outs = {fault: out.result() for fault, out in outs.items()}
    same(outs['busy'], want, '429 that passes')
    same(outs['cut'], want, 'parts that are cut and asked for again')
    t.has(outs['cut'].stderr, 'trying again from byte', 'cut: it is said')
    same(outs['norange'], want, 'a hub that gives no parts')
    for fault, part in (('dead', 'does not come whole'), ('liar', 'damaged'), ('down', 'is out of order (status 500)'),
                        ('patient', 'was asked too often (429): try again in 3600 s'), ('gated', 'is gated'), ('missing', 'or it is private')):
        t.eq(outs[fault].returncode, 1, f'{fault}: status')
        t.has(outs[fault].stderr, part, f'{fault}: words')
        t.ok('hf_secret' not in outs[fault].stderr and 's3cr3t' not in outs[fault].stderr, f'{fault}: no secrets')
    hub.sets['org/many'] = {'refs/convert/parquet': {f'default/train/{i:05}.parquet': b'' for i in range(20001)}}
    out = run('org/many', MT)
    t.eq(out.returncode, 1, 'too many files: status')
    t.has(out.stderr, "'org/many': too many files", 'too many files: words')
    hub.sets['org/secret'] = {'main': {'README.md': None, 'train.jsonl': read('coder/train.jsonl')}}
    out = run('org/secret', CODER)
    t.eq(out.returncode, 1, 'a README that cannot be had, which may say that others are the files: status')
    t.has(out.stderr, "refuses access to 'org/secret' (403)", 'a README that cannot be had: words')
    out = run('org/name', MT, env={'HF_ENDPOINT': 'http://127.0.0.1:1'})
    t.eq(out.returncode, 1, 'no hub at all: status')
    t.has(out.stderr, 'could not be asked', 'no hub at all: words')


with tk_it.Folder():
    check_conversion()
    check_whole()
    check_other_places()
    check_viewer_token()
    check_trouble()
t.done()
