"""The exports of annotation tools, each from check to a prediction of weights trained on it."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise import Predictor, ReadOptions, open_dataset, read_label_map
from pixelwise.errors import DataError
from tests import made
from tests.conftest import call

NAMES = ("background", "apple", "leaf")
COLOURS = np.array([(0, 0, 0), (250, 50, 83), (52, 209, 183)], np.uint8)
BOXES = {1: (4, 4, 20, 18), 2: (30, 20, 52, 36)}
"""Left, top, right and bottom of the apple and of the leaf in every photo."""

PHOTOS = ("a", "b", "c")


def ids() -> np.ndarray:
    out = np.zeros(made.SIZE, np.uint8)
    for number, (left, top, right, bottom) in BOXES.items():
        out[top:bottom, left:right] = number
    return out


def photos(folder: Path, names: tuple[str, ...] = PHOTOS) -> list[Path]:
    return [made.photo(folder / f"{name}.jpg", zlib.crc32(name.encode())) for name in names]


def coco(file: Path, names: list[str], first: int, rows: list[dict[str, Any]]) -> None:
    """Write what the exporters have in common; ``first`` is the apple's category."""
    content = {
        "info": {"description": ""},
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "categories": rows,
        "images": [
            {"id": i, "file_name": name, "height": made.SIZE[0], "width": made.SIZE[1]}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {
                "id": 2 * i + number,
                "image_id": i,
                "category_id": first + number - 1,
                "segmentation": [made.box(*map(float, corners))],
                "bbox": [*corners[:2], corners[2] - corners[0], corners[3] - corners[1]],
                "area": float((corners[2] - corners[0]) * (corners[3] - corners[1])),
                "iscrowd": 0,
                "ignore": 0,
            }
            for i in range(len(names))
            for number, corners in BOXES.items()
        ],
    }
    made.write(file, content)


def rows(first: int, above: str = "") -> list[dict[str, Any]]:
    return [
        {"id": first + i, "name": name, "supercategory": above} for i, name in enumerate(NAMES[1:])
    ]


def outlines() -> str:
    lines = []
    for number, (left, top, right, bottom) in BOXES.items():
        points = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        flat = (points / made.SIZE[::-1]).ravel().tolist()
        lines.append(" ".join([str(number - 1), *(f"{value:.6f}" for value in flat)]))
    return "\n".join(lines)


def cvat_mask(root: Path) -> ReadOptions:
    photos(root / "JPEGImages")
    for name in PHOTOS:
        made.mask(root / "SegmentationClass" / f"{name}.png", COLOURS[ids()])
        objects = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)
        made.mask(root / "SegmentationObject" / f"{name}.png", objects[ids()])
    made.write(root / "ImageSets" / "Segmentation" / "default.txt", "\n".join(PHOTOS) + "\n")
    lines = ["# label:color_rgb:parts:actions"]
    lines += [f"{NAMES[i]}:{','.join(map(str, COLOURS[i].tolist()))}::" for i in (1, 0, 2)]
    made.write(root / "labelmap.txt", "\n".join(lines) + "\n")
    return ReadOptions()


def cvat_coco(root: Path) -> ReadOptions:
    names = [path.name for path in photos(root / "images" / "default")]
    coco(root / "annotations" / "instances_default.json", names, 1, rows(1))
    return ReadOptions()


def label_studio_coco(root: Path) -> ReadOptions:
    names = photos(root / "images", tuple(f"3f2a91c{i}-{name}" for i, name in enumerate(PHOTOS)))
    listed = [rf"..\..\label-studio\data\media\upload\4\{path.name}" for path in names]
    coco(root / "result.json", listed, 0, [{k: r[k] for k in ("id", "name")} for r in rows(0)])
    return ReadOptions()


def label_studio_yolo(root: Path) -> ReadOptions:
    for path in photos(root / "images", tuple(f"3f2a91c{i}-{n}" for i, n in enumerate(PHOTOS))):
        made.write(root / "labels" / f"{path.stem}.txt", outlines())
    made.write(root / "classes.txt", "apple\nleaf\n")
    made.write(root / "notes.json", {"categories": rows(0), "info": {"version": "1.0"}})
    return ReadOptions()


def roboflow_coco(root: Path) -> ReadOptions:
    for split in ("train", "valid"):
        names = photos(root / split, tuple(f"{n}_jpg.rf.{split}0{n}" for n in PHOTOS))
        above = {"id": 0, "name": "fruit", "supercategory": "none"}
        content = [above, *rows(1, "fruit")]
        coco(root / split / "_annotations.coco.json", [p.name for p in names], 1, content)
    made.write(root / "README.roboflow.txt", "fruit > 2024\n")
    return ReadOptions()


