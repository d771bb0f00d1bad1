"""What `vllm bench serve` would send: a case (a list of words) a line in, its requests or its error a line out.

Runs in the program's own environment: its parser, get_samples() and get_request(), with a clock that only its sleeps move.
"""

import asyncio
import io
import json
import os
import random
import sys
import time

out = os.fdopen(os.dup(1), 'w', encoding='utf-8')
os.dup2(2, 1)  # its log goes to standard output

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../lib'))

import numpy as np  # noqa: E402
import vllm_load  # noqa: E402
from vllm.benchmarks import datasets, serve  # noqa: E402
from vllm.benchmarks.lib import endpoint_request_func as requests  # noqa: E402
from vllm.tokenizers import get_tokenizer  # noqa: E402
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: E402

tokenizers = {}
clock = 0.0


async def sleep(seconds):
    global clock
    clock += seconds


def tokenizer_of(name, mode):
    if (name, mode) not in tokenizers:
        tokenizers[name, mode] = get_tokenizer(name, tokenizer_mode=mode)
    return tokenizers[name, mode]


async def instants(args, samples):
    got = []
    newer = {'self_timed': args.self_timed} if hasattr(args, 'self_timed') else {}
    async for _ in serve.get_request(samples, args.request_rate, args.burstiness, args.ramp_up_strategy, args.ramp_up_start_rps,
                                     args.ramp_up_end_rps, **newer):
        got.append(clock - 1000.0)
    return got


def sent(args, sample):
    """The prompt as the body has it; of a chat the content of its message."""
    if args.backend == 'openai-audio':
        import soundfile
        file = io.BytesIO()
        soundfile.write(file, *sample.multi_modal_data['audio'], format='WAV')
        return vllm_load.hash_of(file.getvalue())
    if args.backend != 'openai-chat':
        return sample.prompt
    given = requests.RequestFuncInput(prompt=sample.prompt, api_url='', prompt_len=0, output_len=0, model='', multi_modal_content=sample.multi_modal_data)
    if hasattr(requests, '_get_chat_messages'):
        return vllm_load.shown(requests._get_chat_messages(given)[0]['content'])
    return vllm_load.shown(requests._get_chat_content(given))


def answer(words):
    global clock
    parser = FlexibleArgumentParser(prog='vllm bench serve')
    serve.add_cli_args(parser)
    args = parser.parse_args(words)
    if getattr(args, 'self_timed', False) is None:  # as its main() has it
        args.self_timed = args.dataset_name == 'timed_trace'
    random.seed(args.seed)
    np.random.seed(args.seed)
    tokenizer = tokenizer_of(args.tokenizer, args.tokenizer_mode)
    samples = datasets.get_samples(args, tokenizer)
    clock = 1000.0
    due = asyncio.run(instants(args, samples))
    return [{'prompt': sent(args, s), 'prompt_len': s.prompt_len, 'output_len': s.expected_output_len, 'id': s.request_id, 'due': d}
            for s, d in zip(samples, due)]


real_sleep, real_time = asyncio.sleep, time.time
for line in sys.stdin:
    try:
        asyncio.sleep, time.time = sleep, lambda: clock
        reply = {'requests': answer(json.loads(line))}
    except (Exception, SystemExit) as e:  # whatever it raises is the answer
        reply = {'error': f'{type(e).__name__}: {e}'}
    finally:
        asyncio.sleep, time.time = real_sleep, real_time
    print(json.dumps(reply), file=out, flush=True)
