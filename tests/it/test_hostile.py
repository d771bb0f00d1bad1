"""tokmark report on files that are damaged, or made by somebody who means no good: it ends, and what it prints is sound."""
import json
import shutil
import sqlite3
import struct

import tk_it

t = tk_it.Tap()
FILE = 'made.tokmark'


def edit(change):
    """A copy of the run file, changed."""
    shutil.copy('whole.tokmark', FILE)
    db = sqlite3.connect(FILE)
    change(db)
    db.commit()
    db.close()


def plan(change):
    """The same, with another plan."""
    def of_file(db):
        made = json.loads(db.execute("SELECT value FROM run WHERE key = 'plan'").fetchone()[0])
        change(made)
        db.execute("UPDATE run SET value = ? WHERE key = 'plan'", (json.dumps(made),))
    return of_file


def sql(*lines):
    def of_file(db):
        for line in lines:
            db.execute(line)
    return of_file


def stage(i, **members):
    return plan(lambda made: made['phases']['measure']['shape']['stages'][i].update(members))


def both(*changes):
    def of_file(db):
        for change in changes:
            change(db)
    return of_file


def check(name, change, status=0):
    """Text and JSON of the changed file; the JSON as an object, or None."""
    edit(change)
    text = tk_it.run('report', FILE)
    t.eq(text.returncode, status, f'{name}: exit status ({text.stderr.strip()})')
    odd = [c for c in text.stdout + text.stderr if c != '\n' and not c.isprintable()]
    t.eq(odd, [], f'{name}: nothing that a terminal would obey')
    out = tk_it.run('report', FILE, '--format', 'json')
    t.eq(out.returncode, status, f'{name}: exit status of the JSON')
    if status:
        t.eq(out.stdout, '', f'{name}: no half result')
        return None
    try:
        return json.loads(out.stdout)
    except ValueError as e:
        t.ok(False, f'{name}: the JSON is JSON', e)
        return None


def test_shapes():
    early = sql('UPDATE requests SET due_at = (SELECT begin_at FROM segment) - 1 WHERE idx < 60')
    for name, change in (
            ('a spike that begins at once', both(stage(0, duration_s=0), early)),
            ('a spike after a nanosecond', both(stage(0, duration_s=1e-9), early)),
            ('a spike in the year 2300', stage(0, duration_s=8e9)),
            ('stages of three ages', both(*(stage(i, duration_s=8e9) for i in range(3)))),
            ('no stages', plan(lambda p: p['phases']['measure']['shape'].update(stages=[]))),
            ('one stage of three', plan(lambda p: p['phases']['measure']['shape']['stages'].__delitem__(slice(1, None)))),
            ('a stage of nothing', plan(lambda p: p['phases']['measure']['shape']['stages'].insert(0, {}))),
            ('levels that are no rates', stage(1, **{'from': -1e308, 'to': 1e308, 'curve': 'exponential'}))):
        check(name, change)


def test_texts():
    result = check('commands in a detail', sql("UPDATE requests SET ended = 8, detail = char(27) || ']0;x' || char(7, 127, 155, 10) || 'y' "
                                               'WHERE idx = 3'))
    t.eq(result and result['failures'][0]['first_detail'], '\x1b]0;x\x07\x7f\x9b\ny', 'commands in a detail: JSON has them, escaped')
    check('commands in the plan', plan(lambda p: p.update(url='http://\x1b[2J', model='a\nb\x9b31m', api='\x07')))
    result = check('a host that is no JSON', sql("UPDATE run SET value = 'no, JSON' WHERE key = 'host'"))
    t.eq(result and result['host'], None, 'a host that is no JSON: is not there')
    result = check('a plan that is not JSON to its leaves',
                   sql("UPDATE run SET value = replace(value, '\"authority\":', '\"authority\":[1,,],\"z\":') WHERE key = 'plan'"))
    t.eq(result and result['plan'], None, 'a plan that is not JSON to its leaves: is not there')
    check('no plan', sql("UPDATE run SET value = NULL WHERE key = 'plan'"), 2)


