"""A declarative operator: what is committed in specs/ is what runs.

Resources can be declared from Python too: ``from reconciler import Process, Stack``. The types of
these names are in ``__init__.pyi``; nothing is imported until one of them is asked for.
"""

from __future__ import annotations

__version__ = "0.1.0"
__all__ = [
    "Gateway",
    "Probe",
    "Process",
    "Repository",
    "Route",
    "Stack",
    "SyncTarget",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # By name, for this module is everybody's parent: supervisord and the shell import it too.
    from importlib import import_module

    return getattr(import_module("reconciler.declare"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
