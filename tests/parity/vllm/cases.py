"""The command lines on which tokmark and vLLM are compared, and the files that they need."""

import json
import os
import random
import wave

PAGE, NEWER = '0.13.0', '0.32.0'
TOKENIZERS = ['llama3_1', 'qwen2_5', 'gemma2', 'gpt2']



def has_other_ids(tokenizer, what, version):
    """0.32.0 runs on transformers 5, which counts <mask> among Gemma's special tokens; 4, as of 0.13.0 and here, does not. So the
    ids that may be drawn are others."""
    return tokenizer == 'gemma2' and version == NEWER and what.startswith(('timed_trace', 'random')) and 'no such' not in what


RANDOM = [
    ('defaults', '--num-prompts 4'),
    ('ratio 0.5', '--num-prompts 12 --random-input-len 200 --random-output-len 50 --random-range-ratio 0.5'),
    ('ratio 0.99', '--num-prompts 12 --random-input-len 60 --random-output-len 3 --random-range-ratio 0.99'),
    ('prefix', '--num-prompts 12 --random-input-len 80 --random-prefix-len 40 --random-range-ratio 0.2 --request-rate 7'),
    ('prefix below 0', '--num-prompts 4 --random-input-len 9 --random-prefix-len=-5'),
    ('prefix alone', '--num-prompts 4 --random-input-len 0 --random-prefix-len 30'),
    ('short', '--num-prompts 200 --random-input-len 5 --random-output-len 1 --request-rate 30 --burstiness 0.4'),
    ('of three', '--num-prompts 200 --random-input-len 3 --random-output-len 0'),
    ('long', '--num-prompts 3 --random-input-len 5000 --random-range-ratio 0.1 --common-prefix-len 3'),
    ('chat', '--num-prompts 6 --random-input-len 50 --backend openai-chat --endpoint /v1/chat/completions'),
    ('too small', '--num-prompts 4 --random-input-len 0'),
    ('too small by ratio', '--num-prompts 4 --random-input-len 3 --random-range-ratio 0.9'),
    ('ratio 1', '--num-prompts 4 --random-input-len 30 --random-range-ratio 1.0 --random-prefix-len 2'),
    ('ratio below 0', '--num-prompts 4 --random-input-len 30 --random-range-ratio=-0.5'),
]

BATCHES = [
    ('batches', '--num-prompts 10 --random-input-len 20 --random-batch-size 4 --random-range-ratio 0.3 --request-rate 4'),
    ('batches alone', '--num-prompts 3 --random-input-len 7 --random-prefix-len 9 --random-batch-size 8'),
    ('batches to a chat', '--num-prompts 4 --random-input-len 7 --random-batch-size 2 --backend openai-chat --endpoint /v1/chat/completions'),
]

CHAT = '--backend openai-chat --endpoint /v1/chat/completions'

MM = [
    ('defaults', f'--num-prompts 4 --random-input-len 20 {CHAT}'),
    ('some images', f'--num-prompts 12 --random-input-len 30 --random-mm-base-items-per-request 3 --random-mm-num-mm-items-range-ratio 0.7 '
     f'--random-range-ratio 0.5 --request-rate 3 {CHAT} --random-mm-bucket-config {{(33,17,1):0.2,(8,8,1):3,(1,1,1):1,"(5,64,1)":0.0}}'),
    ('none or one', f'--num-prompts 30 --random-input-len 4 --random-mm-num-mm-items-range-ratio 0.5 {CHAT} '
     '--random-mm-bucket-config {(3,5,1):1,(3,5,1):2.5,(16,16,1):.5,}'),
    ('limited', f'--num-prompts 5 --random-input-len 8 --random-mm-base-items-per-request 4 --random-mm-num-mm-items-range-ratio 0.5 {CHAT} '
     '--random-mm-limit-mm-per-prompt {"image":3,"video":1,"audio":7} --random-mm-bucket-config {(4,4,1):1}'),
    ('no images', f'--num-prompts 5 --random-input-len 8 --random-mm-base-items-per-request 0 --random-prefix-len 5 {CHAT}'),
    ('length 0', f'--num-prompts 3 --random-input-len 0 {CHAT} --random-mm-bucket-config {{(4,4,1):1}}'),
    ('another backend', '--num-prompts 3 --random-input-len 9'),
    ('no limit', f'--num-prompts 3 {CHAT} --random-mm-limit-mm-per-prompt {{"image":3}}'),
    ('no frames', f'--num-prompts 3 {CHAT} --random-mm-bucket-config {{(4,4,0):1}}'),
    ('below 0', f'--num-prompts 3 {CHAT} --random-mm-bucket-config {{(4,4,1):-1.0}}'),
    ('all 0', f'--num-prompts 3 {CHAT} --random-mm-bucket-config {{(4,4,1):0}}'),
    ('too many', f'--num-prompts 3 {CHAT} --random-mm-base-items-per-request 4 --random-mm-limit-mm-per-prompt {{"image":3,"video":1}}'),
    ('wide ratio', f'--num-prompts 3 {CHAT} --random-mm-num-mm-items-range-ratio 1.5'),
    ('ratio 1', f'--num-prompts 3 {CHAT} --random-range-ratio 1.0'),
]

