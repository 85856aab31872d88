#!/usr/bin/env bash
# Runs all checks and timings on this machine's GPU: bash run.sh [--movielens DIR] [--device cuda:0]
# Needs a Python with torch 2.11; PYTHON names it if it is not python3.
set -euo pipefail
started=$PWD
here=${BASH_SOURCE[0]%/*}
[ "$here" != "${BASH_SOURCE[0]}" ] || here=.
cd "$here"
here=$PWD
python=${PYTHON:-python3}
torch=$("$python" -c 'import importlib.util as u
found = u.find_spec("torch")
print(found.submodule_search_locations[0] if found else "")')
[ -n "$torch" ] || { echo "run.sh: $python has no torch; set PYTHON to a Python that has torch 2.11" >&2; exit 2; }
"$python" - <<'CHECK'
import sys
from importlib.metadata import version
found = version("torch")
if not found.startswith("2.11."):
    sys.exit(f"run.sh: torch is {found}; the programs here are for libtorch 2.11")
CHECK
export LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
cd "$started"
exec "$python" "$here/lawn-bench/gpu/measure.py" --programs "$here/bin" "$@"
