#!/usr/bin/env bash
# Measures other programs at the work that telemetry-bench does: simdjson decoding the same pack, and
# InfluxDB taking the same readings over HTTP, synced to disk as it does by default, and answering a chart
# of thirty days of minutes of one series among 100,000.
# Needs a release build of telemetry-bench; installs what it compares with. Loopback only.
#
#   Tests/Benchmarks/Telemetry/Peers/compare.sh [READINGS]
set -euo pipefail
readings=${1:-1000000}
here=$(cd "$(dirname "$0")" && pwd)
bench=$(cd "$here/../../../.." && pwd)/.build/release/telemetry-bench
[ -x "$bench" ] || { echo "build it first: swift build -c release --product telemetry-bench"; exit 1; }
dpkg -s libsimdjson-dev influxdb >/dev/null 2>&1 || {
  apt-get update -qq
  apt-get install -y -qq libsimdjson-dev influxdb
}
work=$(mktemp -d)
influx=
trap '[ -z "$influx" ] || kill "$influx"; wait; rm -rf "$work"' EXIT

g++ -O3 -o "$work/simdjson" "$here/simdjson.cpp" -lsimdjson
"$bench" pack >"$work/pack.json"
"$work/simdjson" "$work/pack.json" 200000

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/influxdb.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "$work/meta"
[data]
  dir = "$work/data"
  wal-dir = "$work/wal"
  index-version = "tsi1"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:$port"
  log-enabled = false
[monitor]
  store-enabled = false
CONF
influxd run -config "$work/influxdb.conf" >"$work/influxd.log" 2>&1 &
influx=$!
"$bench" lines "$readings" | python3 "$here/influxdb.py" "$port" "$influx" "$work"
"$bench" chart-lines | python3 "$here/influxdb.py" "$port" "$influx" "$work" chart
