"""Faults of the network between servers, and clients that do not care.

    netns.py NET COUNT SECONDS SEED ELECTION_MS TIMEOUTS_MAX DIR FAULT...

Server i has the address NET.i. Faults are made with nftables in the namespace
in which this runs, whose bridge the servers hang on, and by writing to
DIR/orders how long the cables delay. First each kind of fault once, with a
sound network in between; then any of them, one right after the other.

After each change: how long until a server that can talk with a majority both
ways leads, and until it has committed a write. DIR/history gets what the
clients saw, for the program `history`.
"""

import os
import random
import subprocess
import sys
import threading
import time

import watch
from respclient import Connection, ReplyError

CLIENT_PORT = 7001
CLIENTS_EACH = 2
KEYS = 4        # of a period
PERIOD_S = 5.0
THINK_S = 0.01
FLAP_S = 0.15
PATIENCE_S = 15.0  # for a leader
LATE = 3           # the exit code when that is all that is wrong


class Group:
    """What all threads know."""

    def __init__(self, net, count, seed, folder):
        self.net, self.count, self.folder = net, count, folder
        self.servers = range(1, count + 1)
        self.random = random.Random(seed)
        self.begun = time.monotonic()
        self.ended = False

    def connect(self, server, timeout):
        return Connection(CLIENT_PORT, timeout, "%s.%d" % (self.net, server))


# ------------------------------------------------------------------- clients

class Client(threading.Thread):
    """Of one server; its history, a line per operation."""

    def __init__(self, group, number):
        super().__init__()
        self.group, self.number = group, number
        self.server = number % group.count + 1
        self.random = random.Random(number)
        self.connection = None
        self.serial = 0
        self.lines, self.faults = [], []
        self.answered = 0

    def draw(self):
        """Key, kind, arguments of the command, number written."""
        now = time.monotonic() - self.group.begun
        key = int(now / PERIOD_S) * KEYS + self.random.randrange(KEYS) + 1
        name = "k%d" % key
        kind = self.random.choice(("set", "get", "get", "increment"))
        if kind == "get":
            return key, kind, ("GET", name), 0
        if kind == "increment":
            return key, kind, ("INCR", name), 0
        self.serial += 1
        # No two writes look the same, also after some increments.
        number = (self.serial * 64 + self.number) << 16
        return key, kind, ("SET", name, number), number

    def call(self, args):
        """(fate, reply): answered, unknown, or without effect."""
        try:
            if self.connection is None:
                self.connection = self.group.connect(self.server, 3.0)
        except OSError:
            return "no", None
        try:
            return "ok", self.connection.call(*args)
        except ReplyError as error:
            text = str(error)
            if not text.startswith("TIMEOUT"):
                self.faults.append("%r at %d: -%s" % (args, self.server, text))
            return "no" if "not applied" in text else "unknown", None
        except OSError:
            self.connection.close()
            self.connection = None
            return "unknown", None

    def step(self):
        key, kind, args, number = self.draw()
        begin = time.monotonic_ns()
        fate, reply = self.call(args)
        end = time.monotonic_ns() if fate == "ok" else 0
        # What has no effect, and reads that nobody answered, say nothing.
        if fate == "no" or (kind == "get" and end == 0):
            return
        if end != 0 and kind != "set":
            number = int(reply or 0)
        self.answered += end != 0
        self.lines.append("%d %d %d %s %d\n" % (key, begin, end, kind, number))

    def run(self):
        while not self.group.ended:
            self.step()
            time.sleep(self.random.uniform(0, 2 * THINK_S))


# -------------------------------------------------------------------- network

