"""The load of `tokmark vllm` against that of vLLM 0.13.0: vectors that tests/parity/vllm/run --write took from it."""
import json
import os

import tk_it
import vllm_load

t = tk_it.Tap()
here = os.path.join(tk_it.GOLDEN, 'vllm/load')
with open(os.path.join(here, 'vectors.jsonl'), encoding='utf-8') as f:
    vectors = [json.loads(line) for line in f]
t.ok(len(vectors) > 0, 'there are vectors')
for v in vectors:
    words = [w.replace('{dir}', here) for w in v['words']]
    got = vllm_load.ours(tk_it.TOKMARK, words)
    why = vllm_load.difference(v, got)
    t.ok(why is None, f'{v["name"]}, seed {words[-1]}', why)
    if 'error' in v:
        t.eq(got.get('status'), 1, f'{v["name"]}: what the program raises is status 1')
t.done()
