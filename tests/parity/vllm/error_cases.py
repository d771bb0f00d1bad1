"""Command lines that vLLM refuses; read by tests/it/test_vllm_errors.py too. Errors of data sets are elsewhere."""

BASE = ['--model', 'm', '--tokenizer', 'tok', '--port', '{port}', '--ready-check-timeout-sec', '0', '--disable-tqdm', '--random-input-len', '9',
        '--random-output-len', '2', '--num-prompts', '2']
RAMP = ['--ramp-up-strategy', 'linear']
EXPONENTIAL = ['--ramp-up-strategy', 'exponential']


CASES = [
    # what its parser refuses
    *[['--' + name, 'x'] for name in ('seed', 'num-prompts', 'port', 'max-concurrency', 'logprobs', 'num-warmups', 'top-k', 'ramp-up-start-rps',
                                      'ramp-up-end-rps', 'ready-check-timeout-sec', 'random-input-len', 'random-output-len', 'random-prefix-len',
                                      'custom-output-len', 'sharegpt-output-len', 'prefix-repetition-num-prefixes', 'hf-output-len')],
    *[['--' + name, 'x'] for name in ('request-rate', 'burstiness', 'top-p', 'min-p', 'temperature', 'frequency-penalty', 'presence-penalty',
                                      'repetition-penalty', 'blazedit-min-distance', 'random-range-ratio')],
    ['--seed', '1.5'], ['--seed', ''], ['--seed'], ['--model'], ['--request-rate'], ['--goodput'], ['--lora-modules'],
    ['--dataset-name', 'nosuch'], ['--backend', 'nosuch'], ['--ramp-up-strategy', 'square'],
    ['--nosuch'], ['--nosuch', '3'], ['--nosuch=3'], ['stray'], ['--save-result', 'stray'], ['--random', '3'], ['--r', '3'],
    ['--extra-body', '{a:1}'], ['--extra-body', ''], ['--random-mm-limit-mm-per-prompt', '{'],
    # what it raises before the run
    ['--header', 'a'], ['--header', 'a=b', 'c'],
    [*RAMP, '--request-rate', '3', '--ramp-up-start-rps', '1', '--ramp-up-end-rps', '2'],
    RAMP, [*RAMP, '--ramp-up-start-rps', '1'], [*RAMP, '--ramp-up-end-rps', '1'],
    [*RAMP, '--ramp-up-start-rps=-1', '--ramp-up-end-rps', '1'], [*RAMP, '--ramp-up-start-rps', '1', '--ramp-up-end-rps=-1'],
    [*RAMP, '--ramp-up-start-rps', '3', '--ramp-up-end-rps', '2'],
    [*EXPONENTIAL, '--ramp-up-start-rps', '0', '--ramp-up-end-rps', '2'],
    ['--goodput', 'ttft'], ['--goodput', 'ttft:x'], ['--goodput', 'ttft:1:2'], ['--goodput', 'itl:5'], ['--goodput', 'ttft:5', 'nosuch:2.5'],
    ['--goodput', 'ttft:-1'], ['--goodput', 'e2el:5', 'tpot:-0.5'],
    # and in it, where its server is there
    ['--burstiness', '0'], ['--burstiness=-1.5'], ['--request-rate', '0'], ['--request-rate=-2'],
    [*RAMP, '--ramp-up-start-rps', '0', '--ramp-up-end-rps', '2'],
    ['--endpoint', '/v1/nosuch'], ['--backend', 'openai-chat'], ['--backend', 'openai-chat', '--endpoint', '/v1/completions'],
    ['--endpoint', '/v1/nosuch', '--backend', 'vllm', '--num-warmups', '1'],
    ['--metric-percentiles', 'x'], ['--metric-percentiles', ''], ['--metric-percentiles', '50,'], ['--metric-percentiles', '101'],
    ['--metric-percentiles=-1'],
    # after it
    ['--save-result', '--metadata', 'a'], ['--save-result', '--metadata', 'a=b', 'c'],
    # its server is there and refuses: the check fails
    ['--ready-check-timeout-sec', '1'],
]

# Newer than the page: 0.32.0 is asked.
NEWER = [
    ['--plot-timeline', '--timeline-itl-thresholds', '1'], ['--plot-timeline', '--timeline-itl-thresholds', '1,2,3'],
    ['--plot-timeline', '--timeline-itl-thresholds', 'x,2'], ['--plot-timeline', '--timeline-itl-thresholds', ''],
    ['--probe-request-rate', 'x'], ['--lora-assignment', 'x'], ['--speed-bench-dataset-subset', 'x'], ['--timed-trace-chunk-hash-size', 'x'],
    ['--self-timed'], ['--no-self-timed'],
]