class Network:
    """Which packets get through."""

    def __init__(self, group):
        self.group = group
        self.cut = set()  # (from, to)
        self.loss = 0     # of ten packets
        self.delay_us = 0
        self.orders = open(os.path.join(group.folder, "orders"), "w",
                           buffering=1, encoding="ascii")
        self.apply()

    def apply(self):
        """All at once."""
        rules = ["table bridge craft", "delete table bridge craft",
                 "table bridge craft {", "chain between {",
                 "type filter hook forward priority 0; policy accept;"]
        rules += ["ip saddr %s.%d ip daddr %s.%d drop;"
                  % (self.group.net, a, self.group.net, b)
                  for a, b in sorted(self.cut)]
        if self.loss:
            rules.append("ip version 4 numgen random mod 10 < %d drop;"
                         % self.loss)
        rules += ["}", "}"]
        subprocess.run(["nft", "-f", "-"], input="\n".join(rules) + "\n",
                       check=True, text=True)

    def change(self, cut=(), loss=0, jitter_ms=0):
        self.cut, self.loss = set(cut), loss
        self.apply()
        # A packet between two servers passes through two cables.
        self.orders.write("%d\n" % (jitter_ms * 1000 // 2))

    def reaches(self, a, b):
        return (a, b) not in self.cut and (b, a) not in self.cut

    def may_lead(self, server):
        reached = sum(self.reaches(server, other)
                      for other in self.group.servers)
        return 2 * reached > self.group.count


def both_ways(ones, others):
    return {pair for a in ones for b in others for pair in ((a, b), (b, a))}


# --------------------------------------------------------------------- faults

class Faults:
    def __init__(self, group, watchers, network, kinds):
        self.group, self.watchers, self.network = group, watchers, network
        self.random = group.random
        self.waits = {}  # kind: [(seconds to a leader, to a commit)]
        self.whole = []  # seconds until all servers answer again
        self.kinds = [getattr(self, name) for name in kinds]

    # -- who leads

    def leader(self, since=0.0):
        """The watcher of one that may lead and said after `since` that it
        does; or None."""
        return watch.leader([watcher for watcher in self.watchers
                             if self.network.may_lead(watcher.server)], since)

    def split(self):
        """The leader, or any server; and the others in any order."""
        found = self.leader() or self.random.choice(self.watchers)
        leader = found.server
        others = [s for s in self.group.servers if s != leader]
        self.random.shuffle(others)
        return leader, others

    def asks(self, server, patience_s, *args):
        """Is this answered?"""
        try:
            connection = self.group.connect(server, max(patience_s, 0.1))
            connection.call(*args)
            connection.close()
            return True
        except (OSError, ReplyError):
            return False

    def commits(self, server, patience_s):
        return self.asks(server, patience_s, "SET", "probe", 1)

    def reads(self, server):
        return self.asks(server, 2.0, "GET", "probe")

    def measure(self, kind, begun):
        led = None
        while True:
            left_s = begun + PATIENCE_S - time.monotonic()
            if left_s < 0:
                sys.exit("netns: no leader that commits after %s" % kind)
            leader = self.leader(begun)
            if leader is None:
                time.sleep(watch.LOOK_S)
                continue
            led = led or time.monotonic() - begun
            if self.commits(leader.server, min(left_s, 2.0)):
                break
        wait = (led, time.monotonic() - begun)
        self.waits.setdefault(kind, []).append(wait)
        print("%6.1f s: %-18s leader %d after %4.0f ms, commits after %4.0f, "
              "term %d" % (begun - self.group.begun, kind, leader.server,
                           wait[0] * 1000, wait[1] * 1000, leader.seen[2]),
              flush=True)

    def change(self, kind, **network):
        begun = time.monotonic()
        self.network.change(**network)
        self.measure(kind, begun)

    def heal(self):
        """Nothing is cut: how long until every server answers reads?"""
        begun = time.monotonic()
        self.network.change()
        self.measure("all is well", begun)
        for server in self.group.servers:
            while not self.reads(server):
                if time.monotonic() > begun + PATIENCE_S:
                    sys.exit("netns: server %d does not answer" % server)
        whole = time.monotonic() - begun
        self.whole.append(whole)
        print("%29s all servers answer after %4.0f ms" % ("", whole * 1000),
              flush=True)

    # -- one function per kind

    def symmetric(self):
        leader, others = self.split()
        self.change("symmetric",
                    cut=both_ways([leader, others[0]], others[1:]))

    def mute_leader(self):
        leader, others = self.split()
        self.change("one-way, mute", cut={(leader, s) for s in others})

    def deaf_leader(self):
        leader, others = self.split()
        self.change("one-way, deaf", cut={(s, leader) for s in others})

    def bridge(self):
        """Two sides; one server, and no other, reaches both."""
        leader, others = self.split()
        self.change("bridge", cut=both_ways([leader, others[0]], others[1:3]))

    def star(self):
        """Nobody but one reaches more than that one. It is one that the leader
        has reached up to now: only with all that the others have can it win
        their votes, and nobody else could."""
        leader, others = self.split()
        others.sort(key=lambda s: not self.network.reaches(leader, s))
        edge = [leader] + others[1:]
        self.change("bridge, star", cut={(a, b) for a in edge for b in edge
                                         if a != b})

    def flap(self, kind, cut):
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            self.network.change(cut=cut)
            time.sleep(self.random.uniform(0.5, 1.5) * FLAP_S)
            self.network.change()
            time.sleep(self.random.uniform(0.5, 1.5) * FLAP_S)
        self.change(kind, cut=cut if kind == "flapping follower" else ())

    def flapping_follower(self):
        leader, others = self.split()
        self.flap("flapping follower", both_ways([leader], others[:1]))

    def flapping_leader(self):
        leader, others = self.split()
        self.flap("flapping leader", both_ways([leader], others))

    def loss(self):
        self.change("10 % loss", loss=1)

    def jitter(self):
        self.change("50 ms jitter", jitter_ms=50)

    def rest(self, least_s):
        time.sleep(self.random.uniform(least_s, 1.6 * least_s))

    def run(self, seconds):
        end = self.group.begun + seconds
        for kind in self.kinds:
            kind()
            self.rest(2.0)
            self.heal()
            self.rest(1.2)
        while time.monotonic() < end:
            self.random.choice(self.kinds + [self.heal])()
            self.rest(1.5)
        self.heal()

    def tell(self, election_s, most):
        """Are all within `most` election timeouts?"""
        print("%-18s %3s  %s" % ("", "", "ms to a leader, and to a commit: "
                                 "median, longest (in election timeouts)"))
        for kind, waits in self.waits.items():
            columns = []
            for values in zip(*waits):
                values = sorted(values)
                middle, longest = values[len(values) // 2], values[-1]
                columns.append("%5.0f %5.0f (%.2f)"
                               % (middle * 1000, longest * 1000,
                                  longest / election_s))
            print("%-18s %3d  %s" % (kind, len(waits), "   ".join(columns)))
        print("all servers answer again: median %.0f ms, longest %.0f (%.2f)"
              % (sorted(self.whole)[len(self.whole) // 2] * 1000,
                 max(self.whole) * 1000, max(self.whole) / election_s))
        return all(commit <= most * election_s
                   for waits in self.waits.values() for _, commit in waits)


def write_history(group, clients):
    with open(os.path.join(group.folder, "history"), "w",
              encoding="ascii") as out:
        for client in clients:
            out.writelines(client.lines)


def main(net, count, seconds, seed, election_ms, timeouts_max, folder,
         *kinds):
    group = Group(net, int(count), int(seed), folder)
    network = Network(group)
    watchers = [watch.Watcher(server,
                              lambda server=server: group.connect(server, 3.0))
                for server in group.servers]
    clients = [Client(group, number)
               for number in range(CLIENTS_EACH * group.count)]
    faults = Faults(group, watchers, network, kinds)
    threads = watchers + clients
    for thread in threads:
        thread.start()
    try:
        time.sleep(1.0)
        faults.run(float(seconds))
        time.sleep(1.0)
    finally:
        group.ended = True
        for watcher in watchers:
            watcher.ended = True
        for thread in threads:
            thread.join()
    write_history(group, clients)
    in_time = faults.tell(float(election_ms) / 1000, float(timeouts_max))
    print("netns: %d operations answered, leaders in %d terms"
          % (sum(client.answered for client in clients),
             len(set.union(*(watcher.terms for watcher in watchers)))))
    for client in clients:
        if client.faults:
            sys.exit("netns: " + client.faults[0])
    if any(client.answered == 0 for client in clients):
        sys.exit("netns: a client got nothing done")
    if not in_time:
        print("netns: a leader took more than %s election timeouts"
              % timeouts_max, file=sys.stderr)
        sys.exit(LATE)


main(*sys.argv[1:])
