"""Pictures that people upload, made harmless: what is served later is never what came in.

Of which kind a picture is, its bytes say. Rasters are decoded and written again, as pixels alone; drawings (SVG) are
looked through for entities and depth before anything else reads them, and lose all that acts or leads elsewhere.
"""

from __future__ import annotations

import io
import re
import warnings
from xml.etree import ElementTree
from xml.parsers import expat

import py_svg_hush
from PIL import Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 16_000_000
SVG_BYTES = 500 * 1024
MOST_DEPTH = 50
SVG = "image/svg+xml"
_SVG_SPACE = "http://www.w3.org/2000/svg"
_RASTERS = ("PNG", "JPEG", "WEBP", "GIF")
_ACTS = re.compile(r"animate\w*|set|script|handler|listener", re.IGNORECASE)

ElementTree.register_namespace("", _SVG_SPACE)


class PictureError(ValueError):
    """The bytes are no picture that is taken here."""


def looks_like_svg(data: bytes) -> bool:
    """Tell whether bytes begin as a drawing does."""
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def opened(data: bytes, formats: tuple[str, ...] = _RASTERS) -> Image.Image:
    """Return a raster whose header fits its limits, not decoded yet; raises PictureError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=formats)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError(f"is no picture of the kinds {', '.join(formats)}") from error
    if image.width * image.height > MOST_PIXELS:
        raise PictureError(f"may have at most {MOST_PIXELS} pixels")
    return image


def decoded(image: Image.Image) -> Image.Image:
    """Return a raster decoded and turned the way it is meant; raises PictureError where its bytes break off."""
    try:
        image.load()
        return ImageOps.exif_transpose(image) or image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PictureError("is a broken picture") from error


def clean_raster(data: bytes, formats: tuple[str, ...] = _RASTERS) -> bytes:
    """Return a raster written again as PNG: pixels alone, nothing that was hidden beside them; raises PictureError."""
    image = decoded(opened(data, formats))
    out = io.BytesIO()
    image.convert("RGBA" if image.has_transparency_data else "RGB").save(out, "PNG", optimize=True)
    return out.getvalue()


def clean_svg(data: bytes) -> bytes:
    """Return a drawing without whatever acts or leads elsewhere; raises PictureError."""
    if len(data) > SVG_BYTES:
        raise PictureError(f"may have at most {SVG_BYTES} bytes")
    _look_through(data)
    try:
        root = ElementTree.fromstring(py_svg_hush.filter_svg(data))
    except (ValueError, ElementTree.ParseError) as error:
        raise PictureError("is no drawing") from error
    if root.tag != f"{{{_SVG_SPACE}}}svg":
        raise PictureError("is no drawing")
    _strip(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _look_through(data: bytes) -> None:
    """Refuse declarations and depth before any other parser builds something of them."""
    parser, depth = expat.ParserCreate(), 0

    def refuse(*_: object) -> None:
        raise PictureError("must not declare types or entities")

    def began(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_DEPTH:
            raise PictureError(f"must be nested at most {MOST_DEPTH} deep")

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = began, ended
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise PictureError(f"is no drawing: {expat.ErrorString(error.code)}") from error


def _strip(element: ElementTree.Element) -> None:
    for child in list(element):
        name = str(child.tag).rpartition("}")[2]
        loads = name == "style" and re.search(r"@|//|\\", child.text or "")
        if _ACTS.fullmatch(name) or loads:
            element.remove(child)
        else:
            _strip(child)
    for name, value in list(element.attrib.items()):
        if name.rpartition("}")[2] in ("href", "src") and not value.startswith("#"):
            del element.attrib[name]
