"""Data sets of the hub in `tokmark vllm`: vectors that tests/parity/vllm/hf --write took from vLLM 0.13.0 on `datasets` 4.4.1, of what is
newer from 0.32.0, and what is refused."""
import base64
import json
import os
import shutil

import tk_it
import vllm_hf
import vllm_load

t = tk_it.Tap()
AUDIO = ['--backend', 'openai-audio', '--endpoint', '/v1/audio/transcriptions']
SOUNDS = ['mono.flac', 'stereo.wav', 'float.wav']
CHAT = ['--backend', 'openai-chat', '--endpoint', '/v1/chat/completions']
here = os.path.join(tk_it.GOLDEN, 'vllm/hf')
tok = os.path.join(tk_it.GOLDEN, 'vllm/load/tok')


def check_vectors():
    with open('vectors.jsonl', encoding='utf-8') as f:
        vectors = [json.loads(line) for line in f]
    t.ok(len(vectors) > 80, 'there are vectors')
    for v in vectors:
        got = vllm_load.ours(tk_it.TOKMARK, [w.replace('{tok}', tok) for w in v['words']])
        why = vllm_load.difference(v, got)
        t.ok(why is None, f'{v["name"]}, seed {v["words"][-1]}', why)
        if 'error' in v:
            t.eq(got.get('status'), 1, f'{v["name"]}: what the program raises is status 1')


def run(path, name, *words):
    named = ['--hf-name', name] if name else []
    return tk_it.run('vllm', '--model', 'm', '--tokenizer', tok, '--dataset-name', 'hf', '--dataset-path', path, *named, '--num-prompts', '3',
                     *words, '--dry-run', env={'HF_HUB_OFFLINE': '1'})


def refused(name, path, set_name, part, *words, status=1):
    out = run(path, set_name, *words)
    t.eq(out.returncode, status, f'{name}: status')
    t.has(out.stderr, part, f'{name}: words')


def write(path, text):
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    with open(path, 'w' if isinstance(text, str) else 'wb') as f:
        f.write(text)


def prompts(path, name, *words):
    out = run(path, name, *words)
    t.eq(out.returncode, 0, f'{path}: {out.stderr}')
    return [json.loads(line)['body']['prompt'] for line in out.stdout.splitlines()]


def check_newer_vectors():
    """--enable-multimodal-chat, and the data sets that 0.13 does not have yet."""
    with open('newer.jsonl', encoding='utf-8') as f:
        vectors = [json.loads(line) for line in f]
    t.ok(len(vectors) > 60, 'there are vectors of 0.32')
    for v in vectors:
        why = vllm_hf.difference(v, vllm_hf.ours(tk_it.TOKMARK, [w.replace('{tok}', tok) for w in v['words']]))
        t.ok(why is None, f'{v["name"]}, seed {v["words"][-1]}', why)


def check_newer():
    """What else there is of the newer sets."""
    write('human/test.jsonl', ''.join(json.dumps({'prompt': f'def f{i}():'}) + '\n' for i in range(3)))
    plain = ['--skip-chat-template', '--disable-shuffle']
    t.eq(prompts('human', 'openai/openai_humaneval', *plain), ['def f0():', 'def f1():', 'def f2():'], 'humaneval: its prompts')
    write('gsm-folders/main/test-0.jsonl', json.dumps({'question': 'one', 'answer': '1'}) + '\n')
    write('gsm-folders/socratic/test-0.jsonl', json.dumps({'question': 'two', 'answer': '2'}) + '\n')
    t.eq(prompts('gsm-folders', 'openai/gsm8k', *plain), ['one'] * 3, 'gsm8k: a subset is a folder where no README says otherwise')
    t.eq(prompts('gsm-folders', 'openai/gsm8k', *plain, '--hf-subset', 'socratic'), ['two'] * 3, 'gsm8k: the other one')
    t.eq(prompts('human/test.jsonl', 'openai/openai_humaneval', *plain)[0], 'def f0():', 'a file for a folder')


def check_newer_speech():
    words = ['--disable-shuffle', '--hf-split', 'validation', '--no-oversample', '--asr-min-audio-len-sec', '0.1', *AUDIO]
    out = run('clips', 'D4nt3/esb-datasets-earnings22-validation-tiny-filtered', '--num-prompts', '9', *words)
    made = [json.loads(line) for line in out.stdout.split('\n')[:-1]]
    t.eq(len(made), 4, 'a clip of several channels has its length')
    beside = [run(path, 'ArtificialAnalysis/Earnings22-Cleaned-AA', '--num-prompts', '2', '--disable-shuffle', '--hf-split', 'test', *AUDIO).stdout.split('\n')[:-1]
              for path in ('calls', 'calls/test.jsonl')]
    bodies = [[json.loads(line)['body'] for line in lines] for lines in beside]
    t.ok(bodies[0] and bodies[0] == bodies[1], 'recordings lie beside a file of rows, too', [len(b) for b in bodies])
    t.ok(all('; filename="file"' in m['body'] and 'name="temperature"' in m['body'] for m in made), 'its form is that of 0.13')