RERANK = [
    ('a document each', '--num-prompts 5 --random-input-len 60'),
    ('four documents', '--num-prompts 10 --random-input-len 41 --random-batch-size 4 --random-range-ratio 0.4 --request-rate 5'),
    ('without reranker', '--num-prompts 9 --random-input-len 33 --random-batch-size 4 --random-range-ratio 0.4 --no-reranker'),
    ('without reranker, one group', '--num-prompts 2 --random-input-len 5 --random-batch-size 2 --no-reranker --random-prefix-len 3'),
    ('hardly a query', '--num-prompts 3 --random-input-len 3 --random-batch-size 2'),
    ('nothing at all', '--num-prompts 3 --random-input-len 0'),
    ('no documents', '--num-prompts 1 --random-batch-size 4 --no-reranker'),
    ('batch of one', '--num-prompts 4 --no-reranker'),
    ('ratio 1', '--num-prompts 4 --random-range-ratio 1.0'),
]

REPETITION = [
    ('defaults', '--num-prompts 10'),
    ('not a multiple', '--num-prompts 20 --prefix-repetition-num-prefixes 3 --prefix-repetition-prefix-len 40 --prefix-repetition-suffix-len 20 '
     '--request-rate 5'),
    ('in order', '--num-prompts 12 --prefix-repetition-num-prefixes 4 --prefix-repetition-prefix-len 5 --prefix-repetition-suffix-len 3 '
     '--disable-shuffle --prefix-repetition-output-len 7'),
    ('no prefix', '--num-prompts 12 --prefix-repetition-num-prefixes 2 --prefix-repetition-prefix-len 0 --prefix-repetition-suffix-len 30'),
    ('no suffix', '--num-prompts 4 --prefix-repetition-num-prefixes 2 --prefix-repetition-prefix-len 30 --prefix-repetition-suffix-len 0'),
    ('chat', '--num-prompts 6 --prefix-repetition-num-prefixes 2 --backend openai-chat --endpoint /v1/chat/completions'),
    ('too few', '--num-prompts 4'),
]

SONNET = [
    ('defaults', '--num-prompts 5'),
    ('short', '--num-prompts 40 --sonnet-input-len 130 --sonnet-prefix-len 60 --sonnet-output-len 5 --request-rate 9'),
    ('no prefix', '--num-prompts 10 --sonnet-input-len 100 --sonnet-prefix-len 10'),
    ('long prefix', '--num-prompts 3 --sonnet-input-len 300 --sonnet-prefix-len 250'),
    ('chat', '--num-prompts 5 --backend openai-chat --endpoint /v1/chat/completions'),
    ('too short', '--num-prompts 5 --sonnet-input-len 11'),
]

BURST = [
    ('some rows', '--num-prompts 8 --request-rate 3'),
    ('all rows', '--num-prompts 40'),
    ('more than rows', '--num-prompts 90'),
]

