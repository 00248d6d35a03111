"""Counts the words of new notes. It dies with its database; to come back is not its business."""

import json
import os
from pathlib import Path
from urllib.request import urlopen

from redis import Redis

database = Redis.from_url(os.environ["DATABASE_URL"], decode_responses=True)
alive = Path("data/worker.alive")

while database.lmove("doing", "jobs"):  # what the last one did not finish
    pass
while True:
    alive.touch()  # a worker has no port: this is what its liveness probe looks at
    if number := database.blmove("jobs", "doing", timeout=2):
        with urlopen(f"{os.environ['API_URL']}/api/notes/{number}") as answer:
            note = json.load(answer)
        database.hset(f"note:{number}", "words", len(note["text"].split()))
        database.lrem("doing", 1, number)
        print(f"note {number} is counted", flush=True)
