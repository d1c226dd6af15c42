#!/usr/bin/env python3
"""A program that is run together and needs nothing of Chalktalk but a port: the host greets, the others are greeted.

The host's copy finds a listening socket as its standard input, and needs no port of its own choice; the others find in
their environment where it is. Its manifest says `model = "host"`, `port = "free"` and `stdin = "socket"`.
"""

import os
import socket


def host():
    """Greets whoever connects, for as long as it runs."""
    listener = socket.socket(fileno=0)
    while True:
        peer, _address = listener.accept()
        with peer:
            peer.sendall(f"hello from {os.environ['CHALKTALK_USER']}\n".encode())


def player():
    """Connects, and shows what it hears."""
    where = (os.environ["CHALKTALK_HOST_ADDRESS"], int(os.environ["CHALKTALK_HOST_PORT"]))
    with socket.create_connection(where, timeout=10) as peer:
        print(peer.recv(100).decode().strip())


if __name__ == "__main__":
    host() if os.environ["CHALKTALK_ROLE"] == "host" else player()
