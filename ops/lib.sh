# shellcheck shell=bash
# shellcheck disable=SC2034 # what is set here is used by those who source it
# What the commands of this folder share. Sourced, never run.
set -euo pipefail

python=''
tied=()

# Dozens of processes of ours are started; not one of them should compile the whole application again.
unset PYTHONDONTWRITEBYTECODE

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cd -- "$ROOT"

# Absolute, because a supervised child may be started anywhere.
VENV=${VENV:-.venv}
[[ $VENV == /* ]] || VENV=$ROOT/$VENV
export VENV

say() { printf '%s\n' "$@"; }
refuse() { printf 'chartroom: %s\n' "$@" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Prefix a command with "${tied[@]}" and the kernel ends it when its parent dies, kill -9 included:
# nothing that a command of ours started outlives it. Where setpriv is too old, there is no prefix.
tied_by() {
    if setpriv --pdeathsig "$1" true >/dev/null 2>&1; then
        tied=(setpriv --pdeathsig "$1" --)
    else
        tied=()
    fi
}

# Sets python to an interpreter that is new enough. A name on PATH proves nothing
# (version switchers put names there that only fail), so each one is asked.
find_python() {
    local candidates=(python3 python3.13 python3.12 python3.11 python3.14)
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for python in "${candidates[@]}"; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            return
        fi
    done
    refuse "Python 3.11 or newer is needed, and ${candidates[*]} is not here or is older." \
        "On Debian or Ubuntu: sudo apt install python3.11 python3.11-venv" \
        "(or name another one: make run PYTHON=/path/to/python3.12)"
}
