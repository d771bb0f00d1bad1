"""What both parity tests share: the real renderer, and our driver behind a pipe."""

import datetime
import json
import os
import subprocess

os.environ['TZ'] = 'UTC'
os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')

from transformers.utils import chat_template_utils  # noqa: E402

NOW = 1753435805  # 2025-07-25 09:30:05 UTC


class FixedDatetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)


chat_template_utils.datetime = FixedDatetime


def expected(request):
    """The text that transformers makes of the request, or the exception."""
    special = dict(request.get('special_tokens') or {})
    special.update(request.get('kwargs') or {})
    try:
        rendered, _ = chat_template_utils.render_jinja_template(
            conversations=[request['messages']], tools=request.get('tools'),
            documents=request.get('documents'), chat_template=request['template'],
            add_generation_prompt=request.get('add_generation_prompt', False),
            continue_final_message=request.get('continue_final_message', False), **special)
        rendered[0].encode()
        return rendered[0]
    except Exception as e:
        return e


class Driver:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, request):
        """(text, None) or (None, error)."""
        line = json.dumps(dict(request, now=NOW)).encode()
        self.process.stdin.write(line + b'\n')
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            raise SystemExit(f'the driver died on {line.decode()[:4000]}')
        reply = json.loads(reply)
        return (reply['text'], None) if reply['rc'] == 0 else (None, reply)


def compare(driver, request):
    """None when both agree, otherwise a few lines that say how not."""
    want = expected(request)
    text, error = driver.render(request)
    if isinstance(want, Exception):
        if error:
            return None
        return f'wanted {type(want).__name__}: {want}\ngot    {text!r}'
    if text == want:
        return None
    return f'wanted {want!r}\ngot    {text if error is None else error!r}'
