"""Labels as people and scanners have them: drawn by a browser, and read by a decoder that is not ours."""

from base64 import b64decode
from typing import Any

import pytest

# Draws a label with so many dots per inch, and returns its brightness: width, height, one byte for each dot.
DRAW = """
const [svg, dpi, done] = arguments;
const image = new Image();
image.onerror = () => done(null);
image.onload = () => {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width / 96 * dpi);
  canvas.height = Math.round(image.height / 96 * dpi);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const dots = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let bright = "";
  for (let i = 0; i < dots.length; i += 4) bright += String.fromCharCode(dots[i]);
  done([canvas.width, canvas.height, btoa(bright)]);
};
image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svg);
"""
# Draws a label in one font after the other, and returns each of its texts with its width and that of its box.
MEASURE = """
const [svg, fonts] = arguments;
const label = document.adoptNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement);
document.body.replaceChildren(label);
return fonts.flatMap(font => {
  label.setAttribute("font-family", font);
  return [...label.querySelectorAll("svg > text")].map(
    text => [text.textContent, text.getComputedTextLength(), Number(text.parentNode.getAttribute("width"))]);
});
"""


def scan(browser: Any, svg: str, dpi: int = 300) -> dict[str, str]:
    """Return the content of each code on a label as it is printed with so many dots, by the kind of code."""
    browser.get("about:blank")
    width, height, bright = browser.execute_async_script(DRAW, svg, dpi)
    return decode(b64decode(bright), width, height)


def measure(browser: Any, svg: str, *fonts: str) -> list[tuple[str, float, float]]:
    """Return each text of a label with the width it is drawn in, and that of its box, in each of these fonts."""
    browser.get("about:blank")
    return [(text, drawn, room) for text, drawn, room in browser.execute_script(MEASURE, svg, fonts)]


def decode(dots: bytes, width: int, height: int) -> dict[str, str]:
    """Return the content of each code of a picture in grey, by the kind of code."""
    decoder = pytest.importorskip("zxingcpp", reason="no decoder of codes is installed")
    found = decoder.read_barcodes(memoryview(dots).cast("B", (height, width)))
    return {str(code.format).replace(" ", ""): code.text for code in found}
