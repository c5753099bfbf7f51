"""A server on asyncio's event loop: python3 async_app.py PORT.

/burn?ms=20 burns CPU time in burn_in_loop; /sleep?ms=50 awaits. Standard library only.
"""
import asyncio
import sys
import time
import urllib.parse


def burn_in_loop(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def answer(target):
    parts = urllib.parse.urlsplit(target)
    seconds = int(dict(urllib.parse.parse_qsl(parts.query)).get("ms", "10")) / 1000
    if parts.path == "/sleep":
        await asyncio.sleep(seconds)
    else:
        burn_in_loop(seconds)
    return b"ok"


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await answer(head.split(b" ", 2)[1].decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
