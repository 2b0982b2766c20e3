"""Say for which Pythons and systems all dependencies of the base install have wheels.

    python .ci/wheels_of_dependencies.py

Asks the package index, installs nothing. Packages of pure Python count as having wheels.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {
    "Linux": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "macOS": ("macosx_11_0_arm64", "macosx_12_0_arm64", "macosx_13_0_arm64", "macosx_14_0_arm64"),
    "Windows": ("win_amd64",),
}


def lacking(python: str, platforms: tuple[str, ...], packages: list[str]) -> list[str]:
    """Return what pip says of packages for which it finds no wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--target", folder, "--only-binary", ":all:"]
        command += ["--python-version", python, "--implementation", "cp"]
        for platform in platforms:
            command += ["--platform", platform]
        done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if line.startswith("ERROR")]


def main() -> None:
    """Print a line for each Python and system."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    packages = tomllib.loads(text)["project"]["dependencies"]
    for python in PYTHONS:
        for system, platforms in SYSTEMS.items():
            found = lacking(python, platforms, packages)
            print(f"Python {python}, {system}: {found[0] if found else 'all'}", flush=True)


if __name__ == "__main__":
    main()
