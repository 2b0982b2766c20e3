"""``pixelwise blur`` on clips: frame times, sound, rotation, damage, memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pixelwise import Predictor, blur_video
from pixelwise.backgrounds import Blur, Colour, Transparent
from pixelwise.backgrounds.camera import blur_camera
from pixelwise.concurrency import run_ahead
from pixelwise.errors import ArgumentError, MissingExtraError, VideoFileError
from pixelwise.inference.session import Outputs
from pixelwise.samples import UInt8Array
from tests.conftest import real, run
from tests.toy import write_toy

av = pytest.importorskip("av")

SIZE = (96, 160)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("weights") / "toy.onnx")


def scene(at: int) -> UInt8Array:
    """Blue stripes, and a red square whose left side is at a column."""
    image = np.full((*SIZE, 3), (40, 60, 200), np.uint8)
    image[:, ::8] = image[:, 1::8] = (150, 170, 250)
    image[32:64, at : at + 32] = (220, 40, 30)
    return image


def write_clip(
    path: Path,
    frames: int = 24,
    *,
    pts: list[int] | None = None,
    rotation: int = 0,
    sound: bool = True,
    still: bool = False,
) -> Path:
    with av.open(str(path), "w") as target:
        video = target.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = *SIZE, "yuv420p"
        video.options = {"crf": "12", "g": "12"}
        if pts:
            video.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            video.set_display_rotation(rotation)
        voice = target.add_stream("aac", rate=44100, layout="mono") if sound else None
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(40 if still else 20 + 2 * i), format="rgb24")
            if pts:
                frame.pts, frame.time_base = pts[i], Fraction(1, 1000)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if voice is not None:
            tone = np.sin(np.arange(44100 * frames // 25) * 0.06).astype(np.float32)
            for start in range(0, len(tone) - 1023, 1024):
                part = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], "fltp", "mono")
                part.sample_rate, part.pts = 44100, start
                target.mux(voice.encode(part))
            target.mux(voice.encode(None))
    return path


def pictures(path: Path) -> list[UInt8Array]:
    with av.open(str(path)) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


def times(path: Path) -> list[float]:
    with av.open(str(path)) as clip:
        return [float(frame.time) for frame in clip.decode(video=0)]


def sound(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as clip:
        stream = clip.streams.audio[0]
        return [
            (round(float(p.pts * p.time_base), 4), bytes(p))
            for p in clip.demux(stream)
            if p.pts is not None
        ]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_sound_and_frame_times_are_kept(toy: Path, tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    pts = np.cumsum(rng.integers(10, 90, 24)).tolist()
    clip, out = write_clip(tmp_path / f"a{suffix}", pts=pts), tmp_path / f"b{suffix}"
    done = run("blur", clip, "--out", out, "--weights", toy, "--sigma", "6")
    assert done.returncode == 0, done.stderr
    assert "24 frames, red kept" in done.stdout
    assert times(out) == pytest.approx(times(clip), abs=0.0011)
    assert sound(out) == sound(clip)
    for i, (before, after) in enumerate(zip(pictures(clip), pictures(out), strict=True)):
        left = 20 + 2 * i
        # The subject stays where it is and as it is; the stripes are gone.
        assert np.abs(after[38:58, left + 5 : left + 27].astype(int) - (220, 40, 30)).mean() < 8
        assert after[4:24].std(axis=1).mean() < 0.35 * before[4:24].std(axis=1).mean()
        assert after[4:24, :, 0].max() < 150


def alphas(path: Path) -> list[UInt8Array]:
    """Return the alpha of each frame; FFmpeg's own VP9 decoder leaves it out, libvpx does not."""
    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        if stream.codec_context.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
            packets = [p for p in clip.demux(stream) if p.size]
            frames = [f for p in packets for f in decoder.decode(p)] + decoder.decode(None)
        else:
            frames = list(clip.decode(stream))
    return [frame.to_ndarray(format="rgba")[..., 3] for frame in frames]


@pytest.mark.parametrize("suffix", [".webm", ".mov"])
def test_clips_are_cut_out_with_transparency(toy: Path, tmp_path: Path, suffix: str) -> None:
    clip, out = write_clip(tmp_path / "a.mp4", 6, sound=False), tmp_path / f"b{suffix}"
    done = run("cutout", clip, "--out", out, "--weights", toy)
    assert done.returncode == 0, done.stderr
    found = alphas(out)
    assert len(found) == 6
    for i, alpha in enumerate(found):
        left = 20 + 2 * i
        assert alpha[38:58, left + 5 : left + 27].mean() > 240
        assert alpha[4:24].mean() < 10
    assert times(out) == pytest.approx(times(clip), abs=0.0011)
    # In a folder, a clip that cannot be transparent gets a suffix that can.
    assert run("cutout", clip, "--out", tmp_path / "d", "--weights", toy).returncode == 0
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["a.webm"]


