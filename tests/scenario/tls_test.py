"""Servers that speak TLS themselves: their requests in plaintext, as in their own logs, and once."""
import os
import socket
import ssl
import subprocess

import harness
import running
import tls_servers
import traffic
from harness import Skip, check, check_equal, check_same_lines, scenario


def requests_of_each_kind(n):
    requests = []
    for i in range(n):
        requests += [("GET", f"/index.html?n={i}"), ("HEAD", f"/index.html?h={i}"),
                     ("GET", f"/missing?n={i}"),
                     ("POST", f"/size?n={i}", b"field=" + b"v" * (i * 100))]
    return requests


def load(server, clients=4, n=25):
    """Keep-alive connections side by side, and connections of one request each."""
    traffic.parallel(server.port, requests_of_each_kind(n), clients, tls=True)
    for i in range(10):
        traffic.send(server.port, "GET", f"/index.html?single={i}",
                     headers={"Connection": "close"}, tls=True)


def compare(context, server):
    rows = context.requests()
    check_same_lines(harness.as_tuples(rows), server.access_lines(), f"requests of {server.name}")
    check(all(row["tls"] for row in rows), "every request is marked as TLS")
    check(all(row["outcome"] == "complete" for row in rows), "every outcome is complete")
    check(all(0 < row["latency_ns"] < 5e9 and row["bytes_in"] > 0 and row["bytes_out"] > 0
              for row in rows), "every request has a latency and bytes each way")
    # What goes over the socket is longer than the plaintext by 22 bytes a record at least.
    small = [row for row in rows if row["target"].startswith("/index.html?single")]
    check_equal({row["bytes_in"] for row in small if row["bytes_in"] > 200}, set(),
                "requests whose bytes are not the plaintext's")


def serve(context, kind, probes=(), **options):
    observed = context.observe(kind, *probes, **options)
    load(observed.server)
    observed.finish()
    compare(context, observed.server)
    return observed


@scenario()
def nginx(context):
    serve(context, tls_servers.Nginx)


@scenario(modes=["ebpf"])
def nginx_syscall_probes(context):
    serve(context, tls_servers.Nginx, ["--probes", "syscall"])


@scenario()
def libssl_1_1(context):
    """What Debian has no more. PINFO_LIBSSL_1_1 names a folder with both files, of OpenSSL 1.1.1."""
    folder = os.environ.get("PINFO_LIBSSL_1_1")
    if not folder:
        raise Skip("PINFO_LIBSSL_1_1 names no folder with libssl.so.1.1 and libcrypto.so.1.1")
    serve(context, tls_servers.Libssl,
          libraries=[f"{folder}/{name}.so.1.1" for name in ("libssl", "libcrypto")])


@scenario()
def python_threads(context):
    serve(context, tls_servers.Threads)


@scenario()
def python_asyncio(context):
    serve(context, tls_servers.Asyncio)


@scenario()
def gunicorn_threads(context):
    observed = context.observe(tls_servers.Gunicorn, workers=2)
    requests = [("GET", f"/list?i={i}") for i in range(60)]
    traffic.parallel(observed.server.port, requests, 4, tls=True)
    observed.finish()
    compare(context, observed.server)


@scenario(modes=["ebpf"])
def node(context):
    """OpenSSL is in the executable (nodejs.org, NodeSource), or its libnode uses Debian's libssl."""
    if tls_servers.Node.binary is None:
        raise harness.Skip("node is not installed")
    serve(context, tls_servers.Node)


@scenario()
def apache(context):
    serve(context, tls_servers.Apache)


@scenario(modes=["ebpf"])
def stunnel_in_front(context):
    """Both hops, each with its own process; only the first is TLS."""
    backend = context.start(running.ThreadedServer)
    tls_servers.Stunnel.backend = backend.port
    front = context.start(tls_servers.Stunnel)
    observation = context.attach(front.pid, backend.pid).wait_attached()
    requests = [("GET", f"/?i={i}") for i in range(50)]
    traffic.parallel(front.port, requests, 3, tls=True)
    check_equal(observation.stop(), 0, "exit status of attach")
    rows = context.requests()
    for server, tls in ((front, True), (backend, False)):
        mine = [row for row in rows if row["pid"] == server.pid]
        check_same_lines([(row["method"], row["target"], row["tls"]) for row in mine],
                         [(*request, tls) for request in requests], f"requests of {server.name}")
    check_equal(len(rows), 2 * len(requests), "requests of both")


@scenario()
def large_bodies(context):
    """Bodies of many TLS records each way are counted in plaintext bytes."""
    observed = context.observe(tls_servers.Threads)
    for size in (0, 1, 16384, 16385, 1000000, 5000000):
        traffic.send(observed.server.port, "GET", f"/size?n={size}", tls=True)
        traffic.send(observed.server.port, "POST", f"/size?n={size}", b"b" * size, tls=True)
    observed.finish()
    compare(context, observed.server)
    for row in context.requests():
        size = int(row["target"].split("=")[1])
        check(size < row["bytes_out"] < size + 400, f"bytes out of {row['target']}: {row}")
        if row["method"] == "POST":
            check(size < row["bytes_in"] < size + 400, f"bytes in of {row['target']}: {row}")


@scenario()
def pipelined(context):
    """Several requests in one TLS record."""
    observed = context.observe(tls_servers.Nginx)
    head = b"GET /index.html?p=%d HTTP/1.1\r\nHost: x\r\n%s\r\n"
    for _ in range(5):
        traffic.raw(observed.server.port, *[b"".join(
            head % (i, b"" if i < 3 else b"Connection: close\r\n") for i in range(4))], tls=True)
    observed.finish()
    logged = observed.server.access_lines()
    check_equal(len(logged), 20, "requests in nginx's log")
    found = harness.as_tuples(context.requests())
    check_same_lines([row[:2] for row in found], [row[:2] for row in logged], "requests")


