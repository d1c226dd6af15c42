#!/usr/bin/env python3
"""A Chalktalk client written from docs/ipc.md alone: standard library and `msgpack`.

    chat.py [--socket PATH] [--app APP] [--quit] [TARGET]

Joins TARGET (`#lobby` unless said otherwise), publishes each line of standard input, and prints each message of the
session as a line of JSON. With --quit it ends when its input has ended and everything is stored; else it goes on
listening. It survives a restart of the daemon: nothing is shown twice, and nothing of its own is lost.
"""

import argparse
import collections
import datetime
import json
import os
import selectors
import socket
import struct
import sys
import time
import uuid

import msgpack

CONTROL, PUBLISH, DELIVER = 1, 2, 3
MAX_FRAME = 1 << 20
MAX_MESSAGE = 64 * 1024
MAX_BATCH = 128 * 1024
MESSAGE_COST = 64  # credit that a message costs besides its payload
BACKLOG = 8 << 20  # bytes of our own messages that may wait; beyond that we do not read our input
VOLATILE, REDELIVERED, LATE, ADDRESSED, HISTORY = 1, 2, 4, 8, 16


class Broken(Exception):
    """The connection is of no use any more; it is made again."""


class Refused(Exception):
    """The daemon said no."""


def places():
    """Where a daemon's socket may be, and whose it may be besides our own."""
    if os.path.isabs(os.environ.get("CHALKTALK_SOCKET", "")):
        return [os.environ["CHALKTALK_SOCKET"]]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        mine = os.path.join(runtime, "chalktalk")
    else:
        mine = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"chalktalk-{os.geteuid()}")
    return [os.path.join(mine, "chalktalkd.sock"), "/run/chalktalk/chalktalkd.sock"]


def connect(path=None):
    """A connection to the first daemon that answers, if it is run by who should run it."""
    for place in [path] if path else places():
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(place)
        except OSError:
            line.close()
            continue
        _pid, uid, _gid = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        service = os.stat(os.path.dirname(place)).st_uid if place.startswith("/run/chalktalk/") else None
        if uid not in (os.geteuid(), service):
            raise Refused(f"{place} is not run by you or the service, but by uid {uid}")
        return line
    raise Broken("no daemon answers; start one with `chalktalkd`")