def write_silent(path: Path, codec: str, pix_fmt: str, **context: int) -> Path:
    with av.open(str(path), "w") as target:
        video = target.add_stream(codec, rate=25)
        video.height, video.width, video.pix_fmt = *SIZE, pix_fmt
        for name, value in context.items():
            setattr(video.codec_context, name, value)
        for i in range(12):
            frame = av.VideoFrame.from_ndarray(scene(20 + 2 * i), format="rgb24")
            target.mux(video.encode(frame.reformat(format=pix_fmt)))
        target.mux(video.encode(None))
    return path


@pytest.mark.parametrize("codec", ["mpeg4", "libx264", "mjpeg"])
@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
def test_clips_in_avi_keep_their_times(toy: Path, tmp_path: Path, codec: str, suffix: str) -> None:
    kind = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    clip = write_silent(tmp_path / "a.avi", codec, kind)
    out = tmp_path / f"b{suffix}"
    outcome = blur_video(Predictor.load(toy), clip, out, Colour((0, 255, 0)))
    assert outcome.frames == 12
    assert times(out) == pytest.approx([i / 25 for i in range(12)], abs=0.0011)
    for i, image in enumerate(pictures(out)):
        left = 20 + 2 * i
        assert np.abs(image[38:58, left + 5 : left + 27].astype(int) - (220, 40, 30)).mean() < 15


def test_phones_of_old_are_read(toy: Path, tmp_path: Path) -> None:
    clip = write_silent(tmp_path / "a.3gp", "mpeg4", "yuv420p")
    done = run("blur", clip, "--out", tmp_path / "b.mp4", "--weights", toy)
    assert done.returncode == 0, done.stderr
    assert "12 frames, red kept" in done.stdout


def test_a_clip_of_ten_bits_keeps_them(toy: Path, tmp_path: Path) -> None:
    hlg, bt2020 = 18, 9
    tags = {"color_trc": hlg, "color_primaries": bt2020, "colorspace": bt2020}
    clip = write_silent(tmp_path / "a.mp4", "libx264", "yuv420p10le", **tags)
    out = tmp_path / "b.mp4"
    outcome = blur_video(Predictor.load(toy), clip, out, Blur(sigma=0.3))
    assert (outcome.frames, outcome.trouble) == (12, ())
    for path in (clip, out):
        with av.open(str(path)) as opened:
            context = opened.streams.video[0].codec_context
            assert context.pix_fmt == "yuv420p10le"
            assert (context.color_trc, context.color_primaries) == (hlg, bt2020)
    for before, after in zip(pictures(clip), pictures(out), strict=True):
        assert np.abs(before.astype(int) - after).mean() < 6
    # A container whose encoder has 8 bits says so.
    outcome = blur_video(Predictor.load(toy), clip, tmp_path / "c.webm", Colour((0, 255, 0)))
    assert outcome.frames == 12
    assert "takes 8 bits" in outcome.trouble[0]


def test_colours_are_those_of_the_clip(toy: Path, tmp_path: Path) -> None:
    """A blur of next to nothing gives the clip back, whatever it says its colours are."""
    clip, out = write_clip(tmp_path / "a.mp4", 5), tmp_path / "b.mp4"
    blur_video(Predictor.load(toy), clip, out, Blur(sigma=0.3))
    for before, after in zip(pictures(clip), pictures(out), strict=True):
        assert np.abs(before.mean((0, 1)) - after.mean((0, 1))).max() < 3
        assert np.abs(before.astype(int) - after).mean() < 6


def test_a_turned_clip_is_seen_upright_and_stays_turned(tmp_path: Path) -> None:
    """The network calls red what is red in the upper half of what a player shows."""
    toy = write_toy(tmp_path / "toy.onnx")
    clip, out = write_clip(tmp_path / "a.mp4", 6, rotation=90), tmp_path / "b.mp4"
    outcome = blur_video(Predictor.load(toy), clip, out, Colour((0, 255, 0)))
    assert outcome.frames == 6
    for path in (clip, out):
        with av.open(str(path)) as opened:
            assert next(opened.decode(video=0)).rotation == 90
    for i, image in enumerate(pictures(out)):
        assert np.abs(image[44, 36 + 2 * i].astype(int) - (220, 40, 30)).max() < 30
        assert np.abs(image[10, 10].astype(int) - (0, 255, 0)).max() < 30
        assert np.abs(image[85, 150].astype(int) - (0, 255, 0)).max() < 30


