"""Fills the tables of figures in the README and the benchmarks page from ``docs/figures/*.json``.

    python docs/figures.py                   # fill them
    python docs/figures.py --check           # exit code 1 if a page says anything else
    python docs/figures.py --measure [DATA]  # run the benchmarks of quality first

A table stands between ``<!-- figures: NAME -->`` and ``<!-- /figures -->``; nobody edits it. The
JSON files come from the benchmarks' ``--json``, with date, machine and command. ``ratios.json``
is kept by hand, since a ratio of times takes an idle machine: its rows are copied from what the
benchmarks print.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
FIGURES = HERE / "figures"
PAGES = ("README.md", "README.zh.md", "docs/about/benchmarks.md")
PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- /figures -->)", re.S)

MEASURED = {
    "recognition": ("--only", "subjects", "--only", "others", "--only", "people"),
    "foreground": ("--only", "people"),
}
"""The benchmarks of quality, and what of them the pages show."""


def read(name: str) -> Any:
    """Return what a benchmark wrote."""
    return json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def short(chinese: bool) -> str:
    """Return the README's table: what a reader would ask first."""
    found, cut, ratios = (read(name) for name in ("recognition", "foreground", "ratios"))
    scores = {name: f"{found['figures'][name]['value']:.3f}" for name in ("subjects", "others")}
    people = cut["figures"]["people"]
    language = "short_zh" if chinese else "short"
    ratio = {row["key"]: row[language] for row in ratios["figures"] if language in row}
    texts = SHORT_ZH if chinese else SHORT
    values = {
        "subjects": scores["subjects"],
        "others": scores["others"],
        "people": f"{people['iou']:.3f}",
        **ratio,
    }
    rows = [(text.format(photos=people["photos"]), values[k]) for k, text in texts]
    note = NOTE_ZH if chinese else NOTE
    machine = f"{found['machine']}, {found['date']}"
    return table(HEAD_ZH if chinese else HEAD, rows) + "\n" + note.format(machine=machine) + "\n"


HEAD = ("measured", "result")
SHORT = (
    ("subjects", "classes: mIoU of background and six subjects, VOC 2012 animal subset, val"),
    ("others", "classes: mean IoU of the thirteen other classes of VOC, four small val sets"),
    ("people", "people cut out of street photos ({photos}, val): IoU"),
    ("prediction", "`predict`, 375 x 500, against the same network in eager torch"),
    ("blur", "`blur`, 1280 x 720, against the same steps in eager torch and numpy"),
    ("halo", "error around a blurred subject, against blending by alpha"),
    ("readers", "reading VOC, against the textbook loop"),
    ("boundaries", "boundaries without labels, BSDS500 val: ODS"),
)
NOTE = (
    "Quality: held-out `val` photos, void excluded; every figure except ODS comes from one "
    "confusion matrix ({machine}). Ratios: two-core machines, each named with its day on "
    "[the page of all figures](docs/about/benchmarks.md)."
)
HEAD_ZH = ("测了什么", "结果")
SHORT_ZH = (
    ("subjects", "语义分割：背景和六类主体的 mIoU，VOC 2012 动物子集，验证集"),
    ("others", "语义分割：VOC 其余十三类的平均 IoU，四个小验证集"),
    ("people", "街拍人像抠图（验证集 {photos} 张）的 IoU"),
    ("prediction", "`predict`，375 x 500，对比同一网络的 PyTorch eager 模式"),
    ("blur", "`blur`，1280 x 720，对比用 PyTorch eager 和 numpy 做同样的步骤"),
    ("halo", "虚化后主体周围的误差，对比直接按 alpha 混合"),
    ("readers", "读取 VOC 数据集，对比教科书的写法"),
    ("boundaries", "无标签的边界检测，BSDS500 验证集的 ODS"),
)
NOTE_ZH = (
    "质量指标：都在没有参加训练的验证集照片上测得，除 ODS 外，每个数字来自一个混淆矩阵，"
    "不计 void（{machine}）。"
    "速度比值在双核机器上测得，机器和日期见[全部数据](docs/about/benchmarks.md)。"
)


def ratios(_: bool) -> str:
    """Return all ratios, each with its day and machine."""
    content = read("ratios")
    rows = [
        (row["what"], row["against"], row["ratio"], row["date"], row["machine"])
        for row in content["figures"]
    ]
    return table(("`benchmarks/`", "against, in the same run", "ratio", "day", "machine"), rows)


def quality(_: bool) -> str:
    """Return the scores of recognition and foreground with their parts."""
    text = ""
    for name in ("recognition", "foreground"):
        content = read(name)
        text += f"`{content['command']}`, weights `{content['weights']}`, "
        text += f"{content['date']}, {content['machine']}:\n\n"
        rows = []
        for key, figure in content["figures"].items():
            if "iou" in figure:
                value = f"IoU {figure['iou']:.3f}, boundary F1 (2 px) {figure['boundary_f1']:.3f}"
                rows.append((f"{key}, {figure['photos']} photos", value, ""))
                continue
            rows.append((figure["what"], number(figure["value"]), ""))
            rows += [(f"- {n}", number(p["value"]), p["note"]) for n, p in figure["parts"].items()]
        text += table(("figure", "value", ""), rows) + "\n"
    return text


def number(value: float | None) -> str:
    """Return a figure as a table shows it; nothing if there is none."""
    return "" if value is None else f"{value:.3f}"


TABLES: dict[str, Callable[[bool], str]] = {"short": short, "ratios": ratios, "quality": quality}


def filled(page: str) -> str:
    """Return a page with its tables made anew."""

    def made(match: re.Match[str]) -> str:
        return match[1] + TABLES[match[2]](page.endswith(".zh.md")) + match[3]

    return PLACE.sub(made, (ROOT / page).read_text(encoding="utf-8"))


def main() -> None:
    """Fill the tables, or say which page differs from the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if stale")
    parser.add_argument("--measure", nargs="?", const="../shared/data", metavar="DATA")
    options = parser.parse_args()
    for name, parts in MEASURED.items() if options.measure else ():
        target = ("--json", str(FIGURES / f"{name}.json"))
        command = [sys.executable, f"benchmarks/{name}.py", options.measure, *parts, *target]
        subprocess.run(command, cwd=ROOT, check=True)
    stale = [p for p in PAGES if filled(p) != (ROOT / p).read_text(encoding="utf-8")]
    if options.check and stale:
        sys.exit(f"stale figures in {', '.join(stale)}: run python docs/figures.py")
    for page in stale:
        (ROOT / page).write_text(filled(page), encoding="utf-8")


if __name__ == "__main__":
    main()
