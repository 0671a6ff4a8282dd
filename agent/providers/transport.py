"""How the SDKs' HTTP clients connect: certificates and proxies from the environment, but no proxy to this machine."""

from __future__ import annotations

from collections.abc import Mapping

# The SDKs' own clients honour `SSL_CERT_FILE`, `SSL_CERT_DIR` and `HTTP(S)_PROXY`. A server on a loopback address is on
# the wrong side of any proxy, whether or not `NO_PROXY` says so.
WITHOUT_PROXY: Mapping[str, None] = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))
"""Mounts for an `httpx2` client."""
