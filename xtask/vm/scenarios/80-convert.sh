# limit: 200
# The whole conversion over real serial ports, of two sticks at the same time: one from its boot ROM, one from its running firmware, while
# a third one's ports come and go and all numbers move.
stickshift rehearse --files "$HERE"

# A modem takes the first numbers.
plug k3772
found
stickshift --json switch "$WHERE" > "$HERE/modem"
plug e3372h-needle
found
boot=$WHERE
plug e3372h-stick --seed 2
found
modem=$WHERE
wait_for 10 compgen -G "/sys/bus/usb/devices/$boot:1.*/ttyUSB*"
wait_for 10 compgen -G "/sys/bus/usb/devices/$modem:1.*/ttyUSB*"
stickshift list
ports() { basename -a /sys/bus/usb/devices/"$1":1.*/ttyUSB*; }
before=$(ports "$boot")

# Once a loader runs, the modem is gone: what comes next has smaller numbers.
{ wait_for 100 grep -q -v 12d1:1443 "$HERE/rack.2"; echo unplug > "$HERE/owner.1"; } &
convert() {
    stickshift --json convert "$1" --to stick --firmware "$HERE/firmware.bin" --webui "$HERE/webui.bin" --yes "${@:3}" > "$HERE/$2" 2>&1
}
convert "$boot" from-boot --loader "$HERE/loader.bin" &
first=$!
convert "$modem" from-modem --allow-no-loader &
second=$!
wait "$first"
wait "$second"
cat "$HERE"/rack.2 "$HERE"/rack.3
stickshift list
for way in from-boot from-modem; do
    tail -n 1 "$HERE/$way"
    tail -n 1 "$HERE/$way" | grep -q '"after":.*"firmware":"21.180.01.00.00"'
done
stands "$boot" 12d1:1506
stands "$modem" 12d1:1506
# Both were in download mode, and the numbers of their ports are others now.
grep -q '"12d1:1c05".*"'"$boot"'"' "$HERE/rack.2"
grep -q '"12d1:1c05".*"'"$modem"'"' "$HERE/rack.3"
[ "$(ports "$boot")" != "$before" ]