@pytest.mark.parametrize("kind", ["yuv444p", "yuv420p10le", "yuv422p"])
def test_odd_sizes_and_other_pixel_formats(toy: Path, tmp_path: Path, kind: str) -> None:
    clip, out = tmp_path / "a.mkv", tmp_path / "b.mkv"
    size = (97, 161) if kind != "yuv420p10le" else SIZE
    image = np.pad(scene(40), ((0, 1), (0, 1), (0, 0)), "edge")[: size[0], : size[1]]
    with av.open(str(clip), "w") as target:
        video = target.add_stream("ffv1", rate=25)
        video.height, video.width, video.pix_fmt = *size, kind
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            target.mux(video.encode(frame.reformat(format=kind)))
        target.mux(video.encode(None))
    outcome = blur_video(Predictor.load(toy), clip, out, Colour((0, 255, 0)))
    assert outcome.frames == 4
    for found in pictures(out):
        assert found.shape == (*size, 3)
        assert np.abs(found[48, 56].astype(int) - (220, 40, 30)).max() < 30
        assert np.abs(found[-1, -1].astype(int) - (0, 255, 0)).max() < 30


def test_no_subject_writes_nothing(toy: Path, tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "a.mp4", 4), tmp_path / "b.mp4"
    done = run("blur", clip, "--out", out, "--weights", toy, "--subject", "green")
    assert done.returncode == 3
    assert "found none of green" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4"]


