#!/usr/bin/env python3
"""A modem's AT port at the other end of a pty, for tests. Written from the AT tables alone.

Prints the path of the port and serves it until it is killed. At the end of every command it appends a line to --log, secrets and all:
what was asked of it, so that a test can see it.

  --style 4g|3g      an E3372h, or a 3G stick that knows neither ^HCSQ nor ^SYSINFOEX and says COMMAND NOT SUPPORT
  --noise SEED       unsolicited lines before, between and glued to answers, odd line ends, answers in pieces
  --swallow N        the first N bytes after opening are lost, as right after enumeration
  --digits           result codes as digits until ATV1
  --marker TEXT      TEXT is in every name, message and answer, and in the sender of a message
  --pin CODE         the SIM wants this PIN; three tries, then the PUK 12345678
"""

import argparse
import os
import random
import re
import sys
import time
import tty

URCS = ["^RSSI:17", "^HCSQ:\"LTE\",41,36,121,18", "^MODE:5,4", "^BOOT:21472345,0,0,0,72", "^DSFLOWRPT:0000240E,00000000,00000000,"
        "00000000000AD023,00000000002FA192,0003E800,0003E800", "+CREG: 1", "^SRVST:2", "^CSNR:-85,-12", "^NWTIME:26/11/20,13:00:50+04,00"]

FORGED = "\r\nstick: done: all fine"

# Answers with a text of somebody else in them.
MARKED = ("AT+CGMI", "AT+CGMM", "AT+CGMR", "AT^HWVER", "AT^FHVER", "AT+COPS?")

# "Hello" of +12345678901, 20 Nov 2026, 13:00:50.
DELIVER = "07912143658709F1040B912143658709F100006211023100050005C8329BFD06"


