#!/usr/bin/env bash
# A Slurm of one node on this machine, for tests: no munge, no systemd, no database.
#
#   slurm-one-machine.sh install            install slurm-wlm from Debian or Ubuntu (root)
#   slurm-one-machine.sh start DIR [LINE]…  write DIR/slurm.conf, with further LINEs, and start it (root)
#   slurm-one-machine.sh stop DIR           stop what runs from DIR
#
# After `start`, point SLURM_CONF at DIR/slurm.conf.
set -euo pipefail

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
die() { echo "slurm-one-machine: $*" >&2; exit 1; }

install() {
    [ "$(id -u)" = 0 ] || die "installing needs root"
    command -v apt-get >/dev/null || die "there is no apt-get here; install slurmctld, slurmd and the client commands yourself"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurm-wlm >/dev/null
}

start() {
    local dir=$1 host
    shift
    [ "$(id -u)" = 0 ] || die "slurmd needs root to start jobs"
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null || die "slurmctld and slurmd are not here; '$0 install' brings them"
    mkdir -p "$dir/state" "$dir/spool"
    dir=$(realpath "$dir")
    host=$(hostname -s)
    cat > "$dir/slurm.conf" <<END
ClusterName=one-machine
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port 26817)
SlurmdPort=$(free_port 27817)
SlurmUser=root
SlurmdUser=root
# Who asks is not checked: this Slurm listens to this machine alone.
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
KillWait=5
MinJobAge=300
# The node has the cores that are asked for here, whatever the machine has.
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=60 State=UP
$(printf '%s\n' "$@")
END
    export SLURM_CONF="$dir/slurm.conf"
    slurmctld -c || die "slurmctld did not start; see $dir/slurmctld.log"
    slurmd -c || { stop "$dir"; die "slurmd did not start; see $dir/slurmd.log"; }
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --format=%t 2>/dev/null)" != idle ] || return 0
        sleep 0.1
    done
    sinfo >&2 || true
    stop "$dir"
    die "the node did not come up within 10 s; see $dir/slurmctld.log and $dir/slurmd.log"
}

# The first port from $1 on that nothing listens on.
free_port() {
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

stop() {
    local dir=$1 name pid
    if [ -e "$dir/slurmctld.pid" ]; then
        SLURM_CONF="$dir/slurm.conf" timeout 5 scancel --me --full 2>/dev/null || true
    fi
    for name in slurmd slurmctld; do
        pid=$(cat "$dir/$name.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}

case "${1:-}" in
    install) install ;;
    start) [ $# -ge 2 ] || { usage >&2; exit 2; }; start "${@:2}" ;;
    stop) [ $# = 2 ] || { usage >&2; exit 2; }; stop "$2" ;;
    *) usage >&2; exit 2 ;;
esac
