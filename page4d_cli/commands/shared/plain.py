"""Typer with help in plain text: Rich and Pydantic would cost more than all the rest of it."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import CommandFunctionType


class PlainApp(typer.Typer):
    """A group of commands whose help is plain text, under the headings of its options."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - Typer's own
        cls = settings.pop("cls", PlainGroup)
        super().__init__(cls=cls, no_args_is_help=True, rich_markup_mode=None, **settings)

    def command(
        self,
        name: str | None = None,
        **settings: Any,  # noqa: ANN401 - Typer's own
    ) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Register a function as a command."""
        return super().command(name, cls=PlainCommand, **settings)


class PlainGroup(TyperGroup):
    """Commands below one word."""

    def get_help_option(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own
        """The option --help; not given, it is False at once, and not by Pydantic's judgement."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option


class PlainCommand(TyperCommand):
    """One command."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - Typer's own
        """Write arguments, options, and then the options of each heading."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            heading = getattr(parameter, "rich_help_panel", None) or kind
            record = parameter.get_help_record(ctx)
            if record is not None:
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
