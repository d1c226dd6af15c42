#!/usr/bin/env python3
"""A program that is run together, with state that late joiners share: everybody counts once, and all see the same sum.

The agent launches it. Its messages are ordered, repaired and kept: whoever opens the
session from its start has the whole state, so late joiners need nothing of their own. Each sum is written to standard
output and to a file in the state folder.
"""

import os
import pathlib
import selectors
import struct
import uuid

from chat import DELIVER, PUBLISH, Line

SESSION = uuid.UUID(os.environ["CHALKTALK_SESSION"]).bytes
SUM = pathlib.Path(os.environ["CHALKTALK_STATE"]) / f"tally-{os.environ['CHALKTALK_SESSION']}.txt"


def author(body):
    """Who wrote the messages of a deliver frame (docs/ipc.md, Receiving)."""
    return body[32:64]


def main():
    line = Line(None)
    line.ask({"hello": {"protocol": 1, "client": "tally.py 1.0"}})
    token = os.environ["CHALKTALK_TOKEN"]
    attach = {"instance": None, "app": os.environ["CHALKTALK_APP"], "role": "app", "token": token}
    line.ask({"attach": attach})
    line.ask({"open": {"session": SESSION, "from": "start"}})
    line.ask({"ready": {"session": SESSION, "port": 0}})
    mine = struct.pack("<16s16sQB", SESSION, bytes(16), 1, 0) + struct.pack("<IB", 4, 0) + b"here"
    line.send(PUBLISH, mine)
    line.flush()
    people = set()
    selector = selectors.DefaultSelector()
    selector.register(line.socket, selectors.EVENT_READ)
    while True:
        for kind, body in line.frames():
            if kind == DELIVER:
                people.add(author(body))  # who comes back after a crash adds nothing
                print(len(people), flush=True)
                SUM.write_text(f"{len(people)}\n")
        selector.select()
        line.on_readable()


if __name__ == "__main__":
    main()
