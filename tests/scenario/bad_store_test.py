"""Databases and folders that cannot be used: said at once, or nothing lost if it comes later."""
import os
import sqlite3
import subprocess
import time

import harness
import running
import traffic
from harness import Skip, check, check_equal, scenario


def refuses_to_start(context, database, *words, options=(), seconds=20):
    """attach or run with this database ends with 1 and says so; a server is not touched."""
    if context.mode == "ebpf":
        server = context.start(running.ThreadedServer)
        done = context.pinfo("attach", server.pid, "--duration", "2s", *options, database=database,
                             status=1, seconds=seconds)
        check_equal(traffic.send(server.port, "GET", "/bytes?n=1")[0], 200, "the server lives")
    else:
        done = context.pinfo("run", *options, "--", "/bin/true", database=database, status=1,
                             seconds=seconds)
    check(done.stderr.startswith("pinfo: "), f"the message is pinfo's: {done.stderr!r}")
    for word in words:
        check(word.lower() in done.stderr.lower(), f"{word!r} is in the message: {done.stderr!r}")


def own(context, path):
    if context.uid is not None:
        os.chown(path, context.uid, context.uid)
    return path


@scenario()
def not_a_database(context):
    path = context.home / "letter.txt"
    path.write_text("Dear database,\n" * 200)
    refuses_to_start(context, own(context, path), str(path), "not a pinfo database")
    check(path.read_text().startswith("Dear database"), "the file is as it was")


@scenario()
def newer_schema(context):
    context.observe(running.ThreadedServer).finish()
    with sqlite3.connect(context.database) as connection:
        check(connection.execute("PRAGMA user_version").fetchone()[0] > 0, "a schema has a version")
        connection.execute("PRAGMA user_version = 9999")
    refuses_to_start(context, context.database, str(context.database), "newer")


@scenario()
def of_another_program(context):
    with sqlite3.connect(context.database) as connection:
        connection.execute("CREATE TABLE accounts (name TEXT)")
    refuses_to_start(context, own(context, context.database), str(context.database),
                     "another program")


@scenario()
def no_such_folder(context):
    below_a_file = own_file(context) / "sub" / "pinfo.db"
    refuses_to_start(context, below_a_file, str(below_a_file.parent))


def own_file(context):
    path = context.home / "file"
    path.write_text("a file, not a folder")
    return own(context, path)


@scenario()
def unwritable_dump_folder(context):
    folder = own_file(context) / "dump"
    refuses_to_start(context, context.database, str(folder), options=["--dump-dir", folder])


@scenario()
def locked_for_good(context):
    context.observe(running.ThreadedServer).finish()
    holder = sqlite3.connect(context.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    refuses_to_start(context, context.database, "locked", seconds=40)
    holder.execute("ROLLBACK")
    holder.close()


@scenario()
def locked_for_a_while(context):
    """A lock of some seconds while requests come in: all are stored once it is gone."""
    observed = context.observe(running.ThreadedServer)
    traffic.send(observed.server.port, "GET", "/bytes?n=1&first")
    running.wait_until(lambda: len(context.requests()) == 1, 10, "the first request in the store")
    holder = sqlite3.connect(context.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    for i in range(100):
        traffic.send(observed.server.port, "GET", f"/bytes?n=1&i={i}")
    time.sleep(3)
    holder.execute("ROLLBACK")
    holder.close()
    observed.finish()
    check_equal(len(context.requests()), 101, "requests")


class SmallDisk:
    """A tmpfs of this many kilobytes."""

    def __init__(self, context, kilobytes):
        if os.geteuid() != 0:
            raise Skip("mounting a small file system needs root")
        self.path = context.subfolder("disk")
        options = f"size={kilobytes}k,mode=777"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "pinfo-test", self.path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Skip(f"tmpfs cannot be mounted here: {done.stderr.strip()}")

    def remount_read_only(self):
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        # Lazily: a pinfo that a failed check left behind may have it open.
        subprocess.run(["umount", "-l", self.path], check=True)


@scenario()
def read_only(context):
    with SmallDisk(context, 8192) as disk:
        database = disk.path / "pinfo.db"
        sqlite3.connect(database).close()
        own(context, database)
        disk.remount_read_only()
        refuses_to_start(context, database, str(database))


@scenario(seconds=120)
def full(context):
    """The disk fills up while requests come in: said, exit 1, the server lives, it can be read."""
    with SmallDisk(context, 1024) as disk:
        database = disk.path / "pinfo.db"
        context.database = database
        observed = context.observe(running.ThreadedServer)
        server = observed.server
        for i in range(40):
            traffic.keep_alive(server.port, [("GET", f"/bytes?n=1&padding={'y' * 500}&i={i}_{k}")
                                             for k in range(100)])
        check_equal(traffic.send(server.port, "GET", "/bytes?n=1")[0], 200, "the server's answer")
        if observed.observation is not None:
            check_equal(observed.observation.stop(), 1, "exit status of attach")
        server.stop()
        check("full" in observed.text, f"the message says that it is full:\n{observed.text}")
        check(" not stored; " in observed.text, f"what was seen is summed up:\n{observed.text}")
        check(harness.database_is_sound(database), "the database is sound")


@scenario(modes=["preload"])
def damaged_ring(context):
    """Rings that are damaged or none at all, beside a good one: said, and the good one is read."""
    folder = context.subfolder("rings")
    env = dict(context.environment(), LD_PRELOAD=str(context.preload_path),
               PINFO_RING_DIR=str(folder))
    server = context.start(running.ThreadedServer, env=env)
    traffic.keep_alive(server.port, [("GET", f"/bytes?n=1&i={i}") for i in range(50)])
    server.stop()
    rings = list(folder.iterdir())
    check_equal(len(rings), 1, f"rings in {folder}")
    good = rings[0].read_bytes()
    stem, _, _ = rings[0].name.split(".", 2)
    for number, content in enumerate((b"", b"garbage" * 1000, good[:100], good[:len(good) // 2],
                                      good[:8] + bytes(4096) + good[4104:],
                                      b"\xff" * len(good))):
        path = folder / f"{stem}.{100000 + number}.12345.ring"
        path.write_bytes(content)
        own(context, path)
    done = context.pinfo("collect", "--dir", folder, "--duration", "3s", status=1)
    check("damaged" in done.stderr.lower(), f"the damage is named: {done.stderr!r}")
    found = [row for row in context.requests() if row["outcome"] == "complete"]
    check(len(found) >= 50, f"requests of the good ring: {len(found)}")


if __name__ == "__main__":
    harness.main()
