# limit: 150
# Sticks that misbehave, all at the same time: what is said of each must be true, and so must the exit code.
# FAULT, exit code, what the bus shows at the end (- for nothing), what is said
FAULTS="
switches          0  12d1:14cf  switched from 12d1:1526
ignores           6  12d1:1526  ignored the switch message.*recoverable
stalls            6  12d1:1526  ignored the switch message.*halted the endpoint.*recoverable
no-status         0  12d1:14cf  switched from 12d1:1526
vanishes-early    0  12d1:14cf  switched from 12d1:1526
comes-back        6  12d1:1526  disconnected and came back unchanged.*recoverable
never-comes-back  7  -          disconnected and did not come back.*unknown
busy              0  12d1:14cf  switched from 12d1:1526
"
faults=() exits=() shown=() said=() where=() switches=()
while read -r fault exit id words; do
    [ -n "$fault" ] || continue
    faults+=("$fault") exits+=("$exit") shown+=("$id") said+=("$words")
    plug k3772 --fault "$fault"
    found
    where+=("$WHERE")
done <<< "$FAULTS"

# Another process reads the first one's drive all the time.
drives=(/sys/bus/usb/devices/"${where[0]}":1.0/host*/target*/*/block/sr*)
exec 9< "/dev/${drives[0]##*/}"
dd bs=2048 count=8 of=/dev/null <&9

for i in "${!faults[@]}"; do
    stickshift switch "${where[i]}" > "$HERE/switch.$i" 2>&1 &
    switches+=($!)
done
failed=0
for i in "${!faults[@]}"; do
    status=0 now=-
    wait "${switches[i]}" || status=$?
    while read -r place id; do
        if [ "$place" = "${where[i]}" ]; then now=$id; fi
    done <<< "$(bus)"
    echo "--- ${faults[i]}: exit $status, $now at ${where[i]}"
    sed -n '/^release interface\|^waiting for/,$p' "$HERE/switch.$i"
    text=$(tr '\n' ' ' < "$HERE/switch.$i")
    if [ "$status" != "${exits[i]}" ] || [ "$now" != "${shown[i]}" ] || ! grep -q "${said[i]}" <<< "$text"; then
        echo "FAILED: wanted exit ${exits[i]}, ${shown[i]}, ${said[i]}"
        failed=1
    fi
done
exit $failed
