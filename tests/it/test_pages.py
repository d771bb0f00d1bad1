"""What is made from the tables of options: pages of the manual, completion in real shells, --print-config."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

import tk_it

t = tk_it.Tap()

PAGES = os.path.join(os.path.dirname(os.path.abspath(os.environ.get('TK_TESTS_DIR', 'tests'))), 'docs', 'options')
WAIT_S = 60  # only so that a hang ends


def commands():
    return tk_it.run('help', '--list').stdout.split()


def options_of(command):
    """Those that --help shows."""
    found = []
    for negatable, name in re.findall(r'^(?:  -\w, | {6})--(\[no-\])?([\w-]+)', tk_it.run(command, '--help').stdout, re.MULTILINE):
        found.append(name)
        if negatable:
            found.append(f'no-{name}')
    return found


def test_markdown():
    """docs/options/ is what the program says; TK_GOLDEN_UPDATE=1 makes it so."""
    names = commands()
    for name in names:
        page = tk_it.run('help', '--markdown', name).stdout
        path = os.path.join(PAGES, f'{name}.md')
        if os.environ.get('TK_GOLDEN_UPDATE'):
            with open(path, 'w', encoding='utf-8') as f:
                f.write(page)
        with open(path, encoding='utf-8') as f:
            t.ok(f.read() == page, f'docs/options/{name}.md is fresh (make golden)')
        for option in options_of(name):
            if option == 'help' or (option.startswith('no-') and f'--[{option[:3]}]{option[3:]}' in page):
                continue
            if not re.search(rf'^### `--(\[no-\])?{option}\b', page, re.MULTILINE):
                t.ok(False, f'{name}: --{option} has its section')
    t.eq(sorted(os.listdir(PAGES)), sorted(f'{name}.md' for name in names), 'docs/options has a page for each command')
    t.eq(tk_it.run('help', '--markdown', 'runn').returncode, 2, 'no page for what is no command')


def test_man():
    pages = [('', [])] + [(f'-{name}', [name]) for name in commands()]
    for suffix, words in pages:
        path = f'tokmark{suffix}.1'
        out = tk_it.run('help', '--man', *words)
        t.ok(out.returncode == 0 and out.stdout.startswith('.\\"'), f'{path}: made', out)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(out.stdout)
        if shutil.which('man'):
            shown = subprocess.run(['man', '--warnings', '-E', 'ascii', '-l', '-Tascii', path], capture_output=True, text=True,
                                   env={**os.environ, 'MANWIDTH': '500', 'MAN_KEEP_FORMATTING': '', 'MANPAGER': 'cat'}, check=False)
            text = re.sub(r'.\x08|\x1b\[[\d;]*m', '', shown.stdout)
            t.ok(shown.returncode == 0 and not shown.stderr, f'{path}: man has nothing to say against it', shown.stderr)
            missing = [o for o in (options_of(words[0]) if words else []) if not o.startswith('no-') and f'--{o}' not in text
                       and f'--[no-]{o}' not in text]
            t.eq(missing, [], f'{path}: every option is shown, with its dashes')
        else:
            t.skip(f'{path}: no man here')
        if shutil.which('mandoc'):
            lint = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', path], capture_output=True, text=True, check=False)
            t.eq([line for line in lint.stdout.splitlines() if 'missing date' not in line], [], f'{path}: mandoc neither')
        else:
            t.skip(f'{path}: no mandoc here')


# What is typed, and what the shell must offer; None: nothing. `files` are in the folder.
FILES = ('a.tokmark', 'b.txt')
ASKED = (
    (['r'], {'run', 'report'}),
    (['run', '--arriv'], {'--arrival'}),
    (['run', '--no-st'], {'--no-stream'}),
    (['run', '--arrival', ''], {'constant', 'poisson', 'gamma'}),
    (['run', '--arrival', 'po'], {'poisson'}),
    (['run', '-o', 'a'], {'a.tokmark'}),
    (['run', '--rate', ''], None),
    (['run', '--data', 'w'], {'words'}),
    (['run', '--data', 'b'], {'b.txt'}),
    (['report', ''], {'a.tokmark', 'folder'}),
    (['sim', '--jitter', 'e'], {'exponential'}),
    (['vllm', '--result-dir', ''], {'folder'}),
    (['completion', ''], {'bash', 'zsh', 'fish'}),
    (['help', 'sel'], {'selftest'}),
)


def make_files():
    for name in FILES:
        with open(name, 'w', encoding='utf-8'):
            pass
    os.makedirs('folder', exist_ok=True)
    for shell in ('bash', 'zsh', 'fish'):
        with open(f'script.{shell}', 'w', encoding='utf-8') as f:
            f.write(tk_it.run('completion', shell).stdout)


def quoted(words):
    return ' '.join("'" + w.replace("'", "'\\''") + "'" for w in words)


def ask_bash(words):
    out = subprocess.run(['bash', '--norc', '-c', f'. ./script.bash; COMP_WORDS=(tokmark {quoted(words)}); COMP_CWORD={len(words)}; '
                          '_tokmark; printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True, check=False)
    t.eq(out.stderr, '', f'bash: {words}: no complaint')
    return {line for line in out.stdout.splitlines() if line}


def ask_fish(words):
    line = 'tokmark ' + ' '.join(words)
    out = subprocess.run(['fish', '--no-config', '-c', f'source script.fish; complete -C "{line}"'], capture_output=True, text=True, check=False)
    t.eq(out.stderr, '', f'fish: {words}: no complaint')
    return {line.split('\t')[0].rstrip('/') for line in out.stdout.splitlines()}


def test_bash():
    check = subprocess.run(['bash', '-n', 'script.bash'], capture_output=True, text=True, check=False)
    t.eq((check.returncode, check.stderr), (0, ''), 'bash: the script is well-formed')
    if shutil.which('shellcheck'):
        check = subprocess.run(['shellcheck', '-s', 'bash', 'script.bash'], capture_output=True, text=True, check=False)
        t.eq(check.stdout, '', 'bash: shellcheck has nothing to say against it')
    for words, want in ASKED:
        t.eq(ask_bash(words), want or set(), f'bash: {words}')
    t.eq(ask_bash(['run', '--arrival', '=']), {'constant', 'poisson', 'gamma'}, 'bash: --arrival=')
    t.eq(ask_bash(['run', '--arrival', '=', 'po']), {'poisson'}, 'bash: --arrival=po')
    for name in commands():
        offered = {word[2:] for word in ask_bash([name, '--'])}
        t.eq(offered, set(options_of(name)), f'bash: {name}: all the options of --help, and no others')


def test_fish():
    if not shutil.which('fish'):
        t.skip('no fish here')
        return
    for words, want in ASKED:
        found = ask_fish(words)
        if want is None:
            t.eq(found, set(), f'fish: {words}')
        else:  # fish sorts files in, and offers what begins otherwise too when nothing begins so
            t.ok(want <= found and (len(want) > 1 or found == want), f'fish: {words}', found)
    for name in commands():
        offered = {word[2:] for word in ask_fish([name, '--'])}
        t.eq(offered, set(options_of(name)), f'fish: {name}: all the options of --help, and no others')


class Terminal:
    """A shell that somebody types into."""

    def __init__(self, words, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env)
            os.execvp(words[0], words)
        self.seen = b''

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, part):
        until = time.monotonic() + WAIT_S
        while part.encode() not in self.seen and time.monotonic() < until:
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    break
        return part.encode() in self.seen

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def test_typed(tools):
    """The Tab key itself: what it makes of half a word is run and seen."""
    with open(f'{tools}/tokmark', 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\necho SEEN "$@"\n')
    os.chmod(f'{tools}/tokmark', 0o755)
    env = {'TERM': 'dumb', 'PS1': 'ready> ', 'PATH': tools + ':' + os.environ['PATH'], 'HOME': os.getcwd(), 'ZDOTDIR': os.getcwd()}
    for shell, words, begin in (('bash', ['bash', '--norc', '--noprofile', '-i'], '. ./script.bash\n'),
                                ('zsh', ['zsh', '-f', '-i'], 'autoload -U compinit; compinit -u -D; . ./script.zsh\n')):
        if not shutil.which(shell):
            t.skip(f'no {shell} here')
            continue
        terminal = Terminal(words, env)
        terminal.wait_for('ready> ')
        terminal.type(begin)
        for typed, want in (('tokmark run --arriv\\t', 'SEEN run --arrival'), ('tokmark run --arrival po\\t', 'SEEN run --arrival poisson'),
                            ('tokmark run -o a.t\\t', 'SEEN run -o a.tokmark'), ('tokmark rep\\t', 'SEEN report'),
                            ('tokmark report a\\t', 'SEEN report a.tokmark')):
            terminal.type(typed.replace('\\t', '\t'))
            time.sleep(0.3)  # a shell may take what comes with the Tab for a paste
            terminal.type('\n')
            t.ok(terminal.wait_for(want), f'{shell}: {typed}', terminal.seen[-300:])
        terminal.type('exit\n')
        terminal.close()


def test_zsh():
    if not shutil.which('zsh'):
        t.skip('no zsh here')
        return
    check = subprocess.run(['zsh', '-n', 'script.zsh'], capture_output=True, text=True, check=False)
    t.eq((check.returncode, check.stderr), (0, ''), 'zsh: the script is well-formed')
    with open('script.zsh', encoding='utf-8') as f:
        script = f.read()
    for name in commands():
        part = re.search(rf'^    {name}\)\n(.*?)^        ;;', script, re.DOTALL | re.MULTILINE)[1]
        offered = set(re.findall(r"^ +'(?:\([^)]*\)|\*)?(--[\w-]+)=?\[", part, re.MULTILINE)) | set(re.findall(r'(--help)', part))
        t.eq({word[2:] for word in offered}, set(options_of(name)), f'zsh: {name}: all the options of --help, and no others')


def config(*words, env=None):
    out = tk_it.run(*words, '--print-config', env=env)
    t.ok(out.returncode == 0 and out.stderr == '', f'{words}: --print-config', out)
    return json.loads(out.stdout), out.stdout


def test_config():
    """What would be done, without a server: none listens at these addresses."""
    secret = 'sk-planted-0123456789'
    got, text = config('run', f'http://127.0.0.1:1/v1?api_key={secret}', '-c', 4, '--api', 'chat', '-H', f'X-Token: {secret}',
                       env={'OPENAI_API_KEY': secret})
    t.ok(secret[:8] not in text, 'run: no secret in it')
    t.eq(got['command'], 'tokmark run', 'run: command')
    t.eq(got['arguments'], ['http://127.0.0.1:1/v1?api_key=***'], 'run: arguments')
    for name, want in (('concurrency', (4, 'command line')), ('api', ('chat', 'command line')), ('grace', (30.0, 'default')),
                       ('rate', (None, None)), ('stream', (True, 'default')), ('sim', (False, 'default')), ('header', (['***'], 'command line'))):
        t.eq((got['options'][name]['value'], got['options'][name]['from']), want, f'run: --{name}')
    t.eq((got['plan']['phases']['measure']['concurrency'], got['plan']['phases']['measure']['requests']), (4, 100), 'run: the plan')
    t.ok({'name': 'Authorization', 'value': '***'} in got['plan']['headers'], 'run: the key is there, and masked', got['plan']['headers'])
    t.eq(set(got['options']), {o for o in options_of('run') if not o.startswith('no-') and o != 'help'}, 'run: every option')
    got, _ = config('run', '--sim', '-n', 7)
    t.eq(got['plan']['phases']['measure']['requests'], 7, 'run --sim: no server is started')
    got, _ = config('sim', '--ttft', '5ms')
    t.eq((got['options']['ttft'], got['plan']), ({'value': 0.005, 'from': 'command line'}, None), 'sim: options alone')
    got, text = config('vllm', '--model', 'm', '--skip-tokenizer-init', '--dataset-name', 'custom', '--dataset-path', 'p.jsonl', '--num-prompts', 2,
                       '--header', f'Api-Key={secret}', '--base-url', f'http://127.0.0.1:1/?token={secret}&', '--endpoint', f'?key={secret}&/v1/completions',
                       env={'OPENAI_API_KEY': secret})
    t.ok(secret[:8] not in text, 'vllm: no secret in it')
    t.eq(got['options']['endpoint']['value'], '?key=***&/v1/completions', 'vllm: the rest of a URL is')
    t.eq((got['command'], got['plan']['phases']['measure']['requests']), ('vllm bench serve', 2), 'vllm: the plan')
    t.eq(got['options']['num-prompts'], {'value': 2, 'from': 'command line'}, 'vllm: options')
    for more in ('--dataset-name', 'random'), ('--dataset-name', 'sharegpt', '--dataset-path', 'none.json', '--request-rate', 5):
        got, _ = config('vllm', '--model', 'no/such', '--num-prompts', 3, *more, env={'HF_ENDPOINT': 'http://127.0.0.1:1'})
        t.eq((got['plan']['phases']['measure']['requests'], got['plan']['items']), (3, None), f'vllm: {more}: no tokenizer is opened')
    out = tk_it.run('run', 'http://127.0.0.1:1', '--dry-run')
    t.eq(out.returncode, 1, '--dry-run asks for the model')
    t.has(out.stderr, '; --model NAME avoids asking', 'and says how it would not')
    out = tk_it.run('run', 'ftp://h', '--print-config')
    t.eq((out.returncode, out.stdout), (2, ''), 'a mistake is an error all the same')


with tk_it.Folder():
    make_files()
    test_markdown()
    test_man()
    test_bash()
    test_fish()
    test_zsh()
    with tempfile.TemporaryDirectory() as folder:
        test_typed(folder)
    with open('p.jsonl', 'w', encoding='utf-8') as f:
        f.writelines('{"prompt": "a b"}\n' for _ in range(3))
    test_config()
    out = tk_it.run('completion', 'tcsh')
    t.ok(out.returncode == 2 and 'zsh' in out.stderr, 'another shell', out)
t.done()
