"""A target's own credentials for its store: in a file of their own, which only we may read."""

from __future__ import annotations

from typing import Final

from ....clients.git_folder import GitFolder
from ....core.errors import Terminal
from ..state import SyncTargetState

KEYS: Final = "keys"
"""The files are named by this, and by the target."""


def write_keys(folder: GitFolder, name: str, state: SyncTargetState) -> None:
    """Write down what the spec holds. Raises Terminal for what no request can carry."""
    secrets = state.large.secrets if state.large is not None else {}
    told = {key: secret.reveal() for key, secret in secrets.items()}
    for secret in told.values():
        check_secret(secret, name)
    if told:
        folder.write(f"{KEYS}/{name}", told)
    else:
        folder.drop(f"{KEYS}/{name}")


def read_keys(folder: GitFolder, name: str) -> dict[str, str]:
    return folder.read(f"{KEYS}/{name}") or {}


def demand_keys(folder: GitFolder, name: str, state: SyncTargetState) -> SyncTargetState:
    """The state, without a store when the file of its credentials is gone."""
    if state.large is not None and set(state.large.secrets) - set(read_keys(folder, name)):
        return state.model_copy(update={"large": None})
    return state


def check_secret(secret: str, name: str) -> str:
    """A secret that can stand in a header: a library's complaint about another would show it."""
    if not (secret.isascii() and secret.isprintable()):
        raise Terminal(
            f"a secret for the large files of SyncTarget/{name} is no single line of plain text",
            reason="PasswordUnusable",
        )
    return secret
