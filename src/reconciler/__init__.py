"""A declarative operator: what is committed in specs/ is what runs."""

__version__ = "0.1.0"
