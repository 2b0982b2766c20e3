"""Large photos: tiles without seams, read and written in bands, in bounded memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from pixelwise import VOC, Predictor
from pixelwise.cluster.work import Options, Worker
from pixelwise.errors import ArgumentError, ImageFileError
from pixelwise.inference.files import predict_files
from pixelwise.inference.large import own_tile
from pixelwise.inference.tiles import _places, _ramps, label_bands
from pixelwise.io.image import read_image
from pixelwise.io.mask import read_label_map
from pixelwise.io.png_rows import label_rows
from pixelwise.io.storage import open_store
from pixelwise.io.tiff import image_rows, large_size
from pixelwise.weights.card import KEY
from tests.conftest import run
from tests.toy import CARD, write_toy

UInt8Array = npt.NDArray[np.uint8]


def bands(image: UInt8Array, rows: int) -> Iterator[UInt8Array]:
    return (image[top : top + rows] for top in range(0, len(image), rows))


def labelled(predictor: Predictor, image: UInt8Array, tile: int, rows: int = 50) -> UInt8Array:
    size = image.shape[0], image.shape[1]
    return np.concatenate(list(label_bands(predictor, size, bands(image, rows), tile)))


def noise(height: int, width: int) -> UInt8Array:
    """Blotches of colour, some pixels wide."""
    rng = np.random.default_rng(height + width)
    small = rng.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load(write_toy(tmp_path_factory.mktemp("toy") / "model.onnx"))


@pytest.fixture(scope="module")
def looker(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A network that looks 4 px around: the toy's answer from the mean of 9 x 9 pixels."""
    path = tmp_path_factory.mktemp("looker") / "model.onnx"
    weights = np.array([[0, 0, 0], [1, 0, -1], [0, 1, -1]], np.float32)[:, :, None, None]
    spread = (np.broadcast_to(weights, (3, 3, 9, 9)) / 810).astype(np.float32)
    shape: list[str | int | None] = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weights"], ["logits"], pads=[4, 4, 4, 4])],
        "looker",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(spread, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, {KEY: replace(CARD, side=96).to_json()})
    onnx.save(model, path)
    return Predictor.load(path)


@given(st.integers(1, 3000), st.integers(32, 700))
def test_tiles_cover_everything_and_their_parts_add_up_to_1(total: int, side: int) -> None:
    places = _places(total, side)
    weight = np.zeros(total)
    for (start, end), ramp in zip(places, _ramps(places), strict=True):
        assert 0 <= start < end <= total
        assert start % 32 == 0 or side < 96
        assert end - start <= side
        weight[start:end] += ramp
    assert weight == pytest.approx(np.ones(total), abs=1e-6)


@pytest.mark.parametrize(("shrink", "size"), [(1, (300, 500)), (3, (600, 900)), (2, (200, 1000))])
@pytest.mark.parametrize("rows", [1, 37, 1000])
def test_tiles_say_what_the_whole_photo_says(
    looker: Predictor, shrink: int, size: tuple[int, int], rows: int
) -> None:
    image = noise(*size)
    whole = replace(looker, card=replace(looker.card, side=max(size) // shrink))
    expected = whole.predict(image).label_map
    assert len(np.unique(expected)) == 3
    # 4 px around are less than the 6 px (a sixteenth of 96) that do not count at a tile's edge.
    assert (labelled(looker, image, 96 * shrink, rows) == expected).mean() > 0.9999


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 260), st.integers(1, 260), st.integers(20, 300))
def test_any_size_in_same_size_out(toy: Predictor, height: int, width: int, tile: int) -> None:
    image = np.full((height, width, 3), (200, 20, 20), np.uint8)
    label_map = labelled(toy, image, tile)
    assert label_map.shape == (height, width)
    assert (label_map == 1).all()


def test_bands_that_make_no_photo_are_refused(toy: Predictor) -> None:
    image = noise(100, 80)
    for size in ((99, 80), (101, 80), (100, 81)):
        with pytest.raises(ArgumentError, match="do not make an image of"):
            list(label_bands(toy, size, bands(image, 30), 64))
    with pytest.raises(ArgumentError, match="tile: expected at least 1"):
        list(label_bands(toy, (100, 80), bands(image, 30), 0))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rowsperstrip": 7},
        {"tile": (64, 48)},
        {"compression": "zlib", "tile": (32, 32)},
        {"compression": "zlib", "predictor": True, "rowsperstrip": 20},
        {"bigtiff": True, "tile": (16, 16)},
    ],
)
@pytest.mark.parametrize("kind", ["rgb", "rgba", "grey", "deep", "deep rgb"])
def test_tiffs_read_in_bands_as_they_read_whole(
    tmp_path: Path, options: dict[str, object], kind: str
) -> None:
    image, path = noise(101, 150), tmp_path / "photo.tif"
    pixels: npt.NDArray[np.generic] = {
        "rgb": image,
        "rgba": np.dstack([image, np.full((101, 150), 255, np.uint8)]),
        "grey": image[..., 0],
        "deep": image[..., 0].astype(np.uint16) << 8,
        "deep rgb": image.astype(np.uint16) << 8,
    }[kind]
    colour = "rgb" if "rgb" in kind else "minisblack"
    more: dict[str, object] = {"extrasamples": ["unassalpha"]} if kind == "rgba" else {}
    tifffile.imwrite(path, pixels, photometric=colour, **options, **more)  # type: ignore[arg-type]
    assert large_size(path) == (101, 150)
    with image_rows(path) as rows:
        together = np.concatenate(list(rows))
    expected = np.repeat(image[..., :1], 3, axis=2) if kind in ("grey", "deep") else image
    assert (together == expected).all()


