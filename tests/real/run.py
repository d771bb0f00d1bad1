#!/usr/bin/env python3
"""tokmark against a real engine, beside the engine's own figures and beside the real `vllm bench serve`.

Starts MAX on the CPU, loads it one after the other with `tokmark run`, `tokmark vllm` and `vllm bench serve` (the same
prompts, the same options), checks that every request succeeded and that all token counts are the engine's, and prints
tables in Markdown. What is not there is skipped. As root it also captures the loopback, for the figures that the packets
themselves give. docs/real-servers.md has the programs and a result.

    TOKMARK      the program                                         default build/tokmark
    MAX_SERVE    the words that start the engine                     default `max serve`
    VLLM_BENCH   the words that start the real client                default `vllm bench serve`; without a GPU
                 `PYTHON tests/real/vllm_bench.py`, PYTHON being one that has vLLM's modules
"""
import argparse
import contextlib
import json
import os
import platform
import random
import shlex
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
os.environ.setdefault('TOKMARK', os.path.join(HERE, '..', '..', 'build', 'tokmark'))

import engine # noqa: E402
import tk_it # noqa: E402
import wire # noqa: E402

PATHS = {'completions': '/v1/completions', 'chat': '/v1/chat/completions'}
BACKENDS = {'completions': 'openai', 'chat': 'openai-chat'}
NAMES = ('TTFT', 'ITL', 'TPOT', 'E2EL')
STATISTICS = ('mean', 'p50', 'p99')
OURS = {'TTFT': 'ttft', 'ITL': 'chunk_gap', 'TPOT': 'tpot', 'E2EL': 'e2el'}
THEIRS = {'TTFT': 'ttft', 'ITL': 'itl', 'TPOT': 'tpot', 'E2EL': 'e2el'}
ENGINES = {'TTFT': 'time_to_first_token', 'ITL': 'itl', 'TPOT': 'time_per_output_token', 'E2EL': 'request_time'}
BEFORE = [] # words in front of every client: --before
SUBJECTS = 'model server token request stream clock answer reply queue batch first last late early exact'.split()


def prompts(n):
    """The same n prompts on every machine, of 3 to 60 words."""
    dice = random.Random(1)
    return [' '.join(dice.choice(SUBJECTS) for _ in range(dice.randint(3, 60))) for _ in range(n)]


def write_lines(path, rows):
    with open(path, 'w', encoding='utf-8') as f:
        f.writelines(json.dumps(row) + '\n' for row in rows)


class Load:
    """So many requests of an API, in a closed loop (concurrency) or an open one (rate)."""

    def __init__(self, api, n, tokens, concurrency=None, rate=None):
        self.api, self.n, self.tokens, self.concurrency, self.rate = api, n, tokens, concurrency, rate

    def __str__(self):
        how = f'closed loop, {self.concurrency} at a time' if self.concurrency else f'open loop, Poisson, {self.rate:g}/s'
        return f'{self.api}, {how}'

    def words(self, names):
        return [names[0], str(self.concurrency)] if self.concurrency else [names[1], f'{self.rate:g}']


class Outcome:
    """What one client said of one run: status, counts, figures; its CPU; what the engine and the wire showed meanwhile."""

    def __init__(self):
        self.status, self.said, self.cpu_s, self.engine = None, '', 0.0, None
        self.succeeded = self.failed = self.prompt = self.output = None
        self.prompt_each, self.output_each, self.figures, self.extra = [], [], {}, {} # the server's counts, where the client keeps them
        self.bare_each = None # prompts without the chat template, which is what `vllm bench serve` counts
        self.requests, self.wire, self.wire_gaps = None, {}, None


def listening(server):
    """A capture of the packets, or none where that is not allowed."""
    try:
        return wire.Capture(server.port)
    except (OSError, AttributeError):
        return contextlib.nullcontext()


def measure(server, n, words, folder):
    """Starts a client and waits for its end. The CPU is that of its whole life, start included."""
    outcome, before = Outcome(), server.scrape()
    with open(os.path.join(folder, 'said'), 'w+b') as said, listening(server) as capture:
        process = subprocess.Popen([*BEFORE, *words], stdout=said, stderr=subprocess.STDOUT, env=engine.surroundings())
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = outcome.status = os.waitstatus_to_exitcode(status)
        said.seek(0)
        outcome.said = said.read().decode(errors='replace')
    outcome.cpu_s = used.ru_utime + used.ru_stime
    outcome.engine = server.settled(before, n)
    outcome.requests = capture and capture.requests()
    return outcome


