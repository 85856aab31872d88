# Every recipe sets up what it needs, says what it does, and skips what is there.

set shell := ["bash", "-euo", "pipefail", "-c"]

python := env("LAWN_PYTHON", "python3")
requirements := "lawn-bench/peers/requirements.txt"
stamp := ".venv/requirements.txt"
target := env("CARGO_TARGET_DIR", "target")

# List the recipes.
default:
    @just --list --unsorted

# Find or install libtorch 2.11.0: your LIBTORCH if it is set, a .venv otherwise.
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -n "${LIBTORCH:-}" ]; then
        echo "setup: using your LIBTORCH=$LIBTORCH"
        [ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || { echo "setup: $LIBTORCH/lib/libtorch_cpu.so does not exist; LIBTORCH must be the folder of libtorch 2.11.0 that holds lib/ and include/" >&2; exit 2; }
    else
        just venv
    fi

# Make the .venv: torch 2.11.0 (about 5 GB), and what the peers and goldens need.
[private]
venv:
    #!/usr/bin/env bash
    set -euo pipefail
    if cmp -s {{requirements}} {{stamp}} && [ -e .venv/libtorch/lib/libtorch_cpu.so ]; then exit 0; fi
    {{python}} -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "setup: {{python}} is not Python 3.10 or newer; set LAWN_PYTHON to one" >&2; exit 2; }
    echo "setup: installing torch 2.11.0 and the peers into .venv (about 5 GB, a minute or more)"
    {{python}} -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -r {{requirements}}
    torch=$(.venv/bin/python -c 'import importlib.util; print(importlib.util.find_spec("torch").submodule_search_locations[0])')
    ln -sfn "$(realpath --relative-to=.venv "$torch")" .venv/libtorch
    cp {{requirements}} {{stamp}}
    echo "setup: .venv/libtorch -> $torch"

# Build the `lawn` command. Every recipe builds the whole workspace's features in one profile, so that none compiles another's dependencies anew.
build: setup
    cargo build --locked --release --workspace --bin lawn --bin lawn-torch

# Put the `lawn` command into cargo's folder of commands, so that the shell finds it.
install: setup
    LIBTORCH="${LIBTORCH:-$PWD/.venv/libtorch}" cargo install --locked --path lawn-bench --target-dir {{target}}

# Run a sweep to its report: the embedded one, or a FILE (also relative to lawn-bench) or run DIR.
sweep file="studies/embedded.toml" *args: build
    #!/usr/bin/env bash
    set -euo pipefail
    file={{quote(file)}}
    [ -e "$file" ] || [ ! -e "lawn-bench/$file" ] || file="lawn-bench/$file"
    exec {{target}}/release/lawn sweep "$file" {{args}}

# The report of a run DIR once more, or of sweeps made elsewhere: `just report --from results.csv`.
report *args: build
    {{target}}/release/lawn report {{args}}

# Criterion benchmarks, with its options: `just bench NAME` runs those whose name has it, `just bench --quick` all in two minutes. `just bench harness`: what the harness's processes cost.
[positional-arguments]
bench *args: setup
    #!/usr/bin/env bash
    set -euo pipefail
    if [ "$*" = harness ]; then
        cargo build --locked --release --workspace --bin lawn --bin lawn-torch --example harness
        {{target}}/release/examples/harness plan
        {{target}}/release/examples/harness status
        {{target}}/release/examples/harness overhead {{target}}/release/lawn-torch
        {{target}}/release/examples/harness phases {{target}}/release/lawn-torch
        {{target}}/release/examples/harness workers {{target}}/release/lawn
        exec {{target}}/release/examples/harness estimate {{target}}/release/lawn ${LAWN_DATA:+"$LAWN_DATA"}
    fi
    exec cargo bench --locked --workspace -- "$@"

