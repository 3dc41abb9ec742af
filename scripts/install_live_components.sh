#!/usr/bin/env bash
# Installs the real components of `make test-live` from Debian or Ubuntu packages; does nothing where they are there.
set -euo pipefail
missing=()
command -v tshark >/dev/null || missing+=(tshark)
command -v text2pcap >/dev/null || missing+=(wireshark-common)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
[ ${#missing[@]} -eq 0 ] && exit 0
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