def vllm_words(server, load, data, folder):
    """The options that `vllm bench serve` and `tokmark vllm` share. The order is the file's, no request goes before."""
    return ['--backend', BACKENDS[load.api], '--base-url', server.url, '--endpoint', PATHS[load.api], '--model', engine.MODEL,
            '--tokenizer', server.model, '--dataset-name', 'custom', '--dataset-path', data, '--custom-output-len', str(load.tokens),
            '--num-prompts', str(load.n), '--skip-chat-template', '--disable-shuffle', '--ready-check-timeout-sec', '0',
            *load.words(('--max-concurrency', '--request-rate')), '--percentile-metrics', 'ttft,tpot,itl,e2el',
            '--metric-percentiles', '50,99', '--disable-tqdm', '--save-result', '--save-detailed', '--result-dir', folder,
            '--result-filename', 'result.json']


def counts_of(path):
    """Prompt and output tokens of each request of a run file, as the server counted them."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        return file.execute('select prompt_tokens, output_tokens from requests order by idx').fetchall()


def by_vllm(server, load, data, folder, program):
    outcome = measure(server, load.n, [*program, *vllm_words(server, load, data, folder)], folder)
    path = os.path.join(folder, 'result.json')
    if not os.path.exists(path):
        return outcome
    with open(path, encoding='utf-8') as f:
        r = json.load(f)
    os.remove(path)
    outcome.succeeded, outcome.failed, outcome.prompt, outcome.output = (
        r[k] for k in ('completed', 'failed', 'total_input_tokens', 'total_output_tokens'))
    outcome.prompt_each = outcome.bare_each = r['input_lens']
    outcome.output_each = r['output_lens']
    rows_path = os.path.join(folder, 'result.tokmark')
    if os.path.exists(rows_path):
        outcome.prompt_each = [p for p, _ in counts_of(rows_path)]
        os.remove(rows_path)
    for name, key in THEIRS.items():
        outcome.figures |= {(name, 'mean'): r[f'mean_{key}_ms'], (name, 'p50'): r[f'p50_{key}_ms'], (name, 'p99'): r[f'p99_{key}_ms']}
    if outcome.requests:
        outcome.wire, outcome.wire_gaps = wire.figures(outcome.requests, load.api, 'vllm')
    outcome.extra = {'requests/s': r['request_throughput'], 'output tokens/s': r['output_throughput'], 'n_gaps': sum(map(len, r['itls']))}
    return outcome


def by_run(server, load, data, folder, more=()):
    path, rows_path = os.path.join(folder, 'result.json'), os.path.join(folder, 'result.tokmark')
    words = [tk_it.TOKMARK, 'run', server.url + PATHS[load.api], '--data', data, '--model', engine.MODEL, '-n', str(load.n),
             *load.words(('-c', '--rate')), '--temperature', '0', '--percentiles', '50,99', '--json', path, '-o', rows_path,
             '--overwrite', '--no-progress', *(['--output-tokens', str(load.tokens)] if load.tokens else []), *more]
    outcome = measure(server, load.n, words, folder)
    if not os.path.exists(path):
        return outcome
    with open(path, encoding='utf-8') as f:
        r = json.load(f)
    os.remove(path)
    outcome.succeeded, outcome.failed = r['requests']['succeeded'], r['requests']['failed']
    outcome.prompt, outcome.output = r['tokens']['prompt'], r['tokens']['output']
    rows = counts_of(rows_path)
    outcome.prompt_each, outcome.output_each = [p for p, _ in rows], [o for _, o in rows]
    for name, key in OURS.items():
        values = r['metrics'][key]['successes']
        outcome.figures |= {(name, 'mean'): values['mean'], (name, 'p50'): values['percentiles']['50']['value'],
                            (name, 'p99'): values['percentiles']['99']['value']}
    if outcome.requests:
        outcome.wire, outcome.wire_gaps = wire.figures(outcome.requests, load.api, 'tokmark')
    outcome.extra = {'requests/s': r['throughput']['requests_per_s'], 'output tokens/s': r['throughput']['output_tokens_per_s'],
                     'total': r['metrics']['total']['successes']['mean'], 'n_gaps': r['metrics']['chunk_gap']['successes']['n']}
    return outcome


def in_buckets(values, bounds):
    return [(bound, float(sum(v <= bound for v in values))) for bound in bounds]


def check_counts(t, name, load, outcome, prompt_each, output_each, bare_each=None):
    """Everything succeeded, and the tokens are the engine's: of each request, in all, and request by request in its histograms."""
    theirs, path = outcome.engine, PATHS[load.api]
    if not t.eq(outcome.status, 0, f'{name}: exit status'):
        print(outcome.said[-2000:], file=sys.stderr)
        return
    t.eq((outcome.succeeded, outcome.failed), (load.n, 0), f'{name}: every request succeeded')
    t.eq(theirs.total('maxserve_request_count_total', f'code="200",path="{path}"'), load.n, f'{name}: requests that the engine counted')
    t.eq(theirs.total('maxserve_request_count_total'), load.n, f'{name}: no others')
    t.eq(sum(outcome.prompt_each), theirs.total('maxserve_num_input_tokens_total'), f'{name}: prompt tokens in all')
    t.eq(outcome.prompt, sum(outcome.bare_each or outcome.prompt_each), f'{name}: the result says their sum')
    if outcome.bare_each:
        t.eq(outcome.bare_each, bare_each, f'{name}: prompts without their template, as the engine counts them in completions')
    t.eq(outcome.output, theirs.total('maxserve_num_output_tokens_total'), f'{name}: output tokens in all')
    t.eq(outcome.prompt_each, prompt_each, f'{name}: prompt tokens of each request, as the engine tells another client')
    t.eq(outcome.output_each, output_each, f'{name}: output tokens of each request')
    for what, values in (('input', outcome.prompt_each), ('output', outcome.output_each)):
        buckets = theirs.buckets(f'maxserve_{what}_tokens_per_request_tokens')
        t.eq(in_buckets(values, [b for b, _ in buckets]), buckets, f'{name}: the engine\'s histogram of {what} tokens a request')


