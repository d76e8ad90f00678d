"""A simulator small enough to see through: it keeps what it is sent and says what it was asked."""

import json
from typing import ClassVar

from ebrvt_connect.ports.simulator import SimReply, Simulator


class Echo(Simulator):
    name: ClassVar[str] = "echo"
    synthetic: ClassVar[tuple[str, ...]] = ("everything",)

    def __init__(self, seat):
        self.seat = seat
        self.ticks = 0

    @classmethod
    def open(cls, seat):
        return cls(seat)

    def answer(self, request, now):  # noqa: ARG002 - the port's name
        if request.path == "/broken":
            self.seat.world.put("kept", "half-done", {})
            raise RuntimeError
        if request.method == "POST":
            self.seat.world.put("kept", request.path, {"size_bytes": request.body.size_bytes})
            self.seat.world.journal("kept", path=request.path)
        if request.method == "PUT":
            return SimReply(blob=request.body)
        if request.method == "DELETE":
            return SimReply(204)
        heard = {
            "path": request.path,
            "query": request.query,
            "fault": request.fault,
            "headers": [[name.decode(), value.hex()] for name, value in request.headers],
        }
        return SimReply(body=json.dumps(heard).encode())

    def operation(self, request):
        return request.path.removeprefix("/")

    def credentials(self):
        return {"token": "echo-token"}

    def state(self):
        return {"kept": sum(1 for _ in self.seat.world.rows("kept"))}

    def seed(self, data):
        self.seat.world.put("seeded", data["id"], data)
        return {"id": data["id"]}

    def tick(self, now):  # noqa: ARG002 - the port's name
        self.ticks += 1
