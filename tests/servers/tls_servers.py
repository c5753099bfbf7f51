"""The real servers of running.py that speak TLS, with a certificate made for the occasion."""
import pathlib
import shutil
import signal
import subprocess

import running

SERVERS = running.SERVERS


def make_certificate(folder):
    """A self-signed pair of files."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", str(key), "-out", str(certificate)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    key.chmod(0o644)
    return certificate, key


class TlsServer(running.Server):
    """access.log begins each line with METHOD TARGET STATUS."""

    def prepare(self):
        super().prepare()
        self.certificate, self.key = make_certificate(self.root)

    def url(self, target="/"):
        return f"https://127.0.0.1:{self.port}{target}"

    def access_lines(self):
        lines = [line.split(" ") for line in self.access_log.read_text().splitlines()]
        return [(line[0], line[1], int(line[2])) for line in lines]


class Nginx(TlsServer, running.Nginx):
    name = "nginx-tls"

    def prepare(self):
        super().prepare()
        path = self.root / "nginx.conf"
        listen = f"listen 127.0.0.1:{self.port};"
        text = path.read_text()
        assert listen in text
        path.write_text(text.replace(
            listen, f"{listen[:-1]} ssl;\n    ssl_certificate {self.certificate};\n"
                    f"    ssl_certificate_key {self.key};\n    ssl_session_cache shared:s:1m;"))

    access_lines = running.Nginx.access_lines


class Threads(TlsServer):
    """Python, a thread a connection, OpenSSL on descriptors."""

    name = "https-threads"
    mode = "threads"

    def command(self):
        return [running.PYTHON, str(SERVERS / "tls_app.py"), self.mode, str(self.port),
                str(self.certificate), str(self.key), str(self.access_log)]


class Asyncio(Threads):
    """Python's event loop, OpenSSL on memory."""

    name = "https-asyncio"
    mode = "asyncio"


class Node(TlsServer):
    name = "https-node"
    binary = shutil.which("node", path="/usr/bin:/usr/local/bin")

    def command(self):
        return [self.binary, str(SERVERS / "tls_server.js"), str(self.port),
                str(self.certificate), str(self.key), str(self.access_log)]


class Libssl(TlsServer):
    """tls_server.c on the libssl and libcrypto of a folder, which are copied."""

    name = "https-libssl"

    def __init__(self, root, libraries=(), **options):
        super().__init__(root, **options)
        self.libraries = [pathlib.Path(each) for each in libraries]

    def prepare(self):
        super().prepare()
        for library in self.libraries:
            shutil.copy(library, self.root)
        self.binary = self.root / "tls_server"
        subprocess.run(["cc", "-O2", "-o", str(self.binary), str(SERVERS / "tls_server.c"), "-pthread",
                        *[str(self.root / library.name) for library in self.libraries],
                        "-Wl,-rpath,$ORIGIN", "-Wl,--allow-shlib-undefined"], check=True)

    def command(self):
        return [str(self.binary), str(self.port), str(self.certificate), str(self.key),
                str(self.access_log)]


class Gunicorn(running.Gunicorn):
    name = "gunicorn-tls"

    def prepare(self):
        super().prepare()
        self.certificate, self.key = make_certificate(self.root)

    def command(self):
        return [*super().command()[:-1], "--worker-class", "gthread", "--threads", "3",
                "--certfile", str(self.certificate), "--keyfile", str(self.key),
                super().command()[-1]]


class Stunnel(TlsServer):
    """In front of another server's port, which is set before it starts."""

    name = "stunnel"
    binary = "/usr/bin/stunnel4"
    backend = 0

    def prepare(self):
        super().prepare()
        (self.root / "stunnel.conf").write_text(
            f"foreground = yes\npid =\nsyslog = no\n[front]\naccept = 127.0.0.1:{self.port}\n"
            f"connect = 127.0.0.1:{self.backend}\ncert = {self.certificate}\nkey = {self.key}\n")

    def command(self):
        return [self.binary, str(self.root / "stunnel.conf")]


class Apache(TlsServer):
    """mod_ssl has OpenSSL read and write through its own buffers."""

    name = "apache-tls"
    binary = "/usr/sbin/apache2"

    def prepare(self):
        super().prepare()
        modules = pathlib.Path("/usr/lib/apache2/modules")
        www = self.root / "www"
        www.mkdir(exist_ok=True)
        (www / "index.html").write_text("x" * 600)
        (www / "large.bin").write_bytes(bytes(range(256)) * 4096)
        load = "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so"
                         for name in ("mpm_event", "authz_core", "ssl", "socache_shmcb"))
        user = "" if self.uid is not None else "User www-data\nGroup www-data\n"
        (self.root / "apache.conf").write_text(
            f"{load}\n{user}ServerRoot {self.root}\nServerName localhost\n"
            f"PidFile {self.root}/apache.pid\nErrorLog {self.root}/error.log\n"
            f"DefaultRuntimeDir {self.root}\nListen 127.0.0.1:{self.port}\n"
            f"StartServers 2\nMaxRequestWorkers 50\nKeepAliveTimeout 10\n"
            f"MaxKeepAliveRequests 0\nSSLEngine on\nSSLSessionCache shmcb:{self.root}/cache\n"
            f"SSLCertificateFile {self.certificate}\nSSLCertificateKeyFile {self.key}\n"
            f'DocumentRoot {www}\nLogFormat "%m %U%q %>s" plain\n'
            f"CustomLog {self.access_log} plain\n")

    def command(self):
        return [self.binary, "-DFOREGROUND", "-f", str(self.root / "apache.conf")]

    def stop(self, number=signal.SIGTERM, seconds=20):
        return super().stop(number, seconds)
