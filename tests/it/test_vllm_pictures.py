"""`tokmark vllm --plot-timeline` and `--plot-dataset-stats`: what they show is what the result says."""
import html.parser
import json
import os
import re
import shutil
import stat

import tk_it

t = tk_it.Tap()
golden = os.path.join(tk_it.GOLDEN, 'vllm')
WORDS = ['--model', 'org/m', '--tokenizer', 'tok', '--ready-check-timeout-sec', '0', '--num-prompts', '9', '--random-input-len', '30',
         '--random-output-len', '8', '--random-range-ratio', '0.5', '--max-concurrency', '4', '--plain']


class Page(html.parser.HTMLParser):
    """What a page takes from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.elsewhere = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elsewhere += [v for k, v in attrs if k in ('src', 'href')]


def rows_of(text):
    """The numbers of a timeline."""
    bounds, rows = (re.search(rf'^const {name}=(.*?);$', text, flags=re.M | re.S).group(1) for name in ('bounds', 'rows'))
    return json.loads(bounds), json.loads(re.sub(r',\n\]$', ']', rows))


def near(a, b):
    return len(a) == len(b) and all(abs(x - y) < 0.00051 for x, y in zip(a, b))


def check_timeline(sim):
    r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--plot-timeline', '--save-result', '--save-detailed', '--result-filename', 'a.b.json',
                  '--timeline-itl-thresholds', ' 2.5,9')
    t.eq(r.returncode, 0, f'timeline: the run ({r.stderr.strip()})')
    t.has(r.stdout, 'Timeline plot saved to: a.b.timeline.html\n', 'timeline: said where')
    with open('a.b.timeline.html', encoding='utf-8') as f:
        text = f.read()
    with open('a.b.json', encoding='utf-8') as f:
        result = json.load(f)
    bounds, rows = rows_of(text)
    t.eq(bounds, [2.5, 9.0], 'timeline: bounds')
    t.eq([(r[1], r[2]) for r in rows], list(zip(result['input_lens'], result['output_lens'])), 'timeline: tokens')
    t.eq(min(r[0] for r in rows), 0, 'timeline: begins with the first request')
    t.ok(all(near(row[3], [x * 1000 for x in [ttft, *itls]]) for row, ttft, itls in zip(rows, result['ttfts'], result['itls'])),
         'timeline: time to first token and gaps')
    t.eq(Page(text).elsewhere + re.findall(r'https?://|@import|url\(', text), [], 'timeline: nothing from elsewhere')
    alone = tk_it.run('vllm', *WORDS, '--port', sim.port, '--plot-timeline', '--result-dir', 'alone')
    t.eq(alone.returncode, 0, f'timeline alone: the run ({alone.stderr.strip()})')
    t.ok(len(os.listdir('alone')) == 1 and os.listdir('alone')[0].endswith('.timeline.html'), 'timeline alone: no result', os.listdir('alone'))


def fake_gnuplot():
    """A program of that name that keeps what it was told, and draws nothing much."""
    os.mkdir('bin')
    with open('bin/gnuplot', 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\ncat >script\nprintf picture\n')
    os.chmod('bin/gnuplot', stat.S_IRWXU)
    return {'PATH': os.path.abspath('bin') + ':/bin:/usr/bin'}


def bins(values):
    """numpy.histogram(values, bins=30): (middle, count, width)."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - .5, high + .5
    width = (high - low) / 30
    counts = [0] * 30
    for v in values:
        counts[min(int((v - low) / (high - low) * 30), 29)] += 1
    return [(low + (i + .5) * width, n, width) for i, n in enumerate(counts)]


