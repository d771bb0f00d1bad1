"""The JSON of runs of every kind, and the goldens, have the form of docs/schema/result.json, and its keys are in the page."""
import glob
import json
import os
import re

import tk_it
import tk_schema

t = tk_it.Tap()
TESTS = os.path.abspath(os.environ.get('TK_TESTS_DIR', 'tests'))
DOCS = os.path.join(os.path.dirname(TESTS), 'docs')


def load(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def fits(name, value):
    wrong = list(tk_schema.faults(value, SCHEMA))
    t.ok(not wrong, f'{name}: has the form of the schema', wrong[:5])
    return value


def run(name, *args):
    out = tk_it.run('run', *args, '--json', 'result.json', '-o', 'run.tokmark', '--overwrite')
    t.ok(out.returncode in (0, 3, 4), f'{name}: exit status', (out.returncode, out.stderr))
    result = fits(name, load('result.json'))
    again = json.loads(tk_it.run('report', 'run.tokmark', '--format', 'json').stdout)
    fits(f'{name}, reported', again)
    t.eq(list(result), list(SCHEMA['properties']), f'{name}: keys in the order of the schema')


def keys_of(schema):
    for key, inner in schema.get('properties', {}).items():
        yield key
        yield from keys_of(inner)
    for word in ('items', 'additionalProperties'):
        if isinstance(schema.get(word), dict):
            yield from keys_of(schema[word])


SCHEMA = load(os.path.join(DOCS, 'schema', 'result.json'))
for path in sorted(glob.glob(os.path.join(TESTS, 'golden', 'report', '*.json'))):
    fits(f'golden {os.path.basename(path)}', load(path))

with open(os.path.join(DOCS, 'result-json.md'), encoding='utf-8') as file:
    page = set(re.findall(r'\w+', file.read()))
wanted = set(keys_of(SCHEMA)) | {key for part in SCHEMA['$defs'].values() for key in keys_of(part)}
t.eq(sorted(wanted - page), [], 'docs/result-json.md names every key')

broken = load(os.path.join(TESTS, 'golden', 'report', 'closed.json'))
broken['requests']['more'] = 1
broken['client']['reads'] = 'x'
del broken['verdict']
t.eq(len(list(tk_schema.faults(broken, SCHEMA))), 3, 'what does not fit is found')

with tk_it.Folder(), tk_it.Sim('--ttft', '1ms', '--itl', '1ms', '--tokens', '4', '--fault', 'status=503:10%,reset_at=2:10%') as sim:
    run('closed', sim.url, '-c', 4, '-n', 40, '--slo', 'ttft=500ms,e2el=1s')
    run('open', sim.url, '--rate', 200, '-n', 40, '--percentiles', '50,99.9')
    run('whole replies', sim.url, '-n', 5, '--no-stream')
    run('time is up', sim.url, '-c', 2, '-d', '1s', '--grace', '0s', '-H', 'x-sim: stall_at=1')
    run('nothing answers', 'http://127.0.0.1:9', '-n', 3, '--model', 'm')
    run('stages', sim.url, '--stages', '40/s@300ms,80/s@300ms', '--cancel-share', '10%')
    run('a spike', sim.url, '--rate', 60, '--spike', '120/s@200ms+1s')
    run('requests alone', sim.url, '-n', 5, '--record', 'requests', '--workers', 2)
t.done()
