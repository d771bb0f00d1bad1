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


def refused(name, words, part, text=None, file='x', status=1, path=None):
    """The run ends with the status and says `part`; a file of `text` is its data set."""
    path = ['--dataset-path', file] if path is None and text is not None else []
    if text is not None:
        with open(file, 'w', encoding='utf-8') as f:
            f.write(text)
    out = tk_it.run('vllm', '--model', 'm', '--tokenizer', os.path.join(here, 'tok'), *words.split(), *path, '--dry-run')
    t.eq(out.returncode, status, f'{name}: status')
    t.has(out.stderr, part, f'{name}: words')


HEAD = 'Timestamp,Model,Request tokens,Response tokens\n'
with tk_it.Folder():
    refused('no such file', '--dataset-name burstgpt --dataset-path nothing', "'nothing' cannot be opened")
    refused('no column', '--dataset-name burstgpt', "has no column 'Model'", 'a,b,c,d\n1,2,3,4\n')
    refused('no column of answers', '--dataset-name burstgpt', "has no column 'Response tokens'", 'a,Model,c,d\n1,GPT-4,3,4\n')
    refused('too few columns', '--dataset-name burstgpt', 'has 2 columns', 'Model,Response tokens\nGPT-4,3\n')
    refused('no number', '--dataset-name burstgpt', "line 3: 'x' is no number of tokens", HEAD + '1,GPT-4,3,4\n1,GPT-4,x,4\n')
    refused('no length', '--dataset-name burstgpt --num-prompts 1', 'line 2: a length is missing', HEAD + '1,GPT-4,,4\n')
    refused('an open quote', '--dataset-name burstgpt', 'line 2: a quote does not end', HEAD + '1,"GPT-4,3,4\n')
    refused('nobody answered', '--dataset-name burstgpt', "no row of the model 'GPT-4'", HEAD + '1,GPT-4,3,0\n1,ChatGPT,3,4\n')
    refused('an empty trace', '--dataset-name burstgpt', 'is empty', '')
    refused('an empty poem', '--dataset-name sonnet', 'has no lines', '')
    refused('no prompt fits', '--dataset-name sonnet --sonnet-input-len 40 --sonnet-prefix-len 40 --num-prompts 1', 'none of 10000 prompts',
            'one\n' + 'a very long line that goes on and on and on for ever ' * 9 + '\none\n' * 30)
    refused('a broken line', '--dataset-name custom', 'line 2: this is not JSON', '{"prompt": "a"}\n{"prompt"\n', 'x.jsonl')
    refused('a line without a prompt', '--dataset-name custom', "line 2: the row has neither 'prompt'", '{"prompt": "a"}\n{"text": "b"}\n', 'x.jsonl')
    refused('no prompts at all', '--dataset-name random --num-prompts 0', 'No requests provided.')
    chat = '--dataset-name random-mm --backend openai-chat --endpoint /v1/chat/completions'
    refused('a video', f'{chat} --random-mm-bucket-config {{(720,1280,16):1}}', 'the bucket (720, 1280, 16) is a video, and videos cannot be made yet')
    refused('an image without pixels', f'{chat} --random-mm-bucket-config {{(0,1280,1):1}}', 'an image has from 1 to 65500 pixels a side, not 0 x 1280')
    refused('an image too wide', f'{chat} --random-mm-bucket-config {{(1,65501,1):1}}', 'not 1 x 65501')
    refused('images without prompts', f'{chat} --num-prompts 0', 'No requests provided.')
    for bad in ('{(1,2):0.5}', '{(1,2,3,4):1}', '{1:1}', '{(1,2,1):x}', '(1,2,1)', '{(1,2,1):1', '{(1,2,1):1}}', '{"(1,2,1):1}', '{(1,2,1)}', '{(1,2,1.5):1}'):
        refused(f'the buckets {bad}', f'{chat} --random-mm-bucket-config {bad}',
                f"argument --random-mm-bucket-config: invalid _parse_mm_bucket_config value: '{bad}'", status=2)
    for bad in ('{a:1}', '[1]', '{"image":"x"}', '{"image":9999999}'):
        refused(f'the limits {bad}', f'{chat} --random-mm-limit-mm-per-prompt {bad}',
                f"argument --random-mm-limit-mm-per-prompt: invalid loads value: '{bad}'", status=2)
    refused('no batch', '--dataset-name random-rerank --random-batch-size 0', '--random-batch-size must be at least 1')
    refused('a batch of the query alone', '--dataset-name random-rerank --no-reranker', '--random-batch-size must be at least 2')
    refused('a query alone', '--dataset-name random-rerank --no-reranker --random-batch-size 4 --num-prompts 1', 'there must be two prompts')
    refused('a huge prompt', '--random-input-len 99999999', 'are more than')
    refused('no prefix', '--dataset-name prefix_repetition --prefix-repetition-num-prefixes 0', 'there must be a prefix')
    refused('another mode', '--tokenizer-mode nope', "tokenizer_mode='nope'")
    out = tk_it.run('vllm', '--model', 'm', '--dry-run')
    t.eq(out.returncode, 1, 'random without a tokenizer: status')
    t.has(out.stderr, "random needs the model's tokenizer, which --tokenizer can name", 'random without a tokenizer: says what to do')
    out = tk_it.run('vllm', '--model', 'm', '--tokenizer', 'gone/away', '--dataset-name', 'custom', '--dataset-path', 'x.jsonl', '--dry-run')
    t.eq(out.returncode, 1, 'a tokenizer that was asked for has to be there')
    os.makedirs('other/.git')
    for i, (name, part) in enumerate((('./none', "there is no file or folder './none'; a tokenizer is a folder with tokenizer.json"),
                       ('other', "the folder 'other' has no tokenizer.json, tokenizer.model, tiktoken.model or tekken.json; it has nothing"),
                       ('other', "tekken.json; it has 'config.json'"),
                       ('other/config.json', "'other/config.json': a tokenizer.json has no 'model_type'"),
                       ('other/empty.json', "'other/empty.json': this is no tokenizer.json, which has a 'model'"),
                       ('other', ' and 2 more'))):
        out = tk_it.run('vllm', '--model', 'm', '--tokenizer', name, '--dry-run')
        t.eq(out.returncode, 1, f'no tokenizer {name}: status')
        t.has(out.stderr, 'vllm bench serve: --tokenizer: ', f'no tokenizer {name}: whose')
        t.has(out.stderr, part, f'no tokenizer {name}: what there is')
        for more in {1: ['config'], 3: ['empty', *'abcde']}.get(i, []):
            with open(f'other/{more}.json', 'w', encoding='utf-8') as f:
                f.write('{"model_type": "llama"}' if more == 'config' else '{}')
    os.makedirs('plain')
    os.symlink(os.path.join(here, 'tok/tokenizer.json'), 'plain/tokenizer.json')
    out = tk_it.run('vllm', '--model', 'plain', '--dataset-name', 'custom', '--dataset-path', os.path.join(here, 'custom.jsonl'), '--dry-run')
    t.eq(out.returncode, 1, 'no chat template: status')
    t.has(out.stderr, '--skip-chat-template', 'no chat template: what to do')
    tok = os.path.join(here, 'tok')
    out = tk_it.run('vllm', '--model', 'm', '--dataset-path', os.path.join(here, 'burst.csv'), '--dataset-name', 'burstgpt', '--tokenizer', tok, '--dry-run')
    t.eq(out.returncode, 0, 'the path may stand before the name')
    outs = [tk_it.run('vllm', '--model', tok, '--tokenizer-mode', mode, '--num-prompts', '3', '--request-id-prefix', 'x', '--dry-run').stdout
            for mode in ('auto', 'slow', 'hf')]
    t.ok(outs[0] and outs.count(outs[0]) == 3, 'three words for the same tokenizer, that of the model')
    poem = ['--dataset-name', 'sonnet', '--dataset-path', os.path.join(here, 'poem.txt'), '--num-prompts', '2', '--sonnet-prefix-len', '80',
            '--request-id-prefix', 'x', '--dry-run']
    outs = [tk_it.run('vllm', '--model', tok, *poem, *words.split()).stdout
            for words in ('--input-len 150 --output-len 4', '--sonnet-input-len 150 --sonnet-output-len 4')]
    t.ok(outs[0] and outs[0] == outs[1], 'the lengths of any data set are those of the poem')
    out = tk_it.run('vllm', '--model', tok, '--skip-tokenizer-init', '--dataset-name', 'custom', '--dataset-path', os.path.join(here, 'custom.jsonl'),
                    '--dry-run')
    t.ok('<|user|>' not in out.stdout and out.returncode == 0, 'no template where the tokenizer is left out', out.stderr)
    talk = '"conversations": [{"value": "one two three four"}, {"value": "five six seven eight"}]'
    refused('no path of an image', '--dataset-name sharegpt', "'image' must be a path or a URL", f'[{{"image": ["a.png"], {talk}}}]', 'x.json')
    questions = '{"category": "a", "turns": ["b"]}\n'
    refused('no turns', '--dataset-name spec_bench', "line 2: JSONL file must contain a 'turns' column.", questions + '{"category": "a"}\n')
    refused('turns are empty', '--dataset-name spec_bench', "line 2: 'turns' must be a list that begins with a text", questions + '{"turns": []}\n')
    refused('a turn that is no text', '--dataset-name spec_bench', "line 1: 'turns' must be a list", '{"turns": [1, "a"]}\n')
    refused('a broken question', '--dataset-name spec_bench', 'line 2: this is not JSON', questions + '{"turns"\n')
    refused('another category', '--dataset-name spec_bench --spec-bench-category c', "no row of the category 'c'", questions)
    refused('no category', '--dataset-name spec_bench --spec-bench-category c', "line 1: the row has no 'category'", '{"turns": ["b"]}\n')
    refused('no questions', '--dataset-name spec_bench', 'has no rows', '\n')
    refused('no path', '--dataset-name spec_bench', 'dataset_path must be provided for loading data.')
    refused('no folder', '--dataset-name speed_bench', 'is not a directory', '{}')
    os.mkdir('speed')
    speed = '--dataset-name speed_bench --dataset-path speed'
    refused('no subset', speed, "'speed/qualitative.jsonl' cannot be opened")
    refused('no messages', speed, "line 1: JSONL file must contain a 'messages' column.", '{"turns": ["b"]}\n', 'speed/qualitative.jsonl', path=[])
    refused('no content', speed, "line 1: 'messages' must be a list that begins with a message", '{"messages": [{"role": "user"}]}\n',
            'speed/qualitative.jsonl', path=[])
    trace = '--dataset-name timed_trace'
    row = {'timestamp': 1, 'input_length': 9, 'output_length': 3, 'hash_ids': [1]}
    for key, bad, words in [('input_length', -1, 'must be a whole number from 0'), ('input_length', 'x', 'must be a whole number from 0'),
                            ('output_length', None, "Output length field 'output_length' not found"), ('timestamp', 'soon', 'must be a number whose'),
                            ('timestamp', 1e300, 'must be a number whose'), ('hash_ids', 7, 'must be a list of whole numbers'),
                            ('hash_ids', [1.5], 'must be a list of whole numbers'), ('hash_ids', ['ä'], 'must be a list of whole numbers'),
                            ('hash_ids', [[1]], 'must be a list of whole numbers'), ('hash_ids', ['a' * 1025], 'must be a list of whole numbers')]:
        refused(f'{key} {str(bad)[:20]}', trace, 'line 2: ' + (words if bad is None else f"'{key}' {words}"),
                json.dumps(row) + '\n' + json.dumps({**row, key: bad}) + '\n')
    refused('a broken line of a trace', trace, 'line 1: this is not JSON', '{"timestamp"\n')
    refused('an empty trace file', trace, 'has no rows', '')
    refused('no token of a hash', trace + ' --timed-trace-chunk-hash-size 0', 'a hash stands for 1 token at least', '{}')
    refused('no request of a trace', trace + ' --num-prompts 0', 'No requests provided.', '{}')
    refused('a trace to a chat', f'{trace} --backend openai-chat --endpoint /v1/chat/completions',
            "requires a completions backend ('vllm' or 'openai').", '{}')
    refused('instants of no trace', '--no-self-timed', '--self-timed/--no-self-timed is only supported with --dataset-name=timed_trace')
    replay = ['vllm', '--model', tok, *trace.split(), '--dataset-path', os.path.join(here, 'trace.jsonl'), '--timed-trace-chunk-hash-size', '8']
    with tk_it.Sim('--ttft', '0', '--itl', '0') as sim:
        out = tk_it.run(*replay, '--timed-trace-sec-multiplier', '0', '--base-url', sim.url, '--ready-check-timeout-sec', '0')
    t.has(out.stderr, 'prompts that are shorter than the trace says, because their hash ids run out: 3; ', 'a trace with other chunks than its own')
    out = tk_it.run(*replay, '--dry-run')
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    t.eq([r['due_s'] for r in lines], [0.5, 3, 3, 3, 4.5, 9], 'a row waits for those before it')
    t.ok(all(r['body']['ignore_eos'] is True for r in lines), 'the server goes on past the end mark')
    image = json.dumps({'prompt': 'a', 'image_files': ['b.png']})
    refused('images to completions', '--dataset-name custom_image', "Multi-modal content is not supported on backend 'openai'", image, 'x.jsonl')
    refused('images in no JSONL', '--dataset-name custom_image --backend openai-chat --endpoint /v1/chat/completions',
            'Only JSONL format is supported for CustomImageDataset.', image, 'x.json')
    sound = json.dumps({'prompt': 'a', 'audio': {'array': [0.0], 'sampling_rate': 8000}})
    refused('sounds to a chat', '--dataset-name custom_audio --backend openai-chat --endpoint /v1/chat/completions',
            "custom_audio goes to backend openai-audio, or with --enable-multimodal-chat to openai-chat, not to 'openai-chat'", sound, 'x.jsonl')
    refused('sounds to completions', '--dataset-name custom_audio', "not to 'openai'", sound, 'x.jsonl')
    refused('a broken row of sounds', '--dataset-name custom_audio --backend openai-audio --endpoint /v1/audio/transcriptions',
            'line 2: this is not JSON', sound + '\n{"audio"\n', 'x.jsonl')
    refused('no kwargs', '--dataset-name custom --chat-template-kwargs {a}', "argument --chat-template-kwargs: invalid loads value: '{a}'", status=2)
    refused('kwargs that are a list', '--dataset-name custom --chat-template-kwargs [1]', "--chat-template-kwargs is no JSON object: '[1]'")
    os.mkdir('named')
    os.symlink(os.path.join(here, 'tok/tokenizer.json'), 'named/tokenizer.json')
    with open('named/tokenizer_config.json', 'w', encoding='utf-8') as f:
        json.dump({'chat_template': '{{ who }}: {{ messages[0].content }}'}, f)
    out = tk_it.run('vllm', '--model', 'named', '--dataset-name', 'custom', '--dataset-path', os.path.join(here, 'custom.jsonl'), '--disable-shuffle',
                    '--chat-template-kwargs.who', 'Ann', '--num-prompts', '1', '--dry-run')
    t.has(out.stdout, '"prompt": "Ann: What is the capital of France?"', 'variables of the template')
    out = tk_it.run('vllm', '--model', tok, '--dataset-name', 'sonnet', '--num-prompts', '3', '--dry-run')
    prompts = [json.loads(line)['body']['prompt'] for line in out.stdout.splitlines()]
    t.eq(len(prompts), 3, 'sonnet brings its lines along')
    t.ok(all('From fairest creatures we desire increase,\nThat thereby' in p for p in prompts), 'the first ones begin each prompt', prompts)
    out = tk_it.run('vllm', '--model', 'm', '--dataset-name', 'custom', '--dataset-path', os.path.join(here, 'custom.jsonl'), '--dry-run')
    t.eq((out.returncode, len(out.stdout.splitlines())), (0, 1000), 'custom does without a tokenizer')
    t.ok('estimated' not in out.stderr, 'custom estimates nothing', out.stderr)
    words = ['--dataset-name', 'sharegpt', '--dataset-path', os.path.join(here, 'sharegpt.json'), '--num-prompts', '3', '--dry-run']
    for more in ([], ['--skip-tokenizer-init'], ['--tokenizer', tok]):
        out = tk_it.run('vllm', '--model', 'm', *words, *more)
        t.eq((out.returncode, 'without a tokenizer lengths are estimated, four bytes a token' in out.stderr), (0, more[:1] != ['--tokenizer']),
             f'sharegpt {more[:1]}: lengths that are estimated ({out.stderr.strip()})')
t.done()
