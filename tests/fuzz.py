"""Mutated files, read one after the other in a process with little memory.

python -m tests.fuzz KIND CASES SEED

Each case must end in what was asked for, or in a DataError that names a file of the case. Another
exception, a crash, or a case of more than 20 seconds ends the process with its number and seed.
"""

from __future__ import annotations

import base64
import io
import json
import random
import struct
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from pixelwise import ReadOptions, open_dataset, read_image, read_label_map
from pixelwise.classes import voc_colormap
from pixelwise.datasets.unpack import unpack
from pixelwise.errors import DataError
from pixelwise.io.mask import read_instance_map
from pixelwise.io.tiff import large_size
from tests import made

LIMIT_GB = 3
SLOW = 20.0


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change, cut, repeat or insert some bytes."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(6):
            case 0 if out:
                out[at] = rng.randrange(256)
            case 1 if out:
                out[at] ^= 1 << rng.randrange(8)
            case 2:
                del out[at : at + rng.choice((1, 2, 8, 100))]
            case 3:
                out[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 30))))
            case 4:
                out[at : at + 4] = rng.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff")
                )
            case 5:
                del out[at:]
    return bytes(out)


def with_right_sums(png: bytes) -> bytes:
    """Give each chunk of a mutated PNG its right checksum, so that the damage gets further in."""
    out, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        body = png[at + 4 : at + 8 + length]
        out += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out)


def photos(rng: np.random.Generator) -> list[bytes]:
    image = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[Image.Image, dict[str, Any]]] = [
        (image, {}),
        (image, {"progressive": True}),
        (image, {"exif": exif}),
        (image.convert("L"), {}),
        (image.convert("CMYK"), {}),
    ]
    return [saved(picture, "JPEG", **options) for picture, options in kinds]


def masks(rng: np.random.Generator) -> list[bytes]:
    ids = rng.integers(0, 21, (30, 40), dtype=np.uint8)
    palette = Image.fromarray(ids, mode="P")
    palette.putpalette(voc_colormap().tobytes())
    return [
        saved(palette, "PNG"),
        saved(Image.fromarray(ids), "PNG"),
        saved(Image.fromarray(voc_colormap()[ids]), "PNG"),
        saved(Image.fromarray(ids.astype(np.uint16) * 300), "PNG"),
    ]


def scenes(rng: np.random.Generator) -> list[bytes]:
    """Return TIFF files of six bands, of three kinds of numbers, and one of a single band."""
    out = []
    for kind, planar, shape in (
        ("uint8", "contig", (30, 40, 6)),
        ("uint16", "separate", (6, 30, 40)),
        ("float32", "contig", (30, 40, 5)),
        ("float32", None, (30, 40)),
        ("int16", None, (3, 30, 40)),
    ):
        buffer, numbers = io.BytesIO(), rng.integers(0, 200, shape).astype(kind)
        tifffile.imwrite(buffer, numbers, photometric="minisblack", planarconfig=planar)
        out.append(buffer.getvalue())
    return out


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(folder: Path, rng: random.Random) -> None:
    path = folder / "photo.jpg"
    data = mutated(rng.choice(PHOTOS), rng)
    if rng.random() < 0.2:  # a frame that claims to be huge
        for start in (b"\xff\xc0\x00\x11\x08", b"\xff\xc2\x00\x11\x08"):
            at = data.find(start)
            if at >= 0:
                data = data[: at + 5] + b"\xff\xdc\xff\xdc" + data[at + 9 :]
    path.write_bytes(data)
    read_image(path)


def bands(folder: Path, rng: random.Random) -> None:
    """Mutate a TIFF of many bands, most often in its header and its list of tags."""
    path = folder / "scene.tif"
    data = rng.choice(SCENES)
    cut = rng.choice((8, 400, len(data)))
    path.write_bytes(mutated(data[:cut], rng) + data[cut:])
    chosen = rng.choice(((), (3, 2, 1), (1,)))
    large_size(path, chosen)
    assert read_image(path, chosen).ndim == 3


