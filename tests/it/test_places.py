"""Results are written over nothing that is read, and over no run file."""
import hashlib
import json
import os
import subprocess

import tk_it

t = tk_it.Tap()
PROMPT = '{"prompt": "hello"}\n'


def content(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def kept(part, victim, *args):
    """Refused before anything is done: the words name the reason, the victim is as it was."""
    name = 'tokmark ' + ' '.join(map(str, args))
    there = os.path.exists(victim)
    before = content(victim) if there else None
    try:
        out = tk_it.run(*args, timeout=30)
    except subprocess.TimeoutExpired:
        t.ok(False, f'{name}: is refused at once')
        return
    t.eq((out.returncode, out.stdout), (2, ''), f'{name}: exit status ({out.stderr.strip()})')
    t.has(out.stderr, part, f'{name}: says why')
    t.eq(os.path.exists(victim), there, f'{name}: nothing is made, nothing is lost')
    if there:
        t.eq(content(victim), before, f'{name}: what was there is as it was')


def make(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def test_run(url):
    words = ('run', url, '-n', 2)
    kept("both --data and --json", 'd.jsonl', *words, '--data', 'd.jsonl', '--json', 'd.jsonl', '--no-file')
    kept("both --data and --json", 'd.jsonl', *words, '--data', './d.jsonl', '--json', 'soft.jsonl', '--no-file')
    kept("both --data and --json", 'd.jsonl', *words, '--data', 'd.jsonl', '--json', 'hard.jsonl', '--no-file')
    kept("both --data and --output", 'empty', *words, '--data', 'empty', '--overwrite', '-o', 'empty')
    kept("both --key-file and --json", 'key', *words, '--key-file', 'key', '--json', 'key', '--no-file')
    kept("both --output and --json", 'new', *words, '-o', 'new', '--json', os.path.abspath('new'))
    kept("both --output and --json", 'target', *words, '-o', 'dangling', '--json', 'target')
    kept('is a run file and is left alone', 'run.tokmark', *words, '--no-file', '--json', 'run.tokmark')
    kept('both --resume and --json', 'run.tokmark', 'run', '--resume', 'run.tokmark', '--json', 'run.tokmark')
    for _ in range(2):
        out = tk_it.run(*words, '--no-file', '--json', 'again.json')
        t.eq(out.returncode, 0, f'an earlier result may be written over ({out.stderr.strip()})')
    with open('again.json', encoding='utf-8') as f:
        t.eq(json.load(f)['requests']['sent'], 2, 'and is whole')
    out = tk_it.run(*words, '--no-file', '--json', '/dev/null')
    t.eq(out.returncode, 0, 'a device is no file')


def test_report():
    kept('both the run file and --output', 'run.tokmark', 'report', 'run.tokmark', '-o', 'run.tokmark')
    kept('both the run file and --output', 'run.tokmark', 'report', 'run.tokmark', '-o', 'run-hard.tokmark')
    kept('is a run file and is left alone', 'other.tokmark', 'report', 'run.tokmark', '--format', 'json', '-o', 'other.tokmark')
    kept("'more' is one word too many", 'run.tokmark', 'report', 'run.tokmark', 'more')
    for _ in range(2):
        out = tk_it.run('report', 'run.tokmark', '-o', 'report.txt')
        t.eq((out.returncode, out.stdout), (0, ''), f'an earlier report may be written over ({out.stderr.strip()})')


def test_others(url):
    kept('is no log of a simulator', 'd.jsonl', 'sim', '--port', 0, '--log', 'd.jsonl')
    kept('is a run file and is left alone', 'run.tokmark', 'sim', '--port', 0, '--log', 'run.tokmark')
    kept('both --cert and --log', 'empty', 'sim', '--cert', 'empty', '--key', 'key', '--log', 'empty')
    kept('both --cert-out and --log', 'new', 'sim', '--tls', '--cert-out', 'new', '--log', 'new')
    kept('is a run file and is left alone', 'run.tokmark', 'selftest', '--json', 'run.tokmark')
    vllm = ('vllm', '--base-url', url, '--model', 'sim', '--dataset-name', 'custom', '--skip-chat-template', '--skip-tokenizer-init',
            '--num-prompts', 1, '--save-result')
    kept('both --dataset-path and --result-filename', 'd.jsonl', *vllm, '--dataset-path', 'd.jsonl', '--result-filename', 'd.jsonl')
    kept('both --dataset-path and --result-filename', 'd.jsonl', *vllm, '--dataset-path', 'd.jsonl', '--result-dir', os.getcwd(),
         '--result-filename', 'd.jsonl')
    kept('is a run file and is left alone', 'run.tokmark', *vllm, '--dataset-path', 'd.jsonl', '--result-filename', 'run.tokmark')


def test_folders(url):
    for args in (('report', 'folder'), ('run', '--resume', 'folder'), ('run', url, '-o', 'folder'), ('run', url, '-o', 'folder', '--overwrite'),
                 ('run', url, '--no-file', '--json', 'folder'), ('report', 'run.tokmark', '-o', 'folder')):
        kept("'folder' is a folder", 'run.tokmark', *args)
    kept('cannot be written', 'run.tokmark', 'run', url, '-o', '/no/such/folder/x')


with tk_it.Folder():
    make('d.jsonl', PROMPT)
    make('key', 'secret')
    make('empty', '')
    os.mkdir('folder')
    os.symlink('d.jsonl', 'soft.jsonl')
    os.link('d.jsonl', 'hard.jsonl')
    os.symlink('target', 'dangling')
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as server:
        for run_file in ('run.tokmark', 'other.tokmark'):
            tk_it.run('run', server.url, '-n', 2, '-o', run_file)
        os.link('run.tokmark', 'run-hard.tokmark')
        test_run(server.url)
        test_report()
        test_others(server.url)
        test_folders(server.url)
        t.eq(len(server.log()), 10, 'only what was not refused was sent')
t.done()