def test_other_files_read_whole(tmp_path: Path) -> None:
    image = noise(300, 40)
    Image.fromarray(image).save(tmp_path / "photo.png")
    Image.fromarray(image).convert("CMYK").save(tmp_path / "cmyk.tif")
    for name in ("photo.png", "cmyk.tif"):
        assert large_size(tmp_path / name) == (300, 40)
        with image_rows(tmp_path / name) as rows:
            assert (np.concatenate(list(rows)) == read_image(tmp_path / name)).all()


def test_damaged_tiffs_are_named(tmp_path: Path) -> None:
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, noise(200, 100), photometric="rgb", compression="zlib", rowsperstrip=10)
    data = path.read_bytes()
    for wrong in (b"", b"II*\0", data[: len(data) // 2], data.replace(b"\x78", b"\x79")):
        path.write_bytes(wrong)
        with pytest.raises(ImageFileError, match=r"photo\.tif"), image_rows(path) as rows:
            list(rows)
    with pytest.raises(ImageFileError, match="no such file"):
        large_size(tmp_path / "gone.tif")


def test_a_compression_that_needs_more_says_so(tmp_path: Path) -> None:
    path, image = tmp_path / "photo.tif", noise(90, 80)
    Image.fromarray(image).save(path, compression="tiff_lzw")
    with image_rows(path) as rows:
        if find_spec("imagecodecs"):
            assert (np.concatenate(list(rows)) == image).all()
            return
        with pytest.raises(ImageFileError, match="install imagecodecs"):
            list(rows)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_label_map_written_in_rows_reads_back(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, rows: int, seed: int
) -> None:
    label_map = np.random.default_rng(seed).integers(0, 21, (height, width), dtype=np.uint8)
    path = tmp_path_factory.getbasetemp() / "rows.png"
    with label_rows(path, (height, width), VOC) as out:
        for top in range(0, height, rows):
            out.write(label_map[top : top + rows])
    assert (read_label_map(path) == label_map).all()
    with Image.open(path) as picture:
        assert picture.mode == "P"


def test_a_label_map_with_missing_rows_does_not_appear(tmp_path: Path) -> None:
    path, part = tmp_path / "map.png", np.zeros((3, 5), np.uint8)
    with (
        pytest.raises(ArgumentError, match="1 rows of the label map are missing"),
        label_rows(path, (4, 5), VOC) as out,
    ):
        out.write(part)
    for shape in ((5, 5), (3, 4)):
        with (
            pytest.raises(ArgumentError, match="expected at most 4 rows of 5 px"),
            label_rows(path, (4, 5), VOC) as out,
        ):
            out.write(np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_predict_labels_a_large_tiff_in_little_memory(tmp_path: Path) -> None:
    weights, photo = write_toy(tmp_path / "model.onnx"), tmp_path / "large.tif"
    side, part = 9072, 1008

    def tiles() -> Iterator[UInt8Array]:
        for top in range(0, side, part):
            for left in range(0, side, part):
                colour = (200, 20, 20) if left < 3024 else (20, 20, 200)
                if top >= 6048 and left >= 5040:
                    colour = (20, 200, 20)
                yield np.full((part, part, 3), colour, np.uint8)

    tifffile.imwrite(
        photo, tiles(), shape=(side, side, 3), dtype=np.uint8, photometric="rgb",
        compression="zlib", tile=(part, part),
    )  # fmt: skip
    if sys.platform != "linux":
        pytest.skip("the peak of a process's memory is read from /proc")
    script = (
        "import sys; from pathlib import Path; from pixelwise.cli.main import main; code = 0\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "lines = Path('/proc/self/status').read_text().splitlines()\n"
        "print('peak', *[s.split()[1] for s in lines if s.startswith('VmHWM')]); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "predict", str(photo), "--weights", str(weights)]
    command += ["--out", str(tmp_path / "out"), "--tile", "2000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    # The photo has 243 MB, its label map 81; the libraries take about 150.
    assert int(done.stdout.split("peak")[1]) < 450_000
    label_map = read_label_map(tmp_path / "out" / "large.png")
    assert label_map.shape == (side, side)
    expected = np.zeros((side, side), np.uint8)
    expected[:, :3024] = 1
    expected[6048:, 5040:] = 2
    assert (label_map != expected).mean() < 0.01
    with Image.open(tmp_path / "out" / "large_overlay.jpg") as picture:
        assert 1500 <= max(picture.size) <= 2500


def test_what_needs_the_whole_label_map_is_told(tmp_path: Path) -> None:
    weights = write_toy(tmp_path / "model.onnx")
    Image.fromarray(noise(300, 400)).save(tmp_path / "photo.png")
    Image.fromarray(noise(30, 40)).save(tmp_path / "small.png")
    photos = tmp_path / "photo.png", tmp_path / "small.png"
    told = ("--weights", weights, "--tile", "200", "--save", "npz", "--save", "png")
    done = run("predict", *photos, "--out", tmp_path / "out", *told)
    assert done.returncode == 2
    assert "photo.png: --save npz needs the label map as a whole" in done.stderr
    assert (tmp_path / "out" / "small.npz").exists()


def test_odd_photos_among_large_ones(tmp_path: Path) -> None:
    weights = write_toy(tmp_path / "model.onnx")
    Image.new("RGB", (5000, 1), (200, 20, 20)).save(tmp_path / "thin.png")
    Image.new("RGB", (1, 1), (200, 20, 20)).save(tmp_path / "dot.png")
    tifffile.imwrite(tmp_path / "cut.tif", noise(500, 400), photometric="rgb", compression="zlib")
    data = (tmp_path / "cut.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) // 2])
    photos = [tmp_path / name for name in ("cut.tif", "thin.png", "dot.png")]
    told = ("--weights", weights, "--tile", "200", "--out", tmp_path / "out")
    done = run("predict", *photos, *told)
    assert done.returncode == 2
    assert "cut.tif" in done.stderr
    assert not (tmp_path / "out" / "cut.png").exists()
    for name, shape in (("thin", (1, 5000)), ("dot", (1, 1))):
        label_map = read_label_map(tmp_path / "out" / f"{name}.png")
        assert label_map.shape == shape
        assert (label_map == 1).all()


def test_levels_are_stretched_by_those_of_the_whole_image(tmp_path: Path) -> None:
    image = noise(300, 900) // 4
    image[:, 450:] = 30 + image[:, 450:] // 20  # nearly nothing, which a tile would make much of
    path, weights = tmp_path / "a.png", tmp_path / "weights.onnx"
    Image.fromarray(image).save(path)
    write_toy(weights, replace(CARD, side=900, stretch_levels=True))
    predictor = Predictor.load(weights)
    whole = predictor.predict(read_image(path)).label_map
    predict_files(predictor, [path], tmp_path / "out", ["png"], tile=200)
    tiled = read_label_map(tmp_path / "out" / "a.png")
    assert (tiled == whole).mean() > 0.99


def test_tiles_are_of_what_the_network_sees(tmp_path: Path) -> None:
    card = replace(CARD, image_scale=2.0)
    enlarging = Predictor.load(write_toy(tmp_path / "toy.onnx", card))
    assert own_tile(enlarging, 8192) == 4096
    worker = Worker(enlarging, Options(), open_store(tmp_path), open_store(tmp_path / "out"), {})
    Image.new("RGB", (5000, 400)).save(tmp_path / "wide.png")
    assert "longer than 4096 px" in str(worker._read("wide.png"))


def test_results_of_tiles_are_not_made_twice(tmp_path: Path) -> None:
    card = replace(CARD, task="instance", instance_classes=(1,), stride=2)
    predictor = Predictor.load(write_toy(tmp_path / "toy.onnx", card))
    path = tmp_path / "a.png"
    Image.fromarray(noise(100, 300)).save(path)
    first = predict_files(predictor, [path], tmp_path / "out", tile=100)
    assert (first.written, first.in_tiles) == ((path,), (path,))
    assert predict_files(predictor, [path], tmp_path / "out", tile=100).skipped == (path,)
    # A larger tile sees it whole, with its instances.
    assert predict_files(predictor, [path], tmp_path / "out", tile=400).written == (path,)


def test_crops_are_those_of_one_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor.load(write_toy(tmp_path / "toy.onnx"))
    path, out = tmp_path / "a.png", tmp_path / "out"
    image = np.zeros((60, 90, 3), np.uint8)
    for left in (5, 35, 65):
        image[10:30, left : left + 20] = (250, 0, 0)
    Image.fromarray(image).save(path)
    with monkeypatch.context() as patch:
        crops: list[Path] = []

        def cut_short(path: Path, picture: Image.Image) -> None:
            picture.save(path)
            crops.append(path)
            if len(crops) == 2:
                raise KeyboardInterrupt

        patch.setattr("pixelwise.inference.outputs.save_pillow", cut_short)
        with pytest.raises(KeyboardInterrupt):
            predict_files(predictor, [path], out, ["crops"])
    assert not list(out.iterdir())
    assert predict_files(predictor, [path], out, ["crops"]).written == (path,)
    assert len(list((out / "a_crops").iterdir())) == 3
    Image.fromarray(image[:, :60]).save(path)
    predict_files(predictor, [path], out, ["crops"], overwrite=True)
    assert len(list((out / "a_crops").iterdir())) == 2
    assert [p.name for p in out.iterdir()] == ["a_crops"]
