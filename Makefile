# Two commands: `make run` and `make test`. What they do is in ops/.
# Variables, as in `make run PORT=8080`:
#   PORT (8000)   WORKERS (2)   DATA_DIR (data)   VENV (.venv)   PYTHON (the first that is 3.11 or newer)

# Nothing here is a file, and a second job at once would only fight for the machine.
.PHONY: help run test test-long bench memory screenshot scan check clean
.NOTPARALLEL:
.DEFAULT_GOAL := help

help: ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 18
	@sed -n 's/^# *\(Variables.*\|  PORT.*\)/\1/p' Makefile

run: ## Serve the portal with demonstration data on this machine
	@exec ops/run

test: ## Run the tests (as root, installs the Debian packages that they need)
	@exec ops/test

test-long: ## Run the long tests; keeps their result in tests/results/
	@exec ops/test-long

bench: ## Measure the exports beside what one would type instead; writes bench/RESULTS.md
	@exec ops/bench

memory: ## Show how much memory a worker takes to export 200,000 entities
	@exec ops/memory

screenshot: ## Make the README's picture anew, by the browser test (docs/screenshot.png)
	@CHARTROOM_SCREENSHOT=docs/screenshot.png exec ops/test tests/browser/test_journey.py -k 1280

scan: ## Attack a portal of made-up data on this machine with sqlmap and wapiti; keeps the result in tests/results/
	@exec ops/scan

check: ## Look for faults without running: ruff, mypy
	@exec ops/check

clean: ## Remove what was made, but never the data: .venv, caches, test artefacts
	@exec ops/clean
