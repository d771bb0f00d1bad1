#!/usr/bin/env python3
"""The cache of tokmark and that of huggingface_hub: the same files, links and modes, each found by the other.

usage: TOKMARK=build/tokmark hub_cache.py       with a Python that has huggingface_hub (0.36)

Both fetch the same files from the hub of the unit tests into a cache of their own; the trees are compared,
then each program is given the other's and must not download anything.
"""
import hashlib
import os
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKMARK = os.path.abspath(os.environ.get('TOKMARK', 'build/tokmark'))


def tree(folder):
    """Path, kind, mode, and what is in it."""
    out = []
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            p = os.path.join(path, name)
            if os.path.islink(p):
                what = os.readlink(p)
            elif os.path.isfile(p):
                with open(p, 'rb') as f:
                    what = hashlib.sha256(f.read()).hexdigest()
            else:
                what = 'folder'
            out.append((os.path.relpath(p, folder), oct(os.lstat(p).st_mode), what))
    # CACHEDIR.TAG and what only one of them asks for is not compared.
    return sorted(o for o in out if 'no_exist' not in o[0] and 'CACHEDIR' not in o[0])


def theirs(env, offline=False):
    code = ('from huggingface_hub import hf_hub_download as get\n'
            f'for f in ("tokenizer.json", "config.json"): get("t/ok", f, local_files_only={offline})')
    subprocess.run([sys.executable, '-c', code], env=env, check=True)


def ours(env):
    # What the test hub calls tokenizer.json is none: it is fetched, and then refused.
    out = subprocess.run([TOKMARK, 'tokenize', '-t', 't/ok', 'x'], env=env, capture_output=True, text=True, check=False)
    assert 'snapshots' in out.stderr, out.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'log')
        server = subprocess.Popen([sys.executable, os.path.join(TESTS, 'unit/hub/hub_server.py'), log], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        endpoint = f'http://127.0.0.1:{server.stdout.readline().split()[0]}'
        homes = {who: os.path.join(folder, who) for who in ('ours', 'theirs')}
        envs = {who: {**os.environ, 'HF_ENDPOINT': endpoint, 'HF_HOME': home, 'HF_TOKEN_PATH': '/none', 'HF_HUB_DISABLE_XET': '1'}
                for who, home in homes.items()}
        ours(envs['ours'])
        theirs(envs['theirs'])
        trees = [tree(os.path.join(homes[who], 'hub')) for who in ('ours', 'theirs')]
        for mine, other in zip(*trees):
            assert mine == other, (mine, other)
        assert len(trees[0]) == len(trees[1]), trees
        open(log, 'w', encoding='utf-8').close()
        ours(envs['theirs'])
        theirs(envs['ours'])
        theirs(envs['ours'], offline=True)
        with open(log, encoding='utf-8') as f:
            downloads = [line for line in f if ' GET ' in line and '/api/' not in line]
        assert not downloads, downloads
        server.stdin.close()
        server.wait()
    print(f'the same {len(trees[0])} files and folders; each found by the other')


main()
