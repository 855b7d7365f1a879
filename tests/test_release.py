"""What is released: one version, wheel and sdist that hold everything and run on their own, a quick start."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import columnarchive

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "columnarchive"


def run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, check=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout


@pytest.fixture(scope="module")
def startup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("startup", ROOT / "tests" / "benchmarks" / "startup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, built by the backend in this environment."""
    pytest.importorskip("hatchling", reason="needs hatchling to build; .ci/run builds in a fresh environment")
    out = tmp_path_factory.mktemp("dist")
    script = f"from hatchling import build; build.build_sdist({str(out)!r}); build.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True)
    return out


def test_there_is_one_version() -> None:
    assert run("-m", "columnarchive", "--version").strip() == f"columnarchive {columnarchive.__version__}"
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    said = [path for path in PACKAGE.rglob("*.py") if columnarchive.__version__ in path.read_text(encoding="utf-8")]
    assert said == [PACKAGE / "__init__.py"]


def test_help_loads_no_heavy_library(startup: ModuleType) -> None:
    assert startup.loaded() == []


def test_the_wheel_holds_every_file_of_the_package_and_the_demo(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert columnarchive.__version__ in wheel.name
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    missing = [path for path in files if f"columnarchive/{path.relative_to(PACKAGE).as_posix()}" not in names]
    assert not missing
    assert "columnarchive/py.typed" in names
    assert any(name.startswith("columnarchive/fixtures/clinic/2025-10-20/") for name in names)


def test_the_sdist_holds_what_a_build_and_its_tests_need_and_no_archive(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/columnarchive/py.typed", "tests/test_release.py"} <= names
    assert not [name for name in names if name.endswith((".db", ".pyc"))]


def test_the_wheel_runs_on_its_own(built: Path, tmp_path: Path) -> None:
    """Only its files, away from the checkout: the version, and a migration and the demo's pages found."""
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    script = (
        "import columnarchive, pathlib; from columnarchive.pipeline.demo import dated_sites;"
        "from columnarchive.store.database import Database;"
        "Database.open(pathlib.Path('a.db')).close(); print(columnarchive.__file__, len(dated_sites()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout.split() == [str(tmp_path / "columnarchive" / "__init__.py"), "3"]


def test_the_shell_completes_commands() -> None:
    script = "import sys; sys.argv = ['archive']; from columnarchive.cli.main import main; main()"
    said = run("-c", script, _ARCHIVE_COMPLETE="complete_bash", COMP_WORDS="archive ex", COMP_CWORD="1")
    assert set(said.split()) == {"export", "extract"}
