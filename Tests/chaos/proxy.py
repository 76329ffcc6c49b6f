"""A TCP proxy between the loader and Postgres that resets a connection at a chosen moment: while rows flow, or as a commit is
answered, so that the loader can't know whether it happened. It follows the server's messages to know the moment."""
import socket
import struct
import threading

ENCRYPTION_REQUESTS = (80877103, 80877104)  # SSL and GSSAPI, answered here with "no"
COPY_IN, COMMAND_COMPLETE = b"G", b"C"


class Messages:
    """Finds the messages in a server's bytes, however they are cut. A message is a type, a length that counts itself, a body."""

    def __init__(self):
        self.pending = b""

    def feed(self, data):
        self.pending += data
        while len(self.pending) >= 5:
            end = 1 + struct.unpack("!I", self.pending[1:5])[0]
            if len(self.pending) < end:
                return
            yield self.pending[:1], self.pending[5:end]
            self.pending = self.pending[end:]


class Connection:
    def __init__(self, client, server):
        self.sockets = client, server
        self.copy_left = None  # bytes of rows to let through before the cut
        self.lock = threading.Lock()

    def reset(self):
        """Both ends see a reset, not an end."""
        with self.lock:
            for end in self.sockets:
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RD)  # wakes the thread that reads
                except OSError:
                    pass
                end.close()


class Proxy:
    def __init__(self, server_port):
        self.server_port = server_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock, self.moment, self.bytes, self.done = threading.Lock(), None, 0, threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def cut(self, moment, after_bytes=0, timeout_s=20):
        """Cuts the next connection that comes to this moment, `copy` (so many bytes into its rows) or `commit`.
        False where none came to it."""
        with self.lock:
            self.moment, self.bytes = moment, after_bytes
            self.done.clear()
        came = self.done.wait(timeout_s)
        with self.lock:
            self.moment = None
        return came

    def taken(self, moment):
        """Whether this moment is to be cut; says yes once."""
        with self.lock:
            if self.moment != moment:
                return False
            self.moment = None
            return True

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.server_port))
        except OSError:
            Connection(client, client).reset()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, server)
        threading.Thread(target=self.answers, args=(connection,), daemon=True).start()
        self.requests(connection)

    def requests(self, connection):
        """From the loader to the server."""
        client, server = connection.sockets
        try:
            first = client.recv(8, socket.MSG_WAITALL)
            while len(first) == 8 and struct.unpack("!II", first)[1] in ENCRYPTION_REQUESTS:
                client.sendall(b"N")
                first = client.recv(8, socket.MSG_WAITALL)
            server.sendall(first)
            while data := client.recv(4096):
                left = connection.copy_left
                if left is not None and len(data) >= left:
                    server.sendall(data[:left])
                    connection.reset()
                    self.done.set()
                    return
                if left is not None:
                    connection.copy_left = left - len(data)
                server.sendall(data)
        except OSError:
            pass
        connection.reset()

    def answers(self, connection):
        """From the server to the loader."""
        client, server = connection.sockets
        messages = Messages()
        try:
            while data := server.recv(65536):
                for kind, body in messages.feed(data):
                    if kind == COPY_IN and self.taken("copy"):
                        connection.copy_left = self.bytes
                    elif kind == COMMAND_COMPLETE and body == b"COMMIT\0" and self.taken("commit"):
                        connection.reset()
                        self.done.set()
                        return
                    elif kind == COMMAND_COMPLETE and connection.copy_left is not None:
                        with self.lock:  # the rows were fewer: the next COPY's turn
                            connection.copy_left, self.moment = None, "copy"
                client.sendall(data)
        except OSError:
            pass
        connection.reset()
