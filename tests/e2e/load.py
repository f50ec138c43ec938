"""Writes under failures, and the proof that nothing acknowledged was lost.

    load.py write  PORTS FILE SECONDS [WORKERS]
    load.py verify PORTS FILE

Workers write unique keys and increment counters through all servers in turn
and read back through another server what was acknowledged. FILE gets one
line per command: ok (acknowledged), unknown (may have been applied), no
(certainly was not). verify reads every server: what was acknowledged is
there, what was refused is not, and a counter stands between the acknowledged
increments and those with the unknown ones: none was applied twice.
"""

import collections
import random
import sys
import threading
import time

from respclient import Connection, ReplyError

OK, UNKNOWN, NO = "ok", "unknown", "no"


class Worker(threading.Thread):
    def __init__(self, number, ports, out, lock, end, tag):
        super().__init__()
        self.number, self.ports, self.out, self.lock = number, ports, out, lock
        self.end, self.tag = end, tag
        self.connections = {}
        self.fault = None
        self.counts = collections.Counter()
        self.slowest = 0.0

    def call(self, port, *args):
        """(fate, reply)"""
        try:
            if port not in self.connections:
                self.connections[port] = Connection(port)
        except OSError:
            return NO, None
        try:
            return OK, self.connections[port].call(*args)
        except ReplyError as error:
            text = str(error)
            if not text.startswith("TIMEOUT"):
                self.fault = "%r got -%s" % (args, text)
            return (NO if "not applied" in text else UNKNOWN), None
        except OSError:
            self.connections.pop(port).close()
            return UNKNOWN, None

    def note(self, fate, kind, key, value):
        self.counts[fate] += 1
        with self.lock:
            self.out.write("%s %s %s %s\n" % (fate, kind, key, value))

    def check_read(self, key, value):
        port = random.choice(self.ports)
        fate, got = self.call(port, "GET", key)
        if fate == OK and got != value.encode():
            self.fault = "port %d: GET %s gives %r after %r was acknowledged" \
                % (port, key, got, value)

    def one_set(self, step):
        key = "k:%s:%d:%d" % (self.tag, self.number, step)
        value = "v%d-%d-%s" % (step, self.number, "x" * (step % 100))
        fate, _ = self.call(self.ports[step % len(self.ports)], "SET", key,
                            value)
        self.note(fate, "set", key, value)
        if fate == OK and step % 4 == 0:
            self.check_read(key, value)

    def one_incr(self, step):
        key = "n:%s:%d" % (self.tag, self.number)
        fate, got = self.call(self.ports[step % len(self.ports)], "INCR", key)
        self.note(fate, "incr", key, got if fate == OK else "-")

    def run(self):
        step = 0
        while time.monotonic() < self.end and self.fault is None:
            begun = time.monotonic()
            if step % 3 == 2:
                self.one_incr(step)
            else:
                self.one_set(step)
            took = time.monotonic() - begun
            self.slowest = max(self.slowest, took)
            if took < 0.0002:
                time.sleep(0.01)  # refused at once: a server that is down
            step += 1
        for connection in self.connections.values():
            connection.close()


def write(ports, path, seconds, workers):
    lock = threading.Lock()
    tag = "%x" % time.time_ns()
    end = time.monotonic() + seconds
    with open(path, "a", encoding="ascii") as out:
        threads = [Worker(number, ports[number % len(ports):]
                          + ports[:number % len(ports)], out, lock, end, tag)
                   for number in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    total = sum((thread.counts for thread in threads), collections.Counter())
    print("load: %d acknowledged, %d unknown, %d not applied, slowest %.0f ms"
          % (total[OK], total[UNKNOWN], total[NO],
             max(thread.slowest for thread in threads) * 1000))
    for thread in threads:
        if thread.fault:
            sys.exit("load: " + thread.fault)
    if total[OK] == 0:
        sys.exit("load: nothing was acknowledged")


def read_file(path):
    sets, counters = {}, {}
    with open(path, encoding="ascii") as file:
        for line in file:
            fate, kind, key, value = line.split()
            if kind == "set":
                sets[key] = (fate, value)
                continue
            least, most, returned = counters.get(key, (0, 0, []))
            if fate == OK:
                returned.append(int(value))
            counters[key] = (least + (fate == OK), most + (fate != NO),
                             returned)
    return sets, counters


def verify_sets(connection, sets):
    keys = sorted(sets)
    for first in range(0, len(keys), 500):
        part = keys[first:first + 500]
        for key, got in zip(part, connection.call("MGET", *part)):
            fate, value = sets[key]
            value = value.encode()
            if fate == OK and got != value:
                return "%s was acknowledged and is %r" % (key, got)
            if fate == UNKNOWN and got not in (None, value):
                return "%s has a value nobody wrote: %r" % (key, got)
            if fate == NO and got is not None:
                return "%s was not applied, it was said, and is %r" \
                    % (key, got)
    return None


def verify_counters(connection, counters):
    for key, (least, most, returned) in sorted(counters.items()):
        if len(set(returned)) != len(returned) or returned != sorted(returned):
            return "%s: a number was returned twice or went back" % key
        got = int(connection.call("GET", key) or 0)
        if not least <= got <= most:
            return "%s is %d: %d were acknowledged, %d asked for" \
                % (key, got, least, most)
    return None


def verify(ports, path):
    sets, counters = read_file(path)
    for port in ports:
        connection = Connection(port)
        fault = verify_sets(connection, sets) or \
            verify_counters(connection, counters)
        if fault:
            sys.exit("verify: port %d: %s" % (port, fault))
        connection.close()
    print("verify: %d keys and %d counters on %d servers"
          % (len(sets), len(counters), len(ports)))


def main(mode, ports, path, *rest):
    ports = [int(port) for port in ports.split(",")]
    if mode == "write":
        write(ports, path, float(rest[0]),
              int(rest[1]) if len(rest) > 1 else 6)
    else:
        verify(ports, path)


main(*sys.argv[1:])
