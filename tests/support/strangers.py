"""Hostile repositories: what somebody else's archive, or a command in a container, may have made of a `.git`.

Each builder turns a good checkout into one that would run a program, read or write elsewhere, or never end. `Trap`
has the programs, the user's secrets nearby, and what tells afterwards that nothing of it happened.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from checkouts import commit, git, write

SECRET = "-----BEGIN OPENSSH PRIVATE KEY----- of nobody"
HOOKS = (
    *("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-merge", "pre-auto-gc"),
    *("post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-receive", "update", "post-receive"),
    *("post-update", "post-rewrite", "proc-receive", "push-to-checkout", "sendemail-validate", "post-upload-pack"),
)
PROGRAMS = ("ssh", "gpg", "gpg2", "git-lfs", "git-remote-evil", "less", "more", "pager", "vi", "editor", "nc", "scp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """A checkout in a home with secrets. Whatever runs `script` leaves its mark."""

    folder: Path
    checkout: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def private(self) -> Path:
        """Another repository of the user, which nobody has named."""
        return self.home / "private"

    @property
    def key(self) -> Path:
        return self.home / ".ssh" / "id_rsa"

    @property
    def script(self) -> Path:
        return self.folder / "programs" / "evil"

    @property
    def ran(self) -> list[str]:
        """What was run."""
        mark = self.folder / "mark"
        return mark.read_text().splitlines() if mark.exists() else []

    @property
    def store(self) -> Path:
        return self.checkout / ".git"

    def configure(self, text: str) -> None:
        with (self.store / "config").open("a") as file:
            file.write("\n" + text.replace("EVIL", str(self.script)).replace("HOME", str(self.home)) + "\n")

    def surroundings(self) -> dict[str, str]:
        """Everything that lies around the checkout: content, kind and mode."""
        return {
            **_listing(self.home),
            **{f"/{name}": "" for name in os.listdir(self.folder) if name not in ("mark", "session")},
        }


def make_home(home: Path) -> None:
    """Lay out a user's home: secrets, a private repository, and a plain checkout with an uncommitted change."""
    private, checkout = home / "private", home / "projects" / "stranger"
    for path in (private, checkout):
        git(home.parent, "init", "-q", "--initial-branch=main", str(path))
    write(home, ".gitconfig", "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n")
    write(home, ".ssh/id_rsa", SECRET)
    write(home, "projects/other/notes", "the user's")
    write(private, "secret", SECRET)
    commit(private, "private")
    write(checkout, "README", "one\n")
    write(checkout, "src/main.go", "package main\n")
    commit(checkout, "one")
    write(checkout, "README", "two\n")
    commit(checkout, "two")
    write(checkout, "README", "2.0\n")


def make_trap(folder: Path, home: Path) -> Trap:
    """Copy a home to `folder`, and lay out programs there that tell of themselves."""
    trap = Trap(folder=folder, checkout=folder / "home" / "projects" / "stranger")
    shutil.copytree(home, trap.home, symlinks=True)
    for name in ("evil", *PROGRAMS):
        text = f'#!/bin/sh\necho "$0 $*" >> "{folder}/mark"\ncase "$1" in clean|smudge) cat;; esac\nexit 1\n'
        write(folder / "programs", name, text).chmod(0o755)
    return trap


