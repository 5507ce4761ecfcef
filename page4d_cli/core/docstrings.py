"""What stands in the source below the members of an enum and the fields of a dataclass."""

import ast
import inspect
from functools import cache
from itertools import pairwise
from pathlib import Path


@cache
def member_docs(kind: type) -> dict[str, str]:
    """The docstrings of a class's members by their names; those without one are left out.

    Args:
        kind: a class of a module whose source is there.
    """
    body = _classes(inspect.getsourcefile(kind) or "")[kind.__name__].body
    docs = {}
    for member, text in pairwise(body):
        if not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
            continue
        if isinstance(member, ast.Assign) and isinstance(member.targets[0], ast.Name):
            docs[member.targets[0].id] = inspect.cleandoc(str(text.value.value))
        elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            docs[member.target.id] = inspect.cleandoc(str(text.value.value))
    return docs


@cache
def _classes(file: str) -> dict[str, ast.ClassDef]:
    module = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.name: node for node in module.body if isinstance(node, ast.ClassDef)}