def png(folder: Path, rng: random.Random) -> None:
    path = folder / "mask.png"
    data = rng.choice(MASKS)
    if rng.random() < 0.2:
        data = data[:16] + struct.pack(">II", rng.choice((1, 60000)), 60000) + data[24:]
    data = mutated(data, rng) if rng.random() < 0.9 else data
    path.write_bytes(with_right_sums(data) if rng.random() < 0.7 else data)
    rng.choice((read_image, read_label_map, read_instance_map))(path)


STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    float("nan"),
    "",
    "\0",
    "../../x",
    "é" * 300,
    [],
    [[]],
    {},
    [1, 2, 3],
    [10**9] * 6,
    {"size": [10**6, 10**6], "counts": [10**12]},
    {"size": [40, 60], "counts": "0" * 500},
    {"size": [40, 60], "counts": [2**62, 2**62, 2400]},
)


def changed(content: Any, rng: random.Random) -> Any:
    """Put something strange somewhere into a tree of JSON."""
    if isinstance(content, dict) and content and rng.random() < 0.85:
        key = rng.choice(list(content))
        if rng.random() < 0.1:
            return {k: v for k, v in content.items() if k != key}
        return content | {key: changed(content[key], rng)}
    if isinstance(content, list) and content and rng.random() < 0.85:
        at = rng.randrange(len(content))
        return [*content[:at], changed(content[at], rng), *content[at + 1 :]]
    return rng.choice(STRANGE)


def via(folder: Path) -> Path:
    """Write a project of VIA with a shape of each kind."""
    shapes: list[dict[str, Any]] = [
        {"name": "polygon", "all_points_x": [1, 9, 9], "all_points_y": [1, 1, 9]},
        {"name": "rect", "x": 20, "y": 20, "width": 8, "height": 9},
        {"name": "ellipse", "cx": 40, "cy": 20, "rx": 5, "ry": 9, "theta": 0.3},
        {"name": "circle", "cx": 40, "cy": 10, "r": 5},
        {"name": "point", "cx": 3, "cy": 3},
    ]
    regions = [
        {"shape_attributes": shape, "region_attributes": {"type": name, "sure": {"yes": True}}}
        for shape, name in zip(shapes, "abbab", strict=True)
    ]
    made.photo(folder / "a.jpg")
    image = {"filename": "a.jpg", "size": 9, "regions": regions, "file_attributes": {}}
    return made.write(folder / "via.json", {"_via_settings": {}, "_via_img_metadata": {"a": image}})


def supervisely(folder: Path, rng: random.Random) -> Path:
    """Write a project of Supervisely; return its list of classes or its annotation."""
    made.photo(folder / "ds" / "img" / "a.jpg")
    png = saved(Image.fromarray(np.ones((5, 6), np.uint8) * 255).convert("1"), "PNG")
    data = base64.b64encode(zlib.compress(png)).decode()
    corners = {"exterior": [[1, 1], [9, 1], [9, 9]], "interior": [[[4, 2], [7, 2], [7, 4]]]}
    objects = [
        {"classTitle": "a", "geometryType": "polygon", "points": corners},
        {"classTitle": "b", "geometryType": "rectangle"}
        | {"points": {"exterior": [[20, 20], [28, 29]], "interior": []}},
        {"classTitle": "b", "geometryType": "bitmap"}
        | {"bitmap": {"data": data, "origin": [30, 5]}},
        {"classTitle": "b", "geometryType": "point"}
        | {"points": {"exterior": [[3, 3]], "interior": []}},
    ]
    listed = made.write(folder / "meta.json", {"classes": [{"title": "a"}, {"title": "b"}]})
    own = made.write(folder / "ds" / "ann" / "a.jpg.json", {"objects": objects})
    return own if rng.random() < 0.8 else listed


JSON_FORMATS = ("via", "supervisely", "coco", "labelme")


