"""Scenes: a repository, a session in it that is struck and goes on, and what is found out about both."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from autopsy import Reference, Scene, on_branch, tree
from checkouts import git, state
from recorded_runs import Run, lay_out
from victims import Blow, Ended, Victims

from agent.config import locations
from containers.caches import repository_caches

TASK = "say good-bye in plain words"
_KEEP = """
mkdir -p "$FOLDER/steps/$CALL"
cp -a "$CLONE/." "$FOLDER/steps/$CALL"
echo "$CALL" >>"$FOLDER/order"
"""


@dataclass(slots=True, kw_only=True)
class Theatre:
    """Sets scenes for sessions in one kind of container, one after the other."""

    victims: Victims
    environ: Mapping[str, str]
    folder: Path
    container: str = "bubblewrap"
    _references: dict[str, Reference] = field(default_factory=dict[str, Reference])
    _count: int = 0

    @property
    def repository(self) -> Path:
        """Always the same directory: caches go by it."""
        return self.folder / "repository"

    @property
    def caches(self) -> str:
        """The name of its caches."""
        (self.repository / ".git").mkdir(parents=True, exist_ok=True)
        return repository_caches(self.repository / ".git")

    def scene(self, run: Run) -> Scene:
        """Set a new scene, with nothing on it but the run's repository as it was at the beginning."""
        self._count += 1
        folder = self.folder / f"scene-{self._count}"
        places = replace(locations(), state=folder / "state", config=folder / "config")
        _empty(self.repository / ".git")
        _empty(self.repository, ".git")
        original = self.folder / f"{run.name}-original"
        if not original.exists():
            original.mkdir()
            lay_out(run, original)
            git(original, "init", "-q", "-b", "main")
            git(original, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "add", "--all")
            git(original, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-qm", "Begin")
        shutil.copytree(original, self.repository, symlinks=True, dirs_exist_ok=True)
        (folder / "tmp").mkdir(parents=True)
        (folder / "model.toml").write_text(run.script())
        return Scene(repository=self.repository, folder=folder, locations=places, before=state(self.repository))

    def environment(self, scene: Scene) -> dict[str, str]:
        own = {
            "BACTRIAN_STATE_DIR": str(scene.locations.state),
            "XDG_CONFIG_HOME": str(scene.folder / "config"),
            "TMPDIR": str(scene.temporary),
            "REPOSITORY": str(self.repository),
            "FOLDER": str(scene.folder),
        }
        return {**self.environ, **own}

    def begin(
        self,
        scene: Scene,
        *blows: Blow,
        options: tuple[str, ...] = (),
        limits: Mapping[str, int] | None = None,
        stdout: str = "",
        model: str = "",
        variables: Mapping[str, str] | None = None,
        json_lines: bool = True,
    ) -> Ended:
        """Run the task under blows."""
        model = model or f"scripted/{scene.folder / 'model.toml'}"
        how = ["--json"] if json_lines else []
        argv = ["run", *how, "--model", model, "--container", self.container, *options, TASK]
        environ = {**self.environment(scene), **(variables or {})}
        ended = self.victims.run(argv, environ, *blows, cwd=self.repository, limits=limits, stdout=stdout)
        return self._noted(scene, ended)

    def resume(
        self,
        scene: Scene,
        run: Run,
        *blows: Blow,
        model: str = "",
        options: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        redo: bool = False,
    ) -> Ended:
        """Let the session go on with a model that hears what was interrupted."""
        script = scene.folder / "model-then.toml"
        script.write_text(run.script_after(scene.events(), redo=redo))
        argv = ["sessions", "resume", "--json", "--model", model or f"scripted/{script}", "--container", self.container]
        environ = {**self.environment(scene), **(variables or {})}
        ended = self.victims.run([*argv, *options], environ, *blows, cwd=self.repository)
        return self._noted(scene, ended)

    def again(self, scene: Scene, run: Run) -> Ended:
        """Do the task from its beginning: a session that never had a task can't go on."""
        (scene.folder / "model.toml").write_text(run.script())
        return self.begin(scene)

    def _noted(self, scene: Scene, ended: Ended) -> Ended:
        scene.pids.append(ended.pid)
        scene.note_owners()
        assert not ended.late, f"it did not end:\n{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
        return ended

    def reference(self, run: Run) -> Reference:
        """Return what the run is when nobody strikes it."""
        if run.name not in self._references:
            scene = self.scene(run)
            ended = self.begin(scene, Blow(kind="tool_finished", nth=0, shell=_KEEP))
            assert ended.status == 0, ended.stderr
            order = (scene.folder / "order").read_text().split()
            self._references[run.name] = Reference(
                events=tuple(event["kind"] for event in ended.events),
                steps=tuple((call, tree(scene.folder / "steps" / call)) for call in order),
                final=on_branch(self.repository, ended.last["branch"]),
            )
            self.close(scene)
        return self._references[run.name]

    def close(self, scene: Scene) -> None:
        """Remove what a scene stood on."""
        shutil.rmtree(scene.folder, ignore_errors=True)


def _empty(folder: Path, *kept: str) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