@scenario()
def byte_by_byte(context):
    """A head that comes in as many TLS records as it has bytes."""
    observed = context.observe(tls_servers.Nginx)
    whole = b"GET /index.html?slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    traffic.raw(observed.server.port, *(whole[i:i + 1] for i in range(len(whole))), tls=True)
    observed.finish()
    compare(context, observed.server)


@scenario()
def not_the_handshakes(context):
    """Handshakes that fail or are broken off, plaintext to the TLS port: no request is invented."""
    observed = context.observe(tls_servers.Nginx)
    port = observed.server.port
    traffic.raw(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200))
    traffic.raw(port, b"\x16\x03\x01\x02\x00\x01", read=False)
    traffic.raw(port, b"", tls=True)
    traffic.send(port, "GET", "/index.html?good", tls=True)
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        try:
            ssl.create_default_context().wrap_socket(peer, server_hostname="localhost")
            raise harness.Failure("a self-signed certificate was believed")
        except ssl.SSLCertVerificationError:
            pass  # what was to happen: the client breaks the handshake off
    observed.finish()
    check_equal([row["target"] for row in context.requests() if row["method"] != "TURN"],
                ["/index.html?good"], "requests")
    check_equal([row for row in context.requests() if row["method"] == "TURN" and row["bytes_out"]
                 and row["tls"]], [], "encrypted turns beside them")


@scenario()
def aborts(context):
    """Clients that go away before the answer or in the middle of it."""
    observed = context.observe(tls_servers.Nginx)
    request = b"GET /large.bin?abort HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(5):
        traffic.raw(observed.server.port, request, read=False, tls=True)
    traffic.send(observed.server.port, "GET", "/index.html?after", tls=True)
    running.wait_until(lambda: len(observed.server.access_lines()) == 6, 5, "nginx's log of aborts")
    observed.finish()
    rows = context.requests()
    check_equal(len(rows), 6, "requests")
    check(all(row["status"] in (None, 200) for row in rows), "no status is invented")


@scenario(modes=["ebpf"])
def open_connections(context):
    """Connections older than pinfo, on a socket and through memory, from their next request on."""
    for kind in (tls_servers.Nginx, tls_servers.Asyncio):
        server = context.start(kind)
        connections = [traffic.connect(server.port, tls=True) for _ in range(4)]
        for connection in connections:
            traffic.send(server.port, "GET", "/index.html?before", connection=connection)
        database = context.home / f"{server.name}.db"
        observation = context.attach(server.pid, database=database).wait_attached()
        expected = []
        for number, connection in enumerate(connections):
            for i in range(3):
                target = f"/index.html?after={number}.{i}"
                traffic.send(server.port, "GET", target, connection=connection)
                expected.append(("GET", target, 200))
            connection.close()
        check_equal(observation.stop(), 0, "exit status of attach")
        check_same_lines(harness.as_tuples(context.requests(database=database)), expected,
                         f"requests of {server.name} after attaching")


@scenario(modes=["ebpf"])
def switched_off(context):
    """--no-tls: no probe on the library, and what is seen says that it is encrypted."""
    observed = context.observe(tls_servers.Nginx, "--no-tls")
    traffic.send(observed.server.port, "GET", "/index.html", tls=True)
    observed.finish()
    rows = context.requests()
    check(rows and all(row["method"] == "TURN" and row["tls"] for row in rows),
          f"encrypted turns, marked as such: {rows}")


NULL_OBJECT = """
import ctypes, os
def found():
    try:
        return bool(ctypes.CDLL(None).SSL_free)
    except AttributeError:
        return False
assert not found(), "a program without libssl finds its functions"
ctypes.CDLL("libssl.so.3", mode=ctypes.RTLD_GLOBAL)
assert found()
versioned = ctypes.CDLL(None).dlvsym
versioned.restype = ctypes.c_void_p
hook = versioned(None, b"SSL_free", b"OPENSSL_3.0.0")
lines = [line for line in open("/proc/self/maps") if "libpinfo" in line and "r-x" in line]
low, high = (int(part, 16) for part in lines[0].split()[0].split("-"))
assert low <= hook < high, "the hook is not in the way"
ctypes.CFUNCTYPE(None, ctypes.c_void_p)(hook)(None)
print("fine")
"""


@scenario(modes=["preload"])
def as_without_the_library(context):
    """The hooks are there for those who are linked with libssl only, and take what it takes."""
    done = subprocess.run([running.PYTHON, "-c", NULL_OBJECT], capture_output=True, text=True,
                          env=dict(os.environ, LD_PRELOAD=str(context.preload_path)), timeout=20)
    check_equal((done.returncode, done.stdout), (0, "fine\n"), done.stderr)


@scenario()
def calls_of_the_server(context):
    """What the server itself asks others over TLS is none of its requests."""
    backend = context.start(tls_servers.Threads)

    class Proxy(tls_servers.Nginx):
        name = "nginx-tls-proxy"

        def prepare(self):
            super().prepare()
            path = self.root / "nginx.conf"
            path.write_text(path.read_text().replace(
                "location /created", f"location /proxied {{ proxy_pass "
                f"https://127.0.0.1:{backend.port}; }}\n    location /created", 1))

    observed = context.observe(Proxy)
    requests = [("GET", f"/proxied?i={i}") for i in range(30)]
    traffic.parallel(observed.server.port, requests, 3, tls=True)
    observed.finish()
    compare(context, observed.server)


if __name__ == "__main__":
    harness.main()
