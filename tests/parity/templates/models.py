#!/usr/bin/env python3
"""Chat templates of shipped models, rendered by transformers and by tokmark, compared to the letter.

    python3 models.py --driver build/tests/parity_templates PATH...

Each PATH is a .jinja file, a tokenizer_config.json, or a folder that is searched for both. Needs transformers
(4.57.3 is what the project compares with). Prints a line a template, and the differences of the first that differ.
"""

import argparse
import json
import pathlib
import sys

import oracle

WEATHER = {
    'type': 'function',
    'function': {
        'name': 'get_weather',
        'description': 'The weather of a place, now\nor later: "sunny" & <so on>.',
        'parameters': {
            'type': 'object',
            'properties': {
                'city': {'type': 'string', 'description': "The town's name, e.g. Zürich"},
                'unit': {'type': 'string', 'enum': ['celsius', 'fahrenheit'], 'default': 'celsius'},
                'days': {'type': ['integer', 'null'], 'minimum': 1, 'maximum': 14},
                'where': {'type': 'object', 'properties': {'lat': {'type': 'number'}, 'lon': {'type': 'number'}},
                          'required': ['lat', 'lon']},
                'tags': {'type': 'array', 'items': {'type': 'string'}},
                'precise': {'type': 'boolean', 'default': False},
            },
            'required': ['city'],
        },
        'return': {'type': 'string', 'description': 'a sentence'},
    },
}
TIME = {'type': 'function', 'function': {'name': 'time', 'description': 'The time.',
                                         'parameters': {'type': 'object', 'properties': {}}}}
SIMPLE = {'type': 'function', 'function': {
    'name': 'search', 'description': 'Find things.', 'parameters': {'type': 'object', 'properties': {
        'query': {'type': 'string', 'description': 'What to find.'},
        'limit': {'type': 'integer', 'description': 'How many.'},
        'names': {'type': 'array', 'items': {'type': 'string'}, 'description': 'Only these.'},
        'exact': {'type': 'boolean', 'description': 'As it stands.'}}, 'required': ['query']},
    'return': {'type': 'object', 'properties': {'hits': {'type': 'number', 'description': 'n'}}}}}
PLAIN = {'name': 'plain', 'description': 'Not wrapped.', 'parameters': {'type': 'object', 'properties': {
    'x': {'type': 'number', 'description': 'a number'}}}}


def user(text):
    return {'role': 'user', 'content': text}


def assistant(text, **more):
    return dict({'role': 'assistant', 'content': text}, **more)


def system(text):
    return {'role': 'system', 'content': text}


def call(name, arguments, id_=None):
    c = {'type': 'function', 'function': {'name': name, 'arguments': arguments}}
    if id_:
        c['id'] = id_
    return c


CITY = {'city': 'Zürich', 'days': 3, 'precise': True, 'where': {'lat': 47.37, 'lon': 8.54}, 'tags': ['a', "b'c"],
        'unit': None}
