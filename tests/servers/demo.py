"""./dev demo: pinfo on real servers under load, from the first request to the report.

Starts nginx and a Django site under gunicorn on loopback, looks at both with `pinfo attach` (or,
where the kernel refuses that, starts them below `pinfo run`), loads them, prints the slowest
requests with where their time went, and writes the report. Everything it starts is ended by its
pid, also after Ctrl-C and failures; the report and the database stay.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True

import running

LOAD_SECONDS = 8
PAGES = ("/fast", "/list", "/list?page=2", "/product/7", "/cpu?rounds=40", "/slow?ms=80",
         "/slow?ms=250", "/fail")


def say(text):
    print(f"== {text}", flush=True)


class Demo:
    def __init__(self, pinfo, preload):
        self.preload = preload
        self.pinfo_path = str(pathlib.Path(pinfo).resolve())
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pinfo-demo-"))
        self.folder.chmod(0o755)
        self.database = self.folder / "pinfo.db"
        self.dump = self.folder / "stats"
        self.dump.mkdir()
        self.servers = []
        self.attach = None
        self.load_processes = []
        self.as_root = []
        if os.geteuid() != 0 and shutil.which("sudo"):
            self.as_root = ["sudo"]

    def pinfo(self, *words):
        return [self.pinfo_path, "--db", str(self.database), *map(str, words)]

    def start_servers(self, below_pinfo):
        before = []
        if below_pinfo:
            before = self.pinfo("run", "--quiet", "--profile", "1/20", "--dump-dir", self.dump, "--")
        self.servers = [running.Nginx(self.folder / "nginx", before=before),
                        running.Gunicorn(self.folder / "django", before=before)]
        for server in self.servers:
            server.start()
            say(f"{server.name}: pid {server.pid}, {server.url()}")

    def try_to_attach(self):
        """Whether pinfo attach is in place on all servers."""
        pids = [str(server.pid) for server in self.servers]
        command = self.as_root + self.pinfo("attach", *pids, "--profile", "1/20",
                                            "--dump-dir", self.dump)
        say(" ".join(["pinfo", *command[len(self.as_root) + 1:]]))
        self.attach = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       text=True)
        for line in self.attach.stderr:
            print(f"   {line.rstrip()}", flush=True)
            if line.startswith("attached"):
                # Whatever it still has to say goes on being shown while the load runs.
                threading.Thread(target=self.show_messages, daemon=True).start()
                return True
        self.attach.wait()
        self.attach = None
        return False

    def show_messages(self):
        for line in self.attach.stderr:
            print(f"   {line.rstrip()}", flush=True)

    def load(self):
        nginx, django = self.servers
        say(f"load for {LOAD_SECONDS} s: wrk on nginx, ab on the pages of the Django site")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        commands = [["wrk", "-t1", "-c8", f"-d{LOAD_SECONDS}s", nginx.url("/index.html")]]
        commands += [["ab", "-q", "-c", "1", "-t", str(LOAD_SECONDS), "-n", "2000",
                      django.url(page)] for page in PAGES]
        self.load_processes = [subprocess.Popen(command, **quiet) for command in commands]
        for process in self.load_processes:
            process.wait(LOAD_SECONDS * 4)

    def end_observation(self):
        if self.attach is not None and self.attach.poll() is None:
            self.attach.send_signal(signal.SIGINT)
            self.attach.wait(30)
        for server in self.servers:
            server.stop()
        if self.as_root:
            subprocess.run([*self.as_root, "chown", "-R", f"{os.getuid()}:{os.getgid()}",
                            str(self.folder)], check=True)

    def show(self):
        say("the slowest requests: pinfo requests --sort latency --limit 10")
        subprocess.run(self.pinfo("requests", "--sort", "latency", "--limit", "10"), check=True)
        listed = subprocess.run(self.pinfo("requests", "--sort", "latency", "--json"), check=True,
                                capture_output=True, text=True).stdout.splitlines()
        rows = [json.loads(line) for line in listed]
        if not rows:
            raise RuntimeError("no request was seen; `pinfo doctor` says what works here")
        slowest = next((row for row in rows if row["profiled"]), rows[0])
        say(f"where its time went: pinfo show {slowest['id']}")
        subprocess.run(self.pinfo("show", slowest["id"]), check=True)
        say("everything: pinfo status")
        subprocess.run(self.pinfo("status"), check=True)
        report = self.folder / "report"
        subprocess.run(self.pinfo("report", "-o", report), check=True, stdout=subprocess.DEVNULL)
        say(f"database:    {self.database}")
        say(f"stats files: {self.dump}")
        say(f"report:      file://{report}/index.html")

    def end(self):
        """Ends whatever is still running; nothing is left of a demo but its results."""
        for process in self.load_processes:
            if process.poll() is None:
                process.terminate()
                process.wait()
        self.end_observation()

    def run(self):
        if not self.preload:
            self.start_servers(below_pinfo=False)
            if not self.try_to_attach():
                say("eBPF is refused here (the reason is above): preload instead, by pinfo run")
                self.end()
                self.preload = True
        if self.preload:
            self.start_servers(below_pinfo=True)
        self.load()
        self.end_observation()
        self.show()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pinfo", default="build/pinfo")
    parser.add_argument("--preload", action="store_true",
                        help="do not try to attach: start the servers by `pinfo run`")
    arguments = parser.parse_args()
    demo = Demo(arguments.pinfo, arguments.preload)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        demo.run()
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except (OSError, RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    finally:
        demo.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
