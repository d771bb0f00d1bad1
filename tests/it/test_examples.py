"""Every example in --help, in the README and in docs/commands.md is run, shortened, against the simulator."""
import json
import os
import re
import shutil
import subprocess

import tk_it

t = tk_it.Tap()
ROOT = os.path.dirname(os.environ.get('TK_TESTS_DIR', 'tests'))
DATA = os.path.join(os.environ.get('TK_TESTS_DIR', 'tests'), 'data', 'token')
LONGEST_S = 120 # only so that a hang ends


def from_help():
    """(where, line) of the examples of every command."""
    commands = re.findall(r'^  (\w+) ', tk_it.run('--help').stdout.split('Commands:')[1].split('Exit status')[0], re.MULTILINE)
    t.ok(len(commands) >= 6, 'the commands', commands)
    for command in commands:
        text = tk_it.run(command, '--help').stdout
        for line in text.partition('Examples:\n')[2].split('\n\n')[0].splitlines():
            yield f'{command} --help', line.strip()


def from_page(name):
    """The lines in fenced blocks that call the program."""
    with open(os.path.join(ROOT, name), encoding='utf-8') as file:
        blocks = re.findall(r'^```\w*\n(.*?)^```', file.read(), re.DOTALL | re.MULTILINE)
    for line in '\n'.join(blocks).splitlines():
        if re.match(r'(build/)?tokmark [a-z]|vllm ', line):
            yield name, line.strip()


def shortened(line, sim):
    """The same words, less of it, against the simulator."""
    line = re.sub(r'^build/', '', line)
    line = re.sub(r'(http://)?localhost:8000', lambda m: (m[1] or '') + sim.url.split('//')[1], line)
    line = re.sub(r'\b(\d+)(s|m|h)\b', '1s', line)
    line = re.sub(r'(-n|--num-prompts) \d+', r'\1 20', line)
    line = re.sub(r'--decode [\d ]+', '--decode 68 75', line) # the model has few tokens
    line = re.sub(r'\b[A-Z]\w+/[A-Z][\w.-]+', './model', line) # what would come from the hub
    if line.startswith('vllm bench serve'):
        line += f' --port {sim.port} --tokenizer ./model' + ('' if '--num-prompts' in line else ' --num-prompts 20')
    if line.startswith('tokmark selftest'):
        line = re.sub(r'--streams \d+', '', line) + ' --streams 2 --rounds 1 --rates 20'
    return line


def make_folder():
    with open('prompts.jsonl', 'w', encoding='utf-8') as file:
        file.writelines(json.dumps({'prompt': f'prompt {i}'}) + '\n' for i in range(30))
    shutil.copy('prompts.jsonl', 'prompts.txt')
    with open('messages.json', 'w', encoding='utf-8') as file:
        json.dump([{'role': 'user', 'content': 'Hello'}], file)
    for name in ('ShareGPT_V3.json', 'sharegpt.json'):
        with open(name, 'w', encoding='utf-8') as file:
            json.dump([{'conversations': [{'from': 'human', 'value': 'How are you today?'}, {'from': 'gpt', 'value': 'Very well, thank you.'}]}] * 40, file)
    os.mkdir('model')
    with open(os.path.join(DATA, 'bpe.json'), encoding='utf-8') as file:
        tokenizer = json.load(file)[0]['tokenizer']
    with open('model/tokenizer.json', 'w', encoding='utf-8') as file:
        json.dump(tokenizer, file)
    with open('model/tokenizer_config.json', 'w', encoding='utf-8') as file:
        json.dump({'chat_template': '{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}'}, file)
    os.mkdir('bin')
    for name in ('tokmark', 'vllm'):
        os.symlink(os.path.abspath(tk_it.TOKMARK), os.path.join('bin', name))
    os.environ['PATH'] = os.path.abspath('bin') + ':' + os.environ['PATH']


def run(where, line, sim):
    words = shortened(line, sim)
    name = f'{where}: {line}'
    tool = re.search(r'\b(curl|jq)\b', words)
    if tool and not shutil.which(tool[1]):
        t.skip(f'{name}: {tool[1]} is not installed')
        return
    written = re.search(r' -o (\S+)', words)
    if written and os.path.exists(written[1]):
        os.remove(written[1]) # of an earlier example
    if words.startswith('tokmark sim'):
        serves(name, words)
        return
    out = subprocess.run(['bash', '-o', 'pipefail', '-c', words], capture_output=True, text=True, timeout=LONGEST_S, check=False)
    t.ok(out.returncode == 0 and out.stdout, name, f'{words}\n{out.returncode}\n{out.stdout}{out.stderr}')


def serves(name, words):
    """A server that is started, says where it listens and ends when it is told to."""
    child = subprocess.Popen(words.replace('--port 0', '').split() + ['--port', '0'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = child.stdout.readline()
    child.terminate()
    _, err = child.communicate()
    t.ok(line.startswith('listening on ') and child.returncode == 0, name, line + err)


with tk_it.Folder():
    make_folder()
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms', '--tokens', '4', '--model', 'm') as sim:
        tk_it.run('run', sim.url, '-n', 5, '-o', 'run.tokmark')
        examples = [*from_help(), *from_page('README.md'), *from_page('docs/commands.md')]
        t.ok(len(examples) >= 20, 'there are examples', len(examples))
        for where, line in examples:
            run(where, line, sim)
t.done()
