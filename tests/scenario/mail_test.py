"""Mail over TLS with a login, to a real SMTP server: `pinfo notify --test`."""
import os
import subprocess

import harness
import running
import tls_servers
from harness import check, check_equal, scenario

PASSWORD = "s3cret word"


class MailServer(running.Server):
    name = "mail_server"

    def __init__(self, root, security="starttls", **options):
        super().__init__(root, **options)
        self.security = security
        self.mails = self.root / "mails"

    def prepare(self):
        self.mails.mkdir()
        self.certificate, self.key = tls_servers.make_certificate(self.root)

    def command(self):
        return [running.PYTHON, str(running.SERVERS / "mail_server.py"), str(self.port),
                str(self.mails), str(self.certificate), str(self.key), self.security]

    def log(self):
        """Who logged in or was refused, beside the library's own warnings."""
        lines = self.output.read_text().splitlines()
        return [line for line in lines if line in ("logged in pinfo", "refused pinfo")]


def send(context, server, status=0, password=PASSWORD, **settings):
    secret = context.home / "mail-password"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    if context.uid is not None:
        os.chown(secret, context.uid, context.uid)
    scheme = "smtps" if server.security == "tls" else "smtp"
    settings = {"smtp": f"{scheme}://localhost:{server.port}", "user": "pinfo",
                "password_file": str(secret), "from": "status@example.org",
                "ca_file": str(server.certificate), **settings}
    config = context.home / "mail.toml"
    config.write_text("[mail]\n" + "".join(f'{name} = "{value}"\n' for name, value in
                                           settings.items() if value is not None)
                      + '[[person]]\nname = "ann"\nmail = "ann@example.org"\n')
    done = context.pinfo("--config", config, "notify", "--test", status=status)
    check(password not in done.stdout + done.stderr, "no secret is shown")
    return done.stdout + done.stderr


@scenario(modes=("preload",))
def starttls(context):
    server = context.start(MailServer)
    send(context, server)
    check_equal(server.log(), ["logged in pinfo"], "the server's log")
    mail = (server.mails / "1.eml").read_text()
    check("To: " in mail and "ann@example.org" in mail, mail)
    text = send(context, server, status=1, password="wrong word")
    check_equal(server.log()[1:], ["refused pinfo"], "the server's log")
    check("ann" in text and "login" in text.lower(), f"who was not told, and why: {text}")
    # A certificate that nobody vouches for is no reason to hand over the password.
    text = send(context, server, status=1, ca_file=None)
    check("certificate" in text.lower(), f"the reason: {text}")
    check_equal(len(server.log()), 2, "logins")


@scenario(modes=("preload",))
def tls_from_the_start(context):
    server = context.start(MailServer, security="tls")
    send(context, server)
    check_equal(server.log(), ["logged in pinfo"], "the server's log")
    check((server.mails / "1.eml").exists(), "the mail")


@scenario(modes=("preload",))
def no_tls_no_password(context):
    """A server without STARTTLS gets neither the password nor the mail."""
    port = running.free_port()
    process = subprocess.Popen(
        [running.PYTHON, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c",
         "aiosmtpd.handlers.Debugging", "stdout"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        running.wait_until(lambda: running.accepts(port), 10, "the mail server")
        plain = MailServer(context.folder / "unused")
        plain.port, plain.certificate = port, ""
        text = send(context, plain, status=1, ca_file=None)
        check("TLS" in text or "SSL" in text, f"the reason: {text}")
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=10)
    check_equal(printed, "", "what the server was given")


if __name__ == "__main__":
    harness.main()
