"""What the kernel allows."""

SOCKET_PATH = 107
"""Bytes of a unix socket's path."""
