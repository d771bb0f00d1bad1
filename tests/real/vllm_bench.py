"""`vllm bench serve` without the rest of vLLM's command line, which wants the libraries of a GPU.

    PYTHON tests/real/vllm_bench.py --model …      PYTHON: one that has vLLM's modules
"""
from vllm.benchmarks import serve

try:
    from vllm.utils.argparse_utils import FlexibleArgumentParser
except ImportError:
    from vllm.utils import FlexibleArgumentParser

if __name__ == '__main__':
    words = FlexibleArgumentParser(prog='vllm bench serve')
    serve.add_cli_args(words)
    serve.main(words.parse_args())
