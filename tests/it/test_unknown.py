"""What is not known is said to be not known: no 0, no 100 %, and nothing that the client is blamed for."""
import json
import os

import tk_it

t = tk_it.Tap()
PAGE = 8192


def report(*args):
    return tk_it.run('report', 'run.tokmark', *args)


def result(*args):
    return json.loads(report('--format', 'json', *args).stdout)


def test_damaged(sim):
    """Pages in the middle of the file are overwritten: the oracle is what the server was sent."""
    n = 400
    out = tk_it.run('run', sim.url, '-n', n, '--rate', 800, '-o', 'run.tokmark')
    t.eq(out.returncode, 0, 'damaged: the run')
    with open('run.tokmark', 'r+b') as file:
        file.seek(os.path.getsize('run.tokmark') // PAGE // 2 * PAGE)
        file.write(bytes(2 * PAGE))
    r = result()
    q = r['requests']
    read = q['sent']
    t.ok(r['run']['damaged'] and 0 < read < n, 'damaged: some could be read', (read, n))
    t.eq((q['planned'], q['not_sent'], q['lost_or_not_sent']), (n, None, n - read), 'damaged: the others are lost or were not sent')
    t.eq((r['client']['pace'], 'rate-missed' in r['verdict']['causes']), (None, False), 'damaged: asked against sent is not judged')
    text = report().stdout
    t.has(text, f'{n} planned = {read} read + {n - read} lost in the file or not sent', 'damaged: text, totals')
    t.has(text, f'not judged: whether all was sent in time (the run file is damaged: {read} of {n} requests', 'damaged: text, client')
    t.has(text, 'at least ', 'damaged: text, rates')
    for form in 'vllm', 'vllm-json':
        out = report('--format', form)
        t.eq(out.returncode, 0, f'damaged: {form}: exit status')
        t.has(out.stderr, f'the run file is damaged: some of {n} requests are lost', f'damaged: {form}: standard error')


def test_goodput(sim):
    for name in 'ttft', 'tpot', 'itl', 'ttft_due', 'token_gap':
        out = tk_it.run('run', sim.url, '-n', 3, '--no-file', '--no-stream', '--slo', f'{name}=1ms')
        t.eq((out.returncode, out.stdout), (2, ''), f'{name}, replies that come whole: refused')
        t.has(out.stderr, '--no-stream', f'{name}: the message says why')
    out = tk_it.run('run', sim.url, '-n', 3, '--no-stream', '--slo', 'e2el=10s', '-o', 'run.tokmark', '--overwrite')
    t.has(out.stdout, '100.0 % had e2el', 'e2el is a figure of theirs')
    t.has(report('--slo', 'ttft=1ms').stdout, 'Goodput     not known: no reply has a value of ttft', 'reported with an objective on none')
    g = result('--slo', 'e2el=10s,tpot=1ms')['goodput']
    t.eq([g[k] for k in ('good', 'requests_per_s', 'share')], [None] * 3, 'goodput is null')


def test_tokens(sim):
    args = ('-n', 3, '-H', 'x-sim: usage=none', '-o', 'run.tokmark', '--overwrite')
    out = tk_it.run('run', sim.url, *args)
    r = result()
    t.eq((r['tokens']['prompt'], r['throughput']['prompt_tokens_per_s'], r['throughput']['tokens_per_s']), (None,) * 3,
         'no usage: prompt tokens are null, and so are their rates')
    t.ok(r['tokens']['output'] > 0 and r['throughput']['output_tokens_per_s'] > 0, 'no usage: events of a stream are counted')
    t.has(out.stdout, 'prompt tokens/s not known, ', 'no usage: text, rate')
    t.has(out.stdout, 'Tokens      not known of the prompt, ', 'no usage: text, sum')
    tk_it.run('run', sim.url, '--no-stream', *args)
    r = result()
    t.eq((r['tokens']['output'], r['throughput']['output_tokens_per_s']), (None, None), 'no usage, no stream: nor is the output known')


def test_stages(sim):
    out = tk_it.run('run', sim.url, '--stages', '20/s@200ms,60/s@200ms', '-o', 'run.tokmark', '--overwrite')
    t.eq(out.returncode, 0, 'stages: the run')
    t.ok('Request rate configured' not in report('--format', 'vllm').stdout, 'stages: there is no one rate')
    t.eq(json.loads(report('--format', 'vllm-json').stdout)['request_rate'], 'inf', 'stages: nor in the file')


def test_one(sim):
    out = tk_it.run('run', sim.url, '-n', 1, '--no-file').stdout
    t.has(out, ', 1 request\n', 'one request is no plural')
    t.has(out, ', 1 prompt, ', 'nor is one prompt')
    out = tk_it.run('run', sim.url, '--stages', '20/s@200ms', '--no-file').stdout
    t.has(out, ', 1 stage of requests/s', 'nor one stage')


with tk_it.Folder(), tk_it.Sim('--ttft', '1ms', '--itl', '0', '--tokens', '4') as sim:
    test_damaged(sim)
    test_goodput(sim)
    test_tokens(sim)
    test_stages(sim)
    test_one(sim)
t.done()
