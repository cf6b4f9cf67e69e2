#!/usr/bin/env bash
# A device that has nothing but curl: a session over HTTP from hello to its end.
# Usage: http_session.sh BROKER DEVICE. Every line of output is what the broker answered.
set -euo pipefail
broker=${1%/}/v1/device/session device=$2
ask() { curl --silent --show-error --max-time 30 --header 'Content-Type: application/x-ndjson' "$@"; }

hello='{"jsonrpc":"2.0","id":"1","method":"hello","params":{"agent":{"name":"curl","version":"1"},'
hello+='"boot":"b","epoch":"curl-1","acked":[]}}'
welcome=$(ask --data-binary "$hello" "$broker?device=$device")
echo "$welcome"
session=$(sed -E 's/.*"session":"([^"]+)".*/\1/' <<<"$welcome")

# A held GET in the background, as an agent has it.
ask "$broker/$session/down" >down.txt &
sleep 0.3
ask --data-binary '{"jsonrpc":"2.0","method":"telemetry","params":{"seq":1,"lane":"live","pack":[{"n":"by-get","v":1}]}}' \
  "$broker/$session/up"
wait
cat down.txt

# Without one the answer to the POST brings the ack.
ask --data-binary '{"jsonrpc":"2.0","method":"telemetry","params":{"seq":2,"lane":"live","pack":[{"n":"by-post","v":2}]}}
{"jsonrpc":"2.0","id":"2","method":"heartbeat","params":{"mono":7}}' "$broker/$session/up"

ask --request DELETE --write-out '{"deleted":%{http_code}}\n' "$broker/$session"
ask --write-out '\n{"gone":%{http_code}}\n' "$broker/$session/down"
