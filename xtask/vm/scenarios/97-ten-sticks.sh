# limit: 300
# Ten sticks of five ways in one computer, brought up at the same time: each has an address, a metric and a routing table of its own, and whoever takes its
# interface gets its network and no other. Two of them are HiLink twins, with one hardware address and one network. All come down, and nothing is left.
modprobe -a cdc_mbim ppp_generic ppp_async
mkdir -p /run/lock
echo "# the owner's own" > /etc/resolv.conf
rack=$HERE/sticks
# The one that has to be switched comes first: whoever leaves the bus for a moment would find its place taken.
plug sequans-a000 --seed 10
found
echo "10 $WHERE" > "$rack"
stickshift switch "$WHERE"
# SEED PLACE of a rack's sticks, by the order of their plugs: NAME FIRST-SEED COUNT.
sticks() {
    plug "$1" --seed "$2" --count "$3"
    wait_for 60 all_of "$HERE/rack.${#RACKS[@]}" "$3"
    sed -n 's/.*"place":"\([^"]*\)".*"stick":\([0-9]*\).*/\2 \1/p' "$HERE/rack.${#RACKS[@]}" |
        while read -r number at; do echo "$((number + $2 - 1)) $at"; done >> "$rack"
}
all_of() { [ "$(grep -c '"place"' "$1")" = "$2" ]; }
sticks e3372h-stick 1 5
sticks em7455 6 2
sticks e3372h-hilink 8 2
sort -n -o "$rack" "$rack"
cat "$rack"
same "$(wc -l < "$rack")" 10
declare -A place way
while read -r seed at; do place[$seed]=$at; done < "$rack"
for seed in 1 2 3; do way[$seed]=ncm; done
for seed in 4 5; do way[$seed]=ppp; done
for seed in 6 7; do way[$seed]=mbim; done
for seed in 8 9; do way[$seed]=hilink; done
way[10]=ecm
for seed in {1..10}; do card "${place[$seed]}"; done
for seed in {1..5}; do wait_for 20 compgen -G "/sys/bus/usb/devices/${place[$seed]}:*/ttyUSB*"; done
# Each stick says itself which one it is.
for seed in 1 5; do
    stickshift at AT+CGSN --stick "${place[$seed]}" | grep "8600000000000$((seed - 1))1"
done

computer > "$HERE/before"
ups=()
for seed in {1..10}; do
    stickshift --json online up "${place[$seed]}" --way "${way[$seed]}" --metric $((700 + seed)) > "$HERE/up.$seed" 2>&1 &
    ups[seed]=$!
done
for seed in {1..10}; do wait "${ups[$seed]}" || { cat "$HERE/up.$seed"; false; }; done

value() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",]*\\).*/\\1/p" <<< "$2"; }
declare -A interface
for seed in {1..10}; do
    report=$(tail -n 1 "$HERE/up.$seed")
    interface[$seed]=$(value interface "$report")
    echo "${place[$seed]} ${way[$seed]} ${interface[$seed]} table $(value table "$report") metric $(value metric "$report")"
    same "$(value metric "$report")" $((700 + seed))
done | tee "$HERE/told"
each() { grep -o "$1 [^ ]*" "$HERE/told" | sort -u | wc -l; }
same "$(cut -d' ' -f3 "$HERE/told" | sort -u | wc -l)" 10
same "$(each table)" 10
same "$(each metric)" 10

# The network sees each stick's own subscriber, through its own interface, while all are asked at once.
seen() { curl -sS -m 60 --interface "$1" http://198.18.0.1/address; }
seers=()
for seed in {1..10}; do
    interface[$seed]=$(sed -n "${seed}s/^[^ ]* [^ ]* \([^ ]*\) .*/\1/p" "$HERE/told")
    { seen "${interface[$seed]}" > "$HERE/seen.$seed" && fetched 4 "${interface[$seed]}" 102400; } &
    seers[seed]=$!
done
for seed in {1..10}; do
    wait "${seers[$seed]}"
    number=$((0xc67a + 4 * (seed - 1)))
    same "$(cat "$HERE/seen.$seed")" "10.249.$((number >> 8)).$((number & 255))"
done
for seed in {1..10}; do stickshift online status "${place[$seed]}" | grep "online over ${way[$seed]} on ${interface[$seed]}"; done

# The twins: one network, one router, two cards with an address each.
mac() { cat "/sys/class/net/$1/address"; }
[ "$(mac "${interface[8]}")" != "$(mac "${interface[9]}")" ]
for seed in 8 9; do
    busybox ip -4 addr show dev "${interface[$seed]}" | grep "inet 192.168.8.100/24"
    stickshift hilink info --unmasked --stick "${place[$seed]}" | grep "8600000000000$((seed - 1))1"
done

downs=()
for seed in {1..10}; do
    stickshift online down "${place[$seed]}" > "$HERE/down.$seed" 2>&1 &
    downs[seed]=$!
done
for seed in {1..10}; do wait "${downs[$seed]}" || { cat "$HERE/down.$seed"; false; }; done
computer > "$HERE/after"
diff "$HERE/before" "$HERE/after"
