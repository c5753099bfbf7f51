"""A protocol that is not HTTP: each turn of a conversation is a request of method TURN."""
import socket

import harness
import running
from harness import check, check_equal, scenario

COMMANDS = 500


@scenario()
def turns(context):
    observed = context.observe(running.Redis)
    with socket.create_connection(("127.0.0.1", observed.server.port), 10) as peer:
        for i in range(COMMANDS // 2):
            peer.sendall(b"SET key:%d value\r\n" % i)
            check_equal(peer.recv(100), b"+OK\r\n", "answer to SET")
            peer.sendall(b"GET key:%d\r\n" % i)
            check_equal(peer.recv(100), b"$5\r\nvalue\r\n", "answer to GET")
    observed.finish()
    rows = [row for row in context.requests() if row["method"] == "TURN"]
    check_equal(len(rows), COMMANDS, "turns")
    check_equal(len(context.requests()), COMMANDS, "requests of any kind")
    check(all(row["latency_ns"] > 0 for row in rows), "every turn took time")
    check_equal(sum(row["bytes_out"] for row in rows), COMMANDS // 2 * (5 + 11), "bytes out")


if __name__ == "__main__":
    harness.main()
