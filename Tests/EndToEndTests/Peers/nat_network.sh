#!/usr/bin/env bash
# A network with a NAT in it, made of namespaces that end with this script:
#
#   device (this namespace) 192.0.2.2 ── 192.0.2.1 NAT 198.51.100.1 ── 198.51.100.2 far end
#
# Usage: unshare --net --mount nat_network.sh FORGET_SECONDS
#
# The NAT forgets a connection that is silent for FORGET_SECONDS and then drops its packets without
# a word. In here the far end is called `broker.localhost`. One line on standard
# output says which processes stand in the namespaces, for nsenter:
#
#   nsenter --target NAT --net nft add rule inet hawser outage drop    loses every packet from now on
#   nsenter --target NAT --net nft flush chain inet hawser outage      lets them pass again
set -euo pipefail

folder=$(mktemp -d)
holders=()
trap 'kill "${holders[@]}" 2>/dev/null; rm -rf "$folder"' EXIT

hold() {
  unshare --net sleep infinity &
  holders+=($!)
  # Until the child is in its own namespace.
  while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
}
hold
nat=${holders[0]}
hold
far=${holders[1]}
within() { nsenter --target "$1" --net -- "${@:2}"; }

ip link set lo up
ip link add name wan0 type veth peer name lan0 netns "$nat"
within "$nat" ip link add name out0 type veth peer name far0 netns "$far"
ip address add 192.0.2.2/24 dev wan0
within "$nat" ip address add 192.0.2.1/24 dev lan0
within "$nat" ip address add 198.51.100.1/24 dev out0
within "$far" ip address add 198.51.100.2/24 dev far0
ip link set wan0 up
within "$nat" ip link set lan0 up
within "$nat" ip link set out0 up
within "$far" ip link set lo up
within "$far" ip link set far0 up
ip route add default via 192.0.2.1

within "$nat" bash -c "
  echo 1 >/proc/sys/net/ipv4/ip_forward
  echo $1 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
  echo $1 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_unacknowledged
  echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose"
within "$nat" nft -f - <<'RULES'
table inet hawser {
  chain forward {
    type filter hook forward priority 0;
    ct state invalid drop
  }
  chain outage {
    type filter hook forward priority -10;
  }
  chain leaving {
    type nat hook postrouting priority 100;
    oifname "out0" masquerade
  }
}
RULES

printf '127.0.0.1 localhost\n198.51.100.2 broker.localhost\n' >"$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts

echo "{\"device\": $$, \"nat\": $nat, \"far\": $far}"
wait
