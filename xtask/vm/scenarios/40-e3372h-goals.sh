# limit: 90
# The same stick becomes what its owner wants: a network card, or serial ports.
plug e3372h-cd
found
stickshift --json switch "$WHERE" --to hilink
stands "$WHERE" 12d1:14dc
wait_for 10 compgen -G "/sys/bus/usb/devices/$WHERE:1.0/net/*"
stickshift list

echo replug > "$HERE/owner.1"
wait_for 20 shows 12d1:1f01
stickshift --json switch "$WHERE" --to serial
stickshift list | tee "$HERE/list"
stands "$WHERE" 12d1:155e
grep "pcui .*ttyUSB" "$HERE/list"
