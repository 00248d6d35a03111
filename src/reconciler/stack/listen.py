"""Tells the operator that a process changed: ``python -I -S listen.py WAKE_SOCKET``.

supervisord feeds events to stdin; each becomes one datagram. Nobody waits for the operator: when
it is not there, or too slow, the event is dropped, because it will look for itself when it comes.
"""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX, SOCK_DGRAM, socket

OUT = 1


def main(wake: str) -> None:
    """Pass events on until supervisord ends."""
    while True:
        os.write(OUT, b"READY\n")
        header = sys.stdin.buffer.readline()
        if not header:
            return
        fields = dict(word.split(b":", 1) for word in header.split())
        sys.stdin.buffer.read(int(fields[b"len"]))
        tell(wake, fields[b"eventname"])
        os.write(OUT, b"RESULT 2\nOK")


def tell(wake: str, event: bytes) -> None:
    """Send ``event`` to the operator, if it listens."""
    messenger = socket(AF_UNIX, SOCK_DGRAM)
    messenger.setblocking(False)  # noqa: FBT003 (the C type takes no keyword)
    try:
        messenger.sendto(event, wake)
    except OSError:
        pass  # it is not there, or has plenty to look at already
    finally:
        messenger.close()


if __name__ == "__main__":
    main(sys.argv[1])
