"""A real engine, MAX on the CPU with a tiny random model, and what it says about itself.

    with engine.Max(words, folder) as max:      words: the command that serves, such as ['max', 'serve']
        max.url, max.scrape()
"""
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import tiny_model

MODEL = 'tiny'
STARTS_WITHIN_S = 900 # the first start compiles the model
SETTLES_WITHIN_S = 30 # its figures travel to another process of its own
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def get(url):
    with DIRECT.open(url, timeout=60) as reply:
        return reply.read().decode()


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {'Content-Type': 'application/json'})
    with DIRECT.open(request, timeout=600) as reply:
        return json.load(reply)


def surroundings():
    """The environment of the programs that are started: nothing is fetched, no proxy stands before this machine."""
    mine = {k: v for k, v in os.environ.items() if k != 'OPENAI_API_KEY'}
    return mine | {'HF_HUB_OFFLINE': '1', 'TRANSFORMERS_OFFLINE': '1', 'NO_PROXY': '127.0.0.1', 'no_proxy': '127.0.0.1'}


class Figures:
    """Prometheus' text form as {name: {labels: value}}, and what was added since an earlier one."""

    def __init__(self, series):
        self.series = series

    @classmethod
    def parse(cls, text):
        series = {}
        for line in text.splitlines():
            found = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
            if found:
                series.setdefault(found[1], {})[found[2] or ''] = float(found[3])
        return cls(series)

    def since(self, before):
        return Figures({name: {labels: value - before.series.get(name, {}).get(labels, 0) for labels, value in values.items()}
                        for name, values in self.series.items()})

    def total(self, name, part=''):
        return sum(value for labels, value in self.series.get(name, {}).items() if part in labels)

    def buckets(self, name, part=''):
        """[(upper bound, values up to it)] of a histogram, growing."""
        sums = {}
        for labels, value in self.series.get(f'{name}_bucket', {}).items():
            if part in labels:
                bound = float(re.search(r'\ble="([^"]+)"', labels)[1])
                sums[bound] = sums.get(bound, 0) + value
        return sorted(sums.items())

    def mean(self, name, part=''):
        n = self.total(f'{name}_count', part)
        return self.total(f'{name}_sum', part) / n if n else None

    def percentile(self, name, p, part=''):
        """Interpolated within the bucket that holds it: as near as the buckets are narrow, and MAX's grow by 1.5."""
        steps = self.buckets(name, part)
        if not steps or not steps[-1][1]:
            return None
        rank, low, below = steps[-1][1] * p / 100, 0.0, 0.0
        for bound, upto in steps:
            if upto >= rank and upto > below:
                return low if bound == float('inf') else low + (bound - low) * (rank - below) / (upto - below)
            low, below = bound, upto
        return low


class Max:
    """MAX as a child process, on two free ports. Its log is `max.log` in the folder."""

    def __init__(self, words, folder):
        self.words, self.model, self.log = words, os.path.join(folder, 'model'), os.path.join(folder, 'max.log')

    def __enter__(self):
        tiny_model.make(self.model)
        self.port, metrics_port = free_port(), free_port()
        self.url, self.metrics_url = f'http://127.0.0.1:{self.port}', f'http://127.0.0.1:{metrics_port}/metrics'
        environment = surroundings()
        # Its figures are to be had only while it also reports home; a proxy where nobody listens keeps that here.
        environment.pop('MAX_SERVE_DISABLE_TELEMETRY', None)
        environment |= {name: 'http://127.0.0.1:9' for name in ('HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy')}
        environment |= {'MAX_SERVE_HOST': '127.0.0.1', 'MAX_SERVE_METRICS_ENDPOINT_PORT': str(metrics_port)}
        # Without the cache of prefixes: a prompt that was there before would cost the second client less.
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                [*self.words, '--model-path', self.model, '--served-model-name', MODEL, '--devices', 'cpu', '--quantization-encoding',
                 'float32', '--max-batch-size', '16', '--max-length', '1024', '--no-enable-prefix-caching', '--port', str(self.port)],
                env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self):
        end = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f'the engine ended with status {self.process.returncode}:\n{self.last_words()}')
            try:
                get(f'{self.url}/v1/models')
                get(self.metrics_url)
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
        raise RuntimeError(f'the engine did not start in {STARTS_WITHIN_S} s:\n{self.last_words()}')

    def last_words(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return ''.join(log.readlines()[-20:])

    def version(self):
        return json.loads(get(f'{self.url}/version'))['version']

    def scrape(self):
        return Figures.parse(get(self.metrics_url))

    def settled(self, before, n):
        """What was added since `before`, once n more requests are in it and nothing moves any more."""
        name, end = 'maxserve_input_tokens_per_request_tokens_count', time.monotonic() + SETTLES_WITHIN_S
        moving = ('maxserve_num_output_tokens_total', 'maxserve_itl_milliseconds_count')
        now = self.scrape()
        while True:
            time.sleep(0.3)
            then, now = now, self.scrape()
            still = all(then.total(key) == now.total(key) for key in moving)
            if (still and now.since(before).total(name) >= n) or time.monotonic() > end:
                return now.since(before)

    def stop(self):
        """It has children; they are in its session."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sign)
                self.process.wait(20)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                pass
        self.process.wait()

    def __exit__(self, *_):
        self.stop()
