"""Packages that some data sets need beside those of page4d: the extra `sets`."""

from importlib.util import find_spec

from page4d_cli.core.errors import DatasetError


def require_modules(dataset: str, *modules: str) -> None:
    """Refuse to read a data set without what reads its files.

    Args:
        dataset: its name.
        modules: what is needed.

    Raises:
        DatasetError: one is not installed; the message says what to do.
    """
    absent = [module for module in modules if not _is_installed(module)]
    if absent:
        raise DatasetError(
            f"reading {dataset} needs {' and '.join(absent)}; pip install '.[sets]' in page4d's "
            "folder"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package above it
        return False
