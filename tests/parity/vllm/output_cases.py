"""The runs whose output tokmark and vLLM are compared on; read by tests/it/test_vllm_output.py too."""

BASE = ['--backend', 'vllm', '--port', '{port}', '--model', 'org/m', '--tokenizer', 'tok', '--ready-check-timeout-sec', '0', '--disable-tqdm',
        '--request-id-prefix', 'x-']
CUSTOM = ['--dataset-name', 'custom', '--dataset-path', 'prompts.jsonl', '--skip-chat-template', '--custom-output-len', '5', '--num-prompts', '5']
SAVE = ['--save-result', '--result-filename', 'out.json']
PYTORCH = {'SAVE_TO_PYTORCH_BENCHMARK_FORMAT': '1'}

NEWER = [*BASE, *CUSTOM, *SAVE, '--temperature', '0']
QUEUE = ['--percentile-metrics', 'client_queue_time,ttft,e2el_including_client_queue', '--metric-percentiles', '50,99', '--save-detailed']

DRAFTS = ['''# HELP vllm:spec_decode_num_drafts_total Number of spec decoding drafts.
# TYPE vllm:spec_decode_num_drafts_total counter
vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 10.0
vllm:spec_decode_num_drafts_total{engine="1",model_name="m"} 2.0
vllm:spec_decode_num_drafts_created{engine="0",model_name="m"} 1.7e+09
vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="m"} 30.0
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 9.0
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",model_name="m",position="0"} 5.0
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",model_name="m",position="10"} 1.0
''', '''vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 110.0
vllm:spec_decode_num_drafts_total{engine="1",model_name="m"} 19.0

vllm:spec_decode_num_draft_tokens_total{engine="0",model_name="m"} 3.4e+02
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 100.0
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",model_name="m",position="0"} 65.0
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="1",model_name="m",position="0"} 7.0
vllm:spec_decode_num_accepted_tokens_per_pos_total{engine="0",model_name="m",position="2"} 20.0
''']
DIFFUSION = ['''vllm:diffusion_num_denoising_steps_total 5
vllm:diffusion_num_canvas_positions_total 160.0
vllm:diffusion_num_committed_tokens_total 32.0
''', '''vllm:diffusion_num_denoising_steps_total 105
vllm:diffusion_num_canvas_positions_total 3360.0
vllm:diffusion_num_committed_tokens_total 672.0
vllm:spec_decode_num_drafts_total 3
''']

NO_MODEL = [w for w in NEWER if w not in ('--model', 'org/m')]

RANDOM = [*BASE, *SAVE, '--temperature', '0', '--num-prompts', '8', '--random-input-len', '12', '--random-output-len', '2', '--random-range-ratio', '0.4']

# is_newer: 0.32.0 is asked, for what 0.13.0 does not have
CASES = {
    'pytorch': {
        'words': [*BASE, *CUSTOM, *SAVE, '--save-detailed', '--percentile-metrics', 'tpot,e2el', '--metric-percentiles', '50,99',
                  '--metadata', 'tensor_parallel_size=4', 'a=b', '--header', 'X-A=b', '--burstiness', 'inf', '--goodput', 'ttft:100'],
        'env': PYTORCH,
    },
    'pytorch-random': {
        'words': [*BASE, *SAVE, '--num-prompts', '3', '--random-input-len', '20', '--random-output-len', '4', '--percentile-metrics', 'ttft',
                  '--metric-percentiles', '90', '--random-mm-bucket-config', '{(1, 2,3): 0.5, "(4,5,1)":1}',
                  '--random-mm-limit-mm-per-prompt', '{"image": 3}', '--extra-body', '{"a": [1, 2.0, "\u00fc"]}', '--ramp-up-strategy', 'linear',
                  '--ramp-up-start-rps', '50', '--ramp-up-end-rps', '90'],
        'env': PYTORCH,
    },
    'probe': {'words': [*NEWER, '--probe-request-rate', '200.5', '--request-rate', '50'], 'is_newer': True},
    'probe-chat': {'words': [*NEWER, '--probe-request-rate', '10', '--backend', 'openai-chat', '--endpoint', '/v1/chat/completions'], 'is_newer': True},
    'queue': {'words': [*NEWER, *QUEUE, '--max-concurrency', '2', '--request-rate', '100'], 'is_newer': True},
    'queue-closed': {'words': [*NEWER, *QUEUE, '--max-concurrency', '2'], 'is_newer': True},
    'queue-unbounded': {'words': [*NEWER, *QUEUE, '--request-rate', '100'], 'is_newer': True},
    'drafts': {'words': NEWER, 'server': {'metrics': DRAFTS}, 'ours': ['--server-counters'], 'is_newer': True},
    'diffusion': {'words': NEWER, 'server': {'metrics': DIFFUSION}, 'ours': ['--server-counters'], 'is_newer': True},
    'no-counters': {'words': NEWER, 'ours': ['--server-counters'], 'is_newer': True},
    'counters-stand': {'words': NEWER, 'server': {'metrics': [DRAFTS[0]] * 2}, 'ours': ['--server-counters'], 'is_newer': True},
    'model': {'words': [*NO_MODEL, '--served-model-name', 'other'], 'is_newer': True,
              'server': {'models': {'object': 'list', 'data': [{'id': 'served', 'root': 'org/root'}, {'id': 'second', 'root': 'r'}]}}},
    'no-model': {'words': NO_MODEL, 'is_newer': True, 'server': {'models': {'data': []}}},
    'no-models': {'words': NO_MODEL, 'is_newer': True},
    'align': {'words': RANDOM, 'server': {'tokenize': 1}, 'ours': ['--align-tokens'], 'is_newer': True},
    'align-short': {'words': RANDOM, 'server': {'tokenize': 1000}, 'ours': ['--align-tokens'], 'is_newer': True},
    'align-unavailable': {'words': RANDOM, 'ours': ['--align-tokens'], 'is_newer': True},
    'pytorch-none': {'words': [*BASE, *CUSTOM, *SAVE, '--percentile-metrics', 'e2el'], 'env': PYTORCH},
}


def words(case):
    return case['words']