def check_times(t, name, outcome):
    """What the client waits for contains what the engine measures, of the same requests."""
    if outcome.status != 0:
        return
    for ours, what, key in ((outcome.figures['TTFT', 'mean'], 'TTFT', 'TTFT'),
                            (outcome.extra.get('total'), 'time to the last byte', 'E2EL')):
        theirs = outcome.engine.mean(f'maxserve_{ENGINES[key]}_milliseconds')
        if ours is not None:
            t.ok(ours >= theirs, f'{name}: mean {what} is not below the engine\'s own', f'{ours} ms, the engine\'s {theirs} ms')
    if outcome.wire:
        ours, theirs = outcome.figures['TTFT', 'mean'], outcome.wire['TTFT', 'mean']
        t.ok(ours >= theirs, f'{name}: mean TTFT is not below that of the packets', f'{ours} ms, of the packets {theirs} ms')
        t.eq(outcome.extra['n_gaps'], outcome.wire_gaps, f'{name}: gaps between chunks in the packets')


def plain_counts(server, texts, api, tokens):
    """Prompt tokens by a request that is not streamed, from another client: this one. It also warms the engine up."""
    key = 'max_tokens' if api == 'completions' else 'max_completion_tokens'
    counts = []
    for text in texts:
        what = {'prompt': text} if api == 'completions' else {'messages': [{'role': 'user', 'content': text}]}
        usage = engine.post(server.url + PATHS[api], {'model': engine.MODEL, key: tokens, 'temperature': 0} | what)['usage']
        counts.append(usage['prompt_tokens'])
    server.settled(server.scrape(), 0)
    return counts


def check_other_forms(t, server, api, folder, texts, counts):
    """Answers of different lengths, in both loops, streamed and not."""
    lengths = [16 + 7 * i % 49 for i in range(len(texts))]
    data = os.path.join(folder, 'lengths.jsonl')
    write_lines(data, ({'prompt': text, 'output_tokens': n} for text, n in zip(texts, lengths)))
    for how, load, more in (('streamed', Load(api, len(texts), None, concurrency=4), ()),
                            ('streamed', Load(api, len(texts), None, rate=4), ()),
                            ('not streamed', Load(api, len(texts), None, concurrency=4), ('--no-stream',)),
                            ('two workers', Load(api, len(texts), None, concurrency=8), ('--workers', '2'))):
        name = f'tokmark run, {load}, {how}, answers of 16 to 64 tokens'
        check_counts(t, name, load, by_run(server, load, data, folder, more), counts, lengths)


