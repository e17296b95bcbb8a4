"""The repository around the code: what is named exists, what is forbidden is refused, and nothing leaks."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.canonical import JSON
from desk.settings import Settings, parse

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROOMS: list[str] = PYPROJECT["tool"]["importlinter"]["root_packages"]
# Python that is no room of the house: templates, tests, measurements and attacks import what they like.
OUTSIDE = {"prompts", "tests", "bench", "fuzz", "chaos", "redteam"}
# Stands in no layer: it imports core alone, and nothing imports it.
EMULATOR = "emulator"

REGISTRY_HOST = re.compile(
    r"pypi\.org|pythonhosted\.org|pypi\.python|anaconda\.(?:org|com)|registry\.npmjs|crates\.io"
    r"|\b(?:ghcr|docker|quay)\.io|--(?:extra-)?index-url|https?://[^\s/]+/simple\b",
    re.IGNORECASE,
)
HOME_PATH = re.compile(r"(?<![\w./~-])/(?:home|root|Users|opt|mnt|srv|work)/\w|[A-Z]:\\+Users\\")


def files_of_the_repository() -> Iterator[Path]:
    """Every file that could be committed: no caches, no environment, no settings or books of whoever works here."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if _belongs(f)]
        yield from (
            Path(folder) / n for n in names if not n.endswith((".db", ".pyc")) and n not in {".env", "warden.toml"}
        )


def _belongs(folder: str) -> bool:
    if folder.startswith("."):
        return folder in {".ci", ".github"}
    return folder not in {"__pycache__", "build", "dist"} and not folder.endswith(".egg-info")


def mentions(pattern: re.Pattern[str]) -> list[str]:
    """Lines that match, as file:line: text."""
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for file in files_of_the_repository()
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


# The house


def test_every_folder_with_python_in_it_is_under_the_import_contracts() -> None:
    with_python = {f.relative_to(ROOT).parts[0] for f in files_of_the_repository() if f.suffix == ".py"}
    assert with_python - OUTSIDE == set(ROOMS)