def check_speech():
    out = run('speech', 'openslr/librispeech_asr', '--disable-shuffle', *AUDIO)
    t.eq(out.returncode, 0, f'speech: {out.stderr}')
    for name, line in zip(SOUNDS, out.stdout.split('\n')):
        request = json.loads(line)
        with open(os.path.join(tk_it.GOLDEN, f'media/sounds/{name}.sent'), 'rb') as f:
            t.ok(f.read() in request['body'].encode('latin-1'), f'{name}: the WAV is that of the program')
        t.eq(request['output_tokens'], 128, f'{name}: tokens to ask for')


def check_refused():
    mt = 'philschmid/mt-bench'
    refused('a list of names', 'mt', 'no/such', "'gorilla-llm/Berkeley-Function-Calling-Leaderboard'}. Please consider")
    refused('speech without audio', 'mt', 'LIUM/tedlium', "has no column 'audio'", *AUDIO)
    refused('speech to a chat', 'speech', 'LIUM/tedlium', "has recordings, which backend 'openai-chat' does not send", *CHAT)
    refused('images to speech', 'mt', 'Lin-Chen/MMStar', "has no recordings, which backend 'openai-audio' does not send", *AUDIO)
    refused('no speech', 'noise', 'LIUM/tedlium', 'its audio cannot be sent: the sound cannot be used', *AUDIO)
    refused('all of it too short', 'speech', 'LIUM/tedlium', 'none of the 3 rows', '--asr-min-audio-len-sec', '0.2', *AUDIO)
    refused('all of it too long', 'speech', 'LIUM/tedlium', 'none of the 3 rows', '--asr-max-audio-len-sec', '0.1', *AUDIO)
    refused('a message with an image to completions', 'bench', 'lmarena-ai/vision-arena-bench-v0.1', "Multi-modal content is only supported on",
            '--enable-multimodal-chat')
    refused('a message to a reranker', 'vicuna', 'Aeala/ShareGPT_Vicuna_unfiltered', 'a reranker takes a query and documents', '--hf-split', 'train',
            '--enable-multimodal-chat', '--backend', 'vllm-rerank', '--endpoint', '/v1/rerank')
    calls = 'ArtificialAnalysis/Earnings22-Cleaned-AA'
    refused('a file that leads out of the folder', 'escape', calls, "its audio cannot be sent: '../secret.wav' is no file of the data set", *AUDIO)
    refused('a file that is not there', 'gone', calls, "has no file 'nope.wav'", *AUDIO)
    refused('a file that is no sound', 'text', calls, 'its audio cannot be sent: the sound cannot be used', *AUDIO)
    refused('no name of a file', 'mt', calls, "has no column 'url'", '--hf-split', 'test', *AUDIO)
    refused('a file that is no image', 'nopic', 'Lin-Chen/MMStar', "row 0 from 0: its image is too long, or is not what was in the file", *CHAT)
    refused('another kind of image', 'gif', 'Lin-Chen/MMStar', 'its image cannot be sent: a picture that is neither JPEG nor PNG', *CHAT)
    refused('an image that is cut', 'half', 'Lin-Chen/MMStar', 'its image cannot be sent: a JPEG that is cut', *CHAT)
    refused('no image', 'nothing', 'Lin-Chen/MMStar', "it has no image 'image'; its columns are: question", *CHAT)
    refused('an image as a link', 'link', 'Lin-Chen/MMStar', 'the viewer gives its image as a link alone', *CHAT)
    refused('no such folder, no hub', 'not-there', mt, "HF_HUB_OFFLINE")
    refused('a README that is too long', 'wordy', mt, "'wordy/README.md' has more than 4194304 bytes")
    refused('no files', 'empty', mt, 'has no Parquet, JSON or CSV files')
    refused('which split', 'vicuna2', 'Aeala/ShareGPT_Vicuna_unfiltered', "choose one with --hf-split; there are ['train', 'test']")
    refused('which subset', 'two', mt, "choose one with --hf-subset; there are ['a', 'b']")
    refused('a broken line', 'broken', mt, "row 1 from 0: this is not JSON: '{\"turns\": [\"b\"}'", '--disable-shuffle')
    refused('no object', 'numbers', mt, "'numbers/train.jsonl', line 2: the row is no object")
    refused('a folder without its name', 'columns', None, 'A folder or file here is one of them by --hf-name')
    refused('a folder of another set', 'columns', 'x/y', "by --hf-name; 'x/y' is none")
    refused('a missing column', 'columns', mt, "'columns', row 0 from 0: it has no list of texts 'turns'; its columns are: turn, id")
    refused('a subset that would set the colour of the terminal', 'red', mt, "there are ['?[31ma', 'b']")
    refused('a missing column, Parquet', 'mt', 'AI-MO/NuminaMath-CoT', "train-00000-of-00002.parquet' has no column 'problem'; its columns are: ")
    refused('a truncated Parquet file', 'cut', mt, "'cut/data/train-00000-of-00001.parquet': it does not end as Parquet does: it is truncated")
    refused('a damaged Parquet file', 'hurt', mt, "'hurt/data/train-00000-of-00001.parquet', row group 0, column 'turns'", '--disable-shuffle')
    refused('no tokens', 'silent', 'AI-MO/NuminaMath-CoT', 'there are no tokens to ask for', '--hf-output-len', '0')
    refused('nothing fits', 'short', 'AI-MO/NuminaMath-CoT', 'none of the 2 rows')
    refused('a CSV row that is too long', 'table', mt, "'table/train.csv', line 3: 2 fields, 1 columns")


