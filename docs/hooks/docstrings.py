"""Extensions of Griffe, which reads docstrings for the site: public names and records."""

from __future__ import annotations

import re
from typing import Any

from griffe import (
    Alias,
    Attribute,
    Class,
    Docstring,
    DocstringAttribute,
    DocstringSectionAttributes,
    Extension,
    Module,
)

_NAME = re.compile(r"(record|dataclass)\b")


class PublicNames(Extension):
    """Declare the names that `netinspect` imports when they are used."""

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Add the names of `netinspect.api` to the package."""
        for name, member in pkg["api"].members.items():
            if member.is_alias and not name.startswith("_"):
                pkg.set_member(name, Alias(name, member.target_path))


class RecordFields(Extension):
    """List the fields and properties of a record in its docstring, as one table."""

    def on_class(self, *, cls: Class, **_: Any) -> None:
        """Add the section to the docstring of a record or data class."""
        if not any(_NAME.match(str(decorator.value)) for decorator in cls.decorators):
            return
        fields = [
            DocstringAttribute(
                name=name,
                annotation=member.annotation,
                description=member.docstring.value if member.docstring else "",
            )
            for name, member in cls.members.items()
            if isinstance(member, Attribute) and not name.startswith("_") and not _is_constant(member)
        ]
        if fields:
            cls.docstring = cls.docstring or Docstring("", parent=cls)
            cls.docstring.parsed.append(DocstringSectionAttributes(fields, title="Fields"))


def _is_constant(member: Attribute) -> bool:
    return str(member.annotation).startswith("ClassVar")
