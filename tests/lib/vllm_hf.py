"""What `tokmark vllm` sends of data sets of the hub where vLLM 0.32.0 is the one to ask: 0.13.0 has neither the option nor the set."""
import hashlib
import json
import re

import vllm_functions
import vllm_load

DATA = re.compile(r'data:[a-z0-9/]*;base64,[A-Za-z0-9+/=]*')


def shown(body):
    """A body's JSON with a hash in the place of each data URL; of a form, which is not JSON, the file's name and hash."""
    if body.startswith('--'):
        name = re.search('filename="([^"]*)"', body)
        return json.dumps({'name': name[1], 'file': vllm_load.prompt_of(body)})
    return DATA.sub(lambda m: hashlib.sha256(m[0].encode()).hexdigest(), body)


def kept(reply):
    """The reply with bodies as they are shown."""
    if 'requests' not in reply:
        return reply
    return {'requests': [{**r, 'body': shown(r['body'])} for r in reply['requests']]}


def ours(tokmark, words):
    made, error = vllm_load.dry_run(tokmark, words)
    if error:
        return error
    return kept({'requests': [{'id': r['headers'].get('x-request-id'), 'body': r['body'] if isinstance(r['body'], str) else json.dumps(r['body']),
                               'lengths': [r['prompt_tokens'], r['output_tokens']]} for r in made]})


def difference(want, got):
    """The first one in words. 0.13's forms name the file "file", 0.32's as it is called."""
    def nameless(reply):
        if 'requests' not in reply:
            return reply
        return {'requests': [{**r, 'body': re.sub('"name": "[^"]*", "file"', '"file"', r['body'])} for r in reply['requests']]}
    return vllm_functions.difference(nameless(want), nameless(got))