def test_rows():
    columns = ', '.join(c[1] for c in sqlite3.connect('whole.tokmark').execute('PRAGMA table_info(requests)'))
    check('rows without end', sql('ALTER TABLE requests RENAME TO r0',
                                  'CREATE VIEW requests AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) '
                                  f'SELECT i AS rowid, {columns} FROM r0, n'), 2)
    for table, column in (('clock', 'at'), ('segment', 'number'), ('run', 'key')):
        check(f'{table} without end', sql(f'DROP TABLE {table}', f'CREATE VIEW {table} AS WITH RECURSIVE n({column}) AS '
                                          f'(SELECT 1 UNION ALL SELECT {column} + 1 FROM n) SELECT * FROM n'), 2)
    check('words for numbers', sql("UPDATE requests SET due_at = 'abc', trace = 'zzzz', detail = x'00ff', idx = -1"))
    check('instants out of range', sql('UPDATE requests SET due_at = -9223372036854775807, end_at = 9223372036854775807 WHERE idx % 3 = 0',
                                       'INSERT INTO segment(number, begin_at, end_at) VALUES(2, -9000000000000000000, 9000000000000000000)',
                                       'INSERT INTO segment(number, begin_at, end_at) VALUES(3, -900000000000000000, 900000000000000000)'))
    check('numbers out of range', sql('UPDATE requests SET ended = 250, count_source = 99, finish = 77, stage = 65535, flags = 65535'))
    check('a thousand segments', both(*(sql(f'INSERT INTO segment(number, begin_at) VALUES({i}, 1)') for i in range(2, 1100))), 2)


def test_pages():
    """The root of the table of requests, with nine generations of pages under it whose children are all the same one."""
    db = sqlite3.connect('whole.tokmark')
    root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'requests'").fetchone()
    size, = db.execute('PRAGMA page_size').fetchone()
    db.close()
    with open('whole.tokmark', 'rb') as f:
        data = bytearray(f.read())
    n_pages = len(data) // size
    at = (root - 1) * size
    page = data[at:at + size]
    if not t.eq(page[0], 5, 'pages: the root has children'):
        return
    cells = [struct.unpack_from('>H', page, 12 + 2 * i)[0] for i in range(struct.unpack_from('>H', page, 3)[0])]
    leaf, = struct.unpack_from('>I', page, cells[0])

    def with_children(child):
        made = bytearray(page)
        for place in (8, *cells):
            struct.pack_into('>I', made, place, child)
        return made

    generations = 9
    for i in range(generations):
        data += with_children(n_pages + i + 2 if i + 1 < generations else leaf)
    data[at:at + size] = with_children(n_pages + 1)
    struct.pack_into('>I', data, 28, len(data) // size)
    for name, end in (('pages', 'end_at'), ('pages, cut', 'NULL')):
        with open(FILE, 'wb') as f:
            f.write(data)
        db = sqlite3.connect(FILE)
        db.execute(f'UPDATE segment SET end_at = {end}')
        db.commit()
        db.close()
        out = tk_it.run('report', FILE)
        t.eq(out.returncode, 0, f'{name}: exit status ({out.stderr.strip()})')
        t.has(out.stdout, 'the run file is damaged', f'{name}: says so')


def test_facts():
    check('health of nobody', sql("UPDATE run SET value = '{\"workers\":-1,\"max_worker_cpu\":1e300,\"per_worker\":[{\"span_ns\":-5},7]}' "
                                  "WHERE key = 'health'"))
    check('totals of another age', sql('UPDATE run SET value = \'{"measure":{"planned":-9223372036854775808,"begin_at_ns":-9223372036854775808,'
                                       '"end_at_ns":9223372036854775807}}\' WHERE key = \'totals\''))
    check('totals of another run', sql("UPDATE run SET value = '{\"measure\":{\"planned\":-5,\"begin_at_ns\":9e18,\"end_at_ns\":1}}' "
                                       "WHERE key = 'totals'"))


with tk_it.Folder():
    with tk_it.Sim('--ttft', '1ms', '--itl', '1ms') as sim:
        made = tk_it.run('run', sim.url, '--rate', 200, '--spike', '400/s@100ms+400ms', '--output-tokens', 2, '-o', 'whole.tokmark')
    t.eq(made.returncode, 0, f'a run with a spike ({made.stderr.strip()})')
    check('as it was', sql())
    for test in (test_shapes, test_texts, test_rows, test_pages, test_facts):
        test()
t.done()