def test_every_room_stands_in_one_layer() -> None:
    layers = next(c["layers"] for c in PYPROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    layered = [room.strip() for layer in layers for room in layer.split("|")]
    assert sorted([*layered, EMULATOR]) == sorted(ROOMS)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rooms with the same contracts, to plant imports in."""
    copy = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def installed(tool: str) -> Path:
    """A command of the environment that runs the tests."""
    path = Path(sys.executable).with_name(tool)
    assert path.exists(), f"{tool} is not installed here: make setup"
    return path


def broken_contracts(house: Path) -> list[str]:
    """The contracts that lint-imports finds broken; its exit code must agree."""
    found = subprocess.run(
        [installed("lint-imports"), "--no-cache", "--no-logo"],
        cwd=house,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(house)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = found.stdout + found.stderr
    broken = re.findall(r"^(.+) BROKEN$", said, re.MULTILINE)
    kept = re.findall(r"^(.+) KEPT$", said, re.MULTILINE)
    assert len(broken) + len(kept) == len(PYPROJECT["tool"]["importlinter"]["contracts"]), said
    assert (found.returncode != 0) is bool(broken), said
    return broken


def test_the_house_as_it_stands_keeps_every_contract(house: Path) -> None:
    assert broken_contracts(house) == []


@pytest.mark.parametrize(
    ("room", "planted", "contract"),
    [
        ("market", "import desk", "Imports point downward"),
        ("tools", "import execution", "Imports point downward"),
        ("agents", "import execution", "Only the wiring knows execution"),
        ("api/cli", "from execution.gate import Gate", "Only the wiring knows execution"),
        ("risk", "import numpy", "Risk is plain arithmetic"),
        ("core", "import sqlalchemy", "Risk is plain arithmetic"),
        ("models", "import pydantic", "Core and models know no pydantic"),
        ("execution/venues", "import models.scores", "Execution knows no models, tools, recall or graph"),
        ("execution", "import langgraph.graph", "Execution knows no models, tools, recall or graph"),
    ],
)
def test_a_planted_import_breaks_its_contract(house: Path, room: str, planted: str, contract: str) -> None:
    seed = house / room / "planted.py"
    seed.write_text(f"{planted}\n")
    try:
        assert contract in broken_contracts(house)
    finally:
        seed.unlink()


def test_a_planted_import_inside_a_function_counts_too(house: Path) -> None:
    seed = house / "risk" / "planted.py"
    seed.write_text("def later() -> None:\n    import numpy\n")
    try:
        assert broken_contracts(house) == ["Risk is plain arithmetic"]
    finally:
        seed.unlink()


# What may stand in a file


def test_no_file_names_a_package_registry() -> None:
    assert mentions(REGISTRY_HOST) == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert mentions(HOME_PATH) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRY_HOST, "index = https://pypi" + ".org/simple"),
        (REGISTRY_HOST, "pip install --index" + "-url=x y"),
        (HOME_PATH, "candles = '/ho" + "me/ada/candles'"),
        (HOME_PATH, "cd /ro" + "ot/desk"),
    ],
)
def test_what_is_searched_for_would_be_found(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


# The lock


def locked() -> dict[str, str]:
    """Package to exact version."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return dict(line.split(";")[0].strip().split("==") for line in lines)


def test_the_lock_holds_exact_versions_and_nothing_else() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pinned = re.compile(r"[a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.+]*(?: ; [a-z0-9_ <>=.'!()]+)?", re.IGNORECASE)
    assert [line for line in lines if not pinned.fullmatch(line)] == []


def test_the_lock_answers_every_dependency() -> None:
    project = PYPROJECT["project"]
    wanted = [Requirement(text) for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    versions = locked()
    missing = [str(w) for w in wanted if not w.specifier.contains(versions.get(canonicalize_name(w.name), "0"))]
    assert missing == []


# The commands


def targets() -> dict[str, str]:
    """Target to its line of help."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    found = [re.fullmatch(r"([a-z]+):[^=#]*(?:## (.+))?", line) for line in lines]
    return {match[1]: match[2] or "" for match in found if match}


def test_make_alone_lists_every_target_with_what_it_does() -> None:
    said = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [line.split()[1] for line in said.splitlines()] == list(targets())
    assert all(targets().values())


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_of_the_papers_exists(document: str) -> None:
    named = set(re.findall(r"`(?:\$ )?make ([a-z]+)|^make ([a-z]+)", (ROOT / document).read_text(), re.MULTILINE))
    commands = {first or second for first, second in named}
    assert commands
    assert commands <= set(targets())


def verbs() -> set[str]:
    """Every verb of the command line, such as 'audit verify'."""
    from api.cli.main import app

    alone = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    grouped = {
        f"{group.name} {command.name}"
        for group in app.registered_groups
        if group.typer_instance
        for command in group.typer_instance.registered_commands
    }
    return alone | grouped


def test_every_warden_command_of_the_readme_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    named = {match.strip() for match in re.findall(r"(?:^|`)warden ((?:[a-z]+ ?)+)", readme, re.MULTILINE)}
    known = verbs()
    assert named
    assert [verb for verb in sorted(named) if verb not in known] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_the_papers_name_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    quoted = re.findall(r"`([\w./-]+/(?:[\w.-]+\.(?:py|md|toml))?|[\w-]+\.(?:md|lock))`", text)
    linked = re.findall(r"\]\((?!\w+:)([^)]+)\)", text)
    named = {*quoted, *linked}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_decision_says_what_would_change_our_mind() -> None:
    wanted = ["## Context", "## Decision", "## Consequences", "## What would change our mind"]
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [d.name[:4] for d in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for decision in decisions:
        lines = decision.read_text().splitlines()
        assert [line for line in lines if line.startswith("## ")] == wanted, decision.name
        assert len(lines) < 60, decision.name


def test_asking_for_help_loads_no_heavy_library() -> None:
    heavy = ["numpy", "pandas", "pyarrow", "talib", "langgraph", "langchain_core", "sqlalchemy", "alembic", "pydantic"]
    program = f"import json, sys, api.cli.main; print(json.dumps([m for m in {heavy} if m in sys.modules]))"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert json.loads(said) == []


# What CI and hooks run


def test_every_machine_runs_the_same_check() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "make check"
    assert "run: .ci/run" in (ROOT / ".github" / "workflows" / "check.yml").read_text()


def test_the_hooks_are_valid_and_each_is_a_locked_tool() -> None:
    config = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", config], check=True, capture_output=True)
    tools = re.findall(r"\.venv/bin/([a-z-]+)", config.read_text().split("repos:")[1])
    package = {"lint-imports": "import-linter", "detect-secrets-hook": "detect-secrets"}
    assert len(tools) == 5
    assert [t for t in tools if package.get(t, t) not in locked()] == []


def secrets_found_in(file: Path) -> int:
    """The exit code of the secret hook, with the arguments that the hooks file gives it."""
    config = (ROOT / ".pre-commit-config.yaml").read_text()
    entry = re.search(r"\.venv/bin/(detect-secrets-hook[^#]*?)\n\s+language:", config)
    assert entry
    program, *arguments = entry[1].split()
    command = [installed(program), *arguments, file]
    return subprocess.run(command, cwd=file.parent, capture_output=True, check=False).returncode


def test_a_planted_key_is_stopped_at_the_commit(tmp_path: Path) -> None:
    planted = tmp_path / "settings.py"
    planted.write_text('EXCHANGE_API_SECRET = "' + "q8Zx2vLw" * 4 + '"\n')
    assert secrets_found_in(planted) == 1


def test_a_digest_is_no_secret(tmp_path: Path) -> None:
    harmless = tmp_path / "expected.py"
    harmless.write_text('POLICY = "' + "0123456789abcdef" * 4 + '"\n')
    assert secrets_found_in(harmless) == 0


# The example settings


def keys(table: JSON, prefix: str = "") -> set[str]:
    nested = {k for name, v in table.items() if isinstance(v, dict) for k in keys(v, f"{prefix}{name}.")}
    return nested | {prefix + name for name, v in table.items() if not isinstance(v, dict)}


def example() -> JSON:
    return tomllib.loads((ROOT / "warden.example.toml").read_text(), parse_float=Decimal)


def test_the_example_settings_name_every_setting() -> None:
    text = (ROOT / "warden.example.toml").read_text()
    # What has no value by default, or comes as a file, is named in a comment.
    optional = {
        "risk.allowed_symbols": "allowed_symbols",
        "risk.managed_capital": "managed_capital",
        "llm.cutoff": "cutoff",
    }
    assert all(f"# {name} = " in text for name in (*optional.values(), "policy", "shadow"))
    computed = {"risk.breakers"}
    outside = {"database_url", "policy_source", "shadow"}  # of a start, and of no file
    assert keys(example()) == (keys(Settings().shown()) - outside) - optional.keys() - computed


def test_the_example_settings_are_the_defaults() -> None:
    assert parse(example(), "the example") == Settings()
