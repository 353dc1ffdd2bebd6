#!/usr/bin/python3
"""Services of a Linux system on a private message bus, by python3-dbus: logind's inhibitors, ModemManager's, and systemd-resolved's links.

usage: DBUS_SYSTEM_BUS_ADDRESS=.. bus_service.py [denied]

Prints one line per call and per inhibitor that ends; `denied`: the services refuse, as polkit makes them.
"""
import ipaddress
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


class NoSuchLink(dbus.DBusException):
    _dbus_error_name = "org.freedesktop.resolve1.NoSuchLink"


class Resolved(dbus.service.Object):
    """Of systemd-resolved what sets the name servers of one interface; there are interfaces 1 to 99."""

    def told(self, method, index, words=()):
        if DENIED:
            say(f"{method} refused")
            raise Refused("Access denied")
        say(" ".join([method, str(index), *words]))
        if index > 99:
            raise NoSuchLink(f"Link {index} not known")

    @dbus.service.method("org.freedesktop.resolve1.Manager", in_signature="ia(iay)")
    def SetLinkDNS(self, index, servers):
        self.told("SetLinkDNS", index, [f"{family}:{ipaddress.ip_address(bytes(address))}" for family, address in servers])

    @dbus.service.method("org.freedesktop.resolve1.Manager", in_signature="ia(sb)")
    def SetLinkDomains(self, index, domains):
        self.told("SetLinkDomains", index, [str(name) for name, _ in domains])

    @dbus.service.method("org.freedesktop.resolve1.Manager", in_signature="ib")
    def SetLinkDefaultRoute(self, index, enable):
        self.told("SetLinkDefaultRoute", index, [str(bool(enable))])

    @dbus.service.method("org.freedesktop.resolve1.Manager", in_signature="i")
    def RevertLink(self, index):
        self.told("RevertLink", index)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
names = [
    dbus.service.BusName("org.freedesktop.login1", bus),
    dbus.service.BusName("org.freedesktop.ModemManager1", bus),
    dbus.service.BusName("org.freedesktop.resolve1", bus),
]
Logind(bus, "/org/freedesktop/login1")
ModemManager(bus, "/org/freedesktop/ModemManager1")
Resolved(bus, "/org/freedesktop/resolve1")
say("ready")
GLib.MainLoop().run()
