"""Items made by hand, a backend and options each: what the program posts for them is kept in tests/golden/vllm/bodies.jsonl.

And command lines with data sets, of which all bodies are compared: every backend, and adapters after every data set.
"""

import os

PAGE, NEWER_VERSION = '0.13.0', '0.32.0'

IMAGE = {'type': 'image_url', 'image_url': {'url': 'data:image/jpeg;base64,/9j/4A=='}}
VIDEO = {'type': 'video_url', 'video_url': {'url': 'file:///a b/é.mp4'}}
SOUND = {'type': 'input_audio', 'input_audio': {'data': 'UklGRg==', 'format': 'wav'}}

TEXTS = [{'prompt': 'hü "q" \u2028 😀'}, {'prompt': 'line\n\ttab \\ \x7f', 'output_len': 77}, {'prompt': 'a'}]
IDS = [{'prompt': [5, 17, 300]}, {'prompt': [1]}]
BATCHES = [{'prompt': ['a, "b"]', 'c{', '\\']}, {'prompt': ['é', 'e']}]
IMAGES = [{'prompt': 'what?', 'media': IMAGE}, {'prompt': 'und "das"?', 'media': IMAGE}, {'prompt': 'no image'}]
ALBUMS = [{'prompt': 'what?', 'media': [IMAGE, VIDEO]}, {'prompt': 'ü', 'media': [SOUND]}]
BARE = [{'prompt': '', 'media': IMAGE}, {'prompt': '', 'media': VIDEO}, {'prompt': 'a'}]
AUDIO = [{'prompt': 'p', 'audio': 'RIFF\x00\x7f--\r\n'}, {'prompt': 'q', 'audio': 'RIFFWAVE', 'output_len': 9}]

EXTRA = ('{"foo": {"bar": 1, "q\'": [true, null, 1.50, 1e22, "é\\n\\t\\"\'", "it\'s"]}, "no": false, "none": null, "s": "hü", '
         '"model": "other", "stream": false, "truncate_prompt_tokens": 9, "input": "x"}')
ALL = ['--ignore-eos', '--served-model-name', 'served', '--header', 'A=b', '--profile', '--logprobs', '2', '--seed', '5',
       '--lora-modules', 'one', 'two', 'three', '--num-warmups', '1']
SAMPLING = ['--top-k', '3', '--top-p', '0.25', '--min-p', '0', '--temperature', '1', '--frequency-penalty', '0.5', '--presence-penalty', '2',
            '--repetition-penalty', '1.5']

EMBEDDINGS = ['--endpoint', '/v1/embeddings']
BACKENDS = [
    ('vllm', [], [TEXTS, IDS], SAMPLING),
    ('openai', [], [TEXTS], SAMPLING),
    ('openai-chat', ['--endpoint', '/v1/chat/completions'], [TEXTS, IMAGES, ALBUMS], SAMPLING),
    ('openai-audio', ['--endpoint', '/v1/audio/transcriptions'], [AUDIO], []),
    ('openai-embeddings', EMBEDDINGS, [TEXTS, IDS, BATCHES], SAMPLING),
    ('openai-embeddings-chat', EMBEDDINGS, [TEXTS, IMAGES, ALBUMS, BATCHES], SAMPLING),
    ('openai-embeddings-clip', EMBEDDINGS, [TEXTS, IMAGES, ALBUMS], SAMPLING),
    ('openai-embeddings-vlm2vec', EMBEDDINGS, [TEXTS, IMAGES, ALBUMS], SAMPLING),
    ('infinity-embeddings', ['--endpoint', '/embeddings'], [TEXTS, BATCHES, IMAGES, BARE], SAMPLING),
    ('infinity-embeddings-clip', ['--endpoint', '/embeddings'], [TEXTS, BATCHES, IMAGES, BARE], SAMPLING),
    ('vllm-rerank', ['--endpoint', '/v1/rerank'], [BATCHES], SAMPLING),
]
NEWER = [
    ('vllm-pooling', ['--endpoint', '/pooling'], [TEXTS, BATCHES], SAMPLING),
    ('openai-responses', ['--endpoint', '/v1/responses'], [TEXTS], SAMPLING),
]


def cases(backends):
    """Each as the program is asked."""
    for name, words, kinds, sampling in backends:
        base = ['--model', 'm', '--backend', name, *words, '--disable-tqdm', '--request-id-prefix', 'x-']
        for items in kinds:
            # to stop the profiler 0.13.0 sends no medium, and stumbles where there is nothing else
            stumbles = items is BARE or items is AUDIO
            yield {'words': base, 'items': items}
            yield {'words': [*base, *(w for w in ALL if not (stumbles and w == '--profile')), *sampling], 'items': items}
        yield {'words': [*base, '--extra-body', EXTRA], 'items': kinds[0]}
        yield {'words': [*base, '--lora-modules', 'one', 'two', 'three', 'four', '--seed', '77'], 'items': kinds[0] * 5}


CHAT = '--backend openai-chat --endpoint /v1/chat/completions'
LORA = '--lora-modules one two three four five'
CUSTOM, SHAREGPT, SONNET, BURST = (f'--dataset-name {name} --dataset-path {{dir}}/{file}' for name, file in (
    ('custom', 'custom.jsonl --skip-chat-template'), ('sharegpt', 'sharegpt.json'), ('sonnet', 'poem.txt'), ('burstgpt', 'burst.csv')))