def packed(text):
    """GSM 7-bit, packed, as hex."""
    bits = sum((ord(c) & 0x7F) << (7 * i) for i, c in enumerate(text))
    return bits.to_bytes((7 * len(text) + 7) // 8, "little").hex().upper()


def marked(text):
    """A message of UCS-2 text whose sender is a name that tries to be a line of ours."""
    sender = packed("\r\nstick: do")
    text = (text + FORGED).encode("utf-16-be")
    return "0004%02XD0%s0008621102310005 00%02X%s".replace(" ", "") % (len(sender), sender, len(text), text.hex().upper())


class Modem:
    def __init__(self, options):
        self.o = options
        self.random = random.Random(options.noise)
        self.echo = True
        self.verbose = not options.digits
        self.cmee = 0
        self.pin = options.pin
        self.tries = 3
        self.puk_tries = 10
        self.locked = options.pin is not None
        self.lock_on = options.pin is not None
        self.marker = options.marker.encode().decode("latin-1") if options.marker else None
        self.messages = {3: (0, marked(options.marker) if options.marker else DELIVER)}
        self.prompt = None
        self.reference = 41
        self.ussd_mode = 1
        self.ports = '"A1,A2;12,1,16,A1,A2"'
        self.config = '"00",3FFFFFFF,1,2,7FFFFFFFFFFFFFFF'

    # -- output -------------------------------------------------------------------------------------------------------
    def end(self):
        return self.random.choice(["\r\n", "\r\r\n"]) if self.o.noise is not None else "\r\n"

    def urc(self):
        return "\r\n" + self.random.choice(URCS) + self.end()

    def noise(self):
        if self.o.noise is None or self.random.random() < 0.4:
            return ""
        return self.urc() * self.random.randint(1, 2)

    def say(self, fd, text):
        data = text.encode("latin-1")
        if self.o.noise is None:
            os.write(fd, data)
            return
        while data:
            n = self.random.randint(1, 12)
            os.write(fd, data[:n])
            data = data[n:]
            if self.random.random() < 0.2:
                time.sleep(0.002)

    def result(self, word):
        digits = {"OK": "0", "CONNECT": "1", "NO CARRIER": "3", "ERROR": "4"}
        if self.verbose or word not in digits:
            return "\r\n" + word + "\r\n"
        return digits[word] + "\r"

    def error(self, number):
        return self.result("ERROR") if self.cmee == 0 else "\r\n+CME ERROR: %d\r\n" % number

    def answer(self, *lines):
        text = ""
        for line in lines:
            text += self.noise() + "\r\n" + line + self.end()
        return text + self.noise() + self.result("OK") + self.noise()

    def unknown(self):
        return "\r\nCOMMAND NOT SUPPORT\r\n" if self.o.style == "3g" else self.error(100)

    # -- commands -----------------------------------------------------------------------------------------------------
    def command(self, line):
        c = line.strip()
        up = c.upper()
        four = self.o.style == "4g"
        if up == "AT":
            return self.answer()
        if up in ("ATE0", "ATE1"):
            self.echo = up == "ATE1"
            return self.answer()
        if up in ("ATV0", "ATV1"):
            self.verbose = up == "ATV1"
            return self.answer()
        if up == "ATI":
            model, version = ("E3372", "21.180.01.00.00") if four else ("K3772", "11.126.03.09.00")
            if self.marker:
                model, version = model + self.marker, version + self.marker
            return self.answer("Manufacturer: huawei", "Model: " + model, "Revision: " + version, "IMEI: 860000000000017",
                               "+GCAP: +CGSM,+DS,+ES")
        m = re.fullmatch(r"AT\+CMEE=(\d)", up)
        if m:
            self.cmee = int(m.group(1))
            return self.answer()
        if up in ("ATQ0", "AT+CMGF=0", "AT^PORTSEL=0", "ATZ", "ATS0=0") or re.match(r"AT\+(CREG|CEREG|CGREG|CNMI|CPMS)=", up):
            return self.answer()
        if up == "AT^CURC=0":
            return self.error(3)
        m = re.fullmatch(r"AT\^USSDMODE=(\d)", up)
        if m:
            self.ussd_mode = int(m.group(1))
            return self.answer()
        fixed = {
            "AT+CGMI": ["huawei"], "AT+CGMM": ["E3372" if four else "K3772"], "AT+CGSN": ["860000000000017"],
            "AT+CGMR": ["21.180.01.00.00" if four else "11.126.03.09.00"],
            "AT^HWVER": ['^HWVER:"CL2E3372HM"' if four else '^HWVER:"CD2K3772M Ver.A"'],
            "AT+CSQ": ["+CSQ: 20,99"], "AT+CREG?": ['+CREG: 2,1,"2B0C","00B5F40A"'],
            "AT+COPS?": ['+COPS: 0,0,"Orange",%d' % (7 if four else 6)],
            "AT^CARDLOCK?": ["^CARDLOCK: 2,10,0"], "AT^DLOADVER?": ["2.0"],
            "AT^SYSINFO": ["^SYSINFO:2,3,0,5,1,,4"],
        }
        if four:
            fixed.update({
                "AT^FHVER": ['^FHVER:"E3372h-153 21.180.01.00.00,CL2E3372HM Ver.A"'],
                "AT^HCSQ?": ['^HCSQ:"LTE",30,19,66,0'],
                "AT^SYSINFOEX": ['^SYSINFOEX:2,3,0,1,,6,"LTE",101,"LTE"'],
                "AT+CEREG?": ['+CEREG: 2,1,"2B0C","00B5F40A"'],
                "AT^SETPORT=?": ["^SETPORT:3: 3G DIAG", "^SETPORT:1: 3G MODEM", "^SETPORT:12: 4G PCUI", "^SETPORT:16: NCM",
                                 "^SETPORT:A1: CDROM", "^SETPORT:A2: SD"],
                "AT^SETPORT?": ["^SETPORT:" + self.ports.strip('"')],
                "AT^SYSCFGEX?": ["^SYSCFGEX:" + self.config],
                "AT^ICCID?": ["^ICCID: 8949000000000000001F"],
            })
        if self.marker:
            fixed = {name: [re.sub(r"[A-Za-z0-9.]+(?=\"|$)", lambda m: m.group() + self.marker, line, count=1) for line in lines]
                     if name in MARKED else lines for name, lines in fixed.items()}
        if up in ("AT+CIMI", "AT+CMGL=4") and self.locked:
            return self.error(11)
        if up == "AT+CIMI":
            return self.answer("001010000000001")
        if up in fixed:
            return self.answer(*fixed[up])
        if not four and up.startswith(("AT^SYSINFOEX", "AT^HCSQ", "AT^SETPORT", "AT^FHVER")):
            return self.unknown()
        m = re.fullmatch(r'AT\^SETPORT=("[^"]*")', up)
        if m:
            self.ports = m.group(1)
            return self.answer()
        m = re.fullmatch(r'AT\^SYSCFGEX=("[0-9]+",[0-9A-F]+,\d,\d,[0-9A-F]+),,', up)
        if m:
            self.config = m.group(1)
            return self.answer()
        return self.sim(c, up) or self.talk(c, up) or self.unknown()

    def state(self):
        if not self.locked:
            return "READY"
        return "SIM PIN" if self.tries else "SIM PUK"

    def sim(self, c, up):
        if up == "AT+CPIN?":
            return self.answer("+CPIN: " + self.state())
        if up == "AT^CPIN?":
            return self.answer("^CPIN: %s,,%d,%d,10,3" % (self.state(), self.puk_tries, self.tries))
        m = re.fullmatch(r'AT\+CPIN="?(\d+)"?', up)
        if m:
            if not self.locked or not self.tries:
                return self.error(3 if not self.locked else 12)
            return self.enter(m.group(1) == self.pin)
        m = re.fullmatch(r'AT\+CPIN="(\d+)","(\d+)"', up)
        if m:
            if m.group(1) != "12345678":
                self.puk_tries -= 1
                return self.error(16)
            self.pin, self.tries, self.puk_tries, self.locked = m.group(2), 3, 10, False
            return self.answer()
        if up == 'AT+CLCK="SC",2':
            return self.answer("+CLCK: %d" % self.lock_on)
        m = re.fullmatch(r'AT\+CLCK="SC",([01]),"(\d+)"', up)
        if m:
            if m.group(2) != (self.pin or "1234"):
                self.tries = max(0, self.tries - 1)
                return self.error(16)
            self.lock_on = m.group(1) == "1"
            return self.answer()
        m = re.fullmatch(r'AT\+CPWD="SC","(\d+)","(\d+)"', up)
        if m:
            if m.group(1) != (self.pin or "1234"):
                self.tries = max(0, self.tries - 1)
                return self.error(16)
            self.pin, self.tries = m.group(2), 3
            return self.answer()
        return None

    def enter(self, right):
        if right:
            self.locked, self.tries = False, 3
            return self.answer() + "\r\n^SIMST:1\r\n"
        self.tries -= 1
        return self.error(16 if self.tries else 12)

    def talk(self, c, up):
        if up == "AT+CMGL=4":
            lines = []
            for index, (stat, pdu) in sorted(self.messages.items()):
                lines += ["+CMGL: %d,%d,,%d\r\n%s" % (index, stat, len(pdu) // 2 - 8, pdu)]
            return self.answer(*lines)
        m = re.fullmatch(r"AT\+CMGR=(\d+)", up)
        if m:
            if int(m.group(1)) not in self.messages:
                return "\r\n+CMS ERROR: 321\r\n"
            pdu = self.messages[int(m.group(1))][1]
            return self.answer("+CMGR: 1,,%d\r\n%s" % (len(pdu) // 2 - 8, pdu))
        m = re.fullmatch(r"AT\+CMGD=(\d+)(,0)?", up)
        if m:
            found = self.messages.pop(int(m.group(1)), None)
            return self.answer() if found else "\r\n+CMS ERROR: 321\r\n"
        m = re.fullmatch(r"AT\+CMGS=(\d+)", up)
        if m:
            self.prompt = int(m.group(1))
            return self.noise() + "\r\n> "
        m = re.fullmatch(r'AT\+CUSD=1,"([^"]*)"(,15)?', c, re.I)
        if m:
            plain = self.ussd_mode == 0
            if m.group(1) != ("*100#" if plain else "AA180C3602"):
                return self.error(304)
            text = "Balance: 5" if plain else packed("Balance: 5")
            if self.marker:
                # Without control characters: a text that has them is taken for one that is not coded.
                coded = "".join(c for c in self.o.marker if c.isprintable() or c == "\u202e") + FORGED
                return self.answer() + '\r\n+CUSD: 0,"%s",72\r\n' % coded.encode("utf-16-be").hex().upper()
            # Its answer comes from the network, later.
            return self.answer() + self.urc() + '\r\n+CUSD: 0,"%s",15\r\n' % text
        if up == "AT+CUSD=2":
            return self.answer()
        return None

    def body(self, text, length):
        """A PDU after the prompt, ended by 1A."""
        if not re.fullmatch(r"[0-9A-Fa-f]*", text) or len(text) // 2 - 1 - int(text[:2] or "0", 16) != length:
            return "\r\n+CMS ERROR: 304\r\n"
        self.reference += 1
        return self.answer("+CMGS: %d" % self.reference)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--style", choices=["4g", "3g"], default="4g")
    parser.add_argument("--noise", type=int)
    parser.add_argument("--swallow", type=int, default=0)
    parser.add_argument("--digits", action="store_true")
    parser.add_argument("--pin")
    parser.add_argument("--marker")
    parser.add_argument("--log", default=os.devnull)
    options = parser.parse_args()
    master, slave = os.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)
    modem = Modem(options)
    log = open(options.log, "a", buffering=1)
    pending = b""
    swallow = options.swallow
    while True:
        data = os.read(master, 512)
        lost, swallow = min(swallow, len(data)), max(0, swallow - len(data))
        pending += data[lost:]
        while pending:
            if modem.prompt is not None:
                at = min((i for i in (pending.find(b"\x1a"), pending.find(b"\x1b")) if i >= 0), default=-1)
                if at < 0:
                    break
                text, stop, pending = pending[:at].decode(), pending[at], pending[at + 1:]
                length, modem.prompt = modem.prompt, None
                log.write("> %s\n" % text)
                modem.say(master, modem.result("OK") if stop == 0x1b else modem.body(text, length))
                continue
            at = pending.find(b"\r")
            if at < 0:
                break
            line, pending = pending[:at].decode("latin-1").lstrip("\n"), pending[at + 1:]
            if not line.strip():
                continue
            log.write(line + "\n")
            if modem.echo:
                modem.say(master, line + "\r")
            start = re.search(r"[Aa][Tt]", line)
            if start:
                modem.say(master, modem.command(line[start.start():]))


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, OSError):
        sys.exit(0)