TOOL_TURN = [
    user('What is the weather in Zürich?'),
    assistant('', tool_calls=[call('get_weather', CITY, 'abcdefghi')]),
    {'role': 'tool', 'name': 'get_weather', 'tool_call_id': 'abcdefghi', 'content': '{"temperature": 21.5, "sky": "clear"}'},
]
CONVERSATIONS = {
    'one': [user('Hello!')],
    'system': [system('You are a "helpful" assistant.\n'), user('  Hello, wörld! 👋🏽  ')],
    'turns': [system('Be brief.'), user('1+1?'), assistant('2'), user('2+2?'), assistant('4\n\n'), user('And 4+4?')],
    'ends_with_assistant': [user('Say hi.'), assistant('hi')],
    'empty_system': [system(''), user('Hello')],
    'developer': [{'role': 'developer', 'content': 'Answer in rhyme.'}, user('Hello')],
    'reasoning': [user('Think.'), assistant('Done.', reasoning_content='Let me see.\n\nYes.'), user('More.'),
                  assistant('<think>\nHm.\n</think>\n\nFinished.'), user('Again')],
    'reasoning_last': [user('Think.'), assistant('Done.', reasoning_content='Let me see.'),],
    'thinking': [user('Think.'), assistant('Done.', thinking='Let me see.', reasoning='So.'), user('More.')],
    'tool': TOOL_TURN,
    'tool_then_answer': TOOL_TURN + [assistant('It is clear.'), user('Thanks')],
    'tool_text': [user('Weather?'), assistant('I look.', reasoning_content='I need a tool.',
                                              tool_calls=[call('get_weather', '{"city": "Bern"}', 'a1b2c3d4e')]),
                  {'role': 'tool', 'tool_call_id': 'a1b2c3d4e', 'content': 'rain'}, assistant('Rain.')],
    'tool_none': [user('Weather?'), assistant(None, tool_calls=[call('time', {}, 'a1b2c3d4e')]),
                  {'role': 'tool', 'tool_call_id': 'a1b2c3d4e', 'name': 'time', 'content': '12:00'}],
    'tools_parallel': [system('Use tools.'), user('Both?'),
                       assistant('', tool_calls=[call('time', {}, 'call00001'), call('get_weather', {'city': 'Bern'}, 'call00002')]),
                       {'role': 'tool', 'tool_call_id': 'call00001', 'name': 'time', 'content': '12:00'},
                       {'role': 'tool', 'tool_call_id': 'call00002', 'name': 'get_weather', 'content': [{'type': 'text', 'text': 'sun'}]},
                       user('So?')],
    'tool_object': [user('?'), assistant('', tool_calls=[call('time', {}, 'call00001')]),
                    {'role': 'tool', 'name': 'time', 'content': {'hour': 12, 'ok': True, 'zone': None}}],
    'tool_bare': [user('?'), assistant('', tool_calls=[{'name': 'time', 'arguments': {'a': 1.0}}]),
                  {'role': 'tool', 'name': 'time', 'content': 'noon'}],
    'ipython': [user('?'), {'role': 'ipython', 'content': {'output': 3}}],
    'parts': [user([{'type': 'text', 'text': 'What is on '}, {'type': 'image'}, {'type': 'text', 'text': ' this?'}])],
    'image_url': [system([{'type': 'text', 'text': 'Look.'}]),
                  user([{'type': 'image_url', 'image_url': {'url': 'http://x/y.png'}}, {'type': 'text', 'text': 'What?'}]),
                  assistant([{'type': 'text', 'text': 'A cat.'}]), user([{'type': 'text', 'text': 'Sure?'}])],
    'video_audio': [user([{'type': 'video'}, {'type': 'audio', 'audio_url': 'a.wav'}, {'type': 'text', 'text': 'And?'}])],
    'two_users': [user('One'), user('Two')],
    'begins_with_assistant': [assistant('Hi'), user('Hello')],
    'odd_role': [user('Hi'), {'role': 'critic', 'content': 'Hm.'}],
    'no_content': [user('Hi'), {'role': 'assistant'}],
    'name_field': [{'role': 'user', 'name': 'ann', 'content': 'Hi'}, {'role': 'assistant', 'name': 'bob', 'content': 'Ho'}],
    'late_system': [user('Hi'), system('Now be rude.'), user('Go on')],
    'html': [user('<b>"quoted" & \'single\'</b> \\n {{ braces }} {% tag %} \u2028 \x0b tab\t')],
    'spaces': [system('  \n s \n '), user('\n\nu\n'), assistant(' \ta '), user(' ')],
    'number': [user(42)],
    'long': [m for i in range(6) for m in (user(f'Question {i}: ' + 'x' * 20), assistant(f'Answer {i}.'))] + [user('End')],
    'none': [],
}
CONTINUED = {
    'spaces at the end': [user('Go'), assistant(' And so  \n ')],
    'parts': [user('Go'), assistant([{'type': 'text', 'text': 'One'}, {'type': 'text', 'text': 'two '}, {'type': 'image'}])],
    'no text': [user('Go'), assistant([{'type': 'image'}])],
    'nothing': [user('Go'), assistant('')],
    'null': [user('Go'), assistant(None)],
    'the tag itself': [user('CONTINUE_FINAL_MESSAGE_TAG x'), assistant('CONTINUE_FINAL_MESSAGE_TAG')],
    'thoughts': [user('Go'), assistant('<think>\nHm.\n</think>\n\nThe answer')],
    'odd parts': [user('Go'), {'role': 'assistant', 'content': ['some text']}],
    'words': [user('Go'), {'role': 'assistant', 'content': ['a', 3]}],
    'an object': [user('Go'), {'role': 'assistant', 'content': {'text': 'x'}}],
    'text null': [user('Go'), assistant([{'type': 'text', 'text': None}])],
}
DOCUMENTS = [{'title': 'First', 'text': 'Some text.'}, {'title': 'Zweiter', 'text': 'Größe: 3 "m"\nEnde.', 'doc_id': 7}]
SPECIAL = {'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>', 'pad_token': '<pad>',
           'additional_special_tokens': ['<|a|>', '<|b|>']}


