#!/usr/bin/env python3
"""A serial port that never stops talking: prints the name of a pty, then writes the bytes given in hex to it, again and again, until it is killed.
Nothing that is written to it is answered."""

import os
import sys
import threading
import time
import tty

pattern = bytes.fromhex(sys.argv[1])
master, slave = os.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)


def swallow():
    while True:
        try:
            os.read(master, 4096)
        except OSError:
            time.sleep(0.01)


threading.Thread(target=swallow, daemon=True).start()
block = pattern * (4096 // len(pattern) + 1)
while True:
    os.write(master, block)
    time.sleep(0.001)
