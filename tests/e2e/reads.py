"""Reads on every server while something is written: none may be old.

    reads.py PORTS WRITER_PORTS SECONDS

One writer counts a register up, through WRITER_PORTS in turn; readers read it
through every server, and with pipelines too. A read must give at least what
was acknowledged, and what any other read had given, before it was sent: that
is linearizability, of one register with one writer whose values rise. What
the writer was told may not have been written counts only if it is seen.
"""

import random
import sys
import threading
import time

from respclient import Connection, ReplyError, command

READERS_EACH = 2
PIPELINE = 8


class Register:
    """What the next read must give at least."""

    def __init__(self):
        self.lock = threading.Lock()
        self.floor = 0

    def least(self):
        with self.lock:
            return self.floor

    def seen(self, value):
        with self.lock:
            self.floor = max(self.floor, value)


class Writer(threading.Thread):
    def __init__(self, key, ports, register, end):
        super().__init__()
        self.key, self.ports, self.register = key, ports, register
        self.end = end
        self.acknowledged = self.unsure = 0

    def run(self):
        value = 0
        connections = [Connection(port) for port in self.ports]
        while time.monotonic() < self.end:
            value += 1
            try:
                random.choice(connections).call("SET", self.key, value)
            except ReplyError:
                self.unsure += 1
                continue
            self.register.seen(value)
            self.acknowledged += 1


class Reader(threading.Thread):
    def __init__(self, key, port, register, end):
        super().__init__()
        self.key, self.port, self.register = key, port, register
        self.end = end
        self.fault = None
        self.count = self.retries = 0

    def check(self, least, got, how):
        if isinstance(got, ReplyError):
            self.retries += 1
            if not str(got).startswith("TIMEOUT"):
                self.fault = "port %d: -%s" % (self.port, got)
            return least
        value = int(got or 0)
        if value < least:
            self.fault = "port %d: %s gives %d after %d" \
                % (self.port, how, value, least)
        self.register.seen(value)
        self.count += 1
        return value

    def run(self):
        connection = Connection(self.port)
        while time.monotonic() < self.end and self.fault is None:
            many = random.choice((1, 1, 1, PIPELINE))
            least = self.register.least()
            connection.send(command("GET", self.key) * many)
            for _ in range(many):
                # Of one client they do not go back either.
                least = self.check(least, connection.reply(),
                                   "a read of %d" % many)


def main(ports, writer_ports, seconds):
    key = "r:%x" % time.time_ns()
    end = time.monotonic() + float(seconds)
    register = Register()
    ports = [int(port) for port in ports.split(",")]
    writer = Writer(key, [int(port) for port in writer_ports.split(",")],
                    register, end)
    readers = [Reader(key, port, register, end) for port in ports
               for _ in range(READERS_EACH)]
    for thread in [writer] + readers:
        thread.start()
    for thread in [writer] + readers:
        thread.join()
    print("reads: %d writes acknowledged, %d unsure; %s reads, %d timed out"
          % (writer.acknowledged, writer.unsure,
             " + ".join(str(sum(r.count for r in readers if r.port == port))
                        for port in ports),
             sum(reader.retries for reader in readers)))
    for reader in readers:
        if reader.fault:
            sys.exit("reads: " + reader.fault)
    if writer.acknowledged == 0 or any(r.count == 0 for r in readers):
        sys.exit("reads: a thread got nothing done")


main(*sys.argv[1:])