def roboflow_yolo(root: Path) -> ReadOptions:
    for split in ("train", "valid"):
        names = tuple(f"{n}_jpg.rf.{split}0{n}" for n in PHOTOS)
        for path in photos(root / split / "images", names):
            made.write(root / split / "labels" / f"{path.stem}.txt", outlines())
    text = "train: ../train/images\nval: ../valid/images\n\nnc: 2\nnames: ['apple', 'leaf']\n"
    made.write(root / "data.yaml", text + "\nroboflow:\n  workspace: w\n  project: fruit\n")
    return ReadOptions()


def roboflow_png(root: Path) -> ReadOptions:
    for split in ("train", "valid"):
        for path in photos(root / split, tuple(f"{n}_jpg.rf.{split}0{n}" for n in PHOTOS)):
            made.mask(root / split / f"{path.stem}_mask.png", ids())
        text = "Pixel Value, Class\n0, background\n1, apple\n2, leaf\n"
        made.write(root / split / "_classes.csv", text)
    return ReadOptions()


def labelme(root: Path) -> ReadOptions:
    for name in PHOTOS:
        # labelme draws outlines, too: they end on the last pixel.
        shapes = [
            made.shape(NAMES[i], [[left, top], [right - 1, bottom - 1]], "rectangle", flags={})
            for i, (left, top, right, bottom) in BOXES.items()
        ]
        photo = photos(root, (name,))[0]
        data = base64.b64encode(photo.read_bytes()).decode()
        more = {"imageData": data, "imageHeight": made.SIZE[0], "imageWidth": made.SIZE[1]}
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": photo.name}
        made.write(root / f"{name}.json", content | more)
    return ReadOptions()


def supervisely(root: Path) -> ReadOptions:
    photos(root / "ds" / "img")
    for name in PHOTOS:
        made.mask(root / "ds" / "masks_machine" / f"{name}.jpg.png", np.stack([ids()] * 3, -1))
    colours = {name: [i] * 3 for i, name in enumerate(NAMES) if i}
    made.write(root / "obj_class_to_machine_color.json", colours)
    return ReadOptions(images="ds/img", labels="ds/masks_machine")


def via(root: Path) -> ReadOptions:
    """Write VIA's COCO export: flat outlines, and images whose numbers are text elsewhere."""
    names = [path.name for path in photos(root)]
    path = root / "via_export_coco.json"
    coco(path, names, 1, rows(1, "type"))
    content = json.loads(path.read_text(encoding="utf-8"))
    for annotation in content["annotations"]:
        annotation["image_id"] = str(annotation["image_id"])
        annotation["segmentation"] = annotation["segmentation"][0]
    made.write(path, content)
    return ReadOptions()


def regions() -> list[dict[str, Any]]:
    """Return what VIA keeps of a photo: the apple is a box, the leaf an outline."""
    (left, top, right, bottom), leaf = BOXES[1], BOXES[2]
    box = {"name": "rect", "x": left, "y": top, "width": right - left, "height": bottom - top}
    outline = {
        "name": "polygon",
        "all_points_x": [leaf[0], leaf[2], leaf[2], leaf[0]],
        "all_points_y": [leaf[1], leaf[1], leaf[3], leaf[3]],
    }
    return [
        {"shape_attributes": shape, "region_attributes": {"type": name}}
        for shape, name in zip((box, outline), NAMES[1:], strict=True)
    ]


def via_project(root: Path) -> ReadOptions:
    images = {
        f"{path.name}9": {"filename": path.name, "size": 9, "regions": regions()}
        | {"file_attributes": {"caption": ""}}
        for path in photos(root)
    }
    made.write(root / "via_project.json", {"_via_settings": {}, "_via_img_metadata": images})
    return ReadOptions()


def via_csv(root: Path) -> ReadOptions:
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes"
    lines = [f"{header},region_attributes"]
    for path in photos(root / "images"):
        for i, region in enumerate(regions()):
            cells = (json.dumps(part).replace('"', '""') for part in region.values())
            lines.append(f'{path.name},9,"{{}}",2,{i},' + ",".join(f'"{cell}"' for cell in cells))
    made.write(root / "via_export_csv.csv", "\n".join(lines) + "\n")
    return ReadOptions()


