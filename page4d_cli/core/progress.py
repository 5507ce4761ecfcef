"""What a caller may want to hear while work is being done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and of how many."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Observer(Generic[ResultT]):
    """Functions that are told what happens; those that are not given hear nothing."""

    on_scene: Callable[[str, int, int], None] = field(default=lambda _name, _index, _count: None)
    """Called when a scene or sequence begins: its name, its index, and how many there are."""
    on_note: Callable[[str], None] = field(default=lambda _text: None)
    """Called with a sentence that is good to know."""
    on_warning: Callable[[str], None] = field(default=lambda _text: None)
    """Called with a sentence that must not be missed."""
    on_result: Callable[[ResultT], None] = field(default=lambda _result: None)
    """Called with the result of each scene, sequence or step when it is there."""
    progress: Progress | None = None
    """Called at every step of the work within a scene."""
