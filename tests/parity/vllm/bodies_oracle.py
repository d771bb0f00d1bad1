"""What `vllm bench serve` posts: a case a line in, the requests a line out.

A case has `words`; with `items` (prompt, media, audio) these stand in the place of the data set; with `is_local` the hub's files are those
of the folder that the data set's path is, forms come with a character for each byte, and the samples' lengths come too. The program's own main() runs,
with its HTTP session replaced. Runs in the environment of the program, 0.13.0 or a newer one.
"""

import asyncio
import contextlib
import io
import json
import os
import random
import sys
import types

out = os.fdopen(os.dup(1), 'w', encoding='utf-8')
os.dup2(2, 1)  # its log goes to standard output

import aiohttp  # noqa: E402
from vllm.benchmarks import serve  # noqa: E402
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: E402

try:
    from vllm.benchmarks.datasets import SampleRequest
except ImportError:
    from vllm.benchmarks.datasets.datasets import SampleRequest

try:
    import soundfile
except ImportError:
    soundfile = None
sound = types.ModuleType('soundfile')
sound.write = lambda buffer, samples, rate, **_: buffer.write(samples)  # the item's bytes as they are

EVENTS = ('data: {"choices": [{"index": 0, "text": "x", "delta": {"content": "x"}}]}\n\n'
          'data: {"type": "response.output_text.delta", "delta": "x"}\n\n'
          'data: {"type": "response.completed", "response": {"usage": {"input_tokens": 7, "output_tokens": 1}}}\n\n')


class Content:
    async def iter_any(self):
        yield EVENTS.encode()


class NoContent:
    """0.13.0 fails on any event of a transcription: it decodes a text."""

    async def iter_any(self):
        for nothing in ():
            yield nothing


class Pieces(bytearray):
    """Where a form is written to."""

    async def write(self, piece):
        self.extend(piece)


async def body_of(payload, form):
    if form is None:
        return json.dumps(payload)
    pieces = Pieces()
    writer = form()
    await writer.write(pieces)
    return pieces.decode(encoding_of_forms).replace(writer.boundary, '{boundary}')


class Reply:
    """Of a request, which is noted when it goes out: a file of it is closed later."""

    def __init__(self, note, payload, form):
        self.note, self.payload, self.form = note, payload, form
        self.status, self.reason, self.headers = 200, 'OK', {}
        self.content = Content() if form is None else NoContent()

    async def __aenter__(self):
        self.note['body'] = await body_of(self.payload, self.form)
        return self

    async def __aexit__(self, *_):
        return None

    async def read(self):
        return b'{}'

    async def json(self):
        return {'data': [{}], 'usage': {'prompt_tokens': 7, 'total_tokens': 7}}


class Session:
    """Notes what would be sent."""

    def __init__(self, *_, **__):
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    def post(self, url, headers=None, json=None, data=None):
        sent.append({'path': '/' + url.split('/', 3)[3], 'headers': dict(headers or {})})
        return Reply(sent[-1], json, data)

    def get(self, *_, **__):
        raise aiohttp.ClientError('nothing to get')

    async def close(self):
        return None


sent = []


def sample_of(item, i, prefix):
    media = item.get('media')
    if 'audio' in item:
        media = {'audio': (item['audio'].encode(), 16000)}
    return SampleRequest(prompt=item['prompt'], prompt_len=3, expected_output_len=item.get('output_len', 5), multi_modal_data=media,
                         request_id=f'{prefix}{i}')


class Folder:
    """In the place of the hub."""

    path = None

    def snapshot_download(self, *_, **__):
        return os.path.abspath(self.path)

    def hf_hub_download(self, path, name, **_):
        from huggingface_hub.errors import LocalEntryNotFoundError
        file = os.path.join(path, name)
        if not os.path.exists(file):
            raise LocalEntryNotFoundError(name)
        return file


def local_samples(args, tokenizer):
    from vllm.benchmarks.datasets import datasets
    datasets.hf_api = Folder
    Folder.path = args.dataset_path
    samples = own_samples(args, tokenizer)
    lengths[:] = [[s.prompt_len, s.expected_output_len] for s in samples]
    return samples


encoding_of_forms = 'utf-8'
lengths = []
own_samples, own_tokenizer = serve.get_samples, serve.get_tokenizer
tokenizers = {}


def tokenizer_of(name, **how):
    if name not in tokenizers:
        tokenizers[name] = own_tokenizer(name, **how)
    return tokenizers[name]


def replace(case, args):
    """The data set and the tokenizer, by items where there are some."""
    global encoding_of_forms
    encoding_of_forms = 'latin-1' if case.get('is_local') else 'utf-8'
    sys.modules['soundfile'] = soundfile if case.get('is_local') else sound
    if 'items' not in case:
        serve.get_samples = local_samples if case.get('is_local') else own_samples
        serve.get_tokenizer = tokenizer_of
        return
    serve.get_samples = lambda *_, **__: [sample_of(item, i, args.request_id_prefix) for i, item in enumerate(case['items'])]
    serve.get_tokenizer = lambda *_, **__: lambda *_, **__: types.SimpleNamespace(input_ids=[1])


def answer(case):
    parser = FlexibleArgumentParser(prog='vllm bench serve')
    serve.add_cli_args(parser)
    args = parser.parse_args(case['words'])
    sent.clear()
    replace(case, args)
    serve.aiohttp.ClientSession = Session
    random.seed(args.seed)
    with contextlib.redirect_stdout(io.StringIO()):
        asyncio.run(serve.main_async(args))
    return list(sent)


for line in sys.stdin:
    try:
        case = json.loads(line)
        reply = {'sent': answer(case)}
        if case.get('is_local'):
            reply['lengths'] = lengths
    except (Exception, SystemExit) as e:  # whatever it raises is the answer
        reply = {'error': f'{type(e).__name__}: {e}'}
    print(json.dumps(reply), file=out, flush=True)
