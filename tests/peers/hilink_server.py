#!/usr/bin/env python3
"""A HiLink web server in a few lines, independent of stickshift: every generation of web UI, every login.

usage: hilink_server.py g0|g1|g2|g3 none|0|4|scram     prints its port, serves until killed

User admin, password "secret". One login at a time: whoever does not log out locks the next one out (108003).
"""
import base64, hashlib, hmac, http.server, re, secrets, sys

GENERATION, LOGIN = sys.argv[1], sys.argv[2]
PASSWORD = b"secret"
SALT = bytes(range(32))
SESSIONS = GENERATION in ("g2", "g3")
tokens, cookie, logged_in, nonces, data = set(), None, False, ("", ""), "1"


def token():
    tokens.add(t := secrets.token_hex(16))
    return t


def session():
    global cookie, tokens
    cookie, tokens = "SessionID=" + secrets.token_hex(64), set()
    return cookie


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def field(body, name):
    found = re.search(rf"<{name}>(.*?)</{name}>", body, re.S)
    return found.group(1) if found else ""


class Refused(Exception):
    pass


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, body, headers=(), status=200):
        # No blank after the colons, as real ones have it.
        head = [f"HTTP/1.1 {status} OK", "Server:WebServer", "Connection:close", "Content-Type:text/html"]
        body = body.encode()
        head += [f"{n}:{v}" for n, v in headers] + [f"Content-Length:{len(body)}", "", ""]
        self.wfile.write("\r\n".join(head).encode() + body)
        self.close_connection = True

    def document(self, inside, headers=()):
        self.reply(f'<?xml version="1.0" encoding="UTF-8"?>\r\n<response>\r\n{inside}\r\n</response>\r\n', headers)

    def refuse(self, code, headers=()):
        self.reply(f'<?xml version="1.0" encoding="UTF-8"?>\n<error>\n<code>{code}</code>\n<message></message>\n</error>', headers)

    def do_GET(self):
        path = self.path
        if path == "/":
            if not SESSIONS:
                return self.reply("<html></html>")
            c = session() if not logged_in else cookie
            metas = "".join(f'<meta name="csrf_token" content="{token()}"/>\r\n' for _ in range(2)) if GENERATION == "g2" else ""
            return self.reply(f"<!DOCTYPE html>\r\n<html><head>{metas}</head></html>", [("Set-Cookie", c + ";path=/;HttpOnly;")])
        if path == "/api/webserver/token" and GENERATION == "g1":
            return self.document(f"<token>{token()}</token>")
        if path == "/api/webserver/token" and GENERATION == "g3":
            return self.document(f"<token>{secrets.token_hex(16)}{token()}</token>")
        if path == "/api/user/state-login" and GENERATION != "g0":
            more = ""
            if GENERATION == "g3":
                more = f"<extern_password_type>{int(LOGIN == 'scram')}</extern_password_type><rsapadingtype>1</rsapadingtype>"
            state = 0 if logged_in or LOGIN == "none" and GENERATION != "g3" else -1
            kind = "0" if LOGIN in ("none", "0") else "4"
            return self.document(f"<State>{state}</State><Username></Username><password_type>{kind}</password_type>{more}")
        if path == "/api/user/hilink_login" and GENERATION == "g3":
            return self.document(f"<hilink_login>{int(LOGIN != 'none')}</hilink_login>")
        if path == "/api/device/signal":
            return self.document("<rssi>-53dBm</rssi><rsrp>-87dBm</rsrp><rsrq>-13dB</rsrq><sinr>&gt;=30dB</sinr><mode>7</mode>")
        if path == "/api/device/information" and GENERATION != "g0":
            if LOGIN != "none" and not logged_in:
                return self.refuse(125002 if SESSIONS else 100003)
            return self.document("<DeviceName>E3372</DeviceName><SerialNumber>G4PXX00000000017</SerialNumber><Imei>860000000000017</Imei>"
                                 "<HardwareVersion>CL2E3372HM</HardwareVersion><SoftwareVersion>22.200.15.00.00</SoftwareVersion>"
                                 "<WebUIVersion>17.100.13.01.03</WebUIVersion><ProductFamily>LTE</ProductFamily><Classify>hilink</Classify>")
        if path == "/api/device/basic_information":
            return self.document("<productfamily>LTE</productfamily><classify>hilink</classify><devicename>E303</devicename>")
        if path.startswith("/api/"):
            return self.refuse(100002)
        self.reply("", [("Location", "http://192.168.8.1/html/home.html")], 307)

    def do_POST(self):
        global logged_in, nonces, data
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        given = self.headers.get("__RequestVerificationToken", "")
        headers = []
        try:
            if GENERATION == "g1" and given not in tokens:
                raise Refused(125001)
            if SESSIONS:
                if self.headers.get("Cookie") != cookie:
                    raise Refused(125002)
                if given not in tokens:
                    raise Refused(125003)
                tokens.discard(given)
                headers.append(("__RequestVerificationToken", token()))
            if self.path in ("/api/user/login", "/api/user/authentication_login"):
                if logged_in:
                    raise Refused(108003)
                inside = self.plain(body, given) if self.path.endswith("/login") else self.proof(body)
                logged_in = True
                headers = [("Set-Cookie", session() + ";path=/;HttpOnly;")] if SESSIONS else []
                if SESSIONS:
                    headers.append(("__RequestVerificationToken", "#".join(token() for _ in range(32)) + "#"))
                return self.document(inside, headers)
            if self.path == "/api/user/challenge_login":
                nonces = (field(body, "firstnonce"), field(body, "firstnonce") + secrets.token_hex(16))
                return self.document(f"<salt>{SALT.hex()}</salt><iterations>100</iterations><servernonce>{nonces[1]}</servernonce>", headers)
            if LOGIN != "none" and not logged_in:
                raise Refused(100003)
            if self.path == "/api/user/logout":
                logged_in = False
            elif self.path == "/api/dialup/mobile-dataswitch":
                data = field(body, "dataswitch")
            else:
                raise Refused(100002)
            self.reply('<?xml version="1.0" encoding="UTF-8"?><response>OK</response>', headers)
        except Refused as refused:
            self.refuse(refused.args[0], headers)

    def plain(self, body, given):
        expected = base64.b64encode(PASSWORD).decode()
        if LOGIN == "4":
            inner = base64.b64encode(hashlib.sha256(PASSWORD).hexdigest().encode()).decode()
            outer = hashlib.sha256(("admin" + inner + given).encode()).hexdigest()
            expected = base64.b64encode(outer.encode()).decode()
        if (field(body, "Username"), field(body, "Password")) != ("admin", expected):
            raise Refused(108006)
        return "OK"

    def proof(self, body):
        salted = hashlib.pbkdf2_hmac("sha256", PASSWORD, SALT, 100)
        client_key = mac(b"Client Key", salted)
        stored = hashlib.sha256(client_key).digest()
        message = f"{nonces[0]},{nonces[1]},{field(body, 'finalnonce')}".encode()
        expected = bytes(a ^ b for a, b in zip(client_key, mac(message, stored)))
        if field(body, "clientproof") != expected.hex():
            raise Refused(108006)
        return f"<serversignature>{mac(message, mac(b'Server Key', salted)).hex()}</serversignature>"


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
