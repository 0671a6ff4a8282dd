"""The ways in which a session is broken, one value each: what happens when, what the user reads, what mends it."""

from __future__ import annotations

import errno
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

from recorded_runs import EDITS, Call, Run
from victims import KILL, Blow

KILLED = -signal.SIGKILL
AT_REST = Blow(kind="turn_started", nth=3, signals=KILL)
"""A death between two replies, after which something is done to what lies there."""
MID_WORK = "tool_finished edit_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Injury:
    """One way. Scripts are bash and know $SESSION, $CLONE, $REPOSITORY, $FOLDER and $BACTRIAN_STATE_DIR."""

    name: str
    blows: tuple[Blow, ...] = ()
    run: Run = EDITS
    cut: tuple[int, int] = (0, 0)
    """The reply and the call in it from which on the model hears, in the same process, that it was interrupted."""
    status: tuple[int, ...] = (KILLED,)
    """What the struck process may end with."""
    told: str = ""
    """A pattern of what it says on standard error then."""
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Mapping[str, int] = field(default_factory=dict[str, int])
    before: str = ""
    """A script that prepares the scene."""
    after: str = ""
    """A script that runs once the process is dead."""
    missing: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables of a first try to go on, which can't be."""
    refused: str = ""
    """A pattern of the one line that such a try ends with."""
    mend: str = ""
    """A script that removes the hindrance, so that the session can go on."""
    redo: bool = False
    """The files are those of the base again: the model writes them once more."""
    gone: bool = False
    """There is nothing to go on with: the user has removed it."""
    users: bool = False
    """The user has changed the repository."""
    damaged: bool = False
    """Events are missing from the transcript, or some of others are in it."""
    branches: int = 1
    quick: bool = True
    """Whether it is tried in each run of the tests, not only by `make faults`."""


def _signals() -> list[Injury]:
    at, last = "tool_started bash", "check_finished"
    return [
        Injury(name="SIGINT in a call", blows=(Blow(kind=at, signals=(2,)),), status=(130,), told="interrupted"),
        Injury(
            name="SIGTERM before a request", blows=(Blow(kind="turn_started", nth=2, signals=(15,)),), status=(143,)
        ),
        Injury(name="SIGHUP: the terminal has gone", blows=(Blow(kind=MID_WORK, signals=(1,)),), status=(143,)),
        Injury(name="SIGINT twice", blows=(Blow(kind=at, signals=(2, 2)),), status=(130,), quick=False),
        Injury(
            name="SIGINT, then SIGTERM while the work is saved",
            blows=(Blow(kind=at, signals=(2,)), Blow(kind="work_saved", moment="before", signals=(15,))),
            status=(130,),
        ),
        Injury(
            name="SIGTERM, then SIGKILL while the work is saved",
            blows=(Blow(kind=at, signals=(15,)), Blow(kind="work_saved", moment="before", signals=KILL)),
        ),
        Injury(
            name="SIGINT once all is green",
            blows=(Blow(kind=last, nth=4, signals=(2,)),),
            status=(0, 130),
            quick=False,
        ),
        Injury(
            name="stopped and continued, as a laptop that sleeps",
            blows=(Blow(kind=MID_WORK, shell="(sleep 0.3; kill -CONT $PID) >/dev/null 2>&1 & kill -STOP $PID"),),
            status=(0,),
        ),
        Injury(name="SIGXCPU: its time is used up", blows=(Blow(kind=MID_WORK, signals=(24,)),), status=(-24,)),
        Injury(name="SIGSEGV in a library", blows=(Blow(kind=MID_WORK, signals=(11,)),), status=(-11,), quick=False),
    ]


_SANDBOX = "pkill -9 -P $PID bwrap"
_FIRST = 'pkill -{} -P "$(pgrep -P $PID bwrap)"'


