# limit: 300
# Fifty sticks at once: all are switched, and none is mixed up with another.
stickshift --json watch > "$HERE/watch" 2>&1 &
plug k3772 --count 50
all_switched() { [ "$(bus | grep -c ' 12d1:14cf$')" = 50 ]; }
wait_for 240 all_switched
wait_for 30 sh -c "[ \$(grep -c '\"switched\"' $HERE/watch) = 50 ]"
same "$(ls /dev/ttyUSB* | wc -l)" 150
# Each place was switched once, and each stick left its place once.
same "$(grep -o '"switched".*' "$HERE/watch" | grep -o '"place":"[^"]*"' | sort | uniq | wc -l)" 50
same "$(grep -c '"gone"' "$HERE/rack.1")" 50
