"""What the integration tests share: TAP, the program, the simulated server.

    import tk_it
    t = tk_it.Tap()
    with tk_it.Sim('--ttft', '5ms') as sim:
        r = tk_it.run('run', sim.url, '-n', '3')
        t.eq(r.returncode, 0, 'exit status')
    t.done()
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

TOKMARK = os.environ.get('TOKMARK', 'build/tokmark')
GOLDEN = os.path.join(os.environ.get('TK_TESTS_DIR', 'tests'), 'golden')


class Tap:
    """Checks that print TAP; a failure says on stderr what was found."""

    def __init__(self):
        self.checks = self.failures = 0

    def ok(self, condition, name, found=None):
        self.checks += 1
        line = ' '.join(name.replace('#', ' ').split())
        print(f'{"ok" if condition else "not ok"} {self.checks} - {line}', flush=True)
        if not condition:
            self.failures += 1
            print(f'failed: {name}' + (f'\n    found {found}' if found is not None else ''), file=sys.stderr)
        return bool(condition)

    def eq(self, got, want, name):
        return self.ok(got == want, name, f'{got!r}, want {want!r}')

    def has(self, text, part, name):
        return self.ok(part in text, name, f'{text!r}, want {part!r} in it')

    def skip(self, reason):
        self.checks += 1
        print(f'ok {self.checks} # SKIP {reason}', flush=True)

    def done(self):
        print(f'1..{self.checks}')
        sys.exit(1 if self.failures else 0)


class Folder:
    """A temporary folder as the current one."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix='tk-it-')
        self.before = os.getcwd()
        os.chdir(self.path)
        return self.path

    def __exit__(self, *_):
        os.chdir(self.before)
        shutil.rmtree(self.path, ignore_errors=True)


class Sim:
    """tokmark sim on a free port, with its log."""

    def __init__(self, *args):
        self.args = args

    def __enter__(self):
        self.log_path = tempfile.mktemp(prefix='tk-sim-', suffix='.jsonl')
        self.process = subprocess.Popen(
            [TOKMARK, 'sim', '--port', '0', '--quiet', '--log', self.log_path, *self.args],
            stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[2]  # listening on URL …
        self.port = self.url.rsplit(':', 1)[1]
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()

    def log(self):
        """The requests for tokens that it logged, in the order of their ends; it has stopped then."""
        self.stop()
        with open(self.log_path, encoding='utf-8') as f:
            lines = [json.loads(line) for line in f]
        return [r for r in lines if r['kind'] == 'request' and r['method'] == 'POST']

    def __exit__(self, *_):
        self.stop()
        self.process.stdout.close()
        if os.path.exists(self.log_path):
            os.remove(self.log_path)


def surroundings_of(args):
    """The environment without a key; `tokmark vllm` would ask the hub for its model's tokenizer."""
    found = {k: v for k, v in os.environ.items() if k != 'OPENAI_API_KEY'}
    return found | ({'HF_HUB_OFFLINE': '1'} if args[:1] == ('vllm',) else {})


def run(*args, env=None, timeout=120, stdin=None):
    """The program with these words; its result as text."""
    surroundings = surroundings_of(args)
    surroundings.update(env or {})
    return subprocess.run([TOKMARK, *map(str, args)], capture_output=True, text=True, env=surroundings, timeout=timeout,
                          check=False, stdin=stdin)


def start(*args, env=None):
    surroundings = surroundings_of(args)
    surroundings.update(env or {})
    return subprocess.Popen([TOKMARK, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=surroundings)


def body_hash(text):
    """The simulator's hash of a body: FNV-1a, 64 bits."""
    h = 0xcbf29ce484222325
    for byte in text.encode('utf-8'):
        h = (h ^ byte) * 0x100000001b3 % 2**64
    return f'{h:016x}'