def test_a_clip_cut_short_gives_what_could_be_read(toy: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", 60, sound=False)
    broken, out = tmp_path / "broken.mkv", tmp_path / "b.mkv"
    data = clip.read_bytes()
    broken.write_bytes(data[: len(data) * 2 // 3])
    done = run("blur", broken, "--out", out, "--weights", toy)
    assert done.returncode == 0, done.stderr
    assert "what could be read is written" in done.stdout
    assert "of 2.40 s" in done.stdout
    assert 10 < len(times(out)) < 60


def test_a_damaged_middle_is_reported_with_its_time(toy: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", 60, sound=False)
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(0).bytes(300)
    clip.write_bytes(data)
    outcome = blur_video(Predictor.load(toy), clip, tmp_path / "b.mkv")
    assert outcome.trouble
    assert " s" in outcome.trouble[0]
    assert outcome.frames > 30


def test_what_is_no_clip(toy: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(toy)
    words = tmp_path / "words.mp4"
    words.write_text("no clip")
    with pytest.raises(VideoFileError, match=r"words\.mp4: not a clip"):
        blur_video(predictor, words, tmp_path / "b.mp4")
    with pytest.raises(VideoFileError, match="no such file"):
        blur_video(predictor, tmp_path / "gone.mp4", tmp_path / "b.mp4")
    clip = write_clip(tmp_path / "a.mp4", 3)
    with pytest.raises(ArgumentError, match="overwrite"):
        blur_video(predictor, clip, clip)
    with pytest.raises(ArgumentError, match=r"try \.mp4"):
        blur_video(predictor, clip, tmp_path / "b.what")
    with pytest.raises(ArgumentError, match=r"needs a file that ends in \.webm or \.mov"):
        blur_video(predictor, clip, tmp_path / "b.mp4", Transparent())
    with pytest.raises(ArgumentError, match="shows no transparency"):
        blur_camera(predictor, str(clip), tmp_path / "b.mp4", Transparent())
    with pytest.raises(ArgumentError, match="--ground is for photos"):
        blur_video(predictor, clip, tmp_path / "b.mp4", Blur(ground=True))
    only_sound = tmp_path / "sound.mkv"
    with av.open(str(clip)) as source, av.open(str(only_sound), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with pytest.raises(VideoFileError, match="holds no video"):
        blur_video(predictor, only_sound, tmp_path / "b.mp4")
    assert not list(tmp_path.glob("b.*"))
    assert not list(tmp_path.glob(".*part*"))


def test_a_file_in_place_of_the_camera(toy: Path, tmp_path: Path) -> None:
    clip, out = write_clip(tmp_path / "a.mp4", 12, sound=False), tmp_path / "b.mkv"
    done = run("blur", "--camera", clip, "--out", out, "--weights", toy, "--background", "#00ff00")
    assert done.returncode == 0, done.stderr
    found = pictures(out)
    assert len(found) == 12
    assert np.abs(found[-1][44, 58].astype(int) - (220, 40, 30)).max() < 30
    assert np.abs(found[-1][10, 10].astype(int) - (0, 255, 0)).max() < 30
    with pytest.raises(VideoFileError, match="camera 77: cannot be opened"):
        blur_camera(Predictor.load(toy), "77", out)


def test_a_thread_hands_on_errors_and_stops_with_its_reader() -> None:
    ended = []

    def numbers(last: int) -> Iterator[int]:
        try:
            yield from range(last)
            raise ValueError("the end")
        finally:
            ended.append(True)

    with pytest.raises(ValueError, match="the end"):
        list(run_ahead(numbers(10)))
    items = run_ahead(numbers(1000))
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert len(ended) >= 1


def test_memory_does_not_grow_with_the_clip(toy: Path) -> None:
    """What is alive at once, counted in frames, is the same for 60 frames and for 240."""
    from pixelwise.backgrounds.video import blurred_frames

    predictor = Predictor.load(toy)

    def most_alive(count: int) -> int:
        made = 0

        def frames() -> Iterator[object]:
            nonlocal made
            for i in range(count):
                frame = av.VideoFrame.from_ndarray(scene(40), format="rgb24").reformat(
                    format="yuv420p"
                )
                frame.pts, frame.time_base = i, Fraction(1, 25)
                made += 1
                yield frame

        most = 0
        for given, _ in enumerate(
            blurred_frames(predictor, frames(), Blur(), ("all",), 0, {}),  # type: ignore[arg-type]
            start=1,
        ):
            most = max(most, made - given)
        return most

    assert most_alive(240) <= 40
    assert most_alive(60) <= 40


def test_a_calm_clip_needs_every_other_frame_only(toy: Path, tmp_path: Path) -> None:
    calls = []

    class Counting(Predictor):
        def outputs(self, image: UInt8Array, tta: Sequence[str] = ()) -> Outputs:
            calls.append(image.shape)
            return super().outputs(image, tta)

    loaded = Predictor.load(toy)
    predictor = Counting(loaded.card, loaded.session)
    for still, least, most in ((True, 10, 13), (False, 10, 20)):
        calls.clear()
        clip = write_clip(tmp_path / "a.mp4", 20, sound=False, still=still)
        outcome = blur_video(predictor, clip, tmp_path / "b.mp4", Colour((0, 255, 0)))
        assert outcome.frames == 20
        assert least <= len(calls) <= most
        for i, image in enumerate(pictures(tmp_path / "b.mp4")):
            left = 40 if still else 20 + 2 * i
            assert np.abs(image[48, left + 16].astype(int) - (220, 40, 30)).max() < 30
            assert np.abs(image[48, left - 8].astype(int) - (0, 255, 0)).max() < 30
            assert np.abs(image[48, left + 40].astype(int) - (0, 255, 0)).max() < 30


def test_a_real_clip_is_no_worse_for_being_steady() -> None:
    """On davis: IoU of the smoothed alpha not below that of frame by frame."""
    from pixelwise import find_subject, read_image, read_label_map
    from pixelwise.effects.temporal import steady

    folder = real("davis")
    predictor = Predictor.load()
    counts = np.zeros((2, 2))
    frames = []
    for path in sorted((folder / "JPEGImages" / "dog").iterdir())[:16]:
        image = read_image(path)
        truth = read_label_map(folder / "Annotations" / "dog" / f"{path.stem}.png") > 0
        frames.append((truth, image, find_subject(predictor, image).alpha(image)))
    for (truth, smooth), (_, _, own) in zip(steady(frames), frames, strict=True):
        for row, alpha in zip(counts, (own, smooth), strict=True):
            found = alpha > 0.5
            row += (found & truth).sum(), (found | truth).sum()
    alone, smoothed = counts[:, 0] / counts[:, 1]
    assert smoothed > alone - 0.003


def test_without_a_screen_the_window_says_so(toy: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", 3, sound=False)
    done = run("blur", "--camera", clip, "--weights", toy, cwd=tmp_path, DISPLAY="")
    assert done.returncode == 2
    assert "no window can be opened" in done.stderr


def test_without_the_extra_clips_say_what_to_install(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "a.mp4", 2, sound=False)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"\[video\]"):
        blur_video(Predictor.load(toy), clip, tmp_path / "b.mp4")