def _sandbox() -> list[Injury]:
    return [
        Injury(
            name="the sandbox is killed between two replies",
            blows=(Blow(kind="turn_started", nth=2, shell=_SANDBOX),),
            cut=(2, 1),
            status=(0,),
        ),
        Injury(
            name="the sandbox is killed in a call",
            blows=(Blow(kind="tool_started bash", shell=_SANDBOX),),
            cut=(1, 3),
            status=(0,),
        ),
        Injury(
            name="the supervisor is killed",
            blows=(Blow(kind="tool_started bash", shell=_FIRST.format(9)),),
            cut=(1, 3),
            status=(0,),
        ),
        Injury(
            name="the sandbox is killed while the work is judged",
            blows=(Blow(kind="message_added", nth=6, shell=_SANDBOX),),
            cut=(3, 1),
            status=(0,),
            quick=False,
        ),
        Injury(
            name="the sandbox is killed twice",
            blows=(Blow(kind="turn_started", nth=2, shell=_SANDBOX), Blow(kind="session_resumed", shell=_SANDBOX)),
            status=(1,),
        ),
        Injury(
            name="the supervisor stands still for a while",
            blows=(
                Blow(
                    kind="tool_started bash",
                    shell=f"{_FIRST.format('STOP')}; (sleep 0.5; {_FIRST.format('CONT')}) >/dev/null 2>&1 &",
                ),
            ),
            status=(0,),
        ),
        Injury(
            name="the sandbox and Bactrian are killed at once",
            blows=(Blow(kind="tool_started bash", shell=_SANDBOX, signals=KILL),),
        ),
    ]


_SMALL = 'mkdir -p "$BACTRIAN_STATE_DIR"; mount -t tmpfs -o size=20m tmpfs "$BACTRIAN_STATE_DIR"'
_FILL = 'dd if=/dev/zero of="$BACTRIAN_STATE_DIR/full" bs=1k 2>/dev/null || true'
_PACKS = 'mount -t tmpfs -o size=4k tmpfs "$REPOSITORY/.git/objects/pack"'


def _disks() -> list[Injury]:
    written = "can't write the transcript .*: {}"
    lines = [
        Injury(
            name=f"{name} when an event is written",
            blows=(Blow(kind="message_added", nth=4, moment="before", errno=number),),
            status=(1,),
            told=written.format(said),
            quick=number == errno.ENOSPC,
        )
        for name, number, said in (
            ("ENOSPC", errno.ENOSPC, "No space left on device"),
            ("EIO", errno.EIO, "Input/output error"),
            ("EDQUOT", errno.EDQUOT, "Disk quota exceeded"),
        )
    ]
    return [
        *lines,
        Injury(
            name="ENOSPC when a call begins",
            blows=(Blow(kind="tool_started bash", moment="before", errno=errno.ENOSPC),),
            status=(1,),
            told=written.format("No space left on device"),
            quick=False,
        ),
        Injury(
            name="the state directory's disk is full",
            before=_SMALL,
            blows=(Blow(kind="turn_started", nth=2, shell=_FILL),),
            status=(1,),
            told="No space left on device",
            mend='rm "$BACTRIAN_STATE_DIR/full"',
        ),
        Injury(
            name="the state directory becomes read-only",
            before=_SMALL,
            blows=(
                Blow(kind="turn_started", nth=2, shell='mount -o remount,ro "$BACTRIAN_STATE_DIR" 2>/dev/null || true'),
            ),
            status=(0, 1),
            quick=False,
        ),
        Injury(
            name="the state directory is read-only when it goes on",
            before=_SMALL,
            blows=(AT_REST,),
            after='mount -o remount,ro "$BACTRIAN_STATE_DIR"',
            refused="can't write to .*: Read-only file system",
            mend='mount -o remount,rw "$BACTRIAN_STATE_DIR"',
        ),
        Injury(
            name="the state directory is removed",
            blows=(Blow(kind="turn_started", nth=2, shell='rm -rf "$BACTRIAN_STATE_DIR"'),),
            status=(1,),
            gone=True,
        ),
        Injury(
            name="the temporary directory is removed",
            blows=(Blow(kind="turn_started", nth=2, shell='rm -rf "$TMPDIR"'),),
            status=(0,),
            quick=False,
        ),
        Injury(
            name="the disk of the user's repository is full",
            blows=(Blow(kind="turn_started", nth=4, shell=_PACKS),),
            status=(1,),
            told="No space left on device",
            mend='umount "$REPOSITORY/.git/objects/pack"',
        ),
        Injury(
            name="the user's repository becomes read-only",
            blows=(
                Blow(
                    kind="turn_started",
                    nth=4,
                    shell='cd "$REPOSITORY"; mount --bind .git .git; mount -o remount,bind,ro .git',
                ),
            ),
            status=(1,),
            told="Read-only file system",
            mend='umount "$REPOSITORY/.git"',
            quick=False,
        ),
        Injury(name="a file may not grow", limits={"FSIZE": 14_000}, status=(1,), told="File too large"),
        Injury(
            name="no file can be opened any more",
            blows=(Blow(kind="turn_started", nth=3, limits={"NOFILE": 12}),),
            status=(0, 1),
            told="Too many open files",
        ),
    ]


