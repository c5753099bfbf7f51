"""Calls of every kind, for exact profiles: python3 exact_app.py PORT [FOLDER].

/work/KIND runs the function of that name below; with FOLDER inside cProfile, which writes
FOLDER/KIND.stats: the truth that an exact profile is compared with. Python 3.8 to 3.14, standard
library only.
"""
import cProfile
import functools
import http.server
import json
import pathlib
import socketserver
import sys
import threading


def recursion():
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    return fibonacci(12), even(40)


def generators():
    def numbers(n):
        for i in range(n):
            yield i * 2

    def through(n):
        yield from numbers(n)

    def abandoned():
        try:
            yield 1
            yield 2
        finally:
            len("")

    def receiving():
        got = []
        try:
            while True:
                got.append((yield))
        except KeyError:
            yield got

    first = next(abandoned())
    inbox = receiving()
    next(inbox)
    inbox.send(4)
    return sum(through(50)), sum(x for x in range(20)), first, inbox.throw(KeyError("end"))


def exceptions():
    def raising(depth):
        if depth == 0:
            raise ValueError("on purpose")
        return raising(depth - 1)

    caught = 0
    for _ in range(5):
        try:
            raising(3)
        except ValueError as error:
            caught += len(error.args)
    for text in ("1", "x", "2"):
        try:
            caught += int(text)
        except ValueError:
            caught += 10
    try:
        [].pop()
    except IndexError:
        caught += 100
    return caught


def methods():
    class Base:
        def __init__(self, value):
            self.value = value

        @property
        def double(self):
            return self.value * 2

        @classmethod
        def make(cls, value):
            return cls(value)

        @staticmethod
        def plain(value):
            return abs(value)

        def __lt__(self, other):
            return self.value < other.value

    class Derived(Base):
        def __init__(self, value):
            super().__init__(value + 1)

    things = [Derived.make(i * 7 % 5) for i in range(10)]
    joined = ",".join(map(str, (t.double for t in sorted(things))))
    return functools.reduce(max, map(Base.plain, range(-5, 5))), joined, {}.get("x"), "a".upper()


def threads():
    def other(n):
        return sum(range(n))

    started = [threading.Thread(target=other, args=(1000,)) for _ in range(3)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return len(started)


def coroutines():
    class Ready:
        def __await__(self):
            yield
            return 3

    async def inner(n):
        return n + await Ready()

    async def outer():
        return [await inner(i) for i in range(4)]

    task = outer()
    try:
        while True:
            task.send(None)
    except StopIteration as end:
        return end.value


def deep():
    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    return down(600)


def own_profiler():
    """An application that profiles itself, which nothing must disturb."""
    def called():
        return len("abc")

    events = []
    before = sys.getprofile() is None
    sys.setprofile(lambda frame, event, argument: events.append(event))
    called()
    sys.setprofile(None)
    return before, events.count("call"), events.count("return"), sys.getprofile() is None


def traceback():
    def failing():
        raise LookupError("seen")

    try:
        failing()
    except LookupError as error:
        trace = error.__traceback__
        names = []
        while trace is not None:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        return names


KINDS = (recursion, generators, exceptions, methods, threads, coroutines, deep, own_profiler,
         traceback)
WORK = {work.__name__: work for work in KINDS}
FOLDER = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        kind = self.path.partition("?")[0].rpartition("/")[2]
        if FOLDER is None:
            result = WORK[kind]()
        else:
            profile = cProfile.Profile()
            result = profile.runcall(WORK[kind])
            profile.dump_stats(str(FOLDER / f"{kind}.stats"))
        body = json.dumps(result).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
