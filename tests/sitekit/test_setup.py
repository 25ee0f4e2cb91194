"""The set-up: what it makes, what it leaves alone, and what it says when it cannot go on."""

import ast
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit import pin, pip_run, setup_env
from sitekit.pip_run import SetupError
from sitekit.setup_env import STAMP, UNFINISHED, set_up

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a folder with the two files that decide what is installed."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "constraints.txt").write_text("# a comment\ntorch==2.13.0\n")
    return tmp_path


class Installer:
    """Stands in for venv and pip: makes a real, empty environment, and counts."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.fault, self.created, self.installed = fault, 0, 0

    def create(self, venv: Path) -> None:
        self.created += 1
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        (venv / "pip-stands-here").touch()

    def install(self, venv: Path, root: Path) -> None:
        self.installed += 1
        if self.fault:
            raise self.fault

    def run(self, root: Path) -> None:
        set_up(root, self.create, self.install)


@pytest.fixture(autouse=True)
def pip_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the check of an existing environment find its pip: making a real one takes seconds."""
    real = setup_env.subprocess.run

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        if command[1:2] == ["-c"] and (Path(command[0]).parents[1] / "pip-stands-here").exists():
            return subprocess.CompletedProcess(command, 0, stdout="3 11 True\n")
        return real(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(setup_env.subprocess, "run", run)


def test_a_new_clone_gets_an_environment_once(clone: Path) -> None:
    installer = Installer()
    installer.run(clone)
    installer.run(clone)
    assert (installer.created, installer.installed) == (1, 1)
    assert pip_run.python_of(clone / ".venv").exists()
    assert not (clone / ".venv" / UNFINISHED).exists()


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_file_updates_the_environment_in_place(clone: Path, name: str) -> None:
    installer = Installer()
    installer.run(clone)
    with (clone / name).open("a") as file:
        file.write("# changed\n")
    installer.run(clone)
    assert (installer.created, installer.installed) == (1, 2)


def test_a_moved_clone_is_linked_anew(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    installer = Installer()
    installer.run(clone)
    moved = clone.rename(tmp_path_factory.mktemp("moved") / "clone")
    installer.run(moved)
    assert installer.installed == 2


@pytest.mark.parametrize("fault", [SetupError("no network"), KeyboardInterrupt()])
def test_a_new_environment_that_fails_is_removed(clone: Path, fault: BaseException) -> None:
    with pytest.raises(type(fault)):
        Installer(fault).run(clone)
    assert not (clone / ".venv").exists()
    assert not (clone / ".cache" / "venv-removed").exists()


def test_an_update_that_fails_keeps_the_environment_and_is_tried_again(clone: Path) -> None:
    Installer().run(clone)
    (clone / "constraints.txt").write_text("torch==0\n")
    with pytest.raises(SetupError):
        Installer(SetupError("no such version")).run(clone)
    again = Installer()
    again.run(clone)
    assert (again.created, again.installed) == (0, 1)


def test_an_interrupted_update_is_made_anew(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Installer().run(clone)
    (clone / "constraints.txt").write_text("torch==2.14.0\n")
    with pytest.raises(KeyboardInterrupt):
        Installer(KeyboardInterrupt()).run(clone)
    again = Installer()
    again.run(clone)
    assert (again.created, again.installed) == (1, 1)
    assert "the last run was cut short: making .venv anew" in capsys.readouterr().out


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Installer().run(clone)
    (clone / ".venv" / "pip-stands-here").unlink()
    pip_run.python_of(clone / ".venv").unlink()
    again = Installer()
    again.run(clone)
    assert again.created == 1
    assert "the Python of .venv is gone" in capsys.readouterr().out


def test_a_folder_that_is_no_environment_is_left_alone(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "mine").touch()
    with pytest.raises(SetupError, match="is no virtual environment: move it away"):
        Installer().run(clone)
    assert [path.name for path in (clone / ".venv").iterdir()] == ["mine"]


def test_an_environment_without_pip_is_left_alone(clone: Path) -> None:
    Installer().create(clone / ".venv")
    (clone / ".venv" / "pip-stands-here").unlink()
    with pytest.raises(SetupError, match="holds no pip: remove it"):
        Installer().run(clone)
    assert not (clone / ".venv" / STAMP).exists()


def test_a_full_disk_is_said_before_anything_is_made(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1.24e9}))
    with pytest.raises(SetupError, match=r"has 1\.2 GB free, and the set-up needs 2\.5 GB"):
        Installer().run(clone)
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13)])
def test_an_old_python_is_refused(version: tuple[int, ...]) -> None:
    fault = setup_env.python_fault(version, "/usr/bin/python3")
    assert f"dlref needs Python 3.11 or newer, and /usr/bin/python3 is Python 3.{version[1]}." in fault
    assert "PYTHON=" in fault


