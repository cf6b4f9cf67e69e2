#!/usr/bin/env bash
# The one command: installs what is missing, builds Hawser, and runs a broker together with an agent
# that reads this machine. Ctrl-C or SIGTERM ends both.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: config/run.sh [--listen ADDRESS:PORT] [--state FOLDER] [--device NAME]

  --listen   where the broker listens   (HAWSER_LISTEN, else 127.0.0.1:8080; port 0 picks one)
  --state    what is kept between runs  (HAWSER_STATE, else ./.hawser)
  --device   what this machine is called (HAWSER_AGENT_DEVICE, else its host name)

SWIFT_BUILD_FLAGS is handed on to `swift build`.

Exit codes: 0 stopped as asked, 64 wrong usage, 69 something needed is missing or taken,
70 the build failed, 130 stopped while building; else that of a program that ended by itself.
TEXT
}

fail() {
  local code=$1
  shift
  printf 'hawser: %s\n' "$@" >&2
  exit "$code"
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
listen=${HAWSER_LISTEN:-127.0.0.1:8080}
state=${HAWSER_STATE:-./.hawser}
# SenML names allow letters, digits and a few signs, and begin with a letter or digit.
device=${HAWSER_AGENT_DEVICE:-$(uname -n | tr -c 'A-Za-z0-9.:_\n-' '-' | sed 's/^[^A-Za-z0-9]*//' | cut -c1-64)}

while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --listen | --state | --device)
      [ $# -ge 2 ] || fail 64 "$1 needs a value" ;;&
    --listen) listen=$2 && shift 2 ;;
    --state) state=$2 && shift 2 ;;
    --device) device=$2 && shift 2 ;;
    *) usage >&2 && fail 64 "unknown option: $1" ;;
  esac
done

# ---- Signals: noted here, acted upon where the script waits.

stop_asked=
build= broker= agent=
# A second Ctrl-C does not wait for good manners.
on_signal() {
  if [ -n "$stop_asked" ]; then
    for process in $build $broker $agent; do kill -KILL "$process" 2>/dev/null || true; done
    exit 130
  fi
  stop_asked=yes
  if [ -n "$build" ]; then kill -TERM "$build" 2>/dev/null || true; fi
}
trap on_signal INT TERM HUP

is_running() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# Asks a process to end, and makes it after ten seconds.
end() {
  is_running "$1" || return 0
  kill -TERM "$1" 2>/dev/null || true
  for _ in $(seq 100); do
    is_running "$1" || return 0
    sleep 0.1
  done
  echo "hawser: $2 did not end within 10 s and was killed" >&2
  kill -KILL "$1" 2>/dev/null || true
  return 1
}

# The broker first, so that it tells the agent when to come back; it writes out its store.
end_all() {
  local clean=0
  end "$broker" "the broker" || clean=1
  end "$agent" "the agent" || clean=1
  return $clean
}

finish() {
  echo
  echo "Stopping …"
  end_all || exit 1
  echo "Stopped. What was measured is kept in $state."
  exit 0
}

# A program that ended by itself: what it said last, then its own exit code.
ended_early() {
  local name=$1 process=$2 log=$3 code=0
  # The shell's own remark about a signal would only repeat what is said below.
  wait "$process" 2>/dev/null || code=$?
  tail -n 12 "$log" >&2
  if grep -qi 'in use' "$log"; then
    echo "hawser: choose another port: config/run.sh --listen 127.0.0.1:8081" >&2
  fi
  end_all || true
  fail "$([ "$code" -eq 0 ] && echo 70 || echo "$code")" "$name ended by itself; its log: $log"
}

# ---- What is needed

command -v swift >/dev/null ||
  fail 69 "Swift is not installed, or not on the PATH." \
    "Install Swift 6.2 or later: https://www.swift.org/install/linux/"
"$root/config/install.sh" ca-certificates curl git libsqlite3-dev libyaml-dev zlib1g-dev
if ! echo '#include <string>' | clang++ -x c++ -fsyntax-only - 2>/dev/null; then
  # NIOSSL is partly C++: this brings the headers of the version that belongs to this system.
  "$root/config/install.sh" g++
fi

port=${listen##*:}
address=${listen%:*}
if [ "$port" != 0 ] && (exec 3<>"/dev/tcp/${address//[\[\]]/}/$port") 2>/dev/null; then
  fail 69 "port $port at $address is in use by another program (perhaps a broker that still runs)." \
    "Choose another: config/run.sh --listen 127.0.0.1:8081"
fi

# ---- Build

echo "Building … (the first time takes several minutes)"
# shellcheck disable=SC2206 # several flags in one variable are several words
release=(--package-path "$root" -c release ${SWIFT_BUILD_FLAGS:-})
for product in hawser hawser-agent; do
  swift build "${release[@]}" --product "$product" &
  build=$!
  code=0
  wait "$build" || code=$?
  [ -z "$stop_asked" ] || { wait "$build" || true; fail 130 "stopped while building"; }
  build=
  if [ "$code" -ne 0 ]; then
    [ -d "$root/.build/checkouts/swift-nio" ] ||
      fail 69 "The packages that Hawser is built from could not be fetched: is there a network?"
    fail 70 "The build failed; the reason stands above."
  fi
done
programs=$(swift build "${release[@]}" --show-bin-path)

# ---- Run

umask 077
mkdir -p "$state/agent" || fail 73 "cannot make the state folder $state"
broker_log=$state/broker.log
agent_log=$state/agent.log
: >"$broker_log" || fail 73 "cannot write in the state folder $state"

"$programs/hawser" broker --listen "$listen" --state "$state" >"$broker_log" 2>&1 &
broker=$!
url=
for _ in $(seq 300); do
  url=$(sed -n 's/^hawser: ready at //p' "$broker_log")
  [ -z "$url" ] || break
  [ -z "$stop_asked" ] || finish
  is_running "$broker" || ended_early "the broker" "$broker" "$broker_log"
  sleep 0.1
done
[ -n "$url" ] || { end_all || true; fail 70 "the broker was not ready within 30 s; its log: $broker_log"; }

"$programs/hawser-agent" run --broker "$url" --device "$device" --state "$state/agent" \
  >"$agent_log" 2>&1 &
agent=$!
online=
for _ in $(seq 300); do
  if curl -fsS --max-time 2 "${url}v1/devices/${device//\//%2F}" 2>/dev/null | grep -q '"state":"online"'; then
    online=yes
    break
  fi
  [ -z "$stop_asked" ] || finish
  is_running "$agent" || ended_early "the agent" "$agent" "$agent_log"
  is_running "$broker" || ended_early "the broker" "$broker" "$broker_log"
  sleep 0.1
done
[ -n "$online" ] || { end_all || true; fail 70 "the agent was not online within 30 s; its log: $agent_log"; }

cat <<TEXT

Dashboard:  $url
Device:     $device (this machine)
State:      $state (with broker.log and agent.log)
Stop:       Ctrl-C
TEXT

while true; do
  # Ends when one of them does, or when a signal comes.
  wait -n "$broker" "$agent" 2>/dev/null || true
  [ -z "$stop_asked" ] || finish
  is_running "$broker" || ended_early "the broker" "$broker" "$broker_log"
  is_running "$agent" || ended_early "the agent" "$agent" "$agent_log"
done
