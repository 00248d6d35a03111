"""A stack in Python: `python3 examples/python/stack.py diff`, then `up`, `status`, `down`."""

from __future__ import annotations

import json
import sys

from reconciler import Process, Stack

database = Process(
    "database",
    command=["python3", "-m", "http.server", "8031", "--bind", "127.0.0.1"],
    restart={"policy": "always", "max_retries": -1},
    stop={"grace": "5s"},
)
workers = [
    Process(
        f"worker-{region}",
        command=["sh", "-c", f'while sleep 5; do echo "working in {region}"; done'],
        env={"REGION": region},
        depends_on=[{"ref": "database", "condition": "ready"}],
        labels={"region": region},
    )
    for region in ("north", "south")
]
stack = Stack(database, *workers)


def main(verb: str) -> None:
    match verb:
        case "up":
            stack.up()
        case "run":
            sys.exit(stack.run())
        case "down":
            stack.down()
        case "write":
            print(*stack.write("specs"), sep="\n")
        case "diff" | "status":
            told = stack.diff() if verb == "diff" else stack.status()
            print(json.dumps(told, indent=2, default=str))
        case _:
            sys.exit("usage: stack.py diff | up | run | status | down | write")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
