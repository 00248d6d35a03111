"""The verbs about who may use the API: their flags."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import typer

from .options import AnOutput, Output, Specs, StateDir, Verb, app
from .stack import find_settings

ABOUT: Final = """Tokens for the HTTP API.

Who has the password can log in too: the first one is in state/admin.password of the state
directory, until somebody reads and deletes that file."""

token_app = typer.Typer(name="token", help=ABOUT, rich_markup_mode=None, no_args_is_help=True)
password_app = typer.Typer(
    name="password",
    help="The password of the HTTP API.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
app.add_typer(token_app)
app.add_typer(password_app)


class ScopeName(StrEnum):
    """What a token may do."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@token_app.command("create")
def create(
    ctx: Verb,
    name: Annotated[str, typer.Argument(help="What it is for, such as ci or prometheus.")],
    scope: Annotated[
        ScopeName, typer.Option(help="read; operate: start and stop too; admin: everything.")
    ] = ScopeName.READ,
    expires: Annotated[str | None, typer.Option(help="After how long, such as 12h or 90d.")] = None,
    specs: Specs = None,
    state_dir: StateDir = None,
) -> int:
    """Make a token and print it, this once; only its digest is kept."""
    from .admission import create as make

    settings = find_settings(specs, state_dir)
    return make(settings, ctx.obj, name, scope=scope.value, expires=expires)


@token_app.command("list")
def listed(
    ctx: Verb, specs: Specs = None, state_dir: StateDir = None, output: AnOutput = Output.TEXT
) -> int:
    """List the tokens, not what they are."""
    from .admission import show

    return show(find_settings(specs, state_dir), ctx.obj, output=output.value)


@token_app.command("revoke")
def revoke(
    ctx: Verb,
    name: Annotated[str, typer.Argument(help="As in `reconciler token list`.")],
    specs: Specs = None,
    state_dir: StateDir = None,
) -> int:
    """End a token at once; `sessions` ends everybody's who logged in."""
    from .admission import revoke as end

    return end(find_settings(specs, state_dir), ctx.obj, name)


@password_app.command("set")
def choose(ctx: Verb, specs: Specs = None, state_dir: StateDir = None) -> int:
    """Choose a password: asked for on a terminal, else the first line of standard input."""
    from .admission import change

    return change(find_settings(specs, state_dir), ctx.obj)


@password_app.command("hash")
def digest(ctx: Verb) -> int:
    """Print the hash of a password, for RECONCILER_ADMIN_PASSWORD_HASH."""
    from .admission import print_hash

    return print_hash(ctx.obj)
