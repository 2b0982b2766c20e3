"""Lists of classes as tools write them, and masks in colours that none names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise import ReadOptions, check, open_dataset, voc_colormap
from pixelwise.errors import ColourError, DataError, LabelError
from pixelwise.io.mask import count_ids
from tests import made
from tests.conftest import case, run

COLOURS = np.array([(0, 0, 0), (250, 50, 83), (52, 209, 183)], np.uint8)
IDS = made.square(2, 2, 9, 1) + made.square(20, 20, 12, 2)
COUNTS = [2400 - 81 - 144, 81, 144]
LISTS = {
    "labelmap.txt": "# label:color_rgb:parts:actions\nleaf:52,209,183::\napple:250,50,83::\n"
    "background:0,0,0::\n",
    "class_dict.csv": "name,r,g,b\nleaf,52,209,183\nbackground,0,0,0\napple,250,50,83\n",
    "label_class_dict.csv": "class_name; red; green; blue\nbackground; 0; 0; 0\n"
    "apple; 250; 50; 83\nleaf; 52; 209; 183\n",
    "palette_colors.csv": "label,color\nbackground,#000000\napple,#fa3253\nleaf,#34d1b7\n",
    "label_colors.txt": "0 0 0\tbackground\n250 50 83\tapple\n52 209 183\tleaf\n",
    "label.txt": "0 background 0 0 0\n2 leaf 52 209 183\n1 apple 250 50 83\n",
    "obj_class_to_machine_color.json": '{"apple": [250, 50, 83], "leaf": [52, 209, 183]}',
}


def own(root: Path, masks: np.ndarray, layout: str = "voc", mode: str | None = None) -> Path:
    images, folder = ("JPEGImages", "SegmentationClass") if layout == "voc" else ("images", "masks")
    for i in range(2):
        made.photo(root / images / f"{i}.jpg", i)
        picture = Image.fromarray(masks)
        (root / folder).mkdir(parents=True, exist_ok=True)
        (picture.convert(mode, colors=256) if mode else picture).save(root / folder / f"{i}.png")
    return root


def by_name(root: Path, **options: object) -> dict[str, int]:
    dataset = open_dataset(root, options=ReadOptions(**options), say=str)  # type: ignore[arg-type]
    counts = count_ids(dataset[0].label_map)
    names = (*dataset.classes.names, *["?"] * (255 - len(dataset.classes)), "void")
    return {names[i]: int(counts[i]) for i in np.flatnonzero(counts)}


@pytest.mark.parametrize("layout", ["voc", "pairs"])
@pytest.mark.parametrize("name", LISTS)
def test_colours_of_a_list(tmp_path: Path, name: str, layout: str) -> None:
    root = own(tmp_path, COLOURS[IDS], layout)
    made.write(root / name, LISTS[name])
    assert by_name(root) == dict(zip(("background", "apple", "leaf"), COUNTS, strict=True))
    dataset = open_dataset(root, say=str)
    assert f"({name})" in dataset.found
    assert dataset.classes.names[0] == "background"
    assert dataset.classes.colours[dataset.classes.index("apple")] == (250, 50, 83)
    assert not check(root).findings or {f.kind for f in check(root).findings} == {"same"}


def test_a_list_over_palettes_voc_colours_and_numbers(tmp_path: Path) -> None:
    palette = Image.fromarray(COLOURS[IDS]).convert("P", palette=Image.Palette.ADAPTIVE, colors=3)
    root = own(tmp_path / "palette", np.zeros(made.SIZE, np.uint8))
    for path in (root / "SegmentationClass").iterdir():
        palette.save(path)
    made.write(root / "labelmap.txt", LISTS["labelmap.txt"])
    expected = dict(zip(("background", "apple", "leaf"), COUNTS, strict=True))
    assert by_name(root) == expected
    # Grey levels are the places in the list where they are not its colours.
    root = own(tmp_path / "grey", np.choose(IDS, (2, 1, 0)).astype(np.uint8))
    made.write(root / "labelmap.txt", LISTS["labelmap.txt"])
    assert by_name(root) == expected
    # VOC's colours are no VOC classes where a list says otherwise.
    voc = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)
    root = own(tmp_path / "voc", voc[IDS])
    made.write(root / "labelmap.txt", "apple:128,0,0::\nbackground:0,0,0::\nleaf:0,128,0::\n")
    assert by_name(root) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_classes.csv", "Pixel Value, Class\n0, background\n1, apple\n2, leaf"),
        ("labels.txt", "background\napple\nleaf\n"),
        ("classes.txt", "0: background\n1: apple\n2: leaf\n"),
        ("labels.txt", "2\tleaf\n0\tbackground\n1\tapple\n"),
        ("class_names.txt", "0 background\n1 apple\n2 leaf\n"),
        ("id2label.json", '{"0": "background", "1": "apple", "2": "leaf"}'),
        ("id2label.json", '{"leaf": 2, "apple": 1, "background": 0}'),
        ("label.txt", "1 apple 9 9 9\n2 leaf 7 7 7\n"),
    ],
)
def test_numbers_of_a_list(tmp_path: Path, name: str, text: str) -> None:
    root = own(tmp_path, IDS, "pairs")
    made.write(root / name, text)
    assert by_name(root) == dict(zip(("background", "apple", "leaf"), COUNTS, strict=True))


def test_numbers_with_gaps_and_void(tmp_path: Path) -> None:
    root = own(tmp_path, np.array([0, 128, 255], np.uint8)[IDS], "pairs")
    made.write(root / "_classes.csv", "Pixel Value, Class\n0, background\n128, apple\n255, leaf")
    assert by_name(root) == dict(zip(("background", "apple", "leaf"), COUNTS, strict=True))
    made.write(root / "_classes.csv", "Pixel Value, Class\n0, background\n128, void\n255, leaf")
    assert by_name(root) == {"background": COUNTS[0], "leaf": COUNTS[2], "void": COUNTS[1]}
    made.write(root / "_classes.csv", "Pixel Value, Class\n0, background\n255, leaf")
    with pytest.raises(LabelError, match=r"label 128 in 81 pixels, but .*known \(0, 255"):
        by_name(root)


@pytest.mark.parametrize("colours", [COLOURS, COLOURS[[0, 2, 1]] // 2 + 5, COLOURS[:, ::-1]])
def test_unknown_colours_in_areas_are_another_colour_map(
    tmp_path: Path, colours: np.ndarray
) -> None:
    root = own(tmp_path / "set", colours[IDS])
    with pytest.raises(ColourError, match=r"painted in colours .* --classes FILE: labelmap\.txt"):
        open_dataset(root)
    report = check(root)
    assert [f.kind for f in report.findings].count("colours") == 2
    lines = [f"{n} {r} {g} {b}" for n, (r, g, b) in zip("abc", colours.tolist(), strict=True)]
    path = made.write(tmp_path / "mine.txt", "\n".join(lines))
    assert list(by_name(root, class_list=path).values()) == COUNTS
    page = tmp_path / "page.html"
    done = run("check", root, "--html", page)
    assert done.returncode == 1
    assert "no list of classes names" in page.read_text(encoding="utf-8")
    assert run("check", root, "--classes", path, "--fast").returncode == 0


def test_voc_names_need_the_layout_of_voc(tmp_path: Path) -> None:
    assert by_name(own(tmp_path / "a", IDS)) == dict(
        zip(("background", "aeroplane", "bicycle"), COUNTS, strict=True)
    )
    assert list(by_name(own(tmp_path / "b", IDS, "pairs"))) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("class_dict.csv", "name,r,g,b\na,0,0,0\nb,0,0,0\n", r"colour \(0, 0, 0\) is given twice"),
        ("class_dict.csv", "name,r,g,b\na,0,0,300\n", "not a list of classes"),
        ("_classes.csv", "filename, cat\na.jpg, 1\n", "not a list of classes"),
        ("labelmap.txt", "a:0,0,0::\na:1,1,1::\n", "class name 'a' is given twice"),
        ("obj_class_to_machine_color.json", '{"a": 3.5}', "not a list of classes"),
    ],
)
def test_broken_lists_are_explained(tmp_path: Path, name: str, text: str, message: str) -> None:
    root = own(tmp_path, IDS, "pairs")
    made.write(root / name, text)
    with pytest.raises(DataError, match=message):
        open_dataset(root)


def test_other_tables_are_no_lists(tmp_path: Path) -> None:
    root = own(tmp_path, IDS, "pairs")
    made.write(root / "labels.csv", "image,label\n0.jpg,cat\n1.jpg,cat\n")
    assert list(by_name(root)) == ["0", "1", "2"]


def test_the_examples() -> None:
    assert by_name(case("k1_cvat_own_colours")) == {"background": 5354, "apple": 783, "leaf": 775}


def test_instances_painted_in_the_colours_of_voc(tmp_path: Path) -> None:
    root = own(tmp_path, COLOURS[IDS])
    made.write(root / "labelmap.txt", LISTS["labelmap.txt"])
    for i in range(2):
        made.mask(root / "SegmentationObject" / f"{i}.png", voc_colormap()[IDS])
    sample = open_dataset(root, say=str)[0]
    assert [(i.id, i.class_id, i.area) for i in sample.instances or ()] == [(1, 2, 81), (2, 1, 144)]