def _listing(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(path):
        if folder == str(path / "projects"):
            folders[:] = ["other"]
        for name in (*folders, *files):
            file = Path(folder, name)
            about = file.lstat()
            plain = file.is_file() and not file.is_symlink()
            digest = hashlib.sha256(file.read_bytes()).hexdigest() if plain else ""
            found[str(file)] = f"{about.st_mode:o} {about.st_uid} {digest}"
    return found


Build = Callable[[Trap], object]


def _config(text: str, attributes: str = "") -> Build:
    def build(trap: Trap) -> None:
        if attributes:
            write(trap.checkout, ".gitattributes", attributes)
            write(trap.store, "info/attributes", attributes)
        trap.configure(text)

    return build


def _hooks(trap: Trap) -> None:
    for hook in HOOKS:
        (trap.store / "hooks").mkdir(exist_ok=True)
        shutil.copy(trap.script, trap.store / "hooks" / hook)


def _hooks_elsewhere(trap: Trap) -> None:
    for hook in HOOKS:
        (trap.checkout / "h").mkdir(exist_ok=True)
        shutil.copy(trap.script, trap.checkout / "h" / hook)
    trap.configure("[core]\nhooksPath = h")


def _included(condition: str) -> Build:
    def build(trap: Trap) -> None:
        write(trap.store, "more", f'[filter "x"]\nclean = {trap.script}\nprocess = {trap.script}\n')
        write(trap.checkout, ".gitattributes", "* filter=x\n")
        trap.configure(f"[{condition}]\npath = more")

    return build


def _worktree_config(trap: Trap) -> None:
    write(trap.store, "config.worktree", f'[filter "x"]\nclean = {trap.script}\n[core]\nfsmonitor = {trap.script}\n')
    write(trap.checkout, ".gitattributes", "* filter=x\n")
    trap.configure("[extensions]\nworktreeConfig = true")


def _alternate_refs(trap: Trap) -> None:
    write(trap.store, "objects/info/alternates", f"{trap.private}/.git/objects\n")
    trap.configure("[core]\nalternateRefsCommand = EVIL")


def _promisor(url: str) -> Build:
    def build(trap: Trap) -> None:
        blob = git(trap.checkout, "rev-parse", "HEAD:src/main.go")
        (trap.store / "objects" / blob[:2] / blob[2:]).unlink()
        (trap.checkout / "src/main.go").unlink()
        trap.configure(
            f'[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = evil\n[remote "evil"]\nurl = {url}\n'
            "promisor = true\npartialclonefilter = blob:none\nuploadpack = EVIL\nvcs = evil"
        )

    return build


def _submodule_that_runs(trap: Trap) -> None:
    text = '[submodule "s"]\npath = s\nurl = ext::EVIL\nbranch = -u./evil\n'
    write(trap.checkout, ".gitmodules", text.replace("EVIL", str(trap.script)))
    git(trap.checkout, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},s")
    git(trap.checkout, "commit", "-q", "-m", "a submodule")
    trap.configure('[submodule "s"]\nurl = ext::EVIL\nupdate = !EVIL\nactive = true\n[submodule]\nrecurse = true')


def _submodule_behind_a_link(trap: Trap) -> None:
    head = git(trap.private, "rev-parse", "HEAD")
    write(trap.checkout, ".gitmodules", '[submodule "s"]\npath = s\nurl = ../s\n')
    git(trap.checkout, "update-index", "--add", "--cacheinfo", f"160000,{head},s")
    git(trap.checkout, "add", ".gitmodules")
    git(trap.checkout, "commit", "-q", "-m", "a submodule")
    (trap.checkout / "s").symlink_to(trap.private)


def _submodule_whose_git_leads_out(trap: Trap) -> None:
    _submodule_behind_a_link(trap)
    (trap.checkout / "s").unlink()
    write(trap.checkout, "s/.git", f"gitdir: {trap.private}/.git\n")


def _modules_link(trap: Trap) -> None:
    (trap.checkout / ".gitmodules").symlink_to(trap.key)


def _replaced(name: str, target: str) -> Build:
    """Put a link into `.git` in place of what is there."""

    def build(trap: Trap) -> None:
        path = trap.store / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.replace("HOME", str(trap.home)))

    return build


def _git_file(target: str) -> Build:
    def build(trap: Trap) -> None:
        shutil.rmtree(trap.store)
        trap.store.write_text(f"gitdir: {target.replace('HOME', str(trap.home))}\n")

    return build


def _git_link(trap: Trap) -> None:
    shutil.rmtree(trap.store)
    trap.store.symlink_to(trap.private / ".git")


def _common_elsewhere(trap: Trap) -> None:
    (trap.store / "commondir").write_text(f"{trap.private}/.git\n")


