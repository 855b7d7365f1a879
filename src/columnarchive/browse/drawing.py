"""Templates to text, in the thread that read the archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

_KEPT = "columnarchive_templates"


def environment(datasette: Any) -> Environment:
    """The templates as Datasette finds them, its folder of own templates first, but drawn without its event loop.

    Datasette's own environment awaits every word of a template, which for a long column doubles the time, and holds up
    all other requests meanwhile.
    """
    found: Environment | None = getattr(datasette, _KEPT, None)
    if found is None:
        has_getter = hasattr(datasette, "get_jinja_environment")
        base = datasette.get_jinja_environment() if has_getter else datasette.jinja_env
        found = Environment(loader=base.loader, autoescape=True, auto_reload=base.auto_reload)
        setattr(datasette, _KEPT, found)
    return found


def draw(templates: Environment, name: str, context: Mapping[str, Any]) -> str:
    """The template of this name with its values put in."""
    return templates.get_template(f"columnarchive/{name}").render(context)
