#!/bin/sh
# What every session needs, whatever the language. Runs as root: from the Dockerfile, or in a plain root file system.
set -eu
export DEBIAN_FRONTEND=noninteractive
# A mirror's snapshot may be older than its Valid-Until; the signature is still checked.
printf 'Acquire::Check-Valid-Until "false";\nAcquire::Retries "3";\nAPT::Install-Recommends "false";\nAPT::Install-Suggests "false";\n' \
    > /etc/apt/apt.conf.d/99bactrian
printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/locale/*\npath-exclude=/usr/share/man/*\n' \
    > /etc/dpkg/dpkg.cfg.d/99bactrian
apt-get update -q
# python3 runs the supervisor (containers/supervisor.py); models expect it as well.
apt-get install -yq \
    ca-certificates git ripgrep fd-find patch curl make gcc libc6-dev pkg-config procps jq less file unzip bzip2 xz-utils rsync python3
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin
# The user's own certificate authorities (a company proxy's, say) come along as `host-ca.crt`.
if [ -s /tmp/bactrian/host-ca.crt ]; then
    cp /tmp/bactrian/host-ca.crt /etc/ssl/certs/ca-certificates.crt
fi
id -u bactrian >/dev/null 2>&1 || useradd --create-home --uid 1000 bactrian
mkdir -p /workspace /cache
chown bactrian:bactrian /workspace /cache
git config --system safe.directory '*'
