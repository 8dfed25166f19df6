"""A client of server-sent events over a raw connection, so that a test decides when it reads."""

import contextlib
import json
import select
import time
from urllib.parse import urlencode

import ledgerlib


class Frame:
    def __init__(self, text):
        self.id = self.event = None
        self.data = []
        self.comments = 0
        for line in text.split("\n"):
            name, _, value = line.partition(": ")
            if name == "id":
                self.id = value
            elif name == "event":
                self.event = value
            elif name == "data":
                self.data.append(value)
            elif line.startswith(":"):
                self.comments += 1

    def json(self):
        return json.loads("\n".join(self.data))

    def __repr__(self):
        return f"<{self.event} {self.id} {self.data}>"


class Tail:
    """One GET /api/v1/tail.  Nothing is read but by head(), frame() and poll()."""

    def __init__(self, daemon, headers=None, path="/api/v1/tail", **parameters):
        self.socket = daemon.connect()
        self.left = b""  # raw
        self.body = b""  # without chunks
        self.ended = False
        fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        target = f"{path}?{urlencode(parameters)}"
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode())

    def head(self):
        while b"\r\n\r\n" not in self.left:
            piece = self.socket.recv(65536)
            assert piece, self.left
            self.left += piece
        head, self.left = self.left.split(b"\r\n\r\n", 1)
        return head.decode()

    def follow(self):
        """Reads the head, which must be that of a tail."""
        head = self.head()
        assert head.startswith("HTTP/1.1 200"), head
        assert "Content-Type: text/event-stream" in head, head
        return self

    def _unchunk(self):
        while not self.ended:
            size, found, rest = self.left.partition(b"\r\n")
            if not found or len(rest) < int(size, 16) + 2:
                return
            length = int(size, 16)
            self.body += rest[:length]
            self.left = rest[length + 2:]
            self.ended = length == 0

    def poll(self):
        """Takes what has come without waiting; false: the connection is closed."""
        with contextlib.suppress(BlockingIOError):
            self.socket.setblocking(False)
            while True:
                piece = self.socket.recv(1 << 20)
                if not piece:
                    return False
                self.left += piece
        return True

    def frames(self):
        """Those that are here."""
        self._unchunk()
        *whole, self.body = self.body.split(b"\n\n")
        return [Frame(frame.decode()) for frame in whole]

    def collect(self, enough, seconds=ledgerlib.WAIT_SECONDS):
        """Reads until enough(frames so far), or the end."""
        frames = self.frames()
        deadline = time.monotonic() + seconds
        self.socket.settimeout(seconds)
        while not enough(frames) and not self.ended:
            ready, _, _ = select.select([self.socket], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"waited {seconds} s; have {frames[-5:]}"
            piece = self.socket.recv(1 << 16)
            if not piece:
                break
            self.left += piece
            frames += self.frames()
        return frames

    def events(self, count):
        """The next `count` events; other frames are left out."""
        frames = self.collect(lambda all_: sum(f.event == "event" for f in all_) >= count)
        return [frame for frame in frames if frame.event == "event"]

    def close(self):
        self.socket.close()
