# limit: 120
# Sticks that are routers: HiLink's network card, and the one of another maker. What the host sends leaves with the bearer's address, names come from the
# router, and nothing passes while the data switch is off.
fetch() { curl -sS -m 20 --interface "$CARD" "$@"; }
at_router() {
    local router=$1
    card "$WHERE"
    lease "$CARD"
    busybox route add default gw "$router" dev "$CARD"
    busybox nslookup -type=a example.org "$router"
    online() { [ "$(fetch http://198.18.0.1/address)" = 10.249.198.122 ]; }
    wait_for 20 online
    fetch -o "$HERE/got" http://198.18.0.1/bytes/1000000
    seq -w 0 124999 | sed 's/^/0/' | cmp - "$HERE/got"
}
plug e3372h-hilink
found
at_router 192.168.8.1
stickshift hilink status --stick "$WHERE" | grep -i connected
echo "quit" > "$HERE/owner.1"
wait_for 20 empty

plug sequans-a000
found
stickshift switch "$WHERE"
stands "$WHERE" 148e:a000
at_router 192.168.0.1
