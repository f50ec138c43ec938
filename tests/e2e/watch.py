"""One thread per server that asks again and again what role it has."""

import threading
import time

LOOK_S = 0.005


class Watcher(threading.Thread):
    """connect() makes a connection to the server, or fails with OSError."""

    def __init__(self, server, connect):
        super().__init__()
        self.server, self.connect = server, connect
        self.ended = False
        self.seen = (0.0, "none", 0)  # asked at, role, term
        self.terms = set()            # in which it led

    def look(self, connection):
        asked = time.monotonic()
        text = connection.call("INFO", "raft").decode()
        fields = dict(line.split(":", 1) for line in text.split("\r\n")
                      if ":" in line)
        term = int(fields["raft_term"])
        if fields["raft_role"] == "leader":
            self.terms.add(term)
        self.seen = (asked, fields["raft_role"], term)

    def run(self):
        connection = None
        while not self.ended:
            try:
                if connection is None:
                    connection = self.connect()
                self.look(connection)
            except OSError:
                if connection is not None:
                    connection.close()
                connection = None
            time.sleep(LOOK_S)


def leader(watchers, since=0.0):
    """The watcher of the one that said after `since` that it leads, of several
    the one in the latest term; or None."""
    leaders = [watcher for watcher in watchers
               if watcher.seen[1] == "leader" and watcher.seen[0] >= since]
    return max(leaders, key=lambda watcher: watcher.seen[2], default=None)