def middle(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def shown(value, form='.2f'):
    return '–' if value is None else format(value, form)


def engine_figure(outcome, name, which):
    key = f'maxserve_{ENGINES[name]}_milliseconds'
    return outcome.engine.mean(key) if which == 'mean' else outcome.engine.percentile(key, float(which[1:]))


def table(load, clients, outcomes):
    """Markdown: a row per client, followed by what the packets and the engine said of the same requests. Medians over rounds."""
    print(f'\n### {load}\n')
    print('| ms | ' + ' | '.join(f'{name} {which}' for name in NAMES for which in STATISTICS)
          + ' | gaps | requests/s | output tokens/s | client\'s CPU, s |')
    print('|---|' + '--:|' * (len(NAMES) * len(STATISTICS) + 4))

    def row(title, list_of, figure, *others):
        cells = [figure(name, which) for name in NAMES for which in STATISTICS]
        others = [shown(middle(map(of, list_of)), form) if of else '' for of, form in others]
        print(f'| {title} | ' + ' | '.join([*cells, *others]) + ' |')

    for client in clients:
        runs = outcomes.get(client)
        if not runs:
            continue
        row(f'**{client}**', runs, lambda name, which: shown(middle(o.figures[name, which] for o in runs)),
            (lambda o: o.extra['n_gaps'], '.0f'), (lambda o: o.extra['requests/s'], '.2f'), (lambda o: o.extra['output tokens/s'], '.1f'),
            (lambda o: o.cpu_s, '.2f'))
        if runs[0].wire:
            row('– its packets', runs, lambda name, which: shown(middle(o.wire.get((name, which)) for o in runs)),
                (lambda o: o.wire_gaps, '.0f'), *[(None, '')] * 3)
        row('– the engine', runs,
            lambda name, which: shown(middle(engine_figure(o, name, which) for o in runs)) if which == 'mean'
            else '≈ ' + shown(middle(engine_figure(o, name, which) for o in runs), '.0f'),
            (lambda o: o.engine.total('maxserve_itl_milliseconds_count'), '.0f'), *[(None, '')] * 3)


def tokens_table(loads, clients, everything):
    """What each client counted in one run, and the engine in the same one."""
    print('\n### Tokens of a run, prompts + answers, by the client / by the engine\n')
    print('| load | ' + ' | '.join(clients) + ' |')
    print('|---|' + '--:|' * len(clients))
    for load in loads:
        cells = []
        for client in clients:
            runs = everything[str(load)].get(client, [])
            found = {(o.prompt, o.output, *(round(o.engine.total(f'maxserve_num_{k}_tokens_total')) for k in ('input', 'output')))
                     for o in runs}
            cells.append(', '.join('{} + {} / {} + {}'.format(*f) for f in sorted(found)) or '–')
        print(f'| {load} | ' + ' | '.join(cells) + ' |')


DIFFERENCES = (('TTFT', 'mean'), ('TTFT', 'p50'), ('TTFT', 'p99'), ('ITL', 'p50'), ('ITL', 'p99'), ('TPOT', 'mean'), ('E2EL', 'mean'))


def differences(title, loads, clients, everything, figure, names):
    """A client's figure less another's of the same run, so that the engine's mood falls out. Empty where there is no other."""
    print(f'\n### {title}, ms: median of the rounds (smallest to largest)\n')
    print('| load | client | ' + ' | '.join(f'{name} {which}' for name, which in names) + ' |')
    print('|---|---|' + '--:|' * len(names))
    for load in loads:
        for client in clients:
            cells = []
            for name, which in names:
                pairs = [(o.figures[name, which], figure(o, name, which)) for o in everything[str(load)].get(client, [])]
                less = [a - b for a, b in pairs if b is not None]
                spread = f' ({min(less):.3f} to {max(less):.3f})' if len(less) > 1 else ''
                cells.append(f'{statistics.median(less):.3f}{spread}' if less else '–')
            print(f'| {load} | {client} | ' + ' | '.join(cells) + ' |')


def summary(loads, clients, everything):
    if any(o.wire for runs in everything.values() for outcomes in runs.values() for o in outcomes):
        differences('Client less packets', loads, clients, everything, lambda o, name, which: o.wire.get((name, which)), DIFFERENCES)
    differences('Client less engine', loads, clients, everything, engine_figure, [d for d in DIFFERENCES if d[1] == 'mean'])


def command(name, default):
    """The words of a program from the environment, or None when it is not there."""
    words = shlex.split(os.environ.get(name, default))
    return words if words and shutil.which(words[0]) else None


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--requests', type=int, default=48, help='of every run (%(default)s)')
    p.add_argument('--tokens', type=int, default=32, help='of every answer in the comparison (%(default)s)')
    p.add_argument('--concurrency', default='1,4,8', help='of the closed loops (%(default)s)')
    p.add_argument('--rate', default='2', help='requests/s of the open loops (%(default)s)')
    p.add_argument('--api', default='completions,chat', help='(%(default)s)')
    p.add_argument('--rounds', type=int, default=1, help='repeats of the comparison, the clients in another order each (%(default)s)')
    p.add_argument('--before', default='', metavar='WORDS', help='words in front of every client, such as `chrt -r 1`')
    p.add_argument('--keep', metavar='FOLDER', help='for model, prompts, logs, results; default: a temporary one')
    return p.parse_args()


def compare(t, server, loads, clients, data, counts, o, folder):
    everything = {str(load): {} for load in loads}
    for turn in range(o.rounds):
        for load in loads:
            for client in [*clients[turn % len(clients):], *clients[:turn % len(clients)]]:
                name = f'{client}, {load}' + (f', round {turn + 1}' if o.rounds > 1 else '')
                if client == 'tokmark run':
                    outcome = by_run(server, load, data, folder)
                elif client == 'tokmark vllm':
                    outcome = by_vllm(server, load, data, folder, [tk_it.TOKMARK, 'vllm'])
                else:
                    outcome = by_vllm(server, load, data, folder, command('VLLM_BENCH', 'vllm bench serve'))
                if client.startswith('tokmark'):
                    check_counts(t, name, load, outcome, counts[load.api], [load.tokens] * load.n, counts['completions'])
                    check_times(t, name, outcome)
                elif not t.eq((outcome.status, outcome.succeeded), (0, load.n), f'{name}: it ran'):
                    print(outcome.said[-2000:], file=sys.stderr)
                if outcome.figures:
                    everything[str(load)].setdefault(client, []).append(outcome)
    return everything


def main():
    o, t = options(), tk_it.Tap()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) # the engine must not stay behind
    BEFORE[:] = shlex.split(o.before)
    tk_it.TOKMARK = os.path.abspath(os.environ['TOKMARK'])
    serve, clients = command('MAX_SERVE', 'max serve'), ['tokmark run', 'tokmark vllm']
    if not os.access(tk_it.TOKMARK, os.X_OK):
        sys.exit(f'there is no {tk_it.TOKMARK}: build it, or set TOKMARK')
    if not serve:
        print('1..0 # SKIP there is no engine: set MAX_SERVE to the words that start it')
        return
    if command('VLLM_BENCH', 'vllm bench serve'):
        clients.append('vllm bench serve')
    else:
        t.skip('there is no vllm bench serve: set VLLM_BENCH to the words that start it')
    if os.geteuid():
        t.skip('the packets can be captured by root only')
    folder = os.path.abspath(o.keep) if o.keep else tempfile.mkdtemp(prefix='tk-real-')
    os.makedirs(folder, exist_ok=True)
    try:
        texts, data = prompts(o.requests), os.path.join(folder, 'prompts.jsonl')
        write_lines(data, ({'prompt': text} for text in texts))
        with engine.Max(serve, folder) as server:
            began, version = time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()), server.version()
            apis = o.api.split(',')
            counts = {api: plain_counts(server, texts, api, o.tokens) for api in {*apis, 'completions'}}
            for api in apis:
                check_other_forms(t, server, api, folder, texts, counts[api])
            loads = [load for api in apis for load in (
                *(Load(api, o.requests, o.tokens, concurrency=int(c)) for c in o.concurrency.split(',')),
                Load(api, o.requests, o.tokens, rate=float(o.rate)))]
            everything = compare(t, server, loads, clients, data, counts, o, folder)
        print(f'\n{began}; MAX {version}; {os.cpu_count()} processors, {platform.system()} {platform.release()}, {platform.machine()}; '
              f'load average at the end {os.getloadavg()[1]:.1f}')
        print(f'{o.requests} requests of {o.tokens} output tokens a run, medians of {o.rounds} round(s); ≈: interpolated within a bucket '
              f'of the engine\'s histogram{"; clients under `" + o.before + "`" if o.before else ""}')
        for load in loads:
            table(load, clients, everything[str(load)])
        tokens_table(loads, clients, everything)
        summary(loads, clients, everything)
    finally:
        if not o.keep:
            shutil.rmtree(folder, ignore_errors=True)
    t.done()


if __name__ == '__main__':
    main()
