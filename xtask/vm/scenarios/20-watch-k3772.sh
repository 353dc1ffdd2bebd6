# `watch` switches a K3772 that is plugged in, and `list` names what its ports are for.
stickshift --json watch > "$HERE/watch" 2>&1 &
plug k3772
wait_for 30 shows 12d1:14cf
wait_for 10 exists /dev/ttyUSB2
wait_for 10 grep -q '"switched"' "$HERE/watch"
cat "$HERE/watch"
stickshift list | tee "$HERE/list"
grep -q "12d1:14cf" "$HERE/list"
grep -q "modem .*ttyUSB0" "$HERE/list"
grep -q "pcui .*ttyUSB2" "$HERE/list"