# Criterion benchmarks of the commit REF and of this tree, side by side: `just bench-compare main NAME --quick`; of one file `just bench-compare main --bench step -- NAME`.
[positional-arguments]
bench-compare ref *args: setup
    #!/usr/bin/env bash
    set -euo pipefail
    commit=$(git rev-parse --short --verify "$1^{commit}"); shift
    # Benchmarks alone: in older commits cargo would also run what does not know criterion's options.
    what=(--bench '*')
    for argument in "$@"; do
        [ "$argument" = -- ] || continue
        what=(); while [ "$1" != -- ]; do what+=("$1"); shift; done; shift
        break
    done
    own="$(realpath -m {{quote(target)}})"
    export LIBTORCH="${LIBTORCH:-$PWD/.venv/libtorch}" CRITERION_HOME="$own/bench-compare/criterion"
    rm -rf "$CRITERION_HOME"
    # Cargo knows a member of the workspace by its place in it, and would take one commit's build for the
    # other's. So the other commit has a folder of builds of its own, which begins with our dependencies.
    other="$own/bench-compare/target"
    if [ ! -d "$other" ] && [ -d "$own/release" ]; then
        mkdir -p "$other"
        cp -a "$own/release" "$other/"
        find "$other/release" -depth -name '*lawn*' -exec rm -rf {} +
    fi
    folder=$(mktemp -d); trap 'git worktree remove --force "$folder/$commit"; rm -rf "$folder"' EXIT
    git worktree add --quiet --detach "$folder/$commit" "$commit"
    (cd "$folder/$commit" && CARGO_TARGET_DIR="$other" cargo bench --locked --workspace "${what[@]}" -- --save-baseline "$commit" "$@")
    export CARGO_TARGET_DIR="$own"
    cargo bench --locked --workspace "${what[@]}" -- --save-baseline here "$@"
    [ -d "$CRITERION_HOME" ] || { echo "bench-compare: no benchmark ran; \`just bench --list\` has the names, of which one must hold each word given" >&2; exit 2; }
    cargo build --quiet --locked --release --workspace --example bench_compare
    "$own/release/examples/bench_compare" "$CRITERION_HOME" "$commit" here

# Compare with peers in one run: `just peers training --data-root DIR`, `just peers recommender`, `just peers vision`, `just peers curve --data-root DIR --data NAME`, `just peers images FOLDER`, `just peers clicks --data-root DIR --data NAME`, `just peers optimizer`, `just peers ranks`, `just peers analysis`.
peers what *args:
    #!/usr/bin/env bash
    set -euo pipefail
    # rliable needs no torch, and torch's environment none of rliable's.
    if [ {{quote(what)}} = analysis ]; then
        wanted=lawn-analysis/peers/requirements.txt
        if ! cmp -s $wanted .venv-analysis/requirements.txt; then
            echo "peers: installing rliable into .venv-analysis"
            {{python}} -m venv .venv-analysis
            .venv-analysis/bin/python -m pip install --quiet --disable-pip-version-check -r $wanted
            cp $wanted .venv-analysis/requirements.txt
        fi
        cargo build --locked --release --workspace --example aggregates
        exec .venv-analysis/bin/python lawn-analysis/peers/aggregates.py {{args}}
    fi
    just venv
    case {{quote(what)}} in
        optimizer)
            exec .venv/bin/python lawn-core/peers/optimizer.py {{args}} ;;
        training)
            exec .venv/bin/python lawn-models/peers/training.py {{args}} ;;
        vision)
            exec .venv/bin/python lawn-models/peers/vision.py {{args}} ;;
        recommender)
            exec .venv/bin/python lawn-models/peers/recommender.py {{args}} ;;
        images)
            exec .venv/bin/python lawn-models/peers/images.py {{args}} ;;
        clicks)
            exec .venv/bin/python lawn-models/peers/clicks.py {{args}} ;;
        ranks)
            exec .venv/bin/python lawn-models/peers/ranks.py {{args}} ;;
        curve)
            exec .venv/bin/python lawn-models/peers/curve.py {{args}} ;;
        *) echo "peers: there are no peers for {{what}}; allowed: analysis, clicks, curve, images, optimizer, ranks, recommender, training, vision" >&2; exit 2 ;;
    esac

# Check and time everything on a GPU in five minutes, into GPU.md: `just gpu --movielens DIR`; `just gpu --cpu` tries that without one.
gpu *args: gpu-programs
    just venv
    exec .venv/bin/python lawn-bench/gpu/measure.py --programs {{target}}/release/examples {{args}}