with tk_it.Folder():
    shutil.copytree(here, '.', dirs_exist_ok=True)
    os.makedirs('empty')
    write('red/README.md', '---\nconfigs:\n- config_name: \x1b[31ma\n  data_files: x.jsonl\n- config_name: b\n  data_files: x.jsonl\n---\n')
    write('wordy/train.jsonl', '{"turns": ["a"]}\n')
    write('wordy/README.md', '---\nconfigs:\n' + 5_000_000 * '#')
    write('vicuna2/train.json', '[]')
    write('vicuna2/test.json', '[]')
    write('two/README.md', '---\nconfigs:\n- config_name: a\n  data_files: "x.jsonl"\n- config_name: b\n  data_files: [y.jsonl]\n---\n')
    write('two/x.jsonl', '{}')
    write('broken/train.jsonl', '{"turns": ["a"]}\n{"turns": ["b"}\n')
    write('numbers/train.jsonl', '{"turns": ["a"]}\n12\n')
    write('columns/train.jsonl', '{"turn": ["a"], "id": 1}\n')
    write('silent/train.jsonl', '{"problem": "one two three four", "solution": ""}\n')
    write('short/train.jsonl', '{"problem": "a", "solution": "b"}\n' * 2)
    with open(os.path.join(tk_it.GOLDEN, 'media/pictures/usual.jpg'), 'rb') as f:
        picture = f.read()
    for name, image in (('nopic', {'bytes': 'no base64'}), ('gif', {'bytes': base64.b64encode(b'GIF89a').decode()}),
                        ('half', {'bytes': base64.b64encode(picture[:500]).decode()}), ('link', {'src': 'https://x/y.jpg'})):
        write(f'{name}/a.jsonl', json.dumps({'question': 'What?', 'image': image}))
    rows = []
    for name in SOUNDS:
        with open(os.path.join(tk_it.GOLDEN, 'media/sounds', name), 'rb') as f:
            rows.append(json.dumps({'audio': {'bytes': base64.b64encode(f.read()).decode(), 'path': name}}))
    write('speech/train.jsonl', '\n'.join(rows))
    write('noise/train.jsonl', json.dumps({'audio': {'bytes': base64.b64encode(b'noise').decode()}}))
    write('nothing/a.jsonl', '{"question": "What?"}')
    for name in ('nopic', 'gif', 'half', 'link', 'nothing'):
        write(f'{name}/README.md', '---\nconfigs:\n- config_name: x\n  data_files:\n  - split: val\n    path: a.*\n---\n')
    write('table/train.csv', 'turns\na\nb,c\n')
    with open('mt/data/train-00000-of-00002.parquet', 'rb') as f:
        whole = f.read()
    write('cut/data/train-00000-of-00001.parquet', whole[:-10])
    write('hurt/data/train-00000-of-00001.parquet', whole[:500] + b'\xff' * 300 + whole[800:])
    for name, url in (('escape', '../secret.wav'), ('gone', 'nope.wav'), ('text', 'train.jsonl')):
        write(f'{name}/train.jsonl', json.dumps({'url': url}))
    shutil.copy('calls/audio/mono.flac', 'secret.wav')
    check_vectors()
    check_newer_vectors()
    check_newer()
    check_newer_speech()
    check_speech()
    check_refused()
t.done()
