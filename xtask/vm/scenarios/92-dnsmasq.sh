# limit: 120
# Foreign peers at the other end: the network card is the kernel's own gadget, its network has Debian's dnsmasq for addresses and names. `--stay` renews the lease
# when the server wants it to, before its next look at the connection, keeps its address, and asks the server after it was replaced as well.
echo "# the owner's own" > /etc/resolv.conf
modprobe dummy_hcd
modprobe g_ether idVendor=0x148e idProduct=0xa000 dev_addr=02:00:5e:00:53:01 host_addr=02:00:5e:00:53:02
there() { PLACE=$(bus | sed -n 's/ 148e:a000$//p') && [ -n "$PLACE" ]; }
wait_for 20 there
ip netns add operator
ip link set usb0 netns operator
ip -n operator addr add 10.99.0.1/24 dev usb0
ip -n operator link set usb0 up
# It is plugged in anew, now that there is a network behind it: its driver takes no notice of a cable that comes later.
echo 0 > "/sys/bus/usb/devices/$PLACE/authorized"
echo 1 > "/sys/bus/usb/devices/$PLACE/authorized"
card "$PLACE"
server() {
    ip netns exec operator dnsmasq --keep-in-foreground --conf-file=/dev/null --interface=usb0 --bind-interfaces --dhcp-range=10.99.0.50,10.99.0.60,2m \
        --dhcp-option=option:T1,10 --address=/#/10.99.0.1 --no-resolv --no-hosts --pid-file= --user=root --dhcp-leasefile="$HERE/leases" --log-dhcp --log-facility=- \
        --dhcp-authoritative --no-ping > "$HERE/dnsmasq.$1" 2>&1 &
    SERVER=$!
}
server 1
computer > "$HERE/before"
stickshift online up "$PLACE" --stay --every 3600 --check none > "$HERE/stay" 2>&1 &
stay=$!
wait_for 60 grep -q '^up' "$HERE/stay"
stickshift online status "$PLACE" | tee "$HERE/status"
grep "online over ecm on $CARD" "$HERE/status"
grep "10.99.0.5" "$HERE/status"
discovers() { grep -c DHCPDISCOVER "$HERE/dnsmasq.1"; }
before=$(discovers)
asked() { [ "$(grep -c 'DHCPACK' "$HERE/dnsmasq.$1")" -ge "$2" ]; }
wait_for 40 asked 1 3
# Renewed, and not asked for anew.
same "$(discovers)" "$before"
kill "$SERVER"
wait "$SERVER" || true
: > "$HERE/leases"
server 2
wait_for 40 asked 2 1
cat "$HERE"/dnsmasq.*
stickshift online status "$PLACE" | grep "10.99.0.5"
same "$(grep -c '^up' "$HERE/stay")" 1
kill -INT "$stay"
wait "$stay" || true
stickshift online down "$PLACE"
computer > "$HERE/after"
diff "$HERE/before" "$HERE/after"
kill "$SERVER"
ip netns delete operator
rmmod g_ether dummy_hcd
