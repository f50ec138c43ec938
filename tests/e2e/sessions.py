"""Writers that send a command again, under the same number, until they have its
reply: each takes effect once, whatever happens to the servers meanwhile.

    sessions.py PORTS STOP [plain]

They write until the file STOP is there, and then look at what they have
written. `plain`: the same commands without sessions, which has to fail.
"""

import os
import random
import sys
import threading
import time

from respclient import Connection, ReplyError, command

WRITERS = 4
PATIENCE_S = 30.0
DEPTH = 8  # commands without a reply, of one writer


def is_passing(reply):
    """An error after which the same is sent again."""
    return isinstance(reply, ReplyError) and str(reply).startswith("TIMEOUT")


class Writer(threading.Thread):
    """Counts a key up, and appends to another: DEPTH commands at a time, some
    of them sent twice on purpose, and sometimes those of before as well."""

    def __init__(self, number, ports, stop, plain):
        super().__init__()
        self.ports, self.at = ports, number % len(ports)
        self.stop, self.plain = stop, plain
        self.key = "s:%x:%d" % (time.time_ns(), number)
        self.connection = None
        self.session = 0
        self.fault = None
        self.commands = 0
        self.retries = 0  # replies were missing: all of them once more
        self.copies = 0   # on purpose
        self.stale = 0    # likewise, of what was acknowledged

    def renew(self):
        """Another server."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.at = (self.at + 1) % len(self.ports)

    def ask(self, parts):
        """The replies, however often it takes."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if self.connection is None:
                    self.connection = Connection(self.ports[self.at])
                self.connection.send(b"".join(parts))
                replies = [self.connection.reply() for _ in parts]
                if not any(map(is_passing, replies)):
                    return replies
            except OSError:
                pass
            self.retries += 1
            self.renew()
            time.sleep(0.02)
        raise TimeoutError("no replies within %d s" % PATIENCE_S)

    def ask_one(self, *args):
        return self.ask([command(*args)])[0]

    def batch(self, first):
        made = []
        for number in range(first, first + DEPTH):
            args = (("INCR", self.key) if number % 2 == 1
                    else ("APPEND", self.key + ":a", "x"))
            if not self.plain:
                args = ("SESSION", "CALL", self.session, number, first) + args
            made.append(command(*args))
        return made

    def judge(self, first, replies, again):
        """What is wrong with the replies, or None. Within a batch some may
        have been refused, and so come behind later ones."""
        copies = replies[DEPTH:]
        wanted = list(range(first // 2 + 1, (first + DEPTH) // 2 + 1))
        for begin in (0, 1):
            got = replies[begin:DEPTH:2]
            if not all(isinstance(reply, int) for reply in got) or \
                    sorted(got) != wanted:
                return "commands from %d: replies %r" % (first, got)
        for at, reply in zip(again, copies):
            if reply != replies[at]:
                return "a copy of %d has %r, the first %r" % (
                    first + at, reply, replies[at])
        return None

    def send_stale(self, first):
        self.stale += 1
        for reply in self.ask(self.batch(first)):
            if not isinstance(reply, ReplyError) or \
                    not str(reply).startswith("FORGOTTEN"):
                self.fault = "an old copy has the reply %r" % (reply,)

    def write(self, first):
        made = self.batch(first)
        again = [at for at in range(DEPTH) if random.random() < 0.25]
        self.copies += len(again)
        replies = self.ask(made + [made[at] for at in again])
        self.fault = self.judge(first, replies, again)
        self.commands += DEPTH
        if first > DEPTH and not self.plain and random.random() < 0.05:
            self.send_stale(first - DEPTH)
        if random.random() < 0.05:
            self.renew()

    def look(self):
        """That all is there once, and the session gone when it is closed."""
        count = self.ask_one("GET", self.key)
        length = self.ask_one("STRLEN", self.key + ":a")
        if count != b"%d" % (self.commands // 2) or \
                length != self.commands // 2:
            self.fault = "%d commands, but %r and %r" % (self.commands, count,
                                                         length)
        if self.plain:
            return
        if self.ask_one("SESSION", "CLOSE", self.session) != b"OK":
            self.fault = "CLOSE"
        reply = self.ask(self.batch(self.commands + 1)[:1])[0]
        if not str(reply).startswith("ENDED"):
            self.fault = "after CLOSE: %r" % (reply,)

    def work(self):
        if not self.plain:
            self.session = self.ask_one("SESSION", "OPEN")
        while self.fault is None and not os.path.exists(self.stop):
            self.write(self.commands + 1)
        if self.fault is None:
            self.look()

    def run(self):
        try:
            self.work()
        except (OSError, ValueError, TypeError) as error:
            self.fault = repr(error)


def main(ports, stop, plain=""):
    ports = [int(port) for port in ports.split(",")]
    writers = [Writer(number, ports, stop, plain == "plain")
               for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    print("sessions: %d commands, %d times sent again, %d copies, %d times "
          "old ones" % tuple(sum(getattr(writer, name) for writer in writers)
                             for name in ("commands", "retries", "copies",
                                          "stale")))
    for writer in writers:
        if writer.fault is not None:
            sys.exit("sessions: %s: %s" % (writer.key, writer.fault))


main(*sys.argv[1:])
