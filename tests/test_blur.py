"""``pixelwise blur`` on photos: what is kept, what goes behind, whose alpha it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from pixelwise import Predictor, find_subject, read_image
from pixelwise.backgrounds import Background, Blur, Colour, OtherImage, blur_files, parse_background
from pixelwise.backgrounds.subject import subject_ids
from pixelwise.errors import ArgumentError, ImageFileError, LabelError
from pixelwise.inference.upsample import decide
from pixelwise.io.alpha import read_alpha
from pixelwise.io.exif import read_with_metadata
from pixelwise.samples import Float32Array, UInt8Array
from tests.conftest import real, run
from tests.toy import write_toy

ORIENTATION, MAKER, DATE, ISO = 0x0112, 0x010F, 0x0132, 0x8827


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy(tmp_path_factory.mktemp("weights") / "toy.onnx")


def picture(size: tuple[int, int] = (60, 90)) -> UInt8Array:
    """Blue and white stripes, and two red squares, the right one larger."""
    image = np.full((*size, 3), (40, 60, 200), np.uint8)
    image[:, ::6] = 250
    image[20:32, 10:22] = (220, 30, 20)
    image[20:44, 56:80] = (220, 30, 20)
    return image


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(picture()).save(path)
    return path


def roughness(image: UInt8Array) -> float:
    return float(np.abs(np.diff(image[:12].astype(float), axis=1)).mean())


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK", "P", "L", "I;16"])
def test_a_tiff_becomes_a_tiff_that_can_be_read(mode: str, crop: bool, tmp_path: Path) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "b.tif"
    given = Image.fromarray(picture())
    made = Image.fromarray(picture()[..., 0].astype(np.uint16) * 200) if mode == "I;16" else None
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "a maker"
    (made or given.convert(mode)).save(path, exif=exif)
    upright, metadata = read_with_metadata(path)
    assert upright.shape[:2] == (90, 60)
    wanted = upright[4:40, 8:50] if crop else upright
    metadata.save(out, wanted)
    assert np.array_equal(read_image(out), wanted)
    with Image.open(out) as result:
        assert result.getexif()[MAKER] == "a maker"


def test_exif_profile_and_orientation_survive(toy: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER], exif[DATE] = 6, "a maker", "2026:01:02 03:04:05"
    exif.get_ifd(0x8769)[ISO] = 200
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = np.ascontiguousarray(np.rot90(picture()))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d tiff:Orientation="6" dc:title="t"/></x:xmpmeta>'
    Image.fromarray(turned).save(
        path, quality=95, subsampling=0, exif=exif, icc_profile=profile, xmp=xmp, dpi=(300, 300)
    )
    done = run("blur", path, "--out", out, "--weights", toy, "--sigma", "3")
    assert done.returncode == 0, done.stderr
    with Image.open(out) as result:
        assert result.size == (90, 60)
        found = result.getexif()
        assert found.get(ORIENTATION, 1) == 1
        assert (found[MAKER], found[DATE]) == ("a maker", "2026:01:02 03:04:05")
        assert found.get_ifd(0x8769)[ISO] == 200
        assert result.info["icc_profile"] == profile
        assert result.info["dpi"] == (300, 300)
        assert b'tiff:Orientation="1"' in result.info["xmp"]
        assert b'dc:title="t"' in result.info["xmp"]
    image = read_image(out)
    assert np.abs(image[30, 68].astype(int) - (220, 30, 20)).max() < 12
    assert roughness(image) < 0.3 * roughness(picture())


def test_no_thumbnail_shows_the_photo_as_it_was(toy: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    Image.fromarray(picture()).save(path)
    thumbnail = path.read_bytes()
    # An EXIF block by hand: a maker, and a second directory that points to a JPEG thumbnail.
    maker = bytes((0x0F, 1, 2, 0, 4, 0, 0, 0)) + b"abc\0"
    first = bytes((1, 0)) + maker + (26).to_bytes(4, "little")
    entries = ((0x0201, 56), (0x0202, len(thumbnail)))
    second = bytes((2, 0)) + b"".join(
        tag.to_bytes(2, "little") + bytes((4, 0, 1, 0, 0, 0)) + value.to_bytes(4, "little")
        for tag, value in entries
    )
    block = b"Exif\0\0II*\0" + (8).to_bytes(4, "little") + first + second + bytes(4)
    Image.fromarray(picture()).save(path, exif=block + thumbnail)
    assert path.read_bytes().count(thumbnail) == 1
    assert run("blur", path, "--out", out, "--weights", toy).returncode == 0
    data = out.read_bytes()
    assert thumbnail not in data
    assert data.count(b"\xff\xd8\xff") == 1
    with Image.open(out) as result:
        assert result.getexif()[MAKER] == "abc"


@pytest.mark.parametrize("kind", ["L", "I;16", "LA", "P", "RGBA", "CMYK"])
def test_any_kind_of_photo(toy: Path, tmp_path: Path, kind: str) -> None:
    path, out = tmp_path / "photo.tif", tmp_path / "out.png"
    mask = tmp_path / "mask.png"
    colours = Image.fromarray(picture())
    if kind == "I;16":
        Image.fromarray(np.asarray(colours.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        colours.convert(kind).save(path)
    Image.fromarray((picture()[..., 0] > 215) & (picture()[..., 2] < 100)).save(mask)
    done = run("blur", path, "--out", out, "--weights", toy, "--alpha", mask, "--sigma", "3")
    assert done.returncode == 0, done.stderr
    with Image.open(out) as result:
        assert result.size == (90, 60)
        assert result.mode == ("L" if kind in ("L", "I;16", "LA") else "RGB")
    image = read_image(out)
    assert (image[30, 68] == read_image(path)[30, 68]).all()
    assert roughness(image) < 0.3 * roughness(read_image(path))


def test_a_profile_that_does_not_fit_is_left_out(toy: Path, tmp_path: Path) -> None:
    grey_profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    grey_profile[16:20] = b"GRAY"
    grey, out = tmp_path / "grey.png", tmp_path / "out.png"
    Image.fromarray(picture()).convert("L").save(grey, icc_profile=bytes(grey_profile))
    mask = tmp_path / "mask.png"
    Image.fromarray(picture()[..., 2] < 100).save(mask)
    args = ("blur", grey, "--out", out, "--weights", toy, "--alpha", mask)
    assert run(*args).returncode == 0
    with Image.open(out) as result:
        assert result.info["icc_profile"] == bytes(grey_profile)
    assert run(*args, "--background", "#ff0000").returncode == 0
    with Image.open(out) as result:
        assert result.mode == "RGB"
        assert "icc_profile" not in result.info


def test_what_goes_behind(toy: Path, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (30, 90), (9, 99, 9)).save(other)
    for background, colour in (("#0a6408", (10, 100, 8)), (str(other), (9, 99, 9))):
        out = tmp_path / "out.png"
        done = run("blur", photo, "--out", out, "--weights", toy, "--background", background)
        assert done.returncode == 0, done.stderr
        image = read_image(out)
        assert (image[5, 5] == colour).all()
        assert np.abs(image[30, 68].astype(int) - (220, 30, 20)).max() < 3
    for suffix in (".png", ".webp"):
        out = tmp_path / f"cut{suffix}"
        done = run("blur", photo, "--out", out, "--weights", toy, "--background", "transparent")
        assert done.returncode == 0, done.stderr
        with Image.open(out) as result:
            pixels = np.array(result)
        assert pixels.shape == (60, 90, 4)
        assert pixels[5, 5, 3] == 0
        assert pixels[30, 68, 3] > 250


def test_the_largest_subject_alone(toy: Path, photo: Path, tmp_path: Path) -> None:
    for subject, left in (("red", True), ("red,largest", False), ("largest", False)):
        alpha = tmp_path / "alpha.png"
        args = ("--subject", subject, "--save-alpha", alpha, "--weights", toy)
        assert run("blur", photo, "--out", tmp_path / "o.png", *args).returncode == 0
        with Image.open(alpha) as grey:
            levels = np.array(grey)
        assert levels[30, 68] > 250
        assert (levels[26, 16] > 200) == left


def test_several_photos_one_without_a_subject_one_broken(toy: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(picture()).save(folder / "a.jpg", quality=95)
    Image.new("RGB", (40, 30), (0, 0, 90)).save(folder / "b.png")
    done = run("blur", folder, "--out", out, "--weights", toy)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"wrote {out / 'a.jpg'}: red kept",
        f"{folder / 'b.png'}: found none of red, green; nothing written",
    ]
    assert [p.name for p in out.iterdir()] == ["a.jpg"]
    (folder / "c.jpg").write_bytes((folder / "a.jpg").read_bytes()[:500])
    done = run("blur", folder, "--out", out, "--weights", toy, "--background", "transparent")
    assert done.returncode == 2
    assert "c.jpg" in done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["a.jpg", "a.png"]


def test_the_exit_code_is_3_only_if_nothing_was_written(toy: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 30), (0, 0, 90)).save(folder / name)
    done = run("blur", folder, "--out", out, "--weights", toy)
    assert done.returncode == 3
    assert done.stdout.count("nothing written") == 2
    assert not out.exists()
    Image.fromarray(picture()).save(folder / "c.png")
    assert run("blur", folder, "--out", out, "--weights", toy).returncode == 0
    assert run("blur", folder / "a.png", "--out", out, "--weights", toy).returncode == 3


def save(path: Path, pixels: npt.NDArray[np.generic]) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_alphas_of_other_tools(tmp_path: Path) -> None:
    truth = np.zeros((60, 90), np.float32)
    truth[20:40, 30:60] = 1
    ids = (truth * 15).astype(np.uint8)
    ids[0, 0] = 255
    palette = Image.fromarray(ids)
    palette.putpalette(bytes(range(256)) * 3)
    palette.save(tmp_path / "palette.png")
    rgba = np.dstack([picture(), (truth * 255).astype(np.uint8)])
    files = [
        tmp_path / "palette.png",
        save(tmp_path / "grey.png", (truth * 255).astype(np.uint8)),
        save(tmp_path / "deep.png", (truth * 65535).astype(np.uint16)),
        save(tmp_path / "cut.png", rgba),
        save(tmp_path / "bit.png", truth > 0),
        save(tmp_path / "voc.png", np.where(truth[..., None] > 0, (192, 128, 128), 0).astype("u1")),
    ]
    for file in files:
        alpha = read_alpha(file, (60, 90))
        assert alpha.dtype == np.float32, file
        assert np.abs(alpha - truth).mean() < 0.02, file
        assert 0 <= alpha.min() <= alpha.max() <= 1, file
    with pytest.raises(LabelError, match="lighter than 15 of 255"):
        read_alpha(save(tmp_path / "ids.png", (truth * 15).astype(np.uint8)), (60, 90))
    with pytest.raises(LabelError, match="the image is 60 x 80 but its alpha is 60 x 90"):
        read_alpha(files[1], (60, 80))
    half = save(tmp_path / "half.png", (truth * 200).astype(np.uint8))
    assert read_alpha(half, (60, 90)).max() == pytest.approx(200 / 255)


@pytest.mark.parametrize(
    ("args", "saying"),
    [
        (("--background", "gone.png"), "expected blur, transparent, mask, a colour"),
        (("--background", "#12345"), "expected blur, transparent, mask, a colour"),
        (("--background", "transparent"), "ends in .png or .webp"),
        (("--shape", "star"), "unknown shape 'star'; there is: gaussian, disc"),
        (("--strength", "0"), "above 0"),
        (("--sigma", "nan"), "above 0"),
        (("--subject", "dog"), "dog"),
        (("--subject", "red", "--alpha", "x.png"), "leave --subject, --at and --box out"),
    ],
)
def test_bad_calls(
    toy: Path, photo: Path, tmp_path: Path, args: tuple[str, ...], saying: str
) -> None:
    out = tmp_path / "out.jpg"
    done = run("blur", photo, "--out", out, "--weights", toy, *args, cwd=tmp_path)
    assert done.returncode == 2
    assert saying in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_the_photo_itself_is_never_overwritten(toy: Path, photo: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(toy)
    with pytest.raises(ArgumentError, match="would overwrite the photo"):
        blur_files(predictor, [photo], photo)
    with pytest.raises(ArgumentError, match="would overwrite the photo"):
        blur_files(predictor, [photo], tmp_path)


def test_weights_without_a_background_need_a_name() -> None:
    street = Predictor.load("street")
    with pytest.raises(ArgumentError, match="know no background"):
        subject_ids(street, ("all",))
    assert subject_ids(street, ("car",)) == [8]


def test_a_background_checks_itself(photo: Path, tmp_path: Path) -> None:
    assert parse_background("#ff8000") == Colour((255, 128, 0))
    assert parse_background("blur", Blur(sigma=9)) == Blur(sigma=9)
    other = parse_background(str(photo))
    assert isinstance(other, OtherImage)
    assert np.array_equal(other.image, picture())
    assert Blur(strength=1.5).pixels((100, 400)) == 6
    assert Blur(sigma=9).pixels((100, 400)) == 9
    for wrong in ({"sigma": 0}, {"strength": float("nan")}, {"shape": "star"}):
        with pytest.raises(ArgumentError):
            Blur(**wrong)
    with pytest.raises(ArgumentError, match=r"in 0\.\.255"):
        Colour((0, 0, 256))
    words = tmp_path / "words.png"
    words.write_text("no image")
    with pytest.raises(ImageFileError):
        parse_background(str(words))


def test_a_further_background_is_one_class() -> None:
    class Mirrored(Background):
        def behind(
            self,
            image: UInt8Array,
            alpha: Float32Array,  # noqa: ARG002
            contrast: Float32Array,  # noqa: ARG002
        ) -> UInt8Array:
            return np.ascontiguousarray(image[:, ::-1])

    alpha = np.zeros((60, 90), np.float32)
    assert np.array_equal(Mirrored().apply(picture(), alpha), picture()[:, ::-1])
    assert np.array_equal(Mirrored().apply(picture(), alpha + 1), picture())
    Mirrored().check_clip()


def test_a_matte_is_better_than_the_networks_mask() -> None:
    """On people (val): foreground IoU at the photos' size, matte against the network's own mask."""
    from pixelwise import open_dataset

    dataset = open_dataset(real("people"), split="val", say=str)
    predictor = Predictor.load()
    counts = np.zeros((2, 2))
    for sample in dataset[:12]:
        truth = sample.label_map > 0
        mask = decide(predictor.logits(sample.image), truth.shape) > 0
        alpha = find_subject(predictor, sample.image).alpha(sample.image)
        for row, found in zip(counts, (mask, alpha > 0.5), strict=True):
            row += (found & truth).sum(), (found | truth).sum()
    plain, matte = counts[:, 0] / counts[:, 1]
    assert matte > plain + 0.003
