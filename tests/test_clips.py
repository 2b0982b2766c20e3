"""Clips in `predict`: an overlay with sound, masks frame by frame, ids that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise import ClassMap, Instance, ModelCard, Prediction, Predictor, predict_video
from pixelwise.drawing.instances import instance_layer, overlay_instances
from pixelwise.errors import ArgumentError, VideoFileError
from pixelwise.inference import clips
from pixelwise.inference.clips import predict_camera
from pixelwise.inference.tracking import Tracker
from pixelwise.io.mask import read_instance_map
from pixelwise.io.rle import decode_rle
from tests.conftest import call, real, run
from tests.toy import write_toy

av = pytest.importorskip("av", reason="needs pixelwise[video]")

from tests.test_video import pictures, scene, sound, times, write_clip  # noqa: E402

CLASSES = ClassMap(("background", "red"))
CARD = ModelCard(
    *("red", CLASSES, 64, "by colour", "-", "MIT"), task="instance", instance_classes=(1,)
)


class Reds(Predictor):
    """Finds what is red, as one instance."""

    def predict(self, image: Any, tta: Any = (), *, instances: bool = True) -> Prediction:
        del tta, instances
        red = (image[..., 0] > 150) & (image[..., 1] < 90)
        logits = np.zeros((2, 2, 2), dtype=np.float32)
        found = (Instance.of(red, 1, id=9),) if red.any() else ()
        return Prediction(red.astype(np.uint8), CLASSES, logits, found)


REDS = Reds(CARD, None)  # type: ignore[arg-type]


def test_an_overlay_keeps_sound_and_times(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 12)
    outcome = predict_video(REDS, clip, tmp_path / "out")
    (overlay,) = outcome.written
    assert overlay == tmp_path / "out" / "a_overlay.mp4"
    assert (outcome.frames, outcome.tracks, outcome.trouble) == (12, {1: "red"}, ())
    assert times(overlay) == times(clip)
    assert sound(overlay) == sound(clip)
    before, after = pictures(clip)[6].astype(int), pictures(overlay)[6].astype(int)
    assert np.abs(after[34:38, 40:60] - before[34:38, 40:60]).mean() > 8  # the square is painted
    assert np.abs(after[:24] - before[:24]).mean() < 4  # the rest is as it was


def test_a_file_in_place_of_the_camera(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "a.mp4", 12, sound=False), tmp_path / "b.mkv"
    assert predict_camera(REDS, str(clip), out) == 12
    before, after = pictures(clip)[6].astype(int), pictures(out)[6].astype(int)
    assert np.abs(after[34:38, 40:60] - before[34:38, 40:60]).mean() > 8  # the square is painted
    assert np.abs(after[:24] - before[:24]).mean() < 4  # the rest is as it was
    with pytest.raises(VideoFileError, match="camera 77: cannot be opened"):
        predict_camera(REDS, "77", out)


def test_the_command_takes_a_camera(tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "a.mp4", 3, sound=False), tmp_path / "b.mkv"
    toy = write_toy(tmp_path / "toy.onnx")
    done = call("predict", "--camera", clip, "--weights", toy, "--out", out)
    assert done.returncode == 0, done.stderr
    assert len(pictures(out)) == 3
    done = call("predict", clip, "--camera", "0", "--weights", toy)
    assert done.stderr.startswith("pixelwise: --camera takes no other input")
    assert "INPUT: expected an image" in run("predict").stderr


def test_a_clip_is_drawn_as_its_frames_are() -> None:
    found = (box(10, 10), replace(box(30, 22), id=2), replace(box(70, 170), id=300))
    image = np.full((100, 200, 3), 90, dtype=np.uint8)
    expected = overlay_instances(image, found, 0.5, by_id=True)
    colours, share = instance_layer(found, (100, 200), 0.5)
    mixed = image * (1 - share[..., None]) + colours * share[..., None]
    off = np.abs(mixed - expected).max(axis=2) > 1
    # But for the edges of the numbers, and what of them lies outside the instances.
    assert off.mean() < 0.02
    for top, left, bottom, right in (instance.box for instance in found):
        for row, column in ((top, left), (bottom - 1, right - 1), (top + 2, left + 2)):
            assert not off[row, column]
    assert set(np.unique(share)) == {0, 0.5, 1}


def test_masks_and_youtube_vis(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 8, sound=False)
    outcome = predict_video(REDS, clip, tmp_path / "out", ("png", "instances", "json"))
    assert {path.name for path in outcome.written} == {"a_masks", "a_instances", "a.json"}
    content = json.loads((tmp_path / "out" / "a.json").read_text())
    (video,) = content["videos"]
    assert (video["length"], video["height"], video["width"]) == (8, 96, 160)
    assert len(video["file_names"]) == 8
    (annotation,) = content["annotations"]
    assert (annotation["category_id"], annotation["iscrowd"]) == (1, 0)
    assert content["categories"] == [{"id": 1, "name": "red"}]
    for k in range(8):
        expected = (scene(20 + 2 * k)[..., 0] > 200) & (scene(20 + 2 * k)[..., 1] < 90)
        mask = decode_rle(annotation["segmentations"][k], (96, 160))
        assert (mask & expected).sum() / (mask | expected).sum() > 0.9
        left, top, width, height = annotation["bboxes"][k]
        assert abs(left - 20 - 2 * k) <= 1
        assert max(abs(top - 32), abs(width - 32), abs(height - 32)) <= 1
        instance_map = read_instance_map(tmp_path / "out" / "a_instances" / f"{k:06}.png")
        assert np.array_equal(instance_map == 1, mask)
        with Image.open(tmp_path / "out" / "a_masks" / f"{k:06}.png") as picture:
            assert np.array_equal(np.asarray(picture) == 1, mask)


def test_frames_of_an_earlier_clip_do_not_stay(tmp_path: Path) -> None:
    clip, out, kinds = tmp_path / "a.mp4", tmp_path / "out", ("png", "instances")

    def written() -> list[str]:
        return sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))

    for frames in (5, 2):
        write_clip(clip, frames, sound=False)
        predict_video(REDS, clip, out, kinds)
    expected = [
        f"{folder}{end}"
        for folder in ("a_instances", "a_masks")
        for end in ("", "/000000.png", "/000001.png")
    ]
    assert written() == expected
    write_clip(clip, 3, sound=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "write_instance_map", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict_video(REDS, clip, out, kinds)
    assert written() == expected


def test_a_turned_clip_is_seen_upright(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 3, sound=False, rotation=90)
    predict_video(REDS, clip, tmp_path / "out", ("overlay", "instances"))
    with Image.open(tmp_path / "out" / "a_instances" / "000000.png") as picture:
        assert picture.size == (96, 160)
    turned, plain = pictures(tmp_path / "out" / "a_overlay.mp4")[0], pictures(clip)[0]
    changed = np.abs(turned.astype(int) - plain.astype(int)).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert (rows.min() >= 31, rows.max() <= 65, columns.min() >= 19, columns.max() <= 53) == (
        *(True, True, True, True),
    )


def box(top: int, left: int, score: float = 0.9, class_id: int = 1) -> Instance:
    mask = np.zeros((100, 200), dtype=bool)
    mask[top : top + 20, left : left + 20] = True
    return replace(Instance.of(mask, class_id, id=1), score=score)


def test_ids_stay_through_crossing_doubt_and_a_gap() -> None:
    tracker = Tracker(sure=0.5)
    a, b = tracker.follow([box(10, 10), box(60, 150)])
    assert (a.id, b.id) == (1, 2)
    # In another order, moved, one of them unsure: it goes on, but would not begin a track.
    found = tracker.follow([box(60, 146, 0.2), box(10, 14), box(40, 90, 0.2)])
    assert [(i.id, i.corner) for i in found] == [(1, (10, 14)), (2, (60, 146))]
    tracker.follow([box(10, 18), box(60, 142)])
    # Gone for three frames, it is expected where its speed has brought it.
    for k in range(3):
        assert [i.id for i in tracker.follow([box(10, 22 + 4 * k)])] == [1]
    assert [i.id for i in tracker.follow([box(10, 34), box(60, 126)])] == [1, 2]
    assert [i.id for i in tracker.follow([box(10, 38), box(60, 122), box(70, 40)])] == [1, 2, 3]


def test_an_instance_keeps_the_class_of_most_of_its_frames() -> None:
    tracker = Tracker(sure=0.5)
    seen = [tracker.follow([box(10, 10, class_id=c)])[0].class_id for c in (1, 1, 2, 1)]
    assert seen == [1, 1, 1, 1]


def test_a_track_ends_after_a_while() -> None:
    tracker = Tracker(sure=0.5)
    tracker.follow([box(10, 10)])
    for _ in range(31):
        tracker.follow([])
    assert tracker.follow([box(10, 10)])[0].id == 2


def test_what_clips_cannot_become(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 2, sound=False)
    toy = Predictor.load(write_toy(tmp_path / "toy.onnx"))
    with pytest.raises(ArgumentError, match="cannot become 'yolo'; there is: overlay, png"):
        predict_video(REDS, clip, tmp_path, ("yolo",))
    with pytest.raises(ArgumentError, match="find no instances"):
        predict_video(toy, clip, tmp_path, ("json",))
    (tmp_path / "b.mp4").write_bytes(b"no clip")
    with pytest.raises(VideoFileError, match=r"b\.mp4: not a clip"):
        predict_video(REDS, tmp_path / "b.mp4", tmp_path, ("json",))
    # Classes alone are drawn, too.
    assert predict_video(toy, clip, tmp_path / "o").tracks == {}


def test_the_command_takes_clips(tmp_path: Path) -> None:
    clip, weights = write_clip(tmp_path / "a.mp4", 3), write_toy(tmp_path / "toy.onnx")
    done = run("predict", clip, "--weights", weights, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    overlay = tmp_path / "out" / "a_overlay.mp4"
    assert done.stdout == f"{clip}: 3 frames\nwrote {overlay}\n"
    done = run("predict", clip, "--weights", weights)
    assert done.returncode == 2
    assert "a clip needs a folder as --out" in done.stderr
    done = call(
        "predict", clip, "--weights", weights, "--out", tmp_path / "out", "--bands", "3,2,1"
    )
    assert done.returncode == 2
    assert "--bands are for images, not for clips" in done.stderr


@pytest.mark.parametrize("name", ["dog"])
def test_the_subject_of_a_real_clip_keeps_its_id(name: str, tmp_path: Path) -> None:
    folder = real("davis") / "JPEGImages" / name
    with av.open(str(tmp_path / "a.mp4"), "w") as target:
        video = target.add_stream("libx264", rate=24)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        for file in sorted(folder.iterdir())[:12]:
            with Image.open(file) as picture:
                pixels = np.asarray(picture.convert("RGB").resize((640, 360)))
            target.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        target.mux(video.encode(None))
    predict_video(Predictor.load(threads=1), tmp_path / "a.mp4", tmp_path, ("json",))
    content = json.loads((tmp_path / "a.json").read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    tracks = content["annotations"]
    longest = max(tracks, key=lambda track: len([s for s in track["segmentations"] if s]))
    assert names[longest["category_id"]] == "dog"
    assert all(longest["segmentations"])
