"""The gateway beside what others put in front of their programs."""

from .traffic import traffic as traffic
from .updates import updates as updates

__all__ = ["traffic", "updates"]
