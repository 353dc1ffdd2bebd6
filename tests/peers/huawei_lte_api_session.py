#!/usr/bin/env python3
"""Talks to a stick's web server with huawei-lte-api, unchanged: what a user of that library would do.

usage: huawei_lte_api_session.py URL none|login     prints a line per step, ends with "all done"

The user is admin, the password in STICKSHIFT_PASSWORD. With "login" a wrong password is tried first, and too many of them last.
"""
import os
import sys
import time

from huawei_lte_api.Client import Client
from huawei_lte_api.Connection import Connection
from huawei_lte_api.enums.client import ResponseEnum
from huawei_lte_api.exceptions import (LoginErrorUsernamePasswordOverrunException, LoginErrorUsernamePasswordWrongException,
                                       ResponseErrorException, ResponseErrorNotSupportedException)

url, login = sys.argv[1], sys.argv[2] == "login"
password = os.environ.get("STICKSHIFT_PASSWORD", "")


def connect(word):
    if login:
        return Connection(url, username="admin", password=word, timeout=10)
    return Connection(url, timeout=10)


def expect(what, seen, *wanted):
    if seen not in wanted:
        sys.exit("%s: %r is none of %r" % (what, seen, wanted))
    print(what, seen, flush=True)


def refusal(word):
    try:
        connect(word)
    except ResponseErrorException as e:
        return type(e).__name__
    return "let in"


if login:
    expect("wrong password", refusal("not " + password), "LoginErrorUsernamePasswordWrongException")

with connect(password) as connection:
    client = Client(connection)
    information = client.device.information()
    expect("model", information["DeviceName"], "E3372", "E3276", "E303")
    print("firmware", information["SoftwareVersion"], flush=True)
    print("signal", client.device.signal()["rssi"], flush=True)
    print("status", client.monitoring.status()["ConnectionStatus"], flush=True)
    print("operator", client.net.current_plmn()["FullName"], flush=True)

    count = client.sms.sms_count()
    before, sent = int(count["LocalInbox"]), int(count["LocalOutbox"])
    # The newest one: an older one holds a byte that no XML parser takes, as on real sticks.
    listed = client.sms.get_sms_list(read_count=1)
    expect("messages", int(listed["Count"]), 1, before)
    expect("sent", client.sms.send_sms(["+12345678901"], "Hello from a library"), ResponseEnum.OK.value)
    for _ in range(50):
        outbox = int(client.sms.sms_count()["LocalOutbox"])
        if outbox > sent:
            break
        time.sleep(0.1)
    expect("outbox", outbox, sent + 1)

    try:
        for on in (0, 1):
            expect("data", client.dial_up.set_mobile_dataswitch(on), ResponseEnum.OK.value)
            expect("data is", client.dial_up.mobile_dataswitch()["dataswitch"], str(on))
    except ResponseErrorNotSupportedException:
        # The oldest ones dial instead.
        expect("no data switch on", information["DeviceName"], "E3276", "E303")

# Whoever stayed logged in would keep the next one out.
with connect(password) as connection:
    Client(connection).device.signal()

if login:
    seen = [refusal("not " + password) for _ in range(6)]
    expect("locked out", seen[-1], "LoginErrorUsernamePasswordOverrunException")

print("all done", flush=True)