class Line:
    """One connection: frames in and out."""

    def __init__(self, path):
        self.socket = connect(path)
        self.received = bytearray()
        self.unsent = bytearray()
        self.last_id = 0
        self.stash = []  # what came while an answer was awaited

    def send(self, kind, body):
        self.unsent += struct.pack("<IB", len(body) + 1, kind) + body

    def call(self, request, answered=True):
        """Asks; with `answered`, the number under which the reply will come."""
        self.last_id += answered
        self.send(CONTROL, msgpack.packb({"id": self.last_id if answered else 0, "request": request}))
        return self.last_id

    def ask(self, request):
        """Asks, and waits for the answer. What else comes meanwhile is kept for `frames`."""
        number = self.call(request)
        self.socket.settimeout(10)
        try:
            self.socket.sendall(self.unsent)
            self.unsent.clear()
            while True:
                for kind, body in self.whole_frames():
                    reply = body.get("reply") if kind == CONTROL else None
                    if reply is None or reply["id"] != number:
                        self.stash.append((kind, body))
                        continue
                    if "Err" in reply["body"]:
                        raise Refused(reply["body"]["Err"]["message"])
                    # Frames behind it in the buffer are read later: none is lost, `whole_frames` takes one at a time.
                    return reply["body"]["Ok"]
                self.read()
        except OSError as error:
            raise Broken(str(error)) from error
        finally:
            self.socket.setblocking(False)

    def read(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Broken("the daemon closed the connection")
        self.received += data

    def frames(self):
        """What has arrived."""
        stash, self.stash = self.stash, []
        yield from stash
        yield from self.whole_frames()

    def whole_frames(self):
        while len(self.received) >= 4:
            (length,) = struct.unpack_from("<I", self.received)
            if not 1 <= length <= MAX_FRAME:
                raise Broken(f"a frame of {length} bytes")
            if len(self.received) < 4 + length:
                return
            kind, body = self.received[4], bytes(self.received[5 : 4 + length])
            del self.received[: 4 + length]
            yield kind, msgpack.unpackb(body) if kind == CONTROL else body

    def on_readable(self):
        try:
            self.read()
        except BlockingIOError:
            pass
        except OSError as error:
            raise Broken(str(error)) from error

    def flush(self):
        """Writes what the socket takes."""
        while self.unsent:
            try:
                del self.unsent[: self.socket.send(self.unsent[:MAX_BATCH])]
            except BlockingIOError:
                return
            except OSError as error:
                raise Broken(str(error)) from error


class Chat:
    """One session, over any number of connections."""

    def __init__(self, options):
        self.options = options
        self.line = None
        self.instance = None
        self.token = os.environ.get("CHALKTALK_TOKEN") or None
        self.session = None
        self.read = {}  # (origin, epoch) -> (seq, index): what has been printed
        self.authors = {}  # origin -> (name, host)
        self.last_number = 0
        self.kept = collections.deque()  # (number, payload) of ours that may have to be sent again
        self.kept_bytes = 0
        self.unsent = collections.deque()  # those of them that have not been sent on this connection
        self.granted = self.used = 0
        self.live = False

    def attach(self):
        """Connects, and makes everything as it was on the connection before."""
        self.line = line = Line(self.options.socket)
        line.ask({"hello": {"protocol": 1, "client": "chat.py 1.0"}})
        attach = {"instance": self.instance, "app": self.options.app, "role": "app", "token": self.token}
        self.instance = line.ask({"attach": attach})["attached"]["instance"]
        self.token = None  # it works once
        first = self.session is None
        if first:
            join = {"target": self.options.target, "app": self.options.app}
            self.session = line.ask({"join": join})["session"]["session"]
        start = "saved" if first else {"at": self.positions(self.read)}
        opened = line.ask({"open": {"session": self.session, "from": start}})["opened"]
        self.live = opened["session"]["kind"] == "live"
        if first:
            self.read = {(p["origin"], p["epoch"]): (p["seq"], p["index"]) for p in opened["start"]}
        else:
            line.call({"ack": {"session": self.session, "positions": self.positions(self.read)}}, answered=False)
        # What the log lacks of ours goes out again, under the numbers it had.
        self.granted, self.used = opened["granted"], 0
        self.unsent = collections.deque(entry for entry in self.kept if entry[0] > opened["last_number"])
        self.last_number = max(self.last_number, opened["last_number"])

    @staticmethod
    def positions(vector):
        items = vector.items()
        return [{"origin": o, "epoch": e, "seq": seq, "index": index} for (o, e), (seq, index) in items]

    def publish(self, payload):
        if len(payload) > MAX_MESSAGE:
            print(f"chat.py: a line of {len(payload)} bytes is too long, left out", file=sys.stderr)
            return
        self.last_number += 1
        self.kept.append((self.last_number, payload))
        self.kept_bytes += len(payload)
        self.unsent.append((self.last_number, payload))

    def send_waiting(self):
        """Puts what waits into publish frames, as far as credit goes."""
        while self.unsent and self.used + len(self.unsent[0][1]) + MESSAGE_COST <= self.granted:
            body = bytearray(self.session + bytes(16) + struct.pack("<QB", self.unsent[0][0], 0))
            while self.unsent and len(body) + len(self.unsent[0][1]) <= MAX_BATCH:
                cost = len(self.unsent[0][1]) + MESSAGE_COST
                if self.used + cost > self.granted:
                    break
                self.used += cost
                _, payload = self.unsent.popleft()
                body += struct.pack("<IB", len(payload), 0) + payload
            self.line.send(PUBLISH, bytes(body))

    def on_frame(self, kind, body):
        if kind == DELIVER:
            self.on_messages(body)
        elif kind == CONTROL and "event" in body:
            event = body["event"]
            name, fields = next(iter(event.items()))
            getattr(self, f"on_{name}", lambda _: None)(fields)

    def on_author(self, author):
        self.authors[author["origin"]] = author["name"], author["host"]

    def on_credit(self, credit):
        self.granted = max(self.granted, credit["granted"])

    def on_progress(self, progress):
        safe = progress["appended"] if self.live else progress["stored"]
        while self.kept and self.kept[0][0] <= safe:
            self.kept_bytes -= len(self.kept.popleft()[1])

    def on_failed(self, failed):
        print(f"chat.py: message {failed['number']} on {failed['host_name']}: {failed['reason']}", file=sys.stderr)

    def on_lost(self, lost):
        name = self.authors.get(lost["origin"], ("somebody", ""))[0]
        print(f"chat.py: entries {lost['first']} to {lost['last']} of {name} are lost", file=sys.stderr)

    def on_offer(self, offer):
        answer = {"session": offer["session"]["session"], "accept": False}  # one session is all we show
        self.line.call({"answer_offer": answer}, answered=False)

    def on_detached(self, detached):
        if detached["session"] is None:
            raise Broken(detached["reason"])
        raise Refused(detached["reason"])

    def on_messages(self, body):
        """Prints a run of messages, then acknowledges it."""
        session, origin, user, instance, epoch, flags = struct.unpack_from("<16s16s32s16sIB", body)
        ordered = not flags & (VOLATILE | LATE | HISTORY)
        at, log, last = 85, (origin, epoch), None
        while at < len(body):
            seq, index, _flags, stamp, millis, length = struct.unpack_from("<QHBQQI", body, at)
            payload = body[at + 31 : at + 31 + length]
            at += 31 + length
            if ordered and (seq, index) <= self.read.get(log, (0, -1)):
                continue
            if not flags & VOLATILE:
                last = max(last or (0, 0), (seq, index))
                self.show(session, origin, user, instance, epoch, seq, index, stamp, millis, payload)
        sys.stdout.flush()
        if last is not None:
            self.read[log] = max(last, self.read.get(log, (0, 0)))
            positions = self.positions({log: last})
            self.line.call({"ack": {"session": session, "positions": positions}}, answered=False)

    def show(self, session, origin, user, instance, epoch, seq, index, stamp, millis, payload):
        when = datetime.datetime.fromtimestamp(min(millis, 1 << 47) / 1000, datetime.timezone.utc)
        message = {
            "session": str(uuid.UUID(bytes=session)),
            "origin": origin.hex(),
            "epoch": epoch,
            "seq": seq,
            "index": index,
            "user": user.hex(),
            "name": self.authors.get(origin, ("", ""))[0],
            "instance": str(uuid.UUID(bytes=instance)),
            "stamp": stamp,
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "text": payload.decode("utf-8", "replace"),
        }
        print(json.dumps(message, ensure_ascii=False))


class Input:
    """Lines of standard input, as they come."""

    def __init__(self):
        self.rest = b""
        self.ended = False

    def lines(self):
        data = os.read(0, 1 << 16)
        self.ended = not data
        *whole, self.rest = (self.rest + data).split(b"\n")
        if self.ended and self.rest:
            whole.append(self.rest)
        return whole


def serve(chat, lines):
    """One connection, until it breaks; true when all is done."""
    chat.attach()
    with selectors.PollSelector() as ready:  # epoll takes no files as input
        ready.register(chat.line.socket, selectors.EVENT_READ)
        listening = False
        while True:
            for kind, body in chat.line.frames():
                chat.on_frame(kind, body)
            chat.send_waiting()
            chat.line.flush()
            if chat.options.quit and lines.ended and not chat.kept and not chat.line.unsent:
                return True
            wanted = not lines.ended and chat.kept_bytes < BACKLOG
            if wanted and not listening:
                ready.register(0, selectors.EVENT_READ)
            elif listening and not wanted:
                ready.unregister(0)
            listening = wanted
            writing = selectors.EVENT_WRITE if chat.line.unsent else 0
            ready.modify(chat.line.socket, selectors.EVENT_READ | writing)
            for key, events in ready.select():
                if key.fd == 0:
                    for line in lines.lines():
                        chat.publish(line)
                elif events & selectors.EVENT_READ:
                    chat.line.on_readable()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", nargs="?", default="#lobby", help="#room, @user or a session's GUID")
    parser.add_argument("--socket", help="the daemon's socket, instead of the usual places")
    parser.add_argument("--app", default="chalktalk.chat", help="the app type of the session")
    parser.add_argument("--quit", action="store_true", help="end when the input has ended and all of it is stored")
    chat, lines, wait = Chat(parser.parse_args()), Input(), 0.05
    while True:
        since = time.monotonic()
        try:
            if serve(chat, lines):
                return 0
        except Broken as broken:
            if chat.instance is None:
                print(f"chat.py: {broken}", file=sys.stderr)
                return 3
            print(f"chat.py: {broken}; trying again", file=sys.stderr)
        except Refused as refused:
            print(f"chat.py: {refused}", file=sys.stderr)
            return 4
        if time.monotonic() - since > 2:
            wait = 0.05
        time.sleep(wait)
        wait = min(wait * 2, 1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
