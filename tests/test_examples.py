"""Every example runs as its own text says."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def environment(tmp_path):
    """Carry out the `page4d` lines in an example's text first, then its own line."""

    def run(example):
        lines = [
            line.strip()
            for line in example.read_text().split('"""')[1].splitlines()
            if line.strip().startswith(("page4d ", "python "))
        ]
        assert lines, f"{example.name} does not say how it is run"
        outputs = []
        for line in lines:
            words = [word.replace("preds/", str(tmp_path / "preds")) for word in line.split()]
            program = ["-m", "page4d_cli"] if words[0] == "page4d" else []
            done = subprocess.run(
                [sys.executable, *program, *words[1:]], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            outputs.append(done.stdout)
        return outputs[-1]

    return run


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example, environment):
    assert environment(example).strip()
