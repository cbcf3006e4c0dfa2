"""The page about labels is true: its calls are answered as printed, and its commands print on a network printer."""

import socket
import threading

from tests.support.documents import Block, assert_closed, blocks, powershell_tokens
from tests.support.program import ROOT

PAGE = (ROOT / "docs" / "labels.md").read_text(encoding="utf-8")
PRINTER = "192.0.2.10"


def test_a_label_is_answered_as_printed(assert_answered) -> None:
    assert_answered(blocks(PAGE, "bash"))


def test_the_command_for_bash_sends_the_label_to_the_printer(assert_answered) -> None:
    (command,) = blocks(PAGE, "sh")
    first, *_ = blocks(PAGE, "bash")
    with socket.create_server(("127.0.0.1", 0)) as printer:
        printed: list[bytes] = []

        def take() -> None:
            connection, _ = printer.accept()
            with connection, connection.makefile("rb") as received:
                printed.append(received.read())

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        here = command.commands.replace(f"{PRINTER}/9100", f"127.0.0.1/{printer.getsockname()[1]}")
        assert_answered([Block(first.commands + here, first.output)])
        thread.join()

    assert printed[0].startswith(b"^XA\n^CI28\n")
    assert printed[0].endswith(b"^XZ\n")


def test_its_powershell_is_well_written() -> None:
    (block,) = blocks(PAGE, "powershell")

    assert PRINTER in block.commands
    assert_closed(powershell_tokens(block.commands))