_LOCK = """
branch=$(grep -o '"branch":"bactrian/[^"]*' "$SESSION/transcript.jsonl" | head -1 | cut -d'"' -f4)
mkdir -p "$REPOSITORY/.git/refs/heads/bactrian"; touch "$REPOSITORY/.git/refs/heads/$branch.lock"
"""
_TAKE = """
branch=$(grep -o '"branch":"bactrian/[^"]*' "$SESSION/transcript.jsonl" | head -1 | cut -d'"' -f4)
git -C "$REPOSITORY" branch "$branch"
"""
_ORPHAN = """
cd "$REPOSITORY"
git checkout -q --orphan other; git -c user.name=a -c user.email=a@b commit -qm other
git branch -D main; git reflog expire --expire=now --all; git gc -q --prune=now
"""


def _repository() -> list[Injury]:
    at = Blow(kind="turn_started", nth=3)
    return [
        Injury(
            name="the repository is moved away",
            blows=(Blow(kind="turn_started", nth=3, shell='mv "$REPOSITORY" "$REPOSITORY.away"'),),
            status=(1,),
            mend='mv "$REPOSITORY.away" "$REPOSITORY"',
        ),
        Injury(
            name="the branch is made by the user",
            blows=(Blow(kind=at.kind, nth=3, shell=_TAKE),),
            status=(0,),
            told="was made by someone else meanwhile",
            branches=2,
        ),
        Injury(
            name="the branch's lock was left behind",
            blows=(Blow(kind=at.kind, nth=3, shell=_LOCK),),
            status=(1,),
            told="File exists",
            mend='find "$REPOSITORY/.git/refs" -name "*.lock" -delete',
        ),
        Injury(
            name="locks of git were left behind",
            blows=(AT_REST,),
            after='touch "$CLONE/.git/index.lock" "$CLONE/.git/HEAD.lock" "$CLONE/.git/packed-refs.lock"; '
            'touch "$REPOSITORY/.git/index.lock" "$REPOSITORY/.git/HEAD.lock"',
            users=True,
        ),
        Injury(
            name="the user commits meanwhile",
            blows=(
                Blow(
                    kind=at.kind,
                    nth=3,
                    shell='cd "$REPOSITORY"; echo x >x; git add x; git -c user.name=a -c user.email=a@b commit -qm x',
                ),
            ),
            status=(0,),
            users=True,
            quick=False,
        ),
        Injury(
            name="the repository is packed meanwhile",
            blows=(Blow(kind=at.kind, nth=3, shell='git -C "$REPOSITORY" gc -q --prune=now'),),
            status=(0,),
            users=True,
            quick=False,
        ),
        Injury(name="the base is gone from the repository", blows=(AT_REST,), after=_ORPHAN, users=True),
    ]


_LINES = """
import sys
path, how = sys.argv[1:]
data = open(path, "rb").read()
lines = data.split(b"\\n")[:-1]
durable = (b"session_", b"message_added", b"tool_started", b"check_finished", b"work_saved")
if how == "garbage":
    at = max(n for n, line in enumerate(lines) if b'"tool_finished"' in line)
    lines[at] = b"\\xff" * len(lines[at])
elif how == "newer":
    lines.insert(3, b'{"kind":"from_the_future","seq":3,"time":"x","session":"y"}')
elif how == "unsynced":
    while not lines[-1].startswith(tuple(b'{"kind":"' + kind for kind in durable)):
        lines.pop()
data = b"".join(line + b"\\n" for line in lines)
if how == "zeros":
    data += bytes(4096)
elif how == "page":
    data = data[:-200] + bytes(200)
open(path, "wb").write(data)
"""


