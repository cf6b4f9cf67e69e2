"""The `wsproto` library on a plain socket against `hawser echo`: as a client with `--url`, else as a
server."""

import argparse
import socket
from urllib.parse import urlsplit

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection, BytesMessage, CloseConnection, Message, Ping, Pong, Request, TextMessage)
from wsproto.extensions import PerMessageDeflate

from interop_messages import listening, messages, pieces, report


class Link:
    """A socket with the protocol's state on top."""

    def __init__(self, connected, kind):
        self.socket = connected
        self.protocol = WSConnection(kind)
        self.extension = PerMessageDeflate()

    def send(self, event):
        self.socket.sendall(self.protocol.send(event))

    def events(self):
        while True:
            yield from self.protocol.events()
            data = self.socket.recv(65536)
            self.protocol.receive_data(data or None)
            if not data:
                yield from self.protocol.events()
                return

    def drive(self):
        """Sends everything, whole and in fragments, and compares the echoes."""
        echoed = 0
        events = self.events()
        for number, message in enumerate(messages()):
            parts = pieces(message) if number % 2 else [message]
            for index, part in enumerate(parts):
                self.send(Message(data=part, message_finished=index + 1 == len(parts)))
                if number % 10 == 0:
                    self.send(Ping(payload=b"between"))
            answer = []
            for event in events:
                if isinstance(event, (TextMessage, BytesMessage)):
                    answer.append(event.data)
                    if event.message_finished:
                        break
                else:
                    assert isinstance(event, Pong), event
            whole = (b"" if isinstance(message, bytes) else "").join(answer)
            assert whole == message, f"message {number}: {len(whole)} for {len(message)}"
            echoed += 1
        self.send(CloseConnection(code=1000, reason="done"))
        code = next((event.code for event in events if isinstance(event, CloseConnection)), None)
        bits = (self.extension.server_max_window_bits, self.extension.client_max_window_bits)
        report(echoed, f"bits {bits}" if self.extension.enabled() is True else None, code)


def client(url):
    parts = urlsplit(url)
    link = Link(
        socket.create_connection((parts.hostname, parts.port), timeout=60), ConnectionType.CLIENT)
    link.send(Request(
        host=parts.netloc, target=parts.path or "/", extensions=[link.extension]))
    accepted = next(link.events())
    assert isinstance(accepted, AcceptConnection), accepted
    link.drive()


def server():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening(listener.getsockname()[1])
        connected, _ = listener.accept()
    connected.settimeout(60)
    link = Link(connected, ConnectionType.SERVER)
    request = next(link.events())
    assert isinstance(request, Request), request
    link.send(AcceptConnection(extensions=[link.extension]))
    link.drive()


parser = argparse.ArgumentParser()
parser.add_argument("--url")
arguments = parser.parse_args()
if arguments.url:
    client(arguments.url)
else:
    server()
