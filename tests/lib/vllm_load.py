"""The load that `tokmark vllm` makes, and how it differs from what `vllm bench serve` was found to make."""

import hashlib
import json
import os
import re
import subprocess

NEAR_S = 1e-6  # two instants are equal that differ by no more


def prompt_of(body):
    """The prompt of a body; of a chat the content of its message, of a form its file."""
    if isinstance(body, str):  # a character for each byte
        return hash_of(body.split('\r\n\r\n', 1)[1].split('\r\n--' + body.split('\r\n', 1)[0][2:])[0].encode('latin-1'))
    if 'messages' not in body:
        return body['prompt']
    (message,) = body['messages']
    return shown(message['content'])


def hash_of(file):
    return hashlib.sha256(file).hexdigest()


def shown(content):
    """Content parts as JSON, in the order of their keys, with the hash of the bytes in the place of a data URL."""
    return re.sub('"(data:[^"]*)"', lambda m: f'"{hashlib.sha256(m[1].encode()).hexdigest()}"', json.dumps(content))


def dry_run(tokmark, words):
    """The requests, and an error instead."""
    env = dict(os.environ, HF_HUB_OFFLINE='1')
    done = subprocess.run([tokmark, 'vllm', *words, '--dry-run'], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, {'error': done.stderr.strip(), 'status': done.returncode}
    return [json.loads(line) for line in done.stdout.split('\n')[:-1]], None  # splitlines() takes more for the end of a line


def our_bodies(tokmark, words):
    """The bodies, as json.dumps writes them, with their ids."""
    made, error = dry_run(tokmark, words)
    return error or {'requests': [{'id': r['headers'].get('x-request-id'), 'body': json.dumps(r['body'])} for r in made]}


def ours(tokmark, words):
    """The same from tokmark."""
    made, error = dry_run(tokmark, words)
    if error:
        return error
    got = []
    for r in made:
        got.append({'prompt': prompt_of(r['body']), 'prompt_len': r['prompt_tokens'], 'output_len': r['output_tokens'],
                    'id': r['headers'].get('x-request-id'), 'due': r['due_s']})
    return {'requests': got}


def difference(want, got):
    """The first one in words, None where there is none."""
    if 'error' in want or 'error' in got:
        if 'error' in want and 'error' in got:
            kind, _, text = want['error'].partition(': ')
            if kind in ('AttributeError', 'AssertionError'):  # it stumbles; what over is said here in other words
                return None
            return None if text and text[:60] in got['error'] else f'there: {want["error"]}\nhere: {got["error"]}'
        return f'there: {str(want)[:300]}\nhere: {str(got)[:300]}'
    want, got = want['requests'], got['requests']
    if len(want) != len(got):
        return f'{len(want)} requests there, {len(got)} here'
    for i, (a, b) in enumerate(zip(want, got)):
        for key, value in a.items():
            same = abs(value - b[key]) <= NEAR_S if key == 'due' else value == b[key]
            if not same:
                return f'request {i}, {key}:\nthere: {str(value)!r:.300}\nhere:  {str(b[key])!r:.300}'
    return None
