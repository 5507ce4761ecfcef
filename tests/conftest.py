"""Fixtures that several test files share."""

import gc
import os
import signal

# Before torch: the tests run beside one another, a thread each, and so do the programs they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores Ctrl-C for what it starts in the background, and all of its children inherit
    # that; programs under test shall be able to receive it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest
from hypothesis import settings
from safetensors.torch import load_file
from support import ORACLE, oracle_config

from page4d_cli.model.network import Page4D

settings.register_profile("page4d", deadline=None)  # a busy machine is no failure
settings.load_profile("page4d")


@pytest.fixture(scope="session")
def oracle_model() -> Page4D:
    """The oracle's network. Tests must not change it."""
    model = Page4D(oracle_config())
    model.load_state_dict(load_file(ORACLE / "weights.safetensors"))
    return model.eval().requires_grad_(False)


@pytest.fixture
def after_ray():
    """What Ray leaves to the garbage collector may complain here, and in no other test."""
    yield
    gc.collect()
