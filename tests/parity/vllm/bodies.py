"""Items made by hand, a backend and options each: what the program posts for them is kept in tests/golden/vllm/bodies.jsonl."""

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
NEWER = [  # 0.32.0
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