CUSTOM = [
    ('template', '--num-prompts 12 --request-rate 3'),
    ('all', '--num-prompts 0 --custom-output-len 9'),
    ('repeated', '--num-prompts 60'),
    ('not repeated', '--num-prompts 60 --no-oversample'),
    ('in order, as they are', '--num-prompts 9 --disable-shuffle --skip-chat-template'),
    ('as they are', '--num-prompts 30 --skip-chat-template'),
    ('chat', '--num-prompts 9 --backend openai-chat --endpoint /v1/chat/completions'),
]

KWARGS = [
    ('variables of the template', '--num-prompts 9 --disable-shuffle --chat-template-kwargs {"date_string":"1.Jan.2020","x":[1]}'),
]

SPEC = [
    ('all', '--num-prompts 0'),
    ('some', '--num-prompts 7 --request-rate 3 --spec-bench-output-len 9'),
    ('repeated', '--num-prompts 50 --skip-chat-template'),
    ('a category', '--num-prompts 30 --spec-bench-category math --no-oversample'),
    ('in order', '--num-prompts 5 --disable-shuffle'),
    ('chat', f'--num-prompts 5 {CHAT}'),
]

SPEED = [
    ('all', '--num-prompts 0'),
    ('some', '--num-prompts 7 --request-rate 3 --speed-bench-output-len 9 --skip-chat-template'),
    ('repeated', '--num-prompts 50'),
    ('a category', '--num-prompts 30 --speed-bench-category math --no-oversample'),
    ('another subset', '--num-prompts 5 --speed-bench-dataset-subset throughput_2k --disable-shuffle'),
    ('chat', f'--num-prompts 5 {CHAT}'),
]

TRACE = [
    ('all', '--num-prompts 100'),
    ('some', '--num-prompts 7 --backend vllm --timed-trace-sec-multiplier 0.001'),
    ('large chunks', '--num-prompts 20 --timed-trace-chunk-hash-size 50'),
    ('at a rate', '--num-prompts 9 --no-self-timed --request-rate 4'),
    ('all at once', '--num-prompts 9 --no-self-timed'),
    ('other names', '--num-prompts 9 --timed-trace-label-timestamp at --timed-trace-label-input-length n_in --timed-trace-label-output-length n_out '
     '--timed-trace-label-hash-ids hashes'),
    ('no such instant', '--num-prompts 9 --timed-trace-label-timestamp when'),
    ('no such length', '--num-prompts 9 --timed-trace-label-input-length long'),
    ('no such answer', '--num-prompts 9 --timed-trace-label-output-length long'),
    ('no such hashes', '--num-prompts 4 --timed-trace-label-hash-ids sums'),
]

IMAGES = [
    ('all', f'--num-prompts 0 {CHAT}'),
    ('some', f'--num-prompts 5 --request-rate 3 --custom-output-len 9 {CHAT}'),
    ('repeated', f'--num-prompts 50 {CHAT}'),
    ('in order, whole messages', f'--num-prompts 20 --disable-shuffle --enable-multimodal-chat {CHAT}'),
]

WHOLE = [
    ('whole messages', f'--num-prompts 12 --disable-shuffle --enable-multimodal-chat {CHAT}'),
]

WHOLE_MM = [
    ('whole messages', f'--num-prompts 2 --random-input-len 9 --enable-multimodal-chat {CHAT} --random-mm-bucket-config {{(8,8,1):3}}'),
]

AUDIO = '--backend openai-audio --endpoint /v1/audio/transcriptions'
SOUNDS = [
    ('all', f'--num-prompts 0 {AUDIO}'),
    ('some', f'--num-prompts 5 --request-rate 3 --custom-output-len 9 {AUDIO}'),
    ('repeated', f'--num-prompts 30 {AUDIO}'),
    ('in order', f'--num-prompts 9 --disable-shuffle --custom-output-len -1 {AUDIO}'),
    ('chat', f'--num-prompts 20 --enable-multimodal-chat {CHAT}'),
]

SHAREGPT = [
    ('some', '--num-prompts 12 --request-rate 3'),
    ('all and repeated', '--num-prompts 90'),
    ('not repeated', '--num-prompts 90 --no-oversample'),
    ('in order', '--num-prompts 20 --disable-shuffle'),
    ('given length', '--num-prompts 20 --sharegpt-output-len 2'),
    ('long answers', '--num-prompts 30 --sharegpt-output-len 1500'),
    ('chat', '--num-prompts 9 --backend openai-chat --endpoint /v1/chat/completions'),
]