def cases():
    base = {'special_tokens': SPECIAL}
    for name, messages in CONVERSATIONS.items():
        has_tool = 'tool' in name
        for prompt in (False, True):
            for tools in ([None] * (not has_tool) + [[WEATHER, TIME], [SIMPLE, TIME]]):
                request = dict(base, messages=messages, add_generation_prompt=prompt)
                label = f'{name}{" +prompt" * prompt}{" +tools" * bool(tools)}{" simple" * (tools == [SIMPLE, TIME])}'
                if tools:
                    request['tools'] = tools
                yield label, request
    for name, messages in {**CONVERSATIONS, **CONTINUED}.items():
        yield f'{name} continued', dict(base, messages=messages, continue_final_message=True, tools=[TIME] if 'tool' in name else None)
    for thinking in (False, True):
        for prompt in (False, True):
            for name in ('turns', 'reasoning', 'tool'):
                kwargs = {'enable_thinking': thinking, 'thinking': thinking, 'reasoning_effort': 'high' if thinking else 'low',
                          'functions': '[{"name": "f"}]', 'datetime': '2024-01-02'}
                yield (f'{name} thinking={thinking} prompt={prompt}',
                       dict(base, messages=CONVERSATIONS[name], add_generation_prompt=prompt, kwargs=kwargs,
                            tools=[TIME] if name == 'tool' else None))
    for name in ('one', 'system', 'turns'):
        yield f'{name} +documents', dict(base, messages=CONVERSATIONS[name], documents=DOCUMENTS, add_generation_prompt=True)
        yield f'{name} plain tool', dict(base, messages=CONVERSATIONS[name], tools=[PLAIN], add_generation_prompt=True)
        yield f'{name} no tools', dict(base, messages=CONVERSATIONS[name], tools=[], documents=[])
        yield (f'{name} all', dict(base, messages=CONVERSATIONS[name], tools=[SIMPLE, TIME], documents=DOCUMENTS,
                                   kwargs={'date_string': '1 May 2025', 'builtin_tools': ['browser', 'python'],
                                           'citation_mode': 'accurate', 'controls': ['citations'],
                                           'custom_tools': None, 'tools_in_user_message': False,
                                           'model_identity': 'You are X.', 'datetime': 'now', 'safety_mode': 'NONE',
                                           'add_vision_id': True, 'clear_thinking': False, 'keep_cot': True}))


def templates(paths):
    for path in map(pathlib.Path, paths):
        found = sorted(p for p in path.rglob('*') if p.suffix == '.jinja' or p.name == 'tokenizer_config.json') \
            if path.is_dir() else [path]
        for p in found:
            if p.suffix == '.jinja':
                yield p.stem, p.read_text()
                continue
            template = json.loads(p.read_text()).get('chat_template')
            name = next((x for x in p.parts if 'tokenizer-' in x), p.parent.name)
            for t in template if isinstance(template, list) else [{'name': '', 'template': template}]:
                if t['template']:
                    yield f'{name} {t["name"]}'.strip(), t['template']


SHOWN = 3  # differences of one template


def compare(driver, name, template):
    """All cases of one template: how many there are, differ and raise, and what the first that differ look like."""
    stats = {'total': 0, 'bad': 0, 'raised': 0, 'notes': []}
    for label, request in cases():
        request = dict(request, template=template)
        difference = oracle.compare(driver, request)
        stats['raised'] += isinstance(oracle.expected(request), Exception)
        stats['total'] += 1
        stats['bad'] += difference is not None
        if difference and stats['bad'] <= SHOWN:
            stats['notes'].append(f'{name}: {label}\n{difference}')
    return stats


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--driver', required=True)
    parser.add_argument('paths', nargs='+')
    args = parser.parse_args()
    driver = oracle.Driver(args.driver)
    n_equal = n_differ = 0
    for name, template in templates(args.paths):
        stats = compare(driver, name, template)
        for note in stats['notes']:
            print(f'--- {note}')
        print(f'{"differs" if stats["bad"] else "equal  "} {name}: {stats["total"] - stats["bad"]} of {stats["total"]}, '
              f'{stats["raised"]} of them raise')
        n_equal += not stats['bad']
        n_differ += bool(stats['bad'])
    print(f'{n_equal} passed, {n_differ} failed')
    return 1 if n_differ or not n_equal else 0


if __name__ == '__main__':
    sys.exit(main())
