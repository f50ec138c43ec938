"""A small client of the Redis protocol, for the scripts of this folder."""

import socket


class ReplyError(Exception):
    """An error reply of the server: its text."""


class Connection:
    def __init__(self, port, timeout=15.0, host="127.0.0.1"):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.data = b""

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.data += data

    def line(self):
        while b"\r\n" not in self.data:
            self.more()
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def exactly(self, count):
        while len(self.data) < count:
            self.more()
        part, self.data = self.data[:count], self.data[count:]
        return part

    def reply(self):
        """The next reply: bytes, int, None, a list; errors as ReplyError."""
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            if int(rest) < 0:
                return None
            return self.exactly(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        raise ValueError("no reply: %r" % line)

    def call(self, *args):
        self.send(command(*args))
        reply = self.reply()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def is_closed(self):
        """True once the server has closed it, and everything was read."""
        try:
            return not self.data and self.socket.recv(1) == b""
        except ConnectionError:
            return True


def command(*args):
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        if isinstance(arg, int):
            arg = str(arg)
        if isinstance(arg, str):
            arg = arg.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(arg), arg))
    return b"".join(parts)