def supervisely_project(root: Path) -> ReadOptions:
    """Write a project: the apple is a rectangle, the leaf a bitmap."""
    classes = [{"title": name, "shape": "any", "color": "#FF0000"} for name in NAMES[1:]]
    made.write(root / "meta.json", {"classes": classes, "tags": []})
    (left, top, right, bottom), leaf = BOXES[1], BOXES[2]
    corners = {"exterior": [[left, top], [right - 1, bottom - 1]], "interior": []}
    buffer = io.BytesIO()
    whole = np.full((leaf[3] - leaf[1], leaf[2] - leaf[0]), 255, np.uint8)
    Image.fromarray(whole).convert("1").save(buffer, "PNG")
    data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    objects = [
        {"classTitle": "apple", "geometryType": "rectangle", "points": corners},
        {"classTitle": "leaf", "geometryType": "bitmap"}
        | {"bitmap": {"data": data, "origin": list(leaf[:2])}},
    ]
    for path in photos(root / "ds0" / "img"):
        size = {"height": made.SIZE[0], "width": made.SIZE[1]}
        content = {"description": "", "tags": [], "size": size, "objects": objects}
        made.write(root / "ds0" / "ann" / f"{path.name}.json", content)
    return ReadOptions()


def eiseg(root: Path) -> ReadOptions:
    """Write EISeg's folder among the photos: masks, their colours and cut-outs, and the list."""
    colours = COLOURS.copy()
    for path in photos(root):
        made.mask(root / "label" / f"{path.stem}.png", ids())
        made.mask(root / "label" / f"{path.stem}_pseudo.png", colours[ids()])
        made.mask(root / "label" / f"{path.stem}_cutout.png", colours[ids()])
    listed = (f"{i} {NAMES[i]} {' '.join(map(str, COLOURS[i].tolist()))}" for i in (1, 2))
    made.write(root / "label" / "label.txt", "\n".join(listed) + "\n")
    return ReadOptions()


TOOLS: tuple[Callable[[Path], ReadOptions], ...] = (
    *(cvat_mask, cvat_coco, label_studio_coco, label_studio_yolo),
    *(roboflow_coco, roboflow_yolo, roboflow_png, labelme, supervisely, via),
    *(via_project, via_csv, supervisely_project, eiseg),
)

QUICK = (
    *("--epochs", "1", "--crop", "32", "--side", "64", "--batch", "2", "--encoder", "none"),
    *("--device", "cpu", "--set", "size=tiny", "--set", "first_crop=32"),
)


def flags(options: ReadOptions) -> list[str]:
    named = {"images": options.images, "labels": options.labels, "encoding": options.encoding}
    return [part for name, value in named.items() if value for part in (f"--{name}", str(value))]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
@pytest.mark.usefixtures("quick_export")
def test_an_export_goes_all_the_way(tmp_path: Path, tool: Callable[[Path], ReadOptions]) -> None:
    root = tmp_path / "export"
    options = tool(root)
    dataset = open_dataset(root, options=options, say=str)
    found = dataset[0].label_map
    assert dataset.classes.names == NAMES, dataset.found
    # YOLO's outlines are drawn with their border, as its trainer draws them.
    missed = (found != ids()).mean()
    assert missed == 0 or ("yolo" in tool.__name__ and missed < 0.05)
    named = flags(options)
    done = call("check", root, *named)
    assert done.returncode == 0, done.stdout + done.stderr
    done = call("show", root, *named, "--out", tmp_path / "grid.png")
    assert done.returncode == 0, done.stderr
    done = call("convert", root, *named, "--to", "coco", "--out", tmp_path / "coco")
    assert done.returncode == 0, done.stderr
    again = open_dataset(tmp_path / "coco", dataset.split, say=str)
    assert (again[0].label_map == found).all()
    done = call("train", root, *named, "--out", tmp_path / "run", *QUICK)
    assert done.returncode == 0, done.stderr
    weights = tmp_path / "run" / "model.onnx"
    photo = dataset.entries[0].image_path
    source = photo if photo.suffix != ".json" else photo.with_suffix(".jpg")
    done = call("predict", source, "--weights", weights, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert read_label_map(tmp_path / "out" / f"{source.stem}.png").shape == made.SIZE
    assert Predictor.load(weights).classes.names == NAMES


def test_label_studios_png_files_name_no_photo(tmp_path: Path) -> None:
    photos(tmp_path / "photos")
    for i, tag in enumerate(NAMES[1:], start=1):
        mask = np.where(ids() == i, 255, 0).astype(np.uint8)
        name = f"task-{i}-annotation-{i}-by-1-tag-{tag}-0.png"
        made.mask(tmp_path / "export" / name, mask)
    with pytest.raises(DataError, match=r"--images DIR --labels DIR"):
        open_dataset(tmp_path)
    with pytest.raises(DataError, match=r"a\.jpg: no mask of this name in"):
        open_dataset(tmp_path, options=ReadOptions(images="photos", labels="export"), say=str)
