"""Writes images/: small files of each kind, and what PIL makes of them.

    .venv/bin/python lawn-models/goldens/images.py

Beside NAME.jpg, NAME.png or NAME.webp stands NAME.expected.png, which holds the pixels of
`Image.open(NAME).convert("RGB")`. It needs Pillow, and `cjpeg` and `jpegtran` of libjpeg-turbo
(Debian: libjpeg-turbo-progs). `versions.json` says what the files were made with.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy
import PIL
from PIL import Image, features

HERE = Path(__file__).parent / "images"
SIZE = (29, 21)  # no multiple of a block


def picture(width, height):
    """Colours that change smoothly, and an edge."""
    y, x = numpy.mgrid[:height, :width]
    red = 128 + 100 * numpy.sin(x / 4)
    green = 255 * y / height
    blue = 255 * ((x - width / 2) ** 2 + (y - height / 2) ** 2 < 60)
    return Image.fromarray(numpy.stack([red, green, blue], -1).astype("uint8"))


def cjpeg(image, *options, scans=None):
    with tempfile.NamedTemporaryFile(suffix=".ppm") as source, tempfile.NamedTemporaryFile() as script:
        image.save(source.name)
        if scans:
            Path(script.name).write_text(scans)
            options += ("-scans", script.name)
        command = ["cjpeg", "-quality", "90", *options, source.name]
        return subprocess.run(command, check=True, capture_output=True).stdout


def jpegtran(data, *options):
    return subprocess.run(["jpegtran", *options], input=data, check=True, capture_output=True).stdout


def saved(image, kind, **options):
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as file:
        image.save(file.name, **options)
        return Path(file.name).read_bytes()


def replaced(data, before, after):
    assert data.count(before) == 1, before
    return data.replace(before, after)


def read_by_pil():
    image = picture(*SIZE)
    cmyk = saved(image.convert("CMYK"), "jpg", quality=90)
    plain = cjpeg(image)
    alpha = image.copy()
    alpha.putalpha(Image.fromarray((numpy.arange(SIZE[0] * SIZE[1]) % 256).astype("uint8").reshape(SIZE[::-1])))
    palette = image.quantize(16)
    deep = (numpy.asarray(image).astype("uint16") * 256 + 77).astype(">u2")
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "baseline-420.jpg": plain,
        "baseline-422.jpg": cjpeg(image, "-sample", "2x1"),
        "baseline-440.jpg": cjpeg(image, "-sample", "1x2"),
        "baseline-444.jpg": cjpeg(image, "-sample", "1x1"),
        "baseline-411.jpg": cjpeg(image, "-sample", "4x1"),
        "baseline-3x1.jpg": cjpeg(image, "-sample", "3x1"),
        "chroma-finer.jpg": cjpeg(image, "-sample", "1x1,2x2,2x2"),
        "chroma-uneven.jpg": cjpeg(image, "-sample", "2x2,2x1,1x2"),
        "non-interleaved.jpg": cjpeg(image, scans="0;\n1;\n2;\n"),
        "half-interleaved.jpg": cjpeg(image, scans="0;\n1 2;\n"),
        "restarts.jpg": cjpeg(image, "-restart", "1B"),
        "progressive.jpg": cjpeg(image, "-progressive"),
        "progressive-444.jpg": cjpeg(image, "-progressive", "-sample", "1x1"),
        "progressive-few-scans.jpg": cjpeg(image, scans="0 1 2: 0-0, 0, 1;\n0: 1-9, 0, 2;\n"),
        "arithmetic.jpg": jpegtran(plain, "-arithmetic"),
        "arithmetic-progressive.jpg": jpegtran(plain, "-arithmetic", "-progressive"),
        "rgb.jpg": cjpeg(image, "-rgb"),
        "grey.jpg": cjpeg(image, "-grayscale"),
        "cmyk.jpg": cmyk,
        # The same numbers, read as luma and chroma of the inks.
        "ycck.jpg": replaced(cmyk, b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0\2"),
        "turned.jpg": saved(image, "jpg", quality=90, exif=exif),
        "rgb.png": saved(image, "png"),
        "alpha.png": saved(alpha, "png"),
        "palette.png": saved(palette, "png"),
        "palette-clear.png": saved(palette, "png", transparency=3),
        "grey.png": saved(image.convert("L"), "png"),
        "grey-alpha.png": saved(alpha.convert("LA"), "png"),
        "two-colours.png": saved(image.convert("1"), "png"),
        "interlaced.png": interlaced(image),
        "deep.png": deep_png(deep),
        "lossless.webp": saved(image, "webp", lossless=True),
        "lossless-alpha.webp": saved(alpha, "webp", lossless=True, exact=True),
        "lossy.webp": saved(image, "webp", quality=80),
        # The first picture of those that move.
        "moving.png": moving("png"),
        "moving.webp": moving("webp", lossless=True),
    }


def moving(kind, **options):
    first = picture(*SIZE)
    return saved(first, kind, save_all=True, append_images=[first.rotate(180)], duration=100, **options)


def chunks(kind, rows, height, width, depth, interlace=0):
    import struct
    import zlib

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
    body = zlib.compress(rows, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def deep_png(values):
    """16 bits a channel, which Pillow does not write."""
    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    return chunks(2, rows, height, width, 16)


def interlaced(image):
    """Adam7, which Pillow does not write."""
    values = numpy.asarray(image)
    height, width, _ = values.shape
    rows = b""
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = values[y::dy, x::dx]
        if part.size:
            rows += b"".join(b"\0" + row.tobytes() for row in part)
    return chunks(2, rows, height, width, 8, interlace=1)


def main():
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    for name, data in read_by_pil().items():
        path = HERE / name
        path.write_bytes(data)
        expected = Image.open(path).convert("RGB")
        expected.save(HERE / f"{name}.expected.png", optimize=True)
        print(f"{name:28} {len(data):6} bytes")
    cjpeg_says = subprocess.run(["cjpeg", "-version"], capture_output=True, text=True).stderr
    versions = {
        "pillow": PIL.__version__,
        "libjpeg-turbo of pillow": features.version("libjpeg_turbo"),
        "libwebp of pillow": features.version("webp"),
        "cjpeg": cjpeg_says.split(" (")[0],
    }
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
