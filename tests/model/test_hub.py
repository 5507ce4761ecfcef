import errno
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    Response,
)

from page4d_cli.core.errors import WeightsError
from page4d_cli.model import hub
from page4d_cli.model.named_weights import HubFile

FILE = HubFile("someone/PAGE", "dataset", "weights.pt")


def answer(status: int) -> Response:
    response = Response(status)
    response.request = object()
    return response


def never(*_: object, **__: object) -> None:
    raise AssertionError("must not be called")


@pytest.fixture
def uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", never)


def test_a_cached_file_needs_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    asked = []

    def cache(repo: str, file: str, repo_type: str) -> str:
        asked.append((repo, file, repo_type))
        return str(path)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cache)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", never)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", never)
    assert hub.fetch(FILE) == path
    assert asked == [("someone/PAGE", "weights.pt", "dataset")]


def test_a_file_known_to_be_absent_is_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = object()  # the Hub's way to say that the repository has no such file
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: marker)
    assert hub.cached_path(FILE) is None


@pytest.mark.usefixtures("uncached")
def test_an_uncached_file_is_asked_for_and_downloaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, calls = tmp_path / "weights.pt", []
    monkeypatch.setattr(
        huggingface_hub, "get_hf_file_metadata", lambda url, timeout: calls.append((url, timeout))
    )
    monkeypatch.setattr(
        huggingface_hub,
        "hf_hub_download",
        lambda repo, file, repo_type: calls.append((repo, file, repo_type)) or str(path),
    )
    assert hub.fetch(FILE) == path
    (url, timeout), download = calls
    assert url.endswith("/datasets/someone/PAGE/resolve/main/weights.pt")
    assert timeout <= 5
    assert download == ("someone/PAGE", "weights.pt", "dataset")


@pytest.mark.usefixtures("uncached")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (HTTPError("Name or service not known"), "cannot be reached (Name or service not known)"),
        (OfflineModeIsEnabled("offline"), "HF_HUB_OFFLINE forbids it"),
        (LocalEntryNotFoundError("a long text"), "the Hub cannot be reached;"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "weights.pt of the Hub's dataset repository "
            "someone/PAGE: [Errno 28] No space left on device;",
        ),
        (GatedRepoError("long", response=answer(403)), "ask for a login"),
        (RepositoryNotFoundError("long", response=answer(404)), "no such file"),
        (
            HfHubHTTPError("503 Server Error\nlong", response=answer(503)),
            "PAGE: 503 Server Error;",
        ),
    ],
)
def test_without_the_hub_the_error_names_the_file_and_the_ways_out(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)
    with pytest.raises(WeightsError) as caught:
        hub.fetch(FILE)
    for part in (
        "weights.pt of the Hub's dataset repository someone/PAGE",
        reason,
        "--weights PATH/weights.pt",
        "--weights tiny",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("uncached")
def test_a_download_with_another_checksum_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(b"not what was published")
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: str(path))
    with pytest.raises(WeightsError, match="where 00ff is expected; delete it"):
        hub.fetch(HubFile("someone/PAGE", "dataset", "weights.pt", sha256="00ff"))
