"""Process 1 of every container: runs commands for the host over its standard input and output.

It is handed to the container's own python3 as text before the first frame (`containers.supervised` does it): so it
imports nothing but itself and the standard library, needs Python 3.10 or newer, and is versioned with the host.
Imports are few and light: their memory is what every fork copies.

Every command gets a *shim*, a fork of this process that is the child subreaper of its tree: whoever calls setsid or
forks twice still descends from the shim, so that a time limit can find and kill all of it. Output travels inside
frames, so that no command can forge another's end; this process and the shims are not dumpable, so that a command of
the same user can neither open their streams nor trace them.
"""

MODULES = ("frames", "link", "trees", "shims", "files", "limits", "jobs", "tunnels", "filters", "server", "entry")
"""What is sent, in the order in which it can be executed; the last one has `main`."""
