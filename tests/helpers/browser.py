"""A page in headless Chromium; tests that use it are skipped where there is none."""

import io
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ARTIFACTS = Path(__file__).parents[1] / ".artifacts"
"""Ignored by git; screenshots of the last runs."""
CHROMIUM = shutil.which("chromium")
_FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
]


@contextmanager
def browser_page(url, size=(900, 700)):
    """Open a page; what it complains about or fetches from elsewhere fails the test at the end."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    complaints = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _note_foreign(request.url, url, complaints))
        page.goto(url)
        yield page
        browser.close()
    assert complaints == []


def _note_foreign(requested, url, complaints):
    if not requested.startswith((url, "data:", "blob:")):
        complaints.append(f"asks for {requested}")


def screenshot(page, path=None):
    """What the page shows, (H, W, 3); kept at `path` and in `ARTIFACTS` for people."""
    shot = page.screenshot(path=path)
    if path is not None:
        ARTIFACTS.mkdir(exist_ok=True)
        (ARTIFACTS / f"{path.parent.name}-{path.name}").write_bytes(shot)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def changed_share(before, after):
    """Share of the pixels that differ visibly."""
    return float((np.abs(before - after).max(-1) > 24).mean())
