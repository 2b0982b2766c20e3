"""Training on what was saved, by ``pixelwise train`` in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from pixelwise.errors import ArgumentError
from pixelwise.io.files import write_json
from pixelwise.weights import read_card

FOREGROUND_SHARE = 0.3
"""Of the loss of what stands out, if the weights to start from find it."""

MOST_MINUTES = 600


class Training:
    """The runs on one folder of saved photos; each starts from the weights in use.

    Parameters
    ----------
    folder : Path or None
        Of labelme files and photos; nothing can be learnt if None.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._out: Path | None = None
        self._command: list[str] = []
        self._stopped = self._used = False
        self._starting = threading.Lock()

    @property
    def possible(self) -> bool:
        """Whether there is a folder to learn from."""
        return self._folder is not None

    def start(self, weights: str, minutes: float) -> None:
        """Start a run, or continue the one that was stopped.

        Parameters
        ----------
        weights : str
            To start from.
        minutes : float
            How long it may take; of a run that is continued, what was said at its start counts.

        Raises
        ------
        ArgumentError
            There is nothing to learn from, minutes are out of range, or a run is at work.
        """
        if self._folder is None or not any(self._folder.glob("*.json")):
            raise ArgumentError("nothing to train on: start with --save FOLDER, and save photos")
        if not 0 < minutes <= MOST_MINUTES:
            raise ArgumentError(f"minutes: expected 0..{MOST_MINUTES}, got {minutes}")
        with self._starting:
            if self.state() == "running":
                raise ArgumentError("a training is at work; stop it first")
            if self.state() != "stopped":
                self._begin(self._folder, weights, minutes)
            self._stopped = self._used = False
            if self._out is None:
                raise RuntimeError("no folder for the run")
            with (self._out / "output.txt").open("ab") as output:
                environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
                self._process = subprocess.Popen(
                    self._command, stdout=output, stderr=output, env=environment
                )

    def _begin(self, folder: Path, weights: str, minutes: float) -> None:
        """Choose a new folder for the run, and write its recipe there."""
        runs = folder.with_name(f"{folder.name}-training")
        number = 1
        while (runs / f"run_{number}").exists():
            number += 1
        self._out = runs / f"run_{number}"
        self._out.mkdir(parents=True)
        card = read_card(weights)
        # Before and after are compared: both look as often.
        settings: dict[str, Any] = {"second_look": card.second_look}
        if card.instance_classes:
            settings["task"] = "instance"
        if card.foreground:
            settings["foreground_share"] = FOREGROUND_SHARE
        # All classes of the weights stay, also those that were not corrected.
        names, colours = card.classes.names, card.classes.colours
        recipe = {"classes": {"names": names, "colours": colours}, "settings": settings}
        write_json(self._out / "recipe.json", recipe)
        self._command = [sys.executable, "-m", "pixelwise", "train", str(folder)]
        self._command += ["--recipe", str(self._out / "recipe.json"), "--weights", weights]
        self._command += ["--minutes", f"{minutes:g}", "--out", str(self._out)]

    def stop(self) -> None:
        """Stop the run; its last whole epoch is kept."""
        if self._process is not None and self._process.poll() is None:
            self._stopped = True
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def state(self) -> str:
        """Return ``idle``, ``running``, ``stopped``, ``done`` or ``failed``."""
        if self._process is None:
            return "idle"
        code = self._process.poll()
        if code is None:
            return "running"
        if self._stopped:
            return "stopped"
        return "done" if code == 0 else "failed"

    def progress(self) -> dict[str, Any]:
        """Return the state, the epochs, and the figures of each of them."""
        state, rows, epochs = self.state(), self._rows(), 0
        if self._out is not None and (self._out / "plan.json").exists():
            plan = json.loads((self._out / "plan.json").read_text(encoding="utf-8"))
            epochs = int(plan["settings"]["epochs"])
        scores = [float(row["miou"]) for row in rows if row.get("miou")]
        return {
            "state": state,
            "epoch": len(rows),
            "epochs": epochs,
            "losses": [float(row["loss"]) for row in rows],
            "scores": scores,
            "message": self._last_line() if state == "failed" else "",
        }

    def new_weights(self) -> Path | None:
        """Return the weights of a run that is done, once."""
        if self._used or self._out is None or self.state() != "done":
            return None
        self._used = True
        return self._out / "model.onnx"

    def _rows(self) -> list[dict[str, str]]:
        if self._out is None or not (self._out / "log.csv").exists():
            return []
        with (self._out / "log.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _last_line(self) -> str:
        if self._out is None:
            return ""
        text = (self._out / "output.txt").read_text(encoding="utf-8", errors="replace")
        return next((line for line in reversed(text.splitlines()) if line.strip()), "")