def _worktree_of_the_private_one(trap: Trap) -> None:
    """A linked worktree that names its checkout rightly, but not its repository."""
    shutil.rmtree(trap.store)
    inner = trap.checkout / "w"
    head = git(trap.private, "rev-parse", "HEAD")
    for name, text in (("commondir", f"{trap.private}/.git"), ("gitdir", f"{trap.store}"), ("HEAD", head)):
        write(inner, name, text + "\n")
    trap.store.write_text(f"gitdir: {inner}\n")


def _pipe(name: str) -> Build:
    def build(trap: Trap) -> None:
        path = trap.store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return build


def _odd_refs(trap: Trap) -> None:
    head = git(trap.checkout, "rev-parse", "HEAD")
    lines = "".join(
        f"{head} {name}\n"
        for name in ("refs/heads/-option", "refs/heads/a\u2028b", "refs/heads/HEAD", "refs/heads/MAIN", "refs/tags/-t")
    )
    (trap.store / "packed-refs").write_text(f"# pack-refs with: peeled\n{lines}")
    write(trap.store, "refs/heads/broken", "no commit\n")
    write(trap.store, "refs/heads/gone", f"{'1' * 40}\n")


def _bad_packed_refs(trap: Trap) -> None:
    (trap.store / "packed-refs").write_bytes(b"\0\xff" * 100)


def _dangling_head(trap: Trap) -> None:
    (trap.store / "HEAD").write_text("ref: refs/heads/../../../../evil\n")


def _odd_branch(trap: Trap) -> None:
    git(trap.checkout, "update-ref", "refs/heads/-evil", "HEAD")
    git(trap.checkout, "symbolic-ref", "HEAD", "refs/heads/-evil")


def _replaced_objects(trap: Trap) -> None:
    head, before = git(trap.checkout, "rev-parse", "HEAD", "HEAD~1").split()
    git(trap.checkout, "replace", head, before)
    write(trap.store, "info/grafts", f"{head}\n")


def _alternates(trap: Trap) -> None:
    write(trap.store, "objects/info/alternates", f"{trap.private}/.git/objects\n/etc\n/dev\n../../nowhere\n")


def _links_in_the_tree(trap: Trap) -> None:
    (trap.checkout / "key").symlink_to(trap.key)
    (trap.checkout / "home").symlink_to(trap.home)
    write(trap.checkout, "dir/secret", "mine")
    commit(trap.checkout, "a folder")
    shutil.rmtree(trap.checkout / "dir")
    (trap.checkout / "dir").symlink_to(trap.private)


def _odd_names(trap: Trap) -> None:
    for name in (
        b"-rf",
        b"--output=x",
        b"new\nline",
        b"\x1b[2Jclear",
        b"latin-\xe9",
        b"a" * 255,
        b"%s%n",
        b"$(evil)",
        b"git~1",
        b".GIT",
    ):
        (trap.checkout / os.fsdecode(name)).write_bytes(b"x")


def _forged_caches(trap: Trap) -> None:
    for name in ("info/commit-graph", "pack/multi-pack-index", "pack/pack-1.idx", "pack/pack-1.bitmap"):
        write(trap.store, f"objects/{name}", "nonsense")


