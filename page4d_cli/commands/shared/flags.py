"""One option for each field of a dataclass: declared once, for all commands that take it."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Annotated, Any

from typer.models import OptionInfo


class Flags:
    """The options that stand for the fields of a dataclass of closed or simple values.

    Args:
        kind: the dataclass; all its fields have defaults.
        options: one for each field, by its name.

    Raises:
        TypeError: a field has no option, or an option no field.
    """

    def __init__(self, kind: type[Any], **options: OptionInfo) -> None:
        self.kind = kind
        self.names = [field.name for field in fields(kind)]
        if set(self.names) != set(options):
            raise TypeError(f"{kind.__name__} has the fields {self.names}, not {list(options)}")
        self.parameters = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[field.type, options[field.name]],
            )
            for field in fields(kind)
        ]


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field where its parameter is annotated with `Flags`.

    Args:
        command: is called with the dataclasses that are made of the options.
    """
    parameters: list[inspect.Parameter] = []
    spread_out: dict[str, Flags] = {}
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        about = getattr(parameter.annotation, "__metadata__", ())
        flags = next((each for each in about if isinstance(each, Flags)), None)
        if flags is None:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
        else:
            spread_out[parameter.name] = flags
            parameters += flags.parameters

    @wraps(command)
    def called(**values: Any) -> None:  # noqa: ANN401 - whatever the options are parsed to
        for name, flags in spread_out.items():
            values[name] = flags.kind(**{field: values.pop(field) for field in flags.names})
        command(**values)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called