WORDS = ('time people Jahr 水 day, man. thing woman life’s child! world état family_student group country # problem\n hand [part] place '
         'été 时间 слово case  week company\tsystem {program} work number 12 345 6789 night😀 point do n\'t ca n\'t . , home').split(' ')


def text(r, n):
    return ' '.join(r.choice(WORDS) for _ in range(n))


def make_files(folder):
    """Texts of all lengths, from a seed of their own."""
    r = random.Random(7)
    rows = [{'prompt': text(r, r.choice([1, 3, 20, 200]))} for _ in range(40)]
    with open(os.path.join(folder, 'custom.jsonl'), 'w', encoding='utf-8') as f:
        f.writelines(json.dumps(row, ensure_ascii=r.random() < 0.5) + '\n' for row in rows)
    talks = [{'id': str(i), 'conversations': [{'from': 'human', 'value': text(r, r.choice([1, 2, 3, 4, 30, 300, 900]))}
                                              for _ in range(r.choice([0, 1, 2, 2, 2, 3]))],
              **r.choice([{}, {'image': 'a b/ü.png'}, {'image': ''}, {'image': None, 'video': 'https://x.org/v.mp4'}])} for i in range(80)]
    with open(os.path.join(folder, 'sharegpt.json'), 'w', encoding='utf-8') as f:
        json.dump([*talks, {'id': 'x'}], f)
    questions = [{'category': r.choice(['math', 'rag', 'coding']), 'turns': [text(r, r.choice([1, 5, 90])) for _ in range(r.choice([1, 2]))]}
                 for _ in range(35)]
    with open(os.path.join(folder, 'questions.jsonl'), 'w', encoding='utf-8') as f:
        f.writelines(json.dumps(q) + '\n' for q in questions)
    for name, n_channels, rate in (('a.wav', 1, 16000), ('b.wav', 2, 8000)):
        with wave.open(os.path.join(folder, name), 'wb') as f:
            f.setparams((n_channels, 2, rate, 0, 'NONE', None))
            f.writeframes(r.randbytes(2 * n_channels * 700))
    with open(os.path.join(folder, 'sounds.jsonl'), 'w', encoding='utf-8') as f:
        for _ in range(12):
            sound = r.choice([os.path.join(folder, 'a.wav'), os.path.join(folder, 'b.wav'),
                              {'array': [r.uniform(-1.5, 1.5) for _ in range(50)], 'sampling_rate': r.choice([8000, 44100])}])
            f.write(json.dumps({'prompt': text(r, 3), 'audio': sound, 'output_tokens': r.randint(1, 9)}) + '\n')
    with open(os.path.join(folder, 'trace.jsonl'), 'w', encoding='utf-8') as f:
        for i in range(30):
            hashes = [*range(r.choice([1, 3])), *(r.randrange(10**r.randint(1, 20)) for _ in range(r.choice([0, 2, 9]))), f'h{i}']
            row = {'at': r.choice([i, i - 3, i + 0.25]), 'n_in': r.choice([0, 1, 15, 16, 17, 40, 200]), 'n_out': r.randrange(9), 'hashes': hashes}
            names = {'timestamp': 'at', 'input_length': 'n_in', 'output_length': 'n_out', 'hash_ids': 'hashes'}
            f.write(json.dumps({**row, **{name: row[other] for name, other in names.items()}}) + '\n')
    with open(os.path.join(folder, 'images.jsonl'), 'w', encoding='utf-8') as f:
        for i in range(25):
            files = [r.choice([f'/srv/ä b{i}.png', f'http://x.org/{i}?a=1&b', 'data:image/png;base64,aGE=']) for _ in range(r.choice([1, 1, 3]))]
            parts = [{'type': 'text', 'text': text(r, 4)}, {'type': 'image', 'image': files[0]}, {'type': 'text', 'text': text(r, 2)},
                     {'type': 'image_url', 'image_url': files[-1]}, {'type': 'image_url', 'image_url': {'detail': 'low', 'url': files[0], 'n': [1.50, 1]}}]
            r.shuffle(parts)
            row = r.choice([{'prompt': text(r, 6), 'image_files': files}, {'content': parts[:r.choice([1, 3, 5])]}])
            f.write(json.dumps(row, ensure_ascii=r.random() < 0.5) + '\n')
    os.makedirs(os.path.join(folder, 'speed'), exist_ok=True)
    for subset in ('qualitative', 'throughput_2k'):
        with open(os.path.join(folder, 'speed', subset + '.jsonl'), 'w', encoding='utf-8') as f:
            f.writelines(json.dumps({'category': q['category'], 'messages': [{'role': 'user', 'content': t + subset} for t in q['turns']]}) + '\n'
                         for q in questions)
    with open(os.path.join(folder, 'poem.txt'), 'w', encoding='utf-8', newline='') as f:
        f.write(''.join(text(r, r.randint(4, 11)).replace('\n', ' ') + r.choice(['\n', '\n', '\r\n']) for _ in range(60)) + 'the last line')
    with open(os.path.join(folder, 'burst.csv'), 'w', encoding='utf-8') as f:
        f.write('Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n')
        for i in range(80):
            f.write(f'{i}.5,{r.choice(["GPT-4", "ChatGPT"])},{r.randint(1, 300)},{r.choice([0, 1, 50, 200])},7,"a log, ""quoted"""\n')


