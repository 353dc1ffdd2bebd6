# The kernel's own usbip imports a virtual stick over TCP, and again when it comes back as a modem.
stickshift --json virtual k3772 --attach usbip < <(sleep 100) > "$HERE/virtual" 2>&1 &
virtual=$!
offered() { usbip list -r 127.0.0.1 | tee "$HERE/list" | grep -q "$1"; }
imported() { usbip attach -r 127.0.0.1 -b 1-1; }
wait_for 20 offered 12d1:1526
cat "$HERE/list"
imported
wait_for 10 shows 12d1:1526
wait_for 20 exists /dev/sr0
stickshift --json switch 12d1:1526 > "$HERE/switch" 2>&1 &
switch=$!
wait_for 20 offered 12d1:14cf
imported
wait "$switch"
wait_for 10 exists /dev/ttyUSB2
stickshift list
usbip port
usbip detach -p 00
wait_for 10 empty
wait_for 10 offered 12d1:14cf
kill "$virtual"
wait "$virtual" || true
