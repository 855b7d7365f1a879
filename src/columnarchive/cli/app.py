"""The `archive` command: its subcommands in the order of `archive --help`, and the options that come before them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from columnarchive import __version__, locale
from columnarchive.cli import crawl, diff, maintenance, search, serve, show, sites
from columnarchive.cli.output import DEFAULT_DATABASE, be_quiet, be_verbose, lang, pass_database, t, wrapped

Commands = dict[str, Callable[..., None]]
COMMANDS: Commands = {
    "crawl": crawl.crawl,
    "search": search.search,
    "show": show.show,
    "history": show.history,
    "diff": diff.diff,
    "changes": diff.changes,
    "review": diff.review,
    "copies": search.copies,
    "observations": search.observations,
    "blame": show.blame,
    "pictures": show.pictures,
    "captures": show.captures,
    "cite": diff.cite,
    "evidence": diff.evidence,
    "status": show.status,
    "extract": maintenance.extract,
    "import": maintenance.import_,
    "backfill": crawl.backfill,
    "witness": diff.witness,
    "export": maintenance.export,
    "rebuild": maintenance.rebuild,
    "check": maintenance.check,
    "stamp": maintenance.stamp,
    "withdraw": maintenance.withdraw,
    "serve": serve.serve,
    "demo": crawl.demo,
}
GROUPS: dict[str, tuple[Callable[..., None], Commands]] = {
    "sites": (
        sites.sites,
        {
            "list": sites.list_sites,
            "add": sites.add,
            "test": sites.show_samples,
            "remove": sites.remove,
            "enable": sites.enable,
            "disable": sites.disable,
            "edit": sites.edit,
            "shard": sites.shard,
        },
    ),
    "watch": (search.watch, {"list": search.list_searches, "add": search.add_search, "remove": search.remove_search}),
}


@cache
def _common_options() -> list[Any]:
    """Return the options of every command, which act when they are read; `main` has looked for `--lang` before."""

    def command(
        lang: str = "",
        quiet: Annotated[bool, typer.Option("--quiet", "-q", callback=be_quiet)] = False,
        verbose: Annotated[bool, typer.Option("--verbose", "-v", callback=be_verbose)] = False,
    ) -> None: ...

    options = typer.Typer(add_completion=False)
    options.command()(command)
    found = get_command(options).params
    for one in found:
        one.expose_value = False
    return list(found)


NAME_WIDTH = 20  # of the names in help; longer ones have a line of their own


class _Translated:
    """Mixed into typer's commands: help in the user's language, and the options that every command has."""

    def get_params(self, context: Any) -> list[Any]:
        *own, last = super().get_params(context)  # type: ignore[misc]
        return [*own, *_common_options(), last]

    def format_help(self, context: Any, formatter: Any) -> None:
        """Write the help in the user's language. Typer's own cannot: it cuts off text without spaces."""
        parameters = self.get_params(context)
        arguments = [one for one in parameters if one.param_type_name == "argument"]
        width = min(shutil.get_terminal_size().columns, 100)
        usage = [context.command_path, t("usage_options"), *(_metavar(one) for one in arguments)]
        commands = getattr(self, "commands", {})
        usage += [t("usage_command")] if commands else []
        lines = [f"{t('usage')} {' '.join(usage)}"]
        lines += [line for part in _command_help(_words(context)).splitlines() for line in wrapped(part, width)]
        tables = (
            ("help_arguments", [(_metavar(one), one) for one in arguments]),
            ("help_options", [(", ".join(one.opts), one) for one in parameters if one not in arguments]),
            ("help_commands", list(commands.items())),
        )
        for title, rows in tables:
            if rows:
                lines += ["", typer.style(t(title), bold=True)]
                lines += [line for name, one in rows for line in _help_lines(name, _about(context, one), width)]
        formatter.write("\n".join(lines))


def _command_help(words: list[str]) -> str:
    return locale.text(lang(), f"command.{'_'.join(words)}") if words else t("about")


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _help_lines(name: str, about: str, width: int) -> Iterator[str]:
    """Yield a name and what it is about beside it, or below it when the name is long."""
    first, *more = wrapped(about, width - NAME_WIDTH - 2)
    if len(name) > NAME_WIDTH - 2:
        yield f"  {name}"
        more, name = [first, *more], ""
    else:
        yield f"  {name:{NAME_WIDTH}}{first}"
    for line in more:
        yield f"  {'':{NAME_WIDTH}}{line}"


def _about(context: Any, one: Any) -> str:
    """Return what a command or parameter is about, and the default of an option."""
    if not hasattr(one, "param_type_name"):
        return _command_help([*_words(context), one.name]).partition("\n")[0]
    texts = locale.catalogue(lang())["option"]
    name = one.name.strip("_")
    about = texts.get("_".join([*_words(context), name]), "") or texts[name]
    if one.default and not callable(one.default) and one.default is not True:
        about += f" {t('default', value=one.default)}"
    return f"{about} {t('environment', name=one.envvar)}" if one.envvar else about


class _Command(_Translated, TyperCommand):
    pass


class _Group(_Translated, TyperGroup):
    def resolve_command(self, context: Any, words: list[str]) -> Any:
        if words and self.get_command(context, words[0]) is None:
            near = next(iter(get_close_matches(words[0], self.commands, 1)), "")
            raise typer.BadParameter(t("no_such_command", name=words[0][:40], near=near), ctx=context)
        return super().resolve_command(context, words)


def _words(context: Any) -> list[str]:
    """Return the names of a command and of the groups around it, without the program's."""
    return [*_words(context.parent), context.info_name] if context.parent else []


WRONG_USAGE: Any = typer.BadParameter.__base__  # typer keeps its click to itself


def usage_sentence(error: Any) -> str:
    """Return what is wrong with the words of a command, and how to see its usage."""
    if option := getattr(error, "option_name", ""):
        near = ", ".join(sorted(getattr(error, "possibilities", None) or ()))
        sentence = t("no_such_option", name=option, near=near)
    elif (parameter := getattr(error, "param", None)) is not None:
        is_option = parameter.param_type_name == "option"
        name = max(parameter.opts, key=len) if is_option else _metavar(parameter)
        key = "bad_parameter" if error.message else "missing_parameter"
        sentence = t(key, name=name, problem=error.message)
    else:
        sentence = error.message
    command = error.ctx.command_path if error.ctx else "archive"
    return f"{sentence} {t('try_help', command=command)}"


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"columnarchive {__version__}")
        raise typer.Exit


def options(
    context: typer.Context,
    db: Annotated[Path, typer.Option("--db", envvar="ARCHIVE_DB")] = DEFAULT_DATABASE,
    _version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True)] = False,
) -> None:
    """Options that come before every command."""
    pass_database(context, db)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _typer(callback: Callable[..., None], commands: Commands, *path: str) -> typer.Typer:
    made = typer.Typer(
        name=path[-1] if path else "archive",
        cls=_Group,
        help=_command_help(list(path)),
        invoke_without_command=True,
        callback=callback,
        add_completion=not path,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, function in commands.items():
        made.command(name, cls=_Command, help=_command_help([*path, name]))(function)
    return made


app = _typer(options, COMMANDS)
for group, (callback, commands) in GROUPS.items():
    app.add_typer(_typer(callback, commands, group))
