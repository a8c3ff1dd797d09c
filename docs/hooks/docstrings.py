"""Extensions of Griffe, which reads docstrings for the site: public names and records."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

from griffe import (
    Alias,
    Attribute,
    Class,
    Docstring,
    DocstringAttribute,
    DocstringSectionAttributes,
    DocstringSectionParameters,
    Extension,
    Function,
    Module,
    Parameter,
    ParameterKind,
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


class SharedOptions(Extension):
    """Replace `**options` of a public function by the keyword arguments that `help` lists."""

    def on_function(self, *, func: Function, **_: Any) -> None:
        """Take the keyword arguments from the signature of the function itself."""
        names = [each.name for each in func.parameters if str(each.annotation).startswith("Unpack[")]
        if not names or func.docstring is None:
            return
        function = getattr(import_module(func.module.path), func.name)
        for each in inspect.signature(function).parameters.values():
            if each.name not in func.parameters:
                annotation = getattr(each.annotation, "__forward_arg__", each.annotation)
                kind = ParameterKind.keyword_only
                func.parameters.add(
                    Parameter(each.name, annotation=annotation, kind=kind, default=repr(each.default))
                )
        for section in func.docstring.parsed:
            if isinstance(section, DocstringSectionParameters):
                section.value = [each for each in section.value if each.name.lstrip("*") not in names]
        for name in names:
            del func.parameters[name]
