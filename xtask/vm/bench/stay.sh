# limit: 7000
# `online up --stay` in real time, STAY_MINUTES long: a stick that its network cuts off after some minutes, over and over, and that its owner replugs. What is
# looked at every minute goes to stay.tsv: minute, state, kilobytes, open files, processes, wakings so far, processor time so far.
figures=/run/vm/figures.tsv
: > "$figures"
figure() { printf '%s\t%s\t%s\n' "$@" | tee -a "$figures"; }
MINUTES=${STAY_MINUTES:-60}
echo "# the owner's own" > /etc/resolv.conf
plug e3372h-stick --fault bearer-drops:420s
found
card "$WHERE"
wait_for 20 compgen -G "/sys/bus/usb/devices/$WHERE:*/ttyUSB*"
computer > "$HERE/before"
stickshift online up "$WHERE" --stay --every 30 --check none > /run/vm/stay.log 2>&1 &
stay=$!
wait_for 90 grep -q '^up' /run/vm/stay.log
files() { ls "/proc/$stay/fd" | wc -l; }
field() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$stay/status"; }
first=("$(field VmRSS)" "$(files)")
ups=0 looks=0
for minute in $(seq "$MINUTES"); do
    # A replug every ten minutes, in its middle.
    if [ $((minute % 10)) = 5 ]; then echo replug > "$HERE/owner.1"; fi
    sleep 60
    state=down
    if stickshift online status "$WHERE" | grep -q ": online over"; then state=up ups=$((ups + 1)); fi
    looks=$((looks + 1))
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$minute" "$state" "$(field VmRSS)" "$(files)" "$(pgrep -c -P "$stay" || true)" \
        "$(field voluntary_ctxt_switches)" "$(awk '{ printf "%.2f", $1 / 1e9 }' "/proc/$stay/schedstat")" | tee -a /run/vm/stay.tsv
done
figure "minutes of --stay" ours "$MINUTES"
figure "minutes that ended online" ours "$ups"
figure "times that it came up" ours "$(grep -c '^up' /run/vm/stay.log)"
figure "growth of its memory, kB" ours $(($(field VmRSS) - first[0]))
figure "growth of its open files" ours $(($(files) - first[1]))
# Ctrl-C, and `down` finds nothing left to do.
kill -INT "$stay"
wait "$stay" || true
stickshift online down "$WHERE"
wait_for 30 exists "/sys/class/net/$CARD"
computer > "$HERE/after"
diff "$HERE/before" "$HERE/after"
# A look may fall into the moment after a cut.
[ "$state" = up ] || [ $((looks - ups)) -le $((1 + looks / 6)) ]
