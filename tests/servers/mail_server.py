"""An SMTP server that takes mail over TLS from who logs in: port folder certificate key starttls|tls.

Debian's aiosmtpd, whose command line knows no login. One file a mail in folder; the log on stdout
names who logged in or was refused."""
import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        path = self.folder / f"{self.count}.tmp"
        path.write_bytes(envelope.original_content)
        path.rename(self.folder / f"{self.count}.eml")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"pinfo", b"s3cret word")
    print("logged in" if good else "refused", data.login.decode(), flush=True)
    return AuthResult(success=good, handled=False)


def main():
    port, folder, certificate, key, kind = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    options = dict(authenticator=authenticate, auth_required=True)

    class Mail(Controller):
        def factory(self):
            if kind == "starttls":
                return SMTP(self.handler, tls_context=context, require_starttls=True, **options)
            # The whole connection is over TLS, of which the protocol does not know.
            return SMTP(self.handler, auth_require_tls=False, **options)

    controller = Mail(Handler(pathlib.Path(folder)), hostname="127.0.0.1", port=int(port),
                      ssl_context=context if kind == "tls" else None)
    controller.start()
    time.sleep(120)


if __name__ == "__main__":
    main()