# What `just gpu` runs as one archive, for a machine with a GPU that has only Python with torch 2.11: `python3 -m tarfile -e lawn-gpu.tar.xz && bash lawn-gpu/run.sh`.
gpu-bundle out="lawn-gpu.tar.xz": gpu-programs
    {{python}} lawn-bench/gpu/bundle.py --programs {{target}}/release/examples {{quote(out)}}

[private]
gpu-programs: setup
    cargo build --locked --release --workspace --bin lawn --bin lawn-torch --example accelerator --example gpu_conformance --example neumf_throughput --example recommender_throughput --example same_twice --example vision_throughput

# FINDINGS.md and its figures from kept records, without training: `just findings`, `just findings check`; `just findings keep runs/NAME` adds a finished run.
findings *args: setup
    cargo build --quiet --locked --release --workspace --example findings
    {{target}}/release/examples/findings lawn-bench/studies {{args}}

# Every figure and table, drawn from a simulated sweep.
figures dir="runs/figures":
    cargo build --locked --release --workspace --example sample_report
    {{target}}/release/examples/sample_report {{quote(dir)}}

# Type I error, coverage and power of the report's own code on simulated sweeps.
calibrate *args:
    cargo build --locked --release --workspace --example calibrate
    {{target}}/release/examples/calibrate {{args}}

# NeuMF's test metrics on MovieLens-1M by seed: `just accuracy --data-root DIR`.
accuracy *args: setup
    cargo build --locked --release --workspace --example neumf_accuracy
    {{target}}/release/examples/neumf_accuracy {{args}}

# Every test, in the profile that `just sweep` has built already; `just lint` has the lints.
test: setup
    #!/usr/bin/env bash
    set -euo pipefail
    log=$(mktemp); trap 'rm -f "$log"' EXIT
    status=0; cargo test --locked --release --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?
    just tally "$log"
    exit $status

# One closing line for all of cargo's runners.
[private]
tally log:
    @awk '/^test result:/ { passed += $4; failed += $6; ignored += $8 } \
         END { printf "%d passed, %d failed, %d skipped\n", passed, failed, ignored }' {{quote(log)}}

# The archive of lawn-core as `cargo publish` would send it, built and tested outside of the workspace.
package: setup
    #!/usr/bin/env bash
    set -euo pipefail
    dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
    cargo package --quiet --locked --allow-dirty --no-verify -p lawn-core --target-dir "$dir"
    # With today's time: in an archive all files have one old time, and cargo would take what it has built of other content for fresh.
    tar -xzmf "$dir"/package/lawn-core-*.crate -C "$dir"
    # As the workspace optimises its dependencies, so that they are compiled once.
    sed -n '/^\[profile/,$p' Cargo.toml > "$dir/profile.toml"
    export LIBTORCH="${LIBTORCH:-$PWD/.venv/libtorch}" CARGO_TARGET_DIR="$(realpath -m {{quote(target)}})"
    status=0
    (cd "$dir"/lawn-core-*/ && cargo --config "$dir/profile.toml" test --release --locked --no-fail-fast) 2>&1 | tee "$dir/log" || status=$?
    just tally "$dir/log"
    exit $status

# Sweeps that are killed and damaged at random until they end; the tests have a shorter form.
torture runs="100" seed="0": setup
    LAWN_TORTURE_RUNS={{quote(runs)}} LAWN_TORTURE_SEED={{quote(seed)}} cargo test --locked --release --workspace --test command -- --nocapture torture::

# The engines against a real Slurm and a real Ray on this machine; `--install` brings Slurm by apt-get.
test-engines *args: setup
    lawn-bench/engines/test.sh {{args}}

# Formatting and lints, warnings are errors.
lint: setup
    cargo fmt --all --check
    cargo clippy --locked --release --workspace --all-targets -- -D warnings

# What continuous integration runs: the lints, the tests, and those of the engines.
ci:
    .ci/run

# Build the documentation, warnings are errors.
doc: setup
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --release --workspace --no-deps
