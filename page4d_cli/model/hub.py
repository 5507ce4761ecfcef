"""Weights from the Hugging Face Hub, kept in the Hub's own cache."""

from pathlib import Path

from page4d_cli.core.errors import WeightsError
from page4d_cli.model.checksum import sha256_of
from page4d_cli.model.named_weights import TINY, HubFile

PROBE_TIMEOUT_S = 5.0


def cache_directory() -> Path:
    """Where the Hub keeps its files; HF_HOME moves it."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE)


def cached_path(file: HubFile) -> Path | None:
    """Where the Hub's cache holds a file, without asking the network."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(file.repo, file.file, repo_type=file.repo_type)
    return Path(found) if isinstance(found, str) else None


def fetch(file: HubFile) -> Path:
    """Take a file from the Hub's cache, or download it there; the Hub shows its own progress.

    A download takes long to give up without a network, so a question about the file goes first.

    Raises:
        WeightsError: the Hub cannot be reached or does not give the file, or what came is damaged.
    """
    cached = cached_path(file)
    if cached is not None:
        return cached
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    # The class of a broken connection belongs to an HTTP library that has changed its name before.
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    url = hf_hub_url(file.repo, file.file, repo_type=file.repo_type)
    try:
        get_hf_file_metadata(url, timeout=PROBE_TIMEOUT_S)
        path = Path(hf_hub_download(file.repo, file.file, repo_type=file.repo_type))
    except (HTTPError, OSError) as error:
        raise WeightsError(
            f"cannot download {file}: {_reason(error)}; download it from {url} on another machine "
            f"and pass its path, --weights PATH/{file.file}; or try things without it: "
            f"--weights {TINY}"
        ) from error
    if file.sha256 is not None and sha256_of(path) != file.sha256:
        raise WeightsError(
            f"{path} has the sha256 {sha256_of(path)} where {file.sha256} is expected; delete it "
            "and download it again"
        )
    return path


def _reason(error: Exception) -> str:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids it"
    if isinstance(error, GatedRepoError):
        return "its owners ask for a login (hf auth login) and consent on the repository's page"
    if isinstance(error, LocalEntryNotFoundError):
        return "the Hub cannot be reached"
    if isinstance(error, (RepositoryNotFoundError, EntryNotFoundError)):
        return "the Hub has no such file"
    first_line = str(error).strip().split("\n")[0] or type(error).__name__
    # The Hub's own refusals and the disk's are OSErrors, broken connections are not.
    return first_line if isinstance(error, OSError) else f"the Hub cannot be reached ({first_line})"
