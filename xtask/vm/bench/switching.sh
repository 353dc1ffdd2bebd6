# limit: 600
# Ours and usb_modeswitch on the same virtual stick: from plug to message and to the last port, and the processor time of one switch.
# Each line of figures.tsv: what, whose, number.
figures=/run/vm/figures.tsv
: > "$figures"
ROUNDS=${ROUNDS:-5}
figure() { printf '%s\t%s\t%s\n' "$@" | tee -a "$figures"; }

modem_there() { [ -e /dev/ttyUSB2 ]; }

# Plugs a stick in, waits until its last port is there, and takes both times. usbmon tells when the kernel saw something at its port and when
# the message went out, its log when the last port was made.
round() {
    RACKS=()
    rm -f "$HERE"/owner.1 "$HERE"/usb
    dmesg -C
    cat /sys/kernel/debug/usb/usbmon/1u > "$HERE/usb" &
    local monitor=$!
    sleep 1
    plug k3772 --quick
    wait_for 60 modem_there
    sleep 0.3
    kill "$monitor" "${RACKS[0]}"
    wait "$monitor" "${RACKS[0]}" 2> /dev/null || true
    awk -v who="$1" '
        !plug && $3 == "C" && $4 ~ /^Ii:1:001:/ { plug = $2 }
        plug && !found && / s 00 09 / { found = $2 }
        /S Bo:.*= 55534243 ........ 00000000 ......11 06/ && !message { message = $2 }
        END {
            if (!plug || !found || !message) exit 1
            printf "plug to message, s\t%s\t%.3f\n", who, (message - plug) / 1e6
            printf "configured by the kernel to message, s\t%s\t%.3f\n", who, (message - found) / 1e6
        }
    ' "$HERE/usb" | tee -a "$figures"
    dmesg | tr -d '[]' | awk -v who="$1" '
        /rhport\(/ && !plug { plug = $1 }
        /now attached to ttyUSB2/ { port = $1 }
        END { if (!plug || !port) exit 1; printf "plug to last port, s\t%s\t%.3f\n", who, port - plug }
    ' | tee -a "$figures"
    wait_for 10 empty
    udevadm settle
}

# Nanoseconds that the watcher ran.
run_time() { awk '{ n += $1 } END { printf "%d", n }' /proc/"$watch"/task/*/schedstat; }

# A new watcher for each round: one that had served this place twice in half a minute would leave the stick alone. Its first stick is not
# counted: an emulated processor takes its time over code that it has not seen.
for left in $(seq "$ROUNDS" -1 1); do
    stickshift watch > "$HERE/watch" 2>&1 &
    watch=$!
    sleep 2
    round new
    before=$(run_time)
    round ours
    figure "processor time of watch for one stick, s" ours "$(awk -v ns=$(($(run_time) - before)) 'BEGIN { printf "%.3f", ns / 1e9 }')"
    [ "$left" = 1 ] || { kill "$watch"; wait "$watch" || true; }
done
sleep 2

# What the watcher costs while nothing happens.
wakings() { awk '/^voluntary_ctxt_switches|^nonvoluntary_ctxt_switches/ { n += $2 } END { print n }' /proc/"$watch"/task/*/status; }
before=$(wakings)
sleep 10
figure "wakings of an idle watch in 10 s" ours $(($(wakings) - before))
figure "resident memory of watch, kB" ours "$(awk '/^VmRSS/ { print $2 }' /proc/"$watch"/status)"
awk '/^[0-9a-f]+-/ { name = $6 } /^Rss:/ { rss[name] += $2 } END { for (n in rss) if (rss[n]) print rss[n], n }' /proc/"$watch"/smaps
kill "$watch"
wait "$watch" || true

# The real rules of usb_modeswitch.
rm /etc/udev/rules.d/40-usb_modeswitch.rules
udevadm control --reload
round new
for _ in $(seq "$ROUNDS"); do round usb_modeswitch; done
ln -s /dev/null /etc/udev/rules.d/40-usb_modeswitch.rules
udevadm control --reload

# One switch as a process, taking turns.
TIMEFORMAT='%U %S'
processor() {
    RACKS=()
    rm -f "$HERE"/owner.1
    plug k3772 --quick
    found
    wait_for 10 exists /dev/sr0
    udevadm settle
    local used
    used=$( { time "${@:2}" > "$HERE/out" 2>&1; } 2>&1 )
    figure "processor time of a switch, s" "$1" "$(awk '{ print $1 + $2 }' <<< "$used")"
    kill "${RACKS[0]}"
    wait "${RACKS[0]}" 2> /dev/null || true
    wait_for 10 empty
    udevadm settle
}
ln -s "$(command -v stickshift)" "$HERE/usb_modeswitch"
for _ in $(seq "$ROUNDS"); do
    processor ours stickshift switch 12d1:1526
    for whose in drop-in usb_modeswitch; do
        program=usb_modeswitch
        if [ "$whose" != usb_modeswitch ]; then program=$HERE/usb_modeswitch; fi
        processor "$whose" "$program" -v 12d1 -p 1526 -V 12d1 -P 14cf -s 20 \
            -M 55534243123456780000000000000011062000000101000100000000000000
    done
done
