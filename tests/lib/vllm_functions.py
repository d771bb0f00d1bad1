"""The Berkeley function calling leaderboard in `tokmark vllm`: tokenizers with other templates, and what is sent."""
import json
import os
import shutil

import vllm_load

TEMPLATES = {
    'tools': "{{ bos_token }}{% for t in tools %}{{ t | tojson }}\n{% endfor %}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}<|model|>",
    'strict': "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}{{ m['content'] }}{% endfor %}",
    'none': None,
}


def tokenizers(source, folder):
    """Word -> folder: {tok} is `source`, {tools} and so on are made of it."""
    made = {'{tok}': source}
    for name, template in TEMPLATES.items():
        place = made[f'{{{name}}}'] = os.path.join(folder, f'tok-{name}')
        shutil.copytree(source, place)
        with open(os.path.join(place, 'tokenizer_config.json'), encoding='utf-8') as f:
            config = json.load(f)
        config.pop('chat_template')
        if template:
            config['chat_template'] = template
        with open(os.path.join(place, 'tokenizer_config.json'), 'w', encoding='utf-8') as f:
            json.dump(config, f)
    return made


def difference(want, got):
    """The first one in words, None where there is none. The program of this data set, 0.32.0, has no temperature of its own in a chat's body,
    that of the page has it behind the messages: it is left out on both sides."""
    def shown(reply):
        if 'requests' not in reply:
            return reply
        return {'requests': [{**r, 'body': r['body'].replace('"temperature": 0.0, ', '', 1)} for r in reply['requests']]}
    return vllm_load.difference(shown(want), shown(got))


def ours(tokmark, words):
    made, error = vllm_load.dry_run(tokmark, words)
    if error:
        return error
    return {'requests': [{'id': r['headers'].get('x-request-id'), 'body': json.dumps(r['body']), 'lengths': [r['prompt_tokens'], r['output_tokens']]}
                         for r in made]}
