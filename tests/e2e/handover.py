"""Writers that must not notice that leadership moves.

    handover.py write   PORTS DIR WRITERS THINK_MS
                                              until DIR/stop is there
    handover.py measure DIR SPAN_MS

Each writer counts a key of its own up, through a server of its own as long as
that one takes connections, and otherwise through the next. An error reply
fails the test. A connection that is closed without a reply is not one: a
server that stops has answered what it took in, so the command was not applied,
and is sent to the next server. DIR/acked gets a line per command, as load.py
writes them for its `verify`; DIR/times its begin and end.

measure prints, for each kind of event in DIR/events (lines of milliseconds and
a word), how long the slowest command took of those that were under way within
SPAN_MS after it; and the same for moments in between.
"""

import os
import sys
import threading
import time

from respclient import Connection, ReplyError

PATIENCE_S = 15.0  # for a server that takes the command
HOME_AFTER_S = 0.5


class Writer(threading.Thread):
    def __init__(self, number, ports, stop, think_ms):
        super().__init__()
        self.key = "h:%x:%d" % (time.time_ns(), number)
        self.ports, self.stop, self.think_s = ports, stop, think_ms / 1000
        self.home = self.at = number % len(ports)
        self.connection = None
        self.left_home = 0.0
        self.fault = None
        self.lines, self.times = [], []
        self.moves = 0

    def leave(self):
        self.connection.close()
        self.connection = None
        self.moves += 1
        self.at = (self.at + 1) % len(self.ports)
        self.left_home = time.monotonic()

    def connect(self):
        """False: this server takes nobody now."""
        try:
            self.connection = Connection(self.ports[self.at])
            return True
        except OSError:
            self.at = (self.at + 1) % len(self.ports)
            return False

    def go_home(self):
        if self.at == self.home or \
                time.monotonic() < self.left_home + HOME_AFTER_S:
            return
        self.left_home = time.monotonic()
        try:
            fresh = Connection(self.ports[self.home])
        except OSError:
            return
        self.connection.close()
        self.connection, self.at = fresh, self.home

    def attempt(self):
        """The reply, or None when the command was not taken."""
        if self.connection is None and not self.connect():
            time.sleep(0.001)
            return None
        try:
            return self.connection.call("INCR", self.key)
        except ReplyError as error:
            self.fault = "port %d answers -%s" % (self.ports[self.at], error)
        except OSError:
            self.lines.append("no incr %s -" % self.key)
            self.leave()
        return None

    def run(self):
        while not os.path.exists(self.stop) and self.fault is None:
            begun = time.time()
            reply = None
            while reply is None and self.fault is None:
                reply = self.attempt()
                if time.time() > begun + PATIENCE_S:
                    self.fault = "no server takes a command"
            if reply is None:
                return
            self.lines.append("ok incr %s %d" % (self.key, reply))
            self.times.append((begun * 1000, time.time() * 1000))
            if self.connection is not None:
                self.go_home()
            if self.think_s > 0:
                time.sleep(self.think_s)


def write(ports, folder, writers, think_ms):
    threads = [Writer(number, ports, os.path.join(folder, "stop"), think_ms)
               for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(os.path.join(folder, "acked"), "a", encoding="ascii") as out:
        for thread in threads:
            out.writelines(line + "\n" for line in thread.lines)
    with open(os.path.join(folder, "times"), "a", encoding="ascii") as out:
        for thread in threads:
            out.writelines("%.2f %.2f\n" % times for times in thread.times)
    for thread in threads:
        if thread.fault:
            sys.exit("handover: " + thread.fault)
    print("handover: %d acknowledged, no error, %d connections closed by "
          "servers that stopped" % (sum(len(t.times) for t in threads),
                                    sum(t.moves for t in threads)))


def slowest(times, begin, span):
    """Of the commands under way at some moment of the span, the longest."""
    return max((end - start for start, end in times
                if end >= begin and start <= begin + span), default=0.0)


def part(values, fraction):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * fraction))]


def tell(word, stalls):
    print("%-9s %3d: slowest command median %.1f ms, p90 %.1f, p99 %.1f"
          % (word, len(stalls), part(stalls, 0.5), part(stalls, 0.9),
             part(stalls, 0.99)))


def measure(folder, span):
    with open(os.path.join(folder, "times"), encoding="ascii") as file:
        times = [tuple(map(float, line.split())) for line in file]
    with open(os.path.join(folder, "events"), encoding="ascii") as file:
        events = [(float(at), word) for at, word in
                  (line.split() for line in file)]
    for kind in sorted({word for _, word in events}):
        tell(kind, [slowest(times, at, span) for at, word in events
                    if word == kind])


def main(mode, *rest):
    if mode == "write":
        ports = [int(port) for port in rest[0].split(",")]
        write(ports, rest[1], int(rest[2]), float(rest[3]))
    else:
        measure(rest[0], float(rest[1]))


main(*sys.argv[1:])
