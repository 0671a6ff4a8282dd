"""Where process 1 begins."""

from __future__ import annotations

import gc
import os
import signal

from containers.supervisor.filters import take_filter
from containers.supervisor.limits import take_limits
from containers.supervisor.link import Link
from containers.supervisor.server import Supervisor
from containers.supervisor.shims import (
    PR_SET_CHILD_SUBREAPER,
    PR_SET_DUMPABLE,
    PR_SET_NAME,
    set_process,
)
from containers.supervisor.tunnels import drop_proxies


def main() -> None:
    """Take the streams to the host away from standard input and output, then serve."""
    # Open while it may be: only a dumpable process's own file belongs to its user.
    try:
        out_of_memory = os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        out_of_memory = -1
    set_process(PR_SET_DUMPABLE, 0)
    set_process(PR_SET_CHILD_SUBREAPER, 1)
    set_process(PR_SET_NAME, b"bactrian")  # `pkill python3` is not meant for us
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which process 1 never gets from inside
    limits = take_limits()
    take_filter()
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.umask(0o022)
    tunnelled = os.environ.pop("BACTRIAN_INTERNAL_TUNNELS", "")
    drop_proxies()
    gc.freeze()
    Supervisor(Link(source, sink), out_of_memory, limits).run(tunnelled=bool(tunnelled))
