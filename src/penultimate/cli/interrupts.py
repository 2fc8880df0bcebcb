"""Ctrl-C, heeded within two seconds: also by long calls of a library, between whose steps Python does not run.

Python sees an interrupt when such a call returns. A thread sees it at once, gives the main thread time to end by
itself, and ends the process when that is over. Nothing is half-written then: files take their names when they are
whole.
"""

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

# How long the main thread has: most work ends within a tenth of it, a cluster takes the most.
_SECONDS = 1.5
INTERRUPTED = 130


@contextmanager
def heeding_interrupts() -> Generator[threading.Event]:
    """End the process within two seconds of Ctrl-C, with the status that shells give it.

    Yields what is set once it was pressed. A library may swallow the interrupt, as where a kernel is being compiled,
    and fail for it in its own way.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    watched, woken = socket.socketpair()
    woken.setblocking(False)
    done = threading.Event()
    before = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(watched, pressed, done), daemon=True).start()
    try:
        yield pressed
    finally:
        done.set()
        signal.set_wakeup_fd(before)
        woken.close()


def _watch(watched: socket.socket, pressed: threading.Event, done: threading.Event) -> None:
    with watched:
        while number := watched.recv(1):
            if number[0] == signal.SIGINT:
                break
        else:
            return
    pressed.set()
    over = threading.Event()
    over.wait(_SECONDS)
    if not done.is_set():
        # A line of progress hides the cursor.
        shown = "\x1b[?25h\r\x1b[K" if os.isatty(2) else ""
        os.write(2, f"{shown}penultimate: interrupted\n".encode())
    os._exit(INTERRUPTED)