RUNNING: Mapping[str, Build] = {
    "fsmonitor": _config("[core]\nfsmonitor = EVIL"),
    "fsmonitor of version 2": _config("[core]\nfsmonitor = EVIL\nfsmonitorHookVersion = 2\nuntrackedCache = true"),
    "hooks": _hooks,
    "hooksPath": _hooks_elsewhere,
    "hooks by configuration": _config(
        "".join(
            f'[hook "{hook}"]\ncommand = EVIL\nevent = {hook}\n' for hook in ("pre-commit", "reference-transaction")
        )
    ),
    "sshCommand": _config('[core]\nsshCommand = EVIL\n[remote "origin"]\nurl = ssh://x/y\n[fetch]\nall = true'),
    "pagers": _config("[core]\npager = EVIL\n[pager]\nconfig = true\nstatus = EVIL\nrev-parse = true\nbranch = EVIL"),
    "editors": _config("[core]\neditor = EVIL\n[sequence]\neditor = EVIL\n[commit]\nverbose = true\nstatus = true"),
    "external diff": _config("[diff]\nexternal = EVIL"),
    "diff driver": _config('[diff "x"]\ncommand = EVIL\ntextconv = EVIL\ncachetextconv = true', "* diff=x\n"),
    "merge driver": _config('[merge "x"]\ndriver = EVIL %A\nname = x\n[merge]\ndefault = x', "* merge=x\n"),
    "filter": _config('[filter "x"]\nclean = EVIL\nsmudge = EVIL\nrequired = true', "* filter=x\n"),
    "filter process": _config('[filter "x"]\nprocess = EVIL\nrequired = true', "* filter=x\n"),
    "filter with =": _config('[filter "a=b"]\nclean = EVIL\nprocess = EVIL', "* filter=a=b\n"),
    "filter with odd characters": _config('[filter "a.B c\\"\\\\"]\nclean = EVIL', '* filter=a.B\\ c"\\\n'),
    "filter with dots": _config('[filter ".x.clean."]\nclean = EVIL', "* filter=.x.clean.\n"),
    "filter in an included file": _included("include"),
    "filter in a file for a branch": _included('includeIf "onbranch:main"'),
    "filter in a file for a place": _included('includeIf "gitdir:**"'),
    "configuration of the worktree": _worktree_config,
    "attributesFile": _config('[core]\nattributesFile = ../a\n[filter "x"]\nclean = EVIL', "* filter=x\n"),
    "credential helper": _config('[credential]\nhelper = "!EVIL"\n[core]\naskPass = EVIL'),
    "signatures": _config(
        '[gpg]\nprogram = EVIL\nformat = ssh\n[gpg "ssh"]\nprogram = EVIL\ndefaultKeyCommand = EVIL\n[commit]\n'
        "gpgSign = true\n[log]\nshowSignature = true\n[merge]\nverifySignatures = true\n[tag]\ngpgSign = true"
    ),
    "alternateRefsCommand": _alternate_refs,
    "packObjectsHook": _config("[uploadpack]\npackObjectsHook = EVIL\nallowFilter = true\nhideRefs = refs"),
    "url by another protocol": _config(
        '[protocol]\nallow = always\n[protocol "ext"]\nallow = always\n[url "ext::EVIL "]\ninsteadOf = /\n'
        '[url "ext::EVIL x"]\ninsteadOf = file://'
    ),
    "url somewhere else": _config('[url "HOME/private/"]\ninsteadOf = /tmp/\n[url "HOME/private"]\npushInsteadOf = /'),
    "aliases": _config(
        "[alias]\n" + "".join(f"{name} = !EVIL\n" for name in ("status", "rev-parse", "config", "fetch"))
    ),
    "gitProxy": _config('[core]\ngitProxy = EVIL\n[http]\nproxy = evil\n[remote "origin"]\nurl = git://x/y'),
    "remote programs": _config('[remote "origin"]\nurl = .\nuploadpack = EVIL\nreceivepack = EVIL\nvcs = evil'),
    "submodule that runs": _submodule_that_runs,
    "tools": _config(
        '[interactive]\ndiffFilter = EVIL\n[diff]\ntool = x\nguitool = x\n[difftool "x"]\ncmd = EVIL\n[mergetool "x"]\n'
        'cmd = EVIL\n[browser "x"]\ncmd = EVIL\n[trailer "x"]\ncommand = EVIL\ncmd = EVIL\n[sendemail]\ntocmd = EVIL'
    ),
    "maintenance": _config("[gc]\nauto = 1\nautoDetach = false\nrecentObjectsHook = EVIL\n[maintenance]\nauto = true"),
    "templates": _config(
        "[init]\ntemplateDir = HOME/projects\n[commit]\ntemplate = HOME/.ssh/id_rsa\n[status]\nsubmoduleSummary = true"
    ),
    "bundles": _config('[fetch]\nbundleURI = ext::EVIL\n[transfer]\nbundleURI = true\n[bundle "x"]\nuri = ext::EVIL'),
    "logs of git's own": _config(
        "[trace2]\neventTarget = HOME/trace\nnormalTarget = HOME/trace\n[core]\nlogAllRefUpdates = always"
    ),
}
"""Those that would run a program. All of them are usable."""

