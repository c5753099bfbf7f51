"""Clients of the servers: requests one knows exactly, over connections one controls."""
import http.client
import socket
import ssl
import subprocess
import threading


def tls_client():
    """A client's side that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(port, tls=False):
    """A connection for send(), in plaintext or over TLS."""
    if tls:
        return http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=tls_client())
    return http.client.HTTPConnection("127.0.0.1", port, timeout=30)


def send(port, method, target, body=None, headers=None, connection=None, tls=False):
    """One request; returns (status, body). connection: reuse this http.client connection."""
    own = connection or connect(port, tls)
    try:
        own.request(method, target, body=body, headers=headers or {})
        response = own.getresponse()
        return response.status, response.read()
    finally:
        if connection is None:
            own.close()


def keep_alive(port, requests, tls=False):
    """(method, target, body) one after the other on one connection; the statuses."""
    connection = connect(port, tls)
    try:
        return [send(port, *request, connection=connection)[0] for request in requests]
    finally:
        connection.close()


def parallel(port, requests, clients, tls=False):
    """The same from several threads at once, each with its share on its own connection; returns
    (status, body) of each, in no particular order."""
    errors = []
    answers = []

    def client(share):
        connection = connect(port, tls)
        try:
            for request in share:
                answers.append(send(port, *request, connection=connection))
        except OSError as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=client, args=(requests[i::clients],))
               for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return answers


def raw(port, *pieces, read=True, tls=False):
    """Bytes as they are, piece by piece; what the server said until it closed or went quiet."""
    peer = socket.create_connection(("127.0.0.1", port), 10)
    if tls:
        peer = tls_client().wrap_socket(peer)
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            peer.sendall(piece)
        if not read:
            return b""
        peer.settimeout(2)
        answer = b""
        try:
            while chunk := peer.recv(65536):
                answer += chunk
        except (TimeoutError, ConnectionResetError, ssl.SSLError):
            pass
        return answer


def ab(url, requests, clients):
    """A bounded burst of ApacheBench over keep-alive connections."""
    subprocess.run(["ab", "-q", "-k", "-n", str(requests), "-c", str(clients), url], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
