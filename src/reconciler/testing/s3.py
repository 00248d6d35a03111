"""A bucket of S3 over real HTTP, for tests: moto's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen


@contextmanager
def serving(*buckets: str) -> Iterator[str]:
    """Its URL, until the end of the block; it has these buckets and nothing in them."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        _send("POST", f"{url}/moto-api/reset")
        for bucket in buckets:
            _send("PUT", f"{url}/{bucket}")
        yield url
    finally:
        server.stop()


def _send(method: str, url: str) -> None:
    with urlopen(Request(url, method=method)) as answer:  # noqa: S310 (our own)
        answer.read()