PROMISING: Mapping[str, Build] = {
    "promised by ext": _promisor("ext::EVIL"),
    "promised by ssh": _promisor("ssh://evil/x"),
    "promised by a directory": _promisor("HOME/private"),
}
"""Those with objects missing that a program of the stranger's would bring."""

LEADING_OUT: Mapping[str, Build] = {
    ".git as a file that leads out": _git_file("HOME/private/.git"),
    ".git as a file that leads nowhere": _git_file("HOME/.config/nothing-yet"),
    ".git as a link": _git_link,
    ".git as a link to nowhere": lambda trap: (shutil.rmtree(trap.store), trap.store.symlink_to(trap.home / "no")),
    "commondir": _common_elsewhere,
    "worktree of another repository": _worktree_of_the_private_one,
    "core.worktree of the home": _config("[core]\nworktree = HOME"),
    "core.worktree of another checkout": _config("[core]\nworktree = HOME/private"),
    "core.worktree of everything": _config("[core]\nworktree = /"),
    "refs linked": _replaced("refs", "HOME/private/.git/refs"),
    "a branch linked": _replaced("refs/heads/theirs", "HOME/private/.git/refs/heads/main"),
    "the session's branches linked": _replaced("refs/heads/bactrian", "HOME/projects/other"),
    "packed-refs linked": _replaced("packed-refs", "HOME/private/.git/packed-refs"),
    "HEAD linked": _replaced("HEAD", "HOME/private/.git/HEAD"),
    "objects linked": _replaced("objects", "HOME/private/.git/objects"),
    "packs linked": _replaced("objects/pack", "HOME/projects/other"),
    "logs linked": _replaced("logs", "HOME/projects/other"),
    "a log linked": _replaced("logs/refs/heads/bactrian/work", "HOME/projects/other/notes"),
    "index linked": _replaced("index", "HOME/private/.git/index"),
    "excludes linked": _replaced("info/exclude", "HOME/.ssh/id_rsa"),
    "configuration linked": _replaced("config", "HOME/private/.git/config"),
    "pipe for an index": _pipe("objects/pack/pack-1.idx"),
    "pipe for a branch": _pipe("refs/heads/waits"),
    "pipe for excludes": _pipe("info/exclude"),
    "pipe for packed refs": _pipe("packed-refs"),
    "key included": _config("[include]\npath = HOME/.ssh/id_rsa"),
    "submodule's .git leads out": _submodule_whose_git_leads_out,
    "garbage for packed refs": _bad_packed_refs,
}
"""Those that lead to the user's other files, or have git wait for ever: they are refused in one line."""

ODD: Mapping[str, Build] = {
    "excludesFile of a secret": _config("[core]\nexcludesFile = HOME/.ssh/id_rsa"),
    "submodule behind a link": _submodule_behind_a_link,
    ".gitmodules as a link": _modules_link,
    "alternates": _alternates,
    "caches forged": _forged_caches,
    "HEAD out of refs": _dangling_head,
    "refs of every name": _odd_refs,
    "a branch like an option": _odd_branch,
    "replaced and grafted objects": _replaced_objects,
    "links in the tree": _links_in_the_tree,
    "names of every kind": _odd_names,
}
"""Those that are usable, but not to the letter."""


def everything(folder: Path) -> str:
    """Return the bytes of all files and git objects below a folder, readable as text."""
    parts = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    argv = ["git", "-c", "safe.directory=*", "cat-file", "--batch-all-objects", "--batch", "--buffer"]
    parts.append(subprocess.run(argv, cwd=folder, capture_output=True, check=False).stdout)
    return b"\n".join(parts).decode(errors="replace")
