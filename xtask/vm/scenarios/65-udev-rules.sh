# limit: 120
# Without a daemon: one rule of udev for each stick. The storage driver is not loaded yet, as on a computer that saw no drive before.
rmmod sr_mod sg usb_storage 2>&1 || true
stickshift setup udev --switch
udevadm control --reload
switched() {
    plug "$1"
    wait_for 40 shows "$2"
    if [ -n "$3" ]; then wait_for 20 compgen -G "/sys/bus/usb/devices/*:*/$3"; fi
    echo "$1 became $2"
    kill "${RACKS[-1]}"
    wait "${RACKS[-1]}" || true
    wait_for 20 empty
    udevadm settle
}
switched k3772 12d1:14cf ttyUSB0
switched huawei-unknown 12d1:1506 ttyUSB0
switched samsung-u209 04e8:6601 ""
switched novatel-5010 1410:4100 ""
# A module that udev's rule is to leave alone unless it has MBIM.
plug me906
found
wait_for 30 grep -q 3 "/sys/bus/usb/devices/$WHERE/bConfigurationValue"
wait_for 20 compgen -G "/sys/bus/usb/devices/$WHERE:3.0/usbmisc/cdc-wdm*"
rm /etc/udev/rules.d/*stickshift*
udevadm control --reload
modprobe -a usb-storage sr_mod sg