RANDOM = '--dataset-name random --random-input-len 30 --random-range-ratio 0.5'
EMBED = '--endpoint /v1/embeddings --backend openai-embeddings'
MESSAGES = [
    ('embeddings', EMBED), ('embeddings-chat', f'{EMBED}-chat'), ('clip', f'{EMBED}-clip'), ('vlm2vec', f'{EMBED}-vlm2vec'),
    ('infinity', '--backend infinity-embeddings --endpoint /embeddings'), ('pooling', '--backend vllm-pooling --endpoint /pooling'),
    ('responses', '--backend openai-responses --endpoint /v1/responses'),
]
IMAGES = '--dataset-name custom_image --dataset-path {dir}/images.jsonl --custom-output-len 9'
LOADS = [
    ('embeddings', PAGE, f'{EMBED} {RANDOM} --num-prompts 9 --random-batch-size 4'),
    ('embeddings-chat', PAGE, f'{EMBED}-chat {RANDOM} --num-prompts 9 --ignore-eos'),
    ('embeddings-clip', PAGE, f'{EMBED}-clip {SHAREGPT} --num-prompts 9'),
    ('embeddings-vlm2vec', PAGE, f'{EMBED}-vlm2vec {CUSTOM} --num-prompts 60'),
    ('infinity', PAGE, f'--backend infinity-embeddings --endpoint /embeddings {CUSTOM} --num-prompts 9'),
    ('infinity-clip', PAGE, f'--backend infinity-embeddings-clip --endpoint /embeddings {BURST} --num-prompts 9'),
    ('rerank', PAGE, '--backend vllm-rerank --endpoint /rerank --dataset-name random-rerank --random-input-len 80 --num-prompts 9 --random-batch-size 2'),
    ('rerank of random', PAGE, f'--backend vllm-rerank --endpoint /rerank {RANDOM} --num-prompts 9 --random-batch-size 3'),
    ('rerank of one', PAGE, f'--backend vllm-rerank --endpoint /rerank {RANDOM} --num-prompts 9'),
    ('adapters random', PAGE, f'{LORA} {RANDOM} --num-prompts 9'),
    ('adapters random-mm', PAGE, f'{LORA} {CHAT} --dataset-name random-mm --random-input-len 9 --num-prompts 5 --random-mm-bucket-config {{(8,8,1):1}}'),
    ('adapters repetition', PAGE, f'{LORA} --dataset-name prefix_repetition --num-prompts 20'),
    ('adapters repetition in order', PAGE, f'{LORA} --dataset-name prefix_repetition --num-prompts 20 --disable-shuffle'),
    ('adapters sonnet', PAGE, f'{LORA} {SONNET} --num-prompts 9'),
    ('adapters burstgpt', PAGE, f'{LORA} {BURST} --num-prompts 9'),
    ('adapters custom', PAGE, f'{LORA} {CUSTOM} --num-prompts 9'),
    ('adapters custom repeated', PAGE, f'{LORA} {CUSTOM} --num-prompts 60'),
    ('adapters custom in order', PAGE, f'{LORA} {CUSTOM} --num-prompts 9 --disable-shuffle'),
    ('adapters sharegpt', PAGE, f'{LORA} {CHAT} {SHAREGPT} --num-prompts 9'),
    ('adapters sharegpt repeated', PAGE, f'{LORA} {CHAT} {SHAREGPT} --num-prompts 90'),
    ('adapters sharegpt in order', PAGE, f'{LORA} {CHAT} {SHAREGPT} --num-prompts 9 --disable-shuffle'),
    ('adapters rerank', PAGE, f'{LORA} --backend vllm-rerank --endpoint /rerank {RANDOM} --num-prompts 9 --random-batch-size 3'),
    ('adapters in turn', NEWER_VERSION, f'{LORA} --lora-assignment round-robin --backend vllm-pooling --endpoint /pooling {CUSTOM} --num-prompts 9 --disable-shuffle'),
    *((f'message {name}', NEWER_VERSION, f'{words} {SHAREGPT} --num-prompts 9 --disable-shuffle --enable-multimodal-chat') for name, words in MESSAGES),
    ('message of images', NEWER_VERSION, f'{EMBED}-vlm2vec {IMAGES} --num-prompts 6 --disable-shuffle --enable-multimodal-chat'),
    ('message of images, clip', NEWER_VERSION, f'{EMBED}-clip {IMAGES} --num-prompts 6 --disable-shuffle --enable-multimodal-chat'),
    ('images, vlm2vec', NEWER_VERSION, f'{EMBED}-vlm2vec {IMAGES} --num-prompts 6 --disable-shuffle'),
    ('images, infinity', NEWER_VERSION, f'--backend infinity-embeddings --endpoint /embeddings {IMAGES} --num-prompts 6 --disable-shuffle'),
    ('pooling', NEWER_VERSION, f'--backend vllm-pooling --endpoint /pooling {CUSTOM} --num-prompts 9 --disable-shuffle'),
    ('responses', NEWER_VERSION, f'--backend openai-responses --endpoint /v1/responses {CUSTOM} --num-prompts 9 --disable-shuffle'),
]


def loads(folder, tokenizer):
    """(name, version, words) of each; their files are in `folder`."""
    base = ['--model', 'm', '--tokenizer', tokenizer, '--request-id-prefix', 'x-', '--ready-check-timeout-sec', '0', '--disable-tqdm']
    for name, version, words in LOADS:
        yield f'bodies: {name}', version, [*base, *words.replace('{dir}', folder).split()]
