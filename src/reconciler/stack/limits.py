"""What the kernel allows, and what both ends of a socket of ours do."""

SOCKET_PATH = 107
"""Bytes of a unix socket's path."""
PACKET = 1 << 16
"""Bytes of a question to the keeper, or of its answer, that travel at once: what we allow."""