def json_files(folder: Path, rng: random.Random) -> None:
    kind = rng.randrange(4)
    if kind == 0:
        path = via(folder)
    elif kind == 1:
        path = supervisely(folder, rng)
    elif kind == 2:
        made.coco(
            folder,
            [
                {"category_id": 7, "segmentation": [made.box(2, 2, 9, 9)]},
                {"category_id": 3, "segmentation": {"size": [40, 60], "counts": [100, 50, 2250]}},
                {"category_id": 3, "segmentation": {"size": [40, 60], "counts": "T3b1ne0"}},
            ],
        )
        path = folder / "annotations" / "instances_train.json"
    else:
        shapes = [
            made.shape("a", [[1, 1], [9, 1], [9, 9]]),
            made.shape("b", [[11, 1], [19, 9]], "rectangle", group_id=3),
            made.shape("b", [[30, 30], [30, 35]], "circle", group_id=3),
            made.shape("c", [[30, 30], [40, 35], [50, 5]], "linestrip"),
            made.shape("c", [[5, 30]], "point"),
        ]
        made.labelme(folder, shapes)
        path = folder / "a.json"
    text = path.read_text(encoding="utf-8")
    if rng.random() < 0.6:
        path.write_text(json.dumps(changed(json.loads(text), rng)), encoding="utf-8")
    elif rng.random() < 0.1:
        path.write_text("[" * 200_000, encoding="utf-8")
    else:
        path.write_bytes(mutated(text.encode(), rng))
    format, skip = rng.choice((None, None, JSON_FORMATS[kind])), rng.choice((None, True))
    options = ReadOptions(format=format, skip_unusable=skip)
    for sample in open_dataset(folder, options=options, say=str):
        assert sample.label_map.shape == sample.image.shape[:2]
        assert sample.instance_map is not None or sample.instances is None


def texts(folder: Path, rng: random.Random) -> None:
    match rng.randrange(4):
        case 0:
            made.yolo(folder, "0 0.1 0.1 0.5 0.1 0.5 0.5\n1 0.6 0.6 0.9 0.6 0.9 0.9\n")
            path = folder / "labels" / "train" / "a.txt"
        case 1:
            made.yolo(folder, "0 0.1 0.1 0.5 0.1 0.5 0.5\n")
            path = folder / "data.yaml"
        case _:
            made.photo(folder / "JPEGImages" / "a.jpg")
            made.mask(folder / "SegmentationClass" / "a.png", made.square(1, 1, 9))
            made.write(folder / "classes.txt", "background\ncat 1 2 3\ndog\n")
            path = made.write(folder / "ImageSets" / "Segmentation" / "train.txt", "a\n")
            path = rng.choice((path, folder / "classes.txt"))
    path.write_bytes(mutated(path.read_bytes(), rng))
    for sample in open_dataset(folder, say=str):
        assert sample.label_map.shape == sample.image.shape[:2]


LISTS = {
    "labelmap.txt": "# label:color_rgb:parts:actions\nsky:0,0,0::\ncat:1,2,3::\nignore:9,9,9::\n",
    "class_dict.csv": "name,r,g,b\nsky,0,0,0\ncat,1,2,3\n",
    "colors.csv": "label;color\nsky;#000000\ncat;#010203\n",
    "_classes.csv": "Pixel Value, Class\n0, sky\n1, cat\n",
    "labels.txt": "0: sky\n1: cat\n",
    "label.txt": "0 sky 0 0 0\n1 cat 1 2 3\n",
    "id2label.json": '{"0": "sky", "1": "cat"}',
    "obj_class_to_machine_color.json": '{"sky": [0, 0, 0], "cat": [1, 2, 3]}',
}


