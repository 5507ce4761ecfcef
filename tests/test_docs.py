"""README and docs/ are true: commands run and print what they say, options and links exist."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from documents import ROOT, Command, Page, pages
from generate_configuration import configuration_page
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

import page4d_cli
from page4d_cli.app import app
from page4d_cli.io.formats.video import write_video

CLIPS = ROOT / "examples/clips"
PAGES = list(pages())
PAGES_BY_NAME = {page.name: page for page in PAGES}
SHORTER = {
    "train smoke": "steps=2 validate_every=1 save_every=1 data.validation_scenes=1",
    "doctor": "--device cpu --dtype fp32",
}
"""What is appended to commands that would otherwise take long or depend on the machine."""
RUNS_NETWORK = re.compile(r"page4d (infer|visualize-features|eval-depth|eval-pose)\b")


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that a page can be given: what a reader has, and what earlier commands have made."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(CLIPS, folder / "scenes")
    pictures = sorted((CLIPS / "scene_2000000/rgb").iterdir())[:4]
    (folder / "frames").mkdir()
    for picture in pictures:
        Image.open(picture).save(folder / "frames" / f"{picture.stem}.png")
    write_video(folder / "clip.mp4", [np.asarray(Image.open(one)) for one in pictures], 10.0)
    (folder / "clips").mkdir()
    shutil.copy(folder / "clip.mp4", folder / "clips/street.mp4")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in (
            "infer frames --out preds --weights tiny --device cpu --dtype fp32",
            "synth --out raw --frames 12 --size 112x84 --layout tum",
            "prepare-tum raw --out data/tum",
        ):
            assert CliRunner().invoke(app, line.split()).exit_code == 0
    shutil.copy(folder / "preds/trajectory.txt", folder / "groundtruth.txt")
    return folder


@pytest.fixture
def start_in(things: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder that holds what a page is given, and a shell whose `page4d` is this one."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/page4d"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m page4d_cli "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{Path(sys.executable).parent}", prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    monkeypatch.setenv("COLUMNS", "200")

    def start(page: Page) -> Path:
        folder = tmp_path / "here"
        folder.mkdir()
        for name in page.given:
            copy = shutil.copytree if (things / name).is_dir() else shutil.copy
            copy(things / name, folder / name)
        monkeypatch.chdir(folder)
        return folder

    return start


def without_numbers(text: str) -> str:
    """Numbers, number formats and white space differ from machine to machine."""
    words = re.sub(r"\b(bf|fp)(16|32)\b|[-+]?\d[\d.,]*(e[-+]?\d+)?", "#", text)
    return " ".join(words.split())


def here(line: str) -> str:
    """The command with the bundled weights for the released ones, on a CPU."""
    words = line.split("#")[0].rstrip()
    for beginning, addition in SHORTER.items():
        words = re.sub(rf"page4d {beginning}\b[^|]*", rf"\g<0> {addition}", words)
    if "--gt" not in words:
        weights = "" if "--weights" in words else " --weights tiny"
        words = RUNS_NETWORK.sub(rf"\g<0> --device cpu{weights}", words)
    return words


def carried_out(line: str) -> tuple[int, str]:
    """Exit status and all that was printed. Plain commands run in this process, to save time."""
    if not line.startswith("page4d ") or re.search(r"[|&;]", re.sub(r"'[^']*'", "", line)):
        bash = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(
            bash, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        return done.returncode, done.stdout
    split = ["bash", "-c", f"printf '%s\\n' {line.removeprefix('page4d ')}"]
    words = subprocess.run(split, capture_output=True, text=True, check=True).stdout.splitlines()
    result = CliRunner().invoke(app, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def steps(command: Command) -> Iterator[str]:
    """The command, or what stands in the Makefile for it; the other targets are tests of tests."""
    if not command.line.startswith("make "):
        yield here(command.line)
        return
    makefile = (ROOT / "Makefile").read_text()
    target = command.line.split()[1]
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", makefile, re.MULTILINE)
    assert recipe, f"{command.line}: the Makefile has no such target"
    if target == "demo":
        for line in recipe[1].splitlines():
            yield here(line.strip().replace("$(BIN)/", "").lstrip("@"))


@pytest.mark.parametrize("page", [page for page in PAGES if page.commands], ids=str)
def test_commands_run_and_print_what_the_page_says(page: Page, start_in) -> None:
    start_in(page)
    for command in page.commands:
        if not command.runs or ("jq" in command.line and shutil.which("jq") is None):
            continue
        printed = ""
        for line in steps(command):
            status, output = carried_out(line)
            assert status == command.status, f"{line}\n{output}"
            printed += output
        remaining = iter([without_numbers(line) for line in printed.splitlines()])
        for expected in command.printed:
            assert without_numbers(expected) in remaining, f"{command.line}: {expected}\n{printed}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.blocks("python")], ids=str)
def test_python_runs(page: Page, start_in) -> None:
    """A page's blocks one after another, with the bundled network for the real one."""
    folder = start_in(page)
    program = "\n".join(block.text for block in page.blocks("python"))
    program = program.replace('load_model("page4d")', 'load_model("tiny", device="cpu")')
    for name, picture in (("a.png", "000000.png"), ("b.png", "000001.png")):
        shutil.copy(folder / "frames" / picture, folder / name)
    exec(compile(program, page.name, "exec"), {})


