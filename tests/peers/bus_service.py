#!/usr/bin/python3
"""Services of a Linux system on a private message bus, by python3-dbus: logind's inhibitors and ModemManager's.

usage: DBUS_SYSTEM_BUS_ADDRESS=.. bus_service.py [denied]

Prints one line per call and per inhibitor that ends; `denied`: the services refuse, as polkit makes them.
"""
import os
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

DENIED = "denied" in sys.argv[1:]


def say(line):
    print(line, flush=True)


class Refused(dbus.DBusException):
    _dbus_error_name = "org.freedesktop.DBus.Error.AccessDenied"


class Logind(dbus.service.Object):
    @dbus.service.method("org.freedesktop.login1.Manager", in_signature="ssss", out_signature="h")
    def Inhibit(self, what, who, why, mode):
        if DENIED:
            say("Inhibit refused")
            raise Refused("Permission denied")
        say(f"Inhibit {what} {who} {mode}: {why}")
        ours, theirs = os.pipe()
        GLib.io_add_watch(ours, GLib.PRIORITY_DEFAULT, GLib.IO_HUP, self.ended, ours)
        descriptor = dbus.types.UnixFd(theirs)
        os.close(theirs)
        return descriptor

    def ended(self, _source, _condition, ours):
        say("Inhibit ended")
        os.close(ours)
        return False

    @dbus.service.method("org.freedesktop.DBus.Properties", in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return dbus.UInt64(5, variant_level=1) if name == "InhibitDelayMaxUSec" else dbus.String("sleep", variant_level=1)


class ModemManager(dbus.service.Object):
    @dbus.service.method("org.freedesktop.ModemManager1", in_signature="sb", sender_keyword="sender")
    def InhibitDevice(self, uid, inhibit, sender=None):
        if DENIED:
            say("InhibitDevice refused")
            raise Refused("PolicyKit authorization failed: not authorized")
        say(f"InhibitDevice {uid} {bool(inhibit)}")
        if inhibit:
            self.connection.watch_name_owner(sender, lambda owner: owner or say(f"InhibitDevice {uid} ended"))


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
names = [
    dbus.service.BusName("org.freedesktop.login1", bus),
    dbus.service.BusName("org.freedesktop.ModemManager1", bus),
]
Logind(bus, "/org/freedesktop/login1")
ModemManager(bus, "/org/freedesktop/ModemManager1")
say("ready")
GLib.MainLoop().run()
