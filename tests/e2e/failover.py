"""Kills the leader again and again, and measures how long writers wait.

    failover.py PORTS DIR KILLS ELECTION_MS

Servers are numbered from 1 in the order of PORTS; DIR/N.pid names the process
of server N, which is started again as it was. DIR/acked gets a line per
command, as load.py writes them for its `verify`.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import watch
from respclient import Connection, ReplyError

PATIENCE_S = 20.0
ENOUGH = 50  # kills for a median to mean something


class Writer(threading.Thread):
    """Counts a key of its own up, at one server as long as that one is there,
    and otherwise at the next."""

    def __init__(self, number, ports):
        super().__init__()
        self.key = "f:%x:%d" % (time.time_ns(), number)
        self.ports, self.at = ports, number % len(ports)
        self.connection = None
        self.ended = False
        self.fault = None
        self.lines = []
        self.times = []  # (begin, end) of what was acknowledged

    def attempt(self):
        """(fate, reply), as in load.py."""
        try:
            if self.connection is None:
                self.connection = Connection(self.ports[self.at])
        except OSError:
            self.at = (self.at + 1) % len(self.ports)
            time.sleep(0.002)
            return "no", None
        try:
            return "ok", self.connection.call("INCR", self.key)
        except ReplyError as error:
            if not str(error).startswith("TIMEOUT"):
                self.fault = str(error)
            return "no" if "not applied" in str(error) else "unknown", None
        except OSError:
            self.connection.close()
            self.connection = None
            return "unknown", None

    def run(self):
        while not self.ended and self.fault is None:
            begin = time.monotonic()
            fate, reply = self.attempt()
            if fate == "ok":
                self.times.append((begin, time.monotonic()))
            self.lines.append("%s incr %s %s\n"
                              % (fate, self.key,
                                 reply if fate == "ok" else "-"))
            time.sleep(random.uniform(0, 0.004))


class Group:
    def __init__(self, ports, folder):
        self.ports, self.folder = ports, folder
        self.watchers = [
            watch.Watcher(number + 1, lambda port=port: Connection(port, 3.0))
            for number, port in enumerate(ports)]
        self.writers = [Writer(number, ports) for number in range(len(ports))]

    def pid_file(self, server):
        return os.path.join(self.folder, "%d.pid" % server)

    def kill(self, server):
        """The command line of what was killed."""
        with open(self.pid_file(server), encoding="ascii") as file:
            pid = int(file.read())
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            command = file.read().rstrip(b"\0").split(b"\0")
        os.kill(pid, signal.SIGKILL)
        return command

    def start(self, server, command):
        name = os.path.join(self.folder, str(server))
        with open(name + ".out", "ab") as out, open(name + ".err", "ab") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err)
        with open(self.pid_file(server), "w", encoding="ascii") as file:
            file.write("%d\n" % process.pid)

    def wait_for(self, what, look):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(watch.LOOK_S / 2)
        return sys.exit("failover: waited in vain for " + what)

    def leader(self, since=0.0):
        return self.wait_for("a leader",
                             lambda: watch.leader(self.watchers, since))

    def is_whole(self):
        """All follow one leader and have all that it has."""
        seen = []
        for port in self.ports:
            try:
                connection = Connection(port, 3.0)
                text = connection.call("INFO", "raft").decode()
                connection.close()
            except (OSError, ReplyError):
                return False
            fields = dict(line.split(":", 1) for line in text.split("\r\n")
                          if ":" in line)
            seen.append(fields)
        last = max(int(fields["raft_last_index"]) for fields in seen)
        return len({fields["raft_leader"] for fields in seen}) == 1 and \
            seen[0]["raft_leader"] != "0" and \
            all(int(fields["raft_applied_index"]) > last - 100
                for fields in seen)

    def next_write(self, killed):
        """When the first write was acknowledged of those that began after the
        kill: the replies to others may be on their way."""
        ends = [end for writer in self.writers
                for begin, end in writer.times[-100:] if begin >= killed]
        return min(ends, default=None)

    def slowest_write(self, killed):
        """Of the writers the one that waited longest: until when."""
        return max(min((end for begin, end in writer.times
                        if begin >= killed or end > killed + 0.1))
                   for writer in self.writers)

    def round(self):
        """(to the leader, to the next write, to that of the last writer, by
        how much the term has risen)"""
        self.wait_for("all to be well", self.is_whole)
        time.sleep(random.uniform(0.5, 1.0))
        victim = self.leader()
        term = victim.seen[2]
        killed = time.monotonic()
        command = self.kill(victim.server)
        others = [watcher for watcher in self.watchers if watcher != victim]
        self.wait_for("the next leader",
                      lambda: watch.leader(others, killed))
        led = time.monotonic()
        leader = watch.leader(others, killed)
        written = self.wait_for("a write", lambda: self.next_write(killed))
        time.sleep(0.3)
        self.start(victim.server, command)
        return (led - killed, written - killed,
                self.slowest_write(killed) - killed, leader.seen[2] - term)


def part(values, fraction):
    """The smallest of which so many are not above it."""
    values = sorted(values)
    return values[max(0, -int(-fraction * len(values) // 1) - 1)]


def tell(what, waits, least_s):
    print("%-28s median %.2f T, 95%% within %.2f T, all within %.2f T"
          % (what, part(waits, 0.5) / least_s, part(waits, 0.95) / least_s,
             max(waits) / least_s))


def judge(rounds, least_s):
    """What is wrong, or None."""
    leads, writes, last, rises = zip(*rounds)
    print("failover: %d kills, T = %.0f ms" % (len(rounds), least_s * 1000))
    tell("to the next leader:", leads, least_s)
    tell("to the next write:", writes, least_s)
    tell("to that of the last writer:", last, least_s)
    print("campaigns met in %d of them" % sum(rise > 1 for rise in rises))
    if max(writes) > 4.2 * least_s:
        return "a writer waited %.0f ms, more than 4.2 T" % (max(writes) * 1e3)
    if len(rounds) < ENOUGH:
        return None
    if part(writes, 0.95) > 2.1 * least_s + 0.1:
        return "the 95th percentile is over 2.1 T + 100 ms"
    if part(writes, 0.5) > 1.3 * least_s:
        return "the median is over 1.3 T"
    return None


def main(ports, folder, kills, election_ms):
    group = Group([int(port) for port in ports.split(",")], folder)
    threads = group.watchers + group.writers
    for thread in threads:
        thread.start()
    rounds = []
    try:
        for _ in range(int(kills)):
            rounds.append(group.round())
        group.wait_for("all to be well", group.is_whole)
    finally:
        for thread in threads:
            thread.ended = True
        for thread in threads:
            thread.join()
    with open(os.path.join(folder, "acked"), "a", encoding="ascii") as out:
        for writer in group.writers:
            out.writelines(writer.lines)
    for writer in group.writers:
        if writer.fault:
            sys.exit("failover: a writer got -" + writer.fault)
    fault = judge(rounds, float(election_ms) / 1000)
    if fault:
        sys.exit("failover: " + fault)


main(*sys.argv[1:])