def test_the_tree_of_a_run_is_the_one_that_is_written(things: Path) -> None:
    tree = next(block.text for block in PAGES_BY_NAME["README.md"].blocks("text"))
    named = {line.split()[1].rstrip("/") for line in tree.splitlines()[1:]}
    assert named == {path.name for path in (things / "preds").iterdir()}


# What follows needs no command to be run.

OWN_PROGRAM = re.compile(r"(?:^|\s)(?:-m page4d_cli|page4d) ([a-z][\w-]*(?: [a-z][\w-]*)?)")


def options() -> dict[str, set[str]]:
    """The options of every command, by its name."""
    found: dict[str, set[str]] = {}

    def collect(command, name: str) -> None:
        found[name] = {
            flag for each in command.params for flag in (*each.opts, *each.secondary_opts)
        }
        for below, one in getattr(command, "commands", {}).items():
            collect(one, f"{name} {below}".strip())

    collect(get_command(app), "")
    return found


OPTIONS = options()


def command_in(text: str) -> str | None:
    """The name of the page4d command that a line calls."""
    found = OWN_PROGRAM.search(text)
    if found is None:
        return None
    both, first = found[1], found[1].split()[0]
    return both if both in OPTIONS else first


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_options_exist(page: Page) -> None:
    """In a line that calls a command, those of this command; alone, those of some command."""
    lines = [command.line for command in page.commands]
    for text in [*lines, *page.code_spans]:
        own = text.split("page4d_cli")[-1]  # what stands before belongs to accelerate or torchrun
        flags = re.findall(r"(?<![\w-])--[a-z][\w-]*", own)
        command = command_in(text)
        if command is None and not text.startswith("--"):
            continue
        known = OPTIONS[command] if command else set().union(*OPTIONS.values())
        assert set(flags) <= known | {"--help"}, f"{text}: {set(flags) - known}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Page) -> None:
    for link in page.links:
        file, _, anchor = link.partition("#")
        target = (page.path.parent / file) if file else page.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(target).anchors, link


def test_each_fact_stands_once() -> None:
    found = Counter(text for page in PAGES for text in set(page.paragraphs))
    assert [text for text, count in found.items() if count > 1] == []


def test_every_command_stands_in_the_readme_and_is_called_on_a_page() -> None:
    called = {command_in(command.line) for page in PAGES for command in page.commands}
    for name in set(OPTIONS) - {""}:
        assert f"`page4d {name.split()[0]}`" in PAGES_BY_NAME["README.md"].text
        if not any(other.startswith(f"{name} ") for other in OPTIONS):
            assert name in called, name


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_and_names_of_the_code_exist(name: str) -> None:
    source = "\n".join(path.read_text() for path in (ROOT / "page4d_cli").rglob("*.py"))
    for span in PAGES_BY_NAME[name].code_spans:
        if re.fullmatch(r"[\w./]+(/|\.(py|md|yaml|toml|html))", span):
            assert any((above / span).exists() for above in (ROOT, ROOT / "page4d_cli")), span
        elif re.fullmatch(r"[A-Za-z_][\w.]*(\(\))?", span):
            for word in span.removesuffix("()").split("."):
                assert re.search(rf"\b{word}\b", source), span


def test_configuration_page_is_the_one_that_the_dataclasses_give() -> None:
    assert configuration_page() == PAGES_BY_NAME["docs/configuration.md"].text, (
        "run python docs/generate_configuration.py"
    )


def test_every_key_of_the_configuration_says_what_it_means() -> None:
    rows = re.findall(r"^\| `.*\|$", PAGES_BY_NAME["docs/configuration.md"].text, re.MULTILINE)
    silent = [row for row in rows if row.endswith("|  |") and "[section]" not in row]
    assert len(rows) > 100 and silent == []


def test_changelog_and_citation_are_of_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", PAGES_BY_NAME["CHANGELOG.md"].text, re.MULTILINE)
    assert page4d_cli.__version__ in headings[:2]
    assert f"\nversion: {page4d_cli.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_pages_are_finished() -> None:
    for page in PAGES:
        assert not re.search(r"@[A-Z]+@|TODO", page.text), page.name
