"""The report of the sample session in headless Chromium: looked at wide and narrow, light and dark.

Reads sample_corpora, asks, writes the report, and opens it from the disk in four browsers. Fails (exit 1) on any
console message or page error, any request but the file itself, a page wider than its window, a citation that does not
open its quote, a first Tab that does not reach the skip link, and any violation that axe-core finds, with everything
folded and with everything open. `--write FOLDER` keeps two screenshots there: report-wide.png and report-phone.png.

Needs `pip install '.[browser]'` and a Chromium: the one on PATH, or `playwright install chromium`.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

from benchmarks.common import ROOT, Report
from titans_cli.report.write import write_report
from titans_cli.sessions.ask import ask
from titans_cli.sessions.engines import new_engine
from titans_cli.sessions.ingest import IngestOptions, IngestRequest, create_session, ingest
from titans_cli.store import Home

QUESTIONS = (
    "summarize trends",
    "What is the true optimum salinity for Halotexa velans?",
    "compare copper priming with pulse feeding",
    "Who is the president of France?",
)
WIDE, PHONE = (1280, 1500), (390, 844)
VIEWS = {"wide": (WIDE, "light"), "wide-dark": (WIDE, "dark"), "phone": (PHONE, "light"), "phone-dark": (PHONE, "dark")}
SHOTS = {"wide": 1480, "phone": 1900}  # views that are kept, and how much of them from the top, in CSS pixels
COLOURS = 128  # of a kept screenshot: text on paper needs no more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="keep the two screenshots there")
    parser.add_argument("--report", type=Path, metavar="FILE", help="check this report, instead of making one")
    arguments = parser.parse_args()
    report = Report("report_check", {"views": list(VIEWS), "questions": len(QUESTIONS)})
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.report or sample_report(Path(folder))
        report.add("bytes", file.stat().st_size)
        found = check(file.resolve(), report, arguments.write)
    report.add("problems", len(found))
    report.print(as_json=arguments.json)
    for problem in found:
        print(f"report_check: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)


def sample_report(folder: Path) -> Path:
    """The report of a session that read sample_corpora and was asked a few things."""
    home = Home(folder / "home")
    home.ensure()
    engine = new_engine(None)
    create_session(home, "tidal-lattices", engine=engine)
    os.chdir(ROOT)  # so that sources are displayed as in the README
    for _ in ingest(home, "tidal-lattices", IngestRequest(["sample_corpora/papers"]), IngestOptions(), engine):
        pass
    for question in QUESTIONS:
        ask(home, "tidal-lattices", question, engine=engine)
    write_report(home, "tidal-lattices", folder / "report.html", engine=engine)
    return folder / "report.html"


def check(file: Path, report: Report, shots: Path | None) -> list[str]:
    """Everything that is wrong with it."""
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium())
        for name, (size, scheme) in VIEWS.items():
            problems += [f"{name}: {problem}" for problem in _view(browser, file, name, size, scheme, report, shots)]
        browser.close()
    return problems


def _chromium() -> str | None:
    """The one on PATH; None lets playwright take its own."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


def _view(
    browser: Browser, file: Path, name: str, size: tuple[int, int], scheme: str, report: Report, shots: Path | None
) -> Iterator[str]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        device_scale_factor=2 if name == "phone" else 1,
    )
    page, said = context.new_page(), list[str]()

    def heard(message: ConsoleMessage) -> None:
        said.append(f"console {message.type}: {message.text}")

    def failed(error: Error) -> None:
        said.append(f"page error: {error}")

    def asked(request: Request) -> None:
        if request.url.partition("#")[0] != file.as_uri():
            said.append(f"request: {request.url}")

    page.on("console", heard)
    page.on("pageerror", failed)
    page.on("request", asked)
    page.goto(file.as_uri())
    wide = page.evaluate("document.documentElement.scrollWidth")
    report.add(f"{name}.width", wide)
    if wide > size[0]:
        yield f"the page is {wide} pixels wide in a window of {size[0]}"
    if name in SHOTS and shots is not None:
        _keep(page, shots / f"report-{name}.png", (size[0], SHOTS[name]))
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.className") != "skip":
        yield "the first Tab does not reach the skip link"
    yield from _axe(page, report, f"{name}.axe")
    yield from _citations(page)
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    yield from _axe(page, report, f"{name}.axe_open")
    yield from said
    context.close()


def _citations(page: Page) -> Iterator[str]:
    """Each kind of link to a quote, clicked: what it names must be open and in view."""
    for section in ("#themes", "#questions"):
        link = page.locator(f"{section} a.ref").first
        target = link.get_attribute("href") or ""
        link.click()
        quote = page.locator(target)
        if quote.get_attribute("open") is None or not quote.locator("mark").is_visible():
            yield f"{target} does not open its quote"


def _axe(page: Page, report: Report, figure: str) -> Iterator[str]:
    results = Axe().run(page).response
    report.add(f"{figure}.passes", len(results["passes"]))
    for rule in results["violations"]:
        nodes = ", ".join(str(node["target"]) for node in rule["nodes"][:3])
        yield f"axe {rule['id']} ({rule['impact']}, {len(rule['nodes'])} elements): {rule['help']}: {nodes}"


def _keep(page: Page, file: Path, size: tuple[int, int]) -> None:
    raw = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": size[0], "height": size[1]})
    image = Image.open(io.BytesIO(raw)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    main()