def check_stats(sim):
    name = "it's\n!echo >pwned\n.dataset_stats.png"  # a line end would be one of gnuplot's words, too
    words = [*WORDS, '--port', sim.port, '--plot-dataset-stats', '--save-result', '--save-detailed', '--result-filename',
             name.replace('dataset_stats.png', 'json')]
    r = tk_it.run('vllm', *words, env=fake_gnuplot())
    t.eq(r.returncode, 0, f'statistics: the run ({r.stderr.strip()})')
    t.has(r.stdout, f'Dataset statistics plot saved to: {name}\n', 'statistics: said where')
    with open('script', encoding='utf-8') as f:
        script = f.read()
    with open(name.replace('dataset_stats.png', 'json'), encoding='utf-8') as f:
        result = json.load(f)
    with open(name, encoding='utf-8') as f:
        t.eq(f.read(), 'picture', 'statistics: its file')
    t.ok('pwned' not in script, 'statistics: no name is among the words', script[:300])
    blocks = [[tuple(map(float, line.split())) for line in b.splitlines()] for b in re.findall(r'<< EOD\n(.*?)EOD', script, flags=re.S)]
    lens = result['input_lens'], result['output_lens']
    for name, got, values in zip(('prompts', 'answers', 'both'), blocks, (*lens, [a + b for a, b in zip(*lens)])):
        want = bins(values)
        t.ok(all(abs(x - y) < 1e-5 for g, w in zip(got, want) for x, y in zip(g, w)) and len(got) == 30, f'statistics: {name}', got)
    t.eq(blocks[3], [(i, a, a + b) for i, (a, b) in enumerate(zip(*lens))], 'statistics: per request')


def check_png(sim):
    if not shutil.which('gnuplot'):
        return t.skip('there is no gnuplot')
    r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--plot-dataset-stats', '--save-result', '--result-filename', 'p.json')
    t.eq((r.returncode, 'Warning' in r.stderr), (0, False), f'picture: the run ({r.stderr.strip()})')
    with open('p.dataset_stats.png', 'rb') as f:
        return t.eq(f.read(8), b'\x89PNG\r\n\x1a\n', 'picture: it is one')


def check_refused():
    for words, status, why in (
            (['--plot-dataset-stats'], 1, 'file_name must be set when plot_dataset_stats is enabled'),
            (['--plot-timeline', '--timeline-itl-thresholds', '1,2,3'], 1,
             'Invalid --timeline-itl-thresholds format: Expected 2 ITL threshold values, got 3'),
            (['--plot-timeline', '--timeline-itl-thresholds', '1'], 1,
             'Invalid --timeline-itl-thresholds format: Expected 2 ITL threshold values, got 1'),
            (['--plot-timeline', '--timeline-itl-thresholds', '1,x'], 1,
             "Invalid --timeline-itl-thresholds format: could not convert string to float: 'x'"),
            (['--plot-timeline', '--timeline-itl-thresholds', '1,'], 1,
             "Invalid --timeline-itl-thresholds format: could not convert string to float: ''"),
            (['--plot-timeline', '--result-filename', 'tok'], 0, '')):
        r = tk_it.run('vllm', *WORDS, *words, '--print-config')
        t.eq(r.returncode, status, f'{words}: exit status')
        t.has(r.stderr, why, f'{words}: why')
    os.mkdir('empty')
    r = tk_it.run('vllm', *WORDS, '--plot-dataset-stats', '--save-result', env={'PATH': os.path.abspath('empty')})
    t.eq(r.returncode, 1, 'no gnuplot: exit status')
    t.has(r.stderr, "there is no 'gnuplot' in PATH", 'no gnuplot: said before the run')
    with open('bin/gnuplot', 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\ncat >/dev/null\necho "no fonts" >&2\nexit 3\n')
    with tk_it.Sim() as sim:
        r = tk_it.run('vllm', *WORDS, '--port', sim.port, '--plot-dataset-stats', '--save-result', '--result-filename', 'f.json',
                      env={'PATH': os.path.abspath('bin') + ':/bin:/usr/bin'})
    t.eq(r.returncode, 0, 'a gnuplot that fails: only the picture is lost')
    t.has(r.stderr, 'UserWarning: Failed to generate dataset statistics plot: gnuplot failed: no fonts', 'a gnuplot that fails: said')


with tk_it.Folder():
    os.symlink(os.path.join(golden, 'load/tok'), 'tok')
    with tk_it.Sim('--ttft', '3ms', '--itl', '1ms') as a_sim:
        check_timeline(a_sim)
        check_stats(a_sim)
        check_png(a_sim)
    check_refused()
t.done()
