"""HTTP over a unix socket: what the services show to this machine alone."""

import http.client
import socket


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def get(path, page, timeout=10):
    """(status, body) of a page; a status of 0: nobody answered."""
    connection = Connection(path, timeout)
    try:
        connection.request("GET", page)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