def with_ids(words):
    return [*words.split(), '--request-id-prefix', 'x-']


SETS = [
    ('random', RANDOM + BATCHES, None, PAGE),
    ('random-mm', MM, None, PAGE),
    ('random-rerank', RERANK, None, PAGE),
    ('prefix_repetition', REPETITION, None, PAGE),
    ('sonnet', SONNET, 'poem.txt', PAGE),
    ('burstgpt', BURST, 'burst.csv', PAGE),
    ('custom', CUSTOM, 'custom.jsonl', PAGE),
    ('custom', KWARGS, 'custom.jsonl', NEWER),
    ('sharegpt', SHAREGPT, 'sharegpt.json', PAGE),
    ('spec_bench', SPEC, 'questions.jsonl', PAGE),
    ('speed_bench', SPEED, 'speed', NEWER),
    ('timed_trace', TRACE, 'trace.jsonl', NEWER),
    ('custom_image', IMAGES, 'images.jsonl', NEWER),
    ('custom_audio', SOUNDS, 'sounds.jsonl', NEWER),
    ('sharegpt', WHOLE, 'sharegpt.json', NEWER),
    ('random-mm', WHOLE_MM, None, NEWER),
]


def cases(folder, tokenizer):
    """(name, version, words) of each case; their files are in `folder`."""
    base = ['--model', 'm', '--tokenizer', tokenizer]
    for dataset, own, file, version in SETS:
        path = ['--dataset-path', os.path.join(folder, file)] if file else []
        for name, words in own:
            yield f'{dataset} {name}', version, [*base, '--dataset-name', dataset, *path, *with_ids(words)]