def lists(folder: Path, rng: random.Random) -> None:
    """Mutate a list of classes, or Kaggle's list of runs, of a folder of pairs."""
    made.photo(folder / "images" / "a.jpg")
    options = ReadOptions()
    if rng.random() < 0.2:
        path = made.write(folder / "train.csv", "ImageId,EncodedPixels\na,1 3 50 2\na,400 9\n")
        options = ReadOptions(images="images", labels="train.csv")
    else:
        name = rng.choice(sorted(LISTS))
        made.mask(folder / "masks" / "a.png", made.square(1, 1, 9))
        if rng.random() < 0.5:
            colours = np.array([(0, 0, 0), (1, 2, 3)], np.uint8)
            made.mask(folder / "masks" / "a.png", colours[made.square(1, 1, 9)])
        path = made.write(folder / name, LISTS[name])
    path.write_bytes(mutated(path.read_bytes(), rng))
    for sample in open_dataset(folder, options=options, say=str):
        assert sample.label_map.shape == sample.image.shape[:2]


def sets(folder: Path, rng: random.Random) -> None:
    """Mutate one mask of a set: palettes in two orders, black and white, levels, objects."""
    ids = made.square(1, 1, 9, 1) + made.square(20, 20, 9, 2)
    folders = rng.choice(("masks", "masks/{}"))
    files = []
    for i in range(2):
        made.photo(folder / "images" / f"{i}.jpg", i)
        numbers, colours = rng.choice(
            (
                (np.array([0, 1, 2]), [0, 0, 0, 255, 0, 0, 0, 255, 0]),
                (np.array([1, 0, 2]), [255, 0, 0, 0, 0, 0, 0, 255, 0]),
                (np.array([0, 255, 255]), None),
                (np.array([0, 65535, 65535]), None),
                (np.array([0, 128, 255]), None),
            )
        )
        picture = Image.fromarray(
            numbers[ids].astype(np.uint16 if numbers.max() > 255 else np.uint8)
        )
        if colours:
            picture = picture.convert("P")
            picture.putpalette(colours)
        path = folder / folders.format(i) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
        files.append(path)
    path = rng.choice(files)
    data = mutated(path.read_bytes(), rng)
    path.write_bytes(with_right_sums(data) if rng.random() < 0.7 else data)
    encoding = rng.choice((None, "binary", "levels", "ids"))
    dataset = open_dataset(folder, options=ReadOptions(encoding=encoding), say=str)
    for entry in dataset.entries:
        assert dataset.read_labels(entry)[0].ndim == 2


def tar(folder: Path, rng: random.Random) -> None:
    path = folder / "set.tar"
    path.write_bytes(mutated(rng.choice(ARCHIVES), rng))
    unpack(path, folder / "root", "set")


def archives() -> list[bytes]:
    out = []
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode=mode) as tar:
            for i in range(3):
                info = tarfile.TarInfo(f"set/folder{i}/file")
                info.size = 700
                tar.addfile(info, io.BytesIO(bytes(range(70)) * 10))
        out.append(buffer.getvalue())
    return out


PHOTOS, MASKS = photos(np.random.default_rng(0)), masks(np.random.default_rng(0))
SCENES = scenes(np.random.default_rng(0))
ARCHIVES = archives()
KINDS: dict[str, Callable[[Path, random.Random], None]] = {
    "jpeg": jpeg,
    "png": png,
    "bands": bands,
    "json": json_files,
    "txt": texts,
    "lists": lists,
    "sets": sets,
    "tar": tar,
}


def main(kind: str, cases: int, seed: int) -> None:
    """Run the cases of one kind and print how many ended in an error of ours."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GB << 30, LIMIT_GB << 30))
    except (ImportError, ValueError):
        pass  # no such limit on this system: the cases themselves are the same
    refused = 0
    for case in range(cases):
        rng = random.Random(f"{kind}-{seed}-{case}")
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            try:
                KINDS[kind](Path(folder), rng)
            except DataError as error:
                refused += 1
                if folder not in str(error):
                    sys.exit(f"case {case} of {kind}, seed {seed}: names no file: {error}")
            except BaseException:
                print(f"case {case} of {kind}, seed {seed}", file=sys.stderr)
                raise
        if time.perf_counter() - started > SLOW:
            sys.exit(f"case {case} of {kind}, seed {seed}: took more than {SLOW} s")
    print(f"{kind}: {cases} cases, {refused} refused")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
