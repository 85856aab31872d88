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
work=$(mktemp -d)
log=$work/log
skipped=0
status=0

cleanup() {
    lawn-bench/engines/slurm-one-machine.sh stop "$work/slurm" || true
    [ ! -e "$work/ray.pid" ] || kill "$(cat "$work/ray.pid")" 2>/dev/null || true
    rm -rf "$work" 2>/dev/null || true
}
trap cleanup EXIT

skip() {
    echo "test-engines: $1 is skipped: $2"
    skipped=$((skipped + 1))
}

# The ignored tests whose name begins with $1.
run() {
    cargo test --locked --workspace --test engines -- --ignored --test-threads 1 "$1" 2>&1 | tee -a "$log" || status=$?
}

slurm() {
    if ! command -v slurmctld >/dev/null && [ "${1:-}" = --install ]; then
        lawn-bench/engines/slurm-one-machine.sh install || true
    fi
    if ! command -v slurmctld >/dev/null; then
        skip slurm "slurmctld is not here; 'lawn-bench/engines/slurm-one-machine.sh install' brings it"
    elif [ "$(id -u)" != 0 ]; then
        skip slurm "slurmd needs root"
    else
        lawn-bench/engines/slurm-one-machine.sh start "$work/slurm" MaxArraySize=10
        SLURM_CONF="$work/slurm/slurm.conf" run slurm_
        lawn-bench/engines/slurm-one-machine.sh stop "$work/slurm"
    fi
}

ray() {
    if [ ! -x .venv-ray/bin/ray ]; then
        echo "test-engines: installing Ray $ray_version into .venv-ray (about 400 MB)"
        if ! { "$python" -m venv .venv-ray && .venv-ray/bin/python -m pip install --quiet --disable-pip-version-check "ray[default]==$ray_version"; }; then
            rm -rf .venv-ray
            skip ray "PyPI gave no ray[default]==$ray_version for $("$python" --version)"
            return
        fi
    fi
    local port=8267
    # In the foreground of a child, so that this one's processes can be ended and no other's.
    .venv-ray/bin/ray start --head --block --disable-usage-stats --port 6397 \
        --dashboard-port "$port" --num-cpus 2 --object-store-memory 100000000 \
        --temp-dir "$work/ray" > "$work/ray.log" 2>&1 &
    echo $! > "$work/ray.pid"
    for _ in $(seq 60); do
        "$python" -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/api/version', timeout=1)" 2>/dev/null && break
        kill -0 "$(cat "$work/ray.pid")" 2>/dev/null || { cat "$work/ray.log"; echo "test-engines: ray did not start" >&2; status=1; return; }
        sleep 0.5
    done
    RAY_ADDRESS="http://127.0.0.1:$port" run ray_
    kill "$(cat "$work/ray.pid")" && wait "$(cat "$work/ray.pid")" || true
    rm "$work/ray.pid"
}

slurm "$@"
ray
awk -v skipped="$skipped" '/^test result:/ { passed += $4; failed += $6 }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log" /dev/null
exit "$status"
