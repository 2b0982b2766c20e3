"""The files around the package agree with it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

import pixelwise

ROOT = Path(__file__).parents[1]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))

pytestmark = pytest.mark.skipif(not FORMS, reason="not a checkout")


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == pixelwise.__version__
    assert citation["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_have_what_a_forge_asks_for(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= set(form)
    assert all("type" in part and "attributes" in part for part in form["body"])


def test_workflows_run_what_stands_here() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
        lines = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
        for line in lines:
            if line.startswith(".ci/"):
                assert (ROOT / line.split()[0]).exists(), line


def test_the_docker_image_gets_what_the_build_needs() -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in (project["readme"], *project["license-files"], "src", "constraints.txt"):
        assert f"!{name}" in kept
