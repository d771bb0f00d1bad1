"""TAP for the parity tests: to standard output, and to a log that scripts/count-tests reads."""

import time


class Tap:
    def __init__(self, log, total):
        self.log = open(log, 'w', encoding='utf-8') if log else None
        self.n = self.failed = 0
        self.begin = time.time()
        self._say(f'1..{total}')

    def _say(self, line):
        print(line, flush=True)
        if self.log:
            self.log.write(line + '\n')
            self.log.flush()

    def note(self, text):
        for line in text.splitlines():
            self._say(f'# {line}')

    def result(self, ok, name):
        self.n += 1
        self.failed += not ok
        self._say(f"{'ok' if ok else 'not ok'} {self.n} - {name}")

    def skip(self, name, why):
        self.n += 1
        self._say(f'ok {self.n} - {name} # SKIP {" ".join(why.split())}')

    def done(self):
        """The exit status."""
        self.note(f'{self.n - self.failed} of {self.n}, {time.time() - self.begin:.0f} s')
        return 1 if self.failed else 0
