#!/usr/bin/env bash
# Installs what the tests need, checks the sources' format, then builds and runs all tests.
#
# Usage: config/test.sh [--slow] [arguments for `swift test`, such as --filter NAME]
#
#   --slow   also the tests that take minutes (they use the release build), and every conformance case
#            (half an hour); CI=true means the same with the quick selection of cases
#
# The exit code and the last lines are the test runner's own.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

slow=${CI:-false}
if [ "${1:-}" = --slow ]; then
  slow=true
  export HAWSER_CONFORMANCE=all
  shift
fi

command -v swift >/dev/null || {
  echo "hawser: Swift is not installed, or not on the PATH: https://www.swift.org/install/linux/" >&2
  exit 69
}

packages=(ca-certificates curl git libsqlite3-dev libyaml-dev python3 python3-venv zlib1g-dev)
# Other implementations of WebSocket, and the proxy in between.
packages+=(libwebsockets-dev node-ws nodejs nginx-light openssl)
# What stands between agents and brokers: proxies, and networks made of namespaces.
packages+=(apache2-bin haproxy iproute2 nftables squid tinyproxy-bin)
# What kills a program at a chosen system call.
packages+=(strace)
command -v javac >/dev/null || packages+=(default-jdk-headless)
for browser in chromium chromium-browser google-chrome; do
  if command -v "$browser" >/dev/null; then
    CHROMIUM=${CHROMIUM:-$browser}
    break
  fi
done
[ -n "${CHROMIUM:-}" ] || packages+=(chromium)
export CHROMIUM=${CHROMIUM:-chromium}
config/install.sh "${packages[@]}"

# The peers in Python have an environment of their own below the build folder.
peers=Tests/EndToEndTests/Peers/requirements.txt
python=$root/.build/test-python
if ! cmp -s "$peers" "$python/installed.txt"; then
  echo "Making the tests' Python environment …"
  python3 -m venv --clear "$python"
  "$python/bin/pip" install --quiet --disable-pip-version-check -r "$peers"
  cp "$peers" "$python/installed.txt"
fi
export HAWSER_TEST_PYTHON=$python/bin/python
# The conformance suite has one of its own as well: it may need Python 2.7.
WSCONF_VENVS=$root/.build/ws-conformance PYTHONDONTWRITEBYTECODE=1 \
  "$python/bin/python" Tests/EndToEndTests/Conformance/run_server_suite.py --setup-only
export HAWSER_TEST_ARTEFACTS=$root/.build/test-artefacts

swift format lint --strict --parallel --recursive Package.swift Sources Tests

if [ "$slow" = true ]; then
  export HAWSER_SLOW_TESTS=1
  for product in hawser hawser-agent simulate-networks; do swift build -c release --product "$product"; done
fi
swift build --build-tests
exec swift test --skip-build --parallel --num-workers 2 "$@"
