"""What redis-cli cannot send: pipelines, pieces, garbage, half-closed
connections, long values. Usage: protocol.py PORT [PORT...]; the first port is
the leader's."""

import socket
import sys
import time

from respclient import Connection, ReplyError, command

LIMIT = 1 << 20


def expect(what, got, wanted):
    if isinstance(got, ReplyError):
        got = "-" + str(got)
    if got != wanted:
        sys.exit("protocol: %s: got %r, not %r" % (what, got, wanted))


def pipelined_replies_come_in_order(port):
    connection = Connection(port)
    connection.call("DEL", "p")
    parts = []
    for i in range(2000):
        parts.append(command("INCR", "p"))
        if i % 7 == 0:
            parts.append(command("ECHO", "e%d" % i))
        if i % 11 == 0:
            parts.append(command("INCR", "p", "too", "many"))
    connection.send(b"".join(parts))
    for i in range(2000):
        expect("INCR %d" % i, connection.reply(), i + 1)
        if i % 7 == 0:
            expect("ECHO", connection.reply(), b"e%d" % i)
        if i % 11 == 0:
            expect("an error in a pipeline", connection.reply(),
                   "-ERR wrong number of arguments for 'incr' command")
    connection.close()


def reads_see_the_writes_before_them_and_none_behind(port):
    """Of one client, in patterns of G(ET) and S(ET), sent at once."""
    connection = Connection(port)
    for pattern in ("GGSG", "GSGSGS", "SGGS", "SSGGSSGG", "G" * 40 + "SG" * 40,
                    "GS" * 200 + "G"):
        expect("SET", connection.call("SET", "mixed", "0"), b"OK")
        value, expected, data = 0, [], b""
        for letter in pattern:
            if letter == "G":
                data += command("GET", "mixed")
                expected.append(b"%d" % value)
            else:
                value += 1
                data += command("SET", "mixed", value)
                expected.append(b"OK")
        connection.send(data)
        for at, wanted in enumerate(expected):
            expect("%s of %s" % (at, pattern), connection.reply(), wanted)
    connection.close()


def more_than_a_pipeline_holds_is_answered(port):
    connection = Connection(port, 60)
    count = 30000
    # Another thread of the system reads for us: the kernel's buffers. So it
    # is sent in parts, and read as it comes.
    for first in range(0, count, 10000):
        connection.send(b"".join(command("SET", "q%d" % (i % 100), i)
                                 for i in range(first, first + 10000)))
    for _ in range(count):
        expect("SET", connection.reply(), b"OK")
    connection.close()


def commands_come_in_single_bytes(port):
    connection = Connection(port)
    for byte in command("SET", "bytes", "a\r\nb\0c") + b"get bytes\r\n":
        connection.send(bytes([byte]))
    expect("SET", connection.reply(), b"OK")
    expect("GET", connection.reply(), b"a\r\nb\0c")
    connection.close()


def inline_commands_work(port):
    connection = Connection(port)
    connection.send(b"\r\nPING\n  set in \"a \\x41\" \r\nget in\r\n")
    expect("PING", connection.reply(), b"PONG")
    expect("set", connection.reply(), b"OK")
    expect("get", connection.reply(), b"a A")
    connection.close()


def garbage_is_told_and_closes(port):
    for data, error in (
            (b"*x\r\n", "invalid multibulk length"),
            (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
            (b"*2\r\n$3\r\nGET\r\n$-7\r\n", "invalid bulk length"),
            (b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (LIMIT + 1),
             "bulk length over the limit of %d" % LIMIT),
            (b"get \"a\r\n", "unbalanced quotes in request"),
            (b"x" * 70000, "too big inline request")):
        connection = Connection(port)
        connection.send(command("SET", "before", "1") + data)
        expect("before garbage", connection.reply(), b"OK")
        expect("garbage", connection.reply(),
               "-ERR Protocol error: " + error)
        if not connection.is_closed():
            sys.exit("protocol: not closed after " + error)
        connection.close()


def quit_answers_what_came_before(port):
    connection = Connection(port)
    connection.send(command("INCR", "quit") + command("QUIT")
                    + command("INCR", "quit"))
    if not isinstance(connection.reply(), int):
        sys.exit("protocol: INCR before QUIT")
    expect("QUIT", connection.reply(), b"OK")
    if not connection.is_closed():
        sys.exit("protocol: not closed after QUIT")


def a_half_closed_connection_gets_its_replies(port):
    connection = Connection(port)
    connection.send(command("SET", "half", "1") + command("GET", "half"))
    connection.socket.shutdown(socket.SHUT_WR)
    expect("SET", connection.reply(), b"OK")
    expect("GET", connection.reply(), b"1")
    if not connection.is_closed():
        sys.exit("protocol: a half-closed connection stays")


def long_values_pass_and_too_long_ones_are_told(port):
    connection = Connection(port)
    value = bytes(range(256)) * 4000
    expect("SET", connection.call("SET", "long", value), b"OK")
    expect("GET", connection.call("GET", "long") == value, True)
    # Two of them are more than one message between servers may have.
    got = connection.call("MGET", "long", "none", "long")
    expect("MGET", got == [value, None, value], True)
    half = b"h" * (LIMIT // 2)
    connection.send(command("MSET", "a", half, "b", half))
    error = connection.reply()
    if not isinstance(error, ReplyError) or "over the limit" not in str(error):
        sys.exit("protocol: a command over the limit gives %r" % error)
    expect("PING", connection.call("PING"), b"PONG")
    expect("DEL", connection.call("DEL", "long"), 1)
    connection.close()


def a_client_that_does_not_read_harms_nobody(port):
    greedy = Connection(port)
    other = Connection(port)
    value = b"v" * 100000
    other.call("SET", "big", value)
    greedy.socket.setblocking(False)
    asked = 0
    begun = time.monotonic()
    while time.monotonic() < begun + 1.0:
        try:
            greedy.socket.send(command("GET", "big") * 10)
            asked += 10
        except BlockingIOError:
            time.sleep(0.01)
    expect("PING", other.call("PING"), b"PONG")
    expect("SET", other.call("SET", "small", "1"), b"OK")
    other.call("DEL", "big")
    greedy.close()
    other.close()


def main(ports):
    for port in ports:
        for check in (pipelined_replies_come_in_order,
                      reads_see_the_writes_before_them_and_none_behind,
                      more_than_a_pipeline_holds_is_answered,
                      commands_come_in_single_bytes,
                      inline_commands_work,
                      garbage_is_told_and_closes,
                      quit_answers_what_came_before,
                      a_half_closed_connection_gets_its_replies,
                      long_values_pass_and_too_long_ones_are_told,
                      a_client_that_does_not_read_harms_nobody):
            check(port)
            print("ok: port %d: %s" % (port, check.__name__))


main([int(port) for port in sys.argv[1:]])
