#!/usr/bin/env bash
# The engine tests against a real Slurm and a real Ray on this machine; `just test-engines`.
#
#   test.sh [--install]     --install: bring Slurm with apt-get (root) where it is missing
#
# Ray comes from PyPI into .venv-ray. What cannot be had is skipped, and said.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${LAWN_PYTHON:-python3}
ray_version=2.60.0
# An engine whose tests take longer than this many seconds has failed.
limit=600
slurm=lawn-bench/engines/slurm-one-machine.sh
work=$(mktemp -d)
log=$work/log
passed=0 failed=0 skipped=0
# All that is started below has this in its environment, so that all of it can be ended.
export LAWN_TEST_ENGINES=$work

# Processes started here that still run: those with the mark, and below them those that
# have written over their environment.
ours() {
    local marked
    # Some processes end while they are looked at.
    marked=$(grep -lsaF "LAWN_TEST_ENGINES=$work" /proc/[0-9]*/environ | cut -d/ -f3 | tr '\n' ' ') || true
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } | sed 's/(.*)/name/' | awk -v marked="$marked" '
        BEGIN { split(marked, list, " "); for (i in list) ours[list[i]] }
        { parent[$1] = $4 }
        END {
            do {
                grown = 0
                for (process in parent)
                    if (!(process in ours) && parent[process] in ours) { ours[process]; grown = 1 }
            } while (grown)
            for (process in ours) if (process in parent) print process
        }'
}

# Ends all of them. They are listed once, for who loses its parent is not found again.
end_ours() {
    local processes commands
    mapfile -t processes < <(ours)
    [ "${#processes[@]}" -gt 0 ] || return 0
    commands=("${processes[@]/#//proc/}")
    commands=("${commands[@]/%//cmdline}")
    kill "${processes[@]}" 2>/dev/null || true
    for _ in $(seq 100); do
        # One that has ended and waits for its parent to notice has no command line.
        grep -qsa . "${commands[@]}" || return 0
        sleep 0.1
    done
    kill -KILL "${processes[@]}" 2>/dev/null || true
}

cleanup() {
    "$slurm" stop "$work/slurm" || true
    end_ours
    rm -rf "$work" || true
}
trap cleanup EXIT

# The number of tests of the engine $1.
tests_of() { grep -c "^fn ${1}_" lawn-bench/tests/command/engines.rs; }

skip() {
    echo "test-engines: the $(tests_of "$1") tests of $1 are skipped: $2"
    skipped=$((skipped + $(tests_of "$1")))
}

fail() {
    echo "test-engines: $2; the $(tests_of "$1") tests of $1 count as failed" >&2
    failed=$((failed + $(tests_of "$1")))
}

# The ignored tests of the engine $1.
run() {
    local counts
    timeout --foreground --kill-after=10 "$limit" \
        cargo test --locked --release --workspace --test command -- --ignored --test-threads 1 "engines::${1}_" 2>&1 | tee "$log" || true
    counts=$(sed -n 's/^test result:.* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 \2/p' "$log")
    if [ -z "$counts" ]; then
        fail "$1" "the tests did not come to their end within $limit s"
        return
    fi
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
}

test_slurm() {
    if ! command -v slurmctld >/dev/null && [ "${1:-}" = --install ]; then
        echo "test-engines: installing Slurm with apt-get"
        "$slurm" install || true
    fi
    if ! command -v slurmctld >/dev/null; then
        skip slurm "slurmctld is not here; '$slurm install' brings it"
    elif [ "$(id -u)" != 0 ]; then
        skip slurm "slurmd needs root"
    elif ! "$slurm" start "$work/slurm" MaxArraySize=10; then
        tail -n 20 "$work"/slurm/*.log >&2 || true
        fail slurm "Slurm did not start"
    else
        SLURM_CONF=$work/slurm/slurm.conf run slurm
        "$slurm" stop "$work/slurm"
        end_ours
    fi
}

# Ray in .venv-ray, unless it is there.
install_ray() {
    if [ "$(.venv-ray/bin/python -c 'import ray; print(ray.__version__)' 2>/dev/null)" = "$ray_version" ]; then return; fi
    echo "test-engines: installing Ray $ray_version into .venv-ray (about 400 MB)"
    "$python" -m venv --clear .venv-ray &&
        .venv-ray/bin/python -m pip install --quiet --disable-pip-version-check "ray[default]==$ray_version"
}

free_port() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Starts Ray, and waits until the server of its Jobs answers at $1.
start_ray() {
    # In the foreground of a child, so that its end is seen.
    .venv-ray/bin/ray start --head --block --disable-usage-stats --port "$(free_port)" \
        --dashboard-port "${1##*:}" --num-cpus 2 --object-store-memory 100000000 \
        --temp-dir "$work/ray" > "$work/ray.log" 2>&1 &
    # So that this shell does not say that it was ended.
    disown
    for _ in $(seq 120); do
        "$python" -c "import urllib.request; urllib.request.urlopen('$1/api/version', timeout=1)" 2>/dev/null && return
        kill -0 $! 2>/dev/null || break
        sleep 0.5
    done
    return 1
}

test_ray() {
    if ! install_ray; then
        rm -rf .venv-ray
        skip ray "PyPI gave no ray[default]==$ray_version for $("$python" --version)"
        return
    fi
    local address
    address=http://127.0.0.1:$(free_port)
    if start_ray "$address"; then
        RAY_ADDRESS=$address run ray
    else
        cat "$work/ray.log" >&2
        fail ray "Ray did not start"
    fi
    end_ours
}

test_slurm "$@"
test_ray
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