def _spoil(how: str) -> str:
    return f"python3 - \"$SESSION/transcript.jsonl\" {how} <<'END'\n{_LINES}\nEND\n"


def _at_rest() -> list[Injury]:
    late = Blow(kind="tool_finished check", signals=KILL)
    return [
        Injury(name="power cut: zeros after the last event", blows=(AT_REST,), after=_spoil("zeros")),
        Injury(name="power cut: zeros in the last event", blows=(late,), after=_spoil("page")),
        Injury(name="power cut: what was not synced is gone", blows=(late,), after=_spoil("unsynced")),
        Injury(name="a line of the transcript is garbage", blows=(AT_REST,), after=_spoil("garbage"), damaged=True),
        Injury(name="an event of a newer version", blows=(AT_REST,), after=_spoil("newer"), damaged=True, quick=False),
        Injury(
            name="power cut: git's index is garbage",
            blows=(AT_REST,),
            after='head -c 100 /dev/zero >"$CLONE/.git/index"',
            quick=False,
        ),
        Injury(
            name="power cut: git's objects are empty",
            blows=(AT_REST,),
            after='find "$CLONE/.git/objects" -type f -exec truncate -s 0 {} +',
        ),
        Injury(
            name="power cut: git's refs are empty",
            blows=(AT_REST,),
            after='find "$CLONE/.git/refs" "$CLONE/.git/HEAD" -type f -exec truncate -s 0 {} +',
            quick=False,
        ),
        Injury(name="the clone is removed", blows=(AT_REST,), after='rm -rf "$CLONE"', redo=True),
        Injury(name="the clone's .git is removed", blows=(AT_REST,), after='rm -rf "$CLONE/.git"'),
        Injury(
            name="the session's folder but its transcript is removed",
            blows=(AT_REST,),
            after='rm -rf "$CLONE" "$SESSION/transcript.jsonl.lock"; rm -rf "$BACTRIAN_STATE_DIR/running"',
            redo=True,
            quick=False,
        ),
        Injury(
            name="the clock jumps: files are of 2040 and 2001",
            blows=(AT_REST,),
            after='find "$BACTRIAN_STATE_DIR" -exec touch -h -d 2040-01-01 {} +; '
            'touch -d 2001-01-01 "$BACTRIAN_STATE_DIR"/running/*',
        ),
        Injury(
            name="there is no git when it goes on",
            blows=(AT_REST,),
            missing={"PATH": "/nowhere"},
            refused="git",
            quick=False,
        ),
        Injury(
            name="settings are garbage when it goes on",
            blows=(AT_REST,),
            after='mkdir -p "$XDG_CONFIG_HOME/bactrian"; echo "[" >"$XDG_CONFIG_HOME/bactrian/config.toml"',
            refused="config.toml",
            mend='rm "$XDG_CONFIG_HOME/bactrian/config.toml"',
            quick=False,
        ),
        Injury(
            name="another process has the session when it goes on",
            blows=(AT_REST,),
            after='(flock -x 9; echo $BASHPID >"$FOLDER/holder"; exec sleep 60) 9>>"$SESSION/transcript.jsonl.lock" '
            '>/dev/null 2>&1 & until [ -s "$FOLDER/holder" ]; do sleep 0.02; done',
            refused="nothing to resume|in use by process",
            mend='kill "$(cat "$FOLDER/holder")"; sleep 0.1',
        ),
    ]


_EATS = Call(name="bash", input={"command": 'python3 -c "x = bytearray(1 << 30)"; tail /dev/zero'})
_BOMB = Call(name="bash", input={"command": "for n in $(seq 400); do sleep 3 & done 2>/dev/null; wait"})


def _commands() -> list[Injury]:
    return [
        Injury(
            name="a command eats all memory",
            run=EDITS.with_first(_EATS),
            variables={"BACTRIAN_MEMORY": "300m"},
            status=(0,),
            told="memory",
        ),
        Injury(
            name="a command starts too many processes",
            run=EDITS.with_first(_BOMB),
            variables={"BACTRIAN_PIDS": "64"},
            status=(0,),
            quick=False,
        ),
    ]


INJURIES = (*_signals(), *_sandbox(), *_disks(), *_repository(), *_at_rest(), *_commands())
