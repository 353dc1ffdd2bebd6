# limit: 240
# A second opinion: Debian's ModemManager finds an NCM stick, registers and connects; then NetworkManager brings the same stick up by itself.
modem_manager
plug e3372h-stick
found
wait_for 90 known
cat "$HERE/modem"
grep -E "manufacturer: huawei" "$HERE/modem"
grep -E "model: E3372" "$HERE/modem"
grep -E "860000000000001" "$HERE/modem"
modem --enable
registered
cat "$HERE/modem"
grep -E "operator name: Orange" "$HERE/modem"
modem --messaging-list-sms | tee "$HERE/list"
mmcli -s "$(grep -o "/org/[^ ]*SMS/[0-9]*" "$HERE/list" | sort | head -n 1)" | grep "text: Hello"
modem --signal-setup=2
has_signal() { modem --signal-get | tee "$HERE/signal" | grep -q "rsrp: -"; }
wait_for 30 has_signal
cat "$HERE/signal"
mmcli -i any | grep "iccid: 8900000000000000001"
modem --simple-connect="apn=orange,ip-type=ipv4"
modem | tee "$HERE/modem"
grep -E "state: .*connected" "$HERE/modem"
bearer=$(mmcli -m any -K | sed -n 's/^modem.generic.bearers.value\[1\] *: *//p')
mmcli -b "$bearer" | tee "$HERE/bearer"
grep -E "method: static" "$HERE/bearer"
grep -E "address: 10.249.198.122" "$HERE/bearer"
grep -E "gateway: 10.249.198.121" "$HERE/bearer"
grep -E "dns: 10.177.0.34, 10.161.187.116" "$HERE/bearer"
card "$WHERE"
busybox ip link set "$CARD" up
busybox ip addr add 10.249.198.122/30 dev "$CARD"
busybox ip route add default via 10.249.198.121 dev "$CARD"
same "$(curl -sS -m 20 http://198.18.0.1/address)" 10.249.198.122
modem --simple-disconnect
if curl -sS -m 3 http://198.18.0.1/address; then echo "a way without a bearer"; exit 1; fi
busybox ip addr flush dev "$CARD"
busybox ip link set "$CARD" down

network_manager
managed() { nmcli -t device | grep gsm; }
wait_for 60 managed
nmcli connection add type gsm ifname '*' con-name stick apn orange autoconnect no
nmcli -w 60 connection up stick
nmcli device show "$(nmcli -t -f DEVICE,TYPE device | sed -n 's/:gsm$//p')"
same "$(curl -sS -m 20 http://198.18.0.1/address)" 10.249.198.122
full() { nmcli networking connectivity check | grep -q full; }
wait_for 30 full
nmcli -w 60 connection down stick
nmcli connection delete stick
