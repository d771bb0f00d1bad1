"""Command lines that `vllm bench serve` refuses: the same exit status and words (tests/golden/vllm/errors.jsonl, made by tests/parity/vllm/errors)."""
import json
import os
import re
import sys

import tk_it
import vllm_server

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
sys.path.append(os.path.join(tk_it.GOLDEN, '../parity/vllm'))
import error_cases  # noqa: E402

SHOWN = 110  # bytes of its words: lists of choices are longer here by what is newer


def words_of(error):
    """What it says, without the kind of exception; of a set the members in any order, of a check without the server's words."""
    text = error.partition('rror: ')[2].partition(' Error: ')[0]
    text = re.sub(r"subset: invalid choice: 'x' .*", 'subset: invalid choice: ', text)  # a set, too
    text = re.sub(r"\{('[a-z/]+')(, '[a-z/]+')*\}.*", '', text)
    return text.strip()[:SHOWN]


def check(server, case):
    words = [w.replace('{port}', str(server.port)) for w in [*error_cases.BASE, *case['words']]]
    name = ' '.join(case['words'])
    is_check = case['words'] == ['--ready-check-timeout-sec', '1']
    server.requests.clear()
    server.told = {'status': 503} if is_check else {}
    r = tk_it.run('vllm', *words, '--plain')
    t.eq(r.returncode, case['status'], f'{name}: exit status')
    t.has(r.stderr, words_of(case['error']), f'{name}: its words')
    t.ok(is_check or not server.requests, f'{name}: nothing is sent', server.requests[:1])


with tk_it.Folder(), vllm_server.Server({}) as a_server, open(os.path.join(golden, 'errors.jsonl'), encoding='utf-8') as f:
    os.symlink(os.path.join(golden, 'load/tok'), 'tok')
    cases = [json.loads(line) for line in f]
    t.eq([c['words'] for c in cases], error_cases.CASES + error_cases.NEWER, 'the vectors are those of error_cases.py')
    for a_case in cases:
        check(a_server, a_case)
t.done()
