"""What other programs call things: an error that says what it is here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from pixelwise.io.files import is_file

ELSEWHERE = {
    "--alpha-matting": "what blur and cutout do anyway",
    "--conf": "--least-score",
    "--format": "--save",
    "--half": "pixelwise quantise, which makes 8-bit weights",
    "--imgsz": "in the weights",
    "--iou": "in the weights",
    "--model": "--weights",
    "--output": "--out",
    "--pretrained": "--weights",
    "--project": "--out",
    "--save-crop": "--save crops",
    "--save-txt": "--save yolo",
    "--show": "pixelwise app PHOTO",
    "--source": "INPUT, without a flag",
    "--threshold": "--least-score",
    "-a": "what blur and cutout do anyway",
    "-i": "INPUT, without a flag",
    "-m": "--weights",
    "-o": "--out",
    "benchmark": "pixelwise bench WEIGHTS",
    "detect": "pixelwise predict PHOTO",
    "help": "pixelwise --help",
    "i": "pixelwise cutout PHOTO --out FILE",
    "p": "pixelwise cutout FOLDER --out FOLDER",
    "remove": "pixelwise cutout PHOTO --out FILE",
    "s": "pixelwise app",
    "segment": "pixelwise predict PHOTO",
    "track": "pixelwise predict CLIP --out FOLDER",
    "val": "pixelwise evaluate DATA",
    "version": "pixelwise --version",
}
"""What other programs call an option or a command, and what it is here."""

SETTINGS = {
    "batch": "--batch {}",
    "classes": "--classes {}",
    "conf": "--least-score {}",
    "data": "{}",
    "device": "--device {}",
    "epochs": "--epochs {}",
    "lr0": "--learning-rate {}",
    "model": "--weights {}",
    "project": "--out {}",
    "save": "--out found",
    "save_crop": "--save crops",
    "save_txt": "--save yolo",
    "show": "",
    "source": "{}",
    **dict.fromkeys(("format", "half", "imgsz", "iou", "mode", "name", "task", "verbose"), ""),
}
"""What ``NAME=VALUE`` is here, as other programs take their settings; empty: there is no need."""

COMMANDS_FOR = {"track": "predict", "val": "evaluate"}
STILL_NEEDED = {
    "export": ("hf:OWNER/MODEL", "--out", "model.onnx"),
    "track": ("--out", "found"),
    "train": ("--out", "RUN"),
}
TASKS = ("segment", "detect", "classify", "pose")
OF_OTHERS = re.compile(r"\.(?:pt|pth|yaml|engine)$")
"""Endings of files that only other programs read."""

OF_CAMERAS = re.compile(r"\d{1,2}|cam(?:era)?|webcam")


def translated(arguments: Sequence[str]) -> str | None:
    """Return the command line that is meant by one with settings as ``NAME=VALUE``.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.

    Returns
    -------
    str or None
        None if it has no such settings, or they are the names of files.

    Examples
    --------
    >>> translated(["segment", "predict", "source=a.jpg", "conf=0.5", "imgsz=640"])
    'pixelwise predict a.jpg --least-score 0.5'
    >>> translated(["predict", "a.jpg"])
    """
    words: list[str] = []
    changed = False
    for before, word in zip(["", *arguments], arguments, strict=False):
        name, sign, value = word.partition("=")
        if not sign or name not in SETTINGS or before.startswith("-") or is_file(Path(word)):
            words.append(word)
            continue
        changed = True
        if OF_OTHERS.search(value) and not is_file(Path(value)):
            words += ["DATA"] if name == "data" else []
        elif name == "source" and OF_CAMERAS.fullmatch(value):
            words += ["--camera", value]
        elif (name, value.lower()) == ("device", "0"):
            words += ["--device", "cuda"]
        elif value.lower() not in ("false", "none"):
            words += SETTINGS[name].format(shlex.quote(value)).split(" ") if SETTINGS[name] else []
    if not changed:
        return None
    rest = [word for word in words if word not in TASKS]
    first = COMMANDS_FOR.get(rest[0], rest[0]) if rest else "predict"
    if "--out" not in rest:
        rest += STILL_NEEDED.get(rest[0] if rest else "", ())
    return " ".join(["pixelwise", first, *rest[1:]])


def named_camera(text: str) -> bool:
    """Return whether an input that is no file means a camera.

    Examples
    --------
    >>> named_camera("0"), named_camera("webcam"), named_camera("a.jpg")
    (True, True, False)
    """
    return bool(OF_CAMERAS.fullmatch(text)) and not Path(text).exists()
