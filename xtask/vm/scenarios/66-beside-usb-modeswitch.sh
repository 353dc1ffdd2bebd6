# limit: 150
# `watch` on a computer where usb_modeswitch does its work: it says so, and lets it go first.
rm /etc/udev/rules.d/40-usb_modeswitch.rules
udevadm control --reload
stickshift doctor | tee "$HERE/doctor" || true
grep -q 'usb_modeswitch switches sticks automatically' "$HERE/doctor"
# On an emulated processor usb_modeswitch may need longer than the usual five seconds, and several guests share this machine.
stickshift --json watch --patience 30 > "$HERE/watch" 2>&1 &
watch=$!
plug k3772
wait_for 30 shows 12d1:14cf
wait_for 10 exists /dev/ttyUSB2
# Longer than it is patient.
sleep 33
cat "$HERE/watch"
grep -q 'usb_modeswitch' "$HERE/watch"
if grep -Eq '"(switching|switched|failed)"' "$HERE/watch"; then exit 1; fi

# One that usb_modeswitch does not know is left to `watch`.
plug huawei-unknown
wait_for 60 shows 12d1:1506
wait_for 10 grep -q '"switched"' "$HERE/watch"
kill "$watch"
wait "$watch" || true
ln -s /dev/null /etc/udev/rules.d/40-usb_modeswitch.rules
udevadm control --reload
