"""The GitHub workflows: pinned, bounded, with no more rights than they need; what is tested is what is published."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sitekit import versions

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".github" / "workflows"
CI, PAGES = ((FOLDER / name).read_text("utf-8") for name in ("ci.yml", "pages.yml"))

PINNED = re.compile(r"^ *(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$", re.M)
LONGEST = 60
OWN = ("actions/checkout@", "gh ", "git ")  # what may run beside the right to write
DEPLOY = "actions/deploy-pages"
PUSH = "git push"
RIGHTS = {DEPLOY: {"pages": "write", "id-token": "write"}, PUSH: {"actions": "read", "contents": "write"}}


def faults(text: str) -> list[str]:
    """List what is wrong with a workflow."""
    workflow = yaml.safe_load(text)
    return [
        *_rights(workflow),
        *_pins(workflow, text),
        *_bounds(workflow),
        *_commands(workflow),
        *(
            [f"an address: {found[0]}"]
            if (found := re.search(r"https?://\S+|\b[\w-]+\.(?:org|io)\b/\S*", text))
            else []
        ),
    ]


def _jobs(workflow: dict[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from workflow["jobs"].items()


def _steps(workflow: dict[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in _jobs(workflow):
        for step in job["steps"]:
            yield name, step


def _rights(workflow: dict[Any, Any]) -> Iterator[str]:
    triggers = workflow[True]  # YAML 1.1 reads the key `on` as a truth value
    if "pull_request_target" in triggers:
        yield "pull_request_target runs a stranger's code with the project's rights"
    if workflow.get("permissions") != {"contents": "read"}:
        yield "permissions of the workflow are not contents: read alone"
    for name, job in _jobs(workflow):
        done = [step.get("uses", "") + step.get("run", "") for step in job["steps"]]
        needed = next((rights for what, rights in RIGHTS.items() if any(what in one for one in done)), None)
        if job.get("permissions") != needed:
            yield f"{name}: more or less permissions than it needs"
        if needed == RIGHTS[PUSH] and (foreign := [one for one in done if not one.startswith(OWN)]):
            yield f"{name}: {foreign[0]} runs where the repository can be written"
    for name, step in _steps(workflow):
        if "actions/checkout" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") is not False:
            yield f"{name}: checkout leaves the token on disk"


def _pins(workflow: dict[Any, Any], text: str) -> Iterator[str]:
    pinned = [f"{action}@{commit}" for action, commit, _ in PINNED.findall(text)]
    for name, step in _steps(workflow):
        if "uses" in step and step["uses"] not in pinned[:1]:
            yield f"{name}: {step['uses']} is not pinned to a commit with its version behind it"
        elif "uses" in step:
            del pinned[0]


def _bounds(workflow: dict[Any, Any]) -> Iterator[str]:
    if "concurrency" not in workflow:
        yield "no concurrency"
    for name, job in _jobs(workflow):
        if not 0 < job.get("timeout-minutes", 0) <= LONGEST:
            yield f"{name}: no timeout-minutes, or more than {LONGEST}"


def _commands(workflow: dict[Any, Any]) -> Iterator[str]:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for name, step in _steps(workflow):
        run = step.get("run", "")
        if "${{" in run:
            yield f"{name}: an expression inside a command: hand it over in env"
        for verb in re.findall(r"\bmake (\S+)", run):
            if verb not in verbs:
                yield f"{name}: there is no make {verb}"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yml")), ids=lambda path: path.name)
def test_a_workflow_keeps_the_rules(path: Path) -> None:
    assert faults(path.read_text("utf-8")) == []


def test_there_are_two_workflows() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == ["ci.yml", "pages.yml"]


CHECKOUT = next(match[0].strip() for match in PINNED.finditer(CI) if match[1] == "actions/checkout")


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        (CHECKOUT, "- uses: actions/checkout@v7", "test: actions/checkout@v7 is not pinned"),
        (CHECKOUT, CHECKOUT.partition(" #")[0], "is not pinned to a commit with its version"),
        (CHECKOUT, CHECKOUT.replace("# v", "# "), "is not pinned to a commit with its version"),
        (CHECKOUT, re.sub(r".( # v)", r"\1", CHECKOUT), "is not pinned to a commit with its version"),
        ("persist-credentials: false", "persist-credentials: true", "test: checkout leaves the token on disk"),
        ("contents: read", "contents: write", "permissions of the workflow"),
        ("permissions:\n  contents: read\n", "", "permissions of the workflow"),
        ("    timeout-minutes: 30\n", "    permissions: write-all\n    timeout-minutes: 30\n", "test: more or less"),
        ("    timeout-minutes: 30\n", "", "test: no timeout-minutes"),
        ("timeout-minutes: 30", "timeout-minutes: 360", "test: no timeout-minutes, or more than 60"),
        ("  pull_request:\n", "  pull_request_target:\n", "pull_request_target"),
        ("concurrency:", "env-of-old:", "no concurrency"),
        ("run: make test", "run: make tests", "test: there is no make tests"),
        ("run: make test", "run: echo ${{ github.head_ref }}", "test: an expression inside a command"),
        ("${{ vars.TORCH_INDEX }}", "https://index.example/simple", "an address: https://index.example"),
    ],
)
def test_a_planted_fault_is_found(right: str, wrong: str, fault: str) -> None:
    assert right in CI
    found = faults(CI.replace(right, wrong, 1))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize("right", ["      pages: write # to deploy\n", "    permissions:\n      pages: write"])
def test_the_deployment_has_its_two_rights(right: str) -> None:
    assert right in PAGES
    wrong = right.replace("pages: write", "contents: write")
    assert faults(PAGES.replace(right, wrong)) == ["deploy: more or less permissions than it needs"]


def test_an_action_has_one_version() -> None:
    found = {(action, commit, version) for action, commit, version in PINNED.findall(CI + PAGES)}
    assert len({action for action, _, _ in found}) == len(found) == 6


def test_the_branch_of_versions_is_written_with_no_more_than_it_takes() -> None:
    wrong = PAGES.replace("      contents: write # to push", "      packages: write # to push")
    assert faults(wrong) == ["keep: more or less permissions than it needs"]
    foreign = PAGES.replace("      - run: gh auth setup-git\n", "      - run: make test\n")
    assert faults(foreign) == ["keep: make test runs where the repository can be written"]


def test_what_was_tested_is_what_is_deployed() -> None:
    workflow = yaml.safe_load(PAGES)
    jobs = workflow["jobs"]
    build = [step.get("run") or step["uses"].partition("@")[0] for step in jobs["build"]["steps"]]
    made = build[build.index("make test") :]
    assert made == [
        "make test",
        'git config --global user.name "$GITHUB_ACTOR"',
        'git config --global user.email "$GITHUB_ACTOR@users.noreply.github.com"',
        'make version REF="$GITHUB_REF"',
        "make site-test",
        "git bundle create versions.bundle gh-pages",
        "actions/upload-artifact",
        "actions/upload-pages-artifact",
    ]
    assert [step["with"]["path"] for step in jobs["build"]["steps"][-2:]] == ["versions.bundle", "public"]
    assert (jobs["deploy"]["needs"], jobs["keep"]["needs"]) == ("build", "deploy")
    assert jobs["deploy"]["if"] == "github.ref == 'refs/heads/main' || startsWith(github.ref, 'refs/tags/v')"
    assert workflow[True]["push"] == {"branches": ["main"], "tags": ["v*"]}
    assert [step["uses"].partition("@")[0] for step in jobs["deploy"]["steps"]] == [DEPLOY]
    assert jobs["keep"]["steps"][-1]["run"] == f"git push origin FETCH_HEAD:refs/heads/{versions.BRANCH}"


def test_a_pull_request_shows_its_site_and_the_pages_that_it_changes() -> None:
    steps = yaml.safe_load(CI)["jobs"]["site"]["steps"]
    runs = [step.get("run") or step["uses"].partition("@")[0] for step in steps]
    assert runs[-4:] == ["make site", "make site-test", "make changed", "actions/upload-artifact"]
    assert steps[-2]["env"] == {"BASE": "origin/${{ github.base_ref }}"}
    assert steps[-1]["with"]["path"] == "site"
    assert any(step.get("with", {}).get("fetch-depth") == 0 for step in steps)  # or there is no branch to compare with


def test_the_oldest_and_the_newest_are_tested() -> None:
    jobs = yaml.safe_load(CI)["jobs"]
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    commands = " ".join(step.get("run", "") for step in jobs["oldest-torch"]["steps"])
    for package in ("torch", "numpy"):
        oldest = next(line.partition(">=")[2] for line in listed if line.startswith(f"{package}>="))
        assert f"'{package}=={oldest}.*'" in commands
    matrix = jobs["newest-torch"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert [case["os"] for case in matrix["include"]] == ["macos-latest", "windows-latest"]
    assert jobs["prerelease-torch"]["continue-on-error"] is True
