# limit: 90
# After `setup udev`, nobody needs root.
groupadd -f plugdev 2>/dev/null || true
id stick 2>/dev/null || useradd -M -G dialout,plugdev stick
plug k3772
found
same "$(code setpriv --reuid stick --regid dialout --init-groups stickshift switch 12d1:1526 | tail -n 1)" "exit 4"
stickshift setup udev
udevadm control --reload
echo unplug > "$HERE/owner.1"
wait_for 20 empty
echo plug > "$HERE/owner.1"
wait_for 20 shows 12d1:1526
udevadm settle
ls -l /dev/bus/usb/001
setpriv --reuid stick --regid dialout --init-groups stickshift switch 12d1:1526
wait_for 10 exists /dev/ttyUSB2
udevadm settle
setpriv --reuid stick --regid dialout --init-groups stickshift list
setpriv --reuid stick --regid dialout --init-groups stickshift at AT --port /dev/ttyUSB2
rm /etc/udev/rules.d/*stickshift*
udevadm control --reload