def test_the_package_asks_for_the_same_python() -> None:
    assert setup_env.python_fault((3, 11, 0), "python3") == ""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == ">={}.{}".format(*setup_env.MINIMUM)


def test_an_old_python_reads_the_file_as_far_as_the_refusal() -> None:
    source = (ROOT / "sitekit" / "setup_env.py").read_text("utf-8")
    body = ast.parse(source, feature_version=(3, 6)).body
    refusal = next(node for node in body if isinstance(node, ast.If))
    assert "python_fault(sys.version_info" in ast.unparse(refusal.test)
    assert "sitekit" not in "".join(ast.unparse(node) for node in body[1 : body.index(refusal)])
    above = [node for node in body[: body.index(refusal)] if isinstance(node, ast.FunctionDef)]
    hints = [hint for node in above for part in (node.args, node.returns) if part for hint in ast.walk(part)]
    assert not [ast.unparse(hint) for hint in hints if isinstance(hint, ast.Subscript | ast.BinOp)]


@pytest.mark.parametrize("name", ["setup_env.py", "pip_run.py", "pin.py", "__init__.py"])
def test_only_the_standard_library_is_imported(name: str) -> None:
    tree = ast.parse((ROOT / "sitekit" / name).read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {
        name.partition(".")[0] for name in names - {"sitekit.pip_run", "sitekit.setup_env"}
    } <= sys.stdlib_module_names


def test_progress_says_what_takes_long(capsys: pytest.CaptureFixture[str]) -> None:
    pip = [f"Collecting package{n}\n" for n in range(30)]
    pip += ["  Downloading torch-2.13.0-cp311.whl (190.1 MB)\n", "  Downloading small-1.0.whl (5.2 MB)\n"]
    pip += ["Installing collected packages: one, two, three\n", "Installing collected packages: one\n"]
    assert list(pip_run.progress(pip)) == pip
    said = capsys.readouterr().out.replace("set-up:   ", "").splitlines()
    assert said[:2] == ["25 packages found", "downloading torch-2.13.0-cp311.whl, 190 MB"]
    assert said[2:] == ["unpacking 3 packages", "unpacking one package"]


def test_progress_gives_a_sign_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = threading.Event()

    def slow() -> Iterator[str]:
        assert spoken.wait(10)
        yield "done\n"

    lines = pip_run.progress(slow(), silence=0.01)
    threading.Timer(0.1, spoken.set).start()
    assert list(lines) == ["done\n"]
    assert "still at work" in capsys.readouterr().out


def test_pip_that_fails_is_quoted(clone: Path) -> None:
    python = pip_run.python_of(clone / ".venv")
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho Collecting nothing\necho 'ERROR: No space left on device' >&2\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(SetupError) as caught:
        pip_run.pip_install(clone / ".venv", ["nothing"], clone)
    message, log = str(caught.value), clone / ".cache" / "setup.log"
    assert "ERROR: No space left on device\nThe disk is full: 2.5 GB are needed" in message
    assert "Is this machine online?" not in message
    assert f"All that it said is in {log}" in message
    assert log.read_text().startswith("Collecting nothing\n")
    assert not (clone / ".venv" / "tmp").exists()


def test_two_set_ups_wait_for_each_other(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    order: list[str] = []
    began, release = threading.Event(), threading.Event()

    def first() -> None:
        with setup_env.alone(clone):
            began.set()
            assert release.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert began.wait(10)
    threading.Timer(0.2, release.set).start()
    with setup_env.alone(clone):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert "waiting for another set-up" in capsys.readouterr().out


def test_the_exit_status_tells_how_it_went(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(fault: BaseException) -> None:
        raise fault

    assert setup_env.main(lambda: None) == 0
    assert setup_env.main(lambda: fail(SetupError("why"))) == 1
    assert setup_env.main(lambda: fail(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err.startswith("set-up failed: why\n")


def test_constraints_are_public_versions_for_every_system() -> None:
    frozen = (
        "torch==2.13.0+cpu\nnumpy==2.4.6\nnvidia-cublas-cu12==12.8\ncuda-bindings==13.0\ntriton==3.5\nPillow==13.0\n"
    )
    text = pin.constraints(frozen, (3, 11))
    assert setup_env.pins(text) == ["numpy==2.4.6", "Pillow==13.0", "torch==2.13.0"]
    assert pin.pinned("torch", "torchvision==0.28.0\n" + text) == "2.13.0"


def test_the_committed_constraints_hold_every_listed_package() -> None:
    text = (ROOT / "constraints.txt").read_bytes().decode()
    assert "\r" not in text
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in setup_env.pins(text))
    held = {_canonical(line.partition("==")[0]) for line in setup_env.pins(text)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *(line for extra in setup_env.EXTRAS.split(",") for line in extras[extra])]
    names = {_canonical(match[0]) for line in listed if (match := re.match(r"[A-Za-z0-9._-]+", line))}
    assert names <= held, f"run `make lock`: not held are {sorted(names - held)}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