SMALL = [
    ('random', None, '--num-prompts 6 --random-input-len 12 --random-output-len 9 --random-range-ratio 0.4 --request-rate 4'),
    ('random', None, '--num-prompts 4 --random-input-len 6 --random-prefix-len 5'),
    ('random', None, '--num-prompts 4 --random-input-len 9 --random-prefix-len=-5'),
    ('random', None, '--num-prompts 2 --random-input-len 90 --random-output-len 1'),
    ('random', None, '--num-prompts 30 --random-input-len 2'),
    ('random', None, '--num-prompts 4 --random-input-len 1 --random-range-ratio 0.5'),
    ('random', None, '--num-prompts 4 --random-input-len 9 --random-range-ratio 1.5 --random-prefix-len 100'),
    ('random', None, '--num-prompts 5 --random-input-len 6 --random-batch-size 3 --random-range-ratio 0.5'),
    ('random-mm', None, f'--num-prompts 4 --random-input-len 6 --random-mm-base-items-per-request 2 --random-mm-num-mm-items-range-ratio 0.7 '
     f'--random-range-ratio 0.5 --request-rate 3 {CHAT} --random-mm-bucket-config {{(33,17,1):0.2,(8,8,1):3}}'),
    ('random-mm', None, f'--num-prompts 3 --random-input-len 6 {CHAT} --random-mm-limit-mm-per-prompt {{"image":3}}'),
    ('random-rerank', None, '--num-prompts 5 --random-input-len 16 --random-batch-size 2 --random-range-ratio 0.5 --request-rate 4'),
    ('random-rerank', None, '--num-prompts 4 --random-input-len 8 --random-batch-size 3 --no-reranker --random-range-ratio 0.5'),
    ('random-rerank', None, '--num-prompts 4 --random-input-len 8 --no-reranker'),
    ('prefix_repetition', None, '--num-prompts 7 --prefix-repetition-num-prefixes 3 --prefix-repetition-prefix-len 9 --prefix-repetition-suffix-len 6 '
     '--prefix-repetition-output-len 3 --request-rate 5'),
    ('prefix_repetition', None, '--num-prompts 3'),
    ('sonnet', 'poem.txt', '--num-prompts 3 --sonnet-input-len 150 --sonnet-prefix-len 80 --sonnet-output-len 4 --request-rate 9'),
    ('sonnet', 'poem.txt', '--num-prompts 2 --sonnet-input-len 110 --sonnet-prefix-len 70 --backend openai-chat --endpoint /v1/chat/completions'),
    ('sonnet', 'poem.txt', '--num-prompts 2 --sonnet-input-len 20'),
    ('burstgpt', 'burst.csv', '--num-prompts 3 --request-rate 3'),
    ('burstgpt', 'burst.csv', '--num-prompts 7'),
    ('custom', 'custom.jsonl', '--num-prompts 4 --request-rate 3'),
    ('custom', 'custom.jsonl', '--num-prompts 8 --custom-output-len 9 --backend openai-chat --endpoint /v1/chat/completions'),
    ('custom', 'custom.jsonl', '--num-prompts 0 --skip-chat-template --disable-shuffle'),
    ('sharegpt', 'sharegpt.json', '--num-prompts 3 --request-rate 3'),
    ('sharegpt', 'sharegpt.json', '--num-prompts 8'),
    ('sharegpt', 'sharegpt.json', '--num-prompts 8 --no-oversample --sharegpt-output-len 2'),
    ('sharegpt', 'images.json', f'--num-prompts 5 {CHAT}'),
    ('spec_bench', 'questions.jsonl', '--num-prompts 3 --request-rate 3'),
    ('spec_bench', 'questions.jsonl', '--num-prompts 6 --spec-bench-category math --spec-bench-output-len 7'),
    ('speed_bench', 'speed', '--num-prompts 3 --request-rate 3 --skip-chat-template'),
    ('speed_bench', 'speed', '--num-prompts 0 --speed-bench-category rag'),
    ('custom_image', 'images.jsonl', f'--num-prompts 3 --request-rate 3 {CHAT}'),
    ('custom_image', 'images.jsonl', f'--num-prompts 8 --custom-output-len 9 --enable-multimodal-chat {CHAT}'),
    ('custom_audio', 'sounds.jsonl', f'--num-prompts 3 --request-rate 3 {AUDIO}'),
    ('custom_audio', 'sounds.jsonl', f'--num-prompts 5 --custom-output-len -1 --enable-multimodal-chat {CHAT}'),
    ('timed_trace', 'trace.jsonl', '--num-prompts 9'),
    ('timed_trace', 'trace.jsonl', '--num-prompts 3 --no-self-timed --request-rate 4 --timed-trace-chunk-hash-size 9'),
    ('timed_trace', 'trace.jsonl', '--num-prompts 3 --timed-trace-label-timestamp at'),
]


NEWER_SETS = ('speed_bench', 'custom_image', 'custom_audio', 'timed_trace')


def small(folder):
    """(name, version, words) of the cases that are kept as vectors; their files are in `folder`."""
    for dataset, file, words in SMALL:
        path = ['--dataset-path', f'{folder}/{file}'] if file else []
        version = NEWER if dataset in NEWER_SETS else PAGE
        yield f'{dataset} {words}', version, ['--model', 'm', '--tokenizer', f'{folder}/tok', '--dataset-name', dataset, *path, *with_ids(words)]
